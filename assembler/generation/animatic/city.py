"""A scene in a city: a skyline, or a street between its fronts, wet when it rains."""

from __future__ import annotations

import cv2
import numpy as np

from assembler.generation.animatic import living, noise
from assembler.generation.animatic.canvas import mix
from assembler.generation.animatic.palette import Rgb
from assembler.generation.animatic.place import Place, people, sky


def city(place: Place) -> None:
    """A skyline by day or night, or a street."""
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    horizon = place.horizon + 0.10 * unit
    sky(place, horizon)
    for i, (far, near, tall, wide) in enumerate(
        ((0.74, 0.06, 0.34, 0.045), (0.52, 0.16, 0.42, 0.065), (0.26, 0.30, 0.50, 0.10))
    ):
        _skyline(place, horizon + 0.01 * unit * i, tall, wide, far, near, 161 + i)
        mist = np.exp(-(((canvas.ys - horizon) / (0.16 * unit)) ** 2)) * np.ones_like(canvas.near)
        canvas.lay(mist * 0.22, mix(palette.horizon, palette.light, 0.15))
    wet = palette.dark or place.says(r"\brain|wet|puddle")
    _street(place, horizon, wet=wet)
    _canyon(place, horizon)
    if wet:
        _reflect_street(place, horizon)
    place.elements.append(
        living.Traffic(
            x=canvas.width / 2, y=horizon, unit=unit, seed=place.seed + 171, lit=palette.dark
        )
    )
    people(place, place.frame[1] + 0.90 * unit, 0.30, 0.62)


def _skyline(
    place: Place, base: float, tall: float, wide: float, far: float, near: float, salt: int
) -> None:
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    rng = np.random.default_rng((place.seed, salt))
    wall = mix(palette.ground, mix(palette.horizon, palette.middle, 0.5), far)
    x = -0.02 * unit
    while x < canvas.width:
        own = unit * wide * (0.6 + 0.9 * rng.random())
        middle = 1 - 0.45 * abs(x / canvas.width - 0.5)
        top = base - unit * tall * (0.35 + 0.65 * rng.random() ** 1.4) * middle
        tone = mix(wall, (0.0, 0.0, 0.02), 0.14 * rng.random())
        _building(place, x, top, own, base, tone, near, far, rng)
        x += own * (0.95 + 0.15 * rng.random())


def _building(
    place: Place,
    x: float,
    top: float,
    wide: float,
    base: float,
    tone: Rgb,
    near: float,
    far: float,
    rng: np.random.Generator,
) -> None:
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    bottom = canvas.height
    canvas.shape([(x, bottom), (x, top), (x + wide, top), (x + wide, bottom)], tone, near)
    canvas.shape(
        [(x, bottom), (x, top), (x + wide * 0.30, top), (x + wide * 0.30, bottom)],
        mix(tone, palette.light, 0.10 * (1 - far)),
        None,
        0.7,
    )
    if rng.random() < 0.35:
        mast = x + wide * (0.3 + 0.4 * rng.random())
        canvas.shape(
            [
                (mast - 0.7, top),
                (mast - 0.7, top - 0.045 * unit),
                (mast + 0.7, top - 0.045 * unit),
                (mast + 0.7, top),
            ],
            tone,
            near,
        )
    pitch_x, pitch_y = unit * (0.0105 + 0.012 * (1 - far)), unit * (0.016 + 0.016 * (1 - far))
    columns, rows = int(wide / pitch_x), int((base - top) / pitch_y)
    chance = 0.42 if palette.dark else 0.12
    lights = ((1.0, 0.83, 0.52), (1.0, 0.92, 0.74), mix(palette.accent, (1, 1, 1), 0.25))
    dull = mix(tone, palette.middle, 0.28)
    for row in range(1, rows):
        for column in range(columns):
            if rng.random() > 0.72:
                continue
            lit = rng.random() < chance
            if not lit and palette.dark:
                continue
            pane = mix(lights[int(rng.integers(3))], tone, 0.15 + 0.55 * far) if lit else dull
            wx, wy = x + (column + 0.5) * pitch_x, top + row * pitch_y
            x0, x1 = int(wx), int(wx + pitch_x * 0.52) + 1
            y0, y1 = int(wy), int(wy + pitch_y * 0.46) + 1
            if x0 >= 0 and x1 < x + wide:
                box = canvas.rgb[y0:y1, x0:x1]
                box += (np.asarray(pane, np.float32) - box) * 0.85


def _canyon(place: Place, horizon: float) -> None:
    """House fronts along both sides of the street, running to one point."""
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    vx = canvas.width / 2
    rng = np.random.default_rng(place.seed + 181)
    neon = [palette.accent, palette.light, (0.98, 0.75, 0.20), (0.45, 0.95, 0.55)]
    for side in (-1, 1):
        for i in range(4):
            a, b = 0.22 + 0.30 * i, 0.22 + 0.30 * (i + 1)
            xa, xb = vx + side * unit * a, vx + side * unit * b
            roof = 1.05 + 0.8 * rng.random()
            near = 0.34 + 0.12 * i
            colour = mix(
                mix(palette.ground, (0.02, 0.02, 0.04), 0.25), palette.horizon, 0.20 - 0.05 * i
            )
            canvas.shape(
                [
                    (xa, horizon + 0.34 * a * unit),
                    (xa, horizon - roof * a * unit),
                    (xb, horizon - roof * b * unit),
                    (xb, horizon + 0.34 * b * unit),
                ],
                colour,
                near,
            )
            _front(place, vx, side, a, b, roof, horizon, colour, rng, neon)


