"""
kie.ai on loopback: jobs, the store for uploads, fresh links; both hosts at one address.

Confirmed by its documentation: paths of submit, recordInfo, uploads and download-url, the envelope
with `code` (which counts before the status), the states, JSON in text for request and result, the
codes, 20 submissions in 10 s, uploads that a second one of the same name overwrites, fields of the
models of sheet [docs]. From several third parties that agree: fields of motion control
(`input_urls`, `video_urls`, mode 720p or 1080p) and of omni reference and transformation, at most
500 characters for a shot. Not confirmed: texts of errors, failCode, how long links live, the form
of download-url's answer (the address as `data`).
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from pathlib import Path
from typing import Any

from assembler.media.probe import probe
from assembler.media.stills import read_image
from tests.servers.forms import form
from tests.servers.kit import Call, Fault, Platform, RefusedError, Reply, route
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
    whole,
)

Rules = dict[str, Rule]


_PROMPT = text(2500, 1)
_SHAPE = choice("16:9", "9:16", "1:1")
_PICTURES = ("image/jpeg", "image/png")
_5_10 = choice("5", "10")
_ELEMENTS = many(
    record(
        {"name": text(), "description": text()},
        {"element_input_urls": many(address, 2, 4),
         "element_input_video_urls": many(address, 1, 1)},
    ), 1, 3,
)  # fmt: skip
_OMNI: Rules = {
    "resolution": choice("720p", "1080p", "4k"), "duration": whole(3, 15), "audio": flag,
    "customize_multi_shots": flag, "prefer_multi_shots": flag, "elements": _ELEMENTS,
    "multi_prompt": many(record({"prompt": text(), "duration": whole(1, 15)}), 1, 6),
    "aspect_ratio": choice("16:9", "9:16", "1:1", "auto"),
}  # fmt: skip
_OLD: Rules = {"duration": _5_10, "negative_prompt": text(2500), "cfg_scale": number(0, 1)}
_MOTION: tuple[Rules, Rules] = (
    {"input_urls": many(address, 1, 1), "video_urls": many(address, 1, 1)},
    {"prompt": text(2500), "character_orientation": choice("image", "video"),
     "mode": choice("720p", "1080p")},
)  # fmt: skip
_AVATAR: tuple[Rules, Rules] = (
    {"image_url": address, "audio_url": address},
    {"prompt": text(2500)},
)
MODELS: dict[str, tuple[Rules, Rules]] = {
    "kling-3.0/video": (
        {},
        {"prompt": text(2500), "image_urls": many(address, 1, 2), "duration": seconds(3, 15),
         "aspect_ratio": _SHAPE, "mode": choice("std", "pro", "4K"), "sound": flag,
         "multi_shots": flag, "kling_elements": _ELEMENTS,
         "multi_prompt": many(record({"prompt": text(500), "duration": whole(1, 12)}), 1, 5)},
    ),
    "kling-3.0-omni/text-to-video": ({"prompt": text(3072, 1)}, _OMNI),
    "kling-3.0-omni/image-to-video": (
        {"prompt": text(3072, 1), "image_urls": many(address, 1, 2)},
        {**_OMNI, "aspect_ratio": choice("auto")},
    ),
    "kling-3.0-omni/reference-to-video": (
        {"prompt": text(3072, 1), "image_urls": many(address, 1, 7)},
        {**_OMNI, "video_urls": many(address, 1, 1)},
    ),
    "kling-3.0-omni/transformation": (
        {"prompt": text(3072, 1), "video_urls": many(address, 1, 1)},
        {"image_urls": many(address, 1, 4), "resolution": choice("720p", "1080p", "4k"),
         "aspect_ratio": choice("16:9", "9:16", "1:1", "auto")},
    ),
    "kling/v3-turbo-text-to-video": (
        {"prompt": _PROMPT},
        {"duration": seconds(3, 15), "resolution": choice("720p", "1080p"), "aspect_ratio": _SHAPE},
    ),
    "kling/v3-turbo-image-to-video": (
        {"image_urls": many(address, 1, 1)},
        {"prompt": text(2500), "duration": seconds(3, 15), "resolution": choice("720p", "1080p")},
    ),
    "kling-3.0/motion-control": _MOTION,
    "kling-2.6/motion-control": _MOTION,
    "kling-2.6/text-to-video": (
        {"prompt": text(1000, 1)}, {"aspect_ratio": _SHAPE, "duration": _5_10, "sound": flag},
    ),
    "kling-2.6/image-to-video": (
        {"prompt": text(1000, 1), "image_urls": many(address, 1, 1)},
        {"duration": _5_10, "sound": flag},
    ),
    "kling/v2-5-turbo-image-to-video-pro": (
        {"prompt": _PROMPT, "image_url": address}, {**_OLD, "tail_image_url": address},
    ),
    "kling/v2-5-turbo-text-to-video-pro": ({"prompt": _PROMPT}, {**_OLD, "aspect_ratio": _SHAPE}),
    "kling/v2-1-pro": (
        {"prompt": _PROMPT, "image_url": address}, {**_OLD, "tail_image_url": address},
    ),
    "kling/v2-1-standard": ({"prompt": _PROMPT, "image_url": address}, _OLD),
    "kling/v2-1-master-image-to-video": ({"prompt": _PROMPT, "image_url": address}, _OLD),
    "kling/v2-1-master-text-to-video": ({"prompt": _PROMPT}, {**_OLD, "aspect_ratio": _SHAPE}),
    "kling/ai-avatar-standard": _AVATAR,
    "kling/ai-avatar-pro": _AVATAR,
}  # fmt: skip
"""Model -> fields of its input that it needs, fields that it may have."""
_BURST, _BURST_S = 20, 10.0
_FRAMES = ("image_urls", "image_url", "input_urls")
_STATES = {"queued": "queuing", "running": "generating", "done": "success", "failed": "fail"}


class Kie(Platform):
    name = "kie"

    def __init__(self, folder: Path, **rest: Any) -> None:
        super().__init__(folder, **rest)
        self.files: dict[str, Path] = {}
        self.recent: deque[float] = deque()

    @route("POST", "/api/v1/jobs/createTask", stage="submit")
    def create(self, call: Call) -> Reply:
        self._let_in(call)
        now = self.now()
        while self.recent and self.recent[0] < now - _BURST_S:
            self.recent.popleft()
        if len(self.recent) >= _BURST:
            self.on_full()
            raise RefusedError(self.refusal("throttle"))
        self.recent.append(now)
        body = call.json
        for flaw in flaws(body, {"model": text(), "input": lambda _: ""}, {"callBackUrl": address}):
            return _answer(422, f"{flaw.loc}: {flaw.says}")
        if body["model"] not in MODELS:
            return _answer(422, "The model name you specified is not supported")
        if wrong := self._wrong(body["model"], body["input"]):
            return _answer(422, wrong)
        if self.full(body["model"]):
            raise RefusedError(self.refusal("throttle"))
        job = self.make_job(
            body, clip=self._recipe(body["input"]), id_=f"task_{uuid.uuid4().hex}",
            fails="generation failed: content policy" if call.policy else "", model=body["model"],
        )  # fmt: skip
        return _answer(200, "success", {"taskId": job.id})

    @route("GET", "/api/v1/jobs/recordInfo", stage="poll")
    def record_info(self, call: Call) -> Reply:
        self._let_in(call)
        job = self.jobs.get(call.query.get("taskId", ""))
        if job is None:
            return _answer(422, "recordInfo is null")
        state = job.state(self.now())
        made = int(job.wall_s * 1000)
        data: dict[str, Any] = {
            "taskId": job.id, "model": job.facts["model"], "state": _STATES[state],
            "param": json.dumps(job.body), "resultJson": "", "failCode": "", "failMsg": "",
            "costTime": None, "completeTime": None, "createTime": made, "updateTime": made,
        }  # fmt: skip
        if state == "done":
            urls = job.facts.setdefault("urls", [self.address(job)])
            data["resultJson"] = json.dumps({"resultUrls": urls})
        if state == "failed":
            data |= {"failCode": "501", "failMsg": job.fails}
        return _answer(200, "success", data)

    @route("GET", "/api/v1/chat/credit")
    def credit(self, call: Call) -> Reply:
        self._let_in(call)
        return _answer(200, "success", 1234)

    @route("POST", "/api/v1/common/download-url")
    def fresh(self, call: Call) -> Reply:
        self._let_in(call)
        wanted = call.json.get("url")
        for job in self.jobs.values():
            if wanted in job.facts.get("urls", ()):
                return _answer(200, "success", self.address(job))
        return _answer(422, "not a link of ours")

    @route("POST", "/api/file-stream-upload", stage="upload")
    def upload(self, call: Call) -> Reply:
        self._let_in(call)
        fields = form(call)
        if "file" not in fields or "uploadPath" not in fields:
            return Reply(400, {"success": False, "code": 400, "msg": "file and uploadPath"})
        file = fields["file"]
        name = fields["fileName"].text if "fileName" in fields else file.filename
        url = f"{self.url}/files/{fields['uploadPath'].text}/{name}"
        path = self.keep(file.content, Path(name).suffix)
        self.files[url] = path
        data = {"fileName": name, "filePath": url.removeprefix(f"{self.url}/files/"),
                "downloadUrl": url, "fileSize": len(file.content), "mimeType": file.kind,
                "uploadedAt": "2026-11-20T10:00:00Z"}  # fmt: skip
        return Reply(200, {"success": True, "code": 200, "msg": "ok", "data": data})

    # -- inside --------------------------------------------------------------------------------

    def refusal(self, fault: Fault) -> Reply:
        if fault == "throttle":
            return Reply(429, {"code": 429, "msg": "Too many requests", "data": None})
        if fault == "balance":  # the status may be fine
            return _answer(402, "Insufficient credits")
        return Reply(500, {"code": 500, "msg": "Server error", "data": None})

    def _let_in(self, call: Call) -> None:
        if call.bearer != self.key:
            refused = {"code": 401, "msg": "You do not have access permissions"}
            raise RefusedError(Reply(401, refused))

    def _wrong(self, model: str, body: Any) -> str:
        needed, may = MODELS[model]
        if not isinstance(body, dict):
            return "input must be an object"
        for flaw in flaws(body, needed, may):
            return f"{flaw.loc}: {flaw.says}"
        if model == "kling-3.0/video":
            if wrong := _wrong_shots(body):
                return wrong
        elif body.get("customize_multi_shots"):
            lengths = [shot["duration"] for shot in body.get("multi_prompt", ())]
            if sum(lengths) != body.get("duration"):
                return "multi_prompt: durations must add up"
        for name, value in body.items():
            if name.endswith(("_url", "_urls")):
                for url in value if isinstance(value, list) else [value]:
                    if wrong := self._wrong_file(name, url):
                        return wrong
        return ""

    def _wrong_file(self, name: str, url: str) -> str:
        path = self.files.get(url)
        if path is None:
            return f"{name}: file can't be fetched"
        if path.suffix in (".png", ".jpg"):
            height, width = read_image(path).shape[:2]
            if min(width, height) < 300 or path.stat().st_size > 10_000_000:
                return f"{name}: image size is out of range"
        return ""

    def _recipe(self, body: dict[str, Any]) -> Any:
        given = next((body[name] for name in _FRAMES if body.get(name)), [])
        frames = [self.files[url] for url in (given if isinstance(given, list) else [given])]
        end = self.files.get(body.get("tail_image_url", "")) or (frames[1] if frames[1:] else None)
        if "elements" in body or "video_urls" in body:
            end = None
        speech = self.files.get(body.get("audio_url", ""))
        length = float(body.get("duration", 5))
        if speech:
            length = float(probe(speech).audio[0].duration_s)
        elif "video_urls" in body:
            video = probe(self.files[body["video_urls"][0]]).video
            length = float(video.duration_s) if video else length
        shots = tuple((s["prompt"], s["duration"]) for s in body.get("multi_prompt", ()))
        start = frames[0] if frames else None
        return self.recipe(
            body.get("prompt", ""), length, start=None if speech else start, end=end, shots=shots,
            audio=bool(body.get("sound") or body.get("audio")), size=(544, 306),
            portrait=start if speech else None, speech=speech,
        )  # fmt: skip


def _wrong_shots(body: dict[str, Any]) -> str:
    shots = body.get("multi_prompt", [])
    if bool(shots) != bool(body.get("multi_shots")):
        return "multi_prompt goes with multi_shots: true"
    if shots and sum(shot["duration"] for shot in shots) != int(body.get("duration", "5")):
        return "multi_prompt: durations must add up"
    if not shots and not body.get("prompt"):
        return "prompt: Field required"
    if not body.get("image_urls") and not body.get("aspect_ratio"):
        return "aspect_ratio: Field required"
    return ""


def _answer(code: int, says: str, data: Any = None) -> Reply:
    return Reply(200, {"code": code, "msg": says, "data": data})
