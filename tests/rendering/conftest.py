"""A small film of numbered clips."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from assembler.cut.model import Clip, Cut, Source
from assembler.media.files import sha256_of
from assembler.media.probe import probe
from assembler.timebase import FrameRange
from tests.rendering.numbers import numbered_clip, read_number

__all__ = ["numbered_clip", "read_number"]

RATE = Fraction(24)
SIZE = (320, 192)


def source(path: Path) -> Source:
    """A clip as the cut sees it."""
    info = probe(path)
    assert info.video is not None
    return Source(sha256_of(path), path, info, info.video.colour, info.still)


def cut_of(*clips: Clip, **more: Any) -> Cut:
    """A programme of 320x192 at 24."""
    given = {"title": "Test", "size": SIZE, "rate": RATE, "hz": 48000, "layout": "stereo"} | more
    return Cut(clips=clips, **given)


def clip(taken: Source, start: int, stop: int, source_in: int = 0, **more: Any) -> Clip:
    """A clip in the row."""
    name = more.pop("id", f"{taken.path.stem}{start}")
    return Clip(name, name, taken, FrameRange(start, stop), source_in, **more)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, Source]:
    """Two clips of 72 frames; frame n shows n, and 1000 + n."""
    folder = tmp_path_factory.mktemp("clips")
    a = numbered_clip(folder / "a.mp4", 72)
    b = numbered_clip(folder / "b.mp4", 72, first=1000)
    return source(a), source(b)


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    return tmp_path / "spans"


Made = Callable[..., Source]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Write a numbered clip and probe it."""

    def make(name: str, *args: Any, **more: Any) -> Source:
        return source(numbered_clip(tmp_path / name, *args, **more))

    return make
