"""Clips are found in the recording they were made from, and only there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soxr
from scipy.signal import butter, sosfilt

from assembler.errors import MatchError
from assembler.match.sync import Sync, sync
from assembler.media import ffmpeg
from assembler.media.info import AudioStream, MediaInfo
from assembler.media.samples import Samples
from tests.mixing.conftest import HZ, Studio, hiss, speech


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def info_of(path: Path, hz: int, seconds: float) -> MediaInfo:
    stream = AudioStream(0, "", hz, 1, "mono", Fraction(0), Fraction(seconds))
    return MediaInfo(path, 0, 0, "", None, (stream,), False, None, ())


def spoken(seconds: float, seed: int) -> Samples:
    """Speech with the breath and the change of colour that a real voice has."""
    voice = speech(seconds, seed)[:, 0]
    rng = np.random.default_rng(seed + 100)
    breath = np.convolve(rng.standard_normal(len(voice)), np.ones(4) / 4, "same")
    return (voice + 0.3 * np.abs(voice) * breath).astype(np.float32)[:, None]


def recording(studio: Studio, samples: Samples, name: str) -> MediaInfo:
    path = studio.file(samples, HZ, name)
    return info_of(path, HZ, len(samples) / HZ)


def encoded(studio: Studio, samples: Samples) -> MediaInfo:
    raw = studio.file(samples, HZ, "clip.wav")
    path = studio.folder / "clip.m4a"
    ffmpeg.run(["-i", str(raw), "-c:a", "aac", "-b:a", "96k", str(path)])
    return info_of(path, HZ, len(samples) / HZ)


@pytest.mark.parametrize("start", [0, 123_457])
def test_a_clip_is_found_to_a_tenth_of_a_millisecond(studio: Studio, start: int) -> None:
    """Through AAC, at half the level."""
    whole = spoken(12, 1)
    master = recording(studio, whole, "master.wav")
    found = sync(encoded(studio, whole[start : start + 5 * HZ] * 0.5), master)
    assert found.matched
    assert found.offset_s == pytest.approx(start / HZ, abs=1e-4)
    assert found.confidence > 0.8


def test_a_clip_of_turned_polarity_is_found(studio: Studio) -> None:
    """To the place of an upright one, not to a neighbouring wave that is alike."""
    whole = spoken(12, 1)
    clip = encoded(studio, -whole[123_457 : 123_457 + 5 * HZ])
    found = sync(clip, recording(studio, whole, "master.wav"))
    assert found.matched
    assert found.offset_s == pytest.approx(123_457 / HZ, abs=1e-4)
    assert found.confidence > 0.8


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("order", [2, 4])
def test_a_clip_through_a_telephone_is_found(studio: Studio, order: int, sign: int) -> None:
    """Its filter turns the phase of what is loudest in speech."""
    whole = spoken(12, 1)
    band = butter(order, (300, 3400), "bandpass", fs=HZ, output="sos")
    clip = sosfilt(band, sign * whole[123_457 : 123_457 + 6 * HZ], axis=0).astype(np.float32)
    found = sync(encoded(studio, clip), recording(studio, whole, "master.wav"))
    assert found.matched
    assert found.offset_s == pytest.approx(123_457 / HZ, abs=4e-4)
    assert found.drift_ppm == pytest.approx(0, abs=10)


def test_noise_under_the_speech_is_borne(studio: Studio) -> None:
    whole = spoken(12, 2)
    clip = whole[200_000 : 200_000 + 6 * HZ]
    loud = float(np.sqrt(np.mean(clip**2)))
    found = sync(
        encoded(studio, clip + hiss(6, 9, loud * 0.3, 1)), recording(studio, whole, "master.wav")
    )
    assert found.matched
    assert found.offset_s == pytest.approx(200_000 / HZ, abs=1e-3)


def test_a_rate_error_is_measured(studio: Studio) -> None:
    """A clip that is 0.08 % too long is found at its beginning, and its drift is told."""
    whole = spoken(16, 3)
    clip = soxr.resample(whole[96_000 : 96_000 + 9 * HZ], HZ, HZ * 1.0008, "VHQ")
    found = sync(encoded(studio, clip), recording(studio, whole, "master.wav"))
    assert found.matched
    assert found.offset_s == pytest.approx(2.0, abs=1e-3)
    assert found.drift_ppm == pytest.approx(800, abs=100)


def test_other_words_are_refused(studio: Studio) -> None:
    master = recording(studio, spoken(12, 4), "master.wav")
    found = sync(encoded(studio, spoken(6, 5)), master)
    assert not found.matched
    assert found.reason == "the clip's sound is not in the master"


def test_a_place_that_sounds_different_is_told_as_such(studio: Studio) -> None:
    """Speech that is found window by window, but is too slow to be that of the master."""
    whole = spoken(14, 40)
    clip = soxr.resample(whole[2 * HZ : 8 * HZ], HZ, HZ * 1.0025, "VHQ")
    found = sync(encoded(studio, clip), recording(studio, whole, "master.wav"))
    assert not found.matched
    assert found.confidence < 0.5
    assert found.reason == "the place most like it, at 2.00 s of the master, sounds different"


def test_silence_is_refused(studio: Studio) -> None:
    master = recording(studio, spoken(4, 4), "master.wav")
    found = sync(encoded(studio, np.zeros((3 * HZ, 1), np.float32)), master)
    assert (found.matched, found.reason) == (False, "the clip is silent")


def test_a_file_without_sound_is_an_error(studio: Studio) -> None:
    silent = MediaInfo(Path("x.mp4"), 0, 0, "", None, (), False, None, ())
    with pytest.raises(MatchError, match="it has no sound to synchronise"):
        sync(silent, recording(studio, spoken(3, 4), "master.wav"))


def test_a_place_far_from_where_it_was_expected_is_found(studio: Studio) -> None:
    whole = spoken(20, 6)
    master = recording(studio, whole, "master.wav")
    clip = encoded(studio, whole[13 * HZ : 17 * HZ])
    assert sync(clip, master, near_s=1.0).offset_s == pytest.approx(13, abs=1e-4)


def test_a_clip_across_two_searched_blocks_is_found(studio: Studio) -> None:
    whole = spoken(64, 7)
    master = recording(studio, whole, "master.wav")
    clip = encoded(studio, whole[58 * HZ : 62 * HZ])
    found = sync(clip, master)
    assert found.offset_s == pytest.approx(58, abs=1e-4)
    assert found.confidence > 0.8


@pytest.mark.parametrize("seed", [31, 32, 33])
def test_a_rate_error_of_a_thousandth_leaves_the_place_exact(studio: Studio, seed: int) -> None:
    """Windows that are loud at one end only don't mislead it."""
    whole = spoken(16, seed)
    clip = soxr.resample(whole[96_000 : 96_000 + 6 * HZ], HZ, HZ * 0.999, "VHQ")
    clip *= np.clip(np.sin(np.arange(len(clip)) / HZ * 2)[:, None], 0.02, 1)
    found = sync(encoded(studio, clip), recording(studio, whole, "master.wav"))
    assert found.offset_s == pytest.approx(2.0, abs=2e-4)
    assert found.drift_ppm == pytest.approx(-1000, abs=10)


