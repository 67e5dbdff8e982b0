"""Chains from the timeline to the film: trimmed tails, the guard's seams, ranked takes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import assembler
from assembler.assemble.film import Film
from assembler.assemble.prepare import plan
from assembler.assemble.ranking import rank_takes
from assembler.errors import UsageError
from assembler.match.measure import colour_step, low_lab
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.media.writer import FrameWriter
from tests.match.conftest import picture

MODEL = """
id: animatic
title: Two seconds at a time
vendor: assembler
kinds: [text, image]
providers: [animatic]
lengths: {min_s: 1, max_s: 2}
frames: {rate: 24, extra: 1}
sizes: {180p: {"16:9": 320x180}}
default_resolution: 180p
start_image: true
audio: optional
seed: true
prices: [{provider: animatic, usd_per_s: 0, source: made on this machine}]
"""
TIMELINE = """
assembler: 1
canvas: {size: 320x180, rate: 24}
output: [{preset: youtube-1080p, size: 320x180, path: film.mp4}]
defaults: {provider: animatic, model: animatic, audio: "off"}
segments:
  - id: dawn
    duration: 5s
    prompt: Static shot of a harbour.
    options: {label: false, faults: {seed: 3, colour: 4, contrast: 0.04, fade: 4}}
"""


def _timeline(folder: Path, text: str = TIMELINE) -> Path:
    models = folder / "presets" / "models"
    models.mkdir(parents=True)
    (models / "animatic.yaml").write_text(MODEL, encoding="utf-8")
    path = folder / "film.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_own_model_of_the_embedded_generator_keeps_its_limits(tmp_path: Path) -> None:
    """Under a name of its own; a draft goes without them."""
    models = tmp_path / "presets" / "models"
    models.mkdir(parents=True)
    own = MODEL.replace("id: animatic", "id: brief")
    (models / "brief.yaml").write_text(own, encoding="utf-8")
    path = tmp_path / "film.yaml"
    text = TIMELINE.replace("model: animatic", "model: brief")
    path.write_text(text, encoding="utf-8")
    links = [step.link for step in plan(path).prepared.plan.steps]
    assert [(link.model, link.length_s) for link in links] == [
        ("brief", 2), ("brief", 2), ("brief", 1),
    ]  # fmt: skip
    assert [s.link.model for s in plan(path, draft=True).prepared.plan.steps] == ["animatic"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Film]:
    """A chain of three links, whose clips shift colours and fade at their ends."""
    path = _timeline(tmp_path_factory.mktemp("chain"))
    return path, assembler.render(path)


def test_tails_are_left_out_and_the_film_keeps_its_length(made: tuple[Path, Film]) -> None:
    """Each clip ends where the next one begins; the last one is asked for longer."""
    _, film = made
    one, two, three = film.cut.clips
    assert film.cut.frames == 120
    assert (one.source_out, two.source_out) == (45, 45)
    video = three.source.info.video
    assert video is not None
    assert video.frames == 49
    said = "dawn.1: its last 0.17 s are left out: the clip fades at its end"
    assert said in film.notes


def test_film_keeps_the_first_links_look(made: tuple[Path, Film]) -> None:
    """Seams match, and the film's end looks like its beginning."""
    _, film = made
    assert all(seam.matched for seam in film.seams)
    shown = probe(film.outputs[0].path)
    first, last = (low_lab(next(read_frames(shown, start=n))) for n in (44, 119))
    assert colour_step(first, last) < 1.5


def test_unchanged_chain_is_not_made_again(made: tuple[Path, Film]) -> None:
    """Choices are read again: nothing is generated, matched or rendered anew."""
    path, film = made
    again = assembler.render(path)
    assert again.generated == 0
    assert again.seams == film.seams
    assert again.outputs[0].up_to_date


def test_takes_are_ranked_by_both_neighbours(made: tuple[Path, Film]) -> None:
    """The clip that was made for the place comes before one of another place."""
    path, film = made
    takes = path.parent / ".assembler" / "takes"
    key = film.cut.clips[1].source.path.stem
    with FrameWriter(takes / f"{key}-2.mp4", (320, 180), Fraction(24)) as writer:
        for n in range(49):
            writer.write(np.roll(picture(9, (320, 180)), 2 * n, axis=1))
    noted = json.loads((takes / f"{key}.json").read_text(encoding="utf-8"))
    noted |= {"take": 2, "size_bytes": (takes / f"{key}-2.mp4").stat().st_size}
    (takes / f"{key}-2.json").write_text(json.dumps(noted), encoding="utf-8")
    ranked = rank_takes(path, "dawn.2")
    assert [take.number for take in ranked.takes] == [1, 2]
    assert ranked.takes[0].chosen
    assert ranked.takes[0].cost < 5
    assert ranked.takes[1].reasons == ("before it: another picture", "after it: another picture")
    assert json.loads(json.dumps(ranked.data()))["takes"][0]["before"]["matched"]
    assert "* take 1" in ranked.text()


def test_unknown_link_is_named(made: tuple[Path, Film]) -> None:
    with pytest.raises(UsageError, match="there is no link 'dusk"):
        rank_takes(made[0], "dusk.1")
