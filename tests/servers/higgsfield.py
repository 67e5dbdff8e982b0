"""
Higgsfield on loopback.

Confirmed by its documents or its own client: the form of the key; paths and statuses of
submission, status and cancel (only while queued, else 400); the upload in two steps, with all
headers and without the key; that unknown fields are refused; what ``Idempotency-Key`` does (the
original request for the same body, 422 for another one, refused requests don't use it up, its
scope is the account); that failed and nsfw are refunded; 401, 403 for credits, 404, 422, 423, and
429 with Retry-After.
Not confirmed, so the likeliest is done: the texts of errors, `last_image_url` (from a third
party's test), that the lengths of `omni` are 3 to 10 s and those of `o3` 3 to 15 s, an upload's
host.
"""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.servers.kit import Call, Fault, Job, Platform, RefusedError, Reply, route
from tests.servers.rules import Rule, address, choice, flaws, number, text, whole

Rules = dict[str, Rule]

_5_10 = choice(5, 10)
_OLD: Rules = {
    "prompt": text(2500), "duration": _5_10, "cfg_scale": number(0, 1),
    "negative_prompt": text(2500),
}  # fmt: skip
_SHAPE = choice("16:9", "9:16", "1:1")
_SOUND = choice("on", "off")

ENDPOINTS: dict[str, tuple[Rules, Rules]] = {
    "v3.0-turbo/image-to-video": (
        {"image_url": address},
        {"prompt": text(2500), "duration": whole(3, 15), "resolution": choice("720p", "1080p")},
    ),
    "v2.6/pro/image-to-video": (
        {"image_url": address}, {"prompt": text(2500), "duration": _5_10, "sound": _SOUND},
    ),
}  # fmt: skip
"""Path below kling-video -> fields that it needs, fields that it may have."""
for _tier in ("std", "pro", "4k"):
    _own: Rules = {"duration": whole(3, 15), "sound": _SOUND, "cfg_scale": number(0, 1)}
    ENDPOINTS[f"v3.0/{_tier}/image-to-video"] = (
        {"image_url": address}, {**_own, "prompt": text(2500), "last_image_url": address},
    )  # fmt: skip
    ENDPOINTS[f"v3.0/{_tier}/text-to-video"] = (
        {"prompt": text(2500, 1)}, {**_own, "aspect_ratio": _SHAPE},
    )  # fmt: skip
for _name, _most in (("o3", 15), ("omni", 10)):
    ENDPOINTS[f"{_name}/first-last-frame"] = (
        {"first_frame_url": address},
        {"last_frame_url": address, "prompt": text(2500), "duration": whole(3, _most),
         "aspect_ratio": _SHAPE, "mode": choice("std", "pro")},
    )  # fmt: skip
for _path in (
    "v2.5-turbo/pro", "v2.5-turbo/standard", "v2.1/standard", "v2.1/pro", "v2.1/master",
):  # fmt: skip
    ENDPOINTS[f"{_path}/image-to-video"] = ({"image_url": address}, _OLD)


