"""Clips made by hand: asked for once, waited for, recognised, and never confused."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assembler.errors import GenerateError
from assembler.generation.base import Request
from assembler.generation.byhand.inbox import NOT_WHOLE, Inbox
from assembler.generation.byhand.likeness import best, likeness, small
from assembler.generation.providers.manual import Manual
from assembler.generation.run import WaitingError, generate
from assembler.media.frames import last_frames, read_frames
from assembler.media.pixels import Floats
from assembler.media.stills import read_image, write_png
from assembler.media.writer import FrameWriter
from assembler.planning.ledger import Ledger
from assembler.planning.model import Link, Plan
from assembler.planning.project import Project
from tests.generation.links import (
    SIZE,
    Handoff,
    ImageFile,
    LinkShot,
    link,
    plan_of,
    project_in,
)

RATE = Fraction(24)


def picture(seed: int, size: tuple[int, int] = SIZE) -> Floats:
    """Blocks of colour that no other seed has."""
    cells = np.random.default_rng(seed).random((6, 10, 3)).astype(np.float32)
    rows = np.linspace(0, 5.99, size[1]).astype(int)
    columns = np.linspace(0, 9.99, size[0]).astype(int)
    return cells[rows][:, columns] * 0.7 + 0.15


def film(path: Path, start: Floats, frames: int = 25) -> Path:
    """A clip that begins with a picture and moves on from it."""
    with FrameWriter(path, (start.shape[1], start.shape[0]), RATE) as writer:
        for n in range(frames):
            writer.write(np.roll(start, 3 * n, axis=1))
    return path


@pytest.fixture
def start(tmp_path: Path) -> ImageFile:
    path = tmp_path / "harbour.png"
    write_png(path, picture(1))
    return ImageFile(path, "ab" * 32)


def by_hand(id_: str = "dawn.1", **changes: object) -> Link:
    return link(id_, provider="manual", model="any", **changes)


def run(plan: Plan, project: Project, **more: object) -> dict[str, Path]:
    """One run that doesn't wait; paths of the takes."""
    takes = generate(plan, project, wait_s=0, **more)  # type: ignore[arg-type]
    return {name: take.path for name, take in takes.items()}


def waits(plan: Plan, project: Project) -> WaitingError:
    with pytest.raises(WaitingError) as caught:
        run(plan, project)
    return caught.value


def sheets(project: Project) -> list[str]:
    return sorted(p.parent.name for p in (project.root / "manual/outbox").glob("*/sheet.md"))


def old(path: Path) -> Path:
    """As if it had been lying there for a while."""
    import os

    past = time.time() - 60
    os.utime(path, (past, past))
    return path


def put(project: Project, name: str, clip: Path) -> Path:
    to = project.root / "manual/inbox" / name
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(clip, to)
    return old(to)


def test_the_sheet_says_what_to_make(tmp_path: Path, start: ImageFile) -> None:
    one = by_hand(
        start=start, end=start, negative="fog", camera="push in", seed=7, audio=True,
        options={"lens": "35 mm"}, shots=(),
    )  # fmt: skip
    project = project_in(tmp_path)
    error = waits(plan_of([one]), project)
    assert error.what == "manual: 1 clip is still to be made: dawn.1"
    assert str(tmp_path / "manual/outbox") in error.fix
    (name,) = sheets(project)
    text = (tmp_path / "manual/outbox" / name / "sheet.md").read_text(encoding="utf-8")
    for said in (
        f"as `{name}.mp4`", "| length | 1 s |", "| size | 320x192 (5:3), 360p |", "Slow push-in",
        "fog", "push in", "| seed | 7 |", "native", "`start-image.png`", "`end-image.png`",
        "| lens | 35 mm |",
    ):  # fmt: skip
        assert said in text
    sent = read_image(tmp_path / "manual/outbox" / name / "start-image.png")
    assert float(np.abs(sent[..., :3] - picture(1)).max()) < 1 / 255


