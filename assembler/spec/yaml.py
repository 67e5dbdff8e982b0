"""
YAML text to a tree of nodes, each with its place: text stays text, the models say what it means.

What YAML makes of plain words depends on the reader: `on` is true, `1:30` is 90 and `012` is ten
for some. Here every scalar keeps the characters that were written. Tags, merge keys, repeated keys
and further documents are refused; aliases are expanded within bounds; nothing recurses.

    >>> node = parse(Source("a.yaml"), b"in: 10:00:00:00")
    >>> node.items["in"].text, node.items["in"].column
    ('10:00:00:00', 5)
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from assembler.errors import Problem, SpecError
from assembler.spec.flaw import shown

MAX_BYTES = 5_000_000
MAX_DEPTH = 32
MAX_NODES = 300_000
"""Values of one file with its aliases expanded: some 20,000 segments."""
MAX_SCALAR = 100_000
"""Characters of one value."""

MAX_NOTES = 100
"""Problems of the text itself that are told."""

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_WEIGHT = 256
"""Characters that count as one node more, so that aliases of long text are bounded too."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The file that text came from."""

    name: str
    """As messages show it."""
    path: Path = Path()
    """Absolute; paths in the file start at its folder."""
    text: bytes = b""
    """As it was read."""


@dataclass(slots=True, eq=False)
class Node:
    """A value of a YAML file and where it begins."""

    source: Source
    line: int
    """From 1."""
    column: int
    """From 1."""
    text: str | None = None
    """A scalar's characters; None for `null`, `~` and nothing at all, and for collections."""
    items: dict[str, Node] | None = None
    """A mapping's values."""
    keys: dict[str, tuple[int, int]] | None = None
    """Line and column of a mapping's keys."""
    entries: list[Node] | None = None
    """A list's values."""
    weight: int = 1
    """Nodes in it, aliases expanded."""

    @property
    def scalar(self) -> bool:
        """Whether it is neither a mapping nor a list."""
        return self.items is None and self.entries is None

    def problem(self, what: str, fix: str = "", *, key: str | None = None) -> Problem:
        """A problem at this value, or at one of its keys."""
        line, column = self.line, self.column
        if key is not None and self.keys:
            line, column = self.keys.get(key, (line, column))
        return Problem(self.source.name, line, column, what, fix)

    def child(self, step: str | int) -> Node | None:
        """The value under a key or at an index."""
        if isinstance(step, int):
            return self.entries[step] if self.entries and step < len(self.entries) else None
        return self.items.get(step) if self.items else None


def read(source: Source, instead: Mapping[Path, bytes] = MappingProxyType({})) -> Node:
    """
    Tree of the YAML file at the source's path, or of what would stand there *instead*.

    Raises:
        SpecError: If it can't be read, is too large, or is no YAML that we take.
    """
    text = instead[source.path] if source.path in instead else _bytes(source)
    return parse(replace(source, text=text), text)


def parse(source: Source, data: bytes) -> Node:
    """
    Tree of YAML text.

    Raises:
        SpecError: With its repeated keys, tags and merge keys, or at the first thing that makes the
            rest unreadable.
    """
    return _Composer(source, _decoded(source, data)).compose()


def value(node: Node) -> Any:
    """Plain values of a tree, numbers and truth values told by `resolved`."""
    if node.items is not None:
        return {k: value(v) for k, v in node.items.items()}
    if node.entries is not None:
        return [value(v) for v in node.entries]
    return None if node.text is None else resolved(node.text)


def resolved(text: str) -> bool | int | float | str:
    """
    What a scalar of no known type means, by the narrow rules of YAML 1.2.

    true and false, decimal whole numbers and decimal fractions; all else is text, so that `on`,
    `012`, `0x1F`, `1:30`, `1_000`, `.inf` and dates stay what was written.
    """
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,17})", text):
        return int(text)
    if re.fullmatch(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}([eE][-+]?[0-9]{1,2})?", text):
        return float(text)
    return text


