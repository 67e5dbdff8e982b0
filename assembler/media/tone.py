"""
HDR and BT.2020 pictures brought to BT.709: to compare frames and to hand them on.

The finished film is tone-mapped by `conform.py` in ffmpeg; this is the same curve in numpy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assembler.media.info import Colour

Floats = NDArray[np.float32]

WHITE_NITS = 203.0
"""Reference white of HDR (ITU-R BT.2408-7)."""

PEAK = 5.0
"""Brightest light that keeps detail, in reference whites: about 1000 nits."""

STRAIGHT = 0.5
"""Light up to here keeps its brightness: faces and what is darker."""

_GAMMA = 2.4
"""Display of SDR (ITU-R BT.1886)."""

# ITU-R BT.2087-0: linear BT.2020 to BT.709.
_TO_709 = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ],
    np.float32,
)


def to_bt709(rgb: Floats, colour: Colour) -> Floats:
    """
    SDR picture in BT.709 primaries; *rgb* itself unless the source is HDR or BT.2020.

    Args:
        rgb: float32 (h, w, 3), encoded in [0, 1] by the source's transfer and primaries.
        colour: Of the source, complete.
    """
    wide = colour.primaries == "bt2020"
    if not colour.hdr and not wide:
        return rgb
    light = _light(rgb, colour)
    if wide:
        light = np.maximum(light @ _TO_709.T, 0)
    if colour.hdr:
        light = _rolled_off(light)
    return np.asarray(np.clip(light, 0, 1) ** (1 / _GAMMA), np.float32)


def _light(rgb: Floats, colour: Colour) -> Floats:
    """Linear light, 1 is reference white."""
    if colour.transfer == "smpte2084":
        return _pq(rgb) / np.float32(WHITE_NITS)
    if colour.transfer == "arib-std-b67":
        return _hlg(rgb) / np.float32(WHITE_NITS)
    return rgb ** np.float32(_GAMMA)


def _pq(code: Floats) -> Floats:
    """Nits of a PQ signal (SMPTE ST 2084, eq. 4.1)."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = code ** np.float32(1 / m2)
    base = np.maximum(power - np.float32(c1), 0) / (np.float32(c2) - np.float32(c3) * power)
    return np.asarray(10000 * base ** np.float32(1 / m1), np.float32)


def _hlg(code: Floats) -> Floats:
    """Nits of an HLG signal on a 1000-nit display (ITU-R BT.2100-2, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    luma = scene @ np.array([0.2627, 0.6780, 0.0593])
    return np.asarray(1000 * scene * np.maximum(luma, 1e-6)[..., None] ** 0.2, np.float32)


def _rolled_off(light: Floats) -> Floats:
    """Light up to the peak brought below 1 by its brightest channel (Möbius, ffmpeg's tonemap)."""
    j, peak = STRAIGHT, PEAK
    a = -j * j * (peak - 1) / (j * j - 2 * j + peak)
    b = (j * j - 2 * j * peak + peak) / (peak - 1)
    brightest = np.maximum(light.max(axis=2, keepdims=True), np.float32(1e-6))
    bent = (b * b + 2 * b * j + j * j) / (b - a) * (brightest + a) / (brightest + b)
    mapped = np.where(brightest <= j, brightest, bent)
    return np.asarray(light * (mapped / brightest), np.float32)
