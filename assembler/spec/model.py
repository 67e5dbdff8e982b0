"""
The timeline as the author wrote it: frozen models, unknown keys refused.

Times stay as written (`Duration`, `Place`) until the planner applies the canvas rate. Paths are
resolved by the loader against the file that names them and never leave the project.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from assembler.spec.change import (
    CODE,
    Crop,
    Effect,
    Freeze,
    Grade,
    HexColour,
    Key,
    Lut,
    Move,
    Speed,
    Strength,
)
from assembler.spec.flaw import Flaw, FlawedValueError, flawed, one_of, shown
from assembler.spec.time import Duration, Place
from assembler.spec.transitions import ALIASES, TRANSITIONS
from assembler.spec.values import (
    PARTIAL,
    Decibels,
    Flag,
    Id,
    MediaPath,
    Number,
    OutputPath,
    Position,
    Rate,
    Ref,
    Share,
    Size,
    Spec,
    Text,
    Whole,
    plain_options,
    whole,
)
from assembler.web import split


def _one_or_many(raw: object) -> object:
    return [raw] if isinstance(raw, (str, dict)) else raw


def _web(url: str) -> str:
    """An address that can be asked; what is secret in it isn't shown."""
    try:
        if split(url).hostname:
            return url
    except ValueError:
        pass
    raise flawed("no address on the web", "write it as https://host/path.")


class AudioFormat(Spec):
    """The programme's sound."""

    rate: Annotated[Literal[44100, 48000, 96000], BeforeValidator(whole)] = 48000
    layout: Literal["mono", "stereo", "5.1"] = "stereo"


class Canvas(Spec):
    """Size, rate and sound of the programme."""

    size: Size = (1920, 1080)
    rate: Rate = Fraction(24)
    audio: AudioFormat = AudioFormat()


Hardware = Literal["nvenc", "qsv", "videotoolbox", "vaapi"]
"""Encoders in graphics chips: NVIDIA's, Intel's, Apple's, and those of AMD and Intel on Linux."""


class Spot(Spec):
    """Where a narrower picture lies in a wider one: 0 is at the left or top, 1 at the other end."""

    x: Position = 0.5
    y: Position = 0.5


Reframe = Literal["follow"] | Spot
MIDDLE = Spot()


class Output(Spec):
    """One delivery: a preset, and what differs from it."""

    preset: Ref
    path: OutputPath | None = None
    size: Size | None = None
    mix: Ref | None = None
    """Mix preset of this delivery, else the timeline's, else the delivery preset's."""
    hardware: Hardware | None = None
    """Encode with this machine's graphics chip."""
    reframe: Reframe = MIDDLE
    """Which part of a picture of another shape is shown: a fixed one, or where its subject is."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, raw: Any) -> Any:
        return {"preset": raw} if isinstance(raw, str) else raw


class Budget(Spec):
    """A hard limit on what generation may cost."""

    usd: Annotated[Decimal, Field(ge=0, max_digits=12, allow_inf_nan=False)]


AudioMode = Literal["native", "off"]
Resolution = Literal[
    "180p", "360p", "480p", "512p", "540p", "580p", "720p", "768p", "1080p", "1440p", "2k", "4k"
]
Fit = Literal["contain", "cover", "stretch", "blur"]
"""How another shape is laid on the canvas: bars, crop, distortion, or blurred bars."""


class Defaults(Spec):
    """Values for every segment that doesn't set its own."""

    provider: Ref = "animatic"
    model: Ref = "animatic"
    resolution: Resolution | None = None
    audio: AudioMode = "native"
    takes: Annotated[Whole, Field(ge=1, le=20)] = 1
    fit: Fit = "cover"
    negative: Text | None = None
    guidance: Annotated[Number, Field(ge=0, le=100)] | None = None
    seed: Annotated[Whole, Field(ge=0, le=2**32 - 1)] | None = None


class Beat(Spec):
    """What changes in the prompt from a time on (counted from the segment's start)."""

    at: Duration
    prompt: Text


class Shot(Spec):
    """One shot of a multi-shot generation."""

    duration: Duration
    prompt: Text


