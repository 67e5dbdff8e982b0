"""Content keys: stable, and different for what is different."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from assembler.media.info import Colour
from assembler.planning.keys import content_key, link_parts
from tests.generation.links import link


def test_a_key_does_not_change_between_versions_of_python_or_of_us() -> None:
    assert "ecf9e98ec0641e23113ff3ce8bdc78d0" == content_key(a=1, b="x") == content_key(b="x", a=1)
    assert len(content_key()) == 32


def test_nested_mappings_are_ordered() -> None:
    assert content_key(o={"b": [1, {"d": 1, "c": 2}], "a": None}) == content_key(
        o={"a": None, "b": (1, {"c": 2, "d": 1})}
    )
    assert content_key(o={1: "a", 2: "b"}) == content_key(o={2: "b", 1: "a"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (None, "None"),
        (Fraction(1, 2), "1/2"),
        (Fraction(1), Decimal(1)),
        (Path("a"), "a"),
        ("ab", ["a", "b"]),
        (Colour(), Colour(matrix="bt601")),
        ({"a": 1}, {"a": 2}),
        (0.1, 0.2),
    ],
)
def test_what_differs_has_another_key(one: object, other: object) -> None:
    assert content_key(x=one) != content_key(x=other)


@pytest.mark.parametrize("value", [{1, 2}, object()])
def test_what_has_no_stable_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no stable form"):
        content_key(x=value)


def test_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        content_key(x=float("nan"))


@pytest.mark.parametrize(
    ("provider", "price", "other"),
    [("animatic", 0, True), ("comfyui", 0, True), ("comfyui", None, False), ("kling", 1, False)],
)
def test_rate_and_frames_count_where_a_clip_is_made_by_them_for_nothing(
    provider: str, price: int | None, other: bool
) -> None:
    """A rented model has a rate of its own, whatever its preset says."""
    usd = None if price is None else Decimal(price)
    links = (
        link(provider=provider, model="wan", price_usd=usd, rate=Fraction(rate), frames=frames)
        for rate, frames in ((16, 81), (24, 121))
    )
    one, two = (content_key(**link_parts(x, start=None, end=None, hashes={})) for x in links)
    assert other == (one != two)
