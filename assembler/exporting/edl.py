"""
CMX 3600 edit decision lists, one for each track.

    for written in write(edit, place): ...
    found = read(text, rate)

Read through OTIO's adapter. Written by hand: the adapter writes one track, no FCM line, drop-frame
wherever the rate allows it, dissolves only, reels cut off so that two become the same, and no more
than a transition's second half as its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from assembler.cut.model import Transition
from assembler.errors import MediaError
from assembler.exporting.edit import Edit, Heard, Laid, Medium, Shot, Worded, Written
from assembler.exporting.found import Event, Found, Part
from assembler.exporting.notes import SEAM, lost_pictures, lost_sounds, seam_note
from assembler.exporting.otio import OURS, Levels, found_of, lanes_of, library
from assembler.exporting.places import Place
from assembler.timebase import FrameRange, Timecode, round_half_up

MOST_EVENTS = 999
"""Of CMX 3600; most programs read more."""
HINT = f"{OURS.upper()} TRANSITION"
"""Comment with our name of a transition, and its frames before and after the cut."""
TRACK = f"{OURS.upper()} TRACK"
"""Comment that names the track that a list of ours is of."""

_WIPES = {"wipe-right": 1, "wipe-left": 101, "wipe-down": 2, "wipe-up": 102}
"""SMPTE wipe codes; what is added to a hundred runs backwards."""


def write(edit: Edit, place: Place) -> tuple[Written, ...]:
    """The edit as EDLs: pictures, layers over them, sounds; *place* says how files are named."""
    return tuple(_Writer(edit, place).files())


class _Writer:
    def __init__(self, edit: Edit, place: Place) -> None:
        self.edit = edit
        self.place = place

    def files(self) -> Iterator[Written]:
        """One file a track; what is lost is told with the first."""
        edit = self.edit
        row = list(self._row())
        yield Written(".V1.edl", self._file("V1", row), tuple(self.lost(len(edit.shots))))
        laid: list[Laid | Worded | Heard] = list(edit.laid)
        for name, _, things in lanes_of("V", laid):
            yield Written(f".{name}.edl", self._file(name, list(self._events("V", things))))
        heard: list[Laid | Worded | Heard] = list(edit.heard)
        for name, n, things in lanes_of("A", heard):
            channel = "A" if n == 1 else f"A{n}"
            yield Written(f".{name}.edl", self._file(name, list(self._events(channel, things))))

    def lost(self, events: int) -> Iterator[str]:
        """What can't be said in this format."""
        edit = self.edit
        if events > MOST_EVENTS:
            yield f"it has {events} events, more than the {MOST_EVENTS} of CMX 3600"
        for shot in edit.shots:
            name = shot.transition.name if shot.transition else "dissolve"
            if name != "dissolve" and name not in _WIPES:
                yield f"{shot.name}: its {name} is written as a dissolve"
        for layer in edit.cut.layers:
            yield f"layer {layer.id}: its size and place"
        for title in edit.cut.titles:
            yield f"title {title.id}: EDLs have no words; a LOC comment marks where it begins"
        for sound in edit.cut.sounds:
            if sound.gain_db or sound.fade_in or sound.fade_out:
                yield f"sound {sound.id}: its level and fades"
        yield from (
            line
            for line in lost_pictures(edit, even=True, cdls=True)
            if not line.startswith("title ")
        )
        yield from lost_sounds(edit, pan=True, points=True)

    def _file(self, track: str, lines: Sequence[str]) -> str:
        drop = "DROP FRAME" if self.edit.start.drop else "NON-DROP FRAME"
        title = re.sub(r"\s+", " ", self.edit.title)[:70]
        head = [f"TITLE: {title} {track}", f"FCM: {drop}", ""]
        return "\n".join([*head, *lines, f"* {TRACK}: {track}"]) + "\n"

    def _row(self) -> Iterator[str]:
        edit = self.edit
        for n, shot in enumerate(edit.shots):
            before = edit.shots[n - 1] if n else None
            after = edit.shots[n + 1].transition if n + 1 < len(edit.shots) else None
            early = shot.transition.before_frames if shot.transition else 0
            short = after.before_frames if after else 0
            seen = shot.seen(early, -short)
            record = FrameRange(shot.record.start - early, shot.record.stop - short)
            if shot.transition and before:
                gone = before.clip.source.seen(before.source_in + before.record.frames - early, 0)
                nothing = FrameRange(record.start, record.start)
                yield self._line(n + 1, before.medium, "V", "C", gone, nothing)
            kind = _kind(shot.transition)
            yield self._line(n + 1, shot.medium, "V", kind, seen, record)
            if shot.speed is not None:
                yield self._motion(shot.medium, shot.speed, seen)
            yield from self._comments(shot, before)

    def _motion(self, medium: Medium, speed: Fraction, seen: FrameRange) -> str:
        """The speed of the event above, in frames a second; below 0 it runs backwards."""
        begin = self.edit.label(medium.start + seen.start)
        return f"M2   {medium.reel:8} {float(speed * self.edit.rate):05.1f} {begin:>26}"

    def _line(
        self, n: int, medium: Medium, channel: str, kind: str, seen: FrameRange, record: FrameRange
    ) -> str:
        times = (
            self.edit.label(medium.start + seen.start),
            self.edit.label(medium.start + seen.stop),
            self.edit.timecode(record.start),
            self.edit.timecode(record.stop),
        )
        return f"{n:03d}  {medium.reel:8} {channel:5} {kind:8} {' '.join(times)}"

    def _comments(self, shot: Shot, before: Shot | None) -> Iterator[str]:
        transition = shot.transition
        if transition and before:
            yield f"* FROM CLIP NAME: {before.name}"
            yield f"* TO CLIP NAME: {shot.name}"
            numbers = f"{transition.before_frames} {transition.after_frames}"
            yield f"* {HINT}: {transition.name} {numbers}"
        else:
            yield f"* FROM CLIP NAME: {shot.name}"
        yield f"* SOURCE FILE: {self.place(shot.medium.path)}"
        cdl = shot.clip.source.change.cdl
        if cdl:
            triples = (cdl.slope, cdl.offset, cdl.power)
            numbers = " ".join(f"({' '.join(f'{n:.6f}' for n in three)})" for three in triples)
            yield f"*ASC_SOP {numbers}"
            yield f"*ASC_SAT {cdl.saturation:.6f}"
        said = seam_note(shot, self.edit)
        if said:
            yield f"* NOTE: {' '.join(said.split())}"
        yield from self._locators(shot)

    def _locators(self, shot: Shot) -> Iterator[str]:
        marks = [(m.frame, "GREEN", m.name) for m in self.edit.cut.markers]
        marks += [(t.record.start, "YELLOW", f"TITLE {t.id}") for t in self.edit.cut.titles]
        if shot.seam:
            marks.append((shot.record.start, "RED", f"{SEAM}{shot.seam.seam}"))
        for frame, colour, name in sorted(marks):
            if shot.record.start <= frame < shot.record.stop:
                yield f"* LOC: {self.edit.timecode(frame)} {colour:7} {name}"

    def _events(self, channel: str, things: Sequence[Laid | Worded | Heard]) -> Iterator[str]:
        for n, thing in enumerate(things, 1):
            if isinstance(thing, Worded):
                continue
            medium = thing.medium
            yield self._line(n, medium, channel, "C", thing.seen(), thing.record)
            yield f"* FROM CLIP NAME: {thing.name}"
            yield f"* SOURCE FILE: {self.place(medium.path)}"


