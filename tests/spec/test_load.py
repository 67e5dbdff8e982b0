"""Timelines read: the values, their places, and everything that is wrong at once."""

from __future__ import annotations

import pickle
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from assembler.errors import Problem, SpecError
from assembler.spec.load import load, load_timeline
from assembler.spec.model import Timeline
from assembler.spec.problems import keys_at
from assembler.spec.time import Duration, Place
from bench.spec import project as long_project

from .conftest import Problems, Write

DESIGN = """\
assembler: 1
title: Harbour at dawn
canvas: {size: 1920x1080, rate: 24, audio: {rate: 48000, layout: stereo}}
output: [youtube-1080p, {preset: reels-9x16, path: out/harbour-vertical.mp4}]
budget: {usd: 12.50}
defaults: {provider: kling, model: kling-3.0, resolution: 1080p, audio: native, takes: 1}
vars: {hero: woman in a red coat}

segments:
  - id: dawn
    duration: 40s
    start: media/harbour.png
    prompt: Slow push-in over the harbour, ${hero} walks the pier.
    beats:
      - {at: 0s,  prompt: Mist lifts.}
      - {at: 14s, prompt: She stops and turns.}
  - id: turn
    continue: dawn
    duration: 12s
    keyframe: media/turn-end.png
  - id: street
    join: cut
    shots:
      - {duration: 3s, prompt: Wide shot of the street.}
      - {duration: 4s, prompt: Close on her face.}
  - id: presenter
    avatar: {model: avatar-2.0, image: media/anna.png, audio: media/narration.wav}
    layer: {place: bottom-right, width: 30%, over: street}
  - id: archive
    file: media/archive.mov
    in: 2s
    out: 6.5s
    join: {dissolve: 12f}
tracks:
  - {id: narration, role: voice, file: media/narration.wav, on: street+0.5s}
  - {id: score, role: music, file: media/score.flac, duck: {under: [voice, dialogue], by: 10dB}}
native_audio: {level: -3dB, match: true}
captions: {file: media/captions.srt, burn: false}
titles: [{text: "Harbour at dawn", style: title, on: dawn+1s, for: 3s}]
"""


def test_timeline_of_the_design_is_read(write: Write, project: Path) -> None:
    t = load_timeline(write("t.yaml", DESIGN))
    dawn, turn, street, presenter, archive = t.segments
    assert dawn.prompt == "Slow push-in over the harbour, woman in a red coat walks the pier."
    assert dawn.start == project / "media" / "harbour.png"
    assert dawn.beats[1].at == Duration(Fraction(14), "s")
    assert turn.continue_ == "dawn"
    assert turn.end_image == project / "media" / "turn-end.png"
    assert [s.duration for s in street.shots] == [Duration(Fraction(n), "s") for n in (3, 4)]
    assert presenter.layer is not None
    assert presenter.layer.width == 0.3
    assert archive.in_ == Duration(Fraction(2), "s")
    assert archive.join is not None
    assert archive.join.transition == "dissolve"
    assert archive.join.duration == Duration(Fraction(12), "f")
    assert t.tracks[0].on == Place("street", Duration(Fraction(1, 2), "s"))
    assert t.tracks[1].duck is not None
    assert t.tracks[1].duck.by == 10.0
    assert t.native_audio.level == -3.0
    assert t.budget is not None
    assert t.budget.usd == Decimal("12.50")
    assert t.output[0].preset == "youtube-1080p"
    assert t.output[1].path == project / "out" / "harbour-vertical.mp4"
    assert t.path == project / "t.yaml"


