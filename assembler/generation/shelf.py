"""
Which takes of a plan are on disk, and what was made for its links before they changed.

    plan = with_states(plan, shelf_of(plan, project))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from assembler.generation.takes import noted_takes, on_disk, provenance
from assembler.planning.explain import money
from assembler.planning.keys import take_key
from assembler.planning.ledger import (
    Submission,
    TakeRow,
    chosen_takes,
    jobs_in_vain,
    takes_made,
)
from assembler.planning.model import Link, OlderTake, Plan, Shelf
from assembler.planning.project import Project

_NAMES = {
    "prompt": "the prompt", "negative": "the negative prompt", "camera": "the camera",
    "model": "the model", "provider": "the provider", "kind": "the kind", "seed": "the seed",
    "resolution": "the resolution",
}  # fmt: skip
"""What a provenance says in the words of `Link`, and its name."""


def shelf_of(plan: Plan, project: Project) -> Shelf:
    """Takes by their files and provenance; nothing is opened or written."""
    chosen, made = chosen_takes(project.ledger), takes_made(project.ledger)
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    by_link: defaultdict[str, list[TakeRow]] = defaultdict(list)
    for row in made:
        numbers[row.key].add(row.number)
        by_link[row.link].append(row)
    links = [step.link for step in plan.all_steps]
    noted = noted_takes(project)
    # A clip that lies there counts even if the ledger lost it: it was paid for.
    there = {
        link.key: frozenset(
            n
            for n in {chosen.get(link.key, 1), *range(1, link.takes + 1), *numbers[link.key]}
            if take_key(link.key, n) in noted and on_disk(project, link.key, n)
        )
        for link in links
    }
    older = {
        link.id: found
        for link in links
        if not there[link.key]
        and (found := _older(project, link, reversed(by_link[link.id]), chosen))
    }
    vain = {
        key: {number: told_of(row) for number, row in rows.items()}
        for key, rows in jobs_in_vain(project.ledger).items()
    }
    return Shelf({key: found for key, found in there.items() if found}, chosen, older, vain)


def told_of(row: Submission) -> str:
    """What became of a job that was made in vain, and of its price."""
    if row.billed_usd is not None:
        return f"the job has failed and {money(row.billed_usd)} was billed"
    return f"the job has failed, and {row.provider} doesn't say that it was free"


def _older(
    project: Project, link: Link, rows: Iterable[TakeRow], chosen: Mapping[str, int]
) -> OlderTake | None:
    """The newest take that was in use under another key and still lies there."""
    for row in rows:
        if row.key == link.key or row.number != chosen.get(row.key, 1):
            continue
        if not on_disk(project, row.key, row.number):
            continue
        noted = provenance(project, row.key, row.number)
        asked = str(noted.get("asked_key", ""))
        changed = () if asked == link.asked_key else tuple(_changed(noted, link))
        return OlderTake(row.key, row.number, asked, changed)
    return None


def _changed(noted: Mapping[str, Any], link: Link) -> Iterable[str]:
    for field, name in _NAMES.items():
        if field in noted and noted[field] != getattr(link, field):
            yield name
    if noted.get("length_s") not in (None, float(link.length_s)):
        yield "the length"
