"""
Frames copied from their source into a span's file: the same packets, with BT.709 written on them.

    copy_frames(shot, form, Path("span.mp4"))
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from assembler.errors import RenderError
from assembler.media.conform import indexed
from assembler.rendering.headers import begins_closed
from assembler.rendering.smart import EVERY_FRAME
from assembler.rendering.spans import Form, Shot
from assembler.rendering.verify import MATRIX_CODES

_PROVED_FRAMES = 3
"""Frames that are decoded and compared; packets of the rest are the same bytes after these."""

_SPARE_S = 3
"""So far before a frame its packet is looked for in files without an index."""

_MOST_DELAY = 16
"""Frames that a decoder can hold back at most (H.264 and HEVC)."""


_TAGS = "colour_primaries=1:transfer_characteristics=1"


def copy_frames(shot: Shot, form: Form, out: Path, cancel: threading.Event | None = None) -> None:
    """
    Write the frames of *shot* without decoding them.

    Raises:
        RenderError: If it can't be copied or doesn't decode to the same pictures, or the work is
            cancelled.
    """
    import av
    import av.error

    try:
        _copy(shot, form, out, cancel)
        _prove(shot, out)
    except av.error.FFmpegError as exc:
        raise RenderError(f"its packets can't be copied ({exc.strerror})", shot.clip) from exc


def _copy(shot: Shot, form: Form, out: Path, cancel: threading.Event | None) -> None:
    import av

    video = shot.source.info.video
    assert video is not None
    places = {pts: n for n, pts in enumerate(video.pts)}
    with av.open(str(shot.source.path)) as source, av.open(str(out), "w") as target:
        own = source.streams[video.index]
        stream: Any = target.add_stream_from_template(own, opaque=True)
        stream.time_base = 1 / form.rate
        _check_profile(own, form, shot.clip)
        change = _tagger(shot, form, own, stream)
        written, delay = 0, _MOST_DELAY if video.b_frames else 0
        for packet in _packets(source, own, shot):
            place = places.get(packet.pts, -1) - shot.first
            if not 0 <= place < shot.frames:
                continue
            if cancel is not None and cancel.is_set():
                raise RenderError("cancelled", shot.clip)
            if packet.is_corrupt:
                raise RenderError(f"its frame {place + shot.first} is damaged", shot.clip)
            whole = form.encoder in EVERY_FRAME
            if not written and not whole and not begins_closed(packet, own.codec_context):
                raise RenderError("its keyframe can't be decoded by itself", shot.clip)
            for done in change(packet):
                done.stream = stream
                done.time_base = 1 / form.rate
                done.pts, done.dts, done.duration = place, written - delay, 1
                target.mux(done)
            written += 1
    if written != shot.frames:
        raise RenderError(f"{written} frames were found, not {shot.frames}", shot.clip)


def _check_profile(own: Any, form: Form, clip: str) -> None:
    """Frames of another profile are smaller, and no copy of what the delivery promises."""
    if form.encoder not in EVERY_FRAME:
        return
    asked = dict(form.options).get("profile", "")
    wanted = _PRORES.get(asked, asked).upper().replace("_", " ")
    found = str(own.codec_context.profile or "").upper()
    if wanted != found:
        raise RenderError(f"its profile is {found or 'not known'}, not {wanted}", clip)


_PRORES = {
    "0": "proxy", "1": "lt", "2": "standard", "3": "hq", "4": "4444", "5": "xq", "4444xq": "xq",
}  # fmt: skip


def _packets(container: Any, stream: Any, shot: Shot) -> Iterator[Any]:
    """All packets of a source from that of the shot's first frame on."""
    video = shot.source.info.video
    assert video is not None
    first = video.pts[shot.first]
    found = not shot.first
    if shot.first:
        # Without an index a seek leads anywhere near: the packet is looked for.
        spare_s = 0 if indexed(shot.source.info) else _SPARE_S
        near = first - round(spare_s / video.time_base)
        if near > video.pts[0]:
            container.seek(near, stream=stream)
    for packet in container.demux(stream):
        if packet.size and packet.pts is not None:
            found = found or packet.pts == first
            if found:
                yield packet


def _tagger(shot: Shot, form: Form, own: Any, stream: Any) -> Any:
    """What writes the film's colours into headers that don't say them; pictures stay the same."""
    from av.bitstream import BitStreamFilterContext

    video = shot.source.info.video
    assert video is not None
    tags = video.colour
    if (tags.matrix, tags.primaries, tags.transfer) == (form.matrix, "bt709", "bt709"):
        return lambda packet: [packet]
    name = "h264_metadata" if video.codec == "h264" else "hevc_metadata"
    said = f"{_TAGS}:matrix_coefficients={MATRIX_CODES[form.matrix]}:video_full_range_flag=0"
    tag = stream.codec_context.codec_tag
    found = BitStreamFilterContext(f"{name}={said}", own, stream)
    stream.codec_context.codec_tag = tag  # the filter brings the source container's, as of a .ts
    return found.filter


def _prove(shot: Shot, out: Path) -> None:
    """Decode the first frames of both."""
    import av

    video = shot.source.info.video
    assert video is not None
    with av.open(str(shot.source.path)) as source, av.open(str(out)) as copy:
        own: Any = source.streams[video.index]
        first = video.pts[shot.first]
        read = (f for p in chain(_packets(source, own, shot), (None,)) for f in own.decode(p))
        wanted = (f for f in read if f.pts is not None and f.pts >= first)
        pairs = zip(
            islice(wanted, min(_PROVED_FRAMES, shot.frames)), copy.decode(video=0), strict=False
        )
        same = [_same(a, b) for a, b in pairs]
    if not same or not all(same):
        raise RenderError("the copied frames don't decode to the same pictures", shot.clip)


def _same(a: Any, b: Any) -> bool:
    return bool(a.format.name == b.format.name and np.array_equal(a.to_ndarray(), b.to_ndarray()))
