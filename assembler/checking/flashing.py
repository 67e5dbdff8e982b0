"""
Flashes that can harm viewers, after ITU-R BT.1702-3 in simple form.

A flash is a pair of opposing changes of 20 cd/m² or more, the darker picture below 160 cd/m², over
a quarter of the picture or more; so is a pair of changes to and from saturated red. More than three
in a second are too many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assembler.media.rows import Rows

F32 = NDArray[np.float32]
Table = Rows | NDArray[np.float16]

WHITE_NITS = 200.0
"""Peak white of the display that the recommendation assumes."""
_GAMMA = 2.4
"""Of that display (BT.1886)."""
STEP_NITS = 20.0
DARKER_NITS = 160.0
AREA = 0.25
MOST_CHANGES = 6
"""In a second: three flashes have two changes each."""
_RED_STEP = 0.2
_WITHIN = 3
"""Frames that a change may take; a fade is none."""
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Flashing:
    """A stretch with too many flashes."""

    start: int
    """First frame."""
    stop: int
    per_second: float
    """Most flashes in one second of it."""
    red: bool


def flashing(fields: Table, red: Table | None, fps: float) -> list[Flashing]:
    """
    Stretches with more than three flashes in a second.

    Args:
        fields: Luma of fields of each frame in [0, 1], shape (n, rows, columns).
        red: Saturated red of each field, same shape; None where it isn't known.
        fps: Frames a second.
    """
    light = _changes(fields, lambda v: WHITE_NITS * np.clip(v, 0, 1) ** _GAMMA, STEP_NITS)
    found = [Flashing(*stretch, False) for stretch in _dense(light, fps)]
    if red is not None:
        glow = _changes(red, lambda v: v, _RED_STEP)
        lit = [(f.start, f.stop) for f in found]
        for start, stop, count in _dense(glow, fps):
            if not any(a < stop and start < b for a, b in lit):
                found.append(Flashing(start, stop, count, True))
    return sorted(found, key=lambda f: f.start)


def _changes(fields: Table, scale: Callable[[F32], F32], step: float) -> list[int]:
    """Frames at which a quarter of the picture turns brighter or darker, by turns."""
    events: list[int] = []
    way = 0
    for at in range(0, len(fields), _CHUNK):
        begin = max(0, at - _WITHIN)
        values = np.nan_to_num(scale(fields[begin : at + _CHUNK].astype(np.float32)))
        if float(values.max()) < step:
            continue
        up, down = _areas(values, step)
        for n in np.flatnonzero((up >= AREA) | (down >= AREA)):
            frame = begin + int(n)
            if frame < at:
                continue
            turn = 1 if up[n] >= down[n] else -1
            if turn != way:
                events.append(frame)
                way = turn
    return events


def _areas(values: F32, step: float) -> tuple[F32, F32]:
    """Share of fields that turned brighter, and darker, within a few frames."""
    up = np.zeros(len(values), np.float32)
    down = np.zeros(len(values), np.float32)
    for back in range(1, min(_WITHIN + 1, len(values))):
        change = values[back:] - values[:-back]
        counts = np.minimum(values[back:], values[:-back]) < DARKER_NITS
        rose = np.mean((change >= step) & counts, axis=(1, 2))
        fell = np.mean((change <= -step) & counts, axis=(1, 2))
        # A change counts where the last step goes the same way, else the turn has come already.
        last = values[back:] - values[back - 1 : -1]
        way = np.sign(np.mean(last, axis=(1, 2)))
        up[back:] = np.maximum(up[back:], np.where(way > 0, rose, 0))
        down[back:] = np.maximum(down[back:], np.where(way < 0, fell, 0))
    return up, down


def _dense(events: list[int], fps: float) -> Iterator[tuple[int, int, float]]:
    """Stretches in which a second has more changes than are allowed."""
    start = stop = -1
    most = 0
    first = 0
    for n, frame in enumerate(events):
        while frame - events[first] >= fps:
            first += 1
        count = n - first + 1
        if count <= MOST_CHANGES:
            continue
        if start >= 0 and events[first] <= stop:
            stop, most = frame + 1, max(most, count)
            continue
        if start >= 0:
            yield start, stop, most / 2
        start, stop, most = events[first], frame + 1, count
    if start >= 0:
        yield start, stop, most / 2
