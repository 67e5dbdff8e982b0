"""What parameter sets announce is read and raised; all else in them stays."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from assembler.media.ffmpeg import run
from assembler.rendering.headers import parameter_sets
from assembler.rendering.reorder import held_back, holding_back

X264 = {
    "none": ("-bf", "0"),
    "pyramid": ("-bf", "3"),
    "flat": ("-bf", "1"),
    "interlaced, buffer told": ("-bf", "2", "-flags", "+ilme+ildct", "-b:v", "800k", "-maxrate",
                                "800k", "-bufsize", "400k", "-x264-params", "nal-hrd=cbr"),
    "baseline": ("-profile:v", "baseline"),
}  # fmt: skip
HELD = {"none": 0, "pyramid": 2, "flat": 1, "interlaced, buffer told": 2, "baseline": 0}


def _sets(path: Path, *args: str) -> bytes:
    run(
        ["-f", "lavfi", "-i", "testsrc2=s=160x96:r=24:d=1", "-pix_fmt", "yuv420p", *args, str(path)]
    )
    with av.open(str(path)) as container:
        found = parameter_sets(container.streams.video[0].codec_context)
    assert found is not None
    return found


@pytest.mark.parametrize("name", X264)
def test_frames_held_back_are_raised_in_h264(tmp_path: Path, name: str) -> None:
    """And nothing changes where as many are announced already."""
    sets = _sets(tmp_path / "a.mp4", "-c:v", "libx264", *X264[name])
    assert HELD[name] == held_back(sets, hevc=False)
    assert sets == holding_back(sets, HELD[name], hevc=False)
    raised = holding_back(sets, 3, hevc=False)
    assert held_back(raised, hevc=False) == 3
    assert raised == holding_back(raised, 3, hevc=False)


@pytest.mark.parametrize(("frames", "held"), [(0, 0), (3, 2)])
def test_frames_held_back_are_raised_in_hevc(tmp_path: Path, frames: int, held: int) -> None:
    options = ("-x265-params", f"bframes={frames}:log-level=none")
    sets = _sets(tmp_path / "a.mp4", "-c:v", "libx265", *options)
    assert held == held_back(sets, hevc=True)
    assert sets == holding_back(sets, held, hevc=True)
    assert held_back(holding_back(sets, 4, hevc=True), hevc=True) == 4
