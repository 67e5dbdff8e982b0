"""The report as data and as a page: what it says of a film, and that it is one safe file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import assembler
from assembler.assemble.generating import fetch
from assembler.checking.model import Check, Finding
from assembler.errors import OutputExistsError
from assembler.reporting.gather import gather
from assembler.reporting.model import Live, Report
from assembler.reporting.page import page as page_of
from assembler.reporting.page import within
from assembler.spec.load import load
from tests.films import write_shot
from tests.reporting.conftest import CLIP, PROMPT, TITLE
from tests.servers.files import Behaviour, serving


@pytest.fixture(scope="module")
def report(film: Path) -> Report:
    return gather(film, film.parent / "out" / "report.html")


class _Page(HTMLParser):
    """Tags, attributes and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name)) is not None]


def test_a_film_that_is_not_generated_is_told_as_planned(project: Path) -> None:
    """Lengths are those of the plan, and nothing is made for the report."""
    found = gather(project, project.parent / "report.html")
    assert found.state == "planned"
    assert found.frames == 96
    assert "3 clips are not generated yet: walk.1, walk.2, end.1." in found.missing[0]
    assert [link.state for link in found.links] == ["there", "ready", "waiting", "ready"]
    assert [join.kind for join in found.joins] == ["seam", "seam", "cut"]
    assert not (project.parent / ".assembler" / "takes").exists()
    text = page_of(found)
    assert "Not final." in text
    assert 'class="block link absent"' in text


def test_joins_seams_and_clips_are_those_of_the_film(report: Report) -> None:
    """A seam into the chain, one within it, a cut."""
    assert report.state == "delivered"
    assert [join.kind for join in report.joins] == ["seam", "seam", "cut"]
    assert [seam.id for seam in report.seams] == ["shot>walk.1", "walk.1>walk.2"]
    assert sorted(seam.rank for seam in report.seams) == [1, 2]
    assert [link.stop for link in report.links] == [24, 48, 72, 96]
    assert report.links[2].started.startswith("started on frame 24 of walk.1")
    assert report.money.spent_usd == 0
    assert [lane.name for lane in report.lanes] == ["titles", "native", "voice", "music"]


def test_a_seam_shows_both_sides_as_they_came_and_as_joined(report: Report) -> None:
    """The first frame after the join is the one that follows the repeated one."""
    seam = report.seams[1]
    assert seam.sight is not None
    first, last = seam.sight.first, seam.sight.last
    assert (last.number + 1, first.number) == (seam.keep_until, seam.start_from)
    assert [frame.number for frame in seam.sight.came if frame.after] == [0, 1, 2, 3]
    assert next(f.number for f in seam.sight.joined if f.after) == seam.start_from
    assert len(seam.sight.colour_joined.values) > seam.sight.colour_joined.join


def test_the_line_that_overrides_a_seam_gives_the_same_seam(
    film: Path, report: Report, tmp_path: Path
) -> None:
    """Put under its segment, it is read, and says what was decided."""
    for seam in report.seams:
        text = film.read_text(encoding="utf-8")
        text = text.replace(f"id: {seam.segment},", f"id: {seam.segment}, {seam.override},", 1)
        changed = film.with_name("changed.yaml")
        changed.write_text(text, encoding="utf-8")
        segment = load(changed).timeline.segment(seam.segment)
        number = int(seam.after.rpartition(".")[2])
        said = segment.seams[number]
        changed.unlink()
        assert (said.keep_until, said.start_from) == (seam.keep_until, seam.start_from)


def test_the_mix_is_drawn_as_it_is_delivered(report: Report) -> None:
    """Waveforms by role at the film's level, ducking, loudness near its target."""
    mix = report.mix
    assert mix is not None
    assert set(mix.peaks) == {"native", "voice", "music"}
    assert max(mix.ducked_db) == pytest.approx(6, abs=0.1)
    assert mix.lufs == pytest.approx(mix.target_lufs, abs=0.5)
    assert all(0 <= peak <= 1.5 for peak in mix.peaks["voice"])


def test_a_chain_has_its_drift_and_pictures(report: Report) -> None:
    """One hand-over within the segment, measured when it was made."""
    (chain,) = report.chains
    assert chain.links == ("walk.1", "walk.2")
    assert [point.link for point in chain.points] == ["walk.1"]
    assert [link for link, _ in chain.pictures] == ["walk.1", "walk.2"]


def test_words_from_outside_are_words(report: Report) -> None:
    """Script in a title, a prompt, a file name and a finding is shown and never run."""
    bad = Finding("error", "black", "<script>hack()</script>", "<img onerror=hack()>", 0.5, 12)
    text = page_of(_with(report, check=Check(Path("x.mp4"), (bad,))))
    read = _Page(text)
    assert sum(tag == "script" for tag, _ in read.tags) == 2
    assert not any(name.startswith("on") for _, attrs in read.tags for name in attrs)
    assert "svg onload" not in " ".join(tag for tag, _ in read.tags)
    shown = "".join(read.words)
    assert TITLE in shown
    assert PROMPT in shown
    assert CLIP in shown
    assert "<script>hack()</script>" in shown
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["frames"] == 96


