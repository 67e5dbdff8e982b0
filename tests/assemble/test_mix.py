"""Sound of whole timelines, written, reopened and measured."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

import assembler
from assembler.assemble.progress import Progress, Reading
from assembler.assemble.sound import Wanted, mixed
from assembler.errors import OutputExistsError
from assembler.media.ffmpeg import run
from assembler.media.frames import read_frames
from assembler.media.probe import probe
from assembler.media.samples import Samples, write_wav
from assembler.media.writer import FrameWriter
from assembler.spec.presets import delivery_preset, mix_preset
from tests.mixing.conftest import HZ, Studio, heard, hiss, programme, rms_db, tone

HEAD = """\
assembler: 1
canvas: {size: 160x96, rate: 24}
output: [{preset: web-720p, size: 160x96, mix: as-is, path: out/film.mp4}]
"""


def clip(folder: Path, name: str, pitch: float) -> None:
    """Four seconds of a tone with a moving picture."""
    wav, silent, out = folder / f"{name}.wav", folder / f"{name}.s.mp4", folder / f"{name}.mov"
    write_wav(wav, [tone(4, pitch)], HZ, 2)
    with FrameWriter(silent, (160, 96), Fraction(24)) as writer:
        for n in range(96):
            writer.write(np.full((96, 160, 3), 0.2 + n / 200, np.float32))
    run(["-i", str(silent), "-i", str(wav), "-c:v", "copy", "-c:a", "pcm_s16le", str(out)])


def level(sound: Samples, pitch: float, begin_s: float, stop_s: float) -> float:
    """Level of a tone in a stretch."""
    sos = butter(2, (pitch * 0.9, pitch * 1.1), "bandpass", fs=HZ, output="sos")
    part = sosfilt(sos, sound, axis=0)[round(begin_s * HZ) : round(stop_s * HZ)]
    return rms_db(part.astype(np.float32))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    for name, pitch in (("a", 300), ("b", 1000)):
        clip(tmp_path, name, pitch)
    write_wav(tmp_path / "t.wav", [tone(2, 4000)], HZ, 2)
    return tmp_path / "film.yaml"


def sound_of(path: Path, text: str) -> Samples:
    path.write_text(HEAD + text, encoding="utf-8")
    return heard(assembler.mix(path, path.with_name("mix.wav"), bits=32, force=True).report.path)


@pytest.mark.parametrize(
    ("join", "a_ends", "b_begins"),
    [
        ("cut", 2.0, 2.0),
        ("{j-cut: 0.5s}", 1.5, 1.5),
        ("{l-cut: 0.5s}", 2.5, 2.5),
        ("{l-cut: 0.5s, j-cut: 0.5s}", 2.5, 1.5),
    ],
)
def test_split_edits_are_heard(film: Path, join: str, a_ends: float, b_begins: float) -> None:
    """Pictures are cut at two seconds; each clip's tone ends and begins where the word says."""
    sound = sound_of(
        film,
        "native_audio: {match: false}\n"
        "segments:\n"
        "  - {id: a, file: a.mov, in: 0.5s, out: 2.5s}\n"
        f"  - {{id: b, file: b.mov, in: 1s, out: 3s, join: {join}}}\n",
    )
    full = rms_db(tone(1))
    both = a_ends != b_begins
    assert level(sound, 300, 0.2, b_begins - 0.1) == pytest.approx(full, abs=0.3)
    assert level(sound, 300, a_ends + 0.1, 4) < -50
    assert level(sound, 1000, 0.2, b_begins - 0.02) < -50
    assert level(sound, 1000, (a_ends if both else b_begins) + 0.1, 3.9) == pytest.approx(
        full, abs=0.3
    )


