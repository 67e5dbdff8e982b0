"""Words over a cut become layers that the renderer already knows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from assembler.cut.model import Cue, Cut, TitleLayer
from assembler.layers.stack import overlaid
from assembler.timebase import FrameRange


def _cut(*, burn: bool) -> Cut:
    return Cut(
        title="T",
        size=(320, 192),
        rate=Fraction(24),
        hz=48000,
        layout="stereo",
        clips=(),
        titles=(TitleLayer("title.1", "Dawn", "title", FrameRange(0, 12)),),
        captions=(Cue(Fraction(0), Fraction(1), "Mist lifts."),),
        burn_captions=burn,
    )


def test_titles_and_burned_captions_become_layers(tmp_path: Path) -> None:
    title, caption = overlaid(_cut(burn=True), tmp_path).layers
    assert (title.record, caption.record) == (FrameRange(0, 12), FrameRange(0, 24))
    assert (title.source.still, caption.source.still) == (False, True)
    for layer in (title, caption):
        video = layer.source.info.video
        assert video is not None
        assert video.alpha
        assert layer.box[2:] == (video.width, video.height)


def test_captions_that_are_not_burned_stay_captions(tmp_path: Path) -> None:
    cut = overlaid(_cut(burn=False), tmp_path)
    assert len(cut.layers) == 1
    assert len(cut.captions) == 1


def test_a_cut_without_words_is_left_as_it_is(tmp_path: Path) -> None:
    cut = Cut("T", (320, 192), Fraction(24), 48000, "stereo", ())
    assert overlaid(cut, tmp_path) == cut
    assert not list(tmp_path.iterdir())
