"""
The mix at its loudness, with its peaks under the limit.

Gain is linear where that is enough. Where peaks would pass the limit a limiter with look-ahead
takes them down, and the gain is adjusted until loudness still lands on the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt

from assembler.media.samples import Samples, WavWriter
from assembler.mixing.ahead import ahead
from assembler.mixing.loudness import AFTER, BEFORE, BOUND, LoudnessMeter, TruePeakMeter, true_peaks

MAX_GAIN_DB = 24.0
"""More would be noise, not a programme."""
MAX_LIMITED_DB = 12.0
"""More would crush what the programme's dynamics are."""
TOLERANCE_LU = 0.05
_ATTEMPTS = 6
_LOOK_AHEAD_S = 0.004
_RELEASE_DB_PER_S = 40.0
_SAFETY_DB = 0.03
"""Kept below the limit for what lies between the four oversampled points."""
_BLOCK_S = 2
_PART = 2048

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
    """Loudness and true peak together."""

    def __init__(self, hz: int, channels: int) -> None:
        self._loudness = LoudnessMeter(hz, channels)
        self._peak = TruePeakMeter(channels)

    def add(self, block: Samples) -> None:
        """Measure further sound, shape (n, channels)."""
        self._loudness.add(block)
        self._peak.add(block)

    def reading(self) -> Loudness:
        """What the meters say so far."""
        return Loudness(
            self._loudness.integrated(),
            self._loudness.loudness_range(),
            self._peak.dbtp,
            self._loudness.max_momentary(),
            self._loudness.max_short_term(),
        )


def master(
    raw: Raw,
    before: Loudness,
    out: Path,
    *,
    hz: int,
    target_lufs: float | None,
    limit_dbtp: float,
    bits: Literal[16, 24, 32] = 24,
    check: Check = lambda: None,
) -> Mastered:
    """
    Write the mix at its loudness.

    Args:
        raw: The mix.
        before: What it measures.
        out: WAV to write.
        hz: Sample rate.
        target_lufs: Loudness to reach; None leaves it.
        limit_dbtp: True peak that is not passed.
        bits: Depth of the WAV.
        check: Called after every block; may raise to stop.
    """
    if target_lufs is None or before.integrated_lufs == -math.inf:
        target_lufs, wanted = None, 0.0
    else:
        wanted = target_lufs - before.integrated_lufs
    highest = min(MAX_GAIN_DB, max(0.0, limit_dbtp - before.true_peak_dbtp + MAX_LIMITED_DB))
    gain = min(wanted, highest)
    needs_limiter = before.true_peak_dbtp + gain > limit_dbtp
    limit = limit_dbtp - _SAFETY_DB if needs_limiter else None
    tried: list[tuple[float, float]] = []
    if limit is not None and target_lufs is not None:
        tried.append((gain, _loudness(raw, hz, gain, limit, check)))
        gain = min(_next_gain(tried, target_lufs), highest)
    while True:
        reading, limited_db = _written(raw, out, hz, gain, limit, bits, check)
        tried.append((gain, reading.integrated_lufs))
        goal = reading.integrated_lufs if target_lufs is None else target_lufs
        error = abs(goal - reading.integrated_lufs)
        following = min(_next_gain(tried, goal), highest)
        settled = error <= TOLERANCE_LU or limit is None or len(tried) == _ATTEMPTS
        if settled or following == gain:
            capped = wanted > MAX_GAIN_DB
            return Mastered(reading, gain, limited_db, capped, error <= 2 * TOLERANCE_LU)
        gain = following


def _next_gain(tried: list[tuple[float, float]], goal: float) -> float:
    """Gain for the next attempt: by the secant through the last two, cautious at first."""
    gain, reached = tried[-1]
    slope = 1.0
    if len(tried) > 1 and tried[-2][0] != gain:
        other, level = tried[-2]
        slope = min(1.0, max(0.1, (reached - level) / (gain - other)))
    return gain + (goal - reached) / slope


def _loudness(raw: Raw, hz: int, gain_db: float, limit_dbtp: float, check: Check) -> float:
    """Loudness that a gain and the limiter would give, in LUFS."""
    meter = LoudnessMeter(hz, raw.channels)
    for block in ahead(iter(Limited(raw, hz, gain_db, limit_dbtp))):
        meter.add(block)
        check()
    return meter.integrated()


