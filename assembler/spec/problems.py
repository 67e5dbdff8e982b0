"""
What pydantic found wrong, in the words of a timeline's author, each at its place.

An unknown key and a missing one that resemble each other become one question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from assembler.errors import Problem
from assembler.spec.flaw import Flaw, FlawedValueError, closest, did_you_mean, one_of, shown
from assembler.spec.yaml import Node

MAX_PROBLEMS = 200
"""Problems that are told; a file with more has one cause for most of them."""

Loc = tuple[str | int, ...]

_MEANT = {
    "clip": "file", "path": "file", "source": "file", "src": "file", "video": "file",
    "length": "duration", "dur": "duration", "time": "duration", "for": "duration",
    "transition": "join", "image": "start", "start_image": "start", "first_frame": "start",
    "end_image": "end", "last_frame": "end", "name": "id", "text": "prompt",
    "negative_prompt": "negative", "volume": "level", "gain": "level", "from": "in",
    "at": "on", "position": "on", "start_at": "on", "fps": "rate", "resolution": "size",
    "music": "tracks", "audio": "tracks", "clips": "segments", "outputs": "output",
    "titels": "titles", "subtitles": "captions", "variables": "vars", "cfg_scale": "guidance",
}  # fmt: skip
"""Words that authors know from other programs."""


def problems_of(exc: ValidationError, model: type[BaseModel], root: Node) -> list[Problem]:
    """Every error of *exc* as a problem; *root* is the tree that was validated as *model*."""
    found = [e for e in exc.errors(include_url=False) if not _only_unsound(e)]
    errors = _meant_ones(found, model)
    taken = _misspelt(errors)
    problems: list[Problem] = []
    for error in errors[: 2 * MAX_PROBLEMS]:
        if (error["type"], error["loc"]) not in taken:
            problems += _worded(error, model, root, taken)
    return problems


def _meant_ones(errors: Sequence[ErrorDetails], model: type[BaseModel]) -> list[ErrorDetails]:
    """
    The errors with places as they were written, and of a value that may be one thing or another
    those of what it was meant as: ``{x: 130%}`` isn't told that it is no ``follow`` either.
    """
    tagged = [(error, _tagged(error["loc"], model)) for error in errors]
    fitting = {(at, tag) for error, (_, at, tag) in tagged if tag and not _misfit(error, at)}
    unions = {at for at, _ in fitting}
    told = []
    for error, (loc, at, tag) in tagged:
        if not tag:
            meant = True
        elif at in unions:
            meant = (at, tag) in fitting
        else:  # nothing that it may be looks like it: a word is nearest to the words
            word = isinstance(error["input"], str)
            meant = word == (error["type"] == "literal_error")
        if meant:
            error = error.copy()
            error["loc"] = loc
            told.append(error)
    return told


def _misfit(error: ErrorDetails, at: Loc) -> bool:
    """Whether a value as a whole is of another kind; *at* is the place of the value."""
    kinds = ("literal_error", *_NUMBERS)
    return error["type"] in kinds and len(error["loc"]) == len(at) + 1


def _tagged(loc: Loc, model: type[BaseModel]) -> tuple[Loc, Loc, str]:
    """
    *loc* without the names that pydantic gives to the members of a union, and of the last union on
    the way its place, with such names, and the member; an empty name where there is none.
    """
    inside: Any = model
    plain: list[str | int] = []
    union: tuple[Loc, str] = (), ""
    for number, step in enumerate(loc):
        members = _members(inside)
        if len(members) > 1:
            union = loc[:number], str(step)
            inside = next((m for m in members if getattr(m, "__name__", "") == step), None)
        else:
            plain.append(step)
            inside = _below(members[0], step)
    return tuple(plain), *union


def _members(annotation: Any) -> list[Any]:
    """What a value may be, None left out."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [m for part in get_args(annotation) for m in _members(part) if m is not NoneType]
    return [annotation]


def _below(annotation: Any, step: str | int) -> Any:
    """What is below a list's number, a mapping's or a model's key."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return next((f.annotation for name, f in fields if (f.alias or name) == step), None)
    inside = [a for a in get_args(annotation) if a is not Ellipsis]
    if get_origin(annotation) in (dict, Mapping):
        return inside[-1]
    return inside[0] if inside and isinstance(step, int) else None


def bounded(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in order of place, each once; of very many the first, and a word on the rest."""
    found = sorted(dict.fromkeys(problems))
    if len(found) <= MAX_PROBLEMS:
        return found
    rest = found[MAX_PROBLEMS]
    more = Problem(rest.file, rest.line, rest.column, "and more problems from here on")
    return [*found[:MAX_PROBLEMS], more]


