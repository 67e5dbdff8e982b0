"""One join measured without a timeline, and the same as part of a film."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assembler.assemble.measuring import Measured, canvas_of, measure
from assembler.assemble.stitch import stitch
from assembler.match.decision import decision_to_json
from assembler.media.ffmpeg import run
from assembler.media.frames import FrameWriter
from assembler.media.probe import probe
from tests.cut.facts import seam


@pytest.mark.parametrize(
    ("size", "rate"), [((192, 108), Fraction(24)), ((182, 110), Fraction(29843, 1000))]
)
def test_a_join_is_measured_as_stitch_decides_it(
    tmp_path: Path, size: tuple[int, int], rate: Fraction
) -> None:
    """B repeats two frames of A in another grade; odd sizes and rates too."""
    a = _shot(tmp_path / "a.mp4", range(30), size, rate)
    b = _shot(tmp_path / "b.mp4", range(28, 60), size, rate, gain=0.95)
    alone = decision_to_json(measure(a, b).decision)
    report = tmp_path / "report.json"
    stitch([a, b], tmp_path / "both.mkv", preset="lossless", report=report)
    (joined,) = json.loads(report.read_text(encoding="utf-8"))["seams"]
    assert alone["matched"]
    assert alone["repeat_frames"] == 2
    for name in ("confidence", "keep_until", "start_from", "skipped", "before", "after"):
        assert json.loads(json.dumps(alone[name])) == joined[name], name
    assert json.loads(json.dumps(alone["correction"]["colour"]["matrix"])) == joined["colour"]


@pytest.mark.parametrize(
    ("repeated", "kept", "said"),
    [
        (1, 43, "a>b: 1 repeated frame (confidence 1.00)\n  keep 43 frames of the first"),
        (2, 1, "a>b: 2 repeated frames (confidence 1.00)\n  keep 1 frame of the first"),
        (0, 2, "a>b: 0 repeated frames (confidence 1.00)\n  keep 2 frames of the first"),
    ],
)
def test_one_frame_is_told_as_one(repeated: int, kept: int, said: str) -> None:
    decision = replace(seam("a>b", kept, 1), repeat_frames=repeated, confidence=1.0)
    assert Measured(decision, 0.0).text().startswith(f"{said}, start the second at frame 1\n")


def _shot(
    path: Path, numbers: range, size: tuple[int, int], rate: Fraction, gain: float = 1.0
) -> Path:
    """A still texture that a camera pans over, a pixel and a half a frame."""
    rng = np.random.default_rng(4)
    wide = rng.random((size[1] // 4 + 1, size[0], 3)).repeat(4, axis=0).repeat(4, axis=1)
    with FrameWriter(path, size, rate, options={"crf": "8"}) as writer:
        for number in numbers:
            left = round(1.5 * number)
            view = wide[: size[1], left : left + size[0]]
            writer.write((gain * (0.2 + 0.6 * view)).astype(np.float32))
    return path


def test_clips_of_varying_rate_are_joined_at_a_usual_one(tmp_path: Path) -> None:
    """Their mean is no rate that anything plays at."""
    even, uneven = (
        _shot(tmp_path / "a.mp4", range(30), (192, 108), Fraction(24)),
        tmp_path / "v.mkv",
    )
    stamps = "setpts='(N+floor(N/4)*(1+mod(N,3)))/24/TB'"
    run(["-i", str(even), "-vf", stamps, "-fps_mode", "passthrough", str(uneven)])
    found = probe(uneven)
    assert found.video is not None
    assert found.video.vfr
    assert canvas_of(found).rate in (24, 25, 30)
    assert canvas_of(probe(even)).rate == 24
