"""
Films through loopback platforms whose runs are killed, and through which much goes wrong.

    python -m bench.chaos kill [--platform kling] [--kills 200] [--seed 1] [--films 2]
    python -m bench.chaos side-by-side [--run-s 10] [--trials 3]

`kill`: a chain of 6 links and one of 4. The run is ended by SIGKILL at a random moment (after some
requests and up to 0.15 s), or just when the platform has made a job and hasn't answered yet, and
started again until it is done; the platform refuses, breaks off and garbles answers meanwhile. Then
it must have made one job for each link and billed it once, and the clips must be those of an
undisturbed run, byte for byte; of some rounds the rendered film, too. PiAPI can't look up jobs, and
fal can't prove that there is none: there nothing may be sent again, and what became of a lost
request is told by the user, who is played here with the platform's own list.

`side-by-side`: 40 links in 8 chains with 0.3 s of latency, against one of the chains alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import assembler
from assembler.assemble.prepare import prepare
from assembler.errors import AssemblerError
from assembler.generation.base import Provider
from assembler.generation.http import Limits
from assembler.generation.run import generate, settle
from assembler.planning.ledger import Ledger, Submission
from assembler.planning.project import Project
from tests.servers.kit import Fault, Job, Platform, Stage, serving

SHAPE = {"a": 6, "b": 4}
"""Links of each chain."""
LINKS = sum(SHAPE.values())
LIMITS = Limits(wait_s=0.02, longest_wait_s=0.2)
CHANCES: dict[tuple[Stage, Fault], float] = {
    ("submit", "reset_before"): 0.04, ("submit", "reset_after"): 0.06,
    ("submit", "error_before"): 0.04, ("submit", "error_after"): 0.05,
    ("submit", "malformed_after"): 0.04, ("submit", "throttle"): 0.05, ("submit", "slow"): 0.05,
    ("find", "error_before"): 0.10, ("find", "malformed"): 0.05,
    ("poll", "reset_before"): 0.03, ("poll", "error_before"): 0.03, ("poll", "malformed"): 0.03,
    ("upload", "reset_before"): 0.05, ("upload", "error_before"): 0.05,
    ("download", "truncated"): 0.10, ("download", "reset_before"): 0.05,
    ("download", "expired"): 0.05,
}  # fmt: skip
REQUESTS = 8
"""A run that is killed has got so far at most, counted in what it asks of the platform."""
_ATTEMPTS = 300
"""Runs of one film, after which something is wrong with the bench."""
AT_REPLY = 0.25
"""Part of the jobs at which the run is killed before the reply."""


@dataclass(frozen=True)
class Kind:
    """A platform and how we reach it."""

    server: str
    keys: tuple[str, ...]
    provider: str
    more: dict[str, Any] = field(default_factory=dict)
    blind: bool = False
    """Lost jobs can't be found."""


KINDS = {
    "kling": Kind("tests.servers.kling:Kling", ("KLING_API_KEY",),
                  "assembler.generation.providers.kling:Kling", {"pace": 0.05}),
    "fal": Kind("tests.servers.fal:Fal", ("FAL_KEY",), "assembler.generation.providers.fal:Fal",
                {"looks_s": (0.1, 0.3)}),
    "piapi": Kind("tests.servers.piapi:Piapi", ("PIAPI_KEY",),
                  "assembler.generation.providers.piapi:Piapi", blind=True),
}  # fmt: skip


