"""
Addresses on the web: whether they are any, what may be shown of them, where they lead.

    door = door_to("https://example.org/a.mp4", looked_up("example.org"))
    client.stream("GET", door.url, headers={"Host": door.host}, ...)

A name is looked up once and the address that was checked is connected to: asked again, a server of
names may say another. A proxy is told the name, which it looks up itself.
"""

from __future__ import annotations

import email.utils
import ipaddress
import math
import socket
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Door:
    """Where a request goes."""

    url: str
    host: str
    """What its Host header says."""
    name: str
    """Whom the certificate must be of."""


def split(url: str) -> SplitResult:
    """
    The parts of an address; its host may be empty.

    Raises:
        ValueError: If it is none: brackets, the port or the name aren't possible.
    """
    parts = urlsplit(url)
    (parts.hostname or "").encode("idna")
    _ = parts.port
    return parts


def shown(url: str) -> str:
    """The URL without what may be secret in it: login and query."""
    try:
        parts = split(url)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.hostname or ''}{_port(parts)}{parts.path}"[:200]


UNUSABLE_PROXY = (ImportError, ValueError)
"""What an HTTP client raises when it can't go through the proxies that the environment names."""
PROXY_FIX = "set HTTPS_PROXY or ALL_PROXY to http://host:port or socks5://host:port, or unset it."


def redirected(url: str, location: str) -> str:
    """Where a redirect leads; what it says itself when that is no address."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def looked_up(host: str) -> list[Address]:
    """What a name stands for; empty when nobody knows it."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    texts = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found)
    return [ipaddress.ip_address(text) for text in texts]


def is_private(address: Address) -> bool:
    """Whether an address isn't one of a single public machine."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return not mapped.is_global or mapped.is_multicast


def is_loopback(host: str) -> bool:
    """Whether a name or number of a host means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def around_proxies(host: str) -> dict[str, None]:
    """Mounts of an HTTP client for *host*: what is for this machine goes through no other one."""
    hosts = {host, "localhost", "127.0.0.1", "::1"}
    names = (f"[{host}]" if ":" in host else host for host in hosts if is_loopback(host))
    return {f"all://{name}": None for name in names}


def has_proxy(scheme: str) -> bool:
    """Whether the environment names a proxy for http or https; for which hosts, it says itself."""
    named = urllib.request.getproxies()
    if "*" in (host.strip() for host in named.get("no", "").split(",")):
        return False
    return bool(named.get(scheme) or named.get("all"))


def door_to(url: str, found: Sequence[Address] = (), turn: int = 1) -> Door:
    """
    The way to a URL.

    Args:
        url: http or https.
        found: What its name stands for; without any, and where there is a proxy, it goes by name.
        turn: Which try it is, from 1: each takes the next address.

    Raises:
        ValueError: If the URL is none.
    """
    parts = split(url)
    name = (parts.hostname or "").encode("idna").decode()
    host = f"[{name}]" if ":" in name else name
    # A proxy would hold the certificate, the Host header and its exceptions against the number.
    if found and not has_proxy(parts.scheme):
        address = found[(turn - 1) % len(found)]
        login, at, _ = parts.netloc.rpartition("@")
        numeric = f"[{address}]" if ":" in str(address) else str(address)
        url = parts._replace(netloc=f"{login}{at}{numeric}{_port(parts)}").geturl()
    return Door(url, host + _port(parts), name)


def _port(parts: SplitResult) -> str:
    return f":{parts.port}" if parts.port else ""


def retry_after(text: str) -> float | None:
    """Seconds that a Retry-After header asks for, in seconds or as a date; None if neither."""
    text = text.strip()
    try:
        after_s = float(text)
    except ValueError:
        try:
            after_s = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, after_s) if math.isfinite(after_s) else None


def count(text: str) -> int | None:
    """A number of bytes in a header, if it is one."""
    return int(text) if text.isdecimal() and len(text) < 20 else None
