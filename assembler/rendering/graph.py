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

from assembler.cut.model import Cdl, Change, ChromaKey, Table
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
from assembler.spec.transitions import BLACKS, DIPS, XFADES

WORKING = (
    "yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le",
    "gbrp", "gbrp16le",
)  # fmt: skip
"""Pixel formats in which every filter used here works without converting."""

MADE_BY_EFFECTS = "gbrp"
"""Pixel format in which effects give frames back."""


@dataclass(frozen=True, slots=True)
class Materials:
    """Files made beforehand for a span's graph."""

    inserts: Mapping[Shot, Path] = field(default_factory=dict)
    """Lossless clips of shots whose frames are made outside of ffmpeg, in the form's size."""
    piped: Shot | None = None
    """The one of them whose raw frames come through ffmpeg's standard input."""
    layers: Mapping[Overlay, Path] = field(default_factory=dict)
    """Lossless clips of layers whose frames are made outside of ffmpeg, in their size."""
    masks: Mapping[Overlay, Path] = field(default_factory=dict)
    """White where a layer shows: a picture, or a clip where the layer fades."""
    tables: Mapping[Table | Cdl, Path] = field(default_factory=dict)
    """Colour tables to apply; of a CDL all but its saturation, as curves."""
    strip: Path | None = None
    """Timecode and names to burn in, a clip with transparency."""


class _Branch:
    """
    An input that another graph reads, too.

    Equal filters on it would be taken for one by ffmpeg-python, so each branch begins differently.
    """

    def __init__(self, node: Node, number: int) -> None:
        self._node = node
        self._way = f"PTS+0*{number}"

    def __getitem__(self, label: str) -> Node:
        return self._node[label].filter("setpts", self._way)

    def filter(self, *args: Any, **options: Any) -> Node:
        """As of the input's only stream."""
        return self._node.filter("setpts", self._way).filter(*args, **options)


def working_format(pix_fmt: str) -> str:
    """The pixel format that a span is composed in before it becomes *pix_fmt*."""
    if pix_fmt in WORKING:
        return pix_fmt
    deep = any(mark in pix_fmt for mark in ("10", "12", "16"))
    return "yuv444p10le" if deep else "yuv444p"


@dataclass(slots=True)
class Inputs:
    """Files that several graphs of one ffmpeg read."""

    nodes: dict[tuple[object, ...], Node] = field(default_factory=dict)
    """By their place in the graph, name and arguments."""
    branches: int = 0


