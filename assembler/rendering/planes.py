"""
Corrections on planes as they come from a file: no way through RGB, one rounding at the end.

    change = PlaneChange(correction, layout)
    planes = change.apply([y, u, v], n)          # B's n-th used frame

`match.apply.corrected` is the reference. Its colour part is a polynomial of second degree in RGB;
since Y'CbCr is linear in RGB, it is one in Y'CbCr too. Sorted by luma, Y' = a + (b + c·Y)·Y, where
a and b depend on chroma alone and are made at its resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

_HALF = np.float32(0.5)

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

    def luma(self, planes: Sequence[Plane]) -> F32:
        """Luma of a frame's planes, float32 in [0, 1]."""
        if self.rgb:
            green, blue, red = (p.astype(np.float32) for p in planes)
            grey = _KR * red + (1 - _KR - _KB) * green + _KB * blue
        else:
            grey = planes[0].astype(np.float32)
        zero, one = self.steps(0)
        return np.asarray((grey - zero) / one, np.float32)

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
        worked: list[Plane] = list(planes)
        if correction.affine is not None:
            worked = [self._moved(p, k, strength) for k, p in enumerate(worked)]
        if correction.colour is not None:
            sinks = [_Floats(s) for s in self.layout.shapes] if correction.sharpen else self._codes
            self._toned(worked, n, strength, sinks)
            worked = [sink.out for sink in sinks]
            if not correction.sharpen:
                return worked
        if correction.sharpen:
            amount = correction.sharpen * strength
            worked = [self._sharpened(p, k, amount) for k, p in enumerate(worked)]
        return [sink.whole(p) for sink, p in zip(self._codes, worked, strict=True)]

    @property
    def _codes(self) -> list[_Floats]:
        return [_Codes(self.layout, k) for k in range(3)]

    def _moved(self, plane: Plane, number: int, strength: float) -> F32:
        """A plane through the map."""
        import cv2

        whole = affine_at(self.correction, self.layout.size)
        assert whole is not None
        still = np.eye(2, 3)
        matrix = _on_plane(still + strength * (whole - still), self._place(number))
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        size = (plane.shape[1], plane.shape[0])
        wide = plane.astype(np.float32)  # quicker than 16 bits, and without rounding
        out = cv2.warpAffine(wide, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.float32)

    def _place(self, number: int) -> F64:
        """From a plane's samples to luma's (chroma sited left)."""
        if number == 0 or self.layout.rgb:
            return np.eye(3)
        across, down = self.layout.across, self.layout.down
        return np.array([[across, 0, 0], [0, down, (down - 1) / 2], [0, 0, 1]], np.float64)

    def _toned(
        self, planes: Sequence[Plane], n: int, strength: float, sinks: Sequence[_Floats]
    ) -> None:
        """Give *sinks* the planes with the colour in force at *n*."""
        assert self.correction.colour is not None
        still = np.array(IDENTITY, np.float64)
        rgb = still + strength * (matrix_at(self.correction.colour, n) - still)
        terms = _in_codes(rgb, self.layout)
        if self.layout.across == 1:
            _colour_flat(planes, terms, sinks)
        else:
            _colour_halved(planes, terms, self.layout.down, sinks)

    def _sharpened(self, plane: Plane, number: int, amount: float) -> F32:
        import cv2

        sigma = sharpen_radius_px(self.layout.size[1])
        place = self._place(number)
        wide = plane.astype(np.float32, copy=False)
        blurred = cv2.GaussianBlur(
            wide,
            (0, 0),
            sigmaX=sigma / place[0, 0],
            sigmaY=sigma / place[1, 1],
            borderType=cv2.BORDER_REFLECT_101,
        )
        return np.asarray(cv2.addWeighted(wide, 1 + amount, blurred, -amount, 0), np.float32)


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
            self.put(plane[top : top + _ROWS].astype(np.float32), top)
        return self.out


class _Codes(_Floats):
    """A plane that is rounded to codes: it came in as many bits, so that nothing is dithered."""

    def __init__(self, layout: Layout, number: int) -> None:
        self.out = np.empty(layout.shapes[number], layout.dtype)
        self.limits = layout.limits(number)

    def put(self, part: F32, top: int) -> None:
        """Rows from *top* on; *part* is used up."""
        np.clip(part, *self.limits, out=part)
        part += _HALF
        self.out[top : top + len(part)] = part


def _on_plane(matrix: F64, place: F64) -> F64:
    """A map between luma samples as one between a plane's samples."""
    whole = np.vstack([matrix, (0, 0, 1)])
    return np.asarray((np.linalg.inv(place) @ whole @ place)[:2])


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


