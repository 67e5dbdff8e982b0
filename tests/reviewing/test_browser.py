"""The review page in Chromium, by mouse and keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assembler.reviewing.desk import Desk
from assembler.reviewing.server import serving
from assembler.reviewing.session import Session
from tests.browser import PATIENCE_S, browser, until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")

SEAM = "walk.1>walk.2"
FIELD = f"[data-live-seam='{SEAM}']"
HASH = "#seam-walk.1--walk.2"
PATIENCE_MS = 1000 * PATIENCE_S
playwright.expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture
def page(chromium: Any, film: Path) -> Iterator[Any]:
    """The page of the film, opened at a seam; nothing may go wrong in its console."""
    wrong: list[str] = []
    with serving(Session(Desk(film))) as address:
        context = chromium.new_context()
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE_MS)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on(
            "console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None
        )
        opened.on(
            "request",
            lambda r: (
                None
                if r.url.startswith((address, "data:"))
                else wrong.append(f"{r.url} was asked for")
            ),
        )
        opened.goto(address + HASH)
        ready(opened)
        yield opened
        context.close()
    assert [text for text in wrong if "422" not in text and "409" not in text] == []


def ready(page: Any) -> None:
    playwright.expect(page.locator(FIELD)).to_be_enabled()


def wait_told(page: Any, words: str) -> None:
    told = page.locator("#live-told")
    playwright.expect(told).to_contain_text(words)


def test_a_nudge_by_mouse_survives_a_reload_and_is_undone(page: Any, film: Path) -> None:
    before = film.read_bytes()
    field = page.locator(FIELD)
    field.get_by_role("button", name="walk.1 ends one frame earlier").click()
    wait_told(page, "until frame 24")
    field.get_by_role("button", name="walk.2 begins one frame later").click()
    wait_told(page, "from frame 2")
    assert b"    seams: {2: {keep_until: 24, start_from: 2}}\n" in film.read_bytes()
    page.reload()
    ready(page)
    outs = [field.locator(f"[data-out={name}]").inner_text() for name in ("keep", "start")]
    assert outs == ["24", "2"]
    for words in ("from frame 2", "from frame 1"):
        page.locator("#live-undo").click()
        wait_told(page, words)
    assert film.read_bytes() == before
    assert page.locator("#live-undo").is_disabled()


def test_a_seam_is_changed_by_keyboard(page: Any, film: Path) -> None:
    earlier = page.locator(f"{FIELD} [data-act=end][data-by='-1']")
    earlier.focus()
    page.keyboard.press("Enter")
    wait_told(page, "until frame 24")
    page.keyboard.press("Space")
    wait_told(page, "until frame 23")
    page.locator(f"{FIELD} select[data-kind=colour]").focus()
    page.keyboard.press("End")
    wait_told(page, "colour off")
    assert b"{2: {keep_until: 23, start_from: 1, colour: off}}" in film.read_bytes()


def test_footage_is_trimmed_at_its_clip(page: Any, film: Path) -> None:
    row = page.locator("[data-live-trim='shot']")
    row.get_by_role("button", name="shot until one frame earlier").click()
    wait_told(page, "shot: from frame 0, until frame 23; clips that go on from it")
    playwright.expect(row.locator("[data-out=tail]")).to_have_text("23")
    assert b"out: 23f}   # footage" in film.read_bytes()
    page.locator("#live-undo").click()
    wait_told(page, "taken back: shot")
    playwright.expect(row.locator("[data-out=tail]")).to_have_text("24")


def test_what_the_clips_do_not_have_is_said(page: Any, film: Path) -> None:
    before = film.read_bytes()
    page.locator("[data-seam='shot>walk.1']").first.click()
    page.locator("[data-live-seam='shot>walk.1'] [data-act=end][data-by='1']").click()
    wait_told(page, "its segment ends at 24")
    assert film.read_bytes() == before


def test_the_part_around_a_seam_is_rendered_and_played(page: Any) -> None:
    page.locator(f"{FIELD} [data-act=show]").click()
    video = page.locator(f"{FIELD} video")
    video.wait_for(state="visible")
    until(lambda: video.evaluate("v => v.readyState > 1 && Math.abs(v.duration - 3) < 0.1"))
    first = video.get_attribute("src")
    page.locator(f"{FIELD} [data-act=end][data-by='-1']").click()
    playwright.expect(video).not_to_have_attribute("src", first)


def test_a_take_is_rerolled_compared_and_chosen(page: Any, film: Path) -> None:
    row = page.locator("[data-live-link='end.1']")
    row.locator("[data-act=reroll]").click()
    playwright.expect(page.locator("#live-ask-words")).to_contain_text("Making it is free.")
    page.locator("#live-ask-yes").click()
    wait_told(page, "end.1: a new take is asked for")
    playwright.expect(row.locator("[data-out=state]")).to_have_text("take 2 was asked for")
    page.locator("#live-make").click()
    row.locator("[data-act=compare]:enabled").click()  # the page comes back with the film
    assert (film.parent / "out" / "tiny.mp4").is_file()
    shown = page.locator("#live-takes figure")
    playwright.expect(shown).to_have_count(2)
    page.locator("#live-takes").get_by_role("button", name="Use take 1").click()
    page.locator("#live-ask-yes").click()
    wait_told(page, "end.1: take 1")
    assert [take.chosen for take in Desk(film).takes()["end.1"]] == [True, False]
    page.locator("#live-undo").click()
    wait_told(page, "taken back: end.1: take 1")
    assert [take.chosen for take in Desk(film).takes()["end.1"]] == [False, True]


def test_an_edit_elsewhere_reaches_the_page(page: Any, film: Path) -> None:
    text = film.read_text(encoding="utf-8")
    said = "continue: shot\n    seams: {2: {keep_until: 20, start_from: 1}}\n"
    film.write_text(text.replace("continue: shot\n", said), encoding="utf-8")
    kept = page.locator(f"{FIELD} [data-out=keep]")
    playwright.expect(kept).to_have_text("20")
    assert page.locator("#live-reload").is_visible()


def test_axe_finds_nothing(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe isn't installed")
    looked = axe.Axe()
    found = [violations(looked.run(page))]
    page.locator("[data-live-link='walk.2'] [data-act=reroll]").click()
    page.locator("#live-ask").wait_for()
    found.append(violations(looked.run(page)))
    page.locator("#live-ask-no").click()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    found.append(violations(looked.run(page)))
    assert found == [[], [], []]


def violations(result: Any) -> list[str]:
    return [
        json.dumps([v["id"], v["help"], [n["target"] for n in v["nodes"]]])
        for v in result.response["violations"]
    ]
