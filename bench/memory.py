"""
Peak memory and time of long and large films, of the whole process tree.

    python bench/memory.py hour --clips 240        # 240 x 15 s at 640x360, by `assembler render`
    python bench/memory.py hour --clips 24         # a tenth of it
    python bench/memory.py large                   # 4 clips of 3840x2160 at 60, a correction each

Memory is what all processes hold together, shared pages counted once (PSS), every half second.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import psutil

from assembler.cut.model import Clip, Cut, Source
from assembler.media.ffmpeg import run
from assembler.media.files import sha256_of
from assembler.media.probe import probe
from assembler.rendering.render import render
from assembler.spec.presets import delivery_preset
from assembler.timebase import FrameRange
from bench.render import CORRECTIONS

DRAWN = 12
"""Different pictures; further clips are these in files of their own."""
PRESET = """
id: hour
title: Hour
container: mp4
video:
  encoder: libx264
  pix_fmt: yuv420p
  gop_s: 2
  options: {preset: veryfast, crf: 23, bf: 2, threads: 4, x264-params: "open-gop=0:stitchable=1"}
audio: {encoder: aac, bitrate_kbps: 192, rate: 48000}
mix: web
"""


def main() -> None:
    """Measure one of the works."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=("hour", "large"))
    parser.add_argument("--clips", type=int)
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if given.work == "hour":
            hour(Path(name), given.clips or 240, given.seconds or 15)
        else:
            large(Path(name), given.clips or 4, given.seconds or 1)


def hour(folder: Path, clips: int, seconds: float) -> None:
    """Many short clips with sound, as a timeline."""
    (folder / "presets" / "delivery").mkdir(parents=True)
    (folder / "presets" / "delivery" / "hour.yaml").write_text(PRESET)
    for n in range(clips):
        base = folder / f"base{n % DRAWN}.mp4"
        if not base.exists():
            run(["-f", "lavfi", "-i", f"testsrc2=s=640x360:r=24,hue=h={n * 29}", "-f", "lavfi",
                 "-i", f"sine=frequency={200 + 20 * n}:sample_rate=48000", "-t", str(seconds),
                 "-vf", "setparams=range=tv:colorspace=bt709,format=yuv420p", "-c:v", "libx264",
                 "-preset", "ultrafast", "-c:a", "aac", str(base)])  # fmt: skip
        run(["-i", str(base), "-c", "copy", "-metadata", f"comment={n}",
             str(folder / f"clip{n}.mp4")])  # fmt: skip
    segments = "".join(f"  - {{id: s{n}, file: clip{n}.mp4}}\n" for n in range(clips))
    timeline = folder / "hour.yaml"
    timeline.write_text(
        "assembler: 1\ncanvas: {size: 640x360, rate: 24}\noutput: [{preset: hour, path: o.mp4}]\n"
        f"segments:\n{segments}"
    )
    command = [sys.executable, "-m", "assembler", "render", str(timeline), "-q"]
    figures = watched(lambda: subprocess.run(command, check=True))
    with av.open(str(folder / "o.mp4")) as film:
        picture, sound = film.streams.video[0], film.streams.audio[0]
        ends = [s.duration * s.time_base for s in (picture, sound) if s.duration and s.time_base]
        figures["frames"] = picture.frames
    figures["sound ends after picture, ms"] = float(ends[1] - ends[0]) * 1000
    told(f"{clips} clips of {seconds:g} s, 640x360", figures)


def large(folder: Path, clips: int, seconds: float) -> None:
    """Clips of 4K at 60 frames a second, all but the first one corrected."""
    rate, frames = Fraction(60), round(60 * seconds)
    row = []
    for n in range(clips):
        path = folder / f"clip{n}.mp4"
        run(["-f", "lavfi", "-i", f"testsrc2=s=3840x2160:r=60,hue=h={n * 29}", "-frames:v",
             str(frames), "-vf", "setparams=range=tv:colorspace=bt709,format=yuv420p", "-c:v",
             "libx264", "-preset", "ultrafast", str(path)])  # fmt: skip
        info = probe(path)
        assert info.video is not None
        source = Source(sha256_of(path), path, info, info.video.colour)
        clip = Clip(f"c{n}", f"c{n}", source, FrameRange(n * frames, (n + 1) * frames), 0)
        row.append(replace(clip, correction=CORRECTIONS["both"]) if n else clip)
    cut = Cut("Large", (3840, 2160), rate, 48000, "stereo", tuple(row))
    preset, out = delivery_preset("youtube-4k"), folder / "o.mp4"
    figures = watched(lambda: render(cut, preset, out, sound=None, spans=folder / "spans"))
    told(f"{clips} clips of {seconds:g} s, 3840x2160 at 60, corrected", figures)


def watched(work: Callable[[], object]) -> dict[str, float]:
    """Seconds and the most memory that *work* takes."""
    most, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            most[0] = max(most[0], held_mb(os.getpid()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, used = time.monotonic(), cpu_seconds()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return {
        "seconds": time.monotonic() - began,
        "CPU seconds": cpu_seconds() - used,
        "peak MB": most[0],
    }


def held_mb(pid: int) -> float:
    """Memory of a process and all below it."""
    found = 0
    with suppress(psutil.Error):
        whole = psutil.Process(pid)
        for process in (whole, *whole.children(recursive=True)):
            with suppress(psutil.Error):
                info = process.memory_full_info()
                found += getattr(info, "pss", info.rss)
    return found / 1e6


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def told(name: str, figures: dict[str, float]) -> None:
    """Print them."""
    load = os.getloadavg()[0]
    shown = {key: round(value, 1) for key, value in figures.items()}
    print(f"{name}: {json.dumps(shown)}, load {load:.0f}", flush=True)


if __name__ == "__main__":
    main()
