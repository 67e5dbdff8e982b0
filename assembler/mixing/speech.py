"""
When somebody speaks in sound that may hold anything, by its signal alone.

Speech is voiced: it repeats at a pitch that glides; and it comes in syllables, three to eight a
second, so that its level rises and falls. A bed of noise isn't voiced; music holds its pitch, and
its level, for longer. No model is asked; singing counts as speech.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from assembler.media.flags import bridged, runs
from assembler.media.samples import Samples
from assembler.mixing.ducking import FRAME, SPEECH_HZ

Floats = npt.NDArray[np.float64]

_SPAN = 512
"""Samples in which pitch is looked for (32 ms: two periods of a low voice)."""
_SHAPE = np.hanning(_SPAN).astype(np.float32)
_AT_ONCE = 256
"""Frames."""
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
_SHORTEST_FRAMES = 60
"""With what is taken in around it."""
_GAPS_DB = 17.0
_VOICED = 0.4


class Voices:
    """Speech in mono sound of 16 kHz that comes in blocks; memory grows by 200 numbers a second."""

    def __init__(self) -> None:
        self._rest = np.zeros(_SPAN // 2, np.float32)
        self._levels: list[Floats] = []
        self._pitches: list[Floats] = []

    def add(self, block: Samples) -> None:
        """Hear further sound, shape (n, 1)."""
        self._rest = np.concatenate([self._rest, block[:, 0]])
        while len(self._rest) >= _SPAN + _AT_ONCE * FRAME:
            self._measure(_AT_ONCE)

    def _measure(self, frames: int) -> None:
        spans = sliding_window_view(self._rest, _SPAN)[: frames * FRAME : FRAME] * _SHAPE
        power = np.einsum("fn,fn->f", spans, spans).astype(np.float64) / _SPAN
        self._levels.append(10 * np.log10(power + 1e-12))
        self._pitches.append(_pitches(spans))
        self._rest = self._rest[frames * FRAME :]

    def ranges(self) -> list[tuple[int, int]]:
        """Stretches of speech as half-open ranges of frames of 10 ms; ends the hearing."""
        left = max(0, len(self._rest) - _SPAN // 2)
        self._rest = np.concatenate([self._rest, np.zeros(_SPAN + FRAME, np.float32)])
        if frames := -(-left // FRAME):
            self._measure(frames)
        if not self._levels:
            return []
        levels, pitches = np.concatenate(self._levels), np.concatenate(self._pitches)
        pitches[levels < max(_SILENCE_DB, np.percentile(levels, 95) - 32)] = 0
        voiced = pitches > 0
        speaking = voiced & _syllables(levels, voiced, pitches)
        found = bridged([(a - _AROUND_FRAMES, b + _AROUND_FRAMES) for a, b in runs(speaking)], 0)
        found = [(max(0, a), min(len(levels), b)) for a, b in bridged(found, _BRIDGED_FRAMES)]
        return [r for r in found if _dense(levels[slice(*r)], speaking[slice(*r)])]


def spoken(mono: Samples) -> list[tuple[int, int]]:
    """
    Stretches of speech as half-open ranges of frames of 10 ms.

    Args:
        mono: Shape (n, 1), 16 kHz.
    """
    voices = Voices()
    voices.add(mono)
    return voices.ranges()


def _pitches(spans: npt.NDArray[np.float32]) -> Floats:
    """1 / period in samples of each span, 0 where it doesn't repeat."""
    from scipy.fft import irfft, rfft

    low, high = _LAGS
    spectra = rfft(spans, 2 * _SPAN, axis=1)
    power = spectra.real**2 + spectra.imag**2
    bins = np.fft.rfftfreq(2 * _SPAN, 1 / SPEECH_HZ)
    power[:, (bins < 70) | (bins > 3500)] = 0
    repeats = irfft(power, axis=1)[:, :high]
    repeats = repeats / (repeats[:, :1] + 1e-20) / _own_repeats(high)
    lags = repeats[:, low:].argmax(axis=1) + low
    strength = repeats[np.arange(len(spans)), lags]
    found: Floats = np.where((strength > _PERIODIC) & (lags < high - 1), 1 / lags, 0.0)
    return found


@cache
def _own_repeats(lags: int) -> npt.NDArray[np.float32]:
    """Autocorrelation of the window itself."""
    shape = np.fft.irfft(np.abs(np.fft.rfft(_SHAPE, 2 * _SPAN)) ** 2)[:lags]
    repeats: npt.NDArray[np.float32] = (shape / shape[0]).astype(np.float32)
    return repeats


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


def _dense(levels: Floats, speaking: npt.NDArray[np.bool_]) -> bool:
    """Whether a stretch has as much voice and as deep gaps as an utterance."""
    deep = levels.max() - np.percentile(levels, 10) >= _GAPS_DB
    return len(levels) >= _SHORTEST_FRAMES and bool(deep) and speaking.mean() >= _VOICED


def _mean(values: Floats) -> Floats:
    """Mean over about a second around each frame."""
    size = min(_WINDOW_FRAMES, len(values))
    if not size:
        return values
    sums = np.convolve(values, np.ones(size), "same")
    counts = np.convolve(np.ones(len(values)), np.ones(size), "same")
    mean: Floats = sums / counts
    return mean
