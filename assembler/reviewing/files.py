"""The author's files: read, changed only when they are as they were seen, written whole."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from assembler.assemble.stock import named
from assembler.errors import AssemblerError, UsageError
from assembler.media.files import publish, try_lock
from assembler.planning.project import Project
from assembler.reviewing.history import TextChange, sha256
from assembler.spec.load import Loaded
from assembler.spec.yaml import Node

_PATIENCE_S = 10.0


class ChangedError(AssemblerError):
    """Something has changed since it was looked at."""

    exit_code = 2


@contextmanager
def one_writer(
    project: Project, clock: Callable[[], float] = time.monotonic, wait_s: float = _PATIENCE_S
) -> Iterator[None]:
    """
    No two processes change a project's timelines at a time; the system unlocks it when one dies.

    Raises:
        ChangedError: If another one takes too long.
    """
    project.home.mkdir(parents=True, exist_ok=True)
    with (project.home / "lock").open("a+b") as file:
        until = clock() + wait_s
        while not try_lock(file.fileno()):
            if clock() > until:
                raise ChangedError(
                    "another program is changing this project", project.timeline.name, "try again."
                )
            time.sleep(0.05)
        yield


def sources(loaded: Loaded) -> dict[Path, bytes]:
    """Every file that a timeline is written in, as it was read."""
    found: dict[Path, bytes] = {}
    waiting: list[Node] = [loaded.marks]
    while waiting:
        node = waiting.pop()
        found[node.source.path] = node.source.text
        waiting += (node.items or {}).values()
        waiting += node.entries or ()
    return found


def named_by(loaded: Loaded) -> list[Path]:
    """Every media and caption file that a timeline names."""
    captions = loaded.timeline.captions
    found = [path for _, path in named(loaded.timeline, {})]
    return found + ([entry.file for entry in captions.entries] if captions else [])


def stamps(*paths: Path) -> list[object]:
    """Sizes and times of files, by which one knows that they were written anew."""
    found: list[object] = []
    for path in paths:
        try:
            found.append((path.stat().st_size, path.stat().st_mtime_ns))
        except OSError:
            found.append(None)
    return found


def beside(loaded: Loaded, project: Project) -> Mapping[Path, object]:
    """Stamps of all files that the film is made of but its texts: presets, media, captions."""
    paths = sorted({*(project.root / "presets").rglob("*.yaml"), *named_by(loaded)})
    return dict(zip(paths, stamps(*paths), strict=True))


def revision_of(
    texts: Mapping[Path, bytes], choices: Mapping[str, int], others: Mapping[Path, object]
) -> str:
    """What is the same as long as neither a text, a chosen take nor another file has changed."""
    parts = [f"{path}\0{sha256(text)}" for path, text in sorted(texts.items())]
    parts += [f"{key}\0{number}" for key, number in sorted(choices.items())]
    parts += [f"{path}\0{stamp}" for path, stamp in others.items()]
    return sha256("\n".join(parts).encode())[:16]


def write_text(project: Project, path: Path, before: bytes, after: bytes) -> TextChange:
    """
    Put *after* in the place of *before*.

    Raises:
        ChangedError: If the file isn't *before* any more.
    """
    real = path.resolve()
    if real.read_bytes() != before:
        raise changed(path)
    with publish(real) as part:
        part.write_bytes(after)
        shutil.copymode(real, part)
    return TextChange.of(_name_of(project, path), before, after)


def _name_of(project: Project, path: Path) -> str:
    if path == project.timeline:
        return path.name
    return path.resolve().relative_to(project.root.resolve()).as_posix()


def file_of(project: Project, name: str) -> Path:
    """
    The file that a change names.

    Raises:
        UsageError: If it lies outside of the project.
    """
    path = project.root / name
    inside = path.resolve().is_relative_to(project.root.resolve())
    if path != project.timeline and not inside:
        raise UsageError(f"{name} lies outside of the project", fix="it isn't touched.")
    return path


def changed(path: Path) -> ChangedError:
    """The file is another one than was looked at."""
    return ChangedError(f"{path.name} was changed on disk meanwhile", fix="look at it again.")
