"""
What the drift guard does for a chain of twelve links whose generator has faults.

    python bench/chain.py [--only all pan …] [--links 12] [--keep FOLDER]

A chain of clips of 3 s (two of them of 2 s) is rendered by `assembler` with the embedded generator,
which adds to every clip the faults named in the table, with the guard on and off. The camera stands
still and every clip ends on the picture that it began with, so any frame of the last link should
look like its counterpart in the first: what differs has drifted. A chain that pans has no such
counterpart; it is compared with the same chain without faults.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import assembler
from assembler.match.features import luma
from assembler.match.measure import colour_step, low_lab, pop, sharpness
from assembler.media.frames import read_frames
from assembler.media.info import Colour, MediaInfo
from assembler.media.probe import probe

F32 = NDArray[np.float32]
ROOT = Path(__file__).parents[1]
RATE = Fraction(24)
LINK_S = 3
SIZE = "640x360"

FAULTS = {
    "none": "{}",
    "hop": "{seed: 3, colour: 2.5, contrast: 0.02, saturation: 0.03}",
    "softening": "{soften: 0.7}",
    "pop": "{pop: 8}",
    "creep": "{seed: 3, colour: 1, contrast: 0.01, saturation: 0.01, creep: 2}",
    "tail": "{held_tail: 3, fade: 5}",
    "blurred tail": "{blur_tail: 3}",
    "all": "{seed: 3, colour: 2, contrast: 0.015, saturation: 0.02, creep: 0.5, soften: 0.6, "
    "pop: 8, held_tail: 2, fade: 4}",
}
"""For every link of the chain, so that they add up."""
PAN = "pan"
"""The chain that pans, without faults and with those of `hop`."""

MODEL = """
id: animatic
title: Animatic (embedded, free), 3 s at a time
vendor: assembler
kinds: [text, image]
providers: [animatic]
lengths: {{min_s: 1, max_s: {longest}}}
frames: {{rate: 24, extra: 1}}
sizes: {{360p: {{"16:9": 640x360}}}}
default_resolution: 360p
start_image: true
end_image: true
audio: optional
seed: true
prices: [{{provider: animatic, usd_per_s: 0, source: made on this machine}}]
"""

TIMELINE = """
assembler: 1
canvas: {{size: {size}, rate: 24}}
output: [{{preset: youtube-1080p, size: {size}, path: film.mp4}}]
defaults: {{provider: animatic, model: animatic, audio: "off"}}
drift: {{anchor: {anchor}}}
segments:
  - id: chain
    duration: {seconds}s
    start: start.jpg
    prompt: {prompt}
    options: {{label: false, faults: {faults}}}
"""


@dataclass(frozen=True, slots=True)
class Apart:
    """How one picture differs from another that it should look like."""

    de: float
    contrast: float
    saturation: float
    sharpness: float

    @classmethod
    def of(cls, one: F32, two: F32) -> Apart:
        """*two* against *one*."""
        return cls(
            colour_step(low_lab(one), low_lab(two)),
            float(luma(two).std() / luma(one).std()),
            _saturation(two) / _saturation(one),
            float(np.sqrt(sharpness(two) / sharpness(one))),
        )

    def text(self) -> str:
        """As cells of a table."""
        return (
            f"{self.de:5.2f} | {self.contrast:.2f} | {self.saturation:.2f} | {self.sharpness:.2f}"
        )


def _saturation(rgb: F32) -> float:
    return float(np.sqrt(np.mean((rgb - luma(rgb)[..., None]) ** 2)))


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as it was made and as it is shown."""

    takes: Apart
    """The last take against the first, or against its counterpart without faults."""
    film: Apart
    """The same of the finished film."""
    pops: tuple[float, ...]
    """At each seam of the finished film."""
    unmatched: int
    missing: int
    """Frames that the film is too short."""
    trimmed: int
    """Frames that handoffs lie before the end of their clips."""
    seconds: float


