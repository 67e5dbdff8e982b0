"""Programmes are mixed, reopened and measured."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assembler.cut.model import GainRamp
from assembler.errors import MediaError, MixError
from assembler.media import ffmpeg
from assembler.media.samples import Samples
from assembler.mixing.bus import mix
from assembler.mixing.keys import mix_key
from assembler.mixing.session import levelling
from assembler.spec.presets import MixPreset
from assembler.timebase import NTSC, SampleRange, samples_at
from tests.mixing.conftest import (
    AS_IT_IS,
    HZ,
    Studio,
    ebur128,
    heard,
    hiss,
    programme,
    rms_db,
    speech,
    tone,
)


def target(lufs: float, dbtp: float = -1.0) -> MixPreset:
    return MixPreset(id="t", title="t", integrated_lufs=lufs, true_peak_dbtp=dbtp)


def test_sounds_lie_at_their_samples(studio: Studio) -> None:
    """A sample is where the cut says, and the rest is silence."""
    click = np.full((3, 2), 0.25, np.float32)
    cut = programme(studio.sound(click, 1001, 1004), studio.sound(click, 70_000, 70_003, "sfx"))
    mix(cut, AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    assert np.flatnonzero(sound[:, 0]).tolist() == [1001, 1002, 1003, 70_000, 70_001, 70_002]


def test_the_programme_is_exactly_as_long_as_the_picture(studio: Studio) -> None:
    cut = replace(programme(studio.sound(hiss(1), 0, 10**7), frames=31), rate=24 * NTSC)
    report = mix(cut, AS_IT_IS, studio.out())
    assert report.samples == samples_at(31, 24 * NTSC, HZ) == 62062
    assert len(heard(studio.out())) == 62062


_KILLED = """
import os, pickle, sys
from pathlib import Path
from assembler.mixing.bus import mix
from tests.mixing.conftest import AS_IT_IS
cut, out = pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
mix(cut, AS_IT_IS, out, stems=out.parent / "stems", on_samples=lambda _: os._exit(9))
"""


def test_what_a_killed_mix_has_left_goes_with_the_next(studio: Studio, tmp_path: Path) -> None:
    """The sum of the whole programme, stems and sounds that were cleaned, in the user's folder."""
    cut = programme(studio.sound(hiss(3), 0, 3 * HZ))
    out = tmp_path / "mixed" / "film.wav"
    (tmp_path / "cut").write_bytes(pickle.dumps(cut))
    argv = [sys.executable, "-c", _KILLED, str(tmp_path / "cut"), str(out)]
    assert subprocess.run(argv, check=False).returncode == 9
    assert len(list(out.parent.glob(".*"))) == 2
    stems = mix(cut, AS_IT_IS, out, stems=out.parent / "stems").stems
    left = {path for path in out.parent.rglob("*") if path.is_file()}
    assert left == {out, *stems.values()}
    assert not list(out.parent.glob(".*"))


