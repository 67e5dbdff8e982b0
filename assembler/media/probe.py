"""
Everything known about a media file, read once.

    info = probe(Path("clip.mp4"))
    print(info.video.frames, info.video.rate, *info.notes)

Packets are scanned for their time stamps; only the first frame is decoded. What the notes say is
meant for the user.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import av
import av.logging
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream as AvAudio
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream as AvVideo

from assembler.errors import MediaError
from assembler.media.boxes import boxes_of
from assembler.media.info import DAMAGED, AudioStream, Colour, Matrix, MediaInfo, VideoStream
from assembler.media.upright import orientation_of
from assembler.timebase import NTSC, nearest_standard, round_half_up

MOST_PACKETS = 20_000_000
"""More than a day of picture and sound has; a file with more is refused."""

MOST_PIXELS = 16384 * 8640
"""A larger picture is refused before it is decoded."""

_LONGEST_S = 24 * 3600
_FIRST_FRAME_PACKETS = 600
"""Packets tried until the first frame comes out."""

_ORDER_FRAMES = 48
"""Frames looked at where the order of time stamps is in doubt."""

_SECONDS_BASE = 60.0
_SECONDS_PER_BYTE = 1 / 20e6

_USUAL_RATES = tuple(
    [Fraction(n) for n in (8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)]
    + [n * NTSC for n in (12, 15, 24, 30, 48, 60, 120, 240)]
    + [Fraction(25, 2)]
)

_MATRICES: dict[int, Matrix] = {
    0: "rgb",
    1: "bt709",
    5: "bt601",
    6: "bt601",
    9: "bt2020",
}
"""AVColorSpace; the others are so rare that they count as not said."""

_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "jedec-p22",
}
_TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    11: "iec61966-2-4",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    18: "arib-std-b67",
}
_CHROMA: dict[str, Literal["left", "center", "topleft", "top"]] = {
    "left": "left",
    "center": "center",
    "topleft": "topleft",
    "top": "top",
}
_CHROMA_BY_CODEC: dict[str, Literal["center"]] = {
    "mjpeg": "center",
    "mpeg1video": "center",
    "theora": "center",
}
_FIELDS: dict[int, Literal["tff", "bff"]] = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}
"""AVFieldOrder: the second of two letters tells the order of display, and so does ours."""

_STILL_CODECS = {"png", "mjpeg", "webp", "bmp", "tiff", "gif", "jpeg2000", "jpegxl", "targa", "exr"}
_STILL_CONTAINERS = ("_pipe", "image2")
_OPUS_HZ = 48000


def probe(path: Path) -> MediaInfo:
    """
    Everything known about the file at *path*.

    Raises:
        MediaError: If it is no media file, is damaged beyond reading, or can't be decoded.
    """
    stat = _stat(path)
    deadline = time.monotonic() + _SECONDS_BASE + stat.st_size * _SECONDS_PER_BYTE
    with opened(path) as container:
        scan = _scan(container, path, deadline)
        video = _video(container, path, scan)
        audio = tuple(_audios(container, path, scan))
        if video is None and not audio:
            raise _nothing_in(path, container)
        still = video is not None and _is_still(container, video, audio)
        return MediaInfo(
            path=path,
            size_bytes=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            container=container.format.name,
            video=video,
            audio=audio,
            still=still,
            timecode=_timecode(container),
            notes=tuple(dict.fromkeys(scan.notes)),
        )


def _stat(path: Path) -> Any:
    try:
        stat = path.stat()
    except OSError as exc:
        raise MediaError(
            f"can't be read: {exc.strerror or exc}", str(path), "check the path and its rights."
        ) from exc
    if path.is_dir():
        raise MediaError("is a folder, not a media file", str(path), "name a file in it.")
    if stat.st_size == 0:
        raise MediaError("is empty (0 bytes)", str(path), "fetch or export it again.")
    return stat


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """
    The file opened by libavformat; errors of libav become MediaError.

    Only plain files are opened: a playlist inside the project can't reach the network.
    """
    try:
        container = av.open(
            str(path.absolute()),
            "r",
            options={"protocol_whitelist": "file,crypto,data"},
            metadata_errors="replace",
            timeout=(60.0, 60.0),
        )
    except (av.FFmpegError, ValueError, OSError) as exc:
        raise _unreadable(path, exc) from exc
    try:
        yield container
    except av.FFmpegError as exc:
        raise _unreadable(path, exc) from exc
    finally:
        container.close()


def _unreadable(path: Path, exc: Exception) -> MediaError:
    what, fix = _claim(path)
    reason = getattr(exc, "strerror", None) or str(exc)
    return MediaError(what or f"is no media file that can be read ({reason})", str(path), fix)


_RETRY = "fetch or export it again."


def _claim(path: Path) -> tuple[str, str]:
    """What an unreadable file really is, and the fix; empty when unknown."""
    with path.open("rb") as file:
        head = file.read(4096)
    what, fix = _claim_text(head)
    if not what and head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
        return _claim_mp4(path)
    return what, fix or "check that it plays elsewhere, or convert it to MP4 (H.264)."


def _claim_text(head: bytes) -> tuple[str, str]:
    """What a file of text is, and the fix; empty when it is none."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")) or b"<html" in text[:1024]:
        return "is an HTML page, not media", "use the link of the file itself; it may need a login."
    if text.startswith((b"{", b"[")):
        return "is JSON text, not media", "use the link of the file itself, not of its description."
    if text.startswith(b"<?xml"):
        return "is XML text, not media", "use the link of the file itself; it may have expired."
    return "", ""


