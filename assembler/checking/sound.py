"""What is wrong with the sound of a file: findings from what was heard."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from assembler.checking.expected import Expected
from assembler.checking.listening import LOW_HZ, Heard
from assembler.checking.model import Finding
from assembler.checking.places import Places, runs
from assembler.media.rows import Rows

F32 = NDArray[np.float32]
Flags = NDArray[np.bool_]

_STEP_S = 0.25
_STEP = int(_STEP_S * LOW_HZ)
"""Samples of the stretches in which levels are compared."""
_STEPS_AT_ONCE = 240
_QUIET = 10 ** (-60 / 20)
"""Level below which nothing is heard."""
_SILENT = 10 ** (-70 / 20)
_SEARCH_S = 0.5
"""Sound is looked for so far from its place."""
_THERE = 0.95
"""Correlation from which it isn't looked for: it is there."""
_LATE_S = 0.004
_VERY_LATE_S = 0.012
_LOUD_LU = 0.5
_FAR_LU = 1.0
_PEAK_DB = 0.4
"""True peak may pass its limit by so much: lossy codecs and meters differ."""
_LONG_SILENCE_S = 2.0
_HOLES = 3
"""More silences than that are how it sounds."""
_CLICKS = 8
"""Without a mix to compare with, more clicks than that are how it sounds."""
_RENDER = "render it again; another program has changed the sound since."
_LOOK = "listen to it."


def lag_of(heard: Heard) -> float | None:
    """Seconds by which the whole sound comes later than the mix; None when it can't be told."""
    if heard.planned is None:
        return None
    found = []
    long = 4 * LOW_HZ
    search = int(_SEARCH_S * LOW_HZ)
    length = min(len(heard.low), len(heard.planned))
    for at in range(0, max(1, length - LOW_HZ), long):
        stop = min(at + long, length)
        own = _mono(heard.low[max(0, at - search) : stop + search])
        planned = _mono(heard.planned[at:stop])
        place = _place(own, planned, at - max(0, at - search))
        if place is not None:
            found.append(place)
    if not found:
        return None
    middle = float(np.median(found))
    near = [f for f in found if abs(f - middle) <= 8]
    return middle / LOW_HZ if len(near) * 2 >= len(found) else None


def _mono(sound: NDArray[np.float16]) -> F32:
    """Both channels in one; of channels that cancel out the first one."""
    values = np.asarray(sound, np.float32)
    if values.ndim == 1 or values.shape[1] == 1:
        return values.reshape(-1)
    both = np.asarray(values.mean(axis=1), np.float32)
    if float(np.vdot(both, both)) < 0.05 * float(np.vdot(values[:, 0], values[:, 0])):
        return np.ascontiguousarray(values[:, 0])
    return both


