"""A tiny film whose clips are there: footage, a chain of three links that goes on from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assembler.assemble.generating import generate
from assembler.reviewing.desk import Desk
from tests.films import shorten_clips, write_shot, write_voice

TIMELINE = """\
# A tiny film.
assembler: 1
title: Tiny
canvas: {size: 160x90, rate: 24}
output: [{preset: web-720p, size: 160x90, path: out/tiny.mp4}]
defaults: {provider: animatic, model: animatic, resolution: 180p, seed: 1}
segments:
  - {id: shot, file: media/shot.mp4, out: 1s}   # footage
  - id: walk      # goes on from it
    continue: shot
    duration: 3s
    prompt: A forest, push in.
    # the end of walk
  - id: end
    join: cut
    duration: 1s
    prompt: A lake.
tracks:
  - {id: voice, role: voice, file: media/voice.wav, on: shot+0.25s}
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the film, its clips generated."""
    folder = tmp_path_factory.mktemp("film")
    media = folder / "media"
    media.mkdir()
    write_shot(media / "shot.mp4", (160, 90), 36)
    write_voice(media / "voice.wav")
    shorten_clips(folder, 1)
    (folder / "tiny.yaml").write_text(TIMELINE, encoding="utf-8")
    generate(folder / "tiny.yaml")
    Desk(folder / "tiny.yaml").view()  # seams are decided once for all tests
    return folder


@pytest.fixture
def film(made: Path, tmp_path: Path) -> Path:
    """Path of the timeline, in a folder of its own."""
    folder = tmp_path / "film"
    shutil.copytree(made, folder)
    return folder / "tiny.yaml"
