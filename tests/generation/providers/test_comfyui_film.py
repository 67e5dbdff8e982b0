"""A film by a ComfyUI server, a workflow and a model preset of the user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assembler.cli.app import run
from assembler.media.frames import last_frames, read_frames
from assembler.media.probe import probe
from assembler.planning.ledger import Ledger
from tests.generation.providers.runs import distance, picture
from tests.planning.test_workflow import TITLES, graph
from tests.servers.comfyui import Comfyui
from tests.servers.kit import serving

PRESET = """# A small model, for tests.
id: tiny
title: Tiny
vendor: nobody
kinds: [text, image]
providers: [comfyui]
lengths: {min_s: 1, max_s: 2}
frames: {rate: 16, extra: 1}
sizes: {180p: {"20:11": 320x176}}
default_resolution: 180p
start_image: true
seed: true
prices: [{provider: comfyui, usd_per_s: 0, source: made here}]
"""
TIMELINE = """assembler: 1
canvas: {size: 320x176, rate: 16}
budget: {usd: 0}
defaults: {provider: comfyui, model: tiny, audio: off}
output: [{preset: draft, path: out.mp4}]
segments:
  - {id: dawn, duration: 3s, start: a.png, prompt: static harbour}
"""


def test_a_film_is_made_by_a_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain's second link starts on the last frame of the first; a rerun makes nothing."""
    picture(tmp_path, "a.png", 1, (320, 176))
    for name, text in (
        ("presets/models/tiny.yaml", PRESET),
        ("workflows/tiny.json", json.dumps(graph(**TITLES))),
        ("film.yaml", TIMELINE),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with serving(Comfyui(tmp_path / "server")) as server:
        monkeypatch.setenv("ASSEMBLER_COMFYUI_URL", server.url)
        assert [run(["render", str(tmp_path / "film.yaml")]) for _ in range(2)] == [0, 0]
        assert len(server.billed) == 2
    with Ledger(tmp_path / ".assembler/ledger.sqlite") as ledger:
        first, second = sorted(ledger.submissions(), key=lambda row: row.link)
    takes = [probe(tmp_path / ".assembler/takes" / f"{row.key}.mp4") for row in (first, second)]
    end, begin = next(iter(last_frames(takes[0], 1))), next(iter(read_frames(takes[1], stop=1)))
    assert distance(end, begin) < 2 / 255
    video = probe(tmp_path / "out.mp4").video
    assert video is not None
    assert video.frames == 48
