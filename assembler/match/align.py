"""
Which frames of both sides show the same moment: the overlap of A's end and B's start.

    tail of A   … 5 6 7 8
    head of B         7 8 9 10 …       pairs (7, 7) and (8, 8): two frames are repeated
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assembler.match.features import F32, distance, fitted, likeness, resized, side_by_side
from assembler.match.register import (
    Affine,
    ecc,
    identity,
    inside,
    scaled,
    seen_through,
    travel_px,
)
from assembler.match.stride import Stride

CAMERA_PX = 0.3
"""A camera that moves by less from frame to frame stands still, at the size of the details."""
SAME_WAY = 0.4
"""Ways that differ by less than this part of the camera's speed are the same."""
DIFFERS = 0.4
"""Less of a step is left between two pictures of the same moment."""
CLEARLY = 0.8
"""Another overlap is believed when its pictures lie so much nearer than one repeated frame's."""


MOVED = 0.04
"""Change of detail that is no noise."""
TOLD = 0.5
"""Or so much of what A's own motion changes between the two overlaps."""
SHORTEST_TURN = 4
"""Frames; pictures that come again sooner are repeats or flicker."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which frames of both sides show the same moment, and how they lie over each other."""

    pairs: tuple[tuple[int, int], ...]
    """(index in the tail, index in the head) of frames that show the same moment."""
    affine: Affine
    """Map from A's to B's pixels at the size of the details."""
    cost: float
    """Root mean square difference of detail of the pairs; noise is some 0.03."""
    likeness: float
    """Correlation of detail of the pairs."""
    margin: float
    """Cost of the best other overlap over this one's."""
    goes_on: bool = False
    """B begins with what comes next in A's loop: the pair shows neighbouring moments."""


