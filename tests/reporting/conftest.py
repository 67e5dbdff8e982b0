"""A tiny film, rendered: footage, a chain that goes on from it, a cut; with script in its words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import assembler
from tests.films import shorten_clips, write_shot, write_voice

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


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of its timeline; nothing is made yet."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "media").mkdir()
    write_shot(folder / "media" / CLIP, (320, 180), 30)
    write_voice(folder / "media" / "voice.wav")
    shorten_clips(folder, 1)
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