def main() -> None:
    """Run what is asked for and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    verbs = parser.add_subparsers(dest="verb", required=True)
    kill = verbs.add_parser("kill")
    kill.add_argument("--platform", choices=KINDS, default="kling")
    kill.add_argument("--kills", type=int, default=200)
    kill.add_argument("--seed", type=int, default=1)
    kill.add_argument("--films", type=int, default=2)
    beside = verbs.add_parser("side-by-side")
    beside.add_argument("--run-s", type=float, default=0.0, help="seconds that a job takes")
    beside.add_argument("--trials", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.verb == "kill":
            print(killed(Path(folder), args.platform, args.kills, args.seed, args.films))
        else:
            print(side_by_side(Path(folder), args.run_s, args.trials))


# -- kills -----------------------------------------------------------------------------------


@dataclass
class Tally:
    """What came of all rounds."""

    platform: str
    rounds: int = 0
    kills: int = 0
    at_reply: int = 0
    """Kills between the making of a job and its reply."""
    in_flight: int = 0
    """Kills while a submission was on its way, by what the ledger says."""
    errors: int = 0
    """Runs that ended by themselves, with an error."""
    jobs: int = 0
    duplicates: int = 0
    billed_twice: int = 0
    unknown: int = 0
    """Submissions that the user was asked about."""
    other_clips: int = 0
    films: int = 0
    other_films: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def links(self) -> int:
        """Links that were made."""
        return self.rounds * LINKS

    def good(self) -> bool:
        """Whether nothing was lost, made or paid twice."""
        wrong = self.duplicates + self.billed_twice + self.other_clips + self.other_films
        return wrong == 0 and self.jobs == self.links

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        return "\n".join((
            f"{self.platform}: {self.rounds} films of {LINKS} links, {self.kills} kills in "
            f"{self.seconds:.0f} s ({self.in_flight} with a request on its way, {self.at_reply} of "
            f"them between job and reply), {self.errors} runs ended by an error",
            f"  jobs {self.jobs} for {self.links} links, duplicates {self.duplicates}, billed "
            f"twice {self.billed_twice}, asked the user {self.unknown}",
            f"  clips unlike the undisturbed run's {self.other_clips}; films compared "
            f"{self.films}, unlike {self.other_films}",
            f"  faults: {faults}",
        ))  # fmt: skip


def killed(folder: Path, platform: str, kills: int, seed: int, films: int) -> Tally:
    """Rounds until there were so many kills."""
    rng = random.Random(seed)
    tally, kind = Tally(platform), KINDS[platform]
    wanted, film = _undisturbed(folder, platform, films > 0)
    begin = time.monotonic()
    context = _context()
    while tally.kills < kills:
        home = folder / f"round-{tally.rounds}"
        with _platform(folder, kind) as server:
            server.faults.chances = CHANCES
            server.faults.rng = random.Random(rng.random())
            _until_done(context, home, platform, server, tally, rng)
            _count(home, server, wanted, tally)
            if tally.films < films:
                tally.films += 1
                server.faults.chances = {}
                tally.other_films += _film(home, platform, server) != film
        tally.seconds = time.monotonic() - begin
        print(f"{tally.kills} kills, {tally.rounds} films", file=sys.stderr)
    return tally


def _context() -> ForkServerContext:
    """Processes that start with everything imported, so that kills hit work, not imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["assembler.assemble.film", "tests.servers.kit"]
        + [kind.provider.partition(":")[0] for kind in KINDS.values()]
    )
    return context


def _until_done(
    context: ForkServerContext, home: Path, platform: str, server: Platform, tally: Tally,
    rng: random.Random,
) -> None:  # fmt: skip
    timeline = write_timeline(home, platform)
    for _ in range(_ATTEMPTS):
        run = context.Process(
            target=_run_apart, args=(str(timeline), platform, server.url, server.key)
        )
        hit = threading.Event()

        def at_reply(job: Job, run: ForkServerProcess = run, hit: threading.Event = hit) -> None:
            if rng.random() < AT_REPLY:
                run.kill()
                hit.set()

        server.on_job = at_reply
        run.start()
        _wait_for(run, server, len(server.calls) + rng.randrange(REQUESTS + 1))
        run.join(rng.uniform(0.0, 0.15))
        if run.exitcode is None:
            run.kill()
        run.join()
        code = run.exitcode
        run.close()
        server.on_job = lambda job: None
        time.sleep(0.02)  # a request that has left may still be acted on
        if code is not None and code < 0:
            tally.kills += 1
            tally.at_reply += hit.is_set()
            tally.in_flight += any(row.state == "sent" for row in _rows(timeline))
        elif code:
            tally.errors += 1
        else:
            tally.rounds += 1
            return
        _settled(timeline, server, tally, platform)
    raise RuntimeError(f"{platform}: not done after {_ATTEMPTS} runs; {tally}")


def _wait_for(run: ForkServerProcess, server: Platform, calls: int) -> None:
    """Until so much was asked of the platform, or the run has ended: no clock, so that the load of
    the machine doesn't matter."""
    while len(server.calls) < calls and run.exitcode is None:
        run.join(0.003)


