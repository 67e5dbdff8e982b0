"""The plan as people and programs read it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from assembler.planning.build import with_states
from assembler.planning.explain import rows, table, to_pay, totals
from assembler.planning.model import OlderTake, Shelf
from tests.planning.facts import planned

TEXT = """
defaults: {provider: kling, model: kling-3.0, resolution: 1080p}
segments:
  - {id: dawn, duration: 20s, prompt: Mist.}
  - {id: odd, duration: 5s, prompt: Odd., provider: comfyui}
"""


def test_the_table_says_what_is_made_waited_for_and_paid(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEXT)[1]
    assert table(rows(plan), plan).splitlines() == [
        "link    length  made by            size       starts on      price    state",
        "dawn.1  10 s    kling kling-3.0    1920x1080  its prompt     $1.68    new: no take yet",
        "dawn.2  10 s    kling kling-3.0    1920x1080  end of dawn.1  $1.68    waits for dawn.1",
        "odd.1   5 s     comfyui kling-3.0  1920x1080  its prompt     unknown  new: no take yet",
        "3 of 3 links to make, 25 s, $3.36 and 1 link of unknown price",
    ]


def test_what_is_done_costs_nothing_more(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEXT)[1]
    plan = with_states(plan, Shelf({plan.link("dawn.1").key: frozenset({1})}))
    total = totals(plan)
    assert (
        total.links,
        total.to_make,
        total.seconds,
        f"{total.price_usd:.2f}",
        total.unpriced,
    ) == (3, 2, 15.0, "1.68", 1)


def test_rows_are_json(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEXT)[1]
    data = json.loads(json.dumps([row.data() for row in rows(plan)]))
    assert {"link": "dawn.2", "after": ["dawn.1"], "price_usd": "1.680"}.items() <= data[1].items()


def test_a_film_of_files_has_nothing_to_generate(tmp_path: Path) -> None:
    text = "segments: [{id: a, url: 'https://example.org/a.mp4'}]"
    plan = planned(tmp_path, text)[1]
    assert table(rows(plan), plan).startswith("nothing to generate\nnote: a: https://")


def test_several_takes_are_priced_together(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEXT.replace("model: kling-3.0", "model: kling-3.0, takes: 3"))[1]
    one = plan.link("dawn.1")
    assert one.takes == 3
    assert one.price_usd is not None
    assert rows(plan)[0].price_usd == 3 * one.price_usd
    there = with_states(plan, Shelf({one.key: frozenset({1, 3})}))
    first = rows(there)[0]
    assert (first.state, first.to_make, first.price_usd) == ("done", 1, one.price_usd)
    assert first.why == "2 of 3 takes are there"


def test_what_goes_on_from_another_take_may_be_kept(tmp_path: Path) -> None:
    """Choosing another take makes another link of what starts on it, and of nothing else."""
    _, before = planned(tmp_path, TEXT)
    keys = {step.link.id: step.link.key for step in before.steps}
    after = planned(tmp_path, TEXT, chosen={keys["dawn.1"]: 2})[1]
    changed = {s.link.id for s in after.steps if s.link.key != keys[s.link.id]}
    assert "dawn.2" in changed
    assert "dawn.1" not in changed
    older = {
        s.link.id: OlderTake(keys[s.link.id], 1, s.link.asked_key)
        for s in after.steps
        if s.link.id in changed
    }
    on_disk = {key: frozenset({1, 2}) for id_, key in keys.items() if id_ not in changed}
    found = {
        row.link: row
        for row in rows(with_states(after, Shelf(on_disk, {keys["dawn.1"]: 2}, older)))
    }
    assert found["dawn.1"].redo == "no"
    assert found["dawn.2"].redo == "may"
    assert "keep its older take" in found["dawn.2"].why


def test_what_is_asked_for_otherwise_must_be_made(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEXT)[1]
    older = OlderTake("0" * 32, 1, "another", ("the prompt",))
    row = rows(with_states(plan, Shelf({}, {}, {"dawn.1": older})))[0]
    assert (row.redo, row.why) == ("must", "the prompt has changed")
    both = replace(older, changed=("the prompt", "the length"))
    row = rows(with_states(plan, Shelf({}, {}, {"dawn.1": both})))[0]
    assert row.why == "the prompt and the length have changed"


def test_one_link_could_be_kept_as_it_is(tmp_path: Path) -> None:
    """And several as they are."""
    plan = planned(tmp_path, TEXT)[1]
    older = {s.link.id: OlderTake("0" * 32, 1, s.link.asked_key) for s in plan.steps[:2]}
    for count, words in ((1, "1 link ($"), (2, "2 links ($")):
        some = dict(list(older.items())[:count])
        said = to_pay(with_states(plan, Shelf({}, {}, some)))
        assert f"; {words}" in said
        assert f"could be kept {'as it is' if count == 1 else 'as they are'}: `" in said


def test_what_has_no_known_price_is_not_called_free(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEXT.replace("  - {id: dawn, duration: 20s, prompt: Mist.}\n", ""))[1]
    assert to_pay(plan) == "1 of 1 link to make, 5 s, 1 link of unknown price"
