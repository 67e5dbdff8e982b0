"""Spans that equal their source are copied: what is copied, what isn't, and that it plays."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import av
import numpy as np
import pytest

from assembler.cut.model import Clip, PictureLayer
from assembler.match.decision import ColourFix, Correction, SeamDecision
from assembler.media.ffmpeg import exe, run
from assembler.rendering.render import render
from assembler.rendering.smart import copy_notes
from assembler.rendering.spans import form_of, spans_of
from assembler.spec.presets import delivery_preset
from assembler.timebase import FrameRange
from tests.rendering.conftest import Made, clip, cut_of, source
from tests.rendering.numbers import numbers_in, planes_in, runs

COPY = delivery_preset("match-source")
SLOW = {"preset": "medium", "refs": "2", "bf": "0"}


def copied_in(cut) -> list[tuple[int, int]]:
    return [(s.frames.start, s.frames.stop) for s in spans_of(cut, COPY) if s.copied]


def decoded(path) -> list[np.ndarray]:
    """Through ffmpeg, which refuses nothing silently."""
    raw = subprocess.run(
        [exe(), "-v", "error", "-xerror", "-i", str(path), "-f", "rawvideo", "pipe:1"],
        capture_output=True,
        check=True,
    )
    assert not raw.stderr
    return list(np.frombuffer(raw.stdout, np.uint8).reshape(-1, 288, 320))


def same(left, right) -> bool:
    return len(left) == len(right) and all(map(np.array_equal, left, right))


def test_whole_heads_are_copied_bit_for_bit(sources, tmp_path, spans):
    """Clips with one keyframe, cut at their ends."""
    a, b = sources
    cut = cut_of(clip(a, 0, 72), clip(b, 72, 130), clip(a, 130, 150))
    out = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans).path
    assert copied_in(cut) == [(0, 72), (72, 130), (130, 150)]
    x, y = planes_in(a.path), planes_in(b.path)
    assert same([*x, *y[:58], *x[:20]], decoded(out))


def test_parameters_may_change_inside_a_file(sources, made: Made, tmp_path, spans):
    """Copies of two encoders and a stretch that is encoded, in one file."""
    a, _ = sources
    other = made("x.mp4", 48, first=2000, options=SLOW)
    cut = cut_of(clip(a, 0, 40), clip(a, 40, 60, 30), clip(other, 60, 100), clip(a, 100, 130))
    rendered = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans)
    with av.open(str(rendered.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "avc3"
    found = decoded(rendered.path)
    assert runs(numbers_in(rendered.path)) == [(0, 40), (30, 20), (2000, 40), (0, 30)]
    assert same(found[:40], planes_in(a.path)[:40])
    assert same(found[60:100], planes_in(other.path)[:40])
    assert rendered.notes == (
        "a.mp4: encoded anew: clip a40 has no keyframe that a copy could begin at",
    )


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_decoding_times_ascend_where_b_frames_follow_frames_without(
    made: Made, tmp_path, spans, encoder
):
    """In Matroska, which keeps none: readers work them out from the parameters."""
    x265 = "keyint=24:min-keyint=24:open-gop=0:bframes={}:log-level=none"
    row = []
    for bf in (0, 3):
        options = {"g": "24", "bf": str(bf), "preset": "veryfast"}
        if encoder == "libx265":
            options |= {"x265-params": x265.format(bf)}
        row.append(made(f"b{bf}.mp4", 48, first=bf * 100, encoder=encoder, options=options))
    cut = cut_of(clip(row[0], 0, 48), clip(row[1], 48, 96), clip(row[0], 96, 120))
    assert copied_in(cut) == [(0, 48), (48, 96), (96, 120)]
    form = COPY.model_copy(update={"container": "mkv", "mux": {}})
    out = render(cut, form, tmp_path / "o.mkv", sound=None, spans=spans).path
    with av.open(str(out)) as container:
        times = [p.dts for p in container.demux(video=0) if p.dts is not None]
    assert times == sorted(set(times))
    plain = [planes_in(taken.path) for taken in row]
    assert same(decoded(out), [*plain[0], *plain[1], *plain[0][:24]])


def test_a_turned_source_is_turned_once(sources, tmp_path, spans):
    """What is said of the source's picture is not said of the film's again."""
    turned = tmp_path / "turned.mp4"
    path = str(sources[0].path)
    run(["-display_rotation", "90", "-i", path, "-frames:v", "12", "-c", "copy", str(turned)])
    cut = cut_of(clip(source(turned), 0, 12), size=(192, 320))
    out = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans).path
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height, frame.rotation) == (192, 320, 0)


def test_pixels_that_are_not_square_are_given_as_the_reason(sources, tmp_path, spans):
    """And not that the picture had to be turned."""
    wide = tmp_path / "wide.mp4"
    run(["-i", str(sources[0].path), "-c", "copy", "-aspect", "20:9", str(wide)])
    cut = cut_of(clip(source(wide), 0, 12))
    rendered = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans)
    assert "wide.mp4: encoded anew: its pixels have the shape 4/3" in rendered.notes


def test_frames_that_need_later_ones_are_given_as_the_reason(sources):
    """Where a clip has a keyframe, but ends before a copy from it could."""
    a, _ = sources
    held = replace(a.info.video, closed=(0, 24, 72))
    cut = cut_of(clip(replace(a, info=replace(a.info, video=held)), 0, 20))
    assert list(copy_notes(cut, form_of(cut, COPY).wanted)) == [
        "a.mp4: encoded anew: clip a0 ends where the frames from its keyframe on still need "
        "later ones"
    ]


def test_a_source_that_breaks_off_is_encoded_as_far_as_it_goes(sources, tmp_path, spans):
    """Half a packet isn't copied: the film can be decoded to its end."""
    whole, short = tmp_path / "whole.mp4", tmp_path / "short.mp4"
    run(["-i", str(sources[0].path), "-c", "copy", "-movflags", "+faststart", str(whole)])
    content = whole.read_bytes()
    short.write_bytes(content[: int(len(content) * 0.7)])
    taken = source(short)
    frames = taken.info.video.frames
    cut = cut_of(clip(taken, 0, frames))
    rendered = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans)
    assert len(decoded(rendered.path)) == frames
    assert "is damaged" in rendered.notes[0]


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_transport_streams_are_copied_from_any_keyframe(made: Made, tmp_path, spans, encoder):
    """Headers before every keyframe, no index to seek by, no colours named."""
    x265 = "keyint=12:min-keyint=12:open-gop=0:bframes=2:log-level=none"
    options = {"g": "12", "bf": "2", "sc_threshold": "0", "preset": "veryfast"}
    options |= {"x265-params": x265} if encoder == "libx265" else {}
    whole = made("t.mp4", 120, encoder=encoder, options=options)
    bsf = f"{whole.info.video.codec}_metadata=colour_primaries=2:transfer_characteristics=2"
    run(["-i", str(whole.path), "-c", "copy", "-bsf:v", bsf, str(tmp_path / "t.ts")])
    taken = source(tmp_path / "t.ts")
    cut = cut_of(clip(taken, 0, 120), clip(taken, 120, 144, 96), clip(taken, 144, 168, 24))
    assert copied_in(cut)[0] == (0, 120)
    rendered = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans)
    assert not [note for note in rendered.notes if "encoded" in note]
    found, plain = decoded(rendered.path), planes_in(whole.path)
    assert len(found) == 168
    for start, stop in copied_in(cut):
        moved = next(c.source_in - c.record.start for c in cut.clips if start < c.record.stop)
        assert same(found[start:stop], plain[start + moved : stop + moved])


