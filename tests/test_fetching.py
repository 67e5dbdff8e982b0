from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import httpx
import numpy as np
import pytest
import stamina

from assembler.errors import FetchError
from assembler.fetching import cached, clip_name, fetch
from assembler.media.probe import probe
from assembler.media.writer import FrameWriter
from assembler.web import door_to, looked_up, shown
from tests.servers.files import Behaviour, serving


@pytest.fixture(autouse=True)
def _without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=5):
        yield


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip of 24 noisy frames: large enough to be cut in two."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    rng = np.random.default_rng(1)
    with FrameWriter(path, (160, 96), Fraction(24)) as writer:
        for _ in range(24):
            writer.write(rng.random((96, 160, 3), np.float32))
    return path.read_bytes()


def _parts(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.endswith((".part", ".part.json")))


def test_file_arrives_whole_under_a_name_of_ours(clip: bytes, tmp_path: Path) -> None:
    with serving(Behaviour(clip)) as server:
        path = fetch(f"{server}/../../evil.exe?name=x.sh", tmp_path)
    assert clip == path.read_bytes()
    assert f"{clip_name(f'{server}/../../evil.exe?name=x.sh')}.mp4" == path.name
    assert _parts(tmp_path) == []


def test_second_fetch_asks_nobody(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip)
    with serving(behaviour) as server:
        first = fetch(f"{server}/a.mp4", tmp_path)
        assert first == fetch(f"{server}/a.mp4", tmp_path)
    assert len(behaviour.requests) == 1
    assert first == cached(f"{server}/a.mp4", tmp_path)


@pytest.mark.parametrize("reset", [False, True])
def test_broken_connection_is_resumed(clip: bytes, tmp_path: Path, reset: bool) -> None:
    """What has come isn't sent again."""
    behaviour = Behaviour(clip, stop_after=[3000, 2000], reset=reset)
    with serving(behaviour) as server:
        path = fetch(f"{server}/a.mp4", tmp_path)
    assert clip == path.read_bytes()
    begins = [headers.get("range") for _, headers in behaviour.requests]
    assert begins[0] is None
    if not reset:  # a reset may take with it what was under way
        assert begins == [None, "bytes=3000-", "bytes=5000-"]


def test_later_run_resumes(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, stop_after=[1000] * 5)
    with serving(behaviour) as server:
        with pytest.raises(FetchError, match="received 1000 bytes"):
            fetch(f"{server}/a.mp4", tmp_path)
        path = fetch(f"{server}/a.mp4", tmp_path)
    assert clip == path.read_bytes()
    assert behaviour.requests[-1][1]["range"] == "bytes=5000-"


def test_server_without_ranges_starts_again(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, ranges=False, stop_after=[3000])
    with serving(behaviour) as server:
        path = fetch(f"{server}/a.mp4", tmp_path)
    assert clip == path.read_bytes()


def test_file_that_changes_underway_is_fetched_anew(clip: bytes, tmp_path: Path) -> None:
    """The rest of another version isn't put behind the first part of this one."""
    behaviour = Behaviour(b"\0" * 9000, etag='"old"', stop_after=[4000] * 5)
    with serving(behaviour) as server:
        behaviour.ranges = False
        with pytest.raises(FetchError):
            fetch(f"{server}/a.mp4", tmp_path)
        behaviour.ranges, behaviour.body, behaviour.etag = True, clip, '"new"'
        path = fetch(f"{server}/a.mp4", tmp_path)
    assert clip == path.read_bytes()


def test_without_validator_nothing_is_resumed(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, etag=None, stop_after=[3000])
    with serving(behaviour) as server:
        fetch(f"{server}/a.mp4", tmp_path)
    assert all("range" not in headers for _, headers in behaviour.requests)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_busy_server_is_asked_again(clip: bytes, tmp_path: Path, status: int) -> None:
    behaviour = Behaviour(clip, statuses=[status, status])
    with serving(behaviour) as server:
        fetch(f"{server}/a.mp4", tmp_path)
    assert len(behaviour.requests) == 3