@pytest.mark.anyio
async def test_everything_that_a_link_is_made_from_lies_beside_its_sheet(tmp_path: Path) -> None:
    for name in ("me.png", "speech.wav", "dance.mp4", "a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    provider = Manual(tmp_path / ".assembler/jobs/manual")
    files = {
        "portrait": (tmp_path / "me.png",), "speech": (tmp_path / "speech.wav",),
        "video": (tmp_path / "dance.mp4",), "reference": (tmp_path / "a.png", tmp_path / "b.png"),
    }  # fmt: skip
    shots = (LinkShot(Fraction(2), "Wide."), LinkShot(Fraction(3), "Close."))
    asked = by_hand(kind="reference", shots=shots, elements=("hero",), voices=("Ann",))
    job = await provider.submit(
        Request(asked, "asm-1234567890ab", None, None, files=files)  # type: ignore[arg-type]
    )
    folder = provider.desk.outbox / job
    assert (folder / "reference-2.png").read_bytes() == b"b.png"
    text = (folder / "sheet.md").read_text(encoding="utf-8")
    for said in (
        "| portrait | `portrait.png` |", "| speech | `speech.wav` |", "| video | `video.mp4` |",
        "| reference 1 | `reference-1.png` |", "1. 2 s: Wide.", "2. 3 s: Close.",
        "| elements | hero |", "| voices | Ann |",
    ):  # fmt: skip
        assert said in text


def test_a_clip_is_taken_by_its_name(tmp_path: Path) -> None:
    plan, project = plan_of([by_hand()]), project_in(tmp_path)
    waits(plan, project)
    clip = film(tmp_path / "made.mp4", picture(5))
    put(project, f"{sheets(project)[0]} (1).mp4", clip)
    take = run(plan, project)["dawn.1"]
    assert take.read_bytes() == clip.read_bytes()
    assert sheets(project) == []
    assert list((tmp_path / "manual/inbox").iterdir())


def test_a_clip_is_taken_by_its_first_frame(tmp_path: Path, start: ImageFile) -> None:
    plan, project = plan_of([by_hand(start=start)]), project_in(tmp_path)
    waits(plan, project)
    put(project, "other.mp4", film(tmp_path / "other.mp4", picture(2)))
    error = waits(plan, project)
    assert "other.mp4 isn't named for a job and begins with none of the start images" in error.what
    put(project, "kling_20261121.mov", film(tmp_path / "right.mp4", picture(1)))
    take = run(plan, project)["dawn.1"]
    assert take.read_bytes() == (tmp_path / "right.mp4").read_bytes()


def test_nothing_is_asked_for_twice(tmp_path: Path, start: ImageFile) -> None:
    plan, project = plan_of([by_hand(start=start), by_hand("street.1")]), project_in(tmp_path)
    errors = [waits(plan, project).what for _ in range(3)]
    assert errors[0] == "manual: 2 clips are still to be made: dawn.1, street.1"
    assert len(sheets(project)) == 2
    with Ledger(project.ledger) as ledger:
        assert {row.state for row in ledger.submissions()} == {"accepted"}
        assert len(ledger.submissions()) == 2


class Person(threading.Thread):
    """Makes what the sheets say, under names of their own choice; the image is all they look at."""

    def __init__(self, project: Project, frames: int = 25) -> None:
        super().__init__()
        self.project, self.frames = project, frames
        self.done: set[str] = set()
        self.gone = threading.Event()

    def run(self) -> None:
        while not self.gone.wait(0.05):
            for name in sheets(self.project):
                if name not in self.done:
                    self.done.add(name)
                    self.make(name)

    def make(self, name: str) -> None:
        image = self.project.root / "manual/outbox" / name / "start-image.png"
        clip = self.project.root / f"{name}.made.mp4"
        film(clip, read_image(image)[..., :3] if image.is_file() else picture(9), self.frames)
        out = f"download {len(self.done)}.mp4" if image.is_file() else f"{name}.mp4"
        to = self.project.root / "manual/inbox" / out
        half = clip.stat().st_size // 2
        with to.open("wb") as file:  # a slow copy
            file.write(clip.read_bytes()[:half])
            file.flush()
            time.sleep(0.3)
            file.write(clip.read_bytes()[half:])


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Callable[[Project], Person]]:
    people: list[Person] = []

    def begin(project: Project) -> Person:
        people.append(Person(project))
        people[-1].start()
        return people[-1]

    yield begin
    for one in people:
        one.gone.set()
        one.join()


