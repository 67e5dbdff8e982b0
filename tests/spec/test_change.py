"""What an author may do to a picture, and what is said about mistakes in it."""

from __future__ import annotations

from typing import Any

import pytest

from assembler.spec.load import load
from assembler.spec.model import Segment

from .conftest import Problems, Write

HEAD = "assembler: 1\nsegments:\n"


def clip(rest: str, id_: str = "a") -> str:
    return f"  - {{id: {id_}, file: media/archive.mov, {rest}}}\n"


SHORT: dict[str, dict[str, Any]] = {
    "speed: 50%": {"speed": {"rate": 0.5, "points": (), "frames": "nearest"}},
    "speed: 2": {"speed": {"rate": 2.0, "points": (), "frames": "nearest"}},
    "freeze: {at: 1s, for: 12f}": {"freeze": ({"at": "1s", "for_": "12f"},)},
    "effects: BlackAndWhite": {"effects": ({"name": "BlackAndWhite", "options": {}},)},
    "effects: [{name: MultiplyColor, factor: 0.5}]": {
        "effects": ({"name": "MultiplyColor", "options": {"factor": 0.5}},)
    },
    "grade: {slope: 1.1, offset: [0, 0.1, 0]}": {
        "grade": {"slope": (1.1, 1.1, 1.1), "offset": (0.0, 0.1, 0.0)}
    },
}


@pytest.mark.parametrize("written", SHORT)
def test_shorthand_means_the_whole(write: Write, written: str) -> None:
    segment: Segment = load(write("t.yaml", HEAD + clip(written))).timeline.segments[0]
    ((key, wanted),) = SHORT[written].items()
    found = segment.model_dump(mode="python")[key]
    if isinstance(wanted, dict):
        found = {name: found[name] for name in wanted}
    if key == "freeze":
        found = tuple({"at": str(f.at), "for_": str(f.for_)} for f in segment.freeze)
    assert found == wanted


def test_a_move_by_word_has_two_views(write: Write) -> None:
    timeline = load(write("t.yaml", HEAD + clip("duration: 2s, move: in"))).timeline
    move = timeline.segments[0].move
    assert move is not None
    assert (move.from_.width, move.to.width) == (1.0, 0.8)


def test_transitions_have_xfades_names_too(write: Write) -> None:
    text = HEAD + clip("out: 2s") + clip("in: 1s, join: {wipeleft: 12f}", "b")
    text += clip("in: 1s, join: {dip: 12f, colour: '#102030'}", "c")
    joins = [s.join for s in load(write("t.yaml", text)).timeline.segments[1:]]
    assert [(join.transition, join.colour) for join in joins if join] == [
        ("wipe-left", None),
        ("dip", "#102030"),
    ]


WRONG = {
    "a move that there isn't": (
        clip("duration: 2s, move: inn"),
        "t.yaml:3:58: segment a: move: there is no move 'inn'\n  fix: did you mean 'in'?",
    ),
    "nothing left": (
        clip("crop: {left: 60%, right: 50%}"),
        "t.yaml:3:63: segment a: crop: `left` and `right` leave less than 5 % of the picture\n"
        "  fix: cut away less.",
    ),
    "a ramp with a speed": (
        clip("speed: {rate: 2, points: [{at: 0s, rate: 1}]}"),
        "t.yaml:3:52: segment a: speed: a ramp has its speeds in `points`\n  fix: take `rate` out.",
    ),
    "a ramp out of order": (
        clip("speed: {points: [{at: 1s, rate: 1}, {at: 1s, rate: 2}]}"),
        "t.yaml:3:79: segment a: the point at 1s is not after the one before it\n"
        "  fix: put the points in order of time.",
    ),
    "a move over what is generated": (
        "  - {id: a, prompt: x, duration: 5s, move: in}\n",
        "t.yaml:3:44: segment a: `move` is for still pictures; this segment is generated\n"
        "  fix: say in `camera:` or the prompt how the camera moves.",
    ),
    "a handoff from what is bent": (
        clip("out: 2s, reverse: true") + clip("join: handoff", "b"),
        "t.yaml:4:44: segment b: it goes on from 'a', whose last frame `reverse` changes\n"
        "  fix: write `join: cut` or a transition.",
    ),
    "bent time that goes on from another": (
        "  - {id: a, prompt: x, duration: 5s}\n"
        "  - {id: b, prompt: x, duration: 5s, continue: a, speed: 50%}\n",
        "t.yaml:4:58: segment b: `speed` changes the frame on which it continues 'a'\n"
        "  fix: take it out, or write `join: cut` or a transition.",
    ),
    "beats backwards": (
        "  - {id: a, prompt: x, duration: 5s, reverse: true, beats: [{at: 1s, prompt: y}]}\n",
        "t.yaml:3:47: segment a: its beats would come in the opposite order\n"
        "  fix: put their words into the prompt.",
    ),
    "several shots in slow motion": (
        "  - {id: a, speed: 50%, shots: [{duration: 2s, prompt: x}, {duration: 3s, prompt: y}]}\n",
        "t.yaml:3:20: segment a: `speed` and several shots can't be had at once\n"
        "  fix: write each shot as a segment of its own.",
    ),
    "lips in slow motion": (
        "  - {id: a, avatar: {image: media/anna.png, audio: media/score.flac}, speed: 50%}\n",
        "t.yaml:3:78: segment a: `speed` would take the lips from the words\n  fix: take it out.",
    ),
    "slow motion of what is made to speak": (
        "  - {id: a, prompt: x, duration: 5s, speed: 50%}\n"
        "  - {id: b, avatar: {of: a, audio: media/score.flac, model: lip-sync}}\n",
        "t.yaml:3:45: segment a: `speed` would take its lips from the words\n  fix: take it out.",
    ),
    "a handoff into what is bent": (
        clip("out: 2s") + clip("join: handoff, reverse: true", "b"),
        "t.yaml:4:62: segment b: `reverse` and a handoff can't be had at once\n"
        "  fix: write `join: cut` or a transition.",
    ),
    "a colour of a dissolve": (
        clip("out: 2s") + clip("in: 1s, join: {dissolve: 12f, colour: '#102030'}", "b"),
        "t.yaml:4:76: segment b: join: only a dip has a colour\n"
        "  fix: write `{dip: 12f, colour: …}`.",
    ),
    "words and a clip": (
        clip("out: 2s") + "titles:\n  - {text: A, clip: 'm:f', on: 0s, for: 1s}\n",
        "t.yaml:5:21: title 1: it has `text` and `clip`, and can have one\n"
        "  fix: keep one of them.",
    ),
    "captions of no track": (
        clip("out: 2s") + "tracks: [{id: voice, file: media/score.flac}]\n"
        "captions: {file: media/captions.srt, of: voise}\n",
        "t.yaml:5:42: there is no track 'voise'\n  fix: did you mean 'voice'?",
    ),
    "a chapter on nothing": (
        clip("out: 2s") + "chapters: [{title: One, at: b}]\n",
        "t.yaml:4:29: there is no segment 'b'\n  fix: segments: a.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_told_with_their_place(problems: Problems, name: str) -> None:
    text, told = WRONG[name]
    assert told == problems(HEAD + text)
