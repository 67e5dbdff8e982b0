"""Cuts of all kinds from a seed, without media."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from assembler.cut.model import (
    Clip,
    Cue,
    Cut,
    GainRamp,
    Marker,
    PictureLayer,
    Sound,
    Source,
    TitleLayer,
    Transition,
)
from assembler.match.decision import IDENTITY, ColourFix, Correction, SeamDecision
from assembler.media.info import AudioStream, Colour, MediaInfo
from assembler.timebase import FrameRange, SampleRange, Timecode, parse_rate, samples_at
from tests.planning.facts import audio, info, video

RATES = (
    ("23.976", False),
    ("24", False),
    ("25", False),
    ("29.97", True),
    ("29.97", False),
    ("30", False),
    ("50", False),
    ("59.94", True),
    ("60", False),
)
"""Frames a second, and whether timecode drops frames."""
HZ = 48000
FOLDER = Path("/media/harbour")


def start_of(rate: str, *, drop: bool) -> Timecode:
    """01:00:00:00 as a programme of this kind counts it."""
    mark = ";" if drop else ":"
    return Timecode.parse(f"01:00:00{mark}00", parse_rate(rate))


def source(name: str, frames: int, rate: str, timecode: str | None = None) -> Source:
    """A clip of so many frames at the programme's rate, with sound."""
    seconds = frames / parse_rate(rate)
    picture = replace(video(1, rate), pts=tuple(range(frames)))
    facts = info(str(FOLDER / name), picture, audio(seconds))
    return Source(f"key of {name}", FOLDER / name, replace(facts, timecode=timecode), Colour())


def still(name: str, rate: str) -> Source:
    """A picture."""
    facts = info(str(FOLDER / name), video(1, rate), still=True)
    return Source(f"key of {name}", FOLDER / name, facts, Colour(), still=True)


def cut_of(seed: int, rate_name: str) -> Cut:
    """A programme with everything that a cut can have, decided by *seed*."""
    return _Maker(random.Random(seed), rate_name).cut()


def fix(strength: float) -> Correction:
    """A small correction of colour."""
    matrix = [list(row) for row in IDENTITY]
    matrix[9] = [strength, 0.0, -strength]
    rows = tuple((row[0], row[1], row[2]) for row in matrix)
    return Correction(ColourFix(rows, (0.01, 0.0, 0.0), 4.0))