def test_text_that_reads_like_a_number_stays_as_written(write: Write) -> None:
    """Titles and prompts are words whatever YAML thinks of them; ids like `on` and `no` too."""
    text = """\
assembler: 1
title: 1984
segments:
  - {id: no, duration: 5, prompt: 007}
  - {id: on, duration: 00:00:05:00, prompt: yes, audio: off}
titles: [{text: 2024-01-31, on: no+1s, for: 3s}, {text: 1e3, on: on, for: 12f}]
tracks: [{id: y, file: media/score.flac, loop: yes, mute: off}]
"""
    t = load_timeline(write("t.yaml", text))
    assert t.title == "1984"
    assert [s.prompt for s in t.segments] == ["007", "yes"]
    assert [s.id for s in t.segments] == ["no", "on"]
    assert t.segments[1].audio == "off"
    assert t.segments[1].duration == Duration("00:00:05:00", "tc")
    assert [x.text for x in t.titles] == ["2024-01-31", "1e3"]
    assert (t.tracks[0].loop, t.tracks[0].mute) == (True, False)


def test_options_keep_their_types(write: Write) -> None:
    text = """\
assembler: 1
segments:
  - id: a
    duration: 5s
    prompt: Mist.
    options: {cfg: 0.5, mode: pro, steps: 30, flag: true, code: 012, list: [1, on]}
"""
    options = load_timeline(write("t.yaml", text)).segments[0].options
    expected = {
        "cfg": 0.5, "mode": "pro", "steps": 30, "flag": True, "code": "012", "list": [1, "on"]
    }  # fmt: skip
    assert expected == options


def test_places_of_values(write: Write, project: Path) -> None:
    write("t.yaml", DESIGN)
    loaded = load("t.yaml")
    assert loaded.where("segments", 0) == "t.yaml:10:5"
    assert loaded.where("segments", 0, "duration") == "t.yaml:11:15"
    assert loaded.where("segments", 0, "beats", 1, "at") == "t.yaml:16:14"
    assert loaded.where("segments", 1, "continue_") == "t.yaml:18:15"
    assert loaded.where("segments", 4, "in") == "t.yaml:31:9"
    assert loaded.where("output", 0, "preset") == "t.yaml:4:10"
    assert loaded.where("budget", "usd") == "t.yaml:5:15"


def test_an_empty_text_in_the_place_of_a_file_is_read(write: Write) -> None:
    path = write("t.yaml", DESIGN)
    with pytest.raises(SpecError, match="1:1: it is empty"):
        load(path, {path: b""})


def test_value_that_is_not_written_has_the_place_around_it(write: Write) -> None:
    write("t.yaml", DESIGN)
    loaded = load("t.yaml")
    assert loaded.where("segments", 1, "model") == "t.yaml:17:5"
    assert loaded.where("mix") == "t.yaml:1:1"


def test_problem_of_a_loaded_timeline_names_its_segment(write: Write) -> None:
    write("t.yaml", DESIGN)
    expected = Problem("t.yaml", 19, 15, "segment turn: too long", "shorten it.")
    assert expected == load("t.yaml").problem("too long", "shorten it.", "segments", 1, "duration")


def test_values_are_plain_and_survive_pickling(write: Write) -> None:
    """No value drags the file's folders along."""
    t = load_timeline(write("t.yaml", DESIGN))
    assert type(t.segments[0].prompt) is str
    assert type(t.segments[0].id) is str
    assert t == pickle.loads(pickle.dumps(t))


BROKEN = """\
assembler: 1
titel: Harbour
canvas: {size: 1920x1081, rate: 24, audio: {rate: 44000}}
output: [youtube-1080p, {preset: Reels, path: ../x.mp4}]
budget: {usd: -3}
defaults: {takes: 0, fit: covr, seed: 1.5}
segments:
  - id: dawn
    duraton: 10s
    prompt: Over the ${harbor}.
  - id: Dawn
    duration: 1:30
    prompt:
    start: media/harbor.png
    join: {disolve: 12f}
  - ident: x
    file: media
    in: 5s
    out: 2s
  - {id: a b, file: /etc/passwd}
  - {id: c, url: "ftp://x"}
  - id: d
    continue: dwn
    duration: 00:00:01:30
    beats: [{at: 3s, prompt: x}, {at: 1s, prompt: y}]
  - just words
tracks:
  - {id: n, file: media/narration.wav, on: dwan+1s, loop: maybe, duck: {under: [voce], by: 90dB}}
titles: {text: x}
vars: {harbour: sea}
"""

