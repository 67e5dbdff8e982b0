"""Named presets of models, deliveries, mixes and seams; a user's own folder comes first."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from assembler.spec.model import Rate, Ref, Resolution, Size, Spec

GenerationKind = Literal[
    "text", "image", "reference", "motion", "edit", "avatar", "lip-sync", "extend"
]
"""What a generation starts from: words, a start image, references, a motion video, a video to
change, a portrait and speech, a video and speech, a clip to go on from."""


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


class ShotLimits(Spec):
    """Multi-shot in one generation."""

    max: int
    min_s: Fraction = Fraction(1)
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
    usd_per_s: Decimal | None = None
    usd_per_clip: dict[int, Decimal] = Field(default_factory=dict)
    """Price by length in seconds, where it isn't by the second."""
    model: str | None = None
    """The provider's own name of the model."""
    source: str = ""


class ModelPreset(Spec):
    """What a model can do and costs."""

    id: Ref
    title: str
    vendor: str
    known: Literal["full", "partly"] = "full"
    """`partly`: some facts could not be confirmed; `notes` says which."""
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


class VideoCodec(Spec):
    """How the picture is encoded."""

    encoder: str
    """ffmpeg's name of the encoder."""
    pix_fmt: str
    options: dict[str, str | int | float] = Field(default_factory=dict)
    """Encoder options by ffmpeg's names."""
    tag: str | None = None
    """Four-character code in the container, where players insist on one (hvc1)."""


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
    rate: Rate | None = None
    video: VideoCodec
    audio: AudioCodec
    mix: Ref = "web"
    match_source: bool = False
    """Copy spans that equal their source instead of encoding them."""
    burn_in: bool = False
    """Burn timecode and segment names into the picture (drafts)."""


class MixPreset(Spec):
    """Loudness and dynamics of the programme."""

    id: Ref
    title: str
    integrated_lufs: Annotated[float, Field(ge=-70, le=0)] | None = None
    """None leaves loudness as it is."""
    true_peak_dbtp: Annotated[float, Field(ge=-20, le=0)] = -1.0
    seam_crossfade_ms: Annotated[float, Field(ge=0, le=1000)] = 40.0
    cut_fade_ms: Annotated[float, Field(ge=0, le=50)] = 3.0
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
