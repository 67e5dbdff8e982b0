"""What there is to see at a seam."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assembler.match.decision import IDENTITY, ColourFix, Correction, Patch, SeamDecision
from assembler.match.sight import AFTER, BEFORE, sight
from tests.match.conftest import picture

DECIDED = SeamDecision("a>b", True, 1.0, 1, keep_until=100, start_from=1)


def _sides(brighter: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A pan in two clips; B repeats A's last frame."""
    whole = picture(4, (240, 90))
    frames = [np.roll(whole, 2 * n, axis=1)[:, :160] for n in range(40)]
    return np.stack(frames[:20]), np.clip(np.stack(frames[19:39]) + np.float32(brighter), 0, 1)


def test_frames_on_both_sides_are_numbered_as_in_their_clips() -> None:
    """The last that is kept, the first that is used, four on each side."""
    seen = sight(*_sides(), DECIDED, a_frames=100)
    assert (seen.last.number, seen.first.number, seen.first_came) == (99, 1, None)
    assert [f.number for f in seen.joined] == [96, 97, 98, 99, 1, 2, 3, 4]
    assert [f.number for f in seen.came] == [96, 97, 98, 99, 0, 1, 2, 3]
    assert len(seen.came) == BEFORE + AFTER


def test_a_repeated_frame_is_a_dip_in_motion_that_is_gone_when_joined() -> None:
    seen = sight(*_sides(), DECIDED, a_frames=100)
    came, joined = seen.motion
    assert came.values[came.join] == pytest.approx(0, abs=1e-3)
    assert joined.values[joined.join] == pytest.approx(np.median(joined.values), rel=0.2)


def test_a_corrected_step_of_colour_is_seen_on_one_curve_alone() -> None:
    """B is brighter; the correction takes that back."""
    matrix = (*IDENTITY[:9], (-0.2, -0.2, -0.2))
    fix = replace(DECIDED, correction=Correction(ColourFix(matrix)))
    seen = sight(*_sides(0.2), fix, a_frames=100)
    came, joined = (curve.values[curve.join] for curve in seen.colour)
    assert came > 12
    assert joined < came / 2
    assert seen.first_came is not None
    assert seen.first_came.rgb.mean() - seen.first.rgb.mean() == pytest.approx(0.2, abs=0.05)


def test_frames_that_are_made_anew_are_shown() -> None:
    """With a patch the first frame is another one than came."""
    fix = replace(DECIDED, start_from=4, correction=Correction(patch=Patch(2, 3.0)))
    seen = sight(*_sides(), fix, a_frames=100)
    assert seen.first_came is not None
    assert len(seen.joined) == BEFORE + AFTER


def test_clips_of_a_frame_can_be_seen() -> None:
    tail, head = _sides()
    seen = sight(tail[:1], head[:1], replace(DECIDED, start_from=0), a_frames=1, first=0)
    assert len(seen.joined) == 2
