"""
The contract between the engine and a provider: four verbs and what it can do.

    class Animatic(Provider):
        name = "animatic"
        ...

A provider is synchronous and as slow as it likes: `run.py` calls it from worker threads.
Submitting is sent once; polling and downloading may be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from assembler.media.info import Colour, MediaInfo
from assembler.plan.model import Link


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a provider needs for one generation."""

    link: Link
    client_id: str
    """Ours, made before sending; letters, digits and ``-``."""
    start: Path | None
    """PNG of the start frame, in the size the model works in."""
    end: Path | None


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
    """One platform that makes clips."""

    name: str

    def estimate(self, link: Link) -> Decimal | None:
        """What a link would cost in US dollars; None when not known."""

    def submit(self, request: Request) -> str:
        """Send once; the provider's job id."""

    def poll(self, job: str) -> JobState:
        """The state of a job; may be repeated."""

    def download(self, done: Done, to: Path) -> None:
        """Write the clip to *to*; may be repeated."""


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
