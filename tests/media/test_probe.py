"""What probe says of clips whose truth is known because the test made them."""

from __future__ import annotations

import struct
import time
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from assembler.errors import MediaError
from assembler.media import ffmpeg
from assembler.media.frames import FrameWriter, write_png
from assembler.media.info import DAMAGED, Colour
from assembler.media.probe import probe
from assembler.media.samples import write_wav
from tests.media.conftest import SIZE, Remux, numbered

RATE = Fraction(24)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 frames with B-frames, a keyframe every 8, and one second of sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    options = {"g": "8", "bf": "2", "sc_threshold": "0", "preset": "veryfast"}
    tone = 0.3 * np.sin(np.arange(48000) * 2 * np.pi * 440 / 48000)
    sound = np.stack([tone, tone], axis=1).astype(np.float32)
    with FrameWriter(path, SIZE, RATE, options=options, audio=(sound, 48000)) as writer:
        for number in range(24):
            writer.write(numbered(number))
    return path


@pytest.mark.parametrize("name", ["voice.webm", "voice.ogg", "voice.mp4"])
def test_opus_of_a_low_rate_begins_at_the_beginning(tmp_path: Path, name: str) -> None:
    """Its pre-skip counts at 48 kHz, whatever rate the container names."""
    source, out = tmp_path / "voice.wav", tmp_path / name
    write_wav(source, [np.zeros((8000, 1), np.float32)], 8000, 1)
    ffmpeg.run(["-i", str(source), "-c:a", "libopus", str(out)])
    (sound,) = probe(out).audio
    assert sound.start_s == 0
    assert float(sound.duration_s) == pytest.approx(1, abs=0.015)


def test_frames_rate_and_sound(clip: Path) -> None:
    info = probe(clip)
    video = info.video
    assert video is not None
    assert (video.frames, video.rate, video.vfr, video.start_s) == (24, RATE, False, 0)
    assert (video.width, video.height, video.sar, video.display_size) == (*SIZE, 1, SIZE)
    assert video.keyframes == (0, 8, 16)
    assert video.b_frames
    assert video.ordered
    assert video.colour == Colour("bt709", False, "bt709", "bt709", "left")
    (sound,) = info.audio
    assert (sound.hz, sound.channels, sound.start_s) == (48000, 2, 0)
    assert abs(sound.duration_s - 1) <= Fraction(1, 1000)
    assert info.notes == ()


def test_stamps_are_those_of_the_frames(clip: Path) -> None:
    with av.open(str(clip)) as container:
        decoded = [f.pts for f in container.decode(video=0)]
    video = probe(clip).video
    assert video is not None
    assert list(video.pts) == decoded


def test_edit_list_leaves_frames_out(clip: Path, tmp_path: Path) -> None:
    """A stream copy from within a group of pictures hides its first frames by an edit list."""
    cut = tmp_path / "cut.mp4"
    ffmpeg.run(["-ss", "0.5", "-i", str(clip), "-c", "copy", "-an", str(cut)])
    with av.open(str(cut)) as container:
        decoded = [f.pts for f in container.decode(video=0)]
    info = probe(cut)
    assert info.video is not None
    assert list(info.video.pts) == decoded
    assert info.video.frames < 16
    assert any("edit list" in note for note in info.notes)


def test_a_file_that_breaks_off_says_so(clip: Path, tmp_path: Path) -> None:
    """A download that stopped: its index promises frames that aren't there."""
    whole, short = tmp_path / "whole.mp4", tmp_path / "short.mp4"
    ffmpeg.run(["-i", str(clip), "-c", "copy", "-movflags", "+faststart", str(whole)])
    content = whole.read_bytes()
    short.write_bytes(content[: int(len(content) * 0.8)])
    info = probe(short)
    assert info.video is not None
    assert info.video.frames < 24
    assert info.notes == (f"{DAMAGED}: it breaks off in the middle of a frame.",)
    assert not probe(whole).notes


def test_late_start_is_kept(clip: Path, restamped: Remux) -> None:
    tick = 512  # of 12288 a second: 24 frames
    video = probe(restamped(clip, "late.mkv", lambda p: p + 48 * tick)).video
    assert video is not None
    assert abs(video.start_s - 2) < Fraction(1, 500)
    assert (video.rate, video.vfr) == (RATE, False)


