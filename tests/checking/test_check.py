"""Planted damage is found with its kind at its place; a clean film has no faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import assembler
from assembler.checking.model import Check, Finding
from assembler.cli.app import run
from assembler.errors import MediaError
from assembler.media.stills import write_png
from tests.checking.conftest import RATE, SHOT, Picture, Project, ffmpeg

Pictures = Callable[[list[Picture]], list[Picture]]
Sounds = Callable[[Any], Any]


def test_a_clean_film_has_no_faults(project: Project) -> None:
    """Neither against its timeline nor by itself."""
    check = _check(project, project.film)
    assert (check.worst, check.exit_code) == (None, 0), check.text()
    assert not assembler.qc(project.film).count("error")


def test_a_still_scene_that_fades_in_is_not_taken_for_repeated_frames(project: Project) -> None:
    """Of pictures near black all are vaguely alike, and the brighter ones more so."""
    check = _rendered(
        project,
        "fade",
        "title: Fade\ncanvas: {size: 384x216, rate: 24}\n"
        "defaults: {provider: animatic, model: animatic, resolution: 720p}\n"
        "output: [{preset: web-720p, size: 384x216, path: out/fade.mp4}]\nsegments:\n"
        "  - {id: town, file: media/town.mp4, out: 1s}\n"
        "  - {id: evening, duration: 3s, join: {fade-black: 18f},"
        " prompt: Sunset over the harbour. Static camera.}\n",
    )
    assert not check.count("error"), check.text()


def test_a_steady_tone_is_not_taken_for_late(project: Project) -> None:
    """It is alike at many places, its own among them."""
    media = project.timeline.parent / "media"
    ffmpeg(media / "tone.wav", "-f", "lavfi", "-i", "sine=f=440:d=9:r=48000")
    clips = (f"  - {{id: h{n}, file: media/hills.mp4, join: cut}}\n" for n in range(6))
    check = _rendered(
        project,
        "tone",
        "title: Tone\ncanvas: {size: 192x108, rate: 24}\n"
        "output: [{preset: web-720p, size: 192x108, path: out/tone.mp4}]\n"
        f"segments:\n{''.join(clips).replace(', join: cut', '', 1)}"
        "tracks: [{id: tone, role: music, file: media/tone.wav}]\n",
    )
    assert "late-sound" not in {finding.kind for finding in check.findings}, check.text()


def test_light_along_an_edge_is_not_taken_for_contrast(project: Project) -> None:
    """Blurring changes the mean of a picture that is bright at one side."""
    media = project.timeline.parent / "media"
    light = "drawbox=w=iw:h=6:c=white:t=fill,noise=alls=6:allf=t"
    ffmpeg(media / "edge.mp4", "-f", "lavfi", "-i", f"color=c=0x808080:s=192x108:r=24,{light}",
           "-t", 1, "-pix_fmt", "yuv420p")  # fmt: skip
    check = _rendered(
        project,
        "edge",
        "title: Edge\ncanvas: {size: 192x108, rate: 24}\n"
        "output: [{preset: web-720p, size: 192x108, path: out/edge.mp4}]\n"
        "segments: [{id: edge, file: media/edge.mp4}]\n",
    )
    assert "colour-shift" not in {finding.kind for finding in check.findings}


def test_a_clip_seen_through_a_colour_table_is_no_wrong_picture(project: Project) -> None:
    """Also where the table turns light into dark, forwards and backwards."""
    corners = [f"{1 - n % 2} {1 - n // 2 % 2} {1 - n // 4}" for n in range(8)]
    table = "\n".join(["LUT_3D_SIZE 2", *corners])
    project.timeline.with_name("negative.cube").write_text(table, encoding="utf-8")
    check = _rendered(
        project,
        "negative",
        "title: Negative\ncanvas: {size: 192x108, rate: 24}\n"
        "output: [{preset: web-720p, size: 192x108, path: out/negative.mp4}]\nsegments:\n"
        "  - {id: hills, file: media/hills.mp4}\n"
        "  - {id: town, file: media/town.mp4, join: cut, lut: negative.cube}\n"
        "  - {id: back, file: media/hills.mp4, join: cut, reverse: true, lut: negative.cube,"
        " grade: {saturation: 60%}}\n",
    )
    assert "wrong-picture" not in {finding.kind for finding in check.findings}, check.text()


def test_blurred_bars_around_a_smooth_picture_are_no_wrong_picture(project: Project) -> None:
    """After the same picture without bars, which they look like most."""
    down, across = np.mgrid[0:480, 0:640] / 640
    smooth = np.stack([across, down, 1 - across], 2).astype(np.float32)
    write_png(project.timeline.parent / "media" / "smooth.png", smooth)
    check = _rendered(
        project,
        "blurred",
        "title: Blurred\ncanvas: {size: 640x360, rate: 24}\n"
        "output: [{preset: web-720p, size: 640x360, path: out/blurred.mp4}]\nsegments:\n"
        "  - {id: whole, file: media/smooth.png, duration: 1s, fit: cover}\n"
        "  - {id: bars, file: media/smooth.png, duration: 1s, fit: blur}\n",
    )
    assert not check.count("error"), check.text()


def _rendered(project: Project, name: str, text: str) -> Check:
    """What is found in ``out/<name>.mp4`` of another timeline beside the project's."""
    timeline = project.timeline.with_name(f"{name}.yaml")
    timeline.write_text(f"assembler: 1\n{text}", encoding="utf-8")
    assembler.render(timeline)
    return assembler.qc(timeline.parent / "out" / f"{name}.mp4", timeline)


