"""
Files that a span's graph needs beside its sources: LUTs, frames made as arrays, masks, words.

    with prepared(span, folder) as materials:
        graph_of(span, materials)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assembler.match.decision import Correction
from assembler.render.graph import Materials
from assembler.render.spans import Passage, Shot, Span


@contextmanager
def prepared(span: Span, folder: Path) -> Iterator[Materials]:
    """What *span* needs, in a folder that goes when the block ends."""
    with tempfile.TemporaryDirectory(prefix="assembler-span-") as name:
        yield Materials(cubes=_cubes(span, Path(name)))


def shots_of(span: Span) -> Iterator[Shot]:
    """All shots of a span, those within transitions too."""
    for piece in span.pieces:
        match piece:
            case Shot():
                yield piece
            case Passage():
                yield piece.before
                yield piece.after


def _cubes(span: Span, folder: Path) -> dict[Correction, Path]:
    out: dict[Correction, Path] = {}
    for shot in shots_of(span):
        fix = shot.correction.colour
        if fix is not None and shot.correction not in out:
            out[shot.correction] = _write_cube(shot.correction, folder / f"{len(out)}.cube")
    return out


def _write_cube(correction: Correction, path: Path) -> Path:
    from assembler.match.apply import cube

    assert correction.colour is not None
    lut = cube(correction.colour)
    rows = lut.transpose(2, 1, 0, 3).reshape(-1, 3)
    lines = [f"LUT_3D_SIZE {lut.shape[0]}", *(f"{r:.7f} {g:.7f} {b:.7f}" for r, g, b in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path
