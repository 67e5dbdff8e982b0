"""
Which part of a programme is rendered: between two places, or one segment alone.

    part = asked(start="dawn+2s", stop="street")
    part.frames(cut)                    # FrameRange(48, 240)
    part.path(Path("out/film.mp4"))     # out/film.from-dawn+2s-to-street.mp4
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from assembler.cut.model import Cut
from assembler.cut.over import Starts
from assembler.errors import UsageError
from assembler.spec.flaw import did_you_mean
from assembler.spec.time import Place
from assembler.timebase import FrameRange


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a programme, as the user says it."""

    start: Place | None = None
    stop: Place | None = None
    only: str = ""
    """A segment, or a clip of one."""

    def frames(self, cut: Cut) -> FrameRange:
        """
        Its frames in the programme.

        Raises:
            UsageError: If nothing of the programme lies in it.
        """
        if self.only:
            return _named(cut, self.only)
        starts = Starts({name: _named(cut, name).start for name in _names(cut)}, cut.rate)
        for place in (self.start, self.stop):
            if place and place.segment:
                _named(cut, place.segment)
        start = max(0, starts.frame(self.start)) if self.start else 0
        stop = min(cut.frames, starts.frame(self.stop)) if self.stop else cut.frames
        if start >= stop:
            what = f"nothing lies from frame {start} to frame {stop}"
            fix = f"the programme has {cut.frames} frames ({float(cut.frames / cut.rate):.2f} s)."
            raise UsageError(what, "--from/--to", fix)
        return FrameRange(start, stop)

    def path(self, whole: Path) -> Path:
        """Where it goes: beside the whole film, under a name of its own."""
        words = [self.only] if self.only else []
        words += [f"from-{self.start}"] if self.start else []
        words += [f"to-{self.stop}"] if self.stop else []
        mark = re.sub(r"[^\w.+-]", "-", "-".join(words))
        return whole.with_name(f"{whole.stem}.{mark}{whole.suffix}")


def asked(
    *, start: str | None = None, stop: str | None = None, only: str | None = None
) -> Part | None:
    """
    What the user asks for; None for the whole film.

    Raises:
        UsageError: If a place is none, or both ways are mixed.
    """
    if only and (start or stop):
        raise UsageError("--only doesn't go with --from and --to", fix="use one of the two ways.")
    if only:
        return Part(only=only)
    if start is None and stop is None:
        return None
    return Part(_place("--from", start), _place("--to", stop))


def _place(option: str, text: str | None) -> Place | None:
    if text is None:
        return None
    try:
        return Place.parse(text)
    except ValueError as exc:
        fix = "write a segment's id, id+1.5s, or a time like 2.5s, 12f or 00:00:10:00."
        raise UsageError(f"{text!r} is no place", option, fix) from exc


def _names(cut: Cut) -> tuple[str, ...]:
    clips = (name for clip in cut.clips for name in (clip.segment, clip.id))
    return tuple(dict.fromkeys([*clips, *(layer.id for layer in cut.layers)]))


def _named(cut: Cut, name: str) -> FrameRange:
    """Where a segment, a clip or a layer lies."""
    found = [clip.record for clip in cut.clips if name in (clip.segment, clip.id)]
    found += [layer.record for layer in cut.layers if layer.id == name]
    if not found:
        known = _names(cut)
        fix = did_you_mean(name, known, f"there are {', '.join(known[:20])}.")
        raise UsageError(f"there is no segment {name!r}", fix=fix)
    return FrameRange(min(r.start for r in found), max(r.stop for r in found))
