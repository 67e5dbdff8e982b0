"""
fal.ai: a queue of models; the body is the model's input, files go to its CDN.

The sub-path of an endpoint is dropped when a request is asked for: all Kling endpoints are polled
below ``fal-ai/kling-video``. A request that has failed is COMPLETED, too; its result then answers
with the failing status. fal's queue takes no id of ours: a lost reply is found in the list of
requests by the very input that was sent, in which the address of each upload is used once.
"""

from __future__ import annotations

import hashlib
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
    SECONDS_TEXT,
    SHAPE,
    SOUND,
    SPEECH,
    START,
    VIDEO,
    VOICES,
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
    Queued,
    Request,
    Running,
    Sent,
)
from assembler.generation.http import Answer, Api, Limits, by_status
from assembler.generation.keys import Key, find_key, need_key
from assembler.generation.platform import FREE, Platform
from assembler.generation.refusals import Refusal, Trouble
from assembler.generation.sending import (
    forget_sent,
    items_of,
    note_sent,
    pages_of,
    sent_note,
    text_of,
    time_text,
    uploaded,
)

_APP = "fal-ai/kling-video"
_IMAGE_BYTES = 10_000_000
_CLOCKS_S = 86400.0
"""By which fal's clock may differ from ours."""
_FINAL = (400, 404, 413, 415, 422)
"""Statuses of a result that say something about the job; others may pass."""
_KINDS: Mapping[str, Trouble] = {
    "content_policy_violation": "policy",
    "request_timeout": "server",
    "startup_timeout": "server",
    "runner_scheduling_failure": "server",
    "runner_connection_timeout": "server",
    "runner_disconnected": "server",
    "runner_connection_refused": "server",
    "runner_connection_error": "server",
    "runner_incomplete_response": "server",
    "runner_server_error": "server",
    "internal_error": "server",
    "internal_server_error": "server",
    "generation_timeout": "server",
    "downstream_service_error": "server",
    "downstream_service_unavailable": "server",
}
"""What fal's types of errors mean; the rest are about the request."""
_TIER = {"720p": "standard", "1080p": "pro", "4k": "4k"}
_O1 = {"720p": "standard/", "1080p": ""}
_MOTION = "image_url* video_url* character_orientation* keep_original_sound prompt"
_EDIT = "video_url* prompt* image_urls elements keep_audio"
_SHOTS = "prompt multi_prompt shot_type"
_OLD = "prompt* duration negative_prompt cfg_scale"