def _written(
    raw: Raw,
    out: Path,
    hz: int,
    gain_db: float,
    limit_dbtp: float | None,
    bits: Literal[16, 24, 32],
    check: Check,
) -> tuple[Loudness, float]:
    """Write with this gain; returns what it measures and the limiter's largest reduction."""
    meter = Meter(hz, raw.channels)
    blocks = Limited(raw, hz, gain_db, limit_dbtp)
    with WavWriter(out, hz, raw.channels, bits) as writer:
        for block in ahead(iter(blocks)):
            meter.add(block)
            writer.write(block)
            check()
    return meter.reading(), blocks.reduction_db


class Limited:
    """
    Sound with gain and, where a limit is given, its true peak kept under it.

    The gain follows from the peaks found 4 times oversampled in all channels together. It goes
    down along a raised slope over the look-ahead, so that no waveform is bent, and comes up by
    40 dB a second.

    Args:
        raw: The mix.
        hz: Sample rate.
        gain_db: Applied first.
        limit_dbtp: True peak to stay under; None for gain alone.
    """

    def __init__(self, raw: Raw, hz: int, gain_db: float, limit_dbtp: float | None) -> None:
        self._raw = raw
        self._hz = hz
        self._gain = np.float32(10 ** (gain_db / 20))
        self._limit = limit_dbtp
        self._window = max(2, round(_LOOK_AHEAD_S * hz))
        self.reduction_db = 0.0
        """Largest reduction so far, positive."""

    def __iter__(self) -> Iterator[Samples]:
        size = _BLOCK_S * self._hz
        carry = 0.0
        tail = np.zeros(self._window)
        for start in range(0, self._raw.samples, size):
            stop = min(start + size, self._raw.samples)
            block = self._taken(start, stop)
            if self._limit is not None:
                gains, carry, tail = self._gains(start, stop, carry, tail)
                if gains is not None:
                    block = block * gains
            yield block

    def _taken(self, start: int, stop: int) -> Samples:
        """Sound with gain; silence outside the programme."""
        first, last = max(start, 0), min(stop, self._raw.samples)
        block = self._raw.read(first, last) * self._gain
        if (first, last) != (start, stop):
            block = np.pad(block, ((first - start, stop - last), (0, 0)))
        return block

    def _gains(
        self, start: int, stop: int, carry: float, tail: Decibels
    ) -> tuple[npt.NDArray[np.float32] | None, float, Decibels]:
        """
        Gains of a block, and what the next block goes on from.

        *carry* is the reduction (dB, negative) that the release has left at the block's start;
        *tail* are the last lowest reductions before it.
        """
        window, count = self._window, stop - start
        needed = self._needed(start, stop + window)
        released = _released(needed, carry, _RELEASE_DB_PER_S / self._hz)
        if not released.any() and not tail.any():
            return None, 0.0, tail
        joined = np.concatenate([tail, _lowest_ahead(released, window)])
        smooth = _averaged_behind(joined, window)[-count:]
        self.reduction_db = max(self.reduction_db, -float(smooth.min()))
        gains = (10 ** (smooth / 20)).astype(np.float32)[:, None]
        return gains, float(released[count - 1]), joined[-window:]

    def _needed(self, start: int, stop: int) -> Decibels:
        """Reduction in dB (negative) that takes each sample's true peak to the limit."""
        assert self._limit is not None
        limit = 10 ** (self._limit / 20)
        samples = self._taken(start - BEFORE, stop + AFTER)
        needed = np.zeros(stop - start)
        for at in range(0, stop - start, _PART):
            part = samples[at : at + _PART + BEFORE + AFTER]
            if np.abs(part).max() * BOUND > limit:
                peaks = np.maximum(true_peaks(part), limit)
                needed[at : at + len(peaks)] = -20 * np.log10(peaks / limit)
        return needed


def _released(needed: Decibels, carry: float, slope: float) -> Decibels:
    """*needed*, but rising by no more than *slope* dB a sample, from *carry* before the first."""
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
