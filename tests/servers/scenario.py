"""
Scenario on loopback: custom generations, jobs, assets and uploads.

Confirmed by Scenario's own SDK and its reference of Kuaishou's models (2026-07-01): Basic auth,
paths, camelCase, the job with its statuses, `metadata.input`, the list of jobs with its traps
(`createdAfter` only without status and type, 1 to 100 a page, short and empty pages before the
last), both uploads, HTTP 269 for `dryRun`, and the inputs of every model. Not confirmed: the outer
form of errors (`{"error": {…}}`), the limits of a team, how long signed addresses live, that cancel
is refused for custom jobs (it is, here), that files must be assets of the account.
"""

from __future__ import annotations

import base64
import binascii
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
    choice,
    flag,
    flaws,
    many,
    number,
    record,
    seconds,
    text,
    whole,
)

Rules = dict[str, Rule]


def asset(value: Any) -> str:
    fine = isinstance(value, str) and value.startswith("asset_")
    return "" if fine else "must be an asset id"


_SHAPE = choice("16:9", "9:16", "1:1")
_5_10 = choice("5", "10")
_NUMBER = choice(5, 10)
_P: Rules = {"prompt": text(2500, 1)}
_CFG: Rules = {"cfgScale": number(0, 1), "negativePrompt": text(2500)}
_ELEMENTS = many(
    record({}, {"frontalImage": asset, "referenceImages": many(asset, 1, 3), "video": asset}), 1, 7
)
_V3: Rules = {
    "prompt": text(2500, 1), "duration": seconds(3, 15), "generateAudio": flag, **_CFG,
    "multiPrompt": many(record({"prompt": text(), "duration": seconds(1, 15)}), 1, 6),
}  # fmt: skip
_TYPE = {"shotType": choice("customize", "intelligent")}
_MOVED: tuple[Rules, Rules] = (
    {"image": asset, "video": asset},
    {"prompt": text(2500), "characterOrientation": choice("image", "video"),
     "keepOriginalSound": flag},
)  # fmt: skip
MODELS: dict[str, tuple[Rules, Rules]] = {
    "model_kling-video-ai-avatar-v2-pro": ({"image": asset, "audio": asset}, {"text": text()}),
    "model_kling-lip-sync": (
        {"videoUrl": asset},
        {"audioFile": asset, "text": text(), "voiceId": text(), "voiceSpeed": number(0.8, 2)},
    ),
    "model_kling-o1-r2v": (
        _P,
        {"images": many(asset, 1, 7), "duration": seconds(3, 10), "aspectRatio": _SHAPE,
         "elements": _ELEMENTS},
    ),
    "model_kling-o1-video-edit": (
        {**_P, "video": asset},
        {"images": many(asset, 1, 4), "keepAudio": flag, "elements": _ELEMENTS},
    ),
    "model_kling-o1-i2v": ({**_P, "image": asset}, {"lastFrameImage": asset, "duration": _5_10}),
    "model_kling-v1-6-standard": (
        _P,
        {"startImage": asset, "referenceImages": many(asset, 1, 4), "aspectRatio": _SHAPE,
         "duration": _NUMBER, **_CFG},
    ),
    "model_kling-v1-6-pro": (
        _P,
        {"startImage": asset, "endImage": asset, "referenceImages": many(asset, 1, 4),
         "aspectRatio": _SHAPE, "duration": _NUMBER, **_CFG},
    ),
    "model_kling-v2-1-master": (
        _P,
        {"startImage": asset, "negativePrompt": text(), "aspectRatio": _SHAPE,
         "duration": _NUMBER},
    ),
    "model_kling-v2-1-pro": (
        {**_P, "startImage": asset}, {"endImage": asset, "duration": _5_10, **_CFG},
    ),
    "model_kling-v2-5-i2v-turbo-pro": (
        {**_P, "imageUrl": asset}, {"lastFrame": asset, "duration": _5_10, **_CFG},
    ),
    "model_kling-v2-5-i2v-turbo-standard": (
        {**_P, "image": asset}, {"duration": _5_10, **_CFG},
    ),
    "model_kling-v2-5-t2v-turbo-pro": (
        _P, {"duration": _5_10, "aspectRatio": _SHAPE, "negativePrompt": text()},
    ),
    "model_kling-v2-6-i2v-pro": (
        {**_P, "image": asset},
        {"lastFrameImage": asset, "generateAudio": flag, "duration": _5_10,
         "negativePrompt": text()},
    ),
    "model_kling-v2-6-motion-control": (_MOVED[0], {**_MOVED[1], "mode": choice("pro", "std")}),
    "model_kling-v2-6-t2v-pro": (
        _P, {"generateAudio": flag, "duration": _5_10, "aspectRatio": _SHAPE, **_CFG},
    ),
    "model_kling-v3-i2v-4k": (
        {"startImage": asset}, {**_V3, **_TYPE, "endImage": asset, "elements": _ELEMENTS},
    ),
    "model_kling-v3-omni-video": (
        _P,
        {"startImage": asset, "endImage": asset, "referenceImages": many(asset, 1, 7),
         "referenceVideo": asset, "videoReferenceType": choice("feature", "base"),
         "keepOriginalSound": flag, "generateAudio": flag, "mode": choice("standard", "pro", "4k"),
         "aspectRatio": _SHAPE, "duration": whole(3, 15), "multiPrompt": text()},
    ),
}  # fmt: skip
"""Model -> inputs that it needs, inputs that it may have."""
for _tier in ("standard", "pro", "4k"):
    MODELS[f"model_kling-v3-t2v-{_tier}"] = ({}, {**_V3, **_TYPE, "aspectRatio": _SHAPE})
