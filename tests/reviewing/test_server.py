"""The review on loopback: what it does for its own page, and refuses to everybody else."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from assembler.planning.ledger import submissions_made
from assembler.reviewing.desk import Desk
from assembler.reviewing.events import MOST_PAGES, Events
from assembler.reviewing.guard import MOST_BODY
from assembler.reviewing.server import serving
from assembler.reviewing.session import Session
from tests.servers.kit import serving as platform
from tests.servers.kling import Kling

SEAM = "walk.1>walk.2"


@dataclass
class Page:
    """What a browser with the page open can do."""

    address: str
    film: Path
    client: httpx.Client

    @property
    def origin(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def token(self) -> str:
        return urlsplit(self.address).path.strip("/")

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        return self.client.get(self.address + path, headers=headers)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("state").json()
        return found

    def post(
        self, verb: str, body: Mapping[str, Any], without: str = "", **headers: str
    ) -> httpx.Response:
        sent = {
            "origin": self.origin,
            "x-assembler-token": self.token,
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        sent.pop(without, None)
        content = json.dumps(body).encode()
        return self.client.post(self.address + verb, content=content, headers=sent)

    def nudge(self, **by: int) -> httpx.Response:
        return self.post("nudge", {"revision": self.state()["revision"], "seam": SEAM, **by})


def ended(page: Page) -> dict[str, Any]:
    """The job, once it has ended."""
    for _ in range(600):
        job: dict[str, Any] = page.state()["job"]
        if job["state"] != "running":
            return job
        time.sleep(0.1)
    raise AssertionError("the job goes on and on")


@pytest.fixture
def page(film: Path) -> Iterator[Page]:
    with serving(Session(Desk(film))) as address, httpx.Client(timeout=60) as client:
        yield Page(address, film, client)


@pytest.fixture(scope="module")
def quiet(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page for tests that change nothing."""
    folder = tmp_path_factory.mktemp("quiet") / "film"
    shutil.copytree(made, folder)
    film = folder / "tiny.yaml"
    with serving(Session(Desk(film))) as address, httpx.Client(timeout=60) as client:
        yield Page(address, film, client)


# -- what it does ----------------------------------------------------------------------------


def test_a_nudge_goes_into_the_timeline_and_back(page: Page) -> None:
    before = page.film.read_bytes()
    answer = page.nudge(end=-3).json()
    assert b"seams: {2: {keep_until: 22, start_from: 1}}" in page.film.read_bytes()
    assert answer["state"]["seams"][SEAM]["keep"] == 22
    assert answer["state"]["undo"] == f"{SEAM}: until frame 22, from frame 1"
    undone = page.post("undo", {}).json()
    assert page.film.read_bytes() == before
    assert undone["state"]["undo"] is None


def test_a_second_page_with_an_old_state_changes_nothing(page: Page) -> None:
    old = page.state()["revision"]
    page.nudge(end=-1)
    mine = page.film.read_bytes()
    answer = page.post("correct", {"revision": old, "seam": SEAM, "kind": "colour", "word": "off"})
    assert (answer.status_code, answer.json()["error"]) == (
        409, "tiny.yaml was changed on disk meanwhile",
    )  # fmt: skip
    assert page.film.read_bytes() == mine


