"""
Whether words can be set: their font has every character, and they fit the picture.

    check_words("Harbour at dawn", "title", (1920, 1080))
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assembler.errors import MissingProgramError
from assembler.layers.typeset import can_shape, missing, needs_shaping, typeset
from assembler.spec.presets import CAPTION, TitlePreset, font_file, title_preset

if TYPE_CHECKING:
    from assembler.cut.model import Cue


def check_words(
    text: str, style: str, size: tuple[int, int], *, folders: Sequence[Path] = ()
) -> None:
    """Raise what `title_insert` would raise for these words, in a moment and without a file."""
    preset = title_preset(style, folders)
    _check_text(text, preset, size, f"title {text.strip()[:40]!r}", folders=folders)


def _check_text(
    text: str,
    style: TitlePreset,
    size: tuple[int, int],
    name: str,
    *,
    folders: Sequence[Path] = (),
) -> None:
    """The same for a style that is read already; *name* says which words they are."""
    font = font_file(style.font, folders)
    typeset(text, style, size, complete(text, font, style, name))


def check_captions(
    cues: Sequence[Cue], size: tuple[int, int], *, folders: Sequence[Path] = ()
) -> None:
    """
    Raise what burning these captions in would raise, in a moment and without a file.

    Raises:
        MissingProgramError: If the font lacks a character; the caption is named.
        RenderError: If a caption doesn't fit the picture.
    """
    style = title_preset(CAPTION, folders)
    for number, cue in enumerate(cues, 1):
        if not cue.event:
            _check_text(cue.text, style, size, f"caption {number}", folders=folders)


def complete(text: str, font: Path, style: TitlePreset, name: str = "") -> Path:
    """The font, once it is known to have every character."""
    where = name or f"title {text.strip()[:40]!r}"
    if needs_shaping(text) and not can_shape():
        raise MissingProgramError(
            "its letters join or run from right to left, and Pillow has no libraqm here",
            where=where,
            fix="install libraqm and FriBiDi, or write them as ASS captions, which libass sets.",
        )
    if lacking := missing(text, font):
        named = ", ".join(f"{c} ({unicodedata.name(c, hex(ord(c)))})" for c in lacking[:5])
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise MissingProgramError(
            f"the font {style.font} has no {named}{more}",
            where=where,
            fix="put a font that has it into presets/titles/fonts/ beside the timeline, and a "
            f"copy of the style with `font: <file>` into presets/titles/{style.id}.yaml.",
        )
    return font
