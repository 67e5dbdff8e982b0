"""Reads both sides of every handoff, lets the engine decide, and remembers what it decided."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.assemble.sights import keep_sight, known_sight, sight_file
from assembler.cut.pieces import HandoffSides
from assembler.errors import MatchError
from assembler.match import engine
from assembler.match.apply import corrected
from assembler.match.decision import (
    ColourFix,
    Correction,
    SeamDecision,
    decision_from_json,
    decision_to_json,
)
from assembler.match.features import fitted as fitted_size
from assembler.match.features import resized
from assembler.match.grade import COLOUR_PX
from assembler.match.sight import Sight, sight
from assembler.media.conform import video_of
from assembler.media.files import publish
from assembler.media.frames import fit_within, read_frames
from assembler.media.info import Colour, MediaInfo
from assembler.planning.keys import content_key
from assembler.planning.retime import Retime
from assembler.spec.model import Fit, SeamOverride
from assembler.spec.presets import SeamPreset

Frames = NDArray[np.float32]
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
    return handed.home if handed.take == sides.a.source.key else None


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
        read = sides(seam, before, size, rate)
        decision = decided(seam, read, rate)
    if sights:
        keep_sight(sight_file(path), _seen(seam, read, decision))
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

    def seen(seam: Seam) -> Mapping[str, Any]:
        before = earlier.get(seam.id)
        path = sight_file(cache / "seams" / f"{_key(seam, before, size, rate)}.json")
        known = known_sight(path)
        if known is None:  # decided by an older version
            read = sides(seam, before, size, rate)
            keep_sight(path, _seen(seam, read, decisions[seam.id]))
            known = known_sight(path)
        return known or {}

    earlier = {two.id: decisions[one.id] for run in _chains(seams) for one, two in pairwise(run)}
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return dict(zip((seam.id for seam in seams), pool.map(seen, seams), strict=True))


def _key(seam: Seam, before: SeamDecision | None, size: tuple[int, int], rate: Fraction) -> str:
    """Hash of everything that decides the decision."""
    return content_key(
        stage=engine.VERSION,
        sides=[
            [s.key, s.first, s.stop, s.fit, asdict(s.colour), *([s.retime] if s.retime else ())]
            for s in (seam.a, seam.b)
        ],
        shape=str(Fraction(*size)),
        rate=str(rate),
        preset=seam.preset.model_dump(mode="json"),
        override=seam.override.model_dump(mode="json"),
        before=decision_to_json(replace(before, seam="")) if before else None,
        home=seam.home,
    )


def decide(
    seam: Seam, before: SeamDecision | None, *, size: tuple[int, int], rate: Fraction
) -> SeamDecision:
    """
    Measure both sides at analysis size and decide; frame numbers are those of the clips.

    Args:
        seam: The two clips.
        before: Decision of the seam at A's own start, whose correction A is shown with.
        size: Of the canvas.
        rate: Of the programme.
    """
    return decided(seam, sides(seam, before, size, rate), rate)


def decided(seam: Seam, read: Sides, rate: Fraction) -> SeamDecision:
    """The same for sides that were read already."""
    override = seam.override
    if seam.a.retime:  # the author decides where time that he bends has its end
        override = override.model_copy(update={"keep_until": seam.a.stop})
    first = seam.b.first
    if override.start_from is not None:  # counted in the file, as authors see it
        override = override.model_copy(update={"start_from": max(0, override.start_from - first)})
    found = engine.decide(
        read.tail,
        read.head,
        a_frames=seam.a.stop,
        rate=rate,
        preset=seam.preset,
        override=override,
        anchor=read.anchor,
    )
    return replace(
        found,
        seam=seam.id,
        start_from=found.start_from + first,
        skipped=tuple(n + first for n in found.skipped),
    )


def _seen(seam: Seam, read: Sides, decision: SeamDecision) -> Sight:
    return sight(read.tail, read.head, decision, a_frames=seam.a.stop, first=seam.b.first)


@dataclass(frozen=True, slots=True)
class Sides:
    """A's last and B's first frames, laid on the canvas at analysis size."""

    tail: Frames
    head: Frames
    anchor: Frames | None
    """The tail in the look of the chain's first link."""


def sides(seam: Seam, before: SeamDecision | None, size: tuple[int, int], rate: Fraction) -> Sides:
    """Read both sides; of A what its own correction makes of it."""
    small = engine.analysis_size(size)
    a, b = seam.a, seam.b
    tail_from = max(a.first, a.stop - engine.TAIL_FRAMES)
    head_stop = min(b.stop, b.first + engine.HEAD_FRAMES)
    with ThreadPoolExecutor(max_workers=1) as beside:
        reading = beside.submit(_read, b, b.first, head_stop, rate, small)
        tail = _read(a, tail_from, a.stop, rate, small)
        head = reading.result()
    anchor = None if seam.home is None else _coloured(tail, seam.home)
    if before and not before.correction.neutral:
        used = tail_from - before.start_from
        for n, frame in enumerate(tail):
            tail[n] = corrected(frame, before.correction, max(0, used + n))
    return Sides(tail, head, anchor)


def _coloured(frames: Frames, matrix: ColourMatrix) -> Frames:
    size = fitted_size(frames.shape[2:0:-1], COLOUR_PX)
    fix = Correction(ColourFix(matrix))
    return np.stack([corrected(resized(frame, size), fix, 0) for frame in frames])


def _read(side: Side, start: int, stop: int, rate: Fraction, size: tuple[int, int]) -> Frames:
    if side.retime is None:
        return _read_plain(side, start, stop, rate, size)
    places = [floor(side.retime.at(n)) for n in range(start, stop)]
    first = min(places)
    there = _read_plain(side, first, max(places) + 1, rate, size)
    return there[[place - first for place in places]]


def _read_plain(side: Side, start: int, stop: int, rate: Fraction, size: tuple[int, int]) -> Frames:
    """Frames as the clip has them."""
    frames = read_frames(
        side.info,
        start=start,
        stop=stop,
        rate=rate,
        colour=side.colour,
        max_size=_read_size(video_of(side.info).display_size, size),
    )
    out = np.empty((stop - start, size[1], size[0], 3), np.float32)
    for n, frame in enumerate(frames):
        out[n] = frame if frame.shape == out.shape[1:] else fitted(frame, size, side.fit)
    return out


def _read_size(display: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Size to read at: the wanted one for a picture of its shape, else room for the last step."""
    if fit_within(display, size) == size:
        return size
    return size[0] * 2, size[1] * 2


def fitted(rgb: Frames, size: tuple[int, int], fit: Fit) -> Frames:
    """A picture laid on a canvas of *size* the way the renderer does it."""
    height, width = rgb.shape[:2]
    across, down = size[0] / width, size[1] / height
    if fit == "stretch":
        return _scaled(rgb, across, down, size)
    scale = max(across, down) if fit == "cover" else min(across, down)
    return _scaled(rgb, scale, scale, size)


def _scaled(rgb: Frames, across: float, down: float, size: tuple[int, int]) -> Frames:
    if min(across, down) < 1:
        inner = (max(1, round(rgb.shape[1] * across)), max(1, round(rgb.shape[0] * down)))
        rgb = np.asarray(cv2.resize(rgb, inner, interpolation=cv2.INTER_AREA), np.float32)
        across = down = 1.0
    height, width = rgb.shape[:2]
    move = np.array(
        [
            [across, 0, (size[0] - width * across) / 2 + (across - 1) / 2],
            [0, down, (size[1] - height * down) / 2 + (down - 1) / 2],
        ]
    )
    moved = cv2.warpAffine(rgb, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(moved, np.float32)
