"""
What a render loses when it is killed: SIGKILL at random moments, to anything that takes part.

    python bench/kills.py --kills 30 --seed 1

A film of small clips is rendered by worker processes. At a random moment the render itself, a
worker or an encoder is killed; a render that is gone is started again. Counted are spans that were
finished and are made once more, spans in flight that are lost, and frames of the final file that
differ from those of an undisturbed render.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import psutil

from assembler.cut.model import Clip, Cut, Source
from assembler.media.ffmpeg import run
from assembler.media.files import sha256_of
from assembler.media.probe import probe
from assembler.rendering.render import render
from assembler.rendering.spans import spans_of
from assembler.spec.presets import delivery_preset
from assembler.timebase import FrameRange

RATE = Fraction(24)
CLIPS, FRAMES, WORKERS = 24, 36, 2
PRESET = delivery_preset("web-720p").model_copy(update={"size": (640, 384)})

_RENDER = """
import pickle, sys
from pathlib import Path
from bench.kills import PRESET, WORKERS
from assembler.rendering.executor import Processes
from assembler.rendering.render import render

cut, folder = pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
made = render(cut, PRESET, folder / "o.mp4", sound=None, spans=folder / "spans", workers=WORKERS,
              executor=Processes)
print(len(made.made), made.reused)
"""


@dataclass
class Kills:
    """What was killed, and what it cost."""

    victims: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    made_again: int = 0
    """Spans that were finished before a kill and had to be made once more."""
    half_written: int = 0
    """Most spans that one start has left half-written."""
    films: int = 0
    differing: int = 0
    """Frames that aren't those of the undisturbed film."""


def main() -> None:
    """Kill and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        cut = film(Path(name))
        began = time.monotonic()
        whole = render(cut, PRESET, Path(name) / "whole.mp4", sound=None,
                       spans=Path(name) / "undisturbed", workers=WORKERS)  # fmt: skip
        took, wanted = time.monotonic() - began, checksums(whole.path)
        found = Kills()
        while sum(found.victims.values()) < given.kills:
            disturb(cut, Path(name), wanted, took, given.kills, chance, found)
    print(f"{len(cut.clips)} spans, {cut.frames} frames; undisturbed {took:.1f} s")
    print(json.dumps({**vars(found), "victims": dict(found.victims)}, indent=1))


def film(folder: Path) -> Cut:
    """Short clips of moving texture."""
    clips = []
    for n in range(CLIPS):
        path = folder / f"clip{n}.mp4"
        run(["-f", "lavfi", "-i", f"testsrc2=s=640x384:r=24,hue=h={n * 15}", "-frames:v",
             str(FRAMES), "-vf", "setparams=range=tv:colorspace=bt709,format=yuv420p",
             "-c:v", "libx264", "-preset", "ultrafast", str(path)])  # fmt: skip
        info = probe(path)
        assert info.video is not None
        source = Source(sha256_of(path), path, info, info.video.colour)
        clips.append(Clip(f"c{n}", f"c{n}", source, FrameRange(n * FRAMES, (n + 1) * FRAMES), 0))
    return Cut("Kills", (640, 384), RATE, 48000, "stereo", tuple(clips))


def disturb(
    cut: Cut,
    home: Path,
    wanted: list[int],
    took: float,
    most: int,
    chance: random.Random,
    to: Kills,
) -> None:
    """Render a film from nothing, killed again and again until it is there."""
    with tempfile.TemporaryDirectory(dir=home) as name:
        folder = Path(name)
        (folder / "cut").write_bytes(pickle.dumps(cut))
        argv = [sys.executable, "-c", _RENDER, str(folder / "cut"), str(folder)]
        while True:
            before = finished(cut, folder / "spans")
            to.starts += 1
            with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
                while sum(to.victims.values()) < most and child.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        child.wait(chance.uniform(0.2, took / 2))
                    kill_one(child.pid, chance, to) if child.poll() is None else None
                said = child.stdout.read() if child.stdout else ""
            after = finished(cut, folder / "spans")
            to.made_again += len(before - after)
            left = [p for p in (folder / "spans").glob(".*.part*") if p.suffix != ".json"]
            to.half_written = max(to.half_written, len(left))
            if child.returncode == 0:
                to.made_again += len(before) - min(len(before), int(said.split()[1]))
                to.films += 1
                pairs = zip(checksums(folder / "o.mp4"), wanted, strict=True)
                to.differing += sum(a != b for a, b in pairs)
                return


def kill_one(pid: int, chance: random.Random, to: Kills) -> None:
    """The render, a worker or an encoder, each as likely."""
    with suppress(psutil.NoSuchProcess):
        whole = psutil.Process(pid)
        workers = whole.children()
        encoders = [c for worker in workers for c in worker.children()]
        kinds = {"render": [whole], "worker": workers, "encoder": encoders}
        kind = chance.choice([k for k, found in kinds.items() if found])
        chance.choice(kinds[kind]).kill()
        to.victims[kind] += 1


def finished(cut: Cut, folder: Path) -> set[str]:
    """Spans whose files are whole."""
    from assembler.rendering.encode import SpanJob

    return {s.key for s in spans_of(cut, PRESET) if SpanJob(s, folder).sound()}


def checksums(path: Path) -> list[int]:
    """Of all frames."""
    import zlib

    with av.open(str(path)) as container:
        return [zlib.crc32(f.to_ndarray().tobytes()) for f in container.decode(video=0)]


if __name__ == "__main__":
    main()
