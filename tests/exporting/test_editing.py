"""What editors do to an exported file is done to the film."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import av
import opentimelineio as otio
import pytest

from assembler.assemble.imports import import_cut
from assembler.cut.model import Cut, Transition
from assembler.errors import MediaError, UsageError
from assembler.media.ffmpeg import run
from assembler.timebase import FrameRange, SampleRange
from tests.exporting.conftest import Film
from tests.rendering.numbers import numbered_clip, numbers_in, read_number

RATE = 24.0


def row(cut: Cut) -> list[tuple[str, int, int, int]]:
    """Id, record in and out, source in of every clip."""
    return [(clip.id, *clip.record, clip.source_in) for clip in cut.clips]


def beside(film: Film, folder: Path, name: str) -> Path:
    """A copy of an exported file with its cut, in a folder of its own."""
    for one in (name, "film.cut.json"):
        shutil.copy(film.out / one, folder / one)
    return folder / name


def time(frames: int) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(frames, RATE)


def edited(timeline: otio.schema.Timeline) -> None:
    """`three` goes first, `two` loses its last 10 frames, its dissolve has 8 instead of 12."""
    track = timeline.video_tracks()[0]
    one, passage, two, three = list(track)
    begin = two.source_range.start_time
    two.source_range = otio.opentime.TimeRange(begin, time(26))
    passage.in_offset, passage.out_offset = time(4), time(4)
    for child in (three, two, passage, one):
        track.remove(child)
    track.extend([three, one, passage, two])


EDITED = [("three", 0, 24, 12), ("one", 24, 60, 12), ("two", 60, 86, 12)]


def edited_otio(film: Film, folder: Path) -> Path:
    path = beside(film, folder, "film.otio")
    timeline = otio.adapters.read_from_file(str(path))
    edited(timeline)
    otio.adapters.write_to_file(timeline, str(path))
    return path


def edited_fcp7(film: Film, folder: Path) -> Path:
    """Through OTIO's own reader and writer of FCP 7 XML, which are not ours."""
    path = beside(film, folder, "film.xml")
    timeline = otio.adapters.read_from_file(str(path), adapter_name="fcp_xml")
    edited(timeline)
    otio.adapters.write_to_file(timeline, str(path), adapter_name="fcp_xml")
    return path


def edited_fcpxml(film: Film, folder: Path) -> Path:
    path = beside(film, folder, "film.fcpxml")
    tree = ET.parse(path)
    spine = tree.getroot().find(".//spine")
    assert spine is not None
    one, passage, two, three = list(spine)
    for child in (one, passage, two, three):
        spine.remove(child)
    begin = 86400
    for element, at, frames in ((three, 0, 24), (one, 24, 36), (passage, 56, 8), (two, 60, 26)):
        element.set("offset", f"{begin + at}/24s")
        element.set("duration", f"{frames}/24s")
        spine.append(element)
    passage.remove(passage.find("metadata"))  # type: ignore[arg-type]  # it is there
    tree.write(path)
    return path


