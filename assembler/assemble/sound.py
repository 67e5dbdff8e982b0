"""The programme's sound, mixed once for everything that decides it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from assembler.cut.model import Cut
from assembler.media.files import publish, scratch_folder
from assembler.media.room import writing
from assembler.mixing.keys import mix_key, sum_key
from assembler.mixing.outcome import MixReport, Target
from assembler.spec.presets import AudioCodec, MixPreset
from assembler.timebase import FrameRange, samples_at

LOSSY = ("aac", "libopus", "libmp3lame")
LOSSY_MARGIN_DB = 0.5
"""Kept free below the true-peak limit where the delivery's codec changes the waveform."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """A mixed programme on disk."""

    path: Path
    """WAV, as long as the picture to the sample."""
    lufs: float | None
    """None for silence."""
    true_peak_dbtp: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mix that a delivery needs."""

    cut: Cut
    preset: MixPreset
    codec: AudioCodec

    @property
    def margin_db(self) -> float:
        """Kept free for the delivery's codec."""
        return LOSSY_MARGIN_DB if self.codec.encoder in LOSSY else 0.0

    def path(self, folder: Path) -> Path:
        """Where the mix is kept."""
        key = mix_key(self.cut, self.preset, true_peak_margin_db=self.margin_db)
        return folder / f"{key}.wav"

    def target(self, folder: Path) -> Target:
        """Its loudness."""
        limit_dbtp = self.preset.true_peak_dbtp - self.margin_db
        return Target(self.path(folder), self.preset.integrated_lufs, limit_dbtp)


def mixed(
    wanted: Wanted,
    folder: Path,
    *,
    others: Sequence[Wanted] = (),
    on_samples: Callable[[int], None] | None = None,
    cancel: threading.Event | None = None,
) -> Mixed:
    """
    The mix from *folder*, or made and kept there.

    Those of *others* that differ from it in loudness alone are made with it.
    """
    path = wanted.path(folder)
    if known := _known(path):
        return known
    from assembler.mixing.bus import mix  # a finished film needs none of it

    same = sum_key(wanted.cut, wanted.preset)
    further = {
        other.path(folder): other.target(folder)
        for other in others
        if other.path(folder) != path
        and not _known(other.path(folder))
        and sum_key(other.cut, other.preset) == same
    }
    with writing(path):
        report = mix(
            wanted.cut,
            wanted.preset,
            path,
            true_peak_margin_db=wanted.margin_db,
            further=tuple(further.values()),
            on_samples=on_samples,
            cancel=cancel,
        )
    for made in (report, *report.further):
        with publish(_note(made.path)) as part:
            note = asdict(_mixed(made)) | {"graph": made.graph()}
            part.write_text(json.dumps(note, default=str), encoding="utf-8")
    return _mixed(report)


def part_heard(whole: Mixed, cut: Cut, part: FrameRange) -> Mixed:
    """The same mix, with the loudness that *part* of the programme has by itself."""
    if whole.lufs is None:
        return whole
    from assembler.media.samples import SampleReader
    from assembler.mixing.master import Meter

    start, stop = (samples_at(frame, cut.rate, cut.hz) for frame in part)
    meter = Meter(cut.hz, cut.channels)
    with SampleReader(whole.path, 0, Fraction(start, cut.hz), cut.hz, cut.channels) as reader:
        for at in range(start, stop, cut.hz):
            meter.add(reader.read(min(cut.hz, stop - at)))
    loud, peak = meter.loudness.integrated(), meter.peaks.dbtp
    heard = math.isfinite(loud)
    return replace(whole, lufs=loud if heard else None, true_peak_dbtp=peak if heard else None)


def graph(wanted: Wanted, folder: Path, *, cancel: threading.Event | None = None) -> dict[str, Any]:
    """What is needed to draw a mix (see `MixReport.graph`), which is made if it isn't there."""
    made = mixed(wanted, folder, cancel=cancel)
    note: dict[str, Any] = json.loads(_note(made.path).read_text(encoding="utf-8"))
    if "graph" not in note:  # kept by an older version, which didn't draw it
        from assembler.mixing.bus import mix

        with scratch_folder(made.path) as scratch:
            again = mix(
                wanted.cut,
                wanted.preset,
                scratch / "mix.wav",
                true_peak_margin_db=wanted.margin_db,
                cancel=cancel,
            )
        note["graph"] = again.graph()
        with publish(_note(made.path)) as part:
            part.write_text(json.dumps(note, default=str), encoding="utf-8")
    return note


def _mixed(report: MixReport) -> Mixed:
    loud = report.loudness.integrated_lufs
    peak = report.loudness.true_peak_dbtp
    heard = loud > float("-inf")
    return Mixed(report.path, loud if heard else None, peak if heard else None, report.notes)


def _note(path: Path) -> Path:
    return path.with_suffix(".json")


def _known(path: Path) -> Mixed | None:
    try:
        note = json.loads(_note(path).read_text(encoding="utf-8"))
        found = Mixed(path, note["lufs"], note["true_peak_dbtp"], tuple(note["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if path.exists() else None
