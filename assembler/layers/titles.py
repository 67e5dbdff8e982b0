"""
Titles as short lossless clips with transparency, made with moviepy and kept by content key.

    insert = title_insert(layer, (1920, 1080), Fraction(24), project.folder / "titles")
    insert.path, insert.x, insert.y

A clip covers only the part of the canvas and the frames in which there is something to see.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assembler.cut.code import function_of
from assembler.cut.model import Effect, Insert, TitleLayer
from assembler.errors import AssemblerError, RenderError
from assembler.layers.typeset import (
    SHADOW_BLUR,
    SHADOW_DROP,
    TRAVEL,
    Block,
    Box,
    Line,
    typeset,
)
from assembler.layers.words import complete
from assembler.media.files import sha256_of
from assembler.planning.keys import content_key
from assembler.spec.presets import TitlePreset, font_file, title_preset
from assembler.timebase import FrameRange

STAGE = 1
"""Version of how titles look; raise it when the same style gives other pixels."""

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


def title_insert(
    layer: TitleLayer,
    size: tuple[int, int],
    rate: Fraction,
    folder: Path,
    *,
    folders: Sequence[Path] = (),
) -> Insert:
    """
    The clip of a title, made unless it is there.

    Args:
        layer: Words, style and place in the programme.
        size: Canvas width and height.
        rate: Frames a second of the programme.
        folder: Where clips are kept.
        folders: Presets folders of the user.

    Returns:
        QuickTime Animation (lossless) with straight alpha, BT.709 R'G'B', `record` frames long.

    Raises:
        UsageError: If there is no such style.
        MissingProgramError: If the font or one of its characters is missing.
        RenderError: If the words don't fit the picture.
    """
    if layer.made is not None:
        return _own_insert(layer, layer.made, size, rate, folder)
    style = title_preset(layer.style, folders)
    font = font_file(style.font, folders)
    block = typeset(layer.text, style, size, complete(layer.text, font, style))
    frames = layer.record.frames
    key = content_key(
        stage=STAGE, text=layer.text, size=size, rate=rate, frames=frames, **_look(style, font)
    )
    path = folder / f"{key}.mov"
    if not path.is_file():
        _write(path, _pictures(block, style, font, rate, frames), block.box, rate)
    x, y, width, height = block.box
    return Insert(path, layer.record, x, y, width, height, key)


def _own_insert(
    layer: TitleLayer, made: Effect, size: tuple[int, int], rate: Fraction, folder: Path
) -> Insert:
    """A clip that the user's function makes, as large as the canvas."""
    frames = layer.record.frames
    key = content_key(
        stage=STAGE, code=made.key, name=made.name, options=made.options, size=size, rate=rate,
        frames=frames,
    )  # fmt: skip
    path = folder / f"{key}.mov"
    if not path.is_file():
        box = (0, 0, *size)
        _write(path, _own_pictures(made, size, rate, frames), box, rate)
    return Insert(path, layer.record, 0, 0, *size, key)


def _own_pictures(
    made: Effect, size: tuple[int, int], rate: Fraction, frames: int
) -> Iterator[Floats]:
    try:
        clip = function_of(made)(size=size, duration=float(frames / rate), **made.given)
        for number in range(frames):
            yield _own_picture(clip, float((number + Fraction(1, 2)) / rate), size)
    except AssemblerError:
        raise
    except Exception as exc:  # the user's own code may raise anything
        raise RenderError(f"the clip {made.name} fails: {exc!r}", fix="mend it.") from exc


def _own_picture(clip: Any, t: float, size: tuple[int, int]) -> Floats:
    picture = np.asarray(clip.get_frame(t))
    if picture.shape[:2] != size[::-1]:
        got = "x".join(str(side) for side in picture.shape[1::-1])
        raise RenderError(f"the clip is {got}, not {size[0]}x{size[1]}", fix="use `size`.")
    if clip.mask is not None:
        return _picture(clip, t)
    colour = picture[..., :3].astype(np.float32) / np.float32(255)
    return np.dstack([colour, np.ones(picture.shape[:2], np.float32)])


