"""
What came back from an editor becomes a cut again.

    restored = restore(found, exported, media)

Places in time come from the file; what no editor knows (corrections, fits, roles, ducking) comes
from the cut that was exported, by the clips' names and files. Where nothing was changed, the cut
that comes back is the one that was exported, to the sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from math import exp
from pathlib import Path
from typing import Literal, Protocol

from assembler.cut.model import Clip, Cut, PictureLayer, Sound, Source, TitleLayer, Transition
from assembler.errors import MediaError
from assembler.exporting.edit import Edit, Heard, Names, edit_of
from assembler.exporting.found import Event, Found
from assembler.exporting.moved import Moves, clipped, moved_sounds
from assembler.match.decision import ColourStep, Correction
from assembler.timebase import FrameRange, SampleRange, Timecode, samples_at

TITLE_STYLE = "title"
"""Style of titles that an editor has added."""


@dataclass(frozen=True, slots=True)
class Audible:
    """A file with sound."""

    path: Path
    key: str
    """Content key: equal keys mean equal bytes."""
    stream: int
    """Index of its audio stream in the file."""
    zero_s: Fraction
    """Where the file's first frame lies on its own clock."""


class Media(Protocol):
    """Finds files that the exported cut doesn't know."""

    def there(self, file: str) -> bool:
        """Whether a file lies just where it is said to be."""

    def picture(self, file: str, name: str) -> Source | None:
        """A file with a picture, by where it is said to be or by its name."""

    def sound(self, file: str, name: str) -> Audible | None:
        """A file with sound."""

    def black(self, size: tuple[int, int]) -> Source:
        """A black picture for what is left empty."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A cut, and what of the file it doesn't have."""

    cut: Cut
    lost: tuple[str, ...]


def restore(found: Found, exported: Cut | None, media: Media) -> Restored:
    """
    The cut that *found* describes.

    Args:
        found: What an editor's file says.
        exported: The cut that was exported; None when nobody has it any more.
        media: Finds all other files.

    Raises:
        MediaError: If files can't be found, or the two cuts don't count the same frames.
    """
    if exported is not None and exported.rate != found.rate:
        raise MediaError(
            f"has {float(found.rate):.5g} frames a second, the film {float(exported.rate):.5g}",
            found.title,
            "export it from a sequence with the film's frame rate",
        )
    return _Restorer(found, exported or _nothing(found), media).restored()


def _nothing(found: Found) -> Cut:
    return Cut(found.title, found.size or (1920, 1080), found.rate, 48000, "stereo", ())


@dataclass(frozen=True, slots=True)
class _Placed:
    """A picture event with what is shown in it."""

    event: Event
    base: Clip
    record: FrameRange
    source_in: int
    known: bool
    """Whether the clip was in the exported cut."""


