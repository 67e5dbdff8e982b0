"""
The timeline as the author wrote it: frozen models, unknown keys refused.

Times stay as written (`Duration`, `Place`) until the planner applies the canvas rate. Paths are
resolved by the loader against the file that names them and never leave the project.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)

from assembler.spec.flaw import Flaw, FlawedValueError, flawed, one_of, shown
from assembler.spec.paths import Scalar, media_path, output_path
from assembler.spec.time import Duration, Place
from assembler.spec.yaml import resolved
from assembler.timebase import parse_rate

PARTIAL = "partial"
"""Validation context of what is left of a broken entry: what keys say of each other isn't asked."""


class Spec(BaseModel):
    """Base of all models: frozen, unknown keys refused, aliases accepted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True
    )


def _size(raw: object) -> object:
    if not isinstance(raw, str):
        return raw
    match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*", raw, re.ASCII)
    if not match:
        raise flawed(f"{shown(raw)} is no size", "write width x height: 1920x1080.")
    return int(match[1]), int(match[2])


def _written_size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


Side = Annotated[int, Field(ge=16, le=16384, multiple_of=2)]
Size = Annotated[
    tuple[Side, Side],
    BeforeValidator(
        _size, json_schema_input_type=Annotated[str, Field(pattern=r"^\s*\d+\s*[xX×]\s*\d+\s*$")]
    ),
    PlainSerializer(_written_size),
]
"""Width and height in pixels, both even, written ``1920x1080``."""


def _rate(raw: object) -> Fraction:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Fraction)):
        raise flawed(f"{shown(raw)} is no frame rate", _RATE_HELP)
    try:
        return parse_rate(raw)
    except (ValueError, ArithmeticError) as exc:
        words = str(exc) if "lies between" in str(exc) else f"{shown(raw)} is no frame rate"
        raise flawed(words, _RATE_HELP) from exc


_RATE_HELP = "write frames a second: 24, 29.97 or 30000/1001."

Positive = Annotated[float, Field(gt=0, le=1000)]
Rate = Annotated[
    Fraction,
    BeforeValidator(
        _rate,
        json_schema_input_type=Positive
        | Annotated[str, Field(pattern=r"^\d+(\.\d+)?(/\d+)?\s*(fps)?$")],
    ),
    PlainSerializer(str),
]
"""Frames a second, exact; 23.976 means 24000/1001."""


def _number(raw: object, unit: str, help_: str) -> object:
    """A number with or without its unit; underscores, `nan` and `inf` are none."""
    if not isinstance(raw, str):
        return raw
    match = re.fullmatch(rf"({_DECIMAL})\s?(?:{unit})?", raw.strip(), re.ASCII)
    if not match:
        raise flawed(f"{shown(raw)} is no {help_}")
    return float(match[1])


_DECIMAL = r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"


def _decibels(raw: object) -> object:
    return _number(raw, "[dD][bB]", "level; write decibels, such as -3dB")


Decibels = Annotated[
    float,
    BeforeValidator(
        _decibels,
        json_schema_input_type=float
        | Annotated[str, Field(pattern=r"^\s*[-+]?\d+(\.\d*)?\s*([dD][bB])?\s*$")],
    ),
    Field(ge=-120, le=60, allow_inf_nan=False),
]
"""A gain, written ``-3dB`` or ``-3``."""


def _share(raw: object) -> object:
    if isinstance(raw, str) and raw.strip().endswith("%"):
        percent = _number(raw, "%", "share; write 30% or 0.3")
        return percent / 100 if isinstance(percent, float) else percent
    return _number(raw, "", "share; write 30% or 0.3")


Share = Annotated[
    float,
    BeforeValidator(
        _share,
        json_schema_input_type=Annotated[float, Field(gt=0, le=1)]
        | Annotated[str, Field(pattern=r"^\s*\d+(\.\d*)?\s*%\s*$")],
    ),
    Field(gt=0, le=1, allow_inf_nan=False),
]
"""A part of a whole, written ``30%`` or 0.3."""


def _plain_number(raw: object) -> object:
    return _number(raw, "", "number")


Number = Annotated[
    float,
    BeforeValidator(_plain_number, json_schema_input_type=float),
    Field(allow_inf_nan=False),
]
"""A finite number."""


def _whole(raw: object) -> object:
    if isinstance(raw, bool):
        raise flawed(f"{shown(raw)} is no whole number")
    if isinstance(raw, str):
        if not re.fullmatch(r"\s*[-+]?\d{1,18}\s*", raw, re.ASCII):
            raise flawed(f"{shown(raw)} is no whole number")
        return int(raw)
    return raw


Whole = Annotated[int, BeforeValidator(_whole, json_schema_input_type=int)]
"""A whole number, written in decimal digits."""

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _flag(raw: object) -> object:
    if isinstance(raw, str) and raw.strip().lower() in _FLAGS:
        return _FLAGS[raw.strip().lower()]
    if not isinstance(raw, bool):
        raise flawed(f"{shown(raw)} is neither true nor false", "write true or false.")
    return raw


Flag = Annotated[
    bool,
    BeforeValidator(_flag, json_schema_input_type=bool | Literal["yes", "no", "on", "off"]),
]
"""true or false; yes, no, on and off mean the same."""


def _text(raw: object) -> object:
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return str(raw)
    return raw


Text = Annotated[
    str,
    BeforeValidator(_text, json_schema_input_type=str | float | bool),
    Field(max_length=20_000),
]
"""Words; a number or a truth value written here is text too."""

Id = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z_][A-Za-z0-9_]*)*$", max_length=64)
]
"""A name within the timeline: letters, digits, ``_`` and ``-`` (a letter after each hyphen)."""

Ref = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
"""Name of a preset, a model or a provider."""

MediaPath = Annotated[Path, BeforeValidator(media_path, json_schema_input_type=str)]
"""A file of the project; the loader makes it absolute."""

OutputPath = Annotated[Path, BeforeValidator(output_path, json_schema_input_type=str)]
"""A file of the project that we write; the loader makes it absolute."""


def _options(raw: object) -> object:
    """Plain values of provider options; text of a YAML file is told from numbers here."""
    if isinstance(raw, dict):
        return {str(k): _options(v) for k, v in raw.items()}
    if isinstance(raw, (list, tuple)):
        return [_options(v) for v in raw]
    return resolved(raw) if isinstance(raw, Scalar) else raw


class AudioFormat(Spec):
    """The programme's sound."""

    rate: Annotated[Literal[44100, 48000, 96000], BeforeValidator(_whole)] = 48000
    layout: Literal["mono", "stereo", "5.1"] = "stereo"


