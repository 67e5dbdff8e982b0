"""Sound that came back: what was only moved is as it was, to the sample; the rest is on frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from assembler.cut.model import Cut, Rounds, Sound
from assembler.exporting.edit import Edit, Heard
from assembler.exporting.found import Event, Found
from assembler.exporting.relink import Media, grouped, same_file, says
from assembler.timebase import SampleRange, samples_at


@dataclass(slots=True)
class Resound:
    """The sounds of one edit."""

    found: Found
    cut: Cut
    edit: Edit
    media: Media
    missing: list[str] = field(default_factory=list)
    """Files that aren't anywhere."""

    def sounds(self) -> tuple[Sound, ...]:
        """All sounds, in the order of the exported cut."""
        wanted = grouped(self.edit.heard, lambda heard: id(heard.sound))
        left = grouped(self.found.lane("sound"), lambda event: event.name)
        made: dict[int, list[Sound]] = {}
        for shifted in (False, True):  # what stands where it stood is found first
            for n, sound in enumerate(self.cut.sounds):
                if n in made:
                    continue
                plays = wanted[id(sound)]
                run = _run_of(plays, left.get(sound.id, ()), shifted=shifted)
                if run:
                    rest = [event for event in left[sound.id] if event not in run]
                    left[sound.id] = rest
                    made[n] = [self._as_it_was(sound, plays, run)]
        for event in (event for events in left.values() for event in events):
            found = self._anew(event)
            if found:
                made.setdefault(found[0], []).append(found[1])
        return tuple(sound for n in sorted(made) for sound in made[n])

    def _as_it_was(self, sound: Sound, wanted: Sequence[Heard], run: Sequence[Event]) -> Sound:
        """A sound whose events still follow one another, with what was changed about it."""
        first, last = run[0], run[-1]
        start = wanted[0].record.start
        moved = self._at(first.record.start) - self._at(start)
        record = SampleRange(sound.record.start + moved, sound.record.stop + moved)
        made = replace(sound, record=record)
        if first.gain_db is not None and abs(first.gain_db - sound.gain_db) > 0.05:
            made = replace(made, gain_db=first.gain_db)
        if first.pan is not None and abs(first.pan - sound.pan) > 0.01:
            made = replace(made, pan=first.pan)
        if first.fade_in is not None and first.fade_in != wanted[0].fade_in:
            made = replace(made, fade_in=self._at(first.fade_in))
        if last.fade_out is not None and last.fade_out != wanted[-1].fade_out:
            made = replace(made, fade_out=self._at(last.fade_out))
        return made

    def _anew(self, event: Event) -> tuple[int, Sound] | None:
        """A sound of its own on the frames of an event, and its place in the order."""
        heard = self._like(event)
        if heard:
            order = next(n for n, s in enumerate(self.cut.sounds) if s is heard.sound)
            return order, _fitting(self._from(heard, event))
        new = self._new(event)
        return (len(self.cut.sounds), _fitting(new)) if new else None

    def _like(self, event: Event) -> Heard | None:
        """What was exported under an event's file or name."""
        ours = [h for h in self.edit.heard if says(event, h.medium.path)]
        if not ours and self.media.there(event.file):
            return None  # another file
        ours = ours or [h for h in self.edit.heard if same_file(event, h.medium.path)]
        named = [h for h in ours or self.edit.heard if h.name == event.name]
        return next(iter(named or ours), None)

    def _from(self, heard: Heard, event: Event) -> Sound:
        """Another stretch of a sound that was exported."""
        cut, base = self.cut, heard.sound
        start, stop = self._at(event.record.start), self._at(event.record.stop)
        midnight = heard.medium.start if event.from_midnight else 0
        ahead = event.source_in - midnight - heard.source_in
        to_frame = heard.record.start / cut.rate - Fraction(base.record.start, cut.hz)
        to_sample = Fraction(start, cut.hz) - event.record.start / cut.rate
        begins_s = base.source_start_s + base.rounds.begun_s
        return replace(
            base,
            record=SampleRange(start, stop),
            source_start_s=begins_s + to_frame + ahead / cut.rate + to_sample,
            loop=False,
            rounds=Rounds(),
            points=base.points if ahead == 0 else (),
            gain_db=base.gain_db if event.gain_db is None else event.gain_db,
            pan=base.pan if event.pan is None else event.pan,
            fade_in=base.fade_in if event.fade_in is None else self._at(event.fade_in),
            fade_out=base.fade_out if event.fade_out is None else self._at(event.fade_out),
        )

    def _new(self, event: Event) -> Sound | None:
        """A sound of a file that was not in the exported cut."""
        file = self.media.sound(event.file, event.name)
        if file is None:
            self.missing.append(event.file or event.name)
            return None
        seen = any(e.kind == "picture" and e.file == event.file for e in self.found.events)
        return Sound(
            id=event.name or file.path.stem,
            role="native" if seen else "sfx",
            path=file.path,
            key=file.key,
            stream=file.stream,
            source_start_s=file.zero_s + event.source_in / self.cut.rate,
            record=SampleRange(self._at(event.record.start), self._at(event.record.stop)),
            gain_db=event.gain_db or 0.0,
            pan=event.pan or 0.0,
            fade_in=self._at(event.fade_in or 0),
            fade_out=self._at(event.fade_out or 0),
        )

    def _at(self, frame: int) -> int:
        return samples_at(frame, self.cut.rate, self.cut.hz)


def _run_of(
    wanted: Sequence[Heard], events: Sequence[Event], *, shifted: bool
) -> list[Event] | None:
    """The events that play a sound as it was exported, where it was or moved as a whole."""
    found: list[Event] = []
    shift: int | None = None if shifted else 0
    for heard in wanted:
        fitting = (event for event in events if _plays(event, heard, shift))
        event = next(fitting, None)
        if event is None:
            return None
        shift = event.record.start - heard.record.start
        found.append(event)
    return found


def _plays(event: Event, heard: Heard, shift: int | None) -> bool:
    midnight = heard.medium.start if event.from_midnight else 0
    moved = event.record.start - heard.record.start
    return (
        event.source_in - midnight == heard.source_in
        and event.record.frames == heard.record.frames
        and (shift is None or moved == shift)
    )


def _fitting(sound: Sound) -> Sound:
    """With fades that are no longer than it is."""
    length = sound.record.samples
    fade_in = min(sound.fade_in, length)
    return replace(sound, fade_in=fade_in, fade_out=min(sound.fade_out, length - fade_in))
