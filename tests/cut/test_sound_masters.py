"""Recordings in the place of avatar clips' own sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from assembler.cut.build import resolve
from assembler.cut.model import Sound
from assembler.cut.sound import Master
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


def test_a_clip_that_lies_elsewhere_is_crossed_into(tmp_path: Path) -> None:
    a, b, _ = spoken(tmp_path, 700, [Fraction(0), Fraction(1, 10), Fraction(1, 10)])
    assert a.record.stop - b.record.start == a.fade_out == b.fade_in > 0


def test_a_clip_without_a_match_keeps_its_own_sound(tmp_path: Path) -> None:
    (sound,) = spoken(tmp_path, 12, [])
    assert sound.path.name == "anna.1.mp4"