_CALLS: Mapping[str, Call] = {
    "kling-3.0 text": call(
        "v3/{tier}/text-to-video",
        f"{_SHOTS} duration aspect_ratio generate_audio negative_prompt cfg_scale",
    ),
    "kling-3.0 image": call(
        "v3/{tier}/image-to-video",
        f"{_SHOTS} start_image_url* end_image_url duration generate_audio negative_prompt "
        "cfg_scale elements",
    ),
    "kling-3.0-motion motion": call("v3/{tier}/motion-control", f"{_MOTION} elements"),
    "kling-3.0-turbo text": call(
        "v3/turbo/{tier}/text-to-video", "prompt multi_prompt duration aspect_ratio"
    ),
    "kling-3.0-turbo image": call(
        "v3/turbo/{tier}/image-to-video", "prompt multi_prompt image_url* duration"
    ),
    "kling-3.0-omni text": call(
        "o3/{tier}/text-to-video", f"{_SHOTS} duration aspect_ratio generate_audio"
    ),
    "kling-3.0-omni image": call(
        "o3/{tier}/image-to-video", f"{_SHOTS} image_url* end_image_url duration generate_audio"
    ),
    "kling-3.0-omni reference": call(
        "o3/{tier}/reference-to-video",
        f"{_SHOTS} start_image_url end_image_url image_urls elements duration aspect_ratio "
        "generate_audio",
    ),
    "kling-3.0-omni edit": call("o3/{tier}/video-to-video/edit", _EDIT),
    "kling-3.0-omni feature": call(
        "o3/{tier}/video-to-video/reference", f"{_EDIT} shot_type duration aspect_ratio"
    ),
    "kling-o1 feature": call("o1/{o1}video-to-video/reference", f"{_EDIT} duration aspect_ratio"),
    "kling-o1 image": call(
        "o1/{o1}image-to-video", "prompt* start_image_url* end_image_url duration"
    ),
    "kling-o1 reference": call(
        "o1/{o1}reference-to-video", "prompt* image_urls elements aspect_ratio duration"
    ),
    "kling-o1 edit": call("o1/{o1}video-to-video/edit", _EDIT),
    "kling-2.6 text": call("v2.6/pro/text-to-video", f"{_OLD} aspect_ratio generate_audio"),
    "kling-2.6 image": call(
        "v2.6/pro/image-to-video",
        "prompt* start_image_url* end_image_url duration generate_audio negative_prompt voice_ids",
    ),
    "kling-2.6-motion motion": call("v2.6/{tier}/motion-control", _MOTION),
    "kling-2.5-turbo text": call("v2.5-turbo/pro/text-to-video", f"{_OLD} aspect_ratio"),
    "kling-2.5-turbo image": call(
        "v2.5-turbo/pro/image-to-video", f"{_OLD} image_url* tail_image_url"
    ),
    "kling-2.5-turbo image 720p": call("v2.5-turbo/standard/image-to-video", f"{_OLD} image_url*"),
    "kling-2.1-pro image": call("v2.1/pro/image-to-video", f"{_OLD} image_url* tail_image_url"),
    "kling-2.1-standard image": call("v2.1/standard/image-to-video", f"{_OLD} image_url*"),
    "kling-2.1-master text": call("v2.1/master/text-to-video", f"{_OLD} aspect_ratio"),
    "kling-2.1-master image": call("v2.1/master/image-to-video", f"{_OLD} image_url*"),
    "kling-2.0 text": call("v2/master/text-to-video", f"{_OLD} aspect_ratio"),
    "kling-2.0 image": call("v2/master/image-to-video", f"{_OLD} image_url*"),
    "kling-1.6 text": call("v1.6/{tier}/text-to-video", f"{_OLD} aspect_ratio"),
    "kling-1.6 image": call("v1.6/pro/image-to-video", f"{_OLD} image_url* tail_image_url"),
    "kling-1.6 image 720p": call("v1.6/standard/image-to-video", f"{_OLD} image_url*"),
    "kling-1.6 reference": call(
        "v1.6/{tier}/elements", "prompt* input_image_urls* aspect_ratio duration negative_prompt"
    ),
    "avatar-2.0 avatar": call("ai-avatar/v2/standard", "image_url* audio_url* prompt"),
    "avatar-2.0-pro avatar": call("ai-avatar/v2/pro", "image_url* audio_url* prompt"),
    "lip-sync lip-sync": call("lipsync/audio-to-video", "video_url* audio_url*"),
}

_FIELDS: Mapping[str, Field] = {
    "prompt": WORDS,
    "multi_prompt": Field(
        ("shots",),
        lambda ask: (
            [{"prompt": shot.prompt, "duration": str(shot.duration_s)} for shot in ask.shots]
            or None
        ),
    ),
    "shot_type": Field((), lambda ask: "customize" if ask.shots else None),
    "start_image_url": START,
    "image_url": START,
    "end_image_url": END,
    "tail_image_url": END,
    "image_urls": IMAGES,
    "input_image_urls": IMAGES,
    "video_url": VIDEO,
    "audio_url": SPEECH,
    "duration": SECONDS_TEXT,
    "aspect_ratio": SHAPE,
    "generate_audio": SOUND,
    "keep_audio": SOUND,
    "keep_original_sound": SOUND,
    "character_orientation": ORIENTATION,
    "negative_prompt": NEGATIVE,
    "cfg_scale": GUIDANCE,
    "voice_ids": VOICES,
}


