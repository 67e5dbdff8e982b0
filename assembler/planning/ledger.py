"""
What was asked of providers, what it cost and which takes came of it, synced before money moves.

    with Ledger(project.ledger, timeline="teaser.yaml") as ledger:
        row = ledger.claim(Intent(key=..., link="dawn.1", provider="kling", ...))
        ledger.sending(row.client_id)             # on disk before the request leaves
        ledger.accepted(row.client_id, job)       # the moment the reply arrives

A row is one intended submission and goes

    intended -> sent -> accepted -> done -> fetched
                  |         |         |
                  +---------+---------+--> failed (no job, or a job without a clip)
                  +--> unknown (only the user can say; never sent again by itself)

Every step is committed with ``synchronous=FULL``, so a crash leaves the last step that was begun.
A row belongs to the process that claimed it, as long as that lives; the next one goes on from
where it stands. There is at most one row per key and take that hasn't failed, whatever the number
of processes. A job that has failed and may have been paid is the last one of its key and take, too:
only another take, which the user asks for, goes on from there.
"""

from __future__ import annotations

import os
import platform
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import psutil

from assembler.errors import AssemblerError, BudgetError, GenerateError
from assembler.media.room import full_disk
from assembler.planning.account import Account

State = Literal["intended", "sent", "accepted", "done", "fetched", "failed", "unknown"]
LOST_SIGHT: frozenset[State] = frozenset({"sent", "unknown"})
"""A request has left, and whether a job was made isn't known."""
ASKED_FOR: frozenset[State] = LOST_SIGHT | {"accepted", "done"}
"""A request has left, and the clip hasn't come."""
OPEN: frozenset[State] = ASKED_FOR | {"intended"}
"""It hasn't ended."""

_VERSION = 2
_BUSY_S = 30.0

_SCHEMA = """
CREATE TABLE submissions (
    id INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    timeline TEXT NOT NULL,
    link TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('intended', 'sent', 'accepted', 'done', 'fetched', 'failed', 'unknown')),
    owner TEXT,
    price_usd TEXT,
    billed_usd TEXT,
    job TEXT,
    url TEXT,
    sha256 TEXT,
    reason TEXT NOT NULL DEFAULT '',
    intended_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    address TEXT,
    account TEXT
) STRICT;
CREATE UNIQUE INDEX one_alive ON submissions (key, number) WHERE state <> 'failed';
CREATE TABLE takes (
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    link TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    made_at REAL NOT NULL,
    PRIMARY KEY (key, number)
) STRICT;
CREATE TABLE choices (
    key TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    chosen_at REAL NOT NULL
) STRICT;
"""

_UPDATES = {1: ("ADD COLUMN address TEXT", "ADD COLUMN account TEXT")}
"""What a ledger of that version lacks."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A generation that is about to be asked for."""

    key: str
    """Content key of the link."""
    link: str
    provider: str
    model: str
    price_usd: Decimal | None = None
    number: int = 1
    """Which take of the link."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One row: what was asked for and how far it got."""

    client_id: str
    key: str
    number: int
    timeline: str
    link: str
    provider: str
    model: str
    state: State
    owner: str | None
    price_usd: Decimal | None
    billed_usd: Decimal | None
    job: str | None
    url: str | None
    sha256: str | None
    reason: str
    intended_at: float
    """Seconds since 1970, UTC."""
    changed_at: float
    """Of its last step: that a run goes on with it is none."""
    address: str | None = None
    """Base URL that it was sent to."""
    account: str | None = None
    """Fingerprint of the key that it was sent with."""

    @property
    def sent_from(self) -> Account | None:
        """Which account it was sent from, where that is known."""
        return None if self.address is None else Account(self.address, self.account or "")

    @property
    def in_vain(self) -> bool:
        """Whether its job has brought no clip and was paid, or may have been."""
        if self.state != "failed" or self.job is None:
            return False
        return bool(self.price_usd != 0 if self.billed_usd is None else self.billed_usd)

    @property
    def cost_usd(self) -> Decimal:
        """What it has cost, or may have or may still: nothing once it surely failed unbilled."""
        if self.billed_usd is not None:
            return self.billed_usd
        unpaid = self.state == "failed" and self.url is None and not self.in_vain
        return Decimal(0) if unpaid else self.price_usd or Decimal(0)

    @property
    def unpriced(self) -> bool:
        """Whether it has cost something, or may have, that nobody knows."""
        if self.billed_usd is not None or self.price_usd is not None or self.state == "intended":
            return False
        return self.state != "failed" or self.in_vain


