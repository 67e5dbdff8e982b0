"""
When somebody speaks in sound that may hold anything, by its signal alone.

Speech is voiced: it repeats at a pitch that glides; and it comes in syllables, three to eight a
second, so that its level rises and falls. A bed of noise isn't voiced; music holds its pitch, and
its level, for longer. No model is asked; singing counts as speech.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assembler.media.samples import Samples
from assembler.mixing.ducking import FRAME, SPEECH_HZ, bridged, runs

Floats = npt.NDArray[np.float64]

_SPAN = 512
"""Samples in which pitch is looked for (32 ms: two periods of a low voice)."""
_LAGS = (SPEECH_HZ // 400, SPEECH_HZ // 70)
_PERIODIC = 0.5
_SILENCE_DB = -65.0
_WINDOW_FRAMES = 100
_VOICED_SHARE = (0.15, 0.93)
_SYLLABLES_DB = 4.5
"""Least standard deviation of the level of speech within a second."""
_GLIDE = 0.012
"""Least median change of pitch from frame to frame; a played note holds it closer."""
_AROUND_FRAMES = 15
_BRIDGED_FRAMES = 40
_SHORTEST_FRAMES = 20


def spoken(mono: Samples) -> list[tuple[int, int]]:
    """
    Stretches of speech as half-open ranges of frames of 10 ms.

    Args:
        mono: Shape (n, 1), 16 kHz.
    """
    levels, pitches = _frames(mono[:, 0])
    voiced = pitches > 0
    speaking = voiced & _syllables(levels, voiced, pitches)
    found = bridged([(a - _AROUND_FRAMES, b + _AROUND_FRAMES) for a, b in runs(speaking)], 0)
    found = [r for r in bridged(found, _BRIDGED_FRAMES) if r[1] - r[0] >= _SHORTEST_FRAMES]
    return [(max(0, a), min(len(levels), b)) for a, b in found]


def _frames(mono: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Level in dB and pitch in periods a sample (0: not voiced) of each frame."""
    padded = np.pad(mono.astype(np.float64), (_SPAN // 2, _SPAN))
    starts = range(0, len(mono), FRAME)
    levels, pitches = np.full(len(starts), -120.0), np.zeros(len(starts))
    for first in range(0, len(starts), 512):
        at = np.array(starts[first : first + 512])
        spans = padded[at[:, None] + np.arange(_SPAN)] * np.hanning(_SPAN)
        levels[first : first + 512] = 10 * np.log10(np.mean(spans**2, axis=1) + 1e-12)
        pitches[first : first + 512] = _pitches(spans)
    pitches[levels < max(_SILENCE_DB, np.percentile(levels, 95) - 32)] = 0
    return levels, pitches


def _pitches(spans: Floats) -> Floats:
    """1 / period in samples of each span, 0 where it doesn't repeat."""
    low, high = _LAGS
    power = np.abs(np.fft.rfft(spans, 2 * _SPAN)) ** 2
    bins = np.fft.rfftfreq(2 * _SPAN, 1 / SPEECH_HZ)
    power[:, (bins < 70) | (bins > 3500)] = 0
    repeats = np.fft.irfft(power)[:, :high]
    shape = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_SPAN), 2 * _SPAN)) ** 2)[:high]
    repeats = repeats / (repeats[:, :1] + 1e-20) / (shape / shape[0])
    lags = repeats[:, low:].argmax(axis=1) + low
    strength = repeats[np.arange(len(spans)), lags]
    found: Floats = np.where((strength > _PERIODIC) & (lags < high - 1), 1 / lags, 0.0)
    return found


def _syllables(
    levels: Floats, voiced: npt.NDArray[np.bool_], pitches: Floats
) -> npt.NDArray[np.bool_]:
    """Frames in whose neighbourhood level, voice and pitch move as in speech."""
    floor = np.percentile(levels, 95) - 40
    level = np.maximum(levels, floor)
    share = _mean(voiced.astype(np.float64))
    spread = np.sqrt(np.maximum(0, _mean(level**2) - _mean(level) ** 2))
    both = voiced[1:] & voiced[:-1]
    change = np.zeros(len(levels))
    change[1:][both] = np.abs(np.log(pitches[1:][both] / pitches[:-1][both])).clip(0, 0.1)
    pairs = np.concatenate([[False], both]).astype(np.float64)
    glide = _mean(change) / np.maximum(_mean(pairs), 1e-6)
    low, high = _VOICED_SHARE
    return (share > low) & (share < high) & (spread > _SYLLABLES_DB) & (glide > _GLIDE)


def _mean(values: Floats) -> Floats:
    """Mean over about a second around each frame."""
    size = min(_WINDOW_FRAMES, len(values))
    if not size:
        return values
    sums = np.convolve(values, np.ones(size), "same")
    counts = np.convolve(np.ones(len(values)), np.ones(size), "same")
    mean: Floats = sums / counts
    return mean
