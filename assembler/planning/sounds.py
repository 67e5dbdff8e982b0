"""
Sound of tracks that is generated, as links: words that are spoken, sound of words, sound to a clip.

    tracks:
      - {id: hello, role: voice, make: {model: kling-tts, text: Good evening., voice: …}}

Its link is named after the track (``hello.1``) and goes the way of every other: planned, priced,
recorded, a take. What it is as long as is known when it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from assembler.planning.keys import content_key, link_parts
from assembler.planning.model import Link, Step
from assembler.planning.problems import Loaded, Problems
from assembler.planning.settings import BY_HAND, DRAFT, Inputs
from assembler.spec.model import Track
from assembler.spec.presets import GenerationKind, ModelPreset

_CHARACTERS_A_SECOND = 14
"""Of spoken English, for the plan."""
_MAKES: Mapping[str, str] = {
    "speech": "speaks no text", "sound": "makes no sound from words",
    "foley": "makes no sound to a clip",
}  # fmt: skip


def sound_links(
    loaded: Loaded,
    inputs: Inputs,
    made: Mapping[str, Sequence[Link]],
    problems: Problems,
    take_of: Callable[[Link], str],
) -> list[Step]:
    """
    A step for every track that is generated.

    Args:
        loaded: The timeline.
        inputs: It, and its models.
        made: Links by segment.
        problems: Takes what is wrong.
        take_of: Key of the take of a link that is in use.
    """
    planner = _Planner(loaded, inputs, made, problems, take_of)
    steps = (planner.step(n, track) for n, track in enumerate(inputs.timeline.tracks))
    return [step for step in steps if step is not None]


class _Planner:
    def __init__(
        self,
        loaded: Loaded,
        inputs: Inputs,
        made: Mapping[str, Sequence[Link]],
        problems: Problems,
        take_of: Callable[[Link], str],
    ) -> None:
        self.loaded = loaded
        self.inputs = inputs
        self.made = made
        self.problems = problems
        self.take_of = take_of
        self.copies: Counter[str] = Counter()
        self.where = ("tracks", 0)
        self.name = ""

    def step(self, number: int, track: Track) -> Step | None:
        """The link of a track, in a plan of its own; None where it has a file, or can't be made."""
        if track.make is None:
            return None
        self.where, self.name = ("tracks", number), track.id
        before = len(self.problems)
        model = self.model(track)
        if model is None:
            return None
        source = self.source(track, model)
        self.check(track, model)
        if len(self.problems) > before:
            return None
        link = self.link(track, model, source)
        return Step(link, "waiting", "", (source.id,) if source else ())

    def refuse(self, what: str, fix: str, *key: str) -> None:
        self.problems.add(f"track {self.name}: {what}", fix, *self.where, "make", *key)

    def provider(self, track: Track) -> str:
        assert track.make is not None
        if self.inputs.draft:
            return DRAFT
        own = track.make.provider or self.inputs.timeline.defaults.provider
        return self.inputs.provider or own

    def model(self, track: Track) -> ModelPreset | None:
        """Its model as its provider offers it."""
        assert track.make is not None
        provider = self.provider(track)
        if provider == BY_HAND:
            self.refuse(
                "what is made by hand has a picture", "make the sound, and name it as `file:`"
            )
            return None
        name = DRAFT if provider == DRAFT else track.make.model
        found = self.inputs.models.get(name)
        if found is None:
            self.refuse(f"there is no model {name!r}", "name one that makes sound", "model")
            return None
        if provider not in found.providers:
            known = ", ".join(found.providers)
            fix = f"{name} comes from {known}: `make: {{provider: …}}`"
            self.refuse(f"provider {provider} doesn't offer {name}", fix)
            return None
        return self.inputs.offered(found, provider)

    def source(self, track: Track, model: ModelPreset) -> Link | None:
        """The link to whose clip it is made."""
        assert track.make is not None
        if track.make.of is None:
            return None
        links = self.made.get(track.make.of, ())
        if len(links) != 1:
            count = f"{len(links)} generated clips" if links else "no generated clip"
            self.refuse(
                f"{track.make.of!r} has {count}, and sound is made to one",
                "name a segment that one generation makes",
                "of",
            )
            return None
        (link,) = links
        if link.retime:
            self.refuse(
                f"the time of {track.make.of!r} is bent, and sound is made to a clip as it comes",
                "name another segment, or make the sound from words alone",
                "of",
            )
            return None
        provider = self.provider(track)
        given = {"video_url", "video_id"} & track.make.options.keys()
        if model.videos_by_url and link.provider != provider and not given:
            self.refuse(
                f"{provider} takes videos by public address only",
                "put the clip where everybody can fetch it and write its address here: "
                "`options: {video_url: https://…}`",
                "of",
            )
        return link

    def check(self, track: Track, model: ModelPreset) -> None:
        """What the model can't do."""
        make = track.make
        assert make is not None
        kind = make.kind
        if kind not in model.kinds:
            can = ", ".join(model.kinds)
            self.refuse(f"{model.id} {_MAKES[kind]} ({can})", "take another model", "model")
            return
        words = make.text or make.prompt or ""
        if model.prompt_max is not None and len(words) > model.prompt_max:
            key = "text" if make.text else "prompt"
            what = f"it has {len(words)} characters; {model.id} takes {model.prompt_max}"
            self.refuse(what, "make it two tracks", key)
        if kind == "speech" and model.voices and make.voice is None:
            self.refuse(f"{model.id} needs a voice", "name one: `voice: …`", "text")
        if kind == "speech" and model.languages and make.language not in model.languages:
            known = " or ".join(model.languages)
            self.refuse(f"{model.id} speaks {known}", f"write `language: {known}`", "language")
        limits = model.lengths_for(kind)
        low, high = limits.min_s, limits.max_s
        length = self.length_s(track)
        if kind == "speech" or not length or (low or 0) <= length <= (high or length):
            return
        what = f"it is {float(length):.4g} s long; {model.id} makes {low} to {high} s"
        self.refuse(what, "make it as long", "of" if make.of else "duration")

    def length_s(self, track: Track) -> Fraction:
        """How long it is, or will about be."""
        make = track.make
        assert make is not None
        if make.duration is not None:
            return make.duration.seconds(self.inputs.timeline.canvas.rate)
        if make.text is not None:
            return Fraction(len(make.text), _CHARACTERS_A_SECOND) / Fraction(str(make.speed))
        links = self.made.get(make.of or "", ())
        return sum((link.frames / link.rate for link in links), Fraction(0))

    def link(self, track: Track, model: ModelPreset, source: Link | None) -> Link:
        make = track.make
        assert make is not None
        kind: GenerationKind = make.kind
        length_s = self.length_s(track)
        options = dict(make.options)
        if kind == "speech":
            options |= {"language": make.language, "speed": make.speed}
        provider = self.provider(track)
        plain = Link(
            id=f"{track.id}.1", segment=track.id, number=1, kind=kind, provider=provider,
            model=model.id, length_s=length_s, rate=self.inputs.timeline.canvas.rate, frames=0,
            size=(0, 0), resolution="", prompt=make.text or make.prompt or "", negative="",
            camera="", shots=(), start=None, end=None, audio=True, seed=None, guidance=None,
            voices=(make.voice,) if make.voice else (), references=(), avatar_image=None,
            avatar_audio=None, avatar_in_s=Fraction(0), options=options, key="",
            price_usd=model.price(provider, length_s, kind=kind, resolution="", audio=True),
            where=self.loaded.where(*self.where), wanted_frames=0,
            video_of=source.id if source else "",
        )  # fmt: skip
        video = (self.take_of(source), None) if source else None
        parts = link_parts(plain, start=None, end=None, hashes={}, video=video)
        key = content_key(**parts)
        self.copies[key] += 1
        copy = self.copies[key]
        if copy > 1:  # asked for twice is made twice, as pictures are
            key = content_key(**parts, copy=copy)
        return replace(plain, key=key, asked_key=key)