KEYS = ", ".join(keys_at(Timeline, ("segments",)))

SAID = f"""\
t.yaml:2:1: unknown key 'titel'
  fix: did you mean 'title'?
t.yaml:3:16: 'size' must be a multiple of 2, not '1081'
  fix: write 1080.
t.yaml:3:51: 'rate' can't be '44000'
  fix: write 44100, 48000 or 96000.
t.yaml:4:34: 'preset' can't be 'Reels'
  fix: write reels.
t.yaml:4:47: path: '../x.mp4' leads out of the project folder
  fix: give it a place in the folder of the timeline, or below it.
t.yaml:5:15: 'usd' must be at least 0, not '-3'
t.yaml:6:19: 'takes' must be at least 1, not '0'
t.yaml:6:27: 'fit' can't be 'covr'
  fix: did you mean 'cover'?
t.yaml:6:39: seed: '1.5' is no whole number
t.yaml:9:5: segment dawn: unknown key 'duraton'
  fix: did you mean 'duration'?
t.yaml:10:13: there is no variable 'harbor'
  fix: did you mean 'harbour'?
t.yaml:11:9: segment Dawn: the id 'Dawn' differs from 'dawn' in t.yaml:8 by case only
  fix: give it another id.
t.yaml:12:15: segment Dawn: duration: '1:30' is no time
  fix: write 90s, or HH:MM:SS:FF.
t.yaml:13:12: 'prompt' has no value
  fix: write one, or take it out.
t.yaml:14:12: segment Dawn: start: there is no file 'media/harbor.png'
  fix: did you mean 'harbour.png'?
t.yaml:15:21: segment Dawn: join: there is no join 'disolve'
  fix: did you mean 'dissolve'?
t.yaml:16:5: segment 3: unknown key 'ident'
  fix: did you mean 'id'?
t.yaml:17:11: segment 3: file: 'media' is a folder
  fix: name a file in it.
t.yaml:19:10: segment 3: `out` 2s is not after `in` 5s
  fix: `out` is the first frame that is not shown.
t.yaml:20:10: segment a b: 'id' can't be 'a b'
  fix: write a-b.
t.yaml:20:21: segment a b: file: '/etc/passwd' leads out of the project folder
  fix: copy the file into the folder of the timeline, or below it.
t.yaml:21:18: segment c: 'url' can't be 'ftp://x'
  fix: write an address that begins with http:// or https://.
t.yaml:23:15: segment d: there is no segment 'dwn' to continue
  fix: did you mean 'dawn'?
t.yaml:24:15: segment d: '00:00:01:30' doesn't exist at 24 frames a second
  fix: the frames go from 00 to 23.
t.yaml:25:39: segment d: the beat at 1s is not after the one before it
  fix: put the beats in order of time.
t.yaml:26:5: segment 7: it must be a mapping of keys and values, not 'just words'
  fix: write {{id: …}}; its keys: {KEYS}.
t.yaml:28:44: track n: there is no segment 'dwan'
  fix: did you mean 'dawn'?
t.yaml:28:59: track n: loop: 'maybe' is neither true nor false
  fix: write true or false.
t.yaml:28:81: track n: entry 1 of 'under' can't be 'voce'
  fix: did you mean 'voice'?
t.yaml:28:92: track n: 'by' must be at most 60, not '90dB'
t.yaml:29:9: 'titles' must be a list, not a mapping
  fix: begin each entry with `- `, or write [a, b]."""


def test_all_problems_come_at_once_in_order(problems: Problems) -> None:
    assert SAID.splitlines() == problems(BROKEN).splitlines()


