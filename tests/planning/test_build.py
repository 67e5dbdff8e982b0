"""From timeline to plan: links, handoffs, beats, shots, handles, keys, order."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from textwrap import dedent

import pytest

from assembler.errors import PlanError
from assembler.planning.build import with_states
from assembler.planning.model import Handoff, ImageFile, Plan, Shelf
from tests.planning.facts import audio, image, info, planned, video

KLING = "defaults: {provider: kling, model: kling-3.0, resolution: 1080p}\n"


def plan_of(folder: Path, text: str, **more: object) -> Plan:
    return planned(folder, KLING + dedent(text), **more)[1]  # type: ignore[arg-type]  # passed on as they are


def lengths(plan: Plan) -> dict[str, int | Fraction]:
    return {s.link.id: s.link.length_s for s in plan.steps}


def test_a_long_segment_becomes_a_chain(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "segments: [{id: dawn, duration: 40s, prompt: Mist.}]")
    assert lengths(plan) == {"dawn.1": 14, "dawn.2": 13, "dawn.3": 13}
    assert [None, Handoff("dawn.1"), Handoff("dawn.2")] == [s.link.start for s in plan.steps]
    assert [s.after for s in plan.steps] == [(), ("dawn.1",), ("dawn.2",)]


def test_the_cut_wants_exactly_the_segments_frames(tmp_path: Path) -> None:
    """337 + 312 + 312 frames are shown; of the last link one is left over."""
    plan = plan_of(tmp_path, "segments: [{id: dawn, duration: 40s, prompt: Mist.}]")
    assert [s.link.wanted_frames for s in plan.steps] == [337, 312, 311]
    assert [s.link.frames for s in plan.steps] == [337, 313, 313]


def test_links_from_words_and_from_images_are_different_kinds(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "segments: [{id: dawn, duration: 40s, prompt: Mist.}]")
    assert [s.link.kind for s in plan.steps] == ["text", "image", "image"]


def test_a_continued_segment_starts_on_the_end_frame(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: dawn, duration: 5s, prompt: Mist.}
      - {id: turn, continue: dawn, duration: 5s, prompt: She turns.}
    """
    plan = plan_of(tmp_path, text)
    assert Handoff("dawn.1", 119) == plan.link("turn.1").start
    assert plan.steps[1].after == ("dawn.1",)


def test_a_handoff_comes_from_the_frame_on_which_the_segment_ends(tmp_path: Path) -> None:
    """12 s need 15 s of a model that makes 5 or 10; frames 1 to 47 of the last link are shown."""
    text = """
    defaults: {provider: kling, model: kling-2.1-master}
    segments:
      - {id: dawn, duration: 12s, prompt: Mist.}
      - {id: turn, continue: dawn, duration: 5s, prompt: She turns.}
    """
    plan = planned(tmp_path, text)[1]
    assert lengths(plan) == {"dawn.1": 10, "dawn.2": 5, "turn.1": 5}
    wanted = plan.link("dawn.2").wanted_frames
    assert wanted == 288 - 241
    assert Handoff("dawn.2", 47) == plan.link("turn.1").start


