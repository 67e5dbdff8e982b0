"""
Scenario: every model by its id, inputs by the model's own names, files as assets of the account.

It takes no id of ours, but lists jobs with their inputs: a lost reply is found there by the very
input that was sent. A clip is an asset, whose signed address is asked for anew at each download.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio

from assembler.generation.asking import (
    END,
    GUIDANCE,
    IMAGES,
    NEGATIVE,
    ORIENTATION,
    SCENE,
    SECONDS,
    SECONDS_TEXT,
    SHAPE,
    SOUND,
    SPEECH,
    START,
    VIDEO,
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
from assembler.generation.platform import FREE, Platform, trouble_in
from assembler.generation.refusals import Refusal
from assembler.generation.sending import (
    forget_sent,
    items_of,
    not_listed,
    note_sent,
    pages_of,
    record_of,
    sent_note,
    text_of,
    time_text,
    uploaded,
)

_IMAGE_BYTES = 10_000_000
_CLOCKS_S = 86400.0
"""By which Scenario's clock may differ from ours."""
_SETTLED_S = 300.0
"""A job that isn't listed so long after it was sent was never made."""
_IMPORT_S = 0.5
_IMPORTS = 120
"""How often, and how many times, an upload is asked whether it has become an asset."""
_V3 = "prompt multiPrompt duration=text generateAudio cfgScale negativePrompt"
_MOTION = "prompt image* video* characterOrientation keepOriginalSound"

_CALLS: Mapping[str, Call] = {
    "kling-3.0 text": call("model_kling-v3-t2v-{tier}", f"{_V3} shotType aspectRatio"),
    "kling-3.0 image": call("model_kling-v3-i2v-{tier}", f"{_V3} startImage* endImage elements"),
    "kling-3.0 image 4k": call(
        "model_kling-v3-i2v-4k", f"{_V3} shotType startImage* endImage elements"
    ),
    "kling-3.0-omni": call(
        "model_kling-v3-omni-video",
        "prompt=scene* startImage endImage referenceImages aspectRatio duration generateAudio mode "
        "multiPrompt=listed",
    ),
    "kling-3.0-omni edit": call(
        "model_kling-v3-omni-video",
        "prompt=scene* referenceVideo* referenceImages keepOriginalSound mode",
        videoReferenceType="base",
    ),
    "kling-3.0-omni feature": call(
        "model_kling-v3-omni-video",
        "prompt=scene* referenceVideo* referenceImages keepOriginalSound mode",
        videoReferenceType="feature",
    ),
    "kling-o1 image": call("model_kling-o1-i2v", "prompt* image* lastFrameImage duration=text"),
    "kling-o1 reference": call(
        "model_kling-o1-r2v", "prompt* images duration=text aspectRatio elements"
    ),
    "kling-o1 edit": call("model_kling-o1-video-edit", "prompt* video* images keepAudio elements"),
    "kling-3.0-motion motion": call("model_kling-v3-{tier}-motion-control", f"{_MOTION} elements"),
    "kling-2.6-motion motion": call("model_kling-v2-6-motion-control", f"{_MOTION} mode=short"),
    "kling-2.6 text": call(
        "model_kling-v2-6-t2v-pro",
        "prompt* generateAudio duration=text aspectRatio cfgScale negativePrompt",
    ),
    "kling-2.6 image": call(
        "model_kling-v2-6-i2v-pro",
        "prompt* image* lastFrameImage generateAudio duration=text negativePrompt",
    ),
    "kling-2.5-turbo text": call(
        "model_kling-v2-5-t2v-turbo-pro", "prompt* duration=text aspectRatio negativePrompt"
    ),
    "kling-2.5-turbo image": call(
        "model_kling-v2-5-i2v-turbo-pro",
        "prompt* imageUrl* lastFrame negativePrompt duration=text cfgScale",
    ),
    "kling-2.5-turbo image 720p": call(
        "model_kling-v2-5-i2v-turbo-standard",
        "prompt* image* negativePrompt duration=text cfgScale",
    ),
    "kling-2.1-pro image": call(
        "model_kling-v2-1-pro", "prompt* startImage* endImage duration=text negativePrompt cfgScale"
    ),
    "kling-2.1-master": call(
        "model_kling-v2-1-master", "prompt* startImage negativePrompt aspectRatio duration"
    ),
    "kling-1.6 image": call(
        "model_kling-v1-6-pro", "prompt* startImage* endImage negativePrompt cfgScale duration"
    ),
    "kling-1.6 image 720p": call(
        "model_kling-v1-6-standard", "prompt* startImage* negativePrompt cfgScale duration"
    ),
    # With references the end frames would be ignored.
    "kling-1.6 reference": call(
        "model_kling-v1-6-{tier}",
        "prompt* referenceImages* negativePrompt aspectRatio cfgScale duration",
    ),
    "avatar-2.0-pro": call("model_kling-video-ai-avatar-v2-pro", "image* audio* text=words"),
    "lip-sync": call("model_kling-lip-sync", "videoUrl* audioFile*"),
}

