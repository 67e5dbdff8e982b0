"""
Content keys: the hash of everything that decides the bytes of a result.

    >>> content_key(stage=1, prompt="Mist lifts.") == content_key(prompt="Mist lifts.", stage=1)
    True
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from assembler.planning.model import Link

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


def take_key(key: str, number: int) -> str:
    """Content key of one take of a link."""
    return key if number == 1 else f"{key}-{number}"


_PLAIN = frozenset({type(None), bool, int, float, str})


def _plain(value: Any) -> Any:
    if type(value) in _PLAIN or isinstance(value, (int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (Fraction, Decimal)):
        return [type(value).__name__, str(value)]
    if isinstance(value, Path):
        return ["Path", value.as_posix()]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return [
                "Mapping",
                sorted(([_plain(k), _plain(v)] for k, v in value.items()), key=json.dumps),
            ]
        return {key: _plain(value[key]) for key in value}
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return [type(value).__name__, named]
    raise TypeError(f"{type(value).__name__} has no stable form for a key")


def link_parts(
    link: Link,
    *,
    start: tuple[str, str | int | None] | None,
    end: tuple[str, str | int | None] | None,
    hashes: Mapping[Path, str],
    elements: Sequence[str] = (),
    video: tuple[str, str | int | None] | None = None,
) -> dict[str, Any]:
    """
    Everything that decides a link's take, by name.

    There are no ids and no paths in it, so renaming changes nothing.

    Args:
        link: The link; its key isn't looked at.
        start: What its start frame is: an image's hash, or a clip's key and frame.
        end: The same of its end frame.
        hashes: SHA-256 of the files it names.
        elements: Names of elements that it refers to.
        video: The take whose lips it moves.
    """
    files = (link.avatar_image, link.avatar_audio)
    image, audio = (hashes.get(path, "") if path else None for path in files)
    # Rented models have rates of their own: a preset that is put right must make no take stale.
    here = link.provider in ("animatic", "comfyui") and link.price_usd == 0
    ours = ("rate", "frames") if here else ()
    plain = (
        *ours, "kind", "provider", "model", "length_s", "size", "resolution", "prompt", "negative",
        "camera", "shots", "audio", "seed", "guidance", "voices", "options",
    )  # fmt: skip
    return {
        "stage": GENERATE,
        **{name: getattr(link, name) for name in plain},
        "start": start,
        "end": end,
        "references": [hashes.get(path, "") for path in link.references],
        "elements": list(elements),
        "avatar": [image, audio, link.avatar_in_s],
        **({"video": video} if video else {}),
        **({"middle": [hashes.get(path, "") for path in link.middle]} if link.middle else {}),
    }
