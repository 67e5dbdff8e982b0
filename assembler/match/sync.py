"""
Where a clip's speech lies in the recording it was made from.

Windows of the clip are whitened and correlated with the master (generalized cross-correlation with
phase transform, Knapp & Carter 1976), which survives encoding, level, equalisation and added sound.
A match is windows that agree on one place; places that drift apart evenly are a rate error.

    >>> sync(clip, master).offset_s  # doctest: +SKIP
    12.482
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from assembler.errors import MatchError
from assembler.media.info import AudioStream, MediaInfo
from assembler.media.samples import SampleReader, read_samples

Floats = npt.NDArray[np.float64]

VERSION = 6
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
_LEAST_ALIKE = 0.5
"""Share of the clip's sound that must be like the master's, by amplitude."""
_LEAST_FILTERED = 0.8
"""The same of a clip through a filter that was made to fit; what is the master's reaches 1."""
_SAME_S = 0.0007
"""Sound is like the master's if it is so within this time."""
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
_ROUNDS = 4
"""A rate error smears windows, so it is taken out of the clip and what is left is measured."""
_STEADY = 3e-6
"""A rate error below is none."""
_LEAST_PART = 3
"""Windows that make a part of its own, where little was left out or put in."""
_LEAST_JUMP_S = 0.15
"""From here on a single window is enough: no clip of another tempo goes so far between two."""
_LARGEST_JUMP_S = 3.0
_TAPS = 1024
"""Of the filter that a clip may have gone through (a telephone's band): 21 ms."""
_REGULAR = 1e-6
_FRAME = _COARSE_HZ // 50
"""Samples compared to find where one part passes into the next."""


class Jump(NamedTuple):
    """A place in the clip from which on it lies elsewhere in the master."""

    until_s: float
    """Time in the clip at which the sound before it ends."""
    from_s: float
    """Time at which the master goes on; between both the clip has what the master hasn't."""
    offset_s: float
    """On the master's clock, where the clip would begin by what follows."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Whether and where a clip's sound is found in a master recording."""

    matched: bool
    offset_s: float
    """On the master's clock, where the clip's sound begins; meaningless without a match."""
    confidence: float
    """From 0 to 1: how much of the clip's sound agrees on the place, and without a match, how much
    of it is like the master there."""
    drift_ppm: float
    """How much longer (positive) the clip takes for the same words than the master."""
    jumps: tuple[Jump, ...] = ()
    """Where something of the master is missing in the clip, or something was put in."""
    reason: str = ""
    """Why there is no match."""

    def text(self) -> str:
        """In words."""
        if not self.matched:
            return f"no match: {self.reason}"
        drift = f", {self.drift_ppm:+.0f} ppm" if abs(self.drift_ppm) >= 1 else ""
        sure = f"(sure by {self.confidence:.0%}{drift})"
        told, offset = "", self.offset_s
        for jump in self.jumps:
            what = "are missing" if jump.offset_s > offset else "more than the master's"
            told += f", {abs(jump.offset_s - offset):.3f} s {what} at {jump.until_s:.2f} s"
            offset = jump.offset_s
        return f"begins at {self.offset_s:.5f} s of the master {sure}{told}"

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "jumps": [jump._asdict() for jump in self.jumps]}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Sync:
        """What `data` gave."""
        return cls(**{**data, "jumps": tuple(Jump(**jump) for jump in data["jumps"])})


@dataclass(frozen=True, slots=True)
class _Found:
    """A window of the clip, found in the master."""

    at_s: float
    """Where the window begins in the clip."""
    offset_s: float
    """Where the clip would begin in the master, by this window alone."""
    clarity: float
    """Height of the correlation's peak in times of its RMS; negative where polarity is turned."""
    likeness: float = 0.0
    """Correlation coefficient of both at that place, in the middle of the window."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A part of the clip in the master."""

    at_s: float
    """Where its first window begins in the clip."""
    offset_s: float
    """Where the clip would begin in the master, by this part alone."""
    slope: float


