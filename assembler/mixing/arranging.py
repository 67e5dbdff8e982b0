"""
Where clips' sounds meet: each seam's crossfade laid where it is least heard, and room tone added.

    >>> plan = arrange(sounds, heard, Rules.of(preset, 48000))  # doctest: +SKIP

The cut says which joins are seams and how much sound both files have beyond them. Within that, and
within `seam_search_ms` of the picture's seam, the crossfade goes to the quietest place, away from
words. What is dead or pops at a clip's head is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from assembler.cut.model import Sound
from assembler.mixing.listening import STEPS_PER_S, Heard
from assembler.mixing.room import Bed, difference_db
from assembler.spec.presets import MixPreset
from assembler.timebase import SampleRange

Floats = npt.NDArray[np.float64]

_BEDS_DIFFER_DB = 3.0
_IN_WORD_DB = 12.0
"""A place in an utterance is chosen if it is quieter than others by so much."""
_PAUSE_DB = -8.0
"""Against the mean of a sound; pauses between words are quieter."""
_FAR_DB_PER_S = 10.0
"""Of equally quiet places the one near the picture's seam is taken."""
_SHORTEST_S = 0.01
"""Crossfades aren't shortened below this to fit between words."""
_SHORTER_DB = 3.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What a mix preset asks of joins, in samples."""

    hz: int
    search: int
    bridge: int
    micro: int

    @classmethod
    def of(cls, preset: MixPreset, hz: int) -> Rules:
        """From a preset."""
        search, bridge, micro = (
            round(ms * hz / 1000)
            for ms in (preset.seam_search_ms, preset.bridge_ms, preset.cut_fade_ms)
        )
        return cls(hz, search, bridge, micro)


@dataclass(frozen=True, slots=True)
class Tone:
    """Room tone to be made: what the other clip's bed has and this one's lacks, or a whole bed."""

    sound: Sound
    """Where it lies; its file is not read."""
    bed: Bed
    of: Sound
    """Whose bed it is, and whose level it has."""
    under: tuple[Bed, Sound] | None
    """What is there already."""

    def settled(self, final: Mapping[int, Sound]) -> Tone:
        """With the sounds as they became in the end, by identity of what they were."""
        under = (self.under[0], final[id(self.under[1])]) if self.under else None
        return replace(self, of=final[id(self.of)], under=under)


@dataclass(frozen=True, slots=True)
class Meeting:
    """What was done at one seam, for the report."""

    before: str
    after: str
    place: SampleRange
    """Of the crossfade."""
    moved: int
    """Samples from where the cut had its middle; positive is later."""
    in_words: bool
    """Whether somebody is heard speaking there all the same."""
    beds_differ_db: float
    bridged: bool

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "before": self.before,
            "after": self.after,
            "crossfade": [self.place.start, self.place.stop],
            "moved": self.moved,
            "in_words": self.in_words,
            "beds_differ_db": round(self.beds_differ_db, 2),
            "bridged": self.bridged,
        }


@dataclass(frozen=True, slots=True)
class Arranged:
    """Sounds in their places, room tone between them, and what was decided."""

    sounds: tuple[Sound, ...]
    tones: tuple[Tone, ...]
    bridges: tuple[tuple[Tone, Tone], ...]
    """Those of the tones that lead from one bed to another: before and after a seam."""
    meetings: tuple[Meeting, ...]


def arrange(
    sounds: Sequence[Sound], heard: Mapping[int, Heard], rules: Rules
) -> tuple[Arranged, dict[int, Sound]]:
    """
    Lay every seam's crossfade where it is least heard.

    Args:
        sounds: Of the cut, neighbours at a seam after each other.
        heard: What was heard of them, by identity.
        rules: Of the mix.

    Returns:
        The arrangement, and for each of its sounds (by identity) the one it was.
    """
    now = list(sounds)
    tones: list[Tone] = []
    bridges: list[tuple[Tone, Tone]] = []
    meetings: list[Meeting] = []
    for n, sound in enumerate(sounds):
        own = heard.get(id(sound))
        if own is None:
            continue
        before = sounds[n - 1] if n else None
        at_seam = before is not None and _seam(before, sound) and id(before) in heard
        if at_seam and before is not None:
            other = heard[id(before)]
            a, b, meeting = _meet(now[n - 1], now[n], other, own, rules)
            now[n - 1], now[n] = a, b
            if a.record.stop < b.record.start and a.role == b.role == "native":
                gap = SampleRange(a.record.stop - rules.micro, b.record.start + rules.micro)
                tones.append(Tone(_filling(b, gap, rules), own.head_bed, sound, None))
            if meeting.bridged:
                bridges.append(_bridge((a, before, other), (b, sound, own), rules))
            meetings.append(meeting)
        elif own.head > max(own.range.start, now[n].record.start):
            now[n], tone = _beheaded(now[n], sound, own, rules)
            tones += [tone] if tone else []
    origin = {id(new): old for new, old in zip(now, sounds, strict=True)}
    final = {id(old): new for new, old in zip(now, sounds, strict=True)}
    settled = [(a.settled(final), b.settled(final)) for a, b in bridges]
    placed = [tone.settled(final) for tone in tones] + [tone for pair in settled for tone in pair]
    return Arranged(tuple(now), tuple(placed), tuple(settled), tuple(meetings)), origin


def _seam(a: Sound, b: Sound) -> bool:
    met = a.record.stop >= b.record.start and a.record.start < b.record.start
    return met and a.free_out is not None and b.free_in is not None


def _meet(
    a: Sound, b: Sound, heard_a: Heard, heard_b: Heard, rules: Rules
) -> tuple[Sound, Sound, Meeting]:
    middle = (b.record.start + a.record.stop) // 2
    begins, ends = max(heard_b.range.start, heard_b.head), heard_a.range.stop
    first = max(begins, middle - rules.search, a.record.start + a.fade_in)
    last = min(ends, middle + rules.search, b.record.stop - b.fade_out)
    wanted = max(a.record.stop - b.record.start, 0)
    start, fade, in_words = middle, 0, False
    if first < last:
        start, fade, in_words = _quietest(first, last, middle, wanted, heard_a, heard_b, rules)
    stop, late = min(start + fade, ends), max(start, begins)
    a = _ending(a, stop, fade or rules.micro)
    b = _beginning(b, late, fade or rules.micro, rules.hz)
    differ = difference_db(heard_a.tail_bed, heard_b.head_bed)
    beds = a.role == b.role == "native" and not (a.speech_only or b.speech_only)
    bridged = rules.bridge > 0 and beds and differ > _BEDS_DIFFER_DB
    place = SampleRange(min(start, late), max(stop, late))
    moved = (place.start + place.stop) // 2 - middle
    return a, b, Meeting(a.id, b.id, place, moved, in_words, differ, bridged)


def _quietest(
    first: int, last: int, middle: int, fade: int, a: Heard, b: Heard, rules: Rules
) -> tuple[int, int, bool]:
    """Where a crossfade begins, how long it is, and whether it lies in words."""
    room = last - first
    lengths = sorted({min(fade, room), min(max(fade // 2, _shortest(rules)), room)}, reverse=True)
    best: tuple[float, int, int, bool] | None = None
    step = rules.hz // STEPS_PER_S
    for n, length in enumerate(lengths):
        starts = np.unique(np.append(np.arange(first, last - length + 1, step), last - length))
        usual = middle - length // 2
        if first <= usual <= last - length:
            starts = np.append(starts, usual)
        cost = _loudness(a, starts, length, rules.hz) + _loudness(b, starts, length, rules.hz)
        words = _in_words(a, starts, length) | _in_words(b, starts, length)
        level = 10 * np.log10(cost + 1e-9) + _IN_WORD_DB * words + n * _SHORTER_DB
        level += _FAR_DB_PER_S * np.abs(starts - usual) / rules.hz
        k = int(level.argmin())
        if best is None or level[k] < best[0]:
            best = float(level[k]), int(starts[k]), length, bool(words[k])
    assert best is not None
    _, start, length, spoken = best
    return start, length, spoken and any(_loud(x, start, length, rules.hz) for x in (a, b))


def _loud(heard: Heard, start: int, length: int, hz: int) -> bool:
    """Whether a place isn't much quieter than the sound is on average."""
    here = _loudness(heard, np.array([start]), length, hz)[0]
    return bool(here > heard.power.mean() * 10 ** (_PAUSE_DB / 10))


