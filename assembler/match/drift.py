"""
The drift guard: how a chain's look moves away from its first link, and what takes it back.

    change = change_along(sent, frames)             # what the clip did to colours, thing by thing
    total = composed(change, left)                  # and what was left of the links before
    held = held_back(end, total, limit_de=4.0, …)   # corrects the frame that is handed on

Nothing is learnt from a picture as a whole, which changes with what it shows: the same things are
followed through the clip, and only their colours are compared. A clip's first frame shows the very
image that it was started from, so the chain of such comparisons leads back to its first link.

All maps are (10, 3) matrices as of `decision.ColourFix`, and lead home: from colours as they have
become to colours as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assembler.match import colour, sharpness
from assembler.match.apply import coloured, corrected, features, sharpened
from assembler.match.decision import ColourFix, Correction
from assembler.match.features import F32, detail, fitted, likeness, luma, resized
from assembler.match.measure import colour_step, low_lab
from assembler.match.register import register, seen_through
from assembler.match.track import flow_between, traced
from assembler.match.trend import UNSEEN_DE, UNSEEN_PART, Drift

F64 = NDArray[np.float64]

FOLLOW_PX = 240
"""Longer side at which things are followed."""
FOLLOW_STEP_S = 4
"""So many times a second."""
LOW_PX = 3.0
"""Standard deviation of the blur under which colours are compared, at that size."""
LEAST_SHARE = 0.5
"""When fewer of the things are still in sight, others are followed from there on."""
LOST_SHARE = 0.12
"""When so few can be followed at all (a whip pan, a cut), the colours tell nothing."""
FOLLOWED_LIKENESS = 0.5
"""Nor where their detail correlates less."""
SETTLED_STEPS = 5
"""A pop at a clip's start is over after so many of the steps."""
SCENE_DE = 6.0
"""Colours that change by more along one clip do so in the scene: a cloud, a lamp, an exposure."""
NOISE = 0.01
"""Usual difference of colours of the same thing, in [0, 1]."""

SHARP_PX = 640
"""Longer side at which sharpness is compared."""
SHARP_FRAMES = 3
"""So many of a clip's first frames are compared with the image that was sent."""
ALIKE = 0.75
"""Pictures whose detail correlates less aren't compared."""
MOST_SHARPEN = sharpness.MOST
"""A handed image is sharpened by no more than this."""


def change_along(sent: F32 | None, frames: Sequence[F32]) -> F64:
    """
    The map that undoes what a clip did to colours by itself, from start to the last of *frames*.

    What its scene did is left out, as far as that can be told: changes too large, or of things that
    can't be followed.

    Args:
        sent: The image that it was started from; None for a clip whose own start is the measure.
        frames: The clip's frames, `FOLLOW_STEP_S` a second, float32 encoded R'G'B', (h, w, 3).

    Returns:
        (10, 3); no change where nothing can be told.
    """
    if sent is None:
        sent, frames = frames[min(SETTLED_STEPS, len(frames)) - 1], frames[SETTLED_STEPS:]
        at_start = None
    else:
        at_start = followed(sent, frames[:SETTLED_STEPS])
    whole = followed(sent, frames) if len(frames) else None
    if whole is not None and moved_de(frames[-1], whole) <= SCENE_DE:
        return whole
    return colour.identity_matrix() if at_start is None else at_start


def followed(reference: F32, frames: Sequence[F32]) -> F64 | None:
    """
    The map that takes the last of *frames* back to the colours of *reference*.

    Args:
        reference: What the clip began with, float32 encoded R'G'B', (h, w, 3).
        frames: The clip's frames after it, some per second, of the same size.

    Returns:
        (10, 3); None where nothing can be followed.
    """
    size = fitted((reference.shape[1], reference.shape[0]), FOLLOW_PX)
    leg = _Leg(resized(reference, size))
    total = colour.identity_matrix()
    for frame in frames:
        here = resized(frame, size)
        ahead = leg.to(here)
        if ahead.share < LEAST_SHARE and leg.frame is not leg.start:
            total = composed(leg.way(), total)
            leg = _Leg(leg.frame)
            ahead = leg.to(here)
        if ahead.share < LOST_SHARE or ahead.likeness < FOLLOWED_LIKENESS:
            return None
        leg = ahead
    return composed(leg.way(), total)


