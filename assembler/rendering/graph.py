"""
One ffmpeg graph for one span, composed with ffmpeg-python.

    frames = graph_of(span, materials)      # a node; encode.py gives it an output

Every piece yields exactly its frames at the programme's rate, in the working pixel format; pieces
are strung together, layers laid over, and the result turned into the delivery's pixel format once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from assembler.match.decision import Correction
from assembler.media.conform import (
    Node,
    conform,
    counted,
    finished,
    input_args,
    location,
    overlay_format,
)
from assembler.rendering.spans import Form, Laid, Overlay, Passage, Piece, Shot, Span

WORKING = (
    "yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le",
    "gbrp", "gbrp16le",
)  # fmt: skip
"""Pixel formats in which every filter used here works without converting."""

XFADES = {
    "dissolve": "fade", "wipe-left": "wipeleft", "wipe-right": "wiperight", "wipe-up": "wipeup",
    "wipe-down": "wipedown", "slide-left": "slideleft", "slide-right": "slideright",
    "slide-up": "slideup", "slide-down": "slidedown", "smooth-left": "smoothleft",
    "smooth-right": "smoothright", "smooth-up": "smoothup", "smooth-down": "smoothdown",
    "circle-open": "circleopen", "circle-close": "circleclose", "radial": "radial",
    "pixelize": "pixelize", "zoom-in": "zoomin",
}  # fmt: skip
"""Our transitions by the name of ffmpeg's xfade."""

THROUGH = {"fade-black": "black", "fade-white": "white"}
"""Transitions that go through a colour."""


@dataclass(frozen=True, slots=True)
class Materials:
    """Files made beforehand for a span's graph."""

    inserts: Mapping[Shot, Path] = field(default_factory=dict)
    """Lossless clips of corrected shots, in the working format and size."""
    piped: Shot | None = None
    """The corrected shot whose raw frames come through ffmpeg's standard input."""
    masks: Mapping[Overlay, Path] = field(default_factory=dict)
    """Shapes of layers: white where the layer shows."""
    strip: Path | None = None
    """Timecode and names to burn in, a clip with transparency."""


def working_format(pix_fmt: str) -> str:
    """The pixel format that a span is composed in before it becomes *pix_fmt*."""
    if pix_fmt in WORKING:
        return pix_fmt
    deep = any(mark in pix_fmt for mark in ("10", "12", "16"))
    return "yuv444p10le" if deep else "yuv444p"


def graph_of(span: Span, materials: Materials) -> Node:
    """The frames of *span*, numbered from 0 at the programme's rate."""
    builder = _Builder(span, materials)
    parts = [builder.piece(piece) for piece in span.pieces]
    stream = parts[0]
    if len(parts) > 1:
        stream = counted(ffmpeg.concat(*parts, v=1, a=0), span.form.rate)
    for overlay in span.overlays:
        stream = builder.laid_over(stream, overlay)
    for laid in span.inserts:
        stream = builder.inserted(stream, laid)
    if materials.strip is not None:
        stream = builder.burnt_in(stream, materials.strip)
    return builder.delivered(stream)