def test_server_says_when_to_come_back(clip: bytes, tmp_path: Path) -> None:
    slept: list[float] = []
    with serving(Behaviour(clip, statuses=[429], retry_after=7)) as server:
        fetch(f"{server}/a.mp4", tmp_path, sleep=slept.append)
    assert [round(s) for s in slept] == [7.0]


def test_missing_file_is_not_asked_for_again(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, statuses=[404, 404])
    with serving(behaviour) as server, pytest.raises(FetchError) as caught:
        fetch(f"{server}/a.mp4?token=secret", tmp_path)
    assert len(behaviour.requests) == 1
    what, fix = "the server answers 404 Not Found", "check the address; nothing lies there"
    assert f"{server}/a.mp4: {what}\n  fix: {fix}" == str(caught.value)


def test_page_is_refused_as_a_page(tmp_path: Path) -> None:
    page = b"<!doctype html><html><body>Please log in</body></html>"
    with (
        serving(Behaviour(page, content_type="text/html; charset=utf-8")) as server,
        pytest.raises(FetchError, match="is no clip but text/html") as caught,
    ):
        fetch(f"{server}/watch?v=1", tmp_path)
    assert "address of the file itself" in caught.value.fix
    assert _parts(tmp_path) == []


def test_clip_with_a_wrong_type_is_taken(clip: bytes, tmp_path: Path) -> None:
    with serving(Behaviour(clip, content_type="text/plain")) as server:
        assert fetch(f"{server}/clip", tmp_path).suffix == ".mp4"


def test_truncated_file_is_refused(clip: bytes, tmp_path: Path) -> None:
    """Without a length nobody sees that the end is missing but the probe."""
    behaviour = Behaviour(clip[: len(clip) // 2], length=None)
    with serving(behaviour) as server, pytest.raises(FetchError, match="is no clip"):
        fetch(f"{server}/a.mp4", tmp_path)
    assert _parts(tmp_path) == []


def test_length_that_promises_too_much_is_noticed(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, ranges=False, length=len(clip) + 500)
    with serving(behaviour) as server, pytest.raises(FetchError, match="try again later"):
        fetch(f"{server}/a.mp4", tmp_path)


def test_announced_size_above_the_limit_is_refused_at_once(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, length=10**13)
    with serving(behaviour) as server, pytest.raises(FetchError, match=r"limit is 1\.0 MB"):
        fetch(f"{server}/a.mp4", tmp_path, limit_bytes=1_000_000)
    assert len(behaviour.requests) == 1


def test_unannounced_size_above_the_limit_stops(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, length=None)
    with serving(behaviour) as server, pytest.raises(FetchError, match="larger than the limit"):
        fetch(f"{server}/a.mp4", tmp_path, limit_bytes=4000)


def test_dripping_server_ends_with_the_time(clip: bytes, tmp_path: Path) -> None:
    """A server that always sends a little never meets the limit of silence."""
    behaviour = Behaviour(clip, drip_s=0.05)
    with serving(behaviour) as server, pytest.raises(FetchError, match="takes too long"):
        fetch(f"{server}/a.mp4", tmp_path, timeout_s=0.5)


def test_redirects_are_followed(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, redirects={"/a": "/b", "/b": "c/d.mp4"})
    with serving(behaviour) as server:
        fetch(f"{server}/a", tmp_path)
    assert [path for path, _ in behaviour.requests] == ["/a", "/b", "/c/d.mp4"]


def test_redirect_loop_ends(clip: bytes, tmp_path: Path) -> None:
    behaviour = Behaviour(clip, redirects={"/a": "/b", "/b": "/a"})
    with serving(behaviour) as server, pytest.raises(FetchError, match="more than 5 times"):
        fetch(f"{server}/a", tmp_path)


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://example.org/a", "data:,x"])
def test_redirect_out_of_the_web_is_refused(clip: bytes, tmp_path: Path, to: str) -> None:
    with (
        serving(Behaviour(clip, redirects={"/a": to})) as server,
        pytest.raises(FetchError, match=r"redirects to|is no URL"),
    ):
        fetch(f"{server}/a", tmp_path)


def _redirecting(to: str) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": to})

    return httpx.Client(transport=httpx.MockTransport(answer))


def test_redirect_from_https_to_http_is_refused(tmp_path: Path) -> None:
    with (
        _redirecting("http://8.8.8.8/a") as client,
        pytest.raises(FetchError, match="from https to http"),
    ):
        fetch("https://8.8.8.8/a", tmp_path, client=client)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "[::1]", "localhost"]
)
def test_public_url_never_leads_into_a_private_network(tmp_path: Path, host: str) -> None:
    with (
        _redirecting(f"https://{host}/latest/meta-data") as client,
        pytest.raises(FetchError, match="private network"),
    ):
        fetch("https://8.8.8.8/a", tmp_path, client=client)


