"""The link's id and prompt in a corner, absent from the first and the last frame."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from assembler.generation.animatic.planes import Array, Planes, lay

FADE_FRAMES = 8
"""Faded in and out over so many frames: end frames that are handed on stay clean."""


class Label:
    """Two lines of small type at the lower left."""

    def __init__(self, title: str, prompt: str, size: tuple[int, int], frames: int) -> None:
        self._frames = frames
        self._sprite = _written(title, prompt, size)
        margin = max(4, size[1] // 36)
        self._at = (margin, size[1] - margin - self._sprite.shape[0])

    def draw(self, frame: Planes, n: int) -> None:
        """Draw it upon frame *n* of the clip."""
        strength = min(1.0, n / FADE_FRAMES, (self._frames - 1 - n) / FADE_FRAMES)
        if strength <= 0:
            return
        sprite = self._sprite
        if strength < 1:
            sprite = sprite.copy()
            sprite[..., 3] *= strength
        lay(frame, sprite, *self._at)


def _written(title: str, prompt: str, size: tuple[int, int]) -> Array:
    """White type on a soft dark ground, shape (h, w, 4)."""
    points = max(8, round(size[1] * 0.027))
    font = ImageFont.load_default(points)
    room = size[0] * 0.62
    text = _shortened(" ".join(prompt.split()), font, room)
    lines = [title, text] if text else [title]
    wide = round(max(font.getlength(line) for line in lines))
    pitch, pad = round(points * 1.28), max(3, points // 2)
    box = (wide + 2 * pad, pitch * len(lines) + pad)
    ink = Image.new("L", box, 0)
    draw = ImageDraw.Draw(ink)
    for i, line in enumerate(lines):
        draw.text((pad, pad // 2 + i * pitch), line, fill=255 if i == 0 else 205, font=font)
    type_ = np.asarray(ink, np.float32) / 255
    ground = np.full(type_.shape, 0.42, np.float32)
    sprite = np.empty((*type_.shape, 4), np.float32)
    alpha = ground + (1 - ground) * type_
    sprite[..., :3] = (type_ / np.maximum(alpha, 1e-6))[..., None] * 0.97
    sprite[..., 3] = alpha * 0.9
    return sprite


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    if font.getlength(text) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle] + "…") <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…" if low else ""
