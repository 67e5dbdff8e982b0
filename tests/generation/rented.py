"""A provider elsewhere, in this process: what it does wrong is told by its fields."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np

from assembler.errors import GenerateError
from assembler.generation.base import (
    Done,
    Failed,
    Found,
    JobState,
    Lookup,
    NotMade,
    NotSubmittedError,
    Provider,
    Request,
    Running,
    Sent,
)
from assembler.generation.refusals import NoClipError, ThrottledError
from assembler.media.writer import FrameWriter
from assembler.planning.account import Account
from assembler.planning.model import Link
from tests.generation.links import SIZE, link


@dataclass
class Rented(Provider):
    """A provider elsewhere: gives out one clip, and fails where it is told to."""

    clip: Path
    name: str = "rented"
    poll_s: float = 0.0
    price: Decimal = Decimal("0.50")
    polls: int = 2
    lose_reply: bool = False
    lookup: Lookup | None = None
    refuse: str = ""
    throttle: list[float] = field(default_factory=list)
    """What it asks to wait, each time that it takes no more."""
    billed: Decimal = Decimal("0.35")
    no_clip: bool = False
    kept: Decimal | None = None
    """What is billed for a job that fails."""
    account: Account | None = None
    fail: set[str] = field(default_factory=set)
    """Links whose jobs fail."""
    fail_seeds: set[int | None] = field(default_factory=set)
    """Seeds whose jobs fail."""
    submitted: list[str] = field(default_factory=list)
    links: dict[str, Link] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    downloads: int = 0
    asked: int = 0
    """Jobs and requests that were looked up."""

    def estimate(self, link: Link) -> Decimal:
        return self.price

    async def submit(self, request: Request) -> str:
        if self.refuse:
            raise NotSubmittedError(self.refuse, fix="pay")
        if self.throttle:
            raise ThrottledError("too many at once", after_s=self.throttle.pop(0))
        self.submitted.append(request.client_id)
        self.requests.append(request)
        self.links[f"job-{request.client_id}"] = request.link
        if self.lose_reply:
            self.lose_reply = False
            raise GenerateError("connection reset")
        return f"job-{request.client_id}"

    async def find(self, sent: Sent) -> Lookup:
        self.asked += 1
        client_id = sent.client_id
        if self.lookup is not None:
            return self.lookup
        return Found(f"job-{client_id}") if client_id in self.submitted else NotMade()

    async def poll(self, job: str) -> JobState:
        self.asked += 1
        self.polls -= 1
        asked = self.links[job]
        if asked.id in self.fail or asked.seed in self.fail_seeds:
            return Failed("no faces, please", "change the prompt.", billed_usd=self.kept)
        if self.no_clip:
            raise NoClipError("names no clip")
        return Running(0.5) if self.polls > 0 else Done("https://example.org/a", self.billed)

    async def download(self, done: Done, to: Path) -> None:
        self.downloads += 1
        shutil.copyfile(self.clip, to)


def rented(id_: str = "dawn.1", **changes: object) -> Link:
    """A link that is made there for half a dollar."""
    return link(id_, provider="rented", model="m", price_usd=Decimal("0.50"), **changes)


def clip_in(folder: Path) -> Path:
    """A clip such as a link of one second asks for."""
    path = folder / "clip.mp4"
    grey = np.linspace(0.2, 0.8, SIZE[0], dtype=np.float32)
    with FrameWriter(path, SIZE, Fraction(24)) as writer:
        for n in range(25):
            row = np.roll(grey, n)[None, :, None]
            writer.write(np.broadcast_to(row, (SIZE[1], SIZE[0], 3)).astype(np.float32))
    return path