def test_a_chain_goes_on_from_the_end_frame_of_what_came(
    tmp_path: Path, start: ImageFile, person: Callable[[Project], Person]
) -> None:
    """Frame 0 of link 2 is the handoff frame of link 1; the person is told what to do once."""
    links = [by_hand(start=start), by_hand("dawn.2", start=Handoff("dawn.1")), by_hand("street.1")]
    project = project_in(tmp_path)
    busy = person(project)
    told: list[str] = []
    providers = {"manual": Manual(project.home / "jobs/manual")}
    providers["manual"].poll_s = 0.1
    takes = generate(plan_of(links), project, providers=providers, on_note=told.append)
    end = next(iter(last_frames(takes["dawn.1"].info, 1)))
    first = next(iter(read_frames(takes["dawn.2"].info, stop=1)))
    assert float(np.abs(end - first).mean()) < 2 / 255
    assert len(busy.done) == 3
    asked = [text for text in told if "make what" in text]
    assert sorted(text.split(":")[0] for text in asked) == [
        "link dawn.1", "link dawn.2", "link street.1",
    ]  # fmt: skip


def test_waiting_ends_cleanly_when_the_user_stops(tmp_path: Path) -> None:
    plan, project = plan_of([by_hand()]), project_in(tmp_path)
    cancel = threading.Event()
    with pytest.raises(GenerateError, match="cancelled"):
        generate(plan, project, cancel=cancel, on_note=lambda text: cancel.set())
    put(project, f"{sheets(project)[0]}.mp4", film(tmp_path / "made.mp4", picture(5)))
    assert "dawn.1" in run(plan, project)


def test_waiting_has_a_limit_when_one_is_given(tmp_path: Path) -> None:
    began = time.monotonic()
    provider = Manual(tmp_path / ".assembler/jobs/manual")
    provider.poll_s = 0.1
    with pytest.raises(WaitingError):
        generate(
            plan_of([by_hand()]), project_in(tmp_path), wait_s=0.4, providers={"manual": provider}
        )
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_half_a_file_is_waited_for(tmp_path: Path, part: float) -> None:
    """Its index stands at the front, as a download's does."""
    clip = film(tmp_path / "made.mp4", picture(5))
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    whole = clip.read_bytes()
    (inbox / "a.mp4").write_bytes(whole[: int(len(whole) * part)])
    old(inbox / "a.mp4")
    looking = Inbox(inbox)
    assert looking.look() == ((), {"a.mp4": NOT_WHOLE})
    (inbox / "a.mp4").write_bytes(whole)
    old(inbox / "a.mp4")
    assert [a.path.name for a in looking.look()[0]] == ["a.mp4"]


def test_a_file_whose_space_is_only_reserved_is_waited_for(tmp_path: Path) -> None:
    """Windows sets the size first and copies then; the rest reads as zeros."""
    clip = film(tmp_path / "made.mp4", picture(5))
    whole = clip.read_bytes()
    keep = int(len(whole) * 0.7)
    path = tmp_path / "inbox" / "a.mp4"
    path.parent.mkdir()
    path.write_bytes(whole[:keep] + bytes(len(whole) - keep))
    old(path)
    assert Inbox(path.parent).look() == ((), {"a.mp4": NOT_WHOLE})


