"""One shot: any of its frames, from a painted or a given picture, with arrival at an end image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from assembler.generation.animatic import camera, picture
from assembler.generation.animatic.camera import Array, Move, pose_at
from assembler.generation.animatic.living import Element
from assembler.generation.animatic.picture import Picture
from assembler.generation.animatic.planes import Planes


class Shot(Protocol):
    """A stretch of frames without a cut."""

    def at(self, n: float) -> Planes:
        """Frame *n*, counted from the shot's first; between two frames it is in motion."""


@dataclass(frozen=True, slots=True)
class Moving:
    """A picture under a moving camera."""

    picture: Picture
    move: Move
    frames: int
    rate: float
    elements: tuple[Element, ...] = ()
    anchor: int = 0
    """The frame that shows the picture as it is: the first, or the last when it is arrived at."""
    lively: bool = True
    """A given image stirs a little between its ends."""

    def at(self, n: float) -> Planes:
        """The picture as the camera sees it then."""
        pose = pose_at(
            self.move, (n - self.anchor) / self.rate, max(1, self.frames - 1) / self.rate
        )
        view = self.picture.view(pose)
        sway = self._sway(n) if self.lively else None
        still = pose.neutral and sway is None
        if still and not self.elements:
            return picture.cropped(self.picture)
        maps = picture.maps_of(self.picture, view, sway)
        if still:
            frame = picture.cropped(self.picture)
        else:
            frame = picture.warped(self.picture.planes, maps)
        for element in self.elements:
            element.draw(frame, view, maps.half, n / self.rate)
        return frame

    def _between(self, n: float) -> float:
        """0 at both ends of the shot, 1 in its middle."""
        return math.sin(math.pi * min(1.0, max(0.0, n / max(1, self.frames - 1)))) ** 2

    def _sway(self, n: float) -> tuple[Array, Array] | None:
        strength = self._between(n)
        if strength < 1e-9:
            return None
        width, height = self.picture.size
        view = self.picture.view(camera.Pose())
        gx, gy = view.grid()
        at_s = n / self.rate
        reach = 0.0011 * width * strength
        lower = 0.35 + 0.65 * np.clip(gy / height, 0, 1)
        dx = reach * lower * np.sin(2 * np.pi * (0.31 * at_s + gy / (0.47 * height)))
        dy = reach * 0.7 * lower * np.sin(2 * np.pi * (0.23 * at_s + gx / (0.61 * height) + 0.3))
        return dx.astype(np.float32), dy.astype(np.float32)


class Arriving:
    """
    From one given image to another, both hit exactly.

    Where the two show the same things these travel along the optical flow; the rest dissolves
    while the camera moves.
    """

    def __init__(self, start: Moving, end: Moving) -> None:
        self._start, self._end = start, end
        self._frames = start.frames
        self._there = _flow(start.picture.planes, end.picture.planes)
        self._back = _flow(end.picture.planes, start.picture.planes)

    def at(self, n: float) -> Planes:
        """Both pictures on their way to each other."""
        t = n / max(1, self._frames - 1)
        if t <= 0:
            return picture.cropped(self._start.picture)
        if t >= 1:
            return picture.cropped(self._end.picture)
        share = t * t * (3 - 2 * t)
        away = _carried(self._start, n, self._there, share)
        home = _carried(self._end, n, self._back, 1 - share)
        part = min(1.0, max(0.0, (t - 0.15) / 0.7))
        return away.mixed(home, part * part * (3 - 2 * part))


def _carried(moving: Moving, n: float, flow: tuple[Array, Array, float], share: float) -> Planes:
    """A frame of a moving picture, displaced by a part of the flow towards the other picture."""
    fx, fy, trust = flow
    pose = pose_at(
        moving.move, (n - moving.anchor) / moving.rate, max(1, moving.frames - 1) / moving.rate
    )
    calm = 1 - trust
    pose = camera.Pose(
        *(getattr(pose, name) * calm for name in ("zoom", "x", "y", "roll", "orbit"))
    )
    view = moving.picture.view(pose)
    maps = picture.maps_of(moving.picture, view)
    gain = -share * trust
    moved = picture.Maps(
        _shifted(maps.full, (fx, fy), gain), _shifted(maps.half, (fx, fy), gain / 2)
    )
    return picture.warped(moving.picture.planes, moved)


def _shifted(
    maps: tuple[Array, Array], flow: tuple[Array, Array], gain: float
) -> tuple[Array, Array]:
    size = maps[0].shape[1::-1]
    dx, dy = (cv2.resize(f, size, interpolation=cv2.INTER_LINEAR) for f in flow)
    return maps[0] + dx * gain, maps[1] + dy * gain


def _flow(a: Planes, b: Planes) -> tuple[Array, Array, float]:
    """
    Optical flow from *a* to *b* in pixels of the full size, and how far it can be trusted (0 to 1).
    """
    width, height = a.size
    scale = min(1.0, 320 / width)
    small = (max(32, round(width * scale)), max(32, round(height * scale)))
    first, second = (
        cv2.convertScaleAbs(cv2.resize(p.y, small, interpolation=cv2.INTER_AREA)) for p in (a, b)
    )
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = dis.calc(first, second, np.zeros((small[1], small[0], 2), np.float32))
    gx, gy = np.meshgrid(
        np.arange(small[0], dtype=np.float32), np.arange(small[1], dtype=np.float32)
    )
    seen = cv2.remap(
        second,
        gx + flow[..., 0],
        gy + flow[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    left = float(np.abs(seen.astype(np.float32) - first).mean())
    apart = float(np.abs(second.astype(np.float32) - first).mean())
    trust = min(1.0, max(0.0, 1.4 * (1 - left / max(apart, 1e-3)) - 0.4)) if apart > 0.3 else 1.0
    smooth = cv2.GaussianBlur(flow, (0, 0), 2.0)
    fx = np.ascontiguousarray(smooth[..., 0]) * np.float32(width / small[0])
    fy = np.ascontiguousarray(smooth[..., 1]) * np.float32(height / small[1])
    return fx, fy, trust
