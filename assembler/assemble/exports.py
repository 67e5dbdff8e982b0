"""A timeline's cut for other programs: edit files alone, or a package with all that they name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from assembler.assemble.needs import all_takes, files_read
from assembler.assemble.outputs import Records, guard
from assembler.assemble.package import KEEP_FRAMES, Packing, Shape
from assembler.assemble.prepare import Delivery, Prepared, prepare
from assembler.assemble.progress import Progress
from assembler.assemble.stock import code_named
from assembler.assemble.walk import begin
from assembler.cut.model import Cut
from assembler.errors import UsageError
from assembler.exporting import aaf
from assembler.exporting.cutfile import SUFFIX, cut_to_text, location
from assembler.exporting.edit import START, Edit, edit_of
from assembler.exporting.formats import FORMATS, Format, write
from assembler.exporting.grade import cdls_of, tables_of
from assembler.layers.captions import write_captions
from assembler.media.files import publish
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.timebase import Timecode


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what the formats lack."""

    files: tuple[Path, ...]
    """Edit files, in the order of the formats; of a package, the package."""
    lost: tuple[tuple[Format, str], ...]
    cut: Cut
    notes: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know without asking."""
        return ()

    def text(self) -> str:
        """A line for each file and each loss; equal losses of several formats share one."""
        shared: dict[str, list[str]] = {}
        for form, what in self.lost:
            shared.setdefault(what, []).append(form)
        lines = [f"lost: {', '.join(forms)}: {what}" for what, forms in shared.items()]
        return "\n".join([*map(str, self.files), *lines])

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "files": [str(path) for path in self.files],
            "lost": [{"format": form, "what": what} for form, what in self.lost],
            "frames": self.cut.frames,
            "notes": list(self.notes),
        }


def export(
    timeline: Path | str,
    formats: Sequence[Format] = ("otio", "fcpxml", "fcp7", "edl", "csv"),
    out: Path | str | None = None,
    *,
    package: Path | str | None = None,
    media: Literal["conformed", "original"] = "conformed",
    codec: Literal["prores", "dnxhr"] = "prores",
    handles: int = KEEP_FRAMES,
    start: str = START,
    draft: bool = False,
    allow_code: bool = False,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Exported:
    """
    Write a timeline's cut for editors. Nothing is generated; only packages render.

    Args:
        timeline: The timeline file; its clips have to be there.
        formats: Any of otio, fcpxml, fcp7, edl, aaf and csv.
        out: Folder for the edit files; `out` beside the timeline when not given.
        package: Folder, or ZIP file by its suffix, for edit files, media, stems and captions.
        media: Media of a package: brought to the canvas and its rate, or the files themselves.
        codec: Of conformed media.
        handles: Frames to keep beyond in and out in conformed media.
        start: Timecode of the first frame; ``;`` before the frames makes it drop-frame.
        draft: The draft's cut.
        allow_code: Whether effects of the author's own may run for conformed media.
        force: Overwrite files that aren't ours.
        workers: Work at a time; the number of cores when not given.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.

    Raises:
        UsageError: If clips have to be generated first, or a format or the timecode doesn't exist.
        AssemblerError: One of its other kinds, by stage.
    """
    unknown = [form for form in formats if form not in FORMATS]
    if unknown or not formats:
        listed = ", ".join(FORMATS)
        raise UsageError(
            f"there is no format {unknown[0]!r}" if unknown else "no format",
            "",
            f"name some of {listed}",
        )
    prepared = prepare(timeline, draft=draft, write=True)
    if package is not None and media == "conformed":
        _refuse_code(prepared, allow_code)
    cut, run_notes = exported_cut(prepared, workers, progress, cancel)
    delivery = prepared.deliveries[0]
    job = _Job(
        prepared=prepared,
        formats=tuple(dict.fromkeys(formats)),
        start=_start(start, cut),
        known=dict(prepared.stock.media),
        relative=package is not None,
    )
    files: Sequence[Path]
    if package is None:
        folder = Path(out).absolute() if out else prepared.project.root / "out"
        files, lost = job.write_alone(cut, folder, delivery, force=force)
    else:
        packing = Packing(
            path=Path(package).absolute(),
            shape=Shape(media, codec, handles),
            prepared=prepared,
            workers=workers,
            progress=progress or Progress(),
            cancel=cancel or threading.Event(),
        )
        packing.guard(force=force)
        with packing.folder() as folder:
            packed = packing.packed(cut, folder)
            _, lost = job.write_into(packed, folder, delivery)
            packing.finish(cut, folder, delivery, lost)
        files = (packing.path,)
    return Exported(tuple(files), tuple(lost), cut, run_notes)


def _refuse_code(prepared: Prepared, allowed: bool) -> None:
    """Conformed media have effects in them; the author's own run only where the user says so."""
    named = [name for _, name in code_named(prepared.loaded.timeline)]
    if named and not allowed:
        raise UsageError(
            f"{named[0]!r} is code that this run may not use",
            prepared.loaded.timeline.path.name,
            "read that module, then allow it with --allow-code, or take --media original.",
        )