def _shortest(rules: Rules) -> int:
    return round(_SHORTEST_S * rules.hz)


def _loudness(heard: Heard, starts: npt.NDArray[np.int64], length: int, hz: int) -> Floats:
    """Mean power of a sound over stretches of a length."""
    sums = np.concatenate([[0.0], np.cumsum(heard.power, dtype=np.float64)])
    step = hz / STEPS_PER_S
    at = np.clip((starts - heard.range.start) / step, 0, len(heard.power))
    until = np.clip((starts + length - heard.range.start) / step, 0, len(heard.power))
    steps = np.arange(len(sums), dtype=np.float64)
    total = np.interp(until, steps, sums) - np.interp(at, steps, sums)
    power: Floats = total / np.maximum(until - at, 1e-9)
    return power


def _in_words(heard: Heard, starts: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(starts), np.bool_)
    for word in heard.words:
        inside |= (starts < word.stop) & (starts + length > word.start)
    return inside


def _ending(sound: Sound, stop: int, fade: int) -> Sound:
    record = SampleRange(sound.record.start, stop)
    return replace(sound, record=record, fade_out=min(fade, record.samples), free_out=None)


def _beginning(sound: Sound, start: int, fade: int, hz: int) -> Sound:
    record = SampleRange(start, sound.record.stop)
    since = sound.source_start_s + Fraction(start - sound.record.start, hz)
    fade = min(fade, record.samples)
    return replace(sound, record=record, source_start_s=since, fade_in=fade, free_in=None)


