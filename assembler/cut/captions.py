"""
Where captions come after everything that seams and trims have moved.

Captions are written for the programme as it was planned, or for a track. A planned time lies in a
clip, at one of its frames; where that frame is shown is where the caption goes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from assembler.cut.model import Clip, Cue
from assembler.cut.over import Starts
from assembler.cut.pieces import Piece, Run
from assembler.planning.row import Place
from assembler.spec.model import CaptionPart, Timeline


@dataclass(frozen=True, slots=True)
class Anchor:
    """A stretch of the programme as it was planned."""

    start: int
    clip: str
    source: int
    """Frame of the clip that was to be shown first."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The programme as it was planned: every segment as long as its author says."""

    anchors: tuple[Anchor, ...]
    starts: Mapping[str, int]
    """First frame of each segment."""
    frames: int

    @classmethod
    def of(cls, row: Sequence[tuple[Place, Sequence[Run]]]) -> Planned:
        """The plan of a row of segments."""
        anchors: list[Anchor] = []
        starts: dict[str, int] = {}
        at = 0
        for place, runs in row:
            starts[place.segment.id] = at
            for run in runs:
                end = None if run.target is None else at + run.target
                for piece in run.pieces:
                    repeated = piece.repeat if piece.join == "handoff" else 0
                    anchors.append(Anchor(at, piece.id, piece.first + repeated))
                    at += _length(piece, run)
                at = at if end is None else end
        return cls(tuple(anchors), starts, at)

    def shown(self, frame: Fraction, clips: Mapping[str, Clip]) -> Fraction | None:
        """Where in the finished programme a planned frame is shown; None when it was left out."""
        number = bisect_right([anchor.start for anchor in self.anchors], frame) - 1
        if number < 0:
            return frame
        anchor = self.anchors[number]
        clip = clips.get(anchor.clip)
        if clip is None:
            return None
        wanted = anchor.source + frame - anchor.start
        left_out = sum(1 for n in clip.skipped if clip.source_in <= n < wanted)
        place = max(Fraction(0), wanted - clip.source_in - left_out)
        if frame < self.frames:
            place = min(place, Fraction(clip.record.frames))
        return clip.record.start + place


def _length(piece: Piece, run: Run) -> int:
    if piece.link is not None:
        return piece.link.shown_frames
    if run.target is not None:
        return run.target
    return piece.stop - piece.first - (piece.repeat if piece.join == "handoff" else 0)


def placed(
    cues: Sequence[Sequence[Cue]],
    timeline: Timeline,
    planned: Planned,
    clips: Sequence[Clip],
    starts: Starts,
    notes: list[str],
) -> tuple[Cue, ...]:
    """
    The captions of all files in the finished programme, in order.

    Args:
        cues: Of each entry of the timeline's captions, in the file's own time.
        timeline: Says what each file's times count from.
        planned: The programme as it was planned.
        clips: The finished picture track.
        starts: First frame of each segment in the finished programme.
        notes: Takes what the user should know.
    """
    entries = timeline.captions.entries if timeline.captions else ()
    by_id = {clip.id: clip for clip in clips}
    end = Fraction(clips[-1].record.stop if clips else 0) / starts.rate
    found: list[Cue] = []
    for entry, own in zip(entries, cues, strict=True):
        move = _Move(entry, timeline, planned, by_id, starts)
        moved = [(cue, *move.both(cue)) for cue in own]
        kept = [
            replace(cue, start=max(Fraction(0), start), stop=min(stop, end))
            for cue, start, stop in moved
            if start is not None and stop is not None and max(Fraction(0), start) < min(stop, end)
        ]
        if len(kept) < len(own):
            gone = len(own) - len(kept)
            lie = "1 caption lies" if gone == 1 else f"{gone} captions lie"
            notes.append(f"warning: {entry.file.name}: {lie} outside of what is shown")
        found += kept
    return tuple(sorted(found, key=lambda cue: (cue.start, cue.stop)))


@dataclass(frozen=True, slots=True)
class _Move:
    """From a file's own time to the finished programme's."""

    entry: CaptionPart
    timeline: Timeline
    planned: Planned
    clips: Mapping[str, Clip]
    starts: Starts

    def both(self, cue: Cue) -> tuple[Fraction | None, Fraction | None]:
        return self.seconds(cue.start), self.seconds(cue.stop)

    def seconds(self, time: Fraction) -> Fraction | None:
        rate = self.starts.rate
        track = next((t for t in self.timeline.tracks if t.id == self.entry.of), None)
        if track is not None:
            into = track.in_.seconds(rate) if track.in_ else Fraction(0)
            return self.starts.seconds(track.on) + time - into
        place = self.entry.on
        if place.segment is not None and place.segment not in self.planned.starts:
            return self.starts.seconds(place) + time
        base = self.planned.starts[place.segment] if place.segment else 0
        offset = place.sign * place.offset.seconds(rate) + time
        shown = self.planned.shown(base + offset * rate, self.clips)
        return None if shown is None else shown / rate


def too_fast(cues: Sequence[Cue], *, line: int, speed: int) -> Iterator[str]:
    """
    Captions that can't be read comfortably, each in one sentence.

    Args:
        cues: In order.
        line: Most characters of a line.
        speed: Most characters a second.
    """
    for number, cue in enumerate(cues, 1):
        name = f"caption {number} at {float(cue.start):.2f} s"
        longest = max((len(row) for row in cue.text.splitlines()), default=0)
        if longest > line:
            yield f"{name} has a line of {longest} characters; {line} are comfortable"
        letters, length = len(cue.text.replace("\n", " ")), cue.stop - cue.start
        if letters > speed * length:
            needs = Fraction(letters, speed)
            yield (
                f"{name} has {letters} characters in {float(length):.2f} s; at {speed} a second "
                f"it needs {float(needs):.2f} s"
            )
