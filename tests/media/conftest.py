"""Clips made on the fly, with the frame number drawn as 12 black and white blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SIZE = (320, 192)
_BLOCK = 16


def numbered(number: int, size: tuple[int, int] = SIZE) -> Floats:
    """A colourful picture whose number can be read back, float32 (h, w, 3) in [0, 1]."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    blue = 0.5 + 0.3 * np.sin(x / 30 + number / 4)
    rgb = np.stack([0.2 + 0.6 * x / width, 0.2 + 0.6 * y / height, blue], axis=2)
    for bit in range(12):
        left = bit * _BLOCK
        rgb[:_BLOCK, left : left + _BLOCK] = number >> bit & 1
    return rgb.astype(np.float32)


def number_of(rgb: Floats) -> int:
    """The number drawn in a picture of the size it was made in."""
    middle = _BLOCK // 2
    return sum(int(rgb[middle, bit * _BLOCK + middle].mean() > 0.5) << bit for bit in range(12))


Remux = Callable[..., Path]


@pytest.fixture
def restamped(tmp_path: Path) -> Remux:
    """Copy a clip's packets with other time stamps: ``restamped(path, name, stamp)``."""

    def copy(source: Path, name: str, stamp: Callable[[int], int]) -> Path:
        target = tmp_path / name
        with av.open(str(source)) as read, av.open(str(target), "w") as written:
            stream = read.streams.video[0]
            out = written.add_stream_from_template(stream)
            for packet in read.demux(stream):
                if not packet.size:
                    continue
                packet.pts, packet.dts = stamp(packet.pts), stamp(packet.dts)
                packet.stream = out
                written.mux(packet)
        return target

    return copy
