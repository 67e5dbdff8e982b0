"""
OpenTimelineIO: all of a cut goes in, and what other programs write comes out of it.

    timeline = to_timeline(edit)
    found = found_of(timeline)

The adapters for FCP 7 XML and EDL read into OTIO too, so that one way leads from there to a cut.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from math import nan
from typing import TYPE_CHECKING, Any

from assembler.cut.model import Marker, Transition
from assembler.errors import MediaError, MissingProgramError
from assembler.exporting.cutfile import cut_to_data
from assembler.exporting.edit import Edit, Heard, Laid, Medium, Worded, Written
from assembler.exporting.found import Event, Found
from assembler.exporting.notes import SEAM, lost_speed, seam_note, transition_named
from assembler.exporting.places import Place, as_place, as_url
from assembler.match.decision import decision_to_json
from assembler.timebase import FrameRange, parse_rate, round_half_up

if TYPE_CHECKING:
    import opentimelineio as otio

OURS = "assembler"
"""Our place in OTIO's metadata."""


def library() -> Any:
    """
    The package, which has no builds for some Pythons.

    Raises:
        MissingProgramError: If it isn't installed.
    """
    try:
        import opentimelineio
    except ImportError as error:
        raise MissingProgramError(
            "opentimelineio isn't installed; otio, aaf and reading FCP 7 XML and EDL need it",
            fix="install assembler for Python 3.11 to 3.13, for which it is built; fcpxml, fcp7, "
            "edl and csv can be written without it",
        ) from error
    return opentimelineio


def write(edit: Edit, place: Place) -> Written:
    """The edit as an OTIO file; *place* says how files are named."""
    timeline = to_timeline(edit, place)
    clips, layers = edit.cut.clips, edit.cut.layers
    lost = (
        *(line for clip in clips for line in lost_speed(clip.id, clip.source, even=True)),
        *(line for one in layers for line in lost_speed(f"layer {one.id}", one.source)),
    )
    return Written(".otio", timeline.to_json_string(indent=1) + "\n", lost)


def to_timeline(edit: Edit, place: Place = str) -> otio.schema.Timeline:
    """The edit as an OTIO timeline."""
    return _Writer(library(), edit, place).timeline()


