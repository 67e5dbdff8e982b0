"""Segments that come from files and URLs: which frames are used, and whether the handles exist."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from assembler.media.info import MediaInfo
from assembler.planning import keys
from assembler.planning.clips import colour_of
from assembler.planning.model import FileClip
from assembler.planning.problems import Problems
from assembler.planning.retime import Retime, retimed, unseen
from assembler.planning.row import Place


def file_clip(
    place: Place,
    path: Path,
    *,
    media: Mapping[Path, MediaInfo],
    hashes: Mapping[Path, str],
    rate: Fraction,
    problems: Problems,
) -> FileClip | None:
    """The frames that a segment uses of its file; None when that can't be said."""
    segment = place.segment
    info = media.get(path)
    source = "file" if segment.file else "url"
    if info is None or info.video is None:
        what = "has no picture" if info else "can't be read"
        fix = "give a video or an image; sound goes into `tracks:`"
        problems.add(f"segment {segment.id}: {path.name} {what}", fix, *_at(place, source))
        return None
    if not _fits_kind(place, info, problems):
        return None
    retime = _bent(place, info, rate, problems) if segment.bends else None
    if info.still:
        used = _still(place, rate, problems)
    elif retime:
        used = (retime.first, retime.first + retime.shown)
    else:
        used = None if segment.bends else _used(place, info, rate, problems)
    if used is None:
        return None
    if not info.still:
        has = retime.frames if retime else info.video.frames_at(rate)
        _check_handles(place, used, has, problems)
    colour = colour_of(info, segment.colour)
    key = keys.content_key(stage=keys.FILES, sha256=hashes[path], colour=colour)
    return FileClip(segment.id, path, info, *used, key, colour, retime)


def _fits_kind(place: Place, info: MediaInfo, problems: Problems) -> bool:
    """Whether what is done to the segment can be done to such a file."""
    segment, found = place.segment, len(problems)
    if info.still:
        for key in ("speed", "reverse", "freeze"):
            if getattr(segment, key):
                what = f"segment {segment.id}: a still picture has no time that `{key}` could bend"
                problems.add(what, "take it out, or give a video", *_at(place, key))
    elif segment.move:
        what = f"segment {segment.id}: `move` is for still pictures, {info.path.name} is a video"
        problems.add(what, "take it out, or use `crop`", *_at(place, "move"))
    if info.video and info.video.alpha and (segment.effects or segment.bends):
        key = "effects" if segment.effects else segment.bends[0]
        what = f"segment {segment.id}: `{key}` would lose the transparency of {info.path.name}"
        problems.add(what, "take it out, or give a file without transparency", *_at(place, key))
    return len(problems) == found


def _bent(place: Place, info: MediaInfo, rate: Fraction, problems: Problems) -> Retime | None:
    """The bent time of a video; None when its source has not enough frames."""
    assert info.video is not None
    segment, has = place.segment, info.video.frames_at(rate)
    first = segment.in_.frames(rate) if segment.in_ else 0
    stop = segment.out.frames(rate) if segment.out else None
    length = segment.duration.frames(rate) if segment.duration else None
    name, end = info.path.name, has if stop is None else stop
    if first >= end or end > has:
        what = f"{name} has {has} frames at {float(rate):g} fps; frames {first} to {end} are asked"
        fix = f"end at {has}f ({float(has / rate):.3f} s) at the latest, after `in`"
        problems.add(f"segment {segment.id}: {what}", fix, *_at(place, "out" if stop else "in"))
        return None
    found = retimed(segment, first=first, stop=stop, length=length, has=has, rate=rate)
    if not found.reaches:
        last = found.reach(found.first + found.shown - 1)
        most = retimed(segment, first=first, stop=stop, length=None, has=has, rate=rate).shown
        where = f"frame {round(last)}" if last >= 0 else "back before the first frame"
        what = (
            f"its {found.shown} frames reach {where} of {name}, which has {has} "
            f"at {float(rate):g} fps"
        )
        fix = f"give it at most {most}f ({float(most / rate):.3f} s)"
        problems.add(f"segment {segment.id}: {what}", fix, *_at(place, "duration"))
        return None
    for n in unseen(segment, found.shown, rate):
        shown = f"{float(found.shown / rate):.4g} s"
        what = f"the freeze at {segment.freeze[n].at} comes after the segment's end at {shown}"
        fix = "move it, or make the segment longer"
        problems.add(f"segment {segment.id}: {what}", fix, *_at(place, "freeze", n, "at"))
    return found


def _at(place: Place, *loc: str | int) -> tuple[str | int, ...]:
    return ("segments", place.index, *loc)


def _still(place: Place, rate: Fraction, problems: Problems) -> tuple[int, int] | None:
    if place.segment.duration is None:
        what = f"segment {place.segment.id}: a still picture has no length of its own"
        problems.add(what, "add `duration: 3s`", *_at(place, "file"))
        return None
    return 0, place.segment.duration.frames(rate)


def _used(
    place: Place, info: MediaInfo, rate: Fraction, problems: Problems
) -> tuple[int, int] | None:
    assert info.video is not None
    segment, has = place.segment, info.video.frames_at(rate)
    first = segment.in_.frames(rate) if segment.in_ else 0
    stop, key = has, "in"
    if segment.out is not None:
        stop, key = segment.out.frames(rate), "out"
    if segment.duration is not None:
        wanted = first + segment.duration.frames(rate)
        stop, key = (min(stop, wanted), key) if segment.out else (wanted, "duration")
    name = info.path.name
    if stop > has:
        what = f"{name} has {has} frames at {float(rate):g} fps; frames {first} to {stop} are asked"
        fix = f"end at {has}f ({float(has / rate):.3f} s) at the latest"
        problems.add(f"segment {segment.id}: {what}", fix, *_at(place, key))
        return None
    if first >= stop:
        what = f"nothing is left of {name} between frame {first} and frame {stop}"
        fix = f"let `out` come after `in`; the file has {has} frames at {float(rate):g} fps"
        problems.add(f"segment {segment.id}: {what}", fix, *_at(place, key))
        return None
    return first, stop


def _check_handles(place: Place, used: tuple[int, int], has: int, problems: Problems) -> None:
    before, after = place.joint, place.following
    if before.before > used[0]:
        problems.add(
            f"segment {place.segment.id}: a centred {before.before + before.after}-frame "
            f"{before.name} needs {before.before} frames before in, "
            f"{place.segment.id} has {used[0]}",
            _remedy(before.name, used[0], f"move `in` {before.before - used[0]} frames later"),
            *_at(place, "join"),
        )
    left = has - used[1]
    if after.after > left:
        problems.add(
            f"segment {place.segment.id}: a centred {after.before + after.after}-frame "
            f"{after.name} needs {after.after} frames after out, {place.segment.id} has {left}",
            _remedy(after.name, left, f"move `out` {after.after - left} frames earlier"),
            *_at(place, "out" if place.segment.out else "file"),
        )


def _remedy(name: str, has: int, move: str) -> str:
    return f"shorten the {name} to {2 * has} frames, or {move}" if has else f"take a cut, or {move}"
