"""
What was changed while looking, kept beside the project so that it can be taken back later.

A change of text is kept as the stretch that differs, with hashes of the whole file before and
after: it is taken back only from the very text that it led to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assembler.media.files import publish
from assembler.planning.project import Project

MOST = 500
"""Changes that are remembered."""


@dataclass(frozen=True, slots=True)
class TextChange:
    """One file's text before and after."""

    file: str
    """From the timeline's folder."""
    at: int
    """Byte at which both begin to differ."""
    old: str
    new: str
    before: str
    """SHA-256 of the whole file."""
    after: str

    @classmethod
    def of(cls, file: str, before: bytes, after: bytes) -> TextChange:
        """What differs between two texts of a file."""
        at = _same_start(before, after)
        tail = _same_end(before[at:], after[at:])
        old, new = before[at : len(before) - tail], after[at : len(after) - tail]
        return cls(file, at, old.decode(), new.decode(), sha256(before), sha256(after))

    def undone(self, text: bytes) -> bytes | None:
        """The text before, if *text* is the one after."""
        if sha256(text) != self.after:
            return None
        return text[: self.at] + self.old.encode() + text[self.at + len(self.new.encode()) :]


@dataclass(frozen=True, slots=True)
class Choice:
    """A take that was chosen instead of another."""

    key: str
    """Of the link."""
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a person did, in one go."""

    words: str
    """``dawn.1>dawn.2: ends at frame 118``."""
    texts: tuple[TextChange, ...] = ()
    choices: tuple[Choice, ...] = ()


class History:
    """The steps that were done on one timeline, the last one last."""

    def __init__(self, project: Project) -> None:
        self._path = project.home / "review" / f"{project.timeline.name}.json"

    def steps(self) -> tuple[Step, ...]:
        """All steps that can be taken back; none where their file is damaged."""
        try:
            rows = json.loads(self._path.read_text(encoding="utf-8"))["steps"]
            return tuple(_step(row) for row in rows)
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def add(self, step: Step) -> None:
        """Remember a step."""
        self._write([*self.steps(), step])

    def drop_last(self) -> None:
        """Forget the last step: it was taken back."""
        self._write(self.steps()[:-1])

    def _write(self, steps: Sequence[Step]) -> None:
        with publish(self._path) as part:
            rows = [asdict(step) for step in steps[-MOST:]]
            part.write_text(json.dumps({"steps": rows}, ensure_ascii=False), encoding="utf-8")


def _step(row: dict[str, Any]) -> Step:
    texts = tuple(TextChange(**text) for text in row["texts"])
    return Step(row["words"], texts, tuple(Choice(**choice) for choice in row["choices"]))


def sha256(data: bytes) -> str:
    """Hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _common(one: bytes, two: bytes) -> int:
    pairs = enumerate(zip(one, two, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(two)))


def _same_start(one: bytes, two: bytes) -> int:
    """Bytes that both begin with, ending between characters."""
    at = _common(one, two)
    while at and (_inside(one, at) or _inside(two, at)):
        at -= 1
    return at


def _same_end(one: bytes, two: bytes) -> int:
    """Bytes that both end with, beginning between characters."""
    tail = _common(one[::-1], two[::-1])
    while tail and (_inside(one, len(one) - tail) or _inside(two, len(two) - tail)):
        tail -= 1
    return tail


def _inside(text: bytes, at: int) -> bool:
    """Whether a place in UTF-8 lies within a character."""
    return at < len(text) and text[at] & 0xC0 == 0x80
