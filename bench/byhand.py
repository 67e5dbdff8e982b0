"""
How often a clip made by hand is recognised by its first frame, and how often taken for another job.

    python bench/byhand.py FOOTAGE [--trials 200] [--seed 1]

Frame 0 of a clip is made from a frame of FOOTAGE as generators make it (see bench/handoff.py). It
is looked for among start images of jobs: the true one, the same shot half a second and one and a
half seconds later (what a chain would hand on), and three of other shots. In every second trial the
true one isn't among them: whatever is taken then is wrong. Then come the real pairs of FOOTAGE/ai.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from handoff import generated

from assembler.errors import AssemblerError
from assembler.generation.byhand.likeness import best, likeness, small
from assembler.media.frames import read_frames
from assembler.media.pixels import Floats
from assembler.media.probe import probe
from assembler.media.stills import read_image

LATER_S = (0.0, 0.5, 1.5)
SIZES = ((640, 360), (640, 480), (640, 368))
"""Of the clips; they are compared much smaller."""


def main() -> None:
    """Run the trials and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("footage", type=Path)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    shots = list(shots_in(args.footage))
    print(f"{len(shots)} shots")
    random = np.random.default_rng(args.seed)
    score: Counter[tuple[bool, str]] = Counter()
    for trial in range(args.trials):
        present = trial % 2 == 0
        score[present, one_trial(shots, present, random)] += 1
    print(f"{'':24}{'right':>8}{'left alone':>12}{'wrong':>8}")
    for present, name in ((True, "its job waits"), (False, "only others wait")):
        counts = [score[present, outcome] for outcome in ("right", "left alone", "wrong")]
        print(f"{name:24}{counts[0]:8}{counts[1]:12}{counts[2]:8}")
    real(args.footage / "ai")


def shots_in(footage: Path) -> list[list[Floats]]:
    """Of every clip a frame from its middle, and what comes after."""
    found = []
    for path in sorted(footage.glob("*/*")):
        if path.parent.name not in ("ai", "shots", "talking") or path.is_dir():
            continue
        try:
            info = probe(path)
            if info.video is None or info.still:
                continue
            middle = info.video.frames // 2
            wanted = [middle + int(later * info.video.rate) for later in LATER_S]
            if wanted[-1] < info.video.frames:
                frames = read_frames(info, start=middle, stop=wanted[-1] + 1, max_size=(640, 640))
                found.append([f for n, f in enumerate(frames, middle) if n in wanted])
        except AssemblerError as exc:
            print(exc)
    return found


def one_trial(shots: list[list[Floats]], present: bool, random: np.random.Generator) -> str:
    """Right, left alone or wrong."""
    chosen = random.permutation(len(shots))[:4]
    own, others = shots[chosen[0]], [shots[n][0] for n in chosen[1:]]
    size = SIZES[int(random.integers(len(SIZES)))]
    if (own[0].shape[0] > own[0].shape[1]) != (size[1] > size[0]):
        size = size[::-1]
    frame = small(generated(own[0], size, random))
    images = {"later": own[1], "much later": own[2]} | dict(enumerate(others))
    if present:
        images["own"] = own[0]
    found = best({str(n): likeness(frame, small(image)) for n, image in images.items()})
    if found is None:
        return "left alone"
    return "right" if found == "own" else "wrong"


def real(folder: Path) -> None:
    """Clips that were started from the images beside them, each against all images."""
    images = {path.stem[4:]: small(read_image(path)) for path in sorted(folder.glob("ref_*"))}
    for path in sorted(folder.glob("*_i2v_*")):
        frame = small(next(iter(read_frames(probe(path), stop=1))))
        alike = {name: likeness(frame, image) for name, image in images.items()}
        scores = ", ".join(f"{name} {value:.4f}" for name, value in alike.items())
        print(f"{path.name}: {best(alike)} ({scores})")


if __name__ == "__main__":
    main()
