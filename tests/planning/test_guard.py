"""What the drift guard means for the plan."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from assembler.errors import PlanError
from assembler.match.decision import ColourFix, Correction
from assembler.match.trend import Drift
from assembler.planning.clips import Handed
from assembler.planning.guard import costs_more
from assembler.planning.model import Plan
from tests.planning.facts import planned

KLING = "defaults: {provider: kling, model: kling-3.0, resolution: 1080p}"


def _plan(folder: Path, dawn: str, more: str = "", top: str = "") -> Plan:
    text = f"{KLING}\n{top}\nsegments:\n  - {{id: dawn, prompt: Mist., {dawn}}}\n{more}"
    return planned(folder, text)[1]


def test_handed_links_are_guarded_within_the_limit(tmp_path: Path) -> None:
    """The segment's word is above the timeline's; what starts on nothing isn't guarded."""
    more = "  - {id: turn, duration: 5s, prompt: Turn., continue: dawn}\n"
    plan = _plan(tmp_path, "duration: 20s, drift: {limit: 2}", more, "drift: {limit: 6}")
    assert [s.link.drift_de for s in plan.steps] == [None, 2.0, 6.0]


def test_off_hands_on_as_planned(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "duration: 20s, drift: {anchor: off}")
    assert plan.link("dawn.2").drift_de is None
    assert plan.link("dawn.2").longer == ()


def test_guard_is_part_of_what_a_link_is(tmp_path: Path) -> None:
    """Another limit sends another image; going back finds the old take again."""
    keys = {
        said: [s.link.key for s in _plan(tmp_path, f"duration: 20s, drift: {said}").steps]
        for said in ("{anchor: off}", "{limit: 2}", "{limit: 4}", "{}")
    }
    assert len({first for first, _ in keys.values()}) == 1
    assert len({second for _, second in keys.values()}) == 3
    assert keys["{}"] == keys["{limit: 4}"]


def test_keep_until_is_the_frame_to_start_on_and_makes_nothing_stale(tmp_path: Path) -> None:
    more = "  - {id: turn, duration: 5s, prompt: Turn., continue: dawn%s}\n"
    plain = _plan(tmp_path, "duration: 10s", more % "")
    kept = _plan(tmp_path, "duration: 10s", more % ", seam: {keep_until: 200}")
    assert kept.link("turn.1").start_at_s == Fraction(199, 24)
    assert kept.link("turn.1").key == plain.link("turn.1").key


def test_a_word_on_one_seam_is_about_its_link_alone(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "duration: 40s, seams: {2: {keep_until: 200}}")
    assert [s.link.start_at_s for s in plan.steps] == [None, Fraction(199, 24), None]


def test_a_seam_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="segment dawn: it is made of 2 links, and has no seam 4"):
        _plan(tmp_path, "duration: 20s, seams: {4: {colour: off}}")


def test_last_link_may_be_longer(tmp_path: Path) -> None:
    """By up to three seconds, with what can be lost and what it costs."""
    last = _plan(tmp_path, "duration: 20s").link("dawn.2")
    assert [float(m.length_s) for m in last.longer] == [11, 12, 13]
    assert last.spare_s == Fraction(1, 24)
    assert last.longer[0].spare_s == Fraction(25, 24)
    assert last.longer[0].frames == 265
    assert last.price_usd is not None
    assert last.longer[0].price_usd == last.price_usd * 11 / 10


@pytest.mark.parametrize("dawn", ["duration: 30s", "duration: 10s"])
def test_nothing_is_longer_where_it_cannot_be(tmp_path: Path, dawn: str) -> None:
    """Links of the model's greatest length, and those that nothing is handed to."""
    plan = _plan(tmp_path, dawn)
    assert plan.steps[-1].link.longer == ()


def test_what_trimmed_tails_may_cost_is_said(tmp_path: Path) -> None:
    """For links to be made that cost something."""
    plan = _plan(tmp_path, "duration: 20s")
    assert list(costs_more(plan.steps)) == [
        "where tails have to be trimmed at handoffs, the last link of a segment is asked for a "
        "second more: usually $0.17 at most (dawn)"
    ]
    assert list(costs_more([replace(s, state="done") for s in plan.steps])) == []
    free = [replace(s, link=replace(s.link, price_usd=Decimal(0), longer=())) for s in plan.steps]
    assert list(costs_more(free)) == []


def test_what_was_handed_survives_json() -> None:
    matrix = tuple((float(n), 0.5, 0.25) for n in range(10))
    drift = Drift(1.0, 1.1, 0.9, 0.8)
    fix = Correction(ColourFix(matrix), sharpen=0.4)
    handed = Handed("a.1", "key", 7, Fraction(1, 24), "why", fix, matrix, 0.1, drift, drift)
    assert Handed.from_data(json.loads(json.dumps(handed.data()))) == handed
