"""Files appear whole or not at all."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from assembler.media.files import publish, scratch_folder, sha256_of, unfinished


def test_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.mp4"
    with publish(path) as part:
        part.write_bytes(b"whole")
        assert part.suffix == ".mp4"
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_failure_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with publish(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_dead_processes_have_left_is_swept(tmp_path: Path) -> None:
    """Not what a running one writes, nor anything with another name."""
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    dead = f"{killed.pid}-0123abcd"
    (tmp_path / f".film.{dead}.part.f32").write_bytes(b"half")
    (tmp_path / f".film.{dead}.part").mkdir()
    (tmp_path / f".film.{dead}.part" / "clean.wav").write_bytes(b"half")
    kept = {".film.part.mp4", f"film.{dead}.part.mp4", ".notes.1-2.part", unfinished(tmp_path).name}
    for name in kept:
        (tmp_path / name).write_bytes(b"mine")
    with scratch_folder(tmp_path / "film.wav") as folder:
        assert {path.name for path in tmp_path.iterdir()} == {*kept, folder.name}
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    content = bytes(range(256)) * 10_000
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()
