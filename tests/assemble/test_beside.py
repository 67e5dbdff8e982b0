"""A film with everything: code only when allowed, a track of captions, chapters, and what lies
beside it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import assembler
from assembler.errors import SpecError
from assembler.media.files import sha256_of
from assembler.media.writer import FrameWriter
from tests.films import write_shot

TIMELINE = """\
assembler: 1
title: Small
canvas: {size: 320x180, rate: 24}
output:
  - {preset: lossless, path: out/a.mkv}
  - {preset: youtube-1080p, size: 320x180, path: out/b.mp4}
  - {preset: web-av1, size: 320x180, path: out/c.webm}
defaults: {provider: animatic, model: animatic, resolution: 180p, seed: 1, audio: off}
segments:
  - {id: shot, file: shot.mp4, out: 1s, effects: ["mine:negative"]}
  - {id: walk, duration: 2s, prompt: "A forest.", join: cut}
titles:
  - {clip: "mine:left_half", options: {level: 200}, on: walk, for: 0.5s}
captions: {file: words.srt, track: true, language: eng, sidecar: vtt}
chapters: [{title: "Start", at: 0s}, {title: "The walk", at: walk}]
metadata: {artist: Anna, copyright: "© Anna"}
poster: shot+0.5s
provenance: true
"""
CODE = """
import numpy as np

def negative(clip):
    return clip.image_transform(lambda picture: 255 - picture)

