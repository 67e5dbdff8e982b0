"""
Work that takes its time: one job at a time, in a thread, with progress that can be watched.

    jobs.start("preview", "dawn.1>dawn.2", work)     # work(progress, cancel) -> what it has made
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from assembler.assemble.progress import Progress, Reading
from assembler.errors import AssemblerError, UsageError

Kind = Literal["preview", "render"]
Result = Mapping[str, Any]
Work = Callable[[Progress, threading.Event], Result]


@dataclass(frozen=True, slots=True)
class Job:
    """Where a job stands."""

    number: int
    kind: Kind
    subject: str
    """What it is about: a seam, a film."""
    state: Literal["running", "done", "failed", "stopped"] = "running"
    stage: str = ""
    share: float = 0.0
    """Done, in [0, 1]."""
    left_s: float | None = None
    words: str = ""
    """What the user has to do or should know, or why it failed."""
    result: Result | None = None

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"share": round(self.share, 4)}


class Jobs:
    """The job that runs, or ran last."""

    def __init__(self, tell: Callable[[Job], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._numbers = itertools.count(1)
        self._job: Job | None = None
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def job(self) -> Job | None:
        """The latest one."""
        return self._job

    def start(self, kind: Kind, subject: str, work: Work) -> Job:
        """
        Begin a job; a preview makes room for any other.

        Raises:
            UsageError: If a render is running.
        """
        with self._lock:
            running = self._job if self._job and self._job.state == "running" else None
            if running and running.kind == "render":
                raise UsageError("a render is running", fix="wait for it, or stop it.")
            self._halt()
            job = self._job = Job(next(self._numbers), kind, subject)
            self._cancel = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(work, self._cancel), name="review-job", daemon=True
            )
            self._tell(job)
            self._thread.start()
        return job

    def stop(self) -> None:
        """Stop the job that runs, in order, and wait for it."""
        with self._lock:
            self._halt()

    def _halt(self) -> None:
        self._cancel.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, work: Work, cancel: threading.Event) -> None:
        def show(reading: Reading) -> None:
            share = max(reading.done, self._job.share if self._job else 0.0)
            self._set(stage=reading.stage, share=share, left_s=reading.left_s)

        def say(text: str) -> None:
            self._set(words=text)

        try:
            result = work(Progress(show, say=say), cancel)
            self._set(state="done", share=1.0, result=result)
        except (AssemblerError, OSError) as error:
            if cancel.is_set():
                self._set(state="stopped", words="")
            else:
                self._set(state="failed", words=str(error))
        finally:
            if self._job and self._job.state == "running":  # a mistake of ours
                self._set(state="failed", words="it broke off")

    def _set(self, **now: Any) -> None:
        with self._telling:  # workers report side by side, and pages hear the last of it
            if self._job is not None:
                self._job = replace(self._job, **now)
                self._tell(self._job)
