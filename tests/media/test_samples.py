"""Sound is read from files and written to them to the sample."""

from __future__ import annotations

import struct
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from assembler.errors import MediaError
from assembler.media import ffmpeg
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.media.samples import (
    SampleReader,
    Samples,
    WavWriter,
    downmix,
    read_samples,
    write_wav,
)

CHIRPS = (3000, 22050, 44100 + 317, 100_000)
"""Where chirps begin, in samples at 44.1 kHz."""


def info_of(path: Path) -> MediaInfo:
    stat = path.stat()
    return MediaInfo(path, stat.st_size, stat.st_mtime_ns, "", None, (), False, None, ())


def chirp(hz: int) -> Samples:
    """20 ms from 300 Hz to 7 kHz with soft ends."""
    t = np.arange(round(0.02 * hz)) / hz
    wave_ = np.sin(2 * np.pi * (300 * t + (7000 - 300) / 0.04 * t * t))
    return (0.7 * wave_ * np.hanning(len(t))).astype(np.float32)


def chirps(hz: int = 44100, seconds: int = 3) -> Samples:
    sound = np.zeros((hz * seconds, 2), np.float32)
    for at in CHIRPS:
        sound[at : at + len(chirp(hz))] += chirp(hz)[:, None]
    return sound


def found(sound: Samples, hz: int, expected: float, within: int = 400) -> float:
    """Position at which a chirp begins near *expected*, to a fraction of a sample."""
    pattern = chirp(hz).astype(np.float64)
    first = max(0, round(expected) - within)
    part = sound[first : round(expected) + within + len(pattern), 0].astype(np.float64)
    match = np.correlate(part, pattern, "valid")
    k = int(match.argmax())
    a, b, c = match[k - 1 : k + 2]
    return first + k + float((a - c) / (2 * (a - 2 * b + c)))


def noise(seconds: float, hz: int = 44100, seed: int = 1) -> Samples:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((round(seconds * hz), 2)) * 0.1).astype(np.float32)


def encoded(folder: Path, sound: Samples, name: str, *args: str, hz: int = 44100) -> Path:
    source = folder / "source.wav"
    write_wav(source, [sound], hz, sound.shape[1])
    out = folder / name
    ffmpeg.run(["-i", str(source), *args, str(out)])
    return out


CODECS = [
    ("a.mp4", ["-c:a", "aac"]),
    ("a.mov", ["-c:a", "aac"]),
    ("a.mkv", ["-c:a", "aac"]),
    ("a.mp3", ["-c:a", "libmp3lame"]),
    ("mp3.mp4", ["-c:a", "libmp3lame"]),
    ("mp3.mkv", ["-c:a", "libmp3lame"]),
    ("a.ogg", ["-c:a", "libvorbis"]),
    ("vorbis.mkv", ["-c:a", "libvorbis"]),
    ("a.opus", ["-c:a", "libopus", "-b:a", "192k"]),
    ("opus.mkv", ["-c:a", "libopus", "-b:a", "192k"]),
    ("opus.mp4", ["-c:a", "libopus", "-b:a", "192k"]),
    ("a.flac", []),
    ("flac.mkv", ["-c:a", "flac"]),
    ("a.wav", []),
    ("pcm.mov", ["-c:a", "pcm_s24le"]),
]


@pytest.mark.parametrize(("name", "args"), CODECS, ids=[name for name, _ in CODECS])
@pytest.mark.parametrize("hz", [44100, 48000])
def test_a_sound_comes_back_at_its_sample(
    tmp_path: Path, name: str, args: list[str], hz: int
) -> None:
    """Encoder priming, edit lists and end padding are gone, whatever the codec and container."""
    path = encoded(tmp_path, chirps(), name, *args)
    # An MP3 file's clock runs from its first packet; its sound begins after the priming.
    start = Fraction(1105, 44100) if name.endswith(".mp3") else Fraction(0)
    sound = read_samples(info_of(path), 0, start, 4 * hz, hz, 2)
    for at in CHIRPS:
        expected = at * hz / 44100
        assert found(sound, hz, expected) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("name", "args"), CODECS, ids=[name for name, _ in CODECS])
def test_a_file_ends_with_its_last_sample(tmp_path: Path, name: str, args: list[str]) -> None:
    """What the encoder appended to fill its last frame is not played, where the file says so."""
    path = encoded(tmp_path, noise(1.0), name, *args)
    start = Fraction(1105, 44100) if name.endswith(".mp3") else Fraction(0)
    with SampleReader(path, 0, start, 44100, 2) as reader:
        reader.read(2 * 44100)
        end = reader.end
    assert end is not None
    padding = 1024 if name == "a.mkv" else 1  # Matroska states no end for AAC
    assert 44100 <= end <= 44100 + padding