def _only_unsound(error: ErrorDetails) -> bool:
    """Whether a list is too short only because its unsound entries weren't counted."""
    if error["type"] != "too_short" or not isinstance(error["input"], (list, tuple)):
        return False
    return len(error["input"]) >= int(error["ctx"]["min_length"])


def subject(loc: Sequence[str | int], root: Node) -> str:
    """What a problem is about: ``segment dawn: ``, by id where there is one, else by number."""
    if len(loc) < 2 or not isinstance(loc[1], int) or loc[0] not in _SUBJECTS:
        return ""
    row = at(root, loc[:2])
    name = row.items.get("id") if row.items else None
    label = name.text if name and name.text and len(name.text) <= 64 else str(loc[1] + 1)
    return f"{_SUBJECTS[str(loc[0])]} {label}: "


_SUBJECTS = {"segments": "segment", "tracks": "track", "titles": "title"}


def at(root: Node, loc: Sequence[str | int]) -> Node:
    """The node at *loc*, or the deepest one on the way to it."""
    node = root
    for step in loc:
        if isinstance(step, int) and node.entries is None:
            continue  # one entry written without a list
        child = node.child(step)
        if child is None and isinstance(step, str):
            child = node.child(step.rstrip("_"))
        if child is None:
            break
        node = child
    return node


def _misspelt(errors: Iterable[ErrorDetails]) -> dict[tuple[str, Loc], str]:
    """Unknown keys and the missing keys that they stand for, both ways."""
    missing: dict[Loc, list[str]] = {}
    for error in errors:
        if error["type"] == "missing":
            missing.setdefault(error["loc"][:-1], []).append(str(error["loc"][-1]))
    pairs: dict[tuple[str, Loc], str] = {}
    for error in errors:
        *parent, key = error["loc"] or ("",)
        names = missing.get(tuple(parent)) if error["type"] == "extra_forbidden" else None
        near = closest(str(key), names, cutoff=0.5) if names else None
        if names and near:
            names.remove(near)
            pairs["missing", (*parent, near)] = str(key)
    return pairs


def _worded(
    error: ErrorDetails, model: type[BaseModel], root: Node, taken: dict[tuple[str, Loc], str]
) -> list[Problem]:
    loc = error["loc"]
    about = subject(loc, root)
    node = at(root, loc)
    if error["input"] is None and node.scalar and node.text is None:
        return []  # that it has no value is said already
    if error["type"] == "extra_forbidden":
        key = str(loc[-1])
        what = f"{about}unknown key {shown(key)}"
        meant = next((m[1][-1] for m, k in taken.items() if k == key and m[1][:-1] == loc[:-1]), "")
        fix = f"did you mean {meant!r}?" if meant else _known(key, model, loc[:-1])
        return [at(root, loc[:-1]).problem(what, fix, key=key)]
    if error["type"] == "missing":
        key = str(loc[-1])
        return [at(root, loc[:-1]).problem(f"{about}{key!r} is missing", _MISSING.get(key, ""))]
    raised = error.get("ctx", {}).get("error")
    if raised is not None:
        flaws = raised.flaws if isinstance(raised, FlawedValueError) else (Flaw(str(raised)),)
        return [_flaw(f, loc, about, root) for f in flaws]
    what, fix = constraint(error, _label(loc, root))
    if error["type"] in ("model_type", "dict_type") and (keys := keys_at(model, loc)):
        fix = f"write {{{keys[0]}: …}}; its keys: {', '.join(keys)}."
    return [node.problem(f"{about}{what}", fix)]


def _flaw(flaw: Flaw, loc: Loc, about: str, root: Node) -> Problem:
    node = at(root, loc)
    names = [s for s in _written(loc, root) if isinstance(s, str)]
    label = f"{names[-1]}: " if len(loc) > 2 or (names and not about) else ""
    target = (node.items or {}).get(flaw.key)
    if target is not None and not target.scalar and node.keys:
        return node.problem(f"{about}{label}{flaw.what}", flaw.advice, key=flaw.key)
    return (target or node).problem(f"{about}{label}{flaw.what}", flaw.advice)


def _label(loc: Loc, root: Node) -> str:
    """A value's name: its key, and its number where it is an entry of a list."""
    loc = _written(loc, root)
    names = [s for s in loc if isinstance(s, str)]
    name = repr(names[-1]) if names else "the timeline"
    if len(loc) == 2 and loc[0] in _SUBJECTS:
        return "it"
    return f"entry {loc[-1] + 1} of {name}" if loc and isinstance(loc[-1], int) else name


