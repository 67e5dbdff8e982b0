"""
Files that break players, in one film.

    python bench/nasty.py FOOTAGE [--keep FOLDER] [--seconds 1.5]

Every file of FOOTAGE/nasty, and some of shots, ai and talking, is probed. Of those that are
accepted, one timeline shows a stretch each (files without a picture become tracks), and the film is
rendered, opened again and counted.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import yaml

import assembler
from assembler.assemble.film import Film
from assembler.errors import AssemblerError
from assembler.media.info import MediaInfo
from assembler.media.probe import probe

RATE = Fraction(24)
OTHERS = ("shots", "ai", "talking")


def main() -> None:
    """Render and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--keep", type=Path, help="where the project is left to be looked at")
    parser.add_argument("--seconds", type=Fraction, default=Fraction(3, 2))
    parser.add_argument("--others", type=int, default=3, help="files of each other folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        (folder / "media").mkdir(parents=True, exist_ok=True)
        accepted, refused = probed(list(chosen(given.footage, given.others)), folder / "media")
        timeline = folder / "nasty.yaml"
        frames = written(accepted, given.seconds, timeline)
        began = time.monotonic()
        film = assembler.render(timeline, force=True)
        report(film, accepted, refused, frames, time.monotonic() - began)


def chosen(footage: Path, others: int) -> Iterator[Path]:
    """All nasty files, some of the others."""
    yield from sorted((footage / "nasty").iterdir())
    for folder in OTHERS:
        clips = sorted(p for p in (footage / folder).iterdir() if p.suffix in (".mp4", ".webm"))
        yield from clips[:: max(1, len(clips) // others)][:others]


def probed(paths: Sequence[Path], media: Path) -> tuple[list[MediaInfo], list[tuple[str, str]]]:
    """Copies of files that can be used, and the sentence about each of the others."""
    accepted: list[MediaInfo] = []
    refused: list[tuple[str, str]] = []
    for path in paths:
        copy = media / path.name
        shutil.copyfile(path, copy)
        try:
            accepted.append(probe(copy))
        except AssemblerError as error:
            refused.append((path.name, error.what))
    return accepted, refused


def written(accepted: Sequence[MediaInfo], seconds: Fraction, path: Path) -> int:
    """Number of frames of the timeline that is written: a stretch of each file, end to end."""
    segments, tracks, total = [], [], 0
    for n, info in enumerate(accepted):
        file = f"media/{info.path.name}"
        if info.video:
            frames = min(int(seconds * RATE), int(info.video.frames_at(RATE)))
            segments.append({"id": f"s{n}", "file": file, "out": f"{frames}f"})
            total += frames
        else:
            tracks.append({"id": f"t{n}", "file": file, "role": "sfx", "out": f"{float(seconds)}s"})
    timeline = {
        "assembler": 1,
        "canvas": {"size": "640x360", "rate": "24"},
        "output": [{"preset": "web-720p", "size": "640x360", "path": "out/nasty.mp4"}],
        "segments": segments,
        "tracks": tracks,
    }
    path.write_text(yaml.safe_dump(timeline, sort_keys=False), encoding="utf-8")
    return total


def report(
    film: Film,
    accepted: Sequence[MediaInfo],
    refused: Sequence[tuple[str, str]],
    frames: int,
    took_s: float,
) -> None:
    """Print the figures, then what was refused, then what was noted."""
    made = film.outputs[0]
    info = probe(made.path)
    assert info.video is not None
    picture_s, sound_s = float(info.video.duration_s), float(info.audio[0].duration_s)
    silent = sum(1 for i in accepted if not i.video)
    print(f"| accepted | {len(accepted)} ({silent} without a picture, as tracks) |")
    print(f"| refused | {len(refused)} |")
    print(f"| frames expected, delivered | {frames}, {info.video.frames} |")
    print(f"| picture, sound | {picture_s:.3f} s, {sound_s:.3f} s |")
    print(f"| loudness | {made.lufs:.2f} LUFS, {made.true_peak_dbtp:.2f} dBTP |")
    print(f"| took | {took_s:.0f} s |")
    print("\nRefused:")
    for name, what in refused:
        print(f"- `{name}`: {what}")
    print(f"\nNoted ({len(film.notes)}):")
    for note in film.notes:
        print(f"- {note}")


if __name__ == "__main__":
    main()
