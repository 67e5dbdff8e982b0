"""
Corrections on planes as they come from a file: no way through RGB, one rounding at the end.

    change = PlaneChange.of(correction, layout)
    planes = change.apply([y, u, v], n)          # B's n-th used frame

`match.apply.corrected` is the reference. Its colour part is a polynomial of second degree in RGB;
since Y'CbCr is linear in RGB, it is one in Y'CbCr too. Sorted by luma, Y' = a + (b + c·Y)·Y, where
a and b depend on chroma alone and are made at its resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assembler.match.apply import (
    affine_at,
    features,
    matrix_at,
    sharpen_radius_px,
    strength_at,
)
from assembler.match.decision import IDENTITY, Correction

Plane = NDArray[Any]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_ROWS = 32
"""Luma rows that are worked on at once: what they need stays in the processor's cache."""

_KR, _KB = 0.2126, 0.0722
"""ITU-R BT.709."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a planar pixel format lays out a picture."""

    size: tuple[int, int]
    rgb: bool
    """Planes are G, B, R in full range; else Y, Cb, Cr in limited range."""
    bits: int
    across: int
    """Luma samples per chroma sample."""
    down: int

    @classmethod
    def of(cls, pix_fmt: str, size: tuple[int, int]) -> Layout:
        """Of a planar format without alpha: yuv420p, yuv422p10le, gbrp16le…"""
        bits = next((b for b in (10, 12, 16) if f"p{b}le" in pix_fmt), 8)
        across = 2 if "420" in pix_fmt or "422" in pix_fmt else 1
        return cls(size, pix_fmt.startswith("gbr"), bits, across, 2 if "420" in pix_fmt else 1)

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """Of a sample."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def shapes(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Rows and columns of the planes."""
        width, height = self.size
        small = (-(-height // self.down), -(-width // self.across))
        return (height, width), small, small

    @property
    def frame_bytes(self) -> int:
        """Length of a raw frame."""
        return sum(h * w for h, w in self.shapes) * np.dtype(self.dtype).itemsize

    def planes(self, raw: bytes | bytearray) -> list[Plane]:
        """The planes of a raw frame."""
        samples, out, at = np.frombuffer(raw, self.dtype), [], 0
        for rows, columns in self.shapes:
            out.append(samples[at : at + rows * columns].reshape(rows, columns))
            at += rows * columns
        return out

    def steps(self, plane: int) -> tuple[float, float]:
        """Code of 0 and codes from 0 to 1 of a plane."""
        if self.rgb:
            return 0.0, float(2**self.bits - 1)
        unit = 2.0 ** (self.bits - 8)
        return (16 * unit, 219 * unit) if plane == 0 else (128 * unit, 224 * unit)

    def limits(self, plane: int) -> tuple[float, float]:
        """Least and greatest code that a corrected plane has."""
        zero, one = self.steps(plane)
        return (zero, zero + one) if self.rgb or plane == 0 else (zero - one / 2, zero + one / 2)


@dataclass(frozen=True, slots=True)
class PlaneChange:
    """A correction for planes of one layout."""

    correction: Correction
    layout: Layout

    def apply(self, planes: Sequence[Plane], n: int) -> list[Plane]:
        """B's *n*-th used frame as it is shown; planes of the same layout."""
        correction, strength = self.correction, strength_at(self.correction, n)
        if correction.neutral or strength == 0.0:
            return list(planes)
        wide: list[Plane] = list(planes)
        shift = 0
        if correction.affine is not None:
            shift = 8 if self.layout.bits == 8 else 0  # for positions between samples
            wide = [self._moved(p, k, shift, strength) for k, p in enumerate(planes)]
        if correction.colour is None and not correction.sharpen:
            return [self._narrow(p, shift) for p in wide]
        if not correction.sharpen:
            return self._toned(wide, shift, n, strength, [_Codes(self.layout, k) for k in range(3)])
        toned = self._toned(wide, shift, n, strength, [_Floats(s) for s in self.layout.shapes])
        amount = correction.sharpen * strength
        return [
            _Codes(self.layout, k).whole(self._sharpened(p, k, amount)) for k, p in enumerate(toned)
        ]

    def _moved(self, plane: Plane, number: int, shift: int, strength: float) -> Plane:
        """A plane through the map, in 16 bits."""
        import cv2

        whole = affine_at(self.correction, self.layout.size)
        assert whole is not None
        still = np.eye(2, 3)
        matrix = _on_plane(still + strength * (whole - still), self._place(number))
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        deep = np.left_shift(plane, shift, dtype=np.uint16) if shift else plane
        size = (plane.shape[1], plane.shape[0])
        return np.asarray(
            cv2.warpAffine(deep, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        )

    def _place(self, number: int) -> F64:
        """From a plane's samples to luma's (chroma sited left)."""
        if number == 0 or self.layout.rgb:
            return np.eye(3)
        across, down = self.layout.across, self.layout.down
        return np.array([[across, 0, 0], [0, down, (down - 1) / 2], [0, 0, 1]], np.float64)

    def _narrow(self, plane: Plane, shift: int) -> Plane:
        import cv2

        return np.asarray(cv2.convertScaleAbs(plane, alpha=1 / (1 << shift))) if shift else plane

    def _toned(
        self, planes: Sequence[Plane], shift: int, n: int, strength: float, sinks: Sequence[_Sink]
    ) -> list[Plane]:
        """What *sinks* make of the planes with the colour in force at *n*."""
        scale = 1 / (1 << shift)
        if self.correction.colour is None:
            return [
                sink.whole(p * np.float32(scale)) for sink, p in zip(sinks, planes, strict=True)
            ]
        still = np.array(IDENTITY, np.float64)
        rgb = still + strength * (matrix_at(self.correction.colour, n) - still)
        _colour(planes, _in_codes(rgb, self.layout, scale), self.layout, sinks)
        return [sink.out for sink in sinks]

    def _sharpened(self, plane: F32, number: int, amount: float) -> F32:
        import cv2

        sigma = sharpen_radius_px(self.layout.size[1])
        place = self._place(number)
        blurred = cv2.GaussianBlur(
            plane,
            (0, 0),
            sigmaX=sigma / place[0, 0],
            sigmaY=sigma / place[1, 1],
            borderType=cv2.BORDER_REFLECT_101,
        )
        return np.asarray(cv2.addWeighted(plane, 1 + amount, blurred, -amount, 0), np.float32)


class _Floats:
    """A plane that is gathered as it is."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.out: Plane = np.empty(shape, np.float32)

    def put(self, part: F32, top: int) -> None:
        """Rows from *top* on."""
        self.out[top : top + len(part)] = part

    def whole(self, plane: Plane) -> Plane:
        """All rows, a few at a time."""
        for top in range(0, len(plane), _ROWS):
            self.put(plane[top : top + _ROWS], top)
        return self.out


class _Codes(_Floats):
    """A plane that is rounded: the fraction decides how often the higher code is taken."""

    def __init__(self, layout: Layout, number: int) -> None:
        shape = layout.shapes[number]
        self.out = np.empty(shape, layout.dtype)
        self.limits = layout.limits(number)
        self.pattern = _pattern(shape)

    def put(self, part: F32, top: int) -> None:
        """Rows from *top* on; *part* is used up."""
        rows = slice(top, top + len(part))
        part += self.pattern[rows]
        np.clip(part, *self.limits, out=part)
        self.out[rows] = part


_Sink = _Floats


def _on_plane(matrix: F64, place: F64) -> F64:
    """A map between luma samples as one between a plane's samples."""
    whole = np.vstack([matrix, (0, 0, 1)])
    return np.asarray((np.linalg.inv(place) @ whole @ place)[:2])


@lru_cache(maxsize=8)
def _pattern(shape: tuple[int, int]) -> F32:
    """
    Thresholds in [0, 1) that are even in every small neighbourhood.

    Interleaved gradient noise (Jimenez, "Next generation post processing", SIGGRAPH 2014).
    """
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.asarray((52.9829189 * ((0.06711056 * x + 0.00583715 * y) % 1)) % 1, np.float32)


def _codes_from_rgb(layout: Layout) -> tuple[F64, F64]:
    """Matrix (3, 3) and offset (3,): planes of RGB in [0, 1], in codes."""
    if layout.rgb:
        rows = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float64)
    else:
        luma = np.array([_KR, 1 - _KR - _KB, _KB])
        blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - _KB))
        red = (np.array([1, 0, 0]) - luma) / (2 * (1 - _KR))
        rows = np.stack([luma, blue, red])
    zeros, ones = zip(*(layout.steps(k) for k in range(3)), strict=True)
    return rows * np.array(ones)[:, None], np.array(zeros)


