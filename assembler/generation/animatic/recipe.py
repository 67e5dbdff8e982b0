"""What a clip is made from, as plain data that a job can keep on disk."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from assembler.generation.base import Request
from assembler.planning.model import Link
from assembler.timebase import FrameRange, round_half_up


@dataclass(frozen=True, slots=True)
class ShotRecipe:
    """One shot: what it shows and for how long."""

    prompt: str
    frames: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a clip; equal recipes make equal clips."""

    link: str
    size: tuple[int, int]
    rate: Fraction
    shots: tuple[ShotRecipe, ...]
    seed: int
    camera: str = ""
    audio: bool = True
    """Native sound."""
    label: bool = True
    """The link's id and prompt in a corner (never in the first and the last frame)."""
    start: Path | None = None
    end: Path | None = None
    before: Path | None = None
    avatar: bool = False
    portrait: Path | None = None
    speech: Path | None = None
    video: Path | None = None
    """Shown as it is, with the speech: the preview of a lip-sync."""
    speech_in_s: Fraction = Fraction(0)
    heard_s: Fraction | None = None
    """Length of what is only heard: the prompt, spoken or as a place sounds."""
    spoken: bool = False
    faults: Mapping[str, Any] = field(default_factory=dict)
    take: int = 1
    """Each shows the same, in another motion."""

    @property
    def frames(self) -> int:
        """Length of the clip."""
        return sum(shot.frames for shot in self.shots)

    @property
    def prompt(self) -> str:
        """The prompts of all shots."""
        return " ".join(shot.prompt for shot in self.shots)


def shot_ranges(link: Link) -> tuple[FrameRange, ...]:
    """Frames of each shot of a link; a frame beyond the shots' lengths goes to the last."""
    if not link.shots:
        return (FrameRange(0, link.frames),)
    edges, at_s = [0], Fraction(0)
    for shot in link.shots:
        at_s += shot.duration_s
        edges.append(round_half_up(at_s * link.rate))
    edges[-1] = link.frames
    return tuple(FrameRange(a, b) for a, b in pairwise(edges))


def recipe_of(request: Request) -> Recipe:
    """The recipe of a generation that was asked for."""
    link = request.link
    prompts = [shot.prompt for shot in link.shots] or [link.prompt]
    ranges = shot_ranges(link)
    shots = tuple(ShotRecipe(p, r.frames) for p, r in zip(prompts, ranges, strict=True))
    seed = link.seed if link.seed is not None else zlib.crc32(link.segment.encode())
    faults = link.options.get("faults", {})
    return Recipe(
        link=link.id,
        size=link.size,
        rate=link.rate,
        shots=shots,
        seed=seed,
        camera=link.camera,
        audio=link.audio or link.kind in ("avatar", "lip-sync"),
        label=bool(link.options.get("label", True)),
        start=request.start,
        end=request.end,
        before=request.before,
        avatar=link.kind == "avatar",
        portrait=link.avatar_image,
        speech=link.avatar_audio,
        heard_s=link.length_s if link.heard_only else None,
        spoken=link.kind == "speech",
        video=request.file("video") if link.kind == "lip-sync" else None,
        speech_in_s=link.avatar_in_s,
        faults=faults if isinstance(faults, Mapping) else {},
        take=request.number,
    )


def to_json(recipe: Recipe) -> str:
    """The recipe as text; `from_json` reads it back."""

    def plain(value: object) -> object:
        if isinstance(value, (Fraction, Path)):
            return str(value)
        raise TypeError(f"{value!r} can't be part of a recipe")

    return json.dumps(asdict(recipe), default=plain, indent=1)


def from_json(text: str) -> Recipe:
    """The recipe that `to_json` has written."""
    raw = json.loads(text)
    for name in ("start", "end", "before", "portrait", "speech", "video"):
        raw[name] = None if raw.get(name) is None else Path(raw[name])
    return Recipe(
        **raw
        | {
            "size": (int(raw["size"][0]), int(raw["size"][1])),
            "rate": Fraction(raw["rate"]),
            "speech_in_s": Fraction(raw["speech_in_s"]),
            "heard_s": None if raw.get("heard_s") is None else Fraction(raw["heard_s"]),
            "shots": tuple(ShotRecipe(**shot) for shot in raw["shots"]),
        }
    )
