"""What is changed while looking: the author's text, the takes, and back again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assembler.assemble.generating import generate
from assembler.errors import AssemblerError, UsageError
from assembler.media.probe import probe
from assembler.reviewing.desk import Desk
from assembler.reviewing.files import ChangedError, one_writer
from assembler.reviewing.history import Step, TextChange
from assembler.reviewing.preview import preview
from tests.films import write_shot

SEAM = "walk.1>walk.2"


@pytest.fixture
def desk(film: Path) -> Desk:
    return Desk(film)


def nudged(desk: Desk, **by: int) -> str:
    desk.nudge(SEAM, revision=desk.view().revision, **by)
    return desk.project.timeline.read_text(encoding="utf-8")


def test_a_nudge_is_one_line_of_the_timeline(desk: Desk, film: Path) -> None:
    before = film.read_text(encoding="utf-8")
    said = "    seams: {2: {keep_until: 22, start_from: 1}}\n    # the end of walk\n"
    assert nudged(desk, end=-3) == before.replace("    # the end of walk\n", said)
    place = desk.view().places[SEAM]
    assert (place.keep, place.start) == (22, 1)
    measured = Desk(film).view().places[SEAM]
    assert (measured.keep, measured.start) == (22, 1)


def test_other_seams_of_the_chain_stay(desk: Desk) -> None:
    before = desk.view().places
    nudged(desk, end=-2, begin=3)
    after = desk.view().places
    assert [after[id_].keep for id_ in before] == [24, 23, 25]
    assert [after[id_].start for id_ in before] == [1, 4, 1]


def test_frames_that_are_not_there_are_refused(desk: Desk, film: Path) -> None:
    before = film.read_bytes()
    seen = desk.view()
    with pytest.raises(UsageError, match="start from frame 0 to 24"):
        desk.nudge(SEAM, revision=seen.revision, cut=-5)
    with pytest.raises(UsageError, match="until frame 29: its segment ends at 24"):
        desk.nudge("shot>walk.1", revision=seen.revision, end=5)
    with pytest.raises(UsageError, match="there is no seam"):
        desk.nudge("walk.3>end.1", revision=seen.revision, end=-1)
    assert film.read_bytes() == before


def test_colour_is_said_and_left_to_the_engine_again(desk: Desk, film: Path) -> None:
    before = film.read_bytes()
    desk.correct(SEAM, "colour", "off", revision=desk.view().revision)
    assert b"    seams: {2: {colour: off}}\n" in film.read_bytes()
    decided = desk.view(measured=True).decisions[SEAM]
    assert decided.correction.colour is None
    desk.correct(SEAM, "colour", None, revision=desk.view().revision)
    assert film.read_bytes() == before


def test_each_correction_can_be_turned_off(desk: Desk, film: Path) -> None:
    for kind in ("geometry", "sharpness", "patch"):
        desk.correct(SEAM, kind, "off", revision=desk.view().revision)
    assert b"{2: {geometry: off, sharpness: off, patch: off}}" in film.read_bytes()
    with pytest.raises(UsageError, match="there is no `patch: hold` of a seam"):
        desk.correct(SEAM, "patch", "hold", revision=desk.view().revision)


def test_footage_is_trimmed_by_frames(desk: Desk, film: Path) -> None:
    text = film.read_text(encoding="utf-8")
    more = "  - {id: last, file: media/shot.mp4, in: 0.25s, duration: 1s}  # again\n"
    film.write_text(text.replace("tracks:\n", f"{more}tracks:\n"), encoding="utf-8")
    before = film.read_bytes()
    desk.trim("last", revision=desk.view().revision, head=2)
    assert b"in: 8f, duration: 22f}  # again" in film.read_bytes()
    desk.trim("last", revision=desk.view().revision, tail=-1)
    assert b"in: 8f, duration: 21f}  # again" in film.read_bytes()
    done = desk.trim("shot", revision=desk.view().revision, tail=-1)
    assert b"file: media/shot.mp4, out: 23f}   # footage" in film.read_bytes()
    assert done.words.endswith("clips that go on from it have to be made anew")
    for _ in range(3):
        desk.undo()
    assert film.read_bytes() == before


def test_a_part_that_is_there_twice_is_not_trimmed(desk: Desk, film: Path) -> None:
    """Its text speaks of two segments; one alone can't be changed in it."""
    part = film.with_name("part.yaml")
    part.write_text("segments:\n  - {id: '${id}', file: media/shot.mp4, out: 1s}\n")
    text = film.read_text(encoding="utf-8")
    twice = "".join(f"  - {{include: part.yaml, vars: {{id: {n}}}}}\n" for n in ("one", "two"))
    film.write_text(text.replace("tracks:\n", f"{twice}tracks:\n"), encoding="utf-8")
    before = part.read_bytes()
    with pytest.raises(UsageError, match="one can't be trimmed"):
        desk.trim("one", revision=desk.view().revision, tail=-1)
    assert part.read_bytes() == before


