"""A part of a programme in a file of its own: its frames, its sound, its marks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from assembler.assemble.part import asked
from assembler.cut.model import Cue, Marker, Transition
from assembler.cut.part import part_of
from assembler.errors import UsageError
from assembler.media.samples import write_wav
from assembler.rendering.encode import SpanJob
from assembler.rendering.join import join
from assembler.rendering.render import render
from assembler.rendering.spans import spans_of
from assembler.spec.presets import delivery_preset
from assembler.timebase import FrameRange
from tests.rendering.conftest import clip, cut_of
from tests.rendering.numbers import numbers_in, planes_in, tone

LOSSLESS = delivery_preset("lossless")


def test_a_part_shows_its_frames_alone(sources, tmp_path, spans):
    """Frames left out of a clip are counted, and whole spans are those of the film."""
    a, b = sources
    cut = cut_of(clip(a, 0, 20, 5, skipped=(9, 10)), clip(b, 20, 40), clip(a, 40, 60))
    part = FrameRange(6, 44)
    rendered = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=spans, part=part)
    whole = [n for n in range(5, 27) if n not in (9, 10)] + [*range(1000, 1020), *range(20)]
    assert whole[6:44] == numbers_in(rendered.path)
    assert {s.key for s in spans_of(cut, LOSSLESS)} & {
        s.key for s in spans_of(cut, LOSSLESS, (), part)
    }


def test_a_part_may_begin_within_a_transition(sources, tmp_path, spans):
    """Its pictures are those of the whole film."""
    a, b = sources
    cut = cut_of(clip(a, 0, 24), clip(b, 24, 48, 10, transition=Transition("dissolve", 4, 4)))
    whole = render(cut, LOSSLESS, tmp_path / "w.mkv", sound=None, spans=spans)
    part = render(
        cut, LOSSLESS, tmp_path / "p.mkv", sound=None, spans=spans, part=FrameRange(22, 40)
    )
    pairs = zip(planes_in(whole.path)[22:40], planes_in(part.path), strict=True)
    assert all(np.array_equal(x, y) for x, y in pairs)


def test_a_part_has_the_sound_of_the_whole_to_the_sample(sources, tmp_path, spans):
    """Cut out of the mix, as long as the picture."""
    a, b = sources
    cut = cut_of(clip(a, 0, 24), clip(b, 24, 48))
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (96000, 2)).astype(np.float32)
    write_wav(tmp_path / "mix.wav", [samples], 48000, 2, bits=24)
    part = render(
        cut, LOSSLESS, tmp_path / "p.mkv", sound=tmp_path / "mix.wav", spans=spans,
        part=FrameRange(7, 40),
    )  # fmt: skip
    with av.open(str(part.path)) as container:
        blocks = [f.to_ndarray().reshape(-1, 2) for f in container.decode(audio=0)]
    heard = np.concatenate(blocks) / 2**31
    assert heard.shape == (66000, 2)
    assert np.abs(heard - samples[14000:80000]).max() < 1e-6


def test_captions_and_chapters_move_with_a_part(sources):
    """What goes on into it begins at its start."""
    cues = (Cue(Fraction(0), Fraction(2), "one"), Cue(Fraction(2), Fraction(3), "two"))
    marks = (Marker(0, "a"), Marker(30, "b"))
    cut = cut_of(clip(sources[0], 0, 72), captions=cues, chapters=marks)
    part = part_of(cut, FrameRange(24, 60))
    assert [(c.start, c.stop) for c in part.captions] == [(0, 1), (1, Fraction(3, 2))]
    assert [(m.frame, m.name) for m in part.chapters] == [(0, "a"), (6, "b")]
    assert part.frames == 36


def test_parts_are_named_by_segments_and_times(sources):
    """Each has a file of its own."""
    cut = cut_of(clip(sources[0], 0, 24, id="dawn"), clip(sources[1], 24, 72, id="street"))
    part = asked(start="dawn+0.5s", stop="street+12f")
    assert part is not None
    assert part.frames(cut) == (12, 36)
    assert part.path(Path("out/film.mp4")) == Path("out/film.from-dawn+0.5s-to-street+12f.mp4")
    only = asked(only="street")
    assert only is not None
    assert only.frames(cut) == (24, 72)
    assert asked() is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"only": "dwan"}, "there is no segment 'dwan'\n  fix: did you mean 'dawn'?"),
        ({"start": "2s", "stop": "1s"}, "--from/--to: nothing lies from frame 48 to frame 24"),
        ({"only": "dawn", "stop": "1s"}, "--only doesn't go with --from and --to"),
        ({"start": "1:30"}, "--from: '1:30' is no place"),
    ],
)
def test_parts_that_are_none_are_refused(sources, given, says):
    """With what would do."""
    cut = cut_of(clip(sources[0], 0, 72, id="dawn"))
    with pytest.raises(UsageError) as caught:
        asked(**given).frames(cut)
    assert str(caught.value).startswith(says)


def packets_in(path: Path) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [(p.pts, p.duration, bytes(p)) for p in container.demux(stream) if p.size]


def test_sound_encoded_beside_the_pictures_is_the_same(sources, tmp_path, spans):
    """Packet by packet what joining would encode; kept for the next time, mended when damaged."""
    preset = delivery_preset("youtube-1080p").model_copy(update={"size": None})
    cut, mix = cut_of(clip(sources[0], 0, 40)), tone(tmp_path / "s.wav", 80000)
    out = render(cut, preset, tmp_path / "o.mp4", sound=mix, spans=spans).path
    jobs = [SpanJob(span, spans) for span in spans_of(cut, preset)]
    parts = [job.part() for job in jobs]
    join(parts, mix, tmp_path / "joined.mp4", cut=cut, delivery=preset)
    assert packets_in(out) == packets_in(tmp_path / "joined.mp4")
    (kept,) = spans.glob("*.sound")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:1000] + b"x" + whole[1001:])
    render(cut, preset, tmp_path / "again.mp4", sound=mix, spans=spans)
    assert kept.read_bytes() == whole
    assert packets_in(tmp_path / "again.mp4") == packets_in(out)
