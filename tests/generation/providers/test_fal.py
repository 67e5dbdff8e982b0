"""fal.ai: what is sent for each kind of generation, and that fal's own client is content."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assembler.generation.base import Failed, NotSubmittedError, Queued, Running
from assembler.generation.providers.fal import Fal
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
from tests.servers import fal
from tests.servers.kit import serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fal.Fal]:
    with serving(fal.Fal(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture
def server(running: fal.Fal, monkeypatch: pytest.MonkeyPatch) -> fal.Fal:
    return emptied(running, monkeypatch, FAL_KEY=running.key)


@pytest.fixture
def provider(server: fal.Fal, tmp_path: Path) -> Fal:
    return Fal(tmp_path, limits=QUICK)


TEXT = "Slow push-in over the sea."
TWO = shots((3, "Wide shot."), (2, "Close on her face."))
_JOINED = [
    {"prompt": f"{TEXT} Wide shot.", "duration": "3"},
    {"prompt": f"{TEXT} Close on her face.", "duration": "2"},
]
Case = tuple[str, str, dict[str, Any], str, str, dict[str, Any]]
# model, kind, what else the link says, its files, endpoint, body (files by their names)
CASES: list[Case] = [
    ("kling-3.0", "text", {"audio": True, "negative": "fog", "guidance": 0.4}, "",
     "v3/pro/text-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9", "generate_audio": True,
      "negative_prompt": "fog", "cfg_scale": 0.4}),
    ("kling-3.0", "image", {"resolution": "4k", "camera": "Pan left."}, "start end",
     "v3/4k/image-to-video",
     {"prompt": f"{TEXT} Pan left.", "duration": "5", "generate_audio": False,
      "start_image_url": "start", "end_image_url": "end"}),
    ("kling-3.0", "image", {"resolution": "720p", "shots": TWO}, "start",
     "v3/standard/image-to-video",
     {"multi_prompt": _JOINED, "shot_type": "customize", "duration": "5", "generate_audio": False,
      "start_image_url": "start"}),
    ("kling-3.0", "text", {"shots": TWO, "size": (306, 544)}, "", "v3/pro/text-to-video",
     {"multi_prompt": _JOINED, "shot_type": "customize", "duration": "5", "aspect_ratio": "9:16",
      "generate_audio": False}),
    ("kling-3.0-motion", "motion", {"audio": True}, "start video", "v3/pro/motion-control",
     {"prompt": TEXT, "image_url": "start", "video_url": "video", "character_orientation": "video",
      "keep_original_sound": True}),
    ("kling-3.0-turbo", "text", {"resolution": "720p"}, "", "v3/turbo/standard/text-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9"}),
    ("kling-3.0-turbo", "image", {"shots": TWO}, "start", "v3/turbo/pro/image-to-video",
     {"multi_prompt": _JOINED, "duration": "5", "image_url": "start"}),
    ("kling-3.0-omni", "text", {"audio": True}, "", "o3/pro/text-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9", "generate_audio": True}),
    ("kling-3.0-omni", "image", {}, "start end", "o3/pro/image-to-video",
     {"prompt": TEXT, "duration": "5", "generate_audio": False, "image_url": "start",
      "end_image_url": "end"}),
    ("kling-3.0-omni", "reference", {}, "start reference", "o3/pro/reference-to-video",
     {"prompt": TEXT, "duration": "5", "generate_audio": False, "start_image_url": "start",
      "image_urls": ["reference", "end"]}),
    ("kling-3.0-omni", "edit", {"resolution": "720p"}, "video reference",
     "o3/standard/video-to-video/edit",
     {"prompt": TEXT, "video_url": "video", "image_urls": ["reference", "end"],
      "keep_audio": False}),
    ("kling-3.0-omni", "edit", {"options": {"video": "feature"}}, "video",
     "o3/pro/video-to-video/reference",
     {"prompt": TEXT, "video_url": "video", "keep_audio": False, "duration": "5",
      "aspect_ratio": "16:9"}),
    ("kling-o1", "image", {}, "start end", "o1/image-to-video",
     {"prompt": TEXT, "duration": "5", "start_image_url": "start", "end_image_url": "end"}),
    ("kling-o1", "reference", {"resolution": "720p"}, "reference", "o1/standard/reference-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9", "image_urls": ["reference", "end"]}),
    ("kling-o1", "edit", {"audio": True}, "video", "o1/video-to-video/edit",
     {"prompt": TEXT, "video_url": "video", "keep_audio": True}),
    ("kling-2.6", "text", {"audio": True}, "", "v2.6/pro/text-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9", "generate_audio": True}),
    ("kling-2.6", "image", {"audio": True, "voices": ("v1", "v2"), "negative": "fog"}, "start",
     "v2.6/pro/image-to-video",
     {"prompt": TEXT, "duration": "5", "generate_audio": True, "start_image_url": "start",
      "voice_ids": ["v1", "v2"], "negative_prompt": "fog"}),
    ("kling-2.6-motion", "motion",
     {"resolution": "720p", "options": {"character_orientation": "image"}}, "start video",
     "v2.6/standard/motion-control",
     {"prompt": TEXT, "image_url": "start", "video_url": "video", "character_orientation": "image",
      "keep_original_sound": False}),
    ("kling-2.5-turbo", "text", {"length_s": 10}, "", "v2.5-turbo/pro/text-to-video",
     {"prompt": TEXT, "duration": "10", "aspect_ratio": "16:9"}),
    ("kling-2.5-turbo", "image", {"guidance": 0.5}, "start end", "v2.5-turbo/pro/image-to-video",
     {"prompt": TEXT, "duration": "5", "cfg_scale": 0.5, "image_url": "start",
      "tail_image_url": "end"}),
    ("kling-2.5-turbo", "image", {"resolution": "720p"}, "start",
     "v2.5-turbo/standard/image-to-video",
     {"prompt": TEXT, "duration": "5", "image_url": "start"}),
    ("kling-2.1-pro", "image", {}, "start end", "v2.1/pro/image-to-video",
     {"prompt": TEXT, "duration": "5", "image_url": "start", "tail_image_url": "end"}),
    ("kling-2.1-standard", "image", {"resolution": "720p"}, "start", "v2.1/standard/image-to-video",
     {"prompt": TEXT, "duration": "5", "image_url": "start"}),
    ("kling-2.1-master", "text", {}, "", "v2.1/master/text-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9"}),
    ("kling-2.0", "image", {"resolution": "720p"}, "start", "v2/master/image-to-video",
     {"prompt": TEXT, "duration": "5", "image_url": "start"}),
    ("kling-1.6", "text", {"resolution": "720p"}, "", "v1.6/standard/text-to-video",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9"}),
    ("kling-1.6", "image", {}, "start end", "v1.6/pro/image-to-video",
     {"prompt": TEXT, "duration": "5", "image_url": "start", "tail_image_url": "end"}),
    ("kling-1.6", "reference", {}, "reference", "v1.6/pro/elements",
     {"prompt": TEXT, "duration": "5", "aspect_ratio": "16:9",
      "input_image_urls": ["reference", "end"]}),
    ("avatar-2.0", "avatar", {"resolution": "720p"}, "start speech", "ai-avatar/v2/standard",
     {"prompt": TEXT, "image_url": "start", "audio_url": "speech"}),
    ("avatar-2.0-pro", "avatar", {"prompt": ""}, "start speech", "ai-avatar/v2/pro",
     {"image_url": "start", "audio_url": "speech"}),
    ("lip-sync", "lip-sync", {}, "video speech", "lipsync/audio-to-video",
     {"video_url": "video", "audio_url": "speech"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[4]}")
def test_each_kind_is_sent_as_its_endpoint_wants_it(
    server: fal.Fal, provider: Fal, files: Files, case: Case
) -> None:
    """The server takes it, too: it knows every field and limit by itself."""
    model, kind, changes, parts, endpoint, body = case
    wanted = request_of(asked("fal", model, kind, **changes), files, *parts.split())
    job = submitted(provider, wanted)
    (made,) = server.jobs.values()
    assert (f"fal-ai/kling-video/{endpoint}", job) == (
        made.facts["model"], made.id,
    )  # fmt: skip
    assert body == named(made.body, server.files.get, files)
    assert made.fails == ""


def test_elements_are_given_by_options(server: fal.Fal, provider: Fal, files: Files) -> None:
    hero = [{"frontal_image_url": "https://example.org/a.png"}]
    wanted = asked("fal", "kling-3.0", "image", options={"elements": hero})
    submitted(provider, request_of(wanted, files, "start"))
    (made,) = server.jobs.values()
    assert (hero, "") == (made.body["elements"], made.fails)


def test_a_request_waits_runs_and_can_be_cancelled(
    server: fal.Fal, provider: Fal, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "run_s", 60.0)
    job = submitted(provider, request_of(asked("fal", "kling-3.0", "text"), files))
    (made,) = server.jobs.values()
    assert Queued() == run(provider, provider.poll(job))
    made.made_s -= 30
    made.done_s -= 30
    assert Running() == run(provider, provider.poll(job))
    run(provider, provider.cancel(job))
    assert isinstance(run(provider, provider.poll(job)), Failed)


def test_a_request_that_fals_runners_have_lost_has_failed_by_their_fault(
    server: fal.Fal, provider: Fal, files: Files
) -> None:
    job = submitted(provider, request_of(asked("fal", "kling-3.0", "text"), files))
    (made,) = server.jobs.values()
    lost = {"loc": ["body"], "msg": "Runner disconnected", "type": "runner_disconnected"}
    made.fails = json.dumps({"detail": [lost]})
    ended = run(provider, provider.poll(job))
    assert isinstance(ended, Failed)
    assert ("server", "Runner disconnected" in ended.reason) == (ended.trouble, True)


def test_shots_with_too_many_words_are_refused(
    server: fal.Fal, provider: Fal, files: Files
) -> None:
    wanted = asked("fal", "kling-3.0", "text", prompt="Fog. " * 101, shots=TWO)
    with pytest.raises(NotSubmittedError, match="for all shots; 512 can be sent"):
        submitted(provider, request_of(wanted, files))
    assert server.calls == []


def test_an_option_that_the_endpoint_has_no_field_for_is_refused(
    server: fal.Fal, provider: Fal, files: Files
) -> None:
    wanted = asked("fal", "kling-3.0", "image", options={"sede": 7})
    with pytest.raises(NotSubmittedError, match="v3/pro/image-to-video has no field 'sede'"):
        submitted(provider, request_of(wanted, files, "start"))
    assert server.calls == []


def test_a_start_frame_where_the_endpoint_takes_none_is_refused_before_anything_is_sent(
    server: fal.Fal, provider: Fal, files: Files
) -> None:
    wanted = asked("fal", "kling-o1", "reference")
    with pytest.raises(NotSubmittedError, match="o1/reference-to-video takes no start image"):
        submitted(provider, request_of(wanted, files, "start", "reference"))
    assert server.calls == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves sockets
def test_a_request_id_is_no_path(tmp_path: Path, server: fal.Fal) -> None:
    """It is a server's word, and a note is named by it."""
    provider = Fal(tmp_path / "jobs/fal", limits=QUICK)
    provider._remember("../../evil", "v3/pro/text-to-video")
    provider._remember("a/b?c", "v3/pro/text-to-video")
    assert [path for path in tmp_path.iterdir() if path.suffix] == []
    assert len(list((tmp_path / "jobs/fal").iterdir())) == 2


