"""What a timeline says of its seams, and whether a new text of it says just what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assembler.errors import UsageError
from assembler.reviewing.edits import Value
from assembler.reviewing.view import Place, View
from assembler.spec.model import SeamOverride, Segment


def place_of(seen: View, seam: str) -> Place:
    """
    A seam of the picture track.

    Raises:
        UsageError: If there is none of that id, or none is known yet.
    """
    if seen.cut is None:
        raise UsageError("seams are known once all clips are there", fix="render it first.")
    place = seen.places.get(seam)
    if place is None:
        raise UsageError(f"there is no seam {seam!r} in the picture track")
    return place


def index_of(seen: View, segment: str) -> int:
    """Where a segment stands in the timeline's list."""
    return [one.id for one in seen.loaded.timeline.segments].index(segment)


def all_but(seen: View, segment: str) -> list[dict[str, Any]]:
    """What is said of all other segments."""
    others = (one for one in seen.loaded.timeline.segments if one.id != segment)
    return [one.model_dump(exclude_unset=True) for one in others]


def _segment(seen: View, place: Place) -> Segment:
    return seen.loaded.timeline.segment(place.segment)


def own_word(seen: View, place: Place) -> SeamOverride | None:
    """What is said of this seam alone."""
    segment = _segment(seen, place)
    return segment.seam if place.link is None else segment.seams.get(place.link)


def check_removable(seen: View, place: Place, words: Mapping[str, Value]) -> None:
    """
    What goes must not be said of several seams at once.

    Raises:
        UsageError: If it is, with its place.
    """
    segment, timeline = _segment(seen, place), seen.loaded.timeline
    for key in (key for key, value in words.items() if value is None):
        for above, whose in ((segment.seam, f"all seams of {segment.id}"), (timeline.seam, "all")):
            if above is own_word(seen, place) or above is None:
                continue
            if key in above.model_fields_set:
                where = seen.loaded.where("segments", index_of(seen, segment.id), "seam")
                raise UsageError(f"`{key}` is said of {whose}", where, "change it there.")


def check_said(seen: View, new: View, place: Place, words: Mapping[str, Value]) -> None:
    """
    The new text must say just what was meant, and the programme follow.

    Raises:
        UsageError: If it doesn't, with what to do instead.
    """
    if new.loaded.timeline.model_dump(exclude_unset=True) != _expected(seen, place, words):
        raise by_hand(seen, place, words, "other places would change too")
    if "keep_until" not in words or words["keep_until"] is None:
        return
    found = new.places.get(place.seam)
    wanted = words["keep_until"], words["start_from"]
    if found is None or (found.keep, found.start) != wanted:
        before = place.seam.partition(">")[0]
        clips = seen.cut.clips if seen.cut else ()
        segment = next((clip.segment for clip in clips if clip.id == before), before)
        raise UsageError(
            f"{before} can't be kept until frame {wanted[0]}: its segment ends at {place.keep}",
            fix=f"make {segment} longer by its `duration` or `out` first.",
        )


def _expected(seen: View, place: Place, words: Mapping[str, Value]) -> dict[str, Any]:
    """The timeline with these words on that seam, as the author would have written it."""
    timeline = seen.loaded.timeline.model_dump(exclude_unset=True)
    segment = timeline["segments"][index_of(seen, place.segment)]
    above: tuple[str | int, ...] = ("seam",) if place.link is None else ("seams", place.link)
    holders = [segment]
    for step in above:
        holders.append(holders[-1].setdefault(step, {}))
    for key, value in words.items():
        if value is None:
            holders[-1].pop(key, None)
        else:
            holders[-1][key] = value
    for holder, step in reversed([*zip(holders, above, strict=False)]):
        if not holder[step]:
            del holder[step]
    return timeline


def by_hand(seen: View, place: Place, words: Mapping[str, Value], why: str) -> UsageError:
    """What to tell where the text is of a kind that isn't changed by a program."""
    said = ", ".join(f"{key}: {value}" for key, value in words.items() if value is not None)
    line = f"{{{said}}}" if place.link is None else f"{{{place.link}: {{{said}}}}}"
    key = "seam" if place.link is None else "seams"
    where = seen.loaded.where("segments", index_of(seen, place.segment))
    fix = f"write it there by hand: `{key}: {line}`." if said else "take it out there by hand."
    return UsageError(f"segment {place.segment} isn't changed here: {why}", where, fix)
