"""One sound of the cut as it is heard in the programme: placed, looped, faded, levelled, panned."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from assembler.cut.model import Sound
from assembler.media.rows import Rows
from assembler.media.samples import SampleReader, Samples
from assembler.mixing.beat import HZ as BEAT_HZ
from assembler.mixing.beat import bars
from assembler.mixing.ducking import GainCurve
from assembler.spec.model import FadeCurve, Role
from assembler.timebase import SampleRange

Gains = npt.NDArray[np.float64]

LOOP_CROSSFADE_S = Fraction(1, 4)
"""Overlap of a loop's end with its beginning."""
_SHORTEST_LOOP_S = Fraction(1, 10)
_LONGEST_BEAT_S = 900
_LEAST_OVERLAP_MS = 2
_REAR = 10 ** (-9 / 20)
"""Share of music and ambience in the surrounds of 5.1."""
_LOG2_PER_DB = math.log2(10) / 20


class Source(Protocol):
    """Sound that is read from front to back."""

    def read(self, samples: int) -> Samples:
        """Next samples, shape (samples, channels); silence after the end."""

    def close(self) -> None:
        """Let go of the file."""


class Memory:
    """Sound that is held as an array."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._at = 0

    def read(self, samples: int) -> Samples:
        """Next samples, shape (samples, channels); silence after the end."""
        part = self._samples[self._at : self._at + samples]
        self._at += samples
        missing = samples - len(part)
        return part if not missing else np.pad(part, ((0, missing), (0, 0)))

    def close(self) -> None:
        """Nothing to let go of."""


class _Replayed:
    """Sound of a file that is decoded once: what was read is kept on disk and can be read again."""

    def __init__(self, reader: SampleReader, channels: int) -> None:
        self._reader = reader
        self._kept = Rows((channels,), np.float32)
        self._at = 0

    @property
    def end(self) -> int | None:
        """Samples after which all is silence; None while not known."""
        return self._reader.end

    def rewind(self) -> None:
        """Begin again at the first sample."""
        self._at = 0

    def read(self, samples: int) -> Samples:
        """Next samples, shape (samples, channels); silence after the end."""
        again: Samples = self._kept[self._at : self._at + samples]
        self._at += samples
        if len(again) == samples:
            return again
        fresh = self._reader.read(samples - len(again))
        self._kept.append(fresh)
        return np.concatenate([again, fresh])

    def close(self) -> None:
        """Let go of the file and what was kept of it."""
        self._reader.close()
        self._kept.close()


class Loop:
    """
    A stretch from a start to the file's end, repeated with an equal-power crossfade.

    Args:
        sound: What is repeated.
        hz: Sample rate delivered.
        channels: Delivered.
        skipped: So many samples are left out at the beginning.
    """

    def __init__(self, sound: Sound, hz: int, channels: int, skipped: int = 0) -> None:
        reader = SampleReader(sound.path, sound.stream, sound.source_start_s, hz, channels)
        self._reader = _Replayed(reader, channels)
        self.source_channels = reader.source_channels
        self._overlap = round(LOOP_CROSSFADE_S * hz)
        self._shortest = round(_SHORTEST_LOOP_S * hz)
        self._stop = self._musical(sound, hz) if sound.role == "music" else None
        self._ready: deque[Samples] = deque()
        self._waiting = 0
        self._taken = 0
        self._tail: Samples | None = None
        if skipped:
            self.read(skipped)

    def read(self, samples: int) -> Samples:
        """Next samples, shape (samples, channels)."""
        while self._waiting < samples:
            self._more(max(samples, 4 * self._overlap))
        joined = np.concatenate(self._ready)
        self._ready = deque([joined[samples:]])
        self._waiting -= samples
        return joined[:samples]

    @property
    def _end(self) -> int | None:
        """Samples of a round with what fades out of it; None while not known."""
        if self._stop is not None:
            return self._stop
        return self._reader.end

    def _musical(self, sound: Sound, hz: int) -> int | None:
        """End of a round after which the beat goes on, and an overlap that fits there."""
        length = 0
        start_s, longest = sound.source_start_s, BEAT_HZ * _LONGEST_BEAT_S
        args = (sound.path, sound.stream, start_s, BEAT_HZ, 1)
        with SampleReader(*args, quality="LQ") as reader:
            mono = reader.read(min(longest, 2 * BEAT_HZ))
            while (reader.end is None or reader.end > len(mono)) and len(mono) < longest:
                mono = np.concatenate([mono, reader.read(len(mono))])
            length = reader.end or 0
        period_s = bars(mono[:length]) if 0 < length <= longest else None
        if period_s is None:
            return None
        left = round((length / BEAT_HZ - period_s) * hz)
        self._overlap = max(min(self._overlap, left), hz * _LEAST_OVERLAP_MS // 1000)
        return min(round(period_s * hz) + self._overlap, length * hz // BEAT_HZ)

    def _more(self, samples: int) -> None:
        """Append sound, always keeping back what the next round may overlap with."""
        block = self._reader.read(samples)
        self._taken += samples
        end = self._end
        over = end is not None and self._taken >= end
        if over and end is not None:
            block = block[: max(0, len(block) - (self._taken - end))]
        held = block if self._tail is None else np.concatenate([self._tail, block])
        if over and end is not None and end < self._shortest:  # nothing there to repeat
            self._give(np.concatenate([held, np.zeros((samples, block.shape[1]), np.float32)]))
            self._tail = None
        elif over:
            self._turn(held)
        else:
            keep = min(self._overlap, len(held))
            self._give(held[: len(held) - keep])
            self._tail = held[len(held) - keep :]

    def _turn(self, held: Samples) -> None:
        """Begin again: the end so far fades out under the new beginning."""
        end = self._end or 0
        overlap = min(self._overlap, len(held), end // 2)
        self._reader.rewind()
        head = self._reader.read(overlap)
        self._taken = overlap
        rise = fade_gains("equal-power", 0, overlap, overlap)[:, None]
        self._give(held[: len(held) - overlap])
        self._tail = (held[len(held) - overlap :] * rise[::-1] + head * rise).astype(np.float32)

    def _give(self, block: Samples) -> None:
        self._ready.append(block)
        self._waiting += len(block)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def fade_gains(curve: FadeCurve, start: int, stop: int, length: int) -> Gains:
    """
    Gains of a rising fade of *length* samples at its samples start … stop.

    ``linear`` has its middle at -6 dB, ``equal-power`` (a sine) at -3 dB, ``s`` (a raised cosine)
    at -6 dB, ``exp`` at -30 dB and ``log``, its mirror, at -0.3 dB.
    """
    t = (np.arange(start, stop) + 0.5) / max(length, 1)
    match curve:
        case "linear":
            return t
        case "equal-power":
            return np.sin(t * (math.pi / 2))
        case "s":
            return (1 - np.cos(t * math.pi)) / 2
        case "exp":
            return (1000**t - 1) / 999
        case "log":
            return 1 - (1000 ** (1 - t) - 1) / 999


def pan_gains(pan: float, channels: int) -> Gains:
    """Gain of each channel: constant power, unchanged in the middle, silent on the far side."""
    gains = np.ones(channels)
    if channels == 1 or pan == 0:
        return gains
    angle = (1 + pan) * math.pi / 4
    left, right = math.sqrt(2) * math.cos(angle), math.sqrt(2) * math.sin(angle)
    for at, side in ((0, left), (1, right), (4, left), (5, right)):
        if at < channels:
            gains[at] = side
    return gains


def fades(sound: Sound, start: int, stop: int) -> Gains | None:
    """Gains of both fades at samples of the sound (counted from its record start), or None."""
    length = sound.record.samples
    into, out = min(sound.fade_in, length), min(sound.fade_out, length)
    if start >= into and stop <= length - out:
        return None
    gains = np.ones(stop - start)
    if start < into:
        until = min(stop, into)
        gains[: until - start] *= fade_gains(sound.fade_in_curve, start, until, into)
    if stop > length - out:
        since = max(start, length - out)
        falling = fade_gains(sound.fade_out_curve, length - stop, length - since, out)
        gains[since - start :] *= falling[::-1]
    return gains


def automation(sound: Sound) -> GainCurve:
    """The sound's gain points as a curve over samples counted from its record start."""
    points = sorted(sound.points, key=lambda p: p.at)
    return GainCurve(
        np.array([p.at for p in points], np.float64), np.array([p.gain_db for p in points])
    )


