"""What we delivered and where: a finished film isn't made again, no other file is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assembler.errors import OutputExistsError, UsageError
from assembler.media.files import publish
from assembler.spec.model import Timeline

_NOT_OURS = " and was not made by this timeline, or was changed since"


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
            note = json.loads(self._path(out).read_text(encoding="utf-8"))
            stat = out.stat()
        except (OSError, ValueError):
            return None
        if not isinstance(note, dict):
            return None
        same = (note.get("size"), note.get("mtime_ns")) == (stat.st_size, stat.st_mtime_ns)
        return note if same else None

    def finished(self, out: Path, key: str) -> Mapping[str, Any] | None:
        """What was noted of *out*, if it is ours, unchanged, and was made from the same *key*."""
        note = self.made_by_us(out)
        return note.get("result") if note and note.get("key") == key else None

    def write(self, out: Path, key: str, result: Mapping[str, Any]) -> None:
        """Note that *out* was made from *key*."""
        stat = out.stat()
        note = {"key": key, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "result": result}
        with publish(self._path(out)) as part:
            part.write_text(json.dumps({"out": str(out), **note}, default=str), encoding="utf-8")


def beside(out: Path, timeline: Timeline, *, part: bool = False) -> Iterator[Path]:
    """Every file that is written beside the film *out*, or beside a part of one."""
    captions = timeline.captions
    if captions and not captions.burn:
        yield captions_beside(out, timeline)
    if part:
        return
    if timeline.poster is not None:
        yield poster_beside(out)
    if timeline.provenance:
        yield provenance_beside(out)


def captions_beside(out: Path, timeline: Timeline) -> Path:
    """Where its captions go."""
    kind = timeline.captions.sidecar if timeline.captions else "srt"
    return out.with_suffix(f".{kind}")


def poster_beside(out: Path) -> Path:
    """Where its poster goes."""
    return out.with_suffix(".poster.jpg")


def provenance_beside(out: Path) -> Path:
    """Where it is told what its frames come from."""
    return out.with_suffix(".provenance.json")


def guard(
    paths: Iterable[Path],
    records: Records | None,
    *,
    force: bool,
    inputs: Iterable[Path] = (),
) -> None:
    """
    Refuse before any work when something that isn't ours lies where an output goes.

    Args:
        paths: Files that will be written.
        records: What we know of files that we wrote.
        force: Whether other files may be replaced.
        inputs: Files that are read; they are never replaced.

    Raises:
        UsageError: If an output is a folder, or two are the same.
        OutputExistsError: Naming all files that would be lost.
    """
    paths = tuple(paths)
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder", fix="add the name of a file")
        above = next(folder for folder in path.parents if folder.exists())
        if not above.is_dir():
            raise UsageError(f"{above} is a file, not a folder", fix="name another output")
        if paths.count(path) > 1:
            raise UsageError(f"{path} would be written twice", fix="give each file its own name")
    _keep_inputs(paths, inputs)
    foreign = [p for p in paths if p.exists() and not (records and records.made_by_us(p))]
    if foreign and not force:
        listed = ", ".join(str(p) for p in foreign)
        raise OutputExistsError(
            f"{listed} exists" + (_NOT_OURS if records else ""),
            fix="name another output, move the file away, or use --force",
        )


def _keep_inputs(paths: Iterable[Path], inputs: Iterable[Path]) -> None:
    there = [p for p in paths if p.exists()]
    read = [p for p in dict.fromkeys(inputs) if p.exists()] if there else []
    for path in there:
        if any(path.samefile(source) for source in read):
            raise OutputExistsError(
                f"{path} is read for this film and would be overwritten", fix="name another output"
            )
