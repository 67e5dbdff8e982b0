"""The sound of the cut, sample by sample (48 kHz: 2000 samples for a frame at 24)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from assembler.cut.model import Cut, GainRamp, Rounds, Sound
from assembler.timebase import SampleRange, parse_rate, samples_at
from tests.cut.facts import cut_of, seam
from tests.planning.facts import audio, image, info, video

FRAME = 2000
MICRO = 144
SEAM = 1920
TWO = """
segments:
  - {id: a, file: a.mov, in: 1s, out: 3s}
  - {id: b, file: b.mov, in: 1s, out: 3s}
"""


def movies(*names: str, frames: int = 120, start_s: Fraction | int = 0, **more: object) -> dict:  # type: ignore[type-arg]  # facts by name
    made = {"picture": video(frames, start_s=start_s), "sound": audio(Fraction(frames, 24))}
    return {name: info(name, **(made | more)) for name in names}  # type: ignore[arg-type]


def by_id(cut: Cut) -> dict[str, Sound]:
    return {sound.id: sound for sound in cut.sounds}


def test_a_clips_sound_is_as_long_as_its_frames(tmp_path: Path) -> None:
    cut = cut_of(tmp_path, TWO, movies("a.mov", "b.mov"))
    a, b = cut.sounds
    assert (SampleRange(0, 96000), Fraction(1)) == (a.record, a.source_start_s)
    assert (SampleRange(96000, 192000), Fraction(1)) == (b.record, b.source_start_s)


def test_cuts_get_fades_too_short_to_hear(tmp_path: Path) -> None:
    cut = cut_of(tmp_path, TWO, movies("a.mov", "b.mov"))
    assert {(MICRO, MICRO)} == {(s.fade_in, s.fade_out) for s in cut.sounds}


def test_a_cut_between_neighbouring_frames_of_a_file_is_not_heard(tmp_path: Path) -> None:
    text = TWO.replace("b.mov, in: 1s, out: 3s", "a.mov, in: 3s, out: 4s")
    a, b = cut_of(tmp_path, text, movies("a.mov")).sounds
    assert (a.fade_out, b.fade_in) == (0, 0)
    assert a.source_start_s + Fraction(a.record.samples, 48000) == b.source_start_s


def test_sound_starts_on_the_clock_of_the_picture(tmp_path: Path) -> None:
    """The picture begins 0.5 s into the file: frame 24 is at 1.5 s on the file's clock."""
    text = "segments: [{id: a, file: a.mov, in: 1s}]"
    (sound,) = cut_of(tmp_path, text, movies("a.mov", start_s=Fraction(1, 2))).sounds
    assert Fraction(3, 2) == sound.source_start_s


def test_a_picture_before_zero_starts_before_zero(tmp_path: Path) -> None:
    text = "segments: [{id: a, file: a.mov}]"
    (sound,) = cut_of(tmp_path, text, movies("a.mov", start_s=Fraction(-1, 4))).sounds
    assert Fraction(-1, 4) == sound.source_start_s


@pytest.mark.parametrize("rate", ["23.976", "29.97", "59.94", "25"])
def test_lengths_never_add_up_to_drift(tmp_path: Path, rate: str) -> None:
    rows = "\n".join(f"  - {{id: s{n}, file: a.mov, out: 7f}}" for n in range(50))
    cut = cut_of(tmp_path, f"canvas: {{rate: {rate}}}\nsegments:\n{rows}", movies("a.mov"))
    exact = parse_rate(rate)
    assert [samples_at(7 * n, exact, 48000) for n in range(50)] == [
        s.record.start for s in cut.sounds
    ]
    assert samples_at(350, exact, 48000) == cut.sounds[-1].record.stop


