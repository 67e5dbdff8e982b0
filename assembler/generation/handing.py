"""
What a link is started on: which frame of the clip before it, and taken back how far.

    start = HandingOn(plan, project, takes).start(link, number)
    start.path                   # PNG in exactly the link's size
    start.handed                 # what was chosen and done, kept with the take that comes of it

The choice is made once for a take, before anything is sent, and read again from then on: a better
measure of later days makes no take stale.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assembler.errors import GenerateError
from assembler.generation.base import Take
from assembler.generation.handoff import end_frame
from assembler.generation.takes import pending_path, started_on
from assembler.match import colour
from assembler.match.apply import corrected
from assembler.match.drift import (
    FOLLOW_STEP_S,
    SHARP_FRAMES,
    change_along,
    composed,
    held_back,
    inverse,
    softened,
)
from assembler.match.features import F32, resized
from assembler.match.tail import WINDOW_S, handoff_frame
from assembler.media.files import publish
from assembler.media.frames import read_frames
from assembler.media.info import Colour, MediaInfo, VideoStream
from assembler.media.scale import covering
from assembler.media.stills import read_image, write_png
from assembler.planning.clips import Handed, handed_frame
from assembler.planning.keys import content_key
from assembler.planning.model import FrameSource, Handoff, Link, Plan
from assembler.planning.project import Project

F64 = NDArray[np.float64]

_SPEAKING = frozenset({"avatar", "lip-sync"})
"""Kinds whose clips go on after what is wanted of them."""
_BOX = (640, 640)
"""Clips are looked at within this size."""


@dataclass(frozen=True, slots=True)
class Start:
    """A start frame as it is sent."""

    path: Path
    """PNG in exactly the link's size."""
    handed: Handed | None
    """None where it is an image of the author's."""


@dataclass(frozen=True, slots=True)
class _Clip:
    """A clip that hands on one of its frames."""

    id: str
    key: str
    content: str
    """Names what its file holds."""
    info: MediaInfo
    video: VideoStream
    colour: Colour
    link: Link | None
    """None for a file segment."""
    take: Take | None