def _bytes(source: Source) -> bytes:
    def refuse(what: str, fix: str = "") -> SpecError:
        return SpecError([Problem(source.name, 1, 1, what, fix)])

    try:
        if not stat.S_ISREG(source.path.stat().st_mode):
            raise refuse("it is not a file", "name a YAML file.")
        with source.path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise refuse("there is no such file", "check the name and the folder.") from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise refuse(f"it can't be read: {reason}") from exc
    if len(data) > MAX_BYTES:
        limit = f"{MAX_BYTES // 1_000_000} MB"
        raise refuse(f"it is larger than {limit}", "split it with `- include:`.")
    return data


def _decoded(source: Source, data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] in (b"\0\0\xfe\xff", b"\xff\xfe\0\0"):
        what = "it is written in UTF-16 or UTF-32"
        raise SpecError([Problem(source.name, 1, 1, what, "save it as UTF-8.")])
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line, column = _place(data[: exc.start].decode("utf-8"))
        what = f"byte 0x{data[exc.start]:02X} is not UTF-8"
        raise SpecError([Problem(source.name, line, column, what, "save it as UTF-8.")]) from exc
    bad = _UNPRINTABLE.search(text)
    if bad:
        line, column = _place(text[: bad.start()])
        what = f"unprintable character U+{ord(bad[0]):04X}"
        fix = "take it out; it often comes with pasted text."
        raise SpecError([Problem(source.name, line, column, what, fix)])
    return text


