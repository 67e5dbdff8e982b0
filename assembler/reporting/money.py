"""What the film has cost, what it is made with, and what need not be made again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from assembler.assemble.costs import costs_of
from assembler.assemble.prepare import Prepared
from assembler.assemble.walk import Made
from assembler.planning.explain import totals
from assembler.reporting.links import cost_of
from assembler.reporting.model import Link, ModelShare, Money, Reuse

FOOTAGE = "footage"
"""What clips are made with that aren't generated."""


def money_of(prepared: Prepared) -> Money:
    """What was and will be paid."""
    costs, total = costs_of(prepared), totals(prepared.plan)
    return Money(
        spent_usd=costs.spent_usd,
        under_way_usd=costs.under_way_usd,
        to_make_usd=costs.to_pay_usd,
        to_make=sum(step.to_make - step.paid for step in prepared.plan.steps),
        unpriced=total.unpriced,
        unknown=costs.unknown,
    )


def models_of(links: Sequence[Link], rate: Fraction) -> tuple[ModelShare, ...]:
    """How much of the programme each model has made, the most first."""
    by: dict[str, list[Link]] = {}
    for link in links:
        by.setdefault(link.made_by if link.generated else FOOTAGE, []).append(link)
    shares = [
        ModelShare(
            name,
            len(own),
            float(sum(link.stop - link.start for link in own) / rate),
            Decimal(0) if name == FOOTAGE else cost_of(own),
        )
        for name, own in by.items()
    ]
    return tuple(sorted(shares, key=lambda share: -share.seconds))


def reuse_of(
    links: Sequence[Link], film: Made | None, rendered: int | None, spans_s: float
) -> Reuse:
    """
    What the next run finds done, and what the last one found.

    Args:
        links: Clips with their takes.
        film: What was delivered.
        rendered: Spans that were made for it when it was rendered last.
        spans_s: What making all its spans took.
    """
    there = [t for link in links for t in link.takes if t.state == "there" and t.chosen]
    spans = film.spans if film else 0
    return Reuse(
        takes=len(there),
        takes_s=sum(take.seconds or 0.0 for take in there),
        spans=spans - (spans if rendered is None else rendered),
        spans_of=spans,
        spans_s=spans_s,
    )
