"""
ASS: captions that bring their own styles and motion, set by libass; and others written as ASS.

    ass_inserts(cues, (1920, 1080), Fraction(24), folder)          # to lie over the picture
    ass_for(cues, (1920, 1080))                                    # for libass and players
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pysubs2
from numpy.typing import NDArray

from assembler.cut.model import Cue, Insert
from assembler.media.files import publish
from assembler.media.pipe import raw_frames
from assembler.media.writer import FrameWriter
from assembler.planning.keys import content_key
from assembler.spec.presets import CAPTION, TitlePreset, fonts_folder, title_preset
from assembler.timebase import FrameRange, round_half_up

ASS_STAGE = 2
"""Version of how ASS is set; raise it when the same script gives other pixels."""

_FAMILY = "Inter Semi Bold"
"""What the packaged font calls itself."""


def sheet(found: pysubs2.SSAFile) -> str:
    """Head of an ASS file: all that its events need."""
    bare = pysubs2.SSAFile()
    bare.info, bare.styles = dict(found.info), dict(found.styles)
    return bare.to_string("ass")


def fields(event: pysubs2.SSAEvent) -> str:
    """An event's fields after its times, as ASS writes them."""
    margins = f"{event.marginl},{event.marginr},{event.marginv}"
    text = event.text.replace("\n", r"\N")
    return f"{event.layer}|{event.style},{event.name},{margins},{event.effect},{text}"


def ass_inserts(
    cues: Sequence[Cue],
    size: tuple[int, int],
    rate: Fraction,
    folder: Path,
    *,
    folders: Sequence[Path] = (),
) -> tuple[Insert, ...]:
    """
    Captions that came from ASS, set by libass with their own styles and motion.

    Captions that are up at the same time share a clip of the whole picture.
    """
    return tuple(
        _ass_insert(record, group, size, rate, folder, folders)
        for record, group in _together(cues, rate)
    )


def _together(cues: Sequence[Cue], rate: Fraction) -> Iterator[tuple[FrameRange, list[Cue]]]:
    """Captions of one file's styles that overlap, with the frames that they cover."""
    group: list[Cue] = []
    record = FrameRange(0, 0)
    for cue in sorted(cues, key=lambda c: (c.styles, c.start, c.stop)):
        frames = cue.frames(rate)
        if group and (frames.start >= record.stop or cue.styles != group[0].styles):
            yield record, group
            group = []
        start = record.start if group else frames.start
        record = FrameRange(start, max(record.stop, frames.stop) if group else frames.stop)
        group.append(cue)
    if group:
        yield record, group


def _ass_insert(
    record: FrameRange,
    cues: Sequence[Cue],
    size: tuple[int, int],
    rate: Fraction,
    folder: Path,
    folders: Sequence[Path],
) -> Insert:
    words = script(cues, record.start / rate)
    fonts = fonts_folder(folders)
    key = content_key(
        stage=ASS_STAGE, script=words, size=size, rate=rate, frames=record.frames,
        fonts=sorted(path.name for path in fonts.iterdir()),
    )  # fmt: skip
    path = folder / f"{key}.mov"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / f"{key}.ass"
        with publish(source) as part:
            part.write_text(words, encoding="utf-8")
        with FrameWriter(path, size, rate, encoder="qtrle", pix_fmt="argb") as writer:
            for picture in _set_by_libass(source, size, rate, record.frames, fonts):
                writer.write(picture)
    return Insert(path, record, 0, 0, *size, key)


def script(cues: Sequence[Cue], begin: Fraction) -> str:
    """An ASS script of the captions, with times from *begin* on."""
    lines = [cues[0].styles.rstrip("\n")]
    for cue in cues:
        layer, _, rest = cue.event.partition("|")
        times = ",".join(_ass_clock(max(Fraction(0), t - begin)) for t in (cue.start, cue.stop))
        lines.append(f"Dialogue: {layer},{times},{rest}")
    return "\n".join(lines) + "\n"