def _kind(transition: Transition | None) -> str:
    if transition is None:
        return "C"
    code = _WIPES.get(transition.name)
    return f"{f'W{code:03d}' if code else 'D':4} {transition.frames:03d}"


def read(
    text: str,
    rate: Fraction,
    *,
    start: Timecode | None = None,
    name: str = "",
    titled: bool = False,
) -> Found:
    """
    What one EDL says; it is about one track only.

    Args:
        text: The file.
        rate: Frames a second, which no EDL says.
        start: Timecode of the programme's first frame; that of the first event when not given.
        name: Of the file, for messages.
        titled: Whether the title ends with the track's name, as those that we write; our own
            comment says it in any case.

    Raises:
        MediaError: If it is none, or counts other frames.
    """
    package = library()
    try:
        timeline = package.adapters.read_from_string(_readable(text), "cmx_3600", rate=float(rate))
    except (ValueError, RuntimeError, package.exceptions.OTIOError) as error:
        raise MediaError(
            f"can't be read at {float(rate):.5g} frames a second: {error}",
            name,
            "name the rate with --rate, and export it as CMX 3600",
        ) from error
    first = start.frame if start else first_record(text, rate, name)
    found = found_of(timeline, rate=rate, start=first, levels=_no_levels, cut_point=_cut_point)
    by_title = re.search(r" ([VA]\d+)$", found.title) if titled else None
    said = re.search(rf"^\* {TRACK}: ([VA]\d+)\s*$", text, re.MULTILINE) or by_title
    track = said[1] if said else ""
    over = int(track[1:]) - 1 if track.startswith("V") else 0
    events = tuple(replace(e, lane=over or e.lane) for e in found.events)
    return replace(
        found,
        title=found.title.removesuffix(f" {track}"),
        events=events,
        markers=(),
        carries=frozenset(_part(event) for event in events),
    )


