"""
A platform's API over HTTP: what may be repeated is repeated, what costs money is sent once.

    api = Api("kling", "https://api-singapore.klingai.com", sign=sign, judge=judge)
    answer = await api.post_once("/image-to-video/kling-3.0", json=body)
    tasks = await api.ask("GET", "/tasks", params={"task_ids": job})
    await api.download(url, path)

Base URLs can be set in the environment (``ASSEMBLER_KLING_URL``) for gateways and tests. Results
come from addresses that a server has named, so they are met with caution: https only, no private
address, no key, nothing without a limit; without a proxy, the very address that was checked is
connected to.
"""

from __future__ import annotations

import json as json_
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx
import stamina
from anyio import to_thread

from assembler.errors import UsageError
from assembler.generation.keys import Key
from assembler.generation.refusals import (
    ExpiredError,
    NoClipError,
    NotSubmittedError,
    ProviderError,
    Refusal,
    Trouble,
    error_of,
)
from assembler.planning.account import Account, fingerprint
from assembler.web import (
    PROXY_FIX,
    UNUSABLE_PROXY,
    Address,
    Door,
    around_proxies,
    count,
    door_to,
    has_proxy,
    is_loopback,
    is_private,
    looked_up,
    redirected,
    retry_after,
    shown,
    split,
)

_T = TypeVar("_T")

_REDIRECTS = 5
_ONCE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError,
         httpx.UnsupportedProtocol, httpx.LocalProtocolError)  # fmt: skip
