"""A package has all that an editor needs, and comes back."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

import assembler
from assembler.assemble.exports import export
from assembler.assemble.imports import import_cut
from assembler.cli.app import run
from assembler.errors import OutputExistsError, UsageError
from assembler.media.probe import probe
from assembler.media.samples import read_samples
from tests.exporting.conftest import Film
from tests.rendering.numbers import numbered_clip, read_number


def numbers_in(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [read_number(frame) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def package(film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film, packed with 8 frames of handles, and unpacked somewhere else."""
    folder = tmp_path_factory.mktemp("package")
    file = folder / "film.zip"
    made = export(film.timeline, ("otio", "fcpxml", "fcp7", "edl"), package=file, handles=8)
    assert made.files == (file,)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder / "film"


def test_conformed_media_have_handles_and_no_more(package: Path) -> None:
    assert numbers_in(package / "media" / "one.mov") == [4 + n for n in range(52)]
    assert numbers_in(package / "media" / "three.mov") == [2004 + n for n in range(40)]


def test_the_readme_says_once_what_the_media_are(package: Path) -> None:
    lines = (package / "README.txt").read_text(encoding="utf-8").splitlines()
    assert "Media are conformed, with up to 8 frames of handles." in lines


def test_sound_is_the_tracks_own(package: Path, film: Film) -> None:
    own = film.exported.cut.sounds[0]
    packed = package / "media" / "score-sound.wav"
    heard = read_samples(probe(packed), 0, own.source_start_s, 48000, 48000, 2)
    expected = read_samples(probe(own.path), 0, own.source_start_s, 48000, 48000, 2)
    np.testing.assert_allclose(heard, expected, atol=2**-22)


def test_everything_is_named_relative_to_it(package: Path) -> None:
    listed = (package / "README.txt").read_text(encoding="utf-8")
    for path in package.rglob("*"):
        if path.suffix in (".otio", ".fcpxml", ".xml", ".edl", ".json"):
            text = path.read_text(encoding="utf-8")
            assert "media/one.mov" in text or "A1" in path.name
            assert "/tmp" not in text
        if path.is_file() and path.name != "README.txt":
            assert path.relative_to(package).as_posix() in listed
    there = {path.relative_to(package).as_posix() for path in package.rglob("*")}
    assert {"captions/film.srt", "captions/film.vtt", "sound/film.wav"} <= there
    assert "sound/stems/music.wav" in there


@pytest.mark.parametrize("name", ["film.otio", "film.fcpxml", "film.xml", "film.V1.edl"])
def test_it_comes_back_with_its_own_media(package: Path, film: Film, name: str) -> None:
    cut = import_cut(package / name).cut
    exported = film.exported.cut
    assert [(c.id, c.record, c.transition) for c in cut.clips] == [
        (c.id, c.record, c.transition) for c in exported.clips
    ]
    assert [c.source_in for c in cut.clips] == [8, 8, 8]
    assert {c.source.path.parent for c in cut.clips} == {package / "media"}
    assert cut.titles == exported.titles


def test_original_media_are_copied_once(film: Film, tmp_path: Path) -> None:
    export(film.timeline, ("csv",), package=tmp_path / "pack", media="original")
    names = sorted(path.name for path in (tmp_path / "pack" / "media").iterdir())
    assert names == ["a.mp4", "b.mp4", "c.mp4", "score.wav"]
    assert (tmp_path / "pack/media/a.mp4").read_bytes() == (
        film.timeline.parent / "a.mp4"
    ).read_bytes()
    with pytest.raises(OutputExistsError, match="exists"):
        export(film.timeline, ("csv",), package=tmp_path / "pack", media="original")


def test_clips_that_are_not_there_are_named(tmp_path: Path) -> None:
    timeline = tmp_path / "film.yaml"
    timeline.write_text(
        "assembler: 1\nsegments:\n  - {id: dawn, duration: 4s, prompt: Dawn.}\n", encoding="utf-8"
    )
    with pytest.raises(UsageError, match=r"film\.yaml: 1 clip must be generated .*: dawn\.1"):
        export(timeline)


