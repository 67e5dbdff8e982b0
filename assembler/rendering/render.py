"""
From a cut to a final file: spans made in parallel, joined by copy, measured.

    rendered = render(cut, delivery, Path("film.mp4"), sound=Path("mix.wav"), spans=folder)

What is on disk under its key is used again. A kill loses the spans in flight, no more.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from assembler.cut.model import Clip, Cut, Insert
from assembler.cut.part import part_of
from assembler.errors import RenderError
from assembler.media.conform import notes as conform_notes
from assembler.media.ffmpeg import run
from assembler.media.files import publish, sha256_of, sweep
from assembler.planning.keys import content_key
from assembler.rendering.damage import damage_notes
from assembler.rendering.encode import SpanJob, sharing, span_name
from assembler.rendering.executor import Processes, Starter, Threads, startable
from assembler.rendering.hardware import is_hardware
from assembler.rendering.join import FORMATS, join
from assembler.rendering.smart import (
    as_source,
    copy_notes,
    in_its_numbers,
)
from assembler.rendering.sound import beforehand, encode, intact
from assembler.rendering.spans import Form, Span, form_of, spans_of
from assembler.rendering.verify import Verified, verify
from assembler.spec.presets import DeliveryPreset
from assembler.timebase import FrameRange

JOIN = 4
"""Version of how spans become a file."""

_MUCH_PIXELS = 300 * 1920 * 1080
"""About ten seconds of encoding; less isn't worth the start of processes."""

_LARGE_PIXELS = 2560 * 1440
MOST_ON_CHIP = 2
"""Encodings at a time in a graphics chip; drivers allow few, and one keeps it busy."""

_ENCODER_FRAMES = 90
"""Frames that an encoder with its lookahead and a graph hold at a time, generously."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished file and what it took."""

    path: Path
    frames: int
    spans: int
    made: tuple[str, ...]
    """Spans that were encoded, by their frames."""
    reused: int
    """Spans that were there."""
    joined: bool
    """False when the file was there already, and nothing had changed."""
    notes: tuple[str, ...]
    verified: Verified
    keys: tuple[str, ...] = ()
    """Of all its spans."""


def render(
    cut: Cut,
    delivery: DeliveryPreset,
    out: Path,
    *,
    sound: Path | None,
    spans: Path,
    inserts: Sequence[Insert] = (),
    captions: Path | None = None,
    part: FrameRange | None = None,
    workers: int | None = None,
    executor: Starter | None = None,
    on_frames: Callable[[int], None] | None = None,
    on_bytes: Callable[[int], None] | None = None,
    cancel: threading.Event | None = None,
) -> Rendered:
    """
    Render *cut* to *out*.

    Args:
        cut: The programme.
        delivery: What kind of file.
        out: Where it goes; replaced when it exists, so ask before.
        sound: The mixed programme sound as WAV; None makes a silent film.
        spans: Folder of spans that are kept.
        inserts: Titles and captions made in the size of the delivery.
        captions: SubRip file that becomes a track of the film, in its time.
        part: Frames of the programme that the file shows; None for all.
        workers: Spans made at a time; None fits cores and memory.
        executor: Starts what makes them; None takes what suits the work on this machine.
        on_frames: Told how many frames are finished: at first those that are there.
        on_bytes: Told the size of every span that is made.
        cancel: Stops all work when set.

    Raises:
        RenderError: If a span can't be made, the file isn't what was asked for, or it is cancelled.
    """
    if not cut.clips:
        raise RenderError("the programme has no clips", cut.title, "add a segment.")
    delivery = as_source(cut, delivery)
    planned = spans_of(cut, delivery, inserts, part)
    shown = part_of(cut, part) if part else cut
    begins = part.start / cut.rate if part else Fraction(0)
    stamp = _stamp(planned, sound, shown, delivery, captions, begins)
    record = spans / f"final-{content_key(path=out.absolute())}.json"
    notes = conversions(shown, delivery)
    jobs = [SpanJob(span, spans) for span in planned]
    if _unchanged(record, stamp, out):
        found = verify(out, shown, delivery, sound=sound is not None)
        notes += _told(jobs)
        return Rendered(out, shown.frames, len(planned), (), len(planned), False, notes, found)
    with _sounding(sound, spans, shown, delivery, begins) as packets:
        made = make(
            planned, spans, workers=workers, executor=executor, on_frames=on_frames,
            on_bytes=on_bytes, cancel=cancel,
        )  # fmt: skip
        encoded = packets()
    for job in jobs:
        job.used()
    parts = [job.part() for job in jobs]
    with publish(out) as new, caption_track(captions, delivery) as words, _joining(out, delivery):
        join(
            parts, sound, new, cut=shown, delivery=delivery, captions=words, begins=begins,
            encoded=encoded, cancel=cancel,
        )  # fmt: skip
        found = verify(new, shown, delivery, sound=sound is not None)
    _remember(record, stamp, out)
    notes += _told(jobs)
    names = tuple(span_name(span) for span in made)
    found, reused = replace(found, path=out), len(planned) - len(made)
    keys = tuple(span.key for span in planned)
    return Rendered(out, shown.frames, len(planned), names, reused, True, notes, found, keys)


