"""Avatar clips speak with their recording's sound, when it is their recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assembler.assemble.masters import masters
from assembler.assemble.stock import Stock
from assembler.generation.base import Take
from assembler.media.ffmpeg import run
from assembler.media.info import Colour
from assembler.media.probe import probe
from assembler.media.samples import write_wav
from tests.mixing.conftest import HZ, speech
from tests.planning.facts import image, planned

TIMELINE = """
defaults: {provider: kling}
segments: [{id: anna, avatar: {model: avatar-2.0, image: anna.png, audio: talk.wav, in: 2s}}]
"""


@pytest.mark.parametrize(("seed", "matched"), [(1, True), (2, False)])
def test_only_speech_of_the_recording_is_replaced(tmp_path: Path, seed: int, matched: bool) -> None:
    write_wav(tmp_path / "talk.wav", [speech(8, 1)], HZ, 1)
    write_wav(tmp_path / "clip.wav", [speech(8, seed)[2 * HZ :] * np.float32(0.5)], HZ, 1)
    run(["-i", str(tmp_path / "clip.wav"), "-c:a", "aac", str(tmp_path / "clip.m4a")])
    talk = probe(tmp_path / "talk.wav")
    _, plan = planned(tmp_path, TIMELINE, {"anna.png": image((720, 1280)), "talk.wav": talk})
    link = plan.steps[0].link
    take = Take(link.id, "key", tmp_path / "clip.m4a", probe(tmp_path / "clip.m4a"), Colour())
    recording = tmp_path / "talk.wav"
    stock = Stock({recording: talk}, {recording: "hash"})
    for _ in range(2):  # measured, then remembered
        placed, (told,) = masters(plan, {link.id: take}, stock, tmp_path / "cache")
        assert told.note.startswith("warning: ") is not matched
        assert list(placed) == ([link.id] if matched else [])
    if matched:
        assert float(placed[link.id].offset_s) == pytest.approx(2, abs=1e-4)
