"""
Sound of a file as arrays, to the sample: edit lists, encoder priming and gaps are accounted for.

Positions are seconds on the file's own clock, the one of `MediaInfo`. Where the file has no sound
there is silence. Resampling happens once, with soxr, and is aligned so that output sample i is the
sound at ``start_s + i / hz``; when that time lies between two samples of the file, the nearest
phase that the resampler reaches is taken (within 1/294 of a sample from 44.1 to 48 kHz; within half
a sample without resampling).

    >>> with SampleReader(info, 1, Fraction(2), 48000, 2) as reader:  # doctest: +SKIP
    ...     first_second = reader.read(48000)
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from assembler.errors import MediaError
from assembler.media.files import publish
from assembler.media.info import MediaInfo
from assembler.timebase import round_half_up

if TYPE_CHECKING:
    import av.container
    import soxr
    from av.audio.frame import AudioFrame
    from av.packet import Packet

Samples = npt.NDArray[np.float32]
"""Shape (samples, channels), 1.0 is full scale."""
Quality = Literal["LQ", "HQ", "VHQ"]

_CHUNK = 16384
"""Native samples handed to the resampler at a time."""
_LEAD = 4096
"""Native samples before the start that fill the resampler's filter (VHQ needs about 800)."""
_PREROLL_S = Fraction(1, 2)
"""Decoded and dropped after a jump: MP3's bit reservoir, AAC's overlap, Opus's 80 ms."""
_NEAR_S = Fraction(20)
"""Usual length of what is decoded from the beginning instead of being sought."""
_JITTER_S = Fraction(1, 500)
"""Time stamps may be off by so much without meaning a gap."""
_VORBIS_JITTER_S = Fraction(1, 5)
"""Vorbis packets carry no time; between pages libavformat's guesses are off by up to a block."""
_JUMPS = ("mov,mp4,m4a,3gp,3g2,mj2", "wav", "w64", "matroska,webm", "aiff", "caf")
"""Containers whose seeking lands where it says; in others packets are skipped one by one."""


