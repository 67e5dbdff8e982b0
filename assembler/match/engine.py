"""
The seam engine: measures how B follows A and decides how they are joined.

    decision = decide(tail, head, a_frames=121, rate=Fraction(24), preset=preset, override=override)

The caller hands in the last `TAIL_FRAMES` of A and the first `HEAD_FRAMES` of B (fewer when a clip
has fewer), both at A's display shape, at the programme's rate and at `analysis_size`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from assembler.errors import MatchError
from assembler.match import colour, sharpness, timing
from assembler.match.apply import corrected, part_affine
from assembler.match.decision import (
    NO_CORRECTION,
    ColourFix,
    ColourStep,
    Correction,
    SeamDecision,
)
from assembler.match.drift import look, towards
from assembler.match.features import F32, details, fitted, luma, resized
from assembler.match.measure import colour_step, low_lab, pop, sharpness_ratio
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
from assembler.match.track import follow
from assembler.spec.model import SeamOverride
from assembler.spec.presets import SeamPreset

VERSION = 4
"""Stage version: changes whenever a decision may come out differently."""
TAIL_FRAMES = 40
"""So many of A's last frames are looked at (fewer when there are fewer)."""
HEAD_FRAMES = 48
"""So many of B's first frames are looked at."""
ANALYSIS_PX = 640
"""Longer side of the pictures that `decide` wants."""
TIMING_PX = 320
"""Longer side at which frames are compared."""
MOST_OVERLAP = 30
"""Longest overlap that is looked for, in frames."""
MATCHED = 0.55
"""Detail of frames that show the same moment correlates at least so well."""
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
CHANGE_FRAMES = 72
"""A pop or drift is over by then."""
PART_UNSEEN = 0.25 / 255
"""What is left of a pop when it is called settled."""

SHOWN_FRAMES = 24
"""So many of B's used frames are measured for the report."""
LEAST_GAIN_DE = 0.1
"""A correction that gains less, in dE and pop together, is left out."""
LEAST_PART = 0.1
"""Likewise when it gains less than this part of what there was: moving pictures differ anyway."""
LEAST_GAIN_SHARPNESS = 0.05
"""Likewise, of the ratio of sharpness."""
RELEASE_S = {"release": 2, "glide": 8}
"""Seconds in which a correction that isn't held fades out."""
ANCHOR_DE = 2.0
"""A link is taken back towards the chain's first one by no more than this."""
ANCHOR_S = 3
"""In so many seconds."""

_OFF = "off"


@dataclass(frozen=True, slots=True)
class Permission:
    """What preset and override together allow."""

    trim: bool
    colour: str
    geometry: bool
    sharpness: bool
    max_de: float
    """Colours are moved by no more than this."""


def analysis_size(display: tuple[int, int]) -> tuple[int, int]:
    """Size (w, h) at which `decide` wants pictures of a clip shown at *display* size."""
    return fitted(display, ANALYSIS_PX)


def permission(preset: SeamPreset, override: SeamOverride) -> Permission:
    """The author's word above the preset's."""
    return Permission(
        trim=preset.trim,
        colour=override.colour or preset.colour,
        geometry=preset.geometry if override.geometry is None else override.geometry == "on",
        sharpness=preset.sharpness if override.sharpness is None else override.sharpness == "on",
        max_de=preset.max_dE,
    )


