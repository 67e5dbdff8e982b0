"""The suffix of an output says its container, and the container must take the codecs."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembler.assemble.container import in_container
from assembler.errors import UsageError
from assembler.spec.presets import delivery_preset


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