@dataclass(frozen=True, slots=True)
class Busy:
    """Another living process works on this key."""

    owner: str
    state: State


@dataclass(frozen=True, slots=True)
class TakeRow:
    """One take on disk."""

    key: str
    number: int
    link: str
    file: str
    """Name within the project's folder of takes."""
    sha256: str
    made_at: float


_COLUMNS = ", ".join(Submission.__dataclass_fields__)
_here: set[str] = set()
"""Owners of this process that are still open."""


class Ledger:
    """The ledger of one project; safe to use from several threads and processes."""

    def __init__(self, path: Path, *, timeline: str = "") -> None:
        self._path = path
        self._timeline = timeline
        self._lock = threading.RLock()
        self._owner = _new_owner()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
        except sqlite3.DatabaseError as exc:
            raise _unreadable(path, exc) from exc
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise
        _here.add(self._owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what this ledger has claimed and close it; may be called again."""
        with self._lock:
            if self._owner not in _here:
                return
            _here.discard(self._owner)
            with closing(self._db), suppress(sqlite3.DatabaseError):  # nobody takes us to live
                self._db.execute(
                    "UPDATE submissions SET owner = NULL WHERE owner = ?", (self._owner,)
                )

    # -- a submission's way ---------------------------------------------------------------

    def claim(self, intent: Intent, *, budget_usd: Decimal | None = None) -> Submission | Busy:
        """
        The row of this key and take, now ours to work on: a new one, or where an older run stopped.

        A row of a living owner is left alone. A new row is made only within the budget: what was
        spent, is under way and this one together. Where a job was made `in_vain`, its failed row
        is the answer.

        Raises:
            BudgetError: If a new row would pass the budget.
        """
        with self._writing():
            row = self._alive(intent.key, intent.number)
            row = row or self._in_vain(intent.key, intent.number)
            if row is None:
                self._check_budget(intent, budget_usd)
                return self._insert(intent)
            if row.state in ("fetched", "failed"):
                return row
            if row.owner and row.owner != self._owner and _lives(row.owner):
                return Busy(row.owner, row.state)
            if row.state != "intended":
                return self._update(row.client_id, owner=self._owner)
            counted = row.timeline == self._timeline and _is_committed(row)
            self._check_budget(intent, budget_usd, row.cost_usd if counted else Decimal(0))
            price = _text(intent.price_usd)
            return self._update(
                row.client_id, owner=self._owner, timeline=self._timeline, price_usd=price
            )

    def sending(self, client_id: str, account: Account | None = None) -> Submission:
        """The request is about to leave, from that account."""
        address, key = (account.address, account.key) if account else (None, None)
        return self._step(client_id, ("intended",), "sent", address=address, account=key)

    def not_sent(self, client_id: str, reason: str = "") -> Submission:
        """No job was made, for sure: the row may be sent again."""
        return self._step(client_id, ("intended", *LOST_SIGHT), "intended", reason=reason)

    def accepted(self, client_id: str, job: str) -> Submission:
        """The provider's job id is known."""
        return self._step(client_id, LOST_SIGHT, "accepted", job=job, reason="")

    def told(self, client_id: str, job: str) -> Submission:
        """It has become this job, says the user, which can be found from the account in use."""
        return self._step(
            client_id, ASKED_FOR, "accepted", job=job, reason="", address=None, account=None
        )

    def done(self, client_id: str, url: str, billed_usd: Decimal | None = None) -> Submission:
        """The clip can be had at *url*."""
        return self._step(
            client_id, ("accepted", "done"), "done", url=url, reason="", **_billed(billed_usd)
        )

    def refused(self, client_id: str, reason: str) -> Submission:
        """
        What came isn't what was asked for, or a finished job's clip can't be had: it stays paid
        and isn't asked for again by itself.
        """
        with self._writing():
            state = self.submission(client_id).state
            return self._step(client_id, ("accepted", "done"), state, reason=reason)

    def fetched(self, client_id: str, file: str, sha256: str) -> Submission:
        """The clip is on disk and was checked."""
        with self._writing():
            row = self._step(client_id, ("done",), "fetched", sha256=sha256, reason="", owner=None)
            self._db.execute(
                "INSERT OR REPLACE INTO takes VALUES (?, ?, ?, ?, ?, ?)",
                (row.key, row.number, row.link, file, sha256, time.time()),
            )
            return row

    def lost(self, client_id: str) -> Submission:
        """The clip of a fetched row is gone from disk: poll its job and download again."""
        with self._writing():
            row = self._step(client_id, ("fetched",), "accepted", owner=self._owner)
            self._db.execute(
                "DELETE FROM takes WHERE key = ? AND number = ?", (row.key, row.number)
            )
            return row

    def failed(self, client_id: str, reason: str, billed_usd: Decimal | None = None) -> Submission:
        """There will be no clip; the key may be asked for anew unless the job was paid."""
        return self._step(
            client_id, OPEN, "failed", reason=reason, owner=None, **_billed(billed_usd)
        )

    def unknown(self, client_id: str, reason: str) -> Submission:
        """Nobody can tell whether a job was made; it waits for the user's word."""
        return self._step(client_id, ("sent",), "unknown", reason=reason)

    # -- looking ---------------------------------------------------------------------------

    def submission(self, client_id: str) -> Submission:
        """The row of that client id."""
        rows = self._rows("WHERE client_id = ?", client_id)
        if not rows:
            raise GenerateError(f"no submission {client_id}", str(self._path))
        return rows[0]

    def alive(self, key: str, number: int = 1) -> Submission | None:
        """The row of this key and take that hasn't failed."""
        with self._lock:
            return self._alive(key, number)

    def submissions(self, key: str | None = None) -> tuple[Submission, ...]:
        """All rows, or those of one key, oldest first."""
        if key is None:
            return self._rows("ORDER BY id")
        return self._rows("WHERE key = ? ORDER BY id", key)

    def jobs(self, provider: str) -> frozenset[str]:
        """Ids of all jobs of a provider that are known."""
        rows = self._rows("WHERE provider = ? AND job IS NOT NULL", provider)
        return frozenset(row.job for row in rows if row.job)

    def committed_usd(self) -> Decimal:
        """What this timeline has spent and what is under way for it, by billed or planned price."""
        rows = self._rows("WHERE timeline = ?", self._timeline)
        return sum((row.cost_usd for row in rows if _is_committed(row)), Decimal(0))

    def spent_usd(self) -> Decimal:
        """What this timeline's finished clips have cost."""
        rows = self._rows("WHERE timeline = ? AND state IN ('fetched', 'failed')", self._timeline)
        return sum((row.cost_usd for row in rows), Decimal(0))

    # -- takes -----------------------------------------------------------------------------

    def takes(self, key: str) -> tuple[TakeRow, ...]:
        """All takes of a link, by number."""
        rows = self._found("SELECT * FROM takes WHERE key = ? ORDER BY number", key)
        return tuple(TakeRow(*row) for row in rows)

    def choose(self, key: str, number: int) -> None:
        """Take *number* is the one to use."""
        with self._writing():
            self._db.execute(
                "INSERT OR REPLACE INTO choices VALUES (?, ?, ?)", (key, number, time.time())
            )

    def adopt(self, key: str, number: int, link: str, file: str, sha256: str) -> None:
        """A take of *key* is a clip that was made, and paid, under another key."""
        with self._writing():
            self._db.execute(
                "INSERT OR REPLACE INTO takes VALUES (?, ?, ?, ?, ?, ?)",
                (key, number, link, file, sha256, time.time()),
            )

    def next_number(self, key: str) -> int:
        """The number of a take that was never asked for."""
        ((most,),) = self._found(
            "SELECT MAX(number) FROM (SELECT number FROM submissions WHERE key = ?1"
            " UNION ALL SELECT number FROM takes WHERE key = ?1)",
            key,
        )
        return int(most or 0) + 1

    def chosen(self, key: str) -> int:
        """The take to use: 1 unless another was chosen."""
        rows = self._found("SELECT number FROM choices WHERE key = ?", key)
        return int(rows[0][0]) if rows else 1

    # -- inside ----------------------------------------------------------------------------

    def _prepare(self) -> None:
        try:
            mode = self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            self._db.execute("PRAGMA synchronous = FULL")
            with self._writing():
                version = self._db.execute("PRAGMA user_version").fetchone()[0]
                if version == 0:
                    for statement in filter(str.strip, _SCHEMA.split(";")):
                        self._db.execute(statement)
                for old in range(version or _VERSION, _VERSION):
                    for change in _UPDATES[old]:
                        self._db.execute(f"ALTER TABLE submissions {change}")
                if version < _VERSION:
                    self._db.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.DatabaseError as exc:
            raise _unreadable(self._path, exc) from exc
        if version > _VERSION:
            raise AssemblerError(
                f"the ledger was written by a newer assembler (version {version}, ours {_VERSION})",
                str(self._path),
                "update assembler.",
            )
        if mode.lower() not in ("wal", "memory"):
            raise AssemblerError(
                f"the ledger can't be kept safely on this disk (journal mode {mode})",
                str(self._path),
                "put the project on a local disk.",
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that holds the write lock from its begin; nests."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.DatabaseError as exc:
                raise _unreadable(self._path, exc) from exc
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException as exc:
                self._db.rollback()  # left open, it would swallow what is written later
                if isinstance(exc, sqlite3.DatabaseError):
                    raise _unreadable(self._path, exc) from exc
                raise

    def _rows(self, where: str, *values: object) -> tuple[Submission, ...]:
        found = self._found(f"SELECT {_COLUMNS} FROM submissions {where}", *values)
        return tuple(_submission(row) for row in found)

    def _found(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.DatabaseError as exc:
                raise _unreadable(self._path, exc) from exc

    def _alive(self, key: str, number: int) -> Submission | None:
        rows = self._rows("WHERE key = ? AND number = ? AND state <> 'failed'", key, number)
        return rows[0] if rows else None

    def _in_vain(self, key: str, number: int) -> Submission | None:
        rows = self._rows("WHERE key = ? AND number = ? ORDER BY id DESC", key, number)
        return next((row for row in rows if row.in_vain), None)

    def _check_budget(
        self, intent: Intent, budget_usd: Decimal | None, already: Decimal = Decimal(0)
    ) -> None:
        if budget_usd is None:
            return
        if intent.price_usd is None:
            raise BudgetError(
                f"link {intent.link}: no price is known for {intent.model} at {intent.provider}, "
                f"so the budget of ${budget_usd} can't be kept",
                fix="choose a model with a known price, or remove the budget.",
            )
        committed = self.committed_usd() - already
        if committed + intent.price_usd > budget_usd:
            raise BudgetError(
                f"link {intent.link} costs ${intent.price_usd}; with ${committed} spent and under "
                f"way it would pass the budget of ${budget_usd}",
                fix=f"raise the budget: with this link it comes to "
                f"${committed + intent.price_usd}; `assembler plan` says what all of them cost.",
            )

    def _insert(self, intent: Intent) -> Submission:
        client_id = f"asm-{secrets.token_hex(12)}"
        now = time.time()
        price = _text(intent.price_usd)
        self._db.execute(
            "INSERT INTO submissions (client_id, key, number, timeline, link, provider, model,"
            " state, owner, price_usd, intended_at, changed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'intended', ?, ?, ?, ?)",
            (
                client_id, intent.key, intent.number, self._timeline, intent.link,
                intent.provider, intent.model, self._owner, price, now, now,
            ),
        )  # fmt: skip
        return self.submission(client_id)

    def _step(
        self,
        client_id: str,
        allowed: tuple[State, ...] | frozenset[State],
        state: State,
        **values: str | None,
    ) -> Submission:
        with self._writing():
            row = self.submission(client_id)
            foreign = row.owner not in (None, self._owner) and _lives(row.owner or "")
            if row.state not in allowed or foreign:
                raise GenerateError(
                    f"submission {client_id} of link {row.link} is {row.state}, "
                    f"it can't become {state}",
                    str(self._path),
                    "another run has gone on with it; run again.",
                )
            return self._update(client_id, state=state, changed_at=time.time(), **values)

    def _update(self, client_id: str, **values: str | float | None) -> Submission:
        names = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(
            f"UPDATE submissions SET {names} WHERE client_id = ?", (*values.values(), client_id)
        )
        return self.submission(client_id)


def _submission(row: tuple[object, ...]) -> Submission:
    return _from_columns(dict(zip(Submission.__dataclass_fields__, row, strict=True)))


def _from_columns(values: dict[str, object]) -> Submission:
    for name in ("price_usd", "billed_usd"):
        if values[name] is not None:
            values[name] = Decimal(str(values[name]))
    return Submission(**values)  # type: ignore[arg-type]  # the columns are typed by the schema


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else str(usd)


def _billed(usd: Decimal | None) -> dict[str, str]:
    """What a provider says it has charged, if that is a sum: it counts against the budget."""
    return {} if usd is None or not usd.is_finite() or usd < 0 else {"billed_usd": str(usd)}


def _new_owner() -> str:
    """Host, process, its start time, and a token, since processes are numbered again."""
    started = psutil.Process().create_time()
    return f"{platform.node()}|{os.getpid()}|{started:.2f}|{secrets.token_hex(4)}"


def _is_committed(row: Submission) -> bool:
    """Whether it has left, or is about to; what an older run has given up before counts nothing."""
    return row.state != "intended" or bool(row.owner and _lives(row.owner))


def _lives(owner: str) -> bool:
    """Whether an owner can still work; one on another machine is taken to live."""
    host, pid, started, _ = owner.rsplit("|", 3)
    if host != platform.node():
        return True
    if int(pid) == os.getpid():
        return owner in _here
    try:
        other = psutil.Process(int(pid))
        same = abs(other.create_time() - float(started)) < 1.0
        return same and other.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


def chosen_takes(path: Path) -> dict[str, int]:
    """Numbers of the takes that were chosen, by link key. Writes nothing, not even beside it."""
    rows = _only_read(path, "choices", "SELECT key, number FROM choices")
    return {str(row["key"]): int(row["number"]) for row in rows}


def takes_made(path: Path) -> tuple[TakeRow, ...]:
    """Every take that ever came, oldest first. Writes nothing either."""
    rows = _only_read(path, "takes", "SELECT * FROM takes ORDER BY made_at, number")
    return tuple(TakeRow(**row) for row in rows)


def submissions_made(path: Path) -> tuple[Submission, ...]:
    """Every submission, oldest first. Writes nothing either."""
    rows = _only_read(path, "submissions", "SELECT * FROM submissions ORDER BY id")
    known = Submission.__dataclass_fields__  # a ledger of an older version has fewer
    return tuple(_from_columns({n: row[n] for n in row.keys() & known}) for row in rows)


def jobs_in_vain(path: Path) -> dict[str, dict[int, Submission]]:
    """Takes after whose failed job none is asked for by itself, by key and number."""
    found: dict[str, dict[int, Submission]] = {}
    rows = submissions_made(path)
    alive = {(row.key, row.number) for row in rows if row.state != "failed"}
    for row in rows:
        if row.in_vain and (row.key, row.number) not in alive:
            found.setdefault(row.key, {})[row.number] = row
    return found


def _only_read(path: Path, table: str, query: str) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    # Without `immutable`, SQLite puts files of its own beside a ledger that nobody has open.
    still, live = "mode=ro&immutable=1", "mode=ro"
    open_now = path.with_name(f"{path.name}-wal").exists()
    for mode in (live, still) if open_now else (still,):
        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True)) as db:
                known = "SELECT 1 FROM sqlite_master WHERE name = ?"
                if not db.execute(known, (table,)).fetchone():  # another run is just making it
                    return []
                found = db.execute(query)
                names = [column[0] for column in found.description]
                return [dict(zip(names, row, strict=True)) for row in found]
        except sqlite3.DatabaseError as exc:
            failure = exc
    raise _unreadable(path, failure) from failure


def _unreadable(path: Path, exc: sqlite3.Error) -> AssemblerError:
    if "is full" in str(exc):
        return full_disk(path)
    return AssemblerError(
        f"the ledger can't be used: {exc}",
        str(path),
        "if another run is under way, wait for it; if the file is damaged, restore it from a copy: "
        "it holds the ids of paid jobs.",
    )
