"""
Where to cut on both sides: held frames, repeated frames, stalled starts.

    tail of A   … 5 6 7 8 8 8          the last picture is held twice: held_tail 2
    head of B   6 7 8 8 8 9 9 10 11 …  overlap 6 7 8, a stall: start 5, skipped (6,)
    programme   … 5 6 7 8 9 10 11 …
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assembler.match.align import align, shows_next_moment
from assembler.match.features import F32, distance
from assembler.match.register import Affine
from assembler.match.stride import UNKNOWN, Stride, stride_of
from assembler.media.flags import runs

MOST_OVERLAP = 30
"""Longest overlap that is looked for, in frames."""
HELD = 0.22
"""A step of less than this part of the usual motion is no motion, where motion stops at once."""
SUDDEN = 0.4
"""It does when the steps beside move by at least this part."""
STOPPED = 0.08
"""Smaller steps are no motion, however it came to rest."""
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
SPEED_STEPS = 6
"""So many steps on each side say how fast it moves there."""
EASED = 0.5
"""Steps of less than this part of the usual motion are an ease-in, when they come first."""
STEADY = 0.75
"""And when what follows them moves at least so fast."""
FEWEST_EASED = 3
"""Fewer slow steps are left as they are."""
STALL_STEPS = 24
"""How far into B a stalled start is looked for."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Which frames show the same moment, and which are left out."""

    pairs: tuple[tuple[int, int], ...]
    """(index in the tail, index in the head)."""
    affine: Affine
    """Map from A's to B's pixels at the size of the details."""
    likeness: float
    apart: float
    """Difference of the pairs in steps of the clips' motion."""
    margin: float
    held_tail: int
    held_head: int
    start: int
    """First index of the head that is used."""
    skipped: tuple[int, ...]
    repeats: int
    """Frames of the head that A has already shown."""
    fresh: bool
    """Nothing is repeated: the pair shows neighbouring moments, `affine` is the camera's way."""
    stride: Stride
    """From A's last frame to B's first moving one, where no more than one could be repeated."""
    speeds: tuple[float, float]
    """Motion of B's start in parts of that of A's end: as the clips came, and as cut."""
    eased: int
    """Steps at B's start of less than half the speed that both clips have besides."""
    thinned: int
    """Frames that are left out because of that."""
    still: frozenset[int]
    """Frames of the head that only hold the one before."""


def timing_of(tail: F32, head: F32) -> Timing:
    """The cut that the details of A's last and B's first frames, (n, h, w) each, speak for."""
    tail_steps, head_steps = steps_of(tail), steps_of(head)
    usual = usual_step(tail_steps, head_steps)
    natural = natural_run(tail_steps, head_steps, usual)
    held_tail = held_at_end(tail_steps, usual, natural)
    moving = moving_frames(head_steps, usual, natural, still_level(tail_steps))
    kept = tail[: len(tail) - held_tail]
    ours, theirs, exposed = list(range(len(kept))), list(range(len(moving))), 1
    if natural and _repeating(tail_steps, usual) and (exposed := _exposed(_drawings(kept))) > 1:
        ours, theirs = _drawings(kept), _drawings(head[moving])
    old, new = kept[ours], head[moving][theirs]
    aligned = align(old, new, MOST_OVERLAP)
    alone = len(aligned.pairs) == 1
    stride = stride_of(old[-2:], new[:2]) if alone else UNKNOWN
    fresh = shows_next_moment(old, new, aligned, stride)
    first = 0 if fresh else len(aligned.pairs)
    if exposed > 1 and not fresh:
        first = _first_new(len(kept) - ours[-1], [*theirs, len(moving)], first, exposed)
    elif not fresh and not _repeating(tail_steps, usual):
        # B counts at A's rate by showing frames twice; what A has shown isn't shown a second time.
        held = _held(head_steps, usual)
        while first < len(moving) - 1 and held[moving[first] - 1]:
            first += 1
    pace = _pace(tail_steps[: len(tail_steps) - held_tail][-SPEED_STEPS:])
    same = max(0, first - 1)  # from the last frame that A has shown, too
    eased, left_out = _eased(steps_of(head[moving[same:]]), min(usual, pace))
    moving = [n for k, n in enumerate(moving) if k - same not in left_out]
    start = moving[min(first, len(moving) - 1)]
    skipped = tuple(n for n in range(start, moving[-1]) if n not in set(moving))
    used = steps_of(head[moving[same:][: SPEED_STEPS + 1]])
    return Timing(
        pairs=tuple((ours[i], moving[theirs[j]]) for i, j in aligned.pairs),
        affine=aligned.affine,
        likeness=aligned.likeness,
        apart=aligned.cost / max([STILL, *_usual_steps(tail_steps, head_steps)]),
        margin=aligned.margin,
        held_tail=held_tail,
        held_head=_held_head(moving),
        start=start,
        skipped=skipped,
        repeats=start,
        fresh=fresh,
        stride=stride,
        speeds=(_ratio(_pace(head_steps[:SPEED_STEPS]), pace), _ratio(_pace(used), pace)),
        eased=eased,
        thinned=len(left_out),
        still=frozenset(range(len(head))) - frozenset(moving),
    )


def _drawings(details: F32) -> list[int]:
    """First frame of each drawing that footage on twos or threes shows."""
    return [0, *(int(n) + 1 for n in np.flatnonzero(~still_steps(steps_of(details))))]


def _exposed(drawings: list[int]) -> int:
    """Frames for which each drawing is usually shown."""
    return round(float(np.median(np.diff(drawings[1:])))) if len(drawings) > 3 else 1


