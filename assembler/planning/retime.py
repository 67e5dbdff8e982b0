"""
Time of a clip bent: speed, ramps, reverse and freezes as positions in the source.

    retime = retimed(segment, first=24, stop=144, has=240, rate=Fraction(24))
    retime.at(retime.first + 10)          # 29: at half speed, the 10th frame shown

Frame n of a clip whose time is bent is what its source shows at `at(n)`, in frames at the
programme's rate. All numbers are exact.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from assembler.spec.model import Segment

MOST_HANDLES = 720
"""Frames beyond in and out that are looked for at most."""

Frames = Literal["nearest", "blend", "flow"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which the speed stands or changes evenly."""

    start: int
    """Frame shown, counted from the first one of the segment."""
    position: Fraction
    """In the source, at its start."""
    speed: Fraction
    """Source frames per frame, at its start; below 0 backwards."""
    change: Fraction = Fraction(0)
    """Of the speed per frame."""

    def at(self, frame: int) -> Fraction:
        """Position at a frame shown."""
        n = frame - self.start
        return self.position + self.speed * n + self.change * n * n / 2


@dataclass(frozen=True, slots=True)
class Retime:
    """How frames shown are found in the source."""

    stretches: tuple[Stretch, ...]
    first: int
    """Frames that there are before the segment's first one: its handle."""
    shown: int
    """Frames of the segment."""
    frames: int
    """All frames that there are, both handles included."""
    has: int
    """Frames of the source."""
    way: Frames = "nearest"

    def at(self, frame: int) -> Fraction:
        """Position in the source of a frame, counted with the handle before."""
        n = frame - self.first
        starts = [stretch.start for stretch in self.stretches]
        return self.stretches[max(0, bisect_right(starts, n) - 1)].at(n)

    def speed(self, frame: int) -> Fraction:
        """How far the source goes from this frame to the next."""
        return self.at(frame + 1) - self.at(frame)


def bends_time(segment: Segment) -> bool:
    """Whether a segment's time is bent at all."""
    return bool(segment.speed or segment.reverse or segment.freeze)


def retimed(
    segment: Segment, *, first: int, stop: int | None, length: int | None, has: int, rate: Fraction
) -> Retime:
    """
    The bent time of a segment.

    Args:
        segment: With `speed`, `reverse` or `freeze`.
        first: First frame of the source that may be shown.
        stop: First that may not; None is the end.
        length: Frames shown; None is all from *first* to *stop*.
        has: Frames of the source at *rate*.
        rate: Of the programme.
    """
    end = has if stop is None else stop
    begin = Fraction(end - 1 if segment.reverse else first)
    stretches = _stretches(segment, begin, rate)
    whole = Retime(stretches, 0, 0, 0, has)
    shown = _count(whole, 0, 1, first, end) if length is None else length
    before = _count(whole, -1, -1, 0, has)
    after = _count(whole, shown, 1, 0, has)
    way = segment.speed.frames if segment.speed else "nearest"
    return Retime(stretches, before, shown, before + shown + after, has, way)


_LONGEST = 1_000_000


def _count(retime: Retime, start: int, step: int, low: int, high: int) -> int:
    """How many frames from *start* on lie in [low, high) of the source."""
    still = retime.speed(start) == 0
    most = _LONGEST if step > 0 and start == 0 else MOST_HANDLES
    count = 0
    while count < most and low <= retime.at(start + step * count) < high:
        if still and start:
            return most
        count += 1
    return count


def _stretches(segment: Segment, begin: Fraction, rate: Fraction) -> tuple[Stretch, ...]:
    """Speeds between all points and around all freezes, joined without a step."""
    sign = -1 if segment.reverse else 1
    points = _points(segment, rate)
    freezes = [
        (freeze.at.frames(rate), freeze.at.frames(rate) + freeze.for_.frames(rate))
        for freeze in segment.freeze
    ]
    marks = {0, *(at for at, _ in points), *(edge for both in freezes for edge in both)}
    edges = sorted(mark for mark in marks if mark >= 0)
    out: list[Stretch] = []
    position = begin
    for start, after in pairwise([*edges, edges[-1] + 1]):
        speed, change = _speed(points, start)
        if any(a <= start < b for a, b in freezes):
            speed = change = Fraction(0)
        stretch = Stretch(start, position, sign * speed, sign * change)
        out.append(stretch)
        position = stretch.at(after)
    return tuple(out)


def _points(segment: Segment, rate: Fraction) -> list[tuple[int, Fraction]]:
    speed = segment.speed
    if speed is None:
        return [(0, Fraction(1))]
    if not speed.points:
        return [(0, _exact(speed.rate))]
    return [(point.at.frames(rate), _exact(point.rate)) for point in speed.points]


def _exact(value: float) -> Fraction:
    """A factor as it was written: 0.1 is a tenth."""
    return Fraction(str(value))


def _speed(points: list[tuple[int, Fraction]], at: int) -> tuple[Fraction, Fraction]:
    """Speed at a frame, and how it changes from there on."""
    for (start, slow), (stop, fast) in pairwise(points):
        if start <= at < stop:
            change = (fast - slow) / (stop - start)
            return slow + change * (at - start), change
    return (points[0] if at < points[0][0] else points[-1])[1], Fraction(0)
