"""
Frames made anew where motion is missing between A and B: B's first ones, shown a little faster.

    A  … 7 8 |       11 12 13 14 15 …        two moments are missing
    B        | 9.4 10.8 12.2 13.6 15 …       five steps share the jump that one would have made

Each is laid between two frames that exist, along dense flow both ways; what only one of them shows
is taken from that one alone, so nothing is seen double. Sound keeps its place: no frame is added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assembler.match.decision import Patch
from assembler.match.features import F32, detail, distance, fitted, luma, resized
from assembler.match.stride import Stride
from assembler.match.track import flow_of, sampled, traced

Plane = NDArray[Any]
Planes = list[Plane]

FLOW_PX = 480
"""Longer side at which motion is followed."""
LEAST_MISSING = 0.55
"""A jump over less is not seen."""
MOST_MISSING = 3.4
"""A jump over more can't be bridged."""
FASTER = 0.34
"""Frames that share a jump are shown faster by no more than this part."""
SMOOTH_PX = 2.0
"""Standard deviation of the blur of what is decided place by place."""
ALIKE = 0.5
"""Details that differ by less show the same thing."""
EXPLAINED = 0.62
"""Made frames must lie nearer to the true ones than this part of a step of the motion."""


def patch_for(tail: F32, head: F32, stride: Stride) -> Patch | None:
    """
    The patch that hides a jump, None where there is none or frames can't be made well enough.

    Frames of both clips that stand next to the seam are made from their neighbours, as far apart as
    the jump is wide, and compared with what they are.

    Args:
        tail: A's last frames that are kept, (n, h, w, 3).
        head: B's first used ones, (m, h, w, 3).
        stride: From the last of *tail* to the first of *head*.
    """
    missing = stride.frames - 1
    if not stride.sure or not LEAST_MISSING <= missing <= MOST_MISSING:
        return None
    frames = int(np.ceil(missing / FASTER)) - 1
    span = max(2, round(missing) + 1)
    if len(tail) <= span or len(head) <= max(span, frames):
        return None
    known = [tail[-1 - span :], head[: span + 1]]
    known = [np.stack([detailed(luma(f)) for f in side]) for side in known]
    if max(_left(side) for side in known) > EXPLAINED:
        return None
    return Patch(frames, round(missing, 3))


def _left(frames: F32) -> float:
    """Error of the inner frames made from both outer ones, in parts of the motion's step."""
    made = Between(frames[0], frames[-1])
    inner = range(1, len(frames) - 1)
    apart = [
        distance(made.laid([frames[0]], [frames[-1]], n / (len(frames) - 1))[0], frames[n])
        for n in inner
    ]
    step = float(np.mean([distance(a, b) for a, b in pairwise(frames)]))
    return max(apart) / max(step, 1e-6)


def patched(
    last: Planes, frames: Iterable[Planes], patch: Patch, seen: Callable[[Planes], F32]
) -> Iterator[Planes]:
    """
    B's frames with the first ones made anew.

    Args:
        last: A's last frame as it is shown, as planes of any sizes and types.
        frames: B's used frames as they are shown, from the first one on.
        patch: What is to be made.
        seen: Luma of a frame's planes, float32 in [0, 1], (h, w).
    """
    known = [(0.0, last)]
    between: tuple[float, Between] | None = None
    for n, frame in enumerate(frames):
        if n >= patch.frames:
            yield frame
            continue
        known.append((1 + patch.missing + n, frame))
        wanted = (n + 1) * (1 + patch.missing / (patch.frames + 1))
        while known[1][0] < wanted:
            del known[0]
        (one_at, one), (two_at, two) = known[:2]
        if between is None or between[0] != one_at:
            between = one_at, Between(detailed(seen(one)), detailed(seen(two)))
        yield between[1].laid(one, two, (wanted - one_at) / (two_at - one_at))


def detailed(grey: F32) -> F32:
    """Detail of a luma picture at the size at which motion is followed."""
    return detail(resized(grey, fitted((grey.shape[1], grey.shape[0]), FLOW_PX)))


class Between:
    """The motion between two pictures, to make what lies between them."""

    def __init__(self, one: F32, two: F32) -> None:
        """*one* and *two* are details of the pictures, (h, w)."""
        self.details = one, two
        self.ways = flow_of(one, two), flow_of(two, one)
        self.seen = traced(*self.ways), traced(*self.ways[::-1])

    def laid(self, one: Planes, two: Planes, part: float) -> Planes:
        """
        Planes at *part* of the way from *one* to *two*, of the same shapes and types.

        Source: Jiang et al., Super SloMo, CVPR 2018, equation 4, for the ways.
        """
        there, back = self.ways
        ways = (
            part * part * back - (1 - part) * part * there,
            (1 - part) ** 2 * there - part * (1 - part) * back,
        )
        weight = self._weight(ways, part)
        return [
            _blended(first, second, ways, weight) for first, second in zip(one, two, strict=True)
        ]

    def _weight(self, ways: tuple[F32, F32], part: float) -> F32:
        """Share of the second picture: *part* where both show the same, else one of them alone."""
        import cv2

        first, second = (sampled(s, way) for s, way in zip(self.seen, ways, strict=True))
        shown = [sampled(d, way) for d, way in zip(self.details, ways, strict=True)]
        apart = cv2.GaussianBlur(np.abs(shown[0] - shown[1]), (0, 0), SMOOTH_PX)
        both = np.minimum(first, second) * np.clip(2 - apart / ALIKE, 0, 1)
        alone = (second - first + part - 0.5 > 0).astype(np.float32)
        weight = both * np.float32(part) + (1 - both) * alone
        return np.asarray(cv2.GaussianBlur(weight, (0, 0), SMOOTH_PX), dtype=np.float32)


def _blended(one: Plane, two: Plane, ways: tuple[F32, F32], weight: F32) -> Plane:
    """Both planes carried along their ways, one laid over the other."""
    size = (one.shape[1], one.shape[0])
    share = resized(weight, size)
    if one.ndim == 3:
        share = share[..., None]
    first, second = (_carried(p, _wide(way, size)) for p, way in zip((one, two), ways, strict=True))
    made = first + share * (second - first)
    if np.issubdtype(one.dtype, np.integer):
        made = np.clip(np.rint(made), 0, np.iinfo(one.dtype).max)
    return made.astype(one.dtype)


def _wide(way: F32, size: tuple[int, int]) -> F32:
    """A way for pictures of *size* (w, h)."""
    scale = np.array([size[0] / way.shape[1], size[1] / way.shape[0]], dtype=np.float32)
    return resized(way, size) * scale


def _carried(plane: Plane, way: F32) -> F32:
    import cv2

    h, w = way.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    out = cv2.remap(
        plane.astype(np.float32), x + way[..., 0], y + way[..., 1], cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(out, dtype=np.float32)
