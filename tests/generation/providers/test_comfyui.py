"""ComfyUI through its loopback server: workflows filled, looked up, and made once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assembler.errors import GenerateError
from assembler.generation.base import Done, NotSubmittedError, ProviderError, Request, Sent
from assembler.generation.providers.comfyui import Comfyui
from assembler.media.stills import read_image
from assembler.planning.model import Link
from assembler.planning.project import Project
from tests.generation.providers.runs import (
    FAST,
    Handoff,
    asked,
    distance,
    first_frame,
    last_frame,
    picture,
    project_in,
    rows,
    run,
)
from tests.planning.test_workflow import TITLES, graph
from tests.servers.comfyui import Comfyui as Server
from tests.servers.kit import serving


@pytest.fixture
def server(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    with serving(Server(tmp_path_factory.getbasetemp() / "comfyui")) as one:
        monkeypatch.setenv("ASSEMBLER_COMFYUI_URL", one.url)
        yield one


@pytest.fixture(autouse=True)
def workflows(tmp_path: Path) -> None:
    """One for words, one for a start frame, one for both ends, as three templates have them."""
    start = graph(**TITLES)
    words = graph(**TITLES)
    del words["97"], words["98"]["inputs"]["start_image"]
    both = graph(**TITLES)
    both["99"] = both["97"] | {"_meta": {"title": "assembler: end"}}
    both["98"]["class_type"] = "WanFirstLastFrameToVideo"
    both["98"]["inputs"]["end_image"] = ["99", 0]
    for name, nodes in (("text", words), ("start", start), ("start-end", both)):
        path = tmp_path / "workflows" / f"wan-2.2-{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(nodes), encoding="utf-8")


def made(project: Project) -> Comfyui:
    return Comfyui(project.home / "jobs/comfyui", limits=FAST)


def shot(id_: str = "dawn.1", **changes: Any) -> Link:
    """A link of two seconds."""
    plain = {"rate": Fraction(16), "frames": 33, "seconds": 2, "size": (320, 176)}
    return asked("comfyui", "wan-2.2", id_, **(plain | {"prompt": "static sea"} | changes))


def graphs(server: Server) -> list[Any]:
    return [call.json["prompt"] for call in server.calls if call.stage == "submit"]


def test_a_chain_goes_on_from_the_end_frame(server: Server, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    start = picture(tmp_path, "harbour.png", 1, (320, 176))
    links = [shot(start=start), shot("dawn.2", start=Handoff("dawn.1"))]
    takes = run(links, project, made(project))
    assert distance(first_frame(takes["dawn.1"]), read_image(start.path)[..., :3]) < 2 / 255
    assert distance(last_frame(takes["dawn.1"]), first_frame(takes["dawn.2"])) < 2 / 255
    sent = server.inputs[graphs(server)[1]["97"]["inputs"]["image"]]
    handed = sorted(project.frames.glob("*last*.png"))[0]
    assert sent.read_bytes() == handed.read_bytes()
    assert takes["dawn.1"].info.video is not None
    assert takes["dawn.1"].info.video.frames == 33


def test_every_place_is_filled(server: Server, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    start, end = (picture(tmp_path, f"{n}.png", n, (320, 176)) for n in (1, 2))
    one = shot(start=start, end=end, negative="fog", seed=7, camera="push in")
    take = run([one], project, made(project))["dawn.1"]
    nodes = graphs(server)[0]
    filled = {
        (id_, name): nodes[id_]["inputs"][name]
        for id_, name in (
            ("6", "text"), ("7", "text"), ("98", "width"), ("98", "height"), ("98", "length"),
            ("3", "noise_seed"), ("57", "fps"),
        )
    }  # fmt: skip
    assert list(filled.values()) == ["static sea. push in", "fog", 320, 176, 33, 7, 16]
    assert nodes["108"]["inputs"]["filename_prefix"].startswith("assembler/")
    assert distance(last_frame(take), read_image(end.path)[..., :3]) < 6 / 255


def test_what_is_not_asked_stays_as_the_workflow_has_it(server: Server, tmp_path: Path) -> None:
    project = project_in(tmp_path)
    run([shot(), shot("street.1", prompt="city")], project, made(project))
    first, second = graphs(server)
    assert first["7"]["inputs"]["text"] == "blur"
    assert first["3"]["inputs"]["noise_seed"] != second["3"]["inputs"]["noise_seed"]


@pytest.mark.parametrize(
    "fault", ["reset_before", "reset_after", "error_before", "error_after", "hang", "malformed"]
)
def test_a_lost_reply_is_looked_up_by_our_id(server: Server, tmp_path: Path, fault: Any) -> None:
    server.faults.add("submit", fault)
    project = project_in(tmp_path)
    assert "dawn.1" in run([shot()], project, made(project))
    assert (len(server.billed), len(rows(project))) == (1, 1)


@pytest.mark.anyio
async def test_a_job_is_found_while_queued_when_done_and_after_a_restart(
    server: Server, tmp_path: Path
) -> None:
    provider = made(project_in(tmp_path))
    request = Request(shot(), "asm-0123456789abcdef", None, None)
    sent = Sent(request, 0.0, 0.0)
    assert "NotMade" in str(await provider.find(sent))
    server.run_s = 60
    job = await provider.submit(request)
    assert job in str(await provider.find(sent))
    assert "Queued" in str(await provider.poll(job))
    server.jobs[job].done_s = server.now()
    assert job in str(await provider.find(sent))
    server.restart()
    assert job in str(await provider.find(sent))
    state = await provider.poll(job)
    assert isinstance(state, Done)
    await provider.download(state, tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").stat().st_size > 1000
    server.files.clear()
    assert "may have been started anew" in str(await provider.poll(job))
    assert "NotMade" in str(await provider.find(sent))
    await provider.aclose()


def test_what_nodes_refuse_is_told_node_by_node(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "workflows/wan-2.2-text.json"
    nodes = json.loads(path.read_text(encoding="utf-8"))
    nodes["37"] = {"class_type": "UNETLoader", "inputs": {"unet_name": "wan9.safetensors"}}
    del nodes["98"]["inputs"]["vae"]
    path.write_text(json.dumps(nodes), encoding="utf-8")
    project = project_in(tmp_path)
    with pytest.raises(NotSubmittedError) as caught:
        run([shot()], project, made(project))
    assert (
        "node 98 (WanImageToVideo): Required input is missing: vae; node 37 (UNETLoader): "
        "Value not in list: unet_name: 'wan9.safetensors' not in" in caught.value.what
    )
    assert caught.value.trouble == "parameter"
    assert rows(project)[0].state == "failed"


def test_a_node_that_is_not_installed_is_told(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "workflows/wan-2.2-text.json"
    nodes = json.loads(path.read_text(encoding="utf-8")) | {
        "200": {"class_type": "RIFE VFI", "inputs": {}}
    }
    path.write_text(json.dumps(nodes), encoding="utf-8")
    project = project_in(tmp_path)
    with pytest.raises(NotSubmittedError, match="no node RIFE VFI"):
        run([shot()], project, made(project))


def test_a_run_that_drops_outputs_is_stopped(server: Server, tmp_path: Path) -> None:
    server.drops, server.run_s = True, 60
    project = project_in(tmp_path)
    with pytest.raises(NotSubmittedError, match=r"node 9 \(SaveVideo\)"):
        run([shot()], project, made(project))
    assert server.jobs == {}


def test_running_out_of_memory_frees_it(server: Server, tmp_path: Path) -> None:
    server.out_of_memory = True
    project = project_in(tmp_path)
    with pytest.raises(ProviderError, match=r"node 3 \(KSamplerAdvanced\) ran out of memory"):
        run([shot(price_usd=Decimal(0))], project, made(project))
    assert server.freed == 1
    server.out_of_memory = False
    assert "dawn.1" in run([shot(price_usd=Decimal(0))], project, made(project))


@pytest.mark.anyio
async def test_only_the_own_job_is_stopped(server: Server, tmp_path: Path) -> None:
    server.run_s = 60
    provider = made(project_in(tmp_path))
    jobs = [await provider.submit(Request(shot(), f"asm-{n:016x}", None, None)) for n in range(2)]
    server.jobs[jobs[0]].made_s -= 30
    await provider.cancel(jobs[1])
    assert list(server.jobs) == jobs[:1]
    await provider.cancel(jobs[0])
    assert "interrupted in ComfyUI" in str(await provider.poll(jobs[0]))
    await provider.aclose()


def test_videos_of_other_savers_are_found(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "workflows/wan-2.2-text.json"
    nodes = json.loads(path.read_text(encoding="utf-8"))
    nodes["108"] = {
        "class_type": "VHS_VideoCombine", "inputs": {"filename_prefix": "x", "images": ["57", 0]},
    }  # fmt: skip
    path.write_text(json.dumps(nodes), encoding="utf-8")
    project = project_in(tmp_path)
    assert "dawn.1" in run([shot()], project, made(project))


def test_a_server_that_is_down_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSEMBLER_COMFYUI_URL", "http://127.0.0.1:9")
    project = project_in(tmp_path)
    with pytest.raises(GenerateError, match=r"the connection to http://127\.0\.0\.1:9 failed"):
        run([shot()], project, made(project))
    assert rows(project)[0].state == "failed"


def test_the_key_for_paid_nodes_goes_with_the_job_alone(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYUI_API_KEY", "comfy-secret")
    project = project_in(tmp_path)
    run([shot()], project, made(project))
    assert server.keys == ["comfy-secret"]
    others = [call for call in server.calls if call.stage != "submit"]
    assert not any(b"comfy-secret" in call.body for call in others)
    assert not any("comfy-secret" in str(call.headers) for call in server.calls)


@pytest.mark.parametrize("fault", ["truncated", "reset_after"])
def test_a_download_in_trouble_is_repeated(server: Server, tmp_path: Path, fault: Any) -> None:
    server.faults.add("download", fault)
    project = project_in(tmp_path)
    assert np.isfinite(first_frame(run([shot()], project, made(project))["dawn.1"])).all()
    assert len(server.billed) == 1


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_a_node_that_is_paid_is_not_run_as_free(server: Server, tmp_path: Path) -> None:
    """Its name doesn't tell; the server's list of nodes does."""
    path = tmp_path / "workflows/wan-2.2-text.json"
    nodes = json.loads(path.read_text(encoding="utf-8"))
    nodes["200"] = {"class_type": "NewPartnerNode", "inputs": {"prompt": "sea"}}
    path.write_text(json.dumps(nodes), encoding="utf-8")
    project = project_in(tmp_path)
    with pytest.raises(ProviderError, match=r"node NewPartnerNode of wan-2\.2-text\.json is paid"):
        run([shot(price_usd=Decimal(0))], project, made(project))
    assert not server.jobs
    assert "dawn.1" in run([shot(price_usd=Decimal("0.14"))], project, made(project))
