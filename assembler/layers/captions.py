"""
Captions: read from SRT, WebVTT and ASS files, and written as sidecars.

    cues = read_captions(Path("captions.srt"))
    write_captions(cues, Path("out/film.vtt"))

What is ASS's own is in `layers.ass`. Both need pysubs2, loaded late: most films have no captions.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from assembler.cut.model import Cue
from assembler.errors import MediaError, UsageError
from assembler.media.files import publish
from assembler.timebase import round_half_up

MAX_BYTES = 20_000_000
MAX_CUES = 50_000

_FORMATS = ("srt", "vtt", "ass", "ssa")
_FIX = "use SRT, WebVTT or ASS."
_OVERRIDE = re.compile(r"\{\\[^}]*\}")
_WORD_TIME = re.compile(r"<[\d:.]+>")
"""Says within a cue of WebVTT when its next word is said; pysubs2 takes it for a cue's."""
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

    from assembler.layers import ass

    if not text.strip():
        raise MediaError("it is empty", str(path), _FIX)
    try:
        if text.startswith("WEBVTT"):
            text = _WORD_TIME.sub("", text)
        form = autodetect_format(text)
        if form not in _FORMATS:
            raise MediaError(f"captions in the format {form} are not read", str(path), _FIX)
        found = pysubs2.SSAFile.from_string(text, form)
    except (Pysubs2Error, ValueError, IndexError, KeyError) as exc:
        raise MediaError("it holds no captions that can be read", str(path), _FIX) from exc
    sheet = ass.sheet(found) if form in ("ass", "ssa") else ""
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
        yield Cue(start, stop, words, ass.fields(event) if sheet else "", sheet)


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
        case ".ass":
            from assembler.layers import ass

            own = cues and all(c.event and c.styles == cues[0].styles for c in cues)
            text = ass.script(cues, Fraction(0)) if own else ass.ass_for(cues, size)
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
