"""What a mix is asked for, and what became of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from assembler.spec.model import Role
from assembler.timebase import SampleRange

if TYPE_CHECKING:  # a finished film needs neither
    from assembler.mixing.arranging import Meeting
    from assembler.mixing.master import Loudness

GRAPH_COLUMNS = 1600
"""Of a drawing, which is as fine as a screen."""


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """What was found and done about one sound."""

    id: str
    role: Role
    lufs: float | None
    """Loudness of the clip before anything was done; None when it wasn't measured or is silent."""
    level_db: float
    """Gain that levels it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The mix over time, for its picture."""

    step_s: float
    peaks: Mapping[Role, npt.NDArray[np.float32]]
    """Largest magnitude in every step, by role, before mastering."""
    short_term_lufs: npt.NDArray[np.float64]
    """Of the three seconds up to the end of every tenth of a second, before mastering."""
    ducked_db: npt.NDArray[np.float64]
    """What ducking takes off, the most of all sounds, in every step; positive."""


@dataclass(frozen=True, slots=True)
class Target:
    """A loudness that the mix is brought to."""

    out: Path
    """WAV to write."""
    integrated_lufs: float | None
    true_peak_dbtp: float


@dataclass(frozen=True, slots=True)
class MixReport:
    """What a mix measures and what was done to reach it."""

    path: Path
    samples: int
    hz: int
    channels: int
    before: Loudness
    """Of the sum, before mastering."""
    loudness: Loudness
    """Of what was written."""
    gain_db: float
    limited_db: float
    """Largest reduction by the limiter, positive."""
    sounds: tuple[SoundLevel, ...]
    speech: tuple[SampleRange, ...]
    """Where sound was ducked under speech."""
    seams: tuple[Meeting, ...]
    """Where the crossfades of seams were laid."""
    stems: Mapping[str, Path]
    notes: tuple[str, ...]
    trace: Trace
    """How it went over time."""
    further: tuple[MixReport, ...] = ()
    """The same at other loudnesses."""

    def graph(self) -> dict[str, Any]:
        """What is needed to draw it, in at most `GRAPH_COLUMNS` columns; for JSON."""
        trace = self.trace
        loud = trace.short_term_lufs + self.gain_db
        every = max(1, -(-len(loud) // GRAPH_COLUMNS))
        return {
            "seconds": self.samples / self.hz,
            "range_lu": _finite(self.loudness.range_lu),
            "gain_db": round(self.gain_db, 2),
            "limited_db": round(self.limited_db, 2),
            "peaks": {role: _columns(peaks, 4) for role, peaks in trace.peaks.items()},
            "ducked_db": _columns(trace.ducked_db, 2),
            "short_term_lufs": [_finite(round(float(level), 2)) for level in loud[::every]],
            "short_term_step_s": every / 10,
        }

    def data(self) -> dict[str, Any]:
        """For JSON; what can't be measured in silence is null."""
        loudness = {k: v if math.isfinite(v) else None for k, v in asdict(self.loudness).items()}
        return {
            "path": str(self.path),
            "samples": self.samples,
            "hz": self.hz,
            "channels": self.channels,
            **loudness,
            "gain_db": self.gain_db,
            "limited_db": self.limited_db,
            "sounds": [asdict(sound) for sound in self.sounds],
            "ducked": [[r.start, r.stop] for r in self.speech],
            "seams": [meeting.data() for meeting in self.seams],
            "stems": {name: str(path) for name, path in self.stems.items()},
        }


def _columns(values: npt.NDArray[np.floating[Any]], digits: int) -> list[float]:
    """The largest value of every column."""
    if not len(values):
        return []
    count = min(len(values), GRAPH_COLUMNS)
    edges = np.linspace(0, len(values), count, endpoint=False).astype(int)
    return [round(float(v), digits) for v in np.maximum.reduceat(values, edges)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
