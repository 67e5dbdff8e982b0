"""What a timeline keeps beside it, and making room: least recently used first."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assembler.errors import UsageError
from assembler.media.files import left_behind
from assembler.planning.project import Project

PRUNED = ("spans", "mix")
"""Folders of what can be made again for nothing; the others cost money, or are small."""

_ABANDONED_S = 24 * 3600
"""Hidden files that haven't been written to for so long belong to no run."""
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True, slots=True)
class Folder:
    """One kind of kept files."""

    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """All kept files of a timeline."""

    folders: tuple[Folder, ...]
    removed_bytes: int = 0

    def text(self) -> str:
        """A line for each folder."""
        rows = [f"{f.name:8} {f.files:6} files {_spoken(f.bytes):>10}" for f in self.folders]
        if self.removed_bytes:
            rows.append(f"removed {_spoken(self.removed_bytes)}")
        return "\n".join(rows)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def cache(timeline: Path | str, *, prune: str | None = None) -> Kept:
    """
    What is kept for *timeline*.

    Args:
        timeline: The timeline file.
        prune: Leave at most so much of spans and mixes (``2GB``, ``500M``, ``0``). Takes stay.

    Raises:
        UsageError: If there is no such timeline, or *prune* is no size.
    """
    path = Path(timeline).absolute()
    if not path.is_file():
        raise UsageError(f"there is no timeline {path.name!r}", str(path), "check the name")
    project = Project(path)
    removed = 0 if prune is None else _prune(project, size_of(prune))
    return Kept(tuple(_folders(project)), removed)


def size_of(text: str) -> int:
    """
    Bytes of ``2GB``, ``500M`` or ``1000``; units are powers of 1000.

    Raises:
        UsageError: If it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", text.strip().lower())
    if not found:
        raise UsageError(f"{text!r} is no size", fix="write it like 2GB or 500MB")
    return int(float(found[1]) * _UNITS[found[2]])


def _folders(project: Project) -> Iterator[Folder]:
    for name in ("takes", "frames", "spans", "mix", "cache"):
        sizes = [size for _, _, size in _files(project.home / name)]
        yield Folder(name, len(sizes), sum(sizes))


def _files(folder: Path) -> Iterator[tuple[Path, float, int]]:
    """Every file with when it was last used and its size."""
    for base, _, names in os.walk(folder):
        for path in (Path(base, name) for name in names):
            with suppress(FileNotFoundError):  # other runs rename and remove what they write
                stat = path.stat()
                yield path, max(stat.st_atime, stat.st_mtime), stat.st_size


def _prune(project: Project, limit: int) -> int:
    """Remove what was used longest ago until *limit* is kept; bytes removed."""
    kept: dict[tuple[Path, str], list[tuple[Path, float, int]]] = {}
    for name in PRUNED:
        folder = project.home / name
        for path, used, size in _files(folder):
            if not _in_work(path.relative_to(folder), used):
                kept.setdefault((path.parent, path.stem), []).append((path, used, size))
    total = sum(size for files in kept.values() for _, _, size in files)
    removed = 0
    for files in sorted(kept.values(), key=lambda files: max(used for _, used, _ in files)):
        if total - removed <= limit:
            break
        for path, _, size in files:
            path.unlink(missing_ok=True)
            removed += size
    return removed


def _in_work(path: Path, used: float) -> bool:
    """Whether a run may be writing a file, which is then hidden; *path* is that in its folder."""
    hidden = next((name for name in path.parts if name.startswith(".")), None)
    if hidden is None or left_behind(Path(hidden)):
        return False
    return time.time() - used < _ABANDONED_S


def _spoken(size: int) -> str:
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
