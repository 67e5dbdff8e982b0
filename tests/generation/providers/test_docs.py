"""The page about providers says what they are."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

from assembler.generation import PROVIDERS
from assembler.generation.base import Can, NotSubmittedError, ProviderError, Request, Running
from tests.generation.providers.shops import asked, run
from tests.servers.kit import Call, Platform, Reply, route, serving

PAGE = (Path(__file__).parents[3] / "docs" / "providers.md").read_text(encoding="utf-8")
ROWS = {row[0]: row for row in re.findall(
    r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)}  # fmt: skip


class _Odd(Platform):
    """Answers what nobody expects."""

    name = "odd"

    @route("POST", "/jobs", stage="submit")
    @route("GET", "/jobs/1", stage="poll")
    def any(self, call: Call) -> Reply:
        return Reply(200, ["?"])


def _images(can: Can) -> str:
    words = {"upload": "uploaded", "inline": "sent along", "url": "public addresses only"}
    return words[can.frames]


def _lost(can: Can) -> str:
    if can.lookup:
        return "found by our id"
    return "found in its list" if can.listing else "you are asked"


@pytest.mark.parametrize("name", sorted({*PROVIDERS} - {"manual", "animatic"}))
def test_table_says_what_a_provider_can_do(name: str) -> None:
    can = resolve_name(PROVIDERS[name]).can
    assert ROWS[name][2:] == (_images(can), _lost(can), str(can.concurrency))


def test_table_has_every_provider() -> None:
    assert set(ROWS) == set(PROVIDERS)


def test_example_of_an_own_provider_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_KEY", "k")
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code
    scope: dict[str, object] = {"__name__": "studio"}
    exec(compile(code[1], "providers.md", "exec", dont_inherit=True), scope)
    with serving(_Odd(tmp_path)) as server:
        monkeypatch.setenv("ASSEMBLER_STUDIO_URL", server.url)
        made = scope["Studio"](tmp_path)  # type: ignore[operator]  # it is a class
        request = Request(asked("studio", "m", "text"), "asm-1", None, None)
        with pytest.raises(ProviderError, match="names no job") as caught:
            run(made, made.submit(request))
        assert not isinstance(caught.value, NotSubmittedError)
        assert run(made, made.poll("1")) == Running()
    assert made.can.concurrency == 4