def decide(
    tail: F32,
    head: F32,
    *,
    a_frames: int,
    rate: Fraction,
    preset: SeamPreset,
    override: SeamOverride,
    anchor: F32 | None = None,
    seam: str = "",
) -> SeamDecision:
    """
    How clip A goes over into clip B.

    Args:
        tail: A's last frames as they are shown (with A's own correction), float32 encoded R'G'B' in
            [0, 1], (n, h, w, 3), at `analysis_size` of A's display size.
        head: B's first frames at the same size and rate, (m, h, w, 3), as they come.
        a_frames: Number of all of A's frames; the last of *tail* is number a_frames - 1.
        rate: The programme's frame rate.
        preset: How far the engine may go.
        override: What the author has said about this seam.
        anchor: A frame or frames of the segment's first link, same kind, when A isn't it.
        seam: Ids of both sides.

    Raises:
        MatchError: If a side is empty or the sizes differ.
    """
    _check(tail, head)
    may = permission(preset, override)
    size = (tail.shape[2], tail.shape[1])
    small = fitted(size, TIMING_PX)
    found = _timing(details(tail, small), details(head, small))
    if found.likeness < MATCHED:
        return _refused(seam, a_frames, tail, head, found)
    return _joined(seam, tail, head, a_frames, rate, may, override, found, anchor)