class _Placed(NamedTuple):
    """A clip laid in the master."""

    lines: list[_Line]
    drift: float
    """The rate error."""
    alike: float
    """Share of the clip's sound, by amplitude, that is like the master's there."""


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
        return Sync(False, 0.0, 0.0, 0.0, reason="the clip is silent")
    whole = (0.0, float(other.duration_s))
    ranges = [whole]
    if near_s is not None:
        begin = near_s - float(other.start_s)
        length = len(sound) / _COARSE_HZ
        ranges.insert(0, (max(0.0, begin - _EXPECTED_S), begin + length + _EXPECTED_S))
    share, reason = 0.0, ""
    for begin, stop in ranges:
        found = _search(sound, _blocks(master, other, begin, min(stop, whole[1])), windows)
        parts = _parts(found)
        share = sum(map(len, parts)) / len(windows)
        largest = max(parts, key=len, default=[])
        reason = "the clip's sound is not in the master"
        if share >= _LEAST_AGREEING and len(largest) / len(windows) >= _LEAST_AGREEING / 2:
            fine = _mono(clip, own, _FINE_HZ) * _polarity(parts)
            placed = _placed(fine, master, other, parts)
            least = _LEAST_ALIKE
            if placed.alike < least:
                placed = _placed(_equalised(fine, master, other, parts), master, other, parts)
                least = _LEAST_FILTERED
            if placed.alike >= least:
                begin, jumps = _joined(placed.lines, sound, master, other)
                return Sync(True, begin, share, -placed.drift * 1e6, jumps)
            share = min(share, placed.alike)
            place = float(other.start_s) + largest[0].offset_s
            reason = f"the place most like it, at {place:.2f} s of the master, sounds different"
    return Sync(False, 0.0, share, 0.0, reason=reason)


def _parts(found: list[_Found]) -> list[list[_Found]]:
    """
    Windows that agree on one place, and others before or after them that agree on another.

    Nothing is lost or put in without a jump in one direction of time, so parts don't overlap.
    """
    parts: list[list[_Found]] = []
    left = found
    while left:
        agreeing = _largest_agreement(left)
        if not parts or _beside(agreeing, parts):
            parts.append(agreeing)
        left = [f for f in left if f not in agreeing]
    return sorted(parts, key=lambda part: part[0].at_s)


def _polarity(parts: list[list[_Found]]) -> float:
    """-1 where a clip is its master upside down, else 1."""
    return -1.0 if sum(f.clarity for part in parts for f in part) < 0 else 1.0


def _placed(
    clip: Floats, master: MediaInfo, sound: AudioStream, parts: list[list[_Found]]
) -> _Placed:
    """Place of each part, the rate error, and how like the clip is to the master there."""
    measured = _measured(clip, master, sound, parts)
    # Another tempo is more than a rate error, or like the master here and there only.
    if measured is None or abs(measured[1]) >= _MAX_DRIFT:
        return _Placed([], 0.0, 0.0)
    return _Placed(*measured, _explained(clip, master, sound, measured[0]))


