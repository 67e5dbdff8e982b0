"""What is kept is shown and pruned, oldest use first."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from assembler.assemble.cache import cache, size_of
from assembler.errors import UsageError
from assembler.media.files import publish


def test_what_was_used_longest_ago_goes_first(tmp_path):
    """Files of one key go together; takes are never removed."""
    timeline = tmp_path / "t.yaml"
    timeline.write_text("assembler: 1\n")
    for n, name in enumerate(["old", "mid", "new"]):
        for suffix in (".mp4", ".json"):
            path = tmp_path / ".assembler" / "spans" / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(500))
            os.utime(path, (1000 + n, 1000 + n))
    take = tmp_path / ".assembler" / "takes" / "x.mp4"
    take.parent.mkdir()
    take.write_bytes(bytes(9000))
    found = cache(timeline, prune="2kB")
    left = sorted(p.name for p in (tmp_path / ".assembler" / "spans").iterdir())
    assert (found.removed_bytes, take.exists()) == (1000, True)
    assert left == ["mid.json", "mid.mp4", "new.json", "new.mp4"]
    assert {f.name: f.bytes for f in found.folders}["spans"] == 2000


def test_what_a_run_is_writing_stays(tmp_path):
    """What it has left behind when it was killed goes."""
    timeline = tmp_path / "t.yaml"
    timeline.write_text("assembler: 1\n")
    spans = tmp_path / ".assembler" / "spans"
    spans.mkdir(parents=True)
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    parts = {pid: spans / f".a.{pid}-0123abcd.part.mp4" for pid in (os.getpid(), killed.pid)}
    unknown, old = spans / ".b" / "new.wav", spans / ".b" / "old.wav"
    unknown.parent.mkdir()
    for path in (*parts.values(), unknown, old):
        path.write_bytes(bytes(500))
    os.utime(old, (1000, 1000))
    assert cache(timeline, prune="0").removed_bytes == 1000
    assert parts[os.getpid()].exists()
    assert unknown.exists()


def test_files_that_come_and_go_disturb_nothing(tmp_path):
    """Another run renames its parts at any moment."""
    timeline = tmp_path / "t.yaml"
    timeline.write_text("assembler: 1\n")
    spans = tmp_path / ".assembler" / "spans"
    spans.mkdir(parents=True)
    done = threading.Event()

    def work():
        while not done.is_set():
            for n in range(20):
                with publish(spans / f"{n}.txt") as part:
                    part.write_text("span")

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for _ in range(300):
            cache(timeline, prune="0")
    finally:
        done.set()
        writer.join()


@pytest.mark.parametrize(("text", "size"), [("2GB", 2 * 10**9), ("1.5 m", 1500000), ("0", 0)])
def test_sizes_are_read(text, size):
    assert size == size_of(text)


def test_no_size_is_an_error():
    with pytest.raises(UsageError, match="is no size"):
        size_of("many")
