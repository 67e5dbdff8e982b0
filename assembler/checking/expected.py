"""The programme that a file should be, as checks need it: plain data, made before the check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from assembler.cut.model import Clip, Cut, Insert
from assembler.rendering.smart import as_source
from assembler.spec.presets import DeliveryPreset, MixPreset


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file is held against."""

    cut: Cut
    delivery: DeliveryPreset
    mix: MixPreset
    inserts: tuple[Insert, ...] = ()
    """Titles and burnt-in captions in the size of the delivery."""
    sound: Path | None = None
    """The programme's sound as it was mixed."""
    places: Mapping[str, str] = field(default_factory=dict)
    """``file:line:col`` of segments, tracks, titles and captions by id."""
    silent: bool = False
    """Whether the film is meant to have no sound at all."""
    caption_line: int = 42
    """Characters of a line that can be read comfortably."""
    caption_speed: int = 20
    """Characters a second that can be read comfortably."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.delivery.size_on(self.cut.size)

    @property
    def form(self) -> DeliveryPreset:
        """The delivery, with what it takes from its sources filled in."""
        return as_source(self.cut, self.delivery)

    def clip_at(self, frame: int) -> Clip | None:
        """The clip that is shown at a frame of the programme."""
        clips = self.cut.clips
        found = next((clip for clip in clips if frame < clip.record.stop), None)
        return found or (clips[-1] if clips else None)

    def loose(self, clip: Clip) -> bool:
        """Whether its pictures can be told but roughly: time in between, geometry left out."""
        shape = Fraction(*self.size) == Fraction(*self.cut.size)
        return self.mixed(clip) or (clip.correction.affine is not None and not shape)

    def mixed(self, clip: Clip) -> bool:
        """Whether its time is bent, and frames are mixed or made on the way."""
        retime = clip.source.retime
        return retime is not None and retime.way != "nearest"

    def segment_at(self, frame: int) -> str:
        """Its segment."""
        clip = self.clip_at(frame)
        return clip.segment if clip else ""

    def where(self, name: str) -> str:
        """Where something was written; empty when not known."""
        return self.places.get(name, "")
