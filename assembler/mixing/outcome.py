"""What a mix is asked for, and what became of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assembler.mixing.arranging import Meeting
from assembler.mixing.master import Loudness
from assembler.spec.model import Role
from assembler.timebase import SampleRange


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
