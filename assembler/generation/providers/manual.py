"""
Clips that somebody makes by hand, wherever they like: Kling's web app, Artlist, Vidful.ai, …

A job is a folder in ``manual/outbox/`` beside the timeline, with a sheet that says what to make and
the start and end images. The finished clip goes into ``manual/inbox/``, under the job's name or any
other: then it is recognised by its first frame, which must be the start image. What is in the inbox
is copied, never changed; nothing is asked for twice.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from assembler.generation.byhand.desk import Desk, Job
from assembler.generation.byhand.inbox import Inbox
from assembler.generation.byhand.recognise import Recogniser
from assembler.generation.byhand.sheet import Sheet, text_of
from assembler.planning.model import Link

_ALL = 10_000
"""Every sheet that can be written is written at once: people choose their own order."""


class Manual(Provider):
    """
    Jobs are folders in an outbox; clips come back through an inbox.

    Args:
        folder: Of our notes, ``.assembler/jobs/manual`` beside the timeline.
        place: Where outbox and inbox lie; ``manual`` beside the timeline when not given.
    """

    name = "manual"
    can = Can(frames="inline", client_id=True, lookup=True, cancel=True, concurrency=_ALL)
    poll_s = 2.0

    def __init__(self, folder: Path, *, place: Path | None = None) -> None:
        self.desk = Desk(folder, place or folder.parents[2] / "manual")
        self._inbox = Inbox(self.desk.inbox)
        self._recogniser = Recogniser()
        self._one_at_a_time = threading.Lock()
        """A clip must not be taken for two jobs."""

    def estimate(self, link: Link) -> Decimal | None:
        """Nothing is billed here; what is paid elsewhere isn't counted."""
        return Decimal(0)

    async def submit(self, request: Request) -> str:
        """Note the job and lay its sheet into the outbox; a poll does that, too, after a crash."""
        try:
            return await to_thread.run_sync(self._submit, request)
        except (OSError, AssemblerError) as exc:
            what = f"manual: the job sheet can't be written: {exc}"
            raise NotSubmittedError(what, fix="check the folder and its rights.") from exc

    async def find(self, sent: Sent) -> Lookup:
        """A job is made the moment our note of it is there."""
        name = _name(sent.request)
        return Found(name) if self.desk.knows(name) else NotMade()

    async def poll(self, job: str) -> JobState:
        """Whether its clip has come."""
        return await to_thread.run_sync(self._poll, job)

    async def download(self, done: Done, to: Path) -> None:
        """Copy the clip and clear the sheet away."""
        await to_thread.run_sync(self._download, done.url, to)

    async def cancel(self, job: str) -> None:
        """Nobody needs to make it any more: the sheet goes."""
        known = self.desk.jobs().get(job)
        if known is not None:
            await to_thread.run_sync(self.desk.forget, known)

    def _submit(self, request: Request) -> str:
        link, name = request.link, _name(request)
        used = [(use, file, _beside(use, file)) for use, file in _files(request)]
        named = tuple((use, copy) for use, _, copy in used)
        sheet = Sheet(name, link, "../../inbox", named, request.start is not None)
        job = Job(
            name=name,
            link=link.id,
            timeline=link.where.split(":")[0],
            key=link.key,
            start=str(request.start) if request.start else None,
            seconds=float(link.frames / link.rate),
            sheet=text_of(sheet),
            files=tuple((str(file), copy) for _, file, copy in used),
        )
        self.desk.keep(job)
        self.desk.ask(job)
        return name

    def _poll(self, name: str) -> JobState:
        with self._one_at_a_time:
            jobs = self.desk.jobs()
            if name not in jobs:
                return Failed(f"there is no note of {name} any more", "run again to ask anew.")
            try:
                return self._looked_for(jobs[name], jobs)
            except OSError as exc:
                what = f"{exc.filename or name} can't be used: {exc.strerror or exc}"
                raise GenerateError(what, fix="check its folder and its rights.") from exc

    def _looked_for(self, job: Job, jobs: Mapping[str, Job]) -> JobState:
        if not job.taken:
            self.desk.ask(job)
        waiting = {other.name for other in jobs.values() if self.desk.waits(other)}
        arrived, troubles = self._inbox.look()
        clip, why_not = self._recogniser.clip_for(job, arrived, jobs, waiting)
        if clip is not None:
            self.desk.keep(replace(job, taken=clip.path.name, sha256=clip.sha256))
            return Done(clip.path.as_uri(), Decimal(0))
        if job.name == min(waiting, default=job.name):  # once for all that wait
            why_not |= troubles | self._recogniser.nobodys(arrived, jobs, waiting)
        return self._waiting(job, why_not)

    def _waiting(self, job: Job, troubles: Mapping[str, str]) -> Waiting:
        inbox = self.desk.inbox
        ask = f"make what {self.desk.sheet(job)} says and put it into {inbox}"
        if job.taken:  # and its take is gone, too
            ask = f"put {job.taken} back into {inbox}, or any clip as {job.name}.mp4"
        note = "; ".join(f"{name} {what}" for name, what in sorted(troubles.items()))
        fix = f"make what the sheets in {self.desk.outbox} say, put the clips into {inbox}"
        return Waiting(ask, f"{fix}, and run again.", note)

    def _download(self, url: str, to: Path) -> None:
        taken = (job for job in self.desk.jobs().values() if job.taken)
        job = next((j for j in taken if (self.desk.inbox / str(j.taken)).as_uri() == url), None)
        if job is None:
            raise GenerateError(f"nothing in {self.desk.inbox} was taken for this job")
        clip = self.desk.inbox / str(job.taken)
        try:
            shutil.copyfile(clip, to)
        except OSError as exc:
            fix = f"put {clip.name} back into {clip.parent}, then run again."
            raise GenerateError(f"{clip.name} can't be read: {exc}", fix=fix) from exc
        self.desk.clear(job)


def _files(request: Request) -> Iterator[tuple[str, Path]]:
    """What goes along with a sheet: its use and the file."""
    if request.start:
        yield "start image", request.start
    if request.end:
        yield "end image", request.end
    for role, paths in request.files.items():
        for number, path in enumerate(paths, 1):
            yield (role if len(paths) == 1 else f"{role} {number}"), path


def _beside(use: str, file: Path) -> str:
    """Name of a file beside the sheet."""
    return f"{use.replace(' ', '-')}{file.suffix.lower()}"


def _name(request: Request) -> str:
    """Name of a job: the same for the same submission."""
    return f"{request.link.id}-{request.client_id[-6:]}"
