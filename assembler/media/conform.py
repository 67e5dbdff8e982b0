"""
Any source as frames of the canvas: composed with ffmpeg-python, run by whoever takes the result.

    source = ffmpeg.input(location(info.path), **input_args(info, first, rate))
    frames = conform(source, info, colour, size=(1920, 1080), rate=rate, fit="cover",
                     pix_fmt="yuv420p", first=first, count=count)

Frame n of a clip is what the source shows at n / rate seconds after its first frame begins. A
source of steady rate is counted on its ideal grid, so that time stamps rounded to milliseconds pick
the same frames as exact ones; a source of changing rate is read by its time stamps.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from assembler.errors import MediaError
from assembler.media.info import DAMAGED, Colour, MediaInfo, VideoStream
from assembler.spec.model import Fit
from assembler.timebase import round_half_up

Node = Any
"""A stream of ffmpeg-python, which publishes no types."""

_MAX_TIME_BASE = 2**31 - 1
_SPARE_FRAMES = 8
"""Frames before the first one that are let through in case that one can't be decoded."""
_SEEK_FROM_S = Fraction(2)
"""Nearer to the file's start, decoding from there is as quick as seeking."""
_SEEKABLE = ("mov", "mp4", "matroska", "webm")
"""Containers with an index of keyframes."""
_STAMPLESS = "avi"
"""Its time stamps are made up by the demuxer, and by each version of it in another way."""
_WIDE_PRIMARIES = ("bt2020", "smpte431", "smpte432")
"""Converted to BT.709; the small step from SD to HD primaries is left out, as players do."""
_RESIZE = "spline36"


def location(path: Path) -> str:
    """*path* as ffmpeg takes it: a name with a colon is no protocol."""
    return f"file:{path.as_posix()}"


def video_of(info: MediaInfo) -> VideoStream:
    """
    The picture of a file.

    Raises:
        MediaError: If it has none.
    """
    if info.video is None:
        raise MediaError("the file has no picture", str(info.path), "use it as a sound track.")
    return info.video


@lru_cache(maxsize=256)
def _steady(video: VideoStream) -> bool:
    """Whether every time stamp lies on the grid of the nominal rate, within half a frame."""
    if video.vfr or not video.ordered:
        return False
    step = 1 / (video.rate * video.time_base)
    return all(abs(p - video.pts[0] - n * step) * 2 < step for n, p in enumerate(video.pts))


def input_args(info: MediaInfo, first: int, rate: Fraction) -> dict[str, Any]:
    """Keyword arguments of `ffmpeg.input` for reading from programme frame *first* on."""
    args: dict[str, Any] = {"copyts": None, "noautorotate": None}
    video = video_of(info)
    if video.alpha and video.codec in ("vp8", "vp9"):
        args["c:v"] = (
            f"libvpx{'-vp9' if video.codec == 'vp9' else ''}"  # the native one drops alpha
        )
    if info.still:
        if "%" in str(info.path):  # which is no pattern for the names of many
            args |= {"f": "image2", "pattern_type": "none"}
        return args
    seek = _seek(info, video, video.shown_at(first, rate))
    if seek is not None:
        args |= {"seek_timestamp": 1, "noaccurate_seek": None, "ss": seek}
    return args


def indexed(info: MediaInfo) -> bool:
    """Whether a file has an index of its keyframes, so that seeking leads to one."""
    return any(name in info.container for name in _SEEKABLE)


def _seek(info: MediaInfo, video: VideoStream, index: int) -> str | None:
    """Time of the keyframe to start decoding at, on the file's clock."""
    if not video.ordered or not indexed(info):
        return None
    if not video.vfr and not _steady(video):  # frames are counted from the first one
        return None
    position = bisect_right(video.keyframes, max(0, index - _SPARE_FRAMES)) - 1
    if position < 0:
        return None
    at = video.pts[video.keyframes[position]] * video.time_base
    if at - video.start_s < _SEEK_FROM_S:
        return None
    return f"{math.floor(at * 1_000_000) / 1_000_000:.6f}"


