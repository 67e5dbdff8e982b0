"""
LetzAI: Kling 2.6 from an image at a public address.

It takes no id of ours. A submission whose reply was lost is looked for by its prompt, among the
videos that weren't there before it was sent; what isn't found is left to the user, since nobody
knows how complete that list is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio

from assembler.generation.addresses import by_address
from assembler.generation.asking import SECONDS, WORDS, Call, Field, call, call_for, compose
from assembler.generation.base import (
    Can,
    CantTell,
    Done,
    Found,
    JobState,
    Lookup,
    NotMade,
    Queued,
    Request,
    Running,
    Sent,
)
from assembler.generation.http import Answer, Api, Limits, by_status
from assembler.generation.keys import need_key
from assembler.generation.platform import Platform
from assembler.generation.refusals import Refusal, Trouble, before_sending
from assembler.generation.sending import forget_sent, note_sent, sent_note, text_of

_CALLS: Mapping[str, Call] = {"kling-2.6": call("videos", "prompt* imageUrl* duration")}
_FIELDS: Mapping[str, Field] = {"prompt": WORDS, "duration": SECONDS}
_MODES = {"kling-2.6": "kling26"}
_CODES: Mapping[str, Trouble] = {
    "INVALID_API_KEY": "auth", "INSUFFICIENT_CREDITS": "balance", "INVALID_PARAMETERS": "parameter",
    "CONTENT_POLICY_VIOLATION": "policy", "GENERATION_FAILED": "server",
}  # fmt: skip
_PAGE = 50
_PAGES = 4
"""Looked through; a submission that is a few minutes old is among the newest."""


class Letzai(Platform):
    """
    LetzAI's videos.

    Args:
        folder: Where what was sent is noted, so that a lost reply can be found by it.
        concurrency: Videos under way at once.
        looks_s: Pauses between the looks at the list of videos after a lost reply.
        limits: How long and how large things may be.
    """

    name = "letzai"
    can = Can(frames="url", listing=True, cancel=True, concurrency=4)

    def __init__(
        self,
        folder: Path,
        *,
        concurrency: int = 4,
        looks_s: tuple[float, ...] = (2.0, 5.0),
        limits: Limits | None = None,
    ) -> None:
        self._looks_s = looks_s
        self._key = need_key(self.name, "LETZAI_API_KEY")
        api = Api(
            self.name, "https://api.letz.ai", sign=self._sign, judge=_judge, keys=[self._key],
            limits=limits,
        )  # fmt: skip
        super().__init__(folder, concurrency, api)

    async def submit(self, request: Request) -> str:
        """Note the body and which videos there are of its prompt, send it once."""
        forget_sent(self._folder, request.client_id)
        call = call_for(self.name, _CALLS, request.link)
        ask, image = by_address(self.name, request)
        body = compose(self.name, call, ask, {**_FIELDS, "imageUrl": image})
        settings = {"mode": _MODES[request.link.model], "duration": body.pop("duration")}
        body["settings"] = settings
        with before_sending():
            before = [text_of(v, "id") async for v in self._videos() if _is_of(v, body)]
        note_sent(self._folder, request.client_id, call.where, {"body": body, "before": before})
        answer = await self._api.post_once("/videos", json=body)
        job = text_of(answer.data, "id")
        if not job:
            raise self._api.error(Refusal("unknown", "the answer names no video"))
        return job

    async def find(self, sent: Sent) -> Lookup:
        """The video with this prompt that wasn't there before."""
        note = sent_note(self._folder, sent.client_id)
        if note is None:
            return NotMade()
        others = {*sent.taken, *note.body["before"]}
        for pause_s in (0.0, *self._looks_s):
            await anyio.sleep(pause_s)
            jobs = [text_of(v, "id") async for v in self._videos() if _is_of(v, note.body["body"])]
            fresh = [job for job in jobs if job and job not in others]
            if fresh:
                return Found(fresh[-1])
        return CantTell("LetzAI doesn't list it, and may not list all")

    async def _videos(self) -> AsyncIterator[Mapping[str, Any]]:
        """Our videos; in which record their list lies isn't documented."""
        for page in range(1, _PAGES + 1):
            params = {"page": str(page), "limit": str(_PAGE)}
            answer = await self._api.ask("GET", "/videos", params=params)
            data = answer.data
            if isinstance(data, Mapping):
                data = next((value for value in data.values() if isinstance(value, list)), [])
            listed = [v for v in data if isinstance(v, Mapping)] if isinstance(data, list) else []
            for video in listed:
                yield video
            if len(listed) < _PAGE:
                return

    async def standing(self) -> str:
        """That the key is taken."""
        await self._api.ask("GET", "/videos", params={"page": "1", "limit": "1"})
        return "the key is taken"

    async def poll(self, job: str) -> JobState:
        """Its status and where its clip lies."""
        answer = await self._api.ask("GET", f"/videos/{quote(job, safe='')}")
        match text_of(answer.data, "status"):
            case "new":
                return Queued()
            case "in progress" | "generating":
                return Running()
            case "ready":
                url = text_of(answer.data, "videoPaths", "mp4")
                if url:
                    return Done(url)
                raise self._api.no_clip("a video that is ready names no clip")
            case "failed":
                return self._ended(text_of(answer.data, "error") or "the video has failed")
            case other:
                raise self._api.error(Refusal("server", f"an unknown status: {other!r}"))

    async def cancel(self, job: str) -> None:
        """Interrupt it."""
        at = f"/videos/{quote(job, safe='')}/interruption"
        await self._api.ask("PUT", at, fine=(204, 404))

    def _sign(self, path: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._key.reveal()}"}


def _is_of(video: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether a listed video was made of this body, by what the list tells of it."""
    image = video.get("imageUrl")
    return video.get("prompt") == body["prompt"] and image in (None, body["imageUrl"])


def _judge(answer: Answer) -> Refusal | None:
    """Errors have a code in words."""
    if answer.status < 400 or not isinstance(answer.data, Mapping):
        return None
    trouble = _CODES.get(text_of(answer.data, "code"))
    plain = by_status(answer)
    return replace(plain, trouble=trouble) if trouble else plain
