"""
The draft made anew whenever the timeline, its parts, its presets or its media change.

    for made in watch("film.yaml"):
        print(made.text())
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from os import fstat
from os.path import samestat
from pathlib import Path
from typing import Any

from watchfiles import watch as changes_below
from watchfiles.main import FileChange

from assembler.assemble.film import Film, render
from assembler.assemble.prepare import check
from assembler.assemble.progress import Progress
from assembler.errors import AssemblerError, OutputExistsError
from assembler.planning.project import Project
from assembler.reviewing.files import named_by, sources
from assembler.spec.load import load

QUIET_MS = 200
"""So long nothing may change before work begins: editors write in several steps."""
LONGEST_MS = 1500
"""Changes that go on and on are taken up after so long."""

Showing = Callable[[], AbstractContextManager[Progress | None]]


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one change."""

    changed: tuple[str, ...]
    """Files, from the timeline's folder; none in the first round."""
    film: Film | None
    error: AssemblerError | None
    took_s: float

    def text(self) -> str:
        """For people."""
        why = f"{_listed(self.changed)}: " if self.changed else ""
        if self.film is None:
            return f"{why}{self.error}"
        return f"{why}{self.film.text()} in {self.took_s:.1f} s"

    def data(self) -> dict[str, Any]:
        """For JSON."""
        common: dict[str, Any] = {"changed": list(self.changed), "took_s": round(self.took_s, 3)}
        if self.film is None:
            return {**common, "ok": False, "error": str(self.error)}
        return {**common, "ok": True, **self.film.data(), "took_s": common["took_s"]}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def watch(
    timeline: Path | str,
    *,
    allow_code: bool = False,
    force: bool = False,
    poll: bool = False,
    workers: int | None = None,
    showing: Showing = nullcontext,
    cancel: threading.Event | None = None,
) -> Iterator[Round]:
    """
    Check and render the draft, and again after every change, until *cancel* is set.

    What is being made when something changes is given up: what was finished of it is kept.

    Args:
        timeline: The timeline file.
        allow_code: Run the functions that the timeline names.
        force: Overwrite files that aren't ours.
        poll: Look at files again and again, where the system doesn't tell of changes (network
            disks).
        workers: Work at a time; the number of cores when not given.
        showing: Gives what shows the progress of a round.
        cancel: Ends the watch in order.

    Yields:
        What came of each change; mistakes of the timeline are among it.

    Raises:
        OutputExistsError: If a file that isn't ours is where the draft should go.
    """
    project = Project(Path(timeline).absolute())
    ended = cancel or threading.Event()
    news = _News(project)
    with news.followed(poll=poll):
        changed: tuple[str, ...] = ()
        while not ended.is_set():
            news.begin()
            began = time.monotonic()
            film: Film | None = None
            error: AssemblerError | None = None
            try:
                check(timeline)
                with showing() as progress:
                    film = render(
                        timeline, draft=True, allow_code=allow_code, force=force,
                        workers=workers, progress=progress, cancel=news.stop,
                    )  # fmt: skip
            except OutputExistsError:
                raise
            except AssemblerError as exc:
                error = exc
            if ended.is_set():
                return
            if not news.stop.is_set():
                yield Round(changed, film, error, time.monotonic() - began)
            changed = news.wait(ended)


class _News:
    """What has changed since the last round began."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.stop = threading.Event()
        """Set when the round that runs is out of date."""
        self._known: frozenset[Path] | None = None
        self._changed: dict[str, None] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """A round begins: what has changed until now is taken up by it."""
        with self._lock:
            self._changed.clear()
            self.stop.clear()
        self._known = _named(self.project)

    def wait(self, ended: threading.Event) -> tuple[str, ...]:
        """Names of what has changed, as soon as something has."""
        while not self.stop.wait(0.2) and not ended.is_set():
            pass
        with self._lock:
            return tuple(self._changed)

    @contextmanager
    def followed(self, *, poll: bool) -> Iterator[None]:
        """From now on no change is missed."""
        over = threading.Event()
        batches = changes_below(
            self.project.root,
            watch_filter=lambda _, path: self._matters(Path(path)),
            step=QUIET_MS,
            debounce=LONGEST_MS,
            stop_event=over,
            rust_timeout=QUIET_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=poll or None,
            ignore_permission_denied=True,
        )
        next(batches, None)  # the watcher stands as soon as it has looked once
        thread = threading.Thread(
            target=self._follow, args=(batches,), name="watch-files", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _follow(self, batches: Iterable[set[FileChange]]) -> None:
        for changes in batches:
            names = sorted({Path(path).relative_to(self.project.root) for _, path in changes})
            if names:
                with self._lock:
                    self._changed |= {name.as_posix(): None for name in names}
                    self.stop.set()

    def _matters(self, path: Path) -> bool:
        """Whether a file has to do with the film; any may while that isn't known."""
        if path.is_relative_to(self.project.home) or ".part" in path.suffixes:
            return False
        if self._known is None:
            return path.exists() and not _is_told_to(path)  # editors' own files come and go
        own = path.is_relative_to(self.project.root / "presets") or path.suffix == ".py"
        return own or path in self._known or path.resolve() in self._known


def _is_told_to(path: Path) -> bool:
    """Whether what is told goes into this file: each word of ours would be a change."""
    with suppress(OSError):
        return any(samestat(path.stat(), fstat(stream)) for stream in (1, 2))
    return False


def _named(project: Project) -> frozenset[Path] | None:
    """Every file that a timeline is written in or names; None while it has mistakes."""
    try:
        loaded = load(project.timeline)
    except AssemblerError:
        return None
    return frozenset([*sources(loaded), *named_by(loaded)])
