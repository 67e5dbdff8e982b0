"""
Video <-> float pictures, frame by frame and without bias.

    info = probe(path)
    for rgb in read_frames(info, start=24, stop=48):
        ...

Pictures are float32 (h, w, 3), encoded R'G'B' in [0, 1], upright and in square pixels. HDR and
BT.2020 sources are brought to BT.709 in a simple way, good enough to compare and hand on frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.stream import VideoStream as AvVideo

from assembler.errors import MediaError
from assembler.media.info import Colour, MediaInfo, VideoStream
from assembler.media.pixels import (
    BT709,
    Floats,
    alpha_of,
    assumed,
    planes_of,
    rgb_of,
    scaled_rgb_of,
)
from assembler.media.probe import opened
from assembler.media.stills import read_image, write_png
from assembler.media.tone import to_bt709
from assembler.media.upright import turned
from assembler.media.writer import FrameWriter

_SKIPPED = ("h264",)
"""Codecs whose decoder surely leaves out frames that no other is made from, when told to."""
_STAND_INS = 8
"""So many frames before the first are decoded too: one of them stands in if it is damaged."""

__all__ = [
    "BT709",
    "FrameWriter",
    "alpha_of",
    "assumed",
    "coded_frame",
    "coded_frames",
    "fit_within",
    "last_frames",
    "planes_of",
    "read_frames",
    "read_image",
    "rgb_of",
    "upright",
    "write_png",
]


def read_frames(
    info: MediaInfo,
    *,
    start: int = 0,
    stop: int | None = None,
    rate: Fraction | None = None,
    colour: Colour | None = None,
    max_size: tuple[int, int] | None = None,
    damaged: list[int] | None = None,
) -> Iterator[Floats]:
    """
    Frames [start, stop) of a clip.

    Args:
        info: The probed clip.
        start: First frame.
        stop: First frame not read any more; default the end. Past the end the last frame stays.
        rate: Frames are counted at this rate, see `VideoStream.shown_at`; default every frame of
            the source once.
        colour: How its numbers are read; default its tags. What is missing is assumed.
        max_size: Width and height to fit into; pictures are averaged down, never enlarged.
        damaged: Receives the positions in the source that could not be decoded; the frame before
            stands in for them.

    Yields:
        float32 (h, w, 3), encoded R'G'B' in [0, 1]; each a new array.

    Raises:
        MediaError: If there is no picture or nothing can be decoded from *start* on.
    """
    video = _video_of(info)
    end = stop if stop is not None else video.frames_at(rate) if rate else video.frames
    if start < 0 or end <= start:
        return
    wanted = (
        video.shown_at(n, rate) if rate else min(n, video.frames - 1) for n in range(start, end)
    )
    painter = _Painter(video, colour or video.colour, max_size)
    yield from _painted(info, video, wanted, painter, [] if damaged is None else damaged)


def last_frames(
    info: MediaInfo,
    count: int,
    *,
    rate: Fraction | None = None,
    colour: Colour | None = None,
    max_size: tuple[int, int] | None = None,
) -> list[Floats]:
    """The last *count* frames of a clip (fewer if it is shorter), in playing order."""
    video = _video_of(info)
    end = video.frames_at(rate) if rate else video.frames
    first = max(0, end - count)
    frames = read_frames(info, start=first, stop=end, rate=rate, colour=colour, max_size=max_size)
    return list(frames)


def coded_frame(info: MediaInfo, position: int = 0) -> av.VideoFrame:
    """
    The decoded frame at a position of the source, as libav gives it.

    Raises:
        MediaError: If there is no picture or nothing from there on can be decoded.
    """
    video = _video_of(info)
    for found, frame in _decoded(info, video, position):
        if found >= position:
            return frame
    raise _undecoded(info, position)


def coded_frames(info: MediaInfo, first: int = 0) -> Iterator[tuple[int, av.VideoFrame]]:
    """
    Decoded frames as libav gives them, with their positions in the source, ascending.

    They begin before *first*, at a keyframe. Those that can't be decoded are missing, and before
    *first* some that nothing is made from.
    """
    yield from _decoded(info, _video_of(info), first)


def _undecoded(info: MediaInfo, position: int) -> MediaError:
    return MediaError(f"no frame from number {position} on can be decoded", str(info.path))


def _video_of(info: MediaInfo) -> VideoStream:
    if info.video is None:
        raise MediaError("has sound only, no picture", str(info.path), "name a clip with picture.")
    return info.video


def _painted(
    info: MediaInfo,
    video: VideoStream,
    wanted: Iterator[int],
    painter: _Painter,
    damaged: list[int],
) -> Iterator[Floats]:
    """Pictures of the wanted positions (ascending) from frames as they are decoded."""
    position = next(wanted, None)
    if position is None:
        return
    decoded = _decoded(info, video, position)
    held: tuple[int, av.VideoFrame] | None = None
    ahead = next(decoded, None)
    shown: tuple[int, Floats] | None = None
    while position is not None:
        while ahead is not None and (ahead[0] <= position or held is None):
            held, ahead = ahead, next(decoded, None)
        if held is None:
            raise _undecoded(info, position)
        if held[0] != position and (not damaged or damaged[-1] != position):
            damaged.append(position)
        if shown is None or shown[0] != held[0]:
            shown = (held[0], painter.paint(held[1]))
            yield shown[1]
        else:
            yield shown[1].copy()
        position = next(wanted, None)


def _decoded(
    info: MediaInfo, video: VideoStream, first: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decoded frames with their positions, from *first* or a little before."""
    with opened(info.path) as container:
        stream = next(s for s in container.streams.video if s.index == video.index)
        stream.thread_type = "AUTO"
        for key in _entry_points(video, first):
            if key:
                container.seek(video.pts[key], stream=stream)
            decoded = _decode(container, stream, _needed(video, stream, first))
            frames = _positions(decoded, video, counted=not key)
            head = next(frames, None)
            if head is not None and (not key or head[0] <= key):
                yield head
                yield from frames
                return
            if not key:
                return
    yield from _decoded(info, video, 0)  # no seek led before the frame


