"""
A picture of a mix: waveforms by role, ducking, and loudness over time against its target.

    >>> draw(report, preset, "Harbour", Path("mix.png"))  # doctest: +SKIP
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from assembler.media.files import publish
from assembler.mixing.outcome import MixReport
from assembler.spec.presets import MixPreset

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Values = npt.NDArray[np.floating[Any]]

_WIDTH, _LEFT, _RIGHT = 1600, 130, 24
_HEAD, _ROLE, _DUCK, _LOUD, _FOOT, _GAP = 64, 92, 76, 240, 34, 10
_INK, _GREY, _GRID, _PAPER = "#1d2430", "#6b7585", "#dfe3ea", "#ffffff"
_COLOURS = {
    "dialogue": "#2f6fde",
    "native": "#3f9b6c",
    "voice": "#7a4fd0",
    "music": "#d98324",
    "sfx": "#c2476b",
}
_LOUDEST_OVER, _LOWEST_UNDER = 9, 21
"""LU above and below the target that are drawn."""
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def draw(report: MixReport, preset: MixPreset, title: str, out: Path) -> None:
    """Draw a mix into a PNG."""
    from PIL import Image
    from PIL.ImageDraw import Draw

    roles = list(report.trace.peaks)
    height = _HEAD + len(roles) * (_ROLE + _GAP) + _DUCK + _GAP + _LOUD + _FOOT
    image = Image.new("RGB", (_WIDTH, height), _PAPER)
    page = _Page(Draw(image), report.samples / report.hz)
    page.head(title, _summary(report, preset))
    top = _HEAD
    for role in roles:
        page.wave(role, report.trace.peaks[role], top)
        top += _ROLE + _GAP
    page.ducking(report.trace.ducked_db, top)
    top += _DUCK + _GAP
    page.loudness(report, preset.integrated_lufs, top)
    page.seams(report, _HEAD, top - _GAP)
    page.times(top + _LOUD)
    out.parent.mkdir(parents=True, exist_ok=True)
    with publish(out) as part:
        image.save(part, "PNG")


def _summary(report: MixReport, preset: MixPreset) -> str:
    loud = report.loudness
    if not math.isfinite(loud.integrated_lufs):
        return "silence"
    target = "" if preset.integrated_lufs is None else f" (target {preset.integrated_lufs:g})"
    return (
        f"{loud.integrated_lufs:.1f} LUFS{target} · true peak {loud.true_peak_dbtp:.1f} dBTP "
        f"(limit {preset.true_peak_dbtp:g}) · range {loud.range_lu:.1f} LU · "
        f"gain {report.gain_db:+.1f} dB · limiter {report.limited_db:.1f} dB"
    )


class _Page:
    """A drawing with a common axis of time."""

    def __init__(self, pen: ImageDraw, seconds: float) -> None:
        from PIL.ImageFont import load_default

        self._pen = pen
        self._seconds = max(seconds, 1e-3)
        self._wide = _WIDTH - _LEFT - _RIGHT
        self._font, self._bold, self._small = (load_default(size) for size in (16, 24, 13))

    def head(self, title: str, summary: str) -> None:
        self._pen.text((24, 12), title[:60], _INK, self._bold)
        self._pen.text((_WIDTH - _RIGHT, 24), summary, _INK, self._font, anchor="rm")

    def wave(self, role: str, peaks: Values, top: int) -> None:
        """One role's waveform, as loud as full scale at the edges of its lane."""
        middle, half = top + _ROLE // 2, _ROLE // 2
        self._lane(top, _ROLE, role, _COLOURS[role])
        for x, peak in enumerate(self._columns(peaks)):
            reach = round(min(1.0, float(peak) ** 0.6) * half)
            if peak > 0:
                at = _LEFT + x
                self._pen.line((at, middle - reach, at, middle + reach), _COLOURS[role])

    def ducking(self, depth: Values, top: int) -> None:
        """How far music and others are down for speech."""
        self._lane(top, _DUCK, "ducking", _GREY)
        most = max(float(depth.max(initial=0.0)), 1.0)
        lowest = math.ceil(most / 6) * 6
        points = [
            (_LEFT + x, top + 6 + (_DUCK - 12) * float(db) / lowest)
            for x, db in enumerate(self._columns(depth))
        ]
        self._pen.polygon([(_LEFT, top + 6), *points, (_LEFT + self._wide, top + 6)], "#cfd6e4")
        self._pen.line(points, _INK, 2)
        self._pen.text((_LEFT - 8, top + 8), "0 dB", _GREY, self._small, anchor="rm")
        lowest_at = (_LEFT - 8, top + _DUCK - 8)
        self._pen.text(lowest_at, f"-{lowest} dB", _GREY, self._small, anchor="rm")

    def loudness(self, report: MixReport, target: float | None, top: int) -> None:
        """Short-term loudness of what was written, its mean and its target."""
        self._lane(top, _LOUD, "loudness", _INK)
        middle = target if target is not None else report.loudness.integrated_lufs
        if not math.isfinite(middle):
            return
        high, low = middle + _LOUDEST_OVER, middle - _LOWEST_UNDER

        def y(lufs: float) -> float:
            return top + _LOUD * (high - min(max(lufs, low), high)) / (high - low)

        for level in range(math.ceil(low / 6) * 6, math.floor(high) + 1, 6):
            self._pen.line((_LEFT, y(level), _LEFT + self._wide, y(level)), _GRID)
            self._pen.text((_LEFT - 8, y(level)), f"{level}", _GREY, self._small, anchor="rm")
        self._pen.rectangle((_LEFT, y(middle + 1), _LEFT + self._wide, y(middle - 1)), "#e6f3e6")
        self._dashed(y(middle))
        # The first three seconds have no short-term loudness yet.
        levels = report.trace.short_term_lufs + report.gain_db
        points = [
            (_LEFT + self._wide * (3 + n / 10) / self._seconds, y(float(level)))
            for n, level in enumerate(levels)
        ]
        if len(points) > 1:
            self._pen.line(points, "#1d4fb8", 2, joint="curve")
        words = "short-term loudness" + ("" if target is None else ", green: target ±1 LU")
        self._pen.text((_LEFT + self._wide - 8, top + 12), words, _GREY, self._small, anchor="rm")

    def seams(self, report: MixReport, top: int, bottom: int) -> None:
        """Where clips pass into each other; a bridge of room tone is a thicker line."""
        for meeting in report.seams:
            x = _LEFT + self._wide * meeting.place.start / report.samples
            wide = 2 if meeting.bridged else 1
            self._pen.line((x, top, x, bottom), "#9aa4b5", wide)

    def times(self, y: int) -> None:
        """Marks of the common axis."""
        step = next((s for s in _STEPS_S if self._seconds / s <= 14), _STEPS_S[-1])
        for n in range(int(self._seconds // step) + 1):
            x = _LEFT + self._wide * n * step / self._seconds
            self._pen.line((x, y, x, y + 6), _GREY)
            minutes, seconds = divmod(n * step, 60)
            place = (min(x, _WIDTH - 2 * _RIGHT), y + 18)
            self._pen.text(place, f"{minutes}:{seconds:02d}", _GREY, self._small, anchor="mm")

    def _lane(self, top: int, tall: int, name: str, colour: str) -> None:
        box = (_LEFT, top, _LEFT + self._wide, top + tall)
        self._pen.rectangle(box, "#f7f8fb", _GRID)
        self._pen.text((24, top + tall // 2), name, colour, self._font, anchor="lm")

    def _dashed(self, y: float) -> None:
        for x in range(_LEFT, _LEFT + self._wide, 14):
            self._pen.line((x, y, x + 8, y), "#2c8a3d", 2)

    def _columns(self, values: Values) -> Values:
        """The largest value under each column of the picture."""
        if not len(values):
            return np.zeros(self._wide)
        edges = np.linspace(0, len(values), self._wide, endpoint=False).astype(int)
        largest: Values = np.maximum.reduceat(values, np.minimum(edges, len(values) - 1))
        return largest
