"""A recipe becomes a clip: shots, label, faults and sound, written frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np

from assembler.generation.animatic import avatar, camera, faults, paint, picture, sound
from assembler.generation.animatic.footage import Footage
from assembler.generation.animatic.label import Label
from assembler.generation.animatic.planes import Array, Planes, from_rgb
from assembler.generation.animatic.recipe import Recipe
from assembler.generation.animatic.shot import Arriving, Moving, Shot
from assembler.media.frames import last_frames
from assembler.media.info import Colour
from assembler.media.pixels import BT709
from assembler.media.probe import probe
from assembler.media.samples import read_samples, write_wav
from assembler.media.scale import covering
from assembler.media.stills import read_image
from assembler.media.writer import FrameWriter, _tag
from assembler.timebase import samples_at

_X264 = {
    "preset": "superfast",
    "crf": "16",
    "bf": "0",
    # One keyframe, at the start, as native downloads have; a fixed number of threads, so that
    # every machine makes the same bytes.
    "x264-params": "keyint=infinite:min-keyint=1:scenecut=0:threads=2:sliced-threads=0"
    ":chroma-qp-offset=-6:deadzone-inter=10:deadzone-intra=6",
}
HZ = 48_000


def _encoding(frames: int) -> dict[str, str]:
    """
    Options of the encoder; the last frames, which are handed on, are nearly lossless.

    A predicted frame keeps a little of the frames before it, and a chain would add that up.
    """
    zone = f":zones={max(0, frames - 3)},{frames - 1},q=1"
    return _X264 | {"x264-params": _X264["x264-params"] + zone}


class _PlaneWriter(FrameWriter):
    """Takes code values instead of RGB."""

    def write_planes(self, planes: Planes, *, handed_on: bool) -> None:
        """Append a frame."""
        codes = planes.rounded(keep_mean=handed_on)
        frame = av.VideoFrame.from_ndarray(codes, "yuv420p")
        frame.pts = self.frames
        frame.time_base = 1 / self.rate
        _tag(frame, self.colour)
        self._output.mux(self._video.encode(frame))
        self.frames += 1
        self._send_sound(self.frames)


class _Source(Protocol):
    def at(self, n: int) -> Planes:
        """Frame *n* of the clip."""


def make(recipe: Recipe, to: Path) -> Iterator[float]:
    """
    Write the clip; yields what part of it is written, after each frame.

    The file appears when the last frame is in; a generator closed early leaves nothing.

    Raises:
        AssemblerError: If an image or recording that it needs can't be read.
    """
    if recipe.heard_s is not None:
        yield from _heard(recipe, to)
        return
    fault = faults.faults_of(recipe.faults, recipe.link)
    speech = _speech(recipe)
    source = _Clip(recipe, speech)
    colour = BT709 if fault.tags else Colour()
    audio = _sound(recipe, speech)
    with _PlaneWriter(
        to, recipe.size, recipe.rate, colour=colour, options=_encoding(recipe.frames),
        audio=None if audio is None else (audio, HZ),
    ) as writer:  # fmt: skip
        head = _overlap(recipe, fault.overlap)
        for n in range(recipe.frames):
            frame = head[n] if n < len(head) else source.at(fault.source_frame(n, recipe.frames))
            frame = fault.applied(frame, n, recipe.frames)
            source.label(frame, n)
            writer.write_planes(frame, handed_on=n == recipe.frames - 1)
            if n < recipe.frames - 1:
                yield (n + 1) / recipe.frames
    yield 1.0


def _heard(recipe: Recipe, to: Path) -> Iterator[float]:
    """Sound alone, as WAV whatever the file is called."""
    assert recipe.heard_s is not None
    samples = max(1, round(recipe.heard_s * HZ))
    made = sound.babble if recipe.spoken else sound.ambience
    write_wav(to, [made(recipe.prompt, samples, recipe.seed + recipe.take - 1)], HZ, 2)
    yield 1.0


class _Clip:
    """The faultless clip."""

    def __init__(self, recipe: Recipe, speech: Array | None) -> None:
        self._recipe = recipe
        self._label = Label(recipe.link, recipe.prompt, recipe.size, recipe.frames)
        self._speech = speech
        edges = np.cumsum([0, *(shot.frames for shot in recipe.shots)])
        self._edges = [int(edge) for edge in edges]
        self._now: tuple[int, Shot] | None = None

    def at(self, n: float) -> Planes:
        """Frame *n*; shots are painted when their turn comes."""
        last = len(self._edges) - 2
        index = next(i for i in range(last + 1) if n < self._edges[i + 1] or i == last)
        if self._now is None or self._now[0] != index:
            self._now = index, self._shot(index)
        return self._now[1].at(n - self._edges[index])

    def label(self, frame: Planes, n: int) -> None:
        """Draw the label."""
        if self._recipe.label:
            self._label.draw(frame, n)

    def _shot(self, index: int) -> Shot:
        recipe = self._recipe
        if recipe.avatar:
            return _speaking(recipe, self._speech)
        if recipe.video:
            return Footage(recipe.video, recipe.size)
        shot = recipe.shots[index]
        start = _image(recipe.start, recipe.size) if recipe.start and index == 0 else None
        final = index == len(recipe.shots) - 1
        end = _image(recipe.end, recipe.size) if recipe.end and final else None
        move = camera.of_take(camera.read(recipe.camera, shot.prompt), recipe.take)
        rate = float(recipe.rate)
        if start is None and end is None:
            painting = paint.paint(
                shot.prompt, recipe.size, recipe.seed + index, context=recipe.prompt
            )
            return Moving(
                painting.picture, move, shot.frames, rate, painting.elements, lively=False
            )
        from_start = (
            None if start is None else Moving(picture.plain(start), move, shot.frames, rate)
        )
        if end is None:
            assert from_start is not None
            return from_start
        to_end = Moving(picture.plain(end), move, shot.frames, rate, anchor=shot.frames - 1)
        if from_start is None:
            return to_end
        calm = replace(from_start, lively=False), replace(to_end, lively=False)
        return Arriving(*calm)


def _image(path: Path, size: tuple[int, int]) -> Planes:
    """An end frame; one of another size is cropped to the frame's shape and scaled."""
    return from_rgb(covering(read_image(path)[..., :3], size))


