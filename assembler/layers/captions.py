"""
Captions: read from SRT, WebVTT and ASS files, written as sidecars, set as pictures or as ASS.

    cues = read_captions(Path("captions.srt"))
    write_captions(cues, Path("out/film.vtt"))
    caption_inserts(cues, (1920, 1080), Fraction(24), folder)      # to lie over the picture
    ass_for(cues, (1920, 1080))                                    # for libass and players
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assembler.cut.model import Cue, Insert
from assembler.errors import MediaError, UsageError
from assembler.layers.titles import check_text, text_insert
from assembler.media.files import publish
from assembler.media.pipe import raw_frames
from assembler.media.writer import FrameWriter
from assembler.planning.keys import content_key
from assembler.spec.presets import TitlePreset, font_file, fonts_folder, title_preset
from assembler.timebase import FrameRange, frames_in, round_half_up

if TYPE_CHECKING:
    import pysubs2  # where it is needed: most films have no captions

MAX_BYTES = 20_000_000
MAX_CUES = 50_000
ASS_STAGE = 2
"""Version of how ASS is set; raise it when the same script gives other pixels."""
STYLE = "caption"
"""Style of titles that burned captions have."""

_FORMATS = ("srt", "vtt", "ass", "ssa")
_FIX = "use SRT, WebVTT or ASS."
_FAMILY = "Inter Semi Bold"
"""What the packaged font calls itself."""
_OVERRIDE = re.compile(r"\{\\[^}]*\}")
_ARROW = re.compile(r"^[^\n]*-->[^\n]*$", re.MULTILINE)


def read_captions(path: Path) -> tuple[Cue, ...]:
    """
    Captions of a file in the order in which they appear, without markup.

    Raises:
        MediaError: If it can't be read, is no caption file, or has a caption that ends before it
            begins.
    """
    text = _text(path)
    cues = list(_events(path, text))
    if len(cues) > MAX_CUES:
        raise MediaError(f"it has more than {MAX_CUES:,} captions", str(path), "split it.")
    return tuple(sorted((c for c in cues if c.text), key=lambda c: (c.start, c.stop)))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise MediaError(f"it can't be read: {exc.strerror or exc}", str(path)) from exc
    if len(data) > MAX_BYTES:
        raise MediaError(f"it is larger than {MAX_BYTES // 1_000_000} MB", str(path), _FIX)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        raise MediaError(
            f"byte {exc.start + 1} is not {encoding.removesuffix('-sig').upper()}",
            str(path),
            "save the captions as UTF-8.",
        ) from exc
    if "\0" in text:
        raise MediaError("it is no text", str(path), _FIX)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _events(path: Path, text: str) -> Iterator[Cue]:
    """Captions as the file has them; those of ASS keep its styles."""
    import pysubs2
    from pysubs2.exceptions import Pysubs2Error
    from pysubs2.formats import autodetect_format

    if not text.strip():
        raise MediaError("it is empty", str(path), _FIX)
    try:
        form = autodetect_format(text)
        if form not in _FORMATS:
            raise MediaError(f"captions in the format {form} are not read", str(path), _FIX)
        found = pysubs2.SSAFile.from_string(text, form)
    except (Pysubs2Error, ValueError, IndexError, KeyError) as exc:
        raise MediaError("it holds no captions that can be read", str(path), _FIX) from exc
    sheet = _sheet(found) if form in ("ass", "ssa") else ""
    spoken = [e for e in found if not e.is_comment and not e.is_drawing]
    if form in ("srt", "vtt") and (lines := _ARROW.findall(text)) and len(lines) != len(found):
        raise MediaError(
            f"{len(lines)} lines look like times, but {len(found)} captions can be read",
            str(path),
            "write times as 00:00:01,000 --> 00:00:02,500, with a line of text below.",
        )
    for number, event in enumerate(spoken, 1):
        if event.end <= event.start or event.start < 0:
            raise MediaError(
                f"caption {number} begins at {event.start / 1000:g} s and ends at "
                f"{event.end / 1000:g} s",
                str(path),
                "let it end after it begins.",
            )
        start, stop = Fraction(event.start, 1000), Fraction(event.end, 1000)
        words = _plain(event.text, form)
        yield Cue(start, stop, words, _fields(event) if sheet else "", sheet)


def _sheet(found: pysubs2.SSAFile) -> str:
    """Head of an ASS file: all that its events need."""
    import pysubs2

    bare = pysubs2.SSAFile()
    bare.info, bare.styles = dict(found.info), dict(found.styles)
    return bare.to_string("ass")


def _fields(event: pysubs2.SSAEvent) -> str:
    """An event's fields after its times, as ASS writes them."""
    margins = f"{event.marginl},{event.marginr},{event.marginv}"
    text = event.text.replace("\n", r"\N")
    return f"{event.layer}|{event.style},{event.name},{margins},{event.effect},{text}"


