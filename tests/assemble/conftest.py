"""A chain of two clips through a server of Kling's on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import kling
from tests.servers.kit import serving

PAID = """\
assembler: 1
canvas: {size: 320x180, rate: 24}
output: [{preset: web-720p, size: 320x180, path: out/f.mp4}]
defaults: {provider: kling, model: kling-3.0, resolution: 720p, audio: off}
segments:
  - {id: walk, duration: 3s, prompt: "A forest."}
  - {id: lake, continue: walk, duration: 3s, prompt: "A lake."}
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[kling.Kling]:
    with serving(kling.Kling(tmp_path / "server", size=(160, 90))) as running:
        monkeypatch.setenv("KLING_API_KEY", running.key)
        monkeypatch.setenv("ASSEMBLER_KLING_URL", running.url)
        yield running