def align(tail: F32, head: F32, most_overlap: int) -> Alignment:
    """
    The overlap of *tail* and *head* whose registered pictures agree best.

    Args:
        tail: Detail of A's frames without held ones, float32 (n, h, w).
        head: Detail of B's frames without held ones, float32 (m, h, w).
        most_overlap: Most frames of overlap that are tried.
    """
    size = (tail.shape[2], tail.shape[1])
    small = fitted(size, size[0] // 2 if size[0] >= size[1] else size[1] // 2)
    first = resized(head[0], small)
    shifts = range(min(most_overlap, len(tail), len(head)))
    coarse = side_by_side(lambda s: _coarse(resized(tail[-1 - s], small), first), shifts)
    best = sorted(shifts, key=lambda s: coarse[s][0])[:3]
    likely = sorted({0, 1, *best} & set(shifts))
    tried = side_by_side(lambda s: _overlap(tail, head, s, coarse[s][1], small), likely)
    chosen = _chosen(tail, tried)
    turn = _turn(tail, len(chosen.pairs))
    if turn is None:
        return chosen
    repeats = len(chosen.pairs) % turn
    shift = max(0, repeats - 1)
    found = _overlap(tail, head, shift, coarse[shift][1], small)
    return replace(found, goes_on=not repeats)


def _turn(tail: F32, most: int) -> int | None:
    """After how many frames, *most* of them, a loop comes round; None where nothing does."""
    longest = min(most, len(tail) - 3)
    apart = [distance(tail[-1], frame) for frame in tail[::-1]] if longest >= SHORTEST_TURN else []
    for n in range(SHORTEST_TURN, longest + 1):
        least = DIFFERS * max(apart[:n])
        # A swing shows the same picture on its way back, but not the ones around it.
        round_again = apart[n] < least and distance(tail[-3], tail[-3 - n]) < least
        if round_again and apart[n] <= apart[n + 1]:
            return n
    return None


def _coarse(one: F32, two: F32) -> tuple[float, Affine]:
    found = ecc(one, two, identity(), steps=20)
    matrix = identity() if found is None else found[1]
    mask = inside(matrix, (one.shape[1], one.shape[0]))
    return distance(one, seen_through(two, matrix), mask), matrix


def _overlap(tail: F32, head: F32, shift: int, start: Affine, small: tuple[int, int]) -> Alignment:
    size = (tail.shape[2], tail.shape[1])
    found = ecc(tail[-1 - shift], head[0], scaled(start, size[0] / small[0]))
    matrix = identity() if found is None else found[1]
    mask = inside(matrix, size)
    last = len(tail) - 1
    pairs = [(last - shift + n, n) for n in range(shift + 1)]
    picked = [pairs[n] for n in sorted({0, shift // 3, shift // 2, shift})]
    laid = [(tail[i], seen_through(head[j], matrix)) for i, j in picked]
    return Alignment(
        pairs=tuple(pairs),
        affine=matrix,
        cost=float(np.mean([distance(a, b, mask) for a, b in laid])),
        likeness=float(np.mean([likeness(a, b, mask) for a, b in laid])),
        margin=1.0,
    )


def _chosen(tail: F32, tried: Sequence[Alignment]) -> Alignment:
    """The best overlap; a single repeated frame where none is clearly better."""
    plain = tried[0]
    best = min(tried, key=lambda a: a.cost)
    nearer = best.cost < CLEARLY * plain.cost
    chosen = best if nearer or (best is not plain and _tells(tail, plain, best)) else plain
    others = [a.cost for a in tried if a is not chosen]
    margin = min(others) / max(chosen.cost, 1e-6) if others else 1.0
    return Alignment(chosen.pairs, chosen.affine, chosen.cost, chosen.likeness, margin)


def _tells(tail: F32, plain: Alignment, best: Alignment) -> bool:
    """
    Whether the better overlap gains what A's own motion makes between the two.

    What lies over one side only, as grain, softness or a sign do, is in the cost of both.
    """
    first, last = tail[-len(best.pairs)], tail[-1]
    found = ecc(first, last, identity(), steps=20)
    matrix = identity() if found is None else found[1]
    mask = inside(matrix, (tail.shape[2], tail.shape[1]))
    moved = distance(first, seen_through(last, matrix), mask)
    return moved > MOVED and plain.cost**2 - best.cost**2 > TOLD * moved**2


def shows_next_moment(tail: F32, head: F32, aligned: Alignment, stride: Stride) -> bool:
    """
    Whether B's first frame already shows what follows A's last (nothing is repeated).

    The way from A's last frame to B's first is a step of the motion, and registration leaves a
    difference; or it is the camera's way that it goes in both clips anyway; or the difference is a
    step of what moves in them.
    """
    if aligned.goes_on:
        return True
    if len(aligned.pairs) > 1 or len(tail) < 2 or len(head) < 2:
        return False
    way = aligned.affine
    if stride.forward and _left(tail, head, way) > DIFFERS:
        return True
    return _goes_on(tail, head, way) or _moves_on(tail, head, way)


def _left(tail: F32, head: F32, way: Affine) -> float:
    """What registration leaves between A's last frame and B's first, in parts of a step."""
    first, second = (seen_through(head[n], way) for n in (0, 1))
    mask = inside(way, (tail.shape[2], tail.shape[1]))
    step = min(distance(tail[-1], tail[-2], mask), distance(first, second, mask))
    return distance(first, tail[-1], mask) / max(step, 1e-6)


def _goes_on(tail: F32, head: F32, way: Affine) -> bool:
    size = (tail.shape[2], tail.shape[1])
    if travel_px(way, size) < CAMERA_PX:
        return False
    own = [ecc(tail[-2], tail[-1], identity()), ecc(head[0], head[1], identity())]
    if own[0] is None or own[1] is None:
        return False
    usual = (own[0][1] + own[1][1]) / 2
    speed = travel_px(usual, size)
    apart = travel_px(identity() + way - usual, size)
    return speed > CAMERA_PX and apart < SAME_WAY * speed


def _moves_on(tail: F32, head: F32, way: Affine) -> bool:
    """The difference of both, projected on the motion of both: 0 is a repeat, 1 a step."""
    if _left(tail, head, way) < 0.7:
        return False
    first, second = (seen_through(head[n], way) for n in (0, 1))
    mask = inside(way, (tail.shape[2], tail.shape[1]))
    motion = (tail[-1] - tail[-2] + second - first)[mask] / 2
    apart = (first - tail[-1])[mask]
    part = float(np.sum(apart * motion) / max(float(np.sum(motion * motion)), 1e-9))
    return part > 0.6