@pytest.mark.parametrize("native", [8000, 24000, 44100, 96000])
def test_resampling_moves_nothing(tmp_path: Path, native: int) -> None:
    """A band-limited pulse is the same pulse at 48 kHz, to a millionth of its height."""
    centre, width = native // 2 + 7, 6 * max(1, native // 48000)
    at = np.arange(native)
    pulse = np.exp(-0.5 * ((at - centre) / width) ** 2)[:, None].astype(np.float32)
    path = tmp_path / "pulse.wav"
    write_wav(path, [pulse], native, 1)
    sound = read_samples(info_of(path), 0, Fraction(0), 48000, 48000, 1)
    expected = np.exp(-0.5 * ((np.arange(48000) * native / 48000 - centre) / width) ** 2)
    assert np.abs(sound[:, 0] - expected).max() < 2e-6


def test_a_start_between_samples_takes_the_nearest_phase(tmp_path: Path) -> None:
    """From 44.1 to 48 kHz the sound lies within 1/294 of a sample of where it was asked for."""
    at = np.arange(44100)
    pulse = np.exp(-0.5 * ((at - 22050) / 6) ** 2)[:, None].astype(np.float32)
    path = tmp_path / "pulse.wav"
    write_wav(path, [pulse], 44100, 1)
    start = Fraction(1001, 24000) * 7
    sound = read_samples(info_of(path), 0, start, 24000, 48000, 1)
    times = (float(start) + np.arange(24000) / 48000) * 44100
    expected = np.exp(-0.5 * ((times - 22050) / 6) ** 2)
    steepest = np.abs(np.diff(expected)).max()
    assert np.abs(sound[:, 0] - expected).max() < steepest / 294 + 1e-5


@pytest.mark.parametrize("native", [44100, 48000])
def test_ranges_that_abut_join_without_a_step(tmp_path: Path, native: int) -> None:
    """Reading in pieces, by new readers too, gives what one reading gives."""
    path = tmp_path / "noise.wav"
    write_wav(path, [noise(2.0, native)], native, 2)
    whole = read_samples(info_of(path), 0, Fraction(1, 3), 48000, 48000, 2)
    with SampleReader(path, 0, Fraction(1, 3), 48000, 2) as reader:
        pieces = np.concatenate([reader.read(n) for n in (1, 999, 20000, 27000)])
    later = read_samples(info_of(path), 0, Fraction(1, 3) + Fraction(1000, 48000), 9000, 48000, 2)
    np.testing.assert_allclose(pieces, whole, atol=1e-6)
    np.testing.assert_allclose(later, whole[1000:10000], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("a.mp4", ["-c:a", "aac"]),
        ("a.mkv", ["-c:a", "aac"]),
        ("a.ts", ["-c:a", "aac"]),
        ("a.mp3", ["-c:a", "libmp3lame", "-q:a", "2"]),
        ("a.ogg", ["-c:a", "libvorbis"]),
        ("vorbis.mkv", ["-c:a", "libvorbis"]),
        ("opus.mkv", ["-c:a", "libopus"]),
        ("a.flac", []),
    ],
)
def test_jumping_far_into_a_file_lands_on_the_sample(
    tmp_path: Path, name: str, args: list[str]
) -> None:
    """What a reader finds at 31 s doesn't depend on whether it read the 31 s before."""
    path = encoded(tmp_path, noise(33.0), name, *args)
    with SampleReader(path, 0, Fraction(0), 48000, 2) as reader:
        reader.read(31 * 48000)
        expected = reader.read(24000)
    jumped = read_samples(info_of(path), 0, Fraction(31), 24000, 48000, 2)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(jumped, expected, atol=1e-5)


def test_an_hour_has_no_drift(tmp_path: Path) -> None:
    """A pulse at 59:59.5 of an 8 kHz recording is there at 48 kHz, to a hundredth of a sample."""
    path = tmp_path / "hour.wav"
    second = np.zeros((8000, 1), np.float32)
    last = np.exp(-0.5 * ((np.arange(8000) - 4000) / 6) ** 2)[:, None].astype(np.float32)
    write_wav(path, [second] * 3599 + [last], 8000, 1, 32)
    sound = read_samples(info_of(path), 0, Fraction(3599), 48000, 48000, 1)
    expected = np.exp(-0.5 * ((np.arange(48000) / 6 - 4000) / 6) ** 2)
    assert np.abs(sound[:, 0] - expected).max() < 1e-5


def test_there_is_silence_before_and_after_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    write_wav(path, [np.full((480, 2), 0.5, np.float32)], 48000, 2)
    sound = read_samples(info_of(path), 0, Fraction(-1, 100), 1440, 48000, 2)
    assert not sound[:480].any()
    assert (sound[480:960] == 0.5).all()
    assert not sound[960:].any()


