"""The clips' own sound and the tracks, placed to the sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import NamedTuple

from assembler.cut.model import (
    SHORTEST_LOOP_S,
    Clip,
    GainRamp,
    PictureLayer,
    Recording,
    Rounds,
    Sound,
)
from assembler.media.info import AudioStream, MediaInfo
from assembler.planning.model import Plan
from assembler.planning.row import START, Joint
from assembler.planning.row import Place as RowPlace
from assembler.spec.model import Fade as SpecFade
from assembler.spec.model import NativeAudio, Role, Segment, Timeline, Track
from assembler.spec.presets import MixPreset
from assembler.spec.time import Place
from assembler.timebase import SampleRange, round_half_up, samples_at

_UNSEEN_S = Fraction(1, 50)
"""Lips may be off by so much without anybody seeing it (ITU-R BT.1359 puts it at twice that)."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Rate of the picture, rate of the sound, and the lengths of fades that nobody asked for."""

    rate: Fraction
    hz: int
    frames: int
    """Of the programme."""
    seam: int
    """Samples of a crossfade at a seam."""
    micro: int
    """Samples of a fade at a cut."""

    @classmethod
    def of(cls, timeline: Timeline, frames: int, preset: MixPreset) -> Clock:
        """The clock of a timeline's programme."""
        hz = timeline.canvas.audio.rate

        def samples(ms: float) -> int:
            return round_half_up(Fraction(ms) * hz / 1000)

        seam, micro = samples(preset.seam_crossfade_ms), samples(preset.cut_fade_ms)
        return cls(timeline.canvas.rate, hz, frames, seam, micro)

    def at(self, frame: int) -> int:
        """First sample of a frame."""
        return samples_at(frame, self.rate, self.hz)

    @property
    def samples(self) -> int:
        """Length of the programme."""
        return self.at(self.frames)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Source frames that play without a gap."""

    record: int
    """Programme frame at which it begins."""
    source: int
    frames: int
    shift_s: Fraction = Fraction(0)
    """Its frames lie so much later in the file than those of the first stretch."""


class MasterJump(NamedTuple):
    """From a place in the clip on it lies elsewhere in the master."""

    until_s: Fraction
    """Time in the clip's sound at which the part before ends."""
    from_s: Fraction
    """Time at which the next begins; nothing of the master belongs between them."""
    offset_s: Fraction
    """On the master's clock, where the clip's sound would begin by what follows."""


@dataclass(frozen=True, slots=True)
class Master:
    """The recording that a clip's speech was made from, and where the clip lies in it."""

    path: Path
    key: str
    stream: AudioStream
    offset_s: Fraction
    """On the master's clock, where the clip's sound begins."""
    jumps: tuple[MasterJump, ...] = ()
    """Where the clip leaves something of it out or puts something in."""
    begins_s: Fraction = Fraction(0)
    """On the master's clock, before which nothing of it was given to the clip."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A clip whose sound is used: its own, or its master's."""

    id: str
    segment: str
    path: Path
    key: str
    zero_s: Fraction
    """Of the clip's frame 0 on the clock of the file that is heard."""
    stream: AudioStream
    role: Role
    native: NativeAudio
    stretches: tuple[_Stretch, ...]
    from_master: bool = False
    rest: _Heard | None = None
    """The clip itself, of which all but the speech is heard too."""

    def time(self, source_frame: int, rate: Fraction, stretch: _Stretch) -> Fraction:
        """Time of one of its frames on the file's clock."""
        return self.zero_s + source_frame / rate + stretch.shift_s

    def begins_s(self, rate: Fraction) -> Fraction:
        """Time of the first frame shown."""
        return self.time(self.stretches[0].source, rate, self.stretches[0])

    def ends_s(self, rate: Fraction) -> Fraction:
        """Time of the first frame not shown any more."""
        last = self.stretches[-1]
        return self.time(last.source + last.frames, rate, last)

    @property
    def start(self) -> int:
        return self.stretches[0].record

    @property
    def stop(self) -> int:
        return self.stretches[-1].record + self.stretches[-1].frames

    def spare_before(self, clock: Clock) -> int:
        """Samples that its file has before its first frame here."""
        return max(0, floor((self.begins_s(clock.rate) - self.stream.start_s) * clock.hz))

    def spare_after(self, clock: Clock) -> int:
        """Samples that its file has after its last frame here."""
        end = self.stream.start_s + self.stream.duration_s
        return max(0, floor((end - self.ends_s(clock.rate)) * clock.hz))


