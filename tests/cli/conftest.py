"""A tiny project: one real clip, one generated chain, a voice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assembler.media.samples import write_wav
from assembler.media.writer import FrameWriter

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
    with FrameWriter(media / "shot.mp4", (320, 180), Fraction(24)) as writer:
        ramp = np.linspace(0.1, 0.9, 320, dtype=np.float32)
        for n in range(36):
            picture = np.roll(ramp, 3 * n)[None, :, None] * np.ones((180, 1, 3), np.float32)
            writer.write(np.ascontiguousarray(picture))
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    write_wav(media / "voice.wav", [tone[:, None].astype(np.float32)], 48000, 1)
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
