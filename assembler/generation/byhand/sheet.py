"""
A job sheet: all that somebody needs to make one clip with a generator of their choice.

The sheet is a page of Markdown that reads well as plain text, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from assembler.planning.model import Link
from assembler.spec.presets import GenerationKind


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a job sheet says beside what the link asks for."""

    job: str
    """Name of the job, and of the file to bring back."""
    link: Link
    inbox: str
    """The folder to put the clip into, as the reader sees it from the sheet."""
    files: tuple[tuple[str, str], ...]
    """What lies beside the sheet: what it is for, and its name."""
    known_by_picture: bool
    """Whether the clip can be recognised by its first frame."""


def text_of(sheet: Sheet) -> str:
    """The sheet as Markdown."""
    link = sheet.link
    lines = [
        f"# {sheet.job}",
        "",
        f"Make one clip and put it into `{sheet.inbox}` as `{sheet.job}.mp4` "
        "(or .mov, .webm, .mkv).",
    ]
    if sheet.known_by_picture:
        lines += [
            "Under another name it is known by its first frame, which must be the start image."
        ]
    lines += ["", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in _rows(sheet)]
    for heading, text in _texts(link):
        lines += ["", f"## {heading}", "", text]
    return "\n".join(lines) + "\n"


def _rows(sheet: Sheet) -> Iterator[tuple[str, str]]:
    link = sheet.link
    width, height = link.size
    yield "for", f"link {link.id} ({link.where.replace('|', '/')})"
    if link.model != "any":
        yield "model", link.model
    yield "makes", _KINDS[link.kind]
    yield "length", f"{_seconds(link.length_s)} s"
    yield "size", f"{width}x{height} ({_shape(width, height)}), {link.resolution}"
    yield "sound", "native, please" if link.audio else "none needed"
    for use, name in sheet.files:
        yield use, f"`{name}`"
    if link.camera:
        yield "camera", _cell(link.camera)
    if link.seed is not None:
        yield "seed", str(link.seed)
    if link.guidance is not None:
        yield "guidance", f"{link.guidance:g}"
    if link.elements:
        yield "elements", _cell(", ".join(link.elements))
    if link.voices:
        yield "voices", _cell(", ".join(link.voices))
    for name, value in link.options.items():
        yield _cell(str(name)), _cell(str(value))


_KINDS: Mapping[GenerationKind, str] = {
    "text": "a clip from words",
    "image": "a clip from its start image",
    "reference": "a clip that looks like its references",
    "motion": "the figure of the image, moving as in the video",
    "edit": "the video, changed as the prompt says",
    "avatar": "the portrait, speaking the recording",
    "lip-sync": "the video, speaking the recording",
    "extend": "what comes after the video",
}


def _texts(link: Link) -> Iterator[tuple[str, str]]:
    if link.prompt:
        yield "Prompt", link.prompt
    if link.shots:
        shots = enumerate(link.shots, 1)
        yield (
            "Shots, in one generation",
            "\n".join(f"{n}. {_seconds(s.duration_s)} s: {s.prompt}" for n, s in shots),
        )
    if link.negative:
        yield "Negative prompt", link.negative


def _shape(width: int, height: int) -> str:
    common = gcd(width, height)
    wide, high = width // common, height // common
    return f"{wide}:{high}" if max(wide, high) <= 64 else f"{width / height:.3g}:1"


def _seconds(seconds: Fraction) -> str:
    return f"{float(seconds):g}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