def _part(event: Event) -> Part:
    if event.kind == "sound":
        return "sounds"
    return "layers" if event.lane else "row"


def together(found: Sequence[Found]) -> Found:
    """EDLs of several tracks as one edit."""
    return replace(
        found[0],
        events=tuple(event for one in found for event in one.events),
        lost=tuple(line for one in found for line in one.lost),
        carries=frozenset().union(*(one.carries for one in found)),
    )


def _readable(text: str) -> str:
    """Without lines that OTIO's adapter stumbles over and that say nothing about the edit."""
    lines = text.replace("\ufeff", "").splitlines()
    head = next((n for n, line in enumerate(lines) if re.match(r"\d", line.strip())), len(lines))
    kept = [line for line in lines[:head] if re.match(r"\s*(TITLE:|FCM)", line)]
    # Drop-frame timecode of a speed isn't understood, nor needed.
    body = [line.replace(";", ":") if line.startswith("M2") else line for line in lines[head:]]
    return "\n".join([*kept, *body])


_TIME = r"\d\d:\d\d:\d\d[:;]\d\d"


def first_record(text: str, rate: Fraction, name: str) -> int:
    """Frame count of the first event's record timecode."""
    times = re.findall(rf"^\s*\d+\s.*\s({_TIME})\s+{_TIME}\s*$", text, re.MULTILINE)
    try:
        return min(Timecode.parse(time, rate).frame for time in times)
    except ValueError as error:
        raise MediaError(f"has no events that can be read: {error}", name) from error


def _no_levels(clip: Any) -> Levels:
    return Levels()


def _cut_point(passage: Any, clip: Any, rate: Fraction) -> tuple[int | None, str]:
    """Where our comment says that the cut lies, if the transition still has its length."""
    own = clip.metadata.get("cmx_3600", {}).get("comments", ())
    said = next((c.removeprefix(HINT).strip(": ") for c in own if c.startswith(HINT)), "")
    words = said.split()
    if len(words) != 3:
        return None, ""
    before, after = int(words[1]), int(words[2])
    length = round_half_up(Fraction(passage.out_offset.value).limit_denominator(1000))
    return (before if before + after == length else None), words[0]
