"""What scenes are painted with, and the parts they share: sky, ridges, water, people."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import cv2
import numpy as np

from assembler.generation.animatic import living, noise
from assembler.generation.animatic.canvas import Canvas, mix
from assembler.generation.animatic.palette import Palette, clothing_of
from assembler.generation.animatic.planes import Array


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

    def says(self, pattern: str) -> bool:
        """Whether the prompt has these words."""
        return re.search(pattern, self.prompt) is not None

    @property
    def horizon(self) -> float:
        """Row of the horizon: a little below the middle of the frame."""
        return self.frame[1] + self.frame[3] * 0.56


def sky(place: Place, horizon: float) -> None:
    """Sky from the top of the frame down to *horizon*, with its clouds or stars."""
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
        stars(place, horizon)
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


def stars(place: Place, horizon: float) -> None:
    """Stars that twinkle, above *horizon*."""
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


def ridge(
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


def water(place: Place, edge: Array | float, *, near_top: float = 0.12) -> None:
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


PERSON = (
    r"\b(?:wo)?m[ae]n\b|\bgirl|\bboy\b|\bperson|\bpeople|\bshe\b|\bhe\b|\bher\b|\bhis\b|\btravell?er"
    r"|\bfigure\b|\bhero|\bdancer|\bcouple|\bchild|\bfisher|\bpilgrim|\bdetective|\bastronaut|\bhiker"
)


def people(place: Place, ground: float, height: float = 0.25, near: float = 0.62) -> None:
    """A walking figure when somebody is named."""
    if not place.says(PERSON):
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


def birds(place: Place, horizon: float) -> None:
    """Birds that cross the sky by day."""
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


def weather(place: Place) -> None:
    """Rain or snow, when the words have it."""
    if place.says(r"\brain|storm|downpour|drizzle"):
        place.elements.append(
            living.Rain(place.seed + 51, 0.9 if place.says("storm|pour") else 0.5)
        )
    if place.says(r"snowing|snowfall|snowflake|blizzard|falling snow|\bsnow\b"):
        place.elements.append(living.Snow(place.seed + 52))
