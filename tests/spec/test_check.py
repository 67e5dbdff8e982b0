"""What values of a timeline say about each other."""

from __future__ import annotations

import pytest

from assembler.spec.check import check_names
from assembler.spec.load import load

from .conftest import Problems, Write

HEAD = "assembler: 1\nsegments:\n"


def seg(id_: str, rest: str = "") -> str:
    return f"  - {{id: {id_}, duration: 5s, prompt: x{', ' if rest else ''}{rest}}}\n"


AB = seg("a") + seg("b")

WRONG = {
    "an id twice": (
        AB + seg("a"),
        "t.yaml:5:10: segment a: the id 'a' is already used in t.yaml:3\n"
        "  fix: give it another id.",
    ),
    "a track's id twice": (
        AB + "tracks:\n  - {id: a, file: media/score.flac}\n  - {id: a, file: media/score.flac}\n",
        "t.yaml:7:10: track a: the id 'a' is already used in t.yaml:6\n  fix: give it another id.",
    ),
    "continue itself": (
        AB + seg("c", "continue: c"),
        "t.yaml:5:48: segment c: it continues itself\n"
        "  fix: name the segment whose end frame it starts on.",
    ),
    "continue nothing": (
        AB + seg("c", "continue: d"),
        "t.yaml:5:48: segment c: there is no segment 'd' to continue\n  fix: segments: a, b, c.",
    ),
    "continue in a ring": (
        AB + seg("c", "join: cut, continue: d") + seg("d", "join: cut, continue: c"),
        "t.yaml:5:59: segment c: the chain goes round: c continues d continues c\n"
        "  fix: let one of them begin without `continue`.",
    ),
    "continue one that isn't before it": (
        AB + seg("c", "continue: a"),
        "t.yaml:5:48: segment c: it continues 'a' but stands after 'b'\n"
        "  fix: write `join: cut`, or move it.",
    ),
    "a transition at the start": (
        seg("a", "join: {dissolve: 12f}") + seg("b"),
        "t.yaml:3:44: segment a: 'dissolve' needs a segment before it, and this is the first\n"
        "  fix: take it out.",
    ),
    "a handoff at the start": (
        seg("a", "join: handoff") + seg("b"),
        "t.yaml:3:44: segment a: 'handoff' needs a segment before it, and this is the first\n"
        "  fix: take it out.",
    ),
    "a J-cut at the start": (
        seg("a", "join: {j-cut: 12f}") + seg("b"),
        "t.yaml:3:44: segment a: its sound can't overlap a segment before it; it is the first\n"
        "  fix: take it out.",
    ),
    "only layers": (
        seg("a", "layer: {on: 0s}"),
        "t.yaml:3:3: every segment is a layer\n  fix: leave one without `layer` under them.",
    ),
    "a layer over nothing": (
        AB + seg("c", "layer: {over: bb}"),
        "t.yaml:5:52: segment c: there is no segment 'bb'\n  fix: did you mean 'b'?",
    ),
    "a layer over itself": (
        AB + seg("c", "layer: {over: c}"),
        "t.yaml:5:45: segment c: the layers go round: c lies on c",
    ),
    "layers in a ring": (
        AB + seg("c", "layer: {over: d}") + seg("d", "layer: {on: c+1s}"),
        "t.yaml:5:45: segment c: the layers go round: c lies on d lies on c",
    ),
    "over and on": (
        AB + seg("c", "layer: {over: a, on: b}"),
        "t.yaml:5:45: segment c: a layer has `over` or `on`, not both\n"
        "  fix: keep `on`, it says more.",
    ),
    "a track on nothing": (
        AB + "tracks: [{id: t, file: media/score.flac, on: c+1s, until: d}]\n",
        "t.yaml:5:46: track t: there is no segment 'c'\n  fix: segments: a, b.\n"
        "t.yaml:5:59: track t: there is no segment 'd'\n  fix: segments: a, b.",
    ),
    "a title on nothing": (
        AB + "titles: [{text: x, on: c, for: 1s}]\n",
        "t.yaml:5:24: title 1: there is no segment 'c'\n  fix: segments: a, b.",
    ),
    "captions on nothing": (
        AB + "captions: {file: media/captions.srt, on: c}\n",
        "t.yaml:5:42: there is no segment 'c'\n  fix: segments: a, b.",
    ),
    "captions in another kind of file": (
        AB + "captions: {file: media/score.flac}\n",
        "t.yaml:5:18: 'score.flac' is no caption file by its ending\n"
        "  fix: give a .srt, .vtt, .ass or .ssa file.",
    ),
    "out before in": (
        AB + "  - {id: c, file: media/archive.mov, in: 00:00:02:00, out: 1.5s}\n",
        "t.yaml:5:60: segment c: `out` 1.5s is not after `in` 00:00:02:00\n"
        "  fix: `out` is the first frame that is not shown.",
    ),
    "out at the start": (
        AB + "  - {id: c, file: media/archive.mov, out: 0f}\n",
        "t.yaml:5:43: segment c: `out` 0f is not after its start\n"
        "  fix: `out` is the first frame that is not shown.",
    ),
    "a track's out before in": (
        AB + "tracks: [{id: t, file: media/score.flac, in: 2s, out: 2s}]\n",
        "t.yaml:5:55: track t: `out` 2s is not after `in` 2s\n"
        "  fix: `out` is the first frame that is not shown.",
    ),
    "in, out and duration": (
        AB + "  - {id: c, file: media/archive.mov, in: 1s, out: 2s, duration: 1s}\n",
        "t.yaml:5:65: segment c: `out` and `duration` both say where it ends\n"
        "  fix: keep `in` with one of them.",
    ),
    "beats out of order": (
        seg("a", "beats: [{at: 2s, prompt: x}, {at: 2s, prompt: y}]"),
        "t.yaml:3:72: segment a: the beat at 2s is not after the one before it\n"
        "  fix: put the beats in order of time.",
    ),
    "a beat after the end": (
        seg("a", "beats: [{at: 5s, prompt: x}]"),
        "t.yaml:3:51: segment a: the beat at 5s lies after the end at 5s\n"
        "  fix: move it before the end, or make the segment longer.",
    ),
    "shots that don't add up": (
        "  - {id: a, duration: 5s, "
        "shots: [{duration: 2s, prompt: x}, {duration: 2s, prompt: y}]}\n",
        "t.yaml:3:23: segment a: its shots last 4 s together, not 5s\n"
        "  fix: take `duration` out; the shots say it.",
    ),
    "a shot of no length": (
        "  - {id: a, shots: [{duration: 0s, prompt: x}, {duration: 2s, prompt: y}]}\n",
        "t.yaml:3:32: segment a: 'duration' is shorter than half a frame: 0s\n"
        "  fix: one frame is 0.0417 s.",
    ),
    "a timecode that doesn't exist": (
        AB + "titles: [{text: x, on: a+00:00:01:24, for: 00:00:00:30}]\n",
        "t.yaml:5:24: title 1: '00:00:01:24' doesn't exist at 24 frames a second\n"
        "  fix: the frames go from 00 to 23.\n"
        "t.yaml:5:44: title 1: '00:00:00:30' doesn't exist at 24 frames a second\n"
        "  fix: the frames go from 00 to 23.",
    ),
    "one file for two outputs": (
        AB + "output: [{preset: draft, path: o.mp4}, {preset: draft, path: ./O.mp4}]\n",
        "t.yaml:5:62: output 1 already writes that file\n"
        "  fix: give each output a `path` of its own.",
    ),
    "one preset twice": (
        AB + "output: [draft, draft]\n",
        "t.yaml:5:17: output 1 already writes that file\n"
        "  fix: give each output a `path` of its own.",
    ),
    "an output over a source": (
        AB + "output: [{preset: draft, path: media/score.flac}]\n"
        "tracks: [{id: t, file: media/score.flac}]\n",
        "t.yaml:5:32: the output would overwrite a file that the timeline uses\n"
        "  fix: give it another name.",
    ),
    "an effect of a negative length": (
        seg("a", "effects: [Invert, {name: FadeOut, duration: -1}]"),
        "t.yaml:3:82: segment a: `duration` of the effect FadeOut can't be less than nothing: -1\n"
        "  fix: write 1; it is in seconds.",
    ),
    "a blink of a negative length": (
        seg("a", "effects: [{name: Blink, duration_on: 1, options: {duration_off: -0.5}}]"),
        "t.yaml:3:48: segment a: `duration_off` of the effect Blink can't be less than nothing: "
        "-0.5\n  fix: write 0.5; it is in seconds.",
    ),
    "an output over the timeline": (
        AB + "output: [{preset: draft, path: t.yaml}]\n",
        "t.yaml:5:32: the output would overwrite a file that the timeline uses\n"
        "  fix: give it another name.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_contradiction_is_found_at_its_place(problems: Problems, name: str) -> None:
    body, said = WRONG[name]
    assert said.splitlines() == problems(HEAD + body).splitlines()


RIGHT = {
    "a cut back to an earlier chain": AB + seg("c", "continue: a, join: cut"),
    "a layer between a chain's segments": (
        seg("a") + seg("n", "layer: {over: a}") + seg("b", "continue: a")
    ),
    "a handoff between files": (
        "  - {id: a, file: media/archive.mov}\n"
        "  - {id: b, file: media/archive.mov, join: handoff}\n"
    ),
    "a cut at the start": seg("a", "join: cut"),
    "a layer before the first segment": seg("l", "layer: {on: 1s}") + seg("a"),
    "a transition without a length": AB + seg("c", "join: radial"),
    "a J-cut": AB + seg("c", "join: {dissolve: 12f, j-cut: 6f}"),
    "a prompt from beats alone": (
        "  - {id: a, duration: 9s, beats: [{at: 0s, prompt: x}, {at: 3s, prompt: y}]}\n"
    ),
    "a timecode at the canvas's rate": (
        AB + "canvas: {rate: 29.97}\ntitles: [{text: x, on: 00:01:00;02, for: 1s}]\n"
    ),
    "an option of one's own effect below nothing": seg("a", "effects: [{name: 'm:f', d: -1}]"),
    "two outputs": AB + "output: [draft, {preset: draft, path: b.mp4}]\n",
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_agrees_is_taken(write: Write, name: str) -> None:
    load(write("t.yaml", HEAD + RIGHT[name]))


def test_names_of_presets_are_looked_up_together(write: Write) -> None:
    text = """\
assembler: 1
output: [youtub-1080p, {preset: prores, mix: podcst}]
mix: wep
defaults: {provider: klng, model: kling-30}
seam: {preset: gentel}
segments:
  - {id: a, duration: 5s, prompt: x, model: kling-3}
  - {id: b, avatar: {model: avatr, image: media/anna.png, audio: media/narration.wav}}
titles: [{text: x, on: a, for: 1s, style: titel}]
"""
    write("t.yaml", text)
    loaded = load("t.yaml")
    found = check_names(
        loaded.timeline,
        loaded.marks,
        models=["kling-3.0", "avatar-2.0"],
        providers=["kling", "animatic"],
        deliveries=["youtube-1080p", "prores-master"],
        mixes=["web", "podcast"],
        seams=["gentle"],
        styles=["title"],
    )
    assert (
        "\n".join(map(str, found))
        == """\
t.yaml:2:10: there is no output 'youtub-1080p'
  fix: did you mean 'youtube-1080p'?
t.yaml:2:33: there is no output 'prores'
  fix: did you mean 'prores-master'?
t.yaml:2:46: there is no mix 'podcst'
  fix: did you mean 'podcast'?
t.yaml:3:6: there is no mix 'wep'
  fix: did you mean 'web'?
t.yaml:4:22: there is no provider 'klng'
  fix: did you mean 'kling'?
t.yaml:4:35: there is no model 'kling-30'
  fix: did you mean 'kling-3.0'?
t.yaml:5:16: there is no seam preset 'gentel'
  fix: did you mean 'gentle'?
t.yaml:7:45: segment a: there is no model 'kling-3'
  fix: did you mean 'kling-3.0'?
t.yaml:8:29: segment b: there is no model 'avatr'
  fix: did you mean 'avatar-2.0'?
t.yaml:9:43: title 1: there is no title style 'titel'
  fix: did you mean 'title'?"""
    )


def test_names_that_nobody_lists_are_not_asked(write: Write) -> None:
    loaded = load(write("t.yaml", HEAD + AB))
    assert check_names(loaded.timeline, loaded.marks) == []
