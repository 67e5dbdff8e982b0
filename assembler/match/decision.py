"""What was measured at a seam and what is done about it: plain data that can be stored as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ColourFix:
    """
    A correction of B's colour: new = [features(rgb)] @ matrix, in [0, 1] encoded RGB.

    Features are r, g, b, r², g², b², rg, gb, br, 1 in this order. On top of the constant matrix comes a
    part that decays: decay * exp(-n / tau_frames) at B's n-th used frame.
    """

    matrix: tuple[tuple[float, float, float], ...]
    """Shape (10, 3)."""
    decay: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Added to R, G, B at B's first used frame, fading with `tau_frames`."""
    tau_frames: float = 1.0


@dataclass(frozen=True, slots=True)
class Correction:
    """Everything that is changed in B's frames, anchored to the segment's first link."""

    colour: ColourFix | None = None
    affine: tuple[float, float, float, float, float, float] | None = None
    """Row-major 2x3 map from output to source, in parts of width: x' = a·x + b·y + c."""
    sharpen: float = 0.0
    """Amount of unsharp masking (radius 1 px at 1080 lines)."""
    release_frames: int = 0
    """The correction fades out over so many frames from the seam; 0 holds it to the clip's end."""

    @property
    def neutral(self) -> bool:
        """Whether it changes nothing."""
        return self.colour is None and self.affine is None and self.sharpen == 0.0


NO_CORRECTION = Correction()
"""Changes nothing."""


@dataclass(frozen=True, slots=True)
class SeamDecision:
    """How clip A goes over into B; frames count at the programme's rate within each clip."""

    seam: str
    """Ids of both sides: ``dawn.1>dawn.2``."""
    matched: bool
    confidence: float
    """In [0, 1]."""
    repeat_frames: int
    """How many frames of B show what A has already shown."""
    keep_until: int
    """Number of A's frames that are kept."""
    start_from: int
    """First frame of B that is used."""
    skipped: tuple[int, ...] = ()
    """Frames of B after `start_from` that are left out (stalled or repeated)."""
    held_tail: int = 0
    held_head: int = 0
    correction: Correction = NO_CORRECTION
    before: Mapping[str, float] = field(default_factory=dict)
    """dE, pop, sharpness as the clips came."""
    after: Mapping[str, float] = field(default_factory=dict)
    """The same with the decision applied."""
    notes: tuple[str, ...] = ()
