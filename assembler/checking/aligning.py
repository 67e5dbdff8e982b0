"""
Which frame of the programme each frame of a file shows, and where that jumps.

    for jump in jumps(views):               # those that aren't `sure` may be chance
        jump.frame, jump.missing            # 118, 1: one frame is missing before frame 118
    shifts(jumps, views.frames)             # 0 to frame 117, then 1

The most likely way through all frames is taken (Viterbi): to stay beside the programme costs
nothing, a jump has to pay for itself by what follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assembler.checking.viewing import Views

F32 = NDArray[np.float32]

_LIKE = 0.5
"""A picture less like anything near its place tells nothing about its place."""
_MOST = 0.25
"""A difference of likeness counts no more than this."""
_FINEST = 0.004
"""Likeness that compression takes away at least."""
_JUMP = 3.0
"""Cost of a jump, in likeness that compression takes away."""
_COUNTED = 0.4
"""Of a jump to where the number of frames says that the film ends."""
_SURE = 25.0
"""Gain of a jump that needs no other sign."""
_EXCHANGE = 12.0
"""The same of frames in another order: that two fit each other's places is no chance."""
_LOOK = 12
"""Frames around a jump among which the likeliest place is sought."""
_ALIKE = 0.6
"""Places whose costs differ by less are the same to the likeness."""
_REPLACED = 6
"""A jump and one back within so many frames are one event."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A place where the file leaves the programme's frames, or comes back."""

    frame: int
    """First frame of the file after it."""
    missing: int
    """Frames left out; below 0 frames shown again."""
    gain: float
    """How much better what follows fits."""
    frames: int = 0
    """Where the programme's frames come back by themselves: after so many; 0 when not."""
    offset: int = 0
    """From the place of what follows to that of the programme's frame that it shows."""
    exchanged: bool = False
    """Whether its frames are all there, in another order."""
    sure: bool = True


def jumps(views: Views) -> list[Jump]:
    """All jumps in order, those that belong together as one."""
    path, cost = _path(views)
    offsets = views.offsets
    found = _exchanged(path, cost, offsets)
    for jump in found:  # what follows them stays where it was
        part = slice(jump.frame, jump.frame + jump.frames)
        path[part] = [offsets.index(jump.offset)] * jump.frames
    edges = [n for n in range(1, len(path)) if path[n] != path[n - 1]]
    if len(path) and offsets[path[0]] != 0:
        edges.insert(0, 0)
    home = offsets.index(0)
    for number, edge in enumerate(edges):
        before = path[edge - 1] if edge else home
        after = path[edge]
        stop = edges[number + 1] if number + 1 < len(edges) else len(path)
        gain = float((cost[edge:stop, before] - cost[edge:stop, after]).sum())
        step = offsets[after] - offsets[before]
        begin = edges[number - 1] if number else 0
        frame = _placed(views, cost, (begin, edge, stop), before, after, step)
        found.append(Jump(frame, step, gain, offset=offsets[after]))
    merged = _merged(sorted(found, key=lambda jump: jump.frame))
    return [replace(jump, sure=_real(views, jump)) for jump in merged]


def shifts(found: list[Jump], frames: int) -> NDArray[np.int64]:
    """How far after its place each frame's picture stands in the programme."""
    shift = np.zeros(frames, np.int64)
    for jump in found:
        # To come back to its place needs no proof.
        if not jump.frames and (jump.sure or jump.offset == 0):
            shift[jump.frame :] = jump.offset
    return shift


def _exchanged(path: list[int], cost: F32, offsets: tuple[int, ...]) -> list[Jump]:
    """Stretches of a few frames that are those of their place in another order."""
    found = []
    place = np.arange(len(path)) + np.array([offsets[column] for column in path], np.int64)
    start, before = 0, offsets.index(0)
    while start < len(path):
        stop = _order_back(place, start, offsets[before])
        if stop > start:
            rows = np.arange(start, stop)
            gain = float((cost[rows, before] - cost[rows, path[start:stop]]).sum())
            missing = int(place[start]) - start - offsets[before]
            found.append(Jump(start, missing, gain, stop - start, offsets[before], exchanged=True))
            start = stop
        else:
            before, start = path[start], start + 1
    return found


def _order_back(place: NDArray[np.int64], start: int, offset: int) -> int:
    """Where the frames that follow are at their place again; *start* when they aren't soon."""
    first = start + offset
    if place[start] <= first:
        return start
    for stop in range(start + 2, min(start + _REPLACED, len(place)) + 1):
        if sorted(place[start:stop]) == list(range(first, stop + offset)):
            return stop
    return start