class Avatar(Spec):
    """A talking person made from a recording and a picture, or a video whose lips are moved."""

    model: Ref | None = None
    image: MediaPath | None = None
    video: MediaPath | None = None
    """Instead of a picture: its lips are moved."""
    of: Id | None = None
    """
    Instead of a file: the clip of that segment, which is then shown with its lips moved, and not by
    itself.
    """
    audio: MediaPath
    in_: Annotated[Duration | None, Field(alias="in")] = None
    """Where in the recording the clip begins."""
    prompt: Text | None = None

    @property
    def moves_lips(self) -> bool:
        """Whether it changes a video, and makes none of a picture."""
        return self.image is None

    @model_validator(mode="after")
    def _one_picture(self, info: ValidationInfo) -> Self:
        given = [k for k in ("image", "video", "of") if getattr(self, k) is not None]
        if info.context is PARTIAL or len(given) == 1:
            return self
        if not given:
            fix = "name a picture, or `video:` to have its lips moved."
            raise flawed("'image' is missing", fix)
        words = " and ".join(f"`{k}`" for k in given)
        raise flawed(f"it has {words}, and can have one", "take the others out.", given[1])


class Layer(Spec):
    """A segment shown over others instead of in their row."""

    place: Literal[
        "top-left", "top", "top-right", "left", "centre", "right",
        "bottom-left", "bottom", "bottom-right", "full",
    ] = "bottom-right"  # fmt: skip
    width: Share = 0.3
    margin: Annotated[Number, Field(ge=0, le=0.5)] = 0.04
    """Distance from the canvas edge, as a part of its height."""
    over: Id | None = None
    """The segment whose start it shares; or use `on`."""
    on: Place | None = None
    shape: Literal["box", "rounded", "circle"] = "box"
    opacity: Strength = 1.0
    fade_in: Duration | None = None
    """Over this time it comes up."""
    fade_out: Duration | None = None
    key: Key | None = None
    """A colour of it that becomes transparent."""


