"""Parts and variables: where included entries go, what their words mean, where problems point."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assembler.errors import SpecError
from assembler.spec.load import load, load_timeline

from .conftest import Problems, Write

MAIN = """\
assembler: 1
vars: {hero: a woman, when: dawn}
defaults: {model: main-model}
segments:
  - {id: first, duration: 5s, prompt: "${hero} at ${when}"}
  - include: parts/act.yaml
    vars: {when: noon}
  - {id: last, duration: 5s, prompt: "${hero} at ${when}"}
tracks:
  - {id: score, file: media/score.flac}
"""

ACT = """\
assembler: 1
vars: {hero: a man, when: dusk, where: "the pier, ${when}"}
defaults: {model: act-model, seed: 4}
segments:
  - {id: middle, duration: 5s, prompt: "${hero} at ${when} on ${where}"}
  - {id: own, duration: 5s, prompt: x, model: own-model}
tracks:
  - {id: voice, role: voice, file: ../media/narration.wav, on: middle+1s}
titles:
  - {text: "Act ${when}", on: middle, for: 2s}
"""


def test_part_goes_in_the_place_of_its_include(write: Write) -> None:
    write("parts/act.yaml", ACT)
    t = load_timeline(write("t.yaml", MAIN))
    assert [s.id for s in t.segments] == ["first", "middle", "own", "last"]


def test_other_lists_of_a_part_follow_the_timelines_own(write: Write) -> None:
    write("parts/act.yaml", ACT)
    t = load_timeline(write("t.yaml", MAIN))
    assert [x.id for x in t.tracks] == ["score", "voice"]
    assert [x.text for x in t.titles] == ["Act noon"]


def test_nearest_variable_counts(write: Write) -> None:
    """Beside the include, then in the part, then in the file that includes it."""
    write("parts/act.yaml", ACT)
    t = load_timeline(write("t.yaml", MAIN))
    assert t.segments[0].prompt == "a woman at dawn"
    assert t.segments[1].prompt == "a man at noon on the pier, dusk"
    assert t.segments[3].prompt == "a woman at dawn"


def test_defaults_of_a_part_are_for_its_own_segments(write: Write) -> None:
    write("parts/act.yaml", ACT)
    t = load_timeline(write("t.yaml", MAIN))
    assert [s.model for s in t.segments] == [None, "act-model", "own-model", None]
    assert [s.seed for s in t.segments] == [None, 4, 4, None]
    assert t.defaults.model == "main-model"


def test_paths_of_a_part_start_at_its_folder(write: Write, project: Path) -> None:
    write("parts/act.yaml", ACT)
    t = load_timeline(write("t.yaml", MAIN))
    assert t.tracks[1].file == project / "media" / "narration.wav"


def test_places_in_a_part_are_its_own_lines(write: Write) -> None:
    write("parts/act.yaml", ACT)
    write("t.yaml", MAIN)
    loaded = load("t.yaml")
    assert loaded.where("segments", 1, "prompt") == "parts/act.yaml:5:40"
    assert loaded.where("segments", 3, "prompt") == "t.yaml:8:38"
    assert loaded.where("segments", 1, "seed") == "parts/act.yaml:3:36"


def test_part_may_be_included_twice_under_other_names(write: Write) -> None:
    write("p.yaml", "segments: [{id: '${x}_shot', duration: 5s, prompt: '${x}'}]\n")
    text = """\
assembler: 1
segments:
  - {include: p.yaml, vars: {x: day}}
  - {include: p.yaml, vars: {x: night}}
"""
    t = load_timeline(write("t.yaml", text))
    assert [(s.id, s.prompt) for s in t.segments] == [("day_shot", "day"), ("night_shot", "night")]


def test_problems_of_a_part_name_its_lines(write: Write, problems: Problems) -> None:
    write(
        "parts/act.yaml", "segments:\n  - {id: a, duraton: 5s, file: ../media/arxive.mov}\nwat: 1\n"
    )
    said = """\
parts/act.yaml:2:13: segment a: unknown key 'duraton'
  fix: did you mean 'duration'?
parts/act.yaml:2:32: segment a: file: there is no file '../media/arxive.mov'
  fix: did you mean 'archive.mov'?
