"""
ComfyUI on this machine, or wherever its server is: a workflow of the user's makes the clips.

A job's id is ours, made from the submission's; it is looked for in history and queue, and among the
saved files where the server was started anew meanwhile. How a workflow says what is filled is told
in `planning.workflow`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from anyio import to_thread

from assembler.errors import AssemblerError
from assembler.generation.base import (
    Can,
    Done,
    Failed,
    Found,
    JobState,
    Lookup,
    NotMade,
    NotSubmittedError,
    Queued,
    Request,
    Running,
    Sent,
)
from assembler.generation.http import Answer, Api, Limits
from assembler.generation.keys import find_key
from assembler.generation.platform import Platform
from assembler.generation.refusals import Refusal, before_sending
from assembler.generation.sending import record_of, text_of
from assembler.planning.account import Account
from assembler.planning.model import Link
from assembler.planning.prompts import joined
from assembler.planning.workflow import Slot, Workflow, missing_slots, read_workflow, workflow_file

_FOLDER = "assembler"
"""Folder of ComfyUI's inputs and outputs in which ours lie."""
_VIDEOS = (".mp4", ".webm", ".mov", ".mkv")
_SAVED = (".mp4", ".webm")
"""What SaveVideo and SaveWEBM write, as ``<prefix>_00001_.mp4``."""
_SHOWN = 3
"""Problems of nodes that a message names."""


