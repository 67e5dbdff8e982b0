"""What the programme should show, read from its sources."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from assembler.checking.expected import Expected
from assembler.checking.reference import programme
from assembler.cut.model import Change
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.media.stills import write_png
from assembler.rendering.render import render
from assembler.spec.model import Fit
from assembler.spec.presets import delivery_preset, mix_preset
from tests.rendering.conftest import clip, cut_of, source
from tests.rendering.numbers import numbered_clip


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the collector of cycles, which comes late where little but pixels is made."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("size", [(360, 270), (270, 360)])
@pytest.mark.parametrize("crop", [None, (0.25, 0.0, 0.25, 0.125)])
@pytest.mark.parametrize("fit", ["blur", "contain"])
def test_what_lies_around_a_picture_is_known(
    tmp_path: Path, size: tuple[int, int], crop: tuple[float, float, float, float] | None, fit: Fit
) -> None:
    """Black or blurred as it is rendered, to the edges of what a crop leaves."""
    down, across = np.mgrid[0 : size[1], 0 : size[0]] / max(size)
    write_png(tmp_path / "a.png", np.stack([across, down, 0.5 + 0 * down], 2).astype(np.float32))
    taken = source(tmp_path / "a.png")
    shown = clip(replace(taken, still=True, change=Change(crop=crop)), 0, 6, fit=fit)
    cut, preset = cut_of(shown), delivery_preset("lossless")
    render(cut, preset, tmp_path / "o.mkv", sound=None, spans=tmp_path / "spans")
    (frame, *_) = read_frames(probe(tmp_path / "o.mkv"))
    expected = Expected(cut, preset, mix_preset("web"))
    small = (64, round(64 * cut.size[1] / cut.size[0]))
    known = next(programme(expected, small))
    assert known is not None
    seen = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
    assert np.abs(known.rgb - seen)[2:-2, 2:-2].mean() < 0.02
    assert 0.2 < known.free.mean() <= (1 if fit == "contain" else 0.95)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by /proc")
def test_sources_are_let_go_when_their_clips_are_over(tmp_path: Path, uncollected: None) -> None:
    """However many clips a film has, two of them are open."""
    taken = source(numbered_clip(tmp_path / "a.mp4", 12))
    clips = [clip(taken, n * 6, n * 6 + 6, source_in=n % 3) for n in range(8)]
    expected = Expected(cut_of(*clips), delivery_preset("youtube-1080p"), mix_preset("web"))

    def opened() -> int:
        files = Path("/proc/self/fd")
        links = [fd for fd in files.iterdir() if fd.is_symlink()]
        return sum(str(taken.path) == str(link.resolve()) for link in links)

    most, seen = 0, 0
    for shown in programme(expected, (64, 36)):
        seen += shown is not None
        most = max(most, opened())
    assert seen == 48
    assert most <= 2
    assert opened() == 0