def _check(project: Project, film: Path) -> Check:
    return assembler.qc(film, project.timeline)


def _black(picture: Picture) -> Picture:
    out = np.full_like(picture, 128)
    out[: picture.shape[0] * 2 // 3] = 16
    return out


def _brighter(picture: Picture) -> Picture:
    out = picture.copy()
    luma = out[: picture.shape[0] * 2 // 3]
    luma[...] = np.clip(luma.astype(np.int16) + 12, 16, 235)
    return out


PICTURES: list[tuple[str, Pictures, str, int]] = [
    ("repeated at the cut", lambda f: f[:SHOT] + f[SHOT - 1 :], "repeated-frame", SHOT),
    ("repeated in place", lambda f: [*f[:50], f[49], *f[51:]], "repeated-frame", 50),
    ("missing at the cut", lambda f: f[:SHOT] + f[SHOT + 1 :], "missing-frame", SHOT),
    ("missing amid a shot", lambda f: f[:20] + f[21:], "missing-frame", 20),
    ("black", lambda f: [*f[:10], _black(f[10]), *f[11:]], "black", 10),
    ("frozen", lambda f: f[:40] + [f[40]] * 14 + f[54:], "frozen", 41),
    ("foreign", lambda f: [*f[:60], f[12], *f[61:]], "wrong-picture", 60),
    ("pop", lambda f: [*f[:SHOT], *map(_brighter, f[SHOT : SHOT + 2]), *f[SHOT + 2 :]],
     "colour-pop", SHOT),
    ("other colours amid a shot", lambda f: [*f[:10], *map(_brighter, f[10:SHOT]), *f[SHOT:]],
     "colour-pop", 10),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change", "kind", "frame"), PICTURES, ids=[p[0] for p in PICTURES]
)
def test_damaged_pictures_are_found(
    project: Project, tmp_path: Path, name: str, change: Pictures, kind: str, frame: int
) -> None:
    """At their frame, in their segment, with the line that made it."""
    found = _only(_check(project, project.shown(tmp_path / "film.mp4", change)), kind)
    assert abs(frame - (found.frame or 0)) <= 1
    assert found.severity == "error"
    assert found.segment == ("hills" if (found.frame or 0) < SHOT else "town")
    assert found.where.endswith("proof.yaml:6:5" if found.segment == "hills" else "proof.yaml:7:5")


LASTING: list[tuple[str, Pictures, str, str]] = [
    ("missing", lambda f: f[:20] + f[21:], "missing-frame", "earlier"),
    ("shown twice", lambda f: f[:20] + f[19:], "repeated-frame", "later"),
    ("three missing", lambda f: f[:20] + f[23:], "missing-frame", "earlier"),
]


@pytest.mark.parametrize(("name", "change", "kind", "way"), LASTING, ids=[p[0] for p in LASTING])
def test_what_comes_earlier_or_later_after_a_damage_has_no_faults_of_its_own(
    project: Project, tmp_path: Path, name: str, change: Pictures, kind: str, way: str
) -> None:
    """The next cut isn't at its place, but it is the planned one."""
    check = _check(project, project.shown(tmp_path / "film.mp4", change))
    of_the_file = {"length-mismatch", "not-faststart"}
    kinds = sorted(f.kind for f in check.findings if f.kind not in of_the_file)
    assert kinds == sorted(["frame-count", kind]), check.text()
    assert f"all that follows comes {way}" in _only(check, kind).message


def test_a_fault_after_a_missing_frame_is_said_of_the_clip_that_it_is_in(
    project: Project, tmp_path: Path
) -> None:
    """Of the frame that comes earlier than planned, too."""
    first = SHOT - 1  # frame of the next clip, one early

    def change(f: list[Picture]) -> list[Picture]:
        g = f[:20] + f[21:]
        return [*g[:first], *map(_brighter, g[first : first + 2]), *g[first + 2 :]]

    found = _only(_check(project, project.shown(tmp_path / "film.mp4", change)), "colour-pop")
    assert (found.frame, found.segment) == (first, "town")
    assert "for 2 frames at the join of hills and town" in found.message


EXCHANGED: list[tuple[str, Pictures, int, int]] = [
    ("two", lambda f: [*f[:26], f[27], f[26], *f[28:]], 26, 2),
    ("two at the cut", lambda f: [*f[: SHOT - 1], f[SHOT], f[SHOT - 1], *f[SHOT + 1 :]],
     SHOT - 1, 2),
    ("the last two", lambda f: [*f[:-2], f[-1], f[-2]], 2 * SHOT - 2, 2),
    ("three backwards", lambda f: [*f[:50], f[52], f[51], f[50], *f[53:]], 50, 3),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change", "frame", "count"), EXCHANGED, ids=[p[0] for p in EXCHANGED]
)
def test_frames_in_the_wrong_order_are_found(
    project: Project, tmp_path: Path, name: str, change: Pictures, frame: int, count: int
) -> None:
    """None is missing, and what follows them is in its place."""
    check = _check(project, project.shown(tmp_path / "film.mp4", change))
    (found,) = (finding for finding in check.findings if finding.severity == "error")
    assert (found.kind, found.frame) == ("wrong-picture", frame), check.text()
    assert f"{count} frames" in found.message
    assert found.message.endswith("in the wrong order")


def _only(check: Check, kind: str) -> Finding:
    found = [finding for finding in check.findings if finding.kind == kind]
    assert len(found) == 1, check.text()
    return found[0]


def _click(samples: Any) -> Any:
    samples[60000:60003] += np.array([[0.5], [-0.5], [0.3]])
    return samples


def _hole(samples: Any) -> Any:
    samples[48000:72000] = 0
    return samples


SOUNDS: list[tuple[str, Sounds, str, float | None]] = [
    ("late", lambda s: np.pad(s, ((1920, 0), (0, 0)))[: len(s)], "late-sound", None),
    ("soft", lambda s: s * 0.7, "loudness", None),
    ("click", _click, "click", 1.25),
    ("hole", _hole, "silence", 1.0),
    ("upside down", lambda s: s * np.array([1, -1]), "phase-inverted", None),
    ("one side", lambda s: s * np.array([0, 1]), "silent-channel", None),
    ("clipped", lambda s: np.clip(s * 8, -1, 1), "clipping", None),
]


@pytest.mark.parametrize(("name", "change", "kind", "time_s"), SOUNDS, ids=[s[0] for s in SOUNDS])
def test_damaged_sound_is_found(
    project: Project, tmp_path: Path, name: str, change: Sounds, kind: str, time_s: float | None
) -> None:
    """At its time, where it has one."""
    check = _check(project, project.heard(tmp_path / "film.mp4", change))
    found = [f for f in check.findings if f.kind == kind and f.severity == "error"]
    assert found, check.text()
    assert time_s is None or abs((found[0].time_s or 0) - time_s) < 0.05


def test_a_voice_that_is_not_there_is_missed(project: Project) -> None:
    """The mix of a timeline without it isn't the sound of this one."""
    other = project.timeline.with_name("mute.yaml")
    text = project.timeline.read_text(encoding="utf-8")
    mute = text.replace("on: 0.5s}", "on: 0.5s, level: -90dB}").replace("film.mp4", "mute.mp4")
    other.write_text(mute, encoding="utf-8")
    film = assembler.render(other).outputs[0].path
    missed = _only(_check(project, film), "missing-sound")
    assert (missed.severity, missed.segment) == ("error", "voice")
    assert missed.where.endswith("proof.yaml:9:5")


TAGGED = [
    ("-bsf:v", "h264_metadata=matrix_coefficients=6", "wrong-matrix"),
    ("-bsf:v", "h264_metadata=video_full_range_flag=1", "wrong-range"),
    ("-an", "-sn", "missing-sound-track"),
    ("-aspect", "4:3", "wrong-pixel-shape"),
]


@pytest.mark.parametrize(("option", "value", "kind"), TAGGED)
def test_wrong_streams_and_tags_are_found(
    project: Project, tmp_path: Path, option: str, value: str, kind: str
) -> None:
    """What the preset says is held against what the file says."""
    film = project.copy(tmp_path / "film.mp4", option, value)
    assert _only(_check(project, film), kind).severity == "error"


def test_files_that_cannot_be_opened_are_findings(project: Project, tmp_path: Path) -> None:
    """A batch goes on; a file that isn't there is a mistake of the caller."""
    film = tmp_path / "film.mp4"
    whole = project.film.read_bytes()
    for content, kind in ((b"", "empty-file"), (b"<html>", "unreadable"),
                          (whole[: len(whole) // 2], "truncated")):  # fmt: skip
        film.write_bytes(content)
        check = _check(project, film)
        assert kind in {finding.kind for finding in check.findings}
        assert check.exit_code == 13
    with pytest.raises(MediaError, match="there is no such file"):
        assembler.qc(tmp_path / "other.mp4")


def test_the_command_prints_findings_and_tells_their_severity(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON has findings and measures; the exit code is that of errors."""
    film = project.shown(tmp_path / "film.mp4", lambda f: f[:20] + f[21:])
    args = ["qc", str(film), "--against", str(project.timeline), "--json"]
    assert run(args) == 13
    printed = json.loads(capsys.readouterr().out)
    kinds = {entry["kind"] for entry in printed["findings"]}
    assert {"missing-frame", "frame-count"} <= kinds
    assert printed["measures"]["video"]["frames"] == 2 * SHOT - 1
    assert str(RATE) == printed["measures"]["video"]["rate"]


def test_a_check_survives_json(project: Project) -> None:
    """What is written is read back."""
    check = assembler.qc(project.film)
    again = Check.from_json(json.loads(json.dumps(check.as_json())))
    assert check.findings == again.findings
