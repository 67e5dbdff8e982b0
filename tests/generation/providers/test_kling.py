"""Kling's own API: what is sent for each kind of generation, and what goes wrong on the way."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from assembler.errors import BudgetError, GenerateError
from assembler.generation.base import (
    CantTell,
    Found,
    NotSubmittedError,
    ProviderError,
    Sent,
    Take,
)
from assembler.generation.providers.kling import Kling, _token
from assembler.generation.run import LinksFailedError, generate, settle
from assembler.media.frames import last_frames, read_frames, read_image
from assembler.planning.ledger import Intent, Ledger, Submission
from assembler.planning.model import Handoff, ImageFile, Link
from assembler.planning.project import Project
from tests.generation.links import plan_of, project_in
from tests.generation.providers.shops import (
    QUICK,
    Files,
    asked,
    files_in,
    named,
    request_of,
    run,
    shots,
    submitted,
)
from tests.servers import kling
from tests.servers.kit import Fault, RefusedError, Reply, serving

TEXT = "Slow push-in over the sea."
TWO = shots((3, "Wide shot; the pier."), (2, "Close on her face."))
SHOTS = f"shot 1, 3, {TEXT} Wide shot, the pier.; shot 2, 2, {TEXT} Close on her face.;"
SIZE = (544, 306)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_in(tmp_path_factory.mktemp("files"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[kling.Kling]:
    with serving(kling.Kling(tmp_path / "server", size=(160, 90))) as running:
        monkeypatch.setenv("KLING_API_KEY", running.key)
        monkeypatch.setenv("ASSEMBLER_KLING_URL", running.url)
        yield running


@pytest.fixture
def provider(server: kling.Kling, tmp_path: Path) -> Kling:
    return _provider(tmp_path)


def _provider(folder: Path, **more: Any) -> Kling:
    made = Kling(folder / "jobs", limits=QUICK, pace=0.01, **more)
    made.poll_s = 0.02
    return made


def _asked(id_: str = "dawn.1", model: str = "kling-3.0", kind: str = "text", **more: Any) -> Link:
    changes = {"length_s": 3, "rate": 24, "frames": 73, "price_usd": Decimal("0.252")} | more
    if model == "kling-3.0":
        changes.setdefault("resolution", "720p")
    return asked("kling", model, kind, id_, **changes)


def _run(links: list[Link], project: Project, provider: Kling, **more: Any) -> dict[str, Take]:
    return generate(plan_of(links), project, providers={"kling": provider}, **more)


def _rows(project: Project) -> tuple[Submission, ...]:
    with Ledger(project.ledger) as ledger:
        return ledger.submissions()


def _text(text: str = TEXT) -> dict[str, str]:
    return {"type": "prompt", "text": text}


def _with_url(kind: str, file: str, **more: str) -> dict[str, str]:
    return {"type": kind, "url": file, **more}


FIRST = _with_url("first_frame", "start")
LAST = _with_url("last_frame", "end")
Case = tuple[str, str, dict[str, Any], str, str, dict[str, Any]]
# model, kind, what else the link says, its files, path, body (files by their names)
CASES: list[Case] = [
    ("kling-3.0", "text", {"audio": True, "resolution": "4k"}, "", "/text-to-video/kling-3.0",
     {"prompt": TEXT, "settings": {"resolution": "4k", "duration": 5, "multi_shot": False,
      "audio": "native", "aspect_ratio": "16:9"}}),
    ("kling-3.0", "image", {"camera": "Pan left.", "elements": ("8291", "8292")}, "start end",
     "/image-to-video/kling-3.0",
     {"contents": [_text(f"{TEXT} Pan left."), FIRST, LAST,
                   {"type": "element", "element_id": "8291", "id": "element_1"},
                   {"type": "element", "element_id": "8292", "id": "element_2"}],
      "settings": {"resolution": "1080p", "duration": 5, "multi_shot": False, "audio": "off"}}),
    ("kling-3.0", "text", {"shots": TWO, "size": (306, 544)}, "", "/text-to-video/kling-3.0",
     {"prompt": SHOTS, "settings": {"resolution": "1080p", "duration": 5, "multi_shot": True,
      "audio": "off", "aspect_ratio": "9:16"}}),
    ("kling-3.0-turbo", "text", {"audio": True}, "", "/text-to-video/kling-3.0-turbo",
     {"prompt": TEXT, "settings": {"resolution": "1080p", "duration": 5, "aspect_ratio": "16:9"}}),
    ("kling-3.0-turbo", "image", {"shots": TWO, "audio": True}, "start",
     "/image-to-video/kling-3.0-turbo",
     {"contents": [_text(SHOTS), FIRST], "settings": {"resolution": "1080p", "duration": 5}}),
    ("kling-2.6", "image", {"audio": True, "voices": ("v77", "v78")}, "start",
     "/image-to-video/kling-2.6",
     {"contents": [_text(), FIRST, {"type": "voice", "voice_id": "v77", "id": "voice_1"},
                   {"type": "voice", "voice_id": "v78", "id": "voice_2"}],
      "settings": {"resolution": "1080p", "duration": 5, "audio": "native"}}),
    ("kling-2.5-turbo", "image", {"length_s": 10}, "start end", "/image-to-video/kling-2.5-turbo",
     {"contents": [_text(), FIRST, LAST], "settings": {"resolution": "1080p", "duration": 10}}),
    ("kling-3.0-omni", "text", {"audio": True}, "", "/omni-video/kling-3.0-omni",
     {"contents": [_text()], "settings": {"resolution": "1080p", "duration": 5,
      "multi_shot": False, "audio": "native", "aspect_ratio": "16:9"}}),
    ("kling-3.0-omni", "reference", {"elements": ("8291",), "prompt": "@image_1 with @element_1"},
     "reference", "/omni-video/kling-3.0-omni",
     {"contents": [_text("@image_1 with @element_1"),
                   {"type": "element", "element_id": "8291", "id": "element_1"},
                   _with_url("refer_image", "reference", id="image_1"),
                   _with_url("refer_image", "end", id="image_2")],
      "settings": {"resolution": "1080p", "duration": 5, "multi_shot": False, "audio": "off",
                   "aspect_ratio": "16:9"}}),
    ("kling-3.0-omni", "edit", {"audio": True, "prompt": "@video_1 at night"}, "video",
     "/omni-video/kling-3.0-omni",
     {"contents": [_text("@video_1 at night"), _with_url("base_video", "video", id="video_1")],
      "settings": {"resolution": "1080p", "multi_shot": False, "audio": "original"}}),
    ("kling-3.0-omni", "edit", {"options": {"video": "feature"}}, "video",
     "/omni-video/kling-3.0-omni",
     {"contents": [_text(), _with_url("feature_video", "video", id="video_1")],
      "settings": {"resolution": "1080p", "multi_shot": True, "audio": "off"}}),
    ("kling-o1", "image", {}, "start end", "/omni-video/kling-o1",
     {"contents": [_text(), FIRST, LAST],
      "settings": {"resolution": "1080p", "duration": 5, "audio": "off"}}),
    ("kling-o1", "reference", {"length_s": 4}, "reference", "/omni-video/kling-o1",
     {"contents": [_text(), _with_url("refer_image", "reference", id="image_1"),
                   _with_url("refer_image", "end", id="image_2")],
      "settings": {"resolution": "1080p", "duration": 4, "audio": "off",
                   "aspect_ratio": "16:9"}}),
    ("kling-3.0-motion", "motion", {"audio": True, "elements": ("8291",)}, "start video",
     "/motion-control/kling-3.0",
     {"contents": [_text(), _with_url("image", "start"), _with_url("video", "video"),
                   {"type": "element", "element_id": "8291", "id": "element_1"}],
      "settings": {"character_orientation": "video", "audio": "original",
                   "resolution": "1080p"}}),
    ("kling-2.6-motion", "motion", {"options": {"character_orientation": "image"}}, "start video",
     "/motion-control/kling-2.6",
     {"contents": [_text(), _with_url("image", "start"), _with_url("video", "video")],
      "settings": {"character_orientation": "image", "audio": "off", "resolution": "1080p"}}),
    ("kling-1.6", "image", {"negative": "fog", "guidance": 0.4}, "start end",
     "/v1/videos/image2video",
     {"model_name": "kling-v1-6", "prompt": TEXT, "negative_prompt": "fog", "cfg_scale": 0.4,
      "mode": "pro", "duration": "5", "image": "start", "image_tail": "end"}),
    ("kling-2.1-master", "text", {"negative": "fog", "length_s": 10}, "", "/v1/videos/text2video",
     {"model_name": "kling-v2-1-master", "prompt": TEXT, "negative_prompt": "fog",
      "duration": "10", "aspect_ratio": "16:9"}),
    ("kling-2.1-standard", "image", {"resolution": "720p"}, "start", "/v1/videos/image2video",
     {"model_name": "kling-v2-1", "prompt": TEXT, "mode": "std", "duration": "5",
      "image": "start"}),
    ("avatar-2.0-pro", "avatar", {"length_s": 3}, "start speech", "/v1/videos/avatar/image2video",
     {"image": "start", "sound_file": "speech", "mode": "pro", "prompt": TEXT}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "kind", "says", "given", "path", "body"), CASES,
    ids=[f"{c[0]}-{c[1]}-{n}" for n, c in enumerate(CASES)],
)  # fmt: skip
def test_each_kind_is_asked_for_in_the_documented_fields(
    server: kling.Kling, provider: Kling, files: Files, model: str, kind: str,
    says: dict[str, Any], given: str, path: str, body: dict[str, Any],
) -> None:  # fmt: skip
    """The server refuses every field and value that isn't documented."""
    if "video" in given:
        url = server.publish(files.video.read_bytes(), ".mp4")
        says = says | {"options": {"video_url": url} | says.get("options", {})}
    request = request_of(asked("kling", model, kind, **says), files, *given.split())
    submitted(provider, request)
    call = server.calls[-1]
    sent = named(call.json, lambda text: _file_in(server, text), files)
    own = {"external_task_id": request.client_id}
    extra = own if path.startswith("/v1/") else {
        "options": own | {"watermark_info": {"enabled": False}}}  # fmt: skip
    assert (call.path, sent) == (path, body | extra)


