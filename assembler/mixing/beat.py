"""
After how long music may begin again so that its beat goes on.

The onsets of music repeat with its beat; the beat is followed over ever longer spans until it is
known to a few milliseconds. A round ends with the last whole bar of four beats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from assembler.media.samples import Samples

Floats = npt.NDArray[np.floating[Any]]

HZ = 8000
"""Rate at which the beat is looked for."""
_HOP = HZ // 100
_SPAN = 256
_BEAT_S = (0.3, 1.0)
_CLEAR = 0.12
"""Least autocorrelation of onsets at the beat; noise and pads stay below."""
_LEAST_RISE = 0.2
"""Nepers over all bands; what never rises so much has no onsets."""
_BAR = 4
_EXACT_S = 0.02
"""A file that is so near to whole beats was cut to be looped."""


def bars(mono: Samples) -> float | None:
    """
    Seconds of the last whole bars of some music, or of all of it when it was cut to its beat.

    Args:
        mono: From where it begins to its end, shape (n, 1), 8 kHz.

    Returns:
        None when no beat is clear.
    """
    onsets = _onsets(mono[:, 0])
    beat_s = _beat(onsets)
    if beat_s is None:
        return None
    length_s = len(mono) / HZ
    beats = length_s / beat_s
    if abs(beats - round(beats)) * beat_s < _EXACT_S and round(beats) >= _BAR:
        return length_s
    whole = int(beats / _BAR) * _BAR * beat_s
    return whole if whole > length_s / 2 else None


def _onsets(mono: npt.NDArray[np.float32]) -> Floats:
    """How much louder each hundredth of a second is than the one before, over all bands."""
    from scipy.fft import rfft

    count = max(0, (len(mono) - _SPAN) // _HOP + 1)
    if count < 4:
        return np.zeros(0)
    at = np.arange(count)[:, None] * _HOP + np.arange(_SPAN)
    level = np.log(1e-4 + np.abs(rfft(mono[at] * np.hanning(_SPAN).astype(np.float32), axis=1)))
    rise = np.maximum(np.diff(level, axis=0), 0).mean(axis=1)
    if rise.max() < _LEAST_RISE:
        return np.zeros(0)
    centred: Floats = rise - rise.mean()
    return centred


def _beat(onsets: Floats) -> float | None:
    low, high = (round(s * HZ / _HOP) for s in _BEAT_S)
    if len(onsets) < 4 * high:
        return None
    spectrum = np.fft.rfft(onsets, 2 * len(onsets))
    repeats = np.fft.irfft(np.abs(spectrum) ** 2)[: len(onsets)]
    repeats /= (repeats[0] + 1e-20) * (1 - np.arange(len(repeats)) / len(repeats))
    lag = low + int(repeats[low:high].argmax())
    if repeats[lag] < _CLEAR:
        return None
    beat, count = _peak(repeats, lag), 1
    while beat * count * 2 < len(onsets) / 2:
        count *= 2
        near = round(beat * count)
        reach = max(2, lag // 8)
        best = near - reach + int(repeats[near - reach : near + reach + 1].argmax())
        beat = _peak(repeats, best) / count
    return beat * _HOP / HZ


def _peak(values: Floats, k: int) -> float:
    """Place of a parabola's top around a sample."""
    a, b, c = (float(x) for x in values[k - 1 : k + 2])
    curve = a - 2 * b + c
    return k + ((a - c) / (2 * curve) if curve < 0 else 0.0)
