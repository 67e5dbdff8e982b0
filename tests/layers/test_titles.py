"""Titles are lossless clips with straight alpha, exactly as long as their place, made once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from assembler.cut.model import Insert, TitleLayer
from assembler.errors import AssemblerError, MissingProgramError, UsageError
from assembler.layers.titles import title_insert
from assembler.layers.words import check_words
from assembler.timebase import FrameRange

SIZE = (320, 192)
RATE = Fraction(24)


def _title(
    text: str = "Dawn", style: str = "title", frames: int = 48, start: int = 10
) -> TitleLayer:
    return TitleLayer("t", text, style, FrameRange(start, start + frames))


def _frames(insert: Insert) -> NDArray[np.uint8]:
    with av.open(str(insert.path)) as file:
        return np.stack([f.to_ndarray(format="rgba") for f in file.decode(video=0)])


def _times(insert: Insert) -> list[Fraction]:
    with av.open(str(insert.path)) as file:
        stream = file.streams.video[0]
        assert stream.time_base is not None
        return sorted(p.pts * stream.time_base for p in file.demux(stream) if p.pts is not None)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(50)])
def test_a_clip_has_a_frame_for_each_of_its_place(tmp_path: Path, rate: Fraction) -> None:
    insert = title_insert(_title(frames=31), SIZE, rate, tmp_path)
    assert _times(insert) == [n / rate for n in range(31)]
    assert insert.record == FrameRange(10, 41)


def test_the_clip_has_the_size_of_its_box(tmp_path: Path) -> None:
    insert = title_insert(_title(frames=2), SIZE, RATE, tmp_path)
    assert _frames(insert).shape == (2, insert.height, insert.width, 4)


def test_words_fade_in_and_out(tmp_path: Path) -> None:
    alpha = _frames(title_insert(_title(), SIZE, RATE, tmp_path))[..., 3].max(axis=(1, 2))
    assert alpha[0] < 20
    assert alpha[-1] < 20
    assert set(alpha[15:-15]) == {255}
    assert all(np.diff(alpha[:14].astype(int)) > 0)


def test_a_title_shorter_than_its_fades_still_shows(tmp_path: Path) -> None:
    alpha = _frames(title_insert(_title(frames=12), SIZE, RATE, tmp_path))[..., 3].max(axis=(1, 2))
    assert alpha.max() > 220


def test_letters_are_white_up_to_their_edges(tmp_path: Path) -> None:
    folder = tmp_path / "titles"
    folder.mkdir()
    (folder / "bare.yaml").write_text("id: bare\ntitle: Bare\n", encoding="utf-8")
    insert = title_insert(_title(style="bare"), SIZE, RATE, tmp_path, folders=[tmp_path])
    picture = _frames(insert)[24]
    edges = (picture[..., 3] > 8) & (picture[..., 3] < 248)
    assert edges.sum() > 50
    assert picture[edges][:, :3].min() >= 250


def test_an_end_card_darkens_the_whole_picture(tmp_path: Path) -> None:
    insert = title_insert(_title("The end", "end-card"), SIZE, RATE, tmp_path)
    assert (insert.x, insert.y, insert.width, insert.height) == (0, 0, *SIZE)
    assert _frames(insert)[24][..., 3].min() == round(0.78 * 255)


def test_a_lower_third_slides_in(tmp_path: Path) -> None:
    pictures = _frames(title_insert(_title("Anna", "lower-third"), SIZE, RATE, tmp_path))
    bright = [np.flatnonzero((p[..., 2] > 200).any(axis=0)).mean() for p in pictures[[1, 24]]]
    assert bright[0] < bright[1]


def test_a_clip_is_made_once(tmp_path: Path) -> None:
    first = title_insert(_title(), SIZE, RATE, tmp_path)
    made = first.path.stat().st_mtime_ns
    again = title_insert(_title(start=400), SIZE, RATE, tmp_path)
    assert again.path == first.path
    assert again.path.stat().st_mtime_ns == made
    assert again.record.start == 400


@pytest.mark.parametrize(
    "other",
    [_title("Dusk"), _title(style="end-card"), _title(frames=47)],
    ids=["words", "style", "length"],
)
def test_what_decides_the_pixels_decides_the_key(tmp_path: Path, other: TitleLayer) -> None:
    keys = {title_insert(t, SIZE, RATE, tmp_path).key for t in (_title(), other)}
    assert len(keys) == 2


def test_the_same_title_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [title_insert(_title(), SIZE, RATE, tmp_path / n).path for n in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    insert = title_insert(_title(frames=2), SIZE, RATE, tmp_path)
    assert list(tmp_path.iterdir()) == [insert.path]


def test_an_unknown_style_gets_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'lower-third'"):
        title_insert(_title(style="lowerthird"), SIZE, RATE, tmp_path)


def test_a_character_without_a_glyph_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingProgramError) as caught:
        title_insert(_title("東京 at night"), SIZE, RATE, tmp_path)
    assert str(caught.value).splitlines()[0] == (
        "title '東京 at night': the font Inter-SemiBold.otf has no "
        "東 (CJK UNIFIED IDEOGRAPH-6771), 京 (CJK UNIFIED IDEOGRAPH-4EAC)"
    )


@pytest.mark.parametrize(
    ("text", "style"),
    [("東京", "title"), ("Dawn", "lowerthird"), ("word " * 400, "title"), ("", "title")],
)
def test_words_are_checked_as_they_will_be_made(tmp_path: Path, text: str, style: str) -> None:
    with pytest.raises(AssemblerError) as checked:
        check_words(text, style, SIZE)
    with pytest.raises(AssemblerError) as made:
        title_insert(_title(text, style), SIZE, RATE, tmp_path)
    assert str(checked.value) == str(made.value)


def test_good_words_pass_the_check() -> None:
    check_words("Dawn\nover the harbour", "title", SIZE)


def test_a_missing_font_of_a_users_style_is_told(tmp_path: Path) -> None:
    fonts = tmp_path / "titles" / "fonts"
    fonts.mkdir(parents=True)
    (fonts.parent / "mine.yaml").write_text(
        "id: mine\ntitle: M\nfont: none.otf\n", encoding="utf-8"
    )
    with pytest.raises(MissingProgramError, match=r"no font file 'none\.otf'"):
        title_insert(_title(style="mine"), SIZE, RATE, tmp_path, folders=[tmp_path])
