"""
How many frames a decoder holds back, as parameter sets of H.264 and HEVC announce it.

    most = max(held_back(sets, hevc=False) for sets in all_sets)
    sets = holding_back(sets, most, hevc=False)

Matroska keeps no decoding times: readers work them out from these numbers, and they go back where
a later set announces more. Pictures stay the same, whatever is announced beyond the need.
Syntax: ISO/IEC 14496-10, 7.3.2.1.1 and E.1.1; ISO/IEC 23008-2, 7.3.2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from assembler.rendering.headers import LENGTH_BYTES, units

_H264_SPS = 7
_HEVC_SPS = 33
_EXTENDED_SAR = 255
_HIGH = (44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244)
"""Profiles whose sets tell their chroma and depth."""


class _Place(NamedTuple):
    """Where the numbers of one layer are written."""

    first: int
    stop: int
    held: int
    buffered: int
    """Pictures that are kept: never fewer than those held back."""
    latency: int = 0
    """What comes after them in HEVC."""


class _Bits:
    """A set's bits, read one after the other."""

    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def number(self, count: int) -> int:
        """An unsigned number of *count* bits."""
        found = self.text[self.at : self.at + count]
        if len(found) < count:
            raise ValueError("the set ends early")
        self.at += count
        return int(found, 2) if count else 0

    def code(self) -> int:
        """An unsigned Exp-Golomb code; signed ones are as long."""
        zeros = self.text.index("1", self.at) - self.at
        self.at += zeros
        return self.number(zeros + 1) - 1

    def codes(self, count: int) -> None:
        """Pass over so many codes."""
        for _ in range(count):
            self.code()


def held_back(sets: bytes, *, hevc: bool) -> int:
    """The most frames that any of the *sets* announces; units have a length of 4 bytes."""
    found = (place.held for unit in units(sets, LENGTH_BYTES) for place in _places(unit, hevc))
    return max(found, default=0)


def holding_back(sets: bytes, frames: int, *, hevc: bool) -> bytes:
    """*sets* that announce so many frames at least; those that announce none stay as they are."""
    made = (_raised(unit, frames, hevc) for unit in units(sets, LENGTH_BYTES))
    return b"".join(len(unit).to_bytes(LENGTH_BYTES, "big") + unit for unit in made)


def _places(unit: bytes, hevc: bool) -> list[_Place]:
    kind = (unit[0] >> 1) & 0x3F if hevc else unit[0] & 0x1F
    if kind != (_HEVC_SPS if hevc else _H264_SPS):
        return []
    bits = _Bits(_plain(unit))
    try:
        return list(_in_hevc(bits) if hevc else _in_h264(bits))
    except ValueError:
        return []


def _raised(unit: bytes, frames: int, hevc: bool) -> bytes:
    places = [place for place in _places(unit, hevc) if place.held < frames]
    if not places:
        return unit
    text = _Bits(_plain(unit)).text
    text = text[: text.rindex("1")]  # without the bit that ends it
    for place in reversed(places):
        buffered = max(place.buffered, frames)
        numbers = [buffered, frames, place.latency] if hevc else [frames, buffered]
        text = text[: place.first] + "".join(map(_code, numbers)) + text[place.stop :]
    text += "1" + "0" * (-(len(text) + 1) % 8)
    return _escaped(int(text, 2).to_bytes(len(text) // 8, "big"))


def _code(number: int) -> str:
    text = f"{number + 1:b}"
    return "0" * (len(text) - 1) + text


def _plain(unit: bytes) -> bytes:
    """Without the bytes that keep start codes from appearing."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def _escaped(data: bytes) -> bytes:
    out = bytearray()
    for byte in data:
        if byte <= 3 and out[-2:] == b"\x00\x00":
            out.append(3)
        out.append(byte)
    return bytes(out)


def _in_h264(bits: _Bits) -> Iterator[_Place]:
    bits.at = 8
    profile = bits.number(8)
    bits.number(16)
    bits.code()
    if profile in _HIGH:
        _chroma_of_h264(bits)
    bits.code()
    order = bits.code()
    if order == 0:
        bits.code()
    elif order == 1:
        bits.number(1)
        bits.codes(2)
        bits.codes(bits.code())
    bits.code()
    bits.number(1)
    bits.codes(2)
    if not bits.number(1):
        bits.number(1)
    bits.number(1)
    if bits.number(1):
        bits.codes(4)
    if bits.number(1):
        yield from _in_usability(bits)


def _chroma_of_h264(bits: _Bits) -> None:
    chroma = bits.code()
    if chroma == 3:
        bits.number(1)
    bits.codes(2)
    bits.number(1)
    if bits.number(1):
        raise ValueError("scaling matrices aren't read")


def _in_usability(bits: _Bits) -> Iterator[_Place]:
    if bits.number(1) and bits.number(8) == _EXTENDED_SAR:
        bits.number(32)
    if bits.number(1):
        bits.number(1)
    if bits.number(1):
        bits.number(4)
        if bits.number(1):
            bits.number(24)
    if bits.number(1):
        bits.codes(2)
    if bits.number(1):
        bits.number(65)
    buffers = [_buffer_told(bits) for _ in range(2)]
    if any(buffers):
        bits.number(1)
    bits.number(1)
    if bits.number(1):
        bits.number(1)
        bits.codes(4)
        first = bits.at
        held, buffered = bits.code(), bits.code()
        yield _Place(first, bits.at, held, buffered)


def _buffer_told(bits: _Bits) -> bool:
    """Pass over the parameters of a reference decoder."""
    if not bits.number(1):
        return False
    count = bits.code() + 1
    bits.number(8)
    for _ in range(count):
        bits.codes(2)
        bits.number(1)
    bits.number(20)
    return True


def _in_hevc(bits: _Bits) -> Iterator[_Place]:
    bits.at = 16
    bits.number(4)
    layers = bits.number(3)
    bits.number(1 + 96)
    told = [(bits.number(1), bits.number(1)) for _ in range(layers)]
    if layers:
        bits.number(2 * (8 - layers))
    for profile, level in told:
        bits.number(88 * profile + 8 * level)
    bits.code()
    if bits.code() == 3:
        bits.number(1)
    bits.codes(2)
    if bits.number(1):
        bits.codes(4)
    bits.codes(3)
    for _ in range(layers + 1 if bits.number(1) else 1):
        first = bits.at
        buffered, held, latency = bits.code(), bits.code(), bits.code()
        yield _Place(first, bits.at, held, buffered, latency)
