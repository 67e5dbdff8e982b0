"""
What a span's graph needs beside its sources: corrected frames, masks, words.

    with prepared(span) as materials:
        stream = graph_of(span, materials)
        ...                                     # run it with stdin=frames_of(materials.piped, …)
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

from assembler.match.decision import NO_CORRECTION
from assembler.media.ffmpeg import run
from assembler.media.pipe import raw_frames
from assembler.rendering.graph import Materials, fitted, graph_of, working_format
from assembler.rendering.planes import Layout, PlaneChange
from assembler.rendering.spans import Form, Overlay, Passage, Shot, Span
from assembler.timebase import FrameRange, Timecode

_STRIP_PART = 18
"""The burnt-in line is this part of the picture's height."""


@contextmanager
def prepared(span: Span, cancel: threading.Event | None = None) -> Iterator[Materials]:
    """What *span* needs, in a folder that goes when the block ends."""
    shots = [shot for shot in shots_of(span) if not shot.correction.neutral]
    piped = next((shot for shot in shots if shots.count(shot) == 1), None)
    with tempfile.TemporaryDirectory(prefix="assembler-span-") as name:
        folder = Path(name)
        yield Materials(
            inserts=_made_shots([s for s in shots if s != piped], span.form, folder, cancel),
            piped=piped,
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


def frames_of(shot: Shot, form: Form, cancel: threading.Event | None = None) -> Iterator[bytes]:
    """Raw frames of *shot* with its correction, in the working format of *form*."""
    work = working_format(form.pix_fmt)
    layout = Layout.of(work, form.size)
    change = PlaneChange(fitted(shot.correction, form), layout)
    plain = replace(shot, correction=NO_CORRECTION)
    alone = Span(
        FrameRange(0, shot.frames), (plain,), (), (), replace(form, pix_fmt=work, burn_in=False)
    )
    stream = graph_of(alone, Materials())
    output = ffmpeg.output(
        stream, "pipe:1", f="rawvideo", pix_fmt=work, fps_mode="passthrough",
        filter_threads=1, filter_complex_threads=1,
    )  # fmt: skip
    read = raw_frames(ffmpeg.get_args(output), layout.frame_bytes, cancel=cancel, where=shot.clip)
    for n, raw in enumerate(read):
        for plane in change.apply(layout.planes(raw), max(0, shot.used + n)):
            yield np.ascontiguousarray(plane).data.cast("B")  # type: ignore[misc]


def _made_shots(
    shots: list[Shot], form: Form, folder: Path, cancel: threading.Event | None
) -> dict[Shot, Path]:
    """Corrected shots beside the piped one: sides of transitions, and what is very short."""
    out: dict[Shot, Path] = {}
    for shot in shots:
        if shot not in out:
            out[shot] = folder / f"made{len(out)}.mkv"
            raw = ffmpeg.input(
                "pipe:0", f="rawvideo", pix_fmt=working_format(form.pix_fmt),
                s="{}x{}".format(*form.size), framerate=str(form.rate),
            )  # fmt: skip
            output = ffmpeg.output(raw, str(out[shot]), **{"c:v": "ffv1", "level": 3, "g": 1})
            run(ffmpeg.get_args(output), stdin=frames_of(shot, form, cancel), cancel=cancel)
    return out


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
