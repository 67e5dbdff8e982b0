"""A scene by the sea: islands, a village with its lighthouse, boats, a pier or a beach."""

from __future__ import annotations

import numpy as np

from assembler.generation.animatic import living, noise
from assembler.generation.animatic.canvas import mix
from assembler.generation.animatic.palette import Rgb
from assembler.generation.animatic.place import PERSON, Place, birds, people, ridge, sky, water


def coast(place: Place) -> None:
    """The sea, with what the words put on it and beside it."""
    horizon, unit = place.horizon, place.canvas.unit
    sky(place, horizon)
    island = place.says(r"island|bay|harbo|coast|fjord|lake|port\b|river") or place.seed % 2 == 0
    if island:
        ridge(place, horizon + 0.01 * unit, 0.13, 5, 101, far=0.72, near=0.06)
        ridge(place, horizon + 0.045 * unit, 0.07, 9, 103, far=0.5, near=0.10)
    if place.says(r"harbo|port\b|town|village|lighthouse"):
        _village(place, horizon)
    water(place, horizon)
    birds(place, horizon)
    if place.says(r"boat|ship|sail|harbo|port\b|fisher"):
        _boats(place, horizon)
    if place.says(r"pier|harbo|jetty|dock|boardwalk|\bquay"):
        ground = _pier(place)
    elif place.says(r"beach|shore|sand|coast"):
        ground = _beach(place)
    else:
        ground = horizon + 0.33 * unit
        if place.says(PERSON):
            ground = _pier(place)
    people(place, ground)


def _village(place: Place, horizon: float) -> None:
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    rng = np.random.default_rng(place.seed + 61)
    x = place.frame[0] + place.frame[2] * 0.52
    haze = mix(palette.ground, palette.horizon, 0.38)
    while x < place.frame[0] + place.frame[2] * 1.08:
        wide, tall = unit * (0.025 + 0.03 * rng.random()), unit * (0.035 + 0.05 * rng.random())
        wall = mix(mix((0.86, 0.78, 0.68), (0.62, 0.36, 0.28), rng.random()), haze, 0.62)
        base = horizon + 0.012 * unit
        canvas.shape(
            [(x, base), (x, base - tall), (x + wide, base - tall), (x + wide, base)], wall, 0.14
        )
        roof = mix((0.50, 0.22, 0.17), haze, 0.6)
        peak = base - tall - wide * 0.42
        canvas.shape(
            [(x - 1, base - tall), (x + wide / 2, peak), (x + wide + 1, base - tall)], roof, 0.14
        )
        for _ in range(2):
            wx = x + wide * (0.15 + 0.6 * rng.random())
            wy = base - tall * (0.3 + 0.5 * rng.random())
            lit = palette.dark or rng.random() < 0.45
            pane = (1.0, 0.82, 0.48) if lit else mix(wall, palette.ground, 0.5)
            side = 0.006 * unit
            canvas.shape(
                [(wx, wy), (wx + side, wy), (wx + side, wy + 1.4 * side), (wx, wy + 1.4 * side)],
                pane,
            )
        x += wide * (0.9 + 0.5 * rng.random())
    _lighthouse(place, horizon, haze)


def _lighthouse(place: Place, horizon: float, haze: Rgb) -> None:
    canvas, unit = place.canvas, place.canvas.unit
    x = place.frame[0] + place.frame[2] * 0.14
    base, tall, wide = horizon + 0.02 * unit, 0.19 * unit, 0.020 * unit
    rock = mix(place.palette.ground, haze, 0.3)
    canvas.shape(
        [
            (x - 4 * wide, base + 3),
            (x - 2.2 * wide, base - 0.6 * wide),
            (x + 2 * wide, base - 0.8 * wide),
            (x + 4.4 * wide, base + 3),
        ],
        rock,
        0.16,
    )
    white = mix((0.94, 0.93, 0.90), haze, 0.28)
    canvas.shape(
        [
            (x - wide, base - wide * 0.5),
            (x - wide * 0.66, base - tall),
            (x + wide * 0.66, base - tall),
            (x + wide, base - wide * 0.5),
        ],
        white,
        0.17,
    )
    for part in (0.25, 0.62):
        y, half = base - tall * part, wide * (1 - 0.34 * part)
        band = mix((0.70, 0.20, 0.17), haze, 0.28)
        canvas.shape(
            [
                (x - half, y),
                (x - half, y - tall * 0.14),
                (x + half, y - tall * 0.14),
                (x + half, y),
            ],
            band,
            0.17,
        )
    canvas.shape(
        [
            (x - wide * 0.5, base - tall),
            (x - wide * 0.5, base - tall * 1.1),
            (x, base - tall * 1.19),
            (x + wide * 0.5, base - tall * 1.1),
            (x + wide * 0.5, base - tall),
        ],
        mix((0.30, 0.12, 0.11), haze, 0.3),
        0.17,
    )
    place.elements.append(
        living.Lamp(x, base - tall * 1.05, 0.05 * unit, place.palette.light, 0.17, period_s=3.0)
    )


