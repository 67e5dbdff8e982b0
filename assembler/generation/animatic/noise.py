"""Seeded noise that looks like nature: sums of smooth random grids."""

from __future__ import annotations

import math

import cv2
import numpy as np

from assembler.generation.animatic.planes import Array


def field(
    size: tuple[int, int],
    seed: int,
    *,
    cells: tuple[float, float],
    octaves: int = 5,
    gain: float = 0.5,
) -> Array:
    """
    Smooth noise, mean about 0.5, nearly all of it in [0, 1], shape (h, w) for *size* (w, h).

    Args:
        size: Width and height.
        seed: Equal seeds give equal noise.
        cells: Blobs across and down in the coarsest octave.
        octaves: Each has blobs half as large.
        gain: Strength of an octave against the coarser one.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    total = np.zeros((height, width), np.float32)
    weight, norm = 1.0, 0.0
    nx, ny = cells
    for _ in range(octaves):
        shape = (max(2, round(ny)) + 3, max(2, round(nx)) + 3)
        if shape[1] > width or shape[0] > height:
            break
        grid = rng.random(shape, dtype=np.float32)
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        norm += weight * weight
        weight *= gain
        nx, ny = nx * 2, ny * 2
    centred = total - total.mean()
    scaled: Array = 0.5 + centred / np.float32(math.sqrt(norm) * 1.15 + 1e-6)
    return scaled


def line(width: int, seed: int, *, cells: float, octaves: int = 6, gain: float = 0.5) -> Array:
    """The same along one line, shape (w,)."""
    rng = np.random.default_rng(seed)
    total = np.zeros(width, np.float32)
    at = np.linspace(0, 1, width, dtype=np.float32)
    weight, norm = 1.0, 0.0
    for _ in range(octaves):
        count = max(2, round(cells)) + 3
        knots = rng.random(count)
        x = at * (count - 3) + 1
        i = np.minimum(x.astype(int), count - 3)
        f = x - i
        a, b, c, d = knots[i - 1], knots[i], knots[i + 1], knots[i + 2]
        # Catmull and Rom, 1974
        total += weight * (
            b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
        )
        norm += weight * weight
        weight *= gain
        cells *= 2
    return np.asarray(0.5 + (total - total.mean()) / (math.sqrt(norm) * 1.15), np.float32)
