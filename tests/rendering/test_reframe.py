"""Deliveries of another shape: a fixed part of the picture, or where its subject is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from assembler.assemble.framing import framed
from assembler.cut.model import Clip, Cut
from assembler.match.follow import subject_path, turning_points
from assembler.rendering.render import render
from assembler.spec.model import Spot
from assembler.spec.presets import delivery_preset
from assembler.timebase import FrameRange
from tests.rendering.conftest import source

SIZE, FRAMES, SIDE = (320, 180), 48, 36
LOSSLESS = delivery_preset("lossless")
VERTICAL = LOSSLESS.model_copy(update={"size": (102, 180)})


def place_of(n: int) -> float:
    """Left edge of the subject in frame *n*: it waits, crosses the picture, and stays."""
    return 20 + (320 - 40 - SIDE) * float(np.clip((n - 8) / 30, 0, 1))


def picture(n: int, *, pan: int = 0) -> np.ndarray:
    """A patterned square over a still (or panned) background with texture."""
    grain = np.random.default_rng(5).uniform(0.25, 0.45, (180, 400 + FRAMES, 1))
    out = np.repeat(grain[:, pan * n : pan * n + 320], 3, axis=2).astype(np.float32)
    left = round(place_of(n))
    checks = (np.indices((SIDE, SIDE)).sum(axis=0) // 6 % 2)[..., None]
    out[72 : 72 + SIDE, left : left + SIDE] = np.where(checks, (0.9, 0.2, 0.2), (0.95, 0.95, 0.9))
    return out


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Cut:
    path = tmp_path_factory.mktemp("moving") / "moving.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "8", "bf": "0"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_range = context.color_primaries = context.color_trc = 1
        for n in range(FRAMES):
            codes = np.rint(picture(n) * 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(codes, "rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=1)))
        container.mux(stream.encode(None))
    clip = Clip("a", "a", source(path), FrameRange(0, FRAMES), 0)
    return Cut("Moving", SIZE, Fraction(24), 48000, "stereo", (clip,))


def red_box(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Left, top, width and height of what is redder than grey."""
    rgb = frame.to_ndarray(format="rgb24").astype(int)
    rows, columns = np.nonzero(rgb[..., 0] - rgb[..., 1] > 60)
    return columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1


def shown(cut: Cut, folder: Path) -> list[av.VideoFrame]:
    out = render(cut, VERTICAL, folder / "o.mkv", sound=None, spans=folder / "spans").path
    with av.open(str(out)) as container:
        return list(container.decode(video=0))


def test_a_subject_is_kept_in_a_vertical_picture(moving, tmp_path):
    """All of it, in every frame, as square as it was; the window never jumps."""
    cut = framed(moving, (102, 180), "follow", tmp_path / "cache")
    boxes = [red_box(frame) for frame in shown(cut, tmp_path)]
    assert len(boxes) == FRAMES
    assert all(width >= SIDE - 3 and abs(width - height) <= 3 for _, _, width, height in boxes)
    window = np.array([place_of(n) - box[0] for n, box in enumerate(boxes)])
    assert np.abs(np.diff(window)).max() <= 12
    assert framed(moving, (102, 180), "follow", tmp_path / "cache") == cut


def test_the_window_follows_what_moves_against_a_pan(moving):
    """A camera that pans is no subject."""
    pictures = [picture(n, pan=2)[::2, ::2] for n in range(0, FRAMES, 4)]
    path = subject_path(pictures, window=0.32, axis=0, rate=6.0)
    lefts = path * 320 * 0.68
    places = np.array([place_of(n) for n in range(0, FRAMES, 4)])
    assert ((lefts <= places + 6) & (lefts + 320 * 0.32 >= places + SIDE - 6)).all()


def test_a_still_subject_is_framed_without_moving():
    """The camera stands."""
    path = subject_path([picture(0)] * 12, window=0.32, axis=0, rate=6.0)
    assert len(set(path)) == 1
    assert path[0] * 320 * 0.68 <= 20


def test_turning_points_tell_the_path():
    """Straight lines between them are the path."""
    path = np.interp(np.arange(40), [0, 10, 25, 39], [0.1, 0.1, 0.9, 0.7])
    points = turning_points(path)
    assert np.abs(np.interp(np.arange(40), points, path[list(points)]) - path).max() < 0.007
    assert len(points) <= 6


def test_a_fixed_part_is_shown_where_asked(moving, tmp_path):
    """At the left end the subject's start is seen, and its end is not."""
    cut = framed(moving, (102, 180), Spot(x=0.0), tmp_path / "cache")
    frames = shown(cut, tmp_path)
    assert abs(red_box(frames[0])[0] - 20) <= 1
    rgb = frames[-1].to_ndarray(format="rgb24").astype(int)
    assert (rgb[..., 0] - rgb[..., 1]).max() < 60


def test_the_same_shape_is_left_alone(moving, tmp_path):
    """Nothing is measured where nothing is cut away."""
    cut = framed(moving, (640, 360), "follow", tmp_path / "cache")
    assert cut == moving
