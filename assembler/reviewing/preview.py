"""
The part of a film around one seam, rendered small for the browser, with the film's own sound.

    shown = preview(view, "dawn.1>dawn.2")
    shown.path, shown.at_s       # a short MP4, and where in it the seam lies
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from assembler.assemble.film import refuse_code
from assembler.assemble.prepare import Delivery
from assembler.assemble.progress import Progress
from assembler.assemble.sound import Wanted, mixed
from assembler.assemble.walk import begin
from assembler.errors import UsageError
from assembler.planning.keys import content_key
from assembler.rendering.render import render
from assembler.reviewing.view import View
from assembler.spec.presets import DeliveryPreset, delivery_preset
from assembler.timebase import FrameRange, round_half_up

AROUND_S = Fraction(3, 2)
"""Shown before and after a seam."""
LONGEST_PX = 960
"""A larger picture is rendered smaller."""
KEPT = 40
"""Previews that are kept."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendered part."""

    path: Path
    seam: str
    at_s: float
    """Where in the file the seam lies."""
    seconds: float


def preview(
    view: View,
    seam: str,
    *,
    allow_code: bool = False,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Preview:
    """
    Render what lies around a seam. Generates and pays nothing.

    Args:
        view: The timeline with its seams decided.
        seam: Id of the seam.
        allow_code: Run the functions that the timeline names.
        progress: Told of frames that are rendered.
        cancel: Stops the work when it is set.

    Raises:
        UsageError: If clips are missing, or there is no such seam.
        RenderError: If it can't be rendered, or is cancelled.
    """
    place = view.places.get(seam)
    if view.cut is None or place is None:
        raise UsageError(f"there is no seam {seam!r} to show")
    refuse_code(view.prepared, allow_code)
    run = begin(view.prepared, None, progress, cancel, None)
    cut, first = view.cut, view.prepared.deliveries[0]
    around = round_half_up(AROUND_S * cut.rate)
    part = FrameRange(max(0, place.frame - around), min(cut.frames, place.frame + around))
    preset = _small(cut.size, first.preset)
    folder = view.prepared.project.home / "review"
    key = content_key(seam=seam, revision=view.revision, part=part, size=preset.size)
    out = folder / f"{key}.mp4"
    run.progress.expect("mix", 0.2 * cut.frames)
    run.progress.expect("render", part.frames)
    wanted = Wanted(cut, first.mix, preset.audio)
    sound = mixed(wanted, view.prepared.project.mix, cancel=run.cancel)
    run.progress.finish("mix")
    told = 0

    def on_frames(done: int) -> None:
        nonlocal told
        run.progress.advance("render", done - told)
        told = done

    render(
        cut,
        preset,
        out,
        sound=sound.path,
        spans=view.prepared.project.spans,
        inserts=run.inserts(cut, Delivery(out, preset, first.mix)),
        part=part,
        on_frames=on_frames,
        cancel=run.cancel,
    )
    _forget_old(folder)
    at_s = float((place.frame - part.start) / cut.rate)
    return Preview(out, seam, at_s, float(part.frames / cut.rate))


def _small(canvas: tuple[int, int], delivery: DeliveryPreset) -> DeliveryPreset:
    """The draft's form at the delivery's shape, without words burnt in."""
    size = delivery.size_on(canvas)
    scale = min(Fraction(1), Fraction(LONGEST_PX, max(size)))
    width, height = (max(16, 2 * round_half_up(side * scale / 2)) for side in size)
    return delivery_preset("draft").model_copy(
        update={"id": "review", "burn_in": False, "size": (width, height)}
    )


def _forget_old(folder: Path) -> None:
    """Previews are cheap to make again."""
    found = sorted(folder.glob("*.mp4"), key=lambda path: path.stat().st_mtime)
    for path in found[:-KEPT]:
        path.unlink(missing_ok=True)
