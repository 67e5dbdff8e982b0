"""fal.ai, PiAPI, kie.ai, Scenario and Pollo.ai: runs through their servers, and what goes wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from assembler.errors import GenerateError
from assembler.generation import provider_class
from assembler.generation.base import CantTell, NotMade, Provider, ProviderError, Request, Sent
from assembler.generation.providers import fal as fal_module
from assembler.generation.providers import scenario as scenario_module
from assembler.generation.providers.fal import Fal
from assembler.generation.providers.kie import Kie
from assembler.generation.providers.piapi import Piapi
from assembler.generation.providers.pollo import Pollo
from assembler.generation.providers.replicate import Replicate
from assembler.generation.providers.scenario import Scenario
from assembler.media.stills import read_image, write_png
from assembler.planning.model import Link
from assembler.planning.project import Project
from tests.generation.providers import runs
from tests.generation.providers.shops import QUICK, RATE, SIZE, Files, asked, run
from tests.servers import fal, kie, piapi, pollo, replicate, scenario
from tests.servers.kit import Platform, serving


@dataclass(frozen=True)
class Shop:
    """One platform: its server, our adapter, and what it can do."""

    server: Callable[..., Platform]
    provider: Callable[..., Provider]
    keys: dict[str, str]
    finds: bool = False
    """Whether a lost job is found in a list."""
    own: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    """Of its base URL."""

    def __repr__(self) -> str:
        return self.provider.__name__.lower()  # type: ignore[attr-defined]


_KEY = Platform.key
SHOPS = [
    Shop(fal.Fal, Fal, {"FAL_KEY": _KEY}, True, {"looks_s": (0.05,)}),
    Shop(piapi.Piapi, Piapi, {"PIAPI_KEY": _KEY}),
    Shop(kie.Kie, Kie, {"KIE_API_KEY": _KEY}),
    Shop(
        scenario.Scenario, Scenario,
        {"SCENARIO_API_KEY": _KEY, "SCENARIO_API_SECRET": scenario.Scenario.secret}, True,
        {"looks_s": (0.05,)},
    ),
    Shop(pollo.Pollo, Pollo, {"POLLO_API_KEY": _KEY}),
]  # fmt: skip
UPLOADING = SHOPS[:4]
REPLICATE = Shop(
    replicate.Replicate, Replicate, {"REPLICATE_API_TOKEN": _KEY}, True, {"looks_s": (0.05,)}, "/v1"
)
Open = Callable[[Shop], AbstractContextManager[tuple[Any, Provider, Project]]]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """A running server, an adapter that speaks to it, and a project."""

    @contextmanager
    def open_(shop: Shop) -> Iterator[tuple[Any, Provider, Project]]:
        with serving(shop.server(tmp_path / "server", rate=RATE)) as server:
            for name, value in shop.keys.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv(f"ASSEMBLER_{server.name.upper()}_URL", server.url + shop.path)
            project = runs.project_in(tmp_path)
            yield server, shop.provider(project.home / "jobs", limits=QUICK, **shop.own), project

    return open_


def _link(shop: Shop, id_: str = "dawn.1", **changes: Any) -> Link:
    """Three seconds of Kling 3.0, from words or from an image."""
    kind = "image" if "start" in changes else "text"
    return asked(repr(shop), "kling-3.0", kind, id_, length_s=3, **changes)


@pytest.mark.parametrize("shop", SHOPS, ids=repr)
def test_it_is_built_in(shop: Shop) -> None:
    assert provider_class(repr(shop)) is shop.provider


@pytest.mark.parametrize("shop", UPLOADING, ids=repr)
def test_a_link_starts_on_the_frame_that_was_handed_to_it(
    shop: Shop, opened: Open, tmp_path: Path
) -> None:
    """Frame 0 of link 2 is the handoff frame of link 1."""
    image = runs.picture(tmp_path, "start.png", 1, SIZE)
    links = [
        _link(shop, start=image, camera="pan right"),
        _link(shop, "dawn.2", start=runs.Handoff("dawn.1")),
    ]
    with opened(shop) as (server, provider, project):
        takes = runs.run(links, project, provider)
    assert (len(server.jobs), len(server.billed)) == (2, 2)
    handed, begun = runs.last_frame(takes["dawn.1"]), runs.first_frame(takes["dawn.2"])
    assert runs.distance(handed, begun) < 1.5 / 255
    assert runs.distance(runs.first_frame(takes["dawn.1"]), begun) > 4 / 255


@pytest.mark.parametrize("shop", SHOPS, ids=repr)
def test_reads_are_repeated_and_the_job_is_made_once(shop: Shop, opened: Open) -> None:
    with opened(shop) as (server, provider, project):
        server.faults.add("submit", "throttle")
        server.faults.add("poll", "malformed", "error_before")
        server.faults.add("download", "truncated", "expired")
        takes = runs.run([_link(shop)], project, provider)
    assert server.faults.listed == []
    assert (len(server.jobs), len(server.billed)) == (1, 1)
    assert takes["dawn.1"].info.video.frames == 25  # type: ignore[union-attr]


@pytest.mark.parametrize("fault", ["reset_after", "malformed_after"])
@pytest.mark.parametrize("shop", [s for s in SHOPS if s.finds], ids=repr)
def test_a_lost_reply_is_found_in_the_list_by_what_was_sent(
    shop: Shop, fault: Any, opened: Open, tmp_path: Path
) -> None:
    """Another job with the same words, but from another image, isn't taken for it."""
    others = runs.picture(tmp_path, "other.png", 2, SIZE)
    image = runs.picture(tmp_path, "start.png", 1, SIZE)
    with opened(shop) as (server, provider, project):
        runs.run([_link(shop, "other.1", start=others)], project, provider)
        server.page_gaps = True
        server.faults.add("submit", fault)
        runs.run([_link(shop, start=image)], project, provider)
    assert (len(server.jobs), len(server.billed)) == (2, 2)
    _, second = server.jobs
    assert second in (runs.rows(project)[1].job or "")


