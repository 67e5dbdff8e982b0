from __future__ import annotations

import _thread
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assembler.errors import BudgetError, GenerateError
from assembler.generation import provider_class
from assembler.generation.animatic import Animatic
from assembler.generation.base import (
    CantTell,
)
from assembler.generation.run import LinksFailedError, generate, settle
from assembler.generation.shelf import shelf_of
from assembler.media.frames import last_frames, read_frames
from assembler.media.info import Colour
from assembler.media.pixels import BT709
from assembler.media.probe import probe
from assembler.media.stills import read_image, write_png
from assembler.planning.ledger import Ledger, submissions_made
from assembler.planning.model import FileClip, Handoff, ImageFile
from tests.generation.links import SIZE, link, plan_of, project_in
from tests.generation.rented import Rented, clip_in, rented


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_in(tmp_path_factory.mktemp("clip"))


def test_chain_is_made_in_order_and_each_link_starts_where_the_last_ended(tmp_path: Path) -> None:
    links = [link(), link("dawn.2", start=Handoff("dawn.1"))]
    takes = generate(plan_of(links), project_in(tmp_path))
    assert list(takes) == ["dawn.1", "dawn.2"]
    end = next(iter(last_frames(takes["dawn.1"].info, 1)))
    begin = next(iter(read_frames(takes["dawn.2"].info, stop=1)))
    assert float(np.abs(end - begin).mean()) < 1.5 / 255


def test_frame_that_a_handoff_names_is_handed_on(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip)
    links = [rented(), rented("dawn.2", start=Handoff("dawn.1", 12))]
    generate(plan_of(links), project_in(tmp_path), providers={"rented": provider})
    sent = provider.requests[1].start
    assert sent is not None
    frame = next(iter(read_frames(probe(clip), start=12, stop=13)))
    assert float(np.abs(read_image(sent)[..., :3] - frame).mean()) < 1 / 255