def test_a_preview_is_told_as_it_goes_and_can_be_played(page: Page) -> None:
    with page.client.stream("GET", page.address + "events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": open"
        assert page.post("show", {"seam": SEAM}).status_code == 200
        jobs = []
        for line in lines:
            if line.startswith("data: ") and '"kind"' in line:
                jobs.append(json.loads(line[6:]))
                if jobs[-1]["state"] != "running":
                    break
    assert jobs[0]["state"] == "running"
    assert [job["share"] for job in jobs] == sorted(job["share"] for job in jobs)
    assert jobs[-1]["state"] == "done"
    clip = jobs[-1]["result"]["clip"]
    part = page.get(clip, range="bytes=4-7")
    assert (part.status_code, part.content, part.headers["content-type"]) == (
        206, b"ftyp", "video/mp4",
    )  # fmt: skip


def test_a_page_that_listens_late_hears_every_end_and_the_latest_progress() -> None:
    async def heard() -> list[str]:
        events = Events()
        stream = aiter(events.listen())
        await anext(stream)
        events.tell("changed", {"revision": "r"})
        for share in range(1000):
            events.tell("job", {"share": share}, "1 running")
        events.tell("job", {"state": "done"}, "1 done")
        return [(await anext(stream)).split("data: ")[1].strip() for _ in range(3)]

    expected = ['{"revision": "r"}', '{"share": 999}', '{"state": "done"}']
    assert asyncio.run(heard()) == expected


def test_what_others_change_is_told(page: Page) -> None:
    page.state()
    with page.client.stream("GET", page.address + "events") as stream:
        lines = stream.iter_lines()
        next(lines)
        time.sleep(1.2)
        text = page.film.read_text(encoding="utf-8").replace("A lake.", "A river.")
        page.film.write_text(text, encoding="utf-8")
        assert next(line for line in lines if line.startswith("event:")) == "event: changed"


def test_what_is_saved_while_a_state_is_told_changes_nothing_in_it(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(Desk(film))
    before = session.state()
    read = Path.read_bytes

    def saved_after(path: Path) -> bytes:
        text = read(path)
        if path == film:
            film.write_text("segments: [", encoding="utf-8")
        return text

    monkeypatch.setattr(Path, "read_bytes", saved_after)
    assert session.state() == before
    assert session.state()["error"]


RENDER = """
import sys
from pathlib import Path
from assembler.assemble.progress import Progress
from assembler.assemble.running import noting
from assembler.planning.project import Project

progress = Progress()
progress.listen(noting(Project(Path(sys.argv[1]))))
progress.expect("render", 100)
progress.advance("render", 40)
sys.stdin.read()
"""


def test_a_render_in_another_process_is_told_until_it_ends(page: Page) -> None:
    argv = [sys.executable, "-c", RENDER, str(page.film)]
    told: list[dict[str, Any]] = []
    with page.client.stream("GET", page.address + "events") as stream:
        lines = stream.iter_lines()
        with subprocess.Popen(argv, stdin=subprocess.PIPE) as render:
            for line in lines:
                if line == "event: elsewhere":
                    told.append(json.loads(next(lines)[6:]))
                    render.kill()
                    if len(told) == 2:
                        break
    assert (told[0]["stage"], told[0]["share"], told[0]["pid"]) == ("render", 0.4, render.pid)
    assert told[1] == {}


def test_mistakes_are_shown_until_they_are_mended(page: Page) -> None:
    good = page.film.read_text(encoding="utf-8")
    page.film.write_text(good.replace("prompt: A lake.", "promt: <b>"), encoding="utf-8")
    shown = page.get()
    assert shown.status_code == 200
    assert "unknown key &#x27;promt&#x27;" in shown.text
    assert "unknown key 'promt'" in page.state()["error"]
    page.film.write_text(good, encoding="utf-8")
    assert page.state()["error"] is None


def test_a_render_runs_from_the_page(page: Page) -> None:
    assert page.state()["to_pay"] is False
    assert page.post("make", {}).status_code == 200
    assert page.post("show", {"seam": SEAM}).json()["error"] == "a render is running"
    assert ended(page)["state"] == "done"
    assert (page.film.parent / "out" / "tiny.mp4").is_file()
    assert 'src="media/' in page.get().text


# -- money -----------------------------------------------------------------------------------


def test_nothing_is_spent_without_a_yes_to_the_very_price(page: Page) -> None:
    text = page.film.read_text(encoding="utf-8")
    paid = "provider: kling, model: kling-3.0, resolution: 1080p"
    text = text.replace("provider: animatic, model: animatic, resolution: 180p", paid)
    page.film.write_text(text, encoding="utf-8")
    state = page.state()
    assert state["to_pay"] is True
    price = state["price"]["usd"]
    assert float(price) > 0
    before = len(submissions_made(page.film.parent / ".assembler" / "ledger.sqlite"))
    for body in ({}, {"yes_usd": "0"}, {"yes_usd": "0.01"}, {"yes_usd": f"{price}1"}):
        answer = page.post("make", body)
        assert answer.status_code == 402
        assert state["price"]["words"] in answer.json()["error"]
    assert page.state()["job"] is None
    assert page.post("make", {"yes_usd": -1}).status_code == 400
    assert len(submissions_made(page.film.parent / ".assembler" / "ledger.sqlite")) == before


def test_marking_for_a_reroll_spends_nothing_and_names_the_price(page: Page) -> None:
    state = page.state()
    assert state["links"]["walk.2"]["reroll"] == "free"
    answer = page.post("reroll", {"revision": state["revision"], "link": "walk.2"}).json()
    assert answer["chosen"]["must"] == [{"link": "walk.2", "price_usd": "0"}]
    assert [row["link"] for row in answer["chosen"]["may"]] == ["walk.3"]
    assert answer["state"]["links"]["walk.2"]["state"] == "ready"
    page.post("undo", {})
    assert page.state()["links"]["walk.2"]["state"] == "done"


# -- who is refused --------------------------------------------------------------------------


def test_every_answer_forbids_what_the_page_does_not_need(quiet: Page) -> None:
    headers = quiet.get().headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'nonce-" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    for answer in (quiet.get(), quiet.get("state"), quiet.get("media/nothing")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers


def test_without_the_token_there_is_nothing(quiet: Page) -> None:
    wrong = f"{quiet.origin}/{'x' * len(quiet.token)}/"
    for address in (quiet.origin, f"{quiet.origin}/state", wrong, f"{wrong}state"):
        assert quiet.client.get(address).status_code == 404
    assert len(quiet.token) >= 40


def test_another_host_name_is_refused(quiet: Page) -> None:
    """DNS rebinding: the request reaches us, but under a name of somebody else's."""
    port = urlsplit(quiet.address).port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port}x"):
        assert quiet.get("state", host=host).status_code == 421
    assert quiet.get("state", host=f"localhost:{port}").status_code == 200


def test_two_hosts_are_none(quiet: Page) -> None:
    parts = urlsplit(quiet.address)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0)
    connection.putrequest("GET", parts.path, skip_host=True)
    connection.putheader("Host", parts.netloc)
    connection.putheader("Host", "evil.example")
    connection.endheaders()
    assert connection.getresponse().status in (400, 421)
    connection.close()


