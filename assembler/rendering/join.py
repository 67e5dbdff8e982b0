"""
Spans joined by stream copy, with the programme's sound, into the final file.

    join([job.part() for job in jobs], sound, part, cut=cut, delivery=delivery)

Packets keep their bytes; their time stamps become positions in the programme, exact in frames.
Sound is encoded on the way. Memory doesn't grow with the length.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assembler.cut.model import Cut
from assembler.errors import RenderError
from assembler.rendering.headers import parameter_sets
from assembler.rendering.reorder import held_back, holding_back
from assembler.rendering.sound import SoundTrack
from assembler.rendering.verify import MATRIX_CODES
from assembler.spec.presets import DeliveryPreset

if TYPE_CHECKING:
    from av.container import OutputContainer

FORMATS = {"mkv": "matroska"}
"""ffmpeg's names of containers, where they aren't ours."""
_REPEATING = {"h264": "avc3", "hevc": "hev1"}
"""Codes of streams whose parameters change on the way (ISO/IEC 14496-15)."""


class Part(NamedTuple):
    """One span's file."""

    path: Path
    frames: int
    delay: int
    """Frames by which decoding runs ahead of showing."""
    headers: str
    """Tells its encoder's parameters from others."""


def join(
    parts: Sequence[Part],
    sound: Path | None,
    out: Path,
    *,
    cut: Cut,
    delivery: DeliveryPreset,
    captions: Path | None = None,
    begins: Fraction = Fraction(0),
    encoded: Path | None = None,
    cancel: threading.Event | None = None,
) -> None:
    """
    Write the final file.

    Args:
        parts: Files of all spans, in order.
        sound: The mixed programme as WAV; None makes a silent film.
        out: Written at once; give a temporary name.
        cut: Its rate, length and title.
        delivery: Container and sound codec.
        captions: A file with one track of captions in a form that the container takes.
        begins: Seconds of *sound* at which *cut* begins, where it is a part of a programme.
        encoded: *sound* as `sound.encode` has written it, where that is done already.
        cancel: Ends the work when set.

    Raises:
        RenderError: If spans don't fit together, or the work is cancelled.
    """
    import av

    form = FORMATS.get(delivery.container, delivery.container)
    options = {key: str(value) for key, value in delivery.mux.items()}
    if sound is not None and delivery.container in ("mp4", "mov"):
        # Edit lists are told in it: in thousandths of a second, they would cut sound off.
        options.setdefault("movie_timescale", str(delivery.audio.rate or cut.hz))
    with av.open(str(out), "w", format=form, container_options=options) as container:
        container.metadata.update({"title": cut.title, **dict(cut.metadata)})
        repeated = delivery.match_source and len({part.headers for part in parts}) > 1
        timeless = repeated and delivery.container == "mkv"
        with av.open(str((_most_held(parts) if timeless else parts[0]).path)) as model:
            picture = container.add_stream_from_template(model.streams.video[0], opaque=True)
        picture.time_base = 1 / cut.rate
        tag = _REPEATING.get(picture.codec_context.name) if repeated else delivery.video.tag
        if tag and delivery.container in ("mp4", "mov"):
            picture.codec_context.codec_tag = tag
        if delivery.video.matrix == "bt601":  # a copy's template may say what its source said
            picture.codec_context.colorspace = MATRIX_CODES[delivery.video.matrix]
        voice = None
        if sound is not None:
            voice = SoundTrack(container, sound, cut, delivery.audio, begins, encoded)
        sets = _all_sets(parts) if repeated else {}
        sets = _levelled(sets) if timeless else sets
        tracks = [_picture_packets(parts, picture, cut.rate, sets)]
        if voice is not None:
            tracks.append(voice.packets())
        if captions is not None:
            tracks.append(_caption_packets(captions, container, cut.caption_track))
        if cut.chapters:
            container.set_chapters(list(_chapters(cut)))
        for _, _, packet in heapq.merge(*tracks, key=lambda item: item[:2]):
            if cancel is not None and cancel.is_set():
                raise RenderError("cancelled", "joining spans")
            container.mux(packet)


