"""YAML read as it was written: places, and words that other readers change."""

from __future__ import annotations

import pytest

from assembler.errors import SpecError
from assembler.spec.yaml import Source, parse, resolved, value

SOURCE = Source("t.yaml")

SURPRISES = [
    "10:00:00:00", "1:30", "190:20:30", "on", "off", "yes", "no", "y", "n", "On", "NO",
    "012", "0o14", "0x1F", "0b101", "1_000", "NaN", ".nan", ".inf", "-.inf", "1e3",
    "2024-01-31", "2024-01-31 10:00:00", "12f", "2.5s", "=", "1.2.3", "+-1", "9" * 400,
]  # fmt: skip


@pytest.mark.parametrize("word", SURPRISES)
def test_word_stays_text(word: str) -> None:
    """No timecode becomes a number, no `on` a truth value, no `012` ten."""
    assert value(parse(SOURCE, f"a: {word}".encode())) == {"a": word}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("false", False), ("0", 0), ("-12", -12), ("2.50", 2.5), ("1.5e3", 1500.0)],
)
def test_plain_value_of_provider_options(text: str, expected: object) -> None:
    found = resolved(text)
    assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize("nothing", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_none(nothing: str) -> None:
    assert value(parse(SOURCE, f"a: {nothing}".encode())) == {"a": None}


@pytest.mark.parametrize("quoted", ['"null"', "'~'", '""', "'true'"])
def test_quoted_words_are_text(quoted: str) -> None:
    node = parse(SOURCE, f"a: {quoted}".encode()).child("a")
    assert node is not None
    assert node.text == quoted[1:-1]


def test_places_are_counted_in_characters_from_one() -> None:
    """Umlauts and emoji before a value count once; a BOM doesn't count."""
    root = parse(SOURCE, "\ufeffé: 1\nlist:\n  - {ü🎬: x, b: y}\n".encode())
    assert root.items is not None
    entry = root.items["list"].child(0)
    assert entry is not None
    assert entry.items is not None
    assert (entry.line, entry.column) == (3, 5)
    assert (entry.items["b"].line, entry.items["b"].column) == (3, 16)
    assert entry.keys == {"ü🎬": (3, 6), "b": (3, 13)}


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_count(ends: str) -> None:
    root = parse(SOURCE, ends.join(["a: 1", "b:", "  c: 2"]).encode())
    assert root.items is not None
    assert root.items["b"].line == 3


def test_alias_repeats_a_value() -> None:
    text = b"a: &look {fit: cover}\nb: *look\n"
    assert value(parse(SOURCE, text)) == {"a": {"fit": "cover"}, "b": {"fit": "cover"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: b: c",
            "t.yaml:1:5: a ': ' that can't stand here\n"
            "  fix: put text with a colon in quotes, or begin a new line for a new key.",
        ),
        (
            "a:\n\tb: 1",
            "t.yaml:2:1: a character that can't begin a value\n"
            "  fix: indent with spaces, not tabs; put text that begins with @, ` or % in quotes.",
        ),
        ("a: [1, 2\nb: 3", "t.yaml:1:4: a list that isn't closed\n  fix: close it with ]."),
        ("x: 1\na: {b: 1", "t.yaml:2:4: a mapping that isn't closed\n  fix: close it with }."),
        ("a: 'x", "t.yaml:1:4: a quote that isn't closed\n  fix: close it."),
        (
            "a: 1\n- b",
            "t.yaml:2:1: here a key was expected\n"
            "  fix: line it up with the keys above; "
            "put text with quotes or colons in it in quotes.",
        ),
        (
            "- 1\nb: 2",
            "t.yaml:2:1: here a list entry was expected\n"
            "  fix: begin it with '- ' and line it up with the entries above.",
        ),
    ],
)
def test_broken_yaml_is_explained_where_it_breaks(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(SOURCE, text.encode())
    assert message == str(caught.value)
