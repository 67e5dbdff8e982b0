"""The author's files: read, changed only when they are as they were seen, written whole."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

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


def sources(loaded: Loaded) -> dict[Path, str]:
    """Every file that a timeline is written in, with the name that messages give it."""
    found: dict[Path, str] = {}
    waiting: list[Node] = [loaded.marks]
    while waiting:
        node = waiting.pop()
        found[node.source.path] = node.source.name
        waiting += (node.items or {}).values()
        waiting += node.entries or ()
    return found


def revision_of(texts: Mapping[Path, bytes], choices: Mapping[str, int]) -> str:
    """What is the same as long as neither a text nor a chosen take has changed."""
    parts = [f"{path}\0{sha256(text)}" for path, text in sorted(texts.items())]
    parts += [f"{key}\0{number}" for key, number in sorted(choices.items())]
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
