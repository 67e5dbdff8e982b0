"""One walk through the stages: takes, seams, cut, then sound and picture of each delivery."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from assembler.assemble.beside import beside_key, caption_track, write_beside
from assembler.assemble.budget import LOCAL, check_budget, missing_from_ledger, uncounted
from assembler.assemble.framing import framed
from assembler.assemble.masters import masters
from assembler.assemble.outputs import Records
from assembler.assemble.part import Part
from assembler.assemble.prepare import Delivery, Prepared
from assembler.assemble.progress import Progress
from assembler.assemble.seams import Decided, decide_all, seam_of
from assembler.assemble.sound import Wanted, mixed, part_heard
from assembler.assemble.stock import Stock
from assembler.cut.build import handoffs, resolve
from assembler.cut.model import Cut, Insert
from assembler.cut.part import part_of
from assembler.cut.sound import Master
from assembler.errors import UsageError
from assembler.generation.base import Take
from assembler.generation.run import generate
from assembler.generation.shelf import changed_takes
from assembler.generation.trends import drifting, trimmed
from assembler.layers.burned import burned_inserts
from assembler.layers.captions import read_captions
from assembler.layers.titles import title_insert
from assembler.match.decision import SeamDecision
from assembler.mixing.keys import mix_key
from assembler.planning.build import with_states
from assembler.planning.explain import to_pay
from assembler.planning.keys import content_key
from assembler.planning.model import Plan
from assembler.rendering.render import make as make_spans
from assembler.rendering.render import render as render_cut
from assembler.rendering.spans import spans_of
from assembler.spec.model import Budget
from assembler.timebase import FrameRange

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


def begin(
    prepared: Prepared,
    workers: int | None,
    progress: Progress | None,
    cancel: threading.Event | None,
    budget_usd: Decimal | None,
) -> Walk:
    """A walk that is about to start."""
    return Walk(
        prepared,
        workers,
        progress or Progress(),
        cancel or threading.Event(),
        Records(prepared.project.reports),
        _least(budget_usd, prepared.loaded.timeline.budget),
    )


@dataclass(slots=True)
class Walk:
    """One walk through the stages."""

    prepared: Prepared
    workers: int | None
    """What the user asks for; where he doesn't, each stage knows what suits it."""
    progress: Progress
    cancel: threading.Event
    records: Records
    budget_usd: Decimal | None
    notes: list[str] = field(default_factory=list)
    masters: Mapping[str, Master] = field(default_factory=dict)
    """Recordings that are heard instead of clips' own sound, by link."""
    wait_s: float | None = None
    """How long to wait for one generated clip; None leaves it to `generate`."""
    sights: bool = True
    """Whether pictures of seams are kept for the report."""
    may_pay: bool = False
    """Whether clips that cost money are made: only where the user could say no."""
    sounds: Mapping[str, Take] = field(default_factory=dict)
    """Takes of tracks that are generated, by link."""
    wanted: Sequence[Wanted] = ()
    """Mixes of all deliveries."""
    part: Part | None = None
    """What is rendered of the programme; None for all."""
    together: bool = False
    """Whether the spans of all deliveries were made at once."""
    fresh: frozenset[str] = frozenset()
    """Keys of spans that were made so."""

    def announce(self, *, clips_only: bool = False) -> None:
        """How much work each stage will be, in programme frames."""
        plan = self.prepared.plan
        to_make = sum(step.link.frames for step in plan.steps if step.state != "done")
        frames = sum(step.link.wanted_frames for step in plan.steps)
        frames += sum(clip.out_frame - clip.in_frame for clip in plan.files)
        files = len(self.prepared.deliveries)
        seams = len(plan.steps) + len(plan.files)
        self.progress.expect("generate", COST["generate"] * to_make)
        if clips_only:
            return
        self.progress.expect("match", COST["match"] * seams)
        self.progress.expect("mix", COST["mix"] * frames * files)
        self.progress.expect("render", COST["render"] * frames * files)

    def cuts(self) -> tuple[list[Cut], Decided]:
        """The programme for each delivery, and how its seams were decided."""
        takes = self.takes()
        self.notes += self.tails(takes)
        decided = self.seams(takes)
        self.sync(takes)
        cuts = [self.cut(takes, decided.decisions, d) for d in self.prepared.deliveries]
        self.wanted = [
            Wanted(cut, delivery.mix, delivery.preset.audio)
            for cut, delivery in zip(cuts, self.prepared.deliveries, strict=True)
        ]
        return cuts, decided

    @property
    def cores(self) -> int:
        """Work at a time where only cores count."""
        return self.workers or os.cpu_count() or 1

    def allow_paying(self) -> None:
        """
        Clips that cost money may be made from now on, all of them within the budget.

        Raises:
            BudgetError: If they can't.
        """
        plan, shelf, project = self.prepared.plan, self.prepared.shelf, self.prepared.project
        check_budget(plan, shelf, project, self.budget_usd, self.prepared.loaded.timeline.budget)
        if costs_money(plan):
            lost = missing_from_ledger(plan, shelf, project)
            for text in (*lost, *uncounted(project, self.budget_usd)):
                self.progress.say(f"warning: {text}")
        self.may_pay = True

    def takes(self) -> Mapping[str, Take]:
        """
        The take of every link with a picture; what isn't there is generated, sound included.

        Raises:
            UsageError: If that would cost money, and the user wasn't asked.
        """
        plan = self.prepared.plan if self.may_pay else _unpaid(self.prepared)
        frames = {step.link.id: step.link.frames for step in plan.all_steps}
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
            wait_s=self.wait_s,
            on_note=self.progress.say,
        )
        self.progress.finish("generate")
        self.sounds = {step.link.id: made[step.link.id] for step in plan.sounds}
        self.prepared = with_sounds(self.prepared, self.sounds)
        return {step.link.id: made[step.link.id] for step in plan.steps}

    def tails(self, takes: Mapping[str, Take]) -> list[str]:
        """What became of takes' files, of clips' ends and of the look along chains."""
        plan = self.prepared.plan
        known = plan, self.prepared.project, {plan.link(i).key: t.number for i, t in takes.items()}
        shown = (*changed_takes(plan, self.prepared.shelf), *drifting(*known))
        return [*trimmed(*known), *(f"warning: {text}" for text in shown)]

    def seams(self, takes: Mapping[str, Take]) -> Decided:
        """What is done at every handoff."""
        loaded, canvas = self.prepared.loaded, self.prepared.loaded.timeline.canvas
        found = [
            seam_of(both, self.prepared.seam_preset(both.b.id, both.b.segment))
            for both in handoffs(loaded, self.prepared.plan, takes)
        ]
        self.progress.expect("match", COST["match"] * len(found))
        decided = decide_all(
            found,
            size=canvas.size,
            rate=canvas.rate,
            cache=self.prepared.project.cache,
            workers=self.cores,
            sights=self.sights,
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
        cut = resolve(
            loaded,
            self.prepared.plan,
            takes,
            seams,
            stock.media,
            mix=delivery.mix,
            hashes=stock.hashes,
            captions=[read_captions(entry.file) for entry in captions.entries] if captions else (),
            masters=self.masters,
        )
        size = delivery.preset.size_on(cut.size)
        return framed(cut, size, delivery.reframe, self.prepared.project.cache)

    def render_together(self, cuts: Sequence[Cut]) -> None:
        """Make the spans of several deliveries at once, so that they share what is decoded."""
        if len(cuts) < 2:
            return
        both = list(zip(cuts, self.prepared.deliveries, strict=True))
        todo = [(c, d) for c, d in both if self._finished(c, d) is None]
        if len(todo) < 2:
            return
        planned = [
            span
            for cut, delivery in todo
            for span in spans_of(
                cut, delivery.preset, self.inserts(cut, delivery), self._frames(cut)
            )
        ]
        left_out = sum(cut.frames for cut, _ in todo) - sum(span.length for span in planned)
        made = make_spans(
            planned,
            self.prepared.project.spans,
            workers=self.workers,
            on_frames=self.counted(left_out),
            on_bytes=lambda size: self.progress.rendered(size=size),
            cancel=self.cancel,
        )
        self.fresh = frozenset(span.key for span in made)
        self.together = True

    def _frames(self, cut: Cut) -> FrameRange | None:
        """Frames of the part that is rendered; None for all."""
        return self.part.frames(cut) if self.part else None

    def _finished(self, cut: Cut, delivery: Delivery) -> Mapping[str, Any] | None:
        """Our note about a delivery that is there, when nothing has changed."""
        return self.records.finished(
            delivery.path, self._key(cut, delivery, self.inserts(cut, delivery))
        )

    def _key(self, cut: Cut, delivery: Delivery, inserts: Sequence[Insert]) -> str:
        """Hash of everything that decides a delivered file."""
        part = self._frames(cut)
        shown = part_of(cut, part) if part else cut
        return content_key(
            beside=beside_key(shown, self.prepared.loaded.timeline),
            inserts=[[insert.key, insert.record, insert.x, insert.y] for insert in inserts],
            cut=[span.key for span in spans_of(cut, delivery.preset, part=part)],
            **({"part": part} if part else {}),
            sound=mix_key(cut, delivery.mix),
            preset=delivery.preset.model_dump(mode="json"),
            title=cut.title,
        )

    def deliver(self, cut: Cut, delivery: Delivery) -> Made:
        """Mix and render one file, unless it is there and nothing has changed."""
        inserts = self.inserts(cut, delivery)
        part = self._frames(cut)
        shown = part_of(cut, part) if part else cut
        key = self._key(cut, delivery, inserts)
        known = self.records.finished(delivery.path, key)
        if known:
            self.progress.found("mix", COST["mix"] * cut.frames)
            self.progress.found("render", COST["render"] * cut.frames)
            return replace(_made(known), path=delivery.path, rendered=0, up_to_date=True)
        sound = mixed(
            Wanted(cut, delivery.mix, delivery.preset.audio),
            self.prepared.project.mix,
            others=self.wanted,
            on_samples=self.progress.so_far("mix", COST["mix"] * float(cut.rate / cut.hz)),
            cancel=self.cancel,
        )
        rendered = render_cut(
            cut,
            delivery.preset,
            delivery.path,
            sound=sound.path,
            spans=self.prepared.project.spans,
            inserts=inserts,
            captions=caption_track(shown, self.prepared.project.cache / "layers"),
            part=part,
            workers=self.workers,
            on_frames=None if self.together else self.counted(cut.frames - shown.frames),
            on_bytes=lambda size: self.progress.rendered(size=size),
            cancel=self.cancel,
        )
        self.notes += [*sound.notes, *rendered.notes]
        heard = part_heard(sound, cut, part) if part else sound
        made = Made(
            path=delivery.path,
            preset=delivery.preset.id,
            frames=rendered.frames,
            seconds=round(float(rendered.frames / cut.rate), 6),
            size=rendered.verified.size,
            lufs=heard.lufs,
            true_peak_dbtp=heard.true_peak_dbtp,
            spans=rendered.spans,
            rendered=len(rendered.made) + len(self.fresh.intersection(rendered.keys)),
            up_to_date=False,
        )
        whole = part is None
        write_beside(shown, delivery.path, self.prepared, self.records, part=not whole)
        self.records.write(delivery.path, key, asdict(made))
        return made

    def counted(self, left_out: int) -> Callable[[int], None]:
        """What is told of frames: first of those that are there, then of all so far."""
        told: int | None = None

        def on_frames(done: int) -> None:
            nonlocal told
            if told is None:
                self.progress.rendered()
                self.progress.found("render", COST["render"] * (done + left_out))
            else:
                self.progress.rendered(done - told)
                self.progress.advance("render", COST["render"] * (done - told))
            told = done

        return on_frames

    def delivered(self, cut: Cut, delivery: Delivery) -> Made | None:
        """What was delivered, if it is there and nothing has changed."""
        known = self._finished(cut, delivery)
        return _made(known) if known else None

    def inserts(self, cut: Cut, delivery: Delivery) -> tuple[Insert, ...]:
        """Titles and burnt-in captions with transparency, in the size that is delivered."""
        size = delivery.preset.size_on(cut.size)
        folder = self.prepared.project.cache / "layers"
        own = (self.prepared.project.root / "presets",)
        made = [title_insert(t, size, cut.rate, folder, folders=own) for t in cut.titles]
        if cut.burn_captions:
            made += burned_inserts(cut.captions, size, cut.rate, folder, folders=own)
        return tuple(made)


def with_sounds(prepared: Prepared, takes: Mapping[str, Take]) -> Prepared:
    """The same with takes as the files of tracks that are generated."""
    tracks, media, hashes = [], dict(prepared.stock.media), dict(prepared.stock.hashes)
    for track in prepared.loaded.timeline.tracks:
        take = takes.get(f"{track.id}.1") if track.make else None
        if take is not None:
            track = track.model_copy(update={"file": take.path})
            media[take.path], hashes[take.path] = take.info, take.content_key
        tracks.append(track)
    timeline = prepared.loaded.timeline.model_copy(update={"tracks": tuple(tracks)})
    loaded = replace(prepared.loaded, timeline=timeline)
    return replace(prepared, loaded=loaded, stock=Stock(media, hashes))


def costs_money(plan: Plan) -> bool:
    """Whether something of a plan has to be paid."""
    return any(
        step.to_make and step.price_usd != 0 and step.link.provider not in LOCAL
        for step in plan.all_steps
    )


def _unpaid(prepared: Prepared) -> Plan:
    """The plan with the takes in use alone: further ones are left to a run that may pay."""
    plan = prepared.plan
    steps, sounds = (
        tuple(replace(step, link=replace(step.link, takes=1)) for step in some)
        for some in (plan.steps, plan.sounds)
    )
    alone = with_states(replace(plan, steps=steps, sounds=sounds), prepared.shelf)
    if costs_money(alone):
        raise UsageError(
            f"clips have to be generated first: {to_pay(alone)}",
            fix="see `assembler plan`, then `assembler generate` makes them.",
        )
    return alone


def _least(given: Decimal | None, budget: Budget | None) -> Decimal | None:
    if given is not None and given.is_nan():
        raise UsageError("the budget is no sum", fix="give it in US dollars.")
    limits = [given, budget.usd if budget else None]
    return min((limit for limit in limits if limit is not None), default=None)


def _made(known: Mapping[str, Any]) -> Made:
    return Made(**{**known, "path": Path(known["path"]), "size": tuple(known["size"])})
