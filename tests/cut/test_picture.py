"""The picture track: drops, trims, transitions and mixed rates, frame by frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assembler.cut.build import handoffs, resolve
from assembler.cut.model import Cut
from assembler.errors import GenerateError
from assembler.match.decision import ColourFix, Correction
from assembler.spec.model import Join
from tests.cut.facts import MIX, cut_of, seam, shape, takes_of
from tests.planning.facts import image, info, planned, video

CHAIN = "segments: [{id: d, duration: 40s, prompt: Mist.}]"
TWO = """
segments:
  - {id: a, duration: 5s, prompt: A.}
  - {id: b, continue: a, duration: 5s, prompt: B.}
"""
KEYED = TWO.replace("prompt: A.", "prompt: A., keyframe: k.png")
CUT = TWO.replace("continue: a, ", "")


def shapes(cut: Cut) -> list[tuple[str, int, int, int, int]]:
    return [shape(clip) for clip in cut.clips]


def test_without_a_decision_one_repeated_frame_is_dropped(tmp_path: Path) -> None:
    cut = cut_of(tmp_path, CHAIN)
    assert shapes(cut) == [
        ("d.1", 0, 337, 0, 337),
        ("d.2", 337, 649, 1, 313),
        ("d.3", 649, 960, 1, 312),
    ]
    assert [clip.join for clip in cut.clips] == ["start", "handoff", "handoff"]


def test_a_segment_goes_on_from_its_last_shown_frame(tmp_path: Path) -> None:
    """A has 121 frames, its segment 120; frame 119 was handed over and is B's frame 0."""
    cut = cut_of(tmp_path, TWO)
    assert shapes(cut) == [("a.1", 0, 120, 0, 120), ("b.1", 120, 240, 1, 121)]


def test_a_longer_take_leaves_no_gap_in_what_goes_on_from_it(tmp_path: Path) -> None:
    cut = cut_of(tmp_path, TWO, frames={"a.1": 150})
    assert shapes(cut) == [("a.1", 0, 120, 0, 120), ("b.1", 120, 240, 1, 121)]
    assert cut.notes == ()


def test_a_keyframe_trimmed_at_a_segments_end_is_shown_by_the_next(tmp_path: Path) -> None:
    """A arrives at its keyframe on frame 120 of 121; its segment has 120; B starts on it."""
    cut = cut_of(tmp_path, KEYED, {"k.png": image()})
    assert shapes(cut) == [("a.1", 0, 120, 0, 120), ("b.1", 120, 240, 0, 120)]
    decided = cut_of(tmp_path, KEYED, {"k.png": image()}, seams=[seam("a.1>b.1", 121, 2)])
    assert shapes(decided) == [("a.1", 0, 120, 0, 120), ("b.1", 120, 240, 1, 121)]


def test_a_cut_drops_nothing(tmp_path: Path) -> None:
    cut = cut_of(tmp_path, CUT)
    assert shapes(cut) == [("a.1", 0, 120, 0, 120), ("b.1", 120, 240, 0, 120)]
    assert cut.clips[1].join == "cut"


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (seam("d.1>d.2", 337, 0), [("d.1", 0, 337, 0, 337), ("d.2", 337, 650, 0, 313)]),
        (seam("d.1>d.2", 337, 1), [("d.1", 0, 337, 0, 337), ("d.2", 337, 649, 1, 313)]),
        (seam("d.1>d.2", 337, 6), [("d.1", 0, 337, 0, 337), ("d.2", 337, 644, 6, 313)]),
        (seam("d.1>d.2", 330, 4), [("d.1", 0, 330, 0, 330), ("d.2", 330, 639, 4, 313)]),
    ],
)
def test_exactly_the_decided_frames_are_dropped(
    tmp_path: Path, decision: object, expected: list[tuple[str, int, int, int, int]]
) -> None:
    cut = cut_of(tmp_path, CHAIN, seams=[decision])  # type: ignore[list-item]  # parametrised
    assert expected == shapes(cut)[:2]
    assert (decision,) == cut.seams


def test_frames_that_stall_are_skipped(tmp_path: Path) -> None:
    decision = seam("d.1>d.2", 337, 2, skipped=(5, 6, 9))
    clip = cut_of(tmp_path, CHAIN, seams=[decision]).clips[1]
    assert (clip.source_in, clip.skipped, clip.source_out) == (2, (5, 6, 9), 313)
    assert clip.record.frames == 313 - 2 - 3


def test_sides_that_do_not_match_are_left_alone(tmp_path: Path) -> None:
    fix = Correction(colour=ColourFix(((0.0, 0.0, 0.0),) * 10))
    decision = seam("d.1>d.2", 300, 9, matched=False)
    clips = cut_of(tmp_path, CHAIN, seams=[decision]).clips
    assert [shape(c) for c in clips[:2]] == [("d.1", 0, 337, 0, 337), ("d.2", 337, 650, 0, 313)]
    assert fix != clips[1].correction


