"""
Which clips have arrived in a folder, whole and readable, and which of them nobody can use.

    inbox = Inbox(project / "manual/inbox")
    arrived, troubles = inbox.look()

People copy and download into it, so files appear before they are complete: one counts when it has
stopped growing and everything that its index announces is in it. Nothing is changed in the folder.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assembler.errors import MediaError
from assembler.generation.byhand.likeness import small
from assembler.media.boxes import boxes_of
from assembler.media.files import sha256_of
from assembler.media.frames import read_frames
from assembler.media.info import DAMAGED, MediaInfo
from assembler.media.pixels import Floats
from assembler.media.probe import opened, probe

SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi"})
NOT_WHOLE = "is no whole clip, or not yet"
_SETTLED_S = 1.5
"""A file that hasn't changed for so long isn't being written, unless it is incomplete."""
_WHOLE = 0.98
"""Part of the announced frames that must be there; some muxers announce one more."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole clip in the inbox."""

    path: Path
    sha256: str
    info: MediaInfo
    first: Floats
    """Its first frame, reduced by `likeness.small`."""


_Stamp = tuple[int, int]


class Inbox:
    """Looks at a folder again and again; a file is read once as long as it doesn't change."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._clock = clock
        self._seen: dict[str, tuple[_Stamp, float]] = {}
        self._read: dict[str, tuple[_Stamp, Arrival | str]] = {}
        self._lock = threading.Lock()

    def look(self) -> tuple[tuple[Arrival, ...], dict[str, str]]:
        """Clips that are there, by name, and what is wrong with the other files."""
        with self._lock:
            arrived, troubles = [], {}
            for path in self._files():
                match self._looked_at(path):
                    case Arrival() as arrival:
                        arrived.append(arrival)
                    case str(trouble):
                        troubles[path.name] = trouble
            return tuple(arrived), troubles

    def _files(self) -> list[Path]:
        try:
            return sorted(
                path
                for path in self.folder.iterdir()
                if path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "~"))
            )
        except FileNotFoundError:
            return []

    def _looked_at(self, path: Path) -> Arrival | str | None:
        """None while it is still coming."""
        try:
            stat = path.stat()
        except OSError:  # just moved away
            return None
        stamp = (stat.st_size, stat.st_mtime_ns)
        known = self._read.get(path.name)
        if known and known[0] == stamp:
            return known[1]
        if not self._settled(path.name, stamp, stat.st_mtime):
            return None
        found = _read(path) if stat.st_size else None
        if found is None:
            return NOT_WHOLE
        self._read[path.name] = (stamp, found)
        return found

    def _settled(self, name: str, stamp: _Stamp, changed: float) -> bool:
        now = self._clock()
        before, since = self._seen.get(name, (stamp, now))
        if before != stamp:
            since = now
        self._seen[name] = (stamp, since)
        # The time of change may be the original's, kept by a copy that is under way, or lie ahead.
        return now - since >= _SETTLED_S or now - changed >= _SETTLED_S


def _read(path: Path) -> Arrival | str | None:
    """The clip; what is wrong with it; None when more of it may still come."""
    try:
        info = probe(path)
        if info.video is None or info.still:
            return "has no moving picture"
        if not _is_whole(path, info):
            return None
        frame = next(read_frames(info, stop=1), None)
    except (MediaError, OSError):  # half a file; Windows locks one that is being written
        return None
    if frame is None:
        return None
    return Arrival(path, sha256_of(path), info, small(frame))


def _is_whole(path: Path, info: MediaInfo) -> bool:
    """Whether all that its index announces is there, and none of it only reserved space."""
    assert info.video is not None
    if info.container.startswith("mov") and not boxes_of(path).whole:
        return False
    if any(note.startswith(DAMAGED) for note in info.notes):
        return False
    with opened(path) as container:
        stream = container.streams[info.video.index]
        if info.video.frames < _WHOLE * stream.frames:
            return False
        announced_us = container.duration
        if announced_us and float(info.video.duration_s) * 1e6 < 0.5 * announced_us:
            return False
        packets = (packet for packet in container.demux(stream) if packet.size)
        return all(any(bytes(packet)) and not packet.is_corrupt for packet in packets)
