"""What is kept is shown and pruned, oldest use first."""

from __future__ import annotations

import os

import pytest

from assembler.assemble.cache import cache, size_of
from assembler.errors import UsageError


def test_what_was_used_longest_ago_goes_first(tmp_path):
    """Files of one key go together; takes are never removed."""
    timeline = tmp_path / "t.yaml"
    timeline.write_text("assembler: 1\n")
    for n, name in enumerate(["old", "mid", "new"]):
        for suffix in (".mp4", ".json"):
            path = tmp_path / ".assembler" / "spans" / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(500))
            os.utime(path, (1000 + n, 1000 + n))
    take = tmp_path / ".assembler" / "takes" / "x.mp4"
    take.parent.mkdir()
    take.write_bytes(bytes(9000))
    found = cache(timeline, prune="2kB")
    left = sorted(p.name for p in (tmp_path / ".assembler" / "spans").iterdir())
    assert (found.removed_bytes, take.exists()) == (1000, True)
    assert left == ["mid.json", "mid.mp4", "new.json", "new.mp4"]
    assert {f.name: f.bytes for f in found.folders}["spans"] == 2000


@pytest.mark.parametrize(("text", "size"), [("2GB", 2 * 10**9), ("1.5 m", 1500000), ("0", 0)])
def test_sizes_are_read(text, size):
    assert size == size_of(text)


def test_no_size_is_an_error():
    with pytest.raises(UsageError, match="is no size"):
        size_of("many")
