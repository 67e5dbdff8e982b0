"""
Every sound of a file heard once: its levels, loudness, peaks, and what departs from the mix.

    heard = listen(info, mix=Path("mix.wav"), start_s=info.video.start_s)

The sound is also kept at 8 kHz, so that what was planned can be looked for in it: on disk, 32
kilobytes a second.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.errors import RenderError
from assembler.media.flags import runs
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.media.rows import Rows
from assembler.media.samples import SampleReader, Samples
from assembler.mixing.loudness import LoudnessMeter, TruePeaks

F32 = NDArray[np.float32]

LOW_HZ = 8000
"""Rate of the sound that is kept."""
_BLOCK_S = 1
_OVER = 0.99
"""A sample at full scale."""
_RUN = 3
"""So many of them in a row are clipped."""
_CLICK = 0.03
"""A departure from the mix that is no click when it is smaller."""
_CLICK_PART = 0.2
"""… nor when it is smaller than this part of the sound around it."""
_SPREAD_S = 0.025
"""A lossy codec spreads what is sudden over a block, before and after."""
_CREST = 4.0
"""… nor when it stands out less from other departures around it."""


@dataclass(slots=True)
class Heard:
    """What was heard of a file's sound."""

    hz: int
    channels: int
    seconds: float
    low: Rows
    """The sound at 8 kHz, float16 (n, 1 or 2), from the picture's first frame on."""
    integrated_lufs: float
    short_term: NDArray[np.float64]
    """Loudness of the last three seconds, ten times a second."""
    range_lu: float
    true_peak_dbtp: float
    momentary_max: float
    clipped: list[float] = field(default_factory=list)
    """Times of clipped peaks, in seconds."""
    clicks: list[tuple[float, float]] = field(default_factory=list)
    """Times and sizes of clicks that the mix doesn't have, or that stand alone."""
    damaged: int = 0
    """Packets that can't be decoded."""
    planned: Rows | None = None
    """The mix at 8 kHz."""
    planned_lufs: float | None = None
    planned_clipped: int = 0


def listen(
    info: MediaInfo,
    *,
    start_s: Fraction = Fraction(0),
    mix: Path | None = None,
    cancel: threading.Event | None = None,
) -> Heard:
    """
    Hear a file's first track of sound.

    Args:
        info: What was probed of it; with sound.
        start_s: Time of the picture's first frame on the file's clock.
        mix: The programme's sound.
        cancel: Stops the work when set.

    Raises:
        MediaError: If it can't be read.
        RenderError: If it was stopped.
    """
    stream = info.audio[0]
    channels = 1 if stream.channels == 1 else 6 if stream.channels == 6 else 2
    meter, peaks = LoudnessMeter(stream.hz, channels), TruePeaks(channels, each=False)
    end_s = float(stream.start_s + stream.duration_s - start_s)
    left = max(0, round(end_s * stream.hz))
    low, planned_low = _Low(stream.hz, channels), _Low(stream.hz, channels)
    clicks = _Clicks(stream.hz)
    clipped: list[float] = []
    over = 0
    own_meter = LoudnessMeter(stream.hz, channels)
    at = 0
    with ExitStack() as stack:
        beside = _beside(mix, stream.hz, channels)
        if beside is not None:
            stack.enter_context(beside)
        reader = stack.enter_context(SampleReader(info, stream.index, start_s, stream.hz, channels))
        while left > 0:
            if cancel is not None and cancel.is_set():
                raise RenderError("stopped")
            block = reader.read(min(left, _BLOCK_S * stream.hz))
            meter.add(block)
            peaks.add(block)
            low.add(block)
            clipped += [(at + n) / stream.hz for n in _clipped(block)]
            other = beside.read(len(block)) if beside is not None else None
            if other is not None:
                own_meter.add(other)
                planned_low.add(other)
                over += len(_clipped(other))
            clicks.add(block, other)
            at += len(block)
            left -= len(block)
        damaged = reader.damaged_packets
    return Heard(
        hz=stream.hz,
        channels=stream.channels,
        seconds=end_s,
        low=low.whole(),
        integrated_lufs=meter.integrated(),
        short_term=meter.short_term(),
        range_lu=meter.loudness_range(),
        true_peak_dbtp=peaks.dbtp,
        momentary_max=meter.max_momentary(),
        clipped=clipped,
        clicks=clicks.found,
        damaged=damaged,
        planned=planned_low.whole() if beside is not None else None,
        planned_lufs=own_meter.integrated() if beside is not None else None,
        planned_clipped=over,
    )


def _beside(mix: Path | None, hz: int, channels: int) -> SampleReader | None:
    if mix is None or not mix.is_file():
        return None
    info = probe(mix)
    return SampleReader(info, info.audio[0].index, Fraction(0), hz, channels)


