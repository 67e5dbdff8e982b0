"""
What is done to B's picture so that it follows A's: place, colour and its changes, sharpness.

    correction, notes = correction_of(tail, head, found, may, rate)
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import takewhile

import numpy as np

from assembler.match import colour, sharpness
from assembler.match.apply import corrected, part_affine
from assembler.match.decision import ColourFix, ColourStep, Correction
from assembler.match.features import F32, fitted, luma, resized
from assembler.match.measure import colour_step, low_lab
from assembler.match.register import (
    Affine,
    identity,
    inside,
    register,
    scaled,
    seen_through,
    travel_px,
)
from assembler.match.settle import Change, unsettled
from assembler.match.timing import Timing
from assembler.match.track import Track, follow
from assembler.spec.model import SeamOverride
from assembler.spec.presets import SeamPreset

TIMING_PX = 320
"""Longer side at which frames are compared."""
AT_REST_PX = 0.12
"""Pictures that lie over each other within this, at the analysis size, are not resampled."""
COLOUR_PX = 160
"""Longer side at which colour is fitted."""
FEWEST_COLOURS = 200
"""So many places must be seen in both for their colours to be fitted."""
FOLLOWED = (0, 1, 2, 3, 4, 6, 8, 10, 13, 16, 20, 24, 28, 33)
"""Frames after the seam in which A's last picture is looked for."""
FOLLOWED_BACK = (2, 4, 7, 10, 14, 18, 24, 30)
"""And before it."""
FEWEST_FOLLOWED = 6
"""A change over time is looked for when at least so many of them are there."""
LEAST_FOLLOWED = 0.3
"""Of all places, in each of them."""
CHANGE_FRAMES = 72
"""A pop or drift is over by then."""
PART_UNSEEN = 0.25 / 255
"""What is left of a pop when it is called settled."""
RELEASE_S = {"release": 2, "glide": 8}
"""Seconds in which a correction that isn't held fades out."""
ANCHOR_DE = 6.0
"""A link is taken back towards the chain's first one by no more than this."""
ANCHOR_UNSEEN_DE = 1.0
"""Nobody sees so small a difference."""
ANCHOR_S = 3
"""In so many seconds it glides there."""

OFF = "off"
"""The word for leaving colours alone."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What preset and override together allow."""

    trim: bool
    colour: str
    geometry: bool
    sharpness: bool
    patch: bool
    max_de: float
    """Colours are moved by no more than this."""


def permission(preset: SeamPreset, override: SeamOverride) -> Permission:
    """The author's word above the preset's."""
    return Permission(
        trim=preset.trim,
        colour=override.colour or preset.colour,
        geometry=preset.geometry if override.geometry is None else override.geometry == "on",
        sharpness=preset.sharpness if override.sharpness is None else override.sharpness == "on",
        patch=preset.patch if override.patch is None else override.patch == "auto",
        max_de=preset.max_dE,
    )


def correction_of(
    tail: F32,
    head: F32,
    found: Timing,
    may: Permission,
    rate: Fraction,
) -> tuple[Correction, tuple[str, ...]]:
    """What *may* be done to B at a cut as *found*, and what is worth telling of it."""
    size = (tail.shape[2], tail.shape[1])
    fix, notes = None, []
    with ThreadPoolExecutor(max_workers=1) as beside:
        coming = beside.submit(_unsettled, tail, head, found) if may.colour != OFF else None
        affine = _geometry(tail, head, found) if may.geometry else None
        parts = None if affine is None else _six(part_affine(affine, size))
        if coming is not None:
            fix, change = _colour(tail, head, found, affine, coming)
            fix, share = _bounded(fix, head[found.pairs[-1][1]], may.max_de)
            notes += _colour_told(change, share, may)
    laid = Correction(colour=fix, affine=parts)
    sharpen = _sharpening(tail, head, found, laid) if may.sharpness else 0.0
    release = round(RELEASE_S.get(may.colour, 0) * rate)
    return Correction(fix, parts, sharpen, release), tuple(notes)


def _colour_told(change: Change | None, share: float, may: Permission) -> list[str]:
    told = []
    if change is not None and change.kind == "pop":
        told.append(f"B opens with a pop that settles within {3 * change.frames:.0f} frames")
    if change is not None and change.kind == "drift":
        told.append(f"B's grade drifts away over {change.frames:.0f} frames")
    if share < 1:
        told.append(
            f"the colours differ by more than the preset's {may.max_de:g} dE: "
            f"only {share:.0%} of it is corrected"
        )
    return told


def _bounded(fix: ColourFix | None, rgb: F32, max_de: float) -> tuple[ColourFix | None, float]:
    """*fix* held back so that it moves *rgb* by at most *max_de*, and the part that is left."""
    if fix is None:
        return None, 1.0
    moved = colour_step(low_lab(rgb), low_lab(corrected(rgb, Correction(colour=fix), 0)))
    if moved <= max_de:
        return fix, 1.0
    share = max_de / moved
    still = colour.identity_matrix()
    held = still + share * (np.array(fix.matrix) - still)
    steps = tuple(
        ColourStep(colour.rows_of(share * np.array(s.matrix)), s.weights) for s in fix.steps
    )
    return ColourFix(colour.rows_of(held), steps=steps), share


