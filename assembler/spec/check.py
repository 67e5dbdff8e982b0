"""
What one value of a timeline says about another: ids, references, order, times.

Looks only at what was written; whether a model can do it is the planner's question.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from assembler.errors import Problem
from assembler.spec.flaw import did_you_mean, one_of, shown
from assembler.spec.model import (
    CaptionPart,
    Captions,
    Output,
    Segment,
    Timeline,
    Title,
    Track,
    taken_up,
)
from assembler.spec.problems import MAX_PROBLEMS, Loc, at, bounded, subject
from assembler.spec.time import Duration, Place
from assembler.spec.yaml import Node

CAPTION_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
_EFFECT_TIMES = ("duration", "duration_on", "duration_off", "d", "t")
"""Parameters of moviepy's effects that are seconds."""

Report = Callable[..., None]
"""``report(loc, what, fix="")`` notes a problem at *loc*."""


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """What of a timeline is sound by itself, by its place in the lists."""

    node: Node
    segments: Mapping[int, Segment]
    tracks: Mapping[int, Track] = field(default_factory=dict)
    titles: Mapping[int, Title] = field(default_factory=dict)
    outputs: Mapping[int, Output] = field(default_factory=dict)
    captions: Captions | None = None
    ids: Mapping[int, str] = field(default_factory=dict)
    """Ids of all segments, also of those that are not sound."""
    rate: Fraction | None = Fraction(24)
    """None where the canvas has no valid rate: timecodes can't be checked."""
    complete: bool = True
    """Whether every entry is sound."""
    path: Path = Path()
    marks: tuple[tuple[Loc, Place], ...] = ()
    """Places of chapters and of the poster."""
    closed: bool = True
    """Whether all ids are known; a part that can't be read may have others."""

    @classmethod
    def of(cls, timeline: Timeline, node: Node) -> Draft:
        """All of a valid timeline."""
        return cls(
            node=node,
            segments=dict(enumerate(timeline.segments)),
            tracks=dict(enumerate(timeline.tracks)),
            titles=dict(enumerate(timeline.titles)),
            outputs=dict(enumerate(timeline.output)),
            captions=timeline.captions,
            ids={i: s.id for i, s in enumerate(timeline.segments)},
            rate=timeline.canvas.rate,
            path=timeline.path,
            marks=tuple(_marks(timeline)),
        )


def _marks(timeline: Timeline) -> Iterator[tuple[Loc, Place]]:
    chapters = () if isinstance(timeline.chapters, str) else timeline.chapters
    for n, chapter in enumerate(chapters):
        yield ("chapters", n, "at"), chapter.at
    if timeline.poster is not None:
        yield ("poster",), timeline.poster


def check(draft: Draft) -> list[Problem]:
    """Every contradiction between the values of a timeline."""
    problems: list[Problem] = []

    def report(loc: Loc, what: str, fix: str = "") -> None:
        about = subject(loc, draft.node)
        problems.append(at(draft.node, loc).problem(about + what, fix))
        if len(problems) > MAX_PROBLEMS:
            raise _EnoughError

    with suppress(_EnoughError):
        _ask(draft, report)
    return problems


class _EnoughError(Exception):
    """More problems than anyone reads have been found."""


def _ask(draft: Draft, report: Report) -> None:
    _ids(draft, report)
    _first(draft, report)
    _continues(draft, report)
    _handoffs(draft, report)
    _taken_up(draft, report)
    _places(draft, report)
    _times(draft, report)
    for index, segment in draft.segments.items():
        _segment(("segments", index), segment, draft.rate, report)
    for index, track in draft.tracks.items():
        _span(("tracks", index), track.in_, track.out, draft.rate, report)
    _outputs(draft, report)
    _captions(draft, report)