def test_a_word_on_one_seam_leaves_the_others_of_its_segment_alone(tmp_path: Path) -> None:
    said = "seam: {colour: off}, seams: {2: {keep_until: 300, start_from: 4}}"
    cut = cut_of(tmp_path, CHAIN.replace("prompt: Mist.", f"prompt: Mist., {said}"))
    assert shapes(cut)[:2] == [("d.1", 0, 300, 0, 300), ("d.2", 300, 609, 4, 313)]
    assert shapes(cut)[2][3] == 1


def test_a_word_on_one_seam_keeps_what_is_said_of_all(tmp_path: Path) -> None:
    said = "seam: {colour: off, patch: off}, seams: {2: {colour: hold}}"
    loaded, plan = planned(tmp_path, CHAIN.replace("prompt: Mist.", f"prompt: Mist., {said}"), {})
    overrides = [s.override for s in handoffs(loaded, plan, takes_of(plan, {}))]
    assert [(o.colour, o.patch) for o in overrides] == [("hold", "off"), ("off", "off")]


def test_the_author_stands_above_what_was_found(tmp_path: Path) -> None:
    text = TWO.replace("prompt: B.", "prompt: B., seam: {keep_until: 100, start_from: 7}")
    for matched in (True, False):
        decision = seam("a.1>b.1", 121, 1, matched=matched)
        cut = cut_of(tmp_path, text, seams=[decision])
        assert shapes(cut) == [("a.1", 0, 100, 0, 100), ("b.1", 100, 214, 7, 121)]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    cut = cut_of(tmp_path, CHAIN, seams=[seam("d.1>d.2", 337, 6)])
    assert cut.frames == 956
    assert "d: 4 of the 960 frames that were asked for are missing" in cut.notes


def test_a_longer_take_is_trimmed_to_the_authors_length(tmp_path: Path) -> None:
    cut = cut_of(tmp_path, CUT, frames={"a.1": 150, "b.1": 121})
    assert shapes(cut) == [("a.1", 0, 120, 0, 120), ("b.1", 120, 240, 0, 120)]


def test_more_trimmed_than_repeated_is_said(tmp_path: Path) -> None:
    cut = cut_of(tmp_path, KEYED, {"k.png": image()}, frames={"a.1": 150})
    assert shapes(cut) == [("a.1", 0, 120, 0, 120), ("b.1", 120, 240, 0, 120)]
    assert "a.1>b.1: 29 frames lie between the two sides" in cut.notes


def test_a_clip_ends_at_the_frame_that_was_handed_over(tmp_path: Path) -> None:
    """7 s of a model that makes 10: frame 167 was handed over, comes back as B's frame 0."""
    text = """
    defaults: {provider: kling, model: kling-2.6}
    segments:
      - {id: a, duration: 7s, prompt: A.}
      - {id: b, continue: a, duration: 10s, prompt: B.}
    """
    cut = cut_of(tmp_path, text)
    assert shapes(cut) == [("a.1", 0, 168, 0, 168), ("b.1", 168, 408, 1, 241)]
    loaded, plan = planned(tmp_path, text)
    (sides,) = handoffs(loaded, plan, takes_of(plan, {}))
    assert (sides.seam, sides.a.stop, sides.b.first) == ("a.1>b.1", 168, 0)


def test_links_of_a_shot_list_are_cut_not_joined(tmp_path: Path) -> None:
    shots = ", ".join(f"{{duration: 4s, prompt: Shot {n}.}}" for n in range(4))
    cut = cut_of(tmp_path, f"segments: [{{id: s, shots: [{shots}]}}]")
    assert shapes(cut) == [("s.1", 0, 192, 0, 192), ("s.2", 192, 384, 0, 192)]
    assert [clip.join for clip in cut.clips] == ["start", "cut"]


@pytest.mark.parametrize(("frames", "before", "after"), [(24, 12, 12), (13, 6, 7), (1, 0, 1)])
def test_a_transition_lies_on_the_cut_and_keeps_the_length(
    tmp_path: Path, frames: int, before: int, after: int
) -> None:
    text = CUT.replace("prompt: B.", f"prompt: B., join: {{dissolve: {frames}f}}")
    cut = cut_of(tmp_path, text)
    a, b = cut.clips
    assert (b.join, cut.frames) == ("transition", 240)
    assert b.transition is not None
    assert (before, after) == (b.transition.before_frames, b.transition.after_frames)
    assert (0, before) == (a.source_in, b.source_in)
    assert a.source_out + after <= 24 * 6 + 1


def test_a_transition_is_no_longer_than_the_handles_that_came(tmp_path: Path) -> None:
    text = CUT.replace("prompt: B.", "prompt: B., join: {dissolve: 24f}")
    cut = cut_of(tmp_path, text, frames={"a.1": 125})
    assert cut.clips[1].transition is not None
    assert (
        cut.clips[1].transition.before_frames,
        cut.clips[1].transition.after_frames,
    ) == (12, 5)
    assert "b.1: its dissolve has 17 frames instead of 24; the clips have no more" in cut.notes


