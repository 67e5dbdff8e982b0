"""
A timeline file read, checked and placed: all its problems at once, each with file:line:col.

    >>> loaded = load(Path("timelines/first-film.yaml"))    # doctest: +SKIP
    >>> loaded.where("segments", 0, "duration")             # doctest: +SKIP
    'timelines/first-film.yaml:13:15'
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from assembler.errors import Problem, SpecError
from assembler.spec.check import Draft, check
from assembler.spec.model import Canvas, Captions, Output, Segment, Timeline, Title, Track
from assembler.spec.parts import Assembled, assemble
from assembler.spec.paths import ProjectFolder
from assembler.spec.problems import MAX_PROBLEMS, at, bounded, problems_of, subject
from assembler.spec.values import PARTIAL, Spec
from assembler.spec.yaml import Node, Source, read


@dataclass(frozen=True, slots=True)
class Loaded:
    """A timeline, and where each of its values was written."""

    timeline: Timeline
    marks: Node
    """Tree of the timeline with its parts put in."""

    def where(self, *loc: str | int) -> str:
        """``file:line:col`` of the value at *loc*, or of the nearest value around it."""
        node = at(self.marks, loc)
        return f"{node.source.name}:{node.line}:{node.column}"

    def problem(self, what: str, fix: str = "", *loc: str | int) -> Problem:
        """A problem with the value at *loc*, its segment or track named first."""
        return at(self.marks, loc).problem(subject(loc, self.marks) + what, fix)


def load_timeline(path: Path | str) -> Timeline:
    """
    The timeline of a YAML file.

    Raises:
        SpecError: With every problem of the file and of those that it includes.
    """
    return load(path).timeline


def load(path: Path | str, instead: Mapping[Path, bytes] = MappingProxyType({})) -> Loaded:
    """
    The timeline of a YAML file, with the places of its values.

    Args:
        path: The file.
        instead: What to read in the place of files on disk, by absolute path: a change that isn't
            written yet.

    Raises:
        SpecError: With every problem of the file and of those that it includes.
    """
    full = Path(path).absolute()
    root = read(Source(os.fspath(path), full), instead)
    project = ProjectFolder(full.parent.resolve(), full.resolve())
    whole = assemble(root, project, instead)
    timeline, draft = _validated(whole, full)
    problems = whole.problems + check(replace(draft, closed=whole.whole))
    if problems or timeline is None:
        raise SpecError(bounded(problems))
    return Loaded(timeline, whole.node)


def _validated(whole: Assembled, path: Path) -> tuple[Timeline | None, Draft]:
    """The timeline if it is valid, and what can be checked further in any case."""
    raw, node = whole.raw, whole.node
    if "path" in raw:
        whole.problems.append(
            node.problem(
                "unknown key 'path'", "an output has a path: `output: [{path: …}]`.", key="path"
            )
        )
        raw = {k: v for k, v in raw.items() if k != "path"}
    try:
        timeline = Timeline.model_validate({**raw, "path": path})
    except ValidationError as exc:
        found = problems_of(exc, Timeline, node)
        if not whole.whole and not raw.get("segments"):
            found = [p for p in found if not p.what.startswith("'segments'")]
        whole.problems += found
        if len(whole.problems) > MAX_PROBLEMS:
            raise SpecError(bounded(whole.problems)) from None
        return None, _draft(raw, node, path)
    return timeline, Draft.of(timeline, node)


def _draft(raw: dict[str, Any], node: Node, path: Path) -> Draft:
    """The entries of a broken timeline that are sound, at their places in it."""
    ids = {i: s.get("id") for i, s in enumerate(_listed(raw, "segments")) if isinstance(s, dict)}
    return Draft(
        node=node,
        segments=_sound(Segment, raw, "segments"),
        tracks=_sound(Track, raw, "tracks"),
        titles=_sound(Title, raw, "titles"),
        outputs=_sound(Output, raw, "output"),
        captions=_left(Captions, raw["captions"]) if "captions" in raw else None,
        ids={i: str(id_) for i, id_ in ids.items() if isinstance(id_, str)},
        rate=_rate(raw),
        path=path,
        complete=False,
    )


def _listed(raw: dict[str, Any], key: str) -> list[Any]:
    rows = raw.get(key)
    return rows if isinstance(rows, list) else []


M = TypeVar("M", bound=Spec)


def _sound(model: type[M], raw: dict[str, Any], key: str) -> dict[int, M]:
    left = ((i, _left(model, row)) for i, row in enumerate(_listed(raw, key)))
    return {index: entry for index, entry in left if entry is not None}


def _left(model: type[M], row: Any) -> M | None:
    """What is left of an entry without its wrong values, if that can be judged at all."""
    try:
        return model.model_validate(row, context=PARTIAL)
    except ValidationError as exc:
        if not isinstance(row, dict):
            return None
        wrong = {e["loc"][0] for e in exc.errors(include_url=False) if e["loc"]}
    if wrong & _DECISIVE:
        return None
    with suppress(ValidationError):
        rest = {k: v for k, v in row.items() if k not in wrong}
        return model.model_validate({**_STANDINS.get(model, {}), **rest}, context=PARTIAL)
    return None


_DECISIVE = {"layer", "join", "continue", "path"}
"""Keys without which an entry would mean something else than its author wrote."""

_STANDINS: dict[type[Spec], dict[str, str]] = {Segment: {"id": "_"}}
"""Values that entries must have, for those that have none: what else they say is checked too."""


def _rate(raw: dict[str, Any]) -> Fraction | None:
    canvas = raw.get("canvas", {})
    left = _left(Canvas, canvas)
    broken = left is None or ("rate" in canvas and "rate" not in left.model_fields_set)
    return None if broken or left is None else left.rate