def test_a_source_that_ends_early_leaves_silence(studio: Studio) -> None:
    cut = programme(studio.sound(hiss(0.5), 0, 2 * HZ))
    mix(cut, AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    assert sound[: HZ // 2].any()
    assert not sound[HZ // 2 :].any()


def test_a_record_range_that_begins_before_the_programme_is_cut(studio: Studio) -> None:
    ramp = np.linspace(0, 0.5, HZ, dtype=np.float32)[:, None].repeat(2, axis=1)
    cut = programme(studio.sound(ramp, -1000, HZ - 1000))
    mix(cut, AS_IT_IS, studio.out(), bits=32)
    np.testing.assert_allclose(heard(studio.out())[: HZ - 1000], ramp[1000:], atol=1e-6)


@pytest.mark.parametrize(("role", "lufs"), [("native", -14), ("voice", -23), ("music", -16)])
def test_loudness_lands_on_the_target(studio: Studio, role: str, lufs: float) -> None:
    """Within 0.1 LU by another meter, without a limiter where peaks allow."""
    cut = programme(studio.sound(hiss(3, level=0.03), 0, 3 * HZ, role), frames=72)
    report = mix(cut, target(lufs), studio.out())
    assert report.loudness.integrated_lufs == pytest.approx(lufs, abs=0.06)
    assert ebur128(studio.out())[0] == pytest.approx(lufs, abs=0.1)
    assert report.limited_db == 0


def test_peaks_are_limited_and_loudness_still_lands(studio: Studio) -> None:
    """Bursts that would reach +6 dBTP stay under -1 dBTP by two meters; loudness is exact."""
    sound = hiss(6, level=0.02)
    for at in range(10_000, 280_000, 24_000):
        sound[at : at + 2400] += hiss(0.05, at, 0.16) * np.hanning(2400)[:, None].astype("f4")
    report = mix(
        programme(studio.sound(sound, 0, len(sound)), frames=144), target(-16), studio.out()
    )
    loud, peak = ebur128(studio.out())
    assert report.limited_db > 3
    assert loud == pytest.approx(-16, abs=0.1)
    assert report.loudness.true_peak_dbtp <= -1.0
    assert peak <= -0.9


def test_a_margin_lowers_the_limit(studio: Studio) -> None:
    sound = hiss(3, level=0.1)
    cut = programme(studio.sound(sound, 0, len(sound)), frames=72)
    report = mix(cut, target(-9), studio.out(), true_peak_margin_db=1.5)
    assert report.loudness.true_peak_dbtp <= -2.5


def test_a_programme_without_sound_is_digital_silence(studio: Studio) -> None:
    report = mix(programme(), target(-14), studio.out())
    assert not heard(studio.out()).any()
    assert report.notes == ("the programme has no sound: it is digital silence",)
    assert report.samples == 2 * HZ


def test_noise_is_not_raised_without_end(studio: Studio) -> None:
    cut = programme(studio.sound(hiss(2, level=0.0005), 0, 2 * HZ))
    report = mix(cut, target(-14), studio.out())
    assert report.gain_db == 24
    assert "raised by 24 dB at most" in report.notes[0]


def test_levels_fades_pan_and_points_multiply(studio: Studio) -> None:
    """One number per sample, in decibels where they are decibels."""
    ones = np.ones((HZ, 2), np.float32) * 0.5
    sound = studio.sound(
        ones,
        0,
        HZ,
        gain_db=-6.0,
        fade_in=4800,
        fade_in_curve="linear",
        points=(GainRamp(9600, 0.0), GainRamp(19_200, -12.0)),
    )
    mix(programme(sound, frames=24), AS_IT_IS, studio.out(), bits=32)
    heard_ = heard(studio.out())[:, 0]
    half = 0.5 * 10 ** (-6 / 20)
    assert heard_[2400] == pytest.approx(half * 0.5, rel=1e-3)
    assert heard_[9000] == pytest.approx(half, rel=1e-5)
    assert heard_[14_400] == pytest.approx(half * 10 ** (-6 / 20), rel=1e-4)
    assert heard_[40_000] == pytest.approx(half * 10 ** (-12 / 20), rel=1e-4)


@pytest.mark.parametrize(("pan", "sides"), [(-1, (2**0.5, 0)), (0, (1, 1)), (1, (0, 2**0.5))])
def test_panning_keeps_power(studio: Studio, pan: float, sides: tuple[float, float]) -> None:
    sound = studio.sound(np.full((HZ, 1), 0.25, np.float32), 0, HZ, pan=float(pan))
    mix(programme(sound, frames=24), AS_IT_IS, studio.out(), bits=32)
    np.testing.assert_allclose(heard(studio.out())[HZ // 2] / 0.25, sides, atol=1e-5)


def test_a_loop_goes_on_without_a_gap_or_a_dip(studio: Studio) -> None:
    """Noise of 0.7 s fills three seconds at one level."""
    cut = programme(studio.sound(hiss(0.7), 0, 3 * HZ, "music", loop=True), frames=72)
    mix(cut, AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    levels = [rms_db(sound[at : at + 4800]) for at in range(0, 3 * HZ, 4800)]
    assert max(levels) - min(levels) < 1.2
    np.testing.assert_allclose(sound[:10_000], hiss(0.7)[:10_000], atol=1e-6)


def test_loud_sound_too_short_for_a_loudness_is_limited_and_nothing_else(studio: Studio) -> None:
    """Less than 400 ms have no loudness to bring to a target, but peaks."""
    cut = programme(studio.sound(hiss(0.375, level=0.4), 0, HZ, "sfx"), frames=9)
    report = mix(cut, target(-14), studio.out(), bits=32)
    sound = heard(studio.out())
    assert np.isfinite(sound).all()
    assert 0.7 < np.abs(sound).max() <= 10 ** (-1 / 20)
    assert (report.gain_db, report.loudness.true_peak_dbtp <= -0.95) == (0, True)


def test_a_looped_voice_ducks_in_every_round(studio: Studio) -> None:
    voice = studio.sound(speech(1.5), HZ, 7 * HZ, "voice", loop=True)
    music = studio.sound(
        hiss(8, level=0.05), 0, 8 * HZ, "music", duck_db=12.0, duck_under=("voice",)
    )
    stems = studio.folder / "stems"
    mix(programme(voice, music, frames=192), AS_IT_IS, studio.out(), stems=stems)
    level = heard(stems / "music.wav")
    levels = [rms_db(level[at * HZ : (at + 1) * HZ]) for at in (0, 2, 3, 4, 5)]
    assert all(levels[0] - 12.5 < one < levels[0] - 11.5 for one in levels[1:])


def test_a_loop_of_next_to_nothing_ends(studio: Studio) -> None:
    """A file of a hundredth of a second isn't repeated into a buzz, nor forever."""
    cut = programme(studio.sound(hiss(0.01), 0, 2 * HZ, "music", loop=True))
    mix(cut, AS_IT_IS, studio.out(), bits=32)
    assert not heard(studio.out())[HZ:].any()


def test_a_crossfade_of_noise_keeps_its_power(studio: Studio) -> None:
    """Equal power: no dip or bump above half a decibel (mean of many places)."""
    fade = 9600
    first = studio.sound(hiss(1.2, 1), 0, HZ + fade // 2, fade_out=fade)
    second = studio.sound(hiss(1.2, 2), HZ - fade // 2, 2 * HZ, fade_in=fade)
    mix(programme(first, second), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    inside = [rms_db(sound[at : at + 3200]) for at in range(HZ - fade // 2, HZ + fade // 2, 3200)]
    assert inside == pytest.approx([rms_db(hiss(1.2))] * 3, abs=0.5)


@pytest.mark.parametrize("pitch", [110.0, 1000.0])
def test_a_crossfade_of_the_same_sound_keeps_its_power(studio: Studio, pitch: float) -> None:
    """A tone that goes on behind the seam doesn't swell by 3 dB, nor does it step."""
    fade, whole = 4800, tone(2.2, pitch)
    first = studio.sound(whole[: HZ + fade // 2], 0, HZ + fade // 2, fade_out=fade)
    second = studio.sound(whole[HZ - fade // 2 :], HZ - fade // 2, 2 * HZ, fade_in=fade)
    mix(programme(first, second), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    assert np.abs(sound - whole[: len(sound)]).max() < 0.002


def test_micro_fades_leave_no_step_at_a_cut(studio: Studio) -> None:
    """Tones cut at their crests: no step above what the tones have themselves."""
    low, high = tone(1.1, 100.3, -6), tone(1.1, 333.7, -6)
    fade = HZ * 3 // 1000
    first = studio.sound(low, 0, HZ, fade_out=fade)
    second = studio.sound(high, HZ, 2 * HZ, fade_in=fade)
    mix(programme(first, second), AS_IT_IS, studio.out(), bits=32)
    inner = heard(studio.out())[100:-100]
    assert np.abs(np.diff(inner, axis=0)).max() <= np.abs(np.diff(high, axis=0)).max() * 1.05


def test_music_goes_down_under_speech_by_what_was_asked(studio: Studio) -> None:
    """Within half a decibel from the first to the last word, and back to full after."""
    voice = studio.sound(speech(2), 2 * HZ, 4 * HZ, "voice", id="voice")
    music = studio.sound(
        tone(8, 440), 0, 8 * HZ, "music", id="music", duck_db=10.0, duck_under=("voice",)
    )
    stems = studio.folder / "stems"
    report = mix(programme(voice, music, frames=192), AS_IT_IS, studio.out(), stems=stems)
    levels = heard(stems / "music.wav")
    full = rms_db(tone(1, 440))
    assert rms_db(levels[:HZ]) == pytest.approx(full, abs=0.1)
    inside = [rms_db(levels[at : at + 4800]) for at in range(2 * HZ, 4 * HZ - 4800, 4800)]
    assert inside == pytest.approx([full - 10] * len(inside), abs=0.5)
    assert rms_db(levels[6 * HZ :]) == pytest.approx(full, abs=0.1)
    assert report.speech[0].start == pytest.approx(2 * HZ, abs=4800)


def test_ducking_never_moves_faster_than_its_ramps(studio: Studio) -> None:
    voice = studio.sound(speech(1), HZ, 2 * HZ, "voice")
    music = studio.sound(
        np.full((4 * HZ, 2), 0.1, np.float32),
        0,
        4 * HZ,
        "music",
        duck_db=12.0,
        duck_under=("voice",),
    )
    stems = studio.folder / "stems"
    mix(programme(voice, music, frames=96), AS_IT_IS, studio.out(), stems=stems)
    db = 20 * np.log10(heard(stems / "music.wav")[:, 0])
    steepest = 12 * np.pi / 2 / (0.120 * HZ)
    assert np.abs(np.diff(db)).max() < steepest * 1.05


def test_stems_sum_to_the_mix_before_mastering(studio: Studio) -> None:
    """Null test: what is left is under -90 dBFS."""
    sounds = [
        studio.sound(hiss(2, n), 0, 2 * HZ, role, duck_db=6.0, duck_under=("voice",), gain_db=-n)
        for n, role in enumerate(["native", "music", "sfx"])
    ]
    voice = studio.sound(speech(1), 0, HZ, "voice")
    stems = studio.folder / "stems"
    report = mix(programme(*sounds, voice), AS_IT_IS, studio.out(), bits=32, stems=stems)
    assert set(report.stems) == {"native", "voice", "music", "sfx", "music-and-effects"}
    assert (report.gain_db, report.limited_db) == (0, 0)
    stem = {name: heard(path).astype(np.float64) for name, path in report.stems.items()}
    effects = stem.pop("music-and-effects")
    for total in (sum(stem.values()), stem["voice"] + effects):
        assert rms_db((total - heard(studio.out())).astype(np.float32)) < -90


def test_clips_are_levelled_within_bounds(studio: Studio) -> None:
    quiet = studio.sound(tone(1, level_db=-40), 0, HZ, level_to_mix=True, id="quiet")
    loud = studio.sound(tone(1, level_db=-16), HZ, 2 * HZ, level_to_mix=True, id="loud")
    report = mix(programme(quiet, loud), AS_IT_IS, studio.out())
    assert [s.level_db for s in report.sounds] == pytest.approx([12, -7], abs=0.05)
    assert levelling(-80, -23) == 0


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 6)])
def test_every_layout_reaches_its_loudness(studio: Studio, layout: str, channels: int) -> None:
    music = studio.sound(hiss(2, 1, 0.03), 0, 2 * HZ, "music")
    voice = studio.sound(speech(2, level=0.1), 0, 2 * HZ, "voice")
    report = mix(programme(music, voice, layout=layout), target(-23), studio.out())  # type: ignore[arg-type]
    assert report.channels == channels
    assert ebur128(studio.out())[0] == pytest.approx(-23, abs=0.1)


def test_clips_with_encoder_priming_join_without_a_gap(studio: Studio) -> None:
    """One noise cut into AAC clips of frames at 23.976 sounds as if it had never been cut."""
    rate, whole = 24 * NTSC, hiss(4, channels=1)
    sounds = []
    for n in range(3):
        start, stop = (samples_at(k * 24, rate, HZ) for k in (n, n + 1))
        raw = studio.file(whole[start:stop])
        path = studio.folder / f"clip{n}.m4a"
        ffmpeg.run(["-i", str(raw), "-c:a", "aac", "-b:a", "320k", str(path)])
        sounds.append(studio.sound(path, start, stop, id=f"clip{n}"))
    mix(replace(programme(*sounds, frames=72), rate=rate), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out(), 1)[:, 0].astype(np.float64)
    for n in range(3):
        middle = samples_at(n * 24, rate, HZ) + 20_000
        match = np.correlate(sound[middle : middle + 9000], whole[middle + 100 : middle + 8100, 0])
        assert int(match.argmax()) == 100


def test_the_same_cut_gives_the_same_bytes(studio: Studio) -> None:
    cut = programme(
        studio.sound(hiss(1), 0, HZ), studio.sound(hiss(1, 2), 5000, HZ, "music", loop=True)
    )
    first, second = studio.folder / "a.wav", studio.folder / "b.wav"
    mix(cut, target(-14), first)
    mix(cut, target(-14), second)
    assert first.read_bytes() == second.read_bytes()


def test_a_missing_file_leaves_nothing_behind(studio: Studio) -> None:
    cut = programme(studio.sound(studio.folder / "none.wav", 0, HZ))
    with pytest.raises(MediaError, match="the sound can't be read"):
        mix(cut, AS_IT_IS, studio.out())
    assert list(studio.out().parent.iterdir()) == []


def test_a_stopped_mix_leaves_nothing_behind(studio: Studio) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(MixError, match="the mix was stopped"):
        mix(programme(studio.sound(hiss(1), 0, HZ)), AS_IT_IS, studio.out(), cancel=stop)
    assert list(studio.out().parent.iterdir()) == []


def test_progress_ends_with_the_programme(studio: Studio) -> None:
    told: list[int] = []
    mix(programme(frames=120), AS_IT_IS, studio.out(), on_samples=told.append)
    assert told == [2 * HZ, 4 * HZ, 5 * HZ]


def test_a_key_follows_what_is_heard_and_not_where_it_lies(studio: Studio) -> None:
    sound = studio.sound(hiss(1), 0, HZ)
    key = mix_key(programme(sound), target(-14))
    assert key == mix_key(programme(replace(sound, path=Path("elsewhere.wav"))), target(-14))
    assert key != mix_key(programme(sound), target(-16))
    assert key != mix_key(programme(sound, frames=49), target(-14))
    for change in ("key", "gain_db", "fade_in", "record", "source_start_s", "role"):
        other = {
            "key": "x",
            "gain_db": 1.0,
            "fade_in": 7,
            "record": SampleRange(1, 7),
            "source_start_s": Fraction(1, 7),
            "role": "music",
        }[change]
        assert key != mix_key(programme(replace(sound, **{change: other})), target(-14))  # type: ignore[arg-type]


def test_parts_of_a_segment_keep_their_levels_among_each_other(studio: Studio) -> None:
    quiet = studio.sound(tone(1, level_db=-30), 0, HZ, level_to_mix=True, segment="s")
    loud = studio.sound(tone(1, level_db=-20), HZ, 2 * HZ, level_to_mix=True, segment="s")
    report = mix(programme(quiet, loud), AS_IT_IS, studio.out())
    first, second = (sound.level_db for sound in report.sounds)
    assert first == second


def test_recording_that_goes_on_in_the_next_segment_keeps_its_level(studio: Studio) -> None:
    narration = studio.file(np.concatenate([tone(1, level_db=-30), tone(1, level_db=-20)]))
    own = studio.file(tone(1, level_db=-30))
    sounds = (
        studio.sound(narration, 0, HZ, "dialogue", level_to_mix=True, segment="a"),
        studio.sound(
            narration, HZ, 2 * HZ, "dialogue", since=Fraction(1), level_to_mix=True, segment="b"
        ),
        studio.sound(own, 0, HZ, "dialogue", level_to_mix=True, segment="c"),
    )
    report = mix(programme(*sounds), AS_IT_IS, studio.out())
    first, second, other = (sound.level_db for sound in report.sounds)
    assert first == second
    assert other == pytest.approx(first + 7.4, abs=0.3)


def test_only_speech_is_left_of_a_clip(studio: Studio) -> None:
    """A bed alone is shut out; the bed under the voice stays with it."""
    bed = hiss(4, level=0.004)
    bed[HZ : 3 * HZ] += spoken_like(2)
    clip = studio.sound(bed, 0, 4 * HZ, "dialogue", speech_only=True)
    music = studio.sound(
        np.full((4 * HZ, 2), 0.1, np.float32), 0, 4 * HZ, "music",
        duck_db=6.0, duck_under=("dialogue",),
    )  # fmt: skip
    stems = studio.folder / "stems"
    mix(programme(clip, music, frames=96), AS_IT_IS, studio.out(), bits=32, stems=stems)
    out = heard(stems / "dialogue.wav")
    down = 20 * np.log10(heard(stems / "music.wav")[[HZ // 10, 2 * HZ], 0] / 0.1)
    assert down == pytest.approx([0, -6], abs=0.1)
    assert rms_db(out[: HZ // 2]) < -100
    assert rms_db(out[-HZ // 2 :]) < -100
    inside = slice(HZ + HZ // 4, 3 * HZ - HZ // 4)
    assert rms_db(out[inside] - bed[inside]) < -80


def test_a_clip_without_speech_is_silent_and_said(studio: Studio) -> None:
    clip = studio.sound(hiss(2), 0, 2 * HZ, speech_only=True, id="walk.1")
    report = mix(programme(clip), AS_IT_IS, studio.out())
    assert any(note.startswith("warning: no speech was found in walk.1") for note in report.notes)


def spoken_like(seconds: int) -> Samples:
    """A voice whose pitch glides, in syllables, stereo."""
    at = np.arange(seconds * HZ) / HZ
    pitch = 120 * (1 + 0.2 * np.sin(2 * np.pi * 2.5 * at))
    phase = 2 * np.pi * np.cumsum(pitch) / HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 15))
    syllables = np.clip(np.sin(2 * np.pi * 4 * at), 0, 1)
    return np.repeat((0.1 * voice * syllables)[:, None], 2, 1).astype(np.float32)


def test_the_limiter_holds_the_first_samples_too(studio: Studio) -> None:
    """Nothing comes before them in which a gain could go down."""
    sound = hiss(3, level=0.02)
    sound[:480] = tone(0.01, level_db=-1)
    clip = studio.sound(sound, 0, 3 * HZ, "music")
    preset = AS_IT_IS.model_copy(update={"integrated_lufs": -20.0, "true_peak_dbtp": -1.0})
    report = mix(programme(clip, frames=72), preset, studio.out())
    assert report.limited_db > 3
    assert report.loudness.true_peak_dbtp <= -0.95
