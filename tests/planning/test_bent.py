"""Bent time of generated segments: what has to be generated, and from which frame others go on."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from assembler.errors import PlanError
from assembler.planning.model import Handoff, Link, Plan
from assembler.planning.retime import Retime
from tests.planning.facts import image, info, planned, video

KLING = "defaults: {provider: kling, model: kling-3.0, resolution: 1080p}\n"


def plan_of(folder: Path, text: str, **more: object) -> Plan:
    return planned(folder, KLING + dedent(text), **more)[1]  # type: ignore[arg-type]  # passed on as they are


def bent(folder: Path, words: str, after: str = "") -> tuple[Link, Retime]:
    """The one link of a segment with *words*, and the bend of its time."""
    text = f"segments:\n  - {{id: a, prompt: Mist., {words}}}\n{after}"
    link = plan_of(folder, text).link("a.1")
    assert link.retime is not None
    return link, link.retime


def places(retime: Retime) -> list[float]:
    """Positions of all frames that are shown."""
    return [float(retime.at(retime.first + n)) for n in range(retime.shown)]


@pytest.mark.parametrize(
    ("words", "seconds", "first", "last"),
    [
        ("duration: 10s, speed: 50%", 5, 0, 119.5),
        ("duration: 4s, speed: 200%", 8, 0, 190),
        ("duration: 5s, reverse: true", 5, 119, 0),
        ("duration: 8s, freeze: {at: 5s, for: 3s}", 5, 0, 120),
        ("duration: 8s, freeze: {at: 0s, for: 3s}", 5, 0, 119),
        ("duration: 20s, reverse: true, speed: 25%", 5, 119.75, 0),
        ("duration: 4s, speed: {points: [{at: 0s, rate: 1}, {at: 2s, rate: 3}]}", 10, 0, 237),
    ],
)
def test_what_the_bend_shows_is_generated(
    tmp_path: Path, words: str, seconds: int, first: float, last: float
) -> None:
    """Seconds and price follow from the stretch of clip, the frames from the duration."""
    link, retime = bent(tmp_path, words)
    shown = places(retime)
    assert link.length_s == seconds
    assert (shown[0], shown[-1]) == pytest.approx((first, last), abs=0.01)
    assert all(0 <= place < link.frames for place in shown)
    plain = plan_of(tmp_path, f"segments: [{{id: a, prompt: Mist., duration: {seconds}s}}]")
    assert link.price_usd == plain.price_usd


def test_another_bend_of_the_same_stretch_is_paid_once(tmp_path: Path) -> None:
    """Neither speed nor direction, nor a freeze, is part of what a model is asked for."""
    keys = {
        bent(tmp_path, words)[0].key
        for words in (
            "duration: 10s, speed: 50%",
            "duration: 10s, speed: {rate: 50%, frames: flow}",
            "duration: 20s, speed: 25%",
            "duration: 5s, reverse: true",
            "duration: 9s, freeze: {at: 2s, for: 4s}",
        )
    }
    keys.add(plan_of(tmp_path, "segments: [{id: a, prompt: Mist., duration: 5s}]").link("a.1").key)
    assert len(keys) == 1


def test_sound_that_is_paid_and_not_heard_is_told(tmp_path: Path) -> None:
    """It stays asked for, so that bending a clip that is there makes nothing anew."""
    text = "segments: [{id: a, prompt: Mist., duration: 10s, speed: 50%, audio: AUDIO}]"
    loud = plan_of(tmp_path, text.replace("AUDIO", "native"))
    quiet = plan_of(tmp_path, text.replace("AUDIO", "'off'"))
    saved = loud.price_usd - quiet.price_usd
    assert saved > 0
    assert loud.notes == (
        "a: its sound is paid and left out, since its time is bent; "
        f"`audio: off` saves ${saved:.2f}",
    )
    assert quiet.notes == ()


def test_a_freeze_at_the_end_costs_no_generation(tmp_path: Path) -> None:
    """Where a clip has no frame behind its 5 s, its last one stays."""
    text = """
    defaults: {provider: manual, model: any}
    canvas: {rate: 25}
    segments: [{id: a, prompt: Mist., duration: 60s, freeze: {at: 5s, for: 55s}}]
    """
    link = planned(tmp_path, dedent(text))[1].link("a.1")
    assert link.length_s == 5
    assert link.retime is not None
    assert places(link.retime)[-1] <= link.retime.has - 1


def test_handles_of_transitions_are_part_of_the_stretch(tmp_path: Path) -> None:
    """Half of 24 frames on both sides are 6 of the clip at half speed."""
    text = """
    segments:
      - {id: z, prompt: Fog., duration: 5s}
      - {id: a, prompt: Mist., duration: 8s, speed: 50%, join: {dissolve: 24f}}
      - {id: b, prompt: Rain., duration: 5s, join: {dissolve: 24f}}
    """
    link = plan_of(tmp_path, text).link("a.1")
    assert link.retime is not None
    assert link.wanted_frames == 6 + 96 + 6
    assert link.retime.at(link.retime.first) == 6
    assert link.retime.first == 12


@pytest.mark.parametrize(
    ("words", "frame"),
    [
        ("duration: 8s, speed: 50%", 95),
        ("duration: 8s, speed: {rate: 50%, frames: flow}", 96),
        ("duration: 5s, reverse: true", 0),
        ("duration: 8s, freeze: {at: 3s, for: 5s}", 72),
    ],
)
def test_what_goes_on_starts_on_the_frame_shown_last(
    tmp_path: Path, words: str, frame: int
) -> None:
    """Where frames are made in between, the bend is moved by a part of a frame to end on one."""
    after = "  - {id: b, prompt: Rain., duration: 5s, continue: a}\n"
    text = f"segments:\n  - {{id: a, prompt: Mist., {words}}}\n{after}"
    plan = plan_of(tmp_path, text)
    assert Handoff("a.1", frame) == plan.link("b.1").start
    retime = plan.link("a.1").retime
    assert retime is not None
    assert int(places(retime)[-1]) == frame
    assert retime.ends_on_frame


def test_a_reversed_segment_with_an_end_image_is_gone_on_from_its_first_frame(
    tmp_path: Path,
) -> None:
    text = """
    segments:
      - {id: a, prompt: x, start: s.png, end: e.png, duration: 5s, reverse: true}
      - {id: b, prompt: y, duration: 5s, continue: a}
    """
    plan = plan_of(tmp_path, text, files={"s.png": image(), "e.png": image()})
    assert Handoff("a.1", 0) == plan.link("b.1").start


def test_generated_segments_go_on_from_bent_files(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, file: a.mov, in: 1s, out: 3s, reverse: true}
      - {id: b, prompt: y, duration: 5s, continue: a}
    """
    plan = plan_of(tmp_path, text, files={"a.mov": info("a.mov", video(120))})
    assert Handoff("a", 24) == plan.link("b.1").start


