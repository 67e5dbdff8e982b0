"""
Media.io on loopback.

Confirmed by its reference: every call is a POST with JSON, the header of the key, the two
envelopes, the codes 374004, 490000 and 490505 with `trace_id`, names and values of the fields of
i2v-kling-v3-0, words for truth values, that several shots are made unless it is told otherwise,
the address of the clip in `result[].preview`.
Not confirmed, so the likeliest is done: the fields `image` and `prompt` of i2v-kling-v2-6,
statuses other than 200 and how it throttles.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.servers.kit import Call, Fault, Platform, RefusedError, Reply, route
from tests.servers.rules import Rule, address, choice, flaws, text

Rules = dict[str, Rule]

_WORD = choice("True", "False")
CODES: dict[str, tuple[Rules, Rules]] = {
    "i2v-kling-v3-0": (
        {"image": address, "prompt": text(2500, 1)},
        {"resolution": choice("720P", "1080P"), "duration": choice("5s", "8s", "10s", "15s"),
         "multi_shots": _WORD, "generate_audio": _WORD},
    ),
    "i2v-kling-v2-6": (
        {"image": address, "prompt": text(2500, 1)},
        {"duration": choice("5s", "10s"), "generate_audio": _WORD},
    ),
}  # fmt: skip


class Mediaio(Platform):
    name = "mediaio"

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self.finished = "completed"
        """Another page says `succeeded`."""

    def _check_key(self, call: Call) -> None:
        if call.headers.get("x-api-key") != self.key:
            raise RefusedError(_error(374004, "not authenticated"))

    @route("POST", "/generation/kling/{code}", stage="submit")
    def submit(self, call: Call, code: str) -> Reply:
        self._check_key(call)
        data = call.json.get("data")
        if code not in CODES or not isinstance(data, dict):
            return _error(490000, "parameter error")
        if found := flaws(data, *CODES[code]):
            return _error(490000, f"parameter error: {found[0].loc} {found[0].says}")
        image = self.published(data["image"])
        if image is None:
            return _error(490000, "parameter error: image can't be fetched")
        clip = self.recipe(
            data["prompt"], int(data.get("duration", "5s")[:-1]), start=image,
            audio=data.get("generate_audio") == "True",
        )  # fmt: skip
        fails = "content risk control" if call.policy else ""
        job = self.make_job(data, clip=clip, model=code, fails=fails)
        return _fine({"task_id": job.id})

    @route("POST", "/user/credits")
    def credits(self, call: Call) -> Reply:
        self._check_key(call)
        return _fine({})

    @route("POST", "/generation/result/{id_}", stage="poll")
    def task(self, call: Call, id_: str) -> Reply:
        self._check_key(call)
        job = self.jobs.get(id_)
        if job is None:
            return _error(490000, "parameter error: no such task")
        words = {"queued": "waiting", "running": "processing", "done": self.finished}
        status = words.get(job.state(self.now()), "failed")
        answer = {"task_id": id_, "status": status, "reason": job.fails, "result": []}
        if status == self.finished:
            url = self.address(job)
            answer["result"] = [{"val": "aicloudtmp/a.mp4", "preview": url, "status": status}]
        return _fine(answer)

    def refusal(self, fault: Fault) -> Reply:
        if fault == "balance":
            return _error(490505, "insufficient credits")
        if fault == "throttle":
            return Reply(429, {"msg": "too many requests"}, {"Retry-After": "0.2"})
        return Reply(503, {"msg": "unavailable"})


def _fine(data: Any) -> Reply:
    return Reply(200, {"code": 0, "msg": "", "data": data, "trace_id": "t-1"})


def _error(code: int, words: str) -> Reply:
    return Reply(200, {"code": code, "msg": words, "data": {}, "trace_id": "t-1"})
