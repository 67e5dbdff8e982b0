"""
What was measured at a seam and what is done about it: plain data that can be stored as JSON.

    >>> decision_from_json(decision_to_json(decision)) == decision
    True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

ENGINE = 8
"""Version of the engine: changes whenever a decision may come out differently."""
IDENTITY: tuple[tuple[float, float, float], ...] = (
    (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0),
    (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0),
)  # fmt: skip
"""The colour matrix that changes nothing, shape (10, 3)."""


@dataclass(frozen=True, slots=True)
class ColourStep:
    """A part of a colour fix whose strength changes from frame to frame."""

    matrix: tuple[tuple[float, float, float], ...]
    """Shape (10, 3); what it adds to a colour at weight 1."""
    weights: tuple[float, ...]
    """Weight at B's n-th used frame; the last one holds from there on."""


@dataclass(frozen=True, slots=True)
class ColourFix:
    """
    A correction of B's colour: new = [features(rgb)] @ matrix, in [0, 1] encoded RGB.

    Features are r, g, b, r², g², b², rg, gb, br, 1 in this order. On top of the constant matrix
    come a part that decays, decay * exp(-n / tau_frames) at B's n-th used frame, and `steps`.
    """

    matrix: tuple[tuple[float, float, float], ...]
    """Shape (10, 3)."""
    decay: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Added to R, G, B at B's first used frame, fading with `tau_frames`."""
    tau_frames: float = 1.0
    steps: tuple[ColourStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """B's first used frames made anew along the motion, because moments are missing before them."""

    frames: int
    """So many of B's first used frames are made; they share the jump."""
    missing: float
    """Frames of motion between A's last frame and B's first, beyond the usual one."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Everything that is changed in B's frames, anchored to the segment's first link."""

    colour: ColourFix | None = None
    affine: tuple[float, float, float, float, float, float] | None = None
    """
    Row-major 2x3 map from output to source, in parts of width: x' = a·x + b·y + c.

    Both pictures fill the same frame (B has been conformed to A's shape); positions are counted
    from its upper left corner, so the centre of pixel i lies at (i + 0.5) / width.
    """
    sharpen: float = 0.0
    """Amount of unsharp masking (radius 1 px at 1080 lines); negative softens."""
    release_frames: int = 0
    """The correction fades out over so many frames from the seam; 0 holds it to the clip's end."""

    patch: Patch | None = None

    @property
    def neutral(self) -> bool:
        """Whether it changes nothing."""
        plain = self.colour is None and self.affine is None and self.sharpen == 0.0
        return plain and self.patch is None


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


def decision_to_json(decision: SeamDecision) -> dict[str, Any]:
    """*decision* as lists, numbers and strings."""
    out = asdict(decision)
    out["before"], out["after"] = dict(decision.before), dict(decision.after)
    return out


def decision_from_json(data: Mapping[str, Any]) -> SeamDecision:
    """The decision that `decision_to_json` wrote, also after a way through JSON text."""
    return SeamDecision(
        seam=str(data["seam"]),
        matched=bool(data["matched"]),
        confidence=float(data["confidence"]),
        repeat_frames=int(data["repeat_frames"]),
        keep_until=int(data["keep_until"]),
        start_from=int(data["start_from"]),
        skipped=tuple(int(n) for n in data["skipped"]),
        held_tail=int(data["held_tail"]),
        held_head=int(data["held_head"]),
        correction=correction_from_json(data["correction"]),
        before={str(k): float(v) for k, v in data["before"].items()},
        after={str(k): float(v) for k, v in data["after"].items()},
        notes=tuple(str(n) for n in data["notes"]),
    )


def correction_to_json(correction: Correction) -> dict[str, Any]:
    """*correction* as lists and numbers."""
    return asdict(correction)


def correction_from_json(data: Mapping[str, Any]) -> Correction:
    """The correction that `correction_to_json` wrote, also after a way through JSON text."""
    affine = data["affine"]
    return Correction(
        colour=_colour_from_json(data["colour"]) if data["colour"] is not None else None,
        affine=None if affine is None else _six(affine),
        sharpen=float(data["sharpen"]),
        release_frames=int(data["release_frames"]),
        patch=_patch_from_json(data.get("patch")),
    )


def _patch_from_json(data: Mapping[str, Any] | None) -> Patch | None:
    return None if data is None else Patch(int(data["frames"]), float(data["missing"]))


def _colour_from_json(data: Mapping[str, Any]) -> ColourFix:
    return ColourFix(
        matrix=rows_from_json(data["matrix"]),
        decay=_row(data["decay"]),
        tau_frames=float(data["tau_frames"]),
        steps=tuple(
            ColourStep(rows_from_json(step["matrix"]), tuple(float(w) for w in step["weights"]))
            for step in data["steps"]
        ),
    )


def rows_from_json(rows: Any) -> tuple[tuple[float, float, float], ...]:
    """A colour matrix as it was stored."""
    return tuple(_row(row) for row in rows)


def _row(row: Any) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in row)
    return red, green, blue


def _six(row: Any) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = (float(v) for v in row)
    return a, b, c, d, e, f