def graph_of(span: Span, materials: Materials, shared: Inputs | None = None) -> Node:
    """
    The frames of *span*, numbered from 0 at the programme's rate.

    Graphs of the same frames for several deliveries have their inputs in *shared*, and so each file
    is decoded once.
    """
    builder = _Builder(span, materials, shared or Inputs())
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

    def __init__(self, span: Span, materials: Materials, shared: Inputs) -> None:
        self.shared = shared
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
        key = (self.inputs, name, *sorted(args.items(), key=str))
        nodes = self.shared.nodes
        if key in nodes:
            self.shared.branches += 1
            return _Branch(nodes[key], self.shared.branches)
        # Raw frames are large: few of them wait.
        size = (1 if "f" in args else 16) + len(nodes) + 1
        nodes[key] = ffmpeg.input(name, thread_queue_size=size, **args)
        return nodes[key]

    def piece(self, piece: Piece) -> Node:
        match piece:
            case Shot():
                return self.shot(piece)
            case Passage():
                return self.passage(piece)

    def shot(self, shot: Shot) -> Node:
        form = raw_format(shot, self.work)
        if shot == self.materials.piped:
            size = "{}x{}".format(*self.form.size)
            raw = self.read(
                "pipe:0", f="rawvideo", pix_fmt=form, s=size, framerate=str(self.form.rate)
            )
            return self.finished_look(self.made(raw, form), shot)
        if shot in self.materials.inserts:
            made = self.made(self.read(location(self.materials.inserts[shot])), form)
            return self.finished_look(made, shot)
        stream = self.conformed(shot, self.form.size, self.work)
        if shot.skipped:
            left_out = "+".join(f"eq(n,{n})" for n in shot.skipped)
            stream = counted(stream.filter("select", f"not({left_out})"), self.form.rate)
        return self.finished_look(stream, shot)

    def conformed(
        self, shot: Shot, size: tuple[int, int], pix_fmt: str, *, alpha: bool = False
    ) -> Node:
        source = shot.source
        return conform(
            self.read(location(source.path), **input_args(source.info, shot.first, self.form.rate)),
            source.info,
            source.colour,
            size=size,
            rate=self.form.rate,
            fit=shot.fit,
            pix_fmt=pix_fmt,
            first=shot.first,
            count=shot.read,
            keep_alpha=alpha,
            crop=source.change.crop,
            framing=shot.framing,
        )

    def finished_look(self, stream: Node, shot: Shot, pix_fmt: str = "") -> Node:
        """Colour table and CDL, which effects already have in them."""
        change = shot.source.change
        if change.effects or not (change.table or change.cdl):
            return stream
        return self.coloured(stream, change, pix_fmt or self.work)

    def coloured(self, stream: Node, change: Change, pix_fmt: str) -> Node:
        """A colour table, then a CDL, both in 16 bits of R'G'B'."""
        deep = "gbrap16le" if "a" in pix_fmt else "gbrp16le"
        rgb = pix_fmt.startswith("gbr")
        if not rgb:
            stream = stream.filter(
                "zscale", matrixin="709", rangein="limited", chromalin="left",
                matrix="gbr", range="full",
            )  # fmt: skip
        stream = stream.filter("format", deep)
        if change.table:
            stream = self.looked_up(stream, change.table)
        if change.cdl:
            stream = self.looked_up(stream, change.cdl)
            stream = _saturated(stream, change.cdl.saturation)
        into = {"matrix": "gbr", "range": "full"} if rgb else {"matrix": "709", "range": "limited"}
        stream = stream.filter(
            "zscale", matrixin="gbr", rangein="full", chromal="left",
            dither="error_diffusion", **into,
        )  # fmt: skip
        return finished(stream, pix_fmt)

    def looked_up(self, stream: Node, table: Table | Cdl) -> Node:
        path = self.materials.tables[table]
        if isinstance(table, Cdl) or _curves(path):
            return stream.filter("lut1d", file=path.as_posix(), interp="linear")
        return stream.filter("lut3d", file=path.as_posix(), interp="tetrahedral")

    def made(self, node: Node, form: str) -> Node:
        """Frames that were made beforehand."""
        stream = counted(node["v:0"], self.form.rate)
        if form != self.work and not self.work.startswith("gbr"):
            stream = stream.filter("format", form).filter(
                "zscale", matrixin="gbr", rangein="full", matrix="709", range="limited",
                chromal="left", dither="error_diffusion",
            )  # fmt: skip
        return finished(stream, self.work)

    def passage(self, passage: Passage) -> Node:
        """
        A transition whose frames k = 0…n-1 show (k + 1) / (n + 1) of it.

        xfade cuts fractions off when it mixes, so it mixes in 16 bits.
        """
        deep = _deep(self.work)
        sides = [self.padded(shot, deep) for shot in (passage.before, passage.after)]
        steps = passage.before.frames + 1
        if passage.name in DIPS:
            mixed = self.through(sides, passage.colour or DIPS[passage.name], steps, deep)
        else:
            mixed = self.faded(sides[0], sides[1], XFADES[passage.name], 0, steps)
            if passage.name in BLACKS and not deep.startswith("gbr"):
                # xfade's own black is 0, where that of limited range is 16.
                mixed = mixed.filter("limiter", min=16 << 8, max=(1 << 16) - 1, planes=1)
        first, stop = passage.shown or (0, steps - 1)
        mixed = mixed.filter("trim", start_frame=1 + first, end_frame=1 + stop)
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
        """Frames of one colour; white is 235."""
        size = "{}x{}".format(*self.form.size)
        source = self.read(
            f"color=c=0x{colour[1:]}:s={size}:r={self.form.rate},format=gbrp", f="lavfi"
        )
        stream = source.filter("format", "gbrp")
        if not pix_fmt.startswith("gbr"):
            stream = stream.filter(
                "zscale", matrixin="gbr", rangein="full", matrix="709", range="limited"
            )
        stream = stream.filter("format", pix_fmt).filter("setsar", 1)
        return stream.filter("fps", f"{self.form.rate}").filter("trim", end_frame=frames)

    def laid_over(self, stream: Node, overlay: Overlay) -> Node:
        x, y = overlay.box[:2]
        layer = self.layer(overlay)
        if overlay.masked:
            layer = self.masked(layer, overlay)
        layer = layer.filter("setpts", f"PTS+{overlay.at}")
        form = overlay_format(self.work)
        return stream.overlay(layer, x=x, y=y, format=form, eof_action="pass")

    def layer(self, overlay: Overlay) -> Node:
        """A layer in its size, with transparency where it has any."""
        shot, size = overlay.shot, overlay.box[2:]
        form = raw_format(shot, self.work)
        if overlay in self.materials.layers:
            made = self.made(self.read(location(self.materials.layers[overlay])), form)
            layer = self.finished_look(made, shot)
        else:
            alpha = _transparent(shot)
            form = _with_alpha(self.work) if alpha else self.work
            layer = self.finished_look(self.conformed(shot, size, form, alpha=alpha), shot, form)
        if not overlay.key:
            return layer
        if not _transparent(shot):
            return keyed(layer, overlay.key, self.work)
        both = layer.filter_multi_output("split", 2)
        own = both[1].filter("alphaextract").filter("format", _grey(self.work))
        return self.seen_through(keyed(both[0], overlay.key, self.work), own)

    def masked(self, layer: Node, overlay: Overlay) -> Node:
        """Seen through the mask; what is transparent already stays so."""
        mask = self.materials.masks[overlay]
        shape = self.read(location(mask))["v:0"]
        if overlay.fades is None:
            shape = shape.filter("loop", loop=-1, size=1)
        shape = counted(shape.filter("format", "gray"), self.form.rate)
        shape = shape.filter("format", _grey(self.work)).filter("trim", end_frame=overlay.frames)
        if overlay.key or _transparent(overlay.shot):
            return self.seen_through(layer, shape)
        layer = layer.filter("format", _with_alpha(self.work))
        return ffmpeg.filter([layer, shape], "alphamerge")

    def seen_through(self, layer: Node, shape: Node) -> Node:
        """A layer that is as transparent as it was, times a shape in grey."""
        both = layer.filter_multi_output("split", 2)
        own = both[1].filter("alphaextract").filter("format", _grey(self.work))
        shape = ffmpeg.filter([own, shape], "blend", all_mode="multiply")
        layer = both[0].filter("format", _with_alpha(self.work))
        return ffmpeg.filter([layer, shape], "alphamerge")

    def inserted(self, stream: Node, laid: Laid) -> Node:
        """A title: R'G'B' with straight alpha, in the delivery's own size."""
        insert = laid.insert
        words = self.read(location(insert.path))["v:0"]
        if insert.still:
            words = words.filter("loop", loop=-1, size=1)
        words = counted(words, self.form.rate).filter(
            "trim", start_frame=laid.first, end_frame=laid.first + laid.frames
        )
        words = counted(words, self.form.rate).filter("setpts", f"PTS+{laid.at}")
        return self.over(stream, words, insert.x, insert.y)

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
                matrix="170m" if self.form.matrix == "bt601" else "709",
                range="limited",
                chromal="left",
            )
        words = words.filter("format", _with_alpha(self.work)).filter("setsar", 1)
        form = overlay_format(self.work)
        return stream.overlay(words, x=x, y=y, format=form, alpha="straight", eof_action="pass")

    def delivered(self, stream: Node) -> Node:
        stream = self.in_format(stream)
        if self.form.matrix == "bt601":
            stream = stream.filter("setparams", colorspace="smpte170m")
        return stream

    def in_format(self, stream: Node) -> Node:
        if self.work == self.form.pix_fmt:
            return finished(stream, self.form.pix_fmt)
        args: dict[str, Any] = {"chromal": "left"}
        if self.form.pix_fmt.startswith("gbr") and not self.work.startswith("gbr"):
            args |= {"matrix": "gbr", "range": "full"}
        return finished(stream.filter("zscale", **args), self.form.pix_fmt)


