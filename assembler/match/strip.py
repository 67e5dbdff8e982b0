"""
Draws a seam: the pictures on both sides before and after, what changes between them, and curves.

    write_png(path, strip(tail, head, decision, a_frames=121))
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assembler.match.decision import SeamDecision
from assembler.match.features import F32, details, fitted, resized
from assembler.match.measure import colour_step, low_lab
from assembler.match.sight import joined_frames, kept_frames, used_frames
from assembler.match.timing import steps_of

CELL_PX = 192
"""Width of one picture."""
BEFORE_SEAM = 4
"""Pictures of A in a row."""
AFTER_SEAM = 6
"""Pictures of B in a row."""
STEP_GAIN = 6.0
"""Differences between neighbours are drawn so much stronger."""
CURVE_FRAMES = 24
"""Frames of each side in the curves."""
CURVE_LINES = 150
"""Height of a row of curves."""
GAP = 6
LABEL_LINES = 18
PAPER = 0.09
INK = (0.85, 0.85, 0.85)
OLD = (0.95, 0.45, 0.35)
NEW = (0.45, 0.85, 0.55)


def strip(tail: F32, head: F32, decision: SeamDecision, *, a_frames: int) -> F32:
    """
    A picture of the join: rows of frames as they came, as they are joined, what changes, curves.

    Args:
        tail: A's last frames, as given to `decide`.
        head: B's first frames, likewise.
        decision: What was decided.
        a_frames: Number of A's frames; the last of *tail* is number a_frames - 1.

    Returns:
        float32 encoded R'G'B' in [0, 1], (h, w, 3).
    """
    old = _Row.plain(tail, head)
    new = _Row.joined(tail, head, decision, a_frames)
    rows = [
        _title(decision),
        _label("as they came"), old.pictures(), _label(_change_words()), old.differences(),
        _label("joined"), new.pictures(), _label(_change_words()), new.differences(),
        _label("colour step between neighbours, dE: as they came (red), joined (green)"),
        _curves([old.colour_steps(), new.colour_steps()], _seam_at(old, new)),
        _label("motion between neighbours: as they came (red), joined (green)"),
        _curves([old.motion(), new.motion()], _seam_at(old, new)),
    ]  # fmt: skip
    return np.concatenate([_padded(row) for row in rows], axis=0)


class _Row:
    """The frames around the seam, in the order in which they are shown."""

    def __init__(self, before: F32, after: F32) -> None:
        self.before = before[-CURVE_FRAMES:]
        self.after = after[:CURVE_FRAMES]
        self.frames = np.concatenate([self.before, self.after])

    @classmethod
    def plain(cls, tail: F32, head: F32) -> _Row:
        return cls(tail, head)

    @classmethod
    def joined(cls, tail: F32, head: F32, decision: SeamDecision, a_frames: int) -> _Row:
        last, used = kept_frames(tail, decision, a_frames), used_frames(head, decision)
        size = (tail.shape[2], tail.shape[1])
        return cls(tail[:last], np.stack(joined_frames(tail, head, last, used, decision, size)))

    def pictures(self) -> F32:
        """The frames nearest to the seam, side by side, with a bar between A and B."""
        return _beside([_cell(f) for f in self._near()], self._split())

    def differences(self) -> F32:
        """What changes from each frame to the next."""
        cells = [_cell(f) for f in self._near()]
        apart = [np.full_like(cells[0], PAPER)]
        apart += [np.clip(0.5 + STEP_GAIN * (b - a) / 2, 0, 1) for a, b in pairwise(cells)]
        return _beside(apart, self._split())

    def colour_steps(self) -> list[float]:
        """Mean dE of low-pass pictures from each frame to the next."""
        labs = [low_lab(f) for f in self.frames]
        return [colour_step(a, b) for a, b in pairwise(labs)]

    def motion(self) -> list[float]:
        """Change of detail from each frame to the next."""
        size = fitted((self.frames.shape[2], self.frames.shape[1]), 160)
        return [float(v) for v in steps_of(details(self.frames, size))]

    def _split(self) -> int:
        return min(BEFORE_SEAM, len(self.before))

    def _near(self) -> list[F32]:
        return [*self.before[-BEFORE_SEAM:], *self.after[:AFTER_SEAM]]


def _seam_at(old: _Row, new: _Row) -> tuple[int, int]:
    """Which step of each row crosses the seam."""
    return len(old.before) - 1, len(new.before) - 1


def _change_words() -> str:
    return f"change from the frame before, x{STEP_GAIN:g}"


def _cell(frame: F32) -> F32:
    height = max(16, round(CELL_PX * frame.shape[0] / frame.shape[1]))
    return np.clip(resized(frame, (CELL_PX, height)), 0, 1)


def _beside(cells: Sequence[F32], split: int) -> F32:
    height = cells[0].shape[0]
    gap = np.full((height, GAP, 3), PAPER, dtype=np.float32)
    bar = np.full((height, GAP, 3), 1.0, dtype=np.float32)
    parts: list[F32] = []
    for n, cell in enumerate(cells):
        if n:
            parts.append(bar if n == split else gap)
        parts.append(np.asarray(cell, dtype=np.float32))
    return np.concatenate(parts, axis=1)


def _width() -> int:
    cells = BEFORE_SEAM + AFTER_SEAM
    return cells * CELL_PX + (cells - 1) * GAP


def _padded(row: F32) -> F32:
    """*row* at the strip's width, with a gap below."""
    out = np.full((row.shape[0] + GAP, _width() + 2 * GAP, 3), PAPER, dtype=np.float32)
    width = min(row.shape[1], _width())
    out[: row.shape[0], GAP : GAP + width] = row[:, :width]
    return out


