"""
fal.ai on loopback: queue, uploads and the list of requests, all at one address.

Confirmed by fal's own client or OpenAPI: paths and forms of submit, status, result and cancel; the
status words; that a failed request is COMPLETED too, with `error` and `error_type`, and its result
answers with the failing status; both uploads; fields, enums and limits of the endpoints (fal's
published types and reference pages); form of both sorts of errors; parameters of the list of
requests (`expand=payloads` shows inputs). Not confirmed, so the harsher is done: that the list
leaves out requests that haven't ended; that flaws in the input show in the result, not at
submission; the texts of 401, 403 (no balance) and 429; that an unknown path is 404 at submission.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assembler.media.probe import probe
from assembler.media.stills import read_image
from tests.servers.kit import Call, Fault, Job, Platform, RefusedError, Reply, route
from tests.servers.rules import (
    Rule,
    address,
    choice,
    flag,
    flaws,
    many,
    number,
    record,
    seconds,
    text,
)

Rules = dict[str, Rule]

_SHAPE = choice("16:9", "9:16", "1:1")
_5_10 = choice("5", "10")
_PROMPT = text(2500, 1)
_SHOTS = many(record({"prompt": text(512, 1)}, {"duration": seconds(1, 15)}), 1, 6)
_ELEMENTS = many(
    record(
        {},
        {"frontal_image_url": address, "reference_image_urls": many(address, 1, 3),
         "video_url": address, "voice_id": text()},
    ), 1, 7,
)  # fmt: skip
_OLD: Rules = {"duration": _5_10, "negative_prompt": text(2500), "cfg_scale": number(0, 1)}
_MULTI: Rules = {"prompt": _PROMPT, "multi_prompt": _SHOTS, "duration": seconds(3, 15)}
_EDIT: Rules = {
    "image_urls": many(address, 1, 4), "elements": _ELEMENTS, "keep_audio": flag,
}  # fmt: skip
_MOTION: tuple[Rules, Rules] = (
    {"image_url": address, "video_url": address, "character_orientation": choice("image", "video")},
    {"keep_original_sound": flag, "prompt": text(2500)},
)

ENDPOINTS: dict[str, tuple[Rules, Rules]] = {}
"""Path below fal-ai/kling-video -> fields that it needs, fields that it may have."""
for _tier in ("standard", "pro", "4k"):
    ENDPOINTS |= {
        f"v3/{_tier}/text-to-video": (
            {},
            {**_MULTI, "generate_audio": flag, "shot_type": choice("customize", "intelligent"),
             "aspect_ratio": _SHAPE, "negative_prompt": text(2500), "cfg_scale": number(0, 1)},
        ),
        f"v3/{_tier}/image-to-video": (
            {"start_image_url": address},
            {**_MULTI, "end_image_url": address, "generate_audio": flag, "elements": _ELEMENTS,
             "shot_type": choice("customize", "intelligent"), "negative_prompt": text(2500),
             "cfg_scale": number(0, 1)},
        ),
        f"o3/{_tier}/text-to-video": (
            {},
            {**_MULTI, "generate_audio": flag, "shot_type": choice("customize"),
             "aspect_ratio": _SHAPE},
        ),
        f"o3/{_tier}/image-to-video": (
            {"image_url": address},
            {**_MULTI, "end_image_url": address, "generate_audio": flag,
             "shot_type": choice("customize")},
        ),
        f"o3/{_tier}/reference-to-video": (
            {},
            {**_MULTI, "start_image_url": address, "end_image_url": address,
             "image_urls": many(address, 1, 7), "elements": _ELEMENTS, "generate_audio": flag,
             "shot_type": choice("customize"), "aspect_ratio": _SHAPE},
        ),
    }  # fmt: skip
for _tier in ("standard", "pro"):
    ENDPOINTS |= {
        f"v3/{_tier}/motion-control": (_MOTION[0], {**_MOTION[1], "elements": _ELEMENTS}),
        f"v2.6/{_tier}/motion-control": _MOTION,
        f"v3/turbo/{_tier}/text-to-video": ({}, {**_MULTI, "aspect_ratio": _SHAPE}),
        f"v3/turbo/{_tier}/image-to-video": ({"image_url": address}, _MULTI),
        f"o3/{_tier}/video-to-video/edit": (
            {"video_url": address, "prompt": _PROMPT}, {**_EDIT, "shot_type": choice("customize")},
        ),
        f"o3/{_tier}/video-to-video/reference": (
            {"video_url": address, "prompt": _PROMPT},
            {**_EDIT, "shot_type": choice("customize"), "duration": seconds(3, 15),
             "aspect_ratio": _SHAPE},
        ),
        f"v1.6/{_tier}/text-to-video": ({"prompt": _PROMPT}, {**_OLD, "aspect_ratio": _SHAPE}),
        f"v1.6/{_tier}/elements": (
            {"prompt": _PROMPT, "input_image_urls": many(address, 1, 4)},
            {"aspect_ratio": _SHAPE, "duration": _5_10, "negative_prompt": text(2500)},
        ),
        f"ai-avatar/v2/{_tier}": (
            {"image_url": address, "audio_url": address}, {"prompt": text(2500)},
        ),
    }  # fmt: skip
for _path in ("o1/", "o1/standard/"):
    ENDPOINTS |= {
        f"{_path}image-to-video": (
            {"prompt": _PROMPT, "start_image_url": address},
            {"end_image_url": address, "duration": seconds(3, 10)},
        ),
        f"{_path}reference-to-video": (
            {"prompt": _PROMPT},
            {"image_urls": many(address, 1, 7), "elements": _ELEMENTS, "aspect_ratio": _SHAPE,
             "duration": seconds(3, 10)},
        ),
        f"{_path}video-to-video/edit": ({"video_url": address, "prompt": _PROMPT}, _EDIT),
        f"{_path}video-to-video/reference": (
            {"video_url": address, "prompt": _PROMPT},
            {**_EDIT, "duration": seconds(3, 10), "aspect_ratio": _SHAPE},
        ),
    }  # fmt: skip
for _path in ("v2.5-turbo/pro", "v2.1/master", "v2/master"):
    ENDPOINTS[f"{_path}/text-to-video"] = ({"prompt": _PROMPT}, {**_OLD, "aspect_ratio": _SHAPE})
for _path in ("v2.5-turbo/pro", "v2.1/pro", "v1.6/pro"):
    ENDPOINTS[f"{_path}/image-to-video"] = (
        {"prompt": _PROMPT, "image_url": address}, {**_OLD, "tail_image_url": address},
    )  # fmt: skip
ENDPOINTS["v1.6/pro/image-to-video"][1]["aspect_ratio"] = _SHAPE
for _path in (
    "v2.5-turbo/standard", "v2.1/standard", "v2.1/master", "v2/master", "v1.6/standard",
):  # fmt: skip
    ENDPOINTS[f"{_path}/image-to-video"] = ({"prompt": _PROMPT, "image_url": address}, _OLD)
ENDPOINTS |= {
    "v2.6/pro/image-to-video": (
        {"prompt": _PROMPT, "start_image_url": address},
        {"end_image_url": address, "duration": _5_10, "generate_audio": flag,
         "negative_prompt": text(2500), "voice_ids": many(text(), 1, 2)},
    ),
    "v2.6/pro/text-to-video": (
        {"prompt": _PROMPT}, {**_OLD, "aspect_ratio": _SHAPE, "generate_audio": flag},
    ),
    "lipsync/audio-to-video": ({"video_url": address, "audio_url": address}, {}),
}  # fmt: skip
_DURATION = 5.0


class Fal(Platform):
    name = "fal"

    def __init__(self, folder: Path, *, result_life_s: float = 3600.0, **rest: Any) -> None:
        super().__init__(folder, **rest)
        self.result_life_s = result_life_s
        self.lists_unfinished = False
        self.files: dict[str, Path] = {}
        """Uploads by address; each upload has one of its own."""
        self.pending: dict[str, str] = {}

    # -- submit, status, result, cancel --------------------------------------------------------

    @route("POST", "/fal-ai/kling-video/{path+}", stage="submit")
    def submit(self, call: Call, path: str) -> Reply:
        self._let_in(call)
        if path not in ENDPOINTS:
            raise RefusedError(Reply(404, {"detail": f"Path /{path} not found"}))
        body = call.json
        wrong = self._wrong(path, body)
        if call.policy and wrong is None:
            wrong = _detail("prompt", "The content was flagged", "content_policy_violation")
        job = self.make_job(
            body,
            clip=None if wrong else self._recipe(path, body),
            id_=str(uuid.uuid4()),
            fails=json.dumps(wrong) if wrong else "",
            model=f"fal-ai/kling-video/{path}",
        )
        return Reply(200, {"status": "IN_QUEUE", "queue_position": 0, **self._names(job)})

    @route("GET", "/fal-ai/kling-video/requests/{id_}/status", stage="poll")
    def status(self, call: Call, id_: str) -> Reply:
        job = self._job(call, id_)
        logs: Any = [] if call.query.get("logs") else None
        match job.state(self.now()):
            case "queued":
                return Reply(202, {"status": "IN_QUEUE", "queue_position": 1, **self._names(job)})
            case "running":
                return Reply(202, {"status": "IN_PROGRESS", "logs": logs, **self._names(job)})
            case state:
                done = {"status": "COMPLETED", "logs": logs, "metrics": {"inference_time": 1.5}}
                if state == "failed" and job.fails:
                    first = json.loads(job.fails)["detail"][0]
                    done |= {"error": first["msg"], "error_type": first["type"]}
                return Reply(200, done | self._names(job))

    @route("GET", "/fal-ai/kling-video/requests/{id_}", stage="poll")
    def result_of(self, call: Call, id_: str) -> Reply:
        job = self._job(call, id_)
        state = job.state(self.now())
        if state in ("queued", "running"):
            return Reply(400, {"detail": "Request is still in progress"})
        if self.now() > job.done_s + self.result_life_s:
            return Reply(404, {"detail": "Request not found"})
        if state == "failed":
            wrong = json.loads(job.fails) if job.fails else {"detail": "cancelled"}
            if "runner_" in job.fails:
                return Reply(503, wrong, {"X-Fal-Error-Type": "runner_disconnected"})
            return Reply(422, wrong, {"X-Fal-Retryable": "false"})
        return Reply(200, self._output(job))

    @route("PUT", "/fal-ai/kling-video/requests/{id_}/cancel")
    def cancel(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        job = self.jobs.get(id_)
        if job is None:
            return Reply(404, {"status": "NOT_FOUND"})
        if job.state(self.now()) in ("done", "failed"):
            return Reply(400, {"status": "ALREADY_COMPLETED"})
        job.cancelled = True
        return Reply(202, {"status": "CANCELLATION_REQUESTED"})

    @route("GET", "/v1/models/requests/by-endpoint", stage="find")
    def listed(self, call: Call) -> Reply:
        self._let_in(call)
        if not call.query.get("endpoint_id"):
            return Reply(400, {"error": {"type": "validation_error", "message": "endpoint_id"}})
        limit = int(call.query.get("limit", "50"))
        if not 1 <= limit <= 100:
            return Reply(400, {"error": {"type": "validation_error", "message": "limit"}})
        start = _moment(call.query.get("start"), self._wall() - 86400)
        end = _moment(call.query.get("end"), self._wall() + 1)
        found = [
            job
            for job in reversed(self.jobs.values())
            if job.facts["model"] == call.query["endpoint_id"] and start <= job.wall_s <= end
            and (self.lists_unfinished or job.state(self.now()) in ("done", "failed"))
        ]  # fmt: skip
        begin = int(call.query.get("cursor") or 0)
        page = [self._item(job, call.query.get("expand")) for job in found[begin : begin + limit]]
        more = begin + limit < len(found)
        cursor = str(begin + limit) if more else None
        return Reply(200, {"items": page, "next_cursor": cursor, "has_more": more})

    # -- uploads -------------------------------------------------------------------------------

    @route("POST", "/storage/upload/initiate", stage="upload")
    def initiate(self, call: Call) -> Reply:
        self._let_in(call)
        wanted = call.json
        if call.query.get("storage_type") not in ("gcs", "fal-cdn-v3"):
            return Reply(422, _detail("storage_type", "Input should be valid", "enum"))
        if wrong := flaws(wanted, {"file_name": text(), "content_type": text()}, {}):
            return Reply(422, _detail(wrong[0].loc, wrong[0].says, wrong[0].kind))
        token = uuid.uuid4().hex
        url = f"{self.url}/files/b/{token}/{wanted['file_name']}"
        self.pending[token] = url
        return Reply(200, {"upload_url": f"{self.url}/upload/{token}", "file_url": url})

    @route("PUT", "/upload/{token}", stage="upload")
    def put(self, call: Call, token: str) -> Reply:
        if "authorization" in call.headers:
            return Reply(400, {"error": "a key was sent where none belongs"})
        if token not in self.pending:
            return Reply(403, b"<Error/>", {"Content-Type": "text/xml"})
        url = self.pending[token]
        self.files[url] = self.keep(call.body, Path(url).suffix)
        return Reply(200, b"")

    @route("POST", "/storage/auth/token", stage="upload")
    def token(self, call: Call) -> Reply:
        self._let_in(call)
        return Reply(
            200,
            {"token": "cdn-token", "token_type": "Bearer", "base_url": self.url,
             "expires_at": "2099-01-01T00:00:00+00:00"},
        )  # fmt: skip

    @route("POST", "/files/upload", stage="upload")
    def upload(self, call: Call) -> Reply:
        if call.bearer != "cdn-token":
            return Reply(401, {"detail": "Unauthorized"})
        name = call.headers.get("x-fal-file-name", "file.bin")
        url = f"{self.url}/files/b/{uuid.uuid4().hex}/{name}"
        self.files[url] = self.keep(call.body, Path(name).suffix)
        return Reply(200, {"access_url": url})

    # -- inside --------------------------------------------------------------------------------

    def refusal(self, fault: Fault) -> Reply:
        if fault == "throttle":
            return Reply(429, {"detail": "Too many requests"}, {"Retry-After": "0"})
        if fault == "balance":
            return Reply(403, {"detail": "User is locked. Reason: Exhausted balance."})
        return Reply(
            503,
            {"detail": "Runner disconnected", "error_type": "runner_disconnected"},
            {"X-Fal-Error-Type": "runner_disconnected"},
        )

    def _let_in(self, call: Call) -> None:
        if call.headers.get("authorization") != f"Key {self.key}":
            raise RefusedError(Reply(401, {"detail": "Authentication is required"}))

    def _job(self, call: Call, id_: str) -> Job:
        self._let_in(call)
        if id_ not in self.jobs:
            raise RefusedError(Reply(404, {"detail": "Request not found"}))
        return self.jobs[id_]

    def _names(self, job: Job) -> dict[str, str]:
        at = f"{self.url}/fal-ai/kling-video/requests/{job.id}"
        return {
            "request_id": job.id, "response_url": at, "status_url": f"{at}/status",
            "cancel_url": f"{at}/cancel",
        }  # fmt: skip

    def _output(self, job: Job) -> dict[str, Any]:
        return {
            "video": {"url": self.address(job), "content_type": "video/mp4",
                      "file_name": "out.mp4", "file_size": self.clip(job).stat().st_size},
        }  # fmt: skip

    def _item(self, job: Job, expand: str | None) -> dict[str, Any]:
        ended = job.state(self.now())
        item: dict[str, Any] = {
            "request_id": job.id, "endpoint_id": job.facts["model"], "sent_at": _iso(job.wall_s),
            "started_at": _iso(job.wall_s), "ended_at": None, "status_code": None, "duration": 1.5,
        }  # fmt: skip
        if ended in ("done", "failed"):
            item |= {"ended_at": _iso(job.wall_s), "status_code": 200 if ended == "done" else 422}
        if expand == "payloads":
            item["json_input"] = job.body
            item["json_output"] = self._output(job) if ended == "done" else None
        return item

    def _wrong(self, path: str, body: Any) -> dict[str, Any] | None:
        needed, may = ENDPOINTS[path]
        if not isinstance(body, dict):
            return _detail("", "Input should be an object", "dict_type")
        for flaw in flaws(body, needed, may):
            return _detail(flaw.loc, flaw.says, flaw.kind)
        if "multi_prompt" in may and ("prompt" in body) == ("multi_prompt" in body):
            return _detail("prompt", "Either prompt or multi_prompt, not both", "one_of")
        shots = body.get("multi_prompt", [])
        if shots and sum(int(shot["duration"]) for shot in shots) != int(body.get("duration", 5)):
            return _detail("multi_prompt", "Durations must add up to duration", "value_error")
        if "end_image_url" in body and path.startswith("o3") and "reference" in path \
                and "start_image_url" not in body:  # fmt: skip
            return _detail("end_image_url", "Needs start_image_url", "value_error")
        return self._wrong_files(path, body)

    def _wrong_files(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        for name, value in body.items():
            for url in value if name.endswith("_urls") else [value]:
                if not name.endswith(("_url", "_urls")):
                    continue
                file = self.files.get(url)
                if file is None:
                    return _detail(name, "Failed to download the file", "file_download_error")
                if file.suffix not in (".png", ".jpg", ".jpeg"):
                    continue
                height, width = read_image(file).shape[:2]
                if min(width, height) < 300:
                    return _detail(name, "The image is too small", "image_too_small")
                if not 0.4 <= width / height <= 2.5:
                    return _detail(name, "The aspect ratio is out of range", "value_error")
                if file.stat().st_size > 10_000_000 and "turbo" not in path:
                    return _detail(name, "The file is too large", "file_too_large")
        return None

    def _recipe(self, path: str, body: dict[str, Any]) -> Any:
        start = self.files.get(body.get("start_image_url") or body.get("image_url") or "")
        end = self.files.get(body.get("end_image_url") or body.get("tail_image_url") or "")
        speech = self.files.get(body.get("audio_url") or "")
        video = self.files.get(body.get("video_url") or "")
        length = float(body.get("duration", _DURATION))
        if video or speech:
            info = probe(video or speech or Path())
            streams = [info.video] if video else list(info.audio)
            length = float(streams[0].duration_s) if streams and streams[0] else length
        talking = path.startswith("ai-avatar")
        return self.recipe(
            body.get("prompt") or "", length,
            start=None if talking else start, end=end,
            shots=tuple((s["prompt"], int(s["duration"])) for s in body.get("multi_prompt", [])),
            audio=bool(body.get("generate_audio", True)),
            size=_SIZES[body.get("aspect_ratio", "16:9")],
            portrait=start if talking else None, speech=speech, video=video,
        )  # fmt: skip

    def _wall(self) -> float:
        return datetime.now(UTC).timestamp()


_SIZES = {"16:9": (544, 306), "9:16": (306, 544), "1:1": (320, 320)}


def _detail(name: str, says: str, kind: str) -> dict[str, Any]:
    place = ["body", name] if name else ["body"]
    return {"detail": [{"loc": place, "msg": says, "type": kind, "input": None}]}


def _iso(seconds_: float) -> str:
    return datetime.fromtimestamp(seconds_, UTC).isoformat()


def _moment(text_: str | None, default: float) -> float:
    return datetime.fromisoformat(text_).timestamp() if text_ else default
