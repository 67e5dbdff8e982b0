"""
What lies over the picture of a cut, as plain picture layers that the renderer can show.

    cut = overlaid(cut, project.folder / "titles")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from assembler.cut.model import Cut, Insert, PictureLayer, Source
from assembler.layers.captions import caption_inserts
from assembler.layers.titles import title_insert
from assembler.media.info import Colour
from assembler.media.probe import probe

PICTURE = Colour("rgb", True, "bt709", "bt709", "left")
"""How the numbers of an insert mean colour."""


def inserts(cut: Cut, folder: Path, *, folders: Sequence[Path] = ()) -> tuple[Insert, ...]:
    """
    Files of the cut's titles, then of its captions if they are to be burned in.

    Raises:
        UsageError: If there is no such style.
        MissingProgramError: If a font or a character is missing.
        RenderError: If words don't fit the picture.
    """
    return tuple(_inserts(cut, folder, folders))


def overlaid(cut: Cut, folder: Path, *, folders: Sequence[Path] = ()) -> Cut:
    """
    The cut with its titles and burned captions as picture layers, over all its other layers.

    Meant for the renderer; exporters take the cut as it was. Raises as `inserts`.
    """
    words = tuple(
        layer_of(i, f"words.{n}") for n, i in enumerate(_inserts(cut, folder, folders), 1)
    )
    return replace(cut, layers=(*cut.layers, *words), titles=(), burn_captions=False)


def layer_of(insert: Insert, id_: str) -> PictureLayer:
    """The insert as a layer of the cut."""
    source = Source(insert.key, insert.path, probe(insert.path), PICTURE, still=insert.still)
    box = (insert.x, insert.y, insert.width, insert.height)
    return PictureLayer(id_, source, insert.record, 0, box)


def _inserts(cut: Cut, folder: Path, folders: Sequence[Path]) -> Iterator[Insert]:
    for title in cut.titles:
        yield title_insert(title, cut.size, cut.rate, folder, folders=folders)
    if cut.burn_captions:
        yield from caption_inserts(cut.captions, cut.size, cut.rate, folder, folders=folders)