def test_uneven_stamps_are_a_varying_rate(clip: Path, restamped: Remux) -> None:
    gap = restamped(clip, "gap.mkv", lambda p: p if p < 12 * 512 else p + 8 * 512)
    video = probe(gap).video
    assert video is not None
    assert video.vfr
    assert video.rate == RATE  # what most frames keep to


def test_a_last_frame_that_stays_longer_makes_no_odd_rate(clip: Path, tmp_path: Path) -> None:
    """Files divide their frames by their whole length, which sound may have made longer."""
    held = tmp_path / "held.mp4"
    bsf = "setts=duration=if(eq(N\\,23)\\,600\\,512)"
    ffmpeg.run(["-i", str(clip), "-c", "copy", "-an", "-bsf:v", bsf, str(held)])
    with av.open(str(held)) as container:
        assert container.streams.video[0].average_rate not in (RATE, None)
    video = probe(held).video
    assert video is not None
    assert (video.rate, video.vfr) == (RATE, False)


@pytest.mark.parametrize(
    ("flags", "rotation", "mirrored"),
    [
        (["-display_rotation", "90"], 270, False),
        (["-display_rotation", "-90"], 90, False),
        (["-display_rotation", "180"], 180, False),
        (["-display_hflip"], 0, True),
        (["-display_vflip"], 180, True),
        (["-display_rotation", "90", "-display_hflip"], 270, True),
    ],
)
def test_display_matrix(
    clip: Path, tmp_path: Path, flags: list[str], rotation: int, mirrored: bool
) -> None:
    turned = tmp_path / "turned.mp4"
    ffmpeg.run([*flags, "-i", str(clip), "-c", "copy", "-an", str(turned)])
    video = probe(turned).video
    assert video is not None
    assert video.rotation == rotation
    assert video.mirrored == mirrored