def check_names(
    timeline: Timeline,
    node: Node,
    *,
    models: Collection[str] | None = None,
    providers: Collection[str] | None = None,
    deliveries: Collection[str] | None = None,
    mixes: Collection[str] | None = None,
    seams: Collection[str] | None = None,
    styles: Collection[str] | None = None,
) -> list[Problem]:
    """Names in a timeline that are in none of the lists given; a list that is None isn't asked."""
    problems: list[Problem] = []
    known = {
        "model": models, "provider": providers, "output": deliveries,
        "mix": mixes, "seam preset": seams, "title style": styles,
    }  # fmt: skip
    for kind, loc, name in _names(timeline):
        if len(problems) > MAX_PROBLEMS:
            break
        names = known[kind]
        if names is not None and name is not None and name not in names:
            about = subject(loc, node)
            fix = did_you_mean(name, names, f"known: {', '.join(sorted(names)[:40])}.")
            what = f"{about}there is no {kind} {shown(name)}"
            problems.append(at(node, loc).problem(what, fix))
    return bounded(problems)


def _names(timeline: Timeline) -> Iterator[tuple[str, Loc, str | None]]:
    yield "model", ("defaults", "model"), timeline.defaults.model
    yield "provider", ("defaults", "provider"), timeline.defaults.provider
    yield "mix", ("mix",), timeline.mix
    yield "seam preset", ("seam", "preset"), timeline.seam.preset
    for i, output in enumerate(timeline.output):
        yield "output", ("output", i, "preset"), output.preset
        yield "mix", ("output", i, "mix"), output.mix
    for i, segment in enumerate(timeline.segments):
        yield "model", ("segments", i, "model"), segment.model
        yield "provider", ("segments", i, "provider"), segment.provider
        if segment.avatar is not None:
            yield "model", ("segments", i, "avatar", "model"), segment.avatar.model
        if segment.seam is not None:
            yield "seam preset", ("segments", i, "seam", "preset"), segment.seam.preset
        for link, seam in segment.seams.items():
            yield "seam preset", ("segments", i, "seams", str(link), "preset"), seam.preset
    for i, track in enumerate(timeline.tracks):
        if track.make is not None:
            yield "provider", ("tracks", i, "make", "provider"), track.make.provider
    for i, title in enumerate(timeline.titles):
        yield "title style", ("titles", i, "style"), title.style


def _ids(draft: Draft, report: Report) -> None:
    _repeated("segments", draft.ids, draft, report)
    _repeated("tracks", {i: t.id for i, t in draft.tracks.items()}, draft, report)


def _repeated(key: str, ids: Mapping[int, str], draft: Draft, report: Report) -> None:
    seen: dict[str, int] = {}
    for index, id_ in ids.items():
        first = seen.setdefault(id_.casefold(), index)
        if first == index:
            continue
        place = at(draft.node, (key, first, "id"))
        there = f"{place.source.name}:{place.line}"
        if ids[first] == id_:
            what = f"the id {id_!r} is already used in {there}"
        else:
            what = f"the id {id_!r} differs from {ids[first]!r} in {there} by case only"
        report((key, index, "id"), what, "give it another id.")


def _row(draft: Draft) -> list[int]:
    """Segments that follow each other, layers left out."""
    raw = taken_up(draft.segments.values())
    return [i for i, s in sorted(draft.segments.items()) if s.layer is None and s.id not in raw]


def _first(draft: Draft, report: Report) -> None:
    row = _row(draft)
    if draft.complete and draft.closed and not row:
        report(("segments",), "every segment is a layer", "leave one without `layer` under them.")
    if not row or any(i not in draft.segments for i in range(row[0])):
        return
    join = draft.segments[row[0]].join
    if join is None:
        return
    loc: Loc = ("segments", row[0], "join")
    if join.kind != "cut":
        name = join.transition if join.kind == "transition" else join.kind
        report(loc, f"{name!r} needs a segment before it, and this is the first", "take it out.")
    elif join.j_cut or join.l_cut:
        report(loc, "its sound can't overlap a segment before it; it is the first", "take it out.")


