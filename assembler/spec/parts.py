"""
A timeline and the parts that it includes, as one tree and one set of plain values.

`- include: parts/act1.yaml` as an entry of `segments`, `tracks` or `titles` puts the part's entries
of that list in its place; entries of the part's other lists follow those of the file that includes
it. A part has `vars`, `defaults`, `segments`, `tracks` and `titles`. Of a variable that is
given several times the nearest counts: beside `include`, in the part, in the file that includes it.
A part's `defaults` are for its own segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from assembler.errors import Problem, SpecError
from assembler.spec.flaw import FlawedValueError, did_you_mean, one_of, shown
from assembler.spec.paths import ProjectFolder, Scalar, media_path
from assembler.spec.problems import MAX_PROBLEMS, bounded
from assembler.spec.variables import NAME, substituted
from assembler.spec.yaml import MAX_NODES, Node, Source, read

LISTS = ("segments", "tracks", "titles")
PART_KEYS = ("assembler", "vars", "defaults", *LISTS)
MAX_INCLUDES = 500
MAX_INCLUDE_DEPTH = 16
MAX_TEXT = 20_000_000
"""Characters of all values together, variables put in."""

Variables = Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """An entry of a list, with the variables that hold for it."""

    node: Node
    variables: Variables
    defaults: tuple[tuple[Node, Variables], ...] = ()
    """Mappings of defaults for it, the nearest first."""


@dataclass(slots=True, eq=False)
class Assembled:
    """A timeline with its parts put in."""

    node: Node
    """Tree of the whole, each node with its own file and place."""
    raw: Any
    """Plain values of the whole; text is `Scalar`."""
    problems: list[Problem] = field(default_factory=list)
    whole: bool = True
    """Whether every part could be read; if not, what it would have brought is unknown."""


def assemble(
    root: Node, project: ProjectFolder, instead: Mapping[Path, bytes] = MappingProxyType({})
) -> Assembled:
    """The timeline of *root*, parts and variables put in; *instead* holds texts of some files."""
    return _Assembler(project, instead).whole(root)


class _Assembler:
    def __init__(self, project: ProjectFolder, instead: Mapping[Path, bytes]) -> None:
        self.project = project
        self.instead = instead
        self.folder = Path()
        self.problems: list[Problem] = []
        self.parsed: dict[Path, Node] = {}
        self.including: list[Path] = []
        self.includes = 0
        self.missing = False
        self.nodes = 0
        self.characters = 0

    def whole(self, root: Node) -> Assembled:
        if root.items is None:
            what = "a timeline is a mapping, not a list or a single value"
            problem = root.problem(what, "begin it with `assembler: 1` and `segments:`.")
            raise SpecError([problem])
        self.folder = Path(root.source.name).parent
        self.including.append(root.source.path.resolve())
        variables = self._variables(root, {})
        lists = self._lists(root, variables, ())
        items: dict[str, Node] = {}
        raw: dict[str, Any] = {}
        for key, node in root.items.items():
            if key == "vars":
                continue
            if key in LISTS and node.entries is not None:
                continue
            items[key] = node
            raw[key] = self._plain(node, variables, key)
        for key in LISTS:
            if key in root.items and root.items[key].entries is None:
                continue
            if key in root.items or lists[key]:
                items[key], raw[key] = self._joined(root, key, lists[key])
        node = Node(root.source, root.line, root.column, items=items, keys=root.keys)
        return Assembled(node, raw, self.problems, not self.missing)

    def _joined(self, root: Node, key: str, rows: list[_Row]) -> tuple[Node, list[Any]]:
        own = (root.items or {}).get(key, root)
        nodes, values = [], []
        for row in rows:
            node, value = self._row(row)
            nodes.append(node)
            values.append(value)
        return Node(own.source, own.line, own.column, entries=nodes), values

    def _row(self, row: _Row) -> tuple[Node, Any]:
        self.nodes += row.node.weight
        if self.nodes > MAX_NODES:
            what = f"with its includes the timeline holds more than {MAX_NODES:,} values"
            raise SpecError([*self.problems, row.node.problem(what)])
        value = self._plain(row.node, row.variables)
        if not row.defaults or row.node.items is None:
            return row.node, value
        items = dict(row.node.items)
        for defaults, variables in row.defaults:
            for key, node in (defaults.items or {}).items():
                if key not in items:
                    items[key] = node
                    value[key] = self._plain(node, variables, key)
        node = Node(row.node.source, row.node.line, row.node.column, items=items)
        node.keys = row.node.keys
        return node, value

    def _lists(
        self, file: Node, variables: Variables, defaults: tuple[tuple[Node, Variables], ...]
    ) -> dict[str, list[_Row]]:
        here: dict[str, list[_Row]] = {key: [] for key in LISTS}
        later: dict[str, list[_Row]] = {key: [] for key in LISTS}
        for key in LISTS:
            listed = (file.items or {}).get(key)
            for entry in listed.entries or () if listed else ():
                if entry.items is None or "include" not in entry.items:
                    own = defaults if key == "segments" else ()
                    here[key].append(_Row(entry, variables, own))
                    continue
                for other, rows in self._included(entry, variables, defaults).items():
                    (here if other == key else later)[other].extend(rows)
        return {key: here[key] + later[key] for key in LISTS}

    def _included(
        self, entry: Node, variables: Variables, defaults: tuple[tuple[Node, Variables], ...]
    ) -> dict[str, list[_Row]]:
        part = self._part(entry, variables)
        if part is None:
            self.missing = True
            return {}
        self.including.append(part.source.path)
        inner = self._variables(part, variables)
        inner = self._variables(entry, variables, over=inner)
        own = (part.items or {}).get("defaults")
        if own is not None and own.items is not None:
            defaults = ((own, inner), *defaults)
        lists = self._lists(part, inner, defaults)
        self.including.pop()
        return lists

    def _part(self, entry: Node, variables: Variables) -> Node | None:
        """The file that an entry includes; None, and a problem, when there is none to be had."""
        items = entry.items or {}
        for key in items:
            if key not in ("include", "vars"):
                fix = did_you_mean(key, ("vars",), "an include has `include` and `vars`.")
                self._note(entry.problem(f"unknown key {shown(key)} in an include", fix, key=key))
        named = items["include"]
        path = self._part_path(named, variables)
        if path is None:
            return None
        if path in self.including:
            chain = " includes ".join(self._name(p) for p in [*self._since(path), path])
            self._note(named.problem(f"the include goes round: {chain}", "take one of them out."))
            return None
        self.includes += 1
        if self.includes > MAX_INCLUDES or len(self.including) > MAX_INCLUDE_DEPTH:
            what = f"more than {MAX_INCLUDES} includes, or {MAX_INCLUDE_DEPTH} inside each other"
            raise SpecError([*self.problems, named.problem(what)])
        return self._read(path)

    def _since(self, path: Path) -> list[Path]:
        return self.including[self.including.index(path) :]

    def _name(self, path: Path) -> str:
        return self.project.shown(path)

    def _part_path(self, named: Node, variables: Variables) -> Path | None:
        if named.text is None:
            self._note(named.problem("'include' must be the path of a file"))
            return None
        try:
            path = media_path(self._scalar(named, variables))
        except FlawedValueError as exc:
            self._note(*(named.problem(f"include: {f.what}", f.advice) for f in exc.flaws))
            return None
        assert isinstance(path, Path)
        return path

    def _read(self, path: Path) -> Node | None:
        if path in self.parsed:
            return self.parsed[path]
        beside = self.folder / self._name(path)
        try:
            part = read(Source(beside.as_posix(), path), self.instead)
        except SpecError as exc:
            self._note(*exc.problems)
            return None
        if part.items is None:
            what = "a part is a mapping, not a list or a single value"
            self._note(part.problem(what, "put its entries under `segments:`."))
            return None
        for key in part.items:
            if key not in PART_KEYS:
                known = f"a part has {one_of(PART_KEYS)}."
                fix = did_you_mean(key, PART_KEYS, known)
                self._note(part.problem(f"unknown key {shown(key)} in a part", fix, key=key))
            elif key in LISTS and part.items[key].entries is None:
                self._note(part.items[key].problem(f"{key!r} must be a list"))
        self.parsed[path] = part
        return part

    def _variables(
        self, file: Node, outer: Variables, *, over: Variables | None = None
    ) -> Variables:
        """Variables that hold in a file: its own `vars` laid over *over*."""
        known = dict(outer if over is None else over)
        given = (file.items or {}).get("vars")
        if given is None:
            return known
        if given.items is None:
            fix = "write one name: text to a line under it."
            self._note(given.problem("'vars' must be a mapping of names to text", fix))
            return known
        for name, node in given.items.items():
            if not NAME.fullmatch(name):
                fix = "use letters, digits, _ and -, a letter first."
                self._note(given.problem(f"{shown(name)} is no name for a variable", fix, key=name))
            elif node.text is None:
                fix = f'write {name}: "" for an empty one.' if node.scalar else "write text."
                self._note(node.problem(f"the variable {name!r} has no text", fix))
            else:
                known[name] = str(self._scalar(node, known if over is None else outer))
        return known

    def _plain(self, node: Node, variables: Variables, key: str = "") -> Any:
        if node.text is not None:
            return self._scalar(node, variables)
        if node.items is not None:
            return {k: self._plain(v, variables, k) for k, v in node.items.items()}
        if node.entries is not None:
            return [self._plain(v, variables) for v in node.entries]
        what = f"{key!r} has no value" if key else "this entry has no value"
        self._note(node.problem(what, "write one, or take it out."))
        return None

    def _scalar(self, node: Node, variables: Variables) -> Scalar:
        text = node.text or ""
        if "${" in text:
            try:
                text = substituted(text, variables)
            except FlawedValueError as exc:
                self._note(*(node.problem(f.what, f.advice) for f in exc.flaws))
            self.characters += len(text)
            if self.characters > MAX_TEXT:
                what = f"with its variables it holds more than {MAX_TEXT:,} characters"
                raise SpecError([*self.problems, node.problem(what)])
        scalar = Scalar(text)
        scalar.folder, scalar.project = node.source.path.parent, self.project
        return scalar

    def _note(self, *problems: Problem) -> None:
        self.problems.extend(problems)
        if len(self.problems) > MAX_PROBLEMS:
            raise SpecError(bounded(self.problems))