def _run_apart(timeline: str, platform: str, url: str, key: str) -> None:
    """In a process of its own: prepare and generate; exits with 1 where a user sees an error."""
    _enter(KINDS[platform], platform, url, key)
    logging.getLogger("stamina").addHandler(logging.NullHandler())  # a retry is no news
    prepared = prepare(timeline, write=True)
    try:
        generate(prepared.plan, prepared.project, providers=_providers(platform, prepared.project))
    except AssemblerError:
        os._exit(1)
    os._exit(0)


def _enter(kind: Kind, platform: str, url: str, key: str) -> None:
    os.environ[f"ASSEMBLER_{platform.upper()}_URL"] = url
    os.environ |= dict.fromkeys(kind.keys, key)


def _providers(platform: str, project: Project) -> dict[str, Provider]:
    kind = KINDS[platform]
    folder = project.home / "jobs" / platform
    made: Provider = resolve_name(kind.provider)(folder, limits=LIMITS, **kind.more)
    made.poll_s = 0.05
    return {platform: made}


def _settled(timeline: Path, server: Platform, tally: Tally, platform: str) -> None:
    """The user looks into the platform's list of jobs and says what became of lost requests."""
    project = Project(timeline)
    for row in _rows(timeline):
        if row.state != "unknown":
            continue
        known = {other.job for other in _rows(timeline)}
        segment = row.link.partition(".")[0]
        jobs = [j.id for j in server.jobs.values() if _words(segment) in json.dumps(j.body)]
        free = [job for job in jobs if job not in known]
        tally.unknown += 1
        settle(project, row.client_id, free[0] if free else None)


def _count(home: Path, server: Platform, wanted: dict[str, str], tally: Tally) -> None:
    tally.jobs += len(server.jobs)
    tally.duplicates += max(0, len(server.jobs) - LINKS)
    times = Counter(job for job, _ in server.billed)
    tally.billed_twice += sum(count - 1 for count in times.values())
    tally.faults.update(f"{stage} {fault}" for stage, fault in server.faults.hit)
    made = _clips(home)
    tally.other_clips += sum(made.get(link) != digest for link, digest in wanted.items())
    rows = [row for row in _rows(home / "film.yaml") if row.state == "fetched"]
    jobs = sorted((row.job or "").rpartition("/")[2] for row in rows)  # fal's begin with a path
    assert jobs == sorted(server.jobs), f"the ledger has {jobs}, the platform {list(server.jobs)}"


def _clips(home: Path) -> dict[str, str]:
    """SHA-256 of every link's clip, by link."""
    rows = [row for row in _rows(home / "film.yaml") if row.state == "fetched"]
    takes = Project(home / "film.yaml").takes
    return {r.link: _digest(takes / f"{r.key}.mp4") for r in rows}


def _undisturbed(folder: Path, platform: str, film: bool) -> tuple[dict[str, str], str]:
    """The clips that should come out, and the film."""
    for name in ("drawn", "undisturbed"):  # the first has the platform draw its clips
        home = folder / name
        timeline = write_timeline(home, platform)
        with _platform(folder, KINDS[platform]) as server:
            run = _context().Process(
                target=_run_apart, args=(str(timeline), platform, server.url, server.key)
            )
            run.start()
            run.join()
            assert run.exitcode == 0, "the undisturbed run failed"
            made = _film(home, platform, server) if film and name == "undisturbed" else ""
    return _clips(home), made


def _film(home: Path, platform: str, server: Platform) -> str:
    _enter(KINDS[platform], platform, server.url, server.key)
    before = len(server.jobs)
    made = assembler.render(home / "film.yaml")
    assert len(server.jobs) == before, "the render has made new jobs"
    return _digest(made.outputs[0].path)


@contextmanager
def _platform(folder: Path, kind: Kind, **more: Any) -> Iterator[Platform]:
    made = resolve_name(kind.server)
    settings = {"size": (64, 64), "run_s": 0.1, "latency_s": 0.02} | more
    with serving(made(folder / "server", **settings)) as server:
        server.slow_s = 0.2
        yield server


def _rows(timeline: Path) -> tuple[Submission, ...]:
    ledger = Project(timeline).ledger
    if not ledger.is_file():
        return ()
    with Ledger(ledger) as opened:
        return opened.submissions()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _words(segment: str) -> str:
    """A prompt that no other segment has, so that every clip is another."""
    scene = ("Harbour", "Forest", "City", "Desert")["abcdefghijkl".index(segment[0]) % 4]
    move = ("push in", "pan left", "tilt up", "pull out", "pan right")[int(segment[1:]) % 5]
    return f"{scene} number {segment}, {move}"


