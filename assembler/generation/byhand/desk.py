"""
The folders that people work with, and our notes of what was asked for.

    desk = Desk(notes=project / ".assembler/jobs/manual", place=project / "manual")
    desk.ask(job)          # its sheet and images lie in the outbox

A note is one file of JSON for each job, beside the others of all timelines of a folder. A job waits
while its sheet lies in the outbox; the note has all that is needed to lay it there again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from assembler.media.files import publish

_SHEET = "sheet.md"


@dataclass(frozen=True, slots=True)
class Job:
    """What was asked for, and what came of it."""

    name: str
    link: str
    timeline: str
    """File name of the timeline."""
    key: str
    """Content key of the link."""
    start: str | None
    """Path of the start image."""
    seconds: float
    sheet: str
    """Text of the sheet."""
    files: tuple[tuple[str, str], ...]
    """What lies beside it: where it comes from, and its name there."""
    taken: str | None = None
    """Name of the clip in the inbox that was taken for it."""
    sha256: str | None = None
    """Of that clip."""


class Desk:
    """
    An outbox, an inbox, and notes of jobs.

    Args:
        notes: Folder of our notes.
        place: Folder in which outbox and inbox lie.
    """

    def __init__(self, notes: Path, place: Path) -> None:
        self.outbox = place / "outbox"
        self.inbox = place / "inbox"
        self._notes = notes
        self._read: dict[Path, tuple[int, Job]] = {}

    def ask(self, job: Job) -> None:
        """Lay the sheet into the outbox, unless it lies there, in place of an older wording."""
        if self.waits(job):
            return
        folder = self.outbox / job.name
        folder.mkdir(parents=True, exist_ok=True)
        self.inbox.mkdir(parents=True, exist_ok=True)
        for source, name in job.files:
            with publish(folder / name) as part:
                shutil.copyfile(source, part)
        with publish(folder / _SHEET) as part:
            part.write_text(job.sheet, encoding="utf-8")
        for other in self.jobs().values():
            same = (other.link, other.timeline) == (job.link, job.timeline)
            if same and other.key != job.key:
                self.clear(other)

    def waits(self, job: Job) -> bool:
        """Whether people are asked for it at present."""
        return self.sheet(job).is_file()

    def sheet(self, job: Job) -> Path:
        """Where its sheet lies, if it does."""
        return self.outbox / job.name / _SHEET

    def clear(self, job: Job) -> None:
        """Take our files out of the outbox; what somebody else has put there stays."""
        folder = self.outbox / job.name
        for name in (_SHEET, *(name for _, name in job.files)):
            (folder / name).unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:  # not empty, or gone already
            return

    def keep(self, job: Job) -> None:
        """Note a job, or what has become of it."""
        with publish(self._note(job.name)) as part:
            part.write_text(json.dumps(asdict(job), indent=1) + "\n", encoding="utf-8")

    def knows(self, name: str) -> bool:
        """Whether a job was noted."""
        return self._note(name).is_file()

    def forget(self, job: Job) -> None:
        """Nobody wants it any more."""
        self.clear(job)
        self._note(job.name).unlink(missing_ok=True)

    def jobs(self) -> Mapping[str, Job]:
        """All jobs that were ever asked for, by name."""
        found = {}
        for note in sorted(self._notes.glob("[!.]*.json")):
            stamp = note.stat().st_mtime_ns
            known = self._read.get(note)
            if known is None or known[0] != stamp:
                raw = json.loads(note.read_text(encoding="utf-8"))
                raw["files"] = tuple((source, name) for source, name in raw["files"])
                known = self._read[note] = (stamp, Job(**raw))
            found[known[1].name] = known[1]
        return found

    def _note(self, name: str) -> Path:
        return self._notes / f"{name}.json"
