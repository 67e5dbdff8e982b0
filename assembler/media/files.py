"""Writing without ever leaving half a file, and naming content by its hash."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assembler.errors import AssemblerError, NoRoomError
from assembler.media.room import no_room

_BLOCK = 1 << 20
_OURS = re.compile(r"^\..*\.(\d+)-[0-9a-f]{8}\.part")
"""Names that `unfinished` gives; the number is that of the process."""


@contextmanager
def publish(path: Path) -> Iterator[Path]:
    """
    Path to write to; it becomes *path* when the block ends well, and vanishes when it doesn't.

    The temporary name keeps the suffix, by which encoders choose the container.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = unfinished(path)
    try:
        yield part
        _sync(part)
        part.replace(path)
    except (OSError, AssemblerError) as exc:
        told = no_room(exc, path)
        if told is None:
            raise
        where = str(path) if told.where in ("", str(part)) else told.where
        raise NoRoomError(told.what, where, told.fix) from exc
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def unfinished(path: Path, suffix: str | None = None) -> Path:
    """
    A hidden name beside *path*, that no one else uses, for what isn't finished yet.

    It tells the process, so that what that has left behind when it was killed can be recognised.
    """
    suffix = path.suffix if suffix is None else suffix
    return path.with_name(f".{path.stem}.{os.getpid()}-{os.urandom(4).hex()}.part{suffix}")


def left_behind(path: Path) -> bool:
    """Whether something has a name of `unfinished`, and its process is dead."""
    import psutil

    writer = _OURS.match(path.name)
    return writer is not None and not psutil.pid_exists(int(writer[1]))


def sweep(folder: Path) -> None:
    """Remove what processes that are dead have left unfinished in *folder*."""
    for path in folder.glob(".*.part*"):
        if left_behind(path):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """
    An empty folder beside *path* that vanishes at the end.

    What dead processes have left there, who had no end, goes before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    folder = unfinished(path, "")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if os.name == "nt":  # folders can't be opened there; NTFS journals the rename
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def try_lock(handle: int) -> bool:
    """Lock an open file against other processes, if none has; the system unlocks it on closing."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
