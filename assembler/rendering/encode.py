"""
A span's file: encoded by ffmpeg, checked, and kept under its key.

    path = SpanJob(span, folder).run()

A job is plain data that can be pickled and done anywhere; its result is a file. What was made is
written down beside it with a checksum, so that a damaged file is noticed and made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assembler.errors import RenderError
from assembler.media.ffmpeg import run
from assembler.media.files import publish
from assembler.rendering.damage import Damage, damage
from assembler.rendering.hardware import encoder_frames, input_of, is_hardware
from assembler.rendering.join import Part
from assembler.rendering.spans import Form, Span, shots_of

if TYPE_CHECKING:
    from assembler.rendering.graph import Inputs, Materials

_SUFFIXES = {
    "libx264": ".mp4", "libx265": ".mp4", "libsvtav1": ".mp4", "libaom-av1": ".mp4",
    "prores_ks": ".mov", "dnxhd": ".mov",
}  # fmt: skip
"""Containers with exact time stamps; other codecs go into Matroska."""

_NOTED = {"bytes", "crc32", "frames", "delay", "headers"}
_BLOCK = 1 << 20
MATRICES = {"bt709": "bt709", "bt601": "smpte170m"}
"""ffmpeg's names."""


@dataclass(frozen=True, slots=True)
class SpanJob:
    """Make the file of one span."""

    span: Span
    folder: Path
    beside: tuple[SpanJob, ...] = ()
    """The same frames for other deliveries: made at once, from the same decoded pictures."""

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

    def part(self) -> Part:
        """The finished file, to be joined."""
        record = _read_record(self.record)
        return Part(self.path, self.span.length, int(record["delay"]), record["headers"])

    def note(self) -> str:
        """Why it was encoded although it should have been copied; empty when all went well."""
        return str(_read_record(self.record).get("note", ""))

    def damaged(self) -> Damage:
        """Frames of its sources that couldn't be decoded whole when it was encoded."""
        found: Damage = _read_record(self.record).get("damaged", {})
        return found

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
        Make the file, and those of the jobs beside it.

        Raises:
            RenderError: If ffmpeg fails, the work is cancelled, or frames are missing.
        """
        jobs = (self, *self.beside)
        began = time.monotonic()
        with ExitStack() as files:
            parts = [files.enter_context(publish(job.path)) for job in jobs]
            note, damaged = self._write(parts, on_frames, cancel)
            took_s = round((time.monotonic() - began) / len(jobs), 3)
            told = {"note": note, "took_s": took_s, "damaged": damaged}
            entries = [job._entry(part) | told for job, part in zip(jobs, parts, strict=True)]
        for job, entry in zip(jobs, entries, strict=True):
            with publish(job.record) as part:
                part.write_text(json.dumps(entry), encoding="utf-8")
        return self.path

    def _entry(self, part: Path) -> dict[str, object]:
        """What is written down of a finished file."""
        delay, headers = _checked(part, self.span)
        return {
            "bytes": part.stat().st_size,
            "crc32": checksum(part),
            "frames": self.span.length,
            "delay": delay,
            "headers": headers,
        }

    def _write(
        self,
        parts: Sequence[Path],
        on_frames: Callable[[int], None] | None,
        cancel: threading.Event | None,
    ) -> tuple[str, Damage]:
        """
        Copy where that is planned and possible, else encode.

        Returns:
            Why a copy was not possible, and what was damaged in what was encoded.
        """
        shot = self.span.copied
        if shot is None:
            return "", self._encode(parts, on_frames, cancel)
        from assembler.rendering.copy import copy_frames

        try:
            copy_frames(shot, self.span.form, parts[0], cancel)
        except RenderError as exc:
            if cancel is not None and cancel.is_set():
                raise
            note = f"{shot.source.path.name}: encoded anew: {exc.what}"
            return note, self._encode(parts, on_frames, cancel)
        if on_frames is not None:
            on_frames(self.span.length)
        return "", {}

    def _encode(
        self,
        parts: Sequence[Path],
        on_frames: Callable[[int], None] | None,
        cancel: threading.Event | None,
    ) -> Damage:
        import ffmpeg  # with the graph's own imports: a finished film needs none of them

        from assembler.rendering.graph import Inputs
        from assembler.rendering.inserts import prepared
        from assembler.rendering.raw import frames_of

        inputs = Inputs()
        with ExitStack() as made:
            outputs, head, piped = [], list[str](), None
            for job, part in zip((self, *self.beside), parts, strict=True):
                materials = made.enter_context(prepared(job.span, cancel))
                output, needs = _output(job.span, materials, inputs, part)
                outputs.append(output)
                head = needs or head
                piped = materials.piped
            said = run(
                [*head, *ffmpeg.get_args(ffmpeg.merge_outputs(*outputs))],
                on_frames=on_frames,
                cancel=cancel,
                stdin=frames_of(piped, self.span.form, cancel) if piped else None,
                where=span_name(self.span),
            )
        return damage(self.span, said)


def _output(span: Span, materials: Materials, inputs: Inputs, part: Path) -> tuple[Any, list[str]]:
    """A span's frames into a file, and global arguments that its encoder needs."""
    import ffmpeg

    from assembler.rendering.graph import graph_of

    stream, form = graph_of(span, materials, inputs), span.form
    head: list[str] = []
    if form.encoder == "dnxhd":  # it reads past rows that crop left unaligned
        stream = stream.filter("copy")
    if is_hardware(form.encoder):
        head, *_ = input_of(form.encoder, form.pix_fmt)
        stream = encoder_frames(stream, form.encoder, form.pix_fmt)
    return ffmpeg.output(stream, str(part), **encoder_args(form)), head


def sharing(jobs: Iterable[SpanJob]) -> Iterator[SpanJob]:
    """
    *jobs* with those that show the same pictures in other deliveries put beside each other.

    Pictures that are made in arrays are made in the size that is delivered: such spans share where
    they have the same size and working format.
    """
    groups: dict[object, list[SpanJob]] = {}
    for job in jobs:
        groups.setdefault(_pictures(job.span) or job.span.key, []).append(job)
    for first, *others in groups.values():
        yield replace(first, beside=tuple(others))


def _pictures(span: Span) -> object:
    """What two spans that can be made together have in common; None for those that can't be."""
    if span.copied or is_hardware(span.form.encoder):
        return None
    from assembler.rendering.graph import working_format

    shots = [*shots_of(span), *(overlay.shot for overlay in span.overlays)]
    if any(shot.in_arrays for shot in shots):
        return span.frames, tuple(shots), span.form.size, working_format(span.form.pix_fmt)
    return span.frames, tuple(replace(shot, framing=()) for shot in shots)


def span_name(span: Span) -> str:
    """A span by its frames, for messages."""
    return f"frames {span.frames.start}-{span.frames.stop - 1}"


def _read_record(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.keys() >= _NOTED else {}


def checksum(path: Path) -> int:
    """CRC-32 of a file: quick, and enough against damage."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def _checked(path: Path, span: Span) -> tuple[int, str]:
    """
    Frames by which decoding has to run ahead of showing, and a hash of the encoder's headers.

    Raises:
        RenderError: If the frames aren't those of the span, each in its place.
    """
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        clock = (stream.time_base or 1) * span.form.rate
        places = [round((p.pts or 0) * clock) for p in container.demux(stream) if p.size]
        headers = hashlib.sha256(stream.codec_context.extradata or b"").hexdigest()[:16]
    if sorted(places) != list(range(span.length)):
        raise RenderError(f"{len(places)} frames were encoded, not {span.length}", span_name(span))
    return max(n - place for n, place in enumerate(places)), headers


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