@dataclass(frozen=True, slots=True)
class _Edge:
    """How two neighbours' sounds meet: samples beyond the cut on both sides, and the fades."""

    a_extends: int = 0
    """A's sound ends so many samples after the cut (before it when negative)."""
    b_extends: int = 0
    """B's sound begins so many samples before the cut (after it when negative)."""
    fade: int = 0
    """Samples over which they cross; 0 when nothing fades."""
    seam: bool = False
    """Whether the mix may choose where they cross."""


def native_sounds(
    timeline: Timeline,
    clips: Sequence[Clip],
    segments: Mapping[str, RowPlace],
    masters: Mapping[str, Master],
    clock: Clock,
    notes: list[str],
) -> tuple[Sound, ...]:
    """Sound of the row's clips, cut and faded with the picture."""
    heard = _all_heard(timeline, clips, segments, masters, clock)
    edges = [_Edge(fade=clock.micro)]
    for n in range(1, len(clips)):
        edges.append(_edge(heard[n - 1], heard[n], clips[n - 1], clips[n], segments, clock, notes))
    edges.append(_Edge(fade=clock.micro))
    sounds: list[Sound] = []
    for n, one in enumerate(heard):
        if one is not None:
            sounds += _sounds(one, edges[n], edges[n + 1], clock)
            sounds += _rest(one, clock)
    return tuple(sounds)


def layer_sounds(
    timeline: Timeline,
    layers: Sequence[tuple[PictureLayer, str]],
    segments: Mapping[str, RowPlace],
    masters: Mapping[str, Master],
    clock: Clock,
    notes: list[str],
) -> tuple[Sound, ...]:
    """Sound of picture layers; each comes with its segment's id, parts of one in playing order."""
    clips: list[Clip] = []
    for layer, segment in layers:
        before = clips[-1] if clips else None
        goes_on = before and (before.segment, before.record.stop) == (segment, layer.record.start)
        clips.append(
            Clip(
                id=layer.id,
                segment=segment,
                source=layer.source,
                record=layer.record,
                source_in=layer.source_in,
                join="handoff" if goes_on else "start",
            )
        )
    alone = _Edge(fade=clock.micro)
    heard = _all_heard(timeline, clips, segments, masters, clock)
    edges = [
        _edge(heard[n - 1], heard[n], clips[n - 1], clips[n], segments, clock, notes)
        if n and clips[n].join == "handoff"
        else alone
        for n in range(len(clips))
    ]
    edges.append(alone)
    sounds: list[Sound] = []
    for n, one in enumerate(heard):
        if one is not None:
            sounds += _sounds(one, edges[n], edges[n + 1], clock)
            sounds += _rest(one, clock)
    return tuple(sounds)


def soundless(timeline: Timeline, plan: Plan, infos: Mapping[str, MediaInfo]) -> list[str]:
    """A warning for every link that was to bring sound and came without; *infos* by link."""
    told = []
    segments = {segment.id: segment for segment in timeline.segments}
    for link in (step.link for step in plan.steps):
        native = timeline.native_of(segments[link.segment])
        if link.audio and native.mode != "mute" and not infos[link.id].audio:
            what = f"warning: clip {link.id} came without sound, though {link.model} was asked for"
            told.append(f"{what} some; generate another take, or set `audio: off`")
    return told


