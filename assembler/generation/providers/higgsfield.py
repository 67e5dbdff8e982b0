"""
Higgsfield: one address for each model, local files by upload, and a key that makes repeating safe.

The same ``Idempotency-Key`` with the same body gives the original request again, without a second
charge. So a lost reply is answered by sending exactly the same once more, as long as Higgsfield
surely remembers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio

from assembler.generation.asking import (
    END,
    GUIDANCE,
    NEGATIVE,
    SECONDS,
    SHAPE,
    START,
    WORDS,
    Ask,
    Call,
    Field,
    call,
    call_for,
    compose,
)
from assembler.generation.base import (
    Can,
    CantTell,
    Done,
    Found,
    JobState,
    Lookup,
    NotMade,
    ProviderError,
    Queued,
    Request,
    Running,
    Sent,
)
from assembler.generation.http import Answer, Api, Limits, by_status
from assembler.generation.keys import Key, need_key
from assembler.generation.platform import FREE, Platform
from assembler.generation.refusals import Refusal, Trouble
from assembler.generation.sending import note_sent, sent_note, text_of, uploaded

_REMEMBERED_S = 3600.0
"""How long a key of ours is taken to be known; Higgsfield doesn't say. Later the user is asked."""
_CLOCK_S = 60.0
"""By which a clock is set right, now and then."""
_IMAGE_BYTES = 50 << 20
_TIER = {"720p": "std", "1080p": "pro", "4k": "4k"}
_V3 = "kling-video/v3.0/{tier}"
_STRICT = "prompt first_frame_url* last_frame_url duration aspect_ratio mode"
_OLD = "prompt image_url* duration cfg_scale negative_prompt"

_CALLS: Mapping[str, Call] = {
    "kling-3.0 text": call(f"{_V3}/text-to-video", "prompt* duration aspect_ratio sound cfg_scale"),
    "kling-3.0 image": call(
        f"{_V3}/image-to-video", "prompt image_url* last_image_url duration sound cfg_scale"
    ),
    "kling-3.0-turbo image": call(
        "kling-video/v3.0-turbo/image-to-video", "prompt image_url* duration resolution"
    ),
    "kling-3.0-omni image": call("kling-video/o3/first-last-frame", _STRICT),
    "kling-o1 image": call("kling-video/omni/first-last-frame", _STRICT),
    "kling-2.6 image": call(
        "kling-video/v2.6/pro/image-to-video", "prompt image_url* duration sound"
    ),
    "kling-2.5-turbo image": call("kling-video/v2.5-turbo/pro/image-to-video", _OLD),
    "kling-2.5-turbo image 720p": call("kling-video/v2.5-turbo/standard/image-to-video", _OLD),
    "kling-2.1-standard image": call("kling-video/v2.1/standard/image-to-video", _OLD),
    "kling-2.1-pro image": call("kling-video/v2.1/pro/image-to-video", _OLD),
    "kling-2.1-master image": call("kling-video/v2.1/master/image-to-video", _OLD),
}
_FIELDS: Mapping[str, Field] = {
    "prompt": WORDS,
    "image_url": START,
    "last_image_url": END,
    "first_frame_url": START,
    "last_frame_url": END,
    "duration": SECONDS,
    "aspect_ratio": SHAPE,
    "resolution": Field((), lambda ask: ask.link.resolution),
    "mode": Field((), lambda ask: "std" if ask.link.resolution == "720p" else "pro"),
    "sound": Field((), lambda ask: "on" if ask.link.audio else "off"),
    "cfg_scale": GUIDANCE,
    "negative_prompt": NEGATIVE,
}
_KNOWN = "idempotency"
"""In what it says of an id that it knows with another body: a request was made."""
_MEANS: Mapping[int, Trouble] = {404: "permission", 423: "permission"}
"""Statuses that mean something of their own: unknown models, and those that are blocked."""


