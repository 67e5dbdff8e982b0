"""Generated segments whose time is bent, from the timeline to the film and back from an editor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import assembler
from assembler.assemble.film import Film
from assembler.media.frames import read_frames
from assembler.media.probe import probe

TIMELINE = """
assembler: 1
canvas: {size: 320x180, rate: 24}
output: [{preset: lossless, path: film.mkv}]
defaults: {provider: animatic, model: animatic, resolution: 180p, audio: "off"}
segments:
  - {id: slow, duration: 2s, speed: 50%, prompt: Slow pan over a harbour.}
  - {id: on, duration: 1s, continue: slow, prompt: Slow pan over a harbour.}
  - {id: back, duration: 1s, reverse: true, prompt: Fast pan over a street.}
"""


def _timeline(folder: Path, text: str = TIMELINE) -> Path:
    path = folder / "film.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Film]:
    """Slow motion, what goes on from its last frame, and a clip backwards."""
    path = _timeline(tmp_path_factory.mktemp("bent"))
    return path, assembler.render(path)


def _differences(film: Film, frame: int, link: str) -> list[float]:
    """Mean difference of a film's frame to every frame of a link's clip."""
    (shown,) = read_frames(probe(film.outputs[0].path), start=frame, stop=frame + 1)
    (clip,) = (clip for clip in film.cut.clips if clip.id == link)
    return [float(np.abs(one - shown).mean()) for one in read_frames(clip.source.info)]


def test_the_film_shows_the_frames_that_the_bend_says(made: tuple[Path, Film]) -> None:
    """Frame 30 of the slow motion is its clip's 15th; backwards frame 3 of 24 is the 20th."""
    _, film = made
    assert [clip.record.frames for clip in film.cut.clips] == [48, 24, 24]
    assert probe(film.outputs[0].path).video.frames == 96  # type: ignore[union-attr]  # it has a picture
    assert int(np.argmin(_differences(film, 30, "slow.1"))) == 15
    assert int(np.argmin(_differences(film, 75, "back.1"))) == 20


def test_what_goes_on_was_started_on_the_frame_shown_last(made: tuple[Path, Film]) -> None:
    """Its own first frame, which repeats that one, is left out by the seam."""
    _, film = made
    (seam,) = film.seams
    assert (seam.matched, seam.keep_until, seam.start_from) == (True, 48, 1)
    assert int(np.argmin(_differences(film, 47, "slow.1"))) == 23


def test_another_bend_makes_no_clip_anew(made: tuple[Path, Film], tmp_path: Path) -> None:
    path, film = made
    text = TIMELINE.replace("reverse: true", "freeze: {at: 12f, for: 12f}")
    other = path.with_name("other.yaml")
    other.write_text(text.replace("film.mkv", "other.mkv"), encoding="utf-8")
    again = assembler.render(other)
    assert (film.generated, again.generated) == (3, 0)
    assert int(np.argmin(_differences(again, 95, "back.1"))) == 12


def test_bent_clips_come_back_from_an_editor(made: tuple[Path, Film]) -> None:
    """Their bend is told as lost, and the cut that was exported gives it back."""
    path, film = made
    result = assembler.export(path, ("otio", "fcpxml", "edl"))
    assert any(
        form == "fcpxml" and "slow.1: its changed speed" in what for form, what in result.lost
    )
    for written in result.files:
        if written.suffix in (".otio", ".fcpxml"):
            back = assembler.import_cut(written).cut
            assert [c.source.retime for c in film.cut.clips] == [
                c.source.retime for c in back.clips
            ]
