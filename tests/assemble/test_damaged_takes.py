"""Takes whose files aren't what came: told of, healed by what came, and never paid again."""

from __future__ import annotations

import os
import shutil
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assembler.assemble.choosing import reroll
from assembler.assemble.film import render
from assembler.assemble.generating import generate
from assembler.assemble.prepare import plan
from assembler.assemble.takes import takes
from assembler.errors import GenerateError
from assembler.match.features import F32
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.media.writer import FrameWriter
from tests.assemble.conftest import PAID
from tests.servers import kling

FREE = """\
assembler: 1
canvas: {size: 320x180, rate: 24}
output: [{preset: lossless, path: out/p.mkv}]
defaults: {provider: animatic, model: animatic, resolution: 180p}
segments: [{id: g, duration: 2s, prompt: "A coast, pan right."}]
"""


def _timeline(folder: Path, text: str) -> Path:
    path = folder / "film.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _flip(path: Path) -> None:
    """Other bytes, the same size."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


def _other_clip(path: Path) -> None:
    """Another clip of the same size in bytes."""
    size, video = path.stat().st_size, probe(path).video
    assert video is not None
    width, height = video.display_size
    with FrameWriter(path, (width, height), video.rate) as writer:
        for _ in range(video.frames):
            writer.write(np.zeros((height, width, 3), np.float32))
    os.truncate(path, size)


def _shown(path: Path) -> F32:
    return np.stack(list(read_frames(probe(path), stop=48, rate=Fraction(24))))


def test_a_take_that_is_put_back_heals_the_film(tmp_path: Path) -> None:
    """Spans that show what a damaged take showed aren't taken for those of the whole one."""
    timeline, film = _timeline(tmp_path, FREE), tmp_path / "out" / "p.mkv"
    take = generate(timeline).takes["g.1"].path
    shutil.copy(take, tmp_path / "copy.mp4")
    whole = _shown(take)
    _other_clip(take)
    said = render(timeline).warnings
    assert any("link g.1: its take 1" in line and "put it back" in line for line in said)
    assert np.abs(_shown(film) - whole).max() > 0.1
    shutil.copy(tmp_path / "copy.mp4", take)
    film.unlink()
    assert not any("its take 1" in line for line in render(timeline).warnings)
    assert np.abs(_shown(film) - whole).max() < 0.02


def test_a_take_with_other_bytes_is_named_with_its_link(
    server: kling.Kling, tmp_path: Path
) -> None:
    timeline = _timeline(tmp_path, PAID)
    path = generate(timeline).takes["walk.1"].path
    _flip(path)
    said = (
        f"link walk.1: its take 1 {path.name} was damaged or changed after it came; put it back "
        "from a copy, delete it to have it again from kling, or `assembler takes reroll film.yaml "
        "walk.1` asks for another"
    )
    assert said in plan(timeline).prepared.plan.notes
    assert takes(timeline).notes == (said,)
    assert generate(timeline).warnings[0] == f"warning: {said}"
    assert len(server.jobs) == 2


def test_a_copied_take_is_read_once(tmp_path: Path) -> None:
    """A copy has another time of change; after the next run that is written down."""
    timeline = _timeline(tmp_path, FREE)
    path = generate(timeline).takes["g.1"].path
    os.utime(path, ns=(1, 1))
    assert not plan(timeline).prepared.plan.notes
    generate(timeline)
    assert '"mtime_ns": 1' in path.with_suffix(".json").read_text(encoding="utf-8")


@pytest.mark.parametrize("left", [0, 2000, -10])
def test_a_shortened_take_is_fetched_again_and_not_paid_again(
    server: kling.Kling, tmp_path: Path, left: int
) -> None:
    """Also where what is left of it opens as a clip."""
    timeline = _timeline(tmp_path, PAID)
    path = generate(timeline).takes["walk.1"].path
    came = path.read_bytes()
    os.truncate(path, left if left >= 0 else len(came) + left)
    prepared = plan(timeline).prepared
    step = prepared.plan.steps[0]
    assert (step.to_make, step.price_usd) == (1, Decimal(0))
    assert step.why == "its take isn't there as it came: it comes again, free"
    assert generate(timeline).takes["walk.1"].path.read_bytes() == came
    assert len(server.jobs) == 2


def test_a_damaged_take_that_is_deleted_comes_again(server: kling.Kling, tmp_path: Path) -> None:
    timeline = _timeline(tmp_path, PAID)
    path = generate(timeline).takes["walk.1"].path
    came = path.read_bytes()
    _flip(path)
    path.unlink()
    assert generate(timeline).takes["walk.1"].path.read_bytes() == came
    assert len(server.jobs) == 2


def test_a_kept_take_that_is_lost_is_not_paid_for_by_itself(
    server: kling.Kling, tmp_path: Path
) -> None:
    """No job is known under its new key, so only the user's word makes another."""
    timeline = _timeline(tmp_path, PAID)
    generate(timeline)
    assert reroll(timeline, "walk", keep_later=True).kept == ("lake.1",)
    path = generate(timeline).takes["lake.1"].path
    jobs = len(server.jobs)
    path.unlink()
    step = plan(timeline).prepared.plan.steps[1]
    assert (step.state, step.price_usd) == ("stuck", Decimal(0))
    with pytest.raises(GenerateError, match="isn't there as it came") as caught:
        generate(timeline, confirm=lambda _: True)
    assert "`assembler takes reroll film.yaml lake.1` asks for another" in caught.value.fix
    assert len(server.jobs) == jobs
    reroll(timeline, "lake.1")
    generate(timeline, confirm=lambda _: True)
    assert len(server.jobs) == jobs + 1
