"""
Where a clip's speech lies in the recording it was made from.

Windows of the clip are whitened and correlated with the master (generalized cross-correlation with
phase transform, Knapp & Carter 1976), which survives encoding, level, equalisation and added sound.
A match is windows that agree on one place; places that drift apart evenly are a rate error.

    >>> sync(clip, master).offset_s  # doctest: +SKIP
    12.482
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from assembler.errors import MatchError
from assembler.media.info import AudioStream, MediaInfo
from assembler.media.samples import SampleReader, read_samples

Floats = npt.NDArray[np.float64]

VERSION = 2
"""Raised when the same files give another result."""

_COARSE_HZ = 16000
_FINE_HZ = 48000
_WINDOW_S = 2.0
_HOP_S = 0.5
_BAND_HZ = (150.0, 5500.0)
_WHITENING = 0.85
"""Exponent of the phase transform: 1 counts every frequency alike, noise in the gaps too."""
_CLEAR = 9.0
"""Times the RMS of the correlation that a peak must reach; chance reaches about 6 in an hour."""
_MAX_DRIFT = 0.0015
_AGREE_S = 0.004
_NEAR_S = 0.006
"""The fine search looks so far around the coarse place."""
_LEAST_AGREEING = 0.4
_SILENT = 1e-4
_ALIKE = 0.5
"""Least correlation of what was found; music at 10 dB leaves 0.95, other speech has none."""
_ALIKE_HZ = 1500.0
_COMPARED = _FINE_HZ // 4
"""Samples compared: so short that a rate error doesn't blur them."""
_BLOCK_S = 60
"""Of the master, searched at once."""
_EXPECTED_S = 3.0
"""The clip may lie so far from where it is expected before all of the master is searched."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Whether and where a clip's sound is found in a master recording."""

    matched: bool
    offset_s: float
    """On the master's clock, where the clip's sound begins; meaningless without a match."""
    confidence: float
    """From 0 to 1: how much of the clip's sound agrees on the place."""
    drift_ppm: float
    """How much longer (positive) the clip takes for the same words than the master."""
    reason: str = ""
    """Why there is no match."""

    def text(self) -> str:
        """In words."""
        if not self.matched:
            return f"no match: {self.reason}"
        drift = f", {self.drift_ppm:+.0f} ppm" if abs(self.drift_ppm) >= 1 else ""
        return (
            f"begins at {self.offset_s:.5f} s of the master (sure by {self.confidence:.0%}{drift})"
        )

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Found:
    """A window of the clip, found in the master."""

    at_s: float
    """Where the window begins in the clip."""
    offset_s: float
    """Where the clip would begin in the master, by this window alone."""
    clarity: float
    """Height of the correlation's peak in times of its RMS."""
    likeness: float = 0.0
    """Correlation coefficient of both at that place, in the middle of the window."""


def sync(clip: MediaInfo, master: MediaInfo, *, near_s: float | None = None) -> Sync:
    """
    Find a clip's sound in a master recording.

    Args:
        clip: With the sound to be found.
        master: The recording.
        near_s: Where on the master's clock it is expected; looked at first.

    Raises:
        MatchError: If one of the files has no sound.
        MediaError: If one of them can't be read.
    """
    own, other = _first_sound(clip), _first_sound(master)
    sound = _mono(clip, own, _COARSE_HZ)
    windows = _windows(sound, _COARSE_HZ)
    if not windows:
        return Sync(False, 0.0, 0.0, 0.0, "the clip is silent")
    whole = (0.0, float(other.duration_s))
    ranges = [whole]
    if near_s is not None:
        begin = near_s - float(other.start_s)
        length = len(sound) / _COARSE_HZ
        ranges.insert(0, (max(0.0, begin - _EXPECTED_S), begin + length + _EXPECTED_S))
    share = 0.0
    for begin, stop in ranges:
        found = _search(sound, _blocks(master, other, begin, min(stop, whole[1])), windows)
        agreeing = _largest_agreement(found)
        share = len(agreeing) / len(windows)
        if agreeing and share >= _LEAST_AGREEING:
            fine = _mono(clip, own, _FINE_HZ)
            refined = [_refined(fine, master, other, place) for place in agreeing]
            if np.median([place.likeness for place in refined]) < _ALIKE:
                continue
            offset, drift = _line(refined)
            return Sync(True, float(other.start_s) + offset, share, -drift * 1e6)
    return Sync(False, 0.0, share, 0.0, "the clip's sound is not in the master")


