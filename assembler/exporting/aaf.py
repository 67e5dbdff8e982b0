"""
AAF for Avid Media Composer, written by OTIO's adapter; what it asks for beyond OTIO is filled in.

    lost = write(edit, place, Path("harbour.aaf"))
"""

from __future__ import annotations

import contextlib
import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assembler.errors import MissingProgramError
from assembler.exporting.edit import Edit
from assembler.exporting.notes import lost_pictures, lost_sounds
from assembler.exporting.otio import library, to_timeline
from assembler.exporting.places import Place

VIDEO_DISSOLVE = "0c3bea40-fc05-11d2-8a29-0050040ef7d2"
"""Operation definition of a dissolve (AAF object specification, kAAFOperationDef_VideoDissolve)."""
_MOB = "urn:smpte:umid:060a2b34.01010105.01010f10.13000000"
"""How the identity of a clip's medium begins; a UUID of its name follows."""


def write(edit: Edit, place: Place, path: Path) -> tuple[str, ...]:
    """
    The edit as an AAF file at *path*; what it lacks.

    Raises:
        MissingProgramError: If the adapter isn't installed.
    """
    package = library()
    if "AAF" not in package.adapters.available_adapter_names():
        raise MissingProgramError(
            "otio-aaf-adapter isn't installed", fix="python -m pip install otio-aaf-adapter"
        )
    timeline = to_timeline(edit, place)
    _filled(timeline, package)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it leaves out
        package.adapters.write_to_file(timeline, str(path), adapter_name="AAF")
    return tuple(_lost(edit))


def _filled(timeline: Any, package: Any) -> None:
    """What the adapter wants to know: identities of media, the shape of dissolves, no words."""
    for track in timeline.tracks:
        for n, child in enumerate(list(track)):
            if isinstance(child, package.schema.Transition):
                _as_dissolve(child, package)
            elif isinstance(child, package.schema.Clip):
                reference = child.media_reference
                if isinstance(reference, package.schema.GeneratorReference):
                    track[n] = package.schema.Gap(source_range=child.source_range)
                else:
                    child.name = reference.name  # a medium has one name in AAF
                    child.effects[:] = []
                    child.metadata["AAF"] = {"MobID": _mob_id(reference.target_url)}
    for track in list(timeline.tracks):
        if not any(isinstance(child, package.schema.Clip) for child in track):
            timeline.tracks.remove(track)


def _as_dissolve(passage: Any, package: Any) -> None:
    passage.transition_type = package.schema.TransitionTypes.SMPTE_Dissolve
    length = int(passage.duration().value)
    passage.metadata["AAF"] = {
        "PointList": [{"Value": "0/1", "Time": "0/1"}, {"Value": "1/1", "Time": "1/1"}],
        "CutPoint": int(passage.in_offset.value),
        "Length": length,
        "OperationGroup": {
            "Operation": {
                "Identification": VIDEO_DISSOLVE,
                "Name": "Video Dissolve",
                "Description": "Video Dissolve",
                "DataDefinition": {"Name": "Picture"},
                "IsTimeWarp": False,
                "Bypass": 0,
                "NumberInputs": 2,
                "OperationCategory": "OperationCategory_Effect",
            }
        },
    }


def _mob_id(url: str) -> str:
    """The same identity for the same medium, whenever it is exported."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, url).hex
    return f"{_MOB}.{name[:8]}.{name[8:16]}.{name[16:24]}.{name[24:]}"


def _lost(edit: Edit) -> Iterator[str]:
    if any(shot.name != shot.medium.name for shot in edit.shots):
        yield "clips: they are called by their media"
    if edit.start.drop:
        yield "timecode: the adapter writes non-drop timecode"
    for shot in edit.shots:
        if shot.transition and shot.transition.name != "dissolve":
            yield f"{shot.name}: its {shot.transition.name} is written as a dissolve"
    for layer in edit.cut.layers:
        yield f"layer {layer.id}: its size and place"
    for title in edit.cut.titles:
        yield f"title {title.id}: AAF has no words of ours"
    if edit.cut.markers:
        yield f"markers: {len(edit.cut.markers)} and the seams' notes"
    for sound in edit.cut.sounds:
        if sound.gain_db or sound.fade_in or sound.fade_out:
            yield f"sound {sound.id}: its level and fades"
    yield from (line for line in lost_pictures(edit) if not line.startswith("title "))
    yield from lost_sounds(edit, pan=True, points=True)
