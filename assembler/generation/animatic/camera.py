"""
Camera words become a move: where the frame lies on the picture at any time.

    >>> move = read("Slow push-in, pan left")
    >>> move.zoom > 0 > move.x
    True
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""float32 where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Move:
    """Speeds per second; all zero is a static camera."""

    zoom: float = 0.0
    """Growth of the natural logarithm of the magnification."""
    x: float = 0.0
    """Of the frame's width, to the right."""
    y: float = 0.0
    """Of the frame's height, downwards."""
    roll: float = 0.0
    """Radians, clockwise."""
    orbit: float = 0.0
    """Of the frame's width, by which the nearest passes the farthest."""
    shake: float = 0.0
    """Amplitude in parts of the frame's width."""
    ease_in: float = 0.0
    """Part of the clip that gathers speed."""
    ease_out: float = 0.0

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return not any((self.zoom, self.x, self.y, self.roll, self.orbit, self.shake))


_SPEEDS = (
    (r"\bwhip|\bcrash|\bvery fast|\brapid", 4.0),
    (r"\bfast|\bquick|\bswift|\bsudden", 2.0),
    (r"\bvery slow|\bbarely|\bimperceptib|\bsubtl", 0.35),
    (r"\bslow|\bgent|\bsoft|\bcalm|\bcreep", 0.6),
)
_GO = r"(?:s|ing|ning)?"
_WORDS: tuple[tuple[str, dict[str, float]], ...] = (
    (
        r"\bpush(?:es|ing)?[\s-]+(?:\w+ )?(?:in|forward|closer|towards?)\b"
        r"|\b(?:dolly|dollies|dollying|zooms?|zooming)[\s-]+(?:\w+ )?(?:in|forward)\b"
        r"|\bmoves? (?:\w+ )?(?:in|closer|forward)\b|\bcloses in\b|\bapproach",
        {"zoom": 0.030},
    ),
    (
        r"\bpull(?:s|ing)?[\s-]+(?:\w+ )?(?:out|back|away)\b|\bmoves? (?:\w+ )?(?:back|away)\b"
        r"|\b(?:dolly|dollies|dollying|zooms?|zooming)[\s-]+(?:\w+ )?(?:out|back)\b|\breveal",
        {"zoom": -0.026},
    ),
    (rf"\bpan{_GO}(?: \w+)? left|\b(?:truck|track|slide)\w*(?: \w+)? left", {"x": -0.022}),
    (rf"\bpan{_GO}(?: \w+)? right|\b(?:truck|track|slide)\w*(?: \w+)? right", {"x": 0.022}),
    (rf"\bpan{_GO}\b(?!(?: \w+)? (?:left|right))|\btracking shot|\blateral", {"x": 0.022}),
    (rf"\btilt{_GO} up|\b(?:crane|pedestal|boom)\w* up|\brises?\b|\bascend", {"y": -0.026}),
    (rf"\btilt{_GO} down|\b(?:crane|pedestal|boom)\w* down|\bdescend", {"y": 0.026}),
    (r"\borbit|\barcs? (?:around|shot)|\bcircl(?:es|ing) (?:around|her|him|the)", {"orbit": 0.035}),
    (r"\broll(?:s|ing)?\b(?! (?:hill|sea|wave|fog|dune))|\bdutch", {"roll": 0.012}),
    (r"\bhand[\s-]?held|\bshak(?:y|es|ing) cam|\bdocumentary", {"shake": 0.0035}),
    (
        r"\bdrone\b|\baerial|\bfly(?:ing)?[\s-]?(?:over|through)|\bfpv\b",
        {"zoom": 0.02, "y": -0.006},
    ),
)
_STATIC = r"\bstatic|\blocked[\s-]?(?:off|down)|\btripod|\bfixed (?:camera|shot|frame)|\bno camera"
_GENTLE = Move(zoom=0.008)
"""A prompt without camera words: hardly more than breathing."""


def read(*texts: str) -> Move:
    """The move that the words ask for; several words add up, the first text with any counts."""
    for text in texts:
        lower = text.lower()
        if re.search(_STATIC, lower):
            return Move()
        move = _sum_of_words(lower)
        if not move.still:
            return _eased(move, lower)
    return _GENTLE


def _sum_of_words(text: str) -> Move:
    speed = next((factor for pattern, factor in _SPEEDS if re.search(pattern, text)), 1.0)
    move = Move()
    for pattern, change in _WORDS:
        if re.search(pattern, text):
            sums = {name: getattr(move, name) + value for name, value in change.items()}
            move = replace(move, **sums)
    if re.search(
        r"counter[\s-]?clockwise|anti[\s-]?clockwise|\b(?:orbit|arc|roll)\w*[^.,;]* left", text
    ):
        move = replace(move, roll=-move.roll, orbit=-move.orbit)
    return replace(
        move,
        zoom=move.zoom * speed, x=move.x * speed, y=move.y * speed,
        roll=move.roll * speed, orbit=move.orbit * speed,
    )  # fmt: skip


def _eased(move: Move, text: str) -> Move:
    if re.search(r"\bease[sd]?[\s-]*in[\s-]*(?:and[\s-]*)?out\b|\bsmooth(?:ly)?\b", text):
        return replace(move, ease_in=0.3, ease_out=0.3)
    if re.search(r"\bease[sd]?[\s-]*in\b|\bstarts? (?:to|slow)|\bbegins? to", text):
        return replace(move, ease_in=0.4)
    if re.search(
        r"\bease[sd]?[\s-]*out\b|\b(?:comes? to|slows? to) (?:a |rest)|\bsettles?\b", text
    ):
        return replace(move, ease_out=0.4)
    return move


