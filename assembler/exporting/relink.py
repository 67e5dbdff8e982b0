"""Which media and which clips of the exported cut an editor's events are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeVar

from assembler.cut.model import Clip, Cut, Source
from assembler.exporting.edit import Edit, Shot
from assembler.exporting.found import Event
from assembler.planning.retime import Retime

_T = TypeVar("_T")
_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class Audible:
    """A file with sound."""

    path: Path
    key: str
    """Content key: equal keys mean equal bytes."""
    stream: int
    """Index of its audio stream in the file."""
    zero_s: Fraction
    """Where the file's first frame lies on its own clock."""


class Media(Protocol):
    """Finds files that the exported cut doesn't know."""

    def there(self, file: str) -> bool:
        """Whether a file lies just where it is said to be."""

    def picture(self, file: str, name: str) -> Source | None:
        """A file with a picture, by where it is said to be or by its name."""

    def sound(self, file: str, name: str) -> Audible | None:
        """A file with sound."""

    def black(self, size: tuple[int, int]) -> Source:
        """A black picture for what is left empty."""


def shown_from(retime: Retime, first: int, frames: int, near: int) -> int:
    """Where, as it comes out, a source begins to show its frame *first*, next to *near*."""
    return min(
        range(max(1, retime.frames - frames + 1)),
        key=lambda n: (abs(retime.seen(n, frames).start - first), abs(n - near)),
    )


class Known:
    """The exported cut, to be asked what an event is about."""

    def __init__(self, cut: Cut, edit: Edit) -> None:
        self._starts = {medium.path: medium.start for medium in edit.media}
        self._reels = {medium.reel: medium.path for medium in edit.media}
        self._pairs = {(a.id, b.id) for a, b in pairwise(cut.clips)}
        self._by_file = grouped(cut.clips, lambda clip: clip.source.path.name)
        self._by_path = grouped(cut.clips, lambda clip: clip.source.path)
        self._by_id = grouped(cut.clips, lambda clip: clip.id)
        self._shots = edit.shots

    def follows(self, before: str, clip: str) -> bool:
        """Whether one clip followed the other in the exported cut."""
        return (before, clip) in self._pairs

    def first(self, event: Event, path: Path) -> int:
        """First frame of an event, counted from the first one of its medium."""
        return event.source_in - (self._starts.get(path, 0) if event.from_midnight else 0)

    def first_of(self, event: Event, clip: Clip) -> int:
        """
        First frame of an event that shows a clip, counted as the clip's source comes out.

        Of a retimed clip files name the frames that are seen. Where an event is as it was written,
        it is that one; else the frame from which on as many show the same, next to the clip's own.
        """
        first, retime = self.first(event, clip.source.path), clip.source.retime
        if retime is None:
            return first
        frames = event.record.frames
        for shot in (shot for shot in self._shots if shot.clip is clip):
            if shot.record.frames == frames and first in self._written(shot):
                return shot.source_in
        return shown_from(retime, first, frames, clip.source_in)

    def _written(self, shot: Shot) -> set[int]:
        """In-points of a shot as formats count them, with transitions' frames or without."""
        n = self._shots.index(shot)
        after = self._shots[n + 1].transition if n + 1 < len(self._shots) else None
        early = shot.transition.before_frames if shot.transition else 0
        late, short = (after.after_frames, after.before_frames) if after else (0, 0)
        with_transitions = {shot.seen(early, late).start, shot.seen(early, -short).start}
        return {shot.seen().start, *(begin + early for begin in with_transitions)}

    def showing(self, path: Path) -> Clip | None:
        """A clip that shows a file."""
        return next(iter(self._by_path.get(path, ())), None)

    def clip(self, event: Event, media: Media) -> Clip | None:
        """
        The clip that an event shows: by its file, then by its reel and its name.

        A file that is there, but isn't one of ours, is another one, or a copy.
        """
        alike = self._by_file.get(Path(event.file).name, []) if event.file else []
        chosen = [clip for clip in alike if says(event, clip.source.path)]
        if not chosen and media.there(event.file):
            return None
        chosen = chosen or alike
        if event.reel in self._reels:
            chosen = chosen or self._by_path.get(self._reels[event.reel], [])
        chosen = chosen or self._by_id.get(event.name, [])
        named = [clip for clip in chosen if clip.id == event.name] or chosen
        within = (c for c in named if self._is_within(event, c))
        return next(within, next(iter(named), None))

    def _is_within(self, event: Event, clip: Clip) -> bool:
        seen = clip.source.seen(clip.source_in, clip.source_out - clip.source_in)
        return seen.start <= self.first(event, clip.source.path) < seen.stop


def says(event: Event, path: Path) -> bool:
    """Whether an event names just this file, by its whole path or relative to the edit."""
    parts = Path(event.file).parts
    return len(parts) > 1 and path.parts[-len(parts) :] == parts


def same_file(event: Event, path: Path) -> bool:
    """Whether an event names a file of this name, wherever it lies now."""
    return bool(event.file) and Path(event.file).name == path.name


def grouped(things: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    """Things by their key, in their order."""
    found: dict[_K, list[_T]] = defaultdict(list)
    for thing in things:
        found[key(thing)].append(thing)
    return found
