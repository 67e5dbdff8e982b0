"""One measure of progress over a whole run, with the time that is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a run stands."""

    stage: str
    done: float
    """In [0, 1] over the whole run."""
    left_s: float | None
    """Seconds that are left at the speed so far; None while that can't be told."""
    frames_per_s: float | None = None
    """Frames rendered in a second; those that were there don't count."""
    bytes: int = 0
    """Size of the pictures rendered so far."""

    def data(self) -> dict[str, object]:
        """For JSON."""
        left, speed = self.left_s, self.frames_per_s
        return {
            "stage": self.stage,
            "done": round(self.done, 4),
            "left_s": None if left is None else round(left, 1),
            "frames_per_s": None if speed is None else round(speed, 2),
            "bytes": self.bytes,
        }


class Progress:
    """
    Adds up the work of all stages; each announces its work beforehand and reports it done.

    Work is counted in rendered programme frames; a cheaper or dearer stage weighs its units.
    """

    def __init__(
        self,
        show: Callable[[Reading], None] | None = None,
        clock: Clock = time.monotonic,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._shows = [show] if show else []
        self._say = say
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._planned: dict[str, float] = {}
        self._done: dict[str, float] = {}
        self._found = 0.0
        self._frames = 0
        self._bytes = 0
        self._rendering: float | None = None
        self._stage = ""

    def listen(self, show: Callable[[Reading], None]) -> None:
        """Show readings here, too."""
        self._shows.append(show)

    def say(self, text: str) -> None:
        """Tell what the user has to do while the run waits."""
        if self._say:
            self._say(text)

    def expect(self, stage: str, work: float) -> None:
        """Announce (or correct) the whole work of a stage."""
        with self._lock:
            self._planned[stage] = max(0.0, work)

    def found(self, stage: str, work: float) -> None:
        """Report work that was there already: it says nothing about the speed."""
        with self._lock:
            self._found += work
        self.advance(stage, work)

    def rendered(self, frames: int = 0, size: int = 0) -> None:
        """Count frames as they are rendered, and bytes; first of all nothing, when it begins."""
        with self._lock:
            if self._rendering is None:
                self._rendering = self._clock()
            self._frames += frames
            self._bytes += size

    def advance(self, stage: str, work: float) -> None:
        """Report work done in a stage."""
        with self._lock:
            self._stage = stage
            done = self._done.get(stage, 0.0) + work
            self._done[stage] = min(done, self._planned.get(stage, done))
            reading = self._reading()
        for show in self._shows:
            show(reading)

    def so_far(self, stage: str, work: float) -> Callable[[int], None]:
        """What is told how many units of a stage are done in all, each of which is so much work."""
        told = 0

        def on_done(done: int) -> None:
            nonlocal told
            self.advance(stage, work * (done - told))
            told = done

        return on_done

    def finish(self, stage: str) -> None:
        """Report a stage as done, whatever was counted."""
        rest = self._planned.get(stage, 0.0) - self._done.get(stage, 0.0)
        self.found(stage, max(0.0, rest))

    def _reading(self) -> Reading:
        whole = sum(self._planned.values())
        done = sum(self._done.values())
        share = done / whole if whole else 0.0
        now = self._clock()
        elapsed, worked = now - self._began, done - self._found
        known = worked > 0.02 * (whole - self._found) and elapsed > 1
        left = elapsed * (whole - done) / worked if known and worked > 0 else None
        return Reading(self._stage, share, left, self._speed(now), self._bytes)

    def _speed(self, now: float) -> float | None:
        if self._rendering is None or not self._frames or now - self._rendering <= 1:
            return None
        return self._frames / (now - self._rendering)
