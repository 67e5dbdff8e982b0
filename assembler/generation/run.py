"""
Every link of a plan becomes a take: asked for once, recorded, waited for, downloaded, checked.

    takes = generate(plan, project, on_progress=print)

A link runs when what it continues is there, independent ones side by side, as many for each model
as its provider takes. One that fails stops only what hangs on it. A second run goes on where the
first has stopped: see `planning.ledger`.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from assembler.errors import AssemblerError, BudgetError, GenerateError, UsageError
from assembler.generation import provider_class
from assembler.generation.base import (
    CantTell,
    Done,
    Failed,
    Found,
    NotMade,
    NotSubmittedError,
    Provider,
    ProviderError,
    Queued,
    Request,
    Running,
    Sent,
    Take,
    ThrottledError,
    Waiting,
)
from assembler.generation.handing import HandingOn, Start
from assembler.generation.inputs import files_of
from assembler.generation.refusals import ExpiredError, NoClipError
from assembler.generation.takes import checked, existing, keep, on_disk, take_path
from assembler.media.files import publish, sha256_of
from assembler.media.info import MediaInfo
from assembler.planning.ledger import Busy, Intent, Ledger, Submission, chosen_takes
from assembler.planning.model import Link, Plan, Step
from assembler.planning.project import Project

_T = TypeVar("_T")

WAIT_S = 4 * 3600.0
"""A job that takes longer is left to a later run; what people make has all the time."""
_BUSY_S = 0.5
"""Between two looks at a link that another process works on."""
_CANCEL_S = 0.1
"""Between two looks at whether the caller wants to stop."""
_THROTTLED_S = (1.0, 30.0)
"""First and longest wait before something is sent again that was too much at once."""
_SENDINGS = 4
"""Times that one run sends a request which has surely made no job."""


class LinksFailedError(GenerateError):
    """Several links failed, each for its own reason."""

    def __init__(self, failures: Mapping[str, AssemblerError]) -> None:
        self.failures = dict(failures)
        super().__init__("\n".join(str(error) for error in self.failures.values()))

    def __reduce__(self) -> tuple[type[LinksFailedError], tuple[dict[str, AssemblerError]]]:
        return type(self), (self.failures,)


class WaitingError(GenerateError):
    """Clips that people make haven't come yet."""

    def __init__(self, what: str, where: str = "", fix: str = "", note: str = "") -> None:
        super().__init__(what, where, fix)
        self.args = (what, where, fix, note)
        self.note = note
        """What stands in the way, if something does."""


def generate(
    plan: Plan,
    project: Project,
    *,
    providers: Mapping[str, Provider] | None = None,
    workers: int | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    cancel: threading.Event | None = None,
    budget_usd: Decimal | None = None,
    wait_s: float | None = None,
    on_note: Callable[[str], None] | None = None,
) -> dict[str, Take]:
    """
    The chosen take of every link; what isn't on disk is generated.

    Args:
        plan: What to make.
        project: Where takes and the ledger are kept.
        providers: Used instead of the installed ones, by name.
        workers: Links made at once where a provider works on this machine; default one for each
            processor. How many a platform takes, it says itself (`Can.concurrency`).
        on_progress: Told a link's id and how far it is, in [0, 1]; always in the same thread.
        cancel: Stops in order when set: a request that is just leaving is waited for, jobs that
            were sent stay in the ledger for the next run.
        budget_usd: Nothing is sent that would pass it (this timeline's past spending counts).
        wait_s: How long to wait for one job, 0 for not at all; default four hours, and without end
            for clips that people make.
        on_note: Told what the user has to do while the run waits, each thing once.

    Raises:
        WaitingError: If clips that people make haven't come.
        BudgetError: If a submission would pass the budget; what was already under way is finished.
        LinksFailedError: If more than one link failed.
        GenerateError: If one link failed, or the run was cancelled.
    """
    chosen = chosen_takes(project.ledger)
    takes = _on_disk(plan, project, chosen)
    others = _others(plan, project, chosen)
    _catch_up(plan, project, takes)
    if len(takes) == len(plan.steps) and not others:
        return takes
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        run = _Run(
            plan, project, ledger, chosen, dict(providers or {}), on_progress,
            cancel or threading.Event(), budget_usd, wait_s, takes, others,
            workers or os.cpu_count() or 1, on_note,
        )  # fmt: skip
        _in_event_loop(run.all)
    return {step.link.id: takes[step.link.id] for step in plan.steps}


