"""What is said in words beside an edit: seams and corrections for people, losses for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from assembler.cut.model import Sound, Source, Transition
from assembler.exporting.edit import Edit, Shot
from assembler.match.decision import Correction
from assembler.spec.transitions import TRANSITIONS

SEAM = "seam "
"""Markers whose names begin so tell of seams; the author's own never do."""

_NAMES = {
    "cross dissolve": "dissolve",
    "crossdissolve": "dissolve",
    "smpte_dissolve": "dissolve",
    "additive dissolve": "dissolve",
    "film dissolve": "dissolve",
    "dip to color": "fade-black",
    "dip to color dissolve": "fade-black",
    "dip to black": "fade-black",
    "fade to color": "fade-black",
    "dip to white": "fade-white",
    "smpte_wipe": "wipe-right",
    "edge wipe": "wipe-right",
    "wipe": "wipe-right",
    "push": "slide-left",
    "slide": "slide-left",
    "circle": "circle-open",
    "iris": "circle-open",
}
"""Transitions of other programs by ours."""
_EXACT = {"cross dissolve", "crossdissolve", "smpte_dissolve"}


def transition_named(name: str, before: int, after: int) -> tuple[Transition | None, str]:
    """A transition as another program calls it, and what is to be said about that."""
    before, after = max(0, before), max(0, after)
    if before + after == 0:
        return None, ""
    if name in TRANSITIONS:
        return Transition(name, before, after), ""
    ours = _NAMES.get(name.casefold(), "dissolve")
    if name.casefold() in _EXACT or not name:
        return Transition(ours, before, after), ""
    return Transition(ours, before, after), f"transition {name}: shown as our {ours}"


def seam_note(shot: Shot, edit: Edit) -> str:
    """What was done at the beginning of a shot and to its picture, in one paragraph."""
    said = []
    seam, clip = shot.seam, shot.clip
    if seam and seam.matched:
        said.append(
            f"{SEAM}{seam.seam}: {seam.repeat_frames} repeated frames, keep {seam.keep_until}, "
            f"start from {seam.start_from}, confidence {seam.confidence:.2f}"
        )
    elif seam:
        said.append(f"{SEAM}{seam.seam}: the two sides don't match and were left alone")
    if clip.skipped:
        said.append(f"source frames left out: {', '.join(map(str, clip.skipped))}")
    said += correction_words(clip.correction, edit.grades.get(clip.id, ""))
    if seam:
        said += seam.notes
    return "; ".join(said)


def correction_words(correction: Correction, grade: str = "") -> Iterator[str]:
    """A correction in words."""
    if correction.colour:
        yield f"colour corrected{f' ({grade})' if grade else ''}"
    if correction.affine:
        numbers = ", ".join(f"{n:.5f}" for n in correction.affine)
        yield f"geometry corrected (output to source, parts of width: {numbers})"
    if correction.sharpen:
        yield f"sharpness {correction.sharpen:+.2f}"
    if correction.release_frames and not correction.neutral:
        yield f"released over {correction.release_frames} frames"


def sounding(sound: Sound) -> str:
    """What our mixer does to a sound besides its level."""
    said = []
    if sound.duck_db and sound.duck_under:
        said.append(f"ducked by {sound.duck_db:g} dB under {' and '.join(sound.duck_under)}")
    if sound.level_to_mix:
        said.append("levelled to the mix")
    if sound.speech_only:
        said.append("silent where nobody speaks")
    if sound.polish:
        said.append(f"polished ({', '.join(sound.polish)})")
    if sound.minus:
        said.append(f"without the speech of {sound.minus.path.name}")
    return "; ".join(said)


def lost_pictures(
    edit: Edit,
    *,
    shapes: bool = False,
    stretch: bool = False,
    chapters: bool = False,
    even: bool = False,
    cdls: bool = False,
) -> Iterator[str]:
    """
    What of the picture is not in the edit (*even* speeds and *cdls* may be), with where it is
    instead.
    """
    cut = edit.cut
    for clip in cut.clips:
        if not clip.correction.neutral:
            words = "; ".join(correction_words(clip.correction))
            grade = edit.grades.get(clip.id)
            where = f"; apply {grade}" if grade and clip.correction.colour else ""
            yield f"{clip.id}: its correction ({words}) is a note{where}"
        if clip.id in edit.cdls and not cdls:
            yield f"{clip.id}: its CDL; apply {edit.cdls[clip.id]}"
        if clip.fit == "blur" or (stretch and clip.fit == "stretch"):
            yield f"{clip.id}: it is laid on the canvas with `fit: {clip.fit}`"
        yield from lost_speed(clip.id, clip.source, even=even)
        for change in _changes(clip.source):
            yield f"{clip.id}: {change}; --package bakes it in"
        info = clip.source.info.video
        if info and not clip.source.still and info.rate != cut.rate:
            yield (
                f"{clip.id}: its file has {_rate(info.rate)} frames a second and the programme "
                f"{_rate(cut.rate)}; positions count the programme's (--package conforms it)"
            )
    for layer in cut.layers:
        if shapes and layer.shape != "box":
            yield f"layer {layer.id}: its {layer.shape} shape"
        yield from lost_speed(f"layer {layer.id}", layer.source)
        for change in _changes(layer.source):
            yield f"layer {layer.id}: {change}"
    for title in cut.titles:
        yield f"title {title.id}: its style {title.style} (words and place in time are there)"
    if cut.chapters and not chapters:
        yield f"chapters: {len(cut.chapters)}"
    if cut.captions:
        how = "burnt in by our renderer" if cut.burn_captions else "see the .srt"
        yield f"captions: {len(cut.captions)} cues; {how}"


def lost_speed(name: str, source: Source, *, even: bool = False) -> Iterator[str]:
    """A changed speed; not where it is *even* and the format says that."""
    retime = source.retime
    if retime and not (even and retime.even is not None):
        yield f"{name}: its changed speed; --package bakes it in"


def _changes(source: Source) -> Iterator[str]:
    """What our renderer does to a source before it is shown, but for its CDL and its speed."""
    change = source.change
    if change.crop:
        yield "its crop"
    if change.glide:
        yield "its move over the picture"
    if change.table:
        yield f"its colour table {change.table.path.name}"
    if change.effects:
        yield f"its effects {', '.join(effect.name for effect in change.effects)}"


def _rate(rate: Fraction) -> str:
    return f"{float(rate):.5g}"


def lost_sounds(edit: Edit, *, pan: bool = False, points: bool = False) -> Iterator[str]:
    """What of the sound is not in the edit."""
    rounded = 0.0
    for heard in edit.heard:
        first = edit.cut.hz / edit.rate * heard.record.start
        rounded = max(rounded, abs(float(first - heard.sound.record.start)) / edit.cut.hz)
    if rounded > 0.0005:
        yield f"sound: its cuts lie on frames here, up to {rounded * 1000:.0f} ms from ours"
    for sound in dict.fromkeys(heard.sound for heard in edit.heard):
        said = sounding(sound)
        if said:
            yield f"sound {sound.id}: {said}; the stems have it"
        if pan and sound.pan:
            yield f"sound {sound.id}: its pan {sound.pan:+.2f}"
        if points and sound.points:
            yield f"sound {sound.id}: its level changes at {len(sound.points)} points"
