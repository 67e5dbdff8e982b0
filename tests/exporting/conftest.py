"""A small film of numbered clips, exported."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from assembler.assemble.exports import Exported, export
from tests.rendering.numbers import numbered_clip

FILM = """\
assembler: 1
title: Numbers
canvas: {size: 320x192, rate: 24}
output: [{preset: lossless, path: out/numbers.mkv}]
segments:
  - {id: one, file: a.mp4, in: 12f, out: 48f}
  - {id: two, file: b.mp4, in: 12f, out: 48f, join: {dissolve: 12f}}
  - {id: three, file: c.mp4, in: 12f, out: 36f}
tracks:
  - {id: score, role: music, file: score.wav, level: -6dB, fade_out: 12f}
titles: [{text: "Numbers", style: title, on: three+4f, for: 12f}]
captions: {file: words.srt}
"""
SRT = "1\n00:00:00,500 --> 00:00:01,000\nOne.\n\n2\n00:00:03,250 --> 00:00:03,750\nThree.\n"
"""The second lies on the clip `three`, which begins at 3 s."""


@dataclass(frozen=True, slots=True)
class Film:
    """A timeline and what was exported from it."""

    timeline: Path
    exported: Exported

    @property
    def out(self) -> Path:
        """Where the edit files are."""
        return self.timeline.parent / "out"


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of 72 frames that show 0…, 1000… and 2000…, and a tone."""
    folder = tmp_path_factory.mktemp("numbers")
    for n, name in enumerate("abc"):
        numbered_clip(folder / f"{name}.mp4", 72, first=1000 * n)
    tone = np.sin(np.arange(48000 * 5) * 0.05) * 8000
    with wave.open(str(folder / "score.wav"), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes(tone.astype("<i2").tobytes())
    (folder / "words.srt").write_text(SRT, encoding="utf-8")
    (folder / "film.yaml").write_text(FILM, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def film(material: Path) -> Film:
    """The film, in all formats."""
    timeline = material / "film.yaml"
    return Film(timeline, export(timeline, ("otio", "fcpxml", "fcp7", "edl", "aaf", "csv")))