def _chapters(cut: Cut) -> Iterator[Any]:
    """Each chapter goes on to the next one."""
    ends = [*(marker.frame for marker in cut.chapters[1:]), cut.frames]
    for n, (marker, end) in enumerate(zip(cut.chapters, ends, strict=True)):
        yield {
            "id": n,
            "start": marker.frame,
            "end": end,
            "time_base": 1 / cut.rate,
            "metadata": {"title": marker.name},
        }


def _caption_packets(path: Path, container: OutputContainer, language: str) -> Iterator[Timed]:
    """Packets of the captions' track, which is added to the file."""
    import av

    with av.open(str(path)) as source:
        own = source.streams.subtitles[0]
        stream = container.add_stream_from_template(own, opaque=True)
        stream.metadata["language"] = language
    return _read_captions(path, stream)


def _read_captions(path: Path, stream: Any) -> Iterator[Timed]:
    import av

    with av.open(str(path)) as source:
        for packet in source.demux(source.streams.subtitles[0]):
            if packet.dts is None:
                continue
            place = packet.dts * packet.time_base
            packet.stream = stream
            yield place, 2, packet


Timed = tuple[Fraction, int, Any]
"""Decoding time in seconds, number of the stream, packet."""


def _picture_packets(
    parts: Sequence[Part], stream: Any, rate: Fraction, repeated: Mapping[str, _Sets]
) -> Iterator[Timed]:
    """
    Packets of all spans with continuous time stamps in frames.

    Where spans have different parameters, those are *repeated* before every keyframe, by
    `Part.headers`.
    """
    import av

    start, headers = 0, stream.codec_context.extradata
    delay = max(part.delay for part in parts)
    for part in parts:
        with av.open(str(part.path)) as container:
            own = container.streams.video[0]
            if not repeated and own.codec_context.extradata != headers:
                raise RenderError(
                    "its encoder headers differ from the first span's", str(part.path)
                )
            sets = repeated[part.headers].units if repeated else b""
            found = 0
            for read in container.demux(own):
                if read.size == 0:
                    continue
                packet = _led_by(sets, read) if sets and read.is_keyframe else read
                packet.pts = start + _frame(read.pts, own.time_base or 1 / rate, rate, part.path)
                packet.dts = start + found - delay
                packet.duration = 1
                found += 1
                packet.time_base = 1 / rate
                packet.stream = stream
                yield packet.dts / rate, 0, packet
        if found != part.frames:
            raise RenderError(f"{found} frames instead of {part.frames}", str(part.path))
        start += part.frames


class _Sets(NamedTuple):
    """Parameter sets of a part."""

    units: bytes
    """Each with its length in front."""
    hevc: bool

    @property
    def held(self) -> int:
        """Frames that they have a decoder hold back."""
        return held_back(self.units, hevc=self.hevc)


def _all_sets(parts: Sequence[Part]) -> dict[str, _Sets]:
    """Parameter sets by `Part.headers`."""
    import av

    found: dict[str, _Sets] = {}
    for part in parts:
        if part.headers not in found:
            with av.open(str(part.path)) as container:
                context = container.streams.video[0].codec_context
                found[part.headers] = _Sets(_sets(context, part.path), context.name == "hevc")
    return found


def _most_held(parts: Sequence[Part]) -> Part:
    """
    The part whose parameters have a decoder hold back the most frames.

    Matroska keeps no decoding times. Readers work them out from the file's own header (HEVC) or
    the sets in force (H.264), and they would go back where later ones hold back more.
    """
    sets = _all_sets(parts)
    return max(parts, key=lambda part: sets[part.headers].held)


def _levelled(sets: Mapping[str, _Sets]) -> dict[str, _Sets]:
    """Sets that all hold back as many frames."""
    most = max(one.held for one in sets.values())
    return {
        key: one._replace(units=holding_back(one.units, most, hevc=one.hevc))
        for key, one in sets.items()
    }


def _sets(context: Any, path: Path) -> bytes:
    found = parameter_sets(context)
    if found is None:
        raise RenderError("its parameters can't be repeated in the stream", str(path))
    return found


def _led_by(sets: bytes, packet: Any) -> Any:
    import av

    led = av.Packet(sets + bytes(packet))
    led.is_keyframe = True
    return led


def _frame(pts: int | None, time_base: Fraction, rate: Fraction, path: Path) -> int:
    if pts is None:
        raise RenderError("a frame has no time stamp", str(path))
    return round(pts * time_base * rate)
