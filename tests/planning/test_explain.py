"""The plan as people and programs read it."""

from __future__ import annotations

import json
from pathlib import Path

from assembler.planning.build import with_states
from assembler.planning.explain import rows, table, totals
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
    plan = with_states(plan, {plan.link("dawn.1").key})
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


def test_what_changes_nothing_yet_is_said(tmp_path: Path) -> None:
    """A key that is accepted does something, or the plan says that it doesn't."""
    text = """
segments:
  - {id: a, duration: 2s, prompt: Mist., takes: 2}
  - {id: b, duration: 2s, prompt: Mist., continue: a, seam: {patch: auto}}
"""
    notes = planned(tmp_path, text)[1].notes
    assert any(n.startswith("b: `seam: {patch: auto}` changes nothing yet") for n in notes)
    assert "a: 2 takes asked for; one is made at a time" in notes