class _Writer:
    def __init__(self, package: Any, edit: Edit, place: Place) -> None:
        self.otio = package
        self.edit = edit
        self.place = place

    def timeline(self) -> otio.schema.Timeline:
        schema, edit = self.otio.schema, self.edit
        timeline = schema.Timeline(edit.title, global_start_time=self._time(edit.start.frame))
        timeline.metadata[OURS] = {
            "cut": json.dumps(cut_to_data(edit.cut, self.place)),  # as text: OTIO's dicts are slow
            "start": str(edit.start),
            "grades": dict(edit.grades),
            "cdls": dict(edit.cdls),
        }
        timeline.tracks.append(self._row())
        for name, lane, things in lanes_of("V", [*edit.laid, *edit.worded]):
            timeline.tracks.append(self._track(name, "Video", lane, things))
        for name, lane, things in lanes_of("A", edit.heard):
            timeline.tracks.append(self._track(name, "Audio", lane, things))
        for marker in edit.cut.markers:
            timeline.tracks.markers.append(self._marker(marker.frame, marker.name, marker.note))
        return timeline

    def _time(self, frame: int) -> Any:
        return self.otio.opentime.RationalTime(frame, float(self.edit.rate))

    def _range(self, start: int, frames: int) -> Any:
        return self.otio.opentime.TimeRange(self._time(start), self._time(frames))

    def _marker(self, frame: int, name: str, note: str) -> Any:
        marker = self.otio.schema.Marker(name, self._range(frame, 1))
        marker.metadata[OURS] = {"note": note}
        return marker

    def _row(self) -> Any:
        track = self.otio.schema.Track("V1", kind="Video")
        for shot in self.edit.shots:
            if shot.transition:
                track.append(self._transition(shot.transition))
            begin = shot.seen().start
            clip = self._clip(shot.name, shot.medium, shot.record, begin)
            retime = shot.clip.source.retime
            if retime and retime.even is not None:
                warp = self.otio.schema.LinearTimeWarp(time_scalar=float(retime.even))
                clip.effects.append(warp)
            clip.metadata[OURS] = {
                "segment": shot.clip.segment,
                "join": shot.clip.join,
                "fit": shot.clip.fit,
                "note": seam_note(shot, self.edit),
                "grade": self.edit.grades.get(shot.clip.id, ""),
                "cdl": self.edit.cdls.get(shot.clip.id, ""),
            }
            if shot.seam:
                clip.metadata[OURS]["seam"] = decision_to_json(shot.seam)
                said = seam_note(shot, self.edit)
                at = shot.medium.start + begin
                clip.markers.append(self._marker(at, f"{SEAM}{shot.seam.seam}", said))
            track.append(clip)
        return track

    def _transition(self, transition: Transition) -> Any:
        dissolve = transition.name == "dissolve"
        made = self.otio.schema.Transition(
            transition.name,
            transition_type="SMPTE_Dissolve" if dissolve else "Custom_Transition",
            in_offset=self._time(transition.before_frames),
            out_offset=self._time(transition.after_frames),
        )
        made.metadata[OURS] = {"name": transition.name}
        return made

    def _clip(self, name: str, medium: Medium, record: FrameRange, source_in: int) -> Any:
        reference = self.otio.schema.ExternalReference(
            target_url=as_url(self.place(medium.path)),
            available_range=self._range(medium.start, medium.frames),
        )
        reference.name = medium.name
        reference.metadata[OURS] = {"reel": medium.reel, "still": medium.still}
        return self.otio.schema.Clip(
            name,
            media_reference=reference,
            source_range=self._range(medium.start + source_in, record.frames),
        )

    def _track(
        self, name: str, kind: str, lane: int, things: Sequence[Laid | Worded | Heard]
    ) -> Any:
        track = self.otio.schema.Track(name, kind=kind)
        track.metadata[OURS] = {"lane": lane}
        at = 0
        for thing in things:
            if thing.record.start > at:
                empty = self._range(0, thing.record.start - at)
                track.append(self.otio.schema.Gap(source_range=empty))
            track.append(self._thing(thing))
            at = thing.record.stop
        return track

    def _thing(self, thing: Laid | Worded | Heard) -> Any:
        match thing:
            case Worded():
                return self._title(thing)
            case Laid():
                clip = self._clip(thing.name, thing.medium, thing.record, thing.seen().start)
                layer = thing.layer
                clip.metadata[OURS] = {"box": list(layer.box), "shape": layer.shape}
                return clip
            case Heard():
                clip = self._clip(thing.name, thing.medium, thing.record, thing.source_in)
                sound = thing.sound
                clip.metadata[OURS] = {
                    "role": sound.role,
                    "gain_db": sound.gain_db,
                    "pan": sound.pan,
                    "fade_in": thing.fade_in,
                    "fade_out": thing.fade_out,
                    "samples": list(sound.record),
                }
                return clip

    def _title(self, worded: Worded) -> Any:
        title = worded.title
        kind = self.otio.schema.GeneratorReference(
            name=title.style,
            generator_kind="Text",
            available_range=self._range(0, title.record.frames),
            parameters={"text": title.text, "style": title.style},
        )
        length = self._range(0, title.record.frames)
        return self.otio.schema.Clip(title.id, media_reference=kind, source_range=length)


def lanes_of(
    letter: str, things: Sequence[Laid | Worded | Heard]
) -> Iterator[tuple[str, int, list[Laid | Worded | Heard]]]:
    """Name, number and events of every lane, in playing order."""
    first = 1 if letter == "A" else 2
    for n in range(1, max((thing.lane for thing in things), default=0) + 1):
        own = sorted((t for t in things if t.lane == n), key=lambda t: t.record)
        yield f"{letter}{n + first - 1}", n, own


@dataclass(frozen=True, slots=True)
class Levels:
    """What a clip of sound says of its level."""

    gain_db: float | None = None
    fade_in: int | None = None
    fade_out: int | None = None
    pan: float | None = None


def our_levels(clip: Any) -> Levels:
    """Levels that we wrote into OTIO's metadata."""
    own = clip.metadata.get(OURS, {})
    return Levels(own.get("gain_db"), own.get("fade_in"), own.get("fade_out"), own.get("pan"))


def no_cut_point(passage: Any, clip: Any, rate: Fraction) -> tuple[int | None, str]:
    """Transitions lie about their cuts as OTIO says, and are called as we called them."""
    return None, passage.metadata.get(OURS, {}).get("name", "")


LevelsOf = Callable[[Any], Levels]
CutPoint = Callable[[Any, Any, Fraction], tuple[int | None, str]]


