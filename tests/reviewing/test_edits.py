"""A change of a timeline's text moves nothing else by a byte."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assembler.reviewing.edits import CantEditError, put, set_seam
from assembler.spec.load import load
from assembler.spec.yaml import Node, Source, parse, value

EXAMPLES = sorted((Path(__file__).parents[2] / "timelines").glob("*.yaml"))

WRITTEN = """\
# A film.
assembler: 1
segments:
  - id: x   # begins
    prompt: |
      Mist.

      More mist.

  # what comes next
  - {id: y, prompt: "s: #1"}   # short
  - id: z
    seam:
      colour: "off"  # why
      patch: off
    prompt: plain text
      over two lines
    # the end of z
  - {id: u, seam: {colour: hold}, # one
     duration: 1s, # two
     seams: {2: {colour: off}}}
  - seam: {keep_until: 3}
    id: v"""


def test_a_word_is_added_where_the_segment_ends() -> None:
    said = set_seam(WRITTEN, (4, 5), None, {"keep_until": 5, "start_from": 2})
    added = "      More mist.\n    seam: {keep_until: 5, start_from: 2}\n\n"
    assert said == WRITTEN.replace("      More mist.\n\n", added)


def test_a_flow_mapping_stays_one() -> None:
    said = set_seam(WRITTEN, (11, 5), 3, {"colour": "glide"})
    wanted = '{id: y, prompt: "s: #1", seams: {3: {colour: glide}}}   # short'
    assert said == WRITTEN.replace('{id: y, prompt: "s: #1"}   # short', wanted)


def test_quotes_and_comments_beside_a_value_stay() -> None:
    said = set_seam(WRITTEN, (12, 5), None, {"colour": "hold"})
    assert said == WRITTEN.replace('"off"  # why', '"hold"  # why')


def test_a_value_that_goes_leaves_its_comment() -> None:
    said = set_seam(WRITTEN, (12, 5), None, {"colour": None})
    assert said == WRITTEN.replace('      colour: "off"  # why', "      # why")


def test_what_is_empty_goes_too() -> None:
    said = set_seam(WRITTEN, (19, 5), None, {"colour": None})
    assert said == WRITTEN.replace(" seam: {colour: hold},", "")
    first = set_seam(WRITTEN, (22, 5), None, {"keep_until": None})
    assert first == WRITTEN.replace("- seam: {keep_until: 3}\n    id: v", "- id: v")


def test_lines_end_as_they_did() -> None:
    text = WRITTEN.replace("\n", "\r\n")
    said = set_seam(text, (22, 5), None, {"colour": "off"})
    assert said.replace("{keep_until: 3, colour: off}", "{keep_until: 3}") == text
    ended = set_seam(text, (22, 5), 2, {"colour": "off"})
    assert ended == text + "\r\n    seams: {2: {colour: off}}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &s {colour: off}\nseam: *s\n", "not written out"),
        ("seam: &s {colour: off}\nother: *s\n", "used elsewhere"),
        ("other: &s hold\nseam: {colour: *s}\n", "shares its value"),
        ("seam: {colour: &s hold}\nother: *s\n", "shares its value"),
        ("seam: [1]\n", "not written out"),
        ("seam: {colour: [1]}\n", "single value"),
        ("seam: {colour: off}\n", "all that is written"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(text: str, why: str) -> None:
    word = None if "all that" in why else "hold"
    with pytest.raises(CantEditError, match=why):
        put(text, (1, 1), ("seam", "colour"), word)


def test_a_place_without_a_mapping_is_refused() -> None:
    with pytest.raises(CantEditError, match="isn't written there"):
        put(WRITTEN, (4, 6), ("seam", "colour"), "off")


SEAM: dict[str, st.SearchStrategy[Any]] = {
    "keep_until": st.integers(1, 9999),
    "start_from": st.integers(0, 999),
    "colour": st.sampled_from(["hold", "release", "glide", "off"]),
}
CHANGE = st.sampled_from(sorted(SEAM)).flatmap(lambda k: st.tuples(st.just(k), SEAM[k]))
LINK = st.one_of(st.none(), st.integers(1, 4))


def places(text: str) -> list[tuple[Node, tuple[int, int]]]:
    root = parse(Source("t.yaml"), text.encode())
    assert root.items
    entries = root.items["segments"].entries or []
    return [(node, (node.line, node.column)) for node in entries if node.items is not None]


def comments(text: str) -> list[str]:
    """Those without quotes and brackets, which may as well be text."""
    found = re.findall(r"(?:^|\s)(#[^'\"{}\n]*)$", text.replace("\r", ""), re.MULTILINE)
    return [comment.rstrip() for comment in found]


def check_there_and_back(text: str, n: int, link: int | None, change: tuple[str, Any]) -> None:
    """The one value is said, nothing else changed, and the inverse gives the very text."""
    rows = places(text)
    node, place = rows[n % len(rows)]
    key, word = change
    old = value(node)
    above = ("seam",) if link is None else ("seams", str(link))
    before = old
    for step in above:
        before = before.get(step, {})
    said = set_seam(text, place, link, {key: word})
    assert comments(said) == comments(text)
    new = value(places(said)[n % len(rows)][0])
    at = new
    for step in above:
        at = at[step]
    assert str(at[key]) == str(word)
    others = [value(row) for m, (row, _) in enumerate(places(said)) if m != n % len(rows)]
    assert others == [value(row) for m, (row, _) in enumerate(rows) if m != n % len(rows)]
    assert set_seam(said, place, link, {key: before.get(key)}) == text


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(EXAMPLES), st.integers(0, 30), LINK, CHANGE)
def test_there_and_back_on_the_examples(
    path: Path, n: int, link: int | None, change: tuple[str, Any]
) -> None:
    check_there_and_back(path.read_text(encoding="utf-8"), n, link, change)


WORD = st.sampled_from(["Mist.", '"a: b # c"', "'it''s'", "[1, 2]", "{a: 1, b: {c: 2}}", "1s"])
GAP = st.sampled_from(["", "  # note", "\n", "\n    # below\n", " "])
SEAMS = st.sampled_from(
    ["", "{colour: off}", "{ keep_until: 3 , start_from: 1 }", "{colour: 'off'}", "BLOCK"]
)


@st.composite
def segments(draw: st.DrawFn) -> str:
    """A list of segments in block and flow style, with comments and blank lines between."""
    rows = []
    for n in range(draw(st.integers(1, 4))):
        words = [("id", f"s{n}"), *((f"k{k}", draw(WORD)) for k in range(draw(st.integers(0, 3))))]
        seam = draw(SEAMS)
        if draw(st.booleans()):
            if seam:
                words.append(("seam", "{colour: off}" if seam == "BLOCK" else seam))
            inner = ", ".join(f"{key}: {word}" for key, word in words)
            rows.append(f"  - {{{inner}}}{draw(GAP)}")
            continue
        lines = [f"{key}: {word}{draw(GAP)}" for key, word in words]
        if seam == "BLOCK":
            lines.append(f"seam:\n      colour: off{draw(st.sampled_from(['', '  # c']))}")
        elif seam:
            lines.append(f"seam: {seam}")
        if draw(st.booleans()):
            lines.append("text: |\n      one\n\n      two" + draw(st.sampled_from(["", "\n"])))
        rows.append("  - " + "\n    ".join(lines))
    head = draw(st.sampled_from(["", "# head\n", "\ufeff"]))
    tail = draw(st.sampled_from(["", "\n", "\n# tail\n", "\ntitle: x\n"]))
    text = head.replace("\ufeff", "") + "assembler: 1\nsegments:\n" + "\n".join(rows) + tail
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@settings(max_examples=100, deadline=None)
@given(segments(), st.integers(0, 3), LINK, CHANGE)
def test_there_and_back_on_any_text(
    text: str, n: int, link: int | None, change: tuple[str, Any]
) -> None:
    check_there_and_back(text, n, link, change)


def test_a_change_is_checked_before_it_is_written(tmp_path: Path) -> None:
    """`load` reads a text in the place of the file; the file itself isn't touched."""
    path = tmp_path / "film.yaml"
    text = "assembler: 1\nsegments: [{id: a, duration: 5s, prompt: x}]\n"
    path.write_text(text, encoding="utf-8")
    said = set_seam(text, (2, 12), None, {"keep_until": 90})
    seam = load(path, {path: said.encode()}).timeline.segments[0].seam
    assert seam is not None
    assert seam.keep_until == 90
    assert path.read_text(encoding="utf-8") == text
