"""
How B's colours change after the seam for no reason in the scene: a pop settles, a grade drifts.

What A's last frame shows is followed through B. A static grade leaves it at one distance from A; a
pop comes nearer and rests, a drift starts matched and goes away, both as one change of colour whose
strength runs with time. Light that was changing in A before the seam may go on changing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assembler.match import colour
from assembler.match.apply import features
from assembler.match.track import Track

F64 = NDArray[np.float64]

NOISE = 0.008
"""Difference of followed places that is nobody's fault, in [0, 1] of encoded RGB."""
REACH = 1.5
"""How far changes may go, see `colour.fit`."""
FRAME_TRUST = 300.0
"""What one frame's places count, in independent samples: their errors go together."""
POP_FRAMES = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 9.5, 12.0)
"""Decays that are tried, in frames to 1/e."""
RAMP_FRAMES = (10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 32, 36, 42, 48)
"""Lengths of drifts that are tried."""
EXPLAINS = 0.66
"""A pop leaves at most this part of the error of a static change."""
DRIFT_EXPLAINS = 0.86
"""A drift, which is slower than what the scene does by itself, this part."""
SMALLEST = 3.0 / 255
"""Changes below this are not seen; they may be the scene's own."""
LARGEST_DRIFT = 40.0 / 255
"""Slow changes above this are the scene's own."""
UNEXPLAINED = 8.0 / 255
"""A drift that leaves more than this is no change of grade."""
RESTLESS = 3.3 / 255
"""Where A's own past differs from its last frame by more, a slow change is the scene's own."""
EASE_FRAMES = 8.0
"""Light that changes before the seam comes to rest in so many frames."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Normal equations of one followed frame: all that the fits need to know of it."""

    frame: int
    normal: F64
    """(10, 10)."""
    right: F64
    """(10, 3), of the change that is wanted."""
    square: float
    """Sum of its squares."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of colour over time: constant + weight(n) x moving, for frames n of B's head."""

    kind: str
    """static, pop or drift."""
    frames: float
    """Decay time of a pop, length of a drift."""
    constant: F64
    """(10, 3), added to the colour itself."""
    moving: F64
    error: float
    """Root mean square of what is left, in [0, 1]."""
    size: float
    """Root mean square of the moving part at weight 1."""
    rest: float
    """Root mean square of the constant part: of the rest after a pop, of the start of a drift."""
    start: float
    """Root mean square of both together."""

    def weight(self, n: int) -> float:
        """Strength of the moving part at frame n of B."""
        return _weight(self.kind, self.frames, n)


def _weight(kind: str, frames: float, n: int) -> float:
    if kind == "pop":
        return float(np.exp(-n / frames))
    return min(1.0, n / frames) if kind == "drift" else 0.0


def moments(tracks: Sequence[Track], trust: Sequence[float]) -> list[Moments]:
    """Normal equations of each track, outliers down-weighted against its own best fit."""
    return [_moments(track, t) for track, t in zip(tracks, trust, strict=True)]


def _moments(track: Track, trust: float) -> Moments:
    seen, wanted = track.seen, track.wanted
    if len(seen) < 60:
        return Moments(track.frame, np.zeros((10, 10)), np.zeros((10, 3)), 0.0)
    own = colour.fit(seen, wanted, noise=NOISE, reach=REACH)
    rows = features(seen).astype(np.float64)
    change = wanted.astype(np.float64) - seen
    left = np.abs(rows @ own - wanted).max(axis=1)
    weights = colour.biweight(left)
    weights *= trust * FRAME_TRUST / max(float(weights.sum()), 1e-9)
    weighted = rows * weights[:, None]
    return Moments(
        track.frame,
        weighted.T @ rows,
        weighted.T @ change,
        float(np.sum(weights[:, None] * change**2)),
    )


def changes(frames: Sequence[Moments]) -> dict[str, Change]:
    """The best static change, the best pop and the best drift that explain *frames*."""
    pops = [_fitted(frames, "pop", float(t)) for t in POP_FRAMES]
    drifts = [_fitted(frames, "drift", float(t)) for t in RAMP_FRAMES]
    return {
        "static": _fitted(frames, "static", 1.0),
        "pop": min(pops, key=lambda c: c.error),
        "drift": min(drifts, key=lambda c: c.error),
    }


def _fitted(frames: Sequence[Moments], kind: str, length: float) -> Change:
    parts = 1 if kind == "static" else 2
    basis = np.array([[1.0, _weight(kind, length, m.frame)][:parts] for m in frames])
    normals, rights = (
        np.array(side) for side in zip(*((m.normal, m.right) for m in frames), strict=True)
    )
    normal = np.einsum("fi,fj,fab->iajb", basis, basis, normals).reshape(10 * parts, -1)
    right = np.einsum("fi,fac->iac", basis, rights).reshape(10 * parts, 3)
    solution = _solved(normal / NOISE**2, right / NOISE**2, parts)
    constant, moving = solution[:10], solution[10:] if parts == 2 else np.zeros((10, 3))
    error = _left(frames, kind, length, constant, moving)
    size, rest, start = (_spread(frames, m) for m in (moving, constant, constant + moving))
    return Change(kind, length, constant, moving, error, size, rest, start)