@dataclass(slots=True)
class _Restorer:
    found: Found
    cut: Cut
    media: Media
    lost: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    names: Names = field(default_factory=lambda: Names(mark="~"))

    def restored(self) -> Restored:
        cut, found = self.cut, self.found
        edit = edit_of(cut, start=Timecode(0, cut.rate))
        clips = self.clips(edit)
        frames = clips[-1].record.stop if clips else 0
        moves = Moves(cut.clips, clips)
        layers = self.layers(edit, moves)
        sounds = self.sounds(edit, clips, moves)
        if self.missing:
            raise MediaError(
                f"media can't be found: {', '.join(dict.fromkeys(self.missing))}",
                found.title,
                "name their folder with --media, or put them beside the file",
            )
        if not clips:
            raise MediaError("has no pictures", found.title, "export the sequence with its video")
        self.lost += found.lost
        pairs = {f"{a.id}>{b.id}" for a, b in pairwise(clips)}
        made = replace(
            cut,
            title=found.title or cut.title,
            size=cut.size if cut.clips else found.size or cut.size,
            clips=clips,
            layers=layers,
            titles=self.titles(frames, moves),
            sounds=clipped(sounds, self.at(frames), cut.hz),
            captions=moves.cues(cut.captions, cut.rate),
            seams=tuple(seam for seam in cut.seams if seam.seam in pairs),
            markers=found.markers or moves.markers(cut.markers),
            chapters=moves.markers(cut.chapters) if found.chapters is None else found.chapters,
            poster=None if cut.poster is None else moves.frame(cut.poster),
        )
        return Restored(made, tuple(dict.fromkeys(self.lost)))

    def clips(self, edit: Edit) -> tuple[Clip, ...]:
        """The row, without gaps."""
        placed = _merged([p for e in self.row() if (p := self.placed(e, edit))])
        clips: list[Clip] = []
        for one, skipped in placed:
            at = clips[-1].record.stop if clips else 0
            if one.record.start > at:
                clips.append(self.gap(at, one.record.start))
            clips.append(self.clip(one, skipped, clips[-1] if clips else None))
        return tuple(clips)

    def row(self) -> Sequence[Event]:
        """Events of the row; what begins before the one before ends is cut to follow it."""
        events: list[Event] = []
        at = 0
        for event in self.found.lane("picture", 0):
            late = at - event.record.start
            if late >= event.record.frames:
                self.lost.append(f"{event.name}: it lies under others in the row")
                continue
            if late > 0:
                self.lost.append(f"{event.name}: its first {late} frames lie under another clip")
                record = FrameRange(at, event.record.stop)
                event = replace(event, record=record, source_in=event.source_in + late)
            events.append(event)
            at = event.record.stop
        return events

    def placed(self, event: Event, edit: Edit) -> _Placed | None:
        base = self.known_clip(event, edit)
        if base is None:
            source = self.media.picture(event.file, event.name)
            if source is None:
                self.missing.append(event.file or event.name)
                return None
            # By its content it may be a take after all.
            base = next((c for c in self.cut.clips if c.source.path == source.path), None)
            if base is None:
                name = event.name or source.path.stem
                first = max(0, event.source_in)
                base = Clip(name, name, source, event.record, first)
                return _Placed(event, base, event.record, first, False)
        return _Placed(event, base, event.record, max(0, _first(event, base, edit)), True)

    def known_clip(self, event: Event, edit: Edit) -> Clip | None:
        """The clip of the exported cut that an event shows: by its file, then by its name."""
        clips = self.cut.clips
        chosen = [c for c in clips if _says(event, c.source.path)]
        if not chosen and self.media.there(event.file):
            return None  # another file of that name, or a copy
        chosen = chosen or [c for c in clips if same_file(event, c.source.path)]
        if event.reel and not chosen:
            paths = {m.path for m in edit.media if m.reel == event.reel}
            chosen = [c for c in clips if c.source.path in paths]
        if not chosen:
            chosen = [c for c in clips if c.id == event.name]
        named = [c for c in chosen if c.id == event.name] or chosen
        within = [c for c in named if c.source_in <= _first(event, c, edit) < c.source_out]
        return next(iter(within or named), None)

    def clip(self, one: _Placed, skipped: tuple[int, ...], before: Clip | None) -> Clip:
        base = one.base
        transition = one.event.transition
        if transition and before is None:
            self.lost.append(f"{base.id}: a {transition.name} needs a clip before it")
            transition = None
        if transition and before:
            transition = self.within_handles(transition, one, before)
            transition = transition and _as_exported(transition, base.transition)
        used = one.source_in - base.source_in
        used -= sum(1 for n in base.skipped if n < one.source_in)
        return replace(
            base,
            id=self.names.unique(base.id),
            record=one.record,
            source_in=one.source_in,
            skipped=skipped,
            transition=transition,
            correction=advanced(base.correction, used) if one.known else base.correction,
            join=self.join(one, before, transitioned=transition is not None),
        )

    def within_handles(
        self, transition: Transition, one: _Placed, before: Clip
    ) -> Transition | None:
        """A transition no longer than the frames that both clips have beyond the cut."""
        has = before.source.frames_at(self.cut.rate)
        ahead, after = transition.before_frames, transition.after_frames
        if not one.base.source.still:
            ahead = min(ahead, one.source_in)
        if has is not None:
            after = min(after, max(0, has - before.source_out))
        if (ahead, after) == (transition.before_frames, transition.after_frames):
            return transition
        self.lost.append(
            f"{one.base.id}: its {transition.name} has {ahead + after} frames instead of "
            f"{transition.frames}; the clips have no more"
        )
        short = replace(transition, before_frames=ahead, after_frames=after)
        return short if short.frames else None

    def join(
        self, one: _Placed, before: Clip | None, *, transitioned: bool
    ) -> Literal["start", "handoff", "cut", "transition"]:
        if before is None:
            return "start"
        if transitioned:
            return "transition"
        followed = one.known and any(
            b.id == one.base.id and a.id == before.id for a, b in pairwise(self.cut.clips)
        )
        join = one.base.join
        return join if followed and join in ("handoff", "cut") else "cut"

    def gap(self, start: int, stop: int) -> Clip:
        self.lost.append(f"frames {start} to {stop} are empty and stay black")
        name = self.names.unique("black")
        return Clip(name, name, self.media.black(self.cut.size), FrameRange(start, stop), 0)

    def layers(self, edit: Edit, moves: Moves) -> tuple[PictureLayer, ...]:
        if "layers" not in self.found.carries:
            return moves.layers(self.cut.layers)
        events = [e for e in self.found.lane("picture") if e.lane > 0]
        names = Names(mark="~")
        found = []
        for event in events:
            layer = self.layer(event, edit)
            if layer:
                found.append(replace(layer, id=names.unique(layer.id)))
        order = {layer.id: n for n, layer in enumerate(self.cut.layers)}
        return tuple(sorted(found, key=lambda layer: order.get(layer.id, len(order))))

    def layer(self, event: Event, edit: Edit) -> PictureLayer | None:
        own = [one for one in self.cut.layers if one.id == event.name]
        own = own or [o for o in self.cut.layers if same_file(event, o.source.path)]
        if own:
            start = edit_start(edit, own[0].source.path) if event.from_midnight else 0
            return replace(own[0], record=event.record, source_in=event.source_in - start)
        placed = self.placed(event, edit)
        if placed is None:
            return None
        self.lost.append(f"{event.name}: it lies over the row, and is shown over the whole canvas")
        box = (0, 0, *self.cut.size)
        base = placed.base
        return PictureLayer(base.id, base.source, event.record, placed.source_in, box)

    def titles(self, frames: int, moves: Moves) -> tuple[TitleLayer, ...]:
        if "titles" not in self.found.carries:
            return moves.titles(self.cut.titles)
        own = {title.id: title for title in self.cut.titles}
        names = Names(mark="~")
        found = []
        for event in self.found.lane("title"):
            base = own.get(event.name)
            style = base.style if base else TITLE_STYLE
            text = event.text or (base.text if base else "")
            if not text:
                self.lost.append(f"{event.name}: a title without words")
                continue
            name = names.unique(event.name or "title")
            title = TitleLayer(name, text, style, event.record)
            if base:
                title = replace(base, id=name, text=text, record=event.record)
            found.append(title)
        order = {title.id: n for n, title in enumerate(self.cut.titles)}
        return tuple(sorted(found, key=lambda title: order.get(title.id, len(order))))

    def sounds(self, edit: Edit, clips: Sequence[Clip], moves: Moves) -> tuple[Sound, ...]:
        if "sounds" not in self.found.carries:
            return moved_sounds(self.cut, clips, moves)
        left = list(self.found.lane("sound"))
        made: dict[int, list[Sound]] = {}
        for shifted in (False, True):  # what stands where it stood is found first
            for n, sound in enumerate(self.cut.sounds):
                if n in made:
                    continue
                wanted = [h for h in edit.heard if h.sound is sound]
                run = _run_of(wanted, left, shifted=shifted)
                if run:
                    left = [event for event in left if event not in run]
                    made[n] = [self.as_it_was(sound, wanted, run)]
        for event in left:
            n, new = self.heard_anew(event, edit)
            if new:
                made.setdefault(n, []).append(new)
        return tuple(sound for n in sorted(made) for sound in made[n])

    def as_it_was(self, sound: Sound, wanted: Sequence[Heard], run: Sequence[Event]) -> Sound:
        """A sound whose events still follow one another, with what was changed about it."""
        cut = self.cut
        shift = run[0].record.start - wanted[0].record.start
        first, last = run[0], run[-1]
        start = wanted[0].record.start
        moved = self.at(start + shift) - self.at(start)
        made = replace(
            sound, record=SampleRange(sound.record.start + moved, sound.record.stop + moved)
        )
        if first.gain_db is not None and abs(first.gain_db - sound.gain_db) > 0.05:
            made = replace(made, gain_db=first.gain_db)
        if first.pan is not None and abs(first.pan - sound.pan) > 0.01:
            made = replace(made, pan=first.pan)
        if first.fade_in is not None and first.fade_in != wanted[0].fade_in:
            made = replace(made, fade_in=samples_at(first.fade_in, cut.rate, cut.hz))
        if last.fade_out is not None and last.fade_out != wanted[-1].fade_out:
            made = replace(made, fade_out=samples_at(last.fade_out, cut.rate, cut.hz))
        return made

    def heard_anew(self, event: Event, edit: Edit) -> tuple[int, Sound | None]:
        """A sound of its own on the frames of an event, and its place in the order."""
        cut = self.cut
        chosen = [h for h in edit.heard if h.name == event.name]
        chosen = [h for h in chosen if same_file(event, h.medium.path)] or chosen
        chosen = chosen or [h for h in edit.heard if same_file(event, h.medium.path)]
        start, stop = self.at(event.record.start), self.at(event.record.stop)
        fades = [
            None if n is None else samples_at(n, cut.rate, cut.hz)
            for n in (event.fade_in, event.fade_out)
        ]
        if chosen:
            known = chosen[0]
            base = known.sound
            midnight = known.medium.start if event.from_midnight else 0
            ahead = event.source_in - midnight - known.source_in
            begins_s = (
                base.source_start_s
                + known.record.start / cut.rate
                - Fraction(base.record.start, cut.hz)
                + ahead / cut.rate
            )
            more = Fraction(start, cut.hz) - event.record.start / cut.rate
            made = replace(
                base,
                record=SampleRange(start, stop),
                source_start_s=begins_s + more,
                loop=False,
                points=base.points if ahead == 0 else (),
                gain_db=base.gain_db if event.gain_db is None else event.gain_db,
                pan=base.pan if event.pan is None else event.pan,
                fade_in=base.fade_in if fades[0] is None else fades[0],
                fade_out=base.fade_out if fades[1] is None else fades[1],
            )
            return cut.sounds.index(base), _fitting(made)
        file = self.media.sound(event.file, event.name)
        if file is None:
            self.missing.append(event.file or event.name)
            return 0, None
        seen = any(e.kind == "picture" and e.file == event.file for e in self.found.events)
        made = Sound(
            id=event.name or file.path.stem,
            role="native" if seen else "sfx",
            path=file.path,
            key=file.key,
            stream=file.stream,
            source_start_s=file.zero_s + event.source_in / cut.rate,
            record=SampleRange(start, stop),
            gain_db=event.gain_db or 0.0,
            pan=event.pan or 0.0,
            fade_in=fades[0] or 0,
            fade_out=fades[1] or 0,
        )
        return len(cut.sounds), _fitting(made)

    def at(self, frame: int) -> int:
        return samples_at(frame, self.cut.rate, self.cut.hz)


