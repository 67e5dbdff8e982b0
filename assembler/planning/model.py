"""Plan, links and sources as plain data: what the spec asks for, in the order it can be made."""

from __future__ import annotations

from collections.abc import Mapping, Set
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
class Longer:
    """A greater length, asked for where links before it lost frames at their tails."""

    length_s: Fraction
    frames: int
    price_usd: Decimal | None
    spare_s: Fraction
    """So much can be lost with it before the segment is too short."""


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
    """Of one take; None when no price is known for this provider and model."""
    where: str
    """file:line:col of its segment."""
    wanted_frames: int
    """Programme frames that the cut wants of it, at the canvas rate."""
    head_frames: int = 0
    """Of `wanted_frames` that lie before the segment's start (handle of a transition)."""
    tail_frames: int = 0
    """Of `wanted_frames` that lie after the segment's end."""
    takes: int = 1
    """How many the author wants to choose from."""
    asked_key: str = ""
    """Hash of what is asked for, whatever it starts on."""
    elements: tuple[str, ...] = ()
    """The platform's ids of recurring figures and things."""
    drift_de: float | None = None
    """
    For a link that starts on another's end: how far that frame may be taken back towards the look
    of the chain's first link. None hands on the planned frame as it is.
    """
    start_at_s: Fraction | None = None
    """The author's word on which frame it starts on, as time in the clip before."""
    longer: tuple[Longer, ...] = ()
    """Greater lengths that it may have, the nearest first."""
    spare_s: Fraction = Fraction(0)
    """So much can be lost before one of them is needed."""
    middle: tuple[Path, ...] = ()
    """Images that it passes on its way."""
    video_of: str = ""
    """The link whose clip is its video: of a lip-sync, and of sound that is made to a clip."""
    retime: Retime | None = None
    """How its time is bent; `wanted_frames` are then those of the clip."""

    @property
    def shown_frames(self) -> int:
        """Programme frames within its segment."""
        if self.retime:
            return self.retime.shown
        return self.wanted_frames - self.head_frames - self.tail_frames

    @property
    def heard_only(self) -> bool:
        """Whether sound comes of it, and no picture; its segment is a track then."""
        return self.kind in ("speech", "sound", "foley")


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


LinkState = Literal["done", "ready", "waiting", "stuck"]
Change = Literal["new", "asked", "start"]
"""Why a link has no take: it never had one; what is asked for has changed; or only the frame that
it starts on has, so that its older take may be kept."""


@dataclass(frozen=True, slots=True)
class OlderTake:
    """What was made for a link when it had another key."""

    key: str
    number: int
    asked_key: str
    """`Link.asked_key` of those days."""
    changed: tuple[str, ...] = ()
    """Names of what is asked for otherwise now, where that is known."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which takes there are."""

    on_disk: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Numbers by link key."""
    chosen: Mapping[str, int] = field(default_factory=dict)
    """By link key; 1 unless another was chosen."""
    older: Mapping[str, OlderTake] = field(default_factory=dict)
    """By link id, for links without a take."""
    in_vain: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """
    Takes whose job was paid, or may have been, and has brought no clip: what happened, by link key
    and number. Only the user asks for another.
    """
    coming: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """
    Takes that aren't there whole and were asked for before: how far they are, by link key and
    number. They cost nothing more, but for those in `unsure`.
    """
    unsure: Mapping[str, Set[int]] = field(default_factory=dict)
    """Of those, the ones whose reply was lost: paid once more where no job had been made."""
    changed: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Takes whose files aren't what came, by link key and number: which file, and what mends it."""

    def number(self, link: Link) -> int:
        """The take to use."""
        return self.chosen.get(link.key, 1)

    def wanted(self, link: Link) -> tuple[int, ...]:
        """All takes that should be there."""
        several = range(1, link.takes + 1) if link.takes > 1 else ()
        return tuple(sorted({self.number(link), *several}))

    def missing(self, link: Link) -> tuple[int, ...]:
        """Of those, the ones to make."""
        not_to = {*self.on_disk.get(link.key, ()), *self.in_vain.get(link.key, ())}
        return tuple(n for n in self.wanted(link) if n not in not_to)

    def again(self, link: Link) -> int:
        """How many of the missing ones were asked for before and cost nothing more."""
        sure = self.coming.get(link.key, {}).keys() - self.unsure.get(link.key, set())
        return len(sure & set(self.missing(link)))

    def has(self, link: Link) -> bool:
        """Whether the take to use is there."""
        return self.number(link) in self.on_disk.get(link.key, ())


@dataclass(frozen=True, slots=True)
class Step:
    """One link in the order of work, with what is known of it."""

    link: Link
    state: LinkState
    """
    done: a take is on disk; ready: can start now; waiting: on links before it; stuck: its job has
    brought no clip and may have been paid, so that another is asked for by the user alone.
    """
    why: str
    after: tuple[str, ...]
    """Links that must be done before this one."""
    to_make: int = 1
    """Takes that aren't there."""
    paid: int = 0
    """How many of these were asked for before, and cost nothing more."""
    change: Change = "new"
    """Why its take isn't there, when it isn't."""

    @property
    def price_usd(self) -> Decimal | None:
        """What it still costs; None when its price isn't known."""
        price = self.link.price_usd
        count = self.to_make - self.paid
        return Decimal(0) if not count else None if price is None else price * count


@dataclass(frozen=True, slots=True)
class Plan:
    """All links of a timeline in an order in which they can be made, and its file clips."""

    steps: tuple[Step, ...]
    files: tuple[FileClip, ...]
    notes: tuple[str, ...] = ()
    links_by_id: Mapping[str, Link] = field(default_factory=dict)
    sounds: tuple[Step, ...] = ()
    """Sound of tracks that is generated; a link each, which no picture hangs on."""

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Everything that is generated, pictures first."""
        return self.steps + self.sounds

    @property
    def price_usd(self) -> Decimal:
        """What is to be made would cost (links without a known price left out)."""
        return sum((step.price_usd or Decimal(0) for step in self.all_steps), Decimal(0))

    def link(self, id_: str) -> Link:
        """The link of that id."""
        return self.links_by_id[id_]

    def links_of(self, segment: str) -> tuple[Link, ...]:
        """Links of a segment in playing order, or that of a track."""
        own = (s.link for s in self.all_steps if s.link.segment == segment)
        return tuple(sorted(own, key=lambda link: link.number))
