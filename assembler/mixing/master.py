"""
The mix at its loudness, with its peaks under the limit.

Gain is linear where that is enough. Where peaks would pass the limit a limiter with look-ahead
takes them down, and the gain is adjusted until loudness still lands on the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt

from assembler.media.samples import Samples, WavWriter
from assembler.mixing.ahead import ahead
from assembler.mixing.loudness import CHUNK, LoudnessMeter, TruePeaks

MAX_GAIN_DB = 24.0
"""More would be noise, not a programme."""
MAX_LIMITED_DB = 18.0
"""More would crush what the programme's dynamics are."""
TOLERANCE_LU = 0.05
_ATTEMPTS = 6
_LOOK_AHEAD_S = 0.004
_RELEASE_DB_PER_S = 40.0
_SAFETY_DB = 0.03
"""Kept below the limit for what lies between the four oversampled points."""
_OVERSHOOT = 1.1
"""No peak behind a gain that changes is higher than this times what it should be."""
_BLOCK_S = 2

Decibels = npt.NDArray[np.float64]
Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Loudness:
    """What meters say of a programme."""

    integrated_lufs: float
    """-inf when there is nothing to hear."""
    range_lu: float
    true_peak_dbtp: float
    max_momentary_lufs: float
    max_short_term_lufs: float


@dataclass(frozen=True, slots=True)
class Mastered:
    """What was done to a mix to bring it to its loudness."""

    loudness: Loudness
    gain_db: float
    limited_db: float
    """Largest reduction by the limiter, positive; 0 when it never worked."""
    capped: bool
    """Whether the gain that the target asks for was more than `MAX_GAIN_DB`."""
    on_target: bool


class Raw:
    """
    Samples in a file without a header, float32, read where they are wanted.

    Args:
        file: Opened for reading.
        samples: How many there are of each channel.
        channels: How many stand beside each other.
    """

    def __init__(self, file: IO[bytes], samples: int, channels: int) -> None:
        self._file = file
        self.samples = samples
        self.channels = channels

    def read(self, start: int, stop: int) -> Samples:
        """Samples of a range, shape (n, channels)."""
        self._file.seek(start * self.channels * 4)
        content = self._file.read((stop - start) * self.channels * 4)
        return np.frombuffer(content, "<f4").reshape(-1, self.channels)


class Meter:
    """
    Loudness and true peak together.

    Args:
        hz: Sample rate.
        channels: Number of channels.
        at_most: True peaks of chunks that can't be passed; of these, none is kept by itself.
    """

    def __init__(self, hz: int, channels: int, at_most: Samples | None = None) -> None:
        self.loudness = LoudnessMeter(hz, channels)
        self.peaks = TruePeaks(channels, at_most, each=at_most is None)

    def add(self, block: Samples) -> None:
        """Measure further sound, shape (n, channels)."""
        self.loudness.add(block)
        self.peaks.add(block)

    def short_term(self) -> npt.NDArray[np.float64]:
        """Loudness of the last three seconds, ten times a second, in LUFS."""
        return self.loudness.short_term()

    def reading(self, gain_db: float = 0.0) -> Loudness:
        """What the meters say so far, or would say with a gain on everything."""
        loudness = self.loudness.with_gain(gain_db) if gain_db else self.loudness
        return Loudness(
            loudness.integrated(),
            loudness.loudness_range(),
            self.peaks.dbtp + gain_db,
            loudness.max_momentary(),
            loudness.max_short_term(),
        )


