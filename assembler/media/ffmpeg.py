"""
The one runner of the ffmpeg program.

    run(["-i", "in.mov", "-c:v", "ffv1", "out.mkv"], on_frames=print)

The program comes with the package imageio-ffmpeg; ASSEMBLER_FFMPEG names another. There is no
ffprobe: what is inside a file is read by `probe.py`.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import IO

from assembler.errors import AssemblerError, MissingProgramError, RenderError
from assembler.media.room import no_room_for

ENVIRONMENT = "ASSEMBLER_FFMPEG"
"""Names the program to use instead of the packaged one."""

_LONGEST_ARGUMENT = 4000
"""A longer graph goes through a file: Windows allows 32,767 characters for a whole command."""

_KEPT_LINES = 4000
"""Lines of stderr that are kept; a damaged hour may print millions."""

_SHOWN_LINES = 8
_POLL_S = 0.1

_GRAPH_OPTIONS = {
    "-filter_complex": "-filter_complex_script",
    "-lavfi": "-filter_complex_script",
    "-vf": "-filter_script:v",
    "-filter:v": "-filter_script:v",
    "-af": "-filter_script:a",
    "-filter:a": "-filter_script:a",
}
"""Options that take a graph, with their file variants before ffmpeg 7."""


def exe() -> str:
    """
    Path of the ffmpeg program.

    Raises:
        MissingProgramError: If ASSEMBLER_FFMPEG names no program, or the package brings none.
    """
    named = os.environ.get(ENVIRONMENT)
    return _named(named) if named else _packaged()


def _named(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise MissingProgramError(
            f"{ENVIRONMENT} names {name!r}, which is no program",
            fix=f"set {ENVIRONMENT} to the path of ffmpeg, or unset it to use the packaged one.",
        )
    return found


@lru_cache(maxsize=1)
def _packaged() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as exc:
        raise MissingProgramError(
            "imageio-ffmpeg has no ffmpeg program for this machine",
            fix=f"install ffmpeg and set {ENVIRONMENT} to its path.",
        ) from exc


def version() -> str:
    """Version of the program: ``7.1``, ``n9.0.2-17-g2a571b6068`` or a build's own name."""
    found = re.match(r"ffmpeg version (\S+)", _listing(exe(), "-version"))
    return found[1] if found else "unknown"


def _major() -> int:
    """Main version number; 99 for a build from git, which has no number."""
    found = re.match(r"n?(\d+)\.", version())
    return int(found[1]) if found else 99


def has_filter(name: str) -> bool:
    """Whether the program was built with this filter."""
    return _in_listing("-filters", name)


def has_encoder(name: str) -> bool:
    """Whether the program was built with this encoder."""
    return _in_listing("-encoders", name)


def _in_listing(option: str, name: str) -> bool:
    return bool(re.search(rf"^ ?\S+\s+{re.escape(name)}\s", _listing(exe(), option), re.MULTILINE))


