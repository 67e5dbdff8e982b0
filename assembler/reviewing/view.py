"""
What a review looks at: a timeline as it stands, its programme, and what would still be paid.

    seen = View.of(loaded, project)
    seen.places["dawn.1>dawn.2"]      # Place(keep=118, start=1, …)
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from assembler.assemble.needs import takes_there
from assembler.assemble.prepare import Prepared, prepare_loaded
from assembler.assemble.walk import Walk, begin
from assembler.cut.build import handoffs
from assembler.cut.model import Cut
from assembler.cut.pieces import HandoffSides
from assembler.generation.base import Take
from assembler.match.decision import SeamDecision
from assembler.planning.explain import to_pay, totals
from assembler.planning.guard import costs_more_usd
from assembler.planning.model import FileClip
from assembler.planning.project import Project
from assembler.reporting.gather import resolve
from assembler.reviewing.files import beside, revision_of, sources
from assembler.spec.load import Loaded, load


@dataclass(frozen=True, slots=True)
class Place:
    """A seam as it lies in the programme."""

    seam: str
    segment: str
    link: int | None
    """Number under `seams` by which it is spoken of alone; None where `seam` speaks of it alone."""
    keep: int
    """Frames of the clip before that are kept."""
    start: int
    """First frame of the clip after."""
    most: int
    """Frames that the clip before has."""
    last: int
    """Last frame of the clip after that could come first."""
    frame: int
    """First programme frame after the seam."""


@dataclass(frozen=True, slots=True)
class Price:
    """What making everything that isn't there would cost."""

    usd: Decimal
    """At most, as far as prices are known."""
    unpriced: int
    """Links without a known price."""
    words: str


@dataclass(frozen=True, slots=True)
class View:
    """A timeline as it stands."""

    revision: str
    texts: Mapping[Path, bytes]
    """Of every file that it is written in."""
    others: Mapping[Path, object]
    """Stamps of presets, media and captions."""
    prepared: Prepared
    takes: Mapping[str, Take]
    cut: Cut | None
    """None while clips are missing."""
    decisions: Mapping[str, SeamDecision]
    sides: tuple[HandoffSides, ...]
    measured: bool
    """Whether seams were decided for just this timeline; else for an earlier one."""

    @property
    def loaded(self) -> Loaded:
        """The timeline and where its values stand."""
        return self.prepared.loaded

    @classmethod
    def of(
        cls,
        timeline: Path,
        *,
        draft: bool = False,
        provider: str | None = None,
        instead: Mapping[Path, bytes] | None = None,
        decided: Mapping[str, SeamDecision] | None = None,
        cancel: threading.Event | None = None,
    ) -> View:
        """
        The timeline on disk, or with some texts *instead*.

        Args:
            timeline: The timeline file.
            draft: Look at the draft.
            provider: The timeline as generated with this one alone.
            instead: Texts to read in the place of files.
            decided: Decisions to go by; seams are measured when not given.
            cancel: Stops measuring.

        Raises:
            AssemblerError: As `plan` would.
        """
        instead = instead or {}
        loaded = load(timeline, instead)
        project = Project(loaded.timeline.path)
        texts, others = sources(loaded), beside(loaded, project)
        prepared = prepare_loaded(loaded, project, draft=draft, provider=provider, write=True)
        revision = revision_of(texts, prepared.shelf.chosen, others)
        takes = takes_there(prepared)
        run = begin(prepared, None, None, cancel, None)
        seen = cls(revision, texts, others, prepared, takes, None, {}, (), False)
        return _resolved(seen, run, decided) if _complete(prepared, takes) else seen

    @property
    def places(self) -> dict[str, Place]:
        """Every seam of the picture track, by its id."""
        if self.cut is None:
            return {}
        clips = {clip.id: n for n, clip in enumerate(self.cut.clips)}
        found = {}
        for both in self.sides:
            n = clips.get(both.b.id, 0)
            if n == 0 or self.cut.clips[n - 1].id != both.a.id:
                continue  # in a layer, or one of them isn't shown
            before, after = self.cut.clips[n - 1], self.cut.clips[n]
            found[both.seam] = Place(
                both.seam,
                both.b.segment,
                self._link(both),
                before.source_out,
                after.source_in,
                both.a.frames,
                both.b.stop - 1,
                after.record.start,
            )
        return found

    @property
    def footage(self) -> dict[str, FileClip]:
        """Clips from files whose frames are shown one by one, by segment."""
        files = {clip.segment: clip for clip in self.prepared.plan.files}
        return {id_: c for id_, c in files.items() if not (c.info.still or c.retime)}

    def _link(self, both: HandoffSides) -> int | None:
        segment = self.loaded.timeline.segment(both.b.segment)
        number = both.b.link.number if both.b.link else 1
        several = sum(other.b.segment == segment.id for other in self.sides) > 1
        return number if several or number in segment.seams else None

    def price(self) -> Price:
        """What would be paid for all that isn't there."""
        plan = self.prepared.plan
        total = totals(plan)
        most = plan.price_usd + costs_more_usd(plan.all_steps)
        words = to_pay(plan)
        if most != plan.price_usd:
            words += f"; at most ${most:.2f} where tails have to be trimmed"
        return Price(most, total.unpriced, words)


def _complete(prepared: Prepared, takes: Mapping[str, Take]) -> bool:
    """Whether every clip is there."""
    there = {clip.segment for clip in prepared.plan.files}
    files = [s for s in prepared.loaded.timeline.segments if s.kind in ("file", "url")]
    links = {step.link.id for step in prepared.plan.all_steps}
    return links == takes.keys() and all(segment.id in there for segment in files)


def _resolved(seen: View, run: Walk, decided: Mapping[str, SeamDecision] | None) -> View:
    if decided is None:
        found = resolve(run, seen.takes)
        cut, sides = found.cut, found.sides
        return replace(seen, cut=cut, decisions=found.decisions, sides=sides, measured=True)
    cut = run.cut(seen.takes, decided, seen.prepared.deliveries[0])
    sides = handoffs(seen.loaded, seen.prepared.plan, seen.takes)
    return replace(seen, cut=cut, decisions=decided, sides=sides)
