"""Corrections as rendered, against the same in numpy."""

from __future__ import annotations

import os
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from assembler.match.apply import corrected
from assembler.match.decision import ColourFix, Correction
from assembler.media.frames import read_frames
from assembler.media.pixels import BT709, rgb_of
from assembler.rendering.render import render
from assembler.rendering.spans import divided, spans_of
from assembler.spec.presets import delivery_preset
from assembler.timebase import FrameRange
from tests.rendering.conftest import clip, cut_of

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


def test_fading_frames_are_a_piece_of_their_own(sources):
    """What comes to rest is left to ffmpeg."""
    a, _ = sources
    cut = cut_of(clip(a, 0, 40, correction=Correction(FADING)))
    pieces = spans_of(cut, delivery_preset("lossless"))[0].pieces
    assert [(piece.frames, piece.arrays) for piece in pieces] == [(4, True), (36, False)]


def test_a_lut_is_found_in_any_folder(sources, tmp_path, spans, monkeypatch):
    """Colons, commas, quotes and brackets in the temporary folder's name do no harm."""
    a, _ = sources
    odd = tmp_path / ("it's a [b], c;d=e%f" + ":" * (os.name == "posix"))
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    cut = cut_of(clip(a, 0, 12, correction=Correction(FIX)))
    preset = delivery_preset("lossless")
    assert render(cut, preset, tmp_path / "o.mkv", sound=None, spans=spans).frames == 12


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
