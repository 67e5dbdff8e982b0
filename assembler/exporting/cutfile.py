"""
Cuts as JSON: beside every export, so that what comes back finds its media and what they need.

    write_text(path, cut_to_text(cut, folder))
    cut = cut_from_text(text, folder, probe)

What is in a media file isn't written down but read again. Paths within the folder are relative.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter

from assembler.cut.model import Cut, Source
from assembler.errors import MediaError
from assembler.media.info import MediaInfo

SUFFIX = ".cut.json"
FORM = 1
"""Version of the file."""

Probe = Callable[[Path], MediaInfo]


def cut_to_text(cut: Cut, folder: Path, **more: str) -> str:
    """*cut* as JSON text for a file in *folder*; *more* is told beside it."""
    data = cut_to_data(cut, lambda path: location(path, folder))
    return json.dumps({"assembler_cut": FORM, **more, "cut": data}, indent=1)


def cut_from_text(text: str, folder: Path, probe: Probe, name: str = "") -> Cut:
    """
    The cut that `cut_to_text` wrote.

    Raises:
        MediaError: If it is none, or a file that it names isn't there.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _no_cut(name) from error
    if not isinstance(data, dict) or data.get("assembler_cut") != FORM or "cut" not in data:
        raise _no_cut(name)
    return cut_from_data(data["cut"], folder, probe, name)


def _no_cut(name: str) -> MediaError:
    return MediaError("is no cut that this version wrote", name, "export the timeline again")


def cut_to_data(cut: Cut, place: Callable[[Path], str]) -> dict[str, Any]:
    """*cut* as lists, numbers and strings; *place* says how files are named."""
    data = _plain(cut, place)
    assert isinstance(data, dict)
    return data


def _plain(value: Any, place: Callable[[Path], str]) -> Any:
    match value:
        case Source():
            told = [f.name for f in fields(value) if f.name != "info"]
            return {name: _plain(getattr(value, name), place) for name in told}
        case Path():
            return place(value)
        case Fraction():
            return str(value)
        case Mapping():
            return {str(k): _plain(v, place) for k, v in value.items()}
        case tuple() | list():
            return [_plain(v, place) for v in value]
        case _ if is_dataclass(value):
            return {f.name: _plain(getattr(value, f.name), place) for f in fields(value)}
    return value


def location(path: Path, folder: Path) -> str:
    """*path* as it is written into a file in *folder*: relative within it, with slashes."""
    if path.is_relative_to(folder):
        return str(PurePosixPath(path.relative_to(folder)))
    return str(path)


def cut_from_data(data: Mapping[str, Any], folder: Path, probe: Probe, name: str = "") -> Cut:
    """
    The cut that `cut_to_data` made, also after a way through JSON text.

    Raises:
        MediaError: If something of it isn't as it should be, or a file isn't there.
    """
    found = _Sources(folder, probe)
    try:
        return _CUT.validate_python(found.filled(data))
    except (ValueError, KeyError, TypeError) as error:
        raise _no_cut(name) from error


_CUT: TypeAdapter[Cut] = TypeAdapter(Cut)


class _Sources:
    """Puts media back in: what has a path, a key and a colour is one."""

    def __init__(self, folder: Path, probe: Probe) -> None:
        self._folder = folder
        self._probe = probe
        self._known: dict[Path, MediaInfo] = {}

    def filled(self, value: Any) -> Any:
        """*value* with sources and whole paths."""
        if isinstance(value, dict):
            whole = {k: self._filled(k, v) for k, v in value.items()}
            return self._source(whole) if {"key", "path", "colour"} <= value.keys() else whole
        return [self.filled(v) for v in value] if isinstance(value, list) else value

    def _filled(self, name: str, value: Any) -> Any:
        if name in ("path", "module") and isinstance(value, str):
            return self._folder / value
        return self.filled(value)

    def _source(self, data: dict[str, Any]) -> dict[str, Any]:
        path = data["path"]
        if path not in self._known:
            self._known[path] = self._probe(path)
        return data | {"info": self._known[path]}
