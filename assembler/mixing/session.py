"""A mix in progress: sounds are heard, laid, levelled, and then played together block by block."""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assembler.cut.model import Cut, Sound
from assembler.errors import MixError
from assembler.media.samples import SampleReader, Samples
from assembler.mixing.arranging import Meeting, Rules, Tone, arrange
from assembler.mixing.cleaning import polished
from assembler.mixing.crossfade import Crossfade, crossfade
from assembler.mixing.ducking import (
    FRAME,
    SPEECH_HZ,
    GainCurve,
    SpeechLevels,
    duck_curve,
    gate_curve,
    share_curve,
    speech_in,
)
from assembler.mixing.listening import Heard, listen
from assembler.mixing.looping import Loop
from assembler.mixing.loudness import gated
from assembler.mixing.outcome import SoundLevel
from assembler.mixing.playback import Memory, Player, Source
from assembler.mixing.residual import Residual
from assembler.mixing.room import Bridge, missing, powers_of, tone
from assembler.spec.model import Role
from assembler.spec.presets import MixPreset
from assembler.timebase import SampleRange, samples_at

ROLES: tuple[Role, ...] = ("dialogue", "native", "voice", "music", "sfx")
MAX_LEVEL_DB = 12.0
"""Bound of the gain that levels a clip."""
_SILENT_LUFS = -60.0
"""Clips below this have no sound worth levelling."""
_BLOCK_S = 2
_GATE_OPENS_MS, _GATE_MS = 30, 150
_SHARE_OPENS_MS, _SHARE_CLOSES_MS = 40, 120
_SPREAD: tuple[Role, ...] = ("native", "music")
"""In 5.1, stereo of these roles reaches the surrounds too."""


