"""Pieces to clips: seams, trims to the author's length, transitions. Every number is a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from assembler.cut.model import Clip, Transition
from assembler.cut.pieces import Piece, Run
from assembler.match.decision import NO_CORRECTION, Correction, SeamDecision
from assembler.planning.row import Joint
from assembler.spec.model import SeamOverride
from assembler.timebase import FrameRange


@dataclass(frozen=True, slots=True)
class Shown:
    """The frames of a piece that are shown."""

    piece: Piece
    first: int
    stop: int
    skipped: tuple[int, ...]
    """Left out between the two."""
    keep: int
    """Where the seam after it would have cut it; `stop` comes earlier where it was trimmed."""
    correction: Correction = NO_CORRECTION

    @property
    def frames(self) -> int:
        """Frames of the programme."""
        return self.stop - self.first - len(self.skipped)


@dataclass(frozen=True, slots=True)
class _Seam:
    keep: int
    start: int
    skipped: tuple[int, ...]
    correction: Correction
    exact: bool
    """Whether `start` follows `keep` without a gap, so that both move together."""


def seam_of(a: Piece, b: Piece, decision: SeamDecision | None, override: SeamOverride) -> _Seam:
    """Where A ends and B begins: the author's word, else what was decided, else one repeat."""
    keep, start = a.stop, b.first
    skipped: tuple[int, ...] = ()
    correction = NO_CORRECTION
    exact = override.start_from is None and override.keep_until is None
    if decision is None:
        start += b.repeat
    elif decision.matched:
        keep, start = min(decision.keep_until, a.frames), decision.start_from
        skipped, correction = decision.skipped, decision.correction
    else:
        exact = False
    if override.keep_until is not None:
        keep = override.keep_until
    if override.start_from is not None:
        start = override.start_from
    keep = max(a.first + 1, min(keep, a.frames))
    return _Seam(keep, max(0, min(start, b.stop - 1)), skipped, correction, exact)


def shown(
    run: Run,
    before: Shown | None,
    following: Piece | None,
    seams: Mapping[str, SeamDecision],
    override: Callable[[Piece], SeamOverride],
    notes: list[str],
) -> list[Shown]:
    """
    The shown frames of each piece of a run, held to the run's length.

    Args:
        run: Pieces that hand over to one another.
        before: What is shown last before it.
        following: The piece after it.
        seams: Decisions by seam id.
        override: The author's word on the seam at a piece's start.
        notes: Takes what the user should know.
    """
    found: list[Shown] = []
    pieces = [*run.pieces, following]
    previous = before
    for piece, after in zip(run.pieces, pieces[1:], strict=True):
        seam = _between(previous.piece if previous else None, piece, seams, override)
        ending = _between(piece, after, seams, override) if after else None
        stop = ending.keep if ending else piece.stop
        first = _begin(previous, piece, seam, notes) if seam and previous else piece.first
        stop = max(stop, first + 1)
        inside = tuple(n for n in sorted(seam.skipped if seam else ()) if first <= n < stop)
        previous = Shown(
            piece, first, stop, inside, stop, seam.correction if seam else NO_CORRECTION
        )
        found.append(previous)
    if run.target is not None:
        found = _held(found, run.target, notes)
    return found


def _between(
    a: Piece | None,
    b: Piece | None,
    seams: Mapping[str, SeamDecision],
    override: Callable[[Piece], SeamOverride],
) -> _Seam | None:
    if a is None or b is None or b.join != "handoff":
        return None
    return seam_of(a, b, seams.get(f"{a.id}>{b.id}"), override(b))


def _begin(before: Shown, piece: Piece, seam: _Seam, notes: list[str]) -> int:
    """
    First frame of a piece after a handoff.

    Where the clip before was trimmed to its segment's length, the frames that repeat what was
    trimmed are shown instead.
    """
    trimmed = before.keep - before.stop
    if not trimmed or not seam.exact:
        return seam.start
    usable = min(trimmed, seam.start - piece.first)
    if trimmed > usable:
        gap = trimmed - usable
        notes.append(f"{before.piece.id}>{piece.id}: {gap} frames lie between the two sides")
    return seam.start - max(0, usable)


def _held(found: list[Shown], target: int, notes: list[str]) -> list[Shown]:
    """Trimmed at the end to *target* frames; what is missing is noted."""
    left, held = target, []
    for one in found:
        if left <= 0:
            notes.append(f"{one.piece.id}: not needed, its segment is full without it")
            continue
        held.append(_cut_to(one, left))
        left -= held[-1].frames
    if left > 0:
        segment = found[-1].piece.segment
        notes.append(f"{segment}: {left} of the {target} frames that were asked for are missing")
    return held


def _cut_to(one: Shown, frames: int) -> Shown:
    if one.frames <= frames:
        return one
    stop = one.first + frames
    skipped = []
    for n in one.skipped:
        if n >= stop:
            break
        skipped.append(n)
        stop += 1
    return replace(one, stop=stop, skipped=tuple(skipped))


def clips_of(row: Sequence[tuple[Joint, Sequence[Shown]]], notes: list[str]) -> tuple[Clip, ...]:
    """Clips that abut; *row* has the shown pieces of each segment after the segment's joint."""
    clips: list[Clip] = []
    previous: Shown | None = None
    at = 0
    for joint, pieces in row:
        for number, one in enumerate(pieces):
            record = FrameRange(at, at + one.frames)
            clip = Clip(
                id=one.piece.id,
                segment=one.piece.segment,
                source=one.piece.source,
                record=record,
                source_in=one.first,
                skipped=one.skipped,
                fit=one.piece.fit,
                correction=one.correction,
                join=one.piece.join if previous else "start",
            )
            if number == 0 and previous and joint.kind == "transition":
                clip = _with_transition(clip, clips[-1], previous, joint, notes)
            clips.append(clip)
            previous = one
            at = record.stop
    return tuple(clips)


def _with_transition(
    clip: Clip, before: Clip, previous: Shown, joint: Joint, notes: list[str]
) -> Clip:
    """A transition no longer than the handles that are there."""
    taken = before.transition.after_frames if before.transition else 0
    ahead = min(joint.before, before.record.frames - taken)
    after = min(joint.after, clip.record.frames)
    if not clip.source.still:
        ahead = min(ahead, clip.source_in)
    if previous.piece.has_end:
        after = min(after, previous.piece.frames - previous.stop)
    if (ahead, after) != (joint.before, joint.after):
        notes.append(
            f"{clip.id}: its {joint.name} has {ahead + after} frames instead of "
            f"{joint.before + joint.after}; the clips have no more"
        )
    if ahead + after <= 0:
        return replace(clip, join="cut")
    return replace(clip, transition=Transition(joint.name, ahead, after, joint.colour))
