"""
From a timeline and what is on disk of it to a report. Pays for nothing and generates nothing.

    report = gather(Path("film.yaml"), page=Path("out/film-report.html"))
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from assembler.assemble.needs import takes_there, waiting
from assembler.assemble.outputs import Records
from assembler.assemble.prepare import Delivery, Prepared, prepare_loaded
from assembler.assemble.progress import Progress
from assembler.assemble.seams import seam_of, sights_of
from assembler.assemble.walk import Made, Walk, begin, with_sounds
from assembler.checking.model import known_check
from assembler.cut.build import handoffs
from assembler.cut.model import Cut
from assembler.cut.pieces import HandoffSides
from assembler.generation.base import Take
from assembler.match.decision import SeamDecision
from assembler.planning.project import Project
from assembler.rendering.encode import SpanJob
from assembler.rendering.spans import spans_of
from assembler.reporting import model
from assembler.reporting.blocks import lanes_of, marks_of
from assembler.reporting.chains import chains_of
from assembler.reporting.links import links_of, planned_links, segments_of, sounds_of
from assembler.reporting.money import models_of, money_of, reuse_of
from assembler.reporting.pictures import POSTER_PX, Look, look_at, picture_of, pictures_of, sight_of
from assembler.reporting.seams import joins_of, planned_joins, seams_of
from assembler.reporting.sound import mix_of
from assembler.spec.load import load
from assembler.wording import counted

_PLAYED = frozenset({".mp4", ".m4v", ".mov", ".webm"})
_PLAYED_ENCODERS = frozenset({"libx264", "libsvtav1", "libaom-av1", "libvpx-vp9"})
"""Files and encoders that browsers play."""


def gather(
    timeline: Path | str,
    page: Path,
    *,
    draft: bool = False,
    provider: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> model.Report:
    """
    Everything that the page shows.

    Args:
        timeline: The timeline file.
        page: Where the page will lie: the film is named relative to it.
        draft: Report on the draft.
        provider: The timeline as generated with this one alone.
        workers: Work at a time; the number of cores when not given.
        progress: Told of seams that aren't decided yet.
        cancel: Stops the work in order when set.

    Raises:
        AssemblerError: One of its kinds, as `plan` would.
    """
    loaded = load(timeline)
    project = Project(loaded.timeline.path)
    prepared = prepare_loaded(loaded, project, draft=draft, provider=provider, write=True)
    return report_of(prepared, page, workers=workers, progress=progress, cancel=cancel)


def report_of(
    prepared: Prepared,
    page: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> model.Report:
    """The same, from a timeline that is prepared already."""
    takes = takes_there(prepared)
    missing = waiting(prepared, takes)
    if missing or _unfetched(prepared):
        return _planned(prepared, takes, missing, workers or os.cpu_count() or 1)
    run = begin(prepared, workers, progress, cancel, None)
    found = resolve(run, takes)
    return _resolved(run, found, page)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The programme of every delivery, made of what is there."""

    takes: Mapping[str, Take]
    cuts: tuple[Cut, ...]
    decisions: Mapping[str, SeamDecision]
    sides: tuple[HandoffSides, ...]
    films: tuple[Made | None, ...]
    """What was delivered, where it is up to date."""

    @property
    def cut(self) -> Cut:
        """The first delivery's programme."""
        return self.cuts[0]


def resolve(run: Walk, takes: Mapping[str, Take]) -> Resolved:
    """Decide what isn't decided yet, and see which films are up to date."""
    run.sounds = {step.link.id: takes[step.link.id] for step in run.prepared.plan.sounds}
    run.prepared = prepared = with_sounds(run.prepared, run.sounds)
    takes = {step.link.id: takes[step.link.id] for step in prepared.plan.steps}
    run.notes += run.tails(takes)
    decided = run.seams(takes)
    run.sync(takes)
    cuts = tuple(run.cut(takes, decided.decisions, d) for d in prepared.deliveries)
    films = tuple(run.delivered(*both) for both in zip(cuts, prepared.deliveries, strict=True))
    sides = handoffs(prepared.loaded, prepared.plan, takes)
    return Resolved(takes, cuts, decided.decisions, sides, films)


def _resolved(run: Walk, resolved: Resolved, page: Path) -> model.Report:
    prepared, cut = run.prepared, resolved.cut
    first, film = prepared.deliveries[0], resolved.films[0]
    looks = [look_at(clip, cut.rate) for clip in cut.clips]
    pictures = pictures_of(looks, run.cores)
    links = links_of(prepared, cut, pictures)
    seams = seams_of(prepared, cut, resolved.decisions, resolved.sides, _sights(run, resolved))
    return replace(
        _common(prepared, links),
        state="delivered" if film else "decided",
        frames=cut.frames,
        deliveries=tuple(
            _delivery(prepared, *both)
            for both in zip(prepared.deliveries, resolved.films, strict=True)
        ),
        film=_played(first, page) if film else "",
        poster=picture_of(looks[0], POSTER_PX),
        missing=tuple(_not_rendered(resolved.films, prepared.deliveries)),
        reuse=_reuse(run, cut, links, film),
        segments=segments_of(prepared, links, cut),
        sounds=sounds_of(prepared, cut),
        joins=joins_of(cut.clips, seams),
        seams=seams,
        lanes=lanes_of(cut),
        marks=marks_of(cut),
        chains=chains_of(prepared, pictures),
        mix=mix_of(run, cut, first, run.cancel),
        check=known_check(prepared.project.reports, first.path) if film else None,
        notes=tuple(dict.fromkeys([*cut.notes, *run.notes])),
    )


