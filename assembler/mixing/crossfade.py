"""
Crossfades that keep their power whatever the two sides have in common.

Equal-power fades suit sounds that have nothing to do with each other. Where both sides are the same
sound (a tone that goes on, a bed that was continued) they would add up to 3 dB too much in the
middle; where they oppose each other, a hole. What the sides share is measured and taken out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from assembler.cut.model import Sound
from assembler.media.samples import SampleReader, Samples
from assembler.mixing.gains import Gains, fade_gains
from assembler.timebase import SampleRange

_MOST_BOOST = math.sqrt(2)
"""Opposed sounds cancel; more gain would only lift what is left of them."""


@dataclass(frozen=True, slots=True)
class Crossfade:
    """Where two sounds overlap with equal-power fades, and how alike they are there."""

    range: SampleRange
    """Samples of the programme."""
    leaving: float
    """Mean power of the sound that fades out."""
    coming: float
    correlation: float
    """From -1 (opposed) over 0 (unrelated) to 1 (the same)."""

    @classmethod
    def of(cls, place: SampleRange, before: Samples, after: Samples) -> Crossfade | None:
        """Measured on what both sounds have there; None where one of them is silent."""
        sides = [side.astype(np.float64) for side in (before, after)]
        leaving, coming = (float(np.mean(side**2)) for side in sides)
        if not leaving or not coming:
            return None
        product = float(np.mean(sides[0] * sides[1]))
        return cls(place, leaving, coming, product / math.sqrt(leaving * coming))

    def gains(self, start: int, stop: int) -> Gains:
        """Correction for both sounds at samples of the programme inside the range."""
        first, length = self.range.start, self.range.samples
        rise = fade_gains("equal-power", start - first, stop - first, length)
        fall = np.sqrt(np.clip(1 - rise * rise, 0, 1))
        wanted = self.leaving * fall**2 + self.coming * rise**2
        shared = 2 * self.correlation * math.sqrt(self.leaving * self.coming) * fall * rise
        lowest = wanted / _MOST_BOOST**2
        return np.sqrt(wanted / np.maximum(wanted + shared, lowest))


def meet(before: Sound, after: Sound) -> SampleRange | None:
    """Range in which one sound fades into another by equal power, if they do."""
    fade = after.fade_in
    alike = before.role == after.role and not before.loop and not after.loop
    curves = before.fade_out_curve == after.fade_in_curve == "equal-power"
    placed = before.fade_out == fade and before.record.stop == after.record.start + fade
    if not (fade and alike and curves and placed) or after.record.start < 0:
        return None
    return SampleRange(after.record.start, after.record.start + fade)


def crossfade(
    before: Sound, after: Sound, gains_db: tuple[float, float], hz: int, channels: int
) -> Crossfade | None:
    """
    The crossfade of two sounds, measured; None where there is nothing to correct.

    Args:
        before: The sound that fades out.
        after: The sound that fades in.
        gains_db: Gain of each, beside its fade.
        hz: Sample rate of the programme.
        channels: Of the programme.
    """
    place = meet(before, after)
    if place is None:
        return None
    before_, after_ = (
        _side(sound, place, hz, channels) * np.float32(10 ** (gain / 20))
        for sound, gain in zip((before, after), gains_db, strict=True)
    )
    return Crossfade.of(place, before_, after_)


def _side(sound: Sound, place: SampleRange, hz: int, channels: int) -> Samples:
    start_s = sound.source_start_s + Fraction(place.start - sound.record.start, hz)
    near = Fraction(1)  # a millisecond astray would measure the same
    with SampleReader(sound.path, sound.stream, start_s, hz, channels, near_s=near) as reader:
        return reader.read(place.samples)