def _plain(text: str, form: str) -> str:
    text = _OVERRIDE.sub("", text).replace(r"\h", " ")
    text = re.sub(r"</?[A-Za-z][^>\n]*>", "", text.replace(r"\N", "\n").replace(r"\n", "\n"))
    if form == "vtt":
        text = html.unescape(text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def write_captions(cues: Sequence[Cue], path: Path, size: tuple[int, int] = (1920, 1080)) -> None:
    """
    Write a sidecar file; the suffix says whether SubRip (.srt), WebVTT (.vtt) or ASS (.ass).

    Args:
        cues: In the order in which they appear.
        path: The whole file appears at once or not at all.
        size: Canvas that the ASS style is made for.

    Raises:
        UsageError: If the suffix is another one.
    """
    match path.suffix.lower():
        case ".srt":
            text = _srt(cues)
        case ".vtt":
            text = _vtt(cues)
        case ".ass" if cues and all(c.event and c.styles == cues[0].styles for c in cues):
            text = _script(cues, Fraction(0))
        case ".ass":
            text = ass_for(cues, size)
        case other:
            what = f"captions can't be written as {other or path.name!r}"
            raise UsageError(what, str(path), "name the file .srt, .vtt or .ass.")
    with publish(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


# pysubs2 would take words in {braces} for ASS commands and drop them, so both are written here.


def _srt(cues: Sequence[Cue]) -> str:
    blocks = (
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.stop, ',')}\n{_solid(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    )
    return "\n".join(blocks)


def _vtt(cues: Sequence[Cue]) -> str:
    blocks = (
        f"{_clock(cue.start, '.')} --> {_clock(cue.stop, '.')}\n"
        f"{html.escape(_solid(cue.text), quote=False)}\n"
        for cue in cues
    )
    return "\n".join(["WEBVTT\n", *blocks])


def _solid(text: str) -> str:
    """Text without empty lines, which would end the caption."""
    return "\n".join(line for line in text.splitlines() if line.strip())


def _clock(seconds: Fraction, mark: str) -> str:
    milliseconds = round_half_up(seconds * 1000)
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{mark}{rest:03d}"


def burned_inserts(
    cues: Sequence[Cue],
    size: tuple[int, int],
    rate: Fraction,
    folder: Path,
    *,
    folders: Sequence[Path] = (),
) -> tuple[Insert, ...]:
    """Captions to lie over the picture: ASS set by libass, others in the style `caption`."""
    plain = [cue for cue in cues if not cue.event]
    styled = [cue for cue in cues if cue.event]
    return (
        *caption_inserts(plain, size, rate, folder, folders=folders),
        *ass_inserts(styled, size, rate, folder, folders=folders),
    )


def check_captions(
    cues: Sequence[Cue], size: tuple[int, int], *, folders: Sequence[Path] = ()
) -> None:
    """
    Raise what burning these captions in would raise, in a moment and without a file.

    Raises:
        MissingProgramError: If the font lacks a character; the caption is named.
        RenderError: If a caption doesn't fit the picture.
    """
    style = title_preset(STYLE, folders)
    for number, cue in enumerate(cues, 1):
        if not cue.event:
            check_text(cue.text, style, size, f"caption {number}", folders=folders)


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
        frames = _frames(cue, rate)
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
    script = _script(cues, record.start / rate)
    fonts = fonts_folder(folders)
    key = content_key(
        stage=ASS_STAGE, script=script, size=size, rate=rate, frames=record.frames,
        fonts=sorted(path.name for path in fonts.iterdir()),
    )  # fmt: skip
    path = folder / f"{key}.mov"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / f"{key}.ass"
        with publish(source) as part:
            part.write_text(script, encoding="utf-8")
        with FrameWriter(path, size, rate, encoder="qtrle", pix_fmt="argb") as writer:
            for picture in _set_by_libass(source, size, rate, record.frames, fonts):
                writer.write(picture)
    return Insert(path, record, 0, 0, *size, key)


def _script(cues: Sequence[Cue], begin: Fraction) -> str:
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


def caption_inserts(
    cues: Sequence[Cue],
    size: tuple[int, int],
    rate: Fraction,
    folder: Path,
    *,
    folders: Sequence[Path] = (),
) -> tuple[Insert, ...]:
    """
    Captions as still pictures with transparency, in the style `caption`.

    Captions that are up at the same time share a picture, one above the other.

    Raises:
        MissingProgramError: If the font or one of its characters is missing.
        RenderError: If a caption doesn't fit the picture.
    """
    style = title_preset(STYLE, folders)
    font = font_file(style.font, folders)
    return tuple(
        text_insert(text, style, font, record, size, folder) for record, text in shown(cues, rate)
    )


def shown(cues: Sequence[Cue], rate: Fraction) -> Iterator[tuple[FrameRange, str]]:
    """Stretches of frames and the words that are up in them."""
    ranges = [(_frames(cue, rate), cue.text) for cue in cues]
    edges = sorted({edge for record, _ in ranges for edge in record})
    active: list[tuple[FrameRange, str]] = []
    waiting = sorted(ranges, key=lambda r: r[0])[::-1]
    for start, stop in pairwise(edges):
        while waiting and waiting[-1][0].start <= start:
            active.append(waiting.pop())
        active = [entry for entry in active if entry[0].stop > start]
        if active:
            yield FrameRange(start, stop), "\n".join(text for _, text in active)


def _frames(cue: Cue, rate: Fraction) -> FrameRange:
    start = frames_in(cue.start, rate)
    return FrameRange(start, max(start + 1, frames_in(cue.stop, rate)))


def ass_for(cues: Sequence[Cue], size: tuple[int, int], *, folders: Sequence[Path] = ()) -> str:
    """
    The captions as an ASS script for libass: ``subtitles=captions.ass:fontsdir=<folder of fonts>``.

    It looks as the style `caption` does, with libass's own line breaking.
    """
    import pysubs2

    style = title_preset(STYLE, folders)
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
    import pysubs2

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
    import pysubs2

    red, green, blue = bytes.fromhex(colour[1:])
    return pysubs2.Color(red, green, blue, round(255 * (1 - opacity)))


def _ass_text(text: str) -> str:
    """Words as they are: no braces that are commands, no backslashes that break lines."""
    text = text.replace("\\", "\\\u2060").replace("{", r"\{").replace("}", r"\}")
    return text.replace("\n", r"\N")
