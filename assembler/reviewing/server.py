"""
The review on loopback: the session's verbs as requests, for one browser on this machine.

    with serving(Session(desk)) as address:
        print(address)                  # http://127.0.0.1:53121/6vT…/
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from html import escape
from typing import Annotated, Any, Literal, TypeVar

import uvicorn
from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from assembler.errors import AssemblerError, UsageError
from assembler.reviewing.clips import KINDS
from assembler.reviewing.desk import Done
from assembler.reviewing.events import TooManyPagesError
from assembler.reviewing.files import ChangedError
from assembler.reviewing.guard import Guard, page_policy
from assembler.reviewing.jobs import Job
from assembler.reviewing.session import PriceError, Session

Name = Annotated[str, Field(min_length=1, max_length=300)]
Frames = Annotated[int, Field(ge=-10_000, le=10_000)]


class Asked(BaseModel):
    """Base of what the page asks for."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nudge(Asked):
    """Move a seam."""

    revision: Name
    seam: Name
    cut: Frames = 0
    end: Frames = 0
    begin: Frames = 0


class Correct(Asked):
    """Another word on one of a seam's corrections; null for the engine's own."""

    revision: Name
    seam: Name
    kind: Literal["colour", "geometry", "sharpness", "patch"]
    word: Name | None


class Reset(Asked):
    """Take back what is said of a seam."""

    revision: Name
    seam: Name


class Trim(Asked):
    """Move the beginning or the end of footage."""

    revision: Name
    segment: Name
    head: Frames = 0
    tail: Frames = 0


class Choose(Asked):
    """Another take."""

    revision: Name
    link: Name
    number: Annotated[int, Field(ge=1, le=10_000, alias="take")]
    keep_later: bool = False


class Reroll(Asked):
    """A new take, which the next render makes."""

    revision: Name
    link: Name
    keep_later: bool = False


class Show(Asked):
    """Render what lies around a seam."""

    seam: Name


class Make(Asked):
    """Render the film; with a yes to the price that was shown, where there is one."""

    yes_usd: Annotated[str, Field(pattern=r"^\d{1,9}(\.\d{1,18})?$")] | None = None

    @property
    def agreed_usd(self) -> Decimal | None:
        """The price, if there was one."""
        return None if self.yes_usd is None else Decimal(self.yes_usd)


class Nothing(Asked):
    """No more than the verb itself."""


A = TypeVar("A", bound=Asked)
Answer = Mapping[str, Any]


def application(session: Session, token: str, port: int) -> Guard:
    """The guarded application for the address ``http://127.0.0.1:port/token/``."""
    routes = [*_reads(session, f"/{token}/"), *_verbs(session, f"/{token}/")]
    return Guard(Starlette(routes=routes), token, port)


