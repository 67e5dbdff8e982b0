"""A slow move over a still picture: each frame a view of it, placed between its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.cut.model import Glide, View
from assembler.media.info import Colour
from assembler.media.pixels import codes_from_rgb
from assembler.media.stills import read_image
from assembler.rendering.planes import Layout
from assembler.rendering.spans import Shot

Deep = NDArray[np.uint16]

_BT709 = Colour("bt709", False, "bt709", "bt709", "left")

_SHRINK = 1.25
"""A view that is made smaller than this is drawn at twice the size first."""


def view_at(glide: Glide, frame: int) -> View:
    """
    What is seen at a frame of the clip.

    The size goes by a constant factor per frame, the centre straight, in step with the size.
    """
    share = (frame - glide.first) / max(1, glide.frames - 1)
    t = min(1.0, max(0.0, share))
    if glide.smooth:
        t = t * t * (3 - 2 * t)
    a, b = glide.start, glide.end
    width = a.width * (b.width / a.width) ** t
    way = t if a.width == b.width else (width - a.width) / (b.width - a.width)
    return View(a.x + (b.x - a.x) * way, a.y + (b.y - a.y) * way, width)


def window(
    view: View, picture: tuple[int, int], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Left, top, width and height in the picture's pixels, always inside of it."""
    wide, high = picture
    largest = min(float(wide), high * size[0] / size[1])
    width = largest * view.width
    height = width * size[1] / size[0]
    left = min(max(0.0, view.x * wide - width / 2), wide - width)
    top = min(max(0.0, view.y * high - height / 2), high - height)
    return left, top, width, height


def gliding(shot: Shot, layout: Layout) -> Iterator[Any]:
    """Raw frames of *shot*."""
    glide = shot.source.change.glide
    assert glide is not None
    planes, picture = _still(shot, glide, layout)
    for n in range(shot.read):
        if n not in shot.skipped:
            place = window(view_at(glide, shot.first + n), picture, layout.size)
            yield b"".join(_narrow(_seen(planes, picture, place, layout), layout))


def _still(shot: Shot, glide: Glide, layout: Layout) -> tuple[list[Deep], tuple[int, int]]:
    """The picture as three deep planes of full size, no larger than is needed, and its size."""
    rgb = read_image(shot.source.path)
    crop = shot.source.change.crop
    if crop:
        height, width = rgb.shape[:2]
        left, top = round(crop[0] * width), round(crop[1] * height)
        rgb = rgb[top : height - round(crop[3] * height), left : width - round(crop[2] * width)]
    picture = (rgb.shape[1], rgb.shape[0])
    views = (view_at(glide, glide.first), view_at(glide, glide.first + glide.frames))
    nearest = min(window(view, picture, layout.size)[2] for view in views)
    if nearest > layout.size[0]:
        scale = layout.size[0] / nearest
        small = (round(picture[0] * scale), round(picture[1] * scale))
        rgb = np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.float32)
    return _deep(rgb, layout), picture


def _deep(rgb: NDArray[np.float32], layout: Layout) -> list[Deep]:
    """In the layout's own colour, 16 bits."""
    if layout.rgb:
        values = rgb[..., (1, 2, 0)] * np.float32(65535)
    else:
        matrix = codes_from_rgb(_BT709, 16).astype(np.float32)
        values = rgb @ matrix[:, :3].T + matrix[:, 3]
    codes = np.rint(np.clip(values, 0, 65535)).astype(np.uint16)
    return [np.ascontiguousarray(codes[..., n]) for n in range(3)]


def _seen(
    planes: list[Deep],
    picture: tuple[int, int],
    place: tuple[float, float, float, float],
    layout: Layout,
) -> list[Deep]:
    """What lies in *place*, in the layout's size."""
    height, width = planes[0].shape
    across, down = width / picture[0], height / picture[1]
    left, top, wide, high = place
    large = wide * across / layout.size[0] > _SHRINK
    size = (layout.size[0] * 2, layout.size[1] * 2) if large else layout.size
    step = (wide * across / size[0], high * down / size[1])
    move = np.array(
        [
            [step[0], 0, left * across + step[0] / 2 - 0.5],
            [0, step[1], top * down + step[1] / 2 - 0.5],
        ]
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    out = [
        cv2.warpAffine(plane, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        for plane in planes
    ]
    if large:
        out = [cv2.resize(p, layout.size, interpolation=cv2.INTER_AREA) for p in out]
    return [np.asarray(p, np.uint16) for p in out]


def _narrow(planes: list[Deep], layout: Layout) -> Iterator[bytes]:
    for number, plane in enumerate(planes):
        values = plane.astype(np.float32)
        if number and not layout.rgb:
            values = _chroma(values, layout)
        if layout.rgb:
            values *= np.float32((2**layout.bits - 1) / 65535)
        else:
            values *= np.float32(2.0 ** (layout.bits - 16))
        most = 2**layout.bits - 1
        yield np.clip(np.floor(values + np.float32(0.5)), 0, most).astype(layout.dtype).tobytes()


def _chroma(values: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """At its own size: beside luma samples across, between them down."""
    half, quarter = np.float32(0.5), np.float32(0.25)
    if layout.across > 1:
        padded = np.pad(values, ((0, 0), (1, 1)), mode="edge")
        values = (padded[:, :-2:2] + padded[:, 2::2]) * quarter + padded[:, 1:-1:2] * half
    return (values[::2] + values[1::2]) * half if layout.down > 1 else values