def write_timeline(home: Path, platform: str, shape: dict[str, int] | None = None) -> Path:
    """A film of chains of 3 s links, with a small square model, so that runs are short."""
    home.mkdir(parents=True, exist_ok=True)
    model = home / "presets" / "models" / "kling-3.0.yaml"
    model.parent.mkdir(parents=True, exist_ok=True)
    model.write_text(
        "id: kling-3.0\ntitle: Small\nvendor: kling\nkinds: [text, image]\n"
        f"providers: [{platform}]\nlengths: {{min_s: 3, max_s: 15}}\n"
        "frames: {rate: 24, extra: 1}\n"
        'sizes: {720p: {"1:1": 300x300}}\ndefault_resolution: 720p\nstart_image: true\n'
        f"prices:\n  - {{provider: {platform}, usd_per_s: 0.1}}\n",
        encoding="utf-8",
    )
    segments = []
    for chain, links in (shape or SHAPE).items():
        for n in range(1, links + 1):
            on = f"continue: {chain}{n - 1}, " if n > 1 else ""
            segments.append(
                f'  - {{id: {chain}{n}, {on}duration: 3s, prompt: "{_words(f"{chain}{n}")}"}}'
            )
    timeline = home / "film.yaml"
    timeline.write_text(
        "assembler: 1\ntitle: Chaos\ncanvas: {size: 64x64, rate: 24}\n"
        "output: [{preset: web-720p, size: 64x64, path: out/film.mp4}]\n"
        f"defaults: {{provider: {platform}, model: kling-3.0, resolution: 720p, audio: off}}\n"
        "segments:\n" + "\n".join(segments) + "\n",
        encoding="utf-8",
    )
    return timeline


# -- side by side ----------------------------------------------------------------------------


@dataclass(frozen=True)
class SideBySide:
    """One chain alone, and eight at once."""

    alone_s: float
    together_s: float
    alone_mb: float
    together_mb: float
    chains: int
    links: int

    @property
    def factor(self) -> float:
        """How much longer all chains take than one."""
        return self.together_s / self.alone_s

    def __str__(self) -> str:
        return (
            f"{self.links} links in {self.chains} chains: {self.together_s:.2f} s, one chain "
            f"alone {self.alone_s:.2f} s, factor {self.factor:.2f}; memory "
            f"{self.together_mb:.0f} MB, alone {self.alone_mb:.0f} MB"
        )


def side_by_side(
    folder: Path, run_s: float, trials: int, chains: int = 8, links: int = 5
) -> SideBySide:
    """Wall time and memory; the platform has drawn its clips before."""
    names = "abcdefghijkl"[:chains]
    whole = dict.fromkeys(names, links)
    times: dict[str, list[tuple[float, float]]] = {"all": [], "one": []}
    with _platform(folder, KINDS["kling"], latency_s=0.3, run_s=run_s) as server:
        for trial in range(trials + 1):
            for name, shape in (("one", {"a": links}), ("all", whole)):
                timeline = write_timeline(folder / f"{name}-{trial}", "kling", shape)
                with server.lock:
                    server.jobs.clear()
                found = _timed(timeline, server, chains)
                if trial:  # the first has the platform draw
                    times[name].append(found)
    alone, together = (
        (statistics.median(s for s, _ in times[n]), max(mb for _, mb in times[n]))
        for n in ("one", "all")
    )
    return SideBySide(alone[0], together[0], alone[1], together[1], chains, chains * links)


def _timed(timeline: Path, server: Platform, chains: int) -> tuple[float, float]:
    context = _context()
    results: Any = context.SimpleQueue()
    run = context.Process(
        target=_timed_apart, args=(str(timeline), server.url, server.key, chains, results)
    )
    run.start()
    seconds, megabytes = results.get()
    run.join()
    return seconds, megabytes


def _timed_apart(timeline: str, url: str, key: str, chains: int, results: Any) -> None:
    _enter(KINDS["kling"], "kling", url, key)
    prepared = prepare(timeline, write=True)
    folder = prepared.project.home / "jobs"
    provider = resolve_name(KINDS["kling"].provider)(folder, concurrency=chains)
    provider.poll_s = 0.5
    begin = time.monotonic()
    generate(prepared.plan, prepared.project, providers={"kling": provider})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put((time.monotonic() - begin, peak))


if __name__ == "__main__":
    main()