def fitted(shot: Shot, form: Form) -> Correction:
    """
    A shot's correction with its geometry told in parts of the delivered picture.

    Seams are measured on the canvas and without the author's crop.
    """
    correction, crop = shot.correction, shot.source.change.crop
    if correction.affine is None or (form.size == form.canvas and crop is None):
        return correction
    if crop is None:
        scale = max(form.size[0] / form.canvas[0], form.size[1] / form.canvas[1])
        left, top = (
            (c * scale - s) * part
            for c, s, part in zip(form.canvas, form.size, _place(shot), strict=True)
        )
    elif shot.fit == "stretch":
        return replace(correction, affine=None)
    else:
        scale, left, top = _cropped_place(shot, crop, form)
    a, b, c, d, e, f = correction.affine
    width = form.canvas[0] * scale
    moved = (
        (a, b, (c * width + a * left + b * top - left) / form.size[0]),
        (d, e, (f * width + d * left + e * top - top) / form.size[0]),
    )
    return replace(correction, affine=(*moved[0], *moved[1]))


def _place(shot: Shot) -> tuple[float, float]:
    """Where the window lies at a shot's first frame; a correction hardly changes on the way."""
    return shot.framing[0][1:] if shot.framing else (0.5, 0.5)


def _cropped_place(
    shot: Shot, crop: tuple[float, float, float, float], form: Form
) -> tuple[float, float, float]:
    """Scale of the canvas in the delivered picture, and where the latter lies in it."""
    video = shot.source.info.video
    assert video is not None
    choose = max if shot.fit == "cover" else min
    whole = video.display_size
    seen = (whole[0] * (1 - crop[0] - crop[2]), whole[1] * (1 - crop[1] - crop[3]))
    before = choose(c / w for c, w in zip(form.canvas, whole, strict=True))
    after = choose(s / w for s, w in zip(form.size, seen, strict=True))
    scale = after / before
    left, top = (
        crop[n] * whole[n] * after
        - (form.size[n] - seen[n] * after) * _place(shot)[n]
        + scale * (form.canvas[n] - whole[n] * before) / 2
        for n in range(2)
    )
    return scale, left, top


