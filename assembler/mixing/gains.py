"""Gains over time: fades, panning, and how they are laid on blocks of samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from assembler.cut.model import Sound
from assembler.media.samples import Samples
from assembler.spec.model import FadeCurve

Gains = npt.NDArray[np.float64]

_LOG2_PER_DB = math.log2(10) / 20


def fade_gains(curve: FadeCurve, start: int, stop: int, length: int) -> Gains:
    """
    Gains of a rising fade of *length* samples at its samples start … stop.

    ``linear`` has its middle at -6 dB, ``equal-power`` (a sine) at -3 dB, ``s`` (a raised cosine)
    at -6 dB, ``exp`` at -30 dB and ``log``, its mirror, at -0.3 dB.
    """
    t = (np.arange(start, stop) + 0.5) / max(length, 1)
    match curve:
        case "linear":
            return t
        case "equal-power":
            return np.sin(t * (math.pi / 2))
        case "s":
            return (1 - np.cos(t * math.pi)) / 2
        case "exp":
            return (1000**t - 1) / 999
        case "log":
            return 1 - (1000 ** (1 - t) - 1) / 999


def pan_gains(pan: float, channels: int) -> Gains:
    """Gain of each channel: constant power, unchanged in the middle, silent on the far side."""
    gains = np.ones(channels)
    if channels == 1 or pan == 0:
        return gains
    angle = (1 + pan) * math.pi / 4
    left, right = math.sqrt(2) * math.cos(angle), math.sqrt(2) * math.sin(angle)
    for at, side in ((0, left), (1, right), (4, left), (5, right)):
        if at < channels:
            gains[at] = side
    return gains


def fades(sound: Sound, start: int, stop: int) -> Gains | None:
    """Gains of both fades at samples of the sound (counted from its record start), or None."""
    length = sound.record.samples
    into, out = min(sound.fade_in, length), min(sound.fade_out, length)
    if start >= into and stop <= length - out:
        return None
    gains = np.ones(stop - start)
    if start < into:
        until = min(stop, into)
        gains[: until - start] *= fade_gains(sound.fade_in_curve, start, until, into)
    if stop > length - out:
        since = max(start, length - out)
        falling = fade_gains(sound.fade_out_curve, length - stop, length - since, out)
        gains[since - start :] *= falling[::-1]
    return gains


def turned(block: Samples, gains: Gains) -> Samples:
    """*block* (n, channels) times a gain for each sample; numpy is slow along short axes."""
    out, factors = block.copy(), gains.astype(np.float32)
    for channel in out.T:
        channel *= factors
    return out


def ratio_of(db: npt.NDArray[np.floating[Any]]) -> Gains:
    """Decibels as a factor, fast."""
    ratio: Gains = np.exp2(db.astype(np.float32) * np.float32(_LOG2_PER_DB)).astype(np.float64)
    return ratio
