"""
A part of a programme, counted from its own start: what a file of it says and is as long as.

    part_of(cut, FrameRange(48, 120)).frames        # 72
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

from assembler.cut.model import Clip, Cue, Cut, Marker, PictureLayer, TitleLayer
from assembler.timebase import FrameRange

_Placed = TypeVar("_Placed", Clip, PictureLayer, TitleLayer)


def part_of(cut: Cut, part: FrameRange) -> Cut:
    """
    The clips, captions and marks of *part* of a programme, moved to its start.

    Its sounds aren't among them: the sound of a part is cut out of the whole mix, so that it is as
    loud as there. Clips that begin before it are shortened by whole frames shown, as those left out
    of them lie in between.
    """
    return replace(
        cut,
        clips=tuple(_clip(clip, part) for clip in _inside(cut.clips, part)),
        layers=tuple(_moved(layer, part) for layer in _inside(cut.layers, part)),
        titles=tuple(_moved(title, part) for title in _inside(cut.titles, part)),
        sounds=(),
        captions=tuple(_cues(cut, part)),
        markers=_marks(cut.markers, part),
        chapters=_marks(cut.chapters, part),
        poster=None,
    )


def _inside(placed: Sequence[_Placed], part: FrameRange) -> Iterator[_Placed]:
    return (p for p in placed if p.record.start < part.stop and p.record.stop > part.start)


def _moved(placed: _Placed, part: FrameRange) -> _Placed:
    start = max(placed.record.start, part.start) - part.start
    return replace(
        placed, record=FrameRange(start, min(placed.record.stop, part.stop) - part.start)
    )


def _clip(clip: Clip, part: FrameRange) -> Clip:
    first = clip.source_in
    left = max(0, part.start - clip.record.start)
    while left or first in clip.skipped:
        left -= first not in clip.skipped
        first += 1
    return replace(_moved(clip, part), source_in=first)


def _cues(cut: Cut, part: FrameRange) -> Iterator[Cue]:
    start, stop = part.start / cut.rate, part.stop / cut.rate
    for cue in cut.captions:
        if cue.start < stop and cue.stop > start:
            begins = max(Fraction(0), cue.start - start)
            yield replace(cue, start=begins, stop=min(cue.stop, stop) - start)


def _marks(marks: Sequence[Marker], part: FrameRange) -> tuple[Marker, ...]:
    """Those within, and the one before that goes on into the part."""
    reached = [mark for mark in marks if mark.frame <= part.start][-1:]
    inside = [mark for mark in marks if part.start < mark.frame < part.stop]
    return tuple(
        replace(mark, frame=max(0, mark.frame - part.start)) for mark in (*reached, *inside)
    )