class Join(Spec):
    """How a segment follows the one before it."""

    kind: Literal["handoff", "cut", "transition"] = "cut"
    transition: str = "dissolve"
    duration: Duration | None = None
    """
    Length of a transition, half a second when not said; centred on the cut, so that the programme
    keeps its length.
    """
    colour: HexColour | None = None
    """What `dip` goes through; black when not said."""
    j_cut: Duration | None = None
    """The sound of this segment begins so much before its picture."""
    l_cut: Duration | None = None
    """The sound of the segment before goes on so much after this picture begins."""

    @model_validator(mode="before")
    @classmethod
    def _from_words(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            return cls._from_word(raw)
        if not isinstance(raw, dict):
            return raw
        if "kind" in raw:
            return {_BESIDE.get(k, k): v for k, v in raw.items()}
        out = {_BESIDE[k]: v for k, v in raw.items() if k in _BESIDE}
        names = [k for k in raw if k not in _BESIDE]
        flaws = [_no_join(k, k) for k in names if ALIASES.get(k, k) not in TRANSITIONS]
        if not flaws and len(names) > 1:
            both = " and ".join(map(repr, names))
            flaws.append(Flaw(f"{both} can't be had at once", "keep one transition.", names[1]))
        if flaws:
            raise FlawedValueError(*flaws)
        if names:
            out |= {"kind": "transition", "transition": ALIASES.get(names[0], names[0])}
            out["duration"] = raw[names[0]]
        return out

    @classmethod
    def _from_word(cls, word: str) -> dict[str, str]:
        word = ALIASES.get(word, word)
        if word in TRANSITIONS:
            return {"kind": "transition", "transition": word}
        if word not in ("handoff", "cut"):
            raise FlawedValueError(_no_join(word))
        return {"kind": word}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "transition" and self.transition not in TRANSITIONS:
            raise FlawedValueError(_no_join(self.transition, "transition"))
        if self.kind != "transition" and self.duration is not None:
            raise flawed(f"a {self.kind} has no length", "take it out.", "duration")
        if self.colour is not None and (self.kind, self.transition) != ("transition", "dip"):
            raise flawed("only a dip has a colour", "write `{dip: 12f, colour: …}`.", "colour")
        return self


_BESIDE = {
    "j-cut": "j_cut", "l-cut": "l_cut", "j_cut": "j_cut", "l_cut": "l_cut", "colour": "colour",
}  # fmt: skip
"""Keys of a join beside the transition's name, as they are written."""


def _no_join(name: str, key: str = "") -> Flaw:
    known = ("handoff", "cut", *TRANSITIONS)
    if name in ("handoff", "cut"):
        return Flaw(f"a {name} has no length", f"write `join: {name}`.", key)
    fix = f"write {one_of(known)}."
    return Flaw(f"there is no join {shown(name)}", fix, key, name, known)


class SeamOverride(Spec):
    """The author's word on a seam, above what the engine decides."""

    preset: Ref | None = None
    keep_until: Annotated[Whole, Field(ge=1)] | None = None
    """Frames of the clip before that are kept."""
    start_from: Annotated[Whole, Field(ge=0)] | None = None
    """First frame of this clip that is used."""
    colour: Literal["hold", "release", "glide", "off"] | None = None
    geometry: Literal["on", "off"] | None = None
    sharpness: Literal["on", "off"] | None = None
    patch: Literal["auto", "off"] | None = None


class Drift(Spec):
    """How a chain is held to its first link."""

    anchor: Literal["first", "off"] = "first"
    limit: Annotated[Number, Field(ge=0, le=20)] = 4.0
    """Largest correction of a handoff image, in dE."""


Role = Literal["dialogue", "native", "voice", "music", "sfx"]


class Duck(Spec):
    """Lower this sound while others speak."""

    under: tuple[Role, ...] = ("voice", "dialogue")
    by: Annotated[Decibels, Field(ge=0, le=60)] = 10.0


Polish = Literal["low-cut", "denoise", "de-ess", "clear", "warm", "telephone"]
"""Clean-up of speech, and tone colours."""


class NativeAudio(Spec):
    """What becomes of the sound that clips bring along."""

    level: Decibels = 0.0
    match: Flag = True
    """Level clips to each other before the mix."""
    mode: Literal["keep", "mute", "speech-only"] = "keep"
    polish: tuple[Polish, ...] = ()
    """Clean-up and tone colours."""
    rest: Flag = False
    """Of an avatar clip whose speech comes from its recording, also keep what else it has."""
    duck: Duck | None = None
    """Lower it while others speak."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, raw: Any) -> Any:
        if not isinstance(raw, (str, int, float)) or isinstance(raw, bool):
            return raw
        word = str(raw).strip()
        return {"mode" if word in ("keep", "mute", "speech-only") else "level": raw}


class References(Spec):
    """Material that a model may look at besides the end frames."""

    images: tuple[MediaPath, ...] = ()
    elements: tuple[Text, ...] = ()
    video: MediaPath | None = None


class Segment(Spec):
    """A stretch of programme: generated, from a file or from a URL."""

    id: Id
    join: Join | None = None
    continue_: Annotated[Id | None, Field(alias="continue")] = None
    duration: Duration | None = None
    prompt: Text | None = None
    negative: Text | None = None
    camera: Text | None = None
    beats: Annotated[tuple[Beat, ...], Field(max_length=500)] = ()
    shots: Annotated[tuple[Shot, ...], Field(max_length=50)] = ()
    start: MediaPath | None = None
    end: MediaPath | None = None
    keyframe: MediaPath | None = None
    """The frame it ends on, from which what follows can start at once; like `end`."""
    middle: Annotated[tuple[MediaPath, ...], Field(max_length=20)] = ()
    """Frames that it passes on its way from `start` to its end, in order."""
    references: References | None = None
    avatar: Avatar | None = None
    file: MediaPath | None = None
    url: (
        Annotated[str, Field(pattern=r"^https?://", max_length=4096), AfterValidator(_web)] | None
    ) = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
    in_: Annotated[Duration | None, Field(alias="in")] = None
    out: Duration | None = None
    layer: Layer | None = None
    provider: Ref | None = None
    model: Ref | None = None
    resolution: Resolution | None = None
    audio: AudioMode | None = None
    voices: tuple[Text, ...] = ()
    takes: Annotated[Whole, Field(ge=1, le=20)] | None = None
    guidance: Annotated[Number, Field(ge=0, le=100)] | None = None
    seed: Annotated[Whole, Field(ge=0, le=2**32 - 1)] | None = None
    options: Annotated[dict[str, Any], BeforeValidator(plain_options)] = Field(default_factory=dict)
    """Passed to the provider as it is (each provider says what it takes)."""
    fit: Fit | None = None
    crop: Crop | None = None
    speed: Speed | None = None
    reverse: Flag = False
    """Played from its end to its beginning."""
    freeze: Annotated[tuple[Freeze, ...], BeforeValidator(_one_or_many), Field(max_length=100)] = ()
    """Where it stands still."""
    move: Move | None = None
    """A slow move over a still picture: in, out, left, right, up, down, or two views."""
    lut: Lut | None = None
    grade: Grade | None = None
    effects: Annotated[tuple[Effect, ...], BeforeValidator(_one_or_many), Field(max_length=20)] = ()
    """Effects of moviepy, or of one's own, by name, in this order."""
    colour: Literal["auto", "tags", "bt601", "bt709"] = "auto"
    """Which matrix the source's numbers were made with."""
    native: NativeAudio | None = None
    seam: SeamOverride | None = None
    """The seam at this segment's start (and between its own links)."""
    seams: Annotated[
        dict[Annotated[Whole, Field(ge=1, le=10_000)], SeamOverride], Field(max_length=1000)
    ] = Field(default_factory=dict)
    """Single seams of it, by the number of the link that begins there; above `seam`."""
    drift: Drift | None = None

    @property
    def kind(self) -> Literal["file", "url", "avatar", "generated"]:
        """Where its frames come from."""
        if self.file is not None:
            return "file"
        if self.url is not None:
            return "url"
        return "avatar" if self.avatar is not None else "generated"

    @property
    def bends(self) -> list[str]:
        """What bends its time: keys of it."""
        return [key for key in ("speed", "reverse", "freeze") if getattr(self, key)]

    @property
    def end_image(self) -> Path | None:
        """The picture it ends on, if that is known beforehand."""
        return self.keyframe or self.end

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        if info.context is PARTIAL:
            return self
        flaws = [*self._source_flaws(), *self._frame_flaws()]
        kind = self.kind
        flaws += self._time_flaws(kind)
        if kind == "generated":
            flaws += self._generated_flaws()
        else:
            flaws += self._avatar_flaws() if kind == "avatar" else self._file_flaws(kind)
        if flaws:
            raise FlawedValueError(*flaws)
        return self

    def _source_flaws(self) -> list[Flaw]:
        sources = [k for k in ("file", "url", "avatar") if getattr(self, k) is not None]
        if len(sources) > 1:
            words = " and ".join(f"`{k}`" for k in sources)
            return [Flaw(f"it has {words}, and can have one", "take the others out.", sources[1])]
        if self.sha256 and not sources:
            return [Flaw("`sha256` is for files and URLs", "take it out.", "sha256")]
        return []

    def _frame_flaws(self) -> list[Flaw]:
        flaws = []
        if self.keyframe and self.end:
            flaws.append(Flaw("it has `end` and `keyframe`, which mean the same", _ONE, "end"))
        if self.middle and not (self.start or self.continue_):
            what = "images in the middle need one at the start"
            flaws.append(Flaw(what, "give `start:` too, or let it `continue:`.", "middle"))
        if self.continue_ and self.start:
            what = f"it starts on the end frame of {self.continue_!r} and can't have `start` too"
            flaws.append(Flaw(what, _ONE, "start"))
        return flaws

    def _time_flaws(self, kind: str) -> list[Flaw]:
        given = self.bends
        if kind in ("avatar", "generated") and self.move:
            fix = "say in `camera:` or the prompt how the camera moves."
            what = "`move` is for still pictures; this segment is generated"
            return [Flaw(what, fix, "move")]
        if kind == "avatar":
            return [Flaw(f"`{k}` would take the lips from the words", _OUT, k) for k in given]
        goes_on = self.join is None or self.join.kind == "handoff"
        if given and self.continue_ and goes_on:
            what = f"`{given[0]}` changes the frame on which it continues {self.continue_!r}"
            return [Flaw(what, "take it out, or write `join: cut` or a transition.", given[0])]
        given += ["move"] if self.move else []
        if given and self.join and self.join.kind == "handoff":
            what = f"`{given[0]}` and a handoff can't be had at once"
            return [Flaw(what, "write `join: cut` or a transition.", given[0])]
        return self._bent_flaws() if kind == "generated" else []

    def _bent_flaws(self) -> list[Flaw]:
        """What can't be had of a generated segment whose time is bent."""
        given = self.bends
        flaws: list[Flaw] = []
        if given and len(self.shots) > 1:
            what = f"`{given[0]}` and several shots can't be had at once"
            flaws.append(Flaw(what, "write each shot as a segment of its own.", given[0]))
        if self.reverse and self.beats:
            what = "its beats would come in the opposite order"
            flaws.append(Flaw(what, "put their words into the prompt.", "reverse"))
        return flaws

    def _generated_flaws(self) -> list[Flaw]:
        flaws = []
        if not (self.prompt or self.shots or self.beats or self.start or self.continue_):
            what = "it has neither a prompt nor shots, a file, a url or an avatar"
            flaws.append(Flaw(what, "add `prompt:` or one of the others."))
        if not self.shots and self.duration is None:
            flaws.append(Flaw("'duration' is missing", "say how long it is: `duration: 10s`."))
        for key, value in (("in", self.in_), ("out", self.out)):
            if value is not None:
                what = f"`{key}` is for files and URLs; this segment is generated"
                flaws.append(Flaw(what, "say how long it is with `duration`.", key))
        return flaws

    def _file_flaws(self, kind: str) -> list[Flaw]:
        what = f"`{{}}` is for generated segments; this one is a {kind}"
        keys = ("prompt", "camera", "beats", "shots", "start", "end", "keyframe", "middle",
                "references", "voices", "negative", "provider", "model", "resolution", "takes",
                "guidance", "seed", "options")  # fmt: skip
        given = [k for k in keys if getattr(self, k) not in (None, (), {})]
        return [Flaw(what.format(k), "take it out.", k) for k in given]

    def _avatar_flaws(self) -> list[Flaw]:
        what = "`{}` is not for an avatar, which follows its picture and its recording"
        keys = ("beats", "shots", "start", "end", "keyframe", "middle", "out", "sha256")
        given = [k for k in keys if getattr(self, k) not in (None, ())]
        flaws = [Flaw(what.format(k), "take it out.", k) for k in given]
        if self.continue_ and self.avatar and self.avatar.moves_lips:
            what = "it begins as its video does, and can't continue another segment"
            flaws.append(Flaw(what, "take it out, or write `join: handoff`.", "continue"))
        if self.in_ is not None:
            fix = "say where the recording begins: `avatar: {in: …}`."
            flaws.append(Flaw(what.format("in"), fix, "in"))
        return flaws


def taken_up(segments: Iterable[Segment]) -> frozenset[str]:
    """Segments whose clips others are made of, and which aren't shown by themselves."""
    return frozenset(s.avatar.of for s in segments if s.avatar is not None and s.avatar.of)


_ONE = "keep one of them."
_OUT = "take it out."

FadeCurve = Literal["linear", "equal-power", "exp", "log", "s"]


class Fade(Spec):
    """A fade of sound."""

    duration: Duration
    curve: FadeCurve = "equal-power"

    @model_validator(mode="before")
    @classmethod
    def _from_time(cls, raw: Any) -> Any:
        return raw if isinstance(raw, dict) else {"duration": raw}


class GainPoint(Spec):
    """One point of a gain automation."""

    at: Duration
    gain: Decibels


class MadeSound(Spec):
    """Sound that is generated: words that are spoken, or what the words, or a clip, sound like."""

    model: Ref
    provider: Ref | None = None
    """Else that of the defaults."""
    text: Annotated[Text, Field(min_length=1)] | None = None
    """What is spoken; or:"""
    prompt: Annotated[Text, Field(min_length=1)] | None = None
    """what is heard, alone or to a clip."""
    voice: Text | None = None
    """The platform's name of the voice that speaks."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    """Of the text: two letters."""
    speed: Annotated[Number, Field(ge=0.8, le=2)] = 1.0
    """Of speaking."""
    duration: Duration | None = None
    """Of sound that is made from words."""
    of: Id | None = None
    """The segment to whose clip it is made, as long as that is."""
    options: Annotated[dict[str, Any], BeforeValidator(plain_options)] = Field(default_factory=dict)
    """Passed to the provider as it is."""

    @property
    def kind(self) -> Literal["speech", "sound", "foley"]:
        """What it is made from."""
        if self.text is not None:
            return "speech"
        return "sound" if self.of is None else "foley"

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        if info.context is PARTIAL:
            return self
        kind = self.kind
        if kind == "speech" and self.prompt is not None:
            raise flawed("it has `text` and `prompt`, and can have one", _ONE, "prompt")
        if kind == "sound" and self.prompt is None:
            raise flawed("it has neither `text` nor `prompt`", "say what is spoken, or heard.")
        if kind == "sound" and self.duration is None:
            raise flawed("'duration' is missing", "say how long it is: `duration: 5s`.")
        if kind != "sound" and self.duration is not None:
            what = "its length follows from what it is made of"
            raise flawed(what, "take it out; `out` of the track cuts it.", "duration")
        if kind != "speech" and self.voice is not None:
            raise flawed("`voice` is for a `text` that is spoken", "take it out.", "voice")
        return self


class Track(Spec):
    """A lane of sound: a file, or sound that is generated, at a place and in a role."""

    id: Id
    role: Role = "music"
    file: MediaPath | None = None
    make: MadeSound | None = None
    """Instead of a file."""
    on: Place = Place(None, Duration(Fraction(0), "s"))
    in_: Annotated[Duration | None, Field(alias="in")] = None
    out: Duration | None = None
    until: Place | None = None
    """Where in the programme it ends at the latest."""
    level: Decibels = 0.0
    points: Annotated[tuple[GainPoint, ...], Field(max_length=1000)] = ()
    pan: Annotated[Number, Field(ge=-1, le=1)] = 0.0
    fade_in: Fade | None = None
    fade_out: Fade | None = None
    loop: Flag = False
    """Repeated to the end of the programme (or `until`)."""
    duck: Duck | None = None
    polish: tuple[Polish, ...] = ()
    """Clean-up and tone colours."""
    mute: Flag = False
    solo: Flag = False

    @model_validator(mode="after")
    def _one_source(self, info: ValidationInfo) -> Self:
        if info.context is not PARTIAL and (self.file is None) == (self.make is None):
            if self.make is None:
                raise flawed("'file' is missing", "name a sound file, or `make:` one.")
            raise flawed("it has `file` and `make`, and can have one", _ONE, "make")
        return self

    @model_validator(mode="after")
    def _polish_once(self) -> Self:
        if self.loop and self.polish:
            raise flawed("a loop can't be polished", "take `polish` or `loop` out.", "polish")
        return self


class CaptionPart(Spec):
    """A caption file, and what its times count from."""

    file: MediaPath
    on: Place = Place(None, Duration(Fraction(0), "s"))
    """Where the file's time 0 lies in the programme as it was planned."""
    of: Id | None = None
    """A track whose file its times belong to, such as the narration; instead of `on`."""

    @model_validator(mode="after")
    def _one_place(self, info: ValidationInfo) -> Self:
        if info.context is not PARTIAL and self.of and "on" in self.model_fields_set:
            raise flawed("it has `of` and `on`, and can have one", _ONE, "of")
        return self


Sidecar = Literal["srt", "vtt", "ass"]
"""Forms of the file beside the film."""


class Captions(Spec):
    """Captions of the programme."""

    file: MediaPath | None = None
    on: Place = Place(None, Duration(Fraction(0), "s"))
    """Where the file's time 0 lies in the programme as it was planned."""
    of: Id | None = None
    """A track whose file its times belong to, such as the narration; instead of `on`."""
    parts: Annotated[tuple[CaptionPart, ...], Field(max_length=1000)] = ()
    """Further files, each with its own place."""
    burn: Flag = False
    """Set into the picture; ASS with its own styles, others in the style `caption`."""
    track: Flag = False
    """Also as a track in the film that viewers turn on and off."""
    language: Annotated[str, Field(pattern=r"^[a-z]{3}$")] = "und"
    """Of that track: three letters of ISO 639-2, such as eng."""
    sidecar: Sidecar = "srt"
    """What is written beside the film where captions aren't burnt in."""
    line: Annotated[Whole, Field(ge=10, le=200)] = 42
    """Characters of a line above which it is remarked on."""
    speed: Annotated[Whole, Field(ge=5, le=100)] = 20
    """Characters a second above which a caption is remarked on."""

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, raw: Any) -> Any:
        return {"file": raw} if isinstance(raw, (str, Path)) else raw

    @model_validator(mode="after")
    def _some_file(self, info: ValidationInfo) -> Self:
        if info.context is PARTIAL:
            return self
        if self.file is None and not self.parts:
            raise flawed("'file' is missing", "name a caption file: `file: …`.")
        if self.of and "on" in self.model_fields_set:
            raise flawed("it has `of` and `on`, and can have one", _ONE, "of")
        return self

    @property
    def entries(self) -> tuple[CaptionPart, ...]:
        """All files, each with its place."""
        if self.file is None:
            return self.parts
        place = {"of": self.of} if self.of else {"on": self.on}
        return (CaptionPart.model_validate({"file": self.file, **place}), *self.parts)


