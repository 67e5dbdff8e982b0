"""Higgsfield through its loopback server: every body, and nothing made twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assembler.errors import GenerateError
from assembler.generation.base import NotSubmittedError, ProviderError
from assembler.generation.providers.higgsfield import Higgsfield
from assembler.media.stills import read_image
from assembler.planning.model import Link
from assembler.planning.project import Project
from tests.generation.providers.runs import (
    FAST,
    asked,
    chain,
    distance,
    first_frame,
    last_frame,
    picture,
    project_in,
    rows,
    run,
)  # fmt: skip
from tests.servers.higgsfield import Higgsfield as Server
from tests.servers.kit import serving


@pytest.fixture
def server(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    with serving(Server(tmp_path_factory.getbasetemp() / "higgsfield")) as one:
        monkeypatch.setenv("ASSEMBLER_HIGGSFIELD_URL", one.url)
        monkeypatch.setenv("HIGGSFIELD_API_KEY", one.key)
        monkeypatch.setenv("HIGGSFIELD_API_SECRET", one.secret)
        yield one


def made(project: Project, **more: Any) -> Higgsfield:
    return Higgsfield(project.home / "jobs/higgsfield", limits=FAST, looks_s=(0.05, 0.05), **more)


def words(id_: str = "dawn.1", **changes: Any) -> Link:
    return asked("higgsfield", "kling-3.0", id_, seconds=3, **changes)


def lost(server: Server, project: Project) -> Path:
    """What is noted of a submission whose reply was lost too long ago to be asked for again."""
    server.faults.add("submit", "reset_after")
    with pytest.raises(GenerateError, match="may have forgotten our id"):
        run([words()], project, made(project, remembered_s=0))
    (note,) = (project.home / "jobs/higgsfield").glob("*.json")
    return note


def bodies(server: Server) -> list[Any]:
    return [call.json for call in server.calls if call.stage == "submit"]


def test_a_chain_goes_on_from_the_end_frame(server: Server, tmp_path: Path) -> None:
    start = picture(tmp_path, "harbour.png", 1)
    project = project_in(tmp_path)
    links = chain("kling-3.0", "higgsfield", start, seconds=3, prompt="static harbour")
    takes = run(links, project, made(project))
    assert distance(first_frame(takes["dawn.1"]), read_image(start.path)[..., :3]) < 2 / 255
    assert distance(last_frame(takes["dawn.1"]), first_frame(takes["dawn.2"])) < 2 / 255
    uploads = [server._uploads[body["image_url"]] for body in bodies(server)]
    handed = sorted(project.frames.glob("*last*.png"))[0]
    assert uploads[1].read_bytes() == handed.read_bytes()
    assert len(server.billed) == 2


IMAGE = {"prompt": "static view of the sea", "image_url": "https"}

BODIES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "kling-3.0", {"audio": True, "guidance": 0.5, "size": (1080, 1920)},
        "v3.0/std/text-to-video",
        {"prompt": "static view of the sea", "duration": 3, "aspect_ratio": "9:16", "sound": "on",
         "cfg_scale": 0.5},
    ),
    ("kling-3.0", {"start": 1, "resolution": "1080p", "camera": "push in"},
     "v3.0/pro/image-to-video",
     IMAGE | {"prompt": "static view of the sea. push in", "duration": 3, "sound": "off"}),
    ("kling-3.0", {"start": 1, "end": 2, "resolution": "4k"}, "v3.0/4k/image-to-video",
     IMAGE | {"duration": 3, "sound": "off", "last_image_url": "https"}),
    ("kling-3.0-turbo", {"start": 1, "audio": True}, "v3.0-turbo/image-to-video",
     IMAGE | {"duration": 3, "resolution": "720p"}),
    (
        "kling-3.0-omni", {"start": 1, "end": 2, "resolution": "1080p"}, "o3/first-last-frame",
        {"prompt": "static view of the sea", "first_frame_url": "https",
         "last_frame_url": "https", "duration": 3, "mode": "pro"},
    ),
    (
        "kling-o1", {"start": 1, "seconds": 5}, "omni/first-last-frame",
        {"prompt": "static view of the sea", "first_frame_url": "https", "duration": 5,
         "mode": "std"},
    ),
    ("kling-2.6", {"start": 1, "seconds": 5, "audio": True}, "v2.6/pro/image-to-video",
     IMAGE | {"duration": 5, "sound": "on"}),
    ("kling-2.5-turbo", {"start": 1, "seconds": 5, "negative": "fog"},
     "v2.5-turbo/standard/image-to-video", IMAGE | {"duration": 5, "negative_prompt": "fog"}),
    ("kling-2.5-turbo", {"start": 1, "seconds": 5, "resolution": "1080p"},
     "v2.5-turbo/pro/image-to-video", IMAGE | {"duration": 5}),
    ("kling-2.1-master", {"start": 1, "seconds": 10}, "v2.1/master/image-to-video",
     IMAGE | {"duration": 10}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "changes", "path", "expected"), BODIES)
@pytest.mark.anyio
async def test_each_model_has_its_own_fields(
    server: Server, tmp_path: Path, model: str, changes: dict[str, Any], path: str,
    expected: dict[str, Any],
) -> None:  # fmt: skip
    await _submitted(tmp_path, asked("higgsfield", model, **({"seconds": 3} | changes)))
    call = next(call for call in server.calls if call.stage == "submit")
    body = {n: "https" if n.endswith("_url") else v for n, v in call.json.items()}
    assert (call.path, body) == (f"/kling-video/{path}", expected)


async def _submitted(folder: Path, link: Link) -> str:
    """Send a link whose images are given by number."""
    from dataclasses import replace

    from assembler.generation.base import Request

    images = [
        picture(folder, f"{name}.png", number).path if (number := getattr(link, name)) else None
        for name in ("start", "end")
    ]
    provider = made(project_in(folder))
    link = replace(link, start=None, end=None)
    try:
        return await provider.submit(Request(link, "asm-0123456789abcdef", *images))
    finally:
        await provider.aclose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    "fault", ["reset_before", "reset_after", "error_before", "error_after", "hang", "malformed",
              "malformed_after"],
)  # fmt: skip
def test_a_lost_reply_is_answered_under_the_same_key(
    server: Server, tmp_path: Path, fault: Any
) -> None:
    server.faults.add("submit", fault)
    project = project_in(tmp_path)
    assert "dawn.1" in run([words()], project, made(project))
    submits = [call for call in server.calls if call.stage == "submit"]
    assert len(submits) == 2
    assert len({(call.headers["idempotency-key"], call.body) for call in submits}) == 1
    assert (len(server.jobs), len(server.billed), len(rows(project))) == (1, 1, 1)


def test_the_answer_to_a_lost_reply_may_take_several_tries(server: Server, tmp_path: Path) -> None:
    server.faults.add("submit", "reset_after", "throttle", "reset_after")
    project = project_in(tmp_path)
    assert "dawn.1" in run([words()], project, made(project))
    assert (len(server.jobs), len(rows(project))) == (1, 1)


def test_the_answer_to_a_lost_reply_is_asked_for_again_before_a_wait_without_end(
    server: Server, tmp_path: Path
) -> None:
    server.retry_after = "86400"
    server.faults.add("submit", "reset_after", "throttle")
    project = project_in(tmp_path)
    assert "dawn.1" in run([words()], project, made(project))
    assert (len(server.jobs), len(rows(project))) == (1, 1)


def test_a_reply_that_was_lost_long_ago_is_the_users(server: Server, tmp_path: Path) -> None:
    """Nobody knows how long the key is remembered: it isn't sent again then."""
    project = project_in(tmp_path)
    lost(server, project)
    with pytest.raises(GenerateError, match="may have forgotten our id"):
        run([words()], project, made(project, remembered_s=0))
    assert (len(server.jobs), rows(project)[0].state) == (1, "unknown")


