"""
Named presets of models, deliveries, mixes, seams and titles; a user's own folder comes first.

    >>> model_preset("kling-3.0").lengths.max_s
    15

A preset is one YAML file, ``<folder>/<kind>/<name>.yaml``, whose `id` is its name. Folders are
asked in this order: those in the environment variable ASSEMBLER_PRESETS, those given by the caller
(`presets/` beside the timeline), the user's configuration folder, the package's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from assembler.errors import MissingProgramError, Problem, SpecError, UsageError
from assembler.spec.change import HexColour
from assembler.spec.data import data_folder
from assembler.spec.flaw import did_you_mean, one_of, shown
from assembler.spec.model import Resolution
from assembler.spec.problems import constraint
from assembler.spec.values import Rate, Ref, Share, Size, Spec
from assembler.spec.yaml import Node, Source, read, value
from assembler.timebase import round_half_up

PresetKind = Literal["models", "delivery", "mix", "seam", "titles"]
CAPTION = "caption"
"""Style of titles that burned captions have."""
PRESETS_VARIABLE = "ASSEMBLER_PRESETS"

GenerationKind = Literal[
    "text", "image", "reference", "motion", "edit", "avatar", "lip-sync", "extend",
    "speech", "sound", "foley",
]  # fmt: skip
"""What a generation starts from: words, a start image, references, a motion video, a video to
change, a portrait and speech, a video and speech, a clip to go on from. Sound comes of words that
are spoken, of words, of a clip."""


class Lengths(Spec):
    """Lengths that a model makes, in whole seconds."""

    choices: tuple[int, ...] = ()
    """The only lengths there are; empty when there is a range."""
    min_s: int | None = None
    max_s: int | None = None
    follows: Literal["audio", "video"] | None = None
    """The length is that of the audio or video given; `max_s` still holds."""


class FrameCount(Spec):
    """How many frames come back for a length."""

    rate: Rate
    extra: int = 0
    """Frames beyond rate x seconds: 1 when the start image comes back as frame 0."""


class ImageLimits(Spec):
    """What a start or end image must be."""

    min_px: int = 1
    max_px: int | None = None
    max_mb: float | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    formats: tuple[str, ...] = ("png", "jpg", "jpeg")


class VideoLimits(Spec):
    """What a motion, reference or source video must be."""

    min_s: Fraction | None = None
    max_s: Fraction | None = None
    max_mb: float | None = None
    min_px: int | None = None
    max_px: int | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    min_rate: Fraction | None = None
    max_rate: Fraction | None = None
    formats: tuple[str, ...] = ("mp4", "mov")


class RecordingLimits(Spec):
    """What the recording for an avatar or for lip-sync must be; `audio_max_s` holds too."""

    min_s: Fraction | None = None
    max_mb: float | None = None
    formats: tuple[str, ...] = ("mp3", "wav")


class ShotLimits(Spec):
    """Multi-shot in one generation."""

    max: int
    min_s: Fraction = Fraction(1)
    max_s: Fraction | None = None
    prompt_max: int | None = None


class ReferenceLimits(Spec):
    """References that a generation may carry."""

    images: int = 0
    elements: int = 0
    videos: int = 0


class Price(Spec):
    """What a provider takes for a generation; the first entry that fits counts."""

    provider: Ref
    resolution: Resolution | None = None
    audio: bool | None = None
    kind: GenerationKind | None = None
    video: bool | None = None
    """Whether a video is among what the generation is given."""
    voices: bool | None = None
    """Whether voices of one's own are used."""
    usd_per_s: Decimal | None = None
    step_s: Annotated[int, Field(ge=1)] = 1
    """Seconds are charged in started steps of this length."""
    usd_fixed: Decimal = Decimal(0)
    """Charged once for each generation, on top."""
    usd_per_clip: dict[int, Decimal] = Field(default_factory=dict)
    """Price by length in seconds, where it isn't by the second."""
    model: str | None = None
    """The provider's own name of the model."""
    source: str = ""

    def of(self, seconds: Fraction | int) -> Decimal | None:
        """Price of a generation of that length in US dollars; None when this entry has none."""
        steps = -(-Fraction(seconds) // self.step_s)
        if self.usd_per_clip:
            return self.usd_per_clip.get(steps * self.step_s)
        if self.usd_per_s is None:
            return None
        return self.usd_fixed + self.usd_per_s * steps * self.step_s


class ModelPreset(Spec):
    """What a model can do and costs."""

    id: Ref
    title: str
    vendor: str
    known: Literal["full", "partly"] = "full"
    """`partly`: what it takes, makes or costs could not be confirmed in full; `notes` says what."""
    notes: tuple[str, ...] = ()
    kinds: tuple[GenerationKind, ...]
    providers: tuple[Ref, ...]
    lengths: Lengths
    frames: FrameCount | None = None
    """None where nobody has counted: 24 a second is assumed and said."""
    sizes: dict[Resolution, dict[str, Size]]
    """Pixel size by resolution and aspect ratio (``16:9``)."""
    default_resolution: Resolution
    start_image: bool = False
    end_image: bool = False
    middle_images: int = 0
    images_by_url: bool = False
    """Images reach it by their public address only, which `options: {image_url: …}` gives."""
    videos_by_url: bool = False
    """Videos reach it by their public address only, which `options: {video_url: …}` gives."""
    end_image_resolutions: tuple[Resolution, ...] = ()
    """Resolutions at which an end image is possible; empty means all."""
    end_image_lengths: tuple[int, ...] = ()
    end_image_with_shots: bool = True
    end_image_with_audio: bool = True
    audio: Literal["none", "optional", "always"] = "none"
    audio_resolutions: tuple[Resolution, ...] = ()
    """Resolutions at which native audio is possible; empty means all."""
    shots: ShotLimits | None = None
    references: ReferenceLimits = ReferenceLimits()
    image: ImageLimits = ImageLimits()
    prompt_max: int | None = None
    negative_prompt: bool = False
    guidance: tuple[float, float] | None = None
    seed: bool = False
    voices: int = 0
    languages: tuple[str, ...] = ()
    audio_max_s: Fraction | None = None
    """Longest recording for avatar and lip-sync."""
    prices: tuple[Price, ...] = ()
    lengths_by_kind: dict[GenerationKind, Lengths] = Field(default_factory=dict)
    """Lengths where a kind has others than `lengths`; ask `lengths_for`."""
    resolutions_by_kind: dict[GenerationKind, tuple[Resolution, ...]] = Field(default_factory=dict)
    """Resolutions of a kind that isn't made at all of them."""
    framed_kinds: tuple[GenerationKind, ...] = ()
    """Kinds that take start and end images, where not all do; empty means all."""
    frames_by_kind: dict[GenerationKind, FrameCount] = Field(default_factory=dict)
    """Frame counts where a kind has others than `frames`; ask `frames_for`."""
    video: VideoLimits | None = None
    recording: RecordingLimits | None = None
    retired: bool = False
    """No longer among the vendor's documented models; some resellers still offer it."""
    differs: dict[Ref, dict[str, Any]] = Field(default_factory=dict)
    """Fields that have another value at a provider; ask `at`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.default_resolution not in self.sizes:
            raise ValueError(f"`sizes` lacks the default resolution {self.default_resolution}")
        if self.known == "partly" and not self.notes:
            raise ValueError("`known: partly` needs `notes` that say what is not known")
        named = {p.provider for p in self.prices} | set(self.differs)
        if unknown := sorted(named - set(self.providers)):
            raise ValueError(f"{one_of(unknown)} is not among `providers`")
        for provider in self.differs:
            self.at(provider)
        return self

    def at(self, provider: str) -> ModelPreset:
        """The model as *provider* offers it: `differs` laid over the rest."""
        changes = self.differs.get(provider)
        if not changes:
            return self
        own = {name: getattr(self, name) for name in self.model_fields_set - {"differs"}}
        return ModelPreset.model_validate(own | changes)

    def lengths_for(self, kind: GenerationKind) -> Lengths:
        """Lengths that this kind of generation can have."""
        return self.lengths_by_kind.get(kind, self.lengths)

    def frames_for(self, kind: GenerationKind) -> FrameCount | None:
        """How many frames come back for a length; None where nobody has counted."""
        return self.frames_by_kind.get(kind, self.frames)

    def price(
        self,
        provider: str,
        seconds: Fraction | int,
        *,
        kind: GenerationKind,
        resolution: str,
        audio: bool,
        video: bool = False,
        voices: bool = False,
    ) -> Decimal | None:
        """What *provider* takes for one generation in US dollars; None when not known."""
        asked = {"kind": kind, "resolution": resolution, "audio": audio}
        asked |= {"video": video, "voices": voices}
        for price in self.prices:
            if price.provider != provider:
                continue
            if all(getattr(price, k) in (None, v) for k, v in asked.items()):
                return price.of(seconds)
        return None


Matrix = Literal["bt709", "bt601"]


class VideoCodec(Spec):
    """How the picture is encoded."""

    encoder: str
    """ffmpeg's name of the encoder."""
    pix_fmt: str
    options: dict[str, str | int | float] = Field(default_factory=dict)
    """Encoder options by ffmpeg's names."""
    tag: str | None = None
    """Four-character code in the container, where players insist on one (hvc1)."""
    gop_s: Annotated[Fraction, Field(gt=0, le=60)] | None = None
    """Longest time between two keyframes; None leaves it to the encoder and `options`."""
    matrix: Matrix = "bt709"
    """Another one only where frames are copied from sources that have it."""


class AudioCodec(Spec):
    """How the sound is encoded."""

    encoder: str
    bitrate_kbps: int | None = None
    rate: Literal[44100, 48000, 96000] | None = None
    """Sample rate; None is the canvas's."""
    options: dict[str, str | int | float] = Field(default_factory=dict)


class DeliveryPreset(Spec):
    """One kind of final file."""

    id: Ref
    title: str
    container: Literal["mp4", "mov", "mkv", "webm", "mxf"]
    size: Size | None = None
    """None is the canvas's."""
    scale: Annotated[Fraction, Field(gt=0, le=4)] = Fraction(1)
    """Of the canvas, where `size` is None (drafts: 1/2)."""
    video: VideoCodec
    audio: AudioCodec
    mix: Ref = "web"
    match_source: bool = False
    """Copy spans that equal their source instead of encoding them."""
    mux: dict[str, str | int | float] = Field(default_factory=dict)
    """Muxer options by ffmpeg's names, for the final file."""
    burn_in: bool = False
    """Burn timecode and segment names into the picture (drafts)."""

    def size_on(self, canvas: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the file, even, where that is the canvas's size."""
        if self.size is not None:
            return self.size
        width, height = (2 * round_half_up(side * self.scale / 2) for side in canvas)
        return max(16, width), max(16, height)


class MixPreset(Spec):
    """Loudness and dynamics of the programme."""

    id: Ref
    title: str
    integrated_lufs: Annotated[float, Field(ge=-70, le=0)] | None = None
    """None leaves loudness as it is."""
    true_peak_dbtp: Annotated[float, Field(ge=-20, le=0)] = -1.0
    seam_crossfade_ms: Annotated[float, Field(ge=0, le=1000)] = 40.0
    cut_fade_ms: Annotated[float, Field(ge=0, le=50)] = 3.0
    seam_search_ms: Annotated[float, Field(ge=0, le=1000)] = 300.0
    """A seam's crossfade may lie so far from the picture's seam, where it is heard least."""
    bridge_ms: Annotated[float, Field(ge=0, le=5000)] = 1200.0
    """Room tone reaches so far on both sides of a seam whose beds differ; 0 for none."""
    native_lufs: float = -23.0
    """Loudness that clips' native sound is levelled to before the mix, within bounds."""
    duck_attack_ms: float = 120.0
    duck_hold_ms: float = 300.0
    duck_release_ms: float = 600.0
    source: str = ""


class SeamPreset(Spec):
    """How far the engine may go at a seam."""

    id: Ref
    title: str
    trim: bool = True
    colour: Literal["hold", "release", "glide", "off"] = "hold"
    geometry: bool = True
    sharpness: bool = True
    patch: bool = True
    max_dE: float = 12.0  # noqa: N815  (the unit's name)


Opacity = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Plate(Spec):
    """A panel behind the words; lengths are parts of the text height."""

    colour: HexColour = "#000000"
    opacity: Opacity = 0.6
    padding: Annotated[float, Field(ge=0, le=4)] = 0.5
    radius: Annotated[float, Field(ge=0, le=4)] = 0.0


class Bar(Spec):
    """A stripe along the left edge of the words; its width is a part of the text height."""

    colour: HexColour = "#ffffff"
    width: Annotated[float, Field(gt=0, le=2)] = 0.15


class Background(Spec):
    """A colour over the whole picture, under the words."""

    colour: HexColour = "#000000"
    opacity: Opacity = 1.0


class TitlePreset(Spec):
    """How words over the picture look and move."""

    id: Ref
    title: str
    font: Annotated[str, Field(pattern=r"^[\w .+-]+\.(otf|ttf|ttc)$", max_length=100)] = (
        "Inter-SemiBold.otf"
    )
    """A file in `titles/fonts/` of a presets folder, or one of the system's."""
    height: Annotated[Share, Field(le=0.5)] = 0.08
    """Text height as a part of the canvas's shorter side."""
    rest: Share = 1.0
    """Height of the lines after the author's first, as a part of it."""
    colour: HexColour = "#ffffff"
    rest_colour: HexColour | None = None
    upper: bool = False
    place: Literal[
        "top-left", "top", "top-right", "left", "centre", "right",
        "bottom-left", "bottom", "bottom-right",
    ] = "centre"  # fmt: skip
    align: Literal["left", "center", "right"] = "center"
    width: Share = 0.8
    """Longest line as a part of the canvas's width."""
    margin: Annotated[Share, Field(le=0.3)] = 0.05
    """Kept free along the edges, as a part of each side; 5 % is ST 2046-1's title-safe area."""
    lift: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Raised from where `place` puts it, as a part of the canvas's height."""
    line_height: Annotated[float, Field(ge=0.8, le=3)] = 1.2
    outline: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    """Width of an outline as a part of the text height."""
    outline_colour: HexColour = "#000000"
    shadow: Opacity = 0.0
    plate: Plate | None = None
    bar: Bar | None = None
    background: Background | None = None
    fade_in_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    fade_out_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    move: Literal["none", "up", "left"] = "none"
    """Where the words come from while they fade in."""


Preset = TypeVar("Preset", ModelPreset, DeliveryPreset, MixPreset, SeamPreset, TitlePreset)


def model_preset(name: str, folders: Sequence[Path] = ()) -> ModelPreset:
    """
    The model of that name.

    Raises:
        UsageError: If no preset has that name; the nearest is suggested.
        SpecError: If the file is no model preset, with every problem at its place.
    """
    return _preset("models", name, ModelPreset, folders)


def delivery_preset(name: str, folders: Sequence[Path] = ()) -> DeliveryPreset:
    """The delivery of that name; raises as `model_preset`."""
    return _preset("delivery", name, DeliveryPreset, folders)


def mix_preset(name: str, folders: Sequence[Path] = ()) -> MixPreset:
    """The mix of that name; raises as `model_preset`."""
    return _preset("mix", name, MixPreset, folders)


def seam_preset(name: str, folders: Sequence[Path] = ()) -> SeamPreset:
    """The seam preset of that name; raises as `model_preset`."""
    return _preset("seam", name, SeamPreset, folders)


def title_preset(name: str, folders: Sequence[Path] = ()) -> TitlePreset:
    """The style of titles of that name; raises as `model_preset`."""
    return _preset("titles", name, TitlePreset, folders)


def font_file(name: str, folders: Sequence[Path] = ()) -> Path:
    """
    The font file of that name: in `titles/fonts/` of the user's folders or of the package, else
    among the system's fonts.

    Raises:
        MissingProgramError: If there is none.
    """
    for folder in _folders(folders):
        path = folder / "titles" / "fonts" / name
        if path.is_file():
            return path
    if found := _system_fonts().get(name.casefold()):
        return found
    fix = "put the file into presets/titles/fonts/ beside the timeline, or name another font."
    raise MissingProgramError(f"there is no font file {shown(name)}", fix=fix)


def fonts_folder(folders: Sequence[Path] = ()) -> Path:
    """The first folder of fonts: the user's, else the package's."""
    found = (folder / "titles" / "fonts" for folder in _folders(folders))
    return next(folder for folder in found if folder.is_dir())


@lru_cache(maxsize=1)
def _system_fonts() -> dict[str, Path]:
    """Font files of the system by name."""
    home = Path.home()
    folders = [
        home / ".fonts", home / ".local/share/fonts", Path("/usr/local/share/fonts"),
        Path("/usr/share/fonts"), home / "Library/Fonts", Path("/Library/Fonts"),
        Path("/System/Library/Fonts"), Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts",
    ]  # fmt: skip
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.[ot]t[fc]")) if folder.is_dir() else ():
            found.setdefault(path.name.casefold(), path)
    return found


def names(kind: PresetKind, folders: Sequence[Path] = ()) -> tuple[str, ...]:
    """Names of all presets of a kind, sorted."""
    found = (f.stem for folder in _folders(folders) for f in (folder / kind).glob("*.yaml"))
    return tuple(sorted({name for name in found if _is_name(name)}))


def preset_file(kind: PresetKind, name: str, folders: Sequence[Path] = ()) -> Path:
    """
    The file of a preset.

    Raises:
        UsageError: If there is none.
    """
    if _is_name(name):
        for folder in _folders(folders):
            path = folder / kind / f"{name}.yaml"
            if path.is_file():
                return path
    known = names(kind, folders)
    word = kind.removesuffix("s")
    listed = f"there are {one_of(known)}." if known else "there are none."
    raise UsageError(
        f"no {word} preset is called {shown(name)}", fix=did_you_mean(name, known, listed)
    )


def _preset(kind: PresetKind, name: str, model: type[Preset], folders: Sequence[Path]) -> Preset:
    return load_preset(preset_file(kind, name, folders), model)


def load_preset(path: Path, model: type[Preset]) -> Preset:
    """
    The preset in a file.

    Raises:
        SpecError: With every problem at its place.
    """
    node = read(Source(path.name, path))
    if node.items is None:
        raise SpecError([node.problem("a preset is a mapping", "begin it with `id:`.")])
    try:
        preset = model.model_validate(value(node))
    except ValidationError as exc:
        raise SpecError(list(_problems(node, model, exc))) from exc
    if preset.id != path.stem:
        what = f"the preset's id is {shown(preset.id)}, but its file is {shown(path.name)}"
        at = node.items.get("id", node)
        raise SpecError([at.problem(what, f"write `id: {path.stem}` or rename the file.")])
    return preset


def _folders(given: Sequence[Path]) -> Iterator[Path]:
    yield from (Path(f) for f in os.environ.get(PRESETS_VARIABLE, "").split(os.pathsep) if f)
    yield from given
    import platformdirs

    yield platformdirs.user_config_path("assembler", appauthor=False) / "presets"
    yield data_folder("presets")


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name) is not None


def _problems(root: Node, model: type[Spec], exc: ValidationError) -> Iterator[Problem]:
    for error in exc.errors(include_url=False):
        loc = error["loc"]
        if error["type"] == "extra_forbidden":
            yield _unknown_key(root, model, loc)
        else:
            yield _deepest(root, loc).problem(*_sentence(error))


def _sentence(error: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    names = [step for step in error["loc"] if isinstance(step, str)]
    if error["type"] == "missing":
        return f"`{names[-1]}` is missing", ""
    if error["type"] in ("value_error", "assertion_error"):
        return str(error["msg"]).removeprefix("Value error, "), ""
    return constraint(error, repr(names[-1]) if names else "it")


def _deepest(node: Node, loc: Iterable[int | str]) -> Node:
    """The node at *loc*; steps that name no value (dictionary keys, union tags) are passed over."""
    for step in loc:
        node = node.child(step) or node
    return node


def _unknown_key(root: Node, model: type[Spec], loc: tuple[int | str, ...]) -> Problem:
    node, key = _deepest(root, loc[:-1]), str(loc[-1])
    known = list(_fields_at(model, loc[:-1]))
    fix = did_you_mean(key, known, f"it takes {one_of(known)}." if known else "")
    return node.problem(f"unknown key {shown(key)}", fix, key=key)


def _fields_at(model: type[Spec], loc: Iterable[int | str]) -> Iterable[str]:
    """Field names of the model at *loc* below *model*."""
    kind: Any = model
    for step in loc:
        if isinstance(step, str) and isinstance(kind, type) and issubclass(kind, Spec):
            field = kind.model_fields.get(step)
            kind = _spec_in(field.annotation) if field else None
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, Spec) else ()


def _spec_in(annotation: Any) -> type[Spec] | None:
    """The model that an annotation like ``tuple[Price, ...] | None`` is about."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return annotation
    return next((found for a in get_args(annotation) if (found := _spec_in(a))), None)
