"""
The seam engine: measures how B follows A and decides how they are joined.

    decision = decide(tail, head, a_frames=121, rate=Fraction(24), preset=preset, override=override)

The caller hands in the last `TAIL_FRAMES` of A and the first `HEAD_FRAMES` of B (fewer when a clip
has fewer), both at A's display shape, at the programme's rate and at `analysis_size`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from assembler.errors import MatchError
from assembler.match import bars
from assembler.match.decision import NO_CORRECTION, Patch, SeamDecision
from assembler.match.features import F32, details, fitted
from assembler.match.grade import OFF, TIMING_PX, Permission, anchored, correction_of, permission
from assembler.match.outcome import SHOWN_FRAMES, Outlook, worthwhile
from assembler.match.patch import LEAST_MISSING, patch_for
from assembler.match.timing import Timing, timing_of
from assembler.spec.model import SeamOverride
from assembler.spec.presets import SeamPreset

TAIL_FRAMES = 40
"""So many of A's last frames are looked at (fewer when there are fewer)."""
HEAD_FRAMES = 48
"""So many of B's first frames are looked at."""
ANALYSIS_PX = 640
"""Longer side of the pictures that `decide` wants."""
MATCHED = 0.55
"""Detail of frames that show the same moment correlates at least so well."""
ALIKE = 0.85
"""And at least so well where clips that hardly move differ by more than `APART`."""
APART = 1.6
"""Steps of their motion; noise, which is in every step, makes one and a half."""
DOUBTFUL = 0.3
"""With less confidence the cut is made, and nothing of the picture is changed."""
ANOTHER_MOMENT = (
    "the two sides agree only in part, as other moments of one place do: nothing is corrected"
)
BARS = "one side has black bars that the other hasn't: nothing is corrected; `crop` them away"


def analysis_size(display: tuple[int, int]) -> tuple[int, int]:
    """Size (w, h) at which `decide` wants pictures of a clip shown at *display* size."""
    return fitted(display, ANALYSIS_PX)


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
        anchor: *tail* in the look of the chain's first link, which is what B was started on, where
            that isn't the look A is shown in.
        seam: Ids of both sides.

    Raises:
        MatchError: If a side is empty or the sizes differ.
    """
    _check(tail, head)
    may = permission(preset, override)
    doubts: tuple[str, ...] = ()
    if seen := bars.window(tail, head):
        tail, head = tail[:, *seen], head[:, *seen]
        anchor = None if anchor is None else anchor[:, *seen]
        doubts = (BARS,)
    size = (tail.shape[2], tail.shape[1])
    small = fitted(size, TIMING_PX)
    found = timing_of(details(tail, small), details(head, small))
    if found.likeness < (ALIKE if found.apart > APART else MATCHED):
        return _refused(seam, a_frames, tail, head, found)
    if not doubts and _confidence(found) < DOUBTFUL:
        doubts = (ANOTHER_MOMENT,)
    if doubts:
        may = replace(may, colour=OFF, geometry=False, sharpness=False, patch=False)
    decision = _joined(seam, tail, head, a_frames, rate, may, override, found, anchor)
    return replace(decision, notes=(*decision.notes, *doubts))


def _check(tail: F32, head: F32) -> None:
    if not len(tail) or not len(head):
        raise MatchError("a side of the seam has no frames", fix="give both clips a picture.")
    if tail.shape[1:] != head.shape[1:]:
        raise MatchError(
            f"the sides have different sizes, {tail.shape[2]}x{tail.shape[1]} and "
            f"{head.shape[2]}x{head.shape[1]}",
            fix="conform B to A's shape first.",
        )


def _refused(seam: str, a_frames: int, tail: F32, head: F32, found: Timing) -> SeamDecision:
    outlook = Outlook(tail, head, (len(tail) - 1, 0))
    before = outlook.measured(len(tail), range(len(head)), NO_CORRECTION)
    what = f"different pictures (likeness {found.likeness:.2f}, {MATCHED:.2f} is needed)"
    moment = 0.0
    if found.likeness >= MATCHED:
        what = f"other moments of one place ({found.apart:.1f} steps of their motion lie between)"
        moment = 1 - APART / found.apart
    what = f"the two sides show {what}"
    return SeamDecision(
        seam=seam,
        matched=False,
        confidence=float(np.clip(1 - found.likeness / MATCHED, moment, 1)),
        repeat_frames=0,
        keep_until=a_frames,
        start_from=0,
        before=before,
        after=before,
        notes=(f"{what}: nothing is changed; another take, a dissolve or a plain cut would help",),
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
    jumps = found.fresh and (keep, start) == (a_frames - found.held_tail, found.start)
    found = replace(found, start=start, skipped=skipped)
    correction, notes = correction_of(tail, head, found, may, rate)
    if anchor is not None and correction.colour is not None and may.colour == "hold":
        correction, note = anchored(correction, tail, found, anchor, rate)
        notes += note
    outlook = Outlook(tail, head, found.pairs[-1])
    kept = max(1, len(tail) - (a_frames - keep))
    used = _used(found, len(head))[:SHOWN_FRAMES]
    came = outlook.measured(len(tail), range(len(head))[:SHOWN_FRAMES], NO_CORRECTION)
    plain, after = (outlook.measured(kept, used, c) for c in (NO_CORRECTION, correction))
    if not worthwhile(correction, plain, after):
        correction, after, notes = NO_CORRECTION, plain, ()
    if jumps and may.patch:
        patch = patch_for(tail[:kept], head[_used(found, len(head))], found.stride)
        correction = replace(correction, patch=patch)
        notes += _jump_told(found, patch)
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
        before={**came, "speed": round(found.speeds[0], 3)},
        after={**after, "speed": round(found.speeds[1], 3)},
        notes=(*_told(found, may), *notes),
    )


def _jump_told(found: Timing, patch: Patch | None) -> tuple[str, ...]:
    missing = found.stride.frames - 1
    if patch is not None:
        made = f"the first {patch.frames} are made anew" if patch.frames > 1 else "one is made anew"
        return (f"about {missing:.1f} frames of motion are missing before B: {made}",)
    if found.stride.sure and missing > LEAST_MISSING:
        return (f"about {missing:.1f} frames of motion are missing before B",)
    return ()


def _used(found: Timing, frames: int) -> Sequence[int]:
    """Indices of a head of *frames* frames that are shown."""
    left_out = set(found.skipped)
    return [n for n in range(found.start, frames) if n not in left_out]


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
        told.append(f"B stalls: {len(found.skipped)} frames after its start only hold it up")
    if found.eased:
        what = f"; {found.thinned} are left out" if found.thinned else ""
        told.append(f"B eases in: {found.eased} steps are less than half as fast{what}")
    if told and not may.trim:
        told.append("the preset leaves all frames where they are")
    return tuple(told)


def _confidence(found: Timing) -> float:
    certain = np.clip((found.likeness - MATCHED) / (0.95 - MATCHED), 0, 1)
    distinct = np.clip((found.margin - 0.9) / 0.6, 0, 1)
    return float(certain * (0.5 + 0.5 * distinct))
