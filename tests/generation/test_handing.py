"""What links are started on: the frame, its look, and what makes up for trimmed tails."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assembler.generation.base import Take
from assembler.generation.run import generate
from assembler.generation.takes import pending_path, started_on
from assembler.generation.trends import drifting, trimmed
from assembler.match.measure import colour_step, low_lab, sharpness
from assembler.match.trend import Drift
from assembler.media.frames import read_frames
from assembler.media.stills import read_image
from assembler.planning.clips import Handed
from assembler.planning.model import Handoff, Link, Longer
from assembler.planning.project import Project
from tests.generation.links import link, plan_of, project_in

HOP = {"seed": 3, "colour": 5.0, "contrast": 0.04, "soften": 1.5}
SPAN_S = {"length_s": Fraction(2), "frames": 49}


def _chain(count: int, faults: dict[str, Any], **changes: Any) -> list[Link]:
    """Links of a static shot that hand over to one another, all with the same faults."""
    options = {"label": False, "faults": faults}
    made = [link("dawn.1", "Static shot of a harbour.", options=options, **SPAN_S)]
    for n in range(2, count + 1):
        start = Handoff(f"dawn.{n - 1}")
        prompt = f"Static shot {n}."
        made.append(link(f"dawn.{n}", prompt, options=options, start=start, **SPAN_S, **changes))
    return made


def _made(folder: Path, links: list[Link]) -> tuple[Project, dict[str, Take]]:
    project = project_in(folder)
    return project, generate(plan_of(links), project)


def _end(take: Take) -> np.ndarray:
    video = take.info.video
    assert video is not None
    return next(read_frames(take.info, start=video.frames - 1, colour=take.colour))


def _apart(one: np.ndarray, two: np.ndarray) -> float:
    return colour_step(low_lab(one), low_lab(two))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Take]]:
    """Four links of a generator that shifts colours and softens."""
    return _made(tmp_path_factory.mktemp("on"), _chain(4, HOP, drift_de=4.0))


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Take]]:
    """The same without the guard."""
    return _made(tmp_path_factory.mktemp("off"), _chain(4, HOP))


def test_chain_is_held_to_its_first_link(
    guarded: tuple[Project, dict[str, Take]], unguarded: tuple[Project, dict[str, Take]]
) -> None:
    """With the guard the last clip has drifted by one generation, without it by all of them."""
    held, drifted = (_apart(_end(t["dawn.1"]), _end(t["dawn.4"])) for _, t in (guarded, unguarded))
    assert drifted > 5
    assert held < drifted / 2


def test_sharpness_is_held_too(
    guarded: tuple[Project, dict[str, Take]], unguarded: tuple[Project, dict[str, Take]]
) -> None:
    """What every generation blurs is given back before the next one."""
    fine = [
        [
            sharpness(_end(takes[f"dawn.{n}"])) / float(_end(takes[f"dawn.{n}"]).var())
            for n in (1, 4)
        ]
        for _, takes in (guarded, unguarded)
    ]
    assert fine[0][1] > 0.75 * fine[0][0]
    assert fine[1][1] < 0.65 * fine[1][0]


def test_what_was_sent_is_kept_with_the_take(guarded: tuple[Project, dict[str, Take]]) -> None:
    """Frame, correction and drift are read again from the provenance."""
    project, takes = guarded
    handed = takes["dawn.3"].handed
    assert handed is not None
    assert (handed.after, handed.take, handed.frame) == ("dawn.2", takes["dawn.2"].key, 48)
    assert handed.correction.colour is not None
    assert handed.correction.sharpen > 0
    assert handed.drift is not None
    assert handed.remaining is not None
    assert handed.remaining.colour_de < handed.drift.colour_de
    three = replace(_chain(4, HOP, drift_de=4.0)[2])
    assert started_on(project, three, 1) == handed
    assert list(project.takes.glob("*.start.json")) == []


def test_segment_that_goes_on_is_measured_by_what_it_was_sent(tmp_path: Path) -> None:
    """Its first clip's own shift is taken back as well: the film shows it without."""
    links = _chain(2, HOP, drift_de=4.0)
    start = Handoff("dawn.2")
    options = links[0].options
    links.append(link("turn.1", options=options, start=start, drift_de=4.0, **SPAN_S))
    links.append(link("turn.2", options=options, start=Handoff("turn.1"), drift_de=4.0, **SPAN_S))
    _, takes = _made(tmp_path, links)
    for name in ("turn.1", "turn.2"):
        handed = takes[name].handed
        assert handed is not None
        assert handed.drift is not None
        assert handed.drift.colour_de > 2


def test_without_the_guard_the_end_is_handed_on_as_it_is(
    unguarded: tuple[Project, dict[str, Take]],
) -> None:
    project, takes = unguarded
    handed = takes["dawn.2"].handed
    assert handed == Handed("dawn.1", takes["dawn.1"].key, 48)
    sent = read_image(project.frames / f"{takes['dawn.1'].content_key}-last-320x192.png")
    assert float(np.abs(sent - _end(takes["dawn.1"])).max()) < 0.51 / 255