def _in_codes(rgb: F64, layout: Layout) -> F32:
    """
    The (10, 3) colour matrix between RGB as one between codes.

    Both are polynomials of second degree, so 10 colours decide it; 64 are taken for good measure.
    """
    matrix, offset = _codes_from_rgb(layout)
    axis = np.linspace(0, 1, 4)
    colours = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    before = colours @ matrix.T + offset
    after = features(colours) @ rgb @ matrix.T + offset
    unit = np.abs(before).max()  # keeps squares and sums of one size
    powers = np.array([1, 1, 1, 2, 2, 2, 2, 2, 2, 0])
    found, *_ = np.linalg.lstsq(features(before / unit), after, rcond=None)
    return np.asarray(found / unit ** powers[:, None], np.float32)


def _colour_flat(planes: Sequence[Plane], terms: F32, sinks: Sequence[_Floats]) -> None:
    """Planes of one size through the polynomial *terms* (10, 3)."""
    for top in range(0, planes[0].shape[0], _ROWS):
        rows = slice(top, top + _ROWS)
        part = features(np.stack([p[rows] for p in planes], axis=-1).astype(np.float32)) @ terms
        for k in range(3):
            sinks[k].put(np.ascontiguousarray(part[..., k]), top)


def _colour_halved(
    planes: Sequence[Plane], terms: F32, down: int, sinks: Sequence[_Floats]
) -> None:
    """
    The same where chroma has half the columns, and half the rows when *down* is 2.

    Even and odd columns of luma are worked on apart: every step runs along memory.
    """
    import cv2

    y, u, v = planes
    rows, columns = u.shape
    for top in range(0, rows, _ROWS // down):
        stop = min(rows, top + _ROWS // down)
        near = np.clip(np.arange(top - 1, stop + 1), 0, rows - 1) if down == 2 else slice(top, stop)
        blue, red = (p[near].astype(np.float32) for p in (u, v))
        luma = y[top * down : stop * down].reshape(-1, columns, 2)
        even, odd = (part.astype(np.float32) for part in cv2.split(luma))

        a, b = (_between_rows(part, down) for part in _by_luma(blue, red, terms[:, 0]))
        square = terms[3, 0]
        parts = [
            (even * square + b) * even + a,
            (odd * square + _between_columns(b)) * odd + _between_columns(a),
        ]
        sinks[0].put(cv2.merge(parts).reshape(-1, 2 * columns), top * down)

        if down == 2:
            blue, red = blue[1:-1], red[1:-1]
        small = _at_chroma(even, odd, down)
        for k in (1, 2):
            a, b = _by_luma(blue, red, terms[:, k])
            sinks[k].put((small * terms[3, k] + b) * small + a, top)


def _by_luma(u: F32, v: F32, terms: F32) -> tuple[F32, F32]:
    """a and b of a + b·Y + terms[3]·Y²; features are y, u, v, y², u², v², yu, uv, vy, 1."""
    t = terms
    a = u * (t[1] + t[4] * u + t[7] * v) + v * (t[2] + t[5] * v) + t[9]
    b = t[6] * u + t[8] * v + t[0]
    return a, b


def _at_chroma(even: F32, odd: F32, down: int) -> F32:
    """Luma where chroma samples lie: on even columns, between rows."""
    if down == 2:
        even, odd = (even[0::2] + even[1::2]) * _HALF, (odd[0::2] + odd[1::2]) * _HALF
    left = np.empty_like(odd)
    left.ravel()[1:] = odd.ravel()[:-1]
    left[:, 0] = even[:, 0]
    left += odd
    left *= _HALF
    left += even
    left *= _HALF
    return left


def _between_rows(chroma: F32, down: int) -> F32:
    """Chroma at luma's rows; with *down* 2, its first and last rows are those of neighbours."""
    if down == 1:
        return chroma
    quarter = chroma * np.float32(0.25)
    most = chroma[1:-1] - quarter[1:-1]
    out = np.empty((2 * len(most), chroma.shape[1]), np.float32)
    np.add(most, quarter[:-2], out=out[0::2])
    np.add(most, quarter[2:], out=out[1::2])
    return out


def _between_columns(chroma: F32) -> F32:
    """Halfway from each column to the next."""
    out, flat = chroma.copy(), chroma.ravel()
    np.add(flat[:-1], flat[1:], out=out.ravel()[:-1])
    out *= _HALF
    out[:, -1] = chroma[:, -1]
    return out
