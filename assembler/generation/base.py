"""
The contract between the engine and a provider: a few verbs, and how a lost reply is looked up.

    class Animatic(Provider):
        name = "animatic"
        ...

A provider is asynchronous (anyio) and one file in `generation/providers/`; what blocks or computes
goes through `anyio.to_thread.run_sync`. It is made with the folder of the project in which it may
keep its own files, and closed with `aclose` when a run ends; a later run may use it again, in
another event loop.

Submitting is sent once; looking up, polling and downloading may be repeated. What `submit` raises
decides what happens next: `NotSubmittedError` means that surely no job was made; anything else
leaves the outcome open, and the job is looked up before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

from assembler.generation.refusals import NotSubmittedError, ProviderError, ThrottledError, Trouble
from assembler.media.info import Colour, MediaInfo
from assembler.planning.account import Account
from assembler.planning.clips import Handed
from assembler.planning.model import Link

Role = Literal["reference", "middle", "video", "portrait", "speech"]
"""What a further file is for: an image to refer to, a frame in the middle, the motion, reference or
source video, the face of an avatar, its recording."""


@dataclass(frozen=True, slots=True)
class Can:
    """What a provider can do, for planning, the run loop and the user."""

    frames: Literal["upload", "inline", "url"] = "inline"
    """How local images reach it: an upload of its own, within the request (Base64), or not at all
    because it takes public URLs only."""
    client_id: bool = False
    """It takes our id with the request, and refuses or returns the same job when it comes again."""
    lookup: bool = False
    """A job can be found by our id."""
    listing: bool = False
    """Jobs can be listed, so that a lost one is found by its inputs."""
    cancel: bool = False
    """A job that was sent can be stopped."""
    concurrency: int | None = None
    """Jobs under way at once for each model; None where the work is done on this machine."""


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a provider needs for one generation."""

    link: Link
    client_id: str
    """Ours, made before sending; letters, digits and ``-``."""
    start: Path | None
    """PNG of the start frame, in the size the model works in."""
    end: Path | None
    before: Path | None = None
    """The take or file whose end frame `start` is, for models that go on from a clip."""
    files: Mapping[Role, tuple[Path, ...]] = field(default_factory=dict)
    """Further files by what they are for. The recording is cut to what the link speaks."""
    video_job: str = ""
    """The job by which this very provider has made its video, where it has."""
    number: int = 1
    """Which take of the link it is for."""

    def file(self, role: Role) -> Path | None:
        """The first file of that role."""
        return next(iter(self.files.get(role, ())), None)


@dataclass(frozen=True, slots=True)
class Sent:
    """A submission whose reply was lost."""

    request: Request
    """As it was sent."""
    since_s: float
    """Seconds since 1970 before which it surely wasn't sent."""
    sent_s: float
    """
    Seconds since 1970 when the ledger last heard of it: just before `submit` began, which may have
    read images and made other calls before it sent anything, or after a look for it in vain.
    """
    taken: frozenset[str] = frozenset()
    """Jobs of this provider that belong to other submissions."""

    @property
    def client_id(self) -> str:
        """Our id of it."""
        return self.request.client_id


@dataclass(frozen=True, slots=True)
class Found:
    """A lost submission has become this job."""

    job: str


@dataclass(frozen=True, slots=True)
class NotMade:
    """A lost submission has surely made no job; the same request may be sent again."""


@dataclass(frozen=True, slots=True)
class CantTell:
    """Nobody but the user can say what became of a lost submission."""

    why: str


Lookup = Found | NotMade | CantTell


@dataclass(frozen=True, slots=True)
class Queued:
    """Accepted, not begun."""


@dataclass(frozen=True, slots=True)
class Running:
    """Under way; progress in [0, 1] where it is known."""

    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody has to make the clip; this may take days."""

    ask: str
    """What has to be done for this one."""
    fix: str
    """What has to be done for all that wait."""
    note: str = ""
    """What stands in the way, if something does."""


@dataclass(frozen=True, slots=True)
class Done:
    """Finished: where the clip can be had, and what was billed if the reply says."""

    url: str
    billed_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Ended without a clip."""

    reason: str
    fix: str = ""
    trouble: Trouble = "unknown"
    billed_usd: Decimal | None = None


JobState = Queued | Running | Waiting | Done | Failed


class Provider(Protocol):
    """One platform that makes clips; subclass it to inherit what has a default."""

    name: str
    can: Can = Can()
    poll_s: float = 5.0
    """Seconds between two polls of a job."""
    account: Account | None = None
    """Which account requests are sent from; None where there is no such thing."""

    def estimate(self, link: Link) -> Decimal | None:
        """What a link would cost in US dollars; None when not known."""
        return None

    async def submit(self, request: Request) -> str:
        """
        Send once; the provider's job id.

        Raises:
            ThrottledError: Not now, and surely no job was made: sent again later, with the same id.
            NotSubmittedError: If surely no job was made.
            AssemblerError: If nobody knows; the job is looked up.
        """

    @classmethod
    def job_of(cls, link: Link, id_: str) -> str:
        """
        The job of a link as `submit` names it, by the id that the platform's own list shows.

        Raises:
            UsageError: If jobs of such links can't be looked at.
        """
        return id_

    async def find(self, sent: Sent) -> Lookup:
        """What became of a submission whose reply was lost; may be repeated."""
        return CantTell(f"{self.name} can't look up jobs by our id")

    async def poll(self, job: str) -> JobState:
        """The state of a job; may be repeated."""

    async def download(self, done: Done, to: Path) -> None:
        """
        Write the clip to *to*; may be repeated.

        Raises:
            ExpiredError: If the address is no longer good; the job is polled for a new one.
        """

    async def standing(self) -> str:
        """
        What the account has left, or that its key is taken, by asking something that is free.

        Empty where nothing that needs the key is free to ask.

        Raises:
            ProviderError: If there is no key, it isn't taken, or nobody answers.
        """
        return ""

    async def cancel(self, job: str) -> None:
        """Stop a job that nobody wants any more. A run that ends leaves its jobs alone."""
        return

    async def aclose(self) -> None:
        """Close connections and whatever is being made here; the provider may be used again."""
        return


class MadeProvider(Protocol):
    """A class of providers: called with the folder in which one may keep files."""

    def __call__(self, folder: Path, /) -> Provider:
        """A provider ready to use."""

    def job_of(self, link: Link, id_: str, /) -> str:
        """As `Provider.job_of`."""


@dataclass(frozen=True, slots=True)
class Take:
    """One result for a link, on disk."""

    link: str
    key: str
    path: Path
    info: MediaInfo
    colour: Colour
    """How its numbers are read: its tags, or what frame 0 against the start image has shown."""
    notes: tuple[str, ...] = ()
    number: int = 1
    """Which of the link's takes it is."""
    handed: Handed | None = None
    """The frame of the clip before it that it was started on."""
    sha256: str = ""
    """Of the file's bytes as they are."""

    @property
    def content_key(self) -> str:
        """Names what its file holds: whatever is computed from it is kept under this."""
        return self.sha256[:32] or self.key


__all__ = [
    "Can",
    "CantTell",
    "Done",
    "Failed",
    "Found",
    "JobState",
    "Lookup",
    "MadeProvider",
    "NotMade",
    "NotSubmittedError",
    "Provider",
    "ProviderError",
    "Queued",
    "Request",
    "Role",
    "Running",
    "Sent",
    "Take",
    "ThrottledError",
    "Waiting",
]
