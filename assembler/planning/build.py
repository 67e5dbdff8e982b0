"""
Spec and media facts to a plan: every link with its length, prompt, end frames, price and key.

Nothing is read or written here. What a model can't do is collected and raised as one `PlanError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import pairwise
from math import ceil
from pathlib import Path

from assembler.media.info import MediaInfo
from assembler.planning import keys
from assembler.planning.files import file_clip
from assembler.planning.footage import footage_of
from assembler.planning.guard import guarded, with_longer
from assembler.planning.links import LinkShape, shapes_of
from assembler.planning.model import (
    Change,
    FileClip,
    FrameSource,
    Handoff,
    ImageFile,
    Link,
    LinkState,
    Plan,
    Shelf,
    Step,
)
from assembler.planning.outside import check_inside
from assembler.planning.problems import Loaded, Problems
from assembler.planning.retime import Retime
from assembler.planning.row import Place, places
from assembler.planning.settings import Inputs, Settings, settings_of
from assembler.planning.sounds import sound_links
from assembler.spec.model import SeamOverride, Segment
from assembler.spec.presets import GenerationKind, ModelPreset
from assembler.web import shown
from assembler.wording import counted


def build(
    loaded: Loaded,
    media: Mapping[Path, MediaInfo],
    models: Mapping[str, ModelPreset],
    *,
    hashes: Mapping[Path, str],
    provider: str | None = None,
    draft: bool = False,
    fetched: Mapping[str, Path] | None = None,
    recipes: Mapping[str, str] | None = None,
    chosen: Mapping[str, int] | None = None,
) -> Plan:
    """
    Plan of a timeline, with no take made yet.

    Args:
        loaded: The timeline with its positions.
        media: Facts of every file that the timeline names, images and recordings included.
        models: Model presets by name; `animatic` among them when it may be used.
        hashes: SHA-256 of every one of these files.
        provider: Takes the place of every provider that the timeline names.
        draft: Makes every link with the free `animatic` instead.
        fetched: Where the clips of URL segments lie, by URL; those that aren't there yet are noted.
        recipes: What else decides the clips of a segment, by its id: hashes of its workflows.
        chosen: Numbers of the takes that were chosen, by link key: what goes on from another take
            is another link.

    Raises:
        PlanError: With everything that the models and files can't do.
    """
    inputs = Inputs(loaded.timeline, media, models, provider, draft)
    builder = _Builder(loaded, inputs, hashes, fetched or {}, recipes or {}, chosen or {})
    return builder.plan()


def with_states(plan: Plan, shelf: Shelf) -> Plan:
    """The plan with what is there, what must be made and why, given the takes that exist."""
    finished = {s.link.id for s in plan.all_steps if shelf.has(s.link)}
    steps = []
    for step in plan.all_steps:
        link, to_make = step.link, len(shelf.missing(step.link))
        change, changed = _change(link, shelf)
        waits = tuple(a for a in step.after if a not in finished)
        lost = shelf.in_vain.get(link.key, {}).get(shelf.number(link))
        coming = shelf.coming.get(link.key, {}).get(shelf.number(link))
        state: LinkState = "waiting" if waits else "ready"
        if link.id in finished:
            state = "done"
            wanted = shelf.wanted(link)
            there = len(shelf.on_disk[link.key].intersection(wanted))
            why = f"{there} of {len(wanted)} takes are there" if there < len(wanted) else _THERE
        elif lost:
            state = "stuck"
            why = f"{lost}; `assembler takes reroll` asks for another"
        elif waits and not coming:
            known = "" if change == "new" else f"{changed}; "
            why = f"{known}waits for {' and '.join(waits)}"
        else:
            why = changed
        paid = shelf.again(link)
        steps.append(replace(step, state=state, why=why, to_make=to_make, paid=paid, change=change))
    pictures = len(plan.steps)
    return replace(plan, steps=tuple(steps[:pictures]), sounds=tuple(steps[pictures:]))


_THERE = "its take is there"


def _change(link: Link, shelf: Shelf) -> tuple[Change, str]:
    """Why a link has no take, in short and in words."""
    older, number = shelf.older.get(link.id), shelf.number(link)
    if coming := shelf.coming.get(link.key, {}).get(number):
        return "new", coming
    if shelf.on_disk.get(link.key) or (number > 1 and shelf.coming.get(link.key)):
        return "new", f"take {number} was asked for"
    if vain := shelf.in_vain.get(link.key):
        lost = ", ".join(f"of take {n} {told}" for n, told in sorted(vain.items()))
        return "new", f"take {number} was asked for, and is paid too; {lost}"
    if older is None:
        return "new", "new: no take yet"
    if older.asked_key == link.asked_key:
        return "start", "starts on another frame now: make it anew, or keep its older take"
    names = " and ".join(older.changed) or "what is asked for"
    return "asked", f"{names} {'have' if len(older.changed) > 1 else 'has'} changed"


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a segment, from which another can go on."""

    source: FrameSource
    after: tuple[str, ...]
    """Link to wait for."""
    identity: tuple[str, str | int | None]
    """What decides the picture: an image's hash, or a clip's key and frame."""


