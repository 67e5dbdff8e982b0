"""AAC made in parts on several cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from assembler.errors import RenderError
from assembler.media.samples import write_wav
from assembler.rendering.aac import FRAME, PART, UnlikeError, parallel, window_of
from assembler.rendering.sound import SoundTrack, encode
from assembler.spec.presets import AudioCodec, delivery_preset
from tests.rendering.conftest import clip, cut_of

Sound = npt.NDArray[np.float32]
SECONDS = 34
"""Two joins and a bit."""
CODEC = AudioCodec(encoder="aac", bitrate_kbps=192, rate=48000)


@pytest.fixture(scope="module")
def sound() -> Sound:
    """Music of a kind: a chord, noise that swells, and a knock twice a second; 48 kHz, stereo."""
    t = np.arange(SECONDS * 48000) / 48000
    rng = np.random.default_rng(4)
    chord = sum(np.sin(2 * np.pi * hz * t) for hz in (220, 277.18, 329.63, 1318.5)) * 0.05
    swell = rng.standard_normal(len(t)) * (0.02 + 0.02 * np.sin(2 * np.pi * 0.3 * t))
    knock = np.sin(2 * np.pi * 900 * t) * np.exp(-(t % 0.5) * 40) * 0.3
    left = chord + swell + knock
    right = chord + rng.standard_normal(len(t)) * 0.01 + 0.5 * knock
    return np.stack([left, right], axis=1).astype(np.float32)


def made_of(sound: Sound, first: int, count: int | None) -> Iterator[Any]:
    """Packets of an encoder that is given a part of a sound."""
    context: Any = av.CodecContext.create("aac", "w")
    context.rate, context.layout, context.format = 48000, "stereo", "fltp"
    context.bit_rate, context.time_base = 192000, Fraction(1, 48000)
    context.options = {"aac_coder": "fast", "aac_is": "0"}
    part = sound[first : None if count is None else first + count]
    for at in range(0, len(part), FRAME):
        planar = np.ascontiguousarray(part[at : at + FRAME].T)
        frame = av.AudioFrame.from_ndarray(planar, "fltp", "stereo")
        frame.rate, frame.pts, frame.time_base = 48000, first + at, Fraction(1, 48000)
        yield from context.encode(frame)
    yield from context.encode(None)


def heard(packets: list[Any]) -> Sound:
    """What a decoder makes of them, without the first packet's."""
    context: Any = av.CodecContext.create("aac", "r")
    context.extradata, context.sample_rate, context.layout = b"\x11\x90", 48000, "stereo"
    frames = [f for p in packets for f in context.decode(av.Packet(bytes(p)))]
    return np.concatenate([f.to_ndarray() for f in frames], axis=1)[:, FRAME:].T


def errors(packets: list[Any], sound: Sound) -> npt.NDArray[np.float64]:
    """Departure from the sound, as RMS of every frame."""
    out = heard(packets)
    frames = min(len(out), len(sound)) // FRAME - 1
    apart = (out[: frames * FRAME] - sound[: frames * FRAME]).reshape(frames, -1)
    return np.sqrt((apart.astype(np.float64) ** 2).mean(axis=1))


def test_nothing_of_the_joins_is_heard(sound: Sound) -> None:
    """Every packet once, in order; what departs from the sound is no more at joins than else."""
    packets = list(parallel(lambda first, count: made_of(sound, first, count), len(sound)))
    alone = list(made_of(sound, 0, None))
    assert [p.pts for p in packets] == [p.pts for p in alone]
    assert [p.duration for p in packets] == [p.duration for p in alone]
    assert sum(p.size for p in packets) == pytest.approx(sum(p.size for p in alone), rel=0.01)
    found = errors(packets, sound)
    for join in (PART, 2 * PART):
        assert found[join - 3 : join + 4].max() <= np.percentile(found, 99.5)


