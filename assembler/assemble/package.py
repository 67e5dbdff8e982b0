"""
Everything an editor needs, in one folder or ZIP file: media with handles, sound, stems, captions.

Conformed media are what the renderer would show of a clip before seams are corrected: the canvas's
size and rate, its colours, crops, speed and effects. Corrections of seams stay grades beside it,
unless effects come after them.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from assembler.assemble.needs import files_read
from assembler.assemble.prepare import Delivery, Prepared
from assembler.assemble.progress import Progress
from assembler.cut.model import UNCHANGED, Clip, Cut, PictureLayer, Sound, Source
from assembler.errors import OutputExistsError, UsageError
from assembler.exporting.edit import Names
from assembler.match.decision import NO_CORRECTION
from assembler.media.files import publish, scratch_folder, sha256_of
from assembler.media.probe import probe
from assembler.media.samples import SampleReader, WavWriter
from assembler.mixing.bus import mix
from assembler.rendering.render import render
from assembler.spec.presets import DeliveryPreset, delivery_preset
from assembler.timebase import FrameRange
from assembler.wording import counted

KEEP_FRAMES = 24
"""Handles of conformed media when nobody says otherwise."""
_CODECS = {"prores": "prores-master", "dnxhr": "dnxhr"}
_BLOCK = 1 << 16
"""Samples that are copied at a time."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What becomes of media in a package."""

    media: Literal["conformed", "original"] = "conformed"
    codec: Literal["prores", "dnxhr"] = "prores"
    handles: int = KEEP_FRAMES