def _reads(session: Session, home: str) -> list[Route]:
    """What the page is shown."""

    async def whole(request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        try:
            text = await to_thread.run_sync(session.page, nonce)
        except AssemblerError as error:
            text = _mistakes(str(error), nonce)
        headers = {"content-security-policy": page_policy(nonce)}
        return HTMLResponse(text, headers=headers)

    async def state(request: Request) -> Response:
        return JSONResponse(await to_thread.run_sync(session.state))

    async def takes(request: Request) -> Response:
        link = request.query_params.get("link", "")[:300]
        return await _answered(lambda: session.compare(link))

    async def events(request: Request) -> Response:
        try:
            stream = session.events.listen()
        except TooManyPagesError:
            return JSONResponse({"error": "too many pages are open"}, 503)
        return StreamingResponse(stream, media_type="text/event-stream")

    async def media(request: Request) -> Response:
        path = session.clips.get(request.path_params["id"])
        if path is None:
            return JSONResponse({"error": "there is no such clip"}, 404)
        return FileResponse(path, media_type=KINDS[path.suffix.lower()])

    return [
        Route(home, whole),
        Route(f"{home}state", state),
        Route(f"{home}takes", takes),
        Route(f"{home}events", events),
        Route(f"{home}media/{{id}}", media),
    ]


def _verbs(session: Session, home: str) -> list[Route]:
    """What the page does."""
    desk = session.desk

    def verb(name: str, model: type[A], act: Callable[[A], Answer]) -> Route:
        return Route(f"{home}{name}", _acting(session, model, act), methods=["POST"])

    def done(name: str, model: type[A], act: Callable[[A], Done]) -> Route:
        return verb(name, model, lambda asked: act(asked).data())

    def job(name: str, model: type[A], start: Callable[[A], Job]) -> Route:
        return verb(name, model, lambda asked: {"job": start(asked).data()})

    def stop(_: Nothing) -> Answer:
        session.jobs.stop()
        return {}

    return [
        done("nudge", Nudge, lambda a: desk.nudge(**dict(a))),
        done("correct", Correct, lambda a: desk.correct(**dict(a))),
        done("reset", Reset, lambda a: desk.reset(**dict(a))),
        done("trim", Trim, lambda a: desk.trim(**dict(a))),
        done("choose", Choose, lambda a: desk.choose(**dict(a))),
        done("reroll", Reroll, lambda a: desk.reroll(**dict(a))),
        done("undo", Nothing, lambda _: desk.undo()),
        job("show", Show, lambda a: session.start_preview(a.seam)),
        job("make", Make, lambda a: session.start_render(a.agreed_usd)),
        verb("stop", Nothing, stop),
    ]


def _acting(
    session: Session, model: type[A], act: Callable[[A], Answer]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            asked = model.model_validate_json(await request.body())
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            return JSONResponse({"error": f"{place}: {first['msg']}"}, 400)

        def work() -> Answer:
            done = dict(act(asked))
            state = session.state()
            session.events.tell("changed", {"revision": state["revision"]})
            return {**done, "state": state}

        return await _answered(work)

    return endpoint


async def _answered(work: Callable[[], Answer]) -> Response:
    """What *work* gives, or what the user has done wrong."""
    try:
        return JSONResponse(await to_thread.run_sync(work))
    except AssemblerError as error:
        told = {"error": error.what, "where": error.where, "fix": error.fix}
        return JSONResponse(told, _STATUS.get(type(error), 422))


_STATUS: Mapping[type[AssemblerError], int] = {ChangedError: 409, PriceError: 402}


def _mistakes(told: str, nonce: str) -> str:
    """A page for a timeline that can't be read; it comes back by itself when that is mended."""
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The timeline has mistakes</title>
<style>:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 60rem; margin: 3rem auto; padding: 0 1rem }}
pre {{ white-space: pre-wrap }}</style>
<main><h1>The timeline has mistakes</h1><pre>{escape(told)}</pre>
<p>Mend it in your editor and save: this page follows.</p></main>
<script nonce="{nonce}">
const events = new EventSource("events");
events.addEventListener("changed", () => location.reload());
</script></html>"""


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=64)
    except OSError as exc:
        what = f"port {port} can't be used: {exc.strerror}"
        raise UsageError(what, fix="name another, or none.") from exc


@contextmanager
def serving(session: Session, *, port: int = 0) -> Iterator[str]:
    """
    Serve in a thread of its own; the address to open.

    Args:
        session: What is served.
        port: To listen on; any free one for 0.

    Raises:
        UsageError: If the port can't be had.
    """
    token = secrets.token_urlsafe(32)
    with _listening(port) as listening:
        bound = listening.getsockname()[1]
        config = uvicorn.Config(
            application(session, token, bound),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # that somebody sends what isn't HTTP is nobody's concern
            access_log=False,
            server_header=False,
            limit_concurrency=64,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="review-server", daemon=True
        )
        following = threading.Thread(target=session.follow, name="review-follow", daemon=True)
        thread.start()
        following.start()
        try:
            yield f"http://127.0.0.1:{bound}/{token}/"
        finally:
            session.close()
            server.should_exit = True
            thread.join()
            following.join()
