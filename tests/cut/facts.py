"""Cuts from text: takes as their models return them, without media."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from assembler.cut.build import resolve
from assembler.cut.model import Clip, Cue, Cut
from assembler.generation.base import Take
from assembler.match.decision import SeamDecision
from assembler.media.info import Colour, MediaInfo
from assembler.planning.model import Link, Plan
from assembler.spec.presets import MixPreset
from tests.planning.facts import audio, info, media_of, planned, video

MIX = MixPreset(id="web", title="Web", seam_crossfade_ms=40, cut_fade_ms=3)


def take_of(link: Link, frames: int | None = None, *, sound: bool = True) -> Take:
    """A take with the frames that its model returns, and sound of the same length."""
    count = link.frames if frames is None else frames
    rate = str(link.rate)
    seconds = Fraction(count) / link.rate
    stream = audio(seconds) if sound else None
    facts = info(f"{link.id}.mp4", video(count, rate), stream)
    return Take(link.id, link.key, facts.path, facts, Colour())


def seam(
    name: str, keep: int, start: int, *, matched: bool = True, skipped: Sequence[int] = ()
) -> SeamDecision:
    """A decision about a seam."""
    return SeamDecision(
        seam=name,
        matched=matched,
        confidence=1.0,
        repeat_frames=start,
        keep_until=keep,
        start_from=start,
        skipped=tuple(skipped),
    )


def cut_of(
    folder: Path,
    text: str,
    files: Mapping[str, MediaInfo] | None = None,
    *,
    seams: Sequence[SeamDecision] = (),
    frames: Mapping[str, int] | None = None,
    captions: Sequence[Cue] = (),
    silent: bool = False,
) -> Cut:
    """The cut of a timeline; *frames* tells of takes that came back longer or shorter."""
    files = files or {}
    loaded, plan = planned(folder, text, files)
    return resolve(
        loaded,
        plan,
        takes_of(plan, frames or {}, silent=silent),
        {one.seam: one for one in seams},
        media_of(folder, files),
        mix=MIX,
        hashes={folder / name: f"hash of {name}" for name in files},
        captions=[captions] if loaded.timeline.captions else (),
    )


def takes_of(plan: Plan, frames: Mapping[str, int], *, silent: bool = False) -> dict[str, Take]:
    """A take for every link."""
    links = [step.link for step in plan.steps]
    return {x.id: take_of(x, frames.get(x.id), sound=not silent) for x in links}


def shape(clip: Clip) -> tuple[str, int, int, int, int]:
    """A clip as a row: id, record in and out, source in and out."""
    return (clip.id, *clip.record, clip.source_in, clip.source_out)
