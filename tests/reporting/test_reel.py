"""The seam reel: every join once, the worst first, in picture and sound of the film."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import assembler
from assembler.errors import UsageError
from assembler.media.files import unfinished
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.media.samples import read_samples
from assembler.reporting.reel import reel
from assembler.reporting.write import Reported

AROUND = 36
"""Frames before and after a join."""
PLACES = {"shot>walk.1": 24, "walk.1>walk.2": 48, "walk.2>end.1": 72}


@pytest.fixture(scope="module")
def made(film: Path) -> Reported:
    return assembler.report(film, reel=True)


def _shown(made: Reported) -> list[int]:
    """The film's frame that each frame of the reel shows."""
    assert made.reel is not None
    return [n for id_ in made.reel.joins for n in _around(PLACES[id_])]


def _around(join: int) -> range:
    return range(max(0, join - AROUND), min(96, join + AROUND))


def test_joins_come_in_the_order_of_their_scores(made: Reported) -> None:
    """Seams first, the worst of them at the start; the cut comes last."""
    assert made.reel is not None
    seams = sorted(made.report.seams, key=lambda seam: -seam.score)
    assert list(made.reel.joins) == [*(seam.id for seam in seams), "walk.2>end.1"]
    assert made.reel.path.name == "tiny-seams.mp4"


def test_reel_shows_the_frames_of_the_film(made: Reported, film: Path) -> None:
    """Each frame is that of the film's place; picture and sound are equally long."""
    assert made.reel is not None
    info = probe(made.reel.path)
    assert info.video is not None
    wanted = _shown(made)
    assert info.video.frames == len(wanted) == 192
    assert float(info.audio[0].duration_s) == pytest.approx(8, abs=0.03)
    delivered = list(read_frames(probe(film.parent / "out" / "tiny.mp4")))
    for n, frame in enumerate(read_frames(info)):
        if n % 12 == 5:
            there = cv2.resize(delivered[wanted[n]], (160, 90), interpolation=cv2.INTER_AREA)
            assert np.abs(frame[45:] - there[45:]).mean() < 0.03, n


def test_label_turns_at_the_join(made: Reported) -> None:
    """The stripe on its left edge is grey before the join and coloured after it."""
    assert made.reel is not None
    info = probe(made.reel.path)
    shown = _shown(made)
    # Footage without colour: all colour there is comes from the label.
    place = made.reel.joins.index("shot>walk.1")
    join = sum(len(_around(PLACES[id_])) for id_ in made.reel.joins[:place]) + 24
    assert shown[join] == 24
    before, after = (
        np.ptp(frame[:30, :20], axis=2).max()
        for frame in read_frames(info, start=join - 1, stop=join + 1)
    )
    assert after > before + 0.1


def test_reel_sounds_like_the_film(made: Reported, film: Path) -> None:
    """In the middle of each moment it has the film's samples, within what AAC changes."""
    assert made.reel is not None
    reel, delivered = probe(made.reel.path), probe(film.parent / "out" / "tiny.mp4")
    start = Fraction(_shown(made)[12], 24)
    heard = read_samples(reel, reel.audio[0].index, Fraction(1, 2), 24000, 48000, 2)
    there = read_samples(delivered, delivered.audio[0].index, start, 24000, 48000, 2)
    assert np.corrcoef(heard[:, 0], there[:, 0])[0, 1] > 0.98


def test_reel_made_again_renders_nothing(made: Reported, film: Path) -> None:
    """Its spans are kept like those of the film."""
    again = assembler.report(film, reel=True)
    assert again.reel is not None
    assert again.reel.rendered == 0


def test_reel_takes_away_what_a_killed_one_has_left(film: Path) -> None:
    """Sound and film that weren't finished; what another one is writing stays."""
    out = film.parent / "reels" / "reel.mp4"
    out.parent.mkdir()
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    for suffix in (".wav", ".mp4"):
        (out.parent / f".reel.{killed.pid}-0123abcd.part{suffix}").write_bytes(b"half")
    other = unfinished(out, ".wav")
    other.write_bytes(b"half")
    reel(film, out)
    assert set(out.parent.iterdir()) == {out, other}


def test_reel_of_a_film_without_its_clips_is_refused(project: Path, tmp_path: Path) -> None:
    """Nothing is generated for it."""
    with pytest.raises(UsageError, match="3 clips must be generated"):
        assembler.report(project, tmp_path / "page.html", reel=tmp_path / "reel.mp4")
    assert not (project.parent / ".assembler" / "takes").exists()
