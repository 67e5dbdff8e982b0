"""Reading the right frame, upright and exact; writing frames that are read back."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from assembler.errors import MediaError, RenderError
from assembler.media import ffmpeg
from assembler.media.frames import (
    BT709,
    FrameWriter,
    coded_frame,
    last_frames,
    read_frames,
    read_image,
    write_png,
)
from assembler.media.info import Colour
from assembler.media.probe import probe
from assembler.media.tone import to_bt709
from tests.media.conftest import SIZE, Remux, number_of, numbered

RATE = Fraction(24)
COUNT = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 numbered frames with B-frames and a keyframe every 10."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    options = {"g": "10", "bf": "3", "sc_threshold": "0", "crf": "12", "preset": "veryfast"}
    with FrameWriter(path, SIZE, RATE, options=options) as writer:
        for number in range(COUNT):
            writer.write(numbered(number))
    return path


def _numbers(path: Path, **window: object) -> list[int]:
    return [number_of(f) for f in read_frames(probe(path), **window)]  # type: ignore[arg-type]


def test_all_frames_in_order(clip: Path) -> None:
    assert _numbers(clip) == list(range(COUNT))


@pytest.mark.parametrize("start", [0, 1, 9, 10, 11, 19, 25, 39])
def test_any_frame_is_found_exactly(clip: Path, start: int) -> None:
    assert _numbers(clip, start=start, stop=start + 3)[0] == start


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1", "mpeg4"])
def test_any_frame_is_found_far_from_a_keyframe(tmp_path: Path, encoder: str) -> None:
    """What lies before may be left out, but none of the frames that are asked for."""
    path = tmp_path / "clip.mp4"
    with FrameWriter(path, (192, 128), RATE, encoder=encoder, options={"g": "60"}) as writer:
        for number in range(COUNT):
            writer.write(numbered(number, (192, 128)))
    info, damaged = probe(path), list[int]()
    whole = list(read_frames(info))
    for start in (12, 21, 33):
        found = list(read_frames(info, start=start, damaged=damaged))
        assert np.array_equal(found, whole[start:])
    assert damaged == []


def test_a_frame_beyond_the_end_is_told(clip: Path) -> None:
    with pytest.raises(MediaError, match="no frame from number 80 on"):
        coded_frame(probe(clip), 80)


def test_past_the_end_the_last_frame_stays(clip: Path) -> None:
    assert _numbers(clip, start=38, stop=43) == [38, 39, 39, 39, 39]


def test_last_frames(clip: Path) -> None:
    assert [number_of(f) for f in last_frames(probe(clip), 3)] == [37, 38, 39]


@pytest.mark.parametrize(
    "rate", [Fraction(12), Fraction(25), Fraction(30000, 1001), Fraction(48), Fraction(60)]
)
def test_other_rates_show_what_the_source_shows_then(clip: Path, rate: Fraction) -> None:
    """Frame n is the last source frame that begins at or before n / rate."""
    shown = _numbers(clip, rate=rate)
    assert shown == [int(n / rate * RATE) for n in range(len(shown))]
    assert len(shown) == -(-COUNT * rate // RATE)


@pytest.mark.parametrize("suffix", ["mkv", "mov", "ts"])
def test_containers_with_other_clocks(clip: Path, tmp_path: Path, suffix: str) -> None:
    copy = tmp_path / f"copy.{suffix}"
    ffmpeg.run(["-i", str(clip), "-c", "copy", str(copy)])
    assert _numbers(copy, start=21, stop=25) == [21, 22, 23, 24]
    assert _numbers(copy, start=10, stop=14, rate=Fraction(24)) == [10, 11, 12, 13]


def test_varying_rate_is_read_by_its_stamps(clip: Path, restamped: Remux) -> None:
    gap = restamped(clip, "gap.mkv", lambda p: p if p < 12 * 512 else p + 6 * 512)
    shown = _numbers(gap, start=8, stop=22, rate=RATE)
    assert shown == [8, 9, 10, 11, 11, 11, 11, 11, 11, 11, 12, 13, 14, 15]


def test_late_start_changes_nothing(clip: Path, restamped: Remux) -> None:
    late = restamped(clip, "late.mp4", lambda p: p + 5000)
    assert _numbers(late, start=7, stop=10, rate=RATE) == [7, 8, 9]


def test_frames_hidden_by_an_edit_list_are_not_counted(clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    ffmpeg.run(["-ss", "0.625", "-i", str(clip), "-c", "copy", str(cut)])
    assert _numbers(cut, stop=3) == [15, 16, 17]


def test_clip_without_its_first_keyframe(clip: Path, tmp_path: Path) -> None:
    """A broadcast capture begins anywhere; what can't be decoded is left out."""
    whole, tail = tmp_path / "whole.ts", tmp_path / "tail.ts"
    ffmpeg.run(["-i", str(clip), "-c", "copy", str(whole)])
    data = whole.read_bytes()
    tail.write_bytes(data[len(data) // 3 // 188 * 188 :])
    info = probe(tail)
    assert info.video is not None
    assert any("can't be decoded" in note for note in info.notes)
    shown = [number_of(f) for f in read_frames(info)]
    assert len(shown) == info.video.frames
    assert shown[0] % 10 == 0
    assert shown == list(range(shown[0], COUNT))


def test_damaged_frames_repeat_the_one_before(clip: Path, tmp_path: Path) -> None:
    """Packets of frames 20 to 22 are wiped; the count stays, and the loss is told."""
    whole, broken = tmp_path / "whole.mkv", tmp_path / "broken.mkv"
    ffmpeg.run(["-i", str(clip), "-c:v", "libx264", "-g", "1", str(whole)])
    with av.open(str(whole)) as read, av.open(str(broken), "w") as written:
        out = written.add_stream_from_template(read.streams.video[0])
        packets = [p for p in read.demux(video=0) if p.size]
        for number, packet in enumerate(packets):
            wiped = av.Packet(bytes(packet.size) if number in (20, 21, 22) else bytes(packet))
            wiped.pts, wiped.dts, wiped.time_base = packet.pts, packet.dts, packet.time_base
            wiped.stream, wiped.is_keyframe = out, True
            written.mux(wiped)
    damaged: list[int] = []
    shown = [number_of(f) for f in read_frames(probe(broken), damaged=damaged)]
    assert damaged == [20, 21, 22]
    assert shown == [*range(20), 19, 19, 19, *range(23, COUNT)]


def _turned(path: Path, folder: Path, flags: list[str]) -> Path:
    out = folder / "turned.mp4"
    ffmpeg.run([*flags, "-i", str(path), "-c", "copy", str(out)])
    return out


@pytest.mark.parametrize(
    "flags",
    [
        ["-display_rotation", "90"],
        ["-display_rotation", "-90"],
        ["-display_rotation", "180"],
        ["-display_hflip"],
        ["-display_vflip"],
        ["-display_rotation", "90", "-display_hflip"],
        ["-display_rotation", "-90", "-display_vflip"],
    ],
)
def test_upright_as_ffmpeg_shows_it(clip: Path, tmp_path: Path, flags: list[str]) -> None:
    turned, shown = _turned(clip, tmp_path, flags), tmp_path / "shown.png"
    ffmpeg.run(["-i", str(turned), "-frames:v", "1", str(shown)])
    ours = next(read_frames(probe(turned)))
    theirs = read_image(shown)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 0.02


def test_pixels_are_made_square(clip: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.mp4"
    flags = ["-bsf:v", "h264_metadata=sample_aspect_ratio=2/1"]
    ffmpeg.run(["-i", str(clip), "-c", "copy", *flags, str(wide)])
    first = next(read_frames(probe(wide)))
    assert first.shape == (192, 640, 3)
    small = next(read_frames(probe(wide), max_size=(160, 160)))
    assert small.shape == (48, 160, 3)


def test_small_pictures_are_averages(clip: Path) -> None:
    whole = next(read_frames(probe(clip), start=5))
    small = next(read_frames(probe(clip), start=5, max_size=(80, 80)))
    expected = cv2.resize(whole, (80, 48), interpolation=cv2.INTER_AREA)
    assert small.shape == (48, 80, 3)
    assert np.sqrt(((small - expected) ** 2).mean()) < 1.5 / 255


def test_no_picture_is_said(tmp_path: Path) -> None:
    tone = tmp_path / "tone.wav"
    ffmpeg.run(["-f", "lavfi", "-i", "sine=d=0.2", str(tone)])
    with pytest.raises(MediaError, match="has sound only, no picture"):
        next(read_frames(probe(tone)))


@pytest.mark.parametrize(
    ("name", "encoder", "pix_fmt", "most"),
    [
        ("a.mkv", "ffv1", "yuv444p10le", 0.6),
        ("a.mkv", "ffv1", "bgr0", 0.51),
        ("a.mov", "qtrle", "rgb24", 0.51),
        ("a.mov", "prores_ks", "yuv422p10le", 40.0),
    ],
)
def test_written_frames_come_back(
    tmp_path: Path, name: str, encoder: str, pix_fmt: str, most: float
) -> None:
    path = tmp_path / name
    with FrameWriter(path, SIZE, RATE, encoder=encoder, pix_fmt=pix_fmt) as writer:
        for number in range(3):
            writer.write(numbered(number))
    frames = list(read_frames(probe(path)))
    assert [number_of(f) for f in frames] == [0, 1, 2]
    assert np.abs(frames[1] - numbered(1)).max() * 255 <= most


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001)])
def test_sound_lies_under_the_frames(tmp_path: Path, name: str, rate: Fraction) -> None:
    """A click at the start of frame 12 is heard there, within a thousandth of a second."""
    path = tmp_path / name
    at = round(12 / rate * 48000)
    sound = np.zeros((48000, 1), np.float32)
    sound[at : at + 200] = 0.9
    with FrameWriter(path, SIZE, rate, audio=(sound, 48000)) as writer:
        for number in range(24):
            writer.write(numbered(number))
    info = probe(path)
    assert info.video is not None
    assert (info.video.frames, info.video.start_s, info.audio[0].start_s) == (24, 0, 0)
    heard = _sound(path, tmp_path)
    assert abs(int(np.argmax(np.abs(heard) > 0.4)) - at) <= 48


