"""
The contract between the engine and a provider: four verbs, and how a lost reply is looked up.

    class Animatic(Provider):
        name = "animatic"
        ...

A provider is synchronous and as slow as it likes: `run.py` calls it from worker threads, one call
per link at a time. It is made with the folder of the project in which it may keep its own files.
Submitting is sent once; looking up, polling and downloading may be repeated. What `submit` raises
decides what happens next: `NotSubmittedError` means that surely no job was made: the link may be
sent again; anything else leaves the outcome open, and the job is looked up before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from assembler.errors import GenerateError
from assembler.media.info import Colour, MediaInfo
from assembler.planning.model import Link


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


class NotSubmittedError(GenerateError):
    """A submission failed in a way that proves that no job was made."""


@dataclass(frozen=True, slots=True)
class Found:
    """A lost submission has become this job."""

    job: str


@dataclass(frozen=True, slots=True)
class NotMade:
    """A lost submission has surely made no job."""


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
class Done:
    """Finished: where the clip can be had, and what was billed if the reply says."""

    url: str
    billed_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Ended without a clip."""

    reason: str
    fix: str = ""


JobState = Queued | Running | Done | Failed


class Provider(Protocol):
    """One platform that makes clips; subclass it to inherit what has a default."""

    name: str
    poll_s: float = 5.0
    """Seconds between two polls of a job."""

    def estimate(self, link: Link) -> Decimal | None:
        """What a link would cost in US dollars; None when not known."""

    def submit(self, request: Request) -> str:
        """Send once; the provider's job id."""

    def find(self, client_id: str) -> Lookup:
        """What became of a submission whose reply was lost; may be repeated."""
        return CantTell(f"{self.name} can't look up jobs by our id")

    def poll(self, job: str) -> JobState:
        """The state of a job; may be repeated."""

    def download(self, done: Done, to: Path) -> None:
        """Write the clip to *to*; may be repeated."""

    def cancel(self, job: str) -> None:
        """The engine stops waiting for a job (it may be polled again in a later run)."""
        return


class MadeProvider(Protocol):
    """A class of providers: called with the folder in which one may keep files."""

    def __call__(self, folder: Path, /) -> Provider:
        """A provider ready to use."""


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
