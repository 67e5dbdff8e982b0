"""
ComfyUI on loopback.

True to its source: paths and forms of /prompt, /queue, /history, /view, /upload/image, /interrupt
and /free; prompt ids in the form of a UUID; validation node by node (unknown class, missing
input, value not in list, value out of range, an image that isn't there), also the 200 that drops
outputs; an id that comes twice runs twice; upload names ("name (1).png" for other bytes unless
`overwrite`); where savers put their files and in which list; that a restart forgets queue and
history, but not files; ranges in /view.
Assumed: only the nodes of Wan workflows are known; equal graphs aren't cached.
"""

from __future__ import annotations

import re
import uuid
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.servers.forms import form
from tests.servers.kit import Call, Job, Platform, Reply, route

_MODELS = ("wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors",)
_WAN = {"positive", "negative", "vae", "width", "height", "length", "batch_size"}
NODES: dict[str, set[str]] = {
    "UNETLoader": {"unet_name"},
    "CLIPTextEncode": {"text", "clip"},
    "LoadImage": {"image"},
    "WanImageToVideo": _WAN,
    "WanFirstLastFrameToVideo": _WAN,
    "Wan22ImageToVideoLatent": {"vae", "width", "height", "length", "batch_size"},
    "KSamplerAdvanced": {"noise_seed", "latent"},
    "CreateVideo": {"fps", "images"},
    "SaveVideo": {"filename_prefix", "video"},
    "VHS_VideoCombine": {"filename_prefix", "images"},
    "KlingFirstLastFrameNode": {"prompt"},
    "NewPartnerNode": {"prompt"},
}
"""Class -> inputs that it needs."""
PAID = {"KlingFirstLastFrameNode", "NewPartnerNode"}
"""Nodes of partners, which /object_info calls so."""
_OUTSIDE = {"clip", "vae", "images", "latent"}
"""Inputs whose nodes are left out of the workflows of tests."""


