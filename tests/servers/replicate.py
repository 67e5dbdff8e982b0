"""
Replicate on loopback.

Confirmed by its own clients, its documents or the models' pages: paths and forms of predictions
and files, Bearer tokens, status words, one address as output, listing with `created_after` and a
cursor (100 a page, the newest first, with inputs), removal of inputs and outputs with
`data_removed`, cancelling, the fields of kling-v3-video with their limits, and most of those of
the others, 401, 404, 422, and 429 with its sentence.
Not confirmed: 402 for missing credit; that a flagged prediction fails with "The content was
flagged"; that files are refused which aren't ours; `prompt` of kling-v1.6-pro.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assembler.media.stills import read_image
from tests.servers.forms import form
from tests.servers.kit import Call, Fault, Job, Platform, RefusedError, Reply, route
from tests.servers.rules import Rule, address, choice, flag, flaws, many, number, text, whole

Rules = dict[str, Rule]


def _shots(value: Any) -> str:
    """multi_prompt is a JSON string."""
    try:
        shots = json.loads(value)
    except (TypeError, ValueError):
        return "multi_prompt must be a JSON string"
    fine = isinstance(shots, list) and 1 <= len(shots) <= 6
    if not fine or any(set(shot) != {"prompt", "duration"} for shot in shots):
        return "multi_prompt must be a list of at most 6 shots"
    return ""


_SHAPE = choice("16:9", "9:16", "1:1")
_MODE = choice("standard", "pro")
_5_10 = choice(5, 10)
MODELS: dict[str, tuple[Rules, Rules]] = {
    "kling-v3-video": (
        {},
        {"prompt": text(2500), "negative_prompt": text(2500), "start_image": address,
         "end_image": address, "mode": _MODE, "aspect_ratio": _SHAPE, "duration": whole(3, 15),
         "generate_audio": flag, "multi_prompt": _shots},
    ),
    "kling-v2.5-turbo-pro": (
        {"prompt": text(2500)},
        {"start_image": address, "aspect_ratio": _SHAPE, "duration": _5_10,
         "negative_prompt": text(2500)},
    ),
    "kling-v2.1": (
        {"start_image": address},
        {"prompt": text(2500), "end_image": address, "mode": _MODE, "duration": _5_10,
         "negative_prompt": text(2500)},
    ),
    "kling-v1.6-pro": (
        {},
        {"prompt": text(2500), "start_image": address, "end_image": address,
         "reference_images": many(address, 1, 4), "cfg_scale": number(0, 1), "duration": _5_10},
    ),
}  # fmt: skip
_PAGE = 100


class Replicate(Platform):
    name = "replicate"

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self.removed: set[str] = set()
        """Predictions whose data is gone, as an hour after they are made."""
        self.page = _PAGE

    def _check_key(self, call: Call) -> None:
        if call.bearer != self.key:
            said = "You did not pass a valid authentication token"
            raise RefusedError(_problem(401, "Unauthenticated", said))

    @route("POST", "/v1/files", stage="upload")
    def files(self, call: Call) -> Reply:
        self._check_key(call)
        part = form(call).get("content")
        if part is None or not part.filename:
            return _problem(422, "Input validation failed", "content: Required")
        id_ = uuid.uuid4().hex
        url = f"{self.url}/v1/files/{id_}"
        self._uploads[url] = self.keep(part.content, Path(part.filename).suffix)
        return Reply(201, {
            "id": id_, "name": part.filename, "content_type": part.kind, "size": len(part.content),
            "etag": id_, "checksums": {}, "metadata": {}, "urls": {"get": url},
            "created_at": _when(0), "expires_at": _when(3600 * 24),
        })  # fmt: skip

    @route("POST", "/v1/models/{owner}/{model}/predictions", stage="submit")
    def create(self, call: Call, owner: str, model: str) -> Reply:
        self._check_key(call)
        if owner != "kwaivgi" or model not in MODELS:
            said = "The requested resource could not be found."
            return _problem(404, "Not found", said)
        given = call.json.get("input") or {}
        if wrong := self._wrong(model, given):
            return _problem(422, "Input validation failed", f"- input.{wrong}")
        if self.full(model):
            return self.refusal("throttle")
        return Reply(201, self._shown(self._made(call, model, given)))

    def _wrong(self, model: str, given: dict[str, Any]) -> str:
        if found := flaws(given, *MODELS[model]):
            return f"{found[0].loc}: {found[0].says}"
        if "end_image" in given and "start_image" not in given:
            return "end_image: needs start_image"
        if model == "kling-v2.1" and "end_image" in given and given.get("mode") != "pro":
            return "end_image: only in pro mode"
        shots = json.loads(given.get("multi_prompt", "[]"))
        if shots and sum(shot["duration"] for shot in shots) != given.get("duration", 5):
            return "multi_prompt: durations must add up to duration"
        for name, value in given.items():
            for url in value if isinstance(value, list) else [value]:
                if "image" in name and (said := self._unfit(url)):
                    return f"{name}: {said}"
        return ""

    def _unfit(self, url: str) -> str:
        path = self._uploads.get(url)
        if path is None:
            return "does not exist"
        height, width = read_image(path).shape[:2]
        if min(height, width) < self.least_px or not 0.4 <= width / height <= 2.5:
            return f"{width}x{height} is too small or too long"
        return "is larger than 10MB" if path.stat().st_size > 10 << 20 else ""

    least_px = 100
    """300 at Replicate; tests are quicker with less."""

    def _made(self, call: Call, model: str, given: dict[str, Any]) -> Job:
        seconds = int(given.get("duration", 5))
        shots = json.loads(given.get("multi_prompt", "[]"))
        references = [self._uploads[url] for url in given.get("reference_images", ())]
        clip = self.recipe(
            given.get("prompt", ""), seconds,
            start=self._uploads.get(given.get("start_image", "")) or next(iter(references), None),
            end=self._uploads.get(given.get("end_image", "")),
            shots=tuple((shot["prompt"], shot["duration"]) for shot in shots),
            audio=given.get("generate_audio", False),
        )  # fmt: skip
        fails = "The content was flagged" if call.policy else ""
        return self.make_job(given, clip=clip, id_=uuid.uuid4().hex[:26], fails=fails, model=model)

    @route("GET", "/v1/predictions", stage="find")
    def predictions(self, call: Call) -> Reply:
        self._check_key(call)
        since = datetime.fromisoformat(call.query.get("created_after", "1970-01-01T00:00:00+00:00"))
        newest = sorted(self.jobs.values(), key=lambda job: -job.made_s)
        fresh = [job for job in newest if job.wall_s >= since.timestamp()]
        begin = int(call.query.get("cursor", "0"))
        end = begin + self.page
        more = f"{self.url}/v1/predictions?cursor={end}" if end < len(fresh) else None
        shown = [self._shown(job) for job in fresh[begin:end]]
        return Reply(200, {"previous": None, "next": more, "results": shown})

    @route("GET", "/v1/predictions/{id_}", stage="poll")
    def prediction(self, call: Call, id_: str) -> Reply:
        self._check_key(call)
        if id_ not in self.jobs:
            return _problem(404, "Not found", "The requested resource could not be found.")
        return Reply(200, self._shown(self.jobs[id_]))

    @route("POST", "/v1/predictions/{id_}/cancel")
    def cancel(self, call: Call, id_: str) -> Reply:
        self._check_key(call)
        self.jobs[id_].cancelled = True
        return Reply(200, self._shown(self.jobs[id_]))

    def _shown(self, job: Job) -> dict[str, Any]:
        words = {"queued": "starting", "running": "processing", "done": "succeeded"}
        state = "canceled" if job.cancelled else words.get(job.state(self.now()), "failed")
        removed = job.id in self.removed
        at = f"{self.url}/v1/predictions/{job.id}"
        done = state == "succeeded" and not removed
        return {
            "id": job.id, "model": f"kwaivgi/{job.facts['model']}", "version": "hidden",
            "status": state, "input": {} if removed else job.body, "source": "api", "logs": "",
            "output": self.address(job) if done else None,
            "error": job.fails if state == "failed" else None, "data_removed": removed,
            "created_at": datetime.fromtimestamp(job.wall_s, UTC).isoformat(),
            "urls": {"get": at, "cancel": f"{at}/cancel"},
        }  # fmt: skip

    def refusal(self, fault: Fault) -> Reply:
        if fault == "throttle":
            said = "Request was throttled. Your rate limit resets in ~1s."
            return _problem(429, "Too many requests", said)
        if fault == "balance":
            return _problem(402, "Insufficient credit", "You have insufficient credit")
        return _problem(503, "Service unavailable", "Try again later")


def _problem(status: int, title: str, detail: str) -> Reply:
    return Reply(status, {"title": title, "detail": detail, "status": status})


def _when(later_s: float) -> str:
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + later_s, UTC).isoformat()
