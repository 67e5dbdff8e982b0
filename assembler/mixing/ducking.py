"""
When somebody speaks, and how far other sound goes down for it.

Both are known for the whole programme before it is mixed, so that sound is down already when the
first word begins (look-ahead without delay) and doesn't pump between words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assembler.media.flags import bridged, runs
from assembler.media.samples import Samples
from assembler.timebase import SampleRange

SPEECH_HZ = 16000
"""Rate at which speech is looked for."""
FRAME = SPEECH_HZ // 100
"""Samples in a frame of 10 ms."""
_BAND_HZ = (120.0, 4000.0)
_SILENCE_DB = -65.0
_ABOVE_FLOOR_DB = 9.0
_BELOW_SPEECH_DB = 32.0
_HYSTERESIS_DB = 6.0
_SHORTEST_FRAMES = 5
_BRIDGED_FRAMES = 20
_MARGIN_FRAMES = 4
_RAMP_POINTS = 17
_SHUT_DB = 90.0
"""Below what 16 bits hold at the level of speech."""


class SpeechLevels:
    """Level of the speech band in frames of 10 ms, from mono sound of 16 kHz in blocks."""

    def __init__(self) -> None:
        from scipy.signal import butter

        self._sos = butter(2, _BAND_HZ, "bandpass", fs=SPEECH_HZ, output="sos")
        self._state = np.zeros((len(self._sos), 2))
        self._rest = np.zeros(0)
        self._levels: list[npt.NDArray[np.float64]] = []

    def add(self, block: Samples) -> None:
        """Measure further sound, shape (n, 1)."""
        from scipy.signal import sosfilt

        band, self._state = sosfilt(self._sos, block[:, 0].astype(np.float64), zi=self._state)
        joined = np.concatenate([self._rest, band])
        frames = len(joined) // FRAME
        whole = joined[: frames * FRAME].reshape(frames, FRAME)
        power = np.einsum("fn,fn->f", whole, whole) / FRAME
        self._levels.append(10 * np.log10(power + 1e-12))
        self._rest = joined[frames * FRAME :]

    def levels(self) -> npt.NDArray[np.float64]:
        """Mean power of each frame in dB of full scale, shape (frames,)."""
        return np.concatenate(self._levels) if self._levels else np.zeros(0)


def speech_in(levels: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """
    Stretches of speech as half-open ranges of frames.

    A frame counts when it stands out from the recording's own floor, or is not far below its loud
    parts; once begun, speech lasts until the level falls below a lower threshold.

    Args:
        levels: Of the speech band in frames of 10 ms, dB of full scale.
    """
    heard = levels[levels > _SILENCE_DB]
    if not len(heard):
        return []
    floor, loud = np.percentile(levels, 10), np.percentile(heard, 95)
    on = max(floor + _ABOVE_FLOOR_DB, loud - _BELOW_SPEECH_DB, _SILENCE_DB)
    on = min(on, loud - _HYSTERESIS_DB)
    found = runs(levels > on - _HYSTERESIS_DB)
    found = [r for r in found if (levels[r[0] : r[1]] > on).any()]
    found = [r for r in bridged(found, _BRIDGED_FRAMES) if r[1] - r[0] >= _SHORTEST_FRAMES]
    last = len(levels)
    return [(max(0, a - _MARGIN_FRAMES), min(last, b + _MARGIN_FRAMES)) for a, b in found]


@dataclass(frozen=True, slots=True)
class GainCurve:
    """Gain in dB over the programme: straight lines between points, constant outside."""

    at: npt.NDArray[np.float64]
    """Samples of the programme, ascending."""
    db: npt.NDArray[np.float64]

    def over(self, start: int, stop: int) -> npt.NDArray[np.float64] | float:
        """Gain in dB at the samples of a range, or one number when it doesn't change."""
        if not len(self.at):
            return 0.0
        first, last = np.searchsorted(self.at, [start, stop - 1])
        ends = np.interp([start, stop - 1], self.at, self.db)
        if first == last and ends[0] == ends[1]:
            return float(ends[0])
        return np.interp(np.arange(start, stop), self.at, self.db)


def duck_curve(
    speech: Sequence[SampleRange],
    depth_db: float,
    *,
    attack: int,
    hold: int,
    release: int,
) -> GainCurve:
    """
    Gain that is down by *depth_db* wherever there is speech.

    It goes down before speech begins and comes up after it has been quiet for *hold*. Pauses too
    short to come up fully and go down again are bridged, so it never pumps.

    Args:
        speech: Ranges of the programme with speech, in any order.
        depth_db: How far down, positive.
        attack: Samples from full to ducked, before the speech.
        hold: Samples to stay down after it.
        release: Samples from ducked to full.
    """
    held = [(s.start, s.stop + hold) for s in speech if s.stop > s.start]
    down = bridged(held, attack + release)
    shape = (1 - np.cos(np.linspace(0, math.pi, _RAMP_POINTS))) / 2
    at, db = [], []
    for start, stop in down:
        at += [np.linspace(start - attack, start, _RAMP_POINTS)]
        at += [np.linspace(stop, stop + release, _RAMP_POINTS)]
        db += [-depth_db * shape, -depth_db * shape[::-1]]
    if not at:
        return GainCurve(np.zeros(0), np.zeros(0))
    return GainCurve(np.concatenate(at), np.concatenate(db))


def share_curve(heard: Sequence[SampleRange], *, opens: int, closes: int) -> GainCurve:
    """
    Share, from 0 to 1, of a sound that belongs to the ranges: its numbers aren't decibels.

    Args:
        heard: In any order.
        opens: Samples from none to all, before a range.
        closes: Samples from all to none, after it.
    """
    ranges = bridged([(r.start, r.stop) for r in heard], opens + closes)
    at = [[start - opens, start, stop, stop + closes] for start, stop in ranges]
    return GainCurve(np.array(at, np.float64).ravel(), np.tile([0.0, 1.0, 1.0, 0.0], len(ranges)))


def gate_curve(
    heard: Sequence[SampleRange], whole: SampleRange, *, opens: int, closes: int
) -> GainCurve:
    """
    Gain that is 0 dB in the ranges to be heard and shut outside of them.

    Args:
        heard: In any order.
        whole: Range of the programme that the gain is for.
        opens: Samples from shut to open, before a range.
        closes: Samples from open to shut, after it.
    """
    ranges = bridged([(r.start - opens, r.stop + closes) for r in heard], 0)
    edges = [whole.start - opens, *(edge for both in ranges for edge in both), whole.stop + closes]
    gaps = [SampleRange(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
    at, db = [], []
    for gap in gaps:
        at += [gap.start - closes, gap.start, gap.stop, gap.stop + opens]
        db += [0.0, -_SHUT_DB, -_SHUT_DB, 0.0]
    return GainCurve(np.array(at, np.float64), np.array(db))
