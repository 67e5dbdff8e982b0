"""Loops are mixed, reopened and measured where one round passes into the next."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from assembler.cut.model import Rounds
from assembler.media.samples import Samples
from assembler.mixing.bus import mix
from tests.mixing.conftest import AS_IT_IS, HZ, Studio, heard, hiss, programme, rms_db, tone


def struck(seconds: float, every_s: float, until_s: float) -> Samples:
    """Strokes that decay, the first of four the loudest, over next to nothing; stereo."""
    out = hiss(seconds, 1, 0.0005)
    stroke = tone(0.15, 400, 0.5)[:, :1] * np.exp(-np.arange(round(0.15 * HZ)) / 1200)[:, None]
    for n in range(round(until_s / every_s)):
        part = out[round(n * every_s * HZ) :][: len(stroke)]
        part += stroke[: len(part)] * (1.0 if n % 4 == 0 else 0.5)
    return out.astype(np.float32)


@pytest.mark.parametrize("rest", [0.0, 0.1, 0.3, 1.2])
def test_the_first_beat_of_a_round_is_as_loud_as_in_the_first(studio: Studio, rest: float) -> None:
    """Whatever fades out at the end of the file: a rest of any length."""
    clip = studio.sound(struck(8 + rest, 0.5, 8), 0, 20 * HZ, "music", loop=True)
    mix(programme(clip, frames=480), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    peaks = [float(np.abs(sound[at : at + 2400]).max()) for at in (0, 8 * HZ, 16 * HZ)]
    assert peaks == pytest.approx([peaks[0]] * 3, rel=0.02)


def test_a_first_beat_after_a_moment_of_silence_stays(studio: Studio) -> None:
    """As encoders and editors leave it: 40 ms before the first stroke."""
    late = np.concatenate([np.zeros((HZ // 25, 2), np.float32), struck(8.5, 0.5, 8)])
    clip = studio.sound(late, 0, 20 * HZ, "music", loop=True)
    mix(programme(clip, frames=480), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    peaks = [float(np.abs(sound[at : at + 4800]).max()) for at in (0, 8 * HZ, 16 * HZ)]
    assert peaks == pytest.approx([peaks[0]] * 3, rel=0.02)


def test_a_tick_of_no_beat_keeps_its_attack(studio: Studio) -> None:
    """The clock of two seconds overlaps with its quiet end."""
    clip = studio.sound(struck(2, 2, 2), 0, 8 * HZ, "sfx", loop=True)
    mix(programme(clip, frames=192), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    period = round(1.75 * HZ)
    peaks = [float(np.abs(sound[n * period :][:2400]).max()) for n in range(4)]
    assert peaks == pytest.approx([peaks[0]] * 4, rel=0.02)


@pytest.mark.parametrize(("pitch", "seconds"), [(300.0, 1.7), (220.3, 3.3), (110.0, 2.015)])
def test_a_tone_does_not_swell_where_it_starts_again(
    studio: Studio, pitch: float, seconds: float
) -> None:
    clip = studio.sound(tone(seconds, pitch), 0, 10 * HZ, "sfx", loop=True)
    mix(programme(clip, frames=240), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())
    levels = [rms_db(sound[at : at + 4800]) for at in range(0, 10 * HZ - 4800, 2400)]
    assert max(levels) - min(levels) < 0.5


def test_rounds_of_the_author_begin_to_the_sample_and_leave_no_hole(studio: Studio) -> None:
    """From one to two seconds of something that is different in every second."""
    level = np.repeat(np.float32([0.3, 0.1, 0.1, 0.3]), HZ)[:, None] * np.ones((1, 2), np.float32)
    level[HZ + 24_001] += 0.5
    rounds = Rounds(Fraction(1), Fraction(2))
    clip = studio.sound(level, 0, 6 * HZ, "sfx", loop=True, since=Fraction(1), rounds=rounds)
    mix(programme(clip, frames=144), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())[:, 0]
    marks = np.flatnonzero(sound > 0.25)
    assert marks.tolist()[0] == 24_001
    assert np.diff(marks).tolist() == [HZ] * 5
    assert np.delete(sound, marks) == pytest.approx(0.1, abs=0.002)


def test_short_rounds_of_the_author_keep_their_length(studio: Studio) -> None:
    """Shorter than what could fade out under the next."""
    level = np.full((HZ, 2), 0.1, np.float32)
    level[4800] += 0.5
    rounds = Rounds(Fraction(3, 20), Fraction(4, 5))
    clip = studio.sound(level, 0, 3 * HZ, "sfx", loop=True, rounds=rounds)
    mix(programme(clip, frames=72), AS_IT_IS, studio.out(), bits=32)
    marks = np.flatnonzero(np.diff(heard(studio.out())[:, 0]) > 0.15)
    assert len(marks) >= 18
    assert set(np.diff(marks).tolist()) == {7200}


def test_rounds_that_end_with_their_file_meet_without_a_step(studio: Studio) -> None:
    """Nothing is there to overlap with: neither a hole nor a click, and no sample is lost."""
    ramp = np.linspace(0.1, 0.4, HZ, dtype=np.float32)[:, None] * np.ones((1, 2), np.float32)
    clip = studio.sound(ramp, 0, 3 * HZ, "sfx", loop=True, rounds=Rounds(Fraction(1)))
    mix(programme(clip, frames=72), AS_IT_IS, studio.out(), bits=32)
    sound = heard(studio.out())[:, 0]
    assert np.abs(np.diff(sound)).max() < 0.01
    assert sound[HZ + 2400 : 2 * HZ] == pytest.approx(ramp[2400:, 0], abs=1e-6)


def test_a_loop_may_begin_within_a_round(studio: Studio) -> None:
    whole = hiss(2, 1, 0.1)
    rounds = Rounds(begun_s=Fraction(5, 4))
    clip = studio.sound(whole, 0, HZ, "sfx", loop=True, rounds=rounds)
    mix(programme(clip, frames=24), AS_IT_IS, studio.out(), bits=32)
    begun = whole[5 * HZ // 4 : 7 * HZ // 4]
    assert heard(studio.out())[: len(begun)] == pytest.approx(begun, abs=1e-6)
