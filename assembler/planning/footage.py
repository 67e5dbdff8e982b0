"""The video whose lips are moved: a file's, or the clip of a segment that isn't shown by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from assembler.media.info import MediaInfo
from assembler.planning.limits import range_problem, video_problems
from assembler.planning.model import Link
from assembler.planning.problems import Problems
from assembler.planning.row import Place
from assembler.spec.presets import VideoLimits


@dataclass(frozen=True, slots=True)
class Footage:
    """What a lip-sync takes its picture, size, rate and length from."""

    name: str
    size: tuple[int, int]
    rate: Fraction
    frames: int
    info: MediaInfo | None = None
    """Of a file."""
    link: Link | None = None
    """Whose clip it is, which may have still to be made."""

    @property
    def length_s(self) -> Fraction:
        """How long it is."""
        return self.frames / self.rate

    def problems(self, limits: VideoLimits) -> list[tuple[str, str]]:
        """What makes it unfit for a model, each with its remedy."""
        if self.info is not None:
            return video_problems(self.info, limits)
        found = []
        if problem := range_problem(float(self.length_s), "s", limits.min_s, limits.max_s):
            found.append((problem, "give the segment another duration"))
        if problem := range_problem(min(self.size), "px on the shorter side", limits.min_px, None):
            found.append((problem, "make it in another resolution"))
        if problem := range_problem(max(self.size), "px on the longer side", None, limits.max_px):
            found.append((problem, "make it in another resolution"))
        return found


def footage_of(
    place: Place,
    media: Mapping[Path, MediaInfo],
    made: Mapping[str, Sequence[Link]],
    problems: Problems,
) -> Footage | None:
    """
    The video of a segment's lip-sync; None where it has none, or it can't be used.

    Args:
        place: The segment.
        media: Facts of files.
        made: Links of the segments that are planned, by segment.
        problems: Takes what is wrong with it.
    """
    avatar = place.segment.avatar
    if avatar is None or not avatar.moves_lips:
        return None

    def refuse(what: str, fix: str, key: str) -> None:
        what = f"segment {place.segment.id}: {what}"
        problems.add(what, fix, "segments", place.index, "avatar", key)

    if avatar.video is not None:
        info = media.get(avatar.video)
        if info is None or info.video is None or info.still:
            refuse(f"{avatar.video.name} is no video that can be read", "give a video", "video")
            return None
        video = info.video
        return Footage(avatar.video.name, video.display_size, video.rate, video.frames, info)
    links = made.get(avatar.of or "", ())
    if not links:
        return None  # told where that segment is planned
    if len(links) > 1:
        refuse(
            f"{avatar.of!r} is made of {len(links)} clips, and the lips of one can be moved",
            f"make it as short as its model makes one, {float(links[0].length_s):g} s or so",
            "of",
        )
        return None
    (link,) = links
    return Footage(f"the clip of {avatar.of}", link.size, link.rate, link.frames, link=link)
