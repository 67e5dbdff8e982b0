"""
Parameter sets of H.264 and HEVC: told once in a file's header, or again before keyframes.

Layouts are those of ISO/IEC 14496-15 (avcC, hvcC).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_H264_IDR = 5
_HEVC_IDR = (19, 20)
_HEVC_PICTURES = 32
"""Types of units below this one are pictures."""
LENGTH_BYTES = 4
"""Of a unit's length, where units aren't parted by start codes."""
_START = b"\x00\x00\x01"


def parameter_sets(context: Any) -> bytes | None:
    """All parameter sets of a stream as units with a length of 4 bytes; None when it has others."""
    extradata: bytes = context.extradata or b""
    hevc = context.name == "hevc"
    if _length_bytes(extradata, hevc) != LENGTH_BYTES:
        return None
    units = _of_hvcc(extradata) if hevc else _of_avcc(extradata)
    return b"".join(len(unit).to_bytes(LENGTH_BYTES, "big") + unit for unit in units)


def _length_bytes(extradata: bytes, hevc: bool) -> int:
    """Bytes of a unit's length; 0 where units are parted by start codes."""
    return (extradata[21 if hevc else 4] & 3) + 1 if extradata[:1] == b"\x01" else 0


def _of_avcc(data: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):
        count = data[at] & mask
        at += 1
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2], "big")
            yield data[at + 2 : at + 2 + size]
            at += 2 + size


def _of_hvcc(data: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(data[22]):
        count = int.from_bytes(data[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2], "big")
            yield data[at + 2 : at + 2 + size]
            at += 2 + size


def begins_closed(packet: Any, context: Any) -> bool:
    """Whether nothing from before is needed to decode from *packet* on: its picture is an IDR."""
    hevc = context.name == "hevc"
    for unit in units(bytes(packet), _length_bytes(context.extradata or b"", hevc)):
        kind = (unit[0] >> 1) & 0x3F if hevc else unit[0] & 0x1F
        if kind < _HEVC_PICTURES if hevc else 0 < kind <= _H264_IDR:
            return kind in _HEVC_IDR if hevc else kind == _H264_IDR
    return False


def units(data: bytes, length: int) -> Iterator[bytes]:
    """Units of a packet with so many bytes of length each; 0 where start codes part them."""
    if not length:
        yield from (part for part in data.split(_START)[1:] if part)
        return
    at = 0
    while at + length < len(data):
        size = int.from_bytes(data[at : at + length], "big")
        yield data[at + length : at + length + size]
        at += length + size
