"""Exported files are what their formats ask for, and other readers read the same."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from assembler.cut.model import Cdl, Transition
from assembler.exporting import aaf, edl, fcp7, fcpxml, shots
from assembler.exporting.edit import Edit, edit_of, reel_of
from assembler.exporting.grade import cdl_text, cdls_of, cube_text, tables_of
from assembler.match.apply import coloured
from assembler.timebase import parse_rate
from tests.exporting.facts import RATES, cut_of, fix, infos, start_of

WHOLE = [(rate, drop) for rate, drop in RATES if "." not in rate]


def edit(seed: int, rate: str, *, drop: bool) -> Edit:
    """A generated programme as an edit."""
    cut = cut_of(seed, rate)
    return edit_of(cut, start=start_of(rate, drop=drop), media=infos(cut))


CLIP_ATTRIBUTES = {"ref", "lane", "offset", "name", "start", "duration", "enabled"}
ANCHORED = ("asset-clip", "video", "title")
ELEMENTS: dict[str, tuple[set[str], tuple[tuple[str, ...], ...]]] = {
    "fcpxml": ({"version"}, (("resources",), ("library",))),
    "resources": (set(), (("format", "asset", "effect"),)),
    "format": ({"id", "name", "frameDuration", "width", "height", "colorSpace"}, ()),
    "asset": (
        {"id", "name", "start", "duration", "hasVideo", "format", "hasAudio", "videoSources",
         "audioSources", "audioChannels", "audioRate"},
        (("media-rep",), ("metadata",)),
    ),
    "media-rep": ({"kind", "src"}, ()),
    "effect": ({"id", "name", "uid"}, ()),
    "metadata": (set(), (("md",),)),
    "md": ({"key", "value"}, ()),
    "library": (set(), (("event",),)),
    "event": ({"name"}, (("project",),)),
    "project": ({"name"}, (("sequence",),)),
    "sequence": (
        {"format", "duration", "tcStart", "tcFormat", "audioLayout", "audioRate"},
        (("note",), ("spine",)),
    ),
    "spine": (set(), (("asset-clip", "video", "transition"),)),
    "asset-clip": (
        CLIP_ATTRIBUTES | {"format", "tcFormat", "srcEnable", "audioRole"},
        (("note",), ("adjust-conform",), ("adjust-transform",), ("adjust-volume",), ANCHORED,
         ("marker", "chapter-marker")),
    ),
    "video": (
        CLIP_ATTRIBUTES,
        (("note",), ("adjust-conform",), ("adjust-transform",), ANCHORED,
         ("marker", "chapter-marker")),
    ),
    "title": (CLIP_ATTRIBUTES, (("text",), ("text-style-def",), ("note",))),
    "text": (set(), (("text-style",),)),
    "text-style": ({"ref", "font", "fontSize", "fontColor", "alignment"}, ()),
    "text-style-def": ({"id"}, (("text-style",),)),
    "note": (set(), ()),
    "transition": ({"name", "offset", "duration"}, (("filter-video",), ("metadata",))),
    "filter-video": ({"ref", "name"}, ()),
    "adjust-conform": ({"type"}, ()),
    "adjust-transform": ({"position", "scale"}, ()),
    "adjust-volume": ({"amount"}, (("param",),)),
    "param": ({"name"}, (("fadeIn",), ("fadeOut",), ("keyframeAnimation",))),
    "fadeIn": ({"type", "duration"}, ()),
    "fadeOut": ({"type", "duration"}, ()),
    "keyframeAnimation": (set(), (("keyframe",),)),
    "keyframe": ({"time", "value", "curve"}, ()),
    "marker": ({"start", "duration", "value", "note"}, ()),
    "chapter-marker": ({"start", "duration", "value", "note"}, ()),
}  # fmt: skip
"""
Attributes that an element may have, and its children in the order in which they may come.

The part of Apple's FCPXML 1.10 document type that we write (Final Cut Pro XML DTDs).
"""


def flaws(element: ET.Element) -> list[str]:
    """What the document type doesn't allow in an element and in all within it."""
    attributes, order = ELEMENTS[element.tag]
    found = [f"{element.tag}@{name}" for name in set(element.attrib) - attributes]
    step = 0
    for child in element:
        while step < len(order) and child.tag not in order[step]:
            step += 1
        if step == len(order):
            found.append(f"{element.tag}/{child.tag}")
            break
        found += flaws(child)
    return found


def seconds(text: str) -> Fraction:
    return Fraction(text.removesuffix("s"))


