"""Takes that were asked for and haven't come: named as what they are, and priced once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assembler.assemble.choosing import choose, reroll
from assembler.assemble.costs import costs
from assembler.assemble.film import mix
from assembler.assemble.generating import generate
from assembler.assemble.prepare import plan
from assembler.assemble.takes import settle, show, takes
from assembler.errors import GenerateError, UsageError
from assembler.planning.explain import PlanRow, to_pay
from assembler.planning.ledger import Intent, Ledger, Submission, submissions_made
from assembler.planning.model import Plan
from tests.assemble.conftest import PAID
from tests.servers import kling, piapi
from tests.servers.kit import serving

ONE = PAID.replace('  - {id: lake, continue: walk, duration: 3s, prompt: "A lake."}\n', "")


@pytest.fixture
def timeline(tmp_path: Path) -> Path:
    path = tmp_path / "film.yaml"
    path.write_text(ONE, encoding="utf-8")
    return path


@pytest.fixture
def reseller(
    tmp_path: Path, timeline: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[piapi.Piapi]:
    """One that can't look jobs up by our id, and the timeline asks it."""
    timeline.write_text(ONE.replace("provider: kling", "provider: piapi"), encoding="utf-8")
    with serving(piapi.Piapi(tmp_path / "piapi", size=(160, 90))) as running:
        monkeypatch.setenv("PIAPI_KEY", running.key)
        monkeypatch.setenv("ASSEMBLER_PIAPI_URL", running.url)
        yield running


def _sent(timeline: Path) -> Submission:
    return submissions_made(timeline.parent / ".assembler/ledger.sqlite")[0]


def _row(timeline: Path) -> PlanRow:
    return plan(timeline).rows[0]


def _end(server: kling.Kling) -> None:
    """All jobs are done."""
    for job in server.jobs.values():
        job.done_s = 0.0


def _stopped(timeline: Path, **how: float) -> GenerateError:
    with pytest.raises(GenerateError) as caught:
        generate(timeline, **how)  # type: ignore[arg-type]  # seconds to wait
    return caught.value


def test_a_job_under_way_is_not_priced_again(server: kling.Kling, timeline: Path) -> None:
    """Nobody is asked for money that was spent before, and sums hold it once."""
    price = _row(timeline).price_usd
    server.run_s = 60
    _stopped(timeline, wait_s=0)
    row, money = _row(timeline), costs(timeline)
    assert (row.why, row.price_usd) == ("its job is under way at kling", 0)
    assert (money.under_way_usd, money.to_pay_usd) == (price, 0)
    assert to_pay(plan(timeline).prepared.plan) == (
        "0 of 1 link to make, 0 s, free; already asked for, at no further cost: 1 link"
    )
    _end(server)
    generate(timeline, confirm=lambda plan: False)
    assert len(server.jobs) == 1


def test_a_clip_that_could_not_be_downloaded_is_fetched_free(
    server: kling.Kling, timeline: Path
) -> None:
    server.faults.add("download", "expired", "expired")
    _stopped(timeline)
    row = _row(timeline)
    assert row.why.startswith("its clip is made: it is fetched, free (so far: ")
    assert row.price_usd == 0
    generate(timeline, confirm=lambda plan: False)
    assert len(server.jobs) == 1


def test_what_only_the_user_can_settle_is_not_called_new(
    reseller: piapi.Piapi, timeline: Path
) -> None:
    price = _row(timeline).price_usd
    reseller.faults.add("submit", "reset_after")
    _stopped(timeline)
    row, money = _row(timeline), costs(timeline)
    assert (money.under_way_usd, money.to_pay_usd) == (0, price)
    assert f"`assembler takes settle film.yaml {_sent(timeline).client_id}`" in row.why


