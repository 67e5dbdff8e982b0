"""From a timeline file to a plan with states: what `check` and `plan` show."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from assembler.assemble.budget import beyond, missing_from_ledger, uncounted
from assembler.assemble.container import check_size, in_container
from assembler.assemble.outputs import beside
from assembler.assemble.stock import Loc, Stock, take_stock
from assembler.errors import AssemblerError, PlanError, Problem, SpecError, UsageError
from assembler.fetching import cached
from assembler.generation import PROVIDERS, provider_names
from assembler.generation.shelf import changed_takes, left_behind, shelf_of
from assembler.generation.trends import drifting, trimmed
from assembler.planning.build import build, with_states
from assembler.planning.explain import PlanRow, rows, table
from assembler.planning.guard import costs_more
from assembler.planning.ledger import chosen_takes
from assembler.planning.model import Plan, Shelf, Step
from assembler.planning.project import Project
from assembler.planning.settings import ANY, BY_HAND
from assembler.planning.workflow import COMFYUI, price_of, problems_of, recipes
from assembler.rendering.hardware import on_hardware
from assembler.spec.check import caption_entries, check_names
from assembler.spec.load import Loaded, load
from assembler.spec.model import MIDDLE, Output, Reframe, Timeline
from assembler.spec.presets import (
    DeliveryPreset,
    MixPreset,
    ModelPreset,
    SeamPreset,
    delivery_preset,
    mix_preset,
    model_preset,
    names,
    seam_preset,
)
from assembler.spec.schema import timeline_schema
from assembler.wording import counted

_T = TypeVar("_T")

DRAFT = "draft"
"""Delivery preset of drafts."""
ANIMATIC = "animatic"
"""Model of the embedded generator."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file to deliver."""

    path: Path
    preset: DeliveryPreset
    mix: MixPreset
    reframe: Reframe = MIDDLE

    def writes(self, timeline: Timeline) -> tuple[Path, ...]:
        """Every file that it writes, its own first."""
        return self.path, *beside(self.path, timeline)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A timeline, everything it names, and the plan."""

    loaded: Loaded
    project: Project
    stock: Stock
    plan: Plan
    deliveries: tuple[Delivery, ...]
    seams: Mapping[str, SeamPreset]
    """Seam preset by segment id, and by link id where one seam has its own."""
    shelf: Shelf
    """Takes that are there."""

    def seam_preset(self, clip: str, segment: str) -> SeamPreset:
        """How far the engine may go at the start of a clip of that segment."""
        return self.seams.get(clip) or self.seams[segment]


@dataclass(frozen=True, slots=True)
class Checked:
    """A timeline without mistakes."""

    loaded: Loaded
    plan: Plan
    remarks: tuple[str, ...] = ()
    """What can be done but may not be meant."""

    def text(self) -> str:
        """A line for people, and one for each remark."""
        timeline = self.loaded.timeline
        counts = (
            f"{counted(len(timeline.segments), 'segment')}, {counted(len(self.plan.steps), 'link')}"
        )
        head = f"{timeline.path.name}: no mistakes ({counts})"
        return "\n".join([head, *(f"note: {remark}" for remark in self.remarks)])

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "segments": len(self.loaded.timeline.segments),
            "links": len(self.plan.steps),
            "notes": [*self.plan.notes, *self.remarks],
        }


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be made."""

    prepared: Prepared
    rows: tuple[PlanRow, ...]

    def text(self) -> str:
        """A table for people."""
        return table(self.rows, self.prepared.plan)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        plan = self.prepared.plan
        return {
            "links": [row.data() for row in self.rows],
            "price_usd": str(plan.price_usd),
            "notes": list(plan.notes),
            "outputs": [str(d.path) for d in self.prepared.deliveries],
        }


def check(timeline: Path | str) -> Checked:
    """
    Check a timeline, its presets, its files and what its models can do. Writes nothing.

    Raises:
        SpecError: With every mistake.
        PlanError: With everything that its models can't do.
    """
    prepared = prepare(timeline)
    remarks = (*_beyond(prepared), *_remarks(prepared.loaded))
    return Checked(prepared.loaded, prepared.plan, remarks)


def _beyond(prepared: Prepared) -> Iterator[str]:
    """Why a run would be refused: its timeline's budget is too small; and what it can't count."""
    own = prepared.loaded.timeline.budget
    if own and (told := beyond(prepared.plan, prepared.shelf, prepared.project, own.usd, own)):
        yield told[0]
    yield from missing_from_ledger(prepared.plan, prepared.shelf, prepared.project)
    yield from uncounted(prepared.project, own.usd if own else None)


