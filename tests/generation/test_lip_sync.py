"""Lips are moved through every platform that does it: from a timeline to a clip with its sound."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assembler.assemble.generating import generate
from assembler.assemble.masters import locate
from assembler.generation.base import Take
from assembler.generation.run import WaitingError
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.media.samples import write_wav
from assembler.media.writer import FrameWriter
from assembler.planning.ledger import submissions_made
from assembler.planning.project import Project
from tests.mixing.conftest import HZ, speech
from tests.servers import fal, kling, piapi, scenario
from tests.servers.kit import Platform, serving

SIZE = (720, 720)
SERVERS: dict[str, tuple[type[Platform], dict[str, str]]] = {
    "fal": (fal.Fal, {"FAL_KEY": ""}),
    "piapi": (piapi.Piapi, {"PIAPI_KEY": ""}),
    "scenario": (scenario.Scenario,
                 {"SCENARIO_API_KEY": "", "SCENARIO_API_SECRET": scenario.Scenario.secret}),
    "kling": (kling.Kling, {"KLING_API_KEY": ""}),
}  # fmt: skip


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 3 s with a bar that wanders, and 6 s of speech."""
    folder = tmp_path_factory.mktemp("media")
    with FrameWriter(folder / "anna.mp4", SIZE, Fraction(8)) as writer:
        for n in range(24):
            picture = np.full((SIZE[1], SIZE[0], 3), 0.4, np.float32)
            picture[:, 25 * n : 25 * n + 60] = (0.8, 0.6, 0.2)
            writer.write(picture)
    write_wav(folder / "talk.wav", [speech(6, 1)], HZ, 1)
    return folder


@pytest.fixture
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    name: str = request.param
    made, keys = SERVERS[name]
    more: dict[str, Any] = {"size": (160, 160)} if name == "kling" else {}
    with serving(made(tmp_path / "server", **more)) as running:
        monkeypatch.setenv(f"ASSEMBLER_{name.upper()}_URL", running.url)
        for key, value in keys.items():
            monkeypatch.setenv(key, value or running.key)
        yield running


def _made(folder: Path, media: Path, provider: str, segments: str, **more: Any) -> dict[str, Take]:
    for file in media.iterdir():
        shutil.copyfile(file, folder / file.name)
    timeline = folder / "film.yaml"
    timeline.write_text(
        "assembler: 1\ncanvas: {size: 720x720}\n"
        f"defaults: {{provider: {provider}}}\nsegments:\n{segments}",
        encoding="utf-8",
    )
    return dict(generate(timeline, **more).takes)


CLIP = "  - {id: anna, avatar: {model: lip-sync, video: anna.mp4, audio: talk.wav, in: 2s}%s}\n"


def _check(take: Take, source: Path, folder: Path) -> None:
    """Its picture is the video's, its sound the recording's, from where it was to begin."""
    for own, given in zip(read_frames(take.info), read_frames(probe(source)), strict=True):
        assert float(np.abs(own - given).mean()) < 4 / 255
    found = locate(take.path, folder / "talk.wav")
    assert found.matched
    assert float(found.offset_s) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("server", ["fal", "piapi", "scenario"], indirect=True)
def test_video_is_uploaded_and_comes_back_with_the_recording(
    server: Platform, tmp_path: Path, media: Path
) -> None:
    take = _made(tmp_path, media, server.name, CLIP % "")["anna.1"]
    _check(take, media / "anna.mp4", tmp_path)
    assert len(server.jobs) == 1


@pytest.mark.parametrize("server", ["kling"], indirect=True)
def test_kling_takes_its_address_and_the_face_is_paid_once(
    server: Platform, tmp_path: Path, media: Path
) -> None:
    """The lip-sync is refused once for want of room, and sent again with the face that is known."""
    url = server.publish((media / "anna.mp4").read_bytes(), ".mp4")
    server.faults.add("submit", "throttle")
    take = _made(tmp_path, media, "kling", CLIP % f", options: {{video_url: '{url}'}}")["anna.1"]
    _check(take, media / "anna.mp4", tmp_path)
    paths = [call.path.rpartition("/")[2] for call in server.calls if call.method == "POST"]
    assert paths.count("identify-face") == 1
    assert paths.count("advanced-lip-sync") == 2


@pytest.mark.parametrize("server", ["kling"], indirect=True)
def test_clip_that_kling_has_made_is_named_by_its_id_there(
    server: Platform, tmp_path: Path, media: Path
) -> None:
    segments = (
        "  - {id: talk, duration: 3s, prompt: A static view of the sea., model: kling-3.0,"
        " resolution: 720p, audio: off}\n"
        "  - {id: anna, avatar: {model: lip-sync, of: talk, audio: talk.wav, in: 2s}}\n"
    )
    takes = _made(tmp_path, media, "kling", segments)
    _check(takes["anna.1"], takes["talk.1"].path, tmp_path)
    (call,) = [call for call in server.calls if call.path.endswith("identify-face")]
    source, _ = submissions_made(Project(tmp_path / "film.yaml").ledger)
    assert call.json == {"video_id": str(int(source.job or 0) + 10**9)}


def test_animatic_shows_the_video_and_speaks(tmp_path: Path, media: Path) -> None:
    take = _made(tmp_path, media, "animatic", CLIP % "")["anna.1"]
    _check(take, media / "anna.mp4", tmp_path)


def test_people_get_the_video_and_the_recording(tmp_path: Path, media: Path) -> None:
    with pytest.raises(WaitingError):
        _made(tmp_path, media, "manual", CLIP % "", wait_s=0)
    (sheet,) = (tmp_path / "manual/outbox").glob("*/sheet.md")
    text = sheet.read_text(encoding="utf-8")
    assert "the video, speaking the recording" in text
    assert {path.name for path in sheet.parent.iterdir()} == {"sheet.md", "video.mp4", "speech.wav"}
