"""What is known of a media file, as plain data; `probe.py` fills it in."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Literal

VERSION = 5
"""Raised when `probe` finds something new, so that remembered answers aren't used."""

DAMAGED = "the file is damaged"
"""How a note on that begins."""

Matrix = Literal["bt601", "bt709", "bt2020", "rgb"]


@dataclass(frozen=True, slots=True)
class Colour:
    """How numbers in a file mean colour; None where the file doesn't say."""

    matrix: Matrix | None = None
    full_range: bool | None = None
    primaries: str | None = None
    """ffmpeg's name: bt709, smpte170m, bt470bg, bt2020, …"""
    transfer: str | None = None
    """ffmpeg's name: bt709, smpte2084 (PQ), arib-std-b67 (HLG), …"""
    chroma: Literal["left", "center", "topleft", "top"] | None = None
    """Chroma sample location of subsampled formats; left when not said."""

    @property
    def hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in ("smpte2084", "arib-std-b67")


@dataclass(frozen=True, slots=True)
class VideoStream:
    """One video stream, after its edit list."""

    index: int
    codec: str
    width: int
    """Coded pixels, before rotation and pixel aspect."""
    height: int
    sar: Fraction
    """Shape of a pixel, width to height."""
    rotation: Literal[0, 90, 180, 270]
    """Clockwise turn that shows it upright."""
    mirrored: bool
    """Flipped left to right after the turn."""
    pix_fmt: str
    bit_depth: int
    alpha: bool
    interlaced: Literal["tff", "bff"] | None
    colour: Colour
    rate: Fraction
    """Nominal frames a second: the standard rate when it means one, else the average."""
    vfr: bool
    time_base: Fraction
    pts: tuple[int, ...]
    """Time stamps of all shown frames in `time_base`, ascending, edit list applied."""
    keyframes: tuple[int, ...]
    """Positions in `pts` that can be decoded by themselves."""
    b_frames: bool
    last_duration: int
    """Of the last frame, in `time_base`."""
    ordered: bool = True
    """Whether decoded frames carry their own stamps; else they are only counted from the start."""
    leading: tuple[int, ...] = ()
    """
    Frames shown before a keyframe that are decoded after it (an open group), for each of
    `keyframes`; none where it is empty.
    """
    closed: tuple[int, ...] = ()
    """
    Numbers of first frames for which no later one has to be decoded, ascending; empty where that
    holds for each.
    """

    @property
    def frames(self) -> int:
        """Number of frames shown."""
        return len(self.pts)

    @property
    def start_s(self) -> Fraction:
        """Time of the first frame on the file's clock."""
        return self.pts[0] * self.time_base

    @property
    def duration_s(self) -> Fraction:
        """From the first frame's start to the last frame's end."""
        return (self.pts[-1] - self.pts[0] + self.last_duration) * self.time_base

    def frames_at(self, rate: Fraction) -> int:
        """Number of frames it gives at *rate*: the last begins before the source ends."""
        if not self.vfr:
            return max(1, -(-self.frames * rate // self.rate))
        # Stamps are rounded to the container's clock: less than a tick more is no frame more.
        return max(1, ceil((self.duration_s - self.time_base) * rate))

    def first_at(self, frame: int, rate: Fraction) -> int:
        """First frame number at *rate* that shows frame *frame* of `pts` or a later one."""
        if not self.vfr:
            return ceil(frame * rate / self.rate)
        after = (self.pts[min(frame, self.frames - 1)] - self.pts[0] - 1) * self.time_base
        return max(0, ceil(after * rate))

    def shown_at(self, frame: int, rate: Fraction) -> int:
        """
        Position in `pts` of what is shown as frame number *frame* at *rate*.

        That is what the source shows at frame / rate seconds after its first frame begins. A
        constant rate is taken at its nominal value, so that rounded time stamps repeat and lose
        nothing; at a varying rate one tick of the clock counts as on time. Past the end the last
        frame stays.
        """
        if not self.vfr:
            position = frame * self.rate // rate
        else:
            ticks = frame / (rate * self.time_base)
            position = bisect_right(self.pts, self.pts[0] + ticks + 1) - 1
        return max(0, min(int(position), self.frames - 1))

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels, upright (not forced even)."""
        width, height = round(self.width * self.sar), self.height
        return (height, width) if self.rotation in (90, 270) else (width, height)


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio stream, after its edit list and encoder priming."""

    index: int
    codec: str
    hz: int
    channels: int
    layout: str
    start_s: Fraction
    """Time of its first sample on the file's clock."""
    duration_s: Fraction


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Everything known about a file, read once."""

    path: Path
    size_bytes: int
    mtime_ns: int
    container: str
    video: VideoStream | None
    audio: tuple[AudioStream, ...]
    still: bool
    """A picture: one frame without a length of its own."""
    timecode: str | None
    notes: tuple[str, ...]
    """Oddities found and assumptions made, each a sentence for the user."""
