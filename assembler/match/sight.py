"""
What there is to see at a seam: the frames on both sides as they came and as they are joined, and
what changes from each frame to the next.

    seen = sight(tail, head, decision, a_frames=121)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from assembler.match.apply import corrected
from assembler.match.decision import SeamDecision
from assembler.match.features import F32, details, fitted, luma, resized
from assembler.match.measure import LOW_PX, colour_step, low_lab
from assembler.match.patch import patched
from assembler.match.timing import steps_of

PAIR_PX = 512
"""Longer side of the two frames at the join."""
STRIP_PX = 208
"""Longer side of the frames around them."""
BEFORE, AFTER = 4, 4
"""So many of them on each side."""
CURVE_FRAMES = 20
"""Frames of each side that the curves go over."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame near a seam."""

    side: Literal["a", "b"]
    number: int
    """Of its clip's frames."""
    rgb: F32
    """Encoded R'G'B' in [0, 1], (h, w, 3)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A measure from each frame to the next."""

    values: tuple[float, ...]
    join: int
    """Which of them is the step across the seam."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How a seam looks."""

    last: Shown
    """A's last frame that is shown, at `PAIR_PX`."""
    first: Shown
    """B's first frame that is shown, as it is joined."""
    first_came: Shown | None
    """The same as it came; None where nothing is done to it."""
    came: tuple[Shown, ...]
    """Frames around the place where the clips met as they came, at `STRIP_PX`."""
    joined: tuple[Shown, ...]
    """Frames around the join."""
    colour: tuple[Curve, Curve]
    """dE of low-pass pictures, as they came and joined."""
    motion: tuple[Curve, Curve]
    """Change of detail, likewise."""


def sight(tail: F32, head: F32, decision: SeamDecision, *, a_frames: int, first: int = 0) -> Sight:
    """
    How the seam of A and B looks.

    Args:
        tail: A's last frames as they are shown, float32 encoded R'G'B' in [0, 1], (n, h, w, 3).
        head: B's first frames as they come, likewise.
        decision: What was decided.
        a_frames: Number of A's frames; the last of *tail* is number a_frames - 1.
        first: Number of the first frame of *head*.
    """
    kept, used = kept_frames(tail, decision, a_frames), used_frames(head, decision, first)
    a_start = a_frames - len(tail)
    size, strip = (fitted((tail.shape[2], tail.shape[1]), px) for px in (PAIR_PX, STRIP_PX))
    joined = joined_frames(tail, head, kept, used[:AFTER], decision, strip)
    patch = decision.correction.patch
    needed = 2 + patch.frames if patch else 1
    first_joined = joined_frames(tail, head, kept, used[:needed], decision, size)[0]
    first_came = resized(head[used[0]], size)
    touched = not np.array_equal(first_joined, first_came)
    return Sight(
        last=Shown("a", a_start + kept - 1, resized(tail[kept - 1], size)),
        first=Shown("b", first + used[0], first_joined),
        first_came=Shown("b", first + used[0], first_came) if touched else None,
        came=(
            *(_small("a", a_start + n, tail[n], strip) for n in _last(len(tail))),
            *(_small("b", first + n, frame, strip) for n, frame in enumerate(head[:AFTER])),
        ),
        joined=(
            *(_small("a", a_start + n, tail[n], strip) for n in _last(kept)),
            *(Shown("b", first + n, frame) for n, frame in zip(used, joined, strict=False)),
        ),
        **_curves(tail, head, kept, used, decision),
    )


def kept_frames(tail: F32, decision: SeamDecision, a_frames: int) -> int:
    """How many frames of the tail are shown."""
    return min(len(tail), max(1, len(tail) - (a_frames - decision.keep_until)))


def used_frames(head: F32, decision: SeamDecision, first: int = 0) -> list[int]:
    """Indices of the head that are shown, *first* being the number of its first frame."""
    left_out = {n - first for n in decision.skipped}
    start = decision.start_from - first
    return [n for n in range(start, len(head)) if n not in left_out] or [len(head) - 1]


def _last(count: int) -> range:
    return range(max(0, count - BEFORE), count)


def _small(side: Literal["a", "b"], number: int, rgb: F32, size: tuple[int, int]) -> Shown:
    return Shown(side, number, resized(rgb, size))


def joined_frames(
    tail: F32,
    head: F32,
    kept: int,
    used: Sequence[int],
    decision: SeamDecision,
    size: tuple[int, int],
) -> list[F32]:
    """Those of B's *used* frames that are given, as they are shown, at *size* (w, h)."""
    fix = decision.correction
    # A patch is made of frames beyond the ones that it makes.
    shown = [corrected(resized(head[n], size), fix, k) for k, n in enumerate(used)]
    if fix.patch is None:
        return shown
    last = resized(tail[kept - 1], size)
    return [p[0] for p in patched([last], ([f] for f in shown), fix.patch, lambda p: luma(p[0]))]


def _curves(
    tail: F32, head: F32, kept: int, used: Sequence[int], decision: SeamDecision
) -> dict[str, tuple[Curve, Curve]]:
    low = fitted((tail.shape[2], tail.shape[1]), LOW_PX)
    before = np.stack([resized(f, low) for f in tail[-2 * CURVE_FRAMES :]])
    stop = kept - (len(tail) - len(before))
    after = np.stack([resized(f, low) for f in head[:CURVE_FRAMES]])
    shown = np.stack(joined_frames(tail, head, kept, used[:CURVE_FRAMES], decision, low))
    rows = [
        (before[-CURVE_FRAMES:], after),
        (before[max(0, stop - CURVE_FRAMES) : max(1, stop)], shown),
    ]
    pairs = [(np.concatenate(row), len(row[0]) - 1) for row in rows]
    return {
        "colour": (_colour(*pairs[0]), _colour(*pairs[1])),
        "motion": (_motion(*pairs[0]), _motion(*pairs[1])),
    }


def _colour(frames: F32, join: int) -> Curve:
    labs = [low_lab(frame) for frame in frames]
    return Curve(tuple(round(colour_step(a, b), 3) for a, b in pairwise(labs)), join)


def _motion(frames: F32, join: int) -> Curve:
    size = (frames.shape[2], frames.shape[1])
    return Curve(tuple(round(float(v), 4) for v in steps_of(details(frames, size))), join)
