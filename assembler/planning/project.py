"""Where a timeline's own files lie: ``.assembler/`` beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Project:
    """Folders of one timeline; nothing is made until something is written."""

    timeline: Path
    """Absolute path of the timeline file."""

    @property
    def root(self) -> Path:
        """Folder of the timeline."""
        return self.timeline.parent

    @property
    def home(self) -> Path:
        """Folder of everything that we keep."""
        return self.root / ".assembler"

    @property
    def ledger(self) -> Path:
        """Jobs, money, takes and choices."""
        return self.home / "ledger.sqlite"

    @property
    def takes(self) -> Path:
        """Generated and fetched clips, by key; never pruned by size."""
        return self.home / "takes"

    @property
    def frames(self) -> Path:
        """Handoff images."""
        return self.home / "frames"

    @property
    def spans(self) -> Path:
        """Rendered spans, by key."""
        return self.home / "spans"

    @property
    def mix(self) -> Path:
        """Mixed sound, by key."""
        return self.home / "mix"

    @property
    def cache(self) -> Path:
        """Probes, seam decisions and other small results, by key."""
        return self.home / "cache"

    @property
    def reports(self) -> Path:
        """Reports of renders."""
        return self.home / "reports"
