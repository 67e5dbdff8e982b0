"""The main road: a timeline becomes a film, or its sound alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from assembler.assemble.generating import Confirm, agreed, fetch_missing, ready
from assembler.assemble.needs import all_takes, files_read
from assembler.assemble.outputs import beside, guard
from assembler.assemble.part import Part, asked
from assembler.assemble.prepare import Prepared, prepare_loaded
from assembler.assemble.progress import Progress
from assembler.assemble.running import noting
from assembler.assemble.seams import seam_data
from assembler.assemble.stock import code_named
from assembler.assemble.walk import COST, Made, Walk, begin
from assembler.checking.model import EXIT_CODES, Check
from assembler.cut.model import Cut
from assembler.errors import SpecError, UsageError
from assembler.match.decision import SeamDecision
from assembler.mixing.outcome import MixReport
from assembler.planning.project import Project
from assembler.rendering.explain import SpanState
from assembler.rendering.explain import explain as explain_spans
from assembler.spec.load import load


@dataclass(frozen=True, slots=True)
class Film:
    """What a render has made."""

    outputs: tuple[Made, ...]
    cut: Cut
    seams: tuple[SeamDecision, ...]
    seam_s: Mapping[str, float]
    """Seconds that measuring and deciding took, by seam."""
    links: int
    generated: int
    """Links that had to be generated; the takes of the others were there."""
    took_s: float
    notes: tuple[str, ...]
    """Every conversion and assumption, each said once."""
    checks: tuple[Check, ...] = ()
    """What was found in the finished files."""

    @property
    def exit_code(self) -> int:
        """0, or that of errors in the finished files."""
        return EXIT_CODES["error"] if any(c.worst == "error" for c in self.checks) else 0

    @property
    def findings(self) -> tuple[str, ...]:
        """What should be looked at in the finished files, in words."""
        return tuple(
            finding.text()
            for check in self.checks
            for finding in check.findings
            if finding.severity != "info"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know without asking."""
        seams = (
            f"seam {s.seam}: the two sides don't match and were left as they are; "
            "another take, a dissolve or `join: cut` would help"
            for s in self.seams
            if not s.matched
        )
        noted = (note for note in self.notes if note.startswith("warning: "))
        return (*seams, *noted, *self.findings)

    def text(self) -> str:
        """A line for each output."""
        return "\n".join(_line(made) for made in self.outputs)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "outputs": [asdict(made) for made in self.outputs],
            "frames": self.cut.frames,
            "seams": [seam_data(s, self.seam_s.get(s.seam, 0.0)) for s in self.seams],
            "links": self.links,
            "generated": self.generated,
            "took_s": round(self.took_s, 3),
            "notes": list(self.notes),
            "findings": [
                {"file": str(check.path), **finding.as_json()}
                for check in self.checks
                for finding in check.findings
            ],
        }


def _line(made: Made) -> str:
    state = "up to date" if made.up_to_date else f"{made.rendered} of {made.spans} spans rendered"
    loud = "" if made.lufs is None else f", {made.lufs:.1f} LUFS, {made.true_peak_dbtp:.1f} dBTP"
    size = f"{made.size[0]}x{made.size[1]}"
    return f"{made.path} ({size}, {made.seconds:.2f} s, {made.frames} frames{loud}; {state})"


