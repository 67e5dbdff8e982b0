"""
Another take of a link: chosen, asked for anew, or kept though what comes before it has changed.

    choose("film.yaml", "dawn.2", 2, keep_later=True)
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from assembler.assemble.prepare import Prepared, prepare, prepare_loaded, step_of
from assembler.errors import UsageError
from assembler.generation.takes import on_disk, provenance, take_path, write_provenance
from assembler.media.files import publish
from assembler.planning.explain import money
from assembler.planning.keys import take_key
from assembler.planning.ledger import (
    ASKED_FOR,
    Ledger,
    Submission,
    submissions_made,
    takes_made,
)
from assembler.planning.model import Link, Plan, Step
from assembler.planning.settings import BY_HAND
from assembler.spec.load import load


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a choice has led to."""

    link: str
    number: int
    plan: Plan
    kept: tuple[str, ...]
    """Later links whose older takes are kept."""
    must: tuple[Step, ...]
    may: tuple[Step, ...]
    """Links whose older takes could be kept."""

    def text(self) -> str:
        """What is used, what must and what may be made anew, and for how much."""
        lines = [f"{self.link}: take {self.number} is used"] if self.link else []
        lines += [f"kept as they are: {', '.join(self.kept)}"] if self.kept else []
        lines += [_listed("to make", self.must)] if self.must else []
        if self.may:
            lines += [
                _listed("start on another frame now", self.may),
                "they are made anew by the next `assembler render`; "
                "`assembler takes keep` keeps them as they are",
            ]
        if not self.must and not self.may:
            lines.append("nothing has to be made anew")
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "link": self.link,
            "take": self.number,
            "kept": list(self.kept),
            "must": [_priced(step) for step in self.must],
            "may": [_priced(step) for step in self.may],
            "price_usd": str(self.plan.price_usd),
        }


def _listed(what: str, steps: Sequence[Step]) -> str:
    prices = [step.price_usd for step in steps]
    known = sum((price or Decimal(0) for price in prices), Decimal(0))
    unknown = " and what has no known price" if None in prices else ""
    return f"{what}: {', '.join(s.link.id for s in steps)} ({money(known)}{unknown})"


def _priced(step: Step) -> dict[str, Any]:
    price = step.price_usd
    return {"link": step.link.id, "price_usd": None if price is None else str(price)}


def choose(
    timeline: Path | str,
    link: str,
    number: int,
    *,
    keep_later: bool = False,
    provider: str | None = None,
) -> Chosen:
    """
    Use another take of a link. Going back to one that was used before is free.

    Args:
        timeline: The timeline file.
        link: Id of the link, as the plan shows it.
        number: One of its takes that are there.
        keep_later: Keep what was made to go on from the other take; the seam is matched as it is.
        provider: As in `plan`.

    Raises:
        UsageError: If there is no such link or take.
    """
    before = prepare(timeline, provider=provider)
    step = step_of(before.plan, link)
    there = sorted(before.shelf.on_disk.get(step.link.key, ()))
    if number not in there:
        known = f"there are takes {', '.join(map(str, there))}" if there else "it has none yet"
        raise UsageError(
            f"link {link} has no take {number}; {known}",
            Path(timeline).name,
            f"`assembler takes reroll {Path(timeline).name} {link}` asks for a new one.",
        )
    return _used(before, step.link, number, keep_later, provider)


def reroll(
    timeline: Path | str, link: str, *, keep_later: bool = False, provider: str | None = None
) -> Chosen:
    """
    Ask for a new take of a link, which the next run makes; nothing is spent here.

    A new take that was asked for and hasn't been made is not asked for twice, unless its clip can't
    be had or used, or its job was made in vain.

    Raises:
        UsageError: If there is no such link.
    """
    before = prepare(timeline, provider=provider)
    asked = step_of(before.plan, link).link
    number = before.shelf.number(asked)
    with Ledger(before.project.ledger, timeline=before.project.timeline.name) as ledger:
        row = ledger.alive(asked.key, number)
        refused = row is not None and row.state in ("accepted", "done") and row.reason
        vain = number in before.shelf.in_vain.get(asked.key, ())
        if refused or vain or number in before.shelf.on_disk.get(asked.key, ()):
            number = ledger.next_number(asked.key)
    return _used(before, asked, number, keep_later, provider)


def keep(timeline: Path | str, links: Sequence[str] = (), *, provider: str | None = None) -> Chosen:
    """
    Keep the older takes of links that only start on another frame now; all of them by default.

    Raises:
        UsageError: If a link has no older take, or more than its start has changed.
    """
    prepared = prepare(timeline, provider=provider)
    for link in links:
        step = step_of(prepared.plan, link)
        if step.link.key in _paid_for(prepared):
            raise UsageError(
                f"link {link} is being made anew, and paid for", Path(timeline).name,
                "`assembler generate` fetches it; then choose.",
            )  # fmt: skip
        if step.state == "done" or step.change != "start":
            raise UsageError(
                f"link {link} has no older take to keep: {step.why}", Path(timeline).name
            )
    kept, after = keep_older(prepared, links, provider=provider)
    return _chosen("", 0, kept, after)