def _place(own: F32, planned: F32, lead: int) -> float | None:
    """Samples by which *planned* lies later in *own* than *lead*, where that is clear."""
    if len(planned) < LOW_HZ // 4 or float(np.sqrt(np.mean(planned**2))) < _QUIET:
        return None
    here = own[lead : lead + len(planned)]
    if len(here) == len(planned) and _likeness(here, planned) > _THERE:
        return 0.0  # what sounds the same again and again fits at other places as well
    size = 1 << (len(own) + len(planned) - 1).bit_length()
    a, b = np.fft.rfft(own, size), np.fft.rfft(planned, size)
    cross = a * np.conj(b)
    cross /= np.abs(cross) ** 0.7 + 1e-9
    like = np.fft.irfft(cross, size)[: max(1, len(own) - len(planned) // 2)]
    best = int(np.argmax(np.abs(like)))
    if abs(like[best]) < 8 * float(np.sqrt(np.mean(like**2))):
        return None
    return best - lead


def _likeness(one: F32, two: F32) -> float:
    power = float(np.vdot(one, one)) * float(np.vdot(two, two))
    return abs(float(np.vdot(one, two))) / power**0.5 if power else 0.0


def sound_findings(
    heard: Heard, places: Places, expected: Expected | None, lag_s: float | None
) -> Iterator[Finding]:
    """Everything wrong with the sound but single sounds of the programme."""
    if heard.damaged:
        yield places.whole(
            "error", "damaged-sound",
            f"{heard.damaged} packets of sound can't be decoded: silence in their place",
            "copy or fetch the file again.",
        )  # fmt: skip
    if lag_s is not None and abs(lag_s) >= _LATE_S:
        way = "later" if lag_s > 0 else "earlier"
        yield places.heard(
            "error" if abs(lag_s) >= _VERY_LATE_S else "warning", "late-sound", 0.0,
            f"the sound comes {abs(lag_s) * 1000:.0f} ms {way} than the programme's", _RENDER,
        )  # fmt: skip
    levels = list(_levels(heard, places))
    yield from levels
    yield from _loudness(heard, places, expected)
    yield from _clipping(heard, places)
    yield from _clicks(heard, places)
    if heard.planned is None:
        yield from _alone(heard, places)


# Beside the mix -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Steps:
    """Levels of both sides in steps of a quarter of a second; (n, channels)."""

    own: F32
    planned: F32
    product: F32
    """Correlation of both at the same channel, in [-1, 1]."""
    crossed: F32 | None
    """Correlation of each channel with the mix's other one."""


def _steps(heard: Heard) -> _Steps | None:
    return None if heard.planned is None else _compared(heard.low, heard.planned)


def _compared(low: Rows, planned: Rows) -> _Steps | None:
    """Two sounds in steps, as long as both are; None when they are shorter than one."""
    parts = [_part(a, b) for a, b in zip(_stepped(low), _stepped(planned), strict=False)]
    if not parts:
        return None
    a, b, product, crossed = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return _Steps(a, b, product, crossed if a.shape[1] == 2 else None)


def _stepped(sound: Rows) -> Iterator[F32]:
    """Sound in whole steps, some at a time, shape (steps, samples, channels)."""
    for part in sound.parts(_STEPS_AT_ONCE * _STEP):
        steps = len(part) // _STEP
        if steps:
            yield part[: steps * _STEP].astype(np.float32).reshape(steps, _STEP, -1)


def _part(own: F32, planned: F32) -> tuple[F32, F32, F32, F32]:
    steps, channels = min(len(own), len(planned)), min(own.shape[2], planned.shape[2])
    own, planned = own[:steps, :, :channels], planned[:steps, :, :channels]
    a = np.sqrt((own * own).mean(axis=1))
    b = np.sqrt((planned * planned).mean(axis=1))
    product = (own * planned).mean(axis=1) / (a * b + 1e-9)
    crossed = (own * planned[:, :, ::-1]).mean(axis=1) / (a * b[:, ::-1] + 1e-9)
    return a, b, product, crossed


def _levels(heard: Heard, places: Places) -> Iterator[Finding]:
    """Silence, other levels, other sound, swapped and inverted channels."""
    steps = _steps(heard)
    if steps is None:
        return
    heardable = steps.planned > 4 * _QUIET
    gone = (steps.own < 0.05 * steps.planned) & (steps.own < 10 * _QUIET)
    silent = np.asarray(heardable & gone, np.bool_)
    both = np.asarray(silent.all(axis=1) & heardable.any(axis=1), np.bool_)
    for start, stop in runs(both):
        yield places.heard(
            "error", "silence", start * _STEP_S,
            f"silent for {(stop - start) * _STEP_S:.2f} s, where the programme sounds", _RENDER,
            length_s=(stop - start) * _STEP_S,
        )  # fmt: skip
    yield from _channels(steps, silent, both, places)
    inverted = heardable & (steps.product < -0.5)
    told = ~both & heardable.any(axis=1)
    if inverted.any(axis=1).sum() > max(1, 0.5 * told.sum()):
        names = _names(inverted.sum(axis=0) > 0.4 * told.sum())
        yield places.whole(
            "error", "phase-inverted", f"the {names} channel is upside down against the mix",
            _RENDER,
        )  # fmt: skip
        return
    like = np.where(heardable, steps.product, 1.0).min(axis=1)
    other = told & (like < 0.5) & ~silent.any(axis=1)
    for start, stop in runs(other, gap=1):
        if stop - start >= 2:
            yield places.heard(
                "error", "wrong-sound", start * _STEP_S,
                f"for {(stop - start) * _STEP_S:.2f} s it sounds other than the programme's mix",
                "render it again; if the timeline was changed since, render first, then check.",
                length_s=(stop - start) * _STEP_S,
            )  # fmt: skip
    yield from _gains(steps, told & ~other & ~silent.any(axis=1), places)


def _names(channels: NDArray[np.bool_]) -> str:
    names = ("left", "right") if len(channels) == 2 else ("only",)
    return " and ".join(n for n, there in zip(names, channels, strict=True) if there) or "one"


def _channels(steps: _Steps, silent: Flags, both: Flags, places: Places) -> Iterator[Finding]:
    if steps.crossed is None:
        return
    for channel, name in enumerate(("left", "right")):
        for start, stop in runs(silent[:, channel] & ~both, gap=1):
            if stop - start >= 4:
                yield places.heard(
                    "error", "silent-channel", start * _STEP_S,
                    f"the {name} channel is silent for {(stop - start) * _STEP_S:.2f} s", _RENDER,
                    length_s=(stop - start) * _STEP_S,
                )  # fmt: skip
    crossed = (steps.crossed > steps.product + 0.1).all(axis=1) & (steps.crossed > 0.7).all(axis=1)
    wide = steps.planned.min(axis=1) > 4 * _QUIET
    if crossed.sum() > max(3, 0.3 * wide.sum()):
        yield places.whole(
            "error", "swapped-channels", "left and right are swapped against the mix", _RENDER
        )


def _gains(steps: _Steps, told: NDArray[np.bool_], places: Places) -> Iterator[Finding]:
    """Stretches louder or softer than the mix, beside the whole film's difference."""
    if told.sum() < 4:
        return
    own = np.sqrt((steps.own**2).sum(axis=1))
    planned = np.sqrt((steps.planned**2).sum(axis=1))
    gain = np.where(told, 20 * np.log10((own + 1e-6) / (planned + 1e-6)), np.nan)
    usual = float(np.nanmedian(gain))
    away = np.nan_to_num(gain - usual)
    for start, stop in runs(np.abs(away) > 2.0, gap=1):
        if stop - start >= 4:
            change = float(np.median(away[start:stop]))
            yield places.heard(
                "error" if abs(change) > 3 else "warning", "level-change", start * _STEP_S,
                f"{abs(change):.1f} dB {'louder' if change > 0 else 'softer'} than the mix for "
                f"{(stop - start) * _STEP_S:.2f} s", _RENDER, length_s=(stop - start) * _STEP_S,
            )  # fmt: skip


def _loudness(heard: Heard, places: Places, expected: Expected | None) -> Iterator[Finding]:
    if expected is None:
        if heard.true_peak_dbtp > 0:
            yield places.whole(
                "warning", "true-peak",
                f"true peak is {heard.true_peak_dbtp:+.1f} dBTP: players clip above 0",
                "lower it by a decibel or two.",
            )  # fmt: skip
        return
    wanted = heard.planned_lufs
    target = expected.mix.integrated_lufs
    if wanted is None or not math.isfinite(wanted):
        wanted = target
    measured = heard.integrated_lufs
    if wanted is not None and math.isfinite(measured) and heard.seconds >= 1:
        apart = measured - wanted
        # Lossy codecs take the top of noise away, and its loudness; what is below 4 kHz stays.
        gain = _gain_db(heard)
        if gain is not None and abs(gain) < abs(apart):
            apart = gain
        if abs(apart) > _LOUD_LU:
            yield places.whole(
                "error" if abs(apart) > _FAR_LU else "warning", "loudness",
                f"loudness is {measured:.1f} LUFS, {abs(apart):.1f} LU "
                f"{'above' if apart > 0 else 'below'} the mix's {wanted:.1f}", _RENDER, of="mix",
            )  # fmt: skip
        elif target is not None and abs(measured - target) > _FAR_LU and heard.seconds >= 3:
            advice = "the mix says why; see `assembler mix`."
            if abs(measured - wanted) > abs(wanted - target):
                advice = (
                    f"the mix has {wanted:.1f} LUFS, but the codec takes the top of noise-like "
                    "sound away; lossless sound keeps it."
                )
            yield places.whole(
                "warning", "loudness",
                f"loudness is {measured:.1f} LUFS, {abs(measured - target):.1f} LU from the "
                f"target of {target:g}", advice, of="mix",
            )  # fmt: skip
    limit = expected.mix.true_peak_dbtp
    if heard.true_peak_dbtp > limit + _PEAK_DB:
        yield places.whole(
            "error" if heard.true_peak_dbtp > limit + 1.5 else "warning", "true-peak",
            f"true peak is {heard.true_peak_dbtp:.1f} dBTP, above the limit of {limit:g}",
            "lossy codecs overshoot: lower the mix's true_peak_dbtp by as much.", of="mix",
        )  # fmt: skip


def _gain_db(heard: Heard) -> float | None:
    """By how much the file is louder than the mix below 4 kHz; None when that can't be told."""
    steps = _steps(heard)
    if steps is None:
        return None
    own, planned = (np.sqrt((side**2).sum(axis=1)) for side in (steps.own, steps.planned))
    told = (planned > 4 * _QUIET) & (own > _QUIET)
    return float(np.median(20 * np.log10(own[told] / planned[told]))) if told.any() else None


def _clipping(heard: Heard, places: Places) -> Iterator[Finding]:
    count = len(heard.clipped) - heard.planned_clipped
    if count < 3:
        return
    yield places.heard(
        "error" if heard.planned is not None else "warning", "clipping", heard.clipped[0],
        f"the sound is clipped at {len(heard.clipped)} peaks",
        "lower its level before it is encoded.",
        length_s=heard.clipped[-1] - heard.clipped[0],
    )  # fmt: skip


def _clicks(heard: Heard, places: Places) -> Iterator[Finding]:
    if len(heard.clicks) > (_CLICKS if heard.planned is None else 40):
        return
    for time_s, size in heard.clicks:
        frame = int(Fraction(time_s).limit_denominator(10**6) * places.rate)
        yield places.heard(
            "error" if heard.planned is not None else "warning", "click", time_s,
            f"a click of {20 * math.log10(max(size, 1e-6)):.0f} dBFS"
            f"{places.join_near(frame, 1)}", _LOOK if heard.planned is None else _RENDER,
        )  # fmt: skip


# Alone --------------------------------------------------------------------------------------------


def _alone(heard: Heard, places: Places) -> Iterator[Finding]:
    steps = _compared(heard.low, heard.low)
    if steps is None:
        return
    level = steps.own
    silent = np.asarray((level < _SILENT).all(axis=1), np.bool_)
    if silent.all():
        yield places.heard(
            "warning", "silence", 0.0, "the whole sound is silent", "check its mix.",
            length_s=heard.seconds,
        )  # fmt: skip
        return
    holes = runs(silent)
    for start, stop in holes:
        seconds = (stop - start) * _STEP_S
        inside = start > 0 and stop < len(level) and len(holes) <= _HOLES
        abrupt = inside and min(level[start - 1].max(), level[stop].max()) > 30 * _SILENT
        if seconds >= _LONG_SILENCE_S or abrupt:
            yield places.heard(
                "warning" if abrupt else "info", "silence", start * _STEP_S,
                f"silent for {seconds:.2f} s", _LOOK if abrupt else "", length_s=seconds,
            )  # fmt: skip
    if steps.crossed is not None:
        yield from _phase(level, steps.crossed[:, 0], silent, places)


def _phase(level: F32, like: F32, silent: NDArray[np.bool_], places: Places) -> Iterator[Finding]:
    told = ~silent & (level.min(axis=1) > 4 * _QUIET)
    quiet = level.min(axis=1) < 0.003 * level.max(axis=1)
    if (~silent).sum() > 4 and (quiet & ~silent).sum() > 0.9 * (~silent).sum():
        side = "left" if level[:, 0].mean() < level[:, 1].mean() else "right"
        yield places.whole(
            "warning", "silent-channel", f"the {side} channel is silent", "check its mix."
        )
        return
    if told.sum() < 2:
        return
    if float(np.median(like[told])) < -0.6:
        yield places.whole(
            "error", "phase-inverted",
            "left and right are upside down against each other: in mono they cancel out",
            "invert one channel.",
        )  # fmt: skip