def _ass_clock(seconds: Fraction) -> str:
    hundredths = round_half_up(seconds * 100)
    whole, rest = divmod(hundredths, 100)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}.{rest:02d}"


def _set_by_libass(
    script: Path, size: tuple[int, int], rate: Fraction, frames: int, fonts: Path
) -> Iterator[NDArray[np.float32]]:
    """R'G'B'A pictures: libass draws over clear black, and ffmpeg gives it video range there."""
    import ffmpeg

    canvas = "color=c=black@0:s={}x{}:r={},format=rgba".format(*size, rate)
    words = ffmpeg.input(canvas, f="lavfi").filter(
        "subtitles", filename=script.as_posix(), fontsdir=fonts.as_posix(), alpha=1
    )
    words = words.filter("trim", end_frame=frames)
    output = ffmpeg.output(words, "pipe:1", f="rawvideo", pix_fmt="rgba")
    for raw in raw_frames(ffmpeg.get_args(output), size[0] * size[1] * 4, where=script.name):
        codes = np.frombuffer(raw, np.uint8).reshape(size[1], size[0], 4).astype(np.float32)
        alpha = codes[..., 3:]
        straight = np.divide(codes[..., :3] * 255, alpha, where=alpha > 0, out=codes[..., :3])
        colour = np.clip((straight - np.float32(16)) / np.float32(219), 0, 1)
        yield np.dstack([colour, alpha / np.float32(255)])


def ass_for(cues: Sequence[Cue], size: tuple[int, int], *, folders: Sequence[Path] = ()) -> str:
    """
    The captions as an ASS script for libass: ``subtitles=captions.ass:fontsdir=<folder of fonts>``.

    It looks as the style `caption` does, with libass's own line breaking.
    """
    style = title_preset(CAPTION, folders)
    script = pysubs2.SSAFile()
    script.info |= {
        "PlayResX": str(size[0]),
        "PlayResY": str(size[1]),
        "ScaledBorderAndShadow": "yes",
        "WrapStyle": "0",
        "YCbCr Matrix": "TV.709",
    }
    script.styles["Default"] = _ass_style(style, size)
    for cue in cues:
        event = pysubs2.SSAEvent(round_half_up(cue.start * 1000), round_half_up(cue.stop * 1000))
        event.text = _ass_text(cue.text)
        script.append(event)
    return script.to_string("ass")


def _ass_style(style: TitlePreset, size: tuple[int, int]) -> pysubs2.SSAStyle:
    px = style.height * min(size)
    plate = style.plate
    side = round(max(style.margin, (1 - style.width) / 2) * size[0])
    return pysubs2.SSAStyle(
        fontname=_FAMILY,
        # ASS measures a font by its line (ascent and descent), Inter's is 1.21 times its size.
        fontsize=round(1.21 * px, 2),
        primarycolor=_ass_colour(style.colour, 1.0),
        outlinecolor=_ass_colour(plate.colour if plate else style.outline_colour,
                                 plate.opacity if plate else 1.0),
        backcolor=_ass_colour("#000000", 0.0),
        borderstyle=3 if plate else 1,
        outline=round((plate.padding if plate else style.outline) * px, 2),
        shadow=0,
        alignment=pysubs2.Alignment.BOTTOM_CENTER,
        marginl=side,
        marginr=side,
        marginv=round(style.margin * size[1]),
    )  # fmt: skip


def _ass_colour(colour: str, opacity: float) -> pysubs2.Color:
    red, green, blue = bytes.fromhex(colour[1:])
    return pysubs2.Color(red, green, blue, round(255 * (1 - opacity)))


def _ass_text(text: str) -> str:
    """Words as they are: no braces that are commands, no backslashes that break lines."""
    text = text.replace("\\", "\\\u2060").replace("{", r"\{").replace("}", r"\}")
    return text.replace("\n", r"\N")
