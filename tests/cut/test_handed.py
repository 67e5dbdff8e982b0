"""A clip ends on the frame that the next one was started on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assembler.cut.build import resolve
from assembler.cut.model import Cut
from assembler.planning.clips import Handed
from tests.cut.facts import MIX, shape, takes_of
from tests.planning.facts import planned

CHAIN = "segments: [{id: dawn, duration: 20s, prompt: Mist.}]"
SEQUEL = """
segments:
  - {id: dawn, duration: 5s, prompt: Mist.}
  - {id: turn, duration: 5s, prompt: Turn., continue: dawn}
"""


def _cut(folder: Path, text: str, link: str, frame: int, take: str | None = None) -> Cut:
    """The cut when *link* was started on that frame of the clip before, or of another take."""
    loaded, plan = planned(folder, "defaults: {provider: kling, model: kling-3.0}\n" + text)
    takes = takes_of(plan, {})
    before = next(s.link for s in plan.steps)
    handed = Handed(before.id, take or before.key, frame)
    takes[link] = replace(takes[link], handed=handed)
    return resolve(loaded, plan, takes, {}, {}, mix=MIX, hashes={})


def test_clip_ends_where_the_next_was_started(tmp_path: Path) -> None:
    """Frames after it aren't shown; what follows moves up, and what is missing is said."""
    cut = _cut(tmp_path, CHAIN, "dawn.2", 235)
    assert [shape(c)[3:] for c in cut.clips] == [(0, 236), (1, 241)]
    assert "dawn: 4 of the 480 frames that were asked for are missing" in cut.notes


def test_frame_of_another_take_says_nothing(tmp_path: Path) -> None:
    """A clip that was started on a take that isn't shown leaves the shown one whole."""
    cut = _cut(tmp_path, CHAIN, "dawn.2", 235, take="another")
    assert shape(cut.clips[0])[3:] == (0, 241)


@pytest.mark.parametrize(("frame", "frames"), [(115, 116), (119, 120)])
def test_segment_ends_where_the_next_was_started(tmp_path: Path, frame: int, frames: int) -> None:
    cut = _cut(tmp_path, SEQUEL, "turn.1", frame)
    assert cut.clips[0].record.frames == frames
