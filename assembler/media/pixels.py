"""
Numbers in a frame <-> encoded R'G'B' in floats, without bias.

    rgb = rgb_of(frame, assumed(info.video.colour, frame.width, frame.height))
    frame = planes_of(rgb, "yuv420p", BT709)

swscale's default conversion, which PyAV, OpenCV and moviepy share, darkens every channel by about
one 8-bit level in each direction. Here every step is done in float32 and rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import av
import av.video.plane
import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.errors import MediaError
from assembler.media.info import Colour

Floats = NDArray[np.float32]

BT709 = Colour("bt709", False, "bt709", "bt709", "left")
"""The standard of HD, and what we write."""

KR_KB = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
"""Weight of red and blue in luma (ITU-R BT.601-7, BT.709-6, BT.2020-2 non-constant)."""

_UNSUBSAMPLED_SD_LINES = 576
_REPACKED = {"yuyv422": "yuv422p", "uyvy422": "yuv422p", "yvyu422": "yuv422p", "pal8": "rgb24"}
"""Formats that swscale only reorders, without arithmetic."""

# Biorthogonal low-pass filters that invert the linear upsampling of chroma, so that a picture
# decoded and encoded again keeps its chroma: LeGall 5/3 where samples coincide, bior3.3 where a
# sample lies between two (Cohen, Daubechies, Feauveau 1992, table 6.1).
_DOWN_COSITED: Floats = np.array([-1, 2, 6, 2, -1], np.float32) / np.float32(8)
_DOWN_BETWEEN: Floats = np.array([3, -9, -7, 45, 45, -7, -9, 3], np.float32) / np.float32(64)


def assumed(colour: Colour, width: int, height: int) -> Colour:
    """
    *colour* with what is missing filled in by the standard: HD is BT.709, SD BT.601, limited range.

    SD means at most 576 lines and 1024 columns, as broadcast and players have it.
    """
    sd = height <= _UNSUBSAMPLED_SD_LINES and width <= 1024
    hdr = colour.hdr or colour.primaries == "bt2020"
    matrix = colour.matrix or ("bt2020" if hdr else "bt601" if sd else "bt709")
    by_matrix = {"bt2020": "bt2020", "bt601": "smpte170m"}.get(matrix, "bt709")
    return replace(
        colour,
        matrix=matrix,
        full_range=matrix == "rgb" if colour.full_range is None else colour.full_range,
        primaries=colour.primaries or by_matrix,
        transfer=colour.transfer or "bt709",
        chroma=colour.chroma or "left",
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a pixel format keeps its numbers."""

    name: str
    rgb: bool
    bits: int
    shift: int
    """Unused low bits."""
    chroma_x: int
    """Luma columns per chroma column."""
    chroma_y: int
    components: tuple[tuple[int, int, int], ...]
    """Plane, first element and step of Y, U, V, A or R, G, B, A (or Y, A)."""
    floating: bool
    big_endian: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one number."""
        order = ">" if self.big_endian else "<"
        if self.floating:
            return np.dtype(f"{order}f4")
        return np.dtype(np.uint8) if self.bits + self.shift <= 8 else np.dtype(f"{order}u2")

    @property
    def colours(self) -> int:
        """Number of components without alpha: 3, or 1 for grey."""
        return 3 if len(self.components) >= 3 else 1

    @property
    def alpha(self) -> bool:
        """Whether there is an alpha component."""
        return len(self.components) in (2, 4)


_PACKED_RGB = {
    "rgb24": "rgb",
    "bgr24": "bgr",
    "rgba": "rgba",
    "bgra": "bgra",
    "argb": "argb",
    "abgr": "abgr",
    "rgb0": "rgb0",
    "bgr0": "bgr0",
    "0rgb": "0rgb",
    "0bgr": "0bgr",
    "rgb48le": "rgb",
    "rgb48be": "rgb",
    "rgba64le": "rgba",
    "rgba64be": "rgba",
    "bgr48le": "bgr",
    "bgra64le": "bgra",
}
_SEMIPLANAR = ("nv12", "nv21", "nv16", "nv24", "nv42", "p010", "p012", "p016", "p210", "p216")


@lru_cache(maxsize=64)
def _layout(name: str) -> _Layout:
    """
    Layout of a pixel format.

    Raises:
        MediaError: If its numbers can't be read one by one.
    """
    try:
        format_ = av.VideoFormat(name, 64, 64)
    except ValueError as exc:
        raise _unknown(name) from exc
    stem = name.removesuffix("le").removesuffix("be")
    if format_.is_bit_stream or format_.is_bayer or format_.has_palette or stem.startswith("xyz"):
        raise _unknown(name)
    bits = format_.components[0].bits
    components, shift = _components(name, stem, format_)
    return _Layout(
        name,
        rgb=format_.is_rgb,
        bits=bits,
        shift=shift,
        chroma_x=64 // format_.chroma_width(64) if len(components) >= 3 else 1,
        chroma_y=64 // format_.chroma_height(64) if len(components) >= 3 else 1,
        components=components,
        floating=stem.endswith(("f32", "pf32")),
        big_endian=format_.is_big_endian,
    )


def _components(
    name: str, stem: str, format_: av.VideoFormat
) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """Places of the components, and unused low bits."""
    if name in _PACKED_RGB:
        order = _PACKED_RGB[name]
        return tuple((0, order.index(c), len(order)) for c in "rgba" if c in order), 0
    if stem in _SEMIPLANAR:
        first, second = (1, 0) if stem in ("nv21", "nv42") else (0, 1)
        bits = format_.components[0].bits
        return ((0, 0, 1), (1, first, 2), (1, second, 2)), (16 - bits if bits > 8 else 0)
    planes = [c.plane for c in format_.components]
    if (not format_.is_planar and len(planes) > 1) or len(set(planes)) != len(planes):
        raise _unknown(name)
    return tuple((plane, 0, 1) for plane in planes), 0


def _unknown(name: str) -> MediaError:
    return MediaError(
        f"pixel format {name} can't be read",
        fix="convert the file first, to yuv420p or yuv422p10le for example.",
    )


def rgb_of(frame: av.VideoFrame, colour: Colour) -> Floats:
    """
    Picture of a decoded frame, as coded: not turned, pixels not made square.

    Args:
        frame: Any 8 to 16 bit YUV, RGB or grey frame.
        colour: How its numbers are read; complete, see `assumed`.

    Returns:
        float32 (h, w, 3), encoded R'G'B' in [0, 1]; alpha is left out.
    """
    return scaled_rgb_of(frame, colour, None)


def scaled_rgb_of(frame: av.VideoFrame, colour: Colour, size: tuple[int, int] | None) -> Floats:
    """`rgb_of`, averaged down to *size* (width, height) before the conversion, which is faster."""
    if frame.format.name in _REPACKED:
        frame = frame.reformat(format=_REPACKED[frame.format.name])
    layout = _layout(_plain(frame.format.name))
    planes = [_read(frame, layout, i) for i in range(layout.colours)]
    width, height = size or (frame.width, frame.height)
    if layout.colours == 1:
        return _grey(_resized(planes[0], width, height), layout, colour)
    if layout.rgb:
        stacked = _merged([_resized(p, width, height) for p in planes])
        return _clipped(stacked * np.float32(1 / _white(layout)))
    luma = _resized(planes[0], width, height)
    coded = (frame.width, frame.height)
    both = _merged([_floats(plane) for plane in planes[1:3]])
    chroma = _sited(both, layout, colour, coded, (width, height))
    return _clipped(_transformed(_merged([luma, chroma]), rgb_from_codes(colour, layout.bits)))


def codes_of(frame: av.VideoFrame, colour: Colour) -> Floats | None:
    """
    Y, U and V of a decoded frame as code values, chroma brought to the size of luma.

    Returns:
        float32 (h, w, 3); None for RGB and grey formats.
    """
    if frame.format.name in _REPACKED:
        frame = frame.reformat(format=_REPACKED[frame.format.name])
    layout = _layout(_plain(frame.format.name))
    if layout.rgb or layout.colours == 1:
        return None
    size = (frame.width, frame.height)
    luma, *chroma = (_floats(_read(frame, layout, i)) for i in range(3))
    return _merged([luma, _sited(_merged(chroma), layout, colour, size, size)])


def alpha_of(frame: av.VideoFrame) -> Floats | None:
    """Alpha of a decoded frame, float32 (h, w) in [0, 1]; None when its format has none."""
    layout = _layout(_plain(frame.format.name))
    if not layout.alpha:
        return None
    white = 1.0 if layout.floating else float(2**layout.bits - 1)
    return _floats(_read(frame, layout, len(layout.components) - 1)) / np.float32(white)


def _plain(name: str) -> str:
    """yuvj420p and its like are yuv420p with full range in their tags."""
    return name.replace("yuvj", "yuv")


def _read(frame: av.VideoFrame, layout: _Layout, component: int) -> NDArray[Any]:
    """Code values of one component at its own size, a view where they stand alone."""
    plane_index, first, step = layout.components[component]
    plane = frame.planes[plane_index]
    width, height = _component_size(frame.width, frame.height, layout, component)
    values = _rows(plane, layout)[:height, first : first + step * (width - 1) + 1 : step]
    return values >> layout.shift if layout.shift else values


def _floats(values: NDArray[Any]) -> Floats:
    return np.asarray(values, np.float32)


def _rows(plane: av.video.plane.VideoPlane, layout: _Layout) -> NDArray[Any]:
    """All numbers of a plane, padding included, as a view."""
    values = np.frombuffer(memoryview(plane), layout.dtype)
    return values.reshape(-1, plane.line_size // layout.dtype.itemsize)


def _component_size(width: int, height: int, layout: _Layout, index: int) -> tuple[int, int]:
    if layout.rgb or layout.colours == 1 or index not in (1, 2):
        return width, height
    return -(-width // layout.chroma_x), -(-height // layout.chroma_y)


def _white(layout: _Layout) -> float:
    return 1.0 if layout.floating else float(2**layout.bits - 1)


def _resized(plane: NDArray[Any], width: int, height: int) -> Floats:
    """Averaged down, float32."""
    if plane.shape[:2] == (height, width):
        return _floats(plane)
    times = plane.shape[0] // height
    if plane.dtype == np.uint8 and plane.shape == (height * times, width * times) and times < 16:
        return _averaged(plane, times)
    out = cv2.resize(_floats(plane), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(out, np.float32)


def _averaged(plane: NDArray[np.uint8], times: int) -> Floats:
    """Means of squares: sums of so few bytes fit into 16 bits, which is quicker than floats."""
    rows = np.add(plane[0::times], plane[1::times], dtype=np.uint16)
    for row in range(2, times):
        rows += plane[row::times]
    sums = rows[:, 0::times] + rows[:, 1::times]
    for column in range(2, times):
        sums += rows[:, column::times]
    return sums * np.float32(1 / times**2)


def _merged(planes: list[Floats]) -> Floats:
    return np.asarray(cv2.merge(planes), np.float32)


def _transformed(picture: Floats, matrix: NDArray[np.float64]) -> Floats:
    return np.asarray(cv2.transform(picture, matrix), np.float32)


def _sited(
    chroma: Floats, layout: _Layout, colour: Colour, coded: tuple[int, int], size: tuple[int, int]
) -> Floats:
    """Chroma of a *coded* picture brought to *size* linearly, from where its samples lie."""
    first_x, first_y = _first_sample(layout, colour)
    columns, x = _axis(chroma.shape[1], layout.chroma_x, first_x, coded[0], size[0])
    rows, y = _axis(chroma.shape[0], layout.chroma_y, first_y, coded[1], size[1])
    chroma = _resized(chroma, columns, rows)
    if (columns, rows) == size and np.allclose([x, y], [1, 0], atol=1e-9):
        return chroma
    if (columns, rows) == size and np.allclose([x[0], y[0]], 1, atol=1e-9):
        row, column = (_shift(offset) for offset in (x[1], y[1]))
        edge = cv2.BORDER_REPLICATE
        return np.asarray(cv2.sepFilter2D(chroma, -1, row, column, borderType=edge), np.float32)
    back = np.array([[x[0], 0, x[1]], [0, y[0], y[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(chroma, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.float32)


def _shift(offset: float) -> Floats:
    """Three taps that read *offset*, in [-1, 1], away linearly."""
    before, after = max(0.0, -offset), max(0.0, offset)
    return np.array([before, 1 - before - after, after], np.float32)


def _axis(
    samples: int, factor: int, first: float, coded: int, wanted: int
) -> tuple[int, tuple[float, float]]:
    """
    How one axis of chroma reaches *wanted* columns.

    Returns:
        Number of columns to average down to first, then slope and offset of the map from a wanted
        column to a position among those.
    """
    step = coded / wanted / factor
    offset = ((coded / wanted - 1) / 2 - first) / factor
    if step <= 1:
        return samples, (step, offset)
    columns = max(1, round(samples / step))
    scale = columns / samples
    return columns, (step * scale, (offset + 0.5) * scale - 0.5)


def _first_sample(layout: _Layout, colour: Colour) -> tuple[float, float]:
    """Column and line of the first chroma sample, in luma samples."""
    cosited_x = colour.chroma in (None, "left", "topleft")
    cosited_y = colour.chroma in ("topleft", "top")
    x = 0.0 if cosited_x else (layout.chroma_x - 1) / 2
    y = 0.0 if cosited_y else (layout.chroma_y - 1) / 2
    return x, y


def _scale(colour: Colour, bits: int) -> tuple[float, float, float, float]:
    """Offset and span of luma, centre and span of chroma, in code values (BT.2100-2, table 9)."""
    if colour.full_range:
        return 0.0, float(2**bits - 1), float(2 ** (bits - 1)), float(2**bits - 1)
    step = 2.0 ** (bits - 8)
    return 16 * step, 219 * step, 128 * step, 224 * step


@lru_cache(maxsize=64)
def rgb_from_codes(colour: Colour, bits: int) -> NDArray[np.float64]:
    """3x4 map from Y, U, V code values and 1 to R'G'B' in [0, 1]."""
    if bits > 16:
        raise MediaError(f"{bits}-bit YUV can't be read", fix="convert the file to 10 or 12 bits.")
    kr, kb = KR_KB[colour.matrix or "bt709"] if colour.matrix != "rgb" else KR_KB["bt709"]
    kg = 1 - kr - kb
    black, luma, grey, chroma = _scale(colour, bits)
    ycc = np.array(
        [
            [1, 0, 2 * (1 - kr)],
            [1, -2 * (1 - kb) * kb / kg, -2 * (1 - kr) * kr / kg],
            [1, 2 * (1 - kb), 0],
        ]
    )
    linear = ycc / np.array([luma, chroma, chroma])
    return np.column_stack([linear, -linear @ np.array([black, grey, grey])])


