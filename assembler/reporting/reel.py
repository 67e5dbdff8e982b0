"""
The seam reel: every join of a film with a moment before and after it, the worst first.

    made = reel("film.yaml", Path("film-seams.mp4"))

It is cut from the programme's own clips at the draft's size, so it can be looked at before the film
is rendered, and before anybody pays for a larger one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from assembler.assemble.needs import all_takes, files_read
from assembler.assemble.outputs import Records, guard
from assembler.assemble.prepare import DRAFT, Delivery, prepare
from assembler.assemble.progress import Progress
from assembler.assemble.sound import Wanted, mixed
from assembler.assemble.walk import COST, Walk, begin
from assembler.cut.model import Cut, Insert, Marker
from assembler.cut.part import part_of
from assembler.errors import UsageError
from assembler.layers.titles import text_insert
from assembler.media.files import publish, sweep, unfinished
from assembler.media.probe import probe
from assembler.media.samples import SampleReader, Samples, WavWriter
from assembler.planning.project import Project
from assembler.rendering.encode import SpanJob
from assembler.rendering.join import join
from assembler.rendering.render import make
from assembler.rendering.spans import Span, spans_of
from assembler.reporting.gather import resolve
from assembler.reporting.model import Grade, Join, Seam
from assembler.reporting.seams import joins_of, seams_of
from assembler.spec.presets import (
    Bar,
    DeliveryPreset,
    Plate,
    TitlePreset,
    delivery_preset,
    font_file,
)
from assembler.timebase import FrameRange, samples_at
from assembler.wording import clock

AROUND_S = Fraction(3, 2)
"""Shown before and after each join."""
FADE_S = Fraction(1, 100)
"""Of the sound, where one join follows another."""
_BEFORE = "#8a8f98"
_AFTER: dict[Grade | None, str] = {
    "good": "#4fbf78", "fair": "#e7b453", "poor": "#ff6f61", "unmatched": "#c08cf0",
    None: "#dfe3ea",
}  # fmt: skip
"""The stripe of a label turns from grey to this colour on the first frame after the join."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A join with what lies around it."""

    join: Join
    seam: Seam | None
    frames: FrameRange
    """Of the programme."""


@dataclass(frozen=True, slots=True)
class Reel:
    """A reel that was made."""

    path: Path
    joins: tuple[str, ...]
    """Ids, in the order shown."""
    seconds: float
    rendered: int
    """Spans that had to be rendered."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def text(self) -> str:
        """A line for people."""
        return f"{self.path} ({len(self.joins)} joins, {self.seconds:.2f} s)"

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"path": str(self.path), "joins": list(self.joins), "seconds": self.seconds}


def reel(
    timeline: Path | str,
    out: Path | str | None = None,
    *,
    draft: bool = False,
    provider: str | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Reel:
    """
    Write the seam reel of a timeline whose clips are there; nothing is generated or paid.

    Args:
        timeline: The timeline file.
        out: MP4 file to write; ``out/<timeline>-seams.mp4`` beside the timeline by default.
        draft: Of the draft.
        provider: Of the timeline as generated with this one alone.
        force: Overwrite files that aren't ours.
        workers: Work at a time; what cores and memory bear when not given.
        progress: Told of everything that is done.
        cancel: Stops the work in order when it is set.

    Raises:
        UsageError: If clips are missing, or the film has no joins.
        AssemblerError: One of the other kinds, by stage.
    """
    project = Project(Path(timeline).absolute())
    kind = "draft-seams" if draft else "seams"
    named = project.root / "out" / f"{project.timeline.stem}-{kind}.mp4"
    path = Path(out).absolute() if out else named
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"{path.name} is no MP4", fix="give the reel a name that ends in .mp4.")
    records = Records(project.reports)
    prepared = prepare(timeline, draft=draft, provider=provider, write=True)
    guard([path], records, force=force, inputs=files_read(prepared))
    takes = all_takes(prepared, "there are joins to look at")
    run = begin(prepared, workers, progress, cancel, None)
    found = resolve(run, takes)
    seams = seams_of(prepared, found.cut, found.decisions, found.sides, {})
    moments = moments_of(found.cut, joins_of(found.cut.clips, seams), seams)
    if not moments:
        raise UsageError("the film has no joins", project.timeline.name, "add a segment.")
    run.progress.expect("render", COST["render"] * sum(m.frames.frames for m in moments))
    rendered = _write(run, found.cut, moments, path)
    records.write(path, "", {})
    frames = sum(moment.frames.frames for moment in moments)
    return Reel(
        path,
        tuple(moment.join.id for moment in moments),
        round(float(frames / found.cut.rate), 3),
        rendered,
        tuple(run.notes),
    )


def moments_of(cut: Cut, joins: Sequence[Join], seams: Sequence[Seam]) -> tuple[Moment, ...]:
    """Seams from the worst to the best, then transitions and cuts in playing order."""
    by_id = {seam.id: seam for seam in seams}
    around = round(AROUND_S * cut.rate)
    found = [
        Moment(
            one,
            by_id.get(one.id),
            FrameRange(max(0, one.frame - around), min(cut.frames, one.frame + around)),
        )
        for one in joins
    ]
    return tuple(sorted(found, key=lambda m: (m.seam is None, m.seam.rank if m.seam else 0)))


def _write(run: Walk, cut: Cut, moments: Sequence[Moment], path: Path) -> int:
    """Render and join all moments; how many spans had to be rendered."""
    prepared, project = run.prepared, run.prepared.project
    first = prepared.deliveries[0]
    preset = delivery_preset(DRAFT, (project.root / "presets",))
    preset = preset.model_copy(update={"burn_in": False})
    sound = mixed(Wanted(cut, first.mix, first.preset.audio), project.mix, cancel=run.cancel)
    own = run.inserts(_worded(cut, moments), Delivery(path, preset, first.mix))
    spans = [
        span
        for number, moment in enumerate(moments, 1)
        for span in _spans(cut, preset, moment, own, f"{number} of {len(moments)}", run)
    ]
    made = make(
        spans,
        project.spans,
        workers=run.workers,
        on_frames=run.progress.so_far("render", COST["render"]),
        cancel=run.cancel,
    )
    jobs = [SpanJob(span, project.spans) for span in spans]
    parts = [job.part() for job in jobs]
    shown = _shown(cut, moments)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    wav = unfinished(path, ".wav")
    try:
        _write_sound(sound.path, cut, moments, wav)
        with publish(path) as part:
            join(parts, wav, part, cut=shown, delivery=preset, cancel=run.cancel)
    finally:
        wav.unlink(missing_ok=True)
    return len(made)


def _worded(cut: Cut, moments: Sequence[Moment]) -> Cut:
    """The programme with those of its words alone that are seen in the reel."""

    def seen(start: Fraction, stop: Fraction) -> bool:
        return any(m.frames.start < stop and m.frames.stop > start for m in moments)

    return replace(
        cut,
        titles=tuple(
            t for t in cut.titles if seen(Fraction(t.record.start), Fraction(t.record.stop))
        ),
        captions=tuple(c for c in cut.captions if seen(c.start * cut.rate, c.stop * cut.rate)),
    )


def _spans(
    cut: Cut,
    preset: DeliveryPreset,
    moment: Moment,
    own: Sequence[Insert],
    number: str,
    run: Walk,
) -> tuple[Span, ...]:
    """Spans of one moment, with the film's own words and the label."""
    return spans_of(cut, preset, (*own, *_labels(cut, preset, moment, number, run)), moment.frames)


