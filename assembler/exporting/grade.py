"""
Colour corrections for grading programs: 3-D tables (.cube) and ASC CDLs (.cdl).

    for grade in (*tables_of(cut), *cdls_of(cut)): ...

A table holds what the correction comes to rest at; what only its first frames have (a pop that
decays, a release) is nothing that a table can say.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from assembler.cut.model import Cdl, Cut
from assembler.match.apply import constant_part, cube
from assembler.match.decision import ColourFix

CUBE_SIZE = 33
_CDL = "urn:ASC:CDL:v1.2"


@dataclass(frozen=True, slots=True)
class Grade:
    """One file with the correction of a clip."""

    clip: str
    name: str
    """File name."""
    text: str


def tables_of(cut: Cut) -> Iterator[Grade]:
    """A table for every clip whose colour was corrected."""
    for clip in cut.clips:
        fix = constant_part(clip.correction).colour
        if fix:
            yield Grade(clip.id, f"{_stem(clip.id)}.cube", cube_text(fix, clip.id))


def cdls_of(cut: Cut) -> Iterator[Grade]:
    """A file for every CDL of the author's."""
    for clip in cut.clips:
        cdl = clip.source.change.cdl
        if cdl:
            yield Grade(clip.id, f"{_stem(clip.id)}.cdl", cdl_text(cdl, clip.id))


def _stem(clip: str) -> str:
    return re.sub(r"[^\w.-]+", "-", clip)


def cube_text(fix: ColourFix, title: str, size: int = CUBE_SIZE) -> str:
    """A correction at rest as a .cube table: encoded R'G'B' to R'G'B', red running fastest."""
    table = cube(fix, size).transpose(2, 1, 0, 3).reshape(-1, 3)
    rows = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table)
    return f'TITLE "{title}"\nLUT_3D_SIZE {size}\n{rows}\n'


def cdl_text(cdl: Cdl, name: str) -> str:
    """A CDL as a ColorDecisionList with one decision."""
    root = ET.Element("ColorDecisionList", xmlns=_CDL)
    correction = ET.SubElement(ET.SubElement(root, "ColorDecision"), "ColorCorrection", id=name)
    sop = ET.SubElement(correction, "SOPNode")
    for tag, values in (("Slope", cdl.slope), ("Offset", cdl.offset), ("Power", cdl.power)):
        ET.SubElement(sop, tag).text = " ".join(f"{value:.6f}" for value in values)
    saturation = ET.SubElement(ET.SubElement(correction, "SatNode"), "Saturation")
    saturation.text = f"{cdl.saturation:.6f}"
    ET.indent(root, " ")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f"{head}{ET.tostring(root, encoding='unicode')}\n"