def _sound(path: Path, folder: Path) -> NDArray[np.int16]:
    raw = folder / "sound.raw"
    ffmpeg.run(["-i", str(path), "-f", "s16le", "-ar", "48000", "-ac", "1", str(raw)])
    return np.fromfile(raw, "<i2") / 32768  # type: ignore[return-value]


def _write(path: Path, pictures: list[NDArray[np.float32]], encoder: str = "libx264") -> None:
    with FrameWriter(path, SIZE, RATE, encoder=encoder) as writer:
        for picture in pictures:
            writer.write(picture)


@pytest.mark.parametrize(
    ("pictures", "encoder", "what"),
    [
        ([numbered(0), numbered(0, (64, 64))], "libx264", "a frame of 64x64 doesn't fit 320x192"),
        ([], "libx264", "no frame was written"),
        ([numbered(0)], "no_such", "can't be written"),
    ],
)
def test_nothing_is_left_of_a_failed_file(
    tmp_path: Path, pictures: list[NDArray[np.float32]], encoder: str, what: str
) -> None:
    with pytest.raises(RenderError, match=what):
        _write(tmp_path / "a.mp4", pictures, encoder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("bits", "step"), [(8, 255), (16, 65535)])
def test_png_is_rounded_to_the_nearest(tmp_path: Path, bits: int, step: int) -> None:
    path = tmp_path / "dawn – ünï.png"
    picture = numbered(3)
    write_png(path, picture, bits)
    back = read_image(path)
    np.testing.assert_allclose(back, picture, atol=0.5001 / step + 1e-7)


