"""What moves by itself in a painted picture: clouds, water, people, birds, boats, lamps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from assembler.generation.animatic import noise
from assembler.generation.animatic.camera import View
from assembler.generation.animatic.canvas import Canvas, mix
from assembler.generation.animatic.palette import Rgb
from assembler.generation.animatic.planes import Array, Planes, code, lay
from assembler.generation.animatic.portrait import Face

Maps = tuple[Array, Array]


class Element(Protocol):
    """Something that is drawn anew in every frame."""

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Draw upon the frame; *halves* says what point of the picture each chroma sample shows."""


def _halved(plane: Array) -> Array:
    return cv2.resize(
        np.ascontiguousarray(plane),
        (plane.shape[1] // 2, plane.shape[0] // 2),
        interpolation=cv2.INTER_AREA,
    )


def _tint(frame: Planes, rows: slice, alpha: Array, colours: tuple[Array | float, ...]) -> None:
    """Lay colours over some rows of the frame, all given at half size (rows count there)."""
    luma = frame.y[2 * rows.start : 2 * rows.stop]
    size = (luma.shape[1], luma.shape[0])
    full = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
    added = alpha * colours[0]
    luma -= luma * full
    luma += cv2.resize(added, size, interpolation=cv2.INTER_LINEAR)
    for plane, colour in ((frame.u, colours[1]), (frame.v, colours[2])):
        area = plane[rows]
        area += (colour - area) * alpha


def _rows(mask: Array) -> tuple[int, int]:
    """First and last row of a mask that isn't empty."""
    used = np.flatnonzero(mask.max(axis=1) > 0.004)
    return (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)


def _seen(view: View, first: float, last: float, near: float, width: int) -> slice:
    """Rows of the chroma planes in which rows *first* to *last* of the picture can be seen."""
    edge = [view.point(x, y, near)[1] for x in (0, width) for y in (first, last)]
    half = view.size[1] // 2
    margin = 0.02 * half + 2
    top = min(max(int(min(edge) / 2 - margin), 0), half)
    return slice(top, min(max(int(max(edge) / 2 + margin), top), half))


@dataclass(slots=True)
class Clouds:
    """Clouds that drift over the sky; all arrays at half the picture's size."""

    cover: Array
    """Alpha of the clouds, wider than the picture."""
    lit: Array
    """In [0, 1]: how much of the light they have."""
    sky: Array
    """Full size: where the sky is."""
    light: tuple[float, float, float]
    shade: tuple[float, float, float]
    speed: float
    """Half pixels a second."""
    _sky: Array | None = None
    _span: tuple[int, int] = (0, 0)

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Over the sky, under everything else."""
        if self._sky is None:
            self._sky, self._span = _halved(self.sky), _rows(self.sky)
        rows = _seen(view, *self._span, 0.0, self.sky.shape[1])
        if rows.start == rows.stop:
            return
        cx, cy = halves[0][rows], halves[1][rows]
        moved = cx + np.float32(self.speed * at_s)
        alpha: Array = cv2.remap(
            self.cover, moved, cy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        alpha *= cv2.remap(self._sky, cx, cy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        lit = cv2.remap(self.lit, moved, cy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        pairs = zip(self.shade, self.light, strict=True)
        _tint(frame, rows, alpha, tuple(lit * np.float32(b - a) + np.float32(a) for a, b in pairs))


def clouds(
    size: tuple[int, int],
    seed: int,
    *,
    amount: float,
    sky: Array,
    light: Rgb,
    shade: Rgb,
    unit: float,
) -> Clouds:
    """Clouds over a picture of that size: small far ones near the horizon, lit from above."""
    width, height = size[0] // 2, size[1] // 2
    wide = int(width * 1.5)
    flat = noise.field((wide, height), seed, cells=(7, 5), octaves=6, gain=0.56)
    # Clouds lie on a plane above: rows are drawn together towards the horizon.
    row = np.linspace(0, 1, height, dtype=np.float32)
    gx, gy = np.meshgrid(np.arange(wide, dtype=np.float32), row**0.62 * (height - 1))
    shape = cv2.remap(flat, gx, gy, cv2.INTER_LINEAR)
    threshold = 0.66 - 0.26 * amount
    cover = np.clip((shape - threshold) * 4.2, 0, 1) ** 1.25 * 0.86
    above = np.roll(cv2.GaussianBlur(shape, (0, 0), height * 0.012), int(height * 0.025), axis=0)
    lit = np.clip(0.62 + (shape - above) * 3.4, 0.05, 1)
    return Clouds(
        cover.astype(np.float32),
        lit.astype(np.float32),
        sky,
        code(light),
        code(shade),
        0.012 * unit / 2,
    )


@dataclass(slots=True)
class Water:
    """Glitter on water: two ripple patterns pass through each other."""

    first: Array
    second: Array
    """Noise in perspective, half size."""
    where: Array
    """Half size: where glitter may be, and how strong."""
    cover: Array
    """Full size: where water is seen."""
    colour: tuple[float, float, float]
    dark: tuple[float, float, float]
    depth: Array
    """Half size: how near, for the speed."""
    unit: float
    _cover: Array | None = None
    _span: tuple[int, int] = (0, 0)

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Dark troughs, then the light on the crests."""
        if self._cover is None:
            self._cover, self._span = _halved(self.cover), _rows(self.cover)
            self.where = self.where * self._cover
        rows = _seen(view, *self._span, 0.4, self.cover.shape[1])
        if rows.start == rows.stop:
            return
        cx, cy = halves[0][rows], halves[1][rows]
        near = cv2.remap(self.depth, cx, cy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        drift = near * np.float32(0.045 * self.unit * at_s)
        lift = near * np.float32(self.unit * 0.012 * math.sin(at_s * 0.9))
        mirror = cv2.BORDER_REFLECT_101
        waves: Array = cv2.remap(
            self.first, cx + drift, cy + lift, cv2.INTER_LINEAR, borderMode=mirror
        )
        waves *= cv2.remap(self.second, cx - drift, cy - lift, cv2.INTER_LINEAR, borderMode=mirror)
        cover = cv2.remap(self._cover, cx, cy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        where = cv2.remap(self.where, cx, cy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        trough = np.clip((0.20 - waves) * 1.7, 0, 0.30) * cover * (0.25 + 0.75 * near)
        crest = np.clip((waves - 0.30) * 6, 0, 1) * where
        # Crests and troughs never meet, so both are laid at once.
        alpha = trough + crest
        share = crest / np.maximum(alpha, 1e-4)
        pairs = zip(self.dark, self.colour, strict=True)
        _tint(
            frame, rows, alpha, tuple(share * np.float32(b - a) + np.float32(a) for a, b in pairs)
        )


def water(
    canvas: Canvas, cover: Array, top: float, sun_x: float, light: Rgb, seed: int, *, lit: bool
) -> Water:
    """Glitter below a row, strongest under the light."""
    width, height = canvas.width // 2, canvas.height // 2
    unit = canvas.unit / 2
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None, :]
    depth = np.clip((rows - top / 2) / (height - top / 2), 0, 1)
    in_view = (np.log1p(depth * 24) / math.log(25) * 500).astype(np.float32)
    # Ripples are long across and shrink towards the horizon.
    scale = (0.35 + 0.65 / (0.25 + depth)).astype(np.float32)
    gx = ((columns - width / 2) * scale + width * 1.5) % (width * 3 - 4)
    gy = np.broadcast_to(in_view, (height, width))
    patterns = []
    for salt in (0, 1):
        flat = noise.field((width * 3, 512), seed + salt, cells=(90, 110), octaves=3, gain=0.6)
        patterns.append(
            cv2.remap(flat, gx.astype(np.float32), np.ascontiguousarray(gy), cv2.INTER_LINEAR)
        )
    spread = (0.10 + 0.42 * depth) * unit * 2
    column = np.exp(-(((columns - sun_x / 2) / spread) ** 2))
    where = (0.95 * column + 0.05 if lit else 0.10 + 0.0 * column) * (0.55 + 0.45 * (1 - depth))
    tone = mix((0.02, 0.05, 0.09), light, 0.06)
    return Water(
        patterns[0],
        patterns[1],
        where.astype(np.float32),
        cover,
        code(light),
        code(tone),
        np.broadcast_to(depth, (height, width)).astype(np.float32).copy(),
        unit,
    )


_SUPER = 3


Shapes = list[tuple[Rgb, list[tuple[float, float]]]]


def _stamp(
    frame: Planes,
    x: float,
    y: float,
    height: float,
    shapes: Shapes,
    *,
    wide: float = 1.2,
    alpha: float = 1.0,
    mirror: float = 0.0,
) -> None:
    """
    Draw polygons upon the frame, exact to parts of a pixel.

    Args:
        frame: Changed in place.
        x: Column of their middle.
        y: Row of their feet.
        height: In pixels.
        shapes: Colour and corners, in parts of the height, y upwards from the feet.
        wide: Width of the room for them, in parts of the height.
        alpha: Of all of them.
        mirror: Of their reflection below the feet.
    """
    rows, columns = max(4, math.ceil(height * 1.1) + 2), max(4, math.ceil(height * wide) + 2)
    left, top = math.floor(x - columns / 2), math.floor(y) - rows + 2
    if left > frame.size[0] or left + columns < 0 or top > frame.size[1] or top + rows < 0:
        return
    ink = np.zeros((rows * _SUPER, columns * _SUPER, 3), np.uint8)
    cover = np.zeros((rows * _SUPER, columns * _SUPER), np.uint8)
    for colour, points in shapes:
        pts = np.asarray(points, np.float32) * (height, -height) + (x - left, y - top)
        corners = [(pts * _SUPER).round().astype(np.int32)]
        cv2.fillPoly(ink, corners, [round(255 * part) for part in colour])
        cv2.fillPoly(cover, corners, [255])
    part = cv2.resize(cover, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.resize(ink, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    sprite = np.empty((rows, columns, 4), np.float32)
    np.divide(small, np.maximum(part, 1)[..., None], out=sprite[..., :3])
    np.multiply(part, alpha / 255, out=sprite[..., 3])
    if mirror:
        below = sprite[::-1][2 : max(4, int(height * 0.42))].copy()
        below[..., 3] *= np.linspace(mirror, 0, below.shape[0], dtype=np.float32)[:, None]
        lay(frame, below, left, math.floor(y) + 1)
    lay(frame, sprite, left, top)


def _limb(
    joint: tuple[float, float],
    angle: float,
    bend: float,
    upper: float,
    lower: float,
    wide: float,
) -> list[tuple[float, float]]:
    """An arm or leg as a polygon: two bones from a joint, angles from straight down."""
    x0, y0 = joint
    x1, y1 = x0 + upper * math.sin(angle), y0 - upper * math.cos(angle)
    x2, y2 = x1 + lower * math.sin(angle - bend), y1 - lower * math.cos(angle - bend)
    w = wide / 2
    return [
        (x0 - w, y0),
        (x1 - w * 0.9, y1),
        (x2 - w * 0.6, y2),
        (x2 + w * 0.6, y2),
        (x1 + w * 0.9, y1),
        (x0 + w, y0),
    ]


def _oval(x: float, y: float, rx: float, ry: float) -> list[tuple[float, float]]:
    return [
        (x + rx * math.cos(a), y + ry * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 28)[:-1]
    ]


@dataclass(frozen=True, slots=True)
class Figure:
    """A person seen from the side, walking or standing."""

    x: float
    ground: float
    height: float
    near: float
    coat: Rgb
    dark: Rgb
    rim: Rgb
    skin: Rgb
    walks: bool = True
    skirt: bool = True

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """A shadow, then the body in its stride."""
        speed = 0.42 * self.height if self.walks else 0.0
        px, py, scale = view.point(self.x + speed * at_s, self.ground, self.near)
        tall = self.height * scale
        if tall < 6 or not -tall < px < view.size[0] + tall:
            return
        phase = at_s * 2 * math.pi * 0.92
        bob = 0.012 * abs(math.sin(phase)) if self.walks else 0.004 * math.sin(at_s * 1.7)
        self._shadow(frame, px, py, tall)
        _stamp(frame, px, py, tall, self._shapes(phase if self.walks else None, at_s, bob))

    def _shadow(self, frame: Planes, px: float, py: float, tall: float) -> None:
        rows, columns = max(4, int(tall * 0.10)), max(8, int(tall * 0.62))
        gy, gx = np.mgrid[0:rows, 0:columns].astype(np.float32)
        alpha = np.exp(
            -(((gx - columns / 2) / (columns * 0.24)) ** 2) - ((gy - rows / 2) / (rows * 0.26)) ** 2
        )
        sprite = np.zeros((rows, columns, 4), np.float32)
        sprite[..., 3] = alpha * 0.5
        lay(frame, sprite, round(px - columns / 2), round(py - rows / 2))

    def _shapes(
        self, phase: float | None, at_s: float, bob: float
    ) -> list[tuple[Rgb, list[tuple[float, float]]]]:
        swing = 0.48 * math.sin(phase) if phase is not None else 0.03
        knee = 0.55 * max(0.0, math.cos(phase)) if phase is not None else 0.0
        other = 0.55 * max(0.0, -math.cos(phase)) if phase is not None else 0.0
        hip, neck = 0.50 + bob, 0.825 + bob
        flutter = 0.014 * math.sin(at_s * 3.1) + 0.010 * math.sin(at_s * 5.3 + 1)
        far = mix(self.dark, (0, 0, 0), 0.3)
        shade = mix(self.coat, (0.02, 0.02, 0.05), 0.34)
        light = mix(self.coat, self.rim, 0.32)
        hem = 0.27 if self.skirt else 0.45
        half = 0.105 if self.skirt else 0.075
        hair = mix(self.dark, (0.16, 0.08, 0.04), 0.6)
        parts: list[tuple[Rgb, list[tuple[float, float]]]] = [
            (
                mix(shade, (0, 0, 0), 0.25),
                _limb((0.005, neck - 0.045), -0.8 * swing, -0.25, 0.17, 0.15, 0.05),
            ),
            (far, _limb((0.0, hip), -swing, other, 0.26, 0.245, 0.066)),
            (self.dark, _limb((0.0, hip), swing, knee, 0.26, 0.245, 0.070)),
            (
                shade,
                [
                    (-0.068, neck - 0.015),
                    (-0.052, hip + 0.10),
                    (-half - 0.025 + flutter, hem + bob),
                    (half + flutter * 1.4, hem + 0.008 + bob),
                    (0.056, hip + 0.10),
                    (0.066, neck - 0.015),
                    (0.02, neck + 0.02),
                    (-0.03, neck + 0.02),
                ],
            ),
            (
                self.coat,
                [
                    (-0.020, neck),
                    (-0.012, hip + 0.10),
                    (-0.030 + flutter, hem + bob),
                    (half + flutter * 1.4, hem + 0.008 + bob),
                    (0.056, hip + 0.10),
                    (0.066, neck - 0.015),
                    (0.02, neck + 0.02),
                ],
            ),
            (
                light,
                [
                    (0.046, neck - 0.02),
                    (0.040, hip + 0.10),
                    (half - 0.022 + flutter * 1.4, hem + 0.008 + bob),
                    (half + flutter * 1.4, hem + 0.008 + bob),
                    (0.056, hip + 0.10),
                    (0.066, neck - 0.015),
                ],
            ),
            (
                shade,
                [
                    (-0.058, hip + 0.115),
                    (0.060, hip + 0.115),
                    (0.061, hip + 0.092),
                    (-0.060, hip + 0.092),
                ],
            ),
            (
                mix(self.coat, shade, 0.4),
                _limb((-0.008, neck - 0.045), 0.8 * swing, -0.30, 0.17, 0.15, 0.052),
            ),
            (mix(self.skin, self.dark, 0.25), _oval(0.006, neck + 0.03, 0.022, 0.035)),
            (self.skin, _oval(0.014, neck + 0.092 - bob * 0.3, 0.046, 0.058)),
            (
                hair,
                [
                    (-0.050, neck + 0.045),
                    (-0.058, neck + 0.10),
                    (-0.030, neck + 0.152),
                    (0.020, neck + 0.158),
                    (0.055, neck + 0.128),
                    (0.030, neck + 0.118),
                    (0.006, neck + 0.105),
                    (-0.002, neck + 0.06),
                ],
            ),
        ]
        if self.skirt:
            back = [
                (-0.052, neck + 0.12),
                (-0.072 - flutter, neck + 0.03),
                (-0.062 - 1.6 * flutter, neck - 0.055),
                (-0.030, neck - 0.03),
                (-0.006, neck + 0.06),
            ]
            parts.append((hair, back))
        return parts


@dataclass(frozen=True, slots=True)
class Birds:
    """A few birds crossing the sky."""

    x: float
    y: float
    size: float
    colour: Rgb
    count: int
    seed: int

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """The whole flock in one drawing."""
        rng = np.random.default_rng(self.seed)
        size = self.size
        shapes: Shapes = []
        for dx, dy, phase, scale in rng.random((self.count, 4)):
            own = 0.10 * (0.6 + 0.7 * scale)
            x, y = (dx - 0.5) * 1.4, 0.5 + (dy - 0.5) * 0.5 + 0.03 * math.sin(at_s + phase * 6)
            flap = math.sin(at_s * (6.5 + 2 * scale) + phase * 7)
            up, tip = 0.34 * flap, 0.16 * flap - 0.04
            bird = [
                (0.0, 0.04),
                (-0.26, 0.10 + up),
                (-0.55, 0.02 + up + tip),
                (-0.24, 0.03 + up * 0.9),
                (0.0, -0.04),
                (0.24, 0.03 + up * 0.9),
                (0.55, 0.02 + up + tip),
                (0.26, 0.10 + up),
            ]
            shapes.append((self.colour, [(x + own * a, y + own * b) for a, b in bird]))
        px, py, zoom = view.point(self.x - size * 1.5 * at_s, self.y, 0.05)
        tall = size * 12 * zoom
        _stamp(frame, px, py + tall / 2, tall, shapes, wide=1.7, alpha=0.8)


@dataclass(frozen=True, slots=True)
class Boat:
    """A sailing boat that rocks on the water."""

    x: float
    y: float
    size: float
    near: float
    hull: Rgb
    sail: Rgb
    phase: float

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Drifting and heaving, with its reflection."""
        drift = 0.05 * self.size * at_s
        heave = 0.018 * self.size * math.sin(at_s * 1.25 + self.phase)
        px, py, zoom = view.point(self.x + drift, self.y + heave, self.near)
        tall = self.size * zoom * 1.5
        if tall < 4:
            return
        lean = 0.045 * math.sin(at_s * 1.05 + self.phase)

        def tilt(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
            return [(x + lean * y, y - lean * x * 0.6) for x, y in points]

        shapes = [
            (
                mix(self.hull, (0, 0, 0), 0.4),
                tilt([(-0.006, 0.10), (-0.006, 0.98), (0.008, 0.98), (0.008, 0.10)]),
            ),
            (self.sail, tilt([(0.015, 0.95), (0.20, 0.52), (0.30, 0.19), (0.015, 0.19)])),
            (
                mix(self.sail, self.hull, 0.22),
                tilt([(-0.02, 0.90), (-0.12, 0.52), (-0.24, 0.22), (-0.02, 0.20)]),
            ),
            (self.hull, tilt([(-0.34, 0.145), (0.36, 0.155), (0.27, 0.02), (-0.26, 0.02)])),
            (
                mix(self.hull, self.sail, 0.55),
                tilt([(-0.34, 0.145), (0.36, 0.155), (0.352, 0.128), (-0.332, 0.12)]),
            ),
        ]
        _stamp(frame, px, py, tall, shapes, mirror=0.30)


def _light_sprite(radius: float, colour: Rgb, strength: float) -> Array:
    reach = max(2, math.ceil(radius * 2.2))
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    alpha = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * (radius * 0.7) ** 2))
    rim = np.clip(1.2 - np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2) / reach * 1.2, 0, 1)
    sprite = np.empty((axis.size, axis.size, 4), np.float32)
    sprite[..., :3] = colour
    sprite[..., 3] = alpha * rim * strength
    return sprite


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lighthouse's lamp, swelling once in a period."""

    x: float
    y: float
    radius: float
    colour: Rgb
    near: float
    period_s: float

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """A swell of light."""
        px, py, zoom = view.point(self.x, self.y, self.near)
        swell = 0.20 + 0.65 * max(0.0, math.cos(2 * math.pi * at_s / self.period_s)) ** 6
        sprite = _light_sprite(self.radius * zoom, mix(self.colour, (1, 1, 1), 0.4), swell)
        lay(frame, sprite, round(px) - sprite.shape[1] // 2, round(py) - sprite.shape[0] // 2)


@dataclass(frozen=True, slots=True)
class Flicker:
    """A neon sign whose light isn't quite steady."""

    x: float
    y: float
    radius: float
    colour: Rgb
    near: float
    seed: int

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """The glow around the sign."""
        px, py, zoom = view.point(self.x, self.y, self.near)
        a, b = (self.seed % 97) / 15, (self.seed % 31) / 5
        hum = 0.16 + 0.07 * math.sin(at_s * 9 + a) + 0.06 * math.sin(at_s * 23 + b)
        if math.sin(at_s * 1.3 + b) > 0.96:
            hum *= 0.2
        sprite = _light_sprite(self.radius * zoom, self.colour, max(0.0, hum))
        lay(frame, sprite, round(px) - sprite.shape[1] // 2, round(py) - sprite.shape[0] // 2)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Cars at the end of a street: lamps that come and tail lights that go."""

    x: float
    y: float
    unit: float
    seed: int
    lit: bool

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Cars from far to near."""
        rng = np.random.default_rng(self.seed)
        for start, lane in rng.random((5, 2)):
            coming = lane < 0.5
            t = (start + at_s * 0.075) % 1.0
            reach = 0.03 * (18 ** (t if coming else 1 - t))
            side = -0.42 if coming else 0.42
            x = self.x + side * reach * self.unit * 1.2
            y = self.y + (reach - 0.012) * self.unit * 0.42
            px, py, zoom = view.point(x, y, 0.12 + 0.5 * reach)
            size = 0.085 * reach * self.unit * zoom * 2
            fade = min(1.0, t * 6, (1 - t) * 6)
            self._car(frame, px, py, size, coming=coming, fade=fade)

    def _car(
        self, frame: Planes, px: float, py: float, size: float, *, coming: bool, fade: float
    ) -> None:
        if size < 1.5:
            return
        body = (0.05, 0.05, 0.07) if self.lit else (0.25, 0.27, 0.32)
        shapes = [
            (
                body,
                [(-0.75, 0.1), (-0.78, 0.55), (-0.5, 0.98), (0.5, 0.98), (0.78, 0.55), (0.75, 0.1)],
            )
        ]
        _stamp(frame, px, py, size, shapes, wide=1.8, alpha=fade)
        colour = (1.0, 0.95, 0.82) if coming else (1.0, 0.12, 0.10)
        strength = (0.95 if self.lit else 0.45) * fade
        for side in (-1, 1):
            lamp = _light_sprite(max(1.2, size * (0.34 if coming else 0.24)), colour, strength)
            lay(
                frame,
                lamp,
                round(px + side * size * 0.52) - lamp.shape[1] // 2,
                round(py - size * 0.42) - lamp.shape[0] // 2,
            )


def _layered(frame: Planes, alpha: Array, colour: tuple[float, float, float]) -> None:
    """Lay one colour over the frame by a full-size alpha."""
    frame.y += (colour[0] - frame.y) * alpha
    half = _halved(alpha)
    frame.u += (colour[1] - frame.u) * half
    frame.v += (colour[2] - frame.v) * half


@dataclass(frozen=True, slots=True)
class Rain:
    """Streaks of rain."""

    seed: int
    amount: float

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Every streak where it has fallen to."""
        width, height = frame.size
        mask = np.zeros((height, width), np.uint8)
        rng = np.random.default_rng(self.seed)
        for x, y, depth in rng.random((int(420 * self.amount), 3)):
            speed = height * (1.3 + 1.5 * depth)
            fall = (y * height * 1.3 + speed * at_s) % (height * 1.3) - 0.15 * height
            long = height * (0.02 + 0.05 * depth)
            left = (x * width * 1.1 - 0.12 * (fall + speed * at_s * 0.0)) % width
            ends = (
                (int(left * 16), int(fall * 16)),
                (int((left - 0.12 * long) * 16), int((fall + long) * 16)),
            )
            cv2.line(mask, *ends, int(45 + 75 * depth), 1, cv2.LINE_AA, 4)
        _layered(frame, mask.astype(np.float32) / 255, code((0.82, 0.87, 0.93)))


@dataclass(frozen=True, slots=True)
class Snow:
    """Flakes that swing as they fall."""

    seed: int

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Every flake where it has sunk to."""
        width, height = frame.size
        mask = np.zeros((height, width), np.uint8)
        rng = np.random.default_rng(self.seed)
        for x, y, depth in rng.random((320, 3)):
            fall = (y * height * 1.1 + height * (0.06 + 0.13 * depth) * at_s) % (height * 1.1) - 8
            swing = height * 0.02 * math.sin(at_s * (0.7 + depth) + x * 40)
            left = (x * width + swing + height * 0.02 * at_s) % width
            radius = height * (0.0014 + 0.0042 * depth * depth)
            cv2.circle(
                mask,
                (int(left * 16), int(fall * 16)),
                int(radius * 16),
                int(110 + 120 * depth),
                -1,
                cv2.LINE_AA,
                4,
            )
        _layered(frame, mask.astype(np.float32) / 255, code((0.97, 0.98, 1.0)))


@dataclass(frozen=True, slots=True)
class Motes:
    """Dust in a beam of light."""

    seed: int
    colour: Rgb

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Every grain where it floats."""
        width, height = frame.size
        rng = np.random.default_rng(self.seed)
        for x, y, depth, phase in rng.random((34, 4)):
            px = (
                x * width + height * 0.02 * math.sin(at_s * 0.5 + phase * 7) + at_s * height * 0.006
            ) % width
            py = (y * height - at_s * height * 0.010 * (0.4 + depth)) % height
            shine = 0.25 + 0.25 * math.sin(at_s * (0.8 + phase) + phase * 9)
            sprite = _light_sprite(height * (0.0018 + 0.003 * depth), self.colour, max(0.02, shine))
            lay(frame, sprite, round(px) - sprite.shape[1] // 2, round(py) - sprite.shape[0] // 2)


@dataclass(frozen=True, slots=True)
class Blink:
    """Eyelids of a painted face."""

    face: Face
    seed: int

    def draw(self, frame: Planes, view: View, halves: Maps, at_s: float) -> None:
        """Lids over the eyes, now and then."""
        cycle = (at_s + (self.seed % 19) / 10) % 3.4
        shut = max(0.0, 1 - abs(cycle - 3.1) / 0.11)
        if shut <= 0:
            return
        for ex, ey in self.face.eyes:
            px, py, zoom = view.point(ex, ey, 0.7)
            w, h = self.face.width * 0.105 * zoom, self.face.width * 0.062 * zoom
            lid = [
                (-0.5, 1.0),
                (0.5, 1.0),
                (0.5, 1 - 0.95 * shut),
                (0.0, 1 - 1.2 * shut),
                (-0.5, 1 - 0.95 * shut),
            ]
            tall = h * 2
            shapes = [
                (
                    mix(self.face.skin, (0.4, 0.2, 0.15), 0.18),
                    [(x * 2 * w / tall, y) for x, y in lid],
                )
            ]
            _stamp(frame, px, py + tall * 0.48, tall, shapes, wide=2.4 * w / tall + 0.4)
