"""
What a link asks for, put into the fields of a platform's call.

    CALLS = {"kling-3.0 image": call("v3/pro/image-to-video", "prompt start_image_url* duration")}
    FIELDS = {"prompt": WORDS, "start_image_url": START, "duration": SECONDS_TEXT}
    body = compose("fal", call_for("fal", CALLS, link), Ask.of(request), FIELDS)

Files stay paths in the body: `paths_in` names them, `with_addresses` puts in what their upload has
given. What a link asks for and the call has no field for is refused here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from assembler.generation.base import NotSubmittedError, Request
from assembler.planning.model import Link, LinkShot
from assembler.planning.prompts import joined

Meaning = Literal[
    "start", "end", "middle", "images", "elements", "video", "speech", "shots", "voices",
    "negative", "guidance",
]  # fmt: skip
"""What a call must have a field for when a link asks for it."""

_WORDS: Mapping[Meaning, str] = {
    "start": "start image",
    "end": "end image",
    "middle": "images in the middle",
    "images": "reference images",
    "elements": "elements by name",
    "video": "video",
    "speech": "recording",
    "shots": "more than one shot",
    "voices": "voices of your own",
    "negative": "negative prompt",
    "guidance": "guidance",
}
FEATURE = "feature"
"""What a video is that isn't changed, but looked at for another clip."""
_SHOT_WORDS = 512
_SHAPES = {"16:9": Fraction(16, 9), "9:16": Fraction(9, 16), "1:1": Fraction(1)}


@dataclass(frozen=True, slots=True)
class Ask:
    """One link with its files."""

    link: Link
    start: Path | None = None
    """Start frame, or the portrait of an avatar."""
    end: Path | None = None
    middle: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()
    video: Path | None = None
    speech: Path | None = None

    @classmethod
    def of(cls, request: Request) -> Ask:
        """What a request asks for."""
        return cls(
            request.link,
            request.start or request.file("portrait"),
            request.end,
            request.files.get("middle", ()),
            request.files.get("reference", ()),
            request.file("video"),
            request.file("speech"),
        )

    @property
    def words(self) -> str:
        """Prompt and camera."""
        return joined(self.link.prompt, self.link.camera)

    @property
    def shots(self) -> tuple[LinkShot, ...]:
        """Shots, each with the words that hold for all of them."""
        if len(self.link.shots) < 2:
            return ()
        return tuple(
            LinkShot(shot.duration_s, joined(self.words, shot.prompt)) for shot in self.link.shots
        )

    @property
    def seconds(self) -> int:
        """Length asked for, in whole seconds."""
        return ceil(self.link.length_s)

    @property
    def shape(self) -> str:
        """The aspect ratio nearest to the link's size: 16:9, 9:16 or 1:1."""
        wanted = Fraction(*self.link.size)
        return min(_SHAPES, key=lambda name: max(_SHAPES[name] / wanted, wanted / _SHAPES[name]))

    def has(self, meaning: Meaning) -> bool:
        """Whether it asks for that."""
        if meaning in ("negative", "guidance", "voices", "elements"):
            return getattr(self.link, meaning) not in ("", None, ())
        return bool(getattr(self, meaning))