def _equalised(
    clip: Floats, master: MediaInfo, sound: AudioStream, parts: list[list[_Found]]
) -> Floats:
    """A clip through the filter that makes its windows most like the master (Wiener)."""
    from scipy.signal import oaconvolve

    near, own = _Stretch.around(parts, master, sound), _Stretch(0, clip)
    length = round(_WINDOW_S * _FINE_HZ)
    shape = np.hanning(length)
    cross, power = np.zeros(length // 2 + 1, np.complex128), np.zeros(length // 2 + 1)
    for place in (f for part in parts for f in part):
        start = round(place.at_s * _FINE_HZ)
        first = start + round(_refined(clip, near, place).offset_s * _FINE_HZ)
        windows = own.at(start, length), near.at(first, length)
        one, other = (np.fft.rfft(window * shape) for window in windows)
        loud = float(np.vdot(one, one).real) + 1e-9
        cross += other * np.conj(one) / loud
        power += np.abs(one) ** 2 / loud
    taps = np.fft.irfft(cross / (power + _REGULAR * power.max()), length)
    taps = np.roll(taps, _TAPS // 2)[:_TAPS] * np.hanning(_TAPS)
    filtered: Floats = oaconvolve(clip, taps)[_TAPS // 2 :][: len(clip)]
    return filtered


def _beside(part: list[_Found], others: list[list[_Found]]) -> bool:
    """Whether a part lies near the others in the master, and between them in the clip."""
    least = 0.0 if len(part) >= _LEAST_PART else _LEAST_JUMP_S
    jumps = [abs(part[0].offset_s - o[0].offset_s) for o in others]
    near = all(least <= jump <= _LARGEST_JUMP_S for jump in jumps)
    first, last = part[0].at_s, part[-1].at_s
    apart = all(last < o[0].at_s or first > o[-1].at_s for o in others)
    return near and apart


def _measured(
    clip: Floats, master: MediaInfo, sound: AudioStream, parts: list[list[_Found]]
) -> tuple[list[_Line], float] | None:
    """Place of each part at the clip's beginning and the rate error; None when nothing is alike."""
    import soxr

    slope = 0.0
    stretched, near = clip, _Stretch.around(parts, master, sound)
    for _ in range(_ROUNDS):
        refined = [[_refined(stretched, near, f) for f in part] for part in parts]
        refined = [[f for f in part if f.likeness >= _ALIKE / 2] for part in refined]
        if np.median([f.likeness for part in refined for f in part] or [0.0]) < _ALIKE:
            return None
        refined = [part for part in refined if part]
        more = _slope(refined)
        if abs(more) < _STEADY:
            break
        # The first estimate may be far off; what it leaves is measured in the next round.
        total = min(max((1 + slope) * (1 + more) - 1, -_MAX_DRIFT), _MAX_DRIFT)
        # A second of the clip lasts 1 + slope seconds of the master.
        stretched = soxr.resample(clip, _FINE_HZ, _FINE_HZ * (1 + total), "VHQ")
        parts = [[_moved(f, slope, total) for f in part] for part in refined]
        slope, refined = total, []
    if not refined:
        refined = [[_refined(stretched, near, f) for f in part] for part in parts]
    lines = [
        _Line(part[0].at_s / (1 + slope), _place(part, 0.0), slope) for part in refined if part
    ]
    return lines, slope


def _explained(clip: Floats, master: MediaInfo, sound: AudioStream, lines: list[_Line]) -> float:
    """How much of a clip's sound, by amplitude, is that of the master where the lines say."""
    import soxr

    slope = lines[0].slope
    stretched = soxr.resample(clip, _FINE_HZ, _FINE_HZ * (1 + slope), "VHQ") if slope else clip
    pieces = stretched[: len(stretched) // _COMPARED * _COMPARED].reshape(-1, _COMPARED)
    alike = np.zeros(len(pieces))
    for line in lines:
        first = round(line.offset_s * _FINE_HZ)
        other = _part(master, sound, first, pieces.size, _FINE_HZ).reshape(pieces.shape)
        near = [_likeness(a, b, _SAME_S) for a, b in zip(pieces, other, strict=True)]
        alike = np.maximum(alike, near)
    weight = np.sqrt(np.mean(pieces**2, axis=1))
    return float(weight[alike >= _ALIKE].sum() / max(weight.sum(), 1e-9))


def _moved(found: _Found, before: float, after: float) -> _Found:
    """A window's place in a clip that was stretched further; its middle stays where it is."""
    half = _WINDOW_S / 2
    middle = (found.at_s + half) / (1 + before) * (1 + after)
    in_master = found.at_s + half + found.offset_s
    return _Found(max(0.0, middle - half), in_master - middle, found.clarity, found.likeness)


def _joined(
    lines: list[_Line], clip: Floats, master: MediaInfo, sound: AudioStream
) -> tuple[float, tuple[Jump, ...]]:
    """Offset at the clip's beginning, and where it changes."""
    start_s = float(sound.start_s)
    jumps = []
    for one, then in pairwise(lines):
        if abs(then.offset_s - one.offset_s) > _AGREE_S:
            until, since = _passage(one, then, clip, master, sound)
            jumps.append(Jump(until, since, start_s + then.offset_s))
    return start_s + lines[0].offset_s, tuple(jumps)


def _passage(
    one: _Line, then: _Line, clip: Floats, master: MediaInfo, sound: AudioStream
) -> tuple[float, float]:
    """Time in the clip up to which the first of two places explains it, and from which the next."""
    length = len(clip) // _FRAME
    alike = [_alike(line, clip[: length * _FRAME], master, sound) for line in (one, then)]
    put_in = max(0, round((one.offset_s - then.offset_s) * _COARSE_HZ / _FRAME))
    before = np.concatenate([[0.0], np.cumsum(alike[0])])
    after = np.sum(alike[1]) - np.concatenate([[0.0], np.cumsum(alike[1])])
    begin, end = (round(line.at_s * _COARSE_HZ / _FRAME) for line in (one, then))
    end = min(end + round(_WINDOW_S * _COARSE_HZ / _FRAME), length - put_in)
    at = np.arange(begin, max(end, begin) + 1)
    best = int(at[(before[at] + after[np.minimum(at + put_in, length)]).argmax()])
    return best * _FRAME / _COARSE_HZ, (best + put_in) * _FRAME / _COARSE_HZ


def _alike(line: _Line, clip: Floats, master: MediaInfo, sound: AudioStream) -> Floats:
    """How alike frames of a clip and the master at a place are; loud ones count more."""
    own = clip.reshape(-1, _FRAME)
    first = round(line.offset_s * _COARSE_HZ)
    size = len(clip) + round(_MAX_DRIFT * len(clip)) + _FRAME
    other = _part(master, sound, first, size, _COARSE_HZ)
    starts = np.round(np.arange(len(own)) * _FRAME * (1 + line.slope)).astype(int)
    found: Floats = np.abs(_correlations(own, other[starts[:, None] + np.arange(_FRAME)]))
    return found


def _correlations(a: Floats, b: Floats) -> Floats:
    """Covariance of rows over the root of their power: loud rows count more."""
    power = np.einsum("fn,fn->f", a, a) * np.einsum("fn,fn->f", b, b)
    found: Floats = np.einsum("fn,fn->f", a, b) / (np.sqrt(np.sqrt(power)) + 1e-9)
    return found


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
            cross = _whitened(rfft(clip[start : start + length] * shape, size))
            scores = irfft(weight * np.conj(cross), size)[: len(block)]
            k = int(np.abs(scores).argmax())
            clarity = float(scores[k] / (np.sqrt(np.mean(scores**2)) + 1e-30))
            if abs(clarity) > max(_CLEAR, abs(best[start].clarity) if start in best else 0.0):
                offset = (at + k - start) / _COARSE_HZ
                best[start] = _Found(start / _COARSE_HZ, offset, clarity)
    return [best[start] for start in starts if start in best]


def _weight(spectrum: npt.NDArray[np.complex128], size: int, hz: int) -> npt.NDArray[np.complex128]:
    """A whitened spectrum, confined to the band of speech."""
    frequencies = np.fft.rfftfreq(size, 1 / hz)
    inside = (frequencies > _BAND_HZ[0]) & (frequencies < _BAND_HZ[1])
    weighted: npt.NDArray[np.complex128] = _whitened(spectrum) * inside
    return weighted


def _whitened(spectrum: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    magnitude = np.abs(spectrum)
    floor = 1e-3 * np.sqrt(np.mean(magnitude**2)) + 1e-20
    white: npt.NDArray[np.complex128] = spectrum / np.maximum(magnitude, floor) ** _WHITENING
    return white


def _largest_agreement(found: list[_Found]) -> list[_Found]:
    """The most windows that lie on one line of place over time, no steeper than a rate error."""
    at, places = (np.array([getattr(f, name) for f in found]) for name in ("at_s", "offset_s"))
    best = np.zeros(len(found), np.bool_)
    for slope in np.linspace(-_MAX_DRIFT, _MAX_DRIFT, 13):
        level = places - slope * at
        agree = np.abs(level[:, None] - level) <= _AGREE_S
        most = agree[agree.sum(axis=1).argmax()] if len(found) else best
        best = most if most.sum() > best.sum() else best
    return [f for f, agrees in zip(found, best, strict=True) if agrees]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Sound of the master, read once."""

    first: int
    """Number of its first sample."""
    samples: Floats

    @classmethod
    def around(cls, parts: list[list[_Found]], master: MediaInfo, sound: AudioStream) -> _Stretch:
        """All that the windows may lie in, at the fine rate."""
        places = [f.at_s + f.offset_s for part in parts for f in part]
        first = round((min(places) - 0.5) * _FINE_HZ)
        stop = round((max(places) + _WINDOW_S + 0.5) * _FINE_HZ)
        return cls(first, _part(master, sound, first, stop - first, _FINE_HZ))

    def at(self, first: int, samples: int) -> Floats:
        """A range of it, silence outside."""
        begin = first - self.first
        part = self.samples[max(begin, 0) : max(begin + samples, 0)]
        before = min(max(-begin, 0), samples)
        return np.pad(part, (before, samples - before - len(part)))


def _refined(clip: Floats, master: _Stretch, place: _Found) -> _Found:
    """The place of a window to a fraction of a sample at 48 kHz."""
    from scipy.fft import irfft, next_fast_len, rfft

    start = round(place.at_s * _FINE_HZ)
    part = clip[start : start + round(_WINDOW_S * _FINE_HZ)]
    near = round(_NEAR_S * _FINE_HZ)
    first = round((place.at_s + place.offset_s) * _FINE_HZ) - near
    other = master.at(first, len(part) + 2 * near)
    size = next_fast_len(len(other) + len(part), real=True)
    spectrum = _weight(rfft(other, size), size, _FINE_HZ)
    cross = spectrum * np.conj(_whitened(rfft(part * np.hanning(len(part)), size)))
    scores = irfft(cross, size)[: 2 * near + 1]
    k = int(scores.argmax())
    shift = k + _vertex(scores, k)
    offset = (first + shift) / _FINE_HZ - start / _FINE_HZ
    middle = slice(len(part) // 2 - _COMPARED // 2, len(part) // 2 + _COMPARED // 2)
    likeness = _likeness(part[middle], other[k : k + len(part)][middle])
    return _Found(place.at_s, offset, place.clarity, likeness)


def _likeness(one: Floats, other: Floats, within_s: float = 0.0) -> float:
    """Correlation coefficient in the band where speech is loud, the best within a little time."""
    spectra = [np.fft.rfft(sound * np.hanning(len(sound))) for sound in (one, other)]
    bins = np.fft.rfftfreq(len(one), 1 / _FINE_HZ)
    inside = (bins > _BAND_HZ[0]) & (bins < _ALIKE_HZ)
    a, b = (spectrum * inside for spectrum in spectra)
    power = float(np.vdot(a, a).real * np.vdot(b, b).real)
    scores = np.fft.irfft(a * np.conj(b), len(one)) * (len(one) / 2)
    late = round(within_s * _FINE_HZ)
    best = max(scores[: late + 1].max(), scores[len(scores) - late :].max(initial=0.0))
    return float(best / np.sqrt(power)) if power else 0.0


def _vertex(scores: Floats, k: int) -> float:
    """Offset of a parabola's top from its middle sample."""
    if not 0 < k < len(scores) - 1:
        return 0.0
    a, b, c = (float(x) for x in scores[k - 1 : k + 2])
    curve = a - 2 * b + c
    return (a - c) / (2 * curve) if curve < 0 else 0.0


def _slope(parts: list[list[_Found]]) -> float:
    """Change of place with time, by the median of pairs within parts (Theil-Sen)."""
    slopes, widest = [], max(part[-1].at_s - part[0].at_s for part in parts)
    if widest < _HOP_S:
        return 0.0
    for part in parts:
        at, places = np.array([f.at_s for f in part]), np.array([f.offset_s for f in part])
        i, j = np.triu_indices(len(at), 1)
        far = at[j] - at[i] >= widest / 2
        slopes.append((places[j] - places[i])[far] / (at[j] - at[i])[far])
    return float(np.median(np.concatenate(slopes)))


def _place(part: list[_Found], slope: float) -> float:
    """Place at the clip's beginning; windows hold the place of their middle."""
    at = np.array([f.at_s for f in part]) + _WINDOW_S / 2
    places = np.array([f.offset_s for f in part])
    return float(np.median(places - slope * at))
