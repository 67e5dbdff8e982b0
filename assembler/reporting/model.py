"""
Report: everything that the page shows, as plain data.

Frames and seconds are those of the programme. Pictures are ``data:`` addresses, so that the page
needs no file beside itself. Whoever changes the timeline by what is shown (the review) finds every
join, segment, link and take by its id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from assembler.checking.model import Check
from assembler.match.sight import Curve
from assembler.spec.model import Role

Grade = Literal["good", "fair", "poor", "unmatched"]
"""How much of a seam a viewer would notice."""
JoinKind = Literal["seam", "cut", "transition"]
State = Literal["delivered", "decided", "planned"]
"""delivered: the film is there, up to date; decided: its clips are there; planned: some aren't."""


def anchor(prefix: str, id_: str) -> str:
    """An id for HTML that is the same in every report of a timeline: ``seam-dawn.1--dawn.2``."""
    plain = re.sub(r"[^\w.-]", lambda m: f"_{ord(m[0]):x}", id_.replace(">", "--"))
    return f"{prefix}-{plain}"


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture."""

    src: str
    """``data:`` address."""
    width: int
    height: int
    alt: str
    """What it shows, in words."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file that is or will be delivered."""

    path: str
    """As the user would write it from the timeline's folder."""
    preset: str
    state: Literal["up to date", "out of date", "not rendered"]
    size: tuple[int, int] | None = None
    bytes: int | None = None
    lufs: float | None = None
    true_peak_dbtp: float | None = None
    spans: int | None = None
    rendered: int | None = None
    """Spans that the last render had to make; the others were there."""


@dataclass(frozen=True, slots=True)
class ModelShare:
    """What one model has to do with the film."""

    model: str
    """Provider and model; ``files`` for footage."""
    clips: int
    seconds: float
    """Of the programme."""
    usd: Decimal | None
    """What its takes have cost; None where nobody says."""


@dataclass(frozen=True, slots=True)
class Money:
    """What the film has cost and will cost."""

    spent_usd: Decimal
    under_way_usd: Decimal
    to_make_usd: Decimal
    to_make: int
    """Takes that aren't there."""
    unpriced: int
    """Of those, takes without a known price."""
    unknown: int
    """Takes that were paid, or may have been, at prices that nobody knows."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """Work of former runs that needn't be done again."""

    takes: int
    takes_s: float
    """Time that those who made these takes needed."""
    spans: int
    """Spans that the last render found."""
    spans_of: int
    spans_s: float
    """Time that making them took once."""


@dataclass(frozen=True, slots=True)
class Take:
    """A take of a link."""

    link: str
    number: int
    chosen: bool
    state: str
    """there, or the state of its submission."""
    provider: str
    model: str
    cost_usd: Decimal | None
    made: str
    seconds: float | None
    """From asking to having it."""
    job: str
    seed: str
    notes: tuple[str, ...]
    path: str = ""
    """From the timeline's folder."""

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return anchor("take", f"{self.link}.{self.number}")


@dataclass(frozen=True, slots=True)
class Link:
    """A clip of the picture track: one generation, or a file."""

    id: str
    segment: str
    generated: bool
    start: int
    """First frame of the programme."""
    stop: int
    state: str
    """done, ready, waiting; there for files."""
    why: str
    made_by: str
    """Provider and model, or the file's name."""
    prompt: str
    source_in: int
    skipped: int
    picture: Picture | None
    started: str = ""
    """The frame that its take in use was started on, in words."""
    takes: tuple[Take, ...] = ()

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return anchor("link", self.id)


@dataclass(frozen=True, slots=True)
class Segment:
    """What the author declared."""

    id: str
    kind: str
    """generated, avatar, file, url."""
    start: int
    stop: int
    where: str
    """file:line:col."""
    words: str
    """Its prompt, or the name of its file."""
    layer: bool = False

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return anchor("segment", self.id)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame near a join."""

    picture: Picture
    clip: str
    after: bool
    """Whether it is of the clip after the join."""
    number: int
    """Of its clip's frames."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How a seam looks: as the clips came, and as they are joined."""

    last: Frame
    """The last one shown before the join; larger than the others."""
    first: Frame
    """The first one after it, as it is joined."""
    first_came: Frame | None
    """The same as it came; None where nothing is done to it."""
    came: tuple[Frame, ...]
    joined: tuple[Frame, ...]
    colour_came: Curve
    """dE of low-pass pictures."""
    colour_joined: Curve
    motion_came: Curve
    """Change of detail."""
    motion_joined: Curve