def test_a_keyframe_frees_what_follows(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: dawn, duration: 20s, start: a.png, keyframe: b.png, prompt: Mist.}
      - {id: turn, continue: dawn, duration: 5s, prompt: She turns.}
    """
    plan = plan_of(tmp_path, text, files={"a.png": image(), "b.png": image()})
    key = ImageFile(tmp_path / "b.png", "hash of b.png")
    assert [None, key] == [plan.link("dawn.1").end, plan.link("dawn.2").end]
    assert key == plan.link("turn.1").start
    assert plan.steps[2].after == ()
    assert plan.steps[2].state == "ready"


def test_beats_go_to_links_by_time(tmp_path: Path) -> None:
    text = """
    segments:
      - id: dawn
        duration: 40s
        prompt: Push in
        beats:
          - {at: 0s, prompt: Mist lifts.}
          - {at: 14s, prompt: She stops.}
          - {at: 20s, prompt: She turns.}
    """
    plan = plan_of(tmp_path, text)
    assert [s.link.prompt for s in plan.steps] == [
        "Push in. Mist lifts.",
        "Push in. She stops. She turns.",
        "Push in. She turns.",
    ]


def test_shots_that_fit_are_one_generation(tmp_path: Path) -> None:
    text = """
    segments:
      - id: street
        shots: [{duration: 3s, prompt: Wide.}, {duration: 4s, prompt: Close.}]
    """
    (step,) = plan_of(tmp_path, text).steps
    assert step.link.length_s == 7
    assert [shot.prompt for shot in step.link.shots] == ["Wide.", "Close."]
    assert step.link.wanted_frames == 168


def test_more_shots_than_fit_are_split_at_a_shots_own_cut(tmp_path: Path) -> None:
    """8 shots of 4 s: 32 s at most 15 each and 6 shots each, so 3 + 3 + 2 shots."""
    shots = ", ".join(f"{{duration: 4s, prompt: Shot {n}.}}" for n in range(8))
    plan = plan_of(tmp_path, f"segments: [{{id: street, shots: [{shots}]}}]")
    assert sorted([12, 12, 8]) == sorted(int(s.link.length_s) for s in plan.steps)
    assert [s.link.start for s in plan.steps] == [None, None, None]
    assert [s.link.kind for s in plan.steps] == ["text"] * 3
    assert sum(s.link.wanted_frames for s in plan.steps) == 32 * 24


def test_one_shot_is_an_ordinary_prompt(tmp_path: Path) -> None:
    text = """
    defaults: {provider: kling, model: kling-2.6}
    segments: [{id: street, prompt: Rain, shots: [{duration: 5s, prompt: Wide.}]}]
    """
    (step,) = planned(tmp_path, text)[1].steps
    assert (step.link.prompt, step.link.shots) == ("Rain. Wide.", ())


def test_a_transition_is_generated_with_its_handles(tmp_path: Path) -> None:
    """A centred 24-frame dissolve needs 12 frames behind A's out and 12 in front of B's in."""
    text = """
    segments:
      - {id: a, duration: 5s, prompt: A.}
      - {id: b, duration: 5s, prompt: B., join: {dissolve: 24f}}
    """
    a, b = (s.link for s in plan_of(tmp_path, text).steps)
    assert (a.head_frames, a.tail_frames, a.length_s, a.wanted_frames) == (0, 12, 6, 132)
    assert (b.head_frames, b.tail_frames, b.length_s, b.wanted_frames) == (12, 0, 6, 132)


def test_a_keyframe_is_reached_at_the_end_whatever_the_transition_takes(tmp_path: Path) -> None:
    """10 s and 12 frames of handle need 11 s; what is over lies in front, not behind the image."""
    text = """
    segments:
      - {id: a, duration: 5s, prompt: A.}
      - {id: b, duration: 10s, start: k.png, keyframe: k.png, join: {dissolve: 24f}}
    """
    link = plan_of(tmp_path, text, files={"k.png": image()}).link("b.1")
    assert (
        link.length_s,
        link.wanted_frames,
        link.head_frames,
        link.tail_frames,
    ) == (11, 265, 25, 0)


def test_split_edits_are_generated_with_their_handles(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, duration: 5s, prompt: A.}
      - {id: b, duration: 5s, prompt: B., join: {j-cut: 6f, l-cut: 8f}}
    """
    a, b = (s.link for s in plan_of(tmp_path, text).steps)
    assert (a.tail_frames, b.head_frames) == (8, 6)


