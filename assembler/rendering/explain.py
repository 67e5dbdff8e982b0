"""
What a render would do with every span, and why. Makes nothing.

    for row in explain(cut, delivery, folder):
        print(row.text())
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from assembler.cut.model import Cut, Insert
from assembler.rendering.encode import SpanJob
from assembler.rendering.smart import as_source
from assembler.rendering.spans import Passage, Shot, Span, spans_of
from assembler.spec.presets import DeliveryPreset
from assembler.timebase import FrameRange


@dataclass(frozen=True, slots=True)
class SpanState:
    """One span and what has to be done for it."""

    start: int
    """First frame of the programme."""
    stop: int
    clips: tuple[str, ...]
    state: Literal["ready", "copy", "encode"]
    why: str

    def text(self) -> str:
        """A line for people."""
        clips = ", ".join(self.clips)
        return f"frames {self.start}-{self.stop - 1}: {self.state} ({self.why}): {clips}"

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def explain(
    cut: Cut,
    delivery: DeliveryPreset,
    spans: Path,
    inserts: Sequence[Insert] = (),
    part: FrameRange | None = None,
) -> tuple[SpanState, ...]:
    """States of all spans, in order; arguments are those of `render`."""
    planned = spans_of(cut, as_source(cut, delivery), inserts, part)
    return tuple(_state(span, SpanJob(span, spans)) for span in planned)


def _state(span: Span, job: SpanJob) -> SpanState:
    clips = tuple(dict.fromkeys(name for piece in span.pieces for name in _clips(piece)))
    frames = span.frames
    if job.sound():
        return SpanState(frames.start, frames.stop, clips, "ready", "rendered before")
    known = "its file is damaged or gone" if job.record.exists() else "not rendered like this yet"
    if span.copied:
        why = f"{known}; it equals its source"
        return SpanState(frames.start, frames.stop, clips, "copy", why)
    why = "; ".join([known, *_work(span)])
    return SpanState(frames.start, frames.stop, clips, "encode", why)


def _clips(piece: Shot | Passage) -> tuple[str, ...]:
    match piece:
        case Shot():
            return (piece.clip,)
        case Passage():
            return piece.before.clip, piece.after.clip


def _work(span: Span) -> Iterator[str]:
    """What is done to its pictures."""
    shots = [piece for piece in span.pieces if isinstance(piece, Shot)]
    passages = [piece for piece in span.pieces if isinstance(piece, Passage)]
    yield from (f"transition {piece.name}" for piece in passages)
    if any(not shot.correction.neutral for shot in shots):
        yield "corrected at its seam"
    if any(shot.source.retime or not shot.source.change.plain for shot in shots):
        yield "its time or its picture is changed"
    if span.overlays:
        yield f"{len(span.overlays)} layers"
    if span.inserts:
        yield f"{len(span.inserts)} titles or captions"
