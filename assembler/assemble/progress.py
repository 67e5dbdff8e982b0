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

    def advance(self, stage: str, work: float) -> None:
        """Report work done in a stage."""
        with self._lock:
            self._stage = stage
            done = self._done.get(stage, 0.0) + work
            self._done[stage] = min(done, self._planned.get(stage, done))
            reading = self._reading()
        for show in self._shows:
            show(reading)

    def finish(self, stage: str) -> None:
        """Report a stage as done, whatever was counted."""
        rest = self._planned.get(stage, 0.0) - self._done.get(stage, 0.0)
        self.advance(stage, max(0.0, rest))

    def _reading(self) -> Reading:
        whole = sum(self._planned.values())
        done = sum(self._done.values())
        share = done / whole if whole else 0.0
        elapsed = self._clock() - self._began
        left = elapsed * (1 - share) / share if share > 0.02 and elapsed > 1 else None
        return Reading(self._stage, share, left)
