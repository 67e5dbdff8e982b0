"""A project folder with files to name, and timelines written into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assembler.errors import SpecError
from assembler.spec.load import load

FILES = (
    "media/harbour.png", "media/turn-end.png", "media/anna.png", "media/archive.mov",
    "media/narration.wav", "media/score.flac", "media/captions.srt",
)  # fmt: skip

Write = Callable[..., Path]
Problems = Callable[[str], str]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder that holds the files of the examples and is the working directory."""
    folder = tmp_path / "film"
    (folder / "media").mkdir(parents=True)
    for name in FILES:
        (folder / name).touch()
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture
def write(project: Path) -> Write:
    """Writes a file of the project from text or bytes."""

    def to(name: str, content: str | bytes) -> Path:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to


@pytest.fixture
def problems(write: Write) -> Problems:
    """Everything that is said about a timeline called t.yaml."""

    def of(text: str) -> str:
        write("t.yaml", text)
        with pytest.raises(SpecError) as caught:
            load("t.yaml")
        return str(caught.value)

    return of
