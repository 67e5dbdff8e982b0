"""
The report of a timeline, written to disk.

    report("film.yaml", Path("film-report.html"))
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assembler.assemble.outputs import Records, guard
from assembler.assemble.progress import Progress
from assembler.assemble.stock import named
from assembler.media.files import publish
from assembler.planning.project import Project
from assembler.reporting.gather import address, gather
from assembler.reporting.model import Report
from assembler.reporting.page import page
from assembler.reporting.reel import Reel
from assembler.reporting.reel import reel as write_reel
from assembler.spec.load import load


@dataclass(frozen=True, slots=True)
class Reported:
    """A report that was written."""

    path: Path
    report: Report
    reel: Reel | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found on the way."""
        return self.report.notes

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know without asking."""
        return self.report.missing

    def text(self) -> str:
        """A line for each file."""
        megabytes = self.path.stat().st_size / 1e6
        lines = [f"{self.path} ({megabytes:.1f} MB)"]
        return "\n".join([*lines, self.reel.text()] if self.reel else lines)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        report = self.report
        worst = sorted(report.seams, key=lambda seam: seam.rank)
        return {
            "path": str(self.path),
            "bytes": self.path.stat().st_size,
            "state": report.state,
            "missing": list(report.missing),
            "frames": report.frames,
            "reel": self.reel and self.reel.data(),
            "seams": [
                {"seam": s.id, "frame": s.frame, "score": s.score, "grade": s.grade} for s in worst
            ],
        }


def report(
    timeline: Path | str,
    out: Path | str | None = None,
    *,
    reel: Path | str | bool = False,
    draft: bool = False,
    provider: str | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Reported:
    """
    Write the report of a timeline, of what is on disk: nothing is generated, nothing is paid.

    Args:
        timeline: The timeline file.
        out: HTML file to write; ``out/<timeline>-report.html`` beside the timeline by default.
        reel: Also write the seam reel, to this MP4 or, by True, to its usual place.
        draft: Report on the draft.
        provider: The timeline as generated with this one alone.
        force: Overwrite files that aren't ours.
        workers: Work at a time; the number of cores when not given.
        progress: Told of seams that aren't decided yet, and of the reel.
        cancel: Stops the work in order when it is set.

    Raises:
        AssemblerError: One of its kinds, by stage; nothing is half-written then.
    """
    project = Project(Path(timeline).absolute())
    kind = "draft-report" if draft else "report"
    path = Path(out).absolute() if out else _beside(project, f"-{kind}.html")
    records = Records(project.reports)
    media = (file for _, file in named(load(timeline).timeline, {}))
    guard([path], records, force=force, inputs=[project.timeline, *media])
    shown = None
    if reel is not False:
        shown = write_reel(
            timeline,
            None if reel is True else reel,
            draft=draft,
            provider=provider,
            force=force,
            workers=workers,
            progress=progress,
            cancel=cancel,
        )
    made = gather(
        timeline,
        path,
        draft=draft,
        provider=provider,
        workers=workers,
        progress=progress,
        cancel=cancel,
    )
    if shown:
        made = replace(made, reel=address(shown.path, path))
    with publish(path) as part:
        part.write_text(page(made), encoding="utf-8")
    records.write(path, "", {})
    return Reported(path, made, shown)


def _beside(project: Project, ending: str) -> Path:
    return project.root / "out" / f"{project.timeline.stem}{ending}"