def found_of(
    timeline: Any,
    *,
    rate: Fraction | None = None,
    start: int | None = None,
    levels: LevelsOf = our_levels,
    cut_point: CutPoint = no_cut_point,
    size: tuple[int, int] | None = None,
) -> Found:
    """
    What an OTIO timeline says.

    Args:
        timeline: `opentimelineio.schema.Timeline`.
        rate: Of the programme; the first picture's when not given.
        start: Frame count of the programme's first frame where tracks count from midnight.
        levels: Reads what a clip says of its sound.
        cut_point: Reads how many frames of a transition lie before its cut, where OTIO's adapter
            doesn't know, and what we call it.
        size: Of the canvas, where the file says it.

    Raises:
        MediaError: If a length or a place is missing.
    """
    package = library()
    reader = _Reader(package, rate or _rate_of(timeline), levels, cut_point)
    try:
        for n, track in enumerate(timeline.video_tracks()):
            reader.track(track, n, start)
        for n, track in enumerate(timeline.audio_tracks(), 1):
            reader.track(track, n, start)
        for marker in timeline.tracks.markers:
            reader.marker(marker, 0)
    except package.exceptions.OTIOError as error:
        raise MediaError(f"can't be understood: {error}", timeline.name or "") from error
    return Found(
        title=timeline.name or "",
        rate=reader.rate,
        size=size,
        events=tuple(reader.events),
        markers=tuple(sorted(reader.markers, key=lambda m: m.frame)),
        lost=tuple(dict.fromkeys(reader.lost)),
    )


def _rate_of(timeline: Any) -> Fraction:
    for clip in timeline.find_clips():
        if clip.source_range:
            return parse_rate(clip.source_range.duration.rate)
    raise MediaError("has no clips", timeline.name or "", "export a sequence that isn't empty")


@dataclass(slots=True)
class _Reader:
    otio: Any
    rate: Fraction
    levels: LevelsOf
    cut_point: CutPoint
    events: list[Event] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def track(self, track: Any, lane: int, start: int | None) -> None:
        """Events of a track; an EDL's begins at its timecode."""
        shift = 0
        if track.source_range and start is not None:
            shift = -self.frames(track.source_range.start_time) - start
        at = Fraction(shift)
        found: list[Event] = []
        passage: Any = None
        for child in track:
            if isinstance(child, self.otio.schema.Transition):
                passage = child
                if found and track.kind == self.otio.schema.TrackKind.Audio:
                    self.fade_out(found, child)
                continue
            length = self.exact(child.duration())
            record = FrameRange(round_half_up(at), round_half_up(at + length))
            at += length
            event = None
            if not isinstance(child, self.otio.schema.Gap):
                event = self.child(child, track, lane, record)
            if event and passage:
                event = self.joined(found, event, passage, child)
            if event:
                found.append(event)
            passage = None
        self.events += found

    def fade_out(self, found: list[Event], passage: Any) -> None:
        """Sound fades out where a transition reaches into it."""
        length = self.frames(passage.in_offset)
        if length:
            found[-1] = replace(found[-1], fade_out=length)

    def joined(self, found: list[Event], event: Event, passage: Any, clip: Any) -> Event:
        """An event with the transition before it; sound fades in instead."""
        before, after = self.exact(passage.in_offset), self.exact(passage.out_offset)
        if event.kind == "sound":
            return replace(event, fade_in=round_half_up(after)) if after else event
        point, named = self.cut_point(passage, clip, self.rate)
        length = round_half_up(before + after)
        first = int(before) if point is None or not 0 <= point <= length else point
        shift = first - int(before)
        if shift and found:  # the cut lies elsewhere within the transition
            last = found[-1]
            stop = FrameRange(last.record.start, last.record.stop + shift)
            found[-1] = replace(last, record=stop)
            start = FrameRange(event.record.start + shift, event.record.stop)
            event = replace(event, record=start, source_in=event.source_in + shift)
        name = named or passage.name or passage.transition_type
        made, note = transition_named(name, first, length - first)
        if note:
            self.lost.append(note)
        return replace(event, transition=made)

    def exact(self, time: Any) -> Fraction:
        """An OTIO time in frames of the programme."""
        value = Fraction(time.value).limit_denominator(1000)
        own = _rate_named(time.rate)
        return value if own == self.rate else value / own * self.rate

    def frames(self, time: Any) -> int:
        return round_half_up(self.exact(time))

    def child(self, child: Any, track: Any, lane: int, record: FrameRange) -> Event | None:
        called = child.name or child.schema_name()
        if not isinstance(child, self.otio.schema.Clip):
            self.lost.append(f"{called}: a {child.schema_name().lower()} within a track")
            return None
        if _off(child) or _off(track):
            self.lost.append(f"{called}: it is switched off and was left out")
            return None
        reference = child.media_reference
        if isinstance(reference, self.otio.schema.GeneratorReference):
            return self.generated(child, reference, lane, record)
        begin = self.frames(child.trimmed_range().start_time)
        available = reference.available_range if reference else None
        media_start = self.frames(available.start_time) if available else 0
        sounds = track.kind == self.otio.schema.TrackKind.Audio
        levels = self.levels(child) if sounds else Levels()
        own = child.metadata.get("cmx_3600", {})
        for marker in child.markers:
            self.marker(marker, record.start - begin)
        return Event(
            kind="sound" if sounds else "picture",
            lane=lane,
            name=child.name or "",
            record=record,
            source_in=begin - media_start,
            from_midnight=not available,
            file=as_place(getattr(reference, "target_url", "") or "") or _file_in(own),
            reel=str(own.get("reel", "")).strip(),
            gain_db=levels.gain_db,
            fade_in=levels.fade_in,
            fade_out=levels.fade_out,
            pan=levels.pan,
            speed=_speed(child.effects, self.otio),
        )

    def generated(self, child: Any, reference: Any, lane: int, record: FrameRange) -> Event | None:
        parameters = reference.parameters
        text = str(parameters.get("text") or _text_of(reference.metadata.get("fcp_xml", {})))
        if not text:
            kind = reference.generator_kind or "generator"
            self.lost.append(f"{child.name or kind}: a {kind} made by the editor")
            return None
        return Event("title", max(1, lane), child.name or "", record, text=text)

    def marker(self, marker: Any, shift: int) -> None:
        if (marker.name or "").startswith(SEAM):
            return
        own = marker.metadata.get(OURS, {}) or marker.metadata.get("fcp_xml", {})
        note = str(own.get("note") or own.get("comment") or marker.comment)
        frame = self.frames(marker.marked_range.start_time) + shift
        self.markers.append(Marker(frame, marker.name or "", note))


