"""
A film under review in the browser, until it is ended.

    review("film.yaml", opened=webbrowser.open, cancel=event)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from assembler.reviewing.desk import Desk
from assembler.reviewing.server import serving
from assembler.reviewing.session import Session


def review(
    timeline: Path | str,
    *,
    opened: Callable[[str], object],
    port: int = 0,
    draft: bool = False,
    provider: str | None = None,
    allow_code: bool = False,
    cancel: threading.Event | None = None,
) -> None:
    """
    Serve the report of a timeline with controls, on this machine alone.

    Args:
        timeline: The timeline file.
        opened: Called with the address once it can be opened. Who knows it may change the timeline.
        port: To listen on; any free one for 0.
        draft: Review the draft.
        provider: The timeline as generated with this one alone.
        allow_code: Run the functions that the timeline names.
        cancel: Ends the review when it is set.

    Raises:
        AssemblerError: If the timeline has mistakes.
        UsageError: If the port is taken.
    """
    ended = cancel or threading.Event()
    desk = Desk(Path(timeline), draft=draft, provider=provider)
    session = Session(desk, allow_code=allow_code)
    session.report()  # what takes long is done before the browser waits for it
    with serving(session, port=port) as address:
        opened(address)
        while not ended.wait(0.5):  # not without end: Windows lets no Ctrl-C through
            pass
