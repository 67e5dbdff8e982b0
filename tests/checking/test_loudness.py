"""What is said of a file whose loudness isn't the target's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assembler.checking.expected import Expected
from assembler.checking.listening import LOW_HZ, Heard
from assembler.checking.places import Places
from assembler.checking.sound import sound_findings
from assembler.media.rows import Rows
from assembler.spec.presets import delivery_preset, mix_preset
from tests.cut.facts import cut_of
from tests.planning.facts import info, video


@pytest.mark.parametrize(
    ("mix_lufs", "advice"),
    [
        (-14.0, "the mix has -14.0 LUFS, but the codec takes the top of noise-like sound away; "
                "lossless sound keeps it."),
        (-15.3, "the mix says why; see `assembler mix`."),
    ],
)  # fmt: skip
def test_a_loudness_off_target_is_laid_to_what_took_it(
    tmp_path: Path, mix_lufs: float, advice: str
) -> None:
    """The codec, where the mix has the loudness and what is below 4 kHz is as loud as there."""
    low = Rows((1,), np.float16)
    low.append(0.1 * np.sin(np.arange(4 * LOW_HZ))[:, None].astype(np.float16))
    cut = cut_of(tmp_path, "segments: [{id: a, file: a.mov}]", {"a.mov": info("a.mov", video(96))})
    expected = Expected(cut, delivery_preset("web-720p"), mix_preset("web"))
    heard = Heard(
        hz=48000, channels=1, seconds=4.0, low=low, integrated_lufs=-15.3,
        short_term=np.full(40, -15.3), range_lu=1.0, true_peak_dbtp=-6.0, momentary_max=-15.0,
        planned=low, planned_lufs=mix_lufs,
    )  # fmt: skip
    found = sound_findings(heard, Places(cut.rate, expected), expected, None)
    (told,) = [one for one in found if one.severity != "info"]
    assert told.message == "loudness is -15.3 LUFS, 1.3 LU from the target of -14"
    assert advice == told.advice
