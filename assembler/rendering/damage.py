"""
Footage that can't be decoded whole: which frames of a span's sources are damaged.

    if found := damage(span, said):             # what ffmpeg said while it encoded
        print(*damage_notes([(span, found)]))

ffmpeg tells that frames were damaged, but not which ones: those are looked for when it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction

from assembler.cut.model import Source
from assembler.errors import MediaError
from assembler.media.info import DAMAGED
from assembler.rendering.spans import Shot, Span, shots_of
from assembler.wording import clock

_SAID = re.compile(
    r"\[vist#\d+:\d+/.*\] (corrupt decoded frame|Decoding error|Error submitting packet)"
)
"""What the program says of a decoder's result; what decoders say themselves may be harmless."""
_LEAD_S = 10
"""Decoded again from so far before, since a picture may need some frames to become whole."""

Damage = Mapping[str, list[int]]
"""Numbers of damaged frames that are shown, by the key of their source."""


def damage(span: Span, said: str) -> Damage:
    """
    Damaged frames that a span shows.

    Args:
        span: What was encoded.
        said: What ffmpeg wrote to its standard error.
    """
    told = _SAID.search(said) is not None
    found: dict[str, set[int]] = {}
    for shot in (*shots_of(span), *(overlay.shot for overlay in span.overlays)):
        # Frames for arrays come from other programs, whose words aren't heard.
        moving = shot.source.info.video is not None and not shot.source.still
        if moving and (told or shot.in_arrays):
            found.setdefault(shot.source.key, set()).update(_damaged(shot, span.form.rate))
    return {key: sorted(numbers) for key, numbers in found.items() if numbers}


def _damaged(shot: Shot, rate: Fraction) -> set[int]:
    shown, video = _shown(shot, rate), shot.source.info.video
    assert video is not None
    first = min(shown)
    found = _broken(shot.source, shown, first)
    if found and first:
        found &= _broken(shot.source, shown, max(0, first - round(_LEAD_S * video.rate)))
    return found


def _shown(shot: Shot, rate: Fraction) -> set[int]:
    """Numbers of the source's frames that a shot shows."""
    source, video = shot.source, shot.source.info.video
    assert video is not None
    left_out = {shot.first + n for n in shot.skipped}
    numbers = (n for n in range(shot.first, shot.first + shot.read) if n not in left_out)
    own = source.read_rate(rate)
    return {video.shown_at(source.shown_at(n, rate), own) for n in numbers}


def _broken(source: Source, wanted: set[int], first: int) -> set[int]:
    """*wanted* frames that don't come out of the decoder, or are marked as damaged."""
    from assembler.media.frames import coded_frames

    last, whole, marked = max(wanted), set[int](), set[int]()
    with suppress(MediaError):  # when nothing comes out
        for position, frame in coded_frames(source.info, first):
            if position > last:
                break
            (marked if frame.is_corrupt else whole).add(position)
    ordered = source.info.video is not None and source.info.video.ordered
    return wanted - whole if ordered else wanted & marked


def damage_notes(found: Iterable[tuple[Span, Damage]]) -> Iterator[str]:
    """What there is to say of damaged sources, one sentence each."""
    numbers: dict[str, set[int]] = {}
    sources: dict[str, Source] = {}
    for span, damaged in found:
        shots = (*shots_of(span), *(overlay.shot for overlay in span.overlays))
        sources |= {shot.source.key: shot.source for shot in shots if shot.source.key in damaged}
        for key, frames in damaged.items():
            numbers.setdefault(key, set()).update(frames)
    for key, source in sources.items():
        yield f"warning: {source.path.name}: {DAMAGED}: {_which(source, numbers[key])}"


def _which(source: Source, frames: set[int]) -> str:
    video = source.info.video
    assert video is not None
    at_s = float((video.pts[min(frames)] - video.pts[0]) * video.time_base)
    if len(frames) == 1:
        return f"a frame that is shown can't be decoded whole, at {clock(at_s)}"
    what = f"{len(frames)} frames that are shown can't be decoded whole"
    return f"{what}, the first at {clock(at_s)}"
