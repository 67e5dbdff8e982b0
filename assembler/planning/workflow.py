"""
A ComfyUI workflow and which of its inputs are ours to fill.

    workflow = read_workflow(Path("workflows/wan-2.2.json"))
    graph = workflow.filled({"prompt": "Mist lifts.", "seed": 7})

The file is what ComfyUI writes by *Export (API)*. A node says what of it is ours by its title:
``assembler: start`` on a LoadImage, ``assembler: width, height, length`` on a WanImageToVideo,
``assembler: seed=noise_seed`` where the input's name must be told.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

from assembler.errors import AssemblerError
from assembler.media.files import sha256_of
from assembler.planning.model import Link
from assembler.spec.flaw import did_you_mean, one_of, shown
from assembler.spec.model import Timeline

COMFYUI = "comfyui"
"""Provider whose clips a workflow decides."""

Slot = Literal[
    "prompt", "negative", "start", "end", "length", "seconds", "rate", "width", "height", "seed",
    "guidance", "output",
]  # fmt: skip
"""What can be filled; `length` counts frames, `output` is the name of the file that is saved."""

INPUTS: Mapping[Slot, tuple[str, ...]] = {
    "prompt": ("text", "prompt", "positive", "string", "value"),
    "negative": ("text", "negative", "negative_prompt", "string", "value"),
    "start": ("image", "start_image", "value"),
    "end": ("image", "end_image", "value"),
    "length": ("length", "num_frames", "frames", "value"),
    "seconds": ("duration", "seconds", "value"),
    "rate": ("fps", "frame_rate", "value"),
    "width": ("width", "value"),
    "height": ("height", "value"),
    "seed": ("seed", "noise_seed", "value"),
    "guidance": ("cfg", "guidance", "cfg_scale", "value"),
    "output": ("filename_prefix",),
}
"""Names that inputs have in nodes, the first that is there counts."""

FOLDER = "workflows"
"""Folder beside the timeline."""
PARTNERS = (
    "Kling", "Veo", "Runway", "Luma", "Minimax", "Hailuo", "Pika", "Pixverse", "PixVerse", "Vidu",
    "Moonvalley", "ByteDance", "Seedance", "Seedream", "OpenAI", "Gemini", "Grok", "Stability",
    "Recraft", "Ideogram", "FluxPro", "Flux2Pro", "FluxKontextPro", "FluxKontextMax", "Topaz",
    "Higgsfield", "Rodin", "Tripo", "Bria", "Ltxv",
)  # fmt: skip
"""How names of nodes begin that ComfyUI has partners make, for its credits."""
_PARTNER = re.compile(rf"(?:{'|'.join(PARTNERS)})(?![a-z])|.*Api(?:Node)?$")
_TITLE = re.compile(r"\s*assembler\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)
_EXPORT = "in ComfyUI, write it by File > Export (API)."


@dataclass(frozen=True, slots=True)
class Workflow:
    """A graph in ComfyUI's API format."""

    path: Path
    graph: Mapping[str, Any]
    slots: Mapping[Slot, tuple[tuple[str, str], ...]]
    """Node and input of everything that is ours."""

    def filled(self, values: Mapping[Slot, object]) -> dict[str, Any]:
        """The graph with those of our inputs that it has."""
        graph: dict[str, Any] = copy.deepcopy(dict(self.graph))
        for slot, value in values.items():
            for node, name in self.slots.get(slot, ()):
                graph[node]["inputs"][name] = value
        return graph

    @property
    def paid(self) -> tuple[str, ...]:
        """
        Classes of nodes that cost money, as far as their names tell.

        ComfyUI's own list says it for sure, when it runs.
        """
        names = {str(node["class_type"]) for node in self.graph.values()}
        return tuple(sorted(filter(_PARTNER.match, names)))


def workflow_file(link: Link, root: Path) -> Path:
    """
    Where the workflow of a link is: `options: {workflow: …}`, else one for what it starts from.

    Without the option it is ``workflows/<model>-text.json`` (``-start``, ``-start-end``) beside the
    timeline, else ``workflows/<model>.json``.
    """
    own = link.options.get("workflow")
    if own:
        return root / str(own)
    return _among(link.model, _what(link), root)


def workflow_files(model: str, options: Mapping[str, Any], root: Path) -> tuple[Path, ...]:
    """All files that may decide the links of a segment."""
    own = options.get("workflow")
    names = [f"{model}{what}.json" for what in ("", "-text", "-start", "-start-end")]
    paths = [root / str(own)] if own else [root / FOLDER / name for name in names]
    return tuple(path for path in paths if path.is_file())


def recipes(timeline: Timeline, provider: str | None) -> dict[str, str]:
    """
    Hash of the workflows of each segment that has some: a changed one makes another clip.

    Args:
        timeline: The timeline.
        provider: Takes the place of every provider that the timeline names.
    """
    found = {}
    for segment in timeline.segments:
        if (provider or segment.provider or timeline.defaults.provider) == COMFYUI:
            model = segment.model or timeline.defaults.model
            files = workflow_files(model, segment.options, timeline.path.parent)
            found[segment.id] = " ".join(sha256_of(path) for path in files)
    return found


