"""
The mix: all sounds of a cut, summed by role, ducked, and brought to their loudness.

    >>> report = mix(cut, mix_preset("web"), Path("programme.wav"))  # doctest: +SKIP
    >>> report.loudness.integrated_lufs  # doctest: +SKIP
    -14.0

The sum goes through a scratch file beside the output, in blocks, so that memory stays the same for
ten seconds and for ten hours; files are opened when they are first heard and closed after.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from assembler.cut.model import Cut, Sound
from assembler.errors import MixError
from assembler.media.samples import SampleReader, Samples, WavWriter
from assembler.mixing.ahead import ahead
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
from assembler.mixing.loudness import gated
from assembler.mixing.master import MAX_GAIN_DB, Loudness, Mastered, Meter, Raw, master
from assembler.mixing.playback import Loop, Memory, Player, Source
from assembler.mixing.residual import Residual
from assembler.mixing.room import missing, tone
from assembler.planning.keys import content_key
from assembler.spec.model import Role
from assembler.spec.presets import MixPreset
from assembler.timebase import SampleRange, samples_at

STAGE = 4
"""Version of the mix; raised when the same cut sounds different."""

MAX_LEVEL_DB = 12.0
"""Bound of the gain that levels a clip."""
_SILENT_LUFS = -60.0
"""Clips below this have no sound worth levelling."""
_BLOCK_S = 2
_STEPS_PER_S = 20
"""Of what is kept for the picture."""
_GATE_OPENS_MS, _GATE_MS = 30, 150
_SHARE_OPENS_MS, _SHARE_CLOSES_MS = 40, 120
_ROLES: tuple[Role, ...] = ("dialogue", "native", "voice", "music", "sfx")
_SPREAD: tuple[Role, ...] = ("native", "music")
"""In 5.1, stereo of these roles reaches the surrounds too."""
_STEMS: Mapping[str, tuple[Role, ...]] = {
    **{role: (role,) for role in _ROLES},
    "music-and-effects": ("native", "music", "sfx"),
}
"""Roles in each stem."""


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """What was found and done about one sound."""

    id: str
    role: Role
    lufs: float | None
    """Loudness of the clip before anything was done; None when it wasn't measured or is silent."""
    level_db: float
    """Gain that levels it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The mix over time, for its picture."""

    step_s: float
    peaks: Mapping[Role, npt.NDArray[np.float32]]
    """Largest magnitude in every step, by role, before mastering."""
    short_term_lufs: npt.NDArray[np.float64]
    """Of the three seconds up to the end of every tenth of a second, before mastering."""
    ducked_db: npt.NDArray[np.float64]
    """What ducking takes off, the most of all sounds, in every step; positive."""


@dataclass(frozen=True, slots=True)
class Target:
    """A loudness that the mix is brought to."""

    out: Path
    """WAV to write."""
    integrated_lufs: float | None
    true_peak_dbtp: float


@dataclass(frozen=True, slots=True)
class MixReport:
    """What a mix measures and what was done to reach it."""

    path: Path
    samples: int
    hz: int
    channels: int
    before: Loudness
    """Of the sum, before mastering."""
    loudness: Loudness
    """Of what was written."""
    gain_db: float
    limited_db: float
    """Largest reduction by the limiter, positive."""
    sounds: tuple[SoundLevel, ...]
    speech: tuple[SampleRange, ...]
    """Where sound was ducked under speech."""
    seams: tuple[Meeting, ...]
    """Where the crossfades of seams were laid."""
    stems: Mapping[str, Path]
    notes: tuple[str, ...]
    trace: Trace
    """How it went over time."""
    further: tuple[MixReport, ...] = ()
    """The same at other loudnesses."""

    def data(self) -> dict[str, Any]:
        """For JSON; what can't be measured in silence is null."""
        loudness = {k: v if math.isfinite(v) else None for k, v in asdict(self.loudness).items()}
        return {
            "path": str(self.path),
            "samples": self.samples,
            "hz": self.hz,
            "channels": self.channels,
            **loudness,
            "gain_db": self.gain_db,
            "limited_db": self.limited_db,
            "sounds": [asdict(sound) for sound in self.sounds],
            "ducked": [[r.start, r.stop] for r in self.speech],
            "seams": [meeting.data() for meeting in self.seams],
            "stems": {name: str(path) for name, path in self.stems.items()},
        }


def mix_key(cut: Cut, preset: MixPreset, *, true_peak_margin_db: float = 0.0) -> str:
    """Key of everything that decides the programme's sound; files count by content, not by path."""
    return content_key(
        sum=sum_key(cut, preset),
        lufs=preset.integrated_lufs,
        dbtp=preset.true_peak_dbtp,
        margin=true_peak_margin_db,
    )


