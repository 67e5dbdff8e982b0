"""Paths stay in the project, whatever `..` and links say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assembler.spec.load import load_timeline

from .conftest import Problems, Write

HEAD = "assembler: 1\nsegments: [{id: a, file: "
FIX = "  fix: copy the file into the folder of the timeline, or below it."

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")


def file_of(write: Write, path: str) -> Path | None:
    return load_timeline(write("t.yaml", f"{HEAD}'{path}'}}]\n")).segments[0].file


@pytest.mark.parametrize(
    "path",
    [
        "media/archive.mov",
        "./media/archive.mov",
        "media/../media/archive.mov",
        "media\\archive.mov",
        " media/archive.mov ",
        "../film/media/archive.mov",
    ],
)
def test_path_inside_is_absolute(write: Write, project: Path, path: str) -> None:
    assert file_of(write, path) == project / "media" / "archive.mov"


def test_absolute_path_inside_is_taken(write: Write, project: Path) -> None:
    path = project / "media" / "archive.mov"
    assert file_of(write, str(path)) == path


@pytest.mark.parametrize(
    "path",
    [
        "../x.mov",
        "media/../../x.mov",
        "/etc/passwd",
        "../film2/x.mov",
        "C:/films/x.mov",
        "../../../../../../etc/passwd",
    ],
)
def test_path_outside_is_refused(write: Write, problems: Problems, path: str) -> None:
    write("../x.mov", "")
    write("../film2/x.mov", "")
    said = f"t.yaml:2:26: segment a: file: '{path}' leads out of the project folder\n{FIX}"
    assert said == problems(f"{HEAD}{path}}}]\n")


@needs_links
def test_link_to_a_file_outside_is_refused(write: Write, project: Path, problems: Problems) -> None:
    write("../x.mov", "")
    (project / "media" / "in.mov").symlink_to(project.parent / "x.mov")
    said = "t.yaml:2:26: segment a: file: 'media/in.mov' leads out of the project folder"
    assert f"{said} through a link\n{FIX}" == problems(f"{HEAD}media/in.mov}}]\n")


@needs_links
def test_link_to_a_folder_outside_is_refused(
    write: Write, project: Path, problems: Problems
) -> None:
    write("../other/x.mov", "")
    (project / "linked").symlink_to(project.parent / "other")
    said = "t.yaml:2:26: segment a: file: 'linked/x.mov' leads out of the project folder"
    assert f"{said} through a link\n{FIX}" == problems(f"{HEAD}linked/x.mov}}]\n")


@needs_links
def test_link_within_the_project_is_followed(write: Write, project: Path) -> None:
    (project / "linked").symlink_to(project / "media")
    assert file_of(write, "linked/archive.mov") == project / "media" / "archive.mov"


@needs_links
def test_project_folder_may_be_a_link_itself(write: Write, project: Path) -> None:
    write("t.yaml", f"{HEAD}media/archive.mov}}]\n")
    (project.parent / "alias").symlink_to(project)
    t = load_timeline(project.parent / "alias" / "t.yaml")
    assert t.segments[0].file == project / "media" / "archive.mov"


@needs_links
def test_ring_of_links_is_a_missing_file(write: Write, project: Path, problems: Problems) -> None:
    (project / "a.mov").symlink_to(project / "b.mov")
    (project / "b.mov").symlink_to(project / "a.mov")
    said = "t.yaml:2:26: segment a: file: there is no file 'a.mov'"
    assert said == problems(f"{HEAD}a.mov}}]\n").splitlines()[0]


REFUSED = [
    (
        "media/archiv.mov",
        "there is no file 'media/archiv.mov'\n  fix: did you mean 'archive.mov'?",
    ),
    (
        "medai/archive.mov",
        "there is no file 'medai/archive.mov'\n  fix: there is no folder 'medai' either.",
    ),
    (
        "media/zzzzzz.mov",
        "there is no file 'media/zzzzzz.mov'\n"
        "  fix: check the name; paths start at the folder of the file that names them.",
    ),
    ("media", "'media' is a folder\n  fix: name a file in it."),
    ("~/x.mov", f"'~/x.mov' begins with ~, which is not expanded\n{FIX}"),
    ("''", "the path is empty\n  fix: write the path of a file."),
    ("x" * 2000, "the path is longer than 1024 characters"),
]


@pytest.mark.parametrize(("path", "said"), REFUSED)
def test_path_that_names_no_file(problems: Problems, path: str, said: str) -> None:
    assert f"t.yaml:2:26: segment a: file: {said}" == problems(f"{HEAD}{path}}}]\n")


def test_name_too_long_for_the_disk_is_a_missing_file(problems: Problems) -> None:
    found = problems(f"{HEAD}{'x' * 300}}}]\n")
    assert found.startswith("t.yaml:2:26: segment a: file: there is no file 'xxx")


def test_output_need_not_exist_but_stays_inside(problems: Problems) -> None:
    text = """\
assembler: 1
output:
  - {preset: draft, path: new/a.mp4}
  - {preset: draft, path: ../b.mp4}
  - {preset: draft, path: media}
segments: [{id: a, file: media/archive.mov}]
"""
    said = """\
t.yaml:4:27: path: '../b.mp4' leads out of the project folder
  fix: give it a place in the folder of the timeline, or below it.
t.yaml:5:27: path: 'media' is a folder
  fix: add the name of a file."""
    assert said == problems(text)
