"""
Where words go on a canvas: lines broken, sized and placed within the safe area. Pure arithmetic.

    block = typeset("Harbour at dawn", style, (1920, 1080), font)
    block.lines[0].text, block.box
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from assembler.errors import RenderError
from assembler.spec.presets import TitlePreset

SMALLEST = 0.4
"""Words that don't fit are set smaller, down to this part of the style's height."""
STEP = 0.93
"""From one try to the next."""
SHADOW_BLUR = 0.14
SHADOW_DROP = 0.04
"""Blur and offset of a shadow as parts of the text height."""
TRAVEL = 0.6
"""How far moving words come from, as a part of the text height."""

Box = tuple[int, int, int, int]
"""x, y, width, height on the canvas."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of words."""

    text: str
    px: int
    """Font size."""
    x: int
    baseline: int
    colour: str


@dataclass(frozen=True, slots=True)
class Block:
    """Words with what lies behind them, in canvas pixels."""

    lines: tuple[Line, ...]
    words: Box
    """Around the lines."""
    plate: Box | None
    bar: Box | None
    box: Box
    """Everything that is ever painted, even on all sides."""
    px: int
    """Font size of the first line."""


@lru_cache(maxsize=64)
def face(font: Path, px: int) -> Any:
    """
    The font at a size.

    Raises:
        RenderError: If the file is no font.
    """
    from PIL import ImageFont

    try:
        return ImageFont.truetype(str(font), px)
    except OSError as exc:
        raise RenderError("it is no font that can be read", str(font)) from exc


def missing(text: str, font: Path) -> str:
    """Characters of *text* that the font doesn't have, each once."""
    wanted = dict.fromkeys(c for c in text if not c.isspace())
    return "".join(c for c in wanted if not _has(font, c))


_SHAPED = ("R", "AL")
"""Bidirectional classes of letters that run from right to left."""
_JOINED = ("ARABIC", "DEVANAGARI", "BENGALI", "TAMIL", "TELUGU", "THAI", "KHMER", "MYANMAR")
"""Scripts whose letters change with their neighbours."""


def needs_shaping(text: str) -> bool:
    """Whether letters can't be set one after the other as they are written."""
    return any(
        unicodedata.bidirectional(c) in _SHAPED
        or unicodedata.name(c, "").partition(" ")[0] in _JOINED
        for c in text
    )


@lru_cache(maxsize=1)
def can_shape() -> bool:
    """Whether Pillow shapes letters (libraqm with FriBiDi)."""
    from PIL import features

    return bool(features.check("raqm"))


@lru_cache(maxsize=4096)
def _has(font: Path, character: str) -> bool:
    """Whether a character looks otherwise than those that surely don't exist (noncharacters)."""
    return _shape(font, character) not in _absent(font)


@lru_cache(maxsize=64)
def _absent(font: Path) -> list[tuple[tuple[int, int], bytes]]:
    return [_shape(font, "\uffff"), _shape(font, "\U0010fffe")]


def _shape(font: Path, character: str) -> tuple[tuple[int, int], bytes]:
    mask = face(font, 64).getmask(character)
    return mask.size, bytes(mask)


def typeset(text: str, style: TitlePreset, canvas: tuple[int, int], font: Path) -> Block:
    """
    Words set by a style on a canvas.

    Lines that are too long are broken, as evenly as they can be; what still doesn't fit in the
    safe area is set smaller, and what doesn't fit then is broken inside its words.

    Raises:
        RenderError: If nothing is left of the text, or it doesn't fit even so.
    """
    paragraphs = [" ".join(p.split()) for p in text.strip().splitlines()]
    if not any(paragraphs):
        raise RenderError("a title without words", fix="give it a `text`.")
    if style.upper:
        paragraphs = [p.upper() for p in paragraphs]
    size = style.height * min(canvas)
    room = (1 - 2 * style.margin - style.lift) * canvas[1]
    for scale in _scales():
        rows = _rows(paragraphs, style, size * scale, canvas, font, inside=scale <= SMALLEST)
        if rows is not None and _height(rows, style) + _around(style, size * scale) <= room:
            return _placed(rows, style, max(4, round(size * scale)), canvas, font)
    raise RenderError(
        f"the title {text[:40]!r}… is too long for the picture",
        fix="shorten it, or split it in two.",
    )


def _scales() -> Iterator[float]:
    scale = 1.0
    while scale > SMALLEST:
        yield scale
        scale *= STEP
    yield SMALLEST


Row = tuple[str, int, str]
"""Text, font size, colour."""


def _rows(
    paragraphs: list[str],
    style: TitlePreset,
    size: float,
    canvas: tuple[int, int],
    font: Path,
    *,
    inside: bool,
) -> list[Row] | None:
    """Lines that fit the width; None when a word is too long and may not be broken *inside*."""
    width = style.width * canvas[0] - _around(style, size)
    out: list[Row] = []
    for number, paragraph in enumerate(paragraphs):
        px = max(4, round(size * (style.rest if number else 1.0)))
        colour = (style.rest_colour or style.colour) if number else style.colour
        lines = broken(paragraph, face(font, px).getlength, width, inside=inside)
        if lines is None:
            return None
        out += [(line, px, colour) for line in lines]
    return out