def _labels(
    cut: Cut, preset: DeliveryPreset, moment: Moment, number: str, run: Walk
) -> Iterator[Insert]:
    """The label before and after the join, which differ in the colour of their stripe."""
    size = preset.size_on(cut.size)
    folder = run.prepared.project.cache / "layers"
    seam, one = moment.seam, moment.join
    how = f"{seam.grade}, score {seam.score:.2f}" if seam else one.name
    at = clock(float(one.frame / cut.rate), 2)
    text = f"{number}: {one.id.replace('>', ' → ')}\n{how}, at {at}"
    start, stop = moment.frames
    grade = seam.grade if seam else None
    for record, colour in (
        (FrameRange(start, one.frame), _BEFORE),
        (FrameRange(one.frame, stop), _AFTER[grade]),
    ):
        if record.frames > 0:
            style = _style(colour)
            yield text_insert(text, style, font_file(style.font), record, size, folder)


def _style(colour: str) -> TitlePreset:
    return TitlePreset(
        id="reel",
        title="Label of a join",
        height=0.042,
        rest=0.85,
        rest_colour="#d8dee6",
        place="top-left",
        align="left",
        width=0.9,
        plate=Plate(colour="#10151c", opacity=0.72, padding=0.5, radius=0.12),
        bar=Bar(colour=colour, width=0.3),
    )


def _shown(cut: Cut, moments: Sequence[Moment]) -> Cut:
    """The reel as a programme: one moment after the other, each a chapter."""
    clips, chapters, at = [], [], 0
    for moment in moments:
        for clip in part_of(cut, moment.frames).clips:
            record = FrameRange(clip.record.start + at, clip.record.stop + at)
            clips.append(replace(clip, record=record))
        chapters.append(Marker(at, moment.join.id.replace(">", " → ")))
        at += moment.frames.frames
    return replace(
        cut,
        title=f"{cut.title}: seams",
        clips=tuple(clips),
        layers=(),
        titles=(),
        sounds=(),
        captions=(),
        caption_track="",
        markers=(),
        chapters=tuple(chapters),
        metadata=(),
    )


def _write_sound(mix: Path, cut: Cut, moments: Sequence[Moment], out: Path) -> None:
    """The programme's sound around every join, one after the other."""
    info = probe(mix)
    fade = int(FADE_S * cut.hz)
    at = 0
    with WavWriter(out, cut.hz, cut.channels, 24) as writer:
        for moment in moments:
            stop = at + moment.frames.frames
            samples = samples_at(stop, cut.rate, cut.hz) - samples_at(at, cut.rate, cut.hz)
            begins = Fraction(samples_at(moment.frames.start, cut.rate, cut.hz), cut.hz)
            with SampleReader(info, info.audio[0].index, begins, cut.hz, cut.channels) as reader:
                writer.write(_faded(reader.read(samples), fade))
            at = stop


def _faded(block: Samples, samples: int) -> Samples:
    count = min(samples, len(block) // 2)
    ramp = np.linspace(0, 1, count, dtype=np.float32)[:, None]
    out = block.copy()
    out[:count] *= ramp
    out[len(out) - count :] *= ramp[::-1]
    return out
