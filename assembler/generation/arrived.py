"""What came for a link: is it the clip that was asked for, its true colour, and its provenance."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assembler.errors import GenerateError, MediaError
from assembler.generation.base import Take
from assembler.generation.takes import (
    content_of,
    pending_path,
    provenance,
    started_on,
    suffix_of,
    take_path,
    write_provenance,
)
from assembler.media.files import sha256_of
from assembler.media.info import Colour, MediaInfo
from assembler.media.probe import probe
from assembler.planning.keys import take_key
from assembler.planning.ledger import Submission
from assembler.planning.model import Link
from assembler.planning.project import Project

LEAST_LENGTH = 0.5
"""A clip shorter than this part of what was asked for is no result."""


def existing(project: Project, link: Link, number: int) -> Take | None:
    """The take on disk, if it is there as its provenance says."""
    path = take_path(project, link.key, number, suffix_of(link))
    noted = provenance(project, link.key, number)
    try:
        if path.stat().st_size != noted["size_bytes"]:
            return None
        colour = Colour(**noted["colour"])
        notes = tuple(str(note) for note in noted["notes"])
        sha256 = content_of(path, noted)
    except (OSError, KeyError, TypeError):
        return None
    try:
        info = probe(path)
    except MediaError:
        return None
    handed = started_on(project, link, number)
    key = take_key(link.key, number)
    return Take(link.id, key, path, info, colour, notes, number, handed, sha256)


def checked(path: Path, link: Link) -> tuple[MediaInfo, tuple[str, ...]]:
    """
    Facts of a clip that came for a link, and in what it differs from what was asked for.

    Raises:
        GenerateError: If it isn't a clip, or far too short to be one for this link.
    """
    try:
        info = probe(path)
    except MediaError as exc:
        raise GenerateError(f"what came is no clip: {exc.what}") from exc
    video = info.video
    if link.heard_only:
        if not info.audio:
            raise GenerateError("what came has no sound")
        return info, ()
    if video is None or info.still:
        what = "a still picture" if info.still else "sound without a picture"
        raise GenerateError(f"what came is {what}")
    if video.duration_s < LEAST_LENGTH * float(link.frames / link.rate):
        raise GenerateError(
            f"what came is {float(video.duration_s):.2f} s long, asked for were "
            f"{float(link.frames / link.rate):.2f} s"
        )
    return info, _differences(info, link)


def _differences(info: MediaInfo, link: Link) -> tuple[str, ...]:
    video = info.video
    assert video is not None
    notes = []
    if video.display_size != link.size:
        got, asked = ("{}x{}".format(*size) for size in (video.display_size, link.size))
        notes.append(f"link {link.id}: asked for {asked}, got {got}")
    if video.rate != link.rate:
        notes.append(
            f"link {link.id}: expected {float(link.rate):g} frames a second, "
            f"got {float(video.rate):g}"
        )
    elif video.frames != link.frames:
        notes.append(f"link {link.id}: expected {link.frames} frames, got {video.frames}")
    if link.audio and not info.audio:
        notes.append(f"link {link.id}: native sound was asked for, the clip has none")
    return tuple(notes)


def keep(project: Project, link: Link, row: Submission, info: MediaInfo, notes: tuple[str, ...],
         start: Path | None) -> tuple[Take, str]:  # fmt: skip
    """Write the provenance of a clip that lies at its place; the take and its SHA-256."""
    path = take_path(project, link.key, row.number, suffix_of(link))
    sha256 = sha256_of(path)
    colour = Colour()
    if not link.heard_only:
        from assembler.generation.handoff import true_colour  # slow to load

        colour, found = true_colour(replace(info, path=path), start)
        notes += tuple(f"link {link.id}: {text}" for text in found)
    take = Take(
        link.id, take_key(link.key, row.number), path, replace(info, path=path), colour, notes,
        row.number, started_on(project, link, row.number), sha256,
    )  # fmt: skip
    write_provenance(path, _provenance(link, row, take))
    pending_path(project, link.key, row.number).unlink(missing_ok=True)
    return take, sha256


def _provenance(link: Link, row: Submission, take: Take) -> dict[str, Any]:
    billed = row.billed_usd if row.billed_usd is not None else row.price_usd
    return {
        "link": link.id,
        "key": take.key,
        "asked_key": link.asked_key,
        "take": row.number,
        "sha256": take.sha256,
        "file": take.path.name,
        "size_bytes": take.info.size_bytes,
        "mtime_ns": take.path.stat().st_mtime_ns,
        "provider": row.provider,
        "model": row.model,
        "kind": link.kind,
        "prompt": link.prompt,
        "negative": link.negative,
        "camera": link.camera,
        "shots": [
            {"duration_s": float(shot.duration_s), "prompt": shot.prompt} for shot in link.shots
        ],
        "seed": link.seed,
        "length_s": float(link.length_s),
        "resolution": link.resolution,
        "client_id": row.client_id,
        "job": row.job,
        "price_usd": None if billed is None else str(billed),
        "asked": _when(row.intended_at),
        "done": _when(row.changed_at),
        "start": take.handed and take.handed.data(),
        "colour": asdict(take.colour),
        "notes": list(take.notes),
    }


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
