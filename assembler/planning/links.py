"""
A generated segment as links: lengths, prompts, shots, and what the cut wants of each.

Decided here and nowhere else:

- Beats go to links by time; the beat in force when a link begins is said again to it.
- Shots stay whole. What fits into one generation becomes one multi-shot link; more becomes several,
  each split at a shot's own cut, so nothing is handed over between them. A model without multi-shot
  is refused.
- Time is bent within one link: only what the bend shows is generated, and links can't be bent
  together.
- A recording longer than its avatar model allows becomes a chain; each link hears the recording
  from its repeated frame on.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from assembler.planning.chain import Span, Yield, chain, pieces
from assembler.planning.model import LinkShot
from assembler.planning.problems import Problems
from assembler.planning.prompts import TimedBeat, group, joined, prompt_of
from assembler.planning.retime import Need, Retime, bent, needed, unseen
from assembler.planning.row import Place
from assembler.planning.settings import BY_HAND, DRAFT, Inputs, Settings
from assembler.timebase import frames_in


@dataclass(frozen=True, slots=True)
class LinkShape:
    """One link before it has a name: how long it is and what it says."""

    length_s: Fraction
    prompt: str
    handed: bool
    """Whether it goes on from the link before it in its segment."""
    wanted_frames: int
    """Programme frames that the cut takes, handles included, the repeated one not."""
    head_frames: int = 0
    tail_frames: int = 0
    shots: tuple[LinkShot, ...] = ()
    avatar_in_s: Fraction = Fraction(0)
    handoff_frame: int | None = None
    """
    Own frame on which its picture ends, where another may go on from it; None is the last. Given
    at a segment's end, which is cut to the author's length, and for every link of an avatar, whose
    clips go on after the last word.
    """
    retime: Retime | None = None
    """How its time is bent; `wanted_frames` are then those of the clip."""

    @property
    def shown_frames(self) -> int:
        """Frames within the segment."""
        if self.retime:
            return self.retime.shown
        return self.wanted_frames - self.head_frames - self.tail_frames


def shapes_of(
    place: Place, settings: Settings, inputs: Inputs, problems: Problems
) -> tuple[LinkShape, ...]:
    """Links of a generated segment in playing order; empty when something is wrong with it."""
    return _Shaper(place, settings, inputs, problems).shapes()


class _Shaper:
    def __init__(
        self, place: Place, settings: Settings, inputs: Inputs, problems: Problems
    ) -> None:
        self.place = place
        self.segment = place.segment
        self.settings = settings
        self.model = settings.model
        self.inputs = inputs
        self.rate = inputs.timeline.canvas.rate
        self.problems = problems
        self.head = place.joint.head if place.joint.kind != "handoff" else 0
        self.tail = place.following.tail
        self.handed = place.joint.kind == "handoff"
        self.starts = bool(self.segment.start or self.segment.continue_)

    def shapes(self) -> tuple[LinkShape, ...]:
        if self.segment.avatar and self.segment.avatar.moves_lips:
            shapes = self.lip_sync()
        elif self.segment.avatar:
            shapes = self.avatar()
        elif len(self.segment.shots) > 1:
            shapes = self.multi_shot()
        else:
            shapes = self.beaten()
        self.check_prompts(shapes)
        self.check_end(shapes)
        if self.segment.middle and len(shapes) > 1 and self.model.id != DRAFT:
            what = f"its images in the middle belong to one generation, and it needs {len(shapes)}"
            self.refuse(what, "shorten it, or make it several segments", "middle")
        return shapes

    def refuse(self, what: str, fix: str, *loc: str | int) -> None:
        place = ("segments", self.place.index, *loc)
        self.problems.add(f"segment {self.segment.id}: {what}", fix, *place)

    # One prompt, with beats

    def beaten(self) -> tuple[LinkShape, ...]:
        shots = self.segment.shots
        length = self.segment.duration or (shots[0].duration if shots else None)
        frames = length.frames(self.rate) if length else 0
        if frames < 1:
            self.refuse("its duration is less than a frame", "give it a duration", "duration")
            return ()
        prompt = joined(self.segment.prompt, *(shot.prompt for shot in shots))
        if self.segment.bends:
            return self.bent(frames, prompt)
        lengths = self.lengths(frames + self.head + self.tail)
        if not lengths:
            return ()
        beats = self.beats(frames)
        prompts = []
        start = Fraction(-self.head) / self.rate
        for length_s in lengths:
            prompts.append(prompt_of(prompt, beats, max(start, Fraction(0)), start + length_s))
            start += length_s
        return self.chained(tuple(map(Fraction, lengths)), tuple(prompts), frames)

    def beats(self, frames: int) -> list[TimedBeat]:
        beats = []
        for number, beat in enumerate(self.segment.beats):
            at = beat.at.seconds(self.rate)
            if at * self.rate >= frames:
                end = f"{float(frames / self.rate):g} s"
                what = f"the beat at {beat.at} comes after the segment's end at {end}"
                self.refuse(what, "move it, or make the segment longer", "beats", number, "at")
            beats.append(TimedBeat(at, beat.prompt))
        return sorted(beats, key=lambda beat: beat.at_s)

    def lengths(self, need: int) -> tuple[int, ...]:
        """Seconds of each link; empty when the model can't make such a chain."""
        if self.settings.first.follows == "video":
            return self.like_reference(need)
        last = self.model.end_image_lengths if self.segment.end_image else ()
        first, then = self.settings.first, self.settings.then
        made = first.lengths
        try:
            lengths = chain(
                need,
                then.lengths,
                then.yields,
                handed=self.handed,
                last=last,
                first=(first.lengths, first.yields),
            )
        except ValueError:
            return ()
        if self.segment.bends:
            return lengths
        longest = made.high if isinstance(made, Span) else max(made)
        if len(lengths) > 1 and self.model.images_by_url:
            what = (
                f"{self.settings.provider} makes {longest} s at most, and can't go on from a frame "
                "on this machine"
            )
            self.refuse(what, f"make it {longest}s, or take another provider", "duration")
            return ()
        framed = self.model.framed_kinds
        goes_on = not framed or self.settings.then.kind in framed
        if len(lengths) > 1 and not (self.model.start_image and goes_on):
            what = f"{self.model.id} makes {longest} s at most and can't go on from an image"
            self.refuse(what, f"make it {longest}s, or take a model with start images", "duration")
            return ()
        return lengths

    def like_reference(self, need: int) -> tuple[int, ...]:
        given = self.segment.references.video if self.segment.references else None
        info = self.inputs.media.get(given) if given else None
        if info is None or info.video is None:
            what = f"{self.model.id} makes a clip as long as the video it is given"
            self.refuse(what, "give one in `references: {video: …}`", "references")
            return ()
        longest = self.settings.first.longest_s
        has = info.video.duration_s
        least = self.model.video.min_s if self.model.video else None
        if least is not None and has < least:
            what = f"{given.name if given else ''} has {float(has):.3g} s"
            fix = f"{self.model.id} needs {float(least):g} s; give a longer video"
            self.refuse(what, fix, "references", "video")
            return ()
        can = min(has, Fraction(longest)) if longest else has
        if need > can * self.rate:
            what = (
                f"{float(need / self.rate):g} s are asked, "
                f"the reference video gives {float(can):g} s"
            )
            self.refuse(what, "shorten the segment, or give a longer video", "duration")
            return ()
        return (ceil(can),)

    def chained(
        self, lengths: tuple[Fraction, ...], prompts: tuple[str, ...], frames: int
    ) -> tuple[LinkShape, ...]:
        """Links that hand over to one another and together show the segment and its handles."""
        if self.head and self.segment.end_image:
            self.head += self.spare(lengths, frames)
        need = frames + self.head + self.tail
        shapes = []
        for number, (length, prompt) in enumerate(zip(lengths, prompts, strict=True)):
            handed = number > 0
            yields = self.yields(number)
            drop = yields.repeat if handed or self.handed else 0
            can = yields.visible(length) - drop
            final = number == len(lengths) - 1
            wanted = min(can, need)
            shapes.append(
                LinkShape(
                    length,
                    prompt,
                    handed,
                    wanted,
                    head_frames=0 if number else self.head,
                    tail_frames=self.tail if final else 0,
                    handoff_frame=self.handoff(yields, drop + wanted - self.tail)
                    if final
                    else None,
                )
            )
            need -= wanted
        return tuple(shapes)

    def spare(self, lengths: tuple[Fraction, ...], frames: int) -> int:
        """
        Frames beyond segment and handles.

        Before a transition they come off the head, so that the end image is where the segment ends.
        """
        shown = sum(self.yields(n).visible(x) - self.repeat(n) for n, x in enumerate(lengths))
        return max(0, shown - frames - self.head - self.tail)

    def yields(self, number: int) -> Yield:
        """What comes back for a link, the first being number 0."""
        return (self.settings.then if number else self.settings.first).yields

    def handoff(self, yields: Yield, out: int) -> int:
        """Own frame that is the last before programme frame *out* of a link."""
        return int((out - 1) * yields.model_rate / self.rate)

    # Bent time

    def bent(self, frames: int, prompt: str) -> tuple[LinkShape, ...]:
        """One link as long as what is shown of it."""
        for n in unseen(self.segment, frames, self.rate):
            end = f"{float(frames / self.rate):.4g} s"
            at = self.segment.freeze[n].at
            what = f"the freeze at {at} comes after the segment's end at {end}"
            self.refuse(what, "move it, or make the segment longer", "freeze", n, "at")
        need = self.needed(frames)
        lengths = self.lengths(need.frames)
        if not lengths:
            return ()
        if len(lengths) > 1:
            self.refuse_bent(frames, need)
            return ()
        (length,) = map(Fraction, lengths)
        segment, yields = self.segment, self.yields(0)
        has = yields.visible(length)
        spare = has - need.frames if self.head and segment.end_image and not segment.reverse else 0
        retime = bent(segment, begin=need.begin + spare, shown=frames, has=has, rate=self.rate)
        beats = [self.bent_beat(beat, retime) for beat in self.beats(frames)]
        return (
            LinkShape(
                length,
                prompt_of(prompt, beats, Fraction(0), length),
                False,
                need.frames + spare,
                handoff_frame=self.handoff(yields, int(retime.last) + 1),
                retime=retime,
            ),
        )

    def needed(self, frames: int) -> Need:
        handed_on = self.place.following.kind == "handoff" or any(
            s.continue_ == self.segment.id for s in self.inputs.timeline.segments
        )
        return needed(
            self.segment,
            shown=frames,
            head=self.head,
            tail=self.tail,
            rate=self.rate,
            handed_on=handed_on,
        )

    def bent_beat(self, beat: TimedBeat, retime: Retime) -> TimedBeat:
        """A beat where in the clip it is; the first frame's is in force from its start."""
        frame = int(beat.at_s * self.rate)
        at_s = retime.at(retime.first + frame) / self.rate if frame else Fraction(0)
        return TimedBeat(at_s, beat.prompt)

    def refuse_bent(self, frames: int, need: Need) -> None:
        made = self.settings.first.lengths
        longest = made.high if isinstance(made, Span) else max(made)
        has = self.yields(0).visible(longest)
        low, high = 0, frames
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.needed(middle).frames <= has else (low, middle)
        shows = f"it shows {float(need.frames / self.rate):.4g} s of a clip"
        self.refuse(
            f"{shows}, and {self.model.id} makes {longest} s in one piece",
            f"show {low}f ({float(low / self.rate):.3f} s) at most, and bend the rest in a segment "
            "of its own",
            "duration" if self.segment.duration else "shots",
        )

    # Several shots

    def multi_shot(self) -> tuple[LinkShape, ...]:
        limits = self.model.shots
        if limits is None:
            what = f"{self.model.id} makes one shot at a time, not {len(self.segment.shots)}"
            fix = "write each shot as a segment of its own, or take a model with multi-shot"
            self.refuse(what, fix, "shots")
            return ()
        shots = self.shots()
        groups = group(shots, limits, self.settings.first.lengths) if shots else None
        if groups is None:
            if shots:
                self.refuse_sum(shots)
            return ()
        if len(groups) > 1 and self.settings.alone.kind not in self.model.kinds:
            what = f"its shots need {len(groups)} generations, and only the first has a start image"
            fix = f"keep to {limits.max} shots in one segment; {self.model.id} starts from images"
            self.refuse(what, fix, "shots")
            return ()
        return tuple(self.grouped(tuple(groups)))

    def shots(self) -> list[LinkShot]:
        """The shots in whole seconds, the outer ones long enough for the handles, too."""
        limits = self.model.shots
        assert limits is not None
        shots, fine = [], True
        for number, shot in enumerate(self.segment.shots):
            seconds = shot.duration.seconds(self.rate)
            if seconds.denominator != 1 or seconds < limits.min_s:
                least = f"{float(limits.min_s):g} s"
                what = (
                    f"a shot of {shot.duration}; {self.model.id} makes whole seconds from {least}"
                )
                self.refuse(what, "round it", "shots", number, "duration")
                fine = False
            elif limits.max_s is not None and seconds > limits.max_s:
                most = f"{float(limits.max_s):g} s"
                what = f"a shot of {shot.duration}; {self.model.id} makes shots of {most} at most"
                self.refuse(what, "shorten it, or make it two", "shots", number, "duration")
                fine = False
            shots.append(LinkShot(seconds, shot.prompt))
        if self.segment.duration and fine:
            fine = self.check_sum(shots)
        if not fine:
            return []
        spare = self.yields(0).visible(1) - frames_in(Fraction(1), self.rate)
        shots[0] = _longer(shots[0], ceil(self.head / self.rate))
        shots[-1] = _longer(shots[-1], ceil(max(0, self.tail - spare) / self.rate))
        return shots

    def check_sum(self, shots: list[LinkShot]) -> bool:
        assert self.segment.duration is not None
        total = sum((shot.duration_s for shot in shots), Fraction(0))
        wanted = self.segment.duration.seconds(self.rate)
        if total == wanted:
            return True
        what = f"its shots add up to {float(total):g} s, its duration says {float(wanted):g} s"
        self.refuse(what, f"leave out `duration`, or write {float(total):g}s", "duration")
        return False

    def refuse_sum(self, shots: list[LinkShot]) -> None:
        seconds = " + ".join(f"{float(shot.duration_s):g}" for shot in shots)
        made = self.settings.first.lengths
        can = (
            f"{made.low} to {made.high} s"
            if isinstance(made, Span)
            else " or ".join(f"{one} s" for one in made)
        )
        assert self.model.shots is not None
        handles = " (with what the transitions need)" if self.head or self.tail else ""
        self.refuse(
            f"its shots of {seconds} s{handles} can't be split into generations of {can} "
            f"with at most {self.model.shots.max} shots",
            "change the shots' lengths so that neighbours add up to such a length",
            "shots",
        )

    def grouped(self, groups: tuple[tuple[LinkShot, ...], ...]) -> list[LinkShape]:
        """One link for each group; between them is a cut, so nothing is repeated."""
        own = [shot.duration.frames(self.rate) for shot in self.segment.shots]
        shapes = []
        for number, shots in enumerate(groups):
            first, final = number == 0, number == len(groups) - 1
            length = sum((shot.duration_s for shot in shots), Fraction(0))
            frames, own = sum(own[: len(shots)]), own[len(shots) :]
            head, tail = self.head if first else 0, self.tail if final else 0
            drop = self.yields(0).repeat if first and self.handed else 0
            shapes.append(
                LinkShape(
                    length,
                    self.segment.prompt or "",
                    False,
                    frames + head + tail,
                    head,
                    tail,
                    shots,
                    handoff_frame=self.handoff(self.yields(0), drop + frames + head),
                )
            )
        return shapes

    # A talking portrait

    def avatar(self) -> tuple[LinkShape, ...]:
        recording = self.recording()
        if recording is None:
            return ()
        begin, has = recording
        frames = self.avatar_frames(has)
        if not self.avatar_handles(begin, has, frames):
            return ()
        return self.spoken(begin, has, frames)

    def recording(self) -> tuple[Fraction, Fraction] | None:
        """Where in the recording it begins, and how much there is from there; None if unfit."""
        avatar = self.segment.avatar
        assert avatar is not None
        info = self.inputs.media.get(avatar.audio)
        if info is None or not info.audio:
            what = f"{avatar.audio.name} has no sound that can be read"
            self.refuse(what, "give a recording (WAV, MP3, M4A)", "avatar", "audio")
            return None
        begin = avatar.in_.seconds(self.rate) if avatar.in_ else Fraction(0)
        has = info.audio[0].duration_s - begin
        if self.avatar_frames(has) < 1:
            total = float(info.audio[0].duration_s)
            what = f"its recording ends at {total:g} s, before it begins at {float(begin):g} s"
            self.refuse(what, "move `in` to the front", "avatar", "in")
            return None
        least = self.model.recording.min_s if self.model.recording else None
        if least is not None and has < least:
            what = f"its recording has {float(has):.3g} s, {self.model.id} needs {float(least):g} s"
            self.refuse(what, "give a longer recording", "avatar", "audio")
            return None
        return begin, has

    def lip_sync(self) -> tuple[LinkShape, ...]:
        """One link, as long as its video; the recording's beginning is where the segment begins."""
        avatar, footage = self.segment.avatar, self.settings.footage
        recording = self.recording()
        if recording is None or footage is None or avatar is None:
            return ()
        begin, has = recording
        there = self.yields(0).visible(footage.length_s) - self.head - self.tail - self.repeat(0)
        frames = self.segment.duration.frames(self.rate) if self.segment.duration else there
        if frames < 1 or frames > there:
            what = (
                f"{float(max(frames, 1) / self.rate):.3g} s are asked, {footage.name} gives "
                f"{float(max(there, 0) / self.rate):.3g} s beside what the transitions need"
            )
            key = "duration" if self.segment.duration else "avatar"
            self.refuse(what, "shorten the segment, or give a longer video", key)
            return ()
        words = joined(avatar.prompt, self.segment.prompt)
        if words and self.model.id != DRAFT and self.settings.provider != BY_HAND:
            self.refuse(f"{self.model.id} takes no prompt", "leave it out", "avatar", "prompt")
        if not self.avatar_handles(begin, has, frames):
            return ()
        drop = self.repeat(0)
        return (
            LinkShape(
                footage.length_s,
                words,
                False,
                self.head + frames + self.tail,
                self.head,
                self.tail,
                avatar_in_s=max(Fraction(0), begin - (self.head + drop) / self.rate),
                handoff_frame=self.handoff(self.yields(0), drop + self.head + frames),
            ),
        )

    def avatar_frames(self, has: Fraction) -> int:
        if self.segment.duration is None:
            return ceil(has * self.rate)
        return self.segment.duration.frames(self.rate)

    def avatar_handles(self, begin: Fraction, has: Fraction, frames: int) -> bool:
        """Whether the recording reaches as far as segment and handles do."""
        if self.head / self.rate > begin:
            has_before = int(begin * self.rate)
            what = (
                f"{self.head} frames are needed before its recording's in, there are {has_before}"
            )
            self.refuse(what, "take a cut, or move `avatar: {in: …}` later", "avatar", "audio")
            return False
        if self.settings.first.follows != "audio":
            return True
        if (frames + self.tail - 1) / self.rate > has:
            what = (
                f"{float((frames + self.tail) / self.rate):g} s of speech are needed, "
                f"{float(has):g} s are there"
            )
            self.refuse(what, "shorten the segment, or give a longer recording", "avatar", "audio")
            return False
        return True

    def spoken(self, begin: Fraction, has: Fraction, frames: int) -> tuple[LinkShape, ...]:
        need = frames + self.head + self.tail
        begin -= self.head / self.rate
        shares = self.avatar_lengths(need)
        yields = self.settings.first.yields
        avatar = self.segment.avatar
        assert avatar is not None
        prompt = joined(avatar.prompt, self.segment.prompt)
        lengths = tuple(length for _, length in shares)
        if self.settings.first.follows == "audio":
            left = has + self.head / self.rate - sum(n for n, _ in shares[:-1]) / self.rate
            left += self.repeat(len(shares) - 1) / self.rate
            lengths = (*lengths[:-1], min(lengths[-1], left))
        shapes = []
        for number, (share, _) in enumerate(shares):
            tail = self.tail if number == len(shares) - 1 else 0
            drop = self.repeat(number)
            shapes.append(
                LinkShape(
                    lengths[number],
                    prompt,
                    number > 0,
                    share,
                    head_frames=0 if number else self.head,
                    tail_frames=tail,
                    avatar_in_s=max(Fraction(0), begin - drop / self.rate),
                    handoff_frame=self.handoff(yields, drop + share - tail),
                )
            )
            begin += share / self.rate
        return tuple(shapes)

    def repeat(self, number: int) -> int:
        return self.yields(number).repeat if number or self.handed else 0

    def avatar_lengths(self, need: int) -> tuple[tuple[int, Fraction], ...]:
        """Programme frames and seconds of each link."""
        made = self.settings.first
        yields = made.yields
        limits = [x for x in (self.model.audio_max_s, made.longest_s) if x is not None]
        if made.follows == "audio":
            longest = Fraction(min(limits)) if limits else None
            return pieces(need, longest, yields, handed=self.handed)
        lengths = chain(need, made.lengths, yields, handed=self.handed)
        shares, left = [], need
        for number, length in enumerate(lengths):
            share = min(left, yields.visible(length) - self.repeat(number))
            shares.append((share, Fraction(length)))
            left -= share
        return tuple(shares)

    # Checks

    def check_prompts(self, shapes: tuple[LinkShape, ...]) -> None:
        most = self.model.prompt_max
        camera = len(self.segment.camera or "")
        for number, shape in enumerate(shapes, 1):
            length = len(shape.prompt) + camera + (1 if camera else 0)
            if most is not None and length > most:
                what = f"the prompt of link {self.segment.id}.{number} has {length} characters"
                fix = f"{self.model.id} takes {most}; shorten prompt or beats"
                self.refuse(what, fix, *self.prompt_key())
        limits = self.model.shots
        if limits and limits.prompt_max and len(self.segment.shots) > 1:
            for number, shot in enumerate(self.segment.shots):
                if len(shot.prompt) > limits.prompt_max:
                    what = f"the prompt of shot {number + 1} has {len(shot.prompt)} characters"
                    fix = f"{self.model.id} takes {limits.prompt_max} for each shot"
                    self.refuse(what, fix, "shots", number, "prompt")
        if len(self.segment.shots) > 1 and self.segment.beats:
            self.refuse("it has beats and shots", "put the beats' words into the shots", "beats")

    def prompt_key(self) -> tuple[str, ...]:
        return ("prompt",) if self.segment.prompt else ()

    def check_end(self, shapes: tuple[LinkShape, ...]) -> None:
        if self.segment.end_image is None or self.segment.avatar:
            return
        key = "keyframe" if self.segment.keyframe else "end"
        model = self.model
        at, lengths = model.end_image_resolutions, model.end_image_lengths
        if model.id != DRAFT and len(shapes) == 1 and not self.starts:
            what = f"{model.id} takes an end image only together with a start image"
            self.refuse(what, "give `start:` too, or let it `continue:` a segment", key)
        if not model.end_image:
            self.refuse(
                f"{model.id} takes no end image", "leave it out, or take a model that can", key
            )
            return
        if at and self.settings.resolution not in at:
            what = f"{model.id} takes an end image only at {' or '.join(at)}"
            fix = f"set `resolution: {at[0]}`; it is {self.settings.resolution}"
            self.refuse(what, fix, key)
        if len(self.segment.shots) > 1 and not model.end_image_with_shots:
            what = f"{model.id} takes no end image together with shots"
            self.refuse(what, "leave out one of them", key)
        if self.settings.audio and not model.end_image_with_audio:
            what = f"{model.id} takes no end image together with sound"
            self.refuse(what, "set `audio: off`", key)
        if lengths and shapes and shapes[-1].length_s not in lengths:
            can = " or ".join(f"{one} s" for one in lengths)
            what = f"{model.id} takes an end image only in clips of {can}"
            self.refuse(what, f"make the segment {lengths[0]}s, or leave the image out", key)
        self.check_arrival(shapes, key)

    def check_arrival(self, shapes: tuple[LinkShape, ...], key: str) -> None:
        """The end image is a clip's last frame: it must not lie beyond the segment's end."""
        if not shapes:
            return
        shape = shapes[-1]
        number = len(shapes) - 1 if shape.handed else 0
        drop = self.repeat(number) if shape.handed or len(shapes) == 1 else 0
        surplus = self.yields(number).visible(shape.length_s) - drop - shape.wanted_frames
        if surplus * 4 <= self.rate:
            return
        total = sum((s.length_s for s in shapes), Fraction(0))
        handles = (self.head + self.tail) / self.rate
        fix = f"make the segment {_written(total - handles, self.rate)} long"
        if shape.retime:
            fix = f"show all {float(total):g} s of the clip: change `duration` or `speed`"
        self.refuse(
            f"{self.model.id} would reach the end image {float(surplus / self.rate):.3g} s after "
            "the segment's end",
            fix,
            key,
        )


def _written(seconds: Fraction, rate: Fraction) -> str:
    """A time as an author would write it: whole seconds, else frames."""
    return f"{seconds}s" if seconds.denominator == 1 else f"{frames_in(seconds, rate)}f"


def _longer(shot: LinkShot, by_s: int) -> LinkShot:
    return LinkShot(shot.duration_s + by_s, shot.prompt)