def render(
    timeline: Path | str,
    *,
    draft: bool = False,
    start: str | None = None,
    stop: str | None = None,
    only: str | None = None,
    provider: str | None = None,
    budget_usd: Decimal | None = None,
    force: bool = False,
    allow_code: bool = False,
    wait_s: float | None = None,
    keep_later: bool = False,
    confirm: Confirm | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Film:
    """
    Make the film: only what isn't there yet is generated, matched, mixed and rendered.

    A part of it goes into a file of its own, with the sound that it has in the whole.

    Args:
        timeline: The timeline file.
        draft: Animatic clips at half size, for nothing.
        start: Where the part that is rendered begins: ``dawn``, ``dawn+1.5s``, ``2s``, ``48f``.
        stop: Where it ends.
        only: A segment or clip that is rendered alone.
        provider: Generate everything with this one.
        budget_usd: The most that generation may cost; the timeline's own budget holds too.
        force: Overwrite files that aren't ours.
        allow_code: Run the functions that the timeline names as ``module:function``.
        wait_s: How long to wait for one generated clip, 0 for not at all; not given, hours for what
            providers make, and without end for what people make.
        keep_later: Keep older takes of links that only start on another frame now.
        confirm: Asked once before something costs money.
        workers: Work at a time; what cores and memory bear when not given.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.

    Raises:
        AssemblerError: One of its kinds, by stage; nothing is half-written then.
    """
    part = asked(start=start, stop=stop, only=only)
    prepared, _ = ready(
        timeline, draft=draft, provider=provider, keep_later=keep_later, progress=progress,
        cancel=cancel,
    )  # fmt: skip
    return make(
        prepared,
        part=part,
        force=force,
        budget_usd=budget_usd,
        allow_code=allow_code,
        wait_s=wait_s,
        confirm=confirm,
        workers=workers,
        progress=progress,
        cancel=cancel,
    )


@dataclass(frozen=True, slots=True)
class Explained:
    """What rendering would do with every span of every delivery."""

    deliveries: tuple[tuple[Path, tuple[SpanState, ...]], ...]

    def text(self) -> str:
        """A line for each span."""
        rows: list[str] = []
        for path, states in self.deliveries:
            rows += [str(path), *(f"  {state.text()}" for state in states)]
        return "\n".join(rows)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "outputs": [
                {"path": str(path), "spans": [state.data() for state in states]}
                for path, states in self.deliveries
            ]
        }


def explain(
    timeline: Path | str,
    *,
    draft: bool = False,
    start: str | None = None,
    stop: str | None = None,
    only: str | None = None,
    provider: str | None = None,
    allow_code: bool = False,
    cancel: threading.Event | None = None,
) -> Explained:
    """
    What `render` would do with every span, and why; renders and generates nothing.

    Raises:
        UsageError: If links have to be generated first.
    """
    part = asked(start=start, stop=stop, only=only)
    loaded = load(timeline)
    project = Project(loaded.timeline.path)
    prepared = prepare_loaded(loaded, project, draft=draft, provider=provider, write=True)
    prepared = _parted(prepared, part)
    all_takes(prepared, "spans are known")
    refuse_code(prepared, allow_code)
    run = begin(prepared, None, None, cancel, None)
    cuts, _ = run.cuts()
    found = []
    for cut, delivery in zip(cuts, prepared.deliveries, strict=True):
        frames = part.frames(cut) if part else None
        inserts = run.inserts(cut, delivery)
        states = explain_spans(cut, delivery.preset, project.spans, inserts, frames)
        found.append((delivery.path, states))
    return Explained(tuple(found))


