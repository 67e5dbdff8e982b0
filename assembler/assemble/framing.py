"""
Which part of each clip a delivery of another shape shows: a fixed one, or where the subject is.

    cut = framed(cut, (1080, 1920), "follow", cache)
"""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from assembler.cut.model import Clip, Cut, Framing
from assembler.media.conform import cover_size, cropped
from assembler.media.files import publish
from assembler.planning.keys import content_key
from assembler.spec.model import MIDDLE, Reframe, Spot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERSION = 1
"""Of how a subject is followed."""
_RATE = Fraction(6)
"""Pictures a second that are looked at."""
_LOOK = (160, 160)


def framed(cut: Cut, size: tuple[int, int], how: Reframe, cache: Path) -> Cut:
    """
    *cut* with the framing of every clip in a delivery of *size*.

    Clips that fill the delivery's shape, that are laid in with bars, or that move over a picture
    keep theirs.
    """
    if how == MIDDLE:
        return cut
    return replace(
        cut, clips=tuple(replace(c, framing=_framing(c, cut, size, how, cache)) for c in cut.clips)
    )


def _framing(clip: Clip, cut: Cut, size: tuple[int, int], how: Reframe, cache: Path) -> Framing:
    video = clip.source.info.video
    if video is None or clip.fit != "cover" or clip.source.change.glide:
        return ()
    seen, _ = cropped(video, clip.source.change.crop)
    whole = cover_size(seen, size)
    if whole == size:
        return ()
    if isinstance(how, Spot):
        return ((0, how.x, how.y),)
    if clip.source.info.still:
        return _followed(clip, cut, whole, size, 0, 1)
    bent = clip.source.retime
    first, stop = (0, bent.has) if bent else (clip.source_in, clip.source_out)
    key = content_key(
        version=VERSION, source=clip.source.key, colour=clip.source.colour, rate=cut.rate,
        frames=[first, stop], crop=clip.source.change.crop, whole=whole, size=size,
    )  # fmt: skip
    path = cache / "framing" / f"{key}.json"
    try:
        return tuple(
            (int(n), float(x), float(y)) for n, x, y in json.loads(path.read_text("utf-8"))
        )
    except (OSError, ValueError):
        found = _followed(clip, cut, whole, size, first, stop)
    with publish(path) as part:
        part.write_text(json.dumps(found), encoding="utf-8")
    return found


def _followed(
    clip: Clip, cut: Cut, whole: tuple[int, int], size: tuple[int, int], first: int, stop: int
) -> Framing:
    from assembler.match.follow import subject_path, turning_points
    from assembler.media.frames import read_frames

    axis = 0 if whole[0] > size[0] else 1
    start = int(first / cut.rate * _RATE)
    end = max(start + 1, int(stop / cut.rate * _RATE))
    pictures = read_frames(
        clip.source.info, start=start, stop=end, rate=_RATE, colour=clip.source.colour,
        max_size=_LOOK,
    )  # fmt: skip
    left, top, right, bottom = clip.source.change.crop or (0.0, 0.0, 0.0, 0.0)
    inner = (_inner(p, left, top, right, bottom) for p in pictures)
    path = subject_path(inner, window=size[axis] / whole[axis], axis=axis, rate=float(_RATE))
    points = turning_points(path)
    if len({float(path[n]) for n in points}) == 1:
        points = points[:1]
    frames = [round((start + n) / _RATE * cut.rate) for n in points]
    places = [round(float(path[n]), 4) for n in points]
    return tuple(
        (frame, place, 0.5) if axis == 0 else (frame, 0.5, place)
        for frame, place in zip(frames, places, strict=True)
    )


def _inner(
    picture: NDArray[np.float32], left: float, top: float, right: float, bottom: float
) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    rows = slice(round(top * height), max(1, round((1 - bottom) * height)))
    return picture[rows, round(left * width) : max(1, round((1 - right) * width))]