def _first_sound(info: MediaInfo) -> AudioStream:
    if not info.audio:
        raise MatchError("it has no sound to synchronise", str(info.path), "name a file with sound")
    return info.audio[0]


def _mono(info: MediaInfo, sound: AudioStream, hz: int) -> Floats:
    return _part(info, sound, 0, int(sound.duration_s * hz) + 1, hz)


def _part(info: MediaInfo, sound: AudioStream, first: int, samples: int, hz: int) -> Floats:
    """Samples of a range counted from the sound's beginning, silence outside of it."""
    start_s = sound.start_s + Fraction(first, hz)
    return read_samples(info, sound.index, start_s, samples, hz, 1)[:, 0].astype(np.float64)


def _blocks(
    info: MediaInfo, sound: AudioStream, begin_s: float, stop_s: float
) -> Iterator[tuple[int, Floats]]:
    """
    A stretch of a recording in blocks, each with its first sample's number.

    They overlap by a window, so that every window lies whole in one of them.
    """
    first, stop = (int(s * _COARSE_HZ) for s in (begin_s, stop_s))
    overlap = round(_WINDOW_S * _COARSE_HZ)
    kept = np.zeros(overlap)
    at = first - overlap
    start_s = sound.start_s + Fraction(first, _COARSE_HZ)
    with SampleReader(info, sound.index, start_s, _COARSE_HZ, 1) as reader:
        while at + overlap < stop:
            fresh = reader.read(min(_BLOCK_S * _COARSE_HZ, stop - at - overlap))[:, 0]
            block = np.concatenate([kept, fresh.astype(np.float64)])
            yield at, block
            kept, at = block[len(block) - overlap :], at + len(fresh)


def _windows(clip: Floats, hz: int) -> list[int]:
    """Starts of the windows of a clip that aren't silent, in samples."""
    length = min(len(clip), round(_WINDOW_S * hz))
    starts = range(0, len(clip) - length + 1, round(_HOP_S * hz))
    loud = [s for s in starts if np.sqrt(np.mean(clip[s : s + length] ** 2)) > _SILENT]
    levels = {s: float(np.sqrt(np.mean(clip[s : s + length] ** 2))) for s in loud}
    floor = 0.05 * max(levels.values(), default=0.0)
    return [s for s in loud if levels[s] > floor]


def _search(clip: Floats, blocks: Iterator[tuple[int, Floats]], starts: list[int]) -> list[_Found]:
    """The best place of each window in all blocks of the master, where it stands out."""
    from scipy.fft import irfft, next_fast_len, rfft

    length = min(len(clip), round(_WINDOW_S * _COARSE_HZ))
    shape = np.hanning(length)
    best: dict[int, _Found] = {}
    for at, block in blocks:
        size = next_fast_len(len(block) + length, real=True)
        weight = _weight(rfft(block, size), size, _COARSE_HZ)
        for start in starts:
            cross = _whitened(rfft(clip[start : start + length] * shape, size), size)
            scores = irfft(weight * np.conj(cross), size)[: len(block)]
            k = int(scores.argmax())
            clarity = float(scores[k] / (np.sqrt(np.mean(scores**2)) + 1e-30))
            if clarity > max(_CLEAR, best[start].clarity if start in best else 0.0):
                offset = (at + k - start) / _COARSE_HZ
                best[start] = _Found(start / _COARSE_HZ, offset, clarity)
    return [best[start] for start in starts if start in best]


def _weight(spectrum: npt.NDArray[np.complex128], size: int, hz: int) -> npt.NDArray[np.complex128]:
    """A whitened spectrum, confined to the band of speech."""
    frequencies = np.fft.rfftfreq(size, 1 / hz)
    inside = (frequencies > _BAND_HZ[0]) & (frequencies < _BAND_HZ[1])
    weighted: npt.NDArray[np.complex128] = _whitened(spectrum, size) * inside
    return weighted


