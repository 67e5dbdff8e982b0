"""
What is in a clip's sound, heard once before the mix: loudness, words, its head and its bed.

A clip is read at its own rate, in blocks; what is kept of it are numbers, so that memory doesn't
grow with sound. Times are samples of the programme.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from assembler.cut.model import Sound
from assembler.media.samples import SampleReader, Samples
from assembler.mixing.ducking import FRAME, SPEECH_HZ
from assembler.mixing.loudness import LoudnessMeter
from assembler.mixing.room import Bed, bed_of
from assembler.mixing.speech import Voices
from assembler.timebase import SampleRange

Floats = npt.NDArray[np.float64]

STEPS_PER_S = 200
"""Power is kept for every 5 ms."""
EDGE_S = 3
"""At both ends the bed is looked for in so much sound."""
FREE_S = Fraction(1)
"""So much beyond both ends is listened to, where the mix may choose among it."""
_HEAD_S = 0.15
"""Encoder silence and pops are looked for in so much of a file's head."""
_BLOCK_S = 2
_DEAD_DB = -80.0
"""Digital silence, dither counted."""
_ALIVE_DB = 25.0
"""What follows encoder silence is so much louder at least."""
_POP_DB = 12.0
"""A pop stands out from the loudest that follows by so much …"""
_POP_STEPS = 6
"""… and is over after so many steps: …"""
_OVER_DB = 15.0
"""… it has fallen by so much (a drum falls by less in that time), …"""
_LIKE_DB = 3.0
"""… or to this much above the loudest that follows."""
_AFTER_STEPS = 100

Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a sound."""

    range: SampleRange
    """Samples of the programme that were listened to, beyond its place where it is free."""
    power: npt.NDArray[np.float32]
    """Mean square of every 5 ms of the range."""
    energies: Floats
    """Of its gating windows (`LoudnessMeter.momentary`), in its place."""
    words: tuple[SampleRange, ...]
    """Where somebody speaks."""
    head: int
    """First sample of the programme that is neither encoder silence nor part of a pop."""
    head_bed: Bed
    tail_bed: Bed

    @property
    def silent(self) -> bool:
        """Whether it has nothing to hear."""
        return bool(len(self.power)) and float(self.power.max()) < 10 ** (_DEAD_DB / 10)


def listen(sound: Sound, hz: int, channels: int, samples: int, check: Check) -> Heard:
    """
    Hear a clip's sound.

    Args:
        sound: The clip.
        hz: Sample rate of the programme.
        channels: Of the programme.
        samples: Length of the programme.
        check: Called on the way; may raise to stop.
    """
    place = SampleRange(max(sound.record.start, 0), min(sound.record.stop, samples))
    before = min(sound.free_in or 0, int(FREE_S * hz), place.start)
    after = min(sound.free_out or 0, int(FREE_S * hz), samples - place.stop)
    whole = SampleRange(place.start - before, place.stop + after)
    start_s = sound.source_start_s + Fraction(whole.start - sound.record.start, hz)
    with SampleReader(sound.path, sound.stream, start_s, None, channels) as reader:
        ear, begin_s = _Ear(reader.hz, channels), reader.begin_s
        inner = _scaled(before, reader.hz, hz), _scaled(place.stop - whole.start, reader.hz, hz)
        for at, block in _blocks(reader, _scaled(whole.samples, reader.hz, hz)):
            check()
            ear.hear(block, inner[0] - at, inner[1] - at)
    frame = FRAME * hz // SPEECH_HZ
    words = [
        SampleRange(whole.start + a * frame, min(whole.start + b * frame, whole.stop))
        for a, b in ear.voices.ranges()
    ]
    head, tail = ear.edges()
    at_head = abs(start_s - begin_s) <= _HEAD_S
    dropped = head_of(_mono(head), reader.hz) if at_head else 0
    clean = head[dropped:] if len(head) - dropped > reader.hz // 2 else head
    return Heard(
        whole,
        ear.power(),
        ear.loudness.momentary(),
        tuple(words),
        whole.start + round(Fraction(dropped * hz, reader.hz)),
        bed_of(clean, reader.hz),
        bed_of(tail, reader.hz),
    )


def _scaled(samples: int, hz: int, programme_hz: int) -> int:
    return round(Fraction(samples * hz, programme_hz))


def _blocks(reader: SampleReader, samples: int) -> Iterator[tuple[int, Samples]]:
    size = _BLOCK_S * reader.hz
    for at in range(0, samples, size):
        yield at, reader.read(min(size, samples - at))


class _Ear:
    """Meters of one sound at its own rate."""

    def __init__(self, hz: int, channels: int) -> None:
        import soxr

        self.loudness = LoudnessMeter(hz, channels)
        self.voices = Voices()
        self._small = soxr.ResampleStream(hz, SPEECH_HZ, 1, quality="LQ")
        self._step = hz // STEPS_PER_S
        self._rest = np.zeros(0, np.float32)
        self._power: list[npt.NDArray[np.float32]] = []
        self._edge, self._channels = EDGE_S * hz, channels
        self._head: list[Samples] = []
        self._tail: deque[Samples] = deque()

    def hear(self, block: Samples, first: int, stop: int) -> None:
        """A block, and which of its samples lie in the sound's place."""
        inside = block[max(0, first) : max(0, stop)]
        if len(inside):
            self.loudness.add(inside)
        self.voices.add(self._small.resample_chunk(_mono(block)[:, None]))
        self._measure(_mono(block * block))
        if sum(map(len, self._head)) < self._edge:
            self._head.append(block)
        self._tail.append(block)
        while sum(map(len, self._tail)) - len(self._tail[0]) >= self._edge:
            self._tail.popleft()

    def _measure(self, squares: npt.NDArray[np.float32]) -> None:
        joined = np.concatenate([self._rest, squares])
        steps = len(joined) // self._step
        self._power.append(joined[: steps * self._step].reshape(steps, self._step).mean(axis=1))
        self._rest = joined[steps * self._step :]

    def power(self) -> npt.NDArray[np.float32]:
        """Mean square of every 5 ms."""
        return np.concatenate(self._power) if self._power else np.zeros(0, np.float32)

    def edges(self) -> tuple[Samples, Samples]:
        """The first and the last seconds."""
        nothing = np.zeros((0, self._channels), np.float32)
        head, tail = (np.concatenate([nothing, *part]) for part in (self._head, self._tail))
        return head[: self._edge], tail[-self._edge :]


