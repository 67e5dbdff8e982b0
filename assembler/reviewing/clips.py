"""Clips that the page may play, by an id; no path is ever taken from a request."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from assembler.planning.project import Project

KINDS = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm",
}  # fmt: skip
"""What browsers may get, by suffix."""


class Clips:
    """Files of one project that were given an id."""

    def __init__(self, project: Project, secret: str) -> None:
        self._project = project
        self._secret = secret
        self._files: dict[str, Path] = {}
        self._lock = threading.Lock()

    def put(self, path: Path) -> str:
        """An id for a clip; empty where browsers can't play its kind."""
        if path.suffix.lower() not in KINDS:
            return ""
        id_ = hashlib.sha256(f"{self._secret}\0{path}".encode()).hexdigest()[:24]
        with self._lock:
            self._files[id_] = path
        return id_

    def get(self, id_: str) -> Path | None:
        """The file of an id, if it is there and lies in the project."""
        path = self._files.get(id_)
        if path is None or not path.is_file():
            return None
        real = path.resolve()
        inside = (self._project.root, self._project.home)
        return real if any(real.is_relative_to(folder.resolve()) for folder in inside) else None
