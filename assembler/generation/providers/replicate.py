"""
Replicate: its official Kling models, local files by upload, and a list that finds what was lost.

Inputs, outputs and files of a prediction are removed after an hour. A submission takes no id of
ours; one whose reply was lost is found in the list of predictions by its very inputs.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import anyio

from assembler.generation.asking import (
    END,
    GUIDANCE,
    IMAGES,
    NEGATIVE,
    SCENE,
    SECONDS,
    SHAPE,
    SOUND,
    START,
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
from assembler.generation.keys import need_key
from assembler.generation.platform import Platform
from assembler.generation.refusals import Refusal
from assembler.generation.sending import (
    forget_sent,
    items_of,
    not_listed,
    note_sent,
    pages_of,
    sent_note,
    text_of,
    time_text,
    uploaded,
)

_IMAGE_BYTES = 10 << 20
_CLOCKS_S = 86400.0
"""By which our clock and theirs may differ, wrong time zones included."""
_NEAR_S = 300.0
"""A prediction made so near to when it was sent is taken for the one; others may be anybody's."""
_KEPT_S = 3600.0
"""For so long inputs are shown."""
_SETTLED_S = 300.0
"""A prediction that isn't listed so long after it was sent was never made."""

_V21 = "prompt start_image* mode duration negative_prompt"
_CALLS: Mapping[str, Call] = {
    "kling-3.0": call(
        "kwaivgi/kling-v3-video",
        "prompt multi_prompt start_image end_image mode aspect_ratio duration generate_audio "
        "negative_prompt",
    ),
    "kling-2.5-turbo": call(
        "kwaivgi/kling-v2.5-turbo-pro", "prompt* start_image aspect_ratio duration negative_prompt"
    ),
    "kling-2.1-standard": call("kwaivgi/kling-v2.1", _V21),
    "kling-2.1-pro": call("kwaivgi/kling-v2.1", f"{_V21} end_image"),
    "kling-1.6": call(
        "kwaivgi/kling-v1.6-pro",
        "prompt start_image end_image reference_images cfg_scale duration",
    ),
}
_FIELDS: Mapping[str, Field] = {
    "prompt": SCENE,
    "multi_prompt": Field(
        ("shots",),
        lambda ask: (
            json.dumps([{"prompt": s.prompt, "duration": int(s.duration_s)} for s in ask.shots])
            if ask.shots
            else None
        ),
    ),
    "start_image": START,
    "end_image": END,
    "reference_images": IMAGES,
    "mode": Field((), lambda ask: "standard" if ask.link.resolution == "720p" else "pro"),
    "aspect_ratio": SHAPE,
    "duration": SECONDS,
    "generate_audio": SOUND,
    "negative_prompt": NEGATIVE,
    "cfg_scale": GUIDANCE,
}