def _in_event_loop(work: Callable[[], Awaitable[None]]) -> None:
    """Run it to its end; in a thread of its own where this one has a loop already (notebooks)."""
    try:
        anyio.get_current_task()
    except RuntimeError:
        anyio.run(work)
        return
    failures: list[BaseException] = []

    def apart() -> None:
        try:
            anyio.run(work)
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=apart, name="generate")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def settle(project: Project, client_id: str, job: str | None) -> Submission:
    """The user's word on a lost submission: its job, or None when the provider has made none."""
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        if job is None:
            return ledger.failed(client_id, "no job was made, says the user")
        return ledger.accepted(client_id, job)


def _on_disk(plan: Plan, project: Project, numbers: Mapping[str, int]) -> dict[str, Take]:
    """Chosen takes that are there, by link."""
    found = ((s.link, existing(project, s.link, numbers.get(s.link.key, 1))) for s in plan.steps)
    return {link.id: take for link, take in found if take is not None}


def _catch_up(plan: Plan, project: Project, takes: Mapping[str, Take]) -> None:
    """Record the takes of a run that was killed just after it had written them."""
    if not project.ledger.is_file():
        return
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        for id_, take in takes.items():
            row = ledger.alive(plan.link(id_).key, take.number)
            if row is None or row.state != "done":
                continue
            with suppress(GenerateError):  # another run is just doing it
                ledger.fetched(row.client_id, take.path.name, sha256_of(take.path))


def _others(
    plan: Plan, project: Project, numbers: Mapping[str, int]
) -> tuple[tuple[Step, int], ...]:
    """Takes beside the chosen ones that the author wants to choose from and that aren't there."""
    return tuple(
        (step, number)
        for step in plan.steps
        for number in range(1, step.link.takes + 1)
        if step.link.takes > 1
        and number != numbers.get(step.link.key, 1)
        and not on_disk(project, step.link.key, number)
    )


def _varied(link: Link, number: int) -> Link:
    """The link for a take of that number: with one seed all takes would be one."""
    if link.seed is None or number == 1:
        return link
    return replace(link, seed=(link.seed + number - 1) % 2**32)


def _concurrency(provider: str) -> int | None:
    """Jobs at once that an account takes of each model, where the user says it."""
    variable = f"ASSEMBLER_{provider.upper().replace('-', '_')}_CONCURRENCY"
    said = os.environ.get(variable, "").strip()
    if not said:
        return None
    if not said.isdecimal() or int(said) < 1:
        raise UsageError(f"{variable} is {said!r}", fix="give a whole number from 1.")
    return int(said)


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    one: BaseException = several
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    return one