def test_a_repeated_frame_is_dropped_where_copying_allows_it(sources, tmp_path, spans):
    """From the tail before instead of the head after; the length stays."""
    a, b = sources
    seam = SeamDecision("a0>b48", True, 1.0, 1, 48, 1)
    after = Clip("b48", "b48", b, FrameRange(48, 100), 1, join="handoff")
    cut = cut_of(clip(a, 0, 48), after, seams=(seam,))
    out = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans).path
    assert (copied_in(cut), runs(numbers_in(out))) == (
        [(0, 47), (47, 100)], [(0, 47), (1000, 53)],
    )  # fmt: skip
    fixed = Correction(ColourFix(((1.1, 0, 0), (0, 1, 0), (0, 0, 1), *[(0.0,) * 3] * 7)))
    changed = cut_of(clip(a, 0, 48), Clip(*_all(after), correction=fixed, join="handoff"),
                     seams=(seam,))  # fmt: skip
    assert copied_in(changed) == [(0, 48)]


def _all(taken: Clip) -> tuple:
    return taken.id, taken.segment, taken.source, taken.record, taken.source_in


def test_only_frames_under_a_layer_are_encoded(made: Made, sources, tmp_path, spans):
    """With keyframes every 12 frames, copying goes on at the next one."""
    taken = made("k.mp4", 72, options={"g": "12", "keyint_min": "12", "sc_threshold": "0"})
    layer = PictureLayer("l", sources[1], FrameRange(20, 30), 3, (160, 96, 160, 96))
    cut = cut_of(clip(taken, 0, 60, 6), layers=(layer,))
    assert copied_in(cut) == [(6, 20), (30, 60)]
    out = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans).path
    found, plain = decoded(out), planes_in(taken.path)
    assert (same(found[6:20], plain[12:26]), same(found[30:], plain[36:66])) == (True, True)


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_b_frames_are_copied_up_to_the_last_that_leans_on_nothing_later(
    made: Made, tmp_path, spans, encoder
):
    """Closed groups of 12 frames with B-frames; HEVC makes an HEVC file."""
    x265 = {"x265-params": "keyint=12:min-keyint=12:open-gop=0:bframes=2:log-level=none"}
    options = {"g": "12", "bf": "2", "sc_threshold": "0", "preset": "veryfast"} | x265
    if encoder == "libx264":
        options.pop("x265-params")
    taken = made("b.mp4", 72, encoder=encoder, options=options)
    cut = cut_of(clip(taken, 0, 50, 4))
    assert copied_in(cut) == [(8, 48)]
    found = decoded(render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans).path)
    assert same(found[8:48], planes_in(taken.path)[12:52])