def test_packets_of_encoders_that_know_nothing_of_each_other_are_heard(sound: Sound) -> None:
    """Which shows that the measure above can tell."""
    at = PART * FRAME
    before = [p for p in made_of(sound, 0, at) if p.pts < at - FRAME]
    after = list(made_of(sound, at, at))
    found = errors([*before, *after], sound)
    assert found[PART - 3 : PART + 4].max() > 3 * np.percentile(found, 99.5)


def test_short_sounds_are_one_part(sound: Sound) -> None:
    """With the very packets of one encoder."""
    short = sound[: 5 * 48000 + 77]
    packets = list(parallel(lambda first, count: made_of(short, first, count), len(short)))
    assert [bytes(p) for p in packets] == [bytes(p) for p in made_of(short, 0, None)]


def test_parts_that_can_not_be_told_alike_are_not_joined(sound: Sound) -> None:
    """Here because the windows of two channels differ in all packets."""

    def hidden(first: int, count: int | None) -> Iterator[Any]:
        for packet in made_of(sound, first, count):
            data = bytearray(bytes(packet))
            data[0] &= 0xFE  # the bit that says that both channels have one window
            changed = av.Packet(bytes(data))
            changed.pts = packet.pts
            yield changed

    with pytest.raises(UnlikeError):
        list(parallel(hidden, len(sound)))


@pytest.mark.parametrize(
    ("packet", "window"),
    [
        (bytes([0b00100001, 0b00110000, 0]), 0b011),
        (bytes([0b00100000, 0b00110000, 0]), None),
        (bytes([0b00000001, 0b11111110, 0b10100000]), 0b101),
        (bytes([0b11000000, 0, 0]), None),
    ],
)
def test_a_window_is_read_where_it_lies_in_front(packet: bytes, window: int | None) -> None:
    """Of two channels with one window, of two without, of one; in something else."""
    assert window_of(packet) == window


def test_a_programme_is_encoded_in_parts_from_where_it_begins(
    sound: Sound, sources: Any, tmp_path: Path
) -> None:
    """As one encoder would: the same times, and sound no farther away; mono and 5.1, too."""
    for layout, channels in (("stereo", 2), ("mono", 1), ("5.1", 6)):
        mix = np.resize(sound.T, (channels, len(sound))).T
        write_wav(tmp_path / "mix.wav", [mix], 48000, channels)
        cut = cut_of(clip(sources[0], 0, 24 * (SECONDS - 2)), layout=layout)
        out = encode(
            tmp_path / "mix.wav", tmp_path / "o.sound", cut, CODEC, Fraction(1), threading.Event()
        )
        with av.open(str(tmp_path / "o.mp4"), "w") as container:
            one = SoundTrack(container, tmp_path / "mix.wav", cut, CODEC, Fraction(1))
            alone = [packet for _, _, packet in one.packets()]
            two = SoundTrack(container, tmp_path / "mix.wav", cut, CODEC, Fraction(1), out)
            stored = [packet for _, _, packet in two.packets()]
        assert [(p.pts, p.duration) for p in stored] == [(p.pts, p.duration) for p in alone]
        if channels == 2:
            late = sound[48000:]
            apart, usual = errors(stored, late), errors(alone, late)
            assert apart.mean() <= 1.05 * usual.mean()
        if channels == 6:
            assert [bytes(p) for p in stored] == [bytes(p) for p in alone]


def test_encoding_in_parts_stops_when_it_is_told(
    sound: Sound, sources: Any, tmp_path: Path
) -> None:
    """And leaves nothing behind."""
    write_wav(tmp_path / "mix.wav", [sound], 48000, 2)
    cut = cut_of(clip(sources[0], 0, 24 * SECONDS))
    stop = threading.Event()
    stop.set()
    codec = delivery_preset("youtube-1080p").audio
    with pytest.raises(RenderError, match="cancelled"):
        encode(tmp_path / "mix.wav", tmp_path / "o.sound", cut, codec, Fraction(0), stop)
    assert [path.name for path in tmp_path.iterdir()] == ["mix.wav"]
