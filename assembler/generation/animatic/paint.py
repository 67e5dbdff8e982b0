"""
A picture painted from words: a place, a light, and what moves in it.

    >>> painting = paint("A woman in a red coat walks the pier at dawn", (640, 360), seed=7)

The world is wider and higher than the frame, so that the camera finds more of it when it moves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from assembler.generation.animatic import living, noise
from assembler.generation.animatic.camera import _STEP
from assembler.generation.animatic.canvas import Canvas
from assembler.generation.animatic.city import city
from assembler.generation.animatic.coast import coast
from assembler.generation.animatic.country import desert, forest, hills
from assembler.generation.animatic.palette import palette_of
from assembler.generation.animatic.picture import Picture
from assembler.generation.animatic.place import Place, people, ridge, sky, stars, weather
from assembler.generation.animatic.planes import from_rgb
from assembler.generation.animatic.portrait import draw_portrait
from assembler.generation.animatic.room import room

_WIDER, _HIGHER = 1.40, 1.24


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
    return (hills, coast, hills)[seed % 3]


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
    stars(place, canvas.height * 1.0)
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
    people(place, place.frame[1] + 0.62 * unit, 0.26, 0.85)


def _face(place: Place) -> None:
    canvas = place.canvas
    sky(place, place.horizon)
    place.elements.clear()
    ridge(place, place.horizon + 0.1 * canvas.unit, 0.2, 5, 221, far=0.6, near=0.1)
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
        room,
    ),
    (
        r"\bcity|\bstreet|downtown|skyscraper|urban|\balley|neon|cyberpunk|tokyo|new york"
        r"|traffic|avenue",
        city,
    ),
    (
        r"\bsea\b|ocean|beach|harbo|coast|\bpier|shore|waves?\b|island|\bboat|sail|\bbay\b|\bport\b|surf",
        coast,
    ),
    (r"forest|wood(?:s|land)\b|jungle|\btrees?\b|pine|redwood", forest),
    (r"desert|dune|sahara|\bsand\b|\bmars\b", desert),
    (
        r"hill|mountain|valley|meadow|field|countryside|\balp|peak|lake|river|farm|village|snow",
        hills,
    ),
)


def _finish(place: Place) -> None:
    """Weather, corners a little darker, and the grain of paint that hides banding."""
    canvas = place.canvas
    weather(place)
    x0, y0, width, height = place.frame
    dx = (canvas.xs - x0 - width / 2) / (width * 0.75)
    dy = (canvas.ys - y0 - height / 2) / (height * 0.75)
    canvas.rgb *= (1 - 0.20 * np.clip(dx * dx + dy * dy, 0, 1.4))[..., None].astype(np.float32)
    rng = np.random.default_rng(place.seed + 231)
    grain = rng.standard_normal((canvas.height, canvas.width), np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 0.0105
    canvas.rgb = np.clip(canvas.rgb + grain[..., None], 0, 1)
