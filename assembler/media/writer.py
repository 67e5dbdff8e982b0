"""
Float pictures -> a video file with exact time stamps, true tags and, if wanted, sound.

    with FrameWriter(Path("out.mp4"), (1920, 1080), Fraction(24)) as writer:
        writer.write(rgb)
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from assembler.errors import RenderError
from assembler.media.files import publish
from assembler.media.info import Colour
from assembler.media.pixels import BT709, Floats, planes_of
from assembler.timebase import samples_at

_MATRIX_NUMBERS = {"rgb": 0, "bt709": 1, "bt601": 6, "bt2020": 9}
_PRIMARY_NUMBERS = {"bt709": 1, "bt470bg": 5, "smpte170m": 6, "bt2020": 9, "smpte432": 12}
_TRANSFER_NUMBERS = {
    "bt709": 1,
    "smpte170m": 6,
    "linear": 8,
    "iec61966-2-1": 13,
    "bt2020-10": 14,
    "bt2020-12": 15,
    "smpte2084": 16,
    "arib-std-b67": 18,
}
_UNSPECIFIED = 2
_AUDIO_BLOCK = 1024
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


class FrameWriter:
    """
    Writes frames one after another; the file appears when the block ends well.

    Frame n has the time stamp n / rate. The tags say what `colour` says.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction,
        *,
        encoder: str = "libx264",
        pix_fmt: str = "yuv420p",
        colour: Colour = BT709,
        tags: Colour | None = None,
        options: Mapping[str, str] | None = None,
        audio: tuple[NDArray[np.float32], int] | None = None,
        audio_encoder: str | None = None,
    ) -> None:
        """
        Open the file for writing.

        Args:
            path: Its suffix chooses the container.
            size: Width and height.
            rate: Frames a second.
            encoder: libav's name.
            pix_fmt: libav's name.
            colour: How the written numbers mean colour; complete.
            tags: What the file says of its colour; default the truth.
            options: Options of the encoder.
            audio: float32 (samples, channels) in [-1, 1] and its sample rate, from time 0.
            audio_encoder: Default PCM in MOV, MKV and AVI, AAC elsewhere.
        """
        self.path = path
        self.size = size
        self.rate = rate
        self.pix_fmt = pix_fmt
        rgb = av.VideoFormat(pix_fmt).is_rgb
        self.colour = replace(colour, matrix="rgb", full_range=True) if rgb else colour
        self.tags = tags or self.colour
        self.frames = 0
        self._audio = audio
        self._sent = 0
        self._last: av.VideoFrame | None = None
        self._stack = ExitStack()
        self._streams = _Streams(encoder, options or {}, audio_encoder)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            part = stack.enter_context(publish(self.path))
            try:
                self._output = stack.enter_context(_Closing(av.open(str(part), "w")))
                self._video = self._add_video()
                self._sound = self._add_audio()
            except (av.FFmpegError, ValueError, OSError) as exc:
                raise RenderError(f"can't be written: {exc}", str(self.path)) from exc
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if value is None:
            try:
                self._finish()
            except BaseException as exc:
                self._stack.__exit__(type(exc), exc, exc.__traceback__)
                raise
        self._stack.__exit__(kind, value, traceback)

    def write(self, rgb: Floats) -> None:
        """Append a picture of the file's size: float32 (h, w, 3 or 4), R'G'B'(A) in [0, 1]."""
        width, height = self.size
        if rgb.shape[:2] != (height, width):
            raise RenderError(
                f"a frame of {rgb.shape[1]}x{rgb.shape[0]} doesn't fit {width}x{height}",
                str(self.path),
            )
        self._last = planes_of(rgb, self.pix_fmt, self.colour)
        _tag(self._last, self.tags)
        self.repeat()

    def repeat(self) -> None:
        """Append the picture that was written last once more, without converting it again."""
        frame = self._last
        assert frame is not None
        frame.pts = self.frames
        frame.time_base = 1 / self.rate
        try:
            self._output.mux(self._video.encode(frame))
            self.frames += 1
            self._send_sound(self.frames)
        except av.FFmpegError as exc:
            raise RenderError(f"can't be written: {exc}", str(self.path)) from exc

    def _add_video(self) -> Any:
        stream = self._output.add_stream(self._streams.encoder, rate=self.rate)
        stream.width, stream.height = self.size
        stream.pix_fmt = self.pix_fmt
        stream.codec_context.time_base = 1 / self.rate
        stream.codec_context.options = dict(self._streams.options)
        _tag(stream.codec_context, self.tags)
        return stream

    def _add_audio(self) -> Any:
        if self._audio is None:
            return None
        samples, hz = self._audio
        encoder = self._streams.audio_encoder or _default_audio(self.path)
        layout = _LAYOUTS.get(samples.shape[1])
        if layout is None:
            raise ValueError(f"sound with {samples.shape[1]} channels")
        stream = self._output.add_stream(encoder, rate=hz)
        stream.codec_context.layout = layout
        return stream

    def _send_sound(self, frames: int | None) -> None:
        """Encode sound up to the end of that many frames, or all of it."""
        if self._audio is None:
            return
        samples, hz = self._audio
        end = len(samples) if frames is None else samples_at(frames, self.rate, hz)
        while self._sent < len(samples) and (frames is None or self._sent + _AUDIO_BLOCK <= end):
            block = samples[self._sent : self._sent + _AUDIO_BLOCK]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block.T, np.float32), "fltp", _LAYOUTS[block.shape[1]]
            )
            frame.sample_rate = hz
            frame.pts = self._sent
            frame.time_base = Fraction(1, hz)
            self._output.mux(self._sound.encode(frame))
            self._sent += len(block)

    def _finish(self) -> None:
        if not self.frames:
            raise RenderError("no frame was written", str(self.path))
        try:
            self._send_sound(None)
            self._output.mux(self._video.encode(None))
            if self._sound is not None:
                self._output.mux(self._sound.encode(None))
        except av.FFmpegError as exc:
            raise RenderError(f"can't be written: {exc}", str(self.path)) from exc


class _Streams:
    """How streams are encoded."""

    def __init__(self, encoder: str, options: Mapping[str, str], audio_encoder: str | None) -> None:
        self.encoder = encoder
        self.options = options
        self.audio_encoder = audio_encoder


class _Closing:
    """Closes a container; what its trailer raises is told like any other failure."""

    def __init__(self, container: Any) -> None:
        self.container = container

    def __enter__(self) -> Any:
        return self.container

    def __exit__(self, *exc_info: object) -> None:
        self.container.close()


def _default_audio(path: Path) -> str:
    return "pcm_s16le" if path.suffix.lower() in (".mov", ".mkv", ".avi", ".nut") else "aac"


def _tag(target: Any, colour: Colour) -> None:
    """Colour tags on a frame or an encoder (AVColorSpace and its kin, ISO/IEC 23091-2)."""
    target.colorspace = _MATRIX_NUMBERS.get(colour.matrix or "", _UNSPECIFIED)
    target.color_range = {None: 0, False: 1, True: 2}[colour.full_range]
    target.color_primaries = _PRIMARY_NUMBERS.get(colour.primaries or "", _UNSPECIFIED)
    target.color_trc = _TRANSFER_NUMBERS.get(colour.transfer or "", _UNSPECIFIED)
