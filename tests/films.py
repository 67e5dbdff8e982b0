"""Media of tiny films: a shot that moves, a voice, a model that makes short clips."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from assembler.media.samples import write_wav
from assembler.media.writer import FrameWriter
from assembler.spec.data import data_folder


def write_shot(path: Path, size: tuple[int, int], frames: int) -> None:
    """A ramp that goes round, 3 pixels a frame, at 24 frames a second."""
    width, height = size
    ramp = np.linspace(0.1, 0.9, width, dtype=np.float32)
    with FrameWriter(path, size, Fraction(24)) as writer:
        for n in range(frames):
            picture = np.roll(ramp, 3 * n)[None, :, None] * np.ones((height, 1, 3), np.float32)
            writer.write(np.ascontiguousarray(picture))


def write_voice(path: Path) -> None:
    """A second of 440 Hz."""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    write_wav(path, [tone[:, None].astype(np.float32)], 48000, 1)


def shorten_clips(folder: Path, seconds: int) -> None:
    """Let the embedded generator of a project make no longer clips, so that chains are short."""
    models = folder / "presets" / "models"
    models.mkdir(parents=True)
    preset = (data_folder("presets") / "models" / "animatic.yaml").read_text(encoding="utf-8")
    short = preset.replace("min_s: 1, max_s: 15}", f"min_s: 1, max_s: {seconds}}}")
    assert short != preset
    (models / "animatic.yaml").write_text(short, encoding="utf-8")