@dataclass(slots=True)
class Packing:
    """One package on its way."""

    path: Path
    shape: Shape
    prepared: Prepared
    workers: int | None
    progress: Progress
    cancel: threading.Event
    names: Names = field(default_factory=lambda: Names(mark="-"))

    @property
    def zipped(self) -> bool:
        """Whether it is one file."""
        return self.path.suffix.lower() == ".zip"

    def guard(self, *, force: bool) -> None:
        """
        Refuse before any work when something lies where the package goes.

        Raises:
            OutputExistsError: If it isn't to be replaced.
            UsageError: If it never is.
        """
        path = self.path
        if path.is_dir() and self.zipped:
            raise UsageError(f"{path} is a folder", fix="name another ZIP file")
        if path.is_file() and not self.zipped:
            raise UsageError(f"{path} is a file", fix="name a folder, or a file that ends in .zip")
        there = path.is_file() or (path.is_dir() and any(path.iterdir()))
        if there and not force:
            raise OutputExistsError(
                f"{path} exists", fix="name another one, move it away, or use --force"
            )
        for file in files_read(self.prepared):
            if path.resolve() in (file.resolve(), *file.resolve().parents):
                raise OutputExistsError(
                    f"{file} is read for this film and the package could overwrite it",
                    fix="name a file or folder of its own for the package",
                )

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Folder to write into; what is in it becomes the package when all went well."""
        with scratch_folder(self.path) as scratch:
            folder = scratch / self.path.stem
            folder.mkdir()
            yield folder
            if self.zipped:
                self._zip(folder)
            else:
                self._move(folder)

    def _zip(self, folder: Path) -> None:
        with publish(self.path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, Path(self.path.stem) / path.relative_to(folder))

    def _move(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                to = self.path / path.relative_to(folder)
                to.parent.mkdir(parents=True, exist_ok=True)
                path.replace(to)

    def packed(self, cut: Cut, folder: Path) -> Cut:
        """The cut with all its media in *folder*."""
        if self.shape.media == "original":
            return self._copied(cut, folder)
        work = len(cut.clips) + len(cut.layers) + len(cut.sounds)
        self.progress.expect("render", work)
        clips = [self._clip(cut, n, folder) for n in range(len(cut.clips))]
        layers = [self._layer(cut, layer, folder) for layer in cut.layers]
        sounds = [self._sound(cut, sound, folder) for sound in cut.sounds]
        return replace(cut, clips=tuple(clips), layers=tuple(layers), sounds=tuple(sounds))

    def _preset(self) -> DeliveryPreset:
        own = (self.prepared.project.root / "presets",)
        return delivery_preset(_CODECS[self.shape.codec], own)

    def _clip(self, cut: Cut, n: int, folder: Path) -> Clip:
        clip = cut.clips[n]
        after = cut.clips[n + 1].transition if n + 1 < len(cut.clips) else None
        before = clip.transition.before_frames if clip.transition else 0
        late = bool(clip.source.change.table or clip.source.change.effects)
        baked = late and not clip.correction.neutral
        head = 0 if baked else max(self.shape.handles, before)
        tail = max(self.shape.handles, after.after_frames if after else 0)
        first = clip.source_in if clip.source.still else max(0, clip.source_in - head)
        has = clip.source.frames_at(cut.rate)
        stop = clip.source_out + tail if has is None else min(has, clip.source_out + tail)
        stop = max(stop, clip.source_out)
        skipped = clip.skipped if baked else ()
        shown = replace(
            clip,
            record=FrameRange(0, stop - first - len(skipped)),
            source_in=first,
            skipped=skipped,
            source=_from(clip.source, clip.source_in - first),
            correction=clip.correction if baked else NO_CORRECTION,
            transition=None,
            join="start",
        )
        source = self._rendered(cut, shown, cut.size, folder)
        source = replace(source, change=replace(UNCHANGED, cdl=clip.source.change.cdl))
        return replace(
            clip,
            source=source,
            source_in=clip.source_in - first,
            skipped=() if baked else tuple(n - first for n in clip.skipped),
            fit="cover",
            correction=NO_CORRECTION if baked else clip.correction,
        )

    def _layer(self, cut: Cut, layer: PictureLayer, folder: Path) -> PictureLayer:
        """A layer keeps its own shape: it is conformed to its box."""
        frames = layer.record.frames
        first = max(0, layer.source_in - self.shape.handles)
        has = layer.source.frames_at(cut.rate)
        stop = layer.source_in + frames + self.shape.handles
        stop = max(layer.source_in + frames, stop if has is None else min(has, stop))
        record = FrameRange(0, stop - first)
        size = (_even(layer.box[2]), _even(layer.box[3]))
        source = _from(layer.source, layer.source_in - first)
        shown = Clip(layer.id, layer.id, source, record, first, fit=layer.fit)
        source = self._rendered(cut, shown, size, folder)
        return replace(layer, source=source, source_in=layer.source_in - first)

    def _rendered(self, cut: Cut, clip: Clip, size: tuple[int, int], folder: Path) -> Source:
        source = replace(clip.source, change=replace(clip.source.change, cdl=None))
        alone = Cut(clip.id, size, cut.rate, cut.hz, cut.layout, (replace(clip, source=source),))
        path = folder / "media" / f"{self.names.unique(_plain(clip.id))}.mov"
        render(
            alone,
            self._preset(),
            path,
            sound=None,
            spans=folder.parent / "spans",
            workers=self.workers,
            cancel=self.cancel,
        )
        self.progress.advance("render", 1)
        return _source(path)

    def _sound(self, cut: Cut, sound: Sound, folder: Path) -> Sound:
        """A sound's own file, from its handle on."""
        ahead = min(Fraction(self.shape.handles) / cut.rate, max(Fraction(0), sound.source_start_s))
        ahead = Fraction(int(ahead * cut.hz), cut.hz)
        path = folder / "media" / f"{self.names.unique(f'{_plain(sound.id)}-sound')}.wav"
        begin, rounds = sound.source_start_s - ahead, sound.rounds
        with SampleReader(sound.path, sound.stream, begin, cut.hz, cut.channels) as reader:
            wanted = int((ahead + rounds.begun_s) * cut.hz) + sound.record.samples
            wanted += int(self.shape.handles * cut.hz / cut.rate)
            if rounds.length_s:
                wanted = min(wanted, int((ahead + rounds.length_s + rounds.spare_s) * cut.hz))
            with WavWriter(path, cut.hz, cut.channels, 24) as writer:
                while left := _left(reader, writer.samples, wanted, loop=sound.loop):
                    writer.write(reader.read(min(_BLOCK, left)))
        spare_s = Fraction(writer.samples, cut.hz) - ahead - rounds.length_s
        self.progress.advance("render", 1)
        return replace(
            sound,
            path=path,
            key=sha256_of(path),
            stream=0,
            source_start_s=ahead,
            rounds=replace(rounds, spare_s=min(rounds.spare_s, max(Fraction(0), spare_s))),
            free_in=None if sound.free_in is None else min(sound.free_in, int(ahead * cut.hz)),
        )

    def _copied(self, cut: Cut, folder: Path) -> Cut:
        """The files themselves, each once."""
        copies: dict[Path, Path] = {}

        def copy(path: Path, name: str) -> Path:
            if path not in copies:
                plain = re.fullmatch(r"[0-9a-f]{16,}", path.stem)  # takes are named by their keys
                stem = self.names.unique(_plain(name if plain else path.stem))
                to = copies[path] = folder / "media" / f"{stem}{path.suffix}"
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
            return copies[path]

        def source(one: Source, name: str) -> Source:
            path = copy(one.path, name)
            table = one.change.table
            change = one.change
            if table:
                change = replace(change, table=replace(table, path=copy(table.path, "table")))
            return replace(one, path=path, info=probe(path), change=change)

        clips = [replace(c, source=source(c.source, c.id)) for c in cut.clips]
        layers = [replace(one, source=source(one.source, one.id)) for one in cut.layers]
        sounds = [replace(s, path=copy(s.path, s.id)) for s in cut.sounds]
        return replace(cut, clips=tuple(clips), layers=tuple(layers), sounds=tuple(sounds))

    def finish(
        self, cut: Cut, folder: Path, delivery: Delivery, lost: Sequence[tuple[str, str]]
    ) -> None:
        """The programme's sound, its stems, and a word to whoever opens the package."""
        name = self.prepared.loaded.timeline.path.stem
        mix(
            cut,
            delivery.mix,
            folder / "sound" / f"{name}.wav",
            stems=folder / "sound" / "stems",
            cancel=self.cancel,
        )
        shutil.rmtree(folder.parent / "spans", ignore_errors=True)
        files = sorted(
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        )
        text = readme(cut, files, lost, self.shape)
        (folder / "README.txt").write_text(text, encoding="utf-8")