def _continues(draft: Draft, report: Report) -> None:
    known = {id_: i for i, id_ in draft.ids.items()}
    follows: dict[str, str] = {}
    row = frozenset(_row(draft))
    for index, segment in draft.segments.items():
        wanted = segment.continue_
        if wanted is None:
            continue
        loc: Loc = ("segments", index, "continue")
        if wanted == segment.id:
            report(loc, "it continues itself", "name the segment whose end frame it starts on.")
        elif wanted not in known and draft.closed:
            report(
                loc, f"there is no segment {shown(wanted)} to continue", _ids_like(wanted, known)
            )
        elif wanted in known:
            follows[segment.id] = wanted
            _on_moved(index, draft.segments.get(known[wanted]), report)
            _joined_elsewhere(index, segment, row, draft, report)
    for chain in _cycles(follows):
        names = _ring(" continues ", chain)
        loc = ("segments", known[chain[0]], "continue")
        report(loc, f"the chain goes round: {names}", "let one of them begin without `continue`.")


def _on_moved(index: int, before: Segment | None, report: Report) -> None:
    """What is shown last of a picture that is moved over isn't that picture."""
    if before and before.move:
        what = f"it goes on from {before.id!r}, whose last frame `move` changes"
        fix = "write `join: cut` or a transition, and no `continue`."
        report(("segments", index, "continue"), what, fix)


def _on_bent(index: int, before: Segment, report: Report) -> None:
    """A clip that is there doesn't begin where bent time, or a move, happens to end."""
    keys = [*before.bends, *(["move"] if before.move else [])]
    if keys:
        what = f"it goes on from {before.id!r}, whose last frame `{keys[0]}` changes"
        report(("segments", index, "join"), what, "write `join: cut` or a transition.")


def _handoffs(draft: Draft, report: Report) -> None:
    """What a segment says that is joined by a handoff without continuing another one."""
    row = _row(draft)
    for before, index in pairwise(row):
        segment = draft.segments[index]
        if segment.join and segment.join.kind == "handoff" and segment.continue_ is None:
            _on_bent(index, draft.segments[before], report)


def _ids_like(name: str, known: Collection[str]) -> str:
    few = ", ".join(list(known)[:12])
    return did_you_mean(name, known, f"segments: {few}." if few else "")


def _joined_elsewhere(
    index: int, segment: Segment, row: Collection[int], draft: Draft, report: Report
) -> None:
    """A handoff joins neighbours; what continues a segment farther off must say how it follows."""
    if index not in row or (segment.join is not None and segment.join.kind != "handoff"):
        return
    earlier = range(index - 1, -1, -1)
    before = next((i for i in earlier if i in row or i not in draft.segments), None)
    if before is None or draft.ids.get(before) in (segment.continue_, None):
        return
    what = f"it continues {segment.continue_!r} but stands after {draft.ids[before]!r}"
    report(("segments", index, "continue"), what, "write `join: cut`, or move it.")


def _taken_up(draft: Draft, report: Report) -> None:
    """Segments whose lips others move: there, generated, and nowhere else on the screen."""
    known = {id_: i for i, id_ in draft.ids.items()}
    users: dict[str, str] = {}
    for index, segment in draft.segments.items():
        of = segment.avatar.of if segment.avatar else None
        if of is None:
            continue
        loc: Loc = ("segments", index, "avatar", "of")
        raw = draft.segments.get(known.get(of, -1))
        if of not in known and draft.closed:
            report(loc, f"there is no segment {shown(of)}", _ids_like(of, known))
        elif of in users:
            what = f"the lips of {of!r} are moved by {users[of]!r} already"
            report(loc, what, "generate another segment for it.")
        elif raw is not None and raw.kind != "generated":
            what = f"{of!r} isn't generated from words or images"
            report(loc, what, "name a file by `video:`, or another segment.")
        elif raw is not None and (raw.layer is not None or raw.join is not None):
            key = "layer" if raw.layer is not None else "join"
            what = f"{of!r} isn't shown by itself, so it has no `{key}`"
            report(("segments", known[of], key), what, f"give it to {segment.id!r}.")
        elif raw is not None and raw.bends:
            what = f"`{raw.bends[0]}` would take its lips from the words"
            report(("segments", known[of], raw.bends[0]), what, "take it out.")
        users.setdefault(of, segment.id)
    for where, place in _places_of(draft):
        if place.segment in users:
            what = f"{place.segment!r} isn't shown by itself"
            report(where, what, f"write {users[place.segment]!r}, which shows it.")


