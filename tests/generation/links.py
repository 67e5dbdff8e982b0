"""Plans made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from assembler.planning.keys import content_key
from assembler.planning.model import FileClip, Handoff, ImageFile, Link, LinkShot, Plan, Step
from assembler.planning.project import Project

SIZE = (320, 192)


def link(id_: str = "dawn.1", prompt: str = "Slow push-in over the sea.", **changes: Any) -> Link:
    """A link of one second, unless *changes* say else."""
    segment, _, number = id_.partition(".")
    plain = Link(
        id=id_, segment=segment, number=int(number), kind="text", provider="animatic",
        model="animatic", length_s=Fraction(1), rate=Fraction(24), frames=25, size=SIZE,
        resolution="360p", prompt=prompt, negative="", camera="", shots=(), start=None, end=None,
        audio=False, seed=None, guidance=None, voices=(), references=(), avatar_image=None,
        avatar_audio=None, avatar_in_s=Fraction(0), options={}, key="", price_usd=Decimal(0),
        where="teaser.yaml:1:1", wanted_frames=24,
    )  # fmt: skip
    made = replace(plain, **changes)
    return replace(made, key=content_key(link=replace(made, key="")))


def plan_of(links: Sequence[Link], files: Sequence[FileClip] = ()) -> Plan:
    """A plan of links in this order."""
    ids = {one.id for one in links}
    steps = tuple(
        Step(one, "ready", "new", tuple(
            s.after for s in (one.start, one.end) if isinstance(s, Handoff) and s.after in ids
        ))
        for one in links
    )  # fmt: skip
    return Plan(steps, tuple(files), (), {one.id: one for one in links})


def project_in(folder: Path) -> Project:
    """A project of a timeline that isn't there."""
    return Project(folder / "teaser.yaml")


__all__ = ["SIZE", "Handoff", "ImageFile", "LinkShot", "link", "plan_of", "project_in"]
