"""Pictures on disk <-> float pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.errors import MediaError
from assembler.media.files import publish
from assembler.media.pixels import Floats, assumed, rgb_of
from assembler.media.probe import opened, probe
from assembler.media.upright import exif_orientation, turned

_MOST_PIXELS = 200_000_000
_TIFF = (b"II", b"MM")
"""OpenCV turns these itself."""
_FIX = "save it again as PNG or JPEG."


def read_image(path: Path) -> Floats:
    """
    Picture of an image file, upright by its EXIF tag, on black where it is transparent.

    Returns:
        float32 (h, w, 3), encoded R'G'B' in [0, 1]. An ICC profile is not applied.

    Raises:
        MediaError: If the file is no image or too large.
    """
    _check_size(path)
    data = np.fromfile(path, np.uint8)
    jpeg = data[:2].tobytes() == b"\xff\xd8"
    # Only the colour flags apply the EXIF orientation; only UNCHANGED keeps alpha.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH if jpeg else cv2.IMREAD_UNCHANGED
    pixels = cv2.imdecode(data, flags)
    if pixels is None:
        return _by_libav(path)
    done = jpeg or data[:2].tobytes() in _TIFF
    return turned(_floats(pixels), (not done and exif_orientation(path)) or (0, False))


def _check_size(path: Path) -> None:
    with opened(path) as container:
        if not container.streams.video:
            raise MediaError("is no picture", str(path), _FIX)
        context = container.streams.video[0].codec_context
        if context is not None and context.width * context.height > _MOST_PIXELS:
            raise MediaError(
                f"is a picture of {context.width}x{context.height}", str(path), "scale it down."
            )


def _floats(pixels: NDArray[Any]) -> Floats:
    white = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    values = np.asarray(pixels, np.float32) / np.float32(white)
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] == 1:
        return np.repeat(values, 3, axis=2)
    bgr = values[..., :3] * values[..., 3:] if values.shape[2] == 4 else values
    return np.ascontiguousarray(np.clip(bgr[..., ::-1], 0, 1))


def _by_libav(path: Path) -> Floats:
    """Formats that OpenCV doesn't know."""
    info = probe(path)
    if info.video is None:
        raise MediaError("is no picture", str(path), _FIX)
    with opened(path) as container:
        for frame in container.decode(video=0):
            if isinstance(frame, av.VideoFrame):
                rgb = rgb_of(frame, assumed(info.video.colour, frame.width, frame.height))
                return turned(rgb, (info.video.rotation, info.video.mirrored))
    raise MediaError("is no picture that can be decoded", str(path), _FIX)


def write_png(path: Path, rgb: Floats, bits: int = 8) -> None:
    """
    Write a picture as PNG, each number rounded to the nearest.

    Args:
        path: The whole file appears at once or not at all.
        rgb: float32 (h, w, 3) or (h, w, 4) with alpha, encoded R'G'B' in [0, 1].
        bits: 8 or 16.
    """
    white, dtype = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    codes = np.rint(np.clip(rgb, 0, 1) * np.float64(white)).astype(dtype)
    order = [2, 1, 0, 3][: codes.shape[2]]
    done, data = cv2.imencode(".png", np.ascontiguousarray(codes[..., order]))
    if not done:
        raise MediaError("the picture can't be written as PNG", str(path))
    with publish(path) as part:
        part.write_bytes(data.tobytes())


def webp_of(rgb: Floats, quality: int) -> bytes:
    """A picture as lossy WebP, for pages: *rgb* as of `write_png`, *quality* from 1 to 100."""
    codes = np.rint(np.clip(rgb[..., :3], 0, 1) * np.float32(255)).astype(np.uint8)
    bgr = np.ascontiguousarray(codes[..., ::-1])
    _, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data.tobytes()
