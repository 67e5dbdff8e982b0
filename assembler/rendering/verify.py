"""
The final file, opened again and measured against what was asked for.

    verify(Path("out/film.mp4"), cut, delivery)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from assembler.cut.model import Cut
from assembler.errors import RenderError
from assembler.media.codecs import codec_of
from assembler.spec.presets import DeliveryPreset

_BT709 = 1
MATRIX_CODES = {"bt709": _BT709, "bt601": 6}
"""ITU-T H.273."""
_RGB = 0
_LIMITED = 1


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a file."""

    path: Path
    codec: str
    pix_fmt: str
    size: tuple[int, int]
    frames: int
    rate: Fraction
    duration_s: Fraction
    audio_codec: str
    audio_s: Fraction | None
    """Length of the sound; None without any."""
    bytes: int


def verify(path: Path, cut: Cut, delivery: DeliveryPreset, *, sound: bool = True) -> Verified:
    """
    What is in the file.

    Raises:
        RenderError: If it isn't what was asked for; all differences are named.
    """
    import av

    try:
        with av.open(str(path)) as container:
            found, wrong = _measured(container, path, cut, delivery, sound)
    except av.FFmpegError as exc:
        raise RenderError(f"the file can't be opened again: {exc}", str(path)) from exc
    if wrong:
        raise RenderError("not what was asked for: " + "; ".join(wrong), str(path))
    return found


def _measured(
    container: Any, path: Path, cut: Cut, delivery: DeliveryPreset, sound: bool
) -> tuple[Verified, list[str]]:
    video = container.streams.video[0]
    audio = container.streams.audio[0] if container.streams.audio else None
    pts, audio_end, audio_frame = _walk(container, video, audio)
    context = video.codec_context
    found = Verified(
        path=path,
        codec=context.name,
        pix_fmt=context.pix_fmt or "",
        size=(context.width, context.height),
        frames=len(pts),
        rate=cut.rate,
        duration_s=len(pts) / cut.rate,
        audio_codec=audio.codec_context.name if audio else "",
        audio_s=audio_end,
        bytes=path.stat().st_size,
    )
    wrong = [*_picture_faults(found, context, cut, delivery)]
    wrong += _grid_faults(pts, video.time_base, cut.rate)
    if sound:
        wrong += _sound_faults(found, delivery, audio_frame)
    return found, wrong


def _walk(container: Any, video: Any, audio: Any) -> tuple[list[int], Fraction | None, Fraction]:
    """Time stamps of all frames, end of the sound, longest packet of sound."""
    pts: list[int] = []
    end: Fraction | None = None
    longest = Fraction(0)
    for packet in container.demux([s for s in (video, audio) if s is not None]):
        if packet.size == 0 or packet.pts is None:
            continue
        if packet.stream is video:
            pts.append(packet.pts)
            continue
        length = (packet.duration or 0) * packet.time_base
        longest = max(longest, length)
        end = max(end or Fraction(0), packet.pts * packet.time_base + length)
    return sorted(pts), end, longest


def _picture_faults(
    found: Verified, context: Any, cut: Cut, delivery: DeliveryPreset
) -> Iterator[str]:
    rgb = delivery.video.pix_fmt.startswith("gbr")
    yield from _differs("codec", codec_of(delivery.video.encoder), codec_of(found.codec))
    yield from _differs("pixel format", delivery.video.pix_fmt, found.pix_fmt)
    yield from _differs("size", delivery.size_on(cut.size), found.size)
    yield from _differs("number of frames", cut.frames, found.frames)
    matrix = _RGB if rgb else MATRIX_CODES[delivery.video.matrix]
    yield from _differs("matrix", matrix, int(context.colorspace))
    yield from _differs("primaries", _BT709, int(context.color_primaries))
    yield from _differs("transfer", _BT709, int(context.color_trc))
    if not rgb:
        yield from _differs("range", _LIMITED, int(context.color_range))


def _differs(what: str, expected: object, actual: object) -> Iterator[str]:
    if expected != actual:
        yield f"{what} is {actual}, not {expected}"


def _grid_faults(pts: list[int], time_base: Fraction, rate: Fraction) -> Iterator[str]:
    """Every frame at n / rate, as near as the container's clock can say."""
    off = [n for n, p in enumerate(pts) if abs(p - n / rate / time_base) > Fraction(1, 2)]
    if off:
        yield f"frame {off[0]} (and {len(off) - 1} more) is not at its place"


def _sound_faults(
    found: Verified, delivery: DeliveryPreset, audio_frame: Fraction
) -> Iterator[str]:
    if found.audio_s is None:
        yield "there is no sound"
        return
    wanted, made = codec_of(delivery.audio.encoder), codec_of(found.audio_codec)
    yield from _differs("sound codec", wanted, made)
    gap = abs(found.audio_s - found.duration_s)
    if gap > max(audio_frame, Fraction(1, 1000)):
        picture, heard = float(found.duration_s), float(found.audio_s)
        yield f"picture is {picture:.3f} s long and sound {heard:.3f} s"
