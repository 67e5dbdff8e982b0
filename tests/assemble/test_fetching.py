"""Clips of segments with a `url`: told while they come, stopped when the user wants it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from assembler.assemble.generating import fetch
from assembler.assemble.prepare import check
from assembler.assemble.progress import Progress
from assembler.errors import FetchError, SpecError
from tests.films import write_shot
from tests.servers.files import Behaviour, serving


def _timeline(folder: Path, url: str) -> Path:
    path = folder / "film.yaml"
    path.write_text(f"assembler: 1\nsegments: [{{id: a, url: '{url}'}}]\n", encoding="utf-8")
    return path


def test_what_is_fetched_is_told_once_and_without_its_secrets(tmp_path: Path) -> None:
    clip = tmp_path / "shot.mp4"
    write_shot(clip, (160, 96), 12)
    told: list[str] = []
    with serving(Behaviour(clip.read_bytes())) as server:
        timeline = _timeline(tmp_path, f"{server}/shot.mp4?sig=SECRET")
        for _ in range(2):
            assert fetch(timeline, progress=Progress(say=told.append)).paths["a"].is_file()
    assert told == [f"a: fetching {server}/shot.mp4"]


def test_fetching_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    cancel = threading.Event()
    with serving(Behaviour(b"x" * 100_000, drip_s=0.01)) as server:
        timeline = _timeline(tmp_path, f"{server}/shot.mp4")
        with pytest.raises(FetchError, match="cancelled"):
            fetch(timeline, progress=Progress(say=lambda text: cancel.set()), cancel=cancel)


@pytest.mark.parametrize("url", ["http://[::1/x.mp4", "https://example.org:99999/x", "https://"])
def test_address_that_is_none_is_refused_at_its_place(tmp_path: Path, url: str) -> None:
    with pytest.raises(SpecError, match=r"film\.yaml:2:.*segment a: url: no address on the web"):
        check(_timeline(tmp_path, url))
