"""
What real generators do to a picture, on request: for tests and benchmarks of the seam engine.

    options: {faults: {seed: 3, colour: 4, soften: 0.8, pop: 10, held_head: 3, overlap: 9}}
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from assembler.errors import GenerateError
from assembler.generation.animatic.planes import Array, Planes

_TAIL_BLUR = 3.0
"""Sigma in pixels at 720 lines."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Each is off at 0."""

    seed: int = 0
    """Decides the directions of `colour` and the signs of `zoom`."""
    colour: float = 0.0
    """Constant shift of colour: its size in 8-bit levels of R'G'B', in a seeded direction."""
    soften: float = 0.0
    """Blur of the whole clip: sigma in pixels at 720 lines."""
    pop: float = 0.0
    """Luma levels added in the first frame, decaying."""
    pop_frames: float = 4.0
    """Frames in which the pop falls to 1/e."""
    held_head: int = 0
    """Frame 0 is shown so many times more before anything moves."""
    overlap: int = 0
    """The clip begins with so many last frames of the clip before, the handed-on one included."""
    stall: int = 0
    """The frame in the middle is shown so many times more."""
    held_tail: int = 0
    """The last frame is shown so many times more."""
    fade: int = 0
    """So many last frames fade, to half their light."""
    blur_tail: int = 0
    """So many last frames are blurred."""
    contrast: float = 0.0
    """Part by which contrast about the middle grows."""
    saturation: float = 0.0
    """Part by which saturation grows."""
    creep: float = 0.0
    """`colour`, `contrast` and `saturation` grow by so many times themselves along the clip."""
    zoom: float = 0.0
    """Enlargement about the centre, 0.016 is 1.6 %; half as much in height."""
    matrix: str = "bt709"
    """With `bt601` the picture is encoded by that matrix, whatever the tags say."""
    full_range: bool = False
    """Encoded in full range, whatever the tags say."""
    tags: bool = True
    """Without, the file says nothing about colour."""

    def source_frame(self, n: int, frames: int) -> float:
        """Which frame of the faultless clip is shown as frame *n*; ends stay ends."""
        extra = self.held_head + max(0, self.overlap - 1) + self.stall + self.held_tail
        left = max(1, frames - 1 - extra)
        speed = (frames - 1) / left
        own = n - self.held_head - max(0, self.overlap - 1)
        if own <= 0:
            return 0.0
        middle = left // 2
        if self.stall and own > middle:
            own = max(middle, own - self.stall)
        return min(float(frames - 1), own * speed)

    def applied(self, frame: Planes, n: int, frames: int) -> Planes:
        """Frame *n* of *frames* with the faults that change pixels."""
        frame = self._geometry(frame)
        last = frames - 1
        if self.soften:
            frame = _blurred(frame, self.soften)
        if n > last - self.blur_tail:
            frame = _blurred(frame, _TAIL_BLUR)
        grown = 1 + self.creep * n / max(1, last)
        y, u, v = (grown * part for part in self._shift())
        y += self.pop * 219 / 255 * math.exp(-n / self.pop_frames) if self.pop else 0.0
        if y or u or v:
            frame = Planes(frame.y + y, frame.u + u, frame.v + v)
        frame = self._graded(frame, grown)
        if n > last - self.fade:
            light = np.float32(1 - 0.5 * (n - (last - self.fade)) / self.fade)
            frame = _scaled(frame, 16, light, light)
        return self._encoding(frame)

    def _graded(self, frame: Planes, grown: float) -> Planes:
        if not self.contrast and not self.saturation:
            return frame
        luma = np.float32(1 + self.contrast * grown)
        chroma = luma * np.float32(1 + self.saturation * grown)
        return _scaled(frame, 126, luma, chroma)

    def _geometry(self, frame: Planes) -> Planes:
        if not self.zoom:
            return frame
        width, height = frame.size
        sx, sy = 1 / (1 + self.zoom), 1 / (1 + self.zoom / 2)
        out = []
        for plane, part in ((frame.y, 1), (frame.u, 2), (frame.v, 2)):
            cx, cy = (width / part - 1) / 2, (height / part - 1) / 2
            map_ = np.array([[sx, 0, cx * (1 - sx)], [0, sy, cy * (1 - sy)]], np.float32)
            size = (plane.shape[1], plane.shape[0])
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            out.append(
                cv2.warpAffine(plane, map_, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            )
        return Planes(*out)

    def _shift(self) -> tuple[float, float, float]:
        if not self.colour:
            return 0.0, 0.0, 0.0
        way = np.random.default_rng((self.seed, 5)).standard_normal(3)
        r, g, b = way / np.linalg.norm(way) * self.colour
        y = 0.2126 * r + 0.7152 * g + 0.0722 * b
        return y * 219 / 255, (b - y) / 1.8556 * 224 / 255, (r - y) / 1.5748 * 224 / 255

    def _encoding(self, frame: Planes) -> Planes:
        if self.matrix == "bt601":
            frame = _in_bt601(frame)
        if self.full_range:
            frame = Planes(
                (frame.y - 16) * (255 / 219),
                (frame.u - 128) * (255 / 224) + 128,
                (frame.v - 128) * (255 / 224) + 128,
            )
        return frame


def _scaled(frame: Planes, middle: float, luma: np.float32, chroma: np.float32) -> Planes:
    """Luma about a middle and chroma about grey, each by a factor."""
    return Planes(
        middle + (frame.y - middle) * luma,
        128 + (frame.u - 128) * chroma,
        128 + (frame.v - 128) * chroma,
    )


def _blurred(frame: Planes, sigma: float) -> Planes:
    """Blurred by *sigma* pixels at 720 lines."""
    sigma *= frame.size[1] / 720
    return Planes(
        cv2.GaussianBlur(frame.y, (0, 0), sigma),
        cv2.GaussianBlur(frame.u, (0, 0), max(0.1, sigma / 2)),
        cv2.GaussianBlur(frame.v, (0, 0), max(0.1, sigma / 2)),
    )


def _in_bt601(frame: Planes) -> Planes:
    """The same colours encoded with BT.601's matrix; grey stays, chroma turns."""
    turn = _matrix(0.299, 0.114) @ np.linalg.inv(_matrix(0.2126, 0.0722))
    gain = 219 / 224
    u, v = frame.u - 128, frame.v - 128
    size = frame.size
    big_u = cv2.resize(u, size, interpolation=cv2.INTER_LINEAR)
    big_v = cv2.resize(v, size, interpolation=cv2.INTER_LINEAR)
    luma: Array = (
        frame.y + np.float32(turn[0, 1] * gain) * big_u + np.float32(turn[0, 2] * gain) * big_v
    )
    return Planes(
        luma,
        128 + np.float32(turn[1, 1]) * u + np.float32(turn[1, 2]) * v,
        128 + np.float32(turn[2, 1]) * u + np.float32(turn[2, 2]) * v,
    )


def _matrix(kr: float, kb: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    kg = 1 - kr - kb
    y = np.array([kr, kg, kb])
    return np.stack(
        [y, (np.array([0, 0, 1]) - y) / (2 * (1 - kb)), (np.array([1, 0, 0]) - y) / (2 * (1 - kr))]
    )


def faults_of(given: Mapping[str, Any], link: str) -> Faults:
    """
    The faults that a link's options ask for.

    Raises:
        GenerateError: If one is unknown or its value has the wrong kind.
    """
    kinds = {f.name: type(f.default) for f in fields(Faults)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise GenerateError(
                f"link {link}: unknown fault {name!r}", fix=f"{hint}There are {', '.join(kinds)}."
            )
        kind = kinds[name]
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise GenerateError(f"link {link}: fault {name} is a {kind.__name__}, not {value!r}")
        values[name] = float(value) if kind is float else value
    return Faults(**values)
