"""What is paid, or may be, isn't asked for again by itself, nor from another account."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from assembler.errors import GenerateError
from assembler.generation.run import generate, settle
from assembler.generation.shelf import shelf_of
from assembler.planning.account import Account, fingerprint
from assembler.planning.build import with_states
from assembler.planning.explain import to_pay
from assembler.planning.ledger import Intent, Ledger, Submission
from assembler.planning.model import Plan
from assembler.planning.project import Project
from tests.generation.links import Handoff, plan_of, project_in
from tests.generation.rented import Rented, clip_in, rented

OURS = Account("https://api.example", fingerprint("rented", "one key"))
OTHER = Account("https://api.example", fingerprint("rented", "another key"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_in(tmp_path_factory.mktemp("clip"))


def _fails(plan: Plan, project: Project, provider: Rented) -> GenerateError:
    with pytest.raises(GenerateError) as caught:
        generate(plan, project, providers={"rented": provider})
    return caught.value


def _row(project: Project) -> Submission:
    with Ledger(project.ledger) as ledger:
        return ledger.submissions()[-1]


@pytest.mark.parametrize(
    ("kept", "said"),
    [(Decimal("0.35"), "$0.35 was billed"), (None, "rented doesn't say that it was free")],
)
def test_failed_job_that_was_or_may_be_paid_is_not_asked_for_again(
    tmp_path: Path, clip: Path, kept: Decimal | None, said: str
) -> None:
    provider = Rented(clip, polls=0, fail={"dawn.1"}, kept=kept)
    plan = plan_of([rented(), rented("dawn.2", start=Handoff("dawn.1"))])
    project = project_in(tmp_path)
    for _ in range(2):
        error = _fails(plan, project, provider)
        assert said in str(error)
        assert "`assembler takes reroll teaser.yaml dawn.1` asks for another" in error.fix
    assert len(provider.submitted) == 1
    stuck, waits = with_states(plan, shelf_of(plan, project)).steps
    assert (stuck.state, stuck.to_make, stuck.price_usd, waits.state) == ("stuck", 0, 0, "waiting")
    assert said in stuck.why


def test_plan_says_how_many_links_are_to_be_asked_for_again(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, polls=0, fail={"dawn.1"})
    plan, project = plan_of([rented()]), project_in(tmp_path)
    _fails(plan, project, provider)
    said = to_pay(with_states(plan, shelf_of(plan, project)))
    assert said == (
        "0 of 1 link to make, 0 s, free; 1 link to ask for again: `assembler takes reroll`"
    )


def test_another_take_is_asked_for_after_a_job_in_vain(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, polls=0, fail={"dawn.1"})
    plan, project = plan_of([rented()]), project_in(tmp_path)
    _fails(plan, project, provider)
    with Ledger(project.ledger) as ledger:
        ledger.choose(plan.link("dawn.1").key, ledger.next_number(plan.link("dawn.1").key))
    why = with_states(plan, shelf_of(plan, project)).steps[0].why
    assert why.startswith("take 2 was asked for, and is paid too; of take 1 the job has failed")
    provider.fail.clear()
    take = generate(plan, project, providers={"rented": provider})["dawn.1"]
    assert (take.number, len(provider.submitted)) == (2, 2)


def test_further_take_whose_job_was_in_vain_holds_up_nothing(tmp_path: Path, clip: Path) -> None:
    """The author has the others to choose from."""
    plan, project = plan_of([rented(takes=2, seed=7)]), project_in(tmp_path)
    provider = Rented(clip, polls=0, fail_seeds={8})
    _fails(plan, project, provider)
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 2
    (step,) = with_states(plan, shelf_of(plan, project)).steps
    assert (step.state, step.to_make, step.why) == ("done", 0, "1 of 2 takes are there")


def test_failed_job_that_was_free_is_asked_for_again(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, polls=0, fail={"dawn.1"}, kept=Decimal(0))
    plan, project = plan_of([rented()]), project_in(tmp_path)
    assert _fails(plan, project, provider).fix == "change the prompt."
    assert with_states(plan, shelf_of(plan, project)).steps[0].state == "ready"
    provider.fail.clear()
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})


def test_what_may_have_been_paid_counts_against_the_budget(tmp_path: Path, clip: Path) -> None:
    project = project_in(tmp_path)
    _fails(plan_of([rented()]), project, Rented(clip, polls=0, fail={"dawn.1"}))
    with Ledger(project.ledger, timeline="teaser.yaml") as ledger:
        assert ledger.committed_usd() == Decimal("0.50")


def test_account_is_recorded_without_the_key(tmp_path: Path, clip: Path) -> None:
    project = project_in(tmp_path)
    generate(plan_of([rented()]), project, providers={"rented": Rented(clip, account=OURS)})
    assert _row(project).sent_from == OURS
    assert b"one key" not in project.ledger.read_bytes()
    assert len(OURS.key) == 12


@pytest.mark.parametrize("lost", [False, True])
def test_job_of_another_account_is_not_looked_for(tmp_path: Path, clip: Path, lost: bool) -> None:
    """Neither polled nor looked up: that it isn't found there would say nothing of it."""
    provider = Rented(clip, account=OURS)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    _stopped(plan, project, provider, lost)
    provider.account = OTHER
    asked = provider.asked
    error = _fails(plan, project, provider)
    assert "was sent from another account (https://api.example, key " in error.what
    assert (provider.asked, len(provider.submitted)) == (asked, 1)
    provider.account = OURS
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 1


def _stopped(plan: Plan, project: Project, provider: Rented, lost: bool) -> None:
    """A run that has sent, and stopped before or after the reply."""
    link = plan.link("dawn.1")
    with Ledger(project.ledger, timeline="teaser.yaml") as ledger:
        row = ledger.claim(Intent(link.key, link.id, "rented", "m", link.price_usd))
        assert isinstance(row, Submission)
        ledger.sending(row.client_id, provider.account)
        provider.submitted.append(row.client_id)
        provider.links[f"job-{row.client_id}"] = link
        if not lost:
            ledger.accepted(row.client_id, f"job-{row.client_id}")


def test_user_can_say_that_it_is_the_same_account_with_a_new_key(
    tmp_path: Path, clip: Path
) -> None:
    provider = Rented(clip, account=OURS)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    _stopped(plan, project, provider, lost=False)
    provider.account = OTHER
    row = _row(project)
    assert f"settle teaser.yaml {row.client_id}` with `--job {row.job}`" in (
        _fails(plan, project, provider).fix
    )
    settle(project, row.client_id, row.job)
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 1
