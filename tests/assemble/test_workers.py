"""How many spans a film's render makes at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import assembler
from assembler.assemble.progress import Progress
from tests.films import write_shot

TIMELINE = """\
assembler: 1
canvas: {size: 160x96, rate: 24}
output: [{preset: web-720p, size: 160x96, path: out/film.mp4}]
segments:
  - {id: a, file: shot.mp4}
  - {id: b, file: shot.mp4, reverse: true}
  - {id: c, file: shot.mp4, speed: 0.5}
"""


@pytest.mark.parametrize(("available", "most"), [(64 << 30, 4), (1 << 20, 1)])
def test_little_free_memory_is_minded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: int, most: int
) -> None:
    """Where nobody has said how many, no more are made than half of what is free would hold."""
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=available))
    write_shot(tmp_path / "shot.mp4", (160, 96), 48)
    (tmp_path / "film.yaml").write_text(TIMELINE, encoding="utf-8")
    counts = [0]

    def count(_: object) -> None:
        counts.append(sum(t.name.startswith("span") for t in threading.enumerate()))

    assembler.render(tmp_path / "film.yaml", progress=Progress(count))
    assert 0 < max(counts) <= most
    assert (max(counts) > 1) == (most > 1)
