"""The suffix of an output says its container, and the container must take the codecs."""

from __future__ import annotations

from pathlib import Path

import pytest

import assembler
from assembler.assemble.container import check_size, in_container
from assembler.errors import SpecError, UsageError
from assembler.spec.presets import delivery_preset
from tests.films import write_shot, write_voice


@pytest.mark.parametrize(
    ("preset", "name"),
    [
        ("web-720p", "a.MOV"),
        ("web-720p", "a.mkv"),
        ("prores-master", "a.mkv"),
        ("lossless", "a.mp4"),
    ],
)
def test_another_container_that_fits_is_taken(preset: str, name: str) -> None:
    found = in_container(delivery_preset(preset), Path(name))
    assert found.container == name[2:].lower()


def test_options_of_mp4_are_not_given_to_other_containers() -> None:
    preset = delivery_preset("web-720p")
    assert preset.mux
    assert in_container(preset, Path("a.mkv")).mux == {}


@pytest.mark.parametrize(
    ("preset", "name", "says", "fix"),
    [
        ("web-720p", "a.avi", "'a.avi' names no container", ".mp4, .mov or .mkv"),
        ("web-720p", "a", "'a' names no container", ".mp4, .mov or .mkv"),
        ("web-720p", "a.webm", r"a \.webm file can't hold libx264 and aac", ".mp4, .mov or .mkv"),
        ("prores-master", "a.mp4", "can't hold prores_ks and pcm_s24le", ".mov or .mkv"),
    ],
)
def test_a_container_that_does_not_fit_is_refused(
    preset: str, name: str, says: str, fix: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        in_container(delivery_preset(preset), Path(name))
    assert caught.value.fix == f"end the name with {fix}"


SMALL = """\
assembler: 1
title: Small
canvas: {size: 320x180, rate: 24}
output:
  - {preset: dnxhr, size: 200x100, path: out/small.mov}
segments:
  - {id: s1, duration: 2s, model: animatic, provider: animatic, prompt: A dune. Static camera.}
"""


def test_a_picture_too_small_for_its_encoder_is_refused_before_any_work(tmp_path: Path) -> None:
    """At the place where its size is written, with a size of the same shape that is taken."""
    timeline = tmp_path / "small.yaml"
    timeline.write_text(SMALL, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        assembler.check(timeline)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (5, 27)
    assert problem.what == (
        "pictures of 200x100 are too small for preset dnxhr, which takes them from 256x120 on"
    )
    assert problem.fix == (
        "write `size: 256x128`, or take a preset that goes below, such as prores-master."
    )


SOUNDS = [
    ("mp4", "libx264", "aac"), ("mp4", "libx264", "flac"), ("mp4", "libx264", "libopus"),
    ("mp4", "libx264", "libmp3lame"), ("mov", "libx264", "pcm_s16le"), ("mov", "libx264", "aac"),
    ("mov", "prores_ks", "pcm_s24le"), ("webm", "libvpx-vp9", "libopus"), ("mkv", "ffv1", "ac3"),
    ("mkv", "ffv1", "pcm_f32le"),
]  # fmt: skip
OWN = """\
id: own
title: Own
container: {container}
video: {{encoder: {picture}, pix_fmt: {pix_fmt}}}
audio: {{encoder: {sound}}}
"""


@pytest.mark.parametrize(("container", "picture", "sound"), SOUNDS)
def test_sound_that_a_container_takes_is_delivered(
    tmp_path: Path, container: str, picture: str, sound: str
) -> None:
    """It is written, found to be what was asked for, and stands up to the check afterwards."""
    write_shot(tmp_path / "a.mp4", (256, 144), 24)
    write_voice(tmp_path / "voice.wav")
    (tmp_path / "presets" / "delivery").mkdir(parents=True)
    layout = "yuv422p10le" if picture == "prores_ks" else "yuv420p"
    own = OWN.format(container=container, picture=picture, pix_fmt=layout, sound=sound)
    (tmp_path / "presets" / "delivery" / "own.yaml").write_text(own, encoding="utf-8")
    timeline = tmp_path / "film.yaml"
    timeline.write_text(
        "assembler: 1\ncanvas: {size: 256x144, rate: 24}\n"
        f"output: [{{preset: own, path: film.{container}}}]\n"
        "segments: [{id: a, file: a.mp4}]\ntracks: [{id: v, role: voice, file: voice.wav}]\n",
        encoding="utf-8",
    )
    film = assembler.render(timeline)
    wrong = [f.kind for c in film.checks for f in c.findings if f.severity == "error"]
    assert wrong == []


@pytest.mark.parametrize("size", [(256, 120), (1920, 1080)])
def test_pictures_from_the_least_size_on_are_taken(size: tuple[int, int]) -> None:
    check_size(delivery_preset("dnxhr"), size)
    check_size(delivery_preset("prores-master"), (16, 16))
