"""The seam engine on shots cut in two, with the faults of generators and known answers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assembler.errors import MatchError
from assembler.match.apply import corrected, pixel_affine
from assembler.match.decision import NO_CORRECTION
from assembler.match.engine import decide
from assembler.match.measure import colour_step, low_lab
from assembler.spec.model import SeamOverride
from tests.match.conftest import INVISIBLE, SIZE, joined, noisy, picture, shot

F32 = NDArray[np.float32]
CUT = 30


def graded(frames: F32) -> F32:
    """The frames through a gain, a lift, a gamma and more saturation."""
    out = frames**1.08 * np.float32([1.05, 0.97, 1.02]) + np.float32([0.01, -0.01, 0.015])
    grey = out @ np.float32([0.2126, 0.7152, 0.0722])
    return np.clip(grey[..., None] + (out - grey[..., None]) * 1.1, 0, 1).astype(np.float32)


def worst_step(take: F32, head: F32, **override: object) -> float:
    """Largest low-pass dE against the true frames over the first 20 frames after the seam."""
    found = joined(take[:CUT], head, **override)
    used = [n for n in range(found.start_from, len(head)) if n not in found.skipped][:20]
    shown = [corrected(head[n], found.correction, k) for k, n in enumerate(used)]
    return max(colour_step(low_lab(a), low_lab(b)) for a, b in zip(shown, take[CUT:], strict=False))


@pytest.mark.parametrize("repeats", [1, 2, 7, 15])
def test_repeated_frames_are_counted(take: F32, repeats: int) -> None:
    """B starts as many frames before A's end as it repeats."""
    found = joined(take[:CUT], noisy(take[CUT - repeats :]))
    assert (repeats, repeats, CUT) == (found.repeat_frames, found.start_from, found.keep_until)


def test_no_frame_is_dropped_where_none_is_repeated(take: F32) -> None:
    """An extension that goes on with the next moment keeps its first frame."""
    found = joined(take[:CUT], noisy(take[CUT:]))
    assert (found.repeat_frames, found.start_from) == (0, 0)


@pytest.mark.parametrize("repeats", [0, 1, 4])
def test_frames_without_a_fault_are_left_as_they_came(take: F32, repeats: int) -> None:
    """What an encoder adds is no reason to change a picture."""
    rng = np.random.default_rng(3)
    head = take[CUT - repeats :]
    encoded = np.clip(head + rng.normal(0, 0.001, head.shape), 0, 1).astype(np.float32)
    assert joined(take[:CUT], encoded).correction == NO_CORRECTION


def test_colour_does_not_spoil_the_count(take: F32) -> None:
    """An overlap under another grade is still found."""
    assert joined(take[:CUT], graded(noisy(take[CUT - 5 :]))).start_from == 5


def test_held_tail_is_dropped(take: F32) -> None:
    """A's frozen end goes, to its first frozen frame."""
    tail = np.concatenate([take[:CUT], np.repeat(take[CUT - 1 : CUT], 4, axis=0)])
    found = joined(tail, noisy(take[CUT - 1 :]))
    assert (found.held_tail, found.keep_until, found.start_from) == (4, CUT, 1)


def test_held_head_is_dropped(take: F32) -> None:
    """B that holds its first picture is used from its first new one."""
    head = np.concatenate([np.repeat(take[CUT - 1 : CUT], 4, axis=0), take[CUT:]])
    found = joined(take[:CUT], head)
    assert (found.start_from, found.held_head) == (4, 3)


@pytest.mark.parametrize("frames", [12, 20])
def test_a_picture_held_for_long_is_still_no_calm(take: F32, frames: int) -> None:
    """The clip moved before it, or does so after."""
    held = np.repeat(take[CUT - 1 : CUT], frames, axis=0)
    found = joined(np.concatenate([take[:CUT], held]), noisy(take[CUT - 1 :]))
    assert (found.held_tail, found.keep_until, found.start_from) == (frames, CUT, 1)
    head = noisy(take[CUT - 1 :])
    head = np.concatenate([np.repeat(head[:1], frames, axis=0), head])
    found = joined(take[:CUT], head)
    assert (found.held_head, found.start_from) == (frames, frames + 1)