class Comfyui(Platform):
    """
    A ComfyUI server.

    Args:
        folder: Of the project, in which the timeline's folder is found.
        root: Folder of the timeline, where its workflows lie.
        concurrency: Jobs handed over at once; the server makes one at a time.
        limits: How long and how large things may be.
    """

    name = "comfyui"
    can = Can(frames="upload", client_id=True, lookup=True, cancel=True, concurrency=2)
    poll_s = 2.0

    def __init__(
        self,
        folder: Path,
        *,
        root: Path | None = None,
        concurrency: int = 2,
        limits: Limits | None = None,
    ) -> None:
        # The folder is .assembler/jobs/comfyui beside the timeline.
        self._root = root or folder.parents[2]
        self._key = find_key("COMFYUI_API_KEY")
        keys = [self._key] if self._key else []
        api = Api(self.name, "http://127.0.0.1:8188", judge=_judge, keys=keys, limits=limits)
        super().__init__(folder, concurrency, api)
        self._paid: dict[str, bool] = {}
        """Whether a class of nodes costs money."""
        self.account = Account(api.account.address)  # its jobs lie at the server, whoever asks

    async def submit(self, request: Request) -> str:
        """Upload the frames, fill the workflow, queue it under our id."""
        job = _job(request.client_id)
        workflow = await to_thread.run_sync(self._workflow, request)
        with before_sending():
            if request.link.price_usd == 0:
                await self._check_free(workflow, request.link)
            frames = [
                await self._upload(path) if path else None for path in (request.start, request.end)
            ]
        graph = workflow.filled(_values(request, job, *frames))
        body: dict[str, Any] = {"prompt": graph, "prompt_id": job, "client_id": _FOLDER}
        if self._key:
            body["extra_data"] = {"api_key_comfy_org": self._key.reveal()}
        answer = await self._api.post_once("/prompt", json=body)
        dropped = record_of(answer.data, "node_errors")
        if dropped:  # it runs without some of its outputs
            await self.cancel(job)
            said = "; ".join(_flaws(dropped))
            raise self._api.error(Refusal("parameter", said, no_job=True), submitting=True)
        return text_of(answer.data, "prompt_id") or job

    def _workflow(self, request: Request) -> Workflow:
        link = request.link
        path = workflow_file(link, self._root)
        try:
            workflow = read_workflow(path)
        except AssemblerError as exc:
            what = f"comfyui: {path.name} {exc.what}"
            raise NotSubmittedError(what, link.where, exc.fix, "parameter") from exc
        for slot in missing_slots(workflow, link):
            what = f"comfyui: {path.name} has no place for `{slot}`"
            fix = f"title the node that takes it `assembler: {slot}` and export it again."
            raise NotSubmittedError(what, link.where, fix, "parameter")
        return workflow

    async def _check_free(self, workflow: Workflow, link: Link) -> None:
        """What is counted as free must be so, by the server's own word on every node."""
        for name in sorted({str(node["class_type"]) for node in workflow.graph.values()}):
            if name not in self._paid:
                at = f"/object_info/{quote(name, safe='')}"
                answer = await self._api.ask("GET", at, fine=range(400, 500))
                self._paid[name] = record_of(answer.data, name).get("api_node") is True
            if self._paid[name]:
                raise NotSubmittedError(
                    f"comfyui: node {name} of {workflow.path.name} is paid, and was counted as "
                    "free",
                    link.where,
                    f"say what it costs in a preset of your own, presets/models/{link.model}.yaml: "
                    "`prices: [{provider: comfyui, usd_per_s: …}]`.",
                    "parameter",
                )

    async def _upload(self, path: Path) -> str:
        """Name under which a LoadImage finds it; what is there already is used again."""
        content = await to_thread.run_sync(path.read_bytes)
        name = f"{hashlib.sha256(content).hexdigest()[:24]}{path.suffix}"
        answer = await self._api.ask(
            "POST", "/upload/image", files={"image": (name, content, "image/png")},
            data={"subfolder": _FOLDER, "overwrite": "true", "type": "input"},
        )  # fmt: skip
        stored, folder = text_of(answer.data, "name"), text_of(answer.data, "subfolder")
        if not stored:
            raise self._api.error(Refusal("server", "the upload has no name"))
        return f"{folder}/{stored}" if folder else stored

    async def find(self, sent: Sent) -> Lookup:
        """Whether it is finished, queued, or its file is there."""
        job = _job(sent.client_id)
        known = await self._entry(job) or await self._queued(job) or await self._saved(job)
        return Found(job) if known else NotMade()

    async def standing(self) -> str:
        """Which version answers."""
        answer = await self._api.ask("GET", "/system_stats")
        system = answer.data.get("system") if isinstance(answer.data, Mapping) else None
        version = system.get("comfyui_version", "") if isinstance(system, Mapping) else ""
        return f"ComfyUI {version}".strip()

    async def poll(self, job: str) -> JobState:
        """Its state by history and queue, which a restart of the server empties."""
        entry = await self._entry(job)
        if entry is None:
            state = await self._queued(job)
            if state is not None:
                return state
            entry = await self._entry(job)  # it may have ended between the two looks
        if entry is not None:
            return await self._result(entry)
        url = await self._saved(job)
        if url:
            return Done(url)
        return Failed(
            "ComfyUI doesn't know the job any more; it may have been started anew",
            "run again to make the clip anew.",
            "server",
        )

    async def _entry(self, job: str) -> Mapping[str, Any] | None:
        answer = await self._api.ask("GET", f"/history/{quote(job, safe='')}")
        return record_of(answer.data, job) or None

    async def _queued(self, job: str) -> JobState | None:
        answer = await self._api.ask("GET", "/queue")
        states: Mapping[str, JobState] = {"queue_running": Running(), "queue_pending": Queued()}
        for name, state in states.items():
            for item in answer.data.get(name) or () if isinstance(answer.data, Mapping) else ():
                if isinstance(item, list) and job in item[1:2]:
                    return state
        return None

    async def _saved(self, job: str) -> str | None:
        """Address of a job's file by the name that it was told to save under."""
        for suffix in _SAVED:
            file = {
                "filename": f"{job}_00001_{suffix}", "subfolder": _FOLDER, "type": "output",
            }  # fmt: skip
            answer = await self._api.ask(
                "GET", "/view", params=file, headers={"Range": "bytes=0-0"},
                fine=(200, 206, 400, 403, 404),
            )  # fmt: skip
            if answer.status < 300:
                return self._view(file)
        return None

    def _view(self, file: Mapping[str, Any]) -> str:
        names = ("filename", "subfolder", "type")
        return f"{self._api.url}/view?{urlencode({n: file.get(n) or '' for n in names})}"

    async def _result(self, entry: Mapping[str, Any]) -> JobState:
        """A job in the history: its clip, or why there is none."""
        status = record_of(entry, "status")
        if text_of(status, "status_str") == "error":
            return await self._failed(status)
        file = next(_files(entry.get("outputs")), None)
        if file is not None:
            return Done(self._view(file))
        return Failed(
            "the workflow has saved no video", "end it with SaveVideo or VHS_VideoCombine."
        )

    async def _failed(self, status: Mapping[str, Any]) -> Failed:
        told = {m[0]: m[1] for m in status.get("messages") or () if len(m) == 2}
        if "execution_interrupted" in told:
            return Failed("it was interrupted in ComfyUI", "run again to make it anew.")
        error = record_of(told, "execution_error")
        kind, words = text_of(error, "exception_type"), text_of(error, "exception_message")
        node = f"node {error.get('node_id', '?')} ({text_of(error, 'node_type')})"
        if "OutOfMemory" in kind:
            await self._api.ask(
                "POST", "/free", json={"unload_models": True, "free_memory": True}, fine=(200,)
            )
            return Failed(
                f"{node} ran out of memory; models were unloaded",
                "run again, or take a smaller resolution or a shorter clip.",
                "server",
            )
        return Failed(f"{node} failed: {' '.join(words.split())[:300]}", "see ComfyUI's own log.")

    async def cancel(self, job: str) -> None:
        """Take it out of the queue; stop it only if it is the one that runs."""
        running = isinstance(await self._queued(job), Running)
        await self._api.ask("POST", "/queue", json={"delete": [job]}, fine=(200,))
        if running:  # older servers stop whatever runs
            await self._api.ask("POST", "/interrupt", json={"prompt_id": job}, fine=(200,))