class Title(Spec):
    """Words over the picture."""

    text: Annotated[Text, Field(min_length=1, max_length=2000)] | None = None
    style: Ref = "title"
    clip: Annotated[str, Field(pattern=CODE.pattern + "$", max_length=200)] | None = None
    """Instead of words a moviepy clip that ``module:function`` makes; needs --allow-code."""
    options: Annotated[dict[str, Any], BeforeValidator(plain_options)] = Field(default_factory=dict)
    """Parameters of that function."""
    on: Place
    for_: Annotated[Duration, Field(alias="for")]

    @model_validator(mode="after")
    def _words_or_clip(self, info: ValidationInfo) -> Self:
        if info.context is PARTIAL:
            return self
        if self.text is None and self.clip is None:
            raise flawed("'text' is missing", "say what it reads: `text: …`.")
        if self.text is not None and self.clip is not None:
            raise flawed("it has `text` and `clip`, and can have one", _ONE, "clip")
        if self.options and self.clip is None:
            raise flawed("`options` are for a `clip`", "take them out.", "options")
        return self


class Chapter(Spec):
    """A place in the film that viewers can go to."""

    title: Annotated[Text, Field(min_length=1, max_length=200)]
    at: Place


class Metadata(Spec):
    """What files say of the film beside its title."""

    artist: Annotated[Text, Field(max_length=500)] | None = None
    comment: Annotated[Text, Field(max_length=2000)] | None = None
    copyright: Annotated[Text, Field(max_length=500)] | None = None
    date: Annotated[Text, Field(max_length=40)] | None = None
    description: Annotated[Text, Field(max_length=4000)] | None = None
    genre: Annotated[Text, Field(max_length=200)] | None = None


