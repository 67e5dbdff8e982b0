"""What is said to the model in each link: prompt, beats, shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from assembler.planning.chain import Lengths, Span
from assembler.planning.model import LinkShot
from assembler.spec.presets import ShotLimits

_ENDS = ".!?…:;,。！？，；："


@dataclass(frozen=True, slots=True)
class TimedBeat:
    """A beat, in seconds from the segment's start."""

    at_s: Fraction
    prompt: str


def joined(*parts: str | None) -> str:
    """Texts one after another, each a sentence of its own."""
    said = [part.strip() for part in parts if part and part.strip()]
    ended = [text if text[-1] in _ENDS else f"{text}." for text in said[:-1]]
    return " ".join((*ended, *said[-1:]))


def prompt_of(
    prompt: str | None, beats: Sequence[TimedBeat], start_s: Fraction, stop_s: Fraction
) -> str:
    """
    Prompt of the link that shows *start_s* to *stop_s* of its segment.

    It is the segment's prompt, the beat in force at the link's start, and the beats that begin
    within it.
    """
    before = [beat for beat in beats if beat.at_s <= start_s][-1:]
    within = [beat for beat in beats if start_s < beat.at_s < stop_s]
    return joined(prompt, *(beat.prompt for beat in (*before, *within)))


def legal(total: Fraction, lengths: Lengths) -> bool:
    """Whether a model makes exactly *total* seconds."""
    if total.denominator != 1:
        return False
    if isinstance(lengths, Span):
        return lengths.low <= total <= lengths.high
    return int(total) in lengths


def group(
    shots: Sequence[LinkShot], limits: ShotLimits, lengths: Lengths
) -> tuple[tuple[LinkShot, ...], ...] | None:
    """
    Shots spread over the fewest links, each of a legal length, as evenly as they go.

    Returns:
        None when no split at the shots' own bounds gives legal lengths.
    """
    unit = Fraction(1)
    best: list[tuple[int, Fraction, tuple[int, ...]] | None] = [(0, unit * 0, ())]
    for stop in range(1, len(shots) + 1):
        ways = []
        for start in range(max(0, stop - limits.max), stop):
            total = sum((s.duration_s for s in shots[start:stop]), Fraction(0))
            known = best[start]
            if known is not None and legal(total, lengths):
                ways.append((known[0] + 1, known[1] + total * total, (*known[2], stop)))
        best.append(min(ways, default=None))
    chosen = best[-1]
    if chosen is None:
        return None
    stops = chosen[2]
    return tuple(tuple(shots[start:stop]) for start, stop in zip((0, *stops), stops, strict=False))
