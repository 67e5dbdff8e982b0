"""What a run needs of a prepared timeline: files of the user's that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assembler.assemble.prepare import Prepared


def files_read(prepared: Prepared) -> Iterator[Path]:
    """Every file of the user's that a run reads."""
    yield prepared.loaded.timeline.path
    yield from prepared.stock.media
    if prepared.loaded.timeline.captions:
        yield from (entry.file for entry in prepared.loaded.timeline.captions.entries)
