"""
Colour tables: .cube files (Adobe/IRIDAS), 1D and 3D, read whole and checked.

    table = read_cube(Path("film.cube"))
    write_cube(Path("half.cube"), mixed(table, 0.5))
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assembler.errors import MediaError
from assembler.media.files import publish

MOST_BYTES = 64_000_000
SIZES = {"LUT_1D_SIZE": (2, 65536), "LUT_3D_SIZE": (2, 129)}
_FIX = "export it again as a .cube file from 0 to 1."

Values = NDArray[np.float64]
F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Cube:
    """A table from encoded R'G'B' of 0 to 1."""

    size: int
    """Entries along each axis."""
    solid: bool
    """Whether it is 3D; else each channel has a curve of its own."""
    values: Values
    """(entries, 3): R'G'B'; in a 3D table red changes fastest."""


def read_cube(path: Path) -> Cube:
    """
    The table of a file.

    Raises:
        MediaError: If it is no such table, or not one from 0 to 1.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MediaError("the colour table is too large", str(path), _FIX)
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise MediaError("the colour table can't be read", str(path), _FIX) from exc
    head: dict[str, list[str]] = {}
    rows: list[tuple[float, float, float]] = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0][0].isalpha():
            head[words[0].upper()] = words[1:]
        else:
            rows.append(_row(words, path, number))
    return _checked(head, np.array(rows, np.float64), path)


def _row(words: list[str], path: Path, number: int) -> tuple[float, float, float]:
    try:
        red, green, blue = (float(word) for word in words)
    except ValueError:
        what = f"line {number} of the colour table is no three numbers"
        raise MediaError(what, str(path), _FIX) from None
    return red, green, blue


def _checked(head: dict[str, list[str]], rows: Values, path: Path) -> Cube:
    kinds = [kind for kind in SIZES if kind in head]
    if len(kinds) != 1 or len(head[kinds[0]]) != 1 or not head[kinds[0]][0].isdigit():
        raise MediaError("the colour table has no single LUT_1D_SIZE or LUT_3D_SIZE",
                         str(path), _FIX)  # fmt: skip
    kind, size = kinds[0], int(head[kinds[0]][0])
    least, most = SIZES[kind]
    if not least <= size <= most:
        raise MediaError(f"{kind} {size} is not between {least} and {most}", str(path), _FIX)
    solid = kind == "LUT_3D_SIZE"
    wanted = size**3 if solid else size
    if len(rows) != wanted:
        what = f"the colour table has {len(rows)} entries; {kind} {size} needs {wanted}"
        raise MediaError(what, str(path), _FIX)
    if not np.isfinite(rows).all():
        raise MediaError("the colour table has values that are no numbers", str(path), _FIX)
    for key, value in (("DOMAIN_MIN", "0"), ("DOMAIN_MAX", "1")):
        if head.get(key) and not re.fullmatch(rf"({value}(\.0*)?\s*)+", " ".join(head[key])):
            what = f"the colour table's {key} is {' '.join(head[key])}, not {value}"
            raise MediaError(what, str(path), _FIX)
    return Cube(size, solid, rows)


def identity(table: Cube) -> Values:
    """Values of a table of that form that changes nothing."""
    axis = np.linspace(0.0, 1.0, table.size)
    if not table.solid:
        return np.repeat(axis[:, None], 3, axis=1)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.stack([red.ravel(), green.ravel(), blue.ravel()], axis=1)


def mixed(table: Cube, strength: float) -> Cube:
    """The table laid over the picture with a strength from 0 to 1."""
    if strength == 1.0:
        return table
    return replace(table, values=identity(table) * (1 - strength) + table.values * strength)


def looked_up(rgb: F32, table: Cube) -> F32:
    """What the table makes of encoded R'G'B', (h, w, 3) in [0, 1]; linear between its entries."""
    if not table.solid:
        axis = np.linspace(0.0, 1.0, table.size)
        curves = [np.interp(rgb[..., n], axis, table.values[:, n]) for n in range(3)]
        return np.stack(curves, axis=-1).astype(np.float32)
    from scipy.ndimage import map_coordinates

    cells = table.values.reshape(table.size, table.size, table.size, 3)
    places = np.moveaxis(rgb[..., ::-1], -1, 0) * (table.size - 1)  # blue, green, red
    found = [map_coordinates(cells[..., n], places, order=1, mode="nearest") for n in range(3)]
    return np.stack(found, axis=-1).astype(np.float32)


def write_cube(path: Path, table: Cube) -> None:
    """Write a table; the whole file appears at once."""
    with publish(path) as part:
        part.write_text("\n".join(_lines(table)) + "\n", encoding="utf-8")


def _lines(table: Cube) -> Iterator[str]:
    yield f"LUT_{'3D' if table.solid else '1D'}_SIZE {table.size}"
    for red, green, blue in table.values.tolist():
        yield f"{red:.7f} {green:.7f} {blue:.7f}"
