"""What was seen of groups of pictures is known again by their bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from assembler.checking.memory import groups_of, recall, remember
from assembler.checking.viewing import blank, view
from assembler.media.probe import probe
from assembler.timebase import FrameRange
from tests.checking.conftest import ffmpeg, write_shot

SIZE = (64, 36)


def _film(folder: Path, first: int) -> Path:
    """Three shots in groups of their own; the first one can be another."""
    names = []
    for seed in (first, 12, 13):
        path = folder / f"shot-{seed}.mp4"
        if not path.exists():
            write_shot(path, seed=seed, step=(1, 0), frames=12)
        names.append(f"file '{path}'\n")
    listed = folder / "list.txt"
    listed.write_text("".join(names), encoding="utf-8")
    out = folder / f"film-{first}.mp4"
    return ffmpeg(out, "-f", "concat", "-safe", "0", "-i", listed, "-c", "copy")


def test_only_what_changed_is_looked_at_again(tmp_path: Path) -> None:
    """And the group after it, whose first frame follows another picture now."""
    old, new = probe(_film(tmp_path, 10)), probe(_film(tmp_path, 11))
    memory = tmp_path / "views.npz"
    remember(memory, view(old, SIZE), groups_of(old), SIZE)
    assert recall(memory, blank(36), groups_of(old), SIZE) == []
    known = blank(36)
    missing = recall(memory, known, groups_of(new), SIZE)
    assert missing == [FrameRange(0, 24)]
    whole = view(new, SIZE, ranges=missing, into=known)
    np.testing.assert_array_equal(whole.luma, view(new, SIZE).luma)
    np.testing.assert_array_equal(whole.change, view(new, SIZE).change)


def test_frames_are_looked_at_again_where_one_of_the_two_before_changed(tmp_path: Path) -> None:
    """Each is a group of its own here."""
    films = []
    for first in (10, 11):
        out = tmp_path / f"{first}.mov"
        films.append(probe(ffmpeg(out, "-i", _film(tmp_path, first), "-c:v", "mjpeg", "-q:v", "4")))
    old, new = films
    memory = tmp_path / "views.npz"
    remember(memory, view(old, SIZE), groups_of(old), SIZE)
    assert recall(memory, blank(36), groups_of(new), SIZE) == [FrameRange(0, 14)]


def test_nothing_is_known_of_what_is_shown_in_another_way(tmp_path: Path) -> None:
    film = probe(_film(tmp_path, 10))
    assert film.video is not None
    memory = tmp_path / "views.npz"
    remember(memory, view(film, SIZE), groups_of(film), SIZE)
    others = (
        replace(film.video, rotation=180),
        replace(film.video, colour=replace(film.video.colour, matrix="smpte170m")),
    )
    for other in others:
        groups = groups_of(replace(film, video=other))
        assert recall(memory, blank(36), groups, SIZE) == [FrameRange(0, 36)]


def test_what_is_damaged_is_looked_at_again(tmp_path: Path) -> None:
    """Cut off, emptied, or something else altogether."""
    film = probe(_film(tmp_path, 10))
    memory, everything = tmp_path / "views.npz", [FrameRange(0, 36)]
    remember(memory, view(film, SIZE), groups_of(film), SIZE)
    whole = memory.read_bytes()
    np.save(tmp_path / "alone.npy", np.zeros(3))
    alone = (tmp_path / "alone.npy").read_bytes()
    for content in (whole[: len(whole) // 2], b"", whole[:90] + b"?" + whole[91:], alone):
        memory.write_bytes(content)
        assert recall(memory, blank(36), groups_of(film), SIZE) == everything


def test_nothing_is_known_of_another_size(tmp_path: Path) -> None:
    """Nor where nothing was kept."""
    film = probe(_film(tmp_path, 10))
    memory = tmp_path / "views.npz"
    everything = [FrameRange(0, 36)]
    assert recall(memory, blank(36), groups_of(film), SIZE) == everything
    remember(memory, view(film, SIZE), groups_of(film), SIZE)
    assert recall(memory, blank(36), groups_of(film), (32, 18)) == everything
