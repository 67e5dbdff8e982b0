"""The main road: a timeline becomes its takes, its seams, its cut, its sound and its files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from assembler.assemble.masters import masters
from assembler.assemble.outputs import Records, guard
from assembler.assemble.prepare import Delivery, Prepared, prepare_loaded
from assembler.assemble.progress import Progress
from assembler.assemble.seams import Decided, decide_all, seam_data, seam_of
from assembler.assemble.sound import mixed
from assembler.cut.build import handoffs, resolve
from assembler.cut.model import Cut, Insert
from assembler.cut.sound import Master
from assembler.errors import FetchError, Problem, UsageError
from assembler.fetching import fetch
from assembler.generation.base import Take
from assembler.generation.run import generate
from assembler.layers.captions import caption_inserts, read_captions, write_captions
from assembler.layers.titles import title_insert
from assembler.match.decision import SeamDecision
from assembler.mixing.bus import MixReport, mix_key, stem_paths
from assembler.mixing.bus import mix as mix_sound
from assembler.planning.keys import content_key
from assembler.planning.project import Project
from assembler.rendering.explain import SpanState
from assembler.rendering.explain import explain as explain_spans
from assembler.rendering.render import render as render_cut
from assembler.rendering.spans import spans_of
from assembler.spec.load import Loaded, load
from assembler.spec.model import Budget

COST = {"generate": 1.0, "match": 40.0, "mix": 0.05, "render": 1.0}
"""What a frame (a seam for `match`) weighs in the progress of a run."""


@dataclass(frozen=True, slots=True)
class Made:
    """One delivered file."""

    path: Path
    preset: str
    frames: int
    seconds: float
    size: tuple[int, int]
    lufs: float | None
    true_peak_dbtp: float | None
    spans: int
    rendered: int
    """Spans that had to be rendered; the others were there."""
    up_to_date: bool
    """Whether nothing at all had to be done."""


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

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know without asking."""
        return tuple(
            f"seam {s.seam}: the two sides don't match and were left as they are; "
            "another take, a dissolve or `join: cut` would help"
            for s in self.seams
            if not s.matched
        )

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
    provider: str | None = None,
    budget_usd: Decimal | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Film:
    """
    Make the film: only what isn't there yet is generated, matched, mixed and rendered.

    Args:
        timeline: The timeline file.
        draft: Animatic clips at half size, for nothing.
        provider: Generate everything with this one.
        budget_usd: The most that generation may cost; the timeline's own budget holds too.
        force: Overwrite files that aren't ours.
        workers: Work at a time; the number of cores when not given.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.

    Raises:
        AssemblerError: One of its kinds, by stage; nothing is half-written then.
    """
    loaded = load(timeline)
    project = Project(loaded.timeline.path)
    _fetch(loaded, project)
    prepared = prepare_loaded(loaded, project, draft=draft, provider=provider, write=True)
    return make(
        prepared,
        force=force,
        budget_usd=budget_usd,
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
        return {str(path): [state.data() for state in states] for path, states in self.deliveries}


def explain(
    timeline: Path | str,
    *,
    draft: bool = False,
    provider: str | None = None,
    cancel: threading.Event | None = None,
) -> Explained:
    """
    What `render` would do with every span, and why; renders and generates nothing.

    Raises:
        UsageError: If links have to be generated first.
    """
    loaded = load(timeline)
    project = Project(loaded.timeline.path)
    prepared = prepare_loaded(loaded, project, draft=draft, provider=provider, write=True)
    waiting = [step.link.id for step in prepared.plan.steps if step.state != "done"]
    if waiting:
        raise UsageError(
            f"{len(waiting)} clips have to be generated before spans are known",
            loaded.timeline.path.name,
            "see `assembler plan`, or render it first.",
        )
    stop = cancel or threading.Event()
    run = _Run(prepared, os.cpu_count() or 1, Progress(), stop, Records(project.reports), None)
    cuts, _ = run.cuts()
    found = []
    for cut, delivery in zip(cuts, prepared.deliveries, strict=True):
        states = explain_spans(cut, delivery.preset, project.spans, run.inserts(cut))
        found.append((delivery.path, states))
    return Explained(tuple(found))


def _fetch(loaded: Loaded, project: Project) -> None:
    """Fetch the clips of URL segments that aren't there."""
    problems: list[Problem] = []
    for n, segment in enumerate(loaded.timeline.segments):
        if segment.url:
            try:
                fetch(segment.url, project.takes, sha256=segment.sha256)
            except FetchError as error:
                problems.append(loaded.problem(error.what, error.fix, "segments", n, "url"))
    if problems:
        raise FetchError("\n".join(str(problem) for problem in problems))


def make(
    prepared: Prepared,
    *,
    budget_usd: Decimal | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Film:
    """The same, from a timeline that is prepared already."""
    began = time.monotonic()
    run = _run(prepared, workers, progress, cancel, budget_usd)
    guard(_written(prepared), run.records, force=force, inputs=_read(prepared))
    run.announce()
    cuts, decided = run.cuts()
    outputs = [run.deliver(*both) for both in zip(cuts, prepared.deliveries, strict=True)]
    return Film(
        outputs=tuple(outputs),
        cut=cuts[0],
        seams=cuts[0].seams,
        seam_s=decided.took_s,
        links=len(prepared.plan.steps),
        generated=sum(step.state != "done" for step in prepared.plan.steps),
        took_s=time.monotonic() - began,
        notes=tuple(dict.fromkeys([*cuts[0].notes, *run.notes])),
    )


@dataclass(frozen=True, slots=True)
class MixedFilm:
    """The programme's sound alone."""

    report: MixReport
    notes: tuple[str, ...]

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


def mix(
    timeline: Path | str,
    out: Path | None = None,
    *,
    stems: Path | None = None,
    draft: bool = False,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> MixedFilm:
    """
    Write the sound of a timeline's first output as a WAV; clips that are missing are generated.

    Args:
        timeline: The timeline file.
        out: WAV to write; beside the output, with its name, when not given.
        stems: Folder for a float WAV per role, and music and effects together.
        draft: The draft's sound.
        force: Overwrite files that aren't ours.
        workers: Work at a time; the number of cores when not given.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.

    Raises:
        AssemblerError: One of its kinds, by stage; nothing is half-written then.
    """
    loaded = load(timeline)
    project = Project(loaded.timeline.path)
    _fetch(loaded, project)
    prepared = prepare_loaded(loaded, project, draft=draft, provider=None, write=True)
    first = prepared.deliveries[0]
    prepared = replace(prepared, deliveries=(first,))
    path = Path(out) if out else first.path.with_suffix(".wav")
    run = _run(prepared, workers, progress, cancel, None)
    guard([path, *stem_paths(stems)], run.records, force=force, inputs=_read(prepared))
    run.announce()
    (cut,), _ = run.cuts()
    report = mix_sound(cut, first.mix, path, stems=stems, cancel=run.cancel)
    for written in (path, *report.stems.values()):
        run.records.write(written, "", {})
    return MixedFilm(report, tuple(dict.fromkeys([*cut.notes, *run.notes, *report.notes])))


def _run(
    prepared: Prepared,
    workers: int | None,
    progress: Progress | None,
    cancel: threading.Event | None,
    budget_usd: Decimal | None,
) -> _Run:
    return _Run(
        prepared,
        workers or os.cpu_count() or 1,
        progress or Progress(),
        cancel or threading.Event(),
        Records(prepared.project.reports),
        _least(budget_usd, prepared.loaded.timeline.budget),
    )


@dataclass(slots=True)
class _Run:
    """One walk through the stages."""

    prepared: Prepared
    workers: int
    progress: Progress
    cancel: threading.Event
    records: Records
    budget_usd: Decimal | None
    notes: list[str] = field(default_factory=list)
    masters: Mapping[str, Master] = field(default_factory=dict)
    """Recordings that are heard instead of clips' own sound, by link."""

    def announce(self) -> None:
        """How much work each stage will be, in programme frames."""
        plan = self.prepared.plan
        to_make = sum(step.link.frames for step in plan.steps if step.state != "done")
        frames = sum(step.link.wanted_frames for step in plan.steps)
        frames += sum(clip.out_frame - clip.in_frame for clip in plan.files)
        files = len(self.prepared.deliveries)
        seams = len(plan.steps) + len(plan.files)
        self.progress.expect("generate", COST["generate"] * to_make)
        self.progress.expect("match", COST["match"] * seams)
        self.progress.expect("mix", COST["mix"] * frames * files)
        self.progress.expect("render", COST["render"] * frames * files)

    def cuts(self) -> tuple[list[Cut], Decided]:
        """The programme for each delivery, and how its seams were decided."""
        takes = self.takes()
        decided = self.seams(takes)
        self.sync(takes)
        cuts = [self.cut(takes, decided.decisions, d) for d in self.prepared.deliveries]
        return cuts, decided

    def takes(self) -> Mapping[str, Take]:
        """The take of every link; what isn't there is generated."""
        plan = self.prepared.plan
        frames = {step.link.id: step.link.frames for step in plan.steps}
        counted = dict.fromkeys(frames, 0.0)

        def on_progress(link: str, share: float) -> None:
            self.progress.advance("generate", frames[link] * (share - counted[link]))
            counted[link] = share

        made = generate(
            plan,
            self.prepared.project,
            workers=self.workers,
            on_progress=on_progress,
            cancel=self.cancel,
            budget_usd=self.budget_usd,
        )
        self.progress.finish("generate")
        return made

    def seams(self, takes: Mapping[str, Take]) -> Decided:
        """What is done at every handoff."""
        loaded, canvas = self.prepared.loaded, self.prepared.loaded.timeline.canvas
        found = [
            seam_of(both, self.prepared.seams[both.b.segment])
            for both in handoffs(loaded, self.prepared.plan, takes)
        ]
        self.progress.expect("match", COST["match"] * len(found))
        decided = decide_all(
            found,
            size=canvas.size,
            rate=canvas.rate,
            cache=self.prepared.project.cache,
            workers=self.workers,
            on_done=lambda: self.progress.advance("match", COST["match"]),
            cancel=self.cancel,
        )
        self.progress.finish("match")
        return decided

    def sync(self, takes: Mapping[str, Take]) -> None:
        """Find avatar clips in their recordings."""
        prepared = self.prepared
        cache = prepared.project.cache
        self.masters, spoken = masters(prepared.plan, takes, prepared.stock, cache)
        self.notes += [one.note for one in spoken]

    def cut(
        self,
        takes: Mapping[str, Take],
        seams: Mapping[str, SeamDecision],
        delivery: Delivery,
    ) -> Cut:
        """The programme for one delivery; its mix gives the lengths of fades at joins."""
        loaded, stock = self.prepared.loaded, self.prepared.stock
        captions = loaded.timeline.captions
        return resolve(
            loaded,
            self.prepared.plan,
            takes,
            seams,
            stock.media,
            mix=delivery.mix,
            hashes=stock.hashes,
            captions=read_captions(captions.file) if captions else (),
            masters=self.masters,
        )

    def deliver(self, cut: Cut, delivery: Delivery) -> Made:
        """Mix and render one file, unless it is there and nothing has changed."""
        inserts = self.inserts(cut)
        key = _delivery_key(cut, delivery, inserts)
        known = self.records.finished(delivery.path, key)
        if known:
            self.progress.advance("mix", COST["mix"] * cut.frames)
            self.progress.advance("render", COST["render"] * cut.frames)
            return replace(_made(known), path=delivery.path, rendered=0, up_to_date=True)
        sound = mixed(
            cut,
            delivery.mix,
            delivery.preset.audio,
            self.prepared.project.mix,
            on_samples=_steps(
                lambda n: self.progress.advance("mix", COST["mix"] * n * float(cut.rate / cut.hz))
            ),
            cancel=self.cancel,
        )
        rendered = render_cut(
            cut,
            delivery.preset,
            delivery.path,
            sound=sound.path,
            spans=self.prepared.project.spans,
            inserts=inserts,
            workers=self.workers,
            on_frames=_steps(lambda n: self.progress.advance("render", COST["render"] * n)),
            cancel=self.cancel,
        )
        self.notes += [*sound.notes, *rendered.notes]
        made = Made(
            path=delivery.path,
            preset=delivery.preset.id,
            frames=rendered.frames,
            seconds=round(float(rendered.frames / cut.rate), 6),
            size=rendered.verified.size,
            lufs=sound.lufs,
            true_peak_dbtp=sound.true_peak_dbtp,
            spans=rendered.spans,
            rendered=len(rendered.made),
            up_to_date=False,
        )
        self.records.write(delivery.path, key, asdict(made))
        self._sidecar(cut, delivery.path)
        return made

    def inserts(self, cut: Cut) -> tuple[Insert, ...]:
        """Titles and burnt-in captions as pictures with transparency."""
        folder = self.prepared.project.cache / "layers"
        own = (self.prepared.project.root / "presets",)
        made = [title_insert(t, cut.size, cut.rate, folder, folders=own) for t in cut.titles]
        if cut.burn_captions:
            made += caption_inserts(cut.captions, cut.size, cut.rate, folder, folders=own)
        return tuple(made)

    def _sidecar(self, cut: Cut, out: Path) -> None:
        """Captions that aren't burnt in, beside the film."""
        if cut.captions and not cut.burn_captions:
            path = _captions_beside(out)
            write_captions(cut.captions, path)
            self.records.write(path, "", {})


def _steps(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Turns reports of how much is done into reports of how much was added."""
    told = 0

    def on_done(done: int) -> None:
        nonlocal told
        advance(done - told)
        told = done

    return on_done


def _written(prepared: Prepared) -> Iterator[Path]:
    """Every file that a run writes for the user."""
    captions = prepared.loaded.timeline.captions
    for delivery in prepared.deliveries:
        yield delivery.path
        if captions and not captions.burn:
            yield _captions_beside(delivery.path)


def _read(prepared: Prepared) -> Iterator[Path]:
    """Every file of the user's that a run reads."""
    yield prepared.loaded.timeline.path
    yield from prepared.stock.media
    if prepared.loaded.timeline.captions:
        yield prepared.loaded.timeline.captions.file


def _captions_beside(out: Path) -> Path:
    return out.with_suffix(".srt")


def _least(given: Decimal | None, budget: Budget | None) -> Decimal | None:
    limits = [given, budget.usd if budget else None]
    return min((limit for limit in limits if limit is not None), default=None)


def _delivery_key(cut: Cut, delivery: Delivery, inserts: Sequence[Insert]) -> str:
    return content_key(
        inserts=[[insert.key, insert.record, insert.x, insert.y] for insert in inserts],
        cut=[span.key for span in spans_of(cut, delivery.preset)],
        sound=mix_key(cut, delivery.mix),
        preset=delivery.preset.model_dump(mode="json"),
        title=cut.title,
    )


def _made(known: Mapping[str, Any]) -> Made:
    return Made(**{**known, "path": Path(known["path"]), "size": tuple(known["size"])})
