"""
A cut as other programs see it: media with reels, events on lanes, all in whole frames.

    edit = edit_of(cut, start=Timecode.parse("01:00:00:00", cut.rate))
    edit.shots[0].record, edit.shots[0].source_in

Every writer reads this. What it rounds (sound lies on samples in a cut) and cannot say is listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from assembler.cut.model import Clip, Cut, PictureLayer, Sound, Source, TitleLayer, Transition
from assembler.match.decision import SeamDecision
from assembler.media.info import MediaInfo
from assembler.timebase import FrameRange, Timecode, frames_in, round_half_up

REEL_CHARACTERS = 8
START = "01:00:00:00"
"""Timecode of the first frame when nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Medium:
    """A file that events show or play; frames count at the programme's rate."""

    name: str
    """Its file name without suffix, or its clip's where it is a take; unique."""
    path: Path
    reel: str
    """At most 8 capital letters and digits, unique."""
    start: int
    """Timecode of its first frame, as a frame count."""
    frames: int
    """How many it has; of a still, as many as are used."""
    rate: Fraction
    """Its own."""
    size: tuple[int, int] | None
    hz: int
    channels: int
    still: bool = False

    @property
    def stop(self) -> int:
        """Timecode after its last frame, as a frame count."""
        return self.start + self.frames


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of a clip in the row; where a clip leaves frames out it has several."""

    clip: Clip
    medium: Medium
    record: FrameRange
    source_in: int
    """First frame of the clip's source, counted as it comes out of its retime."""
    transition: Transition | None = None
    seam: SeamDecision | None = None
    """What was decided at its beginning."""

    def seen(self, before: int = 0, after: int = 0) -> FrameRange:
        """
        Frames of the medium that are seen, from its first one, whatever its speed and direction.

        Args:
            before: Frames of the programme before its place that are counted in.
            after: The same after it; below 0, frames that aren't counted.
        """
        frames = before + self.record.frames + after
        return self.clip.source.seen(self.source_in - before, frames)

    @property
    def speed(self) -> Fraction | None:
        """Frames of the medium per frame, below 0 backwards; None where it isn't retimed."""
        retime = self.clip.source.retime
        return retime.pace(self.source_in, self.record.frames) if retime else None

    @property
    def name(self) -> str:
        """What it is found by when it comes back."""
        return self.clip.id


@dataclass(frozen=True, slots=True)
class Laid:
    """A picture over the row."""

    layer: PictureLayer
    medium: Medium
    lane: int
    """From 1."""

    @property
    def name(self) -> str:
        """What it is found by when it comes back."""
        return self.layer.id

    @property
    def record(self) -> FrameRange:
        """Where it lies."""
        return self.layer.record

    @property
    def source_in(self) -> int:
        """From the medium's first frame."""
        return self.layer.source_in

    def seen(self) -> FrameRange:
        """As many frames of the medium as are shown, from the first one seen: no speed is said."""
        start = self.layer.source.seen(self.source_in, self.record.frames).start
        return FrameRange(start, start + self.record.frames)


@dataclass(frozen=True, slots=True)
class Heard:
    """A stretch of sound, on whole frames."""

    sound: Sound
    medium: Medium
    record: FrameRange
    source_in: int
    """From the medium's first frame."""
    fade_in: int
    """Frames."""
    fade_out: int
    lane: int
    """From 1."""

    @property
    def name(self) -> str:
        """What it is found by when it comes back."""
        return self.sound.id

    def seen(self) -> FrameRange:
        """Frames of the medium that are heard, from its first one."""
        return FrameRange(self.source_in, self.source_in + self.record.frames)


@dataclass(frozen=True, slots=True)
class Worded:
    """A title."""

    title: TitleLayer
    lane: int
    """From 1, above all pictures."""

    @property
    def name(self) -> str:
        """What it is found by when it comes back."""
        return self.title.id

    @property
    def record(self) -> FrameRange:
        """Where it lies."""
        return self.title.record


@dataclass(frozen=True, slots=True)
class Edit:
    """All of it."""

    cut: Cut
    start: Timecode
    """Of the programme's first frame."""
    media: tuple[Medium, ...]
    shots: tuple[Shot, ...]
    laid: tuple[Laid, ...]
    worded: tuple[Worded, ...]
    heard: tuple[Heard, ...]
    grades: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Tables with a clip's colour correction, by clip id, as they are named in the edit."""
    cdls: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Files with a CDL of the author's, likewise."""

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return self.cut.rate

    @property
    def title(self) -> str:
        """Of the programme; never empty."""
        return self.cut.title or "assembler"

    def timecode(self, frame: int) -> str:
        """Label of a frame of the programme."""
        return str(Timecode(self.start.frame + frame, self.rate, self.start.drop))

    def label(self, frame: int) -> str:
        """Label of a frame of a medium, counted from midnight."""
        return str(Timecode(frame, self.rate, self.start.drop))


