"""
The other end of `executor.Worker`: jobs come pickled by standard input, news go by standard output.

News are a number of frames, the path of a finished file, or an error. When the input ends, so does
everything: whoever asked is gone.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from typing import Any

from assembler.errors import AssemblerError
from assembler.media.room import no_room
from assembler.rendering.encode import SpanJob


def main() -> None:
    """Do jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what code of the user's own prints is no news
    jobs: queue.SimpleQueue[SpanJob | None] = queue.SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_listen, args=(jobs, stop), daemon=True).start()

    def tell(news: Any) -> None:
        try:
            pickle.dump(news, out)
            out.flush()
        except OSError:
            stop.set()

    while (job := jobs.get()) is not None:
        try:
            tell(job.run(tell, stop))
        except AssemblerError as exc:  # raised again where it was asked for
            tell(exc)
        except Exception as exc:  # may not be picklable
            tell(no_room(exc, None) or RuntimeError("".join(traceback.format_exception(exc))))


def _listen(jobs: queue.SimpleQueue[SpanJob | None], stop: threading.Event) -> None:
    try:
        while True:
            jobs.put(pickle.load(sys.stdin.buffer))
    except (EOFError, OSError, pickle.UnpicklingError):
        stop.set()
        jobs.put(None)
