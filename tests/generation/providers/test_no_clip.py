"""Finished jobs that name no clip: they are paid, so they haven't failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assembler.generation.base import Provider
from assembler.generation.http import Limits
from assembler.generation.providers.higgsfield import Higgsfield
from assembler.generation.providers.kie import Kie
from assembler.generation.providers.kling import Kling
from assembler.generation.providers.letzai import Letzai
from assembler.generation.providers.mediaio import Mediaio
from assembler.generation.providers.piapi import Piapi
from assembler.generation.providers.pollo import Pollo
from assembler.generation.providers.replicate import Replicate
from assembler.generation.providers.scenario import Scenario
from assembler.generation.refusals import NoClipError, ProviderError
from tests.generation.providers.shops import run
from tests.servers.kit import Call, Platform, Reply, route, serving

ANSWERS: list[tuple[Callable[[Path], Provider], dict[str, Any]]] = [
    (Higgsfield, {"status": "completed", "request_id": "1"}),
    (Kie, {"code": 200, "data": {"state": "success", "resultJson": ""}}),
    (Letzai, {"id": "1", "status": "ready", "videoPaths": {}}),
    (Mediaio, {"code": 0, "data": {"status": "completed", "result": []}}),
    (Piapi, {"code": 200, "data": {"status": "completed", "output": {"video": ""}}}),
    (Pollo, {"generations": [{"status": "succeed", "url": None}]}),
    (Replicate, {"status": "succeeded", "output": []}),
    (Replicate, {"status": "succeeded", "output": None, "data_removed": True}),
    (Scenario, {"job": {"status": "success", "metadata": {"assetIds": []}}}),
]


class Ended(Platform):
    """Says the same of every job."""

    name = "ended"
    says: Any = None

    @route("GET", "/{path+}", stage="poll")
    @route("POST", "/{path+}", stage="poll")
    def job(self, call: Call, path: str) -> Reply:
        return Reply(200, self.says)


@pytest.mark.parametrize(("make", "data"), ANSWERS)
def test_a_finished_job_without_a_clip_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, data: dict[str, Any]
) -> None:
    for name in ("HIGGSFIELD_API_KEY", "KIE_API_KEY", "LETZAI_API_KEY", "MEDIAIO_API_KEY",
                 "PIAPI_KEY", "POLLO_API_KEY", "REPLICATE_API_TOKEN", "SCENARIO_API_KEY",
                 "SCENARIO_API_SECRET"):  # fmt: skip
        monkeypatch.setenv(name, "one:two")
    with serving(Ended(tmp_path)) as server:
        server.says = data
        monkeypatch.setenv(f"ASSEMBLER_{make.name.upper()}_URL", server.url)
        provider = make(tmp_path)
        with pytest.raises(NoClipError, match=r"names no|no output|removed"):
            run(provider, provider.poll("1"))


@pytest.mark.parametrize(("make", "key"), [(Kling, "KLING_API_KEY"), (Mediaio, "MEDIAIO_API_KEY")])
def test_a_code_that_is_none_is_a_refusal_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, key: str
) -> None:
    monkeypatch.setenv(key, "one")
    with serving(Ended(tmp_path)) as server:
        server.says = {"code": [], "message": "odd", "msg": "odd"}
        monkeypatch.setenv(f"ASSEMBLER_{make.name.upper()}_URL", server.url)
        provider = make(tmp_path, limits=Limits(tries=1))
        with pytest.raises(ProviderError, match="odd"):
            run(provider, provider.poll("1"))


def test_credit_that_is_not_told_is_no_standing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIE_API_KEY", "one")
    with serving(Ended(tmp_path)) as server:
        server.says = ["odd"]
        monkeypatch.setenv("ASSEMBLER_KIE_URL", server.url)
        provider = Kie(tmp_path, limits=Limits(tries=1))
        with pytest.raises(ProviderError, match="doesn't say what is left"):
            run(provider, provider.standing())
