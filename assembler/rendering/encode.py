"""
A span's file: encoded by ffmpeg, checked, and kept under its key.

    path = SpanJob(span, folder).run()

A job is plain data that can be pickled and done anywhere; its result is a file. What was made is
written down beside it with a checksum, so that a damaged file is noticed and made again.
"""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assembler.errors import RenderError
from assembler.media.ffmpeg import run
from assembler.media.files import publish
from assembler.rendering.hardware import encoder_frames, input_of, is_hardware
from assembler.rendering.spans import Form, Span

_SUFFIXES = {
    "libx264": ".mp4", "libx265": ".mp4", "libsvtav1": ".mp4", "libaom-av1": ".mp4",
    "prores_ks": ".mov", "dnxhd": ".mov",
}  # fmt: skip
"""Containers with exact time stamps; other codecs go into Matroska."""

_BLOCK = 1 << 20
MATRICES = {"bt709": "bt709", "bt601": "smpte170m"}
"""ffmpeg's names."""


@dataclass(frozen=True, slots=True)
class SpanJob:
    """Make the file of one span."""

    span: Span
    folder: Path

    @property
    def path(self) -> Path:
        """Where the file goes."""
        encoder = self.span.form.encoder
        suffix = ".mp4" if is_hardware(encoder) else _SUFFIXES.get(encoder, ".mkv")
        return self.folder / f"{self.span.key}{suffix}"

    @property
    def record(self) -> Path:
        """Where its length and checksum are written down."""
        return self.folder / f"{self.span.key}.json"

    def done(self) -> bool:
        """Whether the file is there in its full size."""
        found = _read_record(self.record)
        try:
            return bool(found) and found["bytes"] == self.path.stat().st_size
        except FileNotFoundError:
            return False

    def delay(self) -> int:
        """Frames by which decoding has to run ahead of showing in the finished file."""
        return int(_read_record(self.record)["delay"])

    def note(self) -> str:
        """Why it was encoded although it should have been copied; empty when all went well."""
        return str(_read_record(self.record).get("note", ""))

    def took_s(self) -> float:
        """Seconds that it took to make; 0 where that wasn't noted."""
        return float(_read_record(self.record).get("took_s", 0))

    def used(self) -> None:
        """Note that the file was used now, for pruning."""
        for path in (self.path, self.record):
            with suppress(OSError):
                os.utime(path)

    def sound(self) -> bool:
        """Whether the file is there with the very bytes that were written."""
        return self.done() and _read_record(self.record)["crc32"] == checksum(self.path)

    def run(
        self,
        on_frames: Callable[[int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Path:
        """
        Make the file.

        Raises:
            RenderError: If ffmpeg fails, the work is cancelled, or frames are missing.
        """
        began = time.monotonic()
        with publish(self.path) as part:
            note = self._write(part, on_frames, cancel)
            delay = _checked_delay(part, self.span)
            entry = {
                "bytes": part.stat().st_size,
                "crc32": checksum(part),
                "frames": self.span.length,
                "delay": delay,
                "note": note,
                "took_s": round(time.monotonic() - began, 3),
            }
        with publish(self.record) as part:
            part.write_text(json.dumps(entry), encoding="utf-8")
        return self.path

    def _write(
        self,
        part: Path,
        on_frames: Callable[[int], None] | None,
        cancel: threading.Event | None,
    ) -> str:
        """Copy where that is planned and possible, else encode; why it was not possible."""
        shot = self.span.copied
        if shot is None:
            self._encode(part, on_frames, cancel)
            return ""
        from assembler.rendering.copy import copy_frames

        try:
            copy_frames(shot, self.span.form, part, cancel)
        except RenderError as exc:
            if cancel is not None and cancel.is_set():
                raise
            self._encode(part, on_frames, cancel)
            return f"{shot.source.path.name}: encoded anew: {exc.what}"
        if on_frames is not None:
            on_frames(self.span.length)
        return ""

    def _encode(
        self,
        part: Path,
        on_frames: Callable[[int], None] | None,
        cancel: threading.Event | None,
    ) -> None:
        import ffmpeg  # with the graph's own imports: a finished film needs none of them

        from assembler.rendering.graph import graph_of
        from assembler.rendering.inserts import prepared
        from assembler.rendering.raw import frames_of

        with prepared(self.span, cancel) as materials:
            stream, form = graph_of(self.span, materials), self.span.form
            head: list[str] = []
            if form.encoder == "dnxhd":  # it reads past rows that crop left unaligned
                stream = stream.filter("copy")
            if is_hardware(form.encoder):
                head, *_ = input_of(form.encoder, form.pix_fmt)
                stream = encoder_frames(stream, form.encoder, form.pix_fmt)
            output = ffmpeg.output(stream, str(part), **encoder_args(form))
            piped = materials.piped
            run(
                [*head, *ffmpeg.get_args(output)],
                on_frames=on_frames,
                cancel=cancel,
                stdin=frames_of(piped, self.span.form, cancel) if piped else None,
                where=span_name(self.span),
            )


def span_name(span: Span) -> str:
    """A span by its frames, for messages."""
    return f"frames {span.frames.start}-{span.frames.stop - 1}"


def _read_record(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"bytes", "crc32", "delay"} <= found.keys() else {}


def checksum(path: Path) -> int:
    """CRC-32 of a file: quick, and enough against damage."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def _checked_delay(path: Path, span: Span) -> int:
    """
    Frames by which decoding has to run ahead of showing.

    Raises:
        RenderError: If the frames aren't those of the span, each in its place.
    """
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        clock = (stream.time_base or 1) * span.form.rate
        places = [round((p.pts or 0) * clock) for p in container.demux(stream) if p.size]
    if sorted(places) != list(range(span.length)):
        raise RenderError(f"{len(places)} frames were encoded, not {span.length}", span_name(span))
    return max(n - place for n, place in enumerate(places))


def encoder_args(form: Form) -> dict[str, Any]:
    """Keyword arguments of `ffmpeg.output` for the picture."""
    rgb = form.pix_fmt.startswith("gbr")
    args: dict[str, Any] = {
        "c:v": form.encoder,
        "pix_fmt": form.pix_fmt,
        "fps_mode": "passthrough",
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "colorspace": "rgb" if rgb else MATRICES[form.matrix],
        "color_range": "pc" if rgb else "tv",
        "map_metadata": -1,
        # Slices that several threads scale differ at their borders (zscale).
        "filter_threads": 1,
        "filter_complex_threads": 1,
        "an": None,
    }
    if is_hardware(form.encoder):
        del args["pix_fmt"]  # frames may be in the chip's memory by then
    if form.gop_frames:
        args["g"] = form.gop_frames
    return args | {f"{name}:v": value for name, value in form.options}