@dataclass(slots=True)
class _Run:
    """One call of `generate`."""

    plan: Plan
    project: Project
    ledger: Ledger
    chosen: Mapping[str, int]
    """Numbers of takes as the run began: a choice made meanwhile must not make one twice."""
    providers: dict[str, Provider]
    on_progress: Callable[[str, float], None] | None
    cancel: threading.Event
    budget_usd: Decimal | None
    wait_s: float | None
    takes: dict[str, Take]
    others: tuple[tuple[Step, int], ...]
    """Further takes to make, with their numbers."""
    workers: int
    on_note: Callable[[str], None] | None
    told: set[str] = field(default_factory=set)
    failures: dict[str, AssemblerError] = field(default_factory=dict)
    ended: dict[str, anyio.Event] = field(default_factory=dict)
    """Of the links that this run makes: set when there is a take, or won't be one."""
    slots: dict[tuple[str, str], CapacityLimiter] = field(default_factory=dict)
    """By provider and model: the links under way."""
    hands: CapacityLimiter = field(init=False)
    """For what is computed here."""
    finding: dict[str, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock))
    """By provider: a lost job must not be found for two submissions."""

    async def all(self) -> None:
        """Make the missing links, each after those that it hangs on."""
        missing = [step for step in self.plan.steps if step.link.id not in self.takes]
        self.ended = {step.link.id: anyio.Event() for step in missing}
        self.hands = CapacityLimiter(self.workers)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch, group.cancel_scope)
                async with anyio.create_task_group() as links:
                    for step in missing:
                        links.start_soon(self._link, step)
                    for step, number in self.others:
                        links.start_soon(self._other, step, number)
                group.cancel_scope.cancel()
        except BaseExceptionGroup as several:
            raise _first(several) from several
        finally:
            with anyio.CancelScope(shield=True):
                for provider in self.providers.values():
                    await provider.aclose()
        self._raise_failures()

    async def _worked(self, work: Callable[..., _T], *args: object) -> _T:
        """Done in a thread; no more at once than there are workers, for clips are large."""
        return await to_thread.run_sync(work, *args, limiter=self.hands)

    async def _watch(self, scope: anyio.CancelScope) -> None:
        while not self.cancel.is_set():
            await anyio.sleep(_CANCEL_S)
        scope.cancel()

    async def _link(self, step: Step) -> None:
        """One link, when what it hangs on is there; if that failed, it isn't begun."""
        try:
            take = await self._made(step, self.chosen.get(step.link.key, 1), step.link.id)
            if take is not None:
                self.takes[step.link.id] = take
        finally:
            self.ended[step.link.id].set()

    async def _other(self, step: Step, number: int) -> None:
        """A take beside the chosen one."""
        await self._made(step, number, f"{step.link.id} (take {number})")

    async def _made(self, step: Step, number: int, name: str) -> Take | None:
        """A take of a link when what it hangs on is there; None when that or the take failed."""
        link = step.link
        try:
            for before in step.after:
                if before in self.ended:
                    await self.ended[before].wait()
            if all(before in self.takes for before in step.after):
                provider = self._provider(link.provider)
                async with self._slot(link, provider):
                    return await self._take(link, provider, number)
        except ProviderError as exc:
            self.failures[name] = exc.at(link.where)
        except AssemblerError as exc:
            self.failures[name] = exc
        return None

    def _slot(self, link: Link, provider: Provider) -> CapacityLimiter:
        most = _concurrency(link.provider) or provider.can.concurrency or self.workers
        return self.slots.setdefault((link.provider, link.model), CapacityLimiter(most))

    def _raise_failures(self) -> None:
        if self.cancel.is_set() and len(self.takes) < len(self.plan.steps):
            raise GenerateError(
                "cancelled", fix="run again: finished takes are kept, jobs that were sent go on."
            )
        self._join_waiting()
        errors = list(self.failures.values())
        if not errors:
            return
        if all(isinstance(error, BudgetError) for error in errors) or len(errors) == 1:
            raise errors[0]
        raise LinksFailedError(self.failures)

    def _join_waiting(self) -> None:
        """One sentence for all clips that people have to make."""
        order = {step.link.id: n for n, step in enumerate(self.plan.steps)}
        failed = sorted(self.failures.items(), key=lambda item: order[item[0].split(" ")[0]])
        waiting = {name: error for name, error in failed if isinstance(error, WaitingError)}
        if not waiting:
            return
        first, *others = waiting
        error = waiting[first]
        named = ", ".join(i + (f" ({e.note})" if e.note else "") for i, e in waiting.items())
        count = "1 clip is" if not others else f"{len(waiting)} clips are"
        what = f"{error.what}: {count} still to be made: {named}"
        self.failures[first] = WaitingError(what, "", error.fix)
        for id_ in others:
            del self.failures[id_]

    # -- one link --------------------------------------------------------------------------

    async def _take(self, link: Link, provider: Provider, number: int) -> Take:
        start = await self._worked(self.handing.start, link, number)
        link = _varied(self.handing.asked(link, start), number)
        request = await self._worked(self._request, link, start)
        row = await self._claimed(link, number, provider)
        while True:
            match row.state:
                case "intended":
                    row = await self._submitted(row, provider, request)
                case "sent" | "unknown":
                    row = await self._looked_up(row, provider, request)
                case "accepted":
                    row = await self._finished(row, provider, link)
                case "done":
                    take = await self._downloaded(row, provider, request)
                    self._tell(row, 1.0)
                    return take
                case "fetched":
                    take_here = await self._worked(existing, self.project, link, number)
                    if take_here is not None:
                        return take_here
                    row = self.ledger.lost(row.client_id)
                case "failed":
                    raise GenerateError(self._said(row, row.reason), link.where)

    @property
    def handing(self) -> HandingOn:
        """What links are started on."""
        return HandingOn(self.plan, self.project, self.takes)

    def _request(self, link: Link, start: Start | None) -> Request:
        return Request(
            link, "", start.path if start else None, self.handing.image(link.end, link.size),
            self.handing.before(link), files_of(link, self.project),
        )  # fmt: skip

    async def _claimed(self, link: Link, number: int, provider: Provider) -> Submission:
        here = on_disk(self.project, link.key, number)
        if here and self.ledger.alive(link.key, number) is None:
            # Without a row it came from elsewhere, and a new row would be paid.
            path = take_path(self.project, link.key, number)
            raise GenerateError(
                f"take {number} of link {link.id} lies there, but can't be read: {path.name}",
                link.where,
                "put it back from a copy, or delete it to have another one made.",
            )
        price = link.price_usd if link.price_usd is not None else provider.estimate(link)
        intent = Intent(link.key, link.id, link.provider, link.model, price, number)
        while True:
            row = self.ledger.claim(intent, budget_usd=self.budget_usd)
            if not isinstance(row, Busy):
                return row
            host, process = row.owner.split("|")[:2]
            self._say(f"link {link.id}: waits for another run (process {process} on {host})")
            await anyio.sleep(_BUSY_S)

    async def _submitted(self, row: Submission, provider: Provider, request: Request) -> Submission:
        """Send, and record what came of it; the same request again only where no job was made."""
        request = replace(request, client_id=row.client_id)
        wait_s, longest_s = _THROTTLED_S
        begin, sendings = time.monotonic(), 0
        while True:
            sendings += 1
            try:
                return await self._sent(row, provider, request)
            except ThrottledError as exc:
                self.ledger.not_sent(row.client_id, exc.what)
                if time.monotonic() - begin > self._patience_s:
                    raise
                pause_s = max(wait_s, exc.after_s or 0.0)
            except NotSubmittedError as exc:
                self.ledger.failed(row.client_id, exc.what)
                raise
            except AssemblerError as exc:
                # The request has left: whether it has become a job is looked up, never guessed.
                row = await self._looked_up(row, provider, request, exc)
                if row.state != "intended":
                    return row
                if sendings >= _SENDINGS:
                    raise
                pause_s = wait_s
            wait_s = min(2 * wait_s, longest_s)
            await anyio.sleep(pause_s)

    async def _sent(self, row: Submission, provider: Provider, request: Request) -> Submission:
        """A request that has left is waited for, if the user stops: its reply is worth more."""
        self.ledger.sending(row.client_id)
        with anyio.CancelScope(shield=True):  # it has a time limit of its own
            job = await provider.submit(request)
        return self.ledger.accepted(row.client_id, job)  # nothing can stop us in between

    async def _looked_up(
        self,
        row: Submission,
        provider: Provider,
        request: Request,
        cause: AssemblerError | None = None,
    ) -> Submission:
        """The row of a lost submission: accepted, or intended again when no job was made."""
        link = request.link
        async with self.finding[row.provider]:
            taken = self.ledger.jobs(row.provider)
            sent = Sent(replace(request, client_id=row.client_id), row.intended_at, taken)
            found = await provider.find(sent)
            if isinstance(found, Found):
                return self.ledger.accepted(row.client_id, found.job)
        if isinstance(found, NotMade):
            return self.ledger.not_sent(row.client_id, cause.what if cause else "")
        assert isinstance(found, CantTell)
        if self.ledger.submission(row.client_id).state == "sent":
            self.ledger.unknown(row.client_id, found.why)
        lost = f" ({cause.what})" if cause else ""
        raise GenerateError(
            f"{link.provider}: link {link.id} was sent, but the reply was lost{lost}; {found.why}",
            link.where,
            f"see in your list of jobs at {link.provider} whether one was made, then say "
            f"`assembler takes settle {self.project.timeline.name} {row.client_id}` with "
            "`--job ID`, or with `--none`.",
        ) from cause

    async def _finished(self, row: Submission, provider: Provider, link: Link) -> Submission:
        job = row.job or ""
        begin = time.monotonic()
        while True:
            try:
                state = await provider.poll(job)
            except ProviderError as exc:
                if row.url or isinstance(exc, NoClipError):
                    self.ledger.refused(row.client_id, exc.what)
                raise
            match state:
                case Done(url, billed):
                    return self.ledger.done(row.client_id, url, billed)
                case Failed(reason, _, trouble) if row.url and (
                    row.cost_usd or row.price_usd is None
                ):
                    # It had a clip, so it was paid: another one is the user's decision.
                    self.ledger.refused(row.client_id, reason)
                    raise ProviderError(
                        self._said(row, f"its clip can't be had any more ({reason})"),
                        link.where,
                        "put its take back from a copy, or let `assembler takes reroll` ask for "
                        "another, which is paid again.",
                        trouble,
                    )
                case Failed(reason, fix, trouble, billed):
                    self.ledger.failed(row.client_id, reason, billed)
                    raise ProviderError(self._said(row, reason), link.where, fix, trouble)
                case Running(progress):
                    self._tell(row, min(progress or 0.0, 0.99))
                case Waiting(ask, fix, note):
                    if self.wait_s is None:
                        begin = time.monotonic()
                    elif time.monotonic() - begin >= self.wait_s:
                        raise WaitingError(row.provider, link.where, fix, note)
                    self._say(f"link {link.id}: {ask}")
                    self._say(f"link {link.id}: {note}" if note else "")
                case Queued():
                    pass
            if time.monotonic() - begin > self._patience_s:
                raise GenerateError(
                    self._said(row, f"isn't done after {self._patience_s:g} s"),
                    link.where,
                    "run again to go on waiting; nothing is sent anew.",
                )
            await anyio.sleep(provider.poll_s)

    async def _downloaded(self, row: Submission, provider: Provider, request: Request) -> Take:
        link = request.link
        path = take_path(self.project, link.key, row.number)
        try:
            info, notes = await self._fetched(path, row, provider, link)
        except GenerateError as exc:
            if self.ledger.submission(row.client_id).state == "done":
                self.ledger.refused(row.client_id, exc.what)
            raise GenerateError(
                self._said(row, exc.what),
                link.where,
                exc.fix or "run again to download it anew; the job isn't sent again.",
            ) from exc
        with anyio.CancelScope(
            shield=True
        ):  # the clip lies at its place: a stop here would lose it
            take, sha256 = await self._worked(
                keep, self.project, link, row, info, notes, request.start
            )
            self.ledger.fetched(row.client_id, path.name, sha256)
        return take

    async def _fetched(
        self, path: Path, row: Submission, provider: Provider, link: Link
    ) -> tuple[MediaInfo, tuple[str, ...]]:
        """The clip at its place, there already when the last run was stopped just then."""
        if path.is_file():
            try:
                return await self._worked(checked, path, link)
            except GenerateError:
                path.unlink()
        for left in path.parent.glob(f".{path.stem}.*.part*"):  # of a run that was killed
            left.unlink(missing_ok=True)
        with publish(path) as part:
            try:
                await provider.download(Done(row.url or "", row.billed_usd), part)
            except ExpiredError:
                row = await self._finished(row, provider, link)
                await provider.download(Done(row.url or "", row.billed_usd), part)
            return await self._worked(checked, part, link)

    def _said(self, row: Submission, what: str) -> str:
        job = f"job {row.job}" if row.job else "the request"
        told = what.removeprefix(f"{row.provider}: ")
        return f"{row.provider}: {job} for link {row.link}: {told}"

    @property
    def _patience_s(self) -> float:
        return WAIT_S if self.wait_s is None else self.wait_s

    def _say(self, text: str) -> None:
        if text and text not in self.told and self.on_note is not None:
            self.on_note(text)
        self.told.add(text)

    def _tell(self, row: Submission, share: float) -> None:
        beside = any((s.link.key, n) == (row.key, row.number) for s, n in self.others)
        if self.on_progress is not None and not beside:
            self.on_progress(row.link, share)

    def _provider(self, name: str) -> Provider:
        if name not in self.providers:
            self.providers[name] = provider_class(name)(self.project.home / "jobs" / name)
        return self.providers[name]
