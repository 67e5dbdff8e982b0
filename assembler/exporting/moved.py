"""What a file doesn't speak of moves with the pictures that it lay over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from assembler.cut.model import Clip, Cue, Cut, Marker, PictureLayer, Sound, TitleLayer
from assembler.timebase import FrameRange, SampleRange, samples_at


@dataclass(frozen=True, slots=True)
class Moves:
    """Where frames of the programme went when its row was edited."""

    before: Sequence[Clip]
    after: Sequence[Clip]

    def frame(self, frame: int) -> int | None:
        """The new place of what was shown at *frame*; None when it is no longer shown."""
        clip = next((c for c in self.before if c.record.start <= frame < c.record.stop), None)
        if clip is None:
            return frame + self._grown() if self.before else frame
        source = next(
            first + frame - record.start
            for record, first in clip.stretches()
            if record.start <= frame < record.stop
        )
        for new in self._shows(clip):
            for record, first in new.stretches():
                if first <= source < first + record.frames:
                    return record.start + source - first
        return None

    def _shows(self, clip: Clip) -> list[Clip]:
        """Clips that show the same file, those of its own name first."""
        same = [new for new in self.after if new.source.path == clip.source.path]
        return sorted(same, key=lambda new: new.id != clip.id)

    def _grown(self) -> int:
        return self.after[-1].record.stop - self.before[-1].record.stop

    def _start(self, frame: int, stop: int) -> int | None:
        """The new place of the first frame from *frame* on that is still shown."""
        places = (self.frame(at) for at in range(frame, max(stop, frame + 1)))
        return next((place for place in places if place is not None), None)

    def titles(self, titles: Iterable[TitleLayer]) -> tuple[TitleLayer, ...]:
        """Titles over the pictures that they lay over; those over nothing are gone."""
        moved = ((title, self._record(title.record)) for title in titles)
        return tuple(replace(title, record=record) for title, record in moved if record)

    def layers(self, layers: Iterable[PictureLayer]) -> tuple[PictureLayer, ...]:
        """The same of layers."""
        moved = ((layer, self._record(layer.record)) for layer in layers)
        return tuple(replace(layer, record=record) for layer, record in moved if record)

    def _record(self, record: FrameRange) -> FrameRange | None:
        end = self.after[-1].record.stop if self.after else 0
        start = self._start(*record)
        if start is None or start >= end:
            return None
        return FrameRange(start, min(end, start + record.frames))

    def markers(self, markers: Iterable[Marker]) -> tuple[Marker, ...]:
        """Markers on the frames that they marked."""
        moved = ((marker, self.frame(marker.frame)) for marker in markers)
        return tuple(replace(marker, frame=at) for marker, at in moved if at is not None)

    def cues(self, cues: Iterable[Cue], rate: Fraction) -> tuple[Cue, ...]:
        """Captions on their pictures."""
        found = []
        for cue in cues:
            begin = int(cue.start * rate)
            at = self._start(begin, int(cue.stop * rate))
            if at is not None:
                shift = (at - begin) / rate
                found.append(replace(cue, start=cue.start + shift, stop=cue.stop + shift))
        return tuple(found)


def moved_sounds(cut: Cut, clips: Sequence[Clip]) -> tuple[Sound, ...]:
    """
    All sounds for an edit of the pictures alone: clips' own sound goes with them, tracks stay.

    A clip that was only moved takes its sound along with its fades; a trimmed one is cut with short
    fades where its sound is cut.
    """
    own = {clip.id for clip in cut.clips}
    found = [s for s in cut.sounds if s.id.split("/")[0] not in own or not s.segment]
    exported = {clip.id: clip for clip in cut.clips}
    native: list[Sound] = []
    for clip in clips:
        base = exported.get(clip.id) or _base(clip, cut.clips)
        if base is None:
            continue
        theirs = [s for s in cut.sounds if s.segment and s.id.split("/")[0] == base.id]
        shift = clip.record.start - base.record.start
        if replace(base, record=clip.record) == replace(clip, join=base.join):
            start = base.record.start
            moved = _at(cut, start + shift) - _at(cut, start)
            native += [_shifted(sound, moved) for sound in theirs]
        else:
            native += _cut_again(clip, base, theirs, cut)
    order = {sound.id: n for n, sound in enumerate(cut.sounds)}
    return tuple(sorted([*native, *found], key=lambda s: order.get(s.id, len(order))))


def _base(clip: Clip, clips: Sequence[Clip]) -> Clip | None:
    """The clip that another one is a part of."""
    return next((c for c in clips if c.source == clip.source and c.segment == clip.segment), None)


def _shifted(sound: Sound, samples: int) -> Sound:
    record = SampleRange(sound.record.start + samples, sound.record.stop + samples)
    return replace(sound, record=record)


def _cut_again(clip: Clip, base: Clip, sounds: Sequence[Sound], cut: Cut) -> Iterator[Sound]:
    if not sounds:
        return
    parts = list(base.stretches())
    begin, first = parts[0]
    sound = sounds[0]
    # Where the clip's frame 0 lies on the clock of the file that is heard.
    heard_at = Fraction(sound.record.start, cut.hz) - begin.start / cut.rate
    zero_s = sound.source_start_s - heard_at - first / cut.rate
    fade = cut.hz // 200
    news = list(clip.stretches())
    for n, (record, source) in enumerate(news):
        start, stop = _at(cut, record.start), _at(cut, record.stop)
        exact = Fraction(start, cut.hz) - record.start / cut.rate
        yield replace(
            sound,
            id=clip.id if len(news) == 1 else f"{clip.id}/{n + 1}",
            record=SampleRange(start, stop),
            source_start_s=zero_s + source / cut.rate + exact,
            fade_in=min(fade, (stop - start) // 2),
            fade_out=min(fade, (stop - start) // 2),
        )


def _at(cut: Cut, frame: int) -> int:
    return samples_at(frame, cut.rate, cut.hz)


def clipped(sounds: Iterable[Sound], samples: int, hz: int) -> tuple[Sound, ...]:
    """Sounds within a programme of so many samples."""
    found = []
    for sound in sounds:
        start, stop = max(0, sound.record.start), min(samples, sound.record.stop)
        if start >= stop:
            continue
        if (start, stop) != tuple(sound.record):
            sound = _within(sound, start, stop, start - sound.record.start, hz)
        found.append(sound)
    return tuple(found)


def _within(sound: Sound, start: int, stop: int, late: int, hz: int) -> Sound:
    """A sound whose first *late* samples and all after *stop* aren't heard."""
    length = stop - start
    fade_in = 0 if late else min(sound.fade_in, length)
    return replace(
        sound,
        record=SampleRange(start, stop),
        source_start_s=sound.source_start_s + Fraction(late, hz),
        points=tuple(replace(point, at=point.at - late) for point in sound.points),
        fade_in=fade_in,
        fade_out=min(sound.fade_out, length - fade_in),
    )
