"""Clips with another speed name the frames of their files that are seen, and come back."""

from __future__ import annotations

import csv
import shutil
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from assembler.assemble.exports import export
from assembler.assemble.imports import import_cut
from assembler.cut.model import Cut
from assembler.planning.retime import Retime, Stretch
from assembler.timebase import FrameRange
from tests.exporting.conftest import Film

FILM = """\
assembler: 1
canvas: {size: 320x192, rate: 24}
output: [{preset: lossless, path: out/bent.mkv}]
segments:
  - {id: one, file: a.mp4, in: 12f, out: 48f}
  - {id: slow, file: b.mp4, in: 24f, out: 48f, speed: 50%}
  - {id: back, file: c.mp4, in: 12f, out: 36f, reverse: true, join: {dissolve: 12f}}
  - {id: late, file: b.mp4, in: 60f, speed: 50%, join: {dissolve: 12f}}
  - {id: fast, file: a.mp4, in: 0f, out: 60f, speed: 300%}
  - id: ramp
    file: c.mp4
    in: 12f
    out: 60f
    speed: {points: [{at: 0s, rate: 100%}, {at: 1s, rate: 300%}]}
"""
SEEN = {
    "one": (12, 48),
    "slow": (24, 48),
    "back": (12, 36),
    "late": (60, 72),
    "fast": (0, 58),
}
"""First frame of its file that each clip shows, and the one after its last."""
EDITS = ["bent.otio", "bent.fcpxml", "bent.xml", "bent.V1.edl"]