def make(
    prepared: Prepared,
    *,
    part: Part | None = None,
    budget_usd: Decimal | None = None,
    force: bool = False,
    allow_code: bool = False,
    wait_s: float | None = None,
    confirm: Confirm | None = None,
    sights: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Film:
    """
    The same, from a timeline that is prepared already; *sights* are pictures of seams for the
    report.
    """
    began = time.monotonic()
    refuse_code(prepared, allow_code)
    prepared = _parted(prepared, part)
    run = begin(prepared, workers, progress, cancel, budget_usd)
    run.part = part
    run.progress.listen(noting(prepared.project))
    run.wait_s = wait_s
    run.sights = sights
    guard(_written(prepared, part), run.records, force=force, inputs=files_read(prepared))
    run.allow_paying()
    agreed(prepared.plan, confirm)
    run.announce()
    cuts, decided = run.cuts()
    run.render_together(cuts)
    outputs = [run.deliver(*both) for both in zip(cuts, prepared.deliveries, strict=True)]
    for stage in ("mix", "render"):
        run.progress.finish(stage)
    checks = () if part else _checked(run, cuts, outputs)
    return Film(
        outputs=tuple(outputs),
        cut=cuts[0],
        seams=cuts[0].seams,
        seam_s=decided.took_s,
        links=len(prepared.plan.steps),
        generated=sum(step.state != "done" for step in prepared.plan.steps),
        took_s=time.monotonic() - began,
        notes=tuple(dict.fromkeys([*cuts[0].notes, *run.notes])),
        checks=checks,
    )


def _checked(run: Walk, cuts: Sequence[Cut], outputs: Sequence[Made]) -> tuple[Check, ...]:
    from assembler.assemble.checks import checked

    return checked(run, cuts, outputs)


def refuse_code(prepared: Prepared, allowed: bool) -> None:
    """Functions of the author's own run only where the user says so."""
    named = () if allowed else tuple(code_named(prepared.loaded.timeline))
    if named:
        fix = "read that module, then allow it with --allow-code."
        raise SpecError(
            [
                prepared.loaded.problem(f"{name!r} is code that this run may not use", fix, *loc)
                for loc, name in named
            ]
        )


@dataclass(frozen=True, slots=True)
class MixedFilm:
    """The programme's sound alone."""

    report: MixReport
    notes: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know without asking."""
        return tuple(note for note in self.notes if note.startswith("warning: "))

    def text(self) -> str:
        """A line for each file."""
        report, loud = self.report, self.report.loudness
        seconds = report.samples / report.hz
        heard = f"{loud.integrated_lufs:.1f} LUFS, {loud.true_peak_dbtp:.1f} dBTP"
        lines = [f"{report.path} ({seconds:.2f} s, {report.channels} channels, {heard})"]
        return "\n".join([*lines, *(f"{path} ({name})" for name, path in report.stems.items())])

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {**self.report.data(), "notes": list(self.notes)}


_WAVES = (".wav", ".wave", ".bwf")


def mix(
    timeline: Path | str,
    out: Path | None = None,
    *,
    stems: Path | None = None,
    picture: Path | None = None,
    bits: Literal[16, 24, 32] = 24,
    draft: bool = False,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> MixedFilm:
    """
    Write the sound of a timeline's first output as a WAV.

    Missing clips that are free are generated; those that cost money have to be there, for nobody
    is asked here.

    Args:
        timeline: The timeline file.
        out: WAV to write; beside the output, with its name, when not given.
        stems: Folder for a float WAV per role, and music and effects together.
        picture: PNG to draw the mix into.
        bits: Depth of the WAV; 16 and 24 are dithered, 32 is float.
        draft: The draft's sound.
        force: Overwrite files that aren't ours.
        workers: Work at a time; what cores and memory bear when not given.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.

    Raises:
        AssemblerError: One of its kinds, by stage; nothing is half-written then.
    """
    from assembler.mixing import bus
    from assembler.mixing.drawing import draw

    loaded = load(timeline)
    project = Project(loaded.timeline.path)
    fetch_missing(loaded, project, progress, cancel)
    prepared = prepare_loaded(loaded, project, draft=draft, provider=None, write=True)
    first = prepared.deliveries[0]
    prepared = replace(prepared, deliveries=(first,))
    path = Path(out) if out else first.path.with_suffix(".wav")
    if path.suffix.lower() not in _WAVES:
        raise UsageError(f"{path.name}: the mix is written as WAV", fix="name it .wav")
    run = begin(prepared, workers, progress, cancel, None)
    drawn = [Path(picture)] if picture else []
    written = [path, *bus.stem_paths(stems), *drawn]
    guard(written, run.records, force=force, inputs=files_read(prepared))
    run.announce()
    run.progress.expect("render", 0)
    (cut,), _ = run.cuts()
    report = bus.mix(
        cut,
        first.mix,
        path,
        stems=stems,
        bits=bits,
        time_reference=0,
        cancel=run.cancel,
        on_samples=run.progress.so_far("mix", COST["mix"] * float(cut.rate / cut.hz)),
    )
    run.progress.finish("mix")
    for target in drawn:
        draw(report, first.mix, cut.title, target)
    for made in (path, *report.stems.values(), *drawn):
        run.records.write(made, "", {})
    for old in bus.stem_paths(stems):  # of a role that isn't heard any more
        if old not in report.stems.values() and run.records.made_by_us(old):
            old.unlink()
    return MixedFilm(report, tuple(dict.fromkeys([*cut.notes, *run.notes, *report.notes])))


def _parted(prepared: Prepared, part: Part | None) -> Prepared:
    """Deliveries of a part have names of their own."""
    if part is None:
        return prepared
    named = (replace(one, path=part.path(one.path)) for one in prepared.deliveries)
    return replace(prepared, deliveries=tuple(named))


def _written(prepared: Prepared, part: Part | None) -> Iterator[Path]:
    """Every file that a run writes for the user."""
    for delivery in prepared.deliveries:
        yield delivery.path
        yield from beside(delivery.path, prepared.loaded.timeline, part=part is not None)