class Session:
    """A mix in progress: which sounds play, at what level, ducked when."""

    def __init__(
        self,
        cut: Cut,
        preset: MixPreset,
        polished: Path,
        cancel: threading.Event | None,
    ) -> None:
        self._cut = cut
        self._preset = preset
        self._polished = polished
        self._cancel = cancel
        self.samples = samples_at(cut.frames, cut.rate, cut.hz)
        self.sounds = [s for s in cut.sounds if _heard(s, self.samples)]
        self.levels: dict[int, SoundLevel] = {}
        """By identity of the sound."""
        self.notes: list[str] = []
        self.speech: tuple[SampleRange, ...] = ()
        self.meetings: tuple[Meeting, ...] = ()
        self.roles: list[Role] = []
        """Roles that have something to say, one at least."""
        self._ears: dict[int, Heard] = {}
        self._tones: dict[int, Tone] = {}
        self._ducks: dict[int, GainCurve] = {}
        self._bridges: defaultdict[int, list[Bridge]] = defaultdict(list)

    def prepare(self) -> None:
        """Hear the clips, lay their joins, find who speaks when, and set their levels."""
        self._listen()
        self._arrange()
        self._find_speech()
        used = {sound.role for sound in self.sounds}
        used |= {"dialogue" for sound in self.sounds if self._words(sound)}
        self.roles = [role for role in ROLES if role in used] or ["native"]

    def check(self) -> None:
        """Stop here when that was asked for."""
        if self._cancel is not None and self._cancel.is_set():
            raise MixError("the mix was stopped", fix="run it again; nothing is left half-written")

    def blocks(self) -> Iterator[dict[Role, Samples]]:
        """Buses by role, block after block; at least one bus."""
        size = _BLOCK_S * self._cut.hz
        # What plays in the pool is waited for before anything is closed.
        with _Stage(self) as stage, ThreadPoolExecutor(2, "mix") as pool:
            for start in range(0, self.samples, size):
                self.check()
                stop = min(start + size, self.samples)
                buses = {role: self._silence(stop - start) for role in self.roles}
                for role, at, block in stage.play(start, stop, pool):
                    buses[role][at - start : at - start + len(block)] += block
                yield buses

    def _silence(self, samples: int) -> Samples:
        return np.zeros((samples, self._cut.channels), np.float32)

    def _listen(self) -> None:
        clips = [sound for sound in self.sounds if _of_a_clip(sound)]
        cut = self._cut

        def hear(sound: Sound) -> Heard:
            return listen(sound, cut.hz, cut.channels, self.samples, self.check)

        with ThreadPoolExecutor(2, "listen") as pool:
            for sound, heard in zip(clips, pool.map(hear, clips), strict=True):
                self._ears[id(sound)] = heard
                if heard.silent and sound.role == "native":
                    self.notes.append(f"warning: {sound.id} has a sound track, but it is silent")
                if sound.speech_only and not heard.words:
                    what = f"warning: no speech was found in {sound.id}: all of it is silent"
                    self.notes.append(what)

    def _arrange(self) -> None:
        """Lay crossfades and room tone; from here on sounds are where they will be heard."""
        rules = Rules.of(self._preset, self._cut.hz)
        arranged, were = arrange(self.sounds, self._ears, rules)
        ears = self._ears
        self._ears = {
            id(now): ears[id(were[id(now)])] for now in arranged.sounds if id(were[id(now)]) in ears
        }
        self.sounds = list(arranged.sounds)
        self._tones = {id(tone.sound): tone for tone in arranged.tones}
        self._levels_of()
        self.sounds += [tone.sound for tone in arranged.tones]
        for before, after in arranged.bridges:
            self._hold(before, after)
        self.meetings = arranged.meetings
        self.notes += [
            f"seam {m.before}>{m.after}: somebody speaks all the way over it; "
            "its crossfade lies where that is least heard"
            for m in arranged.meetings
            if m.in_words
        ]

    def _hold(self, before: Tone, after: Tone) -> None:
        """Keep two beds together from being louder than the louder one, but for words there."""
        a, b = after.of, before.of
        place = SampleRange(before.sound.record.start, after.sound.record.stop)
        words = [word for sound in (a, b) for word in self._words(sound)]
        if any(word.start < place.stop and word.stop > place.start for word in words):
            return
        one, two, together = powers_of(after.bed, before.bed, self._gain_db(a), self._gain_db(b))
        bridge = Bridge(
            place.start, b.record.start, before.sound.record.stop, place.stop, (one, two), together
        )
        for sound in (a, b, before.sound, after.sound):
            self._bridges[id(sound)].append(bridge)

    def _gain_db(self, sound: Sound) -> float:
        """The author's gain and the one that levels it."""
        return sound.gain_db + self.levels[id(sound)].level_db

    def _find_speech(self) -> None:
        ducked = [s for s in self.sounds if s.duck_db and s.duck_under]
        roles = {role for s in ducked for role in s.duck_under}
        speaking = [
            s
            for s in self.sounds
            if s.role in roles and id(s) not in self._tones and not s.speech_only
        ]
        found: list[tuple[Role, str, SampleRange]] = []
        with ThreadPoolExecutor(2, "speech") as pool:
            for sound, ranges in zip(speaking, pool.map(self._speech, speaking), strict=True):
                found += [(sound.role, sound.segment, r) for r in ranges]
        if "dialogue" in roles:
            found += [("dialogue", s.segment, r) for s in self.sounds for r in self._words(s)]
        curves: dict[object, GainCurve] = {}
        for sound in ducked:
            own = sound.segment if sound.role == "native" else ""
            key = (sound.duck_under, sound.duck_db, own)
            if key not in curves:
                under = sound.duck_under
                ranges = [r for role, of, r in found if role in under and not (own and of == own)]
                curves[key] = self._curve(ranges, sound.duck_db)
            self._ducks[id(sound)] = curves[key]
        self.speech = tuple(sorted({r for _, _, r in found}))

    def ducked_db(self, step: int) -> npt.NDArray[np.float64]:
        """What ducking takes off in the middle of every step, the most of all sounds."""
        at = np.arange(step // 2, self.samples, step)
        deepest = np.zeros(len(at))
        for curve in {id(c): c for c in self._ducks.values()}.values():
            if len(curve.at):
                deepest = np.maximum(deepest, -np.interp(at, curve.at, curve.db))
        return deepest

    def _words(self, sound: Sound) -> list[SampleRange]:
        """Where somebody speaks in a clip's native sound."""
        heard = self._ears.get(id(sound))
        if heard is None or not (sound.role == "native" or sound.speech_only):
            return []
        first, stop = sound.record
        kept = [(max(w.start, first), min(w.stop, stop)) for w in heard.words]
        return [SampleRange(a, b) for a, b in kept if a < b]

    def _speech(self, sound: Sound) -> list[SampleRange]:
        self.check()
        return _speech_of(sound, self._cut.hz, self.samples)

    def _curve(self, speech: Sequence[SampleRange], depth_db: float) -> GainCurve:
        per_ms = self._cut.hz / 1000
        return duck_curve(
            speech,
            abs(depth_db),
            attack=round(self._preset.duck_attack_ms * per_ms),
            hold=round(self._preset.duck_hold_ms * per_ms),
            release=round(self._preset.duck_release_ms * per_ms),
        )

    def _levels_of(self) -> None:
        """Loudness of each clip; one gain for a segment's clips of a role, and for a recording."""
        parts: dict[object, list[Sound]] = {}
        recorded: dict[object, object] = {}
        for sound in self.sounds:
            if sound.level_to_mix and id(sound) in self._ears:
                key: object = (sound.segment, sound.role) if sound.segment else id(sound)
                if sound.role == "dialogue":  # it may go on in the next segment
                    key = recorded.setdefault((sound.path, sound.stream), key)
                parts.setdefault(key, []).append(sound)
        for together in parts.values():
            energies = [self._ears[id(sound)].energies for sound in together]
            level = levelling(gated(np.concatenate(energies)), self._preset.native_lufs)
            for sound, own in zip(together, energies, strict=True):
                lufs = gated(own)
                said = lufs if lufs > -math.inf else None
                self.levels[id(sound)] = SoundLevel(sound.id, sound.role, said, level)
        spoken = {s.segment: self.levels[id(s)] for s in self.sounds if id(s) in self.levels}
        for sound in self.sounds:
            same = spoken.get(sound.segment) if sound.minus else None
            level = same.level_db if same else 0.0
            self.levels.setdefault(id(sound), SoundLevel(sound.id, sound.role, None, level))

    def open(self, sound: Sound) -> Player:
        """The sound ready to be played from the first of its samples in the programme."""
        curves = [self._ducks[id(sound)]] if id(sound) in self._ducks else []
        words = None
        if sound.speech_only:
            curves.append(self._speech_alone(sound))
        elif spoken := self._words(sound):
            ms = self._cut.hz // 1000
            words = share_curve(spoken, opens=_SHARE_OPENS_MS * ms, closes=_SHARE_CLOSES_MS * ms)
        made = self._tones.get(id(sound))
        level = -sound.gain_db if made else self.levels[id(sound)].level_db
        source = self._toned(made) if made else self._source(sound)
        stereo = getattr(source, "source_channels", 0) == 2
        return Player(
            sound,
            source,
            level_db=level,
            curves=curves,
            channels=self._cut.channels,
            words=words,
            spread=stereo and sound.role in _SPREAD,
            corrections=self._bridges.get(id(sound), ()),
        )

    def _speech_alone(self, sound: Sound) -> GainCurve:
        """Gain that lets nothing through of a sound but its speech."""
        ms = self._cut.hz // 1000
        heard = self._ears[id(sound)].words
        return gate_curve(heard, sound.record, opens=_GATE_OPENS_MS * ms, closes=_GATE_MS * ms)

    def _toned(self, made: Tone) -> Source:
        """Room tone at the level of the clip that it was heard in."""
        bed, under = made.bed, made.under or (made.bed.none(), made.of)
        bed = missing(under[0], bed, self._gain_db(under[1]), self._gain_db(made.of))
        place = made.sound.record
        return Memory(tone(bed, place.samples, self._cut.hz, seed=place.start))

    def crossfade(self, before: Player, after: Player) -> Crossfade | None:
        """How one sound passes into another, where it does."""
        if id(before.sound) in self._tones or id(after.sound) in self._tones:
            return None
        gains = before.gain_db, after.gain_db
        return crossfade(before.sound, after.sound, gains, self._cut.hz, self._cut.channels)

    def _source(self, sound: Sound) -> Source:
        cut = self._cut
        skipped = max(sound.record.start, 0) - sound.record.start
        if sound.loop:
            return Loop(sound, cut.hz, cut.channels, skipped)
        start_s = sound.source_start_s + Fraction(skipped, cut.hz)
        path, stream = sound.path, sound.stream
        if sound.polish:
            stop = min(sound.record.stop, self.samples)
            samples = stop - max(sound.record.start, 0)
            path, start_s = polished(sound, start_s, samples, cut.hz, cut.channels, self._polished)
            stream = 0
        clip = SampleReader(path, stream, start_s, cut.hz, cut.channels)
        if sound.minus is None:
            return clip
        since_s = sound.minus.source_start_s + Fraction(skipped - Residual.LEAD, cut.hz)
        recording = SampleReader(sound.minus.path, sound.minus.stream, since_s, cut.hz, 1)
        return Residual(clip, recording, cut.hz)


class _Stage(ExitStack):
    """Sounds that are playing now: opened when first heard, closed after their last sample."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._coming = sorted(session.sounds, key=lambda s: max(s.record.start, 0), reverse=True)
        self._order = {id(s): n for n, s in enumerate(session.sounds)}
        self._called: deque[tuple[int, Future[Player]]] = deque()
        self._playing: list[Player] = []
        self.callback(self._close_all)

    def play(
        self, start: int, stop: int, pool: ThreadPoolExecutor
    ) -> Iterator[tuple[Role, int, Samples]]:
        """What is heard of each sound in a block: role, first sample, samples; in fixed order."""
        self._call(stop, pool)
        while self._called and self._called[0][0] < stop:
            self._enter(self._called.popleft()[1].result())
        self._playing.sort(key=lambda p: self._order[id(p.sound)])
        heard = pool.map(lambda player: _part(player, start, stop), self._playing)
        self._call(2 * stop - start, pool)
        for parts in heard:
            yield from parts
        done = [p for p in self._playing if p.sound.record.stop <= stop]
        self._playing = [p for p in self._playing if p.sound.record.stop > stop]
        for player in done:
            player.close()

    def _call(self, stop: int, pool: ThreadPoolExecutor) -> None:
        """Have sounds that begin before *stop* opened and levelled, while others play."""
        while self._coming and self._coming[-1].record.start < stop:
            sound = self._coming.pop()
            self._called.append((sound.record.start, pool.submit(self._session.open, sound)))

    def _enter(self, player: Player) -> None:
        """Take a sound in, and even out its crossfade with the one it follows."""
        for other in self._playing:
            if correction := self._session.crossfade(other, player):
                other.corrections.append(correction)
                player.corrections.append(correction)
        self._playing.append(player)

    def _close_all(self) -> None:
        for _, called in self._called:
            if not called.cancel() and called.exception() is None:
                called.result().close()
        for player in self._playing:
            player.close()


def _part(player: Player, start: int, stop: int) -> list[tuple[Role, int, Samples]]:
    record = player.sound.record
    first, last = max(start, record.start), min(stop, record.stop)
    return [(role, first, block) for role, block in player.play(first, last)]


def _of_a_clip(sound: Sound) -> bool:
    """Whether a sound is a clip's own, which is heard before it is mixed."""
    if sound.loop or sound.minus:
        return False
    return sound.level_to_mix or sound.role == "native" or sound.speech_only


def _heard(sound: Sound, samples: int) -> bool:
    return max(sound.record.start, 0) < min(sound.record.stop, samples)


# Levels and speech --------------------------------------------------------------------------------


def levelling(lufs: float, target_lufs: float) -> float:
    """Gain in dB that takes a clip to the target, within ±12 dB; 0 for silence."""
    if lufs < _SILENT_LUFS:
        return 0.0
    return max(-MAX_LEVEL_DB, min(MAX_LEVEL_DB, target_lufs - lufs))


def _speech_of(sound: Sound, hz: int, samples: int) -> list[SampleRange]:
    """Stretches of the programme in which this sound, known to be speech, isn't silent."""
    meter = SpeechLevels()
    for block in _small(sound, hz, samples):
        meter.add(block)
    return _placed(speech_in(meter.levels()), sound, hz, samples)


def _small(sound: Sound, hz: int, samples: int) -> Iterator[Samples]:
    """What is heard of a sound, in mono at the rate of analysis."""
    begin, stop = max(sound.record.start, 0), min(sound.record.stop, samples)
    skipped, left = begin - sound.record.start, math.ceil((stop - begin) * SPEECH_HZ / hz)
    source: Loop | SampleReader
    if sound.loop:
        source = Loop(sound, SPEECH_HZ, 1, skipped * SPEECH_HZ // hz)
    else:
        start_s = sound.source_start_s + Fraction(skipped, hz)
        source = SampleReader(sound.path, sound.stream, start_s, SPEECH_HZ, 1, quality="LQ")
    with closing(source):
        while left > 0:
            yield source.read(min(left, SPEECH_HZ))
            left -= SPEECH_HZ
            if isinstance(source, SampleReader) and source.end == 0:
                break


def _placed(
    frames: list[tuple[int, int]], sound: Sound, hz: int, samples: int
) -> list[SampleRange]:
    """Ranges of frames of a sound as ranges of the programme."""
    begin, stop = max(sound.record.start, 0), min(sound.record.stop, samples)
    scale = Fraction(FRAME * hz, SPEECH_HZ)
    ranges = [(begin + round(a * scale), min(stop, begin + round(b * scale))) for a, b in frames]
    return [SampleRange(a, b) for a, b in ranges if b > a]