def _needed(video: VideoStream, stream: AvVideo, first: int) -> int | None:
    """Stamp before which frames may be left out; None where none may be."""
    if not video.ordered or stream.codec_context.name not in _SKIPPED:
        return None
    return video.pts[min(max(0, first - _STAND_INS), video.frames - 1)]


def _entry_points(video: VideoStream, first: int) -> list[int]:
    """Keyframes to start decoding at, best first; 0 is the start of the file."""
    if not video.ordered:
        return [0]
    keys = [k for k in video.keyframes if 0 < k <= first]
    return [*reversed(keys[-2:])] or [0]


def _decode(
    container: av.container.InputContainer, stream: AvVideo, needed: int | None
) -> Iterator[av.VideoFrame]:
    """
    Frames that can be decoded; damaged packets are passed over.

    Those before the stamp *needed*, if given, may be missing where no other is made from them.
    """
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            if needed is not None and packet.pts is not None:
                stream.codec_context.skip_frame = "NONREF" if packet.pts < needed else "DEFAULT"
            with suppress(av.FFmpegError):
                for frame in packet.decode():
                    if isinstance(frame, av.VideoFrame):
                        yield frame


def _positions(
    frames: Iterator[av.VideoFrame], video: VideoStream, *, counted: bool
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Position of each frame in `pts`: by its stamp, or counted where stamps can't be trusted."""
    index = {p: i for i, p in enumerate(video.pts)}
    previous = -1
    for frame in frames:
        stamp = frame.pts
        known = index.get(stamp) if video.ordered and stamp is not None else None
        if known is None and not counted and video.ordered:
            continue
        position = previous + 1 if known is None else known
        if position <= previous or position >= video.frames:
            continue
        previous = position
        yield position, frame


class _Painter:
    """Turns decoded frames of one stream into upright pictures of one size."""

    def __init__(
        self, video: VideoStream, colour: Colour, max_size: tuple[int, int] | None
    ) -> None:
        self.video = video
        self.colour = assumed(colour, video.width, video.height)
        size = video.display_size
        if max_size is not None:
            size = fit_within(size, max_size)
        self.size = size

    def paint(self, frame: av.VideoFrame) -> Floats:
        """float32 (h, w, 3), encoded R'G'B' of BT.709."""
        turned = self.video.rotation in (90, 270)
        width, height = self.size[::-1] if turned else self.size
        small = min(width, frame.width), min(height, frame.height)
        rgb = scaled_rgb_of(frame, self.colour, small)
        if small != (width, height):
            wide = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
            rgb = np.clip(wide, 0, 1, dtype=np.float32)
        return upright(to_bt709(rgb, self.colour), self.video)


def fit_within(size: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """Largest size of the same shape within *limit* that isn't larger than *size*."""
    scale = min(limit[0] / size[0], limit[1] / size[1], 1.0)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def upright(rgb: Floats, video: VideoStream) -> Floats:
    """A coded picture (h, w, c), turned and mirrored as the stream's display matrix asks."""
    return turned(rgb, (video.rotation, video.mirrored))