def _job(client_id: str) -> str:
    """The id of a job: a UUID, as newer servers demand, the same for the same submission."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"assembler:{client_id}"))


def _values(request: Request, job: str, start: str | None, end: str | None) -> dict[Slot, object]:
    """What goes into the workflow."""
    link = request.link
    # Another seed for every submission, or a second take would be the first one again.
    seed = link.seed if link.seed is not None else uuid.UUID(job).int % 2**32
    values: dict[Slot, object] = {
        "prompt": joined(link.prompt, link.camera),
        "negative": link.negative,
        "length": link.frames,
        "seconds": float(link.length_s),
        "rate": float(link.rate) if link.rate.denominator > 1 else int(link.rate),
        "width": link.size[0],
        "height": link.size[1],
        "seed": seed,
        "output": f"{_FOLDER}/{job}",
    }
    given: dict[Slot, object] = {"start": start, "end": end, "guidance": link.guidance}
    values |= {slot: value for slot, value in given.items() if value is not None}
    if not link.negative:  # what the workflow says stays
        del values["negative"]
    return values


def _files(outputs: object) -> Iterator[Mapping[str, Any]]:
    """Saved videos in what nodes have put out, whatever the list is called."""
    for node in outputs.values() if isinstance(outputs, Mapping) else ():
        for items in node.values() if isinstance(node, Mapping) else ():
            for item in items if isinstance(items, list) else ():
                if isinstance(item, Mapping) and item.get("type") == "output" and _moves(item):
                    yield item


def _moves(item: Mapping[str, Any]) -> bool:
    return text_of(item, "filename").lower().endswith(_VIDEOS)


def _judge(answer: Answer) -> Refusal | None:
    """What is wrong with a workflow, node by node."""
    if answer.status != 400 or not isinstance(answer.data, Mapping):
        return None
    flaws = list(_flaws(record_of(answer.data, "node_errors")))
    if not flaws:
        error = record_of(answer.data, "error")
        words = (text_of(error, "message"), text_of(error, "details"))
        flaws = [": ".join(filter(None, words))]
    more = f", and {len(flaws) - _SHOWN} more" if len(flaws) > _SHOWN else ""
    return Refusal("parameter", "; ".join(flaws[:_SHOWN]) + more)


def _flaws(nodes: Mapping[str, Any]) -> Iterator[str]:
    for id_, node in nodes.items():
        for error in record_of(nodes, id_).get("errors") or ():
            words = (text_of(error, "message"), text_of(error, "details"))
            yield f"node {id_} ({text_of(node, 'class_type')}): {': '.join(filter(None, words))}"
