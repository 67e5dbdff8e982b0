"""
How far it is from A's last picture to B's first, in frames of the motion that both go on with.

    stride_of(tail, head)        # 0: the same moment again · 1: the next one · 3: two are missing

Every place moves in A's last step and in B's first one; the way between the two clips is so many
times that, beside a slight change of the whole picture's place, which generators make.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assembler.match.features import F32, fitted, resized
from assembler.match.track import flow_of, sampled, traced

F64 = NDArray[np.float64]

PLACE_PX = (0.6, 0.15, 0.5, 0.15, 0.6, 0.5)
"""Usual size of what generators do to the place: x by x, by y, shift, y likewise; at 240 px."""
STRIDES = np.arange(-1.0, 5.01, 0.05)
"""Those that are tried."""
NOISE_PX = 0.1
"""Usual error of a followed way."""
SMOOTH_PX = 4.0
"""Standard deviation of the neighbourhood over which ways are averaged."""
GRID = 8
"""Every so many places are looked at."""
FRAME_TRUST = 100.0
"""What a picture's places count, in independent samples."""
SLOWEST_PX = 0.1
"""Where nothing moves by more, strides can't be told; at 240 px."""
FLOW_PX = 240
"""Longer side at which motion is followed."""
FEWEST = 0.05
"""Part of the picture that has to be followed."""
ROUNDS = 5
"""Rounds of reweighting."""
REPEATED = 0.4
"""Shorter strides are a repeat, seen through noise."""
SURE = 0.25
"""A stride with a larger standard deviation says nothing."""


@dataclass(frozen=True, slots=True)
class Stride:
    """The way from A's last picture to B's first."""

    frames: float
    """In frames of the usual motion."""
    deviation: float
    """Standard deviation of that; infinite when nothing can be told."""

    @property
    def sure(self) -> bool:
        """Whether it can be relied on."""
        return self.deviation < SURE

    @property
    def forward(self) -> bool:
        """Whether it is surely no repeat of the same moment."""
        return self.sure and self.frames - 2 * self.deviation > REPEATED


UNKNOWN = Stride(0.0, float("inf"))
"""Nothing can be told."""


def stride_of(tail: F32, head: F32) -> Stride:
    """The stride between details of A's last two frames and B's first two, (2, h, w) each."""
    if len(tail) < 2 or len(head) < 2:
        return UNKNOWN
    size = fitted((tail.shape[2], tail.shape[1]), FLOW_PX)
    tail, head = (np.stack([resized(f, size) for f in side]) for side in (tail[-2:], head[:2]))
    h, w = tail.shape[1:]
    way, seen = _way(tail[-1], head[0])
    back, seen_back = _way(tail[-1], tail[-2])
    onward, seen_onward = _way(head[0], head[1])
    onward, seen_onward = sampled(onward, way), sampled(seen_onward, way)
    seen = (np.minimum(np.minimum(seen, seen_back), seen_onward) > 0.9).astype(np.float32)
    mean, way = _smooth((onward - back) / np.float32(2), seen), _smooth(way, seen)
    rows, columns = np.nonzero(seen)
    rows, columns = rows[::GRID], columns[::GRID]
    motion: F64 = mean[rows, columns].astype(np.float64)
    if len(rows) * GRID < FEWEST * h * w or _speed(motion) < SLOWEST_PX * w / FLOW_PX:
        return UNKNOWN
    x, y = (columns - w / 2) / (w / 2), (rows - h / 2) / (w / 2)
    return _fitted(x, y, motion, way[rows, columns].astype(np.float64), w / FLOW_PX)


def _way(one: F32, two: F32) -> tuple[F32, F32]:
    """Flow from *one* to *two*, and 1 where it can be believed."""
    way = flow_of(one, two)
    return way, traced(way, flow_of(two, one))


def _smooth(motion: F32, seen: F32) -> F32:
    """*motion* averaged over its surroundings, as far as it is *seen*: flow errs locally."""
    import cv2

    sums = cv2.GaussianBlur(motion * seen[..., None], (0, 0), SMOOTH_PX)
    share = cv2.GaussianBlur(seen, (0, 0), SMOOTH_PX)
    return np.asarray(sums / np.maximum(share, 1e-3)[..., None], dtype=np.float32)


def _speed(motion: F64) -> float:
    return float(np.sqrt(np.mean(np.sum(motion * motion, axis=1))))


def _fitted(x: F64, y: F64, motion: F64, way: F64, scale: float) -> Stride:
    """Robust total least squares of *way* as a stride of *motion* and a change of place."""
    still, one = np.zeros_like(x), np.ones_like(x)
    across = np.stack([x, y, one, still, still, still], axis=1)
    down = np.stack([still, still, still, x, y, one], axis=1)
    places = np.concatenate([across, down])
    moved, wanted = (np.concatenate([v[:, 0], v[:, 1]]) for v in (motion, way))
    prior = np.diag(1 / (np.array(PLACE_PX) * scale) ** 2)
    trust = np.ones(len(x))
    for _ in range(ROUNDS):
        both = np.concatenate([trust, trust])
        unit = FRAME_TRUST / max(float(both.sum()), 1e-9) / (NOISE_PX * scale) ** 2
        costs, found = _costs(places, moved, wanted, both * unit, prior)
        best = int(np.argmin(costs))
        off = wanted - STRIDES[best] * moved - places @ found[best]
        apart = np.hypot(off[: len(x)], off[len(x) :])
        usual = max(1.4826 * float(np.median(apart)), NOISE_PX * scale / 3)
        trust = np.clip(1 - (apart / (4.7 * usual)) ** 2, 0, None) ** 2
    if best in (0, len(STRIDES) - 1):  # the motion turns, or isn't followed
        return UNKNOWN
    near = STRIDES[costs < costs[best] + 1]
    return Stride(float(STRIDES[best]), float(near[-1] - near[0] + STRIDES[1] - STRIDES[0]) / 2)


def _costs(places: F64, moved: F64, wanted: F64, trust: F64, prior: F64) -> tuple[F64, F64]:
    """Minus twice the log-likelihood of each of `STRIDES`, with the best change of place."""
    every = np.column_stack([places, moved, wanted])
    products = (every * trust[:, None]).T @ every
    count = places.shape[1]
    normal, of_moved, of_wanted = np.split(products[:count], [count, count + 1], axis=1)
    # Motion errs as the way does, so its part in the error grows with the stride.
    noise = (1 + STRIDES * STRIDES / 2)[:, None]
    right = (of_wanted.T - STRIDES[:, None] * of_moved.T) / noise
    found = np.linalg.solve(normal / noise[..., None] + prior, right[..., None])[..., 0]
    off = np.column_stack([-found, -STRIDES, np.ones_like(STRIDES)])
    left: F64 = np.einsum("si,ij,sj->s", off, products, off) / noise[:, 0]
    return np.asarray(left + np.einsum("si,ij,sj->s", found, prior, found)), np.asarray(found)
