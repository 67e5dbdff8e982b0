"""
JSON Schema of timelines, so that editors complete and check while one writes.

Shorthand forms are part of it (`output: [youtube-1080p]`, `join: cut`, `fade_in: 1s`), and so is
`${name}` wherever a value may come from `vars`. What fields say of themselves in the models is what
editors show.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from assembler.spec import change, model
from assembler.spec.change import MOVES
from assembler.spec.model import Timeline
from assembler.spec.parts import LISTS, PART_KEYS
from assembler.spec.time import Duration, Place
from assembler.spec.transitions import ALIASES, TRANSITIONS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_VARIABLE: Schema = {
    "description": "A value with variables in it: ${name}, from `vars`.",
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_-]*\}",
}
_VARS: Schema = {
    "description": "Words used as ${name} anywhere below.",
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,63}$"},
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
_INCLUDE: Schema = {
    "description": "Entries of another file, put in this place.",
    "type": "object",
    "additionalProperties": False,
    "required": ["include"],
    "properties": {
        "include": {"description": "Path of the file, from this file.", "type": "string"},
        "vars": _VARS,
    },
}
_SHARED: dict[str, Schema] = {
    "Time": TypeAdapter(Duration).json_schema(),
    "Place": TypeAdapter(Place).json_schema(),
}


def timeline_schema(
    *,
    models: Iterable[str] = (),
    providers: Iterable[str] = (),
    deliveries: Iterable[str] = (),
    mixes: Iterable[str] = (),
    seams: Iterable[str] = (),
    styles: Iterable[str] = (),
) -> Schema:
    """
    JSON Schema (2020-12) of a timeline file.

    Args:
        models: Names that editors offer where a model is asked for. Others stay valid, as a user
            may have presets of their own; so with the other names.
    """
    raw = Timeline.model_json_schema(by_alias=True, mode="validation")
    raw["properties"].pop("path")
    definitions = {name: _object(d, name) for name, d in raw.pop("$defs").items()}
    whole = _object(raw, "Timeline")
    whole["properties"] = {"vars": _VARS, **whole["properties"]}
    for key in LISTS:
        listed = whole["properties"][key]
        listed["items"] = {"anyOf": [listed["items"], {"$ref": "#/$defs/Include"}]}
    _offer(definitions, ("Defaults", "Segment", "Avatar"), "model", models)
    _offer(definitions, ("Defaults", "Segment"), "provider", providers)
    _offer(definitions, ("Output",), "preset", deliveries)
    _offer({**definitions, "": whole}, ("", "Output"), "mix", mixes)
    _offer(definitions, ("SeamOverride",), "preset", seams)
    _offer(definitions, ("Title",), "style", styles)
    definitions["Join"] = _join(definitions["Join"])
    definitions["Output"] = _or(
        definitions["Output"], definitions["Output"]["properties"]["preset"]
    )
    definitions["Fade"] = _or(definitions["Fade"], {"$ref": "#/$defs/Time"})
    native = definitions["NativeAudio"]
    words = {"anyOf": [native["properties"]["mode"], native["properties"]["level"]]}
    definitions["NativeAudio"] = _or(native, words)
    for name in ("Captions", "Lut"):
        definitions[name] = _or(definitions[name], {"type": "string"})
    definitions["Speed"] = _or(definitions["Speed"], definitions["Speed"]["properties"]["rate"])
    definitions["Key"] = _or(definitions["Key"], definitions["Key"]["properties"]["colour"])
    definitions["Move"] = _or(definitions["Move"], {"enum": sorted(MOVES)})
    definitions["Effect"] = _effect(definitions["Effect"])
    segment = definitions["Segment"]["properties"]
    for key, entry in (("freeze", "Freeze"), ("effects", "Effect")):
        segment[key] = _or(segment[key], {"$ref": f"#/$defs/{entry}"})
    whole["properties"]["output"] = _or(whole["properties"]["output"], {"$ref": "#/$defs/Output"})
    definitions |= _SHARED | {"Include": _INCLUDE, "Variable": _VARIABLE}
    return {"$schema": DIALECT, "title": "assembler timeline", **whole, "$defs": definitions}


def part_schema() -> Schema:
    """JSON Schema (2020-12) of a file that timelines include."""
    schema = timeline_schema()
    return {
        "$schema": DIALECT,
        "title": "part of an assembler timeline",
        "type": "object",
        "additionalProperties": False,
        "properties": {k: v for k, v in schema["properties"].items() if k in PART_KEYS},
        "$defs": schema["$defs"],
    }


def _offer(
    shapes: dict[str, Schema], owners: Iterable[str], key: str, names: Iterable[str]
) -> None:
    """Add names to the forms of a key, where editors find them to complete it."""
    known = sorted(names)
    for owner in owners if known else ():
        shapes[owner]["properties"][key]["anyOf"].insert(0, {"enum": known})


def _object(raw: Schema, name: str) -> Schema:
    """A model's schema with its fields' docstrings, and without nulls and invented titles."""
    told = _docstrings().get(name, {})
    properties = {}
    for key, value in raw.get("properties", {}).items():
        value = _value(value)
        if key in told:
            value = {
                "description": told[key],
                **{k: v for k, v in value.items() if k != "description"},
            }
        properties[key] = value
    return {**{k: v for k, v in raw.items() if k != "title"}, "properties": properties}


def _value(raw: Schema) -> Schema:
    """A field's schema: shared ones by name, no null, variables allowed."""
    extra = {k: raw[k] for k in ("description", "default") if _plain(raw, k)}
    inner = {k: v for k, v in raw.items() if k not in ("description", "default", "title")}
    forms = _forms(raw, inner)
    forms = [_list(f) if "items" in f else f for f in forms]
    if _needs_variable(forms):
        forms.append({"$ref": "#/$defs/Variable"})
    return {**extra, **(forms[0] if len(forms) == 1 else {"anyOf": forms})}


