"""
Clean-up of speech and tone colours: chains of ffmpeg's filters, without moving a sample.

The range that is heard is taken out of the file to the sample first, filtered, and what the filters
delay is taken off again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from assembler.cut.model import Sound
from assembler.media.ffmpeg import run
from assembler.media.samples import SampleReader, Samples, write_wav
from assembler.spec.model import Polish

Floats = npt.NDArray[np.floating[Any]]

_FILTERS: dict[Polish, str] = {
    # Rumble, wind and steps through the stand: below any voice.
    "low-cut": "highpass=f=80:p=2",
    # 12 dB off the floor of the recording's pauses; more makes voices ring.
    "denoise": "afftdn=nr=12:nf={floor:.0f}",
    "de-ess": "deesser=i=0.4:m=0.5:f=0.5",
    "clear": "equalizer=f=250:t=q:w=1:g=-3,equalizer=f=3500:t=q:w=1:g=3",
    "warm": "equalizer=f=180:t=q:w=0.8:g=3,equalizer=f=7000:t=q:w=0.8:g=-2",
    "telephone": "highpass=f=300:p=2,lowpass=f=3400:p=2",
}
"""In the order in which they work, whatever the author's: noise goes before it is lifted."""
assert set(_FILTERS) == set(get_args(Polish))

_BLOCK_S = 10
_PAUSES = 10
"""Percent of a recording that is pauses at least."""
_AFTER_S = Fraction(1, 5)
"""Read beyond the end, for what filters hold back."""


def polished(
    sound: Sound, start_s: Fraction, samples: int, hz: int, channels: int, to: Path
) -> tuple[Path, Fraction]:
    """
    A WAV with what is heard of a sound, polished, and where in it the sound at *start_s* is.

    Args:
        sound: With the names of what is done to it.
        start_s: On the file's own clock.
        samples: Length at the rate *hz*.
        hz: Sample rate of the programme.
        channels: Of the programme.
        to: Folder for it; the caller removes it.
    """
    raw, out = to / f"{id(sound)}.raw.wav", to / f"{id(sound)}.wav"
    samples += round(_AFTER_S * hz)
    levels: list[Floats] = []
    with SampleReader(sound.path, sound.stream, start_s, hz, channels) as reader:
        write_wav(raw, _heard(reader, samples, levels), hz, channels)
    floor_db = float(np.clip(np.percentile(np.concatenate(levels), _PAUSES) + 6, -80, -20))
    run(["-i", str(raw), "-af", _chain(sound.polish, floor_db), "-c:a", "pcm_f32le", str(out)])
    raw.unlink()
    delay = _delay("denoise", hz, to) if "denoise" in sound.polish else 0
    return out, Fraction(delay, hz)


def _heard(reader: SampleReader, samples: int, levels: list[Floats]) -> Iterator[Samples]:
    """Blocks of a sound; the level of every twentieth of a second in dB is noted on the way."""
    step = reader.hz // 20
    for at in range(0, samples, _BLOCK_S * reader.hz):
        block = reader.read(min(_BLOCK_S * reader.hz, samples - at))
        whole = block[: max(len(block) // step, 1) * step]
        power = np.add.reduceat((whole * whole).mean(axis=1), np.arange(0, len(whole), step)) / step
        levels.append(10 * np.log10(power + 1e-12))
        yield block


def _chain(names: Sequence[Polish], floor_db: float = -50.0) -> str:
    filters = (text for name, text in _FILTERS.items() if name in names)
    return ",".join(filters).format(floor=floor_db)


def _delay(name: Polish, hz: int, to: Path) -> int:
    """Samples by which a filter is late: it differs between versions and rates."""
    noise = np.random.default_rng(1).standard_normal((hz, 1)).astype(np.float32) * 0.1
    noise *= np.repeat([0, 1, 0, 1, 1], hz // 5 + 1)[:hz, None].astype(np.float32)
    before, after = to / f"{name}.in.wav", to / f"{name}.out.wav"
    write_wav(before, [noise], hz, 1)
    run(["-y", "-i", str(before), "-af", _chain([name]), "-c:a", "pcm_f32le", str(after)])
    with SampleReader(after, 0, Fraction(0), hz, 1) as reader:
        late = reader.read(hz)
    size = 2 * hz
    spectra = [np.fft.rfft(x[:, 0], size) for x in (late, noise)]
    scores = np.fft.irfft(spectra[0] * np.conj(spectra[1]))[: hz // 5]
    return int(scores.argmax())
