"""Captions: what is read is what was written, bad files are told in a sentence, overlaps stack."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assembler.cut.model import Cue
from assembler.errors import MediaError, MissingProgramError, UsageError
from assembler.layers.ass import ass_for
from assembler.layers.burned import burned_inserts, caption_inserts, shown
from assembler.layers.captions import read_captions, write_captions
from assembler.layers.words import check_captions
from assembler.spec.data import data_folder
from assembler.timebase import FrameRange

SIZE = (320, 192)
RATE = Fraction(24)
CUES = (
    Cue(Fraction(1), Fraction(5, 2), "Mist & <light>\nover the {harbour}"),
    Cue(Fraction(2), Fraction(3), "– Да! „Ça va?“ 50 %"),
    Cue(Fraction(7201), Fraction(7202), "two hours in"),
)


def _file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


@pytest.mark.parametrize("name", ["c.vtt", "c.ass"])
def test_what_is_written_reads_back(tmp_path: Path, name: str) -> None:
    cues = CUES if name == "c.vtt" else CUES[1:]
    write_captions(cues, tmp_path / name)
    back = read_captions(tmp_path / name)
    assert [(c.start, c.stop, c.text) for c in back] == [(c.start, c.stop, c.text) for c in cues]


def test_subrip_reads_back_but_for_what_looks_like_markup(tmp_path: Path) -> None:
    write_captions(CUES[1:], tmp_path / "c.srt")
    assert read_captions(tmp_path / "c.srt") == CUES[1:]


def test_subrip_is_written_as_players_expect(tmp_path: Path) -> None:
    write_captions(CUES[1:], tmp_path / "c.srt")
    assert (tmp_path / "c.srt").read_bytes().decode("utf-8") == (
        "1\n00:00:02,000 --> 00:00:03,000\n– Да! „Ça va?“ 50 %\n\n"
        "2\n02:00:01,000 --> 02:00:02,000\ntwo hours in\n"
    )


def test_times_of_words_are_no_text(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "c.vtt",
        "WEBVTT\n\n00:00.000 --> 00:02.000\n<00:00.200>Word <00:00:00.800><c>by</c> word, 2 < 3\n",
    )
    assert read_captions(path) == (Cue(Fraction(0), Fraction(2), "Word by word, 2 < 3"),)


def test_the_packaged_speech_is_read() -> None:
    cues = read_captions(data_folder("timelines") / "media" / "speech.srt")
    assert cues[0].text == "And so, my fellow Americans:"
    assert all(a.stop <= b.start for a, b in pairwise(cues))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**7), st.integers(1, 10**5), st.text("ab<&>é ", min_size=1)),
        max_size=8,
    )
)
def test_any_times_survive_webvtt(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, str]]
) -> None:
    cues = tuple(
        Cue(Fraction(start, 1000), Fraction(start + length, 1000), f"x{n} {' '.join(text.split())}")
        for n, (start, length, text) in enumerate(sorted(rows))
    )
    path = tmp_path_factory.mktemp("vtt") / "c.vtt"
    write_captions(cues, path)
    back = read_captions(path) if cues else ()
    assert [(c.start, c.stop) for c in back] == sorted((c.start, c.stop) for c in cues)


def test_markup_is_taken_out(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>One</i>  <font color='red'>two</font>\n"
    assert read_captions(_file(tmp_path, "c.srt", text))[0].text == "One two"


def test_windows_line_ends_a_mark_and_utf_16_are_read(tmp_path: Path) -> None:
    text = "1\r\n00:00:01,000 --> 00:00:02,000\r\nÉté\r\n"
    files = [
        _file(tmp_path, "a.srt", text.encode("utf-8-sig")),
        _file(tmp_path, "b.srt", text.encode("utf-16")),
    ]
    assert [read_captions(f)[0].text for f in files] == ["Été", "Été"]


def test_captions_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    text = "1\n00:00:05,000 --> 00:00:06,000\nB\n\n2\n00:00:01,000 --> 00:00:02,000\nA\n"
    assert [c.text for c in read_captions(_file(tmp_path, "c.srt", text))] == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("<html><body>Not found</body></html>", "it holds no captions"),
        ("1\n00:00:05,000 --> 00:00:02,000\nx\n", "caption 1 begins at 5 s and ends at 2 s"),
        (
            "1\n00:00:01,000 --> 00:00:02,000\nx\n\n2\n0:1 --> 0:2\ny\n",
            "2 lines look like times, but 1 captions can be read",
        ),
        (b"1\n00:00:01,000 --> 00:00:02,000\n\xc9t\xe9\n", "byte 33 is not UTF-8"),
        (b"\x00\x01\x02\x00", "it is no text"),
        ("{1}{1}25\n{10}{20}frames\n", "captions in the format microdvd are not read"),
    ],
)
def test_a_bad_file_is_told_in_a_sentence(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = _file(tmp_path, "c.srt", text)
    with pytest.raises(MediaError) as caught:
        read_captions(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="it can't be read"):
        read_captions(tmp_path / "none.srt")


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can't be written as '\.txt'"):
        write_captions(CUES, tmp_path / "c.txt")


def test_captions_that_overlap_are_stacked() -> None:
    cues = (Cue(Fraction(0), Fraction(2), "A"), Cue(Fraction(1), Fraction(3), "B"))
    assert list(shown(cues, RATE)) == [
        (FrameRange(0, 24), "A"),
        (FrameRange(24, 48), "A\nB"),
        (FrameRange(48, 72), "B"),
    ]


def test_between_captions_there_is_nothing() -> None:
    cues = (Cue(Fraction(0), Fraction(1), "A"), Cue(Fraction(2), Fraction(3), "B"))
    assert [record for record, _ in shown(cues, RATE)] == [FrameRange(0, 24), FrameRange(48, 72)]


def test_the_shortest_caption_shows_for_a_frame() -> None:
    assert [r for r, _ in shown([Cue(Fraction(1), Fraction(1001, 1000), "A")], RATE)] == [
        FrameRange(24, 25)
    ]


def test_a_burned_caption_is_a_still_with_white_words_on_a_plate(tmp_path: Path) -> None:
    (insert,) = caption_inserts(
        [Cue(Fraction(0), Fraction(1), "Mist lifts.")], SIZE, RATE, tmp_path
    )
    picture = cv2.imdecode(np.fromfile(insert.path, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert insert.still
    assert picture.shape == (insert.height, insert.width, 4)
    assert (picture[..., :3].max(), picture[..., 3].max()) == (255, 255)
    assert insert.y + insert.height / 2 > 0.75 * SIZE[1]


def test_the_same_words_share_a_picture(tmp_path: Path) -> None:
    cues = [Cue(Fraction(n), Fraction(n + 1), "Again") for n in (0, 5)]
    assert len({i.path for i in caption_inserts(cues, SIZE, RATE, tmp_path)}) == 1


def test_ass_keeps_braces_and_backslashes_as_words() -> None:
    script = ass_for([Cue(Fraction(0), Fraction(1), "{a} C:\\New")], SIZE)
    assert "\\{a\\} C:\\\u2060New" in script
    assert "PlayResX: 320" in script


_ASS = """[Script Info]
ScriptType: v4.00+
PlayResX: 320
PlayResY: 192

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, \
Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Inter Semi Bold,60,&H0000FFFF,&H000000FF,&H0,&H0,0,0,0,0,100,100,0,0,1,0,0,7,10,10,\
10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\i1}One
Dialogue: 0,0:00:01.50,0:00:02.50,Default,,0,0,0,,{\\an3}Two
Dialogue: 0,0:00:04.00,0:00:05.00,Default,,0,0,0,,Three
""".replace("\\\n", "")


def test_ass_is_burnt_in_with_its_own_styles(tmp_path: Path) -> None:
    """Yellow as its style says, in its corner, in the frames in which it is up."""
    cues = read_captions(_file(tmp_path, "c.ass", _ASS))
    assert [cue.text for cue in cues] == ["One", "Two", "Three"]
    one, three = burned_inserts(cues, (320, 192), Fraction(24), tmp_path / "made")
    assert [tuple(one.record), tuple(three.record)] == [(24, 60), (96, 120)]
    with av.open(str(one.path)) as container:
        frames = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    assert len(frames) == 36
    solid = frames[6][frames[6][..., 3] > 250]
    edge = frames[6][(frames[6][..., 3] > 60) & (frames[6][..., 3] < 200)]
    assert {(255, 255, 0)} == {tuple(int(c) for c in pixel[:3]) for pixel in solid}
    assert np.abs(edge[:, :3].astype(int) - [255, 255, 0]).max() <= 6
    right = [frame[96:, 160:, 3].max() > 0 for frame in frames]
    left = [frame[:96, :160, 3].max() > 0 for frame in frames]
    assert ([n >= 12 for n in range(36)], [n < 24 for n in range(36)]) == (right, left)


def test_moved_ass_keeps_its_styles_in_a_sidecar(tmp_path: Path) -> None:
    cues = read_captions(_file(tmp_path, "c.ass", _ASS))
    moved = [replace(cue, start=cue.start + 1, stop=cue.stop + 1) for cue in cues]
    write_captions(moved, tmp_path / "moved.ass")
    text = (tmp_path / "moved.ass").read_text(encoding="utf-8")
    assert "Dialogue: 0,0:00:02.50,0:00:03.50,Default,,0,0,0,,{\\an3}Two" in text
    assert "Inter Semi Bold,60" in text


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("Kyoto 京都", "京 (CJK UNIFIED IDEOGRAPH-4EAC), 都 (CJK UNIFIED IDEOGRAPH-90FD)"),
        ("Well done 🎬", "🎬 (CLAPPER BOARD)"),
        ("سلام", "س (ARABIC LETTER SEEN), ل (ARABIC LETTER LAM), ا (ARABIC LETTER ALEF), "
                 "م (ARABIC LETTER MEEM)"),
    ],
)  # fmt: skip
def test_letters_that_the_font_lacks_are_named_before_rendering(words: str, named: str) -> None:
    cues = [Cue(Fraction(0), Fraction(1), "Fine"), Cue(Fraction(1), Fraction(2), words)]
    with pytest.raises(MissingProgramError) as caught:
        check_captions(cues, (320, 192))
    assert ("caption 2", named) == (
        caught.value.where,
        caught.value.what.removeprefix("the font Inter-SemiBold.otf has no "),
    )