def _speaking(recipe: Recipe, speech: Array | None) -> Shot:
    frames, rate = recipe.frames, recipe.rate
    sound_ = (
        speech if speech is not None else np.zeros((samples_at(frames, rate, HZ), 2), np.float32)
    )
    opened = avatar.openings(sound_, frames, rate)
    portrait = recipe.portrait or recipe.start
    if portrait is None:
        own, face = avatar.painted(recipe.prompt, recipe.size, recipe.seed)
    else:
        planes = _image(portrait, recipe.size)
        own, face = picture.plain(planes), avatar.face_in(planes)
    return avatar.Speaking(own, face, opened, float(rate), float(recipe.take - 1))


def _speech(recipe: Recipe) -> Array | None:
    if recipe.speech is None:
        return None
    info = probe(recipe.speech)
    if not info.audio:
        return None
    samples = samples_at(recipe.frames, recipe.rate, HZ)
    begin = info.audio[0].start_s + recipe.speech_in_s
    return read_samples(info, info.audio[0].index, begin, samples, HZ, 2)


def _sound(recipe: Recipe, speech: Array | None) -> Array | None:
    if not recipe.audio:
        return None
    if speech is not None:
        return speech
    return sound.ambience(recipe.prompt, samples_at(recipe.frames, recipe.rate, HZ), recipe.seed)


def _overlap(recipe: Recipe, frames: int) -> list[Planes]:
    """The last frames of the clip before, with which a clip of the `overlap` fault begins."""
    if frames < 1 or recipe.before is None:
        return []
    tail = list(last_frames(probe(recipe.before), frames))
    size = recipe.size
    fitted = [f if f.shape[1::-1] == size else cv2.resize(f, size) for f in tail]
    return [from_rgb(np.clip(f, 0, 1)) for f in fitted]


def seconds(recipe: Recipe) -> Fraction:
    """Length of the clip."""
    return recipe.frames / recipe.rate
