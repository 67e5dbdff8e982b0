from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest

from assembler.errors import AssemblerError, BudgetError, GenerateError
from assembler.planning.account import Account
from assembler.planning.ledger import (
    Busy,
    Intent,
    Ledger,
    Submission,
    chosen_takes,
    submissions_made,
)


def _intent(key: str = "k1", price: str | None = "0.50", number: int = 1) -> Intent:
    usd = None if price is None else Decimal(price)
    return Intent(key, "dawn.1", "kling", "kling-3.0", usd, number)


def _claimed(ledger: Ledger, intent: Intent | None = None) -> Submission:
    row = ledger.claim(intent or _intent())
    assert isinstance(row, Submission)
    return row


def _fetched(ledger: Ledger, intent: Intent | None = None) -> Submission:
    row = _claimed(ledger, intent)
    ledger.sending(row.client_id)
    ledger.accepted(row.client_id, "job-1")
    ledger.done(row.client_id, "https://example.org/a.mp4")
    return ledger.fetched(row.client_id, "k1.mp4", "ab" * 32)


def test_row_goes_its_way(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = _fetched(ledger)
        assert row.state == "fetched"
        assert row.job == "job-1"
        assert [take.file for take in ledger.takes("k1")] == ["k1.mp4"]


def test_commits_are_synced_in_wal_mode(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert ledger._db.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_step_out_of_order_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = _claimed(ledger)
        with pytest.raises(GenerateError, match="is intended, it can't become accepted"):
            ledger.accepted(row.client_id, "job-1")


def test_key_is_claimed_once_by_two_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as one, Ledger(path) as two:
        _claimed(one)
        assert isinstance(two.claim(_intent()), Busy)


def test_closed_ledger_gives_its_rows_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as one:
        first = _claimed(one)
        one.sending(first.client_id)
    with Ledger(path) as two:
        again = _claimed(two)
    assert again.client_id == first.client_id
    assert again.state == "sent"


def test_foreign_row_can_not_be_stepped(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as one, Ledger(path) as two:
        row = _claimed(one)
        with pytest.raises(GenerateError):
            two.sending(row.client_id)


def test_failed_key_may_be_asked_for_anew(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        first = _claimed(ledger)
        ledger.failed(first.client_id, "no faces")
        assert _claimed(ledger).client_id != first.client_id
        assert len(ledger.submissions("k1")) == 2


def test_unknown_row_stays_until_the_user_speaks(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = _claimed(ledger)
        ledger.sending(row.client_id)
        ledger.unknown(row.client_id, "no reply")
        assert _claimed(ledger).state == "unknown"
        assert ledger.accepted(row.client_id, "job-7").job == "job-7"


def test_users_word_counts_after_the_process_was_killed(tmp_path: Path) -> None:
    """Nobody needs to run once more before a lost request can be settled."""
    path = tmp_path / "ledger.sqlite"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from assembler.planning.ledger import Intent, Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "row = ledger.claim(Intent('k1', 'dawn.1', 'piapi', 'kling-3.0'))\n"
        "ledger.sending(row.client_id); ledger.unknown(row.client_id, 'no list')\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    with Ledger(path) as ledger:
        (row,) = ledger.submissions()
        assert row.owner is not None
        assert ledger.failed(row.client_id, "no job was made").state == "failed"


def test_takes_of_one_link_are_numbered(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        _fetched(ledger)
        _fetched(ledger, _intent(number=2))
        assert [take.number for take in ledger.takes("k1")] == [1, 2]
        assert ledger.chosen("k1") == 1
        ledger.choose("k1", 2)
        assert ledger.chosen("k1") == 2


def test_budget_counts_what_is_spent_and_under_way(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", timeline="a.yaml") as ledger:
        _fetched(ledger)
        _claimed(ledger, _intent("k2"))
        with pytest.raises(BudgetError, match=r"with this link it comes to \$1\.50"):
            ledger.claim(_intent("k3"), budget_usd=Decimal("1.49"))
        assert isinstance(ledger.claim(_intent("k3"), budget_usd=Decimal("1.50")), Submission)


def test_unsent_row_of_an_older_run_obeys_a_smaller_budget(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        _claimed(ledger)
        with pytest.raises(BudgetError):
            ledger.claim(_intent(), budget_usd=Decimal("0.10"))


def test_unsent_row_of_an_older_run_counts_when_it_is_gone_on_with(tmp_path: Path) -> None:
    """Its prompt may have been edited since."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        _claimed(ledger)
    with Ledger(path) as ledger:
        assert ledger.committed_usd() == 0
        ledger.claim(_intent("k2"), budget_usd=Decimal("0.50"))
        with pytest.raises(BudgetError, match=r"\$0.50 spent and under way"):
            ledger.claim(_intent(), budget_usd=Decimal("0.99"))
        ledger.claim(_intent(), budget_usd=Decimal("1.00"))
        assert ledger.committed_usd() == Decimal("1.00")


def test_unknown_price_can_not_be_within_a_budget(tmp_path: Path) -> None:
    with (
        Ledger(tmp_path / "ledger.sqlite") as ledger,
        pytest.raises(BudgetError, match="no price is known"),
    ):
        ledger.claim(_intent(price=None), budget_usd=Decimal(100))


def test_other_timelines_of_the_folder_have_their_own_budget(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, timeline="a.yaml") as a:
        _fetched(a)
    with Ledger(path, timeline="b.yaml") as b:
        assert b.committed_usd() == 0


def test_unsent_row_of_another_timeline_counts_for_the_one_that_sends_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, timeline="a.yaml") as ledger:
        _claimed(ledger, _intent("shared"))
    with Ledger(path, timeline="b.yaml") as ledger:
        _claimed(ledger)
        with pytest.raises(BudgetError, match=r"\$0.50 spent and under way"):
            ledger.claim(_intent("shared"), budget_usd=Decimal("0.99"))
        ledger.claim(_intent("shared"), budget_usd=Decimal("1.00"))
        assert ledger.committed_usd() == Decimal("1.00")
    with Ledger(path, timeline="a.yaml") as ledger:
        assert ledger.committed_usd() == 0


def test_billed_price_replaces_the_planned_one(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = _claimed(ledger)
        ledger.sending(row.client_id)
        ledger.accepted(row.client_id, "j")
        ledger.done(row.client_id, "u", Decimal("0.35"))
        ledger.fetched(row.client_id, "k1.mp4", "00" * 32)
        assert ledger.spent_usd() == Decimal("0.35")


@pytest.mark.parametrize("said", ["NaN", "Infinity", "-100"])
def test_what_is_no_sum_is_not_believed(tmp_path: Path, said: str) -> None:
    """The budget would be without effect."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = _claimed(ledger)
        ledger.sending(row.client_id)
        ledger.accepted(row.client_id, "j")
        ledger.done(row.client_id, "u", Decimal(said))
        assert ledger.committed_usd() == Decimal("0.50")
        with pytest.raises(BudgetError):
            ledger.claim(_intent("k2"), budget_usd=Decimal("0.99"))


def test_unsent_row_counts_at_the_price_it_is_sent_at(tmp_path: Path) -> None:
    """A longer clip was asked for meanwhile."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        _claimed(ledger)
        _claimed(ledger, _intent(price="0.70"))
        assert ledger.committed_usd() == Decimal("0.70")


def test_failure_that_is_not_billed_costs_nothing(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = _claimed(ledger)
        ledger.failed(row.client_id, "refused")
        assert ledger.committed_usd() == 0


def test_threads_share_a_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        threads = [
            threading.Thread(target=_fetched, args=(ledger, _intent(f"k{i}"))) for i in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {row.state for row in ledger.submissions()} == {"fetched"}


def test_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(AssemblerError, match="newer assembler"):
        Ledger(path)


def test_damaged_ledger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(AssemblerError, match="can't be used"):
        Ledger(path)


def test_ledger_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssemblerError, match="the ledger can't be used: unable to open") as caught:
        Ledger(tmp_path)
    assert str(tmp_path) == caught.value.where


def test_ledger_that_is_damaged_within_is_named_where_it_is_met(tmp_path: Path) -> None:
    """Its first page is fine, so that it opens."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        for n in range(200):
            _claimed(ledger, _intent(f"k{n}"))
        ledger._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page = 4096
    with path.open("r+b") as file:
        file.seek(page)
        file.write(b"\xff" * (path.stat().st_size - page))
    with Ledger(path) as ledger:
        for use in (
            ledger.submissions,
            lambda: ledger.claim(_intent("other")),
            lambda: ledger.takes("k1"),
            lambda: ledger.next_number("k1"),
            lambda: ledger.chosen("k1"),
        ):
            with pytest.raises(AssemblerError, match=r"the ledger can't be used: .*malformed"):
                use()


_WORKER = """
import sys, time
from pathlib import Path
from assembler.planning.ledger import Busy, Intent, Ledger, chosen_takes
path, jobs = Path(sys.argv[1]), Path(sys.argv[2])
with Ledger(path) as ledger:
    for i in range(40):
        row = ledger.claim(Intent(f"k{i}", f"dawn.{i}", "fake", "fake"))
        if isinstance(row, Busy) or row.state == "fetched":
            continue
        if row.state == "sent":      # the reply was lost: look the job up
            made = (jobs / f"{row.client_id}={row.key}").exists()
            row = ledger.not_sent(row.client_id)
            if made:
                row = ledger.accepted(ledger.sending(row.client_id).client_id, row.client_id)
        if row.state == "intended":
            ledger.sending(row.client_id)
            (jobs / f"{row.client_id}={row.key}").touch(exist_ok=False)   # a job is made, once
            row = ledger.accepted(row.client_id, row.client_id)
        if row.state == "accepted":
            row = ledger.done(row.client_id, "file:///x")
        ledger.fetched(row.client_id, f"{row.key}.mp4", "00" * 32)
"""


def _worker(path: Path, jobs: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _WORKER, str(path), str(jobs)])


def test_killed_at_any_moment_nothing_is_asked_for_twice(tmp_path: Path) -> None:
    """Two processes at a time are killed again and again; each key has one job in the end."""
    path, jobs = tmp_path / "ledger.sqlite", tmp_path / "jobs"
    jobs.mkdir()
    chance = random.Random(7)
    Ledger(path).close()
    for _ in range(6):
        workers = [_worker(path, jobs), _worker(path, jobs)]
        deadline = time.monotonic() + 10
        before = len(list(jobs.iterdir()))
        while len(list(jobs.iterdir())) < before + 4 and time.monotonic() < deadline:
            if all(worker.poll() is not None for worker in workers):
                break
            time.sleep(0.01)
        time.sleep(chance.random() * 0.03)
        for worker in workers:
            worker.kill()
            worker.wait()
    for _ in range(2):
        assert _worker(path, jobs).wait() == 0
    keys = [job.name.partition("=")[2] for job in jobs.iterdir()]
    assert sorted(set(keys)) == sorted(f"k{i}" for i in range(40))
    assert len(keys) == 40
    with Ledger(path) as ledger:
        assert {row.state for row in ledger.submissions()} == {"fetched"}


def test_row_of_a_living_process_is_left_to_it(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from assembler.planning.ledger import Intent, Ledger, chosen_takes
ledger = Ledger(Path(sys.argv[1]))
ledger.claim(Intent("k1", "dawn.1", "fake", "fake"))
print("claimed", flush=True)
time.sleep(60)
"""
    path = tmp_path / "ledger.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"claimed{os.linesep}".encode()
        with Ledger(path) as ledger:
            assert isinstance(ledger.claim(_intent()), Busy)
            process.kill()
            process.wait()
            assert isinstance(ledger.claim(_intent()), Submission)


def test_choices_are_read_without_writing(tmp_path: Path) -> None:
    """Also where SQLite may not put its own files beside the ledger."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.choose("one", 3)
        ledger.choose("two", 2)
    before = sorted((p.name, p.read_bytes()) for p in tmp_path.iterdir())
    assert chosen_takes(path) == {"one": 3, "two": 2}
    assert sorted((p.name, p.read_bytes()) for p in tmp_path.iterdir()) == before
    assert chosen_takes(tmp_path / "none.sqlite") == {}


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    """What lies there is no database."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(AssemblerError, match="the ledger can't be used"):
        chosen_takes(path)


def test_ledger_of_an_older_version_is_read_and_goes_on(tmp_path: Path) -> None:
    """The first version didn't know which account a row was sent from."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        _fetched(ledger)
    db = sqlite3.connect(path)
    for column in ("address", "account"):
        db.execute(f"ALTER TABLE submissions DROP COLUMN {column}")
    db.execute("PRAGMA user_version = 1")
    db.close()
    assert submissions_made(path)[0].sent_from is None
    with Ledger(path) as ledger:
        row = _claimed(ledger, _intent("k2"))
        sent = ledger.sending(row.client_id, Account("https://api.example", "3f9a1c2b7d10"))
        assert sent.sent_from == Account("https://api.example", "3f9a1c2b7d10")
        assert ledger.submissions()[0].state == "fetched"


def test_claim_gives_the_failed_job_that_may_be_paid(tmp_path: Path) -> None:
    """In one transaction, so that two processes can't both ask anew."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        row = _claimed(ledger)
        ledger.sending(row.client_id)
        ledger.accepted(row.client_id, "job-1")
        ledger.failed(row.client_id, "it broke")
        again = _claimed(ledger)
        assert (again.client_id, again.state, again.in_vain) == (row.client_id, "failed", True)
        assert ledger.next_number("k1") == 2
