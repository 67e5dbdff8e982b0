"""
What a span's graph needs beside its sources: frames made in arrays, masks, colour tables, words.

    with prepared(span) as materials:
        stream = graph_of(span, materials)
        ...                                     # run it with stdin=frames_of(materials.piped, …)
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from assembler.cut.model import Cdl, Table
from assembler.media.cube import Cube, mixed, read_cube, write_cube
from assembler.media.ffmpeg import run
from assembler.media.stills import write_png
from assembler.rendering.graph import Materials, raw_format, working_format
from assembler.rendering.raw import frames_of
from assembler.rendering.spans import Form, Overlay, Passage, Shot, Span, shots_of
from assembler.timebase import Timecode

_STRIP_PART = 18
"""The burnt-in line is this part of the picture's height."""


@contextmanager
def prepared(span: Span, cancel: threading.Event | None = None) -> Iterator[Materials]:
    """What *span* needs, in a folder that goes when the block ends."""
    shots = [shot for shot in shots_of(span) if shot.in_arrays]
    piped = next((shot for shot in shots if shots.count(shot) == 1), None)
    with tempfile.TemporaryDirectory(prefix="assembler-span-") as name:
        folder = Path(name)
        layers = [overlay.shot for overlay in span.overlays]
        yield Materials(
            inserts=_made_shots([s for s in shots if s != piped], span.form, folder, cancel),
            piped=piped,
            layers=_made_layers(span, folder, cancel),
            masks=_masks(span, folder),
            tables=_tables([*shots_of(span), *layers], folder),
            strip=_strip(span, folder) if span.form.burn_in else None,
        )


@contextmanager
def materials_of(
    shot: Shot, form: Form, cancel: threading.Event | None = None
) -> Iterator[Materials]:
    """What a single shot needs to be drawn, all of it in files."""
    with tempfile.TemporaryDirectory(prefix="assembler-shot-") as name:
        folder = Path(name)
        made = _made_shots([shot] if shot.in_arrays else [], form, folder, cancel)
        yield Materials(inserts=made, tables=_tables([shot], folder))


def _made_shots(
    shots: list[Shot], form: Form, folder: Path, cancel: threading.Event | None
) -> dict[Shot, Path]:
    """Shots beside the piped one: sides of transitions, and what is very short."""
    out: dict[Shot, Path] = {}
    for shot in shots:
        if shot not in out:
            out[shot] = folder / f"made{len(out)}.mkv"
            _make(shot, form, out[shot], cancel)
    return out


def _made_layers(span: Span, folder: Path, cancel: threading.Event | None) -> dict[Overlay, Path]:
    """Layers whose frames are made outside of ffmpeg, in their own size."""
    out: dict[Overlay, Path] = {}
    for overlay in span.overlays:
        if overlay.shot.in_arrays and overlay not in out:
            out[overlay] = folder / f"layer{len(out)}.mkv"
            form = replace(span.form, size=overlay.box[2:], canvas=overlay.box[2:])
            _make(overlay.shot, form, out[overlay], cancel)
    return out


def _make(shot: Shot, form: Form, path: Path, cancel: threading.Event | None) -> None:
    work = working_format(form.pix_fmt)
    raw = ffmpeg.input(
        "pipe:0", f="rawvideo", pix_fmt=raw_format(shot, work),
        s="{}x{}".format(*form.size), framerate=str(form.rate),
    )  # fmt: skip
    output = ffmpeg.output(raw, str(path), **{"c:v": "ffv1", "level": 3, "g": 1})
    run(ffmpeg.get_args(output), stdin=frames_of(shot, form, cancel), cancel=cancel)


_CURVE = 4096
"""Entries of a CDL's curves; what lies between is a straight line."""


def _tables(shots: Iterable[Shot], folder: Path) -> dict[Table | Cdl, Path]:
    """Colour tables of all shots, as ffmpeg reads them."""
    out: dict[Table | Cdl, Path] = {}
    changes = (shot.source.change for shot in shots)
    for found in (one for change in changes for one in (change.table, change.cdl)):
        if found is None or found in out:
            continue
        out[found] = folder / f"table{len(out)}.cube"
        if isinstance(found, Table):
            write_cube(out[found], mixed(read_cube(found.path), found.strength))
        else:
            write_cube(out[found], Cube(_CURVE, False, curves_of(found)))
    return out


