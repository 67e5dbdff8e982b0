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
from collections.abc import Callable, Iterable
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
        return float(_levels(self._windows(_MOMENTARY_STEPS)).max(initial=-math.inf))

    def max_short_term(self) -> float:
        """Highest loudness of three seconds, in LUFS."""
        return float(_levels(self._windows(_SHORT_TERM_STEPS)).max(initial=-math.inf))

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


_WINDOW = BEFORE + CHUNK + AFTER


def _reaches() -> tuple[float, float]:
    """
    How much higher than samples the curve through them can be.

    Returns:
        By their second differences, over a straight line between two samples; and as a factor.
    """
    lines = np.zeros(_PHASES.shape)
    for row, phase in enumerate(range(1, OVERSAMPLING)):
        lines[row, BEFORE : BEFORE + 2] = 1 - phase / OVERSAMPLING, phase / OVERSAMPLING
    twice = np.cumsum(np.cumsum(_PHASES - lines, axis=1), axis=1)
    return float(np.abs(twice).sum(axis=1).max()), float(np.abs(_PHASES).sum(axis=1).max())


_BY_BEND, _BY_FACTOR = _reaches()
_ROUNDING = np.float32(1.003)
"""What the sums above leave out."""
_PART = 256
"""Chunks looked at together."""
_MANY = 3
"""When more than one in so many is to be interpolated, all are: faster than one by one."""


