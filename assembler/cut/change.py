"""What the author does to a picture, from the timeline's words to the cut's numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from assembler.cut.model import (
    UNCHANGED,
    Cdl,
    Change,
    ChromaKey,
    Clip,
    Effect,
    Glide,
    Table,
    View,
)
from assembler.planning.row import Place
from assembler.spec import change as spec
from assembler.spec.model import Segment

GAMMA = 2.4
"""Of the display that grades are judged on (BT.1886): from stops to factors of encoded values."""


def change_of(place: Place, frames: int, hashes: Mapping[Path, str], root: Path) -> Change:
    """
    What is done to a segment's picture.

    Args:
        place: The segment in its row.
        frames: Of the segment, for moves.
        hashes: SHA-256 of colour tables and of the user's own modules.
        root: Folder in which the user's modules lie.
    """
    segment = place.segment
    if not (segment.crop or segment.move or segment.lut or segment.grade or segment.effects):
        return UNCHANGED
    lut = segment.lut
    table = Table(lut.file, hashes.get(lut.file, ""), lut.strength) if lut else None
    return Change(
        crop=_crop(segment),
        glide=_glide(place, frames),
        table=table if table and table.strength else None,
        cdl=cdl_of(segment.grade) if segment.grade else None,
        effects=tuple(effect_of(effect, hashes, root) for effect in segment.effects),
    )


def _crop(segment: Segment) -> tuple[float, float, float, float] | None:
    crop = segment.crop
    if crop is None:
        return None
    sides = (crop.left, crop.top, crop.right, crop.bottom)
    return sides if any(sides) else None


def _glide(place: Place, frames: int) -> Glide | None:
    """A move that goes on through the transitions on both sides."""
    move = place.segment.move
    if move is None:
        return None
    before, after = place.joint.before, place.following.after
    start, end = (View(view.x, view.y, view.width) for view in (move.from_, move.to))
    return Glide(start, end, -before, before + frames + after, move.ease == "smooth")


def cdl_of(grade: spec.Grade) -> Cdl | None:
    """
    The grade as one CDL.

    Exposure, temperature and tint scale linear light, contrast turns about the middle of the
    scale; all of them are straight lines in encoded values, as slope and offset are.
    """
    stops = (
        grade.exposure + grade.temperature / 2 + grade.tint / 2,
        grade.exposure - grade.tint / 2,
        grade.exposure - grade.temperature / 2 + grade.tint / 2,
    )
    contrast = grade.contrast
    factors = tuple(contrast * 2 ** (stop / GAMMA) for stop in stops)
    middle = 0.5 * (1 - contrast)
    slope = tuple(f * s for f, s in zip(factors, grade.slope, strict=True))
    offset = tuple(middle * s + o for s, o in zip(grade.slope, grade.offset, strict=True))
    found = Cdl(_three(slope), _three(offset), _three(grade.power), grade.saturation)
    return None if found == Cdl() else found


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def effect_of(effect: spec.Effect, hashes: Mapping[Path, str], root: Path) -> Effect:
    """An effect with the file of its code, where it is the user's own."""
    options = json.dumps(effect.options, sort_keys=True)
    if not effect.code:
        return Effect(effect.name, options)
    module = spec.module_of(effect.name, root)
    return Effect(effect.name, options, module, hashes.get(module, ""))


def key_of(key: spec.Key | None) -> ChromaKey | None:
    """What becomes transparent in a layer."""
    return ChromaKey(key.colour, key.similarity, key.blend, key.spill) if key else None


def with_effect_times(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """Clips whose effects know where in their segment they are."""
    begins: dict[str, int] = {}
    ends: dict[str, int] = {}
    for clip in clips:
        begins.setdefault(clip.segment, clip.record.start)
        ends[clip.segment] = clip.record.stop
    return tuple(
        _timed(clip, begins[clip.segment], ends[clip.segment])
        if clip.source.change.effects
        else clip
        for clip in clips
    )


def _timed(clip: Clip, begin: int, end: int) -> Clip:
    change = replace(
        clip.source.change, effects_at=clip.record.start - begin, effects_frames=end - begin
    )
    return replace(clip, source=replace(clip.source, change=change))
