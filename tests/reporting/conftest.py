"""A tiny film, rendered: footage, a chain that goes on from it, a cut; with script in its words."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import assembler
from assembler.media.samples import write_wav
from assembler.media.writer import FrameWriter

CLIP = 'shot"><svg onload=hack()>.mp4' if os.name == "posix" else "shot.mp4"
TITLE = "</script><script>window.hacked=1</script>"
PROMPT = "A forest <img src=x onerror=window.hacked=2> {{ 7 * 7 }}, push in."
TIMELINE = f"""\
assembler: 1
title: "{TITLE}"
canvas: {{size: 320x180, rate: 24}}
output: [{{preset: web-720p, size: 320x180, path: out/tiny.mp4}}]
defaults: {{provider: animatic, model: animatic, resolution: 180p, seed: 1}}
segments:
  - {{id: shot, file: 'media/{CLIP}', out: 1s}}
  - {{id: walk, continue: shot, duration: 2s, prompt: "{PROMPT}"}}
  - {{id: end, join: cut, duration: 1s, prompt: A lake.}}
tracks:
  - {{id: voice, role: voice, file: media/voice.wav, on: shot+0.25s}}
  - {{id: score, role: music, file: media/voice.wav, loop: true, duck: {{by: 6dB}}}}
titles:
  - {{text: "<b>{TITLE}</b>", style: lower-third, on: shot+0.2s, for: 0.6s}}
"""
MODEL = """\
id: animatic
title: A second at a time
vendor: assembler
kinds: [text, image]
providers: [animatic]
lengths: {min_s: 1, max_s: 1}
frames: {rate: 24, extra: 1}
sizes: {180p: {"16:9": 320x180}}
default_resolution: 180p
start_image: true
audio: optional
seed: true
prices: [{provider: animatic, usd_per_s: 0, source: made on this machine}]
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of its timeline; nothing is made yet."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "media").mkdir()
    with FrameWriter(folder / "media" / CLIP, (320, 180), Fraction(24)) as writer:
        ramp = np.linspace(0.1, 0.9, 320, dtype=np.float32)
        for n in range(30):
            picture = np.roll(ramp, 3 * n)[None, :, None] * np.ones((180, 1, 3), np.float32)
            writer.write(np.ascontiguousarray(picture))
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    write_wav(folder / "media" / "voice.wav", [tone[:, None].astype(np.float32)], 48000, 1)
    models = folder / "presets" / "models"
    models.mkdir(parents=True)
    (models / "animatic.yaml").write_text(MODEL, encoding="utf-8")
    timeline = folder / "tiny.yaml"
    timeline.write_text(TIMELINE, encoding="utf-8")
    return timeline


@pytest.fixture(scope="session")
def film(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the timeline of the film, rendered."""
    folder = tmp_path_factory.mktemp("film") / "tiny"
    shutil.copytree(project.parent, folder)
    assembler.render(folder / project.name)
    return folder / project.name


@pytest.fixture(scope="session")
def page(film: Path) -> Path:
    """The report of the film."""
    return assembler.report(film).path
