"""
Pictures as Y'CbCr planes of BT.709, limited range, in float code values.

Moving and mixing are linear, so they can be done on the planes that the encoder takes: half the
numbers of RGB, and one rounding at the very end. A picture that isn't moved keeps its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""float32 where nothing else is said."""

_KR, _KB = 0.2126, 0.0722  # ITU-R BT.709-6, 3.2
_KG = 1 - _KR - _KB


@dataclass(slots=True)
class Planes:
    """A picture: code values 16..235 and 16..240 as float32, chroma half in both directions."""

    y: Array
    """Shape (h, w), h and w even."""
    u: Array
    """Shape (h / 2, w / 2); samples lie on even columns, between two rows (H.264 type 0)."""
    v: Array

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.y.shape[1], self.y.shape[0]

    def copy(self) -> Planes:
        """The same picture, to be drawn upon."""
        return Planes(self.y.copy(), self.u.copy(), self.v.copy())

    def mixed(self, other: Planes, part: float) -> Planes:
        """This picture with *other* laid over it, so much of it."""
        if part <= 0:
            return self
        if part >= 1:
            return other
        return Planes(
            *(
                cv2.addWeighted(a, 1 - part, b, part, 0.0)
                for a, b in zip(_all(self), _all(other), strict=True)
            )
        )

    def rounded(self, *, keep_mean: bool = False) -> NDArray[np.uint8]:
        """
        Planes as one array of shape (h * 3 / 2, w), as PyAV takes yuv420p.

        With *keep_mean* each plane keeps its mean to within one level of one pixel. Plain rounding
        is off by a few thousandths of a level, which a chain of clips would add up.
        """
        width, height = self.size
        flat = np.empty(width * height * 3 // 2, np.uint8)
        at = 0
        for plane in _all(self):
            # convertScaleAbs rounds to nearest and saturates, but takes the absolute first.
            values: Array = cv2.convertScaleAbs(np.maximum(plane, 0))
            if keep_mean:
                values = _mean_kept(plane, values)
            flat[at : at + values.size] = values.ravel()
            at += values.size
        return flat.reshape(height * 3 // 2, width)


def _mean_kept(plane: Array, values: Array) -> Array:
    """Round the most doubtful pixels the other way until the mean is that of the plane."""
    error = (values.astype(np.float32) - plane).ravel()
    surplus = round(float(error.sum(dtype=np.float64)))
    count = min(abs(surplus), int(np.count_nonzero(error * np.sign(surplus) > 0.25)))
    if not count:
        return values
    way = 1 if surplus > 0 else -1
    doubtful = np.argpartition(-way * error, count - 1)[:count]
    changed = values.ravel().astype(np.int16)
    changed[doubtful] -= way
    return np.clip(changed, 0, 255).astype(np.uint8).reshape(values.shape)


def _all(planes: Planes) -> tuple[Array, Array, Array]:
    return planes.y, planes.u, planes.v


def from_rgb(rgb: Array) -> Planes:
    """
    Planes of a picture.

    Args:
        rgb: Encoded R'G'B' in [0, 1], float32, shape (h, w, 3), h and w even.
    """
    rgb = np.ascontiguousarray(rgb, np.float32)
    y = cv2.transform(rgb, np.array([[_KR, _KG, _KB]], np.float32))
    r, b = rgb[..., 0], rgb[..., 2]
    return Planes(
        16 + 219 * y,
        128 + 224 * _halved((b - y) / (2 * (1 - _KB))),
        128 + 224 * _halved((r - y) / (2 * (1 - _KR))),
    )


def _halved(plane: Array) -> Array:
    """Chroma at half size: three columns about each even one, two rows."""
    rows = (plane[0::2] + plane[1::2]) * 0.5
    padded = cv2.copyMakeBorder(rows, 0, 0, 1, 1, cv2.BORDER_REPLICATE)
    centre, left, right = padded[:, 1:-1:2], padded[:, 0:-2:2], padded[:, 2::2]
    return np.ascontiguousarray(0.5 * centre + 0.25 * (left + right))


def code(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    """Code values of one colour given in [0, 1]."""
    r, g, b = rgb
    y = _KR * r + _KG * g + _KB * b
    return (
        16 + 219 * y,
        128 + 224 * (b - y) / (2 * (1 - _KB)),
        128 + 224 * (r - y) / (2 * (1 - _KR)),
    )


def lay(frame: Planes, sprite: Array, x: int, y: int) -> None:
    """
    Draw a sprite upon a frame; what lies outside is cut off.

    Args:
        frame: Changed in place.
        sprite: Encoded R'G'B' and alpha in [0, 1], float32, shape (h, w, 4), not premultiplied.
        x: Left edge on the frame.
        y: Top edge.
    """
    width, height = frame.size
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + sprite.shape[1], width), min(y + sprite.shape[0], height)
    left -= left % 2
    top -= top % 2
    right += right % 2
    bottom += bottom % 2
    if right <= left or bottom <= top:
        return
    box = np.zeros((bottom - top, right - left, 4), np.float32)
    sx, sy = max(left, x), max(top, y)
    ex, ey = min(right, x + sprite.shape[1]), min(bottom, y + sprite.shape[0])
    box[sy - top : ey - top, sx - left : ex - left] = sprite[sy - y : ey - y, sx - x : ex - x]
    # Where nothing is drawn the colour must not bleed into the chroma of what is.
    alpha = box[..., 3]
    colour = from_rgb(box[..., :3] * alpha[..., None])
    inside = frame.y[top:bottom, left:right]
    inside += colour.y - 16 - (inside - 16) * alpha
    half = _halved(alpha)
    area = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
    for plane, own in ((frame.u, colour.u), (frame.v, colour.v)):
        plane[area] += own - 128 - (plane[area] - 128) * half
