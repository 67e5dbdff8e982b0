"""What `assembler doctor --providers` says of accounts."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from assembler.assemble.accounts import accounts
from assembler.generation import PROVIDERS
from tests.servers import comfyui, fal, kie, kling, letzai, mediaio, replicate, scenario
from tests.servers.kit import serving

KEYS = {
    "kling": "KLING_API_KEY", "kie": "KIE_API_KEY", "fal": "FAL_KEY",
    "mediaio": "MEDIAIO_API_KEY", "letzai": "LETZAI_API_KEY", "replicate": "REPLICATE_API_TOKEN",
    "scenario": "SCENARIO_API_KEY",
}  # fmt: skip
SERVERS = {
    "kling": kling.Kling, "kie": kie.Kie, "fal": fal.Fal, "mediaio": mediaio.Mediaio,
    "letzai": letzai.Letzai, "replicate": replicate.Replicate, "scenario": scenario.Scenario,
    "comfyui": comfyui.Comfyui,
}  # fmt: skip
SAYS = {"kling": "876.5 units left in packs", "kie": "1234 credits left"}


def test_accounts_in_order_say_what_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is taken and what is left is said where that can be asked; nothing is made."""
    _no_accounts(monkeypatch)
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(serving(made(tmp_path / name)))
            for name, made in SERVERS.items()
        }
        for name, server in servers.items():
            base = f"{server.url}/v1" if name == "replicate" else server.url
            monkeypatch.setenv(f"ASSEMBLER_{name.upper()}_URL", base)
            if name in KEYS:
                monkeypatch.setenv(KEYS[name], server.key)
        monkeypatch.setenv("SCENARIO_API_SECRET", scenario.Scenario.secret)
        found = {row.name: row for row in accounts().rows}
        assert not any(server.jobs for server in servers.values())
    assert found.keys() >= PROVIDERS.keys()
    for name in (*SERVERS, "animatic", "manual"):
        assert found[name].state == "ok", found[name]
        assert SAYS.get(name, "") in found[name].detail
    assert found["piapi"].state == "warning"
    assert "PIAPI_KEY" in found["piapi"].fix


def test_a_wrong_key_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_accounts(monkeypatch)
    with serving(kling.Kling(tmp_path)) as server:
        monkeypatch.setenv("KLING_API_KEY", "another-key")
        monkeypatch.setenv("ASSEMBLER_KLING_URL", server.url)
        monkeypatch.setattr("assembler.assemble.accounts.PROVIDERS", ("kling",))
        findings = accounts()
    row = next(row for row in findings.rows if row.name == "kling")
    assert row.state == "missing"
    assert "another-key" not in findings.text()
    assert findings.exit_code != 0


def test_a_comfyui_that_nobody_named_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most people have none; where it should be is looked at all the same."""
    _no_accounts(monkeypatch)
    monkeypatch.setattr("assembler.assemble.accounts.PROVIDERS", ("comfyui",))
    assert "missing" in {row.state for row in accounts().rows}
    monkeypatch.delenv("ASSEMBLER_COMFYUI_URL")
    assert "missing" not in {row.state for row in accounts().rows}


def _no_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROVIDERS:  # nobody is asked outside this machine
        monkeypatch.setenv(f"ASSEMBLER_{name.upper()}_URL", "http://127.0.0.1:9")
