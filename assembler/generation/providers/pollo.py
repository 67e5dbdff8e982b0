"""
Pollo.ai: one address for each model; images by their public address only.

It has no upload, takes no id of ours and lists no tasks: a start image is given by
``options: {image_url: https://…}``, links can't be handed on, and a submission whose reply is lost
stays unknown and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import quote

from assembler.generation.addresses import by_address
from assembler.generation.asking import (
    NEGATIVE,
    SECONDS,
    SHAPE,
    SOUND,
    WORDS,
    Call,
    Field,
    call,
    call_for,
    compose,
)
from assembler.generation.base import (
    Can,
    Done,
    JobState,
    Lookup,
    Queued,
    Request,
    Running,
    Sent,
)
from assembler.generation.http import Answer, Api, Limits, by_status
from assembler.generation.keys import need_key
from assembler.generation.platform import FREE, Platform, trouble_in
from assembler.generation.refusals import Refusal
from assembler.generation.sending import (
    forget_sent,
    items_of,
    note_sent,
    record_of,
    text_of,
    unlisted,
)

_NEW = "v1/generation/kling-ai/{}/video"
_OLD = "generation/kling-ai/{}"
_IMAGE = "prompt image*"

_CALLS: Mapping[str, Call] = {
    "kling-3.0": call(
        _NEW.format("kling-v3"), "prompt image duration mode generateAudio aspectRatio"
    ),
    "kling-3.0-omni": call(
        _NEW.format("kling-v3-omni"),
        "prompt image imageTail duration mode generateAudio aspectRatio",
    ),
    "kling-2.6": call(_NEW.format("kling-v2-6"), f"{_IMAGE} duration generateAudio"),
    "kling-2.5-turbo": call(
        _OLD.format("kling-v2-5-turbo"), f"{_IMAGE} imageTail length mode negativePrompt strength"
    ),
    "kling-2.1-pro": call(
        _OLD.format("kling-v2-1"), f"{_IMAGE} imageTail length mode negativePrompt strength"
    ),
    "kling-2.1-standard": call(
        _OLD.format("kling-v2-1"), f"{_IMAGE} length mode negativePrompt strength"
    ),
    "kling-1.6": call(
        _OLD.format("kling-v1-6"), f"{_IMAGE} imageTail length mode negativePrompt strength"
    ),
}
_MODE = {"720p": "std", "1080p": "pro"}
_FIELDS: Mapping[str, Field] = {
    "prompt": WORDS,
    "duration": SECONDS,
    "length": SECONDS,
    "mode": Field((), lambda ask: _MODE.get(ask.link.resolution)),
    "generateAudio": SOUND,
    "aspectRatio": SHAPE,
    "negativePrompt": NEGATIVE,
}


class Pollo(Platform):
    """
    Pollo.ai's generations.

    Args:
        folder: Where what was sent is noted.
        concurrency: Generations under way at once for each model.
        limits: How long and how large things may be.
    """

    name = "pollo"
    can = Can(frames="url", concurrency=4)
    poll_s = 10.0

    def __init__(self, folder: Path, *, concurrency: int = 4, limits: Limits | None = None) -> None:
        self._key = need_key(self.name, "POLLO_API_KEY")
        api = Api(
            self.name, "https://pollo.ai/api/platform", sign=self._sign, judge=_judge,
            keys=[self._key], limits=limits,
        )  # fmt: skip
        super().__init__(folder, concurrency, api)

    async def submit(self, request: Request) -> str:
        """Note the inputs, send them once."""
        forget_sent(self._folder, request.client_id)
        call = call_for(self.name, _CALLS, request.link)
        ask, image = by_address(self.name, request)
        body = compose(self.name, call, ask, {**_FIELDS, "image": image})
        note_sent(self._folder, request.client_id, call.where, body)
        answer = await self._api.post_once(f"/{call.where}", json={"input": body})
        job = text_of(answer.data, "taskId") or text_of(answer.data, "data", "taskId")
        if not job:
            raise self._api.error(Refusal("unknown", "the answer names no task"))
        return job

    async def find(self, sent: Sent) -> Lookup:
        """Only that nothing has left can be told: Pollo.ai lists no tasks."""
        return unlisted(self._folder, sent.client_id, "Pollo.ai can't look up tasks or list them")

    async def standing(self) -> str:
        """That it answers."""
        await self._api.reached()
        return ""

    async def poll(self, job: str) -> JobState:
        """Its status, where its clip lies, and what it has cost."""
        answer = await self._api.ask("GET", f"/generation/{quote(job, safe='')}/status")
        data = record_of(answer.data, "data") or record_of(answer.data)
        made = next(items_of(data, "generations"), {})
        match text_of(made, "status"):
            case "waiting":
                return Queued()
            case "processing":
                return Running()
            case "succeed":
                url = text_of(made, "url")
                if url:
                    return Done(url, _dollars(data))
                raise self._api.no_clip("a finished generation names no clip")
            case "failed":
                said = text_of(made, "failMsg") or "the generation has failed"
                return self._ended(said, billed_usd=FREE)  # "credits refunded"
            case other:
                raise self._api.error(Refusal("server", f"an unknown status: {other!r}"))

    def _sign(self, path: str) -> Mapping[str, str]:
        return {"x-api-key": self._key.reveal()}


def _dollars(data: Mapping[str, Any]) -> Decimal | None:
    try:
        return Decimal(str(data["costUsd"]))
    except (KeyError, InvalidOperation):
        return None


def _judge(answer: Answer) -> Refusal | None:
    """What an error says; its form isn't documented."""
    if answer.status < 400 or not isinstance(answer.data, Mapping):
        return None
    said = text_of(answer.data, "message")
    plain = by_status(answer)
    if plain.trouble in ("parameter", "permission") and said:
        found = trouble_in(said)
        if found in ("policy", "balance"):
            return Refusal(found, said)
    return replace(plain, said=f"{answer.status} {said}") if said else plain
