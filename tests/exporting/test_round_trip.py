"""What is exported and imported is what it was."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from assembler.cut.model import Cut, Sound, Source
from assembler.exporting.cutfile import cut_from_text, cut_to_text
from assembler.exporting.edit import edit_of
from assembler.exporting.formats import Format, read, write
from assembler.exporting.found import Found
from assembler.exporting.relink import Audible
from assembler.exporting.restore import Restored, restore
from assembler.match.decision import Correction
from assembler.media.info import MediaInfo
from assembler.timebase import FrameRange, SampleRange, parse_rate
from tests.exporting.facts import FOLDER, RATES, cut_of, infos, start_of

FORMATS: tuple[Format, ...] = ("otio", "fcpxml", "fcp7", "edl")
SEEDS = range(23)
"""At nine rates that makes 207 programmes a format."""


class Nothing:
    """An editor's file that names media nobody has."""

    def there(self, file: str) -> bool:
        return False

    def picture(self, file: str, name: str) -> Source | None:
        return None

    def sound(self, file: str, name: str) -> Audible | None:
        return None

    def black(self, size: tuple[int, int]) -> Source:
        raise AssertionError("nothing is empty")


def came_back(form: Format, cut: Cut, rate: str, *, drop: bool) -> Found:
    """A cut, written and read."""
    start = start_of(rate, drop=drop)
    edit = edit_of(cut, start=start, media=infos(cut))
    files = [(f"harbour{w.suffix}", w.text) for w in write(form, edit, str)]
    return read(files, rate=parse_rate(rate), start=start)


@pytest.mark.parametrize(("rate", "drop"), RATES)
@pytest.mark.parametrize("form", FORMATS)
def test_what_comes_back_is_what_was_exported(form: Format, rate: str, drop: bool) -> None:
    """
    Unchanged it is the same cut, to the sample; and the file alone says what lies where.

    For the latter the exported cut is shuffled: every place and length has to come from the file.
    """
    for seed in SEEDS:
        cut = cut_of(seed, rate)
        found = came_back(form, cut, rate, drop=drop)
        assert restore(found, cut, Nothing()) == Restored(cut, ()), seed
        again = restore(found, _shuffled(cut), Nothing()).cut
        assert _row(again) == _row(cut), seed
        assert _layers(again) == _layers(cut), seed
        assert _sounds(again, form) == _sounds(cut, form), seed
        if form != "edl":
            assert _titles(again) == _titles(cut), seed
            assert _markers(again) == _markers(cut), seed


@pytest.mark.parametrize("forgotten", ["title", "comment"])
def test_an_edl_of_a_layer_is_known_by_its_comment_or_among_others_by_its_title(
    forgotten: str,
) -> None:
    cut = next(cut for seed in SEEDS if (cut := cut_of(seed, "24")).layers)
    edit = edit_of(cut, start=start_of("24", drop=False), media=infos(cut))
    gone = r"(?<=^TITLE: ).*" if forgotten == "title" else r"^\* ASSEMBLER TRACK.*"
    files = [
        (w.suffix, re.sub(gone, "", w.text, flags=re.MULTILINE)) for w in write("edl", edit, str)
    ]
    found = read(files, rate=parse_rate("24"), start=edit.start)
    assert _layers(restore(found, cut, Nothing()).cut) == _layers(cut)


def _shuffled(cut: Cut) -> Cut:
    nowhere = FrameRange(0, 1)
    clips = [
        replace(c, source_in=0, record=nowhere, transition=None, correction=Correction())
        for c in reversed(cut.clips)
    ]
    return replace(
        cut,
        clips=tuple(clips),
        layers=tuple(replace(one, record=nowhere, source_in=0) for one in cut.layers),
        titles=tuple(replace(one, record=nowhere, text="?") for one in cut.titles),
        sounds=tuple(
            replace(
                one,
                record=SampleRange(0, 1),
                source_start_s=Fraction(0),
                gain_db=-60.0,
                fade_in=1,
                fade_out=0,
                pan=0.3,
            )
            for one in cut.sounds
        ),
        markers=(),
        seams=(),
    )


def _row(cut: Cut) -> list[Any]:
    return [
        (c.id, c.segment, c.source.path, c.record, c.source_in, c.skipped, c.transition, c.fit)
        for c in cut.clips
    ]


def _layers(cut: Cut) -> list[Any]:
    return [(x.id, x.source.path, x.record, x.source_in, x.box) for x in cut.layers]


def _titles(cut: Cut) -> list[Any]:
    return [(x.id, x.text, x.style, x.record) for x in cut.titles]


def _markers(cut: Cut) -> list[Any]:
    return [(marker.frame, marker.name) for marker in cut.markers]


def _sounds(cut: Cut, form: Format) -> list[Any]:
    """On frames, with what the format says of levels."""
    edit = edit_of(cut, media=infos(cut))

    def said(sound: Sound, fades: tuple[int, int]) -> tuple[object, ...]:
        gain = () if form == "edl" else (round(sound.gain_db, 1), *fades)
        return gain if form in ("edl", "fcpxml") else (*gain, sound.pan)

    return sorted(
        (h.name, h.medium.path, h.record, h.source_in, *said(h.sound, (h.fade_in, h.fade_out)))
        for h in edit.heard
    )


def test_a_cut_goes_through_its_own_file(tmp_path: Path) -> None:
    for seed in SEEDS:
        cut = cut_of(seed, "29.97")
        known = infos(cut)

        def probed(path: Path, known: dict[Path, MediaInfo] = known) -> MediaInfo:
            return known[path]

        text = cut_to_text(cut, FOLDER)
        assert str(FOLDER) not in text  # media beside it are named relatively
        assert cut_from_text(text, FOLDER, probed) == cut
