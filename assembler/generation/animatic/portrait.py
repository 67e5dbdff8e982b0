"""A painted head and shoulders, and where its eyes and mouth are."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from assembler.generation.animatic.canvas import Canvas, mix
from assembler.generation.animatic.palette import Palette, Rgb, clothing_of


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is, in pixels of its picture."""

    x: float
    y: float
    """Centre of the head."""
    width: float
    """Of the head."""
    height: float
    mouth_x: float
    mouth_y: float
    mouth_width: float
    eyes: tuple[tuple[float, float], ...]
    skin: Rgb
    sure: bool = True
    """Whether it was seen; else it is where faces usually are."""


_SKINS: tuple[Rgb, ...] = (
    (0.93, 0.76, 0.66),
    (0.86, 0.66, 0.53),
    (0.74, 0.53, 0.40),
    (0.56, 0.38, 0.28),
    (0.42, 0.28, 0.21),
)
_HAIR: tuple[Rgb, ...] = (
    (0.12, 0.09, 0.08),
    (0.27, 0.17, 0.11),
    (0.45, 0.28, 0.14),
    (0.62, 0.46, 0.25),
    (0.50, 0.19, 0.10),
)


def draw_portrait(
    canvas: Canvas, frame: tuple[int, int, int, int], prompt: str, palette: Palette, seed: int
) -> Face:
    """Paint a head and shoulders into the frame."""
    rng = np.random.default_rng((seed, 9))
    unit = canvas.unit
    x, y = frame[0] + frame[2] * 0.5, frame[1] + frame[3] * 0.43
    wide, tall = 0.30 * unit, 0.42 * unit
    lower = prompt.lower()
    long_hair = re.search(r"\bm[ae]n\b|\bhe\b|\bhis\b|\bboy", lower) is None
    skin = mix(_SKINS[int(rng.integers(len(_SKINS)))], palette.horizon, 0.08)
    if palette.dark:
        skin = mix(skin, palette.ground, 0.30)
    hair = mix(_HAIR[int(rng.integers(len(_HAIR)))], palette.ground, 0.15)
    coat = clothing_of(lower, mix(palette.accent, palette.ground, 0.35))
    shade = mix(skin, (0.30, 0.10, 0.10), 0.34)
    if long_hair:
        _ellipse(
            canvas, x, y + 0.12 * unit, wide * 0.86, tall * 0.98, mix(hair, (0, 0, 0), 0.2), 0.55
        )
    _shoulders(canvas, x, y, unit, coat, palette)
    canvas.shape(
        [
            (x - 0.068 * unit, y + 0.14 * unit),
            (x + 0.068 * unit, y + 0.14 * unit),
            (x + 0.085 * unit, y + 0.34 * unit),
            (x, y + 0.38 * unit),
            (x - 0.085 * unit, y + 0.34 * unit),
        ],
        mix(shade, skin, 0.35),
        0.66,
    )
    _ellipse(canvas, x, y - 0.035 * unit, wide * 0.60, tall * 0.55, hair, 0.68)
    for side in (-1, 1):
        _ellipse(
            canvas, x + side * wide * 0.50, y + 0.01 * unit, wide * 0.075, tall * 0.10, shade, 0.66
        )
    _head(canvas, x, y, wide, tall, skin, shade, palette)
    eyes = tuple((x + side * wide * 0.22, y - 0.015 * unit) for side in (-1, 1))
    for ex, ey in eyes:
        _eye(canvas, ex, ey, unit, hair, rng_colour(seed))
    _nose(canvas, x, y, unit, skin, shade)
    mouth_y = y + 0.117 * unit
    _mouth(canvas, x, mouth_y, wide * 0.17, skin)
    _fringe(canvas, x, y, wide, tall, hair, palette, long_hair=long_hair)
    return Face(x, y, wide, tall, x, mouth_y, wide * 0.34, eyes, skin)


def rng_colour(seed: int) -> Rgb:
    """Colour of the eyes."""
    colours: tuple[Rgb, ...] = ((0.30, 0.20, 0.11), (0.25, 0.40, 0.52), (0.28, 0.40, 0.26))
    return colours[seed % 3]


