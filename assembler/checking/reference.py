"""
What the programme should show, made small from the sources alone: not from what was rendered.

Cropped, fitted, corrected, graded, mixed and masked as the cut says. What can't be told so simply
(effects of moviepy, most wipes, patches) is left out, and those frames aren't compared.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np

from assembler.checking.expected import Expected
from assembler.checking.small import F32, shrunk
from assembler.cut.model import Cdl, Change, Clip, Cut, Source
from assembler.errors import MediaError
from assembler.match.apply import corrected
from assembler.match.features import luma
from assembler.media.conform import contain_size, cover_size
from assembler.media.cube import Cube, looked_up, mixed, read_cube
from assembler.media.frames import assumed, coded_frames, upright
from assembler.media.stills import read_image
from assembler.media.tone import to_bt709
from assembler.rendering.glide import view_at, window
from assembler.rendering.inserts import curves_of, strip_height
from assembler.rendering.spans import delivered_box
from assembler.spec.transitions import DIPS
from assembler.timebase import FrameRange

_MIXED = "dissolve"
"""The transition that is a plain mix of both sides."""
_NEARER = 4
"""A still that is moved over is kept larger by so much."""
_FAR = 96
"""So many frames ahead are read through; farther ones are sought."""
_BLUR = 24
"""Part of the picture's height by which bars are blurred, as `media.conform` does it."""
_EDGE = 1
"""Small pixels around a layer that belong to neither."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be seen at one frame."""

    rgb: F32
    """float32 (h, w, 3), encoded R'G'B' in [0, 1]."""
    free: F32
    """1 where the picture is compared, 0 under layers and titles; float32 (h, w)."""
    coloured: bool
    """Whether its colours can be compared too."""


def programme(
    expected: Expected, size: tuple[int, int], ranges: Sequence[FrameRange] | None = None
) -> Iterator[Shown | None]:
    """
    Every frame of the programme in order; None where it can't be told.

    Args:
        expected: The programme.
        size: Width and height to bring it to.
        ranges: Frames that are wanted, ascending; the others are None, and nothing is read for
            them. Not given, all are.
    """
    strands = [_Strand(clip, expected, size) for clip in expected.cut.clips]
    masks = _Masks(expected, size)
    wanted = None if ranges is None else {n for start, stop in ranges for n in range(start, stop)}
    with ExitStack() as stack:
        for strand in strands:
            stack.callback(strand.close)
        for number, strand in enumerate(strands):
            after = strands[number + 1] if number + 1 < len(strands) else None
            for frame in range(strand.clip.record.start, strand.clip.record.stop):
                if wanted is not None and frame not in wanted:
                    yield None
                    continue
                passes = _passes(strand, after, frame)
                shown = _mixed(strands, number, frame) if passes else strand.at(frame)
                yield None if shown is None else replace(shown, free=shown.free * masks.at(frame))
            if number:
                strands[number - 1].close()


def _passes(strand: _Strand, after: _Strand | None, frame: int) -> bool:
    """Whether a frame of a strand lies in a transition."""
    into, out = strand.clip.transition, after.clip.transition if after else None
    inside = into is not None and frame < strand.clip.record.start + into.after_frames
    return inside or (out is not None and frame >= strand.clip.record.stop - out.before_frames)


def _mixed(strands: list[_Strand], number: int, frame: int) -> Shown | None:
    """A frame of a transition, where it is a mix."""
    own = strands[number].clip.transition
    into = own is not None and frame < strands[number].clip.record.start + own.after_frames
    a, b = (
        (strands[number - 1], strands[number]) if into else (strands[number], strands[number + 1])
    )
    transition = b.clip.transition
    assert transition is not None
    first, second = a.at(frame), b.at(frame)
    if first is None or second is None:
        return None
    step = frame - (b.clip.record.start - transition.before_frames)
    share = (step + 1) / (transition.frames + 1)
    free, coloured = first.free * second.free, first.coloured and second.coloured
    if transition.name == _MIXED:
        rgb = first.rgb * np.float32(1 - share) + second.rgb * np.float32(share)
        return Shown(rgb, free, coloured)
    if transition.name not in DIPS:
        return None
    hue = transition.colour or DIPS[transition.name]
    plain = np.array([int(hue[n : n + 2], 16) / 255 for n in (1, 3, 5)], np.float32)
    half = (transition.frames + 1) // 2
    if step + 1 <= half:
        part, side = np.float32((step + 1) / half), first.rgb
    else:
        part = np.float32(1 - (step + 1 - half) / (transition.frames + 1 - half))
        side = second.rgb
    return Shown(side * (1 - part) + plain * part, free, coloured)


