"""What could never be seen or heard is refused before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembler.errors import PlanError
from tests.planning.facts import audio, info, planned, video

FILES = {
    "a.mov": info("a.mov", video(48), audio(2)),
    "mute.mov": info("mute.mov", video(72)),
    "t.wav": info("t.wav", sound=audio(3)),
    "c.srt": info("c.srt"),
}
ROW = "segments: [{id: a, file: a.mov}, {id: b, file: a.mov}]\n"
ENDS = "  fix: from b on it has 48 frames (2.000 s) at most"

LOST = {
    "a track without sound": (
        "tracks: [{id: t, file: mute.mov}]",
        "3:24: track t: mute.mov has no sound\n"
        "  fix: give a file with sound, or take the track out",
    ),
    "a track after its file's end": (
        "tracks: [{id: t, file: t.wav, in: 3s}]",
        "3:35: track t: the sound of t.wav ends at 3.000 s, before `in` 3s\n"
        "  fix: begin earlier in it",
    ),
    "a track after the film": (
        "tracks: [{id: t, file: t.wav, on: 4s}]",
        "3:35: track t: 4s is after the end of the film\n  fix: it has 96 frames (4.000 s) at most",
    ),
    "a title after the film": (
        "titles: [{text: x, style: title, on: b+2s, for: 1s}]",
        f"3:38: title 1: b+2s is after the end of the film\n{ENDS}",
    ),
    "a title before the film": (
        "titles: [{text: x, style: title, on: a-1s, for: 1s}]",
        "3:38: title 1: a-1s is before the start of the film\n"
        "  fix: let it begin later, or after another segment",
    ),
    "a chapter after the film": (
        "chapters: [{title: x, at: b+99s}]",
        f"3:27: chapter 'x': b+99s is after the end of the film\n{ENDS}",
    ),
    "a poster after the film": (
        "poster: b+48f",
        f"3:9: poster: b+48f is after the end of the film\n{ENDS}",
    ),
    "a poster before the film": (
        "poster: b-49f",
        "3:9: poster: b-49f is before the start of the film\n"
        "  fix: let it begin later, or after another segment",
    ),
    "captions after the film": (
        "captions: {file: c.srt, on: b+2s}",
        f"3:29: captions: b+2s is after the end of the film\n{ENDS}",
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_what_lies_outside_of_the_film_is_refused(tmp_path: Path, name: str) -> None:
    text, said = LOST[name]
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, ROW + text, FILES)
    assert f"{tmp_path / 'film.yaml'}:{said}" == str(caught.value)


def test_layers_outside_of_the_film_are_refused(tmp_path: Path) -> None:
    """Those that lie on one that is too late, too."""
    text = """
    segments:
      - {id: a, file: a.mov}
      - {id: l, file: a.mov, layer: {place: top-left, on: a+1s}}
      - {id: m, file: a.mov, layer: {place: top-left, on: l+1s}}
      - {id: n, file: a.mov, layer: {place: top-left, on: a-2s}}
    """
    with pytest.raises(PlanError) as caught:
        planned(tmp_path, text, FILES)
    path = tmp_path / "film.yaml"
    assert str(caught.value).splitlines() == [
        f"{path}:6:55: segment m: l+1s is after the end of the film",
        "  fix: from l on it has 24 frames (1.000 s) at most",
        f"{path}:7:55: segment n: a-2s is before the start of the film",
        "  fix: let it begin later, or after another segment",
    ]


RIGHT = {
    "sound between the last frames": "tracks: [{id: t, file: t.wav, on: b+1.999s}]",
    "a muted track": "tracks: [{id: t, file: mute.mov, mute: true}]",
    "a title that is half seen": "titles: [{text: x, style: title, on: a-0.5s, for: 1s}]",
    "the last frame": "poster: b+47f\nchapters: [{title: x, at: b+47f}]",
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_seen_or_heard_at_all_is_taken(tmp_path: Path, name: str) -> None:
    planned(tmp_path, ROW + RIGHT[name], FILES)


def test_what_a_seam_may_leave_room_for_is_taken(tmp_path: Path) -> None:
    """How many frames a seam drops is known when it is measured; a generated one has its length."""
    text = """
    defaults: {provider: kling, model: kling-3.0, resolution: 1080p}
    segments:
      - {id: a, duration: 5s, prompt: Mist.}
      - {id: b, continue: a, file: a.mov, in: 1s}
    poster: b+47f
    chapters: [{title: x, at: a+167f}]
    """
    planned(tmp_path, text, FILES)
    with pytest.raises(PlanError, match=r"from a on it has 168 frames \(7.000 s\) at most"):
        planned(tmp_path, text.replace("167f", "168f"), FILES)


def test_a_clip_that_isnt_fetched_has_no_known_length(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, file: a.mov}
      - {id: b, url: "https://example.org/b.mp4"}
    poster: a+20s
    """
    planned(tmp_path, text, FILES)
