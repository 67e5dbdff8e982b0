"""
What one link hands to the next: its exact end frame, and how its numbers really mean colour.

    colour, notes = true_colour(take.info, start_image)
    rgb = end_frame(take.info, colour, size=(1920, 1080))

Generators often encode with another matrix than their tags or the HD rule say (swscale's default is
BT.601). Frame 0 of an image-to-video clip is the image that was sent, resampled and slightly
shifted; so the matrix and range under which it needs the least odd correction are the true ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from assembler.errors import MediaError
from assembler.media.frames import coded_frame, read_frames, upright
from assembler.media.info import Colour, Matrix, MediaInfo, VideoStream
from assembler.media.pixels import Floats, assumed, codes_from_rgb, codes_of
from assembler.media.scale import covering
from assembler.media.stills import read_image

Doubles = NDArray[np.float64]
_T = TypeVar("_T")

_MATRICES: tuple[Matrix, ...] = ("bt709", "bt601", "bt2020")
_WORK_WIDTH = 480
"""Width at which pictures are registered."""

_CELL_PX = 8
"""Cells of the low-pass pictures whose colours are compared, in pixels of the working size."""

_LEAST_CORRELATION = 0.75
"""Below this ECC, frame 0 doesn't show the start image."""

_OVERSHOOT = 5
"""Levels of 8 bits by which compression may leave limited range."""

_MUCH_OUTSIDE = 0.0005
_OUTSIDE_ODDS = np.log(1000.0)
"""For full range, when more than that share of luma lies outside limited range."""

_EFFECTIVE_CELLS = 200
"""Independent cells in a picture: what a generator changes, it changes in whole patches."""

_CODE_NOISE = 0.3 / 255
"""Least uncertainty of a cell: rounding and compression that the average leaves."""

_RANGE_DECIDED = 0.6
_MATRIX_DECIDED = 0.75
"""Probability from which a finding counts."""

_MATRIX_TAGGED = np.log(4.0)
_MATRIX_BY_RULE = np.log(1.5)
_RANGE_TAGGED = np.log(300.0)
_RANGE_BY_RULE = np.log(30.0)
_BT2020 = np.log(1 / 20)
"""Logarithms of odds before anything is seen: matrix tags are often wrong, range tags seldom, and
nobody writes BT.2020 in SDR without saying so."""


def end_frame(
    info: MediaInfo,
    colour: Colour,
    *,
    size: tuple[int, int] | None = None,
    frame: int | None = None,
) -> Floats:
    """
    The frame that is handed on.

    Args:
        info: The clip.
        colour: How its numbers are read, see `true_colour`.
        size: Width and height the next model works in; default the clip's own. A different shape
            is filled from the centre.
        frame: Position in the clip, counted in its own frames; default the last.

    Returns:
        float32 (h, w, 3), encoded R'G'B' in [0, 1], upright.
    """
    last = _video_of(info).frames - 1
    wanted = last if frame is None else min(frame, last)
    rgb = next(read_frames(info, start=wanted, stop=wanted + 1, colour=colour))
    return rgb if size is None else covering(rgb, size)


@dataclass(frozen=True, slots=True)
class ColourEvidence:
    """How a clip's numbers are read, and why."""

    colour: Colour
    """Complete: what was found, tagged or assumed."""
    decided: bool
    """Whether the picture has told; else the tags or the standard stand."""
    probabilities: tuple[tuple[Colour, float], ...] = ()
    """Every reading that was weighed, best first."""
    correlation: float = 0.0
    """How well frame 0 shows the start image (ECC); 0 when not compared."""
    note: str = ""
    """What was found or assumed, a sentence for the user."""


def true_colour(info: MediaInfo, start_image: Path | None) -> tuple[Colour, tuple[str, ...]]:
    """
    How the clip's numbers are read: found from its first frame, else its tags or the standard.

    Returns:
        The complete colour, and sentences that say what was found or assumed.
    """
    evidence = judge_colour(info, start_image)
    return evidence.colour, (evidence.note,) if evidence.note else ()


