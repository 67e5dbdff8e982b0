"""The end frame without bias, and the matrix and range that a clip was really written with."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assembler.errors import MediaError
from assembler.generation.handoff import end_frame, judge_colour, true_colour
from assembler.media.frames import BT709, FrameWriter, write_png
from assembler.media.info import Colour, Matrix, MediaInfo
from assembler.media.probe import probe
from assembler.media.scale import covering, lanczos

Floats = NDArray[np.float32]

SIZE = (480, 270)
RATE = Fraction(24)


def _picture(seed: int = 1, saturation: float = 1.0) -> Floats:
    """Patches of many colours with soft edges, as a picture has them."""
    random = np.random.default_rng(seed)
    patches = random.uniform(0.05, 0.95, (9, 16, 3)).astype(np.float32)
    grey = patches.mean(axis=2, keepdims=True)
    mixed = grey + saturation * (patches - grey)
    wide = cv2.resize(mixed, (960, 540), interpolation=cv2.INTER_CUBIC)
    grain = random.normal(0, 0.01, wide.shape)
    return np.clip(wide + grain, 0.02, 0.98).astype(np.float32)


def _generated(picture: Floats) -> Floats:
    """Frame 0 as a generator gives it back: enlarged a little, softer, and shifted in colour."""
    framed = covering(picture, SIZE)
    warp = np.array([[1.016, 0, -3.0], [0, 1.008, -1.5]])
    moved = cv2.warpAffine(framed, warp, SIZE, borderMode=cv2.BORDER_REFLECT_101)
    soft = cv2.GaussianBlur(moved, (0, 0), 0.8)
    shifted = 0.45 + (soft - 0.45) * np.array([1.02, 1.01, 0.995]) + np.array([0.01, 0.005, 0.0])
    return np.clip(shifted, 0, 1).astype(np.float32)


def _clip(path: Path, frames: list[Floats], colour: Colour, tags: Colour | None) -> MediaInfo:
    size = frames[0].shape[1], frames[0].shape[0]
    options = {"crf": "6", "preset": "ultrafast"}
    with FrameWriter(path, size, RATE, colour=colour, tags=tags, options=options) as writer:
        for frame in frames:
            writer.write(frame)
    return probe(path)


@pytest.mark.parametrize("tagging", ["true", "absent", "wrong"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
def test_matrix_and_range_are_found(
    tmp_path: Path, matrix: Matrix, full: bool, tagging: str
) -> None:
    start = tmp_path / "start.png"
    picture = _picture()
    write_png(start, picture)
    truth = replace(BT709, matrix=matrix, full_range=full)
    wrong = replace(truth, matrix="bt601" if matrix == "bt709" else "bt709")
    tags = {"true": truth, "absent": Colour(), "wrong": wrong}[tagging]
    evidence = judge_colour(_clip(tmp_path / "a.mp4", [_generated(picture)], truth, tags), start)
    assert (evidence.colour.matrix, evidence.colour.full_range) == (matrix, full)
    assert evidence.decided


def test_finding_against_the_tags_is_said(tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    picture = _picture(2)
    write_png(start, picture)
    truth = replace(BT709, matrix="bt601")
    info = _clip(tmp_path / "a.mp4", [_generated(picture)], truth, BT709)
    colour, notes = true_colour(info, start)
    assert colour.matrix == "bt601"
    assert notes == (
        "its first frame against the start image shows BT.601 limited range; "
        "its tags say otherwise.",
    )


def test_grey_picture_keeps_the_standard_matrix(tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    picture = _picture(3, saturation=0.0)
    write_png(start, picture)
    truth = replace(BT709, matrix="bt709")
    info = _clip(tmp_path / "a.mp4", [_generated(picture)], truth, Colour())
    evidence = judge_colour(info, start)
    assert (evidence.colour.matrix, evidence.colour.full_range) == ("bt601", False)
    assert not evidence.decided
    assert "too little colour to tell the matrix; the standard stands" in evidence.note


def test_other_picture_tells_nothing(tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    write_png(start, _picture(4))
    info = _clip(tmp_path / "a.mp4", [_generated(_picture(5))], BT709, Colour())
    colour, notes = true_colour(info, start)
    assert (colour.matrix, colour.full_range) == ("bt601", False)
    assert notes == (
        "its first frame doesn't show start.png; the clip doesn't say its matrix or range; "
        "BT.601 limited range is assumed.",
    )


def test_flat_start_image_tells_nothing(tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    write_png(start, np.full((270, 480, 3), 0.5, np.float32))
    info = _clip(tmp_path / "a.mp4", [np.full((270, 480, 3), 0.5, np.float32)], BT709, BT709)
    colour, notes = true_colour(info, start)
    assert colour.matrix == "bt709"
    assert "doesn't show start.png" in notes[0]


def test_without_start_image_tags_stand(tmp_path: Path) -> None:
    info = _clip(tmp_path / "a.mp4", [_picture()], BT709, BT709)
    assert true_colour(info, None) == (replace(BT709, chroma="left"), ())


def test_end_frame_is_the_last_one_in_the_models_size(tmp_path: Path) -> None:
    first, last = _picture(6), _picture(7)
    info = _clip(tmp_path / "a.mp4", [first, first, last], BT709, BT709)
    handed = end_frame(info, BT709, size=SIZE)
    assert handed.shape == (270, 480, 3)
    error = (handed - lanczos(last, SIZE)) * 255
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.3
    assert np.sqrt((error**2).mean()) < 3


def test_earlier_frame_can_be_handed_on(tmp_path: Path) -> None:
    first, last = _picture(6), _picture(7)
    info = _clip(tmp_path / "a.mp4", [first, last], BT709, BT709)
    assert np.abs(end_frame(info, BT709, frame=0) - first).mean() < 3 / 255
    assert np.abs(end_frame(info, BT709, frame=99) - last).mean() < 3 / 255


def test_true_matrix_gives_the_true_picture(tmp_path: Path) -> None:
    picture = _picture(8)
    info = _clip(tmp_path / "a.mp4", [picture], replace(BT709, matrix="bt601"), BT709)
    true, tagged = (
        np.abs(end_frame(info, replace(BT709, matrix=m)) - picture).mean() * 255
        for m in ("bt601", "bt709")
    )
    assert true < 2
    assert tagged > 2 * true


def test_sound_hands_on_nothing(tmp_path: Path) -> None:
    from assembler.media import ffmpeg

    tone = tmp_path / "tone.wav"
    ffmpeg.run(["-f", "lavfi", "-i", "sine=d=0.1", str(tone)])
    with pytest.raises(MediaError, match="has no picture to hand on"):
        end_frame(probe(tone), BT709)


def test_other_shape_is_filled_from_the_centre() -> None:
    picture = np.zeros((100, 300, 3), np.float32)
    picture[:, 100:200] = 1.0
    square = covering(picture, (50, 50))
    assert square.shape == (50, 50, 3)
    assert square.min() > 0.9


def test_nearly_the_same_shape_is_stretched() -> None:
    assert covering(_picture(), (960, 542)).shape == (542, 960, 3)


@pytest.mark.parametrize("size", [(480, 270), (961, 541), (1280, 720), (77, 31)])
def test_lanczos_keeps_the_mean(size: tuple[int, int]) -> None:
    picture = 0.2 + 0.6 * _picture(9)
    error = lanczos(picture, size).mean(axis=(0, 1)) - picture.mean(axis=(0, 1))
    assert np.abs(error).max() * 255 < 0.5


def test_lanczos_does_not_alias() -> None:
    """The finest stripes become grey."""
    stripes = np.tile(np.array([0, 1], np.float32), 200)[None, :, None].repeat(100, 0).repeat(3, 2)
    assert np.abs(lanczos(stripes, (100, 100))[10:-10, 10:-10] - 0.5).max() < 0.05