def _whitened(spectrum: npt.NDArray[np.complex128], size: int) -> npt.NDArray[np.complex128]:
    magnitude = np.abs(spectrum)
    floor = 1e-3 * np.sqrt(np.mean(magnitude**2)) + 1e-20
    white: npt.NDArray[np.complex128] = spectrum / np.maximum(magnitude, floor) ** _WHITENING
    return white


def _largest_agreement(found: list[_Found]) -> list[_Found]:
    """The most windows that lie on one line of place over time, no steeper than a rate error."""
    best: list[_Found] = []
    for one in found:
        for slope in np.linspace(-_MAX_DRIFT, _MAX_DRIFT, 13):
            line = [
                f
                for f in found
                if abs(f.offset_s - one.offset_s - slope * (f.at_s - one.at_s)) <= _AGREE_S
            ]
            if len(line) > len(best):
                best = line
    return best


def _refined(clip: Floats, master: MediaInfo, sound: AudioStream, place: _Found) -> _Found:
    """The place of a window to a fraction of a sample at 48 kHz."""
    from scipy.fft import irfft, next_fast_len, rfft

    start = round(place.at_s * _FINE_HZ)
    part = clip[start : start + round(_WINDOW_S * _FINE_HZ)]
    near = round(_NEAR_S * _FINE_HZ)
    first = round((place.at_s + place.offset_s) * _FINE_HZ) - near
    other = _part(master, sound, first, len(part) + 2 * near, _FINE_HZ)
    size = next_fast_len(len(other) + len(part), real=True)
    spectrum = _weight(rfft(other, size), size, _FINE_HZ)
    cross = spectrum * np.conj(_whitened(rfft(part * np.hanning(len(part)), size), size))
    scores = irfft(cross, size)[: 2 * near + 1]
    k = int(scores.argmax())
    shift = k + _vertex(scores, k)
    offset = (first + shift) / _FINE_HZ - start / _FINE_HZ
    middle = slice(len(part) // 2 - _COMPARED // 2, len(part) // 2 + _COMPARED // 2)
    likeness = _likeness(part[middle], other[k : k + len(part)][middle])
    return _Found(place.at_s, offset, place.clarity, likeness)


def _likeness(one: Floats, other: Floats) -> float:
    """Correlation coefficient in the band where speech is loud."""
    spectra = [np.fft.rfft(sound * np.hanning(len(sound))) for sound in (one, other)]
    bins = np.fft.rfftfreq(len(one), 1 / _FINE_HZ)
    a, b = (spectrum[(bins > _BAND_HZ[0]) & (bins < _ALIKE_HZ)] for spectrum in spectra)
    power = float(np.vdot(a, a).real * np.vdot(b, b).real)
    return float(np.vdot(a, b).real) / np.sqrt(power) if power else 0.0


def _vertex(scores: Floats, k: int) -> float:
    """Offset of a parabola's top from its middle sample."""
    if not 0 < k < len(scores) - 1:
        return 0.0
    a, b, c = (float(x) for x in scores[k - 1 : k + 2])
    curve = a - 2 * b + c
    return (a - c) / (2 * curve) if curve < 0 else 0.0


def _line(found: list[_Found]) -> tuple[float, float]:
    """
    Place at the clip's beginning and change with time, by the median of all pairs (Theil-Sen).

    Windows hold the place of their middle, so times are taken there.
    """
    at = np.array([f.at_s for f in found]) + _WINDOW_S / 2
    places = np.array([f.offset_s for f in found])
    span = at.max() - at.min()
    if span < _HOP_S:
        return float(np.median(places)), 0.0
    i, j = np.triu_indices(len(at), 1)
    far = at[j] - at[i] >= span / 2
    slope = float(np.median((places[j] - places[i])[far] / (at[j] - at[i])[far]))
    return float(np.median(places - slope * at)), slope