@pytest.mark.parametrize(("rate", "drop"), RATES)
def test_fcpxml_is_what_its_document_type_asks_for(rate: str, drop: bool) -> None:
    for seed in range(6):
        made = edit(seed, rate, drop=drop)
        root = ET.fromstring(fcpxml.write(made, str).text)
        assert root.get("version") == "1.10"
        assert flaws(root) == []
        names = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(names) == len(set(names))
        references = {e.get(key) for e in root.iter() for key in ("ref", "format") if e.get(key)}
        assert references <= set(names)
        frame = 1 / parse_rate(rate)
        for element in root.iter():
            for key in ("offset", "start", "duration", "tcStart", "frameDuration", "time"):
                text = element.get(key)
                assert text is None or (seconds(text) / frame).denominator == 1, (element.tag, text)


@pytest.mark.parametrize(("rate", "drop"), RATES)
def test_a_spine_has_no_gaps_and_begins_at_its_timecode(rate: str, drop: bool) -> None:
    made = edit(3, rate, drop=drop)
    root = ET.fromstring(fcpxml.write(made, str).text)
    sequence = root.find(".//sequence")
    assert sequence is not None
    at = seconds(sequence.get("tcStart", ""))
    label = otio.opentime.to_timecode(
        otio.opentime.RationalTime(float(at * parse_rate(rate)), float(parse_rate(rate))),
        float(parse_rate(rate)),
        drop,
    )
    assert label == ("01:00:00;00" if drop else "01:00:00:00")
    for clip in sequence.iterfind("spine/*"):
        if clip.tag != "transition":
            assert seconds(clip.get("offset", "")) == at
            at += seconds(clip.get("duration", ""))
    assert at - seconds(sequence.get("tcStart", "")) == seconds(sequence.get("duration", ""))


@pytest.mark.parametrize(("rate", "drop"), WHOLE)
def test_otios_fcpxml_reader_finds_the_same_clips(rate: str, drop: bool) -> None:
    """It counts whole rates only, through floats, which may cost a frame, and reads no stills."""
    programmes = (edit(seed, rate, drop=drop) for seed in range(100))
    made = next(e for e in programmes if not any(shot.clip.source.still for shot in e.shots))
    text = fcpxml.write(made, str).text.replace("<library>", "").replace("</library>", "")
    (timeline,) = otio.adapters.read_from_string(text, "fcpx_xml")
    read = row_of(next(track for track in timeline.tracks if track.name == "0"))
    assert [name for name, _, _ in read] == [shot.name for shot in made.shots]
    for (_, start, length), shot in zip(read, made.shots, strict=True):
        assert 0 <= shot.medium.start + shot.source_in - start <= 1
        assert 0 <= shot.record.frames - length <= 1


def row_of(track: otio.schema.Track) -> list[tuple[str, float, float]]:
    """Name, first source frame and length of every clip that another reader found."""
    return [
        (c.name, c.source_range.start_time.value, c.duration().value)
        for c in track
        if isinstance(c, otio.schema.Clip)
    ]


@pytest.mark.parametrize(("rate", "drop"), RATES)
def test_otios_fcp7_reader_finds_the_same_clips(rate: str, drop: bool) -> None:
    made = edit(4, rate, drop=drop)
    timeline = otio.adapters.read_from_string(fcp7.write(made, str).text, "fcp_xml")
    assert round(timeline.global_start_time.value) == made.start.frame
    read = row_of(timeline.video_tracks()[0])
    assert [name for name, _, _ in read] == [shot.name for shot in made.shots]
    assert sum(length for _, _, length in read) == made.cut.frames
    plain = [n for n, s in enumerate(made.shots) if not s.transition]
    starts = {n: made.shots[n].medium.start + made.shots[n].source_in for n in plain}
    assert {n: read[n][1] for n in plain} == starts


@pytest.mark.parametrize(("rate", "drop"), RATES)
def test_otios_edl_reader_finds_the_same_clips(rate: str, drop: bool) -> None:
    made = edit(5, rate, drop=drop)
    text = edl.write(made, str)[0].text
    assert ("FCM: DROP FRAME" in text) == drop
    exact = float(parse_rate(rate))
    timeline = otio.adapters.read_from_string(text, "cmx_3600", rate=exact)
    (track,) = timeline.tracks
    assert sum(length for _, _, length in row_of(track)) == made.cut.frames
    assert [name for name, _, _ in row_of(track)] == [shot.name for shot in made.shots]
    reels = {clip.metadata["cmx_3600"]["reel"].strip() for clip in track.find_clips()}
    assert reels == {shot.medium.reel for shot in made.shots}
    assert all(re.fullmatch(r"[A-Z0-9]{1,8}", reel) for reel in reels)


