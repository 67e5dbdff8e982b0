"""
Ranks the takes of a link by how well each goes between its neighbours.

    best = rank({"a": (head_a, tail_a), "b": (head_b, tail_b)}, before=tail, after=head, ...)[0]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from assembler.match.decision import SeamDecision
from assembler.match.engine import decide
from assembler.match.features import F32
from assembler.spec.model import SeamOverride
from assembler.spec.presets import SeamPreset

UNMATCHED_COST = 100.0
"""What a neighbour that doesn't match costs: more than any fault that can be corrected."""
FRAME_COST = 0.15
"""What a frame costs that is thrown away."""


@dataclass(frozen=True, slots=True)
class TakeFit:
    """How a take fits."""

    take: str
    cost: float
    """Lower is better: dE and pop that are left, frames lost, doubt; of both seams."""
    before: SeamDecision | None
    after: SeamDecision | None


def rank(
    takes: Mapping[str, tuple[F32, F32]],
    *,
    before: F32 | None,
    after: F32 | None,
    rate: Fraction,
    preset: SeamPreset,
) -> tuple[TakeFit, ...]:
    """
    *takes* from the best to the worst.

    Args:
        takes: First and last frames of each, as `decide` wants them: (head, tail).
        before: Last frames of the link before; None when a cut or nothing is there.
        after: First frames of the link after.
        rate: The programme's.
        preset: How far the engine may go at both seams.
    """
    fits = [_fit(name, pair, before, after, rate, preset) for name, pair in takes.items()]
    return tuple(sorted(fits, key=lambda fit: (fit.cost, fit.take)))


def _fit(
    name: str,
    take: tuple[F32, F32],
    before: F32 | None,
    after: F32 | None,
    rate: Fraction,
    preset: SeamPreset,
) -> TakeFit:
    head, tail = take
    opened = None if before is None else _seam(before, head, rate, preset)
    closed = None if after is None else _seam(tail, after, rate, preset)
    cost = sum(seam_cost(d) for d in (opened, closed) if d is not None)
    return TakeFit(name, cost, opened, closed)


def _seam(tail: F32, head: F32, rate: Fraction, preset: SeamPreset) -> SeamDecision:
    return decide(tail, head, a_frames=len(tail), rate=rate, preset=preset, override=SeamOverride())


def seam_cost(decision: SeamDecision) -> float:
    """What a viewer would still notice of a seam, and what it takes to hide it."""
    if not decision.matched:
        return UNMATCHED_COST
    left = decision.after.get("dE", 0.0) + decision.after.get("pop", 0.0)
    hidden = 0.1 * (decision.before.get("dE", 0.0) + decision.before.get("pop", 0.0))
    lost = decision.held_tail + decision.start_from + len(decision.skipped)
    return left + hidden + FRAME_COST * lost + (1 - decision.confidence)