def _as_exported(found: Transition, exported: Transition | None) -> Transition:
    """A transition with what only we know of it, if it is still the same kind."""
    if exported is None or found.name != exported.name:
        return found
    return replace(exported, before_frames=found.before_frames, after_frames=found.after_frames)


def edit_start(edit: Edit, path: Path) -> int:
    """Timecode of a medium's first frame, as a count."""
    return next((medium.start for medium in edit.media if medium.path == path), 0)


def _first(event: Event, clip: Clip, edit: Edit) -> int:
    """First frame of an event, counted from the first one of a clip's medium."""
    start = edit_start(edit, clip.source.path) if event.from_midnight else 0
    return event.source_in - start


def _says(event: Event, path: Path) -> bool:
    """Whether an event names just this file, by its whole path or relative to the edit."""
    parts = Path(event.file).parts
    return bool(parts) and len(parts) > 1 and path.parts[-len(parts) :] == parts


def same_file(event: Event, path: Path) -> bool:
    """Whether an event names a file of this name, wherever it lies now."""
    return bool(event.file) and Path(event.file).name == path.name


def _merged(placed: Iterable[_Placed]) -> list[tuple[_Placed, tuple[int, ...]]]:
    """Stretches of a clip that leave out no more than it did are one clip again."""
    found: list[tuple[_Placed, tuple[int, ...]]] = []
    for one in placed:
        if found:
            before, skipped = found[-1]
            stop = before.source_in + before.record.frames + len(skipped)
            gap = tuple(range(stop, one.source_in))
            follows = before.base is one.base and before.record.stop == one.record.start
            if follows and gap and set(gap) <= set(one.base.skipped) and not one.event.transition:
                whole = FrameRange(before.record.start, one.record.stop)
                found[-1] = (replace(before, record=whole), skipped + gap)
                continue
        found.append((one, ()))
    return found


