"""What Higgsfield, Replicate, Media.io and LetzAI can't do is refused when planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembler.errors import PlanError
from tests.planning.facts import image, info, planned, video

FILES = {"a.png": image(), "b.png": image(), "m.mp4": info("m.mp4", video(120))}
_TWO = "shots: [{duration: 2s, prompt: A.}, {duration: 3s, prompt: B.}]"


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (f"provider: higgsfield, model: kling-3.0, {_TWO}", "kling-3.0 makes one shot at a time"),
        (
            "provider: higgsfield, model: kling-3.0, start: a.png, references: {elements: [hero]}",
            "kling-3.0 takes no elements, not 1",
        ),
        ("provider: higgsfield, model: kling-o1", "kling-o1 can't start from words alone"),
        ("provider: higgsfield, model: kling-3.0-omni", "can't start from words alone"),
        (
            "provider: higgsfield, model: kling-3.0-omni, start: a.png, audio: native",
            "kling-3.0-omni makes no sound",
        ),
        (
            "provider: higgsfield, model: kling-2.6, start: a.png, resolution: 720p",
            "kling-2.6 doesn't make 720p",
        ),
        ("provider: higgsfield, model: kling-2.5-turbo, start: a.png, end: b.png", "no end image"),
        (
            "provider: higgsfield, model: kling-3.0-motion, start: a.png, "
            "references: {video: m.mp4}",
            "higgsfield sells kling-3.0-motion, but doesn't publish all of what its API takes",
        ),
        ("provider: replicate, model: kling-1.6", "kling-1.6 can't start from words alone"),
        (
            "provider: replicate, model: kling-1.6, start: a.png, negative: fog",
            "kling-1.6 takes no negative prompt",
        ),
        (
            "provider: replicate, model: kling-2.5-turbo, start: a.png, end: b.png",
            "kling-2.5-turbo takes no end image",
        ),
        (
            "provider: replicate, model: kling-2.1-standard, start: a.png, end: b.png",
            "takes no end image",
        ),
        ("provider: replicate, model: kling-3.0, resolution: 4k", "kling-3.0 doesn't make 4k"),
        ("provider: mediaio, model: kling-3.0", "kling-3.0 can't start from words alone"),
        (
            "provider: mediaio, model: kling-2.5-turbo, start: a.png",
            "mediaio sells kling-2.5-turbo, but doesn't publish all of what its API takes",
        ),
        ("provider: letzai, model: kling-2.6", "kling-2.6 can't start from words alone"),
        (
            "provider: letzai, model: kling-2.6, start: a.png, "
            "options: {image_url: 'https://example.org/a.png'}, audio: native",
            "kling-2.6 makes no sound",
        ),
        ("provider: letzai, model: kling-3.0", "provider letzai doesn't offer kling-3.0"),
    ],
)
def test_what_a_provider_cannot_do_is_refused_when_planned(
    tmp_path: Path, segment: str, expected: str
) -> None:
    length = "" if "shots" in segment else "duration: 5s, "
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, f"segments: [{{id: s, {length}prompt: Mist., {segment}}}]", FILES)
    assert expected in str(caught.value)
    assert "\n  fix: " in str(caught.value)
