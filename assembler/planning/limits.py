"""What makes a file unfit for a model, each with its remedy: facts in, sentences out."""

from __future__ import annotations

from fractions import Fraction

from assembler.media.info import MediaInfo
from assembler.spec.presets import ImageLimits, VideoLimits

_Number = Fraction | float


def image_problems(info: MediaInfo, limits: ImageLimits) -> list[tuple[str, str]]:
    """What makes a picture unfit for a model, each with its remedy."""
    assert info.video is not None
    width, height = info.video.display_size
    shape = Fraction(width, height)
    found = []
    if min(width, height) < limits.min_px:
        what = f"is {width}x{height}; the shorter side must have {limits.min_px} px"
        found.append((what, "give a larger picture"))
    if limits.max_px is not None and max(width, height) > limits.max_px:
        what = f"is {width}x{height}; the longer side may have {limits.max_px} px"
        found.append((what, f"scale it down to {limits.max_px} px"))
    low, high = limits.min_ratio, limits.max_ratio
    if (low is not None and shape < low) or (high is not None and shape > high):
        bounds = f"{low or 0:g} to {high or float('inf'):g}"
        what = f"has an aspect ratio of {float(shape):.3g}; {bounds} is possible"
        found.append((what, "crop it nearer to the canvas's shape"))
    return found


def video_problems(info: MediaInfo, limits: VideoLimits) -> list[tuple[str, str]]:
    """What makes a motion, reference or source video unfit for a model, each with its remedy."""
    assert info.video is not None
    video = info.video
    width, height = video.display_size
    seconds, rate = video.duration_s, video.rate
    found = []
    if limits.min_s is not None and seconds < limits.min_s:
        what = f"has {float(seconds):.3g} s; {float(limits.min_s):g} s are needed"
        found.append((what, "give a longer video"))
    if limits.max_s is not None and seconds > limits.max_s:
        what = f"has {float(seconds):.3g} s; {float(limits.max_s):g} s are possible"
        found.append((what, f"cut it to {float(limits.max_s):g} s"))
    if limits.max_mb is not None and info.size_bytes > limits.max_mb * 1e6:
        what = f"has {info.size_bytes / 1e6:.0f} MB; {limits.max_mb:g} MB are possible"
        found.append((what, "encode it smaller"))
    if limits.min_px is not None and min(width, height) < limits.min_px:
        what = f"is {width}x{height}; the shorter side must have {limits.min_px} px"
        found.append((what, "give a larger video"))
    if limits.max_px is not None and max(width, height) > limits.max_px:
        what = f"is {width}x{height}; the longer side may have {limits.max_px} px"
        found.append((what, f"scale it down to {limits.max_px} px"))
    if not _between(Fraction(width, height), limits.min_ratio, limits.max_ratio):
        bounds = f"{limits.min_ratio or 0:g} to {limits.max_ratio or float('inf'):g}"
        what = f"has an aspect ratio of {width / height:.3g}; {bounds} is possible"
        found.append((what, "crop it nearer to the canvas's shape"))
    if not _between(rate, limits.min_rate, limits.max_rate):
        bounds = f"{float(limits.min_rate or 0):g} to {float(limits.max_rate or 240):g}"
        what = f"has {float(rate):g} frames a second; {bounds} are possible"
        found.append((what, "convert its rate"))
    suffix = info.path.suffix.lower().removeprefix(".")
    if suffix not in limits.formats:
        what = f"is a {suffix or 'nameless'} file; {' or '.join(limits.formats)} is possible"
        found.append((what, f"convert it to {limits.formats[0]}"))
    return found


def range_problem(value: _Number, unit: str, low: _Number | None, high: _Number | None) -> str:
    """What is wrong with a value that must lie in a range; "" when nothing is."""
    if _between(value, low, high):
        return ""
    bounds = " to ".join(f"{float(bound):g}" for bound in (low, high) if bound is not None)
    least = "at least " if high is None else "at most " if low is None else ""
    return f"has {float(value):.4g} {unit}; {least}{bounds} is possible"


def _between(
    value: Fraction | float, low: Fraction | float | None, high: Fraction | float | None
) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)