def _boats(place: Place, horizon: float) -> None:
    unit = place.canvas.unit
    rng = np.random.default_rng(place.seed + 71)
    for i in range(3):
        depth = (0.035, 0.075, 0.15)[i]
        place.elements.append(
            living.Boat(
                x=place.frame[0] + place.frame[2] * (0.16 + 0.26 * i + 0.14 * rng.random()),
                y=horizon + depth * unit,
                size=unit * (0.055 + 0.55 * depth),
                near=0.12 + 0.9 * depth,
                hull=mix(
                    (0.20, 0.24, 0.32) if i % 2 else (0.55, 0.17, 0.14),
                    place.palette.horizon,
                    0.45 - 2 * depth,
                ),
                sail=mix((0.95, 0.92, 0.86), place.palette.horizon, 0.35),
                phase=float(rng.random() * 6),
            )
        )


def _pier(place: Place) -> float:
    """A wooden pier across the front; the row of its boards."""
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    deck = place.frame[1] + 0.86 * unit
    wood = mix(palette.ground, (0.36, 0.27, 0.20), 0.5)
    lit = mix(wood, palette.horizon, 0.38)
    rng = np.random.default_rng(place.seed + 81)
    for x in np.arange(0.0, canvas.width, 0.36 * unit):
        half = 0.011 * unit
        canvas.shape(
            [
                (x - half, deck),
                (x + half, deck),
                (x + half, canvas.height),
                (x - half, canvas.height),
            ],
            mix(wood, (0.02, 0.02, 0.03), 0.35),
            0.66,
        )
    canvas.shape(
        [
            (0, deck - 0.012 * unit),
            (canvas.width, deck - 0.012 * unit),
            (canvas.width, deck + 0.038 * unit),
            (0, deck + 0.038 * unit),
        ],
        wood,
        0.66,
    )
    canvas.shape(
        [
            (0, deck - 0.013 * unit),
            (canvas.width, deck - 0.013 * unit),
            (canvas.width, deck - 0.007 * unit),
            (0, deck - 0.007 * unit),
        ],
        lit,
        0.66,
    )
    for x in np.arange(0.0, canvas.width, 0.045 * unit):
        shade = mix(wood, (0.02, 0.02, 0.03), 0.2 + 0.35 * rng.random())
        canvas.shape(
            [
                (x, deck - 0.006 * unit),
                (x + 1.3, deck - 0.006 * unit),
                (x + 1.3, deck + 0.038 * unit),
                (x, deck + 0.038 * unit),
            ],
            shade,
            None,
            0.8,
        )
    for x in np.arange(0.12 * unit, canvas.width, 0.54 * unit):
        _lamp_post(place, float(x), deck - 0.01 * unit, 0.30 * unit)
    return deck - 0.010 * unit


def _lamp_post(place: Place, x: float, foot: float, tall: float) -> None:
    canvas, unit = place.canvas, place.canvas.unit
    iron = mix(place.palette.ground, (0.03, 0.03, 0.04), 0.4)
    half = max(0.8, 0.0032 * unit)
    top = foot - tall
    canvas.shape([(x - half, foot), (x - half, top), (x + half, top), (x + half, foot)], iron, 0.66)
    canvas.shape(
        [
            (x - 0.012 * unit, top),
            (x - 0.008 * unit, top - 0.026 * unit),
            (x + 0.008 * unit, top - 0.026 * unit),
            (x + 0.012 * unit, top),
        ],
        mix((1.0, 0.86, 0.55), place.palette.horizon, 0.1),
        0.66,
    )
    canvas.shape(
        [
            (x - 0.014 * unit, top - 0.026 * unit),
            (x, top - 0.042 * unit),
            (x + 0.014 * unit, top - 0.026 * unit),
        ],
        iron,
        0.66,
    )
    canvas.glow(
        x, top - 0.012 * unit, 0.035 * unit, (1.0, 0.80, 0.48), 0.7 if place.palette.dark else 0.3
    )
    if place.palette.dark:
        canvas.glow(x, top - 0.012 * unit, 0.12 * unit, (1.0, 0.75, 0.42), 0.28)


def _beach(place: Place) -> float:
    canvas, unit = place.canvas, place.canvas.unit
    edge = place.frame[1] + unit * (
        0.80 + 0.05 * (noise.line(canvas.width, place.seed + 91, cells=3) - 0.5)
    )
    sand = mix((0.85, 0.74, 0.57), place.palette.ground, 0.42 if place.palette.dark else 0.22)
    grain = noise.field(
        (canvas.width, canvas.height), place.seed + 92, cells=(40, 50), octaves=4, gain=0.8
    )
    foam = np.exp(-(((canvas.ys - edge[None, :]) / (0.010 * unit)) ** 2))
    paint = np.asarray(sand, np.float32) * (0.90 + 0.2 * grain[..., None])
    canvas.lay(canvas.below(edge, 2), paint, 0.75)
    canvas.lay(foam.astype(np.float32) * 0.7, mix((1, 1, 1), place.palette.horizon, 0.3))
    return place.frame[1] + 0.93 * unit
