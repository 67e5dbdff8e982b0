"""What is wrong with the pictures of a file: findings from what was seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assembler.checking.aligning import Jump, jumps, shifts
from assembler.checking.flashing import flashing
from assembler.checking.model import Finding
from assembler.checking.places import Places, runs
from assembler.checking.viewing import Views
from assembler.cut.model import Clip
from assembler.timebase import FrameRange
from assembler.wording import counted

Flags = NDArray[np.bool_]
"""One for each frame."""

_BLACK = 0.985
"""Part of a picture that is black when the picture is."""
_PLANNED_BLACK = 0.9
_LONG_BLACK_S = 2.0
_STANDS = 0.0006
"""Mean change of luma below which two pictures are the same but for compression."""
_MOVES = 0.0025
"""Mean change of luma of a picture that surely moves: 0.6 of an 8-bit level."""
_STILLER = 0.22
"""A frame that changes by less than this part of what it should stands still."""
_NEARER = 0.002
"""A picture is more like another one where the likeness differs by this at least."""
_FROZEN_S = 0.35
_FROZEN_ALONE_S = 2.0
_OTHER = 0.5
"""Likeness below which a picture isn't the planned one, where its clip is else like it."""
_HOPED = 0.4
"""A picture that can't be expected to be more like the planned one tells nothing."""
_FADED = 0.035**2
"""Mean square of what coarse encoding adds to a picture that fades."""
_DETAIL = 0.008
"""A picture with less detail than this is like any other."""
_NEARLY = 8
"""A picture so many frames from its place is told of by what is repeated or missing."""
_KNOWN = 0.8
"""Likeness of thumbnails that are the same picture."""
_POP = 3.5 / 255
"""A change of mean colour that is seen, at least."""
_RIGHT = 0.15
"""A clip that has the programme's colours in so much of it has lost them elsewhere."""
_SHIFT = 5.0 / 255
_FAR_SHIFT = 10.0 / 255
_CONTRAST = 0.05
_FAR_CONTRAST = 0.09
_CUT = 0.05
"""Mean change of luma at a cut."""
_AROUND = 16
"""Frames around what looks odd that are looked at again."""
_AT_ONCE = 4096
"""Pictures that are compared at a time with one."""
_FEW = 12
"""Findings of one kind that are listed one by one."""

_RENDER = "render it again; if it comes back, report it with the timeline."


def picture_findings(views: Views, places: Places) -> list[Finding]:
    """Everything wrong with the pictures, in no order."""
    found = [*_damaged(views, places), *_flashes(views, places)]
    if views.compared:
        found += _against(views, places)
    else:
        found += _alone(views, places)
    return found


def odd(views: Views, places: Places) -> list[FrameRange]:
    """Stretches that look like a fault, with some frames around them: a closer look will tell."""
    change = np.nan_to_num(views.change, nan=1.0)
    least = max(3, math.ceil(_FROZEN_S * float(places.rate)))
    found = runs(_black_flags(views))
    found += [(a, b) for a, b in runs(change < _STANDS) if b - a >= least]
    alone = np.zeros(views.frames, np.bool_)
    more = [*_stray(views, places, alone), *_repeated(views, places, alone)]
    found += [(f.frame, f.frame + 1) for f in more if f.frame is not None]
    found += [(f.start, f.stop) for f in flashing(views.fields, views.red, float(places.rate))]
    wanted = np.zeros(views.frames, np.bool_)
    for start, stop in found:
        # Of a long stretch both ends tell.
        for edge in (start, stop):
            wanted[max(0, edge - _AROUND) : edge + _AROUND] = True
    return [FrameRange(a, b) for a, b in runs(wanted, gap=_AROUND)]


def _damaged(views: Views, places: Places) -> Iterator[Finding]:
    flags = np.zeros(views.frames, bool)
    flags[views.damaged] = True
    for start, stop in runs(flags, gap=2):
        yield places.at(
            "error", "damaged-frame", start,
            f"{counted(stop - start, 'frame')} can't be decoded, or only in part",
            "the file was damaged after it was made: copy it again, or render it again.",
            frames=stop - start,
        )  # fmt: skip


def _flashes(views: Views, places: Places) -> Iterator[Finding]:
    fps = float(places.rate)
    planned = flashing(views.planned_fields, None, fps) if views.compared else []
    for flash in flashing(views.fields, views.red, fps):
        meant = any(p.start < flash.stop and flash.start < p.stop for p in planned)
        kind = "red flashes" if flash.red else "flashes"
        yield places.at(
            "warning" if meant else "error", "flashing", flash.start,
            f"{flash.per_second:g} {kind} in a second; more than 3 can harm viewers "
            f"(ITU-R BT.1702)" + ("; the clips have them too" if meant else ""),
            "slow them down, darken them, or cut them out.",
            frames=flash.stop - flash.start,
        )  # fmt: skip


