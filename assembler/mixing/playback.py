"""One sound of the cut as it is heard in the programme: placed, faded, levelled, panned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from assembler.cut.model import Sound
from assembler.media.samples import Samples
from assembler.mixing.ducking import GainCurve
from assembler.mixing.gains import Gains, fades, pan_gains, ratio_of, turned
from assembler.spec.model import Role
from assembler.timebase import SampleRange

_REAR = 10 ** (-9 / 20)
"""Share of music and ambience in the surrounds of 5.1."""


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
        corrections: Gains at its ends on top of all that.
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
        corrections: Sequence[Correction] = (),
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
        self.corrections = list(corrections)
        """Those of crossfades with neighbours may be added until the crossfade is played."""

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
            return turned(block, ratio_of(db))
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
        gains: Gains | float
        if isinstance(db, float):
            gains = self._gain * float(10 ** (db / 20))
        else:
            gains = self._gain * ratio_of(np.asarray(db))
        return self._corrected(gains if faded is None else gains * faded, start, stop)

    def _corrected(self, gains: Gains | float, start: int, stop: int) -> Gains | float:
        for correction in self.corrections:
            first = max(start, correction.range.start)
            last = min(stop, correction.range.stop)
            if first < last:
                if isinstance(gains, float):
                    gains = np.full(stop - start, gains)
                gains[first - start : last - start] *= correction.gains(first, last)
        return gains

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()
