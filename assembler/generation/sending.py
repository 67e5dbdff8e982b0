"""
What adapters of HTTP platforms share: files to addresses, notes of what was sent, careful reading.

    body = await uploaded(body, self._upload, most_bytes=10 << 20)
    note_sent(folder, request.client_id, endpoint, body)     # then, after a lost reply:
    note = sent_note(folder, client_id)
"""

from __future__ import annotations

import json
import mimetypes
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from anyio import to_thread

from assembler.generation.asking import paths_in, with_addresses
from assembler.generation.base import (
    CantTell,
    Lookup,
    NotMade,
    NotSubmittedError,
)
from assembler.generation.refusals import ProviderError, before_sending
from assembler.media.files import publish
from assembler.media.stills import read_image
from assembler.media.upright import is_turned

Upload = Callable[[Path, bytes, str], Awaitable[str]]
"""Takes a file's path, its content and media type; gives the address where it lies."""

_PAGES = 20
"""Of a list of jobs; more weren't made in the time that is asked for."""
_KINDS = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
    ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff", ".mp4": "video/mp4",
    ".mov": "video/quicktime", ".wav": "audio/wav", ".mp3": "audio/mpeg",
}  # fmt: skip
_PICTURES = {"image/png": ".png", "image/jpeg": ".jpg"}
"""What Kling takes."""
_SAMPLING = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
_ENCODINGS: tuple[tuple[str, list[int]], ...] = (
    (".png", []),
    *((".jpg", [cv2.IMWRITE_JPEG_QUALITY, q, *_SAMPLING]) for q in (100, 98, 95, 92, 88, 80)),
)
"""Tried in this order for a picture that can't be sent as it is."""


async def uploaded(body: Any, upload: Upload, *, most_bytes: int) -> Any:
    """
    The body with addresses in place of files, each file uploaded once.

    Args:
        body: Holds paths.
        upload: Of the platform.
        most_bytes: Largest picture; a larger one is sent as JPEG. Other formats become PNG.

    Raises:
        NotSubmittedError: If a picture can't be made as small, or an upload fails.
    """
    addresses: dict[Path, str] = {}
    for path in dict.fromkeys(paths_in(body)):
        content, kind = await to_thread.run_sync(_content, path, most_bytes)
        with before_sending():
            addresses[path] = await upload(path.with_suffix(_suffix(kind, path)), content, kind)
    return with_addresses(body, addresses)


def _content(path: Path, most_bytes: int) -> tuple[bytes, str]:
    """The bytes of a file and their type; pictures as PNG or JPEG within the limit."""
    content = path.read_bytes()
    kind = _KINDS.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or ""
    if not kind.startswith("image/"):
        return content, kind or "application/octet-stream"
    if kind in _PICTURES and len(content) <= most_bytes and not is_turned(path):
        return content, kind
    codes = np.rint(read_image(path)[..., ::-1] * 255).astype(np.uint8)
    for suffix, how in _ENCODINGS:
        done, data = cv2.imencode(suffix, codes, how)
        if done and len(data) <= most_bytes:
            return data.tobytes(), _KINDS[suffix]
    raise NotSubmittedError(
        f"{path.name} has {len(content) / 1e6:.1f} MB, {most_bytes / 1e6:.0f} MB can be sent",
        fix="take a smaller picture.",
        trouble="parameter",
    )


def _suffix(kind: str, path: Path) -> str:
    return _PICTURES.get(kind, path.suffix)


@dataclass(frozen=True, slots=True)
class SentNote:
    """What was sent for one of our ids, where and when."""

    where: str
    body: Mapping[str, Any]
    at_s: float
    """Seconds since 1970, just before it left."""

    def is_of(self, theirs: object) -> bool:
        """Whether a job with these inputs is the one; a platform may have added what it assumes."""
        if not isinstance(theirs, Mapping):
            return False
        return all(name in theirs and theirs[name] == value for name, value in self.body.items())

    def gap_s(self, moment: str) -> float:
        """How far a moment (ISO 8601) is from when it was sent; infinite when it can't be read."""
        try:
            return abs(datetime.fromisoformat(moment).timestamp() - self.at_s)
        except ValueError:
            return float("inf")


def note_sent(folder: Path, client_id: str, where: str, body: Mapping[str, Any]) -> None:
    """Keep what is about to be sent, so that its job can be found by its inputs."""
    with publish(folder / f"{client_id}.json") as part:
        noted = {"where": where, "body": body, "at_s": time.time()}
        part.write_text(json.dumps(noted), encoding="utf-8")


def forget_sent(folder: Path, client_id: str) -> None:
    """Before another try: what the last one has noted isn't what will be sent."""
    (folder / f"{client_id}.json").unlink(missing_ok=True)


def sent_note(folder: Path, client_id: str) -> SentNote | None:
    """What was sent; None when nothing has left for this id."""
    try:
        noted = json.loads((folder / f"{client_id}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return SentNote(str(noted["where"]), noted["body"], float(noted["at_s"]))


def not_listed(
    platform: str,
    folder: Path,
    unclaimed: Collection[object],
    age_s: float,
    settled_s: float,
) -> Lookup:
    """
    What it means that a job isn't in a platform's list.

    Args:
        platform: Its name, for the user.
        folder: Where what was sent is noted.
        unclaimed: Inputs of listed jobs that belong to no submission.
        age_s: Seconds from when it was sent to the last look.
        settled_s: After so many, a list is complete.
    """
    found = (sent_note(folder, path.stem) for path in folder.glob("*.json"))
    notes = [note for note in found if note is not None]
    if not all(any(note.is_of(inputs) for note in notes) for inputs in unclaimed):
        # It may be listed with other words for the same input.
        return CantTell(f"{platform} lists a job since then that nobody here asked for")
    if age_s > settled_s:
        return NotMade()
    return CantTell(
        f"{platform} doesn't list it yet; run again in {settled_s / 60:g} minutes to be sure"
    )


def unlisted(folder: Path, client_id: str, why: str) -> Lookup:
    """What became of a submission where jobs can't be looked up; sure only if nothing has left."""
    return NotMade() if sent_note(folder, client_id) is None else CantTell(why)


def text_of(data: Any, *names: str) -> str:
    """The text at that place in an answer; "" when there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data if isinstance(data, str) else ""


def record_of(data: Any, *names: str) -> Mapping[str, Any]:
    """The record at that place in an answer; empty when there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def items_of(data: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """The records in a list of an answer."""
    found = data.get(name) if isinstance(data, Mapping) else None
    for item in found if isinstance(found, list) else ():
        if isinstance(item, Mapping):
            yield item


async def pages_of(
    page: Callable[[str], Awaitable[tuple[Iterable[Mapping[str, Any]], str]]],
) -> AsyncIterator[Mapping[str, Any]]:
    """
    The records of a platform's list.

    Args:
        page: Asks for the records behind a cursor, "" at first, and the cursor behind these.

    Raises:
        ProviderError: If it goes on without end.
    """
    cursor = ""
    for _ in range(_PAGES):
        items, cursor = await page(cursor)
        for item in items:
            yield item
        if not cursor:
            return
    raise ProviderError(
        "the platform's list of jobs is too long to look through",
        fix="look there whether a job was made, then say `assembler takes settle`.",
    )


def time_text(seconds: float) -> str:
    """A moment as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
