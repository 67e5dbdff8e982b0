"""
The files that a timeline names: probed and hashed, once as long as they don't change.

What opens files is imported when there is one to open: a plan is asked for often, and answers at
once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from assembler.errors import MediaError, Problem, SpecError
from assembler.media.files import publish, sha256_of
from assembler.media.info import VERSION, MediaInfo
from assembler.spec.change import module_of
from assembler.spec.load import Loaded
from assembler.spec.model import Segment, Timeline

Loc = tuple[str | int, ...]
_ENTRIES = TypeAdapter(dict[str, tuple[MediaInfo, str]])


@dataclass(frozen=True, slots=True)
class Stock:
    """What is known of a timeline's files."""

    media: Mapping[Path, MediaInfo]
    hashes: Mapping[Path, str]
    """SHA-256 of each file's bytes."""


def take_stock(loaded: Loaded, fetched: Mapping[str, Path], cache: Path, *, write: bool) -> Stock:
    """
    Probe and hash every file that the timeline names.

    Args:
        loaded: The timeline.
        fetched: Where clips of URLs lie, by URL.
        cache: Folder where results are remembered.
        write: Whether new results may be written there.

    Raises:
        SpecError: Naming every file that can't be used, at the place that names it.
    """
    known = _Known(cache / "media.json")
    found: dict[Path, tuple[MediaInfo, str]] = {}
    problems: list[Problem] = []
    places = {path: loc for loc, path in reversed([*named(loaded.timeline, fetched)])}
    for path, loc in places.items():
        try:
            found[path] = known.of(path)
        except MediaError as error:
            problems.append(loaded.problem(error.what, error.fix, *loc))
    problems += _other_files(loaded, {p: hash_ for p, (_, hash_) in found.items()})
    beside, flaws = _beside(loaded)
    problems += flaws
    if problems:
        raise SpecError(problems)
    if write:
        known.save()
    hashes = {path: hash_ for path, (_, hash_) in found.items()}
    return Stock({p: info for p, (info, _) in found.items()}, hashes | beside)


def _beside(loaded: Loaded) -> tuple[dict[Path, str], list[Problem]]:
    """Hashes of colour tables and of the user's own modules, and what is wrong with them."""
    hashes: dict[Path, str] = {}
    problems: list[Problem] = []
    timeline = loaded.timeline
    for n, segment in enumerate(timeline.segments):
        if segment.lut:
            from assembler.media.cube import read_cube

            try:
                read_cube(segment.lut.file)
                hashes[segment.lut.file] = sha256_of(segment.lut.file)
            except MediaError as error:
                problems.append(loaded.problem(error.what, error.fix, "segments", n, "lut", "file"))
    for loc, name in code_named(timeline):
        path = module_of(name, timeline.path.parent)
        if path.is_file():
            hashes[path] = sha256_of(path)
        else:
            fix = f"put {path.relative_to(timeline.path.parent)} beside the timeline."
            problems.append(loaded.problem(f"there is no module for {name!r}", fix, *loc))
    return hashes, problems


def code_named(timeline: Timeline) -> Iterator[tuple[Loc, str]]:
    """Every function of the user's own that the timeline names, with its place."""
    for n, segment in enumerate(timeline.segments):
        for k, effect in enumerate(segment.effects):
            if effect.code:
                yield ("segments", n, "effects", k, "name"), effect.name
    for n, title in enumerate(timeline.titles):
        if title.clip:
            yield ("titles", n, "clip"), title.clip


def _other_files(loaded: Loaded, hashes: Mapping[Path, str]) -> Iterator[Problem]:
    """Files that aren't those whose checksum the timeline gives."""
    for n, segment in enumerate(loaded.timeline.segments):
        found = hashes.get(segment.file) if segment.file else None
        if found and segment.sha256 and found != segment.sha256.lower():
            what = f"the file has another checksum: {found}"
            fix = "bring the right file, or write its checksum."
            yield loaded.problem(what, fix, "segments", n, "sha256")


def named(timeline: Timeline, fetched: Mapping[str, Path]) -> Iterator[tuple[Loc, Path]]:
    """Every media file that the timeline names, with its place."""
    for n, segment in enumerate(timeline.segments):
        if segment.url and segment.url in fetched:
            yield ("segments", n, "url"), fetched[segment.url]
        for loc, path in _of_segment(segment):
            yield ("segments", n, *loc), path
    for n, track in enumerate(timeline.tracks):
        if track.file is not None:
            yield ("tracks", n, "file"), track.file


def _of_segment(segment: Segment) -> Iterator[tuple[Loc, Path]]:
    for key in ("file", "start", "end", "keyframe"):
        path = getattr(segment, key)
        if path is not None:
            yield (key,), path
    for n, path in enumerate(segment.middle):
        yield ("middle", n), path
    if segment.avatar:
        for key in ("image", "video", "audio"):
            if (path := getattr(segment.avatar, key)) is not None:
                yield ("avatar", key), path
    if segment.references:
        for n, path in enumerate(segment.references.images):
            yield ("references", "images", n), path
        if segment.references.video:
            yield ("references", "video"), segment.references.video


class _Known:
    """Facts and hashes by path, size and time of change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new: dict[str, tuple[MediaInfo, str]] = {}
        try:
            self._old: dict[str, tuple[MediaInfo, str]] = _ENTRIES.validate_json(path.read_bytes())
        except (OSError, ValueError):  # absent, damaged or of another version: read anew
            self._old = {}

    def of(self, path: Path) -> tuple[MediaInfo, str]:
        """Facts and SHA-256 of a file."""
        stat = path.stat()
        name = f"{VERSION}|{path}|{stat.st_size}|{stat.st_mtime_ns}"
        entry = self._old.get(name)
        if entry is None:
            from assembler.media.probe import probe

            entry = probe(path), sha256_of(path)
        self._new[name] = entry
        return entry

    def save(self) -> None:
        """Remember what this timeline names, unless that is remembered already."""
        if self._new.keys() != self._old.keys():
            with publish(self._path) as part:
                part.write_bytes(_ENTRIES.dump_json(self._new))