def test_footage_has_no_more_frames_than_its_file(desk: Desk, film: Path) -> None:
    before = film.read_bytes()
    seen = desk.view()
    with pytest.raises(AssemblerError, match=r"shot\.mp4 has 36 frames"):
        desk.trim("shot", revision=seen.revision, tail=13)
    with pytest.raises(UsageError, match="nothing is left"):
        desk.trim("shot", revision=seen.revision, head=24)
    with pytest.raises(UsageError, match="walk is no footage"):
        desk.trim("walk", revision=seen.revision, head=1)
    assert film.read_bytes() == before


def test_what_is_said_of_all_seams_is_not_taken_from_one(desk: Desk, film: Path) -> None:
    text = film.read_text(encoding="utf-8")
    film.write_text(text.replace("continue: shot\n", "continue: shot\n    seam: {colour: off}\n"))
    with pytest.raises(UsageError, match="`colour` is said of all seams of walk"):
        desk.correct(SEAM, "colour", None, revision=desk.view().revision)


def test_undo_gives_the_very_bytes_also_after_a_restart(desk: Desk, film: Path) -> None:
    before = film.read_bytes()
    nudged(desk, end=-3)
    desk.correct("walk.2>walk.3", "colour", "hold", revision=desk.view().revision)
    desk.reset(SEAM, revision=desk.view().revision)
    again = Desk(film)
    told = [again.undo().words for _ in range(3)]
    assert told[-1] == f"taken back: {SEAM}: until frame 22, from frame 1"
    assert film.read_bytes() == before
    with pytest.raises(UsageError, match="nothing to take back"):
        again.undo()


def test_a_file_changed_meanwhile_is_left_alone(desk: Desk, film: Path) -> None:
    seen = desk.view()
    mine = film.read_text(encoding="utf-8").replace("A lake.", "A river.")
    film.write_text(mine, encoding="utf-8")
    with pytest.raises(ChangedError, match=r"tiny\.yaml was changed on disk meanwhile"):
        desk.nudge(SEAM, revision=seen.revision, end=-1)
    assert film.read_text(encoding="utf-8") == mine


