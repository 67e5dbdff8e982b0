"""
A picture painted from words: a place, a light, and what moves in it.

    >>> painting = paint("A woman in a red coat walks the pier at dawn", (640, 360), seed=7)

The world is wider and higher than the frame, so that the camera finds more of it when it moves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from assembler.generation.animatic import living, noise
from assembler.generation.animatic.camera import _STEP
from assembler.generation.animatic.canvas import Canvas, mix
from assembler.generation.animatic.palette import Palette, Rgb, clothing_of, palette_of
from assembler.generation.animatic.picture import Picture
from assembler.generation.animatic.planes import Array, from_rgb
from assembler.generation.animatic.portrait import draw_portrait

_WIDER, _HIGHER = 1.40, 1.24


@dataclass(slots=True)
class Place:
    """What a scene is painted with: the canvas, the light, the words, and what will move."""

    canvas: Canvas
    palette: Palette
    prompt: str
    seed: int
    frame: tuple[int, int, int, int]
    """x, y, width, height of the frame on the canvas."""
    elements: list[living.Element] = field(default_factory=list)
    ground: float = 0.0
    """Row on which people walk."""
    sea: tuple[Array, Array] | None = None
    """Alpha of moving water, and its edge line."""

    def says(self, pattern: str) -> bool:
        """Whether the prompt has these words."""
        return re.search(pattern, self.prompt) is not None

    @property
    def horizon(self) -> float:
        """Row of the horizon: a little below the middle of the frame."""
        return self.frame[1] + self.frame[3] * 0.56


@dataclass(frozen=True, slots=True)
class Painting:
    """A finished picture and what moves in it."""

    picture: Picture
    elements: tuple[living.Element, ...]


def paint(prompt: str, size: tuple[int, int], seed: int, context: str = "") -> Painting:
    """
    The picture that the words ask for, the same for the same seed.

    What *prompt* doesn't say (light, colours, people's clothes) is taken from *context*.
    """
    width, height = size
    world = (_even(width * _WIDER), _even(height * _HIGHER))
    origin = (_even((world[0] - width) / 2), _even((world[1] - height) / 2))
    canvas = Canvas(*world, unit=float(height))
    lower = prompt.lower()
    wider = f"{lower} {context.lower()}"
    own = lower if scene_named(lower) else wider
    place = Place(canvas, palette_of(wider), wider, seed, (*origin, width, height))
    _scene_of(own, seed)(place)
    _finish(place)
    near = cv2.GaussianBlur(canvas.near, (0, 0), 0.012 * height)
    small = (-(-world[0] // _STEP), -(-world[1] // _STEP))
    coarse = cv2.resize(near, small, interpolation=cv2.INTER_AREA)
    planes = from_rgb(np.clip(canvas.rgb, 0, 1))
    return Painting(Picture(planes, coarse, origin, size), tuple(place.elements))


def _even(value: float) -> int:
    return 2 * round(value / 2)


Scene = Callable[[Place], None]


def scene_named(prompt: str) -> bool:
    """Whether the words name a place."""
    return any(re.search(pattern, prompt) for pattern, _ in _SCENES)


def _scene_of(prompt: str, seed: int) -> Scene:
    for pattern, scene in _SCENES:
        if re.search(pattern, prompt):
            return scene
    return (_hills, _coast, _hills)[seed % 3]


# -- parts that scenes share ---------------------------------------------------------------


def _sky(place: Place, horizon: float) -> None:
    canvas, palette = place.canvas, place.palette
    top = place.frame[1] - 0.1 * canvas.unit
    canvas.gradient(
        [
            (top, palette.top),
            (top + (horizon - top) * 0.58, palette.middle),
            (horizon, palette.horizon),
            (canvas.height, palette.ground),
        ]
    )
    x = place.frame[0] + place.frame[2] * (0.30 + 0.42 * _share(place.seed, 1))
    y = horizon - (horizon - top) * palette.height * 0.85
    if palette.dark and palette.height > 0:
        _stars(place, horizon)
    if palette.height > 0 and not place.says(r"overcast|storm|thunder|\bfog|\brain"):
        unit = canvas.unit
        canvas.glow(x, y, 0.42 * unit, palette.light, 0.16 if palette.dark else 0.42)
        canvas.glow(x, y, 0.12 * unit, palette.light, 0.22 if palette.dark else 0.55)
        canvas.disc(x, y, 0.038 * unit, palette.light, 1.0 if palette.dark else 0.96)
        if palette.dark:
            canvas.disc(x - 0.010 * unit, y - 0.006 * unit, 0.007 * unit, (0.78, 0.81, 0.88), 0.5)
            canvas.disc(x + 0.012 * unit, y + 0.011 * unit, 0.010 * unit, (0.80, 0.83, 0.90), 0.5)
    if palette.cloud > 0:
        _clouds(place, horizon)


def _clouds(place: Place, horizon: float) -> None:
    """High thin clouds in the paint; lower ones drift."""
    canvas, palette = place.canvas, place.palette
    size = (canvas.width, canvas.height)
    high = noise.field(size, place.seed + 11, cells=(5, 14), octaves=5, gain=0.55)
    rise = np.clip((horizon - canvas.ys) / (0.5 * canvas.unit), 0, 1)
    cirrus = np.clip((high - 0.52) * 2.2, 0, 1) * rise * 0.5
    lit = mix(palette.horizon, palette.light, 0.5)
    canvas.lay(cirrus * palette.cloud, mix(lit, palette.middle, 0.25 if not palette.dark else 0.8))
    fade = np.clip((horizon - canvas.ys) / (0.10 * canvas.unit), 0, 1)
    sky = canvas.watch(fade * np.ones_like(canvas.near))
    place.elements.append(
        living.clouds(
            size,
            place.seed + 12,
            amount=palette.cloud,
            sky=sky,
            light=mix(lit, palette.middle, 0.85) if palette.dark else lit,
            shade=mix(palette.middle, palette.top, 0.35),
            unit=canvas.unit,
        )
    )


def _stars(place: Place, horizon: float) -> None:
    canvas = place.canvas
    rng = np.random.default_rng(place.seed + 21)
    count = int(260 * canvas.width / canvas.height)
    for x, y, bright in rng.random((count, 3)):
        row = y**1.3 * (horizon - 0.05 * canvas.unit)
        size = 0.0007 + 0.0012 * bright**6
        canvas_x, radius = x * canvas.width, max(0.35, size * canvas.unit)
        _dot(canvas, canvas_x, row, radius, 0.25 + 0.75 * bright**3)


def _dot(canvas: Canvas, x: float, y: float, radius: float, alpha: float) -> None:
    reach = int(radius) + 2
    x0, y0 = max(0, int(x) - reach), max(0, int(y) - reach)
    box = canvas.rgb[y0 : int(y) + reach + 1, x0 : int(x) + reach + 1]
    if box.size == 0:
        return
    gy, gx = np.mgrid[0 : box.shape[0], 0 : box.shape[1]]
    light = np.exp(-((gx + x0 - x) ** 2 + (gy + y0 - y) ** 2) / (2 * radius * radius)) * alpha
    box += (1 - box) * light[..., None].astype(np.float32)


def _ridge(
    place: Place,
    base: float,
    rise: float,
    cells: float,
    salt: int,
    *,
    far: float,
    near: float,
    gain: float = 0.5,
    trees: bool = False,
    snow: bool = False,
) -> Array:
    """A row of hills, paler the farther; its edge line."""
    canvas, palette = place.canvas, place.palette
    edge = base - rise * canvas.unit * noise.line(
        canvas.width, place.seed + salt, cells=cells, gain=gain
    )
    if trees:
        edge = edge - _treeline(place, salt, 0.012 + 0.05 * near)
    colour = mix(palette.ground, mix(palette.horizon, palette.middle, 0.45), far)
    top = min(max(0, int(edge.min()) - 3), canvas.height - 8)
    ys = canvas.ys[top:]
    depth = np.clip((ys - edge[None, :]) / (0.30 * canvas.unit), 0, 1)
    texture = noise.field(
        (canvas.width, canvas.height - top),
        place.seed + salt + 1,
        cells=(24, 20 * (canvas.height - top) / canvas.height),
        octaves=4,
        gain=0.62,
    )
    # Light comes from above: what leans towards it is brighter.
    soft = cv2.GaussianBlur(texture, (0, 0), 1.2)
    slope = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    relief = np.clip(slope * np.float32(-canvas.unit * 0.06), -1, 1) + (texture - 0.5) * 0.5
    paint = np.asarray(colour, np.float32) * (1 + (0.26 * (1 - far)) * relief[..., None])
    if snow:
        line = edge[None, :] + 0.10 * canvas.unit * (0.4 + texture)
        cap = np.clip((line - ys) / (0.02 * canvas.unit), 0, 1)[..., None]
        white = np.asarray(mix((0.95, 0.96, 0.98), palette.horizon, 0.25 + 0.5 * far), np.float32)
        paint += (white * (0.92 + 0.16 * relief[..., None]) - paint) * cap * 0.85
    mist = np.asarray(mix(palette.horizon, palette.middle, 0.3), np.float32)
    paint += (mist - paint) * (palette.mist * (0.25 + 0.6 * far) * depth)[..., None]
    softness = 1.4 if trees else 1.0
    canvas.lay(np.clip((ys - edge[None, :]) / softness + 0.5, 0, 1), paint, near, top)
    return edge


def _treeline(place: Place, salt: int, height: float) -> Array:
    """Tops of conifers along a ridge, in pixels above it."""
    canvas = place.canvas
    rng = np.random.default_rng(place.seed + salt + 5)
    tops = np.zeros(canvas.width, np.float32)
    tall = height * canvas.unit
    step = max(2.0, tall * 0.34)
    x = 0.0
    while x < canvas.width:
        own = tall * (0.45 + 0.75 * rng.random())
        half = own * 0.27
        span = slice(max(0, int(x - half)), min(canvas.width, int(x + half) + 1))
        reach = np.abs(canvas.xs[span] - x) / half
        steps = 0.10 * own * np.abs(np.sin(reach * 9))
        tops[span] = np.maximum(
            tops[span], np.clip(own * (1 - reach) + steps * (1 - reach), 0, own)
        )
        x += step * (0.45 + rng.random())
    return tops


def _water(place: Place, edge: Array | float, *, near_top: float = 0.12) -> None:
    """Water from a line down: it mirrors the sky, glitters under the light, and moves."""
    canvas, palette = place.canvas, place.palette
    line = np.full(canvas.width, edge, np.float32) if np.isscalar(edge) else np.asarray(edge)
    top = float(line.min())
    row = max(0, int(top) - 2)
    depth = np.clip((canvas.ys[row:] - top) / (canvas.height - top), 0, 1)
    mirror = np.clip(2 * int(top) - np.arange(row, canvas.height), 0, canvas.height - 1)
    sky = cv2.GaussianBlur(
        canvas.rgb[mirror], (0, 0), 0.010 * canvas.unit, sigmaY=0.045 * canvas.unit
    )
    deep = np.asarray(mix(palette.ground, palette.top, 0.45), np.float32)
    surface = sky * 0.86
    surface += (deep - surface) * (0.18 + 0.58 * depth**0.8)[..., None]
    # Waves grow towards the viewer: noise is stretched along the perspective.
    flat = noise.field((canvas.width, 512), place.seed + 31, cells=(26, 60), octaves=4, gain=0.6)
    rows = (np.log1p(depth[:, 0] * 22) / np.log(23) * 505).astype(np.float32)
    gx, gy = np.meshgrid(canvas.xs, rows)
    swell = cv2.remap(flat, gx, gy, cv2.INTER_LINEAR) - 0.5
    surface *= 1 + (swell * (0.10 + 0.36 * depth))[..., None]
    canvas.lay(canvas.below(line, 1.2)[row:], surface, near_top + 0.62 * depth, row)
    cover = canvas.below(line, 1.2)
    sun_x = place.frame[0] + place.frame[2] * (0.30 + 0.42 * _share(place.seed, 1))
    place.elements.append(
        living.water(
            canvas,
            canvas.watch(cover),
            top,
            sun_x,
            palette.light if palette.height > 0 else palette.accent,
            place.seed + 33,
            lit=palette.height > 0,
        )
    )


def _share(seed: int, salt: int) -> float:
    return float(np.random.default_rng((seed, salt)).random())


_PERSON = (
    r"\b(?:wo)?m[ae]n\b|\bgirl|\bboy\b|\bperson|\bpeople|\bshe\b|\bhe\b|\bher\b|\bhis\b|\btravell?er"
    r"|\bfigure\b|\bhero|\bdancer|\bcouple|\bchild|\bfisher|\bpilgrim|\bdetective|\bastronaut|\bhiker"
)


def _people(place: Place, ground: float, height: float = 0.25, near: float = 0.62) -> None:
    """A walking figure when somebody is named."""
    if not place.says(_PERSON):
        return
    palette = place.palette
    where = 0.30 + 0.22 * _share(place.seed, 3)
    rim = palette.light if not palette.dark else palette.accent
    place.elements.append(
        living.Figure(
            x=place.frame[0] + place.frame[2] * where,
            ground=ground,
            height=height * place.canvas.unit,
            near=near,
            coat=clothing_of(place.prompt, palette.accent),
            dark=mix(palette.ground, (0.05, 0.05, 0.07), 0.5),
            rim=rim,
            skin=mix((0.85, 0.66, 0.55), palette.horizon, 0.2),
            walks=not place.says(r"\bstands?\b|\bsits?\b|\bstill\b|\bwaits?\b|\bstops\b"),
            skirt=place.says(r"woman|girl|\bshe\b|\bher\b|coat|dress|robe|cloak"),
        )
    )


def _birds(place: Place, horizon: float) -> None:
    if place.palette.dark or place.says(r"no birds|indoors"):
        return
    place.elements.append(
        living.Birds(
            x=place.frame[0] + place.frame[2] * (0.55 + 0.3 * _share(place.seed, 4)),
            y=horizon - 0.34 * place.canvas.unit,
            size=0.016 * place.canvas.unit,
            colour=mix(place.palette.ground, place.palette.middle, 0.25),
            count=4 + place.seed % 4,
            seed=place.seed + 41,
        )
    )


def _weather(place: Place) -> None:
    if place.says(r"\brain|storm|downpour|drizzle"):
        place.elements.append(
            living.Rain(place.seed + 51, 0.9 if place.says("storm|pour") else 0.5)
        )
    if place.says(r"snowing|snowfall|snowflake|blizzard|falling snow|\bsnow\b"):
        place.elements.append(living.Snow(place.seed + 52))


# -- scenes ----------------------------------------------------------------------------------


def _coast(place: Place) -> None:
    horizon, unit = place.horizon, place.canvas.unit
    _sky(place, horizon)
    island = place.says(r"island|bay|harbo|coast|fjord|lake|port\b|river") or place.seed % 2 == 0
    if island:
        _ridge(place, horizon + 0.01 * unit, 0.13, 5, 101, far=0.72, near=0.06)
        _ridge(place, horizon + 0.045 * unit, 0.07, 9, 103, far=0.5, near=0.10)
    if place.says(r"harbo|port\b|town|village|lighthouse"):
        _village(place, horizon)
    _water(place, horizon)
    _birds(place, horizon)
    if place.says(r"boat|ship|sail|harbo|port\b|fisher"):
        _boats(place, horizon)
    if place.says(r"pier|harbo|jetty|dock|boardwalk|\bquay"):
        ground = _pier(place)
    elif place.says(r"beach|shore|sand|coast"):
        ground = _beach(place)
    else:
        ground = horizon + 0.33 * unit
        if place.says(_PERSON):
            ground = _pier(place)
    _people(place, ground)


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


def _hills(place: Place) -> None:
    horizon, unit = place.horizon, place.canvas.unit
    _sky(place, horizon)
    snow = place.says(r"snow|alp|peak|mountain|glacier|winter|arctic")
    tall = 0.34 if place.says(r"mountain|alp|peak|cliff|glacier|canyon|valley") else 0.16
    _ridge(place, horizon + 0.02 * unit, tall, 4, 111, far=0.80, near=0.05, gain=0.55, snow=snow)
    _ridge(place, horizon + 0.07 * unit, tall * 0.62, 5, 113, far=0.58, near=0.14, snow=snow)
    if place.says(r"\blake|river|pond|fjord"):
        _water(place, horizon + 0.10 * unit, near_top=0.2)
        edge = _ridge(place, place.frame[1] + 0.94 * unit, 0.05, 6, 117, far=0.06, near=0.72)
    else:
        _ridge(place, horizon + 0.15 * unit, 0.10, 6, 115, far=0.32, near=0.30, trees=True)
        edge = _ridge(place, horizon + 0.29 * unit, 0.08, 3, 117, far=0.10, near=0.55)
        _meadow(place, edge)
    _birds(place, horizon)
    ground = float(np.median(edge)) + 0.10 * unit
    _people(place, ground, 0.22, 0.6)


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


def _forest(place: Place) -> None:
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    horizon = place.horizon + 0.06 * unit
    _sky(place, horizon)
    place.elements.clear()
    for i, (far, near) in enumerate(((0.78, 0.08), (0.62, 0.16), (0.44, 0.28), (0.26, 0.42))):
        base = horizon + (0.02 + 0.055 * i) * unit
        _ridge(place, base, 0.05, 5 + i, 121 + 2 * i, far=far, near=near, trees=True)
        canvas.lay(
            np.exp(-(((canvas.ys - base) / (0.10 * unit)) ** 2))
            * np.ones_like(canvas.near)
            * (0.10 + 0.34 * palette.mist),
            mix(palette.horizon, palette.light, 0.3),
        )
    edge = _ridge(place, horizon + 0.30 * unit, 0.05, 4, 131, far=0.06, near=0.6)
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
    _people(place, place.frame[1] + 0.90 * unit, 0.26, 0.62)
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


def _desert(place: Place) -> None:
    horizon, unit = place.horizon, place.canvas.unit
    _sky(place, horizon)
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
    _people(place, place.frame[1] + 0.86 * unit, 0.20, 0.62)


def _city(place: Place) -> None:
    canvas, palette, unit = place.canvas, place.palette, place.canvas.unit
    horizon = place.horizon + 0.10 * unit
    _sky(place, horizon)
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
    _people(place, place.frame[1] + 0.90 * unit, 0.30, 0.62)


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


def _room(place: Place) -> None:
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
    _people(place, y0 + 0.95 * unit, 0.52, 0.62)
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


def _space(place: Place) -> None:
    canvas, unit = place.canvas, place.canvas.unit
    canvas.gradient([(0, (0.01, 0.012, 0.03)), (canvas.height, (0.02, 0.018, 0.05))])
    size = (canvas.width, canvas.height)
    for salt, tint, strength in (
        (211, (0.42, 0.18, 0.55), 0.55),
        (212, (0.10, 0.36, 0.55), 0.5),
        (213, (0.8, 0.35, 0.25), 0.22),
    ):
        cloud = (
            np.clip(
                (noise.field(size, place.seed + salt, cells=(4, 3), octaves=6, gain=0.6) - 0.45)
                * 2,
                0,
                1,
            )
            ** 1.6
        )
        canvas.lay(cloud * strength, tint)
    _stars(place, canvas.height * 1.0)
    x, y = place.frame[0] + place.frame[2] * 0.70, place.frame[1] + 0.80 * unit
    radius = 0.46 * unit
    dx, dy = (canvas.xs - x) / radius, (canvas.ys - y) / radius
    inside = dx * dx + dy * dy
    bands = noise.field(size, place.seed + 215, cells=(5, 22), octaves=5, gain=0.55)
    z = np.sqrt(np.clip(1 - inside, 0, 1))
    light = np.clip(-0.62 * dx - 0.45 * dy + 0.62 * z, 0, 1) ** 0.8
    low, high = (
        np.asarray((0.16, 0.30, 0.48), np.float32),
        np.asarray((0.92, 0.80, 0.66), np.float32),
    )
    ball = (low + np.clip(bands, 0, 1)[..., None] * (high - low)) * (0.03 + 1.02 * light[..., None])
    edge = np.clip((1 - np.sqrt(inside)) * radius + 0.5, 0, 1).astype(np.float32)
    halo = (
        np.exp(-np.clip(np.sqrt(inside) - 1, 0, None) * 16)
        * (0.5 - 0.5 * (dx + dy) / 2).clip(0, 1)
        * 0.5
    )
    canvas.lay((halo * (inside > 0.9)).astype(np.float32), (0.45, 0.66, 0.95))
    canvas.lay(edge, ball.astype(np.float32), 0.6)
    _people(place, place.frame[1] + 0.62 * unit, 0.26, 0.85)


def _face(place: Place) -> None:
    canvas = place.canvas
    _sky(place, place.horizon)
    place.elements.clear()
    _ridge(place, place.horizon + 0.1 * canvas.unit, 0.2, 5, 221, far=0.6, near=0.1)
    canvas.rgb[:] = cv2.GaussianBlur(canvas.rgb, (0, 0), 0.035 * canvas.unit)
    face = draw_portrait(canvas, place.frame, place.prompt, place.palette, place.seed)
    place.elements.append(living.Blink(face, place.seed))


_SCENES: tuple[tuple[str, Scene], ...] = (
    (
        r"\bspace\b|galaxy|nebula|planet|spaceship|cosmos|orbit around earth|outer space|asteroid",
        _space,
    ),
    (
        r"close[\s-]?up|close on (?:her|his|the|a) face|portrait|\bher face|\bhis face"
        r"|headshot|talking head",
        _face,
    ),
    (
        r"\broom\b|interior|kitchen|bedroom|office|indoor|apartment|studio|\bcaf[eé]"
        r"|library|hallway|desk\b",
        _room,
    ),
    (
        r"\bcity|\bstreet|downtown|skyscraper|urban|\balley|neon|cyberpunk|tokyo|new york"
        r"|traffic|avenue",
        _city,
    ),
    (
        r"\bsea\b|ocean|beach|harbo|coast|\bpier|shore|waves?\b|island|\bboat|sail|\bbay\b|\bport\b|surf",
        _coast,
    ),
    (r"forest|wood(?:s|land)\b|jungle|\btrees?\b|pine|redwood", _forest),
    (r"desert|dune|sahara|\bsand\b|\bmars\b", _desert),
    (
        r"hill|mountain|valley|meadow|field|countryside|\balp|peak|lake|river|farm|village|snow",
        _hills,
    ),
)


def _finish(place: Place) -> None:
    """Weather, corners a little darker, and the grain of paint that hides banding."""
    canvas = place.canvas
    _weather(place)
    x0, y0, width, height = place.frame
    dx = (canvas.xs - x0 - width / 2) / (width * 0.75)
    dy = (canvas.ys - y0 - height / 2) / (height * 0.75)
    canvas.rgb *= (1 - 0.20 * np.clip(dx * dx + dy * dy, 0, 1.4))[..., None].astype(np.float32)
    rng = np.random.default_rng(place.seed + 231)
    grain = rng.standard_normal((canvas.height, canvas.width), np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 0.0105
    canvas.rgb = np.clip(canvas.rgb + grain[..., None], 0, 1)
