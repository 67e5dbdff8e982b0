"""A film through Kling's API by the command line, as a user makes one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from assembler.media.frames import read_frames
from assembler.media.pixels import Floats
from assembler.media.probe import probe
from assembler.media.stills import read_image
from assembler.planning.ledger import Ledger
from tests.generation.links import project_in
from tests.servers import kling
from tests.servers.kit import serving

SIZE = (320, 180)
TIMELINE = """\
assembler: 1
title: Teaser
canvas: {size: 320x180, rate: 24}
output: [{preset: web-720p, size: 320x180, path: out/teaser.mp4}]
budget: {usd: 1}
defaults: {provider: kling, model: kling-3.0, resolution: 720p, audio: off}
segments:
  - {id: dawn, duration: 3s, prompt: "Harbour, push in."}
  - {id: walk, continue: dawn, duration: 3s, prompt: "Harbour, push in."}
"""


def _rendered(timeline: Path, server: kling.Kling) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"ASSEMBLER_KLING_URL": server.url, "KLING_API_KEY": server.key}
    argv = [sys.executable, "-m", "assembler", "render", str(timeline), "--yes", "--json"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=240)


def _frames(path: Path) -> list[Floats]:
    return list(read_frames(probe(path)))


def _levels(a: Floats, b: Floats) -> float:
    return float(np.abs(a - b).mean()) * 255


def test_film_is_one_movement_and_each_link_begins_on_the_frame_handed_on(tmp_path: Path) -> None:
    """Every frame of the film is the clips' own, in order, none shown twice."""
    timeline = tmp_path / "teaser.yaml"
    timeline.write_text(TIMELINE, encoding="utf-8")
    with serving(kling.Kling(tmp_path / "server", size=SIZE)) as server:
        server.faults.add("submit", "throttle", "reset_after")
        made = _rendered(timeline, server)
        assert made.returncode == 0, made.stderr
        again = _rendered(timeline, server)
        assert again.returncode == 0, again.stderr
        assert server.key not in made.stdout + made.stderr
        assert (len(server.jobs), len(server.billed)) == (2, 2)
        sent = [job.clip.start for job in server.jobs.values() if job.clip]
    with Ledger(project_in(tmp_path).ledger) as ledger:
        rows = {row.link: row for row in ledger.submissions()}
    takes = [_frames(tmp_path / ".assembler/takes" / f"{rows[f'{s}.1'].key}.mp4")
             for s in ("dawn", "walk")]  # fmt: skip
    programme: list[Floats] = []
    for number, clip in enumerate(takes):
        if number:
            image = sent[number]
            assert image is not None
            handed = read_image(image)[..., :3]
            assert handed.shape[:2] == (720, 1280)
            assert _levels(clip[0], takes[number - 1][72]) < 1.5
        programme += clip[1 if number else 0 : 73]
    film = _frames(Path(json.loads(made.stdout)["outputs"][0]["path"]))
    assert len(film) == 144
    for n, frame in enumerate(film):
        assert _levels(frame, programme[n]) < 3, n
