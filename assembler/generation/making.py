"""
The way of one take: claimed, sent once, looked up where the reply was lost, waited for, fetched.

    take = await Maker(project, ledger, hands).take(1, provider, request)

Each step is in the ledger before it is taken; `planning.ledger` tells which there are. What `take`
raises stops this link alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from assembler.errors import AssemblerError, GenerateError
from assembler.generation.arrived import checked, existing, keep
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
from assembler.generation.refusals import ExpiredError, NoClipError, Refusal, Trouble, advice
from assembler.generation.shelf import told_of
from assembler.generation.takes import on_disk, provenance, suffix_of, take_path
from assembler.media.files import publish, sha256_of
from assembler.media.info import MediaInfo
from assembler.planning.ledger import Busy, Intent, Ledger, Submission
from assembler.planning.model import Link
from assembler.planning.project import Project

_T = TypeVar("_T")

WAIT_S = 4 * 3600.0
"""A job that takes longer is left to a later run; what people make has all the time."""
_BUSY_S = 0.5
"""Between two looks at a link that another process works on."""
_THROTTLED_S = (1.0, 30.0)
"""First and longest wait before something is sent again that was too much at once."""
_SENDINGS = 4
"""Times that one run sends a request which has surely made no job."""
_RUN_AGAIN = frozenset(advice(Refusal(trouble)) for trouble in ("server", "unknown"))
"""Advice that is no good where a job was made in vain: another run asks for nothing."""


FORGOTTEN: Collection[Trouble] = frozenset({"parameter", "permission"})
"""How providers refuse to be asked for a job that they don't know, or no longer do."""


class WaitingError(GenerateError):
    """Clips that people make haven't come yet."""

    def __init__(self, what: str, where: str = "", fix: str = "", note: str = "") -> None:
        super().__init__(what, where, fix)
        self.args = (what, where, fix, note)
        self.note = note
        """What stands in the way, if something does."""


