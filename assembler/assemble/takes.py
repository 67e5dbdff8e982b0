"""
Takes of a timeline's links: which there are, which is used, which is made anew, and what was paid.

    takes("film.yaml").text()
    choose("film.yaml", "dawn.2", 2, keep_later=True)
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from assembler.assemble.prepare import Prepared, prepare, prepare_loaded
from assembler.assemble.ranking import RankedTakes, rank_takes
from assembler.errors import UsageError
from assembler.generation.run import settle as settle_submission
from assembler.generation.shelf import provenance
from assembler.generation.takes import on_disk, take_path
from assembler.media.files import publish
from assembler.planning.explain import Totals, money, totals
from assembler.planning.keys import take_key
from assembler.planning.ledger import Ledger, Submission, submissions_made, takes_made
from assembler.planning.model import Link, Plan, Step
from assembler.spec.load import load

_OPEN = frozenset({"intended", "sent", "accepted", "done", "unknown"})


@dataclass(frozen=True, slots=True)
class TakeFacts:
    """One take of a link, there or on its way."""

    link: str
    number: int
    chosen: bool
    state: str
    """there, or the state of its submission."""
    provider: str
    model: str
    cost_usd: Decimal | None
    made: str
    """When, in local time."""
    path: Path | None
    client_id: str = ""
    job: str = ""
    reason: str = ""
    kept: bool = False
    """It was made for the link when it started on another frame."""

    def data(self) -> dict[str, Any]:
        """For JSON."""
        cost = None if self.cost_usd is None else str(self.cost_usd)
        return asdict(self) | {"cost_usd": cost, "path": self.path and str(self.path)}

    def text(self) -> str:
        """A line for people."""
        mark = "*" if self.chosen else " "
        by = self.provider if self.provider == self.model else f"{self.provider} {self.model}"
        parts = [self.state, by, money(self.cost_usd), self.made]
        parts += ["kept from before"] * self.kept
        parts += [f"job {self.job}"] * bool(self.job and self.state != "there")
        parts += [f"settle with {self.client_id}"] * (self.state == "unknown")
        parts += [self.reason] * bool(self.reason)
        return f"{mark} take {self.number}  " + ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class LinkTakes:
    """A link and its takes."""

    link: str
    why: str
    """What the plan says of it."""
    takes: tuple[TakeFacts, ...]

    def text(self) -> str:
        """A line for the link and one for each take."""
        return "\n".join([f"{self.link}: {self.why}", *(f"  {take.text()}" for take in self.takes)])


@dataclass(frozen=True, slots=True)
class Takes:
    """All links of a timeline with their takes."""

    links: tuple[LinkTakes, ...]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """For people; the take in use is marked with a star."""
        return "\n".join([*(one.text() for one in self.links), *self.notes])

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "links": [
                {"link": one.link, "why": one.why, "takes": [t.data() for t in one.takes]}
                for one in self.links
            ],
            "notes": list(self.notes),
        }


def takes(timeline: Path | str, link: str | None = None, *, provider: str | None = None) -> Takes:
    """
    The takes of every link, or of one.

    Raises:
        UsageError: If there is no such link.
    """
    prepared = prepare(timeline, provider=provider)
    rows: defaultdict[str, list[Submission]] = defaultdict(list)
    for row in submissions_made(prepared.project.ledger):
        rows[row.key].append(row)
    steps = prepared.plan.steps if link is None else [_step(prepared.plan, link)]
    return Takes(tuple(_of_link(prepared, step, rows[step.link.key]) for step in steps))


@dataclass(frozen=True, slots=True)
class Shown:
    """One link's takes, and how they fit between their neighbours where there are several."""

    takes: LinkTakes
    ranked: RankedTakes | None

    def text(self) -> str:
        """For people; the take that fits best comes first among the fits."""
        lines = [self.takes.text()]
        if self.ranked:
            lines += ["fit between its neighbours, the best first (lower is better):"]
            lines += [f"  {take.text()}" for take in self.ranked.takes]
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "link": self.takes.link,
            "why": self.takes.why,
            "takes": [take.data() for take in self.takes.takes],
            "fits": self.ranked.data()["takes"] if self.ranked else [],
        }


def show(timeline: Path | str, link: str, *, provider: str | None = None) -> Shown:
    """
    One link's takes.

    Raises:
        UsageError: If there is no such link.
    """
    found = takes(timeline, link, provider=provider).links[0]
    several = sum(take.state == "there" for take in found.takes) > 1
    return Shown(found, rank_takes(timeline, found.link) if several else None)


