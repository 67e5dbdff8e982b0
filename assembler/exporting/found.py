"""What was read from another program's file: events on lanes, nothing resolved yet."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from assembler.cut.model import Marker, Transition
from assembler.timebase import FrameRange

Kind = Literal["picture", "sound", "title"]
Part = Literal["row", "layers", "titles", "sounds"]
"""Parts of a programme that a file may speak of."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something placed in the programme; frames count at the programme's rate."""

    kind: Kind
    lane: int
    """0 is the row of pictures; layers, titles and sounds count from 1."""
    name: str
    """As the event is called: a clip's id, if nobody renamed it."""
    record: FrameRange
    source_in: int = 0
    """From the medium's first frame, or from midnight when `from_midnight`."""
    from_midnight: bool = False
    file: str = ""
    """Path or URL of its medium, as it is written."""
    reel: str = ""
    transition: Transition | None = None
    """How it follows the event before on its lane."""
    gain_db: float | None = None
    """None where the file says nothing."""
    fade_in: int | None = None
    """Frames; None where the file says nothing."""
    fade_out: int | None = None
    pan: float | None = None
    text: str = ""
    """Of a title."""
    speed: float | None = None
    """
    Frames of its medium per frame, below 0 backwards; None where the file says nothing of it, NaN
    where it says something that we don't read.
    """


@dataclass(frozen=True, slots=True)
class Found:
    """An edit from another program."""

    title: str
    rate: Fraction
    size: tuple[int, int] | None
    events: tuple[Event, ...]
    markers: tuple[Marker, ...] = ()
    chapters: tuple[Marker, ...] | None = None
    """None where the file has no word for them."""
    lost: tuple[str, ...] = ()
    """What isn't understood, each a sentence."""
    carries: frozenset[Part] = frozenset({"row", "layers", "titles", "sounds"})
    """What the file speaks about; of the rest it knows nothing."""

    def lane(self, kind: Kind, lane: int | None = None) -> tuple[Event, ...]:
        """Events of a kind in playing order, of one lane or of all."""
        chosen = [e for e in self.events if e.kind == kind and lane in (None, e.lane)]
        return tuple(sorted(chosen, key=lambda event: (event.lane, event.record)))
