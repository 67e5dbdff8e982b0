"""A film made by hand, from the command line: asked for, waited for, and finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembler.cli.app import run
from assembler.media.probe import probe
from assembler.media.stills import write_png
from tests.generation.providers.test_manual import film, old, picture

TIMELINE = """assembler: 1
canvas: {size: 320x180, rate: 24}
defaults: {provider: manual, model: veo-9, audio: off, resolution: 720p}
output: [{preset: draft, path: out.mp4}]
segments:
  - {id: dawn, duration: 11s, start: a.png, prompt: Mist.}
"""


@pytest.fixture
def timeline(tmp_path: Path) -> Path:
    write_png(tmp_path / "a.png", picture(1, (1280, 720)))
    path = tmp_path / "film.yaml"
    path.write_text(TIMELINE, encoding="utf-8")
    return path


def _sheets(timeline: Path) -> list[str]:
    return sorted(p.name for p in (timeline.parent / "manual/outbox").iterdir())


def test_a_film_is_finished_run_by_run(timeline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run takes what has come and asks for what can be made now."""
    words = ["render", str(timeline), "--no-wait"]
    assert run(words) == 6
    said = capsys.readouterr().err
    assert "manual: 1 clip is still to be made: dawn.1" in said
    assert str(timeline.parent / "manual/outbox") in said
    (first,) = _sheets(timeline)
    inbox = timeline.parent / "manual/inbox"
    old(film(inbox / "download.mp4", picture(1, (320, 180)), 145))
    assert run(words) == 6
    (second,) = _sheets(timeline)
    assert (first[:6], second[:6]) == ("dawn.1", "dawn.2")
    old(film(inbox / f"{second}.mp4", picture(2, (320, 180)), 121))
    assert run(words) == 0
    video = probe(timeline.parent / "out.mp4").video
    assert video is not None
    assert video.frames == 11 * 24


def test_what_people_were_asked_for_can_be_kept_as_it_was(timeline: Path) -> None:
    """A new take of the first link asks for the second anew; keeping it takes its sheet away."""
    words, inbox = ["render", str(timeline), "--no-wait"], timeline.parent / "manual/inbox"
    assert run(words) == 6
    old(film(inbox / f"{_sheets(timeline)[0]}.mp4", picture(1, (320, 180)), 145))
    assert run(words) == 6
    old(film(inbox / f"{_sheets(timeline)[0]}.mp4", picture(2, (320, 180)), 121))
    assert run(words) == 0
    assert run(["takes", "reroll", str(timeline), "dawn.1"]) == 0
    assert run(words) == 6
    old(film(inbox / f"{_sheets(timeline)[0]}.mp4", picture(3, (320, 180)), 145))
    assert run(words) == 6
    (asked,) = _sheets(timeline)
    assert asked.startswith("dawn.2")
    assert run(["takes", "keep", str(timeline), "dawn.2"]) == 0
    assert _sheets(timeline) == []
    assert run(words) == 0


def test_going_back_to_a_take_takes_the_later_sheet_away(timeline: Path) -> None:
    """Nobody should make, and pay elsewhere for, a clip that nothing wants."""
    words, inbox = ["render", str(timeline), "--no-wait"], timeline.parent / "manual/inbox"
    for seed in (1, 2):
        assert run(words) == 6
        clip = inbox / f"{_sheets(timeline)[0]}.mp4"
        old(film(clip, picture(seed, (320, 180)), 145 if seed == 1 else 121))
    assert run(words) == 0
    assert run(["takes", "reroll", str(timeline), "dawn.1"]) == 0
    assert run(words) == 6
    old(film(inbox / f"{_sheets(timeline)[0]}.mp4", picture(3, (320, 180)), 145))
    assert run(words) == 6
    assert run(["takes", "choose", str(timeline), "dawn.1", "1"]) == 0
    assert _sheets(timeline) == []
    assert run(words) == 0


def test_a_wait_that_is_no_time_is_told(timeline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["render", str(timeline), "--wait", "soon"]) == 2
    assert "--wait 'soon' is no time" in capsys.readouterr().err


def test_a_limit_to_the_wait_is_kept(timeline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["render", str(timeline), "--wait", "0.5s"]) == 6
    said = capsys.readouterr().err
    assert "link dawn.1: make what" in said
    assert "1 clip is still to be made" in said
