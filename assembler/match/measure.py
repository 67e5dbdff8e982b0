"""What a seam looks like in numbers: colour steps in CIE 1976 dE, sharpness as a ratio."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from assembler.match.features import F32, luma, resized

LOW_PX = 160
"""Width of the low-pass picture that colour is judged on: what the eye takes in at once."""


def low_lab(rgb: F32) -> F32:
    """Low-pass picture of encoded R'G'B' (h, w, 3) in CIE L*a*b*, float32 (h', 160, 3)."""
    import cv2

    height = max(2, rgb.shape[0] * LOW_PX // rgb.shape[1])
    small = cv2.GaussianBlur(resized(rgb, (LOW_PX, height)), (0, 0), 2)
    return np.asarray(cv2.cvtColor(np.clip(small, 0, 1), cv2.COLOR_RGB2LAB), dtype=np.float32)


def colour_step(one: F32, two: F32) -> float:
    """Mean CIE 1976 dE of two low-pass pictures in L*a*b*."""
    return float(np.mean(np.linalg.norm(two - one, axis=2)))


def pop(labs: Sequence[F32], seam: int) -> float:
    """
    How far the largest colour step at or after the seam stands out, in dE.

    Args:
        labs: Low-pass pictures from before the seam on.
        seam: Index of the first one after it.

    Returns:
        The largest step from the seam on, beyond the usual step of the whole stretch.
    """
    steps = [colour_step(a, b) for a, b in pairwise(labs)]
    after = steps[max(0, seam - 1) :]
    return max(0.0, max(after, default=0.0) - float(np.median(steps))) if steps else 0.0


def sharpness(rgb: F32) -> float:
    """Mean square of luma's Laplacian."""
    import cv2

    return float(np.mean(cv2.Laplacian(luma(rgb), cv2.CV_32F) ** 2))


def sharpness_ratio(one: F32, two: F32) -> float:
    """Sharpness of *two* in parts of that of *one*; 1 when neither has any."""
    base = sharpness(one)
    return sharpness(two) / base if base > 1e-9 else 1.0
