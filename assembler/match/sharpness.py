"""
How much softer B is than A, and the unsharp masking that makes up for it.

The gain that takes B's detail to A's is measured band by band where both show the same moment
(what they have in common over what B has, so that grain and coding noise don't count), and one
amount of unsharp masking is fitted to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assembler.match.features import F32

BANDS = ((0.08, 0.14), (0.14, 0.20), (0.20, 0.26), (0.26, 0.32), (0.32, 0.38))
"""Bands of spatial frequency in cycles per pixel at the analysis size."""
MOST = 1.6
"""Sharpening beyond this would draw halos."""
LEAST = -0.3
"""Softening beyond this takes more than the seam gains."""
UNSEEN = 0.12
"""Amounts below this change nothing that can be seen."""
COMMON = 0.5
"""Bands in which the two correlate less tell nothing."""


def amount(wanted: F32, seen: F32) -> float:
    """
    Unsharp masking that takes *seen* nearest to *wanted*, within bounds; 0 where none is needed.

    Args:
        wanted: Luma of A, float32 (h, w).
        seen: Luma of B at the same moment, laid over A and with A's colours.
    """
    sigma = wanted.shape[0] / 1080
    bands = band_gains(wanted, seen)
    if not bands:
        return 0.0
    shared = _masking(bands, [b.shared for b in bands], sigma)
    # Noise in B alone lowers what both share; softening is for a B that really has more.
    found = shared if shared > 0 else min(0.0, _masking(bands, [b.power for b in bands], sigma))
    found = float(np.clip(found, LEAST, MOST))
    return found if abs(found) > UNSEEN else 0.0


def _masking(bands: list[Band], gains: list[float], sigma: float) -> float:
    """Amount of unsharp masking of radius *sigma* that comes nearest to *gains*."""
    top = bottom = 0.0
    for band, gain in zip(bands, gains, strict=True):
        lift = 1 - np.exp(-2 * (np.pi * sigma * band.frequency) ** 2)
        top += band.trust * lift * (gain - 1)
        bottom += band.trust * lift * lift
    return float(top / bottom)


@dataclass(frozen=True, slots=True)
class Band:
    """Detail of one band of spatial frequency in both pictures."""

    frequency: float
    """Cycles per pixel."""
    shared: float
    """Gain that takes B nearest to A: what they have in common, over what B has."""
    power: float
    """Ratio of their strengths."""
    trust: float


def band_gains(wanted: F32, seen: F32) -> list[Band]:
    """Gains from *seen* to *wanted* in each band that both have in common."""
    window = np.outer(np.hanning(wanted.shape[0]), np.hanning(wanted.shape[1]))
    one, two = (np.fft.rfft2((p - p.mean()) * window) for p in (wanted, seen))
    frequency = np.hypot(
        np.fft.fftfreq(wanted.shape[0])[:, None], np.fft.rfftfreq(wanted.shape[1])[None]
    )
    out = []
    for low, high in BANDS:
        band = (frequency >= low) & (frequency < high)
        both = float(np.sum((one[band] * two[band].conj()).real))
        power = float(np.sum(np.abs(two[band]) ** 2))
        other = float(np.sum(np.abs(one[band]) ** 2))
        common = both / np.sqrt(max(power * other, 1e-12))
        if common > COMMON:
            ratio = float(np.sqrt(other / power))
            out.append(Band((low + high) / 2, both / power, ratio, float(common) ** 4))
    return out