def _cycles(follows: Mapping[str, str]) -> Iterator[list[str]]:
    """Rings in a mapping of each name to the one it follows."""
    done: set[str] = set()
    for start in follows:
        chain: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in done and name not in chain:
            chain[name] = None
            name = follows.get(name)
        if name is not None and name in chain:
            names = list(chain)
            yield names[names.index(name) :]
        done.update(chain)


def _ring(verb: str, names: Sequence[str]) -> str:
    few = names if len(names) <= 6 else [*names[:3], "…", *names[-2:]]
    return verb.join([*few, names[0]])


def _places(draft: Draft, report: Report) -> None:
    known = {id_: i for i, id_ in draft.ids.items()}
    for where, place in _places_of(draft):
        if place.segment is not None and place.segment not in known and draft.closed:
            fix = _ids_like(place.segment, known)
            report(where, f"there is no segment {shown(place.segment)}", fix)
    lies_on: dict[str, str] = {}
    for index, segment in draft.segments.items():
        layer = segment.layer
        if layer is None:
            continue
        loc: Loc = ("segments", index, "layer")
        if layer.over is not None and layer.on is not None:
            report(loc, "a layer has `over` or `on`, not both", "keep `on`, it says more.")
        if layer.over is not None and layer.over not in known and draft.closed:
            fix = _ids_like(layer.over, known)
            report((*loc, "over"), f"there is no segment {shown(layer.over)}", fix)
        base = layer.over or (layer.on.segment if layer.on else None)
        if base in known:
            lies_on[segment.id] = base
    for ring in _cycles(lies_on):
        names = _ring(" lies on ", ring)
        report(("segments", known[ring[0]], "layer"), f"the layers go round: {names}")


def _places_of(draft: Draft) -> Iterator[tuple[Loc, Place]]:
    for i, segment in draft.segments.items():
        if segment.layer is not None and segment.layer.on is not None:
            yield ("segments", i, "layer", "on"), segment.layer.on
    for i, track in draft.tracks.items():
        yield ("tracks", i, "on"), track.on
        if track.until is not None:
            yield ("tracks", i, "until"), track.until
    for i, title in draft.titles.items():
        yield ("titles", i, "on"), title.on
    if draft.captions is not None:
        yield ("captions", "on"), draft.captions.on
        for i, part in enumerate(draft.captions.parts):
            yield ("captions", "parts", i, "on"), part.on
    yield from draft.marks


def _times(draft: Draft, report: Report) -> None:
    """Timecodes that don't exist at the canvas rate, and lengths that come to no frame."""
    if draft.rate is None:
        return
    for loc, time in _times_of(draft):
        if time.unit == "tc":
            try:
                time.frames(draft.rate)
            except ValueError as exc:
                report(loc, str(exc), f"the frames go from 00 to {round(draft.rate) - 1:02d}.")
    for loc, time in _lengths_of(draft):
        if _frames(time, draft.rate) == 0:
            what = f"{str(loc[-1])!r} is shorter than half a frame: {time}"
            report(loc, what, f"one frame is {float(1 / draft.rate):.3g} s.")


def _frames(time: Duration, rate: Fraction) -> int | None:
    """Frames of a time, None for a timecode that doesn't exist."""
    try:
        return time.frames(rate)
    except ValueError:
        return None


