"""
Every link of a plan becomes a take: asked for once, recorded, waited for, downloaded, checked.

    takes = generate(plan, project, on_progress=print)

Links run when what they continue is there, independent ones side by side. One that fails stops
only what hangs on it. A second run goes on where the first has stopped: see `planning.ledger`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from graphlib import TopologicalSorter
from pathlib import Path

from assembler.errors import AssemblerError, BudgetError, GenerateError
from assembler.generation import provider_class
from assembler.generation.base import (
    CantTell,
    Done,
    Failed,
    Found,
    NotMade,
    NotSubmittedError,
    Provider,
    Queued,
    Request,
    Running,
    Take,
)
from assembler.generation.handoff import write_end_frame
from assembler.generation.takes import checked, existing, keep, take_path
from assembler.media.files import publish
from assembler.media.info import Colour, MediaInfo
from assembler.media.scale import covering
from assembler.media.stills import read_image, write_png
from assembler.planning.clips import handed_frame
from assembler.planning.ledger import Busy, Intent, Ledger, Submission, chosen_takes
from assembler.planning.model import FrameSource, Handoff, Link, Plan
from assembler.planning.project import Project

WAIT_S = 4 * 3600.0
"""A job that takes longer is left to a later run."""
_BUSY_S = 0.5
"""Between two looks at a link that another process works on."""


class LinksFailedError(GenerateError):
    """Several links failed, each for its own reason."""

    def __init__(self, failures: Mapping[str, AssemblerError]) -> None:
        self.failures = dict(failures)
        super().__init__("\n".join(str(error) for error in self.failures.values()))

    def __reduce__(self) -> tuple[type[LinksFailedError], tuple[dict[str, AssemblerError]]]:
        return type(self), (self.failures,)


def generate(
    plan: Plan,
    project: Project,
    *,
    providers: Mapping[str, Provider] | None = None,
    workers: int | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    cancel: threading.Event | None = None,
    budget_usd: Decimal | None = None,
    wait_s: float = WAIT_S,
) -> dict[str, Take]:
    """
    The chosen take of every link; what isn't on disk is generated.

    Args:
        plan: What to make.
        project: Where takes and the ledger are kept.
        providers: Used instead of the installed ones, by name.
        workers: Links under way at once; default one per processor, at least four.
        on_progress: Told a link's id and how far it is, in [0, 1]; never from two threads at once.
        cancel: Stops in order when set: jobs that were sent stay in the ledger for the next run.
        budget_usd: Nothing is sent that would pass it (this timeline's past spending counts).
        wait_s: How long to wait for one job.

    Raises:
        BudgetError: If a submission would pass the budget; what was already under way is finished.
        LinksFailedError: If more than one link failed.
        GenerateError: If one link failed, or the run was cancelled.
    """
    takes, missing = _on_disk(plan, project, _chosen(plan, project))
    if not missing:
        return takes
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        run = _Run(
            plan, project, ledger, dict(providers or {}), on_progress, cancel or threading.Event(),
            budget_usd, wait_s, takes,
        )  # fmt: skip
        run.all(missing, workers or max(4, os.cpu_count() or 1))
    return {step.link.id: takes[step.link.id] for step in plan.steps}


def done_keys(plan: Plan, project: Project) -> frozenset[str]:
    """Keys of the links whose take is on disk, for `planning.build.with_states`."""
    takes, _ = _on_disk(plan, project, chosen_takes(project.ledger))
    return frozenset(plan.link(id_).key for id_ in takes)


def settle(project: Project, client_id: str, job: str | None) -> Submission:
    """The user's word on a lost submission: its job, or None when the provider has made none."""
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        if job is None:
            return ledger.failed(client_id, "no job was made, says the user")
        return ledger.accepted(client_id, job)


def _chosen(plan: Plan, project: Project) -> dict[str, int]:
    if not project.ledger.is_file():
        return {}
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        return {s.link.key: ledger.chosen(s.link.key) for s in plan.steps}


def _on_disk(
    plan: Plan, project: Project, numbers: Mapping[str, int]
) -> tuple[dict[str, Take], list[Link]]:
    """Takes that are there, by link, and the links that have none."""
    takes, missing = {}, []
    for step in plan.steps:
        take = existing(project, step.link, numbers.get(step.link.key, 1))
        if take is None:
            missing.append(step.link)
        else:
            takes[step.link.id] = take
    return takes, missing


@dataclass(slots=True)
class _Run:
    """One call of `generate`."""

    plan: Plan
    project: Project
    ledger: Ledger
    providers: dict[str, Provider]
    on_progress: Callable[[str, float], None] | None
    cancel: threading.Event
    budget_usd: Decimal | None
    wait_s: float
    takes: dict[str, Take]
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    failures: dict[str, AssemblerError] = field(default_factory=dict)

    def all(self, missing: list[Link], workers: int) -> None:
        """Make the missing links, each after those that it hangs on."""
        wanted = {link.id for link in missing}
        order = TopologicalSorter(
            {s.link.id: [a for a in s.after if a in wanted] for s in self.plan.steps
             if s.link.id in wanted}
        )  # fmt: skip
        order.prepare()
        under_way: dict[Future[Take], str] = {}
        pool = ThreadPoolExecutor(workers, thread_name_prefix="link")
        try:
            while order.is_active():
                for id_ in order.get_ready():
                    self._start(id_, pool, under_way, order)
                if under_way:
                    self._collect(under_way, order)
        finally:
            self.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        self._raise_failures()

    def _start(
        self,
        id_: str,
        pool: ThreadPoolExecutor,
        under_way: dict[Future[Take], str],
        order: TopologicalSorter[str],
    ) -> None:
        step = next(s for s in self.plan.steps if s.link.id == id_)
        lacking = [a for a in step.after if a not in self.takes]
        if lacking or self._stopped():
            order.done(id_)  # what hangs on it finds it missing in its turn
            return
        under_way[pool.submit(self._take, step.link)] = id_

    def _collect(self, under_way: dict[Future[Take], str], order: TopologicalSorter[str]) -> None:
        # A wait without end couldn't be interrupted on Windows.
        finished, _ = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in finished:
            id_ = under_way.pop(future)
            try:
                self.takes[id_] = future.result()
            except AssemblerError as exc:
                self.failures[id_] = exc
            order.done(id_)

    def _raise_failures(self) -> None:
        if self.cancel.is_set():
            raise GenerateError(
                "cancelled", fix="run again: finished takes are kept, jobs that were sent go on."
            )
        errors = list(self.failures.values())
        if not errors:
            return
        if all(isinstance(error, BudgetError) for error in errors) or len(errors) == 1:
            raise errors[0]
        raise LinksFailedError(self.failures)

    def _stopped(self) -> bool:
        return self.stop.is_set() or self.cancel.is_set()

    # -- one link, in a thread -------------------------------------------------------------

    def _take(self, link: Link) -> Take:
        number = self.ledger.chosen(link.key)
        provider = self._provider(link.provider)
        start = self._frame(link.start, link)
        request = Request(link, "", start, self._frame(link.end, link), self._clip_before(link))
        row = self._claimed(link, number, provider)
        while True:
            self._check_stop(row, provider)
            match row.state:
                case "intended":
                    row = self._submitted(row, provider, request)
                case "sent" | "unknown":
                    row = self._looked_up(row, provider, link)
                case "accepted":
                    row = self._finished(row, provider, link)
                case "done":
                    take = self._downloaded(row, provider, link, start)
                    self._tell(link.id, 1.0)
                    return take
                case "fetched":
                    take_here = existing(self.project, link, number)
                    if take_here is not None:
                        return take_here
                    row = self.ledger.lost(row.client_id)
                case "failed":
                    raise GenerateError(self._said(row, row.reason), link.where)

    def _claimed(self, link: Link, number: int, provider: Provider) -> Submission:
        price = link.price_usd if link.price_usd is not None else provider.estimate(link)
        intent = Intent(link.key, link.id, link.provider, link.model, price, number)
        while True:
            row = self.ledger.claim(intent, budget_usd=self.budget_usd)
            if not isinstance(row, Busy):
                return row
            if self._stopped():
                raise GenerateError("cancelled")
            self.cancel.wait(_BUSY_S)

    def _submitted(self, row: Submission, provider: Provider, request: Request) -> Submission:
        self.ledger.sending(row.client_id)
        sent = Request(request.link, row.client_id, request.start, request.end, request.before)
        try:
            job = provider.submit(sent)
        except NotSubmittedError as exc:
            self.ledger.failed(row.client_id, exc.what)
            raise
        except AssemblerError as exc:
            # The request has left: whether it has become a job is looked up, never guessed.
            return self._looked_up(
                self.ledger.submission(row.client_id), provider, request.link, exc
            )
        return self.ledger.accepted(row.client_id, job)

    def _looked_up(
        self,
        row: Submission,
        provider: Provider,
        link: Link,
        cause: AssemblerError | None = None,
    ) -> Submission:
        match provider.find(row.client_id):
            case Found(job):
                return self.ledger.accepted(row.client_id, job)
            case NotMade():
                if cause is None:
                    return self.ledger.not_sent(row.client_id)
                self.ledger.failed(row.client_id, cause.what)
                raise GenerateError(self._said(row, cause.what), link.where, cause.fix) from cause
            case CantTell(why):
                if row.state == "sent":
                    self.ledger.unknown(row.client_id, why)
                lost = f" ({cause.what})" if cause else ""
                raise GenerateError(
                    f"{link.provider}: link {link.id} was sent, but the reply was lost{lost}; "
                    f"{why}",
                    link.where,
                    f"see in your list of jobs at {link.provider} whether one was made, then tell "
                    f"assembler.generation.run.settle(project, {row.client_id!r}, its id or None).",
                ) from cause

    def _finished(self, row: Submission, provider: Provider, link: Link) -> Submission:
        job = row.job or ""
        begin = time.monotonic()
        while True:
            match provider.poll(job):
                case Done(url, billed):
                    return self.ledger.done(row.client_id, url, billed)
                case Failed(reason, fix):
                    self.ledger.failed(row.client_id, reason)
                    raise GenerateError(self._said(row, reason), link.where, fix)
                case Running(progress):
                    self._tell(link.id, min(progress or 0.0, 0.99))
                case Queued():
                    pass
            self._check_stop(row, provider)
            if time.monotonic() - begin > self.wait_s:
                raise GenerateError(
                    self._said(row, f"isn't done after {self.wait_s:g} s"),
                    link.where,
                    "run again to go on waiting; nothing is sent anew.",
                )
            if provider.poll_s:
                self.cancel.wait(provider.poll_s)

    def _downloaded(
        self, row: Submission, provider: Provider, link: Link, start: Path | None
    ) -> Take:
        path = take_path(self.project, link.key, row.number)
        try:
            info, notes = self._fetched(path, row, provider, link)
        except GenerateError as exc:
            self.ledger.refused(row.client_id, exc.what)
            raise GenerateError(
                self._said(row, exc.what),
                link.where,
                exc.fix or "run again to download it anew; the job isn't sent again.",
            ) from exc
        take, sha256 = keep(self.project, link, row, info, notes, start)
        self.ledger.fetched(row.client_id, path.name, sha256)
        return take

    def _fetched(
        self, path: Path, row: Submission, provider: Provider, link: Link
    ) -> tuple[MediaInfo, tuple[str, ...]]:
        """The clip at its place, there already when the last run was stopped just then."""
        if path.is_file():
            try:
                return checked(path, link)
            except GenerateError:
                path.unlink()
        for left in path.parent.glob(f".{path.stem}.*.part*"):  # of a run that was killed
            left.unlink(missing_ok=True)
        with publish(path) as part:
            provider.download(Done(row.url or "", row.billed_usd), part)
            return checked(part, link)

    def _check_stop(self, row: Submission, provider: Provider) -> None:
        if not self._stopped():
            return
        if row.job:
            provider.cancel(row.job)
        raise GenerateError("cancelled")

    def _said(self, row: Submission, what: str) -> str:
        job = f"job {row.job}" if row.job else "the request"
        return f"{row.provider}: {job} for link {row.link}: {what}"

    def _tell(self, link: str, share: float) -> None:
        if self.on_progress is not None:
            with self.lock:
                self.on_progress(link, share)

    def _provider(self, name: str) -> Provider:
        with self.lock:
            if name not in self.providers:
                self.providers[name] = provider_class(name)(self.project.home / "jobs" / name)
            return self.providers[name]

    # -- end frames ------------------------------------------------------------------------

    def _frame(self, source: FrameSource | None, link: Link) -> Path | None:
        """An end frame as PNG in exactly the link's size."""
        if source is None:
            return None
        size = link.size
        if isinstance(source, Handoff):
            key, info, colour = self._clip(source.after)
            frame = source.frame
            if frame is not None and info.video is not None:
                frame = handed_frame(info.video, frame, self._planned_rate(source.after))
            where = "last" if frame is None else str(frame)
            path = self.project.frames / f"{key}-{where}-{size[0]}x{size[1]}.png"
            if not path.is_file():
                write_end_frame(path, info, colour, size=size, frame=frame)
            return path
        path = self.project.frames / f"{source.sha256[:32]}-{size[0]}x{size[1]}.png"
        if not path.is_file():
            write_png(path, covering(read_image(source.path)[..., :3], size))
        return path

    def _planned_rate(self, after: str) -> Fraction | None:
        """Rate that the plan took a link's clip for; None for a file segment."""
        link = self.plan.links_by_id.get(after)
        return link.rate if link else None

    def _clip(self, id_: str) -> tuple[str, MediaInfo, Colour]:
        """Key, facts and colour of a link's take or of a file segment's clip."""
        take = self.takes.get(id_)
        if take is not None:
            return take.key, take.info, take.colour
        for clip in self.plan.files:
            if clip.segment == id_:
                return clip.key, clip.info, clip.colour
        raise GenerateError(f"there is no clip of {id_} to go on from")

    def _clip_before(self, link: Link) -> Path | None:
        if not isinstance(link.start, Handoff):
            return None
        return self._clip(link.start.after)[1].path
