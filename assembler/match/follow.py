"""
Where a narrower window has to lie in a picture so that what is looked at stays in it.

    path = subject_path(pictures, window=0.32, axis=0, rate=6.0)      # in [0, 1] of the free room

What is looked at: what moves against the rest, what stands out, and skin. There is no detector of
faces in the packages that come along, so a face counts by its colour and because it moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

PLACES = 41
"""Places of the window that are weighed against each other."""
_MOVE_COST = 0.3
"""Of moving over the whole room, in parts of what the picture holds."""
_SMOOTH_S = 0.3
"""Standard deviation of the smoothing."""
_STILL = 0.06
"""A path that stays within so much of the room is a fixed frame."""
_NEAR = 0.006
"""Points of a path are left out where straight lines come so near."""
_SALIENCY_PX = 64
_MOTION, _SKIN, _STANDS_OUT = 1.0, 0.8, 0.5
_CENTRE = 0.15
"""How much less the edges count than the middle."""


def subject_path(
    pictures: Iterable[F32], *, window: float, axis: int, rate: float
) -> NDArray[np.float64]:
    """
    Place of the window in each picture.

    Args:
        pictures: float32 RGB in [0, 1], shape (h, w, 3), all of one size; some 100 to 200 wide do.
        window: Length of the window along *axis*, as a part of the picture's.
        axis: 0 when it moves sideways, 1 when up and down.
        rate: Pictures a second.

    Returns:
        Shape (n,): 0 at the left or top, 1 at the right or bottom of the room that it has.
    """
    profiles = [map_.sum(axis=axis) for map_ in _maps(pictures)]
    if not profiles:
        return np.zeros(0)
    held = np.stack([_held(profile, window) for profile in profiles])
    path = _steadiest(held, rate) / (PLACES - 1)
    smooth = _smoothed(path, _SMOOTH_S * rate)
    if smooth.max() - smooth.min() < _STILL:
        smooth = np.full_like(smooth, np.median(smooth))
    return np.asarray(np.clip(smooth, 0.0, 1.0), np.float64)


def turning_points(path: NDArray[np.float64]) -> tuple[int, ...]:
    """Numbers of the points between which straight lines tell *path* (Ramer, Douglas, Peucker)."""

    def between(a: int, b: int) -> Iterator[int]:
        line = np.interp(np.arange(a, b + 1), [a, b], [path[a], path[b]])
        off = np.abs(path[a : b + 1] - line)
        worst = a + int(off.argmax())
        if off.max() > _NEAR and a < worst < b:
            yield from between(a, worst)
            yield worst
            yield from between(worst, b)

    last = len(path) - 1
    return (0, *between(0, last), last) if last > 0 else (0,) * len(path)


def _maps(pictures: Iterable[F32]) -> Iterator[F32]:
    """How much each point is looked at; sums to 1."""
    before: F32 | None = None
    for picture in pictures:
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
        map_ = _STANDS_OUT * _shared(_standing_out(grey)) + _SKIN * _strong(_skin(picture))
        if before is not None:
            map_ = map_ + _MOTION * _strong(_motion(before, grey))
        before = grey
        yield _shared(map_ * _middle(*grey.shape))


def _shared(map_: Any) -> F32:
    total = float(map_.sum())
    return np.asarray(map_ / total if total > 0 else np.full_like(map_, 1 / map_.size), np.float32)


def _strong(map_: F32) -> F32:
    """A map's share, less where it is spread over the whole picture and so tells nothing."""
    spread = float((map_ > map_.max() / 4).mean()) if map_.max() > 0 else 1.0
    return np.asarray(_shared(map_) * np.float32(max(0.0, 1 - spread) ** 2), np.float32)


def _standing_out(grey: F32) -> F32:
    """
    Spectral residual.

    Source: Hou and Zhang, "Saliency detection: a spectral residual approach", CVPR 2007.
    """
    height = max(8, round(grey.shape[0] * _SALIENCY_PX / grey.shape[1]))
    small = cv2.resize(grey, (_SALIENCY_PX, height), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    amplitude = np.log(np.abs(spectrum) + 1e-9).astype(np.float32)
    residual = amplitude - cv2.blur(amplitude, (3, 3))
    back = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))
    found = cv2.GaussianBlur((np.abs(back) ** 2).astype(np.float32), (0, 0), 2.5)
    return np.asarray(cv2.resize(found, grey.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _motion(before: F32, now: F32) -> F32:
    """What moves otherwise than the whole picture does."""
    flat = cv2.createHanningWindow(now.shape[::-1], cv2.CV_32F)
    (dx, dy), sure = cv2.phaseCorrelate(before, now, flat)
    if sure > 0.2 and abs(dx) < now.shape[1] / 4 and abs(dy) < now.shape[0] / 4:
        shift = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
        size = now.shape[::-1]
        shifted = cv2.warpAffine(before, shift, size, borderMode=cv2.BORDER_REPLICATE)
        before = np.asarray(shifted, np.float32)
    moved = cv2.GaussianBlur(np.abs(now - before), (0, 0), 2.0)
    return np.asarray(np.maximum(moved - np.float32(0.01), 0), np.float32)


def _skin(picture: F32) -> F32:
    """
    Where colours are those of skin.

    Source: Chai and Ngan, "Face segmentation using skin-color map in videophone applications",
    IEEE Trans. CSVT 9 (1999): Cb in [77, 127], Cr in [133, 173].
    """
    ycc = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb) * np.float32(255)
    luma, red, blue = (ycc[..., k] for k in range(3))
    found = (red > 136) & (red < 173) & (blue > 77) & (blue < 127) & (luma > 50)
    return np.asarray(cv2.GaussianBlur(found.astype(np.float32), (0, 0), 2.0), np.float32)


def _middle(height: int, width: int) -> F32:
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] ** 2
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    return np.asarray(1 - np.float32(_CENTRE) * (across + down) / 2, np.float32)


def _held(profile: F32, window: float) -> NDArray[np.float64]:
    """What each place of the window holds of a profile; its middle counts more than its edges."""
    length = len(profile)
    inside = max(1.0, window * length)
    starts = np.linspace(0, length - inside, PLACES)
    at = np.arange(length) + 0.5
    away = np.abs(at[None, :] - (starts + inside / 2)[:, None]) / (inside / 2)
    return np.asarray(((1 - 0.7 * away**2) * (away <= 1)) @ profile, np.float64)


def _steadiest(held: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """Places that hold most in all, less what moving between them costs (Viterbi)."""
    places = np.arange(PLACES)
    cost = np.abs(places[:, None] - places[None, :]) / (PLACES - 1) * _MOVE_COST * rate / 6
    best, came = held[0], []
    for now in held[1:]:
        ways = best[None, :] - cost
        came.append(ways.argmax(axis=1))
        best = ways.max(axis=1) + now
    place = int(best.argmax())
    path = [place]
    for back in reversed(came):
        place = int(back[place])
        path.append(place)
    return np.array(path[::-1], np.float64)


def _smoothed(path: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    reach = max(1, round(3 * sigma))
    at = np.arange(-reach, reach + 1)
    weights = np.exp(-((at / max(sigma, 1e-6)) ** 2) / 2)
    padded = np.pad(path, reach, mode="edge")
    return np.convolve(padded, weights / weights.sum(), mode="valid")
