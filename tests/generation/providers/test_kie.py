"""kie.ai: what is sent for each kind of generation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assembler.generation.providers.kie import Kie
from tests.generation.providers.shops import (
    QUICK,
    Files,
    asked,
    emptied,
    named,
    request_of,
    shots,
    submitted,
)
from tests.servers import kie
from tests.servers.kit import serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kie.Kie]:
    with serving(kie.Kie(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture
def server(running: kie.Kie, monkeypatch: pytest.MonkeyPatch) -> kie.Kie:
    running.recent.clear()
    return emptied(running, monkeypatch, KIE_API_KEY=running.key)


@pytest.fixture
def provider(server: kie.Kie, tmp_path: Path) -> Kie:
    return Kie(tmp_path, limits=QUICK)


TEXT = "Slow push-in over the sea."
TWO = shots((3, "Wide shot."), (2, "Close on her face."))
_JOINED = [
    {"prompt": f"{TEXT} Wide shot.", "duration": 3},
    {"prompt": f"{TEXT} Close on her face.", "duration": 2},
]
_PLAIN = {"customize_multi_shots": False, "prefer_multi_shots": False}
Case = tuple[str, str, dict[str, Any], str, str, dict[str, Any]]
# model, kind, what else the link says, its files, model there, input (files by their names)
CASES: list[Case] = [
    ("kling-3.0", "text", {"audio": True, "resolution": "4k"}, "", "kling-3.0/video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9", "mode": "4K", "sound": True,
      "multi_shots": False}),
    ("kling-3.0", "image", {}, "start end", "kling-3.0/video",
     {"prompt": TEXT, "image_urls": ["start", "end"], "duration": "5", "mode": "pro",
      "sound": False, "multi_shots": False}),
    ("kling-3.0", "image", {"resolution": "720p", "shots": TWO}, "start", "kling-3.0/video",
     {"image_urls": ["start"], "duration": "5", "mode": "std", "sound": False,
      "multi_shots": True, "multi_prompt": _JOINED}),
    ("kling-3.0-omni", "text", {"audio": True}, "", "kling-3.0-omni/text-to-video",
     {"prompt": TEXT, "duration": 5, "resolution": "1080p", "audio": True,
      "aspect_ratio": "16:9", **_PLAIN}),
    ("kling-3.0-omni", "text", {"shots": TWO}, "", "kling-3.0-omni/text-to-video",
     {"prompt": TEXT, "duration": 5, "resolution": "1080p", "audio": False,
      "aspect_ratio": "16:9", "customize_multi_shots": True, "prefer_multi_shots": False,
      "multi_prompt": _JOINED}),
    ("kling-3.0-omni", "image", {"resolution": "4k"}, "start end",
     "kling-3.0-omni/image-to-video",
     {"prompt": TEXT, "image_urls": ["start", "end"], "duration": 5, "resolution": "4k",
      "audio": False, "aspect_ratio": "auto", **_PLAIN}),
    ("kling-3.0-omni", "reference", {}, "reference", "kling-3.0-omni/reference-to-video",
     {"prompt": TEXT, "image_urls": ["reference", "end"], "duration": 5, "resolution": "1080p",
      "audio": False, "aspect_ratio": "16:9", **_PLAIN}),
    ("kling-3.0-omni", "edit", {"resolution": "720p"}, "video reference",
     "kling-3.0-omni/transformation",
     {"prompt": TEXT, "video_urls": ["video"], "image_urls": ["reference", "end"],
      "resolution": "720p", "aspect_ratio": "auto"}),
    ("kling-3.0-turbo", "text", {}, "", "kling/v3-turbo-text-to-video",
     {"prompt": TEXT, "duration": "5", "resolution": "1080p", "aspect_ratio": "16:9"}),
    ("kling-3.0-turbo", "image", {"resolution": "720p"}, "start", "kling/v3-turbo-image-to-video",
     {"prompt": TEXT, "image_urls": ["start"], "duration": "5", "resolution": "720p"}),
    ("kling-3.0-motion", "motion", {}, "start video", "kling-3.0/motion-control",
     {"prompt": TEXT, "input_urls": ["start"], "video_urls": ["video"],
      "character_orientation": "video", "mode": "1080p"}),
    ("kling-2.6-motion", "motion",
     {"resolution": "720p", "options": {"character_orientation": "image"}}, "start video",
     "kling-2.6/motion-control",
     {"prompt": TEXT, "input_urls": ["start"], "video_urls": ["video"],
      "character_orientation": "image", "mode": "720p"}),
    ("kling-2.6", "text", {"audio": True}, "", "kling-2.6/text-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9", "sound": True}),
    ("kling-2.6", "image", {"length_s": 10}, "start", "kling-2.6/image-to-video",
     {"prompt": TEXT, "image_urls": ["start"], "duration": "10", "sound": False}),
    ("kling-2.5-turbo", "text", {"negative": "fog", "guidance": 0.4}, "",
     "kling/v2-5-turbo-text-to-video-pro",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9", "negative_prompt": "fog",
      "cfg_scale": 0.4}),
    ("kling-2.5-turbo", "image", {}, "start end", "kling/v2-5-turbo-image-to-video-pro",
     {"prompt": TEXT, "duration": "5", "image_url": "start", "tail_image_url": "end"}),
    ("kling-2.1-pro", "image", {}, "start end", "kling/v2-1-pro",
     {"prompt": TEXT, "duration": "5", "image_url": "start", "tail_image_url": "end"}),
    ("kling-2.1-standard", "image", {"resolution": "720p"}, "start", "kling/v2-1-standard",
     {"prompt": TEXT, "duration": "5", "image_url": "start"}),
    ("kling-2.1-master", "text", {}, "", "kling/v2-1-master-text-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9"}),
    ("kling-2.1-master", "image", {}, "start", "kling/v2-1-master-image-to-video",
     {"prompt": TEXT, "duration": "5", "image_url": "start"}),
    ("avatar-2.0", "avatar", {"resolution": "720p"}, "start speech", "kling/ai-avatar-standard",
     {"prompt": TEXT, "image_url": "start", "audio_url": "speech"}),
    ("avatar-2.0-pro", "avatar", {}, "start speech", "kling/ai-avatar-pro",
     {"prompt": TEXT, "image_url": "start", "audio_url": "speech"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[3]}")
def test_each_kind_is_sent_as_its_model_wants_it(
    server: kie.Kie, provider: Kie, files: Files, case: Case
) -> None:
    """The server takes it, too: it knows every field and limit by itself."""
    model, kind, changes, parts, theirs, body = case
    job = submitted(
        provider, request_of(asked("kie", model, kind, **changes), files, *parts.split())
    )
    (made,) = server.jobs.values()
    assert (job, theirs) == (made.id, made.body["model"])
    assert body == named(made.body["input"], server.files.get, files)


def test_an_upload_never_overwrites_another(server: kie.Kie, provider: Kie, files: Files) -> None:
    """kie.ai replaces what has the same name."""
    for n in range(2):
        wanted = asked("kie", "kling-3.0", "image", f"dawn.{n + 1}")
        submitted(provider, request_of(wanted, files, "start"))
    first, second = (job.body["input"]["image_urls"][0] for job in server.jobs.values())
    assert first != second


def test_elements_are_given_by_options(server: kie.Kie, provider: Kie, files: Files) -> None:
    urls = ["https://example.org/a.png", "https://example.org/b.png"]
    hero = [{"name": "hero", "description": "her", "element_input_urls": urls}]
    wanted = asked("kie", "kling-3.0", "image", options={"kling_elements": hero})
    submitted(provider, request_of(wanted, files, "start"))
    (made,) = server.jobs.values()
    assert hero == made.body["input"]["kling_elements"]