class _Maker:
    def __init__(self, chance: random.Random, rate_name: str) -> None:
        self.chance = chance
        self.rate_name = rate_name
        self.rate = parse_rate(rate_name)

    def cut(self) -> Cut:
        clips = self.clips()
        frames = clips[-1].record.stop
        return Cut(
            title="Harbour & dawn",
            size=(1280, 720),
            rate=self.rate,
            hz=HZ,
            layout="stereo",
            clips=clips,
            layers=self.layers(frames),
            titles=self.titles(frames),
            sounds=(*self.native(clips), *self.tracks(frames)),
            captions=(Cue(Fraction(1, 3), Fraction(2), "Good morning."),),
            seams=self.seams(clips),
            markers=tuple(
                Marker(c.record.start, c.segment, "a “note”") for c in clips if c.join != "handoff"
            ),
            chapters=(Marker(0, "Harbour"), Marker(frames // 2, "Dawn", "second half")),
            metadata=(("comment", "a film"),),
            poster=frames // 3,
            notes=("assumed BT.709",),
        )

    def clips(self) -> tuple[Clip, ...]:
        pick = self.chance
        timecodes = [None, None, "00:59:58:00", "10:00:00:00"]
        sources = [
            source(f"clip {n}.mp4", pick.randint(150, 900), self.rate_name, pick.choice(timecodes))
            for n in range(pick.randint(1, 5))
        ]
        sources.append(still("card.png", self.rate_name))
        clips: list[Clip] = []
        at = 0
        for n in range(pick.randint(1, 12)):
            taken = pick.choice(sources)
            has = taken.frames_at(self.rate) or 500
            length = pick.randint(25, 80)
            first = pick.randint(12, has - length - 20)
            join = pick.choice(["handoff", "cut", "transition"]) if clips else "start"
            skipped = ()
            if pick.random() < 0.3 and not taken.still:
                skipped = tuple(range(first + 3, first + 3 + pick.randint(1, 3)))
            passage = None
            if join == "transition":
                name = pick.choice(["dissolve", "fade-black", "wipe-left", "slide-up"])
                passage = Transition(name, pick.randint(0, 6), pick.randint(1, 6))
            clips.append(
                Clip(
                    id=f"s{n}.1",
                    segment=f"s{n}",
                    source=taken,
                    record=FrameRange(at, at + length - len(skipped)),
                    source_in=first,
                    skipped=skipped,
                    fit=pick.choice(["cover", "contain", "blur"]),
                    correction=fix(0.01) if join == "handoff" else Correction(),
                    transition=passage,
                    join=join,
                )
            )
            at = clips[-1].record.stop
        return tuple(clips)

    def stretch(self, frames: int) -> FrameRange:
        start = self.chance.randint(0, frames - 2)
        return FrameRange(start, self.chance.randint(start + 1, frames))

    def layers(self, frames: int) -> tuple[PictureLayer, ...]:
        taken = source("over.mov", 5000, self.rate_name)
        found = []
        for n in range(self.chance.randint(0, 3)):
            first, box = self.chance.randint(0, 200), (20 * n, 40, 320, 180)
            found.append(PictureLayer(f"over{n}", taken, self.stretch(frames), first, box))
        return tuple(found)

    def titles(self, frames: int) -> tuple[TitleLayer, ...]:
        words = ["Harbour\nat dawn", "<b> & co", "Über"]
        return tuple(
            TitleLayer(f"title {n}", words[n], "lower-third", self.stretch(frames))
            for n in range(self.chance.randint(0, 3))
        )

    def native(self, clips: tuple[Clip, ...]) -> tuple[Sound, ...]:
        found = []
        for clip in clips:
            parts = list(clip.stretches())
            for n, (record, first) in enumerate(parts if not clip.source.still else ()):
                early = self.chance.choice([0, 0, 480, 960]) if record.start else 0
                start, stop = self.at(record.start) - early, self.at(record.stop)
                offset = Fraction(start, HZ) - record.start / self.rate
                found.append(
                    Sound(
                        id=clip.id if len(parts) == 1 else f"{clip.id}/{n + 1}",
                        role="native",
                        path=clip.source.path,
                        key=clip.source.key,
                        stream=1,
                        source_start_s=first / self.rate + offset,
                        record=SampleRange(start, stop),
                        gain_db=self.chance.choice([0.0, -3.0, 2.5]),
                        fade_in=144,
                        fade_out=min(self.chance.choice([144, 9600]), stop - start - 144),
                        level_to_mix=True,
                        segment=clip.segment,
                    )
                )
        return tuple(found)

    def tracks(self, frames: int) -> tuple[Sound, ...]:
        found = []
        for n in range(self.chance.randint(0, 3)):
            start = self.chance.randint(0, self.at(frames) // 2)
            stop = self.chance.randint(start + 2000, self.at(frames))
            found.append(
                Sound(
                    id=f"track {n}",
                    role=self.chance.choice(["music", "voice", "sfx"]),
                    path=FOLDER / f"sound {n}.wav",
                    key=f"key of sound {n}",
                    stream=0,
                    source_start_s=Fraction(self.chance.randint(0, 90_000), HZ),
                    record=SampleRange(start, stop),
                    gain_db=self.chance.choice([0.0, -12.0]),
                    pan=self.chance.choice([0.0, -0.5]),
                    fade_out=min(self.chance.choice([0, 24000]), stop - start),
                    points=(GainRamp(0, 0.0), GainRamp(1000, -6.0)) if n == 0 else (),
                    duck_db=10.0,
                    duck_under=("voice",),
                )
            )
        return tuple(found)

    def at(self, frame: int) -> int:
        return samples_at(frame, self.rate, HZ)

    def seams(self, clips: tuple[Clip, ...]) -> tuple[SeamDecision, ...]:
        return tuple(
            SeamDecision(f"{a.id}>{b.id}", True, 0.9, 1, 40, 1, notes=("light differs",))
            for a, b in pairwise(clips)
            if b.join == "handoff"
        )


def infos(cut: Cut) -> dict[Path, MediaInfo]:
    """Facts of every file of a cut, by path."""
    found = {clip.source.path: clip.source.info for clip in cut.clips}
    found |= {layer.source.path: layer.source.info for layer in cut.layers}
    for sound in cut.sounds:
        if sound.path not in found:
            stream = AudioStream(0, "pcm_s16le", HZ, 2, "stereo", Fraction(0), Fraction(600))
            found[sound.path] = info(str(sound.path), None, stream)
    return found
