"""
Media.io: every call is a POST, truth values are words, images go by public address only.

It has no upload, takes no id of ours and lists no tasks: a start image is given by
``options: {image_url: https://…}``, links can't be handed on, and a submission whose reply is lost
stays unknown and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from assembler.generation.addresses import by_address
from assembler.generation.asking import WORDS, Call, Field, call, call_for, compose
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
from assembler.generation.http import Answer, Api, Limits
from assembler.generation.keys import need_key
from assembler.generation.platform import Platform
from assembler.generation.refusals import Refusal, Trouble
from assembler.generation.sending import (
    forget_sent,
    items_of,
    note_sent,
    record_of,
    text_of,
    unlisted,
)

_CALLS: Mapping[str, Call] = {
    # Without a word on shots it makes several.
    "kling-3.0": call(
        "i2v-kling-v3-0", "image* prompt* resolution duration generate_audio", multi_shots="False"
    ),
    "kling-2.6": call("i2v-kling-v2-6", "image* prompt* duration generate_audio"),
}
_FIELDS: Mapping[str, Field] = {
    "prompt": WORDS,
    "resolution": Field((), lambda ask: ask.link.resolution.upper()),
    "duration": Field((), lambda ask: f"{ask.seconds}s"),
    "generate_audio": Field((), lambda ask: str(ask.link.audio)),
}
_CODES: Mapping[object, Trouble] = {374004: "auth", 490000: "parameter", 490505: "balance"}


class Mediaio(Platform):
    """
    Media.io's generations.

    Args:
        folder: Where what was sent is noted.
        concurrency: Tasks under way at once for each model.
        limits: How long and how large things may be.
    """

    name = "mediaio"
    can = Can(frames="url", concurrency=4)

    def __init__(self, folder: Path, *, concurrency: int = 4, limits: Limits | None = None) -> None:
        self._key = need_key(self.name, "MEDIAIO_API_KEY")
        api = Api(
            self.name, "https://openapi.media.io", sign=self._sign, judge=_judge, keys=[self._key],
            limits=limits,
        )  # fmt: skip
        super().__init__(folder, concurrency, api)

    async def submit(self, request: Request) -> str:
        """Note the inputs, send them once."""
        forget_sent(self._folder, request.client_id)
        call = call_for(self.name, _CALLS, request.link)
        ask, image = by_address(self.name, request)
        body = compose(self.name, call, ask, {**_FIELDS, "image": image})
        note_sent(self._folder, request.client_id, call.where, body)
        answer = await self._api.post_once(f"/generation/kling/{call.where}", json={"data": body})
        job = text_of(answer.data, "data", "task_id")
        if not job:
            raise self._api.error(Refusal("unknown", "the answer names no task"))
        return job

    async def find(self, sent: Sent) -> Lookup:
        """Only that nothing has left can be told: Media.io lists no tasks."""
        return unlisted(self._folder, sent.client_id, "Media.io can't look up tasks or list them")

    async def standing(self) -> str:
        """That the key is taken."""
        await self._api.ask("POST", "/user/credits", json={})
        return "the key is taken"

    async def poll(self, job: str) -> JobState:
        """Its status and where its clip lies."""
        answer = await self._api.ask("POST", f"/generation/result/{quote(job, safe='')}", json={})
        data = record_of(answer.data, "data")
        match text_of(data, "status"):
            case "waiting" | "pending":
                return Queued()
            case "processing":
                return Running()
            case "completed" | "succeeded":
                found = (text_of(item, "preview") for item in items_of(data, "result"))
                url = next(filter(None, found), "")
                if url:
                    return Done(url)
                raise self._api.no_clip("a completed task names no clip")
            case "failed":
                return self._ended(text_of(data, "reason") or "the task has failed")
            case "timeout":
                return self._ended("the task ran out of time", "server")
            case other:
                raise self._api.error(Refusal("server", f"an unknown status: {other!r}"))

    def _sign(self, path: str) -> Mapping[str, str]:
        return {"X-API-KEY": self._key.reveal()}


def _judge(answer: Answer) -> Refusal | None:
    """Errors have a code of their own, whatever the status."""
    code = answer.data.get("code") if isinstance(answer.data, Mapping) else None
    if code in (None, 0):
        return None
    said = f"{code} {text_of(answer.data, 'msg')}, trace {text_of(answer.data, 'trace_id')}"
    trouble = _CODES.get(code, "unknown") if isinstance(code, int) else "unknown"
    return Refusal(trouble, said, answer.after_s)