def readme(cut: Cut, files: Sequence[str], lost: Sequence[tuple[str, str]], shape: Shape) -> str:
    """What is in a package, and how it is opened."""
    width, height = cut.size
    seconds = float(cut.frames / cut.rate)
    kind = "the original files"
    if shape.media == "conformed":
        kind = f"conformed, with up to {counted(shape.handles, 'frame')} of handles"
    lines = [
        cut.title,
        "",
        f"{width}x{height}, {float(cut.rate):.5g} frames a second, {cut.frames} frames "
        f"({seconds:.2f} s), sound {cut.hz} Hz {cut.layout}.",
        f"Media are {kind}.",
        "",
        "Open the edit file of your program; all media are named relative to this folder:",
        "  DaVinci Resolve   .otio or .fcpxml (File > Import > Timeline)",
        "  Final Cut Pro     .fcpxml",
        "  Premiere Pro      .xml; when it asks, show it the folder media",
        "  Media Composer    .aaf, or .edl with its track's name",
        "",
        "sound/ has the mixed programme and its stems, grades/ the colour corrections of seams.",
        "What you change comes back with: assembler import FILE --render OUT.mp4",
        "(keep the .cut.json file beside it).",
        "",
        "Files:",
        *(f"  {name}" for name in files),
    ]
    if lost:
        lines += ["", "Not in these formats:"]
        lines += [f"  {form}: {what}" for form, what in lost]
    if cut.notes:
        lines += ["", "Notes:", *(f"  {note}" for note in cut.notes)]
    return "\n".join(lines) + "\n"


def _from(source: Source, ahead: int) -> Source:
    """A source whose effects know that they begin some frames earlier."""
    change = source.change
    if not change.effects:
        return source
    return replace(source, change=replace(change, effects_at=change.effects_at - ahead))


def _source(path: Path) -> Source:
    info = probe(path)
    assert info.video is not None
    return Source(sha256_of(path), path, info, info.video.colour)


def _left(reader: SampleReader, done: int, wanted: int, *, loop: bool) -> int:
    """Samples still to copy; what is looped is copied to its file's end, no further."""
    end = reader.end
    return (wanted if end is None or not loop else min(wanted, end)) - done


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or f"clip{os.getpid()}"


def _even(side: int) -> int:
    return max(16, (side + 1) // 2 * 2)
