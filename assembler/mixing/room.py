"""
Room tone: the bed under a clip, and what bridges two beds that differ.

The bed is what sounds in the quieter moments of a clip. Where two clips meet whose beds differ,
each gets what only the other has, rising towards the seam and falling behind it: in no band does
the bed step. Both together are held down to the louder of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from assembler.media.samples import Samples
from assembler.mixing.gains import Gains
from assembler.timebase import SampleRange

Floats = npt.NDArray[np.floating[Any]]

_SPAN = 1024
"""Samples of a spectrum."""
_SHAPE = np.hanning(_SPAN).astype(np.float32)
_QUIET_SHARE = 1 / 3
"""The bed is measured in so much of the sound, its quietest."""
_EDGES_HZ = np.array([60, 150, 250, 400, 630, 1000, 1600, 2500, 4000, 6300, 10000, 16000])
_UNHEARD_DB = -78.0
"""Of a band; differences below aren't heard."""
_FLOOR = 1e-14


@dataclass(frozen=True, slots=True)
class Bed:
    """Spectrum of a clip's quieter moments."""

    hz: int
    density: Floats
    """Power per hertz in the bins of a spectrum of `_SPAN` samples, shape (bins, channels)."""
    together: float
    """How much of it both sides of stereo share, from 0 to 1."""

    def none(self) -> Bed:
        """A bed of the same shape that is silent."""
        return Bed(self.hz, np.zeros_like(self.density), 0.0)

    def bands(self) -> Floats:
        """Level of each band in dB of full scale."""
        mean = self.density.mean(axis=1)
        at = np.fft.rfftfreq(_SPAN, 1 / self.hz)
        inside = np.searchsorted(_EDGES_HZ, at, side="right")
        power = np.bincount(inside, mean, len(_EDGES_HZ) + 1)[1:-1] * self.hz / _SPAN
        levels: Floats = 10 * np.log10(power + _FLOOR)
        return levels


def bed_of(samples: Samples, hz: int) -> Bed:
    """
    The bed of some seconds of sound.

    Args:
        samples: Shape (n, channels).
        hz: Their rate.
    """
    from scipy.fft import rfft

    count, channels = len(samples) // _SPAN, samples.shape[1]
    if not count:
        return Bed(hz, np.zeros((_SPAN // 2 + 1, channels)), 0.0)
    frames = samples[: count * _SPAN].reshape(count, _SPAN, channels)
    power = np.einsum("fnc,fnc->f", frames, frames)
    quiet = frames[np.argsort(power)[: max(1, round(count * _QUIET_SHARE))]]
    spectra = rfft(quiet * _SHAPE[:, None], axis=1)
    power = np.square(spectra.real) + np.square(spectra.imag)
    density: Floats = np.mean(power, axis=0, dtype=np.float64)
    density *= 2 / (hz * float(np.sum(_SHAPE**2)))
    return Bed(hz, _smooth(density), _together(quiet))


def _smooth(density: Floats) -> Floats:
    """Averaged over three bins, so that chance peaks don't ring."""
    padded = np.pad(density, ((1, 1), (0, 0)), mode="edge")
    smooth: Floats = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return smooth


def _together(frames: Samples) -> float:
    if frames.shape[2] < 2:
        return 0.0
    cross = np.einsum("fna,fnb->ab", frames[..., :2], frames[..., :2])
    power = float(cross[0, 0] * cross[1, 1])
    return min(max(0.0, float(cross[0, 1]) / power**0.5), 1.0) if power else 0.0


def difference_db(a: Bed, b: Bed) -> float:
    """Root mean square over all bands of how far two beds lie apart, where that can be heard."""
    levels = [np.maximum(bed.bands(), _UNHEARD_DB) for bed in (a, b)]
    return float(np.sqrt(np.mean((levels[0] - levels[1]) ** 2)))


@dataclass(frozen=True, slots=True)
class Bridge:
    """
    Where two beds sound together, and the gain under which the louder one's power isn't exceeded.

    It is for all that is heard there: both clips, and the room tone of both.
    """

    first: int
    """Sample of the programme from which the second bed rises under the first clip, …"""
    seam: int
    """… at which both are there, …"""
    crossed: int
    """… from which the first bed falls under the second clip, …"""
    stop: int
    """… and at which it is gone."""
    powers: tuple[float, float]
    """Of both beds."""
    together: float
    """Power of what is in every band as loud as the louder of them."""

    @property
    def range(self) -> SampleRange:
        """Samples of the programme."""
        return SampleRange(self.first, self.stop)

    def gains(self, start: int, stop: int) -> Gains:
        """Gains at samples of the programme."""
        at = np.arange(start, stop)
        there = np.interp(at, (self.first, self.seam, self.crossed, self.stop), (0, 1, 1, 0))
        share = (1 - np.cos(there * np.pi)) / 2
        own = np.where(at < self.seam, *self.powers)
        power = own + share**2 * (self.together - own)
        gains: Gains = np.sqrt(np.minimum(1.0, max(self.powers) / np.maximum(power, _FLOOR)))
        return gains


def powers_of(a: Bed, b: Bed, a_gain_db: float, b_gain_db: float) -> tuple[float, float, float]:
    """Power of two beds with their gains, and of what has the louder of them in every band."""
    one, two = _gained(a, b.hz, a_gain_db), _gained(b, b.hz, b_gain_db)
    bin_hz = b.hz / _SPAN
    return (
        float(one.sum()) * bin_hz,
        float(two.sum()) * bin_hz,
        float(np.maximum(one, two).sum()) * bin_hz,
    )


def missing(bed: Bed, other: Bed, gain_db: float, other_gain_db: float) -> Bed:
    """What *other* has and *bed* lacks, both with their gains."""
    own, wanted = _gained(bed, other.hz, gain_db), _gained(other, other.hz, other_gain_db)
    return Bed(other.hz, np.maximum(0.0, wanted - own), other.together)


def _gained(bed: Bed, hz: int, gain_db: float) -> Floats:
    """Density at the bins of another rate, with a gain."""
    at, wanted = (np.fft.rfftfreq(_SPAN, 1 / rate) for rate in (bed.hz, hz))
    moved: Floats = _interpolated(wanted, at, bed.density) * 10 ** (gain_db / 10)
    return moved


def _interpolated(wanted: Floats, at: Floats, density: Floats) -> Floats:
    return np.stack([np.interp(wanted, at, one, right=0.0) for one in density.T], axis=1)


def tone(bed: Bed, samples: int, hz: int, seed: int) -> Samples:
    """
    Room tone with the spectrum of a bed: noise, equal for equal seeds.

    Returns:
        float32, shape (samples, channels).
    """
    rng = np.random.default_rng(seed)
    channels = bed.density.shape[1]
    size = samples + _SPAN
    shared = rng.standard_normal((size, 1))
    noise = bed.together**0.5 * shared + (1 - bed.together) ** 0.5 * rng.standard_normal(
        (size, channels)
    )
    at = np.fft.rfftfreq(size, 1 / hz)
    own = np.fft.rfftfreq(_SPAN, 1 / bed.hz)
    # White noise of variance 1 has a density of 2 / hz.
    gain = np.sqrt(_interpolated(at, own, bed.density) * hz / 2)
    out = np.fft.irfft(np.fft.rfft(noise, axis=0) * gain, size, axis=0)
    return out[_SPAN // 2 : _SPAN // 2 + samples].astype(np.float32)
