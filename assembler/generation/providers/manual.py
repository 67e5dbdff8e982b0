"""
Clips that somebody makes by hand, wherever they like: Kling's web app, Artlist, Vidful.ai, …

A job is a folder in ``manual/outbox/`` beside the timeline, with a sheet that says what to make and
the start and end images. The finished clip goes into ``manual/inbox/``, under the job's name or any
other: then it is recognised by its first frame, which must be the start image. What is in the inbox
is copied, never changed; nothing is asked for twice.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path

from anyio import to_thread

from assembler.errors import AssemblerError, GenerateError
from assembler.generation.base import (
    Can,
    Done,
    Failed,
    Found,
    JobState,
    Lookup,
    NotMade,
    NotSubmittedError,
    Provider,
    Request,
    Sent,
    Waiting,
)
from assembler.generation.byhand import likeness
from assembler.generation.byhand.inbox import Arrival, Inbox
from assembler.generation.byhand.sheet import Sheet, text_of
from assembler.media.files import publish
from assembler.media.pixels import Floats
from assembler.media.stills import read_image
from assembler.planning.model import Link

LEAST_LENGTH = 0.5
"""A clip shorter than this part of what was asked for isn't taken."""
_ALL = 10_000
"""Every sheet that can be written is written at once: people choose their own order."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What is kept of a job: one file of JSON beside the others."""

    name: str
    client_id: str
    link: str
    start: str | None
    """Path of the start image."""
    seconds: float
    taken: str | None = None
    """Name of the clip in the inbox that was taken for it."""
    sha256: str | None = None
    """Of that clip."""