def _claim_mp4(path: Path) -> tuple[str, str]:
    boxes = boxes_of(path)
    indexed = "moov" in (boxes.names[:-1] if boxes.missing_bytes else boxes.names)
    if not indexed and boxes.whole:
        return "is an MP4 file without an index (moov)", _RETRY
    if not indexed:
        return "is cut off: its index (moov) is missing", _RETRY
    if not boxes.whole:
        return "is an MP4 file whose boxes are damaged or cut off", _RETRY
    return "is an MP4 file whose index can't be read", _RETRY


@dataclass(slots=True)
class _Track:
    """What the packets of one stream say."""

    pts: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    """Time stamps of keyframes."""
    leading: dict[int, int] = field(default_factory=dict)
    """Frames that are shown before a keyframe but come after it, by its time stamp."""
    durations: dict[int, int] = field(default_factory=dict)
    """By time stamp, of the last few packets only."""
    first: int | None = None
    last_end: int | None = None
    discarded: int = 0
    hidden: list[tuple[int, int]] = field(default_factory=list)
    """Frames that the edit list leaves out: frames shown that are decoded before, time stamp."""
    unstamped: int = 0
    corrupt: int = 0
    reordered: bool = False
    """Time stamps are not in decoding order, as B-frames make them."""
    packets: int = 0


@dataclass(slots=True)
class _Scan:
    tracks: dict[int, _Track]
    notes: list[str]
    broken: str = ""
    """Why reading stopped before the end."""


def _scan(container: InputContainer, path: Path, deadline: float) -> _Scan:
    """Time stamps of all packets; a damaged end only ends the scan."""
    scan = _Scan({s.index: _Track() for s in container.streams}, [])
    streams = [s for s in container.streams if s.type in ("video", "audio")]
    if not streams:
        return scan
    count = 0
    try:
        for packet in container.demux(streams):
            if not packet.size:
                continue
            count += 1
            _check_bounds(count, deadline, path)
            _note_packet(scan.tracks[packet.stream_index], packet)
    except av.FFmpegError as exc:
        scan.broken = exc.strerror or str(exc)
        scan.notes.append(f"{DAMAGED}: reading stopped early ({scan.broken}).")
    broken = sum(track.corrupt for track in scan.tracks.values())
    # Other formats mark what follows a gap, too: a broadcast that was joined while it ran.
    if broken and not scan.broken and "mp4" in container.format.name:
        scan.notes.append(f"{DAMAGED}: it breaks off in the middle of a frame.")
    return scan


def _check_bounds(count: int, deadline: float, path: Path) -> None:
    if count > MOST_PACKETS:
        raise MediaError("has more packets than a day of film", str(path), "cut it first.")
    if count % 256 == 0 and time.monotonic() > deadline:
        raise MediaError("takes too long to read", str(path), "copy it to a faster disk.")