def test_a_file_that_has_just_changed_is_waited_for(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", picture(5))
    now = [path.stat().st_mtime]
    inbox = Inbox(tmp_path, clock=lambda: now[0])
    assert inbox.look() == ((), {})
    now[0] += 2
    assert len(inbox.look()[0]) == 1


def test_what_is_no_clip_is_said_and_what_is_being_downloaded_is_not(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", picture(1))
    old((tmp_path / "a.png").rename(tmp_path / "a.mp4"))
    (tmp_path / "b.mp4.crdownload").write_bytes(b"half")
    (tmp_path / ".c.mp4").write_bytes(b"hidden")
    assert Inbox(tmp_path).look() == ((), {"a.mp4": "has no moving picture"})


def test_the_clip_of_the_link_before_is_not_taken_for_the_next(
    tmp_path: Path, start: ImageFile
) -> None:
    """In a still shot all start images are alike; a clip is used once, and its twins stay."""
    plan = plan_of([by_hand(start=start), by_hand("dawn.2", start=Handoff("dawn.1"))])
    project = project_in(tmp_path)
    waits(plan, project)
    still = tmp_path / "still.mp4"
    with FrameWriter(still, SIZE, RATE) as writer:
        for n in range(25):
            writer.write(picture(1) * np.float32(1 - n * 0.002))
    put(project, "one.mp4", still)
    other = film(tmp_path / "other.mp4", picture(1), 26)
    error = waits(plan, project)
    assert error.what.startswith("manual: 1 clip is still to be made: dawn.2")
    put(project, "two.mp4", other)
    assert waits(plan, project).what.startswith("manual: 1 clip is still to be made: dawn.2")
    assert len(sheets(project)) == 1


def test_two_clips_for_one_job_are_left_to_the_user(tmp_path: Path, start: ImageFile) -> None:
    plan, project = plan_of([by_hand(start=start)]), project_in(tmp_path)
    waits(plan, project)
    put(project, "a.mp4", film(tmp_path / "a.mp4", picture(1)))
    second = put(project, "b.mp4", film(tmp_path / "b.mp4", picture(1), 26))
    assert "b.mp4 is one of 2 that begin with the start image of" in waits(plan, project).what
    second.unlink()
    assert "dawn.1" in run(plan, project)


def test_jobs_with_the_same_start_image_are_told_apart_by_name(
    tmp_path: Path, start: ImageFile
) -> None:
    links = [by_hand(start=start), by_hand("street.1", prompt="City.", start=start)]
    plan, project = plan_of(links), project_in(tmp_path)
    waits(plan, project)
    clip = film(tmp_path / "a.mp4", picture(1))
    mine = put(project, "a.mp4", clip)
    assert "2 clips" in waits(plan, project).what
    mine.rename(mine.with_name(f"{sheets(project)[1]}.mp4"))
    assert waits(plan, project).what == "manual: 1 clip is still to be made: dawn.1"


def test_a_clip_under_the_wrong_name_is_not_taken(tmp_path: Path, start: ImageFile) -> None:
    """It begins with the start image of another job, or is far too short."""
    image = tmp_path / "city.png"
    write_png(image, picture(3))
    links = [by_hand(start=start), by_hand("street.1", start=ImageFile(image, "cd" * 32))]
    plan, project = plan_of(links), project_in(tmp_path)
    waits(plan, project)
    dawn, street = sheets(project)
    put(project, f"{street}.mp4", film(tmp_path / "a.mp4", picture(1)))
    put(project, f"{dawn}.mp4", film(tmp_path / "b.mp4", picture(1), 6))
    said = waits(plan, project).what
    assert f"{street}.mp4 begins with the start image of {dawn}, not of {street}" in said
    assert f"{dawn}.mp4 is 0.25 s long, asked for were 1.04 s" in said


def test_a_clip_under_the_wrong_name_is_in_no_other_clips_way(
    tmp_path: Path, start: ImageFile
) -> None:
    """Whether the other one bears the job's name, too, or is known by its first frame."""
    plan = plan_of([by_hand(start=start), by_hand("street.1", prompt="City.")])
    project = project_in(tmp_path)
    waits(plan, project)
    dawn, street = sheets(project)
    for name in (dawn, street):
        put(project, f"{name}.mp4", film(tmp_path / "short.mp4", picture(1), 6))
    put(project, "download.mp4", film(tmp_path / "b.mp4", picture(1)))
    put(project, f"{street} (1).mp4", film(tmp_path / "c.mp4", picture(2)))
    made = run(plan, project)
    assert made["dawn.1"].read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert made["street.1"].read_bytes() == (tmp_path / "c.mp4").read_bytes()


@pytest.mark.parametrize("content", [b"", b"junk" * 100])
def test_a_file_that_is_no_clip_gets_a_reason(tmp_path: Path, content: bytes) -> None:
    plan, project = plan_of([by_hand()]), project_in(tmp_path)
    waits(plan, project)
    name = f"{sheets(project)[0]}.mp4"
    (tmp_path / "made").write_bytes(content)
    put(project, name, tmp_path / "made")
    assert f"{name} {NOT_WHOLE}" in waits(plan, project).what


def test_a_changed_prompt_takes_the_old_sheet_away(tmp_path: Path, start: ImageFile) -> None:
    """People see one sheet for a link; the old wording comes back when its author goes back."""
    old_words, new_words = (
        plan_of([by_hand(start=start, prompt=text)]) for text in ("Mist.", "Fog.")
    )
    project = project_in(tmp_path)
    waits(old_words, project)
    (first,) = sheets(project)
    waits(new_words, project)
    (second,) = sheets(project)
    assert first != second
    waits(old_words, project)
    assert sheets(project) == [first]
    put(project, "any.mp4", film(tmp_path / "made.mp4", picture(1)))
    assert "dawn.1" in run(old_words, project)
    with Ledger(project.ledger) as ledger:
        assert len(ledger.submissions()) == 2


def test_a_lost_take_is_copied_from_the_inbox_again(tmp_path: Path) -> None:
    plan, project = plan_of([by_hand()]), project_in(tmp_path)
    waits(plan, project)
    clip = put(project, f"{sheets(project)[0]}.mp4", film(tmp_path / "made.mp4", picture(5)))
    run(plan, project)["dawn.1"].unlink()
    assert run(plan, project)["dawn.1"].is_file()
    run(plan, project)["dawn.1"].unlink()
    clip.unlink()
    assert "dawn.1" in waits(plan, project).what
    put(project, clip.name, film(tmp_path / "other.mp4", picture(6)))
    assert "dawn.1" in run(plan, project)
    with Ledger(project.ledger) as ledger:
        assert len(ledger.submissions()) == 1


@pytest.mark.anyio
async def test_a_sheet_that_is_not_wanted_any_more_goes(tmp_path: Path) -> None:
    provider = Manual(tmp_path / ".assembler/jobs/manual")
    job = await provider.submit(Request(by_hand(), "asm-1234567890ab", None, None))
    assert (provider.desk.outbox / job / "sheet.md").is_file()
    (provider.desk.outbox / job / "notes.txt").write_text("mine", encoding="utf-8")
    await provider.cancel(job)
    assert [p.name for p in (provider.desk.outbox / job).iterdir()] == ["notes.txt"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_resampled_and_shifted_start_images_are_recognised() -> None:
    """As Kling 1.6 returns them: enlarged by 1.016 x 1.008, softened, a little off in colour."""
    import cv2

    image = np.asarray(cv2.GaussianBlur(picture(1, (960, 540)), (0, 0), 6), np.float32)
    moved = cv2.warpAffine(image, np.array([[1.016, 0, -6], [0, 1.008, -2]]), (960, 540))
    frame = np.asarray(cv2.GaussianBlur(moved, (0, 0), 2), np.float32) * np.float32(0.98)
    scores = {"right": likeness(small(frame), small(image))}
    scores["other"] = likeness(small(frame), small(picture(2, (960, 540))))
    assert best(scores) == "right"
    assert best({"a": scores["right"], "b": scores["right"]}) is None
    assert best({"other": scores["other"]}) is None