def test_checksum_is_kept_to(clip: bytes, tmp_path: Path) -> None:
    right = hashlib.sha256(clip).hexdigest()
    behaviour = Behaviour(clip)
    with serving(behaviour) as server:
        assert fetch(f"{server}/a.mp4", tmp_path, sha256=right.upper()).is_file()
        with pytest.raises(FetchError, match="expected was 0000"):
            fetch(f"{server}/a.mp4", tmp_path, sha256="0" * 64)
    assert _parts(tmp_path) == []


def test_progress_counts_up_to_the_size(clip: bytes, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with serving(Behaviour(clip)) as server:
        fetch(f"{server}/a.mp4", tmp_path, on_bytes=lambda n, of: told.append((n, of)))
    assert (len(clip), len(clip)) == told[-1]
    assert sorted(told) == told


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    import wave

    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\1\0" * 8000)
    with (
        serving(Behaviour(path.read_bytes(), content_type="audio/wav")) as server,
        pytest.raises(FetchError, match="sound but no picture"),
    ):
        fetch(f"{server}/a.wav", tmp_path / "out")


@pytest.mark.parametrize("url", ["ftp://example.org/a.mp4", "file:///a.mp4", "https://", "a.mp4"])
def test_other_schemes_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchError, match="is no http or https URL"):
        fetch(url, tmp_path)


@pytest.mark.parametrize("url", ["http://[::1/a.mp4", "https://example.org:99999/a.mp4"])
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchError, match="is no http or https URL"):
        fetch(url, tmp_path)


@pytest.mark.parametrize("to", ["http://[x", "http://example.org:99999/"])
def test_redirect_to_what_is_no_address_is_refused(tmp_path: Path, to: str) -> None:
    with _redirecting(to) as client, pytest.raises(FetchError, match="redirects to"):
        fetch("https://8.8.8.8/a", tmp_path, client=client)


def test_encoding_that_is_none_is_told(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = httpx.ByteStream(b"not gzip at all")
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=body)

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        pytest.raises(FetchError, match="what came can't be read"),
    ):
        fetch("https://8.8.8.8/a", tmp_path, client=client)


@pytest.mark.parametrize("text", ["\u00b2", "inf", "soon"])
def test_wait_that_is_no_number_is_not_waited(clip: bytes, tmp_path: Path, text: str) -> None:
    waits: list[float] = []
    with serving(Behaviour(clip, statuses=[429], retry_after=text)) as server:
        assert fetch(f"{server}/a.mp4", tmp_path, sleep=waits.append).is_file()
    assert waits == []


