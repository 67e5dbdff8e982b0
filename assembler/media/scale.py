"""Resampling of float pictures without bias or aliasing: Lanczos in both directions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from assembler.media.pixels import Floats

_LOBES = 3


def lanczos(rgb: Floats, size: tuple[int, int]) -> Floats:
    """
    Picture at *size* (width, height); widened for shrinking, so that nothing aliases.

    Args:
        rgb: float32 (h, w, c).

    Returns:
        float32, clipped to [0, 1].
    """
    width, height = size
    if rgb.shape[:2] == (height, width):
        return rgb
    columns = np.einsum("xw,hwc->hxc", _weights(rgb.shape[1], width), rgb, optimize=True)
    rows = _weights(rgb.shape[0], height) @ columns.reshape(rgb.shape[0], -1)
    return np.asarray(np.clip(rows.reshape(height, width, rgb.shape[2]), 0, 1), np.float32)


@lru_cache(maxsize=16)
def _weights(before: int, after: int) -> Floats:
    """Share of every old sample in every new one, (after, before); rows add up to 1."""
    scale = before / after
    reach = max(1.0, scale)
    centres = (np.arange(after) + 0.5) * scale - 0.5
    distance = (np.arange(before)[None] - centres[:, None]) / reach
    lobes = np.sinc(distance) * np.sinc(distance / _LOBES) * (np.abs(distance) < _LOBES)
    return np.asarray(lobes / lobes.sum(axis=1, keepdims=True), np.float32)


def covering(rgb: Floats, size: tuple[int, int], tolerance: float = 0.01) -> Floats:
    """
    Picture that fills *size*: stretched when the shapes nearly agree, else its centre is cut out.

    Args:
        rgb: float32 (h, w, c).
        size: Width and height.
        tolerance: Shapes this near (relative) are stretched.
    """
    height, width = rgb.shape[:2]
    wanted = size[0] / size[1]
    ratio = width / height / wanted
    if abs(ratio - 1) <= tolerance:
        return lanczos(rgb, size)
    if ratio > 1:
        keep = max(1, round(height * wanted))
        left = (width - keep) // 2
        return lanczos(rgb[:, left : left + keep], size)
    keep = max(1, round(width / wanted))
    top = (height - keep) // 2
    return lanczos(rgb[top : top + keep], size)
