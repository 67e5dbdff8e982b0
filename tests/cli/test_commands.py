"""The command line as a user meets it: output, exit codes, and what is on disk afterwards."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import assembler as library
from assembler.cli.app import CANCEL, run
from assembler.media.probe import probe
from assembler.media.samples import write_wav
from tests.servers.files import Behaviour, serving

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_check_says_that_nothing_is_wrong(assembler: Command, project: Path) -> None:
    """One line, exit code 0."""
    done = assembler("check", project)
    assert (done.returncode, done.stdout) == (0, "tiny.yaml: no mistakes (2 segments, 1 link)\n")


def test_check_names_every_mistake_with_its_place(assembler: Command, project: Path) -> None:
    """Two mistakes, two places, exit code 3, nothing on standard output."""
    text = project.read_text(encoding="utf-8")
    text = text.replace("duration: 2s", "duraton: 2s").replace("media/voice.wav", "media/vioce.wav")
    project.write_text(text, encoding="utf-8")
    done = assembler("check", project)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "tiny.yaml:8:" in done.stderr
    assert "did you mean 'duration'?" in done.stderr
    assert "tiny.yaml:10:" in done.stderr


def test_check_names_everything_at_once_that_nothing_has(
    assembler: Command, tmp_path: Path
) -> None:
    """Presets, mixes, providers, models and styles, each once, used by a draft or not."""
    (tmp_path / "t.yaml").write_text(
        """\
