"""
Cut: the resolved programme in frames and samples. All that follows reads only this.

Frames of a clip are counted at the programme's rate from the clip's first frame: frame n is what
the source shows at n / rate seconds after its first frame begins. For a source of the programme's
rate that is simply its n-th frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assembler.match.decision import NO_CORRECTION, Correction, SeamDecision
from assembler.media.info import Colour, MediaInfo
from assembler.planning.retime import Retime, read_rate
from assembler.spec.model import FadeCurve, Fit, Polish, Role
from assembler.timebase import FrameRange, SampleRange, Timecode, frames_in

if TYPE_CHECKING:
    import opentimelineio as otio
    from moviepy import CompositeVideoClip


@dataclass(frozen=True, slots=True)
class Cdl:
    """A colour correction by ASC CDL on encoded R'G'B': (in x slope + offset) ^ power, then the
    saturation about Rec. 709 luma."""

    slope: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    power: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0


@dataclass(frozen=True, slots=True)
class Table:
    """A colour table of a .cube file, laid over the picture with a strength from 0 to 1."""

    path: Path
    key: str
    """SHA-256 of the file."""
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect of moviepy or of the user's own by name, with its parameters."""

    name: str
    options: str = "{}"
    """JSON."""
    module: Path | None = None
    """File of the user's own function."""
    key: str = ""
    """SHA-256 of that file."""

    @property
    def given(self) -> dict[str, Any]:
        """Its parameters by name."""
        found: dict[str, Any] = json.loads(self.options)
        return found


@dataclass(frozen=True, slots=True)
class View:
    """What is seen of a still picture."""

    x: float
    """Centre, as a part of the picture's width."""
    y: float
    width: float
    """As a part of the largest view of the canvas's shape."""


@dataclass(frozen=True, slots=True)
class Glide:
    """A slow move over a still picture."""

    start: View
    end: View
    first: int
    """Frame of the clip at which it begins."""
    frames: int
    smooth: bool = True
    """Whether it begins and ends gently."""


@dataclass(frozen=True, slots=True)
class Change:
    """
    What is done to a source's picture, in this order: crop, glide, the correction of a seam,
    colour table, CDL, effects.
    """

    crop: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom parts of the upright picture that are cut away."""
    glide: Glide | None = None
    table: Table | None = None
    cdl: Cdl | None = None
    effects: tuple[Effect, ...] = ()
    effects_at: int = 0
    """Frames of the segment before the clip's first one: where its effects' time begins."""
    effects_frames: int = 0
    """Frames of the whole segment."""

    @property
    def plain(self) -> bool:
        """Whether nothing is done."""
        return not (self.crop or self.glide or self.table or self.cdl or self.effects)


UNCHANGED = Change()


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
    retime: Retime | None = None
    """How its time is bent; its frames are then counted as they come out."""
    change: Change = UNCHANGED

    def frames_at(self, rate: Fraction) -> int | None:
        """Frames that it has at *rate*; None when they never end."""
        if self.still or self.info.video is None:
            return None
        return self.retime.frames if self.retime else self.info.video.frames_at(rate)

    def read_rate(self, rate: Fraction) -> Fraction:
        """Rate at which its frames are counted to be read, where the programme's is *rate*."""
        if self.retime is None or self.info.video is None:
            return rate
        return read_rate(self.info.video.rate, rate)

    def shown_at(self, frame: int, rate: Fraction) -> int:
        """Number, at `read_rate`, of what is shown as its frame *frame* at the programme's rate."""
        if self.still:
            return 0
        if self.retime is None:
            return max(0, frame)
        return self.retime.shown_at(frame, self.read_rate(rate), rate)

    def seen(self, first: int, frames: int) -> FrameRange:
        """Frames of the file, at the programme's rate, that *frames* of it from *first* on show."""
        if self.retime:
            return self.retime.seen(first, frames)
        return FrameRange(first, first + frames)

    def shape(self) -> Fraction:
        """Width to height as it is seen, cropped."""
        assert self.info.video is not None
        width, height = self.info.video.display_size
        if self.change.crop is None:
            return Fraction(width, height)
        left, top, right, bottom = (Fraction(str(part)) for part in self.change.crop)
        return (width * (1 - left - right)) / (height * (1 - top - bottom))


@dataclass(frozen=True, slots=True)
class Transition:
    """A passage from the clip before into this one, centred on the cut between them."""

    name: str
    """One of spec.transitions.TRANSITIONS."""
    before_frames: int
    """Frames of it before the cut."""
    after_frames: int
    """Frames of it after the cut."""
    colour: str = ""
    """What a dip goes through, as #rrggbb."""

    @property
    def frames(self) -> int:
        """Its whole length."""
        return self.before_frames + self.after_frames


Framing = tuple[tuple[int, float, float], ...]
"""
Places of a narrower window in a clip's picture: frame of the source at the programme's rate, x and
y in parts of the room that the window has, straight lines between; none is the middle.
"""