def _off(item: Any) -> bool:
    """Whether a clip or track is switched off; the reader of FCP 7 XML leaves that to others."""
    said = str(item.metadata.get("fcp_xml", {}).get("enabled", ""))
    return not item.enabled or said.upper() == "FALSE"


def _file_in(own: Mapping[str, Any]) -> str:
    """The file that our comment in an EDL names."""
    said = (str(comment) for comment in own.get("comments", ()))
    return next((c.partition(":")[2].strip() for c in said if c.startswith("SOURCE FILE:")), "")


@cache
def _rate_named(rate: float) -> Fraction:
    return parse_rate(rate)


def _speed(effects: Any, package: Any) -> float | None:
    """The speed that effects give; FCP 7's own has no class in OTIO."""
    found = None
    for effect in effects:
        if isinstance(effect, package.schema.LinearTimeWarp):
            found = (1.0 if found is None else found) * effect.time_scalar
        elif (
            isinstance(effect, package.schema.TimeEffect)
            or effect.metadata.get("fcp_xml", {}).get("effectid") == "timeremap"
        ):
            return nan
    return found


def _text_of(effect: Mapping[str, Any]) -> str:
    """The words of an FCP 7 text generator."""
    parameters = effect.get("parameter", ())
    for one in [parameters] if isinstance(parameters, Mapping) else parameters:
        if one.get("parameterid") in ("str", "text"):
            return str(one.get("value", ""))
    return ""


def read(text: str, name: str = "") -> Found:
    """
    What an OTIO file says.

    Raises:
        MediaError: If it is none.
    """
    return found_of(_timeline_in(text, name))


def cut_in(text: str) -> Mapping[str, Any] | None:
    """The cut that was exported, as data, if the file still has it."""
    timeline = _timeline_in(text, "")  # its metadata live no longer than it does
    cut = timeline.metadata.get(OURS, {}).get("cut")
    return json.loads(cut) if isinstance(cut, str) else None


def _timeline_in(text: str, name: str) -> Any:
    package = library()
    try:
        timeline = package.adapters.read_from_string(text, "otio_json")
    except (ValueError, package.exceptions.OTIOError) as error:
        raise MediaError(f"is no OTIO file: {error}", name, "export it again") from error
    if not isinstance(timeline, package.schema.Timeline):
        what = type(timeline).__name__
        raise MediaError(f"has a {what}, no timeline", name, "export one timeline")
    return timeline