def _note_packet(track: _Track, packet: Any) -> None:
    track.packets += 1
    track.corrupt += packet.is_corrupt
    if packet.stream.type == "video" and not _shows(packet):
        return
    pts = packet.pts
    if pts is None:
        track.unstamped += 1
        pts = packet.dts
        if pts is None:
            return
    if packet.is_discard:
        track.discarded += 1
        if packet.stream.type == "video":
            track.hidden.append((len(track.pts), pts))
        return
    duration = packet.duration or 0
    if packet.stream.type == "video":
        if track.pts and pts < track.pts[-1]:
            track.reordered = True
        track.pts.append(pts)
        if packet.is_keyframe:
            track.keys.append(pts)
        elif track.keys and pts < track.keys[-1]:
            track.leading[track.keys[-1]] = track.leading.get(track.keys[-1], 0) + 1
        if len(track.durations) > 64:
            track.durations.pop(min(track.durations))
        track.durations[pts] = duration
    track.first = pts if track.first is None else min(track.first, pts)
    end = pts + duration - _padding(packet)
    track.last_end = end if track.last_end is None else max(track.last_end, end)


def _padding(packet: Any) -> int:
    """Samples at the end of a packet that the encoder added, in its time base."""
    if packet.stream.type != "audio" or not packet.has_sidedata("skip_samples"):
        return 0
    data = bytes(packet.get_sidedata("skip_samples"))
    if len(data) < 8:
        return 0
    samples = struct.unpack("<II", data[:8])[1]  # AV_PKT_DATA_SKIP_SAMPLES
    hz = getattr(packet.stream.codec_context, "sample_rate", 0)
    return round(samples / hz / packet.time_base) if hz else 0


def _shows(packet: Any) -> bool:
    """Whether a packet holds a frame that is shown; VP8 and VP9 have hidden reference frames."""
    name = _codec_name(packet.stream)
    if name.endswith("vp9"):
        return _vp9_shows(bytes(packet)[:1], bytes(packet)[-1:])
    if name.endswith("vp8"):
        return bool(bytes(packet)[0] & 0x10)  # RFC 6386 §9.1: show_frame
    return True


def _codec_name(stream: Any) -> str:
    """Name of the decoder; empty when libav has none and the stream no context."""
    return getattr(stream.codec_context, "name", None) or ""


def _vp9_shows(first: bytes, last: bytes) -> bool:
    """VP9 bitstream specification, annex B and §6.2: superframes show one; else show_frame."""
    if last and last[0] & 0xE0 == 0xC0:
        return True
    bits = first[0]
    profile = (bits >> 5 & 1) | (bits >> 4 & 1) << 1
    shift = 3 if profile < 3 else 2
    if bits >> shift & 1:  # show_existing_frame
        return True
    return bool(bits >> (shift - 2) & 1) if shift >= 2 else True


def _video(container: InputContainer, path: Path, scan: _Scan) -> VideoStream | None:
    stream = _best_video(container, scan)
    if stream is None:
        return None
    track = scan.tracks[stream.index]
    if not _codec_name(stream):
        raise _undecodable(path, stream)
    if _pixels(stream) > MOST_PIXELS:
        raise MediaError(f"has pictures of {_size(stream)}", str(path), "scale it down first.")
    doubtful = _may_be_disordered(stream, track)
    frames = _first_frames(path, stream.index, _ORDER_FRAMES if doubtful else 1)
    if not frames:
        raise _undecodable(path, stream)
    frame = frames[0]
    ordered = not track.unstamped and (not doubtful or _ascends(frames))
    if not ordered:
        scan.notes.append("its time stamps don't follow its frames; they are put in order.")
    return _described(container, path, stream, frame, track, scan, ordered)


def _may_be_disordered(stream: AvVideo, track: _Track) -> bool:
    """Whether B-frames are announced but stamps only ascend: they may be in decoding order."""
    return bool(stream.codec_context.has_b_frames) and not track.reordered


def _ascends(frames: Sequence[av.VideoFrame]) -> bool:
    stamps = [f.pts for f in frames if f.pts is not None]
    return all(a < b for a, b in pairwise(stamps))


def _best_video(container: InputContainer, scan: _Scan) -> AvVideo | None:
    """The largest decodable stream with frames; cover art and thumbnails are none."""
    real = [s for s in container.streams.video if not _is_cover(s)]
    if len(real) < len(container.streams.video):
        scan.notes.append("a cover picture is left out.")
    filled = [s for s in real if scan.tracks[s.index].pts]
    if real and not filled:
        scan.notes.append("its video track is empty.")
    if not filled:
        return None
    best = max(filled, key=lambda s: (_is_default(s), _pixels(s), -s.index))
    if len(filled) > 1:
        sizes = ", ".join(f"{s.index}: {_size(s)}" for s in filled)
        scan.notes.append(f"it has {len(filled)} video streams ({sizes}); {best.index} is used.")
    elif len(real) > 1:
        scan.notes.append(f"it has {len(real) - 1} empty video streams beside the one used.")
    return best


