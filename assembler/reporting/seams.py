"""
Every join of a film, and for those that should not be seen what was decided, how good it is, and
the words in the timeline that would change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from assembler.assemble.prepare import Prepared
from assembler.cut.model import Clip, Cut
from assembler.cut.pieces import HandoffSides
from assembler.match.decision import SeamDecision
from assembler.match.takes import seam_cost
from assembler.planning.model import Handoff, Plan
from assembler.planning.row import Joint, places
from assembler.reporting.links import place_of
from assembler.reporting.model import Grade, Join, JoinKind, Link, Seam, Sight
from assembler.spec.model import SeamOverride

GOOD = 2.0
"""A rule of thumb, in the dE of `seam_cost`: what is left below it is rarely noticed."""
FAIR = 4.0
"""Likewise: up to here by somebody who looks for it."""
SURE = 0.5
"""Of a seam that is less certain one can't say that it is good."""

_VERDICTS: Mapping[Grade, str] = {
    "good": "nobody should notice it",
    "fair": "may be noticed by those who look for it",
    "poor": "shows: look at it",
    "unmatched": "the two sides show different pictures, so nothing was changed",
}


def seams_of(
    prepared: Prepared,
    cut: Cut,
    decisions: Mapping[str, SeamDecision],
    sides: Sequence[HandoffSides],
    sights: Mapping[str, Sight],
) -> tuple[Seam, ...]:
    """Seams in playing order, ranked from the worst (1) on."""
    places = {clip.id: clip.record.start for clip in cut.clips}
    found = [
        _seam(prepared, decisions[both.seam], both, places, sights.get(both.seam))
        for both in sides
        if both.seam in decisions
    ]
    worst = sorted(found, key=lambda seam: (-seam.score, seam.frame))
    ranks = {seam.id: n for n, seam in enumerate(worst, 1)}
    return tuple(replace(seam, rank=ranks[seam.id]) for seam in found)


def _seam(
    prepared: Prepared,
    decision: SeamDecision,
    sides: HandoffSides,
    places: Mapping[str, int],
    sight: Sight | None,
) -> Seam:
    grade = grade_of(decision)
    index = _index(prepared, sides.b.segment)
    return Seam(
        id=decision.seam,
        before=sides.a.id,
        after=sides.b.id,
        segment=sides.b.segment,
        frame=places.get(sides.b.id, -1),
        rank=0,
        score=round(seam_cost(decision), 2),
        grade=grade,
        verdict=_VERDICTS[grade],
        confidence=decision.confidence,
        did=tuple(_did(decision)),
        numbers=tuple(_numbers(decision)),
        notes=decision.notes,
        sight=sight,
        left_out="",
        override=override_line(decision, sides),
        override_where=place_of(prepared, "segments", index, "id"),
        overridden=sides.override != SeamOverride(),
        keep_until=decision.keep_until,
        start_from=decision.start_from,
    )


def grade_of(decision: SeamDecision) -> Grade:
    """How much of it a viewer would notice."""
    if not decision.matched:
        return "unmatched"
    score = seam_cost(decision)
    if score < GOOD and decision.confidence >= SURE:
        return "good"
    return "fair" if score < FAIR else "poor"


def _index(prepared: Prepared, segment: str) -> int:
    ids = [one.id for one in prepared.loaded.timeline.segments]
    return ids.index(segment)


def _did(decision: SeamDecision) -> Iterator[str]:
    """What was done, in words."""
    if not decision.matched:
        yield "nothing is changed"
        return
    if decision.repeat_frames:
        yield f"{_frames(decision.repeat_frames, 'repeated')} dropped"
    if decision.held_tail:
        yield f"{_frames(decision.held_tail, 'held')} dropped from the end of the first clip"
    if decision.skipped:
        yield f"{_frames(len(decision.skipped), 'stalled')} left out"
    fix = decision.correction
    if fix.colour is not None:
        way = f", released over {fix.release_frames} frames" if fix.release_frames else ""
        decays = any(fix.colour.decay) or bool(fix.colour.steps)
        yield f"colours are corrected{' with what fades after the join' if decays else ''}{way}"
    if fix.affine is not None:
        yield "size and place are corrected"
    if fix.sharpen:
        yield f"{'sharpened' if fix.sharpen > 0 else 'softened'} by {abs(fix.sharpen):.2f}"
    if fix.patch is not None:
        yield f"{_frames(fix.patch.frames)} made anew along the motion"
    if fix.neutral:
        yield "colours, size and sharpness are left as they are"


def _frames(count: int, kind: str = "") -> str:
    what = f"{kind} frame" if kind else "frame"
    return f"{count} {what} is" if count == 1 else f"{count} {what}s are"


_MEANINGS = {
    "dE": ("colour step", "dE between frames that show the same moment; 1 is hardly seen"),
    "pop": ("colour pop", "dE by which a step after the join stands out"),
    "sharpness": ("sharpness", "of the clip after, in parts of the one before"),
    "speed": ("speed", "of the motion after, in parts of the one before"),
}


def _numbers(decision: SeamDecision) -> Iterator[tuple[str, str, str, str]]:
    for key, (name, meaning) in _MEANINGS.items():
        came, joined = decision.before.get(key), decision.after.get(key)
        if came is not None or joined is not None:
            yield name, _number(came), _number(joined), meaning


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def override_line(decision: SeamDecision, sides: HandoffSides) -> str:
    """The YAML that writes the decision down, for the segment whose clip begins at the seam."""
    fix = decision.correction
    colour = "off" if fix.colour is None else "release" if fix.release_frames else "hold"
    said = f"keep_until: {decision.keep_until}, start_from: {decision.start_from}, colour: {colour}"
    if sides.b.link is None:
        return f"seam: {{{said}}}"
    return f"seams: {{{sides.b.link.number}: {{{said}}}}}"


def joins_of(clips: Sequence[Clip], seams: Sequence[Seam]) -> tuple[Join, ...]:
    """Every place where a clip follows another, in playing order."""
    grades = {seam.after: seam for seam in seams}
    return tuple(_join(a, b, grades) for a, b in pairwise(clips))


def _join(a: Clip, b: Clip, seams: Mapping[str, Seam]) -> Join:
    id_ = f"{a.id}>{b.id}"
    if b.transition is not None:
        way = b.transition
        return Join(
            id_, "transition", b.record.start, way.name, None, way.before_frames, way.after_frames
        )
    if b.join == "handoff":
        seam = seams.get(b.id)
        return Join(id_, "seam", b.record.start, "seam", seam.grade if seam else None)
    return Join(id_, "cut", b.record.start, "cut", None)


def planned_joins(prepared: Prepared, links: Sequence[Link]) -> tuple[Join, ...]:
    """Joins of clips that aren't all there yet."""
    rows = places(prepared.loaded.timeline)
    return tuple(_planned(a, b, rows[b.segment].joint, prepared.plan) for a, b in pairwise(links))


def _planned(a: Link, b: Link, joint: Joint, plan: Plan) -> Join:
    id_, link = f"{a.id}>{b.id}", plan.links_by_id.get(b.id)
    if a.segment == b.segment:
        handed = link is not None and isinstance(link.start, Handoff)
        kind: JoinKind = "seam" if handed else "cut"
        return Join(id_, kind, b.start, kind, None)
    if joint.kind == "transition":
        return Join(id_, "transition", b.start, joint.name, None, joint.before, joint.after)
    kind = "seam" if joint.kind == "handoff" else "cut"
    return Join(id_, kind, b.start, kind, None)