def _all_heard(
    timeline: Timeline,
    clips: Sequence[Clip],
    segments: Mapping[str, RowPlace],
    masters: Mapping[str, Master],
    clock: Clock,
) -> list[_Heard | None]:
    """What is heard of each clip; a master goes on over several clips without a step."""
    found: list[_Heard | None] = []
    for clip in clips:
        one = _heard(
            timeline, segments[clip.segment].segment, clip, masters.get(clip.id), clock.rate
        )
        before = found[-1] if found else None
        if one and before and one.from_master and (one.path, one.key) == (before.path, before.key):
            step = before.ends_s(clock.rate) - one.begins_s(clock.rate)
            if abs(step) <= _UNSEEN_S:
                one = replace(one, zero_s=one.zero_s + step)
        found.append(one)
    return found


def _heard(
    timeline: Timeline, segment: Segment, clip: Clip, master: Master | None, rate: Fraction
) -> _Heard | None:
    info = clip.source.info
    native = timeline.native_of(segment)
    if not info.audio or clip.source.still or clip.source.retime or muted(segment, timeline):
        return None
    assert info.video is not None
    own = _Heard(
        id=clip.id,
        segment=clip.segment,
        path=clip.source.path,
        key=clip.source.key,
        zero_s=info.video.start_s,
        stream=info.audio[0],
        role="dialogue" if segment.avatar or native.mode == "speech-only" else "native",
        native=native,
        stretches=_stretches(clip),
    )
    if master is None:
        return own
    zero_s = master.offset_s + own.zero_s - own.stream.start_s
    stretches = _parted(own.stretches, master, own.stream.start_s - own.zero_s, rate)
    if not native.rest:  # lips that don't move yet say nothing
        first = floor((master.begins_s - zero_s) * rate)
        stretches = tuple(cut for one in stretches if (cut := _within(one, first, None)))
    beside = replace(
        own, role="native", stretches=tuple(replace(s, shift_s=Fraction(0)) for s in stretches)
    )
    return replace(
        own,
        path=master.path,
        key=master.key,
        zero_s=zero_s,
        stream=master.stream,
        stretches=stretches,
        from_master=True,
        rest=beside if native.rest else None,
    )


def _parted(
    stretches: tuple[_Stretch, ...], master: Master, sound_s: Fraction, rate: Fraction
) -> tuple[_Stretch, ...]:
    """Stretches cut where the clip jumps in its master; *sound_s* is where its sound begins."""
    for jump in master.jumps:
        until, since = (round_half_up((s + sound_s) * rate) for s in (jump.until_s, jump.from_s))
        shift_s = jump.offset_s - master.offset_s
        before = [cut for one in stretches if (cut := _within(one, None, until))]
        after = [cut for one in stretches if (cut := _within(one, since, None))]
        stretches = (*before, *(replace(one, shift_s=shift_s) for one in after))
    return stretches


def _within(one: _Stretch, first: int | None, stop: int | None) -> _Stretch | None:
    """What of a stretch lies between two source frames."""
    begin = max(one.source, first if first is not None else one.source)
    end = min(one.source + one.frames, stop if stop is not None else one.source + one.frames)
    if begin >= end:
        return None
    return replace(one, record=one.record + begin - one.source, source=begin, frames=end - begin)


def muted(segment: Segment, timeline: Timeline) -> bool:
    """Whether the author wants a segment silent."""
    return timeline.native_of(segment).mode == "mute" or _off(segment, timeline)


def _off(segment: Segment, timeline: Timeline) -> bool:
    """Whether no sound is asked for; defaults are about what is generated."""
    if segment.audio is not None or segment.kind != "generated":
        return segment.audio == "off"
    return timeline.defaults.audio == "off"


def _stretches(clip: Clip) -> tuple[_Stretch, ...]:
    return tuple(_Stretch(at.start, source, at.frames) for at, source in clip.stretches())


