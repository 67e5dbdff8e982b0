"""What the tests of all adapters do: links of a model, a run through a loopback server, checks."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from assembler.generation.base import Provider, Take
from assembler.generation.http import Limits
from assembler.generation.run import generate
from assembler.media.frames import last_frames, read_frames
from assembler.media.pixels import Floats
from assembler.media.stills import write_png
from assembler.planning.ledger import Ledger, Submission
from assembler.planning.model import Link
from assembler.planning.project import Project
from tests.generation.links import Handoff, ImageFile, link, plan_of, project_in

FAST = Limits(tries=4, wait_s=0.02, longest_wait_s=0.1)
SIZE = (320, 180)
Made = Callable[[Project], Provider]


def picture(folder: Path, name: str, seed: int, size: tuple[int, int] = SIZE) -> ImageFile:
    """An image of the author's that no other seed has."""
    cells = np.random.default_rng(seed).random((3, 5, 3)).astype(np.float32)
    rows = np.linspace(0, 2.99, size[1]).astype(int)
    columns = np.linspace(0, 4.99, size[0]).astype(int)
    path = folder / name
    write_png(path, cells[rows][:, columns] * 0.5 + 0.25)
    return ImageFile(path, f"{seed:032x}" * 2)


def asked(provider: str, model: str, id_: str = "dawn.1", **changes: Any) -> Link:
    """A link of 5 s from words, unless *changes* say else."""
    seconds = Fraction(changes.pop("seconds", 5))
    start = changes.get("start")
    known = {
        "provider": provider, "model": model, "kind": "image" if start else "text",
        "length_s": seconds, "frames": int(seconds * 24) + 1, "size": SIZE, "resolution": "720p",
        "price_usd": None, "prompt": "static view of the sea",
    }  # fmt: skip
    return link(id_, **(known | changes))


def run(links: list[Link], project: Project, provider: Provider, **more: Any) -> dict[str, Take]:
    """One run of these links through one provider."""
    provider.poll_s = 0.02
    return generate(plan_of(links), project, providers={provider.name: provider}, **more)


def rows(project: Project) -> tuple[Submission, ...]:
    """What the ledger knows."""
    with Ledger(project.ledger) as ledger:
        return ledger.submissions()


def first_frame(take: Take) -> Floats:
    """Frame 0 of a take."""
    return next(iter(read_frames(take.info, stop=1, colour=take.colour)))


def last_frame(take: Take) -> Floats:
    """The frame that is handed on."""
    return next(iter(last_frames(take.info, 1, colour=take.colour)))


def chain(model: str, provider: str, start: ImageFile | None, **changes: Any) -> list[Link]:
    """Two links; the second goes on from the first."""
    return [
        asked(provider, model, start=start, **changes),
        asked(provider, model, "dawn.2", start=Handoff("dawn.1"), **changes),
    ]


def distance(a: Floats, b: Floats) -> float:
    """Mean difference of two pictures."""
    return float(np.abs(a - b).mean())


__all__ = [
    "FAST", "SIZE", "Handoff", "ImageFile", "Made", "asked", "chain", "distance", "first_frame",
    "last_frame", "picture", "project_in", "rows", "run",
]  # fmt: skip
