"""Small pictures of clips, as ``data:`` addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from assembler.assemble.sights import picture_data
from assembler.cut.model import Clip
from assembler.errors import MediaError
from assembler.match.sight import Curve
from assembler.media.frames import read_frames
from assembler.media.info import Colour, MediaInfo
from assembler.reporting.model import Frame, Picture, Sight

THUMB_PX = 192
"""Longer side of the picture of a clip."""
POSTER_PX = 960
"""Longer side of the picture that stands for the film."""
QUALITY = 68


@dataclass(frozen=True, slots=True)
class Look:
    """A frame to be shown."""

    id: str
    """Of its clip."""
    info: MediaInfo
    colour: Colour
    frame: int
    """Counted at `rate`; of the source's own frames without one."""
    rate: Fraction | None = None


def pictures_of(looks: Sequence[Look], workers: int) -> dict[str, Picture]:
    """Pictures of clips by their ids; clips that can't be read have none."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = pool.map(picture_of, looks)
        return {one.id: p for one, p in zip(looks, found, strict=True) if p is not None}


def picture_of(look: Look, longest: int = THUMB_PX) -> Picture | None:
    """One of them, no larger than *longest* on either side."""
    try:
        frames = read_frames(
            look.info,
            start=look.frame,
            stop=look.frame + 1,
            rate=look.rate,
            colour=look.colour,
            max_size=(longest, longest),
        )
        rgb = next(frames, None)
    except MediaError:
        return None
    return (
        rgb
        if rgb is None
        else Picture(**picture_data(rgb, QUALITY), alt=f"First frame of {look.id}")
    )


def look_at(clip: Clip, rate: Fraction) -> Look:
    """The first frame that is shown of a clip."""
    source = clip.source
    first = source.shown_at(clip.source_in, rate)
    own = None if source.still else source.read_rate(rate)
    return Look(clip.id, source.info, source.colour, first, own)


def sight_of(seen: Mapping[str, Any], before: str, after: str) -> Sight:
    """
    What there is to see at a seam.

    Args:
        seen: As `assemble.sights.known_sight` reads it.
        before: Id of the clip before it.
        after: Id of the clip after it.
    """
    ids = {"a": before, "b": after}
    came, joined = seen["colour"]
    motion_came, motion_joined = seen["motion"]
    first_came = seen["first_came"]
    return Sight(
        last=_frame(seen["last"], ids),
        first=_frame(seen["first"], ids, "as joined"),
        first_came=first_came and _frame(first_came, ids, "as it came"),
        came=tuple(_frame(one, ids) for one in seen["came"]),
        joined=tuple(_frame(one, ids, "as joined") for one in seen["joined"]),
        colour_came=_curve(came),
        colour_joined=_curve(joined),
        motion_came=_curve(motion_came),
        motion_joined=_curve(motion_joined),
    )


def _frame(one: Mapping[str, Any], ids: Mapping[str, str], how: str = "") -> Frame:
    clip, after = ids[one["side"]], one["side"] == "b"
    alt = f"{clip}, frame {one['number']}" + (f", {how}" if how and after else "")
    picture = Picture(one["src"], one["width"], one["height"], alt)
    return Frame(picture, clip, after, one["number"])


def _curve(drawn: Mapping[str, Any]) -> Curve:
    return Curve(tuple(drawn["values"]), drawn["join"])
