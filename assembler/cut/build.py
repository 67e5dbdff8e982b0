"""
Timeline, plan, takes and seam decisions to the programme in frames and samples.

    cut = resolve(loaded, plan, takes, seams, media, mix=preset, hashes=hashes)

Nothing is read or measured here: equal arguments give equal cuts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from assembler.cut.captions import Planned, placed, too_fast
from assembler.cut.change import with_effect_times
from assembler.cut.model import Clip, Cue, Cut, Marker, PictureLayer, Sound
from assembler.cut.over import (
    Starts,
    layer_start,
    picture_layers,
    titles_of,
)
from assembler.cut.picture import Shown, clips_of, shown
from assembler.cut.pieces import (
    Material,
    Piece,
    Run,
    TakeLike,
    handoffs,
    own_override,
    row_of,
    runs_of,
)
from assembler.cut.sound import (
    Clock,
    Master,
    layer_sounds,
    muted,
    native_sounds,
    soundless,
    track_sounds,
)
from assembler.match.decision import SeamDecision
from assembler.media.info import MediaInfo
from assembler.planning.model import Plan
from assembler.planning.problems import Loaded
from assembler.planning.row import Joint
from assembler.planning.row import Place as RowPlace
from assembler.spec.model import SeamOverride, Timeline
from assembler.spec.presets import MixPreset
from assembler.spec.time import Place

__all__ = ["handoffs", "resolve"]


def resolve(
    loaded: Loaded,
    plan: Plan,
    takes: Mapping[str, TakeLike],
    seams: Mapping[str, SeamDecision],
    media: Mapping[Path, MediaInfo],
    *,
    mix: MixPreset,
    hashes: Mapping[Path, str],
    captions: Sequence[Sequence[Cue]] = (),
    masters: Mapping[str, Master] = MappingProxyType({}),
) -> Cut:
    """
    The resolved programme.

    Args:
        loaded: The timeline.
        plan: Its plan.
        takes: The chosen take of every link, by link id.
        seams: Decisions by seam id (``dawn.1>dawn.2``); without one, one repeated frame is assumed.
        media: Facts of the files that tracks name.
        mix: Gives the lengths of crossfades at seams and fades at cuts.
        hashes: SHA-256 of the files that tracks name, of colour tables and the user's code.
        captions: Cues of each caption file, in the file's own time.
        masters: Where avatar clips lie in their recordings, by link id.

    Raises:
        GenerateError: If a link has no take.
        MediaError: If the clip of a segment isn't there.
    """
    material = Material.of(loaded, plan, takes, hashes)
    return _Resolver(material, plan, seams, masters).cut(media, mix, hashes, captions)


@dataclass(slots=True)
class _Resolver:
    material: Material
    plan: Plan
    seams: Mapping[str, SeamDecision]
    masters: Mapping[str, Master]

    def cut(
        self,
        media: Mapping[Path, MediaInfo],
        mix: MixPreset,
        hashes: Mapping[Path, str],
        captions: Sequence[Sequence[Cue]],
    ) -> Cut:
        timeline, canvas = self.material.timeline, self.material.timeline.canvas
        notes = [
            *self.plan.notes,
            *(n for take in self.material.takes.values() for n in take.notes),
        ]
        clips = self.clips(notes)
        frames = clips[-1].record.stop if clips else 0
        starts, layers = self.layers(clips, frames, notes)
        clock = Clock.of(timeline, frames, mix)
        sounds = self.sounds(clips, layers, clock, notes)
        shown: list[tuple[Clip | PictureLayer, str]] = [(one, one.segment) for one in clips]
        shown += layers
        notes += _silenced(one for one, _ in shown)
        taken = {id_: take.info for id_, take in self.material.takes.items()}
        notes += soundless(timeline, self.plan, taken)
        sounds += track_sounds(timeline, media, hashes, starts.seconds, clock, notes)
        if not sounds and any(self._silenced_alone(*both) for both in shown):
            notes.append(
                "warning: the film is silent: the time of the clips that have sound is bent, and "
                "theirs is left out; give it some in `tracks:`"
            )
        planned = Planned.of(row_of(self.material)) if captions else Planned((), {}, 0)
        cues = placed(captions, timeline, planned, clips, starts, notes) if captions else ()
        spec = timeline.captions
        if spec is not None:
            notes += too_fast(cues, line=spec.line, speed=spec.speed)
        used = [f"{a.id}>{b.id}" for a, b in pairwise(clips)]
        return Cut(
            title=timeline.title or timeline.path.stem,
            size=canvas.size,
            rate=canvas.rate,
            hz=canvas.audio.rate,
            layout=canvas.audio.layout,
            clips=clips,
            layers=tuple(layer for layer, _ in layers),
            titles=titles_of(timeline, starts, frames, hashes, notes),
            sounds=sounds,
            captions=cues,
            burn_captions=bool(spec and spec.burn),
            caption_track=spec.language if spec and spec.track else "",
            seams=tuple(self.seams[seam] for seam in used if seam in self.seams),
            markers=_markers(clips),
            chapters=tuple(_chapters(timeline, clips, starts, frames, notes)),
            metadata=tuple(timeline.metadata.model_dump(exclude_none=True).items()),
            poster=_poster(timeline.poster, starts, frames, notes),
            notes=tuple(dict.fromkeys(notes)),
        )

    def clips(self, notes: list[str]) -> tuple[Clip, ...]:
        row = row_of(self.material)
        resolved: list[tuple[Joint, list[Shown]]] = []
        last: Shown | None = None
        for n, (place, runs) in enumerate(row):
            after = row[n + 1][1] if n + 1 < len(row) else ()
            pieces = self.segment(runs, last, after, notes)
            last = pieces[-1] if pieces else last
            resolved.append((place.joint, pieces))
        return with_effect_times(clips_of(resolved, notes))

    def override(self, piece: Piece) -> SeamOverride:
        """The author's word on the seam at a piece's start."""
        timeline = self.material.timeline
        return own_override(piece, self.material.places[piece.segment].segment, timeline)

    def segment(
        self,
        runs: Sequence[Run],
        last: Shown | None,
        after: Sequence[Run],
        notes: list[str],
    ) -> list[Shown]:
        """Shown pieces of one segment."""
        found: list[Shown] = []
        following = [run.pieces[0] for run in (*runs[1:], *after[:1])]
        for n, run in enumerate(runs):
            then = following[n] if n < len(following) else None
            before = found[-1] if found else last
            found += shown(run, before, then, self.seams, self.override, notes)
        return found

    def layers(
        self, clips: Sequence[Clip], frames: int, notes: list[str]
    ) -> tuple[Starts, list[tuple[PictureLayer, str]]]:
        """Where every segment starts, and the layers with their segments."""
        timeline = self.material.timeline
        rate = timeline.canvas.rate
        begins: dict[str, int] = {}
        for clip in clips:
            begins.setdefault(clip.segment, clip.record.start)
        waiting = [p for p in self.material.places.values() if p.segment.layer is not None]
        found: list[tuple[PictureLayer, str]] = []
        while waiting:
            place = next((p for p in waiting if _placed(p, begins)), waiting[0])
            waiting.remove(place)
            layer = place.segment.layer
            assert layer is not None
            start = layer_start(layer, Starts(begins, rate))
            begins[place.segment.id] = start
            runs = runs_of(place, self.material)
            pieces = self.segment(runs, None, (), notes)
            laid = picture_layers(layer, pieces, start, frames, timeline.canvas.size, rate)
            if not laid:
                notes.append(f"warning: layer {place.segment.id}: it lies outside the programme")
            found += [(one, place.segment.id) for one in laid]
        order = {segment.id: n for n, segment in enumerate(timeline.segments)}
        found.sort(key=lambda pair: order[pair[1]])
        return Starts(begins, rate), found

    def sounds(
        self,
        clips: Sequence[Clip],
        layers: Sequence[tuple[PictureLayer, str]],
        clock: Clock,
        notes: list[str],
    ) -> tuple[Sound, ...]:
        """The clips' own sound; silent while a track is soloed."""
        timeline = self.material.timeline
        if any(track.solo for track in timeline.tracks):
            return ()
        own = native_sounds(timeline, clips, self.material.places, self.masters, clock, notes)
        return own + layer_sounds(
            timeline, layers, self.material.places, self.masters, clock, notes
        )

    def _silenced_alone(self, one: Clip | PictureLayer, segment: str) -> bool:
        """Whether the author wants to hear a clip, which bent time alone keeps silent."""
        timeline, source = self.material.timeline, one.source
        bent = bool(source.retime and source.info.audio)
        return bent and not muted(timeline.segment(segment), timeline)


