"""Speech is told from what else clips sound like."""

from __future__ import annotations

import numpy as np
import pytest

from assembler.media.samples import Samples
from assembler.mixing.ducking import SPEECH_HZ, gate_curve
from assembler.mixing.speech import spoken
from assembler.timebase import SampleRange

AT = np.arange(4 * SPEECH_HZ) / SPEECH_HZ


def mono(samples: np.ndarray) -> Samples:  # type: ignore[type-arg]  # of any depth
    return (0.1 * samples)[:, None].astype(np.float32)


@pytest.mark.parametrize(
    "sound",
    [
        np.random.default_rng(1).standard_normal(len(AT)),
        sum(np.sin(2 * np.pi * 220 * k * AT) / k for k in range(1, 9)),
        np.sin(2 * np.pi * 220 * AT) * (1 + np.sin(2 * np.pi * 4 * AT)),
        np.zeros(len(AT)),
    ],
    ids=["noise", "held note", "tremolo", "silence"],
)
def test_beds_and_notes_are_no_speech(sound: np.ndarray) -> None:  # type: ignore[type-arg]
    assert spoken(mono(sound)) == []


def test_a_voice_is_found_where_it_is() -> None:
    """Two seconds of gliding syllables in four of faint noise."""
    pitch = 120 * (1 + 0.2 * np.sin(2 * np.pi * 2.5 * AT))
    phase = 2 * np.pi * np.cumsum(pitch) / SPEECH_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 15))
    voice = voice * np.clip(np.sin(2 * np.pi * 4 * AT), 0, 1) * ((AT > 1) & (AT < 3))
    noise = 0.003 * np.random.default_rng(2).standard_normal(len(AT))
    ((start, stop),) = spoken(mono(voice + noise))
    assert start == pytest.approx(100, abs=30)
    assert stop == pytest.approx(300, abs=35)


def test_a_gate_is_open_for_all_that_is_heard() -> None:
    curve = gate_curve([SampleRange(300, 400)], SampleRange(0, 1000), opens=20, closes=50)
    gains = np.broadcast_to(curve.over(0, 1000), 1000)
    assert (gains[300:400] == 0).all()
    assert gains[:270].max() == gains[510:].max() == -90