# Beside the programme -----------------------------------------------------------------------------


def _against(views: Views, places: Places) -> Iterator[Finding]:
    found_jumps = _believed(views, places)
    shift = shifts(found_jumps, views.frames)
    before = np.concatenate([[0], shift[:-1]])
    # What follows a jump is judged by the programme's frames that it shows.
    views, at_first, places = views.aligned(shift), places.moved(before), places.moved(shift)
    taken = np.zeros(views.frames, bool)
    taken[views.damaged] = True
    for found in (
        _unplanned_black(views, places),
        _frozen(views, places),
        _other_pictures(views, places, taken),
        _jumps(views, at_first, taken, [jump for jump in found_jumps if jump.sure]),
    ):
        for finding, start, stop in found:
            taken[max(0, start - 1) : stop + 1] = True
            yield finding
    yield from _stand_still(views, places, taken)
    yield from _colours(views, places, taken)


def _black_flags(views: Views) -> Flags:
    return np.asarray(np.nan_to_num(views.dark) >= _BLACK)


def _unplanned_black(views: Views, places: Places) -> Iterator[tuple[Finding, int, int]]:
    known = views.free > 0
    lit = np.nan_to_num(views.planned_dark, nan=1.0) < _PLANNED_BLACK
    wrong = _black_flags(views) & known & lit & (np.nan_to_num(views.planned_luma) > 0.02)
    for start, stop in runs(wrong, gap=1):
        yield (
            places.at(
                "error", "black", start,
                f"{counted(stop - start, 'frame')} black{places.join_near(start)}, where the "
                "programme shows a picture", _RENDER, frames=stop - start,
            ),
            start, stop,
        )  # fmt: skip


def _frozen(views: Views, places: Places) -> Iterator[tuple[Finding, int, int]]:
    moves = np.nan_to_num(views.planned_change) > _MOVES / 2
    stands = np.nan_to_num(views.own_change, nan=1.0) < np.minimum(
        _STANDS, 0.2 * np.nan_to_num(views.planned_change)
    )
    least = max(3, math.ceil(_FROZEN_S * float(places.rate)))
    for start, stop in runs(stands & moves, gap=1):
        if stop - start >= least:
            yield (
                places.at(
                    "error", "frozen", start,
                    f"the picture stands still for {counted(stop - start, 'frame')}, where the "
                    "programme moves", _RENDER, frames=stop - start,
                ),
                start, stop,
            )  # fmt: skip


def _other_pictures(
    views: Views, places: Places, taken: Flags
) -> Iterator[tuple[Finding, int, int]]:
    """Pictures that aren't those of the programme, at the right place or near it."""
    like = np.where(np.isnan(views.likeness), -1, views.likeness)
    best = like.max(axis=1, initial=-1)
    told = np.asarray(np.nan_to_num(views.planned_detail) >= _DETAIL, np.bool_)
    expected = places.expected
    assert expected is not None
    detail = np.maximum(np.nan_to_num(views.planned_detail), 1e-6)
    whole = _noise(best[told], detail[told])
    wrong: Flags = np.zeros(views.frames, np.bool_)
    for clip in expected.cut.clips:
        part = _frames_of(views, clip)
        rows = told[part]
        if not rows.any():
            continue
        usual = float(np.median(best[part][rows]))
        below = np.full(len(rows), _OTHER)
        if usual >= _OTHER:
            # What encoding leaves of a picture that is faded away: noise stays, detail goes.
            least = max(whole, _noise(best[part][rows], detail[part][rows]))
            faded = detail[part] < 0.5 * np.median(detail[part][rows])
            noise = np.where(faded, max(least, _FADED), least)
            hoped = 1 / np.sqrt(1 + noise / detail[part] ** 2)
            rows, below = rows & (hoped >= _HOPED), 0.6 * hoped
        if clip.source.retime is not None:
            below = np.minimum(below, 0.3)
        wrong[part] = rows & (best[part] < below)
    for start, stop in runs(wrong & ~taken, gap=2):
        found = _other_picture(views, places, start, stop)
        if found is not None:
            yield found, start, stop


def _frames_of(views: Views, clip: Clip) -> NDArray[np.intp]:
    """Frames of the file that show those of a clip."""
    place = np.arange(views.frames) + views.shift
    return np.flatnonzero((place >= clip.record.start) & (place < clip.record.stop))