def _edge(
    a: _Heard | None,
    b: _Heard | None,
    a_clip: Clip,
    b_clip: Clip,
    segments: Mapping[str, RowPlace],
    clock: Clock,
    notes: list[str],
) -> _Edge:
    first = a_clip.segment != b_clip.segment
    joint = segments[b_clip.segment].joint if first else START
    if joint.j_cut or joint.l_cut:
        return _split(a, b, joint, clock, notes)
    if b_clip.transition is not None:
        cut = clock.at(b_clip.record.start)
        before = cut - clock.at(b_clip.record.start - b_clip.transition.before_frames)
        after = clock.at(b_clip.record.start + b_clip.transition.after_frames) - cut
        after = min(after, a.spare_after(clock)) if a else after
        before = min(before, b.spare_before(clock)) if b else before
        return _crossing(after, before, clock)
    if a and b and _goes_on(a, b, clock):
        return _Edge()
    if b_clip.join == "handoff" and a and b:
        return replace(_crossing(*_overlap(a, b, clock), clock), seam=True)
    return _Edge(fade=clock.micro)


def _crossing(after: int, before: int, clock: Clock) -> _Edge:
    return _Edge(after, before, after + before or clock.micro)


def _goes_on(a: _Heard, b: _Heard, clock: Clock) -> bool:
    """Whether B is what follows A in the same file: no edit for the ear."""
    same = a.key == b.key and a.path == b.path and a.native == b.native
    return same and a.ends_s(clock.rate) == b.begins_s(clock.rate)