class Comfyui(Platform):
    name = "comfyui"

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, rate=Fraction(16), **more)
        self.inputs: dict[str, Path] = {}
        """LoadImage's name -> file."""
        self.files: dict[str, Job] = {}
        """Path in the output folder -> job; a restart leaves them."""
        self.freed = 0
        self.drops = False
        """Some outputs are dropped, which answers 200."""
        self.out_of_memory = False
        self.keys: list[str] = []

    def restart(self) -> None:
        """The process is started anew."""
        for job in self.jobs.values():
            self._save(job)
        self.jobs.clear()

    @route("GET", "/system_stats")
    def stats(self, call: Call) -> Reply:
        return Reply(200, {"system": {"comfyui_version": "0.3.64"}, "devices": []})

    @route("GET", "/object_info/{name}")
    def object_info(self, call: Call, name: str) -> Reply:
        if name not in NODES:
            return Reply(200, {})
        return Reply(200, {name: {"name": name} | ({"api_node": True} if name in PAID else {})})

    @route("POST", "/upload/image", stage="upload")
    def upload(self, call: Call) -> Reply:
        fields = form(call)
        if "image" not in fields:
            return Reply(400)
        part = fields["image"]
        folder = fields["subfolder"].text if "subfolder" in fields else ""
        over = "overwrite" in fields and fields["overwrite"].text in ("true", "1")
        kept, name = self.keep(part.content, Path(part.filename).suffix), part.filename
        if not over and self.inputs.get(f"{folder}/{name}".lstrip("/"), kept) != kept:
            name = f"{Path(name).stem} (1){Path(name).suffix}"
        self.inputs[f"{folder}/{name}".lstrip("/")] = kept
        return Reply(200, {"name": name, "subfolder": folder, "type": "input"})

    @route("POST", "/prompt", stage="submit")
    def prompt(self, call: Call) -> Reply:
        body = call.json
        graph, id_ = body.get("prompt"), body.get("prompt_id") or str(uuid.uuid4())
        if graph is None:
            return _refused("no_prompt", "No prompt provided")
        if str(uuid.UUID(id_)) != id_:
            return _refused("invalid_prompt_id", "prompt_id must be a UUID")
        unknown = next((n for n in graph.values() if n.get("class_type") not in NODES), None)
        if unknown is not None:
            return _refused("invalid_prompt", f"Cannot execute: no node {unknown['class_type']}")
        errors = {i: e for i, node in graph.items() if (e := self._wrong(graph, i, node))}
        if errors:
            what = "Prompt outputs failed validation"
            return _refused("prompt_outputs_failed_validation", what, errors)
        self.keys.append(body.get("extra_data", {}).get("api_key_comfy_org", ""))
        job = self.make_job(
            graph, clip=self._recipe(graph), id_=id_, model="gpu",
            fails="out of memory" if self.out_of_memory else "",
        )  # fmt: skip
        dropped = {"9": _error("9", "SaveVideo", "custom_validation_failed", "", "")}
        return Reply(200, {
            "prompt_id": job.id, "number": len(self.jobs),
            "node_errors": dropped if self.drops else {},
        })  # fmt: skip

    def _wrong(self, graph: dict[str, Any], id_: str, node: dict[str, Any]) -> dict[str, Any]:
        kind, inputs = node["class_type"], node["inputs"]
        for name in sorted(NODES[kind] - inputs.keys()):
            return _error(id_, kind, "required_input_missing", "Required input is missing", name)
        for name, value in inputs.items():
            wired = isinstance(value, list) and name not in _OUTSIDE
            if wired and (len(value) != 2 or str(value[0]) not in graph):
                return _error(id_, kind, "bad_linked_input", "Bad linked input", name)
        if kind == "UNETLoader" and inputs["unet_name"] not in _MODELS:
            details = f"unet_name: '{inputs['unet_name']}' not in {list(_MODELS)}"
            return _error(id_, kind, "value_not_in_list", "Value not in list", details)
        if kind == "LoadImage" and inputs["image"] not in self.inputs:
            details = f"image - Invalid image file: {inputs['image']}"
            return _error(
                id_, kind, "custom_validation_failed", "Custom validation failed", details
            )
        if "length" in inputs and (inputs["length"] - 1) % 4:
            return _error(id_, kind, "value_not_in_list", "length must be 4n+1", "length")
        if "noise_seed" in inputs and not 0 <= inputs["noise_seed"] < 2**64:
            return _error(id_, kind, "value_bigger_than_max", "Value bigger than max", "noise_seed")
        return {}

    def _recipe(self, graph: dict[str, Any]) -> Any:
        """What a Wan workflow would draw."""
        latent = next(n["inputs"] for n in graph.values() if "length" in n["inputs"])
        video = next(n["inputs"] for n in graph.values() if n["class_type"] == "CreateVideo")
        assert video["fps"] == self.rate

        def image(name: str) -> Path | None:
            wire = latent.get(name)
            return self.inputs[graph[wire[0]]["inputs"]["image"]] if wire else None

        words = graph[latent["positive"][0]]["inputs"]["text"] if "positive" in latent else ""
        return self.recipe(
            words, Fraction(latent["length"] - 1, int(self.rate)), start=image("start_image"),
            end=image("end_image"), size=(latent["width"], latent["height"]),
        )  # fmt: skip

    @route("GET", "/queue", stage="find")
    def queue(self, call: Call) -> Reply:
        lists: dict[str, list[Any]] = {"queued": [], "running": []}
        for number, job in enumerate(self.jobs.values()):
            state = job.state(self.now())
            if state in lists:
                lists[state].append([number, job.id, job.body, {}, []])
        return Reply(200, {"queue_running": lists["running"], "queue_pending": lists["queued"]})

    @route("POST", "/queue")
    def change(self, call: Call) -> Reply:
        for id_ in call.json.get("delete", ()):
            if id_ in self.jobs and self.jobs[id_].state(self.now()) == "queued":
                del self.jobs[id_]
        return Reply(200, b"")

    @route("POST", "/interrupt")
    def interrupt(self, call: Call) -> Reply:
        job = self.jobs.get(call.json.get("prompt_id", ""))
        if job is not None and job.state(self.now()) == "running":
            job.cancelled = True
        return Reply(200, b"")

    @route("POST", "/free")
    def free(self, call: Call) -> Reply:
        self.freed += 1
        return Reply(200, b"")

    @route("GET", "/history/{id_}", stage="poll")
    def history(self, call: Call, id_: str) -> Reply:
        job = self.jobs.get(id_)
        state = job.state(self.now()) if job else ""
        if job is None or state not in ("done", "failed"):
            return Reply(200, {})
        messages: list[Any] = [["execution_start", {"prompt_id": id_, "timestamp": 1}]]
        outputs: dict[str, Any] = {}
        if job.cancelled:
            messages.append(["execution_interrupted", {"prompt_id": id_}])
        elif state == "failed":
            messages.append(["execution_error", {
                "prompt_id": id_, "node_id": "3", "node_type": "KSamplerAdvanced",
                "exception_type": "torch.OutOfMemoryError",
                "exception_message": "Allocation on device", "traceback": [],
            }])  # fmt: skip
        else:
            messages.append(["execution_success", {"prompt_id": id_}])
            outputs = self._save(job)
        word = "success" if state == "done" else "error"
        status = {"status_str": word, "completed": state == "done", "messages": messages}
        return Reply(200, {id_: {"prompt": [], "outputs": outputs, "status": status, "meta": {}}})

    def _save(self, job: Job) -> dict[str, Any]:
        """The saver's file, and what it says of it."""
        for id_, node in job.body.items():
            if "filename_prefix" in node["inputs"] and not job.fails:
                folder, _, stem = node["inputs"]["filename_prefix"].rpartition("/")
                name = f"{stem}_00001_.mp4"
                self.files[f"{folder}/{name}"] = job
                item = {"filename": name, "subfolder": folder, "type": "output"}
                if node["class_type"] == "VHS_VideoCombine":
                    return {id_: {"gifs": [item | {"format": "video/h264-mp4"}]}}
                return {id_: {"images": [item], "animated": [True]}}
        return {}

    @route("GET", "/view", stage="download")
    def view(self, call: Call) -> Reply:
        path = f"{call.query.get('subfolder', '')}/{call.query['filename']}"
        if ".." in path:
            return Reply(403, b"")
        job = self.files.get(path)
        if job is None or call.query.get("type") != "output":
            return Reply(404, b"")
        content = self.clip(job).read_bytes()
        if re.fullmatch(r"bytes=0-0", call.headers.get("range", "")):
            return Reply(206, content[:1], {"Content-Type": "video/mp4"})
        return Reply(200, content, {"Content-Type": "video/mp4"})


def _refused(kind: str, words: str, nodes: dict[str, Any] | None = None) -> Reply:
    error = {"type": kind, "message": words, "details": "", "extra_info": {}}
    return Reply(400, {"error": error, "node_errors": nodes or {}})


def _error(id_: str, kind: str, type_: str, words: str, details: str) -> dict[str, Any]:
    error = {"type": type_, "message": words, "details": details, "extra_info": {}}
    return {"errors": [error], "dependent_outputs": ["108"], "class_type": kind}
