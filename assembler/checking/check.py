"""
A finished file opened, seen and heard once, and judged.

    check = check(Path("out/film.mp4"), expected)
    check.worst                             # "error", "warning", "info" or None
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from assembler.checking.container import Container, container_findings, read_container
from assembler.checking.expected import Expected
from assembler.checking.listening import Heard, listen
from assembler.checking.memory import groups_of, recall, remember
from assembler.checking.model import SEVERITIES, Check, Finding
from assembler.checking.picture import cuts, odd, picture_findings
from assembler.checking.places import Places
from assembler.checking.planned import planned_findings
from assembler.checking.reference import programme
from assembler.checking.small import small_size
from assembler.checking.sound import lag_of, sound_findings
from assembler.checking.viewing import Views, blank, view
from assembler.checking.words import caption_findings
from assembler.errors import MediaError
from assembler.media.flags import bridged
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.timebase import FrameRange

_HEAD = 9
"""Frames after each join that are held against the sources in any case."""
_MOST = 40
"""Findings of one kind that are listed; more say nothing new."""
_CURVE = 2000
"""Points of a curve in the measures."""


def check(
    path: Path,
    expected: Expected | None = None,
    *,
    quick: bool = False,
    memory: Path | None = None,
    cancel: threading.Event | None = None,
) -> Check:
    """
    Check a file.

    Args:
        path: The file; it exists.
        expected: The programme that it should be; without one it is measured by itself.
        quick: Hold only the beginnings of clips, and what looks odd, against the sources; every
            frame is looked at all the same.
        memory: File in which a quick check keeps what it has seen; what is the same, byte for
            byte, isn't decoded by the next one.
        cancel: Stops the work when set.

    Raises:
        RenderError: If it was stopped.
    """
    try:
        info = probe(path)
        container = read_container(info)
    except MediaError as error:
        return Check(path, (_unreadable(error),), {})
    rate = expected.cut.rate if expected else info.video.rate if info.video else Fraction(25)
    places = Places(rate, expected)
    findings = list(container_findings(info, container, places, expected))
    with ThreadPoolExecutor(1, "listen") as pool:
        hearing = pool.submit(_hear, info, expected, cancel)
        views = _see(info, expected, quick, memory, cancel)
        heard = hearing.result()
    if views is not None:
        findings += picture_findings(views, places)
    if views is not None and expected is not None and quick:
        findings += _looked_at(info, expected, odd(views, places), places, cancel)
    lag_s = lag_of(heard) if heard else None
    if heard is not None and lag_s:
        again = _hear(info, expected, cancel, Fraction(lag_s).limit_denominator(48000))
        heard = again or heard
    if heard is not None:
        findings += sound_findings(heard, places, expected, lag_s)
        if expected is not None:
            findings += planned_findings(heard, expected, places)
    findings += caption_findings(info, places, expected)
    measures = dict(_measures(info, container, views, heard, lag_s))
    return Check(path, tuple(_sorted(findings)), measures)


def _unreadable(error: MediaError) -> Finding:
    kind = "empty-file" if "0 bytes" in error.what else "unreadable"
    if "moov" in error.what or "cut off" in error.what:
        kind = "truncated"
    return Finding("error", kind, f"can't be opened: {error.what}", error.fix)


def _see(
    info: MediaInfo,
    expected: Expected | None,
    quick: bool,
    memory: Path | None,
    cancel: threading.Event | None,
) -> Views | None:
    if info.video is None or info.still:
        return None
    if expected is None:
        return view(info, small_size(*info.video.display_size), cancel=cancel)
    size, planned = small_size(*expected.size), expected.cut.frames
    if not quick:
        pictures = programme(expected, size)
        return view(info, size, reference=pictures, planned=planned, cancel=cancel)
    heads = [
        FrameRange(clip.record.start, min(clip.record.start + _HEAD, clip.record.stop))
        for clip in expected.cut.clips
    ]
    groups = groups_of(info) if memory else []
    views = blank(info.video.frames)
    missing = recall(memory, views, groups, size) if memory else None
    if missing == [FrameRange(0, info.video.frames)]:
        missing = None
    views = view(
        info, size, reference=programme(expected, size, heads), planned=planned,
        ranges=None if missing is None else _together(missing, heads), into=views, cancel=cancel,
    )  # fmt: skip
    if memory:
        remember(memory, views, groups, size)
    return views


def _together(*ranges: Sequence[FrameRange]) -> list[FrameRange]:
    """All frames of some lists of ranges, ascending and apart."""
    joined = bridged(((one.start, one.stop) for some in ranges for one in some), 0)
    return [FrameRange(start, stop) for start, stop in joined]


def _looked_at(
    info: MediaInfo,
    expected: Expected,
    ranges: Sequence[FrameRange],
    places: Places,
    cancel: threading.Event | None,
) -> list[Finding]:
    """What is wrong in stretches that look odd, held against the sources."""
    if not ranges:
        return []
    size = small_size(*expected.size)
    pictures = programme(expected, size, ranges)
    views = view(
        info, size, reference=pictures, planned=expected.cut.frames, ranges=ranges, cancel=cancel
    )
    return picture_findings(views, places)


def _hear(
    info: MediaInfo,
    expected: Expected | None,
    cancel: threading.Event | None,
    lag_s: Fraction = Fraction(0),
) -> Heard | None:
    if not info.audio:
        return None
    start_s = info.video.start_s if info.video else info.audio[0].start_s
    mix = expected.sound if expected else None
    return listen(info, start_s=start_s + lag_s, mix=mix, cancel=cancel)


def _sorted(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Worst first, then by time; the same thing once, and not endlessly of one kind."""
    ranked = sorted(
        dict.fromkeys(findings),
        key=lambda f: (SEVERITIES.index(f.severity), f.time_s is not None, f.time_s or 0.0, f.kind),
    )
    counts: dict[str, int] = {}
    for finding in ranked:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
        if counts[finding.kind] <= _MOST:
            yield finding