def test_connection_goes_to_the_address_that_was_checked(
    clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of names may say another one when it is asked again."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(clip))

    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: public)
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        fetch("https://me:pw@example.org:8443/a.mp4", tmp_path, client=client)
    (request,) = asked
    assert (request.url.host, request.url.port) == ("93.184.216.34", 8443)
    assert request.headers["host"] == "example.org:8443"
    assert request.headers["authorization"].startswith("Basic ")
    assert request.extensions["sni_hostname"] == "example.org"


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any name stands for one public address."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 0))]
    real = socket.getaddrinfo

    def asked(host: str, *args: object, **more: object) -> object:
        return real(host, *args, **more) if host == "127.0.0.1" else found  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", asked)


@pytest.mark.usefixtures("public")
def test_proxy_is_told_the_name(
    clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks it up itself; by a number, no certificate and no NO_PROXY would fit."""
    behaviour = Behaviour(clip)
    with serving(behaviour) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("https_proxy", proxy)
        assert fetch("http://clips.example.org/a.mp4", tmp_path).read_bytes() == clip
        with pytest.raises(FetchError, match="502"):
            fetch("https://clips.example.org/b.mp4", tmp_path)
    asked = [path for path, _ in behaviour.requests]
    assert asked[:2] == ["http://clips.example.org/a.mp4", "clips.example.org:443"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_lies_on_this_machine_goes_through_no_proxy(
    clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    behaviour = Behaviour(clip)
    with serving(behaviour) as server, serving(Behaviour(b"")) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("all_proxy", proxy)
        url = f"{server}/a.mp4".replace("127.0.0.1", host)
        assert fetch(url, tmp_path).read_bytes() == clip
    assert len(behaviour.requests) == 1


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    ("variable", "value"), [("no_proxy", "*"), ("https_proxy", "http://127.0.0.1:1")]
)
def test_proxy_for_others_leaves_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    if variable == "no_proxy":
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, value)
    door = door_to("http://clips.example.org/a.mp4", looked_up("clips.example.org"))
    assert (door.url, door.host) == ("http://93.184.216.34/a.mp4", "clips.example.org")


@pytest.mark.parametrize("host", ["224.0.0.1", "[ff02::1]"])
def test_public_url_never_leads_to_many_machines(tmp_path: Path, host: str) -> None:
    with (
        _redirecting(f"https://{host}/a") as client,
        pytest.raises(FetchError, match="private network"),
    ):
        fetch("https://8.8.8.8/a", tmp_path, client=client)


def test_fetching_is_stopped_and_goes_on_later(clip: bytes, tmp_path: Path) -> None:
    cancel = threading.Event()
    behaviour = Behaviour(clip, drip_s=0.001)
    with serving(behaviour) as server:
        with pytest.raises(FetchError, match="cancelled"):
            fetch(f"{server}/a.mp4", tmp_path, cancel=cancel, on_bytes=lambda n, of: cancel.set())
        behaviour.drip_s = 0.0
        assert clip == fetch(f"{server}/a.mp4", tmp_path).read_bytes()
    assert behaviour.requests[1][1]["range"].startswith("bytes=")


def test_secrets_of_a_url_are_neither_told_nor_kept(clip: bytes, tmp_path: Path) -> None:
    with (
        serving(Behaviour(clip, length=None, stop_after=[3000] * 5)) as server,
        pytest.raises(FetchError) as caught,
    ):
        fetch(f"{server}/a.mp4?sig=SECRET", tmp_path, limit_bytes=2000)
    assert "SECRET" not in str(caught.value)
    kept = [path.read_text() for path in tmp_path.glob(".*.json")]
    assert kept
    assert not any("SECRET" in text for text in kept)


def test_secrets_are_not_shown() -> None:
    assert shown("https://me:key@example.org:8443/a.mp4?sig=x") == "https://example.org:8443/a.mp4"


def test_fetched_clip_opens(clip: bytes, tmp_path: Path) -> None:
    with serving(Behaviour(clip)) as server:
        info = probe(fetch(f"{server}/a", tmp_path))
    assert info.video is not None
    assert info.video.frames == 24
