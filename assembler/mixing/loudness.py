"""
Loudness and true peak as broadcasting measures them: ITU-R BS.1770-5, EBU R 128, Tech 3341, 3342.

    >>> meter = LoudnessMeter(48000, 2)
    >>> meter.add(np.zeros((48000, 2), np.float32))
    >>> meter.integrated()
    -inf
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from copy import copy
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from assembler.media.samples import Samples

Floats = npt.NDArray[np.float64]

_OFFSET = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_RANGE_GATE_LU = -20.0
_STEPS_PER_S = 100
"""So finely that no 400 ms of full level are missed (Tech 3341 case 13)."""
_ADVANCE = 10
"""Gating blocks of 400 ms overlap by 75 %: they advance by 100 ms."""
_MOMENTARY_STEPS = 40
_SHORT_TERM_STEPS = 300
_WEIGHTS = {1: (1.0,), 2: (1.0, 1.0), 6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)}
"""Of the channels (BS.1770-5 table 3): L R C LFE Ls Rs."""


@lru_cache(maxsize=16)
def k_weighting(hz: int) -> Floats:
    """
    K-weighting as second-order sections for a sample rate, shape (2, 6).

    The analogue prototypes behind the coefficients that BS.1770-5 tables 1 and 2 give for 48 kHz.
    """
    shelf_hz, shelf_db, shelf_q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = math.tan(math.pi * shelf_hz / hz)
    high = 10 ** (shelf_db / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / shelf_q + k * k
    shelf = [
        (high + band * k / shelf_q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / shelf_q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / shelf_q + k * k) / a0,
    ]
    pass_hz, pass_q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * pass_hz / hz)
    a0 = 1 + k / pass_q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / pass_q + k * k) / a0]
    return np.array([shelf, high_pass])


def lufs(energy: float) -> float:
    """Loudness of a weighted mean square."""
    return _OFFSET + 10 * math.log10(energy) if energy > 0 else -math.inf


class LoudnessMeter:
    """
    Loudness of sound that comes in blocks; memory grows by a hundred numbers a second.

    Args:
        hz: Sample rate.
        channels: 1, 2 or 6 (L R C LFE Ls Rs).
    """

    def __init__(self, hz: int, channels: int) -> None:
        self._sos = k_weighting(hz)
        self._state = np.zeros((2, channels, 2))
        self._weights = np.array(_WEIGHTS[channels])
        self._step = round(hz / _STEPS_PER_S)
        self._rest = np.zeros((channels, 0))
        self._energies = array("d")  # as one piece: many small ones scatter what lies between

    def add(self, block: Samples) -> None:
        """Measure further sound, shape (n, channels)."""
        from scipy.signal import sosfilt

        planar = np.ascontiguousarray(block.T, np.float64)
        weighted, self._state = sosfilt(self._sos, planar, axis=1, zi=self._state)
        joined = np.concatenate([self._rest, weighted], axis=1)
        steps = joined.shape[1] // self._step
        whole = joined[:, : steps * self._step].reshape(len(joined), steps, self._step)
        energies = self._weights @ np.einsum("csn,csn->cs", whole, whole) / self._step
        self._energies.frombytes(energies.tobytes())
        self._rest = joined[:, steps * self._step :].copy()

    def with_gain(self, gain_db: float) -> LoudnessMeter:
        """What a meter would have seen of the same sound with a gain."""
        other = copy(self)
        louder = self._so_far() * 10 ** (gain_db / 10)
        other._energies = array("d", louder.tobytes())
        return other

    def lowered(self, squares: Iterable[Floats], every: int) -> float:
        """
        Gated loudness if the same sound had a gain that changes slowly.

        Args:
            squares: Of the gain, one for every *every* samples, in parts.
            every: So many samples.
        """
        energies = self._so_far()
        edges = np.arange(len(energies) + 1) * self._step / every
        sums = np.zeros(len(edges))
        total, start, done = 0.0, 0, 0
        for part in squares:
            within = np.concatenate([[0.0], np.cumsum(part)]) + total
            stop = int(np.searchsorted(edges, start + len(part), "right"))
            sums[done:stop] = np.interp(edges[done:stop] - start, np.arange(len(within)), within)
            total, start, done = float(within[-1]), start + len(part), stop
        sums[done:] = total
        means = np.diff(sums) * every / self._step
        return gated(_means(energies * means, _MOMENTARY_STEPS)[::_ADVANCE])

    def momentary(self) -> Floats:
        """Weighted mean square of every gating block of 400 ms so far."""
        return self._windows(_MOMENTARY_STEPS)[::_ADVANCE]

    def integrated(self) -> float:
        """Gated loudness of everything so far in LUFS; -inf when nothing passes the gate."""
        return gated(self.momentary())

    def loudness_range(self) -> float:
        """Loudness range in LU (EBU Tech 3342); 0 for less than three seconds."""
        levels = self.short_term()
        levels = levels[levels > _ABSOLUTE_GATE_LUFS]
        if not len(levels):
            return 0.0
        mean = lufs(float(np.mean(10 ** ((levels - _OFFSET) / 10))))
        levels = levels[levels > mean + _RANGE_GATE_LU]
        low, high = np.percentile(levels, [10, 95])
        return float(high - low)

    def max_momentary(self) -> float:
        """Highest loudness of 400 ms, in LUFS."""
        return float(max(_levels(self._windows(_MOMENTARY_STEPS)), default=-math.inf))

    def max_short_term(self) -> float:
        """Highest loudness of three seconds, in LUFS."""
        return float(max(_levels(self._windows(_SHORT_TERM_STEPS)), default=-math.inf))

    def short_term(self) -> Floats:
        """Loudness of the last three seconds, ten times a second, in LUFS."""
        return _levels(self._windows(_SHORT_TERM_STEPS)[::_ADVANCE])

    def _windows(self, steps: int) -> Floats:
        return _means(self._so_far(), steps)

    def _so_far(self) -> Floats:
        return np.array(self._energies, np.float64)


def _means(energies: Floats, steps: int) -> Floats:
    """Mean over every so many neighbours."""
    if len(energies) < steps:
        return np.zeros(0)
    sums = np.concatenate([[0.0], np.cumsum(energies)])
    mean: Floats = np.maximum(sums[steps:] - sums[:-steps], 0) / steps
    return mean


def gated(energies: Floats) -> float:
    """Loudness of 400 ms blocks with both gates of BS.1770-5, in LUFS."""
    heard = energies[_levels(energies) > _ABSOLUTE_GATE_LUFS]
    if not len(heard):
        return -math.inf
    gate = lufs(float(heard.mean())) + _RELATIVE_GATE_LU
    return lufs(float(heard[_levels(heard) > gate].mean()))


def _levels(energies: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        levels: Floats = _OFFSET + 10 * np.log10(energies)
    return levels


# True peak ----------------------------------------------------------------------------------------

OVERSAMPLING = 4
TAPS = 24
"""Of each phase of the interpolator; BS.1770-5 annex 2 asks for 12 at least."""
BEFORE = TAPS // 2 - 1
"""Samples of context that the interpolation needs before …"""
AFTER = TAPS // 2
"""… and after."""
CHUNK = 32
"""Samples whose highest true peak is kept as one number."""
_KERNEL = 8


def _phases() -> npt.NDArray[np.float32]:
    """Windowed sinc at the quarters between two samples, shape (3, TAPS)."""
    offsets = np.arange(TAPS) - BEFORE
    rows = []
    for phase in range(1, OVERSAMPLING):
        at = offsets - phase / OVERSAMPLING
        window = np.i0(7.0 * np.sqrt(np.clip(1 - (at / (TAPS / 2)) ** 2, 0, 1))) / np.i0(7.0)
        taps = np.sinc(at) * window
        rows.append(taps / taps.sum())
    return np.array(rows, np.float32)


_PHASES = _phases()


def _between(channel: npt.NDArray[np.float32], taps: npt.NDArray[np.float32]) -> Samples:
    """One channel (with context) interpolated at one phase, shape (n,)."""
    n = len(channel) - TAPS + 1
    # numpy has a fast path for kernels of up to 11 taps; a matrix product would start threads.
    parts = [
        np.correlate(channel[at : at + n + _KERNEL - 1], taps[at : at + _KERNEL], "valid")
        for at in range(0, TAPS, _KERNEL)
    ]
    total: Samples = parts[0]
    for part in parts[1:]:
        total += part
    return total


def true_peaks(samples: Samples) -> npt.NDArray[np.float32]:
    """
    Largest magnitude over all channels from each sample to the next, four times oversampled.

    Args:
        samples: Shape (BEFORE + n + AFTER, channels).

    Returns:
        float32, shape (n,).
    """
    n = len(samples) - BEFORE - AFTER
    peaks = np.zeros(n, np.float32)
    for channel in np.ascontiguousarray(samples.T):
        np.maximum(peaks, np.abs(channel[BEFORE : BEFORE + n]), out=peaks)
        for taps in _PHASES:
            np.maximum(peaks, np.abs(_between(channel, taps)[:n]), out=peaks)
    return peaks


class TruePeaks:
    """
    True peaks of sound that comes in blocks, kept for every chunk of `CHUNK` samples.

    Args:
        channels: Number of channels.
        each: Keep the peak of every chunk, which takes six kilobytes a second at 48 kHz.
        at_most: What no chunk can pass, where that is known; those far below the highest of them
            aren't measured and count as that.
    """

    _NEAR = 0.9

    def __init__(self, channels: int, at_most: Samples | None = None, *, each: bool = True) -> None:
        self._each = each
        self._at_most = np.zeros(0, np.float32) if at_most is None else at_most
        self._measured_from = self._NEAR * float(self._at_most.max(initial=0))
        self._done = 0
        # Small parts cost more each, but more of them needn't be measured.
        self._part = (256 if at_most is None else 32) * CHUNK
        self._context = np.zeros((BEFORE, channels), np.float32)
        self._chunks: list[Samples] = []
        self._highest = 0.0

    def add(self, block: Samples) -> None:
        """Measure further sound, shape (n, channels)."""
        joined = np.concatenate([self._context, block])
        whole = max(0, len(joined) - BEFORE - AFTER) // CHUNK * CHUNK
        for at in range(0, whole, self._part):
            self._keep(joined[at : min(at + self._part, whole) + BEFORE + AFTER])
        self._context = joined[whole:]

    def _keep(self, part: Samples) -> None:
        count = (len(part) - BEFORE - AFTER) // CHUNK
        known = self._at_most[self._done : self._done + count]
        self._done += count
        if len(known) == count and known.max() < self._measured_from:
            chunks = known
        elif part.any():
            chunks = true_peaks(part).reshape(-1, CHUNK).max(axis=1)
        else:
            chunks = np.zeros(count, np.float32)
        self._highest = max(self._highest, float(chunks.max(initial=0)))
        if self._each:
            self._chunks.append(chunks)

    def per_chunk(self) -> Samples:
        """Highest true peak in each chunk so far, silence taken to follow; shape (chunks,)."""
        return np.concatenate([*self._chunks, self._rest()])

    def _rest(self) -> Samples:
        """Peaks of the chunks that wait for what follows."""
        left = len(self._context) - BEFORE
        chunks = -(-max(left, 0) // CHUNK)
        if not chunks:
            return np.zeros(0, np.float32)
        short = chunks * CHUNK - left + AFTER
        ended = np.pad(self._context, ((0, short), (0, 0)))
        peaks: Samples = true_peaks(ended).reshape(-1, CHUNK).max(axis=1)
        return peaks

    @property
    def dbtp(self) -> float:
        """Highest true peak so far in dBTP; -inf in silence."""
        peak = max(self._highest, float(self._rest().max(initial=0)))
        return 20 * math.log10(peak) if peak > 0 else -math.inf
