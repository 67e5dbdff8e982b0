"""Words on a canvas: broken evenly, inside the safe area, made smaller rather than cut off."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assembler.errors import RenderError
from assembler.layers.typeset import Block, broken, missing, typeset
from assembler.spec.presets import TitlePreset, font_file, title_preset

FONT = font_file("Inter-SemiBold.otf")
CANVASES = [(1920, 1080), (1080, 1920), (1080, 1080), (320, 192), (3840, 2160)]
STYLES = ["title", "lower-third", "end-card", "caption"]
TEXTS = [
    "Q",
    "Harbour at dawn",
    "John F. Kennedy\nPresident of the United States, 1961",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "A long title that surely has to be broken into several lines before it fits " * 2,
]


def _monospaced(text: str) -> float:
    return float(len(text))


def _within_safe_area(block: Block, style: TitlePreset, canvas: tuple[int, int]) -> bool:
    parts = [p for p in (block.words, block.plate, block.bar) if p]
    margins = [style.margin * side - 1 for side in canvas]
    return all(
        x >= margins[0]
        and y >= margins[1]
        and x + w <= canvas[0] - margins[0]
        and y + h <= canvas[1] - margins[1]
        for x, y, w, h in parts
    )


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("text", TEXTS)
def test_words_stay_in_the_safe_area(text: str, name: str, canvas: tuple[int, int]) -> None:
    style = title_preset(name)
    assert _within_safe_area(typeset(text, style, canvas, FONT), style, canvas)


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("name", STYLES)
def test_the_box_is_even_and_on_the_canvas(name: str, canvas: tuple[int, int]) -> None:
    x, y, width, height = typeset("Harbour at dawn", title_preset(name), canvas, FONT).box
    assert not any(n % 2 for n in (x, y, width, height))
    assert 0 <= x < x + width <= canvas[0]
    assert 0 <= y < y + height <= canvas[1]


def test_no_word_is_lost_when_lines_are_broken() -> None:
    text = TEXTS[-1]
    lines = typeset(text, title_preset("title"), (1280, 720), FONT).lines
    assert " ".join(line.text for line in lines).split() == text.split()


def test_a_short_title_keeps_the_styles_height() -> None:
    style = title_preset("title")
    assert typeset("Dawn", style, (1920, 1080), FONT).px == round(style.height * 1080)


def test_a_long_title_is_set_smaller() -> None:
    style = title_preset("title")
    assert typeset(TEXTS[-1] * 2, style, (1280, 720), FONT).px < round(style.height * 720)


def test_what_can_never_fit_is_refused() -> None:
    with pytest.raises(RenderError, match="is too long for the picture"):
        typeset("word " * 400, title_preset("title"), (1280, 720), FONT)


def test_a_title_needs_words() -> None:
    with pytest.raises(RenderError, match="without words"):
        typeset(" \n ", title_preset("title"), (1280, 720), FONT)


def test_lines_after_the_first_are_smaller() -> None:
    style = title_preset("lower-third")
    first, second = typeset("Anna\nPilot", style, (1920, 1080), FONT).lines
    assert second.px == pytest.approx(first.px * style.rest, abs=1)
    assert (first.colour, second.colour) == (style.colour, style.rest_colour)


def test_a_lower_third_stands_at_the_lower_left() -> None:
    block = typeset("Anna", title_preset("lower-third"), (1920, 1080), FONT)
    x, y, width, _ = block.words
    assert x + width < 1920 / 2
    assert y > 1080 * 0.6


@pytest.mark.parametrize("canvas", [(1920, 1080), (1280, 720), (1080, 1920)])
def test_two_lines_of_captions_fit_below_a_lower_third(canvas: tuple[int, int]) -> None:
    lower = typeset("Anna Weiss\nHarbour master", title_preset("lower-third"), canvas, FONT)
    words = "Mist lifts from the water, and she walks the pier."
    caption = typeset(words, title_preset("caption"), canvas, FONT)
    assert len(caption.lines) <= 2
    assert lower.plate is not None
    assert caption.plate is not None
    assert lower.plate[1] + lower.plate[3] <= caption.plate[1]


def test_a_background_covers_the_whole_picture() -> None:
    block = typeset("The end", title_preset("end-card"), (1280, 720), FONT)
    assert block.box == (0, 0, 1280, 720)


def test_lines_are_as_even_as_they_can_be() -> None:
    assert broken("aaaa bbbb cccc dddd", _monospaced, 15) == ["aaaa bbbb", "cccc dddd"]


def test_a_word_that_is_too_long_is_broken_only_when_allowed() -> None:
    assert broken("aaaaaaaa", _monospaced, 3) is None
    assert broken("aaaaaaaa", _monospaced, 3, inside=True) == ["aaa", "aaa", "aa"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=20))
def test_broken_lines_fit_and_hold_every_word(words: list[str]) -> None:
    lines = broken(" ".join(words), _monospaced, 12)
    assert lines is not None
    assert max(map(len, lines)) <= 12
    assert " ".join(lines).split() == words


def test_characters_that_the_font_lacks_are_found() -> None:
    assert missing("Ich sah 日本, жёлтый Ωmega", FONT) == "日本"
