"""A delivered file checked against its timeline, or by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from assembler.assemble.generating import fetch_missing
from assembler.assemble.prepare import Delivery, Prepared, prepare_loaded
from assembler.assemble.sound import Wanted, mixed
from assembler.assemble.walk import Made, Walk, begin
from assembler.checking.expected import Expected
from assembler.checking.model import Check, keep_check, known_check, memory_file
from assembler.cut.model import Cut, Insert
from assembler.errors import MediaError, UsageError
from assembler.planning.project import Project
from assembler.rendering.smart import as_source, with_whole_heads
from assembler.rendering.spans import form_of
from assembler.spec.check import caption_entries
from assembler.spec.load import Loaded, load


def qc(
    file: Path | str,
    against: Path | str | None = None,
    *,
    draft: bool = False,
    cancel: threading.Event | None = None,
) -> Check:
    """
    Open a finished file and measure it; nothing of it is believed.

    Args:
        file: The film.
        against: Timeline that it was made from; without one it is measured by itself.
        draft: The file is the timeline's draft.
        cancel: Stops the check when set.

    Raises:
        AssemblerError: If there is no such file, or the timeline can't be worked with. What is
            wrong with the file is in the findings, even when it can't be opened.
    """
    from assembler.checking.check import check as check_file

    path = Path(file)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise MediaError(what, str(path), "name a film.")
    if against is None:
        return check_file(path, cancel=cancel)
    loaded = load(against)
    project = Project(loaded.timeline.path)
    draft = draft or path.stem == f"{loaded.timeline.path.stem}-draft"
    fetch_missing(loaded, project, None, cancel)
    prepared = prepare_loaded(loaded, project, draft=draft, provider=None, write=True)
    delivery = _delivery(path, prepared)
    run = begin(prepared, None, None, cancel, None)
    cuts, _ = run.cuts()
    cut = cuts[prepared.deliveries.index(delivery)]
    sound = mixed(Wanted(cut, delivery.mix, delivery.preset.audio), project.mix, cancel=cancel)
    expected = expected_of(run, cut, delivery, run.inserts(cut, delivery), sound.path)
    return check_file(path, expected, cancel=cancel)


def checked(run: Walk, cuts: Sequence[Cut], outputs: Sequence[Made]) -> tuple[Check, ...]:
    """
    The checks of what a run has delivered; what was there already isn't checked again.

    Each is kept beside the project's state, for reports.
    """
    reports = run.records.folder
    found: list[Check] = []
    for cut, delivery, made in zip(cuts, run.prepared.deliveries, outputs, strict=True):
        if made.up_to_date:
            known = known_check(reports, made.path)
            found += [known] if known else []
            continue
        from assembler.checking.check import check as check_file

        sound = Wanted(cut, delivery.mix, delivery.preset.audio).path(run.prepared.project.mix)
        expected = expected_of(run, cut, delivery, run.inserts(cut, delivery), sound)
        memory = memory_file(reports, made.path)
        check = check_file(made.path, expected, quick=True, memory=memory, cancel=run.cancel)
        keep_check(reports, check)
        found.append(check)
    return tuple(found)


def _delivery(path: Path, prepared: Prepared) -> Delivery:
    """The output of the timeline that a file is: by its path, its name, or the only one."""
    outputs = prepared.deliveries
    ways = (
        [d for d in outputs if d.path.resolve() == path.resolve()],
        [d for d in outputs if d.path.name == path.name],
        [d for d in outputs if path.stem.startswith(d.path.stem)],
    )
    for found in ways:
        if len(found) == 1:
            return found[0]
    if len(outputs) == 1:
        return outputs[0]
    names = ", ".join(d.path.name for d in outputs)
    raise UsageError(
        f"{path.name} could be any of {len(outputs)} outputs", fix=f"give it a name of: {names}."
    )


def expected_of(
    run: Walk, cut: Cut, delivery: Delivery, inserts: Sequence[Insert], sound: Path | None
) -> Expected:
    """What a delivered file is held against."""
    loaded = run.prepared.loaded
    captions = loaded.timeline.captions
    written = loaded.timeline.path.is_file()  # `stitch` has none
    if delivery.preset.match_source:
        form = form_of(cut, as_source(cut, delivery.preset))
        cut = with_whole_heads(cut, form.wanted) if form.copies else cut
    return Expected(
        cut=cut,
        delivery=delivery.preset,
        mix=delivery.mix,
        inserts=tuple(inserts),
        sound=sound,
        places=dict(_places(loaded, cut)) if written else {},
        caption_line=captions.line if captions else 42,
        caption_speed=captions.speed if captions else 20,
    )


def _places(loaded: Loaded, cut: Cut) -> Iterator[tuple[str, str]]:
    """Where segments, tracks, titles, captions and outputs were written."""
    timeline = loaded.timeline
    yield "", loaded.where("canvas")
    yield "output", loaded.where("output")
    yield "mix", loaded.where("mix")
    for n, _ in enumerate(caption_entries(timeline.captions) if timeline.captions else ()):
        if n == 0:
            yield "captions", loaded.where("captions")
    for n, title in zip(range(len(timeline.titles)), cut.titles, strict=False):
        yield title.id, loaded.where("titles", n)
    for n, track in enumerate(timeline.tracks):
        yield track.id, loaded.where("tracks", n)
    for n, segment in enumerate(timeline.segments):
        yield segment.id, loaded.where("segments", n)