def _chapters(
    timeline: Timeline, clips: Sequence[Clip], starts: Starts, frames: int, notes: list[str]
) -> Iterator[Marker]:
    """Chapters within the programme, in order; the first one begins with it."""
    match timeline.chapters:
        case "off":
            return
        case "segments":
            found = list(_markers(clips))
        case chapters:
            places = sorted((starts.frame(chapter.at), chapter.title) for chapter in chapters)
            found = [Marker(at, title) for at, title in places if at < frames]
            notes += (
                f"warning: chapter {title!r}: it lies after the end of the film"
                for at, title in places[len(found) :]
            )
    for n, marker in enumerate(found):
        yield Marker(0 if n == 0 else max(0, marker.frame), marker.name)


def _poster(place: Place | None, starts: Starts, frames: int, notes: list[str]) -> int | None:
    """The frame of the poster, the nearest one of the programme."""
    if place is None:
        return None
    wanted = starts.frame(place)
    nearest = min(max(0, wanted), max(0, frames - 1))
    if nearest != wanted:
        end = "first" if wanted < 0 else "last"
        notes.append(f"warning: poster: {place} is outside the film; it shows the {end} frame")
    return nearest


def _silenced(shown: Iterable[Clip | PictureLayer]) -> Iterator[str]:
    for one in shown:
        if one.source.retime and one.source.info.audio:
            yield f"{one.id}: its own sound is left out, since its time is bent"


def _placed(place: RowPlace, begins: Mapping[str, int]) -> bool:
    layer = place.segment.layer
    assert layer is not None
    on = layer.on.segment if layer.on else layer.over
    return on is None or on in begins


def _markers(clips: Sequence[Clip]) -> tuple[Marker, ...]:
    found: dict[str, Marker] = {}
    for clip in clips:
        found.setdefault(clip.segment, Marker(clip.record.start, clip.segment))
    return tuple(found.values())
