"""Colour tables are read whole or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assembler.errors import MediaError
from assembler.media.cube import identity, looked_up, mixed, read_cube, write_cube

TWO = "LUT_3D_SIZE 2\n" + "0.1 0.2 0.3\n" * 8
WRONG = {
    "": "the colour table has no single LUT_1D_SIZE or LUT_3D_SIZE",
    "LUT_3D_SIZE 2\n0 0 0\n": "the colour table has 1 entries; LUT_3D_SIZE 2 needs 8",
    "LUT_3D_SIZE 500\n": "LUT_3D_SIZE 500 is not between 2 and 129",
    "LUT_1D_SIZE 2\n0 0 0\n1 1 one\n": "line 3 of the colour table is no three numbers",
    "LUT_1D_SIZE 2\n0 0 0\n1 1 nan\n": "the colour table has values that are no numbers",
    "DOMAIN_MAX 4 4 4\n" + TWO: "the colour table's DOMAIN_MAX is 4 4 4, not 1",
    "DOMAIN_MIN a b c\n" + TWO: "the colour table's DOMAIN_MIN is a b c, not 0",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.cube"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MediaError) as caught:
        read_cube(path)
    assert WRONG[text] == caught.value.what


@pytest.mark.parametrize("head", ["LUT_3D_SIZE 3", "LUT_1D_SIZE 27"])
def test_what_is_written_reads_back(tmp_path: Path, head: str) -> None:
    """Names, comments and a domain of 0 to 1 are no harm."""
    rows = np.random.default_rng(2).uniform(0, 1, (27, 3)).round(6)
    text = f'TITLE "x"\n# a remark\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1.0 1.0\n{head}\n'
    lines = (" ".join(map(str, row)) for row in rows)
    (tmp_path / "a.cube").write_text(text + "\n".join(lines), encoding="utf-8")
    table = read_cube(tmp_path / "a.cube")
    write_cube(tmp_path / "b.cube", table)
    again = read_cube(tmp_path / "b.cube")
    assert (table.size, table.solid) == (again.size, again.solid)
    assert np.abs(again.values - rows).max() <= 1e-6


def test_red_changes_fastest_and_strength_is_even(tmp_path: Path) -> None:
    (tmp_path / "a.cube").write_text(TWO, encoding="utf-8")
    table = read_cube(tmp_path / "a.cube")
    assert [list(row) for row in identity(table)[:3]] == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert mixed(table, 0.25).values[1] == pytest.approx([0.775, 0.05, 0.075])


@pytest.mark.parametrize("head", ["LUT_3D_SIZE 3", "LUT_1D_SIZE 27"])
def test_a_picture_is_looked_up_as_the_table_says(tmp_path: Path, head: str) -> None:
    """Entries are met exactly, and what lies between them in straight lines."""
    rows = np.random.default_rng(3).uniform(0, 1, (27, 3))
    lines = (" ".join(map(str, row)) for row in rows)
    (tmp_path / "a.cube").write_text(f"{head}\n" + "\n".join(lines), encoding="utf-8")
    table = read_cube(tmp_path / "a.cube")
    picture = identity(table).astype(np.float32)[None]
    assert np.allclose(rows[None], looked_up(picture, table), atol=1e-5)
    between = (picture[:, :1] + picture[:, 1:2]) / 2  # neighbours along red, or along all
    assert np.allclose((rows[0] + rows[1]) / 2, looked_up(between, table)[0, 0], atol=1e-5)
