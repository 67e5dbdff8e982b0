"""Sound that is generated: planned and priced like clips, paid once, and heard as a track."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from assembler.assemble.choosing import reroll
from assembler.assemble.costs import costs
from assembler.assemble.exports import export
from assembler.assemble.film import explain, render
from assembler.assemble.generating import generate
from assembler.assemble.prepare import check, plan
from assembler.assemble.takes import settle, show, takes
from assembler.errors import GenerateError, PlanError, SpecError, UsageError
from assembler.media.probe import probe
from assembler.media.samples import read_samples
from assembler.planning.ledger import submissions_made
from assembler.planning.project import Project
from tests.films import write_shot
from tests.planning.facts import planned
from tests.servers import kling
from tests.servers.kit import Fault, serving

HEAD = """assembler: 1
canvas: {size: 160x90}
defaults: {provider: kling, model: kling-3.0, resolution: 720p, audio: off}
segments:
  - {id: sea, duration: 3s, prompt: A static view of the sea.}
tracks:
"""
HELLO = (
    "  - {id: hello, role: voice, on: sea+0.5s,"
    " make: {model: kling-tts, text: Good evening., voice: oversea_male1}}\n"
)
WAVES = (
    "  - {id: waves, role: sfx,"
    " make: {model: kling-sound, prompt: Waves on a beach, duration: 4s}}\n"
)
STEPS = "  - {id: steps, role: sfx, make: {model: kling-sound, of: sea, prompt: Footsteps}}\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[kling.Kling]:
    with serving(kling.Kling(tmp_path / "server", size=(160, 90))) as running:
        monkeypatch.setenv("KLING_API_KEY", running.key)
        monkeypatch.setenv("ASSEMBLER_KLING_URL", running.url)
        monkeypatch.setattr("assembler.generation.providers.kling.Kling.poll_s", 0.05)
        yield running


def _timeline(folder: Path, *tracks: str) -> Path:
    path = folder / "film.yaml"
    text = HEAD if tracks else HEAD.removesuffix("tracks:\n")
    path.write_text(text + "".join(tracks), encoding="utf-8")
    return path


def test_sounds_are_planned_and_priced(tmp_path: Path) -> None:
    rows = plan(_timeline(tmp_path, HELLO, WAVES, STEPS)).rows
    assert [(row.link, row.kind, str(row.price_usd), row.after) for row in rows] == [
        ("sea.1", "text", "0.252", ()),
        ("hello.1", "speech", "0.007", ()),
        ("waves.1", "sound", "0.035", ()),
        ("steps.1", "foley", "0.035", ("sea.1",)),
    ]


def test_every_sound_is_asked_for_as_its_call_wants_it(server: kling.Kling, tmp_path: Path) -> None:
    timeline = _timeline(tmp_path, HELLO, WAVES, STEPS)
    made = generate(timeline)
    sent = {c.path.removeprefix("/v1/audio/"): c.json for c in server.calls if "audio" in c.path
            and c.method == "POST"}  # fmt: skip
    rows = submissions_made(Project(timeline).ledger)
    ids, jobs = {r.link: r.client_id for r in rows}, {r.link: r.job for r in rows}
    assert sent == {
        "tts": {"text": "Good evening.", "voice_id": "oversea_male1", "voice_language": "en",
                "voice_speed": 1.0},
        "text-to-audio": {"prompt": "Waves on a beach", "duration": 4.0,
                          "external_task_id": ids["waves.1"]},
        "video-to-audio": {"video_id": str(int(jobs["sea.1"] or 0) + 10**9), "external_task_id":
                           ids["steps.1"], "sound_effect_prompt": "Footsteps"},
    }  # fmt: skip
    lengths = {id_: float(t.info.audio[0].duration_s) for id_, t in made.takes.items()
               if t.info.video is None}  # fmt: skip
    assert lengths == pytest.approx({"hello.1": 13 / 14, "waves.1": 4, "steps.1": 73 / 24}, abs=0.1)
    assert [t.path.suffix for t in made.takes.values()] == [".mp4", ".mp3", ".wav", ".wav"]


def test_nothing_is_paid_twice(server: kling.Kling, tmp_path: Path) -> None:
    timeline = _timeline(tmp_path, HELLO, WAVES)
    generate(timeline)
    assert generate(timeline).made == 0
    assert len(server.jobs) == 3
    found = costs(timeline)
    assert (found.spent_usd, found.to_pay_usd) == (Decimal("0.294"), 0)
    assert {row.link for row in takes(timeline).links} == {"sea.1", "hello.1", "waves.1"}


@pytest.mark.parametrize("fault", ["reset_after", "reset_before"])
def test_speech_whose_answer_was_lost_is_yours_to_settle(
    server: kling.Kling, tmp_path: Path, fault: Fault
) -> None:
    """It carries no id of ours, so nobody can say whether it was made."""
    generate(_timeline(tmp_path))
    timeline = _timeline(tmp_path, HELLO)
    server.faults.add("submit", fault)
    with pytest.raises(GenerateError, match="only `--none` helps"):
        generate(timeline)
    with pytest.raises(GenerateError, match="kling can't look up speech that it has made"):
        generate(timeline)
    spoken = sum("text" in job.body and "voice_id" in job.body for job in server.jobs.values())
    assert spoken <= 1
    (row,) = [r for r in submissions_made(Project(timeline).ledger) if r.link == "hello.1"]
    with pytest.raises(UsageError, match="by its id neither"):
        settle(timeline, row.client_id, "1")
    settle(timeline, row.client_id, None)
    assert "hello.1" in generate(timeline).takes


def test_another_text_is_another_take_and_the_old_one_comes_back_free(
    server: kling.Kling, tmp_path: Path
) -> None:
    generate(_timeline(tmp_path, HELLO))
    generate(_timeline(tmp_path, HELLO.replace("evening", "morning")))
    jobs = len(server.jobs)
    assert generate(_timeline(tmp_path, HELLO)).made == 0
    assert (jobs, len(server.jobs)) == (3, 3)


@pytest.mark.parametrize(
    ("track", "said"),
    [
        (HELLO.replace(", voice: oversea_male1", ""), "kling-tts needs a voice"),
        (HELLO.replace("Good evening.", "a" * 1001), "1001 characters; kling-tts takes 1000"),
        (HELLO.replace("Good evening.", "x, language: de"), "kling-tts speaks en or zh"),
        (HELLO.replace("kling-tts", "kling-sound"), "kling-sound speaks no text (sound, foley)"),
        (WAVES.replace("4s", "12s"), "it is 12 s long; kling-sound makes 3 to 10 s"),
        (WAVES.replace("make: {", "make: {provider: fal, "), "provider fal doesn't offer"),
        (STEPS.replace("of: sea", "of: lake"), "'lake' has no generated clip"),
        (STEPS.replace("of: sea", "of: sea, voice: x"), "`voice` is for a `text` that is spoken"),
        (WAVES.replace(", duration: 4s", ""), "'duration' is missing"),
        (WAVES.replace("make:", "file: a.wav, make:"), "it has `file` and `make`"),
        ("  - {id: none, role: sfx}\n", "'file' is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_before_money(tmp_path: Path, track: str, said: str) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises((PlanError, SpecError, UsageError)) as caught:
        check(_timeline(tmp_path, track))
    assert said in str(caught.value)


def test_sound_to_a_clip_that_is_not_there_is_one_mistake(tmp_path: Path) -> None:
    """It has no length that could be wrong, too."""
    with pytest.raises(PlanError) as caught:
        check(_timeline(tmp_path, STEPS.replace("of: sea", "of: lake")))
    assert len(caught.value.problems) == 1


def test_another_take_is_made_and_used(server: kling.Kling, tmp_path: Path) -> None:
    timeline = _timeline(tmp_path, HELLO)
    generate(timeline)
    reroll(timeline, "hello")
    assert generate(timeline).takes["hello.1"].number == 2
    shown = show(timeline, "hello")
    assert ([take.number for take in shown.takes.takes], shown.ranked) == ([1, 2], None)


def test_two_tracks_alike_are_two_takes(tmp_path: Path) -> None:
    text = HEAD.removeprefix("assembler: 1\n") + WAVES + WAVES.replace("id: waves", "id: more")
    keys = {step.link.key for step in planned(tmp_path, text)[1].sounds}
    assert len(keys) == 2


@pytest.mark.parametrize("look", [export, explain])
def test_what_only_reads_makes_no_sound(tmp_path: Path, look: Callable[..., object]) -> None:
    """A track's sound that isn't there is named like a clip, even where it would cost nothing."""
    write_shot(tmp_path / "sea.mp4", (160, 90), 72)
    head = HEAD.replace("duration: 3s, prompt: A static view of the sea.", "file: sea.mp4")
    timeline = tmp_path / "film.yaml"
    timeline.write_text(head + HELLO, encoding="utf-8")
    with pytest.raises(UsageError, match=r"1 clip must be generated .*: hello\.1"):
        look(timeline, draft=True)
    assert not (tmp_path / ".assembler" / "takes").exists()


def test_draft_is_heard_too(tmp_path: Path) -> None:
    """Of the embedded generator: a voice that babbles, and waves; placed where the track is."""
    timeline = _timeline(tmp_path, HELLO)
    info = probe(render(timeline, draft=True).outputs[0].path)
    sound = read_samples(info, info.audio[0].index, info.audio[0].start_s, 48_000 * 3, 48_000, 2)
    loud = np.sqrt((sound.reshape(30, -1) ** 2).mean(axis=1))
    assert loud[6:12].mean() > 5 * loud[:4].mean()
    assert loud[6:12].mean() > 5 * loud[20:].mean()
