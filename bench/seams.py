"""
How well seams are hidden, on cases with a known answer, beside what people do by hand.

    python bench/seams.py CASES... [--methods assembler,naive,...] [--every 2] [--kinds pop,drift]
                          [--px 640] [--json rows.json]

CASES hold a folder per case: a.mp4, b.mp4, truth.mkv (lossless) and case.json with `kind`, `seam`
(frame of the truth at which B takes over), `a_keep`, `b_first`, `b_map` for stalls. The engine runs
in this process; its seconds are those of deciding, without reading and rendering. With --px all
pictures are read at most so wide, which takes a fraction of the time and costs little truth. Rows
that are in the JSON file are not measured again.

Methods: assembler · naive (files as they are) · drop-one · mkl (drop one, then colours by
Monge-Kantorovich as ComfyUI's ColorMatch, needs `color-matcher`) · dissolve (8 frames) · trim (the
true cut, nothing corrected) · oracle (the true cut, and one affine and one quadratic colour fit on
the truth itself).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.match import engine
from assembler.match.apply import coloured, corrected, features
from assembler.match.decision import SeamDecision
from assembler.match.features import fitted, resized
from assembler.match.measure import low_lab
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.spec.model import SeamOverride
from assembler.spec.presets import seam_preset

F32 = NDArray[np.float32]
Case = dict[str, Any]
METHODS = ("assembler", "naive", "drop-one", "mkl", "dissolve", "trim", "oracle")
PRESET = seam_preset("invisible")
WINDOW = 30
DISSOLVE = 8


class Clips:
    """Both sides and the truth of one case, at A's rate and at one size."""

    def __init__(self, folder: Path, px: int | None = None) -> None:
        self.case: Case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        a, b, truth = (probe(folder / name) for name in ("a.mp4", "b.mp4", "truth.mkv"))
        assert a.video is not None
        self.rate = Fraction(self.case["rate"])
        self.frames = a.video.frames
        """Of A, which is read from `first` on, and the truth with it."""
        self.first = max(0, self.case["seam"] - engine.TAIL_FRAMES - 8)
        size = fitted(a.video.display_size, px or max(a.video.display_size))
        self.a = list(read_frames(a, start=self.first, max_size=size))
        self.b = [_fitted(f, size) for f in read_frames(b, rate=self.rate, max_size=size)]
        self.truth = list(read_frames(truth, start=self.first, max_size=size))

    def at(self, frame: int) -> int:
        """Index in `a` and `truth` of a frame of the programme."""
        return frame - self.first

    @property
    def known(self) -> list[int]:
        """Frames of B that continue A."""
        first = 1 if self.case["kind"] == "rate" else self.case["b_first"]
        return list(self.case.get("b_map") or range(first, len(self.b)))

    def decide(self) -> SeamDecision:
        """What the engine says."""
        small = engine.analysis_size((self.a[0].shape[1], self.a[0].shape[0]))
        tail = np.stack([resized(f, small) for f in self.a[-engine.TAIL_FRAMES :]])
        head = np.stack([resized(f, small) for f in self.b[: engine.HEAD_FRAMES]])
        return engine.decide(
            tail, head, a_frames=self.frames, rate=self.rate, preset=PRESET, override=SeamOverride()
        )


def _fitted(rgb: F32, size: tuple[int, int]) -> F32:
    return np.clip(resized(rgb, size), 0, 1)


def assembled(clips: Clips, row: dict[str, Any]) -> list[F32]:
    """The engine's join."""
    began = time.perf_counter()
    found = clips.decide()
    row.update(seconds=time.perf_counter() - began, matched=found.matched)
    used = [n for n in range(found.start_from, len(clips.b)) if n not in set(found.skipped)]
    shown = [corrected(clips.b[n], found.correction, k) for k, n in enumerate(used[: WINDOW + 2])]
    return clips.a[: clips.at(found.keep_until)] + shown


def mkl(clips: Clips) -> list[F32]:
    """One frame dropped, B's colours moved to A's last frame."""
    from color_matcher import ColorMatcher

    matcher, last = ColorMatcher(), clips.a[-1]
    shown = [matcher.transfer(src=f, ref=last, method="mkl") for f in clips.b[1 : WINDOW + 3]]
    return clips.a + [np.clip(f, 0, 1).astype(np.float32) for f in shown]


