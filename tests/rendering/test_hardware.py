"""Encoders in graphics chips: asked for, and there or not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assembler.assemble.prepare import check
from assembler.errors import MissingProgramError, SpecError
from assembler.media.ffmpeg import exe
from assembler.rendering.hardware import fault_of, on_hardware
from assembler.rendering.render import render
from assembler.spec.presets import delivery_preset
from tests.rendering.conftest import clip, cut_of
from tests.rendering.numbers import numbers_in

CHIPLESS = pytest.mark.skipif(not fault_of("h264_nvenc"), reason="there is a chip here")


@CHIPLESS
def test_an_absent_chip_is_named_with_a_way_out():
    """Nothing is encoded by something else in silence."""
    with pytest.raises(MissingProgramError) as caught:
        on_hardware(delivery_preset("youtube-1080p"), "nvenc")
    assert str(caught.value).startswith("youtube-1080p: NVENC can't be used on this machine: ")
    assert "fix: " in str(caught.value)


@CHIPLESS
def test_check_says_where_an_absent_chip_is_asked_for(tmp_path):
    """With line and column of the timeline."""
    text = (
        "assembler: 1\noutput:\n  - {preset: youtube-1080p, hardware: nvenc}\n"
        "segments:\n  - {id: a, prompt: A pier., duration: 5s}\n"
    )
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        check(tmp_path / "t.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.what.split(":")[0]) == (3, "NVENC can't be used on this machine")


def test_chips_make_nothing_but_420():
    """ProRes and the like stay with the processor."""
    with pytest.raises(MissingProgramError, match="can't make prores_ks in yuv422p10le"):
        on_hardware(delivery_preset("prores-master"), "qsv")


_STAND_IN = """#!{python}
import os, sys
args, out = sys.argv[1:], []
known = {{"-preset:v", "-tune:v", "-forced-idr:v", "-rc:v", "-cq:v", "-b:v"}}
if "-encoders" in args:
    print(" V....D h264_nvenc           NVIDIA NVENC H.264 encoder")
    sys.exit()
skip = False
for arg in args:
    if not skip and arg not in known:
        out.append("libx264" if arg == "h264_nvenc" else arg)
    skip = arg in known and "h264_nvenc" in args
os.execv({exe!r}, [{exe!r}, *out])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ffmpeg is a script")
def test_a_chip_that_is_there_makes_the_film(sources, tmp_path, spans, monkeypatch):
    """All settings go to its encoder; the film is checked like any other."""
    program = tmp_path / "ffmpeg-with-a-chip"
    program.write_text(_STAND_IN.format(python=sys.executable, exe=exe()))
    program.chmod(0o755)
    monkeypatch.setenv("ASSEMBLER_FFMPEG", str(program))
    fault_of.cache_clear()
    preset = on_hardware(delivery_preset("youtube-1080p"), "nvenc").model_copy(
        update={"size": None}
    )
    fault_of.cache_clear()
    assert preset.video.encoder == "h264_nvenc"
    assert preset.video.options["cq"] == 17
    a, b = sources
    rendered = render(
        cut_of(clip(a, 0, 20), clip(b, 20, 40)), preset, tmp_path / "o.mp4", sound=None, spans=spans
    )
    assert [*range(20), *range(1000, 1020)] == numbers_in(Path(rendered.path))
    assert rendered.verified.codec == "h264"
