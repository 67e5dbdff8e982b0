"""
A picture seen by a moving camera: warped by depth, so that near things pass far ones.

The picture may be wider than the frame (painted ones are); beyond its edge it is mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from assembler.generation.animatic.camera import _STEP, Array, Pose, View
from assembler.generation.animatic.planes import Planes

FRAME_BORDER = cv2.BORDER_REFLECT_101


@dataclass(frozen=True, slots=True)
class Picture:
    """A flat picture with depth, and where the frame lies on it."""

    planes: Planes
    near: Array
    """Nearness in [0, 1] (1 is closest), at an eighth of the size, smooth."""
    origin: tuple[int, int] = (0, 0)
    """Frame's corner on the picture in the neutral pose; even."""
    size: tuple[int, int] = (0, 0)
    """Of the frame."""

    def view(self, pose: Pose) -> View:
        """This picture's view in a pose."""
        return View(pose, self.size, self.origin)


def plain(planes: Planes) -> Picture:
    """A given image as a picture: depth is guessed from where things usually lie."""
    width, height = planes.size
    small = (max(2, -(-width // _STEP)), max(2, -(-height // _STEP)))
    v, u = np.mgrid[0 : small[1], 0 : small[0]].astype(np.float32)
    u, v = u / (small[0] - 1) - 0.5, v / (small[1] - 1)
    ground = 0.18 + 0.62 * np.clip(v, 0, 1) ** 1.6
    middle = 0.28 * np.exp(-((u / 0.28) ** 2) - ((v - 0.58) / 0.36) ** 2)
    near = np.clip(ground + middle, 0, 1).astype(np.float32)
    return Picture(planes, near, (0, 0), (width, height))


@dataclass(frozen=True, slots=True)
class Maps:
    """For each pixel of the frame the point of the picture that it shows."""

    full: tuple[Array, Array]
    """x and y, for luma."""
    half: tuple[Array, Array]
    """The same for the chroma planes, in their own pixels."""


def maps_of(picture: Picture, view: View, sway: tuple[Array, Array] | None = None) -> Maps:
    """
    Where everything is seen.

    Args:
        picture: What is seen.
        view: From where.
        sway: Displacement in pixels on the coarse grid, added to it.
    """
    gx, gy = view.grid()
    flat_x, flat_y = view.sources(gx, gy, 0.5)
    near = cv2.remap(
        picture.near,
        (flat_x + 0.5) / _STEP - 0.5,
        (flat_y + 0.5) / _STEP - 0.5,
        cv2.INTER_LINEAR,
        borderMode=FRAME_BORDER,
    )
    sx, sy = view.sources(gx, gy, near)
    if sway is not None:
        sx, sy = sx + sway[0], sy + sway[1]
    full = _enlarged(sx, view.size, _STEP), _enlarged(sy, view.size, _STEP)
    # Chroma samples lie half a luma pixel left of the middle of their four.
    left = [c - np.gradient(c, axis=1) * np.float32(0.5 / _STEP) for c in (sx, sy)]
    half_size = (view.size[0] // 2, view.size[1] // 2)
    cx, cy = (_enlarged(c, half_size, _STEP // 2) for c in left)
    return Maps(full, (cx * np.float32(0.5), cy * np.float32(0.5) - np.float32(0.25)))


def _enlarged(coarse: Array, size: tuple[int, int], step: int) -> Array:
    full = cv2.resize(
        coarse.astype(np.float32, copy=False),
        (coarse.shape[1] * step, coarse.shape[0] * step),
        interpolation=cv2.INTER_LINEAR,
    )
    return full[step : step + size[1], step : step + size[0]]


def warped(planes: Planes, maps: Maps) -> Planes:
    """The picture as the maps show it."""
    (mx, my), (cx, cy) = maps.full, maps.half
    return Planes(
        cv2.remap(planes.y, mx, my, cv2.INTER_CUBIC, borderMode=FRAME_BORDER),
        cv2.remap(planes.u, cx, cy, cv2.INTER_LINEAR, borderMode=FRAME_BORDER),
        cv2.remap(planes.v, cx, cy, cv2.INTER_LINEAR, borderMode=FRAME_BORDER),
    )


def cropped(picture: Picture) -> Planes:
    """The frame in the neutral pose, pixel by pixel."""
    (x, y), (width, height) = picture.origin, picture.size
    p = picture.planes
    return Planes(
        p.y[y : y + height, x : x + width].copy(),
        p.u[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2].copy(),
        p.v[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2].copy(),
    )
