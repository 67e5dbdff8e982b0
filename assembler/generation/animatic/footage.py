"""A given video as a shot, frame by frame: what the preview of a lip-sync shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assembler.generation.animatic.camera import Array
from assembler.generation.animatic.planes import Planes, from_rgb
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.media.scale import covering


class Footage:
    """The frames of a video, in the size that is wanted; its last one stays."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._info, self._size = probe(path), size
        self._frames: Iterator[Array] = iter(())
        self._next = 0
        self._now: Array | None = None

    def at(self, n: float) -> Planes:
        """Frame *n*; they are best asked for in order."""
        wanted = max(0, int(n))
        if self._now is None or wanted < self._next - 1:
            self._frames, self._next = iter(read_frames(self._info, start=wanted)), wanted
        while self._next <= wanted:
            frame = next(self._frames, None)
            if frame is None:
                break
            self._now, self._next = frame, self._next + 1
        assert self._now is not None
        return from_rgb(covering(self._now, self._size))