def test_a_seam_that_is_written_down_cuts_nothing(tmp_path: Path) -> None:
    """`keep_until` at the segment's own end is what a report offers for copying."""
    text = """
    segments:
      - {id: a, prompt: x, duration: 8s, speed: 50%}
      - {id: b, prompt: y, duration: 4s, continue: a, seam: {keep_until: 192}}
    """
    link = plan_of(tmp_path, text).link("b.1")
    assert (link.start, link.start_at_s) == (Handoff("a.1", 95), None)


def test_beats_come_when_they_are_shown(tmp_path: Path) -> None:
    """A beat 6 s into slow motion is 3 s into the clip."""
    link, _ = bent(tmp_path, "duration: 10s, speed: 50%, beats: [{at: 6s, prompt: Rain.}]")
    plain = plan_of(
        tmp_path,
        "segments: [{id: a, prompt: Mist., duration: 5s, beats: [{at: 3s, prompt: Rain.}]}]",
    )
    assert plain.link("a.1").prompt == link.prompt


WRONG = {
    "longer than one generation": (
        "- {id: a, prompt: x, duration: 20s, speed: 200%}",
        "4:34: segment a: it shows 39.96 s of a clip, and kling-3.0 makes 15 s in one piece\n"
        "  fix: show 181f (7.542 s) at most, and bend the rest in a segment of its own",
    ),
    "longer than a model's longest length": (
        "- {id: a, prompt: x, duration: 30s, speed: 50%, model: kling-2.1-master}",
        "4:34: segment a: it shows 15 s of a clip, and kling-2.1-master makes 10 s in one piece\n"
        "  fix: show 482f (20.083 s) at most, and bend the rest in a segment of its own",
    ),
    "sound to what is bent": (
        "- {id: a, prompt: x, duration: 8s, speed: 50%}\n"
        "tracks: [{id: s, role: sfx, make: {model: animatic, provider: animatic, of: a}}]",
        "5:77: track s: the time of 'a' is bent, and sound is made to a clip as it comes\n"
        "  fix: name another segment, or make the sound from words alone",
    ),
    "a freeze behind the end": (
        "- {id: a, prompt: x, duration: 4s, freeze: [{at: 1s, for: 1s}, {at: 4s, for: 1s}]}",
        "4:71: segment a: the freeze at 4s comes after the segment's end at 4 s\n"
        "  fix: move it, or make the segment longer",
    ),
    "a mix at a handoff": (
        "- {id: a, prompt: x, duration: 4s, speed: {rate: 200%, frames: blend}}\n"
        "  - {id: b, prompt: y, duration: 4s, continue: a}",
        "4:45: segment a: its last frame is a mix of two, and 'b' can't go on from it\n"
        "  fix: write `frames: nearest`",
    ),
    "a tail that is cut": (
        "- {id: a, prompt: x, duration: 8s, speed: 50%}\n"
        "  - {id: b, prompt: y, duration: 4s, continue: a, seam: {keep_until: 90}}",
        "5:57: segment b: `keep_until` would cut 'a', whose time is bent\n"
        "  fix: take it out, and let `duration` say where 'a' ends",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_right_is_refused(tmp_path: Path, name: str) -> None:
    """With one sentence that says what to do."""
    text, said = WRONG[name]
    path = tmp_path / "film.yaml"
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, f"{KLING.strip()}\nsegments:\n  {text}\n")
    assert str(caught.value).replace(f"{path}:", "") == said
