"""The files that a timeline names: probed and hashed, once as long as they don't change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assembler.errors import MediaError, Problem, SpecError
from assembler.media.files import publish, sha256_of
from assembler.media.info import MediaInfo
from assembler.media.probe import probe, probe_cached
from assembler.spec.load import Loaded
from assembler.spec.model import Segment, Timeline

Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Stock:
    """What is known of a timeline's files."""

    media: Mapping[Path, MediaInfo]
    hashes: Mapping[Path, str]
    """SHA-256 of each file's bytes."""


def take_stock(loaded: Loaded, cache: Path, *, write: bool) -> Stock:
    """
    Probe and hash every file that the timeline names.

    Args:
        loaded: The timeline.
        cache: Folder where results are remembered.
        write: Whether new results may be written there.

    Raises:
        SpecError: Naming every file that can't be used, at the place that names it.
    """
    hashes = _Hashes(cache / "hashes.json")
    media: dict[Path, MediaInfo] = {}
    problems: list[Problem] = []
    places = {path: loc for loc, path in reversed([*named(loaded.timeline)])}
    for path, loc in places.items():
        try:
            media[path] = probe_cached(path, cache) if write else probe(path)
        except MediaError as error:
            problems.append(loaded.problem(error.what, error.fix, *loc))
        else:
            hashes.of(path)
    if problems:
        raise SpecError(problems)
    if write:
        hashes.save()
    return Stock(media, {path: hashes.of(path) for path in media})


def named(timeline: Timeline) -> Iterator[tuple[Loc, Path]]:
    """Every media file that the timeline names, with its place."""
    for n, segment in enumerate(timeline.segments):
        for loc, path in _of_segment(segment):
            yield ("segments", n, *loc), path
    for n, track in enumerate(timeline.tracks):
        yield ("tracks", n, "file"), track.file


def _of_segment(segment: Segment) -> Iterator[tuple[Loc, Path]]:
    for key in ("file", "start", "end", "keyframe"):
        path = getattr(segment, key)
        if path is not None:
            yield (key,), path
    if segment.avatar:
        yield ("avatar", "image"), segment.avatar.image
        yield ("avatar", "audio"), segment.avatar.audio
    if segment.references:
        for n, path in enumerate(segment.references.images):
            yield ("references", "images", n), path
        if segment.references.video:
            yield ("references", "video"), segment.references.video


class _Hashes:
    """Hashes by path, size and time of change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        try:
            self._known: dict[str, str] = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            self._known = {}

    def of(self, path: Path) -> str:
        stat = path.stat()
        name = f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
        if name not in self._known:
            self._known[name] = sha256_of(path)
            self._changed = True
        return self._known[name]

    def save(self) -> None:
        if self._changed:
            with publish(self._path) as part:
                part.write_text(json.dumps(self._known, indent=0), encoding="utf-8")
