"""Which of a clip's frames is handed on, in which look, and how its numbers are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from assembler.match.decision import (
    NO_CORRECTION,
    Correction,
    correction_from_json,
    correction_to_json,
    rows_from_json,
)
from assembler.match.trend import Drift
from assembler.media.info import Colour, MediaInfo, VideoStream


def handed_frame(video: VideoStream, frame: int | None, planned: Fraction | None) -> int:
    """
    Own frame that a `Handoff` means: at another rate than planned the one of the same time, the
    last where the clip turned out shorter.

    Args:
        video: The clip that came.
        frame: `Handoff.frame`.
        planned: Rate that the plan took it for; None for a file, whose rate was known.
    """
    if frame is None:
        return video.frames - 1
    if planned is not None and not video.vfr and video.rate != planned:
        frame = int(frame * video.rate / planned)
    return min(frame, video.frames - 1)


def colour_of(info: MediaInfo, said: Literal["auto", "tags", "bt601", "bt709"]) -> Colour:
    """How a file's numbers are read: its own tags, with the matrix that the author says."""
    tags = info.video.colour if info.video else Colour()
    if said == "bt601" or said == "bt709":
        return replace(tags, matrix=said)
    return tags


@dataclass(frozen=True, slots=True)
class Handed:
    """The frame that a take was really started on: chosen once, and kept with the take."""

    after: str
    """Id of the link or file segment whose clip it is from."""
    take: str
    """Content key of that clip."""
    frame: int
    """Of the clip's own frames."""
    lost_s: Fraction = Fraction(0)
    """How much earlier than planned it lies."""
    why: str = ""
    """Why it isn't the planned one."""
    correction: Correction = NO_CORRECTION
    """What was done to it before it was sent."""
    home: tuple[tuple[float, float, float], ...] | None = None
    """(10, 3): from the frame's colours to those in the look of the chain's first link."""
    behind: float = 0.0
    """Unsharp masking that was left undone."""
    drift: Drift | None = None
    """Of the frame, before the correction."""
    remaining: Drift | None = None
    """After it."""

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {
            "lost_s": str(self.lost_s),
            "correction": correction_to_json(self.correction),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Handed:
        """
        What `data` has given, also after a way through JSON text.

        Raises:
            KeyError, TypeError, ValueError: If it is something else.
        """
        home, drift, remaining = (data[name] for name in ("home", "drift", "remaining"))
        return cls(
            after=str(data["after"]),
            take=str(data["take"]),
            frame=int(data["frame"]),
            lost_s=Fraction(data["lost_s"]),
            why=str(data["why"]),
            correction=correction_from_json(data["correction"]),
            home=None if home is None else rows_from_json(home),
            behind=float(data["behind"]),
            drift=None if drift is None else Drift(**drift),
            remaining=None if remaining is None else Drift(**remaining),
        )
