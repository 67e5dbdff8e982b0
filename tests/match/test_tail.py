"""Which frame is handed on."""

from __future__ import annotations

import cv2
import numpy as np

from assembler.match.tail import handoff_frame
from tests.match.conftest import F32, picture, shot


def _faded(tail: F32, frames: int) -> F32:
    for n in range(frames):
        tail[len(tail) - frames + n] *= 1 - 0.5 * (n + 1) / frames
    return tail


def test_last_good_frame_is_handed_on() -> None:
    """Blurred frames at the end are passed over, and it is said why."""
    tail = shot(24)
    for n in (22, 23):
        tail[n] = cv2.GaussianBlur(tail[n], (0, 0), 2.5)
    assert handoff_frame(tail) == (21, "the last frames are blurred")


def test_held_end_is_passed_over() -> None:
    """The first of the held frames is handed on."""
    tail = shot(24)
    tail[21:] = tail[21]
    assert handoff_frame(tail) == (21, "the last 2 frames only hold a picture")


def test_fade_is_passed_over() -> None:
    """A clip that goes dark at its end hands on a frame from before."""
    n, why = handoff_frame(_faded(shot(24), 6))
    assert (n, why) == (17, "the clip fades at its end")


def test_glitch_at_the_end_is_passed_over() -> None:
    """What comes after a jump of the picture is not gone on from."""
    tail = shot(24)
    tail[22:] = picture(9, tail.shape[2:0:-1])
    assert handoff_frame(tail) == (21, "the picture jumps at the clip's end")


def test_sound_tail_hands_on_its_last_frame() -> None:
    """Nothing is trimmed without a reason: not in motion, at rest, nor on twos."""
    assert handoff_frame(shot(24)) == (23, "")
    assert handoff_frame(np.repeat(shot(1), 24, axis=0)) == (23, "")
    assert handoff_frame(np.repeat(shot(12), 2, axis=0)) == (23, "")


def test_words_that_go_are_no_blur() -> None:
    """A label that disappears from a corner makes no frame worse."""
    tail = shot(24)
    stripes = np.float32(np.indices((40, 120)).sum(axis=0) % 2)
    tail[:20, 8:48, 8:128] = stripes[..., None]
    assert handoff_frame(tail) == (23, "")


def test_clip_that_is_bad_for_long_keeps_its_end() -> None:
    """A fade through the whole second half is the shot's own."""
    assert handoff_frame(_faded(shot(24), 16)) == (23, "")


def test_short_tail_is_handed_on() -> None:
    """A clip of a frame or two has nothing to choose from."""
    assert handoff_frame(shot(1)) == (0, "")
    assert handoff_frame(shot(2)) == (1, "")
