"""Files joined without a timeline of the author's: one is made for them, and goes the main road."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from assembler.assemble.container import in_container
from assembler.assemble.film import Film, make
from assembler.assemble.measuring import canvas_of, clips_to_join
from assembler.assemble.outputs import guard
from assembler.assemble.prepare import prepare_loaded
from assembler.assemble.progress import Progress
from assembler.media.files import publish, scratch_folder
from assembler.media.info import MediaInfo
from assembler.planning.project import Project
from assembler.spec.load import Loaded
from assembler.spec.model import Join, NativeAudio, Output, SeamOverride, Segment, Timeline
from assembler.spec.presets import delivery_preset, seam_preset
from assembler.spec.yaml import Node, Source

AS_IS = "as-is"
"""Mix preset that leaves loudness alone: files are joined, no programme is mastered."""


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
    infos = clips_to_join(clips)
    inputs = [info.path for info in infos]
    guard([p for p in (out, report) if p], None, force=force, inputs=inputs)
    with scratch_folder(out) as folder:
        loaded = _timeline(infos, out, folder, join, preset, seam)
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


def _timeline(
    clips: Sequence[MediaInfo],
    out: Path,
    folder: Path,
    join: Literal["handoff", "cut"],
    preset: str,
    seam: str,
) -> Loaded:
    timeline = Timeline(
        assembler=1,
        title=out.stem,
        canvas=canvas_of(clips[0]),
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
