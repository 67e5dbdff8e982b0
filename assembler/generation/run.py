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
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal

import anyio
from anyio import CapacityLimiter

from assembler.errors import AssemblerError, BudgetError, GenerateError, UsageError
from assembler.generation import provider_class
from assembler.generation.arrived import existing
from assembler.generation.base import Provider, ProviderError, Request, Take
from assembler.generation.inputs import files_of
from assembler.generation.making import FORGOTTEN, Maker, WaitingError
from assembler.generation.takes import on_disk, remember_content
from assembler.media.files import sha256_of
from assembler.planning.ledger import Ledger, Submission, chosen_takes, jobs_in_vain
from assembler.planning.model import Link, Plan, Step
from assembler.planning.project import Project

__all__ = ["LinksFailedError", "WaitingError", "generate", "settle"]

_ASK_S = 20.0
"""For which a provider is asked about a job that the user names."""
_CANCEL_S = 0.1
"""Between two looks at whether the caller wants to stop."""


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
        wait_s: How long to wait for one job, and before that until its provider takes it, 0 for not
            at all; default four hours, and without end for clips that people make.
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
    if len(takes) == len(plan.all_steps) and not others:
        return takes
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        run = _Run(
            plan, project, ledger, chosen, dict(providers or {}), on_progress,
            cancel or threading.Event(), budget_usd, wait_s, takes, others,
            workers or os.cpu_count() or 1, on_note,
        )  # fmt: skip
        _in_event_loop(run.all, run.cancel)
    return {step.link.id: takes[step.link.id] for step in plan.all_steps}


def _in_event_loop(
    work: Callable[[], Awaitable[None]], cancel: threading.Event | None = None
) -> None:
    """
    Run it to its end in a thread of its own: this one may have a loop already (notebooks), and what
    signals raise in it would tear the loop apart, with requests under way and threads that stay.

    Args:
        work: What is run.
        cancel: Makes it end in order; without, it is left alone when a signal raises something.
    """
    failures: list[BaseException] = []
    ended = threading.Event()  # what is raised in `Thread.join` makes it say so too early (3.12)

    def apart() -> None:
        try:
            anyio.run(work)
        except BaseException as exc:
            failures.append(exc)
        finally:
            ended.set()

    threading.Thread(target=apart, name="generate", daemon=cancel is None).start()
    try:
        while not ended.wait(0.2):  # not without end: Windows lets no Ctrl-C through
            pass
    except BaseException:
        if cancel is not None:
            cancel.set()
            ended.wait()
        raise
    if failures:
        raise failures[0]


def settle(project: Project, client_id: str, job: str | None) -> Submission:
    """The user's word on a lost submission: its job, or None when the provider has made none."""
    with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
        if job is None:
            return ledger.failed(client_id, "no job was made, says the user", Decimal(0))
        return ledger.told(client_id, job)


def check_known(project: Project, provider: str, job: str) -> None:
    """
    Ask a provider for a job that the user names.

    Where it can't be reached, or shows new jobs late, the user is believed.

    Raises:
        UsageError: If it doesn't know the job.
    """

    async def ask() -> None:
        async with aclosing(provider_class(provider)(project.home / "jobs" / provider)) as asked:
            with anyio.move_on_after(_ASK_S):
                await asked.poll(job)

    try:
        _in_event_loop(ask)
    except ProviderError as exc:
        if exc.trouble in FORGOTTEN:
            told = exc.what.removeprefix(f"{provider}: ")
            raise UsageError(
                f"{provider} doesn't know job {job}: {told}",
                fix="copy its id from your list of jobs there; if there is none, say --none, or "
                "`takes reroll` where a job was named before.",
            ) from exc


def _on_disk(plan: Plan, project: Project, numbers: Mapping[str, int]) -> dict[str, Take]:
    """Chosen takes that are there, by link."""
    for step in plan.all_steps:
        remember_content(project, step.link.key, numbers.get(step.link.key, 1))
    found = (
        (s.link, existing(project, s.link, numbers.get(s.link.key, 1))) for s in plan.all_steps
    )
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
    """
    Takes beside the chosen ones that the author wants to choose from and that aren't there.

    Those whose jobs were paid in vain aren't among them: the author decides on another.
    """
    vain = jobs_in_vain(project.ledger)
    return tuple(
        (step, number)
        for step in plan.all_steps
        for number in range(1, step.link.takes + 1)
        if step.link.takes > 1
        and number != numbers.get(step.link.key, 1)
        and number not in vain.get(step.link.key, ())
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
    ran_out: bool = False
    """Whether every take was made or has failed; else the run was cancelled."""
    ended: dict[str, anyio.Event] = field(default_factory=dict)
    """Of the links that this run makes: set when there is a take, or won't be one."""
    slots: dict[tuple[str, str], CapacityLimiter] = field(default_factory=dict)
    """By provider and model: the links under way."""
    maker: Maker = field(init=False)

    async def all(self) -> None:
        """Make the missing links, each after those that it hangs on."""
        missing = [step for step in self.plan.all_steps if step.link.id not in self.takes]
        self.ended = {step.link.id: anyio.Event() for step in missing}
        self.maker = Maker(
            self.project, self.ledger, CapacityLimiter(self.workers), self.budget_usd, self.wait_s,
            self._tell, self._say,
        )  # fmt: skip
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch, group.cancel_scope)
                async with anyio.create_task_group() as links:
                    for step in missing:
                        links.start_soon(self._link, step)
                    for step, number in self.others:
                        links.start_soon(self._other, step, number)
                self.ran_out = True
                group.cancel_scope.cancel()
        except BaseExceptionGroup as several:
            raise _first(several) from several
        finally:
            with anyio.CancelScope(shield=True):
                for provider in self.providers.values():
                    await provider.aclose()
        self._raise_failures()

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

    async def _take(self, link: Link, provider: Provider, number: int) -> Take:
        """A take, started on what the clips before it show."""
        from assembler.generation.handing import HandingOn  # slow to load, and not for what is kept

        handing = HandingOn(self.plan, self.project, self.takes)

        def request() -> Request:
            start = handing.start(link, number)
            asked = _varied(handing.asked(link, start), number)
            files = dict(files_of(link, self.project))
            if link.video_of:
                files["video"] = (self.takes[link.video_of].path,)
            return Request(
                asked, "", start.path if start else None, handing.image(link.end, link.size),
                handing.before(link), files, self._job_of(link.video_of, provider), number,
            )  # fmt: skip

        return await self.maker.take(number, provider, await self.maker.worked(request))

    def _job_of(self, id_: str, provider: Provider) -> str:
        """The job of a link's take, where it was made from the account that is in use."""
        take = self.takes.get(id_)
        row = self.ledger.alive(self.plan.link(id_).key, take.number) if take else None
        if row is None or row.job is None or row.provider != provider.name:
            return ""
        was, now = row.sent_from, provider.account
        return "" if was and now and was.is_other(now) else row.job

    def _slot(self, link: Link, provider: Provider) -> CapacityLimiter:
        most = _concurrency(link.provider) or provider.can.concurrency or self.workers
        return self.slots.setdefault((link.provider, link.model), CapacityLimiter(most))

    def _raise_failures(self) -> None:
        if not self.ran_out:
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
        order = {step.link.id: n for n, step in enumerate(self.plan.all_steps)}
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
