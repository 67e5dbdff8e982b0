"""
The programme divided into spans: what is rendered, cached and joined as one piece.

    for span in spans_of(cut, delivery):
        print(span.frames, span.key, [type(piece).__name__ for piece in span.pieces])

Spans end at edit points, never inside a transition. A long clip is divided at fixed distances from
its first frame; clips too short for an encoder's start share a span with what follows. Where an
edit point lies in the programme is no part of a key, so a cut that moves keeps what was rendered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from assembler.cut.model import Change, ChromaKey, Clip, Cut, Framing, Insert, PictureLayer, Source
from assembler.match.decision import IDENTITY, NO_CORRECTION, ColourFix, Correction
from assembler.planning.keys import content_key
from assembler.rendering.smart import (
    Wanted,
    as_source,
    copied_ranges,
    copies,
    in_its_numbers,
    with_whole_heads,
)
from assembler.spec.model import Fit
from assembler.spec.presets import DeliveryPreset, Matrix
from assembler.timebase import FrameRange, round_half_up

STAGE = 9
"""Version of what a span's description is turned into; raise it when the picture changes."""

LONGEST_S = 10
"""A clip is divided into stretches of about this length."""
SHORTEST_S = Fraction(1, 2)
"""A shorter stretch shares the span of what follows: starting an encoder costs about as much."""
MOST_PIECES = 12
"""Files that one graph opens at most."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames of one clip, one after the other."""

    clip: str
    segment: str
    source: Source
    first: int
    """First frame of the source, at the programme's rate."""
    frames: int
    """How many are shown."""
    skipped: tuple[int, ...]
    """Source frames in between that are left out, counted from `first`."""
    fit: Fit
    correction: Correction
    used: int
    """Frames of the clip shown before these: where a fading correction is at (handles: below 0)."""
    copied: bool = False
    """Whether the source's packets are taken as they are."""
    before: Shot | None = None
    """The frame that is shown before these, where a patch is made out of both."""
    framing: Framing = ()
    """Which part of the picture is shown."""

    @property
    def read(self) -> int:
        """Frames to read, those left out included."""
        return self.frames + len(self.skipped)

    @property
    def in_arrays(self) -> bool:
        """Whether its frames are made outside of ffmpeg."""
        change = self.source.change
        made = change.glide or change.effects or self.source.retime
        return bool(made) or not self.correction.neutral


@dataclass(frozen=True, slots=True)
class Passage:
    """A transition; both sides are as long as it is."""

    name: str
    before: Shot
    after: Shot
    colour: str = ""
    """What it goes through, as #rrggbb, where that isn't said by its name."""
    shown: FrameRange | None = None
    """Which of its frames are shown, where a part of the programme begins or ends within it."""

    @property
    def frames(self) -> int:
        """How many of its frames are shown."""
        return self.shown.frames if self.shown else self.before.frames


Piece = Shot | Passage


@dataclass(frozen=True, slots=True)
class Overlay:
    """A picture layer's part in a span."""

    shot: Shot
    at: int
    """Frame of the span at which it begins."""
    box: tuple[int, int, int, int]
    """x, y, width, height in pixels of the delivery."""
    shape: str
    opacity: float = 1.0
    fades: tuple[int, int, int] | None = None
    """Frames it comes up and goes down over, and the layer's length; None where it is steady."""
    key: ChromaKey | None = None

    @property
    def frames(self) -> int:
        """How many are shown."""
        return self.shot.frames

    @property
    def masked(self) -> bool:
        """Whether it is seen through a mask."""
        return self.shape != "box" or self.opacity < 1 or self.fades is not None

    def strength(self, frame: int) -> float:
        """How solid it is at a frame of its own here: opacity times the fades."""
        if self.fades is None:
            return self.opacity
        up, down, length = self.fades
        n = self.shot.used + frame
        return self.opacity * min(1.0, (n + 1) / (up + 1), (length - n) / (down + 1))


