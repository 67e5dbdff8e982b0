"""
Files that a span's graph needs beside its sources: LUTs, frames made as arrays, masks, words.

    with prepared(span) as materials:
        graph_of(span, materials)
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from assembler.match.apply import constant_part, corrected, cube
from assembler.match.decision import NO_CORRECTION, Correction
from assembler.media.ffmpeg import run
from assembler.media.frames import BT709, FrameWriter
from assembler.rendering.graph import Materials, fitted, graph_of, needs_arrays, working_format
from assembler.rendering.spans import Form, Overlay, Passage, Shot, Span
from assembler.timebase import FrameRange, Timecode

_STRIP_PART = 18
"""The burnt-in line is this part of the picture's height."""


@contextmanager
def prepared(span: Span, cancel: threading.Event | None = None) -> Iterator[Materials]:
    """What *span* needs, in a folder that goes when the block ends."""
    with tempfile.TemporaryDirectory(prefix="assembler-span-") as name:
        folder = Path(name)
        yield Materials(
            cubes=_cubes(span, folder),
            inserts=_made_shots(span, folder, cancel),
            masks=_masks(span, folder),
            strip=_strip(span, folder) if span.form.burn_in else None,
        )


def shots_of(span: Span) -> Iterator[Shot]:
    """All shots of a span, those within transitions too."""
    for piece in span.pieces:
        match piece:
            case Shot():
                yield piece
            case Passage():
                yield piece.before
                yield piece.after


def _cubes(span: Span, folder: Path) -> dict[Correction, Path]:
    out: dict[Correction, Path] = {}
    for shot in shots_of(span):
        rest = constant_part(shot.correction)
        if (
            rest.colour is not None
            and not needs_arrays(shot, span.form)
            and shot.correction not in out
        ):
            out[shot.correction] = write_cube(rest, folder / f"{len(out)}.cube")
    return out


def write_cube(correction: Correction, path: Path) -> Path:
    """The colour of *correction* as a .cube file."""
    assert correction.colour is not None
    lut = cube(correction.colour)
    rows = lut.transpose(2, 1, 0, 3).reshape(-1, 3)
    lines = [f"LUT_3D_SIZE {lut.shape[0]}", *(f"{r:.7f} {g:.7f} {b:.7f}" for r, g, b in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def _made_shots(span: Span, folder: Path, cancel: threading.Event | None) -> dict[Shot, Path]:
    out: dict[Shot, Path] = {}
    for shot in shots_of(span):
        if needs_arrays(shot, span.form) and shot not in out:
            number = len(out)
            raw = _conformed(span, shot, folder / f"raw{number}.mkv", cancel)
            out[shot] = _corrected(raw, shot, span.form, folder / f"made{number}.mkv")
            raw.unlink()
    return out


def _conformed(span: Span, shot: Shot, path: Path, cancel: threading.Event | None) -> Path:
    """The shot without its correction, in 16-bit RGB."""
    plain = replace(shot, correction=NO_CORRECTION, arrays=False)
    form = replace(span.form, pix_fmt="gbrp16le", burn_in=False)
    alone = Span(FrameRange(0, shot.frames), (plain,), (), (), form)
    stream = graph_of(alone, Materials())
    args = {"c:v": "ffv1", "level": 3, "g": 1, "fps_mode": "passthrough"}
    run(ffmpeg.get_args(ffmpeg.output(stream, str(path), **args)), cancel=cancel)
    return path


def _corrected(raw: Path, shot: Shot, form: Form, path: Path) -> Path:
    correction = fitted(shot.correction, form)
    work = working_format(form.pix_fmt)
    with FrameWriter(
        path, form.size, form.rate, encoder="ffv1", pix_fmt=work, colour=BT709, options={"g": "1"}
    ) as writer:
        for n, rgb in enumerate(_rgb_frames(raw)):
            writer.write(corrected(rgb, correction, max(0, shot.used + n)))
    return path


def _rgb_frames(path: Path) -> Iterator[NDArray[np.float32]]:
    """Frames of a gbrp16 file as float32 RGB in [0, 1]."""
    import av

    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = frame.to_ndarray()
            yield np.asarray(planes, np.float32) / np.float32(65535)


def _masks(span: Span, folder: Path) -> dict[Overlay, Path]:
    out: dict[Overlay, Path] = {}
    for overlay in span.overlays:
        if overlay.shape != "box" and overlay not in out:
            path = folder / f"mask{len(out)}.png"
            _draw_mask(overlay.box[2:], overlay.shape).save(path)
            out[overlay] = path
    return out


def _draw_mask(size: tuple[int, int], shape: str) -> Any:
    """White shape on black with smooth edges, drawn at four times the size."""
    from PIL import Image, ImageDraw

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


def _strip(span: Span, folder: Path) -> Path:
    """Timecode and segment of every frame of a draft, white on a dark line."""
    import av
    from PIL import Image, ImageDraw

    height = max(12, span.form.size[1] // _STRIP_PART // 2 * 2)
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
