"""
Follows what A's last frame shows through B's first frames, to see how its colours change.

Motion is followed by dense flow between pictures of local detail, so that a grade or a pop doesn't
disturb it; places that can't be followed there and back are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assembler.match.features import F32, detail, fitted, luma, resized

FLOW_PX = 240
"""Longer side at which motion is followed."""
GRID_PX = 3
"""Distance of the places whose colour is compared."""
ASTRAY_PX = 0.7
"""A place that comes back this far from where it started was not followed."""


@dataclass(frozen=True, slots=True)
class Track:
    """Colours of the same things in a reference frame and in a later one."""

    frame: int
    """Index of the later frame."""
    wanted: F32
    """In the reference, (n, 3), low-pass."""
    seen: F32
    """In the later frame, (n, 3)."""
    share: float
    """Part of all places that could be followed."""


def follow(reference: F32, frames: F32, picked: Sequence[int]) -> list[Track]:
    """
    Colours of *reference* (h, w, 3) found again in the *picked* of *frames* (n, h, w, 3).

    *picked* rises; the nearer its steps, the surer the motion is followed.
    """
    size = fitted((reference.shape[1], reference.shape[0]), FLOW_PX)
    here, low = _plane(reference, size), _low(reference, size)
    onward: F32 | None = None
    back: F32 | None = None
    out = []
    for n in picked:
        there = _plane(frames[n], size)
        onward, back = _flow(here, there, onward), _flow(there, here, back)
        out.append(_compared(n, low, _low(frames[n], size), onward, back))
    return out


def flow_between(one: F32, two: F32, start: F32 | None = None) -> F32:
    """Way in pixels of what picture *one* shows to where *two* shows it, (h, w, 2)."""
    size = (one.shape[1], one.shape[0])
    return _flow(_plane(one, size), _plane(two, size), start)


def flow_of(one: F32, two: F32) -> F32:
    """The same for pictures of detail, (h, w)."""
    return _flow(_shown(one), _shown(two), None)


def sampled(picture: F32, way: F32) -> F32:
    """*picture* (h, w) or (h, w, c) seen where *way* leads from each place."""
    import cv2

    h, w = way.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    out = cv2.remap(
        picture, x + way[..., 0], y + way[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(out, dtype=np.float32)


def traced(onward: F32, back: F32) -> F32:
    """Where the way there and back leads home, 1 or 0, float32 (h, w)."""
    import cv2

    h, w = onward.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    there_x, there_y = x + onward[..., 0], y + onward[..., 1]
    home = onward + cv2.remap(
        back, there_x, there_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    inside = (there_x >= 2) & (there_x <= w - 3) & (there_y >= 2) & (there_y <= h - 3)
    astray = np.linalg.norm(home, axis=2)
    good = inside & (astray < ASTRAY_PX + 0.05 * np.linalg.norm(onward, axis=2))
    return np.asarray(good, dtype=np.float32)


def _plane(rgb: F32, size: tuple[int, int]) -> NDArray[np.uint8]:
    return _shown(detail(resized(luma(rgb), size)))


def _shown(shown: F32) -> NDArray[np.uint8]:
    """Local detail as 8-bit picture, which is what the flow wants."""
    return np.clip(shown * 40 + 128, 0, 255).astype(np.uint8)


def _low(rgb: F32, size: tuple[int, int]) -> F32:
    import cv2

    return np.asarray(cv2.GaussianBlur(resized(rgb, size), (0, 0), 1.5), dtype=np.float32)


def _flow(one: NDArray[np.uint8], two: NDArray[np.uint8], start: F32 | None) -> F32:
    """Way in pixels from *one* to *two*, (h, w, 2). Source: Kroeger et al., DIS, ECCV 2016."""
    import cv2

    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    begun = None if start is None else start.copy()
    return np.asarray(engine.calc(one, two, begun), dtype=np.float32)  # type: ignore[arg-type]


def _compared(n: int, low: F32, later: F32, onward: F32, back: F32) -> Track:
    h, w = low.shape[:2]
    y, x = np.mgrid[GRID_PX : h - GRID_PX : GRID_PX, GRID_PX : w - GRID_PX : GRID_PX]
    places = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
    way = onward[y.ravel(), x.ravel()]
    landed = places + way
    inside = np.all((landed >= 2) & (landed <= np.array([w - 3, h - 3])), axis=1)
    home = np.linalg.norm(way + _at(back, landed), axis=1)
    good = inside & (home < ASTRAY_PX + 0.05 * np.linalg.norm(way, axis=1))
    wanted = low[y.ravel(), x.ravel()][good]
    return Track(n, wanted, _at(later, landed[good]), float(np.mean(good)))


def _at(picture: F32, places: F32) -> F32:
    """Values of *picture* at (x, y) places (n, 2), between pixels linearly, (n, channels)."""
    import cv2

    if not len(places):
        return np.zeros((0, picture.shape[2]), dtype=np.float32)
    out = cv2.remap(
        picture, places[:, None, 0], places[:, None, 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(out[:, 0], dtype=np.float32)
