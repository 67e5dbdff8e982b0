"""Segments and clips of the picture track, with their takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from assembler.assemble.prepare import Prepared
from assembler.assemble.takes import LinkTakes, TakeFacts, takes_of
from assembler.cut.model import Clip, Cut
from assembler.generation.takes import provenance, started_on
from assembler.planning.clips import Handed
from assembler.planning.model import Step
from assembler.reporting.model import Link, Picture, Segment, Take
from assembler.spec.model import Segment as SpecSegment
from assembler.spec.model import taken_up
from assembler.web import shown


def links_of(prepared: Prepared, cut: Cut, pictures: Mapping[str, Picture]) -> tuple[Link, ...]:
    """Every clip of the picture track, in playing order."""
    steps = {step.link.id: step for step in prepared.plan.steps}
    takes = {row.link: row for row in takes_of(prepared)}
    return tuple(
        _shown(prepared, clip, steps.get(clip.id), takes.get(clip.id), pictures.get(clip.id))
        for clip in cut.clips
    )


def _shown(
    prepared: Prepared,
    clip: Clip,
    step: Step | None,
    takes: LinkTakes | None,
    picture: Picture | None,
) -> Link:
    link = Link(
        id=clip.id,
        segment=clip.segment,
        generated=step is not None,
        start=clip.record.start,
        stop=clip.record.stop,
        state="there",
        why="",
        made_by=clip.source.path.name,
        prompt="",
        source_in=clip.source_in,
        skipped=len(clip.skipped),
        picture=picture,
    )
    return link if step is None else _generated(prepared, link, step, takes)


def _generated(prepared: Prepared, link: Link, step: Step, takes: LinkTakes | None) -> Link:
    made = step.link
    by = made.provider if made.provider == made.model else f"{made.provider} {made.model}"
    prompt = made.prompt or "; ".join(shot.prompt for shot in made.shots)
    rows = tuple(_take(prepared, made.key, facts) for facts in takes.takes) if takes else ()
    return replace(
        link,
        state=step.state,
        why=step.why,
        made_by=by,
        prompt=prompt,
        started=_started(started_on(prepared.project, made, prepared.shelf.number(made))),
        takes=rows,
    )


def _started(on: Handed | None) -> str:
    """The frame that a take was started on, in words."""
    if on is None:
        return ""
    earlier = f", {float(on.lost_s):.2g} s before its end: {on.why}" if on.why else ""
    corrected = "" if on.correction.neutral else ", corrected towards the chain's first clip"
    return f"started on frame {on.frame} of {on.after}{earlier}{corrected}"


def planned_links(prepared: Prepared, pictures: Mapping[str, Picture]) -> tuple[Link, ...]:
    """The clips as they are planned, one after the other, where some of them aren't there."""
    takes = {row.link: row for row in takes_of(prepared)}
    steps = {step.link.id: step for step in prepared.plan.steps}
    files = {clip.segment: clip for clip in prepared.plan.files}
    found: list[Link] = []
    at = 0
    raw = taken_up(prepared.loaded.timeline.segments)
    for segment in prepared.loaded.timeline.segments:
        if segment.layer is not None or segment.id in raw:
            continue
        own: list[tuple[str, int, str]] = []
        if segment.id in files:
            clip = files[segment.id]
            own.append((segment.id, clip.out_frame - clip.in_frame, clip.path.name))
        for link in prepared.plan.links_of(segment.id):
            own.append((link.id, link.shown_frames, ""))
        for id_, frames, name in own:
            plain = Link(
                id=id_, segment=segment.id, generated=id_ in steps, start=at, stop=at + frames,
                state="there", why="", made_by=name, prompt="", source_in=0, skipped=0,
                picture=pictures.get(id_),
            )  # fmt: skip
            step = steps.get(id_)
            found.append(_generated(prepared, plain, step, takes.get(id_)) if step else plain)
            at += frames
    return tuple(found)