def text_insert(
    text: str,
    style: TitlePreset,
    font: Path,
    record: FrameRange,
    size: tuple[int, int],
    folder: Path,
) -> Insert:
    """
    Words that stand still, as a PNG with straight alpha, made unless it is there.

    Raises:
        MissingProgramError: If the font lacks a character.
        RenderError: If the words don't fit the picture.
    """
    block = typeset(text, style, size, complete(text, font, style))
    key = content_key(stage=STAGE, still=True, text=text, size=size, **_look(style, font))
    path = folder / f"{key}.png"
    if not path.is_file():
        from assembler.media.stills import write_png

        write_png(path, _picture(_composite(block, style, font, 1.0, still=True), 0.5))
    x, y, width, height = block.box
    return Insert(path, record, x, y, width, height, key, still=True)


def _look(style: TitlePreset, font: Path) -> dict[str, object]:
    return {"style": style.model_dump(mode="json"), "font": _font_hash(font)}


@lru_cache(maxsize=16)
def _font_hash(font: Path) -> str:
    return sha256_of(font)


def _write(path: Path, pictures: Iterator[Floats], box: Box, rate: Fraction) -> None:
    from assembler.media.writer import FrameWriter

    with FrameWriter(path, box[2:], rate, encoder="qtrle", pix_fmt="argb") as writer:
        last: Floats | None = None
        for picture in pictures:
            if picture is last:
                writer.repeat()
            else:
                writer.write(picture)
            last = picture


def _pictures(
    block: Block, style: TitlePreset, font: Path, rate: Fraction, frames: int
) -> Iterator[Floats]:
    """Every frame, sampled in its middle; those that stand still are made once."""
    length = float(frames / rate)
    clip = _composite(block, style, font, length)
    begin, end = _fades(style, length)
    still: Floats | None = None
    for number in range(frames):
        t = float((number + Fraction(1, 2)) / rate)
        if not begin <= t <= length - end:
            yield _picture(clip, t)
            continue
        if still is None:
            still = _picture(clip, t)
        yield still


def _picture(clip: Any, t: float) -> Floats:
    colour = clip.get_frame(t).astype(np.float32) / np.float32(255)
    alpha = np.clip(clip.mask.get_frame(t), 0, 1).astype(np.float32)
    return np.dstack([colour, alpha])


def _fades(style: TitlePreset, length: float) -> tuple[float, float]:
    """Seconds of both fades; shortened alike when they would meet."""
    begin, end = style.fade_in_s, style.fade_out_s
    scale = min(1.0, 0.9 * length / (begin + end)) if begin + end else 1.0
    return begin * scale, end * scale


