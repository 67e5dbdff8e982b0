"""
The embedded generator: real moving clips made here, offline, free and the same every time.

It draws what the prompt names, or moves a given image, and keeps to its model like a real one. It
is the free preview of any timeline and what tests generate with.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from anyio import to_thread

from assembler.errors import AssemblerError, GenerateError, NoRoomError
from assembler.generation.animatic.recipe import from_json, recipe_of, to_json
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
    Running,
    Sent,
)
from assembler.media.files import publish
from assembler.planning.model import Link

MAX_S = 15
"""Its model's longest clip; recordings may be longer in avatar mode."""


class Animatic(Provider):
    """Jobs are recipes in a folder; a clip is made while its job is polled."""

    name = "animatic"
    can = Can(client_id=True, lookup=True, cancel=True)
    poll_s = 0.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._making: dict[str, _Making] = {}

    def estimate(self, link: Link) -> Decimal | None:
        """Nothing: it is made here."""
        return Decimal(0)

    async def submit(self, request: Request) -> str:
        """Keep the recipe; the job is named by our id."""
        link = request.link
        long = link.heard_only or link.kind in ("avatar", "lip-sync")
        if not long and link.length_s > MAX_S:
            raise NotSubmittedError(
                f"animatic makes at most {MAX_S} s, not {float(link.length_s):g} s", link.where
            )
        with publish(self._recipe(request.client_id)) as part:
            part.write_text(to_json(recipe_of(request)), encoding="utf-8")
        return request.client_id

    async def find(self, sent: Sent) -> Lookup:
        """A job is made the moment its recipe is in the folder."""
        job = sent.client_id
        return Found(job) if self._recipe(job).is_file() else NotMade()

    async def poll(self, job: str) -> JobState:
        """Make some more of the clip."""
        clip = self._clip(job)
        if job not in self._making:
            if clip.is_file():
                return Done(clip.as_uri(), Decimal(0))
            if not self._recipe(job).is_file():
                return Failed(f"animatic has no job {job}")
            for left in self._folder.glob(f".{job}.*.part*"):  # of a run that was killed
                left.unlink(missing_ok=True)
            recipe = from_json(self._recipe(job).read_text(encoding="utf-8"))
            self._making[job] = _Making(_make(recipe, clip))
        try:
            part = await to_thread.run_sync(self._making[job].go_on)
        except NoRoomError:
            await self.cancel(job)
            raise
        except AssemblerError as exc:
            await self.cancel(job)
            return Failed(exc.what, exc.fix)
        if part < 1:
            return Running(part)
        await self.cancel(job)
        return Done(clip.as_uri(), Decimal(0))

    async def download(self, done: Done, to: Path) -> None:
        """Hand the clip over; asked again, it is made again."""
        clip = self._folder / done.url.rpartition("/")[2]
        if not clip.is_file():
            recipe = from_json(self._recipe(clip.stem).read_text(encoding="utf-8"))
            making = _Making(_make(recipe, clip))
            try:
                while await to_thread.run_sync(making.go_on) < 1:
                    pass
            finally:
                making.close()
        try:
            clip.replace(to)
        except OSError as exc:
            raise GenerateError(f"can't move the clip to {to}: {exc}", str(clip)) from exc

    async def cancel(self, job: str) -> None:
        """Stop making it; what was written of it goes."""
        making = self._making.pop(job, None)
        if making is not None:
            making.close()

    async def aclose(self) -> None:
        """Stop all that is being made."""
        for job in tuple(self._making):
            await self.cancel(job)

    def _recipe(self, job: str) -> Path:
        return self._folder / f"{job}.json"

    def _clip(self, job: str) -> Path:
        return self._folder / f"{job}.mp4"


class _Making:
    """A clip that is being written, a frame at a time."""

    def __init__(self, parts: Iterator[float]) -> None:
        self._parts = parts
        self._lock = threading.Lock()

    def go_on(self) -> float:
        """Write a frame; the part that is written, 1 at the end."""
        with self._lock:
            return next(self._parts, 1.0)

    def close(self) -> None:
        """Stop; what was written goes."""
        with self._lock:  # a frame may still be drawn in a thread
            self._parts.close()  # type: ignore[attr-defined]  # it is a generator


def _make(recipe: object, to: Path) -> Iterator[float]:
    from assembler.generation.animatic.clip import make  # cv2 and av are slow to import

    return make(recipe, to)  # type: ignore[arg-type]