class Manual(Provider):
    """Jobs are folders in an outbox; clips come back through an inbox."""

    name = "manual"
    can = Can(frames="inline", client_id=True, lookup=True, cancel=True, concurrency=_ALL)
    poll_s = 2.0

    def __init__(self, folder: Path, *, desk: Path | None = None) -> None:
        self._folder = folder
        # The folder is .assembler/jobs/manual beside the timeline.
        self.desk = desk or folder.parents[2] / "manual"
        self._inbox = Inbox(self.desk / "inbox")
        self._images: dict[str, Floats] = {}
        self._alike: dict[tuple[str, str], float] = {}
        self._notes: dict[Path, tuple[int, _Job]] = {}
        self._one_at_a_time = threading.Lock()
        """A clip must not be taken for two jobs."""

    @property
    def outbox(self) -> Path:
        """Where sheets lie."""
        return self.desk / "outbox"

    def estimate(self, link: Link) -> Decimal | None:
        """Nothing is billed here; what is paid elsewhere isn't counted."""
        return Decimal(0)

    async def submit(self, request: Request) -> str:
        """Write the sheet; it is asked for as soon as our own note of it is there."""
        try:
            return await to_thread.run_sync(self._submit, request)
        except (OSError, AssemblerError) as exc:
            what = f"manual: the job sheet can't be written: {exc}"
            raise NotSubmittedError(what, fix=f"check {self.desk} and its rights.") from exc

    async def find(self, sent: Sent) -> Lookup:
        """A job is made the moment our note of it is there."""
        name = _name(sent.request)
        return Found(name) if self._note(name).is_file() else NotMade()

    async def poll(self, job: str) -> JobState:
        """Whether its clip has come."""
        return await to_thread.run_sync(self._poll, job)

    async def download(self, done: Done, to: Path) -> None:
        """Copy the clip and clear the sheet away."""
        await to_thread.run_sync(self._download, done.url, to)

    async def cancel(self, job: str) -> None:
        """Nobody needs to make it any more: the sheet goes."""
        await to_thread.run_sync(self._clear, job)
        self._note(job).unlink(missing_ok=True)

    # -- asking ------------------------------------------------------------------------------

    def _submit(self, request: Request) -> str:
        link, name = request.link, _name(request)
        to = self.outbox / name
        to.mkdir(parents=True, exist_ok=True)
        self._inbox.folder.mkdir(parents=True, exist_ok=True)
        named = []
        for use, file in _files(request):
            copy = to / f"{use.replace(' ', '-')}{file.suffix.lower()}"
            with publish(copy) as part:
                shutil.copyfile(file, part)
            named.append((use, copy.name))
        sheet = Sheet(name, link, "../../inbox", tuple(named), request.start is not None)
        with publish(to / "sheet.md") as part:
            part.write_text(text_of(sheet), encoding="utf-8")
        start = str(request.start) if request.start else None
        seconds = float(link.frames / link.rate)
        self._keep(_Job(name, request.client_id, link.id, start, seconds))
        return name

    # -- looking -----------------------------------------------------------------------------

    def _poll(self, name: str) -> JobState:
        with self._one_at_a_time:
            return self._looked_for(name)

    def _looked_for(self, name: str) -> JobState:
        jobs = self._jobs()
        job = jobs.get(name)
        if job is None:
            return Failed(f"there is no job sheet {name} any more", "run again to write it anew.")
        arrived, troubles = self._inbox.look()
        there, told = self._match(job, arrived, jobs)
        if there is None:
            if name == min(j.name for j in jobs.values() if not j.sha256 or j is job):
                told |= troubles | self._nobodys(arrived, jobs)  # once for all that wait
            return self._waiting(job, told)
        self._keep(replace(job, taken=there.path.name, sha256=there.sha256))
        return Done(there.path.as_uri(), Decimal(0))

    def _match(
        self, job: _Job, arrived: tuple[Arrival, ...], jobs: Mapping[str, _Job]
    ) -> tuple[Arrival | None, dict[str, str]]:
        """The clip for a job, and why others weren't taken for it."""
        if job.sha256:
            return next((a for a in arrived if a.sha256 == job.sha256), None), {}
        used = {other.sha256 for other in jobs.values() if other.sha256}
        free = [a for a in arrived if a.sha256 not in used]
        named = [a for a in free if _named_for(a.path, job.name)]
        if named:
            wrong = {a.path.name: why for a in named if (why := self._unfit(a, job, jobs))}
            return (None, wrong) if wrong else _one(named, f"named {job.name}")
        rivals = [j for j in jobs.values() if j.start == job.start and not j.sha256]
        if job.start is None or len(rivals) > 1:  # nothing but a name can tell them apart
            return None, {}
        alike = [
            a
            for a in free
            if not any(_named_for(a.path, other) for other in jobs)
            and self._shown(a, jobs) == job.start
            and not _too_short(a, job)
        ]
        return (
            _one(alike, f"that begin with the start image of {job.name}") if alike else (None, {})
        )

    def _nobodys(self, arrived: tuple[Arrival, ...], jobs: Mapping[str, _Job]) -> dict[str, str]:
        """Clips that nothing says what they are for."""
        used = {job.sha256 for job in jobs.values()}
        starts = {job.start for job in jobs.values() if not job.sha256}
        return {
            a.path.name: "isn't named for a job and begins with none of the start images"
            for a in arrived
            if a.sha256 not in used
            and not any(_named_for(a.path, name) for name in jobs)
            and self._shown(a, jobs) not in starts - {None}
        }

    def _unfit(self, arrival: Arrival, job: _Job, jobs: Mapping[str, _Job]) -> str:
        """Why a clip isn't taken though its name says it is for this job; empty when it fits."""
        shown = self._shown(arrival, jobs)
        if shown not in (None, job.start):
            other = next(j.name for j in jobs.values() if j.start == shown)
            return f"begins with the start image of {other}, not of {job.name}"
        return _too_short(arrival, job)

    def _shown(self, arrival: Arrival, jobs: Mapping[str, _Job]) -> str | None:
        """The start image that a clip begins with; those of finished jobs count, too."""
        alike = {}
        for start, job in {j.start: j for j in jobs.values()}.items():
            image = self._image(job)
            if image is None or start is None:
                continue
            pair = (arrival.sha256, start)
            if pair not in self._alike:
                self._alike[pair] = likeness.likeness(arrival.first, image)
            alike[start] = self._alike[pair]
        return likeness.best(alike)

    def _waiting(self, job: _Job, troubles: Mapping[str, str]) -> Waiting:
        sheet = self.outbox / job.name / "sheet.md"
        ask = f"make what {sheet} says and put it into {self._inbox.folder}"
        if job.taken:  # and its take is gone, too
            ask = f"put {job.taken} back into {self._inbox.folder}, or any clip as {job.name}.mp4"
        note = "; ".join(f"{name} {what}" for name, what in sorted(troubles.items()))
        fix = f"make what the sheets in {self.outbox} say, put the clips into {self._inbox.folder}"
        return Waiting(ask, f"{fix}, and run again.", note)

    def _image(self, job: _Job) -> Floats | None:
        """Start image of a job, reduced; None where it has none (any more)."""
        if job.start is None:
            return None
        if job.start not in self._images:
            try:
                self._images[job.start] = likeness.small(read_image(Path(job.start))[..., :3])
            except (AssemblerError, OSError):
                return None
        return self._images[job.start]

    # -- taking ------------------------------------------------------------------------------

    def _download(self, url: str, to: Path) -> None:
        job = next((j for j in self._jobs().values() if j.taken and self._url(j) == url), None)
        if job is None or job.taken is None:
            raise GenerateError(f"nothing in {self._inbox.folder} was taken for this job")
        clip = self._inbox.folder / job.taken
        try:
            shutil.copyfile(clip, to)
        except OSError as exc:
            fix = f"put {clip.name} back into {clip.parent}, then run again."
            raise GenerateError(f"{clip.name} can't be read: {exc}", fix=fix) from exc
        self._clear(job.name)

    def _url(self, job: _Job) -> str:
        return (self._inbox.folder / (job.taken or "")).as_uri()

    def _clear(self, name: str) -> None:
        """Take our own files out of the outbox; what somebody else has put there stays."""
        folder = self.outbox / name
        ours = ("sheet.md", *(f"{use}.*" for use in _USES))
        for pattern in ours:
            for file in folder.glob(pattern):
                file.unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:  # not empty, or gone already
            return

    # -- notes -------------------------------------------------------------------------------

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _keep(self, job: _Job) -> None:
        with publish(self._note(job.name)) as part:
            part.write_text(json.dumps(asdict(job), indent=1) + "\n", encoding="utf-8")

    def _jobs(self) -> dict[str, _Job]:
        """All jobs that were ever asked for in this project, by name."""
        jobs = {}
        for note in sorted(self._folder.glob("[!.]*.json")):
            stamp = note.stat().st_mtime_ns
            if self._notes.get(note, (None,))[0] != stamp:
                job = _Job(**json.loads(note.read_text(encoding="utf-8")))
                self._notes[note] = (stamp, job)
            job = self._notes[note][1]
            jobs[job.name] = job
        return jobs