def dissolve(clips: Clips) -> list[F32]:
    """A cross-fade of eight frames over the join."""
    a, b = clips.a, clips.b
    mixed = [
        a[len(a) - DISSOLVE + n] * (1 - w) + b[n] * w
        for n, w in enumerate((np.arange(DISSOLVE) + 1) / (DISSOLVE + 1))
    ]
    return a[:-DISSOLVE] + [m.astype(np.float32) for m in mixed] + b[DISSOLVE:]


def oracle(clips: Clips) -> list[F32]:
    """The true cut, with geometry and colour fitted on the truth."""
    keep = clips.at(clips.case["a_keep"])
    truth = clips.truth[keep:]
    shown = [clips.b[n] for n in clips.known][: len(truth)]
    warp = _median_warp(shown[::6], truth[::6])
    h, w = truth[0].shape[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    laid = [
        cv2.warpAffine(f, warp, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE) for f in shown
    ]
    pick = range(0, len(laid), 6)
    seen = np.concatenate([laid[n][8:-8:5, 8:-8:5].reshape(-1, 3) for n in pick])
    want = np.concatenate([truth[n][8:-8:5, 8:-8:5].reshape(-1, 3) for n in pick])
    matrix = np.linalg.lstsq(features(seen), want, rcond=None)[0].astype(np.float32)
    return clips.a[:keep] + [np.clip(coloured(f, matrix), 0, 1) for f in laid]


def _median_warp(shown: list[F32], truth: list[F32]) -> F32:
    warps = []
    for one, two in zip(truth, shown, strict=False):
        grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) * 255 for p in (one, two)]
        how = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-6)
        whole = np.full(grey[0].shape, 255, np.uint8)
        start = np.eye(2, 3, dtype=np.float32)
        try:
            warps.append(cv2.findTransformECC(*grey, start, cv2.MOTION_AFFINE, how, whole, 5)[1])
        except cv2.error:
            continue
    return np.median(warps, axis=0).astype(np.float32) if warps else np.eye(2, 3, dtype=np.float32)


BASELINES: dict[str, Callable[[Clips], list[F32]]] = {
    "naive": lambda c: c.a + c.b,
    "drop-one": lambda c: c.a + c.b[1:],
    "mkl": mkl,
    "dissolve": dissolve,
    "trim": lambda c: c.a[: c.at(c.case["a_keep"])] + [c.b[n] for n in c.known],
    "oracle": oracle,
}


