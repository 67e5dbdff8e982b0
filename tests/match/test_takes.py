"""Ranking takes, and the picture of a seam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assembler.match.strip import strip
from assembler.match.takes import rank
from tests.match.conftest import joined, noisy, shot

F32 = NDArray[np.float32]


def test_the_take_that_continues_best_comes_first(take: F32) -> None:
    """A clean take before a discoloured one before one of another picture, and why."""
    good = noisy(take[29:])
    red = np.clip(good * np.float32([1.2, 0.9, 0.9]), 0, 1).astype(np.float32)
    heads = {"other": shot(36, seed=60), "red": red, "good": good}
    ranked = rank({name: (joined(take[:30], head), None) for name, head in heads.items()})
    assert [fit.take for fit in ranked] == ["good", "red", "other"]
    assert ranked[1].reasons[0].startswith("before it: colours off by")
    assert ranked[2].reasons == ("before it: another picture",)


def test_both_neighbours_count(take: F32) -> None:
    """A take that fits the link before but not the one after comes last."""
    fits, fails = joined(take[:30], noisy(take[29:])), joined(take[:30], shot(36, seed=60))
    ranked = rank({"1": (fits, fails), "2": (fits, fits), "3": (fits, None)})
    assert [fit.take for fit in ranked] == ["3", "2", "1"]
    assert len(ranked[1].reasons) == 2


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
