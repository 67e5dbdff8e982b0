"""
Every picture of a file seen once, small: the numbers of each frame that checks are made from.

    views = view(info, reference=programme(expected, small_size(*expected.size)))

Memory grows by about a hundred bytes a frame; pictures are kept on disk.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from itertools import islice

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.checking.reference import Shown
from assembler.checking.small import F32, GRID, THUMB, fields, pattern, shrunk, thumb
from assembler.errors import RenderError
from assembler.match.features import luma
from assembler.media.frames import assumed, coded_frames, upright
from assembler.media.info import MediaInfo, VideoStream
from assembler.media.probe import opened
from assembler.media.rows import Rows
from assembler.mixing.ahead import ahead
from assembler.timebase import FrameRange

Shifts = NDArray[np.int64]
"""A number of frames for each frame."""

NEAR = 3
"""So many frames before and after its place a picture is looked for."""
FARTHEST = 240
"""A stretch of more missing frames isn't followed."""
USABLE = 0.25
"""Part of a picture that has to be free of layers and titles to be compared."""
_NOISE = 0.003
"""Detail below this (in [0, 1]) is taken for none."""
_FLAT = 0.03**2
"""A picture whose luma varies less tells nothing of contrast."""
_AREA_PX = 4.0
"""Standard deviation of the blur that leaves large areas."""
_DARK = 20 / 255 - 16 / 255
"""Luma of a pixel that counts as black: a little above its code."""


@dataclass(slots=True)
class Tried:
    """What tells of frames at each place that was tried, and of the programme's frames."""

    own_change: F32
    """By frame and offset."""
    contrast: F32
    """By frame and offset."""
    colour: F32
    """By frame, offset and channel."""
    planned: dict[str, F32]
    """By frame of the programme: those of `Views` that tell of it alone."""


@dataclass(slots=True)
class Views:
    """What was seen; arrays have one row a frame, NaN where there is nothing to tell."""

    luma: F32
    """Mean luma."""
    spread: F32
    """Standard deviation of luma within the picture."""
    dark: F32
    """Part of the picture that is black."""
    change: F32
    """Mean difference of luma to the frame before."""
    leap: F32
    """The same to the frame before that."""
    fields: Rows
    """Luma of 16 x 9 fields."""
    red: Rows
    """Part of each field's light that is red beyond the others."""
    thumbs: Rows
    damaged: list[int] = field(default_factory=list)
    """Frames that could not be decoded, or only in part."""
    # Beside the programme:
    offsets: tuple[int, ...] = ()
    """Frames by which places were tried."""
    likeness: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """Correlation of the picture with the programme's at each offset."""
    free: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    """Part of the picture that can be compared; 0 where nothing can."""
    own_change: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    """`change` where the picture can be compared."""
    planned_change: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    """The same of the programme."""
    planned_luma: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    planned_dark: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    planned_detail: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    """How much there is to recognise in the programme's picture."""
    colour: F32 = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """Mean R'G'B' beyond the programme's, where both can be compared."""
    contrast: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    """How much luma changes where the programme's changes by 1."""
    shift: Shifts = field(default_factory=lambda: np.zeros(0, np.int64))
    """Frames from each one's place to that of the programme's frame that it is compared with."""
    tried: Tried | None = None
    planned_fields: Rows = field(default_factory=lambda: _field_rows(0))
    planned_thumbs: Rows = field(default_factory=lambda: _thumb_rows(0))

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.luma)

    @property
    def compared(self) -> bool:
        """Whether there was a programme to compare with."""
        return bool(self.offsets)

    def aligned(self, shift: Shifts) -> Views:
        """Each frame beside the programme's so many frames after its place, one of `offsets`."""
        tried = self.tried
        assert tried is not None
        rows = np.arange(self.frames)
        columns = np.searchsorted(self.offsets, shift)
        place = rows + shift
        beside = replace(
            self, shift=shift, own_change=tried.own_change[rows, columns],
            contrast=tried.contrast[rows, columns], colour=tried.colour[rows, columns],
        )  # fmt: skip
        for name, values in tried.planned.items():
            inside = (place >= 0) & (place < len(values))
            found = np.full(self.frames, 0.0 if name == "free" else np.nan, np.float32)
            found[inside] = values[place[inside]]
            setattr(beside, name, found)
        return beside


