"""Frames of a clip whose time is bent: the nearest one, a mix, or motion computed in between."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.planning.retime import Retime
from assembler.rendering.planes import Layout
from assembler.rendering.raw import Cancel, Reader, plain_frames
from assembler.rendering.spans import Form, Shot

Plane = NDArray[Any]

_FLOW_WIDTH = 960
"""Motion is measured in a picture of at most this width."""


def bent(shot: Shot, form: Form, layout: Layout, cancel: Cancel = None) -> Iterator[Any]:
    """Raw frames of *shot*, whose numbers are those that come out of its `retime`."""
    source, retime = shot.source, shot.source.retime
    assert retime is not None
    assert source.info.video is not None
    own = replace(form, rate=source.read_rate(form.rate))
    per_frame = own.rate / form.rate
    framing = tuple((round(n * per_frame), x, y) for n, x, y in shot.framing)

    def read(first: int, count: int) -> Iterator[bytearray]:
        part = replace(shot, first=first, frames=count, skipped=(), framing=framing)
        return plain_frames(part, own, cancel)

    wanted = [shot.first + n for n in range(shot.read) if n not in shot.skipped]
    with Reader(read, source.info.video.frames_at(own.rate)) as frames:
        for number in wanted:
            yield _frame(retime, number, per_frame, frames, layout)


def weights_at(
    retime: Retime, number: int, per_frame: Fraction = Fraction(1)
) -> tuple[tuple[int, Fraction], ...]:
    """
    Source frames that are mixed for a frame, with their parts of the whole.

    The shutter is open for what passes in a frame, at least one frame of the source.

    Args:
        retime: Of the source.
        number: Of the frame.
        per_frame: Frames that the source has for one of the programme.
    """
    begin, speed = retime.at(number) * per_frame, retime.speed(number) * per_frame
    if retime.way == "nearest" or _handed_on(retime, number):
        return ((math.floor(begin), Fraction(1)),)
    width = max(Fraction(1), abs(speed))
    start = begin if speed >= 0 else begin + 1 - width
    stop = start + width
    parts = [
        (n, min(stop, Fraction(n + 1)) - max(start, Fraction(n)))
        for n in range(math.floor(start), math.ceil(stop))
    ]
    return tuple((n, part / width) for n, part in parts)


def _handed_on(retime: Retime, number: int) -> bool:
    """Whether another clip may go on from a frame, which is one of the source's then."""
    return number == retime.first + retime.shown - 1 and retime.ends_on_frame


def _frame(retime: Retime, number: int, per_frame: Fraction, frames: Reader, layout: Layout) -> Any:
    if retime.way == "flow" and not _handed_on(retime, number):
        return _between(retime.at(number) * per_frame, frames, layout)
    weights = weights_at(retime, number, per_frame)
    if len(weights) == 1:
        return frames[weights[0][0]]
    total: NDArray[np.float32] | None = None
    for n, part in weights:
        samples = np.frombuffer(frames[n], layout.dtype).astype(np.float32) * np.float32(part)
        total = samples if total is None else total + samples
    assert total is not None
    return np.floor(total + np.float32(0.5)).astype(layout.dtype).data.cast("B")


def _between(position: Fraction, frames: Reader, layout: Layout) -> Any:
    """What lies between two frames, along their motion."""
    n = math.floor(position)
    part = float(position - n)
    before = frames[n]
    if part == 0.0:
        return before
    a, b = layout.planes(before), layout.planes(frames[n + 1])
    there, back = _flow(a[0], b[0], layout), _flow(b[0], a[0], layout)
    mixed = [
        _mixed(_moved(x, there, part), _moved(y, back, 1 - part), part).astype(layout.dtype)
        for x, y in zip(a, b, strict=True)
    ]
    return b"".join(plane.tobytes() for plane in mixed)


def _flow(a: Plane, b: Plane, layout: Layout) -> NDArray[np.float32]:
    """Motion from *a* to *b* as parts of the width and height, at the size it was measured in."""
    width = min(_FLOW_WIDTH, a.shape[1])
    size = (width, max(16, round(a.shape[0] * width / a.shape[1])))
    small = [
        cv2.resize(plane >> (layout.bits - 8), size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        for plane in (a, b)
    ]
    finder = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    flow = np.asarray(finder.calc(small[0], small[1], None), np.float32)
    return np.asarray(flow / np.array(size, np.float32), np.float32)


def _moved(plane: Plane, flow: NDArray[np.float32], part: float) -> NDArray[np.float32]:
    """A plane carried along its motion for a part of the way."""
    height, width = plane.shape
    way = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x -= way[..., 0] * np.float32(part * width)
    y -= way[..., 1] * np.float32(part * height)
    moved = cv2.remap(
        plane.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


def _mixed(a: NDArray[np.float32], b: NDArray[np.float32], part: float) -> Plane:
    mixed = a * np.float32(1 - part) + b * np.float32(part)
    return np.floor(mixed + np.float32(0.5))
