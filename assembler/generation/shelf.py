"""
Which takes of a plan are on disk, and what was made for its links before they changed.

    plan = with_states(plan, shelf_of(plan, project))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from assembler.generation.takes import content_of, noted_takes, on_disk, provenance, taken_path
from assembler.planning.explain import money
from assembler.planning.keys import take_key
from assembler.planning.ledger import (
    ASKED_FOR,
    LOST_SIGHT,
    Submission,
    TakeRow,
    chosen_takes,
    jobs_in_vain,
    submissions_made,
    takes_made,
)
from assembler.planning.model import Link, OlderTake, Plan, Shelf
from assembler.planning.project import Project
from assembler.planning.settings import BY_HAND

_NAMES = {
    "prompt": "the prompt", "negative": "the negative prompt", "camera": "the camera",
    "model": "the model", "provider": "the provider", "kind": "the kind", "seed": "the seed",
    "resolution": "the resolution",
}  # fmt: skip
"""What a provenance says in the words of `Link`, and its name."""


def shelf_of(plan: Plan, project: Project) -> Shelf:
    """Takes by their files and provenance; only files that have changed are read, none written."""
    chosen, made = chosen_takes(project.ledger), takes_made(project.ledger)
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    by_link: defaultdict[str, list[TakeRow]] = defaultdict(list)
    for row in made:
        numbers[row.key].add(row.number)
        by_link[row.link].append(row)
    links = [step.link for step in plan.all_steps]
    for link in links:
        numbers[link.key] |= {chosen.get(link.key, 1), *range(1, link.takes + 1)}
    noted = noted_takes(project)
    # A clip that lies there counts even if the ledger lost it: it was paid for.
    there = {
        link.key: frozenset(
            n
            for n in numbers[link.key]
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
    submissions = submissions_made(project.ledger)
    came = {(row.key, row.number) for row in submissions if row.state == "fetched"}
    coming: dict[str, dict[int, str]] = {link.key: {} for link in links}
    unsure: dict[str, set[int]] = {}
    for asked in submissions:
        gone = asked.number not in there.get(asked.key, {asked.number})
        if gone and (told := _coming(project, asked)):
            coming[asked.key][asked.number] = told
            if asked.state in LOST_SIGHT:
                unsure.setdefault(asked.key, set()).add(asked.number)
    for link in links:
        lost = {n for n in numbers[link.key] if _gone(project, link, n)} - there[link.key]
        for number in lost - coming[link.key].keys() - vain.get(link.key, {}).keys():
            vain.setdefault(link.key, {})[number] = (
                "the file isn't the one that came, and no job is known that would give it again"
            )
    changed = {
        link.key: other
        for link in links
        if (other := dict(_changed_files(project, link, there[link.key], came)))
    }
    there = {key: found for key, found in there.items() if found}
    return Shelf(there, chosen, older, vain, coming, unsure, changed)


def _coming(project: Project, row: Submission) -> str:
    """How far a take is that was asked for and isn't there; empty where it is asked for anew."""
    match row.state:
        case "fetched":
            return "its take isn't there as it came: it comes again, free"
        case "done":
            last = f" (so far: {row.reason})" if row.reason else ""
            return f"its clip is made: it is fetched, free{last}"
        case "accepted" if row.provider != BY_HAND:  # people can be asked for less at any time
            if row.reason:
                return (
                    f"its job couldn't be had ({row.reason}): the next run asks for it again, "
                    "`assembler takes reroll` for another"
                )
            return f"its job is under way at {row.provider}"
        case "sent":
            return (
                f"was sent to {row.provider}: the next run looks up what became of it, and pays "
                "for it only where no job was made"
            )
        case "unknown":
            settles = f"`assembler takes settle {project.timeline.name} {row.client_id}`"
            return f"was sent to {row.provider}, and {settles} has to say what became of it"
    return ""


def _gone(project: Project, link: Link, number: int) -> bool:
    """Whether a take that may have been paid was written down, but isn't there whole."""
    return bool(link.price_usd != 0 and provenance(project, link.key, number))


def _changed_files(
    project: Project, link: Link, numbers: Iterable[int], came: Collection[tuple[str, int]]
) -> Iterator[tuple[int, str]]:
    """Takes that are there whole, with other bytes than those that came."""
    for number in numbers:
        noted = provenance(project, link.key, number)
        path = taken_path(project, link.key, number)
        try:
            same = content_of(path, noted) == noted.get("sha256", "")
        except OSError:
            continue
        if not same:
            again = f", delete it to have it again from {noted.get('provider', link.provider)}"
            yield (
                number,
                f"{path.name} was damaged or changed after it came; put it back from a copy"
                f"{again if (link.key, number) in came else ''}, or "
                f"`assembler takes reroll {project.timeline.name} {link.id}` asks for another",
            )


def changed_takes(plan: Plan, shelf: Shelf) -> Iterator[str]:
    """Which takes in use aren't what came for their links, and what mends it."""
    for step in plan.all_steps:
        number = shelf.number(step.link)
        if told := shelf.changed.get(step.link.key, {}).get(number):
            yield f"link {step.link.id}: its take {number} {told}"


def left_behind(plan: Plan, shelf: Shelf, project: Project) -> Iterator[str]:
    """Clips that were paid and that nothing of the timeline asks for any more; how to have them."""
    links = {step.link.key: step.link for step in plan.all_steps}
    for row in submissions_made(project.ledger):
        link = links.get(row.key)
        wanted = link is not None and row.number in shelf.wanted(link)
        given_up = link is not None and row.reason and row.state != "unknown"
        if wanted or given_up or not (row.cost_usd or row.unpriced):
            continue
        if row.timeline != project.timeline.name or row.state not in ASKED_FOR:
            continue
        has = "a clip" if link is None else f"take {row.number}"
        how, price = "the timeline as it was", "at no further cost"
        if link is not None:
            how = f"`takes: {max(row.number, 2)}`"
            known = {*shelf.on_disk.get(link.key, ()), *shelf.coming.get(link.key, ())}
            if not known.issuperset(range(1, max(row.number, 2) + 1)):
                price = "and makes the other takes, which are paid"
        if row.state in LOST_SIGHT:
            price = "where a job was made"
        yield (
            f"link {row.link}: {has} that isn't asked for any more was sent for at {row.provider} "
            f"({money(row.cost_usd) if row.cost_usd else 'at an unknown price'}) and hasn't come; "
            f"with {how} `assembler generate` fetches it, {price}"
        )


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