assembler: 1
output: [youtub-1080p, {preset: draft, mix: podcst, path: b.mp4}]
mix: wep
defaults: {provider: klng}
seam: {preset: gentel}
segments: [{id: a, duration: 5s, prompt: x, model: kling-3}]
titles: [{text: x, on: a, for: 1s, style: titel}]
""",
        encoding="utf-8",
    )
    done = assembler("check", tmp_path / "t.yaml")
    found = [line.split(": ", 1) for line in done.stderr.splitlines() if "fix:" not in line]
    assert done.returncode == 3
    assert [(place.rpartition("/")[2], what.rpartition(" ")[2]) for place, what in found] == [
        ("t.yaml:2:10", "'youtub-1080p'"),
        ("t.yaml:2:45", "'podcst'"),
        ("t.yaml:3:6", "'wep'"),
        ("t.yaml:4:22", "'klng'"),
        ("t.yaml:5:16", "'gentel'"),
        ("t.yaml:6:52", "'kling-3'"),
        ("t.yaml:7:43", "'titel'"),
    ]
    assert done.stderr.count("did you mean") == 7


def test_a_provider_that_is_not_there_is_no_matter_to_a_draft(
    assembler: Command, tmp_path: Path
) -> None:
    """Nor where another one is named on the command line."""
    path = tmp_path / "t.yaml"
    path.write_text(
        "assembler: 1\ndefaults: {provider: my-studio}\n"
        "segments: [{id: a, duration: 5s, prompt: a pier}]\n",
        encoding="utf-8",
    )
    assert assembler("plan", path, "--draft").returncode == 0
    assert assembler("plan", path, "--provider", "animatic").returncode == 0
    done = assembler("plan", path)
    assert (done.returncode, "t.yaml:2:22: there is no provider" in done.stderr) == (3, True)


def test_json_errors_go_to_standard_output(assembler: Command, project: Path) -> None:
    """Programs read what is wrong and where without parsing sentences."""
    project.write_text("assembler: 1\nsegments: []\n", encoding="utf-8")
    done = assembler("check", project, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["kind"]) == (3, "SpecError")
    assert error["problems"][0]["line"] == 2


def test_plan_writes_nothing(assembler: Command, project: Path) -> None:
    """Looking at a plan leaves the folder as it was."""
    before = sorted(p.name for p in project.parent.rglob("*"))
    done = assembler("plan", project, "--json")
    links = json.loads(done.stdout)["links"]
    assert [(row["link"], row["state"]) for row in links] == [("walk.1", "ready")]
    assert sorted(p.name for p in project.parent.rglob("*")) == before


def test_an_unknown_command_is_a_usage_error(assembler: Command) -> None:
    """Exit code 2, with a suggestion."""
    done = assembler("rendre", "x.yaml")
    assert done.returncode == 2
    assert "render" in done.stderr


def test_a_file_in_the_way_is_kept(assembler: Command, project: Path) -> None:
    """What lies at the output's place isn't ours: nothing is generated, nothing is lost."""
    out = project.parent / "out" / "tiny.mp4"
    out.parent.mkdir()
    out.write_bytes(b"holiday")
    done = assembler("render", project)
    assert (done.returncode, out.read_bytes()) == (11, b"holiday")
    assert not (project.parent / ".assembler" / "takes").exists()


@pytest.fixture
def rendered(assembler: Command, project: Path) -> tuple[Path, dict[str, object]]:
    """The tiny film and what render says of it."""
    done = assembler("render", project, "--json")
    assert done.returncode == 0, done.stderr
    return project, json.loads(done.stdout)


def test_render_makes_the_film_and_then_nothing_more(
    assembler: Command, rendered: tuple[Path, dict[str, object]]
) -> None:
    """The first run delivers 72 frames; the second finds everything done."""
    project, said = rendered
    info = probe(project.parent / "out" / "tiny.mp4")
    assert info.video is not None
    assert (info.video.frames, info.video.width, info.video.height) == (72, 320, 180)
    assert said["frames"] == 72
    again = json.loads(assembler("render", project, "--json").stdout)
    assert again["outputs"][0]["up_to_date"]
    assert again["generated"] == 0


def test_explain_says_why_for_every_span(
    assembler: Command, rendered: tuple[Path, dict[str, object]]
) -> None:
    """Of a finished film all spans are there; nothing is made to find that out."""
    project, _ = rendered
    done = assembler("render", project, "--explain", "--json")
    assert done.returncode == 0, done.stderr
    (spans,) = [output["spans"] for output in json.loads(done.stdout)["outputs"]]
    assert {span["state"] for span in spans} == {"ready"}


def test_the_repeated_frame_of_a_handoff_is_dropped(
    rendered: tuple[Path, dict[str, object]],
) -> None:
    """The generated clip starts on the frame that the shot ended on; it is shown once."""
    _, said = rendered
    seams = said["seams"]
    assert isinstance(seams, list)
    assert [(s["seam"], s["matched"], s["start_from"]) for s in seams] == [("shot>walk.1", True, 1)]


def test_a_clip_from_the_net_is_fetched_once(assembler: Command, project: Path) -> None:
    """A chain goes on from a fetched clip; the second run asks the server for nothing."""
    text = project.read_text(encoding="utf-8")
    with serving(Behaviour((project.parent / "media" / "shot.mp4").read_bytes())) as server:
        project.write_text(text.replace("file: media/shot.mp4", f"url: {server}/shot.mp4"), "utf-8")
        first = assembler("render", project, "--json")
        assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["frames"] == 72
    again = assembler("render", project, "--json")
    assert json.loads(again.stdout)["outputs"][0]["up_to_date"]


def test_a_url_without_a_clip_is_named_at_its_place(assembler: Command, project: Path) -> None:
    """Nothing is generated for a film that can't be finished."""
    text = project.read_text(encoding="utf-8")
    with serving(Behaviour(b"<html>moved</html>")) as server:
        project.write_text(text.replace("file: media/shot.mp4", f"url: {server}/shot.mp4"), "utf-8")
        done = assembler("render", project)
    assert done.returncode == 5
    assert "tiny.yaml:7:" in done.stderr
    assert "stamina" not in done.stderr
    assert not list((project.parent / ".assembler" / "takes").glob("*.mp4"))


def test_a_changed_level_renders_no_picture_again(
    assembler: Command, rendered: tuple[Path, dict[str, object]]
) -> None:
    """New sound, the same spans."""
    project, _ = rendered
    text = project.read_text(encoding="utf-8").replace(
        "on: shot+0.25s", "on: shot+0.25s, level: -6"
    )
    project.write_text(text, encoding="utf-8")
    again = json.loads(assembler("render", project, "--json").stdout)
    assert not again["outputs"][0]["up_to_date"]
    assert again["outputs"][0]["rendered"] == 0