def _ellipse(
    canvas: Canvas,
    x: float,
    y: float,
    rx: float,
    ry: float,
    colour: Rgb,
    near: float | None,
    alpha: float = 1.0,
) -> None:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    points = [(float(x + rx * np.cos(a)), float(y + ry * np.sin(a))) for a in angle]
    canvas.shape(points, colour, near, alpha)


def _shoulders(
    canvas: Canvas, x: float, y: float, unit: float, coat: Rgb, palette: Palette
) -> None:
    t = np.linspace(-1, 1, 41)
    top = y + (0.285 + 0.14 * np.abs(t) ** 2.2) * unit
    line = [(float(x + 0.40 * unit * u), float(v)) for u, v in zip(t, top, strict=True)]
    bottom = canvas.height + 2
    canvas.shape([*line, (x + 0.47 * unit, bottom), (x - 0.47 * unit, bottom)], coat, 0.6)
    dark = mix(coat, (0, 0, 0), 0.32)
    for side in (-1, 1):
        canvas.shape(
            [
                (x + side * 0.085 * unit, y + 0.275 * unit),
                (x + side * 0.155 * unit, y + 0.30 * unit),
                (x + side * 0.10 * unit, y + 0.50 * unit),
                (x, y + 0.62 * unit),
            ],
            mix(coat, palette.light, 0.10) if side > 0 else dark,
            0.62,
        )


