"""What a link is made from besides words and end frames, as files that a provider can take."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from assembler.errors import GenerateError
from assembler.generation.base import Role
from assembler.media.files import publish
from assembler.media.probe import probe
from assembler.media.samples import read_samples
from assembler.planning.model import Link
from assembler.planning.project import Project

_HZ = 48_000
_WAV_S = 45
"""Longer speech becomes MP3: 45 s of 16-bit mono are 4.3 MB, and 5 MB is what Kling takes."""
_MP3_BPS = 128_000


def files_of(link: Link, project: Project) -> Mapping[Role, tuple[Path, ...]]:
    """Files of a link by what they are for; the recording is cut to what the link speaks."""
    files: dict[Role, tuple[Path, ...]] = {}
    videos = tuple(path for path in link.references if _moves(path))
    images = tuple(path for path in link.references if path not in videos)
    if images:
        files["reference"] = images
    if link.middle:
        files["middle"] = link.middle
    if videos:
        files["video"] = videos
    if link.avatar_image:
        files["portrait"] = (link.avatar_image,)
    if link.avatar_audio:
        files["speech"] = (speech_of(link, project),)
    return files


def _moves(path: Path) -> bool:
    info = probe(path)
    return info.video is not None and not info.still


def speech_of(link: Link, project: Project) -> Path:
    """
    The part of its recording that a link speaks: 16-bit mono WAV, MP3 when it is long.

    Raises:
        GenerateError: If the recording has no sound.
    """
    assert link.avatar_audio is not None
    suffix = ".wav" if link.length_s <= _WAV_S else ".mp3"
    path = project.frames / f"{link.key}-speech{suffix}"
    if path.is_file():
        return path
    info = probe(link.avatar_audio)
    if not info.audio:
        raise GenerateError(f"{link.avatar_audio.name} has no sound", link.where)
    begin = info.audio[0].start_s + link.avatar_in_s
    samples = int(Fraction(link.length_s) * _HZ)
    sound = read_samples(info, info.audio[0].index, begin, samples, _HZ, 1)
    codes = np.rint(np.clip(sound[:, 0], -1, 1) * 32767).astype(np.int16)
    with publish(path) as part:
        (_write_wav if suffix == ".wav" else _write_mp3)(part, codes)
    return path


def _write_wav(path: Path, codes: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_HZ)
        file.writeframes(codes.tobytes())


def _write_mp3(path: Path, codes: NDArray[np.int16]) -> None:
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=_HZ)
        stream.codec_context.layout = "mono"
        stream.bit_rate = _MP3_BPS
        frame = av.AudioFrame.from_ndarray(codes[None, :], format="s16p", layout="mono")
        frame.sample_rate = _HZ
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