def test_stitch_joins_without_leaving_anything_behind(assembler: Command, project: Path) -> None:
    """Two files, one film, no folder of ours beside it."""
    shot, out = project.parent / "media" / "shot.mp4", project.parent / "joined" / "both.mkv"
    done = assembler("stitch", shot, shot, "-o", out, "--join", "cut", "--preset", "lossless")
    assert done.returncode == 0, done.stderr
    info = probe(out)
    assert info.video is not None
    assert info.video.frames == 72
    assert [p.name for p in out.parent.iterdir()] == ["both.mkv"]


def test_stitch_refuses_a_container_that_it_can_not_write(
    assembler: Command, project: Path
) -> None:
    """One sentence, before any work."""
    shot = project.parent / "media" / "shot.mp4"
    done = assembler("stitch", shot, shot, "-o", project.parent / "both.avi")
    assert done.returncode == 2
    assert "'both.avi' names no container that can be written" in done.stderr


def test_seam_measures_and_draws(assembler: Command, project: Path) -> None:
    """A clip against itself from its end on: JSON with numbers, a picture of the join."""
    shot, strip = project.parent / "media" / "shot.mp4", project.parent / "strip.png"
    done = assembler("seam", shot, shot, "--json", "--strip", strip)
    assert done.returncode == 0, done.stderr
    assert {"matched", "confidence", "repeat_frames", "keep_until", "start_from", "seconds"} <= set(
        json.loads(done.stdout)
    )
    assert probe(strip).still


def test_example_is_copied_with_its_media(assembler: Command, tmp_path: Path) -> None:
    """An installed copy gives a project that can be checked at once."""
    done = assembler("example", "found-footage", tmp_path / "mine", "--json")
    timeline = Path(json.loads(done.stdout)["timeline"])
    assert assembler("check", timeline).returncode == 0
    assert assembler("example", "found-footage", tmp_path / "mine").returncode == 11


def test_doctor_finds_everything_that_was_installed(assembler: Command) -> None:
    """Nothing is missing where the tests run."""
    done = assembler("doctor", "--json")
    assert done.returncode == 0
    assert not [f for f in json.loads(done.stdout)["findings"] if f["state"] == "missing"]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupting_leaves_nothing_half_written(
    assembler: Command, project: Path, name: str
) -> None:
    """It stops in order with 130 and says how to go on; the next run finishes the film."""
    text = project.read_text(encoding="utf-8").replace("duration: 2s", "duration: 40s")
    project.write_text(text, encoding="utf-8")
    argv = [sys.executable, "-m", "assembler", "render", str(project)]
    takes = project.parent / ".assembler" / "takes"
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 120
        while not list(takes.glob(".*")):
            assert running.poll() is None, "it ended before a take was begun"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running.send_signal(getattr(signal, name))
        _, said = running.communicate(timeout=120)
    assert (running.returncode, "Run the same command again" in said) == (130, True)
    assert not (project.parent / "out").exists()
    project.write_text(text.replace("duration: 40s", "duration: 2s"), encoding="utf-8")
    assert assembler("render", project).returncode == 0


