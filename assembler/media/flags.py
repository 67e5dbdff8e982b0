"""Stretches of arrays of flags."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches where flags are set, half-open."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def bridged(stretches: Iterable[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    """Stretches in ascending order, those joined that are at most *gap* apart."""
    out: list[tuple[int, int]] = []
    for start, stop in sorted(stretches):
        if out and start - out[-1][1] <= gap:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((start, stop))
    return out
