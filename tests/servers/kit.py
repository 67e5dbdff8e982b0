"""
What the loopback servers of all platforms stand on: calls, jobs, clips, and faults on demand.

    class Kling(Platform):
        @route("POST", "/image-to-video/{model}", stage="submit")
        def image_to_video(self, call: Call, model: str) -> Reply: ...

    with serving(Kling(tmp_path)) as server:
        server.faults.add("submit", "reset_after")
        monkeypatch.setenv("ASSEMBLER_KLING_URL", server.url)

A job is made by `make_job`, goes through its states by the clock, and is billed once. Its clip
comes from the animatic generator, started on the very images that were uploaded, in their size
unless the platform is told another. Everything asked is kept in `calls`.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

from assembler.generation.animatic.clip import make
from assembler.generation.animatic.recipe import Recipe, ShotRecipe, to_json
from assembler.media.probe import probe
from assembler.media.stills import read_image

Stage = Literal["submit", "find", "poll", "upload", "download", "other"]
Fault = Literal[
    "reset_before", "reset_after", "error_before", "error_after", "throttle", "balance", "hang",
    "slow", "truncated", "expired", "policy", "malformed", "malformed_after",
]  # fmt: skip
"""
On any stage: `reset_before` the request is acted on, or `reset_after` it, without a reply;
`error_before` and `error_after`, with a 503; `hang`: acted on, never answered; `slow`: answered
after `slow_s`; `malformed`: answered with half a JSON object (a submission not acted on, unless it
is `malformed_after`); `throttle` and `balance`: the platform's two sorts of refusal. On a
submission, `policy`: refused, or the job fails (`call.policy`). On a download: `truncated`, `slow`
(drop by drop), `expired`.
"""


class MalformedError(Exception):
    """The body of a request isn't what its headers say."""


class RefusedError(Exception):
    """A request that the platform refuses; the reply says how."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass
class Call:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    stage: Stage = "other"
    policy: bool = False
    """Its content is to be refused."""

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise MalformedError("the body is no JSON") from exc

    @property
    def bearer(self) -> str:
        """What comes after ``Bearer`` in the authorization header."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token if kind == "Bearer" else ""


@dataclass
class Reply:
    status: int
    body: Any = None
    """bytes as they are, anything else as JSON."""
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> tuple[bytes, str]:
        if isinstance(self.body, bytes):
            return self.body, self.headers.get("Content-Type", "application/octet-stream")
        return json.dumps(self.body).encode(), "application/json"


@dataclass
class Job:
    """One generation at a platform, for ever as it was asked for."""

    id: str
    client_id: str
    body: Any
    clip: Recipe | None
    made_s: float
    done_s: float
    price_usd: Decimal = Decimal(0)
    fails: str = ""
    """Why it will fail; empty when it won't."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Whatever the platform wants to keep of it."""
    cancelled: bool = False
    wall_s: float = field(default_factory=time.time)

    def state(self, now: float) -> Literal["queued", "running", "done", "failed"]:
        if self.cancelled:
            return "failed"
        if now < self.made_s + (self.done_s - self.made_s) / 4:
            return "queued"
        if now < self.done_s:
            return "running"
        return "failed" if self.fails else "done"


@dataclass
class Faults:
    """What goes wrong, and when: as listed, or by chance."""

    listed: list[tuple[Stage, Fault]] = field(default_factory=list)
    chances: Mapping[tuple[Stage, Fault], float] = field(default_factory=dict)
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    hit: list[tuple[Stage, Fault]] = field(default_factory=list)

    def add(self, stage: Stage, *faults: Fault) -> None:
        """These happen to the next requests of that stage, one each."""
        self.listed += [(stage, fault) for fault in faults]

    def next(self, stage: Stage) -> Fault | None:
        """What happens to a request that has just come."""
        found = next((one for one in self.listed if one[0] == stage), None)
        if found:
            self.listed.remove(found)
        else:
            draw = self.rng.random()
            for one, chance in self.chances.items():
                if one[0] != stage:
                    continue
                if draw < chance:
                    found = one
                    break
                draw -= chance
        if found:
            self.hit.append(found)
        return found[1] if found else None


_Made = TypeVar("_Made", bound=Callable[..., Reply])
_PLACE = re.compile(r"\{(\w+)\}")