def test_short_forms_of_single_values(write: Write, project: Path) -> None:
    text = """\
assembler: 1
output: draft
captions: media/captions.srt
segments: [{id: a, file: media/archive.mov}]
tracks: [{id: t, file: media/score.flac, fade_in: 1s}]
"""
    t = load_timeline(write("t.yaml", text))
    assert [o.preset for o in t.output] == ["draft"]
    assert t.captions is not None
    assert t.captions.file == project / "media" / "captions.srt"
    assert t.tracks[0].fade_in is not None
    assert t.tracks[0].fade_in.duration == Duration(Fraction(1), "s")


SHORT_AND_WRONG = """\
assembler: 1
output: {preset: draft, paht: o.mp4}
budget: 5
captions: media/caption.srt
segments: [{id: a, file: media/archive.mov}]
tracks: [{id: t, file: media/score.flac, fade_in: soft}]
titles: [{text: "", on: a, for: 1s}]
"""


def test_short_forms_keep_their_places(problems: Problems) -> None:
    assert (
        problems(SHORT_AND_WRONG)
        == """\
t.yaml:2:25: unknown key 'paht'
  fix: did you mean 'path'?
t.yaml:3:9: 'budget' must be a mapping of keys and values, not '5'
  fix: write {usd: …}; its keys: usd.
t.yaml:4:11: captions: there is no file 'media/caption.srt'
  fix: did you mean 'captions.srt'?
t.yaml:6:51: track t: fade_in: 'soft' is no time
  fix: write seconds (2.5s), frames (12f) or timecode (00:00:10:00).
t.yaml:7:17: title 1: 'text' is empty
  fix: write something."""
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "segments: [{id: a, file: media/archive.mov}]\n",
            "t.yaml:1:1: 'assembler' is missing\n  fix: begin the file with `assembler: 1`.",
        ),
        (
            "assembler: 2\nsegments: [{id: a, file: media/archive.mov}]\n",
            "t.yaml:1:12: 'assembler' can't be '2'\n  fix: write 1.",
        ),
        (
            "assembler: 1\n",
            "t.yaml:1:1: 'segments' is missing\n"
            "  fix: add `segments:` and at least one entry under it.",
        ),
        ("assembler: 1\nsegments: []\n", "t.yaml:2:11: 'segments' must have at least 1 entry"),
        (
            "assembler: 1\nsegments:\n",
            "t.yaml:2:10: 'segments' has no value\n  fix: write one, or take it out.",
        ),
        (
            "assembler: 1\npath: x\nsegments: [{id: a, file: media/archive.mov}]\n",
            "t.yaml:2:1: unknown key 'path'\n  fix: an output has a path: `output: [{path: …}]`.",
        ),
        (
            "assembler: 1\nclips: [{id: a, file: media/archive.mov}]\n",
            "t.yaml:1:1: 'segments' is missing\n"
            "  fix: add `segments:` and at least one entry under it.\n"
            "t.yaml:2:1: unknown key 'clips'\n  fix: did you mean 'segments'?",
        ),
        (
            "assembler: 1\nsegments: [{id: a, source: media/archive.mov}]\n",
            "t.yaml:2:20: segment a: unknown key 'source'\n  fix: did you mean 'file'?",
        ),
    ],
)
def test_one_thing_wrong(problems: Problems, text: str, message: str) -> None:
    assert message == problems(text)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            "output: [{preset: web-720p, reframe: {x: 130%}}]",
            "t.yaml:2:42: 'x' must be at most 1, not '130%'",
        ),
        (
            "output: [{preset: web-720p, reframe: {z: 1}}]",
            "t.yaml:2:39: unknown key 'z'\n  fix: known keys: x, y.",
        ),
        (
            "output: [{preset: web-720p, reframe: folow}]",
            "t.yaml:2:38: 'reframe' can't be 'folow'\n  fix: did you mean 'follow'?",
        ),
        (
            "output: [{preset: web-720p, reframe: [1]}]",
            "t.yaml:2:38: 'reframe' must be a mapping of keys and values, not a list\n"
            "  fix: write {x: …}; its keys: x, y.",
        ),
        (
            "chapters: segmentz",
            "t.yaml:2:11: 'chapters' can't be 'segmentz'\n  fix: did you mean 'segments'?",
        ),
        (
            "chapters: [{title: x, on: 2s}]",
            "t.yaml:2:12: 'at' is missing\n"
            "t.yaml:2:23: unknown key 'on'\n  fix: known keys: title, at.",
        ),
    ],
)
def test_a_value_that_may_be_two_things_is_wrong_as_one(
    problems: Problems, keys: str, message: str
) -> None:
    """Only what is wrong with it as what it was meant as is told, at its own place."""
    text = f"assembler: 1\n{keys}\nsegments: [{{id: a, file: media/archive.mov}}]\n"
    assert message == problems(text)


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        (
            "id: a",
            [
                "2:12: segment a: 'duration' is missing",
                "  fix: say how long it is: `duration: 10s`.",
                "t.yaml:2:12: segment a: it has neither a prompt nor shots, "
                "a file, a url or an avatar",
                "  fix: add `prompt:` or one of the others.",
            ],
        ),
        (
            "id: a, file: media/archive.mov, url: 'https://x.y/z'",
            [
                "2:50: segment a: it has `file` and `url`, and can have one",
                "  fix: take the others out.",
            ],
        ),
        (
            "id: a, file: media/archive.mov, prompt: x",
            [
                "2:53: segment a: `prompt` is for generated segments; this one is a file",
                "  fix: take it out.",
            ],
        ),
        (
            "id: a, prompt: x, duration: 5s, in: 1s",
            [
                "2:49: segment a: `in` is for files and URLs; this segment is generated",
                "  fix: say how long it is with `duration`.",
            ],
        ),
        (
            "id: a, prompt: x, duration: 5s, end: media/anna.png, keyframe: media/anna.png",
            [
                "2:50: segment a: it has `end` and `keyframe`, which mean the same",
                "  fix: keep one of them.",
            ],
        ),
        (
            "id: a, prompt: x, duration: 5s, join: {cut: 3f}",
            ["2:57: segment a: join: a cut has no length", "  fix: write `join: cut`."],
        ),
        (
            "id: a, prompt: x, duration: 5s, join: {dissolve: 3f, radial: 3f}",
            [
                "2:74: segment a: join: 'dissolve' and 'radial' can't be had at once",
                "  fix: keep one transition.",
            ],
        ),
    ],
)
def test_segment_that_contradicts_itself(problems: Problems, segment: str, said: list[str]) -> None:
    text = f"assembler: 1\nsegments: [{{{segment}}}]\n"
    assert ["t.yaml:" + said[0], *said[1:]] == problems(text).splitlines()


