"""The runner of ffmpeg: progress, long graphs, errors, and nothing left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from assembler.errors import MediaError, MissingProgramError, RenderError
from assembler.media import ffmpeg

_ENDLESS = ["-f", "lavfi", "-i", "testsrc2=s=64x64", "-f", "null", "-"]
_SECOND = ["-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=1"]


def _children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "ffmpeg" in p.name()]


def test_progress_ends_at_the_number_of_frames() -> None:
    told: list[int] = []
    ffmpeg.run([*_SECOND, "-f", "null", "-"], on_frames=told.append)
    assert told[-1] == 25


def test_graph_longer_than_a_command_line_runs() -> None:
    graph = "[0:v]" + "null," * 1_500 + "null[out]"
    text = ffmpeg.run([*_SECOND, "-filter_complex", graph, "-map", "[out]", "-f", "null", "-"])
    assert "frame=   25" in text


def test_failure_shows_command_and_last_lines(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        ffmpeg.run(["-i", str(tmp_path / "absent.mov"), "x.mp4"], error=MediaError, where="here")
    text = str(caught.value)
    assert text.startswith("here: ffmpeg ended with ")
    assert "absent.mov x.mp4" in text
    assert "No such file or directory" in text


def test_cancel_kills_the_program() -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    begun = time.monotonic()
    with pytest.raises(RenderError, match="cancelled"):
        ffmpeg.run(_ENDLESS, cancel=cancel)
    assert time.monotonic() - begun < 5
    assert not _children()


def test_exception_of_the_caller_kills_the_program() -> None:
    def stop(frames: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ffmpeg.run(_ENDLESS, on_frames=stop)
    assert not _children()


_RAW = ["-f", "rawvideo", "-s", "16x16", "-pix_fmt", "gray", "-i", "pipe:0", "-f", "null", "-"]


def test_blocks_are_fed_through_stdin() -> None:
    told: list[int] = []
    ffmpeg.run(_RAW, stdin=iter([bytes(256)] * 7), on_frames=told.append)
    assert told[-1] == 7


def test_exception_of_the_feeder_reaches_the_caller() -> None:
    def blocks() -> Iterator[bytes]:
        yield bytes(256)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        ffmpeg.run(_RAW, stdin=blocks())


def test_feeding_a_program_that_has_ended_reports_its_error() -> None:
    wrong = ["-f", "rawvideo", "-s", "16x16", "-pix_fmt", "no_such", *_RAW[6:]]
    with pytest.raises(RenderError, match="no_such"):
        ffmpeg.run(wrong, stdin=iter([bytes(1 << 20)] * 50))


def test_named_program_that_is_absent_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ffmpeg.ENVIRONMENT, "/no/such/ffmpeg")
    with pytest.raises(MissingProgramError) as caught:
        ffmpeg.exe()
    assert str(caught.value) == (
        "ASSEMBLER_FFMPEG names '/no/such/ffmpeg', which is no program\n"
        "  fix: set ASSEMBLER_FFMPEG to the path of ffmpeg, or unset it to use the packaged one."
    )


def test_named_program_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = ffmpeg.exe()
    monkeypatch.setenv(ffmpeg.ENVIRONMENT, packaged)
    assert packaged == ffmpeg.exe()


def test_filters_and_encoders_are_known_by_name() -> None:
    assert ffmpeg.has_filter("scale")
    assert ffmpeg.has_encoder("libx264")
    assert not ffmpeg.has_filter("libx264")
    assert not ffmpeg.has_encoder("no_such")
    assert ffmpeg.version()
