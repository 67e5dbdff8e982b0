"""
The programme's sound as packets: encoded while it is joined, or beforehand, beside the pictures.

    encode(Path("mix.wav"), Path("film.sound"), cut, delivery.audio, Fraction(0), stop)
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assembler.cut.model import Cut
from assembler.errors import RenderError
from assembler.media.files import publish
from assembler.rendering.aac import UnlikeError, parallel
from assembler.spec.presets import AudioCodec, DeliveryPreset
from assembler.timebase import round_half_up, samples_at

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer

_READ_SAMPLES = 4096
_AMPLE_KBPS = 160
"""From here on the quicker of the AAC encoder's ways is 5 to 11 dB nearer to the sound, too."""
_PACKET = struct.Struct("<qqqI")
"""pts, dts and duration in samples, length of what follows."""
_BLOCK = 1 << 20
_CRC = struct.Struct("<I")
"""Ends the file."""


def beforehand(delivery: DeliveryPreset) -> bool:
    """Whether a delivery's sound may be encoded beforehand: packets are all there is to it."""
    return delivery.audio.encoder == "aac" and delivery.container in ("mp4", "mov")


def encode(
    path: Path,
    out: Path,
    cut: Cut,
    codec: AudioCodec,
    begins: Fraction,
    stop: threading.Event,
) -> Path:
    """
    Write the packets of a mix to *out*, made on several cores where that can be.

    Raises:
        RenderError: If *stop* is set on the way.
    """

    def made(first: int, count: int | None) -> Generator[Any, None, None]:
        import av

        context: Any = av.CodecContext.create(codec.encoder, "w")
        context.rate = codec.rate or cut.hz
        context.options = _options(codec)
        source = _Source(context, path, cut, codec, begins, first, count)
        for frame in chain(source.frames(), (None,)):
            if stop.is_set():
                raise RenderError("cancelled", "encoding sound")
            yield from context.encode(frame)

    hz = codec.rate or cut.hz
    samples = samples_at(cut.frames, cut.rate, hz)
    in_parts = codec.encoder == "aac" and hz == cut.hz and cut.layout in ("mono", "stereo")
    with suppress(UnlikeError):
        _write(out, parallel(made, samples) if in_parts else made(0, None))
        return out
    _write(out, made(0, None))
    return out


def _write(out: Path, packets: Generator[Any, None, None]) -> None:
    with closing(packets), publish(out) as part, part.open("wb") as file:
        crc = 0
        for packet in packets:
            block = _packed(packet)
            crc = zlib.crc32(block, crc)
            file.write(block)
        file.write(_CRC.pack(crc))


def _packed(packet: Any) -> bytes:
    data = bytes(packet)
    return _PACKET.pack(packet.pts, packet.dts, packet.duration or 0, len(data)) + data


def intact(path: Path) -> bool:
    """Whether the packets are there as they were written."""
    try:
        left, crc = path.stat().st_size - _CRC.size, 0
        with path.open("rb") as file:
            while left > 0:
                block = file.read(min(left, _BLOCK))
                left, crc = left - len(block), zlib.crc32(block, crc)
            return crc != 0 and file.read() == _CRC.pack(crc)
    except FileNotFoundError:
        return False


def _options(codec: AudioCodec) -> dict[str, str]:
    options = {key: str(value) for key, value in codec.options.items() if key != "sample_fmt"}
    if codec.encoder == "aac":
        # Intensity stereo, meant for low rates, now and then gives a band 4 dB too much.
        options.setdefault("aac_is", "0")
        if (codec.bitrate_kbps or 0) >= _AMPLE_KBPS:
            options.setdefault("aac_coder", "fast")
    return options


