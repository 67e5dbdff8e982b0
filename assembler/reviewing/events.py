"""What is told to every open page: server-sent events, from any thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

MOST_PAGES = 16
"""Pages that are told at a time; more are turned away."""
_ALIVE_S = 15.0


class TooManyPagesError(Exception):
    """No more pages can be told."""


class Events:
    """Passes events on to all pages that listen."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pages: set[_Waiting] = set()
        self._closed = False

    @property
    def heard(self) -> bool:
        """Whether any page listens."""
        return bool(self._pages)

    def tell(self, name: str, data: Mapping[str, Any], about: str = "") -> None:
        """
        Tell all pages; may be called from any thread, also when nobody listens any more.

        Args:
            name: Of the event.
            data: Its words, for JSON.
            about: Told again about the same, a page that hasn't listened yet hears the latest only.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        text = f"event: {name}\ndata: {json.dumps(data, default=str)}\n\n"
        loop.call_soon_threadsafe(self._put, f"{name} {about}", text)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put)

    def _put(self, about: str = "", text: str = "") -> None:
        for page in self._pages:
            page.texts.pop(about, None)
            if text:
                page.texts[about] = text
            page.news.set()

    def listen(self) -> AsyncIterator[str]:
        """
        The stream of one page, from now on.

        Raises:
            TooManyPagesError: If too many listen.
        """
        if len(self._pages) >= MOST_PAGES or self._closed:
            raise TooManyPagesError
        self._loop = asyncio.get_running_loop()
        page = _Waiting()
        self._pages.add(page)
        return self._stream(page)

    async def _stream(self, page: _Waiting) -> AsyncIterator[str]:
        try:
            yield ": open\n\n"
            while not self._closed:
                try:
                    await asyncio.wait_for(page.news.wait(), _ALIVE_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                page.news.clear()
                while page.texts and not self._closed:
                    yield page.texts.pop(next(iter(page.texts)))
        finally:
            self._pages.discard(page)


class _Waiting:
    """What one page hasn't heard yet, the oldest first."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.news = asyncio.Event()
