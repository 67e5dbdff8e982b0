"""
A loopback server of one file, with what goes wrong on the way to it on demand.

A proxy, too: any address gives the file, and a tunnel is asked for, but never made.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """How the server treats requests; lists are used up one request after another."""

    body: bytes
    content_type: str = "video/mp4"
    ranges: bool = True
    etag: str | None = '"one"'
    length: int | str | None = "true"
    """Content-Length: the true one, none (close ends the body), or a false number."""
    statuses: list[int] = field(default_factory=list)
    """Answered first, one a request."""
    retry_after: int | str | None = None
    stop_after: list[int] = field(default_factory=list)
    """Bytes after which a request's connection is closed; one entry a request."""
    reset: bool = False
    """Closed by a reset instead of an end."""
    drip_s: float = 0.0
    """Pause after each 64 bytes."""
    redirects: dict[str, str] = field(default_factory=dict)
    """Path -> location."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """What was asked: path and headers in lower case."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        behaviour = self.server.behaviour
        headers = {name.lower(): value for name, value in self.headers.items()}
        behaviour.requests.append((self.path, headers))
        self.close_connection = True
        if self.path in behaviour.redirects:
            self._head(302, {"Location": behaviour.redirects[self.path], "Content-Length": "0"})
        elif behaviour.statuses:
            extra = {"Content-Length": "0"}
            if behaviour.retry_after is not None:
                extra["Retry-After"] = str(behaviour.retry_after)
            self._head(behaviour.statuses.pop(0), extra)
        else:
            self._file(behaviour, headers)

    def do_CONNECT(self) -> None:
        self.server.behaviour.requests.append((self.path, {}))
        self.close_connection = True
        self._head(502, {"Content-Length": "0"})

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _file(self, behaviour: Behaviour, headers: dict[str, str]) -> None:
        begin, status = self._begin(behaviour, headers)
        body = behaviour.body[begin:]
        answer = {"Content-Type": behaviour.content_type}
        if behaviour.etag:
            answer["ETag"] = behaviour.etag
        if status == 206:
            whole = len(behaviour.body)
            answer["Content-Range"] = f"bytes {begin}-{whole - 1}/{whole}"
        if behaviour.length == "true":
            answer["Content-Length"] = str(len(body))
        elif behaviour.length is not None:
            answer["Content-Length"] = str(behaviour.length)
        self._head(status, answer)
        stop = behaviour.stop_after.pop(0) if behaviour.stop_after else len(body)
        self._send(body[:stop], behaviour.drip_s)
        if stop < len(body) and behaviour.reset:
            # Closing with a linger of 0 sends a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _begin(self, behaviour: Behaviour, headers: dict[str, str]) -> tuple[int, int]:
        asked = headers.get("range", "")
        if not behaviour.ranges or not asked or headers.get("if-range") != behaviour.etag:
            return 0, 200
        return int(asked.removeprefix("bytes=").partition("-")[0]), 206

    def _send(self, body: bytes, drip_s: float) -> None:
        try:
            if not drip_s:
                self.wfile.write(body)
                return
            for at in range(0, len(body), 64):
                self.wfile.write(body[at : at + 64])
                time.sleep(drip_s)
        except OSError:
            return  # the client has gone

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    behaviour: Behaviour

    def handle_error(self, request: object, client_address: object) -> None:
        return  # a client that goes is part of the tests


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The server's address, ``http://127.0.0.1:port``."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.behaviour = behaviour
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