def _file_in(server: kling.Kling, text: str) -> Path | None:
    """The file that a field holds, as Base64 or by its address."""
    if text.startswith("http"):
        return server.published(text)
    if len(text) < 500:
        return None
    return server.keep(base64.b64decode(text, validate=True), "")


def test_image_of_another_sort_is_sent_as_png(
    server: kling.Kling, provider: Kling, files: Files, tmp_path: Path
) -> None:
    webp = tmp_path / "reference.webp"
    cv2.imwrite(str(webp), cv2.imread(str(files.reference)))
    one = asked("kling", "kling-3.0-omni", "reference")
    request = replace(request_of(one, files), files={"reference": (webp,)})
    submitted(provider, request)
    image = base64.b64decode(server.calls[-1].json["contents"][1]["url"])
    assert image.startswith(b"\x89PNG")


def test_photo_is_sent_the_right_way_up(
    server: kling.Kling, provider: Kling, files: Files, tmp_path: Path
) -> None:
    photo = tmp_path / "phone.jpg"
    with Image.open(files.reference) as image:
        exif = image.getexif()
        exif[0x0112] = 8
        image.convert("RGB").save(photo, exif=exif)
    one = asked("kling", "kling-3.0-omni", "reference")
    submitted(provider, replace(request_of(one, files), files={"reference": (photo,)}))
    image = base64.b64decode(server.calls[-1].json["contents"][1]["url"])
    sent = tmp_path / "sent.png"
    sent.write_bytes(image)
    assert np.abs(read_image(sent) - read_image(photo)).max() < 1 / 255


