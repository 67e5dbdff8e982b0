"""
What a seam is like before and after a correction, in numbers.

Colour steps are judged on small pictures, which is all that they need; sharpness on the two frames
that show the same moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assembler.match.apply import corrected
from assembler.match.decision import Correction
from assembler.match.features import F32, resized, side_by_side
from assembler.match.measure import LOW_PX, colour_step, low_lab, pop, sharpness_ratio

SHOWN_FRAMES = 24
"""So many of B's used frames are measured for the report."""
LEAST_GAIN_DE = 0.1
"""A correction that gains less, in dE and pop together, is left out."""
LEAST_PART = 0.1
"""Likewise when it gains less than this part of what there was: moving pictures differ anyway."""
LEAST_GAIN_SHARPNESS = 0.05
"""Likewise, of the ratio of sharpness."""


class Outlook:
    """Both sides of a seam, to be measured with one correction or another."""

    def __init__(self, tail: F32, head: F32, pair: tuple[int, int]) -> None:
        """*tail* and *head* as they come, (n, h, w, 3), and the frames that show one moment."""
        self.sides = tail[pair[0]], head[pair[1]]
        self.pair = pair
        size = (LOW_PX, max(2, head.shape[1] * LOW_PX // head.shape[2]))
        self.tail = tail
        self.head = side_by_side(lambda frame: resized(frame, size), head)
        self._came: dict[int, F32] = {}
        """What was measured of the head as it comes."""

    def measured(self, kept: int, used: Sequence[int], correction: Correction) -> dict[str, float]:
        """
        dE and sharpness of the pair and pop of the join.

        Args:
            kept: So many frames of the tail are shown.
            used: Indices of the head that are shown.
            correction: What is done to them.
        """
        one, two = self.sides
        flat = replace(correction, sharpen=0.0)
        shown = side_by_side(lambda at: self._lab(at[1], flat, at[0]), enumerate(used))
        before = [low_lab(frame) for frame in self.tail[max(0, kept - 4) : kept]]
        same = self._lab(self.pair[1], flat, 0)
        return {
            "dE": round(colour_step(low_lab(self.tail[self.pair[0]]), same), 4),
            "pop": round(pop([*before, *shown], len(before)), 4),
            "sharpness": round(sharpness_ratio(one, corrected(two, correction, 0)), 4),
        }

    def _lab(self, n: int, correction: Correction, used: int) -> F32:
        """Frame *n* of the head as it is shown as the *used*-th."""
        if not correction.neutral:
            return low_lab(corrected(self.head[n], correction, used))
        if n not in self._came:
            self._came[n] = low_lab(self.head[n])
        return self._came[n]


def worthwhile(
    correction: Correction, plain: Mapping[str, float], after: Mapping[str, float]
) -> bool:
    """Whether a viewer could tell; frames that aren't changed stay as they came."""
    fix = correction.colour
    pops = fix is not None and any(step.weights[-1] == 0 for step in fix.steps)
    if pops and after["dE"] > plain["dE"] + LEAST_GAIN_DE:
        return False  # B came with A's colours: what changes after the seam is the scene's own
    if correction.affine is not None or (fix is not None and (fix.steps or any(fix.decay))):
        return True
    steps = [seam["dE"] + seam["pop"] for seam in (plain, after)]
    blur = [abs(1 - seam["sharpness"]) for seam in (plain, after)]
    least = max(LEAST_GAIN_DE, LEAST_PART * steps[0])
    return steps[0] - steps[1] > least or blur[0] - blur[1] > LEAST_GAIN_SHARPNESS