_TIER = {"720p": "standard", "1080p": "pro", "4k": "4k"}
_SHORT = {"720p": "std", "1080p": "pro"}
_FIELDS: Mapping[str, Field] = {
    "prompt": WORDS,
    "scene": SCENE,
    "words": Field((), lambda ask: ask.words or None),
    "multiPrompt": Field(("shots",), lambda ask: _shots(ask, str) or None),
    "listed": Field(
        ("shots",),
        lambda ask: json.dumps(_shots(ask, int), ensure_ascii=False) if ask.shots else None,
    ),
    "shotType": Field((), lambda ask: "customize" if ask.shots else None),
    "startImage": START,
    "image": START,
    "imageUrl": START,
    "endImage": END,
    "lastFrame": END,
    "lastFrameImage": END,
    "images": IMAGES,
    "referenceImages": IMAGES,
    "referenceVideo": VIDEO,
    "video": VIDEO,
    "videoUrl": VIDEO,
    "audio": SPEECH,
    "audioFile": SPEECH,
    "duration": SECONDS,
    "text": SECONDS_TEXT,
    "aspectRatio": SHAPE,
    "mode": Field((), lambda ask: _TIER.get(ask.link.resolution)),
    "short": Field((), lambda ask: _SHORT.get(ask.link.resolution)),
    "generateAudio": SOUND,
    "keepAudio": SOUND,
    "keepOriginalSound": SOUND,
    "characterOrientation": ORIENTATION,
    "negativePrompt": NEGATIVE,
    "cfgScale": GUIDANCE,
}


def _shots(ask: Ask, length: type[str] | type[int]) -> list[dict[str, Any]]:
    return [{"prompt": shot.prompt, "duration": length(int(shot.duration_s))} for shot in ask.shots]