def edit_of(
    cut: Cut,
    *,
    start: Timecode | None = None,
    media: Mapping[Path, MediaInfo] = MappingProxyType({}),
    grades: Mapping[str, str] = MappingProxyType({}),
    cdls: Mapping[str, str] = MappingProxyType({}),
) -> Edit:
    """
    *cut* as events.

    Args:
        cut: The programme.
        start: Timecode of its first frame; 01:00:00:00 when not given.
        media: Facts of files that are only heard; without them, as much as is used is assumed.
        grades: Tables with colour corrections, by clip id.
        cdls: Files with CDLs, by clip id.
    """
    begin = start or Timecode.parse(START, cut.rate)
    library = _Library(cut, media, drop=begin.drop)
    seams = {seam.seam.split(">")[-1]: seam for seam in cut.seams}
    shots = tuple(shot for clip in cut.clips for shot in _stretches(clip, library, seams))
    laid = [(layer.record, layer) for layer in cut.layers]
    words = [(title.record, title) for title in cut.titles]
    heard = [one for sound in _in_roles(cut.sounds) for one in _plays(sound, cut, library)]
    floor = max((lane for lane, _ in in_lanes(laid)), default=0)
    return Edit(
        cut=cut,
        start=begin,
        media=tuple(library.media.values()),
        shots=shots,
        laid=tuple(Laid(one, library.of(one.source), lane) for lane, one in in_lanes(laid)),
        worded=tuple(Worded(one, floor + lane) for lane, one in in_lanes(words)),
        heard=tuple(
            Heard(play.sound, play.medium, play.record, play.source_in, *play.fades, lane)
            for lane, play in in_lanes([(play.record, play) for play in heard])
        ),
        grades=grades,
        cdls=cdls,
    )


_T = TypeVar("_T")


def in_lanes(things: Iterable[tuple[FrameRange, _T]]) -> list[tuple[int, _T]]:
    """Things with the lowest lane, from 1, on which they overlap nothing that came before."""
    lanes: list[list[FrameRange]] = []
    found = []
    for record, thing in things:
        free = (n for n, lane in enumerate(lanes) if not any(_meet(record, r) for r in lane))
        lane = next(free, len(lanes))
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append(record)
        found.append((lane + 1, thing))
    return found


def _meet(a: FrameRange, b: FrameRange) -> bool:
    return a.start < b.stop and b.start < a.stop


def _in_roles(sounds: Sequence[Sound]) -> Iterator[Sound]:
    """Speech first, then clips' own sound, music and effects, so that lanes are of one kind."""
    order = ("voice", "dialogue", "native", "sfx", "music")
    yield from sorted(sounds, key=lambda sound: (order.index(sound.role), sound.record))


def _stretches(clip: Clip, library: _Library, seams: Mapping[str, SeamDecision]) -> Iterator[Shot]:
    medium = library.of(clip.source)
    for n, (record, source_in) in enumerate(clip.stretches()):
        transition, seam = (clip.transition, seams.get(clip.id)) if n == 0 else (None, None)
        yield Shot(clip, medium, record, source_in, transition, seam)


@dataclass(frozen=True, slots=True)
class _Play:
    sound: Sound
    medium: Medium
    record: FrameRange
    source_in: int
    fades: tuple[int, int]


def _plays(sound: Sound, cut: Cut, library: _Library) -> Iterator[_Play]:
    """A sound on whole frames; one that is looped is laid as often as it plays."""
    medium = library.heard(sound)
    start, stop = (round_half_up(at * cut.rate / cut.hz) for at in sound.record)
    stop = max(stop, start + 1)
    begins_s = sound.source_start_s + start / cut.rate - Fraction(sound.record.start, cut.hz)
    source_in = frames_in(begins_s - library.zero_s(sound.path), cut.rate)
    source_in = max(0, source_in)
    rounds = sound.rounds
    turn = frames_in(rounds.length_s, cut.rate) or medium.frames - source_in
    into = frames_in(rounds.begun_s, cut.rate) % max(1, turn)
    at = start
    while at < stop:
        end = min(stop, at + max(1, turn - into)) if sound.loop else stop
        fade_in = min(_frames(sound.fade_in, cut), end - at) if at == start else 0
        fade_out = min(_frames(sound.fade_out, cut), end - at - fade_in) if end == stop else 0
        place = FrameRange(at, end)
        yield _Play(sound, medium, place, source_in + into, (fade_in, fade_out))
        at, into = end, 0


def _frames(samples: int, cut: Cut) -> int:
    return round_half_up(samples * cut.rate / cut.hz)


