"""A real browser for tests, where there is one: Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ABSENT = "no Chromium on this machine: `apt-get install chromium`, or name it by CHROMIUM"
PATIENCE_S = 60


def installed() -> str | None:
    """Path of the browser."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


needs_browser = pytest.mark.skipif(installed() is None, reason=ABSENT)
"""For tests that would make something before they find out."""


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own; the test is skipped where there is none."""
    found = installed()
    if found is None:
        pytest.skip(ABSENT)
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield opened
        finally:
            opened.close()


def until(true: Callable[[], bool]) -> None:
    """Waits in Python: the pages' policy lets no driver evaluate in them again and again."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.1)