def test_media_and_presets_changed_meanwhile_are_seen(desk: Desk, film: Path) -> None:
    seen = desk.view()
    assert desk.view() is seen
    write_shot(film.parent / "media" / "shot.mp4", (160, 90), 40)
    again = desk.view()
    videos = [view.footage["shot"].info.video for view in (seen, again)]
    assert [video and video.frames for video in videos] == [36, 40]
    with pytest.raises(ChangedError):
        desk.nudge(SEAM, revision=seen.revision, cut=-1)
    mixes = film.parent / "presets" / "mix"
    mixes.mkdir()
    (mixes / "mine.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    assert desk.view() is not again


def test_undo_does_not_overwrite_what_was_written_since(desk: Desk, film: Path) -> None:
    mine = nudged(desk, end=-1).replace("A lake.", "A river.")
    film.write_text(mine, encoding="utf-8")
    with pytest.raises(ChangedError):
        desk.undo()
    assert film.read_text(encoding="utf-8") == mine


def test_a_segment_of_an_included_part_is_changed_in_its_own_file(desk: Desk, film: Path) -> None:
    head, _, rest = film.read_text(encoding="utf-8").partition("  - id: walk")
    walk, _, tail = rest.partition("  - id: end")
    part = film.parent / "parts" / "walk.yaml"
    part.parent.mkdir()
    part.write_text(f"segments:\n  - id: walk{walk}", encoding="utf-8")
    main = f"{head}  - include: parts/walk.yaml\n  - id: end{tail}"
    film.write_text(main, encoding="utf-8")
    desk.nudge(SEAM, revision=desk.view().revision, end=-3)
    assert "seams: {2: {keep_until: 22, start_from: 1}}" in part.read_text(encoding="utf-8")
    assert film.read_text(encoding="utf-8") == main


def test_links_to_files_and_their_rights_are_kept(desk: Desk, film: Path) -> None:
    real = film.with_name("real.yaml")
    film.rename(real)
    real.chmod(0o640)
    try:
        film.symlink_to(real.name)
    except OSError:
        pytest.skip("this system makes no links")
    nudged(desk, end=-1)
    assert film.is_symlink()
    assert "keep_until: 24" in real.read_text(encoding="utf-8")
    assert os.name == "nt" or real.stat().st_mode & 0o777 == 0o640


def test_another_take_is_chosen_and_taken_back(desk: Desk, film: Path) -> None:
    desk.reroll("end.1", revision=desk.view().revision)
    assert desk.view().cut is None
    assert desk.view().price().usd == 0
    generate(film)
    first = desk.view()
    assert [t.chosen for t in desk.takes()["end.1"]] == [False, True]
    with pytest.raises(ChangedError):
        desk.choose("end.1", 1, revision="0" * 16)
    desk.choose("end.1", 1, revision=first.revision)
    assert [t.chosen for t in desk.takes()["end.1"]] == [True, False]
    assert [t.number for t in desk.compare("end.1").takes]
    desk.undo()
    assert desk.view().revision == first.revision


def test_one_writer_at_a_time(desk: Desk, film: Path) -> None:
    """Another process that holds the project's lock makes us wait, then give up."""
    code = (
        "import sys, time; from pathlib import Path;"
        "from assembler.planning.project import Project;"
        "from assembler.reviewing.files import one_writer\n"
        "with one_writer(Project(Path(sys.argv[1]))):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", code, str(film)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline().strip() == b"held"
        held = one_writer(desk.project, wait_s=0.2)
        with pytest.raises(ChangedError, match="another program"), held:
            pass
        other.stdin.close()
    with one_writer(desk.project, wait_s=5):
        pass


def test_a_preview_shows_the_part_around_a_seam(desk: Desk) -> None:
    nudged(desk, end=-3)
    shown = preview(desk.view(measured=True), SEAM)
    info = probe(shown.path)
    assert info.video is not None
    assert (info.video.frames, info.video.width, info.video.height) == (72, 160, 90)
    assert info.audio
    assert (shown.at_s, shown.seconds) == (1.5, 3.0)


def test_a_draft_is_looked_at_only(film: Path) -> None:
    """Its clips stand for others: frames that are counted in them mean nothing in the film."""
    before = film.read_bytes()
    desk = Desk(film, draft=True)
    with pytest.raises(UsageError, match="a draft's clips stand for others"):
        desk.nudge(SEAM, revision=desk.view().revision, end=-1)
    with pytest.raises(UsageError, match="a draft's clips stand for others"):
        desk.reroll("walk.2", revision=desk.view().revision)
    assert film.read_bytes() == before


def test_a_history_from_elsewhere_leads_nowhere(desk: Desk, film: Path, tmp_path: Path) -> None:
    """A project that was sent to us may name any file in what it remembers."""
    outside = tmp_path / "notes.txt"
    outside.write_bytes(b"after")
    change = TextChange.of("../notes.txt", b"before", b"after")
    desk.history.add(Step("a trick", (change,)))
    with pytest.raises(UsageError, match="lies outside of the project"):
        desk.undo()
    assert outside.read_bytes() == b"after"
