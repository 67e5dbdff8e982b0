"""Which frames a media file has when they are counted at the programme's rate."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Literal

from assembler.media.info import Colour, MediaInfo, VideoStream

_JITTER_S = Fraction(1, 1000)
"""Time stamps of containers that count milliseconds are off by up to half of one."""


def frames_at(video: VideoStream, rate: Fraction) -> int:
    """
    Number of frames at *rate* that show something of a clip.

    Frame n shows what the clip shows n / rate seconds after its first frame begins.
    """
    if not video.vfr:
        return max(1, ceil(video.frames * rate / video.rate))
    return max(1, ceil((video.duration_s - _JITTER_S) * rate))


def own_frame(video: VideoStream, frame: int, rate: Fraction) -> int:
    """The clip's own frame (from 0) that is shown at programme frame *frame*."""
    if not video.vfr:
        return min(int(frame * video.rate / rate), video.frames - 1)
    stamp = video.pts[0] + (frame / rate + _JITTER_S / 2) / video.time_base
    return max(0, bisect_right(video.pts, stamp) - 1)


def programme_frame(video: VideoStream, frame: int, rate: Fraction) -> int:
    """The first programme frame that shows the clip's own frame *frame* (from 0)."""
    if not video.vfr:
        return ceil(frame * rate / video.rate)
    after = (video.pts[min(frame, video.frames - 1)] - video.pts[0]) * video.time_base
    return max(0, ceil((after - _JITTER_S / 2) * rate))


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
