"""Which way up a picture is: what display matrices and EXIF tags ask for, and how it is done."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

Turn = Literal[0, 90, 180, 270]
Orientation = tuple[Turn, bool]
"""Clockwise turn in degrees, and whether the picture is mirrored left to right after it."""

_EXIF_TAG = 0x0112
_EXIF: dict[int, Orientation] = {
    1: (0, False), 2: (0, True), 3: (180, False), 4: (180, True), 5: (90, True), 6: (90, False),
    7: (270, True), 8: (270, False),
}  # fmt: skip
"""By the value of the tag (EXIF 2.32, table 4)."""


def orientation_of(frame: av.VideoFrame, path: Path) -> Orientation:
    """What the display matrix of a decoded frame of a file asks for."""
    try:
        data: Any = frame.side_data  # indexed by number too, which its stub doesn't say
    except ValueError:  # libav gives kinds of it that PyAV has no name for, EXIF among them
        return exif_orientation(path) or (_turn(-frame.rotation), False)
    found = (data[i] for i in range(len(data)))
    matrix = next((bytes(d) for d in found if "DISPLAYMATRIX" in str(d.type)), b"")
    if len(matrix) != 36:
        return 0, False
    a, b, _, c, d = struct.unpack("<5i", matrix[:20])
    mirrored = a * d - b * c < 0
    x, y = (-a, b) if mirrored else (a, b)
    return _turn(math.degrees(math.atan2(y, x))), mirrored


def _turn(degrees: float) -> Turn:
    turns: tuple[Turn, ...] = (0, 90, 180, 270)
    return turns[round(degrees / 90) % 4]


def exif_orientation(path: Path) -> Orientation | None:
    """What the EXIF tag of an image file asks for; None where it has none, or is none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return _EXIF.get(image.getexif().get(_EXIF_TAG, 0))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def is_turned(path: Path) -> bool:
    """Whether an image file has to be turned or mirrored, which not every program does."""
    return exif_orientation(path) not in (None, (0, False))


def turned(picture: NDArray[np.float32], orientation: Orientation) -> NDArray[np.float32]:
    """A picture (h, w, c) as it is coded, the right way up."""
    import cv2  # slow to load

    turn, mirrored = orientation
    if turn:
        codes = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
        picture = np.asarray(cv2.rotate(picture, codes[turn // 90 - 1]), np.float32)
    if mirrored:
        picture = np.asarray(cv2.flip(picture, 1), np.float32)
    return picture
