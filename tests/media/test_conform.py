"""Conform: numbers that mean the same colour before and after, against float arithmetic."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from assembler.media.conform import conform, input_args, location, notes, planar
from assembler.media.ffmpeg import run
from assembler.media.frames import FrameWriter, read_frames, write_png
from assembler.media.info import Colour, MediaInfo
from assembler.media.pixels import BT709, rgb_of
from assembler.media.probe import probe
from tests.media.conftest import number_of, numbered

RATE = Fraction(24)
SIZE = (320, 192)


def ramps_and_bars() -> NDArray[np.float32]:
    """Grey ramp, red and blue ramp, bars; float32 R'G'B' (192, 320, 3)."""
    ramp = np.linspace(0, 1, 320, dtype=np.float32)
    picture = np.zeros((192, 320, 3), np.float32)
    picture[:64] = ramp[None, :, None]
    picture[64:128, :, 0], picture[64:128, :, 2], picture[64:128, :, 1] = ramp, ramp[::-1], 0.4
    colours = [(r, g, b) for r in (0.1, 0.75) for g in (0.1, 0.75) for b in (0.1, 0.75)]
    picture[128:] = np.repeat(np.array(colours, np.float32), 40, axis=0)[None]
    return picture


def written(path: Path, colour: Colour, pix_fmt: str, pictures: int = 2) -> MediaInfo:
    with FrameWriter(path, SIZE, RATE, encoder="ffv1", pix_fmt=pix_fmt, colour=colour) as writer:
        for _ in range(pictures):
            writer.write(ramps_and_bars())
    return probe(path)


def conformed(info: MediaInfo, out: Path, **more: Any) -> list[av.VideoFrame]:
    """Frames that come out, as decoded from a lossless file."""
    assert info.video is not None
    args = {
        "size": SIZE,
        "rate": RATE,
        "fit": "cover",
        "pix_fmt": "yuv420p",
        "first": 0,
        "count": 2,
    }
    args |= more
    node = ffmpeg.input(location(info.path), **input_args(info, args["first"], args["rate"]))
    stream = conform(node, info, info.video.colour, **args)
    run(
        ffmpeg.get_args(
            ffmpeg.output(stream, str(out), **{"c:v": "ffv1", "fps_mode": "passthrough"})
        )
    )
    with av.open(str(out)) as container:
        return list(container.decode(video=0))


FLAT = (slice(8, 56), slice(8, 312))
"""Where chroma subsampling doesn't blur: the grey ramp."""


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
def test_matrix_and_range_are_converted_without_bias(tmp_path, matrix, full, pix_fmt):
    """Mean error of each channel against float arithmetic is at most 0.05 levels of 255."""
    colour = replace(BT709, matrix=matrix, full_range=full)
    info = written(tmp_path / "in.mkv", colour, pix_fmt)
    frame = conformed(info, tmp_path / "out.mkv", pix_fmt="yuv444p10le")[0]
    with av.open(str(tmp_path / "in.mkv")) as container:
        reference = rgb_of(next(container.decode(video=0)), colour)
    error = (rgb_of(frame, BT709) - reference) * 255
    assert np.abs(error.mean(axis=(0, 1))).max() <= 0.05
    assert np.abs(error[FLAT]).max() <= 1.0


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_ten_bits_are_dithered_to_eight_without_bias(tmp_path, matrix):
    """The mean stays, and a slow ramp keeps more than the steps of 8 bits."""
    info = written(tmp_path / "in.mkv", replace(BT709, matrix=matrix), "yuv420p10le")
    frame = conformed(info, tmp_path / "out.mkv")[0]
    error = (rgb_of(frame, BT709) - ramps_and_bars())[FLAT] * 255
    assert np.abs(error.mean(axis=(0, 1))).max() <= 0.05


