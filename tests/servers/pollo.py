"""
Pollo.ai on loopback: both generations of its API.

Confirmed by its documentation: base path and key, submit and status paths of both generations, the
status words, `credit` and `costUsd`, that images are public addresses, fields of kling-v2-6. From
callers of the API: the fields of kling-v3 and kling-v3-omni, bare answers (wrapped ones exist too:
`wrapped`), `{"message", "code"}` for errors. Not confirmed, so the least is accepted: an end image
with kling-v3, texts, limits, 429.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.servers.kit import Call, Fault, Platform, RefusedError, Reply, route
from tests.servers.rules import Rule, address, choice, flag, flaws, number, text, whole

Rules = dict[str, Rule]

_MODE = choice("std", "pro")
_WORDS: Rules = {"prompt": text(2500, 1)}
_OLD: Rules = {
    "prompt": text(2500), "length": choice(5, 10), "mode": _MODE, "negativePrompt": text(2500),
    "imageTail": address, "strength": number(0, 100),
}  # fmt: skip
_NEW: Rules = {"duration": whole(3, 15), "mode": _MODE, "generateAudio": flag}
_SHAPE = {"aspectRatio": choice("16:9", "9:16", "1:1")}
MODELS: dict[str, dict[str, tuple[Rules, Rules]]] = {
    "v1/generation/kling-ai/kling-v3/video": {
        "text": (_WORDS, {**_NEW, **_SHAPE}),
        "image": ({"image": address}, {**_NEW, "prompt": text(2500)}),
    },
    "v1/generation/kling-ai/kling-v3-omni/video": {
        "text": (_WORDS, {**_NEW, **_SHAPE}),
        "image": ({"image": address}, {**_NEW, "prompt": text(2500), "imageTail": address}),
    },
    "v1/generation/kling-ai/kling-v2-6/video": {
        "image": (
            {"image": address},
            {"prompt": text(2500), "duration": choice(5, 10), "generateAudio": flag},
        ),
    },
    "generation/kling-ai/kling-v2-5-turbo": {"image": ({"image": address}, _OLD)},
    "generation/kling-ai/kling-v2-1": {"image": ({"image": address}, _OLD)},
    "generation/kling-ai/kling-v1-6": {"image": ({"image": address}, _OLD)},
}
"""Path -> kind -> fields of its input that it needs, fields that it may have."""
_STATUSES = {"queued": "waiting", "running": "processing", "done": "succeed", "failed": "failed"}


class Pollo(Platform):
    name = "pollo"

    def __init__(self, folder: Path, *, wrapped: bool = False, **rest: Any) -> None:
        super().__init__(folder, **rest)
        self.wrapped = wrapped
        self.public: dict[str, Path] = {}
        """What lies at which public address."""

    @route("POST", "/v1/generation/kling-ai/{model}/video", stage="submit")
    def create(self, call: Call, model: str) -> Reply:
        return self._made(call, f"v1/generation/kling-ai/{model}/video")

    @route("POST", "/generation/kling-ai/{model+}", stage="submit")
    def create_old(self, call: Call, model: str) -> Reply:
        return self._made(call, f"generation/kling-ai/{model}")

    @route("GET", "/generation/{id_}/status", stage="poll")
    def status(self, call: Call, id_: str) -> Reply:
        self._let_in(call)
        job = self.jobs.get(id_)
        if job is None:
            return _error(404, "Task not found", "NOT_FOUND")
        state = job.state(self.now())
        one = {
            "id": "g1", "status": _STATUSES[state], "failMsg": job.fails or None, "cover": None,
            "url": self.address(job) if state == "done" else None, "mediaType": "video",
            "createdDate": "2026-11-20T10:00:00Z", "updatedDate": "2026-11-20T10:01:00Z",
        }  # fmt: skip
        answer = {"taskId": job.id, "input": job.body, "credit": 40, "generations": [one]}
        return self._wrapped(answer | {"costUsd": 0.56})

    # -- inside --------------------------------------------------------------------------------

    def refusal(self, fault: Fault) -> Reply:
        if fault == "throttle":
            return _error(429, "Too many requests", "TOO_MANY_REQUESTS")
        if fault == "balance":
            return _error(403, "Not enough credits", "FORBIDDEN")
        return Reply(503, b"<html>cloudflare</html>", {"Content-Type": "text/html"})

    def _let_in(self, call: Call) -> None:
        if call.headers.get("x-api-key") != self.key:
            raise RefusedError(_error(401, "Invalid API key", "UNAUTHORIZED"))

    def _made(self, call: Call, path: str) -> Reply:
        self._let_in(call)
        if path not in MODELS:
            return _error(404, "Not found", "NOT_FOUND")
        for flaw in flaws(call.json, {"input": lambda _: ""}, {"webhookUrl": address}):
            return _error(400, f"{flaw.loc}: {flaw.says}", "BAD_REQUEST")
        body = call.json["input"]
        kind = "image" if "image" in body else "text"
        if kind not in MODELS[path]:
            return _error(400, f"{path} does not support {kind}", "BAD_REQUEST")
        for flaw in flaws(body, *MODELS[path][kind]):
            return _error(400, f"{flaw.loc}: {flaw.says}", "BAD_REQUEST")
        if any(body[name] not in self.public for name in ("image", "imageTail") if name in body):
            return _error(400, "image can't be fetched", "BAD_REQUEST")
        if self.full(path):
            raise RefusedError(self.refusal("throttle"))
        clip = self.recipe(
            body.get("prompt", ""), body.get("duration") or body.get("length") or 5,
            start=self.public.get(body.get("image", "")),
            end=self.public.get(body.get("imageTail", "")),
            audio=bool(body.get("generateAudio")), size=(544, 306),
        )  # fmt: skip
        fails = "Content policy" if call.policy else ""
        job = self.make_job(body, clip=clip, fails=fails, model=path)
        return self._wrapped({"taskId": job.id, "status": "waiting"})

    def _wrapped(self, answer: dict[str, Any]) -> Reply:
        whole_ = {"code": "SUCCESS", "message": "success", "data": answer}
        return Reply(200, whole_ if self.wrapped else answer)


def _error(status: int, says: str, code: str) -> Reply:
    return Reply(status, {"message": says, "code": code})
