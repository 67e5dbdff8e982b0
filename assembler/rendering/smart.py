"""
Which frames can be copied from their source as they are, and why the others can't.

    delivery = as_source(cut, delivery)         # the sources' codec, where we can write it
    cut = with_whole_heads(cut, wanted)         # drops repeated frames where that allows copying
    copied_ranges(clip, whole, touched, wanted)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from assembler.cut.model import Clip, Cut, Source
from assembler.spec.presets import DeliveryPreset, Matrix, VideoCodec
from assembler.timebase import FrameRange

_HEVC = VideoCodec(
    encoder="libx265",
    pix_fmt="yuv420p",
    tag="hvc1",
    options={
        "preset": "medium",
        "crf": 14,
        "x265-params": "open-gop=0:frame-threads=2:bframes=0:info=0:log-level=error",
    },
)
"""What is encoded beside copied HEVC."""

_CODECS = {"h264": "libx264", "hevc": "libx265", "prores": "prores_ks", "dnxhd": "dnxhd"}
EVERY_FRAME = ("prores_ks", "dnxhd")
"""Every frame stands alone: sources of the delivery's own kind are copied without being asked."""
_TAGGED = ("bt709", "bt709", "bt709")
_HEVC_FORMATS = ("yuv420p", "yuv420p10le")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a source has to be to go into the film as it is."""

    size: tuple[int, int]
    rate: Fraction
    pix_fmt: str
    encoder: str
    matrix: Matrix = "bt709"


def as_source(cut: Cut, delivery: DeliveryPreset) -> DeliveryPreset:
    """*delivery* with codec and matrix of the sources, when they agree on what we can write."""
    if not delivery.match_source:
        return delivery
    if _all_in_601(cut):
        video = delivery.video.model_copy(update={"matrix": "bt601"})
        delivery = delivery.model_copy(update={"video": video})
    if delivery.video.encoder == "libx265":
        return delivery
    found = {(v.codec, v.pix_fmt) for c in cut.clips if (v := c.source.info.video) is not None}
    if len(found) != 1:
        return delivery
    ((codec, pix_fmt),) = found
    if codec != "hevc" or pix_fmt not in _HEVC_FORMATS:
        return delivery
    kept = {"pix_fmt": pix_fmt, "gop_s": delivery.video.gop_s, "matrix": delivery.video.matrix}
    return delivery.model_copy(update={"video": _HEVC.model_copy(update=kept)})


def _all_in_601(cut: Cut) -> bool:
    """Whether all clips are in BT.601, and nothing else is mixed in that would have to be."""
    plain = all(clip.source.change.plain and not clip.source.retime for clip in cut.clips)
    return plain and not cut.layers and {_matrix(clip.source) for clip in cut.clips} == {"bt601"}


def _matrix(source: Source) -> str | None:
    from assembler.media.pixels import assumed

    video = source.info.video
    if video is None or source.info.still:
        return None
    return assumed(source.colour, video.width, video.height).matrix


def in_its_numbers(cut: Cut, matrix: Matrix) -> Cut:
    """
    *cut* for a film in another *matrix* than BT.709, which all of its clips have.

    Their numbers stay what they are throughout, so they are taken for BT.709 on the way.
    """
    if matrix == "bt709":
        return cut
    clips = tuple(
        replace(c, source=replace(c.source, colour=replace(c.source.colour, matrix="bt709")))
        for c in cut.clips
    )
    return replace(cut, clips=clips)


def copies(delivery: DeliveryPreset) -> bool:
    """Whether what equals its source is copied into a delivery."""
    wanted = delivery.match_source or delivery.video.encoder in EVERY_FRAME
    return wanted and not delivery.burn_in


def copy_fault(source: Source, wanted: Wanted) -> str | None:
    """Why a source can't be copied; None when it can."""
    from assembler.media.pixels import assumed

    video = source.info.video
    if video is None or source.info.still:
        return "it is a picture"
    if source.retime or not source.change.plain:
        return "its time or its picture is changed"
    colour = assumed(source.colour, video.width, video.height)
    tags = video.colour
    faults = (
        (_CODECS.get(video.codec) != wanted.encoder, f"its codec is {video.codec}"),
        (video.pix_fmt != wanted.pix_fmt, f"its pixel format is {video.pix_fmt}"),
        ((video.width, video.height) != wanted.size, "it has another size"),
        (video.vfr or video.rate != wanted.rate, "it has another rate"),
        (bool(video.rotation) or video.mirrored, "it has to be turned"),
        (video.sar != 1, f"its pixels have the shape {video.sar}"),
        (video.interlaced is not None, "it is interlaced"),
        (not video.ordered or not video.keyframes, "its frames are not in order"),
        (colour.hdr or colour.matrix != "bt709", f"its colours are {colour.matrix}"),
        (bool(colour.full_range), "its range is full"),
        (tags.primaries not in (None, "bt709"), f"its primaries are {tags.primaries}"),
        (
            wanted.encoder in EVERY_FRAME
            and (tags.matrix, tags.primaries, tags.transfer) != _TAGGED,
            "it doesn't name its colours",
        ),
    )
    return next((text for wrong, text in faults if wrong), None)