@lru_cache(maxsize=16)
def _listing(program: str, option: str) -> str:
    try:
        done = subprocess.run(
            [program, "-hide_banner", option],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=True,
            creationflags=_NO_WINDOW,
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise MissingProgramError(
            f"{program} does not run as ffmpeg: {exc}",
            fix=f"set {ENVIRONMENT} to a working ffmpeg, or unset it to use the packaged one.",
        ) from exc
    return done.stdout.decode("utf-8", "replace")


_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Windows opens a console for every child of a windowed program otherwise."""


def run(
    args: Sequence[str],
    *,
    on_frames: Callable[[int], None] | None = None,
    cancel: threading.Event | None = None,
    stdin: Iterator[bytes] | None = None,
    error: type[AssemblerError] = RenderError,
    where: str = "",
) -> str:
    """
    Run ffmpeg to its end; what it wrote to stderr (the last 4000 lines, without statistics).

    Args:
        args: Arguments after the program's name. Outputs are overwritten: write to a new name.
        on_frames: Told how many frames of picture are written, a few times a second.
        cancel: Kills the program when set.
        stdin: Blocks of bytes for ``pipe:0``.
        error: Class of what is raised.
        where: What was being made, for the error.

    Raises:
        AssemblerError: *error*, with the command and the last lines of stderr, if ffmpeg fails or
            was cancelled. Nothing keeps running after any exception, Ctrl-C included.
    """
    with _short_command(args) as short:
        head = ["-hide_banner", "-nostats", "-stats_period", "0.25", "-progress", "pipe:1", "-y"]
        argv = [exe(), *head, *(() if stdin else ("-nostdin",)), *short]
        return _Job(argv, stdin, error, where).finish(on_frames, cancel)


@contextmanager
def _short_command(args: Sequence[str]) -> Iterator[list[str]]:
    """*args* with long graphs moved to files, which live as long as the block."""
    if not any(_is_long_graph(a, b) for a, b in pairwise(args)):
        yield list(args)
        return
    with tempfile.TemporaryDirectory(prefix="assembler-") as folder:
        yield _with_graph_files(args, Path(folder))


def _is_long_graph(option: str, value: str) -> bool:
    return option in _GRAPH_OPTIONS and len(value) > _LONGEST_ARGUMENT


def _with_graph_files(args: Sequence[str], folder: Path) -> list[str]:
    out: list[str] = []
    for position, arg in enumerate(args):
        option = args[position - 1] if position else ""
        if _is_long_graph(option, arg):
            path = folder / f"graph{position}.txt"
            path.write_text(arg, encoding="utf-8")
            out[-1] = f"-/{option[1:]}" if _major() >= 7 else _GRAPH_OPTIONS[option]
            arg = str(path)
        out.append(arg)
    return out


class _Job:
    """One running ffmpeg with the threads that serve its pipes."""

    def __init__(
        self,
        argv: Sequence[str],
        stdin: Iterator[bytes] | None,
        error: type[AssemblerError],
        where: str,
    ) -> None:
        self.argv = list(argv)
        self.error = error
        self.where = where
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.events: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()
        self.child = self._start(stdin is not None)
        self.threads = [
            threading.Thread(target=self._read_errors, daemon=True),
            threading.Thread(target=self._read_progress, daemon=True),
        ]
        if stdin is not None:
            self.threads.append(threading.Thread(target=self._feed, args=(stdin,), daemon=True))

    def _start(self, feeds: bool) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self.argv,
                stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=_NO_WINDOW,
            )
        except OSError as exc:
            raise MissingProgramError(
                f"{self.argv[0]} can't be started: {exc.strerror or exc}",
                fix=f"set {ENVIRONMENT} to a working ffmpeg, or unset it to use the packaged one.",
            ) from exc

    def finish(
        self, on_frames: Callable[[int], None] | None, cancel: threading.Event | None
    ) -> str:
        """Wait for the end; stderr as text."""
        try:
            for thread in self.threads:
                thread.start()
            self._follow(on_frames, cancel)
            self.child.wait()
            self.threads[0].join()
        finally:
            self._clean_up()
        if self.child.returncode:
            out = None if self.argv[-1].startswith("pipe:") else Path(self.argv[-1])
            told = no_room_for(self.lines, self.child.returncode, out)
            raise told or self._failure(f"ffmpeg ended with {self.child.returncode}")
        return "\n".join(self.lines)

    def _follow(
        self, on_frames: Callable[[int], None] | None, cancel: threading.Event | None
    ) -> None:
        while True:
            if cancel is not None and cancel.is_set():
                raise self.error("cancelled", self.where)
            try:
                event = self.events.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if event is None:
                return
            if isinstance(event, BaseException):
                raise event
            if on_frames is not None:
                on_frames(event)

    def _clean_up(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        for thread in self.threads:
            if thread.ident is not None:
                thread.join(timeout=5)
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            if pipe is not None:
                _close(pipe)

    def _read_errors(self) -> None:
        assert self.child.stderr is not None
        for raw in self.child.stderr:
            self.lines.append(raw.decode("utf-8", "replace").rstrip())

    def _read_progress(self) -> None:
        assert self.child.stdout is not None
        for raw in self.child.stdout:
            key, _, value = raw.decode("ascii", "replace").partition("=")
            if key == "frame" and value.strip().isdigit():
                self.events.put(int(value))
        self.events.put(None)

    def _feed(self, blocks: Iterator[bytes]) -> None:
        pipe = self.child.stdin
        assert pipe is not None
        try:
            for block in blocks:
                pipe.write(block)
        except OSError:
            pass  # ffmpeg has ended or wants no more; its exit code tells which
        except BaseException as exc:  # the caller's own: raised again where `run` was called
            self.events.put(exc)
        finally:
            _close(pipe)

    def _failure(self, what: str) -> AssemblerError:
        tail = "\n  ".join(list(self.lines)[-_SHOWN_LINES:])
        command = subprocess.list2cmdline(self.argv)
        return self.error(f"{what}\n  {command}\n  {tail}", self.where)


def _close(pipe: IO[bytes]) -> None:
    with suppress(OSError):
        pipe.close()