def _lengths_of(draft: Draft) -> Iterator[tuple[Loc, Duration]]:
    for i, segment in draft.segments.items():
        loc: Loc = ("segments", i)
        if segment.duration is not None:
            yield (*loc, "duration"), segment.duration
        for n, shot in enumerate(segment.shots):
            yield (*loc, "shots", n, "duration"), shot.duration
        if segment.join is not None and segment.join.duration is not None:
            yield (*loc, "join", segment.join.transition), segment.join.duration
    for i, title in draft.titles.items():
        yield ("titles", i, "for"), title.for_


def _times_of(draft: Draft) -> Iterator[tuple[Loc, Duration]]:
    yield from _lengths_of(draft)
    for i, segment in draft.segments.items():
        loc: Loc = ("segments", i)
        for n, beat in enumerate(segment.beats):
            yield (*loc, "beats", n, "at"), beat.at
        if segment.join is not None:
            yield from _given((*loc, "join"), j_cut=segment.join.j_cut, l_cut=segment.join.l_cut)
        if segment.avatar is not None:
            yield from _given((*loc, "avatar"), in_=segment.avatar.in_)
        yield from _given(loc, in_=segment.in_, out=segment.out)
        yield from _changes(loc, segment)
    for i, track in draft.tracks.items():
        loc = ("tracks", i)
        yield from _given(loc, in_=track.in_, out=track.out)
        for key, fade in (("fade_in", track.fade_in), ("fade_out", track.fade_out)):
            if fade is not None:
                yield (*loc, key, "duration"), fade.duration
        for n, point in enumerate(track.points):
            yield (*loc, "points", n, "at"), point.at
    for loc, place in _places_of(draft):
        yield loc, place.offset


def _changes(loc: Loc, segment: Segment) -> Iterator[tuple[Loc, Duration]]:
    for n, freeze in enumerate(segment.freeze):
        yield (*loc, "freeze", n, "at"), freeze.at
        yield (*loc, "freeze", n, "for"), freeze.for_
    for n, point in enumerate(segment.speed.points if segment.speed else ()):
        yield (*loc, "speed", "points", n, "at"), point.at
    if segment.layer is not None:
        fades = {"fade_in": segment.layer.fade_in, "fade_out": segment.layer.fade_out}
        yield from _given((*loc, "layer"), **fades)


def _given(loc: Loc, **times: Duration | None) -> Iterator[tuple[Loc, Duration]]:
    for key, time in times.items():
        if time is not None:
            yield (*loc, key.rstrip("_")), time


def _segment(loc: Loc, segment: Segment, rate: Fraction | None, report: Report) -> None:
    _span(loc, segment.in_, segment.out, rate, report)
    _effects(loc, segment, report)
    if segment.in_ is not None and segment.out is not None and segment.duration is not None:
        fix = "keep `in` with one of them."
        report((*loc, "duration"), "`out` and `duration` both say where it ends", fix)
    if rate is not None:
        _beats(loc, segment, rate, report)
        _shots(loc, segment, rate, report)
        _ramp(loc, segment, rate, report)


def _span(
    loc: Loc, in_: Duration | None, out: Duration | None, rate: Fraction | None, report: Report
) -> None:
    if out is None or rate is None:
        return
    start = _frames(in_, rate) if in_ is not None else 0
    stop = _frames(out, rate)
    if start is None or stop is None or start < stop:
        return
    before = f"`in` {in_}" if in_ is not None else "its start"
    fix = "`out` is the first frame that is not shown."
    report((*loc, "out"), f"`out` {out} is not after {before}", fix)


def _effects(loc: Loc, segment: Segment, report: Report) -> None:
    """What an option of one's own code means is its own affair."""
    for n, effect in enumerate(segment.effects):
        for key in () if effect.code else _EFFECT_TIMES:
            seconds = effect.options.get(key)
            if isinstance(seconds, (int, float)) and seconds < 0:
                what = f"`{key}` of the effect {effect.name} can't be less than nothing: {seconds}"
                report((*loc, "effects", n, key), what, f"write {-seconds}; it is in seconds.")