def _noise(best: NDArray[np.floating], detail: NDArray[np.floating]) -> float:
    """What encoding adds to pictures of some likeness, as a mean square beside their detail."""
    usual = float(np.median(best)) if len(best) else 1.0
    return (1 / max(usual, _OTHER) ** 2 - 1) * float(np.median(detail)) ** 2 if len(best) else 0.0


def _other_picture(views: Views, places: Places, start: int, stop: int) -> Finding | None:
    """What is seen there instead; None where it is the planned picture after all, or nearly."""
    expected = places.expected
    assert expected is not None
    middle = (start + stop) // 2
    near = [n for n in {start, middle, stop - 1} if n < views.frames]
    found = [n for n in (_found(views, frame) for frame in near) if n is not None]
    if found and abs(found[0] - places.shown_at(start)) <= _NEARLY:
        return None
    sure = not expected.delivery.burn_in  # else what tells a picture may lie under the words
    segment = expected.segment_at(found[0]) if found else ""
    whose = f"a picture of {segment} (frame {found[0]})" if found else "another picture"
    return places.at(
        "error"
        if sure and (found or stop - start < 3 or _plain(views, places, start))
        else "warning",
        "wrong-picture", start,
        f"{counted(stop - start, 'frame')}{places.join_near(start)} show {whose} than the programme"
        if not found
        else f"{counted(stop - start, 'frame')}{places.join_near(start)} show {whose} instead of "
        f"{expected.segment_at(places.shown_at(start))}",
        "render it again; if you changed the timeline since, render first, then check.",
        frames=stop - start,
    )  # fmt: skip


def _plain(views: Views, places: Places, frame: int) -> bool:
    """Whether the clip at a frame is shown as it came, so that it can surely be compared."""
    expected = places.expected
    assert expected is not None
    clip: Clip | None = expected.clip_at(places.shown_at(frame))
    return clip is not None and clip.source.retime is None and clip.source.change.plain


def _found(views: Views, frame: int) -> int | None:
    """Where in the programme the picture of a frame is from."""
    own = views.thumbs[frame].astype(np.float32)
    own -= own.mean()
    power = float(np.sqrt((own * own).sum()))
    if power < 50:
        return None
    best, place = _KNOWN, None
    for number, thumbs in enumerate(views.planned_thumbs.parts(_AT_ONCE)):
        part = thumbs.astype(np.float32)
        part -= part.mean(axis=(1, 2), keepdims=True)
        norms = np.sqrt((part * part).sum(axis=(1, 2))) * power + 1e-3
        like = (part * own).sum(axis=(1, 2)) / norms
        n = int(np.argmax(like))
        if like[n] > best:
            best, place = float(like[n]), number * _AT_ONCE + n
    return place


def _believed(views: Views, places: Places) -> list[Jump]:
    """Jumps; those within clips that can be told but roughly aren't sure."""
    loose, gone = _loose(views, places), len(views.planned_thumbs) - views.frames
    return [
        replace(jump, sure=jump.sure and bool(gone or not loose[min(jump.frame, len(loose) - 1)]))
        for jump in jumps(views)
    ]


def _jumps(
    views: Views, places: Places, taken: Flags, found: list[Jump]
) -> Iterator[tuple[Finding, int, int]]:
    gone = len(views.planned_thumbs) - views.frames
    if gone > 0 and not any(jump.missing > 0 for jump in found):
        n = views.frames
        what = (
            f"the last {counted(gone, 'frame')} are missing"
            if gone > 1
            else "the last frame is missing"
        )
        yield places.at("error", "missing-frame", n, what, _RENDER, frames=gone), n, n
    for jump in found:
        n, count = jump.frame, abs(jump.missing)
        if taken[max(0, n - 1) : n + 1].any():
            continue
        near = places.join_near(n, 3)
        if jump.exchanged:
            what = f"{counted(jump.frames, 'frame')}{near} shown in the wrong order"
            yield (
                places.at("error", "wrong-picture", n, what, _RENDER, frames=jump.frames),
                n, n + jump.frames,
            )  # fmt: skip
        elif jump.frames:
            what = f"{counted(jump.frames, 'frame')}{near} shown in the place of another"
            kind = "repeated-frame" if jump.missing < 0 else "missing-frame"
            yield places.at("error", kind, n, what, _RENDER, frames=jump.frames), n, n + jump.frames
        elif jump.missing < 0:
            what = f"{counted(count, 'frame')}{near} shown twice; all that follows comes later"
            yield places.at("error", "repeated-frame", n, what, _RENDER, frames=count), n, n + count
        else:
            verb = "is" if count == 1 else "are"
            what = f"{counted(count, 'frame')}{near} {verb} missing; all that follows comes earlier"
            yield places.at("error", "missing-frame", n, what, _RENDER), n, n + 1