def test_motion_that_slows_down_at_the_seam_is_no_hold() -> None:
    """Every frame of a pan that nearly rests there is another moment."""
    speed = 0.3 + 3.0 * np.minimum(1, np.abs(np.arange(66) - CUT + 1) / 12)
    still, at = picture(9), 10 + np.concatenate([[0], np.cumsum(speed)])
    moves = [np.float32([[1, 0, -x], [0, 1, -20]]) for x in at]
    pan = np.stack([cv2.warpAffine(still, move, SIZE) for move in moves])[:66]
    found = joined(pan[:CUT], noisy(pan[CUT - 1 :]))
    assert (found.keep_until, found.start_from, found.skipped) == (CUT, 1, ())


@pytest.mark.parametrize("repeats", [0, 1, 3])
def test_no_whole_turn_of_a_loop_is_cut_out(repeats: int) -> None:
    """What comes round again is a repeat only as far as it need be."""
    size = (SIZE[0], SIZE[1])
    still = picture(8, size)
    turns = [cv2.getRotationMatrix2D((160, 96), 30.0 * n, 1.0) for n in range(60)]
    wheel = np.stack([cv2.warpAffine(still, m, size, borderMode=cv2.BORDER_REFLECT) for m in turns])
    found = joined(noisy(wheel[:CUT], 1), noisy(wheel[CUT - repeats :], 2))
    assert found.start_from == repeats


@pytest.mark.parametrize("repeats", [2, 5])
def test_a_sign_over_one_side_does_not_hide_a_repeat(repeats: int) -> None:
    """It is in every overlap's cost alike."""
    calm = shot(66, speed=0.0)
    head = noisy(calm[CUT - repeats :])
    head[:, 20:50, 240:300] = np.float32([0.9, 0.9, 0.2])
    head[:, 30:40, 250:290] = 0.1
    assert joined(calm[:CUT], head).start_from == repeats


@pytest.mark.parametrize("exposures", [2, 3])
@pytest.mark.parametrize("drawings", [0, 1, 2])
def test_drawings_are_shown_as_long_as_the_others(exposures: int, drawings: int) -> None:
    """On twos or threes, a drawing that both clips have is shown once, with all its frames."""
    drawn = np.repeat(shot(36, speed=3.0), exposures, axis=0)
    cut = 14 * exposures
    repeats = drawings * exposures
    found = joined(noisy(drawn[:cut], 1), noisy(drawn[cut - repeats : cut + 48], 2))
    assert (found.keep_until, found.start_from, found.skipped) == (cut, repeats, ())


@pytest.mark.parametrize("frames", [1, 2])
def test_a_side_without_a_past_is_no_reason_to_fail(take: F32, frames: int) -> None:
    """Whether light was changing before a pop can't be told there."""
    head = noisy(take[CUT - 1 :])
    flash = 0.08 * np.exp(-np.arange(len(head)) / 4.0)
    popped = np.clip(head + flash[:, None, None, None], 0, 1).astype(np.float32)
    found = joined(take[CUT - frames : CUT], popped)
    assert (found.start_from, found.correction.colour is not None) == (1, True)


def test_stalled_start_is_thinned_to_its_moving_frames(take: F32) -> None:
    """Of a B that eases in from rest each picture is shown once."""
    order = [29, 29, 29, 30, 30, 31, 31, 32, 33, 34, *range(35, 60)]
    found = joined(take[:CUT], take[order])
    used = [n for n in range(found.start_from, len(order)) if n not in found.skipped]
    assert list(range(CUT, 60)) == [order[n] for n in used]


def test_animation_on_twos_is_left_alone() -> None:
    """Repeats that belong to the footage are no stall."""
    twos = np.repeat(shot(33, seed=4, speed=3), 2, axis=0)
    found = joined(twos[:30], noisy(twos[29:]))
    assert (found.skipped, found.keep_until) == ((), 30)


def test_grade_is_undone(take: F32) -> None:
    """A static grade leaves less than half a dE, also on frames that A never showed."""
    assert worst_step(take, graded(noisy(take[CUT - 1 :]))) < 0.5