def master(
    raw: Raw,
    meter: Meter,
    out: Path,
    *,
    hz: int,
    target_lufs: float | None,
    limit_dbtp: float,
    bits: Literal[16, 24, 32] = 24,
    time_reference: int | None = None,
    check: Check = lambda: None,
) -> Mastered:
    """
    Write the mix at its loudness.

    Args:
        raw: The mix.
        meter: Which has measured it.
        out: WAV to write.
        hz: Sample rate.
        target_lufs: Loudness to reach; None leaves it.
        limit_dbtp: True peak that is not passed.
        bits: Depth of the WAV.
        time_reference: Of the first sample; makes it a broadcast wave.
        check: Called after every block; may raise to stop.
    """
    before = meter.reading()
    if target_lufs is None or before.integrated_lufs == -math.inf:
        target_lufs, wanted = None, 0.0
    else:
        wanted = target_lufs - before.integrated_lufs
    highest = min(MAX_GAIN_DB, max(0.0, limit_dbtp - before.true_peak_dbtp + MAX_LIMITED_DB))
    gain = min(wanted, highest)
    capped = wanted > MAX_GAIN_DB
    if before.true_peak_dbtp + gain <= limit_dbtp:
        _write(raw, out, hz, bits, time_reference, Limited(raw, hz, gain), [], check)
        reading = meter.reading(gain)
        reached = target_lufs is None or abs(target_lufs - reading.integrated_lufs) < TOLERANCE_LU
        return Mastered(reading, gain, 0.0, capped, reached)

    def limiter_of(gain: float) -> Limiter:
        under_dbtp = limit_dbtp - _SAFETY_DB
        peaks = meter.peaks.per_chunk(10 ** ((under_dbtp - gain) / 20), raw.read)
        return Limiter(peaks, hz, under_dbtp)

    tried: list[tuple[float, float]] = []
    while target_lufs is not None and len(tried) < _ATTEMPTS:
        expected = meter.loudness.lowered(limiter_of(gain).squares(gain), CHUNK)
        tried.append((gain, expected))
        gain = min(_next_gain(tried, target_lufs), highest)
        if abs(expected - target_lufs) < TOLERANCE_LU / 5 or gain == tried[-1][0]:
            break
    tried = tried[-1:]
    while True:
        limiter = limiter_of(gain)
        blocks = Limited(raw, hz, gain, limiter)
        after = Meter(hz, raw.channels, limiter.at_most(gain))
        _write(raw, out, hz, bits, time_reference, blocks, [after], check)
        reading = after.reading()
        tried.append((gain, reading.integrated_lufs))
        if target_lufs is None or reading.integrated_lufs == -math.inf:
            return Mastered(reading, gain, blocks.reduction_db, capped, True)
        error = abs(target_lufs - reading.integrated_lufs)
        following = min(_next_gain(tried, target_lufs), highest)
        if error <= TOLERANCE_LU or len(tried) == _ATTEMPTS or following == gain:
            on_target = error <= 2 * TOLERANCE_LU
            return Mastered(reading, gain, blocks.reduction_db, capped, on_target)
        gain = following


def _next_gain(tried: list[tuple[float, float]], goal: float) -> float:
    """Gain for the next attempt: by the secant through the last two, cautious at first."""
    gain, reached = tried[-1]
    slope = 1.0
    if len(tried) > 1 and tried[-2][0] != gain:
        other, level = tried[-2]
        slope = min(1.0, max(0.1, (reached - level) / (gain - other)))
    return gain + (goal - reached) / slope


def _write(
    raw: Raw,
    out: Path,
    hz: int,
    bits: Literal[16, 24, 32],
    time_reference: int | None,
    blocks: Limited,
    meters: Sequence[Meter],
    check: Check,
) -> None:
    """Write what a gain and the limiter give, and have it measured."""

    def measured() -> Iterator[Samples]:
        for block in blocks:
            for meter in meters:
                meter.add(block)
            yield block

    with WavWriter(out, hz, raw.channels, bits, time_reference=time_reference) as writer:
        for block in ahead(measured()):
            writer.write(block)
            check()