def _pixels(stream: AvVideo) -> int:
    return stream.width * stream.height if _codec_name(stream) else 0


def _size(stream: AvVideo) -> str:
    return f"{stream.width}x{stream.height}" if _codec_name(stream) else "unknown codec"


def _is_cover(stream: AvVideo) -> bool:
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _is_default(stream: AvVideo) -> bool:
    return bool(stream.disposition & Disposition.default)


def _first_frames(path: Path, index: int, wanted: int) -> list[av.VideoFrame]:
    """The first frames that come out of the decoder, which tell what packets can't."""
    found: list[av.VideoFrame] = []
    with opened(path) as container, suppress(av.FFmpegError):
        stream = container.streams[index]
        for tried, packet in enumerate(container.demux(stream)):
            if tried > _FIRST_FRAME_PACKETS:
                break
            with suppress(av.FFmpegError):
                found += [f for f in packet.decode() if isinstance(f, av.VideoFrame)]
            if len(found) >= wanted:
                break
    return found


def _undecodable(path: Path, stream: AvVideo) -> MediaError:
    tag = getattr(stream.codec_context, "codec_tag", "")
    with path.open("rb") as file:
        what, fix = _claim_text(file.read(4096))
    if what:
        return MediaError(what, str(path), fix)
    name = _codec_name(stream) or tag or "of an unknown codec, perhaps Dolby Vision or encrypted"
    return MediaError(
        f"its picture ({name}) can't be decoded", str(path), "export it as H.264, HEVC or ProRes."
    )


def _nothing_in(path: Path, container: InputContainer) -> MediaError:
    kinds = ", ".join(sorted({str(s.type) for s in container.streams}))
    if kinds:
        return MediaError(
            f"has neither picture nor sound that can be read (only {kinds})", str(path), _RETRY
        )
    what, _ = _claim(path)
    return MediaError(what or "holds neither picture nor sound", str(path), _RETRY)


def _described(
    container: InputContainer,
    path: Path,
    stream: AvVideo,
    frame: av.VideoFrame,
    track: _Track,
    scan: _Scan,
    ordered: bool,
) -> VideoStream:
    pts = _shown(track, frame, scan)
    time_base = stream.time_base or Fraction(1, 90000)
    rate, vfr = _rate(pts, time_base, stream)
    rotation, mirrored = orientation_of(frame, path)
    keys = set(track.keys)
    found = tuple(i for i, p in enumerate(pts) if p in keys)
    return VideoStream(
        index=stream.index,
        codec=stream.codec_context.name,
        width=frame.width,
        height=frame.height,
        sar=_sar(stream, scan),
        rotation=rotation,
        mirrored=mirrored,
        pix_fmt=frame.format.name,
        bit_depth=frame.format.components[0].bits,
        alpha=_has_alpha(stream, frame),
        interlaced=_interlaced(stream, frame),
        colour=_colour(container, stream, frame),
        rate=rate,
        vfr=vfr,
        time_base=time_base,
        pts=pts,
        keyframes=found,
        b_frames=track.reordered or bool(stream.codec_context.has_b_frames),
        last_duration=_last_duration(pts, track, rate, vfr, time_base),
        ordered=ordered and len(set(pts)) == len(pts),
        leading=tuple(track.leading.get(pts[i], 0) for i in found) if track.leading else (),
        closed=_closed(track, pts),
    )


def _closed(track: _Track, pts: Sequence[int]) -> tuple[int, ...]:
    """After how many frames all that were decoded are shown, and nothing else was decoded."""
    place = {stamp: n for n, stamp in enumerate(pts)}
    hidden = next((n for n, stamp in track.hidden if stamp > pts[0]), len(track.pts))
    found, decoded, highest = [], 0, -1
    for stamp in track.pts[:hidden]:
        if stamp in place:
            decoded += 1
            highest = max(highest, place[stamp])
            if highest < decoded:
                found.append(decoded)
    return () if len(found) == len(pts) else tuple(found or [0])