"""What fails before anything of a request has left."""
_BY_STATUS: Mapping[int, Trouble] = {
    401: "auth", 402: "balance", 403: "permission", 408: "server", 409: "unknown", 425: "server",
    429: "throttle",
}  # fmt: skip
"""Others from 400 are about the request; a conflict may be one with a job that was made."""
_GONE = frozenset({401, 403, 404, 410})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_CREDENTIALS = 64
"""Tokens that are remembered to be kept out of messages; most platforms have one."""
_TEXT = 2000
"""Characters that are kept of an answer that isn't JSON."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how large things may be."""

    connect_s: float = 10.0
    silence_s: float = 30.0
    """Longest time without a byte."""
    submit_s: float = 120.0
    """Longest time for a submission with its images."""
    ask_s: float = 60.0
    """Longest time for one try of what may be repeated."""
    download_s: float = 1800.0
    """Longest time for a clip, all tries together."""
    tries: int = 5
    wait_s: float = 0.5
    """Before the second try; it doubles."""
    longest_wait_s: float = 20.0
    """Of our own accord; a server may ask for more: see `asked_s`."""
    json_bytes: int = 16 << 20
    clip_bytes: int = 4 << 30

    def asked_s(self, after_s: float) -> float:
        """How long to wait before something is repeated when a server asks for *after_s*."""
        return min(after_s, 6 * self.longest_wait_s)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    data: Any
    """Its JSON; None when it is none."""
    text: str = ""
    """Its begin when it isn't JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    @property
    def after_s(self) -> float | None:
        """How long the server asks to wait."""
        return retry_after(self.headers.get("retry-after", ""))


class _AgainError(Exception):
    """Worth another try."""

    def __init__(self, error: ProviderError, after_s: float | None = None) -> None:
        super().__init__(error.what)
        self.error = error
        self.after_s = after_s


class Api:
    """
    One platform's API.

    Args:
        name: Of the provider; ``ASSEMBLER_<NAME>_URL`` is asked for its base URL.
        url: The base URL where that isn't set; may have a path.
        sign: Headers that carry the key, for a path; asked anew for each request.
        judge: What an answer of the API means; None when it is fine. Without a word of its own on
            a status of 400 and more, the status decides.
        keys: Of this provider: named in advice, and never shown where the server says them.
        limits: How long and how large things may be.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        sign: Callable[[str], Mapping[str, str]] = lambda path: {},
        judge: Callable[[Answer], Refusal | None] = lambda answer: None,
        keys: Iterable[Key] = (),
        limits: Limits | None = None,
    ) -> None:
        self.name = name
        self.url = base_url(name, url)
        self.limits = limits or Limits()
        self._sign = sign
        self._judge = judge
        self._keys = tuple(keys)
        self._credentials: dict[str, None] = {}
        """What was sent to prove who we are: the keys in another form."""
        self._client: httpx.AsyncClient | None = None
        self._private: bool | None = None

    @property
    def account(self) -> Account:
        """Where requests go and, by the first key's fingerprint, whose they are."""
        key = fingerprint(self.name, self._keys[0].reveal()) if self._keys else ""
        return Account(shown(self.url), key)

    # -- the API ---------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        fine: Iterable[int] = (),
    ) -> Answer:
        """
        Something that may be repeated: a look, or the upload of a file.

        Args:
            method: Of HTTP.
            path: Below the base URL.
            params: Of the query.
            json: The body, or:
            content: the body as bytes, or:
            files: form fields with files: name, content, type; and
            data: form fields with text.
            headers: Besides those that carry the key.
            fine: Statuses that are returned, not raised.

        Raises:
            ProviderError: If it is refused, or fails again and again.
        """
        passed = frozenset(fine)

        async def one() -> Answer:
            client = self._connected()
            try:
                with anyio.fail_after(self.limits.ask_s):
                    answer = await self._answer(
                        client, method, path, headers, params=params, json=json, content=content,
                        files=files, data=data,
                    )  # fmt: skip
            except (httpx.RequestError, TimeoutError) as exc:
                raise _AgainError(self._unreachable(exc)) from exc
            refusal = None if answer.status in passed else self._refusal(answer)
            if refusal is None:
                return answer
            error = self.error(refusal)
            if refusal.trouble in ("server", "throttle"):
                raise _AgainError(error, refusal.after_s)
            raise error

        return await self._repeated(one)

    async def reached(self) -> None:
        """
        Any answer will do.

        Raises:
            ProviderError: If there is none.
        """
        await self.ask("GET", "", fine=range(100, 600))

    async def post_once(
        self,
        path: str,
        *,
        json: Any = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """
        A submission, sent exactly once, over a connection of its own.

        Raises:
            ThrottledError: If the answer says that it is too much at once.
            NotSubmittedError: If the answer, or how it failed, proves that no job was made.
            ProviderError: If nobody knows.
        """
        try:
            own = self._new_client()
        except ProviderError as exc:
            raise _not_submitted(exc) from exc
        async with own as client:
            try:
                with anyio.fail_after(self.limits.submit_s):
                    answer = await self._answer(
                        client, "POST", path, headers, json=json, files=files, data=data
                    )
            except _ONCE as exc:
                raise _not_submitted(self._unreachable(exc)) from exc
            except (httpx.RequestError, TimeoutError) as exc:
                raise self._unreachable(exc) from exc
        refusal = self._refusal(answer)
        if refusal is not None:
            if answer.status >= 500 and refusal.no_job is None:
                # Whatever the words: a server in trouble proves nothing.
                refusal = replace(refusal, no_job=False)
            raise self.error(refusal, submitting=True)
        return answer

    def error(self, refusal: Refusal, *, submitting: bool = False) -> ProviderError:
        """The error for a refusal, without any key in it."""
        said = self.scrubbed(refusal.said)
        names = " or ".join(key.name for key in self._keys) or "the key"
        clean = Refusal(refusal.trouble, said, refusal.after_s, refusal.no_job)
        return error_of(self.name, clean, submitting=submitting, key=names)

    def no_clip(self, said: str) -> NoClipError:
        """A job that has ended well, but whose clip can't be had."""
        error = self.error(Refusal("server", said))
        fix = (
            "run again to look once more; it is taken to be paid, so another is made only when "
            "`assembler takes reroll` asks for it."
        )
        return NoClipError(error.what, "", fix, error.trouble)

    def scrubbed(self, text: str) -> str:
        """The text without our keys, and without what was made of them to be sent."""
        for secret in (*self._credentials, *(key.reveal() for key in self._keys)):
            text = text.replace(secret, "…")
        return text

    async def aclose(self) -> None:
        """Close connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _refusal(self, answer: Answer) -> Refusal | None:
        if answer.data is not None:
            refusal = self._judge(answer)
            if refusal is not None:
                return refusal
        elif answer.status < 300:
            return Refusal("server", f"the answer is no JSON: {answer.text[:80]!r}")
        if answer.status < 300:
            return None
        return by_status(answer)

    async def _answer(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        **body: Any,
    ) -> Answer:
        own = self._sign(path)
        for token in (value.rpartition(" ")[2] for value in own.values()):  # after Bearer, Basic
            if token:
                self._credentials[token] = None
        while len(self._credentials) > _CREDENTIALS:
            del self._credentials[next(iter(self._credentials))]
        signed = {**own, **(headers or {})}
        async with client.stream(method, self.url + path, headers=signed, **body) as response:
            content = bytearray()
            async for block in response.aiter_bytes():
                content += block
                if len(content) > self.limits.json_bytes:
                    raise self.error(Refusal("server", "the answer is too large"))
            text = content.decode("utf-8", "replace")
            try:
                data = json_.loads(text)
            except (ValueError, RecursionError):
                data = None
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(
                response.status_code, data, "" if data is not None else text[:_TEXT], names
            )

    def _unreachable(self, exc: Exception) -> ProviderError:
        what = "no answer in time" if isinstance(exc, TimeoutError) else str(exc)
        what = self.scrubbed(what or type(exc).__name__)
        return ProviderError(
            f"{self.name}: the connection to {shown(self.url)} failed ({what})",
            fix="check the network, then run again; what was sent is looked up, never sent twice.",
            trouble="server",
        )

    async def _repeated(self, one: Callable[[], Awaitable[_T]]) -> _T:
        """Try again what failed for a time, after as long as the server asks."""
        limits = self.limits

        def worth(exc: Exception) -> bool | float:
            if not isinstance(exc, _AgainError):
                return False
            return True if exc.after_s is None else limits.asked_s(exc.after_s)

        tries = stamina.AsyncRetryingCaller(
            attempts=limits.tries, timeout=None, wait_initial=limits.wait_s,
            wait_max=limits.longest_wait_s, wait_jitter=limits.wait_s / 2,
        )  # fmt: skip
        try:
            # Without arguments, which stamina would log.
            return await tries(worth, one)
        except _AgainError as exc:
            raise exc.error from exc.__cause__

    # -- what lies elsewhere ---------------------------------------------------------------

    async def download(self, url: str, to: Path) -> None:
        """
        The file at an address that the API has named, without our key.

        Raises:
            ExpiredError: If the address is no longer good.
            ProviderError: If it may not be reached, or the file can't be had within the limits.
        """
        limits = self.limits
        turn = 0

        async def one() -> None:
            nonlocal turn
            turn += 1
            try:
                async with self._elsewhere("GET", url, turn) as response:
                    self._check_download(response)
                    await self._write(response, to)
            except (httpx.RequestError, httpx.StreamError) as exc:
                raise _AgainError(self._broken(url, exc)) from exc

        try:
            with anyio.fail_after(limits.download_s):
                await self._repeated(one)
        except TimeoutError as exc:
            raise self._broken(url, exc) from exc

    async def put(
        self, url: str, content: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """
        Upload to an address that the API has named, without our key; may be repeated.

        Args:
            url: The address.
            content: What is put there.
            kind: Its media type.
            headers: Others that the API wants with it.

        Raises:
            ProviderError: If it may not be reached, or refuses.
        """
        turn = 0

        async def one() -> None:
            nonlocal turn
            turn += 1
            try:
                with anyio.fail_after(self.limits.submit_s):
                    async with self._elsewhere(
                        "PUT",
                        url,
                        turn,
                        content=content,
                        headers={"Content-Type": kind, **(headers or {})},
                    ) as response:
                        self._check_download(response)
            except (httpx.RequestError, TimeoutError) as exc:
                raise _AgainError(self._broken(url, exc)) from exc

        await self._repeated(one)

    def _check_download(self, response: httpx.Response) -> None:
        status = response.status_code
        if status < 300:
            return
        error = ProviderError(
            f"{self.name}: {shown(str(response.request.url))} answers {status}", trouble="server"
        )
        if status in _LATER:
            raise _AgainError(error, retry_after(response.headers.get("retry-after", "")))
        if status in _GONE:
            raise ExpiredError(error.what, "", "run again: its address is asked for anew.")
        raise error

    async def _write(self, response: httpx.Response, to: Path) -> None:
        limit = self.limits.clip_bytes
        size = count(response.headers.get("content-length", "")) or 0
        with to.open("wb") as file:
            async for block in response.aiter_bytes(1 << 20):
                size = max(size, file.tell() + len(block))
                if size > limit:
                    break
                file.write(block)
        if size > limit:
            raise ProviderError(
                f"{self.name}: the clip is larger than {limit >> 20} MB", trouble="server"
            )

    @asynccontextmanager
    async def _elsewhere(
        self, method: str, url: str, turn: int, **rest: Any
    ) -> AsyncIterator[httpx.Response]:
        """The final answer; every step on the way is checked."""
        client = self._connected()
        headers = {"Accept-Encoding": "identity", **rest.pop("headers", {})}
        for _ in range(_REDIRECTS + 1):
            door = await self._allowed(url, turn)
            own = headers | {"Host": door.host}
            async with client.stream(
                method, door.url, headers=own, extensions={"sni_hostname": door.name}, **rest
            ) as response:
                if not response.has_redirect_location:
                    yield response
                    return
                # The address that was connected to is a number: redirects count from the name.
                url = redirected(url, response.headers["location"])
        raise ProviderError(f"{self.name}: {shown(url)} redirects more than {_REDIRECTS} times")

    async def _allowed(self, url: str, turn: int) -> Door:
        """
        Where to connect to for a URL that a server has named: the address that was checked.

        Raises:
            ProviderError: If it isn't https, or leads into a private network.
        """
        try:
            parts = split(url)
            httpx.URL(url)
        except (ValueError, httpx.InvalidURL) as exc:
            raise ProviderError(f"{self.name}: names a result at {shown(url)}") from exc
        inside = await self._is_inside()
        if parts.scheme != "https" and not (parts.scheme == "http" and inside):
            raise ProviderError(f"{self.name}: names a result at {shown(url)}, which isn't https")
        if not parts.hostname:
            raise ProviderError(f"{self.name}: names a result at {shown(url)}, which is no address")
        if inside:
            return door_to(url)
        found = await _addresses(parts.hostname)
        if any(is_private(address) for address in found):
            raise ProviderError(
                f"{self.name}: names a result at {parts.hostname}, an address of a private network",
                fix="nothing was fetched from it; tell the provider, or the owner of the gateway.",
            )
        if not found and not has_proxy(parts.scheme):  # a proxy may know it alone
            raise _AgainError(ProviderError(f"{self.name}: there is no host {parts.hostname}"))
        return door_to(url, found, turn)

    async def _is_inside(self) -> bool:
        """Whether the API itself lies in a private network, so that its results may, too."""
        if self._private is None:
            found = await _addresses(split(self.url).hostname or "")
            self._private = bool(found) and all(is_private(address) for address in found)
        return self._private

    def _broken(self, url: str, exc: Exception) -> ProviderError:
        what = "it takes too long" if isinstance(exc, TimeoutError) else str(exc)
        return ProviderError(
            f"{self.name}: the download from {shown(url)} failed ({what or type(exc).__name__})",
            fix="run again to download it anew; the job isn't sent again.",
            trouble="server",
        )

    # -- connections -----------------------------------------------------------------------

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = self._new_client()
        return self._client

    def _new_client(self) -> httpx.AsyncClient:
        limits = self.limits
        timeout = httpx.Timeout(limits.silence_s, connect=limits.connect_s)
        try:
            return httpx.AsyncClient(
                timeout=timeout,
                headers={"User-Agent": "assembler"},
                verify=_certificates(),
                mounts=around_proxies(split(self.url).hostname or ""),
            )
        except UNUSABLE_PROXY as exc:
            raise ProviderError(
                f"{self.name}: the proxy of this machine's settings can't be used ({exc})",
                fix=PROXY_FIX,
            ) from exc


def _not_submitted(error: ProviderError) -> NotSubmittedError:
    return NotSubmittedError(error.what, "", error.fix, error.trouble)


@cache
def _certificates() -> ssl.SSLContext:
    """Those that are trusted; reading them takes longer than a small request."""
    return httpx.create_ssl_context()


def base_url(name: str, default: str) -> str:
    """
    The base URL of a provider: from ``ASSEMBLER_<NAME>_URL``, or the default.

    Raises:
        UsageError: If it is neither https nor loopback.
    """
    variable = f"ASSEMBLER_{name.upper().replace('-', '_')}_URL"
    url = os.environ.get(variable, "").strip() or default
    try:
        parts = split(url)
    except ValueError:
        parts = split("")
    host = parts.hostname or ""
    if not host or parts.query or parts.fragment or parts.username or parts.password:
        what = f"{variable} is no base URL"
        raise UsageError(what, fix="write it as https://host or https://host/path.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise UsageError(
            f"{variable} is {shown(url)}; a key is sent there, so it must be https or this machine",
            fix="write it with https://, or set up a tunnel to 127.0.0.1.",
        )
    return url.rstrip("/")


def by_status(answer: Answer) -> Refusal:
    """What a status alone says; the words are the answer's."""
    status = answer.status
    if status >= 500:
        return Refusal("server", f"{status} {_words(answer)}".strip(), answer.after_s)
    if 300 <= status < 400:
        location = shown(answer.headers.get("location", ""))
        said = f"{status}: it redirects to {location}; is the base URL right?"
        return Refusal("unknown", said, no_job=True)
    trouble = _BY_STATUS.get(status, "parameter")
    return Refusal(trouble, f"{status} {_words(answer)}".strip(), answer.after_s)


def _words(answer: Answer) -> str:
    """The sentence in an error's body, where one can be told."""
    data = answer.data
    for _ in range(3):
        if not isinstance(data, Mapping):
            break
        data = next((data[n] for n in ("message", "error", "detail", "msg") if data.get(n)), None)
    if isinstance(data, str):
        return data
    return "" if "<" in answer.text else answer.text


async def _addresses(host: str) -> list[Address]:
    return await to_thread.run_sync(looked_up, host, abandon_on_cancel=True)