@pytest.fixture(scope="module")
def bent(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Film:
    """A film of slow, fast and reversed clips, in all formats."""
    folder = tmp_path_factory.mktemp("bent")
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        shutil.copy(material / name, folder / name)
    path = folder / "bent.yaml"
    path.write_text(FILM, encoding="utf-8")
    return Film(path, export(path, ("otio", "fcpxml", "fcp7", "edl", "aaf", "csv")))


def lost(film: Film, form: str) -> list[str]:
    return [what for one, what in film.exported.lost if one == form]


def row(cut: Cut) -> list[tuple[str, FrameRange, int, object]]:
    return [(c.id, c.record, c.source_in, c.source.retime) for c in cut.clips]


def test_a_shot_list_names_the_frames_that_are_seen(bent: Film) -> None:
    with (bent.out / "bent.csv").open(encoding="utf-8") as file:
        rows = {one["name"]: one for one in csv.DictReader(file) if one["track"] == "V1"}
    for name, (first, stop) in SEEN.items():
        one = rows[name]
        labels = [f"00:00:{n // 24:02d}:{n % 24:02d}" for n in (first, stop)]
        assert [one["source in"], one["source out"]] == labels, name
        assert (int(one["handle before"]), int(one["handle after"])) == (first, 72 - stop), name


def test_otio_names_them_with_their_speed(bent: Film) -> None:
    timeline = otio.adapters.read_from_file(str(bent.out / "bent.otio"))
    clips = {clip.name: clip for clip in timeline.video_tracks()[0].find_clips()}
    for name, (first, _) in SEEN.items():
        assert clips[name].source_range.start_time.value == first, name
    speeds = {name: [e.time_scalar for e in clip.effects] for name, clip in clips.items()}
    assert speeds == {
        "one": [],
        "slow": [0.5],
        "back": [-1.0],
        "late": [0.5],
        "fast": [3.0],
        "ramp": [],
    }
    lengths = [clips[c.id].source_range.duration.value for c in bent.exported.cut.clips]
    assert lengths == [c.record.frames for c in bent.exported.cut.clips]
    assert lost(bent, "otio") == ["ramp: its changed speed; --package bakes it in"]


def test_fcpxml_begins_with_the_first_frame_that_is_seen(bent: Film) -> None:
    root = ET.parse(bent.out / "bent.fcpxml").getroot()
    begins = {
        clip.get("name", ""): Fraction(clip.get("start", "").removesuffix("s")) * 24
        for clip in root.iterfind(".//spine/asset-clip")
    }
    assert {name: begins[name] for name in SEEN} == {
        name: first for name, (first, _) in SEEN.items()
    }


def test_fcp7_in_and_out_lie_within_the_media(bent: Film) -> None:
    root = ET.parse(bent.out / "bent.xml").getroot()
    items = {item.findtext("name"): item for item in root.iterfind(".//video/track/clipitem")}
    ends = {
        name: (int(item.findtext("in", "")), int(item.findtext("out", "")))
        for name, item in items.items()
    }
    assert all(0 <= begin < stop <= 72 for begin, stop in ends.values())
    # Six frames of the dissolves around them are counted in: at half speed three of the file.
    assert ends["slow"] == (24, 51)
    assert ends["back"] == (6, 42)
    assert ends["late"] == (57, 72)
    assert ends["fast"] == SEEN["fast"]


def test_an_edl_says_the_speed_of_its_source_range(bent: Film) -> None:
    lines = (bent.out / "bent.V1.edl").read_text(encoding="utf-8").splitlines()
    events = {line[:3]: n for n, line in enumerate(lines) if line[:3].isdigit()}
    said = {n: " ".join(lines[at + 1].split()) for n, at in events.items()}
    assert said["002"].startswith("M2 B 012.0")
    assert said["003"].startswith("M2 C -24.0")
    assert said["005"].startswith("M2 A 072.0")
    slow = lines[events["002"]].split()
    # Its last six frames belong to the dissolve.
    assert slow[-4:-2] == ["00:00:01:00", "00:00:01:21"]
    assert [line for line in lost(bent, "edl") if "speed" in line] == [
        "ramp: its changed speed; --package bakes it in"
    ]


@pytest.mark.parametrize("name", EDITS)
def test_a_retimed_cut_comes_back_as_it_was(bent: Film, name: str) -> None:
    back = import_cut(bent.out / name)
    assert (back.lost, row(back.cut)) == ((), row(bent.exported.cut))


@pytest.mark.parametrize("name", EDITS)
def test_without_the_cut_a_clip_begins_with_what_was_seen(
    bent: Film, tmp_path: Path, name: str
) -> None:
    shutil.copy(bent.out / name, tmp_path / name)
    back = import_cut(tmp_path / name, rate="24")
    exported = bent.exported.cut
    if name == "bent.otio":
        assert (back.lost, back.cut) == ((), exported)
        return
    assert [c.record for c in back.cut.clips] == [c.record for c in exported.clips]
    begins = {c.id: c.source_in for c in back.cut.clips}
    assert (begins.get("slow"), begins.get("fast")) == (24, 0)


def test_a_slow_clip_that_was_split_goes_on_where_it_was(bent: Film, tmp_path: Path) -> None:
    for one in ("bent.otio", "bent.cut.json"):
        shutil.copy(bent.out / one, tmp_path / one)
    path = tmp_path / "bent.otio"
    timeline = otio.adapters.read_from_file(str(path))
    track = timeline.video_tracks()[0]
    slow = next(child for child in track if child.name == "slow")
    again = slow.clone()
    slow.source_range = _range(24, 20)
    again.source_range = _range(34, 28)
    track.insert(list(track).index(slow) + 1, again)
    otio.adapters.write_to_file(timeline, str(path))
    exported = bent.exported.cut.clips[1].source_in
    imported = import_cut(path)
    first, second = imported.cut.clips[1:3]
    assert (first.source_in, second.source_in) == (exported, exported + 20)
    assert imported.lost == ()


def test_another_speed_than_the_exported_one_is_listed(bent: Film, tmp_path: Path) -> None:
    for one in ("bent.otio", "bent.cut.json"):
        shutil.copy(bent.out / one, tmp_path / one)
    path = tmp_path / "bent.otio"
    timeline = otio.adapters.read_from_file(str(path))
    slow = next(c for c in timeline.video_tracks()[0].find_clips() if c.name == "slow")
    slow.effects[0].time_scalar = 0.25
    otio.adapters.write_to_file(timeline, str(path))
    assert import_cut(path).lost == ("slow: it was given another speed; it plays at its own",)


def _range(start: int, frames: int) -> otio.opentime.TimeRange:
    times = (otio.opentime.RationalTime(n, 24) for n in (start, frames))
    return otio.opentime.TimeRange(*times)


@pytest.mark.parametrize(
    ("way", "speed", "seen"),
    [
        ("nearest", Fraction(1, 2), FrameRange(10, 13)),
        ("blend", Fraction(1, 2), FrameRange(10, 14)),
        ("nearest", Fraction(-2), FrameRange(0, 11)),
        ("nearest", Fraction(0), FrameRange(10, 11)),
    ],
)
def test_what_is_seen_is_told_in_the_files_order(
    way: str, speed: Fraction, seen: FrameRange
) -> None:
    retime = Retime((Stretch(0, Fraction(10), speed),), 0, 6, 6, 40, way)  # type: ignore[arg-type]  # one of its names
    assert retime.seen(0, 6) == seen


LAYERED = """\
assembler: 1
canvas: {size: 320x192, rate: 24}
output: [{preset: lossless, path: out/laid.mkv}]
segments:
  - {id: one, file: a.mp4, in: 12f, out: 60f}
  - id: slow
    file: b.mp4
    in: 24f
    out: 36f
    speed: 50%
    layer: {on: one+0.5s, width: 40%}
  - {id: back, file: c.mp4, in: 12f, out: 24f, reverse: true, layer: {on: one+1.5s, width: 40%}}
"""


@pytest.mark.parametrize("names", [["laid.otio"], ["laid.fcpxml"], ["laid.xml"],
                                   ["laid.V1.edl", "laid.V2.edl"]])  # fmt: skip
def test_a_layer_with_another_speed_comes_back_and_is_told(
    material: Path, tmp_path: Path, names: list[str]
) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        shutil.copy(material / name, tmp_path / name)
    timeline = tmp_path / "laid.yaml"
    timeline.write_text(LAYERED, encoding="utf-8")
    exported = export(timeline, ("otio", "fcpxml", "fcp7", "edl"))
    told = [
        what
        for _, what in exported.lost
        if what.endswith("its changed speed; --package bakes it in")
    ]
    assert sorted(set(told)) == [
        f"layer {name}: its changed speed; --package bakes it in" for name in ("back", "slow")
    ]
    back = import_cut([tmp_path / "out" / name for name in names])
    was = [(layer.id, layer.record, layer.source_in) for layer in exported.cut.layers]
    assert [(layer.id, layer.record, layer.source_in) for layer in back.cut.layers] == was
