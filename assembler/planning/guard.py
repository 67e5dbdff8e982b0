"""What the drift guard means for a link: how far it may go, and what makes up for trimmed tails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from assembler.planning.chain import Span
from assembler.planning.links import LinkShape
from assembler.planning.model import Handoff, Link, Longer, Step
from assembler.planning.settings import Settings
from assembler.spec.model import Segment, Timeline

MOST_LONGER_S = 3
"""A link is made so much longer at most where tails were trimmed."""


def guarded(link: Link, segment: Segment, timeline: Timeline) -> Link:
    """A link that starts on another clip's end, with the author's word on how it does."""
    if not isinstance(link.start, Handoff):
        return link
    drift = segment.drift or timeline.drift
    said = (segment.seams.get(link.number), segment.seam, timeline.seam)
    keep = next((s.keep_until for s in said if s and s.keep_until is not None), None)
    return replace(
        link,
        drift_de=float(drift.limit) if drift.anchor == "first" else None,
        start_at_s=None if keep is None else (keep - 1) / timeline.canvas.rate,
    )


def with_longer(
    link: Link,
    shape: LinkShape,
    settings: Settings,
    rate: Fraction,
    price: Callable[[Fraction], Decimal | None],
) -> Link:
    """
    A segment's last link with what makes up for frames that links before it lose.

    There is nothing where it needn't be (nothing is handed within the segment), or mustn't: an end
    image would be arrived at later, an avatar's recording decides, a model has no length near it.
    """
    if not shape.handed or link.drift_de is None or link.end or link.shots or link.kind == "avatar":
        return link
    made, yields = settings.then.lengths, settings.then.yields
    shown = yields.repeat + shape.wanted_frames
    found = []
    for seconds in range(1, MOST_LONGER_S + 1):
        length = link.length_s + seconds
        if made.low <= length <= made.high if isinstance(made, Span) else length in made:
            spare_s = (yields.visible(length) - shown) / rate
            found.append(Longer(length, yields.frames(length), price(length), spare_s))
    spare_s = max(0, yields.visible(link.length_s) - shown) / rate
    return replace(link, longer=tuple(found), spare_s=spare_s)


def costs_more(steps: Sequence[Step]) -> Iterator[str]:
    """What trimmed tails may cost beyond the plan's price."""
    found = _second_more(steps)
    if found:
        yield (
            "where tails have to be trimmed at handoffs, the last link of a segment is asked for "
            f"a second more: usually ${costs_more_usd(steps):.2f} at most ({', '.join(found)})"
        )


def costs_more_usd(steps: Sequence[Step]) -> Decimal:
    """The same as a sum."""
    return sum(_second_more(steps).values(), Decimal(0))


def _second_more(steps: Sequence[Step]) -> dict[str, Decimal]:
    """What one second more costs, by segment."""
    found = {}
    for link in (s.link for s in steps if s.state != "done" and s.to_make > s.paid):
        more = link.longer[0].price_usd if link.longer else None
        if more is not None and link.price_usd is not None and more > link.price_usd:
            found[link.segment] = more - link.price_usd
    return found
