"""
Curves as SVG paths, in a box of 1000 x 100 that the page stretches to its place.

    <path d="{{ values | line(0, 6) }}">
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

WIDE, TALL = 1000.0, 100.0
_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TICKS = 12


def line(
    values: Sequence[float], low: float, high: float, *, first: float = 0.0, last: float = 1.0
) -> str:
    """A path through *values*, from *low* at the bottom to *high* at the top."""
    return "M" + "L".join(_points(values, low, high, first, last)) if len(values) else ""


def area(
    values: Sequence[float], low: float, high: float, *, first: float = 0.0, last: float = 1.0
) -> str:
    """The same, filled down to the bottom."""
    if not len(values):
        return ""
    left, right = WIDE * first, WIDE * last
    points = "L".join(_points(values, low, high, first, last))
    return f"M{_short(left)} {_short(TALL)}L{points}L{_short(right)} {_short(TALL)}Z"


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


def ticks(seconds: float, most: int = _MOST_TICKS) -> list[float]:
    """Round places in time, no more than *most*."""
    step = next((s for s in _STEPS_S if seconds / s <= most), _STEPS_S[-1])
    return [n * step for n in range(int(seconds / step) + 1)]
