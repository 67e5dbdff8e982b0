"""Small pictures of clips, as ``data:`` addresses."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.cut.model import Clip, Cut
from assembler.errors import MediaError
from assembler.media.frames import read_frames
from assembler.reporting.model import Picture

Floats = NDArray[np.float32]

THUMB_PX = 192
"""Longer side of the picture of a clip."""
QUALITY = 68


def picture_of(rgb: Floats, alt: str, quality: int = QUALITY) -> Picture:
    """*rgb*, float32 encoded R'G'B' in [0, 1], (h, w, 3), as WebP."""
    codes = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    bgr = np.ascontiguousarray(codes[..., ::-1])
    _, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    src = "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode("ascii")
    return Picture(src, rgb.shape[1], rgb.shape[0], alt)


def first_pictures(cut: Cut, workers: int) -> dict[str, Picture]:
    """The first picture of every clip, by its id; clips that can't be read have none."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = pool.map(lambda clip: _first(clip, cut), cut.clips)
    both = zip(cut.clips, found, strict=True)
    return {clip.id: picture for clip, picture in both if picture is not None}


def _first(clip: Clip, cut: Cut) -> Picture | None:
    try:
        frames = read_frames(
            clip.source.info,
            start=clip.source_in,
            stop=clip.source_in + 1,
            rate=None if clip.source.still else cut.rate,
            colour=clip.source.colour,
            max_size=(THUMB_PX, THUMB_PX),
        )
        rgb = next(frames, None)
    except MediaError:
        return None
    return None if rgb is None else picture_of(rgb, f"First frame of {clip.id}")