class Replicate(Platform):
    """
    Replicate's API.

    Args:
        folder: Where what was sent is noted, so that a lost reply can be found by it.
        concurrency: Predictions under way at once for each model.
        looks_s: Pauses between the looks at the list of predictions after a lost reply.
        limits: How long and how large things may be.
    """

    name = "replicate"
    can = Can(frames="upload", listing=True, cancel=True, concurrency=10)

    def __init__(
        self,
        folder: Path,
        *,
        concurrency: int = 10,
        looks_s: tuple[float, ...] = (2.0, 5.0),
        limits: Limits | None = None,
    ) -> None:
        self._looks_s = looks_s
        self._key = need_key(self.name, "REPLICATE_API_TOKEN")
        api = Api(
            self.name, "https://api.replicate.com/v1", sign=self._sign, judge=_judge,
            keys=[self._key], limits=limits,
        )  # fmt: skip
        super().__init__(folder, concurrency, api)

    async def submit(self, request: Request) -> str:
        """Upload the files, note the input, send it once."""
        forget_sent(self._folder, request.client_id)
        call = call_for(self.name, _CALLS, request.link)
        body = compose(self.name, call, Ask.of(request), _FIELDS)
        body = await uploaded(body, self._upload, most_bytes=_IMAGE_BYTES)
        note_sent(self._folder, request.client_id, call.where, body)
        answer = await self._api.post_once(
            f"/models/{call.where}/predictions", json={"input": body}
        )
        job = text_of(answer.data, "id")
        if not job:
            raise self._api.error(Refusal("unknown", "the answer names no prediction"))
        return job

    async def find(self, sent: Sent) -> Lookup:
        """
        The prediction with the very input that was sent, made about then.

        None after a while is none made, unless it may be one that was made at another time by
        their clock, or whose input is no longer shown.
        """
        note = sent_note(self._folder, sent.client_id)
        if note is None:
            return NotMade()
        for pause_s in (0.0, *self._looks_s):
            await anyio.sleep(pause_s)
            looked_s = time.time()
            may_be_hidden = looked_s - note.at_s > _KEPT_S
            found: dict[str, float] = {}
            unclaimed: list[object] = []
            doubt = ""
            async for item in self._listed(note.at_s - _CLOCKS_S):
                job = text_of(item, "id")
                if not job or job in sent.taken or text_of(item, "model") != note.where:
                    continue
                gap_s = note.gap_s(text_of(item, "created_at"))
                if note.is_of(item.get("input")):
                    if gap_s <= _NEAR_S:
                        found[job] = gap_s
                    else:
                        doubt = f"Replicate lists an equal one, {job}, made at another time"
                elif item.get("data_removed"):
                    if gap_s <= _NEAR_S or may_be_hidden:
                        doubt = "Replicate has removed the inputs of predictions that it may be"
                elif gap_s <= _NEAR_S:
                    unclaimed.append(item.get("input"))
            if found:
                return Found(min(found, key=found.__getitem__))
        if doubt:
            return CantTell(doubt)
        return not_listed("Replicate", self._folder, unclaimed, looked_s - note.at_s, _SETTLED_S)

    def _listed(self, since_s: float) -> AsyncIterator[Mapping[str, Any]]:
        """Predictions made since then, the newest first."""
        params = {"created_after": time_text(since_s)}

        async def page(cursor: str) -> tuple[Iterator[Mapping[str, Any]], str]:
            more = {"cursor": cursor} if cursor else {}
            answer = await self._api.ask("GET", "/predictions", params=params | more)
            query = text_of(answer.data, "next").partition("?")[2]
            return items_of(answer.data, "results"), parse_qs(query).get("cursor", [""])[0]

        return pages_of(page)

    async def standing(self) -> str:
        """That the key is taken."""
        await self._api.ask("GET", "/predictions")
        return "the key is taken"

    async def poll(self, job: str) -> JobState:
        """Its status, with the address of the clip when it is there."""
        answer = await self._api.ask("GET", f"/predictions/{quote(job, safe='')}")
        match text_of(answer.data, "status"):
            case "starting":
                return Queued()
            case "processing":
                return Running()
            case "succeeded":
                return self._succeeded(answer)
            case "canceled":
                return self._ended("it was canceled", "unknown")
            case "failed":
                said = text_of(answer.data, "error")
                return self._ended(said, "policy" if "flagged" in said else None)
            case other:
                raise self._api.error(Refusal("server", f"an unknown status: {other!r}"))

    def _succeeded(self, answer: Answer) -> JobState:
        output = answer.data.get("output")
        url = output[0] if isinstance(output, list) and output else output
        if isinstance(url, str) and url:
            return Done(url)
        if answer.data.get("data_removed"):
            said = "its clip was removed, as all are an hour after they are made"
            raise self._api.no_clip(said)
        raise self._api.no_clip("a prediction that has succeeded has no output")

    async def cancel(self, job: str) -> None:
        """Stop it, whether it runs or not."""
        await self._api.ask("POST", f"/predictions/{quote(job, safe='')}/cancel", fine=(404,))

    async def _upload(self, path: Path, content: bytes, kind: str) -> str:
        files = {"content": (path.name, content, kind)}
        answer = await self._api.ask("POST", "/files", files=files)
        url = text_of(answer.data, "urls", "get")
        if not url:
            raise self._api.error(Refusal("server", "no address of the uploaded file"))
        return url

    def _sign(self, path: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._key.reveal()}"}


def _judge(answer: Answer) -> Refusal | None:
    """The time to wait stands in the words of a throttled answer."""
    if answer.status != 429:
        return None
    plain = by_status(answer)
    wait = re.search(r"resets in ~?(\d+)\s*s", plain.said)
    return replace(plain, after_s=float(wait[1])) if wait and plain.after_s is None else plain
