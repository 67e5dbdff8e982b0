"""The drift guard."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from assembler.match.apply import corrected
from assembler.match.colour import identity_matrix
from assembler.match.drift import (
    change_along,
    composed,
    followed,
    held_back,
    inverse,
    moved_de,
    softened,
)
from assembler.match.engine import decide
from assembler.match.features import LUMA
from assembler.match.measure import colour_step, low_lab
from assembler.match.trend import Drift, trend
from assembler.spec.model import SeamOverride
from tests.match.conftest import F32, INVISIBLE, picture, shot


def _graded(frames: F32, part: float = 1.0) -> F32:
    """More contrast and saturation, and warmer."""
    grey = frames.mean(axis=-1, keepdims=True)
    out = grey + (frames - grey) * (1 + 0.12 * part)
    out = 0.5 + (out - 0.5) * (1 + 0.08 * part) + np.float32([0.02, 0, -0.015]) * part
    return np.clip(out, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def clip() -> F32:
    """Every third frame of a pan in which something moves."""
    return shot(60, speed=1.2)[::3]


def _apart(one: F32, two: F32) -> float:
    return colour_step(low_lab(one), low_lab(two))


def test_pan_is_no_drift(clip: F32) -> None:
    """What comes into the picture doesn't count, however different it is."""
    home = followed(clip[0], clip[1:])
    assert home is not None
    held = held_back(clip[-1], home, soft=0, behind=0, limit_de=4)
    assert held.correction.neutral
    assert _apart(clip[0], clip[-1]) > 5
    assert held.drift.colour_de < 0.3


def test_drift_within_a_pan_is_taken_back(clip: F32) -> None:
    """The same things get their colours back, within bounds."""
    parts = np.linspace(0, 1, len(clip))
    drifting = np.stack([_graded(f, float(p)) for f, p in zip(clip, parts, strict=True)])
    home = followed(drifting[0], drifting[1:])
    assert home is not None
    held = held_back(drifting[-1], home, soft=0, behind=0, limit_de=20)
    fixed = corrected(drifting[-1], held.correction, 0)
    assert _apart(drifting[-1], clip[-1]) > 2
    assert _apart(fixed, clip[-1]) < 0.5
    spread = [float((f @ LUMA).std()) for f in (drifting[-1], clip[-1])]
    assert held.drift.contrast == pytest.approx(spread[0] / spread[1], abs=0.02)
    assert held.drift.shows
    assert not held.remaining.shows


def test_what_the_limit_leaves_is_left_for_the_next_link(clip: F32) -> None:
    """A picture moves by the limit and no further; the rest is known."""
    end = _graded(clip[0])
    home = followed(clip[0], [end])
    assert home is not None
    moved = _apart(end, clip[0])
    held = held_back(end, home, soft=0, behind=0, limit_de=moved / 2)
    assert held.remaining.colour_de == pytest.approx(moved / 2, rel=0.1)
    rest = held_back(_half(end, clip[0]), np.array(held.left), soft=0, behind=0, limit_de=20)
    assert rest.remaining.colour_de < 0.3


def _half(one: F32, two: F32) -> F32:
    return np.asarray((one + two) / 2, dtype=np.float32)


def test_limit_of_nothing_measures_only(clip: F32) -> None:
    """With a limit of 0 nothing is corrected and all is told."""
    home = followed(clip[0], [_graded(clip[0])])
    assert home is not None
    held = held_back(_graded(clip[0]), home, soft=0.5, behind=0, limit_de=0)
    assert held.correction.neutral
    assert held.remaining == held.drift
    assert held.remaining.sharpness < 1


def test_another_picture_cannot_be_followed() -> None:
    """After a cut nothing is claimed."""
    assert followed(picture(1), [picture(2)]) is None


def test_pop_at_the_start_is_no_drift(clip: F32) -> None:
    """What settles within the clip isn't taken back from the frame that is handed on."""
    popped = clip.copy()
    for n in range(3):
        popped[n] = np.clip(popped[n] + 0.08 / (n + 1), 0, 1)
    assert moved_de(clip[-1], change_along(clip[0], popped)) < 0.4


def test_light_that_changes_in_the_scene_is_left_alone(clip: F32) -> None:
    """A lamp that goes on isn't taken back; what the clip did at its start still is."""
    lit = np.stack([np.clip(f * (1 + 0.04 * max(0, n - 6)), 0, 1) for n, f in enumerate(clip)])
    assert moved_de(lit[-1], change_along(clip[0], lit)) < 0.5
    assert moved_de(lit[-1], change_along(None, lit)) < 0.1


def test_softness_is_measured_against_what_was_sent() -> None:
    """A blurred clip wants sharpening, a sharp one doesn't, another picture tells nothing."""
    sent = picture(1)
    soft = cv2.GaussianBlur(sent, (0, 0), 0.9)
    assert softened(sent, np.stack([soft] * 3)) > 0.5
    assert softened(sent, np.stack([sent] * 3)) == 0
    assert softened(sent, np.stack([picture(2)] * 3)) == 0


def test_maps_are_undone_by_their_inverse() -> None:
    """There and back is no change."""
    there = identity_matrix()
    there[:3] *= 1.1
    there[9] += 0.02
    both = composed(there, inverse(there))
    assert np.abs(both - identity_matrix()).max() < 1e-3


def test_film_glides_back_to_the_first_links_look(take: F32) -> None:
    """B goes on from A as A is shown, and ends up as the chain's first link would have it."""
    tail, head = _graded(take[:30], 0.5), _graded(take[29:], 0.5)
    found = decide(
        tail,
        head,
        a_frames=30,
        rate=Fraction(24),
        preset=INVISIBLE,
        override=SeamOverride(),
        anchor=take[:30],
    )
    at_seam, later = (corrected(head[1], found.correction, n) for n in (0, 100))
    assert _apart(at_seam, head[1]) < 0.5
    assert _apart(later, take[30]) < 0.6
    assert _apart(head[1], take[30]) > 2


def test_trend_says_when_it_will_show() -> None:
    """A link more and more red is announced before it is seen."""
    drifts = [Drift(0.6 * n, 1 + 0.01 * n, 1.0, 1.0) for n in (1, 2, 3)]
    assert trend(drifts) == 3
    assert trend([Drift(0.1, 1.0, 1.0, 1.0)] * 3) is None
    assert trend([Drift(3.5, 1.0, 1.0, 1.0)]) == 0
    assert "colours by 3.5 dE" in Drift(3.5, 1.0, 1.0, 1.0).told()
