"""Small pictures of clips, as ``data:`` addresses."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import floor
from typing import Any

from assembler.assemble.sights import picture_data
from assembler.cut.model import Clip, Cut
from assembler.errors import MediaError
from assembler.media.frames import read_frames
from assembler.reporting.model import Curve, Frame, Picture, Sight

THUMB_PX = 192
"""Longer side of the picture of a clip."""
POSTER_PX = 960
"""Longer side of the picture that stands for the film."""
QUALITY = 68


def first_pictures(cut: Cut, workers: int) -> dict[str, Picture]:
    """The first picture of every clip, by its id; clips that can't be read have none."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = pool.map(lambda clip: _first(clip, cut, THUMB_PX), cut.clips)
    both = zip(cut.clips, found, strict=True)
    return {clip.id: picture for clip, picture in both if picture is not None}


def poster_of(cut: Cut) -> Picture | None:
    """The film's first picture, larger."""
    return _first(cut.clips[0], cut, POSTER_PX) if cut.clips else None


def _first(clip: Clip, cut: Cut, longest: int) -> Picture | None:
    bent = clip.source.retime
    first = floor(bent.at(clip.source_in)) if bent else clip.source_in
    try:
        frames = read_frames(
            clip.source.info,
            start=first,
            stop=first + 1,
            rate=None if clip.source.still else cut.rate,
            colour=clip.source.colour,
            max_size=(longest, longest),
        )
        rgb = next(frames, None)
    except MediaError:
        return None
    return (
        None
        if rgb is None
        else Picture(**picture_data(rgb, QUALITY), alt=f"First frame of {clip.id}")
    )


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