def test_reels_stay_different_when_names_are_long() -> None:
    assert reel_of("dawn over the harbour.12") == "DAWNO" + "R12"
    assert reel_of("ü") == "R"
    assert reel_of("black") == "RBLACK"
    cut = cut_of(1, "24")
    reels = [medium.reel for medium in edit_of(cut, media=infos(cut)).media]
    assert len(reels) == len(set(reels))


@pytest.mark.parametrize(("rate", "drop"), [RATES[0], RATES[3], RATES[6]])
def test_aaf_reads_back_frame_for_frame(rate: str, drop: bool, tmp_path: Path) -> None:
    made = edit(6, rate, drop=drop)
    path = tmp_path / "film.aaf"
    lost = aaf.write(made, str, path)
    timeline = otio.adapters.read_from_file(str(path), adapter_name="AAF")
    read = [(start, length) for _, start, length in row_of(timeline.video_tracks()[0])]
    assert read == [(s.medium.start + s.source_in, s.record.frames) for s in made.shots]
    assert ("timecode: the adapter writes non-drop timecode" in lost) == drop


def test_the_shot_list_has_a_line_for_everything() -> None:
    made = edit(7, "29.97", drop=True)
    rows = list(csv.DictReader(io.StringIO(shots.write(made, str).text)))
    everything = (*made.shots, *made.laid, *made.worded, *made.heard)
    assert [row["name"] for row in rows] == [thing.name for thing in everything]
    assert rows[0]["record in"] == "01:00:00;00"


def test_what_a_format_lacks_is_listed() -> None:
    cut = cut_of(0, "25")
    slide = Transition("slide-up", 6, 6)
    changed = tuple(replace(c, transition=c.transition and slide) for c in cut.clips)
    made = edit_of(replace(cut, clips=changed), media=infos(cut))
    for written in (fcpxml.write(made, str), fcp7.write(made, str), edl.write(made, str)[0]):
        assert any("its slide-up is written as" in line for line in written.lost)
        assert any("its correction (colour corrected" in line for line in written.lost)
        assert any("ducked by 10 dB under voice" in line for line in written.lost)


def test_a_clips_correction_and_cdl_are_told_with_a_file_each() -> None:
    cut = cut_of(1, "24")
    one = next(clip for clip in cut.clips if clip.correction.colour)
    cdl = Cdl((1, 1, 1), (0, 0, 0), (1, 1, 1), 0.9)
    graded = replace(one, source=replace(one.source, change=replace(one.source.change, cdl=cdl)))
    cut = replace(cut, clips=tuple(graded if clip == one else clip for clip in cut.clips))
    tables, cdls = ({g.clip: g.name for g in f(cut)} for f in (tables_of, cdls_of))
    start = start_of("24", drop=False)
    made = edit_of(cut, start=start, media=infos(cut), grades=tables, cdls=cdls)
    told = [line for line in fcpxml.write(made, str).lost if line.startswith(f"{one.id}: its c")]
    told += [line for line in fcpxml.write(made, str).lost if "CDL" in line]
    assert [line.rpartition("apply ")[2] for line in told] == [f"{one.id}.cube", f"{one.id}.cdl"]
    assert not any("CDL" in line for line in edl.write(made, str)[0].lost)


def test_a_rate_that_fcp7_has_no_word_for_is_told() -> None:
    cut = cut_of(1, "12.5")
    made = edit_of(cut, start=start_of("12.5", drop=False), media=infos(cut))
    written = fcp7.write(made, str)
    assert "its 12.5 frames a second; the file says 12" in written.lost
    assert "<ntsc>TRUE</ntsc>" not in written.text


def test_a_table_does_what_the_correction_does() -> None:
    correction = fix(0.05).colour
    assert correction is not None
    lines = cube_text(correction, "one").splitlines()
    assert lines[1] == "LUT_3D_SIZE 33"
    table = np.array([line.split() for line in lines[2:]], float).reshape(33, 33, 33, 3)
    colour = np.array([[[0.25, 0.5, 0.75]]], np.float32)
    blue, green, red = 24, 16, 8  # red runs fastest
    matrix = np.array(correction.matrix, np.float32)
    np.testing.assert_allclose(table[blue, green, red], coloured(colour, matrix)[0, 0], atol=2e-6)


def test_a_cdl_says_slope_offset_power_and_saturation() -> None:
    text = cdl_text(Cdl((1.1, 1.0, 0.9), (0.0, 0.01, 0.0), (1.0, 1.0, 1.2), 0.8), "one")
    names = {"a": "urn:ASC:CDL:v1.2"}
    root = ET.fromstring(text)
    assert root.findtext(".//a:Slope", namespaces=names) == "1.100000 1.000000 0.900000"
    assert root.findtext(".//a:Saturation", namespaces=names) == "0.800000"