def _check(tail: F32, head: F32) -> None:
    if not len(tail) or not len(head):
        raise MatchError("a side of the seam has no frames", fix="give both clips a picture.")
    if tail.shape[1:] != head.shape[1:]:
        raise MatchError(
            f"the sides have different sizes, {tail.shape[2]}x{tail.shape[1]} and "
            f"{head.shape[2]}x{head.shape[1]}",
            fix="conform B to A's shape first.",
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """Which frames show the same moment, and which are left out."""

    pairs: tuple[tuple[int, int], ...]
    """(index in the tail, index in the head)."""
    affine: Affine
    """At the timing size."""
    likeness: float
    margin: float
    held_tail: int
    held_head: int
    start: int
    """First index of the head that is used."""
    skipped: tuple[int, ...]
    repeats: int
    """Frames of the head that A has already shown."""
    fresh: bool
    """Nothing is repeated: the pair shows neighbouring moments, `affine` is the camera's way."""
    still: frozenset[int]
    """Frames of the head that only hold the one before."""


def _timing(tail: F32, head: F32) -> Timing:
    tail_steps, head_steps = timing.steps_of(tail), timing.steps_of(head)
    usual = timing.usual_step(tail_steps, head_steps)
    natural = timing.natural_run(tail_steps, head_steps, usual)
    held_tail = timing.held_at_end(tail_steps, usual, natural)
    moving = timing.moving_frames(head_steps, usual, natural, timing.still_level(tail_steps))
    kept = tail[: len(tail) - held_tail]
    aligned = timing.align(kept, head[moving], MOST_OVERLAP)
    fresh = timing.shows_next_moment(kept, head[moving], aligned)
    first = 0 if fresh else len(aligned.pairs)
    start = moving[min(first, len(moving) - 1)]
    skipped = tuple(n for n in range(start, moving[-1]) if n not in set(moving))
    return Timing(
        pairs=tuple((i, moving[j]) for i, j in aligned.pairs),
        affine=aligned.affine,
        likeness=aligned.likeness,
        margin=aligned.margin,
        held_tail=held_tail,
        held_head=_held_head(moving),
        start=start,
        skipped=skipped,
        repeats=start,
        fresh=fresh,
        still=frozenset(range(len(head))) - frozenset(moving),
    )


def _held_head(moving: list[int]) -> int:
    return (moving[1] if len(moving) > 1 else 1) - 1


def _refused(seam: str, a_frames: int, tail: F32, head: F32, found: Timing) -> SeamDecision:
    before = _measured(tail, head, (len(tail) - 1, 0), len(tail), list(range(len(head))))
    return SeamDecision(
        seam=seam,
        matched=False,
        confidence=float(np.clip(1 - found.likeness / MATCHED, 0, 1)),
        repeat_frames=0,
        keep_until=a_frames,
        start_from=0,
        before=before,
        after=before,
        notes=(
            f"the two sides show different pictures (likeness {found.likeness:.2f}, "
            f"{MATCHED:.2f} is needed): nothing is changed; another take, a dissolve or a plain "
            "cut would help",
        ),
    )


def _joined(
    seam: str,
    tail: F32,
    head: F32,
    a_frames: int,
    rate: Fraction,
    may: Permission,
    override: SeamOverride,
    found: Timing,
    anchor: F32 | None,
) -> SeamDecision:
    keep, start, skipped = _cut(len(tail), a_frames, may, override, found)
    found = replace(found, start=start, skipped=skipped)
    affine = _geometry(tail, head, found) if may.geometry else None
    correction, notes = _correction(tail, head, found, affine, may, rate)
    if anchor is not None and correction.colour is not None and may.colour == "hold":
        correction, note = _anchored(correction, tail, found, anchor, rate)
        notes += note
    pair = found.pairs[-1]
    last = max(1, len(tail) - (a_frames - keep))
    plain = _after(tail, head, found, last, NO_CORRECTION)
    after = _after(tail, head, found, last, correction)
    if not _worthwhile(correction, plain, after):
        correction, after, notes = NO_CORRECTION, plain, ()
    return SeamDecision(
        seam=seam,
        matched=True,
        confidence=_confidence(found),
        repeat_frames=found.repeats,
        keep_until=keep,
        start_from=start,
        skipped=skipped,
        held_tail=found.held_tail,
        held_head=found.held_head,
        correction=correction,
        before=_measured(tail, head, pair, len(tail), list(range(min(len(head), SHOWN_FRAMES)))),
        after=after,
        notes=(*_told(found, may), *notes),
    )


def _after(
    tail: F32, head: F32, found: Timing, kept: int, correction: Correction
) -> dict[str, float]:
    """The seam in numbers, cut as found and corrected so."""
    i, j = found.pairs[-1]
    used = [n for n in range(found.start, len(head)) if n not in set(found.skipped)]
    shown = [corrected(head[n], correction, k) for k, n in enumerate(used[:SHOWN_FRAMES])]
    pictures = np.stack([corrected(head[j], correction, 0), *shown])
    return _measured(tail, pictures, (i, 0), kept, list(range(1, len(pictures))))


def _worthwhile(
    correction: Correction, plain: Mapping[str, float], after: Mapping[str, float]
) -> bool:
    """Whether a viewer could tell; frames that aren't changed stay as they came."""
    fix = correction.colour
    if correction.affine is not None or (fix is not None and (fix.steps or any(fix.decay))):
        return True
    steps = [seam["dE"] + seam["pop"] for seam in (plain, after)]
    blur = [abs(1 - seam["sharpness"]) for seam in (plain, after)]
    least = max(LEAST_GAIN_DE, LEAST_PART * steps[0])
    return steps[0] - steps[1] > least or blur[0] - blur[1] > LEAST_GAIN_SHARPNESS


def _cut(
    tail_frames: int, a_frames: int, may: Permission, override: SeamOverride, found: Timing
) -> tuple[int, int, tuple[int, ...]]:
    """A's frames that are kept, the first of B that is used, those left out: the author's first."""
    keep, start = a_frames, 0
    skipped: tuple[int, ...] = ()
    if may.trim:
        keep, start, skipped = a_frames - found.held_tail, found.start, found.skipped
    if override.keep_until is not None:
        keep = min(a_frames, override.keep_until)
    if override.start_from is not None:
        start = override.start_from
        skipped = tuple(n for n in found.skipped if n > start) if may.trim else ()
    return keep, start, skipped


def _told(found: Timing, may: Permission) -> tuple[str, ...]:
    """What was found, in words."""
    told = [f"B repeats {found.repeats} of A's frames"] if found.repeats != 1 else []
    if found.held_tail:
        told.append(f"A holds its last picture for {found.held_tail} frames")
    if found.held_head:
        told.append(f"B holds its first picture for {found.held_head} frames")
    if found.skipped:
        told.append(f"B stalls: {len(found.skipped)} frames after its start only repeat others")
    if told and not may.trim:
        told.append("the preset leaves all frames where they are")
    return tuple(told)


def _confidence(found: Timing) -> float:
    certain = np.clip((found.likeness - MATCHED) / (0.95 - MATCHED), 0, 1)
    distinct = np.clip((found.margin - 0.9) / 0.6, 0, 1)
    return float(certain * (0.5 + 0.5 * distinct))


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


def _correction(
    tail: F32,
    head: F32,
    found: Timing,
    affine: Affine | None,
    may: Permission,
    rate: Fraction,
) -> tuple[Correction, tuple[str, ...]]:
    size = (tail.shape[2], tail.shape[1])
    parts = None if affine is None else _six(part_affine(affine, size))
    fix, notes = None, []
    if may.colour != _OFF:
        fix, change = _colour(tail, head, found, affine)
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


def _anchored(
    correction: Correction, tail: F32, found: Timing, anchor: F32, rate: Fraction
) -> tuple[Correction, tuple[str, ...]]:
    """*correction* that glides, after the seam, from A's look towards the anchor's."""
    assert correction.colour is not None
    first = anchor[-1] if anchor.ndim == 4 else anchor
    way = towards(look(tail[found.pairs[-1][0]]), look(first), limit_de=ANCHOR_DE)
    if way is None:
        return correction, ()
    frames = max(2, round(ANCHOR_S * rate))
    weights = tuple(float(0.5 - 0.5 * np.cos(np.pi * n / frames)) for n in range(frames + 1))
    step = ColourStep(colour.rows_of(way - colour.identity_matrix()), weights)
    fix = replace(correction.colour, steps=(*correction.colour.steps, step))
    note = "B glides back towards the look of the chain's first link"
    return replace(correction, colour=fix), (note,)


def _sharpening(tail: F32, head: F32, found: Timing, laid: Correction) -> float:
    amounts = [
        sharpness.amount(luma(tail[i]), luma(corrected(head[j], laid, 0)))
        for i, j in _picked(found.pairs)
    ]
    return float(np.median(amounts))


def _colour(
    tail: F32, head: F32, found: Timing, affine: Affine | None
) -> tuple[ColourFix | None, Change | None]:
    """The constant fix that the matched pictures want, and the change over time on top of it."""
    seen, wanted = _samples(tail, head, found, affine)
    if len(seen) < FEWEST_COLOURS:
        return None, None
    fixed = colour.fit(seen, wanted)
    change = _unsettled(tail, head, found)
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
    onward = follow(tail[i], head, picked)
    past = tail[: i + 1][::-1]
    back = [n for n in FOLLOWED_BACK if n < len(past)]
    trust = [3.0] + [1.0] * (len(picked) - 1)
    return unsettled(onward, lambda: follow(tail[i], past, back), trust)


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
    mask = inside(scaled(matrix, small[0] / size[0]), small)
    seen, wanted = [], []
    for i, j in _picked(found.pairs):
        laid = head[j] if affine is None else seen_through(head[j], affine)
        seen.append(_low(laid, small)[mask])
        wanted.append(_low(tail[i], small)[mask])
    return np.concatenate(seen), np.concatenate(wanted)


def _low(rgb: F32, size: tuple[int, int]) -> F32:
    import cv2

    return np.asarray(cv2.GaussianBlur(resized(rgb, size), (0, 0), 1.0), dtype=np.float32)


def _measured(
    tail: F32, head: F32, pair: tuple[int, int], kept: int, used: list[int]
) -> dict[str, float]:
    """
    The seam in numbers.

    Args:
        tail: A's last frames.
        head: B's, as they are shown.
        pair: Frames of both that should show the same.
        kept: So many frames of *tail* are shown.
        used: Indices of *head* that are shown.
    """
    labs = [low_lab(f) for f in tail[max(0, kept - 4) : kept]]
    seam = len(labs)
    labs += [low_lab(head[n]) for n in used]
    i, j = pair
    return {
        "dE": round(colour_step(low_lab(tail[i]), low_lab(head[j])), 4),
        "pop": round(pop(labs, seam), 4),
        "sharpness": round(sharpness_ratio(tail[i], head[j]), 4),
    }
