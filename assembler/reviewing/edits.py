"""
Text of a timeline to the same text with one value changed: nothing else moves by a byte.

ruamel.yaml says where every value stands; its writer isn't used, because it sets flow mappings,
columns and long lines anew.

    >>> put("seam: {colour: off}  # mine\\n", (1, 1), ("seam", "keep_until"), 118)
    'seam: {colour: off, keep_until: 118}  # mine\\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Value = str | int | None
"""What a key gets; None takes the key out."""


class CantEditError(ValueError):
    """The text is written in a way that isn't changed without the risk of changing more."""


def set_seam(
    text: str, place: tuple[int, int], link: int | None, words: Mapping[str, Value]
) -> str:
    """
    *text* with something else said of a seam.

    Args:
        text: The YAML file.
        place: Line and column, from 1, at which the segment's mapping begins.
        link: Number of the link that begins at the seam, where others of the segment's seams are
            to be left alone; None for all seams of the segment.
        words: Values by key of `seam`; None takes a key out.

    Raises:
        CantEditError: If no mapping begins there, or what is to be changed is an alias.
    """
    above = ("seam",) if link is None else ("seams", str(link))
    for key, value in words.items():
        text = put(text, place, (*above, key), value)
    return text


def put(text: str, place: tuple[int, int], keys: Sequence[str], value: Value) -> str:
    """
    *text* with the value at *keys* set, or taken out with what is empty then.

    Args:
        text: A YAML document.
        place: Line and column, from 1, of the mapping in which *keys* begin.
        keys: Keys of the mappings on the way; those that aren't there are made.
        value: The value.

    Raises:
        CantEditError: If no mapping is there, or an alias or another kind of value is in the way.
    """
    mapping = _mapping_at(text, place)
    owner, left = _descend(mapping, keys)
    if value is None:
        return text if len(left) > 1 else _without(text, mapping, keys)
    if len(left) == 1 and (pair := _pair(owner, left[0])):
        return _replaced(text, *pair, value)
    return _added(text, owner, left, value)


def _mapping_at(text: str, place: tuple[int, int]) -> MappingNode:
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except YAMLError as exc:
        raise CantEditError("the file is no YAML") from exc
    for node in _nodes(root):
        mark = node.start_mark
        if isinstance(node, MappingNode) and (mark.line + 1, mark.column + 1) == place:
            return node
    raise CantEditError("what is to be changed isn't written there")


def _nodes(root: Node) -> Iterator[Node]:
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, MappingNode):
            waiting += [value for _, value in node.value]
        elif not isinstance(node, ScalarNode):
            waiting += node.value


def _descend(mapping: MappingNode, keys: Sequence[str]) -> tuple[MappingNode, Sequence[str]]:
    """The innermost mapping on the way that is there, and the keys from there on."""
    for n, key in enumerate(keys[:-1]):
        pair = _pair(mapping, key)
        if pair is None:
            return mapping, keys[n:]
        name, inner = pair
        if not isinstance(inner, MappingNode) or _alias(name, inner):
            raise CantEditError(f"`{key}` is not written out as a mapping")
        if inner.anchor is not None:
            raise CantEditError(f"`{key}` is used elsewhere too, by the name &{inner.anchor}")
        mapping = inner
    return mapping, keys[-1:]


def _pair(mapping: MappingNode, key: str) -> tuple[ScalarNode, Node] | None:
    return next((pair for pair in mapping.value if pair[0].value == key), None)


def _alias(key: Node, value: Node) -> bool:
    """Whether a value stands elsewhere: its node is the one that bears the anchor."""
    return bool(value.start_mark.index < key.end_mark.index)


# -- a value that is there -----------------------------------------------------------------


def _replaced(text: str, key: Node, node: Node, value: str | int) -> str:
    if not isinstance(node, ScalarNode):
        raise CantEditError("a single value should stand there")
    if _alias(key, node) or node.anchor is not None:
        raise CantEditError(f"`{key.value}` shares its value with other places")
    quote = node.style if node.style in ("'", '"') else ""
    start, stop = node.start_mark.index, node.end_mark.index
    return f"{text[:start]}{quote}{value}{quote}{text[stop:]}"


# -- a value that isn't there yet ----------------------------------------------------------


