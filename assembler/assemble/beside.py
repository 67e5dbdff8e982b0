"""
What is written beside a film: captions, a poster, and where every frame comes from. A part of a
film has captions alone.

    write_beside(cut, Path("out/film.mp4"), prepared, records)
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_args

from assembler.assemble.outputs import Records, captions_beside, poster_beside, provenance_beside
from assembler.assemble.prepare import Prepared
from assembler.cut.model import Clip, Cut, PictureLayer
from assembler.layers.captions import write_captions
from assembler.media.files import publish
from assembler.media.probe import probe
from assembler.planning.keys import content_key
from assembler.spec.model import Sidecar, Timeline
from assembler.timebase import Timecode

VERSION = 1
"""Of the form of provenance files."""
SIDECARS: tuple[Sidecar, ...] = get_args(Sidecar)
_TOLD = ("provider", "model", "kind", "prompt", "negative", "camera", "shots", "seed", "length_s",
         "resolution", "take", "job", "price_usd", "asked", "done", "sha256")  # fmt: skip
"""Of what is noted beside a take."""


def beside_key(cut: Cut, timeline: Timeline) -> str:
    """Key of everything that decides these files beside the film itself."""
    return content_key(
        version=VERSION,
        captions=cut.captions,
        burn=cut.burn_captions,
        track=cut.caption_track,
        sidecar=timeline.captions.sidecar if timeline.captions else "",
        chapters=cut.chapters,
        metadata=cut.metadata,
        poster=cut.poster,
        provenance=timeline.provenance,
        clips=[[clip.id, clip.record] for clip in cut.clips] if timeline.provenance else [],
    )


def caption_track(cut: Cut, folder: Path) -> Path | None:
    """The captions as SubRip, for a track in the film; None without one."""
    if not cut.caption_track or not cut.captions:
        return None
    path = folder / f"{content_key(captions=cut.captions)}.srt"
    if not path.is_file():
        write_captions(cut.captions, path)
    return path


def write_beside(
    cut: Cut, out: Path, prepared: Prepared, records: Records, *, part: bool = False
) -> None:
    """Write what belongs beside the finished film *out*, or a part of one, and nothing else."""
    timeline = prepared.loaded.timeline
    written = []
    if cut.captions and not cut.burn_captions:
        write_captions(cut.captions, captions_beside(out, timeline), cut.size)
        written.append(captions_beside(out, timeline))
    if cut.poster is not None:
        _write_poster(out, cut.poster, poster_beside(out))
        written.append(poster_beside(out))
    if timeline.provenance and not part:
        told = provenance(cut, prepared)
        with publish(provenance_beside(out)) as new:
            text = json.dumps({"film": out.name, **told}, indent=1, ensure_ascii=False)
            new.write_text(text + "\n", encoding="utf-8")
        written.append(provenance_beside(out))
    for path in written:
        records.write(path, "", {"beside": out.name})
    _remove_stale(out, timeline, written, records)


def _remove_stale(
    out: Path, timeline: Timeline, written: Collection[Path], records: Records
) -> None:
    """Remove what an earlier render of *out* wrote beside it: players load captions by name."""
    entries = timeline.captions.entries if timeline.captions else ()
    kept = {*written, *(entry.file for entry in entries)}
    sidecars = (out.with_suffix(f".{kind}") for kind in SIDECARS)
    for path in (*sidecars, poster_beside(out), provenance_beside(out)):
        noted = None if path in kept else records.made_by_us(path)
        if noted and noted["result"].get("beside") == out.name:
            path.unlink()


def _write_poster(film: Path, frame: int, path: Path) -> None:
    import numpy as np
    from PIL import Image

    from assembler.media.frames import read_frames  # slow to load

    (picture,) = read_frames(probe(film), start=frame, stop=frame + 1)
    with publish(path) as part:
        codes = np.rint(picture * 255).astype(np.uint8)
        Image.fromarray(codes).save(part, quality=92, subsampling=0)


def provenance(cut: Cut, prepared: Prepared) -> dict[str, Any]:
    """Every stretch of frames with the clip that it shows, and how that clip was made."""
    return {
        "form": VERSION,
        "title": cut.title,
        "rate": str(cut.rate),
        "frames": cut.frames,
        "size": list(cut.size),
        "picture": [_told(clip, cut, prepared) for clip in cut.clips],
        "layers": [_told(layer, cut, prepared) for layer in cut.layers],
        "titles": [
            {"first": one.record.start, "last": one.record.stop - 1, "text": one.text}
            for one in cut.titles
        ],
    }


def _told(shown: Clip | PictureLayer, cut: Cut, prepared: Prepared) -> dict[str, Any]:
    record, source = shown.record, shown.source
    entry: dict[str, Any] = {
        "first": record.start,
        "last": record.stop - 1,
        "timecode": str(Timecode.from_frames(record.start, cut.rate)),
        "clip": shown.id,
        "source_first": shown.source_in,
    }
    if isinstance(shown, Clip) and shown.transition is not None:
        way = shown.transition
        first, last = record.start - way.before_frames, record.start + way.after_frames - 1
        entry["transition"] = {"name": way.name, "first": first, "last": last}
    noted = _noted(source.path) if shown.id in prepared.plan.links_by_id else None
    if noted is None:
        root = prepared.project.root
        path = source.path
        name = path.relative_to(root) if path.is_relative_to(root) else path
        return entry | {"file": name.as_posix(), "sha256": prepared.stock.hashes.get(path)}
    return entry | {key: noted[key] for key in _TOLD if key in noted}


def _noted(take: Path) -> Mapping[str, Any] | None:
    """What was noted when the take was made."""
    try:
        found = json.loads(take.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
