"""Links, files and requests for the tests of platforms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from assembler.generation.base import Provider, Request, Role
from assembler.generation.http import Limits
from assembler.media.stills import write_png
from assembler.media.writer import FrameWriter
from assembler.planning.model import Link, LinkShot
from tests.generation.links import link
from tests.servers.kit import Platform

SIZE = (544, 306)
"""Small, but with the 300 px a side that Kling asks for."""
RATE = Fraction(8)
QUICK = Limits(wait_s=0.01, longest_wait_s=0.05, tries=3, silence_s=30.0)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Files:
    """Files of an author, made once."""

    start: Path
    end: Path
    reference: Path
    video: Path
    speech: Path


def files_in(folder: Path) -> Files:
    """Pictures that differ, a motion video of 3 s, and a recording."""
    made = Files(
        *(folder / n for n in ("start.png", "end.png", "ref.png", "motion.mp4", "say.wav"))
    )
    ramp = np.linspace(0.1, 0.9, SIZE[0], dtype=np.float32)[None, :, None]
    rows = np.linspace(0.6, 1.0, SIZE[1], dtype=np.float32)[:, None, None]
    for n, path in enumerate((made.start, made.end, made.reference)):
        picture = np.repeat(ramp * rows, 3, axis=2)
        write_png(path, np.roll(picture, 90 * n, axis=1) * np.array([1, 0.9, 0.8 - 0.2 * n]))
    with FrameWriter(made.video, SIZE, RATE) as writer:
        for n in range(24):
            grey = np.roll(ramp, 8 * n, axis=1) * rows
            writer.write(np.repeat(grey, 3, axis=2).astype(np.float32))
    made.speech.write_bytes(_wav())
    return made


def _wav() -> bytes:
    import io
    import wave

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        tone = 8000 * np.sin(np.arange(3 * 16_000) * 0.05)
        file.writeframes(tone.astype(np.int16).tobytes())
    return out.getvalue()


def asked(provider: str, model: str, kind: str, id_: str = "dawn.1", **changes: Any) -> Link:
    """A link of 5 s at *provider*."""
    length = Fraction(changes.pop("length_s", 5))
    wanted: dict[str, Any] = {
        "provider": provider, "model": model, "kind": kind, "size": SIZE, "resolution": "1080p",
        "length_s": length, "rate": RATE, "frames": int(length * RATE) + 1,
        "wanted_frames": int(length * RATE), "price_usd": None,
    }  # fmt: skip
    return link(id_, **wanted | changes)


def shots(*parts: tuple[int, str]) -> tuple[LinkShot, ...]:
    return tuple(LinkShot(Fraction(seconds), prompt) for seconds, prompt in parts)


def request_of(wanted: Link, files: Files, *parts: str) -> Request:
    """A request with the files that are named: start, end, reference, video, portrait, speech."""
    further: dict[Role, tuple[Path, ...]] = {}
    if "reference" in parts:
        further["reference"] = (files.reference, files.end)
    if "video" in parts:
        further["video"] = (files.video,)
    if "speech" in parts:
        further["speech"] = (files.speech,)
    return Request(
        wanted, f"asm-{wanted.key[:12]}", files.start if "start" in parts else None,
        files.end if "end" in parts else None, None, further,
    )  # fmt: skip


def run(provider: Provider, work: Awaitable[_T]) -> _T:
    """The result of one call of a provider, as if it were a run of its own."""

    async def one() -> _T:
        try:
            return await work
        finally:
            await provider.aclose()

    return asyncio.run(one())


def submitted(provider: Provider, request: Request) -> str:
    """The job of a request."""
    return run(provider, provider.submit(request))


def named(body: Any, file_at: Callable[[str], Path | None], files: Files) -> Any:
    """A body with the names of files in place of the addresses of their uploads."""
    if isinstance(body, dict):
        return {key: named(value, file_at, files) for key, value in body.items()}
    if isinstance(body, list):
        return [named(value, file_at, files) for value in body]
    at = file_at(body) if isinstance(body, str) else None
    if at is None:
        return body
    content = at.read_bytes()
    return next(n for n in files.__dataclass_fields__ if getattr(files, n).read_bytes() == content)


_P = TypeVar("_P", bound=Platform)


def emptied(server: _P, monkeypatch: pytest.MonkeyPatch, **keys: str) -> _P:
    """A running server as if it were new, and an environment that leads to it."""
    server.jobs.clear()
    server.calls.clear()
    monkeypatch.setenv(f"ASSEMBLER_{server.name.upper()}_URL", server.url)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    return server
