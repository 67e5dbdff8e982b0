"""Black bars on one side of a seam only: what both sides show lies between them."""

from __future__ import annotations

import numpy as np

from assembler.match.features import F32, luma

BLACK = 0.05
"""Bars are darker throughout, in [0, 1] of luma."""
PICTURE = 0.03
"""Standard deviation of luma from which there is a picture, and not a bar in another grade."""
THINNEST = 0.02
"""Part of a side; what is thinner is an edge."""
_EVERY = 8
"""Frames; bars don't move."""


def window(tail: F32, head: F32) -> tuple[slice, slice] | None:
    """
    Rows and columns that both clips fill, where one has bars that the other hasn't; else None.

    Args:
        tail: A's last frames, (n, h, w, 3), encoded R'G'B'.
        head: B's first frames, likewise.
    """
    lit = [luma(frames[::_EVERY]) for frames in (tail, head)]
    rows = _filled([np.moveaxis(one, 1, 0) for one in lit])
    columns = _filled([np.moveaxis(one, 2, 0) for one in lit])
    height, width = tail.shape[1:3]
    if (rows, columns) == (slice(0, height), slice(0, width)):
        return None
    return rows, columns


def _filled(sides: list[F32]) -> slice:
    """Lines, the first axis, without those that are a bar on one side and picture on the other."""
    lines = len(sides[0])
    ends = [_bars(side) for side in sides]
    cut = [0, 0]
    for one, other in ((0, 1), (1, 0)):
        for end in (0, 1):
            size = ends[one][end]
            there = sides[other][:size] if end == 0 else sides[other][lines - size :]
            if size >= max(1, THINNEST * lines) and float(there.std()) > PICTURE:
                cut[end] = max(cut[end], size)
    return slice(cut[0], lines - cut[1])


def _bars(side: F32) -> tuple[int, int]:
    """Lines of bars at the first and at the last end; none where all is dark."""
    bright = np.flatnonzero(side.reshape(len(side), -1).max(axis=1) > BLACK)
    return (int(bright[0]), len(side) - 1 - int(bright[-1])) if len(bright) else (0, 0)