@dataclass(slots=True)
class Maker:
    """Makes the takes of one run."""

    project: Project
    ledger: Ledger
    hands: CapacityLimiter
    """For what is computed here: clips are large."""
    budget_usd: Decimal | None = None
    wait_s: float | None = None
    """How long to wait for a job, and to be let in before; None is the default."""
    tell: Callable[[Submission, float], None] = lambda row, share: None
    """Told how far a submission is, in [0, 1]."""
    say: Callable[[str], None] = lambda text: None
    """Told what the user should know while it goes on."""
    finding: dict[str, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock))
    """By provider: a lost job must not be found for two submissions."""

    async def worked(self, work: Callable[..., _T], *args: object) -> _T:
        """Done in a thread; no more at once than there are hands."""
        return await to_thread.run_sync(work, *args, limiter=self.hands)

    async def take(self, number: int, provider: Provider, request: Request) -> Take:
        """
        Take *number* of the link that a request asks for.

        Raises:
            WaitingError: If somebody has to make it, and hasn't.
            AssemblerError: If it can't be had; what is known of its job is in the ledger.
        """
        link = request.link
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
                    self.tell(row, 1.0)
                    return take
                case "fetched":
                    take_here = await self.worked(existing, self.project, link, number)
                    if take_here is not None:
                        return take_here
                    row = self.ledger.lost(row.client_id)
                case "failed":
                    raise GenerateError(
                        self._said(row, f"{told_of(row)} ({row.reason})"),
                        link.where,
                        f"change what the segment asks for, or {self._asks_anew(link)}",
                    )

    async def _claimed(self, link: Link, number: int, provider: Provider) -> Submission:
        noted = provenance(self.project, link.key, number)
        if noted and link.price_usd != 0 and self.ledger.alive(link.key, number) is None:
            # Without a row it came from elsewhere, and a new row would be paid.
            path = take_path(self.project, link.key, number, suffix_of(link))
            here = on_disk(self.project, link.key, number)
            trouble = "lies there, but can't be read" if here else "isn't there as it came"
            raise GenerateError(
                f"take {number} of link {link.id} {trouble}: {path.name}",
                link.where,
                f"put it back from a copy, or {self._asks_anew(link)}",
            )
        price = link.price_usd if link.price_usd is not None else provider.estimate(link)
        intent = Intent(link.key, link.id, link.provider, link.model, price, number)
        while True:
            row = self.ledger.claim(intent, budget_usd=self.budget_usd)
            if not isinstance(row, Busy):
                return row
            host, process = row.owner.split("|")[:2]
            self.say(f"link {link.id}: waits for another run (process {process} on {host})")
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
                pause_s = max(wait_s, exc.after_s or 0.0)
                if pause_s > longest_s:
                    self.say(f"link {row.link}: {row.provider} asks to wait {pause_s:,.0f} s")
                if time.monotonic() + pause_s > begin + self._patience_s:
                    raise
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
        self.ledger.sending(row.client_id, provider.account)
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
        row = self.ledger.submission(row.client_id)  # as it was sent
        self._check_account(row, provider, link)
        asked = replace(request, client_id=row.client_id)
        async with self.finding[row.provider]:
            taken = self.ledger.jobs(row.provider)
            sent = Sent(asked, row.intended_at, row.changed_at, taken)
            found = await provider.find(sent)
            if isinstance(found, Found):
                return self.ledger.accepted(row.client_id, found.job)
        if isinstance(found, NotMade):
            return self.ledger.not_sent(row.client_id, cause.what if cause else "")
        assert isinstance(found, CantTell)
        if row.state == "sent":
            self.ledger.unknown(row.client_id, found.why)
        lost = f" ({cause.what})" if cause else ""
        raise GenerateError(
            f"{link.provider}: link {link.id} was sent, but the reply was lost{lost}; {found.why}",
            link.where,
            f"see in your list of jobs at {link.provider} whether one was made, then say "
            f"{self._settles(row)} with `--job ID`, or with `--none`.",
        ) from cause

    async def _finished(self, row: Submission, provider: Provider, link: Link) -> Submission:
        job = row.job or ""
        self._check_account(row, provider, link)
        begin = time.monotonic()
        while True:
            try:
                state = await provider.poll(job)
            except ProviderError as exc:
                forgotten = exc.trouble in FORGOTTEN
                if row.url or forgotten or isinstance(exc, NoClipError):
                    self.ledger.refused(row.client_id, exc.what)
                if forgotten:
                    raise self._forgotten(row, link, exc) from exc
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
                        f"put its take back from a copy, or {self._asks_anew(link)}",
                        trouble,
                    )
                case Failed(reason, fix, trouble, billed):
                    row = self.ledger.failed(row.client_id, reason, billed)
                    if row.in_vain:
                        # To run again would do nothing more.
                        fix = "" if fix in _RUN_AGAIN else f"{fix} "
                        fix = f"{fix}{_sentence(told_of(row))}: {self._asks_anew(link)}"
                    raise ProviderError(self._said(row, reason), link.where, fix, trouble)
                case Running(progress):
                    self.tell(row, min(progress or 0.0, 0.99))
                case Waiting(ask, fix, note):
                    if self.wait_s is None:
                        begin = time.monotonic()
                    elif time.monotonic() - begin >= self.wait_s:
                        raise WaitingError(row.provider, link.where, fix, note)
                    self.say(f"link {link.id}: {ask}")
                    self.say(f"link {link.id}: {note}" if note else "")
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
        path = take_path(self.project, link.key, row.number, suffix_of(link))
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
            take, sha256 = await self.worked(
                keep, self.project, link, row, info, notes, request.start
            )
            self.ledger.fetched(row.client_id, path.name, sha256)
        return take

    async def _fetched(
        self, path: Path, row: Submission, provider: Provider, link: Link
    ) -> tuple[MediaInfo, tuple[str, ...]]:
        """The clip at its place, there already when the last run was stopped just then."""
        if path.is_file() and await self.worked(self._as_it_came, path, row):
            try:
                return await self.worked(checked, path, link)
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
            return await self.worked(checked, part, link)

    def _as_it_came(self, path: Path, row: Submission) -> bool:
        """Whether a clip can be the one that this job has brought, by its hash if that is known."""
        known = row.sha256 or provenance(self.project, row.key, row.number).get("sha256")
        return known is None or sha256_of(path) == known

    def _said(self, row: Submission, what: str) -> str:
        job = f"job {row.job}" if row.job else "the request"
        told = what.removeprefix(f"{row.provider}: ")
        return f"{row.provider}: {job} for link {row.link}: {told}"

    @property
    def _patience_s(self) -> float:
        return WAIT_S if self.wait_s is None else self.wait_s

    def _check_account(self, row: Submission, provider: Provider, link: Link) -> None:
        """
        A job that another account has can't be looked at, and not finding it would say nothing.

        Raises:
            GenerateError: If it was sent from another account.
        """
        was, now = row.sent_from, provider.account
        if was is None or now is None or not was.is_other(now):
            return
        what = f"was sent from another account ({was}) than the one in use ({now})"
        if row.job:
            self.ledger.refused(row.client_id, what)
            fix = (
                f"go back to that account, or {self._asks_anew(link)} If it is the same one with "
                f"a new key, say {self._settles(row)} with `--job {row.job}`."
            )
        else:
            fix = (
                "go back to that account, or see in its list of jobs whether one was made and "
                f"say {self._settles(row)} with `--job ID`, or with `--none`."
            )
        raise GenerateError(self._said(row, what), link.where, fix)

    def _forgotten(self, row: Submission, link: Link, said: ProviderError) -> ProviderError:
        told = said.what.removeprefix(f"{row.provider}: ")
        return ProviderError(
            self._said(row, f"the provider doesn't know this job, or no longer does: {told}"),
            link.where,
            f"run again later; if your list of jobs at {row.provider} has it under another id, say "
            f"{self._settles(row)} with `--job ID`; else {self._asks_anew(link)}",
            said.trouble,
        )

    def _asks_anew(self, link: Link) -> str:
        timeline = self.project.timeline.name
        return f"`assembler takes reroll {timeline} {link.id}` asks for another, which is paid too."

    def _settles(self, row: Submission) -> str:
        return f"`assembler takes settle {self.project.timeline.name} {row.client_id}`"


def _sentence(advice: str) -> str:
    return advice[:1].upper() + advice[1:]