def test_pixel_shape_widens_the_display(clip: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.mp4"
    ffmpeg.run(["-i", str(clip), "-vf", "setsar=4/3", "-frames:v", "2", "-an", str(wide)])
    video = probe(wide).video
    assert video is not None
    assert (video.sar, video.display_size) == (Fraction(4, 3), (427, 192))


def test_interlacing_is_told(clip: Path, tmp_path: Path) -> None:
    woven = tmp_path / "woven.mp4"
    flags = ["-vf", "interlace=scan=tff", "-c:v", "libx264", "-flags", "+ilme+ildct", "-an"]
    ffmpeg.run(["-i", str(clip), *flags, str(woven)])
    video = probe(woven).video
    assert video is not None
    assert video.interlaced == "tff"


@pytest.mark.parametrize(
    ("colour", "pix_fmt"),
    [
        (Colour("bt601", True, "smpte170m", "smpte170m", "left"), "yuv420p"),
        (Colour("bt2020", False, "bt2020", "smpte2084", "left"), "yuv420p10le"),
    ],
)
def test_colour_tags_come_back(tmp_path: Path, colour: Colour, pix_fmt: str) -> None:
    path = tmp_path / "tagged.mp4"
    with FrameWriter(path, SIZE, RATE, colour=colour, pix_fmt=pix_fmt) as writer:
        writer.write(numbered(0))
    video = probe(path).video
    assert video is not None
    assert video.colour == colour
    assert video.bit_depth == (10 if "10" in pix_fmt else 8)


def test_untagged_stays_untagged(tmp_path: Path) -> None:
    path = tmp_path / "untagged.mp4"
    with FrameWriter(path, SIZE, RATE, tags=Colour()) as writer:
        writer.write(numbered(0))
    video = probe(path).video
    assert video is not None
    assert video.colour == Colour(chroma="left")


@pytest.mark.parametrize(("disposition", "index", "width"), [("default", 0, 160), ("0", 1, 320)])
def test_default_or_largest_of_several_streams_is_used_and_said(
    clip: Path, tmp_path: Path, disposition: str, index: int, width: int
) -> None:
    two = tmp_path / "two.mkv"
    graph = "[0:v]split[a][b];[a]scale=160:96[small]"
    maps = ["-map", "[small]", "-map", "[b]", "-frames:v", "3"]
    maps += [
        "-disposition:v:0",
        disposition,
        "-disposition:v:1",
        "0",
        "-default_mode",
        "passthrough",
    ]
    ffmpeg.run(["-i", str(clip), "-filter_complex", graph, *maps, str(two)])
    info = probe(two)
    assert info.video is not None
    assert (info.video.index, info.video.width) == (index, width)
    said = f"it has 2 video streams (0: 160x96, 1: 320x192); {index} is used."
    assert said in info.notes


def test_cover_art_is_no_picture_track(tmp_path: Path) -> None:
    cover, song = tmp_path / "cover.png", tmp_path / "song.mp3"
    write_png(cover, numbered(0))
    tone = ["-f", "lavfi", "-i", "sine=d=0.5", "-i", str(cover)]
    pinned = ["-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic"]
    ffmpeg.run([*tone, *pinned, str(song)])
    info = probe(song)
    assert info.video is None
    assert len(info.audio) == 1
    assert info.notes == ("a cover picture is left out.",)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_pictures_are_stills(tmp_path: Path, suffix: str) -> None:
    picture, path = tmp_path / "picture.png", tmp_path / f"still.{suffix}"
    write_png(picture, numbered(0))
    if suffix != "png":
        ffmpeg.run(["-i", str(picture), str(path)])
    info = probe(picture if suffix == "png" else path)
    assert info.still
    assert info.video is not None
    assert info.video.display_size == SIZE


def test_one_frame_clip_is_no_still(tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    with FrameWriter(path, SIZE, RATE) as writer:
        writer.write(numbered(0))
    assert not probe(path).still


def test_timecode_of_a_mov(clip: Path, tmp_path: Path) -> None:
    stamped = tmp_path / "stamped.mov"
    ffmpeg.run(["-i", str(clip), "-c", "copy", "-timecode", "01:00:00:00", str(stamped)])
    assert probe(stamped).timecode == "01:00:00:00"


def test_alpha_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "alpha.mov"
    with FrameWriter(path, SIZE, RATE, encoder="qtrle", pix_fmt="argb") as writer:
        writer.write(np.dstack([numbered(0), np.ones(SIZE[::-1], np.float32)]))
    video = probe(path).video
    assert video is not None
    assert video.alpha


_PLAYS = "check that it plays elsewhere, or convert it to MP4 (H.264)."
_AGAIN = "fetch or export it again."


@pytest.mark.parametrize(
    ("content", "what", "fix"),
    [
        (b"", "is empty (0 bytes)", _AGAIN),
        (
            b"<!DOCTYPE html><html>log in</html>",
            "is an HTML page, not media",
            "use the link of the file itself; it may need a login.",
        ),
        (
            b'{"error": "expired"}',
            "is JSON text, not media",
            "use the link of the file itself, not of its description.",
        ),
        (
            b"<?xml version='1.0'?><Error>AccessDenied</Error>",
            "is XML text, not media",
            "use the link of the file itself; it may have expired.",
        ),
    ],
)
def test_what_is_no_media_is_named(tmp_path: Path, content: bytes, what: str, fix: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert str(caught.value) == f"{path}: {what}\n  fix: {fix}"


def test_cut_off_download_is_named(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    data = clip.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert str(caught.value) == f"{path}: is cut off: its index (moov) is missing\n  fix: {_AGAIN}"


def test_noise_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(1).bytes(200_000))
    with pytest.raises(MediaError, match="is no media file that can be read") as caught:
        probe(path)
    assert caught.value.fix == _PLAYS


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="can't be read: No such file"):
        probe(tmp_path / "absent.mp4")


def test_playlist_does_not_reach_the_network(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError):
        probe(path)


def test_damaged_bytes_end_in_an_answer(clip: Path, tmp_path: Path) -> None:
    """Bytes flipped anywhere: an answer or a refusal, soon, and no other exception."""
    random = np.random.default_rng(5)
    data = np.frombuffer(clip.read_bytes(), np.uint8)
    begun = time.monotonic()
    for trial in range(40):
        broken = data.copy()
        places = random.integers(0, len(broken), 30)
        broken[places] = random.integers(0, 256, 30)
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(broken.tobytes())
        try:
            info = probe(path)
        except MediaError:
            continue
        assert info.video is None or info.video.frames >= 1
    assert time.monotonic() - begun < 60


def test_huge_sizes_in_boxes_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "huge.mp4"
    huge = struct.pack(">I4sQ", 1, b"moov", 1 << 60)
    path.write_bytes(struct.pack(">I4s8s", 16, b"ftyp", b"isom\0\0\0\0") + huge)
    with pytest.raises(MediaError, match="is cut off: its index"):
        probe(path)


def test_picture_bomb_is_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    write_png(path, numbered(0))
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 20_000, 10_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(bytes(data))
    with pytest.raises(MediaError, match="has pictures of 20000x10000"):
        probe(path)
