"""
Where to cut on both sides: held frames, repeated frames, stalled starts.

    tail of A   … 5 6 7 8 8 8          the last picture is held twice: held_tail 2
    head of B   6 7 8 8 8 9 9 10 11 …  overlap 6 7 8, a stall: start_from 5, skipped (6,)
    programme   … 5 6 7 8 9 10 11 …
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assembler.match.features import F32, distance, fitted, likeness, resized
from assembler.match.register import (
    Affine,
    ecc,
    identity,
    inside,
    scaled,
    seen_through,
    travel_px,
)

HELD = 0.22
"""A step of less than this part of the usual motion is no motion."""
STILL = 0.006
"""Root mean square change of detail below which a clip doesn't move at all."""
STEADY_STEPS = 4
"""So many moving steps in a row end a stalled start."""
NATURAL = 0.35
"""The same where it is asked whether repeats belong to the footage: in doubt they do."""
FROZEN = 0.65
"""A repeat that changes less than this part of the footage's own ones is none of them."""
NATURAL_STEPS = 24
"""So many steps before the seam say whether repeats belong to the footage."""
NATURAL_SHARE = 0.12
"""They do when they are more than this part of all steps."""
STALL_STEPS = 24
"""How far into B a stalled start is looked for."""
CAMERA_PX = 0.3
"""A camera that moves by less from frame to frame stands still, at the size of the details."""
SAME_WAY = 0.4
"""Ways that differ by less than this part of the camera's speed are the same."""
CLEARLY = 0.8
"""Another overlap is believed when its pictures lie so much nearer than one repeated frame's."""


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


def steps_of(details: F32) -> F32:
    """Change of detail from each frame to the next, float32 (n - 1,)."""
    return np.array([distance(one, two) for one, two in pairwise(details)], dtype=np.float32)


def usual_step(tail_steps: F32, head_steps: F32) -> float:
    """Motion that both sides have once they move."""
    sides = [np.percentile(s, 75) for s in (tail_steps[-14:], head_steps[:16]) if len(s)]
    return float(min(sides)) if sides else 0.0


def held_at_end(steps: F32, usual: float, natural: int) -> int:
    """How many of the last frames repeat the one before, unless the clip does so everywhere."""
    if usual < STILL:
        return 0
    run = _run_at_end(steps < HELD * usual)
    return run if run > natural else 0


def moving_frames(steps: F32, usual: float, natural: int, level: float) -> list[int]:
    """
    Indices of a head's frames without those that are held or stalled at its start.

    Args:
        steps: Change from each frame to the next.
        usual: Motion of the clip once it moves.
        natural: Repeats in a row that belong to the footage (animation on twos).
        level: How much such repeats change. In a stall, ones that change less belong to the stall.
    """
    if usual < STILL:
        return list(range(len(steps) + 1))
    out, moved, opened = [0], 0, False
    run: list[int] = []
    for n, step in enumerate(steps, start=1):
        if step < HELD * usual and moved < STEADY_STEPS and n <= STALL_STEPS:
            run.append(n)
            moved = 0
            continue
        frozen = opened and all(steps[k - 1] < FROZEN * level for k in run)
        if len(run) <= natural and not frozen:
            out += run
        opened = opened or len(run) > natural > 0
        out.append(n)
        run, moved = [], moved + 1
    return out


def natural_run(tail_steps: F32, head_steps: F32, usual: float) -> int:
    """Longest run of repeats that belong to the footage (animation on twos, 18 in 24); or 0."""
    held = _run_at_end(tail_steps < HELD * usual)
    inner = still_steps(tail_steps[: len(tail_steps) - held])[-NATURAL_STEPS:]
    later = still_steps(head_steps)[STALL_STEPS:]
    runs = [_longest_run(s) for s in (inner, later) if len(s) > 8 and np.mean(s) > NATURAL_SHARE]
    return max(runs, default=0)


def still_level(tail_steps: F32) -> float:
    """Usual change of repeats that belong to the footage; 0 where there are none."""
    found = tail_steps[still_steps(tail_steps)]
    return float(np.median(found)) if len(found) else 0.0


def still_steps(steps: F32) -> np.ndarray:
    """Which steps are far smaller than those on both sides of them, bool (n,)."""
    out = np.zeros(len(steps), dtype=bool)
    for n in range(len(steps)):
        sides = steps[max(0, n - 4) : n], steps[n + 1 : n + 5]
        moving = [float(np.percentile(side, 75)) for side in sides if len(side)]
        out[n] = bool(moving) and steps[n] < NATURAL * min(moving)
    return out


def _run_at_end(flags: np.ndarray) -> int:
    moving = np.flatnonzero(~flags)
    return len(flags) - 1 - int(moving[-1]) if len(moving) else 0


def _longest_run(flags: np.ndarray) -> int:
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best


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
    coarse = [_coarse(resized(tail[-1 - s], small), first) for s in shifts]
    best = sorted(shifts, key=lambda s: coarse[s][0])[:3]
    tried = [
        _overlap(tail, head, s, coarse[s][1], small) for s in sorted({0, 1, *best} & set(shifts))
    ]
    return _chosen(tried)


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


def _chosen(tried: Sequence[Alignment]) -> Alignment:
    """The best overlap; a single repeated frame where none is clearly better."""
    plain = tried[0]
    best = min(tried, key=lambda a: a.cost)
    chosen = best if best.cost < CLEARLY * plain.cost else plain
    others = [a.cost for a in tried if a is not chosen]
    margin = min(others) / max(chosen.cost, 1e-6) if others else 1.0
    return Alignment(chosen.pairs, chosen.affine, chosen.cost, chosen.likeness, margin)


def shows_next_moment(tail: F32, head: F32, aligned: Alignment) -> bool:
    """
    Whether B's first frame already shows what follows A's last (nothing is repeated).

    Either the camera's way from A's last frame to B's first is the one that it goes in both clips
    anyway, or the difference that registration leaves is a step of what moves in them.
    """
    if len(aligned.pairs) > 1 or len(tail) < 2 or len(head) < 2:
        return False
    return _goes_on(tail, head, aligned.affine) or _moves_on(tail, head, aligned.affine)


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
    first, second = (seen_through(head[n], way) for n in (0, 1))
    mask = inside(way, (tail.shape[2], tail.shape[1]))
    step = distance(tail[-1], tail[-2], mask), distance(first, second, mask)
    if distance(first, tail[-1], mask) < 0.7 * min(step):
        return False
    motion = (tail[-1] - tail[-2] + second - first)[mask] / 2
    apart = (first - tail[-1])[mask]
    part = float(np.sum(apart * motion) / max(float(np.sum(motion * motion)), 1e-9))
    return part > 0.6