class _Masks:
    """Where layers and titles lie over the picture."""

    def __init__(self, expected: Expected, size: tuple[int, int]) -> None:
        self._size = size
        whole = expected.size
        canvas = expected.cut.size
        self._boxes = [
            (layer.record, _box(delivered_box(layer.box, canvas, whole), whole, size))
            for layer in expected.cut.layers
        ]
        self._boxes += [
            (i.record, _box((i.x, i.y, i.width, i.height), whole, size)) for i in expected.inserts
        ]
        strip = strip_height(whole[1]) if expected.delivery.burn_in else 0
        self._strip = math.ceil(strip * size[1] / whole[1]) + _EDGE if strip else 0

    def at(self, frame: int) -> F32:
        """float32 (h, w)."""
        mask = np.ones((self._size[1], self._size[0]), np.float32)
        mask[: self._strip] = 0
        for record, (left, top, right, bottom) in self._boxes:
            if record.start <= frame < record.stop:
                mask[top:bottom, left:right] = 0
        return mask


def _box(
    box: tuple[int, int, int, int], whole: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in the small picture, a little wider."""
    x, y, width, height = box
    across, down = size[0] / whole[0], size[1] / whole[1]
    return (
        max(0, math.floor(x * across) - _EDGE),
        max(0, math.floor(y * down) - _EDGE),
        math.ceil((x + width) * across) + _EDGE,
        math.ceil((y + height) * down) + _EDGE,
    )


class _Strand:
    """The pictures of one clip, its handles included."""

    def __init__(self, clip: Clip, expected: Expected, size: tuple[int, int]) -> None:
        self.clip = clip
        self._cut = expected.cut
        self._size = size
        self._place = _Placing.of(clip, expected.size, size)
        self._reader: _Reader | None = None
        self._last: tuple[int, Shown | None] | None = None
        video = clip.source.info.video
        self._clear = video is not None and video.alpha and not clip.source.still
        """Transparency isn't decoded here."""
        shape = Fraction(*expected.size) == Fraction(*expected.cut.size)
        self._shaped = shape and clip.source.change.crop is None
        self._look = _Look(clip.source.change)

    def close(self) -> None:
        """Forget what was read."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._last = None

    def at(self, frame: int) -> Shown | None:
        """What it shows at a frame of the programme; None when that can't be told."""
        if self._last is None or self._last[0] != frame:
            self._last = (frame, self._made(frame - self.clip.record.start))
        return self._last[1]

    def _made(self, used: int) -> Shown | None:
        clip, change = self.clip, self.clip.source.change
        patch = clip.correction.patch
        if change.effects or (patch is not None and 0 <= used < patch.frames):
            return None
        if self._clear:
            return None
        if self._reader is None:
            self._reader = _Reader(clip.source, self._cut, self._place.inner)
        picture = self._reader.at(self.clip.source_frame(used))
        if picture is None:
            return None
        rgb, free = self._laid(picture, used)
        plain = change.table is None and change.cdl is None
        correction = clip.correction
        if not correction.neutral:
            if not self._shaped:
                correction = replace(correction, affine=None)
            rgb = corrected(rgb, replace(correction, sharpen=0.0), max(0, used))
        return Shown(self._look.of(rgb), free, plain)

    def _laid(self, picture: F32, used: int) -> tuple[F32, F32]:
        glide = self.clip.source.change.glide
        if glide is None:
            return self._place.moved(self.clip, self.clip.source_frame(used)).lay(picture)
        height, width = picture.shape[:2]
        crop = self.clip.source.change.crop or (0.0, 0.0, 0.0, 0.0)
        picture = picture[
            round(crop[1] * height) : height - round(crop[3] * height),
            round(crop[0] * width) : width - round(crop[2] * width),
        ]
        whole = (picture.shape[1], picture.shape[0])
        left, top, width, height = window(
            view_at(glide, self.clip.source_in + used), whole, self._size
        )
        return _seen(picture, (left, top, width, height), self._size), _ones(self._size)


class _Look:
    """Colour table and CDL of a clip, read when the first picture is wanted."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._tables: list[Cube] | None = None

    def of(self, rgb: F32) -> F32:
        """A picture as it is shown."""
        change, cdl = self._change, self._change.cdl
        if self._tables is None:
            self._tables = list(_tables(change))
        for table in self._tables:
            rgb = np.clip(looked_up(rgb, table), 0, 1)
        return _saturated(rgb, cdl) if cdl else rgb


def _tables(change: Change) -> Iterator[Cube]:
    if change.table:
        yield mixed(read_cube(change.table.path), change.table.strength)
    if change.cdl:
        curves = curves_of(change.cdl)
        yield Cube(len(curves), False, curves)


def _saturated(rgb: F32, cdl: Cdl) -> F32:
    grey = luma(rgb)[..., None]
    return np.clip(grey + (rgb - grey) * np.float32(cdl.saturation), 0, 1)


def _ones(size: tuple[int, int]) -> F32:
    return np.ones((size[1], size[0]), np.float32)


def _seen(picture: F32, place: tuple[float, float, float, float], size: tuple[int, int]) -> F32:
    """What lies in a part (in pixels) of a picture."""
    left, top, width, height = place
    step = (width / size[0], height / size[1])
    move = np.array([[step[0], 0, left + step[0] / 2 - 0.5], [0, step[1], top + step[1] / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


@dataclass(frozen=True, slots=True)
class _Placing:
    """How a source's whole picture comes to lie on the delivered one."""

    inner: tuple[int, int]
    """Size that the whole source is averaged down to, so that nothing is scaled after."""
    left: float
    """In parts of the source's width: where the delivered picture begins …"""
    top: float
    across: float
    """… and how much of it is seen; more than 1 where there are bars."""
    down: float
    kept: tuple[float, float, float, float]
    """Left, top, right and bottom of what the author's crop leaves of the source, the same way."""
    room: tuple[float, float]
    """How far the window can go, in parts of the source; the middle is half of it."""
    bars: bool
    """Whether what lies outside is black; else it is blurred, and isn't compared."""
    size: tuple[int, int]

    @classmethod
    def of(cls, clip: Clip, whole: tuple[int, int], size: tuple[int, int]) -> _Placing:
        video = clip.source.info.video
        assert video is not None
        crop = clip.source.change.crop or (0.0, 0.0, 0.0, 0.0)
        kept = (1 - crop[0] - crop[2], 1 - crop[1] - crop[3])
        seen = video
        if clip.source.change.crop:
            width, height = video.display_size
            seen = replace(
                video, width=round(width * kept[0]), height=round(height * kept[1]),
                sar=Fraction(1), rotation=0,
            )  # fmt: skip
        match clip.fit:
            case "cover":
                scaled = cover_size(seen, whole)
            case "contain" | "blur":
                scaled = contain_size(seen, whole)
            case _:
                scaled = whole
        begin = [math.floor((scaled[n] - whole[n]) / 4) * 2 / scaled[n] for n in range(2)]
        share = [whole[n] / scaled[n] for n in range(2)]
        across, down = share[0] * kept[0], share[1] * kept[1]
        inner = (max(4, round(size[0] / across)), max(4, round(size[1] / down)))
        if clip.source.change.glide:
            width, height = video.display_size
            scale = _NEARER * max(size) / max(width, height)
            inner = (max(4, round(width * scale)), max(4, round(height * scale)))
        room = ((1 - share[0]) * kept[0], (1 - share[1]) * kept[1])
        return cls(
            inner, crop[0] + begin[0] * kept[0], crop[1] + begin[1] * kept[1], across, down,
            (crop[0], crop[1], 1 - crop[2], 1 - crop[3]), room, clip.fit != "blur", size,
        )  # fmt: skip

    def moved(self, clip: Clip, number: int) -> _Placing:
        """The same for a frame of the source, where the window follows something."""
        if not clip.framing or min(self.room) < 0:
            return self
        marks = [mark[0] for mark in clip.framing]
        x, y = (float(np.interp(number, marks, [m[n] for m in clip.framing])) for n in (1, 2))
        crop = clip.source.change.crop or (0.0, 0.0)
        return replace(self, left=crop[0] + self.room[0] * x, top=crop[1] + self.room[1] * y)

    def lay(self, picture: F32) -> tuple[F32, F32]:
        """The delivered picture, and where it can be compared."""
        height, width = picture.shape[:2]
        place = (self.left * width, self.top * height, self.across * width, self.down * height)
        rgb = _seen(picture, place, self.size)
        left, top, right, bottom = self.kept
        if self.across <= right - left and self.down <= bottom - top:
            return rgb, _ones(self.size)
        x = (np.arange(self.size[0]) + 0.5) / self.size[0] * self.across + self.left
        y = (np.arange(self.size[1]) + 0.5) / self.size[1] * self.down + self.top
        inside = ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None, :]
        around = np.float32(0) if self.bars else self._blurred(picture)
        rgb = np.where(inside[..., None], rgb, around)
        return rgb, _ones(self.size) if self.bars else inside.astype(np.float32)

    def _blurred(self, picture: F32) -> F32:
        """What is seen around it: the same, as large as it takes to cover all."""
        height, width = picture.shape[:2]
        right, bottom = self.kept[2] - self.kept[0], self.kept[3] - self.kept[1]
        larger = max(self.across / right, self.down / bottom)
        across, down = self.across / larger, self.down / larger
        left, top = self.left + (self.across - across) / 2, self.top + (self.down - down) / 2
        place = left * width, top * height, across * width, down * height
        covering = _seen(picture, place, self.size)
        return np.asarray(cv2.GaussianBlur(covering, (0, 0), self.size[1] / _BLUR), np.float32)