@lru_cache(maxsize=64)
def codes_from_rgb(colour: Colour, bits: int) -> NDArray[np.float64]:
    """3x4 map from R'G'B' in [0, 1] and 1 to Y, U, V code values."""
    forward = np.vstack([rgb_from_codes(colour, bits), [0, 0, 0, 1]])
    return np.linalg.inv(forward)[:3]


def _grey(luma: Floats, layout: _Layout, colour: Colour) -> Floats:
    """Grey formats are full range unless tagged limited."""
    black, span, _, _ = _scale(colour, layout.bits)
    if layout.floating or colour.full_range is not False:
        black, span = 0.0, _white(layout)
    scaled = _clipped((luma - np.float32(black)) * np.float32(1 / span))
    return _merged([scaled, scaled, scaled])


def _clipped(rgb: Floats) -> Floats:
    return np.clip(rgb, 0, 1, out=rgb)


def planes_of(rgb: Floats, pix_fmt: str, colour: Colour) -> av.VideoFrame:
    """
    Frame with the numbers nearest to *rgb*.

    Args:
        rgb: float32 (h, w, 3), encoded R'G'B' in [0, 1]; a fourth channel is alpha, kept when the
            format has one.
        pix_fmt: Planar YUV or RGB, packed RGB or grey, 8 to 16 bit.
        colour: How the numbers shall mean colour; complete.
    """
    height, width = rgb.shape[:2]
    layout = _layout(_plain(pix_fmt))
    frame = av.VideoFrame(width, height, pix_fmt)
    for index, values in enumerate(_components_of(rgb, layout, colour)):
        _write(frame, layout, index, values)
    return frame


