"""
Exact time: rates are fractions, positions are whole frames or samples, seconds are fractions.

    >>> rate = parse_rate("23.976")
    >>> Timecode.parse("01:00:00:00", rate).frame
    86400
    >>> samples_at(86400, rate, 48000)
    172972800
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import NamedTuple

NTSC = Fraction(1000, 1001)
"""Factor between a nominal NTSC rate and the real one (SMPTE ST 12-1)."""

_NTSC_RATES = {24, 30, 48, 60, 120}


class FrameRange(NamedTuple):
    """Half-open range of frames: *stop* is the first frame outside."""

    start: int
    stop: int

    @property
    def frames(self) -> int:
        """Length in frames."""
        return self.stop - self.start


class SampleRange(NamedTuple):
    """Half-open range of audio samples (per channel)."""

    start: int
    stop: int

    @property
    def samples(self) -> int:
        """Length in samples."""
        return self.stop - self.start


def parse_rate(value: str | int | float | Fraction) -> Fraction:
    """
    Frame rate as an exact fraction; 23.976, 29.97, 59.94 and their like mean n·1000/1001.

    Raises:
        ValueError: If the value is no positive rate up to 1000.
    """
    if isinstance(value, str):
        text = value.strip().removesuffix("fps").strip()
        if not re.fullmatch(r"\d{1,7}(\.\d{1,6})?(/\d{1,7})?", text):
            raise ValueError(f"{value!r} is no frame rate")
        above, _, below = text.partition("/")
        if below and not int(below):
            raise ValueError(f"{value!r} is no frame rate")
        rate = Fraction(above) / Fraction(below or 1)
    elif not isfinite(value):
        raise ValueError(f"{value!r} is no frame rate")
    else:
        rate = Fraction(value).limit_denominator(1_000_000)
    return _checked(nearest_standard(rate))


def _checked(rate: Fraction) -> Fraction:
    if not 0 < rate <= 1000:
        raise ValueError(f"a frame rate lies between 0 and 1000, not {float(rate):g}")
    return rate


def nearest_standard(rate: Fraction, tolerance: Fraction = Fraction(1, 5000)) -> Fraction:
    """*rate*, or the whole or NTSC rate that it means within *tolerance* (relative)."""
    nominal = round(rate)
    candidates = [Fraction(nominal)] if nominal else []
    candidates += [n * NTSC for n in (nominal, nominal + 1) if n in _NTSC_RATES]
    near = [c for c in candidates if abs(c - rate) <= c * tolerance]
    return min(near, key=lambda c: abs(c - rate)) if near else rate


def round_half_up(value: Fraction) -> int:
    """Nearest whole number, halves upwards: the same on both sides of zero."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def frames_in(seconds: Fraction, rate: Fraction) -> int:
    """Frame position nearest to *seconds*."""
    return round_half_up(seconds * rate)


def samples_at(frame: int, rate: Fraction, hz: int) -> int:
    """
    First sample of *frame*, rounded to the nearest.

    The length of a range is the difference of two such positions, so that rounding never adds up.
    """
    return round_half_up(frame * hz / rate)


def seconds_at(frame: int, rate: Fraction) -> Fraction:
    """Time of the start of *frame*."""
    return frame / rate


@dataclass(frozen=True, slots=True)
class Timecode:
    """A label that counts frames at the nominal rate (SMPTE ST 12-1); not a clock."""

    frame: int
    """Frames since 00:00:00:00; labels start again after 24 hours."""
    rate: Fraction
    drop: bool = False

    def __post_init__(self) -> None:
        if self.drop and not _can_drop(self.rate):
            raise ValueError(_NO_DROP)

    @classmethod
    def from_frames(cls, frame: int, rate: Fraction, *, drop: bool = False) -> Timecode:
        """
        Timecode of the given frame count.

        Raises:
            ValueError: If drop-frame is asked for at a rate that has none.
        """
        return cls(frame, rate, drop)

    @classmethod
    def parse(cls, label: str, rate: Fraction) -> Timecode:
        """
        Timecode from ``HH:MM:SS:FF``; a ``;`` before the frames means drop-frame.

        Raises:
            ValueError: If the label is malformed, its frame number doesn't exist at this rate, or
                drop-frame is asked for at a rate that has none.
        """
        match = re.fullmatch(r"(\d{2}):(\d{2}):(\d{2})([:;])(\d{2,3})", label, re.ASCII)
        if not match:
            raise ValueError(f"{label!r} is no timecode; write HH:MM:SS:FF")
        hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
        drop = match[4] == ";"
        nominal = round(rate)
        if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
            raise ValueError(f"{label!r} doesn't exist at {nominal} frames a second")
        if drop and not _can_drop(rate):
            raise ValueError(f"{label!r}: {_NO_DROP}")
        dropped = nominal // 15
        if drop and frames < dropped and seconds == 0 and minutes % 10:
            raise ValueError(f"{label!r} is one of the labels that drop-frame leaves out")
        count = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
        if drop:
            total_minutes = hours * 60 + minutes
            count -= dropped * (total_minutes - total_minutes // 10)
        return cls(count, rate, drop)

    def __str__(self) -> str:
        nominal = round(self.rate)
        count = self.frame % _frames_a_day(nominal, drop=self.drop)
        if self.drop:
            count += _dropped_before(count, nominal)
        seconds, frames = divmod(count, nominal)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        mark = ";" if self.drop else ":"
        return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"


_NO_DROP = "drop-frame exists only at 29.97 and 59.94 frames a second"


def _frames_a_day(nominal: int, *, drop: bool) -> int:
    return 24 * 3600 * nominal - (24 * 54 * (nominal // 15) if drop else 0)


def _can_drop(rate: Fraction) -> bool:
    return rate in (30 * NTSC, 60 * NTSC)


def _dropped_before(count: int, nominal: int) -> int:
    """Labels left out before the frame with this count, at 29.97 or 59.94."""
    dropped = nominal // 15
    per_minute = nominal * 60 - dropped
    per_ten = nominal * 600 - dropped * 9
    tens, rest = divmod(count, per_ten)
    skipped = 9 * dropped * tens
    if rest >= nominal * 60:
        skipped += dropped * (1 + (rest - nominal * 60) // per_minute)
    return skipped