@contextmanager
def _joining(out: Path, delivery: DeliveryPreset) -> Iterator[None]:
    """What a container refuses, in a sentence."""
    import av

    try:
        yield
    except av.FFmpegError as exc:
        if isinstance(exc, OSError):  # of the disk
            raise
        codecs = f"{delivery.video.encoder} and {delivery.audio.encoder}"
        raise RenderError(
            f"a .{delivery.container} file doesn't take {codecs} as they are here: {exc.strerror}",
            str(out),
            "take another container, or a preset that comes with the program.",
        ) from exc


def _told(jobs: Sequence[SpanJob]) -> tuple[str, ...]:
    """What came up when spans were made, now or before."""
    notes = dict.fromkeys(note for job in jobs if (note := job.note()))
    return (*notes, *damage_notes((job.span, job.damaged()) for job in jobs))


@contextmanager
def _sounding(
    sound: Path | None, folder: Path, cut: Cut, delivery: DeliveryPreset, begins: Fraction
) -> Iterator[Callable[[], Path | None]]:
    """Encode the sound while pictures are made, where that can be; asks for its packets."""
    if sound is None or not beforehand(delivery):
        yield lambda: None
        return
    key = content_key(
        stage=JOIN,
        sound=_heard(sound),
        begins=begins,
        audio=delivery.audio.model_dump(mode="json"),
        hz=cut.hz,
        layout=cut.layout,
        length=cut.frames / cut.rate,
    )
    path = folder / f"{key}.sound"
    if intact(path):
        yield lambda: path
        return
    folder.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="sound") as pool:
        try:
            yield pool.submit(encode, sound, path, cut, delivery.audio, begins, stop).result
        except BaseException:
            stop.set()
            raise


def _heard(sound: Path) -> list[object]:
    stat = sound.stat()
    return [sound.absolute(), stat.st_size, stat.st_mtime_ns]


def conversions(cut: Cut, delivery: DeliveryPreset) -> tuple[str, ...]:
    """Every conversion and assumption, said once."""
    size = delivery.size_on(cut.size)
    found: dict[str, None] = {}
    form = form_of(cut, as_source(cut, delivery))
    if form.matrix == "bt601":
        found["the film is in BT.601, as all its clips are"] = None
    cut = in_its_numbers(cut, form.matrix)
    for clip in cut.clips:
        source = clip.source
        found |= dict.fromkeys(conform_notes(source.info, source.colour, size=size, rate=cut.rate))
        found |= dict.fromkeys(_held(clip, cut))
    if delivery.match_source:
        found |= dict.fromkeys(copy_notes(cut, form.wanted))
    return tuple(found)


def _held(clip: Clip, cut: Cut) -> Iterator[str]:
    """Whether a clip is longer than its source."""
    video = clip.source.info.video
    if video is None or clip.source.info.still:
        return
    missing = clip.source_out - (clip.source.frames_at(cut.rate) or clip.source_out)
    if missing > 0:
        name = clip.source.path.name
        yield f"{name}: it ends {missing} frames before clip {clip.id} does; its last frame is held"


_CAPTIONS = {"mp4": "mov_text", "mov": "mov_text", "mkv": "subrip", "webm": "webvtt"}
"""How containers carry captions."""


@contextmanager
def caption_track(captions: Path | None, delivery: DeliveryPreset) -> Iterator[Path | None]:
    """
    The captions as a file of one track that the delivery's container takes.

    Raises:
        RenderError: If it takes none.
    """
    if captions is None:
        yield None
        return
    codec = _CAPTIONS.get(delivery.container)
    if codec is None:
        what = f"a .{delivery.container} file has no track for captions"
        raise RenderError(what, fix="leave `captions: {track: …}` out, or take another container.")
    with tempfile.TemporaryDirectory(prefix="assembler-captions-") as folder:
        path = Path(folder) / f"captions.{delivery.container}"
        args = ["-i", f"file:{captions.as_posix()}", "-map", "0:s", "-c:s", codec]
        run([*args, "-f", FORMATS.get(delivery.container, delivery.container), str(path)])
        yield path


