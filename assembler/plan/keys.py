"""
Content keys: the hash of everything that decides the bytes of a result.

    >>> content_key(stage=1, prompt="Mist lifts.") == content_key(prompt="Mist lifts.", stage=1)
    True
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

GENERATE = 1
"""Version of what is asked of a model for the same link; raise it when the request changes."""
FILES = 1
"""Version of how a file becomes a clip."""


def content_key(**parts: Any) -> str:
    """
    32 hexadecimal digits that are equal when, and only when, all parts are equal.

    Parts may be plain values, fractions, decimals, paths, sequences, mappings and dataclasses.

    Raises:
        TypeError: If a part has no stable form (a set, an object, a float that is not finite).
    """
    text = json.dumps(
        _plain(parts), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (Fraction, Decimal)):
        return [type(value).__name__, str(value)]
    if isinstance(value, Path):
        return ["Path", value.as_posix()]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return ["Mapping", sorted([_plain(k), _plain(v)] for k, v in value.items())]
        return {key: _plain(value[key]) for key in value}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return [type(value).__name__, named]
    raise TypeError(f"{type(value).__name__} has no stable form for a key")