def test_other_sites_are_refused(quiet: Page) -> None:
    old = quiet.film.read_bytes()
    body = {"revision": quiet.state()["revision"], "seam": SEAM, "end": -1}
    assert quiet.get("state", origin="https://evil.example").status_code == 403
    assert quiet.get("", **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert quiet.get("media/x", **{"sec-fetch-site": "same-site"}).status_code == 403
    foreign = {"origin": "https://evil.example"}
    assert quiet.post("nudge", body, **foreign).status_code == 403
    assert quiet.post("nudge", body, origin="null").status_code == 403
    assert quiet.post("nudge", body, without="origin").status_code == 403
    assert quiet.post("nudge", body, without="x-assembler-token").status_code == 403
    assert quiet.post("nudge", body, x_assembler_token="y" * 43).status_code == 403
    assert quiet.post("nudge", body, content_type="text/plain").status_code == 415
    preflight = quiet.client.options(quiet.address + "nudge", headers=foreign)
    assert preflight.status_code == 403
    assert "access-control-allow-methods" not in preflight.headers
    assert quiet.film.read_bytes() == old


def test_changes_are_posted_only(quiet: Page) -> None:
    for verb in ("nudge", "undo", "make", "choose", "reroll", "stop"):
        assert quiet.get(verb).status_code == 405
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        assert quiet.client.request(method, quiet.address).status_code == 405


def test_no_path_leaves_the_project(quiet: Page) -> None:
    parts = urlsplit(quiet.address)
    for path in (
        "media/../../tiny.yaml", "media/..%2f..%2ftiny.yaml", "media/%2e%2e/%2e%2e/tiny.yaml",
        "media/%2fetc%2fpasswd", "media//etc/passwd", "../../../etc/passwd", "media/tiny.yaml",
        "media/..\\..\\tiny.yaml", "media/\0", "tiny.yaml", ".assembler/ledger.sqlite",
    ):  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0)
        target = (parts.path + path).replace("\0", "%00")
        connection.putrequest("GET", target, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status in (400, 404), path
        assert b"assembler: 1" not in answer.read()
        connection.close()


def test_a_link_out_of_the_project_is_not_followed(page: Page, tmp_path: Path) -> None:
    take = page.state()["links"]["walk.1"]["takes"][0]["clip"]
    assert page.get(take).status_code == 200
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"secret")
    clips = page.film.parent / ".assembler" / "takes"
    for clip in clips.glob("*.mp4"):
        clip.unlink()
        try:
            clip.symlink_to(secret)
        except OSError:
            pytest.skip("this system makes no links")
    assert page.get(take).status_code == 404


