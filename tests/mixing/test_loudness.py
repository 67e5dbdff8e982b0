"""The meters read what the EBU's test signals are defined to read, and what other meters read."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest

from assembler.media.samples import Samples
from assembler.mixing.loudness import LoudnessMeter, TruePeaks, true_peaks
from tests.mixing.conftest import HZ, Studio, ebur128, hiss, tone


def measured(sound: Samples, block: int = 10_007) -> LoudnessMeter:
    meter = LoudnessMeter(HZ, sound.shape[1])
    for at in range(0, len(sound), block):
        meter.add(sound[at : at + block])
    return meter


def steps(*parts: tuple[float, float]) -> Samples:
    """Stereo tones of 1 kHz: (level in dBFS, seconds)."""
    return np.concatenate([tone(seconds, level_db=level) for level, seconds in parts])


TECH_3341 = {
    "1": steps((-23, 20)),
    "2": steps((-33, 20)),
    "3": steps((-36, 10), (-23, 60), (-36, 10)),
    "4": steps((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)),
    "5": steps((-26, 20), (-20, 20.1), (-26, 20)),
}


@pytest.mark.parametrize("case", TECH_3341)
def test_integrated_loudness_of_the_ebu_signals(case: str) -> None:
    """EBU Tech 3341, table 1: within 0.1 LU."""
    expected = -33.0 if case == "2" else -23.0
    assert measured(TECH_3341[case]).integrated() == pytest.approx(expected, abs=0.1)


def test_surround_channels_have_their_weights() -> None:
    """EBU Tech 3341 case 6, with an LFE that must not count."""
    levels = (-28, -28, -24, 0, -30, -30)
    sound = np.concatenate([tone(20, level_db=level, channels=1) for level in levels], axis=1)
    assert measured(sound).integrated() == pytest.approx(-23, abs=0.1)


def test_short_term_loudness_stays_where_the_mean_stays() -> None:
    """EBU Tech 3341 case 9: -20 dBFS for 1.34 s and -30 dBFS for 1.66 s, five times."""
    levels = measured(steps(*[(-20, 1.34), (-30, 1.66)] * 5)).short_term()
    np.testing.assert_allclose(levels, -23, atol=0.1)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)],
)
def test_loudness_range_of_the_ebu_signals(levels: tuple[int, ...], expected: int) -> None:
    """EBU Tech 3342, table 1: within 1 LU."""
    meter = measured(steps(*[(level, 20) for level in levels]))
    assert meter.loudness_range() == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    ("part", "phase", "level", "expected"),
    [
        (4, 0, 0.5, -6),
        (4, 45, 0.5, -6),
        (6, 60, 0.5, -6),
        (8, 67.5, 0.5, -6),
        (4, 45, 1.41, 3),
    ],
)
def test_true_peak_of_the_ebu_signals(
    part: int, phase: float, level: float, expected: float
) -> None:
    """EBU Tech 3341 cases 15 to 19: sines at a part of the rate, within +0.2 and -0.4 dB."""
    at = np.arange(HZ)
    sound = level * np.sin(2 * np.pi * at / part + math.radians(phase))
    sound *= np.clip(np.minimum(at, at[::-1]) / 480, 0, 1)
    meter = TruePeaks(2)
    for block in np.array_split(np.repeat(sound[:, None], 2, 1).astype(np.float32), 7):
        meter.add(block)
    assert expected - 0.4 <= meter.dbtp <= expected + 0.2


def test_true_peak_at_the_very_end_is_seen() -> None:
    """The last samples are interpolated against silence."""
    sound = np.zeros((1000, 1), np.float32)
    sound[-2:] = 0.7
    meter = TruePeaks(1)
    meter.add(sound)
    assert meter.dbtp > 20 * math.log10(0.75)


def test_fast_interpolation_equals_a_long_sinc() -> None:
    """Against an exact band-limited interpolation by Fourier transform."""
    rng = np.random.default_rng(3)
    spectrum = np.zeros(2049, complex)
    spectrum[:1600] = rng.standard_normal(1600) + 1j * rng.standard_normal(1600)
    sound = np.fft.irfft(spectrum, 4096)
    sound /= np.abs(sound).max()
    exact = np.fft.irfft(spectrum, 4 * 4096) * 4
    exact /= np.abs(exact[::4]).max()
    expected = np.abs(exact).reshape(-1, 4).max(axis=1)[100:3000]
    peaks = true_peaks(sound[:, None].astype(np.float32)[100 - 11 : 3000 + 12])
    np.testing.assert_allclose(peaks, expected, atol=0.02)


def test_two_other_meters_agree(studio: Studio) -> None:
    """pyloudnorm and ffmpeg's ebur128 read the same from noise that changes its level."""
    sound = np.concatenate([hiss(4, 1, 0.02), hiss(6, 2, 0.1), hiss(3, 3, 0.001)])
    ours = measured(sound).integrated()
    path = studio.file(sound)
    assert ours == pytest.approx(pyloudnorm.Meter(HZ).integrated_loudness(sound), abs=0.05)
    assert ours == pytest.approx(ebur128(path)[0], abs=0.06)


def test_blocks_of_any_size_give_the_same_reading() -> None:
    sound = hiss(3)
    once = measured(sound, len(sound)).integrated()
    assert measured(sound, 777).integrated() == pytest.approx(once, abs=1e-9)


def test_silence_has_no_loudness() -> None:
    meter = measured(np.zeros((HZ, 2), np.float32))
    assert meter.integrated() == -math.inf
    assert meter.loudness_range() == 0
    assert TruePeaks(2).dbtp == -math.inf


@pytest.mark.parametrize("hz", [44100, 96000])
def test_other_sample_rates_read_the_same(hz: int) -> None:
    wave = np.sin(2 * np.pi * 1000 * np.arange(hz * 3) / hz) * 10 ** (-23 / 20)
    meter = LoudnessMeter(hz, 2)
    meter.add(np.repeat(wave[:, None], 2, axis=1).astype(np.float32))
    assert meter.integrated() == pytest.approx(-23, abs=0.05)