def _solved(normal: F64, right: F64, parts: int) -> F64:
    """Maximum a posteriori coefficients (10 * parts, 3) under the prior over grades."""
    precision = colour.prior_precision().reshape(3, 10, 3, 10) / REACH**2
    rows = 10 * parts
    system = np.zeros((3, rows, 3, rows))
    for channel in range(3):
        system[channel, :, channel, :] += normal
    for part in range(parts):
        at = slice(10 * part, 10 * part + 10)
        system[:, at, :, at] += precision
    flat = np.linalg.solve(system.reshape(3 * rows, 3 * rows), right.T.ravel())
    return np.asarray(flat.reshape(3, rows).T)


def _left(frames: Sequence[Moments], kind: str, length: float, constant: F64, moving: F64) -> float:
    """Root mean square of what the change doesn't explain."""
    square = 0.0
    for m in frames:
        made = constant + _weight(kind, length, m.frame) * moving
        square += m.square - 2 * float(np.sum(made * m.right))
        square += float(np.sum(made * (m.normal @ made)))
    return float(np.sqrt(max(square, 0.0) / _count(frames)))


def _spread(frames: Sequence[Moments], matrix: F64) -> float:
    """Root mean square of a change over all colours that were followed."""
    square = sum(float(np.sum(matrix * (m.normal @ matrix))) for m in frames)
    return float(np.sqrt(max(square, 0.0) / _count(frames)))


def _count(frames: Sequence[Moments]) -> float:
    return max(3 * sum(float(m.normal[9, 9]) for m in frames), 1e-9)


def unsettled(
    onward: Sequence[Track], past: Callable[[], Sequence[Track]], trust: Sequence[float]
) -> Change | None:
    """
    The pop or drift that B shows, None when it shows none that can be told from the scene.

    Args:
        onward: What A's last frame shows, followed through B.
        past: The same followed back through A; asked for only when it matters.
        trust: Weight of each track of *onward*.
    """
    found = changes(moments(onward, trust))
    if not _suspect(found):
        return None
    before = list(past())
    slope = _slope(before)
    if float(np.abs(slope).max()) > 0.1 / 255:
        onward = [_eased(track, slope, onward[0].frame) for track in onward]
        found = changes(moments(onward, trust))
    if _is_pop(found, slope):
        return found["pop"]
    if not before:  # nothing says that it isn't the scene's own
        return None
    own = changes(moments(before, [1.0] * len(before)))
    return found["drift"] if _is_drift(found, own) else None


def _suspect(found: Mapping[str, Change]) -> bool:
    """Whether a change over time explains what is seen better than a static one."""
    still, pop, drift = found["static"], found["pop"], found["drift"]
    return any(
        c.error < part * still.error and c.size > SMALLEST
        for c, part in ((pop, EXPLAINS), (drift, DRIFT_EXPLAINS))
    )


def _is_pop(found: Mapping[str, Change], slope: F64) -> bool:
    still, pop, drift = found["static"], found["pop"], found["drift"]
    faster = pop.size / pop.frames > 1.2 * float(np.abs(slope).max())
    nearer = pop.rest < pop.start
    better = pop.error < EXPLAINS * still.error and pop.error < 1.02 * drift.error
    return better and faster and nearer and pop.size > SMALLEST and pop.frames < POP_FRAMES[-1]


def _is_drift(found: Mapping[str, Change], own: Mapping[str, Change]) -> bool:
    still, drift = found["static"], found["drift"]
    better = drift.error < DRIFT_EXPLAINS * still.error and drift.size > SMALLEST
    slow = drift.frames > RAMP_FRAMES[0]
    of_a_grade = drift.size < LARGEST_DRIFT and drift.error < UNEXPLAINED
    quiet = own["static"].error < RESTLESS and own["drift"].size < 0.5 * drift.size
    return better and slow and of_a_grade and quiet and drift.rest < 0.4 * drift.size


def _slope(past: Sequence[Track]) -> F64:
    """Change of colour per frame at A's end, (3,), forwards in time."""
    near = [t for t in past if t.frame <= 4 and len(t.seen) > 60]
    if not near:
        return np.zeros(3)
    per_frame = [np.median(t.wanted - t.seen, axis=0) / t.frame for t in near]
    return np.asarray(np.mean(per_frame, axis=0), dtype=np.float64)


def _eased(track: Track, slope: F64, first: int) -> Track:
    """*track* as if A's light had gone on changing by *slope* and come to rest."""
    ahead = EASE_FRAMES * (1 - np.exp(-(track.frame - first) / EASE_FRAMES))
    wanted = np.asarray(track.wanted + slope * ahead, dtype=np.float32)
    return Track(track.frame, wanted, track.seen, track.share)
