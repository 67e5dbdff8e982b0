"""Reads both sides of a handoff, and has the engine decide how they are joined."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.assemble.seams import ColourMatrix, Seam, Side
from assembler.match import engine
from assembler.match.apply import corrected
from assembler.match.decision import ColourFix, Correction, SeamDecision
from assembler.match.features import fitted as fitted_size
from assembler.match.features import resized
from assembler.match.grade import COLOUR_PX
from assembler.match.sight import Sight, sight
from assembler.media.conform import video_of
from assembler.media.frames import fit_within, read_frames
from assembler.planning.retime import read_rate
from assembler.spec.model import Fit

Frames = NDArray[np.float32]


def decide(
    seam: Seam, before: SeamDecision | None, *, size: tuple[int, int], rate: Fraction
) -> SeamDecision:
    """
    Measure both sides at analysis size and decide; frame numbers are those of the clips.

    Args:
        seam: The two clips.
        before: Decision of the seam at A's own start, whose correction A is shown with.
        size: Of the canvas.
        rate: Of the programme.
    """
    return decided(seam, sides(seam, before, size, rate), rate)


def decided(seam: Seam, read: Sides, rate: Fraction) -> SeamDecision:
    """The same for sides that were read already."""
    override = seam.override
    if seam.a.retime:  # the author decides where time that he bends has its end
        override = override.model_copy(update={"keep_until": seam.a.stop})
    first = seam.b.first
    if override.start_from is not None:  # counted in the file, as authors see it
        override = override.model_copy(update={"start_from": max(0, override.start_from - first)})
    found = engine.decide(
        read.tail,
        read.head,
        a_frames=seam.a.stop,
        rate=rate,
        preset=seam.preset,
        override=override,
        anchor=read.anchor,
    )
    return replace(
        found,
        seam=seam.id,
        start_from=found.start_from + first,
        skipped=tuple(n + first for n in found.skipped),
    )


def seen(seam: Seam, read: Sides, decision: SeamDecision) -> Sight:
    """What there is to see at a seam."""
    return sight(read.tail, read.head, decision, a_frames=seam.a.stop, first=seam.b.first)


@dataclass(frozen=True, slots=True)
class Sides:
    """A's last and B's first frames, laid on the canvas at analysis size."""

    tail: Frames
    head: Frames
    anchor: Frames | None
    """The tail in the look of the chain's first link."""


def sides(seam: Seam, before: SeamDecision | None, size: tuple[int, int], rate: Fraction) -> Sides:
    """Read both sides; of A what its own correction makes of it."""
    small = engine.analysis_size(size)
    a, b = seam.a, seam.b
    tail_from = max(a.first, a.stop - engine.TAIL_FRAMES)
    head_stop = min(b.stop, b.first + engine.HEAD_FRAMES)
    with ThreadPoolExecutor(max_workers=1) as beside:
        reading = beside.submit(_read, b, b.first, head_stop, rate, small)
        tail = _read(a, tail_from, a.stop, rate, small)
        head = reading.result()
    anchor = None if seam.home is None else _coloured(tail, seam.home)
    if before and not before.correction.neutral:
        used = tail_from - before.start_from
        for n, frame in enumerate(tail):
            tail[n] = corrected(frame, before.correction, max(0, used + n))
    return Sides(tail, head, anchor)


def _coloured(frames: Frames, matrix: ColourMatrix) -> Frames:
    size = fitted_size(frames.shape[2:0:-1], COLOUR_PX)
    fix = Correction(ColourFix(matrix))
    return np.stack([corrected(resized(frame, size), fix, 0) for frame in frames])


def _read(side: Side, start: int, stop: int, rate: Fraction, size: tuple[int, int]) -> Frames:
    if side.retime is None:
        return _read_plain(side, start, stop, rate, size)
    own = read_rate(video_of(side.info).rate, rate)
    places = [side.retime.shown_at(n, own, rate) for n in range(start, stop)]
    first = min(places)
    there = _read_plain(side, first, max(places) + 1, own, size)
    return there[[place - first for place in places]]


def _read_plain(side: Side, start: int, stop: int, rate: Fraction, size: tuple[int, int]) -> Frames:
    """Frames as the clip has them."""
    frames = read_frames(
        side.info,
        start=start,
        stop=stop,
        rate=rate,
        colour=side.colour,
        max_size=_read_size(video_of(side.info).display_size, size),
    )
    out = np.empty((stop - start, size[1], size[0], 3), np.float32)
    for n, frame in enumerate(frames):
        out[n] = frame if frame.shape == out.shape[1:] else fitted(frame, size, side.fit)
    return out


def _read_size(display: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Size to read at: the wanted one for a picture of its shape, else room for the last step."""
    if fit_within(display, size) == size:
        return size
    return size[0] * 2, size[1] * 2


def fitted(rgb: Frames, size: tuple[int, int], fit: Fit) -> Frames:
    """A picture laid on a canvas of *size* the way the renderer does it."""
    height, width = rgb.shape[:2]
    across, down = size[0] / width, size[1] / height
    if fit == "stretch":
        return _scaled(rgb, across, down, size)
    scale = max(across, down) if fit == "cover" else min(across, down)
    return _scaled(rgb, scale, scale, size)


def _scaled(rgb: Frames, across: float, down: float, size: tuple[int, int]) -> Frames:
    if min(across, down) < 1:
        inner = (max(1, round(rgb.shape[1] * across)), max(1, round(rgb.shape[0] * down)))
        rgb = np.asarray(cv2.resize(rgb, inner, interpolation=cv2.INTER_AREA), np.float32)
        across = down = 1.0
    height, width = rgb.shape[:2]
    move = np.array(
        [
            [across, 0, (size[0] - width * across) / 2 + (across - 1) / 2],
            [0, down, (size[1] - height * down) / 2 + (down - 1) / 2],
        ]
    )
    moved = cv2.warpAffine(rgb, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(moved, np.float32)
