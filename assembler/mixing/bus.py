"""
The mix: all sounds of a cut, summed by role, ducked, and brought to their loudness.

    >>> report = mix(cut, mix_preset("web"), Path("programme.wav"))  # doctest: +SKIP
    >>> report.loudness.integrated_lufs  # doctest: +SKIP
    -14.0

The sum goes through a scratch file beside the output, in blocks, so that memory stays the same for
ten seconds and for ten hours; files are opened when they are first heard and closed after.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt

from assembler.cut.model import Cut
from assembler.media.files import scratch_folder, sweep, unfinished
from assembler.media.samples import Samples, WavWriter
from assembler.mixing.ahead import ahead
from assembler.mixing.master import MAX_GAIN_DB, Loudness, Mastered, Meter, Raw, master
from assembler.mixing.outcome import MixReport, Target, Trace
from assembler.mixing.session import ROLES, Session
from assembler.spec.model import Role
from assembler.spec.presets import MixPreset

_STEPS_PER_S = 20
"""Of what is kept for the picture."""
_STEMS: Mapping[str, tuple[Role, ...]] = {
    **{role: (role,) for role in ROLES},
    "music-and-effects": ("native", "music", "sfx"),
}
"""Roles in each stem."""


def mix(
    cut: Cut,
    preset: MixPreset,
    out: Path,
    *,
    stems: Path | None = None,
    bits: Literal[16, 24, 32] = 24,
    true_peak_margin_db: float = 0.0,
    further: Sequence[Target] = (),
    time_reference: int | None = None,
    cancel: threading.Event | None = None,
    on_samples: Callable[[int], None] | None = None,
) -> MixReport:
    """
    Write the programme's sound, exactly as long as its picture, at the preset's loudness.

    Args:
        cut: The programme.
        preset: Loudness, true peak and ducking.
        out: WAV to write.
        stems: Folder that gets one float WAV per role, which sum to the mix before mastering, and
            one of music and effects (all but speech) together.
        bits: Depth of the WAV; 32 is float.
        true_peak_margin_db: Kept free below the preset's limit for a lossy codec that follows.
        further: The same mix at other loudnesses, each into its own WAV.
        time_reference: Of the first sample, counted from midnight; makes broadcast waves.
        cancel: Stops the mix when set.
        on_samples: Told how many samples of the programme have been mixed so far.

    Raises:
        MixError: If it was stopped.
        MediaError: If a sound's file can't be read.
    """
    # Threads that import parts of one package at the same time can find it half made.
    import scipy.fft
    import scipy.ndimage
    import scipy.signal  # noqa: F401

    hz = cut.hz
    own = Target(out, preset.integrated_lufs, preset.true_peak_dbtp - true_peak_margin_db)
    targets = (own, *further)
    with _scratch(out) as file, ExitStack() as stack:
        if stems is not None:
            sweep(stems)
        session = Session(cut, preset, stack.enter_context(scratch_folder(out)), cancel)
        session.prepare()
        writers = _stem_writers(cut, session.roles, stems, time_reference or 0, stack)
        meter, peaks = _summed(session, cut, file, writers, on_samples)
        raw = Raw(file, session.samples, cut.channels)
        finished = [
            master(
                raw, meter, target.out, hz=hz, target_lufs=target.integrated_lufs,
                limit_dbtp=target.true_peak_dbtp, bits=bits, time_reference=time_reference,
                check=session.check,
            )
            for target in targets
        ]  # fmt: skip
    before = meter.reading()
    trace = Trace(
        1 / _STEPS_PER_S, peaks, meter.short_term(), session.ducked_db(hz // _STEPS_PER_S)
    )
    reports = [
        MixReport(
            target.out, session.samples, hz, cut.channels, before, done.loudness, done.gain_db,
            done.limited_db,
            tuple(session.levels[id(s)] for s in session.sounds if id(s) in session.levels),
            session.speech, session.meetings,
            {name: stems / f"{name}.wav" for name in writers} if stems else {},
            tuple(session.notes) + _master_notes(before, done, target), trace,
        )
        for target, done in zip(targets, finished, strict=True)
    ]  # fmt: skip
    return replace(reports[0], further=tuple(reports[1:]))


def _summed(
    session: Session,
    cut: Cut,
    file: IO[bytes],
    stems: Mapping[str, WavWriter],
    on_samples: Callable[[int], None] | None,
) -> tuple[Meter, dict[Role, npt.NDArray[np.float32]]]:
    """Write the sum of all roles and the stems; its loudness, and the peaks of each role."""
    meter, mixed = Meter(cut.hz, cut.channels), 0
    peaks: dict[Role, list[npt.NDArray[np.float32]]] = {role: [] for role in session.roles}
    for buses in ahead(session.blocks()):
        programme = _sum(list(buses.values()))
        meter.add(programme)
        file.write(np.ascontiguousarray(programme, "<f4").data)
        for name, writer in stems.items():
            writer.write(_sum([bus for role, bus in buses.items() if role in _STEMS[name]]))
        for role, bus in buses.items():
            peaks[role].append(_peaks(bus, cut.hz // _STEPS_PER_S))
        mixed += len(programme)
        if on_samples is not None:
            on_samples(mixed)
    file.flush()
    return meter, {role: np.concatenate(parts) for role, parts in peaks.items()}


def _peaks(bus: Samples, step: int) -> npt.NDArray[np.float32]:
    """Largest magnitude in every step of a block."""
    loudest = np.abs(bus[:, 0])
    for channel in bus.T[1:]:  # numpy is slow along short axes
        np.maximum(loudest, np.abs(channel), out=loudest)
    found: npt.NDArray[np.float32] = np.maximum.reduceat(loudest, np.arange(0, len(bus), step))
    return found


def _sum(blocks: list[Samples]) -> Samples:
    total = blocks[0].copy()
    for block in blocks[1:]:
        total += block
    return total


def stem_paths(folder: Path | None) -> tuple[Path, ...]:
    """Every stem that a mix may write into a folder."""
    return tuple(folder / f"{name}.wav" for name in _STEMS) if folder else ()


def _stem_writers(
    cut: Cut, used: Sequence[Role], folder: Path | None, start: int, stack: ExitStack
) -> dict[str, WavWriter]:
    if folder is None:
        return {}
    names = [name for name, roles in _STEMS.items() if set(used).intersection(roles)]
    return {
        name: stack.enter_context(
            WavWriter(folder / f"{name}.wav", cut.hz, cut.channels, 32, time_reference=start)
        )
        for name in names
    }


@contextmanager
def _scratch(out: Path) -> Iterator[IO[bytes]]:
    """File for the sum before mastering, beside the output where there is room for it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    path = unfinished(out, ".f32")
    try:
        with path.open("w+b") as file:
            yield file
    finally:
        path.unlink(missing_ok=True)


def _master_notes(before: Loudness, mastered: Mastered, preset: Target) -> tuple[str, ...]:
    if before.true_peak_dbtp == -math.inf:
        return ("the programme has no sound: it is digital silence",)
    if preset.integrated_lufs is None:
        return ()
    if before.integrated_lufs == -math.inf:
        return ("the programme is too short or too quiet to have a loudness: left as it is",)
    notes = []
    if mastered.capped:
        notes.append(
            f"the mix is very quiet ({before.integrated_lufs:.1f} LUFS): raised by "
            f"{MAX_GAIN_DB:g} dB at most, it stays under {preset.integrated_lufs:g} LUFS"
        )
    elif not mastered.on_target:
        notes.append(
            f"loudness is {mastered.loudness.integrated_lufs:.1f} LUFS, not "
            f"{preset.integrated_lufs:g}: its peaks leave no more room under "
            f"{preset.true_peak_dbtp:g} dBTP"
        )
    return tuple(notes)