def test_images_of_the_author_are_sent_in_the_links_size(tmp_path: Path, clip: Path) -> None:
    """A square picture fills the frame: its centre is cut out."""
    image = tmp_path / "square.png"
    square = np.zeros((400, 400, 3), np.float32)
    square[80:320] = 0.5
    write_png(image, square)
    provider = Rented(clip)
    one = rented(start=ImageFile(image, "ab" * 32), end=ImageFile(image, "ab" * 32))
    generate(plan_of([one]), project_in(tmp_path), providers={"rented": provider})
    start, end = provider.requests[0].start, provider.requests[0].end
    assert start is not None
    assert start == end
    sent = read_image(start)
    assert sent.shape[:2] == (SIZE[1], SIZE[0])
    assert abs(float(sent[SIZE[1] // 2].mean()) - 0.5) < 0.01


def test_link_goes_on_from_a_file_segment(tmp_path: Path, clip: Path) -> None:
    info = probe(clip)
    file = FileClip("archive", clip, info, 0, 25, "f" * 32, BT709)
    one = link("next.1", prompt="static", start=Handoff("archive"))
    take = generate(plan_of([one], [file]), project_in(tmp_path))["next.1"]
    end = next(iter(last_frames(info, 1)))
    begin = next(iter(read_frames(take.info, stop=1)))
    assert float(np.abs(end - begin).mean()) < 2 / 255


def test_second_run_makes_nothing(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    first = generate(plan, project, providers={"rented": provider})
    second = generate(plan, project, providers={})
    assert first == second
    assert len(provider.submitted) == 1
    assert shelf_of(plan, project).on_disk.keys() == {plan.link("dawn.1").key}


def test_provenance_lies_beside_the_take(tmp_path: Path, clip: Path) -> None:
    take = generate(
        plan_of([rented(seed=5)]), project_in(tmp_path), providers={"rented": Rented(clip)}
    )["dawn.1"]
    noted = json.loads(take.path.with_suffix(".json").read_text())
    assert noted["prompt"] == "Slow push-in over the sea."
    assert (noted["provider"], noted["model"], noted["seed"]) == ("rented", "m", 5)
    assert noted["price_usd"] == "0.35"
    assert noted["job"].startswith("job-asm-")


def test_lost_reply_is_looked_up_and_not_sent_again(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, lose_reply=True)
    takes = generate(plan_of([rented()]), project_in(tmp_path), providers={"rented": provider})
    assert "dawn.1" in takes
    assert len(provider.submitted) == 1


def test_lost_reply_that_nobody_can_look_up_waits_for_the_user(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, lose_reply=True, lookup=CantTell("rented has no list of jobs"))
    plan, project = plan_of([rented()]), project_in(tmp_path)
    for _ in range(2):
        with pytest.raises(GenerateError, match="rented has no list of jobs") as caught:
            generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 1
    client_id = provider.submitted[0]
    assert client_id in caught.value.fix
    settle(project, client_id, f"job-{client_id}")
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 1


def test_user_may_say_that_no_job_was_made(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, lose_reply=True, lookup=CantTell("no list"))
    plan, project = plan_of([rented()]), project_in(tmp_path)
    with pytest.raises(GenerateError):
        generate(plan, project, providers={"rented": provider})
    settle(project, provider.submitted[0], None)
    generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 2


def test_refused_submission_costs_nothing_and_may_be_sent_later(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, refuse="out of credit")
    plan, project = plan_of([rented()]), project_in(tmp_path)
    with pytest.raises(GenerateError, match="out of credit"):
        generate(plan, project, providers={"rented": provider})
    with Ledger(project.ledger, timeline="teaser.yaml") as ledger:
        assert ledger.committed_usd() == 0
    provider.refuse = ""
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})


def test_provider_that_asks_to_wait_longer_than_the_run_does_ends_the_link_at_once(
    tmp_path: Path, clip: Path
) -> None:
    provider = Rented(clip, throttle=[86400.0, math.inf])
    plan, project = plan_of([rented()]), project_in(tmp_path)
    told: list[str] = []
    for _ in range(2):
        with pytest.raises(GenerateError, match="too many at once"):
            generate(plan, project, providers={"rented": provider}, on_note=told.append)
    assert told == [
        "link dawn.1: rented asks to wait 86,400 s", "link dawn.1: rented asks to wait inf s",
    ]  # fmt: skip
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 1


def test_failed_link_stops_only_what_hangs_on_it(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, polls=0, fail={"dawn.1"})
    links = [rented(), rented("dawn.2", start=Handoff("dawn.1")), rented("street.1")]
    plan, project = plan_of(links), project_in(tmp_path)
    with pytest.raises(GenerateError) as caught:
        generate(plan, project, providers={"rented": provider})
    assert caught.value.fix.startswith("change the prompt. The job has failed, and rented doesn't")
    assert shelf_of(plan, project).on_disk.keys() == {plan.link("street.1").key}
    assert len(provider.submitted) == 2


def test_all_failures_are_told(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, polls=0, fail={"dawn.1", "street.1"})
    with pytest.raises(LinksFailedError) as caught:
        generate(
            plan_of([rented(), rented("street.1")]), project_in(tmp_path),
            providers={"rented": provider},
        )  # fmt: skip
    assert set(caught.value.failures) == {"dawn.1", "street.1"}


def test_budget_is_hard(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, polls=0, price=Decimal("0.50"))
    links = [rented(f"a{i}.1") for i in range(4)]
    with pytest.raises(BudgetError):
        generate(
            plan_of(links), project_in(tmp_path), providers={"rented": provider},
            budget_usd=Decimal("1.20"),
        )  # fmt: skip
    assert len(provider.submitted) <= 3  # two at the planned price; three when billed less in time


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"<html>busy</html>", "is no clip"), (b"", "is no clip")],
)
def test_what_is_no_clip_is_refused_and_downloaded_again(
    tmp_path: Path, clip: Path, content: bytes, said: str
) -> None:
    """The job isn't sent again: it was paid."""
    bad = tmp_path / "bad"
    bad.write_bytes(content)
    provider = Rented(bad)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    with pytest.raises(GenerateError, match=said):
        generate(plan, project, providers={"rented": provider})
    assert list(project.takes.iterdir()) == []
    provider.clip = clip
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})
    assert (len(provider.submitted), provider.downloads) == (1, 2)


def test_clip_of_another_size_or_length_is_said(tmp_path: Path, clip: Path) -> None:
    one = rented(size=(640, 360), frames=30)
    take = generate(plan_of([one]), project_in(tmp_path), providers={"rented": Rented(clip)})
    assert take["dawn.1"].notes[:2] == (
        "link dawn.1: asked for 640x360, got 320x192",
        "link dawn.1: expected 30 frames, got 25",
    )