class Higgsfield(Platform):
    name = "higgsfield"
    secret = "test-secret-9876543210"
    retry_after = "0.2"
    blocked = ""
    """A path that the account may not use."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self.known: dict[str, tuple[str, bytes, str]] = {}
        """Idempotency key -> path, body, request."""
        self.targets: dict[str, tuple[str, str]] = {}
        """Upload -> media type, public address when it is there."""

    def _check_key(self, call: Call) -> None:
        if call.headers.get("authorization") != f"Key {self.key}:{self.secret}":
            raise RefusedError(Reply(401, {"detail": "Invalid credentials"}))

    @route("POST", "/files/generate-upload-url", stage="upload")
    def upload_url(self, call: Call) -> Reply:
        self._check_key(call)
        kind = call.json.get("content_type")
        if kind not in ("image/png", "image/jpeg", "image/webp", "audio/wav", "video/mp4"):
            return Reply(422, _detail("content_type", "unsupported"))
        id_ = uuid.uuid4().hex
        self.targets[id_] = kind, f"{self.url}/public/{id_}"
        return Reply(200, {
            "public_url": f"{self.url}/public/{id_}",
            "upload_url": f"{self.url}/put/{id_}?X-Amz-Signature=s3cr3t",
            "content_type": kind,
            "upload_headers": {"Content-Type": kind, "x-amz-tagging": "lifecycle=temp"},
        })  # fmt: skip

    @route("PUT", "/put/{id_}", stage="upload")
    def put(self, call: Call, id_: str) -> Reply:
        """As a bucket does: signed headers must be there, a key must not."""
        kind, public = self.targets[id_]
        signed = call.headers.get("content-type"), call.headers.get("x-amz-tagging")
        if signed != (kind, "lifecycle=temp") or "authorization" in call.headers:
            return Reply(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        self._uploads[public] = self.keep(call.body, "." + kind.partition("/")[2])
        return Reply(200, b"")

    @route("POST", "/kling-video/{path+}", stage="submit")
    def submit(self, call: Call, path: str) -> Reply:
        self._check_key(call)
        key = call.headers.get("idempotency-key", "")
        with self.lock:
            return self._submitted(call, path, key)

    def _submitted(self, call: Call, path: str, key: str) -> Reply:
        if path not in ENDPOINTS:
            return Reply(404, {"detail": "model_not_found"})
        if path == self.blocked:
            return Reply(423, {"detail": "model_blocked"})
        if key in self.known:
            at, body, job = self.known[key]
            if (at, body) != (path, call.body):
                said = "Idempotency key was used with a different request"
                return Reply(422, {"detail": said})
            return self._accepted(self.jobs[job])
        body = call.json
        if found := flaws(body, *ENDPOINTS[path]):
            return Reply(422, _detail(found[0].loc, found[0].says))
        images = {n: self._uploads.get(v) for n, v in body.items() if n.endswith("_url")}
        if lost := [name for name, image in images.items() if image is None]:
            return Reply(400, _detail(lost[0], "can't be fetched"))
        if self.full(path):
            return self.refusal("throttle")
        start = images.get("image_url") or images.get("first_frame_url")
        end = images.get("last_image_url") or images.get("last_frame_url")
        seconds = int(body.get("duration", 5))
        clip = self.recipe(
            body.get("prompt", ""), seconds, start=start, end=end, audio=body.get("sound") == "on"
        )
        job = self.make_job(
            body, clip=clip, client_id=key, id_=str(uuid.uuid4()), model=path,
            price_usd=Decimal("0.112") * seconds, fails="nsfw" if call.policy else "",
        )  # fmt: skip
        if key:
            self.known[key] = path, call.body, job.id
        return self._accepted(job)

    def _accepted(self, job: Job) -> Reply:
        at = f"{self.url}/requests/{job.id}"
        return Reply(200, {
            "status": "queued", "request_id": job.id, "status_url": f"{at}/status",
            "cancel_url": f"{at}/cancel",
        })  # fmt: skip

    @route("GET", "/requests/{id_}/status", stage="poll")
    def status(self, call: Call, id_: str) -> Reply:
        self._check_key(call)
        job = self.jobs.get(id_)
        if job is None:
            return Reply(404, {"detail": "request_not_found"})
        answer: dict[str, Any] = json.loads(self._accepted(job).content()[0])
        match job.state(self.now()):
            case "queued":
                word = "queued"
            case "running":
                word = "in_progress"
            case "failed":
                word = (
                    "canceled" if job.cancelled else job.fails if job.fails == "nsfw" else "failed"
                )
                answer["error"] = job.fails
            case "done":
                word = "completed"
                answer["video"] = {"url": self.address(job)}
        return Reply(200, answer | {"status": word})

    @route("POST", "/requests/{id_}/cancel")
    def cancel(self, call: Call, id_: str) -> Reply:
        self._check_key(call)
        if self.jobs[id_].state(self.now()) != "queued":
            return Reply(400, {"detail": "it isn't queued"})
        self.jobs[id_].cancelled = True
        return Reply(200, {})

    def refusal(self, fault: Fault) -> Reply:
        if fault == "throttle":
            detail = {"code": "account_queue_full", "message": "Queue is full"}
            return Reply(429, {"detail": detail}, {"Retry-After": self.retry_after})
        if fault == "balance":
            return Reply(403, {"detail": "not_enough_credits"})
        return Reply(503, {"detail": "Service unavailable"})


def _detail(place: str, says: str) -> dict[str, Any]:
    return {"detail": [{"loc": ["body", place], "msg": says, "type": "value_error"}]}