def test_pop_is_undone_frame_by_frame(take: F32) -> None:
    """A flash that decays is followed down."""
    head = noisy(take[CUT - 1 :])
    flash = 0.08 * np.exp(-np.arange(len(head)) / 4.0)
    popped = np.clip(head + flash[:, None, None, None], 0, 1).astype(np.float32)
    assert worst_step(take, popped) < 1.0


def test_drift_inside_the_clip_is_undone(take: F32) -> None:
    """A grade that creeps in over 20 frames is taken out again."""
    head = noisy(take[CUT - 1 :])
    part = np.minimum(1, np.arange(len(head)) / 20.0)[:, None, None, None]
    drifting = (head + part * (graded(head) - head)).astype(np.float32)
    assert worst_step(take, drifting) < 1.2


def test_picture_is_laid_back_in_its_place(take: F32) -> None:
    """Unequal scales and a shift are registered to a tenth of a pixel."""
    size = (take.shape[2], take.shape[1])
    moved = np.array([[1.012, 0, -2.2], [0, 1.006, 0.8]])
    head = np.stack(
        [cv2.warpAffine(f, moved, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
         for f in noisy(take[CUT - 1 :])]
    )  # fmt: skip
    affine = joined(take[:CUT], head).correction.affine
    assert affine is not None
    corners = np.array([[0, 0, 1], [319, 0, 1], [0, 191, 1], [319, 191, 1]], dtype=float).T
    apart = pixel_affine(affine, size) @ corners - moved @ corners
    assert np.abs(apart).max() < 0.15


def test_pictures_that_lie_well_are_not_resampled(take: F32) -> None:
    """No geometry is made up."""
    assert joined(take[:CUT], noisy(take[CUT - 1 :])).correction.affine is None


def test_softness_is_made_up_for(take: F32) -> None:
    """A blurred B comes nearer to the truth by sharpening."""
    head = np.stack([cv2.GaussianBlur(f, (0, 0), 0.6) for f in noisy(take[CUT - 1 :])])
    found = joined(take[:CUT], head)
    plain = replace(found.correction, sharpen=0.0)
    errors = [
        float(np.mean((corrected(head[1], c, 0) - take[CUT]) ** 2))
        for c in (found.correction, plain)
    ]
    assert found.correction.sharpen > 0.2
    assert errors[0] < 0.9 * errors[1]


def test_another_picture_is_refused(take: F32) -> None:
    """Nothing is changed where the sides don't match, and it is said."""
    found = joined(take[:CUT], shot(36, seed=50))
    assert not found.matched
    assert (
        found.keep_until, found.start_from, found.skipped, found.correction,
    ) == (CUT, 0, (), NO_CORRECTION)  # fmt: skip
    assert "nothing is changed" in found.notes[0]


def test_another_moment_of_the_same_place_is_refused() -> None:
    """A quiet place makes most of both pictures alike; what moved in between doesn't."""
    still = shot(1, 4)[0]
    rng = np.random.default_rng(2)

    def moment(n: int, things: list[tuple[int, int]]) -> F32:
        frame = still + rng.normal(0, 0.002, still.shape).astype(np.float32)
        for k, (x, y) in enumerate(things):
            frame[y : y + 50, x + n // 2 : x + n // 2 + 50] = picture(20 + k, (50, 50))
        return np.clip(frame, 0, 1).astype(np.float32)

    tail = np.stack([moment(n, [(20, 20), (200, 110)]) for n in range(CUT)])
    later = np.stack([moment(n, [(110, 60), (230, 20)]) for n in range(CUT)])
    found = joined(tail, later)
    assert (found.matched, found.start_from, found.correction) == (False, 0, NO_CORRECTION)
    assert "other moments of one place" in found.notes[0]
    assert joined(tail[:20], noisy(tail[19:])).matched


def test_the_authors_word_counts(take: F32) -> None:
    """Cut points and switches of the timeline stand above what was measured."""
    found = joined(
        take[:CUT], graded(take[CUT - 1 :]), keep_until=28, start_from=3, colour="off",
        geometry="off", sharpness="off",
    )  # fmt: skip
    assert (found.keep_until, found.start_from, found.correction.neutral) == (28, 3, True)


def test_a_preset_that_may_not_trim_leaves_the_frames(take: F32) -> None:
    """The seam is measured, and all frames stay."""
    found = decide(
        take[:CUT], noisy(take[CUT - 4 :]), a_frames=CUT, rate=Fraction(24),
        preset=INVISIBLE.model_copy(update={"trim": False}), override=SeamOverride(),
    )  # fmt: skip
    assert (found.repeat_frames, found.start_from, found.keep_until) == (4, 0, CUT)


def test_colour_is_moved_no_further_than_the_preset_allows(take: F32) -> None:
    """A huge difference is corrected in part, and that is said."""
    head = np.clip(noisy(take[CUT - 1 :]) * 0.6, 0, 1).astype(np.float32)
    found = decide(
        take[:CUT], head, a_frames=CUT, rate=Fraction(24),
        preset=INVISIBLE.model_copy(update={"max_dE": 5.0}), override=SeamOverride(),
    )  # fmt: skip
    fixed = replace(found.correction, sharpen=0.0)
    moved = colour_step(low_lab(head[0]), low_lab(corrected(head[0], fixed, 0)))
    assert 3.5 < moved < 5.6
    assert any("only" in note for note in found.notes)


def test_release_gives_the_clip_back_its_own_look(take: F32) -> None:
    """After two seconds nothing is left of the correction."""
    found = joined(take[:CUT], graded(noisy(take[CUT - 1 :])), colour="release")
    assert found.correction.release_frames == 48
    assert np.array_equal(take[0], corrected(take[0], found.correction, 48))


def test_report_says_what_it_was_worth(take: F32) -> None:
    """The colour step is measured before and after."""
    found = joined(take[:CUT], graded(noisy(take[CUT - 1 :])))
    assert found.before["dE"] > 2
    assert found.after["dE"] < 0.5


def test_sides_of_different_sizes_are_refused(take: F32) -> None:
    """The caller has to conform them."""
    with pytest.raises(MatchError, match="different sizes, 320x192 and 160x192"):
        joined(take[:CUT], take[CUT:, :, ::2])


def test_a_repeated_moment_is_not_shown_twice_at_another_rate(take: F32) -> None:
    """Of a B that shows every fourth frame twice to keep A's rate, both showings go."""
    shown = [n for n in range(CUT - 1, 64) for _ in range(2 if (n - CUT + 1) % 4 == 0 else 1)]
    found = joined(take[:CUT], noisy(take[shown]))
    assert shown[found.start_from] == CUT
    assert found.skipped == ()


def pan(places: list[float]) -> F32:
    """A camera's way over a still, three pixels a frame, at *places* in frames."""
    still = picture(1)
    moves = [np.float32([[1, 0, -10 - 3 * p], [0, 1, -20 - 0.8 * p]]) for p in places]
    seen = [cv2.warpAffine(still, m, SIZE, borderMode=cv2.BORDER_REFLECT) for m in moves]
    return noisy(np.stack(seen))


def test_an_eased_start_is_brought_to_speed() -> None:
    """Of small steps from rest so many frames go that none is faster than A was."""
    eased = np.cumsum([0.2, 0.25, 0.3, 0.35, 0.4, 0.7]).tolist()
    places = [29.0, *(29 + p for p in eased), *(32.2 + n for n in range(24))]
    found = joined(pan([float(n) for n in range(CUT)]), pan(places))
    used = [places[n] for n in range(found.start_from, len(places)) if n not in found.skipped]
    steps = np.diff([29.0, *used])
    assert len(used) < len(places) - 3
    assert steps.max() < 1.1
    assert steps[0] > 0.5
    assert any("eases in" in note for note in found.notes)
    assert found.before["speed"] < 0.6 < found.after["speed"]


def test_a_steady_start_is_left_alone(take: F32) -> None:
    """No frame goes where B moves as A did."""
    found = joined(take[:CUT], noisy(take[CUT - 1 :]))
    assert found.skipped == ()
    assert found.after["speed"] == pytest.approx(1, abs=0.25)