def test_a_file_of_the_users_is_not_overwritten(tmp_path: Path) -> None:
    numbered_clip(tmp_path / "a.mp4", 24)
    timeline = tmp_path / "film.yaml"
    timeline.write_text(
        "assembler: 1\ncanvas: {size: 320x192, rate: 24}\nsegments: [{id: a, file: a.mp4}]\n",
        encoding="utf-8",
    )
    mine = tmp_path / "out" / "film.csv"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputExistsError, match=r"film\.csv"):
        export(timeline, ("csv",))
    export(timeline, ("csv",), force=True)
    export(timeline, ("csv",))  # what we wrote ourselves is replaced


@pytest.mark.parametrize("where", ["out", "package"])
def test_a_file_that_the_film_reads_is_never_overwritten(tmp_path: Path, where: str) -> None:
    """Not even with --force: the captions of the author beside the timeline, above all."""
    numbered_clip(tmp_path / "a.mp4", 24)
    words = tmp_path / "film.srt"
    words.write_text("1\n00:00:00,500 --> 00:00:01,000\nMine.\n", encoding="utf-8")
    before = words.read_bytes()
    timeline = tmp_path / "film.yaml"
    timeline.write_text(
        "assembler: 1\ncanvas: {size: 320x192, rate: 24}\n"
        "segments: [{id: a, file: a.mp4, in: 6f}]\ncaptions: {file: film.srt}\n",
        encoding="utf-8",
    )
    to = {where: tmp_path}
    with pytest.raises(OutputExistsError, match="is read for this film"):
        export(timeline, ("csv",), **to, media="original", force=True)
    assert words.read_bytes() == before


def test_drop_frame_is_refused_where_there_is_none(film: Film) -> None:
    with pytest.raises(UsageError, match="drop-frame exists only at"):
        export(film.timeline, ("edl",), start="01:00:00;00")


def test_the_command_line_tells_what_is_lost(
    film: Film, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timeline = str(film.timeline)
    assert run(["export", "edl", "fcpxml", timeline, "-o", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path / 'film.V1.edl'}\n" in said
    assert "lost: edl: sound score: its level and fades" in said
    assert run(["export", "csv", timeline, "-o", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == [str(tmp_path / "film.csv")]
    assert run(["import", str(tmp_path / "film.V1.edl"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [clip["record"] for clip in told["clips"]] == [[0, 36], [36, 72], [72, 96]]
    assert run(["export", "mxf", timeline]) == 2
    assert "there is no format 'mxf'" in capsys.readouterr().err


def test_a_cut_becomes_otio_and_moviepy(film: Film) -> None:
    cut = film.exported.cut
    timeline = cut.to_otio("10:00:00:00")
    assert timeline.global_start_time.value == 10 * 3600 * 24
    assert timeline.duration().value == cut.frames
    with pytest.warns(UserWarning, match="titles and captions aren't in it"):
        movie = cut.to_moviepy()
    assert (movie.size, movie.fps) == ((320, 192), 24)
    assert movie.duration == pytest.approx(4)
    for second, number in ((0.0, 12), (1.0, 36), (2.5, 1036), (3.5, 2024)):
        assert _number(movie.get_frame(second)) == number
    heard = movie.audio.get_frame(np.arange(4800) / 48000)
    score = cut.sounds[0]
    expected = read_samples(probe(score.path), 0, score.source_start_s, 4800, 48000, 2)
    np.testing.assert_allclose(heard, expected * 10 ** (-6 / 20), atol=1e-5)
    movie.close()


def _number(rgb: np.ndarray) -> int:
    """The number along the top of a picture."""
    return sum(1 << bit for bit in range(12) if rgb[8, bit * 16 + 8].mean() > 128)


def test_the_verbs_are_functions() -> None:
    assert assembler.export is export
    assert assembler.import_cut is import_cut
