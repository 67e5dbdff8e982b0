"""Workflows of ComfyUI: which of their inputs are ours, and what keeps a link from being made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assembler.assemble.prepare import plan
from assembler.errors import AssemblerError, PlanError
from assembler.planning.workflow import read_workflow


def graph(**titles: str) -> dict[str, Any]:
    """Wan 2.2 as its template has it, with these titles."""
    nodes: dict[str, Any] = {
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["38", 0]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blur", "clip": ["38", 0]}},
        "97": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "98": {
            "class_type": "WanImageToVideo",
            "inputs": {
                "width": 832, "height": 480, "length": 81, "batch_size": 1, "positive": ["6", 0],
                "negative": ["7", 0], "vae": ["39", 0], "start_image": ["97", 0],
            },
        },
        "3": {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 1, "latent": ["98", 2]}},
        "57": {"class_type": "CreateVideo", "inputs": {"fps": 16, "images": ["3", 0]}},
        "108": {"class_type": "SaveVideo", "inputs": {"filename_prefix": "x", "video": ["57", 0]}},
    }  # fmt: skip
    for id_, title in titles.items():
        nodes[id_.removeprefix("n")]["_meta"] = {"title": title}
    return nodes


TITLES = {
    "n6": "assembler: prompt", "n7": "assembler: negative", "n97": "Assembler:start",
    "n98": "assembler: width, height, length", "n3": "assembler: seed",
    "n57": "assembler: rate",
}  # fmt: skip


def _written(folder: Path, content: object, name: str = "wan-2.2.json") -> Path:
    path = folder / "workflows" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_titles_say_what_is_filled(tmp_path: Path) -> None:
    workflow = read_workflow(_written(tmp_path, graph(**TITLES)))
    filled = workflow.filled({
        "prompt": "Mist.", "negative": "", "start": "a.png", "width": 480, "height": 832,
        "length": 49, "seed": 7, "rate": 16, "output": "out/a",
    })  # fmt: skip
    assert filled["6"]["inputs"]["text"] == "Mist."
    assert filled["97"]["inputs"]["image"] == "a.png"
    assert (
        filled["98"]["inputs"] | {"width": 480, "height": 832, "length": 49}
        == (filled["98"]["inputs"])
    )
    assert filled["3"]["inputs"]["noise_seed"] == 7
    assert filled["108"]["inputs"]["filename_prefix"] == "out/a"
    assert workflow.graph["6"]["inputs"]["text"] == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"nodes": [], "links": []}, "is a workflow in the editor's format"),
        ({"6": {"class_type": "X"}}, "is no workflow in the API format"),
        ([1], "is no workflow in the API format"),
        (graph(n6="assembler: promt"), "node 6: its title asks for 'promt'"),
        (graph(n6="assembler: seed"), "node 6 (CLIPTextEncode) has no input of its own for seed"),
        ({"6": graph()["6"]}, "has no node that saves a video"),
    ],
)
def test_what_is_wrong_with_a_workflow_is_said(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(AssemblerError) as caught:
        read_workflow(_written(tmp_path, content))
    assert said in caught.value.what
    assert caught.value.fix


def test_the_input_can_be_named(tmp_path: Path) -> None:
    nodes = graph(n6="assembler: prompt=text_g")
    nodes["6"]["inputs"]["text_g"] = ""
    workflow = read_workflow(_written(tmp_path, nodes))
    assert workflow.filled({"prompt": "Mist."})["6"]["inputs"]["text_g"] == "Mist."


def _timeline(folder: Path, more: str = "") -> Path:
    path = folder / "film.yaml"
    path.write_text(
        "assembler: 1\ndefaults: {provider: comfyui, model: wan-2.2, audio: off}\n"
        f"segments:\n  - {{id: s, duration: 9s, prompt: Mist.{more}}}\n",
        encoding="utf-8",
    )
    return path


def test_a_missing_workflow_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        plan(_timeline(tmp_path))
    assert (
        "film.yaml:4:5: segment s: link s.1: there is no workflow wan-2.2.json for wan-2.2"
        in str(caught.value)
    )


def test_a_workflow_without_a_place_for_a_wish_is_told(tmp_path: Path) -> None:
    """The chain's second link has a start frame, the first has none."""
    _written(tmp_path, graph(n6="assembler: prompt"))
    with pytest.raises(PlanError) as caught:
        plan(_timeline(tmp_path, ", seed: 7"))
    assert [problem.what for problem in caught.value.problems] == [
        "segment s: link s.1: wan-2.2.json has no place for its seed",
        "segment s: link s.2: wan-2.2.json has no place for a start image",
        "segment s: link s.2: wan-2.2.json has no place for its seed",
    ]


def test_links_from_words_and_from_frames_may_have_a_workflow_each(tmp_path: Path) -> None:
    _written(tmp_path, graph(n6="assembler: prompt"), "wan-2.2-text.json")
    _written(tmp_path, graph(**TITLES), "wan-2.2-start.json")
    assert len(plan(_timeline(tmp_path)).prepared.plan.steps) == 2


def test_a_changed_workflow_makes_another_clip(tmp_path: Path) -> None:
    keys = []
    for seed in (1, 2):
        nodes = graph(**TITLES)
        nodes["3"]["inputs"]["noise_seed"] = seed
        _written(tmp_path, nodes)
        keys.append(plan(_timeline(tmp_path)).prepared.plan.steps[0].link.key)
    assert keys[0] != keys[1]


def test_a_segment_can_name_its_workflow(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(graph(**TITLES)), encoding="utf-8")
    made = plan(_timeline(tmp_path, ", options: {workflow: mine.json}"))
    assert len(made.prepared.plan.steps) == 2


def test_a_draft_needs_no_workflow(tmp_path: Path) -> None:
    assert plan(_timeline(tmp_path), draft=True).prepared.plan.steps[0].link.provider == "animatic"


@pytest.mark.parametrize(
    ("name", "paid"),
    [("KlingFirstLastFrameNode", True), ("WanImageToVideoApi", True), ("WanImageToVideo", False),
     ("LTXVImgToVideo", False), ("Veo3VideoGenerationNode", True), ("VeoliteSampler", False),
     ("FluxGuidance", False)],
)  # fmt: skip
def test_nodes_of_partners_are_not_counted_as_free(tmp_path: Path, name: str, paid: bool) -> None:
    nodes = graph(**TITLES) | {"200": {"class_type": name, "inputs": {}}}
    _written(tmp_path, nodes)
    row = plan(_timeline(tmp_path)).rows[0]
    assert row.price_usd == (None if paid else 0)
