"""
kie.ai: jobs of one address, models by name; the request and the result come back as JSON in text.

It takes no id of ours and lists no jobs: a submission whose reply is lost stays unknown and is
never sent again by itself. Files go to its store, where they lie for 24 hours.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

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
    JobState,
    Lookup,
    Queued,
    Request,
    Running,
    Sent,
)
from assembler.generation.http import Answer, Api, Limits, by_status
from assembler.generation.keys import need_key
from assembler.generation.platform import FREE, Platform
from assembler.generation.refusals import ExpiredError, Refusal, Trouble
from assembler.generation.sending import (
    forget_sent,
    note_sent,
    record_of,
    text_of,
    unlisted,
    uploaded,
)

_IMAGE_BYTES = 10_000_000
_FOLDER = "assembler"
_V3 = (
    "prompt image_urls=frames duration=text aspect_ratio mode sound multi_shots multi_prompt "
    "kling_elements"
)
_OMNI = (
    "prompt=scene* duration resolution audio customize_multi_shots prefer_multi_shots "
    "multi_prompt elements"
)
# The page of 3.0 lists callBackUrl as required, too; callers do without.
_MOTION = "input_urls* video_urls* character_orientation mode=pixels prompt"
_OLD = "prompt* duration=text negative_prompt cfg_scale"

_CALLS: Mapping[str, Call] = {
    "kling-3.0 text": call("kling-3.0/video", _V3),
    "kling-3.0 image": call("kling-3.0/video", _V3),
    "kling-3.0-omni text": call("kling-3.0-omni/text-to-video", f"{_OMNI} aspect_ratio"),
    "kling-3.0-omni image": call(
        "kling-3.0-omni/image-to-video", f"{_OMNI} image_urls=frames*", aspect_ratio="auto"
    ),
    "kling-3.0-omni reference": call(
        "kling-3.0-omni/reference-to-video", f"{_OMNI} image_urls=images* aspect_ratio"
    ),
    "kling-3.0-omni edit": call(
        "kling-3.0-omni/transformation",
        "prompt=scene* video_urls* image_urls=images resolution",
        aspect_ratio="auto",
    ),
    "kling-3.0-turbo text": call(
        "kling/v3-turbo-text-to-video", "prompt* duration=text resolution aspect_ratio"
    ),
    "kling-3.0-turbo image": call(
        "kling/v3-turbo-image-to-video", "prompt image_urls=frames* duration=text resolution"
    ),
    "kling-3.0-motion motion": call("kling-3.0/motion-control", _MOTION),
    "kling-2.6-motion motion": call("kling-2.6/motion-control", _MOTION),
    "kling-2.6 text": call("kling-2.6/text-to-video", "prompt* duration=text aspect_ratio sound"),
    "kling-2.6 image": call(
        "kling-2.6/image-to-video", "prompt* image_urls=frames* duration=text sound"
    ),
    "kling-2.5-turbo text": call("kling/v2-5-turbo-text-to-video-pro", f"{_OLD} aspect_ratio"),
    "kling-2.5-turbo image": call(
        "kling/v2-5-turbo-image-to-video-pro", f"{_OLD} image_url* tail_image_url"
    ),
    "kling-2.1-pro image": call("kling/v2-1-pro", f"{_OLD} image_url* tail_image_url"),
    "kling-2.1-standard image": call("kling/v2-1-standard", f"{_OLD} image_url*"),
    "kling-2.1-master text": call("kling/v2-1-master-text-to-video", f"{_OLD} aspect_ratio"),
    "kling-2.1-master image": call("kling/v2-1-master-image-to-video", f"{_OLD} image_url*"),
    "avatar-2.0 avatar": call("kling/ai-avatar-standard", "image_url* audio_url* prompt"),
    "avatar-2.0-pro avatar": call("kling/ai-avatar-pro", "image_url* audio_url* prompt"),
}

_MODE = {"720p": "std", "1080p": "pro", "4k": "4K"}
_FIELDS: Mapping[str, Field] = {
    "prompt": WORDS,
    "scene": SCENE,
    "multi_shots": Field((), lambda ask: bool(ask.shots)),
    "customize_multi_shots": Field((), lambda ask: bool(ask.shots)),
    "prefer_multi_shots": Field((), lambda ask: False),
    "multi_prompt": Field(
        ("shots",),
        lambda ask: (
            [{"prompt": shot.prompt, "duration": int(shot.duration_s)} for shot in ask.shots]
            or None
        ),
    ),
    "frames": Field(("start", "end"), lambda ask: [f for f in (ask.start, ask.end) if f] or None),
    "images": IMAGES,
    "image_url": START,
    "tail_image_url": END,
    "input_urls": Field(("start",), lambda ask: [ask.start] if ask.start else None),
    "video_urls": Field(("video",), lambda ask: [ask.video] if ask.video else None),
    "audio_url": SPEECH,
    "duration": SECONDS,
    "text": SECONDS_TEXT,
    "aspect_ratio": SHAPE,
    "resolution": Field((), lambda ask: ask.link.resolution),
    "mode": Field((), lambda ask: _MODE.get(ask.link.resolution)),
    "pixels": Field((), lambda ask: ask.link.resolution),
    "sound": SOUND,
    "audio": SOUND,
    "character_orientation": ORIENTATION,
    "negative_prompt": NEGATIVE,
    "cfg_scale": GUIDANCE,
}


class Kie(Platform):
    """
    kie.ai's jobs.

    Args:
        folder: Where what was sent is noted.
        concurrency: Jobs under way at once for each model; an account may have about 100 in all.
        limits: How long and how large things may be.
    """

    name = "kie"
    can = Can(frames="upload", concurrency=20)

    def __init__(
        self, folder: Path, *, concurrency: int = 20, limits: Limits | None = None
    ) -> None:
        self._key = need_key(self.name, "KIE_API_KEY", "KIE_AI_API_KEY")
        apis = tuple(
            Api(self.name, url, sign=self._sign, judge=_judge, keys=[self._key], limits=limits)
            for url in ("https://api.kie.ai", "https://kieai.redpandaai.co")
        )
        super().__init__(folder, concurrency, *apis)
        self._store = apis[1]

    async def submit(self, request: Request) -> str:
        """Upload the files, note the job, send it once."""
        forget_sent(self._folder, request.client_id)
        call = call_for(self.name, _CALLS, request.link)
        body = compose(self.name, call, Ask.of(request), _FIELDS)
        body = await uploaded(body, self._upload, most_bytes=_IMAGE_BYTES)
        job = {"model": call.where, "input": body}
        note_sent(self._folder, request.client_id, call.where, job)
        answer = await self._api.post_once("/api/v1/jobs/createTask", json=job)
        made = text_of(answer.data, "data", "taskId")
        if not made:
            raise self._api.error(Refusal("unknown", "the answer names no job"))
        return made

    async def find(self, sent: Sent) -> Lookup:
        """Only that nothing has left can be told: kie.ai lists no jobs by its API."""
        return unlisted(
            self._folder,
            sent.client_id,
            "kie.ai can't look up jobs; its page kie.ai/logs shows them",
        )

    async def standing(self) -> str:
        """Credits left."""
        answer = await self._api.ask("GET", "/api/v1/chat/credit")
        left = answer.data.get("data") if isinstance(answer.data, Mapping) else None
        if not isinstance(left, (int, float)):
            raise self._api.error(Refusal("server", "it doesn't say what is left"))
        return f"{left} credits left"

    async def poll(self, job: str) -> JobState:
        """Its state, and where its clip lies."""
        answer = await self._api.ask("GET", "/api/v1/jobs/recordInfo", params={"taskId": job})
        data = record_of(answer.data, "data")
        match text_of(data, "state"):
            case "waiting" | "queuing":
                return Queued()
            case "generating":
                return Running()
            case "success":
                url = _clip_of(text_of(data, "resultJson"))
                if url:
                    return Done(url)
                raise self._api.no_clip("a finished job names no clip")
            case "fail":
                said = text_of(data, "failMsg") or f"code {text_of(data, 'failCode')}"
                return self._ended(said, billed_usd=FREE)  # "failed tasks are refunded"
            case other:
                raise self._api.error(Refusal("server", f"an unknown state: {other!r}"))

    async def download(self, done: Done, to: Path) -> None:
        """The clip, without the key; kie.ai makes a fresh address for one that has expired."""
        try:
            await self._api.download(done.url, to)
        except ExpiredError:
            answer = await self._api.ask(
                "POST", "/api/v1/common/download-url", json={"url": done.url}
            )
            url = text_of(answer.data, "data") or text_of(answer.data, "data", "url")
            if not url:
                raise
            await self._api.download(url, to)

    async def _upload(self, path: Path, content: bytes, kind: str) -> str:
        # A name that was there before would be overwritten.
        digest = hashlib.sha256(content).hexdigest()[:16]
        name = f"{digest}-{secrets.token_hex(4)}{path.suffix}"
        answer = await self._store.ask(
            "POST",
            "/api/file-stream-upload",
            files={"file": (name, content, kind)},
            data={"uploadPath": _FOLDER, "fileName": name},
        )
        url = text_of(answer.data, "data", "downloadUrl")
        if not url:
            raise self._store.error(Refusal("server", "the upload has no address"))
        return url

    def _sign(self, path: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._key.reveal()}"}


def _clip_of(text: str) -> str:
    """The first address in a result, which is JSON in a text."""
    try:
        urls = json.loads(text)["resultUrls"]
        return str(urls[0]) if isinstance(urls, list) and urls else ""
    except (ValueError, KeyError, TypeError):
        return ""


_CODES: Mapping[int, Trouble] = {
    401: "auth", 402: "balance", 404: "parameter", 422: "parameter", 429: "throttle",
    455: "throttle", 500: "server", 501: "server", 505: "permission",
}  # fmt: skip


def _judge(answer: Answer) -> Refusal | None:
    """The code in an answer counts before its status."""
    data = answer.data if isinstance(answer.data, Mapping) else {}
    code = data.get("code", answer.status)
    if code == 200 and answer.status < 300:
        return None
    said = f"{code} {text_of(data, 'msg')}".strip()
    if isinstance(code, int) and code in _CODES:
        return Refusal(_CODES[code], said, answer.after_s)
    if isinstance(code, int) and 400 <= code < 600:
        return by_status(replace(answer, status=code, data={"msg": text_of(data, "msg")}))
    return Refusal("unknown", said) if answer.status < 300 else None
