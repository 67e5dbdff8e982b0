"""Every kind of generation, from what an author writes to the call that Kling gets."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assembler.assemble.prepare import check, prepare
from assembler.errors import PlanError
from assembler.generation.base import Request
from assembler.generation.handing import HandingOn
from assembler.generation.inputs import files_of
from assembler.generation.providers.kling import Kling
from assembler.media.samples import write_wav
from assembler.media.stills import write_png
from assembler.media.writer import FrameWriter
from tests.generation.providers.shops import QUICK, submitted
from tests.servers import kling
from tests.servers.kit import serving

SIZE = (720, 720)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, a video of 3 s, and a recording of 3 s, beside a timeline."""
    folder = tmp_path_factory.mktemp("film")
    for n, name in enumerate(("start.png", "end.png", "ref.png")):
        write_png(folder / name, np.full((*SIZE, 3), 0.2 + 0.2 * n, np.float32))
    with FrameWriter(folder / "dance.mp4", SIZE, Fraction(24)) as writer:
        for n in range(73):
            writer.write(np.full((*SIZE, 3), n / 100, np.float32))
    write_wav(folder / "talk.wav", [np.zeros((3 * 48_000, 1), np.float32)], 48_000, 1)
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kling.Kling]:
    with serving(kling.Kling(tmp_path_factory.mktemp("server"), size=(64, 64))) as server:
        yield server


@pytest.fixture
def server(running: kling.Kling, monkeypatch: pytest.MonkeyPatch) -> kling.Kling:
    running.calls.clear()
    monkeypatch.setenv("KLING_API_KEY", running.key)
    monkeypatch.setenv("ASSEMBLER_KLING_URL", running.url)
    return running


def _timeline(folder: Path, segment: str) -> Path:
    path = folder / "film.yaml"
    path.write_text(
        "assembler: 1\ncanvas: {size: 720x720}\ndefaults: {provider: kling, resolution: 720p}\n"
        f"segments:\n  - {{id: one, {segment}}}\n",
        encoding="utf-8",
    )
    return path


def _send(folder: Path, segment: str) -> None:
    """Ask for the segment's first link."""
    prepared = prepare(_timeline(folder, segment))
    link = prepared.plan.steps[0].link
    handing = HandingOn(prepared.plan, prepared.project, {})
    start = handing.start(link, 1)
    request = Request(
        link, f"asm-{link.key[:20]}", start.path if start else None,
        handing.image(link.end, link.size), None, files_of(link, prepared.project),
    )  # fmt: skip
    submitted(Kling(folder / "jobs", limits=QUICK, pace=0.01), request)


def _plain(body: Any) -> Any:
    """The body with a word in place of files."""
    if isinstance(body, dict):
        return {k: _plain(v) for k, v in body.items() if k not in ("options", "external_task_id")}
    if isinstance(body, list):
        return [_plain(one) for one in body]
    long = isinstance(body, str) and (len(body) > 500 or body.startswith("http"))
    return "FILE" if long else body


def _text(text: str) -> dict[str, str]:
    return {"type": "prompt", "text": text}


def _file(kind: str, **more: str) -> dict[str, str]:
    return {"type": kind, "url": "FILE", **more}