def sounds_of(prepared: Prepared, cut: Cut | None) -> tuple[Link, ...]:
    """Sound of tracks that is generated, in the order of its tracks."""
    steps = prepared.plan.sounds
    takes = {row.link: row for row in takes_of(prepared, steps)}
    records = {sound.id: sound.record for sound in cut.sounds} if cut else {}
    found = []
    for step in steps:
        start, stop = records.get(step.link.segment, (0, 0))
        rate = cut.rate / cut.hz if cut else Fraction(0)
        plain = Link(
            id=step.link.id, segment=step.link.segment, generated=True, start=int(start * rate),
            stop=int(stop * rate), state="there", why="", made_by="", prompt="", source_in=0,
            skipped=0, picture=None,
        )  # fmt: skip
        found.append(_generated(prepared, plain, step, takes.get(step.link.id)))
    return tuple(found)


def segments_of(prepared: Prepared, links: Sequence[Link], cut: Cut | None) -> tuple[Segment, ...]:
    """What the author declared, where it has come to lie."""
    layers = {layer.id: layer.record for layer in cut.layers} if cut else {}
    return tuple(_segments(prepared, links, layers))


def _segments(prepared: Prepared, links: Sequence[Link], layers: Any) -> Iterator[Segment]:
    loaded = prepared.loaded
    for n, segment in enumerate(loaded.timeline.segments):
        own = [link for link in links if link.segment == segment.id]
        places = [(link.start, link.stop) for link in own]
        places += [
            tuple(record) for id_, record in layers.items() if id_.split(".")[0] == segment.id
        ]
        if not places:
            continue
        yield Segment(
            id=segment.id,
            kind=segment.kind,
            start=min(start for start, _ in places),
            stop=max(stop for _, stop in places),
            where=place_of(prepared, "segments", n),
            words=_words(segment),
            layer=segment.layer is not None,
        )


def place_of(prepared: Prepared, *loc: str | int) -> str:
    """``file:line:col`` of a value of the timeline, its file as seen from the timeline's folder."""
    file, line, column = prepared.loaded.where(*loc).rsplit(":", 2)
    path, root = Path(file).absolute(), prepared.project.root
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else file
    return f"{name}:{line}:{column}"


def _words(segment: SpecSegment) -> str:
    if segment.file is not None:
        return segment.file.name
    if segment.url is not None:
        return shown(segment.url)
    if segment.avatar is not None:
        return segment.avatar.prompt or segment.avatar.audio.name
    said = [segment.prompt or "", *(shot.prompt for shot in segment.shots)]
    return " ".join(part for part in said if part)


def _take(prepared: Prepared, key: str, facts: TakeFacts) -> Take:
    noted = provenance(prepared.project, key, facts.number)
    root = prepared.project.root
    path = "" if facts.path is None else facts.path.relative_to(root).as_posix()
    seed = noted.get("seed")
    notes = [str(note) for note in noted.get("notes", ())]
    return Take(
        link=facts.link,
        number=facts.number,
        chosen=facts.chosen,
        state=facts.state,
        provider=facts.provider,
        model=facts.model,
        cost_usd=facts.cost_usd,
        made=facts.made,
        seconds=_seconds(noted),
        job=str(noted.get("job") or facts.job or ""),
        seed="" if seed is None else str(seed),
        notes=tuple([*notes, facts.reason] if facts.reason else notes),
        path=path,
    )


def _seconds(noted: dict[str, Any]) -> float | None:
    """Time from asking for a take to having it."""
    with suppress(KeyError, TypeError, ValueError):
        asked, done = (datetime.fromisoformat(noted[name]) for name in ("asked", "done"))
        return max(0.0, (done - asked).total_seconds())
    return None


def cost_of(links: Sequence[Link]) -> Decimal | None:
    """What takes of some clips have cost together; None where one's price isn't known."""
    costs = [take.cost_usd for link in links for take in link.takes if take.state == "there"]
    return None if None in costs else sum((c for c in costs if c is not None), Decimal(0))
