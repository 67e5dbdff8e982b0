"""
How long a timeline of 1,000 segments takes to read, check and describe.

    python bench/spec.py [segments]

Segments are as long as authors write them: prompts with variables, beats, shots, end frames that
exist, joins, layers; with tracks and titles that refer to them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from assembler.errors import SpecError
from assembler.spec.load import load
from assembler.spec.schema import timeline_schema
from assembler.spec.yaml import Source, read

RUNS = 7

HEAD = """assembler: 1
title: A long film
canvas: {size: 1920x1080, rate: 24, audio: {rate: 48000, layout: stereo}}
output: [youtube-1080p, {preset: reels-9x16, path: out/vertical.mp4}]
budget: {usd: 1250}
defaults: {provider: kling, model: kling-3.0, resolution: 1080p, audio: native, takes: 1}
vars: {hero: woman in a red coat, place: the harbour at dawn}
segments:
"""

FORMS = (
    """  - id: s{n}
    duration: 40s
    start: media/still{m}.png
    prompt: Slow push-in over ${{place}}, ${{hero}} walks along the pier, number {n}.
    negative: blur, text, watermark
    beats:
      - {{at: 0s, prompt: Mist lifts from the water.}}
      - {{at: 14s, prompt: "${{hero}} stops and turns."}}
      - {{at: 27s, prompt: Gulls rise behind her.}}
""",
    """  - id: s{n}
    continue: s{before}
    duration: 12s
    prompt: She walks back towards the town, the camera follows.
    keyframe: media/still{m}.png
    resolution: 1080p
    seed: {n}
""",
    """  - id: s{n}
    join: cut
    model: kling-3.0
    shots:
      - {{duration: 3s, prompt: Wide shot of the street.}}
      - {{duration: 4s, prompt: Close on her face.}}
""",
    """  - id: s{n}
    file: media/archive{m}.mov
    in: 2s
    out: 00:00:06:12
    join: {{dissolve: 12f}}
    native: {{level: -3dB, match: true}}
""",
)


def timeline(segments: int) -> str:
    """Text of a timeline of so many segments."""
    rows = (FORMS[n % len(FORMS)].format(n=n, before=n - 1, m=n % 50) for n in range(segments))
    tracks = (
        f"  - {{id: t{n}, role: voice, file: media/voice{n % 50}.wav, on: s{n * 10}+0.5s}}\n"
        for n in range(segments // 10)
    )
    titles = (
        f"  - {{text: Chapter {n}, style: title, on: s{n * 20}+1s, for: 3s}}\n"
        for n in range(segments // 20)
    )
    return HEAD + "".join(rows) + "tracks:\n" + "".join(tracks) + "titles:\n" + "".join(titles)


def project(folder: Path, segments: int) -> Path:
    """A folder with the timeline and the files that it names."""
    (folder / "media").mkdir()
    for m in range(50):
        for name in (f"still{m}.png", f"archive{m}.mov", f"voice{m}.wav"):
            (folder / "media" / name).touch()
    path = folder / "timeline.yaml"
    path.write_text(timeline(segments), encoding="utf-8")
    return path


def timed(act: Callable[[], object]) -> float:
    """Median seconds of processor time of several runs."""
    spent = []
    for _ in range(RUNS):
        start = time.process_time()
        act()
        spent.append(time.process_time() - start)
    return median(spent)


def refused(path: Path) -> int:
    """Problems of a timeline that has some."""
    try:
        load(path)
    except SpecError as exc:
        return len(exc.problems)
    return 0


def importing() -> float:
    """Median seconds that a fresh interpreter takes to import the loader."""
    code = "import time; t = time.process_time(); import assembler.spec.load; "
    code += "print(time.process_time() - t)"
    spent = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(RUNS)
    ]
    return median(spent)


def main() -> None:
    """Print the table."""
    segments = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        path = project(Path(name), segments)
        broken = path.with_name("broken.yaml")
        broken.write_text(path.read_text().replace("join: cut", "join: cot"), encoding="utf-8")
        size = path.stat().st_size / 1000
        print(f"{segments} segments, {size:.0f} kB, processor time, median of {RUNS}")
        print(f"import            {importing():7.3f} s")
        print(f"read YAML         {timed(lambda: read(Source('t', path))):7.3f} s")
        print(f"read and check    {timed(lambda: load(path)):7.3f} s")
        print(f"refuse {refused(broken):4d} wrongs {timed(lambda: refused(broken)):7.3f} s")
        print(f"JSON Schema       {timed(timeline_schema):7.3f} s")


if __name__ == "__main__":
    main()