class _Builder:
    """What all parts of one graph share."""

    def __init__(self, span: Span, materials: Materials) -> None:
        self.form = span.form
        self.materials = materials
        self.work = working_format(span.form.pix_fmt)
        self.inputs = 0

    def read(self, name: str, **args: Any) -> Node:
        """
        A file as an input of its own.

        ffmpeg-python takes two inputs of the same arguments for one, which would have to keep every
        frame until its last user has come to it; a longer queue makes each one different.
        """
        self.inputs += 1
        return ffmpeg.input(name, thread_queue_size=16 + self.inputs, **args)

    def piece(self, piece: Piece) -> Node:
        match piece:
            case Shot():
                return self.shot(piece)
            case Passage():
                return self.passage(piece)

    def shot(self, shot: Shot) -> Node:
        if shot == self.materials.piped:
            size = "{}x{}".format(*self.form.size)
            raw = self.read(
                "pipe:0", f="rawvideo", pix_fmt=self.work, s=size, framerate=str(self.form.rate)
            )
            return self.made(raw)
        if shot in self.materials.inserts:
            return self.made(self.read(location(self.materials.inserts[shot])))
        source = shot.source
        stream = conform(
            self.read(location(source.path), **input_args(source.info, shot.first, self.form.rate)),
            source.info,
            source.colour,
            size=self.form.size,
            rate=self.form.rate,
            fit=shot.fit,
            pix_fmt=self.work,
            first=shot.first,
            count=shot.read,
        )
        if shot.skipped:
            left_out = "+".join(f"eq(n,{n})" for n in shot.skipped)
            stream = counted(stream.filter("select", f"not({left_out})"), self.form.rate)
        return stream

    def made(self, node: Node) -> Node:
        """Frames that were corrected beforehand."""
        return finished(counted(node["v:0"], self.form.rate), self.work)

    def passage(self, passage: Passage) -> Node:
        """
        A transition whose frames k = 0…n-1 show (k + 1) / (n + 1) of it.

        xfade cuts fractions off when it mixes, so it mixes in 16 bits.
        """
        deep = _deep(self.work)
        sides = [self.padded(shot, deep) for shot in (passage.before, passage.after)]
        steps = passage.frames + 1
        if passage.name in THROUGH:
            mixed = self.through(sides, THROUGH[passage.name], steps, deep)
        else:
            mixed = self.faded(sides[0], sides[1], XFADES[passage.name], 0, steps)
        mixed = mixed.filter("trim", start_frame=1, end_frame=steps)
        return counted(self.shallow(mixed, deep), self.form.rate)

    def padded(self, shot: Shot, deep: str) -> Node:
        stream = self.shot(shot)
        if deep != self.work:
            stream = stream.filter("zscale").filter("format", deep)
        return stream.filter("tpad", start=1, start_mode="clone", stop=1, stop_mode="clone")

    def shallow(self, stream: Node, deep: str) -> Node:
        if deep == self.work:
            return stream
        return stream.filter("zscale", dither="none").filter("format", self.work)

    def faded(self, before: Node, after: Node, name: str, offset: int, steps: int) -> Node:
        rate = self.form.rate
        return ffmpeg.filter(
            [before, after],
            "xfade",
            transition=name,
            offset=_seconds(offset / rate),
            duration=_seconds(steps / rate),
        )

    def through(self, sides: list[Node], colour: str, steps: int, deep: str) -> Node:
        half = steps // 2
        plain = self.plain(colour, steps + 1, deep)
        away = self.faded(sides[0], plain, "fade", 0, half)
        return self.faded(
            away, sides[1].filter("trim", start_frame=half), "fade", half, steps - half
        )

    def plain(self, colour: str, frames: int, pix_fmt: str) -> Node:
        """Black or white (235) frames."""
        size = "{}x{}".format(*self.form.size)
        source = self.read(f"color=c={colour}:s={size}:r={self.form.rate}", f="lavfi")
        stream = source.filter("format", "gbrp")
        if not pix_fmt.startswith("gbr"):
            stream = stream.filter(
                "zscale", matrixin="gbr", rangein="full", matrix="709", range="limited"
            )
        stream = stream.filter("format", pix_fmt).filter("setsar", 1)
        return stream.filter("fps", f"{self.form.rate}").filter("trim", end_frame=frames)

    def laid_over(self, stream: Node, overlay: Overlay) -> Node:
        source = overlay.source
        x, y, width, height = overlay.box
        mask = self.materials.masks.get(overlay)
        alpha = source.info.video is not None and source.info.video.alpha
        layer = conform(
            self.read(
                location(source.path), **input_args(source.info, overlay.first, self.form.rate)
            ),
            source.info,
            source.colour,
            size=(width, height),
            rate=self.form.rate,
            fit="cover",
            pix_fmt=_with_alpha(self.work) if alpha else self.work,
            first=overlay.first,
            count=overlay.frames,
            keep_alpha=alpha,
        )
        if mask is not None:
            layer = self.masked(layer, mask, overlay.frames)
        layer = layer.filter("setpts", f"PTS+{overlay.at}")
        form = overlay_format(self.work)
        return stream.overlay(layer, x=x, y=y, format=form, eof_action="pass")

    def masked(self, layer: Node, mask: Path, frames: int) -> Node:
        shape = self.read(location(mask))["v:0"].filter("format", "gray")
        shape = counted(shape.filter("loop", loop=-1, size=1), self.form.rate)
        deep = "10" in self.work
        if deep:
            shape = shape.filter("format", "gray10le")
        shape = shape.filter("trim", end_frame=frames)
        layer = layer.filter("format", _with_alpha(self.work))
        return ffmpeg.filter([layer, shape], "alphamerge")

    def inserted(self, stream: Node, laid: Laid) -> Node:
        """A title: R'G'B' with straight alpha, scaled without a rim of its hidden colours."""
        insert = laid.insert
        words = self.read(location(insert.path))["v:0"]
        if insert.still:
            words = words.filter("loop", loop=-1, size=1)
        words = counted(words, self.form.rate).filter(
            "trim", start_frame=laid.first, end_frame=laid.first + laid.frames
        )
        words = counted(words, self.form.rate).filter("format", "gbrap")
        x, y, width, height = laid.box
        if (width, height) != (insert.width, insert.height):
            words = words.filter("premultiply", inplace=1)
            words = words.filter("zscale", width, height, filter="spline36")
            words = words.filter("unpremultiply", inplace=1)
        return self.over(stream, words.filter("setpts", f"PTS+{laid.at}"), x, y)

    def burnt_in(self, stream: Node, strip: Path) -> Node:
        words = counted(self.read(location(strip))["v:0"], self.form.rate)
        return self.over(stream, words, 0, 0)

    def over(self, stream: Node, words: Node, x: int, y: int) -> Node:
        words = words.filter("format", "gbrap")
        if not self.work.startswith("gbr"):
            words = words.filter(
                "zscale",
                matrixin="gbr",
                rangein="full",
                matrix="709",
                range="limited",
                chromal="left",
            )
        words = words.filter("format", _with_alpha(self.work)).filter("setsar", 1)
        form = overlay_format(self.work)
        return stream.overlay(words, x=x, y=y, format=form, alpha="straight", eof_action="pass")

    def delivered(self, stream: Node) -> Node:
        if self.work == self.form.pix_fmt:
            return finished(stream, self.form.pix_fmt)
        args: dict[str, Any] = {"chromal": "left"}
        if self.form.pix_fmt.startswith("gbr") and not self.work.startswith("gbr"):
            args |= {"matrix": "gbr", "range": "full"}
        return finished(stream.filter("zscale", **args), self.form.pix_fmt)


def fitted(correction: Correction, form: Form) -> Correction:
    """*correction* with its geometry told in parts of the delivered picture, not of the canvas."""
    if correction.affine is None or form.size == form.canvas:
        return correction
    scale = max(form.size[0] / form.canvas[0], form.size[1] / form.canvas[1])
    left, top = ((c * scale - s) / 2 for c, s in zip(form.canvas, form.size, strict=True))
    a, b, c, d, e, f = correction.affine
    width = form.canvas[0] * scale
    moved = (
        (a, b, (c * width + a * left + b * top - left) / form.size[0]),
        (d, e, (f * width + d * left + e * top - top) / form.size[0]),
    )
    return replace(correction, affine=(*moved[0], *moved[1]))


def _deep(work: str) -> str:
    return work.replace("10le", "") + "16le" if not work.startswith("gbr") else "gbrp16le"


def _with_alpha(work: str) -> str:
    return "gbrap" if work.startswith("gbr") else work.replace("yuv", "yuva")


def _seconds(value: Fraction) -> str:
    return f"{float(value):.6f}"
