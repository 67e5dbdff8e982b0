"""What the programme should show, read from its sources."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from assembler.checking.expected import Expected
from assembler.checking.reference import programme
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