@dataclass(frozen=True, slots=True)
class _Flow:
    onward: F32
    back: F32


class _Leg:
    """A stretch through which the same things are followed."""

    def __init__(self, start: F32, frame: F32 | None = None, flow: _Flow | None = None) -> None:
        self.start = start
        self.frame = start if frame is None else frame
        self.flow = flow
        if flow is None:
            self.mask = np.ones(start.shape[:2], dtype=np.float32)
        else:
            self.mask = traced(flow.onward, flow.back)

    @property
    def share(self) -> float:
        """Part of what was seen at its start that is still in sight."""
        return float(self.mask.mean())

    @property
    def likeness(self) -> float:
        """How well the detail of what is in sight still agrees."""
        if self.flow is None:
            return 1.0
        there = _carried(luma(self.frame), self.flow.onward)
        return likeness(detail(luma(self.start)), detail(there), self.mask > 0)

    def to(self, frame: F32) -> _Leg:
        """The same, a frame further."""
        known = self.flow
        onward = flow_between(self.start, frame, known.onward if known else None)
        back = flow_between(frame, self.start, known.back if known else None)
        return _Leg(self.start, frame, _Flow(onward, back))

    def way(self) -> F64:
        """Map from colours at its end to those at its start."""
        if self.flow is None:
            return colour.identity_matrix()
        there = _carried(self.frame, self.flow.onward)
        was, become = (_low(p, self.mask) for p in (self.start, there))
        # Noise in what one starts from flattens a fit; the mean of both directions it spares.
        home = colour.fit(become, was, noise=NOISE)
        away = colour.fit(was, become, noise=NOISE)
        return np.asarray((home + inverse(away)) / 2)


