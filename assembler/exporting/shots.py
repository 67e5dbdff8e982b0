"""The shot list: one line of CSV for every event, for people and spreadsheets."""

from __future__ import annotations

import csv
import io

from assembler.exporting.edit import Edit, Heard, Laid, Shot, Worded, Written
from assembler.exporting.notes import seam_note
from assembler.exporting.places import Place

COLUMNS = (
    "track", "number", "name", "segment", "file", "reel", "record in", "record out", "source in",
    "source out", "frames", "seconds", "join", "transition", "transition frames", "handle before",
    "handle after", "gain dB", "fade in", "fade out", "words", "notes",
)  # fmt: skip


def write(edit: Edit, place: Place) -> Written:
    """The edit as CSV; *place* says how files are named."""
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    things: list[_Thing] = [*edit.shots, *edit.laid, *edit.worded, *edit.heard]
    for n, thing in enumerate(things, 1):
        table.writerow({"number": n} | _row(thing, edit, place))
    lost = () if edit.cut.clips else ("it has no events",)
    return Written(".csv", out.getvalue(), lost)


_Thing = Shot | Laid | Worded | Heard


def _row(thing: _Thing, edit: Edit, place: Place) -> dict[str, str | int | float]:
    record = thing.record
    row: dict[str, str | int | float] = {
        "name": thing.name,
        "record in": edit.timecode(record.start),
        "record out": edit.timecode(record.stop),
        "frames": record.frames,
        "seconds": f"{float(record.frames / edit.rate):.3f}",
    }
    match thing:
        case Shot():
            t = thing.transition
            row |= {"track": "V1", "segment": thing.clip.segment, "join": thing.clip.join}
            row |= {"transition": t.name if t else "", "transition frames": t.frames if t else ""}
            row |= {"notes": seam_note(thing, edit)}
        case Laid():
            row |= {"track": f"V{thing.lane + 1}", "segment": thing.layer.id}
        case Worded():
            return row | {"track": f"V{thing.lane + 1}", "words": thing.title.text}
        case Heard():
            row |= {"track": f"A{thing.lane}", "segment": thing.sound.segment}
            row |= {"gain dB": thing.sound.gain_db, "notes": thing.sound.role}
            row |= {"fade in": thing.fade_in, "fade out": thing.fade_out}
    medium = thing.medium
    seen = thing.seen()
    return row | {
        "file": place(medium.path),
        "reel": medium.reel,
        "source in": edit.label(medium.start + seen.start),
        "source out": edit.label(medium.start + seen.stop),
        "handle before": seen.start,
        "handle after": max(0, medium.frames - seen.stop),
    }