def test_clean_chain_is_sent_as_it_is(tmp_path: Path) -> None:
    """A guard that has nothing to correct changes not a single byte."""
    _, takes = _made(tmp_path, _chain(3, {}, drift_de=4.0))
    for name in ("dawn.2", "dawn.3"):
        handed = takes[name].handed
        assert handed is not None
        assert handed.correction.neutral
        assert (handed.frame, handed.why) == (48, "")


@pytest.fixture(scope="module")
def trimming(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Take]]:
    """Clips whose ends fade: the last one may be a second longer."""
    links = _chain(3, {"fade": 5}, drift_de=4.0)
    more = (Longer(Fraction(3), 73, None, Fraction(1)),)
    links[2] = replace(links[2], longer=more)
    return _made(tmp_path_factory.mktemp("fade"), links)


def test_faded_tail_is_trimmed(trimming: tuple[Project, dict[str, Take]]) -> None:
    """The frame before the fade is handed on, and it is said why."""
    project, takes = trimming
    handed = takes["dawn.2"].handed
    assert handed is not None
    assert handed.frame == 43
    assert handed.lost_s == Fraction(5, 24)
    notes = list(trimmed(plan_of(_chain(3, {"fade": 5}, drift_de=4.0)), project, {}))
    assert notes[0] == "dawn.1: its last 0.21 s are left out: the clip fades at its end"


def test_last_link_makes_up_for_trimmed_tails(trimming: tuple[Project, dict[str, Take]]) -> None:
    """It is asked for the next length, and only it."""
    _, takes = trimming
    counts = [t.info.video.frames if t.info.video else 0 for t in takes.values()]
    assert counts == [49, 49, 73]


def test_choice_is_made_once(trimming: tuple[Project, dict[str, Take]]) -> None:
    """A later run reads the choice again, makes nothing anew and sends nothing."""
    project, takes = trimming
    links = _chain(3, {"fade": 5}, drift_de=4.0)
    note = next(p for p in project.takes.glob("*.json") if takes["dawn.2"].key in p.name)
    text = note.read_text(encoding="utf-8")
    note.write_text(text.replace('"frame": 43', '"frame": 41'), encoding="utf-8")
    again = generate(plan_of(links), project, providers={})
    note.write_text(text, encoding="utf-8")
    handed = again["dawn.2"].handed
    assert handed is not None
    assert handed.frame == 41


def test_the_authors_frame_wins(tmp_path: Path) -> None:
    """`keep_until` says where the clip before ends, and so where the next one begins."""
    links = _chain(2, {}, drift_de=4.0, start_at_s=Fraction(30, 24))
    project, takes = _made(tmp_path, links)
    handed = takes["dawn.2"].handed
    assert handed is not None
    assert (handed.frame, handed.why) == (30, "the timeline says so")
    moved = [links[0], replace(links[1], start_at_s=Fraction(20, 24))]
    notes = list(trimmed(plan_of(moved), project, {}))
    assert any("was started on frame 30 of dawn.1, `keep_until` now says 20" in n for n in notes)


def _noted(project: Project, links: list[Link], drifts: list[Drift]) -> None:
    project.takes.mkdir(parents=True, exist_ok=True)
    for one, drift in zip(links[1:], drifts, strict=False):
        handed = Handed("dawn.1", "k", 0, remaining=drift, drift=drift)
        path = pending_path(project, one.key, 1)
        path.write_text(json.dumps(handed.data()), encoding="utf-8")


def test_coming_drift_is_announced(tmp_path: Path) -> None:
    """After which link it will show, and what helps; not where the chain ends before."""
    project, links = project_in(tmp_path), _chain(8, {}, drift_de=4.0)
    _noted(project, links, [Drift(0.7 * n, 1.0, 1.0, 1.0) for n in (1, 2, 3)])
    assert list(drifting(plan_of(links), project, {})) == [
        "dawn: the look of its clips drifts and will show it by the end of dawn.5: "
        "colours by 3.5 dE; a `keyframe:` or a planned cut after dawn.4 would help, "
        "or a higher `drift: {limit: …}`"
    ]
    assert list(drifting(plan_of(links[:5]), project, {})) == []


def test_drift_that_shows_is_said(tmp_path: Path) -> None:
    project, links = project_in(tmp_path), _chain(5, {}, drift_de=4.0)
    _noted(project, links, [Drift(0.1, 1.0, 1.0, 0.9), Drift(0.1, 1.0, 1.0, 0.8)])
    assert list(drifting(plan_of(links), project, {})) == [
        "dawn: the look of its clips has drifted by the end of dawn.2: sharpness by -20%; "
        "a `keyframe:` or a planned cut after dawn.1 would help"
    ]
