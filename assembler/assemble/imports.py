"""What an editor has changed becomes a cut again, finds its media, and is rendered."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from assembler.assemble.exports import exported_cut
from assembler.assemble.outputs import Records, guard
from assembler.assemble.prepare import Prepared, prepare, prepare_loaded
from assembler.assemble.progress import Progress
from assembler.assemble.walk import Made, begin
from assembler.cut.model import Cut, Source
from assembler.errors import MediaError, UsageError
from assembler.exporting.cutfile import SUFFIX, cut_from_data, cut_from_text, cut_to_text
from assembler.exporting.formats import read, recognised
from assembler.exporting.otio import cut_in
from assembler.exporting.relink import Audible
from assembler.exporting.restore import restore
from assembler.media.files import publish, sha256_of
from assembler.media.info import MediaInfo
from assembler.media.probe import probe
from assembler.media.stills import write_png
from assembler.planning.project import Project
from assembler.spec.load import Loaded
from assembler.spec.model import Canvas, Output, Segment, Timeline
from assembler.spec.yaml import Node
from assembler.spec.yaml import Source as Text
from assembler.timebase import Timecode, parse_rate

PRESET = "youtube-1080p"
"""Delivery preset of films whose own nobody knows any more."""
_UNKNOWN = "corrections, fits and roles: there is no .cut.json beside the file; name --timeline"
_LOOKED_AT = 20_000
"""Files in media folders that are looked at by name, at most."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A cut from an editor's file."""

    cut: Cut
    lost: tuple[str, ...]
    """What of the file isn't understood or isn't there."""
    files: tuple[Path, ...]
    """What was written."""
    made: Made | None
    """The film, if it was rendered."""
    notes: tuple[str, ...] = ()
    known_from: str = ""
    """Where what no editor knows comes from; empty where nobody has it."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know without asking."""
        return ()

    def text(self) -> str:
        """A line for each file, what the cut has, and what was lost."""
        cut = self.cut
        seconds = float(cut.frames / cut.rate)
        told = f"{len(cut.clips)} clips, {cut.frames} frames ({seconds:.2f} s)"
        told += f", with what {self.known_from} knows of them" if self.known_from else ""
        lines = [*map(str, self.files), told, *(f"lost: {what}" for what in self.lost)]
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        cut = self.cut
        return {
            "files": [str(path) for path in self.files],
            "frames": cut.frames,
            "clips": [
                {
                    "id": clip.id,
                    "file": str(clip.source.path),
                    "record": list(clip.record),
                    "source_in": clip.source_in,
                    "transition": clip.transition and clip.transition.name,
                }
                for clip in cut.clips
            ],
            "known_from": self.known_from,
            "lost": list(self.lost),
            "notes": list(self.notes),
        }