def test_sound_that_starts_late_keeps_its_place(tmp_path: Path) -> None:
    """The file's clock counts, not the order of samples."""
    source = tmp_path / "source.wav"
    write_wav(source, [chirps()], 44100, 2)
    path = tmp_path / "late.mp4"
    picture = ["-f", "lavfi", "-i", "color=s=64x64:d=4:r=25"]
    late = ["-itsoffset", "0.7", "-i", str(source)]
    ffmpeg.run([*picture, *late, "-c:a", "aac", "-preset", "ultrafast", str(path)])
    sound = read_samples(info_of(path), 1, Fraction(0), 4 * 48000, 48000, 2)
    expected = (0.7 + CHIRPS[1] / 44100) * 48000
    assert found(sound, 48000, expected) == pytest.approx(expected, abs=0.6)
    assert np.abs(sound[: round(0.69 * 48000)]).max() < 1e-4


def test_damaged_packets_become_silence_and_move_nothing(tmp_path: Path) -> None:
    path = encoded(tmp_path, chirps(), "a.mp4", "-c:a", "aac")
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux() if p.size]
    data = bytearray(path.read_bytes())
    for at, size in packets[30:34]:
        data[at : at + size] = b"\xff" * size
    path.write_bytes(data)
    with SampleReader(path, 0, Fraction(0), 44100, 2) as reader:
        sound = reader.read(3 * 44100)
        damaged = reader.damaged_packets
    assert damaged > 0
    assert found(sound, 44100, CHIRPS[3]) == pytest.approx(CHIRPS[3], abs=0.1)


def test_a_file_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    sound = noise(3.0)
    path = encoded(tmp_path, sound, "a.flac", "-sample_fmt", "s32")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    read = read_samples(info_of(path), 0, Fraction(0), 3 * 44100, 44100, 2)
    np.testing.assert_allclose(read[:44100], sound[:44100], atol=1e-6)
    assert not read[2 * 44100 :].any()


def test_numbers_that_are_no_sound_are_silence(tmp_path: Path) -> None:
    """A float file may hold anything; one such number must not spoil a programme."""
    sound = np.full((48000, 2), 0.25, np.float32)
    sound[1000], sound[20_000, 1], sound[30_000, 0] = np.nan, np.inf, -np.inf
    path = tmp_path / "odd.wav"
    write_wav(path, [sound], 48000, 2)
    with SampleReader(path, 0, Fraction(0), 48000, 2) as reader:
        heard = reader.read(48000)
    expected = np.where(np.isfinite(sound), sound, 0)
    np.testing.assert_array_equal(heard, expected)


def test_a_stream_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    ffmpeg.run(["-f", "lavfi", "-i", "color=s=64x64:d=0.2:r=25", str(path)])
    with pytest.raises(MediaError, match=r"stream 0 is no sound \(streams with sound: none\)"):
        read_samples(info_of(path), 0, Fraction(0), 100, 48000, 2)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="the sound can't be read"):
        SampleReader(tmp_path / "none.wav", 0, Fraction(0), 48000, 2)


# Channels -----------------------------------------------------------------------------------------

SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")
HALF = 0.5**0.5


def test_surround_becomes_stereo_by_bs_775() -> None:
    expected = [[1, 0], [0, 1], [HALF, HALF], [0, 0], [HALF, 0], [0, HALF]]
    np.testing.assert_allclose(downmix(SURROUND, 2), expected, atol=1e-6)


def test_surround_becomes_half_of_left_and_right_in_mono() -> None:
    matrix = downmix(SURROUND, 1)
    assert matrix is not None
    np.testing.assert_allclose(matrix[:, 0], [0.5, 0.5, HALF, 0, HALF / 2, HALF / 2], atol=1e-6)


def test_mono_keeps_its_level_through_stereo_and_back() -> None:
    up, down = downmix(("FC",), 2), downmix(("FL", "FR"), 1)
    assert up is not None
    assert down is not None
    assert float((up @ down)[0, 0]) == 1.0


def test_mono_becomes_the_centre_of_surround() -> None:
    np.testing.assert_array_equal(downmix(("FC",), 6), [[0, 0, 1, 0, 0, 0]])


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_surround_file_is_read_in_any_layout(tmp_path: Path, channels: int) -> None:
    """Each channel of a 5.1 file arrives where the matrix sends it."""
    sound = np.zeros((6000, 6), np.float32)
    for channel in range(6):
        sound[channel * 1000 : channel * 1000 + 1000, channel] = 0.25
    path = tmp_path / "surround.wav"
    write_wav(path, [sound], 48000, 6)
    read = read_samples(info_of(path), 0, Fraction(0), 6000, 48000, channels)
    matrix = downmix(("FL", "FR", "FC", "LFE", "SL", "SR"), channels)
    expected = sound if matrix is None else sound @ matrix
    np.testing.assert_allclose(read, expected, atol=1e-6)


