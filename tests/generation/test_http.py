from __future__ import annotations

import base64
import logging
import socket
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import anyio
import pytest

from assembler.errors import UsageError
from assembler.generation.http import Answer, Api, Limits, base_url
from assembler.generation.keys import Key
from assembler.generation.refusals import (
    ExpiredError,
    NotSubmittedError,
    ProviderError,
    Refusal,
    ThrottledError,
)
from assembler.web import retry_after
from tests.servers import files
from tests.servers.kit import Call, Fault, Platform, Reply, route, serving

SECRET = "sk-9f3c0d1e2b4a"
QUICK = Limits(wait_s=0.02)
HASTY = Limits(silence_s=1.0, wait_s=0.02)
"""For servers that hang: to any other, a busy machine may take longer."""


class Plain(Platform):
    """A platform of two calls, and files that misbehave."""

    name = "plain"
    reply: Reply = Reply(200, {"job": "j1"})
    leads_to = ""
    """Where all redirects lead."""

    @route("POST", "/make", stage="submit")
    def make(self, call: Call) -> Reply:
        self.jobs[str(len(self.jobs))] = None  # type: ignore[assignment]  # only counted here
        return self.reply

    @route("GET", "/state", stage="poll")
    def state(self, call: Call) -> Reply:
        return self.reply

    @route("GET", "/file/{what}", stage="download")
    def file(self, call: Call, what: str) -> Reply:
        if what == "clip":
            return Reply(200, bytes(range(256)) * 40)
        if what == "gone":
            return Reply(403, b"")
        count = int(what)
        to = f"/file/{count - 1}" if count else f"{self.url}/file/clip?sign=1"
        to = self.leads_to or to
        return Reply(302, b"", {"Location": to})

    @route("PUT", "/store/{name}", stage="upload")
    def store(self, call: Call, name: str) -> Reply:
        self.keep(call.body, ".png")
        return Reply(200, b"")

    def refusal(self, fault: Fault) -> Reply:
        reply = super().refusal(fault)
        return Reply(reply.status, reply.body, {"Retry-After": "0.2"})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Plain]:
    with serving(Plain(tmp_path)) as platform:
        platform.hang_s = 30.0
        yield platform


def _api(url: str, **more: Any) -> Api:
    key = Key("PLAIN_KEY", SECRET)
    return Api(
        "plain", url, sign=lambda path: {"Authorization": f"Bearer {key.reveal()}"}, keys=[key],
        limits=more.pop("limits", QUICK), **more,
    )  # fmt: skip


def _run(api: Api, work: Callable[[], Awaitable[Any]]) -> Any:
    async def closed() -> Any:
        try:
            return await work()
        finally:
            await api.aclose()

    return anyio.run(closed)


def _post(api: Api) -> Answer:
    answer = _run(api, lambda: api.post_once("/make", json={"prompt": "sea"}))
    assert isinstance(answer, Answer)
    return answer


def _get(api: Api, to: Path, what: str, url: str = "") -> bytes:
    _run(api, lambda: api.download(f"{url or api.url}/file/{what}", to))
    return to.read_bytes()


@pytest.mark.parametrize(
    "fault", ["reset_before", "reset_after", "error_before", "error_after", "hang",
              "malformed", "malformed_after"],
)  # fmt: skip
def test_submission_is_sent_once_whatever_happens(server: Plain, fault: Fault) -> None:
    """Nobody can tell from these whether a job was made."""
    server.faults.add("submit", fault)
    with pytest.raises(ProviderError) as caught:
        _post(_api(server.url, limits=HASTY if fault == "hang" else QUICK))
    assert not isinstance(caught.value, NotSubmittedError)
    assert [call.path for call in server.calls] == ["/make"]


def test_refused_connection_proves_that_no_job_was_made() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NotSubmittedError, match=r"the connection to http://127\.0\.0\.1"):
            _post(_api(f"http://127.0.0.1:{taken.getsockname()[1]}"))