def _beats(loc: Loc, segment: Segment, rate: Fraction, report: Report) -> None:
    end = _frames(segment.duration, rate) if segment.duration is not None else None
    before: int | None = None
    for n, beat in enumerate(segment.beats):
        frame = _frames(beat.at, rate)
        if frame is None:
            continue
        here = (*loc, "beats", n, "at")
        if before is not None and frame <= before:
            fix = "put the beats in order of time."
            report(here, f"the beat at {beat.at} is not after the one before it", fix)
        if end is not None and frame >= end:
            fix = "move it before the end, or make the segment longer."
            report(here, f"the beat at {beat.at} lies after the end at {segment.duration}", fix)
        before = frame


def _ramp(loc: Loc, segment: Segment, rate: Fraction, report: Report) -> None:
    """The points of a ramp go on in time."""
    before: int | None = None
    for n, point in enumerate(segment.speed.points if segment.speed else ()):
        frame = _frames(point.at, rate)
        if frame is not None and before is not None and frame <= before:
            fix = "put the points in order of time."
            here = (*loc, "speed", "points", n, "at")
            report(here, f"the point at {point.at} is not after the one before it", fix)
        before = frame if frame is not None else before


def _shots(loc: Loc, segment: Segment, rate: Fraction, report: Report) -> None:
    if not segment.shots or segment.duration is None:
        return
    try:
        total = sum((s.duration.seconds(rate) for s in segment.shots), Fraction(0))
        wanted = segment.duration.seconds(rate)
    except ValueError:
        return
    if total != wanted:
        what = f"its shots last {float(total):g} s together, not {segment.duration}"
        report((*loc, "duration"), what, "take `duration` out; the shots say it.")


def _outputs(draft: Draft, report: Report) -> None:
    seen: dict[str, int] = {}
    sources = {str(p).casefold() for p in _sources(draft)}
    for index, output in draft.outputs.items():
        loc: Loc = ("output", index)
        form = str(output.path).casefold() if output.path is not None else f"<{output.preset}>"
        if seen.setdefault(form, index) != index:
            what = f"output {seen[form] + 1} already writes that file"
            report((*loc, "path"), what, "give each output a `path` of its own.")
        elif form in sources:
            what = "the output would overwrite a file that the timeline uses"
            report((*loc, "path"), what, "give it another name.")


def _sources(draft: Draft) -> Iterator[Path]:
    yield draft.path
    for segment in draft.segments.values():
        yield from _files(segment)
    yield from (t.file for t in draft.tracks.values() if t.file is not None)
    if draft.captions is not None:
        yield from (entry.file for entry in draft.captions.entries)


def _files(segment: Segment) -> Iterator[Path]:
    own: Sequence[Path | None] = (segment.file, segment.start, segment.end, segment.keyframe)
    yield from (p for p in (*own, *segment.middle) if p is not None)
    if segment.avatar is not None:
        avatar = segment.avatar
        yield from (p for p in (avatar.image, avatar.video, avatar.audio) if p is not None)
    if segment.references is not None:
        yield from segment.references.images
        if segment.references.video is not None:
            yield segment.references.video


def _captions(draft: Draft, report: Report) -> None:
    captions = draft.captions
    if captions is None:
        return
    tracks = [track.id for track in draft.tracks.values()]
    for loc, entry in caption_entries(captions):
        if entry.file.suffix.lower() not in CAPTION_SUFFIXES:
            what = f"{shown(entry.file.name)} is no caption file by its ending"
            report((*loc, "file"), what, f"give a {one_of(CAPTION_SUFFIXES)} file.")
        if entry.of and entry.of not in tracks and draft.complete:
            fix = did_you_mean(entry.of, tracks, "name a track; segments go into `on`.")
            report((*loc, "of"), f"there is no track {shown(entry.of)}", fix)


def caption_entries(captions: Captions) -> Iterator[tuple[Loc, CaptionPart]]:
    """Every caption file with its place in the timeline."""
    own = len(captions.entries) - len(captions.parts)
    for n, entry in enumerate(captions.entries):
        yield ("captions",) if n < own else ("captions", "parts", n - own), entry