def _front(
    place: Place,
    vx: float,
    side: int,
    a: float,
    b: float,
    roof: float,
    horizon: float,
    colour: Rgb,
    rng: np.random.Generator,
    neon: list[Rgb],
) -> None:
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit

    def at(t: float, up: float) -> tuple[float, float]:
        reach = a + (b - a) * t
        return vx + side * unit * reach, horizon - up * reach * unit

    floors = np.arange(0.16, roof - 0.16, 0.24)
    for up in floors:
        for t in (0.08, 0.38, 0.68):
            lit = rng.random() < (0.5 if palette.dark else 0.15)
            pane = (
                mix((1.0, 0.80, 0.48), colour, 0.1 + 0.4 * rng.random())
                if lit
                else mix(colour, palette.middle, 0.22)
            )
            canvas.shape(
                [at(t, up), at(t, up + 0.13), at(t + 0.2, up + 0.13), at(t + 0.2, up)], pane
            )
    glow = (1.0, 0.78, 0.46) if not place.says("neon|cyber") else neon[int(rng.integers(len(neon)))]
    canvas.shape(
        [at(0.1, -0.28), at(0.1, -0.02), at(0.9, -0.02), at(0.9, -0.28)],
        mix(colour, glow, 0.62 if palette.dark else 0.25),
    )
    if palette.dark:
        tint = neon[int(rng.integers(len(neon)))]
        t0 = 0.25 + 0.4 * rng.random()
        sign = [at(t0, 0.10), at(t0, 0.62), at(t0 + 0.10, 0.62), at(t0 + 0.10, 0.10)]
        canvas.shape(sign, mix(tint, (1, 1, 1), 0.15))
        sx, sy = at(t0 + 0.05, 0.36)
        canvas.glow(sx, sy, 0.085 * unit, tint, 0.55)
        place.elements.append(
            living.Flicker(sx, sy, 0.13 * unit, tint, 0.5, int(rng.integers(1 << 30)))
        )


def _street(place: Place, horizon: float, *, wet: bool) -> None:
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    vx = canvas.width / 2
    asphalt = mix(mix(palette.ground, (0.16, 0.16, 0.18), 0.5), palette.horizon, 0.16)
    canvas.lay(canvas.below(np.full(canvas.width, horizon, np.float32)), asphalt)
    depth = np.clip((canvas.ys - horizon) / (canvas.height - horizon), 0, 1)
    canvas.near[:] = np.where(canvas.ys > horizon, 0.12 + 0.75 * depth, canvas.near)
    kerb = mix(asphalt, palette.light, 0.22)
    low = canvas.height
    for side in (-1, 1):
        far_x, low_x = vx + side * 2, vx + side * (low - horizon) * 1.02
        canvas.shape([(far_x, horizon), (low_x, low), (low_x + side * 0.6 * unit, low)], kerb)
    for i in range(9):
        a, b = 0.045 * 1.55**i, 0.045 * 1.55**i * 1.24
        half = 0.010
        dash = [
            (vx - half * a * unit * 2, horizon + a * unit * 0.5),
            (vx + half * a * unit * 2, horizon + a * unit * 0.5),
            (vx + half * b * unit * 2, horizon + b * unit * 0.5),
            (vx - half * b * unit * 2, horizon + b * unit * 0.5),
        ]
        canvas.shape(dash, mix(asphalt, (0.95, 0.93, 0.85), 0.55), None, 0.8)
    del wet


def _reflect_street(place: Place, horizon: float) -> None:
    """A wet street mirrors what stands above it, drawn out downwards."""
    canvas, unit = place.canvas, place.canvas.unit
    row = int(horizon)
    source = np.clip(row - (np.arange(canvas.height) - row) * 1.25, 0, canvas.height - 1).astype(
        int
    )
    mirror = cv2.GaussianBlur(canvas.rgb[source], (0, 0), 0.004 * unit, sigmaY=0.05 * unit)
    rough = noise.field(
        (canvas.width, canvas.height), place.seed + 191, cells=(18, 46), octaves=4, gain=0.6
    )
    depth = np.clip((canvas.ys - horizon) / (0.04 * unit), 0, 1)
    street = np.clip(
        1.10 - np.abs(canvas.xs - canvas.width / 2) / ((canvas.ys - horizon).clip(1) * 1.0 + 1),
        0,
        1,
    )
    alpha = depth * np.clip(0.30 + 0.75 * (rough - 0.35), 0, 0.75) * np.clip(street * 6, 0, 1)
    canvas.lay(alpha.astype(np.float32), mirror)