def _stamp(
    planned: Sequence[Span],
    sound: Path | None,
    cut: Cut,
    delivery: DeliveryPreset,
    captions: Path | None,
    begins: Fraction,
) -> str:
    """Key of everything that decides the final file."""
    return content_key(
        stage=JOIN,
        spans=[span.key for span in planned],
        sound=[*_heard(sound), begins] if sound is not None else None,
        title=cut.title,
        chapters=cut.chapters,
        metadata=cut.metadata,
        captions=sha256_of(captions) if captions else None,
        language=cut.caption_track,
        audio=delivery.audio.model_dump(mode="json"),
        tag=delivery.video.tag,
        container=delivery.container,
        mux=dict(delivery.mux),
    )


def _unchanged(record: Path, stamp: str, out: Path) -> bool:
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        stat = out.stat()
    except (FileNotFoundError, ValueError):
        return False
    return bool(known == {"stamp": stamp, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns})


def _remember(record: Path, stamp: str, out: Path) -> None:
    stat = out.stat()
    entry = {"stamp": stamp, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    with publish(record) as part:
        part.write_text(json.dumps(entry), encoding="utf-8")


def make(
    planned: Iterable[Span],
    folder: Path,
    *,
    workers: int | None = None,
    executor: Starter | None = None,
    on_frames: Callable[[int], None] | None = None,
    on_bytes: Callable[[int], None] | None = None,
    cancel: threading.Event | None = None,
) -> tuple[Span, ...]:
    """
    Make the spans that aren't in *folder*; those that had to be made.

    Where several deliveries show the same pictures, these are decoded once for all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    jobs = {span.key: SpanJob(span, folder) for span in planned}
    missing = [job for job in jobs.values() if not job.sound()]
    total = sum(span.length for span in planned)
    progress = _Progress(total - sum(job.span.length for job in missing), on_frames)
    together = list(sharing(missing))
    if missing:
        fitting = workers or min(fitting_workers(job.span.form) for job in missing)
        workers = min(fitting, len(together))
        start = executor or starter_for(together, workers)
        _run_all(together, workers, start, progress, on_bytes, cancel)
    return tuple(job.span for job in missing)


def _run_all(
    jobs: Sequence[SpanJob],
    workers: int,
    start: Starter,
    progress: _Progress,
    on_bytes: Callable[[int], None] | None,
    cancel: threading.Event | None,
) -> None:
    """Run the longest first; the first failure stops all."""
    stop = _Stop(cancel)

    def weigh(job: SpanJob, future: Future[Path]) -> None:
        if on_bytes is not None and not future.cancelled() and not future.exception():
            on_bytes(sum(one.path.stat().st_size for one in (job, *job.beside)))

    with start(workers, stop) as executor:
        ordered = sorted(jobs, key=lambda job: -job.span.length)
        futures = [executor.submit(job, progress.of(job)) for job in ordered]
        for job, future in zip(ordered, futures, strict=True):
            future.add_done_callback(partial(weigh, job))
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise


def starter_for(jobs: Sequence[SpanJob], workers: int) -> Starter:
    """Processes where what is encoded is worth starting them, threads else."""
    pixels = sum(
        math.prod(one.span.form.size) * one.span.length
        for job in jobs
        for one in (job, *job.beside)
        if one.span.copied is None
    )
    several = workers > 1 and startable()
    return Processes if several and pixels > _MUCH_PIXELS else Threads


class _Stop(threading.Event):
    """Set when the caller's event is, or by a failure."""

    def __init__(self, outer: threading.Event | None) -> None:
        super().__init__()
        self.outer = outer

    def is_set(self) -> bool:
        return super().is_set() or (self.outer is not None and self.outer.is_set())


class _Progress:
    """Frames finished in all spans together."""

    def __init__(self, ready: int, tell: Callable[[int], None] | None) -> None:
        self.lock = threading.Lock()
        self.counts: dict[str, int] = {"": ready}
        self.tell = tell
        if tell is not None:
            tell(ready)

    def of(self, job: SpanJob) -> Callable[[int], None]:
        """What one job reports to."""

        keys = [one.span.key for one in (job, *job.beside)]

        def report(frames: int) -> None:
            with self.lock:
                self.counts |= dict.fromkeys(keys, min(frames, job.span.length))
                total = sum(self.counts.values())
            if self.tell is not None:
                self.tell(total)

        return report


def fitting_workers(form: Form) -> int:
    """Spans to make at a time: no more than cores, no more than half the free memory holds."""
    import psutil

    deep = 2 if "10" in form.pix_fmt or "12" in form.pix_fmt else 1
    frame = form.size[0] * form.size[1] * 3 * deep
    by_memory = psutil.virtual_memory().available // 2 // (frame * _ENCODER_FRAMES)
    most = os.cpu_count() or 1
    if is_hardware(form.encoder):
        most = MOST_ON_CHIP
    elif math.prod(form.size) > _LARGE_PIXELS:
        # Each holds gigabytes, and the threads of one keep several cores busy.
        most = math.ceil(most / int(dict(form.options).get("threads", 1)))
    return max(1, min(most, int(by_memory)))
