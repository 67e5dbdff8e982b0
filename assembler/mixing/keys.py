"""Keys of mixes: what decides how a programme sounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assembler.cut.model import Cut
from assembler.planning.keys import content_key
from assembler.spec.presets import MixPreset

STAGE = 7
"""Version of the mix; raised when the same cut sounds different."""


def mix_key(cut: Cut, preset: MixPreset, *, true_peak_margin_db: float = 0.0) -> str:
    """Key of everything that decides the programme's sound; files count by content, not by path."""
    return content_key(
        sum=sum_key(cut, preset),
        lufs=preset.integrated_lufs,
        dbtp=preset.true_peak_dbtp,
        margin=true_peak_margin_db,
    )


def sum_key(cut: Cut, preset: MixPreset) -> str:
    """The same without the loudness: mixes that differ in nothing else are made at once."""
    sounds = [
        replace(s, id="", path=Path(), segment="", minus=s.minus and replace(s.minus, path=Path()))
        for s in cut.sounds
    ]
    apart = {"id", "title", "source", "integrated_lufs", "true_peak_dbtp"}
    return content_key(
        stage=STAGE,
        frames=cut.frames,
        rate=cut.rate,
        hz=cut.hz,
        layout=cut.layout,
        sounds=sounds,
        preset=preset.model_dump(exclude=apart, mode="json"),
    )