def _what(link: Link) -> str:
    return "text" if link.start is None else "start" if link.end is None else "start-end"


def _among(model: str, what: str, root: Path) -> Path:
    special = root / FOLDER / f"{model}-{what}.json"
    return special if special.is_file() else root / FOLDER / f"{model}.json"


def read_workflow(path: Path) -> Workflow:
    """
    The workflow in a file.

    Raises:
        AssemblerError: If there is none, or it isn't in the API format, or a title asks for what
            isn't there.
    """
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AssemblerError("there is no such workflow", str(path), _EXPORT) from None
    except (OSError, ValueError) as exc:
        raise AssemblerError(f"is no workflow: {exc}", str(path), _EXPORT) from exc
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise AssemblerError("is a workflow in the editor's format", str(path), _EXPORT)
    if not isinstance(graph, dict) or not graph or not all(map(_is_node, graph.values())):
        raise AssemblerError("is no workflow in the API format", str(path), _EXPORT)
    return Workflow(path, graph, _slots(path, graph))


def _is_node(node: object) -> bool:
    return (
        isinstance(node, dict)
        and isinstance(node.get("class_type"), str)
        and isinstance(node.get("inputs"), dict)
    )


def _slots(
    path: Path, graph: Mapping[str, Mapping[str, Any]]
) -> dict[Slot, tuple[tuple[str, str], ...]]:
    slots: dict[Slot, tuple[tuple[str, str], ...]] = {}
    for id_, node in graph.items():
        match = _TITLE.fullmatch(str((node.get("_meta") or {}).get("title", "")))
        for part in filter(None, map(str.strip, match[1].split(","))) if match else ():
            word, _, own = (text.strip() for text in part.partition("="))
            slot = _slot(word, path, id_)
            name = own or next((n for n in INPUTS[slot] if _literal(node, n)), "")
            if not _literal(node, name):
                what = f"node {id_} ({node['class_type']}) has no input of its own for {slot}"
                free = [n for n in node["inputs"] if _literal(node, n)]
                fix = f"its title may name it: `assembler: {slot}={free[0] if free else '…'}`."
                raise AssemblerError(what, str(path), fix)
            slots[slot] = (*slots.get(slot, ()), (id_, name))
    if "output" not in slots:
        slots["output"] = tuple((i, "filename_prefix") for i, n in graph.items() if _saves(n))
    if not slots["output"]:
        what = "has no node that saves a video"
        raise AssemblerError(what, str(path), "end it with SaveVideo or VHS_VideoCombine.")
    return slots


def _slot(word: str, path: Path, id_: str) -> Slot:
    known = get_args(Slot)
    for slot in known:
        if slot == word.lower():
            found: Slot = slot
            return found
    what = f"node {id_}: its title asks for {shown(word)}"
    raise AssemblerError(what, str(path), did_you_mean(word, known, f"write {one_of(known)}."))


def _literal(node: Mapping[str, Any], name: str) -> bool:
    """Whether an input has a value of its own; a list is a wire from another node."""
    return name in node["inputs"] and not isinstance(node["inputs"][name], list)


def _saves(node: Mapping[str, Any]) -> bool:
    """Video savers, ComfyUI's own and VideoHelperSuite's."""
    return _literal(node, "filename_prefix") and bool(
        re.search("video|webm", str(node["class_type"]), re.IGNORECASE)
    )


def problems_of(link: Link, root: Path) -> list[tuple[str, str]]:
    """What keeps a link from being made by its workflow, each with its remedy."""
    path = workflow_file(link, root)
    if not path.is_file():
        what = f"there is no workflow {path.name} for {link.model}"
        return [(what, f"put it at {path}, or name one: `options: {{workflow: …}}`; {_EXPORT}")]
    try:
        workflow = read_workflow(path)
    except AssemblerError as error:
        return [(f"{path.name} {error.what}", error.fix)]
    middle = "no workflow is filled with images in the middle"
    return [(middle, "leave out `middle`.")] * bool(link.middle) + [
        (
            f"{path.name} has no place for {_NAMES.get(slot, f'its {slot}')}",
            f"title the node that takes it `assembler: {slot}` and export the workflow again.",
        )
        for slot in missing_slots(workflow, link)
    ]


_NAMES: Mapping[Slot, str] = {
    "start": "a start image", "end": "an end image", "negative": "a negative prompt",
}  # fmt: skip


def price_of(link: Link, root: Path) -> Decimal | None:
    """
    What a link's workflow costs: nothing on one's own machine, unless nodes of it are paid.

    Then it is what the model's preset says, and not known where that says nothing.
    """
    if not read_workflow(workflow_file(link, root)).paid:
        return Decimal(0)
    return link.price_usd or None


def missing_slots(workflow: Workflow, link: Link) -> tuple[Slot, ...]:
    """What a link wants filled and the workflow has no place for."""
    wanted: dict[Slot, bool] = {
        "prompt": bool(link.prompt),
        "negative": bool(link.negative),
        "start": link.start is not None,
        "end": link.end is not None,
        "seed": link.seed is not None,
        "guidance": link.guidance is not None,
    }
    return tuple(slot for slot, wants in wanted.items() if wants and slot not in workflow.slots)