def of_take(move: Move, take: int) -> Move:
    """The move as a take has it: the first as asked, others on ways and at speeds of their own."""
    if take == 1:
        return move
    pace = 1.5 if take % 2 == 0 else 0.6
    way = _GOLDEN * (take - 1)
    return replace(
        move,
        zoom=move.zoom * pace + _STRAY / 2 * math.sin(2 * way),
        x=move.x * pace + _STRAY * math.cos(way),
        y=move.y * pace + _STRAY * math.sin(way),
        roll=move.roll * pace,
        orbit=move.orbit * pace,
        shake=move.shake * pace,
    )


_GOLDEN = math.pi * (3 - math.sqrt(5))
"""An angle whose multiples never come near each other again."""
_STRAY = 0.012
"""How far another take strays, of the frame a second."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the frame lies, against the pose in which the picture is seen as it is."""

    zoom: float = 0.0
    """Natural logarithm of the magnification."""
    x: float = 0.0
    y: float = 0.0
    roll: float = 0.0
    orbit: float = 0.0

    @property
    def neutral(self) -> bool:
        """Whether the picture is seen as it is, pixel by pixel."""
        return not any((self.zoom, self.x, self.y, self.roll, self.orbit))


_MOST = {"zoom": 0.42, "x": 0.20, "y": 0.16, "roll": 0.12, "orbit": 0.22}
"""How far a clip may go in all, so that it stays on the picture."""


def pose_at(move: Move, at_s: float, length_s: float) -> Pose:
    """The pose *at_s* seconds after the neutral one, in a clip of that length."""
    if at_s == 0 or move.still:
        return Pose()
    gone = _distance(at_s / length_s, move) * length_s
    parts = {}
    for name, most in _MOST.items():
        speed = getattr(move, name)
        whole = abs(speed) * length_s
        parts[name] = speed * gone * min(1.0, most / whole) if whole else 0.0
    shake = move.shake * min(1.0, abs(at_s) / 0.5)
    wobble = [
        math.sin(2 * math.pi * f * at_s + p) * a
        for f, p, a in ((0.61, 0.0, 0.6), (1.37, 1.1, 0.3), (2.9, 2.3, 0.1))
    ]
    sway = [
        math.sin(2 * math.pi * f * at_s + p) * a
        for f, p, a in ((0.53, 1.7, 0.6), (1.21, 0.4, 0.3), (3.1, 1.3, 0.1))
    ]
    return Pose(
        parts["zoom"] + (shake * 2 if move.shake else 0.0),
        parts["x"] + shake * sum(wobble),
        parts["y"] + shake * sum(sway),
        parts["roll"] + shake * 0.6 * wobble[0],
        parts["orbit"],
    )


def _distance(t: float, move: Move) -> float:
    """Distance gone at t in [0, 1], 1 at the end: the speed rises and falls along half cosines."""
    a, b = move.ease_in, move.ease_out
    back = t < 0
    t = abs(t)
    top = 1.0 - a / 2 - b / 2
    gone = 0.0
    if a:
        u = min(t, a)
        gone += u / 2 - a / (2 * math.pi) * math.sin(math.pi * u / a)
    gone += max(0.0, min(t, 1 - b) - a)
    if b and t > 1 - b:
        u = t - (1 - b)
        gone += u / 2 + b / (2 * math.pi) * math.sin(math.pi * u / b)
    return (-gone if back else gone) / top


_STEP = 8
"""Maps are worked out at every eighth pixel: depth and moves are smooth."""


@dataclass(frozen=True, slots=True)
class View:
    """A pose on a picture of known size: maps points and whole frames."""

    pose: Pose
    size: tuple[int, int]
    """Of the frame."""
    origin: tuple[float, float]
    """Where the frame's corner lies on the picture in the neutral pose."""

    def sources(self, px: Array, py: Array, near: Array | float) -> tuple[Array, Array]:
        """Points of the picture that the frame shows at (px, py), things being so near (0 to 1)."""
        width, height = self.size
        pose = self.pose
        cx, cy = (width - 1) / 2, (height - 1) / 2
        scale = np.exp(-pose.zoom * (0.65 + 0.7 * near))
        cos, sin = math.cos(pose.roll), math.sin(pose.roll)
        dx, dy = px - cx, py - cy
        shift = 0.55 + 0.9 * near
        x = (
            cx
            + (cos * dx + sin * dy) * scale
            + width * (pose.x * shift + pose.orbit * (near - 0.5))
        )
        y = cy + (-sin * dx + cos * dy) * scale + height * pose.y * shift
        return (x + self.origin[0]).astype(np.float32), (y + self.origin[1]).astype(np.float32)

    def point(self, x: float, y: float, near: float) -> tuple[float, float, float]:
        """Where a point of the picture is seen, and how much magnified."""
        width, height = self.size
        pose = self.pose
        cx, cy = (width - 1) / 2, (height - 1) / 2
        scale = math.exp(pose.zoom * (0.65 + 0.7 * near))
        shift = 0.55 + 0.9 * near
        dx = x - self.origin[0] - cx - width * (pose.x * shift + pose.orbit * (near - 0.5))
        dy = y - self.origin[1] - cy - height * pose.y * shift
        cos, sin = math.cos(pose.roll), math.sin(pose.roll)
        return cx + (cos * dx - sin * dy) * scale, cy + (sin * dx + cos * dy) * scale, scale

    def grid(self) -> tuple[Array, Array]:
        """Pixel positions of the coarse map, covering the frame and a rim."""
        width, height = self.size
        xs = (np.arange(-(-width // _STEP) + 2, dtype=np.float32) - 0.5) * _STEP - 0.5
        ys = (np.arange(-(-height // _STEP) + 2, dtype=np.float32) - 0.5) * _STEP - 0.5
        gx, gy = np.meshgrid(xs, ys)
        return gx, gy
