"""
What of a picture survives a change of colour, brightness or softness: its local detail.

Detail is luma without its low frequencies and without the finest grain, divided by how strong
detail is thereabouts, so that a grade, a pop or a blur hardly moves it, and motion does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
"""Weights of R', G', B' in luma (BT.709)."""
FINE_PX = 1.0
"""Standard deviation of the blur that takes grain and softness out of the comparison."""
COARSE_PX = 8.0
"""Standard deviation of the neighbourhood that detail is measured against."""
FLOOR = 0.02
"""Detail weaker than this, in [0, 1] of luma, counts less: it may be noise."""


def luma(rgb: F32) -> F32:
    """Luma of (..., 3) encoded R'G'B'."""
    return np.asarray(rgb @ LUMA, dtype=np.float32)


def resized(picture: F32, size: tuple[int, int]) -> F32:
    """*picture* (h, w) or (h, w, 3) at *size* (w, h): averaged when smaller, cubic when larger."""
    import cv2

    if picture.shape[1::-1] == size:
        return picture
    smaller = size[0] < picture.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=how), dtype=np.float32)


def fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """*size* (w, h) scaled down so that its longer side is at most *longest*."""
    scale = min(1.0, longest / max(size))
    return max(16, round(size[0] * scale)), max(16, round(size[1] * scale))


def detail(grey: F32) -> F32:
    """Local detail of a luma picture (h, w), about unit size where there is any."""
    import cv2

    band = cv2.GaussianBlur(grey, (0, 0), FINE_PX) - cv2.GaussianBlur(grey, (0, 0), COARSE_PX)
    power = cv2.GaussianBlur(band * band, (0, 0), COARSE_PX)
    return np.asarray(band / (np.sqrt(power) + FLOOR), dtype=np.float32)


def details(rgb: F32, size: tuple[int, int]) -> F32:
    """Detail of each frame of (n, h, w, 3) at *size* (w, h), float32 (n, h', w')."""
    out = np.empty((len(rgb), size[1], size[0]), np.float32)

    def fill(n: int) -> None:
        out[n] = detail(luma(resized(rgb[n], size)))

    side_by_side(fill, range(len(rgb)))
    return out


def side_by_side(work: Callable[[_Given], _Made], given: Iterable[_Given]) -> list[_Made]:
    """*work* done to each that is *given*, in order, on two cores: OpenCV runs beside Python."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(work, given))


def distance(one: F32, two: F32, mask: NDArray[np.bool_] | None = None) -> float:
    """Root mean square difference of two detail pictures, within *mask*."""
    apart = one - two
    if mask is not None:
        apart = apart[mask]
    return float(np.sqrt(np.mean(apart * apart)))


def likeness(one: F32, two: F32, mask: NDArray[np.bool_] | None = None) -> float:
    """Correlation of two detail pictures in [-1, 1], within *mask*."""
    x, y = (one, two) if mask is None else (one[mask], two[mask])
    norm = float(np.sqrt(np.mean(x * x) * np.mean(y * y)))
    return float(np.mean(x * y)) / norm if norm > 1e-6 else 0.0