def test_a_files_handles_must_exist(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, file: a.mov, in: 1s, out: 111f}
      - {id: b, file: b.mov, in: 5f, out: 100f, join: {dissolve: 24f}}
    """
    files = {"a.mov": info("a.mov", video(120)), "b.mov": info("b.mov", video(120))}
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text, files)
    path = tmp_path / "film.yaml"
    assert str(caught.value) == (
        f"{path}:4:39: segment a: a centred 24-frame dissolve needs 12 frames after out, a has 9\n"
        "  fix: shorten the dissolve to 18 frames, or move `out` 3 frames earlier\n"
        f"{path}:5:51: segment b: a centred 24-frame dissolve needs 12 frames before in, b has 5\n"
        "  fix: shorten the dissolve to 10 frames, or move `in` 7 frames later"
    )


def test_handles_of_bent_time_are_counted_as_they_are_shown(tmp_path: Path) -> None:
    """Half speed makes 6 frames of 3; nine frames behind an out at 111 are 18."""
    text = """
    segments:
      - {id: a, file: a.mov, in: 1s, out: 111f, speed: 50%}
      - {id: b, file: b.mov, in: 3f, out: 100f, speed: 50%, join: {dissolve: 40f}}
    """
    files = {"a.mov": info("a.mov", video(120)), "b.mov": info("b.mov", video(120))}
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text, files)
    path = tmp_path / "film.yaml"
    assert str(caught.value) == (
        f"{path}:4:39: segment a: a centred 40-frame dissolve needs 20 frames after out, a has 18\n"
        "  fix: shorten the dissolve to 36 frames, or move `out` 2 frames earlier\n"
        f"{path}:5:63: segment b: a centred 40-frame dissolve needs 20 frames before in, b has 6\n"
        "  fix: shorten the dissolve to 12 frames, or move `in` 14 frames later"
    )


def test_speed_that_outruns_its_clip_is_refused_with_numbers(tmp_path: Path) -> None:
    text = "segments: [{id: a, file: a.mov, duration: 5s, speed: 2}]"
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text, {"a.mov": info("a.mov", video(120))})
    assert str(caught.value) == (
        f"{tmp_path / 'film.yaml'}:2:43: segment a: its 120 frames reach frame 238 of a.mov, "
        "which has 120 at 24 fps\n  fix: give it at most 60f (2.500 s)"
    )


def test_files_are_counted_at_the_canvas_rate(tmp_path: Path) -> None:
    """100 frames at 25 are 4 s: 96 frames at 24, 240 at 60."""
    text = "canvas: {rate: 60}\nsegments: [{id: a, file: a.mov}]"
    plan = planned(tmp_path, text, {"a.mov": info("a.mov", video(100, 25))})[1]
    assert (plan.files[0].in_frame, plan.files[0].out_frame) == (0, 240)


def test_going_on_from_a_file_starts_on_its_out_frame(tmp_path: Path) -> None:
    """Frame 47 at 24 shows what is there 1.958 s in: own frame 48 at 25."""
    text = """
    segments:
      - {id: a, file: a.mov, out: 2s}
      - {id: b, continue: a, duration: 5s, prompt: On.}
    """
    plan = plan_of(tmp_path, text, files={"a.mov": info("a.mov", video(100, 25))})
    assert Handoff("a", 48) == plan.link("b.1").start


def test_frames_that_a_seam_names_must_be_there(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, file: a.mov}
      - {id: b, continue: a, file: a.mov, seam: {keep_until: 97, start_from: 96}}
    """
    files = {"a.mov": info("a.mov", video(96))}
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text, files)
    path, fix = tmp_path / "film.yaml", "count the frames of its clip at the canvas's rate"
    assert str(caught.value) == (
        f"{path}:5:58: segment b: `keep_until: 97` is beyond the 96 frames of 'a'\n"
        f"  fix: {fix}, from its first one\n"
        f"{path}:5:74: segment b: `start_from: 96` is beyond the 96 frames of 'b'\n"
        f"  fix: {fix}, from its first one"
    )
    plan = plan_of(tmp_path, text.replace("97", "96").replace("start_from: 96", "start_from: 95"),
                   files=files)  # fmt: skip
    assert not plan.notes
    cut = text.replace("continue: a, ", "join: cut, ")
    assert "b: it isn't joined by a seam" in plan_of(tmp_path, cut, files=files).notes[0]