def _bridge(
    a: tuple[Sound, Sound, Heard], b: tuple[Sound, Sound, Heard], rules: Rules
) -> tuple[Tone, Tone]:
    """What each side lacks of the other's bed, rising before the seam and falling behind it."""
    (a_now, a_was, a_heard), (b_now, b_was, b_heard) = a, b
    cross = max(a_now.record.stop - b_now.record.start, rules.micro)
    begin = max(a_now.record.start, b_now.record.start - rules.bridge)
    end = min(b_now.record.stop, b_now.record.start + cross + rules.bridge)
    before = replace(
        b_now,
        id=f"{b_now.id}~",
        record=SampleRange(begin, b_now.record.start + cross),
        fade_in=b_now.record.start - begin,
        fade_in_curve="s",
        fade_out=cross,
        fade_out_curve="equal-power",
        level_to_mix=False,
    )
    after = replace(
        a_now,
        id=f"{a_now.id}~",
        record=SampleRange(b_now.record.start, end),
        fade_in=cross,
        fade_in_curve="equal-power",
        fade_out=end - b_now.record.start - cross,
        fade_out_curve="s",
        level_to_mix=False,
    )
    return (
        Tone(before, b_heard.head_bed, b_was, (a_heard.tail_bed, a_was)),
        Tone(after, a_heard.tail_bed, a_was, (b_heard.head_bed, b_was)),
    )


def _beheaded(now: Sound, was: Sound, heard: Heard, rules: Rules) -> tuple[Sound, Tone | None]:
    """Without its dead or popping head; its own room tone stands there instead."""
    if heard.head >= now.record.stop:
        return now, None
    cut = _beginning(now, heard.head, rules.micro, rules.hz)
    gap = SampleRange(now.record.start, min(heard.head + rules.micro, now.record.stop))
    fill = Tone(_filling(now, gap, rules), heard.head_bed, was, None)
    return cut, fill if now.role == "native" else None


def _filling(like: Sound, gap: SampleRange, rules: Rules) -> Sound:
    micro = min(rules.micro, gap.samples // 2)
    return replace(
        like,
        id=f"{like.id}~",
        record=gap,
        fade_in=micro,
        fade_in_curve="equal-power",
        fade_out=micro,
        fade_out_curve="equal-power",
        level_to_mix=False,
    )
