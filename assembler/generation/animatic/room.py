"""A scene indoors: walls, windows and furniture."""

from __future__ import annotations

import numpy as np

from assembler.generation.animatic import living, noise
from assembler.generation.animatic.canvas import mix
from assembler.generation.animatic.palette import Rgb
from assembler.generation.animatic.place import Place, people


def room(place: Place) -> None:
    """A room with its windows and furniture."""
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    x0, y0, width, _ = place.frame
    floor = y0 + 0.74 * unit
    wall = mix((0.80, 0.72, 0.62), palette.ground, 0.30 if not palette.dark else 0.72)
    canvas.gradient([(0, mix(wall, (0, 0, 0), 0.18)), (floor, wall), (canvas.height, wall)])
    texture = noise.field(
        (canvas.width, canvas.height), place.seed + 201, cells=(30, 30), octaves=4, gain=0.8
    )
    canvas.rgb *= 0.97 + 0.06 * texture[..., None]
    wood = mix((0.42, 0.27, 0.17), palette.ground, 0.25 if not palette.dark else 0.6)
    canvas.lay(canvas.below(np.full(canvas.width, floor, np.float32)), wood)
    depth = np.clip((canvas.ys - floor) / (canvas.height - floor), 0, 1)
    canvas.near[:] = np.where(canvas.ys > floor, 0.22 + 0.6 * depth, 0.15)
    vx = x0 + width / 2
    for i in range(-16, 17):
        top, low = vx + i * 0.10 * unit, vx + i * 0.24 * unit
        canvas.shape(
            [(top, floor), (top + 1.2, floor), (low + 2.4, canvas.height), (low, canvas.height)],
            mix(wood, (0, 0, 0), 0.35),
            None,
            0.7,
        )
    _window(place, x0 + 0.16 * width, y0 + 0.14 * unit, 0.46 * unit, 0.44 * unit)
    canvas.shape(
        [
            (0, floor - 0.02 * unit),
            (canvas.width, floor - 0.02 * unit),
            (canvas.width, floor),
            (0, floor),
        ],
        mix(wall, (1, 1, 1), 0.2),
        0.18,
    )
    light = [
        (x0 + 0.20 * width, canvas.height),
        (x0 + 0.40 * width, floor),
        (x0 + 0.66 * width, floor),
        (x0 + 0.66 * width, canvas.height),
    ]
    canvas.shape(light, palette.light, None, 0.10 if palette.dark else 0.26)
    _furniture(place, floor)
    people(place, y0 + 0.95 * unit, 0.52, 0.62)
    place.elements.append(living.Motes(place.seed + 203, palette.light))


def _window(place: Place, x: float, y: float, wide: float, tall: float) -> None:
    """A window with the light of the day in it."""
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    frame = mix((0.92, 0.89, 0.84), palette.ground, 0.3 if not palette.dark else 0.7)
    rim = 0.016 * unit

    def box(a: float, b: float, c: float, d: float, colour: Rgb) -> None:
        canvas.shape([(a, b), (c, b), (c, d), (a, d)], colour, 0.12)

    box(x - rim, y - rim, x + wide + rim, y + tall + rim, frame)
    steps = 24
    for i in range(steps):
        t = i / (steps - 1)
        colour = (
            mix(palette.top, palette.middle, min(1, 2 * t))
            if t < 0.5
            else mix(palette.middle, palette.horizon, 2 * t - 1)
        )
        box(x, y + tall * i / steps, x + wide, y + tall * (i + 1) / steps + 0.6, colour)
    hill = mix(palette.ground, palette.horizon, 0.45)
    edge = y + tall * (0.82 - 0.16 * noise.line(40, place.seed + 205, cells=3))
    pts = [(x + wide * i / 39, float(edge[i])) for i in range(40)]
    canvas.shape([*pts, (x + wide, y + tall), (x, y + tall)], hill)
    for part in (1 / 3, 2 / 3):
        box(x + wide * part - rim / 3, y, x + wide * part + rim / 3, y + tall, frame)
    box(x, y + tall * 0.42 - rim / 3, x + wide, y + tall * 0.42 + rim / 3, frame)
    canvas.glow(
        x + wide / 2, y + tall / 2, 0.5 * unit, palette.horizon, 0.10 if palette.dark else 0.22
    )


def _furniture(place: Place, floor: float) -> None:
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    x0, _, width, _ = place.frame
    dark = mix((0.24, 0.15, 0.10), palette.ground, 0.4)
    lamp_x = x0 + 0.80 * width
    canvas.shape(
        [
            (lamp_x - 2, floor + 0.05 * unit),
            (lamp_x - 2, floor - 0.42 * unit),
            (lamp_x + 2, floor - 0.42 * unit),
            (lamp_x + 2, floor + 0.05 * unit),
        ],
        dark,
        0.3,
    )
    canvas.glow(
        lamp_x, floor - 0.40 * unit, 0.22 * unit, (1.0, 0.78, 0.48), 0.62 if palette.dark else 0.3
    )
    canvas.shape(
        [
            (lamp_x - 0.085 * unit, floor - 0.36 * unit),
            (lamp_x - 0.05 * unit, floor - 0.50 * unit),
            (lamp_x + 0.05 * unit, floor - 0.50 * unit),
            (lamp_x + 0.085 * unit, floor - 0.36 * unit),
        ],
        mix((1.0, 0.88, 0.66), palette.ground, 0.08),
        0.3,
    )
    top, left, right = floor - 0.03 * unit, x0 + 0.50 * width, x0 + 0.76 * width
    canvas.shape(
        [
            (left, top),
            (right, top),
            (right + 0.03 * unit, top + 0.035 * unit),
            (left - 0.03 * unit, top + 0.035 * unit),
        ],
        mix(dark, palette.light, 0.22),
        0.42,
    )
    canvas.shape(
        [
            (left - 0.03 * unit, top + 0.035 * unit),
            (right + 0.03 * unit, top + 0.035 * unit),
            (right + 0.03 * unit, top + 0.06 * unit),
            (left - 0.03 * unit, top + 0.06 * unit),
        ],
        dark,
        0.42,
    )
    for x in (left, right):
        canvas.shape(
            [
                (x - 4, top + 0.05 * unit),
                (x + 4, top + 0.05 * unit),
                (x + 3, top + 0.26 * unit),
                (x - 3, top + 0.26 * unit),
            ],
            dark,
            0.42,
        )
    pot = left + 0.07 * unit
    leaf = mix((0.20, 0.42, 0.22), palette.ground, 0.25)
    rng = np.random.default_rng(place.seed + 207)
    for lean, tall in rng.random((11, 2)):
        dx, dy = (lean - 0.5) * 0.20 * unit, (0.10 + 0.12 * tall) * unit
        canvas.shape(
            [
                (pot - 2, top - 0.05 * unit),
                (pot + dx * 0.5 - 0.014 * unit, top - dy * 0.7),
                (pot + dx, top - dy),
                (pot + dx * 0.5 + 0.014 * unit, top - dy * 0.6),
                (pot + 2, top - 0.05 * unit),
            ],
            mix(leaf, palette.light, 0.22 * tall),
            0.44,
        )
    canvas.shape(
        [
            (pot - 0.032 * unit, top - 0.06 * unit),
            (pot + 0.032 * unit, top - 0.06 * unit),
            (pot + 0.024 * unit, top),
            (pot - 0.024 * unit, top),
        ],
        mix((0.72, 0.38, 0.25), palette.ground, 0.25),
        0.44,
    )
