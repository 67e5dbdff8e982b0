"""A short version of `python -m bench.chaos kill`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import chaos


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of processes that were killed
def test_killed_runs_make_and_pay_each_link_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL at random moments and between job and reply, through a platform that misbehaves."""
    monkeypatch.setattr(chaos, "SHAPE", {"a": 2, "b": 1})
    monkeypatch.setattr(chaos, "LINKS", 3)
    monkeypatch.setattr(chaos, "AT_REPLY", 0.5)
    tally = chaos.killed(tmp_path, "kling", kills=4, seed=3, films=0)
    assert tally.kills >= 4
    assert tally.good(), str(tally)
