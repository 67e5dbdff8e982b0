"""How files are named in edit files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlparse
from urllib.request import url2pathname

Place = Callable[[Path], str]
"""How a file is named in the edit: a path, absolute or relative to the edit file."""


def as_url(place: str) -> str:
    """A file's name as a URL; a relative one stays relative to the edit file."""
    path = Path(place)
    return path.as_uri() if path.is_absolute() else quote(f"./{place}")


def as_place(url: str) -> str:
    """A path, absolute or relative, from what stands in an edit file."""
    parsed = urlparse(url)
    if parsed.scheme == "file":
        return url2pathname(parsed.path)
    return unquote(url).removeprefix("./") if not parsed.scheme or len(parsed.scheme) == 1 else url