def test_transparent_png_lies_on_black(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture = np.full((4, 4, 4), 0.8, np.float32)
    picture[..., 3] = 0.5
    write_png(path, picture)
    np.testing.assert_allclose(read_image(path), 0.4, atol=0.004)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("tag", [1, 2, 3, 4, 5, 6, 7, 8])
def test_stills_are_turned_by_their_exif(tmp_path: Path, suffix: str, tag: int) -> None:
    """Photos of cameras and phones: EXIF says how they were held."""
    path = tmp_path / f"a{suffix}"
    red_beside_green = np.zeros((32, 64, 3), np.uint8)
    red_beside_green[:, :32, 0] = red_beside_green[:16, 32:, 1] = 255
    image = Image.fromarray(red_beside_green)
    exif = image.getexif()
    exif[0x0110], exif[0x0112] = "a camera", tag
    image.save(path, exif=exif, quality=95)
    with Image.open(path) as saved:
        wanted = np.asarray(ImageOps.exif_transpose(saved).convert("RGB")) / 255
    (frame,) = read_frames(probe(path))
    for picture in (read_image(path), frame):
        assert picture.shape == wanted.shape
        assert np.abs(picture - wanted).mean() < 0.05


def test_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("<html></html>")
    with pytest.raises(MediaError, match="is an HTML page, not media"):
        read_image(path)


def test_hdr_white_stays_neutral_and_below_one() -> None:
    hdr = Colour("bt2020", False, "bt2020", "smpte2084", "left")
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None].repeat(3, 2)
    sdr = to_bt709(ramp, hdr)
    assert sdr.max() <= 1
    assert (np.diff(sdr[0, :, 0]) >= 0).all()
    assert np.ptp(sdr, axis=2).max() < 0.01
    white = to_bt709(np.full((1, 1, 3), 0.5806, np.float32), hdr)  # 203 nits in PQ
    assert 0.6 < float(white[0, 0, 0]) < 0.9


def test_sdr_passes_unchanged() -> None:
    picture = numbered(0)
    assert to_bt709(picture, BT709) is picture


def test_twenty_hops_through_files_do_not_drift(tmp_path: Path) -> None:
    """Last frame to PNG, PNG to first frame of the next clip, twenty times."""
    clip, picture = tmp_path / "hop.mp4", tmp_path / "hop.png"
    first = frame = numbered(7)
    for _ in range(20):
        with FrameWriter(clip, SIZE, RATE, options={"crf": "12", "preset": "veryfast"}) as writer:
            writer.write(frame)
            writer.write(frame)
        write_png(picture, last_frames(probe(clip), 1)[0])
        frame = read_image(picture)
    drift = np.abs((frame - first).mean(axis=(0, 1))) * 255
    assert drift.max() <= 0.5
