"""
Sound in numbers: ``python bench/sound.py [BENCH ...] [--footage FOLDER]``.

hour      one hour, 240 segments with native sound and three tracks: time, memory, exactness
loudness  mixes to different targets, measured by two independent meters
seams     beds that differ, and words at seams, by what was done before and after
joins     crossfades of noise, tones and speech-like sound: dips, bumps, steps
sync      speech of clips found in a master recording; real speech and music with ``--footage``
ducking   depth under speech and steepness of what goes down
peers     one film by us, by moviepy and by one graph of ffmpeg: time, memory, length, loudness

Media is made here; FOLDER holds recordings (``audio/speech_*``, ``audio/music_*``).
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import soxr

from assembler.cut.model import Clip, Cut, Sound, Source
from assembler.generation.animatic.sound import ambience
from assembler.match.sync import Sync, sync
from assembler.media.ffmpeg import exe, run
from assembler.media.info import Colour, MediaInfo
from assembler.media.probe import probe
from assembler.media.samples import SampleReader, Samples, read_samples, write_wav
from assembler.mixing.bus import mix
from assembler.mixing.ducking import FRAME, SPEECH_HZ, SpeechLevels, speech_in
from assembler.mixing.outcome import MixReport
from assembler.mixing.speech import spoken
from assembler.spec.presets import MixPreset
from assembler.timebase import NTSC, FrameRange, SampleRange, samples_at

HZ = 48000
RATE = 24 * NTSC


def speechlike(seconds: float, hz: int, seed: int) -> Samples:
    """Syllables of filtered noise and harmonics with pauses, shape (n, 1)."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * hz), np.float32)
    at = 0
    while at < len(out):
        length = int(rng.uniform(0.12, 0.35) * hz)
        t = np.arange(length) / hz
        pitch = rng.uniform(90, 220)
        voice = sum(np.sin(2 * np.pi * pitch * k * t + rng.uniform(0, 6)) / k for k in range(1, 20))
        noise = np.convolve(rng.standard_normal(length), np.ones(6) / 6, "same")
        syllable = (voice + noise) * np.hanning(length) * rng.uniform(0.05, 0.15)
        part = out[at : at + length]
        part += syllable[: len(part)].astype(np.float32)
        at += length + int(rng.choice([0.02, 0.05, 0.6, 1.5], p=[0.4, 0.4, 0.15, 0.05]) * hz)
    return out[:, None]


