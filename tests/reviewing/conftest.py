"""A tiny film whose clips are there: footage, a chain of three links that goes on from it."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assembler.assemble.generating import generate
from assembler.media.samples import write_wav
from assembler.media.writer import FrameWriter
from assembler.reviewing.desk import Desk
from assembler.spec.data import data_folder

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
    with FrameWriter(media / "shot.mp4", (160, 90), Fraction(24)) as writer:
        ramp = np.linspace(0.1, 0.9, 160, dtype=np.float32)
        for n in range(36):
            picture = np.roll(ramp, 3 * n)[None, :, None] * np.ones((90, 1, 3), np.float32)
            writer.write(np.ascontiguousarray(picture))
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    write_wav(media / "voice.wav", [tone[:, None].astype(np.float32)], 48000, 1)
    models = folder / "presets" / "models"
    models.mkdir(parents=True)
    preset = (data_folder("presets") / "models" / "animatic.yaml").read_text(encoding="utf-8")
    short = preset.replace("min_s: 1, max_s: 15}", "min_s: 1, max_s: 1}")
    (models / "animatic.yaml").write_text(short, encoding="utf-8")
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
