"""
Equal rows of numbers kept on disk, so that memory doesn't grow with a film.

    >>> rows = Rows((2,), np.float16)
    >>> rows.append(np.ones((3, 2)))
    >>> rows[1] = np.zeros(2)
    >>> len(rows), float(rows[0:2].sum())
    (3, 2.0)
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
import numpy.typing as npt

from assembler.media.room import writing

_ON_DISK = "/var/tmp"
"""Where Unix keeps large files that nobody misses (FHS 3.0, 5.15)."""
_AT_ONCE = 1 << 20
"""Bytes that are filled at a time."""


class Rows:
    """
    Rows of one shape and type in a file without a name, gone with the object or when closed.

    Args:
        shape: Of a row.
        dtype: Of its numbers.
        count: Rows that there are from the beginning, …
        fill: … and what all of their numbers are.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: npt.DTypeLike, count: int = 0, fill: float = 0
    ) -> None:
        self.row = shape
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        self._bytes = math.prod(shape) * self._dtype.itemsize
        self._count = 0
        self._lock = Lock()
        self._file = tempfile.TemporaryFile(buffering=0, dir=_folder())  # noqa: SIM115
        self._end = finalize(self, self._file.close)
        if not fill:
            self._file.truncate(count * self._bytes)
            self._count = count
        step = max(1, _AT_ONCE // self._bytes)
        for at in range(self._count, count, step):
            self.append(np.full((min(step, count - at), *shape), fill, self._dtype))

    def __len__(self) -> int:
        return self._count

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add rows, shape (n, *row)."""
        self._write(self._count, rows)
        self._count += len(rows)

    def __setitem__(self, place: int | slice, rows: npt.NDArray[Any]) -> None:
        """Replace one row, or some that lie together."""
        if isinstance(place, slice):
            start, stop, _ = place.indices(self._count)
            assert len(rows) == stop - start, "as many rows as are replaced"
            self._write(start, rows)
        else:
            self._write(range(self._count)[place], rows[None])

    def __getitem__(self, place: int | slice) -> npt.NDArray[Any]:
        """A row, or a copy of some that lie together."""
        if not isinstance(place, slice):
            number = range(self._count)[place]
            row: npt.NDArray[Any] = self[number : number + 1][0]
            return row
        start, stop, step = place.indices(self._count)
        assert step == 1, "rows are read in order"
        count = max(0, stop - start)
        with self._lock:
            self._file.seek(start * self._bytes)
            data = self._file.read(count * self._bytes)
        return np.frombuffer(data, self._dtype).reshape(count, *self.row)

    def close(self) -> None:
        """Let go of the file."""
        self._end()

    def parts(self, rows: int) -> Iterator[npt.NDArray[Any]]:
        """All rows in order, so many at a time."""
        for at in range(0, self._count, rows):
            yield self[at : at + rows]

    def _write(self, start: int, rows: npt.NDArray[Any]) -> None:
        left = memoryview(np.ascontiguousarray(rows, self._dtype).tobytes())
        with self._lock:
            self._file.seek(start * self._bytes)
            with writing(Path(_folder() or tempfile.gettempdir())):
                while left:  # a full disk takes a part first, and says so of the next
                    left = left[self._file.write(left) :]


def _folder() -> str | None:
    """A folder on a disk: the usual one is often memory. Who has set TMPDIR has chosen."""
    chosen = "TMPDIR" in os.environ or not os.access(_ON_DISK, os.W_OK)
    return None if chosen else _ON_DISK
