"""
A cut as moviepy clips, to play with in Python.

    clip = to_moviepy(cut)
    clip.with_effects([vfx.FadeOut(1)]).write_videofile("out.mp4")

Frames are decoded as the renderer decodes them, laid on the canvas, and corrected. What only the
renderer can do is named in a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.cut.model import Clip, Cut, Insert, PictureLayer, Sound, Source
from assembler.match.apply import corrected
from assembler.media.frames import read_frames, read_image
from assembler.media.pixels import Floats
from assembler.media.samples import SampleReader
from assembler.spec.model import Fit
from assembler.timebase import FrameRange

_SKIP = 48
"""Frames that are decoded and dropped rather than sought for."""
_AHEAD_S = 4
"""Seconds of sound that are read at a time."""


def to_moviepy(cut: Cut, inserts: Sequence[Insert] = ()) -> Any:
    """
    The cut as a `moviepy.CompositeVideoClip`, with its sound.

    Args:
        cut: The programme.
        inserts: Titles and captions that were made for its canvas.
    """
    from moviepy import CompositeAudioClip, CompositeVideoClip, VideoFileClip

    for line in _lost(cut, inserts):
        warnings.warn(f"moviepy: {line}", stacklevel=3)
    clips = [_clip(cut, n) for n in range(len(cut.clips))]
    clips += [_layer(cut, layer) for layer in cut.layers]
    for insert in inserts:
        words = VideoFileClip(str(insert.path), has_mask=True)
        start = float(insert.record.start / cut.rate)
        clips.append(words.with_start(start).with_position((insert.x, insert.y)))
    made = CompositeVideoClip(clips, size=cut.size).with_fps(float(cut.rate))
    made = made.with_duration(float(cut.frames / cut.rate))
    sounds = [_sound(cut, sound) for sound in cut.sounds]
    return made.with_audio(CompositeAudioClip(sounds)) if sounds else made


def _lost(cut: Cut, inserts: Sequence[Insert]) -> Iterator[str]:
    sources = [clip.source for clip in cut.clips] + [layer.source for layer in cut.layers]
    if any(s.change.glide or s.change.table or s.change.cdl or s.change.effects for s in sources):
        yield "moves over stills, colour tables, CDLs and effects aren't in it"
    if any(c.transition and c.transition.name != "dissolve" for c in cut.clips):
        yield "all transitions are dissolves"
    if (cut.titles or cut.burn_captions) and not inserts:
        yield "titles and captions aren't in it; hand over `inserts`"
    if any(layer.shape != "box" or layer.key for layer in cut.layers):
        yield "layers are boxes"
    if any(s.duck_db or s.level_to_mix or s.loop for s in cut.sounds):
        yield "sound isn't ducked, levelled or looped"


def _clip(cut: Cut, n: int) -> Any:
    """A clip with the frames of its transitions on both sides."""
    from moviepy import vfx

    clip = cut.clips[n]
    after = cut.clips[n + 1].transition if n + 1 < len(cut.clips) else None
    before = clip.transition.before_frames if clip.transition else 0
    start = clip.record.start - before
    stop = clip.record.stop + (after.after_frames if after else 0)
    shown = [
        source
        for record, first in _extended(clip, before, stop - clip.record.stop)
        for source in range(first, first + record.frames)
    ]
    reel = _Reel(clip.source, cut, clip.fit, cut.size)

    def picture(n: int) -> Floats:
        return corrected(reel.at(shown[n]), clip.correction, max(0, n - before))

    made = _video(picture, len(shown), cut).with_start(float(start / cut.rate))
    if clip.transition:
        made = made.with_effects([vfx.CrossFadeIn(float(clip.transition.frames / cut.rate))])
    return made


def _extended(clip: Clip, before: int, after: int) -> Iterator[tuple[FrameRange, int]]:
    parts = list(clip.stretches())
    for n, (record, first) in enumerate(parts):
        ahead = before if n == 0 else 0
        more = after if n == len(parts) - 1 else 0
        yield FrameRange(record.start - ahead, record.stop + more), first - ahead


def _layer(cut: Cut, layer: PictureLayer) -> Any:
    x, y, width, height = layer.box
    reel = _Reel(layer.source, cut, layer.fit, (width, height))

    def picture(n: int) -> Floats:
        return reel.at(layer.source_in + n)

    made = _video(picture, layer.record.frames, cut)
    start = float(layer.record.start / cut.rate)
    return made.with_start(start).with_position((x, y)).with_opacity(layer.opacity)


def _video(picture: Any, frames: int, cut: Cut) -> Any:
    from moviepy import VideoClip

    def frame(t: float) -> NDArray[np.uint8]:
        n = min(frames - 1, max(0, int(float(t) * float(cut.rate) + 1e-6)))
        return np.asarray(np.rint(picture(n) * 255), np.uint8)

    return VideoClip(frame, duration=float(frames / cut.rate))


class _Reel:
    """Frames of a source on a canvas, best asked for in order."""

    def __init__(self, source: Source, cut: Cut, fit: Fit, size: tuple[int, int]) -> None:
        self._source = source
        self._rate = cut.rate
        self._fit = fit
        self._size = size
        self._frames: Iterator[Floats] = iter(())
        self._next = -1
        self._shown: tuple[int, Floats] | None = None

    def at(self, frame: int) -> Floats:
        """float32 (h, w, 3), R'G'B' in [0, 1]."""
        position = self._source.shown_at(frame, self._rate)
        if self._shown is None or self._shown[0] != position:
            self._shown = position, self._laid(self._read(position))
        return self._shown[1]

    def _read(self, position: int) -> Floats:
        if self._source.still:
            return read_image(self._source.path)
        if not self._next <= position < self._next + _SKIP or self._next < 0:
            self._frames = read_frames(
                self._source.info,
                start=position,
                stop=position + 1_000_000,
                rate=self._source.read_rate(self._rate),
                colour=self._source.colour,
            )
            self._next = position
        while self._next < position:
            next(self._frames)
            self._next += 1
        self._next += 1
        return next(self._frames)

    def _laid(self, rgb: Floats) -> Floats:
        crop = self._source.change.crop
        if crop:
            height, width = rgb.shape[:2]
            left, top, right, bottom = crop
            rgb = rgb[
                round(top * height) : round((1 - bottom) * height),
                round(left * width) : round((1 - right) * width),
            ]
        return laid(rgb, self._size, self._fit)


