"""
PiAPI on loopback: tasks and the ephemeral store, both hosts at one address.

Confirmed by its documentation: the paths, the one envelope for submit and get with its words,
`staged` where an account's concurrency is full, cancel while pending, fields of Kling up to 2.6, of
3.0 (without its end image), omni and motion control; where each version has its video. From several
third parties that agree: `image_tail_url` with 3.0, avatar and lip-sync with `local_dubbing_url`,
the store with its types and 24 hours. Not confirmed: error texts and codes, Retry-After, whether
faults in the input are refused at submission (done here) or fail the task.
"""

from __future__ import annotations

import base64
import binascii
import uuid
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
    text,
    whole,
)

Rules = dict[str, Rule]


_SHAPE = choice("16:9", "9:16", "1:1")
_MODE = choice("std", "pro")
_OLD: Rules = {
    "prompt": text(2500), "negative_prompt": text(2500), "cfg_scale": number(0, 1),
    "duration": choice(5, 10), "aspect_ratio": _SHAPE, "mode": _MODE, "image_url": address,
    "image_tail_url": address,
}  # fmt: skip
_SHOTS = many(record({"prompt": text(), "duration": whole(1, 14)}), 1, 6)
TASKS: dict[tuple[str, str | None], tuple[Rules, Rules]] = {
    ("video_generation", "3.0"): (
        {"version": choice("3.0")},
        {"prompt": text(2500), "mode": _MODE, "duration": whole(3, 15), "aspect_ratio": _SHAPE,
         "enable_audio": flag, "prefer_multi_shots": flag, "multi_shots": _SHOTS,
         "image_url": address, "image_tail_url": address},
    ),
    ("omni_video_generation", "3.0"): (
        {"version": choice("3.0")},
        {"prompt": text(2500), "resolution": choice("720p", "1080p"), "duration": whole(3, 15),
         "aspect_ratio": _SHAPE, "enable_audio": flag, "images": many(address, 1, 7),
         "video": address, "multi_shots": _SHOTS},
    ),
    ("omni_video_generation", "o1"): (
        {"version": choice("o1")},
        {"prompt": text(2500), "resolution": choice("720p", "1080p"), "duration": whole(3, 10),
         "aspect_ratio": _SHAPE, "images": many(address, 1, 7), "video": address},
    ),
    ("motion_control", "2.6"): (
        {"version": choice("2.6"), "image_url": address, "video_url": address},
        {"prompt": text(2500), "motion_direction": choice("video", "image"),
         "keep_original_sound": flag, "mode": _MODE},
    ),
    ("avatar", None): (
        {"image_url": address, "local_dubbing_url": address},
        {"prompt": text(2500), "mode": _MODE, "batch_size": whole(1, 1)},
    ),
    ("lip_sync", None): (
        {"video_url": address, "local_dubbing_url": address},
        {"tts_text": text(), "tts_timbre": text(), "tts_speed": number(0.8, 2)},
    ),
}  # fmt: skip
"""Task type and version -> fields of its input that it needs, fields that it may have."""
for _version in ("1.5", "1.6", "2.0", "2.1", "2.1-master", "2.5", "2.6"):
    TASKS["video_generation", _version] = ({"version": choice(_version)}, dict(_OLD))
TASKS["video_generation", "2.6"][1]["enable_audio"] = flag
TASKS["video_generation", "1.6"][1]["elements"] = many(record({"image_url": address}), 1, 4)
_STATUSES = {"queued": "pending", "running": "processing", "done": "completed", "failed": "failed"}
_TYPES = (".jpg", ".jpeg", ".png", ".webp", ".mp4", ".wav", ".mp3")
_NEVER = "0001-01-01T00:00:00Z"