def _sights(run: Walk, resolved: Resolved) -> dict[str, model.Sight]:
    prepared = run.prepared
    canvas = prepared.loaded.timeline.canvas
    seams = [
        seam_of(both, prepared.seam_preset(both.b.id, both.b.segment)) for both in resolved.sides
    ]
    seen = sights_of(
        seams,
        resolved.decisions,
        size=canvas.size,
        rate=canvas.rate,
        cache=prepared.project.cache,
        workers=run.cores,
    )
    return {seam.id: sight_of(seen[seam.id], seam.a.id, seam.b.id) for seam in seams}


def _planned(
    prepared: Prepared, takes: Mapping[str, Take], waiting: Sequence[str], workers: int
) -> model.Report:
    missing = []
    if waiting:
        few = ", ".join(waiting[:8]) + (f" and {len(waiting) - 8} more" if len(waiting) > 8 else "")
        missing.append(
            f"{counted(len(waiting), 'clip')} {_is(len(waiting))} not generated yet: {few}. "
            "Lengths are those of the plan; seams, sound and colours are shown once all clips are "
            "there."
        )
    if names := _unfetched(prepared):
        missing.append(f"Not fetched yet: {', '.join(names)}. `assembler fetch` gets them.")
    rate = prepared.loaded.timeline.canvas.rate
    there = [Look(id_, take.info, take.colour, 0) for id_, take in takes.items() if take.info.video]
    there += [
        Look(
            c.segment,
            c.info,
            c.colour,
            0 if c.retime else c.in_frame,
            None if c.info.still else rate,
        )
        for c in prepared.plan.files
    ]
    pictures = pictures_of(there, workers)
    links = planned_links(prepared, pictures)
    return replace(
        _common(prepared, links),
        missing=tuple(missing),
        chains=chains_of(prepared, pictures),
        notes=prepared.plan.notes,
    )


def _common(prepared: Prepared, links: tuple[model.Link, ...]) -> model.Report:
    """What is known of any timeline."""
    timeline = prepared.loaded.timeline
    return model.Report(
        title=timeline.title or timeline.path.stem,
        timeline=timeline.path.name,
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        state="planned",
        size=timeline.canvas.size,
        rate=timeline.canvas.rate,
        frames=max((link.stop for link in links), default=0),
        deliveries=tuple(_delivery(prepared, d, None) for d in prepared.deliveries),
        film="",
        poster=None,
        missing=(),
        money=money_of(prepared),
        models=models_of(links, timeline.canvas.rate),
        reuse=reuse_of(links, None, None, 0),
        segments=segments_of(prepared, links, None),
        links=links,
        sounds=sounds_of(prepared, None),
        joins=planned_joins(prepared, links),
        seams=(),
        lanes=(),
        marks=(),
        chains=(),
        mix=None,
        check=None,
    )


def _unfetched(prepared: Prepared) -> list[str]:
    """Segments whose clips aren't there at all."""
    there = {clip.segment for clip in prepared.plan.files}
    segments = prepared.loaded.timeline.segments
    return [s.id for s in segments if s.kind in ("file", "url") and s.id not in there]


def _not_rendered(films: Sequence[Made | None], deliveries: Sequence[Delivery]) -> Iterator[str]:
    for film, delivery in zip(films, deliveries, strict=True):
        if film is None and delivery.path.exists():
            yield (
                f"{delivery.path.name} is out of date: the timeline or its clips have changed "
                "since it was rendered. What is shown here is what a render would make now."
            )
        elif film is None:
            yield (
                f"{delivery.path.name} isn't rendered yet. What is shown here is what a render "
                "would make of the clips that are there."
            )


def _delivery(prepared: Prepared, delivery: Delivery, film: Made | None) -> model.Delivery:
    path, root = delivery.path, prepared.project.root
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    if film is None:
        return model.Delivery(
            shown.as_posix(),
            delivery.preset.id,
            "out of date" if path.exists() else "not rendered",
        )
    return model.Delivery(
        shown.as_posix(),
        delivery.preset.id,
        "up to date",
        size=film.size,
        bytes=path.stat().st_size,
        lufs=film.lufs,
        true_peak_dbtp=film.true_peak_dbtp,
        spans=film.spans,
        rendered=_rendered(prepared, path),
    )


def _reuse(run: Walk, cut: Cut, links: Sequence[model.Link], film: Made | None) -> model.Reuse:
    if film is None:
        return reuse_of(links, None, None, 0)
    rendered = _rendered(run.prepared, run.prepared.deliveries[0].path)
    return reuse_of(links, film, rendered, _spans_s(run, cut))


def _spans_s(run: Walk, cut: Cut) -> float:
    """Seconds that the spans of the first delivery took to make."""
    delivery, folder = run.prepared.deliveries[0], run.prepared.project.spans
    spans = spans_of(cut, delivery.preset, run.inserts(cut, delivery))
    return sum(SpanJob(span, folder).took_s() for span in spans)


def _rendered(prepared: Prepared, path: Path) -> int | None:
    """Spans that the last real render of a file had to make."""
    noted = Records(prepared.project.reports).made_by_us(path)
    made = noted and noted["result"].get("rendered")
    return made if isinstance(made, int) else None


def _played(delivery: Delivery, page: Path) -> str:
    """Where a browser finds the delivered file; nothing if it can't play it."""
    kind = delivery.path.suffix.lower()
    if kind not in _PLAYED or delivery.preset.video.encoder not in _PLAYED_ENCODERS:
        return ""
    return address(delivery.path, page)


def address(path: Path, page: Path) -> str:
    """How a page names a file."""
    try:
        way = os.path.relpath(path, page.absolute().parent)
    except ValueError:  # another drive on Windows
        return path.as_uri()
    return quote(Path(way).as_posix())


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
