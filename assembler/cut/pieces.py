"""Takes and files as pieces of the programme: which of their frames may be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

from assembler.cut.change import change_of
from assembler.cut.model import Change, Source
from assembler.errors import GenerateError, MediaError
from assembler.media.info import Colour, MediaInfo, VideoStream
from assembler.planning.clips import Handed, handed_frame
from assembler.planning.model import FileClip, Handoff, Link, Plan
from assembler.planning.problems import Loaded
from assembler.planning.row import Place, places
from assembler.spec.model import Fit, SeamOverride, Segment, Timeline
from assembler.web import shown

Join = Literal["start", "handoff", "cut", "transition"]


class TakeLike(Protocol):
    """A take on disk, as `generate.base.Take` has it."""

    @property
    def key(self) -> str:
        """Names it among takes."""

    @property
    def content_key(self) -> str:
        """Names what its file holds."""

    @property
    def path(self) -> Path:
        """The clip."""

    @property
    def info(self) -> MediaInfo:
        """What is known of it."""

    @property
    def colour(self) -> Colour:
        """How its numbers are read."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of it."""

    @property
    def handed(self) -> Handed | None:
        """The frame of the clip before it that it was started on."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A clip before it has its place: frames count at the programme's rate from its first frame."""

    id: str
    """Link or segment id."""
    segment: str
    source: Source
    fit: Fit
    first: int
    """First frame that may be shown within the segment."""
    stop: int
    """First frame that may not."""
    frames: int
    """All that the clip has; a still has no end."""
    repeat: int
    """Frames that show its own first frame."""
    join: Join
    link: Link | None
    handed: Handed | None = None
    """The frame of the clip before it that it was started on."""
    take: str = ""
    """Key of its take; none for a file."""

    @property
    def handed_as(self) -> str:
        """What names it where a frame of it was handed on."""
        return self.take or self.source.key

    @property
    def has_end(self) -> bool:
        """Whether its frames run out."""
        return not self.source.still


@dataclass(frozen=True, slots=True)
class Run:
    """Pieces of a segment that hand over to one another, and the frames they fill together."""

    pieces: tuple[Piece, ...]
    target: int | None
    """Frames of the programme; None takes what is left after the seams."""


@dataclass(frozen=True, slots=True)
class HandoffSides:
    """Two pieces that should continue each other."""

    seam: str
    """Ids of both: ``dawn.1>dawn.2``."""
    a: Piece
    b: Piece
    override: SeamOverride
    """The author's word: the segment's over the timeline's."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a timeline's segments are made of, by segment."""

    timeline: Timeline
    places: Mapping[str, Place]
    files: Mapping[str, FileClip]
    links: Mapping[str, tuple[Link, ...]]
    takes: Mapping[str, TakeLike]
    hashes: Mapping[Path, str]
    """SHA-256 of colour tables and of the user's own code."""

    @classmethod
    def of(
        cls,
        loaded: Loaded,
        plan: Plan,
        takes: Mapping[str, TakeLike],
        hashes: Mapping[Path, str] = MappingProxyType({}),
    ) -> Material:
        """Material of a plan and its takes."""
        links: dict[str, list[Link]] = {}
        for step in plan.steps:
            links.setdefault(step.link.segment, []).append(step.link)
        return cls(
            loaded.timeline,
            places(loaded.timeline),
            {clip.segment: clip for clip in plan.files},
            {name: tuple(sorted(own, key=lambda one: one.number)) for name, own in links.items()},
            takes,
            hashes,
        )

    def change(self, place: Place, frames: int = 0) -> Change:
        """What is done to a segment's picture."""
        return change_of(place, frames, self.hashes, self.timeline.path.parent)


def runs_of(place: Place, material: Material) -> tuple[Run, ...]:
    """
    Runs of a segment in playing order; all but the first begin with a cut.

    Raises:
        GenerateError: If a link has no take.
        MediaError: If a file is missing from the plan.
    """
    segment, timeline = place.segment, material.timeline
    rate = timeline.canvas.rate
    fit = segment.fit or timeline.defaults.fit
    if segment.kind in ("file", "url"):
        clip = material.files.get(segment.id)
        if clip is None:
            source = shown(segment.url) if segment.url else segment.file
            what = f"segment {segment.id}: {source} isn't there yet"
            raise MediaError(what, fix="fetch it first")
        change = material.change(place, clip.out_frame - clip.in_frame)
        return (_file_run(place, clip, fit, rate, change),)
    return tuple(_link_runs(place, material, fit, rate))


def _file_run(place: Place, clip: FileClip, fit: Fit, rate: Fraction, change: Change) -> Run:
    segment, video = place.segment, clip.info.video
    assert video is not None
    still = clip.info.still
    retime = clip.retime
    held = still or retime or segment.out is not None or segment.duration is not None
    source = Source(clip.key, clip.path, clip.info, clip.colour, still, retime, change)
    piece = Piece(
        id=segment.id,
        segment=segment.id,
        source=source,
        fit=fit,
        first=clip.in_frame,
        stop=clip.out_frame,
        frames=source.frames_at(rate) or clip.out_frame,
        repeat=0 if still or retime else video.first_at(1, rate),
        join=place.joint.kind,
        link=None,
    )
    return Run((piece,), clip.out_frame - clip.in_frame if held else None)


