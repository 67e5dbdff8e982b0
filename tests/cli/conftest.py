"""A tiny project: one real clip, one generated chain, a voice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.films import write_shot, write_voice

TIMELINE = """\
assembler: 1
title: Tiny
canvas: {size: 320x180, rate: 24}
output: [{preset: web-720p, size: 320x180, path: out/tiny.mp4}]
defaults: {provider: animatic, model: animatic, resolution: 180p, seed: 1}
segments:
  - {id: shot, file: media/shot.mp4, out: 1s}
  - {id: walk, continue: shot, duration: 2s, prompt: "A forest, push in."}
tracks:
  - {id: voice, role: voice, file: media/voice.wav, on: shot+0.25s}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Path of a timeline that renders in a few seconds."""
    media = tmp_path / "media"
    media.mkdir()
    write_shot(media / "shot.mp4", (320, 180), 36)
    write_voice(media / "voice.wav")
    timeline = tmp_path / "tiny.yaml"
    timeline.write_text(TIMELINE, encoding="utf-8")
    return timeline


@pytest.fixture
def assembler() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command as a user does."""

    def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
        argv: Sequence[str] = [sys.executable, "-m", "assembler", *map(str, args)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=240)

    return run
