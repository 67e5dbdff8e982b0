"""Layers, titles, captions, markers: where they lie."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from assembler.cut.model import Cue, Marker
from assembler.timebase import FrameRange
from tests.cut.facts import cut_of, seam
from tests.planning.facts import audio, image, info, video

ROW = """
segments:
  - {id: a, file: a.mov, out: 2s}
  - {id: b, file: a.mov, out: 3s}
"""
FILES = {
    "a.mov": info("a.mov", video(120)),
    "l.mov": info("l.mov", video(48, size=(720, 1280)), audio(2)),
    "anna.png": image((720, 1280)),
    "talk.wav": info("talk.wav", sound=audio(400)),
}


@pytest.mark.parametrize(
    ("layer", "box"),
    [
        ("place: bottom-right, width: 30%, margin: 0.04", (1302, 12, 576, 1024)),
        ("place: top-left, width: 10%, margin: 0", (0, 0, 192, 342)),
        ("place: centre, width: 10%, margin: 0", (864, 368, 192, 342)),
        ("place: full", (0, 0, 1920, 1080)),
        ("place: bottom-right, width: 10%, margin: 0.05, shape: circle", (1674, 834, 192, 192)),
    ],
)
def test_a_layer_has_its_box_in_even_pixels(
    tmp_path: Path, layer: str, box: tuple[int, int, int, int]
) -> None:
    text = ROW + f"  - {{id: l, file: l.mov, layer: {{over: b, {layer}}}}}\n"
    (found,) = cut_of(tmp_path, text, FILES).layers
    assert FrameRange(48, 96) == found.record
    width, height = found.box[2:]
    assert all(n % 2 == 0 for n in found.box)
    if "30%" in layer:  # as tall as the canvas between its margins
        assert height <= 1080 * 0.92 + 2
        assert width / height == pytest.approx(720 / 1280, rel=0.01)
    else:
        assert box == found.box


def test_a_layer_ends_with_the_programme(tmp_path: Path) -> None:
    text = ROW + "  - {id: l, file: l.mov, layer: {on: b+2.5s}}\n"
    cut = cut_of(tmp_path, text, FILES)
    (layer,) = cut.layers
    assert (FrameRange(108, 120), 0) == (layer.record, layer.source_in)
    assert tuple(cut.sounds[0].record) == (108 * 2000, 120 * 2000)


def test_a_layer_before_the_start_is_cut_into(tmp_path: Path) -> None:
    text = ROW + "  - {id: l, file: l.mov, layer: {on: a-1s}}\n"
    (layer,) = cut_of(tmp_path, text, FILES).layers
    assert (FrameRange(0, 24), 24) == (layer.record, layer.source_in)


def test_layers_may_lie_over_layers(tmp_path: Path) -> None:
    text = ROW
    text += "  - {id: m, file: l.mov, layer: {on: l+1s}}\n"
    text += "  - {id: l, file: l.mov, layer: {over: b}}\n"
    cut = cut_of(tmp_path, text, FILES)
    assert [(layer.id, layer.record.start) for layer in cut.layers] == [("m", 72), ("l", 48)]


def test_a_long_presenter_speaks_on_without_a_gap(tmp_path: Path) -> None:
    """Two links of a layer: no frame twice, and their sound crosses like at any seam."""
    text = (
        "segments:\n"
        "  - {id: a, file: a.png, duration: 400s}\n"
        "  - {id: anna, avatar: {image: anna.png, audio: talk.wav}, layer: {over: a}}\n"
    )
    cut = cut_of(tmp_path, text, FILES | {"a.png": image()})
    one, two = cut.layers
    assert (FrameRange(0, 4800), FrameRange(4800, 9600)) == (one.record, two.record)
    assert (one.source_in, two.source_in) == (0, 1)
    first, second = cut.sounds
    assert {"dialogue"} == {s.role for s in cut.sounds}
    assert first.fade_out == second.fade_in == 1920
    assert first.record.stop - second.record.start == 1920


def test_a_layer_leaves_out_what_its_seam_skips(tmp_path: Path) -> None:
    text = ROW + "  - {id: g, duration: 4s, prompt: G., layer: {over: a}}\n"
    text = text.replace("4s", "16s").replace("out: 3s", "out: 4s")
    text = text.replace("layer: {over: a}", "layer: {on: a-10s}")
    decision = seam("g.1>g.2", 193, 1, skipped=(60,))
    cut = cut_of(tmp_path, text, FILES, seams=[decision])
    assert [(x.id, *x.record, x.source_in) for x in cut.layers] == [
        ("g.2", 0, 12, 48),
        ("g.2", 12, 144, 61),
    ]


def test_places_follow_what_a_seam_has_trimmed(tmp_path: Path) -> None:
    """B begins where A really ends: at frame 43."""
    text = """
    segments:
      - {id: a, file: a.mov, out: 2s}
      - {id: b, file: a.mov, join: handoff}
    titles: [{text: Harbour, on: b+0.5s, for: 1s}]
    """
    cut = cut_of(tmp_path, text, FILES, seams=[seam("a>b", 43, 1)])
    (title,) = cut.titles
    assert ("Harbour", "title", FrameRange(55, 79)) == (title.text, title.style, title.record)
    assert (Marker(0, "a"), Marker(43, "b")) == cut.markers


def test_what_a_seam_leaves_no_room_for_is_told(tmp_path: Path) -> None:
    """B can have 120 frames, and has 119 after the one that it repeats."""
    text = """
    segments:
      - {id: a, file: a.mov, out: 2s}
      - {id: b, file: a.mov, join: handoff}
      - {id: l, file: l.mov, layer: {place: top-left, on: b+119f}}
    tracks: [{id: t, file: talk.wav, on: b+119f}]
    titles: [{text: Late, on: b+119f, for: 1s}]
    chapters: [{title: First, at: 0s}, {title: Last, at: b+119f}]
    poster: b+119f
    """
    cut = cut_of(tmp_path, text, FILES)
    assert (cut.frames, cut.poster, tuple(c.name for c in cut.chapters)) == (167, 166, ("First",))
    assert cut.notes == (
        "warning: layer l: it lies outside the programme",
        "warning: track t: nothing of it lies within the programme",
        "warning: title 'Late': nothing of it lies within the programme",
        "warning: chapter 'Last': it lies after the end of the film",
        "warning: poster: b+119f is outside the film; it shows the last frame",
    )


def test_captions_move_to_their_place_and_stay_within(tmp_path: Path) -> None:
    (tmp_path / "c.srt").touch()
    text = ROW + "captions: {file: c.srt, burn: true, on: b-0.5s}\n"
    cues = [
        Cue(Fraction(-2), Fraction(-1), "before"),
        Cue(Fraction(-2), Fraction(1), "early"),
        Cue(Fraction(1), Fraction(2), "one"),
        Cue(Fraction(3), Fraction(9), "two"),
        Cue(Fraction(7), Fraction(9), "after"),
    ]
    cut = cut_of(tmp_path, text, FILES, captions=cues)
    assert cut.burn_captions
    assert [
        (Fraction(0), Fraction(1, 2), "before"),
        (Fraction(0), Fraction(5, 2), "early"),
        (Fraction(5, 2), Fraction(7, 2), "one"),
        (Fraction(9, 2), Fraction(5), "two"),
    ] == [(c.start, c.stop, c.text) for c in cut.captions]