@dataclass(frozen=True, slots=True)
class Laid:
    """An insert's part in a span."""

    insert: Insert
    at: int
    """Frame of the span at which it begins."""
    first: int
    """First frame of the insert."""
    frames: int


@dataclass(frozen=True, slots=True)
class Form:
    """What the picture of a delivery is, the same for all its spans."""

    size: tuple[int, int]
    canvas: tuple[int, int]
    rate: Fraction
    pix_fmt: str
    encoder: str
    options: tuple[tuple[str, str], ...]
    gop_frames: int | None
    """Longest distance between keyframes."""
    burn_in: bool
    copies: bool = False
    """Whether frames that equal their source are copied."""
    matrix: Matrix = "bt709"
    """What its numbers mean, where they are those of its sources."""

    @property
    def wanted(self) -> Wanted:
        """What a source has to be to be copied."""
        return Wanted(self.size, self.rate, self.pix_fmt, self.encoder, self.matrix)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of finished programme."""

    frames: FrameRange
    pieces: tuple[Piece, ...]
    overlays: tuple[Overlay, ...]
    inserts: tuple[Laid, ...]
    form: Form
    key: str = ""

    @property
    def copied(self) -> Shot | None:
        """The shot whose packets are taken as they are."""
        first = self.pieces[0]
        return first if isinstance(first, Shot) and first.copied else None

    @property
    def length(self) -> int:
        """Frames."""
        return self.frames.frames


def shots_of(span: Span) -> Iterator[Shot]:
    """All shots of a span, those within transitions too."""
    for piece in span.pieces:
        match piece:
            case Shot():
                yield piece
            case Passage():
                yield piece.before
                yield piece.after


def form_of(cut: Cut, delivery: DeliveryPreset) -> Form:
    """The picture format of all spans."""
    return Form(
        size=delivery.size_on(cut.size),
        canvas=cut.size,
        rate=cut.rate,
        pix_fmt=delivery.video.pix_fmt,
        encoder=delivery.video.encoder,
        options=tuple(sorted((k, str(v)) for k, v in delivery.video.options.items())),
        gop_frames=_gop(delivery, cut.rate),
        burn_in=delivery.burn_in,
        copies=copies(delivery),
        matrix=delivery.video.matrix,
    )


def _gop(delivery: DeliveryPreset, rate: Fraction) -> int | None:
    length_s = delivery.video.gop_s
    return None if length_s is None else max(1, round_half_up(Fraction(length_s) * rate))


def spans_of(
    cut: Cut,
    delivery: DeliveryPreset,
    inserts: Sequence[Insert] = (),
    part: FrameRange | None = None,
) -> tuple[Span, ...]:
    """
    Spans that make up the whole programme, or a part of it, in order.

    Args:
        cut: The programme.
        delivery: What it is rendered to.
        inserts: Titles and captions made in the size of the delivery, over everything else.
        part: The frames of the programme that are wanted; spans keep their places in the whole.
    """
    form = form_of(cut, as_source(cut, delivery))
    cut = in_its_numbers(cut, form.matrix)
    if form.copies:
        cut = with_whole_heads(cut, form.wanted)
    touched = [layer.record for layer in cut.layers] + [insert.record for insert in inserts]
    out = []
    stretches = _stretches(cut, form, touched)
    for group in _groups(_within(stretches, part) if part else stretches, form):
        frames = FrameRange(group[0][0].start, group[-1][0].stop)
        pieces = tuple(piece for _, piece in group)
        overlays = tuple(_overlays(cut, frames, form))
        laid = tuple(_laid(inserts, frames))
        out.append(_keyed(Span(frames, pieces, overlays, laid, form)))
    return tuple(out)


Placed = tuple[FrameRange, Piece]


def _within(stretches: Iterator[Placed], part: FrameRange) -> Iterator[Placed]:
    """What lies in a *part* of the programme."""
    for frames, piece in stretches:
        start, stop = max(frames.start, part.start), min(frames.stop, part.stop)
        if (start, stop) == frames:
            yield frames, piece
        elif start < stop:
            inner = FrameRange(start - frames.start, stop - frames.start)
            yield FrameRange(start, stop), _some_of(piece, inner)


def _some_of(piece: Piece, wanted: FrameRange) -> Piece:
    """The *wanted* frames of a piece, counted from its first one."""
    if isinstance(piece, Passage):
        return replace(piece, shown=wanted)
    numbers = [n for n in range(piece.read) if n not in piece.skipped][wanted.start : wanted.stop]
    first = numbers[0]
    return replace(
        piece,
        first=piece.first + first,
        frames=wanted.frames,
        skipped=tuple(n - first for n in piece.skipped if first < n < numbers[-1]),
        used=piece.used + wanted.start,
        copied=False,
        before=None if wanted.start else piece.before,
    )


def _groups(stretches: Iterator[Placed], form: Form) -> Iterator[list[Placed]]:
    """
    Stretches gathered into spans.

    What is long enough ends its span, so that a change of length reaches no further than its
    neighbours. What is copied is a span by itself.
    """
    group: list[Placed] = []
    for placed in stretches:
        copied = isinstance(placed[1], Shot) and placed[1].copied
        if copied and group:
            yield group
            group = []
        group.append(placed)
        length = placed[0].stop - group[0][0].start
        if copied or length >= SHORTEST_S * form.rate or _inputs(group) >= MOST_PIECES:
            yield group
            group = []
    if group:
        yield group


def _inputs(group: list[Placed]) -> int:
    return sum(2 if isinstance(piece, Passage) else 1 for _, piece in group)


def _stretches(cut: Cut, form: Form, touched: Sequence[FrameRange]) -> Iterator[Placed]:
    """Parts of clips and transitions, in order, none longer than a span may be unless copied."""
    for number, clip in enumerate(cut.clips):
        before = cut.clips[number - 1] if number and not clip.transition else None
        after = cut.clips[number + 1] if number + 1 < len(cut.clips) else None
        into = clip.transition.after_frames if number and clip.transition else 0
        out = after.transition.before_frames if after and after.transition else 0
        if number and clip.transition:
            yield _passage(cut.clips[number - 1], clip)
        whole = FrameRange(clip.record.start + into, clip.record.stop - out)
        gone = min(max(clip.record.start + corrected_frames(clip), whole.start), whole.stop)
        plain = FrameRange(gone, whole.stop)
        at = whole.start
        for part in copied_ranges(clip, plain, touched, form.wanted) if form.copies else ():
            yield from _bridged(before, _encoded(clip, FrameRange(at, part.start), gone, form))
            yield part, replace(_part(clip, part), copied=True)
            at = part.stop
        yield from _bridged(before, _encoded(clip, FrameRange(at, whole.stop), gone, form))


def _bridged(before: Clip | None, stretches: Iterator[Placed]) -> Iterator[Placed]:
    """*stretches* of a clip; the first one knows the frame before it where it is patched."""
    for frames, piece in stretches:
        if before and isinstance(piece, Shot) and piece.used == 0 and piece.correction.patch:
            piece = replace(piece, before=shot(before, before.record.frames - 1, 1))
        yield frames, piece


def _encoded(clip: Clip, frames: FrameRange, gone: int, form: Form) -> Iterator[Placed]:
    """*frames* of a clip, divided where its correction has *gone* and when they are long."""
    longest = max(1, round(LONGEST_S * form.rate))
    for part in divided(frames, clip.record.start, longest):
        marks = sorted({part.start, part.stop, min(max(gone, part.start), part.stop)})
        for start, stop in pairwise(marks):
            yield FrameRange(start, stop), _part(clip, FrameRange(start, stop))


def _part(clip: Clip, frames: FrameRange) -> Shot:
    return shot(clip, frames.start - clip.record.start, frames.frames)


def corrected_frames(clip: Clip) -> int:
    """How many of a clip's first frames its correction changes."""
    if clip.correction.neutral:
        return 0
    from assembler.match.apply import array_frames, constant_part

    rest = constant_part(clip.correction)
    if rest.affine is None and not rest.sharpen and _near_identity(rest.colour):
        return array_frames(clip.correction, clip.record.frames)
    return clip.record.frames