def curves_of(cdl: Cdl) -> NDArray[np.float64]:
    """(n, 3): what a CDL makes of values from 0 to 1, its saturation aside."""
    axis = np.linspace(0.0, 1.0, _CURVE)[:, None]
    straight = np.clip(axis * np.array(cdl.slope) + np.array(cdl.offset), 0, 1)
    return np.asarray(straight ** np.array(cdl.power), np.float64)


def _masks(span: Span, folder: Path) -> dict[Overlay, Path]:
    out: dict[Overlay, Path] = {}
    for overlay in span.overlays:
        if overlay.masked and overlay not in out:
            drawn = _draw_mask(overlay.box[2:], overlay.shape)
            shape = np.asarray(drawn, np.float32) / np.float32(255)
            if overlay.fades is None:
                out[overlay] = folder / f"mask{len(out)}.png"
                write_png(out[overlay], np.dstack([shape * np.float32(overlay.opacity)] * 3))
            else:
                out[overlay] = folder / f"mask{len(out)}.mkv"
                _fading_mask(overlay, shape, span.form, out[overlay])
    return out


def _fading_mask(overlay: Overlay, shape: NDArray[np.float32], form: Form, path: Path) -> None:
    raw = ffmpeg.input(
        "pipe:0", f="rawvideo", pix_fmt="gray",
        s="{}x{}".format(*overlay.box[2:]), framerate=str(form.rate),
    )  # fmt: skip
    output = ffmpeg.output(raw, str(path), **{"c:v": "ffv1", "level": 3, "g": 1})
    frames = (
        np.rint(shape * np.float32(255 * overlay.strength(n))).astype(np.uint8).tobytes()
        for n in range(overlay.frames)
    )
    run(ffmpeg.get_args(output), stdin=frames)


def _draw_mask(size: tuple[int, int], shape: str) -> Any:
    """White shape on black with smooth edges, drawn at four times the size."""
    from PIL import Image, ImageDraw

    if shape == "box":
        return Image.new("L", size, 255)
    big = Image.new("L", (size[0] * 4, size[1] * 4), 0)
    draw = ImageDraw.Draw(big)
    if shape == "circle":
        side = min(big.size)
        left, top = ((length - side) // 2 for length in big.size)
        draw.ellipse((left, top, left + side - 1, top + side - 1), fill=255)
    else:
        radius = min(big.size) // 8
        draw.rounded_rectangle((0, 0, big.width - 1, big.height - 1), radius, fill=255)
    return big.resize(size, Image.Resampling.BOX)


def strip_height(height: int) -> int:
    """Rows that the line burnt into a draft of *height* rows takes, from the top."""
    return max(12, height // _STRIP_PART // 2 * 2)


def _strip(span: Span, folder: Path) -> Path:
    """Timecode and segment of every frame of a draft, white on a dark line."""
    import av
    from PIL import Image, ImageDraw

    height = strip_height(span.form.size[1])
    size = (span.form.size[0], height)
    path = folder / "strip.mov"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("qtrle", rate=span.form.rate)
        stream.width, stream.height = size
        stream.pix_fmt = "argb"
        for n, name in enumerate(_names(span)):
            picture = Image.new("RGBA", size, (0, 0, 0, 160))
            code = Timecode.from_frames(span.frames.start + n, span.form.rate)
            draw = ImageDraw.Draw(picture)
            draw.text((height // 4, height // 2), f"{code}  {name}", "white", _font(height), "lm")
            frame: Any = av.VideoFrame.from_ndarray(np.asarray(picture), "rgba").reformat(
                format="argb"
            )
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@lru_cache(maxsize=8)
def _font(height: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(height * 0.7)


def _names(span: Span) -> Iterator[str]:
    """Segment of each frame."""
    for piece in span.pieces:
        shot = piece.after if isinstance(piece, Passage) else piece
        yield from [shot.clip] * piece.frames