def _carried(picture: F32, flow: F32) -> F32:
    """*picture* laid where its things were at the start of *flow*."""
    import cv2

    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    out = cv2.remap(
        picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(out, dtype=np.float32)


def _low(picture: F32, mask: F32) -> F32:
    """Low-pass colours of what lies inside the mask, (n, 3)."""
    import cv2

    weight = cv2.GaussianBlur(mask, (0, 0), LOW_PX)
    mean = cv2.GaussianBlur(picture * mask[..., None], (0, 0), LOW_PX) / np.maximum(
        weight[..., None], 1e-3
    )
    grid = np.s_[2::4, 2::4]
    return np.asarray(mean[grid][weight[grid] > 0.7], dtype=np.float32)


@lru_cache(maxsize=1)
def _grid() -> F64:
    axis = np.linspace(0.02, 0.98, 7)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


@lru_cache(maxsize=1)
def _solver() -> F64:
    return np.asarray(np.linalg.pinv(features(_grid())))


def _mapped(rgb: F64, matrix: F64) -> F64:
    return np.asarray(features(rgb) @ matrix)


def composed(first: F64, then: F64) -> F64:
    """One map for *first* and *then* after it, as near as a polynomial of degree two can be."""
    return np.asarray(_solver() @ _mapped(_mapped(_grid(), first), then))


def inverse(matrix: F64) -> F64:
    """The map back."""
    return np.asarray(np.linalg.pinv(features(_mapped(_grid(), matrix))) @ _grid())


def softened(sent: F32, head: F32) -> float:
    """
    Unsharp masking that gives a clip's first frames the detail of the image that was *sent*.

    Args:
        sent: float32 encoded R'G'B' (h, w, 3).
        head: The clip's first frames, (n, h, w, 3), same size.

    Returns:
        0 where the frames don't show that image, or are no softer than can be seen.
    """
    size = fitted((sent.shape[1], sent.shape[0]), SHARP_PX)
    wanted = luma(resized(sent, size))
    found = [_masking(wanted, luma(resized(f, size))) for f in head[:SHARP_FRAMES]]
    known = [amount for amount in found if amount is not None]
    return float(np.clip(np.median(known), 0.0, MOST_SHARPEN)) if known else 0.0


def _masking(wanted: F32, seen: F32) -> float | None:
    size = wanted.shape[1::-1]
    small = fitted(size, size[0] // 2 if size[0] >= size[1] else size[1] // 2)
    at = register(wanted, seen, (small, size))
    if at is None or at[0] < ALIKE:
        return None
    return sharpness.amount(wanted, seen_through(seen, at[1]))


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What is done to a frame before it is handed on, and what could not be done."""

    correction: Correction
    left: tuple[tuple[float, float, float], ...]
    """(10, 3): from the corrected frame's colours to those that the first link would have given."""
    drift: Drift
    """Before it."""
    remaining: Drift
    """After it."""


def held_back(end: F32, total: F64, *, soft: float, behind: float, limit_de: float) -> HeldBack:
    """
    How the frame that is handed on is taken back towards the chain's first link.

    Args:
        end: The frame, float32 encoded R'G'B' in [0, 1], (h, w, 3).
        total: Map from its colours to those that the first link would have given.
        soft: Unsharp masking that would bring back the detail of the image before.
        behind: The same that was left undone at the links before.
        limit_de: Its colours are moved by no more than this on average; 0 corrects nothing.
    """
    moved = moved_de(end, total)
    share = min(1.0, limit_de / moved) if moved > 1e-9 else 1.0
    still = colour.identity_matrix()
    drift = _drift(end, total, soft + behind)
    if limit_de == 0 or not _seen(drift, moved):
        given, fix = still, None
    else:
        given = still + share * (total - still)
        fix = ColourFix(colour.rows_of(given))
    sharpen = min(soft + behind, MOST_SHARPEN) if limit_de > 0 else 0.0
    correction = Correction(colour=fix, sharpen=sharpen)
    left = composed(inverse(given), total)
    after = corrected(end, correction, 0)
    rest = _drift(after, left, soft + behind - sharpen)
    return HeldBack(correction, colour.rows_of(left), drift, rest)


def _seen(drift: Drift, moved: float) -> bool:
    ratios = (drift.contrast, drift.saturation)
    return moved >= UNSEEN_DE or any(abs(r - 1) >= UNSEEN_PART for r in ratios)


def moved_de(rgb: F32, matrix: F64) -> float:
    """How far a map moves a picture's colours on average, in dE."""
    home = np.clip(coloured(rgb, matrix.astype(np.float32)), 0, 1)
    return colour_step(low_lab(rgb), low_lab(home))


def _drift(rgb: F32, home: F64, soft: float) -> Drift:
    was = np.clip(coloured(rgb, home.astype(np.float32)), 0, 1)
    now_grey, was_grey = luma(rgb), luma(was)
    return Drift(
        colour_de=colour_step(low_lab(was), low_lab(rgb)),
        contrast=_ratio(float(now_grey.std()), float(was_grey.std())),
        saturation=_ratio(_saturation(rgb, now_grey), _saturation(was, was_grey)),
        sharpness=_detail_left(rgb, soft),
    )


def _ratio(now: float, was: float) -> float:
    return now / was if was > 1e-4 else 1.0


def _saturation(rgb: F32, grey: F32) -> float:
    """Root mean square distance of R'G'B' from luma."""
    return float(np.sqrt(np.mean((rgb - grey[..., None]) ** 2)))


def _detail_left(rgb: F32, soft: float) -> float:
    """Part of its fine detail that a picture still has, when *soft* would bring it back."""
    if soft <= 0:
        return 1.0
    size = fitted((rgb.shape[1], rgb.shape[0]), SHARP_PX)
    small = resized(rgb, size)
    now, was = (_edges(luma(p)) for p in (small, sharpened(small, soft)))
    return _ratio(now, was)


def _edges(grey: F32) -> float:
    import cv2

    return float(np.sqrt(np.mean(cv2.Laplacian(grey, cv2.CV_32F) ** 2)))
