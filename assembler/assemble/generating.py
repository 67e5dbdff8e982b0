"""
Clips alone: what is generated and fetched before there is a film, agreed to before it costs money.

    generate("film.yaml", confirm=lambda plan: plan.price_usd < 5)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from assembler.assemble.choosing import keep_older
from assembler.assemble.prepare import Prepared, prepare_loaded
from assembler.assemble.progress import Progress
from assembler.assemble.walk import begin, costs_money
from assembler.errors import FetchError, Problem, UsageError
from assembler.fetching import cached
from assembler.fetching import fetch as fetch_url
from assembler.generation.base import Take
from assembler.generation.shelf import changed_takes, left_behind
from assembler.planning.model import Plan
from assembler.planning.project import Project
from assembler.spec.load import Loaded, load
from assembler.web import shown

Confirm = Callable[[Plan], bool]
"""Asked with a plan that costs money, before the first submission."""


@dataclass(frozen=True, slots=True)
class Generated:
    """The takes of a timeline."""

    takes: Mapping[str, Take]
    made: int
    """Links that had to be made; the takes of the others were there."""
    kept: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know without asking."""
        return (*self.notes, *(note for take in self.takes.values() for note in take.notes))

    def text(self) -> str:
        """A line for each take, then the sum."""
        lines = [f"{id_}: {take.path}" for id_, take in self.takes.items()]
        kept = f", {len(self.kept)} kept" if self.kept else ""
        return "\n".join([*lines, f"{self.made} generated{kept}, {len(lines)} in all"])

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "takes": {
                id_: {"path": str(take.path), "take": take.number, "notes": list(take.notes)}
                for id_, take in self.takes.items()
            },
            "made": self.made,
            "kept": list(self.kept),
        }


def generate(
    timeline: Path | str,
    *,
    provider: str | None = None,
    budget_usd: Decimal | None = None,
    keep_later: bool = False,
    confirm: Confirm | None = None,
    wait_s: float | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Generated:
    """
    Make and fetch the clips that aren't there, and nothing else.

    Args:
        timeline: The timeline file.
        provider: Generate everything with this one.
        budget_usd: The most that it may cost; the timeline's own budget holds too.
        keep_later: Keep older takes of links that only start on another frame now.
        confirm: Asked once, when something costs money.
        wait_s: How long to wait for one clip, 0 for not at all.
        workers: Work at a time on this machine.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.

    Raises:
        BudgetError: If what is missing can't be made within the budget; nothing was sent.
        AssemblerError: One of its kinds; clips that came are kept.
    """
    prepared, kept = ready(
        timeline, provider=provider, keep_later=keep_later, progress=progress, cancel=cancel
    )
    run = begin(prepared, workers, progress, cancel, budget_usd)
    run.wait_s = wait_s
    run.allow_paying()
    agreed(prepared.plan, confirm)
    run.announce(clips_only=True)
    made = sum(step.state != "done" for step in prepared.plan.all_steps)
    takes = {**run.takes(), **run.sounds}
    plan, shelf = prepared.plan, prepared.shelf
    left = () if provider else left_behind(plan, shelf, prepared.project)
    told = (*left, *changed_takes(plan, shelf))
    return Generated(takes, made, kept, tuple(f"warning: {text}" for text in told))


def ready(
    timeline: Path | str,
    *,
    draft: bool = False,
    provider: str | None = None,
    keep_later: bool = False,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> tuple[Prepared, tuple[str, ...]]:
    """A timeline whose URLs are fetched, and links whose older takes were kept."""
    loaded = load(timeline)
    project = Project(loaded.timeline.path)
    fetch_missing(loaded, project, progress, cancel)
    prepared = prepare_loaded(loaded, project, draft=draft, provider=provider, write=True)
    if not keep_later or draft:
        return prepared, ()
    kept, prepared = keep_older(prepared, provider=provider)
    return prepared, kept


def agreed(plan: Plan, confirm: Confirm | None) -> None:
    """
    Ask before money is spent.

    Raises:
        UsageError: If the answer is no.
    """
    if confirm is not None and costs_money(plan) and not confirm(plan):
        raise UsageError("nothing was generated and nothing spent", fix="as you said.")


@dataclass(frozen=True, slots=True)
class Fetched:
    """Clips from addresses."""

    paths: Mapping[str, Path]
    """By segment."""

    def text(self) -> str:
        """A line each."""
        lines = [f"{id_}: {path}" for id_, path in self.paths.items()]
        return "\n".join(lines) or "nothing to fetch: no segment has a `url`"

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"clips": {id_: str(path) for id_, path in self.paths.items()}}


def fetch(
    timeline: Path | str,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Fetched:
    """
    Fetch the clips of segments with a `url` that aren't there.

    Args:
        timeline: The timeline file.
        progress: Told what is being fetched.
        cancel: Stops it when it is set; what has come is kept.

    Raises:
        FetchError: With every clip that couldn't be had.
    """
    loaded = load(timeline)
    return Fetched(fetch_missing(loaded, Project(loaded.timeline.path), progress, cancel))


def fetch_missing(
    loaded: Loaded,
    project: Project,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> dict[str, Path]:
    """Clips of URL segments, by segment; what isn't there is fetched."""
    problems: list[Problem] = []
    found: dict[str, Path] = {}
    for n, segment in enumerate(loaded.timeline.segments):
        if segment.url:
            there = cached(segment.url, project.takes, sha256=segment.sha256)
            if progress is not None and there is None:
                progress.say(f"{segment.id}: fetching {shown(segment.url)}")
            try:
                found[segment.id] = there or fetch_url(
                    segment.url, project.takes, sha256=segment.sha256, cancel=cancel
                )
            except FetchError as error:
                problems.append(loaded.problem(error.what, error.fix, "segments", n, "url"))
    if problems:
        raise FetchError("\n".join(str(problem) for problem in problems))
    return found