def _added(text: str, owner: MappingNode, keys: Sequence[str], value: str | int) -> str:
    words = f"{keys[0]}: {_nested(keys[1:], value)}"
    if owner.flow_style:
        if not owner.value:
            at = owner.start_mark.index + 1
            return f"{text[:at]}{words}{text[at:]}"
        at = _end(*owner.value[-1])
        return f"{text[:at]}, {words}{text[at:]}"
    indent = " " * owner.value[0][0].start_mark.column
    line = _line_end(text, _last_end(text, *owner.value[-1]))
    newline = "\r\n" if "\r\n" in text else "\n"
    if line.newline:
        return f"{text[: line.next]}{indent}{words}{newline}{text[line.next :]}"
    return f"{text}{newline}{indent}{words}"


def _nested(keys: Sequence[str], value: str | int) -> str:
    for key in reversed(keys):
        value = f"{{{key}: {value}}}"
    return str(value)


def _end(key: Node, value: Node) -> int:
    """Where a pair ends."""
    return _stop(key) if _alias(key, value) else _stop(value)


def _last_end(text: str, key: Node, value: Node) -> int:
    """Where the last words of a pair of a block end, trailing comments not counted."""
    return _end(key, value) if _alias(key, value) else _words_end(text, value)


def _words_end(text: str, node: Node) -> int:
    if isinstance(node, ScalarNode):
        return _block_scalar_end(text, node) if node.style in ("|", ">") else _stop(node)
    assert isinstance(node, (MappingNode, SequenceNode))
    if node.flow_style or not node.value:
        return _stop(node)
    if isinstance(node, MappingNode):
        return _last_end(text, *node.value[-1])
    last: Node = node.value[-1]
    if last.start_mark.index < node.start_mark.index:
        raise CantEditError("a list ends with an alias")
    return _words_end(text, last)


def _stop(node: Node) -> int:
    return int(node.end_mark.index)


def _block_scalar_end(text: str, node: ScalarNode) -> int:
    """The last line of a text block; blank lines after it are its own only where it keeps them."""
    start, stop = node.start_mark.index, node.end_mark.index
    written = text[start:stop]
    if "+" not in written.split("\n", 1)[0]:
        written = written.rstrip()
    return int(start) + len(written.rstrip("\r\n") if written.endswith("\n") else written)


@dataclass(frozen=True, slots=True)
class _Line:
    """The end of a line."""

    rest: str
    """What stands on it from the place asked about."""
    next: int
    """Where the next line begins, or the text ends."""
    newline: bool


def _line_end(text: str, at: int) -> _Line:
    end = text.find("\n", at)
    if end < 0:
        return _Line(text[at:], len(text), False)
    return _Line(text[at:end].rstrip("\r"), end + 1, True)


# -- a value that goes ---------------------------------------------------------------------


def _without(text: str, mapping: MappingNode, keys: Sequence[str]) -> str:
    """Without the key, and without the mappings on the way to it that have nothing else."""
    way: list[tuple[MappingNode, int]] = []
    for key in keys:
        index = next((n for n, pair in enumerate(mapping.value) if pair[0].value == key), None)
        if index is None:
            return text
        way.append((mapping, index))
        mapping = mapping.value[index][1]
    while len(way) > 1 and len(way[-1][0].value) == 1:
        way.pop()
    owner, index = way[-1]
    if len(owner.value) == 1:
        raise CantEditError(f"`{keys[0]}` is all that is written there")
    cut = _cut_flow if owner.flow_style else _cut_block
    return cut(text, owner, index)


_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)


def _cut_flow(text: str, owner: MappingNode, index: int) -> str:
    key, value = owner.value[index]
    start, stop = key.start_mark.index, _end(key, value)
    before = start if index == 0 else _end(*owner.value[index - 1])
    if index == 0:
        stop = owner.value[1][0].start_mark.index
    if _COMMENT.search(text[start:stop]):
        raise CantEditError("there are comments in what would go")
    between = text[before:start]
    kept = between.replace(",", "", 1) if "#" in between else ""
    return text[:before] + kept + text[stop:]


def _cut_block(text: str, owner: MappingNode, index: int) -> str:
    key, value = owner.value[index]
    start = key.start_mark.index
    first = text.rfind("\n", 0, start) + 1
    line = _line_end(text, _last_end(text, key, value))
    if text[first:start].strip():  # it stands behind the dash of a list
        return text[:start] + text[owner.value[index + 1][0].start_mark.index :]
    if comments := _COMMENT.findall(text[first : line.next]):
        newline = "\r\n" if "\r\n" in text else "\n"
        kept = newline.join(text[first:start] + comment.rstrip("\r") for comment in comments)
        return text[:first] + kept + (newline if line.newline else "") + text[line.next :]
    if line.newline:
        return text[:first] + text[line.next :]
    return text[:first].rstrip("\r\n")