class Piapi(Platform):
    name = "piapi"

    def __init__(self, folder: Path, **rest: Any) -> None:
        super().__init__(folder, **rest)
        self.files: dict[str, Path] = {}

    @route("POST", "/api/v1/task", stage="submit")
    def create(self, call: Call) -> Reply:
        self._let_in(call)
        body = call.json
        rules: Rules = {"model": choice("kling"), "task_type": text(), "input": lambda _: ""}
        for flaw in flaws(body, rules, {"config": lambda _: ""}):
            return _error(400, f"{flaw.loc}: {flaw.says}")
        if wrong := self._wrong(body["task_type"], body["input"]):
            return _error(400, wrong)
        job = self.make_job(
            body, clip=self._recipe(body["task_type"], body["input"]), id_=str(uuid.uuid4()),
            fails="content policy" if call.policy else "", model="kling",
            staged=self.full("kling"),
        )  # fmt: skip
        return self._task(job)

    @route("GET", "/api/v1/task/{id_}", stage="poll")
    def get(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        return self._task(self.jobs[id_]) if id_ in self.jobs else _error(404, "task not found")

    @route("DELETE", "/api/v1/task/{id_}")
    def cancel(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        job = self.jobs.get(id_)
        if job is None or job.state(self.now()) != "queued":
            return _error(400, "only pending tasks can be cancelled")
        job.cancelled = True
        return self._task(job)

    @route("POST", "/api/ephemeral_resource", stage="upload")
    def store(self, call: Call) -> Reply:
        self._let_in(call)
        body = call.json
        for flaw in flaws(body, {"file_name": text(), "file_data": text()}, {}):
            return _error(400, f"{flaw.loc}: {flaw.says}")
        suffix = Path(body["file_name"]).suffix.lower()
        if suffix not in _TYPES:
            return _error(400, f"unsupported file type {suffix}")
        try:
            content = base64.b64decode(body["file_data"], validate=True)
        except binascii.Error:
            return _error(400, "file_data is no Base64")
        url = f"{self.url}/ephemeral/{uuid.uuid4()}{suffix}"
        self.files[url] = self.keep(content, suffix)
        return Reply(200, {"code": 200, "message": "success", "data": {"url": url}})

    # -- inside --------------------------------------------------------------------------------

    def refusal(self, fault: Fault) -> Reply:
        if fault == "throttle":
            return _error(429, "too many requests")
        if fault == "balance":
            return _error(402, "insufficient credits")
        return _error(500, "internal error")

    def malformed(self, why: str) -> Reply:
        return _error(400, why)

    def _let_in(self, call: Call) -> None:
        if call.headers.get("x-api-key") != self.key:
            raise RefusedError(_error(401, "invalid api key"))

    def _task(self, job: Job) -> Reply:
        state = job.state(self.now())
        status = "cancelled" if job.cancelled else _STATUSES[state]
        if status == "pending" and job.facts["staged"]:
            status = "staged"
        new = job.body["task_type"] == "omni_video_generation" or (
            job.body["input"].get("version") == "3.0"
        )
        output: dict[str, Any] = {"video": ""} if new else {"video_url": "", "works": None}
        if status == "completed" and new:
            output = {"video": self.address(job)}
        elif status == "completed":
            clean = {"resource": f"{self.url}/nowhere.mp4",
                     "resource_without_watermark": self.address(job), "duration": 5000}  # fmt: skip
            output = {"works": [{"video": clean}]}
        failed = status == "failed"
        data = {
            "task_id": job.id, "model": "kling", "task_type": job.body["task_type"],
            "status": status, "config": job.body.get("config", {}), "input": job.body["input"],
            "output": output,
            "meta": {
                "created_at": "2026-11-20T10:00:00Z", "started_at": _NEVER, "ended_at": _NEVER,
                "usage": {"type": "point", "frozen": 12_000_000, "consume": 0},
                "is_using_private_pool": False,
            },
            "detail": None, "logs": None,
            "error": {"code": 10000 if failed else 0, "message": job.fails if failed else "",
                      "raw_message": "upstream rejected" if failed else "", "detail": None},
        }  # fmt: skip
        return Reply(200, {"code": 200, "message": "success", "data": data})

    def _wrong(self, task: str, body: Any) -> str:
        if not isinstance(body, dict):
            return "input must be an object"
        rules = TASKS.get((task, body.get("version"))) or TASKS.get((task, None))
        if rules is None:
            return f"unsupported task_type {task} {body.get('version')}"
        for flaw in flaws(body, *rules):
            return f"{flaw.loc}: {flaw.says}"
        if "image_tail_url" in body and "image_url" not in body:
            return "image_tail_url needs image_url"
        if task == "omni_video_generation" and "video" in body and len(body.get("images", ())) > 4:
            return "images: at most 4 beside a video"
        for name, value in body.items():
            for url in _addresses(value):
                if wrong := self._wrong_file(name, url):
                    return wrong
        return ""

    def _wrong_file(self, name: str, url: str) -> str:
        path = self.files.get(url)
        if path is None:
            return f"{name}: failed to fetch {url}"
        if path.suffix in (".png", ".jpg"):
            height, width = read_image(path).shape[:2]
            if min(width, height) < 300 or path.stat().st_size > 10_000_000:
                return f"{name}: invalid image"
        return ""

    def _recipe(self, task: str, body: dict[str, Any]) -> Any:
        start = self.files.get(body.get("image_url", ""))
        speech = self.files.get(body.get("local_dubbing_url", ""))
        video = self.files.get(body.get("video_url") or body.get("video") or "")
        shots = tuple((s["prompt"], s["duration"]) for s in body.get("multi_shots", ()))
        length = float(body.get("duration", 5))
        if video or speech:
            info = probe(video or speech or Path())
            streams = [info.video] if video else list(info.audio)
            length = float(streams[0].duration_s) if streams and streams[0] else length
        talking = task == "avatar"
        return self.recipe(
            body.get("prompt", ""), length, start=None if talking else start, shots=shots,
            end=self.files.get(body.get("image_tail_url", "")), size=(544, 306),
            audio=bool(body.get("enable_audio")), portrait=start if talking else None,
            speech=speech, video=video,
        )  # fmt: skip


def _addresses(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.startswith("http") else []
    if isinstance(value, dict):
        return [url for one in value.values() for url in _addresses(one)]
    return [url for one in value for url in _addresses(one)] if isinstance(value, list) else []


def _error(status: int, says: str) -> Reply:
    return Reply(status, {"code": status, "data": None, "message": says})
