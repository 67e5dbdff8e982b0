"""The page in a real browser: from disk, by keyboard and mouse, in dark and at phone width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assembler.checking.model import Check, Finding
from assembler.reporting.gather import gather
from assembler.reporting.page import page as page_of
from tests.browser import browser, needs_browser, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


pytestmark = needs_browser


@pytest.fixture(scope="module")
def chromium(html: Path) -> Iterator[Browser]:
    # Made before: while Playwright's loop runs, no other one can.
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def html(film: Path) -> Path:
    """The report of the film with two findings."""
    path = film.parent / "out" / "seen.html"
    findings = (
        Finding("error", "black", "A black frame.", "Render again.", 1.5, 36, segment="walk"),
        Finding("warning", "quiet", "It is quiet.", time_s=None),
    )
    report = replace(gather(film, path), check=Check(film.parent / "out" / "tiny.mp4", findings))
    path.write_text(page_of(report), encoding="utf-8")
    return path


class Opened:
    """A page, and what it said and asked for."""

    def __init__(self, chromium: Browser, path: Path, **context: Any) -> None:
        self.context = chromium.new_context(**context)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture
def opened(chromium: Browser, html: Path) -> Iterator[Opened]:
    found = Opened(chromium, html, viewport={"width": 1280, "height": 900})
    yield found
    found.context.close()


def _current(page: Page) -> str | None:
    return page.locator(".seam.current").get_attribute("data-seam")


def test_it_opens_from_disk_without_a_word_or_a_request(opened: Opened, html: Path) -> None:
    """Nothing on the console, nothing loaded, no script of its words run."""
    assert opened.said == []
    assert opened.requests == [html.as_uri()]
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.locator("h1").inner_text().startswith("</script>")


def test_timeline_goes_by_keyboard(opened: Opened) -> None:
    """Tab enters it once; arrows move, Enter opens, plus zooms."""
    page = opened.page
    page.locator("#lanes").focus()
    page.keyboard.press("ArrowRight")
    seen = []
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Home", "End"):
        page.keyboard.press(key)
        seen.append(page.evaluate("document.activeElement.closest('.lane').className"))
    assert seen == ["lane marks", "lane segments", "lane links", "lane links", "lane links"]
    assert page.evaluate("document.activeElement.dataset.link") == "end.1"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.seam") == "walk.1>walk.2"
    page.keyboard.press("Enter")
    until(lambda: page.evaluate("location.hash.startsWith('#seam-')"))
    assert _current(page) == "walk.1>walk.2"
    page.locator("#lanes").focus()
    before = page.locator(".inner").bounding_box()
    page.keyboard.press("+")
    after = page.locator(".inner").bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > 1.3 * before["width"]
    assert page.evaluate("document.querySelectorAll('#lanes a[tabindex=\"0\"]').length") == 1


def test_timeline_goes_by_mouse(opened: Opened) -> None:
    """A join opens its seam, the ruler sets the playhead, the slider zooms."""
    page = opened.page
    page.locator('a.join[data-seam="shot>walk.1"]').click()
    assert _current(page) == "shot>walk.1"
    ruler = page.locator("#ruler .track")
    box = ruler.bounding_box()
    assert box is not None
    ruler.click(position={"x": box["width"] / 2, "y": 5})
    left = page.evaluate("parseFloat(document.getElementById('playhead').style.left)")
    assert left == pytest.approx(50, abs=1)
    page.locator("#zoom").fill("2")
    times = "getComputedStyle(document.getElementById('lanes')).getPropertyValue('--zoom')"
    assert float(page.evaluate(times)) == 4


def test_a_seam_is_compared_in_every_way(opened: Opened) -> None:
    """Blink, slider, difference, loop and side by side, by buttons and by keys."""
    page = opened.page
    seam = page.locator(".seam.current")
    viewer = seam.locator(".viewer")
    for words, mode in (("Blink", "blink"), ("Slider", "slider"), ("Loop", "loop")):
        seam.get_by_role("button", name=words).click()
        assert viewer.get_attribute("data-mode") == mode
        assert seam.get_by_role("button", name=words).get_attribute("aria-pressed") == "true"
    page.locator("h1").click()
    page.keyboard.press("b")
    hidden = "document.querySelectorAll('.seam.current .stack .off').length"
    assert page.evaluate(hidden) == 1
    page.keyboard.press("w")
    seam.locator(".wipe input").fill("20")
    clip = "getComputedStyle(document.querySelector('.seam.current .stack .b')).clipPath"
    assert "20%" in page.evaluate(clip)
    page.locator("h1").click()
    page.keyboard.press("d")
    blend = "getComputedStyle(document.querySelector('.seam.current .stack .b')).mixBlendMode"
    assert page.evaluate(blend) == "difference"
    page.keyboard.press("s")
    assert viewer.get_attribute("data-mode") == "side"
    assert page.evaluate(hidden) == 0


def test_seams_follow_one_another(opened: Opened) -> None:
    """J and K, the buttons and the list all lead to a seam; one is shown at a time."""
    page = opened.page
    first = _current(page)
    page.keyboard.press("j")
    second = _current(page)
    assert first != second
    page.keyboard.press("k")
    assert _current(page) == first
    page.locator(".seam.current").get_by_role("button", name="Next").click()
    assert _current(page) == second
    page.locator(f'.ranked a[data-seam="{first}"]').click()
    assert _current(page) == first
    assert page.locator(".seam:visible").count() == 1


def test_the_film_plays_at_a_seam_and_at_a_finding(opened: Opened) -> None:
    """The delivered file is found beside the page; places are sought in it."""
    page = opened.page
    page.locator(".seam.current").get_by_role("button", name="Play it in the film").click()
    until(lambda: page.locator("#film").evaluate("film => film.currentTime > 0"))
    page.locator("#film").evaluate("film => film.pause()")
    page.locator("#checks a[data-time]").click()
    until(lambda: page.locator("#film").evaluate("f => Math.abs(f.currentTime - 1.5) < 0.05"))
    left = page.evaluate("parseFloat(document.getElementById('playhead').style.left)")
    assert left == pytest.approx(100 * 1.5 / 4, abs=1.5)
    assert opened.said == []
    assert page.evaluate("document.getElementById('no-film').hidden")


def test_a_film_that_was_moved_away_is_told(chromium: Browser, html: Path, tmp_path: Path) -> None:
    """The page alone still opens; playing says where the film is expected."""
    alone = tmp_path / "alone.html"
    alone.write_bytes(html.read_bytes())
    found = Opened(chromium, alone)
    assert found.said == []
    found.page.evaluate("window.report.seek(1)")
    found.page.locator("#no-film").wait_for(state="visible")
    assert "tiny.mp4" in found.page.locator("#no-film").inner_text()
    found.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_use_it(chromium: Browser, html: Path, scheme: Any, width: int) -> None:
    """axe finds nothing, and the page is no wider than the window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    size: Any = {"width": width, "height": 900}
    found = Opened(chromium, html, viewport=size, color_scheme=scheme)
    results = axe.Axe().run(found.page)
    assert results.violations_count == 0, results.generate_report()
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    found.context.close()