def sum_key(cut: Cut, preset: MixPreset) -> str:
    """The same without the loudness: mixes that differ in nothing else are made at once."""
    sounds = [
        replace(s, id="", path=Path(), segment="", minus=s.minus and replace(s.minus, path=Path()))
        for s in cut.sounds
    ]
    apart = {"id", "title", "source", "integrated_lufs", "true_peak_dbtp"}
    return content_key(
        stage=STAGE,
        frames=cut.frames,
        rate=cut.rate,
        hz=cut.hz,
        layout=cut.layout,
        sounds=sounds,
        preset=preset.model_dump(exclude=apart, mode="json"),
    )


def mix(
    cut: Cut,
    preset: MixPreset,
    out: Path,
    *,
    stems: Path | None = None,
    bits: Literal[16, 24, 32] = 24,
    true_peak_margin_db: float = 0.0,
    further: Sequence[Target] = (),
    time_reference: int | None = None,
    cancel: threading.Event | None = None,
    on_samples: Callable[[int], None] | None = None,
) -> MixReport:
    """
    Write the programme's sound, exactly as long as its picture, at the preset's loudness.

    Args:
        cut: The programme.
        preset: Loudness, true peak and ducking.
        out: WAV to write.
        stems: Folder that gets one float WAV per role, which sum to the mix before mastering, and
            one of music and effects (all but speech) together.
        bits: Depth of the WAV; 32 is float.
        true_peak_margin_db: Kept free below the preset's limit for a lossy codec that follows.
        further: The same mix at other loudnesses, each into its own WAV.
        time_reference: Of the first sample, counted from midnight; makes broadcast waves.
        cancel: Stops the mix when set.
        on_samples: Told how many samples of the programme have been mixed so far.

    Raises:
        MixError: If it was stopped.
        MediaError: If a sound's file can't be read.
    """
    with _scratch(out) as file, ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix=".polish.", dir=out.parent))
        session = _Session(cut, preset, Path(folder), cancel)
        session.prepare()
        writers = _stem_writers(cut, session.roles, stems, time_reference or 0, stack)
        meter, mixed = Meter(cut.hz, cut.channels), 0
        peaks: dict[Role, list[npt.NDArray[np.float32]]] = {role: [] for role in session.roles}
        for buses in ahead(session.blocks()):
            programme = _sum(list(buses.values()))
            meter.add(programme)
            file.write(np.ascontiguousarray(programme, "<f4").tobytes())
            for name, writer in writers.items():
                writer.write(_sum([bus for role, bus in buses.items() if role in _STEMS[name]]))
            for role, bus in buses.items():
                peaks[role].append(_peaks(bus, cut.hz // _STEPS_PER_S))
            mixed += len(programme)
            if on_samples is not None:
                on_samples(mixed)
        file.flush()
        own = Target(out, preset.integrated_lufs, preset.true_peak_dbtp - true_peak_margin_db)
        raw = Raw(file, session.samples, cut.channels)
        finished = [
            master(
                raw,
                meter,
                target.out,
                hz=cut.hz,
                target_lufs=target.integrated_lufs,
                limit_dbtp=target.true_peak_dbtp,
                bits=bits,
                time_reference=time_reference,
                check=session.check,
            )
            for target in (own, *further)
        ]
    before, mastered = meter.reading(), finished[0]
    report = MixReport(
        out,
        session.samples,
        cut.hz,
        cut.channels,
        before,
        mastered.loudness,
        mastered.gain_db,
        mastered.limited_db,
        tuple(session.levels[id(s)] for s in session.sounds if id(s) in session.levels),
        session.speech,
        session.meetings,
        {name: stems / f"{name}.wav" for name in writers} if stems else {},
        tuple(session.notes) + _master_notes(before, mastered, own),
        Trace(
            1 / _STEPS_PER_S,
            {role: np.concatenate(parts) for role, parts in peaks.items()},
            meter.short_term(),
            session.ducked_db(cut.hz // _STEPS_PER_S),
        ),
    )
    others = tuple(
        replace(
            report,
            path=target.out,
            loudness=done.loudness,
            gain_db=done.gain_db,
            limited_db=done.limited_db,
            notes=tuple(session.notes) + _master_notes(before, done, target),
        )
        for target, done in zip(further, finished[1:], strict=True)
    )
    return replace(report, further=others)


def _peaks(bus: Samples, step: int) -> npt.NDArray[np.float32]:
    """Largest magnitude in every step of a block."""
    loudest = np.abs(bus[:, 0])
    for channel in bus.T[1:]:  # numpy is slow along short axes
        np.maximum(loudest, np.abs(channel), out=loudest)
    found: npt.NDArray[np.float32] = np.maximum.reduceat(loudest, np.arange(0, len(bus), step))
    return found


def _sum(blocks: list[Samples]) -> Samples:
    total = blocks[0].copy()
    for block in blocks[1:]:
        total += block
    return total


def stem_paths(folder: Path | None) -> tuple[Path, ...]:
    """Every stem that a mix may write into a folder."""
    return tuple(folder / f"{name}.wav" for name in _STEMS) if folder else ()


def _stem_writers(
    cut: Cut, used: Sequence[Role], folder: Path | None, start: int, stack: ExitStack
) -> dict[str, WavWriter]:
    if folder is None:
        return {}
    names = [name for name, roles in _STEMS.items() if set(used).intersection(roles)]
    return {
        name: stack.enter_context(
            WavWriter(folder / f"{name}.wav", cut.hz, cut.channels, 32, time_reference=start)
        )
        for name in names
    }


@contextmanager
def _scratch(out: Path) -> Iterator[IO[bytes]]:
    """File for the sum before mastering, beside the output where there is room for it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    path = out.with_name(f".{out.stem}.{os.getpid()}-{os.urandom(4).hex()}.part.f32")
    try:
        with path.open("w+b") as file:
            yield file
    finally:
        path.unlink(missing_ok=True)


def _master_notes(before: Loudness, mastered: Mastered, preset: Target) -> tuple[str, ...]:
    if before.true_peak_dbtp == -math.inf:
        return ("the programme has no sound: it is digital silence",)
    if preset.integrated_lufs is None:
        return ()
    if before.integrated_lufs == -math.inf:
        return ("the programme is too short or too quiet to have a loudness: left as it is",)
    notes = []
    if mastered.capped:
        notes.append(
            f"the mix is very quiet ({before.integrated_lufs:.1f} LUFS): raised by "
            f"{MAX_GAIN_DB:g} dB at most, it stays under {preset.integrated_lufs:g} LUFS"
        )
    elif not mastered.on_target:
        notes.append(
            f"loudness is {mastered.loudness.integrated_lufs:.1f} LUFS, not "
            f"{preset.integrated_lufs:g}: its peaks leave no more room under "
            f"{preset.true_peak_dbtp:g} dBTP"
        )
    return tuple(notes)


class _Session:
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

    def prepare(self) -> None:
        """Hear the clips, lay their joins, find who speaks when, and set their levels."""
        self._listen()
        self._arrange()
        self._find_speech()
        used = {sound.role for sound in self.sounds}
        used |= {"dialogue" for sound in self.sounds if self._words(sound)}
        self.roles = [role for role in _ROLES if role in used] or ["native"]

    def check(self) -> None:
        """Stop here when that was asked for."""
        if self._cancel is not None and self._cancel.is_set():
            raise MixError("the mix was stopped", fix="run it again; nothing is left half-written")

    def blocks(self) -> Iterator[dict[Role, Samples]]:
        """Buses by role, block after block; at least one bus."""
        size = _BLOCK_S * self._cut.hz
        with ThreadPoolExecutor(2, "mix") as pool, _Stage(self) as stage:
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
        self.meetings = arranged.meetings
        self.notes += [
            f"seam {m.before}>{m.after}: somebody speaks all the way over it; "
            "its crossfade lies where that is least heard"
            for m in arranged.meetings
            if m.in_words
        ]

    def _find_speech(self) -> None:
        ducked = [s for s in self.sounds if s.duck_db and s.duck_under]
        roles = {role for s in ducked for role in s.duck_under}
        speaking = [s for s in self.sounds if s.role in roles and id(s) not in self._tones]
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
        if heard is None or sound.role != "native":
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
        """Loudness of each clip, and one gain for all clips of a segment in a role."""
        parts: dict[object, list[Sound]] = {}
        for sound in self.sounds:
            if sound.level_to_mix and id(sound) in self._ears:
                key = (sound.segment, sound.role) if sound.segment else id(sound)
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
        )

    def _speech_alone(self, sound: Sound) -> GainCurve:
        """Gain that lets nothing through of a sound but its speech."""
        ms = self._cut.hz // 1000
        heard = self._ears[id(sound)].words
        return gate_curve(heard, sound.record, opens=_GATE_OPENS_MS * ms, closes=_GATE_MS * ms)

    def _toned(self, made: Tone) -> Source:
        """Room tone at the level of the clip that it was heard in."""

        def gain(sound: Sound) -> float:
            return sound.gain_db + self.levels[id(sound)].level_db

        bed, under = made.bed, made.under or (made.bed.none(), made.of)
        bed = missing(under[0], bed, gain(under[1]), gain(made.of))
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
            source = Loop(sound, cut.hz, cut.channels)
            if skipped:
                source.read(skipped)
            return source
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

    def __init__(self, session: _Session) -> None:
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
    start_s = sound.source_start_s + Fraction(begin - sound.record.start, hz)
    left = math.ceil((stop - begin) * SPEECH_HZ / hz)
    with SampleReader(sound.path, sound.stream, start_s, SPEECH_HZ, 1, quality="LQ") as reader:
        while left > 0:
            yield reader.read(min(left, SPEECH_HZ))
            left -= SPEECH_HZ
            if reader.end == 0:
                break


def _placed(
    frames: list[tuple[int, int]], sound: Sound, hz: int, samples: int
) -> list[SampleRange]:
    """Ranges of frames of a sound as ranges of the programme."""
    begin, stop = max(sound.record.start, 0), min(sound.record.stop, samples)
    scale = Fraction(FRAME * hz, SPEECH_HZ)
    ranges = [(begin + round(a * scale), min(stop, begin + round(b * scale))) for a, b in frames]
    return [SampleRange(a, b) for a, b in ranges if b > a]
