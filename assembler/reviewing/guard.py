"""
Who may talk to the review: pages that it has served itself, and nobody else.

Other sites in the same browser can send requests to 127.0.0.1, and can point a name of their own
at it (DNS rebinding). So a request counts only with our address as its Host, the secret token in
its path, no foreign Origin, and, where it changes something, the token once more in a header that
other sites can't set, with a small body of JSON.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 16_384
"""Bytes of a request's body."""
TOKEN_HEADER = "x-assembler-token"

COMMON_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


def page_policy(nonce: str) -> str:
    """What the page may do: run the scripts that carry *nonce*, and talk to its own server."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
        "img-src data:; media-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


class Guard:
    """Lets through what comes from our own pages; wraps the whole application."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        refused = self._refusal(scope)
        if refused is not None:
            await _answer(send, *refused)
            return
        if scope["method"] == "POST":
            body = await _body(receive)
            if body is None:
                await _answer(send, 413, "the request is too large")
                return
            receive = _replayed(body, receive)
        await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = _headers(scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return 421, "this is another host"
        if not self._has_token(scope["path"]):
            return 404, "there is nothing here; open the address that `assembler review` printed"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "other sites can't come here"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin)[:2] != ("http", host):
            return 403, "other sites can't come here"
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "only GET and POST"
        return self._refused_change(headers) if scope["method"] == "POST" else None

    def _refused_change(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        if "origin" not in headers:
            return 403, "a change has to come from the page"
        if not _same(headers.get(TOKEN_HEADER, ""), self._token):
            return 403, "the token is missing"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return 415, "a change is sent as JSON"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BODY:
            return 413, "the request is too large"
        return None

    def _has_token(self, path: str) -> bool:
        return _same(path.lstrip("/").partition("/")[0], self._token)


def _same(one: str, two: str) -> bool:
    return secrets.compare_digest(one.encode(), two.encode())


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name; one that comes twice counts as neither of its values."""
    found: dict[str, str] = {}
    for raw_name, raw in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        found[name] = "\0" if name in found else raw.decode("latin-1")
    return found


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((k, v) for k, v in _encoded(COMMON_HEADERS) if k not in given),
            ]
        await send(message)

    return sending


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _answer(send: Send, status: int, words: str) -> None:
    headers = _encoded({**COMMON_HEADERS, "content-type": "text/plain; charset=utf-8"})
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{words}\n".encode()})
