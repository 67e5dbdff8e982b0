"""PiAPI: what is sent for each kind of generation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assembler.generation.base import Done, Failed, NotSubmittedError, Queued, Request
from assembler.generation.providers.piapi import Piapi
from tests.generation.providers.shops import (
    QUICK,
    Files,
    asked,
    emptied,
    named,
    request_of,
    run,
    shots,
    submitted,
)
from tests.servers import piapi
from tests.servers.kit import serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[piapi.Piapi]:
    with serving(piapi.Piapi(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture
def server(running: piapi.Piapi, monkeypatch: pytest.MonkeyPatch) -> piapi.Piapi:
    return emptied(running, monkeypatch, PIAPI_KEY=running.key)


@pytest.fixture
def provider(server: piapi.Piapi, tmp_path: Path) -> Piapi:
    return Piapi(tmp_path, limits=QUICK)


TEXT = "Slow push-in over the sea."
TWO = shots((3, "Wide shot."), (2, "Close on her face."))
_JOINED = [
    {"prompt": f"{TEXT} Wide shot.", "duration": 3},
    {"prompt": f"{TEXT} Close on her face.", "duration": 2},
]
Case = tuple[str, str, dict[str, Any], str, str, dict[str, Any]]
# model, kind, what else the link says, its files, task, input (files by their names)
CASES: list[Case] = [
    ("kling-3.0", "text", {"audio": True}, "", "video_generation",
     {"version": "3.0", "prompt": TEXT, "duration": 5, "aspect_ratio": "16:9", "mode": "pro",
      "enable_audio": True, "prefer_multi_shots": False}),
    ("kling-3.0", "image", {"resolution": "720p", "size": (306, 544)}, "start end",
     "video_generation",
     {"version": "3.0", "prompt": TEXT, "duration": 5, "mode": "std", "enable_audio": False,
      "prefer_multi_shots": False, "image_url": "start", "image_tail_url": "end"}),
    ("kling-3.0", "image", {"shots": TWO}, "start", "video_generation",
     {"version": "3.0", "mode": "pro", "enable_audio": False, "image_url": "start",
      "multi_shots": _JOINED}),
    ("kling-3.0-omni", "text", {"audio": True, "shots": TWO}, "", "omni_video_generation",
     {"version": "3.0", "resolution": "1080p", "aspect_ratio": "16:9", "enable_audio": True,
      "multi_shots": _JOINED}),
    ("kling-3.0-omni", "reference", {}, "reference", "omni_video_generation",
     {"version": "3.0", "prompt": TEXT, "resolution": "1080p", "duration": 5,
      "aspect_ratio": "16:9", "enable_audio": False, "images": ["reference", "end"]}),
    ("kling-3.0-omni", "edit", {"resolution": "720p"}, "video reference", "omni_video_generation",
     {"version": "3.0", "prompt": TEXT, "resolution": "720p", "duration": 5,
      "aspect_ratio": "16:9", "enable_audio": False, "images": ["reference", "end"],
      "video": "video"}),
    ("kling-o1", "text", {}, "", "omni_video_generation",
     {"version": "o1", "prompt": TEXT, "resolution": "1080p", "duration": 5,
      "aspect_ratio": "16:9"}),
    ("kling-o1", "edit", {}, "video", "omni_video_generation",
     {"version": "o1", "prompt": TEXT, "resolution": "1080p", "duration": 5,
      "aspect_ratio": "16:9", "video": "video"}),
    ("kling-2.6", "text", {"audio": True, "negative": "fog", "guidance": 0.3}, "",
     "video_generation",
     {"version": "2.6", "prompt": TEXT, "negative_prompt": "fog", "cfg_scale": 0.3, "duration": 5,
      "aspect_ratio": "16:9", "mode": "pro", "enable_audio": True}),
    ("kling-2.6-motion", "motion", {"audio": True}, "start video", "motion_control",
     {"version": "2.6", "prompt": TEXT, "image_url": "start", "video_url": "video",
      "motion_direction": "video", "keep_original_sound": True, "mode": "pro"}),
    ("kling-2.5-turbo", "image", {"length_s": 10}, "start end", "video_generation",
     {"version": "2.5", "prompt": TEXT, "duration": 10, "mode": "pro", "image_url": "start",
      "image_tail_url": "end"}),
    ("kling-2.1-standard", "image", {"resolution": "720p"}, "start", "video_generation",
     {"version": "2.1", "prompt": TEXT, "duration": 5, "mode": "std", "image_url": "start"}),
    ("kling-2.1-pro", "image", {}, "start end", "video_generation",
     {"version": "2.1", "prompt": TEXT, "duration": 5, "mode": "pro", "image_url": "start",
      "image_tail_url": "end"}),
    ("kling-2.1-master", "image", {}, "start", "video_generation",
     {"version": "2.1-master", "prompt": TEXT, "duration": 5, "image_url": "start"}),
    ("kling-2.0", "text", {"resolution": "720p"}, "", "video_generation",
     {"version": "2.0", "prompt": TEXT, "duration": 5, "aspect_ratio": "16:9"}),
    ("kling-1.6", "reference", {"resolution": "720p"}, "reference", "video_generation",
     {"version": "1.6", "prompt": TEXT, "duration": 5, "aspect_ratio": "16:9", "mode": "std",
      "elements": [{"image_url": "reference"}, {"image_url": "end"}]}),
    ("avatar-2.0", "avatar", {"resolution": "720p"}, "start speech", "avatar",
     {"batch_size": 1, "prompt": TEXT, "image_url": "start", "local_dubbing_url": "speech",
      "mode": "std"}),
    ("avatar-2.0-pro", "avatar", {"prompt": ""}, "start speech", "avatar",
     {"batch_size": 1, "image_url": "start", "local_dubbing_url": "speech", "mode": "pro"}),
    ("lip-sync", "lip-sync", {}, "video speech", "lip_sync",
     {"tts_text": "", "tts_timbre": "", "tts_speed": 1, "video_url": "video",
      "local_dubbing_url": "speech"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[3]}")
def test_each_kind_is_sent_as_its_task_wants_it(
    server: piapi.Piapi, provider: Piapi, files: Files, case: Case
) -> None:
    """The server takes it, too: it knows every field and limit by itself."""
    model, kind, changes, parts, task, body = case
    wanted = asked("piapi", model, kind, **changes)
    job = submitted(provider, request_of(wanted, files, *parts.split()))
    (made,) = server.jobs.values()
    assert (job, "kling", task) == (made.id, made.body["model"], made.body["task_type"])
    assert body == named(made.body["input"], server.files.get, files)


def test_what_its_store_does_not_take_is_refused(
    server: piapi.Piapi, provider: Piapi, files: Files, tmp_path: Path
) -> None:
    movie = tmp_path / "motion.mov"
    movie.write_bytes(files.video.read_bytes())
    wanted = asked("piapi", "kling-2.6-motion", "motion")
    request = Request(wanted, "asm-1", files.start, None, None, {"video": (movie,)})
    with pytest.raises(NotSubmittedError, match=r"its store takes no \.mov files"):
        submitted(provider, request)
    assert server.jobs == {}


def test_staged_tasks_wait_and_a_cancelled_one_has_failed(
    server: piapi.Piapi, provider: Piapi, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "run_s", 60.0)
    monkeypatch.setattr(server, "jobs_at_once", 0)
    job = submitted(provider, request_of(asked("piapi", "kling-3.0", "text"), files))
    assert Queued() == run(provider, provider.poll(job))
    run(provider, provider.cancel(job))
    ended = run(provider, provider.poll(job))
    assert isinstance(ended, Failed)
    assert "cancelled" in ended.reason


def test_the_clip_without_a_watermark_is_taken(
    server: piapi.Piapi, provider: Piapi, files: Files
) -> None:
    """Older versions give both."""
    job = submitted(provider, request_of(asked("piapi", "kling-2.6", "text"), files))
    done = run(provider, provider.poll(job))
    assert isinstance(done, Done)
    assert done.url.startswith(f"{server.url}/results/")
