"""Recordings in the place of avatar clips' own sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from assembler.cut.build import resolve
from assembler.cut.model import Sound
from assembler.cut.sound import Master, MasterJump
from tests.cut.facts import MIX, takes_of
from tests.planning.facts import audio, image, info, planned

TALK = """
defaults: {provider: kling}
segments: [{id: anna, avatar: {model: avatar-2.0, image: anna.png, audio: talk.wav}}]
"""


def spoken(folder: Path, seconds: int, errors_s: list[Fraction]) -> tuple[Sound, ...]:
    """Sounds of a narration; each link lies in it where it should, but for its error."""
    stream = audio(Fraction(seconds))
    files = {"anna.png": image((720, 1280)), "talk.wav": info("talk.wav", sound=stream)}
    loaded, plan = planned(folder, TALK, files)
    placed = {
        step.link.id: Master(folder / "talk.wav", "talk", stream, step.link.avatar_in_s + error)
        for step, error in zip(plan.steps, errors_s, strict=False)
    }
    takes = takes_of(plan, {})
    return resolve(loaded, plan, takes, {}, {}, mix=MIX, hashes={}, masters=placed).sounds


def test_the_recording_is_heard_from_where_the_clip_lies_in_it(tmp_path: Path) -> None:
    (sound,) = spoken(tmp_path, 12, [Fraction(1, 1000)])
    assert (sound.path.name, sound.role) == ("talk.wav", "dialogue")
    assert sound.source_start_s == Fraction(1, 1000)


def test_a_narration_goes_on_over_its_links_without_a_step(tmp_path: Path) -> None:
    """Errors of measurement aren't heard: the second link goes on where the first ends."""
    a, b, _ = spoken(tmp_path, 700, [Fraction(0), Fraction(1, 20000), Fraction(-1, 3000)])
    assert a.source_start_s + Fraction(a.record.samples, 48000) == b.source_start_s
    assert (a.record.stop, a.fade_out, b.fade_in) == (b.record.start, 0, 0)


def test_nothing_of_the_recording_is_heard_before_the_clip_was_given_any(tmp_path: Path) -> None:
    """Generators begin with closed lips; what comes before `in` is not for them to say."""
    stream = audio(Fraction(20))
    files = {"anna.png": image((720, 1280)), "talk.wav": info("talk.wav", sound=stream)}
    loaded, plan = planned(tmp_path, TALK, files)
    link = plan.steps[0].link
    master = Master(tmp_path / "talk.wav", "talk", stream, Fraction(17, 10), begins_s=Fraction(2))
    takes, placed = takes_of(plan, {}), {link.id: master}
    (sound,) = resolve(loaded, plan, takes, {}, {}, mix=MIX, hashes={}, masters=placed).sounds
    assert sound.record.start == 7 * 2000
    assert sound.source_start_s == Fraction(17, 10) + Fraction(7, 24)


def jumping(folder: Path, jump: MasterJump, native: str = "") -> tuple[Sound, ...]:
    stream = audio(Fraction(20))
    files = {"anna.png": image((720, 1280)), "talk.wav": info("talk.wav", sound=stream)}
    loaded, plan = planned(folder, TALK + native, files)
    link = plan.steps[0].link
    master = Master(folder / "talk.wav", "talk", stream, Fraction(1), (jump,))
    takes = takes_of(plan, {})
    placed = {link.id: master}
    return resolve(loaded, plan, takes, {}, {}, mix=MIX, hashes={}, masters=placed).sounds


def test_the_recording_jumps_where_the_clip_leaves_something_out(tmp_path: Path) -> None:
    a, b = jumping(tmp_path, MasterJump(Fraction(4), Fraction(4), Fraction(3, 2)))
    assert (a.record.stop, b.record.start) == (4 * 48000 + 960, 4 * 48000 - 960)
    assert a.source_start_s == 1
    assert b.source_start_s == Fraction(11, 2) - Fraction(960, 48000)


def test_the_recording_waits_where_the_clip_puts_something_in(tmp_path: Path) -> None:
    a, b = jumping(tmp_path, MasterJump(Fraction(4), Fraction(9, 2), Fraction(1, 2)))
    assert (a.record.stop, b.record.start) == (4 * 48000 + 960, round(4.5 * 48000) - 960)
    assert b.source_start_s == 5 - Fraction(960, 48000)


def test_the_rest_of_the_clip_is_kept_when_asked(tmp_path: Path) -> None:
    jump = MasterJump(Fraction(4), Fraction(4), Fraction(3, 2))
    a, rest_a, b, rest_b = sorted(
        jumping(tmp_path, jump, "native_audio: {rest: true}"), key=lambda s: s.record.start
    )[0:4]
    pairs = [(s, s.minus) for s in (a, rest_a, b, rest_b) if s.minus]
    assert [s.role for s, _ in pairs] == ["native", "native"]
    assert [float(m.source_start_s) for _, m in pairs] == [1.0, 5.5]
    assert [float(s.source_start_s) for s, _ in pairs] == [0.0, 4.0]


def test_a_clip_that_lies_elsewhere_is_crossed_into(tmp_path: Path) -> None:
    a, b, _ = spoken(tmp_path, 700, [Fraction(0), Fraction(1, 10), Fraction(1, 10)])
    assert a.record.stop - b.record.start == a.fade_out == b.fade_in > 0


def test_a_clip_without_a_match_keeps_its_own_sound(tmp_path: Path) -> None:
    (sound,) = spoken(tmp_path, 12, [])
    assert sound.path.name == "anna.1.mp4"
