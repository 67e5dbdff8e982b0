"""
Applies a correction to pictures: pure array functions at any size.

`corrected` is the reference; `rendering.planes` does the same to planes as they come from a file.
`array_frames(correction, frames)` counts B's first used frames whose correction differs from frame
to frame; all later ones get the constant part alone, which `cube(fix)` tells editors as a 3-D LUT.
Frames that a patch makes come out of corrected ones, see `patch.patched`.

    rgb = corrected(rgb, decision.correction, n)      # B's n-th used frame
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assembler.match.decision import IDENTITY, ColourFix, Correction

if TYPE_CHECKING:
    from collections.abc import Sequence

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

REST = 1 / 1024
"""A change below this, in [0, 1] of encoded RGB, is taken for none: a quarter of an 8-bit level."""
BLOCK_ROWS = 128
"""Rows that are made at once, so that a 4K frame needs no more than some 50 MB beside itself."""


def features(rgb: Floats) -> Floats:
    """r, g, b, r², g², b², rg, gb, br, 1 of colours (..., 3), as (..., 10)."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    parts = [r, g, b, r * r, g * g, b * b, r * g, g * b, b * r, np.ones_like(r)]
    return np.stack(parts, axis=-1)


def coloured(rgb: F32, matrix: F32) -> F32:
    """*rgb* (h, w, 3) through a (10, 3) matrix, not clipped."""
    out = np.empty_like(rgb, dtype=np.float32)
    for top in range(0, rgb.shape[0], BLOCK_ROWS):
        part = rgb[top : top + BLOCK_ROWS]
        out[top : top + BLOCK_ROWS] = features(part) @ matrix
    return out


def matrix_at(fix: ColourFix, n: int) -> F32:
    """The whole (10, 3) matrix in force at B's n-th used frame."""
    matrix = np.array(fix.matrix, dtype=np.float32)
    matrix[9] += np.array(fix.decay, dtype=np.float32) * np.float32(np.exp(-n / fix.tau_frames))
    for step in fix.steps:
        weight = step.weights[min(n, len(step.weights) - 1)]
        matrix += np.float32(weight) * np.array(step.matrix, dtype=np.float32)
    return matrix


def settled_matrix(fix: ColourFix) -> F32:
    """The (10, 3) matrix in force once everything that changes has come to rest."""
    matrix = np.array(fix.matrix, dtype=np.float32)
    for step in fix.steps:
        matrix += np.float32(step.weights[-1]) * np.array(step.matrix, dtype=np.float32)
    return matrix


def strength_at(correction: Correction, n: int) -> float:
    """How much of the correction is left at B's n-th used frame: 1 unless it is being released."""
    if correction.release_frames <= 0:
        return 1.0
    part = min(1.0, n / correction.release_frames)
    return float(0.5 + 0.5 * np.cos(np.pi * part))


def array_frames(correction: Correction, frames: int) -> int:
    """
    How many of the first of *frames* used frames change from one to the next.

    From there on the constant part suffices, or nothing at all when the correction is released.
    """
    if correction.neutral:
        return 0
    count = correction.release_frames
    if correction.colour is not None:
        count = max(count, _changing_frames(correction.colour))
    if correction.patch is not None:
        count = max(count, correction.patch.frames)
    return min(frames, count)


def _changing_frames(fix: ColourFix) -> int:
    count = max((len(step.weights) - 1 for step in fix.steps), default=0)
    top = max(abs(v) for v in fix.decay)
    if top > REST:
        count = max(count, int(np.ceil(fix.tau_frames * np.log(top / REST))))
    return count


def constant_part(correction: Correction) -> Correction:
    """What remains of *correction* after its `array_frames`."""
    if correction.release_frames > 0:
        return Correction()
    if correction.colour is None:
        return replace(correction, patch=None)
    matrix = tuple((float(r), float(g), float(b)) for r, g, b in settled_matrix(correction.colour))
    return Correction(ColourFix(matrix), correction.affine, correction.sharpen)


def cube(fix: ColourFix, size: int = 33) -> F32:
    """
    3-D LUT of the fix at rest: [r, g, b] -> RGB, float32 in [0, 1], shape (size, size, size, 3).

    The index of red is the first; a .cube file lists red fastest: `lut.transpose(2, 1, 0, 3)`.
    """
    axis = np.linspace(0, 1, size, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    return np.asarray(np.clip(features(grid) @ settled_matrix(fix), 0, 1), dtype=np.float32)


def affine_at(correction: Correction, size: tuple[int, int]) -> NDArray[np.float64] | None:
    """
    Affine map from output to source pixels at *size* (w, h), shape (2, 3); None when there is none.

    Pixels are counted from the centre of the first one, as cv2 does.
    """
    return None if correction.affine is None else pixel_affine(correction.affine, size)


def pixel_affine(parts: Sequence[float], size: tuple[int, int]) -> NDArray[np.float64]:
    """The map of `Correction.affine` in pixels of a picture of *size* (w, h)."""
    m = np.array(parts, dtype=np.float64).reshape(2, 3).copy()
    half = np.array([0.5, 0.5])
    m[:, 2] = m[:, 2] * size[0] + m[:, :2] @ half - half
    return m


def part_affine(matrix: NDArray[np.float64], size: tuple[int, int]) -> tuple[float, ...]:
    """`Correction.affine` from a map in pixels of a picture of *size* (w, h)."""
    m = np.array(matrix, dtype=np.float64).copy()
    half = np.array([0.5, 0.5])
    m[:, 2] = (m[:, 2] - m[:, :2] @ half + half) / size[0]
    return tuple(float(v) for v in m.ravel())


def warped(rgb: F32, matrix: NDArray[np.float64]) -> F32:
    """*rgb* seen through a map from output to source pixels; its edge goes on outside."""
    import cv2

    size = (rgb.shape[1], rgb.shape[0])
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(rgb, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32)


def sharpen_radius_px(height: int) -> float:
    """Radius (standard deviation) of the unsharp mask in pixels: 1 px at 1080 lines."""
    return max(0.4, height / 1080)


def sharpened(rgb: F32, amount: float) -> F32:
    """*rgb* with *amount* of what a blur takes away added to it; negative amounts soften."""
    import cv2

    sigma = sharpen_radius_px(rgb.shape[0])
    blurred = cv2.GaussianBlur(rgb, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(rgb + np.float32(amount) * (rgb - blurred), dtype=np.float32)


def corrected(rgb: F32, correction: Correction, n: int) -> F32:
    """
    B's n-th used frame as it is shown.

    Args:
        rgb: float32 encoded R'G'B' in [0, 1], (h, w, 3), already conformed to the canvas.
        correction: What the seam engine decided.
        n: Counts the frames of B that are used, from 0 at the seam.

    Returns:
        float32 R'G'B' clipped to [0, 1], (h, w, 3).
    """
    strength = strength_at(correction, n)
    if correction.neutral or strength == 0.0:
        return rgb
    out = rgb
    if correction.affine is not None:
        out = warped(out, _eased(correction.affine, (rgb.shape[1], rgb.shape[0]), strength))
    if correction.colour is not None:
        matrix = matrix_at(correction.colour, n)
        still = np.array(IDENTITY, dtype=np.float32)
        out = coloured(out, still + np.float32(strength) * (matrix - still))
    if correction.sharpen:
        out = sharpened(out, correction.sharpen * strength)
    return np.clip(out, 0, 1)


def _eased(parts: Sequence[float], size: tuple[int, int], strength: float) -> NDArray[np.float64]:
    still = np.eye(2, 3)
    return np.asarray(still + strength * (pixel_affine(parts, size) - still))
