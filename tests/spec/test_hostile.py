"""Files made to break a reader: refused with a sentence, in bounded time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assembler.errors import SpecError
from assembler.spec.load import load

from .conftest import Problems, Write

HEAD = "assembler: 1\nsegments:\n"
GOOD = HEAD + "  - {id: a, duration: 5s, prompt: x}\n"

MEASURE = """
import json, resource, sys, time
from pathlib import Path
from assembler.errors import SpecError
from assembler.spec.load import load
load(sys.argv[1])
found = {}
for name in sys.argv[2:]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    try:
        load(name)
        said = "accepted"
    except SpecError as exc:
        said = str(exc)
    spent = time.process_time() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found[Path(name).stem] = [said[:2000], len(said), spent, (after - before) / 1024]
print(json.dumps(found))
"""

CPU_S = 6.0
"""Processor time that the worst file may take; the machines that test are shared."""

PEAK_MB = 400


def _laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    return "\n".join(lines)


def _growing() -> str:
    lines = [f"  v{i}: ${{v{i - 1}}}${{v{i - 1}}}" for i in range(1, 60)]
    return "\n".join(["assembler: 1", "vars:", "  v0: 0123456789", *lines, GOOD[13:]])


def _filled() -> str:
    rows = "".join(f"  - {{id: s{i}, duration: 5s, prompt: '${{v}}'}}\n" for i in range(5000))
    return f"assembler: 1\nvars: {{v: {'x' * 15_000}}}\nsegments:\n{rows}"


def _chain(extra: Callable[[int], str], count: int = 6_000) -> str:
    rows = (f"  - {{id: s{i}, duration: 5s, prompt: x{extra(i)}}}\n" for i in range(count))
    return HEAD + "".join(rows)


HEAVY: dict[str, tuple[Callable[[], str], str]] = {
    "alias_bomb": (
        _laughs,
        "alias_bomb.yaml:6:15: with its aliases it holds more than 300,000 values\n"
        "  fix: split the film into several timelines.",
    ),
    "alias_of_long_text": (
        lambda: f"a: &a {'x' * 90_000}\nb: [{', '.join(['*a'] * 50_000)}]\n",
        "alias_of_long_text.yaml:2:3409: with its aliases it holds more than 300,000 values\n"
        "  fix: split the film into several timelines.",
    ),
    "deep_lists": (
        lambda: "a: " + "[" * 1_000_000,
        "deep_lists.yaml:1:35: values are nested more than 32 deep",
    ),
    "deep_mappings": (
        lambda: "{a: " * 500_000,
        "deep_mappings.yaml:1:129: values are nested more than 32 deep",
    ),
    "deep_entries": (
        lambda: "- " * 1_000_000,
        "deep_entries.yaml:1:65: values are nested more than 32 deep",
    ),
    "deep_lines": (
        lambda: "".join(" " * i + "a:\n" for i in range(2_000)),
        "deep_lines.yaml:33:33: values are nested more than 32 deep",
    ),
    "deep_keys": (
        lambda: "? " * 1_000_000,
        "deep_keys.yaml:1:3: a key must be a word\n  fix: quote text that has { or [ in it.",
    ),
    "many_values": (
        lambda: "a: [" + "x," * 2_400_000 + "]",
        "many_values.yaml:1:600001: with its aliases it holds more than 300,000 values\n"
        "  fix: split the film into several timelines.",
    ),
    "many_keys": (lambda: GOOD + "".join(f"k{i}: 1\n" for i in range(100_000)), ""),
    "one_key_often": (lambda: "a: 1\n" * 900_000, ""),
    "long_text": (
        lambda: f"a: {'x' * 4_900_000}",
        "long_text.yaml:1:4: this text is longer than 100000 characters",
    ),
    "long_key": (
        lambda: f"{'x' * 4_900_000}: 1",
        "long_key.yaml:1:1: this text is longer than 100000 characters",
    ),
    "long_blanks": (
        lambda: HEAD + f"  - {{id: a, prompt: x, duration: '1{' ' * 90_000}q'}}\n", ""
    ),
    "growing_variables": (
        _growing,
        "\n".join(
            f"growing_variables.yaml:{line}:8: "
            "with its variables this text is longer than 100000 characters"
            for line in (17, 31, 45, 59)
        ),
    ),
    "filled_variables": (
        _filled,
        "filled_variables.yaml:1337:39: "
        "with its variables it holds more than 20,000,000 characters",
    ),
    "wrong_segments": (lambda: _chain(lambda i: f", takes: {i - 40_000}, fot: 1"), ""),
    "long_chain": (lambda: _chain(lambda i: f", continue: s{(i or 6_000) - 1}"), ""),
    "long_layers": (
        lambda: _chain(lambda i: f", layer: {{over: s{(i or 6_000) - 1}}}"), ""
    ),
    "nowhere": (
        lambda: _chain(lambda i: f", continue: t{i}, start: media/n{i}.png, join: dislove"), ""
    ),
    "unknown_variables": (
        lambda: "assembler: 1\nvars:\n"
        + "".join(f"  name{i}: x\n" for i in range(20_000))
        + _chain(lambda i: f", camera: '${{nome{i}}}'", 3_000)[13:],
        "",
    ),
    "same_id": (lambda: HEAD + "  - {id: a, duration: 5s, prompt: x}\n" * 6_000, ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was said of each heavy file, with its processor time and what it added to the peak."""
    pytest.importorskip("resource", reason="the measure is POSIX's")
    folder = tmp_path_factory.mktemp("heavy")
    (folder / "good.yaml").write_text(GOOD)
    for name, (make, _) in HEAVY.items():
        (folder / f"{name}.yaml").write_text(make())
    with (folder / "hundred_mb.yaml").open("wb") as file:
        file.truncate(100_000_000)
    names = ["good.yaml", *(f"{n}.yaml" for n in HEAVY), "hundred_mb.yaml"]
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *names],
        cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", [*HEAVY, "hundred_mb"])
