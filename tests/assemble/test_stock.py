"""Files that a timeline names are probed and hashed once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assembler.assemble.stock import take_stock
from assembler.errors import SpecError
from assembler.media.samples import write_wav
from assembler.spec.load import Loaded, load

CACHE = ".assembler/cache"


def tone(path: Path, seconds: int) -> None:
    path.parent.mkdir(exist_ok=True)
    write_wav(path, [np.full((48000 * seconds, 1), 0.1, np.float32)], 48000, 1)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    tone(tmp_path / "media" / "voice.wav", 1)
    timeline = tmp_path / "a.yaml"
    timeline.write_text(
        "assembler: 1\n"
        "segments: [{id: a, prompt: A street., duration: 2s}]\n"
        "tracks: [{id: voice, file: media/voice.wav}]\n",
        encoding="utf-8",
    )
    return load(timeline)


def test_what_is_known_is_remembered(loaded: Loaded, tmp_path: Path) -> None:
    """The second time nothing is opened: what was noted counts."""
    cache = tmp_path / CACHE
    first = take_stock(loaded, {}, cache, write=True)
    note = cache / "media.json"
    text = note.read_text(encoding="utf-8")
    digest = first.hashes[tmp_path / "media" / "voice.wav"]
    note.write_text(text.replace(digest, "0" * 64), encoding="utf-8")
    again = take_stock(loaded, {}, cache, write=True)
    assert set(again.hashes.values()) == {"0" * 64}
    assert again.media == first.media


def test_a_changed_file_is_read_anew(loaded: Loaded, tmp_path: Path) -> None:
    """Size and time of change tell."""
    path = tmp_path / "media" / "voice.wav"
    first = take_stock(loaded, {}, tmp_path / CACHE, write=True)
    tone(path, 2)
    again = take_stock(loaded, {}, tmp_path / CACHE, write=True)
    assert again.hashes[path] != first.hashes[path]
    assert again.media[path].audio[0].duration_s == 2


@pytest.mark.parametrize("damage", ["{", "[]", json.dumps({"x": [1, 2]})])
def test_a_damaged_note_is_made_anew(loaded: Loaded, tmp_path: Path, damage: str) -> None:
    """Nobody has to delete a file by hand."""
    first = take_stock(loaded, {}, tmp_path / CACHE, write=True)
    (tmp_path / CACHE / "media.json").write_text(damage, encoding="utf-8")
    assert take_stock(loaded, {}, tmp_path / CACHE, write=True) == first


def test_nothing_is_written_when_looking(loaded: Loaded, tmp_path: Path) -> None:
    """`plan` and `check` leave the folder as it was."""
    take_stock(loaded, {}, tmp_path / CACHE, write=False)
    assert not (tmp_path / ".assembler").exists()


def test_a_file_that_is_no_media_is_named_at_its_place(loaded: Loaded, tmp_path: Path) -> None:
    """The place in the timeline, not only the file."""
    (tmp_path / "media" / "voice.wav").write_bytes(b"<html>not found</html>")
    with pytest.raises(SpecError, match=r"a\.yaml:3:\d+: track voice: "):
        take_stock(loaded, {}, tmp_path / CACHE, write=False)