def _of_link(prepared: Prepared, step: Step, rows: Sequence[Submission]) -> LinkTakes:
    link = step.link
    shelf = prepared.shelf
    there = shelf.on_disk.get(link.key, frozenset())
    found = [_there(prepared, link, n) for n in there]
    found += [_under_way(prepared, link, row) for row in rows if row.state in _OPEN]
    found += [
        _under_way(prepared, link, row)
        for row in rows[-1:]
        if row.state == "failed" and row.number not in there
    ]
    return LinkTakes(link.id, step.why, tuple(sorted(found, key=lambda take: take.number)))


def _there(prepared: Prepared, link: Link, number: int) -> TakeFacts:
    noted = provenance(prepared.project, link.key, number)
    price = noted.get("price_usd")
    return TakeFacts(
        link=link.id,
        number=number,
        chosen=number == prepared.shelf.number(link),
        state="there",
        provider=str(noted.get("provider", "")),
        model=str(noted.get("model", "")),
        cost_usd=None if price is None else Decimal(str(price)),
        made=_local(noted.get("done")),
        path=take_path(prepared.project, link.key, number),
        kept="kept_from" in noted,
    )


def _under_way(prepared: Prepared, link: Link, row: Submission) -> TakeFacts:
    return TakeFacts(
        link=link.id,
        number=row.number,
        chosen=row.number == prepared.shelf.number(link),
        state=row.state,
        provider=row.provider,
        model=row.model,
        cost_usd=row.billed_usd if row.billed_usd is not None else row.price_usd,
        made=datetime.fromtimestamp(row.changed_at).isoformat(" ", "minutes"),
        path=None,
        client_id=row.client_id,
        job=row.job or "",
        reason=row.reason,
    )


def _local(text: object) -> str:
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(str(text)).astimezone().strftime("%Y-%m-%d %H:%M")
    return ""


# -- choosing ------------------------------------------------------------------------------


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

    @property
    def totals(self) -> Totals:
        """What is to be made now."""
        return totals(self.plan)

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
    step = _step(before.plan, link)
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

    A new take that was asked for and hasn't been made is not asked for twice.

    Raises:
        UsageError: If there is no such link.
    """
    before = prepare(timeline, provider=provider)
    asked = _step(before.plan, link).link
    number = before.shelf.number(asked)
    if number in before.shelf.on_disk.get(asked.key, ()):
        with Ledger(before.project.ledger, timeline=before.project.timeline.name) as ledger:
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
        step = _step(prepared.plan, link)
        if not step.to_make or step.change != "start":
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
    while True:
        # What a kept link is known by decides what the next one is known by.
        found = next(
            (
                step.link
                for step in prepared.plan.steps
                if step.to_make
                and step.change == "start"
                and (not links or step.link.id in links)
                and step.link.id not in kept
            ),
            None,
        )
        if found is None:
            return tuple(kept), prepared
        _adopt(prepared, found)
        kept.append(found.id)
        prepared = _again(prepared, provider)


def _used(
    before: Prepared, link: Link, number: int, keep_later: bool, provider: str | None
) -> Chosen:
    with Ledger(before.project.ledger, timeline=before.project.timeline.name) as ledger:
        ledger.choose(link.key, number)
    kept: tuple[str, ...] = ()
    after = _again(before, provider)
    if keep_later:
        later = [s.link.id for s in after.plan.steps if s.change == "start"]
        if later:
            kept, after = keep_older(after, later, provider=provider)
    return _chosen(link.id, number, kept, after)


def _chosen(link: str, number: int, kept: tuple[str, ...], after: Prepared) -> Chosen:
    steps = [step for step in after.plan.steps if step.to_make]
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
            kept |= {"price_usd": "0"}  # it was paid under its old key
            noted = provenance(project, older.key, number) | kept
            with publish(new.with_suffix(".json")) as part:
                text = json.dumps(noted, indent=1, ensure_ascii=False)
                part.write_text(text + "\n", encoding="utf-8")
            ledger.adopt(link.key, number, link.id, new.name, str(noted.get("sha256", "")))
        ledger.choose(link.key, older.number)


def _same_file(old: Path, new: Path) -> None:
    with publish(new) as part:
        try:
            part.unlink(missing_ok=True)
            os.link(old, part)
        except OSError:
            shutil.copyfile(old, part)


def _step(plan: Plan, link: str) -> Step:
    """The step of a link, which may be named by its segment when that has one alone."""
    by_id = {step.link.id: step for step in plan.steps}
    own = plan.links_of(link)
    if link in by_id:
        return by_id[link]
    if len(own) == 1:
        return by_id[own[0].id]
    near = difflib.get_close_matches(link, by_id, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    known = ", ".join(list(by_id)[:20]) or "none: nothing is generated"
    raise UsageError(f"there is no link {link!r}", fix=f"{hint}Links: {known}.")


# -- lost submissions ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settled:
    """A submission after the user's word on it."""

    submission: Submission

    def text(self) -> str:
        """What happens next."""
        row = self.submission
        if row.state == "failed":
            return f"{row.link}: no job was made; the next run may send it again"
        return f"{row.link}: job {row.job} at {row.provider}; the next run waits for it"

    def data(self) -> dict[str, Any]:
        """For JSON."""
        row = self.submission
        return {"link": row.link, "client_id": row.client_id, "state": row.state, "job": row.job}


