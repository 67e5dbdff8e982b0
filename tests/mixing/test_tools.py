"""What can be done to a sound beside its level: loops, polish, surround, several loudnesses."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from assembler.media.probe import probe
from assembler.media.samples import Samples
from assembler.mixing.beat import HZ as BEAT_HZ
from assembler.mixing.beat import bars
from assembler.mixing.bus import mix
from assembler.mixing.drawing import draw
from assembler.mixing.keys import mix_key, sum_key
from assembler.mixing.outcome import Target
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


def beats(seconds: float, beat_s: float, hz: int = HZ) -> Samples:
    """A drum on every beat, louder on the first of four, over a soft pad; stereo."""
    out = hiss(seconds, 1, 0.002)[: round(seconds * HZ)]
    drum = hiss(0.08, 2, 0.4) * np.exp(-np.arange(round(0.08 * HZ)) / 900)[:, None]
    for n in range(int(seconds / beat_s) + 1):
        at = round(n * beat_s * HZ)
        part = out[at : at + len(drum)]
        part += drum[: len(part)] * (1.0 if n % 4 == 0 else 0.5)
    return out.astype(np.float32)


def onsets(sound: Samples) -> np.ndarray:  # type: ignore[type-arg]  # seconds
    level = np.abs(sound).max(axis=1)
    loud = np.flatnonzero(level > 0.1)
    return loud[np.flatnonzero(np.diff(loud, prepend=-HZ) > HZ // 10)] / HZ


@pytest.mark.parametrize("seconds", [9.3, 8.0])
def test_a_looped_beat_goes_on_in_time(studio: Studio, seconds: float) -> None:
    """120 beats a minute, cut anywhere or to its bars: every beat comes after half a second."""
    clip = studio.sound(beats(seconds, 0.5), 0, 24 * HZ, "music", loop=True)
    mix(programme(clip, frames=24 * 24), AS_IT_IS, studio.out(), bits=32)
    gaps = np.diff(onsets(heard(studio.out())))
    assert len(gaps) >= 46
    assert np.abs(gaps - 0.5).max() < 0.02


@pytest.mark.parametrize("sound", [hiss(8, 1), tone(8, 220)])
def test_what_has_no_beat_has_no_bars(sound: Samples) -> None:
    assert bars(sound[:: HZ // BEAT_HZ, :1]) is None


def test_denoising_lowers_noise_and_moves_nothing(studio: Studio) -> None:
    talk = speech(6, 1)
    talk[2 * HZ : 3 * HZ] = 0
    talk[4 * HZ : 5 * HZ] = 0
    noisy = studio.sound((talk + hiss(6, 3, 0.003, 1)).astype(np.float32), 0, 6 * HZ, "voice")
    polished = replace(noisy, polish=("denoise",))
    mix(programme(polished, frames=144), AS_IT_IS, studio.out(), bits=32)
    out = heard(studio.out())[:, 0]
    scores = np.fft.irfft(np.fft.rfft(out, 2**20) * np.conj(np.fft.rfft(talk[:, 0], 2**20)))
    assert abs((scores.argmax() + 2**19) % 2**20 - 2**19) <= 2
    pause = slice(2 * HZ + 9600, 3 * HZ - 9600)
    assert rms_db(out[pause]) < rms_db(hiss(1, 3, 0.003)) - 6
    assert rms_db(out[: 2 * HZ]) == pytest.approx(rms_db(talk[: 2 * HZ]), abs=1)
    assert [p for p in studio.out().parent.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("name", "band", "change"),
    [("telephone", (60, 150), -14), ("warm", (120, 240), 2), ("clear", (3000, 4000), 2)],
)
def test_tone_colours_change_their_bands(
    studio: Studio, name: str, band: tuple[int, int], change: float
) -> None:
    plain = studio.sound(hiss(2, 1, 0.05), 0, 2 * HZ, "voice", polish=(name,))
    mix(programme(plain), AS_IT_IS, studio.out(), bits=32)
    sos = butter(4, band, "bandpass", fs=HZ, output="sos")
    levels = [rms_db(sosfilt(sos, x, axis=0)) for x in (heard(studio.out()), hiss(2, 1, 0.05))]
    moved = levels[0] - levels[1]
    assert moved < change if change < 0 else moved > change


def test_music_reaches_the_surrounds_of_5_1_at_one_power(studio: Studio) -> None:
    """Stereo music: -9 dB behind, as loud as before in all; speech stays in the centre."""
    music = studio.sound(hiss(1, 1, 0.05), 0, HZ, "music")
    talk = studio.sound(speech(1), HZ, 2 * HZ, "voice")
    mix(programme(music, talk, layout="5.1"), AS_IT_IS, studio.out(), bits=32)
    out = heard(studio.out(), 6)
    front, rear = out[:HZ, :2], out[:HZ, 4:]
    assert rms_db(rear) - rms_db(front) == pytest.approx(-9 + 0.58, abs=0.05)
    power = float(np.sum(out[:HZ].astype(np.float64) ** 2))
    assert power == pytest.approx(float(np.sum(hiss(1, 1, 0.05).astype(np.float64) ** 2)), rel=1e-3)
    assert not out[HZ:, [0, 1, 3, 4, 5]].any()
    assert out[HZ:, 2].any()


def test_a_mono_sound_leaves_the_centre_of_5_1_when_it_is_panned(studio: Studio) -> None:
    effect = studio.sound(hiss(1, 1, 0.05, 1), 0, HZ, "sfx", pan=-1.0)
    mix(programme(effect, frames=24, layout="5.1"), AS_IT_IS, studio.out(), bits=32)
    out = heard(studio.out(), 6)
    assert rms_db(out[:, 0]) == pytest.approx(rms_db(hiss(1, 1, 0.05, 1)), abs=0.05)
    assert not out[:, 1:].any()


def test_one_mix_lands_on_several_targets(studio: Studio) -> None:
    cut = programme(studio.sound(hiss(3, level=0.02), 0, 3 * HZ, "music"), frames=72)
    web = AS_IT_IS.model_copy(update={"integrated_lufs": -14.0, "true_peak_dbtp": -1.0})
    other = studio.folder / "out" / "ebu.wav"
    report = mix(cut, web, studio.out(), further=(Target(other, -23.0, -1.0),))
    assert [ebur128(p)[0] for p in (studio.out(), other)] == pytest.approx([-14, -23], abs=0.1)
    assert report.further[0].loudness.integrated_lufs == pytest.approx(-23, abs=0.06)


def test_mixes_that_differ_in_loudness_alone_share_their_sum(studio: Studio) -> None:
    cut = programme(studio.sound(hiss(1), 0, HZ))
    quiet = AS_IT_IS.model_copy(update={"integrated_lufs": -23.0})
    slow = AS_IT_IS.model_copy(update={"duck_release_ms": 900.0})
    assert sum_key(cut, AS_IT_IS) == sum_key(cut, quiet) != sum_key(cut, slow)
    assert mix_key(cut, AS_IT_IS) != mix_key(cut, quiet)


@pytest.mark.parametrize("bits", [16, 24])
def test_less_depth_is_dithered_and_timecode_is_in_the_file(studio: Studio, bits: int) -> None:
    """A tone below the last bit survives as a tone, not as distortion."""
    step = 2.0 ** (1 - bits)
    faint = (tone(2, 1000, 0) * 0.4 * step).astype(np.float32)
    cut = programme(studio.sound(faint, 0, 2 * HZ))
    mix(cut, AS_IT_IS, studio.out(), bits=bits, time_reference=172_800_000)  # type: ignore[arg-type]
    out = heard(studio.out())[:, 0].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    assert spectrum[1990:2011].max() > 8 * np.median(spectrum)
    assert spectrum[5990:6011].max() < 5 * np.median(spectrum)
    content = studio.out().read_bytes()
    chunk = content[content.index(b"bext") + 8 :]
    assert struct.unpack("<Q", chunk[338:346]) == (172_800_000,)


def test_the_picture_shows_what_is_there(studio: Studio, tmp_path: Path) -> None:
    """Music is drawn where it is, and nothing where it isn't."""
    music = studio.sound(hiss(2, 1, 0.2), 0, 2 * HZ, "music", duck_db=12.0, duck_under=("voice",))
    voice = studio.sound(speech(1), 3 * HZ, 4 * HZ, "voice")
    report = mix(programme(music, voice, frames=96), AS_IT_IS, studio.out())
    picture = tmp_path / "mix.png"
    draw(report, AS_IT_IS, "Test", picture)
    video = probe(picture).video
    assert video is not None
    assert video.width == 1600
    assert list(report.trace.peaks) == ["voice", "music"]
    assert report.trace.peaks["music"][:38].min() > 0.2
    assert report.trace.peaks["music"][41:].max() == 0
    assert report.trace.ducked_db[66:74] == pytest.approx(12)
    assert report.trace.ducked_db[:50].max() == 0