class Limited:
    """
    A mix with gain and, where there is a limiter, its true peak kept under the limit.

    Args:
        raw: The mix.
        hz: Sample rate.
        gain_db: Applied first.
        limiter: Which knows the mix's peaks.
    """

    def __init__(self, raw: Raw, hz: int, gain_db: float, limiter: Limiter | None = None) -> None:
        self._raw = raw
        self._size = _BLOCK_S * hz // CHUNK * CHUNK
        self._gain_db = gain_db
        self._limiter = limiter
        self.reduction_db = 0.0
        """Largest reduction so far, positive."""

    def __iter__(self) -> Iterator[Samples]:
        gain = np.float32(10 ** (self._gain_db / 20))
        limits = self._limiter.gains(self._gain_db, self._size // CHUNK) if self._limiter else None
        for start in range(0, self._raw.samples, self._size):
            block = self._raw.read(start, min(start + self._size, self._raw.samples)) * gain
            lowered = next(limits) if limits else None
            if lowered is not None:
                for channel in block.T:
                    channel *= lowered[: len(block)]
                self.reduction_db = max(self.reduction_db, -20 * math.log10(lowered.min()))
            yield block


class Limiter:
    """
    Gain that keeps peaks under a limit, worked out between chunks of `CHUNK` samples.

    The gain follows from the peaks found 4 times oversampled in all channels together. It goes
    down along a raised slope over the look-ahead, so that no waveform is bent, and comes up by
    40 dB a second.

    Args:
        peaks: True peak of each chunk of the mix.
        hz: Sample rate.
        limit_dbtp: True peak to stay under.
    """

    def __init__(self, peaks: Samples, hz: int, limit_dbtp: float) -> None:
        self._peaks = peaks
        self._limit = 10 ** (limit_dbtp / 20)
        self._window = max(2, round(_LOOK_AHEAD_S * hz / CHUNK))
        self._slope = _RELEASE_DB_PER_S * CHUNK / hz

    def at_most(self, gain_db: float) -> Samples:
        """What no chunk's true peak passes behind it."""
        lowered: Samples = np.minimum(self._peaks * 10 ** (gain_db / 20), self._limit)
        return lowered * np.float32(_OVERSHOOT)

    def gains(self, gain_db: float, chunks: int) -> Iterator[npt.NDArray[np.float32] | None]:
        """Gains of blocks of so many chunks, sample by sample; None where nothing is lowered."""
        window, carry = self._window, 0.0
        # What the first peaks need is there from the beginning: nothing is before it to fade in.
        tail = np.full(window, self._needed(0, window, gain_db).min())
        last = np.float32(10 ** (tail[0] / 20))
        ramp = (np.arange(CHUNK, dtype=np.float32) + 1) / np.float32(CHUNK)
        for first in range(0, len(self._peaks), chunks):
            released = _released(self._needed(first, chunks + window, gain_db), carry, self._slope)
            if not (released.any() or tail.any() or last != 1):
                carry = 0.0
                yield None
                continue
            joined = np.concatenate([tail, _lowest_ahead(released, window)])
            smooth = _averaged_behind(joined, window)[-chunks:]
            edges = np.concatenate([[last], 10 ** (smooth / 20)]).astype(np.float32)
            carry, tail, last = float(released[chunks - 1]), joined[-window:], edges[-1]
            yield (edges[:-1, None] + np.diff(edges)[:, None] * ramp).ravel()

    def squares(self, gain_db: float) -> Iterator[npt.NDArray[np.float64]]:
        """Square of the gain that sound gets in each chunk, *gain_db* included, in parts."""
        count, whole = _BLOCK_S * 1500, 10 ** (gain_db / 10)
        for gains in self.gains(gain_db, count):
            if gains is None:
                yield np.full(count, whole)
            else:
                yield np.square(gains[CHUNK // 2 :: CHUNK], dtype=np.float64) * whole

    def _needed(self, first: int, count: int, gain_db: float) -> Decibels:
        """Reduction in dB (negative) at the ends of chunks, for the chunks on both sides."""
        peaks = self._peaks[first : first + count + 1] * 10 ** (gain_db / 20)
        peaks = np.pad(peaks, (0, count + 1 - len(peaks)))
        over = np.maximum(np.maximum(peaks[:-1], peaks[1:]), self._limit)
        needed: Decibels = -20 * np.log10(over / self._limit, dtype=np.float64)
        return needed


def _released(needed: Decibels, carry: float, slope: float) -> Decibels:
    """*needed*, but rising by no more than *slope* dB a step, from *carry* before the first."""
    rise = slope * np.arange(len(needed) + 1)
    lowest = np.minimum.accumulate(np.concatenate([[carry], needed]) - rise)
    released: Decibels = np.minimum(lowest + rise, 0)[1:]
    return released


def _lowest_ahead(levels: Decibels, window: int) -> Decibels:
    """Minimum over each sample and the *window* that follow; *window* samples shorter."""
    from scipy.ndimage import minimum_filter1d

    centred = minimum_filter1d(levels, window + 1, mode="nearest")
    first = (window + 1) // 2
    lowest: Decibels = centred[first : first + len(levels) - window]
    return lowest


def _averaged_behind(levels: Decibels, window: int) -> Decibels:
    """Triangular average over each sample and those before it, less than *window* back."""
    half = window // 2
    for _ in range(2):
        sums = np.concatenate([[0.0], np.cumsum(levels)])
        levels = (sums[half:] - sums[:-half]) / half
    return levels