def _composite(
    block: Block, style: TitlePreset, font: Path, length: float, *, still: bool = False
) -> Any:
    """The moviepy clip of the block, in its own box."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moviepy's own dependencies warn while they are imported
        from moviepy import CompositeVideoClip, ImageClip, vfx
    begin, end = (0.0, 0.0) if still else _fades(style, length)
    under = [
        ImageClip(picture, transparent=True, duration=length).with_position((x, y))
        for x, y, picture in _under(block, style, font)
    ]
    over = [_words(line, style, font, block, length) for line in block.lines]
    if style.move != "none" and begin:
        over = [_moving(clip, style.move, block.px, begin) for clip in over]
    clip = CompositeVideoClip([*under, *over], size=block.box[2:]).with_duration(length)
    effects = [vfx.CrossFadeIn(begin)] if begin else []
    effects += [vfx.CrossFadeOut(end)] if end else []
    return clip.with_effects(effects) if effects else clip


def _words(line: Line, style: TitlePreset, font: Path, block: Block, length: float) -> Any:
    from moviepy import TextClip

    stroke = round(style.outline * line.px)
    margin = max(4, round(0.4 * line.px))
    clip = TextClip(
        font=str(font),
        text=line.text,
        font_size=line.px,
        margin=(margin, margin),
        color=line.colour,
        # The colour under transparent pixels shows at the letters' edges.
        bg_color=(*_rgb(style.outline_colour if stroke else line.colour), 0),
        stroke_color=style.outline_colour if stroke else None,
        stroke_width=stroke,
        duration=length,
    )
    top = line.baseline - _ascent(font, line.px) - margin - stroke
    left = line.x - margin - stroke
    return clip.with_position((left - block.box[0], top - block.box[1]))


def _ascent(font: Path, px: int) -> int:
    from assembler.layers.typeset import face

    return int(face(font, px).getmetrics()[0])


def _moving(clip: Any, move: str, px: int, seconds: float) -> Any:
    x, y = clip.pos(0)
    way = TRAVEL * px

    def position(t: float) -> tuple[int, int]:
        left = way * (1 - min(1.0, max(0.0, t / seconds))) ** 3
        return (round(x - left), y) if move == "left" else (x, round(y + left))

    return clip.with_position(position)


def _under(block: Block, style: TitlePreset, font: Path) -> Iterator[tuple[int, int, Pixels]]:
    """Pictures under the words, with their places in the box: background, plate, bar, shadow."""
    left, top, width, height = block.box
    if style.background:
        yield 0, 0, _filled(width, height, style.background.colour, style.background.opacity)
    if style.plate and block.plate:
        x, y, w, h = block.plate
        radius = round(style.plate.radius * block.px)
        yield x - left, y - top, _panel(w, h, radius, style, square_left=block.bar is not None)
    if style.bar and block.bar:
        x, y, w, h = block.bar
        yield x - left, y - top, _filled(w, h, style.bar.colour, 1.0)
    if style.shadow:
        yield 0, 0, _shadow(block, style.shadow, font)


def _filled(width: int, height: int, colour: str, opacity: float) -> Pixels:
    pixel = (*_rgb(colour), round(255 * opacity))
    return np.full((height, width, 4), pixel, np.uint8)


def _panel(
    width: int, height: int, radius: int, style: TitlePreset, *, square_left: bool
) -> Pixels:
    """A plate with rounded corners, smoothed by drawing it four times as large."""
    from PIL import Image, ImageDraw

    assert style.plate is not None
    large = Image.new("L", (4 * width, 4 * height), 0)
    corners = (not square_left, True, True, not square_left)
    ImageDraw.Draw(large).rounded_rectangle(
        (0, 0, 4 * width - 1, 4 * height - 1), 4 * radius, fill=255, corners=corners
    )
    shape = np.asarray(large.resize((width, height), Image.Resampling.BOX), np.float32)
    out = _filled(width, height, style.plate.colour, 1.0)
    out[..., 3] = np.rint(shape * style.plate.opacity).astype(np.uint8)
    return out


def _shadow(block: Block, opacity: float, font: Path) -> Pixels:
    from PIL import Image, ImageDraw, ImageFilter

    from assembler.layers.typeset import face

    left, top, width, height = block.box
    image = Image.new("L", (width, height), 0)
    drop = round(SHADOW_DROP * block.px)
    for line in block.lines:
        ImageDraw.Draw(image).text(
            (line.x - left, line.baseline - top + drop),
            line.text,
            fill=255,
            font=face(font, line.px),
            anchor="ls",
        )
    blurred = image.filter(ImageFilter.GaussianBlur(SHADOW_BLUR * block.px))
    # Thin letters lose most of their weight in the blur.
    dark = np.minimum(255, 1.8 * np.asarray(blurred, np.float32)) * opacity
    out = np.zeros((height, width, 4), np.uint8)
    out[..., 3] = np.rint(dark).astype(np.uint8)
    return out


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