def _place(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows the text *before*."""
    lines = re.split("\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    node: Node
    anchor: str | None
    key: str | None = None


class _Composer:
    """Builds the tree from the parser's events with a stack of its own."""

    def __init__(self, source: Source, text: str) -> None:
        self.source = source
        self.text = text
        self.anchors: dict[str, Node | None] = {}
        self.open: list[_Open] = []
        self.root: Node | None = None
        self.weight = 0
        self.documents = 0
        self.problems: list[Problem] = []

    def compose(self) -> Node:
        for event in self._events():
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._start(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._document(event)
        if self.root is None:
            raise SpecError([Problem(self.source.name, 1, 1, "it is empty")])
        if self.problems:
            raise SpecError(self.problems)
        return self.root

    def _events(self) -> Iterator[yaml.Event]:
        try:
            parser = _Parser(self.text)
            while (event := parser.get_event()) is not None:
                yield event
                if isinstance(event, yaml.StreamEndEvent):
                    return
        except yaml.MarkedYAMLError as exc:
            raise SpecError([_syntax(self.source, exc, self.text)]) from exc
        except yaml.YAMLError as exc:
            what = f"it is no YAML: {exc}"
            raise SpecError([Problem(self.source.name, 1, 1, what)]) from exc

    def _refuse(self, event: yaml.Event, what: str, fix: str = "") -> SpecError:
        return SpecError([*self.problems, self._problem(event, what, fix)])

    def _note(self, event: yaml.Event, what: str, fix: str) -> None:
        """Keep a problem that lets the rest be read."""
        self.problems.append(self._problem(event, what, fix))
        if len(self.problems) > MAX_NOTES:
            raise SpecError(self.problems)

    def _problem(self, event: yaml.Event, what: str, fix: str) -> Problem:
        mark: Any = event.start_mark
        return Problem(self.source.name, mark.line + 1, mark.column + 1, what, fix)

    def _document(self, event: yaml.Event) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self._refuse(event, "a second document begins", "keep one document to a file.")

    def _node(self, event: Any) -> Node:
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            fix = "write the value without it; quote it when it must be text."
            self._note(event, f"the tag {shown(tag)} is not read", fix)
        if len(self.open) >= MAX_DEPTH:
            raise self._refuse(event, f"values are nested more than {MAX_DEPTH} deep")
        mark = event.start_mark
        return Node(self.source, mark.line + 1, mark.column + 1)

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        plain = event.implicit[0]
        parent = self.open[-1] if self.open else None
        if parent and parent.node.items is not None and parent.key is None:
            self._key(parent, event, text)
            return
        node = self._node(event)
        if len(text) > MAX_SCALAR:
            raise self._refuse(event, f"this text is longer than {MAX_SCALAR} characters")
        if event.style == '"' and (bad := _UNPRINTABLE.search(text)):
            what = f"this text holds the unprintable character U+{ord(bad[0]):04X}"
            raise self._refuse(event, what, "take it out.")
        node.text = None if plain and text in ("", "~", "null", "Null", "NULL") else text
        node.weight = 1 + len(text) // _WEIGHT
        if event.anchor:
            self.anchors[event.anchor] = node
        self._place(event, node)

    def _key(self, parent: _Open, event: Any, key: str) -> None:
        if event.tag is not None or event.anchor is not None:
            raise self._refuse(event, "a key can't have a tag or an anchor", "write the plain key.")
        if key == "<<" and event.implicit[0]:
            fix = "put what segments share under `defaults`, and words under `vars`."
            self._note(event, "merge keys (`<<`) are not read", fix)
        keys = parent.node.keys
        assert keys is not None
        if key in keys:
            what = f"the key {shown(key)} was already given in line {keys[key][0]}"
            self._note(event, what, "keep one of them.")
        parent.key = key
        keys.setdefault(key, (event.start_mark.line + 1, event.start_mark.column + 1))

    def _start(self, event: Any) -> None:
        parent = self.open[-1] if self.open else None
        if parent and parent.node.items is not None and parent.key is None:
            raise self._refuse(event, "a key must be a word", "quote text that has { or [ in it.")
        node = self._node(event)
        if isinstance(event, yaml.MappingStartEvent):
            node.items, node.keys = {}, {}
        else:
            node.entries = []
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append(_Open(node, event.anchor))
        self._count(event, 1)

    def _end(self) -> None:
        done = self.open.pop()
        if done.anchor:
            self.anchors[done.anchor] = done.node
        self._attach(done.node)

    def _alias(self, event: Any) -> None:
        parent = self.open[-1] if self.open else None
        if parent and parent.node.items is not None and parent.key is None:
            raise self._refuse(event, "a key can't be an alias", "write the plain key.")
        if event.anchor not in self.anchors:
            what = f"there is no anchor &{event.anchor} before this alias"
            raise self._refuse(event, what, "quote text that begins with *.")
        node = self.anchors[event.anchor]
        if node is None:
            raise self._refuse(event, f"the alias *{event.anchor} stands inside its own anchor")
        self._place(event, node)

    def _place(self, event: yaml.Event, node: Node) -> None:
        self._count(event, node.weight)
        self._attach(node)

    def _count(self, event: yaml.Event, weight: int) -> None:
        self.weight += weight
        if self.weight > MAX_NODES:
            what = f"with its aliases it holds more than {MAX_NODES:,} values"
            raise self._refuse(event, what, "split the film into several timelines.")

    def _attach(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.node.weight += node.weight
        if parent.node.entries is not None:
            parent.node.entries.append(node)
        else:
            assert parent.node.items is not None
            assert parent.key is not None
            parent.node.items[parent.key] = node
            parent.key = None


_SYNTAX = {
    "mapping values are not allowed in this context": (
        "a ': ' that can't stand here",
        "put text with a colon in quotes, or begin a new line for a new key.",
    ),
    "found character that cannot start any token": (
        "a character that can't begin a value",
        "indent with spaces, not tabs; put text that begins with @, ` or % in quotes.",
    ),
    "did not find expected key": (
        "here a key was expected",
        "line it up with the keys above; put text with quotes or colons in it in quotes.",
    ),
    "did not find expected '-' indicator": (
        "here a list entry was expected",
        "begin it with '- ' and line it up with the entries above.",
    ),
    "could not find expected ':'": ("a key without ': ' after it", "write `key: value`."),
    "did not find expected ',' or ']'": ("a list that isn't closed", "close it with ]."),
    "did not find expected ',' or '}'": ("a mapping that isn't closed", "close it with }."),
    "found unexpected end of stream": ("a quote that isn't closed", "close it."),
}


_QUOTE_USE = "inside { } and [ ] put text with ${name} in it in quotes."


def _syntax(source: Source, exc: yaml.MarkedYAMLError, text: str) -> Problem:
    words = exc.problem or "it is no YAML"
    what, fix = _SYNTAX.get(words, (f"it is no YAML: {words}", ""))
    mark = exc.problem_mark or exc.context_mark
    if "isn't closed" in what:
        mark = exc.context_mark or mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if "isn't closed" in what and "${" in _line(text, line):
        fix = _QUOTE_USE
    return Problem(source.name, line, column, what, fix)


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if number <= len(lines) else ""
