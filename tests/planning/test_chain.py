"""Lengths of links: tables, and the rules on whatever is asked."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations_with_replacement

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assembler.planning.chain import Span, Yield, chain, even, pieces

KLING = Yield(Fraction(24), 1, Fraction(24))
UNCOUNTED = Yield(Fraction(24), 0, Fraction(24))


@pytest.mark.parametrize(
    ("seconds", "lengths", "expected"),
    [
        (40, Span(3, 15), (14, 13, 13)),
        (15, Span(3, 15), (15,)),
        (16, Span(3, 15), (8, 8)),
        (31, Span(3, 15), (11, 10, 10)),
        (46, Span(3, 15), (12, 12, 11, 11)),
        (1, Span(3, 15), (3,)),
        (12.5, Span(3, 15), (13,)),
        (40, (5, 10), (10, 10, 10, 10)),
        (12, (5, 10), (10, 5)),
        (11, (5, 8, 10, 15), (8, 5)),
        (14, (5, 8, 10, 15), (15,)),
        (18, (5, 8, 10, 15), (10, 8)),
        (10, (4, 6, 8), (6, 4)),
        (12, (4, 6, 8), (6, 6)),
    ],
)
def test_links_are_even_and_no_longer_than_needed(
    seconds: float, lengths: Span | tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert expected == chain(round(seconds * 24), lengths, KLING)


def test_the_one_frame_more_of_each_link_makes_up_for_the_repeated_one() -> None:
    """14 + 13 + 13 s show 337 + 312 + 312 = 961 frames; 961 are enough, 962 are not."""
    assert chain(961, Span(3, 15), KLING) == (14, 13, 13)
    assert sum(chain(962, Span(3, 15), KLING)) == 41


def test_a_link_that_goes_on_from_another_segment_repeats_a_frame_too() -> None:
    assert chain(241, (5, 10), KLING) == (10,)
    assert chain(241, (5, 10), KLING, handed=True) == (10, 5)


def test_a_repeated_frame_never_costs_another_clip_of_five_seconds() -> None:
    """240 of 240 frames come back, one of them repeated: one frame short beats 5 s more."""
    assert chain(240, (5, 10), UNCOUNTED, handed=True) == (10,)
    assert chain(960, Span(3, 15), UNCOUNTED) == (14, 14, 13)


@pytest.mark.parametrize(
    ("model", "extra", "programme", "seconds", "expected"),
    [
        ("24", 1, "24000/1001", 40, (14, 13, 13)),
        ("24", 1, "25", 40, (14, 13, 13)),
        ("24", 1, "30", 40, (14, 13, 13)),
        ("24", 1, "60", 40, (14, 13, 13)),
        ("30", 3, "24", 10, (10,)),
        ("16", 1, "24", 9, (5, 4)),
    ],
)
def test_rates_are_converted_exactly(
    model: str, extra: int, programme: str, seconds: int, expected: tuple[int, ...]
) -> None:
    rate = Fraction(programme)
    yields = Yield(Fraction(model), extra, rate)
    longest = 15 if expected[0] > 5 else 5
    assert expected == chain(round(seconds * rate), Span(3, longest), yields)


def test_the_last_link_has_a_length_that_allows_an_end_image() -> None:
    assert chain(12 * 24, (5, 10), KLING, last=(10,)) == (5, 10)
    assert chain(4 * 24, (5, 10), KLING, last=(10,)) == (10,)


def test_an_end_image_length_that_is_not_made_is_an_error() -> None:
    with pytest.raises(ValueError, match="makes none"):
        chain(100, (5, 10), KLING, last=(7,))


def test_the_first_link_may_have_another_rate_than_those_from_an_image() -> None:
    """Kling 1.6: 121 frames at 24 from words, 153 at 30 from an image."""
    image = Yield(Fraction(30), 3, Fraction(24))
    assert chain(240, (5, 10), image, first=((5,), KLING)) == (5, 5)


@given(
    need=st.integers(1, 3000),
    low=st.integers(1, 5),
    high=st.integers(6, 20),
    extra=st.integers(1, 3),
    handed=st.booleans(),
    rates=st.tuples(st.sampled_from([16, 24, 30]), st.sampled_from(["24", "25", "30000/1001"])),
)
@settings(max_examples=150, deadline=None)
def test_a_chain_covers_what_is_needed_and_not_a_second_more(
    need: int, low: int, high: int, extra: int, handed: bool, rates: tuple[int, str]
) -> None:
    yields = Yield(Fraction(rates[0]), extra, Fraction(rates[1]))
    found = chain(need, Span(low, high), yields, handed=handed)
    assert need <= yields.chain(found, handed=handed)
    assert all(low <= length <= high for length in found)
    assert max(found) - min(found) <= 1
    assert list(found) == sorted(found, reverse=True)
    fewer = sum(found) - 1
    links = -(-fewer // high)
    if links * low <= fewer and fewer >= low:
        assert yields.chain(even(fewer, links), handed=handed) < need


@given(
    need=st.integers(1, 900),
    choices=st.sets(st.integers(2, 12), min_size=1, max_size=4),
    handed=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_choices_match_a_plain_search(need: int, choices: set[int], handed: bool) -> None:
    """Least seconds, then fewest links, then most even, as trying everything finds them."""
    lengths = tuple(sorted(choices))
    found = chain(need, lengths, KLING, handed=handed)
    if len(found) > 5:
        return
    every = (c for n in range(1, len(found) + 2) for c in combinations_with_replacement(lengths, n))
    enough = [c for c in every if KLING.chain(c, handed=handed) >= need]
    best = min((sum(c), len(c), sum(x * x for x in c)) for c in enough)
    assert best == (sum(found), len(found), sum(x * x for x in found))


@given(
    need=st.integers(1, 5000),
    longest=st.integers(2, 60),
    rate=st.sampled_from(["24", "25", "30000/1001"]),
    handed=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_a_recording_is_cut_into_even_pieces(
    need: int, longest: int, rate: str, handed: bool
) -> None:
    yields = Yield(Fraction(24), 1, Fraction(rate))
    found = pieces(need, Fraction(longest), yields, handed=handed)
    assert need == sum(frames for frames, _ in found)
    assert all(length <= longest for _, length in found)
    counts = [frames for frames, _ in found]
    assert max(counts) - min(counts) <= 1


def test_a_short_recording_stays_whole() -> None:
    assert ((48, Fraction(2)),) == pieces(48, Fraction(300), KLING)
    assert ((48, Fraction(49, 24)),) == pieces(48, None, KLING, handed=True)
