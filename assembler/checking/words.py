"""Captions: inside the picture, readable in their time, and the ones that were planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np

from assembler.checking.expected import Expected
from assembler.checking.model import Finding
from assembler.checking.places import Places
from assembler.cut.model import Cue, Insert
from assembler.media.info import MediaInfo
from assembler.media.probe import opened

_SHORT_S = Fraction(1, 2)
"""A caption that is up for less can't be read at all."""
_UNREADABLE = 1.75
"""So many times the comfortable speed can't be read."""
_EDGE = 0.004
"""Words nearer to the picture's edge than this part of it touch it."""
_OFF_S = 0.1
"""Captions of a track may be so far from their time."""


def caption_findings(
    info: MediaInfo, places: Places, expected: Expected | None
) -> Iterator[Finding]:
    """Everything wrong with captions."""
    own = _track(info)
    if expected is None:
        yield from _readable(own, places, 42, 20)
        return
    cues = expected.cut.captions
    yield from _readable(cues, places, expected.caption_line, expected.caption_speed)
    end = Fraction(expected.cut.frames) / expected.cut.rate
    for number, cue in enumerate(cues, 1):
        if cue.start >= end:
            yield _about(
                places, "error", "caption-outside", cue, number,
                "begins after the film has ended", "move it, or take it out.",
            )  # fmt: skip
    if expected.cut.burn_captions:
        yield from _inside(expected, places)
    if expected.cut.caption_track and info.video is not None and own:
        yield from _as_planned(cues, own, places)


def _track(info: MediaInfo) -> list[Cue]:
    """Captions of the file's first track."""
    found: list[Cue] = []
    with opened(info.path) as container:
        streams = container.streams.subtitles
        if not streams:
            return []
        start = info.video.start_s if info.video else Fraction(0)
        for packet in container.demux(streams[0]):
            if packet.pts is None or not packet.size:
                continue
            try:
                words = [
                    str(getattr(part, "dialogue", b""), "utf-8", "replace")
                    if isinstance(getattr(part, "dialogue", b""), bytes)
                    else str(getattr(part, "dialogue", ""))
                    for part in packet.decode()
                ]
            except (av.FFmpegError, ValueError, TypeError):
                continue
            text = "\n".join(words).replace("\\N", "\n").strip()
            if text and packet.time_base:
                begin = packet.pts * packet.time_base - start
                length = (packet.duration or 0) * packet.time_base
                found.append(Cue(begin, begin + length, text))
    return found


def _about(
    places: Places,
    severity: str,
    kind: str,
    cue: Cue,
    number: int,
    what: str,
    advice: str,
) -> Finding:
    return places.heard(
        "error" if severity == "error" else "warning", kind, float(cue.start),
        f"caption {number} ({_short(cue.text)}) {what}", advice,
        length_s=float(max(Fraction(0), cue.stop - cue.start)),
        name="captions" if places.expected else "",
    )  # fmt: skip


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"‘{line[:30]}…’" if len(line) > 31 else f"‘{line}’"


def _readable(cues: Sequence[Cue], places: Places, line: int, speed: int) -> Iterator[Finding]:
    for number, cue in enumerate(cues, 1):
        length = cue.stop - cue.start
        letters = len(cue.text.replace("\n", " "))
        longest = max((len(row) for row in cue.text.splitlines()), default=0)
        if letters > speed * length:
            a_second = letters / float(length) if length else float("inf")
            slow = a_second <= _UNREADABLE * speed and length >= _SHORT_S
            yield _about(
                places, "warning" if slow else "error", "caption-too-fast", cue, number,
                f"has {letters} characters in {float(length):.2f} s: {a_second:.0f} a second, "
                f"{speed} can be read", f"show it for {letters / speed:.1f} s, or shorten it.",
            )  # fmt: skip
        if longest > line:
            yield _about(
                places, "warning", "caption-too-long", cue, number,
                f"has a line of {longest} characters; {line} are comfortable", "break the line.",
            )  # fmt: skip
    for number, (one, two) in enumerate(pairwise(cues), 1):
        if two.start < one.stop - Fraction(1, 1000) and one.text == two.text:
            yield _about(
                places, "warning", "caption-twice", two, number + 1, "is up twice at once",
                "take one out.",
            )  # fmt: skip


def _inside(expected: Expected, places: Places) -> Iterator[Finding]:
    """Burnt-in captions that reach over the picture's edge, or aren't to be seen."""
    width, height = expected.size
    for insert in expected.inserts:
        number = _caption_of(insert, expected)
        if number is None:
            continue
        cue = expected.cut.captions[number]
        out = (
            insert.x < 0 or insert.y < 0
            or insert.x + insert.width > width or insert.y + insert.height > height
        )  # fmt: skip
        painted = _painted(insert)
        if painted is None:
            yield _about(
                places, "error", "caption-outside", cue, number + 1, "isn't seen in the picture",
                "check its position and style.",
            )  # fmt: skip
            continue
        left, top, right, bottom = painted
        margin = max(1, round(_EDGE * min(width, height)))
        near = (
            insert.x + left < margin or insert.y + top < margin
            or insert.x + right > width - margin or insert.y + bottom > height - margin
        )  # fmt: skip
        if out or near:
            yield _about(
                places, "error", "caption-outside", cue, number + 1,
                "reaches over the edge of the picture", "move it inside, or shorten its lines.",
            )  # fmt: skip


def _caption_of(insert: Insert, expected: Expected) -> int | None:
    """The caption that an insert shows; None for a title."""
    rate = expected.cut.rate
    titles = {(t.record.start, t.record.stop) for t in expected.cut.titles}
    if (insert.record.start, insert.record.stop) in titles:
        return None
    middle = Fraction(insert.record.start + insert.record.stop, 2) / rate
    for number, cue in enumerate(expected.cut.captions):
        if cue.start - 1 / rate <= middle <= cue.stop + 1 / rate:
            return number
    return None


def _painted(insert: Insert) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of everything that is painted over its time; None for nothing."""
    box: tuple[int, int, int, int] | None = None
    with opened(insert.path) as container:
        for n, frame in enumerate(container.decode(video=0)):
            if n % 5 and not insert.still:
                continue
            alpha = frame.to_ndarray(format="rgba")[..., 3] > 24
            if not alpha.any():
                continue
            rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
            own = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
            box = own if box is None else (
                min(box[0], own[0]), min(box[1], own[1]),
                max(box[2], own[2]), max(box[3], own[3]),
            )  # fmt: skip
    return box


def _as_planned(cues: Sequence[Cue], own: Sequence[Cue], places: Places) -> Iterator[Finding]:
    if len(own) != len(cues):
        yield places.whole(
            "error", "missing-captions", f"the track has {len(own)} of {len(cues)} captions",
            "render it again.", of="captions",
        )  # fmt: skip
        return
    for number, (cue, found) in enumerate(zip(cues, own, strict=True), 1):
        away = float(found.start - cue.start)
        if abs(away) > _OFF_S:
            yield _about(
                places, "error", "caption-late", cue, number,
                f"comes {abs(away):.2f} s {'late' if away > 0 else 'early'}", "render it again.",
            )  # fmt: skip