def test_a_seam_crosses_over_the_sound_that_both_sides_have(tmp_path: Path) -> None:
    """Both files go on beyond the seam: 20 ms on each side of it."""
    text = TWO.replace("b.mov,", "b.mov, join: handoff,")
    cut = cut_of(tmp_path, text, movies("a.mov", "b.mov"), seams=[seam("a>b", 72, 30)])
    a, b = cut.sounds
    at = 48 * FRAME
    assert SampleRange(0, at + SEAM // 2) == a.record
    assert at - SEAM // 2 == b.record.start
    assert (a.fade_out, b.fade_in, b.fade_in_curve) == (SEAM, SEAM, "equal-power")
    assert Fraction(30, 24) - Fraction(1, 50) == b.source_start_s


def test_a_seam_takes_all_from_one_side_where_the_other_has_ended(tmp_path: Path) -> None:
    """A is shown to its last frame; B's repeated frame gives 40 ms before the seam."""
    a, b = cut_of(tmp_path, "segments: [{id: d, duration: 16s, prompt: M.}]").sounds
    at = 193 * FRAME
    assert (at, at - SEAM) == (a.record.stop, b.record.start)
    assert (a.fade_out, b.fade_in) == (SEAM, SEAM)
    assert Fraction(1, 24) - Fraction(SEAM, 48000) == b.source_start_s


def test_no_sound_on_either_side_leaves_short_fades(tmp_path: Path) -> None:
    text = "segments: [{id: d, duration: 16s, prompt: M.}]"
    a, b = cut_of(tmp_path, text, seams=[seam("d.1>d.2", 193, 0)]).sounds
    assert (a.fade_out, b.fade_in) == (MICRO, MICRO)
    assert a.record.stop == b.record.start


def test_sound_is_left_out_with_skipped_frames(tmp_path: Path) -> None:
    text = "segments: [{id: d, duration: 16s, prompt: M.}]"
    cut = cut_of(tmp_path, text, seams=[seam("d.1>d.2", 193, 1, skipped=(20, 21))])
    one, two = by_id(cut)["d.2/1"], by_id(cut)["d.2/2"]
    joint = (193 + 19) * FRAME
    assert (joint + 960, joint - 960) == (one.record.stop, two.record.start)
    assert (one.fade_out, two.fade_in) == (SEAM, SEAM)
    assert Fraction(22, 24) - Fraction(1, 50) == two.source_start_s


def test_a_transition_crosses_over_its_whole_length(tmp_path: Path) -> None:
    text = TWO.replace("b.mov,", "b.mov, join: {dissolve: 24f},")
    a, b = cut_of(tmp_path, text, movies("a.mov", "b.mov")).sounds
    assert (a.record.stop, b.record.start) == (60 * FRAME, 36 * FRAME)
    assert (a.fade_out, b.fade_in) == (24 * FRAME, 24 * FRAME)
    assert Fraction(1, 2) == b.source_start_s


@pytest.mark.parametrize(
    ("join", "ends", "begins", "fade"),
    [
        ("j-cut: 12f", 36, 36, MICRO),
        ("l-cut: 12f", 60, 60, MICRO),
        ("j-cut: 6f, l-cut: 12f", 60, 42, 18 * FRAME),
    ],
)
def test_split_edits_move_the_cut_of_the_sound(
    tmp_path: Path, join: str, ends: int, begins: int, fade: int
) -> None:
    text = TWO.replace("b.mov,", f"b.mov, join: {{{join}}},")
    a, b = cut_of(tmp_path, text, movies("a.mov", "b.mov")).sounds
    assert (ends * FRAME, begins * FRAME) == (a.record.stop, b.record.start)
    assert (fade, fade) == (a.fade_out, b.fade_in)
    assert 1 + Fraction(begins - 48, 24) == b.source_start_s


def test_a_split_edit_is_no_longer_than_the_sound_there_is(tmp_path: Path) -> None:
    text = TWO.replace("b.mov, in: 1s,", "b.mov, in: 5f, join: {j-cut: 12f},")
    cut = cut_of(tmp_path, text, movies("a.mov", "b.mov"))
    assert cut.sounds[1].record.start == 43 * FRAME
    assert "b: its j-cut has 208 ms instead of 500; the clip has no more" in cut.notes


def test_levels_and_roles_come_from_the_author(tmp_path: Path) -> None:
    text = """
    native_audio: {level: -3dB}
    segments:
      - {id: a, file: a.mov}
      - {id: b, file: a.mov, native: {level: 2dB, match: false}}
      - {id: c, file: a.mov, native: {mode: mute}}
      - {id: d, file: a.mov, native: {mode: mute}}
      - {id: e, avatar: {image: e.png, audio: e.wav}}
    """
    files = movies("a.mov") | {"e.png": image(), "e.wav": info("e.wav", sound=audio(4))}
    cut = cut_of(tmp_path, text, files)
    assert [(s.id, s.role, s.gain_db, s.level_to_mix) for s in cut.sounds] == [
        ("a", "native", -3.0, True),
        ("b", "native", 2.0, False),
        ("e.1", "dialogue", -3.0, True),
    ]


ALL = "level: -6dB, match: false, polish: [low-cut], duck: {under: [voice], by: 12dB}"


@pytest.mark.parametrize(
    ("native", "changed"),
    [
        ("keep", {}),
        ("speech-only", {"speech_only": True, "role": "dialogue"}),
        ("0dB", {"gain_db": 0.0}),
        ("{level: -1dB}", {"gain_db": -1.0}),
        ("{match: true}", {"level_to_mix": True}),
        ("{polish: []}", {"polish": ()}),
        ("{polish: [de-ess]}", {"polish": ("de-ess",)}),
        ("{duck: {by: 3dB}}", {"duck_db": 3.0, "duck_under": ("voice", "dialogue")}),
        ("{duck: {by: 0dB}}", {"duck_db": 0.0, "duck_under": ("voice", "dialogue")}),
        ("{}", {}),
    ],
)
def test_a_segment_changes_only_what_it_says_of_its_sound(
    tmp_path: Path, native: str, changed: dict[str, object]
) -> None:
    """All else is what the timeline says of every clip's sound."""
    text = f"""
    native_audio: {{{ALL}}}
    segments:
      - {{id: a, file: a.mov}}
      - {{id: b, file: b.mov, native: {native}}}
    """
    a, b = cut_of(tmp_path, text, movies("a.mov", "b.mov")).sounds
    assert (a.gain_db, a.level_to_mix, a.polish, a.duck_db) == (-6.0, False, ("low-cut",), 12.0)
    names = ("role", "gain_db", "level_to_mix", "speech_only", "polish", "duck_db", "duck_under")
    assert {n: changed.get(n, getattr(a, n)) for n in names} == {n: getattr(b, n) for n in names}


@pytest.mark.parametrize("mode", ["mute", "speech-only"])
def test_keep_undoes_a_mode_of_all_and_nothing_else(tmp_path: Path, mode: str) -> None:
    text = f"""
    native_audio: {{mode: {mode}, level: -6dB}}
    segments:
      - {{id: a, file: a.mov}}
      - {{id: b, file: a.mov, native: keep}}
      - {{id: c, file: a.mov, native: 0dB}}
    """
    sounds = {s.id: s for s in cut_of(tmp_path, text, movies("a.mov")).sounds}
    b = sounds["b"]
    assert (b.role, b.speech_only, b.gain_db) == ("native", False, -6.0)
    others = [(s.speech_only, s.gain_db) for s in sounds.values() if s.id != "b"]
    assert others == ([] if mode == "mute" else [(True, -6.0), (True, 0.0)])


TRACK = """
segments:
  - {{id: a, file: a.mov, native: {{mode: mute}}}}
  - {{id: b, file: a.mov, native: {{mode: mute}}}}
tracks:
  - {{id: t, file: t.wav, {}}}
"""


def tracks(folder: Path, values: str, seconds: float = 3.0) -> tuple[Sound, ...]:
    files = movies("a.mov") | {"t.wav": info("t.wav", sound=audio(seconds))}
    return cut_of(folder, TRACK.format(values), files).sounds


def test_a_track_lies_where_it_is_put_to_the_sample(tmp_path: Path) -> None:
    (sound,) = tracks(tmp_path, "role: voice, on: b+0.0125s, level: -2dB, pan: 0.5")
    assert SampleRange(240600, 240600 + 144000) == sound.record
    assert (sound.role, sound.gain_db, sound.pan) == ("voice", -2.0, 0.5)
    assert (sound.fade_in, sound.fade_out) == (0, 0)


def test_in_out_and_until_shorten_a_track(tmp_path: Path) -> None:
    (sound,) = tracks(tmp_path, "in: 0.5s, out: 2.5s, on: 1s")
    assert (Fraction(1, 2), SampleRange(48000, 144000)) == (sound.source_start_s, sound.record)
    (sound,) = tracks(tmp_path, "until: a+2s")
    assert (SampleRange(0, 96000), 0, MICRO) == (sound.record, sound.fade_in, sound.fade_out)


def test_a_track_is_cut_at_both_ends_of_the_programme(tmp_path: Path) -> None:
    (sound,) = tracks(tmp_path, "on: a-1s", seconds=60)
    assert (Fraction(1), SampleRange(0, 480000)) == (sound.source_start_s, sound.record)
    assert (sound.fade_in, sound.fade_out) == (MICRO, MICRO)


def test_a_loop_goes_on_to_the_end(tmp_path: Path) -> None:
    (sound,) = tracks(tmp_path, "loop: true, on: 1s")
    assert (True, SampleRange(48000, 480000)) == (sound.loop, sound.record)


def test_a_loop_that_began_before_plays_its_rest_first(tmp_path: Path) -> None:
    (sound,) = tracks(tmp_path, "loop: true, on: a-1s")
    assert (SampleRange(0, 480000), True) == (sound.record, sound.loop)
    assert (Fraction(0), Rounds(begun_s=Fraction(1))) == (sound.source_start_s, sound.rounds)
    assert sound.fade_in == MICRO


def test_a_loop_between_in_and_out_has_rounds_of_that_length(tmp_path: Path) -> None:
    """A track of three seconds; what it has after `out` is known to fade out under the next."""
    (sound,) = tracks(tmp_path, "loop: true, in: 0.5s, out: 2.5s, on: 1s, fade_out: 4s")
    assert (Fraction(1, 2), SampleRange(48000, 480000)) == (sound.source_start_s, sound.record)
    assert Rounds(Fraction(2), Fraction(1, 2)) == sound.rounds
    assert sound.fade_out == 4 * 48000


def test_a_loop_too_short_to_be_one_is_told(tmp_path: Path) -> None:
    files = movies("a.mov") | {"t.wav": info("t.wav", sound=audio(3.0))}
    cut = cut_of(tmp_path, TRACK.format("loop: true, in: 0.5s, out: 0.55s"), files)
    assert "is shorter than 0.1 s: it plays once" in "\n".join(cut.notes)


def test_fades_and_automation_are_counted_in_samples(tmp_path: Path) -> None:
    (sound,) = tracks(
        tmp_path,
        "on: a-1s, fade_in: 0.5s, fade_out: {duration: 24f, curve: s}, "
        "points: [{at: 2s, gain: -6dB}, {at: 0s, gain: 0dB}]",
    )
    assert (sound.fade_in, sound.fade_out, sound.fade_out_curve) == (24000, 48000, "s")
    assert (GainRamp(-48000, 0.0), GainRamp(48000, -6.0)) == sound.points


def test_fades_longer_than_the_sound_share_it(tmp_path: Path) -> None:
    (sound,) = tracks(tmp_path, "out: 1s, fade_in: 3s, fade_out: 1s")
    assert (sound.fade_in, sound.fade_out) == (36000, 12000)


def test_ducking_is_handed_on(tmp_path: Path) -> None:
    (sound,) = tracks(tmp_path, "duck: {under: [voice], by: 8dB}")
    assert (sound.duck_db, sound.duck_under) == (8.0, ("voice",))


@pytest.mark.parametrize(
    ("first", "second", "heard"),
    [
        ("mute: true", "role: sfx", ["u"]),
        ("solo: true", "role: sfx", ["t"]),
        ("role: sfx", "role: sfx", ["a", "t", "u"]),
    ],
)
def test_mute_and_solo(tmp_path: Path, first: str, second: str, heard: list[str]) -> None:
    text = f"""
    segments: [{{id: a, file: a.mov}}]
    tracks:
      - {{id: t, file: t.wav, {first}}}
      - {{id: u, file: t.wav, {second}}}
    """
    files = movies("a.mov") | {"t.wav": info("t.wav", sound=audio(3))}
    if "mute" in first:
        heard = ["a", *heard]
    assert heard == [s.id for s in cut_of(tmp_path, text, files).sounds]


def test_silent_clips_have_no_sound(tmp_path: Path) -> None:
    text = "segments: [{id: d, duration: 16s, prompt: M.}]"
    assert cut_of(tmp_path, text, silent=True).sounds == ()


def test_a_clip_that_should_have_sound_and_has_none_is_told(tmp_path: Path) -> None:
    text = """
    defaults: {provider: kling, model: kling-2.6, resolution: 1080p}
    segments:
      - {id: d, duration: 5s, prompt: M., audio: native}
      - {id: e, duration: 5s, prompt: M., audio: native, native: mute}
    """
    (note,) = [n for n in cut_of(tmp_path, text, silent=True).notes if "without sound" in n]
    assert note == (
        "warning: clip d.1 came without sound, though kling-2.6 was asked for some; "
        "generate another take, or set `audio: off`"
    )


@pytest.mark.parametrize(
    ("native", "found"),
    [
        ("keep", ("native", 0.0, False, 0.0)),
        ("speech-only", ("dialogue", 0.0, True, 0.0)),
        ("-6dB", ("native", -6.0, False, 0.0)),
        ("{duck: {under: [voice], by: 8dB}}", ("native", 0.0, False, 8.0)),
    ],
)
def test_native_sound_in_a_word(tmp_path: Path, native: str, found: tuple[object, ...]) -> None:
    text = f"segments: [{{id: a, file: a.mov, native: {native}}}]"
    (sound,) = cut_of(tmp_path, text, movies("a.mov")).sounds
    assert found == (sound.role, sound.gain_db, sound.speech_only, sound.duck_db)


def test_a_seam_may_be_moved_within_what_both_files_have(tmp_path: Path) -> None:
    text = TWO.replace("b.mov,", "b.mov, join: handoff,")
    a, b = cut_of(tmp_path, text, movies("a.mov", "b.mov")).sounds
    assert (a.free_in, b.free_out) == (None, None)
    assert (a.free_out, b.free_in) == (2 * 48000 - SEAM // 2, 48000 + FRAME - SEAM // 2)
