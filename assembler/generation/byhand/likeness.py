"""
Whether a clip begins with a given image, as image-to-video clips do.

    likeness(first_frame, start_image)      # 0.997: the same picture; 0.4: another one

Generators resample, soften and shift their start image a little (scales to 1.016, dE to 2.7 were
met), some stretch it into the frame, some cut its centre out. So both are compared small, over a
small affine move, and a clip is recognised only when no other job's image fits nearly as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from assembler.media.pixels import Floats
from assembler.media.scale import covering

SIZE = (128, 72)
"""Pictures are compared at this width, and at this area when they aren't 16:9."""
LEAST = 0.995
"""Real pairs reach 0.998 (Kling, Luma, Veo); the same shot a second later mostly less, but a locked
camera gives as much: what else might be meant decides then."""
_MOST_SCALE = 0.05
_MOST_SHIFT = 0.04
"""Largest change of scale, and of place as a part of the width, that counts as resampling."""
_MOST_COLOUR = 0.07
"""Largest mean difference of low-pass colour."""
_FLAT = 0.01
"""Standard deviation of luma below which a picture has nothing to align."""
_CLEAR = 0.002
"""How much nearer the best must be than the next, beyond twice its own distance."""


def small(rgb: Floats) -> Floats:
    """A picture in its own shape, reduced to what is compared: float32 (h, w, 3)."""
    height, width = rgb.shape[:2]
    area = SIZE[0] * SIZE[1]
    scale = (area / (width * height)) ** 0.5
    size = max(8, round(width * scale)), max(8, round(height * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32)


def likeness(frame: Floats, image: Floats) -> float:
    """
    How much *frame* shows *image*, in [0, 1].

    Args:
        frame: First frame of a clip, reduced by `small`.
        image: The start image, reduced by `small`.
    """
    size = (frame.shape[1], frame.shape[0])
    stretched = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    framings = [stretched, covering(image, size)]
    return max(_alike(frame, other) for other in framings)


def best(alike: Mapping[str, float]) -> str | None:
    """
    Name of the image that a frame shows; None when it shows none, or more than one might be meant.

    Args:
        alike: `likeness` of the frame and each image.
    """
    ranked = sorted(((likeness, name) for name, likeness in alike.items()), reverse=True)
    if not ranked or ranked[0][0] < LEAST:
        return None
    distance = 1 - ranked[0][0]
    if len(ranked) > 1 and 1 - ranked[1][0] < 2 * distance + _CLEAR:
        return None
    return ranked[0][1]


def _alike(a: Floats, b: Floats) -> float:
    greys = [np.ascontiguousarray(p.mean(axis=2), np.float32) for p in (a, b)]
    if min(float(g.std()) for g in greys) < _FLAT:
        return max(0.0, 1 - 5 * float(np.abs(a - b).mean()))
    still = np.eye(2, 3, dtype=np.float32)
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-5)
    everywhere = np.ones(greys[0].shape, np.uint8)
    try:
        correlation, found = cv2.findTransformECC(
            greys[0], greys[1], still, cv2.MOTION_AFFINE, until, everywhere, 5
        )
    except cv2.error:  # nothing in common
        return 0.0
    warp = np.asarray(found, np.float32)
    if not _small_move(warp, a.shape[1], a.shape[0]):
        return 0.0
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(b, warp, (a.shape[1], a.shape[0]), flags=flags)
    inside = cv2.warpAffine(np.ones_like(greys[0]), warp, greys[0].shape[::-1], flags=flags) > 0.99
    soft = [cv2.GaussianBlur(p, (0, 0), 3) for p in (a, np.asarray(moved, np.float32))]
    if float(np.abs(soft[0] - soft[1])[inside].mean()) > _MOST_COLOUR:
        return 0.0
    return max(0.0, float(correlation))


def _small_move(warp: Floats, width: int, height: int) -> bool:
    """Whether an affine map only resamples: it moves the middle little and keeps the shape."""
    if float(np.abs(warp[:, :2] - np.eye(2)).max()) > _MOST_SCALE:
        return False
    middle = np.array([width / 2, height / 2, 1.0])
    shift = warp @ middle - middle[:2]
    return float(np.hypot(*shift)) <= _MOST_SHIFT * width