def test_lip_sync_finds_the_face_first(server: kling.Kling, provider: Kling, files: Files) -> None:
    url = server.publish(files.video.read_bytes(), ".mp4")
    one = asked("kling", "lip-sync", "lip-sync", length_s=3, options={"video_url": url})
    job = submitted(provider, request_of(one, files, "speech"))
    assert [call.path.rpartition("/")[2] for call in server.calls] == [
        "identify-face", "advanced-lip-sync"]  # fmt: skip
    assert job.startswith("videos/advanced-lip-sync:")
    assert server.calls[-1].json["face_choose"][0]["sound_end_time"] == 3000


def test_face_is_looked_for_and_paid_once_for_a_take(
    server: kling.Kling, tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another submission of it uses what was found, for a while."""
    url = server.publish(files.video.read_bytes(), ".mp4")
    one = asked("kling", "lip-sync", "lip-sync", length_s=3, options={"video_url": url})
    request = request_of(one, files, "speech")

    def looks() -> int:
        return sum(call.path.endswith("identify-face") for call in server.calls)

    for number in range(2):
        submitted(_provider(tmp_path), replace(request, client_id=f"asm-{number}"))
    assert looks() == 1
    monkeypatch.setattr("assembler.generation.providers.kling._FACES_S", 0.0)
    submitted(_provider(tmp_path), replace(request, client_id="asm-2"))
    assert looks() == 2


def test_chain_goes_on_from_the_frame_that_was_handed_on(
    server: kling.Kling, provider: Kling, tmp_path: Path, files: Files
) -> None:
    """Frame 0 of each clip is the last of the one before, through PNG, Base64, JSON and MP4."""
    links = [
        _asked(kind="image", start=ImageFile(files.start, "a" * 64)),
        _asked("dawn.2", kind="image", start=Handoff("dawn.1")),
        _asked("dawn.3", kind="image", start=Handoff("dawn.2")),
    ]
    takes = _run(links, project_in(tmp_path), provider)
    for a, b in (("dawn.1", "dawn.2"), ("dawn.2", "dawn.3")):
        end = next(iter(last_frames(takes[a].info, 1)))
        begin = next(iter(read_frames(takes[b].info, stop=1)))
        assert float(np.abs(end - begin).mean()) < 1.5 / 255
    assert len(server.jobs) == 3


def test_what_was_billed_is_read_from_the_reply(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    """3 s of 3.0 at 720p are 1.8 units."""
    _run([_asked()], project_in(tmp_path), provider)
    (row,) = _rows(project_in(tmp_path))
    assert (row.price_usd, row.billed_usd) == (Decimal("0.252"), Decimal("0.252"))
    assert row.billed_usd == server.billed[0][1]


@pytest.mark.parametrize(
    "fault", ["reset_before", "reset_after", "error_before", "error_after", "hang", "malformed",
              "malformed_after", "slow"],
)  # fmt: skip
def test_lost_reply_makes_one_task(
    server: kling.Kling, provider: Kling, tmp_path: Path, fault: Fault
) -> None:
    """Whether the task was made or not: it is looked up, and sent again only under the same id."""
    server.faults.add("submit", fault)
    _run([_asked()], project_in(tmp_path), provider)
    assert len(server.jobs) == 1
    assert len(server.billed) == 1
    (row,) = _rows(project_in(tmp_path))
    assert (row.state, [row.client_id]) == ("fetched", [j.client_id for j in server.jobs.values()])


def test_task_that_shows_up_late_is_found(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    """The second request with the same id is refused, so that the task must be there."""
    server.show_after_s = 0.4
    server.faults.add("submit", "reset_after")
    project = project_in(tmp_path)
    provider._pace = 0.1
    _run([_asked()], project, provider)
    assert len(server.jobs) == 1


def test_task_that_exists_and_is_not_shown_waits_for_the_user(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    server.show_after_s = 60
    server.faults.add("submit", "reset_after")
    project = project_in(tmp_path)
    with pytest.raises(GenerateError, match="has a task with our id asm-") as caught:
        _run([_asked()], project, provider)
    assert _rows(project)[0].client_id in caught.value.fix
    server.show_after_s = 0
    settle(project, _rows(project)[0].client_id, next(iter(server.jobs)))
    assert "dawn.1" in _run([_asked()], project, _provider(tmp_path))
    assert len(server.jobs) == 1


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
@pytest.mark.parametrize("token", [False, True])
def test_lost_reply_of_an_avatar_makes_one_task(
    server: kling.Kling, tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch,
    fault: Fault, token: bool,
) -> None:  # fmt: skip
    """In the legacy shape, by API key and by a token from access and secret key."""
    if token:
        monkeypatch.delenv("KLING_API_KEY")
        monkeypatch.setenv("KLING_ACCESS_KEY", server.access)
        monkeypatch.setenv("KLING_SECRET_KEY", server.secret)
    one = _asked(
        model="avatar-2.0", kind="avatar", resolution="720p", avatar_image=files.start,
        avatar_audio=files.speech, start=ImageFile(files.start, "a" * 64),
    )  # fmt: skip
    server.faults.add("submit", fault)
    project = project_in(tmp_path)
    if fault == "reset_before":  # only when it isn't shown for minutes, there is none
        with pytest.raises(GenerateError, match="run again in 5 minutes"):
            _run([one], project, _provider(tmp_path))
        assert not server.jobs
        monkeypatch.setattr("assembler.generation.providers.kling._SETTLED_S", 0.0)
    takes = _run([one], project, _provider(tmp_path))
    assert takes["dawn.1"].info.audio
    assert len(server.jobs) == 1
    (row,) = _rows(project_in(tmp_path))
    assert row.billed_usd == Decimal("0.4") * 3 * Decimal("0.14")


def test_video_needs_an_api_key(
    server: kling.Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KLING_API_KEY")
    with pytest.raises(GenerateError, match="kling: there is no key"):
        _run([_asked()], project_in(tmp_path), _provider(tmp_path))
    monkeypatch.setenv("KLING_ACCESS_KEY", server.access)
    monkeypatch.setenv("KLING_SECRET_KEY", server.secret)
    with pytest.raises(GenerateError, match="takes an API key, not access and secret key"):
        _run([_asked()], project_in(tmp_path), _provider(tmp_path))
    assert server.calls == []


def test_token_is_refused_when_it_is_old_or_of_another_secret(
    server: kling.Kling,
) -> None:
    for token in (_token(server.access, "other", time.time()),
                  _token(server.access, server.secret, time.time() - 4000)):  # fmt: skip
        with pytest.raises(RefusedError):
            server._check_token(token)
    server._check_token(_token(server.access, server.secret, time.time()))


def test_more_than_the_pack_allows_waits_for_room(server: kling.Kling, tmp_path: Path) -> None:
    """The server takes one at a time, and we believe it takes five."""
    server.busy_until_one_is_turned_away()
    links = [_asked(f"a{n}.1", seed=n) for n in range(3)]
    _run(links, project_in(tmp_path), _provider(tmp_path))
    assert len(server.jobs) == 3
    refused = [c for c in server.calls if c.stage == "submit"]
    assert len(refused) > 3
    assert {row.state for row in _rows(project_in(tmp_path))} == {"fetched"}


def test_no_more_than_the_account_takes_is_sent_at_once(
    server: kling.Kling, tmp_path: Path
) -> None:
    server.jobs_at_once, server.run_s = 2, 0.1
    links = [_asked(f"a{n}.1", seed=n) for n in range(6)]
    _run(links, project_in(tmp_path), _provider(tmp_path, concurrency=2))
    assert len([c for c in server.calls if c.stage == "submit"]) == 6


@pytest.mark.parametrize(
    ("fault", "said"),
    [("balance", "the account has no credit left (1102 Account balance not enough)"),
     ("policy", "Failure to pass the risk control system")],
)  # fmt: skip
def test_refusal_names_the_segment_and_what_to_do(
    server: kling.Kling, provider: Kling, tmp_path: Path, fault: Fault, said: str
) -> None:
    server.faults.add("submit", fault)
    with pytest.raises(ProviderError) as caught:
        _run([_asked(where="film.yaml:7:5")], project_in(tmp_path), provider)
    assert said in caught.value.what
    assert (caught.value.where, caught.value.trouble) == ("film.yaml:7:5", fault)
    assert caught.value.fix
    assert [call.stage for call in server.calls].count("submit") == 1
    _run([_asked()], project_in(tmp_path), _provider(tmp_path))
    good = [row for row in _rows(project_in(tmp_path)) if row.state == "fetched"]
    assert (len(good), len(server.billed)) == (1, 1)


def test_wrong_key_is_told_without_showing_it(
    server: kling.Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLING_API_KEY", "sk-wrong-one")
    with pytest.raises(ProviderError) as caught:
        _run([_asked()], project_in(tmp_path), _provider(tmp_path))
    assert str(caught.value) == (
        "teaser.yaml:1:1: kling: the key is not accepted (1002 Authentication error)\n"
        "  fix: check KLING_API_KEY; a new key is made in the account's settings."
    )


def test_refused_link_stops_only_what_hangs_on_it(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    bad = [_asked("a.1", prompt="x" * 4000), _asked("a.2", kind="image", start=Handoff("a.1"))]
    links = [*bad, _asked("b.1"), _asked("c.1", length_s=99, seed=3)]
    with pytest.raises(LinksFailedError, match="prompt is too long") as caught:
        _run(links, project_in(tmp_path), provider)
    assert set(caught.value.failures) == {"a.1", "c.1"}
    assert len(server.jobs) == 1


def test_expired_address_is_asked_for_anew(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    server.faults.add("download", "expired")
    _run([_asked()], project_in(tmp_path), provider)
    assert [c.stage for c in server.calls].count("submit") == 1
    assert [c.stage for c in server.calls].count("download") == 2


@pytest.mark.parametrize(
    ("stage", "faults"),
    [("poll", ["malformed", "error_before", "reset_after"]),
     ("download", ["truncated", "reset_before", "error_before"])],
)  # fmt: skip
def test_what_may_be_repeated_is_repeated(
    server: kling.Kling, provider: Kling, tmp_path: Path, stage: Any, faults: list[Fault]
) -> None:
    server.faults.add(stage, *faults[:2])
    _run([_asked()], project_in(tmp_path), provider)
    server.faults.add(stage, faults[2])
    _run([_asked("b.1")], project_in(tmp_path), provider)
    assert len(server.jobs) == 2


def test_task_that_another_account_has_is_reported(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    project = project_in(tmp_path)
    server.show_after_s = 60
    provider._pace = 0.0001
    with pytest.raises(ProviderError, match="there is no task 9312"):
        _run([_asked()], project, provider)
    server.show_after_s = 0
    _run([_asked()], project, _provider(tmp_path))
    assert len(server.jobs) == 1


def test_budget_counts_what_was_billed(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    """At $0.252 a link, two go into $0.60, whatever the number of runs."""
    links = [_asked(f"a{n}.1", seed=n) for n in range(4)]
    for _ in range(3):
        with pytest.raises((BudgetError, LinksFailedError)):
            _run(links, project_in(tmp_path), _provider(tmp_path), budget_usd=Decimal("0.60"))
    assert len(server.jobs) == 2
    assert sum(usd for _, usd in server.billed) <= Decimal("0.60")


def test_what_kling_can_not_do_is_refused_before_it_is_sent(
    server: kling.Kling, provider: Kling, files: Files
) -> None:
    local = asked("kling", "kling-3.0-motion", "motion")
    long = asked("kling", "kling-3.0", "text", shots=shots((3, "x" * 500), (2, "b")))
    many = asked("kling", "kling-1.6", "reference")
    for one, said in ((local, "public address"), (long, "512 can be sent"), (many, "words or a")):
        with pytest.raises(NotSubmittedError, match=said):
            submitted(provider, request_of(one, files, "start", "video"))
    assert server.calls == []


def test_account_that_takes_more_or_fewer_at_once_can_be_named(
    server: kling.Kling, provider: Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.jobs_at_once, server.run_s = 1, 0.1
    links = [_asked(f"a{n}.1", seed=n) for n in range(3)]
    monkeypatch.setenv("ASSEMBLER_KLING_CONCURRENCY", "many")
    with pytest.raises(LinksFailedError, match="ASSEMBLER_KLING_CONCURRENCY is 'many'"):
        _run(links, project_in(tmp_path), provider)
    monkeypatch.setenv("ASSEMBLER_KLING_CONCURRENCY", "1")
    _run(links, project_in(tmp_path), _provider(tmp_path))
    assert len([c for c in server.calls if c.stage == "submit"]) == 3


def test_stop_waits_for_the_reply_to_what_has_left(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    """The task is in the ledger when the run has stopped, and the next one goes on with it."""
    cancel = threading.Event()
    server.latency_s = 0.5
    server.on_job = lambda job: cancel.set()
    with pytest.raises(GenerateError, match="cancelled"):
        _run([_asked()], project_in(tmp_path), provider, cancel=cancel)
    (row,) = _rows(project_in(tmp_path))
    assert (row.state, row.job) == ("accepted", next(iter(server.jobs)))
    _run([_asked()], project_in(tmp_path), _provider(tmp_path))
    assert len(server.jobs) == 1


def test_task_that_ended_without_a_clip_is_not_paid_again(
    server: kling.Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It succeeded, so it was billed: it is looked at again, not asked for anew."""
    shape = server._task
    monkeypatch.setattr(server, "_task", lambda job: shape(job) | {"outputs": []})
    for _ in range(2):
        with pytest.raises(ProviderError, match="the task has ended without a clip"):
            _run([_asked()], project_in(tmp_path), _provider(tmp_path))
    monkeypatch.setattr(server, "_task", shape)
    _run([_asked()], project_in(tmp_path), _provider(tmp_path))
    assert len(server.jobs) == 1


def test_lost_reply_of_a_request_that_waited_long_before_it_was_sent_is_not_sent_again(
    server: kling.Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A legacy task that isn't shown yet may be young, however old the row is."""
    monkeypatch.setattr("assembler.generation.providers.kling._LEGACY_LOOKS_S", (0.05,))
    one, project = _asked(model="kling-1.6", resolution="720p", length_s=5), project_in(tmp_path)
    with Ledger(project.ledger, timeline="teaser.yaml") as ledger:
        ledger.claim(Intent(one.key, one.id, "kling", one.model, one.price_usd))
        ledger._db.execute("UPDATE submissions SET intended_at = intended_at - 3600")
    server.show_after_s = 3600
    server.faults.add("submit", "reset_after")
    for _ in range(2):
        with pytest.raises(GenerateError, match="run again in 5 minutes"):
            _run([one], project, Kling(tmp_path / "jobs", limits=QUICK))
    assert len(server.jobs) == 1


@pytest.mark.parametrize("noted", [True, False])
def test_lost_request_is_settled_by_when_it_left(
    server: kling.Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    """Images are read and faces asked for before; without a note the ledger's moment counts."""
    monkeypatch.setattr("assembler.generation.providers.kling._LEGACY_LOOKS_S", (0.05,))
    one, project = _asked(model="kling-1.6", resolution="720p", length_s=5), project_in(tmp_path)
    server.faults.add("submit", "reset_before")
    with pytest.raises(GenerateError, match="run again in 5 minutes"):
        _run([one], project, Kling(tmp_path / "jobs", limits=QUICK))
    with Ledger(project.ledger) as ledger:
        ledger._db.execute("UPDATE submissions SET changed_at = changed_at - 301")
    note = tmp_path / "jobs" / f"{_rows(project)[0].client_id}.json"
    if noted:
        with pytest.raises(GenerateError, match="run again in 5 minutes"):
            _run([one], project, Kling(tmp_path / "jobs", limits=QUICK))
        said = json.loads(note.read_text())
        note.write_text(json.dumps(said | {"at_s": said["at_s"] - 301}))
    else:
        note.unlink()
    _run([one], project, _provider(tmp_path))
    assert len(server.jobs) == 1


@pytest.mark.parametrize("key", [True, False])
def test_lost_lip_sync_is_looked_up_with_an_api_key_alone(
    server: kling.Kling, tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch, key: bool
) -> None:
    """Its own page lists tasks by Kling's id: not to be shown there says nothing."""
    if not key:
        monkeypatch.delenv("KLING_API_KEY")
        monkeypatch.setenv("KLING_ACCESS_KEY", server.access)
        monkeypatch.setenv("KLING_SECRET_KEY", server.secret)
    url = server.publish(files.video.read_bytes(), ".mp4")
    one = asked("kling", "lip-sync", "lip-sync", length_s=3, options={"video_url": url})
    request = request_of(one, files, "speech")
    job = submitted(_provider(tmp_path), request)
    provider = _provider(tmp_path)
    found = run(provider, provider.find(Sent(request, since_s=0, sent_s=0)))
    assert found == Found(job) if key else isinstance(found, CantTell)


def test_list_whose_pages_repeat_is_not_read_for_ever(
    server: kling.Kling, provider: Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"result": [], "has_more": True, "next_cursor": "again"}
    monkeypatch.setattr(
        server, "list_tasks", lambda call: Reply(200, {"code": 0, "message": "", "data": page})
    )
    server.faults.add("submit", "reset_before")
    with pytest.raises(ProviderError, match="too long to look through"):
        _run([_asked()], project_in(tmp_path), provider)
    assert (len(server.jobs), _rows(project_in(tmp_path))[0].state) == (0, "sent")


def test_listed_task_without_an_id_is_not_taken_for_none(
    server: kling.Kling, provider: Kling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = server._task
    monkeypatch.setattr(server, "_task", lambda job: shape(job) | {"id": None})
    for _ in range(2):
        with pytest.raises(ProviderError, match="doesn't name its task"):
            _run([_asked()], project_in(tmp_path), provider)
    assert len(server.jobs) == 1


def test_failed_task_says_whether_it_was_free(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    """An empty list of what was billed means nothing; the next run may ask again."""
    server.faults.add("submit", "policy")
    project = project_in(tmp_path)
    with pytest.raises(ProviderError, match="risk control"):
        _run([_asked()], project, provider)
    (row,) = _rows(project)
    assert (row.state, row.in_vain, row.billed_usd) == ("failed", False, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_signal_waits_for_the_reply_to_what_has_left(
    server: kling.Kling, provider: Kling, tmp_path: Path
) -> None:
    """Whatever its handler raises: the job is paid, and must be in the ledger."""

    def leave(_: int, __: object) -> None:
        raise SystemExit(130)

    server.latency_s = 1.0
    server.on_job = lambda job: os.kill(os.getpid(), signal.SIGTERM)
    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit):
            _run([_asked()], project_in(tmp_path), provider)
    finally:
        signal.signal(signal.SIGTERM, before)
    (row,) = _rows(project_in(tmp_path))
    assert (row.state, row.job) == ("accepted", next(iter(server.jobs)))