def main() -> None:
    """Render the chains and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    names = [*FAULTS, PAN]
    parser.add_argument("--only", nargs="+", default=names, choices=names)
    parser.add_argument("--links", type=int, default=12)
    parser.add_argument("--keep", type=Path, help="folder for the films")
    args = parser.parse_args()
    print(
        "| faults | guard | take: dE | contrast | saturation | sharpness | film: dE | contrast "
        "| saturation | sharpness | pop: median | worst | not matched | trimmed, missing | s |"
    )
    print("|---|---|" + "---:|" * 13)
    with tempfile.TemporaryDirectory() as made:
        root = args.keep or Path(made)
        for name in args.only:
            if name == PAN:
                panned(root, args.links)
                continue
            for anchor in ("off", "first"):
                folder = root / f"{name.replace(' ', '-')}-{anchor}"
                chain = rendered(folder, FAULTS[name], anchor, args.links)
                print(f"| {name} | {guard(anchor)} | {row(chain)} |", flush=True)


def panned(root: Path, links: int) -> None:
    """A chain that pans, against itself without faults."""
    prompt = "Slow pan right, the leaves stand still."
    truth = root / "pan"
    rendered(truth, "{}", "off", links, prompt)
    for name, anchor in (("none", "first"), ("hop", "off"), ("hop", "first")):
        chain = rendered(root / f"pan-{name}-{anchor}", FAULTS[name], anchor, links, prompt, truth)
        print(f"| pan, {name} | {guard(anchor)} | {row(chain)} |", flush=True)


def guard(anchor: str) -> str:
    """What the table calls it."""
    return "on" if anchor == "first" else "off"


def row(chain: Chain) -> str:
    """Cells of the table."""
    return " | ".join(
        [
            chain.takes.text(),
            chain.film.text(),
            f"{np.median(chain.pops):.2f}",
            f"{max(chain.pops):.2f}",
            str(chain.unmatched),
            f"{chain.trimmed}, {chain.missing}",
            f"{chain.seconds:.0f}",
        ]
    )


def rendered(
    folder: Path,
    faults: str,
    anchor: str,
    links: int,
    prompt: str = "Static shot, the leaves stand still.",
    truth: Path | None = None,
) -> Chain:
    """Render a chain and measure it."""
    seconds = links * LINK_S - 2
    (folder / "presets" / "models").mkdir(parents=True)
    model = MODEL.format(longest=LINK_S)
    (folder / "presets" / "models" / "animatic.yaml").write_text(model, encoding="utf-8")
    shutil.copy(ROOT / "timelines" / "media" / "stream.jpg", folder / "start.jpg")
    text = TIMELINE.format(size=SIZE, anchor=anchor, seconds=seconds, prompt=prompt, faults=faults)
    (folder / "film.yaml").write_text(text, encoding="utf-8")
    began = time.monotonic()
    film = assembler.render(folder / "film.yaml")
    took = time.monotonic() - began
    shown = probe(folder / "film.mp4")
    clips = film.cut.clips
    first, last = clips[0], clips[-1]
    middle = first.record.frames // 2
    if truth is None:
        takes = picture(first.source.info, middle), picture(last.source.info, middle)
        pair = picture(shown, middle), picture(shown, last.record.start + middle)
    else:
        end = sorted(
            (truth / ".assembler" / "takes").glob("*.mp4"), key=lambda p: p.stat().st_mtime
        )
        takes = picture(probe(end[-1]), middle), picture(last.source.info, middle)
        ideal = probe(truth / "film.mp4")
        at = last.record.start + middle
        pair = picture(ideal, at), picture(shown, at)
    return Chain(
        takes=Apart.of(*takes),
        film=Apart.of(*pair),
        pops=tuple(pop_at(shown, clip.record.start) for clip in clips[1:]),
        unmatched=sum(not seam.matched for seam in film.seams),
        missing=seconds * int(RATE) - film.cut.frames,
        trimmed=sum(clip.source.info.video.frames - clip.source_out for clip in clips[:-1]),
        seconds=took,
    )


def picture(info: MediaInfo, frame: int) -> F32:
    """One frame."""
    return next(read_frames(info, start=frame, stop=frame + 1, colour=Colour("bt709")))


def pop_at(info: MediaInfo, frame: int) -> float:
    """How far the largest step at and after a seam stands out."""
    frames = read_frames(info, start=frame - 5, stop=frame + 14, max_size=(320, 320))
    return pop([low_lab(f) for f in frames], 5)


if __name__ == "__main__":
    main()