def test_heavy_file_is_refused_in_bounded_time_and_memory(
    measured: dict[str, Any], name: str
) -> None:
    said, length, cpu_s, peak_mb = measured[name]
    assert said != "accepted"
    assert length < 100_000
    assert cpu_s < CPU_S
    assert peak_mb < PEAK_MB


@pytest.mark.parametrize("name", [n for n, (_, said) in HEAVY.items() if said])
def test_heavy_file_is_refused_with_a_sentence(measured: dict[str, Any], name: str) -> None:
    assert HEAVY[name][1] == measured[name][0]


def test_hundred_megabytes_are_not_read(measured: dict[str, Any]) -> None:
    said, _, cpu_s, peak_mb = measured["hundred_mb"]
    expected = "hundred_mb.yaml:1:1: it is larger than 5 MB\n  fix: split it with `- include:`."
    assert expected == said
    assert cpu_s < 0.5
    assert peak_mb < 20


def test_ring_of_thousands_is_found_once(measured: dict[str, Any]) -> None:
    said, length, *_ = measured["long_chain"]
    assert said.startswith("long_chain.yaml:3:")
    ring = "s0 continues s5999 continues s5998 continues … continues s2 continues s1 continues s0"
    assert f"the chain goes round: {ring}\n" in said
    assert length < 2_000


def test_of_many_problems_the_first_are_told(write: Write) -> None:
    write("t.yaml", HEAD + "  - {id: a, duration: 5s, prompt: x}\n" * 300)
    with pytest.raises(SpecError) as caught:
        load("t.yaml")
    assert len(caught.value.problems) == 201
    assert str(caught.value).endswith("\nt.yaml:204:10: and more problems from here on")