def test_of_a_clip_with_one_keyframe_only_the_tail_is_encoded(made: Made, tmp_path, spans):
    """B-frames and all: what its last frames lean on is gone with the frame that repeats."""
    options = {"g": "250", "bf": "3", "preset": "veryfast"}
    row = [made(f"{n}.mp4", 48, encoder="libx264", options=options) for n in range(3)]
    seams = tuple(SeamDecision(f"{n}>{n + 1}", True, 1.0, 1, 48, 1) for n in (0, 1))
    shown = [clip(taken, 0, 48, id=str(n)) for n, taken in enumerate(row)]
    shown[1:] = [
        Clip(str(n), str(n), row[n], FrameRange(1 + 47 * n, 48 + 47 * n), 1, join="handoff")
        for n in (1, 2)
    ]
    cut = cut_of(*shown, seams=seams)
    copied = copied_in(cut)
    assert sum(b - a for a, b in copied) >= 142 - 2 * 4
    rendered = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans)
    found, plain = decoded(rendered.path), [planes_in(taken.path) for taken in row]
    assert numbers_in(rendered.path) == [*range(47), *range(47), *range(48)]
    for a, b in copied:
        assert same(found[a:b], plain[a // 47][a % 47 :][: b - a])
    assert [n for n in rendered.notes if "dropped" in n] == [
        f"{n}.mp4: its last frame is dropped, not the same at the start of {n + 1}.mp4, "
        "which can be copied so"
        for n in (0, 1)
    ]


def test_frames_that_an_edit_list_hides_are_missed_by_no_copy(made: Made, tmp_path, spans):
    """The last frames shown lean on one that isn't."""
    taken = made("b.mp4", 48, encoder="libx264", options={"bf": "3", "preset": "veryfast"})
    data = bytearray(taken.path.read_bytes())
    at = data.index(b"elst") + 12  # its length in thousandths of a second
    data[at : at + 4] = (1750).to_bytes(4, "big")
    (tmp_path / "short.mp4").write_bytes(data)
    hidden = source(tmp_path / "short.mp4")
    cut = cut_of(clip(hidden, 0, 42))
    assert [40 <= stop < 42 for _, stop in copied_in(cut)] == [True]
    out = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans)
    assert numbers_in(out.path) == list(range(42))
    assert same(decoded(out.path)[:40], planes_in(taken.path)[:40])


def test_what_is_copied_may_be_untagged(made: Made, tmp_path, spans):
    """BT.709 is written into its headers; its pictures stay as they are."""
    taken = made("t.mp4", 40, size=(1280, 720))
    bare = tmp_path / "bare.mp4"
    bsf = "h264_metadata=colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2"
    subprocess.run(
        [exe(), "-v", "error", "-i", str(taken.path), "-c", "copy", "-bsf:v", bsf, str(bare)],
        check=True,
    )
    found = source(bare)
    cut = cut_of(clip(found, 0, 40), size=(1280, 720))
    out = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans).path
    assert copied_in(cut) == [(0, 40)]
    assert same(planes_in(taken.path), planes_in(out))


