"""Choosing, re-rolling, keeping and paying for takes, through Kling's loopback server."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from assembler.assemble.choosing import choose, keep, reroll
from assembler.assemble.costs import costs
from assembler.assemble.exports import exported_cut
from assembler.assemble.film import mix
from assembler.assemble.generating import generate
from assembler.assemble.prepare import plan, prepare
from assembler.assemble.takes import settle, show, takes
from assembler.cli import app
from assembler.errors import GenerateError, UsageError
from assembler.media.probe import probe
from assembler.planning.ledger import Intent, Ledger, Submission
from tests.assemble.conftest import PAID
from tests.servers import kling, piapi
from tests.servers.kit import serving


@pytest.fixture
def timeline(tmp_path: Path) -> Path:
    path = tmp_path / "film.yaml"
    path.write_text(PAID, encoding="utf-8")
    return path


def test_another_take_is_paid_once_and_going_back_is_free(
    server: kling.Kling, timeline: Path
) -> None:
    first = generate(timeline).takes
    assert len(server.jobs) == 2
    asked = reroll(timeline, "walk")
    assert [s.link.id for s in asked.must] == ["walk.1"]
    assert [s.link.id for s in asked.may] == ["lake.1"]
    assert reroll(timeline, "walk.1").number == asked.number == 2
    assert len(server.jobs) == 2
    second = generate(timeline).takes
    assert len(server.jobs) == 4
    assert second["walk.1"].number == 2
    assert second["lake.1"].handed is not None
    assert second["lake.1"].handed.take == second["walk.1"].key

    back = choose(timeline, "walk.1", 1)
    assert (back.must, back.may, back.plan.price_usd) == ((), (), 0)
    assert generate(timeline).takes == first
    assert len(server.jobs) == 4
    paid = costs(timeline)
    assert paid.spent_usd == sum(usd for _, usd in server.billed)
    assert paid.by("segment").keys() == {"walk", "lake"}


def test_what_comes_later_may_be_kept(server: kling.Kling, timeline: Path) -> None:
    """A new take before it, the same clip after it, and the same money as one generation."""
    first = generate(timeline).takes
    asked = reroll(timeline, "walk.1", keep_later=True)
    assert asked.kept == ("lake.1",)
    assert asked.may == ()
    second = generate(timeline).takes
    assert len(server.jobs) == 3
    assert second["walk.1"].path != first["walk.1"].path
    kept, was = second["lake.1"].path, first["lake.1"].path
    assert kept.read_bytes() == was.read_bytes()
    assert kept != was
    lake = takes(timeline, "lake.1").links[0].takes[0]
    assert lake.kept
    assert costs(timeline).spent_usd == sum(usd for _, usd in server.billed)


def test_what_is_under_way_is_not_hidden_by_an_older_take(
    server: kling.Kling, timeline: Path
) -> None:
    generate(timeline)
    reroll(timeline, "walk")
    server.run_s = 60
    with pytest.raises(GenerateError, match="isn't done"):
        generate(timeline, wait_s=0)
    with Ledger(timeline.parent / ".assembler/ledger.sqlite", timeline="film.yaml") as ledger:
        row = ledger.claim(Intent(plan(timeline).rows[1].key, "lake.1", "kling", "kling-3.0"))
        assert isinstance(row, Submission)
        ledger.sending(row.client_id)
        ledger.accepted(row.client_id, "job")
    with pytest.raises(UsageError, match="is being made anew, and paid for"):
        keep(timeline, ["lake.1"])
    assert keep(timeline).kept == ()


def test_a_changed_prompt_must_be_made_and_cannot_be_kept(
    server: kling.Kling, timeline: Path
) -> None:
    generate(timeline)
    timeline.write_text(PAID.replace("A forest", "A wood"), encoding="utf-8")
    walk, lake = plan(timeline).rows
    assert (walk.redo, walk.why) == ("must", "the prompt has changed")
    assert lake.redo == "may"
    with pytest.raises(UsageError, match="has no older take to keep"):
        keep(timeline, ["walk.1"])
    assert keep(timeline).kept == ("lake.1",)
    assert [row.redo for row in plan(timeline).rows] == ["must", "no"]


def test_as_many_takes_are_made_as_are_wanted(server: kling.Kling, timeline: Path) -> None:
    timeline.write_text(PAID.replace("audio: off", "audio: off, takes: 2"), encoding="utf-8")
    assert [row.to_make for row in plan(timeline).rows] == [2, 2]
    generate(timeline)
    assert len(server.jobs) == 4
    shown = show(timeline, "lake")
    assert [take.number for take in shown.takes.takes] == [1, 2]
    assert shown.ranked is not None
    assert {take.number for take in shown.ranked.takes} == {1, 2}
    assert all(probe(take.path).video for take in shown.takes.takes if take.path)
    generate(timeline)
    assert len(server.jobs) == 4
    assert choose(timeline, "lake", 2).plan.price_usd == 0


def test_nothing_is_spent_without_a_yes(server: kling.Kling, timeline: Path) -> None:
    """A script that forgot to agree gets the price, not a bill."""
    argv = [sys.executable, "-m", "assembler", "generate", str(timeline)]
    told = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode != 0
    assert "generating would cost money: 2 of 2 links to make, 6 s, $" in told.stderr
    assert "--yes" in told.stderr
    assert not server.jobs
    with pytest.raises(UsageError, match="nothing spent"):
        generate(timeline, confirm=lambda plan: False)
    with pytest.raises(UsageError, match="have to be generated first: 2 of 2 links"):
        mix(timeline)
    assert not server.jobs


class _Terminal(io.StringIO):
    """Somebody sits at it, and presses Ctrl-C instead of answering."""

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1) -> str:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the question waits on")


def test_one_interrupt_is_an_answer_to_the_question(
    server: kling.Kling, timeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(app, "CANCEL", threading.Event())
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, _Terminal())
    try:
        assert app.run(["generate", str(timeline)]) == app.INTERRUPTED
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
    assert not server.jobs


def test_an_export_takes_what_is_there(server: kling.Kling, timeline: Path) -> None:
    """Further takes that are wanted now are made by a run that asks first."""
    generate(timeline)
    timeline.write_text(PAID.replace("audio: off", "audio: off, takes: 2"), encoding="utf-8")
    exported_cut(prepare(timeline))
    assert len(server.jobs) == 2


def test_a_take_that_came_to_nothing_is_asked_for_anew_by_a_reroll(timeline: Path) -> None:
    key = plan(timeline).rows[0].key
    with Ledger(timeline.parent / ".assembler/ledger.sqlite", timeline="film.yaml") as ledger:
        row = ledger.claim(Intent(key, "walk.1", "kling", "kling-3.0"))
        assert isinstance(row, Submission)
        ledger.sending(row.client_id)
        ledger.accepted(row.client_id, "job")
        ledger.done(row.client_id, "https://example.org/a.mp4")
    assert reroll(timeline, "walk").number == 1
    with Ledger(timeline.parent / ".assembler/ledger.sqlite", timeline="film.yaml") as ledger:
        ledger.refused(row.client_id, "what came is no clip")
    assert reroll(timeline, "walk").number == 2
    assert reroll(timeline, "walk").number == 2


def test_a_lost_submission_is_settled_by_the_user(
    tmp_path: Path, timeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PiAPI can't look a job up: the user looks, and says which it became."""
    text = PAID.replace("provider: kling", "provider: piapi")
    timeline.write_text(
        text.replace('  - {id: lake, continue: walk, duration: 3s, prompt: "A lake."}\n', "")
    )
    with serving(piapi.Piapi(tmp_path / "piapi", size=(160, 90))) as server:
        monkeypatch.setenv("PIAPI_KEY", server.key)
        monkeypatch.setenv("ASSEMBLER_PIAPI_URL", server.url)
        server.faults.add("submit", "reset_after")
        with pytest.raises(GenerateError, match="the reply was lost") as lost:
            generate(timeline)
        assert "assembler takes settle film.yaml asm-" in lost.value.fix
        row = takes(timeline).links[0].takes[0]
        assert row.state == "unknown"
        with pytest.raises(UsageError, match="isn't known"):
            settle(timeline, "asm-none", None)
        job = next(iter(server.jobs))
        with Ledger(timeline.parent / ".assembler/ledger.sqlite", timeline="film.yaml") as ledger:
            other = ledger.claim(Intent("k", "lake.1", "piapi", "kling-3.0"))
            assert isinstance(other, Submission)
            ledger.sending(other.client_id)
            ledger.accepted(other.client_id, "another's")
        with pytest.raises(UsageError, match=r"is that of link lake\.1 already"):
            settle(timeline, row.client_id, "another's")
        assert "the next run waits for it" in settle(timeline, row.client_id, job).text()
        assert generate(timeline).takes["walk.1"].path.is_file()
        assert len(server.jobs) == 1


