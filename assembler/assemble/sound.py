"""The programme's sound, mixed once for everything that decides it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from assembler.cut.model import Cut
from assembler.media.files import publish
from assembler.mixing.bus import MixReport, mix, mix_key
from assembler.spec.presets import AudioCodec, MixPreset

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


def mixed(
    cut: Cut,
    preset: MixPreset,
    codec: AudioCodec,
    folder: Path,
    *,
    on_samples: Callable[[int], None] | None = None,
    cancel: threading.Event | None = None,
) -> Mixed:
    """The mix from *folder*, or made and kept there."""
    margin = LOSSY_MARGIN_DB if codec.encoder in LOSSY else 0.0
    path = folder / f"{mix_key(cut, preset, true_peak_margin_db=margin)}.wav"
    known = _known(path)
    if known:
        return known
    report = mix(
        cut,
        preset,
        path,
        true_peak_margin_db=margin,
        on_samples=on_samples,
        cancel=cancel,
    )
    made = _mixed(report)
    with publish(_note(path)) as part:
        part.write_text(json.dumps(asdict(made), default=str), encoding="utf-8")
    return made


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
    except (OSError, ValueError):
        return None
    if not path.exists():
        return None
    return Mixed(path, note["lufs"], note["true_peak_dbtp"], tuple(note["notes"]))