def _remarks(loaded: Loaded) -> Iterator[str]:
    """Captions that can't be read comfortably."""
    captions = loaded.timeline.captions
    if captions is None:
        return
    from assembler.cut.captions import too_fast
    from assembler.layers.captions import read_captions

    for entry in captions.entries:
        cues = read_captions(entry.file)
        for text in too_fast(cues, line=captions.line, speed=captions.speed):
            yield f"{entry.file.name}: {text}"


def plan(timeline: Path | str, *, draft: bool = False, provider: str | None = None) -> Planned:
    """
    Links, order, price, state and why. Writes and spends nothing.

    Raises:
        SpecError: With every mistake.
        PlanError: With everything that its models can't do.
    """
    prepared = prepare(timeline, draft=draft, provider=provider)
    planned = prepared.plan
    known = planned, prepared.project, prepared.shelf.chosen
    left = () if draft or provider else left_behind(planned, prepared.shelf, prepared.project)
    changed = (*left, *changed_takes(planned, prepared.shelf))
    more = (
        *_beyond(prepared),
        *changed,
        *costs_more(planned.steps),
        *trimmed(*known),
        *drifting(*known),
    )
    notes = dict.fromkeys([*planned.notes, *more])
    prepared = replace(prepared, plan=replace(planned, notes=tuple(notes)))
    return Planned(prepared, rows(prepared.plan))


def schema() -> dict[str, Any]:
    """JSON Schema of timelines."""
    return timeline_schema(
        models=names("models"),
        providers=tuple(PROVIDERS),
        deliveries=names("delivery"),
        mixes=names("mix"),
        seams=names("seam"),
        styles=names("titles"),
    )


def schema_text() -> str:
    """JSON Schema of timelines, as text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False, sort_keys=True)


def prepare(
    timeline: Path | str,
    *,
    draft: bool = False,
    provider: str | None = None,
    write: bool = False,
) -> Prepared:
    """
    Everything that is known before work begins.

    Args:
        timeline: The timeline file.
        draft: Plan an animatic of it.
        provider: Generate everything with this one.
        write: Whether probes and hashes may be remembered on disk.
    """
    loaded = load(timeline)
    return prepare_loaded(
        loaded, Project(loaded.timeline.path), draft=draft, provider=provider, write=write
    )


def step_of(plan: Plan, link: str) -> Step:
    """
    The step of a link, which may be named by its segment when that has one alone.

    Raises:
        UsageError: If there is no such link.
    """
    by_id = {step.link.id: step for step in plan.all_steps}
    own = plan.links_of(link)
    if link in by_id:
        return by_id[link]
    if len(own) == 1:
        return by_id[own[0].id]
    near = difflib.get_close_matches(link, by_id, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    known = ", ".join(list(by_id)[:20]) or "none: nothing is generated"
    raise UsageError(f"there is no link {link!r}", fix=f"{hint}Links: {known}.")


def prepare_loaded(
    loaded: Loaded,
    project: Project,
    *,
    draft: bool = False,
    provider: str | None = None,
    write: bool = False,
) -> Prepared:
    """The same, from a timeline that is loaded already."""
    named = _Presets(loaded, (project.root / "presets",))
    named.look_up(provider, draft=draft)
    models = named.models(provider)
    deliveries = named.deliveries(draft)
    seams = named.seams()
    named.words(deliveries)
    named.effects()
    named.report()
    fetched = _fetched(loaded, project)
    stock = take_stock(loaded, fetched, project.cache, write=write)
    built = build(
        loaded,
        stock.media,
        models,
        hashes=stock.hashes,
        provider=provider,
        draft=draft,
        fetched=fetched,
        recipes={} if draft else recipes(loaded.timeline, provider),
        chosen=chosen_takes(project.ledger),
    )
    _check_workflows(loaded, built, project.root)
    built = _with_prices_of_workflows(built, project.root)
    shelf = shelf_of(built, project)
    planned = with_states(built, shelf)
    return Prepared(loaded, project, stock, planned, deliveries, seams, shelf)


def _check_workflows(loaded: Loaded, plan: Plan, root: Path) -> None:
    """Workflows that can't make their links are found before anything is made."""
    places = {segment.id: n for n, segment in enumerate(loaded.timeline.segments)}
    found = [
        loaded.problem(f"link {step.link.id}: {what}", fix, "segments", places[step.link.segment])
        for step in plan.steps
        if step.link.provider == COMFYUI
        for what, fix in problems_of(step.link, root)
    ]
    if found:
        raise PlanError(found)