def _in_codes(rgb: F64, layout: Layout, scale: float) -> F64:
    """
    The (10, 3) colour matrix between RGB as one between codes (input times *scale*).

    Both are polynomials of second degree, so 10 colours decide it; 64 are taken for good measure.
    """
    matrix, offset = _codes_from_rgb(layout)
    axis = np.linspace(0, 1, 4)
    colours = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    before = (colours @ matrix.T + offset) / scale
    after = features(colours) @ rgb @ matrix.T + offset
    unit = np.abs(before).max()  # keeps squares and sums of one size
    powers = np.array([1, 1, 1, 2, 2, 2, 2, 2, 2, 0])
    found, *_ = np.linalg.lstsq(features(before / unit), after, rcond=None)
    return np.asarray(found / unit ** powers[:, None])


def _colour(planes: Sequence[Plane], terms: F64, layout: Layout, sinks: Sequence[_Sink]) -> None:
    """Planes through the polynomial *terms* (10, 3), in codes as floats, not clipped."""
    if layout.across == layout.down == 1:
        _colour_flat(planes, terms, sinks)
        return
    height, width = layout.shapes[0]
    y: Plane = planes[0]
    u, v = (p.astype(np.float32) for p in planes[1:])
    a, b, square = _by_luma(u, v, terms[:, 0])
    small = _at_chroma(y, layout)
    for k in (1, 2):
        own_a, own_b, own_square = _by_luma(u, v, terms[:, k])
        sinks[k].whole(
            (own_a + (own_b + own_square * small) * small).astype(np.float32, copy=False)
        )
    for top in range(0, height, _ROWS):
        rows = slice(top, min(height, top + _ROWS))
        luma = y[rows].astype(np.float32)
        part = luma * square
        part += _at_luma(b, rows, width, layout)
        part *= luma
        part += _at_luma(a, rows, width, layout)
        sinks[0].put(part, top)