def noise(seconds: float, hz: int, seed: int, channels: int = 2, level: float = 0.05) -> Samples:
    """Pink-like noise, shape (n, channels)."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((round(seconds * hz), channels))
    kernel = 1 / np.sqrt(np.arange(1, 33))
    pink = [np.convolve(white[:, c], kernel, "same") for c in range(channels)]
    return (np.array(pink).T * level).astype(np.float32)


def cut_of(seconds: float, sounds: list[Sound]) -> Cut:
    """A programme of this length with these sounds."""
    info = MediaInfo(Path("none"), 0, 0, "", None, (), False, None, ())
    source = Source("none", Path("none"), info, Colour())
    frames = round(seconds * RATE)
    clip = Clip("picture", "picture", source, FrameRange(0, frames), 0)
    return Cut("bench", (320, 192), RATE, HZ, "stereo", (clip,), sounds=tuple(sounds))


def preset_of(lufs: float | None, dbtp: float = -1.0) -> MixPreset:
    """A mix preset with this target."""
    return MixPreset(id="bench", title="bench", integrated_lufs=lufs, true_peak_dbtp=dbtp)


class Memory:
    """Highest resident memory of this program and what it starts, while a block runs."""

    def __enter__(self) -> Memory:
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.05):
            children = 0
            for child in me.children():
                with suppress(psutil.Error):
                    children += child.memory_info().rss
            self.peak = max(self.peak, me.memory_info().rss + children)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def measured(path: Path) -> tuple[float, float]:
    """Integrated loudness and true peak by ffmpeg's ebur128."""
    argv = [exe(), "-nostats", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    summary = text[text.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(\S+) LUFS", summary)
    peak = re.search(r"Peak:\s+(\S+) dBFS", summary)
    assert loudness
    assert peak
    return float(loudness[1]), float(peak[1])


# One hour -----------------------------------------------------------------------------------------

SEGMENTS = 240
SEGMENT_S = 15


def _hour_media(folder: Path) -> tuple[list[Path], Path, Path, Path]:
    clips = []
    for n in range(12):
        raw = folder / "raw.wav"
        bed = noise(SEGMENT_S + 1, 44100, n, level=0.02)
        write_wav(raw, [bed + speechlike(SEGMENT_S + 1, 44100, n)], 44100, 2)
        clips.append(folder / f"clip{n}.mp4")
        run(["-i", str(raw), "-c:a", "aac", "-b:a", "128k", str(clips[-1])])
    voice = folder / "voice.flac"
    write_wav(folder / "raw.wav", [speechlike(600, 44100, 99)] * 6, 44100, 1, 16)
    run(["-i", str(folder / "raw.wav"), str(voice)])
    music, rain = folder / "music.mp3", folder / "rain.ogg"
    write_wav(folder / "raw.wav", [noise(180, 44100, 7)], 44100, 2)
    run(["-i", str(folder / "raw.wav"), "-c:a", "libmp3lame", str(music)])
    run(["-i", str(folder / "raw.wav"), "-c:a", "libvorbis", str(rain)])
    return clips, voice, music, rain


def _hour_cut(folder: Path, segments: int = SEGMENTS) -> Cut:
    clips, voice, music, rain = _hour_media(folder)
    total = samples_at(round(SEGMENT_S * segments * RATE), RATE, HZ)
    frames = round(SEGMENT_S * RATE)
    fade = HZ * 40 // 1000
    native = []
    for n in range(segments):
        start, stop = (samples_at(k * frames, RATE, HZ) for k in (n, n + 1))
        path = clips[n % len(clips)]
        native.append(
            Sound(
                f"s{n}",
                "native",
                path,
                path.name,
                0,
                Fraction(0),
                SampleRange(start, min(stop + fade, total)),
                fade_in=fade if n else 0,
                fade_out=fade,
                duck_db=8.0,
                duck_under=("voice",),
                level_to_mix=True,
            )
        )
    whole = SampleRange(0, total)
    mp3 = Fraction(1105, 44100)
    tracks = [
        Sound("voice", "voice", voice, "v", 0, Fraction(0), whole),
        Sound(
            "score", "music", music, "m", 0, mp3, whole, -12.0, loop=True,
            duck_db=10.0, duck_under=("voice",),
        ),
        Sound("rain", "sfx", rain, "r", 0, Fraction(0), whole, -24.0, loop=True),
    ]  # fmt: skip
    return cut_of(SEGMENT_S * segments, native + tracks)


def hour(folder: Path) -> None:
    """One hour of programme."""
    cut = _hour_cut(folder)
    out = folder / "hour.wav"
    with Memory() as memory:
        begun, worked = time.perf_counter(), time.process_time()
        report = mix(cut, preset_of(-14.0), out)
        took, worked = time.perf_counter() - begun, time.process_time() - worked
    expected = samples_at(cut.frames, cut.rate, cut.hz)
    print(
        f"hour: {took:.1f} s ({worked:.1f} s of processor time), "
        f"{memory.peak / 2**20:.0f} MB peak, {len(cut.sounds)} sounds"
    )
    print(f"  samples {report.samples}, drift {report.samples - expected}")
    _print_report(report, out)


def _print_report(report: MixReport, out: Path) -> None:
    loud, peak = measured(out)
    print(
        f"  ours {report.loudness.integrated_lufs:.2f} LUFS {report.loudness.true_peak_dbtp:.2f} "
        f"dBTP, ebur128 {loud:.1f} LUFS {peak:.1f} dBTP, gain {report.gain_db:.2f} dB, "
        f"limited {report.limited_db:.2f} dB"
    )


# Loudness -----------------------------------------------------------------------------------------

MIXES = 30


def loudness(folder: Path) -> None:
    """Mixes of random sounds to random targets, by ffmpeg's ebur128 and by pyloudnorm."""
    import pyloudnorm

    rng = np.random.default_rng(5)
    errors: list[tuple[float, float, float]] = []
    for n in range(MIXES):
        seconds = float(rng.uniform(5, 12))
        length = round(seconds * HZ)
        paths = [folder / "voice.wav", folder / "bed.wav"]
        write_wav(paths[0], [speechlike(seconds, HZ, n) * rng.uniform(0.2, 2)], HZ, 1)
        write_wav(paths[1], [noise(seconds, HZ, n, level=rng.uniform(0.002, 0.1))], HZ, 2)
        whole = SampleRange(0, length)
        sounds = [
            Sound("voice", "voice", paths[0], f"v{n}", 0, Fraction(0), whole),
            Sound(
                "bed", "music", paths[1], f"m{n}", 0, Fraction(0), whole,
                duck_db=10.0, duck_under=("voice",),
            ),
        ]  # fmt: skip
        target = float(rng.choice([-14, -16, -23, -24]))
        out = folder / "mix.wav"
        report = mix(cut_of(seconds, sounds), preset_of(target), out)
        loud, peak = measured(out)
        with SampleReader(out, 0, Fraction(0), HZ, 2) as reader:
            sound = reader.read(report.samples)
        other = pyloudnorm.Meter(HZ).integrated_loudness(sound)
        errors.append((loud - target, other - target, peak + 1.0))
    table = np.array(errors)
    print(
        f"loudness: {MIXES} mixes, worst error {np.abs(table[:, 0]).max():.2f} LU (ebur128), "
        f"{np.abs(table[:, 1]).max():.3f} LU (pyloudnorm), highest peak over limit "
        f"{table[:, 2].max():+.2f} dB (ebur128)"
    )


# Joins --------------------------------------------------------------------------------------------


def joins(folder: Path) -> None:
    """Equal-power crossfades of 100 ms: level inside against outside, steps against the sound's."""
    fade = HZ // 10
    at = np.arange(3 * HZ) / HZ
    tone = np.repeat((0.2 * np.sin(2 * np.pi * 220 * at))[:, None], 2, 1).astype(np.float32)
    cases = {
        "noise": (noise(3, HZ, 1), noise(3, HZ, 2)),
        "one tone going on": (tone[: HZ + fade // 2], tone[HZ - fade // 2 :]),
        "one noise going on": (
            noise(3, HZ, 3)[: HZ + fade // 2],
            noise(3, HZ, 3)[HZ - fade // 2 :],
        ),
        "speech into noise": (speechlike(3, HZ, 4).repeat(2, 1), noise(3, HZ, 5)),
    }
    for name, (first, second) in cases.items():
        paths = [folder / "a.wav", folder / "b.wav"]
        for path, sound in zip(paths, (first, second), strict=True):
            write_wav(path, [sound], HZ, 2)
        ranges = SampleRange(0, HZ + fade // 2), SampleRange(HZ - fade // 2, 2 * HZ)
        zero = Fraction(0)
        sounds = [
            Sound("a", "native", paths[0], name + "a", 0, zero, ranges[0], fade_out=fade),
            Sound("b", "native", paths[1], name + "b", 0, zero, ranges[1], fade_in=fade),
        ]
        mix(cut_of(2, sounds), preset_of(None, 0.0), folder / "mix.wav", bits=32)
        with SampleReader(folder / "mix.wav", 0, zero, HZ, 2) as reader:
            out = reader.read(2 * HZ).astype(np.float64)
        _print_join(name, first, second, out, fade)


def _print_join(name: str, first: Samples, second: Samples, out: Samples, fade: int) -> None:
    edge = HZ - fade // 2
    rise = np.sin((np.arange(fade) + 0.5) / fade * np.pi / 2)[:, None] ** 2
    wanted = first[edge : edge + fade] ** 2 * (1 - rise) + second[:fade] ** 2 * rise
    level = 10 * np.log10((out[edge : edge + fade] ** 2).mean() / wanted.mean())
    inner = out[edge - 100 : edge + fade + 100]
    own = max(np.abs(np.diff(x, axis=0)).max() for x in (first, second))
    step = np.abs(np.diff(inner, axis=0)).max() / own
    print(f"joins: {name}: level {level:+.2f} dB, largest step {step:.2f} of the sound's own")


# Seams --------------------------------------------------------------------------------------------

PLACES = ("sea", "city street", "rain", "forest", "wind in the mountains", "crowd in a café")
BANDS_HZ = (60, 150, 250, 400, 630, 1000, 1600, 2500, 4000, 6300, 10000)


def seams(folder: Path) -> None:
    """Rooms that pass into each other, and seams that fall into words."""
    steps: dict[str, list[float]] = {"crossfade alone": [], "bridged": []}
    pairs = [(a, b) for a in PLACES for b in PLACES if a != b]
    for n, (a, b) in enumerate(pairs):
        sounds = _seam_of(folder, _room(a, n), _room(b, 100 + n))
        for name, preset in zip(steps, (NO_BRIDGE, preset_of(None, 0.0)), strict=True):
            mix(cut_of(8, sounds), preset, folder / "mix.wav", bits=32)
            out = read_samples(probe(folder / "mix.wav"), 0, Fraction(0), 8 * HZ, HZ, 2)
            steps[name].append(_band_step_db(out, 4 * HZ))
    for name, found in steps.items():
        print(
            f"seams: {len(found)} pairs of rooms, {name}: largest step of a band "
            f"median {np.median(found):.1f}, worst {max(found):.1f} dB"
        )
    _words_at_seams(folder)
    _words_found()


def _words_found() -> None:
    """Share of recordings in which words are heard; of speech, of what is loud in it."""
    for path in sorted(FOOTAGE[0].glob("audio/*")) if FOOTAGE else []:
        info = probe(path)
        samples = int(min(60, info.audio[0].duration_s) * SPEECH_HZ)
        start_s = info.audio[0].start_s
        mono = read_samples(info, info.audio[0].index, start_s, samples, SPEECH_HZ, 1)
        meter = SpeechLevels()
        meter.add(mono)
        found, loud = (
            np.isin(np.arange(samples // FRAME), np.concatenate([[], *map(_range, ranges)]))
            for ranges in (spoken(mono), speech_in(meter.levels()))
        )
        shown = f"{found[loud].mean():.0%} of what is loud" if loud.any() else "nothing loud"
        print(f"words: {path.name}: {found.mean():.0%} of all, {shown}")


def _range(both: tuple[int, int]) -> Samples:
    return np.arange(*both)


def _words_at_seams(folder: Path) -> None:
    """Speech on both sides: how loud it is under the crossfade, against its own level."""
    speech, _ = _recordings(folder)
    rng = np.random.default_rng(SEED[0])
    before, after = [], []
    for _ in range(40):
        one, two = (speech[int(k)] for k in rng.integers(0, len(speech), 2))
        cuts = [int(rng.integers(0, len(x) - 6 * HZ)) for x in (one, two)]
        sides = [x[c : c + 6 * HZ] for x, c in zip((one, two), cuts, strict=True)]
        sounds = _seam_of(folder, *(s.repeat(2, 1) for s in sides), handle=HZ // 2)
        report = mix(cut_of(8, sounds), preset_of(None, 0.0), folder / "mix.wav", bits=32)
        place = report.seams[0].place
        usual = SampleRange(4 * HZ - FADE // 2, 4 * HZ + FADE // 2)
        for at, found in ((usual, before), (place, after)):
            # Each side's own sample under the programme's: A begins at 0, B at 3.5 s.
            moved = (0, int(3.5 * HZ))
            parts = [s[at.start - m : at.stop - m] for s, m in zip(sides, moved, strict=True)]
            levels = [np.mean(p**2) / np.mean(s**2) for p, s in zip(parts, sides, strict=True)]
            found.append(10 * np.log10(max(levels) + 1e-9))
    for name, found in (("where the picture's is", before), ("where it is laid", after)):
        print(
            f"seams: 40 seams in speech, {name}: under the crossfade the louder side is "
            f"{np.median(found):.1f} dB (median), {np.percentile(found, 90):.1f} dB (9 of 10) "
            "against its mean"
        )


FADE = HZ * 40 // 1000
NO_BRIDGE = MixPreset(id="x", title="x", true_peak_dbtp=0, bridge_ms=0)


def _room(words: str, seed: int) -> Samples:
    return ambience(words, 5 * HZ, seed)


def _seam_of(folder: Path, a: Samples, b: Samples, handle: int = HZ // 2) -> list[Sound]:
    """A up to 4 s and B from there, with handles on both sides."""
    for name, samples in (("a", a), ("b", b)):
        write_wav(folder / f"{name}.wav", [samples], HZ, 2)
    half, zero = FADE // 2, Fraction(0)
    return [
        Sound("a", "native", folder / "a.wav", "a", 0, zero, SampleRange(0, 4 * HZ + half),
              fade_out=FADE, free_out=min(handle, len(a) - 4 * HZ) - half),
        Sound("b", "native", folder / "b.wav", "b", 0, Fraction(handle - half, HZ),
              SampleRange(4 * HZ - half, 8 * HZ), fade_in=FADE, free_in=handle - half),
    ]  # fmt: skip


def _band_step_db(out: Samples, seam: int) -> float:
    """Largest change of a band's level from the half second before a seam to the one after."""
    sides = out[seam - HZ // 2 - FADE : seam - FADE], out[seam + FADE : seam + FADE + HZ // 2]
    levels = []
    for side in sides:
        power = np.abs(np.fft.rfft(side[:, 0] * np.hanning(len(side)))) ** 2
        at = np.searchsorted(BANDS_HZ, np.fft.rfftfreq(len(side), 1 / HZ), side="right")
        bands = np.bincount(at, power, len(BANDS_HZ) + 1)[1:-1] / len(side) ** 2
        levels.append(np.maximum(10 * np.log10(bands + 1e-14), -80))
    return float(np.abs(levels[0] - levels[1]).max())


# Sync ---------------------------------------------------------------------------------------------

TRIALS = 240


def sync_speech(folder: Path) -> None:
    """
    Clips of masters through AAC: plain, over music at 10 dB, equalised, off in rate, and with half
    a second missing or put in.
    """
    masters, music = _recordings(folder)
    infos = []
    for n, master in enumerate(masters):
        path = folder / f"master{n}.wav"
        write_wav(path, [master], HZ, 1)
        infos.append(probe(path))
    rng = np.random.default_rng(SEED[0])
    kinds = ("plain", "music", "equalised", "rate", "missing", "extra")
    errors: dict[str, list[float]] = {kind: [] for kind in kinds}
    refused, wrong, fooled, jumps = 0, 0, 0, 0
    for n in range(TRIALS):
        kind = kinds[n % len(kinds)]
        which = int(rng.integers(len(masters)))
        master = masters[which]
        length = int(min(rng.uniform(4, 12) * HZ, len(master) - 1))
        start = int(rng.integers(0, len(master) - length))
        clip = master[start : start + length]
        at, half = length // 2, HZ // 2
        if kind == "missing":
            clip = np.concatenate([clip[: at - half], clip[at:]])
        if kind == "extra":
            clip = np.concatenate([clip[:at], np.zeros_like(clip[:half]), clip[at:]])
        disturbed = _disturbed(folder, clip, kind, rng, music[n % len(music)])
        found = sync(disturbed, infos[which])
        refused += not found.matched
        if found.matched:
            errors[kind].append(_sync_error_ms(found, start / HZ, kind))
            jumps += kind in ("missing", "extra") and len(found.jumps) == 1
        if n % 2 == 0 and len(infos) > 1:
            wrong += 1
            fooled += sync(disturbed, infos[(which + 1) % len(infos)]).matched
    for kind, found_ms in errors.items():
        print(
            f"sync: {kind}: {len(found_ms)} found, error median {np.median(found_ms):.4f}, "
            f"worst {max(found_ms):.3f} ms"
        )
    print(
        f"sync: {TRIALS} trials of seed {SEED[0]}: right masters refused {refused}, wrong masters "
        f"taken {fooled} of {wrong}, jumps found {jumps} of {TRIALS // 3}"
    )


def _sync_error_ms(found: Sync, start_s: float, kind: str) -> float:
    """Of the nearer place, as a clip that is cut in two may be known by either half."""
    moved = {"missing": 0.5, "extra": -0.5}.get(kind, 0.0)
    errors = [abs(found.offset_s - start_s - by) for by in (0.0, moved)]
    return min(errors) * 1000


def _recordings(folder: Path) -> tuple[list[Samples], list[Samples]]:
    """Speech and music in mono: real ones where there are some."""
    found: dict[str, list[Samples]] = {"speech": [], "music": []}
    for kind, into in found.items():
        for path in sorted(FOOTAGE[0].glob(f"audio/{kind}_*")) if FOOTAGE else []:
            info = probe(path)
            samples = int(min(90, info.audio[0].duration_s) * HZ)
            sound = read_samples(info, info.audio[0].index, info.audio[0].start_s, samples, HZ, 1)
            into.append(sound)
    if not FOOTAGE:
        found["speech"] = [speechlike(90, HZ, seed) for seed in (50, 51)]
        found["music"] = [noise(20, HZ, 52, 1)]
    return found["speech"], found["music"]


def _disturbed(
    folder: Path, clip: Samples, kind: str, rng: np.random.Generator, music: Samples
) -> MediaInfo:
    if kind == "music":
        bed = np.resize(music, clip.shape)
        loud = np.sqrt(np.mean(clip**2) / np.mean(bed**2)) * 10 ** (-10 / 20)
        clip = (clip + bed * loud).astype(np.float32)
    if kind == "rate":
        clip = soxr.resample(clip, HZ, HZ * (1 + rng.uniform(-1e-3, 1e-3)), "VHQ")
    write_wav(folder / "clip.wav", [clip * rng.uniform(0.2, 1)], HZ, 1)
    out = folder / "clip.m4a"
    # All-pass in phase over a few milliseconds at most, as equalisers are.
    filters = "bass=g=6,treble=g=-6" if kind == "equalised" else "anull"
    source = ["-y", "-i", str(folder / "clip.wav"), "-af", filters]
    run([*source, "-c:a", "aac", "-b:a", "96k", str(out)])
    return probe(out)


# Ducking ------------------------------------------------------------------------------------------


def ducking(folder: Path) -> None:
    """Music under a voice: how far down it is, and how fast it goes."""
    speech, bed = speechlike(20, HZ, 3), np.full((20 * HZ, 2), 0.1, np.float32)
    write_wav(folder / "voice.wav", [speech], HZ, 1)
    write_wav(folder / "bed.wav", [bed], HZ, 2)
    whole, zero = SampleRange(0, 20 * HZ), Fraction(0)
    for depth in (6.0, 10.0, 15.0):
        sounds = [
            Sound("voice", "voice", folder / "voice.wav", "v", 0, zero, whole),
            Sound(
                "bed", "music", folder / "bed.wav", "m", 0, zero, whole,
                duck_db=depth, duck_under=("voice",),
            ),
        ]  # fmt: skip
        stems = folder / "stems"
        report = mix(cut_of(20, sounds), preset_of(None, 0.0), folder / "mix.wav", stems=stems)
        down = read_samples(probe(stems / "music.wav"), 0, zero, 20 * HZ, HZ, 1)[:, 0] / 0.1
        level = 20 * np.log10(down)
        under = np.concatenate([level[r.start : r.stop] for r in report.speech])
        slope = np.abs(np.diff(level)).max() * HZ
        print(
            f"ducking by {depth:g} dB: {-under.max():.2f} to {-under.min():.2f} dB during speech, "
            f"steepest {slope:.0f} dB a second"
        )


# Peers --------------------------------------------------------------------------------------------

PEER_CLIPS = 12


def peers(folder: Path) -> None:
    """Twelve clips of 15 s with a voice and music, mixed to -14 LUFS three ways."""
    cut = _hour_cut(folder, PEER_CLIPS)
    paths = [s.path for s in cut.sounds if s.role == "native"]
    voice, music = (next(s.path for s in cut.sounds if s.id == n) for n in ("voice", "score"))
    asked = {"assembler": samples_at(cut.frames, cut.rate, cut.hz)}
    ways: dict[str, Callable[[Path], object]] = {
        "assembler": lambda out: mix(cut, preset_of(-14.0), out),
        "ffmpeg": lambda out: _by_ffmpeg(paths, voice, music, out),
        "moviepy": lambda out: _by_moviepy(paths, voice, music, out),
    }
    for name, way in ways.items():
        out = folder / f"{name}.wav"
        begun = time.perf_counter()
        with Memory() as memory:
            way(out)
        took = time.perf_counter() - begun
        info = probe(out)
        got = round(info.audio[0].duration_s * HZ)
        loud, peak = measured(out)
        print(
            f"peers: {name}: {took:.1f} s, {memory.peak / 2**20:.0f} MB, "
            f"{got - asked.get(name, 15 * PEER_CLIPS * HZ):+d} samples, "
            f"{loud:.1f} LUFS, {peak:+.1f} dBTP, "
            f"largest step at a join {_step_at_joins(out):.2f} of the largest elsewhere"
        )


def _step_at_joins(path: Path) -> float:
    """Largest change from sample to sample within 60 ms of a join, against the rest's."""
    info = probe(path)
    samples = int(info.audio[0].duration_s * HZ)
    sound = read_samples(info, info.audio[0].index, Fraction(0), samples, HZ, 2)
    steps = np.abs(np.diff(sound, axis=0)).max(axis=1)
    near = np.zeros(len(steps), np.bool_)
    for n in range(1, PEER_CLIPS):
        near[round((15 * n - 0.06) * HZ) : round((15 * n + 0.06) * HZ)] = True
    return float(steps[near].max() / steps[~near].max())


def _by_ffmpeg(clips: list[Path], voice: Path, music: Path, out: Path) -> None:
    """As one writes it by hand: acrossfade, sidechaincompress, amix, loudnorm."""
    inputs = [part for path in clips for part in ("-i", str(path))]
    inputs += ["-i", str(voice), "-stream_loop", "-1", "-i", str(music)]
    n, graph, last = len(clips), [], "[0:a]"
    for k in range(n):
        graph.append(f"[{k}:a]atrim=0:15.04,aresample=48000[c{k}]")
    last = "[c0]"
    for k in range(1, n):
        graph.append(f"{last}[c{k}]acrossfade=d=0.04:c1=qsin:c2=qsin[x{k}]")
        last = f"[x{k}]"
    length = 15 * n
    graph += [
        f"[{n}:a]atrim=0:{length},aresample=48000,asplit=3[v0][v1][v2]",
        f"[{n + 1}:a]atrim=0:{length},aresample=48000,volume=-12dB[m]",
        f"{last}[v0]sidechaincompress=threshold=0.02:ratio=4:attack=120:release=600[nd]",
        "[m][v1]sidechaincompress=threshold=0.02:ratio=4:attack=120:release=600[md]",
        "[nd][md][v2]amix=inputs=3:normalize=0,loudnorm=I=-14:TP=-1,aresample=48000[o]",
    ]
    argv = ["-y", *inputs, "-filter_complex", ";".join(graph), "-map", "[o]", "-c:a", "pcm_s24le"]
    run([*argv, str(out)])


def _by_moviepy(clips: list[Path], voice: Path, music: Path, out: Path) -> None:
    from moviepy import AudioFileClip, CompositeAudioClip
    from moviepy.audio.fx import AudioFadeIn, AudioFadeOut, AudioLoop, MultiplyVolume

    length = 15 * len(clips)
    row = [
        AudioFileClip(str(path))
        .subclipped(0, 15.04 if n + 1 < len(clips) else 15)
        .with_effects([AudioFadeIn(0.04), AudioFadeOut(0.04)])
        .with_start(15 * n)
        for n, path in enumerate(clips)
    ]
    talk = AudioFileClip(str(voice)).subclipped(0, length)
    bed = AudioFileClip(str(music)).with_effects([AudioLoop(duration=length), MultiplyVolume(0.25)])
    whole = CompositeAudioClip([*row, talk, bed]).with_duration(length)
    whole.write_audiofile(str(out), fps=HZ, nbytes=4, codec="pcm_s32le", logger=None)


BENCHES: dict[str, Callable[[Path], None]] = {
    "hour": hour,
    "loudness": loudness,
    "joins": joins,
    "seams": seams,
    "sync": sync_speech,
    "ducking": ducking,
    "peers": peers,
}
FOOTAGE: list[Path] = []
SEED = [6]


def _chosen() -> Iterator[Callable[[Path], None]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bench", nargs="*", default=list(BENCHES))
    parser.add_argument("--footage", type=Path, help="folder with recordings")
    parser.add_argument("--seed", type=int, default=6, help="of the trials")
    chosen = parser.parse_args()
    SEED[0] = chosen.seed
    FOOTAGE.extend([chosen.footage] if chosen.footage else [])
    for name in chosen.bench:
        yield BENCHES[name]


if __name__ == "__main__":
    for bench in _chosen():
        scratch = Path(tempfile.mkdtemp(prefix="bench-sound-"))
        try:
            bench(scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
