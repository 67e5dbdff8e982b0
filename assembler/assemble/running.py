"""
Where a render stands, for other processes of the project: a small file that it keeps up to date.

    progress.listen(noting(project))
    running(project)                    # elsewhere: Running(stage="render", share=0.4, …)
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from assembler.assemble.progress import Reading
from assembler.planning.project import Project

EVERY_S = 0.5
"""Between two notes."""
_DONE = 0.9995


@dataclass(frozen=True, slots=True)
class Running:
    """A render that another process is making."""

    pid: int
    started: float
    """Of the process, since process numbers come again."""
    timeline: str
    stage: str
    share: float
    """Done, in [0, 1]."""
    left_s: float | None


def noting(project: Project) -> Callable[[Reading], None]:
    """Writes down the readings of a run, now and then and when it is done."""
    path, me = _path(project), os.getpid()
    started = psutil.Process(me).create_time()
    last = 0.0

    def note(reading: Reading) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < EVERY_S and reading.done < _DONE:
            return
        last = now
        name = project.timeline.name
        where = Running(me, started, name, reading.stage, reading.done, reading.left_s)
        part = path.with_name(f".{path.name}.{me}.part")
        with suppress(OSError):  # who looks on sees less; the render goes on
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(where)), encoding="utf-8")
            part.replace(path)

    return note


def running(project: Project) -> Running | None:
    """The render of this timeline that another living process is making."""
    try:
        found = Running(**json.loads(_path(project).read_text(encoding="utf-8")))
        other = psutil.Process(found.pid)
        alive = other.status() != psutil.STATUS_ZOMBIE
        alive = alive and abs(other.create_time() - found.started) < 1
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    ours = found.pid == os.getpid() or found.timeline != project.timeline.name
    return None if ours or not alive or found.share >= _DONE else found


def _path(project: Project) -> Path:
    return project.home / "running.json"
