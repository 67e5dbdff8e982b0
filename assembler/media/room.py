"""
When nothing more can be written: the system's error, or ffmpeg's word of the same, as a sentence.

    with writing(path):
        path.write_bytes(data)
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from assembler.errors import AssemblerError, NoRoomError

_AGAIN = "then run the same command again: what is finished is kept."
_TOLD = {
    errno.ENOSPC: ("no room is left on its disk", f"make room there, {_AGAIN}"),
    errno.EDQUOT: (
        "your share of its disk is used up",
        f"make room there, or have the quota raised, {_AGAIN}",
    ),
    errno.EFBIG: (
        "it would be larger than a file may be here",
        f"raise the limit (`ulimit -f unlimited`), or take a disk with larger files, {_AGAIN}",
    ),
}
_LOGGED = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "File too large": errno.EFBIG,
}


def no_room(error: BaseException | None, path: Path | None) -> NoRoomError | None:
    """What to tell if an error, or what it came from, says that *path* can't be written on."""
    while error is not None:
        if isinstance(error, NoRoomError):
            return error
        told = _told(getattr(error, "errno", None), path)
        if told:
            return told
        error = error.__cause__
    return None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Where *path* is written; a lack of room for it is told as such."""
    try:
        yield
    except (OSError, AssemblerError) as exc:
        told = no_room(exc, path)
        if told is None:
            raise
        raise told from exc


def no_room_for(lines: Iterable[str], code: int, path: Path | None) -> NoRoomError | None:
    """The same of a program's log and the code that it ended with."""
    if code == -getattr(signal, "SIGXFSZ", 0) and code:
        return _told(errno.EFBIG, path)
    for line in lines:
        for text, number in _LOGGED.items():
            if text in line:
                return _told(number, path)
    return None


def full_disk(path: Path) -> NoRoomError:
    """What to tell when a library says in words of its own that the disk is full."""
    return NoRoomError(_TOLD[errno.ENOSPC][0], str(path), _TOLD[errno.ENOSPC][1])


def _told(number: object, path: Path | None) -> NoRoomError | None:
    found = _TOLD.get(number) if isinstance(number, int) else None
    return NoRoomError(found[0], str(path or ""), found[1]) if found else None