def judge_colour(info: MediaInfo, start_image: Path | None) -> ColourEvidence:
    """
    `true_colour` with its evidence.

    Raises:
        MediaError: If the clip has no picture, or the image can't be read.
    """
    video = _video_of(info)
    by_tags = assumed(video.colour, video.width, video.height)
    if start_image is None or by_tags.matrix == "rgb" or by_tags.hdr:
        return _kept(video, by_tags, "")
    frame = coded_frame(info)
    codes = codes_of(frame, by_tags)
    if codes is None:
        return _kept(video, by_tags, "")
    start = read_image(start_image)
    pair = _registered(upright(codes, video), start, video.bit_depth)
    if pair.correlation < _LEAST_CORRELATION:
        why = f"its first frame doesn't show {start_image.name}"
        return replace(_kept(video, by_tags, why), correlation=pair.correlation)
    return _weighed(pair, video, by_tags)


def _video_of(info: MediaInfo) -> VideoStream:
    if info.video is None:
        raise MediaError("has no picture to hand on", str(info.path))
    return info.video


def _kept(video: VideoStream, by_tags: Colour, why: str) -> ColourEvidence:
    """Tags stand, and the standard where they are silent."""
    silent = [
        name
        for name, tag in (("matrix", video.colour.matrix), ("range", video.colour.full_range))
        if tag is None
    ]
    if silent:
        said = f"the clip doesn't say its {' or '.join(silent)}; {_named(by_tags)} is assumed"
    else:
        said = f"its tags ({_named(by_tags)}) are kept"
    if not why and not silent:
        return ColourEvidence(by_tags, decided=False)
    return ColourEvidence(by_tags, decided=False, note="; ".join(x for x in (why, said) if x) + ".")


def _named(colour: Colour) -> str:
    names = {"bt601": "BT.601", "bt709": "BT.709", "bt2020": "BT.2020", "rgb": "RGB"}
    return f"{names[colour.matrix or 'bt709']} {'full' if colour.full_range else 'limited'} range"


@dataclass(frozen=True, slots=True)
class _Pair:
    """Cells of frame 0 and the cells of the start image that lie at the same place."""

    codes: Doubles
    """(n, 3): Y, U, V as parts of the largest code."""
    start: Doubles
    """(n, 3): encoded R'G'B' in [0, 1]."""
    correlation: float
    bits: int
    outside: float
    """Share of luma clearly outside limited range: what is made from RGB has next to none there."""


def _registered(codes: Floats, start: Floats, bits: int) -> _Pair:
    """Frame 0 and the start image laid over each other, averaged to cells."""
    height = max(_CELL_PX, round(_WORK_WIDTH * codes.shape[0] / codes.shape[1]))
    size = (_WORK_WIDTH, height)
    small = _area(codes, size) / np.float32(2**bits - 1)
    best, correlation = max(
        (_aligned(small[..., 0], candidate) for candidate in _framings(start, size)),
        key=lambda found: found[1],
    )
    return _Pair(*_cells(small, best), correlation, bits, _outside(codes[..., 0], bits))


def _outside(luma: Floats, bits: int) -> float:
    low, high = (16 - _OVERSHOOT) * 2 ** (bits - 8), (235 + _OVERSHOOT) * 2 ** (bits - 8)
    return float(((luma < low) | (luma > high)).mean())


def _framings(start: Floats, size: tuple[int, int]) -> Iterator[Floats]:
    """The start image in the frame's shape: stretched, or its centre cut out."""
    yield _area(start, size)
    height, width = start.shape[:2]
    ratio = width / height * size[1] / size[0]
    if abs(ratio - 1) > 0.005:
        keep_x, keep_y = round(width / max(ratio, 1)), round(height * min(ratio, 1))
        left, top = (width - keep_x) // 2, (height - keep_y) // 2
        yield _area(start[top : top + keep_y, left : left + keep_x], size)


def _area(picture: Floats, size: tuple[int, int]) -> Floats:
    shrinks = size[0] <= picture.shape[1] and size[1] <= picture.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(
        cv2.resize(np.ascontiguousarray(picture), size, interpolation=how), np.float32
    )


