"""
Curves as SVG paths, in a box of 1000 x 100 that the page stretches to its place.

    <path d="{{ values | line(0, 6) }}">
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assembler.match.trend import VISIBLE_DE, VISIBLE_PART
from assembler.reporting.model import Chain

WIDE, TALL = 1000.0, 100.0
_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TICKS = 12
_LEVELS = 3


def line(
    values: Sequence[float], low: float, high: float, *, first: float = 0.0, last: float = 1.0
) -> str:
    """A path through *values*, from *low* at the bottom to *high* at the top."""
    return "M" + "L".join(_points(values, low, high, first, last)) if len(values) else ""


def hanging(values: Sequence[float], high: float) -> str:
    """*values* as an area that hangs from the top, *high* at the bottom."""
    if not len(values):
        return ""
    points = "L".join(_points([-value for value in values], -high, 0.0, 0.0, 1.0))
    return f"M0 0L{points}L{_short(WIDE)} 0Z"


def curve(values: Sequence[float], join: int, high: float) -> str:
    """A path through *values* with number *join* in the middle, 0 at the bottom."""
    half = max(join, len(values) - 1 - join, 1)
    first, last = (0.5 + (n - join) / (2 * half) for n in (0, len(values) - 1))
    return line(values, 0.0, high, first=first, last=last)


def wave(peaks: Sequence[float]) -> str:
    """A waveform about the middle; quiet sounds are raised to be seen."""
    if not len(peaks):
        return ""
    reach = [min(1.0, peak) ** 0.6 * TALL / 2 for peak in peaks]
    step = WIDE / len(peaks)
    up = [f"{_short(n * step)} {_short(TALL / 2 - r)}" for n, r in enumerate(reach)]
    down = [f"{_short(n * step)} {_short(TALL / 2 + r)}" for n, r in enumerate(reach)]
    return "M" + "L".join([*up, *reversed(down)]) + "Z"


def _points(
    values: Sequence[float], low: float, high: float, first: float, last: float
) -> Iterator[str]:
    span = (high - low) or 1.0
    step = (last - first) / max(1, len(values) - 1)
    for n, value in enumerate(values):
        part = (min(max(value, low), high) - low) / span
        yield f"{_short(WIDE * (first + n * step))} {_short(TALL * (1 - part))}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def ticks(seconds: float) -> list[float]:
    """Round places in time, a dozen at most; none at the very end, where its words would be cut."""
    return [at for at, level in ruler(seconds) if level == 0]


def ruler(seconds: float) -> list[tuple[float, int]]:
    """The same and finer ones for a closer look, with their level: 0 is always shown."""
    found: dict[float, int] = {}
    for level in range(_LEVELS):
        most = _MOST_TICKS * 4**level
        step = next((s for s in _STEPS_S if seconds / s <= most), _STEPS_S[-1])
        for n in range(int(seconds / step) + 1):
            if n * step < 0.97 * seconds:
                found.setdefault(n * step, level)
    return sorted(found.items())


@dataclass(frozen=True, slots=True)
class DriftChart:
    """One measure along a chain, drawn."""

    name: str
    came: str
    """Path before the correction."""
    left: str
    """Path after it."""
    zero: float | None
    """Height of the line of no change; None where that is the bottom."""
    words: str
    last: str


def drift_charts(chain: Chain) -> Iterator[DriftChart]:
    """Colour, contrast, saturation and sharpness along a chain."""
    names = ("Colours", "Contrast", "Saturation", "Sharpness")
    for n, name in enumerate(names):
        came, left = ([point.pairs[n][side] for point in chain.points] for side in (0, 1))
        if n == 0:
            low, high, unit = 0.0, max(*came, *left, VISIBLE_DE), " dE"
        else:
            came, left = ([100 * (value - 1) for value in row] for row in (came, left))
            high = max(*(abs(value) for value in (*came, *left)), 100 * VISIBLE_PART)
            low, unit = -high, " %"
        words = ", ".join(
            f"{point.link} {a:.1f}{unit}, {b:.1f}{unit} handed on"
            for point, a, b in zip(chain.points, came, left, strict=True)
        )
        yield DriftChart(
            name,
            line(came, low, high * 1.05),
            line(left, low, high * 1.05),
            None if n == 0 else TALL * high * 1.05 / (high * 1.05 - low),
            words,
            f"{came[-1]:.1f} → {left[-1]:.1f}{unit} at the end",
        )
