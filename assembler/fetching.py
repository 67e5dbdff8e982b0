"""
A URL becomes a clip on disk: resumed, bounded, probed, then renamed.

    path = fetch("https://example.org/shot.mp4", project.takes)

The name comes from the URL's hash, never from the server. What was fetched is not fetched again,
and a server that has something else by now is noticed when a checksum is given.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from assembler.errors import FetchError, MediaError
from assembler.media.files import publish, sha256_of, try_lock
from assembler.web import (
    PROXY_FIX,
    UNUSABLE_PROXY,
    Door,
    around_proxies,
    count,
    door_to,
    has_proxy,
    is_private,
    looked_up,
    redirected,
    retry_after,
    shown,
    split,
)

if TYPE_CHECKING:
    import httpx  # imported where it is used, like `probe`: most timelines fetch nothing

LIMIT_BYTES = 8 << 30
TIMEOUT_S = 1800.0
"""For the whole download, retries included."""
_CONNECT_S = 10.0
_READ_S = 30.0
"""Longest silence of the server."""
_ATTEMPTS = 5
_REDIRECTS = 5
_LONGEST_S = 60.0
"""Longest wait that a server may ask for."""
_PAGES = ("text/", "application/json", "application/xml", "application/xhtml")
_LATER = "try again later; what has come is kept."
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTAINERS = {
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4", "matroska,webm": ".mkv", "avi": ".avi", "mpegts": ".ts",
    "mxf": ".mxf", "ogg": ".ogg", "gif": ".gif", "wav": ".wav", "mp3": ".mp3", "flac": ".flac",
}  # fmt: skip


class _AgainError(Exception):
    """Worth another try; `wait_s` is what the server asked for."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of a download that isn't finished."""

    validator: str
    """Strong ETag or Last-Modified: what the server knows this version by."""
    total: int | None


def fetch(
    url: str,
    folder: Path,
    *,
    sha256: str | None = None,
    limit_bytes: int = LIMIT_BYTES,
    timeout_s: float = TIMEOUT_S,
    client: httpx.Client | None = None,
    on_bytes: Callable[[int, int | None], None] | None = None,
    sleep: Callable[[float], object] | None = None,
    cancel: threading.Event | None = None,
) -> Path:
    """
    The clip at *url*, in *folder*; fetched only when it isn't there yet.

    Args:
        url: http or https. A private or loopback address is reached only when it is written here.
        folder: Where clips and parts of them are kept.
        sha256: Of the file, as 64 hexadecimal digits; another file is refused.
        limit_bytes: Largest file.
        timeout_s: For the whole of it.
        client: Used instead of our own; it must not follow redirects by itself.
        on_bytes: Told how many bytes are there, and how many there will be if the server says.
        sleep: Waits between tries.
        cancel: Stops it when set; what has come is kept.

    Raises:
        FetchError: If there is no clip at the URL, it can't be had within the limits, or it was
            cancelled.
    """
    wanted = sha256.lower() if sha256 else None
    name = clip_name(url, wanted)
    there = cached(url, folder, sha256=wanted)
    if there is not None:
        return there
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.part"
    cancel = cancel or threading.Event()
    sleep = sleep or cancel.wait
    job = _Download(url, part, limit_bytes, time.monotonic() + timeout_s, on_bytes, sleep, cancel)
    with _alone(part, job, sleep), _client(client, url) as http:
        there = cached(url, folder, sha256=wanted)
        if there is not None:
            return there
        _with_retries(job, http)
        return _accepted(job, folder, name, wanted)


def clip_name(url: str, sha256: str | None = None) -> str:
    """Name, without suffix, under which the clip of a URL is kept."""
    return hashlib.sha256(f"{url}\n{(sha256 or '').lower()}".encode()).hexdigest()[:32]


def cached(url: str, folder: Path, *, sha256: str | None = None) -> Path | None:
    """The clip of a URL that was fetched before, without asking the server."""
    note = folder / f"{clip_name(url, sha256)}.json"
    try:
        kept = json.loads(note.read_text(encoding="utf-8"))
        path = folder / str(kept["file"])
        if path.parent == folder and path.stat().st_size == kept["size_bytes"]:
            return path
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def _with_retries(job: _Download, http: httpx.Client) -> None:
    """Asking again is safe: nothing is changed at the server."""
    import httpx
    import stamina

    tries = stamina.RetryingCaller(
        attempts=_ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=5.0, wait_jitter=0.2
    )
    try:
        tries.on((_AgainError, httpx.TransportError))(job.run, http)
    except _AgainError as exc:
        raise FetchError(str(exc), job.where, _LATER) from exc
    except httpx.TransportError as exc:
        what = str(exc) or type(exc).__name__
        raise FetchError(f"the connection failed: {what}", job.where, _LATER) from exc
    except httpx.RequestError as exc:
        raise FetchError(f"what came can't be read: {exc}", job.where) from exc
    except httpx.InvalidURL as exc:
        raise FetchError(f"is no URL: {exc}", job.where) from exc


