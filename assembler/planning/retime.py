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
from math import ceil, floor
from typing import Literal

from assembler.spec.model import Segment
from assembler.timebase import FrameRange

MOST_HANDLES = 720
"""Frames beyond in and out that are looked for at most."""

_MANY_MORE = Fraction(6, 5)

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
        """Position at a frame shown; before the first stretch its speed stands."""
        n = frame - self.start
        if n < 0:
            return self.position + self.speed * n
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
        """
        Position in the source of a frame, counted with the handle before.

        Where the source has no frame any more (it may stand still behind its end, and a clip may
        come shorter than it was planned), its outermost one stays.
        """
        place = self.reach(frame)
        return (
            place if 0 <= place < self.has else min(max(Fraction(0), place), Fraction(self.has - 1))
        )

    def reach(self, frame: int) -> Fraction:
        """The same, also where the source has no frame."""
        n = frame - self.first
        starts = [stretch.start for stretch in self.stretches]
        return self.stretches[max(0, bisect_right(starts, n) - 1)].at(n)

    def shown_at(self, frame: int, own: Fraction, rate: Fraction) -> int:
        """
        Number of the source's frame that is shown, or the one before where it lies between two.

        Args:
            frame: Counted with the handle before; outside of what there is the outermost one stays.
            own: Rate at which the source's frames are counted, see `read_rate`.
            rate: Of the programme.
        """
        return floor(self.at(max(0, min(frame, self.frames - 1))) * own / rate)

    def speed(self, frame: int) -> Fraction:
        """How far the source goes from this frame to the next."""
        return self.reach(frame + 1) - self.reach(frame)

    @property
    def last(self) -> Fraction:
        """Position of the last frame of the segment, from which another may go on."""
        return self.at(self.first + self.shown - 1)

    @property
    def ends_on_frame(self) -> bool:
        """Whether the last frame of the segment is one of the source's, and no mix of several."""
        if self.way == "nearest":
            return True
        fast = self.way == "blend" and abs(self.speed(self.first + self.shown - 1)) > 1
        return self.last.denominator == 1 and not fast

    @property
    def reaches(self) -> bool:
        """Whether the source has all frames that the segment moves through."""
        moving = [n for n in range(self.first, self.first + self.shown) if self.speed(n)]
        return all(0 <= self.reach(n) < self.has for n in moving or (self.first,))

    @property
    def even(self) -> Fraction | None:
        """Its speed if that never changes: source frames per frame, below 0 backwards."""
        speeds = {stretch.speed for stretch in self.stretches}
        if len(speeds) > 1 or any(stretch.change for stretch in self.stretches):
            return None
        return speeds.pop()

    def seen(self, first: int, frames: int) -> FrameRange:
        """
        Frames of the source that are seen in so many frames from *first* on, in its own order.

        Between two frames both are seen, unless the nearest one stands for them.
        """
        if frames <= 0:
            place = floor(self.at(first))
            return FrameRange(place, place)
        ends = (first, first + frames - 1)
        places = [
            self.at(n) for n in (ends if self.even is not None else range(first, ends[1] + 1))
        ]
        last = floor(max(places)) if self.way == "nearest" else ceil(max(places))
        return FrameRange(floor(min(places)), last + 1)

    def pace(self, first: int, frames: int) -> Fraction:
        """Source frames per frame over a stretch, below 0 backwards; the mean if they differ."""
        if self.even is not None:
            return self.even
        way = -1 if self.at(first + frames - 1) < self.at(first) else 1
        return way * Fraction(self.seen(first, frames).frames, max(1, frames))

    def on(self, has: int) -> Retime:
        """The same bend of a source that has so many frames."""
        return _handled(self.stretches, self.shown, has, self.way)


def read_rate(own: Fraction, rate: Fraction) -> Fraction:
    """
    Rate at which frames of a source are counted whose time is bent.

    The programme's, or the source's own, if that has many more frames to show.
    """
    return own if own >= _MANY_MORE * rate else rate


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
    begin = Fraction(first)
    if segment.reverse:  # as far from its end as forwards from its start
        (slow, *_) = _stretches(segment, begin, rate)
        begin = end - min(Fraction(1), abs(slow.speed) or Fraction(1))
    stretches = _stretches(segment, begin, rate)
    shown = _count(Retime(stretches, 0, 0, 0, has), 0, 1, first, end) if length is None else length
    return _handled(stretches, shown, has, _way(segment))


@dataclass(frozen=True, slots=True)
class Need:
    """What of its source a segment shows, handles included."""

    begin: Fraction
    """Position of the segment's first frame."""
    frames: int
    """Frames that the source must have."""


def needed(
    segment: Segment, *, shown: int, head: int, tail: int, rate: Fraction, handed_on: bool
) -> Need:
    """
    The shortest source for a segment whose time is bent.

    What stands still at an end needs no frame of its own: the outermost one stays.

    Args:
        segment: With `speed`, `reverse` or `freeze`.
        shown: Frames of the segment.
        head: Frames shown before it: a handle.
        tail: Frames shown after it.
        rate: Of the programme.
        handed_on: Whether its last frame must be one of the source's, and no mix.
    """
    way = _way(segment)
    whole = Retime(_stretches(segment, Fraction(0), rate), 0, shown, shown, 0, way)
    lowest, highest = [], []
    for n in [n for n in range(-head, shown + tail) if whole.speed(n)] or [0]:
        speed = whole.speed(n)
        more = max(Fraction(0), abs(speed) - 1) if way == "blend" else Fraction(0)
        place = whole.reach(n)
        lowest.append(place - more if speed < 0 else place)
        highest.append(place + more if speed > 0 else place)
    begin = -min(lowest)
    if handed_on and way != "nearest":
        begin += _up_to_whole(begin + whole.reach(shown - 1))
    elif not segment.reverse:
        begin += _up_to_whole(begin)
    return Need(begin, floor(begin + max(highest)) + 1)


def unseen(segment: Segment, shown: int, rate: Fraction) -> tuple[int, ...]:
    """Numbers of the freezes that begin behind the segment's *shown* frames."""
    return tuple(n for n, one in enumerate(segment.freeze) if one.at.frames(rate) >= shown)


def _up_to_whole(place: Fraction) -> Fraction:
    return ceil(place) - place


def bent(segment: Segment, *, begin: Fraction, shown: int, has: int, rate: Fraction) -> Retime:
    """The bent time of a segment whose first frame lies at *begin* in its source."""
    return _handled(_stretches(segment, begin, rate), shown, has, _way(segment))


def _way(segment: Segment) -> Frames:
    return segment.speed.frames if segment.speed else "nearest"


def _handled(stretches: tuple[Stretch, ...], shown: int, has: int, way: Frames) -> Retime:
    """With what the source has on both sides."""
    whole = Retime(stretches, 0, 0, 0, has)
    before = _count(whole, -1, -1, 0, has)
    after = _count(whole, shown, 1, 0, has)
    return Retime(stretches, before, shown, before + shown + after, has, way)


_LONGEST = 1_000_000


def _count(retime: Retime, start: int, step: int, low: int, high: int) -> int:
    """How many frames from *start* on lie in [low, high) of the source, or stand at its end."""
    most = _LONGEST if step > 0 and start == 0 else MOST_HANDLES
    count = 0
    while count < most:
        frame = start + step * count
        stays = step > 0 and high == retime.has and retime.speed(frame) == 0
        if not (stays or low <= retime.reach(frame) < high):
            break
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