def _overlap(a: _Heard, b: _Heard, clock: Clock) -> tuple[int, int]:
    """
    Samples of A after the seam and of B before it that cross.

    Both halves are equal where both files have the sound; what one lacks the other gives.
    """
    has_after = min(a.spare_after(clock), clock.at(b.stop) - clock.at(b.start))
    has_before = min(b.spare_before(clock), clock.at(a.stop) - clock.at(a.start))
    after = min(clock.seam // 2, has_after)
    before = min(clock.seam - after, has_before)
    return min(clock.seam - before, has_after), before


def _split(
    a: _Heard | None, b: _Heard | None, joint: Joint, clock: Clock, notes: list[str]
) -> _Edge:
    """A cut of the sound at another place than that of the picture (J-cut, L-cut)."""
    early = _samples(joint.j_cut, clock)
    late = _samples(joint.l_cut, clock)
    j_cut = f"{b.id}: its j-cut" if b else ""
    l_cut = f"{a.id}: the l-cut after it" if a else ""
    if a and b:
        before, after = (clock.at(x.stop) - clock.at(x.start) for x in (a, b))
        early = _limited(early, before, j_cut, f"{a.id} is no longer", clock, notes)
        late = _limited(late, after, l_cut, f"{b.id} is no longer", clock, notes)
    if b:
        early = _limited(early, b.spare_before(clock), j_cut, _NO_MORE, clock, notes)
    if a:
        late = _limited(late, a.spare_after(clock), l_cut, _NO_MORE, clock, notes)
    if early and late:
        return _Edge(late, early, early + late)
    if late:
        return _Edge(late, -late, clock.micro)
    return _Edge(-early, early, clock.micro)


def _samples(frames: int, clock: Clock) -> int:
    return samples_at(frames, clock.rate, clock.hz)


_NO_MORE = "the clip has no more"


def _limited(wanted: int, has: int, what: str, why: str, clock: Clock, notes: list[str]) -> int:
    if wanted <= has:
        return wanted
    ms = 1000 / clock.hz
    notes.append(f"{what} has {has * ms:.0f} ms instead of {wanted * ms:.0f}; {why}")
    return has


def _sounds(one: _Heard, begin: _Edge, end: _Edge, clock: Clock) -> list[Sound]:
    """One sound for each stretch; where frames were left out the stretches cross like at a seam."""
    found = []
    half = clock.seam // 2
    last = len(one.stretches) - 1
    for n, stretch in enumerate(one.stretches):
        cross = min(half, *(_samples(s.frames, clock) // 2 for s in one.stretches))
        start = clock.at(stretch.record) - (begin.b_extends if n == 0 else cross)
        stop = clock.at(stretch.record + stretch.frames) + (end.a_extends if n == last else cross)
        start, stop = max(0, start), min(stop, clock.samples)
        if start >= stop:
            continue
        shown_at = Fraction(start, clock.hz) - stretch.record / clock.rate
        sound = Sound(
            id=one.id if last == 0 else f"{one.id}/{n + 1}",
            role=one.role,
            path=one.path,
            key=one.key,
            stream=one.stream.index,
            source_start_s=one.time(stretch.source, clock.rate, stretch) + shown_at,
            record=SampleRange(start, stop),
            gain_db=one.native.level,
            level_to_mix=one.native.match,
            speech_only=one.native.mode == "speech-only" and not one.from_master,
            duck_db=one.native.duck.by if one.native.duck else 0.0,
            duck_under=one.native.duck.under if one.native.duck else (),
            polish=one.native.polish,
            segment=one.segment,
            free_in=one.spare_before(clock) - begin.b_extends if n == 0 and begin.seam else None,
            free_out=one.spare_after(clock) - end.a_extends if n == last and end.seam else None,
        )
        fades = (begin.fade if n == 0 else 2 * cross, end.fade if n == last else 2 * cross)
        found.append(_faded(sound, *fades))
    return found


def _rest(one: _Heard, clock: Clock) -> list[Sound]:
    """What a clip has beside the speech that its recording replaces."""
    if one.rest is None:
        return []
    alone = _Edge(fade=clock.micro)
    found = []
    for stretch, place in zip(one.stretches, one.rest.stretches, strict=True):
        (sound,) = _sounds(replace(one.rest, stretches=(place,)), alone, alone, clock) or (None,)
        if sound is not None:
            shown_at = Fraction(sound.record.start, clock.hz) - stretch.record / clock.rate
            since = one.time(stretch.source, clock.rate, stretch) + shown_at
            recording = Recording(one.path, one.key, one.stream.index, since)
            found.append(replace(sound, id=f"{one.id}/rest", minus=recording))
    return found


def _faded(sound: Sound, fade_in: int, fade_out: int) -> Sound:
    """With fades that fit its length."""
    length = sound.record.samples
    if fade_in + fade_out > length:
        whole = fade_in + fade_out
        fade_in = fade_in * length // whole
        fade_out = length - fade_in if fade_out else 0
    return replace(sound, fade_in=fade_in, fade_out=fade_out)


PlaceTime = Callable[[Place], Fraction]
"""Seconds of a place in the programme."""


def track_sounds(
    timeline: Timeline,
    media: Mapping[Path, MediaInfo],
    hashes: Mapping[Path, str],
    time_of: PlaceTime,
    clock: Clock,
    notes: list[str],
) -> tuple[Sound, ...]:
    """Sound of all tracks that are to be heard, each within the programme."""
    solo = any(track.solo for track in timeline.tracks)
    sounds: list[Sound] = []
    for track in timeline.tracks:
        if track.mute or (solo and not track.solo):
            continue
        file = track.file
        assert file is not None  # what is generated is there by now
        info = media[file]
        if not info.audio:
            notes.append(f"warning: track {track.id}: {file.name} has no sound")
            continue
        lane = _Lane(track, file, info, hashes[file], time_of, clock)
        found = lane.sound()
        if found is None:
            notes.append(f"warning: track {track.id}: nothing of it lies within the programme")
        else:
            sounds.append(found)
            notes += lane.notes()
    return tuple(sounds)


class _Lane:
    """One track on its way to sounds; all positions in samples of the programme."""

    def __init__(
        self, track: Track, file: Path, info: MediaInfo, key: str, time_of: PlaceTime, clock: Clock
    ) -> None:
        self.track = track
        self.file = file
        self.clock = clock
        self.key = key
        self.stream = info.audio[0]
        zero = info.video.start_s if info.video and not info.still else self.stream.start_s
        self.begin_s = zero + (track.in_.seconds(clock.rate) if track.in_ else 0)
        """Where on the file's clock it begins."""
        self.end_s = self.stream.start_s + self.stream.duration_s
        """Where the file ends on it."""
        ends = [self.end_s]
        if track.out:
            ends.append(zero + track.out.seconds(clock.rate))
        self.length = max(0, self.count(min(ends) - self.begin_s))
        self.start = self.count(time_of(track.on))
        until = [clock.samples] + ([self.count(time_of(track.until))] if track.until else [])
        self.stop = min(until)

    def count(self, seconds: Fraction) -> int:
        return round_half_up(seconds * self.clock.hz)

    def sound(self) -> Sound | None:
        """What is heard of it, if anything."""
        track = self.track
        stop = self.stop if track.loop else min(self.stop, self.start + self.length)
        cut = max(0, -self.start)
        if self.length == 0 or stop <= self.start + cut:
            return None
        into_s = Fraction(cut, self.clock.hz)
        sound = Sound(
            id=track.id,
            role=track.role,
            path=self.file,
            key=self.key,
            stream=self.stream.index,
            source_start_s=self.begin_s + (0 if track.loop else into_s),
            record=SampleRange(self.start + cut, stop),
            gain_db=track.level,
            pan=track.pan,
            points=self.points(self.start + cut),
            loop=track.loop,
            rounds=self.rounds(into_s) if track.loop else Rounds(),
            duck_db=track.duck.by if track.duck else 0.0,
            duck_under=track.duck.under if track.duck else (),
            polish=track.polish,
        )
        return self.faded(sound)

    def rounds(self, begun_s: Fraction) -> Rounds:
        """Of a loop: the author's, who says where one ends, or what the mix finds."""
        if self.track.out is None:
            return Rounds(begun_s=begun_s)
        length_s = Fraction(self.length, self.clock.hz)
        return Rounds(length_s, self.end_s - self.begin_s - length_s, begun_s % length_s)

    def notes(self) -> Iterator[str]:
        """What its author should know."""
        if self.track.loop and self.length < SHORTEST_LOOP_S * self.clock.hz:
            yield (
                f"warning: track {self.track.id}: what is to be looped is shorter than "
                f"{float(SHORTEST_LOOP_S):g} s: it plays once"
            )

    def points(self, start: int) -> tuple[GainRamp, ...]:
        """Automation counted from a sound's own start."""
        moved = self.start - start
        rate = self.clock.rate
        return tuple(
            GainRamp(self.count(point.at.seconds(rate)) + moved, point.gain)
            for point in sorted(self.track.points, key=lambda p: p.at.seconds(rate))
        )

    def faded(self, sound: Sound) -> Sound:
        """The author's fades at both ends; a short one where the file is cut into."""
        track, micro = self.track, self.clock.micro
        at_start = self.start >= 0 and self.begin_s <= self.stream.start_s
        ended_early = track.loop or sound.record.stop < self.start + self.length or track.out
        fade_in = self.samples(track.fade_in) if track.fade_in else 0 if at_start else micro
        fade_out = self.samples(track.fade_out) if track.fade_out else micro if ended_early else 0
        return replace(
            _faded(sound, fade_in, fade_out),
            fade_in_curve=track.fade_in.curve if track.fade_in else "equal-power",
            fade_out_curve=track.fade_out.curve if track.fade_out else "equal-power",
        )

    def samples(self, fade: SpecFade) -> int:
        return self.count(fade.duration.seconds(self.clock.rate))
