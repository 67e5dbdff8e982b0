"""The programme's sound, to be drawn."""

from __future__ import annotations

import threading
from typing import cast

from assembler.assemble.prepare import Delivery
from assembler.assemble.sound import Wanted, graph
from assembler.assemble.walk import Walk
from assembler.cut.model import Cut
from assembler.reporting.model import Mix
from assembler.spec.model import Role

SILENCE_LUFS = -70.0
"""Below the absolute gate of BS.1770: drawn for what has no loudness."""


def mix_of(run: Walk, cut: Cut, delivery: Delivery, cancel: threading.Event | None = None) -> Mix:
    """The mix of a delivery; it is made where the render hasn't made it yet."""
    wanted = Wanted(cut, delivery.mix, delivery.preset.audio)
    note = graph(wanted, run.prepared.project.mix, cancel=cancel)
    drawn = note["graph"]
    gain = 10 ** (drawn["gain_db"] / 20)
    levels = (SILENCE_LUFS if level is None else level for level in drawn["short_term_lufs"])
    return Mix(
        target_lufs=delivery.mix.integrated_lufs,
        limit_dbtp=delivery.mix.true_peak_dbtp,
        lufs=note["lufs"],
        true_peak_dbtp=note["true_peak_dbtp"],
        range_lu=drawn["range_lu"],
        gain_db=drawn["gain_db"],
        limited_db=drawn["limited_db"],
        seconds=drawn["seconds"],
        peaks={
            cast(Role, role): tuple(min(1.0, peak * gain) for peak in values)
            for role, values in drawn["peaks"].items()
        },
        ducked_db=tuple(drawn["ducked_db"]),
        short_term_lufs=tuple(levels),
        loudness_step_s=drawn["short_term_step_s"],
        notes=tuple(note["notes"]),
    )
