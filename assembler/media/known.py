"""
What is known of a media file as JSON text, and back.

    info == parse(dump(info))
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from fractions import Fraction
from pathlib import Path
from typing import Any

from assembler.media.info import MediaInfo


def dump(info: MediaInfo) -> str:
    """JSON text."""
    return json.dumps(_plain(info))


def parse(text: str) -> MediaInfo | None:
    """What `dump` wrote; None when the text is anything else, an older form for example."""
    try:
        return typing.cast(MediaInfo, _typed(MediaInfo, json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _plain(value: Any) -> Any:
    """Values that JSON knows; fractions become text, paths too."""
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (Fraction, Path)):
        return str(value)
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _typed(kind: Any, value: Any) -> Any:
    """The value of that type from what `_plain` made of it."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        types_ = typing.get_type_hints(kind)
        return kind(**{name: _typed(types_[name], v) for name, v in value.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return None if value is None else _typed(inner, value)
    if origin is tuple:
        inner = arguments[0]
        return tuple(value) if inner is int else tuple(_typed(inner, v) for v in value)
    return kind(value) if kind in (Fraction, Path) else value