def _run_of(
    wanted: Sequence[Heard], events: Sequence[Event], *, shifted: bool
) -> list[Event] | None:
    """The events that play a sound as it was exported, where it was or moved as a whole."""
    found: list[Event] = []
    shift: int | None = None if shifted else 0
    for heard in wanted:
        for event in events:
            midnight = heard.medium.start if event.from_midnight else 0
            if event.name != heard.name or event.source_in - midnight != heard.source_in:
                continue
            moved = event.record.start - heard.record.start
            if event.record.frames == heard.record.frames and moved == (
                moved if shift is None else shift
            ):
                shift = moved
                found.append(event)
                break
        else:
            return None
    return found


def _fitting(sound: Sound) -> Sound:
    """With fades that are no longer than it is."""
    length = sound.record.samples
    fade_in = min(sound.fade_in, length)
    return replace(sound, fade_in=fade_in, fade_out=min(sound.fade_out, length - fade_in))


def advanced(correction: Correction, frames: int) -> Correction:
    """A clip's correction when its first *frames* used frames are no longer shown."""
    if frames <= 0 or correction.neutral:
        return correction
    fix = correction.colour
    if fix:
        left = exp(-frames / fix.tau_frames)
        red, green, blue = (value * left for value in fix.decay)
        steps = tuple(_later(step, frames) for step in fix.steps)
        fix = replace(fix, decay=(red, green, blue), steps=steps)
    if correction.release_frames == 0:
        return replace(correction, colour=fix)
    rest = correction.release_frames - frames
    return replace(correction, colour=fix, release_frames=rest) if rest > 0 else Correction()


def _later(step: ColourStep, frames: int) -> ColourStep:
    return replace(step, weights=step.weights[min(frames, len(step.weights) - 1) :])
