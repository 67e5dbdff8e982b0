"""Times and places as authors write them, exact and the same when written again."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assembler.spec.flaw import FlawedValueError
from assembler.spec.time import Duration, Place

HELP = "write seconds (2.5s), frames (12f) or timecode (00:00:10:00)."
FILM = Fraction(24000, 1001)

TIMES = [
    ("2.5s", Fraction(5, 2), "s"),
    ("2.5", Fraction(5, 2), "s"),
    (2.5, Fraction(5, 2), "s"),
    (3, Fraction(3), "s"),
    ("0.1s", Fraction(1, 10), "s"),
    (0.1, Fraction(1, 10), "s"),
    (1e-07, Fraction(1, 10_000_000), "s"),
    (".5s", Fraction(1, 2), "s"),
    ("500ms", Fraction(1, 2), "s"),
    ("1.5m", Fraction(90), "s"),
    ("0.5h", Fraction(1800), "s"),
    ("12f", Fraction(12), "f"),
    ("12 f", Fraction(12), "f"),
    ("00:00:10:00", "00:00:10:00", "tc"),
    ("00:01:00;02", "00:01:00;02", "tc"),
]


@pytest.mark.parametrize(("raw", "value", "unit"), TIMES)
def test_time_is_kept_exactly(raw: object, value: Fraction | str, unit: str) -> None:
    found = Duration.parse(raw)
    assert (value, unit) == (found.value, found.unit)


@pytest.mark.parametrize(
    ("raw", "said", "fix"),
    [
        ("-2s", "'-2s' is no time", "a time can't be negative."),
        (-2, "'-2' is no time", "a time is finite and not negative."),
        (float("nan"), "'nan' is no time", "a time is finite and not negative."),
        (float("inf"), "'inf' is no time", "a time is finite and not negative."),
        ("1:30", "'1:30' is no time", "write 90s, or HH:MM:SS:FF."),
        ("1:02:03.5", "'1:02:03.5' is no time", "write 3723.5s, or HH:MM:SS:FF."),
        ("12x", "'12x' is no time", HELP),
        ("1e3", "'1e3' is no time", HELP),
        ("", "'' is no time", HELP),
        (True, "'True' is no time",
         HELP),
        (None, "nothing is no time",
         HELP),
        ("1.5f", "'1.5f' is no time", "frames are whole numbers."),
        ("25h", "90000 s is longer than a day", ""),
        ("99999999f", "99,999,999 frames are longer than a day", ""),
        ("٣s", "'٣s' is no time", HELP),
    ],
)  # fmt: skip
def test_what_is_no_time(raw: object, said: str, fix: str) -> None:
    with pytest.raises(FlawedValueError, match=f"^{re.escape(said)}$") as caught:
        Duration.parse(raw)
    assert fix == caught.value.flaws[0].advice


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("2.5s", Fraction(24), 60),
        ("1s", FILM, 24),
        ("12f", FILM, 12),
        ("01:00:00:00", FILM, 86400),
        ("1h", FILM, 86314),
        ("00:01:00;02", Fraction(30000, 1001), 1800),
        ("500ms", Fraction(25), 13),
    ],
)
def test_frames_at_a_rate(text: str, rate: Fraction, frames: int) -> None:
    assert frames == Duration.parse(text).frames(rate)


def test_seconds_of_a_timecode_follow_the_rate() -> None:
    assert Duration.parse("01:00:00:00").seconds(FILM) == Fraction(86400) / FILM


@given(st.integers(0, 86_400_000_000))
def test_seconds_written_again_are_the_same(microseconds: int) -> None:
    time = Duration(Fraction(microseconds, 1_000_000), "s")
    assert Duration.parse(str(time)) == time


@given(st.floats(0, 86_400))
def test_float_seconds_are_taken_as_they_print(seconds: float) -> None:
    assert Duration.parse(seconds).value == Fraction(str(seconds))


@given(st.integers(0, 9_999_999), st.sampled_from([Fraction(24), FILM, Fraction(25)]))
def test_frames_written_again_are_the_same(frames: int, rate: Fraction) -> None:
    assert frames == Duration.parse(str(Duration.parse(f"{frames}f"))).frames(rate)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Nothing but the one error comes out, and what is accepted can be written again."""
    for kind in (Duration, Place):
        try:
            found = kind.parse(text)
        except ValueError:
            continue
        assert kind.parse(str(found)) == found


PLACES = [
    ("dawn", "dawn", "0s", 1),
    ("dawn+1.5s", "dawn", "1.5s", 1),
    ("dawn-12f", "dawn", "12f", -1),
    ("dawn + 1s", "dawn", "1s", 1),
    ("street-x", "street-x", "0s", 1),
    ("street-x-2s", "street-x", "2s", -1),
    ("dawn+00:00:01:00", "dawn", "00:00:01:00", 1),
    ("2.5s", None, "2.5s", 1),
    ("00:01:00:00", None, "00:01:00:00", 1),
    (0, None, "0s", 1),
]


@pytest.mark.parametrize(("raw", "segment", "offset", "sign"), PLACES)
def test_place_is_a_segment_and_an_offset(
    raw: object, segment: str | None, offset: str, sign: int
) -> None:
    found = Place.parse(raw)
    assert (segment, offset, sign) == (found.segment, str(found.offset), found.sign)
    assert Place.parse(str(found)) == found


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("", "'' is no place"),
        ("dawn+", "'dawn+' is no place"),
        ("dawn 1s", "'dawn 1s' is no place"),
        ("dawn.2", "'dawn.2' is no place"),
        ("-1s", "'-1s' lies before the programme's start"),
        ("dawn+x", "'dawn+x' is no place"),
        ("dawn+1:30", "'1:30' is no time"),
        (True, "'True' is no place"),
    ],
)
def test_what_is_no_place(raw: object, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Place.parse(raw)