class _Reader:
    """Small pictures of a source by their number at the programme's rate."""

    def __init__(self, source: Source, cut: Cut, size: tuple[int, int]) -> None:
        assert source.info.video is not None
        self._source, self._rate, self._size = source, cut.rate, size
        self._video = source.info.video
        self._colour = assumed(source.colour, self._video.width, self._video.height)
        self._coded = size[::-1] if self._video.rotation in (90, 270) else size
        self._frames = self._decoded(0)
        self._held: tuple[int, F32] | None = None
        self._ahead: tuple[int, F32] | None = None
        self._still = self._picture() if source.still else None
        self._bent = self._read_bent() if source.retime else {}

    def _picture(self) -> F32:
        rgb = read_image(self._source.path)
        return np.asarray(cv2.resize(rgb, self._size, interpolation=cv2.INTER_AREA), np.float32)

    def _read_bent(self) -> dict[int, F32]:
        """All pictures of a clip whose time is bent, since it may run backwards."""
        retime = self._source.retime
        assert retime is not None
        numbers = {self._shown(n) for n in range(retime.frames)}
        kept: dict[int, F32] = {}
        for number in sorted(numbers):
            picture = self._forward(number)
            if picture is not None:
                kept[number] = picture.astype(np.float16)
        return kept

    def close(self) -> None:
        """Let go of the file; a generator that refers to its owner isn't freed at once."""
        self._frames.close()

    def at(self, number: int) -> F32 | None:
        """The picture of a frame, counted as the cut does."""
        if self._still is not None:
            return self._still
        place = self._shown(number)
        if self._source.retime is None:
            return self._forward(place)
        found = self._bent.get(place)
        return None if found is None else found.astype(np.float32)

    def _shown(self, number: int) -> int:
        """Position in the file of what is shown as a frame of the cut's counting."""
        shown = self._source.shown_at(number, self._rate)
        return self._video.shown_at(shown, self._source.read_rate(self._rate))

    def _forward(self, position: int) -> F32 | None:
        if self._held is None or not 0 <= position - self._held[0] < _FAR:
            self.close()
            self._frames, self._held = self._decoded(position), None
            self._ahead = next(self._frames, None)
        while self._ahead is not None and (self._ahead[0] <= position or self._held is None):
            self._held, self._ahead = self._ahead, next(self._frames, None)
        return None if self._held is None else self._held[1]

    def _decoded(self, first: int) -> Generator[tuple[int, F32], None, None]:
        with suppress(MediaError):
            for position, frame in coded_frames(self._source.info, first):
                rgb = shrunk(frame, self._colour, self._coded)
                yield position, upright(to_bt709(rgb, self._source.colour), self._video)
