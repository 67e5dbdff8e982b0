"""Rows of numbers that lie on disk."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from assembler.media.rows import Rows


def test_rows_come_back_as_they_were_put_in() -> None:
    """Appended, replaced one by one or together, read one by one or together."""
    wanted = np.arange(60, dtype=np.float16).reshape(10, 3, 2)
    rows = Rows((3, 2), np.float16)
    rows.append(wanted[:4])
    rows.append(wanted[4:])
    assert len(rows) == 10
    np.testing.assert_array_equal(rows[:], wanted)
    np.testing.assert_array_equal(rows[3], wanted[3])
    np.testing.assert_array_equal(rows[-1], wanted[-1])
    np.testing.assert_array_equal(rows[6:99], wanted[6:])
    rows[2], rows[4:6] = np.zeros((3, 2)), wanted[:2]
    assert not rows[2].any()
    np.testing.assert_array_equal(rows[4:6], wanted[:2])
    np.testing.assert_array_equal(np.concatenate(list(rows.parts(4))), rows[:])


def test_rows_that_were_not_written_hold_what_they_were_filled_with() -> None:
    """Also where they are filled in several goes."""
    rows = Rows((1000,), np.float32, 600, np.nan)
    assert rows[:].shape == (600, 1000)
    assert np.isnan(rows[:]).all()
    nothing = Rows((1000,), np.float32, 600)
    nothing[599] = np.ones(1000)
    assert (nothing[:598].any(), nothing[599].all(), len(nothing)) == (False, True, 600)


@pytest.mark.parametrize("place", [3, -4])
def test_a_row_that_is_not_there_is_an_error(place: int) -> None:
    """Nothing is written past the end."""
    rows = Rows((2,), np.uint8, 3)
    with pytest.raises(IndexError):
        rows[place] = np.zeros(2)
    with pytest.raises(IndexError):
        rows[place]
    assert len(rows) == 3


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by /proc")
def test_nothing_stays_open() -> None:
    """The file goes with the object."""

    def files() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    before = files()
    rows = Rows((2,), np.uint8, 3)
    assert files() == before + 1
    del rows
    assert files() == before
