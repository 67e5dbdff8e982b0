"""
The embedded generator: real moving clips made here, offline, free and the same every time.

It draws what the prompt names, or moves a given image, and keeps to its model like a real one. It
is the free preview of any timeline and what tests generate with.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from assembler.errors import AssemblerError, GenerateError
from assembler.generation.animatic.recipe import from_json, recipe_of, to_json
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
)
from assembler.media.files import publish
from assembler.planning.model import Link

MAX_S = 15
"""Its model's longest clip; recordings may be longer in avatar mode."""


class Animatic(Provider):
    """Jobs are recipes in a folder; a clip is made while its job is polled."""

    name = "animatic"
    poll_s = 0.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._making: dict[str, Iterator[float]] = {}

    def estimate(self, link: Link) -> Decimal | None:
        """Nothing: it is made here."""
        return Decimal(0)

    def submit(self, request: Request) -> str:
        """Keep the recipe; the job is named by our id."""
        link = request.link
        if link.kind != "avatar" and link.length_s > MAX_S:
            raise NotSubmittedError(
                f"animatic makes at most {MAX_S} s, not {float(link.length_s):g} s", link.where
            )
        with publish(self._recipe(request.client_id)) as part:
            part.write_text(to_json(recipe_of(request)), encoding="utf-8")
        return request.client_id

    def find(self, client_id: str) -> Lookup:
        """A job is made the moment its recipe is in the folder."""
        return Found(client_id) if self._recipe(client_id).is_file() else NotMade()

    def poll(self, job: str) -> JobState:
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
            self._making[job] = _make(recipe, clip)
        try:
            for part in self._making[job]:
                if part >= 1:
                    break
                return Running(part)
        except AssemblerError as exc:
            self.cancel(job)
            return Failed(exc.what, exc.fix)
        self.cancel(job)
        return Done(clip.as_uri(), Decimal(0))

    def download(self, done: Done, to: Path) -> None:
        """Hand the clip over; asked again, it is made again."""
        clip = self._folder / done.url.rpartition("/")[2]
        if not clip.is_file():
            recipe = from_json(self._recipe(clip.stem).read_text(encoding="utf-8"))
            for _ in _make(recipe, clip):
                pass
        try:
            clip.replace(to)
        except OSError as exc:
            raise GenerateError(f"can't move the clip to {to}: {exc}", str(clip)) from exc

    def cancel(self, job: str) -> None:
        """Stop making it; what was written of it goes."""
        making = self._making.pop(job, None)
        if making is not None:
            making.close()  # type: ignore[attr-defined]  # it is a generator

    def _recipe(self, job: str) -> Path:
        return self._folder / f"{job}.json"

    def _clip(self, job: str) -> Path:
        return self._folder / f"{job}.mp4"


def _make(recipe: object, to: Path) -> Iterator[float]:
    from assembler.generation.animatic.clip import make  # cv2 and av are slow to import

    return make(recipe, to)  # type: ignore[arg-type]
