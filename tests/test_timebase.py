"""Exact time: rates, frames, samples and timecode against tables, a plain loop and OTIO."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assembler.timebase import (
    FrameRange,
    SampleRange,
    Timecode,
    frames_in,
    nearest_standard,
    parse_rate,
    round_half_up,
    samples_at,
    seconds_at,
)

FILM = Fraction(24000, 1001)
NTSC = Fraction(30000, 1001)
NTSC_60 = Fraction(60000, 1001)
RATES = [FILM, Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(50), NTSC_60, Fraction(60)]

LABELS = [
    (FILM, 0, "00:00:00:00"),
    (FILM, 23, "00:00:00:23"),
    (FILM, 24, "00:00:01:00"),
    (FILM, 1440, "00:01:00:00"),
    (FILM, 86400, "01:00:00:00"),
    (FILM, 2073599, "23:59:59:23"),
    (Fraction(25), 1499, "00:00:59:24"),
    (Fraction(25), 1500, "00:01:00:00"),
    (Fraction(25), 15000, "00:10:00:00"),
    (Fraction(25), 90000, "01:00:00:00"),
    (Fraction(25), 2159999, "23:59:59:24"),
    (NTSC, 1800, "00:01:00:00"),
    (NTSC, 17982, "00:09:59:12"),
    (NTSC, 108000, "01:00:00:00"),
    (NTSC, 0, "00:00:00;00"),
    (NTSC, 1799, "00:00:59;29"),
    (NTSC, 1800, "00:01:00;02"),
    (NTSC, 3597, "00:01:59;29"),
    (NTSC, 3598, "00:02:00;02"),
    (NTSC, 17981, "00:09:59;29"),
    (NTSC, 17982, "00:10:00;00"),
    (NTSC, 19781, "00:10:59;29"),
    (NTSC, 19782, "00:11:00;02"),
    (NTSC, 107892, "01:00:00;00"),
    (NTSC, 2589407, "23:59:59;29"),
    (NTSC_60, 3599, "00:00:59;59"),
    (NTSC_60, 3600, "00:01:00;04"),
    (NTSC_60, 35963, "00:09:59;59"),
    (NTSC_60, 35964, "00:10:00;00"),
    (NTSC_60, 215784, "01:00:00;00"),
    (NTSC_60, 5178815, "23:59:59;59"),
    (Fraction(120), 119, "00:00:00:119"),
]


@pytest.mark.parametrize(("rate", "frame", "label"), LABELS)
def test_label_of_a_frame(rate: Fraction, frame: int, label: str) -> None:
    assert label == str(Timecode.from_frames(frame, rate, drop=";" in label))


@pytest.mark.parametrize(("rate", "frame", "label"), LABELS)
def test_frame_of_a_label(rate: Fraction, frame: int, label: str) -> None:
    assert Timecode(frame, rate, ";" in label) == Timecode.parse(label, rate)


@pytest.mark.parametrize(("rate", "nominal", "dropped"), [(NTSC, 30, 2), (NTSC_60, 60, 4)])
def test_drop_frame_agrees_with_counting_one_by_one(
    rate: Fraction, nominal: int, dropped: int
) -> None:
    """Two hours of labels, written as a clock that skips the first labels of most minutes."""
    frame = 0
    for minute in range(120):
        for second in range(60):
            skipped = dropped if second == 0 and minute % 10 else 0
            for label in (skipped, nominal - 1):
                count = frame + label - skipped
                expected = f"{minute // 60:02d}:{minute % 60:02d}:{second:02d};{label:02d}"
                assert expected == str(Timecode(count, rate, drop=True))
            frame += nominal - skipped


@pytest.mark.parametrize("rate", RATES)
def test_labels_agree_with_otio(rate: Fraction) -> None:
    otio = pytest.importorskip("opentimelineio.opentime")
    for frame in (0, 1, 1799, 1800, 17982, 86399, 86400, 107892, 1_000_000, 2_000_000):
        for drop in {False, rate in (NTSC, NTSC_60)}:
            time = otio.RationalTime(frame, float(rate))
            oracle = otio.to_timecode(time, float(rate), drop)
            assert oracle == str(Timecode(frame, rate, drop))


def test_labels_start_again_after_a_day() -> None:
    assert str(Timecode(2589408, NTSC, drop=True)) == "00:00:00;00"
    assert str(Timecode(-1, Fraction(25))) == "23:59:59:24"


@pytest.mark.parametrize(
    ("label", "rate", "message"),
    [
        ("00:00:00:24", Fraction(24), "'00:00:00:24' doesn't exist at 24 frames a second"),
        ("24:00:00:00", Fraction(24), "'24:00:00:00' doesn't exist at 24 frames a second"),
        ("00:60:00:00", Fraction(24), "'00:60:00:00' doesn't exist at 24 frames a second"),
        ("00:01:00;00", NTSC, "'00:01:00;00' is one of the labels that drop-frame leaves out"),
        ("00:01:00;03", NTSC_60, "'00:01:00;03' is one of the labels that drop-frame leaves out"),
        (
            "00:00:01;00",
            Fraction(25),
            "'00:00:01;00': drop-frame exists only at 29.97 and 59.94 frames a second",
        ),
        ("1:00:00:00", Fraction(24), "'1:00:00:00' is no timecode; write HH:MM:SS:FF"),
        ("٠١:00:00:00", Fraction(24), "'٠١:00:00:00' is no timecode; write HH:MM:SS:FF"),
    ],
)
def test_label_that_does_not_exist_is_refused(label: str, rate: Fraction, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Timecode.parse(label, rate)


def test_drop_frame_needs_an_ntsc_rate() -> None:
    with pytest.raises(ValueError, match=r"only at 29\.97 and 59\.94"):
        Timecode.from_frames(10, Fraction(24), drop=True)


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("23.976", FILM), (23.976, FILM), ("23.98", FILM), ("24000/1001", FILM), (24, Fraction(24)),
        ("29.97", NTSC), (29.97002997, NTSC), ("59.94 fps", NTSC_60), (25.0, Fraction(25)),
        ("12.5", Fraction(25, 2)), ("119.88", Fraction(120000, 1001)), ("50/2", Fraction(25)),
        (Fraction(30000, 1001), NTSC), ("1000", Fraction(1000)),
    ],
)  # fmt: skip
def test_rate_is_the_exact_one_that_is_meant(value: str | float | Fraction, rate: Fraction) -> None:
    assert rate == parse_rate(value)


@pytest.mark.parametrize(
    "value",
    ["", "0", 0, -24, "-24", "1/0", "0/1", 1001, "24,5", "NaN", float("nan"), float("inf"), "1e2"],
)
def test_value_that_is_no_rate_is_refused(value: str | float) -> None:
    with pytest.raises(ValueError, match="frame rate"):
        parse_rate(value)


def test_odd_rates_stay_as_they_are() -> None:
    assert Fraction(1507, 100) == nearest_standard(Fraction(1507, 100))


@pytest.mark.parametrize(
    ("value", "whole"),
    [(Fraction(1, 2), 1), (Fraction(-1, 2), 0), (Fraction(3, 2), 2), (Fraction(-3, 2), -1),
     (Fraction(5, 4), 1), (Fraction(-5, 4), -1)],
)  # fmt: skip
def test_halves_are_rounded_upwards(value: Fraction, whole: int) -> None:
    assert whole == round_half_up(value)


@given(st.integers(0, 24 * 3600 * 60), st.sampled_from(RATES), st.booleans())
def test_label_and_frame_go_round(frame: int, rate: Fraction, drop: bool) -> None:
    drop = drop and rate in (NTSC, NTSC_60)
    label = str(Timecode(frame, rate, drop))
    again = Timecode.parse(label, rate).frame
    assert str(Timecode(again, rate, drop)) == label
    assert frame < 24 * 3600 * 23 or again <= frame


@given(st.integers(0, 10_000_000), st.sampled_from(RATES))
def test_frame_and_seconds_go_round(frame: int, rate: Fraction) -> None:
    assert frame == frames_in(seconds_at(frame, rate), rate)


@given(st.integers(0, 10_000_000), st.sampled_from(RATES), st.sampled_from([44100, 48000, 96000]))
def test_sample_of_a_frame_is_the_nearest(frame: int, rate: Fraction, hz: int) -> None:
    exact = seconds_at(frame, rate) * hz
    assert abs(samples_at(frame, rate, hz) - exact) <= Fraction(1, 2)


def test_samples_of_ranges_add_up_over_an_hour() -> None:
    """An hour at 23.976 in pieces of 7 frames has exactly the samples of the whole."""
    edges = [*range(0, 86_400, 7), 86_400]
    pieces = (samples_at(b, FILM, 48000) - samples_at(a, FILM, 48000) for a, b in pairwise(edges))
    assert sum(pieces) == 172_972_800


def test_out_point_is_exclusive() -> None:
    assert FrameRange(10, 34).frames == 24
    assert SampleRange(0, 2002).samples == 2002
