"""Jumps in the motion between two clips: how long they are, and the frames that bridge them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from assembler.match.apply import array_frames, constant_part
from assembler.match.decision import (
    Correction,
    Patch,
    correction_from_json,
    correction_to_json,
)
from assembler.match.features import details, luma
from assembler.match.patch import Between, detailed, patched
from assembler.match.stride import stride_of
from tests.match.conftest import joined, noisy

F32 = NDArray[np.float32]
CUT = 30


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_stride_counts_the_frames_of_motion_in_between(take: F32, frames: int) -> None:
    """0 is the same moment again, 1 the next one."""
    head = noisy(take[CUT - 1 + frames : CUT + 1 + frames])
    found = stride_of(details(take[CUT - 2 : CUT], (320, 192)), details(head, (320, 192)))
    assert found.sure
    assert found.frames == pytest.approx(frames, abs=0.3)
    assert found.forward == (frames > 0)


def test_still_pictures_have_no_stride(take: F32) -> None:
    """Nothing can be told where nothing moves."""
    same = details(noisy(np.repeat(take[:1], 4, axis=0)), (320, 192))
    assert not stride_of(same[:2], same[2:]).sure


def test_a_jump_is_bridged(take: F32) -> None:
    """Frames that share the jump are made, and no frame is added or left out."""
    found = joined(take[:CUT], noisy(take[CUT + 1 :]))
    patch = found.correction.patch
    assert patch is not None
    assert (found.start_from, found.keep_until) == (0, CUT)
    assert patch.missing == pytest.approx(1, abs=0.3)
    assert any("missing" in note for note in found.notes)


def test_a_made_frame_lies_where_the_motion_is(take: F32) -> None:
    """Halfway between two frames it is far nearer to the one in between than either of them."""
    one, true, two = take[CUT - 1 : CUT + 2]
    between = Between(detailed(luma(one)), detailed(luma(two)))
    (halfway,) = between.laid([one], [two], 0.5)
    errors = [float(np.mean((frame - true) ** 2)) for frame in (halfway, one, two)]
    assert errors[0] < 0.4 * min(errors[1:])


def test_frames_after_the_patch_stay(take: F32) -> None:
    """Only its own frames are made, and planes keep their type."""
    coded = [np.rint(f * 255).astype(np.uint8) for f in take[CUT - 1 : CUT + 6]]
    shown = list(
        patched([coded[0]], ([f] for f in coded[2:]), Patch(2, 1.0), lambda p: luma(p[0]) / 255)
    )
    assert len(shown) == 5
    assert shown[0][0].dtype == np.uint8
    assert not np.array_equal(shown[1][0], coded[3])
    assert all(np.array_equal(a[0], b) for a, b in zip(shown[2:], coded[4:], strict=True))


@pytest.mark.parametrize("repeats", [0, 1, 3])
def test_motion_that_goes_on_is_not_patched(take: F32, repeats: int) -> None:
    """No frame is made where none is missing."""
    assert joined(take[:CUT], noisy(take[CUT - repeats :])).correction.patch is None


def test_frames_that_cannot_be_made_are_not_made() -> None:
    """Motion that flow can't follow is left as it is, however long the jump."""
    rng = np.random.default_rng(2)
    noise = rng.random((60, 192, 320, 3)).astype(np.float32)
    assert joined(noise[:CUT], noise[CUT - 1 :]).correction.patch is None


def test_the_author_can_forbid_it(take: F32) -> None:
    """`patch: off` leaves the jump."""
    found = joined(take[:CUT], noisy(take[CUT + 1 :]), patch="off")
    assert found.correction.patch is None


def test_a_patch_is_plain_data_and_short() -> None:
    """It survives JSON, changes its frames only, and is gone after them."""
    correction = Correction(patch=Patch(4, 1.5))
    text = json.dumps(correction_to_json(correction))
    assert correction_from_json(json.loads(text)) == correction
    assert not correction.neutral
    assert array_frames(correction, 100) == 4
    assert constant_part(correction).neutral
