"""
Ranks the takes of a link by how well each goes between its neighbours.

    best = rank({"1": (seam_before, seam_after), "2": (seam_before, None)})[0]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assembler.match.decision import SeamDecision
from assembler.wording import counted

UNMATCHED_COST = 100.0
"""What a neighbour that doesn't match costs: more than any fault that can be corrected."""
FRAME_COST = 0.15
"""What a frame costs that is thrown away."""
HIDDEN_COST = 0.1
"""What a dE costs that is corrected: it is hidden, but not for nothing."""


@dataclass(frozen=True, slots=True)
class TakeFit:
    """How a take fits."""

    take: str
    cost: float
    """Lower is better: dE and pop that are left, frames lost, doubt; of both seams."""
    before: SeamDecision | None
    """None where nothing goes before it, or nothing is there yet."""
    after: SeamDecision | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the cost is made of, the seam before it first."""
        sides = (("before", self.before), ("after", self.after))
        return tuple(
            f"{where} it: {', '.join(_reasons(seam))}" for where, seam in sides if seam is not None
        )


def rank(
    seams: Mapping[str, tuple[SeamDecision | None, SeamDecision | None]],
) -> tuple[TakeFit, ...]:
    """
    Takes from the best to the worst.

    Args:
        seams: By take, what was decided about the seams before and after it; None for a cut, or
            for a neighbour that isn't there.
    """
    fits = [TakeFit(take, _cost(both), *both) for take, both in seams.items()]
    return tuple(sorted(fits, key=lambda fit: fit.cost))


def _cost(seams: tuple[SeamDecision | None, SeamDecision | None]) -> float:
    return round(sum(seam_cost(seam) for seam in seams if seam is not None), 4)


def seam_cost(decision: SeamDecision) -> float:
    """What a viewer would still notice of a seam, and what it takes to hide it."""
    if not decision.matched:
        return UNMATCHED_COST
    left = decision.after.get("dE", 0.0) + decision.after.get("pop", 0.0)
    hidden = decision.before.get("dE", 0.0) + decision.before.get("pop", 0.0)
    return left + HIDDEN_COST * hidden + FRAME_COST * _lost(decision) + (1 - decision.confidence)


def _lost(decision: SeamDecision) -> int:
    """Frames that are thrown away, the one that every handoff repeats left out."""
    return decision.held_tail + max(0, decision.start_from - 1) + len(decision.skipped)


def _reasons(seam: SeamDecision) -> Iterator[str]:
    if not seam.matched:
        yield "another picture"
        return
    came, left = (s.get("dE", 0.0) for s in (seam.before, seam.after))
    yield f"colours off by {came:.1f} dE, {left:.1f} when corrected"
    if seam.after.get("pop", 0.0) >= 0.5:
        yield f"a pop of {seam.after['pop']:.1f} dE stays"
    if _lost(seam):
        yield f"{counted(_lost(seam), 'frame')} lost"
    if seam.confidence < 0.5:
        yield "not sure that it matches"
