"""Clips whose frames carry their number as 12 black and white blocks, readable after anything."""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BLOCK = 16
BITS = 12


def numbered_picture(number: int, size: tuple[int, int] = (320, 192)) -> NDArray[np.uint8]:
    """Planes Y, U, V (4:2:0, stacked as ffmpeg's yuv420p) with *number* along the top."""
    width, height = size
    luma = np.tile(np.linspace(60, 180, width, dtype=np.uint8), (height, 1))
    luma[:BLOCK, : BLOCK * BITS] = 16
    for bit in range(BITS):
        if number >> bit & 1:
            luma[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 235
    chroma = np.full((height // 2, width), 128, dtype=np.uint8)
    return np.vstack([luma, chroma])


def numbered_clip(
    path: Path,
    frames: int = 48,
    rate: Fraction = Fraction(24),
    size: tuple[int, int] = (320, 192),
    *,
    first: int = 0,
    encoder: str = "libx264",
    options: dict[str, str] | None = None,
    pts: Callable[[int], int] | None = None,
    time_base: Fraction | None = None,
) -> Path:
    """Write a clip; frame n shows the number *first* + n. One keyframe at its start."""
    settings = {"g": "9999", "bf": "0", "crf": "16", "preset": "ultrafast"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=rate, options=settings | (options or {}))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = time_base or 1 / rate
        context.colorspace, context.color_range = 1, 1
        context.color_primaries, context.color_trc = 1, 1
        for n in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered_picture(first + n, size), "yuv420p")
            frame.pts = pts(n) if pts else n
            frame.time_base = context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_number(frame: av.VideoFrame, scale: float = 1.0) -> int:
    """The number in a picture of 320x192 enlarged by *scale*."""
    luma = np.asarray(frame.to_ndarray(format="gray"))
    side = BLOCK * scale
    number = 0
    for bit in range(BITS):
        left, right = (int((bit + part) * side) for part in (0.3, 0.7))
        block = luma[int(side * 0.3) : int(side * 0.7), left:right]
        number |= int(block.mean() > 125) << bit
    return number


def numbers_in(path: Path, scale: float = 1.0) -> list[int]:
    """Numbers of all frames of a file."""
    with av.open(str(path)) as container:
        return [read_number(frame, scale) for frame in container.decode(video=0)]


def planes_in(path: Path) -> list[NDArray[np.uint8]]:
    """All frames of a yuv420p file as stacked planes."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def tone(path: Path, samples: int, hz: int = 48000, channels: int = 2) -> Path:
    """A WAV of a quiet 440 Hz tone."""
    wave_form = 8000 * np.sin(2 * np.pi * 440 * np.arange(samples) / hz)
    block = np.repeat(wave_form.astype("<i2")[:, None], channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(hz)
        file.writeframes(block.tobytes())
    return path


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive numbers as (first, length)."""
    out: list[tuple[int, int]] = []
    for number in numbers:
        if out and number == out[-1][0] + out[-1][1]:
            out[-1] = (out[-1][0], out[-1][1] + 1)
        else:
            out.append((number, 1))
    return out
