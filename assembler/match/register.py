"""
Registration: the affine map that lays B's picture over A's, to a fraction of a pixel.

Generators resample the start image: unequal scales, a shift, a crop. Both pictures are compared
by their local detail, from coarse to fine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assembler.match.features import F32, detail, resized

Affine = NDArray[np.float64]
"""Map from A's to B's pixels, shape (2, 3)."""

_EDGE = 2
"""Pixels at both pictures' edges that don't count."""
MAX_SCALE = 0.12
"""Registrations that scale, shear or turn by more than this are not believed."""
MAX_SHIFT = 0.08
"""Nor ones that move the centre by more than this, in parts of width."""


def identity() -> Affine:
    """The map that moves nothing."""
    return np.eye(2, 3)


def scaled(matrix: Affine, factor: float) -> Affine:
    """The same map for pictures that are *factor* times as large (pixel centres kept)."""
    out = matrix.copy()
    half = np.array([0.5, 0.5])
    shift = out[:, 2] - half + out[:, :2] @ half
    out[:, 2] = shift * factor - out[:, :2] @ half + half
    return out


def seen_through(picture: F32, matrix: Affine) -> F32:
    """B's picture (h, w) or (h, w, c) laid over A's."""
    import cv2

    size = (picture.shape[1], picture.shape[0])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32)


def inside(matrix: Affine, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of A's picture of *size* (w, h) that B's picture covers, bool (h, w)."""
    w, h = size
    x, y = np.meshgrid(np.arange(w), np.arange(h))
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    kept = (u >= _EDGE) & (u < w - _EDGE) & (v >= _EDGE) & (v < h - _EDGE)
    kept[:_EDGE] = kept[-_EDGE:] = False
    kept[:, :_EDGE] = kept[:, -_EDGE:] = False
    return np.asarray(kept)


def ecc(reference: F32, moved: F32, start: Affine, steps: int = 40) -> tuple[float, Affine] | None:
    """
    Affine map that makes *moved* most like *reference*, and their correlation.

    Args:
        reference: Detail of A's picture, float32 (h, w).
        moved: Detail of B's picture, same size.
        start: Where to begin.
        steps: Most iterations.

    Returns:
        None when it doesn't converge to a map that a generator could have made.

    Source: Evangelidis and Psarakis, Parametric Image Alignment Using Enhanced Correlation
    Coefficient Maximization, PAMI 2008.
    """
    import cv2

    whole = np.full(moved.shape, 255, dtype=np.uint8)
    how = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, steps, 1e-5)
    try:
        found, matrix = cv2.findTransformECC(
            reference, moved, start.astype(np.float32), cv2.MOTION_AFFINE, how, whole, 3
        )
    except cv2.error:
        return None
    out = np.asarray(matrix, dtype=np.float64)
    return (float(found), out) if plausible(out, reference.shape[1::-1]) else None


def plausible(matrix: Affine, size: tuple[int, int]) -> bool:
    """Whether a generator could have moved the picture so."""
    if not np.all(np.isfinite(matrix)):
        return False
    w, h = size
    centre = matrix @ np.array([w / 2, h / 2, 1.0]) - np.array([w / 2, h / 2])
    turn = np.abs(matrix[:, :2] - np.eye(2)).max()
    return bool(turn <= MAX_SCALE and np.abs(centre).max() <= MAX_SHIFT * w)


def travel_px(matrix: Affine, size: tuple[int, int]) -> float:
    """Root mean square of the way that pixels of a picture of *size* (w, h) are moved."""
    w, h = size
    x, y = np.meshgrid(np.linspace(0, w, 9), np.linspace(0, h, 9))
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    apart = matrix @ points - points[:2]
    return float(np.sqrt(np.mean(np.sum(apart * apart, axis=0))))


def register(
    one: F32, two: F32, sizes: tuple[tuple[int, int], ...], start: Affine | None = None
) -> tuple[float, Affine] | None:
    """
    Affine map from A's picture *one* to B's *two* (luma, h x w), refined through *sizes*.

    Args:
        one: Luma of A's frame.
        two: Luma of B's frame that shows the same moment, same size.
        sizes: Working sizes (w, h) from coarse to fine.
        start: A first guess in pixels of the first size.

    Returns:
        Correlation at the last size, and the map in its pixels.
    """
    matrix = identity() if start is None else start
    found = None
    for n, size in enumerate(sizes):
        if n:
            matrix = scaled(matrix, size[0] / sizes[n - 1][0])
        found = ecc(detail(resized(one, size)), detail(resized(two, size)), matrix)
        if found is None:
            return None
        matrix = found[1]
    return found