def raw_format(shot: Shot, work: str) -> str:
    """Pixel format in which frames of *shot* are made outside of ffmpeg."""
    return MADE_BY_EFFECTS if shot.source.change.effects else work


def _transparent(shot: Shot) -> bool:
    video = shot.source.info.video
    return video is not None and video.alpha and not shot.in_arrays


def _curves(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        return file.readline().startswith("LUT_1D")


def _saturated(stream: Node, saturation: float) -> Node:
    if saturation == 1.0:
        return stream
    rest = 1 - saturation
    luma = {"r": 0.2126, "g": 0.7152, "b": 0.0722}
    terms = {
        f"{out}{into}": rest * luma[into] + (saturation if out == into else 0.0)
        for out in luma
        for into in luma
    }
    return stream.filter("colorchannelmixer", **{k: f"{v:.8f}" for k, v in terms.items()})


def keyed(stream: Node, key: ChromaKey, work: str) -> Node:
    """
    *stream* with a colour made transparent: clear up to `similarity`, solid from there + `blend`.

    The distance is that of chroma (BT.709, 8 bits) over 255 times the root of 2.
    """
    red, green, blue = (int(key.colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    codes = (
        16 + 219 * luma,
        128 + 224 * (blue - luma) / 1.8556,
        128 + 224 * (red - luma) / 1.5748,
    )
    colour = "0x" + "".join(f"{round(code):02x}" for code in codes)
    form = "yuva444p10le" if "10" in work else "yuva444p"
    if work.startswith("gbr"):
        stream = stream.filter("zscale", matrix="709", range="limited")
    stream = stream.filter("format", form).filter(
        "chromakey", color=colour, similarity=max(1e-5, key.similarity), blend=key.blend, yuv=1
    )
    if key.spill and (kind := _spill(red, green, blue)):
        stream = stream.filter("zscale", matrix="gbr", range="full").filter("format", "gbrap")
        stream = stream.filter("format", "argb").filter("despill", type=kind, mix=1 - key.spill)
        stream = stream.filter("format", "gbrap").filter(
            "zscale", matrixin="gbr", rangein="full", matrix="709", range="limited"
        )
        stream = stream.filter("format", form)
    if work.startswith("gbr"):
        stream = stream.filter("zscale", matrix="gbr", range="full")
    elif "444" not in work:
        stream = stream.filter("zscale", chromal="left")
    return stream.filter("format", _with_alpha(work)).filter("setsar", 1)


def _spill(red: float, green: float, blue: float) -> str:
    """Which channel glows on the subject."""
    if green > max(red, blue):
        return "green"
    return "blue" if blue > max(red, green) else ""


def _grey(work: str) -> str:
    """The format of a mask."""
    return "gray10le" if "10" in work else "gray"


def _deep(work: str) -> str:
    return work.replace("10le", "") + "16le" if not work.startswith("gbr") else "gbrp16le"


def _with_alpha(work: str) -> str:
    return "gbrap" if work.startswith("gbr") else work.replace("yuv", "yuva")


def _seconds(value: Fraction) -> str:
    return f"{float(value):.6f}"