def _path(views: Views) -> tuple[list[int], F32]:
    """Column of `offsets` for each frame, and the cost of each."""
    like = views.likeness
    home = views.offsets.index(0)
    best = np.nanmax(np.where(np.isnan(like), -1, like), axis=1, initial=-1)
    # Where the planned picture isn't known, its neighbours tell nothing.
    told = (best >= _LIKE) & ~np.isnan(like[:, home])
    noise = max(_FINEST, 3 * float(np.median(1 - best[told])) if told.any() else 0.0)
    apart = np.clip(best[:, None] - np.where(np.isnan(like), -1, like), 0, _MOST)
    # Of a picture that is faded away all likenesses are vague, and brighter neighbours' higher.
    vague = np.maximum(noise, 3 * (1 - best))[:, None]
    cost: F32 = np.where(told[:, None], apart / vague, 0).astype(np.float32)
    frames, columns = cost.shape
    jump = np.full(columns, _JUMP, np.float32)
    gone = len(views.planned_thumbs) - frames
    if gone and gone in views.offsets:  # the count says that it ends there
        jump[views.offsets.index(gone)] = _COUNTED
    total = jump.copy()
    total[home] = 0
    came = np.zeros((frames, columns), np.int16)
    rows = np.arange(columns)
    for n in range(frames):
        cheapest = int(np.argmin(total))
        jumped = total[cheapest] + jump < total
        came[n] = np.where(jumped, cheapest, rows)
        total = np.minimum(total, total[cheapest] + jump) + cost[n]
    # Where two ways cost the same, the one that ends beside the programme is taken.
    end = home if frames and total[home] <= total.min() + _ALIKE else int(np.argmin(total))
    path = [end] * frames
    for n in range(frames - 1, 0, -1):
        path[n - 1] = int(came[n, path[n]])
    return path, cost


def _placed(
    views: Views, cost: F32, edges: tuple[int, int, int], before: int, after: int, step: int
) -> int:
    """The likeliest frame of a jump: repeated frames don't move, missing ones leap."""
    begin, edge, stop = edges
    low, high = max(begin, edge - _LOOK, 0), min(stop, edge + _LOOK)
    part = cost[low:high, before] - cost[low:high, after]
    # total[k]: cost of jumping at low + k
    total = np.concatenate([[0.0], np.cumsum(part)])[: high - low + 1]
    near = [k for k in range(len(total)) if total[k] <= total.min() + _ALIKE and low + k < high]
    if not near:
        return edge
    # Against what the programme does there: of slow motion only that tells.
    planned = np.maximum(np.nan_to_num(views.planned_change[low:high]), 1e-4)
    moved = np.nan_to_num(views.change[low:high] / planned, nan=1.0)
    choose = max if step > 0 else min
    return low + choose(near, key=lambda k: (moved[k], -abs(low + k - edge) * (step > 0)))


def _merged(found: list[Jump]) -> list[Jump]:
    """Jumps and the one that takes them back as one."""
    out: list[Jump] = []
    for jump in found:
        out.append(jump)
        total = 0
        for n in range(len(out) - 1, -1, -1):
            first = out[n]
            if first.frames or jump.frame - first.frame > _REPLACED:
                break
            total += first.missing
            if total == 0 and n < len(out) - 1:
                out[n:] = [
                    replace(first, frames=max(1, jump.frame - first.frame), offset=jump.offset)
                ]
                break
    return out


def _real(views: Views, jump: Jump) -> bool:
    """Whether a jump shows in the motion too, or fits too well to be chance."""
    if jump.gain >= (_EXCHANGE if jump.exchanged else _SURE):
        return True
    if jump.missing == _gone(views) and not jump.frames and jump.gain >= 2 * _COUNTED:
        return True
    if jump.gain >= _JUMP * 2 and not jump.frames and _gone(views):
        return True
    n = jump.frame
    own, planned = views.own_change[n : n + 2], views.planned_change[n : n + 2]
    if jump.gain < _JUMP or not np.isfinite(own[:1]).all():
        return False
    if jump.missing < 0:
        return bool(own[0] < 0.4 * planned[0])
    return bool(own[0] > 1.5 * planned[0])


def _gone(views: Views) -> int:
    """Frames that the file has fewer than the programme."""
    return len(views.planned_thumbs) - views.frames
