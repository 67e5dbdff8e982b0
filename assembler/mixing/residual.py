"""
What a clip has beside the speech of a recording: steps, doors, the room it was set in.

The recording is fitted to the clip by a filter of some milliseconds (Wiener), which takes up level,
equalisation and the rest of a sample's delay, and is taken away. What its encoder bent stays, some
20 dB below the speech that will be heard over it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from assembler.media.samples import SampleReader, Samples

Floats = npt.NDArray[np.floating[Any]]

_TAPS = 1024
_CHUNK_S = 10
_OVERLAP_S = 1
_REGULAR = 1e-5
_MOST_DB = 12.0


class Residual:
    """
    A clip's sound without a recording's.

    Args:
        clip: At the first sample that is heard.
        recording: In mono, `LEAD` samples before the place that sounds there.
        hz: Of both.
    """

    LEAD = _TAPS // 2

    def __init__(self, clip: SampleReader, recording: SampleReader, hz: int) -> None:
        self._clip, self._recording = clip, recording
        self._step, self._overlap = _CHUNK_S * hz, _OVERLAP_S * hz
        self._own: Samples | None = None
        self._other = recording.read(_TAPS)[:, 0]
        self._tail: Samples | None = None
        self._ready: Samples | None = None

    def read(self, samples: int) -> Samples:
        """Next samples, shape (samples, channels); silence after the end."""
        while self._ready is None or len(self._ready) < samples:
            fresh = self._next()
            self._ready = fresh if self._ready is None else np.concatenate([self._ready, fresh])
        given, self._ready = self._ready[:samples], self._ready[samples:]
        return given

    def _next(self) -> Samples:
        """A chunk, which the next one overlaps."""
        whole = self._step + self._overlap
        kept = 0 if self._own is None else len(self._own)
        new = self._clip.read(whole - kept)
        own = new if self._own is None else np.concatenate([self._own, new])
        fresh = self._recording.read(whole + _TAPS - len(self._other))[:, 0]
        other = np.concatenate([self._other, fresh])
        self._own, self._other = own[self._step :], other[self._step :]
        rest = without(own, other)
        if self._tail is not None:
            rise = np.linspace(0, 1, self._overlap, dtype=np.float32)[:, None]
            rest[: self._overlap] = rest[: self._overlap] * rise + self._tail * (1 - rise)
        self._tail = rest[self._step :]
        return rest[: self._step]

    def close(self) -> None:
        """Let go of both files."""
        self._clip.close()
        self._recording.close()


def without(own: Samples, other: npt.NDArray[np.float32]) -> Samples:
    """
    *own* less what a filter makes of *other*, at the level that makes both speak equally loud.

    Args:
        own: Shape (n, channels).
        other: Shape (n + taps,); its sample `Residual.LEAD` sounds at the first of *own*.
    """
    from scipy.linalg import solve_toeplitz
    from scipy.signal import correlate, fftconvolve

    heard = other.astype(np.float64)
    power = float(heard @ heard)
    if power < 1e-9 * len(heard):
        return own.copy()
    middle = heard[: len(own) + _TAPS - 1]
    column = correlate(heard, heard[: len(own)], "valid", "fft")[:_TAPS]
    column[0] *= 1 + _REGULAR
    out = np.empty_like(own)
    gains = []
    for n, channel in enumerate(own.T.astype(np.float64)):
        cross = correlate(middle, channel, "valid", "fft")
        taps = solve_toeplitz(column, cross)
        speech = fftconvolve(middle, taps[::-1], "valid")
        out[:, n] = channel - speech
        gains.append(float(np.sqrt(np.mean(speech**2) / np.mean(middle**2))))
    most = 10 ** (_MOST_DB / 20)
    gain = max(max(gains), 1e-9)
    out /= np.float32(min(max(gain, 1 / most), most))
    return out
