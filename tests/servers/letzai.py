"""
LetzAI on loopback.

Confirmed by its own page for programs or its reference: paths of making, asking, listing and
interrupting videos, Bearer keys, `prompt`, `imageUrl` and `settings` with mode and duration (5 to
10), the status words, `videoPaths.mp4`, the form of errors and their codes with 400, 401 and 402.
Not confirmed, so the likeliest is done: the record that the list comes in, what it tells of a
video, that pages begin with 1, the status of refused content.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from tests.servers.kit import Call, Fault, Job, Platform, RefusedError, Reply, route
from tests.servers.rules import address, choice, flaws, record, text, whole

_SETTINGS = record({"mode": choice("kling26")}, {"duration": whole(5, 10), "fps": whole(1, 60)})


class Letzai(Platform):
    name = "letzai"

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self.in_record = True
        """Whether the list comes within a record."""

    def _check_key(self, call: Call) -> None:
        if call.bearer != self.key:
            raise RefusedError(_error(401, "INVALID_API_KEY", "Invalid API key"))

    @route("POST", "/videos", stage="submit")
    def make(self, call: Call) -> Reply:
        self._check_key(call)
        body = call.json
        needed = {"prompt": text(2500, 1), "imageUrl": address, "settings": _SETTINGS}
        if found := flaws(body, needed, {}):
            return _error(400, "INVALID_PARAMETERS", f"{found[0].loc}: {found[0].says}")
        image = self.published(body["imageUrl"])
        if image is None:
            return _error(400, "INVALID_PARAMETERS", "imageUrl can't be fetched")
        if call.policy:
            return _error(400, "CONTENT_POLICY_VIOLATION", "Content policy violation")
        clip = self.recipe(body["prompt"], body["settings"].get("duration", 5), start=image)
        job = self.make_job(body, clip=clip, id_=str(uuid.uuid4()), model="kling26")
        return Reply(201, self._shown(job) | {"status": "new"})

    @route("GET", "/videos", stage="find")
    def listed(self, call: Call) -> Reply:
        self._check_key(call)
        page, limit = int(call.query.get("page", "1")), int(call.query.get("limit", "10"))
        newest = sorted(self.jobs.values(), key=lambda job: -job.made_s)
        shown = [self._shown(job) for job in newest[(page - 1) * limit : page * limit]]
        return Reply(200, {"videos": shown} if self.in_record else shown)

    @route("GET", "/videos/{id_}", stage="poll")
    def video(self, call: Call, id_: str) -> Reply:
        self._check_key(call)
        if id_ not in self.jobs:
            return _error(404, "NOT_FOUND", "Video not found")
        return Reply(200, self._shown(self.jobs[id_]))

    @route("PUT", "/videos/{id_}/interruption")
    def interrupt(self, call: Call, id_: str) -> Reply:
        self._check_key(call)
        self.jobs[id_].cancelled = True
        return Reply(204, b"")

    def _shown(self, job: Job) -> dict[str, Any]:
        words = {"queued": "in progress", "running": "generating", "done": "ready"}
        status = words.get(job.state(self.now()), "failed")
        paths = {"mp4": self.address(job)} if status == "ready" else {}
        return {
            "id": job.id, "status": status, "prompt": job.body["prompt"], "videoPaths": paths,
        }  # fmt: skip

    def refusal(self, fault: Fault) -> Reply:
        if fault == "balance":
            return _error(402, "INSUFFICIENT_CREDITS", "Not enough credits")
        if fault == "throttle":
            return _error(429, "RATE_LIMITED", "Too many requests")
        return _error(503, "UNAVAILABLE", "Try again later")


def _error(status: int, code: str, words: str) -> Reply:
    return Reply(status, {"error": words, "code": code, "details": {}})
