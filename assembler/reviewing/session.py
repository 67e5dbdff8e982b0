"""
One review: what the page asks for and does, apart from how it is sent.

    session = Session(Desk(Path("film.yaml")))
    session.state()                             # what the page's script has to know
    session.start_preview("dawn.1>dawn.2")      # told to all pages as it goes on
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict
from decimal import ROUND_UP, Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from assembler.assemble.film import render
from assembler.assemble.progress import Progress
from assembler.assemble.running import running
from assembler.assemble.takes import TakeFacts
from assembler.assemble.walk import costs_money
from assembler.errors import AssemblerError, UsageError
from assembler.planning.explain import money, to_pay
from assembler.planning.ledger import Ledger
from assembler.planning.model import Plan
from assembler.reporting.gather import report_of
from assembler.reporting.model import Live, Report
from assembler.reporting.page import page
from assembler.reviewing.clips import Clips
from assembler.reviewing.desk import Desk
from assembler.reviewing.events import Events
from assembler.reviewing.files import stamps
from assembler.reviewing.jobs import Job, Jobs
from assembler.reviewing.preview import preview
from assembler.reviewing.said import own_word
from assembler.reviewing.view import Price, View

FOLLOW_S = 1.0
"""Between looks at files that others may change."""


class PriceError(AssemblerError):
    """Something would be paid that nobody has said yes to."""

    exit_code = 7


class Session:
    """A timeline under review; its methods may be called from several threads."""

    def __init__(self, desk: Desk, *, allow_code: bool = False) -> None:
        self.desk = desk
        self.allow_code = allow_code
        self.events = Events()
        self.jobs = Jobs(self._tell_job)
        self.clips = Clips(desk.project, secrets.token_hex(16))
        self._building = threading.Lock()
        self._report: tuple[tuple[object, ...], Report] | None = None
        self._seen: tuple[Path, ...] = (desk.project.timeline,)
        self._ended = threading.Event()

    def close(self) -> None:
        """End all streams and the job that runs."""
        self._ended.set()
        self.events.close()
        self.jobs.stop()

    def _tell_job(self, job: Job) -> None:
        self.events.tell("job", job.data(), f"{job.number} {job.state}")

    def follow(self) -> None:
        """Tell pages of what is changed elsewhere (an editor, a command), until it is closed."""
        before, elsewhere = self._stamps(), running(self.desk.project)
        while not self._ended.wait(FOLLOW_S):
            if not self.events.heard:
                continue
            now, there = self._stamps(), running(self.desk.project)
            if now != before:
                self.events.tell("changed", {"revision": self.state()["revision"]})
            if there != elsewhere:
                self.events.tell("elsewhere", asdict(there) if there else {})
            before, elsewhere = now, there

    def _stamps(self) -> list[object]:
        """What tells whether the timeline's files or what is kept of it were written."""
        ledger = self.desk.project.ledger
        return stamps(*self._seen, ledger, ledger.with_name(f"{ledger.name}-wal"))

    # -- the page --------------------------------------------------------------------------

    def page(self, nonce: str) -> str:
        """
        The report with controls.

        Raises:
            AssemblerError: If the timeline has mistakes.
        """
        view, report = self.report()
        film = view.prepared.deliveries[0].path if report.film else None
        live = Live(
            template=_asset("live.html"),
            script=_asset("live.js"),
            style=_asset("live.css"),
            nonce=nonce,
            film=f"media/{self.clips.put(film)}" if film else "",
            data={"draft": self.desk.draft},
        )
        return page(report, live)

    def report(self) -> tuple[View, Report]:
        """
        What the page shows; made anew only when something in it has changed.

        Raises:
            AssemblerError: If the timeline has mistakes.
        """
        view = self.desk.view(measured=True)
        key = (view.revision, *stamps(*(d.path for d in view.prepared.deliveries)))
        with self._building:
            if self._report is None or self._report[0] != key or view.cut is None:
                self._report = key, report_of(view.prepared, self.desk.project.root / "review.html")
            return view, self._report[1]

    # -- what the script knows -------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """The timeline as it stands; what is wrong with it, if anything is."""
        job = self.jobs.job
        steps = self.desk.history.steps()
        common = {
            "job": job.data() if job else None,
            "undo": steps[-1].words if steps else None,
            "draft": self.desk.draft,
        }
        try:
            view = self.desk.view()
        except AssemblerError as error:
            return {**common, "error": str(error), "revision": ""}
        self._seen = (*view.texts, *view.others)
        price = view.price()
        return {
            **common,
            "error": None,
            "revision": view.revision,
            "seams": {id_: _seam(view, id_) for id_ in view.places},
            "footage": {
                id_: {"in": clip.in_frame, "out": clip.out_frame}
                for id_, clip in view.footage.items()
            },
            "links": self._links(view),
            "price": {
                "usd": f"{price.usd:f}",
                "most": f"${price.usd.quantize(Decimal('0.01'), ROUND_UP)}",
                "unpriced": price.unpriced,
                "words": price.words,
            },
            "to_pay": costs_money(view.prepared.plan),
        }

    def _links(self, view: View) -> dict[str, Any]:
        takes = self.desk.takes(view)
        return {
            step.link.id: {
                "state": step.state,
                "why": step.why,
                "reroll": money(step.link.price_usd),
                "takes": [self._take(take) for take in takes.get(step.link.id, ())],
            }
            for step in view.prepared.plan.all_steps
        }

    def _take(self, take: TakeFacts) -> dict[str, Any]:
        clip = self.clips.put(take.path) if take.path else ""
        return {
            "number": take.number,
            "chosen": take.chosen,
            "state": take.state,
            "cost": money(take.cost_usd),
            "clip": f"media/{clip}" if clip else "",
        }

    def compare(self, link: str) -> dict[str, Any]:
        """A link's takes with how well each fits between its neighbours, the best first."""
        ranked = self.desk.compare(link)
        return {
            "link": ranked.link,
            "takes": [
                {
                    "number": take.number,
                    "chosen": take.chosen,
                    "cost": round(take.cost, 2),
                    "reasons": list(take.reasons),
                    "clip": f"media/{self.clips.put(take.path)}",
                }
                for take in ranked.takes
            ],
        }

    # -- work ------------------------------------------------------------------------------

    def start_preview(self, seam: str) -> Job:
        """
        Render what lies around a seam.

        Raises:
            UsageError: If a render is running, or there is no such seam.
        """
        if seam not in self.desk.view().places:
            raise UsageError(f"there is no seam {seam!r} in the picture track")

        def work(progress: Progress, cancel: threading.Event) -> Mapping[str, Any]:
            view = self.desk.view(measured=True)
            shown = preview(
                view, seam, allow_code=self.allow_code, progress=progress, cancel=cancel
            )
            clip = f"media/{self.clips.put(shown.path)}"
            return {
                "clip": clip, "seam": seam, "at_s": shown.at_s, "seconds": shown.seconds,
                "revision": view.revision,
            }  # fmt: skip

        return self.jobs.start("preview", seam, work)

    def start_render(self, agreed_usd: Decimal | None) -> Job:
        """
        Make the film, and what is missing for it.

        Args:
            agreed_usd: What the user has said yes to, as it was shown; None where nothing costs.

        Raises:
            PriceError: If it costs something else than that.
            UsageError: If a render is running.
        """
        view = self.desk.view()
        price = view.price()
        if costs_money(view.prepared.plan):
            _check_agreed(price, agreed_usd)
        project = self.desk.project
        with Ledger(project.ledger, timeline=project.timeline.name) as ledger:
            budget = ledger.committed_usd() + price.usd

        def confirm(plan: Plan) -> bool:
            if plan.price_usd > price.usd:
                raise PriceError(f"the price has changed: {to_pay(plan)}", fix="look at it again.")
            return True

        def work(progress: Progress, cancel: threading.Event) -> Mapping[str, Any]:
            made = render(
                self.desk.timeline,
                draft=self.desk.draft,
                provider=self.desk.provider,
                budget_usd=budget,
                allow_code=self.allow_code,
                confirm=confirm,
                progress=progress,
                cancel=cancel,
            )
            return {"text": made.text(), "warnings": list(made.warnings)}

        return self.jobs.start("render", self.desk.project.timeline.name, work)


def _check_agreed(price: Price, agreed_usd: Decimal | None) -> None:
    if price.unpriced:
        raise PriceError(
            f"{price.words}, so nobody can say yes to a price here",
            fix="make these clips with `assembler generate`, which asks.",
        )
    if agreed_usd is None or agreed_usd != price.usd:
        raise PriceError(f"this would cost money: {price.words}", fix="say yes to that price.")


def _seam(view: View, id_: str) -> dict[str, Any]:
    place = view.places[id_]
    own = own_word(view, place)
    said = own.model_dump(exclude_unset=True) if own else {}
    return {
        "keep": place.keep,
        "start": place.start,
        "most": place.most,
        "last": place.last,
        "frame": place.frame,
        "said": said,
    }


def _asset(name: str) -> str:
    return files("assembler.reviewing").joinpath(name).read_text(encoding="utf-8")
