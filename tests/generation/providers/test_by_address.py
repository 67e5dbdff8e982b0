"""Media.io and LetzAI, which take images by public address only, through their loopback servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assembler.errors import GenerateError
from assembler.generation.base import NotSubmittedError, Provider, ProviderError
from assembler.generation.providers.letzai import Letzai
from assembler.generation.providers.mediaio import Mediaio
from assembler.media.stills import read_image
from assembler.planning.model import Link
from assembler.planning.project import Project
from tests.generation.providers.runs import (
    FAST,
    Handoff,
    asked,
    distance,
    first_frame,
    picture,
    project_in,
    rows,
    run,
)
from tests.servers.kit import Platform, serving
from tests.servers.letzai import Letzai as LetzaiServer
from tests.servers.mediaio import Mediaio as MediaioServer

SERVERS: dict[str, type[Platform]] = {"mediaio": MediaioServer, "letzai": LetzaiServer}


@pytest.fixture(params=["mediaio", "letzai"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Platform]:  # fmt: skip
    name = request.param
    with serving(SERVERS[name](tmp_path_factory.getbasetemp() / "by-address")) as one:
        monkeypatch.setenv(f"ASSEMBLER_{name.upper()}_URL", one.url)
        monkeypatch.setenv(f"{name.upper()}_API_KEY", one.key)
        yield one


only_mediaio = pytest.mark.parametrize("server", ["mediaio"], indirect=True)
only_letzai = pytest.mark.parametrize("server", ["letzai"], indirect=True)


def made(server: Platform, project: Project) -> Provider:
    folder = project.home / "jobs" / server.name
    if server.name == "letzai":
        return Letzai(folder, limits=FAST, looks_s=(0.05,))
    return Mediaio(folder, limits=FAST)


def shot(server: Platform, folder: Path, id_: str = "dawn.1", **changes: Any) -> Link:
    """A link from an image that has an address, too."""
    start = picture(folder, "a.png", 1)
    address = server.publish(start.path.read_bytes(), ".png")
    model = changes.pop("model", "kling-2.6")
    return asked(
        server.name, model, id_, start=start, options={"image_url": address}, prompt="static sea",
        **changes,
    )  # fmt: skip


def bodies(server: Platform) -> list[Any]:
    return [call.json for call in server.calls if call.stage == "submit"]


def test_a_clip_starts_on_the_image_at_the_address(server: Platform, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    one = shot(server, tmp_path)
    take = run([one], project, made(server, project))["dawn.1"]
    image = read_image(tmp_path / "a.png")[..., :3]
    assert distance(first_frame(take), image) < 2 / 255
    assert len(server.billed) == 1


@only_mediaio
@pytest.mark.parametrize(
    ("model", "changes", "expected"),
    [
        (
            "kling-3.0", {"seconds": 8, "audio": True, "resolution": "1080p", "camera": "push in"},
            {"image": "", "prompt": "static sea. push in", "resolution": "1080P", "duration": "8s",
             "multi_shots": "False", "generate_audio": "True"},
        ),
        (
            "kling-2.6", {"seconds": 10},
            {"image": "", "prompt": "static sea", "duration": "10s", "generate_audio": "False"},
        ),
    ],
)  # fmt: skip
def test_fields_of_mediaio(
    server: Platform, tmp_path: Path, model: str, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    project = project_in(tmp_path)
    run([shot(server, tmp_path, model=model, **changes)], project, made(server, project))
    data = bodies(server)[0]["data"]
    assert data | {"image": ""} == expected


@only_letzai
def test_fields_of_letzai(server: Platform, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    one = shot(server, tmp_path)
    run([one], project, made(server, project))
    assert bodies(server) == [{
        "prompt": "static sea", "imageUrl": one.options["image_url"],
        "settings": {"mode": "kling26", "duration": 5},
    }]  # fmt: skip


def test_a_frame_without_an_address_is_not_sent(server: Platform, tmp_path: Path) -> None:
    """Planning refuses it; so does the adapter."""
    one = shot(server, tmp_path)
    project = project_in(tmp_path)
    links = [one, replace(one, id="dawn.2", key="b" * 32, start=Handoff("dawn.1"), options={})]
    with pytest.raises(NotSubmittedError, match="takes images by their public address only"):
        run(links, project, made(server, project))
    assert len(bodies(server)) == 1


@only_mediaio
@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "hang", "malformed_after"])
def test_mediaio_leaves_a_lost_reply_to_the_user(
    server: Platform, tmp_path: Path, fault: Any
) -> None:
    server.faults.add("submit", fault)
    project = project_in(tmp_path)
    for _ in range(2):
        with pytest.raises(GenerateError, match=r"Media\.io can't look up tasks or list them"):
            run([shot(server, tmp_path)], project, made(server, project))
    assert (len(bodies(server)), rows(project)[0].state) == (1, "unknown")


@only_letzai
@pytest.mark.parametrize("fault", ["reset_after", "error_after", "malformed_after"])
def test_letzai_finds_a_lost_video_among_the_new_ones(
    server: Platform, tmp_path: Path, fault: Any
) -> None:
    """One of the same prompt, made before, isn't taken for it."""
    assert isinstance(server, LetzaiServer)
    server.in_record = fault != "reset_after"
    project = project_in(tmp_path)
    one = shot(server, tmp_path)
    old = server.make_job({"prompt": "static sea"}, clip=None, model="kling26", fails="old")
    server.faults.add("submit", fault)
    assert "dawn.1" in run([one], project, made(server, project))
    assert len(bodies(server)) == 1
    assert rows(project)[0].job not in (None, old.id)