def settle(timeline: Path | str, client_id: str, job: str | None) -> Settled:
    """
    Say what became of a submission whose reply was lost: its job's id, or None for no job.

    Raises:
        UsageError: If there is no such submission, or its fate is known.
    """
    project = prepare(timeline).project
    rows = {row.client_id: row for row in submissions_made(project.ledger)}
    row = rows.get(client_id)
    if row is None or row.state not in ("sent", "unknown"):
        lost = [r.client_id for r in rows.values() if r.state in ("sent", "unknown")]
        what = "isn't known" if row is None else f"is {row.state}, there is nothing to settle"
        listed = ", ".join(lost) or "none"
        raise UsageError(f"submission {client_id} {what}", fix=f"To be settled: {listed}.")
    return Settled(settle_submission(project, client_id, job))


# -- money ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Costs:
    """What was paid, is under way, and would still be paid."""

    rows: tuple[Submission, ...]
    """Of this timeline, oldest first."""
    to_pay_usd: Decimal
    unpriced: int

    @property
    def spent_usd(self) -> Decimal:
        """For what has ended."""
        return _sum(row for row in self.rows if row.state not in _OPEN)

    @property
    def under_way_usd(self) -> Decimal:
        """For what was sent and hasn't ended, or may have been."""
        return _sum(row for row in self.rows if row.state in _OPEN)

    def by(self, field: str) -> Mapping[str, Decimal]:
        """Sums by segment, provider, model or link."""
        out: dict[str, Decimal] = {}
        for row in self.rows:
            name = row.link.rsplit(".", 1)[0] if field == "segment" else str(getattr(row, field))
            out[name] = out.get(name, Decimal(0)) + row.cost_usd
        return out

    def text(self) -> str:
        """A line for each submission, sums under them."""
        lines = [_cost_line(row) for row in self.rows]
        for field in ("segment", "provider"):
            sums = self.by(field)
            if len(sums) > 1:
                listed = ", ".join(f"{name} {money(usd)}" for name, usd in sums.items())
                lines.append(f"by {field}: {listed}")
        unknown = f" and {self.unpriced} of unknown price" if self.unpriced else ""
        lines.append(
            f"spent {_dollars(self.spent_usd)}, under way {_dollars(self.under_way_usd)}, "
            f"to make {_dollars(self.to_pay_usd)}{unknown}"
        )
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "submissions": [_cost_data(row) for row in self.rows],
            "by_segment": {name: str(usd) for name, usd in self.by("segment").items()},
            "by_provider": {name: str(usd) for name, usd in self.by("provider").items()},
            "spent_usd": str(self.spent_usd),
            "under_way_usd": str(self.under_way_usd),
            "to_make_usd": str(self.to_pay_usd),
            "unpriced": self.unpriced,
        }


def costs(timeline: Path | str, *, provider: str | None = None) -> Costs:
    """What this timeline's clips have cost and will cost, by segment, take and provider."""
    prepared = prepare(timeline, provider=provider)
    name = prepared.project.timeline.name
    rows = [r for r in submissions_made(prepared.project.ledger) if r.timeline == name]
    plan = prepared.plan
    return Costs(tuple(rows), plan.price_usd, totals(plan).unpriced)


def _sum(rows: Iterable[Submission]) -> Decimal:
    return sum((row.cost_usd for row in rows), Decimal(0))


def _dollars(usd: Decimal) -> str:
    return f"${usd:.2f}"


def _cost_line(row: Submission) -> str:
    planned, billed = row.price_usd, row.billed_usd
    price = money(billed if billed is not None else planned)
    if row.state == "failed" and billed is None:
        price = "not billed"
    elif billed is not None and planned is not None and billed != planned:
        price += f" billed, {money(planned)} planned"
    elif billed:
        price += " billed"
    model = row.provider if row.provider == row.model else f"{row.provider} {row.model}"
    reason = f" ({row.reason})" if row.reason else ""
    return f"{row.link} take {row.number}: {price}, {model}, {row.state}{reason}"


def _cost_data(row: Submission) -> dict[str, Any]:
    return {
        "link": row.link,
        "take": row.number,
        "provider": row.provider,
        "model": row.model,
        "state": row.state,
        "planned_usd": None if row.price_usd is None else str(row.price_usd),
        "billed_usd": None if row.billed_usd is None else str(row.billed_usd),
        "cost_usd": str(row.cost_usd),
        "job": row.job,
        "client_id": row.client_id,
        "reason": row.reason,
    }