class Higgsfield(Platform):
    """
    Higgsfield's API.

    Args:
        folder: Where what was sent is kept: only the same body is safe to send again.
        concurrency: Jobs under way at once for each model; more wait in Higgsfield's queue.
        remembered_s: How long after sending a lost reply is answered by sending again.
        looks_s: Pauses between the tries at that.
        limits: How long and how large things may be.
    """

    name = "higgsfield"
    can = Can(frames="upload", client_id=True, lookup=True, cancel=True, concurrency=8)

    def __init__(
        self,
        folder: Path,
        *,
        concurrency: int = 8,
        remembered_s: float = _REMEMBERED_S,
        looks_s: tuple[float, ...] = (2.0, 10.0),
        limits: Limits | None = None,
    ) -> None:
        self._remembered_s = remembered_s
        self._looks_s = looks_s
        self._keys = _keys()
        api = Api(
            self.name, "https://api.higgsfield.ai", sign=self._sign, judge=_judge, keys=self._keys,
            limits=limits,
        )  # fmt: skip
        super().__init__(folder, concurrency, api)

    async def submit(self, request: Request) -> str:
        """Upload the files, note the body, send it under our id."""
        note = sent_note(self._folder, request.client_id)
        if note is None:
            link = request.link
            call = call_for(self.name, _CALLS, link)
            call = replace(call, where=call.where.format(tier=_TIER.get(link.resolution, "")))
            body = compose(self.name, call, Ask.of(request), _FIELDS)
            body = await uploaded(body, self._upload, most_bytes=_IMAGE_BYTES)
            note_sent(self._folder, request.client_id, call.where, body)
            return await self._sent(request.client_id, call.where, body)
        return await self._sent(request.client_id, note.where, note.body)

    async def find(self, sent: Sent) -> Lookup:
        """Send the very same again: the answer is the original request, or it is made now."""
        note = sent_note(self._folder, sent.client_id)
        if note is None:
            return NotMade()
        # A clock that was set back since then tells nothing.
        if not -_CLOCK_S <= time.time() - note.at_s <= self._remembered_s:
            return CantTell("Higgsfield may have forgotten our id by now and can't list requests")
        failure: ProviderError | None = None
        for pause_s in (0.0, *self._looks_s):
            after_s = getattr(failure, "after_s", None) or 0.0
            await anyio.sleep(max(pause_s, self._api.limits.asked_s(after_s)))
            try:
                return Found(await self._sent(sent.client_id, note.where, note.body))
            except ProviderError as error:
                if _KNOWN in error.what.lower():
                    return CantTell("Higgsfield has another request under our id")
                # A request that it has accepted isn't judged again.
                if error.trouble in ("parameter", "policy"):
                    return NotMade()
                if error.trouble not in ("throttle", "server", "unknown"):
                    raise
                failure = error
        assert failure is not None
        raise failure

    async def _sent(self, client_id: str, where: str, body: Any) -> str:
        answer = await self._api.post_once(
            f"/{where}", json=body, headers={"Idempotency-Key": client_id}
        )
        job = text_of(answer.data, "request_id")
        if not job:
            raise self._api.error(Refusal("unknown", "the answer names no request"))
        return job

    async def standing(self) -> str:
        """That it answers."""
        await self._api.reached()
        return ""

    async def poll(self, job: str) -> JobState:
        """Its status, with the address of the clip when it is there."""
        answer = await self._api.ask("GET", f"/requests/{quote(job, safe='')}/status")
        match text_of(answer.data, "status"):
            case "queued":
                return Queued()
            case "in_progress":
                return Running()
            case "completed":
                url = text_of(answer.data, "video", "url")
                if url:
                    return Done(url)
                raise self._api.no_clip("a completed request names no video")
            case "nsfw":  # refunded like failed ones; what is cancelled had not begun
                return self._ended("nsfw", "policy", FREE)
            case "canceled":
                return self._ended("it was canceled", "unknown", FREE)
            case "failed":
                return self._ended(text_of(answer.data, "error"), billed_usd=FREE)
            case other:
                raise self._api.error(Refusal("server", f"an unknown status: {other!r}"))

    async def cancel(self, job: str) -> None:
        """Take it out of the queue; one that runs can't be stopped."""
        at = f"/requests/{quote(job, safe='')}/cancel"
        await self._api.ask("POST", at, fine=(400, 404))

    async def _upload(self, path: Path, content: bytes, kind: str) -> str:
        answer = await self._api.ask(
            "POST", "/files/generate-upload-url", json={"content_type": kind}
        )
        target, url = text_of(answer.data, "upload_url"), text_of(answer.data, "public_url")
        if not target or not url:
            raise self._api.error(Refusal("server", "no address to upload to"))
        wanted = answer.data.get("upload_headers")
        headers = wanted if isinstance(wanted, Mapping) else {}
        await self._api.put(target, content, kind, {str(n): str(v) for n, v in headers.items()})
        return url

    def _sign(self, path: str) -> Mapping[str, str]:
        return {"Authorization": "Key " + ":".join(key.reveal() for key in self._keys)}


def _keys() -> tuple[Key, ...]:
    """HIGGSFIELD_API_KEY as ``id:secret``, or the id there and HIGGSFIELD_API_SECRET."""
    key = need_key("higgsfield", "HIGGSFIELD_API_KEY")
    if ":" in key.reveal():
        return (key,)
    return key, need_key("higgsfield", "HIGGSFIELD_API_SECRET")


def _judge(answer: Answer) -> Refusal | None:
    """What it says in an error: a sentence, a code, or a list of fields."""
    if answer.status < 400 or not isinstance(answer.data, Mapping):
        return None
    said = _words(answer.data.get("detail"))
    if answer.status == 403 and "credit" in said:
        return Refusal("balance", said)
    if _KNOWN in said.lower():
        return Refusal("unknown", said, no_job=False)
    plain = by_status(answer)
    trouble = _MEANS.get(answer.status, plain.trouble)
    return replace(plain, trouble=trouble, said=said or plain.said)


def _words(detail: object) -> str:
    if isinstance(detail, list) and detail:
        detail = detail[0]
    if not isinstance(detail, Mapping):
        return detail if isinstance(detail, str) else ""
    place = ".".join(str(step) for step in detail.get("loc") or () if step != "body")
    words = text_of(detail, "message") or text_of(detail, "msg")
    return ": ".join(part for part in (place, text_of(detail, "code"), words) if part)