def conform(
    node: Node,
    source_info: MediaInfo,
    colour: Colour,
    *,
    size: tuple[int, int],
    rate: Fraction,
    fit: Fit,
    pix_fmt: str,
    first: int,
    count: int,
    keep_alpha: bool = False,
    crop: tuple[float, float, float, float] | None = None,
    framing: Framing = (),
) -> Node:
    """
    Exactly *count* frames of the canvas, upright, square pixels, BT.709, limited range.

    Args:
        node: `ffmpeg.input` of the file with `input_args`.
        source_info: What is known of the file.
        colour: How its numbers mean colour; what is missing is assumed by the standard.
        size: Width and height of the canvas, even.
        rate: Frames a second of the canvas.
        fit: How another shape is laid on the canvas.
        pix_fmt: Pixel format that comes out.
        first: First frame, counted at *rate*.
        count: Number of frames; the last one the source has is held if they don't suffice.
        keep_alpha: Keep transparency (*pix_fmt* must carry it) instead of laying it over black.
        crop: Left, top, right and bottom parts of the upright picture that are cut away.
        framing: Which part of it is shown where it covers another shape: frame at *rate*, x and y
            in parts of the room there is, straight lines between; the middle when not given.

    Returns:
        A stream with time stamps 0, 1, 2… in units of 1 / *rate*.
    """
    from assembler.media.pixels import assumed

    video = video_of(source_info)
    # Else what is said of the source's picture (how to turn it, its mastering display) would be
    # said of the film's, too.
    stream = node[str(video.index)].filter("sidedata", mode="delete")
    seen, window = cropped(video, crop)
    from_first = tuple((n - first, x, y) for n, x, y in framing)
    colour = assumed(colour, video.width, video.height)
    look = _Look(seen, colour, size, fit, pix_fmt, keep_alpha, from_first)
    if source_info.still:
        still = _windowed(stream.filter("trim", end_frame=1), window)
        return _repeated(_picture(still, look), rate, count)
    stream = _deinterlaced(stream, video)
    if source_info.container == _STAMPLESS:
        stream = stream.filter("setpts", f"PTS-STARTPTS+{video.pts[0]}")
    stream = _timed(stream, video, rate, first, count)
    return _picture(_windowed(stream, window), look)


Framing = tuple[tuple[int, float, float], ...]
"""Points of a path: frame, x and y in parts of the free room."""

Window = tuple[int, int, int, int]
"""Width, height, x and y in coded pixels."""