class _Low:
    """Sound brought to 8 kHz, one or two channels."""

    def __init__(self, hz: int, channels: int) -> None:
        import soxr

        self._channels = min(2, channels)
        self._stream: Any = soxr.ResampleStream(hz, LOW_HZ, self._channels, quality="LQ")
        self._kept = Rows((self._channels,), np.float16)

    def add(self, block: Samples) -> None:
        front = np.ascontiguousarray(block[:, :2])
        if block.shape[1] > 2:  # the centre belongs to both sides
            front = front + np.float32(0.7) * block[:, 2:3]
        self._kept.append(self._stream.resample_chunk(front))

    def whole(self) -> Rows:
        """All of it."""
        none = np.zeros((0, self._channels), np.float32)
        self._kept.append(self._stream.resample_chunk(none, last=True))
        return self._kept


def _clipped(block: Samples) -> list[int]:
    """Samples at which a run at full scale begins."""
    over = np.asarray((np.abs(block) >= _OVER).any(axis=1))
    return [a for a, b in runs(over) if b - a >= _RUN]


def _widest(values: F32, steps: int) -> F32:
    """Largest of so many neighbours on both sides."""
    kernel = np.ones((2 * steps + 1, 1), np.uint8)
    return np.asarray(cv2.dilate(np.ascontiguousarray(values)[:, None], kernel)[:, 0], np.float32)


class _Clicks:
    """Short departures: from the mix where there is one, else from the sound around them."""

    def __init__(self, hz: int) -> None:
        self._hz = hz
        self._at = 0
        self.found: list[tuple[float, float]] = []

    def add(self, block: Samples, mix: Samples | None) -> None:
        departure, around = self._alone(block) if mix is None else self._beside(block, mix)
        sharper = np.ones(len(departure), bool) if mix is None else self._sharper(block, mix)
        part = round(self._hz * 0.005)
        whole = len(departure) // part * part
        if whole:
            peaks = departure[:whole].reshape(-1, part).max(axis=1)
            loud = around[:whole].reshape(-1, part).max(axis=1)
            near = _widest(loud, round(_SPREAD_S / 0.005) if mix is not None else 1)
            usual = float(np.median(peaks))
            if mix is None:
                hits = peaks > np.maximum(np.maximum(0.1, near), 15 * usual)
            else:
                hits = peaks > np.maximum(np.maximum(_CLICK, _CLICK_PART * near), _CREST * usual)
            hits &= sharper[:whole].reshape(-1, part).any(axis=1)
            for n in np.flatnonzero(hits):
                inside = int(np.argmax(departure[n * part : (n + 1) * part]))
                time_s = float(self._at + n * part + inside) / self._hz
                if not self.found or time_s - self.found[-1][0] > 0.02:
                    self.found.append((time_s, float(peaks[n])))
        self._at += len(block)

    def _beside(self, block: Samples, mix: Samples) -> tuple[F32, F32]:
        power = np.maximum((mix * mix).sum(axis=0), 1e-9)
        gain = (block * mix).sum(axis=0) / power
        rest = np.abs(block - mix * gain).max(axis=1)
        return rest, np.abs(mix * gain).max(axis=1)

    def _sharper(self, block: Samples, mix: Samples) -> NDArray[np.bool_]:
        """Where the file has a corner that the mix hasn't; a codec takes corners away."""
        own, planned = (
            np.pad(np.abs(np.diff(x, 2, axis=0)).max(axis=1), (1, 1), mode="edge")
            for x in (block, mix)
        )
        part = max(1, self._hz // 1000)
        peaks = np.maximum.reduceat(planned, np.arange(0, len(planned), part))
        around = np.repeat(_widest(peaks, round(_SPREAD_S * 1000)), part)[: len(own)]
        return np.asarray(own > 1.3 * around + 0.02, np.bool_)

    def _alone(self, block: Samples) -> tuple[F32, F32]:
        """A click is a corner: its second difference stands alone."""
        if len(block) < 3:
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        corner = np.abs(np.diff(block, 2, axis=0)).max(axis=1) / 2
        # A click is a few samples; what goes on for longer is a sound with corners of its own.
        wide = np.ones((round(self._hz * 0.004) | 1, 1), np.float32)
        energy = cv2.filter2D(corner[:, None] ** 2, -1, wide)[:, 0]
        few = cv2.filter2D(corner[:, None] ** 2, -1, np.ones((7, 1), np.float32))[:, 0]
        lasting = np.sqrt(np.maximum(energy - few, 0) / max(1, len(wide) - 7))
        return corner, np.asarray(8 * lasting, np.float32)