def blank(frames: int) -> Views:
    """Nothing seen yet of so many frames."""

    def row() -> F32:
        return np.full(frames, np.nan, np.float32)

    return Views(
        row(), row(), row(), row(), row(),
        _field_rows(frames), _field_rows(frames, 0), _thumb_rows(frames),
    )  # fmt: skip


def _field_rows(frames: int, fill: float = math.nan) -> Rows:
    return Rows((GRID[1], GRID[0]), np.float16, frames, fill)


def _thumb_rows(frames: int) -> Rows:
    return Rows((THUMB[1], THUMB[0]), np.uint8, frames)


def view(
    info: MediaInfo,
    size: tuple[int, int],
    *,
    reference: Iterator[Shown | None] | None = None,
    planned: int = 0,
    ranges: Sequence[FrameRange] | None = None,
    into: Views | None = None,
    cancel: threading.Event | None = None,
) -> Views:
    """
    See a file.

    Args:
        info: What was probed of it; with a picture.
        size: Width and height that its pictures are brought to.
        reference: The programme's pictures in that size, in order.
        planned: How many those are.
        ranges: Frames that are looked at, ascending and apart; not given, all are.
        into: What is known of the others.
        cancel: Stops the work when set.

    Raises:
        RenderError: If it was stopped.
    """
    video = info.video
    assert video is not None
    views = into if into is not None else blank(video.frames)
    beside = _Beside(views, reference, planned) if reference is not None else None
    last: deque[F32] = deque(maxlen=2)
    expected = 0
    with closing(beside) if beside is not None else nullcontext():
        for place, frame in _wanted(info, video, views, ranges):
            if cancel is not None and cancel.is_set():
                raise RenderError("stopped")
            rgb = _small(frame, video, size)
            if beside is not None and place > expected:
                beside.skip(place - 1)
            grey = luma(rgb)
            _note(views, place, rgb, grey, last, whole=expected == place)
            if beside is not None:
                beside.note(place, rgb, grey)
            last.append(grey)
            expected = place + 1
        if beside is not None:
            beside.finish()
    if ranges is None:
        views.damaged += range(expected, video.frames)
    views.damaged.sort()
    return views


def _small(frame: av.VideoFrame, video: VideoStream, size: tuple[int, int]) -> F32:
    turned = video.rotation in (90, 270)
    colour = assumed(video.colour, video.width, video.height)
    return upright(shrunk(frame, colour, size[::-1] if turned else size), video)


def _note(
    views: Views, place: int, rgb: F32, grey: F32, last: Sequence[F32], *, whole: bool
) -> None:
    views.luma[place], views.spread[place] = (float(v[0, 0]) for v in cv2.meanStdDev(grey))
    views.dark[place] = np.count_nonzero(grey < _DARK) / grey.size
    if last and whole:
        views.change[place] = cv2.norm(grey, last[-1], cv2.NORM_L1) / grey.size
    if len(last) == 2 and whole:
        views.leap[place] = cv2.norm(grey, last[0], cv2.NORM_L1) / grey.size
    coarse = fields(rgb)
    views.fields[place] = luma(coarse)
    total = np.maximum(coarse.sum(axis=2), np.float32(0.05))
    views.red[place] = np.where(coarse[..., 0] >= 0.8 * total, coarse[..., 0], 0)
    views.thumbs[place] = thumb(grey)