parts/act.yaml:3:1: unknown key 'wat' in a part
  fix: a part has assembler, vars, defaults, segments, tracks or titles."""
    assert said == problems("assembler: 1\nsegments:\n  - include: parts/act.yaml\n")


def test_same_id_in_two_files_is_found(write: Write, problems: Problems) -> None:
    write("p.yaml", "segments: [{id: a, duration: 5s, prompt: x}]\n")
    text = "assembler: 1\nsegments:\n  - include: p.yaml\n  - {id: a, duration: 5s, prompt: x}\n"
    said = "t.yaml:4:10: segment a: the id 'a' is already used in p.yaml:1"
    assert f"{said}\n  fix: give it another id." == problems(text)


INCLUDES = {
    "itself": (
        "t.yaml",
        "t.yaml:3:14: the include goes round: t.yaml includes t.yaml\n"
        "  fix: take one of them out.",
    ),
    "one that includes it": (
        "round.yaml",
        "round.yaml:1:25: the include goes round: t.yaml includes round.yaml includes t.yaml\n"
        "  fix: take one of them out.",
    ),
    "a missing file": (
        "ruond.yaml",
        "t.yaml:3:14: include: there is no file 'ruond.yaml'\n  fix: did you mean 'round.yaml'?",
    ),
    "a file outside": (
        "../out.yaml",
        "t.yaml:3:14: include: '../out.yaml' leads out of the project folder\n"
        "  fix: copy the file into the folder of the timeline, or below it.",
    ),
    "a list": (
        "[a, b]",
        "t.yaml:3:14: 'include' must be the path of a file",
    ),
    "a file that is none": (
        "media/anna.png",
        "media/anna.png:1:1: it is empty",
    ),
    "a file with a list": (
        "list.yaml",
        "list.yaml:1:1: a part is a mapping, not a list or a single value\n"
        "  fix: put its entries under `segments:`.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INCLUDES)
def test_include_that_can_not_be(write: Write, problems: Problems, name: str) -> None:
    write("round.yaml", "segments: [{include:    t.yaml}]\n")
    write("list.yaml", "- {id: a}\n")
    write("../out.yaml", "segments: []\n")
    included, said = INCLUDES[name]
    assert said == problems(f"assembler: 1\nsegments:\n  - include: {included}\n")


def test_includes_that_multiply_are_stopped(write: Write) -> None:
    """Ten files that include the next ten times would be a thousand million."""
    for n in range(10):
        entry = f"  - include: p{n + 1}.yaml\n"
        write(f"p{n}.yaml", "segments:\n" + entry * 10)
    write("p10.yaml", "segments: [{id: a, duration: 5s, prompt: x}]\n")
    write("t.yaml", "assembler: 1\nsegments:\n  - include: p0.yaml\n")
    with pytest.raises(SpecError) as caught:
        load("t.yaml")
    assert "more than 500 includes, or 16 inside each other" in str(caught.value)


def test_includes_inside_each_other_are_stopped(write: Write) -> None:
    for n in range(40):
        write(f"p{n}.yaml", f"segments: [{{include: p{n + 1}.yaml}}]\n")
    write("t.yaml", "assembler: 1\nsegments:\n  - include: p0.yaml\n")
    with pytest.raises(SpecError) as caught:
        load("t.yaml")
    assert "p15.yaml:1:22: more than 500 includes, or 16 inside each other" in str(caught.value)


VARIABLES = [
    ("${hero}", "t.yaml:3:38: there is no variable 'hero'\n  fix: did you mean 'heroine'?"),
    ("${zzz}", "t.yaml:3:38: there is no variable 'zzz'\n  fix: known: heroine."),
    (
        "${heroine",
        "t.yaml:3:38: '${' without '}'\n"
        "  fix: close it, or write $${ for the characters themselves.",
    ),
    (
        "${a b}",
        "t.yaml:3:38: 'a b' is no name of a variable\n"
        "  fix: names have letters, digits, _ and -; write $${ for the characters themselves.",
    ),
]


@pytest.mark.parametrize(("prompt", "said"), VARIABLES)
def test_variable_that_can_not_be(problems: Problems, prompt: str, said: str) -> None:
    text = (
        "assembler: 1\nvars: {heroine: x}\n"
        f"segments: [{{id: a, duration: 5s, prompt: '{prompt}'}}]\n"
    )
    assert said.replace("3:38", "3:42") == problems(text)


def test_variables_hold_for_every_kind_of_value(write: Write) -> None:
    text = """\
assembler: 1
vars: {n: a, len: 5s, media: media/score.flac, gain: -3dB, takes: 2}
segments: [{id: "${n}", duration: "${len}", prompt: x, takes: "${takes}"}]
tracks: [{id: t, file: "${media}", level: "${gain}", on: "${n}+1s"}]
"""
    t = load_timeline(write("t.yaml", text))
    assert (t.segments[0].id, t.segments[0].takes) == ("a", 2)
    assert (t.tracks[0].level, str(t.tracks[0].on)) == (-3.0, "a+1s")


def test_dollar_sign_of_its_own_stays(write: Write) -> None:
    text = """\
assembler: 1
vars: {x: "${y} $${x}", y: no}
segments: [{id: a, duration: 5s, prompt: "$5, $x and $${x}"}]
"""
    said = "t.yaml:2:11: there is no variable 'y'"
    with pytest.raises(SpecError, match="there is no variable 'y'") as caught:
        load(write("t.yaml", text).name)
    assert str(caught.value).startswith(said)
    ordered = text.replace('x: "${y} $${x}", y: no', "x: red")
    assert load_timeline(write("t.yaml", ordered)).segments[0].prompt == "$5, $x and ${x}"


def test_variable_is_put_in_once(write: Write) -> None:
    """What a variable brings along isn't looked through again."""
    text = """\
assembler: 1
vars: {x: "$${y}", y: red}
segments: [{id: a, duration: 5s, prompt: "${x}"}]
"""
    assert load_timeline(write("t.yaml", text)).segments[0].prompt == "${y}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "[a]",
            "t.yaml:2:7: 'vars' must be a mapping of names to text\n"
            "  fix: write one name: text to a line under it.",
        ),
        ("{a: [1]}", "t.yaml:2:11: the variable 'a' has no text\n  fix: write text."),
        (
            "{a: }",
            "t.yaml:2:11: the variable 'a' has no text\n  fix: write a: \"\" for an empty one.",
        ),
        (
            "{a b: x}",
            "t.yaml:2:8: 'a b' is no name for a variable\n"
            "  fix: use letters, digits, _ and -, a letter first.",
        ),
    ],
)
def test_vars_that_are_none(problems: Problems, given: str, said: str) -> None:
    text = f"assembler: 1\nvars: {given}\nsegments: [{{id: a, duration: 5s, prompt: x}}]\n"
    assert said == problems(text)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_linked_part_outside_is_refused(write: Write, project: Path, problems: Problems) -> None:
    write("../out.yaml", "segments: []\n")
    (project / "in.yaml").symlink_to(project.parent / "out.yaml")
    found = problems("assembler: 1\nsegments:\n  - include: in.yaml\n").splitlines()
    said = "t.yaml:3:14: include: 'in.yaml' leads out of the project folder through a link"
    assert said in found
