"""Pollo.ai: what is sent for each kind of generation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assembler.generation.base import NotSubmittedError
from assembler.generation.providers.pollo import Pollo
from tests.generation.providers.shops import (
    QUICK,
    Files,
    asked,
    emptied,
    request_of,
    shots,
    submitted,
)
from tests.servers import pollo
from tests.servers.kit import serving

URL = "https://example.org/start.png"
TEXT = "Slow push-in over the sea."
_GIVEN = {"image_url": URL}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pollo.Pollo]:
    with serving(pollo.Pollo(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture
def server(running: pollo.Pollo, files: Files, monkeypatch: pytest.MonkeyPatch) -> pollo.Pollo:
    running.public[URL] = files.start
    return emptied(running, monkeypatch, POLLO_API_KEY=running.key)


@pytest.fixture
def provider(server: pollo.Pollo, tmp_path: Path) -> Pollo:
    return Pollo(tmp_path, limits=QUICK)


Case = tuple[str, str, dict[str, Any], str, dict[str, Any]]
# model, kind, what else the link says, path, input
CASES: list[Case] = [
    ("kling-3.0", "text", {"audio": True}, "v1/generation/kling-ai/kling-v3/video",
     {"prompt": TEXT, "duration": 5, "mode": "pro", "generateAudio": True, "aspectRatio": "16:9"}),
    ("kling-3.0", "image", {"resolution": "720p", "options": _GIVEN},
     "v1/generation/kling-ai/kling-v3/video",
     {"prompt": TEXT, "duration": 5, "mode": "std", "generateAudio": False, "image": URL}),
    ("kling-3.0-omni", "image", {"options": {**_GIVEN, "imageTail": URL}},
     "v1/generation/kling-ai/kling-v3-omni/video",
     {"prompt": TEXT, "duration": 5, "mode": "pro", "generateAudio": False, "image": URL,
      "imageTail": URL}),
    ("kling-2.6", "image", {"audio": True, "options": _GIVEN},
     "v1/generation/kling-ai/kling-v2-6/video",
     {"prompt": TEXT, "duration": 5, "generateAudio": True, "image": URL}),
    ("kling-2.5-turbo", "image", {"negative": "fog", "options": _GIVEN},
     "generation/kling-ai/kling-v2-5-turbo",
     {"prompt": TEXT, "length": 5, "mode": "pro", "negativePrompt": "fog", "image": URL}),
    ("kling-2.1-standard", "image", {"resolution": "720p", "options": _GIVEN},
     "generation/kling-ai/kling-v2-1",
     {"prompt": TEXT, "length": 5, "mode": "std", "image": URL}),
    ("kling-2.1-pro", "image", {"length_s": 10, "options": {**_GIVEN, "strength": 60}},
     "generation/kling-ai/kling-v2-1",
     {"prompt": TEXT, "length": 10, "mode": "pro", "strength": 60, "image": URL}),
    ("kling-1.6", "image", {"options": _GIVEN}, "generation/kling-ai/kling-v1-6",
     {"prompt": TEXT, "length": 5, "mode": "pro", "image": URL}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_each_kind_is_sent_as_its_model_wants_it(
    server: pollo.Pollo, provider: Pollo, files: Files, case: Case
) -> None:
    """The server takes it, too: it knows every field and limit by itself."""
    model, kind, changes, path, body = case
    parts = ("start",) if kind == "image" else ()
    job = submitted(provider, request_of(asked("pollo", model, kind, **changes), files, *parts))
    (made,) = server.jobs.values()
    assert (job, path, body) == (made.id, made.facts["model"], made.body)


def test_several_shots_are_refused_before_anything_is_sent(
    server: pollo.Pollo, provider: Pollo, files: Files
) -> None:
    wanted = asked("pollo", "kling-3.0", "text", shots=shots((3, "Wide."), (2, "Close.")))
    with pytest.raises(NotSubmittedError, match="takes no more than one shot"):
        submitted(provider, request_of(wanted, files))
    assert server.calls == []
