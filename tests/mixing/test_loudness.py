"""The meters read what the EBU's test signals are defined to read, and what other meters read."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest
from scipy.signal import firwin

from assembler.media.samples import Samples
from assembler.mixing.loudness import (
    AFTER,
    BEFORE,
    CHUNK,
    LoudnessMeter,
    TruePeaks,
    true_peaks,
)
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


@pytest.mark.parametrize("case", TECH_3341)
def test_the_two_other_meters_read_the_ebu_signals(studio: Studio, case: str) -> None:
    """What our mixes are checked with, ebur128 and pyloudnorm, is right as well."""
    expected = -33.0 if case == "2" else -23.0
    sound = TECH_3341[case]
    assert ebur128(studio.file(sound))[0] == pytest.approx(expected, abs=0.1)
    assert pyloudnorm.Meter(HZ).integrated_loudness(sound) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("n", range(0, 20, 3))
def test_the_loudest_three_seconds_are_found_wherever_they_begin(n: int) -> None:
    """EBU Tech 3341 case 10."""
    meter = measured(np.concatenate([hush(n * 0.15), tone(3, level_db=-23), hush(1)]))
    assert meter.max_short_term() == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("n", range(0, 20, 3))
def test_the_loudest_400_milliseconds_are_found_wherever_they_begin(n: int) -> None:
    """EBU Tech 3341 case 13."""
    meter = measured(np.concatenate([hush(n * 0.02), tone(0.4, level_db=-23), hush(1)]))
    assert meter.max_momentary() == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("seconds", [0.4, 3.0])
def test_levels_one_after_the_other_are_followed(seconds: float) -> None:
    """EBU Tech 3341 cases 11 and 14: bursts from -38 to -19 dBFS, each louder by 1 dB."""
    sound, found = hush(0.5), []
    for level in range(-38, -18):
        burst = [tone(seconds, level_db=level), hush(seconds)]
        sound = np.concatenate([sound[-round(HZ * seconds) :], *burst])
        meter = measured(sound)
        found.append(meter.max_momentary() if seconds < 1 else meter.max_short_term())
    np.testing.assert_allclose(found, range(-38, -18), atol=0.1)


def test_momentary_loudness_stays_where_the_mean_stays() -> None:
    """EBU Tech 3341 case 12: -20 dBFS for 0.18 s and -30 dBFS for 0.22 s, 25 times."""
    levels = measured(steps(*[(-20, 0.18), (-30, 0.22)] * 25)).momentary()
    np.testing.assert_allclose(10 * np.log10(levels) - 0.691, -23, atol=0.1)


def hush(seconds: float) -> Samples:
    return np.zeros((round(seconds * HZ), 2), np.float32)


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


@pytest.mark.parametrize("offset", range(4))
def test_true_peak_between_samples_is_found_by_both_meters(studio: Studio, offset: int) -> None:
    """
    As EBU Tech 3341 cases 20 to 23: one louder period in a sine of a quarter of the rate, taken
    to the rate from four times of it at four phases; within +0.2 and -0.4 dB.
    """
    at = np.arange(4 * HZ)
    loud = 0.5 * np.sin(2 * np.pi * at / 24)
    loud[2 * HZ : 2 * HZ + 24] *= 2
    band = np.convolve(loud, firwin(513, 0.249, window=("kaiser", 12.0)), "same")
    sound = band[offset::4]
    expected = 20 * np.log10(np.abs(band).max())
    meter = TruePeaks(1)
    meter.add(sound[:, None].astype(np.float32))
    assert expected - 0.4 <= meter.dbtp <= expected + 0.2
    path = studio.file(np.repeat(sound[:, None], 2, 1).astype(np.float32))
    assert expected - 0.4 <= ebur128(path)[1] <= expected + 0.2


def test_true_peak_at_the_very_end_is_seen() -> None:
    """The last samples are interpolated against silence."""
    sound = np.zeros((1000, 1), np.float32)
    sound[-2:] = 0.7
    meter = TruePeaks(1)
    meter.add(sound)
    assert meter.dbtp > 20 * math.log10(0.75)


def test_sound_shorter_than_a_chunk_has_a_true_peak() -> None:
    sound = np.full((5, 1), 0.5, np.float32)
    meter = TruePeaks(1)
    meter.add(sound)
    assert meter.dbtp > 20 * math.log10(0.5)
    assert meter.per_chunk(0.1, lambda start, stop: sound[start:stop]).shape == (1,)


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


def _every_chunk(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """True peak of each chunk, all of them interpolated."""
    whole = -(-len(sound) // CHUNK) * CHUNK
    padded = np.pad(sound, ((BEFORE, whole - len(sound) + AFTER), (0, 0)))
    return true_peaks(padded).reshape(-1, CHUNK).max(axis=1)


@pytest.mark.parametrize("blocks", [1, 5, 37])
def test_only_loud_chunks_are_interpolated_and_no_peak_is_missed(blocks: int) -> None:
    """The highest peak is that of all chunks; each that passes a level is exact, others are not."""
    sound = hiss(1, 1, 0.02)
    sound[20_000:20_400] *= 10
    sound[:3] = sound[-2:] = 0.3
    exact = _every_chunk(sound)
    meter = TruePeaks(2)
    for block in np.array_split(sound, blocks):
        meter.add(block)
    assert meter.dbtp == pytest.approx(20 * math.log10(exact.max()), abs=1e-4)
    for above in (0.3, 0.05):
        found = meter.per_chunk(above, lambda start, stop: sound[start:stop])
        over = exact > above
        assert 0 < over.sum() < len(over)
        np.testing.assert_allclose(found[over], exact[over], rtol=1e-5)
        assert (found[~over] <= above).all()


def test_chunks_that_are_known_to_be_far_below_change_nothing() -> None:
    """What is known beforehand saves work; the highest peak stays the same."""
    sound = hiss(1, 1, 0.02)
    sound[20_000:20_100] *= 20
    exact = _every_chunk(sound)
    known = TruePeaks(2, exact * np.float32(1.01), each=False)
    for block in np.array_split(sound, 5):
        known.add(block)
    assert known.dbtp == pytest.approx(20 * math.log10(exact.max()), abs=1e-4)


def test_loudness_under_a_slow_gain_is_known_beforehand() -> None:
    sound = hiss(6, 1, 0.1)
    gain = 0.6 + 0.4 * np.sin(np.arange(len(sound)) / HZ)
    told = measured(sound).lowered(np.array_split(gain[16::32] ** 2, 3), 32)
    real = measured((sound * gain[:, None]).astype(np.float32)).integrated()
    assert told == pytest.approx(real, abs=0.005)