def test_huge_bodies_are_refused_unread(quiet: Page) -> None:
    words = {"revision": "x" * MOST_BODY, "seam": SEAM}
    assert quiet.post("reset", words).status_code == 413
    headers = {
        "origin": quiet.origin, "x-assembler-token": quiet.token,
        "content-type": "application/json",
    }  # fmt: skip
    parts = (b"[" * 4096 for _ in range(2 + MOST_BODY // 4096))
    chunked = quiet.client.post(quiet.address + "undo", content=parts, headers=headers)
    assert chunked.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        {"seam": SEAM}, {"revision": "x", "seam": SEAM, "end": 1.5},
        {"revision": "x", "seam": SEAM, "end": "1"}, {"revision": "x", "seam": 1},
        {"revision": "x", "seam": SEAM, "end": 10**9}, {"revision": "x", "seam": "s" * 301},
        {"revision": "x", "seam": SEAM, "path": "/etc/passwd"}, [],
    ],
)  # fmt: skip
def test_what_is_no_such_request_is_refused(quiet: Page, body: Any) -> None:
    assert quiet.post("nudge", body).status_code == 400


def test_words_of_the_timeline_run_no_script(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    shutil.copytree(made, folder)
    film = folder / "tiny.yaml"
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    text = film.read_text(encoding="utf-8")
    text = text.replace("title: Tiny", f"title: '{bad}'").replace("A lake.", f"'{bad}'")
    film.write_text(text, encoding="utf-8")
    with serving(Session(Desk(film))) as address, httpx.Client(timeout=60) as client:
        shown = client.get(address).text
        state = client.get(f"{address}state")
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert "</script><script>" not in shown
    assert state.headers["content-type"] == "application/json"


def test_too_many_pages_are_turned_away(quiet: Page) -> None:
    streams = [quiet.client.stream("GET", quiet.address + "events") for _ in range(MOST_PAGES + 1)]
    codes = []
    try:
        for stream in streams:
            codes.append(stream.__enter__().status_code)
    finally:
        for stream in streams[: len(codes)]:
            stream.__exit__(None, None, None)
    assert codes == [200] * MOST_PAGES + [503]


def test_a_yes_to_the_price_spends_that_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real way to a provider, which is on loopback; a second yes has nothing to buy."""
    film = tmp_path / "film" / "paid.yaml"
    film.parent.mkdir()
    film.write_text(
        "assembler: 1\ncanvas: {size: 160x90}\noutput: [{preset: web-720p, size: 160x90}]\n"
        "defaults: {provider: kling, model: kling-3.0, audio: 'off'}\n"
        "segments:\n  - {id: dawn, duration: 3s, prompt: Mist.}\n",
        encoding="utf-8",
    )
    with platform(Kling(tmp_path / "server", size=(160, 90))) as kling:
        monkeypatch.setenv("ASSEMBLER_KLING_URL", kling.url)
        monkeypatch.setenv("KLING_API_KEY", kling.key)
        with serving(Session(Desk(film))) as address, httpx.Client(timeout=60) as client:
            page = Page(address, film, client)
            price = page.state()["price"]["usd"]
            assert page.post("make", {"yes_usd": price}).status_code == 200
            assert ended(page)["state"] == "done"
            rows = submissions_made(film.parent / ".assembler" / "ledger.sqlite")
            assert [str(row.price_usd) for row in rows] == [price]
            assert page.state()["to_pay"] is False
