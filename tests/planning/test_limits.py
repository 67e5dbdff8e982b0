"""What models can't do: every refusal with its place, its value and a fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembler.errors import PlanError
from assembler.media.info import MediaInfo
from tests.planning.facts import audio, image, info, planned, video

FILES = {
    "a.png": image(),
    "tiny.png": image((200, 200)),
    "wide.png": image((3000, 1000)),
    "t.wav": info("t.wav", sound=audio(1.5)),
    "m.mp4": info("m.mp4", video(120)),
}


def refused(folder: Path, text: str, files: dict[str, MediaInfo] | None = None) -> str:
    with pytest.raises(PlanError) as caught:
        planned(folder, text, FILES if files is None else files)
    return str(caught.value).replace(f"{folder / 'film.yaml'}:", "")


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (
            "provider: kling, model: kling-3.0-turbo, start: a.png, end: a.png",
            "kling-3.0-turbo takes no end image",
        ),
        (
            "provider: kling, model: kling-2.6, resolution: 720p, audio: off, start: a.png, "
            "end: a.png",
            "kling-2.6 takes an end image only at 1080p",
        ),
        (
            "provider: kling, model: kling-2.6, resolution: 1080p, audio: native, start: a.png, "
            "end: a.png",
            "kling-2.6 makes no sound when an end image is given",
        ),
        (
            "provider: kling, model: kling-2.6, resolution: 720p, audio: native",
            "kling-2.6 makes sound only at 1080p, not at 720p",
        ),
        (
            "provider: kling, model: kling-2.5-turbo, audio: native",
            "kling-2.5-turbo makes no sound",
        ),
        (
            "provider: kling, model: kling-3.0, end: a.png",
            "kling-3.0 takes an end image only together with a start image",
        ),
        (
            "provider: kling, model: kling-2.6, resolution: 4k",
            "kling-2.6 doesn't make 4k",
        ),
        ("provider: replicate, model: kling-2.6", "provider replicate doesn't offer kling-2.6"),
        ("provider: kling, model: kling-3.0, negative: fog", "kling-3.0 takes no negative prompt"),
        ("provider: kling, model: kling-3.0, guidance: 0.5", "kling-3.0 takes no guidance"),
        (
            "provider: fal, model: kling-3.0, guidance: 5",
            "kling-3.0 takes a guidance from 0 to 1, not 5",
        ),
        ("provider: kling, model: kling-3.0, seed: 7", "kling-3.0 takes no seed"),
        ("provider: kling, model: kling-3.0, voices: [v]", "kling-3.0 takes no voices, not 1"),
        (
            "provider: kling, model: kling-3.0, references: {images: [a.png]}",
            "kling-3.0 takes no references of this sort",
        ),
        (
            "provider: kling, model: kling-3.0, start: tiny.png",
            "tiny.png is 200x200; the shorter side must have 300 px",
        ),
        (
            "provider: kling, model: kling-3.0, start: wide.png",
            "wide.png has an aspect ratio of 3; 0.4 to 2.5 is possible",
        ),
        (
            "provider: kling, model: kling-2.1-pro",
            "kling-2.1-pro can't start from words alone",
        ),
        (
            "provider: kling, model: avatar-2.0, start: a.png",
            "avatar-2.0 can't start from an image",
        ),
        ("model: kling-3.0", "model kling-3.0 is named, and nothing says from which provider"),
    ],
)
def test_a_wish_that_the_model_cannot_grant_is_refused(
    tmp_path: Path, segment: str, expected: str
) -> None:
    text = refused(tmp_path, f"segments: [{{id: s, duration: 5s, prompt: Mist., {segment}}}]")
    assert f"segment s: {expected}" in text
    assert "\n  fix: " in text


def test_the_value_itself_is_pointed_at(tmp_path: Path) -> None:
    text = refused(
        tmp_path,
        "defaults: {provider: kling, model: kling-3.0}\n"
        "segments:\n  - id: s\n    duration: 5s\n    prompt: Mist.\n    seed: 7\n",
    )
    assert text == "7:11: segment s: kling-3.0 takes no seed\n  fix: leave it out"


def test_all_problems_come_at_once_in_order(tmp_path: Path) -> None:
    text = refused(
        tmp_path,
        "defaults: {provider: kling, model: kling-3.0}\n"
        "segments:\n"
        "  - {id: a, duration: 5s, prompt: A., seed: 7, guidance: 1}\n"
        "  - {id: b, duration: 5s, prompt: B., start: tiny.png}\n",
    )
    assert [line.split(": ")[0] for line in text.splitlines() if not line.startswith("  fix")] == [
        "4:45",
        "4:58",
        "5:46",
    ]


def test_a_default_that_a_model_lacks_is_left_out_not_refused(tmp_path: Path) -> None:
    text = """
    defaults: {provider: kling, model: kling-3.0, seed: 7, negative: fog, guidance: 0.5}
    segments: [{id: s, duration: 5s, prompt: Mist.}]
    """
    link = planned(tmp_path, text)[1].link("s.1")
    assert (link.seed, link.negative, link.guidance) == (None, "", None)


@pytest.mark.parametrize(
    ("shots", "expected"),
    [
        ("{duration: 2.5s, prompt: A.}, {duration: 2.5s, prompt: B.}", "a shot of 2.5s; kling-3.0"),
        (
            "{duration: 1s, prompt: A.}, {duration: 1s, prompt: B.}",
            "its shots of 1 + 1 s can't be split into generations of 3 to 15 s with at most 6",
        ),
        (
            f"{{duration: 2s, prompt: {'x' * 600}}}, {{duration: 2s, prompt: B.}}",
            "the prompt of shot 1 has 600 characters",
        ),
    ],
)
def test_shots_that_the_model_cannot_make(tmp_path: Path, shots: str, expected: str) -> None:
    text = (
        f"defaults: {{provider: kling, model: kling-3.0}}\nsegments: [{{id: s, shots: [{shots}]}}]"
    )
    assert expected in refused(tmp_path, text)


def test_multi_shot_is_refused_where_the_model_has_none(tmp_path: Path) -> None:
    text = """
    defaults: {provider: kling, model: kling-2.6}
    segments: [{id: s, shots: [{duration: 5s, prompt: A.}, {duration: 5s, prompt: B.}]}]
    """
    assert "kling-2.6 makes one shot at a time, not 2" in refused(tmp_path, text)


def test_what_a_reseller_lacks_is_refused_there_only(tmp_path: Path) -> None:
    text = "segments: [{id: s, provider: PROVIDER, model: kling-3.0, start: a.png, end: a.png, "
    text += "shots: [{duration: 3s, prompt: A.}, {duration: 3s, prompt: B.}]}]"
    planned(tmp_path, text.replace("PROVIDER", "kling"), FILES)
    what = refused(tmp_path, text.replace("PROVIDER", "kie"))
    assert "kling-3.0 takes no end image together with shots" in what


def test_an_end_image_beyond_the_segments_end_is_refused(tmp_path: Path) -> None:
    text = """
    defaults: {provider: kling, model: kling-2.6, resolution: 1080p, audio: off}
    segments: [{id: s, duration: 7s, start: a.png, keyframe: a.png}]
    """
    what = refused(tmp_path, text)
    assert "kling-2.6 would reach the end image 3.04 s after the segment's end" in what
    assert "fix: make the segment 10s long" in what


def test_the_length_that_is_advised_is_possible(tmp_path: Path) -> None:
    text = """
    defaults: {provider: kling, model: kling-3.0}
    segments:
      - {id: s, duration: DURATION, start: a.png, keyframe: a.png}
      - {id: t, duration: 5s, prompt: T., join: {dissolve: 24f}}
    """
    what = refused(tmp_path, text.replace("DURATION", "5s"))
    assert "fix: make the segment 132f long" in what
    planned(tmp_path, text.replace("DURATION", "132f"), FILES)


def test_a_canvas_shape_that_is_not_made_needs_a_word_on_fit(tmp_path: Path) -> None:
    text = """
    canvas: {size: 2048x858}
    defaults: {provider: kling, model: kling-3.0, resolution: 1080p}
    segments: [{id: s, duration: 5s, prompt: Mist.}]
    """
    assert "kling-3.0 at 1080p makes 16:9, 9:16, 1:1, not the canvas's 2048x858" in refused(
        tmp_path, text
    )
    plan = planned(tmp_path, text.replace("Mist.", "Mist., fit: cover"))[1]
    assert plan.link("s.1").size == (1920, 1080)


def test_a_prompt_that_is_too_long_names_its_link(tmp_path: Path) -> None:
    words = "word " * 700
    text = (
        "defaults: {provider: kling, model: kling-3.0}\n"
        f"segments: [{{id: s, duration: 20s, prompt: M., beats: [{{at: 12s, prompt: {words}}}]}}]"
    )
    assert "the prompt of link s.2 has 3502 characters" in refused(tmp_path, text)


def test_a_recording_that_is_too_short(tmp_path: Path) -> None:
    text = """
    defaults: {provider: kling, model: avatar-2.0}
    segments: [{id: s, avatar: {image: a.png, audio: t.wav}}]
    """
    assert "its recording has 1.5 s, avatar-2.0 needs 2 s" in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("out: 6s", "m.mp4 has 120 frames at 24 fps; frames 0 to 144 are asked"),
        ("in: 2s, duration: 4s", "m.mp4 has 120 frames at 24 fps; frames 48 to 144 are asked"),
        ("in: 6s", "nothing is left of m.mp4 between frame 144 and frame 120"),
    ],
)
def test_a_file_has_only_its_frames(tmp_path: Path, segment: str, expected: str) -> None:
    assert expected in refused(tmp_path, f"segments: [{{id: s, file: m.mp4, {segment}}}]")


def test_a_still_needs_a_duration(tmp_path: Path) -> None:
    text = refused(tmp_path, "segments: [{id: s, file: a.png}]")
    assert "a still picture has no length of its own" in text


def test_transitions_longer_than_the_segment(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, duration: 3s, prompt: A.}
      - {id: b, duration: 1s, prompt: B., join: {dissolve: 40f}}
      - {id: c, duration: 3s, prompt: C., join: {dissolve: 40f}}
    """
    assert "segment b: its transitions take 40 frames, it has 24" in refused(tmp_path, text)


def test_a_video_that_gives_the_length_must_be_long_enough(tmp_path: Path) -> None:
    text = """
    segments:
      - id: s
        duration: 8s
        provider: kling
        model: kling-3.0-motion
        start: a.png
        prompt: Dance.
        references: {video: m.mp4}
    """
    assert "8 s are asked, the reference video gives 5 s" in refused(tmp_path, text)


def test_nothing_follows_from_words_where_a_chain_needs_images(tmp_path: Path) -> None:
    text = """
    segments: [{id: s, duration: 20s, prompt: A., provider: piapi, model: kling-o1}]
    """
    assert "can't go on from an image" in refused(tmp_path, text)