@dataclass(frozen=True, slots=True)
class HandingOn:
    """Start frames of a plan's links."""

    plan: Plan
    project: Project
    takes: Mapping[str, Take]
    """By link; the run adds to it."""

    def start(self, link: Link, number: int) -> Start | None:
        """
        What take *number* of a link starts on; None when it starts on its prompt alone.

        Raises:
            GenerateError: If the clip before it isn't there.
        """
        if not isinstance(link.start, Handoff):
            image = self.image(link.start, link.size)
            return None if image is None else Start(image, None)
        clip = self._clip(link.start.after)
        handed = started_on(self.project, link, number)
        if handed is None or handed.take != clip.key:
            handed = self._choice(link, link.start, clip)
            self._keep(link, number, handed)
        return Start(self._png(clip, handed, link.size), handed)

    def image(self, source: FrameSource | None, size: tuple[int, int]) -> Path | None:
        """An image of the author's as PNG of that size, or the planned end of a clip."""
        if source is None:
            return None
        if isinstance(source, Handoff):
            clip = self._clip(source.after)
            frame = handed_frame(clip.video, source.frame, clip.link.rate if clip.link else None)
            return self._png(clip, Handed(clip.id, clip.key, frame), size)
        path = self.project.frames / f"{source.sha256[:32]}-{size[0]}x{size[1]}.png"
        if not path.is_file():
            write_png(path, covering(read_image(source.path)[..., :3], size))
        return path

    def before(self, link: Link) -> Path | None:
        """The clip that a link goes on from."""
        if not isinstance(link.start, Handoff):
            return None
        return self._clip(link.start.after).info.path

    def asked(self, link: Link, start: Start | None) -> Link:
        """The link as it is asked for: longer where what was lost before it has to be made up."""
        lost_s = self._lost_s(link, start.handed if start else None)
        if not link.longer or lost_s <= link.spare_s:
            return link
        more = next((m for m in link.longer if lost_s <= m.spare_s), link.longer[-1])
        return replace(
            link, length_s=more.length_s, frames=more.frames, price_usd=more.price_usd, longer=()
        )

    # -- which frame -----------------------------------------------------------------------

    def _choice(self, link: Link, source: Handoff, clip: _Clip) -> Handed:
        planned = self._planned(source, clip)
        frame, why = _frame(link, clip, planned)
        lost_s = max(Fraction(0), (planned - frame) / clip.video.rate)
        handed = Handed(clip.id, clip.key, frame, lost_s, why)
        if link.drift_de is None or clip.link is None:
            return handed
        return self._taken_back(handed, clip, link.drift_de)

    def _planned(self, source: Handoff, clip: _Clip) -> int:
        """The planned frame; later at a segment's end that makes up for what was lost before."""
        frame = handed_frame(clip.video, source.frame, clip.link.rate if clip.link else None)
        if source.frame is None or clip.link is None or clip.link.kind in _SPEAKING:
            return frame
        own = clip.take.handed if clip.take else None
        lost = round(self._lost_s(clip.link, own) * clip.video.rate)
        return min(frame + lost, clip.video.frames - 1)

    def _lost_s(self, link: Link, handed: Handed | None) -> Fraction:
        """How much the links of its segment before it have lost at their tails."""
        before = self._before_in_segment(link)
        if before is None or handed is None:
            return Fraction(0)
        take = self.takes.get(before.id)
        return handed.lost_s + self._lost_s(before, take.handed if take else None)

    def _before_in_segment(self, link: Link) -> Link | None:
        """The link of the same segment whose end it starts on."""
        if not isinstance(link.start, Handoff):
            return None
        before = self.plan.links_by_id.get(link.start.after)
        return before if before is not None and before.segment == link.segment else None

    # -- in which look ---------------------------------------------------------------------

    def _taken_back(self, handed: Handed, clip: _Clip, limit_de: float) -> Handed:
        end = _looked_at(clip, handed.frame, 1)[0]
        total, soft, behind = self._drifted(clip, handed.frame, end)
        held = held_back(end, total, soft=soft, behind=behind, limit_de=limit_de)
        undone = soft + behind - held.correction.sharpen
        return replace(
            handed,
            correction=held.correction,
            home=colour.rows_of(total),
            behind=max(0.0, undone),
            drift=held.drift,
            remaining=held.remaining,
        )

    def _drifted(self, clip: _Clip, frame: int, end: F32) -> tuple[F64, float, float]:
        """Map home from a clip's end, the softness that it added, and what was left before it."""
        assert clip.link is not None
        frames = [*_looked_along(clip, frame), end]
        own = clip.take.handed if clip.take else None
        if own is None or self._clip(own.after).key != own.take:
            return change_along(None, frames), 0.0, 0.0  # its own look is the measure
        sent = self._sent(clip.link, own, (end.shape[1], end.shape[0]))
        total, behind = change_along(sent, frames), 0.0
        if self._before_in_segment(clip.link) is not None:
            total, behind = composed(total, _left(own)), own.behind
        head = read_frames(clip.info, stop=SHARP_FRAMES, colour=clip.colour, max_size=_BOX)
        soft = softened(sent, np.stack([resized(f, sent.shape[1::-1]) for f in head]))
        return total, soft, behind

    def _sent(self, link: Link, handed: Handed, size: tuple[int, int]) -> F32:
        path = self._png(self._clip(handed.after), handed, link.size)
        return covering(read_image(path)[..., :3], size)

    # -- pictures --------------------------------------------------------------------------

    def _png(self, clip: _Clip, handed: Handed, size: tuple[int, int]) -> Path:
        where = "last" if handed.frame == clip.video.frames - 1 else str(handed.frame)
        look = ""
        if not handed.correction.neutral:
            look = f"-{content_key(correction=handed.correction)[:12]}"
        path = self.project.frames / f"{clip.content}-{where}-{size[0]}x{size[1]}{look}.png"
        if not path.is_file():
            rgb = end_frame(clip.info, clip.colour, size=size, frame=handed.frame)
            write_png(path, corrected(rgb, handed.correction, 0))
        return path

    def _clip(self, id_: str) -> _Clip:
        take = self.takes.get(id_)
        if take is not None and take.info.video is not None:
            link = self.plan.links_by_id.get(id_)
            return _Clip(
                id_, take.key, take.content_key, take.info, take.info.video, take.colour, link, take
            )  # fmt: skip
        for clip in self.plan.files:
            if clip.segment == id_ and clip.info.video is not None:
                video = clip.info.video
                return _Clip(id_, clip.key, clip.key, clip.info, video, clip.colour, None, None)
        raise GenerateError(f"there is no clip of {id_} to go on from")

    def _keep(self, link: Link, number: int, handed: Handed) -> None:
        with publish(pending_path(self.project, link.key, number)) as part:
            part.write_text(json.dumps(handed.data()), encoding="utf-8")


def _left(handed: Handed) -> F64:
    """Map from a sent image's colours to those that the first link would have given."""
    home = colour.identity_matrix() if handed.home is None else np.array(handed.home)
    fix = handed.correction.colour
    return home if fix is None else composed(inverse(np.array(fix.matrix)), home)


def _frame(link: Link, clip: _Clip, planned: int) -> tuple[int, str]:
    """Own frame of a clip that a link starts on, and why where it isn't the planned one."""
    if link.start_at_s is not None:
        at = link.start_at_s
        frame = clip.video.shown_at(at.numerator, Fraction(at.denominator))
        return frame, "" if frame == planned else "the timeline says so"
    # An author's file ends where he cut it, bent time where he bent it to; an avatar goes on after
    # its last word.
    if link.drift_de is None or clip.link is None or clip.link.kind in _SPEAKING:
        return planned, ""
    if clip.link.retime:
        return planned, ""
    tail = _looked_at(clip, planned, round(WINDOW_S * clip.video.rate))
    n, why = handoff_frame(tail)
    return planned - (len(tail) - 1 - n), why


def _looked_at(clip: _Clip, frame: int, count: int) -> F32:
    """The last *count* frames up to *frame*, (n, h, w, 3)."""
    first = max(0, frame + 1 - count)
    return np.stack(
        list(read_frames(clip.info, start=first, stop=frame + 1, colour=clip.colour, max_size=_BOX))
    )


def _looked_along(clip: _Clip, frame: int) -> list[F32]:
    """A few frames a second from the clip's start up to before *frame*."""
    rate = Fraction(FOLLOW_STEP_S)
    stop = clip.video.first_at(frame, rate)
    return list(read_frames(clip.info, stop=stop, rate=rate, colour=clip.colour, max_size=_BOX))
