"""Files in the way, and files that are finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from assembler.assemble.outputs import Records, guard
from assembler.errors import OutputExistsError, UsageError


def test_a_file_of_the_users_is_not_replaced(tmp_path: Path) -> None:
    """Whatever lies at the output's place and isn't ours stops the run before any work."""
    out = tmp_path / "film.mp4"
    out.write_bytes(b"holiday")
    with pytest.raises(OutputExistsError, match=r"film\.mp4 exists"):
        guard([out], Records(tmp_path / "reports"), force=False)


def test_force_lets_the_output_be_replaced(tmp_path: Path) -> None:
    """--force says that the file may go."""
    out = tmp_path / "film.mp4"
    out.write_bytes(b"holiday")
    guard([out], None, force=True)
    assert out.read_bytes() == b"holiday"


def test_our_own_output_may_be_replaced(tmp_path: Path) -> None:
    """A second render writes over the first."""
    out = tmp_path / "film.mp4"
    out.write_bytes(b"first cut")
    records = Records(tmp_path / "reports")
    records.write(out, "key", {"frames": 24})
    guard([out], records, force=False)
    assert records.finished(out, "key") == {"frames": 24}


def test_our_output_that_was_changed_is_not_ours_any_more(tmp_path: Path) -> None:
    """Somebody graded it in another program: it stays."""
    out = tmp_path / "film.mp4"
    out.write_bytes(b"first cut")
    records = Records(tmp_path / "reports")
    records.write(out, "key", {})
    out.write_bytes(b"graded by hand")
    with pytest.raises(OutputExistsError):
        guard([out], records, force=False)


def test_another_key_is_not_finished(tmp_path: Path) -> None:
    """What was made from something else must be made again."""
    out = tmp_path / "film.mp4"
    out.write_bytes(b"first cut")
    records = Records(tmp_path / "reports")
    records.write(out, "key", {})
    assert records.finished(out, "other") is None


@pytest.mark.parametrize("note", ["[]", "null", "{}", "{"])
def test_a_damaged_note_makes_a_file_no_longer_ours(tmp_path: Path, note: str) -> None:
    """Then it is kept."""
    out = tmp_path / "film.mp4"
    out.write_bytes(b"first cut")
    records = Records(tmp_path / "reports")
    records.write(out, "key", {})
    (kept,) = (tmp_path / "reports").iterdir()
    kept.write_text(note, encoding="utf-8")
    with pytest.raises(OutputExistsError):
        guard([out], records, force=False)


def test_what_is_read_is_never_replaced(tmp_path: Path) -> None:
    """Not even with --force, and not by another name of the same file."""
    source, link = tmp_path / "shot.mp4", tmp_path / "link.mp4"
    source.write_bytes(b"the only copy")
    link.hardlink_to(source)
    for out in (source, link):
        with pytest.raises(OutputExistsError, match="would be overwritten"):
            guard([out], None, force=True, inputs=[source])


def test_an_output_must_be_a_file_in_a_folder_and_not_named_twice(tmp_path: Path) -> None:
    """Each is one sentence before any work."""
    (tmp_path / "notes.txt").write_bytes(b"")
    film = tmp_path / "film.mp4"
    with pytest.raises(UsageError, match="is a folder"):
        guard([tmp_path], None, force=True)
    with pytest.raises(UsageError, match=r"notes\.txt is a file, not a folder"):
        guard([tmp_path / "notes.txt" / "film.mp4"], None, force=True)
    with pytest.raises(UsageError, match="written twice"):
        guard([film, film], None, force=True)