class Fal(Platform):
    """
    fal.ai's queue.

    Args:
        folder: Where what was sent is noted, so that a lost reply can be found by it.
        concurrency: Jobs under way at once for each model; more simply wait at fal.
        looks_s: Pauses between the looks at the list of requests after a lost reply.
        limits: How long and how large things may be.
    """

    name = "fal"
    can = Can(frames="upload", listing=True, cancel=True, concurrency=10)

    def __init__(
        self,
        folder: Path,
        *,
        concurrency: int = 10,
        looks_s: tuple[float, ...] = (0.5, 2.0, 4.0),
        limits: Limits | None = None,
    ) -> None:
        self._looks_s = looks_s
        self._keys = _keys()
        hosts = ("https://queue.fal.run", "https://rest.fal.ai", "https://api.fal.ai")
        apis = tuple(
            Api(self.name, url, sign=self._sign, judge=_judge, keys=self._keys, limits=limits)
            for url in hosts
        )
        super().__init__(folder, concurrency, *apis)
        self._queue, self._files, self._platform = apis

    async def submit(self, request: Request) -> str:
        """Upload the files, note the body, send it once."""
        link = request.link
        forget_sent(self._folder, request.client_id)
        call = call_for(self.name, _CALLS, link)
        tier, o1 = _TIER.get(link.resolution, ""), _O1.get(link.resolution, "")
        call = replace(call, where=call.where.format(tier=tier, o1=o1))
        body = compose(self.name, call, Ask.of(request), _FIELDS)
        body = await uploaded(body, self._upload, most_bytes=_IMAGE_BYTES)
        endpoint = f"{_APP}/{call.where}"
        note_sent(self._folder, request.client_id, endpoint, body)
        answer = await self._queue.post_once(f"/{endpoint}", json=body)
        job = text_of(answer.data, "request_id")
        if not job:
            raise self._queue.error(Refusal("unknown", "the answer names no request"))
        self._remember(job, endpoint)
        return job

    async def find(self, sent: Sent) -> Lookup:
        """The request with the very input that was sent, if fal lists it."""
        note = sent_note(self._folder, sent.client_id)
        if note is None:
            return NotMade()
        for pause_s in (0.0, *self._looks_s):
            await anyio.sleep(pause_s)
            found = {
                text_of(item, "request_id"): note.gap_s(text_of(item, "sent_at"))
                async for item in self._listed(note.where, note.at_s)
                if note.is_of(item.get("json_input"))
            }
            free = [request for request in found if request and request not in sent.taken]
            if free:
                request = min(free, key=found.__getitem__)
                self._remember(request, note.where)
                return Found(request)
        return CantTell(
            "fal doesn't list it (it may list requests only when they have ended; run again later)"
        )

    def _listed(self, endpoint: str, since_s: float) -> AsyncIterator[Mapping[str, Any]]:
        params = {
            "endpoint_id": endpoint,
            "start": time_text(since_s - _CLOCKS_S),
            "end": time_text(time.time() + _CLOCKS_S),
            "expand": "payloads",
            "limit": "100",
        }

        async def page(cursor: str) -> tuple[Iterator[Mapping[str, Any]], str]:
            answer = await self._platform.ask(
                "GET",
                "/v1/models/requests/by-endpoint",
                params=params | ({"cursor": cursor} if cursor else {}),
            )
            return items_of(answer.data, "items"), text_of(answer.data, "next_cursor")

        return pages_of(page)

    async def standing(self) -> str:
        """That the key is taken."""
        params = {"endpoint_id": f"{_APP}/v2.1/standard/image-to-video", "limit": "1"}
        await self._platform.ask("GET", "/v1/models/requests/by-endpoint", params=params)
        return "the key is taken"

    async def poll(self, job: str) -> JobState:
        """Its status, and its result when it has one; a failed request is completed, too."""
        at = f"/{_APP}/requests/{quote(job, safe='')}"
        answer = await self._queue.ask("GET", f"{at}/status")
        match text_of(answer.data, "status"):
            case "IN_QUEUE":
                return Queued()
            case "IN_PROGRESS":
                return Running()
            case "COMPLETED":
                return await self._result(job, at, answer)
            case other:
                raise self._queue.error(Refusal("server", f"an unknown status: {other!r}"))

    async def _result(self, job: str, at: str, status: Answer) -> JobState:
        failure = _failure(status)
        answer = await self._queue.ask("GET", at, fine=range(400, 600) if failure else _FINAL)
        if answer.status == 404:  # results are kept for an hour, payloads for a month
            answer = await self._kept(job) or answer
        url = text_of(answer.data, "video", "url")
        if answer.status < 300 and url:
            return Done(url)
        refusal = _judge(answer) or failure
        if answer.status == 400 and refusal and "in progress" in refusal.said:
            return Running()
        if failure is None and (answer.status == 404 or refusal is None):
            # What can't be had now may be had later: only what fal calls failed has failed.
            raise self._queue.no_clip(refusal.said if refusal else "the result names no video")
        assert refusal is not None
        # Its own troubles fal doesn't bill; of what it refuses it says no such thing.
        billed = FREE if answer.status >= 500 else None
        return self._ended(refusal.said, refusal.trouble, billed)

    async def _kept(self, job: str) -> Answer | None:
        """The result as the list of requests keeps it."""
        note = sent_note(self._folder, _noted(job))
        if note is None:
            return None
        async for item in self._listed(note.where, note.at_s):
            if item.get("request_id") == job and item.get("json_output"):
                return Answer(200, item["json_output"])
        return None

    def _remember(self, job: str, endpoint: str) -> None:
        """Which endpoint a request went to, which its id doesn't say."""
        note_sent(self._folder, _noted(job), endpoint, {})

    async def cancel(self, job: str) -> None:
        """Take it out of the queue; one that runs may still finish."""
        at = f"/{_APP}/requests/{quote(job, safe='')}/cancel"
        await self._queue.ask("PUT", at, fine=(400, 404))

    async def _upload(self, path: Path, content: bytes, kind: str) -> str:
        answer = await self._files.ask(
            "POST",
            "/storage/upload/initiate",
            params={"storage_type": "fal-cdn-v3"},
            json={"file_name": path.name, "content_type": kind},
        )
        target, url = text_of(answer.data, "upload_url"), text_of(answer.data, "file_url")
        if not target or not url:
            raise self._files.error(Refusal("server", "no address to upload to"))
        await self._files.put(target, content, kind)
        return url

    def _sign(self, path: str) -> Mapping[str, str]:
        return {"Authorization": "Key " + ":".join(key.reveal() for key in self._keys)}


