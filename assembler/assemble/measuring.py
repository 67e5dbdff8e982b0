"""One join of two files, measured as `stitch` would decide it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from assembler.assemble.outputs import guard
from assembler.assemble.seams import Seam, Side, seam_data
from assembler.assemble.sides import Sides, decided, sides
from assembler.errors import MediaError, UsageError
from assembler.match.decision import SeamDecision
from assembler.media.conform import video_of
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.spec.model import Canvas, Defaults, SeamOverride
from assembler.spec.presets import seam_preset
from assembler.wording import counted

VFR_RATES = tuple(map(Fraction, (24, 25, 30, 50, 60)))
"""What a clip of varying rate is joined at: the next one above its mean."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One join, measured."""

    decision: SeamDecision
    took_s: float
    """Reading, measuring and deciding."""

    def text(self) -> str:
        """For people."""
        d = self.decision
        if not d.matched:
            return f"{d.seam}: the two sides don't match (confidence {d.confidence:.2f})"
        rows = [
            f"{d.seam}: {counted(d.repeat_frames, 'repeated frame')} "
            f"(confidence {d.confidence:.2f})",
            f"  keep {counted(d.keep_until, 'frame')} of the first, start the second at frame "
            f"{d.start_from}",
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
    began = time.monotonic()
    one, two = clips_to_join([a, b])
    guard([strip] if strip else [], None, force=force, inputs=[one.path, two.path])
    canvas = canvas_of(one)
    joined = Seam(_side(one, canvas.rate), _side(two, canvas.rate), preset, SeamOverride())
    both = sides(joined, None, canvas.size, canvas.rate)
    decision = decided(joined, both, canvas.rate)
    took_s = time.monotonic() - began
    if strip:
        _draw(joined, both, decision, strip)
    return Measured(decision, took_s)


def _side(info: MediaInfo, rate: Fraction) -> Side:
    """All of a clip."""
    video = video_of(info)
    fit = Defaults().fit
    return Side(info.path.name, "", info, video.colour, fit, 0, video.frames_at(rate))


def _draw(seam: Seam, both: Sides, decision: SeamDecision, path: Path) -> None:
    from assembler.match.strip import strip
    from assembler.media.frames import write_png

    write_png(path, strip(both.tail, both.head, decision, a_frames=seam.a.stop))


def clips_to_join(clips: Sequence[Path | str]) -> list[MediaInfo]:
    """
    What is known of the files; each is one that can be joined.

    Raises:
        UsageError: If there are fewer than two.
        MediaError: Naming the first file that can't be joined.
    """
    if len(clips) < 2:
        raise UsageError("two clips are needed to join them", fix="name at least two files")
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(_clip, (Path(clip).absolute() for clip in clips)))


def _clip(path: Path) -> MediaInfo:
    if not path.exists():
        raise MediaError("there is no such file", str(path), "check the name")
    info = probe(path)
    if info.video is None or info.still:
        what = "is a picture without a length" if info.still else "has no picture, only sound"
        raise MediaError(what, str(path), "name video files, or write a timeline")
    return info


def canvas_of(clip: MediaInfo) -> Canvas:
    """The canvas for a clip as it is shown: of its rate, with even sides, as codecs want it."""
    video = video_of(clip)
    width, height = video.display_size
    rate = video.rate
    if video.vfr:  # its mean is no rate that anything plays at
        rate = next((r for r in VFR_RATES if r >= rate), VFR_RATES[-1])
    return Canvas(size=(_even(width), _even(height)), rate=rate)


def _even(side: int) -> int:
    return max(16, (side + 1) // 2 * 2)
