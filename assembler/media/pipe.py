"""
Raw frames out of ffmpeg, one after the other.

    for frame in raw_frames(["-i", "a.mp4", "-f", "rawvideo", "pipe:1"], 1920 * 1080 * 3 // 2):
        ...
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO

from assembler.errors import RenderError
from assembler.media.ffmpeg import exe

_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_PIPE_BYTES = 1 << 20
_SHOWN = 2000
"""Characters of stderr that are told."""


def raw_frames(
    args: Sequence[str],
    frame_bytes: int,
    *,
    cancel: threading.Event | None = None,
    where: str = "",
) -> Iterator[bytearray]:
    """
    What ffmpeg writes to ``pipe:1``, in pieces of *frame_bytes*; the last one may be shorter.

    Args:
        args: Arguments after the program's name.
        frame_bytes: Length of a frame.
        cancel: Ends the program when set.
        where: What was being read, for the error.

    Raises:
        RenderError: If ffmpeg fails or the work is cancelled.
    """
    argv = [exe(), "-hide_banner", "-nostats", "-loglevel", "warning", "-nostdin", *args]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            creationflags=_NO_WINDOW,
        ) as child,
    ):
        assert child.stdout is not None
        _widen(child.stdout)
        try:
            while True:
                if cancel is not None and cancel.is_set():
                    raise RenderError("cancelled", where)
                block = bytearray(frame_bytes)
                filled = child.stdout.readinto(block)  # type: ignore[attr-defined]
                if not filled:
                    break
                yield block[:filled] if filled < frame_bytes else block
        except BaseException:
            child.kill()
            raise
        if child.wait():
            errors.seek(0)
            said = errors.read()[-_SHOWN:].decode("utf-8", "replace")
            raise RenderError(f"ffmpeg ended with {child.returncode}\n  {said}", where)


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold a good part of a frame, where the system can: fewer switches."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
