"""
Frames of a shot outside of ffmpeg: read, moved, bent in time, corrected, changed by effects.

    for frame in frames_of(shot, form):
        ...                             # raw, in `graph.raw_format(shot, …)` and the form's size
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import ffmpeg
import numpy as np

from assembler.cut.model import Change
from assembler.match.decision import NO_CORRECTION
from assembler.match.patch import patched
from assembler.media.pipe import raw_frames
from assembler.rendering.graph import (
    MADE_BY_EFFECTS,
    Materials,
    fitted,
    graph_of,
    working_format,
)
from assembler.rendering.planes import Layout, Plane, PlaneChange
from assembler.rendering.spans import Form, Shot, Span
from assembler.timebase import FrameRange

Cancel = threading.Event | None

_KEPT = 8
"""Frames behind the one asked for that a reader keeps."""
_NEAR = 48
"""So many frames ahead are read through; farther ones are sought."""


def frames_of(shot: Shot, form: Form, cancel: Cancel = None) -> Iterator[Any]:
    """Raw frames of *shot* that aren't ffmpeg's alone, ready for the graph."""
    if shot.source.change.effects:
        from assembler.rendering.effects import effected

        yield from effected(shot, form, cancel)
        return
    work = working_format(form.pix_fmt)
    layout = Layout.of(work, form.size)
    if shot.correction.neutral:
        yield from _base(shot, form, layout, cancel)
        return
    frames = _corrected(shot, form, layout, cancel)
    if shot.before and shot.correction.patch:
        (last,) = _corrected(shot.before, form, layout, cancel)
        frames = patched(last, frames, shot.correction.patch, layout.luma)
    for planes in frames:
        for plane in planes:
            yield np.ascontiguousarray(plane).data.cast("B")


def _corrected(shot: Shot, form: Form, layout: Layout, cancel: Cancel) -> Iterator[list[Plane]]:
    """Planes of each frame with the seam's correction, but without its patch."""
    change = PlaneChange(fitted(shot, form), layout)
    for n, raw in enumerate(_base(shot, form, layout, cancel)):
        yield change.apply(layout.planes(raw), max(0, shot.used + n))


def _base(shot: Shot, form: Form, layout: Layout, cancel: Cancel) -> Iterator[Any]:
    """Raw frames without the seam's correction."""
    if shot.source.change.glide:
        from assembler.rendering.glide import gliding

        return gliding(shot, layout)
    if shot.source.retime:
        from assembler.rendering.bent import bent

        return bent(shot, form, layout, cancel)
    return plain_frames(shot, form, cancel)


def plain_frames(shot: Shot, form: Form, cancel: Cancel = None) -> Iterator[bytearray]:
    """Raw frames as they are in the source, cropped and laid on the canvas."""
    bare = Change(crop=shot.source.change.crop)
    source = replace(shot.source, retime=None, change=bare)
    plain = replace(shot, source=source, correction=NO_CORRECTION)
    yield from drawn(
        plain, replace(form, pix_fmt=working_format(form.pix_fmt)), Materials(), cancel
    )


def drawn(
    shot: Shot, form: Form, materials: Materials, cancel: Cancel = None
) -> Iterator[bytearray]:
    """What the graph of a single shot gives, raw in the form's pixel format."""
    alone = Span(FrameRange(0, shot.frames), (shot,), (), (), replace(form, burn_in=False))
    output = ffmpeg.output(
        graph_of(alone, materials), "pipe:1", f="rawvideo", pix_fmt=form.pix_fmt,
        fps_mode="passthrough", filter_threads=1, filter_complex_threads=1,
    )  # fmt: skip
    size = Layout.of(form.pix_fmt, form.size).frame_bytes
    yield from raw_frames(ffmpeg.get_args(output), size, cancel=cancel, where=shot.clip)


def in_rgb(form: Form) -> Form:
    """The form in which effects see frames: 8 bits of R'G'B'."""
    return replace(form, pix_fmt=MADE_BY_EFFECTS)


class Reader:
    """
    Frames by number from something that gives them in order.

    Reading forwards runs on one stream; backwards it goes in blocks; what lies far off is sought.
    """

    def __init__(self, read: Callable[[int, int], Iterator[Any]], stop: int) -> None:
        """
        Nothing is read yet.

        Args:
            read: Gives *count* frames from a *first* one on.
            stop: First frame that there isn't any more.
        """
        self._read = read
        self._stop = stop
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._ahead: Iterator[Any] = iter(())
        self._next = -1
        self._last = -1
        self._open = ExitStack()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._open.close()

    def __getitem__(self, number: int) -> Any:
        """A frame; beyond both ends the outermost ones stay."""
        n = min(max(0, number), self._stop - 1)
        if n not in self._kept:
            if 0 < self._last - n < _NEAR:
                self._block(n)
            else:
                self._forward(n)
        self._last = n
        return self._kept[n]

    def _forward(self, n: int) -> None:
        if not 0 <= n - self._next < _NEAR or self._next < 0:
            self._start(n, self._stop - n)
        while self._next <= n:
            self._kept[self._next] = next(self._ahead)
            self._next += 1
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _block(self, n: int) -> None:
        """The frames up to *n*, since the next ones asked for lie before it."""
        first = max(0, n - _NEAR + 1)
        self._start(first, n + 1 - first)
        self._kept.update(zip(range(first, n + 1), self._ahead, strict=True))
        self._next = -1  # that stream is at its end

    def _start(self, first: int, count: int) -> None:
        self._open.close()
        self._kept.clear()
        self._ahead = self._read(first, count)
        close = getattr(self._ahead, "close", None)
        if close:
            self._open.callback(close)
        self._next = first
