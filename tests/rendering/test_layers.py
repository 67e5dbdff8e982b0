"""Rendered frames of every kind of layer and change, compared with what arithmetic says of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from assembler.cut.change import cdl_of
from assembler.cut.model import (
    Cdl,
    Change,
    ChromaKey,
    Effect,
    Glide,
    PictureLayer,
    Source,
    Table,
    Transition,
    View,
)
from assembler.errors import UsageError
from assembler.match.decision import Correction
from assembler.media.ffmpeg import exe
from assembler.media.files import sha256_of
from assembler.planning.retime import Retime, retimed
from assembler.rendering.effects import check_effect
from assembler.rendering.graph import fitted
from assembler.rendering.render import render
from assembler.rendering.spans import spans_of
from assembler.spec.change import Grade
from assembler.spec.model import Segment
from assembler.spec.presets import delivery_preset
from assembler.spec.transitions import ALIASES, BLACKS, DIPS, XFADES
from assembler.timebase import FrameRange
from tests.rendering.conftest import RATE, SIZE, clip, cut_of, source
from tests.rendering.numbers import numbers_in, planes_in

LOSSLESS = delivery_preset("lossless")
Frames = list[NDArray[np.uint8]]
Render = Callable[..., Frames]


@pytest.fixture
def rendered(tmp_path: Path) -> Render:
    """Renders clips and gives back the stacked planes of all frames."""

    def make(*clips: Any, **more: Any) -> Frames:
        out = tmp_path / "o.mkv"
        render(cut_of(*clips, **more), LOSSLESS, out, sound=None, spans=tmp_path / "spans")
        return planes_in(out)

    return make


def painted(
    path: Path,
    pictures: Sequence[NDArray[np.uint8]],
    pix_fmt: str = "yuv420p",
    rate: Fraction = RATE,
) -> Source:
    """A clip of these very planes (or R'G'B'A pictures), without loss."""
    encoder = "ffv1" if pix_fmt == "yuv420p" else "qtrle"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(encoder, rate=rate)
        height, width = pictures[0].shape[:2]
        stream.width, stream.height = width, height * 2 // 3 if encoder == "ffv1" else height
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        if encoder == "ffv1":
            context.colorspace, context.color_range = 1, 1
            context.color_primaries, context.color_trc = 1, 1
        for n, picture in enumerate(pictures):
            form = "yuv420p" if encoder == "ffv1" else "rgba"
            frame = av.VideoFrame.from_ndarray(picture, form)
            frame = frame if encoder == "ffv1" else frame.reformat(format=pix_fmt)
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return source(path)


def flat(y: int, u: int, v: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Planes of one colour."""
    width, height = size
    chroma = np.repeat(np.array([u, v], np.uint8), width * height // 4)
    luma = np.full(width * height, y, np.uint8)
    return np.concatenate([luma, chroma]).reshape(height * 3 // 2, width)


def yuv(red: float, green: float, blue: float) -> NDArray[np.float64]:
    """Codes of BT.709 in limited range, from R'G'B' of 0 to 1."""
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return np.array(
        [
            16 + 219 * luma,
            128 + 224 * (blue - luma) / 1.8556,
            128 + 224 * (red - luma) / 1.5748,
        ]
    )


def means(frame: NDArray[np.uint8], rows: slice = slice(None), columns: slice = slice(None)) -> Any:
    """Mean Y, U and V of a part of a frame of 320x192."""
    width, height = SIZE
    samples = frame.ravel()
    luma = samples[: width * height].reshape(height, width)
    both = samples[width * height :].reshape(2, height // 2, width // 2)

    def half(part: slice) -> slice:
        return slice(*(None if edge is None else edge // 2 for edge in (part.start, part.stop)))

    chroma = [plane[half(rows), half(columns)].mean() for plane in both]
    return np.array([luma[rows, columns].mean(), *chroma])


def bent(taken: Source, **keys: Any) -> Source:
    """A source with its time bent as a segment of these keys says."""
    segment = Segment.model_validate({"id": "a", "file": Path("a.mp4"), **keys})
    has = taken.info.video.frames_at(RATE)
    first = segment.in_.frames(RATE) if segment.in_ else 0
    stop = segment.out.frames(RATE) if segment.out else None
    length = segment.duration.frames(RATE) if segment.duration else None
    found = retimed(segment, first=first, stop=stop, length=length, has=has, rate=RATE)
    return replace(taken, retime=found)


def shown(taken: Source, tmp_path: Path) -> list[int]:
    """Numbers of all frames of a bent source."""
    retime = taken.retime
    assert isinstance(retime, Retime)
    cut = cut_of(clip(taken, 0, retime.shown, retime.first))
    out = render(cut, LOSSLESS, tmp_path / "o.mkv", sound=None, spans=tmp_path / "spans").path
    return numbers_in(out)


def test_half_speed_shows_every_frame_twice(sources, tmp_path):
    taken = bent(sources[0], speed="50%", **{"in": "10f", "out": "20f"})
    assert [10 + n // 2 for n in range(20)] == shown(taken, tmp_path)


def test_three_times_the_speed_shows_every_third_frame(sources, tmp_path):
    taken = bent(sources[0], speed=3)
    assert list(range(0, 72, 3)) == shown(taken, tmp_path)


def test_reverse_plays_from_the_end(sources, tmp_path):
    """Longer than what is read at a time, from a clip with one keyframe."""
    taken = bent(sources[0], reverse=True, **{"in": "4f", "out": "70f"})
    assert list(range(69, 3, -1)) == shown(taken, tmp_path)


@pytest.mark.parametrize("frames", ["nearest", "blend", "flow"])
def test_slow_motion_shows_the_frames_that_were_shot_for_it(made, tmp_path, frames):
    """60 a second in a film of 24: at 40 % each of them is shown once."""
    taken = bent(
        made("fast.mp4", 60, Fraction(60)), speed={"rate": "40%", "frames": frames}, out="20f"
    )
    assert list(range(50)) == shown(taken, tmp_path)


@pytest.mark.parametrize("rate", [24, 60])
@pytest.mark.parametrize("speed", ["40%", "200%"])
def test_framing_follows_bent_time(tmp_path, rate, speed):
    """A window that moves over a ramp from dark to light, at the clip's own pace."""
    ramp = np.tile((16 + np.arange(960) * 200 / 960).astype(np.uint8), (192, 1)).ravel()
    wide = np.concatenate([ramp, np.full(960 * 192 // 2, 128, np.uint8)]).reshape(288, 960)
    taken = painted(tmp_path / "ramp.mkv", [wide] * (2 * rate), rate=Fraction(rate))
    taken = bent(taken, speed=speed, out="40f")
    retime = taken.retime
    assert retime is not None
    path = ((0, 0.0, 0.5), (20, 0.5, 0.5), (40, 1.0, 0.5))
    moving = replace(clip(taken, 0, retime.shown, retime.first), fit="cover", framing=path)
    out = tmp_path / "o.mkv"
    render(cut_of(moving), LOSSLESS, out, sound=None, spans=tmp_path / "spans")
    light = [float(means(frame)[0]) for frame in planes_in(out)]
    wanted = [49.0 + 134 * float(retime.at(retime.first + n)) / 40 for n in range(retime.shown)]
    assert light == pytest.approx(wanted, abs=4)  # a frame is 3.4


def test_reverse_at_a_quarter_of_the_speed_is_the_mirror_of_forwards(sources, tmp_path):
    there, back = (
        shown(bent(sources[0], speed="25%", out="6f", **more), tmp_path / name)
        for name, more in (("there", {}), ("back", {"reverse": True}))
    )
    assert there == back[::-1]


def test_a_freeze_holds_a_frame_and_goes_on(sources, tmp_path):
    taken = bent(sources[0], freeze={"at": "5f", "for": "4f"}, out="10f")
    assert shown(taken, tmp_path) == [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 6, 7, 8, 9]


def test_a_ramp_adds_up_its_speeds(sources, tmp_path):
    """From normal speed at frame 0 evenly to three times at frame 16, then on like that."""
    points = [{"at": "0f", "rate": 1}, {"at": "16f", "rate": 3}]
    taken = bent(sources[0], speed={"points": points})
    places = [n + n * n / 16 if n < 16 else 32 + 3 * (n - 16) for n in range(40)]
    assert [int(place) for place in places if place < 72] == shown(taken, tmp_path)


def test_handles_of_bent_time_are_counted_in_frames_shown(sources):
    """At half speed 10 frames before `in` are 20."""
    retime = bent(sources[0], speed="50%", **{"in": "10f", "out": "20f"}).retime
    assert retime is not None
    assert (retime.first, retime.shown, retime.frames) == (20, 20, 20 + 20 + 104)


@pytest.mark.parametrize(
    ("speed", "expected"), [("50%", [40, 50, 60, 70, 80]), (2, [50, 90, 130, 170, 210])]
)
def test_blending_mixes_what_the_shutter_sees(tmp_path, rendered, speed, expected):
    """Frame n is 40 + 20 n: half speed shows halves between, double speed the mean of two."""
    pictures = [flat(40 + 20 * n, 128, 128) for n in range(10)]
    taken = bent(
        painted(tmp_path / "s.mkv", pictures), speed={"rate": speed, "frames": "blend"},
        duration="5f",
    )  # fmt: skip
    assert taken.retime is not None
    frames = rendered(clip(taken, 0, 5, taken.retime.first))
    assert expected == [round(means(frame)[0]) for frame in frames]


def test_flow_moves_things_halfway(tmp_path, rendered):
    """A disc that goes 12 pixels a frame stands 6 pixels on in between, and isn't doubled."""
    pictures = []
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.uniform(60, 200, (64, 64)).astype(np.float32), (0, 0), 3)
    for n in range(4):
        picture = flat(40, 128, 128)
        picture[64:128, 80 + 12 * n : 144 + 12 * n] = texture
        pictures.append(picture)
    taken = bent(painted(tmp_path / "m.mkv", pictures), speed={"rate": "50%", "frames": "flow"})
    assert taken.retime is not None
    frames = rendered(clip(taken, 0, 6, taken.retime.first))
    wanted = flat(40, 128, 128)[:192].astype(float)
    wanted[64:128, 98:162] = texture
    mixed = (pictures[1][:192].astype(float) + pictures[2][:192]) / 2
    error = np.abs(frames[3][:192] - wanted)[70:122, 106:154].mean()
    assert error < 0.5 * np.abs(mixed - wanted)[70:122, 106:154].mean()


def test_crop_shows_the_rest_as_large_as_the_canvas(tmp_path, rendered):
    """Of a ramp from left to right the right half is shown, twice as wide."""
    ramp = flat(0, 128, 128)
    ramp[:192] = np.linspace(40, 200, 320).round()
    taken = painted(tmp_path / "r.mkv", [ramp] * 3)
    change = Change(crop=(0.5, 0.25, 0.0, 0.25))
    (frame, *_) = rendered(clip(replace(taken, change=change), 0, 3))
    places = 160 + (np.arange(320) + 0.5) / 2 - 0.5
    wanted = 40 + 160 * places / 319
    assert np.abs(frame[96].astype(float) - wanted)[4:-4].max() <= 1.0


def test_ken_burns_shows_each_view_to_a_part_of_a_pixel(tmp_path, rendered):
    """Over a ramp the level under each pixel follows from the view alone."""
    ramp = np.tile(np.linspace(0, 255, 1280)[None, :, None], (768, 1, 3)).round().astype(np.uint8)
    cv2.imwrite(str(tmp_path / "s.png"), ramp)
    taken = source(tmp_path / "s.png")
    glide = Glide(View(0.5, 0.5, 1.0), View(0.25, 0.5, 0.5), 0, 9, smooth=False)
    frames = rendered(clip(replace(taken, change=Change(glide=glide)), 0, 9))
    for n, frame in enumerate(frames):
        width = 1280 * 0.5 ** (n / 8)
        way = (width / 1280 - 1.0) / -0.5
        left = min(max(0.0, (0.5 - 0.25 * way) * 1280 - width / 2), 1280 - width)
        places = left + (np.arange(320) + 0.5) * width / 320 - 0.5
        wanted = 16 + 219 * np.clip(places, 0, 1279) / 1279
        assert np.abs(frame[100].astype(float) - wanted)[3:-3].max() <= 1.1


def test_a_cdl_is_slope_offset_power_and_saturation(tmp_path, rendered):
    """On four colours at once, as ASC's formula says."""
    colours = [(0.2, 0.4, 0.6), (0.8, 0.3, 0.1), (0.5, 0.5, 0.5), (0.9, 0.8, 0.2)]
    picture = flat(0, 0, 0)
    planes = picture.ravel()
    luma, chroma = planes[:61440].reshape(192, 320), planes[61440:].reshape(2, 96, 160)
    exact = []
    for n, colour in enumerate(colours):
        codes = np.rint(yuv(*colour))
        luma[:, n * 80 : n * 80 + 80] = codes[0]
        chroma[0, :, n * 40 : n * 40 + 40], chroma[1, :, n * 40 : n * 40 + 40] = codes[1:]
        y, u, v = (codes[0] - 16) / 219, (codes[1] - 128) / 224, (codes[2] - 128) / 224
        red, blue = y + 1.5748 * v, y + 1.8556 * u
        exact.append((red, (y - 0.2126 * red - 0.0722 * blue) / 0.7152, blue))
    taken = painted(tmp_path / "c.mkv", [picture] * 2)
    cdl = Cdl((1.2, 0.9, 0.8), (0.02, 0.0, 0.05), (0.9, 1.1, 1.0), 0.6)
    (frame, _) = rendered(clip(replace(taken, change=Change(cdl=cdl)), 0, 2))
    for n, colour in enumerate(exact):
        straight = np.clip(np.array(colour) * cdl.slope + cdl.offset, 0, 1) ** np.array(cdl.power)
        grey = straight @ np.array([0.2126, 0.7152, 0.0722])
        wanted = yuv(*np.clip(grey + 0.6 * (straight - grey), 0, 1))
        found = means(frame, slice(8, 184), slice(n * 80 + 16, n * 80 + 64))
        assert np.abs(found - wanted).max() <= 0.6


def test_exposure_scales_light(tmp_path, rendered):
    """A stop more of a grey that linear light says is twice as bright."""
    cdl = cdl_of(Grade(exposure=1.0))
    taken = painted(tmp_path / "g.mkv", [flat(100, 128, 128)] * 2)
    (frame, _) = rendered(clip(replace(taken, change=Change(cdl=cdl)), 0, 2))
    wanted = (2 * ((100 - 16) / 219) ** 2.4) ** (1 / 2.4)
    assert abs(means(frame)[0] - (16 + 219 * wanted)) <= 0.6


@pytest.mark.parametrize(("strength", "share"), [(1.0, 0.0), (0.25, 0.75)])
def test_a_colour_table_is_looked_up_with_its_strength(tmp_path, rendered, strength, share):
    """A cube that turns all channels over."""
    rows = [f"{1 - r} {1 - g} {1 - b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    path = tmp_path / "negative.cube"
    path.write_text('TITLE "n"\nLUT_3D_SIZE 2\n' + "\n".join(rows))
    taken = painted(tmp_path / "t.mkv", [flat(60, 128, 128)] * 2)
    change = Change(table=Table(path, sha256_of(path), strength))
    (frame, _) = rendered(clip(replace(taken, change=change), 0, 2))
    value = (60 - 16) / 219
    wanted = value * share + (1 - value) * (1 - share)
    assert abs(means(frame)[0] - (16 + 219 * wanted)) <= 0.6


def over(taken: Source, **more: Any) -> PictureLayer:
    """A layer of 160x96 in the lower right, from frame 2 to 10."""
    return PictureLayer("l", taken, FrameRange(2, 10), 0, (160, 96, 160, 96), **more)


@pytest.fixture
def grey(tmp_path: Path) -> Source:
    """Twelve frames of level 50."""
    return painted(tmp_path / "grey.mkv", [flat(50, 128, 128)] * 12)


def test_a_chroma_key_takes_the_colour_away_and_nothing_else(tmp_path, rendered, grey):
    """A red box on green: round it the picture below shows, in it the box."""
    picture = np.zeros((96, 160, 3))
    picture[..., 1] = 1.0
    picture[32:64, 48:112] = [0.8, 0.1, 0.1]
    codes = np.rint(yuv(*picture.reshape(-1, 3).T)).reshape(3, 96, 160)
    small = [codes[n, ::2, ::2].ravel() for n in (1, 2)]
    planes = np.concatenate([codes[0].ravel(), *small]).astype(np.uint8).reshape(144, 160)
    layer = over(
        painted(tmp_path / "k.mkv", [planes] * 8), key=ChromaKey("#00ff00", 0.15, 0.05, 0.0)
    )
    frame = rendered(clip(grey, 0, 12), layers=(layer,))[5]
    around = means(frame, slice(100, 120), slice(164, 316))
    inside = means(frame, slice(136, 152), slice(216, 264))
    assert np.abs(around - [50, 128, 128]).max() <= 0.5
    assert np.abs(inside - yuv(0.8, 0.1, 0.1)).max() <= 1.0


def test_a_chroma_key_leaves_what_is_half_transparent_so(tmp_path, rendered, grey):
    """Half-transparent white beside green: the green goes, the white stays half."""
    picture = np.full((96, 160, 4), [255, 255, 255, 128], np.uint8)
    picture[:, 80:] = [0, 255, 0, 128]
    taken = painted(tmp_path / "half.mov", [picture] * 8, "argb")
    layer = over(taken, key=ChromaKey("#00ff00", 0.15, 0.05, 0.0))
    frame = rendered(clip(grey, 0, 12), layers=(layer,))[4]
    white = means(frame, slice(120, 160), slice(170, 220))[0]
    green = means(frame, slice(120, 160), slice(260, 310))[0]
    assert abs(white - (50 + (235 - 50) * 128 / 255)) <= 1.0
    assert abs(green - 50) <= 0.5


def test_opacity_and_fades_mix_as_they_say(tmp_path, rendered, grey):
    """Level 200 over 50 at 80 %, up over 3 frames and down over 2."""
    taken = painted(tmp_path / "w.mkv", [flat(200, 128, 128, (160, 96))] * 8)
    layer = over(taken, opacity=0.8, fade_in=3, fade_out=2)
    frames = rendered(clip(grey, 0, 12), layers=(layer,))
    strengths = [0.25, 0.5, 0.75, 1, 1, 1, 2 / 3, 1 / 3]
    wanted = [50, 50, *(50 + 150 * 0.8 * s for s in strengths), 50, 50]
    found = [means(frame, slice(100, 188), slice(164, 316))[0] for frame in frames]
    assert np.abs(np.array(found) - wanted).max() <= 1.0


@pytest.mark.parametrize("shape", ["circle", "rounded"])
def test_shapes_cover_the_area_that_geometry_says(tmp_path, rendered, grey, shape):
    """Of 160x96: a circle of diameter 96, or a box whose corners have radius 12."""
    taken = painted(tmp_path / "w.mkv", [flat(200, 128, 128, (160, 96))] * 8)
    frame = rendered(clip(grey, 0, 12), layers=(over(taken, shape=shape),))[4]
    covered = (frame[96:192, 160:].astype(float) - 50).sum() / 150
    corners = (4 - np.pi) * 12**2
    wanted = np.pi * 48**2 if shape == "circle" else 160 * 96 - corners
    assert abs(covered - wanted) <= 0.01 * wanted


def test_a_logo_keeps_its_transparency_in_a_shape(tmp_path, rendered, grey):
    """Half-transparent white, cut round: outside the circle nothing, inside half."""
    picture = np.full((96, 160, 4), [255, 255, 255, 128], np.uint8)
    taken = painted(tmp_path / "logo.mov", [picture] * 8, "argb")
    frame = rendered(clip(grey, 0, 12), layers=(over(taken, shape="circle"),))[4]
    middle = means(frame, slice(136, 152), slice(232, 248))[0]
    corner = means(frame, slice(98, 106), slice(162, 170))[0]
    assert abs(middle - (50 + (235 - 50) * 128 / 255)) <= 1.0
    assert abs(corner - 50) <= 0.5


def test_an_effect_of_moviepy_sees_the_segments_own_time(tmp_path, rendered):
    """InvertColors turns levels over; FadeIn darkens the first frames by their place."""
    taken = painted(tmp_path / "e.mkv", [flat(180, 128, 128)] * 12)
    effects = (Effect("InvertColors"), Effect("FadeIn", '{"duration": 0.25}'))
    source_ = replace(taken, change=Change(effects=effects, effects_frames=12))
    frames = rendered(clip(source_, 0, 12))
    value = 1 - (180 - 16) / 219
    wanted = [16 + 219 * value * min(1.0, n / 6) for n in range(12)]
    assert np.abs([means(f)[0] for f in frames] - np.array(wanted)).max() <= 1.6


def test_an_own_function_changes_frames_after_the_colours(tmp_path, rendered):
    """The function sees the graded picture, and its parameters."""
    module = tmp_path / "mine.py"
    module.write_text(
        "def darker(clip, by=1):\n    return clip.image_transform(lambda f: f // by)\n"
    )
    taken = painted(tmp_path / "o.mkv", [flat(100, 128, 128)] * 4)
    effect = Effect("mine:darker", '{"by": 2}', module, sha256_of(module))
    change = Change(cdl=Cdl((2.0, 2.0, 2.0)), effects=(effect,), effects_frames=4)
    (frame, *_) = rendered(clip(replace(taken, change=change), 0, 4))
    assert abs(means(frame)[0] - 100) <= 1.0


def test_effects_stand_still_in_the_handles_of_a_transition(tmp_path, rendered):
    """Before its first frame a clip that fades in is as black as in it, not beyond."""
    a = painted(tmp_path / "a.mkv", [flat(100, 128, 128)] * 20)
    b = painted(tmp_path / "b.mkv", [flat(200, 128, 128)] * 20)
    effect = Effect("FadeIn", '{"duration": 0.25}')
    fading = replace(b, change=Change(effects=(effect,), effects_frames=10))
    way = Transition("dissolve", 4, 4)
    frames = rendered(clip(a, 0, 10), clip(fading, 10, 20, 5, transition=way))
    for k in range(8):
        coming = 16 + (200 - 16) * min(1.0, max(0, k - 4) / 6)
        wanted = 100 + (coming - 100) * (k + 1) / 9
        assert abs(means(frames[6 + k])[0] - wanted) <= 1.6


def test_a_seams_geometry_follows_the_authors_crop(sources):
    """Half the width shown twice as large: a shift is twice as large a part of it."""
    a, _ = sources
    cropped = replace(a, change=Change(crop=(0.5, 0.25, 0.0, 0.25)))
    moved = Correction(affine=(1.0, 0.0, 0.01, 0.0, 1.0, 0.02))
    (span,) = spans_of(cut_of(clip(cropped, 0, 20, correction=moved)), LOSSLESS)
    found = fitted(span.pieces[0], span.form).affine
    assert found == pytest.approx((1.0, 0.0, 0.02, 0.0, 1.0, 0.04))


def test_effects_are_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match="there is no effect 'BlackAndWhit'") as caught:
        check_effect("BlackAndWhit", {})
    assert caught.value.fix == "did you mean 'BlackAndWhite'?"
    with pytest.raises(UsageError, match="has no parameter 'fact'") as caught:
        check_effect("MultiplyColor", {"fact": 1})
    assert caught.value.fix == "did you mean 'factor'?"
    with pytest.raises(UsageError, match="needs factor"):
        check_effect("MultiplyColor", {})
    with pytest.raises(UsageError, match="bends time") as caught:
        check_effect("MultiplySpeed", {"factor": 2})
    assert caught.value.fix == "use `speed` for that."


def test_a_wipe_uncovers_the_next_clip_column_by_column(tmp_path, rendered):
    """Of a wipe to the left over n frames, frame k shows (k + 1) / (n + 1) of the next clip."""
    a = painted(tmp_path / "a.mkv", [flat(50, 128, 128)] * 20)
    b = painted(tmp_path / "b.mkv", [flat(200, 128, 128)] * 20)
    way = Transition("wipe-left", 4, 3)
    frames = rendered(clip(a, 0, 10), clip(b, 10, 20, 5, transition=way))
    for k in range(7):
        shown_of_b = (frames[6 + k][:192] > 125).mean()
        assert abs(shown_of_b - (k + 1) / 8) <= 1.01 / 320
        assert frames[6 + k][90, -1] > 125


def test_a_dip_goes_through_its_colour(tmp_path, rendered):
    """With an odd number of frames the middle one is the colour alone."""
    a = painted(tmp_path / "a.mkv", [flat(50, 128, 128)] * 20)
    b = painted(tmp_path / "b.mkv", [flat(200, 128, 128)] * 20)
    way = Transition("dip", 3, 4, "#336699")
    frames = rendered(clip(a, 0, 10), clip(b, 10, 20, 5, transition=way))
    wanted = yuv(0x33 / 255, 0x66 / 255, 0x99 / 255)
    assert np.abs(means(frames[10]) - wanted).max() <= 0.6
    halfway = (np.array([50, 128, 128]) + wanted) / 2
    assert np.abs(means(frames[8]) - halfway).max() <= 1


@pytest.mark.parametrize("name", [*XFADES, *DIPS])
def test_a_transition_stays_within_legal_levels(tmp_path, rendered, name):
    """Of grey clips all of it is grey, and none of it darker than black or lighter than white."""
    a = painted(tmp_path / "a.mkv", [flat(50, 128, 128)] * 20)
    b = painted(tmp_path / "b.mkv", [flat(200, 128, 128)] * 20)
    frames = rendered(clip(a, 0, 10), clip(b, 10, 20, 5, transition=Transition(name, 4, 3)))
    luma, chroma = np.stack(frames)[:, :192], np.stack(frames)[:, 192:]
    black = name in BLACKS or DIPS.get(name) == "#000000"
    assert luma.min() == (16 if black else 50)
    assert luma.max() == (235 if name == "fade-white" else 200)
    assert (int(chroma.min()), int(chroma.max())) == (128, 128)


def test_black_around_a_picture_is_legal_in_ten_bits(tmp_path):
    """64 of 1023."""
    a = painted(tmp_path / "a.mkv", [flat(50, 128, 128)] * 20)
    b = painted(tmp_path / "b.mkv", [flat(200, 128, 128)] * 20)
    cut = cut_of(clip(a, 0, 10), clip(b, 10, 20, 5, transition=Transition("rect-crop", 4, 4)))
    out, preset = tmp_path / "o.mkv", delivery_preset("lossless-10bit")
    render(cut, preset, out, sound=None, spans=tmp_path / "spans")
    with av.open(str(out)) as container:
        luma = [np.frombuffer(frame.planes[0], "<u2") for frame in container.decode(video=0)]
    assert np.stack(luma).min() == 64


def test_all_of_xfades_transitions_have_a_name_of_ours():
    told = subprocess.run(
        [exe(), "-hide_banner", "-h", "filter=xfade"], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in told.splitlines() if line.endswith(" transition")]
    theirs = {row[0] for row in rows if row[1].lstrip("-").isdigit()} - {"custom"}
    assert len(theirs) >= 58
    ours = set(XFADES.values()) | {"fadeblack", "fadewhite"}
    assert theirs <= ours
    assert set(ALIASES.values()) <= {*XFADES, *DIPS}


def test_what_is_done_to_a_picture_is_part_of_its_key(sources):
    """Each change gives another span, and the same change the same one."""
    a, _ = sources
    changes = [
        Change(), Change(crop=(0.1, 0, 0, 0)), Change(cdl=Cdl(saturation=0.5)),
        Change(effects=(Effect("MirrorX"),)), Change(effects=(Effect("MirrorY"),)),
        Change(table=Table(Path("a.cube"), "k", 0.5)),
        Change(table=Table(Path("a.cube"), "k2", 0.5)),
    ]  # fmt: skip
    many = [replace(a, change=change) for change in changes]
    many += [bent(a, speed="50%"), bent(a, reverse=True)]
    keys = [spans_of(cut_of(clip(one, 0, 20)), LOSSLESS)[0].key for one in many]
    assert len(set(keys)) == len(many)
    moved = Change(table=Table(Path("b.cube"), "k", 0.5))
    assert spans_of(cut_of(clip(replace(a, change=moved), 0, 20)), LOSSLESS)[0].key == keys[5]
