"""Sound that is repeated: where its rounds end, and how one passes into the next."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np

from assembler.cut.model import SHORTEST_LOOP_S, Sound
from assembler.media.rows import Rows
from assembler.media.samples import SampleReader, Samples
from assembler.mixing.beat import HZ as BEAT_HZ
from assembler.mixing.beat import bars
from assembler.mixing.crossfade import Crossfade
from assembler.mixing.gains import fade_gains, turned
from assembler.timebase import SampleRange

LOOP_CROSSFADE_S = Fraction(1, 4)
"""Overlap of a loop's end with its beginning."""
_LONGEST_BEAT_S = 900
_EASED_MS = 2
"""A step between two rounds that don't overlap is faded out over so much."""
_ONSET_MS, _FRAME_MS = 120, 10
"""An attack lies within so much of a round's beginning, after a moment of silence maybe; …"""
_LOUDER = 4.0
"""… its loudest frame has so many times the power of what it meets, and where no beat is known …"""
_STRUCK = 4.0
"""… of what follows."""


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
    A stretch of a file, repeated.

    Rounds of a length that is known, the author's or whole bars of music, begin exactly after it;
    what the file has beyond fades out under the next one. Others overlap their end with their
    beginning.

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
        self._hz = hz
        self._overlap = round(LOOP_CROSSFADE_S * hz)
        self._least = hz * _EASED_MS // 1000
        self._stop: int | None = None
        rounds = sound.rounds
        if rounds.length_s:
            self._known(rounds.length_s, rounds.spare_s)
        elif sound.role == "music" and (found := _bars(sound)):
            self._known(*found)
        self._ready: deque[Samples] = deque()
        self._waiting = 0
        self._taken = 0
        self._tail: Samples | None = None
        skipped += round(rounds.begun_s * hz)
        for at in range(0, skipped, hz):
            self.read(min(hz, skipped - at))

    def _known(self, length_s: Fraction, spare_s: Fraction) -> None:
        """Have rounds of a length, after which the file has some more."""
        length, spare = round(length_s * self._hz), round(spare_s * self._hz)
        self._overlap = min(self._overlap, spare, length) if spare >= self._least else 0
        self._stop = length + self._overlap

    def read(self, samples: int) -> Samples:
        """Next samples, shape (samples, channels)."""
        while self._waiting < samples:
            self._more(max(samples, round(4 * LOOP_CROSSFADE_S * self._hz)))
        joined = np.concatenate(self._ready)
        self._ready = deque([joined[samples:]])
        self._waiting -= samples
        return joined[:samples]

    @property
    def _end(self) -> int | None:
        """Samples of a round with what fades out of it; None while not known."""
        return min((e for e in (self._stop, self._reader.end) if e is not None), default=None)

    def _more(self, samples: int) -> None:
        """Append sound, always keeping back what the next round may overlap with."""
        block = self._reader.read(samples)
        self._taken += samples
        end = self._end
        over = end is not None and self._taken >= end
        if over and end is not None:
            block = block[: max(0, len(block) - (self._taken - end))]
        held = block if self._tail is None else np.concatenate([self._tail, block])
        if over and end is not None and end < SHORTEST_LOOP_S * self._hz:  # nothing to repeat
            self._give(np.concatenate([held, np.zeros((samples, block.shape[1]), np.float32)]))
            self._tail = None
        elif over:
            self._turn(held)
        else:
            keep = min(self._overlap, len(held))
            self._give(held[: len(held) - keep])
            self._tail = held[len(held) - keep :]

    def _turn(self, held: Samples) -> None:
        """Begin again."""
        overlap = min(self._overlap, len(held), (self._end or 0) // 2)
        self._reader.rewind()
        self._taken = overlap or self._least
        head = self._reader.read(self._taken)
        self._give(held[: len(held) - overlap])
        if overlap:
            self._tail = self._met(held[len(held) - overlap :], head)
        else:
            self._tail = _from(held[-1] if len(held) else head[0], head, self._hz)

    def _met(self, tail: Samples, head: Samples) -> Samples:
        """
        The end of a round over the beginning of the next, both of one length.

        An attack isn't faded in: the end fades out under it. Otherwise it is a crossfade of equal
        power, what both have in common taken out.
        """
        rise = fade_gains("equal-power", 0, len(tail), len(tail))
        leaving = turned(tail, rise[::-1])
        if self._attacks(head, tail):
            return leaving + _from(np.zeros_like(head[0]), head, self._hz)
        both = leaving + turned(head, rise)
        whole = SampleRange(0, len(tail))
        found = Crossfade.of(whole, tail, head)
        return both if found is None else turned(both, found.gains(*whole))

    def _attacks(self, head: Samples, tail: Samples) -> bool:
        """Whether a round begins with what would be lost in a fade."""
        near, frame = (self._hz * ms // 1000 for ms in (_ONSET_MS, _FRAME_MS))
        loudest = _loudest(head[:near], frame)
        struck = self._stop is not None or loudest > _STRUCK * _power(head[near:])
        return struck and loudest > _LOUDER * _loudest(tail[:near], frame)

    def _give(self, block: Samples) -> None:
        self._ready.append(block)
        self._waiting += len(block)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def _bars(sound: Sound) -> tuple[Fraction, Fraction] | None:
    """Seconds after which the beat goes on, and what the file has beyond; None without a beat."""
    longest = BEAT_HZ * _LONGEST_BEAT_S
    args = (sound.path, sound.stream, sound.source_start_s, BEAT_HZ, 1)
    with SampleReader(*args, quality="LQ") as reader:
        mono = reader.read(min(longest, 2 * BEAT_HZ))
        while (reader.end is None or reader.end > len(mono)) and len(mono) < longest:
            mono = np.concatenate([mono, reader.read(len(mono))])
        length = reader.end or 0
    period_s = bars(mono[:length]) if 0 < length <= longest else None
    if period_s is None:
        return None
    period = Fraction(period_s)
    return period, max(Fraction(0), Fraction(length, BEAT_HZ) - period)


def _from(last: Samples, head: Samples, hz: int) -> Samples:
    """*head* without a step from the sample before it."""
    eased = min(len(head), hz * _EASED_MS // 1000)
    ramp = np.linspace(1, 0, eased, endpoint=False, dtype=np.float32)
    out = head.copy()
    out[:eased] += (last - head[0]) * ramp[:, None]
    return out


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0


def _loudest(samples: Samples, frame: int) -> float:
    """Power of the loudest frame."""
    return max(_power(samples[at : at + frame]) for at in range(0, len(samples), frame))