def test_a_verb_that_has_finished_is_not_called_stopped(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether or not it was asked to stop on its way."""
    CANCEL.set()
    try:
        assert run(["check", str(project)]) == 0
    finally:
        CANCEL.clear()
    assert "stopped" not in capsys.readouterr().err


def test_verbs_of_the_library_stay_callable(project: Path) -> None:
    """`assembler.planning` is the function, also after the stages were imported."""
    assert library.plan(project).data()["links"]
    assert callable(library.plan)
    assert callable(library.render)


def test_every_public_name_is_there() -> None:
    """What `__all__` promises can be had."""
    assert all(hasattr(library, name) for name in library.__all__)


def test_mix_writes_sound_alone_and_its_stems(assembler: Command, project: Path) -> None:
    """No picture is rendered; the stems' names come with the result."""
    folder = project.parent
    done = assembler("mix", project, "--stems", folder / "stems", "-o", folder / "m.wav", "--json")
    made = json.loads(done.stdout)
    assert made["integrated_lufs"] == pytest.approx(-14, abs=0.1)
    assert made["samples"] == 3 * 48000
    assert set(made["stems"]) == {p.stem for p in (folder / "stems").iterdir()}
    assert not (folder / "out").exists()
    project.write_text(project.read_text().replace("role: voice,", "role: voice, mute: true,"))
    again = assembler("mix", project, "--stems", folder / "stems", "-o", folder / "m.wav", "--json")
    stems = set(json.loads(again.stdout)["stems"])
    assert stems == {p.stem for p in (folder / "stems").iterdir()} < set(made["stems"])
    refused = assembler("mix", project, "-o", folder / "m.mp3")
    assert (refused.returncode, "name it .wav" in refused.stderr) == (2, True)


def test_sync_says_when_there_is_nothing_to_find(assembler: Command, project: Path) -> None:
    """Silence isn't a match, and says so without failing."""
    voice, silent = project.parent / "media" / "voice.wav", project.parent / "silent.wav"
    write_wav(silent, [np.zeros((48000, 1), np.float32)], 48000, 1)
    done = assembler("sync", silent, voice, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["matched"]) == (0, False)
    assert found["reason"] == "the clip is silent"


def test_stitch_and_seam_name_the_file_that_is_missing(assembler: Command, project: Path) -> None:
    """The second clip is looked at as the first one is: a sentence, no traceback."""
    shot, none = project.parent / "media" / "shot.mp4", project.parent / "none.mp4"
    for command in (["stitch", shot, none, "-o", project.parent / "x.mp4"], ["seam", shot, none]):
        done = assembler(*command)
        assert done.returncode == 5
        assert done.stderr == f"{none}: there is no such file\n  fix: check the name\n"


def test_stitch_never_writes_over_its_clips(assembler: Command, project: Path) -> None:
    """--force is for files that nothing is made of."""
    shot = project.parent / "media" / "shot.mp4"
    before = shot.read_bytes()
    done = assembler("stitch", shot, shot, "-o", shot, "--force")
    assert (done.returncode, shot.read_bytes()) == (11, before)


def test_wrong_use_is_json_where_json_was_asked_for(assembler: Command) -> None:
    """A program that reads standard output gets an object, whatever it did wrong."""
    for args in (["rendre", "--json"], ["check", "--json"], ["plan", "x.yaml", "--no", "--json"]):
        done = assembler(*args)
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["kind"], done.stderr) == (2, "UsageError", "")


def test_the_disk_s_refusal_is_a_sentence(assembler: Command, project: Path) -> None:
    """A name that no disk takes."""
    shot = project.parent / "media" / "shot.mp4"
    done = assembler("stitch", shot, shot, "-o", project.parent / ("x" * 300 + ".mp4"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "fix: take a shorter name" in done.stderr


def test_render_never_writes_over_what_it_reads(assembler: Command, project: Path) -> None:
    """The draft's default name is that of a clip in the film: refused, even with --force."""
    clip = project.parent / "out" / "tiny-draft.mp4"
    clip.parent.mkdir()
    shutil.copyfile(project.parent / "media" / "shot.mp4", clip)
    text = project.read_text(encoding="utf-8").replace("media/shot.mp4", "out/tiny-draft.mp4")
    project.write_text(text, encoding="utf-8")
    before = clip.read_bytes()
    done = assembler("render", project, "--draft", "--force")
    assert (done.returncode, clip.read_bytes()) == (11, before)


def test_a_file_with_another_checksum_is_refused(assembler: Command, project: Path) -> None:
    """`sha256` holds for files as for URLs."""
    text = project.read_text(encoding="utf-8")
    wrong = text.replace("file: media/shot.mp4", f"file: media/shot.mp4, sha256: {'0' * 64}")
    assert wrong != text
    project.write_text(wrong, encoding="utf-8")
    done = assembler("check", project)
    assert done.returncode == 3
    assert "the file has another checksum" in done.stderr