def test_clip_much_too_short_is_refused(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(GenerateError, match=r"1\.04 s long, asked for were 10\.04 s"):
        generate(
            plan_of([rented(frames=241)]), project_in(tmp_path),
            providers={"rented": Rented(clip)},
        )  # fmt: skip


def test_deleted_take_is_downloaded_again(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    take = generate(plan, project, providers={"rented": provider})["dawn.1"]
    take.path.unlink()
    assert generate(plan, project, providers={"rented": provider})["dawn.1"].path.is_file()
    assert len(provider.submitted) == 1


@pytest.mark.parametrize("paid", ["0.50", "0"])
def test_clip_that_is_gone_everywhere_is_not_paid_again_by_itself(
    tmp_path: Path, clip: Path, paid: str
) -> None:
    """Deleted here, and forgotten there: what costs nothing is simply made anew."""
    provider = Rented(clip, price=Decimal(paid), billed=Decimal(paid))
    one = replace(rented(), price_usd=Decimal(paid))
    plan, project = plan_of([one]), project_in(tmp_path)
    generate(plan, project, providers={"rented": provider})["dawn.1"].path.unlink()
    provider.fail = {"dawn.1"}
    with pytest.raises(GenerateError):
        generate(plan, project, providers={"rented": provider})
    with Ledger(project.ledger) as ledger:
        assert sum(row.cost_usd for row in ledger.submissions()) == Decimal(paid)
    provider.fail, provider.polls = set(), 0
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == (1 if Decimal(paid) else 2)


def test_finished_job_without_a_clip_is_asked_again_not_made_again(
    tmp_path: Path, clip: Path
) -> None:
    provider = Rented(clip, no_clip=True)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    with pytest.raises(GenerateError, match="names no clip"):
        generate(plan, project, providers={"rented": provider})
    with Ledger(project.ledger) as ledger:
        (row,) = ledger.submissions()
        assert (row.state, row.reason) == ("accepted", "names no clip")
    provider.no_clip = False
    assert "dawn.1" in generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 1


def test_kept_take_that_cannot_be_read_is_not_paid_again(tmp_path: Path, clip: Path) -> None:
    """It has no submission of its own."""
    provider = Rented(clip)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    take = generate(plan, project, providers={"rented": provider})["dawn.1"]
    with sqlite3.connect(project.ledger) as db:
        db.execute("DELETE FROM submissions")
    db.close()
    take.path.write_bytes(b"x" * take.path.stat().st_size)
    with pytest.raises(GenerateError, match="can't be read"):
        generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 1


def test_chosen_take_is_used(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    first = generate(plan, project, providers={"rented": provider})["dawn.1"]
    with Ledger(project.ledger, timeline="teaser.yaml") as ledger:
        ledger.choose(first.key, 2)
    second = generate(plan, project, providers={"rented": provider})["dawn.1"]
    assert (second.number, second.key) == (2, f"{first.key}-2")
    assert first.path.is_file()


def test_matrix_that_was_really_used_is_found(tmp_path: Path) -> None:
    """The clip claims BT.709 and is encoded in BT.601."""
    image = tmp_path / "hill.png"
    rng = np.random.default_rng(3)
    cells = rng.random((12, 20, 3)).astype(np.float32).repeat(16, 0).repeat(16, 1)
    write_png(image, cells[: SIZE[1], : SIZE[0]] * 0.7 + 0.15)
    one = link(
        prompt="static", start=ImageFile(image, "cd" * 32), options={"faults": {"matrix": "bt601"}}
    )
    take = generate(plan_of([one]), project_in(tmp_path))["dawn.1"]
    assert take.info.video is not None
    assert take.info.video.colour.matrix == "bt709"
    assert take.colour.matrix == "bt601"
    again = generate(plan_of([one]), project_in(tmp_path))["dawn.1"]
    assert again.colour == take.colour
    assert isinstance(again.colour, Colour)


def test_progress_rises_to_one(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    generate(plan_of([link()]), project_in(tmp_path), on_progress=lambda *a: told.append(a))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_cancel_leaves_no_half_written_file(tmp_path: Path) -> None:
    cancel = threading.Event()
    project = project_in(tmp_path)
    plan = plan_of([link(length_s=Fraction(6), frames=145)])

    def stop_soon(_: str, share: float) -> None:
        if share > 0.3:
            cancel.set()

    with pytest.raises(GenerateError, match="cancelled"):
        generate(plan, project, on_progress=stop_soon, cancel=cancel)
    left = [p.name for p in tmp_path.rglob("*") if p.suffix == ".mp4" or "part" in p.name]
    assert left == []
    assert "dawn.1" in generate(plan, project)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_what_a_signal_raises_leaves_no_thread_behind(tmp_path: Path) -> None:
    """The program couldn't end otherwise, and requests under way would be torn off."""

    def raising(_: int, __: object) -> None:
        raise SystemExit(130)

    sent: list[float] = []

    def terminate(_: str, share: float) -> None:
        if share > 0.3 and not sent:
            sent.append(share)
            _thread.interrupt_main(signal.SIGTERM)

    plan, project = plan_of([link(length_s=Fraction(6), frames=145)]), project_in(tmp_path)
    others = set(threading.enumerate())
    before = signal.signal(signal.SIGTERM, raising)
    try:
        with pytest.raises(SystemExit):
            generate(plan, project, on_progress=terminate)
    finally:
        signal.signal(signal.SIGTERM, before)
    for thread in set(threading.enumerate()) - others:
        thread.join(1)  # its last steps
        assert not thread.is_alive()
    assert "dawn.1" in generate(plan, project)


def test_cancel_is_told_while_only_further_takes_are_missing(tmp_path: Path) -> None:
    one, project, cancel = link(), project_in(tmp_path), threading.Event()
    generate(plan_of([one]), project)
    cancel.set()
    with pytest.raises(GenerateError, match="cancelled"):
        generate(plan_of([replace(one, takes=2)]), project, cancel=cancel)


def test_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """kill -9 in the middle, again and again: one submission a link in the end, and whole takes."""
    code = """
import sys
from fractions import Fraction
from pathlib import Path
from assembler.generation.run import generate
from tests.generation.links import Handoff, link, plan_of, project_in
links = [link(), link("dawn.2", start=Handoff("dawn.1")), link("street.1", "city")]
generate(plan_of(links), project_in(Path(sys.argv[1])))
"""
    root = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": str(root)}
    project, codes = project_in(tmp_path), []
    for links in range(3):  # that are done, or have begun, before the kill
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=env) as process:
            while process.poll() is None:
                states = [row.state for row in submissions_made(project.ledger)]
                if states and states.count("fetched") >= links:
                    break
                time.sleep(0.005)
            process.kill()
        codes.append(process.returncode)
    assert any(codes)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, check=True)
    with Ledger(project.ledger) as ledger:
        rows = ledger.submissions()
    assert sorted(row.link for row in rows) == ["dawn.1", "dawn.2", "street.1"]
    assert {row.state for row in rows} == {"fetched"}
    for path in project.takes.glob("*.mp4"):
        assert len(list(read_frames(probe(path)))) == 25


def test_two_runs_of_one_project_share_the_work(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, polls=30, poll_s=0.01)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    results: list[object] = []

    def run() -> None:
        results.append(generate(plan, project, providers={"rented": provider})["dawn.1"].path)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert len(results) == 2
    assert len(provider.submitted) == 1


def test_job_that_takes_too_long_is_left_to_a_later_run(tmp_path: Path, clip: Path) -> None:
    provider = Rented(clip, polls=10**9)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    with pytest.raises(GenerateError, match="isn't done after"):
        generate(plan, project, providers={"rented": provider}, wait_s=0.05)
    provider.polls = 0
    generate(plan, project, providers={"rented": provider})
    assert len(provider.submitted) == 1


def test_unknown_provider_is_named_with_what_there_is(tmp_path: Path) -> None:
    assert provider_class("animatic") is Animatic
    with pytest.raises(GenerateError) as caught:
        generate(plan_of([link(provider="animatik")]), project_in(tmp_path))
    assert caught.value.what == "there is no provider 'animatik'"
    assert caught.value.fix.startswith("did you mean 'animatic'? Installed: animatic, ")


def test_take_of_a_run_that_was_killed_right_then_is_recorded(tmp_path: Path, clip: Path) -> None:
    """The clip and its provenance are there, the ledger has not heard of it."""
    provider = Rented(clip)
    plan, project = plan_of([rented()]), project_in(tmp_path)
    generate(plan, project, providers={"rented": provider})
    with sqlite3.connect(project.ledger) as db:
        db.execute("UPDATE submissions SET state = 'done', owner = NULL")
        db.execute("DELETE FROM takes")
    db.close()
    generate(plan, project, providers={})
    with Ledger(project.ledger) as ledger:
        (row,) = ledger.submissions()
        assert row.state == "fetched"
        assert len(ledger.takes(row.key)) == 1
    assert len(provider.submitted) == 1