def _measures(
    info: MediaInfo,
    container: Container,
    views: Views | None,
    heard: Heard | None,
    lag_s: float | None,
) -> Iterator[tuple[str, Any]]:
    yield "bytes", info.size_bytes
    yield "container", container.name
    if info.video is not None:
        video = info.video
        yield "video", {
            "codec": video.codec, "pix_fmt": video.pix_fmt, "width": video.width,
            "height": video.height, "rate": str(video.rate), "frames": video.frames,
            "seconds": round(float(video.duration_s), 6), "start_s": float(video.start_s),
            "keyframes": len(video.keyframes), "matrix": video.colour.matrix,
            "primaries": video.colour.primaries, "transfer": video.colour.transfer,
            "full_range": video.colour.full_range, "vfr": video.vfr,
        }  # fmt: skip
    if info.audio:
        audio = info.audio[0]
        yield "audio", {
            "codec": audio.codec, "hz": audio.hz, "channels": audio.channels,
            "seconds": round(float(audio.duration_s), 6), "start_s": float(audio.start_s),
        }  # fmt: skip
    if views is not None:
        yield "picture", _picture_measures(views)
    if heard is not None:
        yield "sound", _sound_measures(heard)
        yield "av_offset_ms", None if lag_s is None else round(lag_s * 1000, 2)


def _picture_measures(views: Views) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cuts": cuts(views)[:10000],
        "luma": _curve(views.luma),
        "motion": _curve(views.change),
        "black_frames": int(np.sum(np.nan_to_num(views.dark) >= 0.985)),
    }
    if views.compared:
        like = views.likeness[:, views.offsets.index(0)]
        told = like[~np.isnan(like)]
        found["compared_frames"] = len(told)
        found["likeness"] = round(float(np.median(told)), 4) if len(told) else None
        colour = views.colour[~np.isnan(views.colour).any(axis=1)]
        if len(colour):
            found["colour_levels"] = [round(float(v) * 255, 2) for v in np.median(colour, axis=0)]
    return found


def _sound_measures(heard: Heard) -> dict[str, Any]:
    found = {
        "integrated_lufs": _rounded(heard.integrated_lufs),
        "short_term_max_lufs": _rounded(float(heard.short_term.max(initial=-np.inf))),
        "momentary_max_lufs": _rounded(heard.momentary_max),
        "range_lu": _rounded(heard.range_lu),
        "true_peak_dbtp": _rounded(heard.true_peak_dbtp),
        "short_term_lufs": _curve(heard.short_term.astype(np.float32)),
    }
    if heard.planned_lufs is not None:
        found["planned_lufs"] = _rounded(heard.planned_lufs)
    return found


def _rounded(value: float) -> float | None:
    return round(value, 2) if isfinite(value) else None


def _curve(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    """A curve with a bounded number of points: every `every`-th value."""
    every = max(1, -(-len(values) // _CURVE))
    return {"every": every, "values": [_rounded_fine(float(v)) for v in values[::every]]}


def _rounded_fine(value: float) -> float | None:
    return round(value, 4) if isfinite(value) else None
