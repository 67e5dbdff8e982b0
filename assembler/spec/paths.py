"""
Paths of a timeline: relative to the file that names them, and never outside the project.

The project is the folder of the timeline. A path is followed through `..` and links before it is
judged, so that none can lead out.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from assembler.spec.flaw import FlawedValueError, did_you_mean, flawed, shown

MAX_PATH = 1024
MAX_NAMES = 2000
"""Names of a folder that a misspelt one is compared with."""

MAX_SUGGESTED = 100
"""Missing files that are compared with those that are there."""

_STAY = "give it a place in the folder of the timeline, or below it."
_BRING_IN = "copy the file into the folder of the timeline, or below it."
_CHECK = "check the name; paths start at the folder of the file that names them."


@dataclass(frozen=True, slots=True, eq=False)
class ProjectFolder:
    """The folder that paths stay in. It remembers what it looked up and lives for one reading."""

    root: Path
    """Absolute, links followed."""
    timeline: Path | None = None
    """The timeline itself: never meant by a name that isn't there."""
    _real: dict[str, str] = field(default_factory=dict)
    """Folders with links followed."""
    _found: dict[tuple[Path, str], Path] = field(default_factory=dict)
    _names: dict[Path, tuple[str, ...] | None] = field(default_factory=dict)
    _missed: list[Path] = field(default_factory=list)

    def resolve(self, text: str, folder: Path, fix: str = _BRING_IN) -> Path:
        """
        Absolute path of *text*, which starts at *folder*, with links followed.

        Args:
            text: As it was written.
            folder: Of the file that it was written in.
            fix: What helps where it leads out of the project.

        Raises:
            FlawedValueError: If it is empty, too long, or leads out of the project.
        """
        known = self._found.get((folder, text))
        if known is None:
            known = self._found[folder, text] = self._resolved(text.strip(), folder, fix)
        return known

    def _resolved(self, text: str, folder: Path, fix: str) -> Path:
        if not text:
            raise flawed("the path is empty", "write the path of a file.")
        if len(text) > MAX_PATH:
            raise flawed(f"the path is longer than {MAX_PATH} characters")
        if text.startswith("~"):
            raise flawed(f"{shown(text)} begins with ~, which is not expanded", fix)
        if os.sep == "/":
            if re.match(r"[A-Za-z]:[\\/]", text):
                raise flawed(f"{shown(text)} leads out of the project folder", fix)
            text = text.replace("\\", "/")
        lexical = os.path.normpath(os.path.join(folder, text))  # noqa: PTH118  (10 x as fast)
        real = Path(self._followed(lexical))
        if not real.is_relative_to(self.root):
            through = " through a link" if Path(lexical).is_relative_to(self.root) else ""
            raise flawed(f"{shown(text)} leads out of the project folder{through}", fix)
        return real

    def names(self, folder: Path) -> tuple[str, ...] | None:
        """Names in *folder*, None when it can't be read."""
        if folder not in self._names:
            try:
                with os.scandir(folder) as found:
                    names = tuple(e.name for _, e in zip(range(MAX_NAMES), found, strict=False))
                self._names[folder] = names
            except OSError:
                self._names[folder] = None
        return self._names[folder]

    def missing(self, text: str, path: Path) -> FlawedValueError:
        """The error of a file that isn't there; the first ones come with the nearest name."""
        self._missed.append(path)
        what = f"there is no file {shown(text)}"
        names = self.names(path.parent)
        if names is None:
            return flawed(what, f"there is no folder {self.shown(path.parent)!r} either.")
        near = names if len(self._missed) <= MAX_SUGGESTED else ()
        near = tuple(n for n in near if path.parent / n != self.timeline)
        return flawed(what, did_you_mean(path.name, near, _CHECK))

    def shown(self, path: Path) -> str:
        """*path* as the author would write it."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else "it"

    def _followed(self, path: str) -> str:
        folder, name = os.path.split(path)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        last = os.path.join(self._real[folder], name)  # noqa: PTH118
        return os.path.realpath(last) if os.path.islink(last) else last  # noqa: PTH114


class Scalar(str):
    """Text of a timeline that knows where paths in it start."""

    __slots__ = ("folder", "project")

    folder: Path
    """Folder of the file that it stands in."""
    project: ProjectFolder


def media_path(raw: object) -> object:
    """
    Absolute path of a file that exists in the project; values of other types pass unchanged.

    Raises:
        FlawedValueError: If it leaves the project, doesn't exist, or is no file.
    """
    if not isinstance(raw, Scalar):
        return raw
    path = raw.project.resolve(raw, raw.folder)
    try:
        mode = path.stat().st_mode
    except OSError:
        raise raw.project.missing(raw, path) from None
    if stat.S_ISDIR(mode):
        raise flawed(f"{shown(raw)} is a folder", "name a file in it.")
    if not stat.S_ISREG(mode):
        raise flawed(f"{shown(raw)} is not a file")
    return path


def output_path(raw: object) -> object:
    """
    Absolute path of a file in the project that may not exist yet.

    Raises:
        FlawedValueError: If it leaves the project or is a folder.
    """
    if not isinstance(raw, Scalar):
        return raw
    path = raw.project.resolve(raw, raw.folder, _STAY)
    if raw.rstrip().endswith(("/", "\\")) or path.is_dir():
        raise flawed(f"{shown(raw)} is a folder", "add the name of a file.")
    return path
