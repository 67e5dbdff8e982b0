"""What is told where nothing more can be written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assembler.errors import NoRoomError
from assembler.media.ffmpeg import run
from assembler.media.files import publish

AGAIN = "then run the same command again: what is finished is kept."
FULL = Path("/dev/full")
FILM = """\
assembler: 1
canvas: {size: 320x180, rate: 24}
output: [{preset: lossless, path: out/p.mkv}]
defaults: {provider: animatic, model: animatic, resolution: 180p}
segments: [{id: g, duration: 2s, prompt: "A coast, pan right."}]
"""


@pytest.mark.parametrize(
    ("number", "what", "fix"),
    [
        (errno.ENOSPC, "no room is left on its disk", "make room there, "),
        (
            errno.EDQUOT,
            "your share of its disk is used up",
            "make room there, or have the quota raised, ",
        ),
        (
            errno.EFBIG,
            "it would be larger than a file may be here",
            "raise the limit (`ulimit -f unlimited`), or take a disk with larger files, ",
        ),
    ],
)
def test_a_lack_of_room_names_the_file_and_what_helps(
    tmp_path: Path, number: int, what: str, fix: str
) -> None:
    out = tmp_path / "a.mkv"
    with pytest.raises(NoRoomError) as caught, publish(out):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"{out}: {what}\n  fix: {fix}{AGAIN}"
    assert not list(tmp_path.iterdir())


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), publish(tmp_path / "a.mkv"):
        raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full")
def test_what_ffmpeg_says_of_a_full_disk_is_one_sentence() -> None:
    source = ["-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-c:v", "rawvideo", "-f", "nut"]
    with pytest.raises(NoRoomError) as caught:
        run([*source, str(FULL)])
    assert (
        str(caught.value) == f"{FULL}: no room is left on its disk\n  fix: make room there, {AGAIN}"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits of that kind are Unix's")
@pytest.mark.parametrize("blocks", [200, 600])
def test_a_limit_for_file_sizes_is_told_with_the_file(tmp_path: Path, blocks: int) -> None:
    """Of the take or of the mix: wherever it is met."""
    (tmp_path / "film.yaml").write_text(FILM, encoding="utf-8")
    limited = f'ulimit -f {blocks}; exec "$0" -m assembler render film.yaml -q'
    done = subprocess.run(
        ["sh", "-c", limited, sys.executable],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 15, done.stderr
    first, fix = done.stderr.splitlines()
    assert first.startswith(f"{tmp_path}{os.sep}.assembler{os.sep}")
    assert first.endswith(": it would be larger than a file may be here")
    assert fix.endswith(AGAIN)