def _shown(track: _Track, frame: av.VideoFrame, scan: _Scan) -> tuple[int, ...]:
    """Time stamps of the frames that are shown, ascending."""
    pts = sorted(track.pts)
    first = frame.pts if frame.pts is not None else pts[0]
    lost = sum(p < first for p in pts)
    if lost:
        scan.notes.append(f"its first {lost} frames can't be decoded and are left out.")
    pts = [p for p in pts if p >= first] or [first]
    doubled = len(pts) - len(set(pts))
    if doubled:
        scan.notes.append(f"{doubled} frames share a time stamp with another.")
    if track.unstamped:
        scan.notes.append(f"{track.unstamped} frames have no time stamp.")
    if track.discarded:
        scan.notes.append(f"its edit list leaves out {track.discarded} frames.")
    return tuple(pts)


def _rate(pts: Sequence[int], time_base: Fraction, stream: AvVideo) -> tuple[Fraction, bool]:
    """Nominal rate, and whether frames leave its grid."""
    claimed = nearest_standard(_claimed_rate(stream))
    if len(pts) < 2 or pts[-1] == pts[0]:
        return claimed, False
    average = (len(pts) - 1) / ((pts[-1] - pts[0]) * time_base)
    for rate in _likely_rates(claimed, average, pts, time_base):
        if _on_grid(pts, time_base, rate):
            return rate, False
    return _prevailing(pts, time_base) or nearest_standard(average), True


def _likely_rates(
    claimed: Fraction, average: Fraction, pts: Sequence[int], time_base: Fraction
) -> Iterator[Fraction]:
    """Rates that frames may have, likeliest first."""
    if claimed in _USUAL_RATES:
        yield claimed
    if len({b - a for a, b in pairwise(pts)}) == 1:
        yield nearest_standard(average)
    if prevailing := _prevailing(pts, time_base):
        yield prevailing
    if claimed not in _USUAL_RATES:  # often wrong by a thousandth: a frame too long
        yield claimed
    yield from _standards_near(average)
    yield nearest_standard(average)


def _claimed_rate(stream: AvVideo) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return Fraction(rate)
    return Fraction(25)


def _standards_near(rate: Fraction) -> list[Fraction]:
    """Usual rates within one part in a hundred, nearest first."""
    near = [r for r in _USUAL_RATES if abs(r - rate) <= rate / 100]
    return sorted(near, key=lambda r: abs(r - rate))


def _on_grid(pts: Sequence[int], time_base: Fraction, rate: Fraction) -> bool:
    """Whether every frame lies within a third of a frame of its place, or one tick of it."""
    step = 1 / (rate * time_base)
    slack = max(step / 3, Fraction(1))
    first, number, size = pts[0], step.numerator, step.denominator
    limit = slack * size
    return all(abs((p - first) * size - i * number) <= limit for i, p in enumerate(pts))