@dataclass(frozen=True, slots=True)
class Seam:
    """A join that should not be seen, and what was decided about it."""

    id: str
    """``dawn.1>dawn.2``."""
    before: str
    """Id of the clip before."""
    after: str
    segment: str
    """Whose `seam:` overrides it."""
    frame: int
    """First frame after it; -1 in a layer."""
    rank: int
    """1 is the worst."""
    score: float
    """What a viewer might notice; lower is better."""
    grade: Grade
    verdict: str
    """The grade in a sentence."""
    confidence: float
    did: tuple[str, ...]
    """What was done, each in a few words."""
    numbers: tuple[tuple[str, str, str, str], ...]
    """Name, as the clips came, as joined, what it means."""
    notes: tuple[str, ...]
    sight: Sight | None
    left_out: str
    """Why there are no pictures of it; empty where there are."""
    override: str
    """YAML that would write the decision down."""
    override_where: str
    """file:line:col of the segment that it belongs to."""
    overridden: bool
    """Whether the timeline has a word on it already."""
    keep_until: int
    start_from: int

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return anchor("seam", self.id)


@dataclass(frozen=True, slots=True)
class Join:
    """A place where a clip follows another."""

    id: str
    kind: JoinKind
    frame: int
    name: str
    """``seam``, ``cut``, or the transition."""
    grade: Grade | None
    before_frames: int = 0
    after_frames: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Something with a length on the timeline view."""

    id: str
    words: str
    start: float
    """Seconds."""
    stop: float
    kind: str
    """A role, or title, caption, layer."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane of the timeline view."""

    name: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker or chapter."""

    name: str
    note: str
    seconds: float


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """The look at the end of one link, against the chain's first."""

    link: str
    colour_de: float
    contrast: float
    saturation: float
    sharpness: float
    left_de: float
    """dE after the correction of the frame that was handed on."""
    left_contrast: float
    left_saturation: float
    left_sharpness: float

    @property
    def pairs(self) -> tuple[tuple[float, float], ...]:
        """Each measure before and after the correction."""
        return (
            (self.colour_de, self.left_de),
            (self.contrast, self.left_contrast),
            (self.saturation, self.left_saturation),
            (self.sharpness, self.left_sharpness),
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """Links that each start on the one before."""

    id: str
    links: tuple[str, ...]
    points: tuple[DriftPoint, ...]
    pictures: tuple[tuple[str, Picture], ...]
    """Link, and its first picture."""
    verdict: str


@dataclass(frozen=True, slots=True)
class Mix:
    """The programme's sound."""

    target_lufs: float | None
    limit_dbtp: float
    lufs: float | None
    true_peak_dbtp: float | None
    range_lu: float | None
    gain_db: float | None
    limited_db: float | None
    seconds: float
    peaks: Mapping[Role, tuple[float, ...]]
    """Waveforms in [0, 1] at the film's level, evenly over the programme."""
    ducked_db: tuple[float, ...]
    """Likewise; positive."""
    short_term_lufs: tuple[float, ...]
    """As delivered; ten a second from the third second on, or fewer: see `loudness_step_s`."""
    loudness_step_s: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A film, its joins, its sound and what it took."""

    title: str
    timeline: str
    """Name of its file."""
    made: str
    """When the report was made, in local time."""
    state: State
    size: tuple[int, int]
    rate: Fraction
    frames: int
    deliveries: tuple[Delivery, ...]
    film: str
    """Address of the file that the page plays, relative to it; empty where there is none."""
    poster: Picture | None
    missing: tuple[str, ...]
    """What isn't there yet, in sentences."""
    money: Money
    models: tuple[ModelShare, ...]
    reuse: Reuse
    segments: tuple[Segment, ...]
    links: tuple[Link, ...]
    sounds: tuple[Link, ...]
    """Sound of tracks that is generated."""
    joins: tuple[Join, ...]
    seams: tuple[Seam, ...]
    """In playing order."""
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    chains: tuple[Chain, ...]
    mix: Mix | None
    check: Check | None
    """None where the film hasn't been checked."""
    notes: tuple[str, ...] = ()
    reel: str = ""
    """Address of the seam reel relative to the page, where one was made."""

    @property
    def seconds(self) -> float:
        """Length."""
        return float(self.frames / self.rate)


@dataclass(frozen=True, slots=True)
class Live:
    """
    What a server adds to the page: the page is then no file, but a place to act.

    `template` is Jinja: it has to define the macros ``bar(report)``, ``seam(seam)``, ``link(link)``
    and ``take(link, take)``, whose output stands at the head of the page, in each seam, link and
    take. `script` runs after the page's own, which leaves ``window.report`` (see `page.py`).
    """

    template: str
    script: str
    style: str = ""
    nonce: str = ""
    """Of the page's scripts and styles, for a Content-Security-Policy header."""
    film: str = ""
    """Address of the film, in place of `Report.film`."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Becomes ``window.live``."""
