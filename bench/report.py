"""
How long the report of a film takes beyond its render, and how large its page is.

    python bench/report.py --segments 60 --seconds 3 --size 1280x720

The film is a walk over one photograph in as many clips, each of which repeats the last frame of the
one before in slightly other colours, so that every join but each tenth is a seam. It is rendered
once; then the report is made three times in a process of its own, and once more with the seams'
pictures gone, as after an update.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assembler.media.ffmpeg import run
from assembler.spec.data import data_folder

RATE = 24


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--size", default="1280x720", help="of clips and canvas")
    parser.add_argument("--film", default="640x360", help="of the delivered film")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder to work in; kept, and used again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        timeline = film(folder, given.segments, given.seconds, given.size, given.film)
        print(f"render: {timed('render', timeline)[0]:.1f} s")
        measure(timeline, given.runs)


def film(folder: Path, segments: int, seconds: int, size: str, delivered: str) -> Path:
    """Path of a timeline, its clips beside it."""
    (folder / "media").mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(segments):
        path = folder / "media" / f"clip{n:02d}.mp4"
        if not path.exists():
            clip(path, n, seconds * RATE, size)
        join = "cut" if n % 10 == 0 else "handoff"
        rows.append(f"  - {{id: s{n:02d}, file: media/{path.name}, join: {join}}}")
    voice = folder / "media" / "voice.flac"
    voice.write_bytes((data_folder("timelines") / "media" / "speech.flac").read_bytes())
    score = folder / "media" / "score.ogg"
    score.write_bytes((data_folder("timelines") / "media" / "vibe-ace.ogg").read_bytes())
    timeline = folder / "film.yaml"
    lines = [
        "assembler: 1",
        f"title: Walk in {segments} clips",
        f"canvas: {{size: {size}, rate: {RATE}}}",
        f"output: [{{preset: web-720p, size: {delivered}, path: out/film.mp4}}]",
        "segments:",
        *rows,
        "tracks:",
        "  - {id: voice, role: voice, file: media/voice.flac, on: s00+2s}",
        "  - {id: score, role: music, file: media/score.ogg, loop: true, duck: {by: 10dB}}",
        'titles: [{text: "A walk", style: title, on: s00+1s, for: 3s}]',
    ]
    timeline.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return timeline


def clip(path: Path, number: int, frames: int, size: str) -> None:
    """A pan that goes on where the clip before it ended, in colours of its own."""
    width, height = (int(side) for side in size.split("x"))
    scene, first = divmod(number, 10)
    start = first * (frames - 1)
    far = 10 * frames
    picture = data_folder("timelines") / "media" / ("presenter.jpg" if scene % 2 else "stream.jpg")
    wide, high = round(1.6 * width), round(1.6 * height)
    x = f"(in_w-out_w)*(n+{start})/{far}"
    y = f"(in_h-out_h)*(0.5+0.4*sin((n+{start})/60))"
    graph = (
        f"scale={2 * wide}:{2 * high}:force_original_aspect_ratio=increase:flags=bilinear,"
        f"crop={2 * wide}:{2 * high},crop={2 * width}:{2 * height}:x='{x}':y='{y}',"
        f"scale={width}:{height}:flags=area,eq=brightness={0.012 * (number % 3 - 1)}"
        f":saturation={1 + 0.03 * (number % 4)},format=yuv420p"
    )
    run(["-loop", "1", "-framerate", str(RATE), "-i", str(picture), "-frames:v", str(frames),
         "-vf", graph, "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-bf", "0",
         "-g", "9999", str(path)])  # fmt: skip


def measure(timeline: Path, runs: int) -> None:
    """Time and size of the report."""
    page = timeline.parent / "out" / "film-report.html"
    times = [timed("report", timeline) for _ in range(runs)]
    wall, cpu = (statistics.median(one[n] for one in times) for n in (0, 1))
    print(f"report: {wall:.2f} s ({cpu:.2f} s of processor time), median of {runs}")
    print(f"page: {page.stat().st_size / 1e6:.2f} MB")
    for sight in (timeline.parent / ".assembler" / "cache" / "seams").glob("*.sight.json"):
        sight.unlink()
    print(f"report with all seams drawn anew: {timed('report', timeline)[0]:.1f} s")


def timed(command: str, timeline: Path) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-m", "assembler", command, str(timeline), "-q"]
    subprocess.run(argv, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, cpu


if __name__ == "__main__":
    main()
