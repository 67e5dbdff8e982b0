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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from assembler.cut.model import Cut, Sound
from assembler.errors import MixError
from assembler.media.samples import SampleReader, Samples, WavWriter
from assembler.mixing.ahead import ahead
from assembler.mixing.crossfade import Crossfade, crossfade
from assembler.mixing.ducking import (
    FRAME,
    SPEECH_HZ,
    GainCurve,
    SpeechLevels,
    duck_curve,
    gate_curve,
    speech_in,
)
from assembler.mixing.loudness import LoudnessMeter
from assembler.mixing.master import MAX_GAIN_DB, Loudness, Mastered, Meter, Raw, master
from assembler.mixing.playback import Loop, Memory, Player, Source
from assembler.mixing.speech import spoken
from assembler.planning.keys import content_key
from assembler.spec.model import Role
from assembler.spec.presets import MixPreset
from assembler.timebase import SampleRange, samples_at

STAGE = 3
"""Version of the mix; raised when the same cut sounds different."""

MAX_LEVEL_DB = 12.0
"""Bound of the gain that levels a clip."""
_SILENT_LUFS = -60.0
"""Clips below this have no sound worth levelling."""
_BLOCK_S = 2
_GATE_OPENS_MS, _GATE_MS = 30, 150
_HELD_S = 90
"""Clips up to this length are decoded once and held, to be measured and then played."""
_ROLES: tuple[Role, ...] = ("dialogue", "native", "voice", "music", "sfx")
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
    stems: Mapping[str, Path]
    notes: tuple[str, ...]

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
            "stems": {name: str(path) for name, path in self.stems.items()},
        }


def mix_key(cut: Cut, preset: MixPreset, *, true_peak_margin_db: float = 0.0) -> str:
    """Key of everything that decides the programme's sound; files count by content, not by path."""
    sounds = [replace(s, id="", path=Path(), segment="") for s in cut.sounds]
    taste = preset.model_dump(exclude={"id", "title", "source"}, mode="json")
    return content_key(
        stage=STAGE,
        frames=cut.frames,
        rate=cut.rate,
        hz=cut.hz,
        layout=cut.layout,
        sounds=sounds,
        preset=taste,
        margin=true_peak_margin_db,
    )


