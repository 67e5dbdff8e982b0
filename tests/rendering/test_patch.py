"""Frames that a patch makes, as rendered, against the same in numpy."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np

from assembler.match.decision import Correction, Patch
from assembler.match.features import luma
from assembler.match.patch import patched
from assembler.media.frames import read_frames
from assembler.media.pixels import BT709, rgb_of
from assembler.rendering.render import render
from assembler.rendering.spans import spans_of
from assembler.spec.presets import delivery_preset
from tests.rendering.conftest import clip, cut_of

PATCH = Patch(frames=3, missing=1.0)


def test_a_patch_is_rendered_as_numpy_has_it(sources, tmp_path, spans):
    """B's first frames are made out of A's last and its own; the others and their number stay."""
    a, b = sources
    cut = cut_of(clip(a, 0, 8), clip(b, 8, 20, 2, correction=Correction(patch=PATCH)))
    out = render(cut, delivery_preset("lossless"), tmp_path / "o.mkv", sound=None, spans=spans).path
    with av.open(str(out)) as container:
        found = [rgb_of(frame, BT709) for frame in container.decode(video=0)]
    last = list(read_frames(a.info, start=7, stop=8))
    plain = list(read_frames(b.info, start=2, stop=14))
    wanted = patched(last, ([f] for f in plain), PATCH, lambda planes: luma(planes[0]))
    errors = [np.abs(f - w[0]).mean() * 255 for f, w in zip(found[8:], wanted, strict=True)]
    assert len(found) == 20
    assert max(errors[3:]) < 0.6
    assert max(errors) < 2.0
    assert np.abs(found[8] - plain[0]).mean() * 255 > 4 * max(errors[3:])


def test_only_the_first_piece_needs_the_frame_before(sources):
    """It is A's last shown frame, so another one makes B's first span anew."""
    a, b = sources
    cut = cut_of(clip(a, 0, 30), clip(b, 30, 60, 2, correction=Correction(patch=PATCH)))
    spans = spans_of(cut, delivery_preset("lossless"))
    pieces = [piece for span in spans for piece in span.pieces]
    before = [piece.before and (piece.before.first, piece.before.frames) for piece in pieces]
    assert [p.frames for p in pieces] == [30, 3, 27]
    assert before == [None, (29, 1), None]
    other = replace(cut, clips=(replace(cut.clips[0], source_in=5), cut.clips[1]))
    assert spans_of(other, delivery_preset("lossless"))[-1].key != spans[-1].key