def test_scaling_keeps_the_mean(tmp_path):
    """Enlarged by 1.5 and reduced to a half, grey ramps keep their levels."""
    info = written(tmp_path / "in.mkv", BT709, "yuv420p")
    for size in ((480, 288), (160, 96)):
        frame = conformed(info, tmp_path / f"{size[0]}.mkv", size=size)[0]
        rgb = rgb_of(frame, BT709)[: size[1] // 3 - 4]
        assert abs(rgb.mean() - 0.5) * 255 <= 0.05


def test_chroma_stays_in_its_place_when_scaled(tmp_path):
    """The edge between two colours lies where it was, to a tenth of a pixel."""
    picture = np.zeros((192, 320, 3), np.float32)
    picture[:, :160], picture[:, 160:] = (0.7, 0.2, 0.2), (0.2, 0.2, 0.7)
    with FrameWriter(tmp_path / "in.mkv", SIZE, RATE, encoder="ffv1", pix_fmt="yuv420p") as writer:
        writer.write(picture)
    frame = conformed(probe(tmp_path / "in.mkv"), tmp_path / "o.mkv", size=(640, 384), count=1)[0]
    row = np.frombuffer(frame.planes[2], np.uint8)[: frame.planes[2].line_size * 100]
    row = row.reshape(100, -1)[95, :320].astype(float)
    left, right = row[40], row[280]
    # A sample sited left covers from half a pixel before its pixel pair on.
    edge = 2 * ((row - right) / (left - right)).sum() - 0.5
    assert abs(edge - 320) <= 0.1


def test_fits(tmp_path):
    """Contain pads with black, cover crops, stretch fills, blur fills with the picture itself."""
    info = written(tmp_path / "in.mkv", BT709, "yuv420p")
    corners = {}
    for fit in ("contain", "cover", "stretch", "blur"):
        frame = conformed(info, tmp_path / f"{fit}.mkv", fit=fit, size=(320, 320), count=1)[0]
        corners[fit] = rgb_of(frame, BT709)[4, 300].mean()
    assert corners["contain"] < 0.01
    assert corners["cover"] == pytest.approx(0.5 + 140 / 320 * 192 / 320, abs=0.02)
    assert corners["stretch"] == pytest.approx(300 / 319, abs=0.02)
    assert corners["blur"] > 0.3


@pytest.mark.parametrize(("transfer", "white"), [("smpte2084", 0.5806), ("arib-std-b67", 0.75)])
def test_hdr_white_becomes_nearly_white(tmp_path, transfer, white):
    """Reference white (203 nits) is bright, twice that brighter, half of it keeps its place."""
    colour = Colour("bt2020", False, "bt2020", transfer, "left")
    levels = []
    for n, level in enumerate((white * 0.85, white, min(1.0, white * 1.2))):
        picture = np.full((192, 320, 3), level, np.float32)
        path = tmp_path / f"{n}.mkv"
        with FrameWriter(
            path, SIZE, RATE, encoder="ffv1", pix_fmt="yuv420p10le", colour=colour
        ) as w:
            w.write(picture)
        frame = conformed(probe(path), tmp_path / f"o{n}.mkv", count=1)[0]
        levels.append(float(rgb_of(frame, BT709).mean()))
    assert 0.5 < levels[0] < levels[1] < levels[2] <= 1.0
    assert 0.82 <= levels[1] <= 0.95


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_has_one_curve(tmp_path, transfer):
    """What ffmpeg maps and what numpy maps is the same picture, within a level on average."""
    colour = Colour("bt2020", False, "bt2020", transfer, "left")
    info = written(tmp_path / "hdr.mkv", colour, "yuv444p10le")
    found = conformed(info, tmp_path / "o.mkv", pix_fmt="yuv444p10le")[0]
    expected = next(iter(read_frames(info)))
    error = (rgb_of(found, BT709) - np.clip(expected, 0, 1)) * 255
    assert np.abs(error).mean() <= 1.0
    assert np.abs(error.mean(axis=(0, 1))).max() <= 0.5


def test_conversions_are_said_once(tmp_path):
    """Every assumption and conversion is a sentence with the file's name."""
    info = written(tmp_path / "in.mkv", replace(BT709, matrix="bt601", full_range=True), "yuv420p")
    assert info.video is not None
    assert notes(info, info.video.colour, size=(640, 384), rate=Fraction(25)) == (
        "in.mkv: 24 frames a second become 25",
        "in.mkv: 320x192 is scaled to 640x384",
        "in.mkv: BT.601 becomes BT.709",
        "in.mkv: full range becomes limited range",
    )


@pytest.mark.parametrize(
    ("pix_fmt", "expected"),
    [
        ("nv12", "yuv420p"), ("yuyv422", "yuv422p"), ("p010le", "yuv420p10le"), ("pal8", "gbrp"),
        ("rgb48be", "gbrp16le"), ("gray", "yuv444p"), ("yuvj420p", "yuv420p"), ("bgra", "gbrp"),
    ],
)  # fmt: skip
def test_every_layout_has_planes_of_the_same_depth(pix_fmt, expected):
    """Packed and odd layouts become planes without losing bits."""
    assert expected == planar(pix_fmt, 320, 192)


def test_odd_sizes_become_full_chroma():
    """Half a chroma sample can't be scaled."""
    assert planar("yuv420p", 161, 121) == "yuv444p"


@pytest.mark.parametrize("b_frames", ["0", "2"])
@pytest.mark.parametrize("first", [0, 5])
def test_avi_loses_no_frame(tmp_path: Path, first: int, b_frames: str) -> None:
    """It has no time stamps, and demuxers don't agree where its first frame lies."""
    path = tmp_path / "in.avi"
    with FrameWriter(path, SIZE, RATE, options={"bf": b_frames}) as writer:
        for n in range(12):
            writer.write(numbered(n))
    frames = conformed(probe(path), tmp_path / "out.mkv", first=first, count=12 - first)
    shown = [number_of(f.to_ndarray(format="gbrpf32le")) for f in frames]
    assert shown == list(range(first, 12))


@pytest.mark.parametrize("name", ["100%.png", "shot_%04d.png", "bild %02d.png", "%d/a.png"])
def test_percent_signs_in_a_stills_name_are_no_pattern(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write_png(path, ramps_and_bars())
    first, _ = conformed(probe(path), tmp_path / "out.mkv")
    assert np.abs(rgb_of(first, BT709) - ramps_and_bars()).mean() < 0.02


def test_photo_is_turned_upright_by_its_exif(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    codes = np.rint(ramps_and_bars() * 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(np.rot90(codes)))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(path, exif=exif, quality=95)
    first, _ = conformed(probe(path), tmp_path / "out.mkv")
    assert np.abs(rgb_of(first, BT709) - ramps_and_bars()).mean() < 0.02
