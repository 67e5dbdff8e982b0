"""What a run needs of a prepared timeline: files of the user's, and takes that are there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assembler.assemble.prepare import Prepared
from assembler.errors import UsageError
from assembler.generation.arrived import existing
from assembler.generation.base import Take
from assembler.wording import counted


def files_read(prepared: Prepared) -> Iterator[Path]:
    """Every file of the user's that a run reads."""
    yield prepared.loaded.timeline.path
    yield from prepared.stock.media
    if prepared.loaded.timeline.captions:
        yield from (entry.file for entry in prepared.loaded.timeline.captions.entries)


def takes_there(prepared: Prepared) -> dict[str, Take]:
    """The chosen takes that are on disk, by link; those of tracks' sound among them."""
    links = [step.link for step in prepared.plan.all_steps]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = pool.map(
            lambda link: existing(prepared.project, link, prepared.shelf.number(link)), links
        )
        return {link.id: take for link, take in zip(links, found, strict=True) if take is not None}


def waiting(prepared: Prepared, takes: Mapping[str, Take]) -> list[str]:
    """Links that aren't among *takes*."""
    links = (step.link.id for step in prepared.plan.all_steps)
    return [link for link in links if link not in takes]


def all_takes(prepared: Prepared, before: str) -> dict[str, Take]:
    """
    The takes of all links, for work that generates nothing.

    Args:
        prepared: The timeline.
        before: What they are needed for, as in *before spans are known*.

    Raises:
        UsageError: If some have to be generated first.
    """
    takes = takes_there(prepared)
    missing = waiting(prepared, takes)
    if missing:
        some = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        raise UsageError(
            f"{counted(len(missing), 'clip')} must be generated before {before}: {some}",
            prepared.loaded.timeline.path.name,
            "see `assembler plan`, then `assembler generate` makes them.",
        )
    return takes
