"""
What a title costs: a film with and without one, each rendered from nothing.

    python bench/layers.py --footage shots/night_road_dashcam_1080p30.mp4 --seconds 60
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import assembler
from assembler.media.ffmpeg import exe

TIMELINE = """
assembler: 1
canvas: {{size: {size}, rate: 24}}
output: [{{preset: youtube-1080p, size: {size}, path: out/film.mp4}}]
segments:
  - {{id: a, file: clip.mp4}}
{title}
"""
TITLE = 'titles: [{{text: "Harbour at dawn", style: title, on: {at}s, for: 5s}}]'


def main() -> None:
    """Print seconds of both films and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, help="a shot, repeated; noise when left out")
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        clip = Path(name) / "clip.mp4"
        source = ["-f", "lavfi", "-i", f"testsrc2=s={args.size}:r=24,noise=alls=12:allf=t"]
        if args.footage:
            size = args.size.replace("x", ":")
            source = ["-stream_loop", "-1", "-i", str(args.footage), "-vf", f"scale={size}"]
            source += ["-r", "24", "-an"]
        command = [exe(), "-v", "error", *source, "-t", str(args.seconds)]
        command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p"]
        subprocess.run([*command, str(clip)], check=True)
        for n in range(args.rounds):
            plain = rendered(clip, Path(name) / f"plain{n}", args.size, "")
            title = TITLE.format(at=args.seconds * 3 // 8)
            titled = rendered(clip, Path(name) / f"titled{n}", args.size, title)
            for what, a, b in zip(("wall", "processor"), plain, titled, strict=True):
                print(f"{what}: without {a:.1f} s, with a title {b:.1f} s: {b / a:.3f} x")


def rendered(clip: Path, folder: Path, size: str, title: str) -> tuple[float, float]:
    """Seconds, by the clock and of the processor, that a film takes from nothing."""
    folder.mkdir()
    (folder / "clip.mp4").hardlink_to(clip)
    timeline = folder / "film.yaml"
    timeline.write_text(TIMELINE.format(size=size, title=title), encoding="utf-8")
    began, used = time.monotonic(), processor()
    assembler.render(timeline)
    return time.monotonic() - began, processor() - used


def processor() -> float:
    """Seconds of the processor that this program and its children have used."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


if __name__ == "__main__":
    main()