def _wanted(
    info: MediaInfo, video: VideoStream, views: Views, ranges: Sequence[FrameRange] | None
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decoded frames with their positions; of *ranges* with two before each, for the motion."""
    if ranges is None:
        yield from _decoded(info, video, views)
        return
    for start, stop in ranges:
        for place, frame in coded_frames(info, max(0, start - 2)):
            if place >= stop:
                break
            if place >= start - 2:
                yield place, frame


def _decoded(
    info: MediaInfo, video: VideoStream, views: Views
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decoded frames with their positions; damage is noted."""
    index = {stamp: n for n, stamp in enumerate(video.pts)}
    before = -1
    with opened(info.path) as container:
        stream = next(s for s in container.streams.video if s.index == video.index)
        stream.thread_type = "AUTO"
        packets = container.demux(stream)
        while True:
            frames: list[av.VideoFrame] = []
            with suppress(av.FFmpegError):
                packet = next(packets, None)
                if packet is None:
                    return
                frames = [f for f in packet.decode() if isinstance(f, av.VideoFrame)]
            for frame in frames:
                place = before + 1
                if video.ordered and frame.pts is not None:
                    place = index.get(frame.pts, -1)
                if place <= before or place >= video.frames:
                    continue
                views.damaged += range(before + 1, place)
                if frame.is_corrupt:
                    views.damaged.append(place)
                before = place
                yield place, frame


@dataclass(slots=True)
class _Kept:
    """A picture of the programme, ready to be compared."""

    shown: Shown
    grey: F32
    pattern: F32
    power: float
    whole: float
    """Share of it that is free."""
    mean: F32
    """R'G'B' where it is free."""
    away: F32
    """How far large areas are from the mean luma, where it is free."""
    both: F32 | None = None
    """Where this picture and the one before it are free."""
    change: float = math.nan
    """Mean difference of luma to the one before, there."""


class _Beside:
    """The programme beside the file."""

    def __init__(self, views: Views, reference: Iterator[Shown | None], planned: int) -> None:
        frames = views.frames
        self._views = views
        self._reference = ahead(_prepared(reference))
        self._planned = planned
        gone = planned - frames
        around = range(-NEAR, NEAR + 1)
        offsets = set(around)
        if 0 < abs(gone) <= FARTHEST:
            offsets |= {gone + n for n in around}
        self._least, self._most = min(offsets), max(offsets)
        views.offsets = tuple(sorted(offsets))
        table = (frames, len(offsets))
        views.likeness = np.full(table, np.nan, np.float32)
        views.tried = self._tried = Tried(
            np.full(table, np.nan, np.float32),
            np.full(table, np.nan, np.float32),
            np.full((*table, 3), np.nan, np.float32),
            {name: np.full(planned, np.nan, np.float32) for name in _PLANNED},
        )
        self._tried.planned["free"] = np.zeros(planned, np.float32)
        views.planned_fields, views.planned_thumbs = _field_rows(planned), _thumb_rows(planned)
        self._window: dict[int, _Kept | None] = {}
        self._read = 0
        self._before: F32 | None = None

    def skip(self, place: int) -> None:
        """A frame that there is no picture of."""
        self._advance(place)
        self._before = None

    def note(self, place: int, rgb: F32, grey: F32) -> None:
        """Compare the next frame."""
        self._advance(place)
        views, own, large = self._views, pattern(grey), _large(grey)
        power = float(np.sqrt(np.mean(own * own)))
        moved = None if self._before is None else np.abs(grey - self._before)
        for column, offset in enumerate(views.offsets):
            kept = self._window.get(place + offset)
            if kept is None:
                continue
            views.likeness[place, column] = _likeness(own, power, kept)
            if kept.whole >= USABLE:
                self._compare((place, column), rgb, large, moved, kept)
        self._before = grey

    def finish(self) -> None:
        """Read the rest of the programme, so that pictures are found that come too early."""
        for kept in islice(self._reference, FARTHEST):
            self._keep(kept)
        beside = self._views.aligned(np.zeros(self._views.frames, np.int64))
        for name in ("shift", "own_change", "contrast", "colour", "free", *_PLANNED):
            setattr(self._views, name, getattr(beside, name))

    def close(self) -> None:
        """Let go of the programme's sources."""
        with suppress(AttributeError):
            self._reference.close()  # type: ignore[attr-defined]  # a generator where it is one

    def _advance(self, place: int) -> None:
        while self._read <= min(place + self._most, self._planned - 1):
            self._keep(next(self._reference, None))
        for old in [n for n in self._window if n < place + self._least]:
            del self._window[old]

    def _keep(self, kept: _Kept | None) -> None:
        number, self._read = self._read, self._read + 1
        if number >= self._planned:
            return
        self._window[number] = kept
        if kept is None:
            return
        self._views.planned_fields[number] = fields(kept.grey)
        self._views.planned_thumbs[number] = thumb(kept.grey)
        if kept.whole >= USABLE:
            free, planned = kept.shown.free, self._tried.planned
            total = kept.whole * free.size
            planned["free"][number] = kept.whole
            planned["planned_luma"][number] = float((kept.grey * free).sum()) / total
            planned["planned_detail"][number] = kept.power
            planned["planned_dark"][number] = float(((kept.grey < _DARK) * free).sum()) / total
            planned["planned_change"][number] = kept.change

    def _compare(
        self, at: tuple[int, int], rgb: F32, large: F32, moved: F32 | None, kept: _Kept
    ) -> None:
        tried, free = self._tried, kept.shown.free
        total = kept.whole * free.size
        if kept.shown.coloured:
            # Small and coarse encodings lose detail; a squeezed range shows in large areas.
            power = float(np.vdot(kept.away, kept.away))
            if power > _FLAT * total:
                tried.contrast[at] = float(np.vdot(kept.away, large)) / power
            tried.colour[at] = _mean(rgb, free, total) - kept.mean
        if moved is not None and kept.both is not None:
            count = max(1.0, float(kept.both.sum()))
            tried.own_change[at] = float(np.vdot(moved, kept.both)) / count


_PLANNED = ("planned_change", "planned_luma", "planned_dark", "planned_detail")


def _mean(rgb: F32, free: F32, total: float) -> F32:
    """Mean R'G'B' where a picture is free."""
    return np.asarray(free.reshape(-1) @ rgb.reshape(-1, 3), np.float32) / np.float32(total)


def _large(grey: F32) -> F32:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), _AREA_PX), np.float32)