def anchored(
    correction: Correction, tail: F32, found: Timing, anchor: F32, rate: Fraction
) -> tuple[Correction, tuple[str, ...]]:
    """*correction* that glides, after the seam, from A's look to that of B's start image."""
    assert correction.colour is not None
    n = found.pairs[-1][0]
    size = fitted((tail.shape[2], tail.shape[1]), COLOUR_PX)
    shown, sent = (_low(side[n], size) for side in (tail, anchor))
    way = colour.fit(shown.reshape(-1, 3), sent.reshape(-1, 3))
    step = ColourFix(colour.rows_of(way))
    moved = colour_step(low_lab(tail[n]), low_lab(corrected(tail[n], Correction(step), 0)))
    if moved < ANCHOR_UNSEEN_DE:
        return correction, ()
    still = colour.identity_matrix()
    change = min(1.0, ANCHOR_DE / moved) * (way - still)
    frames = max(2, round(ANCHOR_S * rate))
    weights = tuple(float(0.5 - 0.5 * np.cos(np.pi * k / frames)) for k in range(frames + 1))
    steps = (*correction.colour.steps, ColourStep(colour.rows_of(change), weights))
    note = "B glides back towards the look of the chain's first link"
    return replace(correction, colour=replace(correction.colour, steps=steps)), (note,)


def _geometry(tail: F32, head: F32, found: Timing) -> Affine | None:
    """Map from A's to B's pixels at the analysis size; None when they already lie well."""
    if found.fresh:
        return None
    size = (tail.shape[2], tail.shape[1])
    small = fitted(size, TIMING_PX)
    maps = []
    for i, j in _picked(found.pairs):
        at = register(luma(tail[i]), luma(head[j]), (small, size), found.affine)
        if at is not None:
            maps.append(at[1])
    if not maps:
        return None
    matrix = np.asarray(np.median(maps, axis=0), dtype=np.float64)
    return matrix if travel_px(matrix, size) > AT_REST_PX else None


def _picked(pairs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Up to three pairs, spread."""
    spread = sorted({0, (len(pairs) - 1) // 2, len(pairs) - 1})
    return [pairs[n] for n in spread]


def _sharpening(tail: F32, head: F32, found: Timing, laid: Correction) -> float:
    amounts = [
        sharpness.amount(luma(tail[i]), luma(corrected(head[j], laid, 0)))
        for i, j in _picked(found.pairs)
    ]
    return float(np.median(amounts))


def _colour(
    tail: F32,
    head: F32,
    found: Timing,
    affine: Affine | None,
    coming: Future[Change | None],
) -> tuple[ColourFix | None, Change | None]:
    """The constant fix that the matched pictures want, and the change over time on top of it."""
    seen, wanted = _samples(tail, head, found, affine)
    if len(seen) < FEWEST_COLOURS:
        return None, None
    fixed = colour.fit(seen, wanted)
    change = coming.result()
    if change is None:
        return ColourFix(colour.rows_of(fixed)), None
    if change.kind == "pop":
        fixed = colour.identity_matrix() + change.constant
    else:
        fixed = fixed - change.weight(found.pairs[-1][1]) * change.moving
    step = ColourStep(colour.rows_of(change.moving), _weights(change, found))
    return ColourFix(colour.rows_of(fixed), steps=(step,)), change


def _unsettled(tail: F32, head: F32, found: Timing) -> Change | None:
    i, j = found.pairs[-1]
    usable = [n for n in range(j, len(head)) if n not in found.still]
    picked = [usable[n] for n in FOLLOWED if n < len(usable)]
    if len(picked) < FEWEST_FOLLOWED:
        return None
    onward = _not_lost(follow(tail[i], head, picked))
    if len(onward) < FEWEST_FOLLOWED:
        return None
    past = tail[: i + 1][::-1]
    back = [n for n in FOLLOWED_BACK if n < len(past)]
    trust = [3.0] + [1.0] * (len(onward) - 1)
    return unsettled(onward, lambda: _not_lost(follow(tail[i], past, back)), trust)


def _not_lost(tracks: list[Track]) -> list[Track]:
    """The first of *tracks*, as long as enough is followed: what is left then isn't the scene."""
    return list(takewhile(lambda track: track.share >= LEAST_FOLLOWED, tracks))


def _weights(change: Change, found: Timing) -> tuple[float, ...]:
    """Strength of *change* at B's n-th used frame, until it rests."""
    frames = [n for n in range(found.start, CHANGE_FRAMES) if n not in set(found.skipped)]
    weights = [change.weight(n) for n in frames]
    if change.kind == "pop":
        return (*(w for w in weights if w * change.size > PART_UNSEEN), 0.0)
    rest = next((n for n, w in enumerate(weights) if w >= 1.0), len(weights) - 1)
    return tuple(weights[: rest + 1])


def _six(parts: tuple[float, ...]) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = parts
    return a, b, c, d, e, f


def _samples(tail: F32, head: F32, found: Timing, affine: Affine | None) -> tuple[F32, F32]:
    """Colours of B and of A at the same places of the same moments, (n, 3) each."""
    size = (tail.shape[2], tail.shape[1])
    small = fitted(size, COLOUR_PX)
    if found.fresh:
        affine = scaled(found.affine, size[0] / fitted(size, TIMING_PX)[0])
    matrix = identity() if affine is None else affine
    mask = inside(scaled(matrix, small[0] / size[0]), small)[::2, ::2]  # low-pass: half say all
    seen, wanted = [], []
    for i, j in _picked(found.pairs):
        laid = head[j] if affine is None else seen_through(head[j], affine)
        seen.append(_low(laid, small)[::2, ::2][mask])
        wanted.append(_low(tail[i], small)[::2, ::2][mask])
    return np.concatenate(seen), np.concatenate(wanted)


def _low(rgb: F32, size: tuple[int, int]) -> F32:
    import cv2

    return np.asarray(cv2.GaussianBlur(resized(rgb, size), (0, 0), 1.0), dtype=np.float32)
