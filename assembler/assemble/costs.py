"""What a timeline's clips have cost and will cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from assembler.assemble.budget import asked_again, missing_from_ledger, rows_of
from assembler.assemble.prepare import Prepared, prepare
from assembler.planning.explain import money, sum_of, totals
from assembler.planning.ledger import ASKED_FOR, OPEN, Submission


@dataclass(frozen=True, slots=True)
class Costs:
    """What was paid, is under way, and would still be paid."""

    rows: tuple[Submission, ...]
    """Of this timeline, oldest first."""
    to_pay_usd: Decimal
    unpriced: int
    """Links to make whose price isn't known."""
    notes: tuple[str, ...] = ()
    """What isn't counted."""
    again: frozenset[tuple[str, int]] = frozenset()
    """Key and number of takes whose reply was lost: `to_pay_usd` has their price."""

    @property
    def spent_usd(self) -> Decimal:
        """For what has ended."""
        return _sum(row for row in self.rows if row.state not in OPEN)

    @property
    def under_way_usd(self) -> Decimal:
        """For what was sent and hasn't ended."""
        return _sum(self._under_way)

    @property
    def _under_way(self) -> list[Submission]:
        return [
            row
            for row in self.rows
            if row.state in ASKED_FOR and (row.key, row.number) not in self.again
        ]

    @property
    def unknown(self) -> int:
        """Clips that were paid, or may have been, at prices that nobody knows."""
        return _unknown(self.rows)

    def by(self, field: str) -> Mapping[str, Decimal]:
        """Sums by segment, provider, model or link."""
        return {name: _sum(rows) for name, rows in self._grouped(field).items()}

    def _grouped(self, field: str) -> dict[str, list[Submission]]:
        out: dict[str, list[Submission]] = {}
        for row in self.rows:
            name = row.link.rsplit(".", 1)[0] if field == "segment" else str(getattr(row, field))
            out.setdefault(name, []).append(row)
        return out

    def text(self) -> str:
        """A line for each submission, sums under them."""
        lines = [_cost_line(row) for row in self.rows]
        for field in ("segment", "provider"):
            groups = self._grouped(field)
            if len(groups) > 1:
                sums = {n: sum_of(_sum(rows), _unknown(rows), "clip") for n, rows in groups.items()}
                lines.append(f"by {field}: {', '.join(f'{n} {told}' for n, told in sums.items())}")
        spent = [row for row in self.rows if row.state not in OPEN]
        lines.append(
            f"spent {_dollars(self.spent_usd, _unknown(spent))}, "
            f"under way {_dollars(self.under_way_usd, _unknown(self._under_way))}, "
            f"to make {_dollars(self.to_pay_usd, self.unpriced)}"
        )
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "submissions": [_cost_data(row) for row in self.rows],
            "by_segment": {name: str(usd) for name, usd in self.by("segment").items()},
            "by_provider": {name: str(usd) for name, usd in self.by("provider").items()},
            "spent_usd": str(self.spent_usd),
            "under_way_usd": str(self.under_way_usd),
            "to_make_usd": str(self.to_pay_usd),
            "unpriced": self.unpriced,
            "unknown": self.unknown,
            "notes": list(self.notes),
        }


def costs(timeline: Path | str, *, provider: str | None = None) -> Costs:
    """What this timeline's clips have cost and will cost, by segment, take and provider."""
    return costs_of(prepare(timeline, provider=provider))


def costs_of(prepared: Prepared) -> Costs:
    """The same, of a timeline that is prepared already."""
    plan, project = prepared.plan, prepared.project
    notes = tuple(missing_from_ledger(plan, prepared.shelf, project))
    again = asked_again(plan, prepared.shelf)
    return Costs(rows_of(project), plan.price_usd, totals(plan).unpriced, notes, again)


def _sum(rows: Iterable[Submission]) -> Decimal:
    return sum((row.cost_usd for row in rows), Decimal(0))


def _unknown(rows: Iterable[Submission]) -> int:
    return sum(row.unpriced for row in rows)


def _dollars(usd: Decimal, unknown: int) -> str:
    return f"at least ${usd:.2f}, and {unknown} of unknown price" if unknown else f"${usd:.2f}"


def _cost_line(row: Submission) -> str:
    planned, billed = row.price_usd, row.billed_usd
    price = money(billed if billed is not None else planned)
    if row.in_vain and billed is None:
        price = "not known"
    elif row.state == "failed" and not billed:
        price = "not billed"
    elif billed is not None and planned is not None and billed != planned:
        price += f" billed, {money(planned)} planned"
    elif billed:
        price += " billed"
    model = row.provider if row.provider == row.model else f"{row.provider} {row.model}"
    reason = f" ({row.reason})" if row.reason else ""
    return f"{row.link} take {row.number}: {price}, {model}, {row.state}{reason}"


def _cost_data(row: Submission) -> dict[str, Any]:
    return {
        "link": row.link,
        "take": row.number,
        "provider": row.provider,
        "model": row.model,
        "state": row.state,
        "planned_usd": None if row.price_usd is None else str(row.price_usd),
        "billed_usd": None if row.billed_usd is None else str(row.billed_usd),
        "cost_usd": str(row.cost_usd),
        "job": row.job,
        "client_id": row.client_id,
        "reason": row.reason,
    }
