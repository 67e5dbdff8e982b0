"""Footage with bit rot is told of once for each file, whatever is cached."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from assembler.cut.model import Source
from assembler.match.decision import ColourFix, Correction
from assembler.media.ffmpeg import run
from assembler.rendering.render import render
from assembler.spec.presets import delivery_preset
from tests.rendering.conftest import Made, clip, cut_of, source

LOSSLESS = delivery_preset("lossless")
KEYED = {"g": "12", "keyint_min": "12", "sc_threshold": "0"}


@pytest.fixture
def rotten(made: Made, tmp_path: Path) -> Source:
    """72 frames; half of the keyframe at 24 is noise, and so what follows can't be decoded."""
    data = bytearray(made("whole.mp4", 72, options=KEYED).path.read_bytes())
    with av.open(str(tmp_path / "whole.mp4")) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    place, size = packets[24].pos, packets[24].size
    for n in range(place + size // 2, place + size):
        data[n] ^= 0x5A
    (tmp_path / "rotten.mp4").write_bytes(data)
    return source(tmp_path / "rotten.mp4")


def _warnings(rendered) -> list[str]:
    return [note for note in rendered.notes if note.startswith("warning: ")]


def test_frames_that_are_damaged_are_told_with_their_file_and_time(rotten, tmp_path, spans):
    """Once, though two clips show them, and again when all spans are there."""
    cut = cut_of(clip(rotten, 0, 40), clip(rotten, 40, 70, 20))
    first = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    (note,) = _warnings(first)
    assert note.startswith("warning: rotten.mp4: the file is damaged: ")
    assert note.endswith(" can't be decoded whole, the first at 0:01.000")
    joined = render(cut, LOSSLESS, tmp_path / "again.mkv", sound=None, spans=spans)
    unchanged = render(cut, LOSSLESS, tmp_path / "again.mkv", sound=None, spans=spans)
    assert (joined.reused, unchanged.joined) == (len(first.made), False)
    assert _warnings(joined) == _warnings(unchanged) == [note]


def test_damage_that_is_not_shown_is_not_told(rotten, tmp_path, spans):
    """Clips on both sides of it, both of which are decoded across it or up to it."""
    cut = cut_of(clip(rotten, 0, 24), clip(rotten, 24, 48, 40))
    rendered = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    assert _warnings(rendered) == []


def test_damage_is_seen_where_pictures_are_made_in_arrays(rotten, tmp_path, spans):
    """Other programs decode there than the one that encodes."""
    fixed = Correction(ColourFix(((1.1, 0, 0), (0, 1, 0), (0, 0, 1), *[(0.0,) * 3] * 7)))
    cut = cut_of(clip(rotten, 0, 30, 10, correction=fixed))
    rendered = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    (note,) = _warnings(rendered)
    assert note.endswith(" can't be decoded whole, the first at 0:01.000")


def test_sound_footage_that_begins_amid_a_group_is_not_called_damaged(made: Made, tmp_path, spans):
    """A broadcast that was joined while it ran, and one whose colours nobody named."""
    whole = made("w.mp4", 72, options=KEYED | {"bf": "2", "preset": "veryfast"})
    run(["-i", str(whole.path), "-c", "copy", str(tmp_path / "w.ts")])
    content = (tmp_path / "w.ts").read_bytes()
    (tmp_path / "late.ts").write_bytes(content[len(content) // 4 // 188 * 188 :])
    late = source(tmp_path / "late.ts")
    assert late.info.video is not None
    cut = cut_of(clip(late, 0, late.info.video.frames))
    rendered = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans)
    assert _warnings(rendered) == []
