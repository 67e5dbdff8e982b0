"""A picture being painted: encoded R'G'B' with depth, back to front."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from assembler.generation.animatic.palette import Rgb
from assembler.generation.animatic.planes import Array


def mix(a: Rgb, b: Rgb, part: float) -> Rgb:
    """Colour between two."""
    return tuple(x + (y - x) * part for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


class Canvas:
    """The paint and how near it is."""

    def __init__(self, width: int, height: int, unit: float) -> None:
        self.width, self.height = width, height
        self.unit = unit
        """Height of the frame in pixels: sizes are given in it."""
        self.rgb = np.zeros((height, width, 3), np.float32)
        self.near = np.zeros((height, width), np.float32)
        self._watched: list[Array] = []
        self.xs = np.arange(width, dtype=np.float32)
        self.ys = np.arange(height, dtype=np.float32)[:, None]

    def watch(self, alpha: Array) -> Array:
        """A copy of an alpha that shrinks where something is painted over it later."""
        watched = alpha.astype(np.float32).copy()
        self._watched.append(watched)
        return watched

    def gradient(self, stops: Sequence[tuple[float, Rgb]]) -> None:
        """Colours from top to bottom, each stop at a row."""
        rows = [row for row, _ in stops]
        for channel in range(3):
            values = [colour[channel] for _, colour in stops]
            self.rgb[..., channel] = np.interp(self.ys[:, 0], rows, values)[:, None]

    def lay(
        self, alpha: Array, colour: Array | Rgb, near: float | Array | None = None, top: int = 0
    ) -> None:
        """Paint with an alpha of shape (rows, w), from row *top* on; one colour or a picture."""
        rows = slice(top, top + alpha.shape[0])
        box = self.rgb[rows]
        box += (np.asarray(colour, np.float32) - box) * alpha[..., None]
        for watched in self._watched:
            watched[rows] *= 1 - alpha
        if near is not None:
            self.near[rows] += (near - self.near[rows]) * alpha

    def glow(self, x: float, y: float, radius: float, colour: Rgb, strength: float) -> None:
        """Light added around a point, falling off softly."""
        reach = 4 * radius
        x0, x1 = max(0, int(x - reach)), min(self.width, int(x + reach) + 1)
        y0, y1 = max(0, int(y - reach)), min(self.height, int(y + reach) + 1)
        if x1 <= x0 or y1 <= y0:
            return
        across = np.exp(-((self.xs[x0:x1] - x) ** 2) / (2 * radius * radius))
        down = np.exp(-((self.ys[y0:y1] - y) ** 2) / (2 * radius * radius)) * strength
        box = self.rgb[y0:y1, x0:x1]
        box += (
            (1 - np.clip(box, 0, 1)) * (across * down)[..., None] * np.asarray(colour, np.float32)
        )

    def disc(self, x: float, y: float, radius: float, colour: Rgb, alpha: float = 1.0) -> None:
        """A disc with a soft rim."""
        distance = np.sqrt((self.xs - x) ** 2 + (self.ys - y) ** 2)
        self.lay(np.clip(radius - distance + 0.5, 0, 1) * alpha, colour)

    def below(self, edge: Array, softness: float = 1.0) -> Array:
        """Alpha of all that lies below a line, given as one row per column."""
        cover: Array = np.clip((self.ys - edge[None, :]) / softness + 0.5, 0, 1)
        return cover

    def shape(self, points: Sequence[tuple[float, float]], colour: Rgb, near: float | None = None,
              alpha: float = 1.0) -> None:  # fmt: skip
        """A polygon with smooth edges."""
        scale = 4
        pts = np.asarray(points, np.float32)
        x0, y0 = np.floor(pts.min(axis=0)).astype(int) - 1
        x1, y1 = np.ceil(pts.max(axis=0)).astype(int) + 2
        x0, y0 = max(0, int(x0)), max(0, int(y0))
        x1, y1 = min(self.width, int(x1)), min(self.height, int(y1))
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros(((y1 - y0) * scale, (x1 - x0) * scale), np.uint8)
        cv2.fillPoly(mask, [np.round((pts - (x0, y0)) * scale).astype(np.int32)], 255)
        cover = cv2.resize(mask, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        part = cover.astype(np.float32)[..., None] * (alpha / 255)
        box = self.rgb[y0:y1, x0:x1]
        box += (np.asarray(colour, np.float32) - box) * part
        for watched in self._watched:
            watched[y0:y1, x0:x1] *= 1 - part[..., 0]
        if near is not None:
            depth = self.near[y0:y1, x0:x1]
            depth += (near - depth) * part[..., 0]
