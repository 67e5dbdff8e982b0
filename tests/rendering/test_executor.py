"""Spans made in processes of their own: what they make, and what a kill costs."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import psutil
import pytest

from assembler.errors import RenderError
from assembler.match.decision import Correction
from assembler.rendering.encode import SpanJob, sharing
from assembler.rendering.executor import Processes, Threads
from assembler.rendering.render import fitting_workers, make, render, starter_for
from assembler.rendering.smart import as_source
from assembler.rendering.spans import form_of, spans_of
from assembler.spec.presets import delivery_preset
from tests.rendering.conftest import clip, cut_of
from tests.rendering.numbers import numbers_in

LOSSLESS = delivery_preset("lossless")


def workers_of(pid: int | None = None) -> list[psutil.Process]:
    """Processes that make spans for a process."""
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.Error):
            if "rendering import worker" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_processes_make_the_same_film(sources, tmp_path, spans):
    """The number of frames told is the whole length at the end."""
    a, b = sources
    cut = cut_of(clip(a, 0, 20), clip(b, 20, 40))
    told: list[int] = []
    rendered = render(
        cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans, workers=2,
        executor=Processes, on_frames=told.append,
    )  # fmt: skip
    assert numbers_in(rendered.path) == [*range(20), *range(1000, 1020)]
    assert told[-1] == 40
    assert workers_of() == []


def test_a_killed_worker_is_replaced_and_its_span_made(sources, tmp_path):
    """Killed as soon as it works, it costs one more start."""
    (span,) = spans_of(cut_of(clip(sources[0], 0, 72)), LOSSLESS)
    done, killed = threading.Event(), list[int]()

    def kill() -> None:
        while not done.is_set():
            for worker in workers_of():
                if worker.children():
                    worker.kill()
                    killed.append(worker.pid)
                    return
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    with Processes(1, threading.Event()) as executor:
        killer.start()
        future = executor.submit(SpanJob(span, tmp_path), lambda _: None)
        path = future.result(60)
        done.set()
        killer.join()
    assert len(killed) == 1
    assert numbers_in(path) == list(range(72))
    assert SpanJob(span, tmp_path).sound()


def test_an_error_of_a_job_is_told_and_the_worker_stays(sources, tmp_path):
    """The same error as in this process."""
    a, b = sources
    gone = replace(a, path=tmp_path / "gone.mp4")
    spans = [spans_of(cut_of(clip(taken, 0, 20)), LOSSLESS)[0] for taken in (gone, b)]
    with Processes(1, threading.Event()) as executor:
        futures = [executor.submit(SpanJob(s, tmp_path), lambda _: None) for s in spans]
        with pytest.raises(RenderError, match="ffmpeg ended with"):
            futures[0].result(60)
        before = workers_of()
        assert numbers_in(futures[1].result(60)) == list(range(1000, 1020))
        assert workers_of() == before


_ASKER = """
import pickle, sys, threading, time
from pathlib import Path
from assembler.rendering.executor import Processes

jobs = pickle.loads(Path(sys.argv[1]).read_bytes())
with Processes(1, threading.Event()) as executor:
    for job in jobs:
        executor.submit(job, lambda _: print("works", flush=True))
    time.sleep(60)
"""


def test_workers_end_with_who_asked(sources, tmp_path):
    """After kill -9 nothing keeps on encoding."""
    cut = cut_of(*(clip(sources[0], n * 72, n * 72 + 72, id=f"c{n}") for n in range(8)))
    delivery = LOSSLESS.model_copy(update={"size": (1280, 768)})
    jobs = [SpanJob(span, tmp_path) for span in spans_of(cut, delivery)]
    (tmp_path / "jobs").write_bytes(pickle.dumps(jobs))
    argv = [sys.executable, "-c", _ASKER, str(tmp_path / "jobs")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path.cwd()) as child:
        child.stdout.readline()
        left = psutil.Process(child.pid).children(recursive=True)
        child.kill()
    assert len(left) >= 1
    assert psutil.wait_procs(left, timeout=10)[1] == []


def test_little_work_starts_no_processes(sources, tmp_path):
    """A few small frames are made by threads, an hour by processes."""
    (span,) = spans_of(cut_of(clip(sources[0], 0, 72)), LOSSLESS)
    job = SpanJob(span, tmp_path)
    assert starter_for([job] * 3, 2) is Threads
    assert starter_for([job] * 20_000, 2) is Processes
    assert starter_for([job] * 20_000, 1) is Threads


def test_copies_start_no_processes(sources, tmp_path):
    """However long they are: a copy is done before a process has begun."""
    cut, delivery = cut_of(clip(sources[0], 0, 72)), delivery_preset("match-source")
    (span,) = spans_of(cut, as_source(cut, delivery))
    assert span.copied is not None
    assert starter_for([SpanJob(span, tmp_path)] * 20_000, 2) is Threads


def test_deliveries_of_the_same_pictures_are_made_from_one_decoding(sources, tmp_path):
    """The files are those that each delivery would get by itself."""
    a, b = sources
    cut = cut_of(clip(a, 0, 30, 5), clip(b, 30, 60))
    small = LOSSLESS.model_copy(update={"size": (160, 96)})
    square = delivery_preset("web-720p").model_copy(update={"size": (96, 96)})
    forms = (LOSSLESS, small, square)
    planned = [span for form in forms for span in spans_of(cut, form)]
    jobs = list(sharing(SpanJob(span, tmp_path / "together") for span in planned))
    assert [len(job.beside) for job in jobs] == [2, 2]
    assert len(make(planned, tmp_path / "together", workers=2)) == 6
    make(planned, tmp_path / "alone", workers=2, executor=Alone)
    for span in planned:
        both = [SpanJob(span, tmp_path / where) for where in ("together", "alone")]
        assert all(job.sound() for job in both)
        pair = [frames_in(job.path) for job in both]
        assert len(pair[0]) == span.length
        assert all(map(np.array_equal, *pair))


class Alone(Threads):
    """Makes every span by itself."""

    def submit(self, job, report):
        for one in (replace(job, beside=()), *job.beside):
            found = super().submit(one, report)
        return found


def frames_in(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_corrected_spans_share_where_their_pictures_are_the_same(sources, tmp_path):
    """Arrays are made in the delivered size, so another size is made by itself."""
    fix = Correction(affine=(1.01, 0.0, 0.001, 0.0, 1.01, 0.001))
    cut = cut_of(clip(sources[0], 0, 30, correction=fix))
    forms = (
        LOSSLESS,
        delivery_preset("match-source"),
        LOSSLESS.model_copy(update={"size": (160, 96)}),
    )
    planned = [span for form in forms for span in spans_of(cut, form)]
    jobs = list(sharing(SpanJob(span, tmp_path) for span in planned))
    assert [len(job.beside) for job in jobs] == [1, 0]
    make(planned, tmp_path, workers=1)
    lossless, copied = (frames_in(SpanJob(s, tmp_path).path) for s in planned[:2])
    assert np.abs(np.stack(lossless).astype(int) - np.stack(copied)).mean() < 1


def test_pictures_beyond_2560x1440_have_as_few_encoders_as_their_threads_fill(monkeypatch):
    """Each holds gigabytes: four threads each on eight cores make two."""
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=64 << 30))
    small, large = (form_of(cut_of(), delivery_preset(p)) for p in ("web-720p", "youtube-4k"))
    assert (fitting_workers(small), fitting_workers(large)) == (8, 2)


def test_little_free_memory_means_one_encoder(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1 << 20))
    assert fitting_workers(form_of(cut_of(), delivery_preset("web-720p"))) == 1
