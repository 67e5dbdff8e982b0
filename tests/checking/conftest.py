"""A small film of two moving shots with a voice and music, and ways to damage it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

import assembler
from assembler.media.samples import WavWriter

SIZE = (192, 108)
RATE = 24
SHOT = 36
"""Frames of each shot."""
Picture = NDArray[np.uint8]

TIMELINE = f"""\
assembler: 1
title: Proof
canvas: {{size: {SIZE[0]}x{SIZE[1]}, rate: {RATE}}}
output: [{{preset: web-720p, size: {SIZE[0]}x{SIZE[1]}, path: out/film.mp4}}]
segments:
  - {{id: hills, file: media/hills.mp4}}
  - {{id: town, file: media/town.mp4, join: cut}}
tracks:
  - {{id: voice, role: voice, file: media/voice.wav, on: 0.5s}}
  - {{id: score, role: music, file: media/score.wav}}
"""


@dataclass(frozen=True)
class Project:
    """A rendered film."""

    timeline: Path
    film: Path

    def copy(self, out: Path, *args: object) -> Path:
        """The film's streams copied by ffmpeg with some options."""
        return ffmpeg(out, "-i", self.film, "-c", "copy", *args)

    def shown(self, out: Path, change: Callable[[list[Picture]], list[Picture]]) -> Path:
        """The film with other pictures."""
        with av.open(str(self.film)) as file:
            frames = change([f.to_ndarray(format="yuv420p") for f in file.decode(video=0)])
        raw = out.with_suffix(".yuv")
        raw.write_bytes(b"".join(frame.tobytes() for frame in frames))
        size = f"{SIZE[0]}x{SIZE[1]}"
        return ffmpeg(
            out, "-i", self.film, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", RATE,
            "-i", raw, "-map", "1:v", "-map", "0:a", "-c:a", "copy", "-crf", 16, *TAGS,
        )  # fmt: skip

    def heard(self, out: Path, change: Callable[[NDArray[np.float32]], object]) -> Path:
        """The film with another sound."""
        with av.open(str(self.film)) as file:
            parts = [f.to_ndarray() for f in file.decode(audio=0)]
        samples = np.asarray(change(np.concatenate(parts, axis=1).T.copy()), np.float32)
        raw = out.with_suffix(".f32")
        raw.write_bytes(np.ascontiguousarray(samples).tobytes())
        return ffmpeg(
            out, "-i", self.film, "-f", "f32le", "-ar", 48000, "-ac", 2, "-i", raw,
            "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-b:a", "192k",
        )  # fmt: skip


TAGS = ("-vf", "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv")


def ffmpeg(out: Path, *args: object) -> Path:
    """Run ffmpeg."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-v", "error", "-y", *map(str, args), str(out)], check=True)
    return out


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The film, rendered."""
    folder = tmp_path_factory.mktemp("proof")
    media = folder / "media"
    media.mkdir()
    write_shot(media / "hills.mp4", seed=1, step=(1.5, 0.4))
    write_shot(media / "town.mp4", seed=2, step=(-1.0, 0.8))
    write_sounds(media)
    timeline = folder / "proof.yaml"
    timeline.write_text(TIMELINE, encoding="utf-8")
    assembler.render(timeline)
    return Project(timeline, folder / "out" / "film.mp4")


def write_shot(path: Path, *, seed: int, step: tuple[float, float], frames: int = SHOT) -> None:
    """A landscape of blots that moves evenly."""
    rng = np.random.default_rng(seed)
    small = rng.random((40, 60, 3)).astype(np.float32)
    wide = cv2.resize(small, (420, 280), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"crf": "14"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for n in range(frames):
            move = np.array([[1, 0, -100 - step[0] * n], [0, 1, -80 - step[1] * n]], np.float32)
            rgb = np.clip(cv2.warpAffine(wide, move, SIZE) * 200 + 20, 0, 255).astype(np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        file.mux(stream.encode(None))


def write_sounds(media: Path) -> None:
    """Something like a voice: bursts of noise; something like music: a chord that moves."""
    rng = np.random.default_rng(5)
    seconds = 2 * SHOT / RATE
    t = np.arange(int(48000 * seconds)) / 48000
    noise = np.convolve(rng.normal(0, 0.5, 96000), np.ones(12) / 12, "same")
    speech = noise * (np.sin(2 * np.pi * 3 * t[:96000]) > 0)
    chord = sum(np.sin(2 * np.pi * f * t * (1 + 0.01 * t)) for f in (220, 277, 330)) * 0.08
    left, right = chord, chord * 0.6 + 0.02 * np.sin(2 * np.pi * 110 * t)
    with WavWriter(media / "voice.wav", 48000, 1, 16) as out:
        out.write(speech[:, None].astype(np.float32))
    with WavWriter(media / "score.wav", 48000, 2, 16) as out:
        out.write(np.stack([left, right], axis=1).astype(np.float32))