class Timeline(Spec):
    """A whole film."""

    assembler: Annotated[Literal[1], BeforeValidator(whole)]
    title: Annotated[Text, Field(max_length=500)] = ""
    canvas: Canvas = Canvas()
    output: Annotated[tuple[Output, ...], BeforeValidator(_one_or_many), Field(min_length=1)] = (
        Output(preset="youtube-1080p"),
    )
    budget: Budget | None = None
    defaults: Defaults = Defaults()
    segments: Annotated[tuple[Segment, ...], Field(min_length=1, max_length=20_000)]
    tracks: Annotated[tuple[Track, ...], Field(max_length=1000)] = ()
    native_audio: NativeAudio = NativeAudio()
    mix: Ref | None = None
    seam: SeamOverride = SeamOverride()
    drift: Drift = Drift()
    captions: Captions | None = None
    titles: Annotated[tuple[Title, ...], Field(max_length=1000)] = ()
    chapters: Literal["off", "segments"] | Annotated[tuple[Chapter, ...], Field(max_length=500)] = (
        "off"
    )
    """Chapters in the files: one for each segment, or a list of places with titles."""
    metadata: Metadata = Metadata()
    poster: Place | None = None
    """A picture of this place is written beside each film, as .poster.jpg."""
    provenance: Flag = False
    """Where every frame comes from is written beside each film, as .provenance.json."""
    path: Annotated[Path, Field(exclude=True)] = Path("timeline.yaml")
    """The file it was read from; set by the loader, never by the author."""

    def segment(self, id_: str) -> Segment:
        """The segment of that name."""
        return next(s for s in self.segments if s.id == id_)

    def native_of(self, segment: Segment) -> NativeAudio:
        """What becomes of a segment's own sound: what is said of it, over what is said of all."""
        own = segment.native
        if own is None:
            return self.native_audio
        said = {name: getattr(own, name) for name in own.model_fields_set}
        return self.native_audio.model_copy(update=said)
