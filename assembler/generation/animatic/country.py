"""Scenes of the country: hills and mountains, a forest, a desert."""

from __future__ import annotations

import cv2
import numpy as np

from assembler.generation.animatic import living, noise
from assembler.generation.animatic.canvas import mix
from assembler.generation.animatic.place import Place, birds, people, ridge, sky, water
from assembler.generation.animatic.planes import Array


def hills(place: Place) -> None:
    """Hills or mountains, a lake between them."""
    horizon, unit = place.horizon, place.canvas.unit
    sky(place, horizon)
    snow = place.says(r"snow|alp|peak|mountain|glacier|winter|arctic")
    tall = 0.34 if place.says(r"mountain|alp|peak|cliff|glacier|canyon|valley") else 0.16
    ridge(place, horizon + 0.02 * unit, tall, 4, 111, far=0.80, near=0.05, gain=0.55, snow=snow)
    ridge(place, horizon + 0.07 * unit, tall * 0.62, 5, 113, far=0.58, near=0.14, snow=snow)
    if place.says(r"\blake|river|pond|fjord"):
        water(place, horizon + 0.10 * unit, near_top=0.2)
        edge = ridge(place, place.frame[1] + 0.94 * unit, 0.05, 6, 117, far=0.06, near=0.72)
    else:
        ridge(place, horizon + 0.15 * unit, 0.10, 6, 115, far=0.32, near=0.30, trees=True)
        edge = ridge(place, horizon + 0.29 * unit, 0.08, 3, 117, far=0.10, near=0.55)
        _meadow(place, edge)
    birds(place, horizon)
    ground = float(np.median(edge)) + 0.10 * unit
    people(place, ground, 0.22, 0.6)


def _meadow(place: Place, edge: Array) -> None:
    """Blades of grass and flowers on the nearest slope."""
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    rng = np.random.default_rng(place.seed + 95)
    lighter = mix(palette.ground, palette.light, 0.22)
    darker = mix(palette.ground, (0.02, 0.03, 0.03), 0.3)
    blades = np.zeros((canvas.height, canvas.width), np.uint8)
    tips = np.zeros_like(blades)
    for x, r, lean, which in rng.random((2600, 4)):
        col = int(x * (canvas.width - 1))
        row = edge[col] + r**0.7 * (canvas.height - edge[col])
        tall = (0.008 + 0.03 * r) * unit
        tip = (int(col + (lean - 0.5) * tall), int(row - tall))
        cv2.line(blades if which < 0.55 else tips, (col, int(row)), tip, 255, 1, cv2.LINE_AA)
    canvas.lay(blades.astype(np.float32) / 255 * 0.55, darker)
    canvas.lay(tips.astype(np.float32) / 255 * 0.45, lighter)


def forest(place: Place) -> None:
    """Trunks in rows, light falling between them."""
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    horizon = place.horizon + 0.06 * unit
    sky(place, horizon)
    place.elements.clear()
    for i, (far, near) in enumerate(((0.78, 0.08), (0.62, 0.16), (0.44, 0.28), (0.26, 0.42))):
        base = horizon + (0.02 + 0.055 * i) * unit
        ridge(place, base, 0.05, 5 + i, 121 + 2 * i, far=far, near=near, trees=True)
        canvas.lay(
            np.exp(-(((canvas.ys - base) / (0.10 * unit)) ** 2))
            * np.ones_like(canvas.near)
            * (0.10 + 0.34 * palette.mist),
            mix(palette.horizon, palette.light, 0.3),
        )
    edge = ridge(place, horizon + 0.30 * unit, 0.05, 4, 131, far=0.06, near=0.6)
    _meadow(place, edge)
    rng = np.random.default_rng(place.seed + 132)
    bark = mix(palette.ground, (0.04, 0.03, 0.03), 0.45)
    for i in range(11):
        x = canvas.width * (i + 0.15 + 0.7 * rng.random()) / 11
        if abs(x - canvas.width / 2) < 0.16 * unit:
            continue
        near = 0.5 + 0.42 * rng.random()
        half = unit * (0.006 + 0.030 * (near - 0.4))
        lean = unit * 0.03 * (rng.random() - 0.5)
        foot = place.frame[1] + unit * (0.90 + 0.30 * (near - 0.5))
        colour = mix(bark, palette.horizon, 0.30 * (1 - near) * 2)
        canvas.shape(
            [
                (x - half * 1.5, foot),
                (x - half + lean, -2),
                (x + half + lean, -2),
                (x + half * 1.5, foot),
            ],
            colour,
            near,
        )
        canvas.shape(
            [
                (x + half * 0.5, foot),
                (x + half * 0.45 + lean, -2),
                (x + half + lean, -2),
                (x + half * 1.3, foot),
            ],
            mix(colour, palette.light, 0.16),
            None,
            0.8,
        )
    if palette.height > 0 and not palette.dark:
        _shafts(place)
    people(place, place.frame[1] + 0.90 * unit, 0.26, 0.62)
    place.elements.append(living.Motes(place.seed + 133, palette.light))


def _shafts(place: Place) -> None:
    """Light that falls slantwise through leaves."""
    canvas = place.canvas
    slant = canvas.xs[None, :] + canvas.ys * 0.55
    stripes = noise.line(canvas.width * 2, place.seed + 135, cells=16, octaves=3)
    rays = np.interp(slant.ravel(), np.arange(canvas.width * 2), stripes).reshape(slant.shape)
    fade = np.clip(1 - canvas.ys / (0.95 * canvas.height), 0, 1)
    alpha = (np.clip((rays - 0.55) * 2.2, 0, 1) * fade * 0.32).astype(np.float32)
    canvas.lay(alpha, place.palette.light)


def desert(place: Place) -> None:
    """Dunes."""
    horizon, unit = place.horizon, place.canvas.unit
    sky(place, horizon)
    canvas, palette = place.canvas, place.palette
    sand = (0.83, 0.60, 0.38)
    for i in range(4):
        edge = (
            horizon
            + (0.03 + 0.10 * i) * unit
            - (0.05 + 0.035 * i)
            * unit
            * noise.line(
                canvas.width,
                place.seed + 141 + i,
                cells=2.5 + 0.6 * i,
                octaves=2 + i // 2,
                gain=0.35,
            )
        )
        far = 0.75 - 0.22 * i
        lit = mix(sand, palette.horizon, 0.15 + 0.6 * far)
        shade = mix(mix(sand, palette.ground, 0.62), palette.middle, 0.55 * far)
        slope = np.clip(0.5 - np.gradient(cv2.GaussianBlur(edge[None], (0, 0), 6)[0]) * 3.4, 0, 1)
        depth = np.clip((canvas.ys - edge[None, :]) / (0.26 * unit), 0, 1)
        ripple = noise.field(
            (canvas.width, canvas.height), place.seed + 151 + i, cells=(9, 80), octaves=3
        )
        tone = np.clip(
            slope[None, :] * (1 - 0.7 * depth) + 0.25 * depth + 0.10 * (ripple - 0.5), 0, 1
        )
        paint = np.asarray(shade, np.float32) + tone[..., None] * (
            np.asarray(lit, np.float32) - np.asarray(shade, np.float32)
        )
        canvas.lay(canvas.below(edge), paint, 0.1 + 0.2 * i)
    people(place, place.frame[1] + 0.86 * unit, 0.20, 0.62)
