"""What a generated segment asks of its model: its own values over the defaults, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

from assembler.media.info import MediaInfo
from assembler.planning.chain import Lengths, Span, Yield
from assembler.planning.footage import Footage
from assembler.planning.limits import image_problems, video_problems
from assembler.planning.problems import Problems
from assembler.spec.model import Segment, Timeline
from assembler.spec.presets import FrameCount, GenerationKind, ModelPreset, Price
from assembler.spec.presets import Lengths as SpecLengths

DRAFT = "animatic"
"""Provider and model that cost nothing."""
BY_HAND = "manual"
"""Provider of every model: people make the clips where they like."""
ANY = "any"
"""Model that stands for those that no preset knows, when clips are made by hand."""
UNCOUNTED = FrameCount(rate=Fraction(24), extra=1)
"""Assumed of a model whose frames nobody has counted: what most of them return."""
_KINDS: Mapping[GenerationKind, str] = {
    "text": "starts from words alone",
    "edit": "changes a video",
}
"""What kinds do that some models do at few resolutions."""
SAME_SHAPE = Fraction(3, 100)
"""Aspect ratios that differ by less than this part are taken for the same."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a model makes for one kind of generation."""

    kind: GenerationKind
    lengths: Lengths
    yields: Yield
    follows: Literal["audio", "video"] | None
    """What gives a clip its length, where the author doesn't."""
    longest_s: int | None


@dataclass(frozen=True, slots=True)
class Settings:
    """How all links of one segment are made."""

    model: ModelPreset
    """As its provider offers it."""
    provider: str
    first: Made
    """The first link."""
    then: Made
    """Those that start on the link before."""
    alone: Made
    """Those that start on nothing, after a cut within the segment."""
    resolution: str
    size: tuple[int, int]
    audio: bool
    negative: str
    guidance: float | None
    seed: int | None
    notes: tuple[str, ...]
    footage: Footage | None = None
    """Of a lip-sync."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the whole timeline brings to the settings of each segment."""

    timeline: Timeline
    media: Mapping[Path, MediaInfo]
    models: Mapping[str, ModelPreset]
    provider: str | None
    draft: bool
    offers: dict[tuple[str, str], ModelPreset] = field(default_factory=dict)
    """Models as their providers offer them, found once each."""

    def offered(self, model: ModelPreset, provider: str) -> ModelPreset:
        """The model as a provider offers it."""
        name = (model.id, provider)
        if name not in self.offers:
            offer = by_hand(model) if provider == BY_HAND else model.at(provider)
            self.offers[name] = offer
        return self.offers[name]


def by_hand(model: ModelPreset) -> ModelPreset:
    """The model as its vendor offers it; what is paid there isn't counted here."""
    free = Price(provider=BY_HAND, usd_per_s=Decimal(0), source="paid where it is made")
    return model.model_copy(update={"providers": (*model.providers, BY_HAND), "prices": (free,)})


def settings_of(
    segment: Segment,
    index: int,
    start: bool,
    inputs: Inputs,
    problems: Problems,
    footage: Footage | None = None,
) -> Settings | None:
    """
    Settings of a generated segment; None when its model isn't known.

    Args:
        segment: The segment.
        index: Its position in the timeline's list.
        start: Whether its first link starts on an image or a handoff.
        inputs: The timeline and what belongs to it.
        problems: Takes what the model can't do.
        footage: The video of a lip-sync.
    """
    return _Resolver(segment, index, start, inputs, problems, footage).settings()


