"""Corrections as rendered, against the same in numpy."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from assembler.cut.model import Transition
from assembler.match.apply import corrected
from assembler.match.decision import ColourFix, Correction
from assembler.media.frames import FrameWriter, read_frames
from assembler.media.pixels import BT709, rgb_of
from assembler.rendering.render import render
from assembler.rendering.spans import divided, spans_of
from assembler.spec.presets import delivery_preset
from assembler.timebase import FrameRange
from tests.rendering.conftest import clip, cut_of, source

ROWS = [[1.03, 0, 0], [0, 0.98, 0], [0, 0, 1.04], *[[0.0] * 3] * 6, [0.01, -0.01, 0.0]]
FIX = ColourFix(tuple((float(r), float(g), float(b)) for r, g, b in ROWS))
FADING = ColourFix(FIX.matrix, (0.05, 0.0, -0.03), 1.0)


@pytest.mark.parametrize(
    ("correction", "mean_error"),
    [
        (Correction(FIX), 0.6),
        (Correction(FADING), 0.6),
        (Correction(sharpen=0.5), 0.7),
        (Correction(FIX, release_frames=4), 0.6),
        (Correction(affine=(0.99, 0.002, 0.004, -0.002, 0.985, 0.006)), 1.5),
    ],
)
def test_a_correction_is_rendered_as_numpy_has_it(sources, tmp_path, spans, correction, mean_error):
    """The first frame, made as an array or not, and one at rest; no bias in either."""
    a, _ = sources
    cut = cut_of(clip(a, 0, 20, correction=correction))
    # Flat synthetic chroma rounds one way in 8 bits; geometry goes through ffmpeg only there.
    preset = delivery_preset("lossless" if correction.affine else "lossless-10bit")
    out = render(cut, preset, tmp_path / "o.mkv", sound=None, spans=spans).path
    with av.open(str(out)) as container:
        found = [rgb_of(frame, BT709) for frame in container.decode(video=0)]
    plain = list(read_frames(a.info, stop=20))
    for n in (0, 19):
        error = (found[n] - corrected(plain[n], correction, n)) * 255
        assert np.abs(error).mean() <= mean_error
        assert abs(error.mean()) <= 0.1


@pytest.mark.parametrize("name", ["lossless", "lossless-10bit", "prores-master"])
def test_a_correction_moves_no_mean(sources, tmp_path, spans, name):
    """Geometry, colour and sharpness together, in 8 and 10 bits and in 4:2:2."""
    a, _ = sources
    whole = Correction(FIX, (0.99, 0.002, 0.004, -0.002, 0.985, 0.006), 0.3)
    cut, preset = cut_of(clip(a, 0, 6, correction=whole)), delivery_preset(name)
    out = tmp_path / f"o.{preset.container}"
    with av.open(str(render(cut, preset, out, sound=None, spans=spans).path)) as container:
        found = [rgb_of(frame, BT709) for frame in container.decode(video=0)]
    plain = list(read_frames(a.info, stop=6))
    error = (found[5] - corrected(plain[5], whole, 5)) * 255
    assert np.abs(error).mean() <= 1.5
    assert np.abs(error.mean(axis=(0, 1))).max() <= 0.3


def test_a_correction_adds_no_grain(tmp_path, spans):
    """A flat picture stays flat: the other side of the seam has no dither either."""
    path = tmp_path / "flat.mkv"
    with FrameWriter(path, (64, 48), Fraction(24)) as writer:
        for _ in range(4):
            writer.write(np.full((48, 64, 3), 0.4, np.float32))
    cut = cut_of(clip(source(path), 0, 4, correction=Correction(FIX)))
    out = render(cut, delivery_preset("lossless"), tmp_path / "o.mkv", sound=None, spans=spans).path
    with av.open(str(out)) as container:
        (picture, *_) = (rgb_of(frame, BT709) for frame in container.decode(video=0))
    assert np.ptp(picture, axis=(0, 1)).max() < 1e-6
    assert np.abs(picture[0, 0] - [0.422, 0.382, 0.416]).max() * 255 < 1


def test_frames_after_a_released_correction_are_left_alone(sources):
    """They are a piece of their own."""
    a, _ = sources
    cut = cut_of(clip(a, 0, 40, correction=Correction(FIX, release_frames=6)))
    pieces = spans_of(cut, delivery_preset("lossless"))[0].pieces
    assert [(piece.frames, piece.correction.neutral) for piece in pieces] == [
        (6, False),
        (34, True),
    ]


def test_both_sides_of_a_transition_are_corrected(sources, tmp_path, spans):
    """More corrected shots than one stream of raw frames can carry."""
    a, b = sources
    way = Transition("dissolve", 4, 4)
    fixed = Correction(FIX)
    cut = cut_of(
        clip(a, 0, 24, correction=fixed), clip(b, 24, 48, 10, transition=way, correction=fixed)
    )
    preset = delivery_preset("lossless-10bit")
    assert render(cut, preset, tmp_path / "o.mkv", sound=None, spans=spans).frames == 48


def test_sources_are_found_under_any_name(sources, tmp_path, spans):
    """A name with percent signs, spaces and quotes is a name."""
    from tests.rendering.conftest import source

    odd = tmp_path / "50% of, it's [x].mp4"
    odd.write_bytes(Path(sources[0].path).read_bytes())
    cut = cut_of(clip(source(odd), 0, 12))
    preset = delivery_preset("lossless")
    assert render(cut, preset, tmp_path / "o.mkv", sound=None, spans=spans).frames == 12


def test_long_clips_are_divided_at_fixed_distances():
    """No part is longer than one and a third lengths, none shorter than a third."""
    parts = list(divided(FrameRange(100, 820), 100, 240))
    assert [FrameRange(100, 340), FrameRange(340, 580), FrameRange(580, 820)] == parts
    assert [FrameRange(100, 400)] == list(divided(FrameRange(100, 400), 100, 240))


def test_a_clip_longer_than_its_source_is_said(sources, tmp_path, spans):
    """Held frames are never silent."""
    a, _ = sources
    preset = delivery_preset("lossless")
    cut = cut_of(clip(a, 0, 20, 60, id="end"), rate=Fraction(24))
    found = render(cut, preset, tmp_path / "o.mkv", sound=None, spans=spans).notes
    assert found == ("a.mp4: it ends 8 frames before clip end does; its last frame is held",)
