"""Replicate through its loopback server, which Replicate's own client can use, too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from assembler.errors import GenerateError
from assembler.generation.base import NotSubmittedError, ProviderError, Request
from assembler.generation.providers import replicate as module
from assembler.generation.providers.replicate import Replicate
from assembler.generation.refusals import NoClipError
from assembler.media.stills import read_image
from assembler.planning.model import Link, LinkShot
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
)
from tests.servers.kit import Job, serving
from tests.servers.replicate import Replicate as Server


@pytest.fixture
def server(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    with serving(Server(tmp_path_factory.getbasetemp() / "replicate")) as one:
        monkeypatch.setenv("ASSEMBLER_REPLICATE_URL", f"{one.url}/v1")
        monkeypatch.setenv("REPLICATE_API_TOKEN", one.key)
        yield one


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def made(project: Project, **more: Any) -> Replicate:
    return Replicate(project.home / "jobs/replicate", limits=FAST, looks_s=(0.05,), **more)


def words(id_: str = "dawn.1", **changes: Any) -> Link:
    return asked("replicate", "kling-3.0", id_, seconds=3, **changes)


def test_replicates_own_client_can_use_the_server(server: Server, tmp_path: Path) -> None:
    import replicate

    client = replicate.Client(api_token=server.key, base_url=server.url)
    image = picture(tmp_path, "a.png", 1)
    with image.path.open("rb") as file:
        uploaded = client.files.create(file)
    given = {"prompt": "Mist.", "start_image": uploaded.urls["get"], "duration": 3}
    made = client.models.predictions.create(model="kwaivgi/kling-v3-video", input=given)
    made.wait()
    assert made.status == "succeeded"
    assert [p.id for p in client.predictions.list().results] == [made.id]
    assert server.jobs[made.id].clip is not None
    assert str(made.output).startswith(f"{server.url}/results/")
    with pytest.raises(replicate.exceptions.ReplicateError, match="duration"):
        client.models.predictions.create("kwaivgi/kling-v3-video", {"duration": 99})
    client._client.close()  # it has no way of its own to do so


def test_a_chain_goes_on_from_the_end_frame(server: Server, tmp_path: Path) -> None:
    start = picture(tmp_path, "harbour.png", 1)
    project = project_in(tmp_path)
    links = chain("kling-3.0", "replicate", start, seconds=3, prompt="static harbour")
    takes = run(links, project, made(project))
    assert distance(first_frame(takes["dawn.1"]), read_image(start.path)[..., :3]) < 2 / 255
    assert distance(last_frame(takes["dawn.1"]), first_frame(takes["dawn.2"])) < 2 / 255
    inputs = [call.json["input"] for call in server.calls if call.stage == "submit"]
    handed = sorted(project.frames.glob("*last*.png"))[0]
    assert server._uploads[inputs[1]["start_image"]].read_bytes() == handed.read_bytes()
    assert len(server.billed) == 2


SEA = "static view of the sea"
BODIES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "kling-3.0",
        {"audio": True, "size": (1080, 1920), "negative": "fog", "resolution": "1080p"},
        "kling-v3-video",
        {"prompt": SEA, "mode": "pro", "aspect_ratio": "9:16", "duration": 5,
         "generate_audio": True, "negative_prompt": "fog"},
    ),
    (
        "kling-3.0",
        {"shots": (LinkShot(Fraction(2), "Wide."), LinkShot(Fraction(3), "Close.")), "prompt": ""},
        "kling-v3-video",
        {"prompt": "Wide.", "mode": "standard", "aspect_ratio": "16:9", "duration": 5,
         "generate_audio": False,
         "multi_prompt": json.dumps([{"prompt": "Wide.", "duration": 2},
                                     {"prompt": "Close.", "duration": 3}])},
    ),
    (
        "kling-3.0", {"start": 1, "end": 2}, "kling-v3-video",
        {"prompt": SEA, "start_image": "file", "end_image": "file", "mode": "standard",
         "duration": 5, "generate_audio": False},
    ),
    ("kling-2.5-turbo", {"start": 1, "resolution": "1080p"}, "kling-v2.5-turbo-pro",
     {"prompt": SEA, "start_image": "file", "duration": 5}),
    ("kling-2.1-standard", {"start": 1}, "kling-v2.1",
     {"prompt": SEA, "start_image": "file", "mode": "standard", "duration": 5}),
    (
        "kling-2.1-pro", {"start": 1, "end": 2, "resolution": "1080p", "seconds": 10}, "kling-v2.1",
        {"prompt": SEA, "start_image": "file", "end_image": "file", "mode": "pro", "duration": 10},
    ),
    ("kling-1.6", {"start": 1, "guidance": 0.4, "resolution": "1080p"}, "kling-v1.6-pro",
     {"prompt": SEA, "start_image": "file", "cfg_scale": 0.4, "duration": 5}),
    ("kling-1.6", {"reference": (1, 2), "kind": "reference"}, "kling-v1.6-pro",
     {"prompt": SEA, "reference_images": ["file", "file"], "duration": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "changes", "name", "expected"), BODIES)
@pytest.mark.anyio
async def test_each_model_has_its_own_fields(
    server: Server, tmp_path: Path, model: str, changes: dict[str, Any], name: str,
    expected: dict[str, Any],
) -> None:  # fmt: skip
    await _submitted(made(project_in(tmp_path)), tmp_path, model, **changes)
    call = next(call for call in server.calls if call.stage == "submit")
    assert call.path == f"/v1/models/kwaivgi/{name}/predictions"
    assert _without_addresses(call.json["input"], server) == expected


def _without_addresses(value: Any, server: Server) -> Any:
    if isinstance(value, list):
        return [_without_addresses(one, server) for one in value]
    if isinstance(value, dict):
        return {name: _without_addresses(one, server) for name, one in value.items()}
    return "file" if value in server._uploads else value


async def _submitted(provider: Replicate, folder: Path, model: str, **changes: Any) -> str:
    """Send a link whose images are given by number."""

    def image(number: int) -> Path:
        return picture(folder, f"{number}.png", number).path

    start, end = (image(n) if (n := changes.pop(k, None)) else None for k in ("start", "end"))
    files = {"reference": tuple(map(image, changes.pop("reference", ())))}
    link = asked("replicate", model, **changes)
    link = replace(link, kind="image") if start else link
    try:
        return await provider.submit(
            Request(link, "asm-0123456789abcdef", start, end, files=files)  # type: ignore[arg-type]
        )
    finally:
        await provider.aclose()


@pytest.mark.parametrize(
    "fault", ["reset_after", "error_after", "hang", "malformed_after", "reset_before", "malformed"]
)
def test_a_lost_reply_is_found_by_its_inputs(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    """Found when it was made, sent again when it surely wasn't."""
    monkeypatch.setattr(module, "_SETTLED_S", 0.0)
    server.page = 1
    server.faults.add("submit", fault)
    project = project_in(tmp_path)
    start = picture(tmp_path, "a.png", 1)
    links = [words(start=start), words("street.1", prompt="city", start=start)]
    assert len(run(links, project, made(project))) == 2
    assert (len(server.jobs), len(server.billed), len(rows(project))) == (2, 2, 2)
    assert {row.job for row in rows(project)} == set(server.jobs)