def _title(decision: SeamDecision) -> F32:
    if not decision.matched:
        words = f"not matched: {decision.seam or 'A > B'}; nothing is changed"
    else:
        words = (
            f"{decision.seam or 'A > B'}: {decision.repeat_frames} repeated, A keeps "
            f"{decision.keep_until}, B starts from {decision.start_from}, "
            f"{len(decision.skipped)} skipped, confidence {decision.confidence:.2f}"
        )
    return _label(words)


def _label(words: str) -> F32:
    out = np.full((LABEL_LINES, _width(), 3), _byte(PAPER), dtype=np.uint8)
    text = words.encode("ascii", "replace").decode("ascii")  # Hershey fonts have no more
    _write(out, text, (2, LABEL_LINES - 5))
    return np.asarray(out / np.float32(255), dtype=np.float32)


def _write(picture: NDArray[np.uint8], words: str, at: tuple[int, int]) -> None:
    import cv2

    ink = [_byte(v) for v in INK]
    cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)


def _byte(value: float) -> int:
    return round(value * 255)


def _curves(curves: Sequence[Sequence[float]], seams: tuple[int, int]) -> F32:
    """The curves over each other, their seams in the middle, drawn to the larger one's height."""
    import cv2

    width = _width()
    out = np.full((CURVE_LINES, width, 3), _byte(PAPER * 1.6), dtype=np.uint8)
    top = max((max(c, default=0.0) for c in curves), default=0.0) or 1.0
    step = width / (2 * CURVE_FRAMES)
    cv2.line(out, (width // 2, 0), (width // 2, CURVE_LINES), (128, 128, 128), 1)
    for curve, seam, ink in zip(curves, seams, (OLD, NEW), strict=True):
        points = [
            (round(width / 2 + (n - seam) * step), round((CURVE_LINES - 4) * (1 - v / top)) + 2)
            for n, v in enumerate(curve)
        ]
        cv2.polylines(
            out, [np.array(points, dtype=np.int32)], False, [_byte(v) for v in ink], 2, cv2.LINE_AA
        )
    _write(out, f"{top:.2f}", (4, 16))
    return np.asarray(out / np.float32(255), dtype=np.float32)
