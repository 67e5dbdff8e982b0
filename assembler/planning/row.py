"""The segments that follow one another in the picture, and how each joins the one before."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from assembler.spec.model import Join, Segment, Timeline, taken_up
from assembler.spec.time import Duration

DEFAULT_TRANSITION = Duration(Fraction(1, 2), "s")
"""Length of a transition whose author says none."""


@dataclass(frozen=True, slots=True)
class Joint:
    """How a segment follows the one before it, in programme frames."""

    kind: Literal["start", "handoff", "cut", "transition"]
    name: str = ""
    """Of the transition."""
    before: int = 0
    """Frames of the transition before the cut: a handle in front of this segment's in."""
    after: int = 0
    """Frames of it after the cut: a handle behind the out of the segment before."""
    j_cut: int = 0
    l_cut: int = 0
    colour: str = ""
    """What the transition goes through, where its author says it."""

    @property
    def head(self) -> int:
        """Frames that this segment needs in front of its in."""
        return max(self.before, self.j_cut)

    @property
    def tail(self) -> int:
        """Frames that the segment before needs behind its out."""
        return max(self.after, self.l_cut)


START = Joint("start")


@dataclass(frozen=True, slots=True)
class Place:
    """A segment in the row, with the joints on both sides."""

    segment: Segment
    index: int
    """Position in the timeline's list."""
    before: str | None
    """The segment before it in the row."""
    joint: Joint
    following: Joint
    """How the next segment follows; START at the end of the row."""
    in_row: bool = True
    """Whether it is shown in the row: no layer, and no other segment's raw material."""


def places(timeline: Timeline) -> dict[str, Place]:
    """Every segment by id; layers and what is taken up by others stand alone."""
    rate = timeline.canvas.rate
    raw = taken_up(timeline.segments)
    row = [s for s in timeline.segments if s.layer is None and s.id not in raw]
    joints = {b.id: _joint(a, b, rate) for a, b in pairwise(row)}
    before = {b.id: a.id for a, b in pairwise(row)}
    following = {a.id: joints[b.id] for a, b in pairwise(row)}
    return {
        segment.id: Place(
            segment,
            index,
            before.get(segment.id),
            joints.get(segment.id, START),
            following.get(segment.id, START),
            segment.layer is None and segment.id not in raw,
        )
        for index, segment in enumerate(timeline.segments)
    }


def _joint(a: Segment, b: Segment, rate: Fraction) -> Joint:
    join = b.join or Join(kind="handoff" if b.continue_ == a.id else "cut")
    j_cut = join.j_cut.frames(rate) if join.j_cut else 0
    l_cut = join.l_cut.frames(rate) if join.l_cut else 0
    if join.kind != "transition":
        return Joint(join.kind, j_cut=0 if join.kind == "handoff" else j_cut, l_cut=l_cut)
    length = (join.duration or DEFAULT_TRANSITION).frames(rate)
    if length == 0:
        return Joint("cut", j_cut=j_cut, l_cut=l_cut)
    before, after = length // 2, length - length // 2
    return Joint("transition", join.transition, before, after, j_cut, l_cut, join.colour or "")
