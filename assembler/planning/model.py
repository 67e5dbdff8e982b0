"""Plan, links and sources as plain data: what the spec asks for, in the order it can be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from assembler.media.info import Colour, MediaInfo
from assembler.planning.retime import Retime
from assembler.spec.presets import GenerationKind


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An end frame that the author gives."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Handoff:
    """An end frame that is the last frame of another link (or of a file segment's clip)."""

    after: str
    """Id of that link, or of that file segment."""
    frame: int | None = None
    """
    Which of that clip's own frames (from 0) at the rate that was planned (`Link.rate`); None is
    the last. `clips.handed_frame` finds it in the clip that came.
    """


FrameSource = ImageFile | Handoff


@dataclass(frozen=True, slots=True)
class LinkShot:
    """One shot of a multi-shot link."""

    duration_s: Fraction
    prompt: str


@dataclass(frozen=True, slots=True)
class Link:
    """One generation: never longer than its model allows."""

    id: str
    """Segment and number: ``dawn.1``."""
    segment: str
    number: int
    """From 1 within its segment."""
    kind: GenerationKind
    provider: str
    model: str
    length_s: Fraction
    """Length asked of the model."""
    rate: Fraction
    frames: int
    """Frames that the model is known to return for it, repeated start frame included."""
    size: tuple[int, int]
    resolution: str
    prompt: str
    negative: str
    camera: str
    shots: tuple[LinkShot, ...]
    start: FrameSource | None
    end: FrameSource | None
    audio: bool
    """Native sound asked for."""
    seed: int | None
    guidance: float | None
    voices: tuple[str, ...]
    references: tuple[Path, ...]
    avatar_image: Path | None
    avatar_audio: Path | None
    avatar_in_s: Fraction
    options: Mapping[str, Any]
    key: str
    """Content key: hash of everything that decides the take."""
    price_usd: Decimal | None
    """None when no price is known for this provider and model."""
    where: str
    """file:line:col of its segment."""
    wanted_frames: int
    """Programme frames that the cut wants of it, at the canvas rate."""
    head_frames: int = 0
    """Of `wanted_frames` that lie before the segment's start (handle of a transition)."""
    tail_frames: int = 0
    """Of `wanted_frames` that lie after the segment's end."""
    elements: tuple[str, ...] = ()
    """The platform's ids of recurring figures and things."""


@dataclass(frozen=True, slots=True)
class FileClip:
    """A segment whose frames come from a file or URL."""

    segment: str
    path: Path
    info: MediaInfo
    in_frame: int
    """First frame used, counted at the canvas rate from the clip's first frame."""
    out_frame: int
    """First frame not used any more, same count."""
    key: str
    colour: Colour
    """How its numbers are read."""
    retime: Retime | None = None
    """How its time is bent; frames are then those that come out."""


LinkState = Literal["done", "ready", "waiting"]


@dataclass(frozen=True, slots=True)
class Step:
    """One link in the order of work, with what is known of it."""

    link: Link
    state: LinkState
    """done: a take is on disk; ready: can start now; waiting: on links before it."""
    why: str
    after: tuple[str, ...]
    """Links that must be done before this one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All links of a timeline in an order in which they can be made, and its file clips."""

    steps: tuple[Step, ...]
    files: tuple[FileClip, ...]
    notes: tuple[str, ...] = ()
    links_by_id: Mapping[str, Link] = field(default_factory=dict)

    @property
    def price_usd(self) -> Decimal:
        """What the links that aren't done would cost (links without a known price left out)."""
        return sum(
            (s.link.price_usd or Decimal(0) for s in self.steps if s.state != "done"), Decimal(0)
        )

    def link(self, id_: str) -> Link:
        """The link of that id."""
        return self.links_by_id[id_]

    def links_of(self, segment: str) -> tuple[Link, ...]:
        """Links of a segment in playing order."""
        own = (s.link for s in self.steps if s.link.segment == segment)
        return tuple(sorted(own, key=lambda link: link.number))
