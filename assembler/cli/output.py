"""Results to standard output, progress and errors to standard error, as text or JSON."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from assembler.assemble.progress import Progress, Reading
from assembler.errors import AssemblerError, SpecError

_LINE_EVERY_S = 10.0
_DATA_EVERY_S = 0.5

ProgressForm = Literal["bar", "json", "none"]


@dataclass(frozen=True, slots=True)
class Style:
    """How this run speaks."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    progress: ProgressForm = "bar"


def result(style: Style, text: str, data: dict[str, Any]) -> None:
    """Print the result of a command."""
    if style.json:
        print(json.dumps({"ok": True, **data}, ensure_ascii=False, default=str, indent=1))  # noqa: T201
    elif text and not style.quiet:
        print(text)  # noqa: T201


def failure(style: Style, error: AssemblerError) -> None:
    """Print what went wrong: on standard error for people, on standard output for programs."""
    if style.json:
        print(json.dumps({"ok": False, "error": _as_data(error)}, ensure_ascii=False, indent=1))  # noqa: T201
    else:
        print(error, file=sys.stderr)  # noqa: T201


def _as_data(error: AssemblerError) -> dict[str, Any]:
    data: dict[str, Any] = {
        "kind": type(error).__name__,
        "exit_code": error.exit_code,
        "what": error.what,
        "where": error.where,
        "fix": error.fix,
    }
    if isinstance(error, SpecError):
        data["problems"] = [
            {"file": p.file, "line": p.line, "column": p.column, "what": p.what, "fix": p.fix}
            for p in error.problems
        ]
    return data


def note(style: Style, text: str) -> None:
    """Say something beside the result."""
    if not (style.quiet or style.json):
        print(text, file=sys.stderr)  # noqa: T201


@contextmanager
def progress(style: Style) -> Iterator[Progress | None]:
    """A bar with ETA on a terminal, a line now and then elsewhere, nothing when quiet."""
    if style.progress == "json":
        yield Progress(_Paced(_data_line, _DATA_EVERY_S, last=True).show, say=_said_line)
    elif style.progress == "none" or style.quiet or style.json:
        yield None
    elif sys.stderr.isatty():
        with _bar() as shown:
            yield shown
    else:
        lines = _Paced(_as_line, _LINE_EVERY_S, last=False)
        yield Progress(lines.show, say=lambda text: note(style, text))


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[speed]}"),
        TextColumn("{task.fields[left]}"),
    )
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=1.0, left="", speed="")

    def show(reading: Reading) -> None:
        bar.start()  # not before there is something to show: a question may come first
        bar.update(
            task,
            completed=reading.done,
            description=reading.stage,
            left=_left(reading.left_s),
            speed=_speed(reading),
        )

    try:
        yield Progress(show, say=lambda text: bar.console.print(text, markup=False, soft_wrap=True))
    finally:
        bar.stop()


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} left"


def _speed(reading: Reading) -> str:
    """Frames a second and size so far."""
    fast = "" if reading.frames_per_s is None else f"{reading.frames_per_s:.1f} frames/s"
    size = f"{reading.bytes / 1e6:.1f} MB" if reading.bytes else ""
    return ", ".join(part for part in (fast, size) if part)


def _said_line(text: str) -> None:
    print(json.dumps({"say": text}, ensure_ascii=False), file=sys.stderr, flush=True)  # noqa: T201


class _Paced:
    """Progress a line at a time: when the stage changes, and every so often."""

    def __init__(self, line: Callable[[Reading], str], every_s: float, *, last: bool) -> None:
        """*last*: the reading at the end of everything is always printed."""
        self._line = line
        self._every_s = every_s
        self._last = last
        self._stage = ""
        self._next = 0.0
        self._lock = threading.Lock()

    def show(self, reading: Reading) -> None:
        """Print the reading if it is time."""
        now = time.monotonic()
        with self._lock:
            early = reading.stage == self._stage and now < self._next
            if early and not (self._last and reading.done >= 1):
                return
            self._stage, self._next = reading.stage, now + self._every_s
            print(self._line(reading), file=sys.stderr, flush=True)  # noqa: T201


def _data_line(reading: Reading) -> str:
    """For programs."""
    return json.dumps(reading.data())


def _as_line(reading: Reading) -> str:
    """For logs."""
    more = ", ".join(part for part in (_left(reading.left_s), _speed(reading)) if part)
    return f"{reading.stage}: {reading.done:4.0%} {more}".rstrip()
