"""Pictures brought to a small size, where a whole film can be compared frame by frame."""

from __future__ import annotations

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.media.info import Colour
from assembler.media.pixels import rgb_from_codes, scaled_rgb_of

F32 = NDArray[np.float32]

LONG_PX = 128
"""Longer side of the small picture: a motion of two pixels in a thousand is seen in it."""
GRID = (16, 9)
"""Columns and rows of fields in which brightness is followed."""
THUMB = (32, 18)
"""Size of the pictures that are kept to look for a frame in the whole film."""

_FINE_PX = 1.0
_COARSE_PX = 7.0
_PLANAR = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}


def small_size(width: int, height: int) -> tuple[int, int]:
    """The size (w, h) in which pictures of this shape are compared."""
    scale = LONG_PX / max(width, height)
    return max(8, round(width * scale)), max(8, round(height * scale))


def shrunk(frame: av.VideoFrame, colour: Colour, size: tuple[int, int]) -> F32:
    """
    A decoded frame averaged down.

    Args:
        frame: As libav gives it.
        colour: How its numbers are read; complete.
        size: Width and height wanted.

    Returns:
        float32 (h, w, 3), encoded R'G'B' in [0, 1].
    """
    wanted = min(size[0], frame.width), min(size[1], frame.height)
    if frame.format.name in _PLANAR:
        planes = [_averaged(frame, n, wanted) for n in range(3)]
        codes = cv2.merge(planes).astype(np.float32)
        rgb = cv2.transform(codes, rgb_from_codes(colour, 8))
        out: F32 = np.clip(rgb, 0, 1, dtype=np.float32)
    else:
        out = scaled_rgb_of(frame, colour, wanted)
    if wanted != size:
        out = np.asarray(cv2.resize(out, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return out


def _averaged(frame: av.VideoFrame, number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    values = rows[: plane.height, : plane.width]
    how = cv2.INTER_AREA if plane.width >= size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size, interpolation=how), np.uint8)


def pattern(grey: F32) -> F32:
    """What of a luma picture stays the same under another grade: its middle frequencies."""
    fine = cv2.GaussianBlur(grey, (0, 0), _FINE_PX, borderType=cv2.BORDER_REPLICATE)
    coarse = cv2.GaussianBlur(grey, (0, 0), _COARSE_PX, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(fine - coarse, np.float32)


def thumb(grey: F32) -> NDArray[np.uint8]:
    """The picture that is kept, uint8 (18, 32)."""
    small = cv2.resize(grey, THUMB, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small * 255 + 0.5, 0, 255), np.uint8)


def fields(picture: F32) -> F32:
    """Means of 16 x 9 fields, float32 (9, 16, …)."""
    return np.asarray(cv2.resize(picture, GRID, interpolation=cv2.INTER_AREA), np.float32)