class SampleReader:
    """
    Sound of one stream from a time on, read in pieces of any size in bounded memory.

    Args:
        source: The file, or what was probed of it.
        stream: Index of the audio stream in the file (as in `AudioStream.index`).
        start_s: Time of the first sample on the file's clock.
        hz: Sample rate to deliver; None for the stream's own.
        channels: 1 (mono), 2 (stereo) or 6 (5.1 as L R C LFE Ls Rs).
        quality: Of the resampler; VHQ for what is heard, LQ for analysis.
        near_s: Starts up to here are reached by decoding from the beginning, which is exact
            whatever the file's time stamps are.

    Raises:
        MediaError: If the file can't be opened or has no such audio stream.
    """

    def __init__(
        self,
        source: MediaInfo | Path,
        stream: int,
        start_s: Fraction,
        hz: int | None,
        channels: int,
        *,
        quality: Quality = "VHQ",
        near_s: Fraction = _NEAR_S,
    ) -> None:
        path = source if isinstance(source, Path) else source.path
        self._native = _Native(path, stream, channels, near_s)
        self.hz = hz or self._native.hz
        """Sample rate delivered."""
        self._channels = channels
        self._start = start_s * self._native.hz
        first, self._skip = _aligned_start(self._start, self._native.hz, self.hz)
        self._native.start_at(first)
        self._resampler = self._make_resampler(quality)
        self._ready: list[Samples] = []
        self._waiting = 0
        self._given = 0

    @property
    def end(self) -> int | None:
        """Samples, counted from the start, after which all is silence; None while not known."""
        if self._native.end is None:
            return None
        length = (self._native.end - self._start) * self.hz / self._native.hz
        return max(0, -int(-length // 1))

    @property
    def source_channels(self) -> int:
        """Channels that the file has."""
        return int(self._native._stream.codec_context.channels)

    @property
    def begin_s(self) -> Fraction:
        """Time of the file's first sample on its own clock."""
        stream = self._native._stream
        return (stream.start_time or 0) * Fraction(stream.time_base)

    @property
    def damaged_packets(self) -> int:
        """Packets so far that could not be decoded; silence stands in for them."""
        return self._native.damaged_packets

    def read(self, samples: int) -> Samples:
        """Next *samples*, shape (samples, channels); silence after the end."""
        while self._waiting < samples:
            if self._past_end():
                self._keep(np.zeros((samples - self._waiting, self._channels), np.float32))
            else:
                self._keep(self._convert(self._native.read(_CHUNK)))
        joined = self._ready[0] if len(self._ready) == 1 else np.concatenate(self._ready)
        self._ready = [joined[samples:]]
        self._waiting -= samples
        self._given += samples
        return joined[:samples]

    def _keep(self, block: Samples) -> None:
        dropped = min(self._skip, len(block))
        self._skip -= dropped
        self._ready.append(block[dropped:])
        self._waiting += len(block) - dropped

    def _past_end(self) -> bool:
        end = self.end
        settled = _LEAD * self.hz // self._native.hz
        return end is not None and self._given + self._waiting > end + settled

    def _make_resampler(self, quality: Quality) -> soxr.ResampleStream | None:
        if self._native.hz == self.hz:
            return None
        import soxr

        return soxr.ResampleStream(self._native.hz, self.hz, self._channels, quality=quality)

    def _convert(self, block: Samples) -> Samples:
        return block if self._resampler is None else self._resampler.resample_chunk(block)

    def close(self) -> None:
        """Close the file."""
        self._native.close()

    def __enter__(self) -> SampleReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_samples(
    info: MediaInfo, stream: int, start_s: Fraction, samples: int, hz: int, channels: int
) -> Samples:
    """
    Sound of a file: sample i is what it has at ``start_s + i / hz`` on its own clock.

    Returns:
        float32, shape (samples, channels), full scale 1.0; silence where the file has none.

    Raises:
        MediaError: If the file can't be opened or has no such audio stream.
    """
    with SampleReader(info, stream, start_s, hz, channels) as reader:
        return reader.read(samples)


def _aligned_start(start: Fraction, native_hz: int, hz: int) -> tuple[int, int]:
    """
    Native sample to begin at, and resampled samples to drop, to land on *start* (native samples).

    The resampler's grid is fixed to its first input sample. Among the native samples before the
    start the one is taken whose grid comes nearest.
    """
    if native_hz == hz:
        return round_half_up(start), 0
    period = native_hz // gcd(native_hz, hz)
    latest = start.numerator // start.denominator - _LEAD
    unit = start.denominator * native_hz

    def miss(first: int) -> int:
        phase = (start.numerator - first * start.denominator) * hz % unit
        return min(phase, unit - phase)

    first = min(range(latest, latest - min(period, 1024), -1), key=miss)
    return first, round_half_up((start - first) * hz / native_hz)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Decoded sound, and where on the file's clock its first sample lies, in native samples."""

    at: int
    samples: Samples


class _Run:
    """Whole frames that follow one another, joined without Python touching their samples."""

    def __init__(self) -> None:
        from av.audio.fifo import AudioFifo

        self._fifo = AudioFifo()
        self.at = 0
        self.samples = 0

    def takes(self, frame: AudioFrame, at: int) -> bool:
        """Add a frame whose first sample lies *at*; False when it doesn't continue the others."""
        if self.samples and at != self.at + self.samples:
            return False
        stamp, frame.pts = frame.pts, None  # which would have to fit to the sample, too
        try:
            self._fifo.write(frame)
        except ValueError:  # of another format, layout or rate
            frame.pts = stamp
            return False
        if not self.samples:
            self.at = at
        self.samples += frame.samples
        return True

    def joined(self) -> AudioFrame:
        """All of them as one frame."""
        return cast("AudioFrame", self._fifo.read())


class _Native:
    """Sound of one stream at its own rate, without gaps, from a given sample on."""

    def __init__(self, path: Path, stream: int, channels: int, near_s: Fraction = _NEAR_S) -> None:
        self._path = path
        self._near_s = near_s
        self._container, self._stream = _open(path, stream)
        self.hz: int = self._stream.codec_context.sample_rate
        self._channels = channels
        self._index = stream
        self.end: int | None = None
        self.damaged_packets = 0
        self._mixers: dict[str, Samples | None] = {}
        self._pieces = self._decode(0)
        self._ticks = (self._stream.time_base * self.hz).as_integer_ratio()
        """Samples in a step of the stream's clock."""
        vorbis = self._stream.codec_context.name == "vorbis"
        self._jitter = round((_VORBIS_JITTER_S if vorbis else _JITTER_S) * self.hz)
        self._exact = not vorbis and (self._ticks[0] == 1 or self._ticks == (2, 1))  # 2: HE-AAC

    def start_at(self, first: int) -> None:
        self._cursor = first
        self._pieces = self._decode(first)
        self._piece: _Piece | None = None

    def read(self, samples: int) -> Samples:
        """Next samples; zeros in gaps and after the end."""
        out = np.zeros((samples, self._channels), np.float32)
        stop = self._cursor + samples
        while (piece := self._current()) is not None and piece.at < stop:
            begin = max(piece.at, self._cursor)
            until = min(piece.at + len(piece.samples), stop)
            if until > begin:
                part = piece.samples[begin - piece.at : until - piece.at]
                out[begin - self._cursor : until - self._cursor] = part
            if until == stop:
                break
            self._piece = None
        self._cursor = stop
        return out

    def _current(self) -> _Piece | None:
        """Piece at or after the cursor."""
        if self._piece is None:
            self._piece = next(self._pieces, None)
        return self._piece

    def _decode(self, first: int) -> Generator[_Piece, None, None]:
        """Pieces that reach beyond *first*, in order, never overlapping."""
        table = self._table(first)
        expected: int | None = None
        run = _Run()
        for frame, length in self._frames(first):
            if table and expected is None and frame.pts not in table:
                continue  # trimmed by the decoder after a jump: its time stamp is rounded
            at = self._placed(frame, expected, table)
            begin, stop = max(at, at if expected is None else expected), at + length
            expected = max(begin, stop)
            if begin >= stop or stop <= first:
                continue
            whole = begin == at and length == frame.samples
            if whole and run.samples < _CHUNK and run.takes(frame, at):
                continue
            if run.samples:
                yield self._joined(run)
                run = _Run()
            if not (whole and run.takes(frame, at)):
                yield _Piece(begin, self._mapped(frame)[begin - at : length])
        if run.samples:
            yield self._joined(run)
        self.end = expected if expected is not None else first

    def _joined(self, run: _Run) -> _Piece:
        return _Piece(run.at, self._mapped(run.joined()))

    def _placed(self, frame: AudioFrame, expected: int | None, table: dict[int, int]) -> int:
        """Position of a frame: right after the one before unless its time stamp means a gap."""
        if frame.pts is None:
            return expected or 0
        stamped = table.get(frame.pts)
        if stamped is None:
            above, below = self._ticks
            stamped = (2 * frame.pts * above + below) // (2 * below)
        if expected is not None and abs(stamped - expected) <= self._jitter:
            return expected
        return stamped

    def _table(self, first: int) -> dict[int, int]:
        """Positions by time stamp, where stamps alone are not exact to the sample."""
        if self._exact or not self._far(first):
            return {}
        stat = self._path.stat()
        return _positions(self._path, stat.st_size, stat.st_mtime_ns, self._index)

    def _far(self, first: int) -> bool:
        start = self._stream.start_time or 0
        near: Fraction = self._near_s + start * self._stream.time_base
        return Fraction(first, self.hz) > near

    def _frames(self, first: int) -> Iterator[tuple[AudioFrame, int]]:
        """Decoded frames and how many samples of each count, from somewhere before *first*."""
        wanted = Fraction(first, self.hz) - _PREROLL_S
        far = self._far(first)
        if far and self._container.format.name in _JUMPS:
            self._seek(wanted)
        for packet, last in self._packets():
            if not (far and _ends_before(packet, wanted)):
                yield from self._decoded(packet, last=last)

    def _seek(self, wanted: Fraction) -> None:
        import av.error

        offset = int(wanted / self._stream.time_base)
        # Where it can't be done, reading on from the beginning finds the place too.
        with suppress(av.error.FFmpegError):
            self._container.seek(offset, stream=self._stream, backward=True)

    def _packets(self) -> Iterator[tuple[Packet[Any], bool]]:
        """Packets, and whether each is the stream's last with content."""
        import av.error

        held: Packet[Any] | None = None
        try:
            for packet in self._container.demux(self._stream):
                if held is not None:
                    yield held, not packet.size
                held = packet
        except av.error.FFmpegError:  # cut off or damaged: what came before counts
            self.damaged_packets += 1
        if held is not None:
            yield held, False

    def _decoded(self, packet: Packet[Any], *, last: bool) -> Iterator[tuple[AudioFrame, int]]:
        import av.error

        try:
            frames = cast("list[AudioFrame]", packet.decode())
        except av.error.FFmpegError:
            self.damaged_packets += 1
            return
        for frame in frames:
            whole = frame.samples * self.hz // frame.sample_rate
            shown = self._shown(packet, frame) if last else None
            yield frame, shown if shown is not None and 0 < shown < whole else whole

    def _shown(self, packet: Packet[Any], frame: AudioFrame) -> int | None:
        """Samples before the end that the file states, for its last packet; None when not said."""
        stream = self._stream
        if stream.time_base * self.hz > 1 or not packet.duration or packet.pts is None:
            return None
        stop = packet.pts + packet.duration
        if stream.duration:
            stop = min(stop, (stream.start_time or 0) + stream.duration)
        if frame.pts is None:
            return None
        return round_half_up((stop - frame.pts) * stream.time_base * self.hz)

    def _mapped(self, frame: AudioFrame) -> Samples:
        """Float samples in the channels asked for, at the stream's rate."""
        layout = frame.layout.name
        if layout not in self._mixers:
            names = tuple(c.name for c in frame.layout.channels)
            self._mixers[layout] = downmix(names, self._channels)
        samples = _floats(frame)
        if not np.isfinite(samples).all():  # floats in a file may be anything
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        mixer = self._mixers[layout]
        if mixer is not None:
            samples = _mixed(samples, mixer)
        if frame.sample_rate != self.hz:  # the stream changes its rate on the way
            import soxr

            samples = soxr.resample(samples, frame.sample_rate, self.hz, "VHQ")
        return samples

    def close(self) -> None:
        # The generator refers to its owner: left alone, both would keep the decoder for long.
        self._pieces.close()
        self._container.close()


def _open(path: Path, index: int) -> tuple[av.container.InputContainer, Any]:
    import av
    import av.error
    from av.stream import Discard

    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as exc:
        raise MediaError(
            f"the sound can't be read: {exc}", str(path), "check that the file exists and plays"
        ) from exc
    streams = container.streams
    if index >= len(streams) or streams[index].type != "audio":
        have = ", ".join(str(s.index) for s in streams.audio) or "none"
        container.close()
        raise MediaError(
            f"stream {index} is no sound (streams with sound: {have})",
            str(path),
            "name one of its streams with sound, or another file",
        )
    stream: Any = streams[index]
    if stream.codec_context is None or not stream.codec_context.sample_rate:
        container.close()
        raise MediaError(
            f"the sound of stream {index} can't be decoded",
            str(path),
            "convert the sound to WAV, FLAC or AAC",
        )
    for other in streams:
        if other is not stream:
            other.discard = Discard.all
    return container, stream


def _ends_before(packet: Packet[Any], seconds: Fraction) -> bool:
    if packet.pts is None or not packet.size:
        return False
    return (packet.pts + (packet.duration or 0)) * packet.time_base < seconds


@lru_cache(maxsize=8)
def _positions(path: Path, size: int, mtime_ns: int, index: int) -> dict[int, int]:
    """
    Sample positions by time stamp, counted from the beginning of the stream.

    For streams whose stamps are coarser than a sample (Matroska: 1 ms; MPEG-TS: 1/90000 s) or
    guessed by the demuxer (Vorbis), where only counting is exact.
    """
    native = _Native(path, index, 1)
    table: dict[int, int] = {}
    expected: int | None = None
    try:
        for frame, length in native._frames(0):
            at = native._placed(frame, expected, {})
            if frame.pts is not None:
                table[frame.pts] = at
            expected = max(expected or at, at + length)
    finally:
        native.close()
    return table


def _floats(frame: AudioFrame) -> Samples:
    """Samples of a frame as float32, shape (samples, channels), whatever its format."""
    planar = frame.format.is_planar
    channels = len(frame.layout.channels)
    if frame.format.name in ("fltp", "flt"):  # most codecs: no way round through to_ndarray
        if not planar:
            flat = np.frombuffer(memoryview(frame.planes[0]), np.float32, frame.samples * channels)
            return flat.reshape(-1, channels).copy()
        samples = np.empty((frame.samples, channels), np.float32)
        for n, plane in enumerate(frame.planes):
            samples[:, n] = np.frombuffer(memoryview(plane), np.float32, frame.samples)
        return samples
    raw: npt.NDArray[Any] = frame.to_ndarray()
    if not planar:
        raw = raw.reshape(-1, channels).T
    match raw.dtype.kind:
        case "f":
            return raw.T.astype(np.float32)
        case "u":
            return (raw.T.astype(np.float32) - 128) / np.float32(128)
        case _:  # exact: a power of two
            part = np.float32(2.0 ** (1 - 8 * raw.dtype.itemsize))
            scaled: Samples = np.multiply(raw.T, part, dtype=np.float32, casting="unsafe")
            return scaled


def _mixed(samples: Samples, mixer: Samples) -> Samples:
    """Channels by their weights; a single one, which libraries of matrices are slow at, by hand."""
    if len(mixer) > 1:
        return samples @ mixer
    out = np.empty((len(samples), mixer.shape[1]), np.float32)
    for n, weight in enumerate(mixer[0]):
        np.multiply(samples[:, 0], weight, out=out[:, n])
    return out


# Channels -----------------------------------------------------------------------------------------

_HALF_POWER = 0.5**0.5
_BED = ("L", "R", "C", "LFE", "Ls", "Rs")
_PLACES: dict[str, dict[str, float]] = {
    "FL": {"L": 1},
    "FR": {"R": 1},
    "FC": {"C": 1},
    "LFE": {"LFE": 1},
    "SL": {"Ls": 1},
    "SR": {"Rs": 1},
    "BL": {"Ls": 1},
    "BR": {"Rs": 1},
    "BC": {"Ls": _HALF_POWER, "Rs": _HALF_POWER},
    "FLC": {"L": _HALF_POWER, "C": _HALF_POWER},
    "FRC": {"R": _HALF_POWER, "C": _HALF_POWER},
    "WL": {"L": 1},
    "WR": {"R": 1},
    "DL": {"L": 1},
    "DR": {"R": 1},
    "TFL": {"L": _HALF_POWER},
    "TFR": {"R": _HALF_POWER},
    "TBL": {"Ls": _HALF_POWER},
    "TBR": {"Rs": _HALF_POWER},
    "AMBI0": {"L": _HALF_POWER, "R": _HALF_POWER},
}
"""Where ffmpeg's channels go in a 5.1 bed."""
_UNNAMED = ("NONE", "UNK", "USR")
_SURROUND: dict[int, tuple[str, ...]] = {
    6: ("FL", "FR", "FC", "LFE", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
# ITU-R BS.775-4, table 2 (2/0 from 3/2); the LFE is left out, as it says.
_TO_STEREO = {
    "L": (1.0, 0.0),
    "R": (0.0, 1.0),
    "C": (_HALF_POWER, _HALF_POWER),
    "LFE": (0.0, 0.0),
    "Ls": (_HALF_POWER, 0.0),
    "Rs": (0.0, _HALF_POWER),
}


def downmix(names: tuple[str, ...], channels: int) -> Samples | None:
    """
    Matrix from the channels of a file to mono, stereo or 5.1; None when nothing changes.

    5.1 and wider become stereo by ITU-R BS.775, without scaling. Mono is half of left plus half
    of right, so that a mono file keeps its level through stereo and back. A mono file goes to
    both sides of stereo, and to the centre of 5.1. Channels without names are 5.1 or 7.1 where
    they are six or eight; else they are left, right, and recordings that are heard from the centre.

    Args:
        names: ffmpeg's names of the file's channels, in order (FL, FR, FC, …; NONE without).
        channels: 1, 2 or 6.

    Returns:
        float32, shape (len(names), channels).
    """
    if len(names) == 1:
        return None if channels == 1 else _from_mono(channels)
    if all(name.startswith(_UNNAMED) for name in names):
        names = _SURROUND.get(len(names), ("FL", "FR", *["FC"] * (len(names) - 2)))
    bed = _to_bed(names)
    if channels == 6:
        return None if names == ("FL", "FR", "FC", "LFE", "SL", "SR") else bed
    stereo: Samples = bed @ np.array([_TO_STEREO[place] for place in _BED], np.float32)
    if channels == 2:
        return None if names in (("FL", "FR"), ("DL", "DR")) else stereo
    mono: Samples = stereo.mean(axis=1, keepdims=True, dtype=np.float32)
    return mono


def _from_mono(channels: int) -> Samples:
    out = np.zeros((1, channels), np.float32)
    out[0, [0, 1] if channels == 2 else [2]] = 1
    return out


def _to_bed(names: tuple[str, ...]) -> Samples:
    bed = np.zeros((len(names), len(_BED)), np.float32)
    both = "SL" in names and "BL" in names
    for row, name in enumerate(names):
        for place, gain in _PLACES.get(name, {}).items():
            shared = both and place in ("Ls", "Rs")
            bed[row, _BED.index(place)] = gain * (_HALF_POWER if shared else 1)
    return bed


# Writing ------------------------------------------------------------------------------------------

_RIFF_LIMIT = 0xFFFF_FFFF - (1 << 16)
_MASKS = {1: 0x4, 2: 0x3, 6: 0x60F}
"""Speaker positions of WAVE_FORMAT_EXTENSIBLE: FC; FL FR; FL FR FC LFE SL SR."""
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")


class WavWriter:
    """
    A WAV file written as the sound comes.

    32 bits are float; 16 and 24 are integers with triangular dither of one step (none in digital
    silence), clipped at full scale. A file above *riff_limit* bytes becomes RF64 (EBU Tech 3306).

    Args:
        path: Replaced only when everything has been written.
        hz: Sample rate.
        channels: Number of channels.
        bits: Depth.
        dither_seed: Equal seeds give equal files.
        riff_limit: Size from which plain RIFF isn't enough.
        time_reference: Of the first sample, counted from midnight; makes it a broadcast wave.
    """

    def __init__(
        self,
        path: Path,
        hz: int,
        channels: int,
        bits: Literal[16, 24, 32] = 32,
        *,
        dither_seed: int = 1,
        riff_limit: int = _RIFF_LIMIT,
        time_reference: int | None = None,
    ) -> None:
        self._path = path
        self._format = (hz, channels, bits)
        self._bext = b"" if time_reference is None else _bext(time_reference)
        self._rng = np.random.Generator(np.random.SFC64(dither_seed))
        self._riff_limit = riff_limit
        self.samples = 0
        """Written so far, per channel."""

    def __enter__(self) -> WavWriter:
        self._stack = ExitStack()
        part = self._stack.enter_context(publish(self._path))
        self._file = self._stack.enter_context(part.open("wb"))
        self._file.write(_header(*self._format, 0, self._bext, rf64=False))
        return self

    def write(self, block: npt.NDArray[np.floating[Any]]) -> None:
        """Append sound of shape (n, channels), full scale 1.0."""
        self._file.write(_encoded(block, self._format[2], self._rng))
        self.samples += len(block)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()
        self._stack.__exit__(kind, error, trace)

    def _finish(self) -> None:
        _, channels, bits = self._format
        size = self.samples * channels * bits // 8
        if size % 2:
            self._file.write(b"\0")
        self._file.seek(0)
        rf64 = size > self._riff_limit
        self._file.write(_header(*self._format, self.samples, self._bext, rf64=rf64))


def write_wav(
    path: Path,
    blocks: Iterable[npt.NDArray[np.floating[Any]]],
    hz: int,
    channels: int,
    bits: Literal[16, 24, 32] = 32,
) -> int:
    """Write blocks of shape (n, channels) with a `WavWriter`; returns the number of samples."""
    with WavWriter(path, hz, channels, bits) as writer:
        for block in blocks:
            writer.write(block)
    return writer.samples


def _encoded(block: npt.NDArray[np.floating[Any]], bits: int, rng: np.random.Generator) -> bytes:
    if bits == 32:
        return np.ascontiguousarray(block, "<f4").tobytes()
    steps = 1 << (bits - 1)
    scaled = np.multiply(block, steps, dtype=np.float64)
    if block.any():
        noise = rng.bit_generator.random_raw(-(-block.size // 2)).view("<u2")
        two = noise[: 2 * block.size].reshape(2, *block.shape)
        scaled += np.subtract(two[0], two[1], dtype=np.float32) * np.float32(1 / 65536)
    np.rint(scaled, out=scaled)
    whole = np.clip(scaled, -steps, steps - 1, out=scaled).astype("<i4")
    # One byte of all samples after the other: numpy is slow along axes of three.
    content = np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)
    packed = np.empty((len(content), bits // 8), np.uint8)
    for n in range(bits // 8):
        packed[:, n] = content[:, n]
    return bytes(packed.tobytes())


def _bext(time_reference: int) -> bytes:
    """Broadcast audio extension chunk, version 1 (EBU Tech 3285)."""
    # Description, originator, its reference, date and time stay empty: equal mixes, equal bytes.
    body = struct.pack("<256s32s32s10s8sQH", b"", b"assembler", b"", b"", b"", time_reference, 1)
    return struct.pack("<4sI", b"bext", 602) + body + bytes(602 - len(body))


def _header(hz: int, channels: int, bits: int, samples: int, bext: bytes, *, rf64: bool) -> bytes:
    """RIFF header with room for a ds64 chunk (EBU Tech 3306), so that its length never changes."""
    frame = channels * bits // 8
    data = samples * frame
    tag = _FLOAT if bits == 32 else _PCM
    fmt = struct.pack("<HHIIHH", tag, channels, hz, hz * frame, frame, bits)
    if channels > 2:
        mask = _MASKS.get(channels, 0)
        fmt = struct.pack("<H", _EXTENSIBLE) + fmt[2:]
        fmt += struct.pack("<HHIH", 22, bits, mask, tag) + _SUBTYPE_TAIL
    body = b"WAVE"
    rest = bext + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt
    if tag == _FLOAT:
        rest += struct.pack("<4sII", b"fact", 4, min(samples, 0xFFFF_FFFF))
    total = 4 + 36 + len(rest) + 8 + data + data % 2
    if rf64:
        ds64 = struct.pack("<4sIQQQI", b"ds64", 28, total, data, samples, 0)
        return (
            struct.pack("<4sI", b"RF64", 0xFFFF_FFFF)
            + body
            + ds64
            + rest
            + struct.pack("<4sI", b"data", 0xFFFF_FFFF)
        )
    junk = struct.pack("<4sI", b"JUNK", 28) + bytes(28)
    return (
        struct.pack("<4sI", b"RIFF", total)
        + body
        + junk
        + rest
        + struct.pack("<4sI", b"data", data)
    )