def cropped(
    video: VideoStream, crop: tuple[float, float, float, float] | None
) -> tuple[VideoStream, Window | None]:
    """What is left of a picture, and where it lies in the coded one, on whole chroma samples."""
    if crop is None:
        return video, None
    left, top, right, bottom = crop
    if video.mirrored:
        left, right = right, left
    for _ in range(video.rotation // 90):  # upright sides in the coded picture
        left, top, right, bottom = top, right, bottom, left
    x0, y0 = 2 * round(left * video.width / 2), 2 * round(top * video.height / 2)
    x1 = max(x0 + 2, 2 * round((1 - right) * video.width / 2))
    y1 = max(y0 + 2, 2 * round((1 - bottom) * video.height / 2))
    x1, y1 = min(x1, video.width), min(y1, video.height)
    return replace(video, width=x1 - x0, height=y1 - y0), (x1 - x0, y1 - y0, x0, y0)


def _windowed(stream: Node, window: Window | None) -> Node:
    return stream if window is None else stream.filter("crop", *window)


def _repeated(stream: Node, rate: Fraction, count: int) -> Node:
    stream = stream.filter("loop", loop=-1, size=1)
    return counted(stream, rate).filter("trim", end_frame=count)


def counted(stream: Node, rate: Fraction) -> Node:
    """Frames as they come, numbered from 0 at a constant *rate*."""
    stream = stream.filter("settb", f"{rate.denominator}/{rate.numerator}").filter("setpts", "N")
    return stream.filter("fps", f"{rate}")


def _deinterlaced(stream: Node, video: VideoStream) -> Node:
    if video.interlaced is None:
        return stream.filter("setfield", mode="prog")
    return stream.filter("bwdif", mode="send_frame", parity=video.interlaced)


def _timed(stream: Node, video: VideoStream, rate: Fraction, first: int, count: int) -> Node:
    """The frames that are shown from *first* on, held and left out as the rates ask for."""
    first = min(first, video.frames_at(rate) - 1)  # behind its end a source shows its last one
    clock = _clock(video.time_base, rate)
    begin = max(0, video.shown_at(first, rate) - _SPARE_FRAMES)
    end = video.shown_at(first + count - 1, rate)
    stream = stream.filter("settb", f"1/{clock}")
    if video.vfr or _steady(video):
        tick = video.time_base * clock
        stream = stream.filter(
            "trim",
            start_pts=round_half_up((video.pts[begin] - Fraction(1, 2)) * tick),
            end_pts=round_half_up((video.pts[end] + Fraction(1, 2)) * tick),
        )
    else:
        stream = stream.filter("trim", start_frame=begin, end_frame=end + 1)
    stream = stream.filter("setpts", _position(video, rate, first, clock, begin))
    stream = stream.filter("fps", f"{rate}", start_time=0, round="near")
    stream = stream.filter("tpad", stop=-1, stop_mode="clone")
    return stream.filter("trim", end_frame=count)


def _clock(time_base: Fraction, rate: Fraction) -> int:
    """Ticks a second in which both time stamps and frames of the canvas are whole."""
    exact = math.lcm(time_base.denominator, rate.numerator)
    if exact <= _MAX_TIME_BASE:
        return exact
    return _MAX_TIME_BASE // rate.numerator * rate.numerator


def _position(video: VideoStream, rate: Fraction, first: int, clock: int, begin: int) -> str:
    """
    Expression for the canvas frame at which a frame of the source comes first, in ticks.

    The inverse of `VideoStream.shown_at`.
    """
    origin = round_half_up(video.pts[0] * video.time_base * clock)
    frame = clock * rate.denominator // rate.numerator
    if video.vfr:
        late = math.floor(video.time_base * clock)
        place = f"(PTS-({origin + late}))*{rate.numerator}/{clock * rate.denominator}"
    else:
        own, ratio = video.rate / clock, rate / video.rate
        number = f"round((PTS-({origin}))*{own.numerator}/{own.denominator})"
        if not _steady(video):
            number = f"(N+{begin})"
        place = f"{number}*{ratio.numerator}/{ratio.denominator}"
    return f"max(0,ceil({place}-({first})))*{frame}"


class _Look(NamedTuple):
    """From which picture to which."""

    video: VideoStream
    colour: Colour
    size: tuple[int, int]
    fit: Fit
    pix_fmt: str
    keep_alpha: bool
    framing: Framing = ()

    @property
    def plain_geometry(self) -> bool:
        """Whether every pixel stays where it is."""
        video = self.video
        turned = video.rotation or video.mirrored
        return not turned and video.sar == 1 and (video.width, video.height) == self.size

    @property
    def plain_colour(self) -> bool:
        """Whether the numbers already are BT.709, limited range."""
        colour = self.colour
        wide = colour.hdr or colour.primaries in _WIDE_PRIMARIES
        return colour.matrix == "bt709" and not colour.full_range and not wide


def _picture(stream: Node, look: _Look) -> Node:
    stream = _tagged(stream, look.colour)
    plain = look.plain_geometry and look.plain_colour
    if plain and look.video.pix_fmt == look.pix_fmt and not look.video.alpha:
        return finished(stream, look.pix_fmt)
    if look.video.alpha:
        return _see_through(stream, look)
    return finished(_laid(_readable(stream, look), look), look.pix_fmt)


def _tagged(stream: Node, colour: Colour) -> Node:
    """Write on the frames what their numbers mean, so that no filter guesses."""
    return stream.filter(
        "setparams",
        range="full" if colour.full_range else "limited",
        colorspace=_MATRICES[colour.matrix or "bt709"][0],
        color_primaries=colour.primaries,
        color_trc=colour.transfer,
    )


_MATRICES = {
    "bt601": ("smpte170m", "170m"),
    "bt709": ("bt709", "709"),
    "bt2020": ("bt2020nc", "2020_ncl"),
    "rgb": ("gbr", "gbr"),
}
"""Our name of a matrix in `setparams` and in `zscale`."""


def finished(stream: Node, pix_fmt: str) -> Node:
    """The same numbers, said to be what the canvas is: every span must have the same headers."""
    rgb = pix_fmt.startswith("gbr")
    stream = stream.filter("format", pix_fmt).filter("setsar", 1)
    return stream.filter(
        "setparams",
        range="full" if rgb else "limited",
        colorspace="gbr" if rgb else "bt709",
        color_primaries="bt709",
        color_trc="bt709",
        chroma_location="left",
    )


def _readable(stream: Node, look: _Look) -> Node:
    """The same numbers in a layout of planes, which zscale reads."""
    return stream.filter("format", planar(look.video.pix_fmt, look.video.width, look.video.height))


def planar(pix_fmt: str, width: int, height: int, *, alpha: bool = False) -> str:
    """
    The planar pixel format that carries *pix_fmt* without loss, with transparency where asked for.

    Odd sizes of subsampled pictures become 4:4:4, since half a chroma sample can't be scaled.
    """
    import av

    fmt = av.VideoFormat(pix_fmt)
    bits = max(8, *(c.bits for c in fmt.components)) if fmt.components else 8
    clear = "a" if alpha else ""
    depth = "" if bits == 8 else f"{_carrier(bits)}le"
    if fmt.is_rgb or fmt.has_palette:
        return f"gbr{clear}p{depth}"
    if len([c for c in fmt.components if not c.is_alpha]) == 1:
        return f"yuv{clear}444p{depth}"
    across, down = fmt.chroma_width(64), fmt.chroma_height(64)
    odd = (across < 64 and width % 2) or (down < 64 and height % 2)
    chroma = "444" if odd else _CHROMA.get((64 // across, 64 // down), "444")
    return f"yuv{clear}{chroma}p{depth}"


_CHROMA = {(1, 1): "444", (2, 1): "422", (2, 2): "420"}


def _carrier(bits: int) -> int:
    return next(depth for depth in (10, 12, 16) if bits <= depth)


def _see_through(stream: Node, look: _Look) -> Node:
    """A picture with transparency: kept, or multiplied onto black."""
    video = look.video
    form = planar(video.pix_fmt, video.width, video.height, alpha=True)
    stream = _converted(stream.filter("format", form), look.colour, "gbr")
    stream = stream.filter("format", "gbrap16le")
    opaque = replace(look.video, alpha=False, pix_fmt="gbrap16le")
    inner = look._replace(video=opaque, colour=Colour("rgb", True, "bt709", "bt709", "left"))
    if look.keep_alpha:
        return finished(_laid(stream, inner), look.pix_fmt)
    stream = stream.filter("premultiply", inplace=1).filter("format", "gbrp16le")
    return finished(_laid(stream, inner), look.pix_fmt)


def _laid(stream: Node, look: _Look) -> Node:
    """Converted and scaled in one step, turned upright, cropped or padded to the canvas."""
    match look.fit:
        case "stretch":
            return _scaled(stream, look, look.size)
        case "cover":
            return _covering(stream, look)
        case "contain":
            return _padded(_scaled(stream, look, contain_size(look.video, look.size)), look)
        case "blur":
            return _on_blur(stream, look)


def _shape(video: VideoStream) -> Fraction:
    width, height = video.width * video.sar, Fraction(video.height)
    return height / width if video.rotation in (90, 270) else width / height


def cover_size(video: VideoStream, size: tuple[int, int]) -> tuple[int, int]:
    """Even size of the upright source that just covers *size*."""
    shape = _shape(video)
    return max(size[0], _even(size[1] * shape)), max(size[1], _even(size[0] / shape))


def contain_size(video: VideoStream, size: tuple[int, int]) -> tuple[int, int]:
    """Even size of the upright source that just fits into *size*."""
    shape = _shape(video)
    return min(size[0], _even(size[1] * shape)), min(size[1], _even(size[0] / shape))


def _even(value: Fraction) -> int:
    return max(2, 2 * round_half_up(value / 2))


def _cropped(stream: Node, size: tuple[int, int]) -> Node:
    return stream.filter("crop", size[0], size[1], "floor((iw-ow)/4)*2", "floor((ih-oh)/4)*2")


def _covering(stream: Node, look: _Look) -> Node:
    """The part of the picture that its framing says, else the middle."""
    whole = cover_size(look.video, look.size)
    if not look.framing:
        return _cropped(_scaled(stream, look, whole), look.size)
    if len({point[1:] for point in look.framing}) == 1:
        _, x, y = look.framing[0]
        place = f"floor((iw-ow)*{x}/2+0.5)*2", f"floor((ih-oh)*{y}/2+0.5)*2"
        return _scaled(stream, look, whole).filter("crop", *look.size, *place)
    # Whole pixels in every plane, so that a slow move doesn't go in steps of two.
    wide = look._replace(pix_fmt=_full_chroma(look.pix_fmt))
    place = (
        f"round((iw-ow)*({_along(look.framing, 1)}))",
        f"round((ih-oh)*({_along(look.framing, 2)}))",
    )
    moving = _scaled(stream, wide, whole).filter("crop", *look.size, *place, exact=1)
    if wide.pix_fmt == look.pix_fmt:
        return moving
    return moving.filter("zscale", chromal="left").filter("format", look.pix_fmt)


def _along(framing: Framing, axis: int) -> str:
    """Expression for the place of the window at frame `n`."""
    terms = [f"{framing[0][axis]}"]
    for a, b in pairwise(framing):
        if a[axis] != b[axis] and b[0] > a[0]:
            step = f"{b[axis] - a[axis]:.6f}"
            terms.append(f"({step})*clip((n-({a[0]}))/{b[0] - a[0]},0,1)")
    return "+".join(terms)


def _padded(stream: Node, look: _Look) -> Node:
    place = {"x": "floor((ow-iw)/4)*2", "y": "floor((oh-ih)/4)*2"}
    colour = "black@0" if look.keep_alpha else "black"
    return stream.filter("pad", look.size[0], look.size[1], color=colour, **place)


def _on_blur(stream: Node, look: _Look) -> Node:
    both = stream.filter_multi_output("split", 2)
    small = (_even(Fraction(look.size[0], 4)), _even(Fraction(look.size[1], 4)))
    back = _cropped(_scaled(both[0], look, cover_size(look.video, small)), small)
    back = back.filter("gblur", sigma=small[1] / 24).filter("zscale", *look.size, filter="bilinear")
    front = _scaled(both[1], look, contain_size(look.video, look.size))
    place = {"x": "floor((W-w)/4)*2", "y": "floor((H-h)/4)*2"}
    form = overlay_format(look.pix_fmt)
    return back.filter("format", look.pix_fmt).overlay(front, format=form, shortest=1, **place)


def overlay_format(pix_fmt: str) -> str:
    """What the overlay filter calls *pix_fmt*, so that it converts nothing."""
    return _OVERLAY.get(pix_fmt, "auto")


_OVERLAY = {
    "yuv420p": "yuv420", "yuv420p10le": "yuv420p10", "yuv422p": "yuv422", "gbrp": "gbrp",
    "yuv422p10le": "yuv422p10", "yuv444p": "yuv444", "yuv444p10le": "yuv444p10",
}  # fmt: skip


def _scaled(stream: Node, look: _Look, size: tuple[int, int]) -> Node:
    """Upright in *size* and in the canvas's colour; only what changes is done."""
    video = look.video
    turned = video.rotation in (90, 270)
    before = size[::-1] if turned else size
    upright = not video.rotation and not video.mirrored
    middle = look.pix_fmt if upright else _full_chroma(look.pix_fmt)
    stream = _toned(stream, look.colour, before, _depth(video.pix_fmt), middle)
    if upright:
        return stream
    stream = _turned(stream, video)
    if middle == look.pix_fmt:
        return stream
    return stream.filter("zscale", chromal="left").filter("format", look.pix_fmt)


def _full_chroma(pix_fmt: str) -> str:
    return pix_fmt.replace("420", "444").replace("422", "444")


def _depth(pix_fmt: str) -> int:
    import av

    return max(8, *(c.bits for c in av.VideoFormat(pix_fmt).components))


def _turned(stream: Node, video: VideoStream) -> Node:
    match video.rotation:
        case 90:
            stream = stream.filter("transpose", "clock")
        case 180:
            stream = stream.filter("hflip").filter("vflip")
        case 270:
            stream = stream.filter("transpose", "cclock")
        case _:
            pass
    return stream.filter("hflip") if video.mirrored else stream


def _toned(stream: Node, colour: Colour, size: tuple[int, int], bits: int, pix_fmt: str) -> Node:
    if colour.hdr:
        return _tone_mapped(stream, colour, size, pix_fmt)
    dither = "error_diffusion" if bits > _depth(pix_fmt) else "none"
    into = "gbr" if pix_fmt.startswith("gbr") else "709"
    return _converted(stream, colour, into, size, dither=dither).filter("format", pix_fmt)


def _converted(
    stream: Node,
    colour: Colour,
    matrix: str,
    size: tuple[int, int] | None = None,
    **more: Any,
) -> Node:
    args: dict[str, Any] = {
        "matrixin": _MATRICES[colour.matrix or "bt709"][1],
        "rangein": "full" if colour.full_range else "limited",
        "chromalin": colour.chroma or "left",
        "matrix": matrix,
        "range": "full" if matrix == "gbr" else "limited",
        "chromal": "left",
        "filter": _RESIZE,
    }
    if colour.primaries in _WIDE_PRIMARIES:
        args |= {"primariesin": colour.primaries, "transferin": "709"}
        args |= {"primaries": "709", "transfer": "709"}
    else:
        args |= {"primariesin": "709", "transferin": "709"}
        args |= {"primaries": "709", "transfer": "709"}
    if size is not None:
        args |= {"w": size[0], "h": size[1]}
    return stream.filter("zscale", **args, **more)


def _tone_mapped(stream: Node, colour: Colour, size: tuple[int, int], pix_fmt: str) -> Node:
    """
    HDR brought into the range of SDR: reference white to white, highlights rolled off above.

    The curve is Möbius: straight up to half of white, so that faces keep their brightness.
    `media.tone` has the same curve.
    """
    from assembler.media.tone import PEAK, STRAIGHT, WHITE_NITS

    linear = stream.filter(
        "zscale",
        w=size[0],
        h=size[1],
        filter=_RESIZE,
        matrixin=_MATRICES[colour.matrix or "bt2020"][1],
        rangein="full" if colour.full_range else "limited",
        primariesin=colour.primaries or "bt2020",
        transferin=colour.transfer,
        chromalin=colour.chroma or "left",
        matrix="gbr",
        range="full",
        primaries="709",
        transfer="linear",
        npl=WHITE_NITS,
        agamma=0,  # HLG by luminance (BT.2100), not channel by channel
    ).filter("format", "gbrpf32le")
    mapped = linear.filter("tonemap", "mobius", param=STRAIGHT, desat=0, peak=PEAK)
    into = "gbr" if pix_fmt.startswith("gbr") else "709"
    return mapped.filter(
        "zscale",
        matrixin="gbr",
        rangein="full",
        primariesin="709",
        transferin="linear",
        matrix=into,
        range="full" if into == "gbr" else "limited",
        primaries="709",
        transfer="709",
        chromal="left",
        dither="error_diffusion",
    ).filter("format", pix_fmt)


def notes(
    info: MediaInfo, colour: Colour, *, size: tuple[int, int], rate: Fraction
) -> tuple[str, ...]:
    """What is converted and assumed of a source on the way to the canvas, each said once."""
    video = video_of(info)
    name = info.path.name
    damage = [note.rstrip(".") for note in info.notes if note.startswith(DAMAGED)]
    found = [*_time_notes(info, video, rate), *_shape_notes(video, size)]
    found += _colour_notes(video, colour)
    return (
        *(f"warning: {name}: {text}" for text in damage),
        *(f"{name}: {text}" for text in found),
    )


def _time_notes(info: MediaInfo, video: VideoStream, rate: Fraction) -> list[str]:
    if info.still:
        return []
    if video.vfr:
        return [f"frames of changing length are brought to {float(rate):g} a second"]
    if video.rate != rate:
        return [f"{float(video.rate):g} frames a second become {float(rate):g}"]
    return []


def _shape_notes(video: VideoStream, size: tuple[int, int]) -> list[str]:
    found = []
    if video.interlaced:
        found.append("interlaced fields are made into whole frames")
    if video.rotation or video.mirrored:
        found.append(f"turned upright by {video.rotation}°{' and mirrored' * video.mirrored}")
    if video.sar != 1:
        found.append(f"pixels of shape {video.sar} are made square")
    if video.display_size != size:
        found.append("{}x{} is scaled to {}x{}".format(*video.display_size, *size))
    if video.alpha:
        found.append("transparency is laid over black")
    return found


def _colour_notes(video: VideoStream, colour: Colour) -> list[str]:
    from assembler.media.pixels import assumed

    full = assumed(colour, video.width, video.height)
    found = []
    if colour.matrix is None:
        found.append(f"no colour matrix is given; {_SPOKEN[full.matrix or 'bt709']} is assumed")
    if full.hdr:
        found.append("HDR is tone-mapped to SDR")
    elif full.matrix != "bt709":
        found.append(f"{_SPOKEN[full.matrix or 'bt709']} becomes BT.709")
    if full.full_range and full.matrix != "rgb":
        found.append("full range becomes limited range")
    return found


_SPOKEN = {"bt601": "BT.601", "bt709": "BT.709", "bt2020": "BT.2020", "rgb": "RGB"}
