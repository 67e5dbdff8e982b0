"""Small programmes made of sounds."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from assembler.cut.model import Clip, Cut, Sound, Source
from assembler.media import ffmpeg
from assembler.media.info import Colour, MediaInfo
from assembler.media.samples import SampleReader, Samples, write_wav
from assembler.spec.presets import MixPreset
from assembler.timebase import FrameRange, SampleRange

HZ = 48000
AS_IT_IS = MixPreset(id="as-it-is", title="as it is", true_peak_dbtp=0)


@dataclass
class Studio:
    """Makes files, sounds and programmes in a folder."""

    folder: Path

    def file(self, samples: Samples, hz: int = HZ, name: str | None = None) -> Path:
        path = self.folder / (name or f"sound{len(list(self.folder.iterdir()))}.wav")
        write_wav(path, [samples], hz, samples.shape[1])
        return path

    def sound(
        self, source: Path | Samples, start: int, stop: int, role: str = "native", **more: Any
    ) -> Sound:
        path = source if isinstance(source, Path) else self.file(source)
        name = more.pop("id", path.stem)
        since = more.pop("since", Fraction(0))
        record = SampleRange(start, stop)
        return Sound(name, role, path, path.name, 0, since, record, **more)  # type: ignore[arg-type]

    def out(self) -> Path:
        return self.folder / "out" / "programme.wav"


def programme(
    *sounds: Sound, frames: int = 48, layout: Literal["mono", "stereo", "5.1"] = "stereo"
) -> Cut:
    """Frames at 24 a second with these sounds."""
    info = MediaInfo(Path("none"), 0, 0, "", None, (), False, None, ())
    source = Source("none", Path("none"), info, Colour())
    clip = Clip("a", "a", source, FrameRange(0, frames), 0)
    return Cut("test", (320, 192), Fraction(24), HZ, layout, (clip,), sounds=sounds)


def heard(path: Path, channels: int = 2) -> Samples:
    """Everything in a WAV."""
    with SampleReader(path, 0, Fraction(0), HZ, channels) as reader:
        blocks = [reader.read(HZ)]
        while reader.end is None or reader.end > HZ * len(blocks):
            blocks.append(reader.read(HZ))
        return np.concatenate(blocks)[: reader.end]


def ebur128(path: Path) -> tuple[float, float]:
    """Integrated loudness and true peak by ffmpeg, to a tenth."""
    argv = [ffmpeg.exe(), "-nostats", "-i", str(path), "-af", "ebur128=peak=true"]
    done = subprocess.run([*argv, "-f", "null", "-"], capture_output=True, text=True, check=True)
    summary = done.stderr[done.stderr.rindex("Summary:") :].split()
    return float(summary[summary.index("I:") + 1]), float(summary[summary.index("Peak:") + 1])


def tone(seconds: float, hz: float = 1000, level_db: float = -20, channels: int = 2) -> Samples:
    """A sine with its peak at a level."""
    wave = np.sin(2 * np.pi * hz * np.arange(round(seconds * HZ)) / HZ) * 10 ** (level_db / 20)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def hiss(seconds: float, seed: int = 1, level: float = 0.1, channels: int = 2) -> Samples:
    """White noise."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((round(seconds * HZ), channels)) * level).astype(np.float32)


def speech(seconds: float, seed: int = 1, level: float = 0.2) -> Samples:
    """Syllables of a buzzing voice with short gaps, mono."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * HZ), np.float32)
    at = 0
    while at < len(out):
        length = int(rng.uniform(0.15, 0.3) * HZ)
        t = np.arange(length) / HZ
        voice = sum(np.sin(2 * np.pi * rng.uniform(110, 130) * k * t) / k for k in range(1, 15))
        syllable = (voice * np.hanning(length) * level).astype(np.float32)
        out[at : at + length] += syllable[: len(out) - at]
        at += length + int(0.03 * HZ)
    return out[:, None]


def rms_db(samples: Samples) -> float:
    """Root mean square in dB of full scale."""
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-20))


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)
