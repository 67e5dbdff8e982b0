"""A plan in words: what each link is, what it waits for, what it costs and why it must be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from assembler.planning.model import Handoff, ImageFile, LinkState, Plan, Step
from assembler.wording import counted

Redo = Literal["no", "must", "may"]
"""may: only what it starts on has changed, so that its older take can be kept instead."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One link of a plan, in words and numbers."""

    link: str
    segment: str
    kind: str
    provider: str
    model: str
    length_s: float
    frames: int
    """Frames that come back for it."""
    size: tuple[int, int]
    resolution: str
    start: str
    """What its first frame is."""
    end: str
    after: tuple[str, ...]
    audio: bool
    shots: int
    price_usd: Decimal | None
    """Of what is still to be made; of the takes that are there when nothing is."""
    takes: int
    to_make: int
    """Of `takes`."""
    state: LinkState
    why: str
    redo: Redo
    """Whether it has to be made."""
    prompt: str
    key: str
    where: str

    def data(self) -> dict[str, Any]:
        """For JSON."""
        price = None if self.price_usd is None else str(self.price_usd)
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return told | {"price_usd": price, "size": list(self.size)}


@dataclass(frozen=True, slots=True)
class Totals:
    """A plan added up."""

    links: int
    to_make: int
    seconds: float
    """Of the links that are to be made."""
    price_usd: Decimal
    """Of those whose price is known."""
    unpriced: int
    """Links to be made whose price isn't known."""
    keepable: int = 0
    """Links to be made whose older take could be kept instead."""
    keepable_usd: Decimal = Decimal(0)
    """What keeping them would save."""
    stuck: int = 0
    """Links of which another take must be asked for."""
    coming: int = 0
    """Links to which takes come that were asked for before and cost nothing more."""


def rows(plan: Plan) -> tuple[PlanRow, ...]:
    """A row for each link, in the order of work."""
    return tuple(_row(step) for step in plan.all_steps)


def _row(step: Step) -> PlanRow:
    link = step.link
    return PlanRow(
        link=link.id,
        segment=link.segment,
        kind=link.kind,
        provider=link.provider,
        model=link.model,
        length_s=float(link.length_s),
        frames=link.frames,
        size=link.size,
        resolution=link.resolution,
        start=_source(link.start),
        end=_source(link.end),
        after=step.after,
        audio=link.audio,
        shots=len(link.shots),
        price_usd=step.price_usd if step.to_make else _times(link.price_usd, link.takes),
        takes=link.takes,
        to_make=step.to_make,
        state=step.state,
        why=step.why,
        redo=_redo(step),
        prompt=link.prompt,
        key=link.key,
        where=link.where,
    )


def _redo(step: Step) -> Redo:
    if not step.to_make and step.state != "stuck":
        return "no"
    return "may" if step.change == "start" else "must"


def _times(price: Decimal | None, count: int) -> Decimal | None:
    return None if price is None else price * count


def _source(source: ImageFile | Handoff | None) -> str:
    match source:
        case ImageFile(path=path):
            return path.name
        case Handoff(after=after, frame=None):
            return f"end of {after}"
        case Handoff(after=after, frame=frame):
            return f"frame {frame} of {after}"
        case None:
            return ""


def totals(plan: Plan) -> Totals:
    """The plan added up."""
    steps = [step for step in plan.all_steps if step.to_make > step.paid]
    left = [step.link for step in steps]
    kept = [step for step in steps if step.change == "start"]
    return Totals(
        links=len(plan.all_steps),
        to_make=len(left),
        seconds=float(sum((s.link.length_s * (s.to_make - s.paid) for s in steps), Fraction(0))),
        price_usd=plan.price_usd,
        unpriced=sum(link.price_usd is None for link in left),
        keepable=len(kept),
        keepable_usd=sum((step.price_usd or Decimal(0) for step in kept), Decimal(0)),
        stuck=sum(step.state == "stuck" for step in plan.all_steps),
        coming=sum(step.paid > 0 for step in plan.all_steps),
    )


def table(rows: Sequence[PlanRow], plan: Plan) -> str:
    """Rows in columns, the sum under them, then the notes."""
    head = ("link", "length", "made by", "size", "starts on", "price", "state")
    body = [
        (
            row.link,
            f"{row.length_s:.4g} s",
            row.provider if row.provider == row.model else f"{row.provider} {row.model}",
            f"{row.size[0]}x{row.size[1]}" if row.frames else "sound",
            row.start or "its prompt",
            money(row.price_usd),
            _state(row),
        )
        for row in rows
    ]
    lines = _columns([head, *body]) if body else []
    return "\n".join([*lines, _sum(totals(plan)), *(f"note: {note}" for note in plan.notes)])


def _state(row: PlanRow) -> str:
    return row.why if row.to_make or row.state == "stuck" else "done"


def money(usd: Decimal | None) -> str:
    """A price for people."""
    return "unknown" if usd is None else "free" if usd == 0 else f"${usd:.2f}"


def sum_of(usd: Decimal, unpriced: int, what: str) -> str:
    """A sum for people, with the number of what has no known price."""
    if not unpriced:
        return money(usd)
    unknown = f"{counted(unpriced, what)} of unknown price"
    return f"{money(usd)} and {unknown}" if usd else unknown


def _columns(lines: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _sum(total: Totals) -> str:
    if total.links == 0:
        return "nothing to generate"
    stuck = f"; {counted(total.stuck, 'link')} to ask for again: `assembler takes reroll`"
    coming = f"; already asked for, at no further cost: {counted(total.coming, 'link')}"
    if total.to_make == 0 and not total.stuck and not total.coming:
        return f"all {counted(total.links, 'link')} done; nothing to pay"
    as_is = "as it is" if total.keepable == 1 else "as they are"
    kept = (
        f"; {counted(total.keepable, 'link')} ({money(total.keepable_usd)}) could be kept {as_is}: "
        "`assembler takes keep`"
        if total.keepable
        else ""
    )
    price = sum_of(total.price_usd, total.unpriced, "link")
    return (
        f"{total.to_make} of {counted(total.links, 'link')} to make, {total.seconds:g} s, "
        f"{price}{kept}{coming if total.coming else ''}"
        f"{stuck if total.stuck else ''}"
    )


def to_pay(plan: Plan) -> str:
    """What making everything would cost, in a few words."""
    return _sum(totals(plan))