def mix(
    cut: Cut,
    preset: MixPreset,
    out: Path,
    *,
    stems: Path | None = None,
    bits: Literal[16, 24, 32] = 24,
    true_peak_margin_db: float = 0.0,
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
        cancel: Stops the mix when set.
        on_samples: Told how many samples of the programme have been mixed so far.

    Raises:
        MixError: If it was stopped.
        MediaError: If a sound's file can't be read.
    """
    session = _Session(cut, preset, cancel)
    with _scratch(out) as file, ExitStack() as stack:
        writers = _stem_writers(cut, stems, stack)
        meter, mixed = Meter(cut.hz, cut.channels), 0
        for buses in ahead(session.blocks()):
            programme = _sum(list(buses.values()))
            meter.add(programme)
            file.write(np.ascontiguousarray(programme, "<f4").tobytes())
            for name, writer in writers.items():
                writer.write(_sum([bus for role, bus in buses.items() if role in _STEMS[name]]))
            mixed += len(programme)
            if on_samples is not None:
                on_samples(mixed)
        file.flush()
        mastered = master(
            Raw(file, session.samples, cut.channels),
            meter,
            out,
            hz=cut.hz,
            target_lufs=preset.integrated_lufs,
            limit_dbtp=preset.true_peak_dbtp - true_peak_margin_db,
            bits=bits,
            check=session.check,
        )
    before = meter.reading()
    return MixReport(
        out,
        session.samples,
        cut.hz,
        cut.channels,
        before,
        mastered.loudness,
        mastered.gain_db,
        mastered.limited_db,
        tuple(session.levels[id(s)] for s in session.sounds),
        session.speech,
        {name: stems / f"{name}.wav" for name in writers} if stems else {},
        tuple(session.notes) + _master_notes(before, mastered, preset),
    )


def _sum(blocks: list[Samples]) -> Samples:
    total = blocks[0].copy()
    for block in blocks[1:]:
        total += block
    return total


def stem_paths(folder: Path | None) -> tuple[Path, ...]:
    """Every stem that a mix may write into a folder."""
    return tuple(folder / f"{name}.wav" for name in _STEMS) if folder else ()


def _stem_writers(cut: Cut, folder: Path | None, stack: ExitStack) -> dict[str, WavWriter]:
    if folder is None:
        return {}
    used = {sound.role for sound in cut.sounds}
    names = [name for name, roles in _STEMS.items() if used.intersection(roles)]
    return {
        name: stack.enter_context(
            WavWriter(folder / f"{name}.wav", cut.hz, cut.channels, 32, time_reference=0)
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


def _master_notes(before: Loudness, mastered: Mastered, preset: MixPreset) -> tuple[str, ...]:
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
        cancel: threading.Event | None,
    ) -> None:
        self._cut = cut
        self._preset = preset
        self._cancel = cancel
        self.samples = samples_at(cut.frames, cut.rate, cut.hz)
        self.sounds = [s for s in cut.sounds if _heard(s, self.samples)]
        self.levels: dict[int, SoundLevel] = {}
        """By identity of the sound."""
        self.notes: list[str] = []
        self.speech: tuple[SampleRange, ...] = ()
        self._together: dict[tuple[str, Role], float] = {}
        """Loudness by segment and role, where it is made of several sounds."""
        self._ducks: dict[tuple[tuple[Role, ...], float], GainCurve] = {}

    def check(self) -> None:
        """Stop here when that was asked for."""
        if self._cancel is not None and self._cancel.is_set():
            raise MixError("the mix was stopped", fix="run it again; nothing is left half-written")

    def blocks(self) -> Iterator[dict[Role, Samples]]:
        """Buses by role, block after block; at least one bus."""
        self._find_speech()
        self._measure_segments()
        size = _BLOCK_S * self._cut.hz
        used = [role for role in _ROLES if any(s.role == role for s in self.sounds)]
        with ThreadPoolExecutor(2, "mix") as pool, _Stage(self) as stage:
            for start in range(0, self.samples, size):
                self.check()
                stop = min(start + size, self.samples)
                buses = {role: self._silence(stop - start) for role in used or ["native"]}
                for role, at, block in stage.play(start, stop, pool):
                    buses[role][at - start : at - start + len(block)] += block
                yield buses

    def _silence(self, samples: int) -> Samples:
        return np.zeros((samples, self._cut.channels), np.float32)

    def _find_speech(self) -> None:
        ducked = [s for s in self.sounds if s.duck_db and s.duck_under]
        roles = {role for s in ducked for role in s.duck_under}
        found: dict[Role, list[SampleRange]] = {role: [] for role in roles}
        speaking = [sound for sound in self.sounds if sound.role in roles]
        with ThreadPoolExecutor(2, "speech") as pool:
            for sound, ranges in zip(speaking, pool.map(self._speech, speaking), strict=True):
                found[sound.role] += ranges
        for sound in ducked:
            self._ducks[sound.duck_under, sound.duck_db] = self._curve(sound, found)
        heard = sorted({r for ranges in found.values() for r in ranges})
        self.speech = tuple(heard)

    def _measure_segments(self) -> None:
        """Loudness of segments that consist of several sounds, so that they keep one level."""
        parts: dict[tuple[str, Role], list[Sound]] = {}
        for sound in self.sounds:
            if sound.segment and sound.level_to_mix:
                parts.setdefault((sound.segment, sound.role), []).append(sound)
        several = {key: sounds for key, sounds in parts.items() if len(sounds) > 1}
        with ThreadPoolExecutor(2, "levels") as pool:
            measured = pool.map(self._loudness, several.values())
            self._together = dict(zip(several, measured, strict=True))

    def _loudness(self, sounds: list[Sound]) -> float:
        """Gated loudness of sounds as if they were one."""
        cut = self._cut
        meter = LoudnessMeter(cut.hz, cut.channels)
        for sound in sounds:
            self.check()
            begin, stop = max(sound.record.start, 0), min(sound.record.stop, self.samples)
            start_s = sound.source_start_s + Fraction(begin - sound.record.start, cut.hz)
            with SampleReader(sound.path, sound.stream, start_s, cut.hz, cut.channels) as reader:
                for at in range(begin, stop, cut.hz):
                    meter.add(reader.read(min(cut.hz, stop - at)))
        return meter.integrated()

    def _speech(self, sound: Sound) -> list[SampleRange]:
        self.check()
        return _speech_of(sound, self._cut.hz, self.samples)

    def _curve(self, sound: Sound, found: Mapping[Role, list[SampleRange]]) -> GainCurve:
        per_ms = self._cut.hz / 1000
        return duck_curve(
            [r for role in sound.duck_under for r in found[role]],
            abs(sound.duck_db),
            attack=round(self._preset.duck_attack_ms * per_ms),
            hold=round(self._preset.duck_hold_ms * per_ms),
            release=round(self._preset.duck_release_ms * per_ms),
        )

    def open(self, sound: Sound) -> Player:
        """The sound ready to be played from the first of its samples in the programme."""
        source, lufs, level = self._source(sound)
        self.levels[id(sound)] = SoundLevel(sound.id, sound.role, lufs, level)
        ducked = self._ducks.get((sound.duck_under, sound.duck_db))
        curves = [ducked] if ducked else []
        if sound.speech_only:
            curves.append(self._speech_alone(sound))
        return Player(sound, source, level_db=level, curves=curves, channels=self._cut.channels)

    def _speech_alone(self, sound: Sound) -> GainCurve:
        """Gain that lets nothing through of a sound but its speech."""
        cut, ms = self._cut, self._cut.hz // 1000
        heard = _spoken_in(sound, cut.hz, self.samples)
        if not heard:
            self.notes.append(f"warning: no speech was found in {sound.id}: all of it is silent")
        return gate_curve(heard, sound.record, opens=_GATE_OPENS_MS * ms, closes=_GATE_MS * ms)

    def crossfade(self, before: Player, after: Player) -> Crossfade | None:
        """How one sound passes into another, where it does."""
        gains = before.gain_db, after.gain_db
        return crossfade(before.sound, after.sound, gains, self._cut.hz, self._cut.channels)

    def _source(self, sound: Sound) -> tuple[Source, float | None, float]:
        cut = self._cut
        begin, stop = max(sound.record.start, 0), min(sound.record.stop, self.samples)
        skipped = begin - sound.record.start
        source: Source
        if sound.loop:
            source = Loop(sound, cut.hz, cut.channels)
            if skipped:
                source.read(skipped)
            return source, None, 0.0
        start_s = sound.source_start_s + Fraction(skipped, cut.hz)
        if not sound.level_to_mix:
            reader = SampleReader(sound.path, sound.stream, start_s, cut.hz, cut.channels)
            return reader, None, 0.0
        source, lufs = _measured(sound, start_s, stop - begin, cut.hz, cut.channels)
        together = self._together.get((sound.segment, sound.role), lufs)
        level = levelling(together, self._preset.native_lufs)
        return source, lufs if lufs > -math.inf else None, level


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
        yield from heard
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


def _part(player: Player, start: int, stop: int) -> tuple[Role, int, Samples]:
    record = player.sound.record
    first, last = max(start, record.start), min(stop, record.stop)
    return player.sound.role, first, player.play(first, last)


def _heard(sound: Sound, samples: int) -> bool:
    return max(sound.record.start, 0) < min(sound.record.stop, samples)


# Levels and speech --------------------------------------------------------------------------------


def levelling(lufs: float, target_lufs: float) -> float:
    """Gain in dB that takes a clip to the target, within ±12 dB; 0 for silence."""
    if lufs < _SILENT_LUFS:
        return 0.0
    return max(-MAX_LEVEL_DB, min(MAX_LEVEL_DB, target_lufs - lufs))


def _measured(
    sound: Sound, start_s: Fraction, samples: int, hz: int, channels: int
) -> tuple[Source, float]:
    """A clip's sound ready to be played, and its gated loudness."""
    meter = LoudnessMeter(hz, channels)
    reader = SampleReader(sound.path, sound.stream, start_s, hz, channels)
    if samples <= _HELD_S * hz:
        with reader:
            held = reader.read(samples)
        meter.add(held)
        return Memory(held), meter.integrated()
    with reader:
        for at in range(0, samples, hz):
            meter.add(reader.read(min(hz, samples - at)))
    again = SampleReader(sound.path, sound.stream, start_s, hz, channels)
    return again, meter.integrated()


def _speech_of(sound: Sound, hz: int, samples: int) -> list[SampleRange]:
    """Stretches of the programme in which this sound, known to be speech, isn't silent."""
    meter = SpeechLevels()
    for block in _small(sound, hz, samples):
        meter.add(block)
    return _placed(speech_in(meter.levels()), sound, hz, samples)


def _spoken_in(sound: Sound, hz: int, samples: int) -> list[SampleRange]:
    """Stretches of the programme in which somebody speaks in this sound, whatever else it has."""
    blocks = [*_small(sound, hz, samples)]
    return _placed(spoken(np.concatenate(blocks)) if blocks else [], sound, hz, samples)


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
