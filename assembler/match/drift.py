"""
The drift guard: how the look changes along a chain of links, and what holds it to the first.

    looks = [look(frame) for frame in end_frames]
    drifted = drift_of(looks[0], looks[3])
    image = held_back(image, anchor_look, limit_de=4.0)     # before it is sent as a start image
    n, why = handoff_frame(tail)                            # not always the last frame
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assembler.match.apply import coloured
from assembler.match.colour import identity_matrix
from assembler.match.features import F32, LUMA, details, fitted, luma, resized
from assembler.match.measure import colour_step, low_lab, sharpness
from assembler.match.timing import HELD, STILL, steps_of

F64 = NDArray[np.float64]

LOOK_PX = 480
"""Longer side at which a look is measured, so that links of any size can be compared."""
VISIBLE_DE = 3.0
"""A difference of mean colour that a viewer notices between two shots."""
VISIBLE_PART = 0.15
"""The same for contrast, saturation and sharpness, as a part of the anchor's."""
MOST_GAIN = 1.25
"""Contrast and saturation are corrected by no more than this factor."""
SOFT = 0.72
"""A frame with less than this part of the tail's usual sharpness is blurred."""
FADED = 0.85
"""A frame with less than this part of the tail's usual contrast is fading."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture looks like as a whole, whatever it shows."""

    mean: tuple[float, float, float]
    """Mean encoded R'G'B'."""
    contrast: float
    """Standard deviation of luma."""
    saturation: float
    """Root mean square distance of R'G'B' from luma."""
    sharpness: float
    """Mean square of luma's Laplacian in parts of luma's variance."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How one look differs from the anchor's."""

    colour_de: float
    """dE of the mean colours."""
    contrast: float
    """Ratio; 1 is no change."""
    saturation: float
    sharpness: float

    @property
    def shows(self) -> bool:
        """Whether a viewer would notice it."""
        ratios = (self.contrast, self.saturation, self.sharpness)
        return self.colour_de > VISIBLE_DE or any(abs(r - 1) > VISIBLE_PART for r in ratios)


def look(rgb: F32) -> Look:
    """Look of one frame, float32 encoded R'G'B' (h, w, 3)."""
    small = resized(rgb, fitted((rgb.shape[1], rgb.shape[0]), LOOK_PX))
    grey = luma(small)
    red, green, blue = (float(v) for v in small.reshape(-1, 3).mean(axis=0))
    variance = max(float(grey.var()), 1e-6)
    return Look(
        mean=(red, green, blue),
        contrast=float(np.sqrt(variance)),
        saturation=float(np.sqrt(np.mean((small - grey[..., None]) ** 2))),
        sharpness=sharpness(small) / variance,
    )


def drift_of(anchor: Look, now: Look) -> Drift:
    """How *now* differs from *anchor*."""
    return Drift(
        colour_de=_mean_de(anchor, now),
        contrast=now.contrast / max(anchor.contrast, 1e-6),
        saturation=now.saturation / max(anchor.saturation, 1e-6),
        sharpness=now.sharpness / max(anchor.sharpness, 1e-6),
    )


def _mean_de(one: Look, two: Look) -> float:
    patches = [np.full((4, 4, 3), look.mean, dtype=np.float32) for look in (one, two)]
    return colour_step(*(low_lab(p) for p in patches))


def towards(now: Look, anchor: Look, *, limit_de: float) -> F64 | None:
    """
    The (10, 3) matrix that takes a picture of look *now* towards *anchor*'s.

    Mean, contrast and saturation follow; contrast and saturation within `MOST_GAIN`, all of it
    scaled back so that the mean colour moves by no more than *limit_de*. None when there is nothing
    to do that can be seen.
    """
    contrast = _ratio(anchor.contrast, now.contrast)
    saturation = _ratio(anchor.saturation, now.saturation) / contrast
    linear = _saturated(saturation) * contrast
    mean, goal = np.array(now.mean), np.array(anchor.mean)
    matrix = np.zeros((10, 3))
    matrix[:3] = linear
    matrix[9] = goal - mean @ linear
    moved = _mean_de(now, anchor)
    if moved < 0.3 and abs(contrast - 1) < 0.02 and abs(saturation - 1) < 0.02:
        return None
    share = min(1.0, limit_de / moved) if moved > 1e-9 else 1.0
    still = identity_matrix()
    return np.asarray(still + share * (matrix - still))


