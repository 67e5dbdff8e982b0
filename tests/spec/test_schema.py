"""The schema agrees with the loader on what is a timeline, shorthand included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from assembler.spec.model import Timeline
from assembler.spec.problems import _model_in
from assembler.spec.schema import part_schema, timeline_schema
from assembler.spec.values import Spec
from assembler.spec.yaml import Source, parse, value

from .test_load import DESIGN

EXAMPLES = sorted((Path(__file__).parents[2] / "timelines").glob("*.yaml"))
MINIMAL = "assembler: 1\nsegments: [{id: a, duration: 5s, prompt: x}]\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = timeline_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def read(text: str) -> Any:
    return value(parse(Source("t.yaml"), text.encode()))


def wrong(validator: Draft202012Validator, text: str) -> list[str]:
    return [e.json_path for e in validator.iter_errors(read(text))]


def test_timeline_of_the_design_validates(validator: Draft202012Validator) -> None:
    assert wrong(validator, DESIGN) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_validate(validator: Draft202012Validator, path: Path) -> None:
    assert wrong(validator, path.read_text(encoding="utf-8")) == []


SHORT = [
    "output: [youtube-1080p]",
    "output: youtube-1080p",
    "output: {preset: draft, path: o.mp4}",
    "captions: media/captions.srt",
    "output: [{preset: x, size: 1920x1080, mix: web}]",
    "canvas: {rate: 24000/1001}",
    "canvas: {rate: 25, size: 640 × 360}",
    "native_audio: {level: -3dB}",
    "native_audio: {level: -3, match: yes}",
    "title: 1984",
    "titles: [{text: x, on: a+1.5s, for: 12f}]",
    "titles: [{text: x, on: 00:00:10:00, for: 0.5}]",
    'titles: [{text: x, on: "${where}", for: "${long}"}]',
    "tracks: [{id: t, file: x.wav, fade_in: 1s, fade_out: {duration: 2s, curve: exp}}]",
    "tracks: [{id: t, file: x.wav, points: [{at: 1s, gain: -6dB}], loop: true}]",
    "vars: {a: 1, b: x, c: true}",
    "defaults: {takes: '${n}', guidance: 0.5}",
    "mix: web",
]

SEGMENTS = [
    "file: x.mov, join: cut",
    "file: x.mov, join: dissolve",
    "file: x.mov, join: {dissolve: 12f}",
    "file: x.mov, join: {wipe-left: 0.5s, j-cut: 3f}",
    "file: x.mov, join: {kind: transition, transition: radial, duration: 1s}",
    "file: x.mov, in: 00:00:02;00, out: 5",
    "duration: 5s, prompt: x, layer: {width: 30%, over: b}",
    "duration: 5s, prompt: x, layer: {width: 0.3, on: b-2f}",
    "duration: 5s, prompt: 12, options: {a: {b: [1]}}",
    "duration: 5s, continue: b, prompt: x",
]

BAD = [
    "output: []",
    "canvas: {size: 1920}",
    "canvas: {rate: fast}",
    "titel: x",
    "path: x",
    "native_audio: {level: loud}",
    "native_audio: {mode: kep}",
    "titles: [{text: x, on: a}]",
    "titles: [{text: x, on: a b, for: 1s}]",
    "titles: [{text: x, on: a, for: 1:30}]",
    "tracks: [{id: t, file: x.wav, duck: {under: [voce]}}]",
    "defaults: {takes: 0}",
    "defaults: {takes: 21}",
    "defaults: {fit: covr}",
    "budget: {usd: -1}",
    "vars: {a: [1]}",
]

BAD_SEGMENTS = [
    "file: x.mov, join: dissolv",
    "file: x.mov, join: {dissolv: 12f}",
    "file: x.mov, in: -2s",
    "duraton: 5s, prompt: x",
    "duration: 5x, prompt: x",
    "duration: 5s, prompt: x, layer: {width: wide}",
    "url: ftp://x",
    "duration: 5s, prompt: [x]",
]


def with_segment(words: str) -> str:
    return f"assembler: 1\nsegments: [{{id: a, {words}}}]\n"


@pytest.mark.parametrize("line", SHORT)
def test_shorthand_validates(validator: Draft202012Validator, line: str) -> None:
    assert wrong(validator, MINIMAL + line) == []


@pytest.mark.parametrize("words", SEGMENTS)
def test_segment_validates(validator: Draft202012Validator, words: str) -> None:
    assert wrong(validator, with_segment(words)) == []


@pytest.mark.parametrize("line", BAD)
def test_mistake_is_marked(validator: Draft202012Validator, line: str) -> None:
    assert wrong(validator, MINIMAL + line)


@pytest.mark.parametrize("words", BAD_SEGMENTS)
def test_mistake_in_a_segment_is_marked(validator: Draft202012Validator, words: str) -> None:
    assert wrong(validator, with_segment(words))


def test_missing_parts_are_marked(validator: Draft202012Validator) -> None:
    assert wrong(validator, "assembler: 1\n") == ["$"]
    assert sorted(wrong(validator, "segments: [{file: x}]\n")) == ["$", "$.segments[0]"]


def test_include_is_an_entry(validator: Draft202012Validator) -> None:
    good = "assembler: 1\nsegments:\n  - {include: a.yaml, vars: {x: 1}}\n"
    assert wrong(validator, good) == []
    assert wrong(validator, good.replace("vars", "var"))


def test_part_needs_no_head() -> None:
    validator = Draft202012Validator(part_schema())
    Draft202012Validator.check_schema(part_schema())
    part = "vars: {x: 1}\nsegments: [{id: a, file: x.mov}, {include: b.yaml}]\n"
    assert wrong(validator, part) == []
    assert wrong(validator, part + "output: [draft]\n")


def test_keys_are_those_that_authors_write(validator: Draft202012Validator) -> None:
    schema: Any = validator.schema
    assert {"continue", "in", "out"} <= schema["$defs"]["Segment"]["properties"].keys()
    assert "for" in schema["$defs"]["Title"]["properties"]
    assert "path" not in schema["properties"]


def test_every_key_of_the_models_is_in_the_schema(validator: Draft202012Validator) -> None:
    schema: Any = validator.schema

    def compared(model: type[Spec], shape: Any) -> None:
        keys = {f.alias or n for n, f in model.model_fields.items() if not f.exclude}
        assert keys == shape["properties"].keys() - {"vars"}
        for field in model.model_fields.values():
            inner = _model_in(field.annotation)
            if inner is not None and issubclass(inner, Spec):
                named = schema["$defs"][inner.__name__]
                forms = [x for x in named.get("anyOf", ()) if "properties" in x]
                full = next((x for x in forms if "required" in x), (forms or [named])[0])
                compared(inner, full)

    compared(Timeline, schema)


def test_fields_say_what_they_are_for(validator: Draft202012Validator) -> None:
    schema: Any = validator.schema
    described = schema["$defs"]["Segment"]["properties"]["keyframe"]["description"]
    assert described.startswith("The frame it ends on")


def test_names_of_presets_are_offered_and_others_stay_valid() -> None:
    schema = timeline_schema(models=["kling-3.0"], mixes=["web"], deliveries=["draft"])
    segment = schema["$defs"]["Segment"]["properties"]
    assert {"enum": ["kling-3.0"]} in segment["model"]["anyOf"]
    assert {"enum": ["web"]} in schema["properties"]["mix"]["anyOf"]
    text = MINIMAL + "mix: my-own\noutput: [draft, my-own]\n"
    assert wrong(Draft202012Validator(schema), text) == []
