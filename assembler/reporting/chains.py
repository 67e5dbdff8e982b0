"""How the look moves along each chain of links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from assembler.assemble.prepare import Prepared
from assembler.generation.takes import started_on
from assembler.generation.trends import chains
from assembler.match.trend import UNSEEN_DE, Drift
from assembler.planning.model import Link
from assembler.reporting.model import Chain, DriftPoint, Picture


def chains_of(prepared: Prepared, pictures: Mapping[str, Picture]) -> tuple[Chain, ...]:
    """Chains of at least two links, with what is known of their drift."""
    several = (chain for chain in chains(prepared.plan) if len(chain) > 1)
    found = (_chain(prepared, chain, pictures) for chain in several)
    return tuple(chain for chain in found if chain.points or chain.pictures)


def _chain(prepared: Prepared, links: Sequence[Link], pictures: Mapping[str, Picture]) -> Chain:
    points = []
    for before, link in pairwise(links):
        start = started_on(prepared.project, link, prepared.shelf.number(link))
        if start is not None and start.drift is not None and start.remaining is not None:
            points.append(_point(before.id, start.drift, start.remaining))
    return Chain(
        id=links[0].segment,
        links=tuple(link.id for link in links),
        points=tuple(points),
        pictures=tuple((link.id, pictures[link.id]) for link in links if link.id in pictures),
        verdict=_verdict(points),
    )


def _point(link: str, came: Drift, left: Drift) -> DriftPoint:
    return DriftPoint(
        link, came.colour_de, came.contrast, came.saturation, came.sharpness,
        left.colour_de, left.contrast, left.saturation, left.sharpness,
    )  # fmt: skip


def _verdict(points: Sequence[DriftPoint]) -> str:
    if not points:
        return "its drift wasn't measured"
    came = max(point.colour_de for point in points)
    left = max(point.left_de for point in points)
    if came <= UNSEEN_DE:
        return f"the look holds: colours move by {came:.1f} dE at most, which nobody sees"
    return f"clips move colours by up to {came:.1f} dE; {left:.1f} dE are left where they hand over"
