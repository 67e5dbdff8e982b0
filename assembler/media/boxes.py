"""
The top-level boxes of an MP4 or MOV file (ISO/IEC 14496-12 §4.2).

    boxes_of(path).names                # ('ftyp', 'moov', 'mdat')
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_MOST = 100_000
"""Boxes that are looked at: fragments have two each, nonsense may have millions."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """What a file says of its parts."""

    names: tuple[str, ...]
    """In order; the last one may be cut off."""
    missing_bytes: int
    """By how much the last box is longer than the file."""
    whole: bool
    """Whether the file ends where its last box does."""


def boxes_of(path: Path) -> Boxes:
    """
    The boxes of a file, until one makes no sense.

    Raises:
        OSError: If it can't be read.
    """
    names: list[str] = []
    size, position = path.stat().st_size, 0
    with path.open("rb") as file:
        while position < size and len(names) < _MOST:
            file.seek(position)
            head = file.read(16)
            if len(head) < 8:
                return Boxes(tuple(names), 0, whole=False)
            length, name = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                (length,) = struct.unpack(">Q", head[8:])
            length = length or size - position  # 0: to the end
            if length < 8:
                return Boxes(tuple(names), 0, whole=False)
            names.append(name.decode("latin-1"))
            position += length
    return Boxes(tuple(names), max(0, position - size), whole=position <= size)