def test_a_clock_that_was_set_back_says_nothing_of_how_long_a_key_is_known(
    server: Server, tmp_path: Path
) -> None:
    project = project_in(tmp_path)
    path = lost(server, project)
    note = json.loads(path.read_text())
    path.write_text(json.dumps(note | {"at_s": note["at_s"] + 7200}))
    with pytest.raises(GenerateError, match="may have forgotten our id"):
        run([words()], project, made(project))
    assert (len(server.jobs), rows(project)[0].state) == (1, "unknown")


def test_a_key_that_is_known_with_another_body_is_no_proof_of_no_job(
    server: Server, tmp_path: Path
) -> None:
    project = project_in(tmp_path)
    note = lost(server, project)
    note.write_text(note.read_text().replace('"prompt": "', '"prompt": "A '))
    with pytest.raises(GenerateError, match="another request under our id"):
        run([words()], project, made(project))
    assert (len(server.jobs), rows(project)[0].state) == (1, "unknown")


def test_a_failed_upload_makes_no_job(server: Server, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    server.faults.add("upload", *["reset_before"] * FAST.tries)
    with pytest.raises(NotSubmittedError):
        run([words(start=picture(tmp_path, "a.png", 1))], project, made(project))
    assert "dawn.1" in run([words(start=picture(tmp_path, "a.png", 1))], project, made(project))
    assert len(server.jobs) == 1


def test_a_full_queue_is_waited_for(server: Server, tmp_path: Path) -> None:
    server.faults.add("submit", "throttle", "throttle")
    project = project_in(tmp_path)
    assert "dawn.1" in run([words()], project, made(project))
    assert (len(server.jobs), len(rows(project))) == (1, 1)


REFUSALS: list[tuple[Callable[[Server], object], str, str]] = [
    (lambda s: s.faults.add("submit", "balance"), "balance", "no credit left (not_enough_credits)"),
    (lambda s: setattr(s, "blocked", "v3.0/std/text-to-video"), "permission", "(model_blocked)"),
    (lambda s: setattr(s, "key", "another"), "auth", "the key is not accepted"),
]


@pytest.mark.parametrize(("prepare", "trouble", "said"), REFUSALS)
def test_refusals_are_told_and_cost_nothing(
    server: Server, tmp_path: Path, prepare: Callable[[Server], object], trouble: str, said: str
) -> None:
    prepare(server)
    project = project_in(tmp_path)
    with pytest.raises(NotSubmittedError) as caught:
        run([words()], project, made(project))
    assert caught.value.trouble == trouble
    assert said in caught.value.what
    assert "9876543210" not in str(caught.value)
    assert (len(server.jobs), rows(project)[0].state) == (0, "failed")


def test_a_refused_field_is_named(server: Server, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    with pytest.raises(NotSubmittedError, match=r"duration: Input should be between 3 and 15"):
        run([asked("higgsfield", "kling-3.0", seconds=2)], project, made(project))


def test_what_a_path_has_no_field_for_is_not_sent(server: Server, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    with pytest.raises(NotSubmittedError, match="takes no negative prompt"):
        run([words(negative="fog")], project, made(project))
    assert bodies(server) == []


def test_refused_content_is_told(server: Server, tmp_path: Path) -> None:
    server.faults.add("submit", "policy")
    project = project_in(tmp_path)
    with pytest.raises(ProviderError, match=r"the content is refused \(nsfw\)") as caught:
        run([words()], project, made(project))
    assert caught.value.trouble == "policy"
    assert server.billed == []


@pytest.mark.parametrize("fault", ["expired", "truncated", "reset_after", "slow"])
def test_a_download_in_trouble_is_repeated(server: Server, tmp_path: Path, fault: Any) -> None:
    server.slow_s = 0.001
    server.faults.add("download", fault)
    project = project_in(tmp_path)
    assert run([words()], project, made(project))["dawn.1"].info.video is not None
    assert (len(server.jobs), len(bodies(server))) == (1, 1)


@pytest.mark.parametrize("fault", ["malformed", "error_before", "throttle", "reset_after"])
def test_a_poll_in_trouble_is_repeated(server: Server, tmp_path: Path, fault: Any) -> None:
    server.faults.add("poll", fault)
    project = project_in(tmp_path)
    assert "dawn.1" in run([words()], project, made(project))


def test_the_secret_may_stand_behind_the_id(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGGSFIELD_API_KEY", f"{server.key}:{server.secret}")
    monkeypatch.delenv("HIGGSFIELD_API_SECRET")
    project = project_in(tmp_path)
    assert "dawn.1" in run([words()], project, made(project))


@pytest.mark.anyio
async def test_a_queued_job_can_be_cancelled(server: Server, tmp_path: Path) -> None:
    server.run_s = 60
    job = await _submitted(tmp_path, words())
    provider = made(project_in(tmp_path))
    await provider.cancel(job)
    assert "canceled" in str(await provider.poll(job))
    await provider.aclose()
    assert os.environ["HIGGSFIELD_API_KEY"] == server.key
