"""
Cut: the resolved programme in frames and samples. All that follows reads only this.

Frames of a clip are counted at the programme's rate from the clip's first frame: frame n is what
the source shows at n / rate seconds after its first frame begins. For a source of the programme's
rate that is simply its n-th frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from assembler.match.decision import NO_CORRECTION, Correction, SeamDecision
from assembler.media.info import Colour, MediaInfo
from assembler.spec.model import FadeCurve, Fit, Role
from assembler.timebase import FrameRange, SampleRange


@dataclass(frozen=True, slots=True)
class Source:
    """A media file as the cut sees it."""

    key: str
    """Content key: equal keys mean equal bytes."""
    path: Path
    info: MediaInfo
    colour: Colour
    """How its numbers are read: its tags, or what was found to be true of it."""
    still: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
    """A passage from the clip before into this one, centred on the cut between them."""

    name: str
    """One of spec.model.TRANSITIONS."""
    before_frames: int
    """Frames of it before the cut."""
    after_frames: int
    """Frames of it after the cut."""

    @property
    def frames(self) -> int:
        """Its whole length."""
        return self.before_frames + self.after_frames


@dataclass(frozen=True, slots=True)
class Clip:
    """A source placed in the picture track; clips abut without gaps."""

    id: str
    """Link or segment id."""
    segment: str
    source: Source
    record: FrameRange
    """Where it lies in the programme (transitions not counted)."""
    source_in: int
    """First frame shown."""
    skipped: tuple[int, ...] = ()
    """Source frames after `source_in` that are left out."""
    fit: Fit = "cover"
    correction: Correction = NO_CORRECTION
    transition: Transition | None = None
    """How it follows the clip before."""
    join: Literal["start", "handoff", "cut", "transition"] = "cut"

    @property
    def source_out(self) -> int:
        """First source frame not shown any more."""
        return self.source_in + self.record.frames + len(self.skipped)


@dataclass(frozen=True, slots=True)
class PictureLayer:
    """A clip laid over the picture track."""

    id: str
    source: Source
    record: FrameRange
    source_in: int
    box: tuple[int, int, int, int]
    """x, y, width, height on the canvas, in pixels."""
    shape: Literal["box", "rounded", "circle"] = "box"


@dataclass(frozen=True, slots=True)
class TitleLayer:
    """Words over the picture."""

    id: str
    text: str
    style: str
    record: FrameRange


@dataclass(frozen=True, slots=True)
class Insert:
    """A short lossless file with transparency, made to lie over the programme."""

    path: Path
    record: FrameRange
    """Where it lies in the programme; its first frame is shown at the start."""
    x: int
    """Left edge on the canvas, even."""
    y: int
    width: int
    height: int
    key: str
    """Content key: equal keys mean equal bytes."""
    mask: Path | None = None
    still: bool = False
    """A picture that stands for all its frames."""


@dataclass(frozen=True, slots=True)
class GainRamp:
    """Gain in dB at a sample, counted from the record start; straight lines in dB between."""

    at: int
    gain_db: float


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of one file's sound placed in the programme."""

    id: str
    role: Role
    path: Path
    key: str
    stream: int
    """Index of the audio stream in the file."""
    source_start_s: Fraction
    """Position of its first sample on the file's clock (the clock of `MediaInfo`)."""
    record: SampleRange
    gain_db: float = 0.0
    pan: float = 0.0
    fade_in: int = 0
    """Samples."""
    fade_out: int = 0
    fade_in_curve: FadeCurve = "equal-power"
    fade_out_curve: FadeCurve = "equal-power"
    points: tuple[GainRamp, ...] = ()
    loop: bool = False
    """Starts again at `source_start_s` when the file ends."""
    duck_db: float = 0.0
    duck_under: tuple[Role, ...] = ()
    level_to_mix: bool = False
    """Levelled towards the mix preset's native loudness first."""
    segment: str = ""
    speech_only: bool = False
    """Silent where nobody speaks."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption."""

    start: Fraction
    """Seconds in the programme."""
    stop: Fraction
    text: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A place in the programme with a word on it."""

    frame: int
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """A whole programme."""

    title: str
    size: tuple[int, int]
    rate: Fraction
    hz: int
    layout: Literal["mono", "stereo", "5.1"]
    clips: tuple[Clip, ...]
    layers: tuple[PictureLayer, ...] = ()
    titles: tuple[TitleLayer, ...] = ()
    sounds: tuple[Sound, ...] = ()
    captions: tuple[Cue, ...] = ()
    burn_captions: bool = False
    seams: tuple[SeamDecision, ...] = ()
    markers: tuple[Marker, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Length of the programme."""
        return self.clips[-1].record.stop if self.clips else 0

    @property
    def channels(self) -> int:
        """Number of audio channels."""
        return {"mono": 1, "stereo": 2, "5.1": 6}[self.layout]