def _list(form: Schema) -> Schema:
    """A list's schema; pydantic counts its entries as characters behind a validator of ours."""
    named = {
        {"minLength": "minItems", "maxLength": "maxItems"}.get(k, k): v for k, v in form.items()
    }
    return {**named, "items": _value(form["items"])}


def _needs_variable(forms: list[Schema]) -> bool:
    """Whether `${name}` must be named as a form: for single values that aren't any text."""
    if any(f.get("type") == "string" and not f.keys() & {"pattern", "enum"} for f in forms):
        return False
    shared = {f"#/$defs/{name}" for name in _SHARED}
    return any(f.get("type") in _SINGLE or f.get("$ref") in shared for f in forms)


_SINGLE = ("string", "number", "integer", "boolean")


def _plain(raw: Schema, key: str) -> bool:
    return isinstance(raw.get(key), (str, int, float)) and raw.get(key) is not None


def _forms(raw: Schema, inner: Schema) -> list[Schema]:
    """The alternatives of a schema, nested ones unfolded, null left out."""
    for name, shared in _SHARED.items():
        if raw.get("anyOf") == shared["anyOf"]:
            return [{"$ref": f"#/$defs/{name}"}]
    if "anyOf" not in inner:
        named = {_LIMITS.get(k, k): v for k, v in inner.items()}
        return [] if inner == {"type": "null"} else [named]
    rest = {k: v for k, v in inner.items() if k != "anyOf"}
    unfolded: list[Schema] = []
    for form in inner["anyOf"]:
        bare = {k: v for k, v in form.items() if k not in ("description", "title", "default")}
        unfolded += [f | _fitting(rest, f) for f in _forms(form, bare)]
    return unfolded


_LIMITS = {
    "ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}  # fmt: skip
"""pydantic's names of limits that it leaves untranslated behind a validator of ours."""


def _fitting(limits: Schema, form: Schema) -> Schema:
    """Of the limits those that say something of a form's type."""
    named = {_LIMITS.get(k, k): v for k, v in limits.items()}
    of_text = {k for k in named if k in ("maxLength", "minLength", "pattern")}
    if form.get("type") == "string":
        return {k: named[k] for k in of_text}
    if form.get("type") in ("number", "integer"):
        return {k: v for k, v in named.items() if k not in of_text}
    return {}


def _or(shape: Schema, short: Schema) -> Schema:
    told = {k: v for k, v in shape.items() if k == "description"}
    return {**told, "anyOf": [short, shape]}


def _join(shape: Schema) -> Schema:
    time = {"$ref": "#/$defs/Time"}
    told = {k: v for k, v in shape["properties"].items() if k in ("j_cut", "l_cut")}
    split = {k.replace("_", "-"): v for k, v in told.items()}
    named: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{
                t: {"description": "Length of the transition.", **time}
                for t in (*TRANSITIONS, *ALIASES)
            },
            "colour": shape["properties"]["colour"],
            **split,
            **told,
        },
    }
    word = {"enum": ["handoff", "cut", *TRANSITIONS, *ALIASES]}
    full = {**shape, "required": ["kind"]}
    forms = [word, named, full, {"$ref": "#/$defs/Variable"}]
    return {"description": shape["description"], "anyOf": forms}


def _effect(shape: Schema) -> Schema:
    """An effect's parameters stand beside its name."""
    flat = {**shape, "additionalProperties": True}
    return {"description": shape["description"], "anyOf": [{"type": "string"}, flat]}


def _docstrings() -> dict[str, dict[str, str]]:
    """What the fields of each model say of themselves, by the key that authors write."""
    try:
        trees = [ast.parse(inspect.getsource(module)) for module in (model, change)]
    except OSError:
        return {}
    told: dict[str, dict[str, str]] = {}
    for node in (n for tree in trees for n in tree.body):
        if isinstance(node, ast.ClassDef):
            pairs = zip(node.body, node.body[1:], strict=False)
            told[node.name] = {
                field.target.id.rstrip("_"): " ".join(text.value.value.split())
                for field, text in pairs
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            }
    return told
