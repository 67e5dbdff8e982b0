"""The drift guard."""

from __future__ import annotations

import cv2
import numpy as np

from assembler.match.drift import drift_of, handoff_frame, held_back, look, trend
from tests.match.conftest import picture, shot


def test_equal_pictures_have_not_drifted() -> None:
    """A look doesn't differ from itself."""
    drift = drift_of(look(picture(1)), look(picture(1)))
    assert not drift.shows
    assert drift.colour_de < 0.01


def test_handoff_image_is_taken_back_to_the_anchor() -> None:
    """Within bounds a drifted picture gets the anchor's colour, contrast and saturation back."""
    anchor = picture(1)
    drifted = np.clip(0.5 + (anchor - 0.5) * 0.9 + np.float32([0.02, 0.0, -0.01]), 0, 1)
    fixed = look(held_back(drifted.astype(np.float32), look(anchor), limit_de=4.0))
    drift = drift_of(look(anchor), fixed)
    assert drift.colour_de < 0.3
    assert abs(drift.contrast - 1) < 0.02


def test_correction_stays_within_its_limit() -> None:
    """A picture far off moves by the limit and no further."""
    anchor, now = look(picture(1)), np.clip(picture(1) + 0.2, 0, 1).astype(np.float32)
    before = drift_of(anchor, look(now)).colour_de
    after = drift_of(anchor, look(held_back(now, anchor, limit_de=3.0))).colour_de
    assert 2.0 < before - after < 3.6


def test_last_good_frame_is_handed_on() -> None:
    """Blurred frames at the end are passed over, and it is said why."""
    tail = shot(12)
    for n in (10, 11):
        tail[n] = cv2.GaussianBlur(tail[n], (0, 0), 2.5)
    assert handoff_frame(tail) == (9, "the last frames are blurred")


def test_held_end_is_passed_over() -> None:
    """The first of the held frames is handed on."""
    tail = shot(12)
    tail[9:] = tail[9]
    assert handoff_frame(tail) == (9, "the last 2 frames only hold a picture")


def test_sound_tail_hands_on_its_last_frame() -> None:
    """Nothing is trimmed without a reason."""
    assert handoff_frame(shot(12)) == (11, "")


def test_trend_says_when_it_will_show() -> None:
    """A link more and more red is announced before it is seen."""
    first = picture(1)
    looks = [look(np.clip(first + np.float32([0.006 * n, 0, 0]), 0, 1)) for n in (1, 2, 3)]
    ahead = trend(look(first), looks)
    assert ahead is not None
    assert 1 <= ahead <= 10
    assert trend(look(first), [look(first)] * 3) is None