def edited_edl(film: Film, folder: Path) -> Path:
    path = beside(film, folder, "film.V1.edl")
    path.write_text(
        """\
TITLE: Numbers V1
FCM: NON-DROP FRAME

001  C        V     C        00:00:00:12 00:00:01:12 01:00:00:00 01:00:01:00
* FROM CLIP NAME: three
002  A        V     C        00:00:00:12 00:00:01:20 01:00:01:00 01:00:02:08
* FROM CLIP NAME: one
003  A        V     C        00:00:01:20 00:00:01:20 01:00:02:08 01:00:02:08
003  B        V     D    008 00:00:00:08 00:00:01:14 01:00:02:08 01:00:03:14
* FROM CLIP NAME: one
* TO CLIP NAME: two
""",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("edit", [edited_otio, edited_fcp7, edited_fcpxml])
def test_a_trim_a_reorder_and_a_changed_dissolve_come_back(
    film: Film, tmp_path: Path, edit: object
) -> None:
    path = edit(film, tmp_path)  # type: ignore[operator]  # one of the functions above
    cut = import_cut(path).cut
    assert row(cut) == EDITED
    assert [clip.transition for clip in cut.clips] == [None, None, Transition("dissolve", 4, 4)]


def test_an_edl_says_where_a_dissolve_begins_not_where_its_cut_is(
    film: Film, tmp_path: Path
) -> None:
    cut = import_cut(edited_edl(film, tmp_path)).cut
    assert row(cut) == [("three", 0, 24, 12), ("one", 24, 56, 12), ("two", 56, 86, 8)]
    assert cut.clips[2].transition == Transition("dissolve", 0, 8)


def test_the_second_version_of_an_editors_film_is_no_layer(film: Film, tmp_path: Path) -> None:
    path = edited_edl(film, tmp_path)
    replaced(path, "TITLE: Numbers V1", "TITLE: Numbers V2")
    cut = import_cut(path).cut
    assert (cut.title, [clip.id for clip in cut.clips]) == ("Numbers V2", ["three", "one", "two"])


@pytest.mark.parametrize("edit", [edited_otio, edited_edl])
def test_an_edited_film_renders(film: Film, tmp_path: Path, edit: object) -> None:
    """The same pictures, however the file says where the dissolve's cut is."""
    path = edit(film, tmp_path)  # type: ignore[operator]  # one of the functions above
    out = tmp_path / "edited.mkv"
    imported = import_cut(path, render=out)
    assert imported.made is not None
    assert imported.made.frames == 86
    with av.open(str(out)) as container:
        shown = [read_number(frame) for frame in container.decode(video=0)]
    expected = [2012 + n for n in range(24)] + [12 + n for n in range(32)]
    expected += [1016 + n for n in range(22)]
    assert shown[:24] + shown[24:56] + shown[64:] == expected


def test_tracks_an_edl_knows_nothing_of_follow_the_picture(film: Film, tmp_path: Path) -> None:
    cut = import_cut(edited_edl(film, tmp_path)).cut
    assert [(title.id, title.record) for title in cut.titles] == [("title.1", FrameRange(4, 16))]
    assert [(cue.text, cue.start) for cue in cut.captions] == [
        ("One.", Fraction(3, 2)),
        ("Three.", Fraction(1, 4)),
    ]
    assert [(s.id, s.record) for s in cut.sounds] == [("score", SampleRange(0, 172_000))]


def replaced(path: Path, old: str, new: str) -> None:
    """Another editor's hand in a text file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_level_and_a_fade_changed_in_fcpxml_come_back(film: Film, tmp_path: Path) -> None:
    path = beside(film, tmp_path, "film.fcpxml")
    replaced(path, 'amount="-6dB"', 'amount="-9.5dB"')
    replaced(path, 'fadeOut type="easeIn" duration="1200', 'fadeOut type="easeIn" duration="2400')
    (score,) = import_cut(path).cut.sounds
    assert (score.gain_db, score.fade_out) == (-9.5, 48000)
    assert score.record == film.exported.cut.sounds[0].record


def test_a_dissolve_longer_than_its_handles_is_cut_to_them(film: Film, tmp_path: Path) -> None:
    path = beside(film, tmp_path, "film.otio")
    timeline = otio.adapters.read_from_file(str(path))
    passage = timeline.video_tracks()[0][1]
    passage.in_offset, passage.out_offset = time(20), time(30)
    otio.adapters.write_to_file(timeline, str(path))
    imported = import_cut(path)
    assert imported.cut.clips[1].transition == Transition("dissolve", 12, 24)
    assert imported.lost == (
        "two: its dissolve has 36 frames instead of 50; the clips have no more",
    )


def test_a_split_clip_becomes_two(film: Film, tmp_path: Path) -> None:
    path = beside(film, tmp_path, "film.otio")
    timeline = otio.adapters.read_from_file(str(path))
    track = timeline.video_tracks()[0]
    three = track[3]
    again = three.clone()
    three.source_range = otio.opentime.TimeRange(time(12), time(10))
    again.source_range = otio.opentime.TimeRange(time(22), time(14))
    track.append(again)
    otio.adapters.write_to_file(timeline, str(path))
    cut = import_cut(path).cut
    assert row(cut)[2:] == [("three", 72, 82, 12), ("three~2", 82, 96, 22)]
    assert cut.clips[3].join == "cut"


def test_an_end_that_its_file_has_not_is_told(film: Film, tmp_path: Path) -> None:
    """`three` has 60 frames from its in-point on, its copy begins behind the end: one stays."""
    path = beside(film, tmp_path, "film.otio")
    timeline = otio.adapters.read_from_file(str(path))
    track = timeline.video_tracks()[0]
    three = track[3]
    again = three.clone()
    three.source_range = otio.opentime.TimeRange(time(12), time(70))
    again.source_range = otio.opentime.TimeRange(time(400), time(20))
    track.append(again)
    otio.adapters.write_to_file(timeline, str(path))
    out = tmp_path / "edited.mkv"
    imported = import_cut(path, render=out)
    assert list(imported.lost) == [
        "three: c.mp4 ends 10 frames before it; its last stays",
        "three: c.mp4 ends 20 frames before it; its last stays",
    ]
    shown = numbers_in(out)
    assert shown[72:84] == list(range(2012, 2024))
    assert shown[130:] == [2070, 2071, *[2071] * 30]


def test_what_is_switched_off_in_fcp7_is_left_out(film: Film, tmp_path: Path) -> None:
    path = beside(film, tmp_path, "film.xml")
    tree = ET.parse(path)
    three = next(item for item in tree.iter("clipitem") if item.findtext("name") == "three")
    enabled = three.find("enabled")
    assert enabled is not None
    enabled.text = "FALSE"
    tree.write(path)
    imported = import_cut(path)
    assert [clip.id for clip in imported.cut.clips] == ["one", "two"]
    assert "three: it is switched off and was left out" in imported.lost


def test_what_is_not_understood_is_listed(film: Film, tmp_path: Path) -> None:
    path = beside(film, tmp_path, "film.otio")
    timeline = otio.adapters.read_from_file(str(path))
    track = timeline.video_tracks()[0]
    track[0].effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
    track[1].name, track[1].metadata["assembler"] = "Page Peel", {}
    track.append(otio.schema.Stack("nested", source_range=track[0].source_range))
    track.append(otio.schema.Gap(source_range=otio.opentime.TimeRange(time(0), time(6))))
    track.append(track[3].clone())
    otio.adapters.write_to_file(timeline, str(path))
    imported = import_cut(path)
    assert list(imported.lost) == [
        "frames 96 to 138 are empty and stay black",
        "one: it was given another speed; it plays at its own",
        "transition Page Peel: shown as our dissolve",
        "nested: a stack within a track",
    ]
    assert imported.cut.clips[3].source.still
    assert "lost: nested: a stack within a track" in imported.text()
    assert imported.data()["lost"] == list(imported.lost)


def without_cut(film: Film, folder: Path, name: str) -> Path:
    shutil.copy(film.out / name, folder / name)
    return folder / name


def test_media_are_found_by_name_in_other_folders(film: Film, tmp_path: Path) -> None:
    moved = tmp_path / "archive" / "2024"
    moved.mkdir(parents=True)
    for name in ("a.mp4", "b.mp4", "c.mp4", "score.wav"):
        shutil.copy(film.timeline.parent / name, moved / name)
    path = without_cut(film, tmp_path, "film.fcpxml")
    replaced(path, film.timeline.parent.as_uri(), "file:///gone")
    with pytest.raises(MediaError, match=r"media can't be found: .*a\.mp4.*score\.wav"):
        import_cut(path)
    cut = import_cut(path, media=[tmp_path / "archive"]).cut
    assert row(cut) == [("one", 0, 36, 12), ("two", 36, 72, 12), ("three", 72, 96, 12)]
    assert {clip.source.path.parent for clip in cut.clips} == {moved}


def test_a_clip_that_an_editor_has_added_is_seen_and_heard(film: Film, tmp_path: Path) -> None:
    new = numbered_clip(tmp_path / "new.mp4", 48, first=3000)
    with_sound = tmp_path / "heard.mov"
    score = film.timeline.parent / "score.wav"
    run(["-i", str(new), "-i", str(score), "-c", "copy", "-shortest", str(with_sound)])
    path = beside(film, tmp_path, "film.fcpxml")
    asset = (
        '<asset id="r99" name="heard" start="0s" duration="48/24s" hasVideo="1" format="r1" '
        f'hasAudio="1"><media-rep src="{with_sound.as_uri()}"/></asset></resources>'
    )
    clip = (
        '<asset-clip ref="r99" name="heard" offset="86496/24s" start="12/24s" duration="24/24s"/>'
    )
    replaced(path, "</resources>", asset)
    place = 'offset="86496/24s" start="12/24s" duration="24/24s"'
    clip = f'<asset-clip ref="r99" name="heard" {place}/>'
    replaced(path, "</spine>", f"{clip}</spine>")
    cut = import_cut(path).cut
    assert row(cut)[3] == ("heard", 96, 120, 12)
    sound = next(sound for sound in cut.sounds if sound.id == "heard")
    assert (sound.record, sound.source_start_s) == (SampleRange(192_000, 240_000), Fraction(1, 2))


def test_a_renamed_copy_is_known_by_its_content(film: Film, tmp_path: Path) -> None:
    path = beside(film, tmp_path, "film.otio")
    shutil.copy(film.timeline.parent / "a.mp4", tmp_path / "renamed.mp4")
    timeline = otio.adapters.read_from_file(str(path))
    one = timeline.video_tracks()[0][0]
    one.name, one.media_reference.target_url = "Clip 1", "renamed.mp4"
    otio.adapters.write_to_file(timeline, str(path))
    first = import_cut(path).cut.clips[0]
    assert (first.id, first.source.path.name) == ("one", "a.mp4")


def test_a_kept_cut_is_the_same_and_renders(film: Film, tmp_path: Path) -> None:
    path = edited_fcpxml(film, tmp_path)
    kept = tmp_path / "kept" / "new.cut.json"
    first = import_cut(path, out=kept)
    assert import_cut(kept).cut == first.cut


def test_another_frame_rate_is_refused(film: Film, tmp_path: Path) -> None:
    path = beside(film, tmp_path, "film.fcpxml")
    replaced(path, 'frameDuration="100/2400s"', 'frameDuration="100/2500s"')
    with pytest.raises(MediaError, match="has 25 frames a second, the film 24"):
        import_cut(path)


def test_a_rate_that_the_saved_cut_can_not_begin_at_is_refused(film: Film, tmp_path: Path) -> None:
    path = beside(film, tmp_path, "film.V1.edl")
    replaced(path.with_name("film.cut.json"), '"01:00:00:00"', '"01:00:00;00"')
    with pytest.raises(UsageError, match="no timecode at 25 frames a second") as caught:
        import_cut(path, rate="25")
    assert (caught.value.where, "leave --rate out" in caught.value.fix) == ("film.cut.json", True)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<fcpxml><resources>", "is no XML"),
        ('<fcpxml version="1.10"><resources/></fcpxml>', "has no project"),
        ("<xmeml version='5'><sequence>", "is no FCP 7 XML"),
        ("TITLE: X\n001 A V C 1 2\n", "can't be read at 24"),
        ("Dear editor,", "is no OTIO, FCPXML, FCP 7 XML or EDL file"),
        ('{"OTIO_SCHEMA": "Clip.1", "name": "x"}', "has a Clip, no timeline"),
        (
            '<fcpxml><resources><format id="r1" frameDuration="x"/></resources>'
            '<project><sequence format="r1"/></project></fcpxml>',
            "can't be understood",
        ),
        (
            '<fcpxml><resources><format id="r1" frameDuration="1/0s"/></resources>'
            '<project><sequence format="r1"/></project></fcpxml>',
            "can't be understood",
        ),
        (
            '<fcpxml version="1.10"><resources><format id="r1" frameDuration="1/24s"/></resources>'
            '<project><sequence format="r1"><spine>'
            + 3000 * '<clip name="a" duration="1s" lane="1">'
            + 3000 * "</clip>"
            + "</spine></sequence></project></fcpxml>",
            "can't be understood",
        ),
        ('{"assembler_cut": 1}', "is no cut that this version wrote"),
        ('{"assembler_cut": 1, "cut": {"clips": 1}}', "is no cut that this version wrote"),
    ],
)
def test_a_broken_file_is_told_in_a_sentence(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / ("broken.cut.json" if "assembler_cut" in text else "broken.txt")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MediaError, match=what):
        import_cut(path, rate="24")


@pytest.mark.parametrize("name", ["film.otio", "film.fcpxml", "film.xml", "film.V1.edl"])
def test_nothing_is_lost_where_nothing_is(film: Film, name: str) -> None:
    imported = import_cut(film.out / name)
    assert (imported.lost, imported.known_from) == ((), "film.cut.json")
    assert imported.cut == film.exported.cut


def test_an_otio_file_has_its_cut_in_it(film: Film, tmp_path: Path) -> None:
    imported = import_cut(without_cut(film, tmp_path, "film.otio"))
    assert (imported.lost, imported.known_from) == ((), "film.otio")
    assert imported.cut == film.exported.cut


def test_the_timeline_tells_what_was_exported(film: Film, tmp_path: Path) -> None:
    path = without_cut(film, tmp_path, "film.fcpxml")
    alone = import_cut(path)
    assert alone.lost[0].startswith("corrections, fits and roles: there is no .cut.json")
    assert (alone.cut.captions, alone.cut.sounds[0].role) == ((), "sfx")
    told = import_cut(path, timeline=film.timeline)
    assert (told.cut, told.known_from) == (film.exported.cut, "film.yaml")
