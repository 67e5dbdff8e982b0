"""The formats by name: what an edit is written as, and what came back is recognised as."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, get_args

from assembler.errors import MediaError
from assembler.exporting import edl, fcp7, fcpxml, fcpxml_reader, otio, shots
from assembler.exporting.edit import Edit, Written
from assembler.exporting.found import Found
from assembler.exporting.places import Place
from assembler.timebase import Timecode

Format = Literal["otio", "fcpxml", "fcp7", "edl", "aaf", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)


def write(form: Format, edit: Edit, place: Place) -> tuple[Written, ...]:
    """The edit as text files of a format; `aaf` is no text, see `aaf.write`."""
    match form:
        case "otio":
            return (otio.write(edit, place),)
        case "fcpxml":
            return (fcpxml.write(edit, place),)
        case "fcp7":
            return (fcp7.write(edit, place),)
        case "edl":
            return edl.write(edit, place)
        case "csv":
            return (shots.write(edit, place),)
        case "aaf":
            return ()


def recognised(text: str) -> Format | None:
    """The format of a file that can be read, by its first words."""
    head = text.lstrip("\ufeff \r\n\t")[:4000]
    if head.startswith("{") and "OTIO_SCHEMA" in head:
        return "otio"
    if "<fcpxml" in head:
        return "fcpxml"
    if "<xmeml" in head:
        return "fcp7"
    return "edl" if re.search(r"^(TITLE:|FCM:|\d{3,}\s+\S+\s)", head, re.MULTILINE) else None


_BROKEN = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading a file that isn't what it says may raise, here and in OTIO's adapters."""


def read(
    files: Sequence[tuple[str, str]],
    *,
    rate: Fraction | None = None,
    start: Timecode | None = None,
) -> Found:
    """
    What files from an editor say.

    Args:
        files: Name and text of each; several only where they are EDLs of one edit.
        rate: Frames a second for EDLs, which don't say it.
        start: Timecode of the programme's first frame, for EDLs too.

    Raises:
        MediaError: If one can't be read.
    """
    try:
        return _read(files, rate, start)
    except _BROKEN as error:
        what = f"can't be understood ({type(error).__name__}: {error})"
        raise MediaError(what, files[0][0], "export it again") from error


def _read(files: Sequence[tuple[str, str]], rate: Fraction | None, start: Timecode | None) -> Found:
    forms = [recognised(text) for _, text in files]
    for (name, _), form in zip(files, forms, strict=True):
        if form is None:
            raise MediaError(
                "is no OTIO, FCPXML, FCP 7 XML or EDL file", name, "export it as one of these"
            )
    if len(files) > 1 and set(forms) != {"edl"}:
        raise MediaError("only EDLs come in several files", files[1][0], "import one file")
    name, text = files[0]
    match forms[0]:
        case "fcpxml":
            return fcpxml_reader.read(text, name)
        case "fcp7":
            return fcp7.read(text, name)
        case "otio":
            return otio.read(text, name)
    if rate is None:
        raise MediaError("an EDL doesn't say its frame rate", name, "add --rate, such as 25")
    begin = start
    found = []
    for name, text in files:
        found.append(edl.read(text, rate, start=begin, name=name, titled=len(files) > 1))
        begin = begin or Timecode(edl.first_record(text, rate, name), rate)
    return edl.together(found)