def test_page_needs_nothing_but_itself(report: Report) -> None:
    """No address leads out of it but the film's, and only its own script may run."""
    text = page_of(report)
    read = _Page(text)
    outside = [src for src in read.values("src") if not src.startswith("data:")]
    assert outside == ["tiny.mp4"]
    assert all(href.startswith(("#", "data:,")) for href in read.values("href"))
    assert "url(" not in text
    assert "@import" not in text
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    (policy,) = [v for v in read.values("content") if v.startswith("default-src")]
    assert f"script-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_every_jump_has_its_place(report: Report) -> None:
    """Links within the page lead somewhere; everything has its data attribute."""
    whole = Finding("error", "loudness", "It is too quiet.")
    placed = Finding("warning", "click", "A click.", "", 1.0, 24, segment="walk")
    read = _Page(page_of(_with(report, check=Check(Path("x.mp4"), (whole, placed)))))
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in read.values("href") if href.startswith("#")} <= set(ids)
    marks = [attrs["href"] for _, attrs in read.tags if attrs.get("class") == "finding warning"]
    assert marks == ["#finding-2"]
    assert {"shot>walk.1", "walk.1>walk.2"} <= set(read.values("data-seam"))
    assert {"shot", "walk", "end"} <= set(read.values("data-segment"))
    assert {"shot", "walk.1", "walk.2", "end.1"} <= set(read.values("data-link"))
    assert {"walk.1.1", "walk.2.1", "end.1.1"} <= set(read.values("data-take"))


def test_pictures_say_what_they_show(report: Report) -> None:
    """Every picture and drawing has words, or is marked as decoration."""
    read = _Page(page_of(report))
    for tag, attrs in read.tags:
        if tag == "img":
            assert attrs.get("alt") is not None
        if tag == "svg":
            assert attrs.get("aria-label") or attrs.get("aria-hidden") == "true"


def test_live_page_has_actions_in_every_seam_link_and_take(report: Report) -> None:
    """A server's controls stand in their places; its data and script come with it."""
    template = "".join(
        f"{{% macro {name}({args}) %}}<b>{name}</b>{{% endmacro %}}"
        for name, args in (("bar", "r"), ("seam", "s"), ("link", "k"), ("take", "k, t"))
    )
    live = Live(template, "live()", nonce="n0", film="/media/1", data={"token": "</script>"})
    text = page_of(report, live)
    counts = {name: text.count(f"<b>{name}</b>") for name in ("bar", "seam", "link", "take")}
    assert counts == {"bar": 1, "seam": 2, "link": 4, "take": 3}
    assert "Content-Security-Policy" not in text
    assert '<script nonce="n0">live()</script>' in text
    assert 'src="/media/1"' in text
    assert '"token": "\\u003c/script\\u003e"' in text


def test_a_large_film_keeps_the_pictures_of_its_worst_seams(report: Report) -> None:
    """Where there is no room for all, the others say so."""
    worst = min(report.seams, key=lambda seam: seam.rank)
    assert worst.sight is not None
    sight = worst.sight
    frames = [sight.last, sight.first, sight.first_came, *sight.came, *sight.joined]
    room = sum(len(frame.picture.src) for frame in frames if frame) + 1000
    left = within(report.seams, room)
    assert [seam.sight is not None for seam in left] == [seam.rank == 1 for seam in report.seams]
    other = next(seam for seam in left if seam.rank == 2)
    assert other.left_out == "the 1 worst of 2 seams have theirs"


def test_a_changed_timeline_is_told_as_out_of_date(film: Path) -> None:
    """The page shows what a render would make now."""
    text = film.read_text(encoding="utf-8")
    changed = film.with_name("other.yaml")
    changed.write_text(text.replace("shot+0.25s", "shot+0.5s"), encoding="utf-8")
    found = gather(changed, film.with_name("report.html"))
    changed.unlink()
    assert found.state == "decided"
    assert found.deliveries[0].state == "out of date"
    assert found.film == ""
    assert "out of date" in found.missing[0]


def test_report_replaces_its_own_file_and_no_other(film: Path, page: Path, tmp_path: Path) -> None:
    """Written again it is replaced; another file stays."""
    assert page == film.parent / "out" / "tiny-report.html"
    assert assembler.report(film).path == page
    other = tmp_path / "holiday.html"
    other.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputExistsError):
        assembler.report(film, other)
    assert other.read_text(encoding="utf-8") == "mine"


def test_report_never_replaces_what_the_film_is_made_of(film: Path) -> None:
    """Not even by force."""
    clip = film.parent / "media" / CLIP
    before = clip.stat().st_size
    with pytest.raises(OutputExistsError, match="is read for this film"):
        assembler.report(film, clip, force=True)
    assert clip.stat().st_size == before


def _with(report: Report, check: Check) -> Report:
    return replace(report, check=check)


def test_a_report_shows_no_secrets_of_an_address(tmp_path: Path) -> None:
    timeline, clip = tmp_path / "film.yaml", tmp_path / "shot.mp4"
    write_shot(clip, (160, 96), 12)
    with serving(Behaviour(clip.read_bytes())) as server:
        url = f"{server}/shot.mp4?sig=SECRET"
        timeline.write_text(f"assembler: 1\nsegments: [{{id: a, url: '{url}'}}]\n")
        fetch(timeline)
    text = page_of(gather(timeline, tmp_path / "report.html"))
    assert f"{server}/shot.mp4" in text
    assert "SECRET" not in text