def route(method: str, path: str, stage: Stage = "other") -> Callable[[_Made], _Made]:
    """A method of a platform answers a path; ``{name}`` is one part of it, ``{name+}`` more."""
    pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+}", "+}")
    pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", pattern)
    pattern = _PLACE.sub(r"(?P<\1>[^/]+)", pattern)

    def mark(made: _Made) -> _Made:
        routes = getattr(made, "routes", ())
        made.routes = (*routes, (method, re.compile(pattern + r"\Z"), stage))  # type: ignore[attr-defined]
        return made

    return mark


class Platform:
    """
    One platform's API.

    Args:
        folder: Where its clips and uploads lie; platforms that share it share clips.
        size: Of the clips; None is that of the start image.
        run_s: Seconds from submission to the end of a job.
        latency_s: Before every answer of the API.
        jobs_at_once: Of one model; more are throttled. None is no limit.
        url_life_s: For which a result's address is good.
    """

    name: ClassVar[str]
    key = "test-key-0123456789"

    def __init__(
        self,
        folder: Path,
        *,
        size: tuple[int, int] | None = None,
        run_s: float = 0.0,
        latency_s: float = 0.0,
        jobs_at_once: int | None = None,
        url_life_s: float = 3600.0,
        rate: Fraction = Fraction(24),
    ) -> None:
        self.folder = folder
        self.size = size
        self.run_s = run_s
        self.latency_s = latency_s
        self.jobs_at_once = jobs_at_once
        self.url_life_s = url_life_s
        self.rate = rate
        self.slow_s = 0.5
        self.hang_s = 0.2
        """After that the connection is broken, so that nobody's own limit has to be short."""
        self.url = ""
        self.jobs: dict[str, Job] = {}
        self.billed: list[tuple[str, Decimal]] = []
        self.calls: list[Call] = []
        self.faults = Faults()
        self.unread = 0
        """Replies to submissions that nobody was there any more to read."""
        self.on_job: Callable[[Job], None] = lambda job: None
        """Told of a job that is made, before the reply leaves."""
        self.on_full: Callable[[], None] = lambda: None
        """Told of a submission that finds all places taken."""
        self.lock = threading.RLock()
        self._addresses: dict[str, tuple[str, float]] = {}
        self._making: dict[str, threading.Lock] = {}
        self._uploads: dict[str, Path] = {}

    # -- for platforms -----------------------------------------------------------------------

    def now(self) -> float:
        return time.monotonic()

    def make_job(
        self,
        body: Any,
        *,
        clip: Recipe | None,
        client_id: str = "",
        id_: str = "",
        price_usd: Decimal = Decimal(0),
        fails: str = "",
        **facts: Any,
    ) -> Job:
        """A new job; whatever was checked and refused comes before."""
        with self.lock:
            now = self.now()
            number = len(self.jobs) + 1
            job = Job(id_ or f"{self.name}-{number}", client_id, body, clip, now, now + self.run_s,
                      price_usd, fails, facts)  # fmt: skip
            self.jobs[job.id] = job
            if not fails:
                self.billed.append((job.id, price_usd))
        self.on_job(job)
        return job

    def full(self, model: str) -> bool:
        """Whether `jobs_at_once` of a model (`facts["model"]`) are under way."""
        now = self.now()
        under_way = sum(
            job.facts.get("model") == model and job.state(now) in ("queued", "running")
            for job in self.jobs.values()
        )
        if self.jobs_at_once is None or under_way < self.jobs_at_once:
            return False
        self.on_full()
        return True

    def busy_until_one_is_turned_away(self) -> None:
        """One job at a time is taken, and none ends before another has been refused."""
        self.jobs_at_once, self.run_s = 1, 3600.0

        def end() -> None:
            self.run_s = 0.0
            for job in self.jobs.values():
                job.done_s = min(job.done_s, self.now())

        self.on_full = end

    def recipe(
        self,
        prompt: str,
        seconds: Fraction | float,
        *,
        start: Path | None = None,
        end: Path | None = None,
        shots: tuple[tuple[str, float], ...] = (),
        audio: bool = False,
        size: tuple[int, int] | None = None,
        portrait: Path | None = None,
        speech: Path | None = None,
        video: Path | None = None,
        extra: int = 1,
    ) -> Recipe:
        """
        What is drawn for a job; start and end are the images that were uploaded.

        A video with speech comes back as it is, with the speech.
        """
        if video and speech:
            return _spoken(video, speech)
        given = start or portrait
        own = self.size or (_size_of(given) if given else size or (320, 192))
        parts = shots or ((prompt, float(seconds)),)
        frames = [round(float(s) * self.rate) for _, s in parts]
        frames[-1] += extra
        return Recipe(
            link="", size=own, rate=self.rate, seed=7, audio=audio, label=False, start=start,
            shots=tuple(ShotRecipe(p, n) for (p, _), n in zip(parts, frames, strict=True)), end=end,
            avatar=portrait is not None, portrait=portrait, speech=speech,
        )  # fmt: skip

    def keep(self, content: bytes, suffix: str) -> Path:
        """An upload on disk, named by what is in it."""
        path = self.folder / "uploads" / f"{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{threading.get_ident()}-{path.name}")
            part.write_bytes(content)
            part.replace(path)
        return path

    def publish(self, content: bytes, suffix: str) -> str:
        """A public address of something that was uploaded."""
        path = self.keep(content, suffix)
        self._uploads[path.name] = path
        return f"{self.url}/uploads/{path.name}"

    def published(self, url: str) -> Path | None:
        """What lies at such an address."""
        return self._uploads.get(url.removeprefix(f"{self.url}/uploads/"))

    def address(self, job: Job) -> str:
        """A new address of a job's clip, good for a while."""
        with self.lock:
            token = hashlib.sha256(f"{job.id}-{len(self._addresses)}".encode()).hexdigest()[:24]
            self._addresses[token] = job.id, self.now() + self.url_life_s
            return f"{self.url}/results/{token}.mp4?sign=s3cr3t-{token[:6]}"

    def expire(self) -> None:
        """All addresses that were given out are no longer good."""
        with self.lock:
            self._addresses = {token: (id_, 0.0) for token, (id_, _) in self._addresses.items()}

    def clip(self, job: Job) -> Path:
        """The clip of a job; equal recipes are drawn once."""
        assert job.clip is not None
        text = to_json(replace(job.clip, link=""))
        name = hashlib.sha256(text.encode()).hexdigest()[:24]
        path = self.folder / "clips" / f"{name}.mp4"
        with self.lock:
            alone = self._making.setdefault(name, threading.Lock())
        with alone:
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f"part-{name}.mp4")
                for _ in make(job.clip, part):
                    pass
                part.replace(path)
        return path

    # -- how the platform refuses: its own forms -----------------------------------------------

    def refusal(self, fault: Fault) -> Reply:
        """Its answer to too much at once (`throttle`) or no credit (`balance`), and 503."""
        status = {"throttle": 429, "balance": 402}.get(fault, 503)
        return Reply(status, {"error": fault})

    def not_found(self, call: Call) -> Reply:
        return Reply(404, {"error": f"no {call.method} {call.path}"})

    def malformed(self, why: str) -> Reply:
        return Reply(400, {"error": why})

    # -- answering -----------------------------------------------------------------------------

    def route_of(self, call: Call) -> tuple[Callable[..., Reply], dict[str, str], Stage] | None:
        for name in dir(type(self)):
            for method, pattern, stage in getattr(getattr(type(self), name), "routes", ()):
                found = pattern.match(call.path)
                if found and method == call.method:
                    return getattr(self, name), found.groupdict(), stage
        return None

    @route("GET", "/results/{name}", stage="download")
    def result(self, call: Call, name: str) -> Reply:
        """A clip; the address alone lets in, and a key must not come along."""
        if "authorization" in call.headers:
            return Reply(400, {"error": "a key was sent where none belongs"})
        id_, until = self._addresses.get(name.removesuffix(".mp4"), ("", 0.0))
        if self.now() > until:
            return Reply(
                403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "text/xml"}
            )
        return Reply(200, self.clip(self.jobs[id_]).read_bytes(), {"Content-Type": "video/mp4"})

    @route("GET", "/uploads/{name}")
    def uploaded(self, call: Call, name: str) -> Reply:
        path = self._uploads.get(name)
        return Reply(200, path.read_bytes()) if path else Reply(404)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        platform = self.server.platform
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        call = Call(
            self.command, parts.path, dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in self.headers.items()}, self.rfile.read(length),
        )  # fmt: skip
        found = platform.route_of(call)
        call.stage = found[2] if found else "other"
        with platform.lock:
            platform.calls.append(call)
            fault = platform.faults.next(call.stage)
        if call.stage != "download":
            time.sleep(platform.latency_s / 2)
        if fault in ("reset_before", "error_before", "throttle", "balance"):
            if fault == "reset_before":
                self._reset()
            else:
                self._send(platform.refusal(fault))
            return
        if fault == "malformed" and call.stage == "submit":
            self._send(Reply(200, b'{"code": 0, "da', {"Content-Type": "application/json"}))
            return
        if fault == "expired":
            platform.expire()
        if fault == "policy":
            call.policy = True
        self._finish(call, self._answer(found, call), fault)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET  # noqa: N815  (the library's names)

    def _answer(
        self, found: tuple[Callable[..., Reply], dict[str, str], Stage] | None, call: Call
    ) -> Reply:
        platform = self.server.platform
        if found is None:
            return platform.not_found(call)
        answer, parts, stage = found
        try:
            # Whether there is room and making the job are one step.
            with platform.lock if stage == "submit" else nullcontext():
                return answer(call, **parts)
        except RefusedError as exc:
            return exc.reply
        except MalformedError as exc:
            return platform.malformed(str(exc))

    def _finish(self, call: Call, reply: Reply, fault: Fault | None) -> None:
        platform = self.server.platform
        if call.stage != "download":
            time.sleep(platform.latency_s / 2)
        match fault:
            case "reset_after":
                self._reset()
            case "error_after":
                self._send(platform.refusal("error_after"))
            case "malformed" | "malformed_after":
                content, _ = reply.content()
                half = content[: len(content) // 2]
                self._send(replace(reply, body=half, headers={"Content-Type": "application/json"}))
            case "hang":
                self._wait_for_leaving(platform.hang_s)
                self._reset()
            case "truncated":
                self._send(reply, stop=len(reply.content()[0]) // 2)
                self._reset()
            case "slow" if call.stage == "download":
                self._send(reply, drip_s=platform.slow_s)
            case "slow":
                time.sleep(platform.slow_s)
                self._send(reply)
            case _:
                if call.stage == "submit" and self._left():
                    platform.unread += 1
                self._send(reply)

    def _send(self, reply: Reply, stop: int | None = None, drip_s: float = 0.0) -> None:
        content, kind = reply.content()
        try:
            self.send_response(reply.status)
            for name, value in {"Content-Type": kind, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if not drip_s:
                self.wfile.write(content[:stop])
                return
            for at in range(0, len(content), 1024):
                self.wfile.write(content[at : at + 1024])
                time.sleep(drip_s)
        except OSError:
            self.close_connection = True  # the client has gone

    def _reset(self) -> None:
        # Closing with a linger of 0 sends a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.server.resets.append(self.connection)
        self.connection.close()

    def _left(self) -> bool:
        """Whether the client has closed its side."""
        self.connection.setblocking(False)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.setblocking(True)

    def _wait_for_leaving(self, most_s: float) -> None:
        end = time.monotonic() + most_s
        while time.monotonic() < end and not self._left():
            time.sleep(0.01)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    platform: Platform

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self.resets: list[socket.socket] = []
        self.errors: list[BaseException] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        exc = sys.exc_info()[1]
        if exc is not None and not isinstance(exc, (OSError, ValueError)):
            self.errors.append(exc)  # a mistake of the server's own


_P = TypeVar("_P", bound=Platform)


@contextmanager
def serving(platform: _P) -> Iterator[_P]:
    """The platform, on a port of its own; `platform.url` says where."""
    with _Server(("127.0.0.1", 0)) as server:
        server.platform = platform
        platform.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield platform
        finally:
            server.shutdown()
            thread.join()
    if server.errors:
        raise server.errors[0]


def _spoken(video: Path, speech: Path) -> Recipe:
    picture = probe(video).video
    assert picture is not None
    return Recipe(
        link="", size=picture.display_size, rate=picture.rate, seed=7, label=False,
        shots=(ShotRecipe("", picture.frames),), speech=speech, video=video,
    )  # fmt: skip


def _size_of(image: Path) -> tuple[int, int]:
    height, width = read_image(image).shape[:2]
    return width // 2 * 2, height // 2 * 2
