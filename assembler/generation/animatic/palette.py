"""Colours and light of a picture, by the words of its prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Palette:
    """Encoded R'G'B' in [0, 1]."""

    top: Rgb
    middle: Rgb
    horizon: Rgb
    ground: Rgb
    light: Rgb
    """Sun, moon or lamps."""
    accent: Rgb
    height: float = 0.55
    """Of the sun or moon above the horizon, in parts of the sky; negative is below."""
    cloud: float = 0.5
    dark: bool = False
    """Lamps and windows are lit."""
    mist: float = 0.25


_DAY = Palette(
    (0.20, 0.44, 0.76),
    (0.50, 0.71, 0.89),
    (0.87, 0.92, 0.93),
    (0.25, 0.36, 0.22),
    (1.0, 0.97, 0.88),
    (0.86, 0.33, 0.22),
    0.72,
    0.55,
)
_MOODS: tuple[tuple[str, Palette], ...] = (
    (
        r"neon|cyberpunk|synthwave|nightclub",
        Palette(
            (0.045, 0.025, 0.12),
            (0.17, 0.05, 0.27),
            (0.58, 0.15, 0.44),
            (0.05, 0.035, 0.10),
            (1.0, 0.35, 0.75),
            (0.16, 0.85, 0.95),
            -0.1,
            0.35,
            True,
            0.35,
        ),
    ),
    (
        r"\bnight|midnight|moonlit|moonlight|\bmoon\b|after dark|starry|starlit",
        Palette(
            (0.02, 0.035, 0.10),
            (0.05, 0.10, 0.22),
            (0.16, 0.25, 0.38),
            (0.025, 0.04, 0.075),
            (0.93, 0.95, 1.0),
            (1.0, 0.72, 0.35),
            0.62,
            0.4,
            True,
            0.2,
        ),
    ),
    (
        r"\bdawn|sunrise|daybreak|first light|early morning|\bmorning",
        Palette(
            (0.27, 0.40, 0.60),
            (0.71, 0.64, 0.68),
            (0.99, 0.80, 0.60),
            (0.13, 0.18, 0.23),
            (1.0, 0.93, 0.76),
            (0.83, 0.20, 0.17),
            0.14,
            0.6,
            False,
            0.55,
        ),
    ),
    (
        r"sunset|dusk|golden hour|evening|twilight|sundown",
        Palette(
            (0.15, 0.19, 0.40),
            (0.68, 0.36, 0.43),
            (1.0, 0.62, 0.31),
            (0.10, 0.085, 0.13),
            (1.0, 0.86, 0.58),
            (0.98, 0.78, 0.42),
            0.10,
            0.7,
            False,
            0.35,
        ),
    ),
    (
        r"storm|thunder|overcast|grey|gray|gloom|\brain",
        Palette(
            (0.21, 0.25, 0.30),
            (0.37, 0.42, 0.46),
            (0.62, 0.66, 0.66),
            (0.14, 0.17, 0.17),
            (0.95, 0.96, 0.95),
            (0.80, 0.55, 0.20),
            0.8,
            1.0,
            False,
            0.6,
        ),
    ),
    (
        r"\bfog|\bmist|haze|hazy",
        Palette(
            (0.50, 0.57, 0.62),
            (0.68, 0.72, 0.74),
            (0.86, 0.86, 0.84),
            (0.22, 0.27, 0.27),
            (1.0, 0.98, 0.93),
            (0.74, 0.26, 0.20),
            0.4,
            0.35,
            False,
            0.85,
        ),
    ),
    (
        r"snow|winter|\bice\b|icy|frozen|arctic|glacier",
        Palette(
            (0.36, 0.55, 0.76),
            (0.66, 0.79, 0.89),
            (0.93, 0.95, 0.97),
            (0.74, 0.81, 0.88),
            (1.0, 0.98, 0.94),
            (0.75, 0.22, 0.20),
            0.35,
            0.5,
            False,
            0.45,
        ),
    ),
    (
        r"autumn|\bfall foliage|october",
        Palette(
            (0.35, 0.50, 0.68),
            (0.74, 0.77, 0.76),
            (0.97, 0.88, 0.70),
            (0.42, 0.25, 0.10),
            (1.0, 0.93, 0.75),
            (0.85, 0.40, 0.10),
            0.35,
            0.5,
            False,
            0.45,
        ),
    ),
)

COLOURS: dict[str, Rgb] = {
    "red": (0.78, 0.11, 0.12),
    "crimson": (0.66, 0.06, 0.13),
    "orange": (0.92, 0.45, 0.10),
    "yellow": (0.95, 0.78, 0.18),
    "gold": (0.87, 0.66, 0.20),
    "green": (0.16, 0.48, 0.26),
    "teal": (0.08, 0.48, 0.50),
    "turquoise": (0.15, 0.66, 0.68),
    "blue": (0.14, 0.30, 0.66),
    "navy": (0.07, 0.12, 0.30),
    "purple": (0.40, 0.17, 0.52),
    "violet": (0.47, 0.24, 0.66),
    "pink": (0.93, 0.50, 0.62),
    "white": (0.93, 0.93, 0.91),
    "black": (0.05, 0.05, 0.06),
    "grey": (0.45, 0.46, 0.48),
    "gray": (0.45, 0.46, 0.48),
    "brown": (0.38, 0.24, 0.15),
    "beige": (0.80, 0.72, 0.58),
    "silver": (0.70, 0.72, 0.75),
}


def palette_of(prompt: str) -> Palette:
    """The palette that the words ask for; a clear day when they don't."""
    lower = prompt.lower()
    return next((own for pattern, own in _MOODS if re.search(pattern, lower)), _DAY)


def clothing_of(prompt: str, default: Rgb) -> Rgb:
    """Colour of a coat, dress or shirt that the prompt names."""
    names = "|".join(COLOURS)
    found = re.search(
        rf"\b({names})\b(?:[\s-]\w+)?[\s-](?:coat|dress|jacket|shirt|suit|raincoat|scarf|hoodie|cloak|"
        r"sweater|uniform|robe|cape|parka)",
        prompt.lower(),
    )
    return COLOURS[found[1]] if found else default
