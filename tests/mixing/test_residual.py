"""What a clip has beside its recording's speech is kept without the speech."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from assembler.cut.model import Recording
from assembler.media import ffmpeg
from assembler.mixing.bus import mix
from tests.mixing.conftest import AS_IT_IS, HZ, Studio, heard, hiss, programme, rms_db, speech


@pytest.mark.parametrize("polarity", [1, -1])
def test_steps_stay_and_speech_goes(studio: Studio, polarity: int) -> None:
    """Through AAC, half as loud and a fraction of a sample late, in 14 s of speech."""
    talk = speech(14, 3)
    steps = hiss(14, 1, 0.0003)
    for at in range(HZ, 14 * HZ, HZ):
        steps[at : at + 2400] += hiss(0.05, at, 0.03)
    raw = studio.file((polarity * talk * 0.5 + steps).astype(np.float32), name="clip.wav")
    clip = studio.folder / "clip.m4a"
    ffmpeg.run(["-i", str(raw), "-c:a", "aac", "-b:a", "192k", str(clip)])
    recording = studio.file(talk, name="talk.wav")
    sound = studio.sound(clip, 0, 14 * HZ)
    left = replace(sound, minus=Recording(recording, "r", 0, Fraction(1, 100_000)))
    mix(programme(left, frames=14 * 24), AS_IT_IS, studio.out(), bits=32)
    out = heard(studio.out())
    between = np.concatenate([out[at + 4800 : at + 40_000] for at in range(HZ, 13 * HZ, HZ)])
    assert rms_db(between) < rms_db(talk) - 24
    loud = np.concatenate([out[at : at + 2400] for at in range(HZ, 13 * HZ, HZ)])
    wanted = np.concatenate([steps[at : at + 2400] for at in range(HZ, 13 * HZ, HZ)]) * 2
    assert rms_db(loud) == pytest.approx(rms_db(wanted), abs=1.5)
