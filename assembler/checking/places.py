"""Findings put at their place: time, frame, segment and line of the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assembler.checking.expected import Expected
from assembler.checking.model import Finding, Severity
from assembler.media.flags import bridged
from assembler.media.flags import runs as stretches


@dataclass(frozen=True, slots=True)
class Places:
    """Turns frames and times of a file into findings."""

    rate: Fraction
    expected: Expected | None = None
    shift: Sequence[int] | NDArray[np.int64] = ()
    """How far after its place each frame's picture stands in the programme."""

    def moved(self, shift: NDArray[np.int64]) -> Places:
        """The places in a file whose pictures come earlier or later than the programme's."""
        return replace(self, shift=shift)

    def shown_at(self, frame: int) -> int:
        """The programme's frame that is shown at a frame of the file."""
        last = len(self.shift) - 1
        return frame + int(self.shift[min(frame, last)]) if last >= 0 else frame

    def at(
        self,
        severity: Severity,
        kind: str,
        frame: int,
        message: str,
        advice: str = "",
        *,
        frames: int = 1,
    ) -> Finding:
        """A finding about frames of the picture."""
        segment, where = self._segment(self.shown_at(frame))
        return Finding(
            severity, kind, message, advice,
            time_s=round(float(frame / self.rate), 6), frame=frame,
            length_s=round(float(frames / self.rate), 6), segment=segment, where=where,
        )  # fmt: skip

    def heard(
        self,
        severity: Severity,
        kind: str,
        time_s: float,
        message: str,
        advice: str = "",
        *,
        length_s: float = 0.0,
        name: str = "",
    ) -> Finding:
        """A finding about the sound; *name* is the sound it is about."""
        frame = max(0, int(time_s * self.rate))
        segment, where = self._segment(frame)
        if name and self.expected:
            segment, where = name, self.expected.where(name.split("/")[0]) or where
        return Finding(
            severity, kind, message, advice, time_s=round(time_s, 6), frame=frame,
            length_s=round(length_s, 6), segment=segment, where=where,
        )  # fmt: skip

    def whole(
        self, severity: Severity, kind: str, message: str, advice: str = "", *, of: str = ""
    ) -> Finding:
        """A finding about the whole file; *of* is what of the timeline it concerns."""
        where = self.expected.where(of) if self.expected else ""
        return Finding(severity, kind, message, advice, where=where)

    def _segment(self, frame: int) -> tuple[str, str]:
        if self.expected is None:
            return "", ""
        segment = self.expected.segment_at(frame)
        return segment, self.expected.where(segment)

    def join_near(self, frame: int, within: int = 2) -> str:
        """The join at a frame, in words; empty when there is none near."""
        if self.expected is None:
            return ""
        clips, frame = self.expected.cut.clips, self.shown_at(frame)
        for before, after in pairwise(clips):
            if abs(after.record.start - frame) <= within:
                return f" at the join of {before.id} and {after.id}"
        return ""


def runs(flags: Any, gap: int = 0) -> list[tuple[int, int]]:
    """
    Stretches [start, stop) in which *flags* hold, joined over gaps of up to *gap*.

        >>> runs([0, 1, 1, 0, 1])
        [(1, 3), (4, 5)]
    """
    return bridged(stretches(np.asarray(flags, np.bool_)), gap)
