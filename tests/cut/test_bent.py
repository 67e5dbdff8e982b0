"""Bent time of generated segments in the programme."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembler.cut.build import handoffs
from tests.cut.facts import cut_of, seam, shape, takes_of
from tests.planning.facts import planned

KLING = "defaults: {provider: kling, model: kling-3.0}\n"
TEXT = (
    KLING
    + """
segments:
  - {id: a, prompt: Mist., duration: 8s, speed: 50%}
  - {id: b, prompt: Rain., duration: 4s, continue: a}
"""
)


def test_the_duration_is_what_is_shown(tmp_path: Path) -> None:
    """192 frames of 96, then what follows without the frame that it repeats."""
    cut = cut_of(tmp_path, TEXT)
    assert [shape(clip) for clip in cut.clips] == [
        ("a.1", 0, 192, 0, 192),
        ("b.1", 192, 288, 1, 97),
    ]
    assert cut.clips[0].source.retime is not None
    assert cut.notes[-1] == "a.1: its own sound is left out, since its time is bent"


@pytest.mark.parametrize(
    ("more", "told"), [("", True), (", native: mute", False), (", audio: off", False)]
)
def test_a_film_that_is_silent_for_bent_time_alone_says_so(
    tmp_path: Path, more: str, told: bool
) -> None:
    """Not where the author wants it silent."""
    text = f"{KLING}segments:\n  - {{id: a, prompt: Mist., duration: 8s, speed: 50%{more}}}\n"
    said = (
        "warning: the film is silent: the time of the clips that have sound is bent, and theirs is "
        "left out; give it some in `tracks:`"
    )
    assert (said in cut_of(tmp_path, text).notes) is told


def test_a_mute_timeline_stays_one_where_a_segment_says_but_a_level(tmp_path: Path) -> None:
    own = "{id: a, prompt: Mist., duration: 8s, speed: 50%, native: -3dB}"
    text = f"{KLING}native_audio: mute\nsegments: [{own}]\n"
    assert not any("the film is silent" in note for note in cut_of(tmp_path, text).notes)


def test_nothing_is_trimmed_where_time_is_bent(tmp_path: Path) -> None:
    """The seam is asked about the frames as they are shown."""
    loaded, plan = planned(tmp_path, TEXT)
    (sides,) = handoffs(loaded, plan, takes_of(plan, {}))
    assert (sides.a.first, sides.a.stop) == (0, 192)
    cut = cut_of(tmp_path, TEXT, seams=[seam("a.1>b.1", keep=192, start=2)])
    assert [shape(clip)[1:] for clip in cut.clips] == [(0, 192, 0, 192), (192, 287, 2, 97)]


@pytest.mark.parametrize(
    ("words", "first"), [("speed: 50%, duration: 8s", 0), ("reverse: true, duration: 4s", 95)]
)
def test_a_shorter_clip_holds_its_outermost_frame(tmp_path: Path, words: str, first: int) -> None:
    """A take of 90 frames instead of 97 shows no frame that it hasn't."""
    text = f"{KLING}segments: [{{id: a, prompt: Mist., {words}}}]"
    (clip,) = cut_of(tmp_path, text, frames={"a.1": 90}).clips
    retime = clip.source.retime
    assert retime is not None
    assert retime.reach(clip.source_in) == first
    shown = [retime.at(n) for n in range(clip.source_in, clip.source_out)]
    assert clip.record.frames == retime.shown
    assert all(0 <= place < 90 for place in shown)


def test_bent_layers_are_shown_in_their_length(tmp_path: Path) -> None:
    text = (
        KLING
        + """
segments:
  - {id: a, prompt: Mist., duration: 8s}
  - {id: p, prompt: Bird., duration: 6s, speed: 50%, layer: {place: full, over: a}}
"""
    )
    cut = cut_of(tmp_path, text)
    (layer,) = cut.layers
    assert layer.record.frames == 144
    assert layer.source.retime is not None