def _link_runs(place: Place, material: Material, fit: Fit, rate: Fraction) -> Iterator[Run]:
    pieces: list[Piece] = []
    target = 0
    for link in material.links[place.segment.id]:
        handed = bool(pieces) and _after(link) == pieces[-1].id
        if pieces and not handed:
            yield Run(tuple(pieces), target)
            pieces, target = [], 0
        join: Join = "handoff" if handed else "cut" if link.number > 1 else place.joint.kind
        piece = _link_piece(place, link, material, fit, rate, join)
        if handed:
            pieces[-1] = _ended(pieces[-1], piece, rate)
        pieces.append(piece)
        target += link.shown_frames
    yield Run(tuple(pieces), target)


def _after(link: Link) -> str | None:
    return link.start.after if isinstance(link.start, Handoff) else None


def _link_piece(
    place: Place,
    link: Link,
    material: Material,
    fit: Fit,
    rate: Fraction,
    join: Join,
) -> Piece:
    segment, take = place.segment, material.takes.get(link.id)
    if take is None or take.info.video is None:
        raise GenerateError(f"link {link.id} has no take", link.where, "render or generate first")
    video = take.info.video
    frames = video.frames_at(rate)
    retime = link.retime.on(frames) if link.retime else None
    first, stop = min(link.head_frames, frames - 1), frames
    if retime:
        first, stop, frames = retime.first, retime.first + retime.shown, retime.frames
    return Piece(
        id=link.id,
        segment=segment.id,
        source=Source(
            take.content_key,
            take.path,
            take.info,
            _colour(segment, take),
            retime=retime,
            change=material.change(place),
        ),
        fit=fit,
        first=first,
        stop=stop,
        frames=frames,
        repeat=0 if retime else video.first_at(1, rate),
        join=join,
        link=link,
        handed=take.handed,
        take=take.key,
    )


def _colour(segment: Segment, take: TakeLike) -> Colour:
    assert take.info.video is not None
    match segment.colour:
        case "auto":
            return take.colour
        case "tags":
            return take.info.video.colour
        case matrix:
            return replace(take.colour, matrix=matrix)


def row_of(material: Material) -> tuple[tuple[Place, tuple[Run, ...]], ...]:
    """Segments of the row with their runs; a clip that is cut at its handoff ends there."""
    rate = material.timeline.canvas.rate
    row = [(place, runs_of(place, material)) for place in material.places.values() if place.in_row]
    for n, (_, after) in enumerate(row[1:]):
        place, runs = row[n]
        last = runs[-1].pieces[-1]
        ended = (*runs[-1].pieces[:-1], _ended(last, after[0].pieces[0], rate))
        row[n] = (place, (*runs[:-1], replace(runs[-1], pieces=ended)))
    return tuple(row)


def _ended(piece: Piece, following: Piece, rate: Fraction) -> Piece:
    """*piece* stopped at the frame on which *following* starts."""
    video = piece.source.info.video
    if piece.source.retime:
        return piece  # it ends on the frame that is handed on, wherever that lies in its clip
    last = None if video is None else _handed_on(piece, following, video)
    if video is None or last is None or last >= video.frames - 1:
        return piece
    return replace(piece, stop=min(piece.stop, video.first_at(last + 1, rate)))


def _handed_on(piece: Piece, following: Piece, video: VideoStream) -> int | None:
    """Own frame of a piece on which the following one starts; None is its end."""
    start = following.link.start if following.link else None
    if following.join != "handoff" or not isinstance(start, Handoff) or start.after != piece.id:
        return None
    if following.handed is not None and following.handed.take == piece.handed_as:
        return following.handed.frame
    if start.frame is None:
        return None
    return handed_frame(video, start.frame, piece.link.rate if piece.link else None)


def override_of(segment: Segment, timeline: Timeline, link: int = 1) -> SeamOverride:
    """
    What the author says of the seam at a link's start: of this one, over what is said of all of
    the segment's, over the timeline's.
    """
    said = timeline.seam
    for nearer in (segment.seam, segment.seams.get(link)):
        if nearer is not None:
            own = {name: getattr(nearer, name) for name in nearer.model_fields_set}
            said = said.model_copy(update=own)
    return said


def own_override(piece: Piece, segment: Segment, timeline: Timeline) -> SeamOverride:
    """The same, of the seam at a piece's start."""
    return override_of(segment, timeline, piece.link.number if piece.link else 1)


def handoffs(loaded: Loaded, plan: Plan, takes: Mapping[str, TakeLike]) -> tuple[HandoffSides, ...]:
    """Every handoff of the programme, in playing order; layers' own ones come last."""
    material = Material.of(loaded, plan, takes)
    row = row_of(material)
    chains = [[piece for _, runs in row for run in runs for piece in run.pieces]]
    chains += [
        [piece for run in runs_of(place, material) for piece in run.pieces]
        for place in material.places.values()
        if place.segment.layer is not None
    ]
    return tuple(
        HandoffSides(
            f"{a.id}>{b.id}",
            a,
            b,
            own_override(b, material.places[b.segment].segment, loaded.timeline),
        )
        for chain in chains
        for a, b in pairwise(chain)
        if b.join == "handoff"
    )