class Canvas(Spec):
    """Size, rate and sound of the programme."""

    size: Size = (1920, 1080)
    rate: Rate = Fraction(24)
    audio: AudioFormat = AudioFormat()


class Output(Spec):
    """One delivery: a preset, and what differs from it."""

    preset: Ref
    path: OutputPath | None = None
    size: Size | None = None
    mix: Ref | None = None
    """Mix preset of this delivery, else the timeline's, else the delivery preset's."""

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
    """A talking person made from a picture and a recording."""

    model: Ref | None = None
    image: MediaPath
    audio: MediaPath
    in_: Annotated[Duration | None, Field(alias="in")] = None
    """Where in the recording the clip begins."""
    prompt: Text | None = None


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


TRANSITIONS = (
    "dissolve", "fade-black", "fade-white",
    "wipe-left", "wipe-right", "wipe-up", "wipe-down",
    "slide-left", "slide-right", "slide-up", "slide-down",
    "smooth-left", "smooth-right", "smooth-up", "smooth-down",
    "circle-open", "circle-close", "radial", "pixelize", "zoom-in",
)  # fmt: skip
"""Transitions by our name; the renderer maps them to ffmpeg's xfade."""


class Join(Spec):
    """How a segment follows the one before it."""

    kind: Literal["handoff", "cut", "transition"] = "cut"
    transition: str = "dissolve"
    duration: Duration | None = None
    """
    Length of a transition, half a second when not said; centred on the cut, so that the programme
    keeps its length.
    """
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
            return {_SPLIT_EDITS.get(k, k): v for k, v in raw.items()}
        out = {_SPLIT_EDITS[k]: v for k, v in raw.items() if k in _SPLIT_EDITS}
        names = [k for k in raw if k not in _SPLIT_EDITS]
        flaws = [_no_join(k, k) for k in names if k not in TRANSITIONS]
        if not flaws and len(names) > 1:
            both = " and ".join(map(repr, names))
            flaws.append(Flaw(f"{both} can't be had at once", "keep one transition.", names[1]))
        if flaws:
            raise FlawedValueError(*flaws)
        if names:
            out |= {"kind": "transition", "transition": names[0], "duration": raw[names[0]]}
        return out

    @classmethod
    def _from_word(cls, word: str) -> dict[str, str]:
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
        return self


