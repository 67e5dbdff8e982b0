"""What a part of a film says of itself, and what lies beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import assembler
from assembler.media.probe import probe
from assembler.media.samples import read_samples, write_wav
from assembler.mixing.loudness import LoudnessMeter
from tests.films import write_shot

TIMELINE = """\
assembler: 1
canvas: {size: 160x96, rate: 24}
output: [{preset: lossless, size: 160x96, mix: as-is, path: out/film.mkv}]
segments:
  - {id: a, file: shot.mp4, out: 2s}
  - {id: b, file: shot.mp4, out: 2s}
tracks: [{id: t, role: music, file: tone.wav}]
"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds that are loud, and two that are softer by 20 dB."""
    folder = tmp_path_factory.mktemp("parts")
    write_shot(folder / "shot.mp4", (160, 96), 48)
    level = np.repeat([0.5, 0.05], 96000)
    tone = level * np.sin(2 * np.pi * 997 * np.arange(192000) / 48000)
    write_wav(folder / "tone.wav", [tone[:, None].astype(np.float32)], 48000, 1)
    (folder / "film.yaml").write_text(TIMELINE, encoding="utf-8")
    return folder / "film.yaml"


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_part_tells_its_own_loudness(film: Path, name: str) -> None:
    """That of the sound in its file, not that of the whole film."""
    (made,) = assembler.render(film, only=name).outputs
    info = probe(made.path)
    meter = LoudnessMeter(48000, 2)
    meter.add(read_samples(info, info.audio[0].index, info.audio[0].start_s, 96000, 48000, 2))
    assert made.lufs == pytest.approx(meter.integrated(), abs=0.05)


WORDS = """1
00:00:00,500 --> 00:00:01,500
One

2
00:00:01,750 --> 00:00:02,500
Two
"""


def test_captions_lie_beside_a_part_in_its_time(film: Path) -> None:
    """Those that are seen in it, from its start on."""
    (film.parent / "words.srt").write_text(WORDS, encoding="utf-8")
    timeline = film.with_name("words.yaml")
    timeline.write_text(TIMELINE.replace("film.mkv", "words.mkv") + "captions: words.srt\n")
    (made,) = assembler.render(timeline, only="b").outputs
    assert made.path.with_suffix(".srt").read_text() == "1\n00:00:00,000 --> 00:00:00,500\nTwo\n"