@only_letzai
def test_letzai_leaves_to_the_user_what_is_not_listed(server: Platform, tmp_path: Path) -> None:
    server.faults.add("submit", "reset_before")
    project = project_in(tmp_path)
    for _ in range(2):
        with pytest.raises(GenerateError, match="LetzAI doesn't list it"):
            run([shot(server, tmp_path)], project, made(server, project))
    assert (len(bodies(server)), rows(project)[0].state) == (1, "unknown")


def test_a_throttled_request_is_sent_later(server: Platform, tmp_path: Path) -> None:
    server.faults.add("submit", "throttle")
    project = project_in(tmp_path)
    assert "dawn.1" in run([shot(server, tmp_path)], project, made(server, project))
    assert (len(server.jobs), len(rows(project))) == (1, 1)


@pytest.mark.parametrize(("fault", "trouble"), [("balance", "balance"), ("policy", "policy")])
def test_refusals_are_told_and_cost_nothing(
    server: Platform, tmp_path: Path, fault: Any, trouble: str
) -> None:
    server.faults.add("submit", fault)
    project = project_in(tmp_path)
    with pytest.raises(ProviderError) as caught:
        run([shot(server, tmp_path)], project, made(server, project))
    assert caught.value.trouble == trouble
    assert (server.billed, rows(project)[0].state) == ([], "failed")


def test_a_wrong_key_is_told_without_it(
    server: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{server.name.upper()}_API_KEY"
    monkeypatch.setenv(variable, "wrong-key")
    project = project_in(tmp_path)
    with pytest.raises(ProviderError, match="the key is not accepted") as caught:
        run([shot(server, tmp_path)], project, made(server, project))
    assert variable in caught.value.fix
    assert "wrong-key" not in str(caught.value)


def test_a_refused_field_is_named(server: Platform, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    with pytest.raises(NotSubmittedError, match="duration"):
        run([shot(server, tmp_path, seconds=12)], project, made(server, project))


@pytest.mark.parametrize("fault", ["expired", "truncated"])
def test_a_download_in_trouble_is_repeated(server: Platform, tmp_path: Path, fault: Any) -> None:
    server.faults.add("download", fault)
    project = project_in(tmp_path)
    assert "dawn.1" in run([shot(server, tmp_path)], project, made(server, project))
    assert len(server.jobs) == 1


@pytest.mark.parametrize("fault", ["malformed", "error_before", "throttle"])
def test_a_poll_in_trouble_is_repeated(server: Platform, tmp_path: Path, fault: Any) -> None:
    server.faults.add("poll", fault)
    project = project_in(tmp_path)
    assert "dawn.1" in run([shot(server, tmp_path)], project, made(server, project))


@only_mediaio
def test_both_words_for_finished_are_understood(server: Platform, tmp_path: Path) -> None:
    assert isinstance(server, MediaioServer)
    server.finished = "succeeded"
    project = project_in(tmp_path)
    assert "dawn.1" in run([shot(server, tmp_path)], project, made(server, project))


@only_letzai
@pytest.mark.anyio
async def test_a_video_can_be_interrupted(server: Platform, tmp_path: Path) -> None:
    server.run_s = 60
    job = server.make_job({"prompt": "sea"}, clip=None, model="kling26")
    provider = made(server, project_in(tmp_path))
    await provider.cancel(job.id)
    assert "failed" in str(await provider.poll(job.id))
    await provider.aclose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
