"""Streams, tags and time stamps of a file against what was asked for; its container's health."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from assembler.checking.expected import Expected
from assembler.checking.model import Finding, Severity
from assembler.checking.places import Places, runs
from assembler.media.boxes import Boxes, boxes_of
from assembler.media.codecs import codec_of
from assembler.media.info import MediaInfo, VideoStream
from assembler.media.probe import opened
from assembler.spec.presets import DeliveryPreset
from assembler.wording import counted

_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
_AGAIN = "copy or fetch it again; if it is the original, render it again."
_RENDER = "render it again with the preset; another program has rewritten the file since."


@dataclass(frozen=True, slots=True)
class Container:
    """What the container itself says."""

    name: str
    duration_s: float | None
    """Length that it claims."""
    fields: bool
    """Whether the picture is said to be interlaced."""
    captions: int
    """Tracks of captions."""
    chapters: int
    videos: int
    audios: int
    boxes: tuple[str, ...]
    """Top-level boxes of an MP4 or MOV, in order."""
    missing_bytes: int
    """By how much the last box is longer than the file."""
    colour: tuple[int, int, int, int]
    """Matrix, primaries, transfer and range by number, 2 and 0 for not said."""


def read_container(info: MediaInfo) -> Container:
    """
    What the container of a probed file says.

    Raises:
        MediaError: If it can't be opened.
    """
    boxes = boxes_of(info.path) if info.container == _MP4 else Boxes((), 0, whole=True)
    with opened(info.path) as container:
        video: Any = None
        if info.video is not None:
            video = next(s for s in container.streams.video if s.index == info.video.index)
        context = video.codec_context if video is not None else None
        return Container(
            name=info.container,
            duration_s=None if container.duration is None else container.duration / 1e6,
            fields=bool(info.video and info.video.interlaced),
            captions=len(container.streams.subtitles),
            chapters=len(container.chapters()),
            videos=len(container.streams.video),
            audios=len(container.streams.audio),
            boxes=boxes.names,
            missing_bytes=boxes.missing_bytes,
            colour=(
                int(context.colorspace), int(context.color_primaries),
                int(context.color_trc), int(context.color_range),
            ) if context is not None else (2, 2, 2, 0),
        )  # fmt: skip


def container_findings(
    info: MediaInfo, container: Container, places: Places, expected: Expected | None
) -> Iterator[Finding]:
    """The container's health, streams, tags, stamps."""
    yield from _health(info, container, places)
    if expected is not None:
        yield from _streams(info, container, places, expected)
        if info.video is not None:
            yield from _format(info.video, container, places, expected)
        yield from _sound_format(info, places, expected)
    elif info.video is not None:
        yield from _plain(info.video, container, places)
    if info.video is not None:
        yield from _stamps(info.video, places, expected)
        yield from _lengths(info, info.video, places, expected)


def _health(info: MediaInfo, container: Container, places: Places) -> Iterator[Finding]:
    if container.missing_bytes:
        yield places.whole(
            "error", "truncated",
            f"the file is cut off: its last part lacks {container.missing_bytes:,} bytes", _AGAIN,
        )  # fmt: skip
    elif _short_of_claim(info, container):
        video = info.video
        assert video is not None
        end = float(video.duration_s)
        yield places.at(
            "error", "truncated", video.frames - 1,
            f"the file is cut off: it says {container.duration_s:.2f} s and ends at {end:.2f} s",
            _AGAIN,
        )  # fmt: skip
    for note in info.notes:
        if "damaged" in note or "can't be decoded" in note:
            yield places.whole("error", "damaged-file", note.rstrip("."), _AGAIN)
    boxes = container.boxes
    if "moov" in boxes and "mdat" in boxes and boxes.index("moov") > boxes.index("mdat"):
        meant = places.expected is not None and "faststart" in str(
            places.expected.delivery.mux.get("movflags", "")
        )
        if meant:
            yield places.whole(
                "warning", "not-faststart",
                "the index (moov) lies behind the film: players on the web wait for all of it",
                _RENDER,
            )  # fmt: skip