def _head(
    canvas: Canvas,
    x: float,
    y: float,
    wide: float,
    tall: float,
    skin: Rgb,
    shade: Rgb,
    palette: Palette,
) -> None:
    """An egg, lit from one side."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    narrow = 1 - 0.16 * np.clip(np.sin(angle), 0, 1) ** 1.5
    px, py = x + wide / 2 * np.cos(angle) * narrow, y + tall / 2 * np.sin(angle)
    outline = [(float(a), float(b)) for a, b in zip(px, py, strict=True)]
    before = canvas.rgb.copy()
    canvas.shape(outline, skin, 0.7)
    changed = np.any(canvas.rgb != before, axis=2)
    dx, dy = (canvas.xs - x) / (wide / 2), (canvas.ys - y) / (tall / 2)
    dark = np.clip(0.62 * dx + 0.25 * dy + 0.42 * (dx * dx + dy * dy) - 0.30, 0, 0.8) * changed
    canvas.lay(dark.astype(np.float32), shade)
    glow = np.exp(-((dx + 0.55) ** 2 + (dy + 0.35) ** 2) / 0.22) * 0.28 * changed
    canvas.lay(glow.astype(np.float32), mix(skin, palette.light, 0.7))
    for side in (-1, 1):
        blush = np.exp(-((dx - side * 0.48) ** 2 / 0.05 + (dy - 0.28) ** 2 / 0.03)) * 0.16 * changed
        canvas.lay(blush.astype(np.float32), mix(skin, (0.85, 0.25, 0.22), 0.5))


def _eye(canvas: Canvas, x: float, y: float, unit: float, hair: Rgb, iris: Rgb) -> None:
    w, h = 0.030 * unit, 0.0125 * unit
    _ellipse(canvas, x, y - 0.002 * unit, w * 1.18, h * 1.5, (0.42, 0.24, 0.20), None, 0.30)
    t = np.linspace(-1, 1, 25)
    lid = [(float(x + w * u), float(y - h * (1 - u * u))) for u in t]
    low = [(float(x + w * u), float(y + h * 0.72 * (1 - u * u))) for u in t[::-1]]
    canvas.shape([*lid, *low], (0.95, 0.94, 0.92), None)
    _ellipse(canvas, x, y - 0.001 * unit, h * 0.98, h * 0.98, iris, None)
    _ellipse(canvas, x, y - 0.001 * unit, h * 0.48, h * 0.48, (0.03, 0.03, 0.03), None)
    _ellipse(canvas, x - h * 0.35, y - h * 0.4, h * 0.22, h * 0.22, (1, 1, 1), None, 0.9)
    upper = [(a, b - 0.0028 * unit) for a, b in lid]
    canvas.shape(
        [*upper, *[(a, b + 0.0015 * unit) for a, b in lid[::-1]]], (0.10, 0.06, 0.05), None, 0.9
    )
    brow = [
        (float(x + w * 1.2 * u), float(y - 0.036 * unit - 0.006 * unit * (1 - u * u))) for u in t
    ]
    thick = [
        (float(x + w * 1.2 * u), float(y - 0.029 * unit - 0.006 * unit * (1 - u * u)))
        for u in t[::-1]
    ]
    canvas.shape([*brow, *thick], mix(hair, (0, 0, 0), 0.1), None, 0.8)


def _nose(canvas: Canvas, x: float, y: float, unit: float, skin: Rgb, shade: Rgb) -> None:
    canvas.shape(
        [
            (x + 0.004 * unit, y - 0.01 * unit),
            (x + 0.026 * unit, y + 0.060 * unit),
            (x + 0.004 * unit, y + 0.066 * unit),
        ],
        mix(skin, shade, 0.5),
        None,
        0.55,
    )
    for side in (-1, 1):
        _ellipse(
            canvas,
            x + side * 0.012 * unit,
            y + 0.064 * unit,
            0.0065 * unit,
            0.0036 * unit,
            mix(shade, (0.2, 0.05, 0.05), 0.45),
            None,
            0.8,
        )
    _ellipse(
        canvas,
        x - 0.004 * unit,
        y + 0.046 * unit,
        0.007 * unit,
        0.010 * unit,
        mix(skin, (1, 1, 1), 0.4),
        None,
        0.4,
    )


def _mouth(canvas: Canvas, x: float, y: float, half: float, skin: Rgb) -> None:
    lip = mix(skin, (0.70, 0.16, 0.18), 0.52)
    t = np.linspace(-1, 1, 41)
    bow = 0.30 * (1 - np.abs(t)) ** 0.8 - 0.10 * np.exp(-((t / 0.14) ** 2))
    top = [(float(x + half * u), float(y - half * b)) for u, b in zip(t, bow, strict=True)]
    low = [(float(x + half * u), float(y + half * 0.36 * (1 - u * u))) for u in t[::-1]]
    canvas.shape([*top, *low], lip, None, 0.95)
    line = [(float(x + half * u), float(y + half * 0.03 * (1 - u * u))) for u in t]
    canvas.shape(
        [*line, *[(a, b + half * 0.05) for a, b in line[::-1]]],
        mix(lip, (0.2, 0.02, 0.03), 0.6),
        None,
    )


def _fringe(
    canvas: Canvas,
    x: float,
    y: float,
    wide: float,
    tall: float,
    hair: Rgb,
    palette: Palette,
    *,
    long_hair: bool,
) -> None:
    t = np.linspace(0, 1, 40)
    outer = [
        (
            float(x - wide * 0.56 + wide * 1.12 * u),
            float(y - tall * (0.02 + 0.60 * np.sin(np.pi * u) ** 0.55)),
        )
        for u in t
    ]
    inner = [
        (
            float(x + wide * 0.50 - wide * 1.0 * u),
            float(y - tall * (0.06 + 0.30 * np.sin(np.pi * u) ** 0.7 + 0.06 * (u - 0.4))),
        )
        for u in t
    ]
    canvas.shape([*outer, *inner], hair, 0.72)
    shine = [
        (
            float(x - wide * 0.36 + wide * 0.5 * u),
            float(y - tall * (0.40 + 0.10 * np.sin(np.pi * u))),
        )
        for u in t
    ]
    canvas.shape(
        [*shine, *[(a, b + 0.012 * canvas.unit) for a, b in shine[::-1]]],
        mix(hair, palette.light, 0.5),
        None,
        0.35,
    )
    if not long_hair:
        return
    for side in (-1, 1):
        a = x + side * wide * 0.52
        canvas.shape(
            [
                (a - side * 0.05 * wide, y - tall * 0.20),
                (a + side * 0.12 * wide, y - tall * 0.05),
                (a + side * 0.20 * wide, y + tall * 0.52),
                (a + side * 0.05 * wide, y + tall * 0.66),
                (a - side * 0.10 * wide, y + tall * 0.45),
                (a - side * 0.015 * wide, y + tall * 0.05),
            ],
            mix(hair, palette.light, 0.06 if side < 0 else 0.0),
            0.72,
        )