for _tier in ("standard", "pro"):
    MODELS[f"model_kling-v3-i2v-{_tier}"] = (
        {"startImage": asset},
        {**_V3, "endImage": asset, "elements": _ELEMENTS, "aspectRatio": _SHAPE},
    )
    MODELS[f"model_kling-v3-{_tier}-motion-control"] = (
        _MOVED[0], {**_MOVED[1], "elements": _ELEMENTS},
    )  # fmt: skip
_STATUSES = {"queued": "queued", "running": "in-progress", "done": "success", "failed": "failure"}
_STARTS = ("startImage", "image", "imageUrl")
_ENDS = ("endImage", "lastFrame", "lastFrameImage")


class Scenario(Platform):
    name = "scenario"
    secret = "test-secret-987654"

    def __init__(self, folder: Path, **rest: Any) -> None:
        super().__init__(folder, **rest)
        self.files: dict[str, Path] = {}
        """Assets by id."""
        self.uploads: dict[str, dict[str, Any]] = {}
        self.page_gaps = False
        """Whether an empty page comes before each that holds something."""

    # -- generations and jobs ------------------------------------------------------------------

    @route("POST", "/generate/custom/{model}", stage="submit")
    def generate(self, call: Call, model: str) -> Reply:
        self._let_in(call)
        if model not in MODELS:
            return _error(404, "Model not found")
        body = call.json
        if wrong := self._wrong(model, body):
            return _error(400, wrong)
        if call.query.get("dryRun"):
            return Reply(269, {"creativeUnitsCost": 120})
        if self.full("custom"):
            raise RefusedError(self.refusal("throttle"))
        job = self.make_job(
            body, clip=self._recipe(model, body), id_=f"job_{uuid.uuid4().hex[:20]}",
            fails="The provider rejected the input: moderation" if call.policy else "",
            model="custom", model_id=model,
        )  # fmt: skip
        return Reply(200, {"job": self._job(job), "creativeUnitsCost": 120})

    @route("GET", "/jobs/{id_}", stage="poll")
    def job(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        if id_ not in self.jobs:
            return _error(404, "Job not found")
        return Reply(200, {"job": self._job(self.jobs[id_])})

    @route("GET", "/jobs", stage="find")
    def listed(self, call: Call) -> Reply:
        self._let_in(call)
        typed = {"status", "type", "types", "workflowId"} & call.query.keys()
        if (typed and "createdAfter" in call.query) or (not typed and "updatedAfter" in call.query):
            return _error(400, "this date isn't allowed with these filters")
        size = int(call.query.get("pageSize", "50"))
        if not 1 <= size <= 100:
            return _error(400, "pageSize must be between 1 and 100")
        after = call.query.get("createdAfter")
        since = datetime.fromisoformat(after).timestamp() if after else 0.0
        found = [job for job in reversed(self.jobs.values()) if job.wall_s > since]
        if self.page_gaps and "paginationToken" not in call.query:
            return Reply(200, {"jobs": [], "nextPaginationToken": "0"})
        begin = int(call.query.get("paginationToken", "0"))
        answer: dict[str, Any] = {"jobs": [self._job(job) for job in found[begin : begin + size]]}
        if begin + size < len(found):
            answer["nextPaginationToken"] = str(begin + size)
        return Reply(200, answer)

    @route("POST", "/jobs/{id_}/action")
    def action(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        if id_ not in self.jobs:
            return _error(404, "Job not found")
        return _error(400, "this job can't be cancelled")

    # -- assets and uploads --------------------------------------------------------------------

    @route("POST", "/assets", stage="upload")
    def create_asset(self, call: Call) -> Reply:
        self._let_in(call)
        body = call.json
        for flaw in flaws(body, {"name": text(None, 1), "image": text()}, {"hide": flag}):
            return _error(400, f"{flaw.loc}: {flaw.says}")
        try:
            content = base64.b64decode(body["image"], validate=True)
        except binascii.Error:
            return _error(400, "image is no Base64")
        id_ = self._asset(content, Path(body["name"]).suffix)
        return Reply(200, {"asset": {"id": id_, "kind": "image", "mimeType": "image/png"}})

    @route("GET", "/assets/{id_}", stage="poll")
    def get_asset(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        for job in self.jobs.values():
            if f"asset_of_{job.id}" == id_ and job.state(self.now()) == "done":
                made = {"id": id_, "mimeType": "video/mp4", "url": self.address(job)}
                return Reply(200, {"asset": made})
        return _error(404, "Asset not found")

    @route("POST", "/uploads", stage="upload")
    def create_upload(self, call: Call) -> Reply:
        self._let_in(call)
        wanted = call.json
        rules: Rules = {
            "fileName": text(None, 1), "fileSize": whole(1, 2**40), "contentType": text(),
            "kind": choice("3d", "asset", "audio", "avatar", "image", "model", "text", "video"),
            "parts": whole(1, 1),
        }  # fmt: skip
        for flaw in flaws(wanted, rules, {}):
            return _error(400, f"{flaw.loc}: {flaw.says}")
        id_ = f"upload_{uuid.uuid4().hex[:12]}"
        part = {"number": 1, "url": f"{self.url}/parts/{id_}", "expires": _iso(0.0)}
        self.uploads[id_] = {**wanted, "id": id_, "status": "pending", "parts": [part], "looks": 0}
        return Reply(200, {"upload": self.uploads[id_]})

    @route("PUT", "/parts/{id_}", stage="upload")
    def put_part(self, call: Call, id_: str) -> Reply:
        if "authorization" in call.headers:
            return Reply(400, b"")
        upload = self.uploads[id_]
        if len(call.body) != upload["fileSize"]:
            return Reply(400, b"")
        upload["content"] = self.keep(call.body, Path(upload["fileName"]).suffix)
        return Reply(200, b"", {"ETag": '"1"'})

    @route("POST", "/uploads/{id_}/action", stage="upload")
    def complete(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        if call.json != {"action": "complete"} or "content" not in self.uploads[id_]:
            return _error(400, "the upload isn't complete")
        self.uploads[id_]["status"] = "validating"
        return self.get_upload(call, id_)

    @route("GET", "/uploads/{id_}", stage="upload")
    def get_upload(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        upload = self.uploads[id_]
        upload["looks"] += 1
        if upload["status"] == "validating" and upload["looks"] > 1:
            path = upload["content"]
            upload |= {
                "status": "imported",
                "entityId": self._asset(path.read_bytes(), path.suffix),
            }
        shown = {name: v for name, v in upload.items() if name not in ("content", "looks")}
        return Reply(200, {"upload": shown})

    # -- inside --------------------------------------------------------------------------------

    def refusal(self, fault: Fault) -> Reply:
        if fault == "throttle":
            details = {"actionName": "parallelCustomJobs", "actionLimit": 4, "remainingSeconds": 0}
            return Reply(429, {"error": {"code": "LimitReached", "details": details}})
        if fault == "balance":
            return _error(403, "Not enough creative units: top up your credits")
        return _error(503, "Service unavailable")

    def malformed(self, why: str) -> Reply:
        return _error(400, why)

    def _let_in(self, call: Call) -> None:
        both = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        if call.headers.get("authorization") != f"Basic {both}":
            raise RefusedError(_error(401, "Unauthorized"))

    def _asset(self, content: bytes, suffix: str) -> str:
        id_ = f"asset_{uuid.uuid4().hex[:20]}"
        self.files[id_] = self.keep(content, suffix)
        return id_

    def _job(self, job: Job) -> dict[str, Any]:
        state = job.state(self.now())
        metadata: dict[str, Any] = {
            "assetIds": [f"asset_of_{job.id}"] if state == "done" else [],
            "input": {**job.body, "modelId": job.facts["model_id"]},
        }
        if state == "failed":
            metadata |= {"error": job.fails, "hint": "Change the prompt"}
        made = _iso(job.wall_s)
        return {
            "jobId": job.id, "jobType": "custom", "status": _STATUSES[state],
            "progress": {"queued": 0, "running": 0.4}.get(state, 1), "metadata": metadata,
            "statusHistory": [{"status": "queued", "date": made}], "createdAt": made,
            "updatedAt": made, "authorId": "u1", "ownerId": "p1",
            "billing": {"cuCost": 120, "cuDiscount": 0},
        }  # fmt: skip

    def _wrong(self, model: str, body: Any) -> str:
        needed, may = MODELS[model]
        if not isinstance(body, dict):
            return "the body must be an object"
        for flaw in flaws(body, needed, may):
            return f"{flaw.loc}: {flaw.says}"
        if "multiPrompt" in may and "prompt" not in needed:
            if ("prompt" in body) == ("multiPrompt" in body):
                return "either prompt or multiPrompt"
            shots = body.get("multiPrompt", [])
            if shots and sum(int(shot["duration"]) for shot in shots) != int(body["duration"]):
                return "multiPrompt must add up to duration"
        if model == "model_kling-v3-omni-video" and (wrong := _wrong_omni(body)):
            return wrong
        if body.get("generateAudio") and ("lastFrameImage" in body or "referenceVideo" in body):
            return "generateAudio isn't supported here"
        for name, value in body.items():
            for id_ in value if isinstance(value, list) else [value]:
                if wrong := self._wrong_file(name, id_):
                    return wrong
        return ""

    def _wrong_file(self, name: str, id_: Any) -> str:
        if not isinstance(id_, str) or not id_.startswith("asset_"):
            return ""
        path = self.files.get(id_)
        if path is None:
            return f"{name}: asset not found"
        if path.suffix in (".png", ".jpg"):
            height, width = read_image(path).shape[:2]
            if min(width, height) < 300 or path.stat().st_size > 10_000_000:
                return f"{name}: the image is out of range"
        return ""

    def _recipe(self, model: str, body: dict[str, Any]) -> Any:
        start = next((self.files[body[name]] for name in _STARTS if name in body), None)
        end = next((self.files[body[name]] for name in _ENDS if name in body), None)
        speech = self.files.get(body.get("audio") or body.get("audioFile") or "")
        video = self.files.get(
            body.get("video") or body.get("videoUrl") or body.get("referenceVideo") or ""
        )
        length = float(body.get("duration", 5))
        if video or speech:
            info = probe(video or speech or Path())
            streams = [info.video] if video else list(info.audio)
            length = float(streams[0].duration_s) if streams and streams[0] else length
        parts = body.get("multiPrompt", [])
        parts = json.loads(parts) if isinstance(parts, str) else parts
        talking = "avatar" in model
        return self.recipe(
            body.get("prompt", ""), length, start=None if talking else start, end=end,
            shots=tuple((shot["prompt"], float(shot["duration"])) for shot in parts),
            audio=bool(body.get("generateAudio", True)), size=(544, 306),
            portrait=start if talking else None, speech=speech, video=video,
        )  # fmt: skip


def _wrong_omni(body: dict[str, Any]) -> str:
    if "endImage" in body and "startImage" not in body:
        return "endImage needs startImage"
    if "referenceVideo" in body:
        if body.get("mode") == "4k":
            return "referenceVideo isn't supported with 4k"
        if len(body.get("referenceImages", ())) > 4:
            return "referenceImages: at most 4 beside a video"
    if "multiPrompt" in body:
        try:
            shots = json.loads(body["multiPrompt"])
            total = sum(shot["duration"] for shot in shots)
        except (ValueError, KeyError, TypeError):
            return "multiPrompt must be a JSON array of shots"
        if not 1 <= len(shots) <= 6 or total != body.get("duration", 5):
            return "multiPrompt must add up to duration"
    return ""


def _error(status: int, says: str) -> Reply:
    return Reply(status, {"error": {"code": str(status), "message": says}})


def _iso(seconds_: float) -> str:
    return datetime.fromtimestamp(seconds_, UTC).isoformat()
