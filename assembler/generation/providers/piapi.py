"""
PiAPI: one address for every task; what is made is said by `task_type` and `version`.

It takes no id of ours and lists no tasks: a submission whose reply is lost stays unknown and is
never sent again by itself. Files go to its ephemeral store, where they lie for 24 hours.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from assembler.generation.asking import (
    END,
    GUIDANCE,
    IMAGES,
    NEGATIVE,
    ORIENTATION,
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
    JobState,
    Lookup,
    NotSubmittedError,
    Queued,
    Request,
    Running,
    Sent,
)
from assembler.generation.http import Answer, Api, Limits, by_status
from assembler.generation.keys import need_key
from assembler.generation.platform import FREE, Platform
from assembler.generation.refusals import Refusal
from assembler.generation.sending import (
    forget_sent,
    note_sent,
    record_of,
    text_of,
    unlisted,
    uploaded,
)

_IMAGE_BYTES = 10_000_000
_STORED = frozenset({".jpg", ".jpeg", ".png", ".webp", ".mp4", ".wav", ".mp3"})
_MASTER = "prompt negative_prompt cfg_scale duration aspect_ratio image_url"
_OLD = f"{_MASTER} mode image_tail_url"
_OMNI = "prompt resolution duration aspect_ratio"

_CALLS: Mapping[str, Call] = {
    "kling-3.0": call(
        "video_generation",
        "prompt duration aspect_ratio mode image_url image_tail_url enable_audio multi_shots "
        "prefer_multi_shots",
        version="3.0",
    ),
    "kling-3.0-omni": call(
        "omni_video_generation", f"{_OMNI} images video enable_audio multi_shots", version="3.0"
    ),
    "kling-o1": call("omni_video_generation", f"{_OMNI} images video", version="o1"),
    "kling-2.6": call("video_generation", f"{_OLD} enable_audio", version="2.6"),
    "kling-2.6-motion": call(
        "motion_control",
        "prompt image_url* video_url* motion_direction keep_original_sound mode",
        version="2.6",
    ),
    "kling-2.5-turbo": call("video_generation", _OLD, version="2.5"),
    "kling-2.1-pro": call("video_generation", _OLD, version="2.1"),
    "kling-2.1-standard": call("video_generation", _OLD, version="2.1"),
    "kling-2.1-master": call("video_generation", _MASTER, version="2.1-master"),
    "kling-2.0": call("video_generation", _MASTER, version="2.0"),
    "kling-1.6": call("video_generation", f"{_OLD} elements", version="1.6"),
    "avatar-2.0": call("avatar", "prompt image_url* local_dubbing_url* mode", batch_size=1),
    "avatar-2.0-pro": call("avatar", "prompt image_url* local_dubbing_url* mode", batch_size=1),
    "lip-sync": call(
        "lip_sync", "video_url* local_dubbing_url*", tts_text="", tts_timbre="", tts_speed=1
    ),
}

_MODE = {"720p": "std", "1080p": "pro"}
_FIELDS: Mapping[str, Field] = {
    "prompt": WORDS,
    "multi_shots": Field(
        ("shots",),
        lambda ask: (
            [{"prompt": shot.prompt, "duration": int(shot.duration_s)} for shot in ask.shots]
            or None
        ),
    ),
    "prefer_multi_shots": Field((), lambda ask: None if ask.shots else False),
    "image_url": START,
    "image_tail_url": END,
    "images": IMAGES,
    "elements": Field(
        ("images",), lambda ask: [{"image_url": image} for image in ask.images] or None
    ),
    "video": VIDEO,
    "video_url": VIDEO,
    "local_dubbing_url": SPEECH,
    "duration": Field((), lambda ask: None if ask.shots else ask.seconds),
    "aspect_ratio": SHAPE,
    "resolution": Field((), lambda ask: ask.link.resolution),
    "mode": Field((), lambda ask: _MODE.get(ask.link.resolution)),
    "enable_audio": SOUND,
    "keep_original_sound": SOUND,
    "motion_direction": ORIENTATION,
    "negative_prompt": NEGATIVE,
    "cfg_scale": GUIDANCE,
}


class Piapi(Platform):
    """
    PiAPI's tasks.

    Args:
        folder: Where what was sent is noted.
        concurrency: Tasks under way at once for each model; what a plan doesn't allow is staged.
        limits: How long and how large things may be.
    """

    name = "piapi"
    can = Can(frames="upload", cancel=True, concurrency=5)

    def __init__(self, folder: Path, *, concurrency: int = 5, limits: Limits | None = None) -> None:
        self._key = need_key(self.name, "PIAPI_KEY", "PIAPI_API_KEY")
        apis = tuple(
            Api(self.name, url, sign=self._sign, judge=_judge, keys=[self._key], limits=limits)
            for url in ("https://api.piapi.ai", "https://upload.theapi.app")
        )
        super().__init__(folder, concurrency, *apis)
        self._store = apis[1]

    async def submit(self, request: Request) -> str:
        """Upload the files, note the task, send it once."""
        forget_sent(self._folder, request.client_id)
        call = call_for(self.name, _CALLS, request.link)
        body = compose(self.name, call, Ask.of(request), _FIELDS)
        body = await uploaded(body, self._upload, most_bytes=_IMAGE_BYTES)
        task = {"model": "kling", "task_type": call.where, "input": body}
        note_sent(self._folder, request.client_id, call.where, task)
        answer = await self._api.post_once("/api/v1/task", json=task)
        job = text_of(answer.data, "data", "task_id")
        if not job:
            raise self._api.error(Refusal("unknown", "the answer names no task"))
        return job

    async def find(self, sent: Sent) -> Lookup:
        """Only that nothing has left can be told: PiAPI lists no tasks."""
        return unlisted(self._folder, sent.client_id, "PiAPI can't look up tasks or list them")

    async def standing(self) -> str:
        """That it answers."""
        await self._api.reached()
        return ""

    async def poll(self, job: str) -> JobState:
        """Its status, and where its clip lies."""
        answer = await self._api.ask("GET", f"/api/v1/task/{quote(job, safe='')}")
        data = record_of(answer.data, "data")
        match text_of(data, "status").lower():
            case "pending" | "staged":
                return Queued()
            case "processing":
                return Running()
            case "completed":
                url = _clip_of(data.get("output"))
                if url:
                    return Done(url)
                raise self._api.no_clip("a completed task names no clip")
            case "failed":
                said = text_of(data, "error", "message") or text_of(data, "error", "raw_message")
                return self._ended(said or "the task has failed", billed_usd=_kept_of(data))
            case "cancelled":
                return self._ended("the task was cancelled", billed_usd=_kept_of(data))
            case other:
                raise self._api.error(Refusal("server", f"an unknown status: {other!r}"))

    async def cancel(self, job: str) -> None:
        """Stop a task that hasn't begun."""
        await self._api.ask("DELETE", f"/api/v1/task/{quote(job, safe='')}", fine=(400, 404))

    async def _upload(self, path: Path, content: bytes, kind: str) -> str:
        if path.suffix.lower() not in _STORED:
            can = ", ".join(sorted(s.removeprefix(".") for s in _STORED))
            raise NotSubmittedError(
                f"piapi: its store takes no {path.suffix} files ({path.name})",
                fix=f"convert it; it takes {can}.",
                trouble="parameter",
            )
        answer = await self._store.ask(
            "POST",
            "/api/ephemeral_resource",
            json={"file_name": path.name, "file_data": base64.b64encode(content).decode()},
        )
        url = text_of(answer.data, "url") or text_of(answer.data, "data", "url")
        if not url:
            raise self._store.error(Refusal("server", "the upload has no address"))
        return url

    def _sign(self, path: str) -> Mapping[str, str]:
        return {"X-API-Key": self._key.reveal()}


def _kept_of(data: Mapping[str, Any]) -> Decimal | None:
    """What a task without a clip has cost: nothing where its points were given back."""
    return FREE if record_of(data, "meta", "usage").get("consume") == 0 else None


def _clip_of(output: Any) -> str:
    """The address of a clip: Kling 3 and omni, then what older versions have."""
    works = output.get("works") if isinstance(output, Mapping) else None
    work = works[0] if isinstance(works, list) and works else None
    return (
        text_of(output, "video")
        or text_of(output, "video_url")
        or text_of(work, "video", "resource_without_watermark")
        or text_of(work, "video", "resource")
    )


def _judge(answer: Answer) -> Refusal | None:
    """The code in an answer counts even where the status is 200."""
    data = answer.data if isinstance(answer.data, Mapping) else {}
    code = data.get("code", answer.status)
    if answer.status < 300 and code == 200:
        return None
    if answer.status < 300 and "code" not in data:
        return None  # the store
    status = code if isinstance(code, int) and 400 <= code < 600 else answer.status
    said = text_of(data, "message") or text_of(data, "data", "error", "message")
    if status < 400:
        return Refusal("unknown", said or f"code {code}")
    return by_status(replace(answer, status=status, data={"message": said} if said else data))
