"""What lies over and under the picture: titles, captions, layers, sounds, markers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from assembler.cut.model import Cut, Marker, Sound
from assembler.reporting.model import Block, Lane, Mark
from assembler.timebase import FrameRange

_ROLES = ("dialogue", "native", "voice", "music", "sfx")


def lanes_of(cut: Cut) -> tuple[Lane, ...]:
    """Lanes of the timeline view that have something in them, from top to bottom."""
    return tuple(lane for lane in _lanes(cut) if lane.blocks)


def _lanes(cut: Cut) -> Iterator[Lane]:
    yield Lane(
        "layers", _blocks([(one.id, one.id, one.record, "layer") for one in cut.layers], cut)
    )
    yield Lane(
        "titles", _blocks([(t.id, t.text or t.id, t.record, "title") for t in cut.titles], cut)
    )
    yield Lane(
        "captions",
        tuple(
            Block(f"caption-{n}", cue.text, float(cue.start), float(cue.stop), "caption")
            for n, cue in enumerate(cut.captions, 1)
        ),
    )
    for role in _ROLES:
        sounds = [sound for sound in cut.sounds if sound.role == role]
        yield Lane(role, tuple(_sound(sound, cut.hz) for sound in sounds))


def _blocks(rows: Sequence[tuple[str, str, FrameRange, str]], cut: Cut) -> tuple[Block, ...]:
    return tuple(
        Block(id_, words, _seconds(where.start, cut.rate), _seconds(where.stop, cut.rate), kind)
        for id_, words, where, kind in rows
    )


def _seconds(frame: int, rate: Fraction) -> float:
    return float(frame / rate)


def _sound(sound: Sound, hz: int) -> Block:
    start, stop = (at / hz for at in sound.record)
    gain = f" {sound.gain_db:+g} dB" if sound.gain_db else ""
    return Block(sound.id, f"{sound.id}{gain}", start, stop, sound.role)


def marks_of(cut: Cut) -> tuple[Mark, ...]:
    """Markers and chapters, in playing order."""
    found = [_mark(marker, cut) for marker in (*cut.chapters, *cut.markers)]
    return tuple(sorted(found, key=lambda mark: mark.seconds))


def _mark(marker: Marker, cut: Cut) -> Mark:
    return Mark(marker.name, marker.note, _seconds(marker.frame, cut.rate))
