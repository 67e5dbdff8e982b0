"""Media facts without media, and timelines planned from text."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from textwrap import dedent

from assembler.media.info import AudioStream, Colour, MediaInfo, VideoStream
from assembler.planning.build import build
from assembler.planning.model import Plan
from assembler.spec.load import Loaded, load
from assembler.spec.presets import model_preset
from assembler.timebase import parse_rate


def audio(seconds: Fraction | float, start_s: Fraction | float = 0, index: int = 1) -> AudioStream:
    """A stereo stream."""
    return AudioStream(index, "aac", 48000, 2, "stereo", Fraction(start_s), Fraction(seconds))


def video(
    frames: int,
    rate: str | int = 24,
    size: tuple[int, int] = (1920, 1080),
    *,
    start_s: Fraction | int = 0,
    pts: tuple[int, ...] | None = None,
    time_base: Fraction | None = None,
) -> VideoStream:
    """A stream of square pixels; with *pts* its rate varies."""
    exact = parse_rate(rate)
    base = time_base or 1 / exact
    stamps = pts or tuple(round(start_s / base) + n for n in range(frames))
    return VideoStream(
        index=0,
        codec="h264",
        width=size[0],
        height=size[1],
        sar=Fraction(1),
        rotation=0,
        mirrored=False,
        pix_fmt="yuv420p",
        bit_depth=8,
        alpha=False,
        interlaced=None,
        colour=Colour(),
        rate=exact,
        vfr=pts is not None,
        time_base=base,
        pts=stamps,
        keyframes=(0,),
        b_frames=False,
        last_duration=1 if pts is None else stamps[-1] - stamps[-2],
    )


def info(
    path: Path | str,
    picture: VideoStream | None = None,
    sound: AudioStream | None = None,
    *,
    still: bool = False,
) -> MediaInfo:
    """Facts of one file."""
    sounds = (sound,) if sound else ()
    return MediaInfo(Path(path), 1000, 1, "mp4", picture, sounds, still, None, ())


def image(size: tuple[int, int] = (1920, 1080)) -> MediaInfo:
    """Facts of a picture."""
    return info("image.png", video(1, size=size), still=True)


def loaded(folder: Path, text: str, files: Mapping[str, MediaInfo]) -> Loaded:
    """A timeline from text, every file that it names made (empty) beside it."""
    for name in files:
        (folder / name).touch()
    path = folder / "film.yaml"
    path.write_text("assembler: 1\n" + dedent(text), encoding="utf-8")
    return load(path)


def media_of(folder: Path, files: Mapping[str, MediaInfo]) -> dict[Path, MediaInfo]:
    """Facts by the absolute paths that a loaded timeline has."""
    return {folder / name: facts for name, facts in files.items()}


_model = cache(model_preset)


def planned(
    folder: Path,
    text: str,
    files: Mapping[str, MediaInfo] | None = None,
    *,
    hashes: Mapping[str, str] | None = None,
    draft: bool = False,
    provider: str | None = None,
    chosen: Mapping[str, int] | None = None,
) -> tuple[Loaded, Plan]:
    """A timeline from text, and its plan with the packaged models."""
    files = files or {}
    timeline = loaded(folder, text, files)
    spec = timeline.timeline
    names = {s.model for s in spec.segments} | {spec.defaults.model, "animatic"}
    names |= {s.avatar.model for s in spec.segments if s.avatar}
    names |= {t.make.model for t in spec.tracks if t.make}
    models = {name: _model(name) for name in names if name}
    digests = {folder / name: (hashes or {}).get(name, f"hash of {name}") for name in files}
    plan = build(
        timeline,
        media_of(folder, files),
        models,
        hashes=digests,
        draft=draft,
        provider=provider,
        chosen=chosen,
    )
    return timeline, plan