class _Resolver:
    """Resolves one segment's settings, adding to the problems and notes on the way."""

    def __init__(
        self,
        segment: Segment,
        index: int,
        start: bool,
        inputs: Inputs,
        problems: Problems,
        footage: Footage | None,
    ) -> None:
        self.footage = footage
        self.segment = segment
        self.index = index
        self.start = start
        self.inputs = inputs
        self.defaults = inputs.timeline.defaults
        self.problems = problems
        self.notes: list[str] = []

    def settings(self) -> Settings | None:
        model = self.model()
        if model is None:
            return None
        provider = self.provider(model)
        model = self.inputs.offered(model, provider)
        if not model.kinds:
            self._refuse_unpublished(model, provider)
            return None
        kind = self.kind(model)
        resolution = self.resolution(model)
        self._check_resolution(model, kind, resolution)
        self._check_frames(model, kind)
        size = self.size(model, resolution)
        self.references(model)
        self.images(model)
        self.addresses(model, provider)
        if model.known == "partly":
            self.notes.append(f"{model.id}: not everything about it is confirmed; see its preset")
        if model.retired:
            self.notes.append(f"{model.id}: no longer among its vendor's documented models")
        return Settings(
            model=model,
            provider=provider,
            first=self.made(model, kind),
            then=self.made(model, "image" if kind == "text" else kind),
            alone=self.made(model, "text" if kind == "image" else kind),
            resolution=resolution,
            size=size,
            audio=self.audio(model, resolution),
            negative=self.negative(model),
            guidance=self.guidance(model),
            seed=self.seed(model),
            notes=tuple(self.notes),
            footage=self.footage,
        )

    def made(self, model: ModelPreset, kind: GenerationKind) -> Made:
        count = model.frames_for(kind)
        if self.footage:
            count = FrameCount(rate=self.footage.rate, extra=0)
        if count is None:
            count = UNCOUNTED
            self.notes.append(f"{model.id}: nobody has counted its frames; 24 a second assumed")
        lengths = model.lengths_for(kind)
        yields = Yield(count.rate, count.extra, self.inputs.timeline.canvas.rate)
        return Made(kind, _lengths(lengths), yields, lengths.follows, lengths.max_s)

    def refuse(self, what: str, fix: str, *loc: str | int) -> None:
        place = loc if loc and loc[0] == "defaults" else ("segments", self.index, *loc)
        self.problems.add(f"segment {self.segment.id}: {what}", fix, *place)

    def place(self, name: str) -> tuple[str, ...]:
        """Where a value stands: in the segment, or among the defaults."""
        own = getattr(self.segment, name) is not None
        return (name,) if own or name not in self.defaults.model_fields_set else ("defaults", name)

    @property
    def wanted_provider(self) -> str:
        if self.inputs.draft:
            return DRAFT
        return self.inputs.provider or self.segment.provider or self.defaults.provider

    def model(self) -> ModelPreset | None:
        avatar = self.segment.avatar
        name = (avatar.model if avatar else None) or self.segment.model or self.defaults.model
        if self.wanted_provider == DRAFT:
            self._refuse_unsaid_provider(name)
            own = self.inputs.models.get(name)
            if self.inputs.draft or own is None or DRAFT not in own.providers:
                name = DRAFT
        found = self.inputs.models.get(name)
        if self.wanted_provider == BY_HAND and (found is None or name == DRAFT):
            return self._unknown_by_hand(name)
        if found is None:
            near = get_close_matches(name, self.inputs.models, 1)
            known = ", ".join(sorted(self.inputs.models))
            fix = f"did you mean {near[0]!r}?" if near else f"models in reach: {known}"
            where = ("avatar", "model") if avatar and avatar.model else self.place("model")
            self.refuse(f"there is no model {name!r}", fix, *where)
        return found

    def _unknown_by_hand(self, name: str) -> ModelPreset:
        """What most generators can do, under the name that the author gave."""
        base = self.inputs.models[ANY]
        if name in (DRAFT, ANY):
            return base
        longest = base.lengths.max_s
        near = get_close_matches(name, set(self.inputs.models) - {ANY, DRAFT}, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        self.notes.append(
            f"{name}: no preset knows it{hint}; links of up to {longest} s are planned; "
            f"presets/models/{name}.yaml can say what it makes"
        )
        update = {"id": name, "title": name, "known": "full", "notes": ()}
        return base.model_copy(update=update)

    def _refuse_unsaid_provider(self, model: str) -> None:
        said = self.segment.provider or self.inputs.provider or self.inputs.draft
        if said or model == DRAFT or "provider" in self.defaults.model_fields_set:
            return
        preset = self.inputs.models.get(model)
        offers = [p for p in preset.providers if p != DRAFT] if preset else []
        fix = f"set `provider:` to one of {', '.join(offers)}" if offers else "set `provider:`"
        self.refuse(
            f"model {model} is named, and nothing says from which provider",
            f"{fix}; or `provider: {DRAFT}` for a free preview",
            *self.place("model"),
        )

    def provider(self, model: ModelPreset) -> str:
        name = self.wanted_provider
        if name not in model.providers and name != BY_HAND:
            self.refuse(
                f"provider {name} doesn't offer {model.id}",
                f"{model.id} comes from {', '.join(model.providers)}",
                *self.place("provider"),
            )
        return name

    def _refuse_unpublished(self, model: ModelPreset, provider: str) -> None:
        self.refuse(
            f"{provider} sells {model.id}, but doesn't publish all of what its API takes",
            f"make it by hand (`provider: {BY_HAND}`), or take another provider or model",
            *self.place("provider"),
        )

    def _check_resolution(self, model: ModelPreset, kind: GenerationKind, resolution: str) -> None:
        can = model.resolutions_by_kind.get(kind, ())
        if can and resolution not in can:
            what = _KINDS.get(kind, kind)
            self.refuse(
                f"{model.id} {what} at {' or '.join(can)}, not at {resolution}",
                f"set `resolution: {can[0]}`",
                *self.place("resolution"),
            )

    def _check_frames(self, model: ModelPreset, kind: GenerationKind) -> None:
        """Start and end images go with some kinds only; motion control needs one."""
        if kind == "motion" and not self.start and model.id != DRAFT:
            self.refuse(
                f"{model.id} moves the figure of a start image, and there is none",
                "give it a `start:` image, or let it `continue:` another segment",
                "references",
                "video",
            )
        if not model.framed_kinds or kind in model.framed_kinds or kind == "text":
            return
        if self.start or self.segment.end_image:
            what = "a video to change" if kind == "edit" else "references"
            self.refuse(
                f"{model.id} takes no start or end image together with {what}",
                "leave out one of them, or take another provider or model",
                *self._image_key(),
            )

    def kind(self, model: ModelPreset) -> GenerationKind:
        kind = self._wanted_kind(model)
        if kind in model.kinds:
            if self.start and not model.start_image and kind != "avatar":
                fix = "leave it out, or take a model that does"
                self.refuse(f"{model.id} takes no start image", fix, *self._image_key())
            return kind
        if model.id == DRAFT:  # a preview of what it can't do itself
            return "image" if self.start else "text"
        can = ", ".join(model.kinds)
        match kind:
            case "avatar":
                place = ("avatar", "model") if self._avatar_model() else self.place("model")
                fix = "name an avatar model in `avatar: {model: …}`"
                self.refuse(f"{model.id} makes no talking portraits ({can})", fix, *place)
            case "lip-sync":
                place = ("avatar", "model") if self._avatar_model() else self.place("model")
                fix = "name a model for it: `avatar: {model: lip-sync}`"
                self.refuse(f"{model.id} moves no lips of a video ({can})", fix, *place)
            case "text":
                fix = "give it a `start:` image, or let it `continue:` another segment"
                self.refuse(f"{model.id} can't start from words alone ({can})", fix)
            case "image":
                fix = "leave out the image, or take a model that can"
                where = self._image_key()
                self.refuse(f"{model.id} can't start from an image ({can})", fix, *where)
            case _:
                fix = "leave out `references`, or take a model that can"
                self.refuse(
                    f"{model.id} takes no references of this sort ({can})", fix, "references"
                )
        return kind

    def _avatar_model(self) -> bool:
        return bool(self.segment.avatar and self.segment.avatar.model)

    def _image_key(self) -> tuple[str, ...]:
        keys = {"start": self.segment.start, "continue": self.segment.continue_}
        keys |= {"end": self.segment.end, "keyframe": self.segment.keyframe}
        return next(((key,) for key, value in keys.items() if value), ())

    def _wanted_kind(self, model: ModelPreset) -> GenerationKind:
        given = self.segment.references
        if self.segment.avatar:
            return "lip-sync" if self.segment.avatar.moves_lips else "avatar"
        if given and given.video:
            return "motion" if "motion" in model.kinds else "edit"
        if given and (given.images or given.elements):
            only_image = self.start and "reference" not in model.kinds
            return "image" if only_image else "reference"
        return "image" if self.start or self.segment.end_image else "text"

    def resolution(self, model: ModelPreset) -> str:
        wanted = self.segment.resolution or self.defaults.resolution
        if self.footage:
            short = f"{min(self.footage.size)}p"
            return next((name for name in model.sizes if name == short), model.default_resolution)
        if model.id == DRAFT and (self.inputs.draft or wanted not in model.sizes):
            return self._preview_resolution(model)
        if wanted is None:
            return model.default_resolution
        if wanted not in model.sizes:
            offered = ", ".join(model.sizes)
            self.refuse(
                f"{model.id} doesn't make {wanted}",
                f"it makes {offered}",
                *self.place("resolution"),
            )
            return model.default_resolution
        return wanted

    def _preview_resolution(self, model: ModelPreset) -> str:
        """The smallest that about fills the canvas; none above the model's default."""
        width, height = self.inputs.timeline.canvas.size
        areas = {name: max(w * h for w, h in t.values()) for name, t in model.sizes.items() if t}
        most = areas.get(model.default_resolution, 0)
        enough = [n for n, area in areas.items() if width * height * 0.85 <= area <= most]
        return min(enough, key=areas.__getitem__, default=model.default_resolution)

    def size(self, model: ModelPreset, resolution: str) -> tuple[int, int]:
        """The model's size nearest in shape to the canvas, or to the portrait of an avatar."""
        wanted = self._shape()
        if self.footage:
            width, height = self.footage.size
            return (width - width % 2, height - height % 2)
        sizes: Mapping[str, tuple[int, int]] = next(
            (table for name, table in model.sizes.items() if name == resolution), {}
        )
        if not sizes:
            return _sized(resolution, wanted)
        name, size = _nearest(tuple(sizes.items()), wanted)
        if _distance(Fraction(*size), wanted) > 1 + SAME_SHAPE and not self.segment.avatar:
            if model.id == DRAFT:
                return _sized(resolution, wanted)
            self._other_shape(model, resolution, name, tuple(sizes))
        return size

    def _shape(self) -> Fraction:
        avatar = self.segment.avatar
        portrait = self.inputs.media.get(avatar.image) if avatar and avatar.image else None
        if portrait and portrait.video:
            return Fraction(*portrait.video.display_size)
        return Fraction(*self.inputs.timeline.canvas.size)

    def _other_shape(
        self, model: ModelPreset, resolution: str, name: str, offered: tuple[str, ...]
    ) -> None:
        canvas = "x".join(map(str, self.inputs.timeline.canvas.size))
        fit = self.segment.fit or self.defaults.fit
        if self.segment.fit or "fit" in self.defaults.model_fields_set or self.segment.layer:
            self.notes.append(f"{self.segment.id}: made in {name} and laid on {canvas} by `{fit}`")
            return
        self.refuse(
            f"{model.id} at {resolution} makes {', '.join(offered)}, not the canvas's {canvas}",
            f"change `canvas: {{size: …}}`, or set `fit: cover` here to take {name} and crop it",
        )

    def audio(self, model: ModelPreset, resolution: str) -> bool:
        if model.audio == "always":
            return True
        wanted = (self.segment.audio or self.defaults.audio) == "native"
        if not wanted or self.segment.avatar:
            return bool(self.segment.avatar) and model.audio != "none"
        reason = self._silent_because(model, resolution)
        if not reason:
            return True
        if self.segment.audio == "native":
            fix = "set `audio: off`" + reason[1]
            self.refuse(reason[0], fix, "audio")
        elif "audio" in self.defaults.model_fields_set:
            self.notes.append(f"{self.segment.id}: made without sound: {reason[0]}")
        return False

    def _silent_because(self, model: ModelPreset, resolution: str) -> tuple[str, str] | None:
        if model.audio == "none":
            return f"{model.id} makes no sound", ", or take a model that does"
        if model.audio_resolutions and resolution not in model.audio_resolutions:
            can = " or ".join(model.audio_resolutions)
            return f"{model.id} makes sound only at {can}, not at {resolution}", f", or {can}"
        if self.segment.end_image and not model.end_image_with_audio:
            return f"{model.id} makes no sound when an end image is given", ""
        return None

    def negative(self, model: ModelPreset) -> str:
        own = self.segment.negative
        if own and not model.negative_prompt:
            fix = "say in `prompt` what should be there instead"
            self.refuse(f"{model.id} takes no negative prompt", fix, "negative")
        return (own or self.defaults.negative or "") if model.negative_prompt else ""

    def guidance(self, model: ModelPreset) -> float | None:
        own = self.segment.guidance
        value = self.defaults.guidance if own is None else own
        if value is None:
            return None
        if model.guidance is None:
            if own is not None:
                self.refuse(f"{model.id} takes no guidance", "leave it out", "guidance")
            return None
        low, high = model.guidance
        if not low <= value <= high:
            what = f"{model.id} takes a guidance from {low:g} to {high:g}, not {value:g}"
            self.refuse(what, f"set it between {low:g} and {high:g}", *self.place("guidance"))
        return value

    def seed(self, model: ModelPreset) -> int | None:
        if model.seed:
            return self.defaults.seed if self.segment.seed is None else self.segment.seed
        if self.segment.seed is not None:
            self.refuse(f"{model.id} takes no seed", "leave it out", "seed")
        return None

    def references(self, model: ModelPreset) -> None:
        if model.id == DRAFT:
            return
        if len(self.segment.voices) > model.voices:
            count = len(self.segment.voices)
            what = f"{model.id} takes {_count(model.voices, 'voice')}, not {count}"
            self.refuse(what, _fewer("voices", model.voices), "voices")
        if len(self.segment.middle) > model.middle_images:
            count, most = len(self.segment.middle), model.middle_images
            what = f"{model.id} takes {_count(most, 'image')} in the middle, not {count}"
            self.refuse(what, _fewer("middle", most), "middle")
        given, limits = self.segment.references, model.references
        if given is None:
            return
        counts = {
            "images": (len(given.images), limits.images, "reference image"),
            "elements": (len(given.elements), limits.elements, "element"),
            "video": (int(given.video is not None), limits.videos, "reference video"),
        }
        for key, (count, most, word) in counts.items():
            if count > most:
                what = f"{model.id} takes {_count(most, word)}, not {count}"
                self.refuse(what, _fewer(key, most), "references", key)

    def images(self, model: ModelPreset) -> None:
        named = {"start": self.segment.start, "end": self.segment.end}
        named |= {"keyframe": self.segment.keyframe}
        for key, path in named.items():
            if path is not None:
                self._image(model, path, key)
        for number, path in enumerate(self.segment.middle):
            self._image(model, path, "middle", number)
        if self.segment.avatar and self.segment.avatar.image:
            self._image(model, self.segment.avatar.image, "avatar", "image")
        if self.footage and model.video is not None:
            key = "of" if self.footage.link else "video"
            for what, fix in self.footage.problems(model.video):
                self.refuse(f"{self.footage.name} {what} ({model.id})", fix, "avatar", key)
        given = self.segment.references
        if given is None or model.id == DRAFT:
            return
        for number, path in enumerate(given.images):
            self._image(model, path, "references", "images", number)
        if given.video is not None and model.video is not None:
            info = self.inputs.media.get(given.video)
            if info is not None and info.video is not None:
                for what, fix in video_problems(info, model.video):
                    what = f"{given.video.name} {what} ({model.id})"
                    self.refuse(what, fix, "references", "video")

    def addresses(self, model: ModelPreset, provider: str) -> None:
        """Files that lie on this machine can't be sent where only addresses are taken."""
        others = [p for p in model.providers if p not in (provider, BY_HAND)]
        other = f"take another provider ({', '.join(others)})"
        if model.videos_by_url and not {"video_url", "video_id"} & self.segment.options.keys():
            self._video_address(provider, other)
        if not model.images_by_url:
            return
        if self.segment.continue_:
            what = f"{provider} takes images by public address only, and an end frame has none"
            self.refuse(what, f"{other}, or begin it with a cut", "continue")
        elif self.segment.start and not self.segment.options.get("image_url"):
            what = f"{provider} takes images by public address only"
            fix = "put the image where everybody can fetch it and write its address here: "
            self.refuse(what, f"{fix}`options: {{image_url: https://…}}`; or {other}", "start")

    def _video_address(self, provider: str, other: str) -> None:
        """A video that the provider has made itself it finds by its job."""
        video = self.segment.references.video if self.segment.references else None
        name, place = video.name if video else "", ("references", "video")
        if self.footage:
            name, place = self.footage.name, ("avatar", "of" if self.footage.link else "video")
            if self.footage.link and self.footage.link.provider == provider:
                return
        if name:
            self.refuse(
                f"{provider} takes videos by public address only",
                f"put {name} where everybody can fetch it and write its address here: "
                f"`options: {{video_url: https://…}}`; or {other}",
                *place,
            )

    def _image(self, model: ModelPreset, path: Path, *loc: str | int) -> None:
        info = self.inputs.media.get(path)
        if info is None or info.video is None:
            self.refuse(f"{path.name} is no picture that can be read", "give a PNG or JPEG", *loc)
            return
        for what, fix in image_problems(info, model.image):
            self.refuse(f"{path.name} {what} ({model.id})", fix, *loc)


def _lengths(limits: SpecLengths) -> Lengths:
    """The whole seconds that are made."""
    if limits.choices:
        return tuple(sorted(limits.choices))
    low = limits.min_s or 1
    return Span(low, max(low, limits.max_s or 3600))


@lru_cache(maxsize=64)
def _nearest(
    sizes: tuple[tuple[str, tuple[int, int]], ...], shape: Fraction
) -> tuple[str, tuple[int, int]]:
    return min(sizes, key=lambda named: _distance(Fraction(*named[1]), shape))


def _distance(a: Fraction, b: Fraction) -> Fraction:
    return max(a / b, b / a)


def _sized(resolution: str, shape: Fraction) -> tuple[int, int]:
    """Even width and height of a shape whose shorter side the resolution names."""
    short = {"2k": 1440, "4k": 2160}.get(resolution) or int(resolution.removesuffix("p"))
    if shape >= 1:
        return _even(short * shape), _even(Fraction(short))
    return _even(Fraction(short)), _even(short / shape)


def _even(value: Fraction) -> int:
    return 2 * round(value / 2)


def _count(most: int, word: str) -> str:
    return f"no {word}s" if most == 0 else f"at most {most} {word}{'s' if most > 1 else ''}"


def _fewer(key: str, most: int) -> str:
    return f"leave out `{key}`, or take a model that can" if most == 0 else f"keep {most}"
