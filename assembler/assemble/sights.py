"""
Pictures and curves of seams, kept beside the decisions: made while both sides are in memory.

A file of theirs is JSON; its pictures are ``data:`` addresses, ready for a page.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assembler.media.files import publish

if TYPE_CHECKING:
    from assembler.match.sight import Shown, Sight

VERSION = 1
PAIR_QUALITY, STRIP_QUALITY = 78, 66


def sight_file(decision: Path) -> Path:
    """Where the sight of a seam lies, beside its decision."""
    return decision.with_suffix(".sight.json")


def keep_sight(path: Path, seen: Sight) -> None:
    """Write it down."""
    with publish(path) as part:
        part.write_text(json.dumps({"version": VERSION, **_data(seen)}), encoding="utf-8")


def known_sight(path: Path) -> Mapping[str, Any] | None:
    """What `keep_sight` has written; None where that is absent, damaged or older."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("version") == VERSION else None


def picture_data(rgb: Any, quality: int) -> dict[str, Any]:
    """A picture as its address and size; *rgb* is float32 R'G'B' in [0, 1], (h, w, 3)."""
    from assembler.media.stills import webp_of  # slow to load

    code = base64.b64encode(webp_of(rgb, quality)).decode("ascii")
    return {
        "src": f"data:image/webp;base64,{code}",
        "width": rgb.shape[1],
        "height": rgb.shape[0],
    }


def _data(seen: Sight) -> dict[str, Any]:
    pair = {"last": seen.last, "first": seen.first, "first_came": seen.first_came}
    return {
        **{name: one and _shown(one, PAIR_QUALITY) for name, one in pair.items()},
        "came": [_shown(one, STRIP_QUALITY) for one in seen.came],
        "joined": [_shown(one, STRIP_QUALITY) for one in seen.joined],
        "colour": [asdict(curve) for curve in seen.colour],
        "motion": [asdict(curve) for curve in seen.motion],
    }


def _shown(one: Shown, quality: int) -> dict[str, Any]:
    return {"side": one.side, "number": one.number, **picture_data(one.rgb, quality)}