def test_what_may_have_to_be_sent_again_is_asked_for_first(
    server: kling.Kling, timeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it was sent: whether a job was made, only the provider knows."""
    monkeypatch.setattr("assembler.generation.providers.kling._LOOKS_S", (0.01,))
    prepared = plan(timeline).prepared
    link = prepared.plan.all_steps[0].link
    with Ledger(prepared.project.ledger, timeline="film.yaml") as ledger:
        row = ledger.claim(Intent(link.key, link.id, link.provider, link.model, link.price_usd))
        assert isinstance(row, Submission)
        ledger.sending(row.client_id)
    asked: list[Plan] = []
    with pytest.raises(UsageError, match="have to be generated first"):
        mix(timeline)
    with pytest.raises(UsageError, match="nothing spent"):
        generate(timeline, confirm=lambda plan: bool(asked.append(plan)))
    assert (len(asked), server.jobs) == (1, {})
    assert costs(timeline).to_pay_usd == link.price_usd
    assert generate(timeline, budget_usd=link.price_usd).made == 1


def test_a_job_that_the_provider_has_forgotten_is_left_for_another_take(
    reseller: piapi.Piapi, timeline: Path
) -> None:
    """It was paid: nothing is said of a request, and a reroll is what goes on."""
    reseller.run_s = 60
    _stopped(timeline, wait_s=0)
    row, jobs = _sent(timeline), dict(reseller.jobs)
    reseller.jobs.clear()
    reseller.run_s = 0
    for _ in range(2):
        error = _stopped(timeline)
        assert f"job {row.job} for link walk.1: the provider doesn't know this job" in error.what
        assert error.fix == (
            "run again later; if your list of jobs at piapi has it under another id, say "
            f"`assembler takes settle film.yaml {row.client_id}` with `--job ID`; else "
            "`assembler takes reroll film.yaml walk.1` asks for another, which is paid too."
        )
    assert "its job couldn't be had (piapi: the request is refused" in _row(timeline).why
    assert not reseller.jobs
    assert reroll(timeline, "walk").number == 2
    assert _row(timeline).why == "take 2 was asked for"
    reseller.jobs |= {f"older-{id_}": job for id_, job in jobs.items()}  # ids go on from there
    assert generate(timeline).takes["walk.1"].number == 2
    assert not takes(timeline).notes
    assert len(reseller.jobs) == 2


def test_a_take_that_comes_again_hides_no_price_of_another(
    server: kling.Kling, timeline: Path
) -> None:
    """What may not pay asks for the take in use alone, at its own price."""
    timeline.write_text(ONE.replace("audio: off", "audio: off, takes: 2"), encoding="utf-8")
    generate(timeline)
    second = next(take for take in show(timeline, "walk").takes.takes if take.number == 2)
    assert second.path is not None
    second.path.unlink()
    reroll(timeline, "walk")
    with pytest.raises(UsageError, match="have to be generated first"):
        mix(timeline)
    assert len(server.jobs) == 2


def test_a_job_that_the_provider_does_not_know_is_not_settled_on(
    reseller: piapi.Piapi, timeline: Path
) -> None:
    reseller.faults.add("submit", "reset_after")
    _stopped(timeline)
    row = _sent(timeline)
    with pytest.raises(UsageError, match="piapi doesn't know job piapi-9: the request is refused"):
        settle(timeline, row.client_id, "piapi-9")
    assert _sent(timeline).state == "unknown"


def test_a_wrong_job_is_settled_anew(
    reseller: piapi.Piapi, timeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was believed while nobody could be asked, and the right one was paid."""
    reseller.faults.add("submit", "reset_after")
    _stopped(timeline)
    client_id, (job,) = _sent(timeline).client_id, reseller.jobs
    with monkeypatch.context() as offline:
        offline.delenv("PIAPI_KEY")
        settle(timeline, client_id, "piapi-9")
    assert f"settle film.yaml {client_id}` with `--job ID`" in _stopped(timeline).fix
    settle(timeline, client_id, job)
    generate(timeline)
    assert list(reseller.jobs) == [job]


def test_a_paid_clip_that_is_no_longer_asked_for_is_told_of(
    server: kling.Kling, timeline: Path
) -> None:
    """A prompt was edited while its job was under way."""
    server.run_s = 60
    _stopped(timeline, wait_s=0)
    server.run_s = 0
    timeline.write_text(ONE.replace("A forest", "A wood"), encoding="utf-8")
    told = (
        "link walk.1: a clip that isn't asked for any more was sent for at kling ($0.25) and "
        "hasn't come; with the timeline as it was `assembler generate` fetches it, at no further "
        "cost"
    )
    assert told in plan(timeline).prepared.plan.notes
    assert takes(timeline).notes == (told,)
    assert f"warning: {told}" in generate(timeline).warnings
    assert not plan(timeline, draft=True).prepared.plan.notes
    _end(server)
    timeline.write_text(ONE, encoding="utf-8")
    generate(timeline, confirm=lambda plan: False)
    assert not takes(timeline).notes
    assert len(server.jobs) == 2


def test_a_further_take_that_is_no_longer_wanted_is_told_of(
    server: kling.Kling, timeline: Path
) -> None:
    generate(timeline)
    reroll(timeline, "walk")
    server.run_s = 60
    _stopped(timeline, wait_s=0)
    choose(timeline, "walk", 1)
    (told,) = takes(timeline).notes
    assert told.startswith(
        "link walk.1: take 2 that isn't asked for any more was sent for at kling"
    )
    assert "; with `takes: 2` `assembler generate` fetches it" in told
    timeline.write_text(ONE.replace("audio: off", "audio: off, takes: 2"), encoding="utf-8")
    assert not takes(timeline).notes
    _end(server)
    generate(timeline, confirm=lambda plan: False)
    assert len(server.jobs) == 2