_USES = (
    "start-image", "end-image", "reference*", "middle*", "video*", "portrait*", "speech*",
)  # fmt: skip


def _files(request: Request) -> Iterator[tuple[str, Path]]:
    """What goes along with a sheet: its use and the file."""
    if request.start:
        yield "start image", request.start
    if request.end:
        yield "end image", request.end
    for role, paths in request.files.items():
        for number, path in enumerate(paths, 1):
            yield (role if len(paths) == 1 else f"{role} {number}"), path


def _name(request: Request) -> str:
    """Name of a job: the same for the same submission."""
    return f"{request.link.id}-{request.client_id[-6:]}"


def _named_for(path: Path, job: str) -> bool:
    """Whether a file's name says which job it is for: ``dawn.1-3f9a2c (1).mp4`` does."""
    stem = path.stem.lower()
    rest = stem[len(job) :]
    return stem.startswith(job.lower()) and not rest[:1].isalnum()


def _too_short(arrival: Arrival, job: _Job) -> str:
    video = arrival.info.video
    seconds = float(video.duration_s) if video else 0.0
    if seconds >= LEAST_LENGTH * job.seconds:
        return ""
    return f"is {seconds:.3g} s long, asked for were {job.seconds:.3g} s"


def _one(clips: list[Arrival], what: str) -> tuple[Arrival | None, dict[str, str]]:
    """The clip, if there is one; several are left to the user, unless they are the same."""
    if len({clip.sha256 for clip in clips}) == 1:
        return clips[0], {}
    why = f"is one of {len(clips)} {what}: take the others away"
    return None, {clip.path.name: why for clip in clips}