def test_single_seams_of_a_file_are_checked_too(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, file: a.mov}
      - {id: b, continue: a, file: a.mov, seams: {1: {keep_until: 97}, 2: {preset: gentle}}}
    """
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text, {"a.mov": info("a.mov", video(96))})
    path = tmp_path / "film.yaml"
    assert f"{path}:5:63: segment b: `keep_until: 97` is beyond the 96 frames" in str(caught.value)
    assert f"{path}:5:71: segment b: it is one file, and has no seam 2" in str(caught.value)


def test_frames_that_a_seam_names_of_generated_clips_must_be_there(tmp_path: Path) -> None:
    """Clips count by what their models return: 121 frames for five seconds."""
    text = """
    segments:
      - {id: a, duration: 5s, prompt: A coast.}
      - {id: b, continue: a, duration: 5s, prompt: On., seam: {keep_until: 500, start_from: 500}}
    """
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text)
    said = str(caught.value)
    assert "film.yaml:5:72: segment b: `keep_until: 500` is beyond the 121 frames of 'a.1'" in said
    assert "film.yaml:5:89: segment b: `start_from: 500` is beyond the 121 frames of 'b.1'" in said
    plan_of(tmp_path, text.replace("keep_until: 500, start_from: 500", "keep_until: 121"))
    planned(tmp_path, text, draft=True)


def test_frames_that_a_seam_within_a_segment_names_must_be_there(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, duration: 20s, prompt: A coast., seams: {2: {keep_until: 500, start_from: 900}}}
    """
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text)
    assert "segment a: `keep_until: 500` is beyond the " in str(caught.value)
    assert "segment a: `start_from: 900` is beyond the " in str(caught.value)
    plan_of(tmp_path, text.replace("500", "200").replace("900", "20"))


def test_renaming_a_segment_or_a_file_changes_no_key(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: dawn, duration: 20s, start: a.png, prompt: Mist.}
      - {id: turn, continue: dawn, duration: 5s, prompt: She turns.}
    """
    files, hashes = {"a.png": image()}, {"a.png": "same", "b.png": "same"}
    one = plan_of(tmp_path, text, files=files, hashes=hashes)
    text = text.replace("dawn", "sunrise").replace("a.png", "b.png").replace("turn,", "twist,")
    other = plan_of(tmp_path, text, files={"b.png": image()}, hashes=hashes)
    assert [s.link.key for s in one.steps] == [s.link.key for s in other.steps]


@pytest.mark.parametrize(
    "change",
    [
        "prompt: Fog.",
        "prompt: Mist., camera: push in",
        "prompt: Mist., resolution: 720p",
        "prompt: Mist., audio: off",
        "prompt: Mist., options: {mode: x}",
        "prompt: Mist., model: kling-3.0-omni",
        "prompt: Mist., provider: fal",
    ],
)
def test_what_decides_the_bytes_changes_this_key_and_all_after(tmp_path: Path, change: str) -> None:
    text = "segments: [{{id: dawn, duration: 20s, {}}}]"
    one = plan_of(tmp_path, text.format("prompt: Mist."))
    other = plan_of(tmp_path, text.format(change))
    keys = zip((s.link.key for s in one.steps), (s.link.key for s in other.steps), strict=True)
    assert all(a != b for a, b in keys)


def test_a_later_beat_leaves_earlier_links_alone(tmp_path: Path) -> None:
    text = "segments: [{{id: d, duration: 40s, prompt: M., beats: [{{at: 30s, prompt: {}}}]}}]"
    one = plan_of(tmp_path, text.format("She turns."))
    other = plan_of(tmp_path, text.format("She runs."))
    same = [a.link.key == b.link.key for a, b in zip(one.steps, other.steps, strict=True)]
    assert same == [True, True, False]


def test_two_segments_that_say_the_same_are_two_takes(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, duration: 5s, prompt: Mist.}
      - {id: b, duration: 5s, prompt: Mist.}
    """
    a, b = (s.link.key for s in plan_of(tmp_path, text).steps)
    assert a != b