def test_what_is_not_listed_at_once_may_be_listed_later(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults.add("submit", "reset_before")
    project = project_in(tmp_path)
    with pytest.raises(GenerateError, match="run again in 5 minutes"):
        run([words()], project, made(project))
    assert (len(server.jobs), rows(project)[0].state) == (0, "unknown")
    monkeypatch.setattr(module, "_SETTLED_S", 0.0)
    assert "dawn.1" in run([words()], project, made(project))
    assert (len(server.jobs), len(rows(project))) == (1, 1)


def test_a_lost_reply_is_not_paid_again_where_clocks_differ(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours is two hours fast, and a prediction that isn't listed is believed not to be there."""
    monkeypatch.setattr(module, "_SETTLED_S", 0.0)
    server.faults.add("submit", "reset_after")
    server.on_job = _earlier(7200)
    project = project_in(tmp_path)
    for _ in range(2):
        with pytest.raises(GenerateError, match=r"an equal one, [0-9a-f]+, made at another time"):
            run([words()], project, made(project))
    assert (len(server.jobs), rows(project)[0].state) == (1, "unknown")


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
def test_an_old_equal_prediction_of_somebody_else_is_not_claimed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    """Another project has asked for the very same 20 hours before."""
    monkeypatch.setattr(module, "_SETTLED_S", 0.0)
    server.on_job = _earlier(20 * 3600)
    other, project = project_in(tmp_path / "other"), project_in(tmp_path / "ours")
    run([words()], other, made(other))
    server.on_job = lambda job: None
    server.faults.add("submit", fault)
    if fault == "reset_after":
        assert "dawn.1" in run([words()], project, made(project))
    else:
        with pytest.raises(GenerateError, match="made at another time"):
            run([words()], project, made(project))
    assert {row.job for row in rows(project)}.isdisjoint(row.job for row in rows(other))


@pytest.mark.parametrize("removed", [False, True])
def test_predictions_of_others_at_other_times_leave_no_doubt(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    """What was just sent still has its inputs, so that none without them can be it."""
    monkeypatch.setattr(module, "_SETTLED_S", 0.0)
    server.on_job = _earlier(7200)
    other, project = project_in(tmp_path / "other"), project_in(tmp_path / "ours")
    run([words(prompt="city")], other, made(other))
    server.removed.update(server.jobs if removed else ())
    server.on_job = lambda job: None
    server.faults.add("submit", "reset_before")
    assert "dawn.1" in run([words()], project, made(project))
    assert (len(server.jobs), len(rows(project))) == (2, 1)


def test_a_late_look_takes_any_without_inputs_for_what_it_may_be(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clocks may differ, and an hour after it was made its inputs are gone."""
    monkeypatch.setattr(module, "_SETTLED_S", 0.0)
    monkeypatch.setattr(module, "_KEPT_S", 0.0)
    server.faults.add("submit", "reset_after")
    server.on_job = _earlier(7200)
    project = project_in(tmp_path)
    with pytest.raises(GenerateError, match="made at another time"):
        run([words()], project, made(project))
    server.removed.update(server.jobs)
    with pytest.raises(GenerateError, match="has removed the inputs"):
        run([words()], project, made(project))
    assert len(server.jobs) == 1


def _earlier(by_s: float) -> Callable[[Job], None]:
    def told(job: Job) -> None:
        job.wall_s -= by_s

    return told


def test_equal_requests_are_never_taken_for_one_another(server: Server, tmp_path: Path) -> None:
    """Two links with the same words, both replies lost."""
    server.faults.add("submit", "reset_after", "reset_after")
    project = project_in(tmp_path)
    takes = run([words(seed=1), words("street.1", seed=2)], project, made(project))
    assert len(takes) == 2
    assert (len(server.jobs), len({row.job for row in rows(project)})) == (2, 2)


def test_what_can_be_told_apart_no_longer_is_the_users(server: Server, tmp_path: Path) -> None:
    """An hour later the inputs are gone."""
    server.faults.add("submit", "reset_after")
    server.on_job = lambda job: server.removed.add(job.id)
    project = project_in(tmp_path)
    for _ in range(2):
        with pytest.raises(GenerateError, match="has removed the inputs"):
            run([words()], project, made(project))
    assert (len(server.jobs), rows(project)[0].state) == (1, "unknown")


@pytest.mark.anyio
async def test_a_clip_that_was_removed_is_told(server: Server, tmp_path: Path) -> None:
    provider = made(project_in(tmp_path))
    job = await _submitted(provider, tmp_path, "kling-3.0", seconds=3)
    server.removed.add(job)
    with pytest.raises(NoClipError, match="removed"):
        await provider.poll(job)
    await provider.aclose()


def test_a_throttled_request_waits_as_long_as_it_is_told(server: Server, tmp_path: Path) -> None:
    server.faults.add("submit", "throttle")
    project = project_in(tmp_path)
    assert "dawn.1" in run([words()], project, made(project))
    assert (len(server.jobs), len(rows(project))) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "trouble", "said"),
    [
        ("balance", "balance", "no credit left (402 You have insufficient credit)"),
        ("policy", "policy", "the content is refused (The content was flagged)"),
    ],
)
def test_refusals_are_told_and_cost_nothing(
    server: Server, tmp_path: Path, fault: Any, trouble: str, said: str
) -> None:
    server.faults.add("submit", fault)
    project = project_in(tmp_path)
    with pytest.raises(ProviderError) as caught:
        run([words()], project, made(project))
    assert caught.value.trouble == trouble
    assert said in caught.value.what
    assert server.billed == []


def test_a_wrong_key_is_told_without_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_wrong")
    project = project_in(tmp_path)
    with pytest.raises(NotSubmittedError, match="the key is not accepted") as caught:
        run([words()], project, made(project))
    assert "REPLICATE_API_TOKEN" in caught.value.fix
    assert "r8_wrong" not in str(caught.value)


@pytest.mark.parametrize("fault", ["expired", "truncated", "reset_after"])
def test_a_download_in_trouble_is_repeated(server: Server, tmp_path: Path, fault: Any) -> None:
    server.faults.add("download", fault)
    project = project_in(tmp_path)
    assert run([words()], project, made(project))["dawn.1"].info.video is not None
    assert len(server.jobs) == 1


@pytest.mark.parametrize("fault", ["malformed", "error_before", "throttle"])
def test_a_poll_in_trouble_is_repeated(server: Server, tmp_path: Path, fault: Any) -> None:
    server.faults.add("poll", fault)
    project = project_in(tmp_path)
    assert "dawn.1" in run([words()], project, made(project))


@pytest.mark.anyio
async def test_a_prediction_can_be_cancelled(server: Server, tmp_path: Path) -> None:
    server.run_s = 60
    provider = made(project_in(tmp_path))
    job = await _submitted(provider, tmp_path, "kling-3.0")
    await provider.cancel(job)
    assert "canceled" in str(await provider.poll(job))
    await provider.aclose()
