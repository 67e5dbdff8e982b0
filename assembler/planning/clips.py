"""Which of a clip's frames is handed on, and how its numbers are read."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Literal

from assembler.media.info import Colour, MediaInfo, VideoStream


def handed_frame(video: VideoStream, frame: int | None, planned: Fraction | None) -> int:
    """
    Own frame that a `Handoff` means: at another rate than planned the one of the same time, the
    last where the clip turned out shorter.

    Args:
        video: The clip that came.
        frame: `Handoff.frame`.
        planned: Rate that the plan took it for; None for a file, whose rate was known.
    """
    if frame is None:
        return video.frames - 1
    if planned is not None and not video.vfr and video.rate != planned:
        frame = int(frame * video.rate / planned)
    return min(frame, video.frames - 1)


def colour_of(info: MediaInfo, said: Literal["auto", "tags", "bt601", "bt709"]) -> Colour:
    """How a file's numbers are read: its own tags, with the matrix that the author says."""
    tags = info.video.colour if info.video else Colour()
    if said == "bt601" or said == "bt709":
        return replace(tags, matrix=said)
    return tags
