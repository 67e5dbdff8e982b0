"""What we delivered and where: a finished film isn't made again, no other file is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assembler.errors import OutputExistsError
from assembler.media.files import publish


@dataclass(frozen=True, slots=True)
class Records:
    """Our notes about delivered files, one JSON file each."""

    folder: Path

    def _path(self, out: Path) -> Path:
        name = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]
        return self.folder / f"{out.stem}-{name}.json"

    def made_by_us(self, out: Path) -> Mapping[str, Any] | None:
        """Our note about *out*, if the file is still as we left it."""
        try:
            note: dict[str, Any] = json.loads(self._path(out).read_text(encoding="utf-8"))
            stat = out.stat()
        except (OSError, ValueError):
            return None
        same = (note.get("size"), note.get("mtime_ns")) == (stat.st_size, stat.st_mtime_ns)
        return note if same else None

    def finished(self, out: Path, key: str) -> Mapping[str, Any] | None:
        """What was noted of *out*, if it is ours, unchanged, and was made from the same *key*."""
        note = self.made_by_us(out)
        return note["result"] if note and note.get("key") == key else None

    def write(self, out: Path, key: str, result: Mapping[str, Any]) -> None:
        """Note that *out* was made from *key*."""
        stat = out.stat()
        note = {"key": key, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "result": result}
        with publish(self._path(out)) as part:
            part.write_text(json.dumps({"out": str(out), **note}, default=str), encoding="utf-8")


def guard(paths: Iterable[Path], records: Records | None, *, force: bool) -> None:
    """
    Refuse before any work when a file that isn't ours lies where an output goes.

    Raises:
        OutputExistsError: Naming all such files.
    """
    if force:
        return
    foreign = [p for p in paths if p.exists() and not (records and records.made_by_us(p))]
    if foreign:
        listed = ", ".join(str(p) for p in foreign)
        raise OutputExistsError(
            f"{listed} exists and was not made by this timeline, or was changed since",
            fix="name another output, move the file away, or use --force",
        )