def test_a_missing_half_second_is_found(studio: Studio) -> None:
    whole = spoken(16, 8)
    begin, gap = 2 * HZ, HZ // 2
    clip = np.concatenate([whole[begin : begin + 4 * HZ], whole[begin + 4 * HZ + gap :][: 4 * HZ]])
    found = sync(encoded(studio, clip), recording(studio, whole, "master.wav"))
    assert found.offset_s == pytest.approx(2.0, abs=1e-4)
    (jump,) = found.jumps
    assert jump.offset_s == pytest.approx(2.5, abs=1e-4)
    assert jump.until_s == jump.from_s == pytest.approx(4.0, abs=0.06)
    assert "0.500 s are missing at" in found.text()


def test_an_extra_half_second_is_found(studio: Studio) -> None:
    """The master stops where it begins and goes on where it ends."""
    whole = spoken(16, 9)
    extra = hiss(0.5, 1, 0.001, 1)
    clip = np.concatenate([whole[2 * HZ : 6 * HZ], extra, whole[6 * HZ : 10 * HZ]])
    found = sync(encoded(studio, clip), recording(studio, whole, "master.wav"))
    (jump,) = found.jumps
    assert jump.offset_s == pytest.approx(1.5, abs=1e-4)
    assert (jump.until_s, jump.from_s) == pytest.approx((4.0, 4.5), abs=0.06)
    assert Sync.of(found.data()) == found


@pytest.mark.parametrize(
    ("seed", "seconds", "tempo"),
    [(40, 4, 1.012), (41, 5, 0.992), (42, 4, 0.985), (42, 5, 0.985), (40, 9, 1.042)],
)
def test_the_same_words_at_another_tempo_are_refused(
    studio: Studio, seed: int, seconds: int, tempo: float
) -> None:
    """A few windows agree with the master by chance; what lies between them doesn't."""
    whole = spoken(14, seed)
    raw = studio.file(whole[2 * HZ : (2 + seconds) * HZ], HZ, "clip.wav")
    path = studio.folder / "clip.m4a"
    ffmpeg.run(["-i", str(raw), "-af", f"atempo={tempo}", "-c:a", "aac", str(path)])
    clip = info_of(path, HZ, seconds / tempo)
    assert not sync(clip, recording(studio, whole, "master.wav")).matched


def test_half_a_second_is_missing_in_a_short_clip(studio: Studio) -> None:
    """One window on each side of the gap is enough."""
    whole = spoken(14, 41)
    at = 4 * HZ + 2 * HZ
    clip = np.concatenate([whole[4 * HZ : at], whole[at + HZ // 2 : at + HZ // 2 + 2 * HZ]])
    found = sync(encoded(studio, clip), recording(studio, whole, "master.wav"))
    assert (found.matched, len(found.jumps)) == (True, 1)
    assert found.offset_s == pytest.approx(4, abs=1e-4)
    assert found.jumps[0].offset_s == pytest.approx(4.5, abs=1e-4)
    assert found.jumps[0].until_s == pytest.approx(2, abs=0.05)
