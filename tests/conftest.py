"""What every test stands on: a clean environment and no unexpected errors in the log."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

_OURS = (
    "ASSEMBLER_", "KLING", "FAL_", "PIAPI_", "KIE_", "SCENARIO_", "POLLO_", "REPLICATE_",
    "HIGGSFIELD_", "MEDIAIO_", "LETZAI_", "COMFYUI_",
)  # fmt: skip


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No key, no setting and no preset of the user's reaches a test."""
    for name in [n for n in os.environ if n.startswith(_OURS) and n != "ASSEMBLER_FFMPEG"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(autouse=True)
def no_unexpected_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An ERROR in the log that the test didn't ask for fails it."""
    yield
    unexpected = [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not unexpected
