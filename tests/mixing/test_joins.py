"""Seams lie where they are heard least, beds are bridged, heads are clean, words are dialogue."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import butter, sosfilt

from assembler.cut.model import Sound
from assembler.media.samples import Samples
from assembler.mixing.bus import mix
from assembler.mixing.listening import head_of
from assembler.spec.presets import MixPreset
from tests.mixing.conftest import AS_IT_IS, HZ, Studio, heard, hiss, programme, rms_db, tone

PLAIN = AS_IT_IS.model_copy(update={"bridge_ms": 0.0})
FADE = 1920


def filtered(sound: Samples, low: float, high: float) -> Samples:
    sos = butter(4, (low, high), "bandpass", fs=HZ, output="sos")
    return sosfilt(sos, sound, axis=0).astype(np.float32)


def voice(seconds: float, seed: int = 1) -> Samples:
    """Words of gliding pitch, stereo: 0.35 s each, with pauses of 0.15 s."""
    rng = np.random.default_rng(seed)
    at = np.arange(round(seconds * HZ)) / HZ
    pitch = 130 * (1 + 0.2 * np.sin(2 * np.pi * 2.3 * at + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / HZ
    buzz = sum(np.sin(k * phase) / k for k in range(1, 16))
    word = np.clip(np.sin(2 * np.pi * (at % 0.5) / 0.7), 0, 1) * (at % 0.5 < 0.35)
    return np.repeat((0.1 * buzz * word)[:, None], 2, 1).astype(np.float32)


def seam(studio: Studio, first: Samples, second: Samples, handle: int = HZ // 2) -> list[Sound]:
    """Two clips that meet at two seconds; both have a handle beyond the seam."""
    at, half = 2 * HZ, FADE // 2
    one = studio.sound(first, 0, at + half, fade_out=FADE, free_out=handle - half, id="a")
    begins = (len(second) - 2 * HZ) / HZ
    two = studio.sound(
        second, at - half, 4 * HZ, fade_in=FADE, free_in=handle - half, id="b",
        since=Fraction(round(begins * HZ) - half, HZ),
    )  # fmt: skip
    return [one, two]


def mixed(studio: Studio, sounds: list[Sound], preset: MixPreset = PLAIN) -> tuple[Samples, object]:
    report = mix(programme(*sounds, frames=96), preset, studio.out(), bits=32)
    return heard(studio.out()), report


def test_a_crossfade_goes_to_the_quiet_place_nearby(studio: Studio) -> None:
    """A knock at the seam; the two clips pause 0.15 s later."""
    both = hiss(2.5, 3, 0.05)
    both[2 * HZ + 4800 : 2 * HZ + 12_000] *= 0.01
    second = hiss(2.5, 4, 0.05)
    second[HZ // 2 + 4800 : HZ // 2 + 12_000] *= 0.01
    _, report = mixed(studio, seam(studio, both, second))
    (met,) = report.seams
    assert 2 * HZ + 4800 <= met.place.start < met.place.stop <= 2 * HZ + 12_000


def test_a_crossfade_without_handles_stays_where_it_is(studio: Studio) -> None:
    a, b = seam(studio, hiss(2.1, 3), hiss(2.1, 4), FADE // 2)
    _, report = mixed(studio, [a, b])
    assert report.seams[0].moved == 0
    assert (a.record.stop, b.record.start) == (
        report.seams[0].place.stop,
        report.seams[0].place.start,
    )


def test_a_crossfade_is_never_laid_into_a_word(studio: Studio) -> None:
    """The seam falls into a word; the crossfade waits for the pause."""
    talk, quiet = voice(2.5) + hiss(2.5, 1, 0.0005), hiss(2.5, 2, 0.0005)
    _, report = mixed(studio, seam(studio, talk, quiet))
    (met,) = report.seams
    at = np.arange(met.place.start, met.place.stop) / HZ
    assert (at % 0.5 >= 0.34).all()


def bands(sound: Samples) -> list[float]:
    return [
        rms_db(filtered(sound, low, high)) for low, high in ((100, 400), (500, 2000), (3000, 9000))
    ]


def test_beds_that_differ_are_bridged_in_every_band(studio: Studio) -> None:
    """Rumble goes over into a hiss: no band steps by more than 3 dB within a fifth of a second."""
    rumble, air = filtered(hiss(2.5, 1, 0.3), 80, 500), filtered(hiss(2.5, 2, 0.05), 2500, 10_000)
    sounds = seam(studio, rumble + hiss(2.5, 5, 0.001), air + hiss(2.5, 6, 0.001))
    steps = []
    for preset in (PLAIN, AS_IT_IS):
        out, _ = mixed(studio, sounds, preset)
        before, after = (
            out[2 * HZ - 9600 - FADE : 2 * HZ - FADE],
            out[2 * HZ + FADE : 2 * HZ + FADE + 9600],
        )
        steps.append(max(abs(a - b) for a, b in zip(bands(before), bands(after), strict=True)))
    assert steps[0] > 15
    assert steps[1] < 3


def test_a_bridge_is_no_louder_than_the_louder_bed_and_ends(studio: Studio) -> None:
    loud, faint = hiss(2.5, 1, 0.05), filtered(hiss(2.5, 2, 0.05), 2500, 10_000)
    out, report = mixed(studio, seam(studio, loud, faint), AS_IT_IS)
    assert report.seams[0].bridged
    levels = [rms_db(out[at : at + 4800]) for at in range(0, 4 * HZ, 4800)]
    assert max(levels) < rms_db(loud) + 0.7
    np.testing.assert_allclose(out[-HZ // 4 :], faint[-HZ // 4 :], atol=1e-4)


def test_beds_without_a_common_band_are_no_louder_at_their_bridge(studio: Studio) -> None:
    rumble, air = filtered(hiss(4, 1, 0.3), 80, 4000), filtered(hiss(4, 2, 0.3), 6000, 14_000)
    air *= 10 ** ((rms_db(rumble) - rms_db(air)) / 20)
    out, report = mixed(studio, seam(studio, rumble, air), AS_IT_IS)
    assert report.seams[0].bridged
    levels = [rms_db(out[at : at + 9600]) for at in range(HZ, 3 * HZ, 9600)]
    assert levels == pytest.approx([rms_db(rumble)] * len(levels), abs=0.6)


def test_words_keep_their_level_at_a_bridge(studio: Studio) -> None:
    rumble, air = filtered(hiss(2.5, 1, 0.1), 80, 500), filtered(hiss(2.5, 2, 0.02), 6000, 14_000)
    talk = voice(2.5) + rumble * 10 ** ((rms_db(air) - rms_db(rumble)) / 20)
    out, report = mixed(studio, seam(studio, talk, air), AS_IT_IS)
    assert report.seams[0].bridged
    at = slice(HZ, report.seams[0].place.start)
    low = [filtered(sound, 100, 4000)[at] for sound in (out, talk)]
    assert rms_db(low[0]) == pytest.approx(rms_db(low[1]), abs=0.1)


def test_the_bed_of_a_mono_recording_is_bridged_in_mono(studio: Studio) -> None:
    both = [np.repeat(hiss(2.5, n, level, 1), 2, 1) for n, level in ((1, 0.05), (2, 0.004))]
    out, report = mixed(studio, seam(studio, *both), AS_IT_IS)
    assert report.seams[0].bridged
    np.testing.assert_allclose(out[:, 0], out[:, 1], atol=1e-3)


def test_like_beds_are_left_alone(studio: Studio) -> None:
    out, report = mixed(studio, seam(studio, hiss(2.5, 1), hiss(2.5, 2)), AS_IT_IS)
    assert not report.seams[0].bridged
    np.testing.assert_allclose(out[:HZ], hiss(2.5, 1)[:HZ], atol=1e-6)


def test_encoder_silence_at_a_head_is_filled_with_the_clips_own_room(studio: Studio) -> None:
    late = hiss(2, 1, 0.02)
    late[: HZ // 20] = 0
    out, _ = mixed(studio, [studio.sound(late, 0, 2 * HZ)])
    assert rms_db(out[480 : HZ // 20]) == pytest.approx(rms_db(hiss(1, 1, 0.02)), abs=1.5)


def test_a_pop_at_a_head_is_removed(studio: Studio) -> None:
    popping = hiss(2, 1, 0.01)
    popping[200:400] += 0.7 * np.sign(hiss(1, 9)[:200])
    out, _ = mixed(studio, [studio.sound(popping, 0, 2 * HZ)])
    assert np.abs(out[: HZ // 10]).max() < 0.06
    np.testing.assert_allclose(out[HZ // 4 : HZ], popping[HZ // 4 : HZ], atol=1e-6)


AT = np.arange(1440) / HZ


@pytest.mark.parametrize(
    "pop",
    [
        0.5 * np.sin(2 * np.pi * 200 * AT) * (AT < 0.02),
        0.5 * np.sin(2 * np.pi * 60 * AT) * np.sin(np.pi * AT / 0.025) ** 2 * (AT < 0.025),
        0.5 * np.exp(-AT / 0.01),
        0.8 * np.exp(-AT / 0.00125),
    ],
    ids=["burst", "thump", "step", "short step"],
)
def test_a_smooth_pop_at_a_head_is_removed(studio: Studio, pop: npt.NDArray[np.float64]) -> None:
    """None of them has an edge that stands out of the bed."""
    bed = hiss(2, 1, 0.03)
    popping = bed.copy()
    popping[: len(pop)] += pop[:, None].astype(np.float32)
    out, _ = mixed(studio, [studio.sound(popping, 0, 2 * HZ)])
    assert rms_db(out[:1920]) == pytest.approx(rms_db(bed), abs=2.5)
    np.testing.assert_array_equal(out[HZ // 10 : HZ], popping[HZ // 10 : HZ])


@pytest.mark.parametrize("sound", [hiss(1), tone(1), voice(1), np.zeros((HZ, 2), np.float32)])
def test_a_head_without_faults_is_left_alone(sound: Samples) -> None:
    assert head_of(sound[:, 0], HZ) == 0


def test_a_beat_or_an_attack_is_no_pop() -> None:
    """What begins with a beat goes on with beats."""
    beats = hiss(1, 1, 0.01)[:, 0]
    for at in range(0, HZ, HZ // 4):
        beats[at : at + 480] += hiss(1, at, 0.3)[:480, 0]
    assert head_of(beats, HZ) == 0


def test_a_hit_that_rings_out_is_no_pop() -> None:
    """A drum: a click, and a skin that sounds for a tenth of a second."""
    at = np.arange(HZ) / HZ
    drum = 0.5 * np.sin(2 * np.pi * 60 * at) * np.exp(-at / 0.03) + 0.4 * (at < 0.0002)
    assert head_of((drum + hiss(1, 1, 0.001)[:, 0]).astype(np.float32), HZ) == 0


def test_a_first_beat_before_quieter_notes_is_no_pop() -> None:
    """Short low beats, 0.4 s apart, with notes 20 dB below them in between."""
    at = np.arange(2 * HZ) / HZ
    beat = 0.5 * np.sin(2 * np.pi * 100 * at) * (at % 0.4 < 0.02)
    music = beat + 0.05 * np.sin(2 * np.pi * 440 * at)
    assert head_of(music.astype(np.float32), HZ) == 0


def test_a_fade_in_and_a_first_word_are_no_pops() -> None:
    rising = hiss(1, 1, 0.1)[:, 0] * np.linspace(0, 1, HZ, dtype=np.float32)
    word = hiss(1, 2, 0.001)[:, 0]
    word[: HZ // 5] += voice(1)[: HZ // 5, 0]
    assert [head_of(sound, HZ) for sound in (rising, word)] == [0, 0]


def test_words_in_native_sound_are_dialogue(studio: Studio) -> None:
    """Both stems together are the clip; music goes down for its words."""
    clip = hiss(4, 2, 0.002)
    clip[HZ : 3 * HZ] += voice(2)
    music = np.full((4 * HZ, 2), 0.1, np.float32)
    sounds = [
        studio.sound(clip, 0, 4 * HZ, id="clip"),
        studio.sound(music, 0, 4 * HZ, "music", duck_db=10.0, duck_under=("dialogue",), id="m"),
    ]
    stems = studio.folder / "stems"
    report = mix(programme(*sounds, frames=96), AS_IT_IS, studio.out(), bits=32, stems=stems)
    assert set(report.stems) == {"dialogue", "native", "music", "music-and-effects"}
    spoken, bed = (heard(stems / f"{name}.wav") for name in ("dialogue", "native"))
    np.testing.assert_allclose(spoken + bed, clip, atol=1e-6)
    assert rms_db(bed[HZ + 9600 : 3 * HZ - 9600]) < -100
    assert rms_db(spoken[: HZ // 2]) < -100
    down = 20 * np.log10(heard(stems / "music.wav")[2 * HZ, 0] / 0.1)
    assert down == pytest.approx(-10, abs=0.1)


def test_native_sound_ducks_under_others_words_and_not_its_own(studio: Studio) -> None:
    clip = hiss(4, 2, 0.01)
    clip[: 3 * HZ // 2] += voice(1.5)
    own = studio.sound(
        clip, 0, 4 * HZ, id="clip", segment="s", duck_db=6.0, duck_under=("voice", "dialogue")
    )
    told = studio.sound(voice(1), 3 * HZ, 4 * HZ, "voice")
    stems = studio.folder / "stems"
    mix(programme(own, told, frames=96), AS_IT_IS, studio.out(), bits=32, stems=stems)
    bed = heard(stems / "native.wav") + heard(stems / "dialogue.wav")
    level = [
        rms_db(bed[at : at + HZ // 4]) - rms_db(clip[at : at + HZ // 4])
        for at in (0, HZ, 3 * HZ + HZ // 4)
    ]
    assert level == pytest.approx([0, 0, -6], abs=0.1)


def test_a_silent_sound_track_is_told(studio: Studio) -> None:
    clip = studio.sound(np.zeros((HZ, 2), np.float32), 0, HZ, id="walk.1")
    report = mix(programme(clip), AS_IT_IS, studio.out())
    assert "warning: walk.1 has a sound track, but it is silent" in report.notes