class _Download:
    """Brings one URL into a part file, over as many connections as it takes."""

    def __init__(
        self,
        url: str,
        part: Path,
        limit_bytes: int,
        deadline: float,
        on_bytes: Callable[[int, int | None], None] | None,
        sleep: Callable[[float], object],
        cancel: threading.Event,
    ) -> None:
        self.url = url
        self.part = part
        self.limit_bytes = limit_bytes
        self.deadline = deadline
        self.on_bytes = on_bytes
        self.sleep = sleep
        self.cancel = cancel
        self.content_type = ""
        self.where = shown(url)
        parts = self._parts(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FetchError("is no http or https URL", self.where)
        self._private = any(is_private(address) for address in looked_up(parts.hostname))
        self._tries = 0

    def run(self, http: httpx.Client) -> None:
        """One try: the rest of the file, or all of it."""
        self.check_time()
        self._tries += 1
        have, known = self._have()
        if known is not None and known.total is not None and have == known.total:
            return
        headers = {"Accept-Encoding": "identity"}
        if have and known is not None:
            headers |= {"Range": f"bytes={have}-", "If-Range": known.validator}
        with self._answer(http, headers) as answer:
            self._receive(answer, have if answer.status_code == 206 else 0)

    # -- asking ------------------------------------------------------------------------------

    @contextmanager
    def _answer(self, http: httpx.Client, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """The final answer, redirects followed."""
        at = self.url
        for _ in range(_REDIRECTS + 1):
            door = self._allowed(at)
            own = headers | {"Host": door.host}
            names = {"sni_hostname": door.name}
            with http.stream(
                "GET", door.url, headers=own, follow_redirects=False, extensions=names
            ) as answer:
                if not answer.has_redirect_location:
                    self._check_status(answer)
                    yield answer
                    return
                at = self._next(at, answer.headers["location"])
        raise FetchError(f"redirects more than {_REDIRECTS} times", self.where)

    def _next(self, at: str, location: str) -> str:
        to = redirected(at, location)
        parts = self._parts(to)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise FetchError(f"redirects to {shown(to)}", self.where)
        if split(at).scheme == "https" and parts.scheme == "http":
            raise FetchError(
                f"redirects from https to http ({parts.hostname})", self.where,
                "name the final address if you trust it.",
            )  # fmt: skip
        return to

    def _parts(self, url: str) -> SplitResult:
        try:
            return split(url)
        except ValueError as exc:
            what = "is no http or https URL" if url == self.url else "redirects to no address"
            raise FetchError(what, self.where) from exc

    def _allowed(self, url: str) -> Door:
        """Where to connect to: the address that was looked up and may be reached."""
        if self._private:
            return door_to(url)
        parts = split(url)
        name = parts.hostname or ""
        found = looked_up(name)
        if any(is_private(address) for address in found):
            raise FetchError(
                f"leads to {name}, an address of a private network", self.where,
                "name that address itself if it is meant.",
            )  # fmt: skip
        if not found and not has_proxy(parts.scheme):  # a proxy may know it alone
            raise _AgainError(f"there is no host {name}")
        return door_to(url, found, self._tries)

    def _check_status(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in _AGAIN:
            wait_s = min(retry_after(answer.headers.get("retry-after", "")) or 0.0, _LONGEST_S)
            if wait_s:
                self.sleep(min(wait_s, max(0.0, self.deadline - time.monotonic())))
            raise _AgainError(f"the server answers {status} {answer.reason_phrase}".strip(), wait_s)
        if status == 416:
            self._forget()
            raise _AgainError("the server's file is shorter than what has come of it")
        if status not in (200, 206):
            fixes = {
                401: "it needs a login",
                403: "the link may have expired",
                404: "check the address; nothing lies there",
            }
            raise FetchError(
                f"the server answers {status} {answer.reason_phrase}".strip(), self.where,
                fixes.get(status, ""),
            )  # fmt: skip

    # -- receiving ---------------------------------------------------------------------------

    def _receive(self, answer: httpx.Response, begin: int) -> None:
        self.content_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        if answer.status_code == 206 and _range_start(answer) != begin:
            self._forget()
            raise _AgainError("the server sent another range than was asked for")
        length = _length(answer)
        total = None if length is None else begin + length
        if total is not None and total > self.limit_bytes:
            raise FetchError(
                f"is {_megabytes(total)} large, the limit is {_megabytes(self.limit_bytes)}",
                self.where, "raise the limit if the size is right.",
            )  # fmt: skip
        if not begin:
            self._begin(answer, total)
        have = begin
        with self.part.open("r+b") as file:
            file.seek(begin)
            file.truncate()
            for block in answer.iter_raw() if _plain(answer) else answer.iter_bytes():
                have += len(block)
                if have > self.limit_bytes:
                    raise FetchError(
                        f"is larger than the limit of {_megabytes(self.limit_bytes)}", self.where
                    )
                file.write(block)
                if self.on_bytes is not None:
                    self.on_bytes(have, total)
                self.check_time()
            file.flush()
            os.fsync(file.fileno())
        if total is not None and have < total:
            raise _AgainError(f"the connection ended after {have} of {total} bytes")

    def _begin(self, answer: httpx.Response, total: int | None) -> None:
        """An empty part file, and beside it by what it can be resumed."""
        etag = answer.headers.get("etag", "")
        validator = etag if etag and not etag.startswith("W/") else ""
        validator = validator or answer.headers.get("last-modified", "")
        validator = validator if _plain(answer) else ""
        self.part.write_bytes(b"")
        note = json.dumps(asdict(_Part(validator, total)))
        self._note.write_text(note, encoding="utf-8")

    def _have(self) -> tuple[int, _Part | None]:
        """Bytes that can be kept of an earlier try."""
        try:
            known = _Part(**json.loads(self._note.read_text(encoding="utf-8")))
            have = self.part.stat().st_size
        except (OSError, ValueError, TypeError):
            return 0, None
        if not known.validator:
            return 0, None
        return have, known

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def check_time(self) -> None:
        if self.cancel.is_set():
            raise FetchError("cancelled", self.where, "run again: what has come is kept.")
        if time.monotonic() > self.deadline:
            raise FetchError(
                "takes too long",
                self.where,
                "run again: what has come is kept, or raise the limit.",
            )


def _accepted(job: _Download, folder: Path, name: str, sha256: str | None) -> Path:
    """The finished part, checked and under its name."""
    part, url = job.part, job.where
    note = part.with_name(f"{part.name}.json")
    found = sha256_of(part)
    try:
        if sha256 is not None and found != sha256:
            raise FetchError(
                f"has SHA-256 {found}, expected was {sha256}", url,
                "the file at the URL has changed, or the checksum is wrong.",
            )  # fmt: skip
        suffix = _suffix(job)
        path = folder / f"{name}{suffix}"
        size = part.stat().st_size
        part.replace(path)
    except FetchError:
        part.unlink(missing_ok=True)
        raise
    finally:
        note.unlink(missing_ok=True)
    kept = {"url": url, "file": path.name, "size_bytes": size, "sha256": found}
    with publish(folder / f"{name}.json") as out:
        out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return path


def _suffix(job: _Download) -> str:
    """Suffix by what the file is, which is found by opening it."""
    from assembler.media.probe import probe

    url, content_type = job.where, job.content_type
    try:
        info = probe(job.part)
    except MediaError as exc:
        page = content_type.startswith(_PAGES)
        what = f"is no clip but {content_type}" if page else f"is no clip: {exc.what}"
        fix = "give the address of the file itself, not of the page that shows it." if page else ""
        raise FetchError(what, url, fix or exc.fix) from exc
    if info.video is None:
        raise FetchError("has sound but no picture", url)
    if info.still:
        return Path(urlsplit(job.url).path).suffix[:6] or ".png"
    return _CONTAINERS.get(info.container, ".mkv")


@contextmanager
def _client(given: httpx.Client | None, url: str) -> Iterator[httpx.Client]:
    if given is not None:
        yield given
        return
    import httpx

    timeout = httpx.Timeout(_READ_S, connect=_CONNECT_S)
    try:
        own = httpx.Client(
            timeout=timeout,
            headers={"User-Agent": "assembler"},
            mounts=around_proxies(split(url).hostname or ""),
        )
    except UNUSABLE_PROXY as exc:
        what = f"the proxy of this machine's settings can't be used ({exc})"
        raise FetchError(what, fix=PROXY_FIX) from exc
    with own:
        yield own


@contextmanager
def _alone(part: Path, job: _Download, sleep: Callable[[float], object]) -> Iterator[None]:
    """No two processes write the same part; the system lets go of the lock when one dies."""
    with part.with_name(f"{part.name}.lock").open("a+b") as file:
        while not try_lock(file.fileno()):
            job.check_time()
            sleep(0.1)
        yield


def _length(answer: httpx.Response) -> int | None:
    return count(answer.headers.get("content-length", "")) if _plain(answer) else None


def _plain(answer: httpx.Response) -> bool:
    return answer.headers.get("content-encoding", "identity") in ("", "identity")


def _range_start(answer: httpx.Response) -> int | None:
    start = answer.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return count(start)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