def _written(loc: Loc, root: Node) -> Loc:
    """*loc* up to the last step that the author wrote; shorthand has fewer."""
    while loc and at(root, loc) is at(root, loc[:-1]):
        loc = loc[:-1]
    return loc


_MISSING = {
    "assembler": "begin the file with `assembler: 1`.",
    "segments": "add `segments:` and at least one entry under it.",
    "id": "give it a short name, such as dawn.",
}

_PATTERNS = {
    "^#": "write a colour as #rrggbb, such as #00c040.",
    "http": "write an address that begins with http:// or https://.",
    "fA-F": "write the 64 hexadecimal digits of the file's SHA-256.",
    "A-Za-z_": "use letters, digits and _, and single hyphens with a letter after each.",
    "a-z0-9": "use small letters, digits, `.`, `_` and `-`.",
}

_NUMBERS = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "a number"),
    **dict.fromkeys(("decimal_parsing", "decimal_type"), "a number"),
    **dict.fromkeys(("model_type", "dict_type"), "a mapping of keys and values"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    "string_type": "text",
    "path_type": "a path",
}

_LIMITS = {
    "greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"), "less_than": ("lt", "less than"),
    "multiple_of": ("multiple_of", "a multiple of"),
}  # fmt: skip


def constraint(error: ErrorDetails, label: str) -> tuple[str, str]:
    """What an error of pydantic's own says, and a fix."""
    kind, given = error["type"], shown(error["input"])
    ctx = error.get("ctx", {})
    if kind == "literal_error":
        choices = [a or b for a, b in re.findall(r"'([^']*)'|(\d+)", str(ctx["expected"]))]
        fix = f"write {one_of(choices)}."
        names = [c for c in choices if not c.isdigit()]
        return f"{label} can't be {given}", did_you_mean(str(error["input"]), names, fix)
    if kind in _NUMBERS:
        fix = "begin each entry with `- `, or write [a, b]." if _NUMBERS[kind] == "a list" else ""
        return f"{label} must be {_NUMBERS[kind]}, not {given}", fix
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        fix = ""
        if kind == "multiple_of":
            fix = f"write {int(error['input']) // ctx[name] * ctx[name]}."
        return f"{label} must be {words} {ctx[name]:,}, not {given}", fix
    if kind in ("too_short", "too_long") and isinstance(error["input"], str):
        kind = f"string_{kind}"
    if kind == "string_pattern_mismatch":
        near = re.sub(r"[^a-z0-9._]+", "-", str(error["input"]).lower()).strip("-.")
        if near and re.fullmatch(str(ctx["pattern"]), near):
            return f"{label} can't be {given}", f"write {near}."
        fix = next((f for mark, f in _PATTERNS.items() if mark in str(ctx["pattern"])), "")
        return f"{label} can't be {given}", fix
    if kind == "string_too_long":
        return f"{label} is longer than {ctx['max_length']:,} characters", ""
    if kind in ("too_long", "too_short"):
        limit = ctx["max_length" if kind == "too_long" else "min_length"]
        words = "at most" if kind == "too_long" else "at least"
        entries = "entry" if limit == 1 else "entries"
        return f"{label} must have {words} {limit:,} {entries}", ""
    if kind == "string_too_short":
        return f"{label} is empty", "write something."
    return f"{label}: {error['msg']}", ""


def _known(key: str, model: type[BaseModel], loc: Loc) -> str:
    names = keys_at(model, loc)
    meant = _MEANT.get(key.casefold().replace("-", "_"), "")
    if meant in names and closest(key, names) is None:
        return f"did you mean {meant!r}?"
    return did_you_mean(key, names, f"known keys: {', '.join(names)}." if names else "")


def keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    """Keys that the model at *loc* below *model* takes."""
    for step in loc:
        if isinstance(step, int) or step.isdigit():
            continue
        inner = _models(model).get(step)
        if inner is None:
            return []
        model = inner
    keys = [f.alias or name for name, f in model.model_fields.items() if not f.exclude]
    return ["vars", *keys] if "segments" in keys else keys


@cache
def _models(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The models under a model's keys."""
    found = {}
    for name, info in model.model_fields.items():
        inner = _model_in(info.annotation)
        if inner is not None:
            found[info.alias or name] = inner
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inside = (_model_in(a) for a in get_args(annotation))
    return next((m for m in inside if m is not None), None)