def laid(rgb: Floats, size: tuple[int, int], fit: Fit) -> Floats:
    """A picture on a canvas: cropped, in bars (also where it would be blurred), or stretched."""
    height, width = rgb.shape[:2]
    if (width, height) == size:
        return rgb
    across, down = size[0] / width, size[1] / height
    if fit != "stretch":
        across = down = max(across, down) if fit == "cover" else min(across, down)
    inner = max(1, round(width * across)), max(1, round(height * down))
    how = cv2.INTER_AREA if across < 1 else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(rgb, inner, interpolation=how), np.float32)
    out = np.zeros((size[1], size[0], 3), np.float32)
    x, y = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    into = out[max(0, y) : max(0, y) + inner[1], max(0, x) : max(0, x) + inner[0]]
    into[:] = scaled[max(0, -y) :, max(0, -x) :][: into.shape[0], : into.shape[1]]
    return np.clip(out, 0, 1)


def _sound(cut: Cut, sound: Sound) -> Any:
    from moviepy import AudioClip

    seconds = sound.record.samples / cut.hz
    made = AudioClip(_Player(cut, sound).at, duration=seconds, fps=cut.hz)
    return made.with_start(sound.record.start / cut.hz)


class _Player:
    """Samples of a sound at any times, best asked for in order."""

    def __init__(self, cut: Cut, sound: Sound) -> None:
        self._sound = sound
        self._hz = cut.hz
        self._first = 0
        self._block = np.zeros((0, 2), np.float32)

    def at(self, t: Any) -> NDArray[np.float64]:
        """Stereo at times in seconds, with the sound's level."""
        wanted = np.rint(np.atleast_1d(t) * self._hz).astype(int)
        lowest, highest = int(wanted.min()), int(wanted.max())
        if lowest < self._first or highest >= self._first + len(self._block):
            self._fill(lowest, highest + 1)
        heard = self._block[wanted - self._first] * self._gain(wanted)[:, None]
        return np.asarray(heard if np.ndim(t) else heard[0], np.float64)

    def _fill(self, first: int, stop: int) -> None:
        sound = self._sound
        begin = sound.source_start_s + Fraction(first, self._hz)
        with SampleReader(sound.path, sound.stream, begin, self._hz, 2) as reader:
            self._block = reader.read(max(stop - first, _AHEAD_S * self._hz))
        self._first = first

    def _gain(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        gain_db = np.full(len(samples), self._sound.gain_db)
        points = self._sound.points
        if points:
            gain_db += np.interp(samples, [p.at for p in points], [p.gain_db for p in points])
        return np.asarray(10 ** (gain_db / 20) * self._fades(samples))

    def _fades(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """Equal power unless they are straight; the mixer knows more curves."""
        sound = self._sound
        gains = np.ones(len(samples))
        ends = (
            (samples, sound.fade_in, sound.fade_in_curve),
            (sound.record.samples - samples, sound.fade_out, sound.fade_out_curve),
        )
        for inside, length, curve in ends:
            if length:
                part = np.clip(inside / length, 0, 1)
                gains *= part if curve == "linear" else np.sin(part * np.pi / 2)
        return gains
