"""
How long the review makes one wait: a film of 60 segments of footage, three of its joins seams.

    python bench/review.py [--work FOLDER]

Timed are the first page (seams decided, pictures made, sound mixed), one seam moved by a frame, the
state that every page is sent after it, the part around the seam rendered, and the undo.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assembler.reviewing.desk import Desk
from assembler.reviewing.preview import preview
from assembler.reviewing.session import Session
from assembler.spec.data import data_folder

SEGMENTS = 60
SEAMS = (1, 30, 59)


def film(folder: Path) -> Path:
    """The timeline, beside its media."""
    (folder / "media").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(
        data_folder("timelines") / "media" / "butterfly.mp4", folder / "media" / "butterfly.mp4"
    )
    rows = [
        "assembler: 1",
        "title: Sixty",
        "canvas: {size: 1280x720, rate: 25}",
        "output: [{preset: web-720p, path: out/sixty.mp4}]",
        "segments:",
    ]
    for n in range(SEGMENTS):
        start = 0.2 + n % 8 * 0.5
        join = f", join: {'handoff' if n in SEAMS else 'cut'}" if n else ""
        times = f"in: {start:.1f}s, out: {start + 1.4:.1f}s"
        rows.append(f"  - {{id: s{n:02d}x, file: media/butterfly.mp4, {times}{join}}}")
    path = folder / "sixty.yaml"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def timed(name: str, work: Callable[[], Any]) -> Any:
    """What *work* gives; its wall and processor time are printed."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"| {name} | {wall:.2f} | {cpu:.2f} |", flush=True)
    return result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args().work
    folder = given or Path(tempfile.mkdtemp(prefix="assembler-review-"))
    desk = Desk(film(folder))
    session = Session(desk)
    print("| | wall s | own CPU s |\n|---|---|---|")
    timed("first page", lambda: session.page("n"))
    timed("page again", lambda: session.page("n"))
    seam = list(desk.view().places)[1]
    revision = desk.view().revision
    timed("seam moved by a frame", lambda: desk.nudge(seam, revision=revision, begin=1))
    timed("state for all pages", session.state)
    view = timed("seams decided again", lambda: desk.view(measured=True))
    timed("part around it rendered", lambda: preview(view, seam))
    timed("undo", desk.undo)
    timed("state for all pages", session.state)
    if given is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