class _Library:
    """All media of a cut, each once."""

    def __init__(self, cut: Cut, media: Mapping[Path, MediaInfo], *, drop: bool) -> None:
        self.cut = cut
        self.drop = drop
        self.known = dict(media)
        self.used: dict[Path, int] = {}
        self.stills: set[Path] = set()
        self.media: dict[Path, Medium] = {}
        self._names = Names(mark="-")
        self._reels = Names(REEL_CHARACTERS)
        self._called: dict[Path, str] = {}
        self._gather()
        for path in self.used:
            self.media[path] = self._medium(path)

    def of(self, source: Source) -> Medium:
        """Medium of a picture."""
        return self.media[source.path]

    def heard(self, sound: Sound) -> Medium:
        """Medium of a sound."""
        return self.media[sound.path]

    def zero_s(self, path: Path) -> Fraction:
        """Where its first frame lies on the file's own clock."""
        info = self.known.get(path)
        return info.video.start_s if info and info.video else Fraction(0)

    def _gather(self) -> None:
        cut = self.cut
        for clip in cut.clips:
            used = clip.source.seen(clip.source_in, clip.source_out - clip.source_in)
            self._picture(clip.source, used.stop, clip.id)
        for before, clip in pairwise(cut.clips):
            if clip.transition:
                used = before.source.seen(before.source_out, clip.transition.after_frames)
                self._use(before.source.path, used.stop)
        for layer in cut.layers:
            self._picture(layer.source, layer.source_in + layer.record.frames, layer.id)
        for sound in cut.sounds:
            length = Fraction(sound.record.samples, cut.hz)
            ends_s = sound.source_start_s + length - self.zero_s(sound.path)
            self._use(sound.path, ceil(ends_s * cut.rate))

    def _picture(self, source: Source, stop: int, user: str) -> None:
        self.known[source.path] = source.info
        self._called.setdefault(source.path, user)
        if source.still:
            self.stills.add(source.path)
        self._use(source.path, stop)

    def _use(self, path: Path, stop: int) -> None:
        self.used[path] = max(stop, self.used.get(path, 1))

    def _medium(self, path: Path) -> Medium:
        info = self.known.get(path)
        video, audio = (info.video, info.audio) if info else (None, ())
        still = path in self.stills
        # Takes are named by their keys, which tell nobody anything.
        hashed = re.fullmatch(r"[0-9a-f]{16,}", path.stem)
        name = self._names.unique(self._called.get(path, path.stem) if hashed else path.stem)
        return Medium(
            name=name,
            path=path,
            reel=self._reels.unique(reel_of(name)),
            start=0 if still else self._start(info),
            frames=self.used[path] if still else self._length(path, info),
            rate=video.rate if video and not still else self.cut.rate,
            size=video.display_size if video else None,
            hz=audio[0].hz if audio else 0 if info else self.cut.hz,
            channels=audio[0].channels if audio else 0 if info else self.cut.channels,
            still=still,
        )

    def _start(self, info: MediaInfo | None) -> int:
        """The file's own timecode, if it counts the programme's frames."""
        if info is None or info.timecode is None or info.video is None:
            return 0
        if info.video.rate != self.cut.rate:
            return 0
        try:
            return Timecode.parse(info.timecode, self.cut.rate).frame
        except ValueError:
            return 0

    def _length(self, path: Path, info: MediaInfo | None) -> int:
        if info and info.video:
            return max(info.video.frames_at(self.cut.rate), 1)
        if info and info.audio:
            return max(1, int(info.audio[0].duration_s * self.cut.rate))
        return self.used[path]


class Names:
    """Gives every name once; upper and lower case are the same."""

    def __init__(self, limit: int = 200, mark: str = "") -> None:
        self._limit = limit
        self._mark = mark
        self._taken: set[str] = set()

    def unique(self, name: str) -> str:
        """*name*, or its beginning with a number when it was given before."""
        found, n = name[: self._limit], 1
        while found.casefold() in self._taken:
            n += 1
            end = f"{self._mark}{n}"
            found = name[: self._limit - len(end)] + end
        self._taken.add(found.casefold())
        return found


def reel_of(name: str) -> str:
    """Reel name: capital letters and digits, 8 at most (CMX 3600); the ends of long names count."""
    plain = re.sub(r"[^A-Z0-9]", "", name.upper())
    if plain in ("", "BL", "BLACK", "BARS", "AX"):  # these mean something in an EDL
        plain = f"R{plain}"
    if len(plain) <= REEL_CHARACTERS:
        return plain
    return plain[:5] + plain[-3:]


@dataclass(frozen=True, slots=True)
class Written:
    """One file of an edit."""

    suffix: str
    """Added to the edit's name: `.fcpxml`, `.V1.edl`."""
    text: str
    lost: tuple[str, ...] = ()
    """What the format cannot carry, each a sentence."""
