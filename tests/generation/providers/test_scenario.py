"""Scenario: what is sent for each kind of generation, and that its own client is content."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assembler.generation.providers import scenario as adapter
from assembler.generation.providers.scenario import Scenario
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
from tests.servers import scenario
from tests.servers.kit import serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[scenario.Scenario]:
    with serving(scenario.Scenario(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture
def server(running: scenario.Scenario, monkeypatch: pytest.MonkeyPatch) -> scenario.Scenario:
    monkeypatch.setattr(adapter, "_IMPORT_S", 0.01)
    return emptied(
        running, monkeypatch, SCENARIO_API_KEY=running.key, SCENARIO_API_SECRET=running.secret
    )


@pytest.fixture
def provider(server: scenario.Scenario, tmp_path: Path) -> Scenario:
    return Scenario(tmp_path, limits=QUICK)


TEXT = "Slow push-in over the sea."
TWO = shots((3, "Wide shot."), (2, "Close on her face."))
_JOINED = [
    {"prompt": f"{TEXT} Wide shot.", "duration": "3"},
    {"prompt": f"{TEXT} Close on her face.", "duration": "2"},
]
_LISTED = json.dumps([{**shot, "duration": int(shot["duration"])} for shot in _JOINED])
Case = tuple[str, str, dict[str, Any], str, str, dict[str, Any]]
# model, kind, what else the link says, its files, model there, inputs (files by their names)
CASES: list[Case] = [
    ("kling-3.0", "text", {"audio": True, "negative": "fog", "guidance": 0.4}, "", "v3-t2v-pro",
     {"prompt": TEXT, "duration": "5", "generateAudio": True, "cfgScale": 0.4,
      "negativePrompt": "fog", "aspectRatio": "16:9"}),
    ("kling-3.0", "text", {"resolution": "720p", "shots": TWO}, "", "v3-t2v-standard",
     {"multiPrompt": _JOINED, "shotType": "customize", "duration": "5", "generateAudio": False,
      "aspectRatio": "16:9"}),
    ("kling-3.0", "image", {"resolution": "720p"}, "start end", "v3-i2v-standard",
     {"prompt": TEXT, "duration": "5", "generateAudio": False, "startImage": "start",
      "endImage": "end"}),
    ("kling-3.0", "image", {"shots": TWO}, "start", "v3-i2v-pro",
     {"multiPrompt": _JOINED, "duration": "5", "generateAudio": False, "startImage": "start"}),
    ("kling-3.0", "image", {"resolution": "4k", "shots": TWO}, "start", "v3-i2v-4k",
     {"multiPrompt": _JOINED, "shotType": "customize", "duration": "5", "generateAudio": False,
      "startImage": "start"}),
    ("kling-3.0-omni", "text", {"audio": True, "resolution": "4k"}, "", "v3-omni-video",
     {"prompt": TEXT, "duration": 5, "generateAudio": True, "mode": "4k",
      "aspectRatio": "16:9"}),
    ("kling-3.0-omni", "image", {"shots": TWO}, "start end", "v3-omni-video",
     {"prompt": TEXT, "multiPrompt": _LISTED, "duration": 5, "generateAudio": False,
      "mode": "pro", "startImage": "start", "endImage": "end"}),
    ("kling-3.0-omni", "reference", {"resolution": "720p"}, "reference", "v3-omni-video",
     {"prompt": TEXT, "duration": 5, "generateAudio": False, "mode": "standard",
      "referenceImages": ["reference", "end"], "aspectRatio": "16:9"}),
    ("kling-3.0-omni", "edit", {"audio": True}, "video reference", "v3-omni-video",
     {"prompt": TEXT, "mode": "pro", "referenceVideo": "video", "videoReferenceType": "base",
      "referenceImages": ["reference", "end"], "keepOriginalSound": True}),
    ("kling-3.0-omni", "edit", {"options": {"video": "feature"}}, "video", "v3-omni-video",
     {"prompt": TEXT, "mode": "pro", "referenceVideo": "video", "videoReferenceType": "feature",
      "keepOriginalSound": False}),
    ("kling-o1", "image", {"length_s": 10}, "start end", "o1-i2v",
     {"prompt": TEXT, "duration": "10", "image": "start", "lastFrameImage": "end"}),
    ("kling-o1", "reference", {}, "reference", "o1-r2v",
     {"prompt": TEXT, "duration": "5", "images": ["reference", "end"], "aspectRatio": "16:9"}),
    ("kling-o1", "edit", {}, "video", "o1-video-edit",
     {"prompt": TEXT, "video": "video", "keepAudio": False}),
    ("kling-3.0-motion", "motion", {"resolution": "720p"}, "start video",
     "v3-standard-motion-control",
     {"prompt": TEXT, "image": "start", "video": "video", "characterOrientation": "video",
      "keepOriginalSound": False}),
    ("kling-2.6-motion", "motion", {"audio": True}, "start video", "v2-6-motion-control",
     {"prompt": TEXT, "image": "start", "video": "video", "characterOrientation": "video",
      "keepOriginalSound": True, "mode": "pro"}),
    ("kling-2.6", "text", {"audio": True}, "", "v2-6-t2v-pro",
     {"prompt": TEXT, "duration": "5", "generateAudio": True, "aspectRatio": "16:9"}),
    ("kling-2.6", "image", {}, "start end", "v2-6-i2v-pro",
     {"prompt": TEXT, "duration": "5", "generateAudio": False, "image": "start",
      "lastFrameImage": "end"}),
    ("kling-2.5-turbo", "text", {}, "", "v2-5-t2v-turbo-pro",
     {"prompt": TEXT, "duration": "5", "aspectRatio": "16:9"}),
    ("kling-2.5-turbo", "image", {}, "start end", "v2-5-i2v-turbo-pro",
     {"prompt": TEXT, "duration": "5", "imageUrl": "start", "lastFrame": "end"}),
    ("kling-2.5-turbo", "image", {"resolution": "720p"}, "start", "v2-5-i2v-turbo-standard",
     {"prompt": TEXT, "duration": "5", "image": "start"}),
    ("kling-2.1-pro", "image", {"guidance": 0.5}, "start end", "v2-1-pro",
     {"prompt": TEXT, "duration": "5", "startImage": "start", "endImage": "end",
      "cfgScale": 0.5}),
    ("kling-2.1-master", "text", {}, "", "v2-1-master",
     {"prompt": TEXT, "duration": 5, "aspectRatio": "16:9"}),
    ("kling-1.6", "image", {}, "start end", "v1-6-pro",
     {"prompt": TEXT, "duration": 5, "startImage": "start", "endImage": "end"}),
    ("kling-1.6", "reference", {"resolution": "720p"}, "reference", "v1-6-standard",
     {"prompt": TEXT, "duration": 5, "referenceImages": ["reference", "end"],
      "aspectRatio": "16:9"}),
    ("avatar-2.0-pro", "avatar", {}, "start speech", "video-ai-avatar-v2-pro",
     {"text": TEXT, "image": "start", "audio": "speech"}),
    ("lip-sync", "lip-sync", {}, "video speech", "lip-sync",
     {"videoUrl": "video", "audioFile": "speech"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{case[4]}")
def test_each_kind_is_sent_as_its_model_wants_it(
    server: scenario.Scenario, provider: Scenario, files: Files, case: Case
) -> None:
    """The server takes it, too: it knows every input and limit by itself."""
    model, kind, changes, parts, theirs, body = case
    wanted = asked("scenario", model, kind, **changes)
    job = submitted(provider, request_of(wanted, files, *parts.split()))
    (made,) = server.jobs.values()
    assert (job, f"model_kling-{theirs}") == (made.id, made.facts["model_id"])
    assert body == named(made.body, server.files.get, files)


def test_a_cancel_that_is_refused_is_no_error(
    server: scenario.Scenario, provider: Scenario, files: Files
) -> None:
    job = submitted(provider, request_of(asked("scenario", "kling-3.0", "text"), files))
    run(provider, provider.cancel(job))
    assert "/jobs/" in server.calls[-1].path


def test_scenarios_own_client_is_content_with_the_server(
    server: scenario.Scenario, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scenario_sdk import Scenario as Theirs

    with Theirs(
        api_key=server.key, api_secret=server.secret, base_url=server.url, max_retries=0
    ) as theirs:
        image = base64.b64encode(files.start.read_bytes()).decode()
        asset = theirs.assets.upload(name="start.png", image=image).asset.id
        inputs = {"startImage": asset, "prompt": TEXT, "duration": "3"}
        made = theirs.generate.run_model("model_kling-v3-i2v-pro", body=inputs)
        assert theirs.jobs.retrieve(made.job.job_id).job.status == "success"
        (listed,) = theirs.jobs.list(created_after="2020-01-01T00:00:00Z").jobs
        clip = theirs.jobs.retrieve(listed.job_id).job.metadata.asset_ids[0]  # type: ignore[index]
        url = theirs.assets.retrieve(clip).asset.url
    assert inputs.items() <= listed.metadata.input.items()  # type: ignore[union-attr]
    assert url.startswith(f"{server.url}/results/")
