"""What lies over the picture: layers, titles, captions; and where places are in the programme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from assembler.cut.change import effect_of, key_of
from assembler.cut.model import PictureLayer, Source, TitleLayer, unbroken
from assembler.cut.picture import Shown
from assembler.spec.change import Effect
from assembler.spec.model import Layer, Timeline
from assembler.spec.time import Place
from assembler.timebase import FrameRange


@dataclass(frozen=True, slots=True)
class Starts:
    """First frame of each segment in the programme."""

    frames: Mapping[str, int]
    rate: Fraction

    def frame(self, place: Place) -> int:
        """Programme frame of a place; below zero when it lies before the start."""
        base = self.frames[place.segment] if place.segment else 0
        return base + place.sign * place.offset.frames(self.rate)

    def seconds(self, place: Place) -> Fraction:
        """Exact seconds of a place."""
        base = self.frames[place.segment] / self.rate if place.segment else Fraction(0)
        return base + place.sign * place.offset.seconds(self.rate)


def layer_start(layer: Layer, starts: Starts) -> int:
    """Programme frame at which a layer begins."""
    if layer.on is not None:
        return starts.frame(layer.on)
    return starts.frames[layer.over] if layer.over else 0


def picture_layers(
    layer: Layer,
    pieces: Sequence[Shown],
    start: int,
    frames: int,
    canvas: tuple[int, int],
    rate: Fraction,
) -> tuple[PictureLayer, ...]:
    """The shown frames of a segment laid over the programme, which has *frames* frames."""
    found: list[PictureLayer] = []
    at = start
    for one in pieces:
        for shown in unbroken(one.first, one.stop, one.skipped):
            found.append(_layer(layer, one, at, shown.start, shown.frames, canvas))
            at += shown.frames
    inside = [_within(one, frames) for one in found]
    return _faded([one for one in inside if one is not None], layer, rate)


def _faded(laid: list[PictureLayer], layer: Layer, rate: Fraction) -> tuple[PictureLayer, ...]:
    """With the fades at both ends, and effects that know where in the layer they are."""
    if not laid:
        return ()
    if layer.fade_in:
        laid[0] = replace(laid[0], fade_in=layer.fade_in.frames(rate))
    if layer.fade_out:
        laid[-1] = replace(laid[-1], fade_out=layer.fade_out.frames(rate))
    begin, end = laid[0].record.start, laid[-1].record.stop
    return tuple(_timed(one, begin, end) if one.source.change.effects else one for one in laid)


def _timed(layer: PictureLayer, begin: int, end: int) -> PictureLayer:
    at = layer.record.start - begin
    change = replace(layer.source.change, effects_at=at, effects_frames=end - begin)
    return replace(layer, source=replace(layer.source, change=change))


def _layer(
    layer: Layer, one: Shown, at: int, source: int, frames: int, canvas: tuple[int, int]
) -> PictureLayer:
    return PictureLayer(
        id=one.piece.id,
        source=one.piece.source,
        record=FrameRange(at, at + frames),
        source_in=source,
        box=box_of(layer, one.piece.source, canvas),
        shape=layer.shape,
        fit=one.piece.fit if layer.place == "full" else "cover",
        opacity=layer.opacity,
        key=key_of(layer.key),
    )


def _within(layer: PictureLayer, frames: int) -> PictureLayer | None:
    start, stop = layer.record
    first = max(0, start)
    if first >= min(stop, frames):
        return None
    return replace(
        layer,
        record=FrameRange(first, min(stop, frames)),
        source_in=layer.source_in + first - start,
    )


def box_of(layer: Layer, source: Source, canvas: tuple[int, int]) -> tuple[int, int, int, int]:
    """
    x, y, width and height on the canvas, all even; the source's shape, a square for a circle.

    A layer that would be taller than the canvas between its margins is made smaller.
    """
    width, height = canvas
    if layer.place == "full":
        return 0, 0, width, height
    margin = layer.margin * height
    shape = Fraction(1) if layer.shape == "circle" else source.shape()
    wide = min(layer.width * width, max(2.0, width - 2 * margin))
    wide = min(wide, float(max(2.0, height - 2 * margin) * shape))
    size = (max(2, _even(wide)), max(2, _even(wide / shape)))
    across, down = _anchor(layer.place)
    x = margin + across * (width - 2 * margin - size[0])
    y = margin + down * (height - 2 * margin - size[1])
    return max(0, _even(x)), max(0, _even(y)), *size


def _anchor(place: str) -> tuple[float, float]:
    across = 0.0 if "left" in place else 1.0 if "right" in place else 0.5
    down = 0.0 if "top" in place else 1.0 if "bottom" in place else 0.5
    return across, down


def _even(value: float) -> int:
    return 2 * round(value / 2)


def titles_of(
    timeline: Timeline,
    starts: Starts,
    frames: int,
    hashes: Mapping[Path, str],
    notes: list[str],
) -> tuple[TitleLayer, ...]:
    """Titles within the programme."""
    found = []
    for number, title in enumerate(timeline.titles, 1):
        start = starts.frame(title.on)
        stop = min(frames, start + title.for_.frames(starts.rate))
        start = max(0, start)
        if start >= stop:
            name = title.clip or (title.text or "")[:40]
            notes.append(f"warning: title {name!r}: nothing of it lies within the programme")
            continue
        record = FrameRange(start, stop)
        made = None
        if title.clip:
            effect = Effect(name=title.clip, options=title.options)
            made = effect_of(effect, hashes, timeline.path.parent)
        found.append(TitleLayer(f"title.{number}", title.text or "", title.style, record, made))
    return tuple(found)
