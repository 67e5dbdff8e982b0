"""Captions stay on their words, whatever seams and trims do to the programme."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from assembler.cut.captions import too_fast
from assembler.cut.model import Clip, Cue, Cut
from tests.cut.facts import cut_of, seam
from tests.planning.facts import audio, info, video

FILES = {
    "a.mov": info("a.mov", video(96, "24"), audio(4)),
    "talk.wav": info("talk.wav", None, audio(20)),
}
CHAIN = """
segments:
  - {id: a, file: a.mov, out: 3s}
  - {id: b, file: a.mov, in: 1s, out: 4s, join: handoff}
  - {id: c, file: a.mov, in: 0.5s, join: cut}
"""


def word(start: Fraction | int, text: str, length: Fraction = Fraction(1, 2)) -> Cue:
    """A caption of half a second."""
    return Cue(Fraction(start), start + length, text)


def said_at(cut: Cut, cue: Cue) -> tuple[str, Fraction]:
    """The clip and its frame that are shown when a caption comes up."""
    frame = cue.start * cut.rate
    clip: Clip = next(c for c in cut.clips if c.record.start <= frame < c.record.stop)
    inside = frame - clip.record.start + clip.source_in
    for n in clip.skipped:
        inside += n <= inside
    return clip.id, inside


def test_cues_stay_on_their_words_after_seams_were_trimmed(tmp_path: Path) -> None:
    """Words are spoken at frames of clips; those frames move, and the captions with them."""
    (tmp_path / "c.srt").touch()
    cues = [word(1, "a at 24"), word(4, "b at 49"), word(5, "b at 73"), word(7, "c at 37")]
    text = CHAIN + "captions: c.srt\n"
    plain = cut_of(tmp_path, text, FILES, captions=cues)
    decision = seam("a>b", 61, 27, skipped=(40, 41, 42))
    trimmed = cut_of(tmp_path, text, FILES, captions=cues, seams=[decision])
    assert trimmed.frames < plain.frames
    spoken = [said_at(plain, cue) for cue in plain.captions]
    assert spoken == [said_at(trimmed, cue) for cue in trimmed.captions]
    assert [clip for clip, _ in spoken] == ["a", "b", "b", "c"]
    assert [cue.start for cue in plain.captions] != [cue.start for cue in trimmed.captions]


def test_cues_of_a_segment_count_from_its_start(tmp_path: Path) -> None:
    (tmp_path / "c.srt").touch()
    text = CHAIN + "captions: {file: c.srt, on: c}\n"
    decision = seam("a>b", 61, 27)
    cut = cut_of(tmp_path, text, FILES, captions=[word(1, "c")], seams=[decision])
    assert said_at(cut, cut.captions[0]) == ("c", 12 + 24)


def test_cues_of_a_track_follow_its_sound(tmp_path: Path) -> None:
    """Second 7 of the recording, which is heard from its second 5 on, with segment c."""
    (tmp_path / "c.srt").touch()
    text = CHAIN + (
        "tracks: [{id: voice, role: voice, file: talk.wav, on: c+0.5s, in: 5s}]\n"
        "captions: {file: c.srt, of: voice}\n"
    )
    cut = cut_of(tmp_path, text, FILES, captions=[word(7, "seven")], seams=[seam("a>b", 61, 27)])
    (heard,) = (sound for sound in cut.sounds if sound.id == "voice")
    begins = Fraction(heard.record.start, cut.hz) - (heard.source_start_s - 7)
    assert begins == cut.captions[0].start


def test_cues_that_nobody_sees_are_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "c.srt").touch()
    text = CHAIN + "captions: c.srt\n"
    cut = cut_of(tmp_path, text, FILES, captions=[word(1, "in"), word(60, "out")])
    assert [cue.text for cue in cut.captions] == ["in"]
    assert "warning: c.srt: 1 caption lies outside of what is shown" in cut.notes


def test_what_cant_be_read_in_time_is_told_with_numbers() -> None:
    cues = [
        word(0, "Short."),
        word(1, "Twelve letter", Fraction(1, 2)),
        word(2, "A line that goes on well beyond forty-two", Fraction(4)),
        word(8, "A line that goes on well beyond forty-two letters", Fraction(4)),
    ]
    assert list(too_fast(cues, line=42, speed=20)) == [
        "caption 2 at 1.00 s has 13 characters in 0.50 s; at 20 a second it needs 0.65 s",
        "caption 4 at 8.00 s has a line of 49 characters; 42 are comfortable",
    ]
