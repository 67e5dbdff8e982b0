"""The colour fit and its prior."""

from __future__ import annotations

import numpy as np

from assembler.match.apply import features
from assembler.match.colour import fit, identity_matrix


def colours(low: float, high: float, n: int = 3000) -> np.ndarray:
    """Random colours within [low, high]."""
    return np.random.default_rng(3).uniform(low, high, (n, 3)).astype(np.float32)


def test_equal_pictures_want_no_change() -> None:
    """The fit of a picture to itself is the identity."""
    seen = colours(0.1, 0.9)
    assert np.abs(fit(seen, seen) - identity_matrix()).max() < 1e-3


def test_colours_that_were_not_seen_follow_the_grade() -> None:
    """A gamma fitted on mid-tones holds in the highlights and shadows."""
    seen = colours(0.3, 0.6)
    matrix = fit(seen, seen**1.1 * np.float32(1.04))
    far = colours(0.05, 0.95, 400)
    apart = np.abs(features(far) @ matrix - far**1.1 * 1.04)
    assert apart.max() < 0.03


def test_things_that_moved_do_not_count() -> None:
    """A fifth of the places shows something else; the fit ignores it."""
    seen = colours(0.2, 0.8)
    wanted = seen * np.float32(1.05)
    wanted[:600] = colours(0.0, 1.0, 600)
    rest = seen[600:]
    assert np.abs(features(rest) @ fit(seen, wanted) - rest * 1.05).max() < 0.006