@dataclass(frozen=True, slots=True)
class Field:
    """What goes into one field of a call; a value of None leaves the field out."""

    means: tuple[Meaning, ...]
    value: Callable[[Ask], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of generation at a platform."""

    where: str
    """Path, model or task by the platform's own name."""
    takes: Mapping[str, str]
    """Its fields -> the key of what goes into them."""
    needs: frozenset[str]
    """Fields that must not be left out."""
    fixed: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Fields that are always the same."""


def call(where: str, takes: str, **fixed: Any) -> Call:
    """
    A call from its fields: ``prompt image_urls=frames* duration``.

    ``=`` names what goes into a field when it isn't called so itself; ``*`` says that it is needed.
    """
    fields, needs = {}, set()
    for word in takes.split():
        name, _, key = word.rstrip("*").partition("=")
        fields[name] = key or name
        if word.endswith("*"):
            needs.add(name)
    return Call(where, fields, frozenset(needs), MappingProxyType(fixed))


def call_for(provider: str, calls: Mapping[str, Call], link: Link) -> Call:
    """
    The call for a link: that of its model, kind and resolution, else of model and kind, else of the
    model. A video that is only looked at (`options: {video: feature}`) has a kind of its own here.

    Raises:
        NotSubmittedError: If the platform has none.
    """
    kind = FEATURE if _only_looked_at(link) else link.kind
    names = [f"{link.model} {kind} {link.resolution}", f"{link.model} {kind}"]
    for name in names if kind == FEATURE else [*names, link.model]:
        if name in calls:
            return calls[name]
    raise NotSubmittedError(
        f"{provider} makes no {kind} with {link.model}",
        link.where,
        "take another model or provider.",
        "parameter",
    )


def _only_looked_at(link: Link) -> bool:
    return link.kind == "edit" and link.options.get("video") == FEATURE


def compose(provider: str, call: Call, ask: Ask, fields: Mapping[str, Field]) -> dict[str, Any]:
    """
    The body of a call; files are still paths.

    The author's `options` come last: any field that the call has may be given by its own name.

    Raises:
        NotSubmittedError: If the call has no field for what is asked, or lacks what it needs.
    """
    body, done = dict(call.fixed), set[Meaning]()
    for name, key in call.takes.items():
        if key not in fields:
            continue  # only by `options`
        done.update(fields[key].means)
        value = fields[key].value(ask)
        if value is not None:
            body[name] = value
    where = f"{provider}: {call.where}"
    for meaning, words in _WORDS.items():
        if ask.has(meaning) and meaning not in done:
            raise _refused(
                f"{where} takes no {words}",
                ask,
                "leave it out, or take another model or provider.",
            )
    check_shots(provider, ask)
    for name, value in ask.link.options.items():
        if name == "video" and _only_looked_at(ask.link):
            continue  # it has chosen the call
        if name not in call.takes:
            known = ", ".join(call.takes)
            raise _refused(f"{where} has no field {name!r}", ask, f"`options` may give {known}.")
        body[name] = value
    for name in sorted(call.needs - body.keys()):
        raise _refused(f"{where} needs {name}", ask, "give it in the timeline.")
    return body


def check_shots(provider: str, ask: Ask) -> None:
    """
    Each shot carries the words that hold for all, and Kling takes so many for one.

    Raises:
        NotSubmittedError: If one has more.
    """
    for number, shot in enumerate(ask.shots, 1):
        if len(shot.prompt) > _SHOT_WORDS:
            raise _refused(
                f"{provider}: shot {number} has {len(shot.prompt)} characters with the words that "
                f"hold for all shots; {_SHOT_WORDS} can be sent",
                ask,
                "shorten the segment's prompt or the shot's.",
            )


def _refused(what: str, ask: Ask, fix: str) -> NotSubmittedError:
    return NotSubmittedError(what, ask.link.where, fix, "parameter")


def paths_in(body: object) -> Iterator[Path]:
    """The files of a body, each once for every place."""
    if isinstance(body, Path):
        yield body
    elif isinstance(body, Mapping):
        for value in body.values():
            yield from paths_in(value)
    elif isinstance(body, (list, tuple)):
        for value in body:
            yield from paths_in(value)


def with_addresses(body: Any, addresses: Mapping[Path, str]) -> Any:
    """The body with an address in place of every file."""
    if isinstance(body, Path):
        return addresses[body]
    if isinstance(body, Mapping):
        return {name: with_addresses(value, addresses) for name, value in body.items()}
    if isinstance(body, (list, tuple)):
        return [with_addresses(value, addresses) for value in body]
    return body


# What most calls have in common.

WORDS = Field((), lambda ask: None if ask.shots else ask.words or None)
SCENE = Field((), lambda ask: ask.words or next((shot.prompt for shot in ask.shots), None))
"""The prompt where one is needed beside the shots, too."""
START = Field(("start",), lambda ask: ask.start)
END = Field(("end",), lambda ask: ask.end)
IMAGES = Field(("images",), lambda ask: list(ask.images) or None)
VIDEO = Field(("video",), lambda ask: ask.video)
SPEECH = Field(("speech",), lambda ask: ask.speech)
SHAPE = Field((), lambda ask: None if ask.start else ask.shape)
SECONDS = Field((), lambda ask: ask.seconds)
SECONDS_TEXT = Field((), lambda ask: str(ask.seconds))
SOUND = Field((), lambda ask: ask.link.audio)
NEGATIVE = Field(("negative",), lambda ask: ask.link.negative or None)
GUIDANCE = Field(("guidance",), lambda ask: ask.link.guidance)
VOICES = Field(("voices",), lambda ask: list(ask.link.voices) or None)
ORIENTATION = Field((), lambda ask: "video")
"""Whom a moved figure faces like: as in the video it may be 30 s long, as in the image 10 s."""
