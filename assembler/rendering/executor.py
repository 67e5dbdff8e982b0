"""
Where spans are made: one small interface, threads or processes of this machine behind it.

    with Processes(workers=4, stop=stop) as executor:
        future = executor.submit(job, print)        # told of frames
        path = future.result()

A job is plain data and its result a file, so that machines elsewhere can take their place.
"""

from __future__ import annotations

import os
import pickle
import queue
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, Self

from assembler.errors import RenderError
from assembler.rendering.encode import SpanJob, span_name

Report = Callable[[int], None]
"""Told how many frames of a job are finished."""

_TRIES = 3
"""So often a job is begun whose encoder or worker is killed from outside (memory, a restart)."""
_POLL_S = 0.1
_PATIENCE_S = 10.0
"""A worker that was told to stop gets so long."""
_MARK = "ASSEMBLER_WORKER"
"""Environment variable by which the programs that a worker has started are known."""


class Executor(Protocol):
    """Does jobs somewhere, several at a time, in the order in which they come."""

    def submit(self, job: SpanJob, report: Report) -> Future[Path]:
        """Do *job*; the file that it makes, or the error it ends with."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None:
        """Wait for what runs."""


Starter = Callable[[int, threading.Event], Executor]
"""Makes an executor for so many jobs at a time, which stop when the event is set."""


class LostError(RenderError):
    """A job's encoder or worker was ended from outside; the job itself is not to blame."""


class Threads:
    """Jobs in this process: only their ffmpeg runs by itself."""

    def __init__(self, workers: int, stop: threading.Event) -> None:
        self._stop = stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="span")

    def submit(self, job: SpanJob, report: Report) -> Future[Path]:
        """Do *job* when a thread is free."""
        return self._pool.submit(self._again, job, report)

    def _again(self, job: SpanJob, report: Report) -> Path:
        for _ in range(_TRIES - 1):
            with suppress(LostError):
                return self._once(job, report)
        return self._once(job, report)

    def _once(self, job: SpanJob, report: Report) -> Path:
        if self._stop.is_set():
            raise RenderError("cancelled", span_name(job.span))
        try:
            return job.run(report, self._stop)
        except RenderError as exc:
            if self._stop.is_set() or not killed(exc):
                raise
            raise LostError(exc.what, exc.where, exc.fix) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def killed(error: RenderError) -> bool:
    """Whether an encoder was ended by a signal."""
    return bool(re.match(r"ffmpeg ended with -\d", error.what))


class Processes(Threads):
    """
    Jobs in processes of their own: work in arrays uses all cores, and a crash costs one span.

    A worker that dies is replaced, and its job begun again.
    """

    def __init__(self, workers: int, stop: threading.Event) -> None:
        super().__init__(workers, stop)
        self._threads = max(1, (os.cpu_count() or 1) // workers)
        """Of OpenCV in each: together they use all cores."""
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()

    def _once(self, job: SpanJob, report: Report) -> Path:
        worker = self._worker()
        try:
            path = worker.do(job, report, self._stop)
        except BaseException as exc:
            if isinstance(exc, LostError) or self._stop.is_set():
                worker.end()
            else:
                self._idle.put(worker)
            raise
        self._idle.put(worker)
        return path

    def _worker(self) -> Worker:
        with suppress(queue.Empty):
            return self._idle.get_nowait()
        return Worker(self._threads)

    def __exit__(self, *exc_info: object) -> None:
        super().__exit__(*exc_info)
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().end()


def startable() -> bool:
    """Whether this Python can be started again; a program that has it built in can't."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


class Worker:
    """A process that does one job after the other, and ends when this one does."""

    def __init__(self, threads: int) -> None:
        """*threads*: how many OpenCV may use in it, where the user hasn't said."""
        self._mark = uuid.uuid4().hex
        # Not multiprocessing: it would run the program's own main module once more.
        code = f"import sys; sys.path[:] = {sys.path!r}; from assembler.rendering import worker; "
        self.child = subprocess.Popen(
            [sys.executable, "-c", code + "worker.main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"OPENCV_FOR_THREADS_NUM": str(threads)} | os.environ | {_MARK: self._mark},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        """Pass on what it says; None when it has ended."""
        assert self.child.stdout is not None
        with suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                self._said.put(pickle.load(self.child.stdout))
        self._said.put(None)

    def do(self, job: SpanJob, report: Report, stop: threading.Event) -> Path:
        """
        Have it done.

        Raises:
            LostError: If the worker dies on the way.
            RenderError: What it raises.
        """
        assert self.child.stdin is not None
        with suppress(OSError):
            pickle.dump(job, self.child.stdin)
            self.child.stdin.flush()
        while True:
            if stop.is_set():
                raise RenderError("cancelled", span_name(job.span))
            try:
                said = self._said.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            match said:
                case int():
                    report(said)
                case Path():
                    return said
                case RenderError() if killed(said):
                    raise LostError(said.what, said.where, said.fix)
                case BaseException():
                    raise said
                case _:
                    raise LostError("a worker was ended from outside", span_name(job.span))

    def end(self) -> None:
        """End it and what it has started; a file that it was writing is swept later."""
        assert self.child.stdin is not None
        died = self.child.poll() is not None
        with suppress(OSError):
            self.child.stdin.close()  # which tells it to stop
        try:
            self.child.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            died = True
        if died:
            _end_marked(self._mark)
        if self.child.stdout is not None:
            self.child.stdout.close()


def _end_marked(mark: str) -> None:
    """End programs that a dead worker has left behind."""
    import psutil

    for left in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if left.environ().get(_MARK) == mark:
                left.kill()
