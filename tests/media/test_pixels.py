"""YUV <-> RGB against an independent slow reference, and twenty hops without drift."""

from __future__ import annotations

from itertools import product

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from assembler.errors import MediaError
from assembler.media.frames import BT709, assumed, planes_of, rgb_of
from assembler.media.info import Colour, Matrix
from assembler.media.pixels import alpha_of, codes_of, scaled_rgb_of

Doubles = NDArray[np.float64]

# ITU-R BT.601-7 §2.5, BT.709-6 §3, BT.2020-2 table 4: the equations as printed there.
_LUMA: dict[Matrix, tuple[float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
}
_DIVISORS: dict[Matrix, tuple[float, float]] = {
    "bt601": (1.772, 1.402),
    "bt709": (1.8556, 1.5748),
    "bt2020": (1.8814, 1.4746),
}
_MATRICES: tuple[Matrix, ...] = ("bt601", "bt709", "bt2020")


def _pixel(y: float, cb: float, cr: float, matrix: Matrix, full: bool, bits: int) -> list[float]:
    """One pixel by the equations of the standards, in double precision."""
    if full:
        luma = y / (2**bits - 1)
        blue, red = ((c - 2 ** (bits - 1)) / (2**bits - 1) for c in (cb, cr))
    else:
        luma = (y / 2 ** (bits - 8) - 16) / 219
        blue, red = ((c / 2 ** (bits - 8) - 128) / 224 for c in (cb, cr))
    kr, kg, kb = _LUMA[matrix]
    to_blue, to_red = _DIVISORS[matrix]
    b, r = luma + to_blue * blue, luma + to_red * red
    return [min(max(v, 0), 1) for v in (r, (luma - kr * r - kb * b) / kg, b)]


def _at(plane: Doubles, x: float, y: float) -> float:
    """Linear interpolation at a place, the border repeated."""
    height, width = plane.shape
    left, top = int(np.floor(x)), int(np.floor(y))
    total = 0.0
    for dx, dy in product((0, 1), (0, 1)):
        weight = abs(1 - dx - (x - left)) * abs(1 - dy - (y - top))
        row, column = min(max(top + dy, 0), height - 1), min(max(left + dx, 0), width - 1)
        total += weight * plane[row, column]
    return total


def _reference(
    planes: list[Doubles], colour: Colour, bits: int, factor: tuple[int, int]
) -> Doubles:
    """Slow float reference: every pixel for itself."""
    height, width = planes[0].shape
    first_x = 0.0 if colour.chroma in ("left", "topleft") else (factor[0] - 1) / 2
    first_y = 0.0 if colour.chroma in ("top", "topleft") else (factor[1] - 1) / 2
    out = np.zeros((height, width, 3))
    for row, column in product(range(height), range(width)):
        x, y = (column - first_x) / factor[0], (row - first_y) / factor[1]
        cb, cr = _at(planes[1], x, y), _at(planes[2], x, y)
        matrix = colour.matrix or "bt709"
        out[row, column] = _pixel(
            planes[0][row, column], cb, cr, matrix, bool(colour.full_range), bits
        )
    return out


def _frame(pix_fmt: str, planes: list[Doubles]) -> av.VideoFrame:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane, values in zip(frame.planes, planes, strict=True):
        dtype = np.dtype("<u2") if pix_fmt.endswith("le") else np.dtype(np.uint8)
        rows = np.frombuffer(memoryview(plane), dtype).reshape(values.shape[0], -1)
        rows[:, : values.shape[1]] = values
    return frame


_FORMATS = {
    "yuv420p": (8, (2, 2)),
    "yuv422p": (8, (2, 1)),
    "yuv444p": (8, (1, 1)),
    "yuv420p10le": (10, (2, 2)),
    "yuv422p10le": (10, (2, 1)),
    "yuv444p12le": (12, (1, 1)),
}


def _random_planes(pix_fmt: str, size: tuple[int, int], seed: int = 3) -> list[Doubles]:
    bits, (x, y) = _FORMATS[pix_fmt]
    random = np.random.default_rng(seed)
    width, height = size
    shapes = [(height, width), *[(-(-height // y), -(-width // x))] * 2]
    return [np.floor(random.random(s) * 2**bits) for s in shapes]


@pytest.mark.parametrize("pix_fmt", list(_FORMATS))
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", _MATRICES)
def test_rgb_equals_the_standards_equations(pix_fmt: str, full: bool, matrix: Matrix) -> None:
    bits, factor = _FORMATS[pix_fmt]
    planes = _random_planes(pix_fmt, (26, 14))
    colour = assumed(Colour(matrix, full), 26, 14)
    expected = _reference(planes, colour, bits, factor)
    np.testing.assert_allclose(rgb_of(_frame(pix_fmt, planes), colour), expected, atol=2e-5)


@pytest.mark.parametrize("chroma", ["left", "center", "topleft", "top"])
@pytest.mark.parametrize("size", [(26, 14), (13, 9)])
def test_chroma_is_taken_from_where_it_lies(chroma: str, size: tuple[int, int]) -> None:
    planes = _random_planes("yuv420p", size)
    colour = assumed(Colour("bt709", False, chroma=chroma), *size)  # type: ignore[arg-type]
    expected = _reference(planes, colour, 8, (2, 2))
    np.testing.assert_allclose(rgb_of(_frame("yuv420p", planes), colour), expected, atol=2e-5)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", _MATRICES)
def test_rounding_to_eight_bits_keeps_the_mean(pix_fmt: str, full: bool, matrix: Matrix) -> None:
    """Issue numbers: mean error per channel at most 0.05 levels of 255, RMS at most 0.5."""
    bits, factor = _FORMATS[pix_fmt]
    size = (96, 54)
    smooth = _picture(size)
    colour = assumed(Colour(matrix, full), *size)
    frame = planes_of(smooth, pix_fmt, colour)
    codes = [np.frombuffer(memoryview(p), "<u2" if bits > 8 else np.uint8) for p in frame.planes]
    widths = [96, 48, 48]
    planes = [
        c.reshape(-1, p.line_size // c.itemsize)[:, :w].astype(np.float64)
        for c, p, w in zip(codes, frame.planes, widths, strict=True)
    ]
    expected = _reference(planes, colour, bits, factor) * 255
    error = np.rint(rgb_of(frame, colour).astype(np.float64) * 255) - expected
    assert np.abs(error.mean(axis=(0, 1))).max() <= 0.05
    assert np.sqrt((error**2).mean()) <= 0.5


def _picture(size: tuple[int, int]) -> NDArray[np.float32]:
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    waves = [0.5 + 0.35 * np.sin(x / 17 + y / 11 + phase) for phase in (0.0, 2.1, 4.2)]
    return np.stack(waves, axis=2).astype(np.float32)


@pytest.mark.parametrize(
    "pix_fmt",
    [
        *("yuv420p", "yuv422p", "yuv444p", "nv12", "p010le", "yuv420p10le", "gbrp", "gbrp10le"),
        *("rgb24", "bgr24", "rgba", "rgb48le", "yuva420p", "gbrapf32le", "yuv444p16le"),
    ],
)
def test_picture_comes_back_from_every_format(pix_fmt: str) -> None:
    picture = _picture((96, 64))
    colour = assumed(BT709, 96, 64)
    back = rgb_of(planes_of(picture, pix_fmt, colour), colour)
    error = (back - picture)[:-2, :-2] * 255  # the last ones have chroma from one side only
    assert np.abs(error.mean(axis=(0, 1))).max() <= 0.05
    assert np.abs(error).max() < 4


def test_grey_is_full_range_unless_tagged_limited() -> None:
    grey = np.repeat(_picture((32, 16))[..., :1], 3, axis=2)
    for full in (True, False):
        colour = assumed(Colour("bt709", full), 32, 16)
        back = rgb_of(planes_of(grey, "gray", colour), colour)
        np.testing.assert_allclose(back, grey, atol=0.6 / 219)


def test_alpha_is_kept_where_the_format_has_it() -> None:
    picture = np.dstack([_picture((32, 16)), np.linspace(0, 1, 32)[None].repeat(16, 0)])
    frame = planes_of(picture.astype(np.float32), "yuva444p", assumed(BT709, 32, 16))
    alpha = alpha_of(frame)
    assert alpha is not None
    np.testing.assert_allclose(alpha, picture[..., 3], atol=0.51 / 255)


def test_twenty_hops_keep_mean_and_chroma() -> None:
    """Decoded, rounded to 8 bits and encoded again twenty times."""
    first = _picture((192, 128))
    colour = assumed(BT709, 192, 128)
    picture = first
    for _ in range(20):
        picture = rgb_of(planes_of(picture, "yuv420p", colour), colour)
        picture = (np.rint(picture * 255) / 255).astype(np.float32)
    assert np.abs((picture - first).mean(axis=(0, 1))).max() * 255 <= 0.2
    assert np.sqrt(((picture - first) ** 2).mean()) * 255 <= 1.5


def test_scaling_first_equals_scaling_last() -> None:
    import cv2

    picture = _picture((320, 192))
    colour = assumed(BT709, 320, 192)
    frame = planes_of(picture, "yuv420p", colour)
    small = cv2.resize(rgb_of(frame, colour), (107, 64), interpolation=cv2.INTER_AREA)
    error = (scaled_rgb_of(frame, colour, (107, 64)) - small) * 255
    assert np.sqrt((error**2).mean()) < 1.5
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.1


def test_codes_are_none_without_chroma() -> None:
    colour = assumed(BT709, 32, 16)
    assert codes_of(planes_of(_picture((32, 16)), "rgb24", colour), colour) is None
    codes = codes_of(planes_of(_picture((32, 16)), "yuv444p", colour), colour)
    assert codes is not None
    assert codes.shape == (16, 32, 3)


def test_unreadable_format_is_refused() -> None:
    with pytest.raises(MediaError) as caught:
        rgb_of(av.VideoFrame(16, 16, "bayer_rggb8"), BT709)
    assert str(caught.value) == (
        "pixel format bayer_rggb8 can't be read\n"
        "  fix: convert the file first, to yuv420p or yuv422p10le for example."
    )


@pytest.mark.parametrize(
    ("tags", "size", "matrix", "full"),
    [
        (Colour(), (1920, 1080), "bt709", False),
        (Colour(), (720, 576), "bt601", False),
        (Colour(), (1024, 576), "bt601", False),
        (Colour(), (1280, 720), "bt709", False),
        (Colour(primaries="bt2020"), (1920, 1080), "bt2020", False),
        (Colour("bt601", True), (1920, 1080), "bt601", True),
    ],
)
def test_missing_tags_follow_the_standard(
    tags: Colour, size: tuple[int, int], matrix: str, full: bool
) -> None:
    complete = assumed(tags, *size)
    assert (complete.matrix, complete.full_range) == (matrix, full)
    assert None not in (complete.primaries, complete.transfer, complete.chroma)
