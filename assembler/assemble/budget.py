"""
Whether what is to be made fits into the budget: told by a plan, refused before anything is sent.

    check_budget(prepared.plan, prepared.shelf, prepared.project, budget_usd, timeline.budget)
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from assembler.errors import BudgetError
from assembler.generation import PROVIDERS
from assembler.generation.takes import provenance
from assembler.planning.ledger import Submission, submissions_made
from assembler.planning.model import Plan, Shelf, Step
from assembler.planning.project import Project
from assembler.spec.model import Budget

LOCAL = frozenset({"animatic", "manual"})
"""Providers that are paid nothing through us."""


def rows_of(project: Project) -> tuple[Submission, ...]:
    """A timeline's own submissions, oldest first."""
    name = project.timeline.name
    return tuple(row for row in submissions_made(project.ledger) if row.timeline == name)


def missing_from_ledger(plan: Plan, shelf: Shelf, project: Project) -> Iterator[str]:
    """That takes were paid which the ledger doesn't know: it was lost, or is an older copy."""
    known = {(row.key, row.number) for row in submissions_made(project.ledger)}
    paid: dict[str, Decimal] = {}
    for link in (step.link for step in plan.all_steps):
        for number in shelf.on_disk.get(link.key, ()):
            if (link.key, number) in known:
                continue
            price = Decimal(provenance(project, link.key, number).get("price_usd") or 0)
            if price:
                paid[link.id] = paid.get(link.id, Decimal(0)) + price
    if paid:
        yield (
            f"{project.ledger.name} doesn't know of takes that were paid, so neither costs nor "
            f"budgets count them: {', '.join(f'{id_} ${usd}' for id_, usd in paid.items())}; put "
            "it back from a copy"
        )


def uncounted(project: Project, budget_usd: Decimal | None) -> Iterator[str]:
    """That a budget doesn't hold what was spent at prices that nobody knows."""
    links = dict.fromkeys(row.link for row in rows_of(project) if row.unpriced)
    if links and budget_usd is not None:
        yield f"the budget can't count what {', '.join(links)} cost: no price was known"


def asked_again(plan: Plan, shelf: Shelf) -> frozenset[tuple[str, int]]:
    """Key and number of takes whose reply was lost: a plan has their price, as if not sent."""
    links = [step.link for step in plan.all_steps]
    return frozenset(
        (link.key, number)
        for link in links
        for number in shelf.unsure.get(link.key, set()) & set(shelf.missing(link))
    )


def check_budget(
    plan: Plan, shelf: Shelf, project: Project, budget_usd: Decimal | None, own: Budget | None
) -> None:
    """
    Refuse a plan that can't be made within the budget, before any of it is paid.

    Args:
        plan: What is to be made.
        shelf: What there is of it.
        project: Whose spending counts, too.
        budget_usd: The least limit that holds; None for none.
        own: That of the timeline.

    Raises:
        BudgetError: If list prices pass it, or one of them isn't known.
    """
    if budget_usd is not None and (told := beyond(plan, shelf, project, budget_usd, own)):
        what, needed = told
        fix = f"raise it to ${needed}, or ask for less; nothing was sent."
        if needed is None:
            fix = "choose models with known prices, or remove the budget; nothing was sent."
        raise BudgetError(what, fix=fix)


def beyond(
    plan: Plan, shelf: Shelf, project: Project, budget_usd: Decimal, own: Budget | None
) -> tuple[str, Decimal | None] | None:
    """Why a plan doesn't fit into a budget, and what would be needed where that is known."""
    steps = [step for step in plan.all_steps if step.price_usd != 0]
    if not steps:
        return None
    whose = "the timeline's `budget`" if own and own.usd == budget_usd else "the budget of this run"
    if unknown := [step.link.id for step in steps if _unpriced(step)]:
        named = ", ".join(unknown)
        return f"no price is known for {named}, so {whose}, ${budget_usd}, can't be kept", None
    again = asked_again(plan, shelf)
    rows = (r for r in rows_of(project) if r.state != "intended" and (r.key, r.number) not in again)
    spent = sum((row.cost_usd for row in rows), Decimal(0))
    if spent + plan.price_usd <= budget_usd:
        return None
    what = f"what is to be made costs ${plan.price_usd}; with ${spent} spent and under way it would"
    return f"{what} pass {whose}, ${budget_usd}", spent + plan.price_usd


def _unpriced(step: Step) -> bool:
    """Whether nobody knows its price; providers of other packages tell their own when asked."""
    known = step.link.provider in LOCAL or step.link.provider not in PROVIDERS
    return step.price_usd is None and not known