def import_cut(
    files: Sequence[Path | str] | Path | str,
    *,
    timeline: Path | str | None = None,
    media: Sequence[Path | str] = (),
    rate: str | None = None,
    out: Path | str | None = None,
    render: Path | str | None = None,
    preset: str | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Imported:
    """
    Read an edit that came back from another program, and render it if that is wanted.

    Args:
        files: OTIO, FCPXML, FCP 7 XML or a saved cut; or EDLs of one edit.
        timeline: The timeline that was exported; without it, the `.cut.json` beside the file tells.
        media: Folders in which media are looked for.
        rate: Frames a second of EDLs, where nothing else says it.
        out: JSON file for the cut, to be imported or rendered later.
        render: Film to render.
        preset: Its delivery preset; the timeline's first when not given.
        force: Overwrite files that aren't ours.
        workers: Work at a time; the number of cores when not given.
        progress: Told of everything that is done.
        cancel: Stops the run in order when it is set.

    Raises:
        MediaError: If a file can't be read, or its media can't be found.
        AssemblerError: One of its other kinds, by stage.
    """
    paths = [Path(files)] if isinstance(files, (str, Path)) else [Path(file) for file in files]
    paths = [path.absolute() for path in paths]
    if not paths:
        raise UsageError("no file to import", fix="name an OTIO, FCPXML, FCP 7 XML or EDL file")
    texts = [(path, _text(path)) for path in paths]
    origin = _origin(texts, timeline)
    cut, lost = _cut(texts, origin, [Path(folder).absolute() for folder in media], rate)
    written: list[Path] = []
    made, notes = None, tuple(cut.notes)
    targets = [Path(path).absolute() for path in (out, render) if path]
    records = Records(origin.project(paths[0]).reports)
    guard(targets, records, force=force, inputs=[*paths, *(c.source.path for c in cut.clips)])
    if out:
        path = Path(out).absolute()
        text = cut_to_text(cut, path.parent, **origin.told())
        with publish(path) as part:
            part.write_text(text, encoding="utf-8")
        records.write(path, "", {})
        written.append(path)
    if render:
        path = Path(render).absolute()
        prepared = _prepared(cut, path, origin, origin.project(paths[0]), preset)
        run = begin(prepared, workers, progress, cancel, None)
        run.announce()
        made = run.deliver(cut, prepared.deliveries[0])
        notes = tuple(dict.fromkeys([*notes, *run.notes]))
        written.append(path)
    return Imported(cut, lost, tuple(written), made, notes, origin.name)


def _text(path: Path) -> str:
    if not path.is_file():
        raise MediaError("there is no such file", str(path), "check the name")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return path.read_text(encoding="latin-1")  # old EDLs


@dataclass(frozen=True, slots=True)
class _Origin:
    """The export that a file came from, as far as anybody knows it."""

    cut: Cut | None = None
    name: str = ""
    start: str = ""
    timeline: str = ""
    preset: str = ""
    mix: str = ""

    def told(self) -> dict[str, str]:
        """What is written beside a cut."""
        return {
            "start": self.start,
            "timeline": self.timeline,
            "preset": self.preset,
            "mix": self.mix,
        }

    def project(self, file: Path) -> Project:
        """Where rendered spans and mixes are kept: with the timeline, or beside the file."""
        home = Path(self.timeline) if self.timeline else file
        return Project(home if home.parent.is_dir() else file)


def _origin(texts: Sequence[tuple[Path, str]], timeline: Path | str | None) -> _Origin:
    if timeline is not None:
        prepared = prepare(timeline, write=True)
        cut, _ = exported_cut(prepared)
        first = prepared.deliveries[0]
        home = str(prepared.loaded.timeline.path)
        name = prepared.loaded.timeline.path.name
        return _Origin(cut, name, "", home, first.preset.id, first.mix.id)
    path, text = texts[0]
    if _is_cut(path):
        return _saved(path, text)
    beside = _beside(path)
    if beside:
        return _saved(beside, _text(beside))
    if recognised(text) == "otio":
        data = cut_in(text)
        if data:
            return _Origin(cut_from_data(data, path.parent, probe, path.name), path.name)
    return _Origin()


def _is_cut(path: Path) -> bool:
    return path.name.endswith(SUFFIX)


def _saved(path: Path, text: str) -> _Origin:
    cut = cut_from_text(text, path.parent, probe, str(path))
    data = json.loads(text)
    told = {name: str(data.get(name, "")) for name in ("start", "timeline", "preset", "mix")}
    return _Origin(cut, path.name, **told)


def _beside(path: Path) -> Path | None:
    """The saved cut with the file's name, or the only one in its folder."""
    stem = re.sub(r"\.[VA]\d+$", "", path.stem)
    named = [path.with_name(name + SUFFIX) for name in (path.stem, stem)]
    found = [one for one in named if one.is_file()]
    if not found:
        found = sorted(path.parent.glob(f"*{SUFFIX}"))
        found = found if len(found) == 1 else []
    return found[0] if found else None


def _cut(
    texts: Sequence[tuple[Path, str]], origin: _Origin, folders: Sequence[Path], rate: str | None
) -> tuple[Cut, tuple[str, ...]]:
    path = texts[0][0]
    if _is_cut(path) and origin.cut:
        return origin.cut, ()
    known = origin.cut.rate if origin.cut else None
    try:
        said = parse_rate(rate) if rate else known
    except ValueError as error:
        raise UsageError(
            str(error), fix="write frames a second: 24, 29.97 or 30000/1001"
        ) from error
    found = read([(str(one), text) for one, text in texts], rate=said, start=_begin(origin, said))
    finder = _Finder(origin.cut, (path.parent, *folders))
    restored = restore(found, origin.cut, finder)
    unknown = () if origin.cut else (_UNKNOWN,)
    return restored.cut, (*unknown, *restored.lost)


def _begin(origin: _Origin, rate: Fraction | None) -> Timecode | None:
    try:
        return Timecode.parse(origin.start, rate) if origin.start and rate else None
    except ValueError as error:
        raise UsageError(
            f"its first frame is no timecode at {float(rate or 0):g} frames a second: {error}",
            origin.name,
            "give the rate that was exported, or leave --rate out.",
        ) from error


class _Finder:
    """Finds media by path, by content and by name."""

    def __init__(self, cut: Cut | None, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._known = list(_sources(cut)) if cut else []
        self._names: dict[str, Path] | None = None
        self._found: dict[Path, Source] = {}

    def there(self, file: str) -> bool:
        """Whether a file lies just where it is said to be."""
        return bool(file) and any((folder / file).is_file() for folder in self._folders)

    def picture(self, file: str, name: str) -> Source | None:
        """A file with a picture; one that has the bytes of a known take is that take."""
        path = self._path(file, name)
        if path is None:
            return None
        if path not in self._found:
            info = probe(path)
            if info.video is None:
                return None
            same = self._same(path, info)
            own = Source(sha256_of(path), path, info, info.video.colour, info.still)
            self._found[path] = same or own
        return self._found[path]

    def sound(self, file: str, name: str) -> Audible | None:
        """A file with sound."""
        path = self._path(file, name)
        info = probe(path) if path else None
        if path is None or info is None or not info.audio:
            return None
        zero_s = info.video.start_s if info.video else info.audio[0].start_s
        return Audible(path, sha256_of(path), info.audio[0].index, zero_s)

    def black(self, size: tuple[int, int]) -> Source:
        """A black picture beside the file that was read."""
        import numpy as np

        path = self._folders[0] / ".assembler" / "cache" / f"black-{size[0]}x{size[1]}.png"
        if not path.exists():
            with publish(path) as part:
                write_png(part, np.zeros((size[1], size[0], 3), np.float32))
        info = probe(path)
        assert info.video is not None
        return Source(sha256_of(path), path, info, info.video.colour, still=True)

    def _same(self, path: Path, info: MediaInfo) -> Source | None:
        equal = [s for s in self._known if s.info.size_bytes == info.size_bytes]
        key = sha256_of(path) if equal else ""
        return next((source for source in equal if sha256_of(source.path) == key), None)

    def _path(self, file: str, name: str) -> Path | None:
        if file:
            for folder in self._folders:
                path = folder / file  # an absolute path stays one
                if path.is_file():
                    return path
        wanted = re.split(r"[/\\]", file)[-1] if file else name
        return self._by_name().get(wanted) or self._by_name().get(Path(wanted).stem)

    def _by_name(self) -> Mapping[str, Path]:
        """Files in the media folders by name, with and without suffix."""
        if self._names is None:
            self._names = {}
            for path in _files(self._folders):
                self._names.setdefault(path.name, path)
                self._names.setdefault(path.stem, path)
        return self._names


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    left = _LOOKED_AT
    for n, folder in enumerate(folders):
        # The edit file's own folder may be anybody's home: only what lies in it and in `media`.
        near = [*folder.glob("*"), *folder.glob("media/*")] if n == 0 else folder.rglob("*")
        for path in near:
            left -= 1
            if left < 0:
                return
            if path.is_file():
                yield path


def _sources(cut: Cut) -> Iterator[Source]:
    yield from (clip.source for clip in cut.clips)
    yield from (layer.source for layer in cut.layers)


def _prepared(
    cut: Cut, path: Path, origin: _Origin, project: Project, preset: str | None
) -> Prepared:
    """What delivering one film needs, around a timeline of one clip that stands for the cut."""
    output = Output(preset=preset or origin.preset or PRESET, path=path, mix=origin.mix or None)
    canvas = Canvas(size=cut.size, rate=cut.rate)
    segment = Segment(id="cut", file=cut.clips[0].source.path)
    timeline = Timeline(
        assembler=1,
        title=cut.title,
        canvas=canvas,
        output=(output,),
        segments=(segment,),
        path=project.timeline,
    )
    loaded = Loaded(timeline, Node(Text("import", project.root), 1, 1, items={}))
    prepared = prepare_loaded(loaded, project)
    return replace(prepared, project=project)