@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "error_after"])
@pytest.mark.parametrize("shop", [s for s in SHOPS if not s.finds], ids=repr)
def test_a_lost_reply_that_nobody_can_find_stays_unknown_and_nothing_is_sent_again(
    shop: Shop, fault: Any, opened: Open
) -> None:
    with opened(shop) as (server, provider, project):
        server.faults.add("submit", fault)
        for _ in range(3):
            with pytest.raises(GenerateError, match="was sent, but the reply was lost"):
                runs.run([_link(shop)], project, provider)
    assert (0 if fault == "reset_before" else 1) == len(server.jobs)
    assert sum(call.stage == "submit" for call in server.calls) == 1
    assert runs.rows(project)[0].state == "unknown"


def test_a_submission_that_scenario_does_not_list_after_a_while_was_never_made(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = SHOPS[3]
    with opened(shop) as (server, provider, project):
        server.faults.add("submit", "reset_before")
        with pytest.raises(GenerateError, match="doesn't list it yet"):
            runs.run([_link(shop)], project, provider)
        assert len(server.jobs) == 0
        monkeypatch.setattr(scenario_module, "_SETTLED_S", 0.0)
        runs.run([_link(shop)], project, provider)
    assert len(server.jobs) == 1


def test_a_submission_that_fal_does_not_list_is_found_when_it_has_ended(opened: Open) -> None:
    """fal may leave out of its list what hasn't ended."""
    shop = SHOPS[0]
    with opened(shop) as (server, provider, project):
        server.run_s = 60.0
        server.faults.add("submit", "reset_after")
        with pytest.raises(GenerateError, match="fal doesn't list it"):
            runs.run([_link(shop)], project, provider)
        server.run_s = 0.0
        (job,) = server.jobs.values()
        job.done_s = job.made_s
        runs.run([_link(shop)], project, provider)
    assert len(server.jobs) == 1


@pytest.mark.parametrize("shop", SHOPS, ids=repr)
def test_what_was_stopped_before_it_left_has_made_no_job(
    shop: Shop, opened: Open, tmp_path: Path
) -> None:
    request = Request(_link(shop), "asm-stopped", None, None)
    with opened(shop) as (_, provider, _project):
        assert isinstance(run(provider, provider.find(Sent(request, 0.0, 0.0))), NotMade)
        if not shop.finds:
            run(provider, provider.submit(request))
            assert isinstance(run(provider, provider.find(Sent(request, 0.0, 0.0))), CantTell)


@pytest.mark.parametrize("shop", SHOPS, ids=repr)
def test_refused_content_is_said_and_not_sent_again(shop: Shop, opened: Open) -> None:
    with opened(shop) as (server, provider, project):
        server.faults.add("submit", "policy")
        with pytest.raises(ProviderError, match="the content is refused") as caught:
            runs.run([_link(shop)], project, provider)
    assert (caught.value.trouble, len(server.jobs)) == ("policy", 1)
    assert "teaser.yaml:1:1" in str(caught.value)


@pytest.mark.parametrize("shop", SHOPS, ids=repr)
def test_an_empty_account_is_said_and_nothing_is_made(shop: Shop, opened: Open) -> None:
    with opened(shop) as (server, provider, project):
        server.faults.add("submit", "balance")
        with pytest.raises(ProviderError, match="the account has no credit left") as caught:
            runs.run([_link(shop)], project, provider)
    assert (caught.value.trouble, len(server.jobs)) == ("balance", 0)
    assert runs.rows(project)[0].state == "failed"


@pytest.mark.parametrize("shop", SHOPS, ids=repr)
def test_a_wrong_key_is_named_but_never_shown(
    shop: Shop, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(shop) as (server, _, project):
        name = next(iter(shop.keys))
        monkeypatch.setenv(name, "wrong-key-4711")
        provider = shop.provider(project.home / "jobs", limits=QUICK, **shop.own)
        with pytest.raises(ProviderError, match=f"check {name}") as caught:
            runs.run([_link(shop)], project, provider)
    assert (caught.value.trouble, len(server.jobs)) == ("auth", 0)
    assert "4711" not in f"{caught.value}{caught.value!r}{caught.value.args}"


@pytest.mark.parametrize("shop", SHOPS, ids=repr)
def test_without_a_key_the_variable_is_named(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=f"set {next(iter(shop.keys))}"):
        shop.provider(tmp_path)


@pytest.mark.parametrize("shop", SHOPS, ids=repr)
def test_an_unknown_state_is_an_error_not_a_wait(
    shop: Shop, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"queued": "resting", "running": "resting", "done": "resting", "failed": "resting"}
    for module, name in ((piapi, "_STATUSES"), (kie, "_STATES"), (scenario, "_STATUSES"),
                         (pollo, "_STATUSES")):  # fmt: skip
        monkeypatch.setattr(module, name, words)
    if shop.provider is Fal:
        monkeypatch.setattr(
            fal.Fal, "_names", lambda self, job: {"request_id": job.id, "status": "?"}
        )
    with opened(shop) as (_, provider, project), pytest.raises(ProviderError, match="unknown stat"):
        runs.run([_link(shop)], project, provider)


def test_what_pollo_has_billed_is_kept(opened: Open) -> None:
    shop = SHOPS[4]
    with opened(shop) as (server, provider, project):
        server.wrapped = True
        runs.run([_link(shop)], project, provider)
    assert Decimal("0.56") == runs.rows(project)[0].billed_usd


def test_pollo_takes_a_start_image_by_its_address(opened: Open, tmp_path: Path) -> None:
    shop = SHOPS[4]
    image = runs.picture(tmp_path, "start.png", 1, SIZE)
    url = "https://example.org/start.png"
    link = _link(shop, start=image, options={"image_url": url})
    with opened(shop) as (server, provider, project):
        server.public[url] = image.path
        take = runs.run([link], project, provider)["dawn.1"]
        with pytest.raises(ProviderError, match="by their public address only"):
            runs.run([_link(shop, "b.1", start=image)], project, provider)
    (job,) = server.jobs.values()
    assert url == job.body["image"]
    shown = read_image(image.path)[..., :3]
    assert runs.distance(shown, runs.first_frame(take)) < 3 / 255


def test_a_picture_too_large_for_the_platform_is_sent_as_jpeg(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = SHOPS[0]
    noise = np.random.default_rng(1).random((SIZE[1], SIZE[0], 3)).astype(np.float32)
    path = tmp_path / "noise.png"
    write_png(path, noise)
    monkeypatch.setattr(fal_module, "_IMAGE_BYTES", path.stat().st_size - 1)
    link = _link(shop, start=runs.ImageFile(path, "0" * 64))
    with opened(shop) as (server, provider, _):
        run(provider, provider.submit(Request(link, "asm-1", path, None)))
    ((url, sent),) = server.files.items()
    assert (Path(url).suffix, sent.suffix) == (".jpg", ".jpg")
    assert runs.distance(noise, read_image(sent)) < 5 / 255


def test_a_reference_in_another_format_is_sent_as_png(opened: Open, tmp_path: Path) -> None:
    """Kling takes PNG and JPEG; the author's file stays as it is."""
    shop = SHOPS[0]
    image = read_image(runs.picture(tmp_path, "ref.png", 1, SIZE).path)
    path = tmp_path / "ref.webp"
    codes = np.rint(image[..., ::-1] * 255).astype(np.uint8)
    path.write_bytes(cv2.imencode(".webp", codes, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes())
    link = asked("fal", "kling-3.0-omni", "reference")
    with opened(shop) as (server, provider, _):
        request = Request(link, "asm-1", None, None, None, {"reference": (path,)})
        run(provider, provider.submit(request))
    ((url, sent),) = server.files.items()
    assert (Path(url).suffix, sent.suffix) == (".png", ".png")
    assert np.array_equal(image, read_image(sent))


def test_a_photo_is_sent_the_right_way_up(opened: Open, tmp_path: Path) -> None:
    """What its EXIF says of that isn't read everywhere, and a sideways clip is paid as well."""
    shop = SHOPS[0]
    path = tmp_path / "phone.jpg"
    with Image.open(runs.picture(tmp_path, "ref.png", 1, SIZE).path) as image:
        exif = image.getexif()
        exif[0x0112] = 6
        image.save(path, exif=exif, quality=95)
    link = asked("fal", "kling-3.0-omni", "reference")
    with opened(shop) as (server, provider, _):
        request = Request(link, "asm-1", None, None, None, {"reference": (path,)})
        run(provider, provider.submit(request))
    (sent,) = server.files.values()
    upright = read_image(path)
    assert (sent.suffix, upright.shape[:2]) == (".png", SIZE)
    with Image.open(sent) as shown:
        assert shown.getexif().get(0x0112, 1) == 1
    assert np.abs(read_image(sent) - upright).max() < 1 / 255


def test_a_result_that_fal_has_forgotten_is_read_from_its_list(opened: Open) -> None:
    """Results are kept for an hour, inputs and outputs for a month."""
    shop = SHOPS[0]
    with opened(shop) as (server, provider, project):
        server.result_life_s = -1.0
        runs.run([_link(shop)], project, provider)
    assert len(server.jobs) == 1


def test_trouble_of_fals_while_a_result_is_asked_for_is_no_failure_of_the_job(
    opened: Open,
) -> None:
    """Only what fal calls failed has failed: the job is paid."""
    shop = SHOPS[0]
    with opened(shop) as (server, provider, project):
        server.slow_s = 0.0
        server.faults.add("poll", "slow", "error_before", "error_before", "error_before")
        with pytest.raises(ProviderError, match="trouble of its own"):
            runs.run([_link(shop)], project, provider)
        assert runs.rows(project)[0].state == "accepted"
        runs.run([_link(shop)], project, provider)
    assert len(server.jobs) == 1


@pytest.mark.parametrize("shop", [*(s for s in SHOPS if s.finds), REPLICATE], ids=repr)
def test_of_equal_jobs_the_one_nearest_in_time_is_the_lost_one(shop: Shop, opened: Open) -> None:
    """The other is of somebody else who has the account; its clip would do, but isn't ours."""
    with opened(shop) as (server, provider, project):
        run(provider, provider.submit(Request(_link(shop), "asm-theirs", None, None)))
        (theirs,) = server.jobs.values()
        theirs.wall_s -= 120
        server.faults.add("submit", "reset_after")
        runs.run([_link(shop)], project, provider)
    _, ours = server.jobs
    assert ours == runs.rows(project)[0].job


@pytest.mark.parametrize("shop", [SHOPS[0], SHOPS[3]], ids=repr)
def test_an_avatar_speaks_as_long_as_its_recording(
    shop: Shop, opened: Open, tmp_path: Path, files: Files
) -> None:
    portrait = runs.picture(tmp_path, "anna.png", 1, SIZE)
    link = asked(
        repr(shop), "avatar-2.0-pro", "avatar", length_s=3, start=portrait, audio=True,
        avatar_image=portrait.path, avatar_audio=files.speech,
    )  # fmt: skip
    with opened(shop) as (_, provider, project):
        take = runs.run([link], project, provider)["dawn.1"]
    assert (take.info.video.frames, len(take.info.audio)) == (25, 1)  # type: ignore[union-attr]
    assert runs.distance(read_image(portrait.path), runs.first_frame(take)) < 4 / 255


def test_kie_refuses_what_comes_too_fast_and_it_is_sent_later(opened: Open) -> None:
    shop = SHOPS[2]
    with opened(shop) as (server, provider, project):
        server.recent.extend([server.now() + 3600] * kie._BURST)
        server.on_full = server.recent.clear
        runs.run([_link(shop)], project, provider)
    assert (len(server.jobs), sum(call.stage == "submit" for call in server.calls)) == (1, 2)


@pytest.mark.parametrize("shop", SHOPS[2:], ids=repr)
def test_more_than_the_account_allows_waits_for_its_turn(shop: Shop, opened: Open) -> None:
    with opened(shop) as (server, provider, project):
        server.busy_until_one_is_turned_away()
        runs.run([_link(shop), _link(shop, "turn.1", prompt="Rain.")], project, provider)
        refused = sum(call.stage == "submit" for call in server.calls) - 2
    assert len(server.jobs) == 2
    assert refused > 0


def test_a_clip_that_is_gone_is_downloaded_again_without_a_new_job(opened: Open) -> None:
    shop = SHOPS[3]
    with opened(shop) as (server, provider, project):
        runs.run([_link(shop)], project, provider)
        shutil.rmtree(project.takes)
        runs.run([_link(shop)], project, provider)
    assert len(server.jobs) == 1
