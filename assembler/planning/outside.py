"""
What would never be seen or heard: what lies after the film's end, and tracks without sound.

Seams and what is cut off clips make a film shorter than it is planned, never longer; so only what
lies outside of the longest that it can be is a mistake here. What falls out because of them is told
when the film is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from assembler.media.info import MediaInfo
from assembler.planning.model import FileClip, Link
from assembler.planning.problems import Problems
from assembler.planning.row import Place as RowPlace
from assembler.spec.check import caption_entries
from assembler.spec.flaw import shown
from assembler.spec.model import Timeline, Track
from assembler.spec.time import Place


def check_inside(
    timeline: Timeline,
    places: Mapping[str, RowPlace],
    files: Sequence[FileClip],
    links: Mapping[str, Sequence[Link]],
    media: Mapping[Path, MediaInfo],
    problems: Problems,
) -> None:
    """
    Refuse what would be left out of the film without a trace.

    Args:
        timeline: The timeline.
        places: Every segment by id.
        files: Segments that are files.
        links: Links of the segments that are generated, by segment.
        media: Facts of the files that tracks name.
        problems: Takes what is wrong.
    """
    lengths = _lengths(places, files, links)
    row = tuple(place.segment.id for place in places.values() if place.in_row)
    reach = _Reach(timeline.canvas.rate, row, lengths, places, problems)
    for n, track in enumerate(timeline.tracks):
        if not track.mute:
            _check_sound(n, track, media, timeline.canvas.rate, problems)
            reach.check(f"track {track.id}", track.on, None, "tracks", n, "on", exact=True)
    for n, title in enumerate(timeline.titles):
        frames = title.for_.frames(reach.rate)
        reach.check(f"title {n + 1}", title.on, frames, "titles", n, "on")
    for place in places.values():
        if place.segment.layer is not None and place.segment.layer.on is not None:
            name, on = place.segment.id, place.segment.layer.on
            here = ("segments", place.index, "layer", "on")
            reach.check(f"segment {name}", on, lengths.get(name), *here)
    if not isinstance(timeline.chapters, str):
        for n, chapter in enumerate(timeline.chapters):
            reach.check(f"chapter {shown(chapter.title)}", chapter.at, None, "chapters", n, "at")
    for loc, entry in caption_entries(timeline.captions) if timeline.captions else ():
        if entry.of is None:
            reach.check("captions", entry.on, None, *loc, "on", exact=True)
    if timeline.poster is not None:
        reach.check("poster", timeline.poster, 1, "poster")


def _lengths(
    places: Mapping[str, RowPlace],
    files: Sequence[FileClip],
    links: Mapping[str, Sequence[Link]],
) -> dict[str, int]:
    """The most frames that a segment can have in the programme, by id, where that is known."""
    found = {name: sum(link.shown_frames for link in own) for name, own in links.items()}
    for clip in files:
        place = places[clip.segment]
        free = place.segment.out is None and place.segment.duration is None
        seam = place.joint.kind == "handoff" and clip.retime is None
        first = 0 if free and seam else clip.in_frame  # a seam may begin before `in`
        found[clip.segment] = clip.out_frame - first
    return found


def _check_sound(
    number: int,
    track: Track,
    media: Mapping[Path, MediaInfo],
    rate: Fraction,
    problems: Problems,
) -> None:
    """A track's file must have sound where it begins."""
    info = media.get(track.file) if track.file is not None else None
    if info is None:
        return
    if not info.audio:
        what = f"track {track.id}: {info.path.name} has no sound"
        problems.add(
            what, "give a file with sound, or take the track out", "tracks", number, "file"
        )
        return
    stream = info.audio[0]
    zero = info.video.start_s if info.video and not info.still else stream.start_s
    ends_s = stream.start_s + stream.duration_s - zero
    if track.in_ is not None and track.in_.seconds(rate) >= ends_s:
        problems.add(
            f"track {track.id}: the sound of {info.path.name} ends at {float(ends_s):.3f} s, "
            f"before `in` {track.in_}",
            "begin earlier in it",
            "tracks", number, "in",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far the programme goes at most, from each of its segments on."""

    rate: Fraction
    row: tuple[str, ...]
    lengths: Mapping[str, int]
    places: Mapping[str, RowPlace]
    problems: Problems

    def check(
        self,
        name: str,
        place: Place,
        frames: int | None,
        *loc: str | int,
        exact: bool = False,
    ) -> None:
        """
        Refuse a place after the programme's end, or so far before its start that nothing is left.

        Args:
            name: Of what lies there.
            place: Where it begins.
            frames: How long it is; None for what may begin before the start.
            loc: Where the place is written.
            exact: Whether it begins between frames, as sound does.
        """
        before, left = self.around(place.segment)
        offset = place.offset.seconds(self.rate) * self.rate
        if not exact:
            offset = Fraction(place.offset.frames(self.rate))
        offset *= place.sign
        if left is not None and offset >= left:
            what = f"{name}: {place} is after the end of the film"
            since = f"from {place.segment} on " if place.segment else ""
            length = f"{left} frames ({float(left / self.rate):.3f} s)"
            fix = f"{since}it has {length} at most" if left > 0 else "lay it over another segment"
            self.problems.add(what, fix, *loc)
        elif frames is not None and before is not None and before + offset + frames <= 0:
            what = f"{name}: {place} is before the start of the film"
            self.problems.add(what, "let it begin later, or after another segment", *loc)

    def around(self, segment: str | None) -> tuple[int | None, int | None]:
        """Frames before and from a segment's start on, at most; None where that isn't known."""
        if segment is None:
            return 0, self.sum(self.row)
        if segment in self.row:
            at = self.row.index(segment)
            return self.sum(self.row[:at]), self.sum(self.row[at:])
        layer = self.places[segment].segment.layer
        if layer is None:
            return None, None
        if layer.on is None:
            return self.around(layer.over)
        before, left = self.around(layer.on.segment)
        offset = layer.on.sign * layer.on.offset.frames(self.rate)
        return (
            None if before is None else before + offset,
            None if left is None else left - offset,
        )

    def sum(self, segments: Sequence[str]) -> int | None:
        """Their frames, at most; None where one isn't known."""
        known = [self.lengths.get(name) for name in segments]
        return None if None in known else sum(length or 0 for length in known)
