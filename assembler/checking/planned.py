"""
Whether every sound of the programme is in the file's sound: looked for by its own waveform.

Each is compared with the file in short pieces, whitened, so that a voice is found under music. A
piece that can't even be found in the mix (buried, ducked away) says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from assembler.checking.expected import Expected
from assembler.checking.listening import LOW_HZ, Heard
from assembler.checking.model import Finding
from assembler.checking.places import Places, runs
from assembler.cut.model import Sound
from assembler.errors import MediaError
from assembler.media.probe import probe
from assembler.media.rows import Rows
from assembler.media.samples import SampleReader

F32 = NDArray[np.float32]

_PIECE_S = 1.5
_PIECE = int(_PIECE_S * LOW_HZ)
_QUIET = 10 ** (-55 / 20)
_CLEAR = 9.0
"""How far the likeness has to stand out to be no chance."""
_LOST = 0.4
"""Of its clearness in the mix; less means that it is gone."""
_NEAR = 24
"""Samples around its place where it is looked for: 3 ms."""
_MARGIN = int(0.1 * LOW_HZ)


def planned_findings(heard: Heard, expected: Expected, places: Places) -> Iterator[Finding]:
    """Sounds that aren't there, or not all of the time."""
    if heard.planned is None:
        return
    files: dict[object, object] = {}
    for sound in expected.cut.sounds:
        if sound.minus is not None:
            continue
        try:
            clear, kept = _followed(sound, heard, expected, files)
        except MediaError:
            continue
        told = clear >= _CLEAR
        if not told.any():
            continue
        gone = told & (kept < np.maximum(_CLEAR * 0.6, _LOST * clear))
        yield from _gone(sound, told, gone, expected, places)


def _gone(
    sound: Sound,
    told: NDArray[np.bool_],
    gone: NDArray[np.bool_],
    expected: Expected,
    places: Places,
) -> Iterator[Finding]:
    begin = sound.record.start / expected.cut.hz
    name = sound.segment or sound.id
    what = f"{sound.role} {sound.id}"
    if gone.sum() >= 0.6 * told.sum():
        yield places.heard(
            "error", "missing-sound", begin, f"{what} can't be heard in the file",
            "render it again; if the timeline was changed since, render first, then check.",
            length_s=sound.record.samples / expected.cut.hz, name=name,
        )  # fmt: skip
        return
    for start, stop in runs(gone, gap=1):
        if stop - start >= 2:
            yield places.heard(
                "error", "missing-sound", begin + start * _PIECE_S,
                f"{what} can't be heard for {(stop - start) * _PIECE_S:.1f} s",
                "render it again.", length_s=(stop - start) * _PIECE_S, name=name,
            )  # fmt: skip


def _followed(
    sound: Sound, heard: Heard, expected: Expected, files: dict[object, object]
) -> tuple[F32, F32]:
    """How clearly each piece of a sound is in the mix, and in the file."""
    assert heard.planned is not None
    source = sound.path
    if source not in files:
        files[source] = probe(source)
    info = files[source]
    start = Fraction(sound.record.start, expected.cut.hz)
    length = int(Fraction(sound.record.samples, expected.cut.hz) * LOW_HZ)
    at = int(start * LOW_HZ)
    shift = Fraction(at, LOW_HZ) - start
    clear: list[float] = []
    kept: list[float] = []
    with SampleReader(
        info,  # type: ignore[arg-type]  # a MediaInfo
        sound.stream, sound.source_start_s + shift, LOW_HZ, 1, quality="LQ",
    ) as reader:  # fmt: skip
        for offset in range(0, max(length, 1), _PIECE):
            if sound.loop and reader.end is not None and offset >= reader.end:
                break
            piece = reader.read(min(_PIECE, max(length - offset, 1)))[:, 0]
            if len(piece) < LOW_HZ // 4 or float(np.sqrt(np.mean(piece**2))) < _QUIET:
                clear.append(0.0)
                kept.append(0.0)
                continue
            clear.append(_clearness(piece, heard.planned, at + offset))
            kept.append(_clearness(piece, heard.low, at + offset))
    return np.array(clear, np.float32), np.array(kept, np.float32)


def _clearness(piece: F32, sound: Rows, at: int) -> float:
    """How far the likeness at its place stands out of that elsewhere; best of all channels."""
    begin = max(0, at - _MARGIN)
    part = np.asarray(sound[begin : at + len(piece) + _MARGIN], np.float32)
    if len(part) < LOW_HZ // 8:
        return 0.0
    mixes = [part[:, n] for n in range(part.shape[1])]
    if len(mixes) == 2:
        mixes = [np.asarray(mixes[0] + mixes[1], np.float32), *mixes]
    size = 1 << (len(part) + len(piece)).bit_length()
    own = np.conj(np.fft.rfft(piece, size))
    power = np.abs(own)
    floor = 1e-3 * float(power.max()) + 1e-9
    best = 0.0
    for mix in mixes:
        other = np.fft.rfft(mix, size)
        cross = (
            own * other / ((power + floor) * (np.abs(other) + 1e-3 * np.abs(other).max() + 1e-9))
        )
        like = np.abs(np.fft.irfft(cross, size))
        place = at - begin
        near = float(like[max(0, place - _NEAR) : place + _NEAR + 1].max(initial=0))
        best = max(best, near / (float(np.sqrt(np.mean(like**2))) + 1e-12))
    return best
