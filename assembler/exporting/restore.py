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
from itertools import pairwise
from math import exp
from typing import Literal

from assembler.cut.model import (
    Clip,
    Cut,
    PictureLayer,
    Sound,
    Source,
    TitleLayer,
    Transition,
)
from assembler.errors import MediaError
from assembler.exporting.edit import Edit, Names, edit_of
from assembler.exporting.found import Event, Found
from assembler.exporting.moved import Moves, clipped, moved_sounds
from assembler.exporting.relink import Known, Media, same_file, shown_from
from assembler.exporting.resound import Resound
from assembler.match.decision import ColourStep, Correction
from assembler.timebase import FrameRange, Timecode, samples_at
from assembler.wording import counted

TITLE_STYLE = "title"
"""Style of titles that an editor has added."""
EXACT_SPEED = 0.06
"""Frames a second by which a speed may differ from ours and be the same; EDLs have one decimal."""


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


_ROUNDED = 1
"""So many frames beyond a file's end are asked for by an editor's rounding."""


@dataclass(slots=True)
class _Restorer:
    found: Found
    cut: Cut
    media: Media
    lost: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    respeeded: list[Event] = field(default_factory=list)
    """Pictures that were given another speed."""
    known: Known = field(init=False)
    names: Names = field(default_factory=lambda: Names(mark="~"))

    def restored(self) -> Restored:
        cut, found = self.cut, self.found
        edit = edit_of(cut, start=Timecode(0, cut.rate))
        self.known = Known(cut, edit)
        clips = self.clips()
        frames = clips[-1].record.stop if clips else 0
        moves = Moves(cut.clips, clips)
        layers = self.layers(moves)
        sounds = self.sounds(edit, clips)
        if self.missing:
            raise MediaError(
                f"media can't be found: {', '.join(dict.fromkeys(self.missing))}",
                found.title,
                "name their folder with --media, or put them beside the file",
            )
        if not clips:
            raise MediaError("has no pictures", found.title, "export the sequence with its video")
        others = [e for e in found.events if e.kind == "sound" and e.speed is not None]
        for event in (*self.respeeded, *others):
            called = event.name or "Clip"
            self.lost.append(f"{called}: it was given another speed; it plays at its own")
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

    def clips(self) -> tuple[Clip, ...]:
        """The row, without gaps."""
        placed = _merged([p for e in self.row() if (p := self.placed(e))])
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

    def placed(self, event: Event) -> _Placed | None:
        base = self.known.clip(event, self.media)
        if base is None:
            source = self.media.picture(event.file, event.name)
            if source is None:
                self.missing.append(event.file or event.name)
                return None
            # By its content it may be a take after all.
            base = self.known.showing(source.path)
            if base is None:
                name = event.name or source.path.stem
                first = max(0, event.source_in)
                base = Clip(name, name, source, event.record, first)
                if event.speed is not None:
                    self.respeeded.append(event)
                self.tell_end(event, source, first)
                return _Placed(event, base, event.record, first, False)
        first = max(0, self.known.first_of(event, base))
        if event.speed is not None and not self.as_fast(event, base, first):
            self.respeeded.append(event)
        self.tell_end(event, base.source, first)
        return _Placed(event, base, event.record, first, True)

    def tell_end(self, event: Event, source: Source, first: int) -> None:
        """Say that a file ends before an event does."""
        has = source.frames_at(self.cut.rate)
        over = 0 if has is None else first + event.record.frames - has
        if over > _ROUNDED:
            frames = counted(min(over, event.record.frames), "frame")
            name = event.name or source.path.stem
            self.lost.append(f"{name}: {source.path.name} ends {frames} before it; its last stays")

    def as_fast(self, event: Event, base: Clip, first: int) -> bool:
        """Whether an event has its clip's own speed, as exactly as EDLs say it."""
        retime = base.source.retime
        if retime is None or event.speed is None:
            return False
        exact = float(retime.pace(first, event.record.frames) * self.cut.rate)
        return abs(event.speed * float(self.cut.rate) - exact) <= EXACT_SPEED

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
        followed = one.known and self.known.follows(before.id, one.base.id)
        join = one.base.join
        return join if followed and join in ("handoff", "cut") else "cut"

    def gap(self, start: int, stop: int) -> Clip:
        self.lost.append(f"frames {start} to {stop} are empty and stay black")
        name = self.names.unique("black")
        return Clip(name, name, self.media.black(self.cut.size), FrameRange(start, stop), 0)

    def layers(self, moves: Moves) -> tuple[PictureLayer, ...]:
        if "layers" not in self.found.carries:
            return moves.layers(self.cut.layers)
        events = [e for e in self.found.lane("picture") if e.lane > 0]
        names = Names(mark="~")
        found = []
        for event in events:
            layer = self.layer(event)
            if layer:
                found.append(replace(layer, id=names.unique(layer.id)))
        order = {layer.id: n for n, layer in enumerate(self.cut.layers)}
        return tuple(sorted(found, key=lambda layer: order.get(layer.id, len(order))))

    def layer(self, event: Event) -> PictureLayer | None:
        own = [one for one in self.cut.layers if one.id == event.name]
        own = own or [o for o in self.cut.layers if same_file(event, o.source.path)]
        if own:
            first = self.known.first(event, own[0].source.path)
            if event.speed is not None:
                self.respeeded.append(event)
            retime = own[0].source.retime
            if retime is not None:
                first = shown_from(retime, first, event.record.frames, own[0].source_in)
            self.tell_end(event, own[0].source, first)
            return replace(own[0], record=event.record, source_in=first)
        placed = self.placed(event)
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

    def sounds(self, edit: Edit, clips: Sequence[Clip]) -> tuple[Sound, ...]:
        if "sounds" not in self.found.carries:
            return moved_sounds(self.cut, clips)
        resound = Resound(self.found, self.cut, edit, self.media)
        found = resound.sounds()
        self.missing += resound.missing
        return found

    def at(self, frame: int) -> int:
        return samples_at(frame, self.cut.rate, self.cut.hz)


def _as_exported(found: Transition, exported: Transition | None) -> Transition:
    """A transition with what only we know of it, if it is still the same kind."""
    if exported is None or found.name != exported.name:
        return found
    return replace(exported, before_frames=found.before_frames, after_frames=found.after_frames)


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