def _loose(views: Views, places: Places) -> Flags:
    """Frames of clips that can be told but roughly."""
    flags = np.zeros(views.frames, np.bool_)
    expected = places.expected
    for clip in expected.cut.clips if expected else ():
        if expected and expected.loose(clip):
            flags[_frames_of(views, clip)] = True
    return flags


def _like_the_one_before(views: Views) -> Flags:
    """Frames more like the programme's picture before theirs, beyond what compression blurs."""
    like = np.pad(views.likeness, ((0, 0), (1, 0)), constant_values=np.nan)
    rows, column = np.arange(views.frames), 1 + np.searchsorted(views.offsets, views.shift)
    beside = np.isin(views.shift - 1, views.offsets)
    home = like[rows, column]
    before = np.where(beside, like[rows, column - 1], np.nan)
    best = home[~np.isnan(home)]
    noise = float(np.median(1 - best)) if len(best) else 0.0
    nearer = np.nan_to_num(before - home, nan=-1.0)
    return np.asarray(nearer > max(_NEARER, noise / 2), np.bool_)


def _stand_still(views: Views, places: Places, taken: Flags) -> Iterator[Finding]:
    """Frames that are the one before again, where the programme moves."""
    planned = np.nan_to_num(views.planned_change)
    own = np.nan_to_num(views.own_change, nan=1.0)
    still: Flags = (planned > _MOVES) & (own < _STILLER * planned) & ~taken
    still &= ~_loose(views, places) & _like_the_one_before(views)
    usual = np.nan_to_num(views.own_change / np.maximum(views.planned_change, 1e-6), nan=1.0)
    found = runs(still)
    if len(found) > max(_FEW, views.frames // 20) or np.median(usual) < 0.5:
        return  # the programme moves otherwise than it could be told: nothing can be said
    for start, stop in found:
        yield places.at(
            "error", "repeated-frame", start,
            f"{counted(stop - start, 'frame')}{places.join_near(start, 3)} shown again, where the "
            "programme moves on", _RENDER, frames=stop - start,
        )  # fmt: skip


def _colours(views: Views, places: Places, taken: Flags) -> Iterator[Finding]:
    """Colours that leave the programme's for some frames, or all along."""
    expected = places.expected
    assert expected is not None
    colour = np.where(taken[:, None], np.nan, views.colour)
    told = np.asarray(~np.isnan(colour).any(axis=1), np.bool_)
    if not told.any():
        return
    whole = np.median(colour[told], axis=0)
    if float(np.abs(whole).max()) > _SHIFT:
        levels = ", ".join(f"{v * 255:+.0f}" for v in whole)
        far = float(np.abs(whole).max()) > _FAR_SHIFT
        yield places.whole(
            "error" if far else "warning", "colour-shift",
            f"colours of the whole film are off by {levels} levels of R, G, B",
            "check that nothing converted the file's matrix or range; render it again.",
        )  # fmt: skip
    slopes = views.contrast[told & ~np.isnan(views.contrast)]
    slope = float(np.median(slopes)) if len(slopes) else 1.0
    if abs(slope - 1) > _CONTRAST:
        way = "less" if slope < 1 else "more"
        sure = abs(slope - 1) > _FAR_CONTRAST and not expected.delivery.burn_in
        yield places.whole(
            "error" if sure else "warning", "colour-shift",
            f"the whole film has {abs(slope - 1):.0%} {way} contrast than its clips",
            "check that nothing took limited range for full, or the other way round.",
        )  # fmt: skip
    for clip in expected.cut.clips:
        part = _frames_of(views, clip)
        rows = told[part]
        if rows.sum() < 3:
            continue
        own = colour[part]
        corrected = not clip.correction.neutral
        least = _POP * (2 if corrected else 1)
        usual = np.median(own[rows], axis=0)
        if np.abs(usual - whole).max() > least:
            right = np.abs(own - whole).max(axis=1) <= least / 2
            if right.sum() >= _RIGHT * rows.sum():  # most of the clip has changed, not the rest
                rows, usual = right, np.median(own[right], axis=0)
        apart = np.nan_to_num(np.abs(own - usual).max(axis=1))
        scatter = float(np.median(apart[rows]))
        step = max(least, 6 * scatter)
        told_apart = not expected.mixed(clip)  # a flash lights the frames that are mixed with it
        for start, stop in runs((apart > step) & told_apart, gap=1):
            at = int(part[start])
            most = float(apart[start:stop].max()) * 255
            yield places.at(
                "error" if not corrected else "warning", "colour-pop", at,
                f"the colour leaves its clip's by {most:.0f} levels for "
                f"{counted(stop - start, 'frame')}{places.join_near(at, 3)}", _RENDER,
                frames=stop - start,
            )  # fmt: skip
        if float(np.abs(usual - whole).max()) > _FAR_SHIFT and clip.source.change.plain:
            levels = ", ".join(f"{v * 255:+.0f}" for v in usual)
            yield places.at(
                "warning", "colour-shift", int(part[0]),
                f"colours of clip {clip.id} are off by {levels} levels of R, G, B",
                "look at it beside its source.", frames=clip.record.frames,
            )  # fmt: skip


# Alone --------------------------------------------------------------------------------------------


def cuts(views: Views) -> list[int]:
    """Frames at which a new shot seems to begin."""
    change = np.nan_to_num(views.change)
    found = []
    for n in np.flatnonzero(change > _CUT):
        around = np.concatenate([change[max(0, n - 8) : n], change[n + 1 : n + 9]])
        if change[n] > 4 * (np.median(around) if len(around) else 0):
            found.append(int(n))
    return found


def _alone(views: Views, places: Places) -> Iterator[Finding]:
    taken = np.zeros(views.frames, bool)
    taken[views.damaged] = True
    fps = float(places.rate)
    for start, stop in runs(_black_flags(views)):
        inside = start > 0 and stop < views.frames
        abrupt = inside and (
            views.luma[start - 1] > 0.1 or views.luma[min(stop, views.frames - 1)] > 0.1
        )
        taken[max(0, start - 1) : stop + 1] = True
        if (stop - start) / fps < 0.4 and abrupt:
            yield places.at(
                "warning", "black", start,
                f"{counted(stop - start, 'frame')} black between pictures",
                "look at it: a hole at a join looks like this.", frames=stop - start,
            )  # fmt: skip
        elif (stop - start) / fps >= _LONG_BLACK_S:
            yield places.at(
                "info", "black", start, f"black for {(stop - start) / fps:.1f} s",
                frames=stop - start,
            )  # fmt: skip
    for start, stop in runs((np.nan_to_num(views.change, nan=1.0) < _STANDS / 2) & ~taken):
        if (stop - start) / fps >= _FROZEN_ALONE_S and views.spread[start] > 0.02:
            taken[start:stop] = True
            yield places.at(
                "warning", "frozen", start,
                f"the picture stands still for {(stop - start) / fps:.1f} s",
                "look at it: a still that is meant looks the same.", frames=stop - start,
            )  # fmt: skip
    yield from _stray(views, places, taken)
    yield from _repeated(views, places, taken)


def _stray(views: Views, places: Places, taken: Flags) -> Iterator[Finding]:
    """Single pictures that both neighbours don't know, though these know each other."""
    change, leap = np.nan_to_num(views.change), np.nan_to_num(views.leap, nan=1.0)
    for n in range(1, views.frames - 1):
        if taken[n] or min(change[n], change[n + 1]) < 0.03:
            continue
        if leap[n + 1] < 0.35 * min(change[n], change[n + 1]):
            taken[n : n + 2] = True
            yield places.at(
                "warning", "stray-frame", n, "1 frame that belongs neither to what comes before "
                "nor to what follows", "look at it: a flash or a frame of another clip.",
            )  # fmt: skip


def _repeated(views: Views, places: Places, taken: Flags) -> Iterator[Finding]:
    """Frames that stand still amid motion, unless that is the file's rhythm."""
    change, fps = np.nan_to_num(views.change), float(places.rate)
    found = []
    for n in range(3, views.frames - 3):
        around = np.delete(change[n - 3 : n + 4], 3)
        usual = float(np.median(around))
        if usual > _MOVES and change[n] < 0.12 * usual and not taken[n]:
            found.append(n)
    if len(found) > max(3, views.frames / fps / 2):
        yield places.whole(
            "info", "cadence",
            f"{len(found)} frames repeat the one before: the pictures came at another rate",
        )  # fmt: skip
        return
    joins = cuts(views)
    for n in found:
        near = any(abs(n - join) <= 2 for join in joins)
        yield places.at(
            "warning", "repeated-frame", n,
            "1 frame shown twice" + (" at a cut" if near else " amid motion"),
            "look at it: it stutters there.",
        )  # fmt: skip