def unbroken(first: int, stop: int, skipped: Iterable[int]) -> Iterator[FrameRange]:
    """Ranges of source frames from *first* to *stop* between those that are left out."""
    for gap in (*skipped, stop):
        if gap > first:
            yield FrameRange(first, gap)
        first = gap + 1


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
    framing: Framing = ()
    """Which part is shown in a delivery of another shape."""

    @property
    def source_out(self) -> int:
        """First source frame not shown any more."""
        return self.source_in + self.record.frames + len(self.skipped)

    def stretches(self) -> Iterator[tuple[FrameRange, int]]:
        """Record range and first source frame of what plays without a gap."""
        record = self.record.start
        for shown in unbroken(self.source_in, self.source_out, self.skipped):
            yield FrameRange(record, record + shown.frames), shown.start
            record += shown.frames

    def source_frame(self, used: int) -> int:
        """Source frame of the n-th frame shown, counted from 0."""
        frame = self.source_in + used
        for left_out in sorted(set(self.skipped)):
            if self.source_in <= left_out <= frame:
                frame += 1
        return frame


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
    fit: Fit = "cover"
    opacity: float = 1.0
    fade_in: int = 0
    """Frames over which it comes up."""
    fade_out: int = 0
    key: ChromaKey | None = None


@dataclass(frozen=True, slots=True)
class ChromaKey:
    """A colour that becomes transparent; the numbers are those of `spec.change.Key`."""

    colour: str
    similarity: float
    blend: float
    spill: float


@dataclass(frozen=True, slots=True)
class TitleLayer:
    """Words over the picture, or a clip of the user's own making."""

    id: str
    text: str
    style: str
    record: FrameRange
    made: Effect | None = None
    """The user's function that makes the clip; `text` is empty then."""


@dataclass(frozen=True, slots=True)
class Insert:
    """A short lossless file with transparency, made to lie over the programme."""

    path: Path
    record: FrameRange
    """Where it lies in the programme; its first frame is shown at the start."""
    x: int
    """Left edge in the picture that it was made for, even."""
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
class Recording:
    """A recording whose sound is in a clip's."""

    path: Path
    key: str
    stream: int
    source_start_s: Fraction
    """What of it sounds at the first sample of the sound that it is in, on its own clock."""


SHORTEST_LOOP_S = Fraction(1, 10)
"""What is shorter plays once: repeated it would be a buzz."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How a sound is repeated, in seconds."""

    length_s: Fraction = Fraction(0)
    """After so much it starts again; 0 when its file ends, or after its last whole bar."""
    spare_s: Fraction = Fraction(0)
    """So much the file has after that."""
    begun_s: Fraction = Fraction(0)
    """So far within a round it begins."""


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
    """Starts again and again at `source_start_s`."""
    rounds: Rounds = Rounds()
    """Of what is looped."""
    duck_db: float = 0.0
    duck_under: tuple[Role, ...] = ()
    level_to_mix: bool = False
    """Levelled towards the mix preset's native loudness first."""
    segment: str = ""
    speech_only: bool = False
    """Silent where nobody speaks."""
    free_in: int | None = None
    """
    Samples that its file has before its beginning, where the mix may choose the place of its
    crossfade (a seam); None where the author has chosen it.
    """
    free_out: int | None = None
    """The same after its end."""
    polish: tuple[Polish, ...] = ()
    """Clean-up and tone colours that it goes through."""
    minus: Recording | None = None
    """Is taken out of it: what is left of an avatar clip beside its speech."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption."""

    start: Fraction
    """Seconds in the programme."""
    stop: Fraction
    text: str
    event: str = ""
    """Its fields and words as ASS has them, where it comes from ASS: what follows its times."""
    styles: str = ""
    """Head of that ASS file: canvas and styles."""

    def frames(self, rate: Fraction) -> FrameRange:
        """Frames of the programme in which it is up, one at least."""
        start = frames_in(self.start, rate)
        return FrameRange(start, max(start + 1, frames_in(self.stop, rate)))


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
    caption_track: str = ""
    """Language of a track of captions in the film; empty without one."""
    seams: tuple[SeamDecision, ...] = ()
    markers: tuple[Marker, ...] = ()
    chapters: tuple[Marker, ...] = ()
    """Places that viewers can go to; each goes on to the next one."""
    metadata: tuple[tuple[str, str], ...] = ()
    """What files say of the film beside its title, by key."""
    poster: int | None = None
    """Frame of which a picture is written beside the film."""
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """Length of the programme."""
        return self.clips[-1].record.stop if self.clips else 0

    @property
    def channels(self) -> int:
        """Number of audio channels."""
        return {"mono": 1, "stereo": 2, "5.1": 6}[self.layout]

    def to_otio(self, start: str = "01:00:00:00") -> otio.schema.Timeline:
        """
        The cut as an OpenTimelineIO timeline that begins at the timecode *start*.

        Raises:
            MissingProgramError: If opentimelineio isn't installed.
        """
        from assembler.exporting.edit import edit_of
        from assembler.exporting.otio import to_timeline

        return to_timeline(edit_of(self, start=Timecode.parse(start, self.rate)))

    def to_moviepy(self, inserts: Sequence[Insert] = ()) -> CompositeVideoClip:
        """
        The cut as a clip of moviepy, with its sound; *inserts* are titles made for the canvas.

        What only the renderer can do is named in warnings.
        """
        from assembler.exporting.movie import to_moviepy

        return to_moviepy(self, inserts)