class SoundTrack:
    """The sound of a file that is being written."""

    def __init__(
        self,
        container: OutputContainer,
        path: Path,
        cut: Cut,
        codec: AudioCodec,
        begins: Fraction,
        encoded: Path | None = None,
    ) -> None:
        hz = codec.rate or cut.hz
        self.stream: Any = container.add_stream(codec.encoder, rate=hz, options=_options(codec))
        self.encoded = encoded
        self._source = _Source(self.stream.codec_context, path, cut, codec, begins)

    def packets(self) -> Iterator[tuple[Fraction, int, Any]]:
        """Packets in order, the last one cut to the programme's end."""
        if self.encoded is not None:
            yield from self._timed(self._stored(self.encoded))
            return
        for frame in self._source.frames():
            yield from self._timed(self.stream.encode(frame))
        yield from self._timed(self.stream.encode(None))

    def _stored(self, path: Path) -> Iterator[Any]:
        import av

        with path.open("rb") as file:
            while len(head := file.read(_PACKET.size)) == _PACKET.size:
                pts, dts, duration, length = _PACKET.unpack(head)
                packet: Any = av.Packet(file.read(length))
                packet.pts, packet.dts, packet.duration = pts, dts, duration
                packet.time_base = Fraction(1, self._source.hz)
                packet.is_keyframe = True
                packet.stream = self.stream
                yield packet

    def _timed(self, packets: Any) -> Iterator[tuple[Fraction, int, Any]]:
        for packet in packets:
            assert packet.dts is not None
            assert packet.time_base is not None
            yield packet.dts * packet.time_base, 1, packet


class _Source:
    """Frames of a mix as an encoder takes them, or *count* samples from the *first* on."""

    def __init__(
        self,
        context: Any,
        path: Path,
        cut: Cut,
        codec: AudioCodec,
        begins: Fraction,
        first: int = 0,
        count: int | None = None,
    ) -> None:
        self.path = path
        self.hz = codec.rate or cut.hz
        self.begins = begins + Fraction(first, self.hz)
        self.first = first
        whole = samples_at(cut.frames, cut.rate, self.hz)
        self.stop = whole if count is None else min(first + count, whole)
        self.context = context
        context.layout = cut.layout
        context.time_base = Fraction(1, self.hz)
        formats = [f.name for f in context.codec.audio_formats or ()]
        form = codec.options.get("sample_fmt")
        context.format = form if form in formats else _best_format(codec.encoder, formats)
        if codec.bitrate_kbps:
            context.bit_rate = codec.bitrate_kbps * 1000

    def frames(self) -> Iterator[av.AudioFrame]:
        """Exactly those samples in frames of the encoder's size."""
        import av

        fifo, sent = av.AudioFifo(), self.first
        size = self.context.frame_size or _READ_SAMPLES
        for frame in self._resampled():
            fifo.write(frame)
            while fifo.samples >= size and sent + size <= self.stop:
                yield _placed(fifo.read(size), sent, self.hz)
                sent += size
            if fifo.samples >= self.stop - sent:
                break
        if sent < self.stop and fifo.samples:
            rest = fifo.read(min(fifo.samples, self.stop - sent), partial=True)
            yield _placed(rest, sent, self.hz)

    def _resampled(self) -> Iterator[av.AudioFrame]:
        import av

        context = self.context
        resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=self.hz)
        with av.open(str(self.path)) as container:
            for frame in _decoded_from(container, self.begins):
                for out in resampler.resample(frame):
                    out.pts = None
                    yield out
        for out in resampler.resample(None):
            out.pts = None
            yield out


def _decoded_from(container: Any, begins: Fraction) -> Iterator[Any]:
    """Frames of a WAV from so many seconds on, to the sample."""
    import av

    stream = container.streams.audio[0]
    first = round_half_up(begins * stream.rate)
    if first:
        container.seek(first, stream=stream)
    for frame in container.decode(stream):
        late = first - round(frame.pts * frame.time_base * stream.rate)
        if late <= 0:
            yield frame
        elif late < frame.samples:
            width = 1 if frame.format.is_planar else frame.layout.nb_channels
            rest = frame.to_ndarray()[:, late * width :]
            cut = av.AudioFrame.from_ndarray(rest.copy(), frame.format.name, frame.layout)
            cut.rate = stream.rate
            yield cut


def _placed(frame: Any, at: int, hz: int) -> Any:
    frame.pts = at
    frame.time_base = Fraction(1, hz)
    return frame


def _best_format(encoder: str, formats: Sequence[str]) -> str:
    """The sample format with the most precision that the encoder takes."""
    for name in ("fltp", "flt", "s32p", "s32", "s16p", "s16"):
        if name in formats:
            return name
    raise RenderError(f"encoder {encoder} takes no sample format we know: {', '.join(formats)}")
