"""
Which of a clip's last frames to hand on: not always the very last.

    n, why = handoff_frame(tail)
"""

from __future__ import annotations

import numpy as np

from assembler.match.features import F32, details, fitted, luma, resized
from assembler.match.timing import HELD, STILL, natural_run, steps_of

WINDOW_S = 1
"""So many seconds before the planned end are looked at; the frame lies in their second half."""
TAIL_PX = 480
"""Longer side at which sharpness and contrast are compared."""
TILES = (6, 4)
"""Parts of the picture, across and down, that are compared each by itself."""
MOTION_PX = 320
"""The same of motion."""
SOFT = 0.5
"""A frame with less than this part of the tail's usual sharpness is blurred."""
FADED = 0.15
"""A tail that ends with such a part of its contrast or light missing fades."""
FADING = 0.04
"""And where it does, a frame belongs to the fade from this part on."""
JUMP = 2.0
"""A step this many times the usual one, to a picture that has nothing of the one before, is a
glitch and no motion."""
NOTHING_ALIKE = 1.1
"""Pictures that have nothing of each other differ by more than this part of their own detail."""


def handoff_frame(tail: F32) -> tuple[int, str]:
    """
    Which frame of *tail* to hand on, and why when it isn't the last.

    The last one that is neither held, nor blurred, nor faded against the tail as a whole, nor lies
    behind a jump. When none of the second half is, the last one.

    Args:
        tail: A's last frames, float32 encoded R'G'B', (n, h, w, 3).
    """
    last = len(tail) - 1
    shapes = details(tail, fitted((tail.shape[2], tail.shape[1]), MOTION_PX))
    steps = steps_of(shapes)
    held = _held(steps)
    good, why = _sound(tail)
    jump = _jump(steps, last - held, float(np.sqrt(np.mean(shapes**2))))
    if jump is not None:
        good[jump:] = False
        why = "the picture jumps at the clip's end"
    for n in range(last - held, last // 2, -1):
        if good[n]:
            if n == last:
                return last, ""
            return n, why if n < last - held else _only_held(held)
    return last, ""


def _only_held(frames: int) -> str:
    if frames == 1:
        return "the last frame only holds a picture"
    return f"the last {frames} frames only hold a picture"


def _sound(tail: F32) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], str]:
    """Frames that are neither blurred nor faded, and what is wrong with the others."""
    size = fitted((tail.shape[2], tail.shape[1]), TAIL_PX)
    light, contrast, sharp = (
        np.stack(part) for part in zip(*(_tiles(resized(luma(f), size)) for f in tail), strict=True)
    )
    off = np.maximum(1 - _against(contrast), np.abs(_against(light) - 1))
    faded = _runs_out(off > FADED)
    if faded.any():
        faded = _runs_out(off > FADING)
    blurs = _against(sharp) < SOFT
    why = "the clip fades at its end" if faded.any() else "the last frames are blurred"
    return ~(faded | blurs), why


def _tiles(grey: F32) -> tuple[F32, F32, F32]:
    """Mean, standard deviation and sharpness of each tile of a luma picture (h, w)."""
    import cv2

    def means(picture: F32) -> F32:
        small = cv2.resize(picture, TILES, interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.float32)

    mean = means(grey)
    variance = np.maximum(means(grey * grey) - mean * mean, 1e-6)
    edges = np.asarray(cv2.Laplacian(grey, cv2.CV_32F), dtype=np.float32)
    # In parts of the variance, so that a fade is no blur.
    sharp = means(edges * edges) / variance
    return mean, np.asarray(np.sqrt(variance)), np.asarray(sharp)


def _against(values: F32) -> F32:
    """
    Each frame in parts of what the tail's first half usually has, for most tiles of *values* (n,
    rows, columns): words that come and go over a part of the picture don't count.
    """
    usual = np.median(values[: max(1, len(values) // 2)], axis=0)
    return np.asarray(np.median(values / np.maximum(usual, 1e-6), axis=(1, 2)), dtype=np.float32)


def _runs_out(
    flags: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where a flag stays up until the end."""
    return np.asarray(np.logical_and.accumulate(flags[::-1])[::-1])


def _held(steps: F32) -> int:
    """How many frames at the end repeat the one before, unless the clip does so everywhere."""
    usual = float(np.percentile(steps, 75)) if len(steps) else 0.0
    if usual < STILL:
        return 0
    moving = np.flatnonzero(steps >= HELD * usual)
    run = len(steps) - 1 - int(moving[-1]) if len(moving) else 0
    half = len(steps) // 2
    return run if run > natural_run(steps[:half], steps[half:half], usual) else 0


def _jump(steps: F32, last: int, strength: float) -> int | None:
    """The frame that a jump in the second half leads to."""
    half = len(steps) // 2
    usual = float(np.median(steps[:half])) if half else 0.0
    least = max(JUMP * usual, NOTHING_ALIKE * strength)
    far = [n for n in range(half, last) if steps[n] > least]
    return far[0] + 1 if far else None