IMAGES = "references: {images: [ref.png, end.png], elements: ['8291']}"
VIDEO = "references: {video: dance.mp4}, options: {video_url: '%s'"
SHOTS = "shots: [{duration: 3s, prompt: Wide.}, {duration: 2s, prompt: Close.}]"
ELEMENT = {"type": "element", "element_id": "8291", "id": "element_1"}
REFERENCES = [_file("refer_image", id="image_1"), _file("refer_image", id="image_2")]
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("model: kling-3.0, duration: 4s, prompt: Sea., audio: native", "text-to-video/kling-3.0",
     {"prompt": "Sea.", "settings": {"resolution": "720p", "duration": 4, "multi_shot": False,
      "audio": "native", "aspect_ratio": "1:1"}}),
    ("model: kling-3.0, duration: 4s, start: start.png, end: end.png, prompt: Sea., audio: off",
     "image-to-video/kling-3.0",
     {"contents": [_text("Sea."), _file("first_frame"), _file("last_frame")],
      "settings": {"resolution": "720p", "duration": 4, "multi_shot": False, "audio": "off"}}),
    (f"model: kling-3.0, {SHOTS}, prompt: Sea., audio: off", "text-to-video/kling-3.0",
     {"prompt": "shot 1, 3, Sea. Wide.; shot 2, 2, Sea. Close.;",
      "settings": {"resolution": "720p", "duration": 5, "multi_shot": True, "audio": "off",
                   "aspect_ratio": "1:1"}}),
    (f"model: kling-3.0-omni, duration: 4s, prompt: '@image_1 meets @element_1.', {IMAGES}",
     "omni-video/kling-3.0-omni",
     {"contents": [_text("@image_1 meets @element_1."), ELEMENT, *REFERENCES],
      "settings": {"resolution": "720p", "duration": 4, "multi_shot": False, "audio": "native",
                   "aspect_ratio": "1:1"}}),
    (f"model: kling-o1, duration: 5s, prompt: Sea., {IMAGES}", "omni-video/kling-o1",
     {"contents": [_text("Sea."), ELEMENT, *REFERENCES],
      "settings": {"resolution": "720p", "duration": 5, "audio": "off", "aspect_ratio": "1:1"}}),
    (f"model: kling-3.0-omni, duration: 3s, prompt: Snow., audio: off, {VIDEO}}}",
     "omni-video/kling-3.0-omni",
     {"contents": [_text("Snow."), _file("base_video", id="video_1")],
      "settings": {"resolution": "720p", "multi_shot": False, "audio": "off"}}),
    (f"model: kling-3.0-omni, duration: 3s, prompt: Snow., {VIDEO}, video: feature}}",
     "omni-video/kling-3.0-omni",
     {"contents": [_text("Snow."), _file("feature_video", id="video_1")],
      "settings": {"resolution": "720p", "multi_shot": True, "audio": "off"}}),
    (f"model: kling-3.0-motion, duration: 3s, start: start.png, audio: off, {VIDEO},"
     " character_orientation: image}", "motion-control/kling-3.0",
     {"contents": [_file("image"), _file("video")],
      "settings": {"resolution": "720p", "audio": "off", "character_orientation": "image"}}),
    ("model: kling-2.6, duration: 5s, start: start.png, prompt: Hi., resolution: 1080p,"
     " audio: native, voices: [v1, v2]", "image-to-video/kling-2.6",
     {"contents": [_text("Hi."), _file("first_frame"),
                   {"type": "voice", "voice_id": "v1", "id": "voice_1"},
                   {"type": "voice", "voice_id": "v2", "id": "voice_2"}],
      "settings": {"resolution": "1080p", "duration": 5, "audio": "native"}}),
    ("model: kling-1.6, duration: 5s, prompt: Sea., negative: fog, guidance: 0.7",
     "v1/videos/text2video",
     {"model_name": "kling-v1-6", "prompt": "Sea.", "negative_prompt": "fog", "cfg_scale": 0.7,
      "mode": "std", "duration": "5", "aspect_ratio": "1:1"}),
    ("avatar: {model: avatar-2.0, image: start.png, audio: talk.wav, prompt: Calm.}",
     "v1/videos/avatar/image2video",
     {"image": "FILE", "sound_file": "FILE", "mode": "std", "prompt": "Calm."}),
]  # fmt: skip


@pytest.mark.parametrize(("segment", "path", "body"), CASES, ids=[c[1] for c in CASES])
def test_what_the_author_writes_is_what_is_sent(
    server: kling.Kling, folder: Path, segment: str, path: str, body: dict[str, Any]
) -> None:
    if "%s" in segment:
        segment %= server.publish((folder / "dance.mp4").read_bytes(), ".mp4")
    _send(folder, segment)
    (call,) = [call for call in server.calls if call.stage == "submit"]
    assert (call.path.strip("/"), _plain(call.json)) == (path, body)


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("model: kling-3.0-turbo, duration: 4s, start: start.png, end: end.png, prompt: x",
         "kling-3.0-turbo takes no end image"),
        ("model: kling-2.6, duration: 5s, prompt: x, voices: [a, b, c]", "takes at most 2 voices"),
        ("model: kling-3.0, duration: 4s, prompt: x, negative: fog", "takes no negative prompt"),
        ("model: kling-3.0, duration: 4s, prompt: x, guidance: 0.5", "takes no guidance"),
        (f"model: kling-2.6, {SHOTS}", "kling-2.6 makes one shot at a time, not 2"),
        ("model: kling-3.0, duration: 4s, prompt: x, references: {images: [ref.png]}",
         "takes no reference images"),
        ("model: kling-2.6, duration: 5s, prompt: x, audio: native", "makes sound only at 1080p"),
        ("model: kling-3.0, duration: 4s, prompt: x, references: {video: dance.mp4}",
         "kling-3.0 takes no references of this sort"),
        ("model: kling-3.0, duration: 4s, start: start.png, middle: [ref.png], prompt: x",
         "kling-3.0 takes no images in the middle, not 1"),
        ("model: any, provider: manual, duration: 14s, start: start.png, middle: [ref.png],"
         " prompt: x", "its images in the middle belong to one generation, and it needs 2"),
    ],
)  # fmt: skip
def test_what_a_model_cannot_do_is_refused_at_check(folder: Path, segment: str, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        check(_timeline(folder, segment))
    assert said in str(caught.value)


def test_images_in_the_middle_go_where_they_are_taken(folder: Path) -> None:
    """Kling 4.0 passes them; no platform says how it is asked for, so people make such clips."""
    segment = (
        "model: kling-4.0, provider: manual, duration: 8s, start: start.png, end: end.png,"
        " middle: [ref.png], prompt: x"
    )
    prepared = prepare(_timeline(folder, segment))
    link = prepared.plan.steps[0].link
    assert files_of(link, prepared.project)["middle"] == (folder / "ref.png",)
    other = prepare(_timeline(folder, segment.replace("[ref.png]", "[end.png]")))
    assert link.key != other.plan.steps[0].link.key