def _first_new(shown: int, edges: list[int], drawings: int, exposed: int) -> int:
    """
    First of B's frames that A hasn't shown, where so many *drawings* are in both.

    Args:
        shown: Frames that A has of the last of them, which may not be all.
        edges: Where B's drawings begin, and where the last ends.
        drawings: One at least; a single one may be cut off in B, too.
        exposed: Frames for which others are shown.
    """
    begin, end = edges[drawings - 1], edges[drawings]
    whole = exposed if drawings == 1 else end - begin
    return min(max(begin, end + shown - whole), end)


def _pace(steps: F32) -> float:
    return float(np.median(steps)) if len(steps) else 0.0


def _ratio(one: float, two: float) -> float:
    return one / two if two > STILL else 1.0


def _eased(steps: F32, usual: float) -> tuple[int, list[int]]:
    """
    How many steps at the start are slow where the clip then moves as it did before the seam.

    Returns:
        With it, numbers of the frames without which it moves no faster than usual.
    """
    slow = steps < EASED * usual
    count = len(slow) if slow.all() else int(np.argmin(slow))
    then = _pace(steps[count : count + SPEED_STEPS])
    if usual <= STILL or count < FEWEST_EASED or then < STEADY * usual:
        return 0, []
    left_out, moved = [], 0.0
    for n in range(count):
        moved += float(steps[n])
        if moved + steps[n + 1] <= usual:
            left_out.append(n + 1)
        else:
            moved = 0.0
    return count, left_out


def _held_head(moving: list[int]) -> int:
    return (moving[1] if len(moving) > 1 else 1) - 1


def steps_of(details: F32) -> F32:
    """Change of detail from each frame to the next, float32 (n - 1,)."""
    return np.array([distance(one, two) for one, two in pairwise(details)], dtype=np.float32)


def usual_step(tail_steps: F32, head_steps: F32) -> float:
    """Motion that both sides have once they move."""
    return min(_usual_steps(tail_steps, head_steps), default=0.0)


def _usual_steps(tail_steps: F32, head_steps: F32) -> list[float]:
    """Motion of each side that has any frames to tell it by, once it moves."""
    sides = (_moving(tail_steps[::-1])[:14], _moving(head_steps)[:16])
    return [_upper(side) for side in sides if len(side)]


def _moving(steps: F32) -> F32:
    """*steps* from the first that is one; all where there is none."""
    first = int(np.argmax(steps >= STILL)) if len(steps) else 0
    return steps[first:]


def held_at_end(steps: F32, usual: float, natural: int) -> int:
    """How many of the last frames repeat the one before, unless the clip does so everywhere."""
    if usual < STILL:
        return 0
    run = _run_at_end(_held(steps, usual))
    return run if run > natural else 0


def _held(steps: F32, usual: float) -> np.ndarray:
    """Which steps are no motion, bool (n,): it stops at once, or altogether."""
    out = np.zeros(len(steps), dtype=bool)
    for begin, end in runs(steps < HELD * usual):
        beside = steps[max(0, begin - 1) : begin], steps[end : end + 1]
        at_once = all(step >= SUDDEN * usual for side in beside for step in side)
        out[begin:end] = at_once or float(np.mean(steps[begin:end])) < STOPPED * usual
    return out


def _dips(steps: F32) -> np.ndarray:
    """Which steps are far smaller than the larger of two on each side of them, bool (n,)."""
    out = np.zeros(len(steps), dtype=bool)
    for n in range(1, len(steps) - 1):
        sides = steps[max(0, n - 2) : n], steps[n + 1 : n + 3]
        out[n] = steps[n] < HELD * min(float(side.max()) for side in sides)
    return out


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
    held = _held(steps, usual)
    if not natural:
        held |= _dips(steps)
    for n in range(1, len(steps) + 1):
        opening = n <= STALL_STEPS or len(out) == 1  # a first picture may be held for long
        if held[n - 1] and moved < STEADY_STEPS and opening:
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
    held = _run_at_end(_held(tail_steps, usual))
    inner = still_steps(tail_steps[: len(tail_steps) - held])[-NATURAL_STEPS:]
    later = still_steps(head_steps)[STALL_STEPS:]
    return max((b - a for s in (inner, later) if _recurs(s) for a, b in runs(s)), default=0)


def _recurs(still: np.ndarray) -> bool:
    return len(still) > 8 and bool(np.mean(still) > NATURAL_SHARE)


def _repeating(tail_steps: F32, usual: float) -> bool:
    """Whether A itself shows frames twice."""
    held = _run_at_end(_held(tail_steps, usual))
    return usual < STILL or _recurs(still_steps(tail_steps[: len(tail_steps) - held]))


def still_level(tail_steps: F32) -> float:
    """Usual change of repeats that belong to the footage; 0 where there are none."""
    found = tail_steps[still_steps(tail_steps)]
    return float(np.median(found)) if len(found) else 0.0


def still_steps(steps: F32) -> np.ndarray:
    """Which steps are far smaller than those on both sides of them, bool (n,)."""
    out = np.zeros(len(steps), dtype=bool)
    for n in range(len(steps)):
        sides = steps[max(0, n - 4) : n], steps[n + 1 : n + 5]
        wide = [side for side in sides if len(side) > 2] or [s for s in sides if len(s)]
        moving = [_upper(side) for side in wide]
        out[n] = bool(moving) and steps[n] < NATURAL * min(moving)
    return out


def _upper(steps: F32) -> float:
    """Upper quartile; numpy's takes a hundred times as long for so few."""
    ordered = sorted(float(step) for step in steps)
    below, part = divmod(3 * (len(ordered) - 1), 4)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + part / 4 * (ordered[above] - ordered[below])


def _run_at_end(flags: np.ndarray) -> int:
    moving = np.flatnonzero(~flags)
    return len(flags) - 1 - int(moving[-1]) if len(moving) else 0