# Theirs leaves a connection of its uploads to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_fals_own_client_is_content_with_the_server(
    server: fal.Fal, monkeypatch: pytest.MonkeyPatch, files: Files, tmp_path: Path
) -> None:
    import fal_client
    from fal_client import client

    monkeypatch.setattr(client, "QUEUE_URL_FORMAT", f"{server.url}/")
    monkeypatch.setattr(client, "REST_URL", server.url)
    monkeypatch.setattr(client, "CDN_URL", server.url)
    monkeypatch.setattr(server, "run_s", 60.0)
    theirs = fal_client.SyncClient(key=server.key)
    image = theirs.upload_file(files.start)
    handle = theirs.submit(
        "fal-ai/kling-video/v3/pro/image-to-video",
        arguments={"prompt": TEXT, "start_image_url": image, "duration": "3"},
    )
    (job,) = server.jobs.values()
    seen = []
    for gone_s in (0.0, 30.0, 30.0):
        job.made_s -= gone_s
        job.done_s -= gone_s
        seen.append(type(handle.status(with_logs=True)))
    assert seen == [fal_client.Queued, fal_client.InProgress, fal_client.Completed]
    assert handle.get()["video"]["url"].startswith(f"{server.url}/results/")
    server.run_s = 0.0
    refused = theirs.submit("fal-ai/kling-video/v3/pro/image-to-video", arguments={"prompt": TEXT})
    with pytest.raises(fal_client.FalClientError, match="Field required"):
        refused.get()
    theirs._client.close()
    del theirs, handle, refused
    gc.collect()
