"""Ranking takes, and the picture of a seam."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from assembler.match.strip import strip
from assembler.match.takes import rank
from tests.match.conftest import INVISIBLE, joined, noisy, shot

F32 = NDArray[np.float32]


def test_the_take_that_continues_best_comes_first(take: F32) -> None:
    """A clean take before a discoloured one before one of another picture."""
    good = noisy(take[29:])
    takes = {
        "other": (shot(36, seed=60), good),
        "red": (np.clip(good * np.float32([1.2, 0.9, 0.9]), 0, 1).astype(np.float32), good),
        "good": (good, good),
    }
    ranked = rank(takes, before=take[:30], after=None, rate=Fraction(24), preset=INVISIBLE)
    assert [fit.take for fit in ranked] == ["good", "red", "other"]


def test_strip_shows_both_states_of_the_seam(take: F32) -> None:
    """The joined row differs from the one as it came, and the picture is in gamut."""
    head = np.clip(noisy(take[28:]) * 0.85, 0, 1).astype(np.float32)
    found = joined(take[:30], head)
    drawn = strip(take[:30], head, found, a_frames=30)
    assert drawn.shape[2] == 3
    assert 0 <= drawn.min() <= drawn.max() <= 1


def test_strip_of_sides_that_do_not_match_is_drawn_too(take: F32) -> None:
    """There is a picture to look at when the engine refuses."""
    head = shot(20, seed=70)
    drawn = strip(take[:30], head, joined(take[:30], head), a_frames=30)
    assert drawn.shape[0] > 300
