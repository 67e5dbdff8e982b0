"""Clips counted at the programme's rate: frame n shows what is there n / rate seconds in."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assembler.media.info import Colour
from assembler.planning.clips import colour_of, handed_frame
from assembler.timebase import parse_rate
from tests.planning.facts import info, video

MILLIS = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("frames", "own", "rate", "expected"),
    [
        (121, "24", "24", 121),
        (121, "24", "23.976", 121),
        (121, "24", "25", 127),
        (121, "24", "30", 152),
        (121, "24", "60", 303),
        (153, "30", "24", 123),
        (100, "29.97", "24", 81),
        (1, "8", "24", 3),
        (1, "60", "24", 1),
    ],
)
def test_frames_that_show_something(frames: int, own: str, rate: str, expected: int) -> None:
    assert expected == video(frames, own).frames_at(parse_rate(rate))


def test_millisecond_stamps_add_no_frame() -> None:
    """121 frames at 24 in a container that counts milliseconds last 5.042 s, not 5.041666…"""
    stamps = tuple(round(n * 1000 / 24) for n in range(121))
    assert video(0, pts=stamps, time_base=MILLIS).frames_at(Fraction(24)) == 121


def test_varying_rates_are_read_off_the_stamps() -> None:
    clip = video(0, pts=(0, 40, 500, 540), time_base=MILLIS)
    assert [clip.shown_at(n, Fraction(25)) for n in (0, 1, 12, 13, 14)] == [0, 1, 1, 2, 3]


@given(
    own=st.sampled_from(["8", "16", "24", "23.976", "25", "29.97", "30", "50", "60"]),
    rate=st.sampled_from(["24", "23.976", "25", "30", "59.94"]),
    frame=st.integers(0, 119),
)
def test_both_ways_agree(own: str, rate: str, frame: int) -> None:
    """The first programme frame that shows a frame shows no earlier one."""
    clip, exact = video(120, own), parse_rate(rate)
    first = clip.first_at(frame, exact)
    assert clip.shown_at(first, exact) >= frame
    assert first == 0 or clip.shown_at(first - 1, exact) < frame


@pytest.mark.parametrize(
    ("own", "frame", "expected"),
    [("24", 119, 119), ("30", 119, 148), ("24", 200, 152), ("24", None, 152)],
)
def test_a_handed_frame_is_found_in_the_clip_that_came(
    own: str, frame: int | None, expected: int
) -> None:
    """Frame 119 at 24 is 4.958 s in; at 30 that is frame 148."""
    assert expected == handed_frame(video(153, own), frame, Fraction(24))


def test_the_authors_matrix_stands_above_the_tags() -> None:
    clip = info("a.mp4", video(1))
    assert (colour_of(clip, "auto").matrix, colour_of(clip, "bt601").matrix) == (None, "bt601")
    assert Colour() == colour_of(info("a.wav"), "tags")
