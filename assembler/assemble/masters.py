"""Where avatar clips lie in the recordings they were made from: measured once, remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from assembler.assemble.stock import Stock
from assembler.cut.sound import Master, MasterJump
from assembler.generation.base import Take
from assembler.match import sync as search
from assembler.match.sync import Sync, sync
from assembler.media.files import publish
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.planning.keys import content_key
from assembler.planning.model import Link, Plan


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is known of an avatar clip's speech."""

    link: str
    recording: str
    """Name of the recording's file."""
    found: Sync

    @property
    def note(self) -> str:
        """One line for the report; a warning where the clip keeps its own sound."""
        if self.found.matched:
            return f"clip {self.link}: speech taken from {self.recording}; it {self.found.text()}"
        return (
            f"warning: clip {self.link} keeps its own sound: it wasn't found in {self.recording} "
            f"({self.found.reason})"
        )


def locate(clip: Path | str, master: Path | str) -> Sync:
    """
    Where in a recording a clip's sound begins.

    Raises:
        MediaError: If one of the files can't be read.
        MatchError: If one of them has no sound.
    """
    return sync(probe(Path(clip)), probe(Path(master)))


def masters(
    plan: Plan, takes: Mapping[str, Take], stock: Stock, cache: Path
) -> tuple[dict[str, Master], tuple[Spoken, ...]]:
    """Recordings to be heard instead of avatar clips' own sound, by link id, and what was found."""
    placed: dict[str, Master] = {}
    told: list[Spoken] = []
    for link, recording in _avatars(plan):
        take, info = takes[link.id], stock.media[recording]
        if not take.info.audio or not info.audio:
            continue
        key = stock.hashes[recording]
        found = _remembered(take, info, key, link.avatar_in_s, cache / "sync")
        told.append(Spoken(link.id, recording.name, found))
        if found.matched:
            offset_s, *later = _offsets(found, take)
            jumps = tuple(
                MasterJump(_exact(jump.until_s), _exact(jump.from_s), offset)
                for jump, offset in zip(found.jumps, later, strict=True)
            )
            sound = info.audio[0]
            begins_s = sound.start_s + link.avatar_in_s if link.number == 1 else Fraction(0)
            placed[link.id] = Master(recording, key, sound, offset_s, jumps, begins_s)
    return placed, tuple(told)


def _avatars(plan: Plan) -> Iterator[tuple[Link, Path]]:
    for step in plan.steps:
        if step.link.avatar_audio is not None:
            yield step.link, step.link.avatar_audio


def _offsets(found: Sync, take: Take) -> list[Fraction]:
    """Offset of each part that is right in its middle, where drift is left as it is."""
    offsets = [found.offset_s, *(jump.offset_s for jump in found.jumps)]
    begins = [0.0, *(jump.from_s for jump in found.jumps)]
    ends = [*(jump.until_s for jump in found.jumps), float(take.info.audio[0].duration_s)]
    return [
        _exact(offset - found.drift_ppm * 1e-6 * (begin + end) / 2)
        for offset, begin, end in zip(offsets, begins, ends, strict=True)
    ]


def _exact(seconds: float) -> Fraction:
    return Fraction(seconds).limit_denominator(10**7)


def _remembered(
    take: Take, info: MediaInfo, recording_key: str, near_s: Fraction, cache: Path
) -> Sync:
    key = content_key(
        stage=search.VERSION, clip=take.content_key, master=recording_key, near=str(near_s)
    )
    path = cache / f"{key}.json"
    try:
        return Sync.of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):  # absent, damaged or of another version
        found = sync(take.info, info, near_s=float(info.audio[0].start_s + near_s))
    with publish(path) as part:
        part.write_text(json.dumps(found.data()), encoding="utf-8")
    return found