def _components_of(rgb: Floats, layout: _Layout, colour: Colour) -> list[Floats]:
    """Code values of every component of the format, at its own size, not yet rounded."""
    picture = np.ascontiguousarray(rgb[..., :3], np.float32)
    if layout.rgb:
        out = [picture[..., i] * np.float32(_white(layout)) for i in range(3)]
    elif layout.colours == 1:
        full = replace(colour, full_range=colour.full_range is not False)
        out = [_transformed(picture, codes_from_rgb(full, layout.bits)[:1])]
    else:
        ycc = _transformed(picture, codes_from_rgb(colour, layout.bits))
        chroma = _subsampled(ycc[..., 1:], layout, colour)
        out = [ycc[..., 0], chroma[..., 0], chroma[..., 1]]
    if layout.alpha:
        alpha = rgb[..., 3] if rgb.shape[2] == 4 else np.ones(rgb.shape[:2], np.float32)
        out.append(alpha * np.float32(_white(layout)))
    return out


def _subsampled(chroma: Floats, layout: _Layout, colour: Colour) -> Floats:
    """Chroma (h, w, 2) at the size of its planes, each sample where the format has it."""
    height, width = chroma.shape[:2]
    if layout.chroma_x > 2 or layout.chroma_y > 2:
        columns, rows = -(-width // layout.chroma_x), -(-height // layout.chroma_y)
        return _resized(np.ascontiguousarray(chroma), columns, rows)
    first_x, first_y = _first_sample(layout, colour)
    row, before_x, after_x, border_x = _low_pass(layout.chroma_x, first_x == 0, width)
    column, before_y, after_y, border_y = _low_pass(layout.chroma_y, first_y == 0, height)
    wide = cv2.copyMakeBorder(np.ascontiguousarray(chroma), 0, 0, before_x, after_x, border_x)
    padded = cv2.copyMakeBorder(wide, before_y, after_y, 0, 0, border_y)
    filtered = cv2.sepFilter2D(padded, -1, row, column, anchor=(before_x, before_y))
    inner = filtered[before_y : before_y + height, before_x : before_x + width]
    return np.asarray(inner[:: layout.chroma_y, :: layout.chroma_x], np.float32)


def _low_pass(factor: int, cosited: bool, length: int) -> tuple[Floats, int, int, int]:
    """Taps, how many of them lie before and after the sample, and how the border is extended."""
    if factor == 1:
        return np.ones(1, np.float32), 0, 0, cv2.BORDER_REPLICATE
    kernel, before, after = (_DOWN_COSITED, 2, 2) if cosited else (_DOWN_BETWEEN, 3, 4)
    if length <= after:  # too short to be mirrored
        return kernel, before, after, cv2.BORDER_REPLICATE
    return kernel, before, after, cv2.BORDER_REFLECT_101 if cosited else cv2.BORDER_REFLECT


def _write(frame: av.VideoFrame, layout: _Layout, index: int, values: Floats) -> None:
    plane_index, first, step = layout.components[index]
    plane = frame.planes[plane_index]
    height, width = values.shape
    target = _rows(plane, layout)[:height, first : first + step * (width - 1) + 1 : step]
    if layout.floating:
        target[...] = values
        return
    rounded = np.rint(np.clip(values, 0, 2**layout.bits - 1)).astype(layout.dtype)
    target[...] = rounded << layout.shift if layout.shift else rounded