def _noted(job: str) -> str:
    """What the note of a request is called: its id is fal's word, and no name of a file."""
    return f"request-{hashlib.sha256(job.encode()).hexdigest()[:32]}"


def _keys() -> tuple[Key, ...]:
    """FAL_KEY, or its halves, which fal's own client takes, too."""
    if find_key("FAL_KEY") is None:
        halves = find_key("FAL_KEY_ID"), find_key("FAL_KEY_SECRET")
        if halves[0] and halves[1]:
            return halves[0], halves[1]
    return (need_key("fal", "FAL_KEY"),)


def _judge(answer: Answer) -> Refusal | None:
    """What fal says in an error: of the model as a list of details, of its own as a sentence."""
    if answer.status < 400 or not isinstance(answer.data, Mapping):
        return None
    detail = answer.data.get("detail")
    kind = text_of(answer.data, "error_type") or answer.headers.get("x-fal-error-type", "")
    said = detail if isinstance(detail, str) else ""
    if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        first = detail[0]
        kind = text_of(first, "type") or kind
        place = ".".join(str(step) for step in first.get("loc", ()) if step != "body")
        said = f"{place}: {text_of(first, 'msg')}" if place else text_of(first, "msg")
    if answer.status == 403 and "balance" in said.lower():
        return Refusal("balance", said)
    if kind in _KINDS:
        return Refusal(_KINDS[kind], said or kind)
    plain = by_status(answer)
    return replace(plain, said=f"{answer.status} {said}") if said else plain


def _failure(status: Answer) -> Refusal | None:
    """What the status of a completed request says of its failure."""
    said, kind = text_of(status.data, "error"), text_of(status.data, "error_type")
    if not said and not kind:
        return None
    return Refusal(_KINDS.get(kind, "parameter"), said or kind)
