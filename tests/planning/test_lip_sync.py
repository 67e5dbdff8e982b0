"""Segments whose lips are moved: planned from their video, refused where that can't be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from assembler.errors import PlanError, SpecError
from assembler.planning.model import Plan
from assembler.planning.row import places
from tests.planning.facts import audio, info, planned, video

FILES = {
    "anna.mp4": info("anna.mp4", video(150, 30, (1280, 720)), audio(5)),
    "talk.wav": info("talk.wav", sound=audio(60, index=0)),
}
FAL = "defaults: {provider: fal}\n"
CLIP = "- {id: anna, avatar: {model: lip-sync, video: anna.mp4, audio: talk.wav, in: 2s}}\n"
TALK = (
    "- {id: talk, duration: 5s, prompt: A woman talks., provider: kling, model: kling-3.0,"
    " resolution: 720p}\n"
)
SPEAKS = "- {id: anna, provider: kling, avatar: {model: lip-sync, of: talk, audio: talk.wav}}\n"


def _plan(folder: Path, segments: str, defaults: str = "") -> Plan:
    return planned(folder, f"{defaults}segments:\n{segments}", FILES)[1]


def _refused(folder: Path, segments: str, defaults: str = "") -> list[str]:
    with pytest.raises((PlanError, SpecError)) as caught:
        _plan(folder, segments, defaults)
    return [f"{problem.line}:{problem.column} {problem.what}" for problem in caught.value.problems]


def test_its_video_gives_size_rate_and_length(tmp_path: Path) -> None:
    (step,) = _plan(tmp_path, CLIP, FAL).steps
    link = step.link
    assert (link.kind, link.model, link.provider) == ("lip-sync", "lip-sync", "fal")
    assert (link.size, link.rate, link.frames, link.length_s) == ((1280, 720), 30, 150, 5)
    assert (link.wanted_frames, link.avatar_in_s, link.start) == (120, 2, None)
    assert link.references == (tmp_path / "anna.mp4",)


def test_it_may_be_shorter_than_its_video_and_not_longer(tmp_path: Path) -> None:
    shorter = CLIP.replace("anna, avatar", "anna, duration: 4s, avatar")
    (step,) = _plan(tmp_path, shorter, FAL).steps
    assert (step.link.wanted_frames, step.link.length_s) == (96, 5)
    assert _refused(tmp_path, shorter.replace("4s", "6s"), FAL) == [
        "4:24 segment anna: 6 s are asked, anna.mp4 gives 5 s beside what the transitions need"
    ]


def test_clip_of_a_segment_is_made_first_and_not_shown_by_itself(tmp_path: Path) -> None:
    loaded, plan = planned(tmp_path, f"segments:\n{SPEAKS}{TALK}", FILES)
    assert [id_ for id_, place in places(loaded.timeline).items() if place.in_row] == ["anna"]
    source, lips = plan.steps
    assert (source.link.id, lips.link.id, lips.after) == ("talk.1", "anna.1", ("talk.1",))
    assert (lips.link.video_of, lips.link.frames) == ("talk.1", source.link.frames)
    assert lips.link.length_s == Fraction(121, 24)
    assert str(lips.price_usd) == "0.147"  # 2 x 0.5 units and 0.05 for the face


def test_another_take_of_its_clip_makes_it_another_link(tmp_path: Path) -> None:
    text = f"segments:\n{TALK}{SPEAKS}"
    first = planned(tmp_path, text, FILES)[1]
    second = planned(tmp_path, text, FILES, chosen={first.steps[0].link.key: 2})[1]
    assert first.steps[0].link.key == second.steps[0].link.key
    assert first.steps[1].link.key != second.steps[1].link.key


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        (CLIP.replace("lip-sync", "avatar-2.0"),
         "4:30 segment anna: avatar-2.0 moves no lips of a video (avatar)"),
        (CLIP.replace("in: 2s", "in: 2s, prompt: Calmly."),
         "4:89 segment anna: lip-sync takes no prompt"),
        (CLIP.replace("in: 2s", "in: 59s"),
         "4:73 segment anna: its recording has 1 s, lip-sync needs 2 s"),
        ("- {id: anna, avatar: {model: lip-sync, image: anna.mp4, audio: talk.wav}}\n",
         "4:30 segment anna: lip-sync makes no talking portraits (lip-sync)"),
    ],
)  # fmt: skip
def test_what_a_model_cannot_do_is_refused_before_money(
    tmp_path: Path, segments: str, said: str
) -> None:
    assert said.partition(" ")[2] in " ".join(_refused(tmp_path, segments, FAL))


def test_files_reach_kling_by_address_and_its_own_clips_by_their_job(tmp_path: Path) -> None:
    segment = CLIP.replace("anna, avatar", "anna, provider: kling, avatar")
    (said,) = _refused(tmp_path, segment)
    assert said.endswith("kling takes videos by public address only")
    given = segment.replace("}}", "}, options: {video_url: 'https://example.org/anna.mp4'}}")
    assert _plan(tmp_path, given).steps[0].link.kind == "lip-sync"
    (said,) = _refused(tmp_path, TALK.replace("kling, model: kling-3.0", "fal, model: kling-3.0") +
                       SPEAKS)  # fmt: skip
    assert said.endswith("kling takes videos by public address only")


def test_video_unfit_for_a_provider_is_refused(tmp_path: Path) -> None:
    """Scenario takes 10 s at most."""
    FILES["long.mp4"] = info("long.mp4", video(264, 24, (1280, 720)))
    segment = CLIP.replace("anna.mp4", "long.mp4")
    (said,) = _refused(tmp_path, segment, "defaults: {provider: scenario}\n")
    assert said.endswith("long.mp4 has 11 s; 10 s are possible (lip-sync)")


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        (SPEAKS, "there is no segment 'talk'"),
        (TALK + SPEAKS + SPEAKS.replace("id: anna", "id: bea"),
         "the lips of 'talk' are moved by 'anna' already"),
        (TALK.replace("duration", "join: cut, duration") + SPEAKS,
         "'talk' isn't shown by itself, so it has no `join`"),
        (SPEAKS.replace("of: talk", "of: talk, image: anna.mp4") + TALK,
         "it has `image` and `of`, and can have one"),
        (TALK + SPEAKS.replace("anna, ", "anna, continue: talk, "),
         "it begins as its video does, and can't continue another segment"),
    ],
)  # fmt: skip
def test_mistakes_are_told(tmp_path: Path, segments: str, said: str) -> None:
    assert any(said in one for one in _refused(tmp_path, segments))


def test_nothing_is_placed_on_what_is_not_shown(tmp_path: Path) -> None:
    title = "titles: [{text: Hi, on: talk+1s, for: 2s}]\n"
    with pytest.raises(SpecError, match=r"'talk' isn't shown by itself"):
        planned(tmp_path, f"segments:\n{TALK}{SPEAKS}{title}", FILES)


def test_a_clip_of_several_links_is_refused(tmp_path: Path) -> None:
    (said,) = _refused(tmp_path, TALK.replace("5s", "20s") + SPEAKS)
    assert "'talk' is made of 2 clips, and the lips of one can be moved" in said


def test_draft_and_clips_by_hand_take_it_too(tmp_path: Path) -> None:

    draft = planned(tmp_path, f"segments:\n{TALK}{SPEAKS}", FILES, draft=True)[1]
    assert [s.link.kind for s in draft.steps] == ["text", "lip-sync"]
    (step,) = _plan(tmp_path, CLIP, "defaults: {provider: manual}\n").steps
    assert (step.link.kind, step.price_usd) == ("lip-sync", 0)