def _with_prices_of_workflows(plan: Plan, root: Path) -> Plan:
    """The plan with what workflows cost that have nodes which are paid."""
    steps, notes = [], []
    for step in plan.steps:
        if step.link.provider == COMFYUI:
            price = price_of(step.link, root)
            longer = tuple(replace(more, price_usd=price) for more in step.link.longer)
            step = replace(step, link=replace(step.link, price_usd=price, longer=longer))
            if price is None:
                notes.append(
                    f"{step.link.id}: its workflow has nodes that are paid, at a price that isn't "
                    "known here; a preset of the model can say it"
                )
        steps.append(step)
    links = {**plan.links_by_id, **{step.link.id: step.link for step in steps}}
    return replace(plan, steps=tuple(steps), notes=(*plan.notes, *notes), links_by_id=links)


def _fetched(loaded: Loaded, project: Project) -> dict[str, Path]:
    """Clips of URL segments that were fetched before."""
    found: dict[str, Path] = {}
    for segment in loaded.timeline.segments:
        path = segment.url and cached(segment.url, project.takes, sha256=segment.sha256)
        if segment.url and path:
            found[segment.url] = path
    return found


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


class _Presets:
    """Presets that a timeline names; every unknown name is collected with its place."""

    def __init__(self, loaded: Loaded, folders: tuple[Path, ...]) -> None:
        self._loaded = loaded
        self._folders = folders
        self._problems: list[Problem] = []
        self._unknown: set[tuple[str, int, int]] = set()
        """Places of names that nothing has."""

    def report(self) -> None:
        """Raise what was collected."""
        if self._problems:
            raise SpecError(list(dict.fromkeys(self._problems)))

    def look_up(self, provider: str | None, *, draft: bool) -> None:
        """Find every name that nothing has, but for those that something else stands in for."""
        self._problems += check_names(
            self._loaded.timeline,
            self._loaded.marks,
            providers=None if draft or provider else provider_names(),
            deliveries=None if draft else names("delivery", self._folders),
            mixes=names("mix", self._folders),
            seams=names("seam", self._folders),
            styles=names("titles", self._folders),
        )
        self._unknown = {_place(problem) for problem in self._problems}

    def models(self, provider: str | None) -> dict[str, ModelPreset]:
        """Models that the timeline names, and those that may take the place of any of them."""
        timeline = self._loaded.timeline
        wanted: dict[str, Loc] = {ANIMATIC: ()}
        known = frozenset(names("models", self._folders))
        for n, segment in enumerate(timeline.segments):
            if segment.kind in ("generated", "avatar"):
                name = segment.model or timeline.defaults.model
                loc: Loc = ("segments", n, "model") if segment.model else ("defaults", "model")
                if segment.avatar and segment.avatar.model:
                    name, loc = segment.avatar.model, ("segments", n, "avatar", "model")
                if (provider or segment.provider or timeline.defaults.provider) == BY_HAND:
                    wanted.setdefault(ANY, ())
                    if name not in known:
                        continue
                wanted.setdefault(name, loc)
        for n, track in enumerate(timeline.tracks):
            if track.make is not None:
                wanted.setdefault(track.make.model, ("tracks", n, "make", "model"))
        found = {name: self._find(model_preset, name, loc) for name, loc in wanted.items()}
        return {name: preset for name, preset in found.items() if preset}

    def deliveries(self, draft: bool) -> tuple[Delivery, ...]:
        """Files to deliver; of a draft there is one."""
        outputs = self._loaded.timeline.output
        if draft:
            outputs = (Output(preset=DRAFT),)
        made = [self._delivery(n, output, draft) for n, output in enumerate(outputs)]
        if not draft:
            self._write_once(made)
        return tuple(delivery for delivery in made if delivery)

    def _write_once(self, deliveries: Sequence[Delivery | None]) -> None:
        """No file beside an output may be another output's too: its name is all but the suffix."""
        timeline, by = self._loaded.timeline, dict[str, int]()
        for n, delivery in enumerate(deliveries):
            for path in delivery.writes(timeline) if delivery else ():
                first = by.setdefault(str(path).casefold(), n)
                if first != n:
                    what = (
                        f"output {first + 1} already writes {path.name}, which this one would, too"
                    )
                    fix = "give the outputs names that differ in more than the suffix."
                    loc = ("path",) if timeline.output[n].path else ()
                    self._problems.append(self._loaded.problem(what, fix, "output", n, *loc))

    def _delivery(self, n: int, output: Output, draft: bool) -> Delivery | None:
        timeline = self._loaded.timeline
        loc: Loc = () if draft else ("output", n)
        preset = self._find(delivery_preset, output.preset, (*loc, "preset") if loc else ())
        if preset is None:
            return None
        if output.size:
            preset = preset.model_copy(update={"size": output.size})
        of: Loc = (*loc, "mix") if output.mix else ("mix",) if timeline.mix else loc
        mix = self._find(mix_preset, output.mix or timeline.mix or preset.mix, of)
        if output.path:
            try:
                preset = in_container(preset, output.path)
            except AssemblerError as error:
                self._collect(error, *loc, "path")
        preset = self._encodable(preset, output, loc)
        try:
            check_size(preset, timeline.canvas.size)
        except AssemblerError as error:
            self._collect(error, *loc, *(("size",) if output.size else ()))
        path = output.path or timeline.path.parent / "out" / (
            f"{timeline.path.stem}-{preset.id}.{preset.container}"
        )
        return Delivery(path, preset, mix, output.reframe) if mix else None

    def _encodable(self, preset: DeliveryPreset, output: Output, loc: Loc) -> DeliveryPreset:
        """The preset with the chip's encoder that is asked for, when it works."""
        try:
            return on_hardware(preset, output.hardware)
        except AssemblerError as error:
            self._collect(error, *loc, *(("hardware",) if output.hardware else ()))
        return preset

    def seams(self) -> dict[str, SeamPreset]:
        """Seam preset of every segment, and of single seams that have their own."""
        timeline = self._loaded.timeline
        wanted: dict[str, tuple[str, Loc]] = {}
        for n, segment in enumerate(timeline.segments):
            own = segment.seam.preset if segment.seam else None
            name = own or timeline.seam.preset or "invisible"
            loc: Loc = ("segments", n, "seam", "preset") if own else ("seam", "preset")
            wanted[segment.id] = name, loc
            for link, seam in segment.seams.items():
                if seam.preset:
                    loc = ("segments", n, "seams", str(link), "preset")
                    wanted[f"{segment.id}.{link}"] = seam.preset, loc
        found: dict[str, SeamPreset | None] = {}
        for name, loc in wanted.values():
            found[name] = found.get(name) or self._find(seam_preset, name, loc)
        return {id_: preset for id_, (name, _) in wanted.items() if (preset := found[name])}

    def words(self, deliveries: Sequence[Delivery]) -> None:
        """Titles and captions that couldn't be set are found before anything is made."""
        timeline = self._loaded.timeline
        if not (timeline.titles or timeline.captions):
            return
        from assembler.layers.captions import read_captions
        from assembler.layers.words import check_captions, check_words

        sizes = {d.preset.size_on(timeline.canvas.size) for d in deliveries}
        styles = names("titles", self._folders)
        for n, title in enumerate(timeline.titles):
            if title.style not in styles:
                continue
            try:
                for size in sorted(sizes) if title.text else ():
                    check_words(title.text or "", title.style, size, folders=self._folders)
            except AssemblerError as error:
                self._collect(error, "titles", n)
        captions = timeline.captions
        for n, delivery in enumerate(deliveries):
            if captions and captions.track and delivery.preset.container == "mxf":
                what, fix = (
                    "MXF has no track for captions",
                    "take `track` out, or another container.",
                )
                self._problems.append(self._loaded.problem(what, fix, "output", n))
        for loc, entry in caption_entries(captions) if captions else ():
            try:
                cues = read_captions(entry.file)
                for size in sorted(sizes) if captions and captions.burn else ():
                    check_captions(cues, size, folders=self._folders)
            except AssemblerError as error:
                what = f"{entry.file.name}: {error.what}"
                self._problems.append(self._loaded.problem(what, error.fix, *loc, "file"))

    def effects(self) -> None:
        """Effects that moviepy hasn't; one's own aren't run to be checked."""
        for n, segment in enumerate(self._loaded.timeline.segments):
            for k, effect in enumerate(segment.effects):
                if effect.code:
                    continue
                from assembler.rendering.effects import check_effect

                try:
                    check_effect(effect.name, effect.options)
                except AssemblerError as error:
                    self._collect(error, "segments", n, "effects", k)

    def _collect(self, error: AssemblerError, *loc: str | int) -> None:
        if isinstance(error, SpecError):  # a preset file that is broken
            self._problems += error.problems
            return
        problem = self._loaded.problem(error.what, error.fix, *loc)
        if _place(problem) not in self._unknown:
            self._problems.append(problem)

    def _find(
        self,
        find: Callable[[str, Sequence[Path]], _T],
        name: str,
        loc: Loc,
    ) -> _T | None:
        try:
            return find(name, self._folders)
        except AssemblerError as error:
            self._collect(error, *loc)
        return None