class Scenario(Platform):
    """
    Scenario's custom generations.

    Args:
        folder: Where what was sent is noted, so that a lost reply can be found by it.
        concurrency: Jobs under way at once for each model; a team's plan says how many it allows.
        looks_s: Pauses between the looks at the list of jobs after a lost reply.
        limits: How long and how large things may be.
    """

    name = "scenario"
    can = Can(frames="upload", listing=True, cancel=True, concurrency=4)

    def __init__(
        self,
        folder: Path,
        *,
        concurrency: int = 4,
        looks_s: tuple[float, ...] = (0.5, 2.0, 4.0),
        limits: Limits | None = None,
    ) -> None:
        self._looks_s = looks_s
        self._keys = (
            need_key(self.name, "SCENARIO_API_KEY", "SCENARIO_SDK_API_KEY"),
            need_key(self.name, "SCENARIO_API_SECRET", "SCENARIO_SDK_API_SECRET"),
        )
        api = Api(
            self.name, "https://api.cloud.scenario.com/v1", sign=self._sign, judge=_judge,
            keys=self._keys, limits=limits,
        )  # fmt: skip
        super().__init__(folder, concurrency, api)

    async def submit(self, request: Request) -> str:
        """Make the files assets, note the inputs, send them once."""
        forget_sent(self._folder, request.client_id)
        link = request.link
        call = call_for(self.name, _CALLS, link)
        call = replace(call, where=call.where.format(tier=_TIER.get(link.resolution, "")))
        body = compose(self.name, call, Ask.of(request), _FIELDS)
        body = await uploaded(body, self._upload, most_bytes=_IMAGE_BYTES)
        note_sent(self._folder, request.client_id, call.where, body)
        answer = await self._api.post_once(f"/generate/custom/{call.where}", json=body)
        job = text_of(answer.data, "job", "jobId")
        if not job:
            raise self._api.error(Refusal("unknown", "the answer names no job"))
        return job

    async def find(self, sent: Sent) -> Lookup:
        """The job with the very inputs that were sent; none after a while is none made."""
        note = sent_note(self._folder, sent.client_id)
        if note is None:
            return NotMade()
        for pause_s in (0.0, *self._looks_s):
            await anyio.sleep(pause_s)
            looked_s = time.time()
            free = [
                job
                async for job in self._listed(note.at_s)
                if text_of(job, "jobId") not in {"", *sent.taken}
            ]
            found = {
                text_of(job, "jobId"): note.gap_s(text_of(job, "createdAt"))
                for job in free
                if note.is_of(record_of(job, "metadata", "input"))
            }
            if found:
                return Found(min(found, key=found.__getitem__))
        unclaimed = [record_of(job, "metadata", "input") for job in free]
        return not_listed("Scenario", self._folder, unclaimed, looked_s - note.at_s, _SETTLED_S)

    def _listed(self, since_s: float) -> AsyncIterator[Mapping[str, Any]]:
        # `createdAfter` is refused beside a status or a type.
        params = {"createdAfter": time_text(since_s - _CLOCKS_S), "pageSize": "100"}

        async def page(token: str) -> tuple[Iterator[Mapping[str, Any]], str]:
            more = {"paginationToken": token} if token else {}
            answer = await self._api.ask("GET", "/jobs", params=params | more)
            return items_of(answer.data, "jobs"), text_of(answer.data, "nextPaginationToken")

        return pages_of(page)

    async def standing(self) -> str:
        """That the key is taken."""
        await self._api.ask("GET", "/jobs", params={"pageSize": "1"})
        return "the key is taken"

    async def poll(self, job: str) -> JobState:
        """Its status, and a fresh address of its clip."""
        answer = await self._api.ask("GET", f"/jobs/{quote(job, safe='')}")
        data = record_of(answer.data, "job")
        match text_of(data, "status"):
            case "pending" | "queued" | "warming-up":
                return Queued()
            case "in-progress" | "finalizing":
                progress = data.get("progress")
                return Running(float(progress) if isinstance(progress, (int, float)) else None)
            case "success":
                return await self._clip(data)
            case "failure":
                said = text_of(data, "metadata", "error") or "the job has failed"
                hint = text_of(data, "metadata", "hint")
                kept = record_of(data, "billing").get("disableRefund") is True
                failed = self._ended(said, billed_usd=None if kept else FREE)
                return replace(failed, fix=f"{hint.rstrip('.')}.") if hint else failed
            case "canceled":
                return self._ended("the job was cancelled")
            case other:
                raise self._api.error(Refusal("server", f"an unknown status: {other!r}"))

    async def _clip(self, job: Mapping[str, Any]) -> JobState:
        assets = record_of(job, "metadata").get("assetIds")
        if not isinstance(assets, list) or not assets:
            raise self._api.no_clip("a finished job names no clip")
        answer = await self._api.ask("GET", f"/assets/{quote(str(assets[0]), safe='')}")
        url = text_of(answer.data, "asset", "url")
        if url:
            return Done(url)
        raise self._api.no_clip("the clip has no address")

    async def cancel(self, job: str) -> None:
        """Ask for an end; for Kling's jobs it may be refused."""
        await self._api.ask(
            "POST",
            f"/jobs/{quote(job, safe='')}/action",
            json={"action": "cancel"},
            fine=(400, 403, 404, 409, 422),
        )

    async def _upload(self, path: Path, content: bytes, kind: str) -> str:
        """The id of a new asset."""
        if kind.startswith("image/"):
            answer = await self._api.ask(
                "POST",
                "/assets",
                json={"name": path.name, "image": base64.b64encode(content).decode()},
            )
            return self._named(text_of(answer.data, "asset", "id"))
        wanted = {
            "fileName": path.name, "fileSize": len(content), "contentType": kind,
            "kind": kind.partition("/")[0], "parts": 1,
        }  # fmt: skip
        answer = await self._api.ask("POST", "/uploads", json=wanted)
        upload = record_of(answer.data, "upload")
        at = f"/uploads/{quote(self._named(text_of(upload, 'id')), safe='')}"
        for part in items_of(upload, "parts"):
            await self._api.put(text_of(part, "url"), content, kind)
        await self._api.ask("POST", f"{at}/action", json={"action": "complete"})
        for _ in range(_IMPORTS):
            answer = await self._api.ask("GET", at)
            match text_of(answer.data, "upload", "status"):
                case "imported":
                    return self._named(text_of(answer.data, "upload", "entityId"))
                case "failed":
                    said = text_of(answer.data, "upload", "errorMessage") or "the upload has failed"
                    raise self._api.error(Refusal("parameter", f"{path.name}: {said}"))
            await anyio.sleep(_IMPORT_S)
        raise self._api.error(Refusal("server", f"{path.name} doesn't become an asset"))

    def _named(self, id_: str) -> str:
        if not id_:
            raise self._api.error(Refusal("server", "the upload has no id"))
        return id_

    def _sign(self, path: str) -> Mapping[str, str]:
        both = ":".join(key.reveal() for key in self._keys)
        return {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}


def _judge(answer: Answer) -> Refusal | None:
    """What an error says; a team's limit tells how long it holds."""
    if answer.status < 400 or not isinstance(answer.data, Mapping):
        return None
    error = answer.data.get("error", answer.data)
    said = (
        error if isinstance(error, str) else text_of(error, "message") or text_of(error, "reason")
    )
    details = error.get("details") if isinstance(error, Mapping) else None
    if answer.status == 429:
        limit = text_of(details, "actionName") or said
        rest = details.get("remainingSeconds") if isinstance(details, Mapping) else None
        wait_s = float(rest) if isinstance(rest, (int, float)) else answer.after_s
        return Refusal("throttle", f"limit: {limit}" if limit else "429", wait_s)
    if answer.status in (402, 403) and trouble_in(said) == "balance":
        return Refusal("balance", said)
    if answer.status in (400, 422) and trouble_in(said) == "policy":
        return Refusal("policy", said)
    plain = by_status(answer)
    return replace(plain, said=f"{answer.status} {said}") if said else plain