def with_whole_heads(cut: Cut, wanted: Wanted) -> Cut:
    """
    *cut* with A's last frames dropped instead of B's first, where both show the same.

    Clips of generators have one keyframe, at their start: without their first frame they would
    have to be encoded anew. Only for repeated frames that nothing corrects.
    """
    if wanted.encoder in EVERY_FRAME:  # a copy may begin anywhere
        return cut
    repeats = {seam.seam: seam.repeat_frames for seam in cut.seams if seam.matched}
    clips = list(cut.clips)
    for n, (a, b) in enumerate(pairwise(cut.clips)):
        twice = repeats.get(f"{a.id}>{b.id}", 0) if b.join == "handoff" else 0
        plain = b.correction.neutral and not b.transition
        spared = twice == b.source_in and 0 < twice < clips[n].record.frames
        if not spared or not plain or a.skipped or copy_fault(b.source, wanted):
            continue
        at = b.record.start - twice
        clips[n] = replace(clips[n], record=FrameRange(clips[n].record.start, at))
        clips[n + 1] = replace(b, record=FrameRange(at, b.record.stop), source_in=0)
    return replace(cut, clips=tuple(clips))


def copied_ranges(
    clip: Clip, whole: FrameRange, touched: Sequence[FrameRange], wanted: Wanted
) -> Iterator[FrameRange]:
    """
    Frames of the programme within *whole* that equal the clip's source, from a keyframe on.

    Args:
        clip: The clip that is shown there.
        whole: Where nothing of it is corrected or mixed with others.
        touched: Where something lies over the picture.
        wanted: What the film is.
    """
    if clip.skipped or copy_fault(clip.source, wanted):
        return
    for start, stop in _untouched(whole, touched):
        moved = clip.source_in - clip.record.start
        found = _from_keyframe(clip.source, start + moved, stop + moved)
        if found:
            yield FrameRange(found[0] - moved, found[1] - moved)


def _from_keyframe(source: Source, first: int, stop: int) -> tuple[int, int] | None:
    video = source.info.video
    assert video is not None
    stop = min(stop, video.frames)
    begin = _closed_keyframe(source, first, stop)
    if begin is None:
        return None
    if video.closed:  # else later frames may be needed
        stop = video.closed[max(bisect_right(video.closed, stop) - 1, 0)]
    return (begin, stop) if stop > begin else None


def _closed_keyframe(source: Source, first: int, stop: int) -> int | None:
    """The first keyframe of a stretch that no frame before it leans on."""
    video = source.info.video
    assert video is not None
    leading = video.leading or (0,) * len(video.keyframes)
    groups = zip(video.keyframes, leading, strict=True)
    return next((key for key, led in groups if first <= key < stop and not led), None)


def _untouched(whole: FrameRange, touched: Sequence[FrameRange]) -> Iterator[tuple[int, int]]:
    at = whole.start
    for part in sorted(touched, key=lambda r: r.start):
        if part.start > at:
            yield at, min(part.start, whole.stop)
        at = max(at, part.stop)
        if at >= whole.stop:
            return
    yield at, whole.stop


def copy_notes(cut: Cut, wanted: Wanted) -> Iterator[str]:
    """Why clips aren't copied, and what is dropped for those that are, one sentence each."""
    asked, cut = cut, with_whole_heads(cut, wanted)
    for before, after, now in zip(asked.clips, asked.clips[1:], cut.clips[1:], strict=False):
        if after.source_in != now.source_in:
            twice = "frame is" if after.source_in == 1 else f"{after.source_in} frames are"
            yield (
                f"{before.source.path.name}: its last {twice} dropped, not the same at the start "
                f"of {after.source.path.name}, which can be copied so"
            )
    for clip in cut.clips:
        name = clip.source.path.name
        fault = copy_fault(clip.source, wanted)
        if fault:
            yield f"{name}: encoded anew: {fault}"
        elif not clip.correction.neutral and not clip.correction.release_frames:
            yield f"{name}: encoded anew: clip {clip.id} is corrected at its seam"
        elif clip.skipped:
            yield f"{name}: encoded anew: frames of clip {clip.id} are left out"
        elif not _from_keyframe(clip.source, clip.source_in, clip.source_out):
            yield f"{name}: encoded anew: clip {clip.id} {_why_no_part(clip)}"


def _why_no_part(clip: Clip) -> str:
    """Why no part of a clip can be copied, though its source could."""
    if _closed_keyframe(clip.source, clip.source_in, clip.source_out) is None:
        return "has no keyframe that a copy could begin at"
    return "ends where the frames from its keyframe on still need later ones"
