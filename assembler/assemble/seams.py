"""What is decided about every handoff of a film, each decided once and remembered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from assembler.assemble.sights import keep_sight, known_sight, sight_file
from assembler.cut.pieces import HandoffSides
from assembler.errors import MatchError
from assembler.match.decision import (
    ENGINE,
    SeamDecision,
    decision_from_json,
    decision_to_json,
)
from assembler.media.conform import video_of
from assembler.media.files import publish
from assembler.media.info import Colour, MediaInfo
from assembler.planning.keys import content_key
from assembler.planning.retime import Retime, read_rate
from assembler.spec.model import Fit, SeamOverride
from assembler.spec.presets import SeamPreset

ColourMatrix = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Side:
    """A clip at a seam; frames count at the programme's rate from the clip's first frame."""

    id: str
    key: str
    info: MediaInfo
    colour: Colour
    fit: Fit
    first: int
    """First frame that may be used."""
    stop: int
    """First frame that may not be used."""
    retime: Retime | None = None
    """How its time is bent; frames are then those that come out."""


@dataclass(frozen=True, slots=True)
class Seam:
    """Two clips that should continue each other."""

    a: Side
    b: Side
    preset: SeamPreset
    override: SeamOverride
    home: ColourMatrix | None = None
    """(10, 3): from A's end as it came to the look of the chain's first link, where B was held to
    that; None where it wasn't."""

    @property
    def id(self) -> str:
        """Name of the seam."""
        return f"{self.a.id}>{self.b.id}"


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions by seam id, and the seconds that each took."""

    decisions: Mapping[str, SeamDecision]
    took_s: Mapping[str, float]


def seam_data(decision: SeamDecision, took_s: float) -> dict[str, Any]:
    """A decision as reports show it."""
    data = decision_to_json(decision)
    correction = data.pop("correction")
    colour = correction["colour"]
    pop = colour and {
        "rgb": colour["decay"],
        "tau_frames": colour["tau_frames"],
        "steps": [step["weights"] for step in colour["steps"]],
    }
    return data | {
        "transform": correction["affine"],
        "colour": colour and colour["matrix"],
        "pop": pop if pop and (any(pop["rgb"]) or pop["steps"]) else None,
        "sharpen": correction["sharpen"],
        "patch": correction["patch"],
        "release_frames": correction["release_frames"],
        "seconds": round(took_s, 3),
    }


def seam_of(sides: HandoffSides, preset: SeamPreset) -> Seam:
    """The seam between two pieces of a cut."""
    a, b = (
        Side(
            p.id,
            p.source.key,
            p.source.info,
            p.source.colour,
            p.fit,
            p.first,
            p.stop,
            p.source.retime,
        )
        for p in (sides.a, sides.b)
    )
    return Seam(a, b, preset, sides.override, _home(sides))


def _home(sides: HandoffSides) -> ColourMatrix | None:
    handed, link = sides.b.handed, sides.b.link
    if handed is None or link is None or not link.drift_de:
        return None
    return handed.home if handed.take == sides.a.handed_as else None


def decide_all(
    seams: Sequence[Seam],
    *,
    size: tuple[int, int],
    rate: Fraction,
    cache: Path,
    workers: int,
    sights: bool = False,
    on_done: Callable[[], None] | None = None,
    cancel: threading.Event | None = None,
) -> Decided:
    """
    Decisions about all seams; decided ones are read from *cache*. With *sights*, what there is to
    see at those that are decided now is kept beside them.

    Seams of one chain are decided in order, because a clip is matched to the one before as that one
    will be shown: corrected to the chain's first clip. Chains run in parallel.
    """

    took: dict[str, float] = {}

    def chain(run: Sequence[Seam]) -> list[SeamDecision]:
        made: list[SeamDecision] = []
        for seam in run:
            if cancel and cancel.is_set():
                raise MatchError("stopped while matching seams")
            began = time.monotonic()
            last = made[-1] if made else None
            made.append(_cached(seam, last, size, rate, cache / "seams", sights=sights))
            took[seam.id] = time.monotonic() - began
            if on_done:
                on_done()
        return made

    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = {d.seam: d for run in pool.map(chain, _chains(seams)) for d in run}
    return Decided(found, took)


def _chains(seams: Sequence[Seam]) -> list[list[Seam]]:
    runs: list[list[Seam]] = []
    for seam in seams:
        if runs and runs[-1][-1].b.id == seam.a.id:
            runs[-1].append(seam)
        else:
            runs.append([seam])
    return runs


def _cached(
    seam: Seam,
    before: SeamDecision | None,
    size: tuple[int, int],
    rate: Fraction,
    folder: Path,
    *,
    sights: bool,
) -> SeamDecision:
    path = folder / f"{_key(seam, before, size, rate)}.json"
    try:
        found = decision_from_json(json.loads(path.read_text(encoding="utf-8")))
        return replace(found, seam=seam.id)
    except (OSError, ValueError, KeyError, TypeError):  # absent or damaged: decided anew
        from assembler.assemble.sides import decided, seen, sides  # slow to load

        read = sides(seam, before, size, rate)
        decision = decided(seam, read, rate)
    if sights:
        keep_sight(sight_file(path), seen(seam, read, decision))
    with publish(path) as part:
        part.write_text(json.dumps(decision_to_json(decision)), encoding="utf-8")
    return decision


def sights_of(
    seams: Sequence[Seam],
    decisions: Mapping[str, SeamDecision],
    *,
    size: tuple[int, int],
    rate: Fraction,
    cache: Path,
    workers: int,
) -> dict[str, Mapping[str, Any]]:
    """What there is to see at decided seams, by id; as `sights.known_sight` reads it."""

    def known_of(seam: Seam) -> Mapping[str, Any]:
        before = earlier.get(seam.id)
        path = sight_file(cache / "seams" / f"{_key(seam, before, size, rate)}.json")
        known = known_sight(path)
        if known is None:  # decided by an older version
            from assembler.assemble.sides import seen, sides

            read = sides(seam, before, size, rate)
            keep_sight(path, seen(seam, read, decisions[seam.id]))
            known = known_sight(path)
        return known or {}

    earlier = {two.id: decisions[one.id] for run in _chains(seams) for one, two in pairwise(run)}
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return dict(zip((seam.id for seam in seams), pool.map(known_of, seams), strict=True))


def _bent(side: Side, rate: Fraction) -> tuple[object, ...]:
    """How the time of a side is bent, and the rate at which its frames are counted then."""
    if side.retime is None:
        return ()
    return side.retime, str(read_rate(video_of(side.info).rate, rate))


def _key(seam: Seam, before: SeamDecision | None, size: tuple[int, int], rate: Fraction) -> str:
    """Hash of everything that decides the decision."""
    return content_key(
        stage=ENGINE,
        sides=[
            [s.key, s.first, s.stop, s.fit, asdict(s.colour), *_bent(s, rate)]
            for s in (seam.a, seam.b)
        ],
        shape=str(Fraction(*size)),
        rate=str(rate),
        preset=seam.preset.model_dump(mode="json"),
        override=seam.override.model_dump(mode="json"),
        before=decision_to_json(replace(before, seam="")) if before else None,
        home=seam.home,
    )