BYTES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "t.yaml:1:1: it is empty"),
    "only a comment": (b"# nothing\n", "t.yaml:1:1: it is empty"),
    "UTF-16": (
        GOOD.encode("utf-16"),
        "t.yaml:1:1: it is written in UTF-16 or UTF-32\n  fix: save it as UTF-8.",
    ),
    "UTF-16 without a mark": (
        GOOD.encode("utf-16-le"),
        "t.yaml:1:2: unprintable character U+0000\n"
        "  fix: take it out; it often comes with pasted text.",
    ),
    "UTF-32": (
        GOOD.encode("utf-32"),
        "t.yaml:1:1: it is written in UTF-16 or UTF-32\n  fix: save it as UTF-8.",
    ),
    "Latin-1": (
        "assembler: 1\ntitle: Café\n".encode("latin-1"),
        "t.yaml:2:11: byte 0xE9 is not UTF-8\n  fix: save it as UTF-8.",
    ),
    "half a character": (
        b"assembler: 1\ntitle: \xf0\x9f\x8e\n",
        "t.yaml:2:8: byte 0xF0 is not UTF-8\n  fix: save it as UTF-8.",
    ),
    "NUL": (
        b"assembler: 1\ntitle: a\x00b\n",
        "t.yaml:2:9: unprintable character U+0000\n"
        "  fix: take it out; it often comes with pasted text.",
    ),
    "line separator": (
        "assembler: 1\ntitle: a\u2028b\n".encode(),
        "t.yaml:2:9: unprintable character U+2028\n"
        "  fix: take it out; it often comes with pasted text.",
    ),
    "escaped NUL": (
        b'assembler: 1\ntitle: "a\\0b"\n',
        "t.yaml:2:8: this text holds the unprintable character U+0000\n  fix: take it out.",
    ),
    "a picture": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "t.yaml:1:1: byte 0x89 is not UTF-8\n  fix: save it as UTF-8.",
    ),
    "a list": (
        b"- 1\n",
        "t.yaml:1:1: a timeline is a mapping, not a list or a single value\n"
        "  fix: begin it with `assembler: 1` and `segments:`.",
    ),
    "a word": (
        b"hello\n",
        "t.yaml:1:1: a timeline is a mapping, not a list or a single value\n"
        "  fix: begin it with `assembler: 1` and `segments:`.",
    ),
    "two documents": (
        (GOOD + "---\n" + GOOD).encode(),
        "t.yaml:4:1: a second document begins\n  fix: keep one document to a file.",
    ),
    "a tag": (
        b"assembler: 1\ntitle: !!python/object/apply:os.system [ls]\n",
        "t.yaml:2:8: the tag '!!python/object/apply:os.system' is not read\n"
        "  fix: write the value without it; quote it when it must be text.",
    ),
    "a harmless tag": (
        b"assembler: !!int 1\n",
        "t.yaml:1:12: the tag '!!int' is not read\n"
        "  fix: write the value without it; quote it when it must be text.",
    ),
    "a repeated key": (
        (GOOD + "assembler: 1\n").encode(),
        "t.yaml:4:1: the key 'assembler' was already given in line 1\n  fix: keep one of them.",
    ),
    "two repeated keys and a tag": (
        b"assembler: 1\nassembler: 1\nsegments: !x [{id: a, id: b}]\n",
        "t.yaml:2:1: the key 'assembler' was already given in line 1\n  fix: keep one of them.\n"
        "t.yaml:3:11: the tag '!x' is not read\n"
        "  fix: write the value without it; quote it when it must be text.\n"
        "t.yaml:3:23: the key 'id' was already given in line 3\n  fix: keep one of them.",
    ),
    "a merge key": (
        b"assembler: 1\nbase: &b {a: 1}\ndefaults:\n  <<: *b\n",
        "t.yaml:4:3: merge keys (`<<`) are not read\n"
        "  fix: put what segments share under `defaults`, and words under `vars`.",
    ),
    "an unknown alias": (
        b"assembler: 1\ntitle: *x\n",
        "t.yaml:2:8: there is no anchor &x before this alias\n"
        "  fix: quote text that begins with *.",
    ),
    "an alias inside its anchor": (
        b"assembler: 1\nsegments: &s [*s]\n",
        "t.yaml:2:15: the alias *s stands inside its own anchor",
    ),
    "a list as a key": (
        b"assembler: 1\n? [a, b]\n: 1\n",
        "t.yaml:2:3: a key must be a word\n  fix: quote text that has { or [ in it.",
    ),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_timeline(write: Write, name: str) -> None:
    write("t.yaml", BYTES[name][0])
    with pytest.raises(SpecError) as caught:
        load("t.yaml")
    assert BYTES[name][1] == str(caught.value)


NUMBERS = [
    ("duration: .nan", "1:30: segment a: duration: '.nan' is no time"),
    ("duration: NaN", "1:30: segment a: duration: 'NaN' is no time"),
    ("duration: .inf", "1:30: segment a: duration: '.inf' is no time"),
    ("duration: 1e9", "1:30: segment a: duration: '1e9' is no time"),
    ("duration: -5s", "1:30: segment a: duration: '-5s' is no time"),
    ("duration: 90000s", "1:30: segment a: duration: 90000 s is longer than a day"),
    ("duration: 99999999f", "1:30: segment a: duration: 99,999,999 frames are longer than a day"),
    ("duration: 1.5f", "1:30: segment a: duration: '1.5f' is no time"),
    ("duration: 0s", "1:30: segment a: 'duration' is shorter than half a frame: 0s"),
    ("duration: 1s, takes: -1", "1:41: segment a: 'takes' must be at least 1, not '-1'"),
    ("duration: 1s, takes: 1e1", "1:41: segment a: takes: '1e1' is no whole number"),
    ("duration: 1s, seed: 99999999999", "1:40: segment a: 'seed' must be at most 4,294,967,295, "
                                        "not '99999999999'"),
    ("duration: 1s, guidance: inf", "1:44: segment a: guidance: 'inf' is no number"),
    ("duration: 1s, guidance: 1_0", "1:44: segment a: guidance: '1_0' is no number"),
    ("duration: 1s, native: {level: nan}",
     "1:50: segment a: level: 'nan' is no level; write decibels, such as -3dB"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), NUMBERS)
def test_number_that_is_none(problems: Problems, words: str, message: str) -> None:
    text = f"segments: [{{id: a, {words}, prompt: x}}]\nassembler: 1\n"
    first = problems(text).splitlines()[0]
    assert f"t.yaml:{message}" == first


def test_special_files_are_not_read(project: Path) -> None:
    """A pipe would wait for ever, and a device never ends."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes in folders here")
    os.mkfifo(project / "t.yaml")
    with pytest.raises(SpecError) as caught:
        load("t.yaml")
    assert str(caught.value) == "t.yaml:1:1: it is not a file\n  fix: name a YAML file."


def test_folder_is_not_read(project: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load(project / "media")
    assert str(caught.value).endswith("media:1:1: it is not a file\n  fix: name a YAML file.")


def test_missing_file_is_a_sentence(project: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load("film.yaml")
    expected = "film.yaml:1:1: there is no such file\n  fix: check the name and the folder."
    assert expected == str(caught.value)