def broken(
    text: str, length: Callable[[str], float], width: float, *, inside: bool = False
) -> list[str] | None:
    """
    The text in as few lines as fit into *width*, of lengths as even as possible.

    None when a word is longer than a line and may not be broken *inside*.
    """
    words = text.split(" ")
    if inside:
        words = [part for word in words for part in _cut_up(word, length, width)]
    lengths = [length(word) for word in words]
    if max(lengths) > width:
        return None
    space = length(" ")
    counts = _greedy(lengths, space, width)
    narrow, wide = max(lengths), width
    while wide - narrow > 1:
        middle = (narrow + wide) / 2
        if len(_greedy(lengths, space, middle)) > len(counts):
            narrow = middle
        else:
            wide = middle
    counts = _greedy(lengths, space, wide)
    ends = list(accumulate(counts))
    return [" ".join(words[end - n : end]) for n, end in zip(counts, ends, strict=True)]


def _greedy(lengths: list[float], space: float, width: float) -> list[int]:
    """How many words go on each line."""
    counts: list[int] = []
    used = width + 1
    for length in lengths:
        if used + space + length <= width:
            counts[-1] += 1
            used += space + length
        else:
            counts.append(1)
            used = length
    return counts


def _cut_up(word: str, length: Callable[[str], float], width: float) -> Iterator[str]:
    part = ""
    for character in word:
        if part and length(part + character) > width:
            yield part
            part = ""
        part += character
    yield part


def _height(rows: list[Row], style: TitlePreset) -> float:
    return sum(px * style.line_height for _, px, _ in rows)


def _around(style: TitlePreset, size: float) -> float:
    """What a plate and a bar add to width and height."""
    padding = 2 * style.plate.padding * size if style.plate else 0.0
    return padding + (style.bar.width * size if style.bar else 0.0)


def _placed(
    rows: list[Row], style: TitlePreset, px: int, canvas: tuple[int, int], font: Path
) -> Block:
    padding = round(style.plate.padding * px) if style.plate else 0
    stripe = max(2, round(style.bar.width * px)) if style.bar else 0
    lengths = [math.ceil(face(font, size).getlength(text)) for text, size, _ in rows]
    inner = (max(lengths), round(_height(rows, style)))
    outer = (inner[0] + 2 * padding + stripe, inner[1] + 2 * padding)
    left, top = _corner(style, outer, canvas)
    words = (left + stripe + padding, top + padding, *inner)
    lines = tuple(_lines(rows, lengths, words, style, font))
    panel = (left + stripe, top, outer[0] - stripe, outer[1]) if style.plate else None
    bar = (left, top, stripe, outer[1]) if stripe else None
    box = (0, 0, *canvas)
    if style.background is None:
        box = _even_box(_reach((left, top, *outer), style, px), canvas)
    return Block(lines, words, panel, bar, box, px)


def _corner(style: TitlePreset, outer: tuple[int, int], canvas: tuple[int, int]) -> tuple[int, int]:
    across = 0.0 if "left" in style.place else 1.0 if "right" in style.place else 0.5
    down = 0.0 if "top" in style.place else 1.0 if "bottom" in style.place else 0.5
    margins = [round(style.margin * side) for side in canvas]
    free = [side - 2 * margin - o for side, margin, o in zip(canvas, margins, outer, strict=True)]
    top = max(0, round(down * free[1] - style.lift * canvas[1]))
    return margins[0] + round(across * free[0]), margins[1] + top


def _lines(
    rows: list[Row], lengths: list[int], words: Box, style: TitlePreset, font: Path
) -> Iterator[Line]:
    left, y, width, _ = words
    share = {"left": 0.0, "center": 0.5, "right": 1.0}[style.align]
    for (text, px, colour), length in zip(rows, lengths, strict=True):
        ascent, descent = face(font, px).getmetrics()
        leading = px * style.line_height
        baseline = y + (leading + ascent - descent) / 2
        yield Line(text, px, left + round(share * (width - length)), round(baseline), colour)
        y += round(leading)


def _reach(box: Box, style: TitlePreset, px: int) -> tuple[float, float, float, float]:
    """Edges that shadow, outline, overhanging letters and movement reach: x0, y0, x1, y1."""
    x, y, width, height = box
    spread = 0.2 * px + style.outline * px
    if style.shadow:
        spread += (3 * SHADOW_BLUR + SHADOW_DROP) * px
    travel = {"none": (0.0, 0.0), "left": (TRAVEL * px, 0.0), "up": (0.0, TRAVEL * px)}[style.move]
    return (
        x - spread - travel[0],
        y - spread,
        x + width + spread,
        y + height + spread + travel[1],
    )


def _even_box(edges: tuple[float, float, float, float], canvas: tuple[int, int]) -> Box:
    x0, y0 = (max(0, 2 * math.floor(edge / 2)) for edge in edges[:2])
    x1, y1 = (
        min(side, 2 * math.ceil(edge / 2)) for edge, side in zip(edges[2:], canvas, strict=True)
    )
    return x0, y0, x1 - x0, y1 - y0