def _ratio(goal: float, now: float) -> float:
    return float(np.clip(goal / max(now, 1e-6), 1 / MOST_GAIN, MOST_GAIN))


def _saturated(gain: float) -> F64:
    """Matrix (3, 3), applied from the right, that scales the distance from luma."""
    grey = np.outer(LUMA.astype(np.float64), np.ones(3))
    return np.asarray(grey + gain * (np.eye(3) - grey))


def held_back(image: F32, anchor: Look, *, limit_de: float) -> F32:
    """
    A handoff image corrected towards the look of the chain's anchor, before it is sent.

    Args:
        image: float32 encoded R'G'B' in [0, 1], (h, w, 3).
        anchor: Look of the first link's frames.
        limit_de: Its mean colour moves by no more than this.
    """
    matrix = towards(look(image), anchor, limit_de=limit_de)
    if matrix is None:
        return image
    return np.clip(coloured(image, matrix.astype(np.float32)), 0, 1)


def handoff_frame(tail: F32) -> tuple[int, str]:
    """
    Which frame of *tail* to hand on, and why when it isn't the last.

    The last one that is neither held, nor blurred, nor faded against the tail as a whole.

    Args:
        tail: A's last frames, float32 encoded R'G'B', (n, h, w, 3).
    """
    size = fitted((tail.shape[2], tail.shape[1]), LOOK_PX)
    held = _held(tail)
    last = len(tail) - 1 - held
    grey = [resized(luma(f), size) for f in tail]
    sharp = np.array([float(np.mean(_edges(g) ** 2)) for g in grey])
    contrast = np.array([float(g.std()) for g in grey])
    why = f"the last {held} frames only hold a picture" if held else ""
    for n in range(last, max(-1, last - len(tail) // 2), -1):
        if contrast[n] < FADED * float(np.median(contrast)):
            why = "the clip fades at its end"
        elif sharp[n] < SOFT * float(np.median(sharp)):
            why = "the last frames are blurred"
        else:
            return n, why
    return last, ""


def _edges(grey: F32) -> F32:
    import cv2

    return np.asarray(cv2.Laplacian(grey, cv2.CV_32F), dtype=np.float32)


def _held(tail: F32) -> int:
    """How many frames at the end repeat the one before them."""
    size = fitted((tail.shape[2], tail.shape[1]), 320)
    steps = steps_of(details(tail, size))
    usual = float(np.percentile(steps, 75)) if len(steps) else 0.0
    if usual < STILL:
        return 0
    moving = np.flatnonzero(steps >= HELD * usual)
    return len(steps) - 1 - int(moving[-1]) if len(moving) else 0


def trend(anchor: Look, looks: Sequence[Look]) -> int | None:
    """
    After which further link the drift of *looks* will show, if it goes on as it has.

    Args:
        anchor: Look of the first link.
        looks: Looks of the links after it, in order; two at least.

    Returns:
        0 when it shows already, None when it doesn't within the next 20 links.
    """
    drifts = [drift_of(anchor, now) for now in looks]
    if drifts and drifts[-1].shows:
        return 0
    if len(drifts) < 2:
        return None
    steps = np.arange(1, len(drifts) + 1)
    for ahead in range(1, 21):
        if _expected(drifts, steps, len(drifts) + ahead).shows:
            return ahead
    return None


def _expected(drifts: Sequence[Drift], steps: NDArray[np.int_], link: int) -> Drift:
    def line(values: list[float], start: float) -> float:
        slope = float(np.sum(steps * (np.array(values) - start)) / np.sum(steps * steps))
        return start + slope * link

    return Drift(
        line([d.colour_de for d in drifts], 0.0),
        line([d.contrast for d in drifts], 1.0),
        line([d.saturation for d in drifts], 1.0),
        line([d.sharpness for d in drifts], 1.0),
    )