@pytest.mark.parametrize("proxy", ["htp://127.0.0.1:1", "socks9://127.0.0.1:1"])
def test_proxy_that_is_none_proves_that_no_job_was_made(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(NotSubmittedError, match="the proxy of this machine's settings") as caught:
        _post(_api("https://api.example.invalid"))
    assert "set HTTPS_PROXY" in caught.value.fix
    api = _api("https://api.example.invalid")
    with pytest.raises(ProviderError, match="the proxy of this machine's settings"):
        _run(api, lambda: api.ask("GET", "/state"))


def test_key_for_this_machine_goes_through_no_proxy(
    server: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Plain(tmp_path / "proxy")) as proxy:
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        _post(_api(server.url))
        assert proxy.calls == []
    assert len(server.jobs) == 1


def test_result_is_asked_of_a_proxy_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is held against what the proxy was asked for."""
    real = socket.getaddrinfo
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 0))]

    def asked(host: str, *args: Any, **more: Any) -> Any:
        return real(host, *args, **more) if host == "127.0.0.1" else public

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    behaviour = files.Behaviour(b"")
    with files.serving(behaviour) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        api = _api("https://api.example.org")
        with pytest.raises(ProviderError, match="502"):
            _get(api, tmp_path / "a.mp4", "clip", "https://clips.example.org")
    assert {path for path, _ in behaviour.requests} == {"clips.example.org:443"}


def test_submission_is_never_redirected(server: Plain) -> None:
    server.reply = Reply(307, b"", {"Location": "/make?again=1"})
    with pytest.raises(NotSubmittedError, match="307: it redirects"):
        _post(_api(server.url))
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("status", "trouble"),
    [(400, "parameter"), (401, "auth"), (402, "balance"), (403, "permission"), (422, "parameter")],
)
def test_refusal_of_a_submission_says_what_to_do(server: Plain, status: int, trouble: str) -> None:
    server.reply = Reply(status, {"error": {"message": "no\n  way"}})
    with pytest.raises(NotSubmittedError, match="no way") as caught:
        _post(_api(server.url))
    assert caught.value.trouble == trouble
    assert caught.value.fix


def test_too_many_submissions_may_come_again_later(server: Plain) -> None:
    server.reply = Reply(429, {"error": "slow down"}, {"Retry-After": "7"})
    with pytest.raises(ThrottledError) as caught:
        _post(_api(server.url))
    assert caught.value.after_s == 7


@pytest.mark.parametrize("status", [409, 500, 502])
def test_words_of_a_server_in_trouble_prove_nothing(server: Plain, status: int) -> None:
    """Nor does a conflict, which may be one with a job that was made."""
    server.reply = Reply(status, {"code": 402, "message": "insufficient credits"})
    judge = None if status == 409 else lambda answer: Refusal("balance", "no credits")
    api = _api(server.url, **({"judge": judge} if judge else {}))
    with pytest.raises(ProviderError) as caught:
        _run(api, lambda: api.post_once("/make", json={}))
    assert not isinstance(caught.value, NotSubmittedError)


def test_platform_judges_its_own_answers(server: Plain) -> None:
    """No credit with status 429, as Kling says it, isn't throttling."""

    def judge(answer: Answer) -> Refusal | None:
        return Refusal("balance", answer.data["message"]) if answer.data.get("code") else None

    server.reply = Reply(429, {"code": 1102, "message": "Account balance not enough"})
    with pytest.raises(NotSubmittedError) as caught:
        _post(_api(server.url, judge=judge))
    assert caught.value.what == (
        "plain: the account has no credit left (Account balance not enough)"
    )
    assert not isinstance(caught.value, ThrottledError)


@pytest.mark.parametrize("fault", ["reset_before", "error_before", "hang", "malformed", "throttle"])
def test_look_is_repeated(server: Plain, fault: Fault) -> None:
    server.faults.add("poll", fault, fault)
    api = _api(server.url, limits=HASTY if fault == "hang" else QUICK)
    answer = _run(api, lambda: api.ask("GET", "/state"))
    assert answer.data == {"job": "j1"}
    assert len(server.calls) == 3 if fault != "hang" else len(server.calls) >= 3


def test_wait_that_the_server_asks_for_is_kept(server: Plain) -> None:
    server.faults.add("poll", "throttle", "throttle")
    api = _api(server.url)
    begin = time.monotonic()
    _run(api, lambda: api.ask("GET", "/state"))
    assert time.monotonic() - begin >= 0.4


def test_look_that_fails_again_and_again_is_told_once(server: Plain) -> None:
    server.faults.add("poll", *(["error_before"] * 9))
    api = _api(server.url, limits=Limits(tries=3, wait_s=0.01))
    with pytest.raises(ProviderError, match=r"^plain: the provider has trouble of its own \(503"):
        _run(api, lambda: api.ask("GET", "/state"))
    assert len(server.calls) == 3


def test_look_that_is_refused_is_not_repeated(server: Plain) -> None:
    server.reply = Reply(404, {"message": "no such job"})
    api = _api(server.url)
    with pytest.raises(ProviderError, match="no such job"):
        _run(api, lambda: api.ask("GET", "/state"))
    assert _run(api, lambda: api.ask("GET", "/state", fine=[404])).status == 404
    assert len(server.calls) == 2


def test_endless_answer_is_cut_off(server: Plain) -> None:
    server.reply = Reply(200, {"all": "x" * 100_000})
    api = _api(server.url, limits=Limits(json_bytes=10_000))
    with pytest.raises(ProviderError, match="the answer is too large"):
        _run(api, lambda: api.ask("GET", "/state"))


def test_stop_while_waiting_is_quick(server: Plain) -> None:
    server.reply = Reply(429, {}, {"Retry-After": "60"})
    api = _api(server.url)

    async def stopped() -> None:
        with anyio.move_on_after(0.3):
            await api.ask("GET", "/state")

    begin = time.monotonic()
    _run(api, stopped)
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("fault", ["truncated", "reset_before", "error_before"])
def test_download_is_tried_again_from_its_begin(
    server: Plain, tmp_path: Path, fault: Fault
) -> None:
    server.faults.add("download", fault)
    assert _get(_api(server.url), tmp_path / "a", "clip") == bytes(range(256)) * 40


def test_download_follows_redirects_but_not_for_ever(server: Plain, tmp_path: Path) -> None:
    assert len(_get(_api(server.url), tmp_path / "a", "3")) == 10_240
    with pytest.raises(ProviderError, match="redirects more than 5 times"):
        _get(_api(server.url), tmp_path / "b", "9")


def test_download_that_trickles_ends(server: Plain, tmp_path: Path) -> None:
    server.slow_s = 0.3
    server.faults.add("download", "slow")
    with pytest.raises(ProviderError, match="it takes too long"):
        _get(_api(server.url, limits=Limits(download_s=0.8)), tmp_path / "a", "clip")


def test_download_has_a_largest_size(server: Plain, tmp_path: Path) -> None:
    api = _api(server.url, limits=Limits(clip_bytes=10_000))
    with pytest.raises(ProviderError, match="larger than"):
        _get(api, tmp_path / "a", "clip")
    assert (tmp_path / "a").stat().st_size <= 10_000


@pytest.mark.parametrize("url", ["https://[bad/x", "https://h:99999/x", "https://h/\0"])
def test_result_at_what_is_no_address_is_told(tmp_path: Path, url: str) -> None:
    api = _api("https://api.example.org")
    with pytest.raises(ProviderError, match="names a result at"):
        _run(api, lambda: api.download(url, tmp_path / "a"))


def test_redirect_to_what_is_no_address_is_told(server: Plain, tmp_path: Path) -> None:
    server.leads_to = "http://[x"
    with pytest.raises(ProviderError, match="names a result at an address that is none"):
        _get(_api(server.url), tmp_path / "a", "1")


def test_answer_that_is_nested_without_end_is_no_json(server: Plain) -> None:
    """What became of a submission stays open."""
    server.reply = Reply(200, b"[" * 200_000)
    api = _api(server.url, limits=Limits(tries=1))
    with pytest.raises(ProviderError, match="the answer is no JSON"):
        _run(api, lambda: api.ask("GET", "/state"))
    with pytest.raises(ProviderError, match="the answer is no JSON") as caught:
        _post(api)
    assert not isinstance(caught.value, NotSubmittedError)


def test_expired_address_is_said_as_such(server: Plain, tmp_path: Path) -> None:
    with pytest.raises(ExpiredError):
        _get(_api(server.url), tmp_path / "a", "gone")


def test_results_and_uploads_get_no_key(server: Plain, tmp_path: Path) -> None:
    api = _api(server.url)
    _get(api, tmp_path / "a", "1")
    _run(api, lambda: api.put(f"{server.url}/store/x", b"png", "image/png"))
    assert len(server.calls) == 4
    assert not any("authorization" in call.headers for call in server.calls)


@pytest.mark.parametrize(
    "url",
    ["https://localhost:9/a", "https://127.0.0.1/a", "https://[::1]/a", "https://10.1.2.3/a",
     "https://[::ffff:192.168.1.1]/a", "https://169.254.169.254/latest", "https://2130706433/a",
     "https://0.0.0.0/a", "https://100.64.0.1/a"],
)  # fmt: skip
def test_result_in_a_private_network_is_not_fetched(tmp_path: Path, url: str) -> None:
    """The API is public (and not even there): names are resolved before anything is connected."""
    api = _api("https://api.example.org")
    with pytest.raises(ProviderError, match="an address of a private network"):
        _run(api, lambda: api.download(url, tmp_path / "a"))


@pytest.mark.parametrize(
    "url", ["http://example.org/a", "file:///etc/passwd", "ftp://x/a", "//x/a"]
)
def test_result_of_a_public_api_must_be_https(tmp_path: Path, url: str) -> None:
    api = _api("https://api.example.org")
    with pytest.raises(ProviderError, match="isn't https"):
        _run(api, lambda: api.download(url, tmp_path / "a"))


def test_key_is_in_no_error_log_or_traceback(
    server: Plain, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Though the server says it aloud."""
    caplog.set_level(logging.DEBUG)
    server.reply = Reply(401, {"message": f"Bearer {SECRET} is not known"})
    api = _api(server.url)
    seen = repr(api) + repr(vars(api))
    for work in (
        lambda: api.ask("GET", "/state"),
        lambda: api.post_once("/make", json={}),
        lambda: api.download(f"{server.url}/file/gone?sign=in-address", tmp_path / "a"),
    ):
        with pytest.raises(ProviderError) as caught:
            _run(api, work)
        seen += "".join(traceback.format_exception(caught.value)) + repr(caught.value.args)
    server.faults.add("poll", "error_before", "error_before")
    with pytest.raises(ProviderError):
        _run(api, lambda: api.ask("GET", "/state"))
    assert "… is not known" in seen
    assert "in-address" not in seen
    logged = "".join(record.getMessage() + repr(record.args) for record in caplog.records)
    assert "request_headers" in logged
    assert SECRET not in seen + logged


def test_base_url_may_be_set_to_https_or_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    default = "https://api.example.org"
    assert base_url("plain", default) == default
    for url in ("https://gate.example.org/kling/", "http://127.0.0.1:8000", "http://[::1]:9"):
        monkeypatch.setenv("ASSEMBLER_PLAIN_URL", url)
        assert base_url("plain", default) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://192.168.1.4:80", "ftp://127.0.0.1", "example.org",
            "https://user:pw@example.org", "https://example.org/?a=1", "https://x:port/"],
)  # fmt: skip
def test_base_url_to_which_no_key_may_go_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ASSEMBLER_PLAIN_URL", url)
    with pytest.raises(UsageError, match="ASSEMBLER_PLAIN_URL"):
        base_url("plain", "https://api.example.org")


def test_wait_is_read_in_seconds_and_as_a_date() -> None:
    assert retry_after("3.5") == 3.5
    assert 50 < (retry_after(formatdate(time.time() + 60, usegmt=True)) or 0) < 61
    assert [retry_after(text) for text in ("soon", "", "inf", "nan", "²")] == [None] * 5


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_what_was_made_of_a_key_is_kept_out_of_messages(server: Plain, scheme: str) -> None:
    """Base64 of two keys, or a token signed with one: a server may say it back."""
    made = base64.b64encode(f"id:{SECRET}".encode()).decode()
    api = Api("plain", server.url, sign=lambda path: {"Authorization": f"{scheme} {made}"})
    server.reply = Reply(401, {"message": f"no such credentials: {scheme} {made}"})
    with pytest.raises(ProviderError) as caught:
        _run(api, lambda: api.ask("GET", "/state"))
    assert made not in str(caught.value)
    assert f"no such credentials: {scheme} …" in str(caught.value)