def exported_cut(
    prepared: Prepared,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> tuple[Cut, tuple[str, ...]]:
    """
    The cut of a timeline's first output, from what is there.

    Raises:
        UsageError: If clips have to be generated first.
    """
    all_takes(prepared, "there is a cut to export")
    first = replace(prepared, deliveries=prepared.deliveries[:1])
    run = begin(first, workers, progress, cancel, None)
    (cut,), _ = run.cuts()
    return cut, tuple(dict.fromkeys([*cut.notes, *run.notes]))


def _start(label: str, cut: Cut) -> Timecode:
    try:
        return Timecode.parse(label, cut.rate)
    except ValueError as error:
        drops = cut.rate in (Fraction(30000, 1001), Fraction(60000, 1001))
        way = ", with ; before the frames for drop-frame" if drops else ""
        raise UsageError(str(error), fix=f"write --start HH:MM:SS:FF{way}") from error


@dataclass(slots=True)
class _Job:
    """The files of one export."""

    prepared: Prepared
    formats: tuple[Format, ...]
    start: Timecode
    known: dict[Path, MediaInfo]
    relative: bool = False
    """Whether media are named relative to the edit files."""
    written: list[Path] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of all files, without suffix."""
        return self.prepared.loaded.timeline.path.stem

    @property
    def grades(self) -> str:
        """Folder of colour corrections."""
        return "grades" if self.relative else f"{self.name}-grades"

    def write_alone(
        self, cut: Cut, folder: Path, delivery: Delivery, *, force: bool
    ) -> tuple[list[Path], list[tuple[Format, str]]]:
        """Edit files beside each other; media are named where they are."""
        records = Records(self.prepared.project.reports)
        texts, _ = self._texts(cut, folder)
        planned = [folder / name for name in texts]
        planned += [folder / f"{self.name}.aaf"] if "aaf" in self.formats else []
        planned += [folder / f"{self.name}.srt"] if cut.captions else []
        planned.append(folder / f"{self.name}{SUFFIX}")
        guard(planned, records, force=force, inputs=files_read(self.prepared))
        files, lost = self.write_into(cut, folder, delivery)
        for path in self.written:
            records.write(path, "", {})
        return files, lost

    def write_into(
        self, cut: Cut, folder: Path, delivery: Delivery
    ) -> tuple[list[Path], list[tuple[Format, str]]]:
        """Edit files of all formats, grades, captions and the cut itself."""
        texts, lost = self._texts(cut, folder)
        for name, text in texts.items():
            self._write(folder / name, text)
        edits = [folder / name for name in texts if not name.startswith(self.grades)]
        if "aaf" in self.formats:
            path = folder / f"{self.name}.aaf"
            edit, place = self._edit(cut), self._places(folder)
            with publish(path) as part:
                lost += [("aaf", what) for what in aaf.write(edit, place, part)]
            self.written.append(path)
            edits.append(path)
        if cut.captions:
            for suffix in (".srt", ".vtt") if self.relative else (".srt",):
                path = folder / f"{'captions/' if self.relative else ''}{self.name}{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_captions(cut.captions, path)
                self.written.append(path)
        home = self.prepared.loaded.timeline.path
        text = cut_to_text(
            cut,
            folder,
            start=str(self.start),
            timeline="" if self.relative else str(home),
            preset=delivery.preset.id,
            mix=delivery.mix.id,
        )
        self._write(folder / f"{self.name}{SUFFIX}", text)
        return edits, lost

    def _write(self, path: Path, text: str) -> None:
        with publish(path) as part:
            part.write_text(text, encoding="utf-8")
        self.written.append(path)

    def _edit(self, cut: Cut) -> Edit:
        for sound in cut.sounds:
            if sound.path not in self.known:
                self.known[sound.path] = probe(sound.path)
        tables, cdls = (
            {grade.clip: f"{self.grades}/{grade.name}" for grade in found}
            for found in (tables_of(cut), cdls_of(cut))
        )
        return edit_of(cut, start=self.start, media=self.known, grades=tables, cdls=cdls)

    def _texts(self, cut: Cut, folder: Path) -> tuple[dict[str, str], list[tuple[Format, str]]]:
        """Text files by name, and what they lack."""
        edit, place = self._edit(cut), self._places(folder)
        texts: dict[str, str] = {}
        lost: list[tuple[Format, str]] = []
        for form in self.formats:
            for written in write(form, edit, place):
                texts[f"{self.name}{written.suffix}"] = written.text
                lost += [(form, what) for what in written.lost]
        for grade in (*tables_of(cut), *cdls_of(cut)):
            texts[f"{self.grades}/{grade.name}"] = grade.text
        return texts, lost

    def _places(self, folder: Path) -> Callable[[Path], str]:
        """How files are named in edit files that lie in *folder*."""
        return (lambda path: location(path, folder)) if self.relative else str