def _short_of_claim(info: MediaInfo, container: Container) -> bool:
    """Whether the container claims clearly more than there is."""
    if info.video is None or not container.duration_s:
        return False
    ends = [float(info.video.start_s + info.video.duration_s)]
    ends += [float(a.start_s + a.duration_s) for a in info.audio]
    return container.duration_s - max(ends) > max(0.5, 0.02 * container.duration_s)


def _streams(
    info: MediaInfo, container: Container, places: Places, expected: Expected
) -> Iterator[Finding]:
    if info.video is None:
        yield places.whole("error", "missing-picture", "the file has no picture", _RENDER)
    if not info.audio and not expected.silent:
        yield places.whole("error", "missing-sound-track", "the file has no sound", _RENDER)
    if container.videos > 1:
        yield places.whole(
            "warning", "extra-track", f"the file has {container.videos} pictures", _RENDER
        )
    if container.audios > 1:
        yield places.whole(
            "warning", "extra-track", f"the file has {container.audios} tracks of sound", _RENDER
        )
    wanted = expected.delivery.container
    names = {"mp4": _MP4, "mov": _MP4, "mkv": "matroska,webm", "webm": "matroska,webm"}
    if names.get(wanted, wanted) != container.name.split(" ")[0] and wanted != "mxf":
        yield places.whole(
            "error", "wrong-container", f"it is a {container.name} file, not {wanted}", _RENDER
        )
    if expected.cut.caption_track and expected.cut.captions and not container.captions:
        yield places.whole(
            "error", "missing-captions", "the track of captions is missing", _RENDER, of="captions"
        )
    wanted_chapters = len(expected.cut.chapters)
    if wanted_chapters > 1 and container.chapters < wanted_chapters and wanted != "mxf":
        yield places.whole(
            "warning", "missing-chapters",
            f"it has {container.chapters} of {wanted_chapters} chapters", _RENDER,
        )  # fmt: skip