def _near_identity(fix: ColourFix | None) -> bool:
    """Whether no colour moves by a tenth of an 8-bit level."""
    if fix is None:
        return True
    pairs = zip(fix.matrix, IDENTITY, strict=True)
    return max(sum(abs(a - b) for a, b in zip(*both, strict=True)) for both in pairs) < _STILL


_STILL = 0.1 / 255 / 4


def divided(frames: FrameRange, origin: int, longest: int) -> Iterator[FrameRange]:
    """*frames* divided at multiples of *longest* from *origin*; no part shorter than a third."""
    start = frames.start
    while start < frames.stop:
        stop = origin + ((start - origin) // longest + 1) * longest
        if stop - start < longest // 3:
            stop += longest
        if frames.stop - stop < longest // 3:
            stop = frames.stop
        yield FrameRange(start, stop)
        start = stop


def _passage(before: Clip, after: Clip) -> Placed:
    transition = after.transition
    assert transition is not None
    cut_at = after.record.start
    frames = FrameRange(cut_at - transition.before_frames, cut_at + transition.after_frames)
    left = shot(before, frames.start - before.record.start, frames.frames)
    right = shot(after, frames.start - after.record.start, frames.frames)
    return frames, Passage(transition.name, left, right, transition.colour)


def shot(clip: Clip, used: int, frames: int) -> Shot:
    """
    *frames* frames of *clip* from its *used*-th shown one on.

    Before 0 and past the clip's end lie its handles: source frames just outside.
    """
    first, last = clip.source_frame(used), clip.source_frame(used + frames - 1)
    inside = [n - first for n in sorted(set(clip.skipped)) if first < n < last]
    seen = clip.source.seen(first, last + 1 - first)
    return Shot(
        clip=clip.id,
        segment=clip.segment,
        source=clip.source,
        first=first,
        frames=frames,
        skipped=tuple(inside),
        fit=clip.fit,
        correction=clip.correction if max(0, used) < corrected_frames(clip) else NO_CORRECTION,
        used=used,
        framing=_framed(clip.framing, seen.start, seen.stop - 1),
    )


def _framed(framing: Framing, first: int, last: int) -> Framing:
    """What of *framing* is in force between two frames of the source."""
    within = [point for point in framing if first < point[0] < last]
    before = [point for point in framing if point[0] <= first][-1:]
    after = [point for point in framing if point[0] >= last][:1]
    return (*before, *within, *after)


def _overlays(cut: Cut, span: FrameRange, form: Form) -> Iterator[Overlay]:
    for layer in cut.layers:
        start = max(span.start, layer.record.start)
        stop = min(span.stop, layer.record.stop)
        if start < stop:
            yield _overlay(layer, start, stop, span, form)


def _laid(inserts: Sequence[Insert], span: FrameRange) -> Iterator[Laid]:
    for insert in inserts:
        start = max(span.start, insert.record.start)
        stop = min(span.stop, insert.record.stop)
        if start < stop:
            first, at = start - insert.record.start, start - span.start
            yield Laid(insert, at, first, stop - start)


def _overlay(layer: PictureLayer, start: int, stop: int, span: FrameRange, form: Form) -> Overlay:
    used, length = start - layer.record.start, layer.record.frames
    shown = Shot(
        clip=layer.id,
        segment=layer.id,
        source=layer.source,
        first=layer.source_in + used,
        frames=stop - start,
        skipped=(),
        fit=layer.fit,
        correction=NO_CORRECTION,
        used=used,
    )
    fading = used < layer.fade_in or length - used - shown.frames < layer.fade_out
    return Overlay(
        shot=shown,
        at=start - span.start,
        box=delivered_box(layer.box, form.canvas, form.size),
        shape=layer.shape,
        opacity=layer.opacity,
        fades=(layer.fade_in, layer.fade_out, length) if fading else None,
        key=layer.key,
    )


def delivered_box(
    box: tuple[int, int, int, int], canvas: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """*box* of the canvas in a delivery: the same part of its width and of the free room."""
    if canvas == size:
        return box
    x, y, width, height = box
    scale = min(Fraction(size[0], canvas[0]), Fraction(size[1], max(1, height)))
    new_width, new_height = (max(2, 2 * round_half_up(s * scale / 2)) for s in (width, height))
    return (
        _between(x, canvas[0] - width, size[0] - new_width),
        _between(y, canvas[1] - height, size[1] - new_height),
        new_width,
        new_height,
    )


def _between(position: int, room: int, new_room: int) -> int:
    if room <= 0:
        return 2 * round_half_up(Fraction(new_room, 4))
    return 2 * round_half_up(Fraction(position * new_room, room * 2))


def _keyed(span: Span) -> Span:
    return replace(span, key=content_key(**_decisive(span)))


def _decisive(span: Span) -> dict[str, object]:
    """Everything that decides a span's bytes."""
    from assembler.media.ffmpeg import version

    return {
        "stage": STAGE,
        "ffmpeg": version(),
        "form": span.form,
        "pieces": [_piece_parts(piece) for piece in span.pieces],
        "overlays": [_overlay_parts(overlay) for overlay in span.overlays],
        "inserts": [_laid_parts(laid) for laid in span.inserts],
        "position": span.frames.start if span.form.burn_in else None,
    }


def _piece_parts(piece: Piece) -> object:
    match piece:
        case Shot():
            return _shot_parts(piece)
        case Passage():
            sides = [_shot_parts(piece.before), _shot_parts(piece.after)]
            shown = [piece.shown] if piece.shown else []
            return [piece.name, piece.colour, *sides, *shown]


def _shot_parts(shown: Shot) -> object:
    correction = shown.correction
    changing = correction != NO_CORRECTION
    return {
        "source": _source_parts(shown.source),
        "first": shown.first,
        "frames": shown.frames,
        "skipped": shown.skipped,
        "fit": shown.fit,
        "correction": correction if changing else None,
        "used": shown.used if changing or shown.source.change.effects else None,
        "copied": shown.copied,
        "before": _shot_parts(shown.before) if shown.before else None,
        **({"framing": shown.framing} if shown.framing else {}),
    }


def _source_parts(source: Source) -> tuple[object, ...]:
    return source.key, source.colour, source.still, source.retime, _change_parts(source.change)


def _change_parts(change: Change) -> object:
    """What is done to the picture; files count by their content."""
    if change.plain:
        return None
    table = change.table
    return {
        "crop": change.crop,
        "glide": change.glide,
        "table": [table.key, table.strength] if table else None,
        "cdl": change.cdl,
        "effects": [[one.name, one.options, one.key] for one in change.effects],
        "time": [change.effects_at, change.effects_frames],
    }


def _overlay_parts(overlay: Overlay) -> object:
    return {
        "shot": _shot_parts(overlay.shot),
        "at": overlay.at,
        "box": overlay.box,
        "shape": overlay.shape,
        "opacity": overlay.opacity,
        "fades": [overlay.fades, overlay.shot.used] if overlay.fades else None,
        "key": overlay.key,
    }


def _laid_parts(laid: Laid) -> object:
    insert = laid.insert
    place = [insert.x, insert.y]
    return [insert.key, place, insert.still, laid.at, laid.first, laid.frames]