def keep_older(
    prepared: Prepared, links: Sequence[str] = (), *, provider: str | None = None
) -> tuple[tuple[str, ...], Prepared]:
    """Older takes of links under the links' new keys; which, and the timeline prepared anew."""
    kept: list[str] = []
    paid = _paid_for(prepared)
    while True:
        # What a kept link is known by decides what the next one is known by.
        found = next(
            (
                step.link
                for step in prepared.plan.steps
                if step.state != "done"
                and step.change == "start"
                and step.link.key not in paid
                and (not links or step.link.id in links)
                and step.link.id not in kept
            ),
            None,
        )
        if found is None:
            return tuple(kept), prepared
        rows = submissions_made(prepared.project.ledger)
        _withdraw(prepared, (r for r in rows if r.key == found.key), "an older take is kept")
        _adopt(prepared, found)
        kept.append(found.id)
        prepared = _again(prepared, provider)


def _paid_for(prepared: Prepared) -> frozenset[str]:
    """Keys of links whose clips were sent for: an older take in their place would hide them."""
    rows = submissions_made(prepared.project.ledger)
    return frozenset(r.key for r in rows if r.state in ASKED_FOR and not _by_hand(r))


def _by_hand(row: Submission) -> bool:
    """Whether people were asked for a clip that they haven't brought: that can be taken back."""
    return row.provider == BY_HAND and row.state == "accepted"


def _withdraw(prepared: Prepared, rows: Iterable[Submission], reason: str) -> None:
    """Ask nobody by hand for the clips of *rows* any more: their sheets go."""
    from assembler.generation.providers.manual import Manual  # slow to load

    project = prepared.project
    desk = Manual(project.home / "jobs" / Manual.name).desk
    for row in filter(_by_hand, rows):
        with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
            ledger.failed(row.client_id, reason, Decimal(0))
        if (job := desk.jobs().get(row.job or "")) is not None:
            desk.forget(job)


def _withdraw_others(prepared: Prepared) -> None:
    """Ask nobody for what links of the timeline no longer are."""
    wanted = {step.link.id: step.link.key for step in prepared.plan.all_steps}
    own = prepared.project.timeline.name
    rows = (
        row
        for row in submissions_made(prepared.project.ledger)
        if row.timeline == own and row.key != wanted.get(row.link, row.key)
    )
    _withdraw(prepared, rows, "another take is used before it")


def _used(
    before: Prepared, link: Link, number: int, keep_later: bool, provider: str | None
) -> Chosen:
    with Ledger(before.project.ledger, timeline=before.project.timeline.name) as ledger:
        ledger.choose(link.key, number)
    kept: tuple[str, ...] = ()
    after = _again(before, provider)
    if keep_later:
        kept, after = keep_older(after, provider=provider)
    _withdraw_others(after)
    return _chosen(link.id, number, kept, after)


def _chosen(link: str, number: int, kept: tuple[str, ...], after: Prepared) -> Chosen:
    steps = [step for step in after.plan.all_steps if step.to_make]
    must = tuple(step for step in steps if step.change != "start")
    may = tuple(step for step in steps if step.change == "start")
    return Chosen(link, number, after.plan, kept, must, may)


def _again(prepared: Prepared, provider: str | None) -> Prepared:
    return prepare_loaded(load(prepared.project.timeline), prepared.project, provider=provider)


def _adopt(prepared: Prepared, link: Link) -> None:
    """A link's older takes under its new key: the same files, no second copy where disks allow."""
    project, older = prepared.project, prepared.shelf.older[link.id]
    numbers = {row.number for row in takes_made(project.ledger) if row.key == older.key}
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        for number in sorted({older.number, *numbers}):
            if not on_disk(project, older.key, number):
                continue
            new = take_path(project, link.key, number)
            _same_file(take_path(project, older.key, number), new)
            kept = {"key": take_key(link.key, number), "kept_from": take_key(older.key, number)}
            kept |= {"file": new.name, "price_usd": "0"}  # it was paid under its old key
            noted = provenance(project, older.key, number) | kept
            write_provenance(new, noted)
            ledger.adopt(link.key, number, link.id, new.name, str(noted.get("sha256", "")))
        ledger.choose(link.key, older.number)


def _same_file(old: Path, new: Path) -> None:
    with publish(new) as part:
        try:
            part.unlink(missing_ok=True)
            os.link(old, part)
        except OSError:
            shutil.copyfile(old, part)