class TruePeaks:
    """
    True peaks of sound that comes in blocks.

    Interpolating is slow, so it is done only where a new highest peak can be: where the samples
    are loud enough. Of every other chunk of `CHUNK` samples it is known what it can't pass.

    Args:
        channels: Number of channels.
        at_most: What no chunk can pass, where that is known better than by its samples.
        each: Keep what is known of every chunk, which takes eight kilobytes a second at 48 kHz.
    """

    def __init__(self, channels: int, at_most: Samples | None = None, *, each: bool = True) -> None:
        self._each = each
        self._at_most = np.zeros(0, np.float32) if at_most is None else at_most
        self._context = np.zeros((BEFORE, channels), np.float32)
        self._done = 0
        self._bounds = [np.zeros(0, np.float32)]
        self._measured = [np.zeros(0, np.bool_)]
        self._highest = 0.0

    def add(self, block: Samples) -> None:
        """Measure further sound, shape (n, channels)."""
        joined = np.concatenate([self._context, block])
        count = max(0, len(joined) - BEFORE - AFTER) // CHUNK
        if count:
            self._keep(joined, count)
        self._context = joined[count * CHUNK :].copy()

    def _keep(self, joined: Samples, count: int) -> None:
        bounds, measured = _bounds(joined, count), np.zeros(count, np.bool_)
        known = self._at_most[self._done : self._done + count]
        np.minimum(bounds[: len(known)], known, out=bounds[: len(known)])
        self._done += count
        # The likeliest first, so that few of the others can be higher.
        likeliest = np.array([bounds.argmax()])
        self._measure(joined, bounds, measured, likeliest)
        for at in range(0, count, _PART):
            part = slice(at, at + _PART)
            wanted = (bounds[part] > self._highest) & ~measured[part]
            self._measure(joined, bounds, measured, np.flatnonzero(wanted) + at)
        if self._each:
            self._bounds.append(bounds)
            self._measured.append(measured)

    def _measure(
        self,
        joined: Samples,
        bounds: Samples,
        measured: npt.NDArray[np.bool_],
        chunks: npt.NDArray[np.intp],
    ) -> None:
        bounds[chunks] = _chunk_peaks(joined, chunks)
        measured[chunks] = True
        self._highest = max(self._highest, float(bounds[chunks].max(initial=0)))

    def per_chunk(self, above: float, read: Callable[[int, int], Samples]) -> Samples:
        """
        Highest true peak in each chunk so far, silence taken to follow, where it passes *above*.

        Args:
            above: Amplitude; the other chunks have any value up to it, or their true peak.
            read: Gives the samples of a range once more, shape (n, channels).

        Returns:
            float32, shape (chunks,).
        """
        bounds, measured = np.concatenate(self._bounds), np.concatenate(self._measured)
        wanted = np.flatnonzero((bounds > above) & ~measured)
        for at in range(0, len(bounds), _PART):
            first, stop = np.searchsorted(wanted, [at, at + _PART])
            if first < stop:
                part = wanted[first:stop]
                begin = at * CHUNK - BEFORE
                samples = read(max(0, begin), (int(part[-1]) + 1) * CHUNK + AFTER)
                samples = np.pad(samples, ((max(0, -begin), 0), (0, 0)))
                bounds[part] = _chunk_peaks(samples, part - at)
        measured[wanted] = True
        self._bounds, self._measured = [bounds], [measured]
        return np.concatenate([bounds, self._rest()])

    def _rest(self) -> Samples:
        """Peaks of the chunks that wait for what follows."""
        left = len(self._context) - BEFORE
        chunks = -(-max(left, 0) // CHUNK)
        if not chunks:
            return np.zeros(0, np.float32)
        short = chunks * CHUNK - left + AFTER
        ended = np.pad(self._context, ((0, short), (0, 0)))
        return _chunk_peaks(ended, np.arange(chunks))

    @property
    def dbtp(self) -> float:
        """Highest true peak so far in dBTP; -inf in silence."""
        peak = max(self._highest, float(self._rest().max(initial=0)))
        return 20 * math.log10(peak) if peak > 0 else -math.inf


def _bounds(joined: Samples, count: int) -> Samples:
    """What the true peaks of *count* chunks can't pass; their context lies around them."""
    bounds = np.zeros(count, np.float32)
    for channel in np.ascontiguousarray(joined.T):
        bent = np.abs(np.diff(channel, 2))
        loud = np.abs(channel)
        around = _highest_in(bent[: BEFORE + count * CHUNK + AFTER - 2], BEFORE - 1, count)
        bend = np.maximum(np.maximum(around[:-2], around[2:]), around[1:-1])
        loudest = _highest_in(loud, BEFORE, count)
        near = np.maximum(loudest[1:-1], loudest[2:])
        far = np.maximum(near, loudest[:-2])
        found = np.minimum(near + np.float32(_BY_BEND) * bend, np.float32(_BY_FACTOR) * far)
        np.maximum(bounds, found, out=bounds)
    return bounds * _ROUNDING


def _highest_in(values: Samples, first: int, count: int) -> Samples:
    """Maximum of what comes before *first*, of each of *count* chunks, and of what follows."""
    stop = first + count * CHUNK
    inner = values[first:stop].reshape(count, CHUNK).max(axis=1)
    return np.concatenate([[values[:first].max()], inner, [values[stop:].max()]])


def _chunk_peaks(joined: Samples, chunks: npt.NDArray[np.intp]) -> Samples:
    """True peaks of some chunks, *joined* beginning with the context of the first."""
    if not len(chunks):
        return np.zeros(0, np.float32)
    first, stop = int(chunks[0]), int(chunks[-1]) + 1
    if stop - first < _MANY * len(chunks):
        part = joined[first * CHUNK : stop * CHUNK + BEFORE + AFTER]
        every: Samples = true_peaks(part).reshape(-1, CHUNK).max(axis=1)
        return every[chunks - first]
    windows = joined[chunks[:, None] * CHUNK + np.arange(_WINDOW)]
    # What is found between two windows is of no use, and costs less than going one by one.
    found = true_peaks(windows.reshape(-1, joined.shape[1]))
    found = np.pad(found, (0, BEFORE + AFTER)).reshape(len(chunks), _WINDOW)
    peaks: Samples = found[:, :CHUNK].max(axis=1)
    return peaks