def _prevailing(pts: Sequence[int], time_base: Fraction) -> Fraction | None:
    """The usual rate that most frames keep to between gaps, if there is one."""
    steps = sorted(b - a for a, b in pairwise(pts))
    middle = steps[len(steps) // 2]
    if middle <= 0:
        return None
    alike = [s for s in steps if abs(s - middle) * 20 <= middle]
    near = _standards_near(len(alike) / (sum(alike) * time_base))
    return near[0] if near and len(alike) * 3 >= len(steps) * 2 else None


def _last_duration(
    pts: Sequence[int], track: _Track, rate: Fraction, vfr: bool, time_base: Fraction
) -> int:
    """Length of the last frame: one at a steady rate, else what the file says."""
    nominal = max(1, round(1 / (rate * time_base)))
    said = track.durations.get(pts[-1], 0)
    return said if vfr and 0 < said * time_base < _LONGEST_S else nominal


def _sar(stream: AvVideo, scan: _Scan) -> Fraction:
    sar = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not sar or sar <= 0:
        return Fraction(1)
    if not Fraction(1, 8) <= sar <= 8:
        scan.notes.append(f"its pixel shape {sar} makes no sense; square pixels are assumed.")
        return Fraction(1)
    return Fraction(sar)


def _has_alpha(stream: AvVideo, frame: av.VideoFrame) -> bool:
    tagged = {k.lower(): v for k, v in stream.metadata.items()}.get("alpha_mode") == "1"
    return tagged or any(c.is_alpha for c in frame.format.components)


def _interlaced(stream: AvVideo, frame: av.VideoFrame) -> Literal["tff", "bff"] | None:
    order = _FIELDS.get(int(stream.codec_context.field_order or 0))
    return order or ("tff" if frame.interlaced_frame else None)


def _colour(container: InputContainer, stream: AvVideo, frame: av.VideoFrame) -> Colour:
    context = stream.codec_context
    name = frame.format.name
    matrix = _MATRICES.get(int(frame.colorspace)) or _MATRICES.get(int(context.colorspace))
    if frame.format.is_rgb:
        matrix = "rgb"
    elif matrix == "rgb":
        matrix = None
    ranges = {1: False, 2: True}
    full = ranges.get(int(frame.color_range), ranges.get(int(context.color_range)))
    if name.startswith("yuvj"):
        full = True
    return Colour(
        matrix=matrix,
        full_range=full,
        primaries=_PRIMARIES.get(int(frame.color_primaries or context.color_primaries)),
        transfer=_TRANSFERS.get(int(frame.color_trc or context.color_trc)),
        chroma=_chroma(container, stream) or _CHROMA_BY_CODEC.get(context.name),
    )


_LOG_LEVEL = threading.Lock()


def _chroma(
    container: InputContainer, stream: AvVideo
) -> Literal["left", "center", "topleft", "top"] | None:
    """Chroma location, which libav tells only in the line that describes a stream."""
    with _LOG_LEVEL:
        level = av.logging.get_level()
        av.logging.set_level(av.logging.VERBOSE)
        av.logging.set_libav_level(av.logging.VERBOSE)
        try:
            text = str(getattr(container, "dumps_format", str)())
        finally:
            av.logging.set_libav_level(av.logging.INFO)
            av.logging.set_level(level)
    mark = f"Stream #0:{stream.index}"
    line = next((x for x in text.splitlines() if x.strip().startswith(mark)), "")
    inside = line.partition("(")[2]
    words = inside.replace("(", ",").replace(")", ",").split(",")
    return next((_CHROMA[w.strip()] for w in words if w.strip() in _CHROMA), None)


def _is_still(container: InputContainer, video: VideoStream, audio: Sequence[AudioStream]) -> bool:
    image = container.format.name.endswith(_STILL_CONTAINERS[0]) or (
        container.format.name.startswith(_STILL_CONTAINERS[1])
    )
    return video.frames == 1 and not audio and (image or video.codec in _STILL_CODECS)


def _timecode(container: InputContainer) -> str | None:
    holders: list[dict[str, str]] = [s.metadata for s in container.streams]
    holders.append(container.metadata)
    return next((m["timecode"] for m in holders if m.get("timecode")), None)


def _audios(container: InputContainer, path: Path, scan: _Scan) -> Iterator[AudioStream]:
    for stream in container.streams.audio:
        found = _audio(stream, scan)
        if found is not None:
            yield found


def _audio(stream: AvAudio, scan: _Scan) -> AudioStream | None:
    track = scan.tracks[stream.index]
    context = stream.codec_context
    usable = _codec_name(stream) and context.sample_rate and context.channels
    if not usable or track.first is None or track.last_end is None:
        why = "is empty" if usable else "can't be decoded"
        scan.notes.append(f"audio stream {stream.index} {why} and is left out.")
        return None
    time_base = stream.time_base or Fraction(1, context.sample_rate)
    start = track.first * time_base
    if stream.start_time is not None:
        start = _heard_from(context, start, stream.start_time * time_base, time_base)
    return AudioStream(
        index=stream.index,
        codec=context.name,
        hz=context.sample_rate,
        channels=context.channels,
        layout=context.layout.name,
        start_s=start,
        duration_s=max(Fraction(0), track.last_end * time_base - start),
    )


def _heard_from(
    context: AudioCodecContext, first: Fraction, told: Fraction, tick: Fraction
) -> Fraction:
    """Time of the first sample that counts, from those of the first packet and of the stream."""
    head = context.extradata or b""
    if context.name == "opus" and head.startswith(b"OpusHead") and len(head) >= 12:
        # RFC 7845: the pre-skip counts at 48 kHz; libavformat takes it at Matroska's given rate.
        true = first + Fraction(int.from_bytes(head[10:12], "little"), _OPUS_HZ)
        if told - true > tick:
            return round_half_up(true / tick) * tick
    return max(first, told)