def test_states_follow_the_takes_that_are_there(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: dawn, duration: 40s, prompt: Mist.}
      - {id: street, duration: 5s, prompt: Street.}
    """
    plan = plan_of(tmp_path, text)
    plan = with_states(plan, Shelf({plan.link("dawn.1").key: frozenset({1})}))
    assert [(s.state, s.why) for s in plan.steps] == [
        ("done", "its take is there"),
        ("ready", "new: no take yet"),
        ("waiting", "waits for dawn.2"),
        ("ready", "new: no take yet"),
    ]


def test_what_is_continued_is_made_first_even_when_it_plays_later(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, continue: b, join: cut, duration: 5s, prompt: A.}
      - {id: b, duration: 5s, prompt: B.}
      - {id: c, duration: 5s, prompt: C.}
    """
    plan = plan_of(tmp_path, text)
    assert [s.link.id for s in plan.steps] == ["b.1", "a.1", "c.1"]


def test_price_is_that_of_provider_resolution_and_sound(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, duration: 10s, prompt: A.}
      - {id: b, duration: 10s, prompt: B., audio: off}
    """
    plan = plan_of(tmp_path, text)
    assert [f"{s.link.price_usd:.2f}" for s in plan.steps] == ["1.68", "1.12"]
    assert f"{plan.price_usd:.2f}" == "2.80"


def test_a_draft_is_made_by_the_free_generator_in_lengths_of_its_own(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: dawn, duration: 40s, prompt: Mist., model: kling-4.0}
      - {id: old, duration: 7s, prompt: Old., model: kling-2.6}
    """
    plan = plan_of(tmp_path, text, draft=True)
    assert {"animatic"} == {s.link.provider for s in plan.steps} | {
        s.link.model for s in plan.steps
    }
    assert lengths(plan) == {"dawn.1": 14, "dawn.2": 13, "dawn.3": 13, "old.1": 7}
    assert all(s.link.frames == 24 * s.link.length_s + 1 for s in plan.steps)
    assert plan.price_usd == 0


def test_provider_animatic_previews_any_model(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "segments: [{id: a, duration: 5s, prompt: A., provider: animatic}]")
    assert plan.link("a.1").model == "animatic"


def test_a_draft_takes_the_shape_of_any_canvas(tmp_path: Path) -> None:
    text = "canvas: {size: 2048x858}\nsegments: [{id: a, duration: 5s, prompt: A.}]"
    width, height = plan_of(tmp_path, text, draft=True).link("a.1").size
    assert width / height == pytest.approx(2048 / 858, rel=0.01)


AVATAR = """
segments:
  - id: anna
    avatar: {{model: {model}, image: anna.png, audio: talk.wav{more}}}
"""


def avatar(folder: Path, seconds: float, model: str = "avatar-2.0", more: str = "") -> Plan:
    files = {"anna.png": image((720, 1280)), "talk.wav": info("t", sound=audio(seconds))}
    text = AVATAR.format(model=model, more=more)
    return planned(folder, "defaults: {provider: kling}\n" + text, files)[1]


def test_an_avatar_is_as_long_as_its_recording(tmp_path: Path) -> None:
    (step,) = avatar(tmp_path, 12.52).steps
    assert (step.link.kind, step.link.wanted_frames) == ("avatar", 301)
    assert Fraction(12.52) == step.link.length_s
    assert step.link.size == (720, 1280)
    assert ImageFile(tmp_path / "anna.png", "hash of anna.png") == step.link.start


def test_a_long_narration_becomes_a_chain_without_a_gap(tmp_path: Path) -> None:
    """Each link hears from the frame on that it repeats."""
    plan = avatar(tmp_path, 700, more=", in: 10s")
    links = [s.link for s in plan.steps]
    assert [link.wanted_frames for link in links] == [5520, 5520, 5520]
    assert [Fraction(10), 240 - Fraction(1, 24), 470 - Fraction(1, 24)] == [
        link.avatar_in_s for link in links
    ]
    assert Handoff("anna.1", 5519) == links[1].start
    assert all(link.length_s <= 300 for link in links)
    assert links[-1].avatar_in_s + links[-1].length_s == 700


def test_a_url_that_is_not_fetched_yet_is_said_without_what_is_secret_in_it(tmp_path: Path) -> None:
    url = "https://me:pw@example.org/a.mp4?sig=SECRET"
    plan = planned(tmp_path, f"segments: [{{id: a, url: '{url}'}}]")[1]
    assert plan.notes == ("a: https://example.org/a.mp4 isn't fetched yet",)
