"""The main road: a timeline becomes its takes, its seams, its cut, its sound and its files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from assembler.assemble.outputs import Records, guard
from assembler.assemble.prepare import Delivery, Prepared, prepare
from assembler.assemble.progress import Progress
from assembler.cut.model import Cut
from assembler.generate.base import Take
from assembler.match.decision import SeamDecision
from assembler.media.files import publish
from assembler.plan.keys import content_key

COST = {"generate": 1.0, "match": 40.0, "mix": 0.05, "render": 1.0}
"""What a frame (a seam for `match`) weighs in the progress of a run."""


@dataclass(frozen=True, slots=True)
class Made:
    """One delivered file."""

    path: Path
    preset: str
    frames: int
    seconds: float
    size: tuple[int, int]
    lufs: float | None
    true_peak_dbtp: float | None
    spans: int
    rendered: int
    """Spans that had to be rendered; the others were there."""
    up_to_date: bool
    """Whether nothing at all had to be done."""


@dataclass(frozen=True, slots=True)
class Film:
    """What a render has made."""

    outputs: tuple[Made, ...]
    cut: Cut
    seams: tuple[SeamDecision, ...]
    links: int
    generated: int
    """Links that had to be generated; the takes of the others were there."""
    took_s: float
    notes: tuple[str, ...]
    """Every conversion and assumption, each said once."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know without asking."""
        unmatched = [
            f"seam {s.seam}: the two sides don't match and were left as they are"
            for s in self.seams
            if not s.matched
        ]
        return (*unmatched, *(n for n in self.notes if n.startswith("warning: ")))

    def text(self) -> str:
        """A line for each output."""
        return "\n".join(_line(made) for made in self.outputs)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "outputs": [asdict(made) for made in self.outputs],
            "frames": self.cut.frames,
            "seams": [_seam_data(s) for s in self.seams],
            "links": self.links,
            "generated": self.generated,
            "took_s": round(self.took_s, 3),
            "notes": list(self.notes),
        }


def _line(made: Made) -> str:
    state = "up to date" if made.up_to_date else f"{made.rendered} of {made.spans} spans rendered"
    loud = "" if made.lufs is None else f", {made.lufs:.1f} LUFS, {made.true_peak_dbtp:.1f} dBTP"
    size = f"{made.size[0]}x{made.size[1]}"
    return f"{made.path} ({size}, {made.seconds:.2f} s, {made.frames} frames{loud}; {state})"


def _seam_data(decision: SeamDecision) -> dict[str, Any]:
    from assembler.match.decision import decision_to_json

    return decision_to_json(decision)


def render(
    timeline: Path | str,
    *,
    draft: bool = False,
    provider: str | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Film:
    """
    Make the film: only what isn't there yet is generated, matched, mixed and rendered.

    Args:
        timeline: The timeline file.
        draft: Animatic clips at half size, for nothing.
        provider: Generate everything with this one.
        force: Overwrite files that aren't ours.
        workers: Work at a time; the number of cores when not given.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.

    Raises:
        AssemblerError: One of its kinds, by stage; nothing is half-written then.
    """
    prepared = prepare(timeline, draft=draft, provider=provider, write=True)
    return make(prepared, force=force, workers=workers, progress=progress, cancel=cancel)


def make(
    prepared: Prepared,
    *,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Film:
    """The same, from a timeline that is prepared already."""
    run = _Run(
        prepared,
        workers or os.cpu_count() or 1,
        progress or Progress(),
        cancel or threading.Event(),
        Records(prepared.project.reports),
        time.monotonic(),
    )
    guard((d.path for d in prepared.deliveries), run.records, force=force)
    run.announce()
    takes = run.takes()
    seams = run.seams(takes)
    cut = run.cut(takes, seams)
    outputs = tuple(run.deliver(cut, delivery) for delivery in prepared.deliveries)
    return run.film(cut, seams, takes, outputs)
