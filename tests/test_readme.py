"""What the README shows works as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import assembler
from assembler.cli import (  # noqa: F401  # they register themselves
    commands,
    editing,
    generating,
    proof,
    reviewing,
)
from assembler.cli.app import app
from assembler.spec.data import data_folder

README = Path(__file__).parents[1] / "README.md"


def test_the_first_timeline_has_no_mistakes(tmp_path: Path) -> None:
    """Saved with its two files in `media/`, it passes `assembler check`."""
    text = README.read_text(encoding="utf-8")
    shown = re.search(r"## A first timeline\s+```yaml\n(.*?)```", text, re.DOTALL)
    assert shown
    timeline = tmp_path / "harbour.yaml"
    timeline.write_text(shown[1], encoding="utf-8")
    (tmp_path / "media").mkdir()
    for name in re.findall(r"media/([\w.-]+)", shown[1]):
        shutil.copyfile(data_folder("timelines") / "media" / name, tmp_path / "media" / name)
    assert assembler.check(timeline).data()["segments"] == 3


def test_every_command_is_listed() -> None:
    """The table names all commands and no others."""
    text = README.read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `assembler (\w+)", text, re.MULTILINE))
    known = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
    groups = {group.name for group in app.registered_groups}
    assert listed == known | groups
