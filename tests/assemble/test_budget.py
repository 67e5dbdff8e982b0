"""What doesn't fit into a budget is told before it is begun, and refused before it is sent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from assembler.assemble.costs import costs
from assembler.assemble.generating import generate
from assembler.assemble.prepare import check, plan
from assembler.assemble.progress import Progress
from assembler.errors import BudgetError
from assembler.planning.ledger import Intent, Ledger, Submission
from assembler.planning.model import Plan
from tests.assemble.conftest import PAID
from tests.servers import kling

SMALL = PAID.replace("segments:", "budget: {usd: 0.5}\nsegments:")
TOLD = (
    "what is to be made costs $0.504; with $0 spent and under way it would pass the timeline's "
    "`budget`, $0.5"
)


@pytest.fixture
def timeline(tmp_path: Path) -> Path:
    path = tmp_path / "film.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def _no(plan: Plan) -> bool:
    raise AssertionError("asked for what the budget forbids")


def _unpriced_preset(timeline: Path) -> None:
    preset = timeline.parent / "presets" / "models" / "kling-3.0-turbo.yaml"
    preset.parent.mkdir(parents=True)
    preset.write_text(
        "id: kling-3.0-turbo\ntitle: T\nvendor: kling\nkinds: [text, image]\nproviders: [kling]\n"
        "lengths: {min_s: 3, max_s: 15}\nframes: {rate: 24, extra: 1}\n"
        'sizes: {720p: {"16:9": 1280x720}}\ndefault_resolution: 720p\nstart_image: true\n',
        encoding="utf-8",
    )


def test_nothing_is_sent_of_what_passes_the_budget(server: kling.Kling, timeline: Path) -> None:
    with pytest.raises(BudgetError) as caught:
        generate(timeline, confirm=_no)
    assert caught.value.what == TOLD
    assert caught.value.fix == "raise it to $0.504, or ask for less; nothing was sent."
    assert not server.jobs


def test_the_budget_that_binds_is_named(server: kling.Kling, timeline: Path) -> None:
    with pytest.raises(BudgetError, match=r"the timeline's `budget`, \$0\.5"):
        generate(timeline, budget_usd=Decimal(1))
    with pytest.raises(BudgetError, match=r"the budget of this run, \$0\.3"):
        generate(timeline, budget_usd=Decimal("0.3"))


def test_check_and_plan_tell_of_a_budget_that_is_too_small(timeline: Path) -> None:
    assert TOLD in check(timeline).remarks
    assert TOLD in plan(timeline).prepared.plan.notes


def test_what_is_under_way_fits_into_the_budget_it_was_sent_in(
    server: kling.Kling, timeline: Path
) -> None:
    """It counts once."""
    timeline.write_text(SMALL.replace("0.5}", "0.504}"), encoding="utf-8")
    server.faults.add("download", "expired", "expired")
    with pytest.raises(Exception, match="job"):
        generate(timeline)
    generate(timeline)
    assert costs(timeline).spent_usd == sum(usd for _, usd in server.billed)


def test_a_model_of_unknown_price_is_refused_before_the_others_are_paid(
    server: kling.Kling, timeline: Path
) -> None:
    _unpriced_preset(timeline)
    text = SMALL.replace('prompt: "A lake."', 'prompt: "A lake.", model: kling-3.0-turbo')
    timeline.write_text(text, encoding="utf-8")
    with pytest.raises(BudgetError, match=r"no price is known for lake\.1, so the timeline's"):
        generate(timeline)
    assert not server.jobs


def test_what_was_spent_at_an_unknown_price_is_told(server: kling.Kling, timeline: Path) -> None:
    """It isn't nothing, and no budget can hold it."""
    with Ledger(timeline.parent / ".assembler/ledger.sqlite", timeline="film.yaml") as ledger:
        row = ledger.claim(Intent("older", "walk.1", "kling", "kling-3.0"))
        assert isinstance(row, Submission)
        ledger.sending(row.client_id)
        ledger.accepted(row.client_id, "job")
        ledger.done(row.client_id, "https://example.org/a.mp4")
        ledger.fetched(row.client_id, "older.mp4", "00" * 32)
    timeline.write_text(SMALL.replace("0.5}", "5}"), encoding="utf-8")
    said: list[str] = []
    generate(timeline, progress=Progress(say=said.append))
    warning = "the budget can't count what walk.1 cost: no price was known"
    assert said == [f"warning: {warning}"]
    assert warning in check(timeline).remarks
    told = costs(timeline).text().splitlines()
    assert "by segment: walk $0.25 and 1 clip of unknown price, lake $0.25" in told
    assert told[-1] == (
        "spent at least $0.50, and 1 of unknown price, under way $0.00, to make $0.00"
    )


def test_a_ledger_that_was_lost_is_told_of(server: kling.Kling, timeline: Path) -> None:
    """Nothing would be spent any more, and the budget be new."""
    timeline.write_text(PAID, encoding="utf-8")
    generate(timeline)
    assert not costs(timeline).notes
    ledger = timeline.parent / ".assembler" / "ledger.sqlite"
    told = (
        "ledger.sqlite doesn't know of takes that were paid, so neither costs nor budgets count "
        "them: walk.1 $0.252, lake.1 $0.252; put it back from a copy"
    )
    for lose in (lambda: ledger.write_bytes(b""), ledger.unlink):
        lose()
        assert costs(timeline).notes == (told,)
        assert told in check(timeline).remarks
    timeline.write_text(PAID.replace("A lake", "A pond"), encoding="utf-8")
    said: list[str] = []
    generate(timeline, progress=Progress(say=said.append))
    assert said == [f"warning: {told.replace(', lake.1 $0.252', '')}"]
