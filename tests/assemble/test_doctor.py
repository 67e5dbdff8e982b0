"""What is missing is said, with how to get it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assembler.assemble.doctor import Finding, doctor
from assembler.errors import MissingProgramError

METADATA = """\
Metadata-Version: 2.1
Name: assembler
Version: 0.1.0
Requires-Dist: numpy>=2.0
Requires-Dist: surely-absent>=1
Requires-Dist: perhaps-absent>=1; python_version < "3.14"
Requires-Dist: for-tests>=1; extra == "dev"
"""


def test_packages_that_are_not_installed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that the distribution says it needs, and nothing that is for its makers."""
    (tmp_path / "assembler-0.1.0.dist-info").mkdir()
    (tmp_path / "assembler-0.1.0.dist-info" / "METADATA").write_text(METADATA, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = doctor()
    rows = {row.name: row for row in found.rows}
    pip = f"{sys.executable} -m pip install"
    assert rows["numpy"].state == "ok"
    assert rows["surely-absent"] == Finding(
        "surely-absent", "missing", "not installed", f'{pip} "surely-absent>=1"'
    )
    assert rows["perhaps-absent"].state == "warning"
    assert "for-tests" not in rows
    assert found.exit_code == MissingProgramError.exit_code


def test_presets_of_every_kind_are_counted() -> None:
    """Styles of titles, too."""
    (presets,) = (row for row in doctor().rows if row.name == "presets")
    assert (presets.state, "titles" in presets.detail) == ("ok", True)