def test_a_wav_without_a_layout_is_left_and_right(tmp_path: Path) -> None:
    sound = np.zeros((100, 2), np.float32)
    sound[:, 0], sound[:, 1] = 0.25, -0.5
    path = tmp_path / "plain.wav"
    write_wav(path, [sound], 48000, 2)
    np.testing.assert_array_equal(sound, read_samples(info_of(path), 0, Fraction(0), 100, 48000, 2))


@pytest.mark.parametrize("count", [3, 4, 6, 8])
def test_channels_without_names_are_all_heard(tmp_path: Path, count: int) -> None:
    """Recorders and MKV often say how many there are and no more; the LFE stays out, as ever."""
    codes = np.zeros((count * 1000, count), "<i2")
    for channel in range(count):
        codes[channel * 1000 : channel * 1000 + 1000, channel] = 8192
    path = tmp_path / "recorder.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((count, 2, 48000, len(codes), "NONE", ""))
        file.writeframes(codes.tobytes())
    read = read_samples(info_of(path), 0, Fraction(0), len(codes), 48000, 2)
    levels = [np.abs(read[n * 1000 : n * 1000 + 1000]).max(axis=0) for n in range(count)]
    side = 0.25 * HALF
    middle = {
        3: [[side, side]],
        4: [[side, side]] * 2,
        6: [[side, side], [0, 0], [side, 0], [0, side]],
        8: [[side, side], [0, 0], *[[side * HALF, 0], [0, side * HALF]] * 2],
    }[count]
    np.testing.assert_allclose(levels, [[0.25, 0], [0, 0.25], *middle], atol=1e-4)


# Writing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "steps"), [(16, 1 << 15), (24, 1 << 23)])
def test_integers_are_dithered_within_two_steps(tmp_path: Path, bits: int, steps: int) -> None:
    """The error is noise of about 0.5 steps RMS, without a mean."""
    sound = noise(1.0, 48000)
    path = tmp_path / "a.wav"
    write_wav(path, [sound], 48000, 2, bits)  # type: ignore[arg-type]
    read = read_samples(info_of(path), 0, Fraction(0), len(sound), 48000, 2)
    error = (read.astype(np.float64) - sound) * steps
    assert np.abs(error).max() <= 1.6
    assert abs(error.mean()) < 0.02
    assert np.sqrt((error**2).mean()) == pytest.approx(0.5, abs=0.03)


def test_silence_is_not_dithered(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, [np.zeros((100, 2), np.float32)], 48000, 2, 16)
    with wave.open(str(path)) as file:
        assert file.getnframes() == 100
        assert file.readframes(100) == bytes(400)


def test_the_same_sound_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, [noise(0.1)], 44100, 2, 24)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_large_file_is_rf64(tmp_path: Path) -> None:
    """Above the limit the sizes stand in a ds64 chunk, and ffmpeg reads all of it."""
    path = tmp_path / "large.wav"
    sound = noise(0.5, 48000)
    with WavWriter(path, 48000, 2, riff_limit=1000) as writer:
        writer.write(sound)
    head = path.read_bytes()[:48]
    assert head[:4] == b"RF64"
    assert head[12:16] == b"ds64"
    total, data, samples = struct.unpack("<QQQ", head[20:44])
    assert (total, data, samples) == (path.stat().st_size - 8, len(sound) * 8, len(sound))
    np.testing.assert_array_equal(
        sound, read_samples(info_of(path), 0, Fraction(0), len(sound), 48000, 2)
    )


def test_the_size_in_a_plain_header_is_the_files(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, [noise(0.1)[:, :1]] * 3, 44100, 1, 24)
    data = path.read_bytes()
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")

    def blocks() -> Iterator[Samples]:
        yield noise(0.1)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_wav(path, blocks(), 48000, 2)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_broadcast_wave_says_where_it_begins(tmp_path: Path) -> None:
    """One hour at 48 kHz, read by another program."""
    path = tmp_path / "stem.wav"
    with WavWriter(path, 48000, 1, time_reference=3600 * 48000) as writer:
        writer.write(np.full((480, 1), 0.5, np.float32))
    with av.open(str(path)) as container:
        assert container.metadata["time_reference"] == str(3600 * 48000)
        assert container.metadata["encoded_by"] == "assembler"
    assert (read_samples(probe(path), 0, Fraction(0), 480, 48000, 1) == 0.5).all()