def test_a_lost_task_of_kling_is_settled_by_the_id_that_kling_shows(
    tmp_path: Path, timeline: Path, server: kling.Kling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By access and secret key, a legacy task is asked for by its sort and its id."""
    monkeypatch.delenv("KLING_API_KEY")
    monkeypatch.setenv("KLING_ACCESS_KEY", server.access)
    monkeypatch.setenv("KLING_SECRET_KEY", server.secret)
    monkeypatch.setattr("assembler.generation.providers.kling._LEGACY_LOOKS_S", (0.05,))
    timeline.write_text(
        PAID[: PAID.index("  - {id: lake")].replace("3.0", "1.6").replace("3s", "5s")
    )
    server.faults.add("submit", "reset_after")
    server.show_after_s = 3600
    with pytest.raises(GenerateError, match="run again in 5 minutes"):
        generate(timeline)
    server.show_after_s = 0
    (job,) = server.jobs
    row = takes(timeline).links[0].takes[0]
    assert f"videos/text2video:{job}" == settle(timeline, row.client_id, job).submission.job
    assert generate(timeline).takes["walk.1"].path.is_file()
    assert len(server.jobs) == 1


def test_links_and_takes_that_are_not_there_are_named(timeline: Path) -> None:
    with pytest.raises(UsageError, match=r"has no take 3; it has none yet"):
        choose(timeline, "walk.1", 3)
    with pytest.raises(UsageError, match="there is no link 'wlk'"):
        takes(timeline, "wlk")


def test_a_budget_that_is_no_number_is_refused(timeline: Path) -> None:
    timeline.write_text(timeline.read_text() + "budget: {usd: 5}\n")
    with pytest.raises(UsageError, match="the budget is no sum"):
        generate(timeline, budget_usd=Decimal("nan"))