def _detail(rgb: F32) -> F32:
    small = resized(rgb, (320, max(2, rgb.shape[0] * 320 // rgb.shape[1])))
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) * 255
    band = cv2.GaussianBlur(grey, (0, 0), 1) - cv2.GaussianBlur(grey, (0, 0), 10)
    return np.asarray((band - band.mean()) / (band.std() + 1e-3), dtype=np.float32)


def _psnr(one: F32, two: F32) -> float:
    mean = float(np.mean((np.rint(one * 255) - np.rint(two * 255)) ** 2))
    return 60.0 if mean < 0.065 else float(10 * np.log10(255**2 / mean))


def score(out: list[F32], clips: Clips) -> dict[str, Any]:
    """exact, psnr, dE, pop, a_kept of one join."""
    truth, k = clips.truth, clips.at(clips.case["seam"])
    out, n = out[: len(truth)], len(truth)
    shown = range(k, min(n, len(out)))
    kept = [_psnr(out[i], clips.a[i]) for i in range(0, max(1, min(k - 8, len(out))), 4)]
    labs = [low_lab(f) for f in out[k - 4 :]]
    true = [low_lab(f) for f in truth[k - 4 : k - 4 + len(labs)]]
    steps = [
        float(np.mean(np.linalg.norm((labs[i] - labs[i - 1]) - (true[i] - true[i - 1]), axis=2)))
        for i in range(1, len(labs))
    ]
    return {
        "exact": len(out) >= n - 1 and _in_time(out, truth, shown) >= 0.95,
        "psnr": float(np.mean([_psnr(out[i], truth[i]) for i in shown])),
        "dE": float(np.mean(np.linalg.norm(labs[4] - true[4], axis=2))),
        "pop": max(steps),
        "a_kept": float(np.mean(kept)),
    }


def _in_time(out: list[F32], truth: list[F32], shown: range) -> float:
    """Part of the frames that no other moment of the truth is clearly nearer to."""
    first = max(0, shown.start - 12)
    true = {j: _detail(truth[j]) for j in range(first, len(truth))}
    good = 0
    for i in shown:
        now = _detail(out[i])
        near = range(max(first, i - 12), min(len(truth), i + 13))
        apart = {j: float(np.mean((now - true[j]) ** 2)) for j in near}
        good += apart[i] <= min(apart.values()) * 1.10 + 0.004
    return good / max(1, len(shown))


def run(folder: Path, methods: list[str], px: int | None) -> Iterator[dict[str, Any]]:
    """A row per method for one case."""
    clips = Clips(folder, px)
    for method in methods:
        row: dict[str, Any] = {
            "case": f"{folder.parent.name}/{folder.name}",
            "kind": clips.case["kind"],
            "method": method,
        }
        if clips.case["kind"] in ("cut", "mismatch"):
            if method == "assembler" and clips.case["kind"] == "mismatch":
                found = clips.decide()
                untouched = found.correction.neutral and found.keep_until == clips.frames
                yield row | {"exact": not found.matched and untouched and not found.start_from}
            continue
        out = assembled(clips, row) if method == "assembler" else BASELINES[method](clips)
        yield row | score(out, clips)


def table(rows: list[dict[str, Any]], methods: list[str]) -> str:
    """Markdown: a line per method and kind."""
    lines = [
        "| method | kind | n | exact % | PSNR dB | dE median / worst | pop median / worst "
        "| A kept dB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        mine = [r for r in rows if r["method"] == method]
        scored = [r for r in mine if "psnr" in r]
        for kind in [*sorted({r["kind"] for r in mine}), "all"]:
            some = [r for r in scored if kind in (r["kind"], "all")]
            if not some:
                told = [r for r in mine if r["kind"] == kind]
                exact = 100 * np.mean([r["exact"] for r in told])
                lines.append(f"| {method} | {kind} | {len(told)} | {exact:.1f} | | | | |")
                continue
            lines.append(_line(method, kind, some))
    return "\n".join(lines)


def _line(method: str, kind: str, rows: list[dict[str, Any]]) -> str:
    def of(key: str, how: Callable[[list[float]], Any]) -> float:
        return float(how([r[key] for r in rows]))

    return (
        f"| {method} | {kind} | {len(rows)} | {100 * of('exact', np.mean):.1f} | "
        f"{of('psnr', np.mean):.2f} | {of('dE', np.median):.2f} / {of('dE', max):.2f} | "
        f"{of('pop', np.median):.2f} / {of('pop', max):.2f} | {of('a_kept', min):.1f} |"
    )


def main() -> None:
    """Run the bench from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path, nargs="+")
    parser.add_argument("--methods", default="assembler,naive,drop-one,dissolve,trim")
    parser.add_argument("--every", type=int, default=1, help="take every n-th case only")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--px", type=int, help="read pictures at most so wide")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    methods, kinds = args.methods.split(","), set(filter(None, args.kinds.split(",")))
    folders = [p.parent for cases in args.cases for p in sorted(cases.glob("*/case.json"))]
    if not folders:
        parser.error("no case.json was found in the folders of CASES")
    rows: list[dict[str, Any]] = []
    if args.json and args.json.exists():
        rows = json.loads(args.json.read_text(encoding="utf-8"))
    done = {(row["case"], row["method"]) for row in rows}
    for folder in folders[:: args.every]:
        kind = json.loads((folder / "case.json").read_text(encoding="utf-8"))["kind"]
        name = f"{folder.parent.name}/{folder.name}"
        missing = [method for method in methods if (name, method) not in done]
        if (kinds and kind not in kinds) or kind == "cut" or not missing:
            continue
        rows += run(folder, missing, args.px)
        print(name, file=sys.stderr, flush=True)
        if args.json:
            args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(table(rows, methods))
    seconds = [r["seconds"] for r in rows if "seconds" in r]
    if seconds:
        print(f"\ndeciding: median {np.median(seconds):.2f} s, worst {max(seconds):.2f} s")


if __name__ == "__main__":
    main()
