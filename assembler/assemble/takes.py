"""
Takes of a timeline's links: which there are, which is used, what is under way or was lost.

    takes("film.yaml").text()
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from assembler.assemble.prepare import Prepared, prepare, step_of
from assembler.assemble.ranking import RankedTakes, rank_takes
from assembler.errors import UsageError
from assembler.generation import provider_class
from assembler.generation.run import check_known
from assembler.generation.run import settle as settle_submission
from assembler.generation.shelf import changed_takes, left_behind
from assembler.generation.takes import provenance, taken_path
from assembler.planning.explain import money
from assembler.planning.ledger import LOST_SIGHT, OPEN, Submission, submissions_made
from assembler.planning.model import Link, Step


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
    heard_only: bool = False
    """Whether they are sound, which has no neighbours to fit between."""

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
    steps = prepared.plan.all_steps if link is None else (step_of(prepared.plan, link),)
    plan, shelf = prepared.plan, prepared.shelf
    left = () if provider else left_behind(plan, shelf, prepared.project)
    return Takes(takes_of(prepared, steps), (*left, *changed_takes(plan, shelf)))


def takes_of(prepared: Prepared, steps: Sequence[Step] | None = None) -> tuple[LinkTakes, ...]:
    """The takes of a plan's links, or of some of them."""
    rows: defaultdict[str, list[Submission]] = defaultdict(list)
    for row in submissions_made(prepared.project.ledger):
        rows[row.key].append(row)
    chosen = prepared.plan.steps if steps is None else steps
    return tuple(_of_link(prepared, step, rows[step.link.key]) for step in chosen)


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
    several = sum(take.state == "there" for take in found.takes) > 1 and not found.heard_only
    return Shown(found, rank_takes(timeline, found.link) if several else None)


def _of_link(prepared: Prepared, step: Step, rows: Sequence[Submission]) -> LinkTakes:
    link = step.link
    shelf = prepared.shelf
    there = shelf.on_disk.get(link.key, frozenset())
    found = [_there(prepared, link, n) for n in there]
    found += [_under_way(prepared, link, row) for row in rows if row.state in OPEN]
    found += [
        _under_way(prepared, link, row)
        for row in rows[-1:]
        if row.state == "failed" and row.number not in there
    ]
    in_order = tuple(sorted(found, key=lambda take: take.number))
    return LinkTakes(link.id, step.why, in_order, link.heard_only)


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
        path=taken_path(prepared.project, link.key, number),
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

    A job that couldn't be had at its provider may be changed for the right one.

    Raises:
        UsageError: If there is no such submission, its fate is known, or the job is another's or
            not known to the provider.
    """
    prepared = prepare(timeline)
    project = prepared.project
    rows = {row.client_id: row for row in submissions_made(project.ledger)}
    row = rows.get(client_id)
    link = next((s.link for s in prepared.plan.all_steps if row and s.link.key == row.key), None)
    if job is not None and row is not None and link is not None:
        job = provider_class(row.provider).job_of(link, job)
    # What another account was told lies there: its user may say that it is the same one.
    again = (
        row is not None
        and job is not None
        and row.state in ("accepted", "done")
        and (row.job == job or (row.state == "accepted" and row.reason))
    )
    if row is None or not (again or row.state in LOST_SIGHT):
        lost = [r.client_id for r in rows.values() if r.state in LOST_SIGHT]
        what = "isn't known" if row is None else f"is {row.state}, there is nothing to settle"
        listed = ", ".join(lost) or "none"
        raise UsageError(f"submission {client_id} {what}", fix=f"To be settled: {listed}.")
    for other in rows.values():
        if job and other is not row and (other.provider, other.job) == (row.provider, job):
            raise UsageError(
                f"job {job} is that of link {other.link} already",
                fix="look for another one; if there is none, say --none.",
            )
    if job:
        check_known(project, row.provider, job)
    return Settled(settle_submission(project, client_id, job))