class _Builder:
    """Goes through the segments in an order in which what they continue comes first."""

    def __init__(
        self,
        loaded: Loaded,
        inputs: Inputs,
        hashes: Mapping[Path, str],
        fetched: Mapping[str, Path],
        recipes: Mapping[str, str],
        chosen: Mapping[str, int],
    ) -> None:
        self.loaded = loaded
        self.chosen = chosen
        self.recipes = recipes
        self.inputs = inputs
        self.hashes = hashes
        self.fetched = fetched
        self.rate = inputs.timeline.canvas.rate
        self.places = places(inputs.timeline)
        self.problems = Problems(loaded)
        self.notes: list[str] = []
        self.files: list[FileClip] = []
        self.steps: list[Step] = []
        self.links: dict[str, list[Link]] = {}
        """By segment."""
        self.ends: dict[str, _End] = {}
        self.copies: Counter[str] = Counter()

    def plan(self) -> Plan:
        for place in _in_order(self.places):
            if place.segment.kind in ("file", "url"):
                self.add_file(place)
            else:
                self.add_generated(place)
            self._check_cut(place)
        sounds = sound_links(self.loaded, self.inputs, self.links, self.problems, self._take)
        if not len(self.problems):
            check_inside(
                self.inputs.timeline,
                self.places,
                self.files,
                self.links,
                self.inputs.media,
                self.problems,
            )
        self.problems.raise_any()
        plan = Plan(
            tuple(self.steps),
            tuple(self.files),
            tuple(dict.fromkeys(self.notes)),
            {step.link.id: step.link for step in (*self.steps, *sounds)},
            tuple(sounds),
        )
        return with_states(plan, Shelf())

    def add_file(self, place: Place) -> None:
        segment = place.segment
        path = segment.file or self.fetched.get(segment.url or "")
        if path is None:
            self.notes.append(f"{segment.id}: {shown(segment.url or '')} isn't fetched yet")
            self.ends[segment.id] = _End(Handoff(segment.id), (), (segment.url or "", None))
            return
        clip = file_clip(
            place,
            path,
            media=self.inputs.media,
            hashes=self.hashes,
            rate=self.rate,
            problems=self.problems,
        )
        if clip is None:
            return
        self.files.append(clip)
        self._check_seams(place, 1, "it is one file")
        self._check_transitions(place, clip.out_frame - clip.in_frame)
        self._check_end(place, clip.retime)
        self.ends[segment.id] = self._end_of_file(clip)

    def _end_of_file(self, clip: FileClip) -> _End:
        video = clip.info.video
        assert video is not None
        if clip.info.still:
            sha = self.hashes[clip.path]
            return _End(ImageFile(clip.path, sha), (), (sha, None))
        last = clip.out_frame - 1
        whole = clip.retime is None and clip.out_frame == video.frames_at(self.rate)
        if clip.retime:
            last = int(clip.retime.last)
        frame = None if whole else video.shown_at(last, self.rate)
        return _End(Handoff(clip.segment, frame), (), (clip.key, frame))

    def add_generated(self, place: Place) -> None:
        segment = place.segment
        start = self._start(segment)
        starts_on_image = start is not None or bool(segment.continue_)
        footage = footage_of(place, self.inputs.media, self.links, self.problems)
        settings = settings_of(
            segment, place.index, starts_on_image, self.inputs, self.problems, footage
        )
        if settings is None:
            return
        self.notes += settings.notes
        before = len(self.problems)
        shapes = shapes_of(place, settings, self.inputs, self.problems)
        if shapes and len(self.problems) == before:
            self._check_transitions(place, sum(s.shown_frames for s in shapes))
            self._check_seams(place, len(shapes), f"it is made of {counted(len(shapes), 'link')}")
            self._check_end(place, shapes[-1].retime)
            self._add_links(place, settings, shapes, start)
            if shapes[-1].retime:
                self._tell_unheard(self.links[segment.id][-1], segment, settings)

    def _tell_unheard(self, link: Link, segment: Segment, settings: Settings) -> None:
        """Sound that costs money and is left out, since the time of its segment is bent."""
        silent = self._price(segment, replace(settings, audio=False), link.kind, link.length_s)
        if link.audio and silent is not None and link.price_usd and silent < link.price_usd:
            self.notes.append(
                f"{link.segment}: its sound is paid and left out, since its time is bent; "
                f"`audio: off` saves ${link.price_usd - silent:.2f}"
            )

    def _check_end(self, place: Place, retime: Retime | None) -> None:
        """Where another goes on from bent time, its last frame must be there to start on."""
        if retime is None:
            return
        after = [
            (n, s)
            for n, s in enumerate(self.inputs.timeline.segments)
            if s.continue_ == place.segment.id
        ]
        if not after:
            return
        if not retime.ends_on_frame:
            self.problems.add(
                f"segment {place.segment.id}: its last frame is a mix of two, and "
                f"{after[0][1].id!r} can't go on from it",
                "write `frames: nearest`",
                "segments",
                place.index,
                "speed",
            )
        for n, segment in after:
            said = segment.seams.get(1), segment.seam, self.inputs.timeline.seam
            if segment.join and segment.join.kind != "handoff":
                continue
            whole = (None, retime.first + retime.shown)
            if any(s is not None and s.keep_until not in whole for s in said):
                what = (
                    f"segment {segment.id}: `keep_until` would cut {place.segment.id!r}, whose "
                    "time is bent"
                )
                fix = f"take it out, and let `duration` say where {place.segment.id!r} ends"
                self.problems.add(what, fix, "segments", n, "seam" if segment.seam else "continue")

    def _check_seams(self, place: Place, links: int, has: str) -> None:
        """What is said of single seams must be about links of its models, not of a stand-in's."""
        if self.inputs.draft or self.inputs.provider:
            return
        for number in place.segment.seams:
            if number > links:
                what = f"segment {place.segment.id}: {has}, and has no seam {number}"
                fix = "name a link that `assembler plan` shows; 1 is the seam before the segment."
                self.problems.add(what, fix, "segments", place.index, "seams", str(number))

    def _check_cut(self, place: Place) -> None:
        """Frames that the author names at the seams of a segment must be there."""
        segment = place.segment
        for said, at in (segment.seam, ("seam",)), (segment.seams.get(1), ("seams", "1")):
            if said is None or (said.keep_until is None and said.start_from is None):
                continue
            if place.joint.kind == "handoff":
                left = self.links.get(segment.continue_ or "", ())
                clips = left[-1].id if left else segment.continue_ or "", self._first(segment)
                self._check_named(place, said, at, clips)
            else:
                self.notes.append(
                    f"{segment.id}: it isn't joined by a seam, so `keep_until` and `start_from` "
                    "change nothing"
                )
        for a, b in pairwise(self.links.get(segment.id, ())):
            said = segment.seams.get(b.number)
            if said and isinstance(b.start, Handoff) and b.start.after == a.id:
                self._check_named(place, said, ("seams", str(b.number)), (a.id, b.id))

    def _first(self, segment: Segment) -> str:
        links = self.links.get(segment.id, ())
        return links[0].id if links else segment.id

    def _check_named(
        self, place: Place, said: SeamOverride, at: tuple[str, ...], clips: tuple[str, str]
    ) -> None:
        segment = place.segment
        named = (
            ("keep_until", said.keep_until, clips[0], 0),
            ("start_from", said.start_from, clips[1], 1),
        )
        for name, number, clip, more in named:
            frames = self._frames(clip)
            if number is not None and frames is not None and number + more > frames:
                what = f"segment {segment.id}: `{name}: {number}` is beyond the {frames} frames"
                self.problems.add(
                    f"{what} of {clip!r}",
                    "count the frames of its clip at the canvas's rate, from its first one",
                    "segments", place.index, *at, name,
                )  # fmt: skip

    def _frames(self, id_: str) -> int | None:
        """
        Frames of a segment's file, or at most those of a link's clip.

        None where there is none, its time is bent, or a link's model has a stand-in.
        """
        for clip in self.files:
            video = clip.info.video
            if clip.segment == id_ and video is not None and not clip.info.still:
                return None if clip.retime else video.frames_at(self.rate)
        link = self._made(id_)
        if link is None or link.retime or self.inputs.draft or self.inputs.provider:
            return None
        longest = max([link.frames, *(more.frames for more in link.longer)])
        return ceil(longest * self.rate / link.rate)

    def _check_transitions(self, place: Place, frames: int) -> None:
        needed = place.joint.after + place.following.before
        if needed > frames:
            self.problems.add(
                f"segment {place.segment.id}: its transitions take {needed} frames, "
                f"it has {frames}",
                "shorten the transitions, or make the segment longer",
                "segments",
                place.index,
            )

    def _start(self, segment: Segment) -> _End | None:
        """What the first link starts on."""
        if segment.continue_:
            return self.ends.get(segment.continue_)
        image = segment.start or (segment.avatar.image if segment.avatar else None)
        return self._image(image) if image else None

    def _image(self, path: Path) -> _End:
        sha = self.hashes.get(path, "")
        return _End(ImageFile(path, sha), (), (sha, None))

    def _add_links(
        self,
        place: Place,
        settings: Settings,
        shapes: tuple[LinkShape, ...],
        start: _End | None,
    ) -> None:
        segment = place.segment
        image = segment.end_image
        for number, shape in enumerate(shapes, 1):
            own_start = start if number == 1 or shape.handed else None
            end = self._image(image) if image and number == len(shapes) else None
            link = self._link(place, settings, shape, number, own_start, end)
            if number == len(shapes):
                price = partial(self._price, segment, settings, link.kind)
                link = with_longer(link, shape, settings, self.rate, price)
            self.links.setdefault(segment.id, []).append(link)
            after = own_start.after if own_start else ()
            after += (link.video_of,) if link.video_of else ()
            self.steps.append(Step(link, "waiting", "", after))
            frame = shape.handoff_frame
            start = _End(Handoff(link.id, frame), (link.id,), (self._take(link), frame))
        backwards = segment.reverse  # and so the image isn't where it ends
        known = self._image(image) if image and not backwards else start
        if known:
            self.ends[segment.id] = known

    def _link(
        self,
        place: Place,
        settings: Settings,
        shape: LinkShape,
        number: int,
        start: _End | None,
        end: _End | None,
    ) -> Link:
        segment = place.segment
        later = settings.then if shape.handed else settings.alone
        made = settings.first if number == 1 else later
        avatar = segment.avatar
        link = Link(
            id=f"{segment.id}.{number}",
            segment=segment.id,
            number=number,
            kind=made.kind,
            provider=settings.provider,
            model=settings.model.id,
            length_s=shape.length_s,
            rate=made.yields.model_rate,
            frames=made.yields.frames(shape.length_s),
            size=settings.size,
            resolution=settings.resolution,
            prompt=shape.prompt,
            negative=settings.negative,
            camera=segment.camera or "",
            shots=shape.shots,
            start=start.source if start else None,
            end=end.source if end else None,
            audio=settings.audio,
            seed=settings.seed,
            guidance=settings.guidance,
            voices=segment.voices,
            references=_references(segment),
            middle=segment.middle,
            video_of=settings.footage.link.id if settings.footage and settings.footage.link else "",
            elements=segment.references.elements if segment.references else (),
            avatar_image=avatar.image if avatar else None,
            avatar_audio=avatar.audio if avatar else None,
            avatar_in_s=shape.avatar_in_s,
            options=segment.options,
            key="",
            price_usd=self._price(segment, settings, made.kind, shape.length_s),
            where=self.loaded.where("segments", place.index),
            takes=segment.takes or self.inputs.timeline.defaults.takes,
            wanted_frames=shape.wanted_frames,
            head_frames=shape.head_frames,
            tail_frames=shape.tail_frames,
            retime=shape.retime,
        )
        link = guarded(link, segment, self.inputs.timeline)
        if link.start_at_s is not None and self._bent(link.start):
            link = replace(link, start_at_s=None)
        key, asked = self._keys(link, start, end, segment)
        return replace(link, key=key, asked_key=asked)

    def _bent(self, source: FrameSource | None) -> bool:
        """Whether it is a frame of a clip whose time is bent, which ends where it is bent to."""
        if not isinstance(source, Handoff):
            return False
        link = self._made(source.after)
        if link is not None:
            return link.retime is not None
        return any(clip.segment == source.after and clip.retime for clip in self.files)

    def _made(self, id_: str) -> Link | None:
        """The link of that id, if it comes before."""
        return next((step.link for step in reversed(self.steps) if step.link.id == id_), None)

    def _price(
        self, segment: Segment, settings: Settings, kind: GenerationKind, length_s: Fraction
    ) -> Decimal | None:
        return settings.model.price(
            settings.provider,
            length_s,
            kind=kind,
            resolution=settings.resolution,
            audio=settings.audio,
            video=bool(segment.references and segment.references.video),
            voices=bool(segment.voices),
        )

    def _take(self, link: Link) -> str:
        """Key of the take in use."""
        return keys.take_key(link.key, self.chosen.get(link.key, 1))

    def _keys(
        self, link: Link, start: _End | None, end: _End | None, segment: Segment
    ) -> tuple[str, str]:
        """Of everything, and of what is asked for whatever it starts on."""
        elements = segment.references.elements if segment.references else ()
        video = self._made(link.video_of) if link.video_of else None
        parts = keys.link_parts(
            link,
            start=start.identity if start else None,
            end=end.identity if end else None,
            hashes=self.hashes,
            elements=elements,
            video=(self._take(video), None) if video else None,
        )
        if self.recipes.get(segment.id):
            parts["recipe"] = self.recipes[segment.id]
        asked = keys.content_key(**parts | {"start": None})
        if link.drift_de is not None and start and start.after:
            parts["drift"] = link.drift_de
        key = keys.content_key(**parts)
        self.copies[key] += 1
        copy = self.copies[key]
        return key if copy == 1 else keys.content_key(**parts, copy=copy), asked


def _in_order(all_places: Mapping[str, Place]) -> list[Place]:
    """Playing order, but what a segment continues, or is made of, comes before it."""
    done: dict[str, Place] = {}
    for place in all_places.values():
        waiting = [place]
        seen = {place.segment.id}
        while (target := _goes_on_from(waiting[-1].segment)) and target not in done:
            if target in seen or target not in all_places:
                break
            seen.add(target)
            waiting.append(all_places[target])
        for ready in reversed(waiting):
            done.setdefault(ready.segment.id, ready)
    return list(done.values())


def _goes_on_from(segment: Segment) -> str | None:
    return segment.continue_ or (segment.avatar.of if segment.avatar else None)


def _references(segment: Segment) -> tuple[Path, ...]:
    given = segment.references
    if segment.avatar and segment.avatar.video:
        return (segment.avatar.video,)
    if given is None:
        return ()
    return (*given.images, given.video) if given.video else given.images