def _mono(block: Samples) -> npt.NDArray[np.float32]:
    """Mean of the channels; numpy is slow along short axes."""
    total = block[:, 0].copy()
    for channel in block.T[1:]:
        total += channel
    return total / np.float32(block.shape[1])


def head_of(mono: npt.NDArray[np.float32], hz: int) -> int:
    """
    Samples at a file's head that are encoder silence, or a pop at its onset.

    Silence counts when sound follows within `_HEAD_S` that is louder by far; a pop is a short
    burst that stands out from everything in the half second after it.

    Args:
        mono: The head, a second at least.
        hz: Its rate.
    """
    step = hz // STEPS_PER_S
    steps = len(mono) // step
    if steps < _AFTER_STEPS:
        return 0
    frames = mono[: steps * step].reshape(steps, step).astype(np.float64)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    near = round(_HEAD_S * STEPS_PER_S)
    silent = int(np.argmax(level > _DEAD_DB)) if (level > _DEAD_DB).any() else 0
    after = float(np.median(level[silent + near : silent + near + _AFTER_STEPS]))
    dead = silent if silent <= near and after > _DEAD_DB + _ALIVE_DB else 0
    return (dead + _pop(frames[dead:], level[dead:])) * step


def _pop(frames: Floats, level: Floats) -> int:
    """
    Steps until a pop at the beginning is over; 0 when there is none.

    Clicks stand out by their edges, thumps and steps by their level alone.

    Args:
        frames: The steps' samples, shape (steps, samples of a step).
        level: Of each step, in dB.
    """
    edges = 20 * np.log10(np.abs(np.diff(frames, axis=1)).max(axis=1) + 1e-6)
    return max(_burst(edges, level), _burst(level, level))


def _burst(height: Floats, level: Floats) -> int:
    """Steps until what stands out at the beginning by its height (dB) is over; 0 if it rings on."""
    within = 2 * _POP_STEPS
    rest, rest_level = (x[within : within + _AFTER_STEPS] for x in (height, level))
    if not len(rest) or height[:_POP_STEPS].max() <= rest.max() + _POP_DB:
        return 0
    faint = max(rest_level.max() + _LIKE_DB, level[:_POP_STEPS].max() - _OVER_DB)
    if level[_POP_STEPS:within].max() > faint:
        return 0
    like = height <= rest.max() + _LIKE_DB
    last = int(np.flatnonzero(~like[:_POP_STEPS])[-1])
    return last + int(np.argmax(like[last:])) + 1
