"""
What was seen of a file before, by the bytes of its groups of pictures.

After a small change most of a film is the very same bytes. What was measured of those stays true,
so only the rest is decoded again. A group is known when the two frames before it are in the
same groups, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from assembler.checking.viewing import Views
from assembler.media.files import publish
from assembler.media.info import MediaInfo, VideoStream
from assembler.media.probe import opened
from assembler.timebase import FrameRange

VERSION = 2
"""Raised when other things are measured."""
_ROWS = ("luma", "spread", "dark", "change", "leap", "fields", "red")


@dataclass(frozen=True, slots=True)
class Group:
    """Frames from one keyframe to the next."""

    frames: FrameRange
    digest: str


def groups_of(info: MediaInfo) -> list[Group]:
    """
    The groups of a file's pictures, in order; none where they depend on one another.

    Raises:
        MediaError: If it can't be read.
    """
    video = info.video
    if video is None or not video.ordered:
        return []
    found: list[tuple[int, int, int, str]] = []
    index = {stamp: n for n, stamp in enumerate(video.pts)}
    with opened(info.path) as container:
        stream = next(s for s in container.streams.video if s.index == video.index)
        shown = (video.colour, video.rotation, video.mirrored)
        state = hashlib.sha256(f"{(stream.codec_context.extradata or b'').hex()} {shown}".encode())
        first = state.copy()
        places: list[int] = []
        for packet in container.demux(stream):
            if not packet.size or packet.pts is None:
                continue
            if packet.is_keyframe and places:
                found.append((min(places), max(places) + 1, len(places), state.hexdigest()))
                places, state = [], first.copy()
            if packet.pts not in index:
                return []
            places.append(index[packet.pts])
            state.update(bytes(packet))
        if places:
            found.append((min(places), max(places) + 1, len(places), state.hexdigest()))
    return _closed(found, video)


def _closed(found: Sequence[tuple[int, int, int, str]], video: VideoStream) -> list[Group]:
    at = 0
    for start, stop, count, _ in found:
        if start != at or stop - start != count:
            return []
        at = stop
    if at != video.frames:
        return []
    return [Group(FrameRange(start, stop), digest) for start, stop, _, digest in found]


def remember(path: Path, views: Views, groups: Sequence[Group], size: tuple[int, int]) -> None:
    """Keep what was seen."""
    if not groups:
        path.unlink(missing_ok=True)
        return
    rows = {name: getattr(views, name)[:] for name in _ROWS}
    with publish(path) as part, part.open("wb") as file:
        np.savez(
            file,
            head=np.array([VERSION, *size]),
            starts=np.array([g.frames.start for g in groups]),
            digests=np.array([g.digest for g in groups]),
            damaged=np.array(views.damaged, np.int64),
            **rows,
        )


def recall(
    path: Path, views: Views, groups: Sequence[Group], size: tuple[int, int]
) -> list[FrameRange]:
    """
    Put into *views* what is known of its groups.

    Returns:
        Frames that have to be looked at, ascending and apart.
    """
    everything = [FrameRange(0, views.frames)]
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if list(kept["head"]) != [VERSION, *size] or len(kept["damaged"]) or not groups:
                return everything
            starts, digests = kept["starts"].tolist(), kept["digests"].tolist()
            seen = dict(zip(_with_before(starts, digests), starts, strict=True))
            rows = {name: kept[name] for name in _ROWS}
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return everything
    missing: list[FrameRange] = []
    now = _with_before([g.frames.start for g in groups], [g.digest for g in groups])
    for group, known in zip(groups, now, strict=True):
        frames, start = group.frames, seen.get(known)
        if start is None:
            if missing and missing[-1].stop == frames.start:
                frames = FrameRange(missing.pop().start, frames.stop)
            missing.append(frames)
            continue
        for name in _ROWS:
            getattr(views, name)[frames.start : frames.stop] = rows[name][
                start : start + frames.frames
            ]
    return missing


def _with_before(starts: Sequence[int], digests: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Each group with those in which the two frames before it are."""
    for n in range(len(starts)):
        alone = n > 1 and starts[n] - starts[n - 1] == 1
        yield tuple(digests[max(0, n - 2 if alone else n - 1) : n + 1])
