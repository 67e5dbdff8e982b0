"""
Takes of a link, ranked by how well each goes between its neighbours.

    for fit in rank_takes("teaser.yaml", "dawn.2").takes:
        print(fit.number, fit.cost, fit.reasons)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assembler.assemble.prepare import Prepared, prepare, step_of
from assembler.assemble.seams import Seam, Side, seam_data
from assembler.assemble.sides import decide
from assembler.cut.pieces import override_of
from assembler.errors import UsageError
from assembler.generation.arrived import existing
from assembler.generation.base import Take
from assembler.match.decision import SeamDecision
from assembler.match.takes import rank
from assembler.planning.clips import handed_frame
from assembler.planning.model import FileClip, Handoff, Link
from assembler.spec.model import Fit


@dataclass(frozen=True, slots=True)
class RankedTake:
    """A take among the others of its link."""

    number: int
    path: Path
    chosen: bool
    cost: float
    """Lower is better, see `match.takes`; 0 where it has no neighbours to fit."""
    reasons: tuple[str, ...]
    before: SeamDecision | None
    after: SeamDecision | None

    def text(self) -> str:
        """One line for people."""
        mark = "*" if self.chosen else " "
        return f"{mark} take {self.number}  {self.cost:6.2f}  {'; '.join(self.reasons)}".rstrip()

    def data(self) -> dict[str, Any]:
        """For JSON."""
        sides = {"before": self.before, "after": self.after}
        return {
            "take": self.number,
            "path": str(self.path),
            "chosen": self.chosen,
            "cost": self.cost,
            "reasons": list(self.reasons),
            **{name: seam and seam_data(seam, 0.0) for name, seam in sides.items()},
        }


@dataclass(frozen=True, slots=True)
class RankedTakes:
    """All takes of a link, the best first."""

    link: str
    takes: tuple[RankedTake, ...]

    def text(self) -> str:
        """A line for each take."""
        return "\n".join([self.link, *(take.text() for take in self.takes)])

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"link": self.link, "takes": [take.data() for take in self.takes]}


def rank_takes(timeline: Path | str, link: str) -> RankedTakes:
    """
    The takes of a link that are on disk, the best first. Writes nothing.

    Each is joined with the chosen takes of the link that it starts on and of those that start on
    it, as far as these are there. Corrections that the earlier clip itself gets at its own start
    are left out: they are the same for all.

    Raises:
        UsageError: If there is no such link, or none of its takes is there.
    """
    prepared = prepare(timeline)
    return _Ranking(prepared).of(step_of(prepared.plan, link).link)


@dataclass(frozen=True, slots=True)
class _Ranking:
    prepared: Prepared

    def of(self, link: Link) -> RankedTakes:
        takes = {str(take.number): take for take in self._takes(link)}
        if not takes:
            raise UsageError(f"link {link.id} has no take", link.where, "generate it first")
        chosen = self.prepared.shelf.number(link)
        fits = rank({n: (self._before(link, t), self._after(link, t)) for n, t in takes.items()})
        return RankedTakes(
            link.id,
            tuple(
                RankedTake(
                    takes[fit.take].number, takes[fit.take].path, int(fit.take) == chosen,
                    fit.cost, fit.reasons, fit.before, fit.after,
                )
                for fit in fits
            ),
        )  # fmt: skip

    def _takes(self, link: Link) -> Iterator[Take]:
        project = self.prepared.project
        paths = project.takes.glob(f"{link.key}-*.mp4")
        ends = {path.stem.rpartition("-")[2] for path in paths}
        for number in sorted({1, *(int(end) for end in ends if end.isdigit())}):
            take = existing(project, link, number)
            if take is not None:
                yield take

    def _chosen(self, link: Link) -> Take | None:
        return existing(self.prepared.project, link, self.prepared.shelf.number(link))

    def _before(self, link: Link, take: Take) -> SeamDecision | None:
        """The seam at the take's start, with the clip that the link starts on."""
        if not isinstance(link.start, Handoff):
            return None
        before = self.prepared.plan.links_by_id.get(link.start.after)
        a: Take | FileClip | None = self._chosen(before) if before else self._file(link.start.after)
        return None if a is None else self._seam(a, take, link)

    def _after(self, link: Link, take: Take) -> SeamDecision | None:
        """The seam at the take's end, with the first link that starts on it and is there."""
        for other in self.prepared.plan.links_by_id.values():
            if isinstance(other.start, Handoff) and other.start.after == link.id:
                b = self._chosen(other)
                if b is not None:
                    return self._seam(take, b, other)
        return None

    def _file(self, segment: str) -> FileClip | None:
        return next((c for c in self.prepared.plan.files if c.segment == segment), None)

    def _seam(self, a: Take | FileClip, b: Take, link: Link) -> SeamDecision:
        timeline = self.prepared.loaded.timeline
        segment = timeline.segment(link.segment)
        seam = Seam(
            self._side(a, self._end(a, b, link)),
            self._side(b, None),
            self.prepared.seam_preset(link.id, link.segment),
            override_of(segment, timeline, link.number),
        )
        return decide(seam, None, size=timeline.canvas.size, rate=timeline.canvas.rate)

    def _end(self, a: Take | FileClip, b: Take, link: Link) -> int | None:
        """Own frame of *a* on which *b* starts."""
        if b.handed is not None and b.handed.take == a.key:
            return b.handed.frame
        assert isinstance(link.start, Handoff)
        planned = self.prepared.plan.links_by_id.get(link.start.after)
        assert a.info.video is not None
        return handed_frame(a.info.video, link.start.frame, planned.rate if planned else None)

    def _side(self, clip: Take | FileClip, end: int | None) -> Side:
        rate, video = self.prepared.loaded.timeline.canvas.rate, clip.info.video
        assert video is not None
        name = clip.link if isinstance(clip, Take) else clip.segment
        link = self.prepared.plan.links_by_id.get(name)
        retime = link.retime if link else clip.retime if isinstance(clip, FileClip) else None
        frames = video.frames_at(rate)
        if retime:
            bent = retime.on(frames)
            first, stop = bent.first, bent.first + bent.shown
        else:
            bent, first = None, min(link.head_frames, frames - 1) if link else 0
            stop = frames
            if end is not None and end < video.frames - 1:
                stop = min(frames, video.first_at(end + 1, rate))
        return Side(name, clip.key, clip.info, clip.colour, self._fit(name), first, stop, bent)

    def _fit(self, name: str) -> Fit:
        timeline = self.prepared.loaded.timeline
        link = self.prepared.plan.links_by_id.get(name)
        segment = timeline.segment(link.segment if link else name)
        return segment.fit or timeline.defaults.fit
