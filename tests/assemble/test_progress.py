"""Progress over a whole run."""

from __future__ import annotations

from assembler.assemble.progress import Progress, Reading


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_share_counts_the_announced_work_of_all_stages() -> None:
    """A stage that is done is not the whole run."""
    seen: list[Reading] = []
    progress = Progress(seen.append)
    progress.expect("generate", 30)
    progress.expect("render", 70)
    progress.advance("generate", 30)
    assert [(r.stage, r.done) for r in seen] == [("generate", 0.3)]


def test_time_left_follows_the_speed_so_far() -> None:
    """A quarter done in ten seconds leaves thirty."""
    seen: list[Reading] = []
    clock = Clock()
    progress = Progress(seen.append, clock)
    progress.expect("render", 100)
    clock.now = 10.0
    progress.advance("render", 25)
    assert seen[-1].left_s == 30.0


def test_time_left_is_not_guessed_at_the_start() -> None:
    """The first frames say nothing about the speed."""
    seen: list[Reading] = []
    progress = Progress(seen.append, Clock())
    progress.expect("render", 1000)
    progress.advance("render", 1)
    assert seen[-1].left_s is None


def test_more_work_than_announced_never_passes_the_whole() -> None:
    """An estimate that was too low doesn't show more than everything."""
    seen: list[Reading] = []
    progress = Progress(seen.append)
    progress.expect("render", 10)
    progress.advance("render", 25)
    assert seen[-1].done == 1.0


def test_finish_counts_what_a_stage_did_not_need() -> None:
    """Work that turned out to be there already counts as done."""
    seen: list[Reading] = []
    progress = Progress(seen.append)
    progress.expect("generate", 50)
    progress.expect("render", 50)
    progress.finish("generate")
    assert seen[-1].done == 0.5


def test_what_was_there_says_nothing_about_the_speed() -> None:
    """Half is there; a quarter of the rest took ten seconds."""
    seen: list[Reading] = []
    clock = Clock()
    progress = Progress(seen.append, clock)
    progress.expect("render", 200)
    progress.found("render", 100)
    clock.now = 10.0
    progress.advance("render", 25)
    assert (seen[-1].done, seen[-1].left_s) == (0.625, 30.0)


def test_frames_a_second_and_size_are_those_of_this_run() -> None:
    """From when rendering began."""
    seen: list[Reading] = []
    clock = Clock()
    progress = Progress(seen.append, clock)
    progress.expect("render", 100)
    clock.now = 5.0
    progress.rendered()
    clock.now = 9.0
    progress.rendered(48, 1000)
    progress.advance("render", 48)
    assert seen[-1].data() == {
        "stage": "render", "done": 0.48, "left_s": 9.8, "frames_per_s": 12.0, "bytes": 1000,
    }  # fmt: skip
