"""
How often `true_colour` finds the matrix and range that a clip was really encoded with.

    python bench/handoff.py FOOTAGE [--trials 240] [--seed 1]

Synthetic clips are made from frames of all clips in FOOTAGE as a generator would make them: the
start image is resampled with unequal scales, softened, shifted in colour, changed in a patch, and
encoded with one of three matrices and two ranges; the tags are true, absent or of another matrix.
Then come the real pairs of FOOTAGE/ai (``ref_*`` and the clips of the same name).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.errors import AssemblerError
from assembler.generation.handoff import judge_colour
from assembler.media.frames import BT709, FrameWriter, assumed, coded_frame, read_frames, write_png
from assembler.media.info import Colour, Matrix
from assembler.media.pixels import Floats, rgb_of
from assembler.media.probe import probe
from assembler.media.scale import covering

MATRICES: tuple[Matrix, ...] = ("bt601", "bt709", "bt2020")
READINGS = [replace(BT709, matrix=m, full_range=f) for m, f in product(MATRICES, (False, True))]
SIZES = ((1280, 720), (848, 480), (1360, 768), (720, 1280))
UNSEEN = 0.5 / 255
"""Mean difference of the decoded picture that nobody can see or measure in 8 bits."""


def main() -> None:
    """Run the trials and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("footage", type=Path)
    parser.add_argument("--trials", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    pictures = list(start_pictures(args.footage))
    print(f"{len(pictures)} start pictures")
    synthetic(pictures, args.trials, np.random.default_rng(args.seed))
    real(args.footage / "ai")


def start_pictures(footage: Path) -> list[tuple[str, Floats]]:
    """A frame from the middle of every clip."""
    found = []
    for path in sorted(footage.glob("*/*")):
        if path.parent.name not in ("ai", "shots", "talking") or path.is_dir():
            continue
        try:
            info = probe(path)
            if info.video is None:
                continue
            middle = info.video.frames // 2
            rgb = next(read_frames(info, start=middle, stop=middle + 1, max_size=(1600, 1600)))
        except AssemblerError as exc:
            print(exc)
            continue
        found.append((path.name, rgb))
    return found


def synthetic(pictures: list[tuple[str, Floats]], trials: int, random: np.random.Generator) -> None:
    """Trials in every matrix and range, with tags that are true, absent or wrong."""
    score: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for trial in range(trials):
            truth = READINGS[trial % len(READINGS)]
            tagging = ("true", "absent", "other matrix")[trial // len(READINGS) % 3]
            name, picture = pictures[int(random.integers(len(pictures)))]
            outcome, story = one_trial(Path(folder), picture, truth, tagging, random)
            kind = f"{truth.matrix} {'full' if truth.full_range else 'limited'}"
            for key in (kind, f"tags {tagging}", "all"):
                score[key, outcome] += 1
            if outcome == "wrong":
                print(f"  wrong: {name}, {kind}, tags {tagging}: {story}")
    print(f"{'':22}{'right':>8}{'unseen':>8}{'wrong':>8}{'right or unseen':>18}")
    for key in dict.fromkeys(k for k, _ in score):
        right, unseen, wrong = (score[key, o] for o in ("right", "unseen", "wrong"))
        share = (right + unseen) / (right + unseen + wrong)
        print(f"{key:22}{right:8}{unseen:8}{wrong:8}{share:18.1%}")


def one_trial(
    folder: Path, picture: Floats, truth: Colour, tagging: str, random: np.random.Generator
) -> tuple[str, str]:
    """Outcome (right, unseen: another reading that looks the same, wrong), and what was found."""
    start, clip = folder / "start.png", folder / "clip.mp4"
    write_png(start, picture)
    size = SIZES[int(random.integers(len(SIZES)))]
    if (picture.shape[0] > picture.shape[1]) != (size[1] > size[0]):
        size = size[::-1]
    first = generated(picture, size, random)
    other = [r for r in READINGS if r.matrix != truth.matrix and r.full_range == truth.full_range]
    tags = {"true": truth, "absent": Colour(), "other matrix": other[int(random.integers(2))]}
    options = {"crf": str(int(random.integers(16, 29)))}
    with FrameWriter(
        clip, size, Fraction(24), colour=truth, tags=tags[tagging], options=options
    ) as writer:
        for _ in range(2):
            writer.write(first)
    info = probe(clip)
    evidence = judge_colour(info, start)
    found = evidence.colour
    if (found.matrix, found.full_range) == (truth.matrix, truth.full_range):
        return "right", ""
    frame = coded_frame(info)
    readings = [rgb_of(frame, assumed(c, *size)) for c in (found, truth)]
    difference = float(np.abs(readings[0] - readings[1]).mean())
    story = f"{found.matrix} {'full' if found.full_range else 'limited'}, {evidence.note}"
    return ("unseen" if difference < UNSEEN else "wrong"), (
        f"{story} (difference {difference * 255:.2f} levels)"
    )


def generated(picture: Floats, size: tuple[int, int], random: np.random.Generator) -> Floats:
    """Frame 0 as a generator gives the picture back."""
    framed = covering(picture, size, tolerance=0.15)
    width, height = size
    scale = 1 + random.uniform(0, 0.03, 2)
    move = random.uniform(-2, 2, 2) + (1 - scale) * np.array(size) / 2
    warp = np.array([[scale[0], 0, move[0]], [0, scale[1], move[1]]])
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101
    moved = cv2.warpAffine(framed, warp, size, flags=flags, borderMode=border)
    rgb: NDArray[Any] = cv2.GaussianBlur(moved, (0, 0), random.uniform(0.3, 1.6) * height / 720)
    x, y = random.integers(0, width // 2), random.integers(0, height // 2)
    patch = rgb[y : y + height // 4, x : x + width // 4]
    patch += random.normal(0, 0.06, 3)  # a part that the model changed
    grey = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    rgb = grey[..., None] + (rgb - grey[..., None]) * (1 + random.normal(0, 0.04))
    rgb = 0.45 + (rgb - 0.45) * (1 + random.normal(0, 0.025)) * (1 + random.normal(0, 0.008, 3))
    rgb = rgb + random.normal(0, 0.008) + random.normal(0, 0.005, 3)
    rgb = np.clip(rgb, 0, 1) ** (1 + random.normal(0, 0.03))
    noise = random.normal(0, 0.006, rgb.shape)
    return np.clip(rgb + noise, 0, 1).astype(np.float32)


def real(folder: Path) -> None:
    """Real clips against the images that they were started from."""
    print(f"\n{'clip':44}{'found':18}{'odds':>8}  ECC")
    for image in sorted(folder.glob("ref_*")):
        for clip in sorted(folder.glob(f"*i2v_{image.stem.removeprefix('ref_')}*")):
            evidence = judge_colour(probe(clip), image)
            found = evidence.colour
            name = f"{found.matrix} {'full' if found.full_range else 'limited'}"
            odds = evidence.probabilities[0][1] if evidence.probabilities else 0.0
            print(f"{clip.name:44}{name:18}{odds:8.4f}  {evidence.correlation:.4f}")


if __name__ == "__main__":
    main()
