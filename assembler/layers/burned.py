"""
Captions as pictures to lie over the film's.

    burned_inserts(cues, (1920, 1080), Fraction(24), folder)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from assembler.cut.model import Cue, Insert
from assembler.layers.titles import text_insert
from assembler.spec.presets import CAPTION, font_file, title_preset
from assembler.timebase import FrameRange


def burned_inserts(
    cues: Sequence[Cue],
    size: tuple[int, int],
    rate: Fraction,
    folder: Path,
    *,
    folders: Sequence[Path] = (),
) -> tuple[Insert, ...]:
    """Captions to lie over the picture: ASS set by libass, others in the style `caption`."""
    plain = [cue for cue in cues if not cue.event]
    styled = [cue for cue in cues if cue.event]
    inserts = caption_inserts(plain, size, rate, folder, folders=folders)
    if styled:
        from assembler.layers.ass import ass_inserts

        inserts += ass_inserts(styled, size, rate, folder, folders=folders)
    return inserts


def caption_inserts(
    cues: Sequence[Cue],
    size: tuple[int, int],
    rate: Fraction,
    folder: Path,
    *,
    folders: Sequence[Path] = (),
) -> tuple[Insert, ...]:
    """
    Captions as still pictures with transparency, in the style `caption`.

    Captions that are up at the same time share a picture, one above the other.

    Raises:
        MissingProgramError: If the font or one of its characters is missing.
        RenderError: If a caption doesn't fit the picture.
    """
    style = title_preset(CAPTION, folders)
    font = font_file(style.font, folders)
    return tuple(
        text_insert(text, style, font, record, size, folder) for record, text in shown(cues, rate)
    )


def shown(cues: Sequence[Cue], rate: Fraction) -> Iterator[tuple[FrameRange, str]]:
    """Stretches of frames and the words that are up in them."""
    ranges = [(cue.frames(rate), cue.text) for cue in cues]
    edges = sorted({edge for record, _ in ranges for edge in record})
    active: list[tuple[FrameRange, str]] = []
    waiting = sorted(ranges, key=lambda r: r[0])[::-1]
    for start, stop in pairwise(edges):
        while waiting and waiting[-1][0].start <= start:
            active.append(waiting.pop())
        active = [entry for entry in active if entry[0].stop > start]
        if active:
            yield FrameRange(start, stop), "\n".join(text for _, text in active)