def _colour_flat(planes: Sequence[Plane], terms: F64, sinks: Sequence[_Sink]) -> None:
    """The same where all planes have one size."""
    matrix = terms.astype(np.float32)
    for top in range(0, planes[0].shape[0], _ROWS):
        rows = slice(top, top + _ROWS)
        part = features(np.stack([p[rows] for p in planes], axis=-1).astype(np.float32)) @ matrix
        for k in range(3):
            sinks[k].put(np.ascontiguousarray(part[..., k]), top)


def _by_luma(u: F32, v: F32, terms: F64) -> tuple[F32, F32, np.float32]:
    """a, b and c of a + b·Y + c·Y²; features are y, u, v, y², u², v², yu, uv, vy, 1."""
    t = [np.float32(value) for value in terms]
    a = t[9] + u * (t[1] + t[4] * u + t[7] * v) + v * (t[2] + t[5] * v)
    b = t[0] + t[6] * u + t[8] * v
    return a, b, t[3]


def _at_chroma(luma: Plane, layout: Layout) -> F32:
    """Luma where chroma samples lie: on even columns, between rows."""
    flat = luma.astype(np.float32)
    if layout.down == 2:
        flat = (flat[0::2] + flat[1::2]) * np.float32(0.5)
    left = np.concatenate([flat[:, :1], flat[:, 1:-2:2]], axis=1)
    return np.asarray((left + 2 * flat[:, 0::2] + flat[:, 1::2]) * np.float32(0.25))


def _at_luma(chroma: F32, rows: slice, width: int, layout: Layout) -> F32:
    """*rows* of a chroma plane brought to luma's places, linearly."""
    if layout.down == 2:
        first, count = rows.start // 2, (rows.stop - rows.start) // 2
        index = np.clip(np.arange(first - 1, first + count + 1), 0, chroma.shape[0] - 1)
        own = chroma[index]
        tall = np.empty((2 * count, chroma.shape[1]), np.float32)
        tall[0::2] = own[1:-1] * np.float32(0.75) + own[:-2] * np.float32(0.25)
        tall[1::2] = own[1:-1] * np.float32(0.75) + own[2:] * np.float32(0.25)
    else:
        tall = chroma[rows]
    out = np.empty((tall.shape[0], width), np.float32)
    out[:, 0::2] = tall
    out[:, 1:-1:2] = (tall[:, :-1] + tall[:, 1:]) * np.float32(0.5)
    out[:, -1] = tall[:, -1]
    return out