def _aligned(luma: Floats, start: Floats) -> tuple[Floats, float]:
    """
    The start image moved onto frame 0 by an affine map, with a fourth channel that is 1 inside.

    Returns:
        float32 (h, w, 4), and the correlation reached (ECC, Evangelidis and Psarakis 2008).
    """
    grey = np.asarray(start @ np.array([0.2627, 0.678, 0.0593], np.float32), np.float32)
    size = luma.shape[::-1]
    warp = np.eye(2, 3, dtype=np.float32)
    everywhere = np.ones(grey.shape, np.uint8)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-5)
    try:
        correlation, found = cv2.findTransformECC(
            luma, grey, warp, cv2.MOTION_AFFINE, criteria, everywhere, 5
        )
    except cv2.error:  # nothing in common, or a flat picture
        return np.zeros((*luma.shape, 4), np.float32), 0.0
    inside = np.ones(grey.shape, np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(cv2.merge([start, inside]), found, size, flags=flags)
    return np.asarray(moved, np.float32), float(correlation)


def _cells(codes: Floats, start: Floats) -> tuple[Doubles, Doubles]:
    """Means over cells that lie wholly inside both pictures."""
    grid = (codes.shape[1] // _CELL_PX, codes.shape[0] // _CELL_PX)
    inside = _area(start[..., 3], grid) > 0.999
    pictures = (_area(_softened(codes), grid), _area(_softened(start[..., :3]), grid))
    means = [np.asarray(p[inside], np.float64) for p in pictures]
    return means[0], means[1]


def _softened(picture: Floats) -> Floats:
    """Low-pass, so that neither sharpness nor a pixel of misalignment counts."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), _CELL_PX / 2), np.float32)


def _weighed(pair: _Pair, video: VideoStream, by_tags: Colour) -> ColourEvidence:
    """The most probable reading; what the picture can't tell stays as tagged or assumed."""
    fit, uncertainty = _fitted(pair)
    readings = [
        replace(by_tags, matrix=m, full_range=f) for f, m in product((False, True), _MATRICES)
    ]
    logs = np.array([_log_odds(r, fit, uncertainty, video, by_tags) for r in readings])
    if pair.outside > _MUCH_OUTSIDE:
        logs[len(_MATRICES) :] += _OUTSIDE_ODDS
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    ranked = sorted(zip(readings, map(float, shares), strict=True), key=lambda x: -x[1])
    full_range = _settled(shares.reshape(2, -1).sum(axis=1), (False, True), _RANGE_DECIDED)
    reads_full = bool(by_tags.full_range) if full_range is None else full_range
    of_range = shares.reshape(2, -1)[int(reads_full)]
    matrix = _settled(of_range / of_range.sum(), _MATRICES, _MATRIX_DECIDED)
    colour = replace(by_tags, full_range=reads_full, matrix=matrix or by_tags.matrix)
    told = full_range is not None and matrix is not None
    note = _finding(colour, video, matrix is not None, full_range is not None)
    return ColourEvidence(colour, told, tuple(ranked), pair.correlation, note)


def _settled(shares: Doubles, values: tuple[_T, ...], least: float) -> _T | None:
    """The value that is as good as certain, if one is."""
    best = int(np.argmax(shares))
    return values[best] if shares[best] >= least else None


def _finding(colour: Colour, video: VideoStream, matrix_told: bool, range_told: bool) -> str:
    """What was found, and whether the tags say the same."""
    found = _named(colour)
    if not matrix_told:
        source = "its tag" if video.colour.matrix else "the standard"
        found += f" (its first frame has too little colour to tell the matrix; {source} stands)"
    if not range_told:
        source = "its tag" if video.colour.full_range is not None else "the standard"
        found += f" (the range can't be told; {source} stands)"
    tags = (video.colour.matrix, video.colour.full_range)
    if tags == (colour.matrix, colour.full_range):
        return f"its first frame is read as tagged: {found}."
    says = "its tags say otherwise" if _contradicts(video.colour, colour) else "it has no tags"
    return f"its first frame against the start image shows {found}; {says}."


def _contradicts(tags: Colour, found: Colour) -> bool:
    return tags.matrix not in (None, found.matrix) or tags.full_range not in (
        None,
        found.full_range,
    )


def _features(start: Doubles) -> Doubles:
    """(n, 5): 1, R, G, B and a bulge of the middle tones, which a contrast curve needs."""
    grey = start.mean(axis=1)
    return np.column_stack([np.ones(len(start)), start, 4 * grey * (1 - grey)])


def _fitted(pair: _Pair) -> tuple[Doubles, Doubles]:
    """
    Codes as a function of the start image, without any assumption, robustly.

    Returns:
        Coefficients (15,), those of Y first, and their covariance (15, 15).
    """
    features = _features(pair.start)
    weights = np.ones(len(features))
    ridge = 1e-9 * np.eye(5)
    for _ in range(8):
        weighted = features * weights[:, None]
        normal = weighted.T @ features + ridge
        solution = np.linalg.solve(normal, weighted.T @ pair.codes)
        residual = pair.codes - features @ solution
        distance = np.linalg.norm(residual, axis=1)
        scale = 1.4826 * np.median(distance) + _CODE_NOISE
        weights = 1 / (1 + (distance / (2 * scale)) ** 2) ** 2
    total = weights.sum()
    noise = (residual * weights[:, None]).T @ residual / total + _CODE_NOISE**2 * np.eye(3)
    spread = np.linalg.inv(normal / total * min(total, _EFFECTIVE_CELLS))
    return np.asarray(solution.T.ravel()), np.asarray(np.kron(noise, spread))


def _log_odds(
    reading: Colour, fit: Doubles, uncertainty: Doubles, video: VideoStream, by_tags: Colour
) -> float:
    """Log of the probability of the fit under a reading, and of the reading beforehand."""
    encode = codes_from_rgb(reading, video.bit_depth) / (2**video.bit_depth - 1)
    spread = np.kron(encode[:, :3], np.eye(5))
    identity = np.column_stack([np.zeros(3), np.eye(3), np.zeros(3)])
    mean = encode[:, :3] @ identity
    mean[:, 0] += encode[:, 3]
    covariance = spread @ _SHIFTS @ spread.T + uncertainty
    gap = fit - mean.ravel()
    _, log_volume = np.linalg.slogdet(covariance)
    evidence = -0.5 * (gap @ np.linalg.solve(covariance, gap) + log_volume)
    return float(evidence) + _before(reading, video, by_tags)


def _before(reading: Colour, video: VideoStream, by_tags: Colour) -> float:
    """Log odds of a reading before anything is seen."""
    odds = 0.0
    if reading.matrix == by_tags.matrix:
        odds += _MATRIX_TAGGED if video.colour.matrix else _MATRIX_BY_RULE
    elif reading.matrix == "bt2020":
        odds += _BT2020
    if reading.full_range == by_tags.full_range:
        odds += _RANGE_BY_RULE if video.colour.full_range is None else _RANGE_TAGGED
    return odds


def _shifts() -> Doubles:
    """
    Covariance (15, 15) of what generators do to colour: R, G, B each as a row of `_features`.

    The standard deviations are of the size met on real pairs of start image and frame 0 (Kling 1.6,
    Luma Ray 2, Veo 3): offsets to 0.015, gains to 0.04, cross-talk mostly below 0.015.
    """
    one, bulge = np.eye(5)[0], np.eye(5)[4]
    own = np.eye(5)[1:4]
    grey = np.array([0, 0.25, 0.65, 0.1, 0])
    ways: list[tuple[float, Doubles]] = [
        (0.015, np.tile(one, (3, 1))),  # brightness
        (0.03, own - 0.45 * one),  # contrast
        (0.05, own - grey),  # saturation
        (0.03, np.tile(bulge, (3, 1))),  # middle tones
    ]
    for channel in range(3):
        only = np.eye(3)[channel][:, None]
        ways.append((0.008, only * one))
        ways.append((0.012, only * own[channel]))
        ways.append((0.008, only * bulge))
        ways.extend((0.008, only * own[other]) for other in range(3) if other != channel)
    return np.asarray(sum(s**2 * np.outer(w.ravel(), w.ravel()) for s, w in ways))


_SHIFTS = _shifts()