def test_error_survives_pickling(write: Write) -> None:
    write("t.yaml", BROKEN)
    with pytest.raises(SpecError) as caught:
        load("t.yaml")
    assert str(pickle.loads(pickle.dumps(caught.value))) == SAID


def test_thousand_segments_take_less_than_a_second(tmp_path: Path) -> None:
    path = long_project(tmp_path, 1000)
    start = time.process_time()
    timeline = load_timeline(path)
    assert time.process_time() - start < 1.0
    assert len(timeline.segments) == 1000


@pytest.mark.parametrize(
    ("source", "key", "says"),
    [
        ("file: media/archive.mov", "seed: 4", "`seed` is for generated segments"),
        (
            "avatar: {image: media/a.png, audio: media/a.wav}",
            "out: 2s",
            "`out` is not for an avatar",
        ),
        ("avatar: {image: media/a.png, audio: media/a.wav}", "in: 2s", "`in` is not for an avatar"),
    ],
)
def test_keys_that_would_do_nothing_are_refused(
    write: Write, problems: Problems, source: str, key: str, says: str
) -> None:
    for name in ("a.png", "a.wav", "archive.mov"):
        write(f"media/{name}", "")
    said = problems(f"assembler: 1\nsegments:\n  - {{id: s, {source}, {key}}}\n")
    assert says in said
