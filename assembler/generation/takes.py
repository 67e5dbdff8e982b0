"""Where takes lie, ``takes/<key>.mp4`` with its provenance beside it; no clip is opened here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from assembler.media.files import publish, sha256_of
from assembler.planning.clips import Handed
from assembler.planning.keys import take_key
from assembler.planning.model import Link
from assembler.planning.project import Project


def take_path(project: Project, key: str, number: int, suffix: str = ".mp4") -> Path:
    """Where that take lies; of sound with a suffix of its own (`suffix_of`)."""
    return project.takes / f"{take_key(key, number)}{suffix}"


def suffix_of(link: Link) -> str:
    """How names of a link's takes end."""
    return {"speech": ".mp3", "sound": ".wav", "foley": ".wav"}.get(link.kind, ".mp4")


def taken_path(project: Project, key: str, number: int) -> Path:
    """Where a take lies that is there, by its provenance."""
    return _lying(project, key, number, provenance(project, key, number))


def _lying(project: Project, key: str, number: int, noted: Mapping[str, Any]) -> Path:
    name = str(noted.get("file", take_path(project, key, number).name))
    return project.takes / Path(name).name


def pending_path(project: Project, key: str, number: int) -> Path:
    """Where it is kept what a take was started on, until it has a provenance."""
    return project.takes / f"{take_key(key, number)}.start.json"


def started_on(project: Project, link: Link, number: int) -> Handed | None:
    """What was handed to a take, also to one that hasn't come yet; None when nothing was."""
    kept = take_path(project, link.key, number).with_suffix(".json")
    try:
        noted = json.loads(kept.read_text(encoding="utf-8"))["start"]
    except (OSError, ValueError, KeyError, TypeError):
        try:
            pending = pending_path(project, link.key, number)
            noted = json.loads(pending.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
    try:
        return Handed.from_data(noted) if noted else None
    except (KeyError, TypeError, ValueError):
        return None


def provenance(project: Project, key: str, number: int) -> dict[str, Any]:
    """What was written down of a take; empty when it can't be read."""
    path = take_path(project, key, number, ".json")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_provenance(path: Path, noted: Mapping[str, Any]) -> None:
    """Write it beside the take at *path*."""
    with publish(path.with_suffix(".json")) as part:
        text = json.dumps(noted, indent=1, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")


def content_of(path: Path, noted: Mapping[str, Any]) -> str:
    """
    SHA-256 of a take's bytes as they are.

    They are read only where the file isn't the one that was written down: by size and time of
    change.
    """
    stat = path.stat()
    same = stat.st_size == noted.get("size_bytes") and stat.st_mtime_ns == noted.get("mtime_ns")
    return str(noted["sha256"]) if same and "sha256" in noted else sha256_of(path)


def remember_content(project: Project, key: str, number: int) -> None:
    """Write down when the file of a take that is as it came was last changed: copying does it."""
    noted = provenance(project, key, number)
    path = _lying(project, key, number, noted)
    with suppress(OSError):
        changed = path.stat().st_mtime_ns
        if changed != noted.get("mtime_ns") and content_of(path, noted) == noted.get("sha256"):
            write_provenance(path, noted | {"mtime_ns": changed})


def noted_takes(project: Project) -> frozenset[str]:
    """Content keys of every take that something was written down of."""
    return frozenset(path.stem for path in project.takes.glob("*.json"))


def on_disk(project: Project, key: str, number: int) -> bool:
    """Whether a take is there with its provenance; it isn't opened."""
    noted = provenance(project, key, number)
    if not noted:
        return False
    try:
        size = _lying(project, key, number, noted).stat().st_size
        return bool(size == noted["size_bytes"])
    except (OSError, KeyError):
        return False