def _prepared(reference: Iterator[Shown | None]) -> Iterator[_Kept | None]:
    before: _Kept | None = None
    for shown in reference:
        kept = None if shown is None else _kept(shown)
        if kept is not None and before is not None:
            kept.both = kept.shown.free * before.shown.free
            moved = np.abs(kept.grey - before.grey)
            kept.change = float(np.vdot(moved, kept.both)) / max(1.0, float(kept.both.sum()))
        before = kept
        yield kept


def _kept(shown: Shown) -> _Kept:
    grey, free = luma(shown.rgb), shown.free
    own, large = pattern(grey), _large(grey)
    power = float(np.sqrt(np.mean(own * own)))
    whole = float(free.mean())
    total = max(1.0, whole * free.size)
    away = (large - float(np.vdot(large, free)) / total) * free
    return _Kept(shown, grey, own, power, whole, _mean(shown.rgb, free, total), away)


def _likeness(own: F32, power: float, kept: _Kept) -> float:
    """Correlation in [-1, 1]; NaN where neither has any detail or too little is free."""
    free, whole, other = kept.shown.free, kept.whole, kept.pattern
    if whole < USABLE or (power < _NOISE and kept.power < _NOISE):
        return float("nan")
    noise = _NOISE * _NOISE * free.size * whole
    if whole < 1:
        own, other = own * free, other * free
    product = float(np.vdot(own, other))
    norm = (float(np.vdot(own, own)) + noise) * (float(np.vdot(other, other)) + noise)
    return product / float(np.sqrt(norm))
