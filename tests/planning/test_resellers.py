"""What a reseller can't do is refused when a timeline is planned, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembler.errors import PlanError
from tests.planning.facts import audio, image, info, planned, video

FILES = {
    "a.png": image(),
    "b.png": image(),
    "tiny.png": image((200, 200)),
    "m.mp4": info("m.mp4", video(120)),
    "m.webm": info("m.webm", video(120)),
    "long.mp4": info("long.mp4", video(960)),
    "slow.mov": info("slow.mov", video(60, 12)),
    "t.wav": info("t.wav", sound=audio(5)),
}


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("provider: fal, model: kling-4.0", "fal sells kling-4.0, but doesn't publish all"),
        ("provider: piapi, model: kling-4.0-flash", "piapi sells kling-4.0-flash, but doesn't"),
        ("provider: piapi, model: kling-3.0-turbo", "piapi sells kling-3.0-turbo, but doesn't"),
        (
            "provider: fal, model: kling-2.5-turbo, resolution: 720p",
            "kling-2.5-turbo starts from words alone at 1080p, not at 720p",
        ),
        (
            "provider: scenario, model: kling-3.0-omni, resolution: 4k, references: {video: m.mp4}",
            "kling-3.0-omni changes a video at 720p or 1080p, not at 4k",
        ),
        (
            "provider: fal, model: kling-3.0, start: a.png, references: {elements: [hero]}",
            "kling-3.0 takes no elements, not 1",
        ),
        ("provider: piapi, model: kling-3.0, resolution: 4k", "kling-3.0 doesn't make 4k"),
        (
            "provider: piapi, model: kling-3.0-omni, start: a.png",
            "kling-3.0-omni can't start from an image",
        ),
        ("provider: piapi, model: kling-3.0, negative: fog", "kling-3.0 takes no negative prompt"),
        ("provider: scenario, model: kling-o1", "kling-o1 can't start from words alone"),
        (
            "provider: fal, model: kling-o1, start: a.png, references: {images: [b.png]}",
            "kling-o1 takes no start or end image together with references",
        ),
        (
            "provider: fal, model: kling-3.0-omni, start: a.png, references: {video: m.mp4}",
            "kling-3.0-omni takes no start or end image together with a video to change",
        ),
        (
            "provider: fal, model: kling-3.0-omni, references: {images: [tiny.png]}",
            "tiny.png is 200x200; the shorter side must have 300 px",
        ),
        (
            "provider: fal, model: kling-2.6-motion, start: a.png, references: {video: long.mp4}",
            "long.mp4 has 40 s; 30 s are possible",
        ),
        (
            "provider: fal, model: kling-2.6-motion, references: {video: m.mp4}",
            "kling-2.6-motion moves the figure of a start image, and there is none",
        ),
        (
            "provider: fal, model: kling-o1, references: {video: slow.mov}",
            "slow.mov has 12 frames a second; 24 to 60 are possible",
        ),
        (
            "provider: fal, model: kling-o1, references: {video: m.webm}",
            "m.webm is a webm file; mp4 or mov is possible",
        ),
        ("provider: scenario, model: avatar-2.0", "provider scenario doesn't offer avatar-2.0"),
        (
            "provider: kie, model: kling-2.6, start: a.png, end: b.png",
            "kling-2.6 takes no end image",
        ),
        (
            "provider: pollo, model: kling-3.0, start: a.png",
            "pollo takes images by public address only",
        ),
        ("provider: pollo, model: kling-2.1-pro", "kling-2.1-pro can't start from words alone"),
        ("provider: pollo, model: kling-3.0-omni, end: a.png", "takes no end image"),
    ],
)
def test_what_a_reseller_cannot_do_is_refused_when_planned(
    tmp_path: Path, segment: str, expected: str
) -> None:
    text = f"segments: [{{id: s, duration: 5s, prompt: Mist., {segment}}}]"
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text, FILES)
    assert expected in str(caught.value)
    assert "\n  fix: " in str(caught.value)


def test_a_shot_longer_than_the_reseller_makes_is_refused(tmp_path: Path) -> None:
    text = """
    defaults: {provider: kie, model: kling-3.0}
    segments: [{id: s, shots: [{duration: 13s, prompt: A.}, {duration: 2s, prompt: B.}]}]
    """
    with pytest.raises(PlanError, match=r"a shot of 13s; kling-3\.0 makes shots of 12 s at most"):
        planned(tmp_path, text, FILES)


def test_an_image_with_a_public_address_can_be_given_to_pollo(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: s, duration: 5s, prompt: Mist., provider: pollo, model: kling-3.0, start: a.png,
         options: {image_url: "https://example.org/a.png"}}
    """
    assert planned(tmp_path, text, FILES)[1].link("s.1").kind == "image"


def test_a_chain_at_pollo_is_refused(tmp_path: Path) -> None:
    """Its second link would have to start from a frame on this machine."""
    text = """
    segments: [{id: s, duration: 40s, prompt: Mist., provider: pollo, model: kling-3.0}]
    """
    with pytest.raises(PlanError, match="can't go on from a frame on this machine"):
        planned(tmp_path, text, FILES)


def test_references_cannot_go_on_in_a_chain_where_they_take_no_frames(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: s, duration: 20s, prompt: Mist., provider: fal, model: kling-o1,
         references: {images: [a.png]}}
    """
    with pytest.raises(PlanError, match="makes 10 s at most and can't go on from an image"):
        planned(tmp_path, text, FILES)