def test_files_are_used_from_in_to_out(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, file: a.mov, in: 1s, out: 3s}
      - {id: b, file: b.mov}
      - {id: c, file: c.png, duration: 2s, join: {fade-black: 12f}}
    """
    files = {
        "a.mov": info("a.mov", video(120)),
        "b.mov": info("b.mov", video(100, 25)),
        "c.png": image(),
    }
    with_handle = text.replace("b.mov}", "b.mov, out: 80f}")
    cut = cut_of(tmp_path, with_handle, files)
    assert shapes(cut) == [("a", 0, 48, 24, 72), ("b", 48, 128, 0, 80), ("c", 128, 176, 0, 48)]
    assert cut.clips[2].source.still


def test_stitched_files_lose_what_their_seam_repeats(tmp_path: Path) -> None:
    text = """
    segments:
      - {id: a, file: a.mov}
      - {id: b, file: b.mov, join: handoff}
    """
    files = {name: info(name, video(100)) for name in ("a.mov", "b.mov")}
    cut = cut_of(tmp_path, text, files, seams=[seam("a>b", 98, 3)])
    assert shapes(cut) == [("a", 0, 98, 0, 98), ("b", 98, 195, 3, 100)]
    assert cut.notes == ()


@pytest.mark.parametrize(
    ("rate", "segment", "expected"),
    [
        ("23.976", 120, [("d.1", 0, 193, 0, 193), ("d.2", 193, 384, 1, 192)]),
        ("25", 125, [("d.1", 0, 202, 0, 202), ("d.2", 202, 400, 2, 200)]),
        ("30", 150, [("d.1", 0, 242, 0, 242), ("d.2", 242, 480, 2, 240)]),
        ("60", 300, [("d.1", 0, 483, 0, 483), ("d.2", 483, 960, 3, 480)]),
    ],
)
def test_other_rates_drop_all_frames_that_show_the_repeat(
    tmp_path: Path, rate: str, segment: int, expected: list[tuple[str, int, int, int, int]]
) -> None:
    text = f"canvas: {{rate: {rate}}}\nsegments: [{{id: d, duration: 16s, prompt: Mist.}}]"
    assert expected == shapes(cut_of(tmp_path, text))


def test_a_link_without_a_take_is_an_error(tmp_path: Path) -> None:
    loaded, plan = planned(tmp_path, CUT)
    with pytest.raises(GenerateError, match=r"link a\.1 has no take"):
        resolve(loaded, plan, {}, {}, {}, mix=MIX, hashes={})


JOINS = ["continue", "cut", "dissolve", "shot"]


@given(
    row=st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from(JOINS), st.integers(-5, 9)),
        min_size=1,
        max_size=7,
    ),
    rate=st.sampled_from(["24", "25", "23.976", "30", "59.94"]),
    repeat=st.integers(0, 4),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_clips_abut_and_sounds_stay_within(
    tmp_path: Path, row: list[tuple[int, str, int]], rate: str, repeat: int
) -> None:
    """Whatever comes back, there is no gap, no overlap, and no frame that doesn't exist."""
    lines, longer = [], {}
    for n, (seconds, join, more) in enumerate(row):
        how = f"continue: s{n - 1}, " if join == "continue" and n else ""
        how += "join: {dissolve: 10f}, " if join == "dissolve" and n else ""
        lines.append(f"  - {{id: s{n}, {how}duration: {seconds}s, prompt: P{n}.}}")
        longer[f"s{n}"] = more
    text = f"canvas: {{rate: {rate}}}\nsegments:\n" + "\n".join(lines)
    loaded, plan = planned(tmp_path, text)
    frames = {s.link.id: s.link.frames + longer[s.link.segment] for s in plan.steps}
    names = [x.seam for x in handoffs(loaded, plan, takes_of(plan, frames))]
    decided = [seam(name, 10_000, repeat, skipped=(repeat + 2,)) for name in names]
    takes = takes_of(plan, frames)
    cut = resolve(loaded, plan, takes, {s.seam: s for s in decided}, {}, mix=MIX, hashes={})
    at = 0
    for clip in cut.clips:
        assert clip.record.start == at
        assert clip.record.frames > 0
        at = clip.record.stop
        available = -(-frames[clip.id] * cut.rate // 24)
        assert 0 <= clip.source_in < clip.source_out <= available
        if clip.transition:
            assert clip.transition.before_frames <= clip.source_in
    assert at == cut.frames == sum(clip.record.frames for clip in cut.clips)
    samples = round(cut.frames * cut.hz / cut.rate)
    for sound in cut.sounds:
        assert 0 <= sound.record.start < sound.record.stop <= samples + 1
        assert sound.fade_in + sound.fade_out <= sound.record.samples
        assert sound.source_start_s > -1 / Fraction(cut.hz)


def test_joins_are_what_the_spec_calls_them() -> None:
    assert {"handoff", "cut", "transition"} == set(Join.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]  # a Literal
