"""What is told to every open page: server-sent events, from any thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

MOST_PAGES = 16
"""Pages that are told at a time; more are turned away."""
_WAITING = 64
"""Events that wait for a page; a page that is slower misses some progress."""
_ALIVE_S = 15.0


class TooManyPagesError(Exception):
    """No more pages can be told."""


class Events:
    """Passes events on to all pages that listen."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._closed = False

    @property
    def heard(self) -> bool:
        """Whether any page listens."""
        return bool(self._queues)

    def tell(self, name: str, data: Mapping[str, Any]) -> None:
        """Tell all pages; may be called from any thread, also when nobody listens any more."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        text = f"event: {name}\ndata: {json.dumps(data, default=str)}\n\n"
        loop.call_soon_threadsafe(self._put, text)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, None)

    def _put(self, text: str | None) -> None:
        for queue in self._queues:
            if text is None or not queue.full():
                queue.put_nowait(text)

    def listen(self) -> AsyncIterator[str]:
        """
        The stream of one page, from now on.

        Raises:
            TooManyPagesError: If too many listen.
        """
        if len(self._queues) >= MOST_PAGES or self._closed:
            raise TooManyPagesError
        self._loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | None] = asyncio.Queue(_WAITING + 1)
        self._queues.add(queue)
        return self._stream(queue)

    async def _stream(self, queue: asyncio.Queue[str | None]) -> AsyncIterator[str]:
        try:
            yield ": open\n\n"
            while not self._closed:
                try:
                    text = await asyncio.wait_for(queue.get(), _ALIVE_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if text is None:
                    return
                yield text
        finally:
            self._queues.discard(queue)