def left_half(size, duration, level):
    from moviepy import VideoClip
    width, height = size
    seen = np.zeros((height, width)); seen[:, : width // 2] = 1
    clip = VideoClip(lambda t: np.full((height, width, 3), level, "uint8"), duration=duration)
    return clip.with_mask(VideoClip(lambda t: seen, is_mask=True, duration=duration))
"""
WORDS = """1
00:00:00,500 --> 00:00:01,500
One

2
00:00:02,000 --> 00:00:02,500
Two
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A timeline of which all deliveries are rendered."""
    folder = tmp_path_factory.mktemp("film")
    with FrameWriter(folder / "shot.mp4", (320, 180), Fraction(24)) as writer:
        for _ in range(30):
            writer.write(np.full((180, 320, 3), 0.25, np.float32))
    (folder / "mine.py").write_text(CODE, encoding="utf-8")
    (folder / "words.srt").write_text(WORDS, encoding="utf-8")
    (folder / "film.yaml").write_text(TIMELINE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def film(project: Path) -> assembler.Film:
    return assembler.render(project / "film.yaml", allow_code=True)


def picture(path: Path, number: int) -> np.ndarray:
    with av.open(str(path)) as container:
        for n, frame in enumerate(container.decode(video=0)):
            if n == number:
                return frame.to_ndarray(format="rgb24")
    raise AssertionError(f"there is no frame {number}")


def test_code_runs_only_when_it_is_allowed(project: Path) -> None:
    """Both places that name it are told, and nothing is rendered."""
    with pytest.raises(SpecError) as caught:
        assembler.render(project / "film.yaml")
    path = project / "film.yaml"
    fix = "  fix: read that module, then allow it with --allow-code."
    assert str(caught.value).splitlines() == [
        f"{path}:10:51: segment shot: 'mine:negative' is code that this run may not use", fix,
        f"{path}:13:12: title 1: 'mine:left_half' is code that this run may not use", fix,
    ]  # fmt: skip
    assert not (project / "out").exists()


def test_checking_doesnt_run_code(tmp_path: Path) -> None:
    for name, text in (("mine.py", "raise SystemExit(3)"), ("words.srt", WORDS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    with FrameWriter(tmp_path / "shot.mp4", (320, 180), Fraction(24)) as writer:
        for _ in range(30):
            writer.write(np.zeros((180, 320, 3), np.float32))
    (tmp_path / "film.yaml").write_text(TIMELINE, encoding="utf-8")
    assert "no mistakes" in assembler.check(tmp_path / "film.yaml").text()


@pytest.mark.parametrize(
    ("beside", "name"),
    [
        ("captions: {file: words.srt}", "q.srt"),
        ("poster: walk+0.5s", "q.poster.jpg"),
        ("provenance: true", "q.provenance.json"),
    ],
)
def test_a_file_beside_two_outputs_is_refused_by_check(
    tmp_path: Path, beside: str, name: str
) -> None:
    """Also where the outputs themselves differ by their suffix."""
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHi\n", encoding="utf-8")
    text = f"""\
assembler: 1
output: [{{preset: web-720p, path: out/q.mp4}}, {{preset: prores-master, path: out/q.mov}}]
defaults: {{provider: animatic, model: animatic}}
segments: [{{id: walk, duration: 2s, prompt: "A forest."}}]
{beside}
"""
    path = tmp_path / "film.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        assembler.check(path)
    assert str(caught.value) == (
        f"{path}:2:77: output 1 already writes {name}, which this one would, too\n"
        "  fix: give the outputs names that differ in more than the suffix."
    )
    path.write_text(text.replace("out/q.mov", "out/master.mov"), encoding="utf-8")
    assert assembler.check(path)


def test_own_effects_and_clips_are_seen_where_they_should(film: assembler.Film) -> None:
    """A quarter turned over is three quarters; the clip covers the left half."""
    path = film.outputs[0].path
    assert abs(picture(path, 3).mean() - 0.75 * 255) <= 2
    covered = picture(path, 30)
    assert np.abs(covered[:, :156].astype(int) - 200).max() <= 2
    assert np.abs(covered[:, 164:].astype(int) - 200).mean() > 10


@pytest.mark.parametrize(("number", "codec"), [(0, "srt"), (1, "mov_text"), (2, "webvtt")])
def test_captions_chapters_and_metadata_are_in_the_file(
    film: assembler.Film, number: int, codec: str
) -> None:
    with av.open(str(film.outputs[number].path)) as container:
        chapters = [
            (c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
            for c in container.chapters()
        ]
        said = {key.lower(): value for key, value in container.metadata.items()}
        track = container.streams.subtitles[0]
        language = track.metadata.get("language") or track.language
        packets = [p for p in container.demux(track) if p.size > 2 and p.pts is not None]
        times = [round(float(p.pts * p.time_base), 3) for p in packets]
        found = track.codec_context.name
    assert chapters == [("Start", 0, 1), ("The walk", 1, 3)]
    assert (said["title"], said["artist"]) == ("Small", "Anna")
    assert ([0.5, 2.0], "eng", codec) == (times, language, found)


def test_what_lies_beside_the_film_is_true(film: assembler.Film, project: Path) -> None:
    """Captions as asked for, the poster's frame, and where every frame comes from."""
    out = film.outputs[0].path
    assert "00:00:02.000 --> 00:00:02.500\nTwo" in out.with_suffix(".vtt").read_text("utf-8")
    poster = cv2.imread(str(out.with_suffix(".poster.jpg")))
    assert poster is not None
    assert np.abs(poster[..., ::-1].astype(int) - picture(out, 12)).mean() <= 2
    told = json.loads(out.with_suffix(".provenance.json").read_text("utf-8"))
    shot, walk = told["picture"]
    assert (0, 23, "shot.mp4", sha256_of(project / "shot.mp4")) == (
        shot["first"], shot["last"], shot["file"], shot["sha256"],
    )  # fmt: skip
    assert (
        walk["first"], walk["last"], walk["provider"], walk["model"], walk["prompt"], walk["seed"],
    ) == (24, 71, "animatic", "animatic", "A forest.", 1)  # fmt: skip
    assert "price_usd" in walk


def test_a_second_run_makes_nothing(film: assembler.Film, project: Path) -> None:
    again = assembler.render(project / "film.yaml", allow_code=True)
    assert [made.up_to_date for made in again.outputs] == [True, True, True]


SMALL = """\
assembler: 1
canvas: {size: 160x96, rate: 24}
output: [{preset: lossless, size: 160x96, path: out/small.mkv}]
segments: [{id: a, file: shot.mp4, out: 12f}]
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Half a second that was rendered with captions and a poster beside it."""
    write_shot(tmp_path / "shot.mp4", (160, 96), 12)
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:00,400\nOne\n")
    (tmp_path / "small.yaml").write_text(SMALL + "captions: words.srt\nposter: a\n")
    assembler.render(tmp_path / "small.yaml")
    return tmp_path / "small.yaml"


def left_beside(small: Path) -> set[str]:
    """Names of the files beside the film."""
    return {path.name for path in (small.parent / "out").iterdir()} - {"small.mkv"}


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("captions: {file: words.srt, burn: true}\nposter: a\n", {"small.poster.jpg"}),
        ("captions: {file: words.srt, sidecar: vtt}\n", {"small.vtt"}),
        ("", set()),
    ],
)
def test_what_isnt_written_any_more_is_removed(small: Path, now: str, left: set[str]) -> None:
    """Players would load captions that the film hasn't any more, or shows already."""
    before = left_beside(small)
    small.write_text(SMALL + now)
    assembler.render(small)
    assert ({"small.srt", "small.poster.jpg"}, left) == (before, left_beside(small))


def test_only_what_this_film_wrote_is_removed(small: Path) -> None:
    """A file that was changed since stays, as do one of the user's and that of another film."""
    out = small.parent / "out"
    (out / "small.srt").write_text("corrected")
    (out / "small.vtt").write_text("the user's")
    other = small.with_name("other.yaml")
    other.write_text(SMALL.replace("small.mkv", "small.mov").replace("lossless", "prores-master"))
    small.write_text(SMALL)
    assembler.render(other)
    kept_by_other = left_beside(small)
    assembler.render(small)
    assert {"small.srt", "small.vtt", "small.poster.jpg", "small.mov"} == kept_by_other
    assert {"small.srt", "small.vtt", "small.mov"} == left_beside(small)