def test_a_film_of_bt601_clips_stays_in_bt601(sources, tmp_path, spans):
    """As generators make them: copied where possible, encoded without conversion, and tagged so."""
    a, b = (replace(s, colour=replace(s.colour, matrix="bt601")) for s in sources)
    cut = cut_of(clip(a, 0, 40), clip(b, 40, 70, 10))
    assert copied_in(cut) == [(0, 40)]
    rendered = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans)
    with av.open(str(rendered.path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (6, 1, 1)
    found, plain = decoded(rendered.path), planes_in(b.path)[10:40]
    assert same(found[:40], planes_in(a.path)[:40])
    assert np.abs(np.stack(found[40:]).astype(float) - np.stack(plain)).mean() < 0.5
    assert "the film is in BT.601, as all its clips are" in rendered.notes


def test_clips_of_two_matrices_make_a_bt709_film(sources, tmp_path, spans):
    """Those that aren't in it are converted."""
    a, b = sources
    other = replace(a, colour=replace(a.colour, matrix="bt601"))
    cut = cut_of(clip(other, 0, 20), clip(b, 20, 40))
    assert copied_in(cut) == [(20, 40)]
    assert render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans).verified.frames == 40


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_open_groups_are_copied_without_the_frames_that_need_the_next(
    made: Made, tmp_path, spans, encoder
):
    """A keyframe that frames before it lean on begins no copy."""
    x265 = "open-gop=1:keyint=24:min-keyint=24:scenecut=0:bframes=3:log-level=none"
    options = {"x265-params": x265}
    if encoder == "libx264":
        options = {"g": "24", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}
    taken = made("o.mp4", 72, encoder=encoder, options=options)
    cut = cut_of(clip(taken, 0, 60), clip(taken, 60, 90, 30))
    ((start, stop),) = copied_in(cut)
    assert (start, 60 - 4 <= stop < 60) == (0, True)
    rendered = render(cut, COPY, tmp_path / "o.mp4", sound=None, spans=spans)
    assert rendered.notes == (
        "o.mp4: encoded anew: clip o60 has no keyframe that a copy could begin at",
    )
    found = decoded(rendered.path)
    assert same(found[:stop], planes_in(taken.path)[:stop])
    assert numbers_in(rendered.path) == [*range(60), *range(30, 60)]


@pytest.mark.parametrize(
    ("preset", "profile", "other"),
    [("prores-master", "3", "1"), ("dnxhr", "dnxhr_hqx", None)],
)
def test_masters_are_copied_into_masters_of_their_kind(
    made: Made, tmp_path, spans, preset, profile, other
):
    """From any frame on, where codec, profile and pixel format are the delivery's."""
    delivery = delivery_preset(preset)
    plain = made("plain.mp4", 40)
    masters = []
    for name in [profile, other] if other else [profile]:
        path = tmp_path / f"{name}.mov"
        subprocess.run(
            [exe(), "-v", "error", "-i", str(plain.path), "-c:v", delivery.video.encoder,
             "-profile:v", name, "-pix_fmt", "yuv422p10le", "-vf",
             "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709", str(path)],
            check=True,
        )  # fmt: skip
        masters.append(source(path))
    row = [clip(taken, n * 20, n * 20 + 20, 7, id=f"m{n}") for n, taken in enumerate(masters)]
    cut = cut_of(*row)
    assert all(span.copied for span in spans_of(cut, delivery))
    rendered = render(cut, delivery, tmp_path / f"o.{delivery.container}", sound=None, spans=spans)
    assert ("its profile is LT, not HQ" in "".join(rendered.notes)) == bool(other)
    with av.open(str(rendered.path)) as film, av.open(str(masters[0].path)) as master:
        shown = [f.to_ndarray() for f in film.decode(video=0)]
        wanted = [f.to_ndarray() for f in master.decode(video=0)][7:27]
    assert len(shown) == 20 * len(masters)
    assert same(shown[:20], wanted)