_BT709 = 1
_BT601 = (5, 6)
_RGB = 0
_LIMITED, _FULL = 1, 2
_MATRIX = {0: "RGB", 1: "bt709", 2: "nothing", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
_PRIMARIES = {1: "bt709", 2: "nothing", 5: "bt601 (625)", 6: "bt601 (525)", 9: "bt2020"}
_TRANSFERS = {1: "bt709", 2: "nothing", 6: "bt601", 13: "sRGB", 16: "PQ", 18: "HLG"}
_RANGES = {0: "nothing", 1: "limited", 2: "full"}


def _format(
    video: VideoStream, container: Container, places: Places, expected: Expected
) -> Iterator[Finding]:
    form: DeliveryPreset = expected.form

    def differs(kind: str, what: str, wanted: object, found: object) -> Iterator[Finding]:
        if wanted != found:
            yield places.whole(
                "error", kind, f"{what} is {found}, not {wanted}", _RENDER, of="output"
            )

    wanted, made = codec_of(form.video.encoder), codec_of(video.codec)
    yield from differs("wrong-codec", "the codec", wanted, made)
    yield from differs(
        "wrong-pixel-format", "the pixel format", form.video.pix_fmt,
        video.pix_fmt.replace("yuvj", "yuv"),
    )  # fmt: skip
    width, height = expected.size
    yield from differs(
        "wrong-size", "the picture", f"{width}x{height}", f"{video.width}x{video.height}"
    )
    if video.sar != 1:
        yield from differs("wrong-pixel-shape", "the shape of pixels", "1:1", f"{video.sar}")
    if video.rotation or video.mirrored:
        yield places.whole(
            "error", "rotated", f"players turn the picture by {video.rotation} degrees", _RENDER
        )
    if container.fields:
        yield places.whole("error", "interlaced", "the picture is marked as interlaced", _RENDER)
    yield from _rate(video, places, expected)
    yield from _tags(video, container, form, places)


def _rate(video: VideoStream, places: Places, expected: Expected) -> Iterator[Finding]:
    rate = expected.cut.rate
    if video.rate != rate and not _few_gaps(video, rate):
        yield places.whole(
            "error", "wrong-rate",
            f"it has {float(video.rate):.3f} frames a second, not {float(rate):.3f}",
            _RENDER, of="output",
        )  # fmt: skip
    gone = expected.cut.frames - video.frames
    if gone:
        way = f"{gone} fewer" if gone > 0 else f"{-gone} more"
        yield places.whole(
            "error", "frame-count",
            f"it has {video.frames} frames, {way} than the programme's {expected.cut.frames}",
            "see the other findings for where; render it again.",
        )  # fmt: skip


def _few_gaps(video: VideoStream, rate: Fraction) -> bool:
    """Whether most frames follow one another at *rate*: then the gaps are the fault."""
    step = 1 / (rate * video.time_base)
    steps = [b - a for a, b in zip(video.pts, video.pts[1:], strict=False)]
    usual = sum(abs(s - step) <= 1 for s in steps)
    return bool(steps) and usual >= 0.9 * len(steps)


def _tags(
    video: VideoStream, container: Container, form: DeliveryPreset, places: Places
) -> Iterator[Finding]:
    rgb = form.video.pix_fmt.startswith("gbr")
    matrix, primaries, transfer, span = container.colour
    if video.pix_fmt.startswith("yuvj"):
        span = _FULL
    wanted_matrix = _RGB if rgb else _BT709
    if form.match_source and matrix in _BT601:  # it keeps the matrix that all its clips have
        wanted_matrix = matrix
    checks = [
        ("wrong-matrix", "matrix", wanted_matrix, matrix, _MATRIX),
        ("wrong-primaries", "primaries", _BT709, primaries, _PRIMARIES),
        ("wrong-transfer", "transfer", _BT709, transfer, _TRANSFERS),
    ]
    if not rgb:
        checks.append(("wrong-range", "range", _LIMITED, span, _RANGES))
    inside = _inside(video)
    for kind, what, wanted, found, names in checks:
        # The container and the picture itself each say it, and players ask either.
        wrong = found if found != wanted else inside.get(what, wanted)
        if wrong != wanted:
            yield places.whole(
                "error", kind,
                f"its {what} is tagged {names.get(wrong, wrong)}, not {names[wanted]}: "
                "players show other colours",
                "write the right tag again by rendering anew; copying with other tools lost it.",
            )  # fmt: skip


def _inside(video: VideoStream) -> dict[str, int]:
    """What the coded picture itself says, by number, where it says something."""
    colour = video.colour
    found = {
        "matrix": {"rgb": 0, "bt709": 1, "bt601": 6, "bt2020": 9}.get(colour.matrix or ""),
        "primaries": {"bt709": 1, "bt470bg": 5, "smpte170m": 6, "bt2020": 9}.get(
            colour.primaries or ""
        ),
        "transfer": {
            "bt709": 1, "smpte170m": 6, "iec61966-2-1": 13, "smpte2084": 16, "arib-std-b67": 18
        }.get(colour.transfer or ""),
        "range": {False: _LIMITED, True: _FULL}.get(bool(colour.full_range))
        if colour.full_range is not None
        else None,
    }  # fmt: skip
    return {what: number for what, number in found.items() if number is not None}


def _sound_format(info: MediaInfo, places: Places, expected: Expected) -> Iterator[Finding]:
    if not info.audio or expected.silent:
        return
    audio, form = info.audio[0], expected.delivery.audio
    wanted = codec_of(form.encoder)
    found = codec_of(audio.codec)
    if found != wanted:
        yield places.whole(
            "error", "wrong-sound-codec", f"the sound is {found}, not {wanted}", _RENDER
        )
    hz = 48000 if wanted == "opus" else form.rate or expected.cut.hz
    if audio.hz != hz:
        yield places.whole(
            "error", "wrong-sample-rate", f"the sound has {audio.hz} Hz, not {hz}", _RENDER
        )
    if audio.channels != expected.cut.channels:
        yield places.whole(
            "error", "wrong-channels",
            f"the sound has {audio.channels} channels, not {expected.cut.channels}", _RENDER,
        )  # fmt: skip


def _plain(video: VideoStream, container: Container, places: Places) -> Iterator[Finding]:
    said = {"matrix": container.colour[0], "primaries": container.colour[1],
            "transfer": container.colour[2]}  # fmt: skip
    silent = [name for name, value in said.items() if value == 2]
    if silent and not video.pix_fmt.startswith(("gbr", "rgb", "bgr", "pal", "gray")):
        yield places.whole(
            "info", "untagged-colour", f"it doesn't say its {', '.join(silent)}: players guess"
        )
    if container.fields:
        yield places.whole("info", "interlaced", "the picture is interlaced")
    if video.vfr:
        yield places.whole("info", "varying-rate", "its frames don't keep one rate")
    tall, wide = container.colour[0] in (5, 6), video.width >= 1280 and video.height >= 720
    if tall and wide:
        yield places.whole(
            "warning", "wrong-matrix",
            f"a picture of {video.width}x{video.height} is tagged bt601; HD is bt709",
            "check how it was made; colours are off by some levels if the tag is wrong.",
        )  # fmt: skip


def _stamps(video: VideoStream, places: Places, expected: Expected | None) -> Iterator[Finding]:
    """Every frame at n / rate."""
    rate = expected.cut.rate if expected else video.rate
    if expected is None and video.vfr and not _few_gaps(video, rate):
        return
    if expected is not None and video.rate != rate and not _few_gaps(video, rate):
        return
    severe: Severity = "error" if expected else "warning"
    if len(set(video.pts)) < len(video.pts) or not video.ordered:
        doubled = next((n for n in range(1, video.frames) if video.pts[n] == video.pts[n - 1]), 0)
        yield places.at(
            severe, "timestamp-order", doubled,
            "time stamps of frames don't follow one another", _RENDER,
        )  # fmt: skip
    base, first = video.time_base, video.pts[0]
    late = 0
    flags = []
    steps = []
    for n, stamp in enumerate(video.pts):
        away = (stamp - first) * base * rate - n - late
        gap = round(away) if abs(away) > Fraction(3, 4) else 0
        late += gap
        flags.append(abs(away - gap) > Fraction(1, 3) + base * rate)
        if gap:
            steps.append((n, gap))
    for n, gap in steps[:20]:
        missing = f"a gap of {counted(gap, 'frame')}"
        what = missing if gap > 0 else "frames that come too close together"
        yield places.at(
            severe, "timestamp-gap", n, f"the time stamps have {what}; the picture stands there",
            _RENDER,
        )  # fmt: skip
    for start, stop in runs(flags, gap=2)[:20]:
        yield places.at(
            severe, "timestamp-jitter", start,
            f"{stop - start} frames aren't at their time", _RENDER, frames=stop - start,
        )  # fmt: skip


def _lengths(
    info: MediaInfo, video: VideoStream, places: Places, expected: Expected | None
) -> Iterator[Finding]:
    """Where picture and sound begin and end."""
    start = float(video.start_s)
    frame = float(1 / video.rate)
    if expected is not None and abs(start) > frame / 2:
        yield places.at(
            "error", "late-picture", 0,
            f"the picture begins at {start:.3f} s instead of 0 (an edit list or offset)", _RENDER,
        )  # fmt: skip
    if not info.audio or (expected is not None and expected.silent):
        return
    audio = info.audio[0]
    begins = float(audio.start_s) - start
    if abs(begins) > 0.02:
        yield places.heard(
            "error" if expected else "warning" if abs(begins) > 0.1 else "info", "sound-start", 0.0,
            f"the sound begins {abs(begins) * 1000:.0f} ms "
            f"{'after' if begins > 0 else 'before'} the picture", _RENDER,
        )  # fmt: skip
    apart = float(audio.start_s + audio.duration_s - video.start_s - video.duration_s)
    if abs(apart) > (max(frame, 0.03) if expected else 0.1):
        way = "longer" if apart > 0 else "shorter"
        yield places.heard(
            "error" if expected else "warning", "length-mismatch",
            max(0.0, float(video.duration_s) + min(0.0, apart)),
            f"the sound is {abs(apart):.3f} s {way} than the picture", _RENDER,
        )  # fmt: skip