class Correction(Protocol):
    """A gain on top of fades, in a range of the programme."""

    @property
    def range(self) -> SampleRange:
        """Samples of the programme."""

    def gains(self, start: int, stop: int) -> Gains:
        """Gains at samples inside the range."""


class Player:
    """
    A sound in the programme, played once from front to back.

    Args:
        sound: What is played.
        source: Its samples from the first one that is heard.
        level_db: Gain that levels the clip, on top of the author's.
        curves: Gains over the programme on top of that.
        channels: Of the programme.
        words: Share of it that is speech and goes to the dialogue, past the curves.
        spread: Whether stereo is also let into the surrounds of 5.1.
    """

    def __init__(
        self,
        sound: Sound,
        source: Source,
        *,
        level_db: float,
        curves: Sequence[GainCurve],
        channels: int,
        words: GainCurve | None = None,
        spread: bool = False,
    ) -> None:
        self.sound = sound
        self._source = source
        self._gain = 10 ** ((sound.gain_db + level_db) / 20)
        self._pan = pan_gains(sound.pan, channels).astype(np.float32)
        self._points = automation(sound)
        self._curves = curves
        self._words = words
        self._spread = spread
        self.gain_db = sound.gain_db + level_db
        self.corrections: list[Correction] = []
        """Of crossfades with neighbours; may be added until the crossfade is played."""

    def play(self, start: int, stop: int) -> list[tuple[Role, Samples]]:
        """The sound at samples of the programme that lie in its record range, by role."""
        block = self._placed(self._source.read(stop - start))
        block = self._scaled(block, self._gains(start, stop))
        share = self._words.over(start, stop) if self._words else 0.0
        role = self.sound.role
        if isinstance(share, float):
            return [("dialogue", block)] if share else [(role, self._curved(block, start, stop))]
        speech = turned(block, share)
        return [("dialogue", speech), (role, self._curved(block - speech, start, stop))]

    def _placed(self, block: Samples) -> Samples:
        """In 5.1: what is panned leaves the centre, what is spread keeps its power."""
        if block.shape[1] < 6 or not (self._spread or self.sound.pan):
            return block
        block = block.copy()
        if self._spread:
            block[:, 4:6] = block[:, :2] * np.float32(_REAR)
            block[:, :2] *= np.float32(math.sqrt(1 - _REAR**2))
        if self.sound.pan:
            block[:, :2] += block[:, 2:3] * np.float32(math.sqrt(0.5))
            block[:, 2] = 0
        return block

    def _curved(self, block: Samples, start: int, stop: int) -> Samples:
        db = sum((curve.over(start, stop) for curve in self._curves), start=np.float64(0.0))
        if isinstance(db, np.ndarray):
            return turned(block, _ratio(db))
        return block * np.float32(10 ** (db / 20)) if db else block

    def _scaled(self, block: Samples, gains: Gains | float) -> Samples:
        if isinstance(gains, float):
            scaled = block if gains == 1 else block * np.float32(gains)
        else:
            scaled = turned(block, gains)
        return scaled if (self._pan == 1).all() else scaled * self._pan

    def _gains(self, start: int, stop: int) -> Gains | float:
        first = self.sound.record.start
        db = self._points.over(start - first, stop - first)
        faded = fades(self.sound, start - first, stop - first)
        if isinstance(db, float):
            flat = self._gain * float(10 ** (db / 20))
            return flat if faded is None else self._corrected(flat * faded, start, stop)
        gains = self._gain * _ratio(np.asarray(db))
        return gains if faded is None else self._corrected(gains * faded, start, stop)

    def _corrected(self, gains: Gains, start: int, stop: int) -> Gains:
        for correction in self.corrections:
            first = max(start, correction.range.start)
            last = min(stop, correction.range.stop)
            if first < last:
                gains[first - start : last - start] *= correction.gains(first, last)
        return gains

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()


def turned(block: Samples, gains: Gains) -> Samples:
    """*block* (n, channels) times a gain for each sample; numpy is slow along short axes."""
    out, factors = block.copy(), gains.astype(np.float32)
    for channel in out.T:
        channel *= factors
    return out


def _ratio(db: npt.NDArray[np.floating[Any]]) -> Gains:
    """Decibels as a factor, fast."""
    ratio: Gains = np.exp2(db.astype(np.float32) * np.float32(_LOG2_PER_DB)).astype(np.float64)
    return ratio
