"""`assembler review` and `assembler watch` as a user starts and ends them."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
import watchfiles
from watchfiles.main import FileChange

from assembler.assemble.progress import Progress, Reading
from assembler.errors import OutputExistsError, SpecError, UsageError
from assembler.reviewing.review import review
from assembler.reviewing.watch import watch

PATIENCE_S = 120.0


@contextmanager
def running(*args: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The command; it must not outlive the test."""
    argv = [sys.executable, "-m", "assembler", *map(str, args)]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and what was still said, after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, errors


def lines_of(process: subprocess.Popen[str]) -> queue.Queue[str]:
    """Lines of standard output as they come."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    return lines


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process there")
def test_review_prints_its_address_and_ends_by_ctrl_c(film: Path) -> None:
    with running("review", film, "--no-open", "--json") as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        address = json.loads(text)["address"]
        assert httpx.get(address, timeout=PATIENCE_S).status_code == 200
        url = httpx.URL(address)
        with socket.create_connection((url.host, url.port or 0), PATIENCE_S) as other:
            other.sendall(b"no HTTP at all\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 400")
        code, errors = interrupted(process)
    assert code == 0, errors
    assert "Traceback" not in errors
    assert "Invalid HTTP" not in errors
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_timeline_with_mistakes_is_not_reviewed(film: Path) -> None:
    film.write_text("assembler: 1\nsegments: []\n", encoding="utf-8")
    with pytest.raises(SpecError, match="must have at least 1 entry"):
        review(film, opened=pytest.fail)


def test_a_port_that_is_taken_is_named(film: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} can't be used"):
            review(film, opened=pytest.fail, port=port)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process there")
def test_watch_renders_after_every_change_and_goes_on_after_mistakes(film: Path) -> None:
    good = film.read_text(encoding="utf-8")
    with running("watch", film, "--json") as process:
        lines = lines_of(process)
        first = json.loads(lines.get(timeout=PATIENCE_S))
        assert (first["ok"], first["changed"], first["frames"]) == (True, [], 120)
        film.write_text(good.replace("duration: 1s", "duraton: 1s"), encoding="utf-8")
        wrong = json.loads(lines.get(timeout=PATIENCE_S))
        assert (wrong["ok"], wrong["changed"]) == (False, ["tiny.yaml"])
        assert "did you mean 'duration'?" in wrong["error"]
        film.write_text(good.replace("out: 1s", "out: 0.5s"), encoding="utf-8")
        mended = json.loads(lines.get(timeout=PATIENCE_S))
        assert (mended["ok"], mended["frames"]) == (True, 108)
        (film.parent / "notes.txt").write_text("nothing to do with it", encoding="utf-8")
        voice = film.parent / "media" / "voice.wav"
        voice.write_bytes(voice.read_bytes()[:-48000])
        assert json.loads(lines.get(timeout=PATIENCE_S))["changed"] == ["media/voice.wav"]
        code, errors = interrupted(process)
    assert code == 0
    assert "Traceback" not in errors


def test_what_watch_says_is_no_change(film: Path) -> None:
    """Also where it goes to a file beside a timeline with a mistake: any file may matter then."""
    film.write_text(
        film.read_text(encoding="utf-8").replace("duration: 1s", "duraton: 1s"), encoding="utf-8"
    )
    log = film.parent / "watch.log"
    with log.open("w") as file:
        argv = [sys.executable, "-m", "assembler", "watch", str(film), "--json"]
        with subprocess.Popen(argv, stdout=file, stderr=file) as process:
            end = time.monotonic() + PATIENCE_S
            while "duraton" not in log.read_text() and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(2)  # five times as long as changes are waited for
            process.kill()
    assert log.read_text().count('"error"') == 1


def test_a_change_while_it_renders_begins_anew(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the watcher of the files comes late; what is told of is of the newest text."""
    stop, noticed = threading.Event(), threading.Event()

    def slow(*paths: Path, **how: Any) -> Iterator[set[FileChange]]:
        time.sleep(1)
        for changes in watchfiles.watch(*paths, **how):
            yield changes
            if changes:
                noticed.set()

    def change(_: Reading) -> None:
        text = film.read_text(encoding="utf-8")
        if "out: 1s" in text:
            film.write_text(text.replace("out: 1s", "out: 0.5s"), encoding="utf-8")
            assert noticed.wait(PATIENCE_S)

    monkeypatch.setattr("assembler.reviewing.watch.changes_below", slow)
    frames = []
    for made in watch(film, showing=lambda: nullcontext(Progress(change)), cancel=stop):
        assert made.film is not None
        frames.append(made.film.cut.frames)
        if frames[-1] == 108:
            stop.set()
    assert frames == [108]


def test_a_file_in_the_way_ends_the_watch(film: Path) -> None:
    out = film.parent / "out" / "tiny-draft.mp4"
    out.parent.mkdir(exist_ok=True)
    out.write_bytes(b"holiday")
    with pytest.raises(OutputExistsError):
        next(iter(watch(film, cancel=threading.Event())))
    assert out.read_bytes() == b"holiday"