_SPLIT_EDITS = {"j-cut": "j_cut", "l-cut": "l_cut", "j_cut": "j_cut", "l_cut": "l_cut"}


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


class NativeAudio(Spec):
    """What becomes of the sound that clips bring along."""

    level: Decibels = 0.0
    match: Flag = True
    """Level clips to each other before the mix."""
    mode: Literal["keep", "mute", "speech-only"] = "keep"


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
    references: References | None = None
    avatar: Avatar | None = None
    file: MediaPath | None = None
    url: Annotated[str, Field(pattern=r"^https?://", max_length=4096)] | None = None
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
    options: Annotated[dict[str, Any], BeforeValidator(_options)] = Field(default_factory=dict)
    """Passed to the provider as it is (each provider says what it takes)."""
    fit: Fit | None = None
    colour: Literal["auto", "tags", "bt601", "bt709"] = "auto"
    """Which matrix the source's numbers were made with."""
    native: NativeAudio | None = None
    seam: SeamOverride | None = None
    """The seam at this segment's start (and between its own links)."""
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
    def end_image(self) -> Path | None:
        """The picture it ends on, if that is known beforehand."""
        return self.keyframe or self.end

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        if info.context is PARTIAL:
            return self
        flaws = [*self._source_flaws(), *self._frame_flaws()]
        kind = self.kind
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
        if self.continue_ and self.start:
            what = f"it starts on the end frame of {self.continue_!r} and can't have `start` too"
            flaws.append(Flaw(what, _ONE, "start"))
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
        keys = ("prompt", "camera", "beats", "shots", "start", "end", "keyframe", "references",
                "voices", "negative", "provider", "model", "resolution", "takes", "guidance",
                "seed", "options")  # fmt: skip
        given = [k for k in keys if getattr(self, k) not in (None, (), {})]
        return [Flaw(what.format(k), "take it out.", k) for k in given]

    def _avatar_flaws(self) -> list[Flaw]:
        what = "`{}` is not for an avatar, which follows its picture and its recording"
        keys = ("beats", "shots", "start", "end", "keyframe", "out", "sha256")
        given = [k for k in keys if getattr(self, k) not in (None, ())]
        flaws = [Flaw(what.format(k), "take it out.", k) for k in given]
        if self.in_ is not None:
            fix = "say where the recording begins: `avatar: {in: …}`."
            flaws.append(Flaw(what.format("in"), fix, "in"))
        return flaws


_ONE = "keep one of them."

FadeCurve = Literal["linear", "equal-power", "exp", "log", "s"]


class Fade(Spec):
    """A fade of sound."""

    duration: Duration
    curve: FadeCurve = "equal-power"

    @model_validator(mode="before")
    @classmethod
    def _from_time(cls, raw: Any) -> Any:
        return raw if isinstance(raw, dict) else {"duration": raw}


Role = Literal["dialogue", "native", "voice", "music", "sfx"]


class Duck(Spec):
    """Lower this track while others speak."""

    under: tuple[Role, ...] = ("voice", "dialogue")
    by: Annotated[Decibels, Field(ge=0, le=60)] = 10.0


class GainPoint(Spec):
    """One point of a gain automation."""

    at: Duration
    gain: Decibels


class Track(Spec):
    """A lane of sound: a file at a place, in a role."""

    id: Id
    role: Role = "music"
    file: MediaPath
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
    mute: Flag = False
    solo: Flag = False


class Captions(Spec):
    """A caption file for the programme."""

    file: MediaPath
    burn: Flag = False
    on: Place = Place(None, Duration(Fraction(0), "s"))

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, raw: Any) -> Any:
        return {"file": raw} if isinstance(raw, (str, Path)) else raw


def _one_or_many(raw: object) -> object:
    return [raw] if isinstance(raw, (str, dict)) else raw


class Title(Spec):
    """Words over the picture."""

    text: Annotated[Text, Field(min_length=1, max_length=2000)]
    style: Ref = "title"
    on: Place
    for_: Annotated[Duration, Field(alias="for")]


class Timeline(Spec):
    """A whole film."""

    assembler: Annotated[Literal[1], BeforeValidator(_whole)]
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
    path: Annotated[Path, Field(exclude=True)] = Path("timeline.yaml")
    """The file it was read from; set by the loader, never by the author."""

    def segment(self, id_: str) -> Segment:
        """The segment of that name."""
        return next(s for s in self.segments if s.id == id_)