def test_what_authors_ask_of_a_track_is_heard(film: Path) -> None:
    """Place, range, loop, fades with their curves, gain points and pan, in one track."""
    sound = sound_of(
        film,
        "segments:\n  - {id: a, file: a.mov, native: mute}\n"
        "tracks:\n  - {id: t, role: sfx, file: t.wav, on: a+0.5s, in: 0.5s, out: 1.5s,\n"
        "     loop: true, until: a+3.5s, fade_in: {duration: 0.5s, curve: linear}, pan: -1,\n"
        "     fade_out: {duration: 0.5s, curve: s},\n"
        "     points: [{at: 1s, gain: 0dB}, {at: 1.5s, gain: -12dB}]}\n",
    )
    envelope = np.array([rms_db(sound[at : at + 480, :1]) for at in range(0, 4 * HZ, 480)])
    full = rms_db(tone(1)) + 3.01
    assert not sound[: HZ // 2].any()
    assert not sound[round(3.5 * HZ) :].any()
    assert not sound[:, 1].any()
    assert envelope[75] == pytest.approx(full - 6.02, abs=0.2)  # halfway up a linear fade
    assert envelope[110:140] == pytest.approx(full, abs=0.2)
    assert envelope[175] == pytest.approx(full - 6, abs=0.2)
    assert envelope[210:240] == pytest.approx(full - 12, abs=0.2)
    assert envelope[324] == pytest.approx(full - 12 - 6.02, abs=0.4)  # halfway down an s


@pytest.mark.parametrize(("words", "heard_hz"), [("mute: true", 300), ("solo: true", 4000)])
def test_mute_and_solo_are_heard(film: Path, words: str, heard_hz: int) -> None:
    sound = sound_of(
        film,
        "segments: [{id: a, file: a.mov, out: 2s}]\n"
        f"tracks: [{{id: t, role: sfx, file: t.wav, {words}}}]\n",
    )
    levels = {pitch: level(sound, pitch, 0.2, 1.8) for pitch in (300, 4000)}
    assert [pitch for pitch, db in levels.items() if db > -50] == [heard_hz]


def pictures(path: Path) -> str:
    frames = b"".join(frame.tobytes() for block in read_frames(probe(path)) for frame in block)
    return hashlib.sha256(frames).hexdigest()


def test_the_picture_of_a_mix_replaces_nothing_of_the_users(film: Path) -> None:
    film.write_text(HEAD + "segments: [{id: a, file: a.mov, out: 1s}]\n", encoding="utf-8")
    picture = film.with_name("mix.png")
    assembler.mix(film, film.with_name("one.wav"), picture=picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    other = film.with_name("holiday.png")
    other.write_bytes(b"mine")
    with pytest.raises(OutputExistsError):
        assembler.mix(film, film.with_name("two.wav"), picture=other)


def test_a_mix_alone_tells_how_far_it_is(film: Path) -> None:
    """It counts its own work, and no pictures that nobody renders."""
    text = HEAD + "segments: [{id: a, file: a.mov}, {id: b, file: b.mov}]\n"
    film.write_text(text, encoding="utf-8")
    seen: list[Reading] = []
    assembler.mix(film, film.with_name("mix.wav"), progress=Progress(seen.append))
    mixed = [reading.done for reading in seen if reading.stage == "mix"]
    assert len([done for done in mixed if 0 < done < 1]) > 1
    assert mixed[-1] == 1


def written(film: Path) -> dict[Path, int]:
    """Rendered spans, each with its own number on the disk."""
    files = (film.parent / ".assembler/spans").rglob("*")
    return {p: p.stat().st_ino for p in files if p.suffix not in (".json", ".sound")}


def test_a_change_of_mix_leaves_the_picture_untouched(film: Path) -> None:
    """Another level and another music: no span is rendered, every picture is the same."""
    text = "segments: [{id: a, file: a.mov}]\ntracks: [{id: t, file: t.wav, level: -6dB}]\n"
    film.write_text(HEAD + text, encoding="utf-8")
    (first,) = assembler.render(film).outputs
    before, loud = pictures(first.path), first.lufs
    spans = written(film)
    film.write_text(HEAD + text.replace("-6dB", "0dB"), encoding="utf-8")
    (second,) = assembler.render(film).outputs
    assert second.rendered == 0
    assert not second.up_to_date
    assert pictures(second.path) == before
    assert second.lufs is not None
    assert loud is not None
    assert second.lufs > loud + 1
    assert spans == written(film)


def test_deliveries_of_other_loudness_are_mixed_together(tmp_path: Path) -> None:
    """The second target's file is there once the first is mixed."""
    studio = Studio(tmp_path)
    cut = programme(studio.sound(hiss(3, level=0.02), 0, 3 * HZ, "music"), frames=72)
    codec = delivery_preset("web-720p").audio
    web = mix_preset("web")
    wanted = [
        Wanted(cut, web.model_copy(update={"id": str(lufs), "integrated_lufs": lufs}), codec)
        for lufs in (-14.0, -23.0)
    ]
    folder = tmp_path / "mix"
    first = mixed(wanted[0], folder, others=wanted)
    assert wanted[1].path(folder).exists()
    written = wanted[1].path(folder).stat().st_mtime_ns
    second = mixed(wanted[1], folder, others=wanted)
    assert wanted[1].path(folder).stat().st_mtime_ns == written
    assert (first.lufs, second.lufs) == pytest.approx((-14, -23), abs=0.06)


@pytest.mark.parametrize("note", ["[]", "{}", '{"lufs": 1, "true_peak_dbtp": 2, "notes": 3}'])
def test_a_mix_whose_note_is_damaged_is_made_again(tmp_path: Path, note: str) -> None:
    """It is only kept; nothing of the user's is lost."""
    sound = Studio(tmp_path).sound(hiss(1, level=0.02), 0, HZ, "music")
    cut = programme(sound, frames=24)
    wanted = Wanted(cut, mix_preset("web"), delivery_preset("web-720p").audio)
    first = mixed(wanted, tmp_path / "mix")
    first.path.with_suffix(".json").write_text(note, encoding="utf-8")
    assert mixed(wanted, tmp_path / "mix") == first
