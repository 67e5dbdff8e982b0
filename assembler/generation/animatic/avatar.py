"""A portrait that speaks: mouth and head follow the loudness of the given sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from assembler.generation.animatic import paint, picture
from assembler.generation.animatic.camera import Array, Pose
from assembler.generation.animatic.picture import Picture
from assembler.generation.animatic.planes import Planes, code
from assembler.generation.animatic.portrait import Face

HZ = 48_000


@dataclass(frozen=True, slots=True)
class Speaking:
    """A portrait and how far its mouth is open in each frame."""

    picture: Picture
    face: Face
    open: Array
    """In [0, 1], one number a frame; 0 in the first."""
    rate: float
    sways: float = 0.0
    """How far its swaying is along at the start, in radians."""

    def at(self, n: float) -> Planes:
        """The portrait at that moment of its speech."""
        nod, wide = self._nod(n), self._open(n)
        view = self.picture.view(Pose())
        mx, my = picture.maps_of(self.picture, view).full
        face = self.face
        t = n / self.rate
        weight = _around(
            view.size, face.x, face.y + 0.1 * face.height, 0.95 * face.width, 0.85 * face.height
        )
        ramp = min(1.0, t / 0.6)
        turn = ramp * 0.016 * math.sin(t * 1.1 + self.sways) + 0.010 * nod
        begin = 0.4 + 2 * self.sways
        dx = face.width * ramp * (0.020 * math.sin(t * 0.9 + begin) - 0.020 * math.sin(begin))
        dy = face.height * (0.018 * nod + ramp * 0.008 * math.sin(t * 1.7 + self.sways))
        yy = my - (face.y + face.height * 0.6)
        xx = mx - face.x
        mx = mx - weight * (dx - turn * yy)
        my = my - weight * (dy + turn * xx)
        my, dark = self._jaw(mx, my, wide)
        half = (
            (mx[0::2, 0::2] + mx[1::2, 0::2]) * 0.25,
            (my[0::2, 0::2] + my[1::2, 0::2]) * 0.25 - 0.25,
        )
        frame = picture.warped(self.picture.planes, picture.Maps((mx, my), half))
        if dark is not None and self.face.sure:
            _tint(frame, dark, code((0.16, 0.035, 0.045)))
        return frame

    def _open(self, n: float) -> float:
        return float(np.interp(n, np.arange(len(self.open)), self.open))

    def _nod(self, n: float) -> float:
        """Slower than the mouth: what was said in the last quarter second."""
        span = 0.25 * self.rate
        return float(np.mean([self._open(n - span * k / 6) for k in range(7)]))

    def _jaw(self, mx: Array, my: Array, wide: float) -> tuple[Array, Array | None]:
        """Open the mouth: what lies below its line moves down, the gap is dark."""
        if wide < 0.01:
            return my, None
        face = self.face
        gap = 0.34 * face.mouth_width * wide
        u = (mx - face.mouth_x) / (face.mouth_width * 0.56)
        arch = np.clip(1 - u * u, 0, 1)
        line = face.mouth_y + 0.02 * face.mouth_width
        below = my - line
        chin = np.exp(-(((mx - face.mouth_x) / (face.width * 0.36)) ** 2))
        reach = np.exp(-((np.clip(below, 0, None) / (face.height * 0.30)) ** 2))
        lower = gap * (0.55 * chin + 0.45 * arch) * reach
        edge = gap * (0.55 + 0.45 * arch) * (arch > 0)
        inside = np.clip(
            np.minimum(below + 0.12 * gap * arch, edge * arch**0.5 - below) + 0.5, 0, 1
        )
        inside = inside * np.clip(arch * 12, 0, 1)
        moved = np.where(below > 0, my - np.minimum(lower, below * 0.98), my)
        return moved.astype(np.float32), inside.astype(np.float32)


def _tint(frame: Planes, alpha: Array, colour: tuple[float, float, float]) -> None:
    half = cv2.resize(
        alpha, (alpha.shape[1] // 2, alpha.shape[0] // 2), interpolation=cv2.INTER_AREA
    )
    frame.y += (colour[0] - frame.y) * alpha
    frame.u += (colour[1] - frame.u) * half
    frame.v += (colour[2] - frame.v) * half


def _around(size: tuple[int, int], x: float, y: float, rx: float, ry: float) -> Array:
    """1 at a point, falling to 0 around it."""
    columns = (np.arange(size[0], dtype=np.float32)[None, :] - x) / rx
    rows = (np.arange(size[1], dtype=np.float32)[:, None] - y) / ry
    return np.exp(-((columns * columns + rows * rows) ** 1.5)).astype(np.float32)


def openings(speech: Array, frames: int, rate: Fraction) -> Array:
    """
    How far a mouth is open in each frame, from the speech at 48 kHz, shape (samples, channels).

    Loudness in each frame against the loudest tenth, with the lips closing between syllables.
    """
    level = np.zeros(frames, np.float32)
    mono = speech.mean(axis=1)
    for n in range(frames):
        a, b = int(n * HZ / rate), int((n + 1) * HZ / rate)
        block = mono[a:b]
        level[n] = math.sqrt(float(np.mean(block * block))) if block.size else 0.0
    loud = max(float(np.percentile(level, 92)), 1e-4)
    relative = np.clip((level / loud - 0.12) / 0.88, 0, 1) ** 0.7
    smooth = np.convolve(np.pad(relative, 1, mode="edge"), [0.22, 0.56, 0.22], "valid")
    smooth *= np.clip(np.arange(frames) / 3, 0, 1)
    return smooth.astype(np.float32)


def painted(prompt: str, size: tuple[int, int], seed: int) -> tuple[Picture, Face]:
    """A painted portrait when none is given."""
    painting = paint.paint(f"close-up portrait. {prompt}", size, seed)
    blink = next(e for e in painting.elements if hasattr(e, "face"))
    ox, oy = painting.picture.origin
    face: Face = blink.face
    moved = Face(
        face.x - ox,
        face.y - oy,
        face.width,
        face.height,
        face.mouth_x - ox,
        face.mouth_y - oy,
        face.mouth_width,
        tuple((x - ox, y - oy) for x, y in face.eyes),
        face.skin,
    )
    return picture.plain(picture.cropped(painting.picture)), moved


def face_in(planes: Planes) -> Face:
    """
    Where the face in a given portrait is likely to be: by the colour of skin, else by custom.

    Skin lies in a narrow range of Cb and Cr (Chai and Ngan, 1999).
    """
    width, height = planes.size
    skin = ((planes.u > 77) & (planes.u < 124) & (planes.v > 134) & (planes.v < 174)).astype(
        np.uint8
    )
    skin[int(skin.shape[0] * 0.8) :] = 0
    clean = cv2.morphologyEx(skin, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, _, stats, centres = cv2.connectedComponentsWithStats(clean)
    sure = False
    x, y, wide, tall = width * 0.5, height * 0.40, height * 0.30, height * 0.42
    if count > 1:
        biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        box_w, box_h = stats[biggest, cv2.CC_STAT_WIDTH] * 2, stats[biggest, cv2.CC_STAT_HEIGHT] * 2
        area = stats[biggest, cv2.CC_STAT_AREA] * 4
        if _like_a_face(box_w, box_h, area, planes.size):
            sure = True
            x = float(centres[biggest][0]) * 2
            top = float(stats[biggest, cv2.CC_STAT_TOP]) * 2
            wide = min(float(box_w), 0.5 * height)
            tall = min(float(box_h), wide * 1.45)
            y = top + tall * 0.5
    mouth_y = y + 0.27 * tall
    eyes = ((x - 0.21 * wide, y - 0.05 * tall), (x + 0.21 * wide, y - 0.05 * tall))
    return Face(x, y, wide, tall, x, mouth_y, wide * 0.36, eyes, (0.8, 0.6, 0.5), sure)


def _like_a_face(box_w: float, box_h: float, area: float, size: tuple[int, int]) -> bool:
    """Whether a patch of skin has the shape of a face, and not that of a wall or an arm."""
    width, height = size
    large = area > 0.006 * width * height and box_w < 0.55 * width and box_h > 0.12 * height
    upright = 1.0 < box_h / max(box_w, 1) < 2.2
    full = 0.5 < area / max(box_w * box_h, 1) < 0.9
    return large and upright and full
