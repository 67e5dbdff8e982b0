"""Files joined without a timeline of the author's: one is made for them, and goes the main road."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from assembler.assemble.container import in_container
from assembler.assemble.film import Film, make
from assembler.assemble.outputs import guard
from assembler.assemble.prepare import prepare_loaded
from assembler.assemble.progress import Progress
from assembler.assemble.seams import Seam, decide, seam_data, seam_of, sides
from assembler.cut.build import handoffs
from assembler.errors import MediaError, UsageError
from assembler.match.decision import SeamDecision
from assembler.media.conform import video_of
from assembler.media.files import publish
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.planning.project import Project
from assembler.spec.load import Loaded
from assembler.spec.model import Canvas, Join, NativeAudio, Output, SeamOverride, Segment, Timeline
from assembler.spec.presets import delivery_preset, seam_preset
from assembler.spec.yaml import Node, Source

AS_IS = "as-is"
"""Mix preset that leaves loudness alone: files are joined, no programme is mastered."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One join, measured."""

    decision: SeamDecision
    took_s: float

    def text(self) -> str:
        """For people."""
        d = self.decision
        if not d.matched:
            return f"{d.seam}: the two sides don't match (confidence {d.confidence:.2f})"
        rows = [
            f"{d.seam}: {d.repeat_frames} repeated frames (confidence {d.confidence:.2f})",
            f"  keep {d.keep_until} frames of the first, start the second at frame {d.start_from}",
        ]
        if d.held_tail or d.held_head:
            rows.append(f"  held: {d.held_tail} at the end, {d.held_head} at the start")
        rows += [f"  before: {_numbers(d.before)}", f"  after: {_numbers(d.after)}"]
        return "\n".join([*rows, *(f"  note: {n}" for n in d.notes)])

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return seam_data(self.decision, self.took_s)


def _numbers(values: Any) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in values.items()) or "not measured"


def stitch(
    clips: Sequence[Path | str],
    out: Path | str,
    *,
    join: Literal["handoff", "cut"] = "handoff",
    preset: str = "match-source",
    seam: str = "invisible",
    report: Path | str | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Film:
    """
    Join files into one; size and rate are those of the first.

    Args:
        clips: Files in order.
        out: The file to write; its suffix names the container.
        join: `handoff` finds and drops what repeats and corrects the rest; `cut` changes nothing.
        preset: Delivery preset.
        seam: Seam preset.
        report: JSON file for the decisions.
        force: Overwrite files that are there.
        workers: Work at a time; the number of cores when not given.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.
    """
    out = Path(out).absolute()
    report = Path(report).absolute() if report else None
    in_container(delivery_preset(preset), out)
    seam_preset(seam)  # an unknown name is told before any work
    infos = _clips(clips)
    inputs = [info.path for info in infos]
    guard([p for p in (out, report) if p], None, force=force, inputs=inputs)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".stitch-", dir=out.parent) as folder:
        loaded = _timeline(infos, out, Path(folder), join, preset, seam)
        prepared = prepare_loaded(loaded, Project(loaded.timeline.path), write=True)
        film = make(
            prepared,
            force=True,
            sights=False,
            workers=workers,
            progress=progress,
            cancel=cancel,
        )
    if report:
        with publish(report) as part:
            part.write_text(json.dumps(film.data(), indent=1, default=str), encoding="utf-8")
    return film


def measure(
    a: Path | str,
    b: Path | str,
    *,
    seam: str = "invisible",
    strip: Path | str | None = None,
    force: bool = False,
) -> Measured:
    """
    Measure the join of two files as `stitch` would decide it. Writes nothing but the strip.

    Args:
        a: The clip before.
        b: The clip that follows.
        seam: Seam preset.
        strip: PNG file for a picture of the join.
        force: Overwrite it when it is there.
    """
    strip = Path(strip).absolute() if strip else None
    preset = seam_preset(seam)
    infos = _clips([a, b])
    inputs = [info.path for info in infos]
    guard([strip] if strip else [], None, force=force, inputs=inputs)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="assembler-") as folder:
        home = Path(folder)
        loaded = _timeline(infos, home / "out.mp4", home, "handoff", "lossless", seam)
        prepared = prepare_loaded(loaded, Project(loaded.timeline.path))
        (both,) = handoffs(loaded, prepared.plan, {})
        joined = seam_of(both, preset)
        canvas = loaded.timeline.canvas
        decision = decide(joined, None, size=canvas.size, rate=canvas.rate)
        took_s = time.monotonic() - began
        if strip:
            _draw(joined, decision, canvas, strip)
    return Measured(replace(decision, seam=f"{Path(a).name}>{Path(b).name}"), took_s)


def _draw(seam: Seam, decision: SeamDecision, canvas: Canvas, path: Path) -> None:
    from assembler.match.strip import strip
    from assembler.media.frames import write_png

    tail, head = sides(seam, None, size=canvas.size, rate=canvas.rate)
    write_png(path, strip(tail, head, decision, a_frames=seam.a.stop))


def _timeline(
    clips: Sequence[MediaInfo],
    out: Path,
    folder: Path,
    join: Literal["handoff", "cut"],
    preset: str,
    seam: str,
) -> Loaded:
    first = video_of(clips[0])
    width, height = first.display_size
    timeline = Timeline(
        assembler=1,
        title=out.stem,
        canvas=Canvas(size=(_even(width), _even(height)), rate=first.rate),
        output=(Output(preset=preset, path=out, mix=AS_IS),),
        native_audio=NativeAudio(match=False),
        segments=tuple(
            Segment(id=f"clip_{n}", file=clip.path, join=Join(kind=join) if n > 1 else None)
            for n, clip in enumerate(clips, 1)
        ),
        seam=SeamOverride(preset=seam),
        path=folder / "stitch.yaml",
    )
    return Loaded(timeline, Node(Source("stitch", folder), 1, 1, items={}))


def _clips(clips: Sequence[Path | str]) -> list[MediaInfo]:
    """
    What is known of the files; each is one that can be joined.

    Raises:
        UsageError: If there are fewer than two.
        MediaError: Naming the first file that can't be joined.
    """
    if len(clips) < 2:
        raise UsageError("two clips are needed to join them", fix="name at least two files")
    return [_clip(Path(clip).absolute()) for clip in clips]


def _clip(path: Path) -> MediaInfo:
    if not path.exists():
        raise MediaError("there is no such file", str(path), "check the name")
    info = probe(path)
    if info.video is None or info.still:
        what = "is a picture without a length" if info.still else "has no picture, only sound"
        raise MediaError(what, str(path), "name video files, or write a timeline")
    return info


def _even(side: int) -> int:
    return max(16, (side + 1) // 2 * 2)
